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

use crate::support;
use crate::support::twins::{CONDUCTANCE, FILLING, KEPT, LOST, ROUNDING, apart, assert_twins, fields, open, trace};
use crate::support::{assert_close, built, job_of, octaves, shipped_job, single_class, thirty_pulses};
use ndarray::Array2;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use trapline_engine::backend::cells::{Cells, HostCells, Population};
use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::job::{Bake, Job, Program};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::{Response, Stimulus};
use trapline_engine::backend::tally::CHUNK_CELLS;
use trapline_engine::backend::{self, Backend, Choice, Trace};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::{self, Factors, capture};
use trapline_model::material::{self, Material, TrapClass, Variation};
use trapline_model::protocol::{Part, Segment, segments};
use trapline_model::units::{kelvin, thermal_energy_ev};
use trapline_study::experiment::probe::{Conditions, Probe};
use trapline_study::experiment::pulse::{POTENTIATION, Train};
use trapline_study::experiment::retention;

/// A job on one nominal cell.
fn closed_form_job(m: &Material, program: &[Segment], program_k: f64, bake_k: f64, times_s: &[f64]) -> Job {
    let point = Job::of(m)
        .variation(false)
        .program(Program::of(program).at(program_k))
        .bake(Bake::at(bake_k).checkpoints(times_s))
        .bins(8);
    built(point)
}

/// Checks `lost` and `kept` of a nominal cell against a closed form of the lost fraction.
fn check_loss(backend: &dyn Backend, job: &Job, lost: impl Fn(f64) -> f64) {
    let found = trace(backend, job, &CellSet::run(0, 1));
    let start = f64::from(found.filling[[0, 0]]);
    assert!(start > 0.01, "nothing was programmed");
    let q = job.open();
    let window = |filling: f64| filling / (1.0 - q * filling);
    for (i, &time_s) in job.times_s().iter().enumerate() {
        let expected = lost(time_s);
        assert_close(&format!("lost after {time_s} s"), found.lost[[i, 0]].into(), expected, LOST, 0.0);
        // The window is theta0 q F/(1 - q F); the textbook quotient is exact enough where f64 has all the digits.
        let kept = window(start * (1.0 - expected)) / window(start);
        assert_close(&format!("kept after {time_s} s"), found.kept[[i, 0]].into(), kept, 0.0, KEPT);
        let filling = start * (1.0 - expected);
        assert_close(&format!("filling after {time_s} s"), found.filling[[i, 0]].into(), filling, 0.0, FILLING * start);
    }
}

// (a) One class: 1 - exp(-e t), down to losses of 1e-17.
fn thermal_decay(backend: &dyn Backend) {
    for (depth_ev, celsius) in [(1.2, 100.0), (1.5, 120.0), (1.7, 25.0), (2.1, 150.0)] {
        let m = single_class(depth_ev);
        let bake_k = kelvin(celsius);
        let job = closed_form_job(&m, &thirty_pulses(1.5), 298.15, bake_k, &octaves());
        let rate = m.attempt_per_s * (-depth_ev / thermal_energy_ev(bake_k)).exp();
        check_loss(backend, &job, |t| -(-rate * t).exp_m1());
    }
    // Times in no pattern, and a loss of 1e-17 in the first second: nothing of it is lost to rounding.
    let m = single_class(1.766_5);
    let job = closed_form_job(&m, &thirty_pulses(1.5), 298.15, 298.15, &[1.0, 3.0, 1e3, 7e5, 1e8]);
    let rate = m.attempt_per_s * (-1.766_5 / thermal_energy_ev(298.15)).exp();
    assert!(rate > 5e-18 && rate < 5e-17, "{rate}");
    check_loss(backend, &job, |t| -(-rate * t).exp_m1());
}

// (b) A long dwell at a hot programming temperature: capture balances emission.
fn capture_against_emission(backend: &dyn Backend) {
    for (bias_v, program_k) in [(0.5, 443.0), (1.5, 450.0), (3.0, 455.0), (4.0, 460.0), (-1.5, 455.0)] {
        let m = material::shipped("pi-ws2-qd").unwrap();
        let emission = cell::emission_per_s(&m, &Factors::NOMINAL, program_k);
        let field = cell::release::field_per_s(m.field_release.as_ref(), bias_v);
        let slowest = emission[..m.classes.len()].iter().copied().fold(f64::INFINITY, f64::min);
        let dwell = Segment { bias_v, dwell_s: 3.0 / slowest, cycle: 0 };
        // From empty, and from above F_sc.
        for first_v in [0.0, 4.5] {
            let mut program = vec![dwell; 20];
            program[0] = Segment { bias_v: first_v, dwell_s: 1e-2, cycle: 0 };
            let job = closed_form_job(&m, &program, program_k, 298.15, &[1.0]);
            let limit = capture::space_charge_limit(m.capture.as_ref().unwrap(), 1.0, bias_v.abs());
            let offered = capture::offered_per_s(&m, bias_v, program_k);
            let balance = |filling: f64| {
                let u = offered * (1.0 - filling) / (1.0 - job.open() * filling) * (1.0 - filling / limit).max(0.0);
                let shares =
                    m.classes.iter().zip(&emission).map(|(k, e)| k.weight * k.speed * u / (k.speed * (u + field) + e));
                shares.sum::<f64>() - filling
            };
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..100 {
                let middle = 0.5 * (low + high);
                if balance(middle) > 0.0 { low = middle } else { high = middle }
            }
            let found = trace(backend, &job, &CellSet::run(0, 1)).filling[[0, 0]];
            assert!(low > 0.01 && low < limit);
            assert_close(&format!("equilibrium at {bias_v} V, {program_k} K"), found.into(), low, 0.0, 2.0 * FILLING);
        }
    }
}

// A long dwell of traps that let nothing go ends at the space-charge limit, which is a ratio of voltages.
fn the_space_charge_limit(backend: &dyn Backend) {
    let m = single_class(5.0);
    let limits = m.capture.unwrap();
    for (bias_v, dwell_s) in [(0.7, 1e2), (1.5, 1.0), (1.5, 1e2), (2.5, 1.0), (3.5, 10.0), (-1.5, 1e3)] {
        let program = [Segment { bias_v, dwell_s, cycle: 0 }];
        let job = closed_form_job(&m, &program, 298.15, 298.15, &[1.0]);
        let found = trace(backend, &job, &CellSet::run(0, 1)).filling[[0, 0]];
        let limit = (f64::abs(bias_v) - limits.onset_v) / (limits.trap_filled_v - limits.onset_v);
        // No step lasts for ever: 1 - F/F_sc falls short by some 1/offered.
        let offered = capture::offered_per_s(&m, bias_v, 298.15) * dwell_s;
        let short = 10.0 / offered;
        let what = format!("F_sc at {bias_v} V after {dwell_s} s, {offered:e} offered");
        assert_close(&what, found.into(), limit, FILLING + short, 0.0);
    }
}

// (c) Two classes with known rates: a mix of two exponentials, weighted with the charge each got.
fn two_classes(backend: &dyn Backend) {
    let mut m = single_class(1.3);
    let class = m.classes[0];
    m.classes = vec![TrapClass { weight: 0.3, ..class }, TrapClass { weight: 0.7, depth_ev: 1.5, ..class }];
    let bake_k = kelvin(110.0);
    let job = closed_form_job(&m, &thirty_pulses(1.5), 298.15, bake_k, &octaves());
    let rate = |depth_ev: f64| m.attempt_per_s * (-depth_ev / thermal_energy_ev(bake_k)).exp();
    // Of equal speed and with no escape at 25 C in a tenth of a second (1e-9), both are filled alike.
    check_loss(backend, &job, |t| -0.3 * (-rate(1.3) * t).exp_m1() - 0.7 * (-rate(1.5) * t).exp_m1());
}

// (d) Traps too deep for heat: only the matrix lets go.
fn matrix_alone(backend: &dyn Backend) {
    let mut m = single_class(5.0);
    m.matrix = material::shipped("pi-ws2-qd").unwrap().matrix;
    let matrix = m.matrix.unwrap();
    for celsius in [85.0, 130.0, 155.0, 170.0, 180.0] {
        let bake_k = kelvin(celsius);
        let job = closed_form_job(&m, &thirty_pulses(1.5), 298.15, bake_k, &octaves());
        let tau_s = matrix.relaxation_s * 10f64.powf(matrix.fragility * (443.15 / bake_k - 1.0));
        check_loss(backend, &job, |t| -(-t / tau_s).exp_m1());
    }
}

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

/// What programmed states lose, as `trapline retain` records it: from 1e-13 to nearly all, where one less what is
/// kept says nothing.
fn programmed_states_lose_what_a_closed_form_says(backend: &dyn Backend) {
    let train = Train { count: 8, ..POTENTIATION };
    let times_s = [0.0, 1.0, 30.0, 1e3, 1e5, 1e8];
    let seen = |backend: &dyn Backend, m: &Material, conditions: Conditions, cells: u64| {
        let probe = Probe::new(backend, m, conditions, (0..cells).collect()).expect("cells");
        retention::run(&probe, "retention", &train, &[0, 8], &times_s).unwrap()
    };
    let mut least: f64 = 1.0;
    for (depth_ev, celsius) in [(1.40, 25.0), (1.55, 25.0), (1.9, 100.0), (1.2, 100.0)] {
        let m = single_class(depth_ev);
        let found = seen(backend, &m, Conditions::nominal(kelvin(celsius)), 1);
        let (lost, kept) = (found.numbers("lost").unwrap(), found.numbers("kept").unwrap());
        let rate = m.attempt_per_s * (-depth_ev / thermal_energy_ev(kelvin(celsius))).exp();
        for (t, time_s) in times_s.iter().enumerate() {
            let expected = -(-rate * time_s).exp_m1();
            // One class: its occupancy cancels, and what is left is f64 on every backend. An exponent of 75 is
            // rounded to 1e-14.
            assert_close(&format!("{depth_ev} eV after {time_s} s"), lost[[1, t, 0]], expected, 1e-12, 0.0);
            assert!(lost[[0, t, 0]].is_nan(), "a cell without charge has nothing to lose");
            if expected > 0.0 {
                least = least.min(expected);
            }
            // Control: of a loss of 1e-8 a ratio of conductances in single precision knows nothing.
            if (1e-10..1e-8).contains(&expected) && backend.identity().backend != "reference" {
                let by_kept = 1.0 - kept[[1, t, 0]];
                assert!((by_kept / expected - 1.0).abs() > 1e-2, "{by_kept:e} of {expected:e}");
            }
        }
    }
    assert!(least < 1e-9, "no small loss was looked at: {least:e}");
    // What is kept is that of the moment, however long a reading takes: it follows from what is lost by then. Half of the
    // traps empty within minutes, the others do not.
    let level =
        |depth_ev: f64| TrapClass { weight: 0.5, depth_ev, speed: 1.0, depth_slope_ev: 0.0, depth_curvature_ev: 0.0 };
    let leaky = material::shipped("pi-ws2-qd").unwrap().without_matrix();
    let leaky = leaky.with_thermal_classes(vec![level(0.9), level(1.4)]);
    let open = 1.0 - leaky.injection.free_share;
    for read_s in [1e-9, 1e-2, 100.0] {
        let found = seen(backend, &leaky, Conditions { read_s, ..Conditions::nominal(kelvin(25.0)) }, 1);
        let of = |name: &str| found.numbers(name).unwrap().clone();
        let (filling, kept, lost) = (of("filling"), of("kept"), of("lost"));
        let start = open * filling[[1, 0, 0]];
        let window = |lost: f64| (1.0 - lost) / (1.0 + lost * start / (1.0 - start));
        for (t, time_s) in times_s.iter().enumerate() {
            // A window is a difference of conductances in single precision: 1e-7 of both over a tenth of them.
            let what = format!("kept after {time_s} s, read for {read_s} s");
            assert_close(&what, kept[[1, t, 0]], window(lost[[1, t, 0]]), 1e-5, 3e-6);
        }
        // Control: had the cell gone through a reading of 100 s each time, what it has lost by 1e3 s would be what it lost
        // between 100 s and 1100 s.
        let rate = leaky.attempt_per_s * (-0.9 / thermal_energy_ev(kelvin(25.0))).exp();
        let gone = |time_s: f64| -0.5 * (-rate * time_s).exp_m1();
        assert!((window(gone(1100.0)) / window(gone(100.0)) - window(gone(1e3))).abs() > 0.1);
    }
    // Cells that differ, of many classes: the reference's losses, to the error of the shares of the classes. FILLING
    // is that of an occupancy, and a loss is a quotient of sums of them.
    let qd = material::shipped("pi-ws2-qd").unwrap();
    for celsius in [-20.0, 25.0, 150.0] {
        let electrons = Electrons::MeanField;
        let conditions = Conditions { read_noise: false, electrons, ..Conditions::real(kelvin(celsius), 7) };
        let [ours, theirs] = [backend, &Reference].map(|backend| seen(backend, &qd, conditions, 40));
        let [ours, theirs] = [&ours, &theirs].map(|of| of.numbers("lost").unwrap());
        for (at, expected) in theirs.indexed_iter().filter(|(at, _)| at[0] == 1) {
            assert_close(&format!("{celsius} C, {at:?}"), ours[at.clone()], *expected, 2.0 * FILLING, 0.0);
        }
        // And they are those of a campaign's cells, which the backend computes in its own precision.
        let program = segments(&[Part::Pulses { pulses: 8, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
        let point = support::point(&qd, &program, celsius, 7, &times_s[1..]);
        let program = Program::of(&program).at(kelvin(celsius));
        let job = built(point.array(ArrayShape { rows: 1, cols: 40 }).program(program));
        let campaign = trace(backend, &job, &CellSet::run(0, 40));
        for ((t, cell), lost) in campaign.lost.indexed_iter() {
            let what = format!("{celsius} C, time {t}, cell {cell} of a campaign");
            assert_close(&what, ours[[1, t, cell]], f64::from(*lost), LOST + 2.0 * FILLING, 1e-37);
        }
    }
}

fn nothing(_: u64) {}

/// Temperatures of the jobs whose statistics are looked at: little is lost, and some cells fail while others do not.
const STATISTICS_C: [f64; 2] = [100.0, 152.0];

/// A job whose array has more than one chunk of cells, and a broken block at its end; and its cells by the reference.
fn array_job(which: usize) -> (&'static Job, &'static Trace) {
    static MADE: [OnceLock<(Job, Trace)>; 2] = [OnceLock::new(), OnceLock::new()];
    let (job, cells) = MADE[which].get_or_init(|| {
        let qd = material::shipped("pi-ws2-qd").unwrap();
        let point = support::point(&qd, &thirty_pulses(1.5)[..20], STATISTICS_C[which], 41, &octaves());
        let point = point.array(ArrayShape { rows: 90, cols: 93 });
        // So that at one checkpoint about half of the cells fail.
        let nominal = built(point.clone()).nominal().to_vec();
        let job = built(point.fails_below(nominal[nominal.len() - 20].kept));
        let cells = trace(&Reference, &job, &CellSet::run(0, job.shape().cells()));
        (job, cells)
    });
    (job, cells)
}

fn moments_are_those_of_the_cells(backend: &dyn Backend) {
    for (number, celsius) in STATISTICS_C.into_iter().enumerate() {
        let (job, reference) = array_job(number);
        let tally = backend.statistics(job, &nothing).unwrap();
        let cells = CellSet::run(0, job.shape().cells());
        // Of the backend's own cells the moments must be right to the rounding of the sums, of the reference's to the
        // cells'.
        let own = trace(backend, job, &cells);
        // Traces are f32: of the reference's statistics they are a rounded copy.
        let copy = if backend.identity().backend == "reference" { ROUNDING } else { 0.0 };
        assert_eq!((tally.cells, tally.counts[[0, 3 * (job.bins().count + 2) + 1]]), (cells.count, cells.count));
        for (checkpoint, (partial, shift)) in tally.partials.iter().zip(&tally.shifts).enumerate() {
            for (q, ((name, values), (_, exact))) in fields(&own).into_iter().zip(fields(reference)).enumerate() {
                let what = format!("{name} at {celsius} C, checkpoint {checkpoint}");
                let n = cells.count as f64;
                let row: Vec<f64> = values.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
                let d: Vec<f64> = row.iter().map(|x| (x - shift.nominal[q]) / shift.scale[q]).collect();
                let largest = row.iter().fold(0.0f64, |w, x| w.max(x.abs())) / shift.scale[q];
                let (mean, square) = (d.iter().sum::<f64>() / n, d.iter().map(|d| d * d).sum::<f64>() / n);
                let size = d.iter().map(|d| d.abs()).sum::<f64>() / n;
                // d: a difference, the constant 1/scale and their product, 3 roundings; 8 adds a lane (or a few more on
                // a GPU) and 4 or 7 of folding: 20 in all. A square has those of d twice, its own, and the adds: 24.
                let sum_error = 20.0 * ROUNDING * size + copy * largest;
                let square_error =
                    24.0 * ROUNDING * square + 2.0 * copy * largest * square.sqrt() + (copy * largest).powi(2);
                let found = (partial.sum[q] / n, partial.square[q] / n);
                assert_close(&format!("mean of {what}"), found.0, mean, 0.0, sum_error + 1e-30);
                assert_close(&format!("square of {what}"), found.1, square, 0.0, square_error + 1e-30);
                let ends = row.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |e, x| (e.0.min(*x), e.1.max(*x)));
                assert_close(&format!("least {what}"), partial.min[q], ends.0, copy, 1e-45);
                assert_close(&format!("most {what}"), partial.max[q], ends.1, copy, 1e-45);

                // Against the reference: a cell errs by `error`, and so do mean, ends and standard deviation, at most.
                let row: Vec<f64> = exact.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
                let start: f64 = reference.filling.row(0).iter().map(|x| f64::from(*x)).fold(0.0, f64::max);
                let most = row.iter().fold(0.0f64, |w, x| w.max(x.abs()));
                let error = [CONDUCTANCE * most, FILLING * start, LOST * most, KEPT][q] + ROUNDING * most;
                let mean = row.iter().sum::<f64>() / n;
                let sd = (row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
                let found_mean = shift.nominal[q] + shift.scale[q] * found.0;
                let found_sd = (found.1 - found.0 * found.0).max(0.0).sqrt() * shift.scale[q];
                let summed = 20.0 * ROUNDING * size * shift.scale[q];
                assert_close(&format!("mean of {what}, reference"), found_mean, mean, 0.0, error + summed);
                // The square root of a difference: its own rounding enters as 24 r square/(2 sd).
                let rooted = if sd > 0.0 { 24.0 * ROUNDING * square * shift.scale[q].powi(2) / sd } else { 0.0 };
                assert_close(&format!("spread of {what}, reference"), found_sd, sd, 0.0, error + rooted);
                let ends = row.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |e, x| (e.0.min(*x), e.1.max(*x)));
                assert_close(&format!("least {what}, reference"), partial.min[q], ends.0, 0.0, error);
                assert_close(&format!("most {what}, reference"), partial.max[q], ends.1, 0.0, error);
            }
        }
    }
}

// Whether a cell is programmed is its filling against a floor, the same on every backend, and not whether rounding
// left it any.
fn hardly_programmed_cells_are_told_apart_alike(backend: &dyn Backend) {
    let qd = material::shipped("pi-ws2-qd").unwrap();
    // A millisecond fills 0.03; the last two leave the range of f32, or its normal numbers.
    for (dwell_s, programmed) in [(1e-9, true), (1e-12, false), (1e-38, false), (1e-60, false)] {
        let job = job_of(&qd, &[Segment { bias_v: 1.5, dwell_s, cycle: 0 }], 160.0, 10, 13, 3);
        let tally = backend.statistics(&job, &nothing).unwrap();
        let counted = tally.counts.column(3 * (job.bins().count + 2) + 1);
        let expected = if programmed { job.shape().cells() } else { 0 };
        assert!(counted.iter().all(|n| *n == expected), "after {dwell_s:e} s: {counted}, of {expected}");
        let cells = trace(backend, &job, &CellSet::run(0, 130));
        // At 160 C ten years empty a cell; one that was never programmed has nothing to lose.
        let last = job.times_s().len() - 1;
        let lost = if programmed { 1.0 } else { 0.0 };
        assert!(cells.lost.row(last).iter().all(|x| (f64::from(*x) - lost).abs() < 1e-3), "after {dwell_s:e} s");
    }
}

/// Checks numbers of cells below edges against the values: each may be off by the cells within `error` of its edge.
/// Returns how many cells lay that close, over all edges.
fn check_below(what: &str, values: &[f64], edges: impl Iterator<Item = (f64, u64)>, error: f64) -> usize {
    let mut close = 0;
    for (edge, found) in edges {
        let certain = values.iter().filter(|x| **x < edge - error).count();
        let possible = values.iter().filter(|x| **x < edge + error).count();
        close += possible - certain;
        assert!(
            (certain..=possible).contains(&(found as usize)),
            "{what}: {found} cells below {edge}, which must be {certain} to {possible}"
        );
    }
    close
}

fn counts_are_those_of_the_cells(backend: &dyn Backend) {
    for (number, celsius) in STATISTICS_C.into_iter().enumerate() {
        let (job, reference) = array_job(number);
        let tally = backend.statistics(job, &nothing).unwrap();
        let bins = job.bins().count;
        let [conductance, filling, _, kept] = fields(reference).map(|(_, values)| values);
        let histograms = [
            (conductance, job.bins().conductance, CONDUCTANCE),
            (filling, job.bins().filling, FILLING),
            (kept, job.bins().kept, KEPT),
        ];
        let (mut close, mut partly_failed) = (0, false);
        for checkpoint in 0..job.times_s().len() {
            for (which, (values, (low, high), tolerance)) in histograms.iter().enumerate() {
                let row: Vec<f64> = values.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
                // The tolerance of the value, all below 1.5; and the place of a value among the bins, rounded four
                // times (difference, constant, product, plus one) at up to bins + 1.
                let error = 1.5 * tolerance + 5.0 * ROUNDING * (high - low) * (1.0 + 2.0 / bins as f64);
                let counts = |slot: usize| tally.counts[[checkpoint, which * (bins + 2) + slot]];
                let mut below = 0;
                let edges = (0..=bins).map(|bin| {
                    below += counts(bin);
                    (low + (high - low) * bin as f64 / bins as f64, below)
                });
                // Where all is lost, values and the lowest edge are both 0.
                let counted = usize::from(job.nominal()[checkpoint].lost < 0.999);
                close +=
                    counted * check_below(&format!("histogram {which}, checkpoint {checkpoint}"), &row, edges, error);
                let all: u64 = (0..bins + 2).map(counts).sum();
                assert_eq!(all, job.shape().cells());
            }
            let row: Vec<f64> = kept.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
            let failed = tally.counts[[checkpoint, 3 * (bins + 2)]];
            partly_failed |= failed > 0 && failed < job.shape().cells();
            let edge = std::iter::once((job.kept_threshold(), failed));
            check_below(&format!("failed at checkpoint {checkpoint}"), &row, edge, 1.5 * KEPT);
        }
        // The freedom is small: of 2 million (cell, checkpoint, histogram) all but a few thousandths are decided.
        let decided = 3 * job.times_s().len() * job.shape().cells() as usize;
        assert!(close < decided / 200, "{close} of {decided} lie too close to an edge to decide");
        assert!(partly_failed, "at {celsius} C no checkpoint has some cells failed and others not");
    }
}

// Negative control of the counts: one cell moved over an edge that none is close to.
#[test]
#[should_panic(expected = "which must be")]
fn a_miscounted_cell_is_found() {
    check_below("made up", &[0.1, 0.2, 0.3], std::iter::once((0.25, 1)), 1e-6);
}

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

/// Bit for bit: `assert_eq` on tallies compares every sum with `==`.
fn assert_same_bits(what: &str, jobs: &[Job], backends: &[Box<dyn Backend>]) {
    for job in jobs {
        let first = backends[0].statistics(job, &nothing).unwrap();
        let cells = CellSet::run(100, 77);
        let traced = trace(&*backends[0], job, &cells);
        for other in &backends[1..] {
            let found = other.statistics(job, &nothing).unwrap();
            assert!(found == first, "{what}: {:?} differs from {:?}", other.identity(), backends[0].identity());
            assert_eq!(trace(&**other, job, &cells), traced, "{what}");
        }
    }
}

/// Three chunks and some cells, with sweeps and with pulses.
fn tiled_jobs() -> [Job; 2] {
    let program = segments(&[
        Part::Sweep { sweeps: 1, sweep_to_v: 3.0, step_v: 0.5, dwell_s: 3.9e-4 },
        Part::Pulses { pulses: 10, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 },
    ]);
    // So many classes that the budgets below make tiles.
    let eight = |place: usize| {
        let (name, text) = material::SHIPPED[place];
        let text = text.replacen("[traps]", "[traps]\nclasses = 8", 1);
        material::parse(&text, name).unwrap()
    };
    let sheets = job_of(&eight(1), &thirty_pulses(0.7), 100.0, 150, 199, 51);
    [sheets, job_of(&eight(0), &program, 150.0, 190, 131, 52)]
}

#[test]
fn cpu_results_know_no_threads_and_no_instruction_set() {
    let mut backends: Vec<Box<dyn Backend>> = Vec::new();
    let mut names = BTreeSet::new();
    for set in InstructionSet::available() {
        for threads in [1, 2, 3] {
            let cpu = Cpu::open(Some(threads), Some(set.name())).unwrap();
            // That it is this set and this many threads that run.
            assert_eq!((cpu.identity().instruction_set.as_str(), cpu.threads()), (set.name(), threads));
            names.insert(set.name());
            backends.push(Box::new(cpu));
        }
    }
    assert_eq!(names.len(), InstructionSet::available().len());
    assert_same_bits("cpu", &tiled_jobs(), &backends);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn gpu_results_know_no_tiles() {
    let of = |bytes: Option<u64>| Gpu::open(None, bytes).unwrap_or_else(|error| panic!("{error}"));
    // Budgets for the whole of these arrays, for tiles of some chunks, and of one.
    let backends = [of(None), of(Some(15 << 17)), of(Some(9 << 17))];
    for job in tiled_jobs() {
        let tiles: Vec<_> = backends.iter().map(|gpu| gpu.tile_cells(&job).expect("fits")).collect();
        let cells = job.shape().cells();
        assert!(tiles[0] >= cells && cells > tiles[1] && tiles[1] > tiles[2], "{cells} cells in {tiles:?}");
        assert_eq!(tiles[2], CHUNK_CELLS);
    }
    assert_same_bits("gpu", &tiled_jobs(), &backends.map(|gpu| Box::new(gpu) as Box<dyn Backend>));
}

// The same bits also show that the comparison can tell two seeds apart.
#[test]
fn different_seeds_have_different_bits() {
    let of = |seed| Reference.statistics(&shipped_job("pi-ws2-qd", 100.0, 4, 4, seed), &nothing).unwrap();
    assert!(of(1) != of(2));
    assert!(of(1) == of(1));
}
