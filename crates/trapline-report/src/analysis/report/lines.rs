//! Times over temperature: the Arrhenius line, where it breaks and what that is, and which line may answer for a use
//! temperature.

use super::say::{parts, span};
use super::{Energy, LineOfTimes, Observed, Population, Question, TimeSource, why};
use crate::analysis::lifetime::{Bounds, Break, Life, Line, LocalEnergy, Segments, TIME_FLOOR, TimePoint, slope_told};
use trapline_model::units::{celsius_texts, thermal_energy_ev};

/// A line may be followed beyond its coldest or hottest temperature by so many times its own length, in 1/kT.
/// Qualification bakes flash memory at 150 to 250 °C for a use at 55 °C, which is 1.5 of them.
pub const MOST_LENGTHS: f64 = 2.0;
/// No charge is held this deep, eV: a steeper line is a polymer that relaxes or another cooperative change, and ends
/// with it. Alpha relaxation has 5 to 15 eV near the glass transition.
pub const MOST_ENERGY_EV: f64 = 3.0;
/// How far below the glass transition its relaxation may end a bake within a day, K.
const NEAR_GLASS_K: f64 = 40.0;

/// Why there are no lines for a bake with a cycle.
pub(super) const CYCLED: &str =
    "the temperature changes during the bake (bake.cycle): its lives belong to no one temperature";

/// The line of one fraction's times.
pub(super) fn line(
    populations: &[Population],
    index: usize,
    cycled: bool,
    glass_transition_k: Option<f64>,
    question: &Question,
) -> LineOfTimes {
    let on_lines = populations.iter().filter(|population| population.on_lines);
    let times = on_lines.filter_map(|population| population.observed.as_ref().ok()?.times[index].time);
    let points: Vec<TimePoint> = times.collect();
    let (segments, left_out_k) = match points.len() {
        _ if cycled => (Err(CYCLED.to_owned()), None),
        0 | 1 => (Err(untold(populations, index, &points)), None),
        _ => physical(&points),
    };
    // A single line without a significant slope is refused; of two lines, each is judged by itself.
    let segments = segments.and_then(|fitted| match fitted.broken {
        None => slope_told(&fitted.whole, question.confidence).map(|()| fitted),
        Some(_) => Ok(fitted),
    });
    let side = |of: fn(&Break) -> &Line| match &segments {
        Ok(Segments { broken: Some(broken), .. }) => {
            let line = of(broken);
            slope_told(line, question.confidence).map(|()| energy(line, question.confidence))
        }
        Ok(_) => Err("the line does not break".to_owned()),
        Err(reason) => Err(reason.clone()),
    };
    let broken = segments.as_ref().ok().and_then(|segments| segments.broken.as_ref());
    LineOfTimes {
        fraction: question.fractions[index],
        energy_ev: segments.as_ref().map(|fitted| energy(&fitted.whole, question.confidence)).map_err(Clone::clone),
        energy_below_ev: side(|broken| &broken.below),
        energy_above_ev: side(|broken| &broken.above),
        break_meaning: broken.map(|broken| meaning(broken, glass_transition_k)),
        segments,
        left_out_k,
        points,
    }
}

/// The segments, with a break where no trap can explain the times: at the first two neighbours that are surely
/// steeper than [`MOST_ENERGY_EV`], by two standard errors. Few temperatures above it leave the statistics in doubt,
/// or put the break elsewhere. One alone makes no line, and beside another break there is no room for this one: then
/// the steep temperatures are left out.
fn physical(points: &[TimePoint]) -> (Result<Segments, String>, Option<f64>) {
    let segments = match fit_lines(points) {
        Ok(segments) => segments,
        Err(reason) => return (Err(reason), None),
    };
    let surely = |local: &&LocalEnergy| local.energy_ev - 2.0 * local.standard_error_ev > MOST_ENERGY_EV;
    let Some(&LocalEnergy { cooler_k, hotter_k, .. }) = segments.local.iter().find(surely) else {
        return (Ok(segments), None);
    };
    let cold: Vec<TimePoint> = points.iter().filter(|point| point.temperature_k <= cooler_k).copied().collect();
    if cold.len() < 2 {
        // The hot side alone; it is too steep to be followed anywhere.
        return (Ok(segments), None);
    }
    match fit_lines(&cold) {
        Ok(of_cold) if of_cold.broken.is_none() && points.len() - cold.len() >= 2 => {
            (segments.broken_above(cooler_k).map_err(why), None)
        }
        of_cold => (of_cold, Some(hotter_k)),
    }
}

/// The remark on temperatures that were left out of a line.
pub(super) fn left_out(line: &LineOfTimes) -> Option<String> {
    line.left_out_k.map(|kelvin| {
        format!(
            "from {} up: left out of the line to {}, for it is steeper there than {MOST_ENERGY_EV} eV, more than any trap holds; bake \
             at more temperatures about it to see the break",
            degrees(kelvin),
            parts(line.fraction)
        )
    })
}

/// Segments of times at two temperatures at least; in words why there are none.
pub(super) fn fit_lines(points: &[TimePoint]) -> Result<Segments, String> {
    Segments::find(points, TIME_FLOOR).map_err(why)
}

/// Why no two temperatures tell the time to a fraction: of each what it was instead, and what helps; what is the same
/// is said once.
fn untold(populations: &[Population], index: usize, points: &[TimePoint]) -> String {
    let mut reasons: Vec<(String, String, Vec<String>)> = Vec::new();
    for of in populations.iter().filter(|of| of.on_lines || of.observed.is_err()) {
        if points.iter().any(|point| point.temperature_k == of.temperature_k) {
            continue;
        }
        let (what, cure) = match (&of.lack, &of.observed) {
            (Some(lack), _) => (lack.verdict.words().to_owned(), lack.cure.clone()),
            (None, Ok(observed)) => ("its law does not tell the time".to_owned(), no_time(observed, index)),
            (None, Err(reason)) => (reason.clone(), String::new()),
        };
        match reasons.iter_mut().find(|(known, same, _)| *known == what && *same == cure) {
            Some((.., names)) => names.push(degrees(of.temperature_k)),
            None => reasons.push((what, cure, vec![degrees(of.temperature_k)])),
        }
    }
    let reasons: Vec<String> = reasons
        .into_iter()
        .map(|(what, cure, names)| {
            format!("; {what} at {}{}{cure}", names.join(", "), if cure.is_empty() { "" } else { ": " })
        })
        .collect();
    let lead = match points {
        [one] => format!("only {} tells the time", degrees(one.temperature_k)),
        _ => "no temperature tells the time".to_owned(),
    };
    let more = if populations.len() < 2 { ": bake at more temperatures" } else { "" };
    format!("{lead}; a line needs two temperatures, and bounds three{more}{}", reasons.concat())
}

/// Why a temperature with a law has no time to a fraction.
fn no_time(observed: &Observed, index: usize) -> String {
    if observed.times.get(index).is_some_and(|time| time.source == TimeSource::Programming) {
        return "so many cells had failed at programming, before the bake".to_owned();
    }
    let fits = [&observed.weibull, &observed.lognormal].into_iter().flatten();
    let refused = fits.filter_map(|fit| fit.lives.get(index)?.as_ref().err()).next();
    refused.cloned().unwrap_or_else(|| "the checkpoints contradict it".to_owned())
}

pub(super) fn energy(line: &Line, confidence: f64) -> Energy {
    let bounds = line.slope_bounds(confidence).ok();
    Energy { value: line.slope, bounds, temperatures: line.temperatures_k.len() }
}

/// Temperatures at which a bake outlived what the line says of it: the line, or the law behind its times, is wrong
/// there.
pub(super) fn contradicted(
    line: &LineOfTimes,
    index: usize,
    populations: &[Population],
    glass_transition_k: Option<f64>,
    confidence: f64,
) -> Vec<String> {
    let told = |population: &Population| {
        let at = population.observed.as_ref().ok()?.times[index];
        let (of, objection) = line_for(line, population.temperature_k, glass_transition_k).ok()?;
        let life = life(of, population.temperature_k, confidence).ok().filter(|_| objection.is_none())?;
        let latest_s = life.bounds.map_or(life.life_s, |bounds| bounds.upper);
        (at.time.is_none() && latest_s < at.between_s.lower).then(|| {
            format!(
                "{}: {} had not failed by {}, but the line says they would have by {}",
                degrees(population.temperature_k),
                parts(line.fraction),
                span(at.between_s.lower),
                span(latest_s)
            )
        })
    };
    populations.iter().filter(|population| population.on_lines).filter_map(told).collect()
}

/// What a break is, in one sentence.
fn meaning(broken: &Break, glass_transition_k: Option<f64>) -> String {
    let gap = format!("between {} and {}", degrees(broken.cooler_k), degrees(broken.hotter_k));
    let steeper_above = broken.above.slope > broken.below.slope;
    match glass_transition_k {
        Some(glass_k) if steeper_above && (broken.cooler_k..=broken.cooler_k + NEAR_GLASS_K).contains(&glass_k) => {
            format!(
                "{gap} the matrix takes over: the polymer relaxes as it nears its glass transition at {}, and lets charge go that \
                 the traps alone would hold; the hotter line is that relaxation's and ends with it",
                degrees(glass_k)
            )
        }
        _ if steeper_above => {
            format!("{gap} a second process takes over, which is steeper; the cooler line holds below it")
        }
        _ => format!(
            "{gap} the line becomes flatter towards the heat: cells of two kinds, or times shorter than the first checkpoint"
        ),
    }
}

/// The line of a temperature's side of any break, and why it must not answer for it; in the gap of a break the line
/// is that of all.
pub fn line_for(
    of: &LineOfTimes,
    use_k: f64,
    glass_transition_k: Option<f64>,
) -> Result<(&Line, Option<String>), String> {
    let segments = of.segments.as_ref().map_err(Clone::clone)?;
    let (line, energy) = match &segments.broken {
        None => (&segments.whole, &of.energy_ev),
        Some(broken) if use_k <= broken.cooler_k => (&broken.below, &of.energy_below_ev),
        Some(broken) if use_k >= broken.hotter_k => (&broken.above, &of.energy_above_ev),
        Some(broken) => {
            let gap = [broken.cooler_k, broken.hotter_k].map(degrees).join(" and ");
            return Ok((
                &segments.whole,
                Some(format!("it lies in the break between {gap}, where neither line holds")),
            ));
        }
    };
    let untold = energy.as_ref().err().cloned();
    Ok((line, untold.or_else(|| objection(line, of.left_out_k.is_some(), use_k, glass_transition_k))))
}

/// Why a line must not be followed to a temperature.
fn objection(line: &Line, left_out: bool, use_k: f64, glass_transition_k: Option<f64>) -> Option<String> {
    let (coldest, hottest) = (line.temperatures_k[0], line.temperatures_k[line.temperatures_k.len() - 1]);
    let range = format!("{} to {}", degrees(coldest), degrees(hottest));
    if let Some(glass_k) = glass_transition_k.filter(|glass_k| use_k > *glass_k) {
        let glass = degrees(glass_k);
        return Some(format!("it lies above the glass transition at {glass}, and the line rests on {range}"));
    }
    if (coldest..=hottest).contains(&use_k) {
        return None;
    }
    let unseen = |from_k: f64| use_k > hottest && use_k >= from_k;
    if left_out && unseen(0.0) {
        return Some(format!("it lies above {range}, where times were left out as steeper than any trap"));
    }
    if let Some(glass_k) = glass_transition_k.filter(|glass_k| unseen(glass_k - NEAR_GLASS_K)) {
        return Some(format!(
            "it lies above {range}, and nearer to the glass transition at {} than {NEAR_GLASS_K} K: the matrix may let go before",
            degrees(glass_k)
        ));
    }
    if line.slope > MOST_ENERGY_EV {
        let glass = glass_transition_k.map_or_else(String::new, |k| format!(" (glass transition: {})", degrees(k)));
        return Some(format!(
            "the line from {range} has {:.1} eV, more than any trap holds: it is a relaxation near a transition{glass}, and ends \
             with it; bake at lower temperatures",
            line.slope
        ));
    }
    if line.slope <= 0.0 {
        return Some(format!(
            "the line from {range} has {:.2} eV: lives do not shorten with temperature, and it says nothing beyond its ends",
            line.slope
        ));
    }
    let abscissa = |kelvin: f64| 1.0 / thermal_energy_ev(kelvin);
    let (cold, hot) = (abscissa(coldest), abscissa(hottest));
    let beyond = (abscissa(use_k) - cold).max(hot - abscissa(use_k)) / (cold - hot);
    if beyond > MOST_LENGTHS {
        return Some(format!(
            "it lies {beyond:.1} times the length of the line ({range}, on 1/T) beyond its end, more than {MOST_LENGTHS}; bake \
             nearer to it"
        ));
    }
    None
}

/// Life on a line, with bounds where the line has them.
pub(super) fn life(line: &Line, use_k: f64, confidence: f64) -> Result<Life, String> {
    line.life(use_k, Some(confidence)).or_else(|_| line.life(use_k, None)).map_err(why)
}

/// Factor from test to use on a line, with bounds where the line has them.
pub(super) fn factor(line: &Line, use_k: f64, test_k: f64, confidence: f64) -> Result<(f64, Option<Bounds>), String> {
    if let Ok((factor, bounds)) = line.acceleration(use_k, test_k, confidence) {
        return Ok((factor, Some(bounds)));
    }
    let at = |kelvin: f64| line.life(kelvin, None).map_err(why);
    Ok((at(use_k)?.life_s / at(test_k)?.life_s, None))
}

/// `85 °C`.
pub(super) fn degrees(kelvin: f64) -> String {
    format!("{} °C", celsius_texts(&[kelvin]).concat())
}
