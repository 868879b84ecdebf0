//! Bakes whose temperature changes with time: closed forms, and the backends held against each other.
//!
//! # The error model
//! As in `agreement.rs`, with `r = 2^-24` one rounding. *lost*, relative: the exponent of the coldest temperature's
//! shift 14 r (at -40 C; it is nearly nothing of the sum), exp 4 r, a rate, its shift, a time and their product 4 r,
//! the sum of eight temperatures and the matrix 8 r, 1 - exp 4 r, shares and their sum over 16 classes 17 r. Together
//! 51 r: no doublings, so less than the constant bake's 68 r, which is what is demanded of both. What else is read
//! follows from it as there.

use crate::support::twins::{KEPT, LOST, ROUNDING, apart, assert_twins, fields, open, trace};
use crate::support::{
    HOURS, assert_close, built, octaves, point, profile_job, profile_point, single_class, thirty_pulses,
};
use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::job::{Job, Read};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::{Backend, Trace};
use trapline_model::array::CellSet;
use trapline_model::material::{self, Material, TrapClass};
use trapline_model::units::{kelvin, thermal_energy_ev};

/// Time, and time at each of two temperatures.
type Held = [(f64, f64, f64)];
type Legs = [(Option<f64>, f64)];

/// Bake, then cool.
const THEN_COOL: [(Option<f64>, f64); 2] = [(Some(155.0), 1e4), (Some(85.0), 1e3)];
/// As many temperatures as there may be, the hottest so short that a cycle of them empties nothing.
const EIGHT: [(Option<f64>, f64); 8] = [
    (Some(-40.0), 1.0),
    (Some(0.0), 0.5),
    (Some(25.0), 2.0),
    (Some(85.0), 7.0),
    (Some(125.0), 0.01),
    (None, 0.3),
    (Some(170.0), 5e-4),
    (Some(200.0), 1e-11),
];
/// A millisecond's peak in each second.
const PEAKS: [(Option<f64>, f64); 2] = [(Some(250.0), 1e-3), (Some(25.0), 0.999)];

/// Sixteen classes, shallow to deep, each with its own slope.
fn sixteen() -> Material {
    let mut m = material::shipped("pi-ws2-qd").unwrap();
    m.classes = (0..16)
        .map(|k| TrapClass {
            weight: 1.0 / 16.0,
            depth_ev: 1.1 + 0.06 * f64::from(k),
            speed: 1.0,
            depth_slope_ev: 0.5 - 0.03 * f64::from(k),
            depth_curvature_ev: -0.2,
        })
        .collect();
    m
}

fn jobs() -> Vec<(String, Job)> {
    let profiles: [(&str, &Legs, Option<u64>); 4] = [
        ("cycles", &HOURS, None),
        ("bake, then cool", &THEN_COOL, Some(1)),
        ("eight", &EIGHT, None),
        ("peaks", &PEAKS, Some(1000)),
    ];
    let of = |name| material::shipped(name).unwrap();
    let materials = [of("pi-ws2-qd"), of("pi-ws2-ns"), of("pi"), sixteen()];
    let all = profiles.iter().flat_map(|profile| materials.iter().map(move |m| (profile, m)));
    all.enumerate()
        .map(|(seed, ((what, legs, cycles), m))| {
            let name = format!("{what}, {} of {} classes", m.name, m.classes.len());
            (name, profile_job(m, legs, *cycles, &octaves(), seed as u64))
        })
        .collect()
}

// One class, two temperatures: 1 - exp(-(e1 t1 + e2 t2)), also after a thousand million cycles.
fn two_rates(backend: &dyn Backend) {
    let m = single_class(1.5);
    let rate = |celsius: f64| m.attempt_per_s * (-1.5 / thermal_energy_ev(kelvin(celsius))).exp();
    // (time, time at 150 C, time at 100 C): three seconds hot, two cold, and 10 ms cycles whose hot tenth is a
    // thousand million times over.
    let walked =
        [(1.0, 1.0, 0.0), (3.0, 3.0, 0.0), (4.5, 3.0, 1.5), (6.0, 4.0, 2.0), (9.0, 6.0, 3.0), (49.0, 30.0, 19.0)];
    let fast = [(5e-4, 5e-4, 0.0), (0.01, 1e-3, 9e-3), (1e7, 1e6, 9e6)];
    let cases: [(&Legs, &Held); 2] =
        [(&[(None, 3.0), (Some(100.0), 2.0)], &walked), (&[(None, 1e-3), (Some(100.0), 9e-3)], &fast)];
    for (legs, times) in cases {
        let times_s: Vec<f64> = times.iter().map(|t| t.0).collect();
        let job = built(profile_point(&m, legs, Some(1_000_000_000), &times_s, 1).variation(false));
        let found = trace(backend, &job, &CellSet::run(0, 1));
        for (i, (time_s, hot_s, cold_s)) in times.iter().enumerate() {
            let expected = -(-(rate(150.0) * hot_s + rate(100.0) * cold_s)).exp_m1();
            assert_close(&format!("lost after {time_s} s"), found.lost[[i + 1, 0]].into(), expected, LOST, 0.0);
            // Control: all of it hot would be seen.
            let hot = -(-rate(150.0) * time_s).exp_m1();
            assert!(*cold_s == 0.0 || hot > 1.01 * expected || hot > 0.999, "{hot} {expected}");
        }
        assert!(found.lost[[1, 0]] > 0.0 && found.lost[[times.len(), 0]] < 1.0, "{}", found.lost);
    }
}

// Temperatures that hardly differ are the constant bake, which takes another way through the kernels; and where they
// do not differ at all they take its way, bit for bit.
fn hardly_a_profile(backend: &dyn Backend) {
    let cells = CellSet::run(3, 203);
    for m in [material::shipped("pi-ws2-qd").unwrap(), material::shipped("pi-ws2-ns").unwrap(), sixteen()] {
        let of = |celsius: f64| profile_job(&m, &[(None, 7.0), (Some(celsius), 3.0)], None, &octaves(), 9);
        let constant = built(point(&m, &thirty_pulses(1.5), 150.0, 9, &octaves()).array(of(1.0).shape()));
        let expected = trace(backend, &constant, &cells);
        assert_eq!(trace(backend, &of(150.0), &cells), expected);
        let near = of(150.000_000_000_1);
        assert_eq!(near.stays().temperatures_k.len(), 2);
        // Either may be off by its tolerance.
        let ratios = apart(&near, &trace(backend, &near, &cells), &expected);
        assert!(ratios.iter().all(|(_, ratio)| *ratio <= 2.0), "{ratios:?}");
        let other = of(150.01);
        assert!(
            apart(&other, &trace(backend, &other, &cells), &expected)[2].1 > 3.0,
            "a hundredth of a kelvin goes unnoticed"
        );
    }
}

// Where cycles end, what came first in them is forgotten.
fn the_order_of_legs(backend: &dyn Backend) {
    let qd = material::shipped("pi-ws2-qd").unwrap();
    let (hot, cold) = ((Some(160.0), 40.0), (Some(60.0), 60.0));
    let times_s: Vec<f64> = (1..200).map(|half| f64::from(half) * 50.0).collect();
    let [one, other] = [[hot, cold], [cold, hot]].map(|legs| profile_job(&qd, &legs, None, &times_s, 4));
    let [found, turned] = [&one, &other].map(|job| trace(backend, job, &CellSet::run(50, 40)).lost);
    for half in 1..200 {
        for (a, b) in found.row(half).iter().zip(turned.row(half)) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            // The same terms added in another order: the constant's and eight additions' roundings, twice.
            let same = (a - b).abs() <= 2.0 * 9.0 * ROUNDING * a;
            assert!(same == (half % 2 == 0) || a > 0.9, "after {half} halves of a cycle: {a} and {b}");
        }
    }
}

fn cells_agree_with_the_reference(backend: &dyn Backend) {
    for (name, job) in jobs() {
        // More than one block of every backend, and a broken one at the end.
        let cells = CellSet::run(3, 203);
        let (found, expected) = (trace(backend, &job, &cells), trace(&Reference, &job, &cells));
        if std::env::var_os("TRAPLINE_SHOW_DISTANCES").is_some() {
            println!("{} {name}: {:.3?}", backend.identity().backend, apart(&job, &found, &expected));
        }
        assert_twins(&name, &job, &found, &expected);
    }
}

// Negative control of the agreement: one leg by 1 %, one temperature by 0.01 K.
fn small_changes_are_noticed(backend: &dyn Backend) {
    let qd = material::shipped("pi-ws2-qd").unwrap();
    let cells = CellSet::run(0, 256);
    let of = |legs: &Legs| profile_job(&qd, legs, None, &octaves(), 11);
    let expected = trace(&Reference, &of(&EIGHT), &cells);
    assert_twins("unchanged", &of(&EIGHT), &trace(backend, &of(&EIGHT), &cells), &expected);
    for (leg, (celsius, for_s)) in EIGHT.into_iter().enumerate().skip(5) {
        let (mut longer, mut hotter) = (EIGHT, EIGHT);
        longer[leg].1 = 1.01 * for_s;
        hotter[leg].0 = Some(celsius.unwrap_or(150.0) + 0.01);
        for job in [of(&longer), of(&hotter)] {
            let found = apart(&job, &trace(backend, &job, &cells), &expected);
            assert!(found.iter().any(|(_, ratio)| *ratio > 3.0), "leg {leg} goes unnoticed: {found:?}");
        }
    }
}

// Sums and counts of the cells that are read one by one.
fn statistics_are_those_of_the_cells(backend: &dyn Backend) {
    let qd = material::shipped("pi-ws2-qd").unwrap();
    let point = profile_point(&qd, &[(Some(156.0), 100.0), (Some(25.0), 100.0)], None, &octaves(), 5);
    // So that at one checkpoint about half of the cells fail.
    let half = built(point.clone()).nominal()[30].kept;
    let job = built(point.fails_below(half));
    let tally = backend.statistics(&job, &|_| ()).unwrap();
    let cells = trace(backend, &job, &CellSet::run(0, job.shape().cells()));
    let n = job.shape().cells() as f64;
    for (checkpoint, (partial, shift)) in tally.partials.iter().zip(&tally.shifts).enumerate() {
        for (q, (name, values)) in fields(&cells).into_iter().enumerate() {
            let row = || values.row(checkpoint).into_iter().map(|x| f64::from(*x));
            let d: Vec<f64> = row().map(|x| (x - shift.nominal[q]) / shift.scale[q]).collect();
            // 20 roundings of the differences, as in `agreement.rs`, and the traces' own where the statistics were f64.
            let largest = row().fold(0.0, |most: f64, x| most.max(x.abs())) / shift.scale[q];
            let error = 20.0 * ROUNDING * d.iter().map(|d| d.abs()).sum::<f64>() / n + ROUNDING * largest;
            let what = format!("mean {name} at checkpoint {checkpoint}");
            assert_close(&what, partial.sum[q] / n, d.iter().sum::<f64>() / n, 0.0, error + 1e-30);
        }
        let kept = || cells.kept.row(checkpoint).into_iter().map(|x| f64::from(*x));
        let failed = tally.counts[[checkpoint, 3 * (job.bins().count + 2)]] as usize;
        let below = |edge: f64| kept().filter(|x| *x < edge).count();
        let (least, most) = (below(job.kept_threshold() - KEPT), below(job.kept_threshold() + KEPT));
        assert!(
            (least..=most).contains(&failed),
            "{failed} failed at checkpoint {checkpoint}, which must be {least} to {most}"
        );
        assert!(checkpoint != 30 || (failed > 100 && failed < job.shape().cells() as usize - 100), "{failed} failed");
    }
}

// What is read at another temperature is another current of the same charge.
fn the_temperature_of_reading(backend: &dyn Backend) {
    let ns = material::shipped("pi-ws2-ns").unwrap();
    let (program, times) = (thirty_pulses(0.7), octaves());
    let of = |read_k| built(point(&ns, &program, 150.0, 2, &times).read(Read::default().at(read_k)));
    let (cold, hot) = (of(kelvin(25.0)), of(kelvin(150.0)));
    let [one, other] = [&cold, &hot].map(|job| trace(backend, job, &CellSet::run(0, 70)));
    assert_eq!((&one.filling, &one.lost, &one.kept), (&other.filling, &other.lost, &other.kept));
    // Over each temperature's own fresh conductance, of which the hopping that knows no charge is more when hot.
    let (one_read, other_read) = (cold.read(), hot.read());
    assert!(one_read.hopping < 0.9 * other_read.hopping);
    assert!(one_read.fresh_conductance_s < other_read.fresh_conductance_s);
    assert!(one.conductance.row(0).iter().zip(other.conductance.row(0)).all(|(cold, hot)| cold > hot));
}

/// One test: a claim on a backend, which is the one asked for.
macro_rules! claim {
    ([$(#[$skip:meta])?] $claim:ident, $backend:ident, $choice:expr) => {
        #[test]
        $(#[$skip])?
        fn $claim() {
            let backend = super::open($choice);
            assert_eq!(backend.identity().backend, stringify!($backend));
            super::$claim(&*backend);
        }
    };
}

/// All claims, for one backend by one line.
macro_rules! claims {
    ($skip:tt $backend:ident: $choice:expr) => {
        claims! { $skip $backend: $choice;
            two_rates hardly_a_profile the_order_of_legs cells_agree_with_the_reference small_changes_are_noticed
            statistics_are_those_of_the_cells the_temperature_of_reading
        }
    };
    ($skip:tt $backend:ident: $choice:expr; $($claim:ident)*) => {
        mod $backend {
            $(claim! { $skip $claim, $backend, $choice })*
        }
    };
}

claims!([] reference: trapline_engine::backend::Choice::Reference);
claims!([] cpu: trapline_engine::backend::Choice::Cpu);
claims!([#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]] gpu: trapline_engine::backend::Choice::Gpu);

#[test]
fn cpu_traces_know_no_instruction_set() {
    let cells = CellSet::run(9, 53);
    for (name, job) in jobs() {
        let of = |set: InstructionSet| Cpu::open(Some(1), Some(set.name())).unwrap().trace(&job, &cells).unwrap();
        let found: Vec<Trace> = InstructionSet::available().into_iter().map(of).collect();
        assert!(found.iter().all(|one| *one == found[0]), "{name}");
    }
}
