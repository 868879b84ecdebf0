//! Claims on retention.

use super::super::claims::Measured;
use super::{Outcome, Raw, largest, rises};
use trapline_model::dataset::{Dataset, DatasetError};

/// Mean conductance over cells, (state, time), and the times.
fn means(d: &Dataset) -> Result<(Vec<Vec<f64>>, Vec<f64>), DatasetError> {
    let g = d.numbers("conductance_noiseless_s")?;
    let [states, times, cells] = *g.shape() else {
        return Err(DatasetError::Absent { dataset: d.name.clone(), name: "conductance over three axes".to_owned() });
    };
    let of = |state: usize, time: usize| (0..cells).map(|c| g[[state, time, c]]).sum::<f64>() / cells as f64;
    let found = (0..states).map(|state| (0..times).map(|time| of(state, time)).collect()).collect();
    Ok((found, d.numbers("time")?.iter().copied().collect()))
}

/// Place of a time on an axis.
fn place(times: &[f64], time_s: f64, d: &Dataset) -> Result<usize, DatasetError> {
    let at = times.iter().position(|t| (t / time_s - 1.0).abs() < 1e-9);
    at.ok_or_else(|| DatasetError::Absent { dataset: d.name.clone(), name: format!("the time {time_s} s") })
}

pub fn no_field_no_release(raw: &Raw) -> Outcome {
    const GROUP: &str = "retention/disturb";
    let g = raw.numbers(GROUP, "conductance_s")?;
    let changes =
        (0..g.shape()[0]).flat_map(|state| [1, 2].map(|after| (g[[state, after]] / g[[state, 0]] - 1.0).abs()));
    Ok(Measured::new(largest(changes), GROUP))
}

pub fn qd_100c(raw: &Raw) -> Outcome {
    const GROUP: &str = "retention/qd_100c";
    let d = raw.group(GROUP)?;
    let (g, times) = means(d)?;
    let end = place(&times, 3e4, d)?;
    let window = g[g.len() - 1][0] - g[0][0];
    let change = largest(g.iter().map(|state| (state[end] - state[0]).abs() / window));
    let order = rises(&g.iter().map(|state| state[end]).collect::<Vec<_>>());
    Ok(Measured::new(change, GROUP).and("the order of the four states is kept", g.len() == 4 && order))
}

/// Fraction of the programmed window lost at each time: last state against the first, which holds nothing.
pub(in crate::paper) fn lost(d: &Dataset) -> Result<(Vec<f64>, Vec<f64>), DatasetError> {
    let (g, times) = means(d)?;
    let (fresh, programmed) = (&g[0], &g[g.len() - 1]);
    let window: Vec<_> = programmed.iter().zip(fresh).map(|(p, f)| p - f).collect();
    Ok((window.iter().map(|w| 1.0 - w / window[0]).collect(), times))
}

pub fn ns_100c(raw: &Raw) -> Outcome {
    const GROUP: &str = "retention/ns_100c";
    let d = raw.group(GROUP)?;
    let (lost, times) = lost(d)?;
    Ok(Measured::new(lost[place(&times, 3e4, d)?], GROUP).and("strictly falling at every checkpoint", rises(&lost)))
}

fn lost_at_1e5(raw: &Raw, celsius: f64) -> Result<f64, DatasetError> {
    let d = raw.group(&format!("retention/qd_{celsius}c"))?;
    let (lost, times) = lost(d)?;
    Ok(lost[place(&times, 1e5, d)?])
}

pub fn qd_150c(raw: &Raw) -> Outcome {
    Ok(Measured::new(lost_at_1e5(raw, 150.0)?, "retention/qd_150c"))
}

pub fn qd_155c(raw: &Raw) -> Outcome {
    let (at_150, at_155) = (lost_at_1e5(raw, 150.0)?, lost_at_1e5(raw, 155.0)?);
    Ok(Measured::new(at_155, "retention/qd_155c, retention/qd_150c")
        .and("at least three times the loss at 150 °C", at_155 >= 3.0 * at_150)
        .beside("over the loss at 150 °C", at_155 / at_150)
        .beside("lost at 160 °C", lost_at_1e5(raw, 160.0)?))
}
