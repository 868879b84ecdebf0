//! Sixteen cells at one temperature. Twin: `shaders/constant.wgsl`.

use super::bake::Decay;
use super::lanes::{LANES, Lane, fraction_lost, splat, thermal_escape};
use super::step::Occupancy;
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
        let mut lost = splat(0.0);
        if visit.is_direct() {
            for k in 0..tables.cell.classes {
                for lane in 0..LANES {
                    self.lost_part[k][lane] = fraction_lost(self.rate[k][lane] * visit.time);
                }
                for lane in 0..LANES {
                    lost[lane] += share[k][lane] * self.lost_part[k][lane];
                }
            }
        } else {
            for k in 0..tables.cell.classes {
                for lane in 0..LANES {
                    let y = self.lost_part[k][lane];
                    let doubled = y * (2.0 - y);
                    self.lost_part[k][lane] = doubled;
                    lost[lane] += share[k][lane] * doubled;
                }
            }
        }
        lost
    }
}
