//! Temperatures whose cells are the same: what bounds over temperature are then made of.
//!
//! To first order an estimate is off by the sum of what the cells add to it, each its score times a column of the
//! inverse information. Where each temperature has cells of its own the sums of the temperatures are independent,
//! their variances add up, and the result is the inverse information itself. Where the cells are the same the sums
//! are related: at 0.98 to 1.00 for mean-field cells, less for electrons that are counted, for other quantities by
//! nobody knows how much. Two answers hold whatever the relation is:
//!
//! - *Errors add up.* The standard deviation of a sum is at most the sum of the standard deviations (Cauchy and
//!   Schwarz). Nothing else is assumed. Close for times within the temperatures, where errors really add up, and far
//!   too wide for slopes, where those of one cell all but cancel.
//! - *Arrays are clusters.* With arrays (seeds) that are independent of each other, each complete at all
//!   temperatures, the variance is that of the arrays' own sums (Huber's sandwich, by clusters: Liang and Zeger,
//!   Biometrika 73, 13, 1986): S/(S - 1) times the sum of their squares about the mean, and Student's t with S - 1
//!   degrees of freedom. Arrays of one size under one set of bakes weigh alike, so that this is the variance of a
//!   mean, which needs no correction for leverage. From [`LEAST_ARRAYS`] on it is used.
//!
//! A profile's bounds are then where the root of the deviance reaches the quantile times the ratio of the two standard
//! errors: a likelihood that counts dependent cells as independent is adjusted for one parameter by scaling its ratio
//! (Chandler and Bate, Biometrika 94, 167, 2007).

use nalgebra::DMatrix;
use serde::Serialize;

use super::data::Lifetimes;
use super::likelihood::{Maximum, Model};
use super::special::{two_sided_t, two_sided_z};

/// Fewer arrays are no sample of clusters: with 5 of them Student's t is 2.13 in the place of 1.64 at 90 %, and their
/// variance is known to a third.
pub const LEAST_ARRAYS: usize = 5;

/// Which cells stand at the temperatures of a fit, and what its bounds make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Each temperature has cells of its own: errors at different temperatures are independent.
    OwnCells,
    /// The cells are the same at every temperature, in too few arrays: their errors are taken to add up.
    SameCells,
    /// The cells are the same at every temperature: arrays are clusters.
    SameArrays,
}

/// The cells of the temperatures of a model.
#[derive(Debug, Clone)]
pub(super) enum Cells {
    Own,
    Same,
    /// Lifetimes of each array at each temperature, in the order of the model's populations, then of the arrays.
    Arrays(Vec<Vec<Lifetimes>>),
}

impl Cells {
    pub fn design(&self) -> Design {
        match self {
            Cells::Own => Design::OwnCells,
            Cells::Same => Design::SameCells,
            Cells::Arrays(_) => Design::SameArrays,
        }
    }

    /// The same cells, in these arrays (by population, then by array) where they are enough and complete.
    pub fn same(arrays: Vec<Vec<Lifetimes>>) -> Cells {
        let number = arrays.first().map_or(0, Vec::len);
        match number >= LEAST_ARRAYS && arrays.iter().all(|of| of.len() == number) {
            true => Cells::Arrays(arrays),
            false => Cells::Same,
        }
    }

    /// Standard error of a parameter of a model about its maximum, and by how many of them bounds lie away.
    pub fn error(
        &self,
        model: &Model,
        maximum: &Maximum,
        covariance: &DMatrix<f64>,
        index: usize,
        confidence: f64,
    ) -> (f64, f64) {
        let z = two_sided_z(confidence);
        let column = covariance.column(index).clone_owned();
        match self {
            Cells::Own => (covariance[(index, index)].sqrt(), z),
            Cells::Same => {
                let parts = model.informations(&maximum.at);
                // A population's own curvature may be negative at a maximum that is not its own.
                let variance = |of: &DMatrix<f64>| (column.transpose() * of * &column)[(0, 0)].max(0.0);
                (parts.iter().map(|of| variance(of).sqrt()).sum(), z)
            }
            Cells::Arrays(arrays) => {
                let influences = model.influences(&maximum.at, &column);
                let of_cells = |classes: &[f64], data: &Lifetimes| -> f64 {
                    classes.iter().zip(data.classes()).map(|(influence, class)| influence * class.cells as f64).sum()
                };
                let number = arrays.first().map_or(0, Vec::len);
                let sums: Vec<f64> = (0..number)
                    .map(|array| influences.iter().zip(arrays).map(|(classes, of)| of_cells(classes, &of[array])).sum())
                    .collect();
                let mean = sums.iter().sum::<f64>() / number as f64;
                let squares: f64 = sums.iter().map(|sum| (sum - mean) * (sum - mean)).sum();
                let variance = squares * number as f64 / (number as f64 - 1.0);
                let t = two_sided_t(confidence, number.saturating_sub(1)).unwrap_or(f64::INFINITY);
                (variance.sqrt(), t)
            }
        }
    }
}
