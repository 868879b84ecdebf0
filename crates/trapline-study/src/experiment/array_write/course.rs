//! One write as each class of each cell sees it.
//!
//! # Theory
//! All classes of a cell are offered the same electrons: a class of speed `s_k` catches with the probability
//! `s_k U` what it is offered in a stroke, and lets go `e_k` times. So a stroke is one affine map of each occupancy,
//!
//! ```text
//! f <- f exp(-x) + c phi(x),   c = s_k U,   x = c + e_k,   phi(x) = (1 - exp(-x))/x
//! ```
//!
//! and a write, which is several of them, is one too. `U` follows from the electrons that the cell caught in the
//! stroke, and the backend knows those to seven digits however few they are: the difference of two fillings in single
//! precision would have none where a write changes a filling by 1e-8 of it. The state is kept here, in double
//! precision.
//!
//! `U` falls as the cell fills, since space charge holds the bias back and empty traps become rare
//! ([`trapline_model::cell::step`]): its slope by the filling, at constant bias, is that of
//! `(1 - F)/(1 - q F) (1 - F/F_sc)`.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use std::sync::Arc;
use trapline_model::array::factors;
use trapline_model::cell::step::{self, Occupancy, StepDrive};
use trapline_model::cell::{Factors, capture, emission_per_s, release};
use trapline_model::material::{MAX_CLASSES, Material, Variation};

/// Largest uptake of a stroke: exp(-50) of the traps are left empty.
const MOST_UPTAKE: f64 = 50.0;
/// Nearer than this to the filling that space charge allows a bias, what a cell is offered follows from the law and not
/// from what was caught: single precision knows fillings no better than to a tenth of it, and has such a cell catch
/// nothing in one write and too much in the next.
const NEAR_LIMIT: f64 = 1e-6;
/// Where a class empties by so much in a write, what the backend has left in it is known better than what follows from
/// the mean over a stroke, in whose course its rates may have changed.
const EMPTIES: f64 = 0.01;

/// A cell as it is followed.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub factors: Factors,
    ambient_k: f64,
    /// Without bias, 1/s.
    emission_per_s: Occupancy,
    traps: f64,
}

impl Own {
    /// The cells of a population by their numbers.
    pub fn of(material: &Material, variation: &Variation, seed: u64, numbers: &[u64], ambient_k: f64) -> Arc<[Own]> {
        let nominal = material.capture.map_or(0.0, |capture| capture.traps);
        let one = |&number: &u64| {
            let factors = factors(variation, seed, number);
            let emission_per_s = emission_per_s(material, &factors, ambient_k);
            Own { factors, ambient_k, emission_per_s, traps: nominal * factors.area * factors.trap_filled }
        };
        numbers.iter().map(one).collect()
    }
}

/// A write, followed from a state on.
#[derive(Debug, Clone)]
pub(super) struct Course {
    own: Arc<[Own]>,
    /// Occupancy of each class at the beginning, and now; axes (cell, class).
    pub start: Array2<f64>,
    pub state: Array2<f64>,
    /// What an empty trap of speed 1 was offered in all strokes together.
    pub uptake: Array1<f64>,
    /// By how much a larger filling would have lowered that.
    pub slope: Array1<f64>,
    /// What each class let go, rates times times; axes (cell, class).
    pub emptied: Array2<f64>,
    /// Occupancy of a class that was empty at the beginning; axes (cell, class).
    pub gained: Array2<f64>,
}

impl Course {
    /// Nothing has happened yet.
    pub fn new(own: Arc<[Own]>, start: Array2<f64>) -> Course {
        let (cells, nothing) = (own.len(), Array2::zeros(start.raw_dim()));
        let [uptake, slope] = [(); 2].map(|()| Array1::zeros(cells));
        Course { own, state: start.clone(), start, uptake, slope, emptied: nothing.clone(), gained: nothing }
    }

    /// Cells, all or those at `places`, were at a bias each, V, for a time, and caught so many electrons.
    pub fn follow(
        &mut self,
        material: &Material,
        places: Option<&[u32]>,
        bias_v: &Array1<f64>,
        dwell_s: f64,
        caught: &ArrayView1<f64>,
    ) {
        for (number, (bias_v, caught)) in bias_v.iter().zip(caught).enumerate() {
            let place = places.map_or(number, |places| places[number] as usize);
            self.follow_one(material, place, *bias_v, dwell_s, *caught);
        }
    }

    fn follow_one(&mut self, material: &Material, place: usize, bias_v: f64, dwell_s: f64, caught: f64) {
        let own = &self.own[place];
        let classes = &material.classes;
        let field_per_s = release::field_per_s(material.field_release.as_ref(), bias_v);
        let (open, mut emission) = (1.0 - material.injection.free_share, [0.0; MAX_CLASSES]);
        for (k, class) in classes.iter().enumerate() {
            emission[k] = (own.emission_per_s[k] + class.speed * field_per_s) * dwell_s;
        }
        let limit =
            material.capture.map_or(0.0, |of| capture::space_charge_limit(&of, own.factors.trap_filled, bias_v.abs()));
        let mut drive = StepDrive { open, offered: 0.0, space_charge_limit: limit, emission };
        let (mut state, mut gained) = (occupancy(&self.state, place), occupancy(&self.gained, place));
        let filling = step::filling(classes, &state);
        let share = if own.traps > 0.0 { caught / own.traps } else { 0.0 };
        let mut uptake = 0.0;
        if limit > 0.0 && (limit - filling).abs() < NEAR_LIMIT {
            drive.offered = capture::offered_per_s(material, bias_v, own.ambient_k) * dwell_s / own.factors.trap_filled;
            uptake = step::average_uptake(classes, &state, &drive).average;
            let ready = ready(material, &state);
            let feedback = -step::uptake(&drive, filling.min(limit)).1 * ready;
            self.slope[place] += if ready > 0.0 { -libm::expm1(-feedback) / ready } else { 0.0 };
        } else if share > 0.0 {
            uptake = uptake_of(material, &state, &drive, share);
            let (room, empty) = ((limit - filling).max(NEAR_LIMIT), (1.0 - filling).max(NEAR_LIMIT));
            self.slope[place] += uptake * (1.0 / room + (1.0 - open) / (empty * (1.0 - open * filling)));
        }
        step::advance(classes, &mut state, &drive, uptake);
        step::advance(classes, &mut gained, &drive, uptake);
        self.uptake[place] += uptake;
        for k in 0..classes.len() {
            self.emptied[[place, k]] += emission[k];
            self.state[[place, k]] = state[k];
            self.gained[[place, k]] = gained[k];
        }
    }

    /// The write is over, and left these occupancies on the backend.
    pub fn end(mut self, material: &Material, left: &Array2<f64>) -> Course {
        for ((place, k), left) in left.indexed_iter() {
            if self.emptied[[place, k]] >= EMPTIES {
                let x = material.classes[k].speed * self.uptake[place] + self.emptied[[place, k]];
                self.state[[place, k]] = *left;
                self.gained[[place, k]] = (left - self.start[[place, k]] * libm::exp(-x)).clamp(0.0, 1.0);
            }
        }
        self
    }

    /// Filling of a cell at the beginning.
    pub fn start_filling(&self, material: &Material, place: usize) -> f64 {
        step::filling(&material.classes, &occupancy(&self.start, place))
    }

    /// Filling of a cell at the end.
    pub fn end_filling(&self, material: &Material, place: usize) -> f64 {
        step::filling(&material.classes, &occupancy(&self.state, place))
    }
}

/// The occupancies of a cell.
pub(super) fn occupancy(of: &Array2<f64>, place: usize) -> Occupancy {
    let mut own = [0.0; MAX_CLASSES];
    own.iter_mut().zip(of.index_axis(Axis(0), place)).for_each(|(to, from)| *to = *from);
    own
}

/// What the empty traps of a cell catch of a small uptake, over that.
fn ready(material: &Material, of: &Occupancy) -> f64 {
    material.classes.iter().zip(of).map(|(class, f)| class.weight * class.speed * (1.0 - f)).sum()
}

/// The uptake by which a cell catches so many electrons per trap: Newton's method from below, where it does not
/// overshoot, since what is caught bends down as more is offered.
fn uptake_of(material: &Material, start: &Occupancy, drive: &StepDrive, share: f64) -> f64 {
    let classes = &material.classes;
    let slope = ready(material, start);
    if slope <= 0.0 {
        return 0.0;
    }
    let mut uptake = (share / slope).min(MOST_UPTAKE);
    for _ in 0..50 {
        let mut after = *start;
        let short = share - step::advance(classes, &mut after, drive, uptake);
        let slope = ready(material, &after);
        if slope <= 0.0 || short.abs() <= 1e-15 * share {
            break;
        }
        let next = (uptake + short / slope).clamp(0.0, MOST_UPTAKE);
        if (next - uptake).abs() <= 1e-15 * uptake {
            break;
        }
        uptake = next;
    }
    uptake
}
