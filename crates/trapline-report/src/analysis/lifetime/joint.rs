//! One likelihood for all temperatures: a common shape, and locations on a line (Nelson 1990, chapter 5; Meeker &
//! Escobar 1998, chapter 19).
//!
//! ln t = mu(T) + sigma e with mu(T) = c0 + c1 x, x = 1/kT or T. Temperatures without failures, or with nothing else,
//! take part with what they know. Each temperature has cells of its own, or all have the same
//! ([`JointFit::of_same_cells`]); bounds are made accordingly, as [`Design`] says. All counts are taken as exact:
//! where the line or the common shape are only nearly true, the bounds are too narrow, by far so with 1e6 cells and
//! more. The tests say so, and [`super::Segments`] then is the sounder answer.
//!
//! Lives are not quite of either law, and a fit of all counts is ruled by their middle. So the time to a fraction comes
//! from the counts about it alone, at each temperature, as `near.rs` has it of one: with a shape and a line of their
//! own; cells that had failed at programming count as failed by the first checkpoint here. Nor is the shape one
//! number: where depths are spread, `sd(ln t) = sd(E)/kT`, and a common shape carries a slope into what lies beyond
//! the temperatures. Of the two that is taken which is likelier. Half of what the other law, and the other spread,
//! have at the use temperature is taken for the standard error of either: the more temperatures there are the less
//! chance is in the bounds, and the more it is the law.

use nalgebra::DVector;
use serde::Serialize;

use super::bounds::{Bounds, Estimate, estimate, not_told};
use super::data::Lifetimes;
use super::error::{self, LifetimeError, input};
use super::fit::{Fit, start};
use super::law::Law;
use super::likelihood::{Group, Maximum, Model};
use super::line::{Line, TIME_FLOOR, TemperatureLaw, TimePoint};
use super::near::FAILURES_BESIDE;
use super::segments::{Segments, Use, refuse_known, refused};
use super::shape_told;
use super::shared::{Cells, Design};
use super::special::chi_square_tail;

/// A law with a common shape whose location lies on a line over temperature.
#[derive(Debug, Clone, Serialize)]
pub struct JointFit {
    pub law: Law,
    pub temperature_law: TemperatureLaw,
    pub temperatures_k: Vec<f64>,
    /// Arrhenius: the activation energy, eV. Linear in T: -b, 1/K.
    pub slope: f64,
    /// Weibull's beta, the lognormal sigma.
    pub shape: f64,
    /// Which cells stand at the temperatures, and so what the bounds are made of.
    pub design: Design,
    /// Of the same cells at several temperatures, the sum of the temperatures' own; so are the criteria.
    pub log_likelihood: f64,
    /// 6 - 2 ln L.
    pub aic: f64,
    /// 3 ln N - 2 ln L, N all cells.
    pub bic: f64,
    /// Shapes of their own against a common one, locations free; none where fewer than two temperatures can be fitted
    /// alone.
    pub common_shape: Option<RatioTest>,
    /// Locations of their own against the line, with a common shape.
    pub on_the_line: Option<RatioTest>,
    /// The separate fits' times, searched for a break; none for fewer than two such fits.
    pub segments: Option<Segments>,
    #[serde(skip)]
    groups: Vec<(f64, Lifetimes)>,
    #[serde(skip)]
    cells: Cells,
    #[serde(skip)]
    spread: Spread,
    #[serde(skip)]
    centre: f64,
    #[serde(skip)]
    maximum: Maximum,
}

/// Share of the distance to the time of the other law, and of the other spread, that is taken for the error of either.
const OF_OTHER: f64 = 0.5;

/// How the shape goes over temperature, one number either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// One shape.
    Common,
    /// The spread of ln t as 1/T: that of thermal escape from depths that are spread, `sd(ln t) = sd(E)/kT`.
    Escape,
}

impl Spread {
    /// The spread at a temperature over that at another one.
    fn over(self, temperature_k: f64, reference_k: f64) -> f64 {
        match self {
            Spread::Common => 1.0,
            Spread::Escape => reference_k / temperature_k,
        }
    }
}

/// A likelihood-ratio test of a simpler model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RatioTest {
    /// Twice the loss of ln L.
    pub statistic: f64,
    pub degrees: usize,
    /// Chance of a larger loss if the simpler model held; 0 for huge populations whatever they are. None where the
    /// temperatures have the same cells: the loss then follows no known law.
    pub p_value: Option<f64>,
    /// What the simpler model sets to one number: the largest over the least shape, or the largest factor between a
    /// temperature's own scale and the line's. With huge populations this counts, not the p value.
    pub largest_ratio: f64,
}

impl JointFit {
    /// Fits all temperatures (K) at once, each with cells of its own.
    ///
    /// # Errors
    /// [`LifetimeError::Input`], [`LifetimeError::NotIdentifiable`], [`LifetimeError::NoMaximum`].
    pub fn new(law: Law, over: TemperatureLaw, groups: &[(f64, Lifetimes)]) -> Result<JointFit, LifetimeError> {
        JointFit::fitted(law, over, sorted(groups)?, Cells::Own)
    }

    /// As [`JointFit::new`], of cells that are the same at every temperature. `arrays` has the lifetimes of each
    /// array (seed) at each temperature, in the order of `groups` and of the same arrays everywhere; from
    /// [`super::LEAST_ARRAYS`] of them at every temperature on they are clusters. Without them an empty list.
    ///
    /// # Errors
    /// As [`JointFit::new`]; [`LifetimeError::Input`] too where `arrays` is neither empty nor has a list for each
    /// temperature, with its checkpoints.
    pub fn of_same_cells(
        law: Law,
        over: TemperatureLaw,
        groups: &[(f64, Lifetimes)],
        arrays: &[Vec<Lifetimes>],
    ) -> Result<JointFit, LifetimeError> {
        if !arrays.is_empty() && arrays.len() != groups.len() {
            let limit = format!("{}, one for each temperature, or none", groups.len());
            return Err(input(
                "the number of lists of arrays",
                arrays.len(),
                limit,
                "give a list for each temperature",
            ));
        }
        for ((kelvin, data), of) in groups.iter().zip(arrays) {
            if let Some(other) = of.iter().find(|array| array.times_s() != data.times_s()) {
                let what = format!("the checkpoints of an array at {kelvin} K");
                let limit = format!("the {} of all arrays together", data.times_s().len());
                return Err(input(what, format!("others, {}", other.times_s().len()), limit, "give the same"));
            }
        }
        let mut by_temperature: Vec<usize> = (0..arrays.len()).collect();
        by_temperature.sort_by(|&a, &b| groups[a].0.total_cmp(&groups[b].0));
        let arrays = by_temperature.into_iter().map(|at| arrays[at].clone()).collect();
        JointFit::fitted(law, over, sorted(groups)?, Cells::same(arrays))
    }

    fn fitted(
        law: Law,
        over: TemperatureLaw,
        groups: Vec<(f64, Lifetimes)>,
        cells_of_them: Cells,
    ) -> Result<JointFit, LifetimeError> {
        let fit = JointFit::of_counts(law, over, groups, cells_of_them, Spread::Common)?;
        let fits: Vec<(f64, Fit)> =
            fit.groups.iter().filter_map(|(t, data)| Some((*t, Fit::new(law, data).ok()?))).collect();
        let (common_shape, on_the_line) = tests(law, over, &fit.groups, &fits, fit.design)?;
        let segments = searched(&fit.groups, &fits, fit.design)?;
        Ok(JointFit { common_shape, on_the_line, segments, ..fit })
    }

    /// The fit alone, without its tests.
    fn of_counts(
        law: Law,
        over: TemperatureLaw,
        groups: Vec<(f64, Lifetimes)>,
        cells_of_them: Cells,
        spread: Spread,
    ) -> Result<JointFit, LifetimeError> {
        let (points, sigma) = starts(law, &groups)?;
        let guess = Line::fit(over, &points, TIME_FLOOR)?;
        let abscissas: Vec<f64> = groups.iter().map(|(t, _)| over.abscissa(*t)).collect();
        let centre = abscissas.iter().sum::<f64>() / abscissas.len() as f64;
        let model = on_line(law, over, &groups, (centre, 0.0), spread);
        let at = DVector::from_vec(vec![guess.ln_time(centre), guess.slope, libm::log(sigma)]);
        let maximum = model.maximise(at, None)?;
        maximum.covariance().ok_or_else(|| not_told(&model))?;
        let log_likelihood = model.log_likelihood(maximum.value);
        let cells: f64 = groups.iter().map(|(_, data)| data.total() as f64).sum();
        let sigma = libm::exp(maximum.at[2]);
        let design = cells_of_them.design();
        Ok(JointFit {
            law,
            temperature_law: over,
            temperatures_k: groups.iter().map(|(t, _)| *t).collect(),
            slope: maximum.at[1],
            shape: if law == Law::Weibull { 1.0 / sigma } else { sigma },
            design,
            log_likelihood,
            aic: 6.0 - 2.0 * log_likelihood,
            bic: 3.0 * libm::log(cells) - 2.0 * log_likelihood,
            common_shape: None,
            on_the_line: None,
            segments: None,
            groups,
            cells: cells_of_them,
            spread,
            centre,
            maximum,
        })
    }

    /// Chance of as large a loss of likelihood as what another fit has beside these temperatures makes, if the law held
    /// there too: against counts there that nothing binds. Temperatures that bear no law of their own are tried so.
    pub fn chance_of_more(&self, with: &JointFit) -> f64 {
        let more = with.groups.iter().filter(|(kelvin, _)| !self.temperatures_k.contains(kelvin));
        let free = |(_, data): &(f64, Lifetimes)| {
            data.classes().iter().filter(|class| class.cells > 0).count().saturating_sub(1).max(1)
        };
        let degrees: usize = more.map(free).sum();
        chi_square_tail((2.0 * (self.maximum.value - with.maximum.value)).max(0.0), degrees.max(1))
    }

    /// The common shape.
    ///
    /// # Errors
    /// [`LifetimeError::Input`] for the confidence.
    pub fn shape(&self, confidence: f64) -> Result<Estimate, LifetimeError> {
        let spread = self.parameter(2, confidence)?;
        Ok(if self.law == Law::Weibull { spread.exp_minus() } else { spread.exp() })
    }

    /// Arrhenius: the activation energy, eV. Linear in T: -b, 1/K.
    ///
    /// # Errors
    /// [`LifetimeError::Input`] for the confidence.
    pub fn slope(&self, confidence: f64) -> Result<Estimate, LifetimeError> {
        self.parameter(1, confidence)
    }

    fn parameter(&self, index: usize, confidence: f64) -> Result<Estimate, LifetimeError> {
        let model = self.model(self.centre, 0.0);
        estimate(&model, &self.maximum, index, &self.cells, error::confidence(confidence)?)
    }

    /// Time by which this fraction fails at the use temperature, s.
    ///
    /// # Errors
    /// [`LifetimeError::Refused`] across a known break, or where the separate fits show a break anywhere among the
    /// temperatures: one line is then wrong on both sides. [`LifetimeError::Input`], also for a use without a
    /// confidence.
    pub fn life(&self, to: &Use, fraction: f64) -> Result<Estimate, LifetimeError> {
        let confidence = self.asked(to, fraction)?;
        self.time_at(to.temperature_k, fraction, confidence)
    }

    /// The same from the counts about the fraction, with the error of the law: see the module. For lives that may not
    /// be of the law.
    ///
    /// # Errors
    /// As [`JointFit::life`].
    pub fn life_about(&self, to: &Use, fraction: f64) -> Result<Estimate, LifetimeError> {
        let confidence = self.asked(to, fraction)?;
        let (near, misfit) = self.about(fraction, confidence, to.temperature_k)?;
        let life = near.as_ref().unwrap_or(self).time_at(to.temperature_k, fraction, confidence)?;
        Ok(life.widened(misfit))
    }

    /// Refuses what cannot be asked; gives the confidence.
    fn asked(&self, to: &Use, fraction: f64) -> Result<f64, LifetimeError> {
        to.check()?;
        error::fraction(fraction)?;
        let ask = || input("the confidence", "not given", "above 0 and below 1", "give a share such as 0.9");
        let confidence = to.confidence.ok_or_else(ask)?;
        let last = self.temperatures_k[self.temperatures_k.len() - 1];
        refuse_known(to, (self.temperatures_k[0], last))?;
        let broken = self.segments.as_ref().and_then(|segments| segments.broken.as_ref());
        if let (Some(line_break), false) = (broken, to.across_break) {
            let limit = format!(
                "the activation energy changes between {} K and {} K",
                line_break.cooler_k, line_break.hotter_k
            );
            return Err(refused(
                to.temperature_k,
                limit,
                "fit the temperatures of its side only, or allow across_break",
            ));
        }
        Ok(confidence)
    }

    /// Time to a fraction at a temperature, s.
    fn time_at(&self, temperature_k: f64, fraction: f64, confidence: f64) -> Result<Estimate, LifetimeError> {
        // With the use temperature as origin and the fraction's z as pivot, the first coefficient is ln t itself.
        let origin = self.temperature_law.abscissa(temperature_k);
        let pivot = self.law.quantile(fraction) * self.spread.over(temperature_k, self.reference_k());
        let model = self.model(origin, pivot);
        let mut at = self.maximum.at.clone();
        at[0] += at[1] * (origin - self.centre) + pivot * libm::exp(at[2]);
        let maximum = model.maximise(at, None)?;
        Ok(estimate(&model, &maximum, 0, &self.cells, confidence)?.exp())
    }

    /// The fit of the fewest counts about a fraction that tell it, where that takes less than all, or where the spread
    /// goes with temperature; and the standard error of ln t at a temperature by the law and by how the spread goes.
    fn about(
        &self,
        fraction: f64,
        confidence: f64,
        temperature_k: f64,
    ) -> Result<(Option<JointFit>, f64), LifetimeError> {
        let told = |fit: &JointFit| {
            fit.shape(confidence).is_ok_and(|shape| shape_told(fit.law, &shape).is_ok())
                && fit.time_at(temperature_k, fraction, confidence).is_ok()
        };
        let of = |law: Law, spread: Spread, groups: &[(f64, Lifetimes)], cells: Cells| {
            JointFit::of_counts(law, self.temperature_law, groups.to_vec(), cells, spread).ok()
        };
        let mut failures = FAILURES_BESIDE;
        let near = loop {
            let Some((groups, cells)) = self.cut(fraction, failures) else { break None };
            if let Some(fit) = of(self.law, self.spread, &groups, cells).filter(told) {
                break Some(fit);
            }
            failures = failures.saturating_mul(2);
        };
        let common = near.as_ref().unwrap_or(self);
        let ln_time = |fit: &JointFit| fit.ln_time(temperature_k, fraction);
        let escape = of(self.law, Spread::Escape, &common.groups, common.cells.clone()).filter(told);
        // Where that is not borne it is what the shape of the other way would add.
        let added = || {
            let other = Spread::Escape.over(temperature_k, common.reference_k()) - 1.0;
            (self.law.quantile(fraction) * libm::exp(common.maximum.at[2]) * other).abs()
        };
        let by_spread = escape.as_ref().map_or_else(added, |escape| (ln_time(escape) - ln_time(common)).abs());
        let near = match escape {
            Some(escape) if escape.maximum.value > common.maximum.value => Some(escape),
            _ => near,
        };
        let chosen = near.as_ref().unwrap_or(self);
        // Of all counts where the few tell no other law.
        let of_all = || Some((self, of(self.law.other(), self.spread, &self.groups, Cells::Own)?));
        let other = of(self.law.other(), chosen.spread, &chosen.groups, Cells::Own).map(|other| (chosen, other));
        let Some((of_this, other)) = other.or_else(of_all) else {
            return Err(LifetimeError::NotIdentifiable {
                law: self.law.other().name(),
                missing: "the other law of lifetimes has no maximum, and the error of the law is not known".to_owned(),
                fix: "more checkpoints, or more cells".to_owned(),
            });
        };
        let by_law = (ln_time(&other) - ln_time(of_this)).abs();
        Ok((near, OF_OTHER * by_law.hypot(by_spread)))
    }

    /// Counts about a fraction, so many failures on either side at each temperature; none where these are all.
    fn cut(&self, fraction: f64, failures: u64) -> Option<(Vec<(f64, Lifetimes)>, Cells)> {
        let cut: Vec<Option<Lifetimes>> = self.groups.iter().map(|(_, data)| data.about(fraction, failures)).collect();
        if cut.iter().all(Option::is_none) {
            return None;
        }
        let groups: Vec<(f64, Lifetimes)> = self
            .groups
            .iter()
            .zip(cut)
            .map(|((kelvin, all), cut)| (*kelvin, cut.unwrap_or_else(|| all.clone())))
            .collect();
        let cells = match &self.cells {
            Cells::Arrays(arrays) => {
                let of = |(arrays, (_, data)): (&Vec<Lifetimes>, &(f64, Lifetimes))| {
                    arrays.iter().map(|array| array.only(data.times_s())).collect()
                };
                Cells::Arrays(arrays.iter().zip(&groups).map(of).collect())
            }
            other => other.clone(),
        };
        Some((groups, cells))
    }

    /// ln t to a fraction at a temperature.
    fn ln_time(&self, temperature_k: f64, fraction: f64) -> f64 {
        let at = &self.maximum.at;
        at[0]
            + at[1] * (self.temperature_law.abscissa(temperature_k) - self.centre)
            + self.law.quantile(fraction) * libm::exp(at[2]) * self.spread.over(temperature_k, self.reference_k())
    }

    /// Where the shape is the fit's, K.
    fn reference_k(&self) -> f64 {
        reference_k(&self.groups)
    }

    fn model(&self, origin: f64, pivot: f64) -> Model<'_> {
        on_line(self.law, self.temperature_law, &self.groups, (origin, pivot), self.spread)
    }

    /// Acceleration factor: time at `use_k` over time at `test_k`.
    ///
    /// # Errors
    /// [`LifetimeError::Input`].
    pub fn acceleration(&self, use_k: f64, test_k: f64, confidence: f64) -> Result<Estimate, LifetimeError> {
        let from = self.temperature_law.abscissa(error::positive("the use temperature", use_k, "kelvin")?);
        let to = self.temperature_law.abscissa(error::positive("the test temperature", test_k, "kelvin")?);
        let (slope, span) = (self.slope(confidence)?, from - to);
        let times = |bounds: Bounds| bounds.map(|slope| slope * span);
        let ln = Estimate {
            value: slope.value * span,
            standard_error: slope.standard_error * span.abs(),
            wald: times(slope.wald),
            profile: times(slope.profile),
            confidence,
        };
        Ok(ln.exp())
    }
}

fn sorted(groups: &[(f64, Lifetimes)]) -> Result<Vec<(f64, Lifetimes)>, LifetimeError> {
    for (temperature_k, _) in groups {
        error::positive("the temperature", *temperature_k, "kelvin")?;
    }
    let mut groups = groups.to_vec();
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some(pair) = groups.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(input(
            "a temperature",
            format!("{} K twice", pair[0].0),
            "given once",
            "give each temperature once",
        ));
    }
    Ok(groups)
}

/// Where each temperature with failures seems to lie, and the middle of the spreads.
fn starts(law: Law, groups: &[(f64, Lifetimes)]) -> Result<(Vec<TimePoint>, f64), LifetimeError> {
    // Failures that all lie before the first checkpoint, with no survivors, say only that the time is shorter.
    let located = |data: &Lifetimes| data.failed_in_all() > 0 && data.classes()[0].cells < data.total();
    let with: Vec<_> = groups.iter().filter(|(_, data)| located(data)).collect();
    if with.len() < 2 {
        return Err(LifetimeError::NotIdentifiable {
            law: law.name(),
            missing: format!("{} of {} temperatures have failures between checkpoints", with.len(), groups.len()),
            fix: match groups.len() {
                0 | 1 => "two are needed: bake at more temperatures".to_owned(),
                _ => "two are needed: bake longer, or choose earlier checkpoints".to_owned(),
            },
        });
    }
    let mut spreads: Vec<f64> = with.iter().map(|(_, data)| start(law, data).1).collect();
    spreads.sort_by(f64::total_cmp);
    let point = |(temperature_k, data): &&(f64, Lifetimes)| TimePoint {
        temperature_k: *temperature_k,
        time_s: libm::exp(start(law, data).0),
        relative_error: 0.0,
        same_cells: false,
    };
    Ok((with.iter().map(point).collect(), spreads[spreads.len() / 2]))
}

/// The mean of the temperatures, K.
fn reference_k(groups: &[(f64, Lifetimes)]) -> f64 {
    groups.iter().map(|(kelvin, _)| kelvin).sum::<f64>() / groups.len() as f64
}

fn on_line(
    law: Law,
    over: TemperatureLaw,
    groups: &[(f64, Lifetimes)],
    (origin, pivot): (f64, f64),
    spread: Spread,
) -> Model<'_> {
    let reference_k = reference_k(groups);
    let of = |(kelvin, data): (&f64, _)| Group {
        row: vec![1.0, over.abscissa(*kelvin) - origin],
        ln_scale: libm::log(spread.over(*kelvin, reference_k)),
        data,
    };
    let groups = groups.iter().map(|(kelvin, data)| of((kelvin, data))).collect();
    Model { law, groups, pivot }
}

/// Tests of the common shape and of the line, on the temperatures that can be fitted alone.
fn tests(
    law: Law,
    over: TemperatureLaw,
    groups: &[(f64, Lifetimes)],
    fits: &[(f64, Fit)],
    design: Design,
) -> Result<(Option<RatioTest>, Option<RatioTest>), LifetimeError> {
    let m = fits.len();
    if m < 2 {
        return Ok((None, None));
    }
    let alone: Vec<(f64, Lifetimes)> =
        groups.iter().filter(|(t, _)| fits.iter().any(|(fitted, _)| fitted == t)).cloned().collect();
    let row = |i: usize| (0..m).map(|k| if i == k { 1.0 } else { 0.0 }).collect();
    let rows = alone.iter().enumerate().map(|(i, (_, data))| Group { row: row(i), ln_scale: 0.0, data }).collect();
    let free = Model { law, groups: rows, pivot: 0.0 };
    let ln_sigma = fits.iter().map(|(_, fit)| libm::log(fit.sigma())).sum::<f64>() / m as f64;
    let at = fits.iter().map(|(_, fit)| fit.location()).chain([ln_sigma]);
    let common = free.maximise(DVector::from_iterator(m + 1, at), None)?;
    let separate: f64 = fits.iter().map(|(_, fit)| fit.log_likelihood).sum();
    let shapes = fits.iter().map(|(_, fit)| fit.shape);
    let (least, most) = shapes.fold((f64::INFINITY, 0.0_f64), |(l, m), s| (l.min(s), m.max(s)));
    let shape = ratio_test(separate - free.log_likelihood(common.value), m - 1, most / least, design);
    if m < 3 {
        return Ok((Some(shape), None));
    }
    let points: Vec<TimePoint> = (0..m)
        .map(|i| TimePoint {
            temperature_k: alone[i].0,
            time_s: libm::exp(common.at[i]),
            relative_error: 0.0,
            same_cells: false,
        })
        .collect();
    let guess = Line::fit(over, &points, TIME_FLOOR)?;
    let centre = over.abscissa(alone[0].0);
    let model = on_line(law, over, &alone, (centre, 0.0), Spread::Common);
    let start = DVector::from_vec(vec![guess.ln_time(centre), guess.slope, common.at[m]]);
    let line = model.maximise(start, None)?;
    let away = |i: usize| common.at[i] - line.at[0] - line.at[1] * (over.abscissa(alone[i].0) - centre);
    let farthest = (0..m).map(|i| away(i).abs()).fold(0.0, f64::max);
    Ok((Some(shape), Some(ratio_test(common.value - line.value, m - 2, libm::exp(farthest), design))))
}

fn ratio_test(loss: f64, degrees: usize, largest_ratio: f64, design: Design) -> RatioTest {
    let statistic = (2.0 * loss).max(0.0);
    let p_value = (design == Design::OwnCells).then(|| chi_square_tail(statistic, degrees));
    RatioTest { statistic, degrees, p_value, largest_ratio }
}

/// The separate fits' times to a fraction that all of them observed: half of the least failed at the last checkpoint.
fn searched(
    groups: &[(f64, Lifetimes)],
    fits: &[(f64, Fit)],
    design: Design,
) -> Result<Option<Segments>, LifetimeError> {
    if fits.len() < 2 {
        return Ok(None);
    }
    let failed = groups.iter().filter(|(t, _)| fits.iter().any(|(fitted, _)| fitted == t));
    let least = failed.map(|(_, data)| data.failed_in_all() as f64 / data.total() as f64).fold(1.0, f64::min);
    let point = |(t, fit): &(f64, Fit)| {
        let point = TimePoint::of_fit(*t, fit, 0.5 * least)?;
        Ok(TimePoint { same_cells: design != Design::OwnCells, ..point })
    };
    let points = fits.iter().map(point).collect::<Result<Vec<_>, _>>()?;
    Segments::find(&points, TIME_FLOOR).map(Some)
}
