//! The time over temperature: weighted least squares of ln t on 1/kT, or on T.

use serde::Serialize;

use super::bounds::Bounds;
use super::error::{self, LifetimeError, input};
use super::fit::Fit;
use super::special::two_sided_t;
use trapline_model::units::thermal_energy_ev;

/// How ln t depends on temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemperatureLaw {
    /// ln t = ln A + Ea / kT: one activated process (Nelson, Accelerated Testing, 1990, chapter 2).
    Arrhenius,
    /// ln t = a - b T: no theory here, but a rival that the same few temperatures often cannot tell from the first,
    /// and which promises less at low temperature.
    LinearInT,
}

impl TemperatureLaw {
    /// The abscissa: 1/eV, or K.
    pub(super) fn abscissa(self, temperature_k: f64) -> f64 {
        match self {
            TemperatureLaw::Arrhenius => 1.0 / thermal_energy_ev(temperature_k),
            TemperatureLaw::LinearInT => temperature_k,
        }
    }
}

/// Relative error that no time is believed to be below, 5 %: it is what an oven that is off by half a kelvin does at
/// 420 K to a time with 1.5 eV (Ea dT / kT^2). Counts of 1e9 simulated cells have errors a thousand times smaller,
/// against which every straight line is rejected.
pub const TIME_FLOOR: f64 = 0.05;

/// A time at a temperature, with the standard error of its logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimePoint {
    pub temperature_k: f64,
    pub time_s: f64,
    /// Standard error of ln t, which is the relative error of t.
    pub relative_error: f64,
    /// Whether the cells are those of other temperatures too. The errors of such points are related: over a line they
    /// are taken to add up as they are, not as squares.
    pub same_cells: bool,
}

impl TimePoint {
    /// The time to a failed fraction as a fit has it, of cells of their own.
    ///
    /// # Errors
    /// [`LifetimeError::Input`].
    pub fn of_fit(temperature_k: f64, fit: &Fit, fraction: f64) -> Result<TimePoint, LifetimeError> {
        let (ln_time, relative_error) = fit.ln_life(error::fraction(fraction)?);
        Ok(TimePoint { temperature_k, time_s: libm::exp(ln_time), relative_error, same_cells: false })
    }

    fn check(&self) -> Result<(), LifetimeError> {
        error::positive("the temperature", self.temperature_k, "kelvin")?;
        error::positive("the time", self.time_s, "seconds")?;
        let good = self.relative_error >= 0.0 && self.relative_error.is_finite();
        let wrong =
            || input("the relative error of a time", self.relative_error, "finite and not negative", "correct it");
        good.then_some(()).ok_or_else(wrong)
    }
}

/// A straight line of ln t.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub law: TemperatureLaw,
    /// The temperatures it rests on, rising.
    pub temperatures_k: Vec<f64>,
    /// Arrhenius: the activation energy, eV. Linear in T: -b, 1/K.
    pub slope: f64,
    pub slope_error: f64,
    /// Sum of the squared weighted residuals.
    pub chi2: f64,
    /// Temperatures less two.
    pub degrees: usize,
    /// Factor of the variances: chi2 over its degrees where that is above 1, else 1. So scatter beyond the stated
    /// errors widens the bounds, and scatter below does not narrow them.
    pub widening: f64,
    /// Akaike's criterion at known errors, up to a constant: chi2 + 4.
    pub aic: f64,
    /// Weighted means; the line passes through them, and its value there and its slope are independent as far as the
    /// points are.
    centre: f64,
    ln_time_at_centre: f64,
    centre_variance: f64,
    #[serde(skip)]
    slope_variance: f64,
    /// Points whose cells are those of others too.
    #[serde(skip)]
    related: Vec<Related>,
}

/// How a point whose error is related to those of others moves a line.
#[derive(Debug, Clone, Copy)]
struct Related {
    /// Standard error of its ln t, without the floor, which is its oven's.
    error: f64,
    /// What the line's value at the centre takes from ln t, and its slope.
    to_centre: f64,
    to_slope: f64,
}

/// By how much the variance of `centre` times a line's value at its centre and `slope` times its slope is larger than
/// that of independent points, where the errors of the related ones add up (Cauchy and Schwarz).
fn added(related: &[Related], centre: f64, slope: f64) -> f64 {
    let parts = || related.iter().map(|of| ((centre * of.to_centre + slope * of.to_slope) * of.error).abs());
    let sum: f64 = parts().sum();
    (sum * sum - parts().map(|part| part * part).sum::<f64>()).max(0.0)
}

/// A time read off a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Life {
    pub temperature_k: f64,
    pub life_s: f64,
    /// None where bounds were not asked for.
    pub bounds: Option<Bounds>,
    /// How far outside the temperatures of the line it lies, K.
    pub extrapolated_k: f64,
}

impl Line {
    /// Weighted least squares with the variance `relative_error`^2 + `floor`^2 for each ln t. The floor is each
    /// temperature's own; the relative errors of points with the same cells add up.
    ///
    /// # Errors
    /// [`LifetimeError::Input`], also for fewer than two different temperatures.
    pub fn fit(law: TemperatureLaw, points: &[TimePoint], floor: f64) -> Result<Line, LifetimeError> {
        let points = sorted(points)?;
        if !(floor >= 0.0 && floor.is_finite()) {
            return Err(input("the floor of the relative error", floor, "finite and not negative", "use 0.05"));
        }
        let weights: Vec<f64> =
            points.iter().map(|p| 1.0 / (p.relative_error * p.relative_error + floor * floor)).collect();
        if !weights.iter().all(|w| w.is_finite()) {
            let (what, fix) = ("the relative error of a time", "give errors above 0 or a floor above 0");
            return Err(input(what, 0, "above 0 where there is no floor", fix));
        }
        let sum = |f: &dyn Fn(usize) -> f64| (0..points.len()).map(|i| weights[i] * f(i)).sum::<f64>();
        let x = |i: usize| law.abscissa(points[i].temperature_k);
        let y = |i: usize| libm::log(points[i].time_s);
        let weight = sum(&|_| 1.0);
        let (centre, mean) = (sum(&x) / weight, sum(&y) / weight);
        let xx = sum(&|i| (x(i) - centre) * (x(i) - centre));
        let slope = sum(&|i| (x(i) - centre) * (y(i) - mean)) / xx;
        let left = |i: usize| y(i) - mean - slope * (x(i) - centre);
        let chi2 = sum(&|i| left(i) * left(i));
        let degrees = points.len() - 2;
        let widening = if degrees > 0 { (chi2 / degrees as f64).max(1.0) } else { 1.0 };
        let related = |i: usize| Related {
            error: points[i].relative_error,
            to_centre: weights[i] / weight,
            to_slope: weights[i] * (x(i) - centre) / xx,
        };
        let related: Vec<Related> = (0..points.len()).filter(|&i| points[i].same_cells).map(related).collect();
        Ok(Line {
            law,
            temperatures_k: points.iter().map(|p| p.temperature_k).collect(),
            slope,
            slope_error: (widening / xx + widening * added(&related, 0.0, 1.0)).sqrt(),
            chi2,
            degrees,
            widening,
            aic: chi2 + 4.0,
            centre,
            ln_time_at_centre: mean,
            centre_variance: widening / weight,
            slope_variance: widening / xx,
            related,
        })
    }

    pub(super) fn ln_time(&self, x: f64) -> f64 {
        self.ln_time_at_centre + self.slope * (x - self.centre)
    }

    fn student(&self, what: &'static str, confidence: f64) -> Result<f64, LifetimeError> {
        let confidence = error::confidence(confidence)?;
        two_sided_t(confidence, self.degrees).filter(|_| self.degrees > 0).ok_or_else(|| LifetimeError::Refused {
            what,
            value: format!("{} temperatures", self.temperatures_k.len()),
            limit: "bounds need 3".to_owned(),
            fix: "add a temperature, or ask without bounds",
        })
    }

    /// Bounds of the slope (Arrhenius: of the activation energy, eV), with Student's t at `degrees`.
    ///
    /// # Errors
    /// [`LifetimeError::Refused`] for two temperatures, [`LifetimeError::Input`].
    pub fn slope_bounds(&self, confidence: f64) -> Result<Bounds, LifetimeError> {
        Ok(Bounds::about(self.slope, self.student("bounds of the slope", confidence)? * self.slope_error))
    }

    /// The time at a temperature, on this line wherever that is; [`super::Segments::life_at`] looks whether the line
    /// goes there.
    ///
    /// # Errors
    /// As [`Line::slope_bounds`].
    pub fn life(&self, temperature_k: f64, confidence: Option<f64>) -> Result<Life, LifetimeError> {
        let x = self.law.abscissa(error::positive("the use temperature", temperature_k, "kelvin")?);
        let away = x - self.centre;
        let independent = self.centre_variance + away * away * self.slope_variance;
        let ln_error = (independent + self.widening * added(&self.related, 1.0, away)).sqrt();
        let bounds = |confidence: f64| {
            let t = self.student("bounds of the life", confidence)?;
            Ok(Bounds::about(self.ln_time(x), t * ln_error).map(libm::exp))
        };
        let (low, high) = self.range();
        Ok(Life {
            temperature_k,
            life_s: libm::exp(self.ln_time(x)),
            bounds: confidence.map(bounds).transpose()?,
            extrapolated_k: (low - temperature_k).max(temperature_k - high).max(0.0),
        })
    }

    /// Coldest and hottest temperature.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.temperatures_k[0], self.temperatures_k[self.temperatures_k.len() - 1])
    }

    /// Acceleration factor: time at `use_k` over time at `test_k`, and its bounds.
    ///
    /// # Errors
    /// As [`Line::slope_bounds`].
    pub fn acceleration(&self, use_k: f64, test_k: f64, confidence: f64) -> Result<(f64, Bounds), LifetimeError> {
        let from = self.law.abscissa(error::positive("the use temperature", use_k, "kelvin")?);
        let to = self.law.abscissa(error::positive("the test temperature", test_k, "kelvin")?);
        let bounds = self.slope_bounds(confidence)?.map(|slope| libm::exp(slope * (from - to)));
        Ok((libm::exp(self.slope * (from - to)), bounds))
    }
}

/// Points by rising temperature, each temperature once.
pub(super) fn sorted(points: &[TimePoint]) -> Result<Vec<TimePoint>, LifetimeError> {
    points.iter().try_for_each(TimePoint::check)?;
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.temperature_k.total_cmp(&b.temperature_k));
    if let Some(pair) = points.windows(2).find(|pair| pair[0].temperature_k == pair[1].temperature_k) {
        let fix = "give one time for each temperature";
        return Err(input("a temperature", format!("{} K twice", pair[0].temperature_k), "given once", fix));
    }
    if points.len() < 2 {
        return Err(input("the number of temperatures", points.len(), "at least 2", "add a temperature"));
    }
    Ok(points)
}
