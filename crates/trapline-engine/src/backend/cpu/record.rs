//! What is recorded of cells that are driven. Twin: `shaders/recording.wgsl`.

use super::charge::{free_share_in_pieces, passed};
use super::drive::{Driven, Record};
use super::lanes::{LANES, Lane, map, splat, zip};
use super::step::{Classes, LaneSegment, Motion, Occupancy, Uptake, Weights};
use crate::backend::stimulus::RESPONSE_QUANTITIES;
use crate::backend::tables::NOT_RECORDED;
use trapline_model::units::ELEMENTARY_CHARGE_C;

/// A row of the response for sixteen cells, in the order of [`RESPONSE_QUANTITIES`].
pub(super) type Seen = [Lane; RESPONSE_QUANTITIES];

/// Records what passes and what is caught, segment by segment. Twin: `shaders/recording.wgsl`.
pub(super) struct Recorder {
    /// Rows of the response.
    pub seen: Vec<Seen>,
    /// Of the segment under way: sum over the substeps of the mean of theta in each, and electrons caught per trap.
    free_share: Lane,
    caught: Lane,
}

impl Recorder {
    /// So many rows, in which nothing has passed yet.
    pub fn new(rows: usize) -> Recorder {
        let seen = vec![[splat(0.0); RESPONSE_QUANTITIES]; rows];
        Recorder { seen, free_share: splat(0.0), caught: splat(0.0) }
    }
}

impl Record for Recorder {
    #[inline(always)]
    fn begin_segment(
        &mut self,
        driven: &Driven,
        classes: &Classes<impl Weights>,
        segment: &LaneSegment,
        rate: &Occupancy,
        speed: &Lane,
        occupancy: &Occupancy,
    ) {
        (self.free_share, self.caught) = (splat(0.0), splat(0.0));
        if segment.row.row != NOT_RECORDED && segment.row.pieces > 1 {
            let trap_filled = &driven.factors.trap_filled;
            let mean = free_share_in_pieces(classes, segment, trap_filled, rate, speed, occupancy);
            self.free_share = map(&mean, |mean| mean * segment.row.substeps as f32);
        }
    }

    #[inline(always)]
    fn watch_substep(
        &mut self,
        _: &Driven,
        classes: &Classes<impl Weights>,
        segment: &LaneSegment,
        motion: &Motion,
        uptake: &Uptake,
        occupancy: &Occupancy,
    ) {
        if segment.row.row == NOT_RECORDED {
            return;
        }
        if segment.row.iterations > 0 {
            let more = motion.caught(classes, &uptake.average, occupancy);
            self.caught = zip(&self.caught, &more, |sum, more| sum + more);
        }
        if segment.row.pieces == 1 {
            let through = passed(classes, motion, occupancy, uptake);
            self.free_share = zip(&self.free_share, &through.free_share, |sum, more| sum + more);
        }
    }

    #[inline(always)]
    fn end_segment(
        &mut self,
        driven: &Driven,
        classes: &Classes<impl Weights>,
        segment: &LaneSegment,
        occupancy: &Occupancy,
    ) {
        if segment.row.row == NOT_RECORDED {
            return;
        }
        let (tables, factors) = (driven.tables, driven.factors);
        let per_charge = (1.0 / ELEMENTARY_CHARGE_C) as f32;
        let mut filling = splat(0.0);
        for k in 0..tables.classes {
            let weight = classes.weight(k);
            for lane in 0..LANES {
                filling[lane] += weight[lane] * occupancy[k][lane];
            }
        }
        let theta = map(&filling, |filling| tables.free_share / (1.0 - tables.open * filling));
        if segment.row.pieces == 0 {
            self.free_share = map(&theta, |theta| theta * segment.row.substeps as f32);
        }
        let row = &mut self.seen[segment.row.row as usize];
        let dwell = segment.step_s * segment.row.substeps as f32;
        for lane in 0..LANES {
            let area = factors.area[lane];
            let bias = segment.bias_v[lane].abs();
            let current = theta[lane] * segment.injected_a[lane] + segment.hopping_a[lane];
            row[0][lane] = area * (if segment.bias_v[lane] < 0.0 { -current } else { current });
            row[1][lane] = filling[lane];
            let passed = self.free_share[lane] * segment.injected_a[lane]
                + segment.row.substeps as f32 * segment.hopping_a[lane];
            row[2][lane] += area * (passed * (bias * segment.step_s));
            row[3][lane] += area * (segment.injected_a[lane] * per_charge * dwell);
            row[4][lane] += area * factors.trap_filled[lane] * (tables.traps * self.caught[lane]);
        }
    }
}
