//! Telegraph noise: cells of few dots at a constant bias and temperature, their current against time, its spectrum, and
//! beside it the closed form.
//!
//! Each electron that is caught or let go is a step of the current. Cells begin at rest: their electrons are drawn from
//! the law that the bias holds them in ([`rest`]), as if it had been on for ever, so that nothing has to settle. Then
//! they are sampled at equal times. Samples are the current of one moment, not an average over the time between them.
//! Nothing but trapping is in it: neither the noise of a reading nor any other.
//!
//! # Practice
//! The current is computed here, in f64, from the whole numbers of electrons that a backend hands back: a sample
//! differs from another by steps and by nothing else. The step between two samples is cut into parts where so much
//! happens within it that electrons drawn together would have to know of each other. Where space charge lets a cell
//! hold few electrons, each must know of every other: drawn together, two of them take the place of one, and such a
//! state, which cannot be, stays as long as an electron does. Those cells go event by event, here, with the dots of
//! their classes.

mod findings;
pub mod rest;
#[cfg(test)]
mod tests;
pub mod welch;

use super::ExperimentError;
use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;
use rest::{Held, Kind, Rest};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cells::Population;
use trapline_model::array;
use trapline_model::cell::counted::{self, CountedCell, Draws, Electrons};
use trapline_model::cell::each_dot::{DotByDot, Uniforms};
use trapline_model::cell::{self, Drive, Factors, Pace, capture, current};
use trapline_model::dataset::Dataset;
use trapline_model::material::classes::Singles;
use trapline_model::material::draft::rounded;
use trapline_model::material::{Material, TrapClass, Variation};
use trapline_model::protocol::Segment;
use trapline_model::rng::Purpose;
use trapline_model::units::celsius;

/// Fewest and most samples of a cell.
pub const SAMPLES: (usize, usize) = (256, 1 << 24);
/// Most dots of the nominal cell: more have no steps that can be seen.
pub const MOST_DOTS: f64 = 2e5;
/// Most steps of the current of all cells, where each dot is taken by itself.
const MOST_STEPS: f64 = 1e9;
/// Most draws of all cells.
const MOST_DRAWS: f64 = 4e8;
/// By what share an electron too many may lower what is caught from one draw to the next. Of electrons that are drawn
/// together those of cells of few dots know nothing of each other, so that they fluctuate by half of it too much; of
/// cells of many a part is taken back (`trapline_model::cell::narrowing`).
const FEEDBACK_OF_DRAW: f64 = 0.01;
/// Electrons that space charge lets the nominal cell hold, up to which cells go event by event: an electron too many is
/// no longer a small deviation.
const FEW_ELECTRONS: f64 = 200.0;
/// Samples that a backend is asked for at once.
const AT_ONCE: usize = 4096;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setup {
    pub bias_v: f64,
    pub temperature_k: f64,
    /// Time from sample to sample, s.
    pub step_s: f64,
    /// Samples of a cell.
    pub samples: usize,
    pub cells: usize,
    pub seed: u64,
    pub variation: bool,
    /// Counted, or each dot by itself.
    pub electrons: Electrons,
}

/// What cannot be; one line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoiseError {
    #[error("mean-field electrons have no noise: take counted ones, or each dot by itself")]
    MeanField,
    #[error("{material} has no traps, and without traps there is no telegraph noise: take another material")]
    NoTraps { material: String },
    #[error(
        "a cell of {area_um2:?} um^2 has {dots:.3} dots; it must have 1 to {:e}: {least:.1e} to {most:.1e} um^2",
        MOST_DOTS
    )]
    Dots { area_um2: f64, dots: f64, least: f64, most: f64 },
    #[error("a bias of {bias_v:?} V catches nothing, so nothing fluctuates; traps catch beyond {onset_v:?} V")]
    NothingCaught { bias_v: f64, onset_v: f64 },
    #[error("at {celsius:.1} C traps let nothing go, so nothing fluctuates; take a higher temperature")]
    NothingLetGo { celsius: f64 },
    #[error(
        "{what} would be {number:.1e} in all; it must be at most {limit:.0e}: take a shorter step, fewer samples or cells"
    )]
    TooMuch { what: &'static str, number: f64, limit: f64 },
    #[error("{samples} samples; it must be {} to {}", SAMPLES.0, SAMPLES.1)]
    Samples { samples: usize },
}

/// Electrons of every cell at every sample, and the cells at rest.
struct Watched {
    /// Axes (cell, sample).
    electrons: Array2<u64>,
    rests: Vec<Rest>,
}

impl Setup {
    fn varies(&self, material: &Material) -> Variation {
        if self.variation { material.variation } else { Variation::OFF }
    }

    fn drive(&self, material: &Material, dwell_s: f64) -> Drive {
        let segment = Segment { bias_v: self.bias_v, dwell_s, cycle: 0 };
        Drive::for_spread(material, &self.varies(material), self.electrons, &segment, self.temperature_k, None)
    }

    /// What can be known to be impossible before anything is computed.
    fn check(&self, material: &Material) -> Result<(), NoiseError> {
        if !self.electrons.are_counted() {
            return Err(NoiseError::MeanField);
        }
        if !(SAMPLES.0..=SAMPLES.1).contains(&self.samples) {
            return Err(NoiseError::Samples { samples: self.samples });
        }
        let Some(capture) = material.capture else {
            return Err(NoiseError::NoTraps { material: material.name.clone() });
        };
        if !(1.0..=MOST_DOTS).contains(&capture.traps) {
            let (area_um2, dots) = (rounded(material.area_m2 * 1e12, 9), capture.traps);
            let of = |wanted: f64| area_um2 * wanted / dots;
            return Err(NoiseError::Dots { area_um2, dots, least: of(1.0), most: of(MOST_DOTS) });
        }
        let nominal = self.nominal(material);
        if nominal.uptake_per_s <= 0.0 {
            return Err(NoiseError::NothingCaught { bias_v: self.bias_v, onset_v: capture.onset_v });
        }
        if nominal.held().kinds.iter().all(|kind| kind.emission_per_s <= 0.0) {
            return Err(NoiseError::NothingLetGo { celsius: celsius(self.temperature_k) });
        }
        let limit = |what, number: f64, limit: f64| {
            if number <= limit { Ok(()) } else { Err(NoiseError::TooMuch { what, number, limit }) }
        };
        if let Electrons::EachDot(_) = self.electrons {
            return limit("steps of the current", self.steps_of_all(nominal.steps_per_s()), MOST_STEPS);
        }
        if goes_by_events(&nominal) {
            return limit("steps of the current", self.steps_of_all(nominal.steps_per_s()), MOST_STEPS);
        }
        let (parts, _, draws) = self.parts(material);
        let draws = f64::from(parts) * self.samples as f64 * self.cells as f64 * draws as f64;
        limit("draws", draws, MOST_DRAWS)
    }

    fn steps_of_all(&self, per_s: f64) -> f64 {
        per_s * self.step_s * self.samples as f64 * self.cells as f64
    }

    /// The nominal cell at rest.
    fn nominal(&self, material: &Material) -> Rest {
        let traps = material.capture.map_or(0.0, |c| c.traps);
        let dots = |class: &TrapClass| (class.weight * traps).round().max(1.0) as u32;
        let dots: Vec<u32> = material.classes.iter().map(dots).collect();
        self.rest(material, &material.classes, &dots, &Factors::NOMINAL, 1.0)
    }

    /// In how many parts a step is taken, the drive of one, and how often electrons are drawn in it.
    fn parts(&self, material: &Material) -> (u32, Drive, usize) {
        let pace = Pace::of(material, &self.varies(material), self.electrons);
        let mut parts = 1;
        loop {
            let drive = self.drive(material, self.step_s / f64::from(parts));
            let draws = pace.map_or(1, |pace| pace.parts(material, self.temperature_k, &drive).len());
            let feedback = drive.step_stiffness(material) * f64::from(drive.substeps);
            if feedback <= FEEDBACK_OF_DRAW * draws as f64 || parts >= 1 << 20 {
                return (parts, drive, draws);
            }
            parts *= 2;
        }
    }

    /// A cell of these traps at rest.
    fn rest(&self, material: &Material, traps: &[TrapClass], dots: &[u32], factors: &Factors, speed: f64) -> Rest {
        let drive = self.drive(material, 0.0);
        let limit = |c| capture::space_charge_limit(c, factors.trap_filled, self.bias_v.abs());
        let escapes = cell::escapes_per_s(material, traps, factors.log_size, self.temperature_k);
        let kind = |((trap, dots), heat_per_s): ((&TrapClass, &u32), f64)| Kind {
            dots: *dots,
            speed: trap.speed,
            emission_per_s: heat_per_s + trap.speed * drive.field_per_s,
        };
        Rest::of(Held {
            kinds: traps.iter().zip(dots).zip(escapes).map(kind).collect(),
            open: 1.0 - material.injection.free_share,
            offered_per_s: drive.offered_per_s * speed / factors.trap_filled,
            space_charge_limit: material.capture.as_ref().map_or(0.0, limit),
            injected_a: factors.area * current::injected_a(material, self.bias_v.abs(), self.temperature_k),
            hopping_a: factors.area * current::hopping_a(material, self.bias_v.abs(), self.temperature_k),
        })
    }

    fn speed(&self, material: &Material, cell: u64) -> f64 {
        array::capture_speed(&self.varies(material), self.seed, cell, 0)
    }

    fn uniforms(&self, cell: u64) -> Uniforms {
        Uniforms::new(self.seed, cell, Purpose::AtRest)
    }

    /// Cells whose electrons are counted: dots of each class, the cell at rest, and its electrons in each class.
    fn at_rest(&self, material: &Material) -> Vec<(CountedCell, Rest, Vec<u32>)> {
        let variation = self.varies(material);
        let counts = counted::tables(material, &variation, self.electrons);
        let number = self.electrons.dot_number().unwrap_or_default();
        let beside = self.electrons.beside_chance(material, &variation);
        let cell = |cell: u64| {
            let draws = Draws { counts: &counts, seed: self.seed, cell };
            let drawn = CountedCell::draw(material, number, &array::factors(&beside, self.seed, cell), &draws);
            let dots = &drawn.dots[..material.classes.len()];
            let rest = self.rest(material, &material.classes, dots, &drawn.factors, self.speed(material, cell));
            let electrons = rest.draw(&mut self.uniforms(cell));
            (drawn, rest, electrons)
        };
        (0..self.cells as u64).into_par_iter().map(cell).collect()
    }

    /// Cells whose electrons are counted, event by event.
    fn by_events(&self, material: &Material) -> Watched {
        let drive = self.drive(material, self.step_s);
        let watch = |(cell, (drawn, rest, starts)): (usize, (CountedCell, Rest, Vec<u32>))| {
            let dots = || material.classes.iter().zip(drawn.dots).zip(&starts);
            let traps = dots().flat_map(|((class, dots), _)| (0..dots).map(|_| *class)).collect();
            let mut by_dot = DotByDot::of(traps, drawn.factors, (self.seed, cell as u64));
            by_dot.fill(dots().flat_map(|((_, dots), full)| (0..dots).map(move |dot| dot < *full)));
            let speed = self.speed(material, cell as u64);
            (rest, by_dot.watch(material, &drive, speed, self.temperature_k, self.samples))
        };
        let all = self.at_rest(material);
        let (rests, seen): (Vec<Rest>, Vec<Vec<usize>>) = all.into_par_iter().enumerate().map(watch).unzip();
        let electrons = Array2::from_shape_fn((self.cells, self.samples), |(i, at)| seen[i][at] as u64);
        Watched { electrons, rests }
    }

    /// Cells whose electrons are counted, by a backend.
    fn counted(&self, backend: &dyn Backend, material: &Material) -> Result<Watched, ExperimentError> {
        let variation = self.varies(material);
        let numbers: Vec<u64> = (0..self.cells as u64).collect();
        let (rests, starts): (Vec<Rest>, Vec<Vec<u32>>) =
            self.at_rest(material).into_iter().map(|(_, rest, starts)| (rest, starts)).unzip();
        let share = |(i, k): (usize, usize)| {
            let dots = rests[i].held().kinds[k].dots;
            if dots > 0 { f64::from(starts[i][k]) / f64::from(dots) } else { 0.0 }
        };
        let occupancy = Array2::from_shape_fn((self.cells, material.classes.len()), share);
        let population = Population::new(material, variation, self.seed, numbers).electrons(self.electrons);
        let mut cells = backend.cells(population)?;
        cells.upload(&occupancy)?;
        let (parts, drive, _) = self.parts(material);
        let segment = Segment { bias_v: self.bias_v, dwell_s: drive.dwell_s, cycle: 0 };
        let at_once = (AT_ONCE / parts as usize).max(1);
        let mut electrons = Array2::zeros((self.cells, self.samples));
        for from in (0..self.samples).step_by(at_once) {
            let count = at_once.min(self.samples - from);
            // Each part ends with a draw, and is recorded for that.
            let segments = vec![(segment, true); count * parts as usize];
            let stimulus = cells.population().stimulus(self.temperature_k, &segments);
            let seen = cells.advance(&stimulus, None)?;
            let ends = seen.filling.axis_iter(Axis(0)).skip(parts as usize - 1).step_by(parts as usize);
            for (at, row) in ends.enumerate() {
                for (cell, filling) in row.iter().enumerate() {
                    electrons[[cell, from + at]] = (filling * f64::from(rests[cell].held().dots())).round() as u64;
                }
            }
        }
        Ok(Watched { electrons, rests })
    }

    /// Cells dot by dot, event by event.
    fn each_dot(&self, material: &Material) -> Watched {
        let variation = self.varies(material);
        let counts = counted::tables(material, &variation, self.electrons);
        let number = self.electrons.dot_number().unwrap_or_default();
        let beside = self.electrons.beside_chance(material, &variation);
        let (singles, drive) = (Singles::of(material), self.drive(material, self.step_s));
        let cell = |cell: u64| {
            let factors = array::factors(&beside, self.seed, cell);
            let mut drawn = DotByDot::draw(material, &singles, number, &factors, &counts, (self.seed, cell));
            let speed = self.speed(material, cell);
            let ones = vec![1; drawn.traps().len()];
            let rest = self.rest(material, drawn.traps(), &ones, &drawn.factors, speed);
            drawn.fill(rest.draw(&mut self.uniforms(cell)).into_iter().map(|n| n > 0));
            (rest, drawn.watch(material, &drive, speed, self.temperature_k, self.samples))
        };
        let (rests, seen): (Vec<Rest>, Vec<Vec<usize>>) = (0..self.cells as u64).into_par_iter().map(cell).unzip();
        let electrons = Array2::from_shape_fn((self.cells, self.samples), |(i, at)| seen[i][at] as u64);
        Watched { electrons, rests }
    }
}

/// Whether cells that are counted by class go event by event.
fn goes_by_events(nominal: &Rest) -> bool {
    nominal.held().space_charge_limit.min(1.0) * f64::from(nominal.held().dots()) <= FEW_ELECTRONS
}

/// Watches cells of a material and takes the spectrum of what they do.
///
/// Axes: `cell`, `sample`, `frequency_hz`, and of counted cells `class`; `docs/format.md` has what lies over them.
///
/// # Errors
/// [`NoiseError`], and what the backend says.
pub fn run(backend: &dyn Backend, material: &Material, setup: &Setup) -> Result<Dataset, ExperimentError> {
    setup.check(material)?;
    let Watched { electrons, rests } = match setup.electrons {
        Electrons::EachDot(_) => setup.each_dot(material),
        Electrons::Counted(_) if goes_by_events(&setup.nominal(material)) => setup.by_events(material),
        Electrons::Counted(_) | Electrons::MeanField => setup.counted(backend, material)?,
    };
    let sign = 1f64.copysign(setup.bias_v);
    let currents_of = |rest: &Rest| -> Vec<f64> {
        let dots = rest.held().dots().max(1);
        (0..=dots).map(|n| sign * rest.held().current_a(f64::from(n) / f64::from(dots))).collect()
    };
    let mut current_a = Array2::zeros(electrons.dim());
    for ((rest, seen), mut row) in rests.iter().zip(electrons.rows()).zip(current_a.rows_mut()) {
        let known = currents_of(rest);
        row.iter_mut().zip(seen).for_each(|(to, n)| *to = known[(*n as usize).min(known.len() - 1)]);
    }
    let mut d = Dataset::new("noise", "Telegraph noise of the current");
    findings::conditions(&mut d, material, setup, &rests);
    let samples = |of: &mut dyn FnMut(usize) -> f64| (0..setup.samples).map(of).collect::<Vec<_>>();
    d.axis("sample", "1", "Sample", &samples(&mut |i| i as f64));
    let cells: Array1<u64> = (0..setup.cells as u64).collect();
    d.count("cell", &["cell"], "1", "Number of the cell", cells.into_dyn());
    let times = Array1::from(samples(&mut |i| (i + 1) as f64 * setup.step_s));
    d.real("time_s", &["sample"], "s", "Time of the sample", times.into_dyn());
    let mean_a = current_a.mean_axis(Axis(0)).unwrap_or_default();
    d.real("mean_current_a", &["sample"], "A", "Mean of the cells' currents", mean_a.into_dyn());
    let each = |of: &dyn Fn(usize) -> f64| (0..setup.cells).map(of).collect::<Array1<f64>>().into_dyn();
    let row = |i: usize| current_a.row(i);
    d.real("cell_mean_a", &["cell"], "A", "Mean of the samples", each(&|i| row(i).mean().unwrap_or(f64::NAN)));
    d.real(
        "cell_variance_a2",
        &["cell"],
        "A2",
        "Variance of the samples",
        each(&|i| row(i).mapv(|a| a - current_a[[i, 0]]).var(0.0)),
    );
    d.real("cell_rest_a", &["cell"], "A", "Current at rest", {
        each(&|i| sign * rests[i].held().current_a(rests[i].filling))
    });
    d.real("cell_rest_variance_a2", &["cell"], "A2", "Its variance, linear noise", each(&|i| rests[i].variance_a2()));
    d.real("cell_rest_filling", &["cell"], "1", "Filling at rest", each(&|i| rests[i].filling));
    d.real("cell_rest_electrons_variance", &["cell"], "1", "Variance of the number of electrons, linear noise", {
        each(&|i| rests[i].variance_of_number())
    });
    d.real("cell_corner_hz", &["cell"], "Hz", "Frequency below which half of the variance lies", {
        each(&|i| rests[i].corner_hz())
    });
    d.real(
        "cell_steps_per_s",
        &["cell"],
        "1/s",
        "Steps of the current, up and down",
        each(&|i| rests[i].steps_per_s()),
    );
    let dots: Array1<u64> = rests.iter().map(|rest| u64::from(rest.held().dots())).collect();
    d.count("dots", &["cell"], "1", "Dots of the cell", dots.into_dyn());
    findings::spectrum(&mut d, setup, &rests, &current_a);
    findings::classes(&mut d, material, setup);
    d.real("current_a", &["cell", "sample"], "A", "Current of the moment", current_a.into_dyn());
    d.count("electrons", &["cell", "sample"], "1", "Electrons in the dots", electrons.into_dyn());
    Ok(d)
}
