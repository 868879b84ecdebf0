//! A fit in words: tables for a terminal, and JSON.

use super::advice::{Help, place_of_residuals};
use super::claim::ClaimTarget;
use super::parameter::Scale;
use super::solve::{Stop, chi2};
use super::target::{Aim, MeasuredIv, Target, Width};
use super::{FitResult, FittedParameter, Outcome, Simulated};
use crate::paper::claims::{Expected, Measured, Reading, Verdict, short};
use trapline_model::text::counted;
use trapline_report::analysis::Table;

/// A residual up to this is within its tolerance.
const WITHIN: f64 = 1.0;
/// A curve holds if its points are this near in the root mean square, which is 1 for normal errors, and none is
/// farther off than one in ten thousand.
const CURVE_WITHIN: f64 = 1.5;
const CURVE_WORST: f64 = 4.0;

/// Why the search ended, in words.
pub fn stopped(stop: Stop) -> &'static str {
    match stop {
        Stop::Converged => "converged",
        Stop::Stalled => "converged to what the steps of the simulation allow",
        Stop::Evaluations => "not converged: the evaluations allowed were used up; raise --max-evaluations",
        Stop::Broken => "not converged: the residuals are no numbers; narrow the bounds",
    }
}

/// Whether a target is met: a number within its tolerance, a claim as `trapline paper` judges it, a curve in the mean.
pub fn met(target: &Target, outcome: &Outcome) -> bool {
    match (&target.aim, &outcome.simulated) {
        (Aim::Claim(claim), Simulated::Claim(measured)) => measured.verdict(&claim.claim.band) == Verdict::Met,
        (_, Simulated::Curve(_)) => {
            let residuals = &outcome.residuals;
            root_mean_square(residuals) <= CURVE_WITHIN && residuals.iter().all(|r| r.abs() <= CURVE_WORST)
        }
        (_, Simulated::Nothing(_)) => false,
        _ => outcome.residuals.iter().all(|r| r.abs() <= WITHIN),
    }
}

/// Whether a target was measured and is neither met nor foreseen to be contradicted.
pub fn missed(target: &Target, outcome: &Outcome) -> bool {
    verdict(target, outcome) == MISSED
}

const MISSED: &str = "MISSED";

/// Whether a claim is contradicted of which nothing else is expected.
fn foreseen(target: &Target, outcome: &Outcome) -> bool {
    match (&target.aim, &outcome.simulated) {
        (Aim::Claim(ClaimTarget { claim, .. }), Simulated::Claim(measured)) => {
            claim.expected == Expected::Contradicted && measured.verdict(&claim.band) == Verdict::Contradicted
        }
        _ => false,
    }
}

fn root_mean_square(residuals: &[f64]) -> f64 {
    (chi2(residuals) / residuals.len() as f64).sqrt()
}

/// The whole report.
pub fn text(result: &FitResult) -> String {
    let mut text = format!("{}\n{}\n", parameters(result), targets(result));
    for line in remarks(result) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn parameters(result: &FitResult) -> String {
    let mut table = Table::new(["parameter", "unit", "start", "fitted", "standard error", ""], 2);
    for p in &result.parameters {
        let error = p.error.map_or_else(|| "-".to_owned(), |error| format!("{error:.2e}"));
        table.row([p.parameter.key.clone(), p.unit.clone(), number(p.start), number(p.value), error, note(p)]);
    }
    table.render()
}

fn note(p: &FittedParameter) -> String {
    let end = if p.value - p.parameter.lower < p.parameter.upper - p.value { "lower" } else { "upper" };
    match (p.at_bound, p.error) {
        (true, _) => format!("at its {end} bound"),
        (false, None) => "not identifiable".to_owned(),
        (false, Some(_)) => String::new(),
    }
}

fn targets(result: &FitResult) -> String {
    let mut table = Table::new(["target", "wanted", "simulated", "residual", ""], 1);
    for (target, outcome) in &result.targets {
        let mut verdict = verdict(target, outcome).to_owned();
        if target.check {
            verdict.push_str(", only checked");
        }
        let (wanted, simulated, residual) = words(target, outcome);
        table.row([target.name.clone(), wanted, simulated, residual, verdict]);
    }
    table.render()
}

fn verdict(target: &Target, outcome: &Outcome) -> &'static str {
    match &outcome.simulated {
        Simulated::Nothing(_) => "NOT MEASURED",
        _ if met(target, outcome) => "met",
        _ if foreseen(target, outcome) => "contradicted, as expected",
        _ => MISSED,
    }
}

fn words(target: &Target, outcome: &Outcome) -> (String, String, String) {
    let first = outcome.residuals.first().copied().unwrap_or(f64::NAN);
    match (&target.aim, &outcome.simulated) {
        (_, Simulated::Nothing(_)) => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        (Aim::Number { target, width, .. }, Simulated::Number(value)) => {
            (wanted(*target, *width), number(*value), format!("{first:+.2}"))
        }
        (Aim::Claim(ClaimTarget { claim, .. }), Simulated::Claim(measured)) => {
            (claim.band.words(), short(measured.value), format!("{first:+.2}"))
        }
        _ => {
            let worst =
                outcome.residuals.iter().fold(0.0f64, |worst, r| if r.abs() > worst.abs() { *r } else { worst });
            let mean = root_mean_square(&outcome.residuals);
            (counted(outcome.residuals.len(), "point"), format!("rms {mean:.2}"), format!("worst {worst:+.2}"))
        }
    }
}

fn wanted(target: f64, width: Width) -> String {
    match width {
        Width::Absolute(error) => format!("{} ± {}", number(target), number(error)),
        Width::Relative(share) => format!("{} ± {} %", number(target), number(100.0 * share)),
    }
}

/// A number with all digits that were asked for, and never more than eight.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.7e}").parse().unwrap_or(value);
    let text = format!("{rounded:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// What is to be said beside the tables, a line each.
pub fn remarks(result: &FitResult) -> Vec<String> {
    let key = |i: usize| result.parameters[i].parameter.key.as_str();
    let mut lines = vec![format!(
        "chi-squared {} (start: {}); numbers {}, parameters {}; {}, {} evaluations",
        short(result.chi2),
        short(result.chi2_at_start),
        result.residuals,
        result.parameters.len(),
        stopped(result.stop),
        result.evaluations
    )];
    if result.starts.len() > 1 {
        let near =
            |chi2: &&f64| **chi2 <= result.starts.iter().flatten().fold(f64::INFINITY, |a, b| a.min(*b)) * 1.01 + 0.01;
        let same = result.starts.iter().flatten().filter(near).count();
        lines.push(format!("{same} of {} starts lead to this chi-squared", result.starts.len()));
    }
    for direction in &result.knowledge.open {
        lines.push(match direction.as_slice() {
            [(only, _)] => format!("not identifiable: {}; the targets say less of it than its bounds", key(*only)),
            several => format!(
                "not identifiable: the combination {}; the targets hardly change along it",
                several.iter().map(|(i, part)| format!("{part:+.2} {}", key(*i))).collect::<Vec<_>>().join(" ")
            ),
        });
    }
    if result.knowledge.open.iter().any(|direction| direction.len() > 1) {
        lines.push(
            "(parts of a combination count in the distance between the bounds, on the parameter's scale)".to_owned(),
        );
    }
    for (a, b, correlation) in &result.knowledge.correlated {
        lines.push(format!("correlation {correlation:+.3}: {} and {}", key(*a), key(*b)));
    }
    for (target, outcome) in &result.targets {
        match &outcome.simulated {
            Simulated::Claim(measured) => {
                let broken = measured.conditions.iter().filter(|condition| !condition.holds);
                lines.extend(broken.map(|condition| format!("{}: not so: {}", target.name, condition.text)));
                lines.extend(surprising_readings(target, measured));
            }
            Simulated::Nothing(why) => lines.push(format!("{}: not measured: {why}", target.name)),
            _ if missed(target, outcome) => lines.extend(place_of_residuals(target, outcome)),
            _ => {}
        }
    }
    if let Some(line) = helping(&result.helps) {
        lines.push(line);
    }
    lines
}

/// Which numbers of the material that are not fitted would help, in a line.
fn helping(helps: &[Help]) -> Option<String> {
    let one = |help: &Help| {
        let way = if help.raise { "raised" } else { "lowered" };
        format!("{} {way} would take away {:.0} %", help.key, 100.0 * help.share)
    };
    let all = helps.iter().map(one).collect::<Vec<_>>().join(", ");
    (!helps.is_empty()).then(|| {
        format!("not fitted, and by the slopes here part of what is missed: {all} of chi-squared, each beside those before it; fit it too, if nothing else is known of it")
    })
}

/// Other readings of a claim ([`crate::paper::claims::Reading`]) that are not as expected.
fn surprising_readings(target: &Target, measured: &Measured) -> Vec<String> {
    let Aim::Claim(ClaimTarget { claim, .. }) = &target.aim else {
        return Vec::new();
    };
    let verdict = |reading: &Reading| {
        let of_reading = measured.readings.iter().find(|(name, _)| *name == reading.name);
        of_reading.map_or(Verdict::Undecided, |(_, m)| m.verdict(&reading.band))
    };
    let differ = claim.readings.iter().filter(|reading| verdict(reading).differs_from(reading.expected));
    differ.map(|reading| format!("{} ({}): {}", target.name, reading.name, verdict(reading).word())).collect()
}

/// The same as JSON.
pub fn json(result: &FitResult) -> serde_json::Value {
    let parameters: Vec<_> = result
        .parameters
        .iter()
        .map(|p| {
            serde_json::json!({
                "key": p.parameter.key,
                "unit": p.unit,
                "lower": p.parameter.lower,
                "upper": p.parameter.upper,
                "scale": if p.parameter.scale == Scale::Log { "log" } else { "linear" },
                "start": p.start,
                "fitted": p.value,
                "standard_error": p.error,
                "at_bound": p.at_bound,
                "identifiable": p.error.is_some(),
            })
        })
        .collect();
    let targets: Vec<_> = result.targets.iter().map(|(target, outcome)| target_json(target, outcome)).collect();
    let open: Vec<Vec<_>> = result
        .knowledge
        .open
        .iter()
        .map(|direction| {
            let named =
                |(i, part): &(usize, f64)| serde_json::json!({"key": result.parameters[*i].parameter.key, "part": part});
            direction.iter().map(named).collect()
        })
        .collect();
    let correlated: Vec<_> = result
        .knowledge
        .correlated
        .iter()
        .map(|(a, b, c)| {
            let key = |i: &usize| result.parameters[*i].parameter.key.clone();
            serde_json::json!({"keys": [key(a), key(b)], "correlation": c})
        })
        .collect();
    serde_json::json!({
        "parameters": parameters,
        "targets": targets,
        "not_identifiable": open,
        "correlated": correlated,
        "chi2": result.chi2,
        "chi2_at_start": result.chi2_at_start,
        "residuals": result.residuals,
        "converged": result.converged(),
        "stopped": stopped(result.stop),
        "evaluations": result.evaluations,
        "chi2_of_starts": result.starts,
        "missed": result.missed(),
        "would_help": result.helps.iter().map(|help| serde_json::json!({
            "key": help.key, "share_of_chi2": help.share, "raise": help.raise,
        })).collect::<Vec<_>>(),
    })
}

fn target_json(target: &Target, outcome: &Outcome) -> serde_json::Value {
    let (wanted, simulated) = match (&target.aim, &outcome.simulated) {
        (Aim::Number { target, .. }, Simulated::Number(value)) => (serde_json::json!(target), serde_json::json!(value)),
        (Aim::Claim(claim), Simulated::Claim(m)) => {
            (serde_json::json!(claim.claim.band.words()), serde_json::json!(m.value))
        }
        (Aim::Iv(measured), Simulated::Curve(simulated)) => {
            let compared = measured.points.iter().zip(simulated).filter(|(point, _)| MeasuredIv::compares(point));
            let (points, values): (Vec<f64>, Vec<f64>) = compared.map(|(point, value)| (point.y, *value)).unzip();
            (serde_json::json!(points), serde_json::json!(values))
        }
        (Aim::Retention(measured), Simulated::Curve(simulated)) => {
            let compared = measured.points.iter().zip(simulated).filter(|(point, _)| point.y.is_finite());
            let (points, values): (Vec<f64>, Vec<f64>) = compared.map(|(point, value)| (point.y, *value)).unzip();
            (serde_json::json!(points), serde_json::json!(values))
        }
        _ => (serde_json::Value::Null, serde_json::Value::Null),
    };
    let error = match &outcome.simulated {
        Simulated::Nothing(why) => Some(why),
        _ => None,
    };
    serde_json::json!({
        "name": target.name,
        "error": error,
        "wanted": wanted,
        "simulated": simulated,
        "residuals": outcome.residuals,
        "met": met(target, outcome),
        "only_checked": target.check,
    })
}
