//! Failed fractions of counted campaigns without arrays: against arrays, and against published figures.

use crate::counted::of_dots;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::job::{Bake, Job, Program};
use trapline_engine::rare::{self, PointEstimate, Request};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material::{Material, TrapClass, Variation};
use trapline_model::protocol::{Part, Segment, segments};
use trapline_model::units::kelvin;

const FIXED: Electrons = Electrons::Counted(DotNumber::Fixed);
const POISSON: Electrons = Electrons::Counted(DotNumber::Poisson);
const REQUEST: Request = Request { precision: 0.03, confidence: 0.95, max_samples: 1 << 16, seed: 1, stream: 0 };

/// A campaign of one point, and an array of it.
struct Case {
    name: &'static str,
    dots: f64,
    electrons: Electrons,
    pulses: u32,
    amplitude_v: f64,
    width_s: f64,
    /// A pulse of -3 V that lets electrons go, at the end of the programming.
    released_s: f64,
    celsius: f64,
    kept_below: f64,
    times_s: [f64; 3],
    /// Thousands of cells of the array.
    thousands: u64,
}

const QD: Case = Case {
    name: "pi-ws2-qd",
    dots: 6e4,
    electrons: POISSON,
    pulses: 1,
    amplitude_v: 1.5,
    width_s: 1e-3,
    released_s: 0.0,
    celsius: 125.0,
    kept_below: 0.97,
    times_s: [1e7, 3e7, 5.8e7],
    thousands: 256,
};

const CASES: [Case; 8] = [
    QD,
    Case { pulses: 30, kept_below: 0.98, times_s: [3e6, 6e6, 1.2e7], thousands: 128, ..QD },
    Case { celsius: 150.0, kept_below: 0.95, times_s: [5e5, 6e5, 8e5], ..QD },
    Case { celsius: 85.0, pulses: 30, kept_below: 0.99, times_s: [2e7, 5e7, 1e8], thousands: 128, ..QD },
    Case { dots: 400.0, pulses: 30, kept_below: 0.93, times_s: [1e6, 3e6, 1e7], ..QD },
    Case { dots: 50.0, electrons: FIXED, pulses: 30, kept_below: 0.85, times_s: [1e5, 1e6, 1e7], ..QD },
    Case { pulses: 5, released_s: 1e-3, kept_below: 0.97, times_s: [4e7, 8e7, 2e8], ..QD },
    Case {
        name: "pi-ws2-ns",
        dots: 3000.0,
        electrons: FIXED,
        pulses: 3,
        amplitude_v: 0.7,
        celsius: 100.0,
        kept_below: 0.9,
        times_s: [50.0, 80.0, 150.0],
        thousands: 128,
        ..QD
    },
];

fn job(of: &Case, material: &Material) -> Job {
    let pulse = Part::Pulses { pulses: of.pulses, amplitude_v: of.amplitude_v, width_s: of.width_s, interval_s: 1e-3 };
    let mut program = segments(&[pulse]);
    if of.released_s > 0.0 {
        program.push(Segment { bias_v: -3.0, dwell_s: of.released_s, cycle: of.pulses });
    }
    Job::of(material)
        .electrons(of.electrons)
        .variation(true)
        .seed(3)
        .array(ArrayShape { rows: of.thousands, cols: 1024 })
        .program(Program::of(&program))
        .bake(Bake::at(kelvin(of.celsius)).checkpoints(&of.times_s))
        .fails_below(of.kept_below)
        .bins(8)
        .build()
        .expect("sound")
}

/// Failed fractions of the array and how far they are from the estimates, in standard errors of both, less a share of
/// the rarer side.
fn apart(job: &Job, found: &PointEstimate, room: f64) -> Vec<(f64, f64)> {
    let cpu = Cpu::open(None, None).expect("opens");
    let outcome = cpu.statistics(job, &|_| ()).expect("runs").outcome(job);
    let cells = outcome.programmed as f64;
    let both = outcome.failed.iter().skip(1).zip(&found.times);
    let far = both.map(|(&failed, time)| {
        let fraction = failed as f64 / cells;
        let counting = time.fraction * (1.0 - time.fraction) / cells;
        let rarer = time.fraction.min(1.0 - time.fraction);
        let off = (fraction - time.fraction).abs() - room * rarer;
        (fraction, off / (counting + time.standard_error * time.standard_error).sqrt())
    });
    far.collect()
}

#[test]
fn arrays_of_counted_cells_fail_as_often_as_estimated() {
    let mut seen = [1.0_f64, 0.0];
    for of in &CASES {
        let material = of_dots(of.name, of.dots);
        let of_job = job(of, &material);
        let found = rare::estimate(&of_job, &REQUEST).expect("sound");
        // An array draws the number of electrons with 5 % of its variance uncertain, and its mean field to 5e-4: a
        // hundredth of these fractions.
        let room = 0.02;
        for (time, (fraction, far)) in found.times.iter().zip(apart(&of_job, &found, room)) {
            println!(
                "| {}, {} dots, {:?} | {} of {} V | {} | {} | {:.1e} | {:.3e} +- {:.1e} | {fraction:.3e} | {far:.1} |",
                of.name,
                of.dots,
                of.electrons,
                of.pulses,
                of.amplitude_v,
                of.celsius,
                of.kept_below,
                time.time_s,
                time.fraction,
                time.standard_error,
            );
            assert!(far < 4.0, "{} {} dots {:e} s: {far} {time:?} {fraction:e}", of.name, of.dots, time.time_s);
            if fraction > 0.0 {
                seen = [seen[0].min(fraction), seen[1].max(fraction)];
            }
        }
        assert!((found.mean_weight - 1.0).abs() < 5.0 * found.mean_weight_error, "{found:?}");
    }
    assert!(seen[0] < 1e-4 && seen[1] > 0.05, "{seen:?}");
}

#[test]
fn another_threshold_or_spread_is_told_apart() {
    let material = of_dots(QD.name, QD.dots);
    let array = job(&Case { thousands: 128, ..QD }, &material);
    let other = job(&Case { kept_below: 0.971, ..QD }, &material);
    let far = apart(&array, &rare::estimate(&other, &REQUEST).expect("sound"), 0.02);
    assert!(far.iter().any(|(_, far)| *far > 4.0), "{far:?}");
    let alike = Material { variation: Variation::OFF, ..material };
    let far = apart(&array, &rare::estimate(&job(&QD, &alike), &REQUEST).expect("sound"), 0.02);
    assert!(far.iter().any(|(_, far)| *far > 4.0), "{far:?}");
}

/// The eight trap classes of the independent program: weight, depth, speed, and the depth's slope and curvature by ln of
/// the size, eV.
const EIGHT: [[f64; 5]; 8] = [
    [2.8821064252794256e-3, 1.211275114235315, 0.9091965474738332, 1.3236499737160923, -0.4329388533260924],
    [5.414119540955254e-3, 1.408300715395285, 0.9236023646355145, 1.180675587039357, -0.4697174499792566],
    [9.314827887730203e-3, 1.5527561716205254, 0.9355939768188615, 1.058816105917273, -0.4721640507852952],
    [1.4830984220251857e-2, 1.6632624040009705, 0.9459148867298811, 0.9562586066735701, -0.4613734471162977],
    [2.215743609790323e-2, 1.7506365979656056, 0.9550165564988127, 0.8693774233354667, -0.4452721678973147],
    [3.2070045032562465e-2, 1.8223760458262717, 0.963293950215079, 0.794075659694462, -0.4269573679499316],
    [5.409695363147245e-2, 1.8885942016656407, 0.9717557041376198, 0.7212253051740891, -0.40576709730002486],
    [0.8592335271638452, 2.096749422966229, 1.0067260066700445, 0.4684037748284764, -0.3075802348533329],
];

/// The failed fraction of `docs/rare.md`, for which an independent program, which loses each cell's electrons as one
/// binomial of its mean-field share, has 5.2e-3, 1.4e-2 and 5.0e-2.
#[test]
fn the_published_figures_are_estimated() {
    let of = Case { times_s: [3e7, 4e7, 5.8e7], ..QD };
    let class = |[weight, depth_ev, speed, depth_slope_ev, depth_curvature_ev]: [f64; 5]| TrapClass {
        weight,
        depth_ev,
        speed,
        depth_slope_ev,
        depth_curvature_ev,
    };
    let material = Material { classes: EIGHT.map(class).to_vec(), ..of_dots(of.name, of.dots) };
    let found = rare::estimate(&job(&of, &material), &REQUEST).expect("sound");
    for (time, expected) in found.times.iter().zip([5.2e-3, 1.4e-2, 5.0e-2]) {
        println!("{:.4e} +- {:.1e}, {expected:e}", time.fraction, time.standard_error);
        // Two figures of the source, which leaves out the scatter of the number of dots and the narrow law.
        assert!((time.fraction / expected - 1.0).abs() < 0.06, "{time:?} {expected}");
    }
}

/// Where cells differ by chance alone there is no error of sampling, down to the smallest fractions.
#[test]
fn cells_that_differ_by_chance_alone_are_summed() {
    let of = Case { times_s: [1e6, 3e6, 1e7], ..QD };
    let material = Material { variation: Variation::OFF, ..of_dots(of.name, of.dots) };
    let found = rare::estimate(&job(&of, &material), &REQUEST).expect("sound");
    assert_eq!((found.samples, found.coordinates.len()), (1, 0));
    for time in &found.times {
        println!("{:e} s: {:e}", time.time_s, time.fraction);
        assert!(time.standard_error == 0.0 && time.lower == time.fraction && time.upper == time.fraction, "{time:?}");
    }
    assert!(found.times[0].fraction < 1e-9 && found.times[2].fraction > 1e-6, "{found:?}");
}

#[test]
fn threads_change_no_bit_of_counted_estimates() {
    let job = job(&QD, &of_dots(QD.name, QD.dots));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| rare::estimate(&job, &REQUEST).expect("sound"))
    };
    assert_eq!(with(1), with(3));
    assert_ne!(with(1), rare::estimate(&job, &Request { stream: 1, ..REQUEST }).expect("sound"));
}

/// Where next to nothing fails the bound is that of what lies farther out than was searched, whatever the cells that
/// were drawn happened to be: the colder, the rarer.
#[test]
fn none_found_of_counted_cells_is_bounded_by_what_lies_farther_out() {
    let material = trapline_model::material::shipped("pi-ws2-qd").unwrap();
    for celsius in [-40.0, 0.0, 25.0, 55.0] {
        let found =
            rare::estimate(&job(&Case { celsius, times_s: [1e6, 2e6, 3e6], ..QD }, &material), &REQUEST).unwrap();
        for time in &found.times {
            assert!(time.failed_cells == 0 && time.fraction == 0.0, "{celsius} {time:?}");
            assert!(time.upper > 0.0 && time.upper <= 2.0 * found.farther_out, "{celsius} {time:?}");
        }
    }
}
