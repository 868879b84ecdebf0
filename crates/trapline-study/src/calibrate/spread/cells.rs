//! The simulated side: curves of cells that differ in one coordinate, and of cells that differ by chance alone.
//!
//! Cells get their factors where campaigns get them, from `[variation]` and the cell's number
//! ([`mod@trapline_model::array`]). A cell whose normal is z, under a variation of h/|z|, lies h away from the nominal one.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use ndarray::{Ix2, Ix3};

use super::Key;
use crate::calibrate::FitError;
use crate::calibrate::target::{Aim, Kept, MeasuredIv, MeasuredRetention, Point, Width};
use crate::experiment::probe::{Conditions, Probe};
use crate::experiment::{ExperimentError, iv, retention};
use trapline_engine::backend::Backend;
use trapline_model::array;
use trapline_model::cell::counted::{DotNumber, Electrons, can_count};
use trapline_model::material::{Material, Variation};
use trapline_model::protocol::Segment;

/// Seed of the cells that slopes are taken from, and of those that show chance.
const SEED: u64 = 1;
/// Cells that show the chance of electrons, over all points of a block, and at one set of points at least. Variances
/// are known to sqrt(2/cells), 4.5 %.
const CHANCE_CELLS: usize = 1000;
const LEAST_CHANCE_CELLS: usize = 100;
/// Numbers simulated for it at most at one set of points.
const MOST_CHANCE_NUMBERS: usize = 1_000_000;
/// A part of the chance, or of what the capture speed does, whose variance is less than this, over that of a reading, is left to the reading.
const LEAST_CHANCE: f64 = 0.01;
/// Step of the capture speed, in its logarithm.
const SPEED_STEP: f64 = 5e-3;
/// Pulses up to which each one's slope is found; of more, the scatter they make together.
const MOST_PULSES: usize = 64;
/// Directions of a scatter of more pulses.
const PULSE_CELLS: usize = 256;

/// Which cells are simulated.
struct Cells {
    variation: Variation,
    electrons: Electrons,
    seed: u64,
    numbers: Vec<u64>,
}

/// A curve in the neighbourhood of the nominal cell, in standard errors of a reading.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    /// The mean of the cells of the spread at which the slopes were taken, chance included.
    pub(super) mean: DVector<f64>,
    /// By the coordinates of a device: [`Key::OF_DEVICES`].
    pub(super) slopes: [DVector<f64>; 3],
    pub(super) nominal: DVector<f64>,
    /// Share of each coordinate's variance that a device's own curve leaves open, within which bends are not known.
    pub(super) left: [f64; 3],
    /// By how far a device one such step away, to either side, lies from where the slopes say, and the steps.
    pub(super) halves: [DVector<f64>; 3],
    pub(super) steps: [f64; 3],
    /// What the capture speed of the pulses does: points by independent parts.
    pub(super) speed: DMatrix<f64>,
    /// The slope in the capture speed of all pulses alike; none is known of very many pulses.
    pub(super) faster: DVector<f64>,
    /// What chance does: points by independent parts of variance 1.
    pub(super) chance: DMatrix<f64>,
    /// By how much the curve bends over one standard deviation, as a share of how far it moves; the largest of the coordinates.
    pub(super) bend: f64,
}

/// What a spread is looked at with.
pub(super) struct Simulation<'a> {
    pub(super) material: &'a Material,
    /// For slopes.
    pub(super) backend: &'a dyn Backend,
    /// For chance, which takes many cells.
    pub(super) fast: &'a dyn Backend,
    /// The largest spread of the capture speed that is thought of: what it does within a reading's error is left out.
    pub(super) speed_sd: f64,
    /// Whether chance is looked at. Left out only to see what it does.
    pub(super) with_chance: bool,
}

impl Simulation<'_> {
    /// Chance at the points of a curve, of cells that have all as many dots: what it does to the mean, and its
    /// independent parts. The cells are those of a number, and a block shares them among `of` sets of points.
    ///
    /// What the number of dots does is not in it: it moves the trap-filled limit, along whose slope it is known exactly. A scatter that
    /// simulated cells show along nearly, but not quite, the same direction would seem to be told from the spread by the difference.
    ///
    /// # Errors
    /// What the backend says; cells too small to have a window.
    pub(super) fn chance(
        &self,
        aim: &Aim,
        compared: &[usize],
        nominal: &DVector<f64>,
        number: u64,
        of: usize,
    ) -> Result<(DVector<f64>, DMatrix<f64>), FitError> {
        let points = compared.len();
        let none = (DVector::zeros(points), DMatrix::zeros(points, 0));
        let countable = self.material.capture.is_some() && can_count(self.material, &Variation::OFF);
        if !(self.with_chance && countable) {
            return Ok(none);
        }
        let within = (MOST_CHANCE_NUMBERS / points_of(aim).len().max(1)).max(LEAST_CHANCE_CELLS);
        let cells = (CHANCE_CELLS / of.max(1)).clamp(LEAST_CHANCE_CELLS, within);
        let seen = self.places(
            self.fast,
            aim,
            compared,
            &Cells {
                variation: Variation::OFF,
                electrons: Electrons::Counted(DotNumber::Fixed),
                seed: SEED + number,
                numbers: (0..cells as u64).collect(),
            },
        )?;
        let sound: Vec<usize> =
            (0..seen.ncols()).filter(|i| seen.column(*i).iter().all(|place| place.is_finite())).collect();
        if sound.len() < cells / 2 {
            return Err(FitError::request(format!(
                "of {cells} nominal cells that differ by the chance of their electrons alone, {} have no number to compare: \
                 with {:.0} traps a cell is too small for this; look at film.area of the material",
                cells - sound.len(),
                self.material.capture.map_or(0.0, |capture| capture.traps)
            )));
        }
        let seen = seen.select_columns(&sound);
        let mean = seen.column_mean();
        let about = DMatrix::from_fn(points, seen.ncols(), |row, i| seen[(row, i)] - mean[row]);
        Ok((mean - nominal, parts(&(about / ((sound.len() - 1) as f64).sqrt()))))
    }

    /// The neighbourhood of the nominal cell by steps of these lengths along the coordinates of a device. What chance
    /// does is known already.
    ///
    /// # Errors
    /// What the backend says, and a nominal cell that has no number to compare.
    pub(super) fn linear(
        &self,
        aim: &Aim,
        compared: &[usize],
        steps: [f64; 3],
        chance: &(DVector<f64>, DMatrix<f64>),
    ) -> Result<Linear, FitError> {
        let nominal = self.nominal(aim, compared)?;
        let (mut mean, mut bend) = (&nominal + &chance.0, 0.0_f64);
        let mut slopes: [DVector<f64>; 3] = std::array::from_fn(|_| DVector::zeros(nominal.len()));
        let mut halves = slopes.clone();
        for (((key, step), slope), bent) in Key::OF_DEVICES.into_iter().zip(steps).zip(&mut slopes).zip(&mut halves) {
            let [up, down] = [1.0, -1.0].map(|sign| self.away(aim, compared, key, sign * step));
            let (up, down) = (up?, down?);
            let half = (&up + &down) / 2.0 - &nominal;
            *slope = (&up - &down) / (2.0 * step);
            // Beside a reading's error a bend is nothing to speak of.
            bend = bend.max(half.amax() / (slope.amax() * step).max(1.0));
            mean += &half;
            *bent = half;
        }
        let (each, faster) = self.speed(aim, compared)?;
        if !(mean.iter().chain(slopes.iter().flatten()).chain(&each).all(|number| number.is_finite())) {
            return Err(FitError::request(
                "the cells beside the nominal one have no number to compare; look at the material, or fit it first",
            ));
        }
        let speed = match self.speed_sd > 0.0 {
            true => parts(&(each * self.speed_sd)) / self.speed_sd,
            false => DMatrix::zeros(nominal.len(), 0),
        };
        Ok(Linear {
            mean,
            slopes,
            nominal,
            left: [1.0; 3],
            halves,
            steps,
            speed,
            faster,
            chance: chance.1.clone(),
            bend,
        })
    }

    /// The nominal cell.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn nominal(&self, aim: &Aim, compared: &[usize]) -> Result<DVector<f64>, FitError> {
        let variation = Variation::OFF;
        let cells = Cells { variation, electrons: Electrons::MeanField, seed: SEED, numbers: vec![0] };
        Ok(self.places(self.backend, aim, compared, &cells)?.column(0).into_owned())
    }

    /// A cell that lies so far from the nominal one in the coordinate of a key.
    fn away(&self, aim: &Aim, compared: &[usize], key: Key, distance: f64) -> Result<DVector<f64>, FitError> {
        let normal = |cell: u64| key.coordinate(&array::factors(&key.alone(1.0), SEED, cell));
        // One that needs no variation much larger than the distance, by which steps in time would be chosen.
        let far = |cell: &u64| normal(*cell) * distance.signum() > 1.0;
        let cell = (0..10_000).find(far).unwrap_or(0);
        let variation = key.alone(distance / normal(cell));
        let cells = Cells { variation, electrons: Electrons::MeanField, seed: SEED, numbers: vec![cell] };
        Ok(self.places(self.backend, aim, compared, &cells)?.column(0).into_owned())
    }

    /// A cell at a place in the coordinates of a device.
    ///
    /// # Errors
    /// What the backend says.
    pub(super) fn at(&self, aim: &Aim, compared: &[usize], z: [f64; 3]) -> Result<DVector<f64>, FitError> {
        let variation = |sd: [f64; 3]| Variation { size: sd[0], area: sd[1], trap_filled: sd[2], capture_speed: 0.0 };
        let normals = |cell: u64| {
            let factors = array::factors(&variation([1.0; 3]), SEED, cell);
            Key::OF_DEVICES.map(|key| key.coordinate(&factors))
        };
        // One with the signs of z, far from 0: so no variation is below 0 or much larger than z.
        let fits = |cell: &u64| normals(*cell).iter().zip(z).all(|(normal, z)| normal * z.signum() > 0.5);
        let cell = (0..10_000).find(fits).unwrap_or(0);
        let normal = normals(cell);
        let sd = variation(std::array::from_fn(|k| z[k] / normal[k]));
        let cells = Cells { variation: sd, electrons: Electrons::MeanField, seed: SEED, numbers: vec![cell] };
        Ok(self.places(self.backend, aim, compared, &cells)?.column(0).into_owned())
    }

    /// What the capture speed of each pulse does, from cells whose speeds are known, pulse by pulse; and of all alike.
    fn speed(&self, aim: &Aim, compared: &[usize]) -> Result<(DMatrix<f64>, DVector<f64>), FitError> {
        let pulses = match aim {
            Aim::Retention(measured) => measured.pulses.train.count as usize,
            _ => 1,
        };
        let each = pulses <= MOST_PULSES;
        let count = if each { 2 * pulses + 16 } else { PULSE_CELLS };
        let variation = Key::CaptureSpeed.alone(SPEED_STEP);
        let numbers: Vec<u64> = (0..count as u64).collect();
        let cells = Cells { variation, electrons: Electrons::MeanField, seed: SEED, numbers };
        let seen = self.places(self.backend, aim, compared, &cells)?;
        let mean = seen.column_mean();
        let about = DMatrix::from_fn(seen.nrows(), count, |row, cell| (seen[(row, cell)] - mean[row]) / SPEED_STEP);
        if !each {
            return Ok((about / ((count - 1) as f64).sqrt(), DVector::zeros(compared.len())));
        }
        let log = |cell: usize, pulse: usize| {
            libm::log(array::capture_speed(&variation, SEED, cell as u64, pulse as u32)) / SPEED_STEP
        };
        let speeds = DMatrix::from_fn(count, pulses, log);
        let middle = speeds.row_mean();
        let speeds = DMatrix::from_fn(count, pulses, |cell, pulse| speeds[(cell, pulse)] - middle[pulse]);
        let inverse = speeds.pseudo_inverse(1e-9).map_err(FitError::request)?;
        let slopes = about * inverse.transpose();
        let faster = slopes.column_sum();
        Ok((slopes, faster))
    }

    /// Places of cells at the points that are compared: points by cells.
    fn places(
        &self,
        backend: &dyn Backend,
        aim: &Aim,
        compared: &[usize],
        cells: &Cells,
    ) -> Result<DMatrix<f64>, FitError> {
        let values = match aim {
            Aim::Iv(measured) => self.sweep(backend, measured, cells)?,
            Aim::Retention(measured) => self.retention(backend, measured, cells)?,
            _ => return Err(FitError::request("devices have sweeps or retention curves")),
        };
        Ok(DMatrix::from_fn(compared.len(), cells.numbers.len(), |row, cell| place(aim, values[(compared[row], cell)])))
    }

    fn probe<'b>(
        &self,
        backend: &'b dyn Backend,
        cells: &Cells,
        conditions: Conditions,
    ) -> Result<Probe<'b>, FitError> {
        let material = Material { variation: cells.variation, ..self.material.clone() };
        let conditions = Conditions { seed: cells.seed, variation: true, electrons: cells.electrons, ..conditions };
        Ok(Probe::new(backend, &material, conditions, cells.numbers.clone())?)
    }

    fn sweep(&self, backend: &dyn Backend, measured: &MeasuredIv, cells: &Cells) -> Result<DMatrix<f64>, FitError> {
        let segment = |(point, dwell_s): (&Point, &f64)| Segment { bias_v: point.x, dwell_s: *dwell_s, cycle: 0 };
        let waveform: Vec<_> = measured.points.iter().zip(&measured.dwells_s).map(segment).collect();
        let mut probe = self.probe(backend, cells, Conditions::nominal(measured.ambient_k))?;
        let seen = iv::run(&mut probe, "iv", &waveform)?;
        let current = seen.shaped::<Ix2>("current_a").map_err(ExperimentError::from)?;
        Ok(DMatrix::from_fn(waveform.len(), cells.numbers.len(), |point, cell| current[[cell, point]]))
    }

    fn retention(
        &self,
        backend: &dyn Backend,
        measured: &MeasuredRetention,
        cells: &Cells,
    ) -> Result<DMatrix<f64>, FitError> {
        let setup = &measured.pulses;
        let conditions =
            Conditions { read_v: setup.read_v, read_s: setup.read_s, ..Conditions::nominal(setup.ambient_k) };
        let times: Vec<f64> = std::iter::once(0.0).chain(measured.points.iter().map(|point| point.x)).collect();
        let probe = self.probe(backend, cells, conditions)?;
        let seen = retention::run(&probe, "retention", &setup.train, &[0, setup.train.count], &times)?;
        let g = seen.shaped::<Ix3>("conductance_noiseless_s").map_err(ExperimentError::from)?;
        let window = |time: usize, cell: usize| g[[1, time, cell]] - g[[0, time, cell]];
        Ok(DMatrix::from_fn(times.len() - 1, cells.numbers.len(), |point, cell| match measured.kept {
            Kept::Window if window(0, cell) > 0.0 => window(point + 1, cell) / window(0, cell),
            Kept::Window => f64::NAN,
            Kept::Conductance => g[[1, point + 1, cell]],
        }))
    }
}

/// Points of a measured curve.
pub(super) fn points_of(aim: &Aim) -> &[Point] {
    match aim {
        Aim::Iv(measured) => &measured.points,
        Aim::Retention(measured) => &measured.points,
        _ => &[],
    }
}

/// Where a value lies, in standard errors of a reading: differences of places are the residuals of a fit.
pub(super) fn place(aim: &Aim, value: f64) -> f64 {
    match aim {
        Aim::Iv(measured) => match measured.floor_a {
            None => libm::log(value.abs()) / measured.relative,
            Some(floor_a) => libm::asinh(value / floor_a) / measured.relative,
        },
        Aim::Retention(measured) => match measured.width {
            Width::Absolute(error) => value / error,
            Width::Relative(share) => libm::log(value) / share,
        },
        _ => f64::NAN,
    }
}

/// Error of a simulated curve by its steps in time, as a share of a value, or of a share: readings are not taken for better.
const STEP_ERROR: f64 = 3e-4;

/// The same in standard errors of a reading.
pub(super) fn step_error(aim: &Aim) -> f64 {
    STEP_ERROR
        / match aim {
            Aim::Iv(measured) => measured.relative,
            Aim::Retention(measured) => match measured.width {
                Width::Absolute(error) | Width::Relative(error) => error,
            },
            _ => 1.0,
        }
}

/// The value at a place: the magnitude of a current without a floor.
pub(super) fn value(aim: &Aim, place: f64) -> f64 {
    match aim {
        Aim::Iv(measured) => match measured.floor_a {
            None => libm::exp(place * measured.relative),
            Some(floor_a) => libm::sinh(place * measured.relative) * floor_a,
        },
        Aim::Retention(measured) => match measured.width {
            Width::Absolute(error) => place * error,
            Width::Relative(share) => libm::exp(place * share),
        },
        _ => f64::NAN,
    }
}

/// The independent parts of a scatter, given as points by samples over the root of their number.
fn parts(samples: &DMatrix<f64>) -> DMatrix<f64> {
    let points = samples.nrows();
    let of_points = points <= samples.ncols();
    // Either has the variances of the parts; the smaller is taken.
    let square = if of_points { samples * samples.transpose() } else { samples.transpose() * samples };
    let found = SymmetricEigen::new(square);
    let kept: Vec<usize> = (0..found.eigenvalues.len()).filter(|i| found.eigenvalues[*i] > LEAST_CHANCE).collect();
    let vectors = found.eigenvectors.select_columns(&kept);
    let scale = |i: usize| if of_points { found.eigenvalues[kept[i]].sqrt() } else { 1.0 };
    let vectors = if of_points { vectors } else { samples * vectors };
    DMatrix::from_fn(points, kept.len(), |row, i| vectors[(row, i)] * scale(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_scatter_whichever_side_is_longer() {
        let tall = DMatrix::from_fn(7, 3, |i, j| ((i * 3 + j * 5) % 7) as f64 - 3.0);
        for samples in [tall.clone(), tall.transpose()] {
            let parts = parts(&samples);
            let off = (&parts * parts.transpose() - &samples * samples.transpose()).amax();
            // Numbers up to 100, some tens of roundings.
            assert!(off < 1e-11, "{off}");
            assert!(parts.ncols() <= 3, "no more parts than there are: {}", parts.ncols());
        }
        assert_eq!(super::parts(&DMatrix::from_element(4, 2, 1e-3)).ncols(), 0);
    }
}
