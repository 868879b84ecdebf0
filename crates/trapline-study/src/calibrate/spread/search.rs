//! Which variances are sought, and what is known of each when they are found.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::cells::step_error;
use super::file::{Block, Plan};
use super::look::Looked;
use super::points::Grid;
use super::reml::{self, Fitted, KEYS, Part};
use super::{FIRST_STEP, Found, Key};
use crate::calibrate::FitError;
use trapline_model::material::{Material, Variation};

/// Independent sums of squares from which on the errors of a block are found.
pub(super) const LEAST_ERRORS: f64 = 30.0;
/// Confidence of the bounds: 90 % between them.
const WITHIN: f64 = 0.9;

/// Which variances are sought, between which ends.
pub(super) struct Search {
    pub(super) start: Vec<f64>,
    /// The material's own.
    held: Vec<f64>,
    pub(super) free: Vec<usize>,
    pub(super) ends: Vec<(f64, f64)>,
    /// Degrees of freedom of the devices.
    pub(super) freedom: f64,
}

impl Search {
    pub(super) fn new(
        plan: &Plan,
        looked: &Looked,
        grids: &[Grid],
        material: &Variation,
        limit_by_chance: f64,
    ) -> Search {
        let least = |key: Key| if key == Key::TrapFilledLimit { limit_by_chance.powi(2) } else { 0.0 };
        let held: Vec<f64> = Key::ALL.iter().map(|key| key.of(material).powi(2).max(least(*key))).collect();
        let mut start = held.clone();
        let of_keys = Key::ALL.iter().map(|key| (least(*key), key.most().powi(2).max(least(*key))));
        let step = |block: &Block| block.devices.first().map_or(0.0, |device| step_error(&device.aim).powi(2));
        let errors = plan.blocks.iter().map(|block| (reml::ERRORS.0.max(step(block)).min(1.0), reml::ERRORS.1));
        let ends = of_keys.chain(errors).collect();
        for key in &plan.find {
            start[*key as usize] = FIRST_STEP.powi(2).min(key.most().powi(2)).max(least(*key));
        }
        start.extend(plan.blocks.iter().map(|_| 1.0));
        let freedom: f64 = looked.curves.iter().zip(grids).map(|(of, grid)| of.freedom(grid)).sum();
        let freedom = freedom - looked.along.ncols() as f64;
        let mut search = Search { start, held, free: Vec::new(), ends, freedom: freedom.max(1.0) };
        search.choose(plan, looked, grids);
        search
    }

    /// The sought ones that the curves depend on, and errors of blocks that can be told.
    pub(super) fn choose(&mut self, plan: &Plan, looked: &Looked, grids: &[Grid]) {
        let sought: Vec<usize> = plan.find.iter().map(|key| *key as usize).collect();
        // Nothing is known of a variance that readings alone do not know better than the file's limit.
        let known = |component: &usize| {
            let at: Vec<f64> = self.start.iter().enumerate().map(|(i, v)| if i < KEYS { 0.0 } else { *v }).collect();
            reml::evaluate(&looked.parts, &at, &[*component])
                .is_some_and(|point| point.information[(0, 0)].sqrt() * self.ends[*component].1 > 1.0)
        };
        let (free, unknown): (Vec<usize>, Vec<usize>) = sought.into_iter().partition(known);
        self.free = free;
        unknown.into_iter().for_each(|component| self.start[component] = self.held[component]);
        if !plan.errors_as_stated {
            let outside = |block: usize| -> f64 {
                let of = looked.parts.iter().zip(grids).filter(|(part, _)| part.block == block);
                of.map(|(part, _)| part.outside_freedom).sum()
            };
            self.free.extend(
                (0..plan.blocks.len()).filter(|block| outside(*block) >= LEAST_ERRORS).map(|block| KEYS + block),
            );
        }
    }

    pub(super) fn fit(&self, parts: &[Part]) -> Result<Fitted, FitError> {
        reml::fit(parts, &self.start, &self.free, &self.ends).ok_or_else(|| {
            FitError::request(
                "the scatter of the devices has no likelihood: look at the readings and their stated errors",
            )
        })
    }

    /// The variances with the errors of readings as stated.
    pub(super) fn with_errors_as_stated(&self, parts: &[Part]) -> Option<Vec<f64>> {
        let free: Vec<usize> = self.free.iter().copied().filter(|component| *component < KEYS).collect();
        let start: Vec<f64> =
            self.start.iter().enumerate().map(|(i, variance)| if i < KEYS { *variance } else { 1.0 }).collect();
        reml::fit(parts, &start, &free, &self.ends).map(|fitted| fitted.theta)
    }

    /// By how much twice the log-likelihood falls from its best to the bounds.
    pub(super) fn fall(&self) -> f64 {
        let one = ChiSquared::new(1.0).map_or(2.706, |law| law.inverse_cdf(WITHIN));
        one * (1.0 + 1.0 / (3.0 * self.freedom))
    }
}

/// What is known of a key.
pub(super) fn found(
    key: Key,
    search: &Search,
    parts: &[Part],
    fitted: &Fitted,
    material: &Material,
    is_told: bool,
) -> Found {
    let component = key as usize;
    let (least, most) = search.ends[component];
    let before = key.of(&material.variation);
    let Some(place) = search.free.iter().position(|free| *free == component) else {
        let (lower, upper) = (least.sqrt(), key.most());
        return Found {
            key,
            before,
            value: before,
            error: None,
            lower,
            upper,
            is_seen: false,
            is_told: false,
            at_limit: false,
        };
    };
    let variance = fitted.theta[component];
    let (lower, upper) = reml::bounds(parts, fitted, &search.free, component, &search.ends, search.fall());
    let is_seen = lower > least;
    let point = reml::evaluate(parts, &fitted.theta, &search.free);
    let error = point.map(|point| reml::inverse(&point.information)[(place, place)].sqrt());
    // Of the standard deviation, where that of its square is known.
    let error = error.filter(|_| is_seen && is_told).map(|error| error / (2.0 * variance.sqrt()));
    // A material says no more than its limit.
    let value = if is_told { variance.sqrt().min(key.most()) } else { before };
    let (lower, upper) = (lower.sqrt(), upper.sqrt());
    Found { key, before, value, error, lower, upper, is_seen, is_told, at_limit: variance >= most }
}
