//! Does this backend compute what the reference computes? Cell by cell, with tolerances.
//!
//! # Tolerances
//! The f32 backends differ from f64 by roundings of 2^-24 = 6e-8 each. A rate takes its exponent's (some ten of them,
//! for exponents up to 3) and the exponential's own two; a class's loss those of one exponential and of at most
//! sixteen doublings (32);
//! an occupancy three a pulse over thirty pulses (90), of which the later undo some of the earlier. In the worst case
//! all add up to some 150, 1e-5; found is a tenth of it. So losses are held to 1e-5 of themselves, fillings to 1e-5
//! of the programmed filling, the kept window to 1e-5 of the whole one. The 200 steps of the sweep to 5 V could add
//! up to more, were their roundings all of one sign; as they are not, 1e-5 holds there too (found: a fifth of it).
//! The conductance sees a filling's error through `q F/(1 - q F)`: a fifth of it after thirty pulses, 1.1 times it
//! after the sweep. It is held to 5e-6 throughout. A cell with no charge must read as exactly that.

use super::{ExperimentError, job, material, octave_times, point};
use ndarray::Array2;
use trapline_engine::backend::job::{Bake, Job};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::{Backend, Trace};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::material::{Material, TrapClass};
use trapline_model::outcome::{HistogramSeries, Identity, MomentSeries};
use trapline_model::protocol::{Leg, Part, Profile, Segment, segments};
use trapline_model::units::{kelvin, thermal_energy_ev};

/// Relative error of a loss, and of a filling and a kept window against their full value.
pub const CHARGE_TOLERANCE: f64 = 1e-5;
/// Relative error of a conductance.
pub const CONDUCTANCE_TOLERANCE: f64 = 5e-6;
/// Losses below this read as none.
pub const LEAST_LOSS: f64 = 1e-20;

/// One comparison.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Check {
    pub name: String,
    /// Largest error found, as a multiple of what is allowed; NaN where something was not a number.
    pub error_over_allowed: f64,
    /// What was compared, in words.
    pub compared: String,
    pub passed: bool,
}

/// All comparisons of one backend.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SelfTest {
    pub identity: Identity,
    pub checks: Vec<Check>,
    pub passed: bool,
}

/// Largest error over allowed error of two traces; NaN if any value is.
fn distance(found: &Trace, expected: &Trace) -> f64 {
    let worst = |found: &Array2<f32>, expected: &Array2<f32>, allowed: &dyn Fn(f64, usize) -> f64| {
        found.indexed_iter().zip(expected).fold(0.0f64, |worst, (((_, cell), f), e)| {
            let (f, e) = (f64::from(*f), f64::from(*e));
            let error = (f - e).abs() / allowed(e, cell);
            if error.is_nan() {
                f64::NAN
            } else if worst.is_nan() {
                worst
            } else {
                worst.max(error)
            }
        })
    };
    let programmed = |cell: usize| f64::from(expected.filling[[0, cell]]).max(LEAST_LOSS);
    let errors = [
        worst(&found.conductance, &expected.conductance, &|e, _| CONDUCTANCE_TOLERANCE * e.abs()),
        worst(&found.filling, &expected.filling, &|_, cell| CHARGE_TOLERANCE * programmed(cell)),
        worst(&found.lost, &expected.lost, &|e, _| CHARGE_TOLERANCE * e.abs() + LEAST_LOSS),
        worst(&found.kept, &expected.kept, &|_, _| CHARGE_TOLERANCE),
    ];
    errors.into_iter().fold(0.0, |a: f64, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

fn check(name: &str, compared: String, error_over_allowed: f64) -> Check {
    // A comparison with NaN is false: not passed.
    Check { name: name.to_owned(), error_over_allowed, compared, passed: error_over_allowed <= 1.0 }
}

fn pulses(count: u32, amplitude_v: f64) -> Part {
    Part::Pulses { pulses: count, amplitude_v, width_s: 1e-3, interval_s: 1e-3 }
}

/// Compares `count` cells from `first` on with the reference.
fn twins(backend: &dyn Backend, name: &str, job: &Job, first: u64, count: u64) -> Result<Check, ExperimentError> {
    let cells = CellSet::run(first, count);
    let error = distance(&backend.trace(job, &cells)?, &Reference.trace(job, &cells)?);
    let compared =
        format!("{count} cells at {} checkpoints, cell by cell, with the f64 reference", job.times_s().len());
    Ok(check(name, compared, error))
}

/// One class of a known rate: `lost = 1 - exp(-e t)` at every checkpoint.
fn closed_form(backend: &dyn Backend) -> Result<Check, ExperimentError> {
    let depth_ev = 1.25;
    let class = TrapClass { weight: 1.0, depth_ev, speed: 1.0, depth_slope_ev: 0.0, depth_curvature_ev: 0.0 };
    let one = material("pi-ws2-qd")?.with_thermal_classes(vec![class]);
    let program = segments(&[pulses(1, 1.5)]);
    let job = job(&one, &program, 100.0, ArrayShape { rows: 1, cols: 16 }, 1, &octave_times(28))?;
    let trace = backend.trace(&job, &CellSet::run(0, 16))?;
    let rate = one.attempt_per_s * libm::exp(-depth_ev / thermal_energy_ev(kelvin(100.0)));
    let mut worst = 0.0f64;
    for (checkpoint, time_s) in job.times_s().iter().enumerate() {
        let exact = -libm::expm1(-rate * time_s);
        for lost in trace.lost.row(checkpoint) {
            let error = (f64::from(*lost) - exact).abs() / (CHARGE_TOLERANCE * exact + LEAST_LOSS);
            worst = if error.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(error) };
        }
    }
    Ok(check("one class decays as exp(-e t)", "closed form, 1 s to 2.7e8 s".to_owned(), worst))
}

/// A job whose temperature changes: an hour at 150 C and ten minutes at 25 C, again and again.
fn with_profile(
    material: &Material,
    program: &[Segment],
    shape: ArrayShape,
    times_s: &[f64],
) -> Result<Job, ExperimentError> {
    let leg = |celsius, for_s| Leg { temperature_k: Some(kelvin(celsius)), for_s };
    let profile = Profile::new(vec![leg(150.0, 3600.0), leg(25.0, 600.0)], None)?;
    let bake = Bake::at(kelvin(150.0)).along(profile).checkpoints(times_s);
    Ok(point(material, program, shape, 47).bake(bake).build()?)
}

/// Largest error over allowed error; NaN once one was.
struct Worst(f64);

impl Worst {
    fn add(&mut self, found: f64, expected: f64, allowed: f64) {
        let error = (found - expected).abs() / allowed;
        self.0 = if error.is_nan() || self.0.is_nan() { f64::NAN } else { self.0.max(error) };
    }

    /// Moments of a quantity at a checkpoint whose values are each within `each` of the reference's; `nominal` is
    /// what they were summed about.
    fn moments(&mut self, found: &MomentSeries, expected: &MomentSeries, i: usize, each: f64, nominal: f64) {
        let (mean, variance) = (expected.mean[i], expected.variance[i]);
        // Sums of squares about the nominal value carry two dozen roundings.
        let rounding = 24.0 / 16_777_216.0 * (variance + (mean - nominal) * (mean - nominal));
        self.add(found.mean[i], mean, each);
        self.add(found.variance[i], variance, 2.0 * variance.sqrt() * each + each * each + rounding);
        self.add(found.min[i], expected.min[i], each);
        self.add(found.max[i], expected.max[i], each);
    }

    /// A histogram at a checkpoint, summed up to each edge: what is off is what lies within `each` of the edge. Of
    /// the cells in the bins beside it that is their share, twice over where they crowd there.
    fn histogram(&mut self, found: &HistogramSeries, expected: &HistogramSeries, i: usize, each: f64) {
        let bins = expected.counts.ncols();
        let width = (expected.high - expected.low) / bins as f64;
        let column = |h: &HistogramSeries, bin: usize| h.counts[[i, bin]] as f64;
        let (mut sum, mut expected_sum) = (found.below[i] as f64, expected.below[i] as f64);
        for bin in 0..bins {
            let beside = column(expected, bin) + if bin > 0 { column(expected, bin - 1) } else { expected_sum };
            self.add(sum, expected_sum, 3.0 + 2.0 * beside * each / width);
            sum += column(found, bin);
            expected_sum += column(expected, bin);
        }
        self.add(sum + found.above[i] as f64, expected_sum + expected.above[i] as f64, 0.5);
    }
}

/// Moments, histograms and failures of an array of three chunks, the last not full, against the reference.
fn statistics(backend: &dyn Backend) -> Result<Check, ExperimentError> {
    let qd = material("pi-ws2-qd")?;
    let program = segments(&[pulses(30, 1.5)]);
    let job = job(&qd, &program, 155.0, ArrayShape { rows: 99, cols: 201 }, 11, &octave_times(20))?;
    let found = backend.statistics(&job, &|_| ())?.outcome(&job);
    let expected = Reference.statistics(&job, &|_| ())?.outcome(&job);
    let siemens = expected.fresh_conductance_s;
    let programmed = expected.filling.max[0];
    let mut worst = Worst(0.0);
    worst.add(found.programmed as f64, expected.programmed as f64, 0.5);
    for i in 0..job.times_s().len() {
        let nominal = &job.nominal()[i];
        let conductance = CONDUCTANCE_TOLERANCE * expected.conductance_s.max[i];
        let filling = CHARGE_TOLERANCE * programmed;
        let lost = CHARGE_TOLERANCE * expected.lost_fraction.max[i] + LEAST_LOSS;
        worst.moments(&found.conductance_s, &expected.conductance_s, i, conductance, nominal.conductance * siemens);
        worst.moments(&found.filling, &expected.filling, i, filling, nominal.filling);
        worst.moments(&found.lost_fraction, &expected.lost_fraction, i, lost, nominal.lost);
        worst.moments(&found.kept, &expected.kept, i, CHARGE_TOLERANCE, nominal.kept);
        if let (Some(found), Some(expected)) = (&found.histograms, &expected.histograms) {
            worst.histogram(&found.conductance, &expected.conductance, i, conductance);
            worst.histogram(&found.filling, &expected.filling, i, filling);
            worst.histogram(&found.kept, &expected.kept, i, CHARGE_TOLERANCE);
        }
        // A cell within tolerance of the threshold may fall on either side: here one in ten thousand might.
        worst.add(found.failed[i] as f64, expected.failed[i] as f64, 3.0);
    }
    let compared = format!("moments, histograms, failures of {} cells with the f64 reference", found.cells);
    Ok(check("statistics of an array", compared, worst.0))
}

/// Runs all comparisons.
///
/// # Errors
/// What the backend fails with; a wrong number is a failed check, not an error.
pub fn run(backend: &dyn Backend) -> Result<SelfTest, ExperimentError> {
    let mut checks = Vec::new();
    let shape = ArrayShape { rows: 64, cols: 64 };
    let times = octave_times(28);
    for (name, amplitude_v, celsius) in
        [("pi-ws2-qd", 1.5, 25.0), ("pi-ws2-qd", 1.5, 150.0), ("pi-ws2-ns", 0.7, 100.0), ("pi", 1.5, 100.0)]
    {
        let job = job(&material(name)?, &segments(&[pulses(30, amplitude_v)]), celsius, shape, 42, &times)?;
        checks.push(twins(backend, &format!("{name} baked at {celsius} C"), &job, 1000, 192)?);
    }
    let qd = material("pi-ws2-qd")?;
    let cycle = [pulses(10, 1.5), pulses(1, -5.5)];
    let sweep = Part::Sweep { sweeps: 1, sweep_to_v: 5.0, step_v: 0.05, dwell_s: 3.9e-4 };
    let swept = job(&qd, &segments(&[sweep]), 155.0, shape, 43, &times)?;
    checks.push(twins(backend, "a sweep to 5 V", &swept, 0, 64)?);
    // Far past what one dispatch may loop through: state must carry over, and no loop may end early.
    let long: Vec<Part> = std::iter::repeat_n(cycle, 60).flatten().chain([pulses(30, 1.5)]).collect();
    let cycled = job(&qd, &segments(&long), 150.0, shape, 44, &times)?;
    checks.push(twins(backend, "a long protocol: 60 cycles", &cycled, 0, 64)?);
    let changing = with_profile(&qd, &segments(&[pulses(30, 1.5)]), shape, &times)?;
    checks.push(twins(backend, "hours at 150 C, and 25 C between them", &changing, 500, 64)?);
    let far = job(&qd, &segments(&[pulses(30, 1.5)]), 150.0, shape, 45, &times)?;
    let beyond = (1 << 33) - 20;
    checks.push(twins(backend, "cells numbered beyond 2^32", &far, beyond, 64)?);
    checks.push(closed_form(backend)?);
    checks.push(statistics(backend)?);
    // Control: the same measure must see another seed as wrong.
    let other = job(&qd, &segments(&[pulses(30, 1.5)]), 150.0, shape, 46, &times)?;
    let cells = CellSet::run(0, 16);
    let error = distance(&backend.trace(&far, &cells)?, &Reference.trace(&other, &cells)?);
    checks.push(Check {
        name: "control: another seed is seen as wrong".to_owned(),
        error_over_allowed: error,
        compared: "must be far above 1".to_owned(),
        passed: error > 10.0,
    });
    let passed = checks.iter().all(|check| check.passed);
    Ok(SelfTest { identity: backend.identity(), checks, passed })
}
