//! One point, computed: its statistics and its dump.

use ndarray::{Array3, ArrayView2};

use super::circuit::{self, Fillings};
use super::error::RunError;
use super::plan::Plan;
use super::programming::{Programmed, ProgrammingError};
use trapline_engine::backend::job::Job;
use trapline_engine::backend::tally::Tally;
use trapline_engine::backend::{Backend, BackendError};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::outcome::{CellDump, CellWindow, CircuitOutcome, PointLabel, PointOutcome};
use trapline_model::units::celsius_texts;

/// What is computed of a point's array: its statistics, and the fillings that it is read with through wires.
pub(super) struct Found {
    pub(super) tally: Tally,
    fillings: Fillings,
}

/// The arrays of some points, which share their programming where there are several, and the cells as their bakes find
/// them.
pub(super) fn found<'a>(
    plan: &Plan,
    points: &[&PointLabel],
    jobs: &[&Job],
    backend: &'a dyn Backend,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Programmed<'a>, Vec<Found>), RunError> {
    let cells = jobs[0].shape().cells();
    let share = |strokes: u64, of: u64| (u128::from(cells) * u128::from(strokes) / u128::from(of.max(1))) as u64;
    let done = |strokes: u64, of: u64| progress(share(strokes, of) - share(strokes - 1, of));
    let programmed = Programmed::of(plan, points[0].number, jobs[0], backend, &done)
        .map_err(|source| not_programmed(points[0], source))?;
    let found = baked(plan, points[0], jobs, (&programmed, backend), progress)?;
    Ok((programmed, found))
}

/// Arrays whose cells are programmed, and how: what their bakes make of them. `point` is one of theirs.
pub(super) fn baked(
    plan: &Plan,
    point: &PointLabel,
    jobs: &[&Job],
    (programmed, backend): (&Programmed<'_>, &dyn Backend),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Found>, RunError> {
    let checkpoints = match plan.circuit(point.number) {
        Some(_) => circuit::checkpoints(jobs[0], &plan.label.circuit_times_s),
        None => Ok(Vec::new()),
    };
    let read_at = checkpoints.as_deref().unwrap_or(&[]);
    let computed = programmed.statistics(jobs, read_at, backend, progress).map_err(|source| failed(point, source))?;
    let found =
        |(tally, fillings)| Found { tally, fillings: checkpoints.as_ref().map_err(String::clone).map(|_| fillings) };
    Ok(computed.into_iter().map(found).collect())
}

/// The statistics of an array as an outcome, with the trace of a window of it.
pub(super) fn outcome(
    point: &PointLabel,
    job: &Job,
    found: &Found,
    shape: ArrayShape,
    window: Option<CellWindow>,
    (programmed, backend): (&Programmed<'_>, &dyn Backend),
) -> Result<PointOutcome, RunError> {
    let dump = window.map(|window| traced(point, job, shape, window, (programmed, backend))).transpose()?;
    Ok(PointOutcome { dump, ..found.tally.outcome(job) })
}

/// What an array is worth through its wires, where it has any; and remarks.
pub(super) fn worth(
    plan: &Plan,
    number: usize,
    (job, found): (&Job, &Found),
    (programmed, backend): (&Programmed<'_>, &dyn Backend),
) -> (Option<CircuitOutcome>, Vec<String>) {
    let Some(circuit) = plan.circuit(number) else { return (None, Vec::new()) };
    let (settings, times_s) = (&plan.label.settings[number], &plan.label.circuit_times_s);
    let (mut outcome, remarks) = circuit::outcome(circuit, job, settings, times_s, &found.fillings, backend);
    programmed.describe(&mut outcome);
    (Some(outcome), remarks)
}

/// The trace of a window of an array.
pub(super) fn traced(
    point: &PointLabel,
    job: &Job,
    shape: ArrayShape,
    window: CellWindow,
    (programmed, backend): (&Programmed<'_>, &dyn Backend),
) -> Result<CellDump, RunError> {
    let cells = CellSet::window(shape, &window);
    let trace = programmed.trace(job, &cells, backend).map_err(|source| failed(point, source))?;
    let planes = dump(job, window, [&trace.conductance, &trace.filling, &trace.lost].map(|a| a.view()));
    planes.ok_or(RunError::Dump { number: point.number })
}

fn not_programmed(point: &PointLabel, source: ProgrammingError) -> RunError {
    let PointLabel { number, ref material, temperature_k, .. } = *point;
    let temperature_c = celsius_texts(&[temperature_k]).concat();
    RunError::Programming { number, material: material.clone(), temperature_c, source: Box::new(source) }
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
