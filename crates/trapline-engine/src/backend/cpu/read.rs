//! Reads sixteen cells. Twin: `shaders/read.wgsl`; the equations are those of [`mod@trapline_model::cell::read`].

use super::lanes::{LANES, Lane, splat};
use crate::backend::tables::Tables;
use trapline_model::cell::read::Observables;

/// What is read of cells that have lost a fraction of their charge.
#[inline(always)]
pub fn read(tables: &Tables, area: &Lane, start: &Lane, lost: &Lane) -> Observables<Lane> {
    let mut seen = Observables { conductance: splat(0.0), filling: splat(0.0), lost: *lost, kept: splat(0.0) };
    for lane in 0..LANES {
        let left = 1.0 - lost[lane];
        let filling = start[lane] * left;
        let charge = tables.cell.open * start[lane];
        seen.filling[lane] = filling;
        seen.conductance[lane] = area[lane] * (tables.direct / (1.0 - tables.cell.open * filling) + tables.hopping);
        seen.kept[lane] = left / (1.0 + lost[lane] * charge / (1.0 - charge));
    }
    seen
}
