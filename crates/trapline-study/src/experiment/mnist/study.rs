//! Arrays of several seeds that learn the same: raw data of the learning curve, the answers, the weights and what
//! they cost.

use super::crossbar::Crossbar;
use super::learn::{Learning, Learnt, after_bake, check_digits, learn, through_wires};
use super::scheme::Scheme;
use super::score::{Scorer, Tested};
use super::{DIGITS, Digits, Mnist, MnistError};
use ndarray::{Array1, Array2, Array3, Array4, s};
use std::sync::atomic::{AtomicUsize, Ordering};
use trapline_engine::backend::Backend;
use trapline_engine::circuit::Reading;
use trapline_model::cell::validity;
use trapline_model::dataset::Dataset;
use trapline_model::units::{YEAR_S, celsius, kelvin};

/// Bakes that every array is put through after learning, each from the state in which it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Bakes {
    pub temperatures_c: Vec<f64>,
    /// Time at 0 V, s.
    pub times_s: Vec<f64>,
}

impl Bakes {
    /// 25 to 170 °C, up to ten years.
    pub fn to_ten_years() -> Bakes {
        let temperatures_c = [25.0, 85.0, 100.0, 130.0, 150.0, 155.0, 160.0, 165.0, 170.0].to_vec();
        Bakes { temperatures_c, times_s: [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, YEAR_S, 10.0 * YEAR_S].to_vec() }
    }
}

/// What becomes of every array after it has learnt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Afterwards<'a> {
    pub bakes: Option<&'a Bakes>,
    /// It is tested again through wires of these resistances from cell to cell, ohm.
    pub wires_ohm: &'a [f64],
}

/// Presentations at which a learning curve is looked at: 1, 2 and 5 of each decade from 100, and every tenth of all.
pub fn stages(presentations: u32) -> Vec<u32> {
    let decades = (2..9).flat_map(|e| [1, 2, 5].map(|digit| digit * 10u32.pow(e)));
    let tenths = (1..10).map(|tenth| (u64::from(presentations) * tenth / 10) as u32);
    let mut all: Vec<u32> = decades.chain(tenths).filter(|at| (1..presentations).contains(at)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Does something for the learning's seed and those that follow it, several at once where the backend serves several;
/// in their order.
fn for_seeds<T: Send>(
    with: &dyn Backend,
    learning: &Learning,
    count: u32,
    one: impl Fn(&Learning) -> Result<T, MnistError> + Sync,
) -> Result<Vec<T>, MnistError> {
    let count = count as usize;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            let found = one(&Learning { seed: learning.seed.wrapping_add(number as u64), ..learning.clone() });
            if found.is_err() {
                next.store(count, Ordering::Relaxed);
            }
            done.push((number, found));
        }
    };
    // Threads of their own: a pool's would take up the next seed while they wait for a backend that uses the same pool.
    let mut found: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..with.at_once().clamp(1, count.max(1))).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, result)| result).collect()
}

/// Teaches an array for each of `seeds` seeds, from the learning's on; `progress` is told of each further presentation.
///
/// Axes: `seed`, `presentations` (from 0), `digit` (shown, or of a weight), `answer`, `row` and `column` (of the
/// picture), and with bakes `bake_temperature_c` and `bake_time_s`. Over (seed, presentations): `accuracy`, the
/// pulses so far `raising` and `lowering`, their `energy_j`, and `caught_share`, the largest ratio of electrons
/// caught to electrons injected in any pulse or reading so far, of the preparation too. Over (seed, presentations,
/// digit, answer): `confusion`. Over (seed, digit, row, column): `weight_s` at the end; over (presentations, digit,
/// row, column): `first_weight_s` of the first seed on the way. Over (digit, row, column): `picture_input`, what the
/// first picture of each digit puts on the rows. Over (seed): `preparing` pulses and their `preparing_energy_j`. Over
/// (seed, bake_temperature_c, bake_time_s): `baked_accuracy`. Over (seed, wire_ohm): `wired_accuracy`.
///
/// # Errors
/// As [`learn`].
pub fn run(
    with: &dyn Backend,
    name: &str,
    learning: &Learning,
    seed_count: u32,
    afterwards: Afterwards<'_>,
    mnist: &Mnist,
    progress: &(dyn Fn(u32) + Sync),
) -> Result<Dataset, MnistError> {
    let Afterwards { bakes, wires_ohm } = afterwards;
    let one = |learning: &Learning| {
        let learnt = learn(with, learning, mnist, progress)?;
        let bake = |(celsius, time_s): (f64, f64)| {
            after_bake(with, learning, &learnt.occupancy, kelvin(celsius), time_s, &mnist.test).map(|t| t.accuracy)
        };
        let baked: Vec<f64> = bakes.into_iter().flat_map(pairs).map(bake).collect::<Result<_, _>>()?;
        let wired = wires_ohm.iter().map(|&ohm| {
            let wires = Reading::with_wire(ohm);
            through_wires(with, learning, &learnt.occupancy, &wires, &mnist.test).map(|t| t.accuracy)
        });
        let wired: Vec<f64> = wired.collect::<Result<_, _>>()?;
        Ok((learnt, (baked, wired)))
    };
    let (all, after): (Vec<_>, Vec<_>) = for_seeds(with, learning, seed_count, one)?.into_iter().unzip();
    let title = format!("{} presentations of handwritten digits", learning.presentations);
    let mut d = described(name, &title, learning, bakes);
    seed_axis(&mut d, learning, all.len());
    over_presentations(&mut d, &all);
    at_the_end(&mut d, &all);
    pictures(&mut d, learning.scheme, &mnist.test);
    if let Some(bakes) = bakes {
        let (temperatures, times) = (&bakes.temperatures_c, &bakes.times_s);
        d.axis("bake_temperature_c", "degC", "Temperature of the bake", temperatures);
        d.axis("bake_time_s", "s", "Time of the bake at 0 V", times);
        let rates = Array3::from_shape_fn((all.len(), temperatures.len(), times.len()), |(i, t, at)| {
            after[i].0[t * times.len() + at]
        });
        let axes = ["seed", "bake_temperature_c", "bake_time_s"];
        d.real("baked_accuracy", &axes, "1", "Share of right answers after the bake", rates.into_dyn());
    }
    if !wires_ohm.is_empty() {
        d.axis("wire_ohm", "ohm", "Resistance of a wire from cell to cell", wires_ohm);
        let rates = Array2::from_shape_fn((all.len(), wires_ohm.len()), |(i, at)| after[i].1[at]);
        let name = "Share of right answers through wires";
        d.real("wired_accuracy", &["seed", "wire_ohm"], "1", name, rates.into_dyn());
    }
    Ok(d)
}

/// Shows the test set to prepared arrays that have learnt nothing, one a seed: `accuracy` (seed), `confusion` (seed,
/// digit, answer).
///
/// # Errors
/// As [`learn`].
pub fn untrained(
    with: &dyn Backend,
    name: &str,
    learning: &Learning,
    seed_count: u32,
    test: &Digits,
) -> Result<Dataset, MnistError> {
    learning.scheme.check()?;
    let pixels = check_digits("the test set", test)?;
    let tested = for_seeds(with, learning, seed_count, |one| {
        let crossbar = Crossbar::prepared(with, one, pixels)?;
        Ok(Scorer::new(one).test(&crossbar.conductance_s, 0, test))
    })?;
    let mut d = described(name, "Handwritten digits shown to arrays that have learnt nothing", learning, None);
    seed_axis(&mut d, learning, tested.len());
    digit_axes(&mut d);
    let rates: Array1<f64> = tested.iter().map(|t| t.accuracy).collect();
    d.real("accuracy", &["seed"], "1", "Share of right answers", rates.into_dyn());
    let counts = confusion(&tested.iter().collect::<Vec<_>>());
    d.count("confusion", &["seed", "digit", "answer"], "1", "Pictures of the test set", counts.into_dyn());
    Ok(d)
}

fn pairs(bakes: &Bakes) -> Vec<(f64, f64)> {
    let of = |celsius: f64| bakes.times_s.iter().map(move |&time_s| (celsius, time_s));
    bakes.temperatures_c.iter().flat_map(|&celsius| of(celsius)).collect()
}

/// An empty dataset with the conditions as notes.
fn described(name: &str, title: &str, learning: &Learning, bakes: Option<&Bakes>) -> Dataset {
    let mut d = Dataset::new(name, title);
    d.note("material", learning.material.name.clone())
        .note("temperature_c", celsius(learning.ambient_k).to_string())
        .note("variation", if learning.variation { "on" } else { "off" })
        .note("read_noise", if learning.read_noise { "on" } else { "off" })
        .note("electrons", learning.electrons.words())
        .note("read_bias_v", learning.read_v.to_string())
        .note("read_time_s", learning.read_s.to_string());
    let [raise, lower] = learning.scheme.pulses();
    let (scheme, input) = match learning.scheme {
        Scheme::Plain(p) => ("plain", format!("1 above {}, else 0", p.threshold)),
        Scheme::Pairs(p) => {
            d.note("batch", p.batch.to_string()).note("gain", p.gain.to_string());
            d.note("softmax_scale", p.softmax_scale.to_string());
            ("pairs", "value / 255".to_owned())
        }
    };
    d.note("scheme", scheme).note("input_of_a_pixel", input);
    d.note("selection", Scheme::SELECTION.name());
    d.note("answer", "the digit with the largest sum of input times weight over the pixels");
    for (what, pulse) in [("raising", raise), ("lowering", lower)] {
        d.note(format!("{what}_pulse_v"), pulse.bias_v.to_string());
        d.note(format!("{what}_pulse_s"), pulse.width_s.to_string());
    }
    let hot = |what: &str, kelvin: f64| validity::glass(learning.material, what, kelvin);
    let baking = bakes.into_iter().flat_map(|b| &b.temperatures_c).filter_map(|&c| hot("baking", kelvin(c)));
    let strong = [raise, lower].into_iter().flat_map(|pulse| {
        let measured = validity::measured_bias(learning.material, "a pulse", pulse.bias_v);
        validity::bias("a pulse", pulse.bias_v).into_iter().chain(measured)
    });
    let remarks: Vec<String> = hot("learning", learning.ambient_k).into_iter().chain(strong).chain(baking).collect();
    if !remarks.is_empty() {
        d.note("outside_validity", remarks.join("; "));
    }
    d
}

fn seed_axis(d: &mut Dataset, learning: &Learning, count: usize) {
    let seeds: Array1<u64> = (0..count as u64).map(|i| learning.seed.wrapping_add(i)).collect();
    d.count("seed", &["seed"], "1", "Seed of the array", seeds.into_dyn());
}

fn digit_axes(d: &mut Dataset) {
    let digits: Vec<f64> = (0..DIGITS).map(|digit| digit as f64).collect();
    d.axis("digit", "1", "Digit shown", &digits).axis("answer", "1", "Digit answered", &digits);
}

/// Axes (test, digit, answer).
fn confusion(tested: &[&Tested]) -> Array3<u64> {
    Array3::from_shape_fn((tested.len(), DIGITS, DIGITS), |(i, shown, said)| tested[i].confusion[[shown, said]])
}

/// The learning curve and its price.
fn over_presentations(d: &mut Dataset, all: &[Learnt]) {
    let places: Vec<f64> =
        all.first().map_or(&[][..], |l| &l.stages).iter().map(|s| f64::from(s.presentations)).collect();
    d.axis("presentations", "1", "Digits shown before", &places);
    const AXES: [&str; 2] = ["seed", "presentations"];
    let shape = (all.len(), places.len());
    let real = |of: &dyn Fn(usize, usize) -> f64| Array2::from_shape_fn(shape, |(i, at)| of(i, at)).into_dyn();
    let count = |of: &dyn Fn(usize, usize) -> u64| Array2::from_shape_fn(shape, |(i, at)| of(i, at)).into_dyn();
    let spent = |i: usize, at: usize| &all[i].stages[at].spent;
    let rates = real(&|i, at| all[i].stages[at].tested.accuracy);
    d.real("accuracy", &AXES, "1", "Share of right answers to the test set", rates);
    d.count("raising", &AXES, "1", "Raising pulses so far, over all cells", count(&|i, at| spent(i, at).raising));
    d.count("lowering", &AXES, "1", "Lowering pulses so far, over all cells", count(&|i, at| spent(i, at).lowering));
    d.real("energy_j", &AXES, "J", "Energy of these pulses", real(&|i, at| spent(i, at).energy_j));
    let share = real(&|i, at| spent(i, at).caught_share.max(all[i].preparation.caught_share));
    let what = "Largest ratio of electrons caught to electrons injected in any step so far, of any cell";
    d.real("caught_share", &AXES, "1", what, share);
    digit_axes(d);
    let mut counts = Array4::zeros((all.len(), places.len(), DIGITS, DIGITS));
    for (i, learnt) in all.iter().enumerate() {
        let tested: Vec<_> = learnt.stages.iter().map(|stage| &stage.tested).collect();
        counts.slice_mut(s![i, .., .., ..]).assign(&confusion(&tested));
    }
    let axes = ["seed", "presentations", "digit", "answer"];
    d.count("confusion", &axes, "1", "Pictures of the test set", counts.into_dyn());
}

/// Weights, and the price of the preparation.
fn at_the_end(d: &mut Dataset, all: &[Learnt]) {
    let first = all.first().map_or(&[][..], |learnt| &learnt.stages);
    let side = first.first().map_or(0, |stage| stage.weights_s.dim().1);
    let lines: Vec<f64> = (0..side).map(|line| line as f64).collect();
    d.axis("row", "1", "Row of the picture, from the top", &lines);
    d.axis("column", "1", "Column of the picture, from the left", &lines);
    let gathered = |weights: Vec<&Array3<f64>>| {
        let mut all = Array4::from_elem((weights.len(), DIGITS, side, side), f64::NAN);
        all.outer_iter_mut().zip(weights).for_each(|(mut place, one)| place.assign(one));
        all.into_dyn()
    };
    let what = "Difference of the conductances that make a weight";
    let ends = gathered(all.iter().filter_map(|learnt| learnt.stages.last()).map(|stage| &stage.weights_s).collect());
    d.real("weight_s", &["seed", "digit", "row", "column"], "S", &format!("{what}, at the end"), ends);
    let on_the_way = gathered(first.iter().map(|stage| &stage.weights_s).collect());
    let axes = ["presentations", "digit", "row", "column"];
    d.real("first_weight_s", &axes, "S", &format!("{what}, of the first seed"), on_the_way);
    let pulses: Array1<u64> = all.iter().map(|l| l.preparation.raising).collect();
    d.count("preparing", &["seed"], "1", "Pulses that prepared the array", pulses.into_dyn());
    let energy: Array1<f64> = all.iter().map(|l| l.preparation.energy_j).collect();
    d.real("preparing_energy_j", &["seed"], "J", "Energy of these pulses", energy.into_dyn());
}

/// The first picture of each digit; blank where there is none.
fn pictures(d: &mut Dataset, scheme: Scheme, test: &Digits) {
    let side = test.images.ncols().isqrt();
    let first: [Option<usize>; DIGITS] =
        std::array::from_fn(|digit| test.labels.iter().position(|&label| usize::from(label) == digit));
    let inputs = Array3::from_shape_fn((DIGITS, side, side), |(digit, y, x)| {
        first[digit].map_or(0.0, |image| scheme.input(test.images[[image, y * side + x]]))
    });
    let what = "What the first picture of each digit of the test set puts on the rows, 0 to 1";
    d.real("picture_input", &["digit", "row", "column"], "1", what, inputs.into_dyn());
}
