//! An exposure in f64, cell by cell: the laws themselves, at each cell's own bias and temperature.

use super::{counted, each_cell};
use crate::backend::BackendError;
use crate::backend::exposure::Exposed;
use crate::backend::stimulus::{RESPONSE_QUANTITIES, Response};
use ndarray::Array2;
use trapline_model::array;
use trapline_model::cell::counted::tables;
use trapline_model::cell::{self, Drive, current, step};
use trapline_model::protocol::Segment;
use trapline_model::rng::counts::Counts;
use trapline_model::units::ELEMENTARY_CHARGE_C;

/// One cell; gives the row of its response.
fn one(
    exposed: &Exposed,
    counts: &Counts,
    place: usize,
    cell: u64,
    occupancy: &mut step::Occupancy,
) -> [f64; RESPONSE_QUANTITIES] {
    let Exposed { material, variation, seed, stepping, .. } = exposed;
    let (bias_v, temperature_k) = (exposed.bias_v[place], exposed.temperature_k[place]);
    let draws = counted::draws(counts, *seed, cell);
    let mut of_counted = counted::drawn(material, variation, exposed.electrons, &draws);
    if let Some(of_cell) = &mut of_counted {
        of_cell.fill(occupancy);
    }
    let factors = match &of_counted {
        Some(of_cell) => of_cell.factors,
        None => array::factors(variation, *seed, cell),
    };
    let emission = cell::emission_per_s(material, &factors, temperature_k);
    let segment = Segment { bias_v, dwell_s: exposed.dwell_s, cycle: exposed.cycle };
    let drive = Drive { substeps: stepping.substeps, ..Drive::new(material, &segment, temperature_k, None) };
    let speed = array::capture_speed(variation, *seed, cell, exposed.cycle);
    let flow = match &mut of_counted {
        Some(of_cell) => {
            let pieces = stepping.pieces;
            cell::apply_counted(material, of_cell, &emission, &drive, pieces, speed, &draws, exposed.settling)
        }
        None => cell::apply_metered(material, &factors, &emission, &drive, stepping.pieces, speed, occupancy),
    };
    let injected_a = current::injected_a(material, bias_v.abs(), temperature_k);
    let hopping_a = current::hopping_a(material, bias_v.abs(), temperature_k);
    let current_a = |free_share: f64| factors.area * (free_share * injected_a + hopping_a);
    let filling = match &of_counted {
        Some(of_cell) => {
            *occupancy = of_cell.occupancy;
            of_cell.filling()
        }
        None => step::filling(&material.classes, occupancy),
    };
    let free_share = current::free_share(1.0 - material.injection.free_share, filling);
    let traps = material.capture.map_or(0.0, |c| c.traps);
    [
        current_a(free_share).copysign(bias_v),
        filling,
        bias_v.abs() * current_a(flow.free_share) * exposed.dwell_s,
        factors.area * injected_a * exposed.dwell_s / ELEMENTARY_CHARGE_C,
        factors.area * factors.trap_filled * traps * flow.caught,
    ]
}

/// See [`crate::backend::Backend::expose`].
pub(in crate::backend) fn expose(
    exposed: &Exposed,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    let rows = usize::from(exposed.recorded);
    let counts = tables(&exposed.material, &exposed.variation, exposed.electrons);
    Ok(each_cell(exposed.material.classes.len(), rows, cells, occupancy, |place, cell, state| {
        let row = one(exposed, &counts, place, cell, state);
        if exposed.recorded { vec![row] } else { Vec::new() }
    }))
}
