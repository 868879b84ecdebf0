//! Claims on learning a pattern.

use super::super::claims::Measured;
use super::super::raw::mean_of_written;
use super::{Outcome, Raw, quantile, rises, smallest};
use crate::dataset::{Dataset, DatasetError, Values};
use crate::experiment::letter;
use ndarray::{Array2, ArrayD, Ix4, s};

fn written(d: &Dataset) -> Result<&ArrayD<u64>, DatasetError> {
    match d.get("written").map(|v| &v.values) {
        Some(Values::Count(w)) => Ok(w),
        _ => Err(DatasetError::Absent { dataset: d.name.clone(), name: "written".to_owned() }),
    }
}

/// The margin of each seed at the end of a variable, over the window that is there: see [`letter::margins`].
fn margins(d: &Dataset, variable: &str) -> Result<Vec<f64>, DatasetError> {
    let absent = || DatasetError::Absent { dataset: d.name.clone(), name: "conductance over four axes".to_owned() };
    let read = |name| Ok(d.numbers(name)?.view().into_dimensionality::<Ix4>().map_err(|_| absent())?.to_owned());
    let (learnt, g) = (read("conductance_s")?, read(variable)?);
    let w = written(d)?;
    let (_, _, rows, cols) = g.dim();
    let inside = Array2::from_shape_fn((rows, cols), |(r, c)| w[[r, c]] == 1);
    let fresh = learnt.slice(s![.., 0, .., ..]).to_owned();
    Ok(letter::margins(&g, &inside, &fresh))
}

pub fn letter(raw: &Raw) -> Outcome {
    let mut tenths = Vec::new();
    let mut seeds = Vec::new();
    for celsius in ["25", "100", "150"] {
        let found = margins(raw.group(&format!("letter/qd_{celsius}c"))?, "conductance_s")?;
        seeds.push(found.len());
        tenths.push(quantile(&found, 0.1));
    }
    let kept = margins(raw.group("letter/qd_100c")?, "kept_conductance_s")?;
    Ok(Measured::new(smallest(tenths.iter().copied()), "letter/qd_25c, _100c, _150c")
        .and("20 seeds each", seeds.iter().all(|n| *n == 20))
        .beside("10th percentile at 25 °C", tenths[0])
        .beside("at 100 °C", tenths[1])
        .beside("at 150 °C", tenths[2])
        .beside("at 100 °C after 30,000 s", quantile(&kept, 0.1)))
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
