//! What a dwell costs, against a stiff solver (diffsol) that has the current as one more equation.

use crate::cell_convergence::{Method, ns, one, qd, solved_with_share};
use crate::kinetics::Equation;
use ndarray::Array2;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::Stimulus;
use trapline_model::cell::{self, Drive, Factors, current, step};
use trapline_model::material::{MAX_CLASSES, Material, Variation};
use trapline_model::protocol::{Part, Segment, segments};
use trapline_model::units::kelvin;

/// Dots beside which next to nothing passes once they are full.
fn closed() -> Material {
    let mut material = Material { name: "closed".to_owned(), ..qd() };
    material.injection.free_share = 0.01;
    material
}

/// A dwell whose energy is asked for, in a program of its own.
struct Spent {
    name: String,
    material: Material,
    celsius: f64,
    /// Energy by the solver, J; by a backend's stimulus; by the trapezoid over the substeps.
    exact_j: f64,
    stimulus: Stimulus,
    row: usize,
    trapezoid_j: f64,
}

/// Programs of (bias, dwell) from the empty cell.
fn dwells() -> Vec<Vec<Segment>> {
    let programs: [&[(f64, f64)]; 16] = [
        // Fill from empty: a part of the way, all of it, and for a thousand times as long.
        &[(1.5, 1e-3), (1.5, 1e-3)],
        &[(0.7, 1e-3), (0.7, 1e-1)],
        &[(3.0, 3.9e-4), (3.0, 1e-2), (3.0, 1.0)],
        &[(4.0, 1e-3), (4.0, 1e-1)],
        &[(8.0, 1e-5), (8.0, 1e-3)],
        &[(2.0, 10.0), (2.0, 1e-3)],
        &[(5.0, 2e-6), (5.0, 3.9e-4), (5.0, 1e-2), (5.0, 1.0)],
        // Empty: within a part of one time constant of 33 us, one, some, and many.
        &[(5.0, 1e-2), (-5.5, 1e-3)],
        &[(5.0, 1e-2), (-5.5, 1e-7), (-5.5, 1e-5), (-5.5, 3e-5), (-5.5, 1e-4), (-5.5, 1e-2)],
        &[(4.0, 1e-1), (-5.0, 1e-1)],
        &[(4.0, 1e-1), (-8.0, 1e-4)],
        // Partly, with capture against release; and a bias of the other sign that fills.
        &[(4.0, 1e-2), (-4.2, 1e-3), (-4.2, 1e-3)],
        &[(3.0, 1e-2), (-3.5, 1e-3), (-4.0, 1e-2)],
        &[(-1.5, 1e-3), (-1.5, 1.0)],
        &[(-5.5, 1e-3), (-3.0, 1e-1)],
        // Held below what space charge allows after a filling above it: nothing is caught, and heat lets go.
        &[(4.0, 1e-1), (1.5, 1.0), (1.5, 100.0)],
    ];
    let segment = |&(bias_v, dwell_s): &(f64, f64)| Segment { bias_v, dwell_s, cycle: 0 };
    let mut all: Vec<Vec<Segment>> = programs.iter().map(|program| program.iter().map(segment).collect()).collect();
    // `trapline pulse --depress 30`: thirty pulses up, then the first of those down.
    let mut train = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    train.extend(one(-5.5, 1e-3));
    all.push(train);
    all
}

/// The energy of every dwell of every program: by the solver and by the trapezoid; and the stimuli that ask a backend.
fn spent() -> Vec<Spent> {
    let mut all = Vec::new();
    for material in [qd(), ns(), closed()] {
        for celsius in [25.0, 100.0, 150.0] {
            if material.name == "closed" && celsius < 150.0 {
                continue;
            }
            let t_k = kelvin(celsius);
            let emission = cell::emission_per_s(&material, &Factors::NOMINAL, t_k);
            for program in dwells() {
                let recorded: Vec<_> = program.iter().map(|s| (*s, true)).collect();
                let stimulus = Stimulus::new(&material, Variation::OFF, 1, t_k, &recorded);
                let (mut exact, mut stepped) = ([0.0; MAX_CLASSES], [0.0; MAX_CLASSES]);
                for (row, segment) in program.iter().enumerate() {
                    let Segment { bias_v, dwell_s, .. } = *segment;
                    let equation = Equation::new(&material, bias_v, t_k);
                    let [(end, share), (_, again)] = [Method::Esdirk34, Method::Bdf]
                        .map(|method| solved_with_share(&equation, dwell_s, &exact, method));
                    // The methods are asked for 1e-11 a step; a thousand steps may add up.
                    assert!((share / again - 1.0).abs() < 1e-8, "{share} by one method, {again} by the other");
                    exact = end;
                    let energy_j =
                        |share: f64| bias_v.abs() * dwell_s * (share * equation.injected_a + equation.hopping_a);
                    // The control steps as capture asks for it, and what the field empties at once.
                    let drive = Drive::new(&material, segment, t_k, (bias_v < 0.0).then_some(1));
                    let mut at = vec![step::filling(&material.classes, &stepped)];
                    let part = Drive { dwell_s: dwell_s / f64::from(drive.substeps), substeps: 1, ..drive };
                    for _ in 0..drive.substeps {
                        cell::apply(&material, &Factors::NOMINAL, &emission, &part, 1.0, &mut stepped);
                        at.push(step::filling(&material.classes, &stepped));
                    }
                    let ends = at.windows(2).map(|f| 0.5 * (equation.passes(f[0]) + equation.passes(f[1])));
                    let trapezoid = ends.sum::<f64>() / f64::from(drive.substeps);
                    if bias_v != 0.0 {
                        all.push(Spent {
                            name: format!(
                                "{} at {celsius} C, {bias_v} V for {dwell_s:e} s, dwell {row}",
                                material.name
                            ),
                            material: material.clone(),
                            celsius,
                            exact_j: energy_j(share),
                            stimulus: stimulus.clone(),
                            row,
                            trapezoid_j: energy_j(trapezoid),
                        });
                    }
                }
            }
        }
    }
    all
}

/// Most that the energy of a dwell may be off, relative.
///
/// Three things add up. The filling at the start of a dwell is that of the steps before, 2e-3 of it off at most
/// (`automatic_substeps_keep_the_stated_error_of_sweeps`), which moves theta by at most q F/(1 - q F) = 1.25 of that,
/// for as long as the cell remembers it. Along substeps, of x up to 0.3, the filling is second order: x^2/12 of what
/// it changes. Along the pieces of [`cell::charge`], which double in length, it is as much in each.
const ENERGY: f64 = 1e-3;
/// The same where a hundredth passes beside full traps: theta moves by 2.3 times of what the filling at the start is
/// off.
const ENERGY_OF_CLOSED: f64 = 2e-3;

/// Largest relative error of the energies by a backend.
fn worst_energy(backend: &dyn Backend, spent: &[Spent]) -> f64 {
    let mut worst = 0.0f64;
    for of in spent {
        let mut occupancy = Array2::zeros((1, of.material.classes.len()));
        let seen = backend.stimulate(&of.stimulus, &[5], &mut occupancy).unwrap_or_else(|error| panic!("{error}"));
        let off = seen.energy_j[[of.row, 0]] / of.exact_j - 1.0;
        if std::env::var_os("TRAPLINE_SHOW_DISTANCES").is_some() {
            println!(
                "{}: {:.4e} J, {off:+.1e}, trapezoid {:+.1e}",
                of.name,
                of.exact_j,
                of.trapezoid_j / of.exact_j - 1.0
            );
        }
        worst = if off.is_nan() { f64::NAN } else { worst.max(off.abs()) };
        let most = if of.material.name == "closed" { ENERGY_OF_CLOSED } else { ENERGY };
        assert!(off.abs() <= most, "{}: {:e} J is {off:e} off", of.name, of.exact_j);
    }
    worst
}

#[test]
fn energies_are_those_of_a_stiff_solver() {
    let spent = spent();
    assert!(spent.len() > 150, "{}", spent.len());
    println!("reference: {:e}", worst_energy(&Reference, &spent));
    println!("cpu: {:e}", worst_energy(&Cpu::open(None, None).expect("opens"), &spent));
    // Control: the trapezoid over the substeps passes nowhere near.
    let trapezoid = spent.iter().map(|of| (of.trapezoid_j / of.exact_j - 1.0).abs());
    let failed = trapezoid.clone().filter(|off| *off > ENERGY).count();
    assert!(failed > spent.len() / 4 && trapezoid.fold(0.0, f64::max) > 0.15, "{failed} of {}", spent.len());
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn energies_are_those_of_a_stiff_solver_on_the_gpu() {
    let gpu = Gpu::open(None, None).unwrap_or_else(|error| panic!("{error}"));
    let at_100_c: Vec<_> = spent().into_iter().filter(|of| of.celsius == 100.0).collect();
    println!("gpu: {:e}", worst_energy(&gpu, &at_100_c));
}

#[test]
fn an_erase_that_takes_a_thirtieth_of_its_pulse_costs_what_the_solver_says() {
    // 10 ms at 5 V fill the dots, and -5.5 V empties them in 33 us of 1 ms. The trapezoid said 4.701e-12 J.
    let program = [(5.0, 1e-2), (-5.5, 1e-3)].map(|(bias_v, dwell_s)| (Segment { bias_v, dwell_s, cycle: 0 }, true));
    let stimulus = Stimulus::new(&qd(), Variation::OFF, 1, kelvin(100.0), &program);
    for backend in [&Reference as &dyn Backend, &Cpu::open(None, None).expect("opens")] {
        let seen = backend.stimulate(&stimulus, &[5], &mut Array2::zeros((1, qd().classes.len()))).expect("runs");
        let energy_j = seen.energy_j[[1, 0]];
        assert!((energy_j / 4.03e-12 - 1.0).abs() < ENERGY + 0.005 / 4.03, "{energy_j:e}");
        // And no more than the current at either end, for as long.
        let i = |filling: f64| 5.5 * 1e-3 * current::current_a(&qd(), 5.5, kelvin(100.0), filling);
        assert!(energy_j > i(0.0) && energy_j < i(1.0));
    }
}
