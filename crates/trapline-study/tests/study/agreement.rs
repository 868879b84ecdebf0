//! One body per claim, run on every backend; and what the backends must agree on.
//!
//! # The error model
//! The f32 backends differ from f64 by rounded constants and rounded operations. With `r = 2^-24 = 6e-8`, one rounding:
//!
//! - *lost*, relative. An exponent's argument `-u (slope + curvature u)/kT` is rounded about four times, and its
//!   slope over kT once: the smallest dots' slope is 1.4 eV, so that with |u| <= 4 standard deviations of 1 % (a cell
//!   in 16,000 is further off; a few hundred are compared) and kT = 0.0257 eV it is below 2.2, so 11 r; the random
//!   materials, of at most 0.5 eV and 2 %, stay below 1.6. exp: 2 ULP = 4 r. Rate times shift, plus matrix, times
//!   time: their constants and results, 6 r. 1 - exp: 2 ULP, 4 r. A chain of doublings: 32 r (see `schedule`), but
//!   the factor by which earlier errors shrink holds it to half of that wherever losses are large, and the classes of
//!   steep depth are the shallow ones, which lose much. Shares and their sum over K <= 24 classes: their quotient
//!   2 r, the sum (all terms positive) at most 23 r, where all classes lose alike. Together 82 r with the whole chain,
//!   66 r with half of it; 68 r = 4.1e-6 is demanded. The roundings are of either sign, so that sqrt(sum n^2) of the few largest is typical, 1e-6.
//! - *filling*, relative to its start. Each substep changes the occupancy by `c (1 - f) phi`, with some 30 roundings
//!   of numbers of the size of the change, so all changes together carry 30 r of F; each addition to f rounds r f,
//!   which over N substeps adds N r at most and sqrt(N) r as a walk. With N = 60: 30 r + 8 r = 2.3e-6, walk 5e-7.
//!   Release at -5.5 V loses what was there.
//! - *conductance*, relative: `area (direct/(1 - q F) + hopping)`: 8 roundings, and the filling's error times q
//!   F/(1 - q F): 1.25 for a full cell, below 0.3 for the pulses whose statistics are compared, 5e-7 + 7e-7 = 1.2e-6.
//!   Twins are held to their own cell's sum.
//! - *kept*, absolute (it lies between 0 and 1): 6 roundings, the loss's error times the loss, the filling's times 0.3.
//!
//! The tolerances of `support::twins` are these sums, taken once; what is measured is said beside them. Trace values
//! of the reference are themselves rounded to f32, half a rounding more.

use crate::closed_forms::{
    capture_against_emission, matrix_alone, programmed_states_lose_what_a_closed_form_says, the_space_charge_limit,
    thermal_decay, two_classes,
};
use crate::statistics::{
    counts_are_those_of_the_cells, hardly_programmed_cells_are_told_apart_alike, moments_are_those_of_the_cells,
};
use crate::support::twins::{apart, assert_twins, fields, open, trace};
use crate::support::{job_of, shipped_job, thirty_pulses};
use ndarray::Array2;
use trapline_engine::backend::cells::{Cells, HostCells, Population};
use trapline_engine::backend::job::Job;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::{Response, Stimulus};
use trapline_engine::backend::{self, Backend, Choice, Trace};
use trapline_model::array::CellSet;
use trapline_model::material::{self, TrapClass, Variation};
use trapline_model::protocol::{Part, segments};

/// The campaign's points, and random materials on random programs.
fn jobs() -> Vec<(String, Job)> {
    let mut jobs = Vec::new();
    for (name, celsius, seed) in [
        ("pi-ws2-qd", 25.0, 1),
        ("pi-ws2-qd", 100.0, 2),
        ("pi-ws2-qd", 155.0, 3),
        ("pi-ws2-qd", 200.0, u64::MAX),
        ("pi-ws2-ns", 100.0, 5),
        ("pi-ws2-ns", 25.0, 0x1234_5678_9ABC_DEF0),
        ("pi", 100.0, 7),
    ] {
        jobs.push((format!("{name} at {celsius} C"), shipped_job(name, celsius, 16, 32, seed)));
    }
    for seed in 0..6 {
        jobs.push((format!("random material {seed}"), random_job(seed)));
    }
    jobs
}

/// A shipped material, moved about: depths, speeds, number of classes, spreads, program and temperature.
fn random_job(seed: u64) -> Job {
    let mut state = seed;
    let mut uniform = |low: f64, high: f64| {
        // SplitMix64; a few well-mixed numbers are all that is asked of it.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (high - low) * ((z ^ (z >> 31)) >> 11) as f64 * 2f64.powi(-53)
    };
    let mut m = material::shipped(["pi-ws2-qd", "pi-ws2-ns"][(seed % 2) as usize]).unwrap();
    let classes = [1, 2, 3, 5, 11, 16, 17, 24][seed as usize % 8];
    let mut made: Vec<_> = (0..classes)
        .map(|_| TrapClass {
            weight: uniform(0.2, 1.0),
            depth_ev: uniform(1.1, 1.9),
            speed: uniform(0.8, 1.2),
            depth_slope_ev: uniform(0.0, 0.5),
            depth_curvature_ev: uniform(-0.5, 0.0),
        })
        .collect();
    let weight: f64 = made.iter().map(|k| k.weight).sum();
    made.iter_mut().for_each(|k| k.weight /= weight);
    let speed: f64 = made.iter().map(|k| k.weight * k.speed).sum();
    made.iter_mut().for_each(|k| k.speed /= speed);
    m.classes = made;
    m.variation = Variation {
        size: uniform(0.0, 0.02),
        area: uniform(0.0, 0.1),
        trap_filled: uniform(0.0, 0.05),
        capture_speed: if seed.is_multiple_of(3) { 0.0 } else { uniform(0.0, 0.1) },
    };
    let pulses = Part::Pulses { pulses: 12, amplitude_v: uniform(0.5, 2.0), width_s: 1e-3, interval_s: 2e-3 };
    let sweep = Part::Sweep { sweeps: 1, sweep_to_v: uniform(1.0, 3.0), step_v: 0.25, dwell_s: 2e-4 };
    let program = segments(&if seed < 3 { vec![pulses] } else { vec![sweep, pulses] });
    job_of(&m, &program, uniform(25.0, 160.0), 16, 32, seed.wrapping_mul(0xDEAD_BEEF_CAFE))
}

fn twins(backend: &dyn Backend) {
    for (name, job) in jobs() {
        // More than one block of every backend, and a broken one at the end.
        let cells = CellSet::run(3, 389);
        let (found, expected) = (trace(backend, &job, &cells), trace(&Reference, &job, &cells));
        if std::env::var_os("TRAPLINE_SHOW_DISTANCES").is_some() {
            println!("{} {name}: {:.3?}", backend.identity().backend, apart(&job, &found, &expected));
        }
        assert_twins(&name, &job, &found, &expected);
    }
}

// Negative control of the twins: each change is the smallest that a wrong constant would make.
fn twins_notice_small_changes(backend: &dyn Backend) {
    let cells = CellSet::run(0, 256);
    let base = shipped_job("pi-ws2-qd", 100.0, 16, 16, 11);
    let expected = trace(&Reference, &base, &cells);
    assert_twins("unchanged", &base, &trace(backend, &base, &cells), &expected);
    let mut deeper = material::shipped("pi-ws2-qd").unwrap();
    deeper.classes[3].depth_ev += 1e-4;
    let program = thirty_pulses(1.5);
    let changed = [
        ("seed", shipped_job("pi-ws2-qd", 100.0, 16, 16, 12)),
        ("one depth by 0.1 meV", job_of(&deeper, &program, 100.0, 16, 16, 11)),
        ("temperature by 0.01 K", shipped_job("pi-ws2-qd", 100.01, 16, 16, 11)),
    ];
    for (what, job) in changed {
        let found = trace(backend, &job, &cells);
        assert!(apart(&job, &found, &expected).iter().any(|(_, ratio)| *ratio > 3.0), "{what} goes unnoticed");
    }
}

fn cells_beyond_32_bits(backend: &dyn Backend) {
    let job = shipped_job("pi-ws2-qd", 100.0, 1 << 17, 1 << 17, 21);
    for first in [(1u64 << 32) - 32, 1 << 33, (1 << 34) - 64] {
        let cells = CellSet::run(first, 64);
        let (found, expected) = (trace(backend, &job, &cells), trace(&Reference, &job, &cells));
        assert_twins(&format!("from cell {first}"), &job, &found, &expected);
        // And they are not the cells whose numbers agree in the low word.
        let low = trace(backend, &job, &CellSet::run(first & 0xFFFF_FFFF, 64));
        assert!(first < 1 << 32 || apart(&job, &low, &expected)[0].1 > 100.0);
    }
}

fn cells_know_no_shape(backend: &dyn Backend) {
    let of = |rows, cols| shipped_job("pi-ws2-ns", 100.0, rows, cols, 31);
    let (small, large) = (of(64, 100), of(5000, 7000));
    let cells = CellSet::run(1234, 200);
    let both = [&small, &large].map(|job| trace(backend, job, &cells));
    assert_eq!(both[0], both[1]);
    // A window takes the same cells out of the middle, whatever its neighbours are.
    let window = CellSet { first: 1300, width: 7, stride: 100, count: 21 };
    let found = trace(backend, &small, &window);
    for i in 0..window.count {
        let at = window.number(i);
        let alone = trace(backend, &large, &CellSet::run(at, 1));
        for ((name, one), (_, all)) in fields(&alone).into_iter().zip(fields(&found)) {
            assert_eq!(one.column(0), all.column(i as usize), "{name} of cell {at}");
        }
    }
}

pub(super) fn nothing(_: u64) {}

#[test]
#[should_panic(expected = "nobody wrote")]
fn an_unwritten_value_is_found() {
    struct Lazy;
    impl Backend for Lazy {
        fn identity(&self) -> trapline_model::outcome::Identity {
            Reference.identity()
        }
        fn statistics(
            &self,
            job: &Job,
            progress: backend::Progress,
        ) -> Result<backend::tally::Tally, backend::BackendError> {
            Reference.statistics(job, progress)
        }
        fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, backend::BackendError> {
            let mut found = Reference.trace(job, cells)?;
            found.kept[[1, 2]] = f32::NAN;
            Ok(found)
        }
        fn stimulate(
            &self,
            s: &Stimulus,
            cells: &[u64],
            f: &mut Array2<f64>,
        ) -> Result<Response, backend::BackendError> {
            Reference.stimulate(s, cells, f)
        }

        fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, backend::BackendError> {
            Ok(Box::new(HostCells::new(self, population)))
        }
    }
    trace(&Lazy, &shipped_job("pi-ws2-qd", 100.0, 2, 2, 1), &CellSet::run(0, 4));
}

fn progress_ends_at_all_cells(backend: &dyn Backend) {
    let job = shipped_job("pi-ws2-qd", 25.0, 70, 131, 1);
    let done = std::sync::atomic::AtomicU64::new(0);
    backend
        .statistics(&job, &|cells| {
            done.fetch_add(cells, std::sync::atomic::Ordering::Relaxed);
        })
        .unwrap();
    assert_eq!(done.into_inner(), job.shape().cells());
}

/// That it is this backend that ran, and that it says on what.
fn no_other_backend_stands_in(backend: &dyn Backend, name: &str) {
    let identity = backend.identity();
    assert_eq!(identity.backend, name, "{identity:?}");
    assert!(!identity.adapter.is_empty() && !identity.instruction_set.is_empty(), "{identity:?}");
}

/// One test: a claim on a backend.
macro_rules! claim {
    ([$(#[$skip:meta])?] $claim:ident, $choice:expr $(, $extra:expr)?) => {
        #[test]
        $(#[$skip])?
        fn $claim() {
            super::$claim(&*super::open($choice) $(, $extra)?);
        }
    };
}

/// All claims, for one backend by one line.
macro_rules! claims {
    ($skip:tt $backend:ident: $choice:expr) => {
        claims! { $skip $backend: $choice;
            thermal_decay capture_against_emission the_space_charge_limit two_classes matrix_alone twins twins_notice_small_changes
            cells_beyond_32_bits cells_know_no_shape moments_are_those_of_the_cells counts_are_those_of_the_cells
            progress_ends_at_all_cells hardly_programmed_cells_are_told_apart_alike
            programmed_states_lose_what_a_closed_form_says
        }
    };
    ($skip:tt $backend:ident: $choice:expr; $($claim:ident)*) => {
        mod $backend {
            /// As a record names it.
            const NAME: &str = stringify!($backend);
            $(claim! { $skip $claim, $choice })*
            claim! { $skip no_other_backend_stands_in, $choice, NAME }
        }
    };
}

claims!([] reference: super::Choice::Reference);

claims!([] cpu: super::Choice::Cpu);

claims!([#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]] gpu: super::Choice::Gpu);
