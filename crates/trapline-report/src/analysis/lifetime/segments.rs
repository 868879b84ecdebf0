//! Where one Arrhenius line is not enough: a break between two of the tested temperatures.
//!
//! Two processes in parallel make a curve whose steeper branch lies on the hot side; extrapolated from there it
//! promises lives that the other process does not let happen. With few temperatures the simplest honest description
//! is one line, or two that change over in one of the gaps. The two are compared by the fall of chi2: at errors that
//! are taken as known (their floor included) it is chi-square with 2 degrees of freedom if there is no break; where
//! even the two lines scatter more than the errors say, it is F with the scatter as its unit. The p value is
//! multiplied by the number of gaps searched (Bonferroni), and the Bayesian criterion chi2 + k ln n must agree (k =
//! 2; 5 with the place of the break).

use serde::Serialize;

use super::error::{self, LifetimeError};
use super::line::{Life, Line, TemperatureLaw, TimePoint, sorted};
use super::special::{chi_square_tail, f_tail};

/// A break is reported below this corrected p value.
pub const BREAK_P_VALUE: f64 = 0.01;

/// Activation energy between neighbouring temperatures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LocalEnergy {
    pub cooler_k: f64,
    pub hotter_k: f64,
    pub energy_ev: f64,
    /// From the errors of both times, floor included.
    pub standard_error_ev: f64,
}

/// Two lines that change over between two tested temperatures.
#[derive(Debug, Clone, Serialize)]
pub struct Break {
    pub cooler_k: f64,
    pub hotter_k: f64,
    /// Arrhenius line of the temperatures up to `cooler_k`; its slope is their activation energy, eV.
    pub below: Line,
    pub above: Line,
    /// Where the lines cross, K; none where they do so at no temperature. The change may lie anywhere between it and
    /// the gap.
    pub crossing_k: Option<f64>,
}

impl Break {
    fn between(below: Line, above: Line) -> Break {
        let (cooler_k, hotter_k) = (below.range().1, above.range().0);
        Break { cooler_k, hotter_k, crossing_k: crossing_k(&below, &above), below, above }
    }
}

/// One Arrhenius line, or two.
#[derive(Debug, Clone, Serialize)]
pub struct Segments {
    /// Of all temperatures.
    pub whole: Line,
    /// The best division, where it is better than one line beyond doubt.
    pub broken: Option<Break>,
    /// Chance of so large a gain without a break, times the gaps searched; none for fewer than four temperatures, in
    /// which no break can be seen.
    pub p_value: Option<f64>,
    /// chi2 + 2 ln n of one line; chi2 + 5 ln n of the best two; in units of the scatter where that is above the
    /// errors.
    pub criterion_whole: Option<f64>,
    pub criterion_broken: Option<f64>,
    pub local: Vec<LocalEnergy>,
    pub floor: f64,
    #[serde(skip)]
    points: Vec<TimePoint>,
}

/// What is asked of a temperature that was not tested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Use {
    pub temperature_k: f64,
    /// None: no bounds; then two temperatures are enough for a line.
    pub confidence: Option<f64>,
    /// A temperature at which the process is known to change, as the glass transition of a polymer, K. Data on one
    /// side say nothing of the other, and no statistic of theirs can show it.
    pub known_break_k: Option<f64>,
    /// Let a line of all temperatures go across any break. Its bounds then mean nothing.
    pub across_break: bool,
}

impl Use {
    /// At a temperature, with bounds, across no break.
    pub fn at(temperature_k: f64, confidence: f64) -> Use {
        Use { temperature_k, confidence: Some(confidence), known_break_k: None, across_break: false }
    }

    pub(super) fn check(&self) -> Result<(), LifetimeError> {
        error::positive("the use temperature", self.temperature_k, "kelvin")?;
        self.known_break_k.map_or(Ok(0.0), |t| error::positive("the known break", t, "kelvin"))?;
        self.confidence.map_or(Ok(0.0), error::confidence)?;
        Ok(())
    }
}

impl Segments {
    /// Looks for a break; `floor` as in [`Line::fit`], for example [`super::TIME_FLOOR`].
    ///
    /// # Errors
    /// [`LifetimeError::Input`].
    pub fn find(points: &[TimePoint], floor: f64) -> Result<Segments, LifetimeError> {
        let points = sorted(points)?;
        let line = |points: &[TimePoint]| Line::fit(TemperatureLaw::Arrhenius, points, floor);
        let whole = line(&points)?;
        let local = points.windows(2).map(|pair| local_energy(pair, floor)).collect::<Result<_, _>>()?;
        let mut segments = Segments {
            whole,
            broken: None,
            p_value: None,
            criterion_whole: None,
            criterion_broken: None,
            local,
            floor,
            points,
        };
        let n = segments.points.len();
        let mut best: Option<(Line, Line)> = None;
        for cut in 2..n.saturating_sub(1) {
            let (below, above) = (line(&segments.points[..cut])?, line(&segments.points[cut..])?);
            if best.as_ref().is_none_or(|(b, a)| below.chi2 + above.chi2 < b.chi2 + a.chi2) {
                best = Some((below, above));
            }
        }
        if let Some((below, above)) = best {
            segments.decide(below, above, n);
        }
        Ok(segments)
    }

    fn decide(&mut self, below: Line, above: Line, n: usize) {
        let (one, two) = (self.whole.chi2, below.chi2 + above.chi2);
        let degrees = n - 4;
        let scatter = if degrees > 0 { (two / degrees as f64).max(1.0) } else { 1.0 };
        let gain = ((one - two) / scatter).max(0.0);
        let chance = if scatter > 1.0 { f_tail(0.5 * gain, 2, degrees) } else { chi_square_tail(gain, 2) };
        let p_value = (chance * (n - 3) as f64).min(1.0);
        let ln_n = libm::log(n as f64);
        let (whole, broken) = (one / scatter + 2.0 * ln_n, two / scatter + 5.0 * ln_n);
        self.p_value = Some(p_value);
        (self.criterion_whole, self.criterion_broken) = (Some(whole), Some(broken));
        if p_value < BREAK_P_VALUE && broken < whole {
            self.broken = Some(Break::between(below, above));
        }
    }

    /// With a break above one of the temperatures, where it is known from elsewhere that one line cannot hold on both
    /// sides.
    ///
    /// # Errors
    /// [`LifetimeError::Input`] for fewer than two temperatures on a side.
    pub fn broken_above(mut self, cooler_k: f64) -> Result<Segments, LifetimeError> {
        let cold = self.points.iter().filter(|point| point.temperature_k <= cooler_k).count();
        let line = |points: &[TimePoint]| Line::fit(TemperatureLaw::Arrhenius, points, self.floor);
        let (below, above) = (line(&self.points[..cold])?, line(&self.points[cold..])?);
        self.broken = Some(Break::between(below, above));
        Ok(self)
    }

    /// The line that holds at a use temperature: of the side of the break that it lies on.
    fn line_for(&self, to: &Use) -> Result<&Line, LifetimeError> {
        let temperature = to.temperature_k;
        let line = match &self.broken {
            None => &self.whole,
            Some(line_break) if temperature <= line_break.cooler_k => &line_break.below,
            Some(line_break) if temperature >= line_break.hotter_k => &line_break.above,
            Some(line_break) => {
                let limit = format!(
                    "the activation energy changes between {} K and {} K",
                    line_break.cooler_k, line_break.hotter_k
                );
                return Err(refused(temperature, limit, "test at this temperature, or allow across_break"));
            }
        };
        let needed = if to.confidence.is_some() { 3 } else { 2 };
        let have = line.temperatures_k.len();
        if have < needed {
            let (low, high) = line.range();
            let side = if self.broken.is_some() { "its side of the break holds" } else { "there are" };
            let limit = format!("{side} {have} temperatures ({low} to {high} K), bounds need {needed}");
            return Err(refused(temperature, limit, "test more temperatures there, or ask without bounds"));
        }
        Ok(line)
    }

    /// The time at a use temperature, from the temperatures on its side of any break.
    ///
    /// # Errors
    /// [`LifetimeError::Refused`] where a found or a known break lies between the use temperature and the data, or
    /// too few temperatures lie on its side; [`LifetimeError::Input`].
    pub fn life_at(&self, to: &Use) -> Result<Life, LifetimeError> {
        self.used_for(to)?.life(to.temperature_k, to.confidence)
    }

    /// The line that [`Segments::life_at`] reads.
    pub(super) fn used_for(&self, to: &Use) -> Result<&Line, LifetimeError> {
        to.check()?;
        if to.across_break {
            return Ok(&self.whole);
        }
        let line = self.line_for(to)?;
        refuse_known(to, line.range())?;
        Ok(line)
    }

    /// The points of a line of these segments.
    pub(super) fn points_of(&self, line: &Line) -> Vec<TimePoint> {
        let (low, high) = line.range();
        self.points.iter().filter(|p| (low..=high).contains(&p.temperature_k)).copied().collect()
    }
}

/// Refuses where the use temperature and any data lie on different sides of a known break.
pub(super) fn refuse_known(to: &Use, (low, high): (f64, f64)) -> Result<(), LifetimeError> {
    match to.known_break_k {
        Some(known) if !to.across_break && low.min(to.temperature_k) < known && known < high.max(to.temperature_k) => {
            let limit =
                format!("the process is known to change at {known} K, and the data used reach from {low} to {high} K");
            Err(refused(to.temperature_k, limit, "use data of its side only, or allow across_break"))
        }
        _ => Ok(()),
    }
}

pub(super) fn refused(temperature_k: f64, limit: String, fix: &'static str) -> LifetimeError {
    LifetimeError::Refused { what: "extrapolation to the life", value: format!("{temperature_k} K"), limit, fix }
}

fn local_energy(pair: &[TimePoint], floor: f64) -> Result<LocalEnergy, LifetimeError> {
    let line = Line::fit(TemperatureLaw::Arrhenius, pair, floor)?;
    Ok(LocalEnergy {
        cooler_k: pair[0].temperature_k,
        hotter_k: pair[1].temperature_k,
        energy_ev: line.slope,
        standard_error_ev: line.slope_error,
    })
}

fn crossing_k(below: &Line, above: &Line) -> Option<f64> {
    let x = (below.ln_time(0.0) - above.ln_time(0.0)) / (above.slope - below.slope);
    // The abscissa is 1/kT.
    let temperature = 1.0 / (x * trapline_model::units::BOLTZMANN_EV_PER_K);
    (temperature > 0.0 && temperature.is_finite()).then_some(temperature)
}
