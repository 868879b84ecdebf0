//! Moves sixteen cells through a programming. Twin: `shaders/program.wgsl`.

use super::draw::{Numbers, Variation, draw_speed};
use super::lanes::{LANES, splat, thermal_escape};
use super::step::{Motion, Occupancy};
use crate::backend::tables::CellTables;
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::NORMAL_TABLE_LEN;

/// Occupancies of cells that start empty, after all segments.
#[inline(always)]
pub fn program(
    tables: &CellTables,
    seed: u64,
    cells: &Numbers,
    variation: &Variation,
    normal_table: &[i32; NORMAL_TABLE_LEN],
) -> Occupancy {
    let mut occupancy = [splat(0.0); MAX_CLASSES];
    let rate = emission_per_s(tables, variation);
    let mut speed = splat(1.0);
    let mut drawn = u32::MAX;
    for segment in &tables.segments {
        if tables.speed_sd > 0.0 && segment.offered > 0.0 && segment.cycle != drawn {
            speed = draw_speed(tables, seed, cells, segment.cycle, normal_table);
            drawn = segment.cycle;
        }
        let motion = Motion::new(tables, segment, &variation.trap_filled, &rate, &speed);
        for _ in 0..segment.substeps {
            let uptake = motion.uptake(tables, segment.iterations, &occupancy);
            motion.advance(tables, &uptake.average, &mut occupancy);
        }
    }
    occupancy
}

/// Emission of the cells' classes without bias, 1/s.
#[inline(always)]
pub fn emission_per_s(tables: &CellTables, variation: &Variation) -> Occupancy {
    let mut rate = [splat(0.0); MAX_CLASSES];
    for k in 0..tables.classes {
        let row = &tables.rows[k];
        for lane in 0..LANES {
            let u = variation.log_size[lane];
            let escape = thermal_escape(row.program_rate, row.program_slope, row.program_curvature, u);
            rate[k][lane] = escape + tables.program_background;
        }
    }
    rate
}
