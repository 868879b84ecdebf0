//! Fills sixteen cells by pulses in one go. Twin: `shaders/train.wgsl`; the equations are those of
//! [`mod@trapline_model::cell::train`].

use super::draw::draw_speed;
use super::drive::Driven;
use super::lanes::{LANES, Lane, fraction_lost, splat};
use super::step::{Classes, Occupancy, Weights};
use crate::backend::tables::{CellTables, SegmentRow};

/// What a train makes of cells.
pub struct Filled {
    /// What an empty trap of speed 1 catches.
    pub uptake: Lane,
    /// By what share an electron too many lowers what is caught.
    pub feedback: Lane,
    /// One over F_sc, and 0 where nothing can be caught.
    pub inverse_limit: Lane,
}

/// Mean speed of the empty dots at a filling.
#[inline(always)]
fn mean_speed(tables: &CellTables, filling: f32) -> f32 {
    let c = &tables.mean_speed;
    let filling = if filling < tables.mean_speed_top { filling } else { tables.mean_speed_top };
    ((((((c[7] * filling + c[6]) * filling + c[5]) * filling + c[4]) * filling + c[3]) * filling + c[2]) * filling
        + c[1])
        * filling
        + c[0]
}

/// The capture speeds of the pulses of a train, added up.
#[inline(always)]
fn speeds(driven: &Driven, row: &SegmentRow) -> Lane {
    let Driven { tables, seed, cells, normal_table, .. } = *driven;
    // What they have beside 1, so that a sum of many keeps its digits.
    let mut sum = splat(0.0);
    if tables.speed_sd > 0.0 {
        for pulse in 0..row.pulses {
            let speed = draw_speed(tables, seed, cells, row.cycle + pulse, normal_table);
            for lane in 0..LANES {
                sum[lane] += speed[lane] - 1.0;
            }
        }
    }
    super::lanes::map(&sum, |sum| row.pulses as f32 + sum)
}

/// A train as sixteen cells see it.
struct Way<'a> {
    tables: &'a CellTables,
    /// Filling at the start, and what F_sc leaves of room.
    filling: Lane,
    room: Lane,
    /// Speeds of the cells' own empty dots over those of the nominal ones.
    own: Lane,
}

impl Way<'_> {
    /// Slopes of the feedback and of the uptake by x.
    #[inline(always)]
    fn slopes(&self, feedback: &Lane) -> (Lane, Lane) {
        let (mut of_feedback, mut of_uptake) = (splat(0.0), splat(0.0));
        for lane in 0..LANES {
            let gained = fraction_lost(feedback[lane]);
            let filling = self.filling[lane] + self.room[lane] * gained;
            let empty = 1.0 - filling;
            let open_share = empty / (1.0 - self.tables.open * filling);
            of_feedback[lane] = open_share * (self.own[lane] * (empty * mean_speed(self.tables, filling)));
            of_uptake[lane] = self.room[lane] * ((1.0 - gained) * open_share);
        }
        (of_feedback, of_uptake)
    }
}

/// Fills the cells from an occupancy.
#[inline(always)]
pub fn fill(driven: &Driven, classes: &Classes<impl Weights>, row: &SegmentRow, occupancy: &Occupancy) -> Filled {
    let Driven { tables, factors, .. } = *driven;
    let speeds = speeds(driven, row);
    let (mut filling, mut ready) = (splat(0.0), splat(0.0));
    for k in 0..tables.classes {
        let (weight, speed) = (classes.weight(k), tables.rows[k].speed);
        for lane in 0..LANES {
            let f = occupancy[k][lane];
            filling[lane] += weight[lane] * f;
            ready[lane] += weight[lane] * speed * (1.0 - f);
        }
    }
    let mut way = Way { tables, filling, room: splat(0.0), own: splat(1.0) };
    let (mut h, mut inverse_limit) = (splat(0.0), splat(0.0));
    for lane in 0..LANES {
        let trap_filled = factors.trap_filled[lane];
        let span = tables.trap_filled_v * trap_filled - tables.onset_v;
        let limit = if span > 0.0 { (row.overdrive_v / span).max(0.0).min(1.0) } else { 1.0 };
        let filling = way.filling[lane];
        let room = limit - filling;
        let dose = row.offered * speeds[lane] / trap_filled;
        // Past F_sc nothing is caught.
        let catches = room > 0.0 && row.overdrive_v > 0.0;
        way.room[lane] = if catches { room } else { 0.0 };
        inverse_limit[lane] = if catches { 1.0 / limit } else { 0.0 };
        h[lane] = if catches { dose / limit * row.first_share } else { 0.0 };
        let nominal = (1.0 - filling) * mean_speed(tables, filling);
        way.own[lane] = if nominal > 0.0 { ready[lane] / nominal } else { 0.0 };
    }
    let (mut feedback, mut uptake) = (splat(0.0), splat(0.0));
    for _ in 0..row.train_steps {
        let at = |along: &Lane, share: f32| {
            super::lanes::zip(&feedback, &super::lanes::zip(&h, along, |h, a| share * h * a), |y, d| y + d)
        };
        let (a, uptake_a) = way.slopes(&feedback);
        let (b, uptake_b) = way.slopes(&at(&a, 0.5));
        let (c, uptake_c) = way.slopes(&at(&b, 0.5));
        let (d, uptake_d) = way.slopes(&at(&c, 1.0));
        for lane in 0..LANES {
            let sixth = h[lane] * (1.0 / 6.0);
            feedback[lane] += sixth * (a[lane] + 2.0 * (b[lane] + c[lane]) + d[lane]);
            uptake[lane] += sixth * (uptake_a[lane] + 2.0 * (uptake_b[lane] + uptake_c[lane]) + uptake_d[lane]);
            h[lane] *= row.growth;
        }
    }
    // U drifts more than the filling does: the one that fills as far.
    let (mut gained, mut ready) = (splat(0.0), splat(0.0));
    for k in 0..tables.classes {
        let (weight, speed) = (classes.weight(k), tables.rows[k].speed);
        for lane in 0..LANES {
            let empty = 1.0 - occupancy[k][lane];
            let caught = empty * fraction_lost(speed * uptake[lane]);
            gained[lane] += weight[lane] * caught;
            ready[lane] += weight[lane] * speed * (empty - caught);
        }
    }
    for lane in 0..LANES {
        let lacks = way.room[lane] * fraction_lost(feedback[lane]) - gained[lane];
        let correction = if ready[lane] > 1e-30 && way.room[lane] > 0.0 { lacks / ready[lane] } else { 0.0 };
        uptake[lane] = (uptake[lane] + correction).max(0.0);
    }
    Filled { uptake, feedback, inverse_limit }
}
