//! The source paper, figure by figure and claim by claim, from simulated raw data.
//!
//! [`raw`] runs the experiments, [`mod@measure`] takes from their datasets what each claim ([`claims`]) says, and nothing from a
//! parameter. [`figures`] draws the same data, and [`page`] puts all of it on one page.

pub mod claims;
pub mod figures;
pub mod measure;
pub mod page;
pub mod raw;

use crate::dataset::Dataset;
use claims::{Claim, Finding};
use measure::{Raw, measure};

/// What became of every claim, in order: those for which there is no data are not run.
pub fn judge(claims: &[Claim], raw: &[Dataset]) -> Vec<Finding> {
    let raw = Raw(raw);
    claims
        .iter()
        .map(|claim| {
            let measured = match measure(&claim.id, &raw) {
                Some(outcome) => outcome.map_err(|error| error.to_string()),
                None => Err("MNIST was not given: trapline paper --mnist DIR".to_owned()),
            };
            Finding {
                claim: claim.clone(),
                measured,
                command: format!("trapline paper --figure {}", first_figure(claim)),
            }
        })
        .collect()
}

fn first_figure(claim: &Claim) -> String {
    claim.figure.split(',').next().unwrap_or_default().trim().to_owned()
}

/// The claims that the batches of a figure serve.
pub fn claims_of(all: &[Claim], figure: &figures::Figure) -> Vec<Claim> {
    let numbers = || std::iter::once(figure.id).chain(figure.also.iter().copied());
    let names = |claim: &Claim| claim.figure.split([',', ' ']).any(|part| numbers().any(|n| covers(part, n)));
    all.iter().filter(|claim| names(claim)).cloned().collect()
}

/// Whether a part of a claim's list of figures (`3g`, `S3`, `4a-d`) names a figure.
fn covers(part: &str, number: &str) -> bool {
    match part.split_once('-') {
        Some((first, last)) => {
            let stem = first.trim_end_matches(|c: char| c.is_ascii_lowercase());
            let letter = |text: &str| text.chars().last().filter(char::is_ascii_lowercase);
            number.strip_prefix(stem).and_then(letter).is_some_and(|l| {
                letter(first).is_some_and(|low| low <= l) && letter(last).is_some_and(|high| l <= high)
            })
        }
        None => part == number,
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
        assert_eq!(of("S12"), ["qd-retention-150c", "qd-forgetting-155c"]);
        assert!(figures::find("1c").is_none());
    }
}
