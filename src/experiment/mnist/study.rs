//! Arrays of several seeds that learn the same: raw data of the learning curve, the answers, the weights and what they cost.

use super::crossbar::Crossbar;
use super::learn::{Learning, Learnt, after_bake, check_digits, learn};
use super::scheme::Scheme;
use super::score::{Scorer, Tested};
use super::{DIGITS, Digits, Mnist, MnistError};
use crate::backend::Backend;
use crate::cell::validity;
use crate::dataset::Dataset;
use crate::units::{YEAR_S, celsius, kelvin};
use ndarray::{Array1, Array2, Array3, Array4, s};

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

/// Presentations at which a learning curve is looked at: 1, 2 and 5 of each decade from 100, and every tenth of all.
pub fn stages(presentations: u32) -> Vec<u32> {
    let decades = (2..9).flat_map(|e| [1, 2, 5].map(|digit| digit * 10u32.pow(e)));
    let tenths = (1..10).map(|tenth| (u64::from(presentations) * tenth / 10) as u32);
    let mut all: Vec<u32> = decades.chain(tenths).filter(|at| (1..presentations).contains(at)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The first seed and those that follow it.
fn seeds(learning: &Learning, count: u32) -> Vec<u64> {
    (0..u64::from(count)).map(|i| learning.seed.wrapping_add(i)).collect()
}

/// Teaches an array for each of `seeds` seeds, from the learning's on; `progress` is told of each further presentation.
///
/// Axes: `seed`, `presentations` (from 0), `digit` (shown, or of a weight), `answer`, `row` and `column` (of the picture), and
/// with bakes `bake_temperature_c` and `bake_time_s`. Over (seed, presentations): `accuracy`, the pulses so far `raising` and
/// `lowering`, their `energy_j`, and `caught_share`, the largest ratio of electrons caught to electrons injected in any pulse or
/// reading so far, of the preparation too. Over (seed, digit, answer): `confusion` at the end. Over (seed, digit, row, column):
/// `fresh_weight_s` and `weight_s` at the end. Over (seed): `preparing` pulses and their `preparing_energy_j`. Over (seed,
/// bake_temperature_c, bake_time_s): `baked_accuracy`.
///
/// # Errors
/// As [`learn`].
pub fn run(
    with: &dyn Backend,
    name: &str,
    learning: &Learning,
    seed_count: u32,
    bakes: Option<&Bakes>,
    mnist: &Mnist,
    progress: &dyn Fn(u32),
) -> Result<Dataset, MnistError> {
    let numbers = seeds(learning, seed_count);
    let mut all = Vec::with_capacity(numbers.len());
    let mut baked = Vec::new();
    for &seed in &numbers {
        let one = Learning { seed, ..learning.clone() };
        let learnt = learn(with, &one, mnist, progress)?;
        for (celsius, time_s) in bakes.into_iter().flat_map(pairs) {
            baked.push(after_bake(with, &one, &learnt.occupancy, kelvin(celsius), time_s, &mnist.test)?.accuracy);
        }
        all.push(learnt);
    }
    let title = format!("{} presentations of handwritten digits", learning.presentations);
    let mut d = described(name, &title, learning, bakes);
    seed_axis(&mut d, &numbers);
    over_presentations(&mut d, &all);
    at_the_end(&mut d, &all);
    if let Some(bakes) = bakes {
        let (temperatures, times) = (&bakes.temperatures_c, &bakes.times_s);
        d.axis("bake_temperature_c", "°C", "Temperature of the bake", temperatures);
        d.axis("bake_time_s", "s", "Time of the bake at 0 V", times);
        let shape = (numbers.len(), temperatures.len(), times.len());
        let rates =
            Array3::from_shape_vec(shape, baked).map_err(|e| MnistError::value("the bakes' shape", e, "full"))?;
        let axes = ["seed", "bake_temperature_c", "bake_time_s"];
        d.real("baked_accuracy", &axes, "1", "Share of right answers after the bake", rates.into_dyn());
    }
    Ok(d)
}

/// Shows the test set to prepared arrays that have learnt nothing, one a seed: `accuracy` (seed), `confusion` (seed, digit, answer).
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
    let numbers = seeds(learning, seed_count);
    let mut tested = Vec::with_capacity(numbers.len());
    for &seed in &numbers {
        let one = Learning { seed, ..learning.clone() };
        let crossbar = Crossbar::prepared(with, &one, pixels)?;
        tested.push(Scorer::new(one.scheme).test(&crossbar.conductance_s, test));
    }
    let mut d = described(name, "Handwritten digits shown to arrays that have learnt nothing", learning, None);
    seed_axis(&mut d, &numbers);
    digit_axes(&mut d);
    let rates: Array1<f64> = tested.iter().map(|t| t.accuracy).collect();
    d.real("accuracy", &["seed"], "1", "Share of right answers", rates.into_dyn());
    confusion(&mut d, &tested.iter().collect::<Vec<_>>());
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
        .note("read_noise", "off")
        .note("read_bias_v", learning.read_v.to_string());
    let (scheme, input, raise, lower) = match learning.scheme {
        Scheme::Plain(p) => ("plain", format!("1 above {}, else 0", p.threshold), p.raise, p.lower),
        Scheme::Pairs(p) => {
            d.note("batch", p.batch.to_string()).note("gain", p.gain.to_string());
            d.note("softmax_scale", p.softmax_scale.to_string());
            ("pairs", "value / 255".to_owned(), p.raise, p.lower)
        }
    };
    d.note("scheme", scheme).note("input_of_a_pixel", input);
    d.note("answer", "the digit with the largest sum of input times weight over the pixels");
    for (what, pulse) in [("raising", raise), ("lowering", lower)] {
        d.note(format!("{what}_pulse_v"), pulse.bias_v.to_string());
        d.note(format!("{what}_pulse_s"), pulse.width_s.to_string());
    }
    let hot = |what: &str, kelvin: f64| validity::glass(learning.material, what, kelvin);
    let baking = bakes.into_iter().flat_map(|b| &b.temperatures_c).filter_map(|&c| hot("baking", kelvin(c)));
    let strong = [raise, lower].into_iter().filter_map(|pulse| validity::bias("a pulse", pulse.bias_v));
    let remarks: Vec<String> = hot("learning", learning.ambient_k).into_iter().chain(strong).chain(baking).collect();
    if !remarks.is_empty() {
        d.note("outside_validity", remarks.join("; "));
    }
    d
}

fn seed_axis(d: &mut Dataset, seeds: &[u64]) {
    d.count("seed", &["seed"], "1", "Seed of the array", Array1::from(seeds.to_vec()).into_dyn());
}

fn digit_axes(d: &mut Dataset) {
    let digits: Vec<f64> = (0..DIGITS).map(|digit| digit as f64).collect();
    d.axis("digit", "1", "Digit shown", &digits).axis("answer", "1", "Digit answered", &digits);
}

fn confusion(d: &mut Dataset, tested: &[&Tested]) {
    let counts =
        Array3::from_shape_fn((tested.len(), DIGITS, DIGITS), |(i, shown, said)| tested[i].confusion[[shown, said]]);
    d.count("confusion", &["seed", "digit", "answer"], "1", "Pictures of the test set", counts.into_dyn());
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
}

/// Answers, weights, and the price of the preparation.
fn at_the_end(d: &mut Dataset, all: &[Learnt]) {
    digit_axes(d);
    let ends: Vec<_> = all.iter().filter_map(|learnt| learnt.stages.first().zip(learnt.stages.last())).collect();
    confusion(d, &ends.iter().map(|(_, last)| &last.tested).collect::<Vec<_>>());
    let side = ends.first().map_or(0, |(first, _)| first.weights_s.dim().1);
    let lines: Vec<f64> = (0..side).map(|line| line as f64).collect();
    d.axis("row", "1", "Row of the picture, from the top", &lines);
    d.axis("column", "1", "Column of the picture, from the left", &lines);
    let mut weights = [(); 2].map(|()| Array4::from_elem((all.len(), DIGITS, side, side), f64::NAN));
    for (i, (first, last)) in ends.iter().enumerate() {
        weights[0].slice_mut(s![i, .., .., ..]).assign(&first.weights_s);
        weights[1].slice_mut(s![i, .., .., ..]).assign(&last.weights_s);
    }
    let [fresh, learnt] = weights;
    let axes = ["seed", "digit", "row", "column"];
    let what = "Difference of the conductances that make a weight";
    d.real("fresh_weight_s", &axes, "S", &format!("{what}, before learning"), fresh.into_dyn());
    d.real("weight_s", &axes, "S", &format!("{what}, at the end"), learnt.into_dyn());
    let pulses: Array1<u64> = all.iter().map(|l| l.preparation.raising).collect();
    d.count("preparing", &["seed"], "1", "Pulses that prepared the array", pulses.into_dyn());
    let energy: Array1<f64> = all.iter().map(|l| l.preparation.energy_j).collect();
    d.real("preparing_energy_j", &["seed"], "J", "Energy of these pulses", energy.into_dyn());
}
