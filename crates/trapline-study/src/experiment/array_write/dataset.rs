//! What is recorded of a written array.

use super::{Ended, Levels, WriteError, Writer};
use crate::experiment::describe;
use ndarray::Array2;
use trapline_model::dataset::Dataset;

/// A cell that was not written counts as disturbed where its conductance has moved by more than this share of what
/// writing moves the others on the average.
pub const DISTURBED: f64 = 0.05;

/// What became of the cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub written: Array2<bool>,
    pub filling: Array2<f64>,
    /// At the read bias, without noise, S; before, and after.
    pub fresh_s: Array2<f64>,
    pub conductance_s: Array2<f64>,
    /// Whether a cell that was not to be written is disturbed.
    pub disturbed: Array2<bool>,
    /// What writing changes the conductance of a cell of the pattern by, on the average, S.
    pub window_s: f64,
    /// Lowest conductance inside the pattern less the highest outside, over the window (of writing that lowers, the
    /// other way round); none without cells outside.
    pub margin: Option<f64>,
    /// Largest change outside the pattern, over the window.
    pub worst_disturb: f64,
}

impl Writer<'_> {
    /// Conductance of every cell at the read bias, S, without noise. Takes no time and changes nothing.
    ///
    /// # Errors
    /// What the backend says.
    pub fn conductance_s(&mut self) -> Result<Array2<f64>, WriteError> {
        let values = self.probe.noiseless()?;
        Ok(self.arranged(&values))
    }

    pub(super) fn check_shape(&self, (rows, cols): (usize, usize)) -> Result<(), WriteError> {
        let (of_rows, of_cols) = self.shape;
        if (rows, cols) == (of_rows, of_cols) {
            return Ok(());
        }
        Err(WriteError::Shape { rows, cols, of_rows, of_cols })
    }

    /// What became of the cells since they had the conductances `fresh_s`.
    ///
    /// # Errors
    /// What the backend says.
    pub fn outcome(&mut self, written: &Array2<bool>, fresh_s: &Array2<f64>) -> Result<Outcome, WriteError> {
        self.check_shape(written.dim())?;
        self.check_shape(fresh_s.dim())?;
        self.look()?;
        let conductance_s = self.conductance_s()?;
        let moved = &conductance_s - fresh_s;
        let inside = written.iter().filter(|own| **own).count();
        if inside == 0 {
            return Err(WriteError::Nothing);
        }
        let sum_s: f64 = written.iter().zip(&moved).filter(|(own, _)| **own).map(|(_, moved)| *moved).sum();
        let window_s = sum_s / inside as f64;
        // Of writing that lowers conductances the two sides change places.
        let signed = |value: &f64| *value * window_s.signum();
        let side = |own: bool| {
            written.iter().zip(&conductance_s).filter(move |(flag, _)| **flag == own).map(|(_, value)| signed(value))
        };
        let lowest = side(true).fold(f64::INFINITY, f64::min);
        let highest = side(false).fold(f64::NEG_INFINITY, f64::max);
        let others =
            || written.iter().zip(&moved).filter(|(own, _)| !**own).map(|(_, moved)| moved.abs() / window_s.abs());
        let disturbed =
            Array2::from_shape_fn(written.dim(), |at| !written[at] && moved[at].abs() > DISTURBED * window_s.abs());
        Ok(Outcome {
            written: written.clone(),
            filling: self.filling(),
            fresh_s: fresh_s.clone(),
            conductance_s,
            disturbed,
            window_s,
            margin: (highest.is_finite() && window_s != 0.0).then_some((lowest - highest) / window_s.abs()),
            worst_disturb: others().fold(0.0, f64::max),
        })
    }

    /// Adds what became of levels: `target_s`, `read_s` (S; as the last reading saw it), `own_pulses`, and `ended`,
    /// whose numbers the attribute `ended_words` explains. The attributes `yield`, `rounds` and `last_amplitude_v` sum
    /// it up.
    pub fn add_levels(&self, d: &mut Dataset, levels: &Levels) {
        let axes = ["row", "column"];
        d.real("target_s", &axes, "S", "Level asked for; 0 where none was", levels.target_s.clone().into_dyn());
        d.real("read_s", &axes, "S", "Conductance as last read", levels.read_s.clone().into_dyn());
        d.count("own_pulses", &axes, "1", "Pulses for the cell itself", levels.pulses.clone().into_dyn());
        d.count("ended", &axes, "1", "How the cell ended", levels.ended.mapv(Ended::number).into_dyn());
        let words: Vec<String> = Ended::WORDS.iter().enumerate().map(|(n, word)| format!("{n} {word}")).collect();
        d.note("ended_words", words.join(", "))
            .note("yield", levels.yielded().to_string())
            .note("rounds", levels.rounds.to_string())
            .note("last_amplitude_v", levels.last_v.to_string());
    }

    /// Axes `row` and `column`; `written` and `disturbed` (0 or 1), `filling`, `fresh_conductance_s`, `conductance_s`,
    /// `own_bias_v` (across the traps at the end of the strongest own stroke; NaN where there was none) and
    /// `other_bias_v` (the strongest in the strokes of others). Attributes say how it was written and how well the
    /// steps were taken.
    pub fn dataset(&self, name: &str, title: &str, outcome: &Outcome) -> Dataset {
        let mut d = Dataset::new(name, title);
        describe(&mut d, &self.probe);
        let (setup, steps, energy) = (&self.setup, &self.steps, &self.energy);
        setup.train.describe(&mut d);
        d.note("scheme", setup.scheme_name())
            .note("order", setup.order.name())
            .note("pulses", self.pulses.to_string())
            .note("tolerance", setup.tolerance.to_string())
            .note("accuracy", setup.accuracy.to_string())
            .note("steps", steps.taken.to_string())
            .note("steps_refused", steps.refused.to_string())
            .note("energy_cells_j", format!("{:e}", energy.cells_j));
        if steps.solves > 0 {
            d.note("worst_step_error", format!("{:e}", steps.worst_error))
                .note("worst_current_bound", format!("{:e}", steps.worst_bound))
                .note("worst_conservation", format!("{:e}", steps.worst_conservation))
                .note("energy_wires_j", format!("{:e}", energy.wires_j))
                .note("energy_ends_j", format!("{:e}", energy.ends_j));
        }
        let numbers = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<_>>();
        d.axis("row", "1", "Word line", &numbers(self.shape.0));
        d.axis("column", "1", "Bit line", &numbers(self.shape.1));
        let flags = |of: &Array2<bool>| of.mapv(u64::from).into_dyn();
        let axes = ["row", "column"];
        d.count("written", &axes, "1", "Cells of the pattern", flags(&outcome.written));
        d.count("disturbed", &axes, "1", "Cells beside the pattern that moved", flags(&outcome.disturbed));
        d.real("filling", &axes, "1", "Filling of the traps", outcome.filling.clone().into_dyn());
        d.real("fresh_conductance_s", &axes, "S", "Conductance before", outcome.fresh_s.clone().into_dyn());
        d.real("conductance_s", &axes, "S", "Conductance after", outcome.conductance_s.clone().into_dyn());
        d.real("own_bias_v", &axes, "V", "Bias in the cell's own stroke", self.own_v().into_dyn());
        d.real("other_bias_v", &axes, "V", "Strongest bias in the strokes of others", self.others_v().into_dyn());
        d
    }
}
