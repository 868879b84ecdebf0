//! One point, computed: its statistics and its dump.

use ndarray::{Array3, ArrayView2};

use super::circuit;
use super::error::RunError;
use super::plan::Plan;
use trapline_engine::backend::job::Job;
use trapline_engine::backend::tally::Tally;
use trapline_engine::backend::{Backend, BackendError};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::outcome::{CellDump, CellWindow, CircuitOutcome, PointLabel, PointOutcome};
use trapline_model::units::celsius_texts;

/// The statistics of the arrays of some points, which may share their programming.
pub(super) fn statistics(
    points: &[&PointLabel],
    jobs: &[&Job],
    backend: &dyn Backend,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Tally>, RunError> {
    backend.statistics_together(jobs, progress).map_err(|source| failed(points[0], source))
}

/// The statistics of an array as an outcome, with the trace of a window of it.
pub(super) fn outcome(
    point: &PointLabel,
    job: &Job,
    statistics: &Tally,
    shape: ArrayShape,
    window: Option<CellWindow>,
    backend: &dyn Backend,
) -> Result<PointOutcome, RunError> {
    let dump = window.map(|window| traced(point, job, shape, window, backend)).transpose()?;
    Ok(PointOutcome { dump, ..statistics.outcome(job) })
}

/// What an array is worth through its wires, where it has any; and remarks.
pub(super) fn worth(
    plan: &Plan,
    number: usize,
    job: &Job,
    backend: &dyn Backend,
) -> Result<(Option<CircuitOutcome>, Vec<String>), RunError> {
    let Some(circuit) = plan.circuit(number) else { return Ok((None, Vec::new())) };
    let (settings, times_s) = (&plan.label.settings[number], &plan.label.circuit_times_s);
    let (outcome, remarks) = circuit::outcome(circuit, job, settings, times_s, backend)
        .map_err(|source| failed(&plan.points[number], source))?;
    Ok((Some(outcome), remarks))
}

/// The trace of a window of an array.
pub(super) fn traced(
    point: &PointLabel,
    job: &Job,
    shape: ArrayShape,
    window: CellWindow,
    backend: &dyn Backend,
) -> Result<CellDump, RunError> {
    let trace = backend.trace(job, &CellSet::window(shape, &window)).map_err(|source| failed(point, source))?;
    let planes = dump(job, window, [&trace.conductance, &trace.filling, &trace.lost].map(|a| a.view()));
    planes.ok_or(RunError::Dump { number: point.number })
}

fn failed(point: &PointLabel, source: BackendError) -> RunError {
    RunError::Backend {
        number: point.number,
        material: point.material.clone(),
        temperature_c: celsius_texts(&[point.temperature_k]).concat(),
        source: Box::new(source),
    }
}

/// The trace of a window as arrays (checkpoint, row, column), conductances in S.
fn dump(job: &Job, window: CellWindow, [conductance, filling, lost]: [ArrayView2<'_, f32>; 3]) -> Option<CellDump> {
    let shape = (job.times_s().len(), window.rows as usize, window.cols as usize);
    let plane =
        |view: ArrayView2<'_, f32>| -> Option<Array3<f32>> { view.to_owned().into_shape_with_order(shape).ok() };
    let siemens = job.read().fresh_conductance_s;
    let mut conductance_s = plane(conductance)?;
    // Multiplied in f64: a conductance of 1e-11 S times its ratio is rounded once.
    conductance_s.mapv_inplace(|ratio| (f64::from(ratio) * siemens) as f32);
    Some(CellDump { window, conductance_s, filling: plane(filling)?, lost_fraction: plane(lost)? })
}
