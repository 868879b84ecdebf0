//! Whether the devices are what the spread that was found makes, what their curves cannot tell, and what else they say.
//!
//! - **Directions left open.** The information on the variances, in units of the spread that was found: along a
//!   direction whose standard error is twice all of the spread, nothing is known.
//! - **Devices out of line.** Each against the spread of the others, which is what is found less its own part in the
//!   score: one step of the scoring, exact where there is one variance. In the coordinates of a device it is a
//!   Mahalanobis distance, whose square over their number follows F; beside them it shows chance and readings.
//! - **Something else.** Where curves at the same points have more of one shape in common than errors that do not
//!   know of each other, devices differ in what is not sought. The largest eigenvalue of such errors follows the
//!   law of Tracy and Widom (Johnstone, Annals of Statistics 29, 2001).

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};

use super::cells::{points_of, value};
use super::file::Plan;
use super::look::Looked;
use super::points::{self, Curves, Grid};
use super::reml::{self, Fitted, KEYS};
use super::search::{LEAST_ERRORS, Search};
use super::{BlockFound, Drawn, Key, Offset};
use crate::calibrate::identify;

/// Chance that any device of all is named though none is out of line.
const OUTLIER_LEVEL: f64 = 0.01;
/// Errors over those stated from which on readings are not what was said of them: as a curve of a fit is judged.
pub(super) const MOST_ERRORS: f64 = 1.5;
/// A spread that is taken for the scale of others, where less was found.
const LEAST_SPREAD: f64 = 0.01;
/// Offsets are told where they are known this well, in the logarithm.
const TOLD_OFFSET: f64 = 0.05;
/// An offset before anything is seen, in the logarithm: much farther, curves are no straight lines.
const FIRST_OFFSET: f64 = 0.1;
/// From here on an offset is too far.
const FAR_OFFSET: f64 = 0.1;
/// The nominal cell misses the mean of the devices where it does so by this many standard errors of a reading.
const MISFIT: f64 = 0.5;
/// One in a thousand, of the largest eigenvalue (Tracy and Widom, real matrices), and of a misfit.
const TRACY_WIDOM: f64 = 3.27;
const CERTAIN: f64 = 0.999;
/// Directions from which on shapes are looked for.
const LEAST_FOR_SHAPE: usize = 8;

/// A combination of variances that the curves hardly depend on, the largest part first.
#[derive(Debug, Clone, PartialEq)]
pub struct Open(pub Vec<(Key, f64)>);

/// A device out of line with the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlier {
    pub device: String,
    /// Chance of one like it or worse among all devices.
    pub p: f64,
    /// Whether it is so in what is sought; else its curve has another shape, or its readings other errors.
    pub in_spread: bool,
}

/// How the devices of a block agree with what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub outliers: Vec<Outlier>,
    /// Share of what is left of the curves that is one shape, and the bias or the time at which it is largest.
    pub shape: Option<(f64, f64)>,
    /// Root mean square by which the nominal cell misses the devices' mean beside an offset, in standard errors of a
    /// reading, where that is seen.
    pub misfit: Option<f64>,
    pub met: bool,
}

pub(super) struct Judge<'a> {
    pub(super) plan: &'a Plan,
    pub(super) grids: &'a [Grid],
    pub(super) looked: &'a Looked,
    pub(super) fitted: &'a Fitted,
    pub(super) search: &'a Search,
}

/// The offset of the nominal cell, and its covariance.
struct Off {
    value: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Judge<'_> {
    /// What the curves cannot tell, and the keys of which they say something.
    pub(super) fn open(&self) -> (Vec<Open>, Vec<Key>) {
        let theta = &self.fitted.theta;
        let sought: Vec<usize> = self.search.free.iter().copied().filter(|component| *component < KEYS).collect();
        let unknown = self.plan.find.iter().filter(|key| !sought.contains(&(**key as usize)));
        let mut open: Vec<Open> = unknown.map(|key| Open(vec![(*key, 1.0)])).collect();
        let Some(point) = reml::evaluate(&self.looked.parts, theta, &self.search.free) else {
            return (open, Vec::new());
        };
        // The errors of readings move along: what is left when they do is the inverse of their part of the inverse.
        let covariance = reml::inverse(&point.information).view((0, 0), (sought.len(), sought.len())).into_owned();
        let scale = theta_sum(theta, &sought).max(LEAST_SPREAD * LEAST_SPREAD);
        let information = reml::inverse(&covariance) * (scale * scale);
        let mut root = SymmetricEigen::new(information);
        root.eigenvalues.apply(|x| *x = x.max(0.0).sqrt());
        // A direction counts as known from the root of 12 on, as between bounds.
        let knowledge = identify::knowledge(&(root.recompose() * 2.0 * 12.0_f64.sqrt()), &vec![false; sought.len()]);
        let key = |i: usize| Key::ALL[sought[i]];
        open.extend(knowledge.open.iter().map(|parts| Open(parts.iter().map(|(i, part)| (key(*i), *part)).collect())));
        let told = (0..sought.len()).filter(|i| knowledge.errors.get(*i).is_some_and(Option::is_some)).map(key);
        (open, told.collect())
    }

    /// How far the nominal cell is off all devices, as far as their curves tell it.
    fn off(&self) -> Off {
        let (mut square, mut along) = (first_offset(), DVector::zeros(KEYS));
        for (i, grid) in self.grids.iter().enumerate() {
            let curves = &self.looked.curves[i];
            let shifts = curves.basis.transpose() * points::shifts(&self.looked.linears[i]);
            let mean = if grid.own_mean { curves.mean_inside.clone() } else { curves.inside.column_mean() };
            let Some(lower) = reml::covariance(&self.looked.parts[i], &self.fitted.theta).cholesky() else { continue };
            let through = lower.solve(&shifts) * grid.devices.len() as f64;
            square += shifts.transpose() * &through;
            along += through.transpose() * mean;
        }
        let covariance = reml::inverse(&square);
        Off { value: &covariance * along, covariance }
    }

    pub(super) fn offsets(&self) -> Vec<Offset> {
        let Off { value, covariance } = self.off();
        let all = Key::ALL.into_iter().enumerate();
        let all = all.map(|(i, key)| Offset { key, value: value[i], error: covariance[(i, i)].sqrt() });
        all.filter(|offset| offset.error < TOLD_OFFSET).collect()
    }

    pub(super) fn blocks(&self) -> Vec<BlockFound> {
        let off = self.off();
        let outliers = self.outliers(&off);
        let blocks = self.plan.blocks.iter().enumerate().map(|(number, block)| {
            let of_block = || self.grids.iter().enumerate().filter(|(_, grid)| grid.block == number);
            let (sum, freedom) = of_block().fold((0.0, 0.0), |(sum, freedom), (i, _)| {
                (sum + self.looked.parts[i].outside, freedom + self.looked.parts[i].outside_freedom)
            });
            let found = self.search.free.contains(&(KEYS + number));
            let errors = match found {
                true => Some(self.fitted.theta[KEYS + number].sqrt()),
                false => (freedom >= LEAST_ERRORS).then(|| f64::sqrt(sum / freedom)),
            };
            let outliers: Vec<Outlier> =
                outliers.iter().filter(|(of, _)| *of == number).map(|(_, outlier)| outlier.clone()).collect();
            let met = outliers.is_empty() && errors.is_none_or(|errors| errors <= MOST_ERRORS);
            let judged = Judged {
                met,
                outliers,
                shape: of_block()
                    .filter_map(|(i, grid)| shape(grid, &self.looked.curves[i]))
                    .max_by(|a, b| a.0.total_cmp(&b.0)),
                misfit: of_block().filter_map(|(i, grid)| self.misfit(i, grid)).max_by(f64::total_cmp),
            };
            BlockFound {
                name: block.name.clone(),
                devices: block.devices.len(),
                readings: of_block().map(|(_, grid)| grid.compared.len() * grid.devices.len()).sum(),
                left_out: of_block().map(|(_, grid)| grid.left_out).sum(),
                against_nominal: of_block().filter(|(_, g)| !g.own_mean).map(|(_, grid)| grid.devices.len()).sum(),
                errors,
                shares: self.shares(number),
                judged,
                curves: of_block().map(|(i, grid)| self.drawn(i, grid)).collect(),
            }
        });
        blocks.collect()
    }

    /// Variances over the points of a grid: of spread, of chance, of readings.
    fn variances(&self, i: usize) -> [DVector<f64>; 3] {
        let (linear, theta) = (&self.looked.linears[i], &self.fitted.theta);
        let squares =
            |of: &DMatrix<f64>| DVector::from_iterator(of.nrows(), of.row_iter().map(|row| row.norm_squared()));
        let [mut spread, mut chance] = [DVector::zeros(linear.mean.len()), squares(&linear.chance)];
        for ((factor, variance), (least, _)) in points::factors(linear).iter().zip(theta).zip(&self.search.ends) {
            spread += squares(factor) * (*variance - *least);
            chance += squares(factor) * *least;
        }
        spread += squares(&points::bends(linear));
        let readings = DVector::from_element(linear.mean.len(), theta[KEYS + self.grids[i].block]);
        [spread, chance, readings]
    }

    fn shares(&self, block: usize) -> [f64; 3] {
        let mut sums = [0.0; 3];
        for (i, grid) in self.grids.iter().enumerate().filter(|(_, grid)| grid.block == block) {
            let of_grid = self.variances(i);
            sums.iter_mut().zip(&of_grid).for_each(|(sum, of)| *sum += of.sum() * grid.devices.len() as f64);
        }
        let all: f64 = sums.iter().sum();
        sums.map(|sum| sum / all)
    }

    /// By how much the nominal cell misses the mean of devices that have one of their own, whatever their own offset.
    fn misfit(&self, i: usize, grid: &Grid) -> Option<f64> {
        let (curves, theta) = (&self.looked.curves[i], &self.fitted.theta);
        if !grid.own_mean {
            return None;
        }
        let shifts = curves.basis.transpose() * points::shifts(&self.looked.linears[i]);
        let lower = reml::covariance(&self.looked.parts[i], theta).cholesky()?;
        let through = lower.solve(&shifts);
        let devices = grid.devices.len() as f64;
        let known = reml::inverse(&(first_offset() + shifts.transpose() * &through * devices));
        let offset = known * (through.transpose() * &curves.mean_inside) * devices;
        let rest = &curves.mean_inside - shifts * offset;
        let outside = curves.mean_outside.norm_squared();
        let weighed = lower.solve(&rest).dot(&rest) + outside / theta[KEYS + grid.block];
        let points = curves.basis.nrows();
        let law = ChiSquared::new((points.saturating_sub(KEYS)).max(1) as f64).ok()?;
        let rms = ((rest.norm_squared() + outside) / points as f64).sqrt();
        (law.cdf(devices * weighed) > CERTAIN && rms > MISFIT).then_some(rms)
    }

    /// Devices out of line, with their blocks.
    fn outliers(&self, off: &Off) -> Vec<(usize, Outlier)> {
        let Some(point) = reml::evaluate(&self.looked.parts, &self.fitted.theta, &self.search.free) else {
            return Vec::new();
        };
        let devices: usize = self.grids.iter().map(|grid| grid.devices.len()).sum();
        let mut named = Vec::new();
        for (i, grid) in self.grids.iter().enumerate() {
            for (device, number) in grid.devices.iter().enumerate() {
                let Some((p, in_spread)) = self.out_of_line(i, device, &point.information, off) else { continue };
                let p = (p * devices as f64).min(1.0);
                if p < OUTLIER_LEVEL {
                    let device = self.plan.blocks[grid.block].devices[*number].name.clone();
                    named.push((grid.block, Outlier { device, p, in_spread }));
                }
            }
        }
        named
    }

    /// Chance of a device as far out as this one, or farther, and whether it is so in what is sought.
    fn out_of_line(&self, i: usize, device: usize, information: &DMatrix<f64>, off: &Off) -> Option<(f64, bool)> {
        let (grid, curves, part) = (&self.grids[i], &self.looked.curves[i], &self.looked.parts[i]);
        let mut inside = curves.inside.column(device).into_owned();
        let mut outside = curves.outside.column(device).norm_squared();
        if grid.own_mean {
            // Less the mean of the others, in units of what that scatters by.
            let share = grid.devices.len() as f64 / (grid.devices.len() as f64 - 1.0);
            (inside, outside) = (inside * share.sqrt(), outside * share);
        } else {
            inside -= curves.basis.transpose() * points::shifts(&self.looked.linears[i]) * &off.value;
        }
        let others = curves.others() as f64;
        let theta = self.without(part, &inside, outside, others, information);
        let error = theta[KEYS + grid.block];
        // By the errors of each point where they are known: a few noisy ones make no device.
        let covariance = |theta: &[f64]| {
            let mut all = reml::covariance(part, theta);
            if let Some(own) = &curves.own_errors {
                all += own - DMatrix::identity(own.nrows(), own.ncols()) * theta[KEYS + grid.block];
            }
            all
        };
        let weighed = |theta: &[f64]| -> Option<(f64, f64, usize)> {
            let all = covariance(theta).cholesky()?.solve(&inside).dot(&inside);
            let device_keys: Vec<usize> = (0..Key::OF_DEVICES.len()).filter(|key| theta[*key] > 0.0).collect();
            let mut beside = theta.to_vec();
            device_keys.iter().for_each(|key| beside[*key] = 0.0);
            let lower = covariance(&beside).cholesky()?;
            let through = lower.solve(&inside);
            let factors: Vec<_> = device_keys.iter().map(|key| part.factors[*key].column(0).into_owned()).collect();
            if factors.is_empty() {
                return Some((0.0, through.dot(&inside), 0));
            }
            let factors = DMatrix::from_columns(&factors);
            let square = factors.transpose() * lower.solve(&factors);
            let along = factors.transpose() * &through;
            let inverse = reml::inverse(&square);
            let rest = (through.dot(&inside) - along.dot(&(&inverse * &along))).max(0.0);
            // As many coordinates as the curve tells apart.
            let coordinates = (&square * &inverse).trace().round() as usize;
            Some(((all - rest).max(0.0), rest, coordinates))
        };
        let (in_spread, rest, coordinates) = weighed(&theta)?;
        let freedom = (self.search.freedom - 1.0).max(1.0);
        let p_spread = match FisherSnedecor::new(coordinates as f64, freedom) {
            Ok(law) if coordinates > 0 => law.sf(in_spread / coordinates as f64),
            _ => 1.0,
        };
        let directions = curves.basis.nrows().saturating_sub(coordinates).max(1) as f64;
        let left = match &curves.in_own_errors {
            Some(scaled) => {
                scaled.column(device).norm_squared() * grid.devices.len() as f64 / (grid.devices.len() as f64 - 1.0)
            }
            None => outside / error,
        };
        let statistic = rest + left;
        let known: f64 = self.looked.parts.iter().filter(|p| p.block == grid.block).map(|p| p.outside_freedom).sum();
        let p_rest = if self.search.free.contains(&(KEYS + grid.block)) {
            FisherSnedecor::new(directions, (known - others).max(1.0)).map_or(1.0, |law| law.sf(statistic / directions))
        } else {
            ChiSquared::new(directions).map_or(1.0, |law| law.sf(statistic))
        };
        // Of two looks at a device the worse one.
        Some(((2.0 * p_spread.min(p_rest)).min(1.0), p_spread <= p_rest))
    }

    /// The variances that the others have without this one, by one step of the scoring.
    fn without(
        &self,
        part: &reml::Part,
        inside: &DVector<f64>,
        outside: f64,
        others: f64,
        information: &DMatrix<f64>,
    ) -> Vec<f64> {
        let theta = &self.fitted.theta;
        let one = reml::Part {
            vectors: DMatrix::from_column_slice(inside.len(), 1, inside.as_slice()),
            freedom: 1.0,
            offsets: DMatrix::zeros(inside.len(), 0),
            outside,
            outside_freedom: others,
            ..part.clone()
        };
        let mut left = theta.clone();
        // What is held at an end stays there.
        let free = &self.search.free;
        let moving: Vec<usize> = (0..free.len()).filter(|i| theta[free[*i]] > 0.0).collect();
        let Some(own) = reml::evaluate(&[one], theta, free) else { return left };
        let rest = (information - &own.information).select_rows(&moving).select_columns(&moving);
        let step = reml::inverse(&rest) * own.score().select_rows(&moving);
        for (i, change) in moving.iter().zip(&step) {
            let component = free[*i];
            // Its own part of the scatter may be nearly all of it.
            left[component] = (theta[component] - change).clamp(1e-3 * theta[component], self.search.ends[component].1);
        }
        left
    }

    fn drawn(&self, i: usize, grid: &Grid) -> Drawn {
        let (linear, curves) = (&self.looked.linears[i], &self.looked.curves[i]);
        let block = &self.plan.blocks[grid.block];
        let [spread, chance, readings] = self.variances(i);
        let between = (&spread + &chance).map(f64::sqrt);
        let shown = |place: f64| value(&grid.aim, place);
        // Where devices have a mean of their own, the spread is seen about it.
        let middle = if grid.own_mean {
            &linear.mean + &curves.basis * &curves.mean_inside + &curves.mean_outside
        } else {
            linear.mean.clone()
        };
        let residual = |device: usize| -> Vec<f64> {
            (0..middle.len()).map(|row| curves.residuals[(row, device)] + linear.mean[row] - middle[row]).collect()
        };
        let at = |device: &usize| points_of(&block.devices[*device].aim);
        Drawn {
            aim: grid.aim.clone(),
            x: grid.compared.iter().map(|point| points_of(&grid.aim)[*point].x).collect(),
            names: grid.devices.iter().map(|device| block.devices[*device].name.clone()).collect(),
            measured: grid
                .devices
                .iter()
                .map(|d| grid.compared.iter().map(|point| at(d)[*point].y).collect())
                .collect(),
            median: linear.mean.iter().map(|place| shown(*place)).collect(),
            band: linear.mean.iter().zip(&between).map(|(at, sd)| (shown(at - sd), shown(at + sd))).collect(),
            residuals: (0..grid.devices.len()).map(residual).collect(),
            sd: (spread + chance + readings).iter().map(|variance| variance.sqrt()).collect(),
        }
    }
}

/// What is known of an offset before anything is seen.
fn first_offset() -> DMatrix<f64> {
    DMatrix::identity(KEYS, KEYS) / (FIRST_OFFSET * FIRST_OFFSET)
}

/// Whether an offset is so far that slopes at the nominal cell are not those of the devices.
pub(super) fn is_far(offset: &Offset) -> bool {
    offset.value.abs() - 2.0 * offset.error > FAR_OFFSET
}

fn theta_sum(theta: &[f64], sought: &[usize]) -> f64 {
    sought.iter().map(|component| theta[*component]).sum()
}

/// The share of what is left of the curves that is one shape, and where it is largest, if it is more than errors of
/// their own have.
fn shape(grid: &Grid, curves: &Curves) -> Option<(f64, f64)> {
    let (devices, others) = (grid.devices.len(), curves.others());
    let left = curves.in_own_errors.as_ref().filter(|_| others >= LEAST_FOR_SHAPE)?;
    let found = SymmetricEigen::new(left.transpose() * left);
    let (first, largest) = found.eigenvalues.argmax();
    let all = found.eigenvalues.sum();
    let (columns, rows) = ((devices - 1) as f64, others as f64);
    let (a, b) = ((rows - 1.0).max(1.0).sqrt(), columns.sqrt());
    let (middle, width) = ((a + b).powi(2), (a + b) * (1.0 / a + 1.0 / b).cbrt());
    let statistic = (largest / (all / (columns * rows)) - middle) / width;
    if statistic < TRACY_WIDOM {
        return None;
    }
    let along = left * found.eigenvectors.column(first);
    let at = along.iamax();
    Some((largest / all, points_of(&grid.aim)[grid.compared[at]].x))
}
