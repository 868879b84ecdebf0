//! The stimulus in f64, cell by cell: the equations of [`trapline_model::cell`].

use super::{counted, each_cell};
use crate::backend::BackendError;
use crate::backend::stimulus::{self, Response, Stimulus};
use ndarray::Array2;
use trapline_model::array;
use trapline_model::cell::counted::tables;
use trapline_model::cell::{self, current, step};
use trapline_model::rng::counts::Counts;
use trapline_model::units::ELEMENTARY_CHARGE_C;

/// One cell: its occupancy afterwards and the rows of its response.
fn one(
    stimulus: &Stimulus,
    counts: &Counts,
    cell: u64,
    occupancy: &mut step::Occupancy,
) -> Vec<[f64; stimulus::RESPONSE_QUANTITIES]> {
    let material = &stimulus.material;
    let draws = counted::draws(counts, stimulus.seed, cell);
    let mut of_counted = counted::drawn(material, &stimulus.variation, stimulus.electrons, &draws);
    if let Some(of_cell) = &mut of_counted {
        of_cell.fill(occupancy);
    }
    let factors = match &of_counted {
        Some(of_cell) => of_cell.factors,
        None => array::factors(&stimulus.variation, stimulus.seed, cell),
    };
    let emission = cell::emission_per_s(material, &factors, stimulus.ambient_k);
    let traps = material.capture.map_or(0.0, |c| c.traps);
    let mut rows = vec![[0.0; stimulus::RESPONSE_QUANTITIES]; stimulus.rows];
    for step in &stimulus.steps {
        let drive = &step.program.drive;
        let of_cycle = |cycle| array::capture_speed(&stimulus.variation, stimulus.seed, cell, cycle);
        let speed = step.program.cycles().map(of_cycle).sum();
        if let (Some(train), Some(trajectory)) = (&step.program.train, &stimulus.trajectory) {
            let (steps, settling) = (&train.steps, step.program.settling);
            match &mut of_counted {
                Some(of_cell) => {
                    cell::apply_train_counted(material, trajectory, of_cell, drive, steps, speed, &draws, settling);
                }
                None => cell::apply_train(material, &factors, drive, steps, speed, occupancy),
            }
            continue;
        }
        let flow = match &mut of_counted {
            Some(of_cell) => cell::apply_counted(
                material,
                of_cell,
                &emission,
                drive,
                step.pieces,
                speed,
                &draws,
                step.program.settling,
            ),
            None => cell::apply_metered(material, &factors, &emission, drive, step.pieces, speed, occupancy),
        };
        let Some(row) = step.row else {
            continue;
        };
        let row = &mut rows[row as usize];
        let current_a = |free_share: f64| factors.area * (free_share * step.injected_a + step.hopping_a);
        let filling = match &of_counted {
            Some(of_cell) => of_cell.filling(),
            None => step::filling(&material.classes, occupancy),
        };
        let free_share = current::free_share(1.0 - material.injection.free_share, filling);
        row[0] = current_a(free_share).copysign(drive.bias_v);
        row[1] = filling;
        row[2] += drive.bias_v.abs() * current_a(flow.free_share) * drive.dwell_s;
        row[3] += factors.area * step.injected_a * drive.dwell_s / ELEMENTARY_CHARGE_C;
        row[4] += factors.area * factors.trap_filled * traps * flow.caught;
    }
    if let Some(of_cell) = &of_counted {
        *occupancy = of_cell.occupancy;
    }
    rows
}

/// See [`crate::backend::Backend::stimulate`].
pub(super) fn stimulate(
    stimulus: &Stimulus,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    stimulus::check(stimulus, cells, occupancy)?;
    let classes = stimulus.material.classes.len();
    let counts = tables(&stimulus.material, &stimulus.variation, stimulus.electrons);
    Ok(each_cell(classes, stimulus.rows, cells, occupancy, |_, cell, state| one(stimulus, &counts, cell, state)))
}
