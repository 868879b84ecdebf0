//! Stands in for `Backend::stimulate` until that is merged: the same call, in f64, cell by cell.

use crate::array;
use crate::backend::BackendError;
use crate::backend::stimulus::{Response, Stimulus};
use crate::cell::{self, current, step};
use crate::material::MAX_CLASSES;
use crate::units::ELEMENTARY_CHARGE_C;
use ndarray::Array2;

/// What moves cells through a stimulus.
pub trait Stimulate {
    /// Moves chosen cells, from and to the occupancies given (axes cell, class), and says what was seen.
    ///
    /// # Errors
    /// [`BackendError::Lengths`] where `occupancy` has another shape, and whatever the backend fails with.
    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError>;
}

/// The equations of [`crate::cell`].
#[derive(Debug, Default)]
pub struct InF64;

impl Stimulate for InF64 {
    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError> {
        let material = &stimulus.material;
        let classes = material.classes.len();
        if occupancy.dim() != (cells.len(), classes) {
            return Err(BackendError::Lengths { found: occupancy.len(), classes, cells: cells.len() });
        }
        let traps = material.capture.map_or(0.0, |c| c.traps);
        let open = 1.0 - material.injection.free_share;
        let mut response = Response::unwritten(stimulus.rows, cells.len());
        for (i, &number) in cells.iter().enumerate() {
            let factors = array::factors(&stimulus.variation, stimulus.seed, number);
            let emission = cell::emission_per_s(material, &factors, stimulus.ambient_k);
            let mut state = [0.0; MAX_CLASSES];
            (0..classes).for_each(|k| state[k] = occupancy[[i, k]]);
            let (mut energy, mut injected, mut caught) = (0.0, 0.0, 0.0);
            for (at, step) in stimulus.steps.iter().enumerate() {
                let drive = &step.program.drive;
                let current = |filling: f64| {
                    factors.area * (current::free_share(open, filling) * step.injected_a + step.hopping_a)
                };
                let start = current(step::filling(&material.classes, &state));
                let speed = array::capture_speed(&stimulus.variation, stimulus.seed, number, step.program.cycle);
                caught += factors.area * traps * cell::apply(material, &factors, &emission, drive, speed, &mut state);
                let filling = step::filling(&material.classes, &state);
                let end = current(filling);
                energy += drive.bias_v.abs() * 0.5 * (start + end) * drive.dwell_s;
                injected += factors.area * step.injected_a * drive.dwell_s / ELEMENTARY_CHARGE_C;
                let Some(row) = step.row else { continue };
                let ends = stimulus.steps.get(at + 1).is_none_or(|next| next.row != step.row);
                if ends {
                    let row = row as usize;
                    response.current_a[[row, i]] = end.copysign(drive.bias_v);
                    response.filling[[row, i]] = filling;
                    response.energy_j[[row, i]] = energy;
                    response.injected[[row, i]] = injected;
                    response.caught[[row, i]] = caught;
                    (energy, injected, caught) = (0.0, 0.0, 0.0);
                }
            }
            (0..classes).for_each(|k| occupancy[[i, k]] = state[k]);
        }
        Ok(response)
    }
}
