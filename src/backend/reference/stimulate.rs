//! The stimulus in f64, cell by cell: the equations of [`crate::cell`], and the charge that flows by the trapezoid over each
//! substep, in which the filling moves by a few percent at most.

use crate::array;
use crate::backend::BackendError;
use crate::backend::stimulus::{self, Response, Stimulus, StimulusStep};
use crate::cell::{self, Factors, step};
use crate::material::MAX_CLASSES;
use crate::units::ELEMENTARY_CHARGE_C;
use ndarray::Array2;
use rayon::prelude::*;

/// One cell: its occupancy afterwards and the rows of its response.
fn one(stimulus: &Stimulus, cell: u64, occupancy: &mut step::Occupancy) -> Vec<[f64; stimulus::RESPONSE_QUANTITIES]> {
    let material = &stimulus.material;
    let factors = array::factors(&stimulus.variation, stimulus.seed, cell);
    let emission = cell::emission_per_s(material, &factors, stimulus.ambient_k);
    let traps = material.capture.map_or(0.0, |c| c.traps);
    let mut rows = vec![[0.0; stimulus::RESPONSE_QUANTITIES]; stimulus.rows];
    for step in &stimulus.steps {
        let drive = &step.program.drive;
        let speed = array::capture_speed(&stimulus.variation, stimulus.seed, cell, step.program.cycle);
        let start = step::filling(&material.classes, occupancy);
        let mut fillings = vec![start];
        let caught = cell::apply_watched(material, &factors, &emission, drive, speed, occupancy, |f| fillings.push(f));
        let Some(row) = step.row else {
            continue;
        };
        let row = &mut rows[row as usize];
        let current = |filling: f64| current_a(stimulus, &factors, step, filling);
        let step_s = drive.dwell_s / f64::from(drive.substeps);
        let end = *fillings.last().unwrap_or(&start);
        let charge_c: f64 = fillings.windows(2).map(|f| 0.5 * (current(f[0]) + current(f[1])) * step_s).sum();
        row[0] = current(end).copysign(drive.bias_v);
        row[1] = end;
        row[2] += drive.bias_v.abs() * charge_c;
        row[3] += factors.area * step.injected_a * drive.dwell_s / ELEMENTARY_CHARGE_C;
        row[4] += factors.area * factors.trap_filled * traps * caught;
    }
    rows
}

/// Magnitude of the current of a cell at a filling, A.
fn current_a(stimulus: &Stimulus, factors: &Factors, step: &StimulusStep, filling: f64) -> f64 {
    let free = stimulus.material.injection.free_share;
    factors.area * (free / (1.0 - (1.0 - free) * filling) * step.injected_a + step.hopping_a)
}

/// See [`crate::backend::Backend::stimulate`].
pub(super) fn stimulate(
    stimulus: &Stimulus,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    stimulus::check(stimulus, cells, occupancy)?;
    let classes = stimulus.material.classes.len();
    let before = &*occupancy;
    let after: Vec<_> = cells
        .par_iter()
        .enumerate()
        .map(|(i, cell)| {
            let mut state = [0.0; MAX_CLASSES];
            for (k, f) in state.iter_mut().enumerate().take(classes) {
                *f = before[[i, k]];
            }
            let rows = one(stimulus, *cell, &mut state);
            (state, rows)
        })
        .collect();
    let mut response = Response::unwritten(stimulus.rows, cells.len());
    let mut arrays = response.arrays();
    for (i, (state, rows)) in after.iter().enumerate() {
        for k in 0..classes {
            occupancy[[i, k]] = state[k];
        }
        for (row, quantities) in rows.iter().enumerate() {
            for (array, quantity) in arrays.iter_mut().zip(quantities) {
                array[[row, i]] = *quantity;
            }
        }
    }
    Ok(response)
}
