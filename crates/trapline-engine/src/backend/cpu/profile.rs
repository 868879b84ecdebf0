//! Sixteen cells at several temperatures. Twin: `shaders/profile.wgsl`.

use super::bake::Decay;
use super::lanes::{LANES, Lane, fraction_lost, splat, thermal_escape};
use super::step::Occupancy;
use crate::backend::tables::{MOST_EVENTS, Tables, VisitRow};
use trapline_model::material::MAX_CLASSES;
use trapline_model::protocol::MAX_LEGS;

/// Rates at each temperature over the longest checkpoint, without the background; axes (temperature, class).
pub struct Profile {
    rate: [Occupancy; MAX_LEGS],
}

impl Decay for Profile {
    const EMPTY: Profile = Profile { rate: [[[0.0; LANES]; MAX_CLASSES]; MAX_LEGS] };

    #[inline(always)]
    fn set_rate(&mut self, tables: &Tables, k: usize, log_size: &Lane) {
        for (rate, rows) in self.rate.iter_mut().zip(&tables.profile) {
            let row = &rows[k];
            for lane in 0..LANES {
                let u = log_size[lane];
                let escape = thermal_escape(row.bake_rate, row.bake_slope, row.bake_curvature, u);
                // An infinite rate would make of a time of 0 no number, and of the sum none.
                rate[k][lane] = escape.min(MOST_EVENTS);
            }
        }
    }

    #[inline(always)]
    fn emptied(&self, visit: &[VisitRow], k: usize) -> Lane {
        let mut emptied = splat(visit[0].background);
        for (rate, row) in self.rate.iter().zip(visit) {
            for lane in 0..LANES {
                emptied[lane] += rate[k][lane] * row.time;
            }
        }
        emptied
    }

    #[inline(always)]
    fn lose(&mut self, tables: &Tables, visit: &[VisitRow], share: &Occupancy) -> Lane {
        let mut lost = splat(0.0);
        for k in 0..tables.cell.classes {
            let emptied = self.emptied(visit, k);
            for lane in 0..LANES {
                lost[lane] += share[k][lane] * fraction_lost(emptied[lane]);
            }
        }
        lost
    }
}
