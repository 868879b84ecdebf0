//! Moves sixteen cells through one substep at constant bias. Twin: `shaders/step.wgsl`; the equations are those of
//! [`mod@crate::cell::step`], to f32 accuracy up to a thousand electrons offered a trap in one substep and to 1e-3 beyond.

use super::lanes::{LANES, Lane, NEAR, phi, phi_near, phi_rest, phi_slope, phi_slope_near, splat};
use crate::backend::tables::{CellTables, SegmentRow};
use crate::material::MAX_CLASSES;

/// Occupancies, class by class.
pub type Occupancy = [Lane; MAX_CLASSES];

/// What drives one substep of a segment.
pub struct Motion {
    /// Electrons offered per trap.
    offered: Lane,
    /// One over F_sc, and 0 where nothing can be caught.
    inverse_limit: Lane,
    release: Release,
}

impl Motion {
    /// That of a segment for sixteen cells: `rate` is the emission of their classes, 1/s, `speed` their capture speed.
    #[inline(always)]
    pub fn new(
        tables: &CellTables,
        segment: &SegmentRow,
        trap_filled: &Lane,
        rate: &Occupancy,
        speed: &Lane,
    ) -> Motion {
        let mut offered = splat(0.0);
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
        Motion { offered, inverse_limit, release: Release { emission, fastest } }
    }

    /// The uptake averaged over the next substep.
    #[inline(always)]
    pub fn uptake(&self, tables: &CellTables, iterations: u32, occupancy: &Occupancy) -> Lane {
        average_uptake(tables, iterations, &self.offered, &self.inverse_limit, &self.release, occupancy)
    }

    /// Moves the classes through one substep at an average uptake.
    #[inline(always)]
    pub fn advance(&self, tables: &CellTables, uptake: &Lane, occupancy: &mut Occupancy) {
        if self.release.is_near(tables, uptake) {
            advance::<true>(tables, uptake, &self.release.emission, occupancy);
        } else {
            advance::<false>(tables, uptake, &self.release.emission, occupancy);
        }
    }

    /// Electrons caught per trap in the substep that starts at `occupancy`: `c` times the mean of the empty traps over it, with
    /// the exact mean `f + (c/(c + e) - f)(1 - phi)` of the occupancy.
    #[inline(always)]
    pub fn caught(&self, tables: &CellTables, uptake: &Lane, occupancy: &Occupancy) -> Lane {
        let mut caught = splat(0.0);
        for k in 0..tables.classes {
            let (weight, speed) = (tables.rows[k].weight, tables.rows[k].speed);
            for lane in 0..LANES {
                let (f, e, c) = (occupancy[k][lane], self.release.emission[k][lane], speed * uptake[lane]);
                let x = c + e;
                let phi_x = phi(x);
                let mean = c * phi_rest(x, phi_x) + f * phi_x;
                caught[lane] += weight * c * (1.0 - mean);
            }
        }
        caught
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

/// Capture per empty trap at filling `f`, and its slope by the filling: at F_sc the one from below, past it none.
#[inline(always)]
fn uptake(open: f32, offered: f32, inverse_limit: f32, f: f32) -> (f32, f32) {
    let through = 1.0 / (1.0 - open * f);
    let blocked = (1.0 - f) * through;
    let room = 1.0 - f * inverse_limit;
    let slope = -((1.0 - open) * through * through) * room.max(0.0) - blocked * inverse_limit;
    // F_sc times its rounded inverse is 1 within two roundings.
    if room > -1e-6 && inverse_limit > 0.0 {
        (offered * (blocked * room.max(0.0)), offered * slope)
    } else {
        (0.0, 0.0)
    }
}

/// The uptake averaged over a substep: the root of its equation by Newton's iteration inside a bracket.
///
/// The filling ends at or below F_sc, or where it started if that is above: the bracket's end. A stiff substep (x > 1) ends
/// near F_sc and is looked for from there. Where a step of Newton's leaves the bracket, or is not half as long as the one
/// before it, the bracket is halved instead: the uptake bends at F_sc, and Newton alone would jump to and fro across.
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
    let (mut explicit, mut implicit_weight, mut stiffness) = (splat(0.0), splat(0.0), splat(0.0));
    for lane in 0..LANES {
        let f = start[lane];
        let x =
            offered[lane] * (1.0 - left[lane]) / (1.0 - tables.open * left[lane]) * inverse_limit[lane] * empty[lane];
        let weight = (3.0 + x) / (6.0 + 3.0 * x + x * x);
        explicit[lane] = weight * uptake(tables.open, offered[lane], inverse_limit[lane], f).0;
        implicit_weight[lane] = 1.0 - weight;
        stiffness[lane] = x;
    }
    let (mut low, mut high, mut end, mut stride) = (splat(0.0), splat(1.0), start, splat(2.0));
    let mut top = splat(1.0);
    for lane in 0..LANES {
        let limit = if inverse_limit[lane] > 0.0 { 1.0 / inverse_limit[lane] } else { 0.0 };
        top[lane] = start[lane].max(limit).min(1.0);
        high[lane] = top[lane];
        end[lane] = if stiffness[lane] > 1.0 && limit > start[lane] { limit.min(1.0) } else { start[lane] };
    }
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
            // Within some roundings of the root strides do not halve, and the bracket's ends are rounded too.
            let near = offset.abs() <= 4e-7 * top[lane];
            let inside = near || newton >= low[lane] && newton <= high[lane] && offset.abs() <= 0.5 * stride[lane];
            stride[lane] = if inside { offset.abs() } else { high[lane] - low[lane] };
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
