//! Current against bias: any waveform, on any number of cells.
//!
//! The current is taken at the end of each dwell, as a source meter does, with the noise of an average over the dwell
//! where noise is on.

use super::ExperimentError;
use super::probe::Probe;
use ndarray::{Array1, Array2};
use trapline_model::dataset::Dataset;
use trapline_model::protocol::Segment;

/// Drives the probe through a waveform and records every segment of it.
///
/// The dataset has axes `cell` and `point`: `time_s` (end of the dwell), `bias_v`, `sweep` (number of the pulse or
/// sweep) over points; `current_a`, `filling`, `energy_j`, `injected` and `caught` (electrons) over both.
///
/// # Errors
/// What the backend says.
pub fn run(probe: &mut Probe, name: &str, waveform: &[Segment]) -> Result<Dataset, ExperimentError> {
    let recorded: Vec<_> = waveform.iter().map(|s| (*s, true)).collect();
    let seen = probe.drive(&recorded)?;
    let first = probe.next_readings(waveform.len() as u32);
    let mut current = seen.current_a.t().to_owned();
    for ((cell, point), i) in current.indexed_iter_mut() {
        let Segment { bias_v, dwell_s, .. } = waveform[point];
        *i = probe.seen(probe.numbers()[cell], first + point as u32, *i, bias_v, dwell_s);
    }
    let mut time_s = 0.0;
    let times = waveform.iter().map(|s| {
        time_s += s.dwell_s;
        time_s
    });
    let mut d = Dataset::new(name, "Current against bias");
    super::describe(&mut d, probe);
    d.axis("point", "1", "Segment of the waveform", &(0..waveform.len()).map(|i| i as f64).collect::<Vec<_>>());
    super::cell_axis(&mut d, probe);
    let per_point = |values: Array1<f64>| values.into_dyn();
    d.real("time_s", &["point"], "s", "End of the dwell", per_point(times.collect()));
    d.real("dwell_s", &["point"], "s", "Length of the dwell", per_point(waveform.iter().map(|s| s.dwell_s).collect()));
    d.real("bias_v", &["point"], "V", "Bias", per_point(waveform.iter().map(|s| s.bias_v).collect()));
    let sweeps: Array1<u64> = waveform.iter().map(|s| u64::from(s.cycle)).collect();
    d.count("sweep", &["point"], "1", "Number of the sweep or pulse", sweeps.into_dyn());
    ["time_s", "bias_v", "dwell_s", "sweep"].iter().for_each(|name| {
        d.coordinate(name);
    });
    let turned = |a: &Array2<f64>| a.t().to_owned().into_dyn();
    let axes = ["cell", "point"];
    d.real("current_a", &axes, "A", "Current at the end of the dwell", current.into_dyn());
    d.real("filling", &axes, "1", "Filling at the end of the dwell", turned(&seen.filling));
    d.real("energy_j", &axes, "J", "Electrical energy of the dwell", turned(&seen.energy_j));
    d.real("injected", &axes, "1", "Electrons injected in the dwell", turned(&seen.injected));
    d.real("caught", &axes, "1", "Electrons caught in the dwell", turned(&seen.caught));
    Ok(d)
}
