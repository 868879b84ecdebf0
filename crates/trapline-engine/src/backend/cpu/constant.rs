//! Sixteen cells at one temperature. Twin: `shaders/constant.wgsl`.

use super::bake::Decay;
use super::lanes::{LANES, Lane, fraction_lost, fraction_lost_near, splat, thermal_escape};
use super::step::Occupancy;
use crate::backend::constants::NEAR;
use crate::backend::tables::{Tables, VisitRow};
use trapline_model::material::MAX_CLASSES;

/// State of the doubling recurrence.
pub struct Constant {
    /// Rates over the longest checkpoint.
    rate: Occupancy,
    /// Fraction lost by each class at the visit before.
    lost_part: Occupancy,
}

impl Decay for Constant {
    const EMPTY: Constant = {
        let zero = [[0.0; LANES]; MAX_CLASSES];
        Constant { rate: zero, lost_part: zero }
    };

    #[inline(always)]
    fn set_rate(&mut self, tables: &Tables, k: usize, log_size: &Lane) {
        let row = &tables.cell.rows[k];
        for lane in 0..LANES {
            let u = log_size[lane];
            let escape = thermal_escape(row.bake_rate, row.bake_slope, row.bake_curvature, u);
            self.rate[k][lane] = escape + tables.bake_background;
        }
    }

    #[inline(always)]
    fn emptied(&self, visit: &[VisitRow], k: usize) -> Lane {
        super::lanes::map(&self.rate[k], |rate| rate * visit[0].time)
    }

    #[inline(always)]
    fn lose(&mut self, tables: &Tables, visit: &[VisitRow], share: &Occupancy) -> Lane {
        let visit = &visit[0];
        let classes = tables.cell.classes;
        // Classes in pairs: an addition waits for the one before it.
        let (mut even, mut odd) = (splat(0.0), splat(0.0));
        let mut k = 0;
        if visit.is_direct() {
            while k + 1 < classes {
                self.lose_directly(k, visit.time, share, &mut even);
                self.lose_directly(k + 1, visit.time, share, &mut odd);
                k += 2;
            }
            if k < classes {
                self.lose_directly(k, visit.time, share, &mut even);
            }
        } else {
            while k + 1 < classes {
                self.lose_doubled(k, share, &mut even);
                self.lose_doubled(k + 1, share, &mut odd);
                k += 2;
            }
            if k < classes {
                self.lose_doubled(k, share, &mut even);
            }
        }
        super::lanes::zip(&even, &odd, |even, odd| even + odd)
    }
}

impl Constant {
    /// Adds what a class has lost by a time.
    #[inline(always)]
    fn lose_directly(&mut self, k: usize, time: f32, share: &Occupancy, lost: &mut Lane) {
        let mut emptied = splat(0.0);
        let mut near = true;
        for lane in 0..LANES {
            emptied[lane] = self.rate[k][lane] * time;
            near &= emptied[lane] < NEAR;
        }
        if near {
            for lane in 0..LANES {
                let part = fraction_lost_near(emptied[lane]);
                self.lost_part[k][lane] = part;
                lost[lane] += share[k][lane] * part;
            }
        } else {
            for lane in 0..LANES {
                let part = fraction_lost(emptied[lane]);
                self.lost_part[k][lane] = part;
                lost[lane] += share[k][lane] * part;
            }
        }
    }

    /// The same by twice the time of the visit before.
    #[inline(always)]
    fn lose_doubled(&mut self, k: usize, share: &Occupancy, lost: &mut Lane) {
        for lane in 0..LANES {
            let part = self.lost_part[k][lane];
            let doubled = part * (2.0 - part);
            self.lost_part[k][lane] = doubled;
            lost[lane] += share[k][lane] * doubled;
        }
    }
}
