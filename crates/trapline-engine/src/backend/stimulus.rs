//! What is done to chosen cells while watching them, and what is seen: the other thing a backend computes beside a
//! [`Job`].
//!
//! A job programs a whole array the same way and follows its bake. A [`Stimulus`] moves chosen cells, from a state the
//! caller holds, through segments of constant bias, and records currents, energies and electrons on the way: I-V
//! curves, pulse trains, patterns and learning are made of it. Cells that are treated differently are different calls.

use super::BackendError;
use super::job::{Job, ProgramStep, iterations};
use ndarray::Array2;
use trapline_model::cell::counted::{Electrons, Settling};
use trapline_model::cell::train::Trajectory;
use trapline_model::cell::{self, Drive, Factors, Pace, Passage, charge, current};
use trapline_model::material::{Material, Variation};
use trapline_model::protocol::Segment;

/// Quantities of a response, in the order the f32 backends keep them.
pub const RESPONSE_QUANTITIES: usize = 5;

/// A segment with what is seen during it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StimulusStep {
    pub program: ProgramStep,
    /// Injected and hopping current of the nominal cell, A.
    pub injected_a: f64,
    pub hopping_a: f64,
    /// Row of the [`Response`] it counts towards; none after the last recorded segment.
    pub row: Option<u32>,
    /// Pieces its charge is taken in, or how else ([`charge::pieces`]), and iterations the f32 kernels give the
    /// equation of each.
    pub pieces: u32,
    pub piece_iterations: u32,
}

/// Segments of constant bias at one temperature.
#[derive(Debug, Clone)]
pub struct Stimulus {
    pub material: Material,
    /// The material's, or [`Variation::OFF`].
    pub variation: Variation,
    pub electrons: Electrons,
    pub seed: u64,
    pub ambient_k: f64,
    pub steps: Vec<StimulusStep>,
    /// Rows of the response.
    pub rows: usize,
    /// Of the trains among the steps; none where each segment is stepped.
    pub trajectory: Option<Trajectory>,
}

impl Stimulus {
    /// Prepares segments; `record` says of each whether it ends a row of the response. The substeps are chosen as for
    /// a campaign.
    ///
    /// The cycle of a segment must be below `u32::MAX`.
    pub fn new(
        material: &Material,
        variation: Variation,
        seed: u64,
        ambient_k: f64,
        segments: &[(Segment, bool)],
    ) -> Stimulus {
        Stimulus::of(material, variation, Electrons::MeanField, seed, ambient_k, segments)
    }

    /// The same for cells whose electrons are taken so.
    pub fn of(
        material: &Material,
        variation: Variation,
        electrons: Electrons,
        seed: u64,
        ambient_k: f64,
        segments: &[(Segment, bool)],
    ) -> Stimulus {
        let mut rows = 0;
        let emission = cell::emission_per_s(material, &Factors::NOMINAL, ambient_k);
        let pace = Pace::of(material, &variation, electrons);
        let (mut steps, mut looked_at) = (Vec::new(), Vec::new());
        for (segment, record) in segments {
            let drive = Drive::for_spread(material, &variation, electrons, segment, ambient_k, None);
            let parts = pace.map_or_else(|| vec![drive], |pace| pace.parts(material, ambient_k, &drive));
            let a_v = segment.bias_v.abs();
            for (number, drive) in parts.iter().enumerate() {
                let (cycle, settling) = (segment.cycle, Settling::default());
                let longest = Drive { substeps: charge::PARTS, ..*drive };
                steps.push(StimulusStep {
                    program: ProgramStep {
                        drive: *drive,
                        cycle,
                        iterations: iterations(drive, material, &variation),
                        settling,
                        train: None,
                    },
                    injected_a: current::injected_a(material, a_v, ambient_k),
                    hopping_a: current::hopping_a(material, a_v, ambient_k),
                    row: Some(rows),
                    pieces: charge::pieces(material, drive, &emission),
                    piece_iterations: iterations(&longest, material, &variation),
                });
                looked_at.push(*record && number + 1 == parts.len());
            }
            rows += u32::from(*record);
        }
        // In no time nothing moves, and no draw is used: a reading changes nothing.
        let takes_time = steps.iter().any(|step| step.program.drive.dwell_s > 0.0);
        if let Some(pace) = pace.filter(|_| takes_time) {
            let passages = steps.iter().zip(looked_at).map(|(step, looked_at)| Passage {
                drive: &step.program.drive,
                pulses: 0,
                looked_at,
            });
            let settlings = pace.settlings(material, ambient_k, passages, 0);
            steps.iter_mut().zip(settlings).for_each(|(step, settling)| step.program.settling = settling);
        }
        for step in &mut steps {
            step.row = step.row.filter(|row| *row < rows);
        }
        let rows = rows as usize;
        let (material, trajectory) = (material.clone(), None);
        Stimulus { material, variation, electrons, seed, ambient_k, steps, rows, trajectory }
    }

    /// The programming of a job, for cells that are empty: what it fills by trains goes in trains. Nothing is recorded.
    pub fn programming(job: &Job) -> Stimulus {
        let step = |program: &ProgramStep| StimulusStep {
            program: *program,
            injected_a: 0.0,
            hopping_a: 0.0,
            row: None,
            pieces: 0,
            piece_iterations: 0,
        };
        Stimulus {
            material: job.material.clone(),
            variation: job.variation,
            electrons: job.electrons,
            seed: job.seed,
            ambient_k: job.program_k,
            steps: job.program.iter().map(step).collect(),
            rows: 0,
            trajectory: job.trajectory,
        }
    }

    /// The same for cells whose electrons have been drawn so many times.
    #[must_use]
    pub fn after(mut self, draws: u32) -> Stimulus {
        for step in &mut self.steps {
            step.program.settling.before = step.program.settling.before.wrapping_add(draws);
        }
        self
    }

    /// Times that electrons which are counted are drawn.
    pub fn draws(&self) -> u32 {
        self.steps.iter().filter(|step| step.program.settling.at_end).count() as u32
    }
}

/// What was seen of the cells. Axes (row, cell): a row is a recorded segment, with those before it that were not
/// recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Current at the end of the recorded segment, A, with the sign of its bias.
    pub current_a: Array2<f64>,
    /// Filling there, 0 to 1.
    pub filling: Array2<f64>,
    /// Electrical energy, the integral of `V I`, J, summed over the row's segments.
    pub energy_j: Array2<f64>,
    /// Electrons injected, and caught, over the row's segments.
    pub injected: Array2<f64>,
    pub caught: Array2<f64>,
}

impl Response {
    /// A response filled with NaN, so that a value nobody wrote shows.
    pub fn unwritten(rows: usize, cells: usize) -> Response {
        let empty = || Array2::from_elem((rows, cells), f64::NAN);
        Response { current_a: empty(), filling: empty(), energy_j: empty(), injected: empty(), caught: empty() }
    }

    /// What was seen in two stretches, one after the other, as one.
    pub(super) fn after(before: Option<Response>, mut now: Response) -> Response {
        if let Some(before) = before {
            now.energy_j += &before.energy_j;
            now.injected += &before.injected;
            now.caught += &before.caught;
        }
        now
    }

    /// Largest ratio of electrons caught to electrons injected, over all rows and cells: 0 where nothing is injected
    /// and nothing caught, infinite where electrons are caught and none injected, NaN for a value nobody wrote.
    pub fn caught_share(&self) -> f64 {
        let moved =
            self.caught.iter().zip(&self.injected).filter(|(caught, injected)| **caught != 0.0 || **injected != 0.0);
        moved.fold(0.0, |largest, (caught, injected)| larger(largest, caught / injected))
    }

    /// The quantities in the order the f32 backends keep them.
    pub(super) fn arrays(&mut self) -> [&mut Array2<f64>; RESPONSE_QUANTITIES] {
        [&mut self.current_a, &mut self.filling, &mut self.energy_j, &mut self.injected, &mut self.caught]
    }
}

/// The larger of two numbers, NaN where one is.
pub fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

impl Stimulus {
    /// Refuses biases at which the material's law gives no current that a cell could pass.
    pub(super) fn check_currents(&self) -> Result<(), BackendError> {
        let (kelvin, mut known_v) = (self.ambient_k, f64::NAN);
        for step in &self.steps {
            let bias_v = step.program.drive.bias_v;
            // Neighbours most often have the same.
            if bias_v.abs() == known_v {
                continue;
            }
            if let Some(amperes) = current::beyond_reason_a(&self.material, bias_v, kelvin) {
                return Err(BackendError::Current { bias_v, kelvin, amperes });
            }
            known_v = bias_v.abs();
        }
        Ok(())
    }
}

/// Checks that occupancies are those of these cells, and that its biases are.
pub(super) fn check(stimulus: &Stimulus, cells: &[u64], occupancy: &Array2<f64>) -> Result<(), BackendError> {
    let classes = stimulus.material.classes.len();
    if occupancy.dim() == (cells.len(), classes) {
        return stimulus.check_currents();
    }
    Err(BackendError::Lengths { found: occupancy.len(), classes, cells: cells.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_caught_is_the_largest_of_any_step_and_hides_nothing() {
        let moved = |caught: [f64; 3], injected: [f64; 3]| {
            let mut seen = Response::unwritten(3, 1);
            seen.caught.column_mut(0).assign(&ndarray::Array1::from(caught.to_vec()));
            seen.injected.column_mut(0).assign(&ndarray::Array1::from(injected.to_vec()));
            seen.caught_share()
        };
        assert_eq!(moved([1.0, 3.0, 0.0], [4.0, 6.0, 0.0]), 0.5);
        assert_eq!(moved([0.0; 3], [0.0; 3]), 0.0);
        assert_eq!(moved([0.0, 1.0, 0.0], [9.0, 0.0, 9.0]), f64::INFINITY);
        assert!(moved([1.0, f64::NAN, 1.0], [2.0, 2.0, 2.0]).is_nan());
        assert!(Response::unwritten(1, 1).caught_share().is_nan());
    }
}
