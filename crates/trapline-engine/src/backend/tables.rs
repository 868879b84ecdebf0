//! The constants of a job or a stimulus in f32: what the kernels of the CPU read, and the GPU too.
//!
//! Rates are rounded once, from f64. The bake counts time in units of its longest checkpoint, so that rates
//! of 1e-40 per second times ten years stay inside f32.

use crate::backend::job::{Job, ProgramStep, QUANTITIES};
use crate::backend::stimulus::Stimulus;
use crate::backend::tally::Shift;
use trapline_model::cell::release;
use trapline_model::material::{MAX_CLASSES, Material, TrapClass, Variation};
use trapline_model::units::thermal_energy_ev;

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

/// One segment of a programming or of a stimulus.
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
    /// Bias, and the injected and hopping current of the nominal cell at it; only a stimulus has these.
    pub bias_v: f32,
    pub injected_a: f32,
    pub hopping_a: f32,
    /// Row of the response this segment counts towards; [`NOT_RECORDED`] where it counts towards none.
    pub row: u32,
    /// Pieces its charge is taken in, or how else, and iterations of each: see `StimulusStep`.
    pub pieces: u32,
    pub piece_iterations: u32,
}

/// See [`SegmentRow::row`].
pub const NOT_RECORDED: u32 = u32::MAX;

impl SegmentRow {
    fn new(step: &ProgramStep, onset_v: f64) -> SegmentRow {
        let drive = &step.drive;
        let step_s = drive.dwell_s / f64::from(drive.substeps);
        SegmentRow {
            offered: to_f32(drive.offered_per_s * step_s),
            overdrive_v: (drive.bias_v.abs() - onset_v) as f32,
            field: to_f32(drive.field_per_s * step_s),
            step_s: step_s as f32,
            substeps: drive.substeps,
            iterations: step.iterations,
            cycle: step.cycle,
            bias_v: 0.0,
            injected_a: 0.0,
            hopping_a: 0.0,
            row: NOT_RECORDED,
            pieces: 0,
            piece_iterations: 0,
        }
    }
}

/// A rate, or a number of events, past which a class is empty, or full, whatever the number; f32 ends at 3e38.
pub const MOST_EVENTS: f32 = 1e30;

/// A rate, or a number of events, in f32.
fn to_f32(rate: f64) -> f32 {
    rate.clamp(0.0, f64::from(MOST_EVENTS)) as f32
}

/// One visit of the bake.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VisitRow {
    pub checkpoint: u32,
    pub direct: bool,
    /// Over the longest checkpoint.
    pub time: f32,
}

/// One trap class at one temperature of a profile: as the `bake_` fields of [`ClassRow`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HeatRow {
    /// Thermal escape of the nominal cell, per longest checkpoint.
    pub rate: f32,
    pub slope: f32,
    pub curvature: f32,
}

impl HeatRow {
    fn new(material: &Material, class: &TrapClass, bake_k: f64, longest_s: f64) -> HeatRow {
        let per_ev = 1.0 / thermal_energy_ev(bake_k);
        let thermal = release::thermal_per_s(material.attempt_per_s, class.depth_ev, bake_k);
        HeatRow {
            rate: to_f32(thermal * longest_s),
            slope: (class.depth_slope_ev * per_ev) as f32,
            curvature: (class.depth_curvature_ev * per_ev) as f32,
        }
    }
}

/// A bake at more than one temperature; of a constant one all of it is empty.
///
/// The kernels sum a class's emptyings over the temperatures. All terms are positive, nothing cancels: the sum's relative error is at
/// most that of its terms, in their shares of it, and one rounding an addition, of which there are [`trapline_model::protocol::MAX_LEGS`] at most.
/// Nearly all of the sum is the hottest temperature's, whose exponents are the smallest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfileTables {
    /// Per temperature.
    pub heats: Vec<[HeatRow; MAX_CLASSES]>,
    /// Time at each temperature over the longest checkpoint; axes (visit, temperature), flat.
    pub stays: Vec<f32>,
    /// How many times the matrix has emptied each trap, per visit: the same for all cells, so summed in f64.
    pub matrix: Vec<f32>,
}

impl ProfileTables {
    fn new(job: &Job) -> ProfileTables {
        let (material, longest_s, temperatures_k) = (&job.material, job.longest_s(), &job.stays.temperatures_k);
        if temperatures_k.len() == 1 {
            return ProfileTables::default();
        }
        let heat = |&bake_k: &f64| {
            let mut rows = [HeatRow::default(); MAX_CLASSES];
            for (row, class) in rows.iter_mut().zip(&material.classes) {
                *row = HeatRow::new(material, class, bake_k, longest_s);
            }
            rows
        };
        let let_go_per_s: Vec<f64> = temperatures_k.iter().map(|&k| release::matrix_per_s(material, k)).collect();
        let visits = || job.visits.iter().map(|visit| job.stays.for_s.row(visit.checkpoint));
        ProfileTables {
            heats: temperatures_k.iter().map(heat).collect(),
            stays: visits().flatten().map(|stay_s| (stay_s / longest_s) as f32).collect(),
            matrix: visits()
                .map(|stays_s| to_f32(let_go_per_s.iter().zip(stays_s).map(|(e, s)| e * s).sum()))
                .collect(),
        }
    }
}

/// Lower edge and bins per unit of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BinRow {
    pub low: f32,
    pub per_unit: f32,
}

/// Cells of one material at one temperature, and what is done to them, in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct CellTables {
    /// Classes in use.
    pub classes: usize,
    pub rows: [ClassRow; MAX_CLASSES],
    /// Largest capture speed of a class.
    pub top_speed: f32,
    pub segments: Vec<SegmentRow>,
    /// theta0, and `1 - theta0`.
    pub free_share: f32,
    pub open: f32,
    pub trap_filled_v: f32,
    pub onset_v: f32,
    /// Matrix release while programming, 1/s.
    pub program_matrix: f32,
    pub size_sd: f32,
    pub area_sd: f32,
    pub trap_filled_sd: f32,
    pub speed_sd: f32,
    /// Traps of the nominal cell, N_d.
    pub traps: f32,
}

/// A job in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    pub cell: CellTables,
    pub visits: Vec<VisitRow>,
    /// Matrix release while baking, per longest checkpoint.
    pub bake_matrix: f32,
    pub profile: ProfileTables,
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

impl CellTables {
    fn new(material: &Material, variation: &Variation, temperature_k: f64, segments: Vec<SegmentRow>) -> CellTables {
        let per_ev = 1.0 / thermal_energy_ev(temperature_k);
        let mut rows = [ClassRow::default(); MAX_CLASSES];
        for (row, class) in rows.iter_mut().zip(&material.classes) {
            *row = ClassRow {
                weight: class.weight as f32,
                speed: class.speed as f32,
                program_rate: to_f32(release::thermal_per_s(material.attempt_per_s, class.depth_ev, temperature_k)),
                program_slope: (class.depth_slope_ev * per_ev) as f32,
                program_curvature: (class.depth_curvature_ev * per_ev) as f32,
                ..ClassRow::default()
            };
        }
        let free_share = material.injection.free_share;
        CellTables {
            classes: material.classes.len(),
            rows,
            top_speed: rows.iter().fold(0.0, |top, row| row.speed.max(top)),
            segments,
            free_share: free_share as f32,
            open: (1.0 - free_share) as f32,
            trap_filled_v: material.capture.map_or(1.0, |c| c.trap_filled_v) as f32,
            onset_v: onset_v(material) as f32,
            program_matrix: to_f32(release::matrix_per_s(material, temperature_k)),
            size_sd: variation.size as f32,
            area_sd: variation.area as f32,
            trap_filled_sd: variation.trap_filled as f32,
            speed_sd: variation.capture_speed as f32,
            traps: material.capture.map_or(0.0, |c| c.traps) as f32,
        }
    }

    /// The tables of a stimulus.
    pub fn of(stimulus: &Stimulus) -> CellTables {
        let onset_v = onset_v(&stimulus.material);
        let segments = stimulus.steps.iter().map(|step| SegmentRow {
            bias_v: step.program.drive.bias_v as f32,
            injected_a: step.injected_a as f32,
            hopping_a: step.hopping_a as f32,
            row: step.row.unwrap_or(NOT_RECORDED),
            pieces: step.pieces,
            piece_iterations: step.piece_iterations,
            ..SegmentRow::new(&step.program, onset_v)
        });
        let segments = segments.collect();
        CellTables::new(&stimulus.material, &stimulus.variation, stimulus.ambient_k, segments)
    }
}

fn onset_v(material: &Material) -> f64 {
    material.capture.map_or(0.0, |c| c.onset_v)
}

impl Tables {
    /// The tables of a job.
    pub fn new(job: &Job) -> Tables {
        let material = &job.material;
        let segments = job.program.iter().map(|step| SegmentRow::new(step, onset_v(material))).collect();
        let mut cell = CellTables::new(material, &job.variation, job.program_k, segments);
        let longest_s = job.longest_s();
        // With a profile these are its first temperature's, and nothing reads them.
        let bake_k = job.stays.temperatures_k[0];
        for (row, class) in cell.rows.iter_mut().zip(&material.classes) {
            let HeatRow { rate, slope, curvature } = HeatRow::new(material, class, bake_k, longest_s);
            (row.bake_rate, row.bake_slope, row.bake_curvature) = (rate, slope, curvature);
        }
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
            cell,
            visits: visits.collect(),
            bake_matrix: to_f32(release::matrix_per_s(material, bake_k) * longest_s),
            profile: ProfileTables::new(job),
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
