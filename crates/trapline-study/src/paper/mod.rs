//! The source paper, figure by figure and claim by claim, from simulated raw data.
//!
//! [`raw`] and [`digits`] run the experiments, [`mod@measure`] takes from their datasets what each claim ([`claims`])
//! says, and nothing from a parameter. [`figures`] draws the same data, and [`page`] puts all of it on one page.

pub mod claims;
pub mod digits;
pub mod figures;
pub mod measure;
pub mod page;
pub mod raw;

use claims::{Claim, Finding};
use measure::{Raw, measure};
use trapline_model::dataset::Dataset;

/// What became of every claim, in order: those for which there is no data are not run.
pub fn judge(claims: &[Claim], raw: &[Dataset]) -> Vec<Finding> {
    let raw = Raw(raw);
    claims
        .iter()
        .map(|claim| {
            let measured = match measure(&claim.id, &raw) {
                Some(outcome) => outcome.map_err(|_| match of_mnist(claim) {
                    Some(_) => format!("needs MNIST: {}", command(claim)),
                    None => "needs more experiments than this figure's; run the whole of trapline paper".to_owned(),
                }),
                None => Err("nothing measures it".to_owned()),
            };
            Finding { claim: claim.clone(), measured, command: command(claim) }
        })
        .collect()
}

/// The first figure of a claim that is drawn from MNIST.
fn of_mnist(claim: &Claim) -> Option<&'static figures::Figure> {
    figures::FIGURES.iter().find(|figure| figure.needs_mnist() && names(claim, figure))
}

/// The command that makes a claim's data: one of its figures, or all of them.
fn command(claim: &Claim) -> String {
    if let Some(figure) = of_mnist(claim) {
        return format!("trapline paper --figure {} --mnist DIR", figure.id);
    }
    let figure = claim.figure.split([',', ' ']).find_map(figures::find);
    figure.map_or_else(|| "trapline paper".to_owned(), |f| format!("trapline paper --figure {}", f.id))
}

/// The claims that the batches of a figure serve.
pub fn claims_of(all: &[Claim], figure: &figures::Figure) -> Vec<Claim> {
    all.iter().filter(|claim| names(claim, figure)).cloned().collect()
}

/// Whether a claim names a figure, or one that is drawn with it.
fn names(claim: &Claim, figure: &figures::Figure) -> bool {
    let numbers = || std::iter::once(figure.id).chain(figure.also.iter().copied());
    claim.figure.split([',', ' ']).any(|part| numbers().any(|n| covers(part, n)))
}

/// Whether a part of a claim's list of figures (`3g`, `S3`, `4a-d`) names a figure.
fn covers(part: &str, number: &str) -> bool {
    match part.split_once('-') {
        Some((first, last)) => {
            let stem = first.trim_end_matches(|c: char| c.is_ascii_lowercase());
            let letter = |text: &str| text.chars().last().filter(char::is_ascii_lowercase);
            let panel = number.strip_prefix(stem).filter(|panel| panel.len() == 1);
            panel.and_then(letter).is_some_and(|l| {
                letter(first).is_some_and(|low| low <= l) && letter(last).is_some_and(|high| l <= high)
            })
        }
        // A panel of a figure (`S8a`) is the figure's.
        None => part.strip_prefix(number).is_some_and(|panel| panel.chars().all(|c| c.is_ascii_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_the_claims_that_name_it() {
        let all = claims::parse(claims::TEXT).expect("embedded");
        let of = |id: &str| {
            let figure = figures::find(id).expect("known");
            claims_of(&all, figure).into_iter().map(|c| c.id).collect::<Vec<_>>()
        };
        assert_eq!(of("3d"), ["slope-low", "slope-mid", "slope-high", "hysteresis"]);
        assert_eq!(of("4c"), ["endurance-100c"]);
        assert_eq!(of("4e"), ["letter-h", "letter-same-at-100c"]);
        assert_eq!(of("2h"), ["pulse-cycles", "depression-sharp"]);
        assert_eq!(of("S8"), ["low-bias-tunnelling"]);
        for claim in &all {
            let command = command(claim);
            let figure = command.strip_prefix("trapline paper --figure ").and_then(|rest| rest.split(' ').next());
            assert!(figure.is_none_or(|id| of(id).contains(&claim.id)), "{}: {command}", claim.id);
        }
        assert_eq!(
            (of("5b"), of("5c")),
            (vec!["mnist-initial".to_owned(), "mnist-trained".to_owned()], vec!["mnist-trained".to_owned()])
        );
        assert!(of("5a").is_empty() && of("5-bake").is_empty());
        for finding in judge(&all, &[]).iter().filter(|f| f.claim.id.starts_with("mnist")) {
            let why = finding.measured.as_ref().expect_err("no data");
            assert!(
                finding.verdict() == claims::Verdict::NotRun && why.contains("trapline paper --figure 5b --mnist DIR"),
                "{why}"
            );
        }
        assert_eq!(of("S12"), ["qd-retention-150c", "qd-forgetting-155c"]);
        assert!(figures::find("1c").is_none());
    }
}
