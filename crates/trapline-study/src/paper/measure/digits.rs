//! Claims on handwritten digits: rates are counted again from the answers.

use super::super::claims::Measured;
use super::super::digits::{LEARNING_SEEDS, PRESENTATIONS, UNTRAINED_SEEDS};
use super::{Outcome, Raw, deviation, largest, mean, smallest};
use ndarray::{ArrayView2, Axis, Ix3, Ix4};
use trapline_model::dataset::{Dataset, DatasetError};

/// Pictures a test set must have.
const PICTURES: u64 = 10_000;

/// Share of right answers in counts over (digit, answer).
fn rate(counts: ArrayView2<u64>) -> f64 {
    counts.diag().sum() as f64 / counts.sum() as f64
}

fn rates<'a>(tests: impl Iterator<Item = ArrayView2<'a, u64>> + Clone) -> (Vec<f64>, bool) {
    (tests.clone().map(rate).collect(), tests.into_iter().all(|counts| counts.sum() == PICTURES))
}

/// Rates of the seeds at the end of learning, and whether each saw the whole test set.
fn final_rates(d: &Dataset) -> Result<(Vec<f64>, bool), DatasetError> {
    let counts = d.counted::<Ix4>("confusion")?;
    let ends = counts.index_axis_move(Axis(1), counts.len_of(Axis(1)).saturating_sub(1));
    Ok(rates(ends.outer_iter()))
}

fn measured(group: &str, rates: &[f64]) -> Measured {
    Measured::new(mean(rates), format!("{group}/confusion"))
        .beside("standard deviation over the seeds", deviation(rates))
        .beside("lowest", smallest(rates.iter().copied()))
        .beside("highest", largest(rates.iter().copied()))
}

pub fn initial(raw: &Raw) -> Outcome {
    const GROUP: &str = "mnist/untrained";
    let counts = raw.group(GROUP)?.counted::<Ix3>("confusion")?;
    let (rates, whole) = rates(counts.outer_iter());
    Ok(measured(GROUP, &rates)
        .given(format!("{UNTRAINED_SEEDS} seeds"), rates.len() == UNTRAINED_SEEDS as usize)
        .given("10,000 pictures each", whole))
}

pub fn trained(raw: &Raw) -> Outcome {
    const GROUP: &str = "mnist/plain";
    let d = raw.group(GROUP)?;
    let (rates, whole) = final_rates(d)?;
    let shown = d.numbers("presentations")?.iter().copied().fold(0.0, f64::max);
    let found = measured(GROUP, &rates)
        .given(format!("{LEARNING_SEEDS} seeds"), rates.len() == LEARNING_SEEDS as usize)
        .given("10,000 pictures each", whole)
        .given("60,000 presentations", shown == f64::from(PRESENTATIONS))
        .given("at 100 °C", d.remark("temperature_c") == Some("100"));
    let (pairs, _) = final_rates(raw.group("mnist/pairs")?)?;
    Ok(found.beside("scheme of pairs, mean", mean(&pairs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Array4};

    /// Ten digits, shown 1000 times each; `right` answers to each.
    fn counts(right: u64, digit: usize, answer: usize) -> u64 {
        if digit == answer {
            right
        } else if answer == (digit + 1) % 10 {
            1000 - right
        } else {
            0
        }
    }

    fn learnt(name: &str, right: u64, shown: f64) -> Dataset {
        let mut d = Dataset::new(name, "made up");
        d.note("temperature_c", "100").axis("presentations", "1", "Digits shown", &[0.0, shown]);
        let all = Array4::from_shape_fn((5, 2, 10, 10), |(_, at, digit, answer)| {
            counts(if at == 0 { 100 } else { right }, digit, answer)
        });
        d.count("confusion", &["seed", "presentations", "digit", "answer"], "1", "Pictures", all.into_dyn());
        d
    }

    #[test]
    fn rates_are_counted_from_the_answers_at_the_end() {
        let mut fresh = Dataset::new("mnist/untrained", "made up");
        let all = Array3::from_shape_fn((10, 10, 10), |(seed, digit, answer)| counts(100 + seed as u64, digit, answer));
        fresh.count("confusion", &["seed", "digit", "answer"], "1", "Pictures", all.into_dyn());
        let raw = [fresh, learnt("mnist/plain", 850, 60_000.0), learnt("mnist/pairs", 900, 60_000.0)];
        let untrained = initial(&Raw(&raw)).expect("measured");
        // The mean of 0.100 to 0.109.
        assert!((untrained.value - 0.1045).abs() < 1e-12 && untrained.conditions.iter().all(|c| c.holds));
        let found = trained(&Raw(&raw)).expect("measured");
        assert!((found.value - 0.85).abs() < 1e-12 && found.conditions.iter().all(|c| c.holds));
        assert!(initial(&Raw(&raw[1..])).is_err() && trained(&Raw(&raw[..2])).is_err());
    }

    #[test]
    fn a_shorter_run_does_not_pass_for_the_whole() {
        let raw = [learnt("mnist/plain", 850, 2000.0), learnt("mnist/pairs", 900, 2000.0)];
        let found = trained(&Raw(&raw)).expect("measured");
        assert_eq!(found.conditions.iter().filter(|c| !c.holds).count(), 1);
    }
}
