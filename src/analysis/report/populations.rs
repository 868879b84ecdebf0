//! The statistics of each temperature: curve, fits, and the times that lines rest on.

use super::gather::Counted;
use super::lines::{CYCLED, degrees};
use super::say::parts;
use super::{FitReport, Observed, Population, Question, TimeSource, TimeToFraction, why};
use crate::analysis::lifetime::{
    Bounds, CurvePoint, Fit, Law, LifetimeError, Lifetimes, TimePoint, failed_fraction_bounds,
};

/// The populations of a group, without their times.
pub(super) fn observe(counts: &[Counted], question: &Question) -> Vec<Population> {
    let population = |of: &Counted| Population {
        temperature_k: of.temperature_k,
        points: of.points,
        computed: of.places.len(),
        places: of.places.clone(),
        on_lines: false,
        observed: of.lifetimes.clone().and_then(|lifetimes| observed(lifetimes, question).map_err(why)),
        flags: of.flags.clone(),
    };
    counts.iter().map(population).collect()
}

fn observed(lifetimes: Lifetimes, question: &Question) -> Result<Observed, LifetimeError> {
    let fit = |law| fitted(law, &lifetimes, question).map_err(why);
    Ok(Observed {
        cells: lifetimes.total(),
        failed_at_zero: lifetimes.failed_at_zero(),
        failed: lifetimes.failed_in_all(),
        curve: lifetimes.curve(question.confidence)?,
        weibull: fit(Law::Weibull),
        lognormal: fit(Law::Lognormal),
        times: Vec::new(),
        lifetimes,
    })
}

fn fitted(law: Law, lifetimes: &Lifetimes, question: &Question) -> Result<FitReport, LifetimeError> {
    let fit = Fit::new(law, lifetimes)?;
    let confidence = question.confidence;
    Ok(FitReport {
        shape_estimate: fit.shape(confidence)?,
        scale_estimate: fit.scale(confidence)?,
        goodness: fit.goodness(),
        lives: question.fractions.iter().map(|&share| fit.life(share, confidence)).collect::<Result<_, _>>()?,
        fit,
    })
}

/// The law with the smaller AIC over the temperatures at which both can be fitted, and by how much; where there are none, the one
/// that can be fitted at more of them.
pub(super) fn better_law(populations: &[Population]) -> (Option<Law>, Option<f64>) {
    let observed = || populations.iter().filter_map(|population| population.observed.as_ref().ok());
    let both =
        observed().filter_map(|of| Some((of.weibull.as_ref().ok()?.fit.aic, of.lognormal.as_ref().ok()?.fit.aic)));
    let gains: Vec<f64> = both.map(|(weibull, lognormal)| lognormal - weibull).collect();
    if !gains.is_empty() {
        let gain: f64 = gains.iter().sum();
        return (Some(if gain >= 0.0 { Law::Weibull } else { Law::Lognormal }), Some(gain.abs()));
    }
    let fits = |law| observed().filter(|of| of.fit(law).is_ok()).count();
    match (fits(Law::Weibull), fits(Law::Lognormal)) {
        (0, 0) => (None, None),
        (weibull, lognormal) => (Some(if weibull >= lognormal { Law::Weibull } else { Law::Lognormal }), None),
    }
}

/// The times of a population to each fraction, under a law.
pub(super) fn times(
    observed: &Observed,
    law: Option<Law>,
    question: &Question,
    temperature_k: f64,
) -> Vec<TimeToFraction> {
    let fit = law.and_then(|law| observed.fit(law).as_ref().ok()).map(|report| &report.fit);
    let time = |&fraction: &f64| {
        let between_s = between(observed, fraction, question.confidence);
        let of_fit = fit.and_then(|fit| TimePoint::of_fit(temperature_k, fit, fraction).ok());
        let (time, source) = match of_fit.filter(|point| between_s.hold(point.time_s)) {
            Some(point) => (Some(point), TimeSource::Fit),
            None => match middle(between_s, temperature_k) {
                Some(point) => (Some(point), TimeSource::Checkpoints),
                None => (None, TimeSource::Nothing),
            },
        };
        TimeToFraction { fraction, between_s, time, source }
    };
    question.fractions.iter().map(time).collect()
}

/// The last checkpoint by which surely less than the fraction had failed, and the first by which surely more had.
fn between(observed: &Observed, fraction: f64, confidence: f64) -> Bounds {
    let at_zero = failed_fraction_bounds(observed.failed_at_zero, observed.cells, confidence);
    if at_zero.is_ok_and(|found| found.lower >= fraction) {
        return Bounds { lower: 0.0, upper: 0.0 };
    }
    let surely_less = |point: &&CurvePoint| point.failed.upper < fraction;
    let surely_more = |point: &&CurvePoint| point.failed.lower >= fraction;
    Bounds {
        lower: observed.curve.iter().rev().find(surely_less).map_or(0.0, |point| point.time_s),
        upper: observed.curve.iter().find(surely_more).map_or(f64::INFINITY, |point| point.time_s),
    }
}

/// Anywhere between two checkpoints with equal right, on a logarithmic scale: the middle, with the standard deviation of a uniform law.
fn middle(between_s: Bounds, temperature_k: f64) -> Option<TimePoint> {
    let Bounds { lower, upper } = between_s;
    (lower > 0.0 && upper.is_finite()).then(|| TimePoint {
        temperature_k,
        time_s: libm::sqrt(lower * upper),
        relative_error: libm::log(upper / lower) / libm::sqrt(12.0),
    })
}

/// Fills in the times of every population.
pub(super) fn tell_times(populations: &mut [Population], law: Option<Law>, question: &Question) {
    for population in populations {
        let temperature_k = population.temperature_k;
        if let Ok(observed) = &mut population.observed {
            observed.times = times(observed, law, question, temperature_k);
        }
    }
}

/// Decides which temperatures take part in lines, and says of the others why not, and of all what else a reader must know.
pub(super) fn place_on_lines(
    populations: &mut [Population],
    cycled: bool,
    glass_transition_k: Option<f64>,
    question: &Question,
) -> Vec<String> {
    let mut remarks = Vec::new();
    let too_hot = |k: f64| !question.across_break && glass_transition_k.is_some_and(|glass_k| k > glass_k);
    for population in populations.iter_mut() {
        population.on_lines = !cycled && !too_hot(population.temperature_k) && population.observed.is_ok();
    }
    let which = |holds: &dyn Fn(&Population) -> bool| -> Option<String> {
        let of = populations.iter().filter(|population| holds(population));
        let names: Vec<String> = of.map(|population| degrees(population.temperature_k)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut remark = |which: Option<String>, what: &str| remarks.extend(which.map(|names| format!("{names}: {what}")));
    if cycled {
        remark(which(&|_| true), &format!("{CYCLED}; no line over temperature is drawn"));
    }
    remark(which(&|of| too_hot(of.temperature_k)), "above the glass transition, and so on no line");
    remark(which(&|of| of.computed == 0), "not computed");
    remark(
        which(&|of| 0 < of.computed && of.computed < of.points),
        "not all points are computed; those that are count",
    );
    remark(which(&|of| of.computed > 0 && of.observed.is_err()), "no statistics; the table says why");
    let at_zero = |of: &Population| of.observed.as_ref().is_ok_and(|of| of.failed_at_zero > 0);
    remark(which(&at_zero), "cells had failed at 0 s already; they count as failed by the first checkpoint");
    let held = |of: &Population| of.observed.as_ref().is_ok_and(|of| of.lifetimes.held() > 0);
    remark(which(&held), "some cells came back over the threshold; a lifetime ends at the first failure");
    for &fraction in &question.fractions {
        let few = |of: &Population| of.observed.as_ref().is_ok_and(|of| fraction * (of.cells as f64) < 1.0);
        let what = format!(
            "{} is less than one of the cells there: it is the law that speaks, not the counts",
            parts(fraction)
        );
        remark(which(&few), &what);
    }
    let flags = populations.iter().flat_map(|population| &population.flags);
    let mut seen: Vec<&String> = Vec::new();
    for flag in flags {
        if !seen.contains(&flag) {
            seen.push(flag);
        }
    }
    for flag in seen {
        remark(which(&|of| of.flags.contains(flag)), flag);
    }
    remarks
}
