//! Small problems, learnt by cells.

use super::*;
use ndarray::Array2;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use trapline_engine::backend::cells::{Cells, HostCells, Population};
use trapline_engine::backend::job::Job;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::{Response, Stimulus};
use trapline_engine::backend::tally::Tally;
use trapline_engine::backend::{Backend, Progress, Trace};
use trapline_engine::circuit::Reading;
use trapline_model::array::CellSet;
use trapline_model::cell::counted::Electrons;
use trapline_model::material::{Material, shipped};
use trapline_model::outcome::Identity;
use trapline_model::units::kelvin;

/// Four patterns on 16 pixels: the lines of a square, each with one pixel too many or too few in turn.
fn lines(count: usize) -> Digits {
    let images = Array2::from_shape_fn((count, 16), |(n, pixel)| {
        let odd = (n * 7 + n / 4) % 16 == pixel;
        let ink = pixel / 4 == n % 4;
        if ink != odd { 220 } else { 10 }
    });
    Digits { images, labels: (0..count).map(|n| (n % 4) as u8).collect() }
}

fn data() -> Mnist {
    Mnist { train: lines(120), test: lines(40) }
}

fn dots() -> Material {
    shipped("pi-ws2-qd").unwrap()
}

fn small(scheme: Scheme) -> Scheme {
    match scheme {
        Scheme::Plain(_) => scheme,
        // So few digits call for small batches.
        Scheme::Pairs(pairs) => Scheme::Pairs(Pairs { batch: 8, ..pairs }),
    }
}

fn schemes() -> [Scheme; 2] {
    [Scheme::Plain(Plain::default()), Scheme::Pairs(Pairs::default())].map(small)
}

fn learning(material: &Material, scheme: Scheme, seed: u64) -> Learning<'_> {
    let stages = vec![60, 7, 60, 100_000];
    Learning {
        material,
        variation: true,
        seed,
        ambient_k: kelvin(100.0),
        read_v: 0.1,
        read_s: 1e-2,
        read_noise: true,
        electrons: Electrons::MeanField,
        scheme,
        presentations: 1200,
        stages,
    }
}

fn final_accuracy(learnt: &Learnt) -> f64 {
    learnt.curve().last().unwrap().1
}

#[test]
fn lines_are_learnt() {
    let (material, data) = (dots(), data());
    for scheme in schemes() {
        let shown = AtomicU32::new(0);
        let learnt = learn(&Reference, &learning(&material, scheme, 1), &data, &|n| {
            shown.fetch_add(n, Relaxed);
        })
        .unwrap();
        let curve: Vec<_> = learnt.curve().collect();
        assert_eq!(curve.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 7, 60, 1200]);
        assert!(final_accuracy(&learnt) >= 0.95, "{scheme:?}: {curve:?}");
        assert_eq!(shown.load(Relaxed), 1200);
        let last = learnt.stages.last().unwrap();
        assert_eq!(last.tested.confusion.sum(), 40);
        assert_eq!(last.weights_s.dim(), (10, 4, 4));
        // The first row of pixels speaks for digit 0 and against digit 1.
        let weight = |digit: usize, y: usize| last.weights_s.slice(ndarray::s![digit, y, ..]).sum();
        assert!(weight(0, 0) > weight(0, 1) && weight(1, 0) < weight(1, 1), "{scheme:?}");
        let spent = last.spent;
        // Four lines that do not overlap can be learnt from below: only pairs must lower.
        assert!(spent.raising > 0 && spent.energy_j > 0.0);
        assert!(spent.lowering > 0 || matches!(scheme, Scheme::Plain(_)));
        assert!(spent.caught_share > 0.0 && spent.caught_share < 1.0, "{spent:?}");
        assert!(learnt.preparation.raising > 0 && learnt.preparation.lowering == 0);
    }
}

#[test]
fn pulses_of_no_amplitude_teach_nothing() {
    let (material, data) = (dots(), data());
    for scheme in schemes() {
        let none = |pulse: Pulse| Pulse { bias_v: 0.0, ..pulse };
        let still = match scheme {
            Scheme::Plain(p) => Scheme::Plain(Plain { raise: none(p.raise), lower: none(p.lower), ..p }),
            Scheme::Pairs(p) => Scheme::Pairs(Pairs { raise: none(p.raise), lower: none(p.lower), ..p }),
        };
        // With noise two tests of one array differ.
        let quiet = Learning { read_noise: false, ..learning(&material, still, 1) };
        let learnt = learn(&Reference, &quiet, &data, &|_| ()).unwrap();
        let (first, last) = (&learnt.stages[0], learnt.stages.last().unwrap());
        assert_eq!(first.tested, last.tested);
        // At 100 C a cell keeps its charge over these few seconds to better than 1e-5 of its conductance.
        let change = (&last.weights_s - &first.weights_s).mapv(f64::abs).fold(0.0, |a: f64, b| a.max(*b));
        assert!(change < 1e-5 * 3.4e-11, "{change}");
        assert_eq!(last.spent.energy_j, 0.0);
        assert!(last.spent.raising > 0);
    }
}

/// Writes down which cells were moved, and checks that the others stayed.
#[derive(Default)]
struct Watched(Mutex<Vec<(Vec<f64>, usize)>>);

impl Backend for Watched {
    fn identity(&self) -> Identity {
        Reference.identity()
    }

    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        Reference.statistics(job, progress)
    }

    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        Reference.trace(job, cells)
    }

    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError> {
        assert!(cells.windows(2).all(|pair| pair[0] < pair[1]), "{cells:?}");
        let biases = stimulus.steps.iter().map(|step| step.program.drive.bias_v).collect();
        self.0.lock().unwrap().push((biases, cells.len()));
        Reference.stimulate(stimulus, cells, occupancy)
    }

    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        Ok(Box::new(HostCells::new(self, population)))
    }
}

#[test]
fn what_is_counted_is_what_was_applied() {
    let (material, data) = (dots(), data());
    for scheme in schemes() {
        let watched = Watched::default();
        let learnt = learn(&watched, &learning(&material, scheme, 3), &data, &|_| ()).unwrap();
        let spent = learnt.stages.last().unwrap().spent;
        let calls = watched.0.lock().unwrap();
        let pulsed = |sign: f64| -> usize {
            calls.iter().filter(|(biases, _)| biases.len() == 2 && biases[0] * sign > 0.0).map(|(_, n)| n).sum()
        };
        assert_eq!(pulsed(1.0) as u64, spent.raising + learnt.preparation.raising);
        assert_eq!(pulsed(-1.0) as u64, spent.lowering);
        assert!(calls.iter().all(|(biases, _)| *biases.last().unwrap() == 0.1));
    }
}

#[test]
fn a_seed_decides_everything() {
    let (material, data) = (dots(), data());
    for scheme in schemes() {
        let run = |seed| learn(&Reference, &learning(&material, scheme, seed), &data, &|_| ()).unwrap();
        let first = run(5);
        assert_eq!(first, run(5));
        assert_ne!(first.occupancy, run(6).occupancy);
    }
}

#[test]
fn a_lowering_pulse_lowers_a_little_and_a_raising_pulse_fills_a_little() {
    let material = dots();
    for scheme in schemes() {
        let (raise, lower) = match scheme {
            Scheme::Plain(p) => (p.raise, p.lower),
            Scheme::Pairs(p) => (p.raise, p.lower),
        };
        let learning = learning(&material, scheme, 1);
        let mut array = crossbar::Crossbar::prepared(&Reference, &learning, 16).unwrap();
        // The last column is programmed in both schemes.
        let cell = [scheme.columns() as u64 - 1];
        let mut step = |pulse: &Pulse| {
            let before = array.conductance_s[[0, scheme.columns() - 1]];
            array.pulse(pulse, pulse.bias_v > 0.0, &cell).unwrap();
            array.conductance_s[[0, scheme.columns() - 1]] / before - 1.0
        };
        let (up, down) = (step(&raise), step(&lower));
        assert!((5e-5..3e-3).contains(&up) && (-3e-3..-5e-5).contains(&down), "{scheme:?}: {up} {down}");
        // What the module's docs say of a long pulse of a middling bias.
        assert!(step(&Pulse { bias_v: -3.5, width_s: 1e-3 }) > 0.0);
        let emptied = step(&Pulse { bias_v: -5.5, width_s: 1e-3 });
        assert!(emptied < -0.05, "{emptied}");
    }
}

#[test]
fn heat_makes_the_array_forget() {
    let (material, data) = (dots(), data());
    let learning = learning(&material, schemes()[1], 1);
    let learnt = learn(&Reference, &learning, &data, &|_| ()).unwrap();
    let baked = |celsius: f64, time_s: f64| {
        after_bake(&Reference, &learning, &learnt.occupancy, kelvin(celsius), time_s, &data.test).unwrap()
    };
    assert_eq!(baked(100.0, 0.0), learnt.stages.last().unwrap().tested);
    assert!(baked(150.0, 1e5).accuracy >= 0.95);
    // Far beyond the glass transition nothing is left but the cells' areas.
    assert!(baked(250.0, 1e5).accuracy < 0.8);
}

/// Wires that resist nothing change no answer; wires of which the current of a row of 4e-11 S cells drops all of the bias
/// leave hardly any.
#[test]
fn wires_make_the_array_answer_worse() {
    let (material, data) = (dots(), data());
    let learning = Learning { read_noise: false, ..learning(&material, schemes()[1], 1) };
    let learnt = learn(&Reference, &learning, &data, &|_| ()).unwrap();
    let through = |ohm: f64| {
        let wires = Reading::with_wire(ohm);
        super::through_wires(&Reference, &learning, &learnt.occupancy, &wires, &data.test).unwrap()
    };
    assert_eq!(through(1e-3), learnt.stages.last().unwrap().tested);
    assert!(through(1e12).accuracy < 0.9, "{}", through(1e12).accuracy);
}

#[test]
fn nonsense_is_refused_in_a_line() {
    let (material, data) = (dots(), data());
    let plain = |change: &dyn Fn(&mut Plain)| {
        let mut plain = Plain::default();
        change(&mut plain);
        Scheme::Plain(plain)
    };
    let pairs = |change: &dyn Fn(&mut Pairs)| {
        let mut pairs = Pairs::default();
        change(&mut pairs);
        Scheme::Pairs(pairs)
    };
    let refused = |learning: &Learning, data: &Mnist| {
        let error = learn(&Reference, learning, data, &|_| ()).unwrap_err().to_string();
        assert!(error.contains("must be") && !error.contains('\n'), "{error}");
    };
    let schemes = [
        plain(&|p| p.raise.bias_v = f64::NAN),
        plain(&|p| p.raise.bias_v = -1.0),
        plain(&|p| p.lower.width_s = 0.0),
        pairs(&|p| p.batch = 0),
        pairs(&|p| p.gain = f64::INFINITY),
        pairs(&|p| p.softmax_scale = 0.0),
    ];
    schemes.into_iter().for_each(|scheme| refused(&learning(&material, scheme, 1), &data));
    let good = learning(&material, plain(&|_| ()), 1);
    refused(&Learning { presentations: 0, ..good.clone() }, &data);
    refused(&Learning { read_v: 0.0, ..good.clone() }, &data);
    refused(&Learning { ambient_k: f64::NAN, ..good.clone() }, &data);
    let spoilt = |change: &dyn Fn(&mut Mnist)| {
        let mut other = data.clone();
        change(&mut other);
        refused(&good, &other);
    };
    spoilt(&|m| m.train.labels[3] = 10);
    spoilt(&|m| m.test.labels.truncate(1));
    spoilt(&|m| m.train.images = Array2::zeros((120, 15)));
    spoilt(&|m| m.test.images = Array2::zeros((40, 25)));
    let state = Array2::zeros((3, 8));
    assert!(
        after_bake(&Reference, &good, &state, 400.0, 1.0, &data.test).unwrap_err().to_string().contains("(176, 16)")
    );
}

#[test]
fn a_column_is_read_with_the_noise_of_its_current() {
    let (material, data) = (dots(), data());
    let quiet = Learning { read_noise: false, ..learning(&material, schemes()[1], 5) };
    let g = Array2::from_shape_fn((16, 20), |(i, j)| 3e-11 * (1.0 + 0.01 * (i + j) as f64));
    let image = data.train.images.row(0);
    let score =
        |learning: &Learning, n: u32| score::Scorer::new(learning).scores(&g, image, score::Occasion::Test(0, n))[3];
    assert_eq!(score(&quiet, 0), score(&quiet, 1));
    // Each column's charge has the variance q I coth(qV/2kT) t; the pixel drives its row for a part of t only.
    let input = |i: usize| f64::from(image[i]) / 255.0;
    let current_a: f64 = (0..16).map(|i| 0.1 * input(i) * (g[[i, 6]] + g[[i, 7]])).sum();
    let x = 0.1 / (2.0 * trapline_model::units::thermal_energy_ev(quiet.ambient_k));
    for read_s in [1e-2, 1e-4] {
        let noisy = Learning { read_noise: true, read_s, ..quiet.clone() };
        let expected = (trapline_model::units::ELEMENTARY_CHARGE_C * current_a / libm::tanh(x) / read_s).sqrt() / 0.1;
        let seen: ndarray::Array1<f64> = (0..4000).map(|n| score(&noisy, n) - score(&quiet, 0)).collect();
        // 4000 draws: the mean within 5 sd/sqrt(n), the sd within 5/sqrt(2n).
        assert!((seen.mean().unwrap() / expected).abs() < 5.0 / 4000f64.sqrt());
        assert!((seen.std(0.0) / expected - 1.0).abs() < 5.0 / 8000f64.sqrt(), "{} {expected}", seen.std(0.0));
    }
}

#[test]
fn what_is_held_out_is_not_learnt() {
    let data = data();
    let held = data.holding_out(30).unwrap();
    assert_eq!((held.train.len(), held.test.len()), (90, 30));
    assert_eq!(held.test.images.row(0), data.train.images.row(90));
    assert_eq!(held.train.labels[..], data.train.labels[..90]);
    for none in [0, 120, 121] {
        assert!(data.holding_out(none).unwrap_err().to_string().contains("must be 1 to 119"));
    }
}

#[test]
fn seeds_side_by_side_are_those_one_by_one() {
    let (material, data) = (dots(), data());
    let learning = learning(&material, schemes()[0], 7);
    let cpu = |threads| trapline_engine::backend::cpu::Cpu::open(Some(threads), None).unwrap();
    let run =
        |threads| study::run(&cpu(threads), "d", &learning, 3, study::Afterwards::default(), &data, &|_| ()).unwrap();
    let together = run(3);
    assert_eq!(together, run(1));
    together.check().unwrap();
    let rates = together.shaped::<ndarray::Ix2>("accuracy").unwrap();
    assert_eq!(rates.nrows(), 3);
    assert_ne!(rates.row(0), rates.row(1));
}
