//! Claims on learning a pattern.

use super::super::claims::Measured;
use super::super::raw::mean_of_written;
use super::{Outcome, Raw, mean, quantile, rises, smallest};
use crate::experiment::letter::{self, Scheme};
use ndarray::{Array2, Array4, ArrayD, Ix1, Ix4, s};
use trapline_model::dataset::{Dataset, DatasetError, Values};

fn written(d: &Dataset) -> Result<&ArrayD<u64>, DatasetError> {
    match d.get("written").map(|v| &v.values) {
        Some(Values::Count(w)) => Ok(w),
        _ => Err(DatasetError::Absent { dataset: d.name.clone(), name: "written".to_owned() }),
    }
}

/// A variable of an array that learns: (seed, stage or time, row, column).
fn arrays(d: &Dataset, variable: &str) -> Result<Array4<f64>, DatasetError> {
    Ok(d.shaped::<Ix4>(variable)?.to_owned())
}

/// The margin of each seed at the end of the stages or times given, over the window that is there: see
/// [`letter::margins`].
fn margins(d: &Dataset, g: &Array4<f64>) -> Result<Vec<f64>, DatasetError> {
    let w = written(d)?;
    let (_, _, rows, cols) = g.dim();
    let inside = Array2::from_shape_fn((rows, cols), |(r, c)| w[[r, c]] == 1);
    let fresh = arrays(d, "conductance_s")?.slice(s![.., 0, .., ..]).to_owned();
    Ok(letter::margins(g, &inside, &fresh))
}

/// Temperatures at which the letter is learnt, °C.
const CELSIUS: [&str; 3] = ["25", "100", "150"];

fn group<'a>(raw: &'a Raw, celsius: &str, scheme: &str) -> Result<&'a Dataset, DatasetError> {
    raw.group(&format!("letter/qd_{celsius}c_{scheme}"))
}

/// 10th percentile over the seeds of the margins at the end of learning, at each temperature.
fn tenths(raw: &Raw, scheme: &str) -> Result<[f64; 3], DatasetError> {
    let mut found = [f64::NAN; 3];
    for (place, celsius) in found.iter_mut().zip(CELSIUS) {
        let d = group(raw, celsius, scheme)?;
        *place = quantile(&margins(d, &arrays(d, "conductance_s")?)?, 0.1);
    }
    Ok(found)
}

/// The scheme of a passive array whose margin is the larger at its worst temperature, and its margins.
fn better_passive(raw: &Raw) -> Result<(Scheme, [f64; 3]), DatasetError> {
    let [half, third] = [tenths(raw, Scheme::Half.name())?, tenths(raw, Scheme::Third.name())?];
    // NaN is no margin, so it is not the larger.
    let third_is_better = smallest(third) > smallest(half);
    Ok(if third_is_better { (Scheme::Third, third) } else { (Scheme::Half, half) })
}

/// The scheme that the paper's letter is judged and drawn with.
pub(in crate::paper) fn scheme_of_the_letter(raw: &Raw) -> Result<Scheme, DatasetError> {
    better_passive(raw).map(|(scheme, _)| scheme)
}

pub fn letter(raw: &Raw) -> Outcome {
    let (better, found) = better_passive(raw)?;
    let hot = group(raw, "100", better.name())?;
    let kept = margins(hot, &arrays(hot, "kept_conductance_s")?)?;
    let seeds = |scheme: Scheme| {
        let of = |celsius| group(raw, celsius, scheme.name()).map(|d| d.numbers("conductance_s").map(|g| g.shape()[0]));
        CELSIUS.iter().all(|celsius| matches!(of(celsius), Ok(Ok(20))))
    };
    let mut measured = Measured::new(smallest(found), format!("letter/qd_*c_{}", better.name()))
        .given("20 seeds each", Scheme::ALL.into_iter().all(seeds))
        .beside(format!("{} at 100 °C after 30,000 s", better.name()), quantile(&kept, 0.1));
    for scheme in Scheme::ALL {
        for (celsius, tenth) in CELSIUS.iter().zip(tenths(raw, scheme.name())?) {
            measured = measured.beside(format!("{} at {celsius} °C", scheme.name()), tenth);
        }
    }
    Ok(measured)
}

/// The margins at 100 °C over those at 25 °C, seed by seed, at the end and after 10 and 20 pulses.
pub fn same_when_hot(raw: &Raw) -> Outcome {
    let better = scheme_of_the_letter(raw)?;
    let (cold, hot) = (group(raw, "25", better.name())?, group(raw, "100", better.name())?);
    let (of_cold, of_hot) = (arrays(cold, "conductance_s")?, arrays(hot, "conductance_s")?);
    let stages: Vec<f64> = cold.numbers("stage")?.iter().copied().collect();
    let over = |pulses: f64| {
        let Some(at) = stages.iter().position(|stage| *stage == pulses) else {
            return Ok::<_, DatasetError>(f64::NAN);
        };
        let until = |g: &Array4<f64>| g.slice(s![.., ..=at, .., ..]).to_owned();
        let (c, h) = (margins(cold, &until(&of_cold))?, margins(hot, &until(&of_hot))?);
        Ok(mean(&h.iter().zip(&c).map(|(h, c)| h / c).collect::<Vec<_>>()))
    };
    let (ten, twenty, thirty) = (over(10.0)?, over(20.0)?, over(30.0)?);
    let seeds = |d: &Dataset| d.counted::<Ix1>("seed").map(|s| s.to_vec());
    Ok(Measured::new(thirty, format!("letter/qd_25c_{0}, letter/qd_100c_{0}", better.name()))
        .given("the same 20 seeds", seeds(cold)? == seeds(hot)? && seeds(cold)?.len() == 20)
        .beside("smallest, after 10 or 20 pulses", smallest([ten, twenty]))
        .beside("after 10 pulses", ten)
        .beside("after 20 pulses", twenty))
}

pub fn ns_array(raw: &Raw) -> Outcome {
    const GROUP: &str = "letter/ns_100c";
    let d = raw.group(GROUP)?;
    let absent = || DatasetError::Absent { dataset: d.name.clone(), name: "conductance over four axes".to_owned() };
    let w = written(d)?;
    let learnt = mean_of_written(d.numbers("conductance_s")?, w).ok_or_else(absent)?;
    let kept = mean_of_written(d.numbers("kept_conductance_s")?, w).ok_or_else(absent)?;
    let fresh = learnt[[0, 0]];
    let start = learnt[[0, learnt.ncols() - 1]] - fresh;
    let left: Vec<f64> = kept.row(0).iter().map(|g| (g - fresh) / start).collect();
    let lost: Vec<f64> = left.iter().map(|l| 1.0 - l).collect();
    let end = left[left.len() - 1];
    let mut found = Measured::new(end, GROUP)
        .and("strictly falling", lost[0] > 0.0 && rises(&lost))
        .and("at least 0.05 at 5000 s", end >= 0.05);
    for (time, l) in d.numbers("time")?.iter().zip(&left) {
        found = found.beside(format!("left after {time} s"), *l);
    }
    Ok(found)
}
