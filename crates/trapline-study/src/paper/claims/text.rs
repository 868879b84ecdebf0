//! The tables of `claims/paper.toml` as they are written.

use super::{Band, Claim, Expected, Reading};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct File {
    pub claim: Vec<ClaimTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ordinal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimTable {
    id: String,
    figure: String,
    says: String,
    measure: String,
    target: Option<f64>,
    within: Option<f64>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    #[serde(default)]
    unit: String,
    kind: Option<Kind>,
    #[serde(default)]
    expected: Expected,
    follows_from: Option<String>,
    #[serde(default)]
    reading: Vec<ReadingTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadingTable {
    name: String,
    measure: String,
    target: Option<f64>,
    within: Option<f64>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    expected: Expected,
    follows_from: Option<String>,
}

impl ClaimTable {
    pub fn into_claim(self) -> Claim {
        let ClaimTable { target, within, at_least, at_most, unit, .. } = self;
        Claim {
            id: self.id,
            figure: self.figure,
            says: self.says,
            measure: self.measure,
            band: Band { target, within, at_least, at_most, unit },
            ordinal: self.kind.is_some(),
            expected: self.expected,
            follows_from: self.follows_from,
            readings: self.reading.into_iter().map(ReadingTable::into_reading).collect(),
        }
    }
}

impl ReadingTable {
    fn into_reading(self) -> Reading {
        let ReadingTable { target, within, at_least, at_most, unit, .. } = self;
        Reading {
            name: self.name,
            measure: self.measure,
            band: Band { target, within, at_least, at_most, unit },
            expected: self.expected,
            follows_from: self.follows_from,
        }
    }
}
