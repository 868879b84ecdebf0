//! The report as columns of numbers, for spreadsheets: SI units, one line of headings, empty where there is no number.

use super::{FitReport, Group, LifetimeReport, Observed, Population, TimeSource};
use crate::analysis::lifetime::{Estimate, Law};
use trapline_model::text::plain;

/// One row for each group and temperature; times to the first fraction.
pub fn lifetimes_csv(report: &LifetimeReport) -> String {
    let mut text = "group,material,temperature_k,cells,failed,failed_at_zero,fraction,after_s,before_s,time_s,time_relative_error,\
                    time_source,on_line"
        .to_owned();
    for law in [Law::Weibull, Law::Lognormal] {
        let law = law.name().to_lowercase();
        for of in ["shape", "scale_s", "life_s"] {
            text.push_str(&format!(",{law}_{of},{law}_{of}_lower,{law}_{of}_upper"));
        }
        text.push_str(&format!(",{law}_aic,{law}_p,{law}_distance"));
    }
    text.push_str(",reason\n");
    for group in &report.groups {
        for of in &group.populations {
            text.push_str(&row(group, of));
        }
    }
    text
}

fn row(group: &Group, of: &Population) -> String {
    let mut cells = vec![quoted(&group.name), quoted(&group.material), of.temperature_k.to_string()];
    match &of.observed {
        Ok(observed) => {
            cells.extend(counts(observed, of.on_lines));
            for fit in [&observed.weibull, &observed.lognormal] {
                cells.extend(fitted(fit));
            }
            let mut reasons: Vec<String> = Vec::new();
            for (law, fit) in [(Law::Weibull, &observed.weibull), (Law::Lognormal, &observed.lognormal)] {
                match fit {
                    Ok(fit) => {
                        let scale = fit.scale_estimate.as_ref().err().map(|why| format!("{} scale: {why}", law.name()));
                        let life = fit.lives.first().and_then(|life| life.as_ref().err());
                        reasons.extend(scale.into_iter().chain(life.map(|why| format!("{} life: {why}", law.name()))));
                    }
                    Err(why) => reasons.push(why.clone()),
                }
            }
            reasons.extend(untold(observed));
            cells.push(quoted(&reasons.join("; ")));
        }
        Err(reason) => {
            cells.extend(std::iter::repeat_n(String::new(), 34));
            cells.push(quoted(reason));
        }
    }
    cells.join(",") + "\n"
}

/// Why no time to the first fraction is told, where a law would tell one.
fn untold(observed: &Observed) -> Option<String> {
    let of = observed.times.first().filter(|of| of.time.is_none() && of.source == TimeSource::Nothing)?;
    let told = [&observed.weibull, &observed.lognormal]
        .into_iter()
        .flatten()
        .any(|fit| fit.lives.first().is_some_and(Result::is_ok));
    told.then(|| {
        let (after, before) = (of.between_s.lower, of.between_s.upper);
        let until = if before.is_finite() {
            format!("and before {before:?} s")
        } else {
            "and nothing says before what".to_owned()
        };
        format!("no time is told: the counts have it after {after:?} s {until}, where the fitted one is not")
    })
}

fn counts(observed: &Observed, on_line: bool) -> Vec<String> {
    let mut cells: Vec<String> =
        [observed.cells, observed.failed, observed.failed_at_zero].iter().map(u64::to_string).collect();
    match observed.times.first() {
        Some(of) => {
            cells.extend([of.fraction, of.between_s.lower, of.between_s.upper].map(number));
            cells.extend([of.time.map(|t| t.time_s), of.time.map(|t| t.relative_error)].map(some));
            cells.push(
                match of.source {
                    TimeSource::Fit => "fit",
                    TimeSource::Checkpoints => "checkpoints",
                    TimeSource::Programming => "programming",
                    TimeSource::Nothing => "",
                }
                .to_owned(),
            );
        }
        None => cells.extend(std::iter::repeat_n(String::new(), 6)),
    }
    cells.push(on_line.to_string());
    cells
}

/// Estimates with the bounds of their profiles, and the goodness of the fit.
fn fitted(fit: &Result<FitReport, String>) -> Vec<String> {
    let Ok(report) = fit else {
        return vec![String::new(); 12];
    };
    let three = |of: &Estimate| [of.value, of.profile.lower, of.profile.upper].map(number);
    let told = |of: Option<&Result<Estimate, String>>| match of {
        Some(Ok(of)) => three(of),
        _ => std::array::from_fn(|_| String::new()),
    };
    let mut cells: Vec<String> = three(&report.shape_estimate).to_vec();
    cells.extend(told(Some(&report.scale_estimate)).into_iter().chain(told(report.lives.first())));
    cells.extend([number(report.fit.aic), some(report.goodness.p_value), number(report.goodness.distance)]);
    cells
}

/// One row for each group, temperature and checkpoint after 0: the failed fraction with its exact bounds, and both
/// fits'.
pub fn curves_csv(report: &LifetimeReport) -> String {
    let mut text =
        "group,material,temperature_k,time_s,failed,cells,fraction,lower,upper,weibull,lognormal\n".to_owned();
    for group in &report.groups {
        for of in &group.populations {
            let Ok(observed) = &of.observed else { continue };
            for point in &observed.curve {
                let law = |fit: &Result<FitReport, String>| {
                    some(fit.as_ref().ok().map(|of| of.fit.failed_fraction(point.time_s)))
                };
                let failed = point.failed;
                let mut cells = vec![quoted(&group.name), quoted(&group.material)];
                cells.extend([of.temperature_k, point.time_s].map(number));
                cells.extend([failed.failed, failed.total].map(|count| count.to_string()));
                cells.extend([failed.fraction, failed.lower, failed.upper].map(number));
                cells.extend([law(&observed.weibull), law(&observed.lognormal)]);
                text.push_str(&(cells.join(",") + "\n"));
            }
        }
    }
    text
}

/// All digits of a number; infinity is an open side.
fn number(value: f64) -> String {
    if value == f64::INFINITY { "inf".to_owned() } else { format!("{value:?}") }
}

fn some(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

/// A text as a cell: in quotes where a comma or a quote asks for them (RFC 4180), or what spreadsheets of other
/// countries part cells at. What a spreadsheet would take for a formula, and is no number, gets an apostrophe before
/// it: names come from files of anybody.
pub(in crate::analysis) fn quoted(text: &str) -> String {
    let starts_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    let text = if starts_formula && !is_number { format!("'{text}") } else { text.to_owned() };
    let text = plain(&text);
    match text.contains([',', ';', '"', '\n', '\t']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+cmd|'/c calc'!A0", "'+cmd|'/c calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "'\\u{d}=1"),
            ("a\u{1b}[31m\u{202e}b", "a\\u{1b}[31m\\u{202e}b"),
            ("＝1", "'＝1"),
            ("=A1,B1", "\"'=A1,B1\""),
            ("=\"a\"", "\"'=\"\"a\"\"\""),
            // A spreadsheet that parts at semicolons must not see a second cell.
            ("a;=1", "\"a;=1\""),
            ("-", "'-"),
            ("-inf", "'-inf"),
            // Numbers and other texts are as they are.
            ("-2.5e-3", "-2.5e-3"),
            ("+1", "+1"),
            ("pi-ws2", "pi-ws2"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(quoted(text), cell, "{text:?}");
        }
    }
}
