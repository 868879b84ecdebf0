//! What an array is worth through its wires: figures of merit at some times of the bake.

use figure_of_merit as merit;
use ndarray::{Array1, Array2};

/// One figure of merit: a dataset of the record, `circuit_` and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merit {
    pub name: &'static str,
    pub units: &'static str,
    pub long_name: &'static str,
}

impl Merit {
    /// What it is in a few words: the long name up to its first comma, with a capital.
    pub fn title(&self) -> String {
        let short = self.long_name.split(',').next().unwrap_or(self.long_name);
        let mut letters = short.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
    }
}

/// Where a figure stands in [`MERITS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum MeritIs {
    WordSegment,
    BitSegment,
    ColumnMean,
    ColumnKeptMean,
    ColumnKeptLeast,
    ColumnsFailed,
    WireErrorRms,
    WireErrorWorst,
    WorstCell,
    EnergyPerProduct,
    ProductErrorRms,
    ProductErrorWorst,
    ProductSpread,
    Snr,
    EffectiveBits,
    AgedErrorRms,
    MarginIdeal,
    MarginWorst,
    MarginRandom,
    MarginSense,
    SelectedCell,
    Sneak,
    HalfSelectLeakage,
    ReadEnergy,
    ReadNoise,
    Selectivity,
    WriteVoltage,
    WriteEnergy,
    DisturbVoltage,
    DisturbGain,
    DisturbLoss,
    ProgrammingVoltage,
    ProgrammingDisturb,
    ProgrammingEnergy,
    ProgrammingError,
    Bound,
}

/// A figure by its name, its unit and what it is.
pub const fn figure_of_merit(name: &'static str, units: &'static str, long_name: &'static str) -> Merit {
    Merit { name, units, long_name }
}

/// The figures, in the order of [`MeritIs`]. `docs/figures-of-merit.md` defines each.
pub const MERITS: [Merit; MeritIs::Bound as usize + 1] = [
    merit("word_segment_ohm", "ohm", "resistance of a segment of a word line"),
    merit("bit_segment_ohm", "ohm", "resistance of a segment of a bit line"),
    merit("column_current_mean", "A", "mean current of a bit line, all word lines at the read bias"),
    merit("column_kept_mean", "1", "window of a bit line over its value right after programming, mean"),
    merit("column_kept_min", "1", "window of a bit line over its value right after programming, least"),
    merit("columns_failed", "1", "number of bit lines that keep less than the threshold"),
    merit("wire_error_rms", "1", "error of bit lines by wires over the largest ideal current, all at the read bias"),
    merit("wire_error_max", "1", "largest error of a bit line by wires, over the largest ideal current"),
    merit("worst_cell_voltage", "1", "least voltage of a cell over the read bias, all word lines at it"),
    merit("energy_per_mac", "J", "energy of a multiply-accumulate, all word lines at the read bias"),
    merit("product_error_rms", "1", "error of products of random vectors and weights, over the largest ideal current"),
    merit("product_error_max", "1", "largest error of such a product, over the largest ideal current"),
    merit(
        "product_spread",
        "1",
        "error of products by cells that differ from the mean one, without wires, over the largest ideal current",
    ),
    merit(
        "product_snr",
        "dB",
        "spread of what stored weights should add to products, over errors of wires, differences of cells and noise",
    ),
    merit("effective_bits", "1", "effective bits of products, (SNR - 1.76 dB)/6.02 dB"),
    merit(
        "aged_error_rms",
        "1",
        "error of products against ideal ones right after programming, over the largest of these",
    ),
    merit("margin_ideal", "1", "read margin of the selected cell alone, (on - off)/on"),
    merit("margin_worst", "1", "read margin with all other cells on"),
    merit("margin_random", "1", "least read margin among random patterns of the other cells"),
    merit(
        "margin_sense",
        "1",
        "margin of one sense level for all cells and patterns, least current on less largest current off, over the former",
    ),
    merit("selected_cell_voltage", "1", "voltage of the selected cell over the read bias, all others on"),
    merit("sneak", "1", "current of the sensed line that is not the selected cell's, over that of the cell when on"),
    merit("half_select_leakage", "A", "current of the other cells of the selected lines, all on"),
    merit("read_energy", "J", "energy of reading one cell, all others on"),
    merit("read_noise", "1", "standard deviation of one reading over the difference of on and off, all others on"),
    merit("selectivity", "1", "K = I(V)/I(V/2) of the selected cell when on, with its selector"),
    merit(
        "write_voltage",
        "1",
        "voltage across the selected cell's traps over the amplitude of a write, all others on",
    ),
    merit("write_energy", "J", "energy of writing one cell, all others on"),
    merit("disturb_voltage", "1", "largest voltage across the traps of another cell, over the amplitude of a write"),
    merit(
        "disturb_gain",
        "1",
        "window that a cell without charge gains by the writes of all others, over that of a cell on",
    ),
    merit("disturb_loss", "1", "share of its window that a cell which is on loses by the writes of all others"),
    merit(
        "programming_voltage",
        "1",
        "least voltage across a cell's traps at the end of its strongest stroke of the programming, over its amplitude",
    ),
    merit(
        "programming_disturb",
        "1",
        "largest voltage across a cell's traps at the end of a stroke of others, over the largest amplitude",
    ),
    merit("programming_energy", "J", "energy of the programming of all cells, with wires, sources and amplifiers"),
    merit("programming_error", "1", "largest error of a step of the programming, over the largest change of a filling"),
    merit("error_bound", "1", "largest certified bound of a solution, over its total current"),
];

/// What is read for a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOf {
    /// All word lines at the bias.
    AllRows,
    /// Random vectors on random weights.
    Products,
    /// One cell among others.
    OneCell,
    /// The same while it is written.
    Write,
    /// The whole array while it is programmed.
    Programming,
}

impl ReadOf {
    /// What the figure at a place of [`MERITS`] is read of.
    pub fn figure(place: usize) -> ReadOf {
        let between = |first: MeritIs, last: MeritIs| (first as usize..=last as usize).contains(&place);
        if between(MeritIs::ProductErrorRms, MeritIs::AgedErrorRms) {
            ReadOf::Products
        } else if between(MeritIs::MarginIdeal, MeritIs::Selectivity) {
            ReadOf::OneCell
        } else if between(MeritIs::WriteVoltage, MeritIs::DisturbLoss) {
            ReadOf::Write
        } else if between(MeritIs::ProgrammingVoltage, MeritIs::ProgrammingError) {
            ReadOf::Programming
        } else {
            ReadOf::AllRows
        }
    }
}

/// What an array is worth through its wires.
#[derive(Debug, Clone, PartialEq)]
pub struct CircuitOutcome {
    /// Times after programming, s; the first is 0. All of them are checkpoints.
    pub times_s: Array1<f64>,
    /// Axes (time, figure), the figures in the order of [`MERITS`]. What was not asked for is NaN.
    pub values: Array2<f64>,
}

impl CircuitOutcome {
    /// A figure at a time.
    ///
    /// # Panics
    /// If there are fewer times.
    pub fn at(&self, time: usize, of: MeritIs) -> f64 {
        self.values[[time, of as usize]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_where_they_are_said_to() {
        for (of, name) in [
            (MeritIs::WordSegment, "word_segment_ohm"),
            (MeritIs::ColumnsFailed, "columns_failed"),
            (MeritIs::EffectiveBits, "effective_bits"),
            (MeritIs::MarginWorst, "margin_worst"),
            (MeritIs::Bound, "error_bound"),
        ] {
            assert_eq!(MERITS[of as usize].name, name);
        }
        let read_of = |name: &str| MERITS.iter().position(|of| of.name == name).map(ReadOf::figure);
        for (name, of) in [
            ("worst_cell_voltage", ReadOf::AllRows),
            ("energy_per_mac", ReadOf::AllRows),
            ("product_error_rms", ReadOf::Products),
            ("product_spread", ReadOf::Products),
            ("aged_error_rms", ReadOf::Products),
            ("margin_ideal", ReadOf::OneCell),
            ("selectivity", ReadOf::OneCell),
            ("write_voltage", ReadOf::Write),
            ("disturb_loss", ReadOf::Write),
            ("error_bound", ReadOf::AllRows),
        ] {
            assert_eq!(read_of(name), Some(of), "{name}");
        }
        let mut names: Vec<&str> = MERITS.iter().map(|of| of.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MERITS.len());
    }
}
