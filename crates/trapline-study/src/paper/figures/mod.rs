//! The paper's figures, drawn from the raw data: in the paper's axes, with its stated numbers marked.

mod currents;
mod digits;
mod learning;
mod pulses;
mod times;

use super::digits::BATCH;
use super::measure::Raw;
use trapline_model::dataset::DatasetError;
use trapline_report::figure::{Axis, Chart, Curve, Plate};

/// A figure that can be drawn.
pub struct Figure {
    /// As the paper numbers it; parts drawn together are named by the first.
    pub id: &'static str,
    /// Other numbers that show the same data.
    pub also: &'static [&'static str],
    pub caption: &'static str,
    /// The batch of experiments it is drawn from.
    pub batches: &'static [&'static str],
    pub draw: fn(&Raw) -> Result<Plate, DatasetError>,
}

impl Figure {
    /// Whether it is drawn from MNIST.
    pub fn needs_mnist(&self) -> bool {
        self.batches.contains(&BATCH)
    }
}

/// All figures that are simulated; band diagrams and microscopy are not.
pub const FIGURES: [Figure; 28] = [
    Figure {
        id: "2a",
        also: &[],
        caption: "I-V curves of the dots (50 %) and of pure polyimide, 0 to 5 to 0 V",
        batches: &["sweeps"],
        draw: currents::fig_2a,
    },
    Figure {
        id: "2d",
        also: &["2e"],
        caption: "Thirty sweeps to 1.5 V and to -1.5 V",
        batches: &["small-sweeps"],
        draw: currents::fig_2d,
    },
    Figure {
        id: "2f",
        also: &[],
        caption: "Conductance over the first 20 cycles of 30 positive and 10 negative pulses",
        batches: &["cycles"],
        draw: pulses::fig_2f,
    },
    Figure {
        id: "2g",
        also: &[],
        caption: "Conductance of four states over 256 cycles, as read in 10 ms",
        batches: &["cycles"],
        draw: pulses::fig_2g,
    },
    Figure {
        id: "2h",
        also: &[],
        caption: "Conductance within cycles 1, 20, 50, 100, 150 and 256",
        batches: &["cycles"],
        draw: pulses::fig_2h,
    },
    Figure {
        id: "2i",
        also: &[],
        caption: "Energy of each of the first 30 positive pulses, and of all so far",
        batches: &["cycles"],
        draw: pulses::fig_2i,
    },
    Figure {
        id: "3a",
        also: &[],
        caption: "I-V curves of dots and nanosheets at 100 °C",
        batches: &["sweeps"],
        draw: currents::fig_3a,
    },
    Figure {
        id: "3b",
        also: &[],
        caption: "Nanosheets: hopping from 2.5 to 4.1 V, and tunnelling from 4.2 to 5 V",
        batches: &["sweeps"],
        draw: currents::fig_3b,
    },
    Figure {
        id: "3c",
        also: &[],
        caption: "Dots: log(I/V) against the root of V, 4 to 5 V; the paper finds no line here, the simulation does",
        batches: &["sweeps"],
        draw: currents::fig_3c,
    },
    Figure {
        id: "3d",
        also: &[],
        caption: "Dots: log I against log V at 100 °C with the slopes of three ranges",
        batches: &["sweeps"],
        draw: currents::fig_3d,
    },
    Figure {
        id: "3g",
        also: &[],
        caption: "Retention of four states of the dots at 100 °C",
        batches: &["retention"],
        draw: times::fig_3g,
    },
    Figure {
        id: "3h",
        also: &[],
        caption: "Retention of dots and nanosheets at 100 °C after 30 pulses",
        batches: &["retention"],
        draw: times::fig_3h,
    },
    Figure {
        id: "4a",
        also: &["4b"],
        caption: "Thirty sweeps to 1.5 V and to -1.5 V at 100 °C",
        batches: &["small-sweeps"],
        draw: currents::fig_4a,
    },
    Figure {
        id: "4c",
        also: &[],
        caption: "Conductance of four states over 256 cycles at 100 °C",
        batches: &["cycles"],
        draw: pulses::fig_4c,
    },
    Figure {
        id: "4d",
        also: &[],
        caption: "Conductance within cycles 1, 20, 50, 100, 150 and 256 at 100 °C",
        batches: &["cycles"],
        draw: pulses::fig_4d,
    },
    Figure {
        id: "4e",
        also: &["4f", "4g", "4h"],
        caption: "Learning the letter H at 100 °C and at 25 °C in a passive array, under the better of V/2 and V/3; and with a switch at every cell",
        batches: &["letter"],
        draw: learning::fig_4e,
    },
    Figure {
        id: "5a",
        also: &[],
        caption: "A picture of a 0, the weights of its output after learning, and the ten outputs, of which the largest is the answer",
        batches: &[BATCH],
        draw: digits::fig_5a,
    },
    Figure {
        id: "5b",
        also: &[],
        caption: "Recognition rate against the digits shown, tested on 10,000 others",
        batches: &[BATCH],
        draw: digits::fig_5b,
    },
    Figure {
        id: "5c",
        also: &[],
        caption: "Weights of the ten digits on the way, first seed, plain scheme",
        batches: &[BATCH],
        draw: digits::fig_5c,
    },
    Figure {
        id: "5d",
        also: &[],
        caption: "Answers given to each digit on the way, all seeds, plain scheme",
        batches: &[BATCH],
        draw: digits::fig_5d,
    },
    Figure {
        id: "5-bake",
        also: &[],
        caption: "Recognition rate after a bake; not in the paper",
        batches: &[BATCH],
        draw: digits::fig_5_bake,
    },
    Figure {
        id: "S3",
        also: &[],
        caption: "Set voltage of 200 sweeps of one cell, for three shares of the return current at which the window counts as closed",
        batches: &["set-voltage"],
        draw: currents::fig_s3,
    },
    Figure {
        id: "S4",
        also: &[],
        caption: "I-V curves with 10 to 50 % of dots",
        batches: &["concentration"],
        draw: currents::fig_s4,
    },
    Figure { id: "S5", also: &[], caption: "I-V curves of 25 cells", batches: &["uniformity"], draw: currents::fig_s5 },
    Figure {
        id: "S8",
        also: &[],
        caption: "log(I/V²) against 1/V at 100 °C",
        batches: &["sweeps"],
        draw: currents::fig_s8,
    },
    Figure {
        id: "S11",
        also: &["S13"],
        caption: "The letter kept at 100 °C, and learnt at 150 °C, in a passive array",
        batches: &["letter"],
        draw: learning::fig_s11,
    },
    Figure {
        id: "S12",
        also: &[],
        caption: "Window lost at 150, 155 and 160 °C",
        batches: &["retention"],
        draw: times::fig_s12,
    },
    Figure {
        id: "S14",
        also: &[],
        caption: "The nanosheets' array forgets at 100 °C",
        batches: &["ns-array"],
        draw: learning::fig_s14,
    },
];

/// The figure of a number, its own or one that is drawn with it.
pub fn find(id: &str) -> Option<&'static Figure> {
    let named =
        |f: &Figure, id: &str| f.id.eq_ignore_ascii_case(id) || f.also.iter().any(|also| also.eq_ignore_ascii_case(id));
    // A panel of a supporting figure (`S8a`) is the figure's.
    let whole = id.trim_end_matches(|c: char| c.is_ascii_lowercase());
    FIGURES
        .iter()
        .find(|f| named(f, id))
        .or_else(|| FIGURES.iter().find(|f| whole.len() > 1 && whole.starts_with(['S', 's']) && named(f, whole)))
}

/// A chart of curves.
fn chart(title: impl Into<String>, x: Axis, y: Axis, curves: Vec<Curve>) -> Chart {
    Chart { title: title.into(), x, y, curves, ..Chart::default() }
}
