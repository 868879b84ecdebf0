//! Bakes sixteen cells through all checkpoints. Twin: `shaders/bake.wgsl`.

use super::draw::Variation;
use super::lanes::{LANES, Lane, exp, fraction_lost, splat};
use super::step::Occupancy;
use crate::backend::job::PROGRAMMED_FILLING;
use crate::backend::tables::{Tables, VisitRow};
use crate::material::MAX_CLASSES;

/// Sixteen cells in the bake: state of the doubling recurrence.
pub struct Bake {
    /// Rates over the longest checkpoint.
    rate: Occupancy,
    /// Share of the cell's charge in each class; 0 throughout in a cell that is not programmed.
    share: Occupancy,
    /// Fraction lost by each class at the visit before.
    lost: Occupancy,
    /// Filling right after programming.
    pub start: Lane,
}

impl Bake {
    /// An empty cell's.
    pub const EMPTY: Bake = {
        let zero = [[0.0; LANES]; MAX_CLASSES];
        Bake { rate: zero, share: zero, lost: zero, start: [0.0; LANES] }
    };

    /// Starts the bake of programmed cells. In place: the classes not in use cost nothing.
    #[inline(always)]
    pub fn begin(&mut self, tables: &Tables, variation: &Variation, occupancy: &Occupancy) {
        let mut start = splat(0.0);
        for k in 0..tables.cell.classes {
            let row = &tables.cell.rows[k];
            for lane in 0..LANES {
                let u = variation.log_size[lane];
                let shift = exp(-(u * (row.bake_slope + row.bake_curvature * u)));
                self.rate[k][lane] = row.bake_rate * shift + tables.bake_matrix;
                let charge = row.weight * occupancy[k][lane];
                self.share[k][lane] = charge;
                start[lane] += charge;
            }
        }
        let mut inverse = splat(0.0);
        for lane in 0..LANES {
            let one_over = 1.0 / start[lane];
            inverse[lane] = if start[lane] > PROGRAMMED_FILLING as f32 { one_over } else { 0.0 };
        }
        for k in 0..tables.cell.classes {
            for lane in 0..LANES {
                self.share[k][lane] *= inverse[lane];
            }
        }
        self.start = start;
    }

    /// Goes to a checkpoint; gives the fraction of the cell's charge lost by then.
    #[inline(always)]
    pub fn visit(&mut self, classes: usize, visit: &VisitRow) -> Lane {
        let mut lost = splat(0.0);
        if visit.direct {
            for k in 0..classes {
                for lane in 0..LANES {
                    self.lost[k][lane] = fraction_lost(self.rate[k][lane] * visit.time);
                }
                for lane in 0..LANES {
                    lost[lane] += self.share[k][lane] * self.lost[k][lane];
                }
            }
        } else {
            for k in 0..classes {
                for lane in 0..LANES {
                    let y = self.lost[k][lane];
                    let doubled = y * (2.0 - y);
                    self.lost[k][lane] = doubled;
                    lost[lane] += self.share[k][lane] * doubled;
                }
            }
        }
        for value in &mut lost {
            *value = value.min(1.0);
        }
        lost
    }
}
