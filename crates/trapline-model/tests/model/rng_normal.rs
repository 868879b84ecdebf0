//! The variates against the normal distribution: moments, correlations and tails of seeded draws, and the exact
//! number of words beyond each whole sigma out to six.

use trapline_model::rng::{NORMAL_UNIT, Purpose, normal_fixed, words};

const SEED: u64 = 0x5EED_0000_0000_0007;
/// Cells, by steps, by words of one draw: 2^22 variates.
const CELLS: usize = 1 << 18;
const STEPS: usize = 4;
const WORDS: usize = 4;
/// Allowed distance from the expected value, in standard errors. Eighteen statistics of a sound generator exceed 6
/// with a probability of 4e-8; the seed is fixed, so the outcome does not vary.
const STANDARD_ERRORS: f64 = 6.0;

/// Upper tail of the standard normal distribution for z > 0, independently of the functions that the crate's table is
/// built from: Taylor's series below 3, Laplace's continued fraction above (Abramowitz and Stegun 1964, 26.2.11 and
/// 26.2.14).
fn upper_tail(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    if z < 3.0 {
        let (mut term, mut sum) = (z, 0.0);
        for n in 1..100 {
            sum += term;
            term *= z * z / f64::from(2 * n + 1);
        }
        0.5 - density * sum
    } else {
        density / (1..200).rev().fold(z, |tail, n| z + f64::from(n) / tail)
    }
}

/// All variates, cell by cell, each cell's steps in order, each step's words in order.
fn draws(variate: impl Fn(u32) -> f64) -> Vec<f64> {
    // Half of the cells on either side of 2^32.
    let first_cell = (1u64 << 32) - CELLS as u64 / 2;
    let mut normals = Vec::with_capacity(CELLS * STEPS * WORDS);
    for cell in 0..CELLS as u64 {
        for step in 0..STEPS as u32 {
            normals.extend(words(SEED, first_cell + cell, Purpose::Cycle, step, 0).map(&variate));
        }
    }
    normals
}

fn sound(word: u32) -> f64 {
    f64::from(normal_fixed(word)) * NORMAL_UNIT
}

struct Statistic {
    name: String,
    found: f64,
    expected: f64,
    standard_error: f64,
}

impl Statistic {
    fn deviation(&self) -> f64 {
        (self.found - self.expected).abs() / self.standard_error
    }

    /// Written so that NaN is not within.
    fn within(&self) -> bool {
        self.deviation() < STANDARD_ERRORS
    }
}

fn statistics(x: &[f64]) -> Vec<Statistic> {
    let n = x.len() as f64;
    let mut all = Vec::new();
    let mut add =
        |name: String, found, expected, standard_error| all.push(Statistic { name, found, expected, standard_error });
    let mean_of = |f: &dyn Fn(f64) -> f64| x.iter().map(|&z| f(z)).sum::<f64>() / n;

    // Raw moments about the known mean 0. The standard error of a mean of f(z) is sqrt(Var f / n), with E z^2k =
    // (2k - 1)!!: Var z = 1; Var z^2 = 3 - 1; Var z^3 = 15; Var z^4 = 105 - 3^2. What the fixed point adds, 8e-7 per
    // variate, is 600 times less than the smallest of these errors, 4.9e-4.
    add("mean".into(), mean_of(&|z| z), 0.0, (1.0 / n).sqrt());
    add("variance".into(), mean_of(&|z| z * z), 1.0, (2.0 / n).sqrt());
    add("skewness".into(), mean_of(&|z| z.powi(3)), 0.0, (15.0 / n).sqrt());
    add("kurtosis".into(), mean_of(&|z| z.powi(4)), 3.0, (96.0 / n).sqrt());

    // Counts are binomial: variance n p (1 - p).
    for sigma in 1..=4 {
        let p = upper_tail(f64::from(sigma));
        let standard_error = (n * p * (1.0 - p)).sqrt();
        let above = x.iter().filter(|&&z| z > f64::from(sigma)).count() as f64;
        let below = x.iter().filter(|&&z| z < -f64::from(sigma)).count() as f64;
        add(format!("count above {sigma} sigma"), above, n * p, standard_error);
        add(format!("count below -{sigma} sigma"), below, n * p, standard_error);
    }

    // Products of independent normals: mean 0, variance 1. Products of their squares less 1: mean 0, variance 2 * 2.
    // Pairs that share a variate are uncorrelated all the same. The same distance in memory, but never across the
    // block's end.
    for (name, block, distance) in [
        ("words of one draw", WORDS, 1),
        ("neighbouring steps", STEPS * WORDS, WORDS),
        ("neighbouring cells", x.len(), STEPS * WORDS),
    ] {
        let pairs = || x.chunks(block).flat_map(|block| block.iter().zip(&block[distance..]));
        let count = pairs().count() as f64;
        let products = pairs().map(|(a, b)| a * b).sum::<f64>() / count;
        let squares = pairs().map(|(a, b)| (a * a - 1.0) * (b * b - 1.0)).sum::<f64>() / count;
        add(format!("correlation of {name}"), products, 0.0, (1.0 / count).sqrt());
        add(format!("correlation of the squares of {name}"), squares, 0.0, (4.0 / count).sqrt());
    }
    all
}

#[test]
fn draws_are_normal_and_uncorrelated() {
    for statistic in statistics(&draws(sound)) {
        let Statistic { name, found, expected, standard_error } = &statistic;
        println!("{name}: {found:.6} for {expected:.6}, {:.2} standard errors", statistic.deviation());
        assert!(statistic.within(), "{name}: {found} for {expected} +- {standard_error}");
    }
}

/// Negative controls: each must be caught, and by the statistics that are made for it.
#[test]
fn flawed_draws_are_caught() {
    let caught = |x: &[f64]| -> Vec<String> {
        statistics(x).into_iter().filter(|statistic| !statistic.within()).map(|statistic| statistic.name).collect()
    };
    let includes = |names: &[String], name: &str| names.iter().any(|caught| caught == name);

    let shifted = caught(&draws(|word| sound(word) + 0.004));
    assert!(includes(&shifted, "mean"), "{shifted:?}");
    let scaled = caught(&draws(|word| sound(word) * 1.006));
    assert!(includes(&scaled, "variance"), "{scaled:?}");
    // A sum of twelve uniforms, the classic short cut: its tails are too thin.
    let twelve = caught(&draws(|word| {
        let mut sum = -6.0;
        for part in 0..3 {
            sum += words(SEED, u64::from(word), Purpose::Device, part, 0)
                .iter()
                .map(|&w| (f64::from(w) + 0.5) / 4_294_967_296.0)
                .sum::<f64>();
        }
        sum
    }));
    assert!(includes(&twelve, "kurtosis") && includes(&twelve, "count above 4 sigma"), "{twelve:?}");

    // Each variate mixed with its neighbour at one distance, the variance kept.
    for (distance, name) in
        [(1, "words of one draw"), (WORDS, "neighbouring steps"), (STEPS * WORDS, "neighbouring cells")]
    {
        let (x, amount) = (draws(sound), 0.01f64);
        let mixed: Vec<f64> = (0..x.len())
            .map(|i| (1.0 - amount * amount).sqrt() * x[i] + amount * x[(i + distance) % x.len()])
            .collect();
        let mixed = caught(&mixed);
        assert!(includes(&mixed, &format!("correlation of {name}")), "{mixed:?}");
    }
    let nothing = caught(&draws(|_| f64::NAN));
    assert!(includes(&nothing, "mean"), "{nothing:?}");
}

/// The number of words w with variate(w) > bound, of all 2^32, for a map that does not decrease.
fn words_above(variate: impl Fn(u32) -> i32, bound: i32) -> u64 {
    let (mut not_above, mut above) = (-1i64, 1i64 << 32);
    while above - not_above > 1 {
        let middle = (not_above + above) / 2;
        if variate(middle as u32) > bound { above = middle } else { not_above = middle }
    }
    ((1i64 << 32) - above) as u64
}

/// How far the counts are from 2^32 Q(sigma), as a fraction of what is allowed, for 1 to 6 sigma in both tails.
///
/// The map errs by at most 7.5e-7 in z and bisection by one unit where the map may step back by one, 9.5e-7: together
/// 1.7e-6, times 2^32 and the density at sigma. Counting whole words adds at most one.
fn worst_tail(variate: impl Fn(u32) -> i32) -> f64 {
    let mut worst: f64 = 0.0;
    for sigma in 1..=6 {
        let bound = (f64::from(sigma) / NORMAL_UNIT) as i32;
        let z = f64::from(sigma);
        let expected = 4_294_967_296.0 * upper_tail(z);
        let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
        let allowed = 1.0 + 4_294_967_296.0 * density * 1.7e-6;
        for (side, count) in
            [("above", words_above(&variate, bound)), ("below", (1 << 32) - words_above(&variate, -bound - 1))]
        {
            println!("{side} {sigma} sigma: {count} words, {expected:.2} +- {allowed:.2} expected");
            worst = worst.max((count as f64 - expected).abs() / allowed);
        }
    }
    worst
}

#[test]
fn every_word_beyond_each_sigma_is_accounted_for() {
    assert!(worst_tail(normal_fixed) < 1.0);
}

#[test]
fn flawed_tails_are_caught() {
    // Ten units are 1e-5 sigma; a scale by 2e-5 shows beyond 1 sigma, and a cut at 5.5 sigma in the last stratum only.
    assert!(worst_tail(|word| normal_fixed(word) + 10) > 1.0);
    assert!(worst_tail(|word| (f64::from(normal_fixed(word)) * 1.00002) as i32) > 1.0);
    let cut = (5.5 / NORMAL_UNIT) as i32;
    assert!(worst_tail(|word| normal_fixed(word).clamp(-cut, cut)) > 1.0);
}
