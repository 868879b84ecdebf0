//! Every experiment behind the paper's figures and claims, run once: raw data, in named groups.

use crate::experiment::letter::{Lesson, Pattern, Scheme};
use crate::experiment::probe::{Conditions, Probe};
use crate::experiment::pulse::{DEPRESSION, NS_POTENTIATION, POTENTIATION, Train};
use crate::experiment::{ExperimentError, describe, iv, letter, pulse, retention};
use ndarray::{Array1, Array2, Array3, s};
use trapline_engine::backend::Backend;
use trapline_engine::backend::stimulus::Response;
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::Electrons;
use trapline_model::dataset::Dataset;
use trapline_model::material::{Material, shipped};
use trapline_model::protocol::{Part, Segment, segments};
use trapline_model::units::kelvin;

/// Staircase of the paper's sweeps: the paper gives neither step nor rate; ours.
pub const SWEEP_STEP_V: f64 = 0.05;
pub const SWEEP_DWELL_S: f64 = 3.9e-4;
/// Largest bias of Figures 2a and 3a.
pub const SWEEP_TO_V: f64 = 5.0;
/// Cycles of Figures 2g and 4c.
pub const CYCLES: u32 = 256;
/// Cells over which the window lost in a bake is a mean.
const BAKED_CELLS: u64 = 256;
/// Arrays that learn the letter.
const LETTER_SEEDS: u64 = 20;

/// Variables of [`iv::run`] that are kept of each of many sweeps: name, unit, meaning.
const EACH_SWEEP: [(&str, &str, &str); 3] = [
    ("current_a", "A", "Current at the end of the dwell"),
    ("injected", "1", "Electrons injected in the dwell"),
    ("caught", "1", "Electrons caught in the dwell"),
];

/// What all experiments need.
pub struct Laboratory<'a> {
    pub backend: &'a dyn Backend,
    pub qd: Material,
    pub ns: Material,
    pub pi: Material,
    pub seed: u64,
    /// How the electrons of cells that differ are taken; nominal cells are the mean field.
    pub electrons: Electrons,
}

type Group = Result<Vec<Dataset>, ExperimentError>;
/// Name of a batch of experiments, the figures it serves, and what runs it.
pub type Batch = (&'static str, &'static [&'static str], fn(&Laboratory) -> Group);

/// All batches, in the order they are run.
pub const BATCHES: [Batch; 10] = [
    ("sweeps", &["2a", "3a", "3b", "3c", "3d", "4a", "4b", "S8"], sweeps),
    ("set-voltage", &["S3"], set_voltage),
    ("concentration", &["S4"], concentration),
    ("uniformity", &["S5"], uniformity),
    ("small-sweeps", &["2d", "2e", "4a", "4b"], small_sweeps),
    ("cycles", &["2f", "2g", "2h", "2i", "4c", "4d"], cycles),
    ("disturb", &["text of 2.2"], disturb),
    ("retention", &["3g", "3h", "S11", "S12"], retentions),
    ("letter", &["4e", "4f", "4g", "4h", "S11", "S13"], letters),
    ("ns-array", &["S14"], ns_array),
];

impl<'a> Laboratory<'a> {
    /// The shipped materials on a backend.
    ///
    /// # Errors
    /// None for shipped materials.
    pub fn new(backend: &'a dyn Backend, seed: u64, electrons: Electrons) -> Result<Laboratory<'a>, ExperimentError> {
        let [qd, ns, pi] = [shipped("pi-ws2-qd")?, shipped("pi-ws2-ns")?, shipped("pi")?];
        Ok(Laboratory { backend, qd, ns, pi, seed, electrons })
    }

    fn nominal(&self, material: &Material, celsius: f64) -> Result<Probe<'a>, ExperimentError> {
        Probe::new(self.backend, material, Conditions::nominal(kelvin(celsius)), vec![0])
    }

    fn real(&self, material: &Material, celsius: f64, seed: u64, cells: u64) -> Result<Probe<'a>, ExperimentError> {
        let conditions = Conditions { electrons: self.electrons, ..Conditions::real(kelvin(celsius), seed) };
        Probe::new(self.backend, material, conditions, (0..cells).collect())
    }
}

/// A sweep 0 to `to_v` and back.
pub fn sweep(to_v: f64) -> Vec<Segment> {
    segments(&[Part::Sweep { sweeps: 1, sweep_to_v: to_v, step_v: SWEEP_STEP_V, dwell_s: SWEEP_DWELL_S }])
}

/// Fresh nominal cells, 0 to 5 V and back, at several temperatures.
fn sweeps(lab: &Laboratory) -> Group {
    let mut datasets = Vec::new();
    for celsius in [25.0, 50.0, 75.0, 100.0] {
        for (short, material) in [("qd", &lab.qd), ("ns", &lab.ns), ("pi", &lab.pi)] {
            let mut probe = lab.nominal(material, celsius)?;
            datasets.push(iv::run(&mut probe, &format!("iv/{short}_{celsius}c"), &sweep(SWEEP_TO_V))?);
        }
    }
    // More bias, more charge: the filling after one pulse from the empty cell.
    let biases = [1.0, 1.5, 2.0, 2.5, 3.0];
    let fresh = lab.nominal(&lab.qd, 25.0)?;
    let mut responses = Vec::new();
    for bias_v in biases {
        let one = Segment { bias_v, dwell_s: POTENTIATION.width_s, cycle: 0 };
        responses.push(fresh.fork()?.drive(&[(one, true)])?);
    }
    let mut d = Dataset::new("pulse/one_of_each_bias", "Filling after one pulse from the empty cell");
    describe(&mut d, &fresh);
    d.note("pulse_width_s", POTENTIATION.width_s.to_string());
    d.axis("bias_v", "V", "Bias of the pulse", &biases);
    let each =
        |of: fn(&Response) -> &Array2<f64>| responses.iter().map(|r| of(r)[[0, 0]]).collect::<Array1<f64>>().into_dyn();
    d.real("filling", &["bias_v"], "1", "Filling after the pulse", each(|r| &r.filling));
    d.real("injected", &["bias_v"], "1", "Electrons injected in the pulse", each(|r| &r.injected));
    d.real("caught", &["bias_v"], "1", "Electrons caught in the pulse", each(|r| &r.caught));
    datasets.push(d);
    // Hotter than the glass transition: simulated, and flagged as outside the model's validity.
    let mut hot = lab.nominal(&lab.qd, 175.0)?;
    datasets.push(iv::run(&mut hot, "iv/qd_175c", &sweep(SWEEP_TO_V))?);
    Ok(datasets)
}

/// One real cell, emptied between 200 sweeps.
fn set_voltage(lab: &Laboratory) -> Group {
    let mut probe = lab.real(&lab.qd, 25.0, lab.seed, 1)?;
    let erase: Vec<_> = segments(&[part(&DEPRESSION)]).into_iter().map(|s| (s, false)).collect();
    let sweeps = 200;
    let waveform = sweep(SWEEP_TO_V);
    let mut recorded = EACH_SWEEP.map(|_| Array2::from_elem((sweeps, waveform.len()), f64::NAN));
    let mut last = None;
    for number in 0..sweeps {
        probe.drive(&erase)?;
        let one = iv::run(&mut probe, "iv/set_voltage", &waveform)?;
        for (all, (name, ..)) in recorded.iter_mut().zip(EACH_SWEEP) {
            all.row_mut(number).assign(&one.numbers(name)?.slice(s![0, ..]).into_dimensionality::<ndarray::Ix1>()?);
        }
        last = Some(one);
    }
    let mut d = last.unwrap_or_default();
    d.title = "200 sweeps of one cell, emptied before each".to_owned();
    let Train { count, amplitude_v, width_s, interval_s } = DEPRESSION;
    d.note(
        "before_each_sweep",
        format!("{count} pulses of {amplitude_v} V, {width_s} s, each with {interval_s} s at 0 V after it"),
    );
    d.variables.retain(|v| ["point", "bias_v", "dwell_s"].contains(&v.name.as_str()));
    d.axis("repetition", "1", "Number of the sweep", &(1..=sweeps).map(|i| i as f64).collect::<Vec<_>>());
    for (all, (name, unit, what)) in recorded.into_iter().zip(EACH_SWEEP) {
        d.real(name, &["repetition", "point"], unit, what, all.into_dyn());
    }
    Ok(vec![d])
}

fn concentration(lab: &Laboratory) -> Group {
    [0.1, 0.2, 0.3, 0.4, 0.5]
        .into_iter()
        .map(|share| {
            let mut material = lab.qd.clone();
            material.barrier.concentration = share;
            let mut probe = lab.nominal(&material, 25.0)?;
            let mut d = iv::run(&mut probe, &format!("iv/concentration_{:.0}", 100.0 * share), &sweep(SWEEP_TO_V))?;
            d.note("concentration", share.to_string());
            Ok(d)
        })
        .collect()
}

fn uniformity(lab: &Laboratory) -> Group {
    let mut probe = lab.real(&lab.qd, 25.0, lab.seed, 25)?;
    Ok(vec![iv::run(&mut probe, "iv/uniformity", &sweep(SWEEP_TO_V))?])
}

/// Thirty sweeps to 1.5 V of either sign, the conductance read after each.
fn small_sweeps(lab: &Laboratory) -> Group {
    let mut datasets = Vec::new();
    for celsius in [25.0, 100.0] {
        for (sign, to_v) in [("positive", 1.5), ("negative", -1.5)] {
            let mut probe = lab.nominal(&lab.qd, celsius)?;
            let mut conductance = vec![probe.read()?[0]];
            let mut values = EACH_SWEEP.map(|_| Vec::new());
            let waveform = sweep(to_v);
            for _ in 0..30 {
                let one = iv::run(&mut probe, "one", &waveform)?;
                for (all, (name, ..)) in values.iter_mut().zip(EACH_SWEEP) {
                    all.extend(one.numbers(name)?.iter().copied());
                }
                conductance.push(probe.read()?[0]);
            }
            let mut d = Dataset::new(format!("sweeps/{sign}_{celsius}c"), "Thirty sweeps, and readings between them");
            describe(&mut d, &probe);
            d.axis("sweep", "1", "Number of the sweep", &(1..=30).map(f64::from).collect::<Vec<_>>());
            d.axis("sweeps_before", "1", "Sweeps before the reading", &(0..=30).map(f64::from).collect::<Vec<_>>());
            let points: Vec<_> = (0..waveform.len()).map(|i| i as f64).collect();
            d.axis("point", "1", "Segment of the waveform", &points);
            let of_waveform = |of: fn(&Segment) -> f64| waveform.iter().map(of).collect::<Array1<f64>>().into_dyn();
            d.real("dwell_s", &["point"], "s", "Length of the dwell", of_waveform(|s| s.dwell_s));
            d.real("bias_v", &["point"], "V", "Bias", of_waveform(|s| s.bias_v));
            for (all, (name, unit, what)) in values.into_iter().zip(EACH_SWEEP) {
                let all = Array2::from_shape_vec((30, waveform.len()), all)?;
                d.real(name, &["sweep", "point"], unit, what, all.into_dyn());
            }
            d.real(
                "conductance_s",
                &["sweeps_before"],
                "S",
                "Conductance as read",
                Array1::from(conductance).into_dyn(),
            );
            datasets.push(d);
        }
    }
    Ok(datasets)
}

fn cycles(lab: &Laboratory) -> Group {
    [25.0, 100.0]
        .into_iter()
        .map(|celsius| {
            let mut probe = lab.real(&lab.qd, celsius, lab.seed, 1)?;
            pulse::run(&mut probe, &format!("pulse/cycles_{celsius}c"), &[POTENTIATION, DEPRESSION], CYCLES)
        })
        .collect()
}

/// Ten thousand readings and ten thousand seconds, from four states.
fn disturb(lab: &Laboratory) -> Group {
    let states = [0, 10, 20, 30];
    let mut conductance = Array2::from_elem((states.len(), 3), f64::NAN);
    let mut share = Array1::from_elem(states.len(), f64::NAN);
    let fresh = lab.nominal(&lab.qd, 25.0)?;
    for (state, &pulses) in states.iter().enumerate() {
        let mut probe = fresh.fork()?;
        probe.parts(&[part(&Train { count: pulses, ..POTENTIATION })])?;
        conductance[[state, 0]] = probe.read()?[0];
        let mut left = probe.fork()?;
        let read = Segment { bias_v: 0.1, dwell_s: 1e-3, cycle: 0 };
        probe.drive(&vec![(read, true); 10_000])?;
        conductance[[state, 1]] = probe.read()?[0];
        left.wait(1e4)?;
        conductance[[state, 2]] = left.read()?[0];
        share[state] = probe.caught_share();
    }
    let mut d = Dataset::new("retention/disturb", "Conductance before and after readings, and after a wait, at 25 °C");
    describe(&mut d, &fresh);
    POTENTIATION.describe(&mut d);
    d.axis("state", "1", "Pulses before", &states.map(f64::from));
    let after = ["before", "10,000 readings of 0.1 V, 1 ms", "10,000 s at 0 V"].map(str::to_owned);
    d.text("after", "after", "What lies between", after.into());
    d.real("conductance_s", &["state", "after"], "S", "Conductance without read noise", conductance.into_dyn());
    let what = "Largest share of the electrons of a pulse or reading that is caught";
    d.real("caught_share", &["state"], "1", what, share.into_dyn());
    Ok(vec![d])
}

fn part(train: &Train) -> Part {
    Part::Pulses {
        pulses: train.count,
        amplitude_v: train.amplitude_v,
        width_s: train.width_s,
        interval_s: train.interval_s,
    }
}

/// Four points a decade from 1 s, and 0.
pub fn checkpoints(last_decades: f64) -> Vec<f64> {
    let count = (4.0 * last_decades).round() as i32;
    std::iter::once(0.0).chain((0..=count).map(|i| 10f64.powf(f64::from(i) / 4.0))).collect()
}

fn retentions(lab: &Laboratory) -> Group {
    let states = [0, 10, 20, 30];
    let mut times = checkpoints(4.0);
    times.extend([2e4, 3e4]);
    let mut datasets = vec![
        retention::run(&lab.nominal(&lab.qd, 100.0)?, "retention/qd_100c", &POTENTIATION, &states, &times)?,
        retention::run(&lab.nominal(&lab.ns, 100.0)?, "retention/ns_100c", &NS_POTENTIATION, &[0, 30], &times)?,
    ];
    for celsius in [150.0, 155.0, 160.0] {
        let probe = lab.real(&lab.qd, celsius, lab.seed, BAKED_CELLS)?;
        let name = format!("retention/qd_{celsius}c");
        datasets.push(retention::run(&probe, &name, &POTENTIATION, &[0, 30], &checkpoints(5.0))?);
    }
    Ok(datasets)
}

fn lesson(train: Train, scheme: Scheme, stages: &[u32], later_s: &[f64]) -> Result<Lesson, ExperimentError> {
    let pattern = Pattern::letter("H")?;
    Ok(Lesson { pattern, train, scheme, stages: stages.to_vec(), later_s: later_s.to_vec() })
}

const ARRAY: ArrayShape = ArrayShape { rows: 5, cols: 5 };

/// The paper pulses "the ports corresponding to" the cells of the letter and names no scheme: a passive array allows
/// two, and with a switch at every cell nothing else is disturbed.
fn letters(lab: &Laboratory) -> Group {
    let mut datasets = Vec::new();
    for celsius in [25.0, 100.0, 150.0] {
        for scheme in Scheme::ALL {
            // Neighbouring seeds of the whole share no array.
            let seed = |i: u64| lab.seed.wrapping_mul(LETTER_SEEDS).wrapping_add(i);
            let mut arrays: Vec<_> = (0..LETTER_SEEDS)
                .map(|i| lab.real(&lab.qd, celsius, seed(i), ARRAY.cells()))
                .collect::<Result<_, _>>()?;
            let lesson = lesson(POTENTIATION, scheme, &[0, 10, 20, 30], &[1e3, 1e4, 3e4])?;
            let name = format!("letter/qd_{celsius}c_{}", scheme.name());
            datasets.push(letter::run(&mut arrays, &name, ARRAY, &lesson)?);
        }
    }
    Ok(datasets)
}

fn ns_array(lab: &Laboratory) -> Group {
    let mut arrays = vec![lab.real(&lab.ns, 100.0, lab.seed, ARRAY.cells())?];
    let lesson = lesson(NS_POTENTIATION, Scheme::Half, &[0, 30], &[1e2, 3e2, 1e3, 3e3, 5e3])?;
    Ok(vec![letter::run(&mut arrays, "letter/ns_100c", ARRAY, &lesson)?])
}

/// Mean over the written cells of (seed, stage or time, row, column).
pub fn mean_of_written(conductance: &ndarray::ArrayD<f64>, written: &ndarray::ArrayD<u64>) -> Option<Array2<f64>> {
    let g = conductance.view().into_dimensionality::<ndarray::Ix4>().ok()?;
    let (seeds, times, rows, cols) = g.dim();
    let inside: Array3<f64> = Array3::from_shape_fn((1, rows, cols), |(_, r, c)| written[[r, c]] as f64);
    let count = inside.sum();
    Some(Array2::from_shape_fn((seeds, times), |(seed, time)| {
        (&g.slice(s![seed, time, .., ..]) * &inside.slice(s![0, .., ..])).sum() / count
    }))
}
