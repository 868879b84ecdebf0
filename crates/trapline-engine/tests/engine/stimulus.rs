//! Stimuli: closed forms on every backend, and the backends against each other, cell by cell.
//!
//! The error model is that of `agreement.rs`, with `r = 2^-24`: *filling* 2.3e-6 of the largest filling on the way, and
//! what f32 makes of many small releases: a change of less than half a rounding of an occupancy is lost and a larger
//! one rounded, always the same way, so that each substep may be off by the smaller of the change and r ([`drift`]);
//! *current* `area (theta I_inj + I_hop)`, 9 roundings of positive terms and the filling's error times q F/(1 - q F)
//! < 1.25 at F = 1: 9 r + 2.9e-6 = 3.4e-6; *energy* and *injected* add the roundings of their sums over a row, at
//! most 40 segments here, 2.4e-6 more (the energy is a sum over substeps or pieces of a mean share, all terms
//! positive); *caught* is relative to the most caught in a row of the cell, since the empty traps are a difference.

use crate::support::worst_relative;
use ndarray::{Array2, s};
use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::gpu::{Fault, Gpu, source};
use trapline_engine::backend::job::STIFF_ITERATIONS;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::{Response, Stimulus};
use trapline_engine::backend::{Backend, BackendError};
use trapline_model::cell::{Factors, capture, charge, current, emission_per_s};
use trapline_model::material::{MAX_CLASSES, Material, Variation, shipped};
use trapline_model::protocol::{Part, Segment, segments};
use trapline_model::rng;
use trapline_model::units::{ELEMENTARY_CHARGE_C, kelvin};

const FILLING: f64 = 2.3e-6;
const CURRENT: f64 = 3.4e-6;
const SUMMED: f64 = 5.8e-6;
const CAUGHT: f64 = 2e-5;

/// Cells all over the number space, more than a group of lanes and not a whole number of them.
fn cells() -> Vec<u64> {
    (0..37).map(|i| i * 0x0001_2345_6789 + 7).collect()
}

fn gpu() -> Gpu {
    Gpu::open(None, None).unwrap_or_else(|error| panic!("{error}; Debian: apt-get install mesa-vulkan-drivers"))
}

fn all_recorded(segments: &[Segment]) -> Vec<(Segment, bool)> {
    segments.iter().map(|s| (*s, s.bias_v != 0.0)).collect()
}

/// Pulses up and down, sweeps of both signs, and a wait, at a temperature.
fn mixed(name: &str, celsius: f64) -> Stimulus {
    let material = shipped(name).expect("shipped");
    let parts = [
        Part::Pulses { pulses: 10, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 },
        Part::Sweep { sweeps: 1, sweep_to_v: 5.0, step_v: 0.25, dwell_s: 3.9e-4 },
        Part::Pulses { pulses: 2, amplitude_v: -5.5, width_s: 1e-5, interval_s: 10.0 },
        Part::Sweep { sweeps: 1, sweep_to_v: -1.5, step_v: 0.25, dwell_s: 3.9e-4 },
        Part::Pulses { pulses: 5, amplitude_v: 0.7, width_s: 1e-2, interval_s: 0.0 },
    ];
    let variation = material.variation;
    Stimulus::new(&material, variation, 11, kelvin(celsius), &all_recorded(&segments(&parts)))
}

fn run(backend: &dyn Backend, stimulus: &Stimulus, cells: &[u64], start: f64) -> (Response, Array2<f64>) {
    let mut occupancy = Array2::from_elem((cells.len(), stimulus.material.classes.len()), start);
    let response = backend.stimulate(stimulus, cells, &mut occupancy).unwrap_or_else(|error| panic!("{error}"));
    (response, occupancy)
}

/// Largest sum of releases that rounding can lose or make, over the largest filling: over all classes, and of one
/// class. Rates of a cell may be twice the nominal ones.
fn drift(stimulus: &Stimulus) -> (f64, f64) {
    let m = &stimulus.material;
    let rates = emission_per_s(m, &Factors::NOMINAL, stimulus.ambient_k);
    let (mut all, mut one) = (0.0, 0.0f64);
    for (k, class) in m.classes.iter().enumerate() {
        let of_class: f64 = stimulus
            .steps
            .iter()
            .map(|step| {
                let drive = &step.program.drive;
                let released = 2.0 * rates[k] * drive.dwell_s / f64::from(drive.substeps);
                f64::from(drive.substeps) * released.min(2f64.powi(-24))
            })
            .sum();
        all += class.weight * of_class;
        one = one.max(of_class);
    }
    (all, one)
}

/// Distances of two responses over what is allowed: current, filling, energy, injected, caught, final occupancy.
fn distances(
    stimulus: &Stimulus,
    start: f64,
    found: &(Response, Array2<f64>),
    expected: &(Response, Array2<f64>),
) -> [f64; 6] {
    let (all, one) = drift(stimulus);
    // Rounding an occupancy in each substep is a walk; FILLING reckons with 60.
    let substeps: u32 = stimulus.steps.iter().map(|step| step.program.drive.substeps).sum();
    let all = all + 2f64.powi(-24) * f64::from(substeps).sqrt();
    let ((f, f_end), (e, e_end)) = (found, expected);
    let relative =
        |f: &Array2<f64>, e: &Array2<f64>, floor: f64| worst_relative(f.iter().copied(), e.iter().copied(), floor);
    let highest = e.filling.iter().copied().fold(start.max(1e-30), f64::max);
    let most = e.caught.iter().copied().fold(1e-30, f64::max);
    [
        relative(&f.current_a, &e.current_a, 0.0) / (CURRENT + 1.3 * all),
        relative(&f.filling, &e.filling, highest) / (FILLING + all),
        relative(&f.energy_j, &e.energy_j, 0.0) / (SUMMED + 1.3 * all),
        relative(&f.injected, &e.injected, 0.0) / SUMMED,
        relative(&f.caught, &e.caught, most) / (CAUGHT + all),
        relative(f_end, e_end, highest) / (2.0 * FILLING + one),
    ]
}

fn agrees(backend: &dyn Backend) {
    for name in ["pi-ws2-qd", "pi-ws2-ns", "pi"] {
        for celsius in [25.0, 100.0, 165.0] {
            for start in [0.0, 0.2] {
                let stimulus = mixed(name, celsius);
                let expected = run(&Reference, &stimulus, &cells(), start);
                let found = run(backend, &stimulus, &cells(), start);
                let apart = distances(&stimulus, start, &found, &expected);
                println!("{name} at {celsius} C from {start}: {apart:.2?}");
                assert!(apart.iter().all(|d| *d <= 1.0), "{name} at {celsius} C from {start}: {apart:?}");
            }
        }
    }
}

#[test]
fn cpu_agrees_with_the_reference() {
    agrees(&Cpu::open(None, None).expect("opens"));
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn gpu_agrees_with_the_reference() {
    let gpu = gpu();
    assert_eq!(gpu.identity().backend, "gpu");
    agrees(&gpu);
}

#[test]
fn the_comparison_sees_a_slightly_different_cell() {
    let stimulus = mixed("pi-ws2-qd", 100.0);
    let expected = run(&Reference, &stimulus, &cells(), 0.0);
    let mut other = stimulus.clone();
    other.steps[0].program.drive.offered_per_s *= 1.0 + 3e-4;
    let apart = distances(&stimulus, 0.0, &run(&Reference, &other, &cells(), 0.0), &expected);
    assert!(apart[1] > 1.0 && apart[4] > 1.0, "{apart:?}");
    let mut nan = expected.clone();
    nan.0.energy_j[[3, 5]] = f64::NAN;
    assert!(distances(&stimulus, 0.0, &nan, &expected)[2].is_nan());
}

/// What follows from the material's equations alone, without a step in time.
fn closed_forms(backend: &dyn Backend, relative: f64) {
    // Without traps the current is that of the bias, the energy V I t, and nothing is caught.
    let pi = shipped("pi").expect("shipped");
    let wait = Segment { bias_v: 0.0, dwell_s: 1.0, cycle: 0 };
    let pulse = |bias_v, dwell_s| (Segment { bias_v, dwell_s, cycle: 0 }, true);
    let stimulus =
        Stimulus::new(&pi, Variation::OFF, 1, kelvin(100.0), &[pulse(3.0, 2e-3), (wait, false), pulse(-3.0, 1e-3)]);
    let (seen, _) = run(backend, &stimulus, &[5], 0.0);
    let i = current::current_a(&pi, 3.0, kelvin(100.0), 0.0);
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() <= relative, "{a:e} against {b:e}");
    near(seen.current_a[[0, 0]], i);
    near(seen.current_a[[1, 0]], -i);
    near(seen.energy_j[[0, 0]], 3.0 * i * 2e-3);
    near(seen.injected[[1, 0]], current::injected_a(&pi, 3.0, kelvin(100.0)) * 1e-3 / ELEMENTARY_CHARGE_C);
    assert!(seen.caught.iter().chain(&seen.filling).all(|x| *x == 0.0));

    // Where nothing is let go, the electrons caught are those stored.
    let mut qd = shipped("pi-ws2-qd").expect("shipped");
    qd.matrix = None;
    qd.classes.iter_mut().for_each(|class| class.depth_ev = 5.0);
    let traps = qd.capture.expect("has traps").traps;
    let pulses: Vec<_> = segments(&[Part::Pulses { pulses: 20, amplitude_v: 1.5, width_s: 1e-3, interval_s: 0.0 }]);
    let stimulus = Stimulus::new(&qd, Variation::OFF, 1, kelvin(25.0), &all_recorded(&pulses));
    let (seen, _) = run(backend, &stimulus, &[5], 0.0);
    let caught: f64 = seen.caught.sum();
    near(caught, traps * seen.filling[[19, 0]]);
    // And fewer than were offered: the share that stays times what does not pass.
    let offered = capture::offered_per_s(&qd, 1.5, kelvin(25.0)) * traps * 1e-3;
    assert!(seen.caught.iter().all(|c| *c < offered && *c > 0.1 * offered));
    assert!(seen.caught.iter().zip(&seen.injected).all(|(c, i)| c < i));

    // At 0 V each class decays as it lets go.
    let hot_k = kelvin(165.0);
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let stimulus =
        Stimulus::new(&qd, Variation::OFF, 1, hot_k, &[(Segment { bias_v: 0.0, dwell_s: 30.0, cycle: 0 }, true)]);
    let (_, after) = run(backend, &stimulus, &[5], 0.4);
    let rates = emission_per_s(&qd, &Factors::NOMINAL, hot_k);
    for (k, f) in after.row(0).iter().enumerate() {
        let expected = 0.4 * (-rates[k] * 30.0).exp();
        assert!((f - expected).abs() <= relative * 0.4, "class {k}: {f:e} against {expected:e}");
    }
}

#[test]
fn closed_forms_on_the_reference() {
    closed_forms(&Reference, 1e-12);
}

#[test]
fn closed_forms_on_the_cpu() {
    closed_forms(&Cpu::open(None, None).expect("opens"), 5e-6);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn closed_forms_on_the_gpu() {
    closed_forms(&gpu(), 5e-6);
}

/// The state is the occupancy and nothing else; a cell does not depend on its company.
fn divisible(backend: &dyn Backend) {
    let stimulus = mixed("pi-ws2-ns", 100.0);
    let whole = run(backend, &stimulus, &cells(), 0.0);
    let mut occupancy = Array2::zeros((cells().len(), stimulus.material.classes.len()));
    let mut rows = 0;
    for part in stimulus.steps.chunks(31) {
        let mut steps = part.to_vec();
        let first = steps.first().and_then(|s| s.row).unwrap_or(0);
        steps.iter_mut().for_each(|s| s.row = s.row.map(|row| row - first));
        // A row that this part does not end is left to the next.
        let recorded = part.iter().filter(|s| s.program.drive.bias_v != 0.0).count();
        steps.iter_mut().for_each(|s| s.row = s.row.filter(|row| (*row as usize) < recorded));
        let piece = Stimulus { steps, rows: recorded, ..stimulus.clone() };
        let seen = backend.stimulate(&piece, &cells(), &mut occupancy).expect("runs");
        assert_eq!(seen.current_a, whole.0.current_a.slice(s![rows..rows + recorded, ..]));
        assert_eq!(seen.caught, whole.0.caught.slice(s![rows..rows + recorded, ..]));
        rows += recorded;
    }
    assert_eq!(occupancy, whole.1);
    let one = run(backend, &stimulus, &cells()[19..20], 0.0);
    assert_eq!(one.0.energy_j.column(0), whole.0.energy_j.column(19));
    assert_eq!(one.1.row(0), whole.1.row(19));
}

#[test]
fn cpu_pieces_make_the_whole_bit_for_bit() {
    for set in InstructionSet::available() {
        divisible(&Cpu::open(Some(2), Some(set.name())).expect("available"));
    }
    let stimulus = mixed("pi-ws2-qd", 100.0);
    let of = |set: InstructionSet, threads| {
        run(&Cpu::open(Some(threads), Some(set.name())).expect("available"), &stimulus, &many(), 0.0)
    };
    let first = of(InstructionSet::available()[0], 1);
    for set in InstructionSet::available() {
        assert!(of(set, 3) == first, "{}", set.name());
    }
}

/// Enough cells for several threads.
fn many() -> Vec<u64> {
    (0..300).collect()
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn gpu_pieces_make_the_whole_bit_for_bit() {
    divisible(&gpu());
    let stimulus = mixed("pi-ws2-qd", 100.0);
    let whole = run(&gpu(), &stimulus, &cells(), 0.0);
    // A budget of a few cells, and a device lost on the way.
    let small = Gpu::open(None, Some(64 << 10)).expect("opens");
    assert!(run(&small, &stimulus, &cells(), 0.0) == whole);
    assert!(small.dispatches() >= 3, "one tile");
    let lost = gpu();
    lost.inject(&[Fault::Lost]);
    assert!(run(&lost, &stimulus, &cells(), 0.0) == whole);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn a_stimulus_longer_than_a_dispatch_is_cut() {
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let parts = [Part::Sweep { sweeps: 8, sweep_to_v: 5.0, step_v: 0.05, dwell_s: 3.9e-4 }];
    let stimulus = Stimulus::new(&qd, qd.variation, 2, kelvin(100.0), &all_recorded(&segments(&parts)));
    let (counted, reckoned) = gpu().count_stimulus_loops(&stimulus).expect("counts");
    assert!(counted > 10_000 && counted <= reckoned && reckoned <= source::MAX_LOOPS, "{counted} of {reckoned}");
    let found = run(&gpu(), &stimulus, &cells()[..5], 0.0);
    let apart = distances(&stimulus, 0.0, &found, &run(&Reference, &stimulus, &cells()[..5], 0.0));
    assert!(apart.iter().all(|d| *d <= 1.0), "{apart:?}");
}

/// The dearest segment there is: 24 classes, sixteen stiff substeps, and a charge taken in as many pieces as
/// there can be.
#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn the_dearest_segment_fits_into_a_dispatch() {
    let mut m = shipped("pi-ws2-qd").expect("shipped");
    m.classes = vec![m.classes[7]; MAX_CLASSES];
    m.classes.iter_mut().for_each(|class| (class.weight, class.speed) = (1.0 / MAX_CLASSES as f64, 1.0));
    let all = [5.0, -5.5].map(|bias_v| (Segment { bias_v, dwell_s: 10.0, cycle: 0 }, true));
    let stimulus = Stimulus::new(&m, m.variation, 2, kelvin(100.0), &all);
    for step in &stimulus.steps {
        assert_eq!((step.pieces, step.piece_iterations), (charge::PARTS + charge::MOST_HALVINGS, STIFF_ITERATIONS));
    }
    let (counted, reckoned) = gpu().count_stimulus_loops(&stimulus).expect("counts");
    assert!(counted > 20_000 && counted <= reckoned && reckoned <= source::MAX_LOOPS, "{counted} of {reckoned}");
    let found = run(&gpu(), &stimulus, &cells()[..5], 0.0);
    let apart = distances(&stimulus, 0.0, &found, &run(&Reference, &stimulus, &cells()[..5], 0.0));
    assert!(apart.iter().all(|d| *d <= 1.0), "{apart:?}");
}

#[test]
fn occupancies_of_other_cells_are_refused_and_kept() {
    let stimulus = mixed("pi-ws2-qd", 25.0);
    for backend in [&Reference as &dyn Backend, &Cpu::open(None, None).expect("opens")] {
        let classes = stimulus.material.classes.len();
        let mut occupancy = Array2::from_elem((3, classes), 0.1);
        let error = backend.stimulate(&stimulus, &[1, 2], &mut occupancy).expect_err("three for two");
        let (lengths, of) =
            (error.to_string(), format!("{} occupancies for 2 cells of {classes} classes", 3 * classes));
        assert!(matches!(error, BackendError::Lengths { .. }) && lengths.contains(&of), "{lengths}");
        assert!(occupancy.iter().all(|f| *f == 0.1));
        assert!(backend.stimulate(&stimulus, &[], &mut Array2::zeros((0, classes))).is_ok());
    }
}

/// Nothing here depends on a material being shipped.
#[test]
fn a_made_up_material_agrees_too() {
    let mut m: Material = shipped("pi-ws2-qd").expect("shipped");
    m.classes.truncate(1);
    m.classes[0].weight = 1.0;
    m.classes[0].speed = 1.0;
    m.injection.free_share = 0.1;
    m.variation = Variation { size: 0.05, area: 0.2, trap_filled: 0.1, capture_speed: 0.3 };
    let segments =
        all_recorded(&segments(&[Part::Pulses { pulses: 30, amplitude_v: 3.0, width_s: 1e-3, interval_s: 1.0 }]));
    let stimulus = Stimulus::new(&m, m.variation, 3, kelvin(120.0), &segments);
    let apart = distances(
        &stimulus,
        0.0,
        &run(&Cpu::open(None, None).expect("opens"), &stimulus, &many(), 0.0),
        &run(&Reference, &stimulus, &many(), 0.0),
    );
    assert!(apart.iter().all(|d| *d <= 1.0), "{apart:?}");
}

/// Steps far from what is shipped: any offer from none to thousands of electrons a trap in a substep, any limit, free
/// share and release, empty to full.
fn extreme_steps(backend: &dyn Backend, cases: u32) {
    let mut worst = [0.0f64; 6];
    for case in 0..cases {
        let words = [0, 1].map(|draw| rng::words(20, u64::from(case), rng::Purpose::Device, 0, draw)).concat();
        let uniform = |i: usize| f64::from(words[i]) / 4_294_967_296.0;
        let mut m = shipped("pi-ws2-qd").expect("shipped");
        m.classes.truncate(if words[0] % 2 == 0 { 1 } else { 3 });
        let equal = 1.0 / m.classes.len() as f64;
        m.classes.iter_mut().for_each(|class| class.weight = equal);
        m.injection.free_share = 0.02 + 0.9 * uniform(1);
        m.injection.direct_s *= 10f64.powf(8.0 * uniform(2) - 3.0);
        m.variation = Variation { size: 0.02, area: 0.1, trap_filled: 0.05, capture_speed: 0.2 };
        let bias_v = 0.25 + 5.0 * uniform(3);
        let bias_v = if words[3] % 4 == 0 { -bias_v } else { bias_v };
        let segment = |dwell_s| (Segment { bias_v, dwell_s, cycle: 1 }, true);
        let segments = [segment(1e-3 * uniform(4)), segment(1e-2 * uniform(5))];
        let mut stimulus = Stimulus::new(&m, m.variation, 9, kelvin(25.0 + 200.0 * uniform(6)), &segments);
        if words[7] % 2 == 0 {
            // One step where several would be chosen: less accurate, the same on all backends.
            for step in &mut stimulus.steps {
                step.program.drive.substeps = 1;
                step.program.iterations = if step.program.iterations > 0 { STIFF_ITERATIONS } else { 0 };
            }
        }
        let start = [0.0, 0.1, 0.6, 0.97, 1.0][words[7] as usize / 2 % 5];
        let expected = run(&Reference, &stimulus, &cells()[..16], start);
        let found = run(backend, &stimulus, &cells()[..16], start);
        let apart = distances(&stimulus, start, &found, &expected);
        let what = format!("case {case} from {start}: {apart:?} {:?}", stimulus.steps[0]);
        // What is caught of a full cell that hardly empties is a difference of nearly equal numbers.
        assert!(apart[..4].iter().chain(&apart[5..]).all(|d| *d <= 4.0), "{what}");
        worst.iter_mut().zip(apart).for_each(|(w, a)| *w = w.max(a));
    }
    println!("{worst:.2?}");
}

#[test]
fn extreme_steps_on_the_cpu() {
    extreme_steps(&Cpu::open(None, None).expect("opens"), 1000);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn extreme_steps_on_the_gpu() {
    extreme_steps(&gpu(), 60);
}
