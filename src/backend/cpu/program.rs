//! Moves sixteen cells through a programming. Twin: `shaders/program.wgsl`; the equations are those of [`crate::cell::step`].

use super::draw::{Numbers, Variation, draw_speed};
use super::lanes::{LANES, Lane, NEAR, exp, phi, phi_near, phi_slope, phi_slope_near, splat};
use crate::backend::tables::{CellTables, SegmentRow};
use crate::material::MAX_CLASSES;
use crate::rng::NORMAL_TABLE_LEN;

/// Occupancies, class by class.
pub type Occupancy = [Lane; MAX_CLASSES];

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
    let mut rate = [splat(0.0); MAX_CLASSES];
    for k in 0..tables.classes {
        let row = &tables.rows[k];
        for lane in 0..LANES {
            let u = variation.log_size[lane];
            let shift = exp(-(u * (row.program_slope + row.program_curvature * u)));
            rate[k][lane] = row.program_rate * shift + tables.program_matrix;
        }
    }
    let mut speed = splat(1.0);
    let mut drawn = u32::MAX;
    for segment in &tables.segments {
        if tables.speed_sd > 0.0 && segment.offered > 0.0 && segment.cycle != drawn {
            speed = draw_speed(tables, seed, cells, segment.cycle, normal_table);
            drawn = segment.cycle;
        }
        apply(tables, segment, &variation.trap_filled, &rate, &speed, &mut occupancy);
    }
    occupancy
}

/// One segment.
#[inline(always)]
fn apply(
    tables: &CellTables,
    segment: &SegmentRow,
    trap_filled: &Lane,
    rate: &Occupancy,
    speed: &Lane,
    occupancy: &mut Occupancy,
) {
    let mut offered = splat(0.0);
    // One over F_sc, and 0 where nothing can be caught.
    let mut inverse_limit = splat(0.0);
    for lane in 0..LANES {
        offered[lane] = segment.offered * speed[lane];
        let span = tables.trap_filled_v * trap_filled[lane] - tables.onset_v;
        let limit = if span > 0.0 { (segment.overdrive_v / span).max(0.0).min(1.0) } else { 1.0 };
        inverse_limit[lane] = if limit > 0.0 && segment.overdrive_v > 0.0 { 1.0 / limit } else { 0.0 };
    }
    let mut emission = [splat(0.0); MAX_CLASSES];
    let mut fastest = splat(0.0);
    for k in 0..tables.classes {
        for lane in 0..LANES {
            let e = rate[k][lane] * segment.step_s + tables.rows[k].speed * segment.field;
            emission[k][lane] = e;
            fastest[lane] = if e > fastest[lane] { e } else { fastest[lane] };
        }
    }
    let release = Release { emission, fastest };
    for _ in 0..segment.substeps {
        let uptake = average_uptake(tables, segment.iterations, &offered, &inverse_limit, &release, occupancy);
        if release.is_near(tables, &uptake) {
            advance::<true>(tables, &uptake, &release.emission, occupancy);
        } else {
            advance::<false>(tables, &uptake, &release.emission, occupancy);
        }
    }
}

/// What a substep lets go.
struct Release {
    /// Emission of each class times the substep.
    emission: Occupancy,
    /// The largest of them in each cell.
    fastest: Lane,
}

impl Release {
    /// Whether all arguments of [`phi`] are below [`NEAR`] at an uptake: then its short form gives the same bits.
    #[inline(always)]
    fn is_near(&self, tables: &CellTables, uptake: &Lane) -> bool {
        let mut near = true;
        for lane in 0..LANES {
            near &= tables.top_speed * uptake[lane] + self.fastest[lane] < NEAR;
        }
        near
    }
}

/// Moves the classes through one substep at an average uptake.
#[inline(always)]
fn advance<const IS_NEAR: bool>(tables: &CellTables, uptake: &Lane, emission: &Occupancy, occupancy: &mut Occupancy) {
    for k in 0..tables.classes {
        let speed = tables.rows[k].speed;
        for lane in 0..LANES {
            let (f, e, c) = (occupancy[k][lane], emission[k][lane], speed * uptake[lane]);
            let x = c + e;
            let phi_x = if IS_NEAR { phi_near(x) } else { phi(x) };
            let new = f + (c * (1.0 - f) - e * f) * phi_x;
            occupancy[k][lane] = new.max(0.0).min(1.0);
        }
    }
}

/// Capture per empty trap at filling `f`, and its slope by the filling.
#[inline(always)]
fn uptake(open: f32, offered: f32, inverse_limit: f32, f: f32) -> (f32, f32) {
    let through = 1.0 / (1.0 - open * f);
    let blocked = (1.0 - f) * through;
    let room = 1.0 - f * inverse_limit;
    let slope = -((1.0 - open) * through * through) * room - blocked * inverse_limit;
    if room > 0.0 && inverse_limit > 0.0 { (offered * (blocked * room), offered * slope) } else { (0.0, 0.0) }
}

/// The uptake averaged over a substep: the root of its equation by Newton's iteration inside a bracket.
#[inline(always)]
fn average_uptake(
    tables: &CellTables,
    iterations: u32,
    offered: &Lane,
    inverse_limit: &Lane,
    release: &Release,
    occupancy: &Occupancy,
) -> Lane {
    let mut average = splat(0.0);
    if iterations == 0 {
        return average;
    }
    let (mut start, mut left, mut empty) = (splat(0.0), splat(0.0), splat(0.0));
    for k in 0..tables.classes {
        let (weight, speed) = (tables.rows[k].weight, tables.rows[k].speed);
        for lane in 0..LANES {
            let stays = occupancy[k][lane] / (1.0 + release.emission[k][lane]);
            start[lane] += weight * occupancy[k][lane];
            left[lane] += weight * stays;
            empty[lane] += weight * speed * (1.0 - stays);
        }
    }
    let (mut explicit, mut implicit_weight) = (splat(0.0), splat(0.0));
    for lane in 0..LANES {
        let f = start[lane];
        let x =
            offered[lane] * (1.0 - left[lane]) / (1.0 - tables.open * left[lane]) * inverse_limit[lane] * empty[lane];
        let weight = (3.0 + x) / (6.0 + 3.0 * x + x * x);
        explicit[lane] = weight * uptake(tables.open, offered[lane], inverse_limit[lane], f).0;
        implicit_weight[lane] = 1.0 - weight;
    }
    let (mut low, mut high, mut end) = (splat(0.0), splat(1.0), start);
    for _ in 0..iterations {
        let (mut uptake_end, mut slope_end) = (splat(0.0), splat(0.0));
        for lane in 0..LANES {
            let (u, s) = uptake(tables.open, offered[lane], inverse_limit[lane], end[lane]);
            uptake_end[lane] = explicit[lane] + implicit_weight[lane] * u;
            slope_end[lane] = implicit_weight[lane] * s;
        }
        let (value, slope) = if release.is_near(tables, &uptake_end) {
            balance::<true>(tables, &uptake_end, &slope_end, &release.emission, occupancy, &end)
        } else {
            balance::<false>(tables, &uptake_end, &slope_end, &release.emission, occupancy, &end)
        };
        for lane in 0..LANES {
            let above = value[lane] > 0.0;
            high[lane] = if above { end[lane] } else { high[lane] };
            low[lane] = if above { low[lane] } else { end[lane] };
            let offset = -value[lane] / slope[lane];
            let newton = end[lane] + offset;
            let middle = 0.5 * (low[lane] + high[lane]);
            // Closed: where the root sits on the bracket's end, Newton lands on it and must be let.
            let inside = newton >= low[lane] && newton <= high[lane];
            end[lane] = if inside { newton } else { middle };
            // The uptake moves along its slope by the unrounded offset: taken at the rounded filling it would be off by
            // `offered` roundings, without bound in a long step.
            let along = (uptake_end[lane] + slope_end[lane] * offset).max(explicit[lane]);
            let at_middle = explicit[lane]
                + implicit_weight[lane] * uptake(tables.open, offered[lane], inverse_limit[lane], middle).0;
            average[lane] = if inside { along } else { at_middle };
        }
    }
    average
}

/// A filling less the one that a substep at its uptake ends with, and the slope of that difference by the filling.
#[inline(always)]
fn balance<const IS_NEAR: bool>(
    tables: &CellTables,
    uptake_end: &Lane,
    slope_end: &Lane,
    emission: &Occupancy,
    occupancy: &Occupancy,
    end: &Lane,
) -> (Lane, Lane) {
    let (mut value, mut slope) = (*end, splat(1.0));
    for k in 0..tables.classes {
        let (weight, speed) = (tables.rows[k].weight, tables.rows[k].speed);
        for lane in 0..LANES {
            let (f, e, c) = (occupancy[k][lane], emission[k][lane], speed * uptake_end[lane]);
            let net = c * (1.0 - f) - e * f;
            let x = c + e;
            let phi_x = if IS_NEAR { phi_near(x) } else { phi(x) };
            let phi_slope_x = if IS_NEAR { phi_slope_near(x) } else { phi_slope(x, phi_x) };
            value[lane] -= weight * (f + net * phi_x);
            slope[lane] -= weight * speed * ((1.0 - f) * phi_x + net * phi_slope_x) * slope_end[lane];
        }
    }
    (value, slope)
}
