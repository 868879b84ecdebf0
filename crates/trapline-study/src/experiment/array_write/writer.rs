//! An array that is written, and what it went through.

use super::account::{Energy, Steps};
use super::course::Course;
use super::setup::{check, held};
use super::{Setup, Stroke, Wiring, WriteError, strokes};
use crate::experiment::ExperimentError;
use crate::experiment::array_read::{MaterialCells, Power, Scheme};
use crate::experiment::letter::{Lesson, Pupil};
use crate::experiment::probe::{Conditions, Probe};
use ndarray::{Array1, Array2, ArrayView1};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cells::Cells;
use trapline_engine::circuit::{Accuracy, Crossbar, Series, Solution, solve_nonlinear_on};
use trapline_model::array::{ArrayShape, factors};
use trapline_model::material::{Material, Variation};
use trapline_model::protocol::Segment;

/// Share of the tolerance, of the amplitude, by which biases may move in a step before it is taken twice.
const SETTLED: f64 = 0.01;
/// Shortest step over the width of the pulse.
const SHORTEST: f64 = 1e-6;
/// What the rounding of f32 makes of a filling, relative.
pub(super) const ROUNDING: f64 = 2.4e-7;

/// An array under its lines.
pub struct Writer<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) probe: Probe<'a>,
    pub(super) setup: Setup,
    pub(super) shape: (usize, usize),
    /// Area of each cell over the nominal one.
    area: Array2<f64>,
    /// Filling of each cell, row by row.
    pub(super) filling: Array1<f64>,
    pub(super) steps: Steps,
    pub(super) energy: Energy,
    /// Bias across the traps of each cell at the end of its strongest stroke, the last of these, V; NaN before the
    /// first.
    pub(super) own_v: Array1<f64>,
    /// Amplitude of that stroke, V.
    own_amplitude_v: Array1<f64>,
    /// The strongest bias of each cell at the end of a stroke of others, V.
    pub(super) others_v: Array1<f64>,
    pub(super) pulses: u32,
    /// Follows in double precision what the strokes of a write do to each class, where somebody asks for it.
    pub(super) course: Option<Course>,
}

/// The network at a moment.
struct Moment {
    /// Across the traps of each cell, V, row by row.
    bias_v: Array1<f64>,
    power: Power,
    /// Of the traps' part of each crossing's voltage, W.
    traps_w: f64,
}

/// The array as it would be after a step.
struct Tried<'a> {
    probe: Probe<'a>,
    filling: Array1<f64>,
    /// Energy that went into the cells without their selectors, J.
    energy_j: f64,
    /// The biases it was driven at, V, and the electrons that each cell caught.
    bias_v: Array1<f64>,
    caught: Array1<f64>,
}

impl<'a> Writer<'a> {
    /// An empty array of a material.
    ///
    /// # Errors
    /// [`WriteError`] for a setup that cannot be; what the backend says.
    pub fn new(
        backend: &'a dyn Backend,
        material: &Material,
        conditions: Conditions,
        shape: ArrayShape,
        setup: Setup,
    ) -> Result<Writer<'a>, WriteError> {
        check(&setup)?;
        let cells = shape.cells();
        let probe = Probe::new(backend, material, conditions, (0..cells).collect())?;
        let variation = if conditions.variation { material.variation } else { Variation::OFF };
        let (rows, cols) = (shape.rows as usize, shape.cols as usize);
        let area = Array2::from_shape_fn((rows, cols), |(row, col)| {
            factors(&variation, conditions.seed, row as u64 * shape.cols + col as u64).area
        });
        let nothing = |value: f64| Array1::from_elem(cells as usize, value);
        Ok(Writer {
            backend,
            probe,
            setup,
            shape: (rows, cols),
            area,
            filling: nothing(0.0),
            steps: Steps::default(),
            energy: Energy::default(),
            own_v: nothing(f64::NAN),
            own_amplitude_v: nothing(0.0),
            others_v: nothing(0.0),
            pulses: 0,
            course: None,
        })
    }

    /// How it is written.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The cells, to read them or to let them wait.
    pub fn probe(&mut self) -> &mut Probe<'a> {
        &mut self.probe
    }

    /// The cells with their state, row by row.
    pub(crate) fn into_cells(self) -> Box<dyn Cells<'a> + 'a> {
        self.probe.into_cells()
    }

    /// Filling of each cell, rows by columns.
    pub fn filling(&self) -> Array2<f64> {
        self.arranged(&self.filling)
    }

    /// Steps in time so far.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Energy of all strokes so far; lines without resistance take none.
    pub fn energy(&self) -> &Energy {
        &self.energy
    }

    /// Bias across each cell's traps at the end of its strongest own stroke, the last of these, V; NaN before the
    /// first.
    pub fn own_v(&self) -> Array2<f64> {
        self.arranged(&self.own_v)
    }

    /// The same over the amplitude of that stroke.
    pub fn own_share(&self) -> Array2<f64> {
        self.arranged(&(&self.own_v / &self.own_amplitude_v))
    }

    /// The strongest bias of each cell at the end of a stroke of others, V, with its sign.
    pub fn others_v(&self) -> Array2<f64> {
        self.arranged(&self.others_v)
    }

    /// Reads every cell by itself, S, as a reading sees it; that takes its time and its bias.
    ///
    /// # Errors
    /// What the backend says.
    pub fn read(&mut self) -> Result<Array2<f64>, WriteError> {
        let read_s = self.probe.read()?;
        self.look()?;
        Ok(self.arranged(&read_s))
    }

    /// Looks at the cells, to which readings and waiting may have happened.
    pub(super) fn look(&mut self) -> Result<(), WriteError> {
        self.filling = self.probe.filling()?;
        Ok(())
    }

    pub(super) fn arranged(&self, values: &Array1<f64>) -> Array2<f64> {
        let cols = self.shape.1;
        Array2::from_shape_fn(self.shape, |(row, col)| values[row * cols + col])
    }

    /// Gives every stroke a pulse of an amplitude, V, one after another, and all cells a rest.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn pulse(&mut self, strokes: &[Stroke], amplitude_v: f64) -> Result<(), WriteError> {
        let train = self.setup.train;
        self.look()?;
        for stroke in strokes {
            self.stroke(stroke, amplitude_v, train.width_s)?;
        }
        if train.interval_s > 0.0 {
            self.rest(train.interval_s)?;
        }
        self.probe.skip_cycles(1);
        self.pulses += 1;
        Ok(())
    }

    /// Gives the segments of a protocol, one after another, in the place of the setup's train: one under a bias to
    /// every stroke of those that `strokes` makes, one without to all cells at once. `done` is told after each stroke
    /// how many there were.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn program<S: Iterator<Item = Stroke>>(
        &mut self,
        strokes: impl Fn() -> S,
        segments: &[Segment],
        done: &mut dyn FnMut(u64),
    ) -> Result<(), WriteError> {
        self.look()?;
        let (mut cycle, mut strokes_done) = (0, 0);
        for segment in segments {
            self.probe.skip_cycles(segment.cycle.saturating_sub(cycle));
            cycle = segment.cycle.max(cycle);
            if segment.bias_v == 0.0 {
                self.rest(segment.dwell_s)?;
                continue;
            }
            for stroke in strokes() {
                self.stroke(&stroke, segment.bias_v, segment.dwell_s)?;
                strokes_done += 1;
                done(strokes_done);
            }
        }
        Ok(())
    }

    /// Leaves all cells at 0 V for a time.
    fn rest(&mut self, dwell_s: f64) -> Result<(), WriteError> {
        let rest = (Segment { bias_v: 0.0, dwell_s, cycle: 0 }, true);
        let places: Vec<u32> = (0..self.filling.len() as u32).collect();
        let seen = self.probe.drive_some(&places, &[rest])?;
        self.filling.assign(&seen.filling.row(0));
        self.follow(Some(&places), &Array1::zeros(places.len()), dwell_s, &seen.caught.row(0));
        Ok(())
    }

    /// One stroke.
    fn stroke(&mut self, stroke: &Stroke, amplitude_v: f64, dwell_s: f64) -> Result<(), WriteError> {
        let last = match self.setup.wiring.clone() {
            Wiring::Ideal => self.ideal(stroke, amplitude_v, dwell_s)?,
            Wiring::Wires(periphery) => {
                let (words, bits) = held(&self.setup.scheme, self.shape, stroke, amplitude_v)?;
                let isolated = self.setup.scheme == Scheme::Isolated;
                let mut there = Array2::from_elem(self.shape, if isolated { 0.0 } else { 1.0 });
                stroke.cells.iter().for_each(|at| there[*at] = 1.0);
                let crossbar = periphery.held(there, &words, &bits)?;
                self.wired(&crossbar, amplitude_v, dwell_s)?
            }
        };
        let cols = self.shape.1;
        let mut own = vec![false; last.len()];
        stroke.cells.iter().for_each(|(row, col)| own[row * cols + col] = true);
        for (place, bias_v) in last.iter().enumerate() {
            if own[place] {
                if amplitude_v.abs() >= self.own_amplitude_v[place].abs() {
                    (self.own_v[place], self.own_amplitude_v[place]) = (*bias_v, amplitude_v);
                }
            } else if bias_v.abs() > self.others_v[place].abs() {
                self.others_v[place] = *bias_v;
            }
        }
        Ok(())
    }

    /// A stroke of lines without resistance, in one step.
    fn ideal(&mut self, stroke: &Stroke, amplitude_v: f64, dwell_s: f64) -> Result<Array1<f64>, WriteError> {
        let (rows, cols) = self.shape;
        let mut bias_v = Array1::zeros(rows * cols);
        if self.setup.scheme == Scheme::Isolated {
            let places: Vec<u32> = stroke.cells.iter().map(|(row, col)| (row * cols + col) as u32).collect();
            let seen = self.probe.drive_some(&places, &[(Segment { bias_v: amplitude_v, dwell_s, cycle: 0 }, true)])?;
            self.energy.cells_j += seen.energy_j.sum();
            self.follow(Some(&places), &Array1::from_elem(places.len(), amplitude_v), dwell_s, &seen.caught.row(0));
            let mut own = vec![false; rows * cols];
            for (&place, filling) in places.iter().zip(seen.filling.row(0)) {
                bias_v[place as usize] = amplitude_v;
                self.filling[place as usize] = *filling;
                own[place as usize] = true;
            }
            // The others wait meanwhile.
            let others: Vec<u32> = (0..own.len()).filter(|place| !own[*place]).map(|place| place as u32).collect();
            if !others.is_empty() {
                let seen = self.probe.drive_some(&others, &[(Segment { bias_v: 0.0, dwell_s, cycle: 0 }, true)])?;
                for (&place, filling) in others.iter().zip(seen.filling.row(0)) {
                    self.filling[place as usize] = *filling;
                }
                self.follow(Some(&others), &Array1::zeros(others.len()), dwell_s, &seen.caught.row(0));
            }
        } else {
            let (words, bits) = held(&self.setup.scheme, self.shape, stroke, amplitude_v)?;
            for (place, bias) in bias_v.iter_mut().enumerate() {
                let (word, bit) = (words[place / cols], bits[place % cols]);
                *bias = word.ok_or(WriteError::Floats)? - bit.ok_or(WriteError::Floats)?;
            }
            let seen = self.probe.expose(&bias_v, dwell_s)?;
            self.energy.cells_j += seen.energy_j.sum();
            self.filling.assign(&seen.filling.row(0));
            self.follow(None, &bias_v, dwell_s, &seen.caught.row(0));
        }
        self.steps.taken += 1;
        Ok(bias_v)
    }

    /// A stroke through wires; the biases at its end.
    fn wired(&mut self, crossbar: &Crossbar<'_>, amplitude_v: f64, dwell_s: f64) -> Result<Array1<f64>, WriteError> {
        let tolerance = self.setup.tolerance;
        let mut here = self.moment(crossbar, &self.filling.clone())?;
        let (mut done_s, mut step_s) = (0.0, dwell_s);
        while done_s < dwell_s {
            // A rest of nothing but rounding is no step of its own.
            let step = if done_s + 1.001 * step_s >= dwell_s { dwell_s - done_s } else { step_s };
            // Two draws of counted electrons are apart by chance; what is expected of both tells the error of the step.
            let counted = self.probe.counts_electrons();
            let expected = counted.then(|| self.probe.expected(self.backend)).transpose()?;
            let mut tried = Self::tried(expected.as_ref().unwrap_or(&self.probe), &here.bias_v, step)?;
            let mut there = self.moment(crossbar, &tried.filling)?;
            let moved = farthest(&here.bias_v, &there.bias_v);
            let mut error = 0.0;
            if moved > SETTLED * tolerance * amplitude_v.abs() {
                let mean = 0.5 * (&here.bias_v + &there.bias_v);
                let second = Self::tried(expected.as_ref().unwrap_or(&self.probe), &mean, step)?;
                let change = farthest(&self.filling, &second.filling);
                let rounding = ROUNDING * second.filling.iter().fold(0.0, |most: f64, f| most.max(*f));
                let apart = farthest(&tried.filling, &second.filling) - rounding;
                error = if change > 0.0 { apart.max(0.0) / change } else { 0.0 };
                if error.is_nan() || error > tolerance {
                    self.steps.refused += 1;
                    // The difference goes as the square of the step, and the change it is relative to as the step.
                    let shorter = step * (0.9 * tolerance / error).clamp(0.1, 0.5);
                    if shorter.is_nan() || shorter < SHORTEST * dwell_s {
                        return Err(WriteError::Stiff { at_s: done_s, step_s: step, error, tolerance });
                    }
                    step_s = shorter;
                    continue;
                }
                if !counted {
                    there = self.moment(crossbar, &second.filling)?;
                }
                tried = second;
            }
            if counted {
                tried = Self::tried(&self.probe, &tried.bias_v, step)?;
                there = self.moment(crossbar, &tried.filling)?;
            }
            self.count_energy(&here, &there, tried.energy_j);
            self.follow(None, &tried.bias_v, step, &tried.caught.view());
            (self.probe, self.filling) = (tried.probe, tried.filling);
            self.steps.taken += 1;
            self.steps.worst_error = self.steps.worst_error.max(error);
            done_s += step;
            step_s = step * if error > 0.0 { (0.9 * tolerance / error).clamp(0.3, 4.0) } else { 4.0 };
            here = there;
        }
        Ok(here.bias_v)
    }

    /// Cells after some time at their biases, and their filling; those that are given stay as they are.
    fn tried(cells: &Probe<'a>, bias_v: &Array1<f64>, dwell_s: f64) -> Result<Tried<'a>, WriteError> {
        let mut probe = cells.fork()?;
        let seen = probe.expose(bias_v, dwell_s)?;
        let (filling, caught) = (seen.filling.row(0).to_owned(), seen.caught.row(0).to_owned());
        Ok(Tried { probe, filling, energy_j: seen.energy_j.sum(), bias_v: bias_v.clone(), caught })
    }

    /// Tells whoever follows the write what cells caught under their biases, V.
    fn follow(&mut self, places: Option<&[u32]>, bias_v: &Array1<f64>, dwell_s: f64, caught: &ArrayView1<f64>) {
        if let Some(course) = &mut self.course {
            course.follow(self.probe.material(), places, bias_v, dwell_s, caught);
        }
    }

    /// The network at a filling.
    fn moment(&mut self, crossbar: &Crossbar<'_>, filling: &Array1<f64>) -> Result<Moment, WriteError> {
        let ambient_k = self.probe.conditions.ambient_k;
        let law = MaterialCells::new(self.probe.material(), ambient_k, &self.arranged(filling), self.area.clone());
        let accuracy = Accuracy::of_total(self.setup.accuracy);
        let across = |solution: &Solution, part: &dyn Fn(usize, usize, f64) -> f64| -> Array1<f64> {
            let connected = crossbar.conductance_s();
            let there = connected.indexed_iter().map(|((row, col), siemens)| {
                let volts = solution.word_v[[row, col]] - solution.bit_v[[row, col]];
                if *siemens > 0.0 && volts.is_finite() { part(row, col, volts) } else { 0.0 }
            });
            there.collect()
        };
        let (solution, bias_v) = match self.setup.selector.clone() {
            None => {
                let solution = solve_nonlinear_on(self.backend, crossbar, &law, accuracy)?;
                let bias_v = across(&solution, &|_, _, volts| volts);
                (solution, bias_v)
            }
            Some(selector) => {
                // The selector was checked with the setup.
                let series = Series::new(law, selector).map_err(|_| WriteError::SelectorWithoutWires)?;
                let solution = solve_nonlinear_on(self.backend, crossbar, &series, accuracy)?;
                let bias_v = across(&solution, &|row, col, volts| series.cell_v(row, col, volts));
                (solution, bias_v)
            }
        };
        let certificate = &solution.currents.certificate;
        let total_a = certificate.total_a;
        let share = |a: f64| if total_a > 0.0 { a.abs() / total_a } else { 0.0 };
        self.steps.solves += 1;
        self.steps.iterations += solution.currents.method.iterations as u64;
        self.steps.worst_bound = self.steps.worst_bound.max(share(certificate.bound_a));
        self.steps.worst_conservation = self.steps.worst_conservation.max(share(certificate.conservation_a));
        let traps_w = bias_v.iter().zip(&solution.cell_a).map(|(volts, amperes)| volts * amperes).sum();
        Ok(Moment { bias_v, power: Power::of(crossbar, &solution, false), traps_w })
    }

    /// Counts the energy of a step. That of the cells is the integral of their voltages times their currents as they
    /// fill; selectors, wires and ends have their shares of the power at the step's two ends.
    fn count_energy(&mut self, from: &Moment, to: &Moment, traps_j: f64) {
        let share = |of: fn(&Power) -> f64| -> f64 {
            let at = |moment: &Moment| if moment.traps_w > 0.0 { of(&moment.power) / moment.traps_w } else { 0.0 };
            0.5 * (at(from) + at(to)) * traps_j
        };
        self.energy.cells_j += share(|power| power.cells_w);
        self.energy.wires_j += share(|power| power.wires_w);
        self.energy.ends_j += share(|power| power.ends_w);
    }
}

impl<'a> Pupil<'a> for Writer<'a> {
    fn teach(&mut self, written: &Array2<bool>, lesson: &Lesson, pulses: u32) -> Result<(), ExperimentError> {
        let mut write = || {
            let strokes = strokes(written, self.setup.order, &self.setup.scheme)?;
            (0..pulses).try_for_each(|_| self.pulse(&strokes, lesson.train.amplitude_v))
        };
        write().map_err(|error| match error {
            WriteError::Experiment(error) => error,
            other => ExperimentError::Write(Box::new(other)),
        })
    }

    fn cells(&mut self) -> &mut Probe<'a> {
        &mut self.probe
    }

    fn scheme(&self, _: &Lesson) -> &'static str {
        self.setup.scheme_name()
    }
}

/// Largest difference between two lists.
fn farthest(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    a.iter().zip(b).fold(0.0, |most: f64, (a, b)| {
        let apart = (a - b).abs();
        if apart.is_nan() { f64::NAN } else { most.max(apart) }
    })
}
