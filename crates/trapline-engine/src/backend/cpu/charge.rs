//! The charge that passes in a dwell. Twin: `shaders/charge.wgsl`; the equations are those of
//! [`mod@trapline_model::cell::charge`].

use super::lanes::{LANES, Lane, phi_near, splat};
use super::step::{Classes, LaneSegment, Motion, Occupancy, Uptake, Weights, after, uptake};
use trapline_model::cell::charge::{MOST_RELAXATION, POINTS, piece_length};

/// What passes in a substep.
pub struct Passed {
    /// Mean of theta over it.
    pub free_share: Lane,
    /// The average uptake, corrected.
    pub uptake: Lane,
}

/// Filling by the part `part` of a substep, once each empty trap of speed 1 has seen `caught`.
#[inline(always)]
fn filling_after<const IS_NEAR: bool, W: Weights>(
    tables: &Classes<W>,
    motion: &Motion,
    occupancy: &Occupancy,
    caught: &Lane,
    part: f32,
) -> Lane {
    let mut filling = splat(0.0);
    for k in 0..tables.classes {
        let (weight, speed) = (tables.weight(k), tables.rows[k].speed);
        for lane in 0..LANES {
            let (f, e, c) = (occupancy[k][lane], motion.release.emission[k][lane] * part, speed * caught[lane]);
            let new = if IS_NEAR { f + (c * (1.0 - f) - e * f) * phi_near(c + e) } else { after(f, c, e) };
            filling[lane] += weight[lane] * new;
        }
    }
    filling
}

/// What passes in a substep from an occupancy, whose uptake is known.
#[inline(always)]
pub fn passed<W: Weights>(tables: &Classes<W>, motion: &Motion, occupancy: &Occupancy, seen: &Uptake) -> Passed {
    // No trap sees more on the way than this: the bend is an eighth of the difference at most.
    let mut most = splat(0.0);
    for lane in 0..LANES {
        most[lane] = seen.average[lane] + 0.125 * seen.start[lane];
    }
    if motion.release.is_near(tables, &most) {
        passed_of::<true, W>(tables, motion, occupancy, seen)
    } else {
        passed_of::<false, W>(tables, motion, occupancy, seen)
    }
}

#[inline(always)]
fn passed_of<const IS_NEAR: bool, W: Weights>(
    tables: &Classes<W>,
    motion: &Motion,
    occupancy: &Occupancy,
    seen: &Uptake,
) -> Passed {
    let (offered, inverse_limit) = (&motion.offered, &motion.inverse_limit);
    let (mut free_share, mut mean) = (splat(0.0), splat(0.0));
    for point in POINTS {
        let part = point as f32;
        let mut caught = splat(0.0);
        for lane in 0..LANES {
            let bend = seen.start[lane] - seen.end[lane];
            let bent = bend * (part * (1.0 - part)) / (2.0 + seen.relaxation[lane] * part);
            caught[lane] = (seen.average[lane] * part + bent).max(0.0);
        }
        let filling = filling_after::<IS_NEAR, W>(tables, motion, occupancy, &caught, part);
        for lane in 0..LANES {
            free_share[lane] += 0.5 * (tables.free_share / (1.0 - tables.open * filling[lane]));
            mean[lane] += 0.5 * uptake(tables.open, offered[lane], inverse_limit[lane], filling[lane]).0;
        }
    }
    let mut corrected = splat(0.0);
    for lane in 0..LANES {
        let half = 0.5 * seen.relaxation[lane].min(MOST_RELAXATION as f32);
        let average = seen.average[lane];
        corrected[lane] = (average + (mean[lane] - average) / (1.0 + (half * half) * (half * half))).max(0.0);
    }
    Passed { free_share, uptake: corrected }
}

/// Mean of theta over a segment from an occupancy, taken in pieces.
#[inline(always)]
pub fn free_share_in_pieces<W: Weights>(
    tables: &Classes<W>,
    segment: &LaneSegment,
    trap_filled: &Lane,
    rate: &Occupancy,
    speed: &Lane,
    start: &Occupancy,
) -> Lane {
    let mut occupancy = *start;
    let mut sum = splat(0.0);
    let row = segment.row;
    for number in 0..row.pieces {
        let length = piece_length(row.pieces, number) as f32;
        let piece = segment.piece(row.substeps as f32 * length);
        let motion = Motion::new(tables, &piece, trap_filled, rate, speed);
        let uptake = motion.uptake(tables, row.piece_iterations, &occupancy);
        let seen = passed(tables, &motion, &occupancy, &uptake);
        for lane in 0..LANES {
            sum[lane] += length * seen.free_share[lane];
        }
        motion.advance(tables, &seen.uptake, &mut occupancy);
    }
    sum
}
