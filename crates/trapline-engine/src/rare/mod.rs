//! Failures too rare to be counted: the failed fraction of a point down to 1e-9, with bounds, from some ten thousand
//! cells; where electrons are counted down to 1e-12, from a thousand.
//!
//! # Theory
//! Cells differ by independent standard normals `x`: size of the dots, trap-filled limit, capture speed in each
//! cycle. (Area is one too, but what a cell keeps is a quotient of its own conductances: area cancels, and is left
//! out.) A cell has failed at a time where `kept(x) < threshold`, the campaign's own criterion. Cells are drawn from
//! another density `q` and weighted back:
//!
//! ```text
//! P(failed) = E_q[w 1(failed)],   w = phi(x)/q(x)
//! q = a_0 N(0, 1) + a_1 N(0, 3^2) + sum_j b_j N(s_j, 1)
//! ```
//!
//! - The shifts `s_j` are *design points*: the most probable failed cells, the places of `kept(x) = threshold` nearest
//!   to the origin (first-order reliability method; S.-K. Au and J. L. Beck, Structural Safety 21, 135 (1999)). They
//!   are looked for along rays in all directions, so that several ways to fail, both signs of a normal among them, each
//!   get their own. All times of a point share one sample: its mixture holds the design points of them all.
//! - The nominal share `a_0` bounds every weight by `1/a_0` (defensive mixture; A. Owen and Y. Zhou, J. Am. Stat.
//!   Assoc. 95, 135 (2000)). The wide share finds what the rays missed: it shows as few, heavy failures, hence as
//!   wide bounds.
//! - Each component gives its fixed share of the cells, in turn; the variance is the one within components.
//!
//! Where electrons are counted, a cell of given x fails by chance, and the indicator above is that chance, `h(x)`:
//! summed over the numbers of dots, of filled ones and of electrons lost (`chance.rs` here says how), so that chance
//! adds nothing to the error of sampling. Area then counts, since it makes the number of dots. The most probable failed
//! cells are maxima of `ln h(x) - x^2/2`.
//!
//! Where more than half of the cells fail, the survivors are counted instead. The sample doubles until every time has
//! the precision asked for. Bounds are normal ones of ln P, `P exp(-+ z se/P)`. Where nothing failed, the upper bound
//! is that of the nominal share alone, which holds whatever way there is to fail; so it is where fewer than
//! [`LEAST_BOUNDED`] effective cells failed.
//!
//! # Practice
//! [`estimate`] takes a [`crate::backend::job::Job`], computes its cells in f64 on all threads, and gives a
//! [`PointEstimate`]. The result depends on the job and the [`Request`] alone, not on threads. Normals come from
//! [`trapline_model::rng`] and are shifted as numbers: the tail has no end at 6.338, where the draws of an array have
//! theirs. `docs/rare.md` says what that and f32 make of a comparison.

mod chance;
mod design;
mod error;
mod laws;
mod mixture;
mod population;
mod sums;
#[cfg(test)]
mod tests;

use rayon::prelude::*;
use serde::Serialize;

use crate::backend::job::Job;
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::read::Judging;
use trapline_model::rng;

pub use error::RareError;
use mixture::Mixture;
use population::Population;
pub use population::{Coordinate, same_population};
pub use sums::Estimate;
use sums::Sums;

/// Fractions of the mean field below this are given as they come: no cells are added for their sake.
pub const LEAST_FRACTION: f64 = 1e-9;
/// The same where electrons are counted.
pub const LEAST_FRACTION_COUNTED: f64 = 1e-12;
/// Standard deviations out to which failures of the mean field are looked for.
pub const SEARCHED_SD: f64 = 8.0;
/// The same where electrons are counted: 1e-16 of the population lies farther out.
pub const SEARCHED_SD_COUNTED: f64 = 9.0;
/// Cells of the first batch; a whole number of rounds of the mixture.
pub const FIRST_SAMPLES: u64 = 4096;
/// The same where electrons are counted: the chance of a cell says more than whether it has failed, and costs more.
pub const FIRST_SAMPLES_COUNTED: u64 = 1024;
/// Most cells one point may ask for.
pub const MAX_SAMPLES: u64 = 1 << 30;
/// Effective failures below which a relative standard error is not believed.
pub const LEAST_EFFECTIVE: f64 = 50.0;
/// Effective failures below which the bounds are those that assume nothing.
pub const LEAST_BOUNDED: f64 = 10.0;
/// Cells of one piece of work: the unit of summation, so that threads change no bit.
const CHUNK: u64 = 512;
const BATCH_BYTES: usize = 64 << 20;

/// What is asked of a point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Request {
    /// Half-width of the bounds over the fraction at which a time is settled, above 0 and below 1.
    pub precision: f64,
    /// Of the two-sided bounds, above 0.5 and below 1 - 2^-32.
    pub confidence: f64,
    /// Cells after which a point ends, settled or not; the last batch is finished.
    pub max_samples: u64,
    pub seed: u64,
    /// Keeps the samples of points apart that share a seed.
    pub stream: u32,
}

/// Fractions below this are given as they come.
pub fn least_fraction(electrons: Electrons) -> f64 {
    if electrons.are_counted() { LEAST_FRACTION_COUNTED } else { LEAST_FRACTION }
}

/// Rests together empty one class this much more often than another before classes are told to part.
const LEAST_UNEQUAL: f64 = 0.05;

/// Whether the program of counted cells has a rest that empties some classes of dots and not others, and fills them
/// anew after it. Given how many electrons a cell holds its classes then vary more than a draw of each electron's
/// class makes them: deep dots keep what chance gave them, and space charge has the shallow ones make up for it.
pub fn classes_part(job: &Job) -> bool {
    let mut unequal = 0.0;
    for step in job.program().iter().filter(|_| job.electrons().are_counted()) {
        if step.drive.offered_per_s <= 0.0 {
            unequal += step.drive.unequal(job.material(), job.program_k());
        } else if unequal > LEAST_UNEQUAL {
            return true;
        }
    }
    false
}

impl Request {
    /// # Errors
    /// [`RareError`]: a value outside its limit.
    pub fn check(&self) -> Result<(), RareError> {
        let share = |what: &'static str, value: f64, low: f64, high: f64, limit: &'static str| {
            let good = value > low && value < high;
            good.then_some(()).ok_or_else(|| RareError::Value { what, value: value.to_string(), limit })
        };
        share("the precision", self.precision, 0.0, 1.0, "more than 0 and less than 1, such as 0.1")?;
        share(
            "the confidence",
            self.confidence,
            0.5,
            0.999_999_999,
            "more than 0.5 and less than 0.999999999, such as 0.95",
        )?;
        if !(FIRST_SAMPLES..=MAX_SAMPLES).contains(&self.max_samples) {
            let value = self.max_samples.to_string();
            return Err(RareError::Value { what: "the number of samples", value, limit: "4096 to 1073741824" });
        }
        Ok(())
    }
}

/// The failed fraction of a point at its checkpoints after programming.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PointEstimate {
    /// How electrons are taken, in the words of a record: `mean-field`, or `counted` with the chance of single
    /// electrons in every number.
    pub electrons: &'static str,
    pub times: Vec<Estimate>,
    /// What the cells differ in; none where every cell is the nominal one.
    pub coordinates: Vec<Coordinate>,
    /// Where the sample was shifted to, in standard deviations of the coordinates.
    pub design_points: Vec<Vec<f64>>,
    /// Cells computed, without those of the search.
    pub samples: u64,
    /// Estimated share of the cells that hold charge after programming; fractions are of them.
    pub programmed: f64,
    /// Mean weight: 1, within some of its standard errors.
    pub mean_weight: f64,
    pub mean_weight_error: f64,
    /// Failures were looked for this many standard deviations out, in every direction of the coordinates.
    pub searched_sd: f64,
    /// Share of the cells that lie farther out.
    pub farther_out: f64,
}

/// Estimates the failed fraction of a job at every checkpoint after programming.
///
/// # Errors
/// [`RareError`]: a request outside its limits, or a job in which nothing can be programmed.
pub fn estimate(job: &Job, request: &Request) -> Result<PointEstimate, RareError> {
    request.check()?;
    if job.judged() != Judging::Kept {
        return Err(RareError::AsRead);
    }
    let population = Population::new(job);
    if population.coordinates().is_empty() {
        return all_alike(&population, job, request);
    }
    let (found, searched_sd, first_samples) = if population.is_counted() {
        (design::most_probable(&population), SEARCHED_SD_COUNTED, FIRST_SAMPLES_COUNTED)
    } else {
        (design::points(&population), SEARCHED_SD, FIRST_SAMPLES)
    };
    let mixture = Mixture::new(population.coordinates().len(), &found.points);
    let z = rng::normal_upper_quantile(0.5 * (1.0 - request.confidence));
    let mut sums = Sums::new(&mixture, population.times());
    loop {
        // Doubles, up to the limit in whole rounds of the mixture.
        let target = (2 * sums.samples()).clamp(first_samples, request.max_samples.next_multiple_of(mixture::ROUND));
        sample(&population, &mixture, request, target, &mut sums);
        let farther_out = design::farther_out(population.coordinates().len(), searched_sd);
        let estimate = |time: usize| {
            let of = sums.estimate(time, job, z, request);
            // Strays from beyond the distance that was searched tell nothing of what lies there.
            if found.reached[time] || of.fraction >= farther_out {
                of
            } else if population.is_counted() {
                // Neither the cells that were drawn, whose fraction is below this, nor the search, which went by
                // chances themselves, found more than lies farther out.
                of.none(2.0 * farther_out)
            } else {
                of.none(sums.none(request))
            }
        };
        let times: Vec<_> = (0..population.times()).map(estimate).collect();
        let settled = |(time, of): (usize, &Estimate)| of.reached || (of.failed_cells == 0 && !found.reached[time]);
        if times.iter().enumerate().all(settled) || sums.samples() >= request.max_samples {
            let programmed = sums.programmed();
            if programmed <= 0.0 {
                return Err(RareError::NothingProgrammed);
            }
            let (mean_weight, mean_weight_error) = sums.mean_weight();
            return Ok(PointEstimate {
                electrons: job.electrons().words(),
                times,
                coordinates: population.coordinates().to_vec(),
                design_points: found.points,
                samples: sums.samples(),
                programmed,
                mean_weight,
                mean_weight_error,
                searched_sd,
                farther_out,
            });
        }
    }
}

/// Adds the cells up to number `target`; chunks are summed in their order.
fn sample(population: &Population, mixture: &Mixture, request: &Request, target: u64, sums: &mut Sums) {
    let first = sums.samples();
    let starts: Vec<u64> = (first..target).step_by(CHUNK as usize).collect();
    // Sums that wait for their turn take no more than this, whatever the checkpoints.
    let at_once = (BATCH_BYTES / sums.bytes()).clamp(16, 256);
    for batch in starts.chunks(at_once) {
        let parts: Vec<Sums> = batch
            .par_iter()
            .map(|&start| {
                let mut part = Sums::new(mixture, population.times());
                let mut cell = population.cell();
                for number in start..target.min(start + CHUNK) {
                    let component = mixture.component(number);
                    let normals = population.draw(request.seed, number, request.stream, &mut cell);
                    mixture.place(component, normals);
                    let weight = mixture.weight(normals);
                    part.add(component, weight, population.see(&mut cell));
                }
                part
            })
            .collect();
        parts.iter().for_each(|part| sums.merge(part));
    }
}

/// Every cell is the nominal one: the fraction is its chance, 0 or 1 in the mean field, without an error of sampling.
fn all_alike(population: &Population, job: &Job, request: &Request) -> Result<PointEstimate, RareError> {
    let mut cell = population.cell();
    let seen = population.see(&mut cell);
    let programmed = 1.0 - seen.unprogrammed;
    if programmed <= 0.0 {
        return Err(RareError::NothingProgrammed);
    }
    let times = seen.failed.iter().enumerate();
    let of = |failed: f64| (failed / programmed).min(1.0);
    let times = times.map(|(time, &failed)| Estimate::exact(population.time_s(time), of(failed), request.confidence));
    Ok(PointEstimate {
        electrons: job.electrons().words(),
        times: times.collect(),
        coordinates: Vec::new(),
        design_points: Vec::new(),
        samples: 1,
        programmed,
        mean_weight: 1.0,
        mean_weight_error: 0.0,
        searched_sd: if population.is_counted() { SEARCHED_SD_COUNTED } else { SEARCHED_SD },
        farther_out: 0.0,
    })
}
