//! What a backend must say by closed forms. The error model is in `agreement.rs`, where every backend is asked.

use crate::support;
use crate::support::twins::{FILLING, KEPT, LOST, trace};
use crate::support::{assert_close, built, octaves, single_class, thirty_pulses};
use trapline_engine::backend::Backend;
use trapline_engine::backend::job::{Bake, Job, Program};
use trapline_engine::backend::reference::Reference;
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::{self, Factors, capture};
use trapline_model::material::{self, Material, TrapClass};
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
pub(super) fn thermal_decay(backend: &dyn Backend) {
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
pub(super) fn capture_against_emission(backend: &dyn Backend) {
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
pub(super) fn the_space_charge_limit(backend: &dyn Backend) {
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
pub(super) fn two_classes(backend: &dyn Backend) {
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
pub(super) fn matrix_alone(backend: &dyn Backend) {
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

/// What programmed states lose, as `trapline retain` records it: from 1e-13 to nearly all, where one less what is
/// kept says nothing.
pub(super) fn programmed_states_lose_what_a_closed_form_says(backend: &dyn Backend) {
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
    // What is kept is that of the moment, however long a reading takes: it follows from what is lost by then. Half of
    // the traps empty within minutes, the others do not.
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
        // Control: had the cell gone through a reading of 100 s each time, what it has lost by 1e3 s would be what it
        // lost between 100 s and 1100 s.
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
