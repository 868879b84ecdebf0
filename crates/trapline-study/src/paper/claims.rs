//! The claims of the source paper, as data (`claims/paper.toml`), and what became of each.
//!
//! # Verdicts
//! A claim is *met* where the value measured lies in its band and the conditions of its measure hold, and
//! *contradicted* where it does not. Neither is said of a value that is no number, or of data that is less than the
//! measure asks for (fewer seeds, cycles, pictures): that is *undecided*. What is *not run* has no data.
//!
//! What is expected is written beside the claim: `met`, or `contradicted` where the model does not do what the paper
//! reports. A verdict that differs from what is expected is news in both directions, and fails `trapline paper`; one
//! that is not run does not.
//!
//! Where the paper's words or our measure allow several readings, each has its own band, expectation and verdict
//! ([`Reading`]). `follows_from` names what was put into the material or the model that makes a claim hold: such a
//! claim says that the parts agree, and predicts nothing.

use serde::Deserialize;

use trapline_model::toml_file;

/// Text of `claims/paper.toml`, embedded in the binary.
pub const TEXT: &str = include_str!("../../../../claims/paper.toml");

/// Where a value must lie; without limits any number does, and the claim is what its conditions say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Band {
    pub target: Option<f64>,
    /// Half of the band around the target.
    pub within: Option<f64>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    /// Of the value too; empty or `1` for a pure number.
    pub unit: String,
}

impl Band {
    /// The band in words.
    pub fn words(&self) -> String {
        let unit = self.spaced_unit();
        let mut parts = Vec::new();
        match (self.target, self.within) {
            (Some(target), Some(within)) => parts.push(format!("{target} ± {within}{unit}")),
            (Some(target), None) => parts.push(format!("{target}{unit}")),
            _ => {}
        }
        if let Some(least) = self.at_least {
            parts.push(format!("at least {}{unit}", short(least)));
        }
        if let Some(most) = self.at_most {
            parts.push(format!("at most {}{unit}", short(most)));
        }
        if parts.is_empty() { "in order".to_owned() } else { parts.join(", ") }
    }

    /// A value with the band's unit, as a person writes it.
    pub fn with_unit(&self, value: f64) -> String {
        format!("{}{}", short(value), self.spaced_unit())
    }

    fn spaced_unit(&self) -> String {
        if self.unit.is_empty() || self.unit == "1" { String::new() } else { format!(" {}", self.unit) }
    }

    /// Whether a value is inside the band; NaN is not.
    pub fn holds(&self, value: f64) -> bool {
        let near = match (self.target, self.within) {
            (Some(target), Some(within)) => (value - target).abs() <= within,
            (Some(target), None) => value == target,
            _ => value.is_finite(),
        };
        near && self.at_least.is_none_or(|least| value >= least) && self.at_most.is_none_or(|most| value <= most)
    }
}

/// The verdict that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    #[default]
    Met,
    Contradicted,
}

impl Expected {
    /// The word for it.
    pub fn word(self) -> &'static str {
        Verdict::from(self).word()
    }
}

/// The verdict on a claim or on a reading of it; see [the module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Met,
    Contradicted,
    Undecided,
    NotRun,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Contradicted => "contradicted",
            Verdict::Undecided => "undecided",
            Verdict::NotRun => "not run",
        }
    }

    /// Whether it differs from what is expected; what is not run does not.
    pub fn differs_from(self, expected: Expected) -> bool {
        self != Verdict::NotRun && self != expected.into()
    }
}

impl From<Expected> for Verdict {
    fn from(expected: Expected) -> Verdict {
        match expected {
            Expected::Met => Verdict::Met,
            Expected::Contradicted => Verdict::Contradicted,
        }
    }
}

/// What the paper says, how it is measured, and the band to pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub id: String,
    pub figure: String,
    pub says: String,
    pub measure: String,
    pub band: Band,
    /// Whether the paper is only qualitative and the band is a reading of it (`kind = "ordinal"`).
    pub ordinal: bool,
    pub expected: Expected,
    /// The fitted or chosen number, or the law, that makes the claim hold.
    pub follows_from: Option<String>,
    /// Other readings of the same words.
    pub readings: Vec<Reading>,
}

/// Another reading of a claim's words, or of our measure, with a band and a verdict of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub name: String,
    pub measure: String,
    pub band: Band,
    pub expected: Expected,
    pub follows_from: Option<String>,
}

/// A number as a person writes it.
pub fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e4).contains(&magnitude) {
        // Of R² near 1 the fifth digit says how straight a line is.
        let text = if (value - 1.0).abs() < 1e-2 { format!("{value:.5}") } else { format!("{value:.4}") };
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

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

/// The claims, in their order.
///
/// # Errors
/// A file that cannot be read, in one line.
pub fn parse(text: &str) -> Result<Vec<Claim>, String> {
    let file = toml_file::read::<text::File>(text)?;
    Ok(file.claim.into_iter().map(text::Claim::into_claim).collect())
}

/// The file as it is written.
mod text {
    use super::{Band, Expected, Reading};
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub struct File {
        pub claim: Vec<Claim>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Ordinal,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Claim {
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
        reading: Vec<Other>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Other {
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

    impl Claim {
        pub fn into_claim(self) -> super::Claim {
            let Claim { target, within, at_least, at_most, unit, .. } = self;
            super::Claim {
                id: self.id,
                figure: self.figure,
                says: self.says,
                measure: self.measure,
                band: Band { target, within, at_least, at_most, unit },
                ordinal: self.kind.is_some(),
                expected: self.expected,
                follows_from: self.follows_from,
                readings: self.reading.into_iter().map(Other::into_reading).collect(),
            }
        }
    }

    impl Other {
        fn into_reading(self) -> Reading {
            let Other { target, within, at_least, at_most, unit, .. } = self;
            Reading {
                name: self.name,
                measure: self.measure,
                band: Band { target, within, at_least, at_most, unit },
                expected: self.expected,
                follows_from: self.follows_from,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(text: &str) -> Claim {
        parse(&format!("[[claim]]\nid='a'\nfigure='b'\nsays='c'\nmeasure='d'\n{text}")).expect("sound").remove(0)
    }

    fn finding(text: &str, measured: Measured) -> Finding {
        Finding { claim: claim(text), measured: Ok(measured), command: String::new() }
    }

    #[test]
    fn every_claim_has_an_id_of_its_own_and_every_reading_a_band() {
        let claims = parse(TEXT).expect("embedded");
        assert_eq!(claims.len(), 35);
        let mut ids: Vec<_> = claims.iter().map(|c| c.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 35);
        for claim in &claims {
            assert!(claim.band.within.is_none() || claim.band.target.is_some(), "{}", claim.id);
            let mut names: Vec<_> = claim.readings.iter().map(|r| r.name.as_str()).collect();
            names.dedup();
            assert_eq!(names.len(), claim.readings.len(), "{}", claim.id);
            assert!(claim.readings.iter().all(|r| r.band.words() != "in order"), "{}", claim.id);
        }
    }

    /// What a shipped material was fitted to is no prediction, and what a number of it was chosen for is none either.
    #[test]
    fn what_was_put_in_is_marked() {
        let claims = parse(TEXT).expect("embedded");
        let fits = [include_str!("../../../../fits/pi-ws2-qd.toml"), include_str!("../../../../fits/pi-ws2-ns.toml")];
        let fitted = fits.iter().flat_map(|fit| fit.lines()).filter_map(|line| line.strip_prefix("claim = "));
        let fitted: Vec<_> = fitted.map(|id| id.trim_matches('"')).collect();
        assert_eq!(fitted, ["slope-low", "slope-mid", "slope-high"]);
        let chosen = [
            "set-voltage",
            "hysteresis",
            "concentration",
            "uniformity",
            "reverse-sweeps",
            "ns-hopping",
            "depression-sharp",
            "qd-retention-150c",
            "qd-forgetting-155c",
            "ns-retention-100c",
            "glass-transition",
        ];
        for id in fitted.into_iter().chain(chosen) {
            let claim = claims.iter().find(|c| c.id == id).expect(id);
            assert!(claim.follows_from.as_ref().is_some_and(|what| !what.is_empty()), "{id}");
        }
        // What the model does not do was not put in; what no number was chosen for is not marked either.
        for id in ["qd-no-hopping", "letter-h", "potentiation-sweeps", "qd-retention-100c"] {
            assert_eq!(claims.iter().find(|c| c.id == id).expect(id).follows_from, None, "{id}");
        }
    }

    #[test]
    fn a_band_holds_its_ends_and_no_nan() {
        let band = claim("target = 4.0\nwithin = 0.5").band;
        assert!(band.holds(3.5) && band.holds(4.5) && !band.holds(4.51) && !band.holds(f64::NAN));
        let range = claim("at_least = 1e-15\nat_most = 1e-12\nunit = 'J'").band;
        assert!(range.holds(1e-13) && !range.holds(1e-11) && !range.holds(f64::NAN));
        assert_eq!(range.words(), "at least 1e-15 J, at most 1e-12 J");
        let order = claim("kind = 'ordinal'").band;
        assert!(order.holds(0.3) && !order.holds(f64::NAN));
    }

    /// An expected contradiction is no surprise. One that vanishes is a surprise, and so is a value that is no number
    /// or that was measured on too little data, whatever was expected.
    #[test]
    fn a_verdict_that_differs_from_the_expected_one_is_told_in_both_directions() {
        let measured = |value: f64| Measured::new(value, "g");
        let (met, contradicted) = ("at_most = 1.0", "at_most = 1.0\nexpected = 'contradicted'");
        for (text, value, found, told) in [
            (met, 0.5, Verdict::Met, None),
            (met, 2.0, Verdict::Contradicted, Some("a is contradicted and was expected to be met")),
            (contradicted, 2.0, Verdict::Contradicted, None),
            (contradicted, 0.5, Verdict::Met, Some("a is met and was expected to be contradicted")),
            (met, f64::NAN, Verdict::Undecided, Some("a is undecided and was expected to be met")),
            (contradicted, f64::NAN, Verdict::Undecided, Some("a is undecided and was expected to be contradicted")),
            (contradicted, f64::INFINITY, Verdict::Contradicted, None),
        ] {
            let one = finding(text, measured(value));
            assert_eq!(one.verdict(), found, "{text} {value}");
            let expected = told.map(|told| format!("1 verdict is not as expected: {told}"));
            assert_eq!(surprises(&[one]), expected, "{text} {value}");
        }
        // Conditions of the claim decide it; those of the data decide whether it can be decided.
        assert_eq!(finding(met, measured(0.5).and("so", false)).verdict(), Verdict::Contradicted);
        let few = finding(contradicted, measured(2.0).given("20 seeds", false));
        assert_eq!(few.verdict(), Verdict::Undecided);
        let absent = Finding { measured: Err("why".to_owned()), ..finding(contradicted, measured(0.0)) };
        assert_eq!((absent.verdict(), surprises(&[absent])), (Verdict::NotRun, None));
    }

    #[test]
    fn each_reading_has_a_verdict_of_its_own() {
        let text =
            "at_most = 1.0\n[[claim.reading]]\nname = 'all'\nmeasure = 'e'\nat_most = 3.0\nexpected = 'contradicted'";
        let measured = |all: f64| Measured::new(0.5, "g").reading("all", Measured::new(all, "g"));
        let verdicts = |f: &Finding| f.judged().iter().map(|j| j.found).collect::<Vec<_>>();
        let apart = finding(text, measured(5.0));
        assert_eq!((verdicts(&apart), surprises(&[apart])), (vec![Verdict::Met, Verdict::Contradicted], None));
        let told = surprises(&[finding(text, measured(2.0)), finding("at_most = 0.1", measured(2.0))]);
        let words = "2 verdicts are not as expected: a (all) is met and was expected to be contradicted; a is contradicted and was expected to be met";
        assert_eq!(told.as_deref(), Some(words));
        // A reading that nothing measures is undecided.
        assert_eq!(verdicts(&finding(text, Measured::new(0.5, "g"))), [Verdict::Met, Verdict::Undecided]);
    }

    #[test]
    fn a_file_that_is_wrong_is_told_in_one_line() {
        for text in ["expected = 'maybe'", "kind = 'odd'", "at_mots = 1.0", "[[claim.reading]]\nname = 'x'"] {
            let error =
                parse(&format!("[[claim]]\nid='a'\nfigure='b'\nsays='c'\nmeasure='d'\n{text}")).expect_err(text);
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
