//! Traces of two backends, and how far apart they may lie. The tolerances are derived in `tests/agreement.rs`.

use super::worst_relative;
use ndarray::Array2;
use trapline_engine::backend::job::Job;
use trapline_engine::backend::{self, Backend, Choice, Options, Trace};
use trapline_model::array::CellSet;

/// Relative, of `lost`. Measured: 1.0e-6.
pub const LOST: f64 = 4.1e-6;
/// Relative to the start value, of `filling`. Measured: 5e-7.
pub const FILLING: f64 = 2.3e-6;
/// Relative, of `conductance`. Measured: 2.4e-7.
pub const CONDUCTANCE: f64 = 1.2e-6;
/// Absolute, of `kept`. Measured: 5e-7.
pub const KEPT: f64 = 2.5e-6;

/// Half a unit in the last place of f32, relative.
pub const ROUNDING: f64 = 0.5 * f32::EPSILON as f64;

/// Opens a backend; that it is not there is a failure that says what to install.
pub fn open(choice: Choice) -> Box<dyn Backend> {
    backend::open(&Options { choice, ..Options::default() }).unwrap_or_else(|error| {
        panic!(
            "the backend {choice:?} cannot be opened: {error}\nGPU tests need a Vulkan driver; a software one will do (Debian: \
             apt-get install libvulkan1 mesa-vulkan-drivers). To leave them out knowingly, set TRAPLINE_SKIP_GPU_TESTS=1: \
             they then show as ignored"
        )
    })
}

pub fn trace(backend: &dyn Backend, job: &Job, cells: &CellSet) -> Trace {
    let trace = backend.trace(job, cells).unwrap_or_else(|error| panic!("{error}"));
    // A trace starts as NaN, so this is also that every value was written.
    for (name, values) in fields(&trace) {
        assert_eq!(values.dim(), (job.times_s().len(), cells.count as usize), "{name}");
        assert!(values.iter().all(|x| x.is_finite()), "{name} has values that nobody wrote");
    }
    trace
}

pub fn fields(trace: &Trace) -> [(&'static str, &Array2<f32>); 4] {
    [("conductance", &trace.conductance), ("filling", &trace.filling), ("lost", &trace.lost), ("kept", &trace.kept)]
}

fn wide(values: &Array2<f32>) -> impl Iterator<Item = f64> + '_ {
    values.iter().map(|x| f64::from(*x))
}

/// What of two traces lies furthest apart, each in units of its tolerance.
pub fn apart(job: &Job, found: &Trace, expected: &Trace) -> [(&'static str, f64); 4] {
    // Fillings are held against what was there at the start of the bake, cell by cell.
    let start = || expected.filling.row(0).to_vec().into_iter().map(f64::from).cycle();
    let by_start = |a: &Array2<f32>, b: &Array2<f32>| {
        let scaled = |values: &Array2<f32>| -> Vec<f64> {
            wide(values).zip(start()).map(|(x, s)| if s > 0.0 { x / s } else { x }).collect()
        };
        let one = scaled(a).into_iter().zip(scaled(b)).map(|(x, y)| (x - y).abs());
        one.fold(0.0f64, |worst, d| if d.is_nan() { f64::NAN } else { worst.max(d) })
    };
    let absolute = wide(&found.kept).zip(wide(&expected.kept)).map(|(x, y)| (x - y).abs());
    // Below f32's normal range a loss has no relative accuracy; the smallest that matters is 1e-30.
    [
        ("conductance", conductance_apart(job.open(), found, expected)),
        ("filling", by_start(&found.filling, &expected.filling) / FILLING),
        ("lost", worst_relative(wide(&found.lost), wide(&expected.lost), 1e-30) / LOST),
        ("kept", absolute.fold(0.0f64, |w, d| if d.is_nan() { f64::NAN } else { w.max(d) }) / KEPT),
    ]
}

/// Conductances, each in units of its own tolerance: eight roundings, and the filling's error through `1/(1 - q F)`.
fn conductance_apart(open: f64, found: &Trace, expected: &Trace) -> f64 {
    let pairs = found.conductance.iter().zip(&expected.conductance).zip(expected.filling.indexed_iter());
    pairs.fold(0.0, |worst: f64, ((f, e), ((_, cell), filling))| {
        let start = f64::from(expected.filling[[0, cell]]);
        let tolerance = 8.0 * ROUNDING + FILLING * open * start / (1.0 - open * f64::from(*filling));
        let distance = (f64::from(*f) - f64::from(*e)).abs() / (tolerance * f64::from(*e));
        if distance.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(distance) }
    })
}

#[track_caller]
pub fn assert_twins(what: &str, job: &Job, found: &Trace, expected: &Trace) {
    for (name, ratio) in apart(job, found, expected) {
        assert!(ratio <= 1.0, "{what}: {name} is {ratio} tolerances from the reference");
    }
}
