//! The source paper, figure by figure and claim by claim, from simulated raw data.
//!
//! [`raw`] runs the experiments, [`measure`] takes from their datasets what each claim ([`claims`]) says, and nothing from a
//! parameter.

pub mod claims;
pub mod measure;
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
