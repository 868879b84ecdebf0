//! Claims on handwritten digits: rates are counted again from the answers.

use super::super::claims::Measured;
use super::super::digits::{LEARNING_SEEDS, PRESENTATIONS, UNTRAINED_SEEDS};
use super::{Outcome, Raw, deviation, largest, mean, smallest};
use crate::dataset::{Dataset, DatasetError};
use ndarray::{ArrayView2, Axis, Ix3, Ix4};

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
        .and(format!("{UNTRAINED_SEEDS} seeds"), rates.len() == UNTRAINED_SEEDS as usize)
        .and("10,000 pictures each", whole))
}

pub fn trained(raw: &Raw) -> Outcome {
    const GROUP: &str = "mnist/plain";
    let d = raw.group(GROUP)?;
    let (rates, whole) = final_rates(d)?;
    let shown = d.numbers("presentations")?.iter().copied().fold(0.0, f64::max);
    let found = measured(GROUP, &rates)
        .and(format!("{LEARNING_SEEDS} seeds"), rates.len() == LEARNING_SEEDS as usize)
        .and("10,000 pictures each", whole)
        .and("60,000 presentations", shown == f64::from(PRESENTATIONS))
        .and("at 100 °C", d.remark("temperature_c") == Some("100"));
    let (pairs, _) = final_rates(raw.group("mnist/pairs")?)?;
    Ok(found.beside("scheme of pairs, mean", mean(&pairs)))
}
