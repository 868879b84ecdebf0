//! Laws of whole numbers: how many electrons a cell holds, and how many of them it loses.

use trapline_model::cell::filled::Spread;

/// Chances of the whole numbers from `first` on; those below the least that count are cut off, the rest sum to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Numbers {
    pub(super) first: u64,
    pub(super) chances: Vec<f64>,
}

impl Numbers {
    /// Those of all numbers from 0 on, without the ends below `least` of the greatest.
    pub(super) fn of_all(all: &[f64], least: f64) -> Numbers {
        let greatest = all.iter().copied().fold(0.0, f64::max);
        let counts = |chance: &f64| *chance > 0.0 && *chance >= least * greatest;
        let first = all.iter().position(counts).unwrap_or(0);
        let end = all.iter().rposition(counts).map_or(first, |last| last + 1);
        Numbers { first: first as u64, chances: all[first..end].to_vec() }.normalised()
    }

    fn normalised(mut self) -> Numbers {
        let sum: f64 = self.chances.iter().sum();
        self.chances.iter_mut().for_each(|chance| *chance /= sum);
        self
    }

    /// Of electrons of a cell of so many dots, of which the filling is that of the mean field.
    ///
    /// The binomial law continued to trials that are no whole number and start anywhere, which has the cumulants asked
    /// for: `C(t, n - s) p^(n - s) q^(t - n + s)` of variance `t p q`, third cumulant `t p q (1 - 2 p)` and mean `s + t
    /// p`. Near p = 0 it is a Poisson law, at p = 1/2 nearly the normal one. The one binomial law is its own case.
    pub(super) fn filled(dots: f64, filling: f64, spread: &Spread, least: f64) -> Numbers {
        let (mean, variance) = ((dots * filling + spread.offset).clamp(0.0, dots), dots * spread.variance);
        let low = libm::floor(mean);
        if variance < LEAST_VARIANCE {
            // The two numbers next to the mean.
            let above = mean - low;
            return Numbers { first: low as u64, chances: vec![1.0 - above, above] };
        }
        let skewness = (spread.third / spread.variance).clamp(-MOST_SKEWNESS, MOST_SKEWNESS);
        let (p, q) = (0.5 * (1.0 - skewness), 0.5 * (1.0 + skewness));
        let trials = variance / (p * q);
        let start = mean - trials * p;
        let odds = p / q;
        let mut upwards = Vec::new();
        let (mut n, mut chance) = (low, 1.0);
        while chance >= least && n <= dots {
            upwards.push(chance);
            let of = n - start;
            chance *= ((trials - of) / (of + 1.0) * odds).max(0.0);
            n += 1.0;
        }
        let (mut n, mut chance) = (low, 1.0);
        let mut chances = Vec::new();
        loop {
            let of = n - start;
            chance *= (of / (trials - of + 1.0) / odds).max(0.0);
            n -= 1.0;
            if chance < least || n < 0.0 {
                break;
            }
            chances.push(chance);
        }
        let first = low as u64 - chances.len() as u64;
        chances.reverse();
        chances.extend(upwards);
        Numbers { first, chances }.normalised()
    }

    /// The chance of none.
    pub(super) fn of_none(&self) -> f64 {
        if self.first == 0 { self.chances.first().copied().unwrap_or(1.0) } else { 0.0 }
    }
}

/// Below this variance a number of electrons is one of two.
const LEAST_VARIANCE: f64 = 0.3;
/// Largest third cumulant over the variance: 1 is a Poisson law's, whose trials have no end.
const MOST_SKEWNESS: f64 = 1.0 - 1e-6;

/// `ln C(n, k)`.
fn ln_choices(n: f64, k: f64) -> f64 {
    libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
}

/// Poisson chances of the given numbers, over their sum.
pub(super) fn poisson(mean: f64, numbers: &[f64]) -> Vec<f64> {
    let ln_mean = libm::log(mean);
    let ln = |n: f64| n * ln_mean - mean - libm::lgamma(n + 1.0);
    let most = numbers.iter().map(|n| ln(*n)).fold(f64::NEG_INFINITY, f64::max);
    let chances: Vec<f64> = numbers.iter().map(|n| libm::exp(ln(*n) - most)).collect();
    let sum: f64 = chances.iter().sum();
    chances.into_iter().map(|chance| chance / sum).collect()
}

/// The chance that each of some electrons is lost, and what it lacks of 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loss {
    pub(super) lost: f64,
    pub(super) kept: f64,
}

/// Chances of losing an electron below this are none: its quotients would leave f64.
const LEAST_LOSS: f64 = 1e-300;

/// Chances that `count` or more of `electrons` are lost, and that exactly one fewer are; as accurate where they are
/// small. `count` is 1 or more, and no more than there are.
///
/// The chance of the number itself by factorials; from it upwards the terms of the tail, or downwards those of what it
/// lacks of 1, each from the one before, until they add nothing.
fn tail(electrons: f64, count: f64, loss: Loss) -> (f64, f64) {
    let Loss { lost, kept } = loss;
    if lost < LEAST_LOSS {
        return (0.0, if count <= 1.0 { 1.0 } else { 0.0 });
    }
    let ln = ln_choices(electrons, count) + count * libm::log(lost) + (electrons - count) * libm::log(kept);
    let at = libm::exp(ln);
    let below = at * count / (electrons - count + 1.0) * (kept / lost);
    if count > electrons * lost {
        let (mut term, mut sum, mut k) = (at, at, count);
        while term > 1e-17 * sum && k < electrons {
            term *= (electrons - k) / (k + 1.0) * (lost / kept);
            k += 1.0;
            sum += term;
        }
        (sum.min(1.0), below)
    } else {
        let (mut term, mut sum, mut k) = (below, below, count - 1.0);
        while term > 1e-17 * sum && k > 0.0 {
            term *= k / (electrons - k + 1.0) * (kept / lost);
            k -= 1.0;
            sum += term;
        }
        ((1.0 - sum).max(0.0), below)
    }
}

/// Numbers of electrons from one tail that is summed anew to the next.
const AFRESH: u32 = 64;

/// The chance that a cell loses too many: of so many electrons as `numbers` says, `least` or more, which follows from
/// their number. None are never too many.
///
/// From the most electrons down, each tail from the one before,
///
/// ```text
/// T(n - 1, L) = T(n, L) - p C(n - 1, L - 1) p^(L - 1) q^(n - L),   T(n, L +- 1) = T(n, L) -+ C(n, .) p^. q^(n - .)
/// ```
///
/// in which errors are added and not multiplied; summed anew after some, and where the tail has fallen far.
pub(super) fn too_many(numbers: &Numbers, loss: Loss, least: impl Fn(f64) -> f64) -> f64 {
    let Loss { lost, kept } = loss;
    if lost <= 0.0 {
        return 0.0;
    }
    let mut sum = 0.0;
    // The tail of `count` or more of `electrons`, and the chance of one fewer.
    let (mut count, mut tail_now, mut below) = (0.0, 0.0, 0.0);
    let (mut since, mut at_fresh) = (AFRESH, 0.0);
    for (i, chance) in numbers.chances.iter().enumerate().rev() {
        let electrons = (numbers.first + i as u64) as f64;
        if electrons == 0.0 {
            continue;
        }
        let needed = least(electrons);
        if kept <= 0.0 {
            sum += chance;
            continue;
        }
        if since < AFRESH {
            // From one electron more.
            let before = electrons + 1.0;
            below *= (before - count + 1.0) / (before * kept);
            tail_now -= lost * below;
            while count > needed {
                tail_now += below;
                below *= (count - 1.0) / (electrons - count + 2.0) * (kept / lost);
                count -= 1.0;
            }
            while count < needed {
                below *= (electrons - count + 1.0) / count * (lost / kept);
                tail_now -= below;
                count += 1.0;
            }
            since += 1;
        }
        if since >= AFRESH || tail_now < 0.1 * at_fresh {
            count = needed;
            (tail_now, below) = tail(electrons, count, loss);
            (since, at_fresh) = (0, tail_now);
        }
        sum += chance * tail_now;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sum over all numbers in another way: each term by its logarithm.
    fn by_terms(electrons: f64, count: f64, loss: Loss) -> f64 {
        let terms = (count as u64..=electrons as u64).map(|k| {
            let k = k as f64;
            (ln_choices(electrons, k) + k * loss.lost.ln() + (electrons - k) * loss.kept.ln()).exp()
        });
        terms.sum()
    }

    #[test]
    fn tails_are_sums_of_their_terms_down_to_1e_300() {
        for (electrons, lost) in [(1.0, 0.3), (17.0, 1e-7), (1900.0, 0.015), (1900.0, 0.5), (18_000.0, 1e-3)] {
            let loss = Loss { lost, kept: 1.0 - lost };
            let mut smallest: f64 = 1.0;
            for count in [1.0, 2.0, 5.0, 57.0, 200.0, 400.0, 1900.0] {
                if count > electrons {
                    continue;
                }
                let (found, exact) = (tail(electrons, count, loss).0, by_terms(electrons, count, loss));
                // Logarithms of factorials up to 1.6e5, of 2e-16 each.
                assert!(
                    (found / exact.max(1e-320) - 1.0).abs() < 3e-10 || exact < 1e-300,
                    "{electrons} {count} {lost}: {found:e} {exact:e}"
                );
                smallest = smallest.min(found);
            }
            assert!(electrons < 1000.0 || smallest < 1e-100, "{smallest:e}");
        }
    }

    #[test]
    fn a_sum_over_electrons_is_that_of_their_tails() {
        // Few and many, rare and frequent; a limit that falls with the number, as that of a read-out does.
        for (first, count, lost, share) in
            [(1, 40, 1e-3, 0.1), (1500, 800, 0.012, 0.03), (17_000, 1500, 4e-4, 0.008), (100, 300, 0.2, 0.19)]
        {
            let numbers = Numbers { first, chances: vec![1.0 / f64::from(count); count as usize] };
            let loss = Loss { lost, kept: 1.0 - lost };
            let least = |n: f64| (share * n * (1.0 - 0.2 * n / 20_000.0)).floor() + 1.0;
            let found = too_many(&numbers, loss, least);
            let exact: f64 = (0..u64::from(count as u32))
                .map(|i| (first + i) as f64)
                .map(|n| by_terms(n, least(n), loss) / f64::from(count))
                .sum();
            // As the tails are.
            assert!((found / exact - 1.0).abs() < 1e-9, "{first} {lost}: {found:e} {exact:e}");
        }
        let all_lost = Loss { lost: 1.0, kept: 0.0 };
        assert_eq!(too_many(&Numbers { first: 0, chances: vec![0.25, 0.75] }, all_lost, |_| 1.0), 0.75);
    }

    #[test]
    fn a_continued_binomial_law_is_the_binomial_one_and_has_its_cumulants() {
        let (dots, p) = (300.0, 0.2);
        let spread = Spread { offset: 0.0, variance: p * (1.0 - p), third: p * (1.0 - p) * (1.0 - 2.0 * p) };
        let found = Numbers::filled(dots, p, &spread, 1e-24);
        for (i, chance) in found.chances.iter().enumerate() {
            let n = (found.first + i as u64) as f64;
            let exact = (ln_choices(dots, n) + n * p.ln() + (dots - n) * (1.0 - p).ln()).exp();
            // Some hundred quotients of 2e-16, and factorials.
            assert!((chance / exact - 1.0).abs() < 1e-11, "{n}: {chance:e} {exact:e}");
        }
        // Narrow ones, to either side.
        for (offset, variance, third) in [(0.3, 0.05, 0.01), (-0.2, 0.03, -0.005), (0.0, 0.19, 0.187)] {
            let spread = Spread { offset, variance, third };
            let found = Numbers::filled(dots, p, &spread, 1e-24);
            let number = |i: usize| (found.first + i as u64) as f64;
            let mean: f64 = found.chances.iter().enumerate().map(|(i, chance)| chance * number(i)).sum();
            let central = |power: i32| -> f64 {
                found.chances.iter().enumerate().map(|(i, c)| c * (number(i) - mean).powi(power)).sum()
            };
            // What the trials are no whole number for makes nothing here: the ends have chances below 1e-6.
            assert!((mean - dots * p - offset).abs() < 1e-4, "{mean}");
            assert!((central(2) / (dots * variance) - 1.0).abs() < 1e-3, "{}", central(2));
            assert!((central(3) - dots * third).abs() < 0.01 * dots * variance, "{}", central(3));
        }
    }
}
