//! The constants of a job in f32: what the kernels of the CPU read, and the GPU too.
//!
//! Rates are rounded once, from f64. The bake counts time in units of its longest checkpoint, so that rates
//! of 1e-40 per second times ten years stay inside f32.

use crate::backend::job::{Job, QUANTITIES};
use crate::backend::tally::Shift;
use crate::cell::release;
use crate::material::MAX_CLASSES;

/// One trap class.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClassRow {
    pub weight: f32,
    pub speed: f32,
    /// Thermal escape of the nominal cell at the programming temperature, 1/s.
    pub program_rate: f32,
    /// The same at the bake temperature, per longest checkpoint.
    pub bake_rate: f32,
    /// Slope and curvature of the depth by ln(size), over kT of the programming and of the bake.
    pub program_slope: f32,
    pub program_curvature: f32,
    pub bake_slope: f32,
    pub bake_curvature: f32,
}

/// One segment of the programming.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SegmentRow {
    /// Electrons offered per trap in one substep.
    pub offered: f32,
    /// |V| - V_on, V.
    pub overdrive_v: f32,
    /// Field release in one substep, class of speed 1.
    pub field: f32,
    /// One substep, s.
    pub step_s: f32,
    pub substeps: u32,
    pub iterations: u32,
    pub cycle: u32,
}

/// One visit of the bake.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VisitRow {
    pub checkpoint: u32,
    pub direct: bool,
    /// Over the longest checkpoint.
    pub time: f32,
}

/// Lower edge and bins per unit of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BinRow {
    pub low: f32,
    pub per_unit: f32,
}

/// A job in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// Classes in use.
    pub classes: usize,
    pub rows: [ClassRow; MAX_CLASSES],
    /// Largest capture speed of a class.
    pub top_speed: f32,
    pub segments: Vec<SegmentRow>,
    pub visits: Vec<VisitRow>,
    /// `1 - theta0`.
    pub open: f32,
    pub trap_filled_v: f32,
    pub onset_v: f32,
    /// Matrix release, 1/s while programming; per longest checkpoint while baking.
    pub program_matrix: f32,
    pub bake_matrix: f32,
    pub size_sd: f32,
    pub area_sd: f32,
    pub trap_filled_sd: f32,
    pub speed_sd: f32,
    pub direct: f32,
    pub hopping: f32,
    pub kept_threshold: f32,
    pub bins: u32,
    /// Conductance, filling, kept.
    pub histograms: [BinRow; 3],
    /// Per checkpoint: nominal values, and one over the scales of the differences.
    pub nominal: Vec<[f32; QUANTITIES]>,
    pub inverse_scale: Vec<[f32; QUANTITIES]>,
}

/// Rounds to f32 and back: what the f32 backends make of a shift.
pub fn round_to_f32(value: f64) -> f64 {
    f64::from(value as f32)
}

impl Tables {
    /// The tables of a job.
    pub fn new(job: &Job) -> Tables {
        let material = &job.material;
        let (program_per_ev, bake_per_ev) = job.inverse_kt_per_ev();
        let longest_s = job.longest_s();
        // Past these the class is empty, or full, at every checkpoint; f32 ends at 3e38.
        let to_f32 = |rate: f64| rate.clamp(0.0, 1e30) as f32;
        let mut rows = [ClassRow::default(); MAX_CLASSES];
        for (row, class) in rows.iter_mut().zip(&material.classes) {
            let thermal = |kelvin| release::thermal_per_s(material.attempt_per_s, class.depth_ev, kelvin);
            *row = ClassRow {
                weight: class.weight as f32,
                speed: class.speed as f32,
                program_rate: to_f32(thermal(job.program_k)),
                bake_rate: to_f32(thermal(job.bake_k) * longest_s),
                program_slope: (class.depth_slope_ev * program_per_ev) as f32,
                program_curvature: (class.depth_curvature_ev * program_per_ev) as f32,
                bake_slope: (class.depth_slope_ev * bake_per_ev) as f32,
                bake_curvature: (class.depth_curvature_ev * bake_per_ev) as f32,
            };
        }
        let (trap_filled_v, onset_v) = material.capture.map_or((1.0, 0.0), |c| (c.trap_filled_v, c.onset_v));
        let segments = job.program.iter().map(|part| {
            let step_s = part.drive.dwell_s / f64::from(part.drive.substeps);
            SegmentRow {
                offered: to_f32(part.drive.offered_per_s * step_s),
                overdrive_v: (part.drive.bias_v.abs() - onset_v) as f32,
                field: to_f32(part.drive.field_per_s * step_s),
                step_s: step_s as f32,
                substeps: part.drive.substeps,
                iterations: part.iterations,
                cycle: part.cycle,
            }
        });
        let visits = job.visits.iter().map(|visit| VisitRow {
            checkpoint: visit.checkpoint as u32,
            direct: visit.direct,
            time: (visit.time_s / longest_s) as f32,
        });
        let bin = |(low, high): (f64, f64)| BinRow {
            low: low as f32,
            per_unit: (job.bins.count as f64 / (high - low)) as f32,
        };
        let shifts: Vec<_> = job.nominal.iter().map(|n| Shift::new(n, round_to_f32)).collect();
        Tables {
            classes: material.classes.len(),
            rows,
            top_speed: rows.iter().fold(0.0, |top, row| row.speed.max(top)),
            segments: segments.collect(),
            visits: visits.collect(),
            open: job.open() as f32,
            trap_filled_v: trap_filled_v as f32,
            onset_v: onset_v as f32,
            program_matrix: to_f32(release::matrix_per_s(material, job.program_k)),
            bake_matrix: to_f32(release::matrix_per_s(material, job.bake_k) * longest_s),
            size_sd: job.variation.size as f32,
            area_sd: job.variation.area as f32,
            trap_filled_sd: job.variation.trap_filled as f32,
            speed_sd: job.variation.capture_speed as f32,
            direct: job.read.direct as f32,
            hopping: job.read.hopping as f32,
            kept_threshold: job.kept_threshold as f32,
            bins: job.bins.count as u32,
            histograms: [bin(job.bins.conductance), bin(job.bins.filling), bin(job.bins.kept)],
            nominal: shifts.iter().map(|s| s.nominal.map(|x| x as f32)).collect(),
            inverse_scale: shifts.iter().map(|s| s.scale.map(|x| 1.0 / (x as f32))).collect(),
        }
    }
}
