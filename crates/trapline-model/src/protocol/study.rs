//! What a study asks of a campaign: how large an array, or how small a cell, may be.

use serde::{Deserialize, Serialize};

use crate::outcome::{MERITS, Merit, figure_of_merit};

/// Most limits of a study.
pub const MAX_LIMITS: usize = 12;
/// The key of material files that sets the size of cells, as sweeps name it.
pub const CELL_AREA: &str = "parameter.film.area";
/// The key of campaign files for how lines that are not selected are held.
pub const SCHEME_KEY: &str = "array.scheme.unselected";

/// `[study]` of a campaign file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyFile {
    pub kind: StudyKind,
    /// Name of the sweep over sizes; `size` where it is left out.
    #[serde(default = "size")]
    pub size: String,
    /// What an array or a cell must keep to.
    pub limits: Vec<LimitFile>,
}

fn size() -> String {
    "size".to_owned()
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StudyKind {
    /// The largest array that keeps to each limit.
    ArraySize,
    /// The same as a map over temperature and time of the bake.
    ArrayTemperature,
    /// The smallest cell that keeps to each limit.
    CellSize,
}

/// `study.limits`: one figure and its limit, one of the two.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitFile {
    /// Name of a figure of the study's kind.
    pub of: String,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
}

/// Where a figure of cells stands in [`CELL_FIGURES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum CellFigureIs {
    Dots,
    Spread,
    WindowSpread,
    ReadingNoise,
    Levels,
    WithoutCharge,
    WithoutChargeBelow,
    Failed,
    FailedBelow,
    Telegraph,
}

/// Figures of cells, in the order of [`CellFigureIs`].
pub const CELL_FIGURES: [Merit; CellFigureIs::Telegraph as usize + 1] = [
    figure_of_merit("dots", "1", "dots of a nominal cell"),
    figure_of_merit("spread", "1", "standard deviation of the conductance over its mean, right after programming"),
    figure_of_merit(
        "window_spread",
        "1",
        "standard deviation of the conductance over the mean window, right after programming",
    ),
    figure_of_merit("reading_noise", "1", "standard deviation of one reading over the mean window at the time"),
    figure_of_merit(
        "levels",
        "1",
        "levels that one reading tells apart at the time, three standard deviations to each side",
    ),
    figure_of_merit("without_charge", "1", "share of the cells that hold no charge after programming"),
    figure_of_merit("without_charge_below", "1", "share of cells without charge at most, with 95 % confidence"),
    figure_of_merit("failed", "1", "share of the cells that hold charge and have failed"),
    figure_of_merit("failed_below", "1", "share of failed cells at most, with 95 % confidence"),
    figure_of_merit(
        "telegraph",
        "1",
        "standard deviation of a cell whose dots fill and empty at random, over the mean window",
    ),
];

impl StudyKind {
    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            StudyKind::ArraySize => "array-size",
            StudyKind::ArrayTemperature => "array-temperature",
            StudyKind::CellSize => "cell-size",
        }
    }

    /// Whether it is about arrays and their wires.
    pub fn is_of_arrays(self) -> bool {
        self != StudyKind::CellSize
    }

    /// The figures that its limits may name.
    pub fn figures(self) -> &'static [Merit] {
        if self.is_of_arrays() { &MERITS } else { &CELL_FIGURES }
    }
}

impl LimitFile {
    /// Whether a value keeps to it; what is no number does not.
    pub fn holds(&self, value: f64) -> bool {
        match (self.at_least, self.at_most) {
            (Some(least), _) => value >= least,
            (None, Some(most)) => value <= most,
            (None, None) => false,
        }
    }

    /// Its number.
    pub fn bound(&self) -> f64 {
        self.at_least.or(self.at_most).unwrap_or(f64::NAN)
    }

    /// In words.
    pub fn in_words(&self) -> String {
        let side = if self.at_least.is_some() { "at least" } else { "at most" };
        format!("{} {side} {}", self.of, self.bound())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_on_their_side() {
        let limit = |at_least, at_most| LimitFile { of: "margin_worst".to_owned(), at_least, at_most };
        let (least, most) = (limit(Some(0.1), None), limit(None, Some(0.1)));
        assert!(least.holds(0.1) && least.holds(1.0) && !least.holds(0.09) && !least.holds(f64::NAN));
        assert!(most.holds(0.1) && most.holds(-1.0) && !most.holds(0.11) && !most.holds(f64::NAN));
        assert_eq!(least.in_words(), "margin_worst at least 0.1");
        assert_eq!(CELL_FIGURES[CellFigureIs::Failed as usize].name, "failed");
        assert_eq!(CELL_FIGURES[CellFigureIs::Levels as usize].name, "levels");
        assert!(StudyKind::ArrayTemperature.is_of_arrays() && !StudyKind::CellSize.is_of_arrays());
    }
}
