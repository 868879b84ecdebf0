//! The statistics of each temperature: curve, fits, and the times that lines rest on.

use super::gather::Counted;
use super::lines::{CYCLED, degrees};
use super::say::parts;
use super::{FitReport, Observed, Population, Question, TimeSource, TimeToFraction, why};
use crate::analysis::lifetime::{
    Bounds, CurvePoint, Estimate, Fit, Lack, Law, LifetimeError, Lifetimes, MOST_BRACKET, Near, TimePoint, Verdict,
    failed_fraction_bounds, hidden_by_programming, law_holds, shape_told, time_told,
};

/// The populations of a group, without their times.
pub(super) fn observe(counts: &[Counted], question: &Question) -> Vec<Population> {
    let population = |of: &Counted| {
        let fitted = of.lifetimes.clone().and_then(|lifetimes| {
            observed(lifetimes, &of.arrays, question)
                .map_err(|error| Lack::new(Verdict::NoCounts, why(error), "correct it"))
        });
        let lack = match &fitted {
            Ok((_, lack)) => lack.clone(),
            Err(lack) => Some(lack.clone()),
        };
        Population {
            temperature_k: of.temperature_k,
            points: of.points,
            computed: of.places.len(),
            places: of.places.clone(),
            on_lines: false,
            verdict: lack.as_ref().map_or(Verdict::BearsALaw, |lack| lack.verdict),
            lack,
            observed: fitted.map(|(observed, _)| observed).map_err(|lack| lack.to_string()),
            flags: of.flags.clone(),
        }
    };
    counts.iter().map(population).collect()
}

/// What was counted, and why neither law is borne where none is.
fn observed(
    lifetimes: Lifetimes,
    arrays: &[Lifetimes],
    question: &Question,
) -> Result<(Observed, Option<Lack>), LifetimeError> {
    let fits = [Law::Weibull, Law::Lognormal].map(|law| fitted(law, &lifetimes, question));
    let lack = match &fits {
        [Err(of_data), Err(_)] => Some(lifetimes.lack().unwrap_or_else(|| of_data.clone())),
        _ => None,
    };
    let [weibull, lognormal] = fits;
    let said = |law: Law, lack: Lack| format!("{} cannot be fitted: {lack}", law.name());
    let observed = Observed {
        cells: lifetimes.total(),
        failed_at_zero: lifetimes.failed_at_zero(),
        failed: lifetimes.failed_in_all(),
        curve: lifetimes.curve(question.confidence)?,
        weibull: weibull.map_err(|lack| said(Law::Weibull, lack)),
        lognormal: lognormal.map_err(|lack| said(Law::Lognormal, lack)),
        times: Vec::new(),
        arrays: arrays.to_vec(),
        lifetimes,
    };
    Ok((observed, lack))
}

/// A law, where the data bear it.
fn fitted(law: Law, lifetimes: &Lifetimes, question: &Question) -> Result<FitReport, Lack> {
    if let Some(lack) = lifetimes.lack() {
        return Err(lack);
    }
    let failed = |error: LifetimeError| {
        Lack::new(Verdict::NotTold, error, "bake more cells, longer or hotter, with more checkpoints where they fail")
    };
    let confidence = question.confidence;
    // Cells that had failed at 0 s are no lifetimes.
    let living = lifetimes.living().filter(|_| lifetimes.failed_at_zero() > 0);
    let fit = Fit::new(law, living.as_ref().unwrap_or(lifetimes)).map_err(failed)?;
    let (shape_estimate, goodness) = (fit.shape(confidence).map_err(failed)?, fit.goodness());
    shape_told(law, &shape_estimate)?;
    law_holds(&goodness)?;
    let as_text = |time: Result<Estimate, LifetimeError>| {
        let time = time.map_err(why)?;
        time_told(&time, lifetimes).map(|()| time)
    };
    let (near, lives) = question
        .fractions
        .iter()
        .map(|&share| {
            let near =
                Near::new(law, lifetimes, share, confidence).unwrap_or_else(|| Near::whole(&fit, lifetimes, share));
            let life = match hidden_by_programming(lifetimes, share, confidence) {
                Some(reason) => Err(reason),
                None => as_text(near.life(confidence)),
            };
            (near, life)
        })
        .unzip();
    let share = law.scale_fraction();
    let of = living.as_ref().unwrap_or(lifetimes);
    let scale = Near::new(law, of, share, confidence).unwrap_or_else(|| Near::whole(&fit, of, share));
    Ok(FitReport { shape_estimate, scale_estimate: as_text(scale.life(confidence)), goodness, lives, near, fit })
}

/// The law with the smaller AIC over the temperatures at which both can be fitted, and by how much; where there are
/// none, the one that can be fitted at more of them. The same cells say the same again at every temperature: of them
/// it is the mean of the temperatures, in the place of the sum.
pub(super) fn better_law(populations: &[Population], same_cells: bool) -> (Option<Law>, Option<f64>) {
    let observed = || populations.iter().filter_map(|population| population.observed.as_ref().ok());
    let both =
        observed().filter_map(|of| Some((of.weibull.as_ref().ok()?.fit.aic, of.lognormal.as_ref().ok()?.fit.aic)));
    let gains: Vec<f64> = both.map(|(weibull, lognormal)| lognormal - weibull).collect();
    if !gains.is_empty() {
        let gain = gains.iter().sum::<f64>() / if same_cells { gains.len() as f64 } else { 1.0 };
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
    same_cells: bool,
) -> Vec<TimeToFraction> {
    let report = law.and_then(|law| observed.fit(law).as_ref().ok());
    let time = |(index, &fraction): (usize, &f64)| {
        let between_s = between(observed, fraction, question.confidence);
        let telling = report.filter(|report| report.lives[index].is_ok());
        let of_fit = telling.and_then(|report| report.near[index].time_point(temperature_k).ok());
        let closed = between_s.lower > 0.0 && between_s.upper.is_finite();
        let (time, source) = match of_fit.filter(|point| between_s.hold(point.time_s)) {
            _ if between_s.upper == 0.0 => (None, TimeSource::Programming),
            Some(point) => (Some(point), TimeSource::Fit),
            None if closed => (middle(between_s, temperature_k), TimeSource::Checkpoints),
            None => (None, TimeSource::Nothing),
        };
        let time = time.map(|time| TimePoint { same_cells, ..time });
        TimeToFraction { fraction, between_s, time, source }
    };
    question.fractions.iter().enumerate().map(time).collect()
}

/// The last checkpoint by which surely less than the fraction had failed, and the first by which surely more had.
fn between(observed: &Observed, fraction: f64, confidence: f64) -> Bounds {
    let at_zero = failed_fraction_bounds(observed.failed_at_zero, observed.cells, confidence);
    if at_zero.is_ok_and(|fraction_at_zero| fraction_at_zero.lower >= fraction) {
        return Bounds { lower: 0.0, upper: 0.0 };
    }
    let surely_less = |point: &&CurvePoint| point.failed.upper < fraction;
    let surely_more = |point: &&CurvePoint| point.failed.lower >= fraction;
    Bounds {
        lower: observed.curve.iter().rev().find(surely_less).map_or(0.0, |point| point.time_s),
        upper: observed.curve.iter().find(surely_more).map_or(f64::INFINITY, |point| point.time_s),
    }
}

/// Anywhere between two checkpoints with equal right, on a logarithmic scale: the middle, with the standard deviation
/// of a uniform law; none where they are too far apart for a middle to say anything.
fn middle(between_s: Bounds, temperature_k: f64) -> Option<TimePoint> {
    let Bounds { lower, upper } = between_s;
    (upper <= MOST_BRACKET * lower).then(|| TimePoint {
        temperature_k,
        time_s: libm::sqrt(lower * upper),
        relative_error: libm::log(upper / lower) / libm::sqrt(12.0),
        same_cells: false,
    })
}

/// Fills in the times of every population.
pub(super) fn tell_times(populations: &mut [Population], law: Option<Law>, same_cells: bool, question: &Question) {
    for population in populations {
        let temperature_k = population.temperature_k;
        if let Ok(observed) = &mut population.observed {
            observed.times = times(observed, law, question, temperature_k, same_cells);
        }
    }
}

/// Decides which temperatures take part in lines, and says of the others why not, and of all what else a reader must
/// know.
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
    remark(
        which(&at_zero),
        "cells had failed at 0 s already, at programming; failed fractions count them, laws and lives do not",
    );
    let held = |of: &Population| of.observed.as_ref().is_ok_and(|of| of.lifetimes.held() > 0);
    remark(which(&held), "some cells came back over the threshold; a lifetime ends at the first failure");
    for &fraction in &question.fractions {
        let by_law =
            |of: &Observed| of.times.iter().any(|time| time.fraction == fraction && time.source == TimeSource::Fit);
        let few =
            |of: &Population| of.observed.as_ref().is_ok_and(|of| fraction * (of.cells as f64) < 1.0 && by_law(of));
        let what = format!(
            "{} is less than one of the cells there: it is the law that speaks, not the counts",
            parts(fraction)
        );
        remark(which(&few), &what);
    }
    let flags = populations.iter().flat_map(|population| &population.flags);
    let mut distinct: Vec<&String> = Vec::new();
    for flag in flags {
        if !distinct.contains(&flag) {
            distinct.push(flag);
        }
    }
    for flag in distinct {
        remark(which(&|of| of.flags.contains(flag)), flag);
    }
    remarks
}
