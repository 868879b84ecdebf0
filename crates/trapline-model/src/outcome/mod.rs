//! What a computed point is, in plain numbers: the only thing the rooms that
//! compute and the rooms that keep, analyse and draw have in common.
//!
//! Axis 0 of every array is the checkpoint, in the order of
//! [`PointOutcome::times_s`]; checkpoint 0 is the array right after
//! programming (t = 0). Nothing here knows a device, a file or a plot.

mod campaign;
mod circuit;
mod label;

use ndarray::{Array1, Array2, Array3};

pub use campaign::{CampaignRecord, RecordedPoint};
pub use circuit::{CircuitOutcome, MERITS, Merit, MeritIs, ReadOf, figure_of_merit};
pub use label::{CampaignLabel, Coordinate, PointSettings, Sweep, SweptKey};

/// Who computed a result: enough to repeat it, or to doubt it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// `reference`, `cpu` or `gpu`.
    pub backend: String,
    /// The adapter's name as its driver gives it and, in brackets, where it is plugged in or which number it has; the
    /// processor's name for the host backends.
    pub adapter: String,
    /// Driver name and version; empty for the host backends.
    pub driver: String,
    /// Instruction set of the host kernels (`sse2`, `avx2`, `avx512`, `portable`), or the graphics API (`Vulkan`, ...),
    /// with
    /// `, subgroups` where kernels use them.
    pub instruction_set: String,
    /// A GPU API implemented on the host processor (llvmpipe, WARP).
    pub software: bool,
}

impl Identity {
    /// An adapter's name with what tells it from others of that name: `NVIDIA A100 [PCI 0000:65:00.0]`,
    /// `llvmpipe [adapter 0]`.
    pub fn placed(name: &str, place: &str) -> String {
        format!("{name} [{place}]")
    }

    /// Where an adapter is plugged in, `0000:65:00.0`; `None` of software and of host backends.
    pub fn pci_address(&self) -> Option<&str> {
        self.adapter.strip_suffix(']')?.rsplit_once(" [PCI ").map(|(_, address)| address)
    }

    /// The adapter's name alone: alike for two of a kind, which compute alike.
    pub fn model(&self) -> &str {
        let place = self.adapter.strip_suffix(']').and_then(|rest| rest.rsplit_once(" ["));
        match place {
            Some((name, place)) if place.starts_with("PCI ") || place.starts_with("adapter ") => name,
            _ => &self.adapter,
        }
    }
}

/// Mean, population variance, smallest and largest value of one quantity over the cells, per checkpoint.
///
/// Where no cell counts (the `kept` of an array in which nothing was programmed) all four are NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentSeries {
    pub mean: Array1<f64>,
    /// Population variance (divided by the number of cells), in the quantity's unit squared.
    pub variance: Array1<f64>,
    pub min: Array1<f64>,
    pub max: Array1<f64>,
}

/// Counts of cells in equal bins of one quantity between two fixed edges, per checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSeries {
    /// Lower edge of the first bin, in the quantity's unit.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Axes (checkpoint, bin). A bin holds its lower edge and not its upper one.
    pub counts: Array2<u64>,
    /// Cells below `low`, per checkpoint.
    pub below: Array1<u64>,
    /// Cells at or above `high`, per checkpoint.
    pub above: Array1<u64>,
}

impl HistogramSeries {
    /// The bins' edges, one more than there are bins.
    pub fn edges(&self) -> Array1<f64> {
        Array1::linspace(self.low, self.high, self.counts.ncols() + 1)
    }
}

/// A rectangle of the array, rows and columns counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellWindow {
    pub first_row: u64,
    pub first_col: u64,
    pub rows: u64,
    pub cols: u64,
}

/// Every cell of a window of the array, at every checkpoint. Axes (checkpoint, row, column).
#[derive(Debug, Clone, PartialEq)]
pub struct CellDump {
    pub window: CellWindow,
    pub conductance_s: Array3<f32>,
    pub filling: Array3<f32>,
    pub lost_fraction: Array3<f32>,
}

/// One point of a campaign: one material, one temperature, all checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct PointOutcome {
    /// Checkpoints, seconds after programming; the first is 0.
    pub times_s: Array1<f64>,
    /// Cells simulated.
    pub cells: u64,
    /// Cells that held charge after programming: only these have a window, and only they can keep or fail.
    pub programmed: u64,
    /// Conductance at the read bias of the cell without variation and without charge, siemens.
    pub fresh_conductance_s: f64,
    /// Read at the read bias, siemens.
    pub conductance_s: MomentSeries,
    /// Filling F, the weighted mean occupancy, 0 to 1.
    pub filling: MomentSeries,
    /// Fraction of the programmed charge lost, computed as such (not one minus what is kept), over programmed cells.
    pub lost_fraction: MomentSeries,
    /// Window over its value right after programming, over programmed cells.
    pub kept: MomentSeries,
    /// Programmed cells that keep less than the threshold.
    pub failed: Array1<u64>,
    /// None where they were left in the file.
    pub histograms: Option<Histograms>,
    /// None where the campaign asked for none, or where it was left in the file.
    pub dump: Option<CellDump>,
    /// None where the campaign has no wires.
    pub circuit: Option<CircuitOutcome>,
}

impl PointOutcome {
    /// Whether two outcomes hold the same bits, histograms and dump included. NaN equals itself.
    pub fn is_same(&self, other: &PointOutcome) -> bool {
        self.bits() == other.bits()
    }

    /// Every number in a fixed order, as bits, with the lengths of the lists between them.
    fn bits(&self) -> Vec<u64> {
        let mut all = vec![self.cells, self.programmed, self.fresh_conductance_s.to_bits()];
        let real = |values: &Array1<f64>, all: &mut Vec<u64>| {
            all.push(values.len() as u64);
            all.extend(values.iter().map(|value| value.to_bits()));
        };
        real(&self.times_s, &mut all);
        for moments in [&self.conductance_s, &self.filling, &self.lost_fraction, &self.kept] {
            for series in [&moments.mean, &moments.variance, &moments.min, &moments.max] {
                real(series, &mut all);
            }
        }
        all.extend(&self.failed);
        if let Some(histograms) = &self.histograms {
            for of in [&histograms.conductance, &histograms.filling, &histograms.kept] {
                all.extend([of.low.to_bits(), of.high.to_bits(), of.counts.ncols() as u64]);
                all.extend(of.counts.iter().chain(&of.below).chain(&of.above));
            }
        }
        if let Some(CircuitOutcome { times_s, values }) = &self.circuit {
            real(times_s, &mut all);
            all.extend(values.iter().map(|value| value.to_bits()));
        }
        if let Some(CellDump { window, conductance_s, filling, lost_fraction }) = &self.dump {
            all.extend([window.first_row, window.first_col, window.rows, window.cols]);
            for cells in [conductance_s, filling, lost_fraction] {
                all.extend(cells.iter().map(|value| u64::from(value.to_bits())));
            }
        }
        all
    }
}

/// The histograms of a point: most of its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Histograms {
    pub conductance: HistogramSeries,
    pub filling: HistogramSeries,
    /// Of programmed cells.
    pub kept: HistogramSeries,
}

/// What the record says of a point beside its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct PointLabel {
    /// Number of the point in its campaign, from 0.
    pub number: usize,
    /// Position on each of the campaign's sweeps, in their order.
    pub sweep_index: Vec<usize>,
    /// Position on the material axis.
    pub material_index: usize,
    pub material: String,
    /// Position on the temperature axis.
    pub temperature_index: usize,
    /// Bake temperature; where the bake has a cycle, that of its legs which name none.
    pub temperature_k: f64,
    /// Remarks on the model's validity, one sentence each (for example: above the glass transition).
    pub flags: Vec<String>,
}

/// What an experiment is, for the record: what was asked, of what, and from which seed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExperimentLabel {
    /// The experiment as it is asked for: `iv`, `letter`, ...
    pub command: String,
    /// One line that a person reads.
    pub title: String,
    /// Name and file text of each material.
    pub materials: Vec<(String, String)>,
    pub seed: u64,
    /// What else is known, as text: arguments, conditions with their units, remarks. Names are unique.
    pub notes: Vec<(String, String)>,
}

/// The program that computes and writes, as records and pages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    pub version: &'static str,
    /// Commit it was built from, or `unknown`.
    pub commit: &'static str,
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "trapline {} ({})", self.version, self.commit)
    }
}

/// When and by whom a record was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    pub program_version: String,
    /// Commit the program was built from, or `unknown`.
    pub commit: String,
    pub identity: Identity,
    /// RFC 3339, UTC.
    pub started_utc: String,
    pub ended_utc: String,
}
