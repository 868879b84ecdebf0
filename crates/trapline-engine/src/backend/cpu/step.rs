//! Moves sixteen cells through one substep at constant bias. Twin: `shaders/step.wgsl`; the equations are those of
//! [`mod@trapline_model::cell::step`].

use super::lanes::{LANES, Lane, exp, map, phi, phi_near, phi_rest, phi_slope, phi_slope_near, splat};
use crate::backend::constants::NEAR;
use crate::backend::job::STIFF_ITERATIONS;
use crate::backend::tables::{CellTables, SegmentRow};
use trapline_model::material::MAX_CLASSES;

/// Occupancies, class by class.
pub type Occupancy = [Lane; MAX_CLASSES];

/// Shares of the classes among a cell's traps.
pub trait Weights: Copy {
    /// That of a class, lane by lane.
    fn of(&self, tables: &CellTables, k: usize) -> Lane;
}

/// The material's.
#[derive(Clone, Copy)]
pub struct Nominal;

impl Weights for Nominal {
    #[inline(always)]
    fn of(&self, tables: &CellTables, k: usize) -> Lane {
        splat(tables.rows[k].weight)
    }
}

/// Those of the cells' own dots.
#[derive(Clone, Copy)]
pub struct Own<'a>(pub &'a Occupancy);

impl Weights for Own<'_> {
    #[inline(always)]
    fn of(&self, _: &CellTables, k: usize) -> Lane {
        self.0[k]
    }
}

/// The classes of cells, with their weights.
#[derive(Clone, Copy)]
pub struct Classes<'a, W> {
    pub tables: &'a CellTables,
    pub weights: W,
}

impl<W: Weights> Classes<'_, W> {
    /// Share of a class among each cell's traps.
    #[inline(always)]
    pub fn weight(&self, k: usize) -> Lane {
        self.weights.of(self.tables, k)
    }
}

impl<W> std::ops::Deref for Classes<'_, W> {
    type Target = CellTables;

    #[inline(always)]
    fn deref(&self) -> &CellTables {
        self.tables
    }
}

/// What drives one substep of a segment.
pub struct Motion {
    /// Electrons offered per trap.
    pub(super) offered: Lane,
    /// One over F_sc, and 0 where nothing can be caught.
    pub(super) inverse_limit: Lane,
    pub(super) release: Release,
}

/// What an empty trap of speed 1 catches in a substep.
pub struct Uptake {
    /// The average the substep is made with.
    pub average: Lane,
    /// At the filling it starts with, and at the one it ends with.
    pub start: Lane,
    pub end: Lane,
    /// The rate of the approach, per substep.
    pub relaxation: Lane,
}

/// A segment as sixteen cells see it. What is the same for all of them is in `row`, whose own offer, overdrive,
/// release, bias and currents are not read.
pub struct LaneSegment<'a> {
    pub row: &'a SegmentRow,
    /// One substep, s.
    pub step_s: f32,
    pub offered: Lane,
    pub overdrive_v: Lane,
    pub field: Lane,
    pub bias_v: Lane,
    pub injected_a: Lane,
    pub hopping_a: Lane,
}

impl<'a> LaneSegment<'a> {
    /// All cells see the same.
    #[inline(always)]
    pub fn alike(row: &'a SegmentRow) -> LaneSegment<'a> {
        LaneSegment {
            row,
            step_s: row.step_s,
            offered: splat(row.offered),
            overdrive_v: splat(row.overdrive_v),
            field: splat(row.field),
            bias_v: splat(row.bias_v),
            injected_a: splat(row.injected_a),
            hopping_a: splat(row.hopping_a),
        }
    }

    /// A piece of it, so many substeps long.
    #[inline(always)]
    pub(super) fn piece(&self, substeps: f32) -> LaneSegment<'a> {
        LaneSegment {
            step_s: self.step_s * substeps,
            offered: map(&self.offered, |offered| offered * substeps),
            field: map(&self.field, |field| field * substeps),
            ..*self
        }
    }
}

impl Motion {
    /// That of a segment for sixteen cells: `rate` is the emission of their classes, 1/s, `speed` their capture speed.
    #[inline(always)]
    pub fn new(
        tables: &CellTables,
        segment: &LaneSegment,
        trap_filled: &Lane,
        rate: &Occupancy,
        speed: &Lane,
    ) -> Motion {
        let mut offered = splat(0.0);
        let mut inverse_limit = splat(0.0);
        for lane in 0..LANES {
            // The trap-filled limit counts the traps: a cell with more of them offers each less.
            offered[lane] = segment.offered[lane] * speed[lane] / trap_filled[lane];
            let overdrive_v = segment.overdrive_v[lane];
            let span = tables.trap_filled_v * trap_filled[lane] - tables.onset_v;
            let limit = if span > 0.0 { (overdrive_v / span).max(0.0).min(1.0) } else { 1.0 };
            inverse_limit[lane] = if limit > 0.0 && overdrive_v > 0.0 { 1.0 / limit } else { 0.0 };
        }
        let mut emission = [splat(0.0); MAX_CLASSES];
        let mut fastest = splat(0.0);
        for k in 0..tables.classes {
            for lane in 0..LANES {
                let e = rate[k][lane] * segment.step_s + tables.rows[k].speed * segment.field[lane];
                emission[k][lane] = e;
                fastest[lane] = if e > fastest[lane] { e } else { fastest[lane] };
            }
        }
        Motion { offered, inverse_limit, release: Release { emission, fastest } }
    }

    /// The uptake averaged over the next substep.
    #[inline(always)]
    pub fn uptake<W: Weights>(&self, tables: &Classes<W>, iterations: u32, occupancy: &Occupancy) -> Uptake {
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

    /// Electrons caught per trap in the substep that starts at `occupancy`: `c` times the mean of the empty traps
    /// over it, with the exact mean `f + (c/(c + e) - f)(1 - phi)` of the occupancy.
    #[inline(always)]
    pub fn caught<W: Weights>(&self, tables: &Classes<W>, uptake: &Lane, occupancy: &Occupancy) -> Lane {
        let mut caught = splat(0.0);
        for k in 0..tables.classes {
            let (weight, speed) = (tables.weight(k), tables.rows[k].speed);
            for lane in 0..LANES {
                let (f, e, c) = (occupancy[k][lane], self.release.emission[k][lane], speed * uptake[lane]);
                let x = c + e;
                let phi_x = phi(x);
                let mean = c * phi_rest(x, phi_x) + f * phi_x;
                caught[lane] += weight[lane] * c * (1.0 - mean);
            }
        }
        caught
    }
}

/// What a substep lets go.
pub(super) struct Release {
    /// Emission of each class times the substep.
    pub(super) emission: Occupancy,
    /// The largest of them in each cell.
    fastest: Lane,
}

impl Release {
    /// Whether all arguments of [`phi`] are below [`NEAR`] at an uptake: then its short form gives the same bits.
    #[inline(always)]
    pub(super) fn is_near(&self, tables: &CellTables, uptake: &Lane) -> bool {
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
            let new = if IS_NEAR { f + (c * (1.0 - f) - e * f) * phi_near(c + e) } else { after(f, c, e) };
            occupancy[k][lane] = new.max(0.0).min(1.0);
        }
    }
}

/// Capture per empty trap at filling `f`, and its slope by the filling.
#[inline(always)]
pub(super) fn uptake(open: f32, offered: f32, inverse_limit: f32, f: f32) -> (f32, f32) {
    let through = 1.0 / (1.0 - open * f);
    let blocked = (1.0 - f) * through;
    let room = 1.0 - f * inverse_limit;
    let slope = -((1.0 - open) * through * through) * room - blocked * inverse_limit;
    if room > 0.0 && inverse_limit > 0.0 { (offered * (blocked * room), offered * slope) } else { (0.0, 0.0) }
}

/// By how much the uptake falls with the filling, of each electron offered; 0 where nothing is caught. As `falls` of
/// [`mod@trapline_model::cell::step`].
#[inline(always)]
pub(super) fn falls(open: f32, inverse_limit: f32, f: f32) -> f32 {
    let through = 1.0 / (1.0 - open * f).max(1e-6);
    let room = 1.0 - f * inverse_limit;
    let falls = (1.0 - open) * through * through * room + (1.0 - f) * through * inverse_limit;
    if inverse_limit > 0.0 && room >= 0.0 { falls } else { 0.0 }
}

/// The uptake averaged over a substep, `a = explicit + g u(F1(a))`: see [`mod@trapline_model::cell::step`].
#[inline(always)]
fn average_uptake<W: Weights>(
    tables: &Classes<W>,
    iterations: u32,
    offered: &Lane,
    inverse_limit: &Lane,
    release: &Release,
    occupancy: &Occupancy,
) -> Uptake {
    if iterations == 0 {
        let nothing = splat(0.0);
        return Uptake { average: nothing, start: nothing, end: nothing, relaxation: nothing };
    }
    let (mut at_start, mut relaxation) = (splat(0.0), splat(0.0));
    let (mut start, mut left, mut empty, mut released) = (splat(0.0), splat(0.0), splat(0.0), splat(0.0));
    for k in 0..tables.classes {
        let (weight, speed) = (tables.weight(k), tables.rows[k].speed);
        for lane in 0..LANES {
            let (f, e) = (occupancy[k][lane], release.emission[k][lane]);
            let stays = f / (1.0 + e);
            start[lane] += weight[lane] * f;
            left[lane] += weight[lane] * stays;
            empty[lane] += weight[lane] * speed * (1.0 - stays);
            released[lane] += weight[lane] * e * f;
        }
    }
    let (mut explicit, mut implicit_weight) = (splat(0.0), splat(0.0));
    for lane in 0..LANES {
        let f = start[lane];
        let capture =
            offered[lane] * (1.0 - left[lane]) / (1.0 - tables.open * left[lane]) * inverse_limit[lane] * empty[lane];
        let emission = if f > 0.0 { released[lane] / f } else { 0.0 };
        let x = (capture + emission).min(1e18);
        let weight = (3.0 + x) / (6.0 + 3.0 * x + x * x);
        let u = uptake(tables.open, offered[lane], inverse_limit[lane], f).0;
        explicit[lane] = weight * u;
        implicit_weight[lane] = 1.0 - weight;
        (at_start[lane], relaxation[lane]) = (u, x);
    }
    let equation = Equation { tables, offered, inverse_limit, release, occupancy, explicit, implicit_weight };
    let average =
        if iterations >= STIFF_ITERATIONS { equation.bisected() } else { equation.by_newton(iterations, start) };
    let mut end = splat(0.0);
    for lane in 0..LANES {
        end[lane] = (average[lane] - explicit[lane]) / implicit_weight[lane];
    }
    Uptake { average, start: at_start, end, relaxation }
}

/// The equation of a substep's average uptake.
struct Equation<'a, W> {
    tables: &'a Classes<'a, W>,
    offered: &'a Lane,
    inverse_limit: &'a Lane,
    release: &'a Release,
    occupancy: &'a Occupancy,
    explicit: Lane,
    implicit_weight: Lane,
}

impl<W: Weights> Equation<'_, W> {
    /// Newton's iteration for the filling at the end, from the one at the start: for substeps that are not stiff,
    /// where it does not leave the side of F_sc it is on.
    #[inline(always)]
    fn by_newton(&self, iterations: u32, start: Lane) -> Lane {
        let (mut end, mut average) = (start, self.explicit);
        for _ in 0..iterations {
            let (mut uptake_end, mut slope_end) = (splat(0.0), splat(0.0));
            for lane in 0..LANES {
                let (u, s) = uptake(self.tables.open, self.offered[lane], self.inverse_limit[lane], end[lane]);
                uptake_end[lane] = self.explicit[lane] + self.implicit_weight[lane] * u;
                slope_end[lane] = self.implicit_weight[lane] * s;
            }
            let (value, slope) = if self.release.is_near(self.tables, &uptake_end) {
                balance::<true, W>(self.tables, &uptake_end, &slope_end, &self.release.emission, self.occupancy, &end)
            } else {
                balance::<false, W>(self.tables, &uptake_end, &slope_end, &self.release.emission, self.occupancy, &end)
            };
            for lane in 0..LANES {
                let offset = -value[lane] / slope[lane];
                end[lane] = (end[lane] + offset).max(0.0).min(1.0);
                // Along the slope by the unrounded offset: taken at the rounded filling the uptake would be off by
                // `offered` roundings.
                average[lane] = (uptake_end[lane] + slope_end[lane] * offset).max(self.explicit[lane]);
            }
        }
        average
    }

    /// The root in the uptake by halving its bracket, by its logarithm while the ends are far apart: for stiff
    /// substeps, where one rounding of the filling moves the uptake by a lot and the uptake hardly moves the filling.
    #[inline(always)]
    fn bisected(&self) -> Lane {
        let mut low = self.explicit;
        let mut high = self.right_side(&low);
        for _ in 0..STIFF_ITERATIONS {
            let mut middle = splat(0.0);
            for lane in 0..LANES {
                let far = low[lane] < 1e-3 * high[lane];
                middle[lane] = if far { low[lane].max(0.03125 * high[lane]) } else { 0.5 * (low[lane] + high[lane]) };
            }
            let right = self.right_side(&middle);
            for lane in 0..LANES {
                let above = middle[lane] > right[lane];
                high[lane] = if above { middle[lane] } else { high[lane] };
                low[lane] = if above { low[lane] } else { middle[lane] };
            }
        }
        super::lanes::zip(&low, &high, |low, high| 0.5 * (low + high))
    }

    /// `explicit + g u(F1(a))`.
    #[inline(always)]
    fn right_side(&self, a: &Lane) -> Lane {
        let mut end = splat(0.0);
        for k in 0..self.tables.classes {
            let (weight, speed) = (self.tables.weight(k), self.tables.rows[k].speed);
            for lane in 0..LANES {
                let (f, e) = (self.occupancy[k][lane], self.release.emission[k][lane]);
                end[lane] += weight[lane] * after(f, speed * a[lane], e);
            }
        }
        for lane in 0..LANES {
            let u = uptake(self.tables.open, self.offered[lane], self.inverse_limit[lane], end[lane]).0;
            end[lane] = self.explicit[lane] + self.implicit_weight[lane] * u;
        }
        end
    }
}

/// Occupancy of a class after a substep of constant rates: a small change as one, what is left of a large decay as a
/// sum of positive terms.
#[inline(always)]
pub(super) fn after(f: f32, c: f32, e: f32) -> f32 {
    let x = c + e;
    let phi_x = phi(x);
    let near = f + (c * (1.0 - f) - e * f) * phi_x;
    let far = f * exp(-x) + c * phi_x;
    if x < NEAR { near } else { far }
}

/// A filling less the one that a substep at its uptake ends with, and the slope of that difference by the filling.
#[inline(always)]
fn balance<const IS_NEAR: bool, W: Weights>(
    tables: &Classes<W>,
    uptake_end: &Lane,
    slope_end: &Lane,
    emission: &Occupancy,
    occupancy: &Occupancy,
    end: &Lane,
) -> (Lane, Lane) {
    let (mut value, mut slope) = (*end, splat(1.0));
    for k in 0..tables.classes {
        let (weight, speed) = (tables.weight(k), tables.rows[k].speed);
        for lane in 0..LANES {
            let (f, e, c) = (occupancy[k][lane], emission[k][lane], speed * uptake_end[lane]);
            let net = c * (1.0 - f) - e * f;
            let x = c + e;
            let phi_x = if IS_NEAR { phi_near(x) } else { phi(x) };
            let phi_slope_x = if IS_NEAR { phi_slope_near(x) } else { phi_slope(x, phi_x) };
            value[lane] -= weight[lane] * (f + net * phi_x);
            slope[lane] -= weight[lane] * speed * ((1.0 - f) * phi_x + net * phi_slope_x) * slope_end[lane];
        }
    }
    (value, slope)
}
