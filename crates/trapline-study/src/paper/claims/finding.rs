//! What was measured for a claim, and the verdicts on it.

use super::{Band, Claim, Expected, Reading, Verdict};

/// A further condition that the measure states.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub text: String,
    pub holds: bool,
    /// Whether it speaks of the data and not of the paper: without it there is no verdict.
    pub of_the_data: bool,
}

/// What was measured for a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub value: f64,
    pub conditions: Vec<Condition>,
    /// Group and variables of the record it was taken from.
    pub from: String,
    /// What is reported beside it: name and value.
    pub beside: Vec<(String, f64)>,
    /// What was measured for the other readings, by their names.
    pub readings: Vec<(String, Measured)>,
}

impl Measured {
    /// A value from a group.
    pub fn new(value: f64, from: impl Into<String>) -> Measured {
        Measured { value, conditions: Vec::new(), from: from.into(), beside: Vec::new(), readings: Vec::new() }
    }

    /// With a condition of the claim that must hold too.
    pub fn and(mut self, text: impl Into<String>, holds: bool) -> Measured {
        self.conditions.push(Condition { text: text.into(), holds, of_the_data: false });
        self
    }

    /// With what the data must be for there to be a verdict.
    pub fn given(mut self, text: impl Into<String>, holds: bool) -> Measured {
        self.conditions.push(Condition { text: text.into(), holds, of_the_data: true });
        self
    }

    /// With a number to report.
    pub fn beside(mut self, name: impl Into<String>, value: f64) -> Measured {
        self.beside.push((name.into(), value));
        self
    }

    /// With what was measured for another reading.
    pub fn reading(mut self, name: impl Into<String>, measured: Measured) -> Measured {
        self.readings.push((name.into(), measured));
        self
    }

    /// The verdict for a band.
    pub fn verdict(&self, band: &Band) -> Verdict {
        if self.value.is_nan() || self.conditions.iter().any(|c| c.of_the_data && !c.holds) {
            Verdict::Undecided
        } else if band.holds(self.value) && self.conditions.iter().all(|c| c.holds) {
            Verdict::Met
        } else {
            Verdict::Contradicted
        }
    }
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub claim: Claim,
    /// None where it was not run; why not.
    pub measured: Result<Measured, String>,
    /// The command that makes its data.
    pub command: String,
}

/// One verdict: of a claim as it stands, or of another reading of it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    pub claim: &'a Claim,
    /// None for the claim as it stands.
    pub reading: Option<&'a Reading>,
    pub band: &'a Band,
    pub expected: Expected,
    pub follows_from: Option<&'a str>,
    pub measured: Option<&'a Measured>,
    pub found: Verdict,
}

impl Judged<'_> {
    /// Whether the verdict differs from what is expected.
    pub fn differs(&self) -> bool {
        self.found.differs_from(self.expected)
    }

    /// The claim's id, and the reading's name behind it.
    pub fn name(&self) -> String {
        match self.reading {
            None => self.claim.id.clone(),
            Some(reading) => format!("{} ({})", self.claim.id, reading.name),
        }
    }
}

impl Finding {
    /// The verdict on the claim as it stands.
    pub fn verdict(&self) -> Verdict {
        self.measured.as_ref().map_or(Verdict::NotRun, |measured| measured.verdict(&self.claim.band))
    }

    /// All verdicts: of the claim as it stands, then of each other reading. A reading without a value is undecided.
    pub fn judged(&self) -> Vec<Judged<'_>> {
        let claim = &self.claim;
        let whole = self.measured.as_ref().ok();
        let own = Judged {
            claim,
            reading: None,
            band: &claim.band,
            expected: claim.expected,
            follows_from: claim.follows_from.as_deref(),
            measured: whole,
            found: self.verdict(),
        };
        let readings = claim.readings.iter().map(|reading| {
            let measured =
                whole.and_then(|m| m.readings.iter().find(|(name, _)| *name == reading.name)).map(|(_, m)| m);
            let found = match (whole, measured) {
                (None, _) => Verdict::NotRun,
                (Some(_), None) => Verdict::Undecided,
                (Some(_), Some(measured)) => measured.verdict(&reading.band),
            };
            Judged {
                claim,
                reading: Some(reading),
                band: &reading.band,
                expected: reading.expected,
                follows_from: reading.follows_from.as_deref(),
                measured,
                found,
            }
        });
        std::iter::once(own).chain(readings).collect()
    }
}

/// The verdicts that differ from what is expected, one after the other in words; none where all are as expected.
pub fn surprises(findings: &[Finding]) -> Option<String> {
    let differ: Vec<String> = findings
        .iter()
        .flat_map(Finding::judged)
        .filter(Judged::differs)
        .map(|j| format!("{} is {} and was expected to be {}", j.name(), j.found.word(), j.expected.word()))
        .collect();
    match differ.len() {
        0 => None,
        1 => Some(format!("1 verdict is not as expected: {}", differ[0])),
        n => Some(format!("{n} verdicts are not as expected: {}", differ.join("; "))),
    }
}
