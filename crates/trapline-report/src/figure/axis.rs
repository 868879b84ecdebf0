//! Axes: what each is asked to show. Its ends and places are in `ruler`, round numbers in `ticks`, and its drawing in
//! `drawing`.

mod drawing;
mod ruler;
mod ticks;

pub(super) use drawing::{Margins, draw, label, margins, say};
pub(super) use ruler::{Placed, Ruler, drawable};

use trapline_model::units::YEAR_S;

pub(super) const SMALL: f64 = 9.5;
pub(super) const TEXT: f64 = 11.0;

/// What is drawn along one side of a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// With the unit in brackets: `bias (V)`.
    pub label: String,
    /// Logarithmic: only numbers above zero have a place on it.
    pub log: bool,
    /// Ends, in the axis' unit; from the data where there are none, or where they are not in order (or not positive,
    /// on a logarithmic axis).
    pub range: Option<(f64, f64)>,
    /// Numbers with a name, in rising order. Those of the axis along the bottom are marked along the top, those of the
    /// axis on the left along the right, as far as their names do not overlap.
    pub named: Vec<(f64, String)>,
    /// Ticks in the place of round ones, in rising order, for axes whose numbers are not what they are called: 1 % at
    /// ln(-ln(0.99)). One without a text is small; of texts that are too close to each other, some are left out.
    pub ticks: Vec<(f64, String)>,
    /// What its numbers are to a reader.
    pub reading: Reading,
}

/// What the numbers of an axis are to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// What they say.
    #[default]
    Plain,
    /// `ln(-ln(1 - F))` of a share `F`, which is what is told.
    WeibullShare,
    /// `1000/T`, with `T` in K; the temperature in °C is told beside it.
    InverseKelvin,
}

impl Reading {
    /// The number that a table has for this one.
    pub(super) fn tabled(self, number: f64) -> f64 {
        match self {
            Reading::WeibullShare => -libm::expm1(-libm::exp(number)),
            Reading::Plain | Reading::InverseKelvin => number,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Reading::Plain => "plain",
            Reading::WeibullShare => "weibull share",
            Reading::InverseKelvin => "inverse kelvin",
        }
    }
}

impl Axis {
    /// A linear axis that fits its data.
    pub fn linear(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), ..Axis::default() }
    }

    /// A logarithmic one.
    pub fn log(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), log: true, ..Axis::default() }
    }

    /// A logarithmic one of times in seconds, which also names minutes to years.
    pub fn time(label: impl Into<String>) -> Axis {
        let named = [(60.0, "1 min"), (3600.0, "1 h"), (86_400.0, "1 d"), (YEAR_S, "1 y"), (10.0 * YEAR_S, "10 y")];
        Axis::log(label).naming(named)
    }

    /// The same axis with these ends.
    pub fn within(self, low: f64, high: f64) -> Axis {
        Axis { range: Some((low, high)), ..self }
    }

    /// The same axis with these numbers named.
    pub fn naming<S: Into<String>>(self, named: impl IntoIterator<Item = (f64, S)>) -> Axis {
        Axis { named: named.into_iter().map(|(at, name)| (at, name.into())).collect(), ..self }
    }

    /// The same axis with numbers that are something else to a reader.
    pub fn read_as(self, reading: Reading) -> Axis {
        Axis { reading, ..self }
    }

    /// The same axis with these ticks.
    pub fn ticked<S: Into<String>>(self, ticks: impl IntoIterator<Item = (f64, S)>) -> Axis {
        Axis { ticks: ticks.into_iter().map(|(at, text)| (at, text.into())).collect(), ..self }
    }
}
