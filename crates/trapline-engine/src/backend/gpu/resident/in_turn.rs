//! Cells that the device does not hold are taken onto it in turn, as many at a time as its budget has room for.
//!
//! Their state comes from the host and goes back to it. Results do not depend on how many go at a time.

use super::Resident;
use super::budget::resources_of;
use crate::backend::BackendError;
use crate::backend::cells::{Cells, Population};
use crate::backend::exposure::Exposed;
use crate::backend::gpu::recovery::lock;
use crate::backend::gpu::{Gpu, merge};
use crate::backend::job::Job;
use crate::backend::stimulus::Response;
use crate::backend::tables::round_to_f32;
use crate::backend::tally::Tally;
use ndarray::{Array2, Axis, s};

/// Moves cells that the device does not hold under an exposure, as many at a time as it does hold.
pub(in crate::backend::gpu) fn expose(
    gpu: &Gpu,
    exposed: &Exposed,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    let Exposed { material, variation, electrons, seed, .. } = exposed;
    let part = |places: &[usize]| {
        let numbers = places.iter().map(|&place| cells[place]).collect();
        Population::new(material, *variation, *seed, numbers).electrons(*electrons)
    };
    let all: Vec<usize> = (0..cells.len()).collect();
    let most = {
        let mut slot = lock(&gpu.device);
        let device = gpu.sound(&mut slot)?;
        resources_of(&part(&all[..1.min(all.len())])).tile_cells(device, gpu.budget_bytes)? as usize
    };
    let mut response = Response::unwritten(usize::from(exposed.recorded), cells.len());
    for places in all.chunks(most.max(1)) {
        let mut resident = Resident::new(gpu, part(places))?;
        resident.upload(&occupancy.select(Axis(0), places))?;
        let seen = resident.drive_exposed(&exposed.of_places(places), None)?;
        let first = places[0];
        occupancy.slice_mut(s![first..first + places.len(), ..]).assign(&resident.download()?);
        for (to, from) in response.arrays().into_iter().zip({ seen }.arrays()) {
            to.slice_mut(s![.., first..first + places.len()]).assign(from);
        }
    }
    Ok(response)
}

/// Reduces cells that the device does not hold, as many at a time as it does hold: whole chunks, which are added up in
/// their order, so the result is that of cells that are resident, bit for bit.
pub(in crate::backend::gpu) fn reduce(
    gpu: &Gpu,
    job: &Job,
    cells: &[u64],
    occupancy: &Array2<f64>,
) -> Result<Tally, BackendError> {
    let mut tally = Tally { cells: cells.len() as u64, ..Tally::new(job, round_to_f32) };
    let most = gpu.listed_tile_cells(job)? as usize;
    for (number, numbers) in cells.chunks(most).enumerate() {
        let first = number * most;
        let part =
            Population::new(job.material(), *job.variation(), job.seed(), numbers.to_vec()).electrons(job.electrons());
        let mut resident = Resident::new(gpu, part)?;
        resident.upload(&occupancy.slice(s![first..first + numbers.len(), ..]).to_owned())?;
        merge(&mut tally, &resident.sums(job)?);
    }
    Ok(tally)
}
