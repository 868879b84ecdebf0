use super::*;

fn source(cell: u64) -> Source {
    Source { seed: 7, cell, purpose: Purpose::Bake, step: 3, event: 5 }
}

/// A word that no draw uses.
fn first(cell: u64) -> u32 {
    words(11, cell, Purpose::Bake, 0, 0)[0]
}

/// ln of a binomial's probability of a count; its own path through libm, not the tables' ratios.
pub(super) fn ln_mass(n: f64, p: f64, k: f64) -> f64 {
    libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
        + k * libm::log(p)
        + (n - k) * libm::log1p(-p)
}

/// Chi-squared of draws against the law, over the degrees of freedom as a standard normal (Wilson and Hilferty): cells
/// of at least 10 expected.
fn chi_squared(draws: u64, n: u32, p: f32, exact_p: f64, draw: impl Fn(u64) -> u32) -> Result<f64, String> {
    let (n_f, p_f) = (f64::from(n), exact_p);
    let mut counts = std::collections::BTreeMap::<u32, u64>::new();
    for cell in 0..draws {
        *counts.entry(draw(cell)).or_default() += 1;
    }
    let sd = (n_f * p_f * (1.0 - p_f)).sqrt();
    let low = (n_f * p_f - 8.0 * sd - 20.0).max(0.0) as u32;
    let high = ((n_f * p_f + 8.0 * sd + 20.0) as u32).min(n);
    if let Some((count, _)) = counts.iter().find(|(count, _)| **count < low || **count > high) {
        return Err(format!("n {n} p {p}: {count} was drawn, of {low} to {high}"));
    }
    let (mut chi, mut cells) = (0.0, 0);
    let (mut expected, mut seen) = (0.0, 0u64);
    let (mut all_expected, mut all_seen) = (0.0, 0u64);
    let mut add = |expected: f64, seen: u64| {
        chi += (seen as f64 - expected) * (seen as f64 - expected) / expected;
        cells += 1;
    };
    for k in low..=high {
        expected += draws as f64 * libm::exp(ln_mass(n_f, p_f, f64::from(k)));
        seen += counts.get(&k).copied().unwrap_or(0);
        if expected >= 10.0 && draws as f64 - all_expected - expected >= 10.0 {
            all_expected += expected;
            all_seen += seen;
            add(expected, seen);
            (expected, seen) = (0.0, 0);
        }
    }
    let rest = draws as f64 - all_expected;
    if rest > 1.0 {
        add(rest, draws - all_seen);
    }
    if cells < 2 {
        return Ok(0.0);
    }
    let freedom = f64::from(cells - 1);
    let scale = 2.0 / (9.0 * freedom);
    Ok((libm::cbrt(chi / freedom) - (1.0 - scale)) / scale.sqrt())
}

const TRIALS: [u32; 12] = [0, 1, 5, 9, 10, 11, 33, 50, 1000, 7500, 60_000, MOST_TRIALS - 5];
const PROBABILITIES: [f32; 15] =
    [1e-30, 1e-9, 1e-6, 1e-5, 1e-4, 0.004, 0.03, 0.1, 0.25, 0.3, 0.5, 0.500_000_06, 0.77, 0.99, 0.999_999_9];

fn agrees(draws: u64) {
    let counts = Counts::up_to(MOST_TRIALS);
    let mut tried = 0;
    for n in TRIALS {
        for p in PROBABILITIES {
            let found =
                chi_squared(draws, n, p, f64::from(p), |cell| binomial(&counts, &source(cell), first(cell), n, p));
            let z = found.unwrap_or_else(|message| panic!("{message}"));
            // 180 of them: one in 1e4 sets of tests has one above.
            assert!(z < 4.9, "n {n} p {p}: {z} sd");
            tried += 1;
        }
    }
    assert_eq!(tried, TRIALS.len() * PROBABILITIES.len());
}

#[test]
fn a_binomial_is_one() {
    agrees(40_000);
}

#[test]
#[ignore = "an hour: 1e8 draws of each"]
fn a_binomial_is_one_long() {
    agrees(100_000_000);
}

/// Controls: the same measure tells a law that is a little off.
#[test]
fn chi_squared_tells() {
    let counts = Counts::up_to(60_000);
    let draw = |cell, n, p| binomial(&counts, &source(cell), first(cell), n, p);
    let z = |n, p, other: f64| chi_squared(200_000, n, p, other, |cell| draw(cell, n, p)).unwrap_or(f64::INFINITY);
    assert!(z(1000, 0.03, 0.03) < 4.0 && z(1000, 0.03, 0.0303) > 6.0);
    assert!(z(50, 0.004, 0.004) < 4.0 && z(50, 0.004, 0.0042) > 5.0);
    // A normal's rounded draws have no skewness.
    let normal = |cell: u64| {
        let z = f64::from(super::super::normal_fixed(first(cell))) * super::super::NORMAL_UNIT;
        (30.0 + 29.1f64.sqrt() * z).round().max(0.0) as u32
    };
    assert!(chi_squared(200_000, 1000, 0.03, 0.03, normal).unwrap_or(f64::INFINITY) > 10.0);
}

#[test]
fn moments_are_those_of_the_law() {
    let counts = Counts::up_to(MOST_TRIALS);
    for n in TRIALS {
        for p in PROBABILITIES {
            let (draws, mean) = (100_000, f64::from(n) * f64::from(p));
            let variance = mean * (1.0 - f64::from(p));
            let (mut sum, mut squares) = (0.0, 0.0);
            for cell in 0..draws {
                let d = f64::from(binomial(&counts, &source(cell), first(cell), n, p)) - mean;
                sum += d;
                squares += d * d;
            }
            let count = draws as f64;
            assert!((sum / count).abs() <= 5.0 * (variance / count).sqrt() + 1e-300, "mean of n {n} p {p}");
            // Variance of the square: fourth moment less the variance's square.
            let q = f64::from(p) * (1.0 - f64::from(p));
            let fourth = variance * (1.0 + 3.0 * (f64::from(n) - 2.0) * q);
            let sd = ((fourth - variance * variance).max(0.0) / count).sqrt();
            assert!((squares / count - variance).abs() <= 5.0 * sd + 1e-300, "variance of n {n} p {p}");
        }
    }
}

#[test]
fn certain_and_impossible_events() {
    let counts = Counts::up_to(1000);
    for n in [0, 1, 31, 32, 33, 1000] {
        for (p, all) in [(0.0, false), (-1.0, false), (f32::NAN, false), (1e-38, false), (1.0, true), (2.0, true)] {
            assert_eq!(binomial(&counts, &source(1), 0, n, p), if all { n } else { 0 }, "{n} {p}");
        }
        for cell in 0..1000 {
            // A first word of 0 asks for a tie.
            for first in [0, u32::MAX, first(cell)] {
                assert!(binomial(&counts, &source(cell), first, n, 0.2) <= n);
                assert!(binomial(&counts, &source(cell), first, n, 1e-4) <= n);
            }
        }
    }
}

#[test]
fn thinning_twice_is_thinning_once() {
    let counts = Counts::up_to(10_000);
    let twice = |cell| {
        let once = binomial(&counts, &source(cell), first(cell), 3000, 0.2);
        let again = Source { event: 9, ..source(cell) };
        binomial(&counts, &again, words(12, cell, Purpose::Bake, 0, 0)[0], once, 0.05)
    };
    let z = chi_squared(300_000, 3000, 0.01, f64::from(0.2f32) * f64::from(0.05f32), twice);
    assert!(z.as_ref().is_ok_and(|z| *z < 4.0), "{z:?}");
}

#[test]
fn poisson_has_its_mean_and_variance() {
    let counts = Counts::up_to(MOST_TRIALS);
    for mean in [1e-3, 0.3, 1.0, 4.7, 31.9, 7500.4, 60_123.7, 8e6] {
        let (draws, mut sum, mut squares) = (200_000, 0.0, 0.0);
        let mut none = 0;
        for cell in 0..draws {
            let drawn = poisson(&counts, &source(cell), first(cell), mean);
            none += u32::from(drawn == 0);
            let d = f64::from(drawn) - f64::from(mean);
            sum += d;
            squares += d * d;
        }
        let (count, mean) = (f64::from(draws as u32), f64::from(mean));
        assert!((sum / count).abs() < 5.0 * (mean / count).sqrt(), "mean of {mean}");
        let sd = ((mean + 2.0 * mean * mean) / count).sqrt();
        assert!((squares / count - mean).abs() < 5.0 * sd, "variance of {mean}");
        let p = libm::exp(-mean);
        assert!((f64::from(none) / count - p).abs() <= 5.0 * (p * (1.0 - p) / count).sqrt() + 1e-9, "none of {mean}");
    }
}

#[test]
fn a_draw_is_a_function_of_its_source() {
    let counts = Counts::up_to(7500);
    let draw = |source: &Source| binomial(&counts, source, 5, 7500, 0.03);
    let of = source(1);
    assert_eq!(draw(&of), draw(&of));
    let others =
        [Source { seed: 8, ..of }, Source { cell: 2, ..of }, Source { step: 4, ..of }, Source { event: 6, ..of }];
    assert!(others.iter().filter(|other| draw(other) != draw(&of)).count() >= 3);
    // Larger tables do not change a draw.
    let large = Counts::up_to(MOST_TRIALS);
    for cell in 0..1000 {
        let p = 0.001 * (cell as f32 + 1.0) / 1.1;
        assert_eq!(
            binomial(&counts, &source(cell), first(cell), 7500, p),
            binomial(&large, &source(cell), first(cell), 7500, p)
        );
    }
}
