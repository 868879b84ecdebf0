//! Pulse trains: conductance after each pulse, over cycles of potentiation and depression, and what each pulse costs.

use super::ExperimentError;
use super::probe::{Conditions, Probe};
use ndarray::{Array1, Array2, Array3, s};
use trapline_model::dataset::Dataset;
use trapline_model::protocol::Segment;

/// Equal pulses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Train {
    pub amplitude_v: f64,
    pub width_s: f64,
    /// Time at 0 V after each pulse.
    pub interval_s: f64,
    pub count: u32,
}

impl Train {
    /// Notes the pulses of a dataset where they are no variables of it.
    pub(crate) fn describe(&self, dataset: &mut Dataset) {
        dataset
            .note("pulse_amplitude_v", self.amplitude_v.to_string())
            .note("pulse_width_s", self.width_s.to_string())
            .note("pulse_interval_s", self.interval_s.to_string())
            .setting("pulse_amplitude_v", "V", "Bias of a pulse", self.amplitude_v)
            .setting("pulse_width_s", "s", "Length of a pulse", self.width_s)
            .setting("pulse_interval_s", "s", "Time at 0 V after a pulse", self.interval_s);
    }
}

/// The paper's potentiation of the dots: 30 pulses of 1.5 V, 1 ms, 1 ms apart (section 2).
pub const POTENTIATION: Train = Train { amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3, count: 30 };
/// And their release: pulses of -5.5 V. The paper does not say how many; ten, ours.
pub const DEPRESSION: Train = Train { amplitude_v: -5.5, width_s: 1e-3, interval_s: 1e-3, count: 10 };
/// The paper's potentiation of the nanosheets: 30 pulses of 0.7 V.
pub const NS_POTENTIATION: Train = Train { amplitude_v: 0.7, ..POTENTIATION };

/// Runs trains one after the other, for a number of cycles, and reads every cell before the first pulse and after each.
///
/// Axes: `cell`, `cycle`, `state` (0 is before the first pulse of the cycle), and `pulse` (from 1; the pulses of all
/// trains in order). Over pulse: `amplitude_v`, `width_s`, `interval_s` (at 0 V after it). Over (cell, cycle, state):
/// `conductance_s` as read, `conductance_noiseless_s`, `filling`; over (cell, cycle, pulse): `energy_j`, `injected`,
/// `caught`, `peak_current_a` at the end of the pulse, all of the pulse alone.
///
/// # Errors
/// What the backend says.
pub fn run(probe: &mut Probe, name: &str, trains: &[Train], cycles: u32) -> Result<Dataset, ExperimentError> {
    let Conditions { read_v, read_s, .. } = probe.conditions;
    let read = (Segment { bias_v: read_v, dwell_s: read_s, cycle: 0 }, true);
    let mut once = vec![read];
    let (mut pulse, mut pulses_as_given) = (0, Vec::new());
    for train in trains {
        for _ in 0..train.count {
            let at = |bias_v, dwell_s| Segment { bias_v, dwell_s, cycle: pulse };
            once.push((at(train.amplitude_v, train.width_s), true));
            if train.interval_s > 0.0 {
                once.push((at(0.0, train.interval_s), false));
            }
            once.push((Segment { cycle: pulse, ..read.0 }, true));
            pulses_as_given.push(*train);
            pulse += 1;
        }
    }
    let (cells, cycles, pulses) = (probe.numbers().len(), cycles as usize, pulse as usize);
    let nothing = |n: usize| Array3::from_elem((cells, cycles, n), f64::NAN);
    let [mut conductance, mut noiseless, mut filling] = [(); 3].map(|()| nothing(pulses + 1));
    let [mut energy, mut injected, mut caught, mut peak] = [(); 4].map(|()| nothing(pulses));
    for cycle in 0..cycles {
        let seen = probe.drive(&once)?;
        let first = probe.next_readings(pulses as u32 + 1);
        // Rows: the first reading, then pulse and reading by turns.
        let rows = |a: &Array2<f64>, start: usize| a.slice(s![start..;2, ..]).t().to_owned();
        let current = rows(&seen.current_a, 0);
        for ((cell, state), &i) in current.indexed_iter() {
            noiseless[[cell, cycle, state]] = i / read_v;
            let number = probe.numbers()[cell];
            conductance[[cell, cycle, state]] = probe.seen(number, first + state as u32, i, read_v, read_s) / read_v;
        }
        filling.slice_mut(s![.., cycle, ..]).assign(&rows(&seen.filling, 0));
        energy.slice_mut(s![.., cycle, ..]).assign(&rows(&seen.energy_j, 1));
        injected.slice_mut(s![.., cycle, ..]).assign(&rows(&seen.injected, 1));
        caught.slice_mut(s![.., cycle, ..]).assign(&rows(&seen.caught, 1));
        peak.slice_mut(s![.., cycle, ..]).assign(&rows(&seen.current_a, 1));
    }
    let mut d = Dataset::new(name, "Conductance after each pulse");
    super::describe(&mut d, probe);
    super::cell_axis(&mut d, probe);
    let numbers = |n: usize, from: usize| (from..from + n).map(|i| i as f64).collect::<Vec<_>>();
    d.axis("cycle", "1", "Cycle of all trains", &numbers(cycles, 1));
    d.axis("state", "1", "Pulses of the cycle before the reading", &numbers(pulses + 1, 0));
    d.axis("pulse", "1", "Pulse of the cycle", &numbers(pulses, 1));
    let given = |of: fn(&Train) -> f64| pulses_as_given.iter().map(of).collect::<Array1<f64>>().into_dyn();
    d.real("amplitude_v", &["pulse"], "V", "Bias of the pulse", given(|t| t.amplitude_v));
    d.real("width_s", &["pulse"], "s", "Length of the pulse", given(|t| t.width_s));
    d.real("interval_s", &["pulse"], "s", "Time at 0 V after the pulse", given(|t| t.interval_s));
    ["amplitude_v", "width_s", "interval_s"].iter().for_each(|name| {
        d.coordinate(name);
    });
    let states = ["cell", "cycle", "state"];
    d.real("conductance_s", &states, "S", "Conductance as read", conductance.into_dyn());
    d.real("conductance_noiseless_s", &states, "S", "Conductance without read noise", noiseless.into_dyn());
    d.real("filling", &states, "1", "Filling", filling.into_dyn());
    let each = ["cell", "cycle", "pulse"];
    d.real("energy_j", &each, "J", "Electrical energy of the pulse", energy.into_dyn());
    d.real("peak_current_a", &each, "A", "Current at the end of the pulse", peak.into_dyn());
    d.real("injected", &each, "1", "Electrons injected in the pulse", injected.into_dyn());
    d.real("caught", &each, "1", "Electrons caught in the pulse", caught.into_dyn());
    Ok(d)
}
