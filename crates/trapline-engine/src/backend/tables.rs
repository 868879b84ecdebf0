//! The constants of a job or a stimulus in f32: what the kernels of the CPU read, and the GPU too.
//!
//! Rates are rounded once, from f64. The bake counts time in units of its longest checkpoint, so that rates
//! of 1e-40 per second times ten years stay inside f32.

use super::exposure::{Exposed, Stepping};
use super::job::{Job, ProgramStep};
use super::schedule::Visit;
use super::stimulus::Stimulus;
use super::tally::Shift;
use trapline_model::cell::counted::{self, Electrons};
use trapline_model::cell::read::Observables;
use trapline_model::cell::release;
use trapline_model::cell::train::{self, COEFFICIENTS, Trajectory};
use trapline_model::material::{MAX_CLASSES, Material, TrapClass, Variation};
use trapline_model::units::thermal_energy_ev;

pub use super::rows::{ClassRow, NOT_RECORDED, NominalRow, SegmentRow, VisitRow};

impl SegmentRow {
    fn new(step: &ProgramStep, onset_v: f64) -> SegmentRow {
        let drive = &step.drive;
        let step_s = drive.dwell_s / f64::from(drive.substeps);
        if let Some(train) = &step.train {
            return SegmentRow {
                offered: to_f32(train::dose(drive)),
                overdrive_v: (drive.bias_v.abs() - onset_v) as f32,
                cycle: step.cycle,
                settles: u32::from(step.settling.at_end),
                settled_before: step.settling.before,
                row: NOT_RECORDED,
                pulses: train.pulses,
                train_steps: train.steps.count,
                first_share: train.steps.first_share as f32,
                growth: train.steps.growth as f32,
                ..SegmentRow::default()
            };
        }
        SegmentRow {
            offered: to_f32(drive.offered_per_s * step_s),
            overdrive_v: (drive.bias_v.abs() - onset_v) as f32,
            field: to_f32(drive.field_per_s * step_s),
            step_s: step_s as f32,
            substeps: drive.substeps,
            iterations: step.iterations,
            cycle: step.cycle,
            settles: u32::from(step.settling.at_end),
            settled_before: step.settling.before,
            row: NOT_RECORDED,
            ..SegmentRow::default()
        }
    }
}

/// A rate, or a number of events, past which a class is empty, or full, whatever the number; f32 ends at 3e38.
pub const MOST_EVENTS: f32 = 1e30;

/// A rate, or a number of events, in f32.
fn to_f32(rate: f64) -> f32 {
    rate.clamp(0.0, f64::from(MOST_EVENTS)) as f32
}

/// Thermal escape of a class at a temperature, as the kernels take it: the nominal cell's rate, 1/s, and slope and
/// curvature of the depth by ln(size), over kT.
struct Escape {
    per_s: f64,
    slope: f32,
    curvature: f32,
}

impl Escape {
    fn new(material: &Material, class: &TrapClass, temperature_k: f64) -> Escape {
        let per_ev = 1.0 / thermal_energy_ev(temperature_k);
        Escape {
            per_s: release::thermal_per_s(material.attempt_per_s, class.depth_ev, temperature_k),
            slope: (class.depth_slope_ev * per_ev) as f32,
            curvature: (class.depth_curvature_ev * per_ev) as f32,
        }
    }
}

impl ClassRow {
    fn new(material: &Material, class: &TrapClass, program_k: f64) -> ClassRow {
        let escape = Escape::new(material, class, program_k);
        ClassRow {
            weight: class.weight as f32,
            speed: class.speed as f32,
            program_rate: to_f32(escape.per_s),
            program_slope: escape.slope,
            program_curvature: escape.curvature,
            ..ClassRow::default()
        }
    }

    /// The same class in a bake at a temperature.
    fn baked(self, material: &Material, class: &TrapClass, bake_k: f64, longest_s: f64) -> ClassRow {
        let escape = Escape::new(material, class, bake_k);
        ClassRow {
            bake_rate: to_f32(escape.per_s * longest_s),
            bake_slope: escape.slope,
            bake_curvature: escape.curvature,
            ..self
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
    /// How the electrons of the cells are taken.
    pub electrons: Electrons,
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
    /// Rate at which all traps are emptied alike while programming, 1/s.
    pub program_background: f32,
    pub size_sd: f32,
    pub area_sd: f32,
    pub trap_filled_sd: f32,
    pub speed_sd: f32,
    /// Traps of the nominal cell, N_d.
    pub traps: f32,
    /// Most trials that the tables of draws serve, where electrons are counted.
    pub most_trials: u32,
    /// See [`Trajectory`]; zeros where nothing is filled by trains.
    pub mean_speed: [f32; COEFFICIENTS],
    /// The filling from which on it stays.
    pub mean_speed_top: f32,
}

/// How readings judge cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readings {
    /// Of a cell that conducts the nominal fresh conductance, over it; it grows with the root of what a cell conducts.
    pub noise: f32,
    /// Whether a cell has failed from its first failing reading on.
    pub first: bool,
}

/// A job in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    pub cell: CellTables,
    /// The classes at each temperature of a profile; empty of a constant bake, which has its constants in `cell`.
    ///
    /// The kernels sum a class's emptyings over the temperatures. All terms are positive, nothing cancels: the sum's
    /// relative error is at most that of its terms, in their shares of it, and one rounding an addition, of which
    /// there are [`trapline_model::protocol::MAX_LEGS`] at most. Nearly all of the sum is the hottest temperature's,
    /// whose exponents are the smallest.
    pub profile: Vec<[ClassRow; MAX_CLASSES]>,
    /// The rows of all visits: see [`Tables::visits`].
    pub visit_rows: Vec<VisitRow>,
    /// Rate at which all traps are emptied alike in a constant bake, per longest checkpoint.
    pub bake_background: f32,
    pub direct: f32,
    pub hopping: f32,
    pub kept_threshold: f32,
    /// None where cells are judged by what they keep.
    pub readings: Option<Readings>,
    pub bins: u32,
    /// Conductance, filling, kept.
    pub histograms: [BinRow; 3],
    /// Per checkpoint.
    pub nominal: Vec<NominalRow>,
}

/// Rounds to f32 and back: what the f32 backends make of a shift.
pub fn round_to_f32(value: f64) -> f64 {
    f64::from(value as f32)
}

impl CellTables {
    fn new(
        material: &Material,
        variation: &Variation,
        electrons: Electrons,
        temperature_k: f64,
        segments: Vec<SegmentRow>,
    ) -> CellTables {
        // Without traps there is nothing to count.
        let electrons = if material.capture.is_some() { electrons } else { Electrons::MeanField };
        let whole = variation;
        let variation = &electrons.beside_chance(material, variation);
        let mut rows = [ClassRow::default(); MAX_CLASSES];
        for (row, class) in rows.iter_mut().zip(&material.classes) {
            *row = ClassRow::new(material, class, temperature_k);
        }
        let free_share = material.injection.free_share;
        CellTables {
            electrons,
            classes: material.classes.len(),
            rows,
            top_speed: rows.iter().fold(0.0, |top, row| row.speed.max(top)),
            segments,
            free_share: free_share as f32,
            open: (1.0 - free_share) as f32,
            trap_filled_v: material.capture.map_or(1.0, |c| c.trap_filled_v) as f32,
            onset_v: onset_v(material) as f32,
            program_background: to_f32(release::background_per_s(material, temperature_k)),
            size_sd: variation.size as f32,
            area_sd: variation.area as f32,
            trap_filled_sd: variation.trap_filled as f32,
            speed_sd: variation.capture_speed as f32,
            traps: material.capture.map_or(0.0, |c| c.traps) as f32,
            most_trials: counted::tables(material, whole, electrons).most(),
            mean_speed: [0.0; COEFFICIENTS],
            mean_speed_top: 0.0,
        }
    }

    /// Takes what trains go along.
    fn follow(&mut self, trajectory: Option<&Trajectory>) {
        if let Some(Trajectory { mean_speed, top }) = trajectory {
            self.mean_speed = mean_speed.map(|c| c as f32);
            self.mean_speed_top = *top as f32;
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
        let Stimulus { material, variation, electrons, ambient_k, trajectory, .. } = stimulus;
        let mut tables = CellTables::new(material, variation, *electrons, *ambient_k, segments);
        tables.follow(trajectory.as_ref());
        tables
    }
}

impl CellTables {
    /// The tables of an exposure: one segment, whose laws the kernels read from other tables for each cell.
    pub(super) fn of_exposed(exposed: &Exposed) -> CellTables {
        let Stepping { substeps, iterations, pieces, piece_iterations } = exposed.stepping;
        let segment = SegmentRow {
            step_s: (exposed.dwell_s / f64::from(substeps)) as f32,
            substeps,
            iterations,
            cycle: exposed.cycle,
            settles: u32::from(exposed.settling.at_end),
            settled_before: exposed.settling.before,
            row: if exposed.recorded { 0 } else { NOT_RECORDED },
            pieces,
            piece_iterations,
            ..SegmentRow::default()
        };
        let temperature_k = exposed.temperature_k.first().copied().unwrap_or(300.0);
        let Exposed { material, variation, electrons, .. } = exposed;
        CellTables::new(material, variation, *electrons, temperature_k, vec![segment])
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
        let mut cell = CellTables::new(material, &job.variation, job.electrons, job.program_k, segments);
        cell.follow(job.trajectory.as_ref());
        let longest_s = job.longest_s();
        let at = |rows: &[ClassRow; MAX_CLASSES], bake_k: f64| {
            let mut rows = *rows;
            for (row, class) in rows.iter_mut().zip(&material.classes) {
                *row = row.baked(material, class, bake_k, longest_s);
            }
            rows
        };
        let temperatures_k = &job.stays.temperatures_k;
        let mut profile = Vec::new();
        if let [bake_k] = temperatures_k[..] {
            cell.rows = at(&cell.rows, bake_k);
        } else {
            profile.extend(temperatures_k.iter().map(|&bake_k| at(&cell.rows, bake_k)));
        }
        let bin = |(low, high): (f64, f64)| BinRow {
            low: low as f32,
            per_unit: (job.bins.count as f64 / (high - low)) as f32,
        };
        let nominal = |seen: &Observables<f64>| {
            let shift = Shift::new(seen, round_to_f32);
            NominalRow::new(shift.nominal.map(|x| x as f32), shift.scale.map(|x| 1.0 / (x as f32)))
        };
        Tables {
            cell,
            profile,
            visit_rows: visit_rows(job),
            bake_background: to_f32(release::background_per_s(material, temperatures_k[0]) * longest_s),
            direct: job.read.direct as f32,
            hopping: job.read.hopping as f32,
            kept_threshold: job.kept_threshold as f32,
            readings: job
                .judged
                .integration_s()
                .map(|_| Readings { noise: to_f32(job.reading_noise), first: job.judged.is_first() }),
            bins: job.bins.count as u32,
            histograms: [bin(job.bins.conductance), bin(job.bins.filling), bin(job.bins.kept)],
            nominal: job.nominal.iter().map(nominal).collect(),
        }
    }

    /// Whether the temperature of the bake changes.
    pub fn has_profile(&self) -> bool {
        !self.profile.is_empty()
    }

    /// The visits in order. A visit is one row for each temperature of a profile, and one of a constant bake.
    pub fn visits(&self) -> std::slice::ChunksExact<'_, VisitRow> {
        self.visit_rows.chunks_exact(self.profile.len().max(1))
    }
}

/// The same where electrons are counted: times from checkpoint to checkpoint.
fn counted_rows(job: &Job) -> Vec<VisitRow> {
    let (longest_s, temperatures_k) = (job.longest_s(), &job.stays.temperatures_k);
    let constant = temperatures_k.len() == 1;
    let background_per_s: Vec<f64> =
        temperatures_k.iter().map(|&k| release::background_per_s(&job.material, k)).collect();
    let mut before_s = vec![0.0; temperatures_k.len()];
    let mut rows = Vec::new();
    for (checkpoint, stays_s) in job.stays.for_s.rows().into_iter().enumerate() {
        let passed_s: Vec<f64> = stays_s.iter().zip(&before_s).map(|(now, before)| now - before).collect();
        // A constant bake has its background in the rates.
        let background = if constant { 0.0 } else { background_per_s.iter().zip(&passed_s).map(|(e, s)| e * s).sum() };
        rows.extend(passed_s.iter().map(|passed_s| VisitRow {
            checkpoint: checkpoint as u32,
            chained: 0,
            time: (passed_s / longest_s) as f32,
            background: to_f32(background),
        }));
        before_s.iter_mut().zip(stays_s).for_each(|(to, from)| *to = *from);
    }
    rows
}

fn visit_rows(job: &Job) -> Vec<VisitRow> {
    let (longest_s, temperatures_k) = (job.longest_s(), &job.stays.temperatures_k);
    if job.electrons.are_counted() && job.material.capture.is_some() {
        return counted_rows(job);
    }
    if temperatures_k.len() == 1 {
        let row = |visit: &Visit| VisitRow {
            checkpoint: visit.checkpoint as u32,
            chained: u32::from(!visit.direct),
            time: (visit.time_s / longest_s) as f32,
            background: 0.0,
        };
        return job.visits.iter().map(row).collect();
    }
    // The same for all cells, so summed in f64.
    let background_per_s: Vec<f64> =
        temperatures_k.iter().map(|&k| release::background_per_s(&job.material, k)).collect();
    let rows = job.visits.iter().flat_map(|visit| {
        let stays_s = job.stays.for_s.row(visit.checkpoint);
        let background = to_f32(background_per_s.iter().zip(&stays_s).map(|(e, s)| e * s).sum());
        let row = move |&stay_s: &f64| VisitRow {
            checkpoint: visit.checkpoint as u32,
            chained: 0,
            time: (stay_s / longest_s) as f32,
            background,
        };
        stays_s.into_iter().map(row)
    });
    rows.collect()
}
