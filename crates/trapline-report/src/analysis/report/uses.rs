//! What the lines say of a use temperature, and what they must not say.

use super::lines::{CYCLED, degrees, factor, fit_lines, life, line_for};
use super::say::equals;
use super::{
    Acceleration, AtUse, Group, Joint, LifeAtUse, LineOfTimes, NO_SUPPORT, Observed, Population, Question, Shown, why,
};
use crate::analysis::lifetime::{
    Bounds, Estimate, FailureRate, JointFit, LEAST_INTERVALS, LEAST_P_VALUE, Law, Life, Lifetimes, Line,
    MOST_AT_PROGRAMMING, TIME_FLOOR, TemperatureLaw, TimePoint, Use, failure_rate, ratio_told, shape_told,
};

/// The line for a temperature, and why it should not be followed that far where that was allowed nevertheless.
struct Chosen<'a> {
    line: &'a Line,
    beyond_data: Option<String>,
}

fn chosen<'a>(of: &'a LineOfTimes, use_k: f64, group: &Group, question: &Question) -> Result<Chosen<'a>, String> {
    let (line, beyond_data) = line_for(of, use_k, group.glass_transition_k)?;
    match beyond_data {
        Some(reason) if !question.across_break => Err(reason),
        None if !question.across_break && line.temperatures_k.len() < 3 => {
            let few = line.temperatures_k.iter().map(|&k| degrees(k)).collect::<Vec<_>>().join(", ");
            Err(format!(
                "its side of any break has {} temperatures ({few}), and bounds need 3",
                line.temperatures_k.len()
            ))
        }
        beyond_data => Ok(Chosen { line, beyond_data }),
    }
}

/// Everything said of one use temperature.
pub(super) fn at_use(group: &Group, use_k: f64, question: &Question) -> AtUse {
    let (accelerations, accelerations_refused) = accelerations(group, use_k, question);
    AtUse {
        temperature_k: use_k,
        lives: (0..question.fractions.len()).map(|index| life_at_use(group, index, use_k, question)).collect(),
        accelerations,
        accelerations_refused,
        failure_rate: rate(group, use_k, question),
    }
}

fn life_at_use(group: &Group, index: usize, use_k: f64, question: &Question) -> LifeAtUse {
    let of = &group.lines[index];
    let chosen = chosen(of, use_k, group, question);
    let mut said = LifeAtUse {
        fraction: of.fraction,
        arrhenius: Err(String::new()),
        linear_in_t: Err(String::new()),
        aic_to_linear: None,
        other_law: Err(String::new()),
        joint: Err(String::new()),
        shown: shown(group, index, use_k),
        factor_between_laws: None,
        beyond_data: None,
    };
    let confidence = question.confidence;
    // A life whose bounds say nothing is none, unless the line was to answer whatever its bounds.
    let answered = chosen.and_then(|chosen| {
        let life_at_use = life(chosen.line, use_k, confidence)?;
        match if_bounded(life_at_use) {
            Ok(_) => Ok((chosen, life_at_use)),
            Err(reason) if question.across_break => {
                let beyond_data = chosen.beyond_data.or(Some(reason));
                Ok((Chosen { beyond_data, ..chosen }, life_at_use))
            }
            Err(reason) => Err(reason),
        }
    });
    let (chosen, life_at_use) = match answered {
        Ok(answered) => answered,
        Err(reason) => {
            (said.arrhenius, said.linear_in_t) = (Err(reason.clone()), Err(reason.clone()));
            (said.other_law, said.joint) = (Err(reason.clone()), Err(reason));
            return said;
        }
    };
    said.arrhenius = Ok(life_at_use);
    let points = on(chosen.line, &of.points);
    match Line::fit(TemperatureLaw::LinearInT, &points, TIME_FLOOR) {
        Ok(linear) => {
            said.linear_in_t = life(&linear, use_k, confidence).and_then(if_bounded);
            said.aic_to_linear = (linear.degrees > 0).then_some(linear.aic - chosen.line.aic);
        }
        Err(error) => said.linear_in_t = Err(why(error)),
    }
    said.other_law = other_law(group, chosen.line, index, use_k, confidence).and_then(if_bounded);
    said.joint = joint_life(group, of.fraction, use_k, confidence);
    said.beyond_data = chosen.beyond_data;
    said.factor_between_laws = factor_between(&said, group);
    said
}

/// A life whose bounds, where it has them, say something.
fn if_bounded(life: Life) -> Result<Life, String> {
    life.bounds.map_or(Ok(()), ratio_told).map(|()| life)
}

/// Longest over shortest of the lives whose laws the data allow.
fn factor_between(said: &LifeAtUse, group: &Group) -> Option<f64> {
    let allowed = |aic: Option<f64>| aic.is_none_or(|aic| aic < NO_SUPPORT);
    let linear = said.linear_in_t.as_ref().ok().filter(|_| allowed(said.aic_to_linear));
    let arrhenius = said.arrhenius.as_ref().ok().filter(|_| allowed(said.aic_to_linear.map(|aic| -aic)));
    let other = said.other_law.as_ref().ok().filter(|_| allowed(group.aic_to_other_law));
    let lives = [arrhenius, linear, other].into_iter().flatten().map(|life| life.life_s);
    let all: Vec<f64> = lives.chain(said.joint.as_ref().ok().map(|joint| joint.value)).collect();
    let (least, most) = all.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), &t| (least.min(t), most.max(t)));
    (all.len() > 1 && least > 0.0).then_some(most / least)
}

/// What the bake at the use temperature says; without one, the hotter bake that outlived the fraction for the longest.
fn shown(group: &Group, index: usize, use_k: f64) -> Option<Shown> {
    if group.cycled {
        return None;
    }
    let of = |population: &Population| {
        let between_s = population.observed.as_ref().ok()?.times[index].between_s;
        Some(Shown { baked_k: population.temperature_k, between_s })
    };
    let itself = group.populations.iter().find(|population| population.temperature_k == use_k).and_then(of);
    let bounded = itself.filter(|shown| shown.between_s.lower > 0.0 || shown.between_s.upper.is_finite());
    let hotter = || {
        let all = group.populations.iter().filter(|population| population.temperature_k > use_k).filter_map(of);
        let longest = all.max_by(|a, b| a.between_s.lower.total_cmp(&b.between_s.lower))?;
        let between_s = Bounds { upper: f64::INFINITY, ..longest.between_s };
        (between_s.lower > 0.0).then_some(Shown { between_s, ..longest })
    };
    bounded.or_else(hotter)
}

/// The points a line rests on.
fn on(line: &Line, points: &[TimePoint]) -> Vec<TimePoint> {
    points.iter().filter(|point| line.temperatures_k.contains(&point.temperature_k)).copied().collect()
}

/// An Arrhenius line through the other law's times at the same temperatures.
fn other_law(group: &Group, line: &Line, index: usize, use_k: f64, confidence: f64) -> Result<Life, String> {
    let law = group.law.ok_or("no law of lifetimes could be fitted")?.other();
    let time = |(temperature_k, observed): (f64, &Observed)| {
        let report = observed.fit(law).as_ref().ok()?;
        report.lives[index].as_ref().ok()?;
        let point = report.near[index].time_point(temperature_k).ok()?;
        Some(TimePoint { same_cells: group.same_cells, ..point })
    };
    let with = observed_at(group, line);
    let points: Vec<TimePoint> = with.filter_map(time).collect();
    if points.len() < line.temperatures_k.len() {
        return Err(format!(
            "the {} law tells the time at {} of the line's {} temperatures",
            law.name(),
            points.len(),
            line.temperatures_k.len()
        ));
    }
    life(&fit_lines(&points)?.whole, use_k, confidence)
}

/// What was observed at the temperatures of a line.
fn observed_at<'a>(group: &'a Group, line: &'a Line) -> impl Iterator<Item = (f64, &'a Observed)> {
    let of = group.populations.iter().filter(|population| line.temperatures_k.contains(&population.temperature_k));
    of.filter_map(|population| Some((population.temperature_k, population.observed.as_ref().ok()?)))
}

/// How the reason begins why one law at all temperatures tells no life.
pub(super) const CONTRADICT: &str = "the counts contradict";

fn joint_life(group: &Group, fraction: f64, use_k: f64, confidence: f64) -> Result<Estimate, String> {
    let joint = joint_of_side(group, use_k)?;
    // Bounds narrow with the root of the cells whether or not the law is true.
    for (test, what) in [(joint.fit.common_shape, "one shape"), (joint.fit.on_the_line, "a line")] {
        if let Some(p) = test.and_then(|test| test.p_value).filter(|p| *p < LEAST_P_VALUE) {
            return Err(format!("{CONTRADICT} {what} at all temperatures (p {})", equals(p)));
        }
    }
    // Whether the line may be followed was decided before.
    let to = Use { across_break: true, ..Use::at(use_k, confidence) };
    let life = joint.fit.life_about(&to, fraction).map_err(why)?;
    ratio_told(life.profile).map(|()| life)
}

/// The joint fit, where it is of the use temperature's side of any break.
fn joint_of_side(group: &Group, use_k: f64) -> Result<&Joint, String> {
    let joint = group.joint.as_ref().map_err(Clone::clone)?;
    let here = joined(group, Some(use_k), joint.fit.law).map(|(population, _)| population.temperature_k);
    let here = here.filter(|kelvin| !joint.left_out_k.contains(kelvin));
    if here.eq(joint.fit.temperatures_k.iter().copied()) {
        return Ok(joint);
    }
    Err("the joint fit is of the other side of the break, that of the first use temperature".to_owned())
}

/// The joint fit of the temperatures on the side of the break that the first use temperature lies on.
pub(super) fn joint(group: &Group, question: &Question) -> Result<Joint, String> {
    let law = group.law.ok_or("no law of lifetimes could be fitted at any temperature")?;
    if group.cycled {
        return Err(CYCLED.to_owned());
    }
    let use_k = question.use_temperatures_k.first().copied();
    // Cells that had failed at programming are no lifetimes: few beside those of the smallest fraction too.
    let least = question.fractions.iter().copied().fold(1.0, f64::min);
    let begins_whole =
        |observed: &Observed| observed.failed_at_zero as f64 <= MOST_AT_PROGRAMMING * least * observed.cells as f64;
    let with = || joined(group, use_k, law).filter(|(_, observed)| begins_whole(observed));
    let counted = || side(group, use_k).filter(|population| population.observed.is_ok());
    let bearing = with().filter(|(_, observed)| observed.fit(law).is_ok()).count();
    if bearing < LEAST_TEMPERATURES {
        return Err(format!(
            "{bearing} of {} temperatures bear a law, which takes failures in {LEAST_INTERVALS} intervals; {LEAST_TEMPERATURES} are needed",
            counted().count()
        ));
    }
    let living = |lifetimes: &Lifetimes| lifetimes.living().unwrap_or_else(|| lifetimes.clone());
    // Those that bear no law say how many had failed by one time: whether the others' law says so, too.
    let (bears, beside): (Vec<_>, Vec<_>) = with().partition(|(_, observed)| observed.fit(law).is_ok());
    let of_bearing: Vec<(f64, Lifetimes)> =
        bears.iter().map(|(population, observed)| (population.temperature_k, living(&observed.lifetimes))).collect();
    let alone = JointFit::new(law, TemperatureLaw::Arrhenius, &of_bearing).map_err(why)?;
    let contradicts = |kelvin: f64, observed: &Observed| {
        let mut data = of_bearing.clone();
        data.push((kelvin, living(&observed.lifetimes).at_an_end()));
        let with_it = JointFit::new(law, TemperatureLaw::Arrhenius, &data);
        !with_it.is_ok_and(|with_it| alone.chance_of_more(&with_it) >= LEAST_CHANCE_OF_END)
    };
    let against = beside.iter().filter(|(population, observed)| contradicts(population.temperature_k, observed));
    let against: Vec<f64> = against.map(|(population, _)| population.temperature_k).collect();
    let those = || with().filter(|(population, _)| !against.contains(&population.temperature_k));
    let data: Vec<(f64, Lifetimes)> =
        those().map(|(population, observed)| (population.temperature_k, living(&observed.lifetimes))).collect();
    let fit = match group.same_cells {
        false => JointFit::new(law, TemperatureLaw::Arrhenius, &data),
        true => {
            let arrays: Vec<Vec<Lifetimes>> =
                those().map(|(_, observed)| observed.arrays.iter().map(living).collect()).collect();
            JointFit::of_same_cells(law, TemperatureLaw::Arrhenius, &data, &arrays)
        }
    };
    let fit = fit.map_err(why)?;
    let left_out = |population: &&Population| !fit.temperatures_k.contains(&population.temperature_k);
    let left_out_k = counted().filter(left_out).map(|population| population.temperature_k).collect();
    let energy_ev = fit.slope(question.confidence).map_err(why)?;
    let shape_estimate = fit.shape(question.confidence).map_err(why)?;
    shape_told(law, &shape_estimate).map_err(|lack| lack.to_string())?;
    let Bounds { lower, upper } = energy_ev.profile;
    if !(lower > 0.0 && upper.is_finite()) {
        return Err(format!(
            "the counts do not tell a slope: the bounds of {:.2} eV are open or hold 0; bake at more temperatures further apart",
            energy_ev.value
        ));
    }
    Ok(Joint { energy_ev, shape_estimate, left_out_k, fit })
}

/// What one law at all temperatures may be asked of, on the use temperature's side of any break: where it is borne, and
/// where too few cells fail, or all at once, for a law of its own. Cells that had failed at programming are no
/// lifetimes.
fn joined(group: &Group, use_k: Option<f64>, law: Law) -> impl Iterator<Item = (&Population, &Observed)> {
    side(group, use_k).filter_map(move |population| {
        let observed = population.observed.as_ref().ok()?;
        let at_zero = observed.failed_at_zero as f64;
        let begins_whole = at_zero <= MOST_AT_PROGRAMMING * observed.failed as f64;
        let contradicts_nothing = observed.fit(law).is_ok() || observed.lifetimes.lack().is_some();
        (begins_whole && contradicts_nothing).then_some((population, observed))
    })
}

/// Below this chance a temperature that bears no law is against that of the others. Of 1e-3, since a count of 0 where
/// five are expected has a statistic of 10.
const LEAST_CHANCE_OF_END: f64 = 1e-3;
/// Temperatures at which a law is borne, for one likelihood of all of them.
const LEAST_TEMPERATURES: usize = 2;

/// The populations on the use temperature's side of a break of the first fraction's line; the cooler side for one in
/// the gap.
fn side(group: &Group, use_k: Option<f64>) -> impl Iterator<Item = &Population> {
    let line = group.lines.first();
    let broken = line.and_then(|line| line.segments.as_ref().ok()?.broken.as_ref());
    let top = line.and_then(|line| line.left_out_k).map_or(f64::INFINITY, f64::next_down);
    let range = match (broken, use_k) {
        (None, _) => (0.0, top),
        (Some(broken), Some(use_k)) if use_k >= broken.hotter_k => (broken.hotter_k, top),
        (Some(broken), _) => (0.0, broken.cooler_k),
    };
    let inside = move |population: &&Population| (range.0..=range.1).contains(&population.temperature_k);
    group.populations.iter().filter(|population| population.on_lines).filter(inside)
}

/// From the test temperatures of the line that answers for the first fraction.
fn accelerations(group: &Group, use_k: f64, question: &Question) -> (Vec<Acceleration>, Option<String>) {
    let Some(Ok(chosen)) = group.lines.first().map(|line| chosen(line, use_k, group, question)) else {
        return (Vec::new(), None);
    };
    let of = |&test_k: &f64| {
        let (factor, bounds) = factor(chosen.line, use_k, test_k, question.confidence).ok()?;
        Some(Acceleration { test_k, factor, bounds })
    };
    let found = chosen.line.temperatures_k.iter().filter(|&&test_k| test_k != use_k).filter_map(of);
    let (told, untold): (Vec<_>, Vec<_>) =
        found.partition(|of| question.across_break || of.bounds.is_none_or(|bounds| ratio_told(bounds).is_ok()));
    let names = untold.iter().map(|of| degrees(of.test_k)).collect::<Vec<_>>().join(", ");
    let reason = untold.first().and_then(|of| ratio_told(of.bounds?).err());
    (told, reason.map(|reason| format!("not from {names}: {reason}")))
}

/// Upper bound of a constant failure rate at use: where one can be, and where hours at test can be turned into hours
/// at use.
fn rate(group: &Group, use_k: f64, question: &Question) -> Result<FailureRate, String> {
    if group.cycled {
        return Err(CYCLED.to_owned());
    }
    let observed = |population: &Population| population.observed.as_ref().ok().map(|of| of.lifetimes.clone());
    let itself = group.populations.iter().find(|population| population.temperature_k == use_k).and_then(observed);
    if let Some(lifetimes) = itself.filter(|lifetimes| lifetimes.failed_in_all() == 0) {
        return failure_rate(0, device_hours(&lifetimes), question.confidence).map_err(why);
    }
    let joint = joint_of_side(group, use_k)?;
    if joint.fit.law != Law::Weibull {
        return Err("lifetimes are lognormal: no failure rate is constant".to_owned());
    }
    let shape = joint.shape_estimate;
    if !shape.profile.hold(1.0) {
        return Err(format!(
            "the Weibull shape is {:.2} ({:.2} to {:.2}), not 1: no failure rate is constant, and times to a fraction say more",
            shape.value, shape.profile.lower, shape.profile.upper
        ));
    }
    // Whether any line may be followed to the use temperature is for the times to say.
    let line = group.lines.first().ok_or("no fraction was asked for")?;
    chosen(line, use_k, group, question)?;
    let mut tested: Vec<(u64, f64)> = Vec::new();
    for (population, observed) in joined(group, Some(use_k), joint.fit.law) {
        let lifetimes = &observed.lifetimes;
        // Hours without failures that the law does not expect make no rate smaller; failures do count.
        if joint.left_out_k.contains(&population.temperature_k) && lifetimes.failed_in_all() == 0 {
            continue;
        }
        // All counts tell of the factor here, not only the times to one fraction; its lower bound makes the rate's
        // bound a safe one.
        let factor = joint.fit.acceleration(use_k, population.temperature_k, question.confidence).map_err(why)?;
        tested.push((lifetimes.failed_in_all(), device_hours(lifetimes) * factor.profile.lower));
    }
    let (failed, hours) = match group.same_cells {
        false => tested.iter().fold((0_u64, 0.0), |sum, of| (sum.0.saturating_add(of.0), sum.1 + of.1)),
        // The same cells fail again at every temperature: those of the longest test alone are independent.
        true => tested.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0)),
    };
    failure_rate(failed, hours, question.confidence).map_err(why)
}

/// Hours that all cells surely lived: a cell that failed between two checkpoints counts up to the first of them.
fn device_hours(lifetimes: &Lifetimes) -> f64 {
    lifetimes.classes().iter().map(|class| class.cells as f64 * class.from_s).sum::<f64>() / 3600.0
}
