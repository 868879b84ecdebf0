//! The cells of a point as a function of independent standard normals.
//!
//! The capture speed has a normal for each cycle. Their sum over the root of their number is one standard normal, the
//! coordinate that may be shifted; what they differ in among themselves keeps its own distribution:
//! `z_c = e_c - mean(e) + x/sqrt(C)`, which is `N(0, 1)` and independent for each of the C cycles where the `e_c` and
//! `x` are.

use serde::Serialize;

use super::chance::{Chance, Fate};
use crate::backend::job::Job;
use trapline_model::cell::read::PROGRAMMED_FILLING;
use trapline_model::cell::{Factors, step};
use trapline_model::material::Variation;
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};

/// A normal that a cell's fate depends on and that a sample may be shifted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coordinate {
    /// ln of the size of the dots.
    Size,
    /// ln of the trap-filled limit.
    TrapFilled,
    /// ln of the capture speed, all cycles together.
    CaptureSpeed,
    /// ln of the area, which decides how many dots a cell has where electrons are counted. Elsewhere it cancels.
    Area,
}

/// Whether the cells of two jobs come from one population and are judged alike: they may differ in seed and array.
pub fn same_population(a: &Job, b: &Job) -> bool {
    a.material == b.material
        && a.variation == b.variation
        && a.electrons == b.electrons
        && a.program_k == b.program_k
        && a.program == b.program
        && a.stays == b.stays
        && a.times_s == b.times_s
        && a.kept_threshold == b.kept_threshold
}

/// The cells of a job.
pub(super) struct Population<'a> {
    job: &'a Job,
    /// What cells differ in beside chance.
    variation: Variation,
    /// Where electrons are counted.
    chance: Option<Chance<'a>>,
    coordinates: Vec<Coordinate>,
    /// Cycles with a capture speed of their own; 0 where it does not vary.
    cycles: usize,
}

/// A cell in the making, and room to see it in.
pub(super) struct Cell {
    /// One value a coordinate.
    normals: Vec<f64>,
    /// What each cycle's normal has beside the common coordinate.
    residuals: Vec<f64>,
    seen: Seen,
}

/// What became of a cell, or may: chances are 0 or 1 where electrons are not counted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// The chance that it holds no charge.
    pub(super) unprogrammed: f64,
    /// The chance that it holds some and has failed, at each checkpoint after programming.
    pub(super) failed: Vec<f64>,
    /// In the mean field. 1 for a cell that holds no charge, which is above any threshold: wherever less than that is
    /// kept, a programmed cell has failed.
    pub(super) kept: Vec<f64>,
}

#[cfg(test)]
impl Cell {
    /// Of three cycles.
    pub(super) fn residuals(&self) -> [f64; 3] {
        std::array::from_fn(|cycle| self.residuals[cycle])
    }
}

impl<'a> Population<'a> {
    pub(super) fn new(job: &'a Job) -> Population<'a> {
        let variation = job.electrons.beside_chance(&job.material, &job.variation);
        let (of, chance) = (&variation, Chance::of(job));
        let caught = job.material.capture.is_some() && !job.material.classes.is_empty();
        let cycles = job.program.iter().map(|step| step.cycles().end as usize).max().unwrap_or(0);
        let varies = [
            (Coordinate::Size, of.size, true),
            (Coordinate::TrapFilled, of.trap_filled, true),
            (Coordinate::CaptureSpeed, of.capture_speed, cycles > 0),
            (Coordinate::Area, of.area, chance.is_some()),
        ];
        let coordinates: Vec<_> =
            varies.into_iter().filter(|&(_, sd, acts)| caught && acts && sd > 0.0).map(|(which, ..)| which).collect();
        let cycles = if coordinates.contains(&Coordinate::CaptureSpeed) { cycles } else { 0 };
        Population { job, variation, chance, coordinates, cycles }
    }

    /// Whether electrons are counted.
    pub(super) fn is_counted(&self) -> bool {
        self.chance.is_some()
    }

    pub(super) fn coordinates(&self) -> &[Coordinate] {
        &self.coordinates
    }

    /// Checkpoints after programming.
    pub(super) fn times(&self) -> usize {
        self.job.times_s.len() - 1
    }

    pub(super) fn time_s(&self, time: usize) -> f64 {
        self.job.times_s[time + 1]
    }

    pub(super) fn threshold(&self) -> f64 {
        self.job.kept_threshold
    }

    /// The nominal cell.
    pub(super) fn cell(&self) -> Cell {
        Cell {
            normals: vec![0.0; self.coordinates.len()],
            residuals: vec![0.0; self.cycles],
            seen: Seen { unprogrammed: 1.0, failed: vec![0.0; self.times()], kept: vec![1.0; self.times()] },
        }
    }

    /// Draws the normals of the cell of this number; those of the coordinates are handed out to be shifted.
    pub(super) fn draw<'c>(&self, seed: u64, number: u64, stream: u32, cell: &'c mut Cell) -> &'c mut [f64] {
        let four = |draw: u32| {
            let words = rng::words(seed, number, Purpose::Rare, stream, draw);
            words.map(|word| f64::from(rng::normal_fixed(word)) * NORMAL_UNIT)
        };
        let first = four(0);
        cell.normals.copy_from_slice(&first[..self.coordinates.len()]);
        for (i, four_residuals) in cell.residuals.chunks_mut(4).enumerate() {
            four_residuals.copy_from_slice(&four(i as u32 + 1)[..four_residuals.len()]);
        }
        let mean = cell.residuals.iter().sum::<f64>() / self.cycles.max(1) as f64;
        cell.residuals.iter_mut().for_each(|residual| *residual -= mean);
        &mut cell.normals
    }

    /// Programs and bakes the cell.
    pub(super) fn see<'c>(&self, cell: &'c mut Cell) -> &'c Seen {
        let job = self.job;
        let value = |which: Coordinate| {
            let at = self.coordinates.iter().position(|&of| of == which);
            at.map_or(0.0, |at| cell.normals[at])
        };
        let factors = Factors {
            log_size: self.variation.size * value(Coordinate::Size),
            // Cancels in what is kept, but for the number of dots.
            area: libm::exp(self.variation.area * value(Coordinate::Area)),
            trap_filled: libm::exp(self.variation.trap_filled * value(Coordinate::TrapFilled)),
        };
        let common = value(Coordinate::CaptureSpeed) / (self.cycles.max(1) as f64).sqrt();
        let residuals = &cell.residuals;
        let speed = |cycle: u32| match residuals.get(cycle as usize) {
            Some(residual) => libm::exp(self.variation.capture_speed * (residual + common)),
            None => 1.0,
        };
        if let Some(chance) = &self.chance {
            let mut fate = Fate { unprogrammed: 0.0, failed: std::mem::take(&mut cell.seen.failed) };
            chance.see(&factors, &speed, &mut fate);
            cell.seen.unprogrammed = fate.unprogrammed;
            cell.seen.failed = fate.failed;
            return &cell.seen;
        }
        let occupancy = job.programmed(&factors, speed);
        let programmed = step::filling(&job.material.classes, &occupancy) > PROGRAMMED_FILLING;
        let seen = &mut cell.seen;
        seen.unprogrammed = f64::from(u8::from(!programmed));
        for time in 0..seen.kept.len() {
            seen.kept[time] = if programmed { job.observe(&factors, &occupancy, time + 1).kept } else { 1.0 };
            seen.failed[time] = f64::from(u8::from(programmed && seen.kept[time] < job.kept_threshold));
        }
        seen
    }

    /// What the cell at these coordinates keeps at each checkpoint, its cycles all alike.
    pub(super) fn kept_at(&self, normals: &[f64]) -> Vec<f64> {
        let mut cell = self.cell();
        cell.normals.copy_from_slice(normals);
        self.see(&mut cell).kept.clone()
    }

    /// The chances that the cell at these coordinates, its cycles all alike, has failed and has survived, at each
    /// checkpoint.
    pub(super) fn chances_at(&self, normals: &[f64]) -> Vec<[f64; 2]> {
        let mut cell = self.cell();
        cell.normals.copy_from_slice(normals);
        let seen = self.see(&mut cell);
        // What is left of 1 is known to some roundings.
        let survived = |failed: f64| Some(1.0 - seen.unprogrammed - failed).filter(|of| *of > 1e-13).unwrap_or(0.0);
        seen.failed.iter().map(|failed| [*failed, survived(*failed)]).collect()
    }
}
