//! Bakes sixteen cells through all checkpoints. Twin: `shaders/bake.wgsl`; what of it is one cell's,
//! `shaders/decay.wgsl`.

use super::draw::Factors;
use super::lanes::{LANES, Lane, splat};
use super::step::Occupancy;
use crate::backend::tables::{Tables, VisitRow};
use trapline_model::cell::read::PROGRAMMED_FILLING;
use trapline_model::material::MAX_CLASSES;

/// How classes empty: at one temperature ([`super::constant`]) or at several ([`super::profile`]).
pub trait Decay {
    /// An empty cell's.
    const EMPTY: Self;

    /// Sets the rates of a class of cells of these sizes.
    fn set_rate(&mut self, tables: &Tables, k: usize, log_size: &Lane);

    /// How many times a class is emptied by a visit: its rate times the time of the visit's rows.
    fn emptied(&self, visit: &[VisitRow], k: usize) -> Lane;

    /// Goes to a visit, which has a row for each temperature; gives the fraction lost by then of what lies in the
    /// classes in these shares.
    fn lose(&mut self, tables: &Tables, visit: &[VisitRow], share: &Occupancy) -> Lane;
}

/// Sixteen cells in the bake.
pub struct Bake<D> {
    decay: D,
    /// Share of the cell's charge in each class; 0 throughout in a cell that is not programmed.
    share: Occupancy,
    /// Filling right after programming.
    pub start: Lane,
}

impl<D: Decay> Bake<D> {
    /// An empty cell's.
    pub const EMPTY: Bake<D> = Bake { decay: D::EMPTY, share: [[0.0; LANES]; MAX_CLASSES], start: [0.0; LANES] };

    /// Starts the bake of programmed cells. In place: the classes not in use cost nothing.
    #[inline(always)]
    pub fn begin(&mut self, tables: &Tables, factors: &Factors, occupancy: &Occupancy) {
        let mut start = splat(0.0);
        for k in 0..tables.cell.classes {
            self.decay.set_rate(tables, k, &factors.log_size);
            let row = &tables.cell.rows[k];
            for lane in 0..LANES {
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
    pub fn visit(&mut self, tables: &Tables, visit: &[VisitRow]) -> Lane {
        let mut lost = self.decay.lose(tables, visit, &self.share);
        for value in &mut lost {
            *value = value.min(1.0);
        }
        lost
    }
}
