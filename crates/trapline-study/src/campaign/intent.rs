//! What the run that began a folder of points was asked to compute: its campaign, its points, its backend.
//!
//! The file `plan.json` is committed into the folder before the first point. Whoever holds the folder's lock and
//! finds its own intent there may take the points over by their names alone, ten thousand of them in well under a
//! second: a point file gets its name only once it is complete and on the disk. Every point is opened, and compared
//! with the campaign, when the record is merged.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use trapline_model::files;
use trapline_model::outcome::{Identity, Program};
use trapline_record::FORMAT_VERSION;

/// Name of the file in the folder of points.
pub(super) const NAME: &str = "plan.json";
/// Longest `plan.json` that is read, bytes: the campaign and each material have a mebibyte at most, and JSON may
/// escape a character as six.
const MAX_BYTES: u64 = 128 << 20;

/// What decides the values of a run's points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Intent {
    record_format: [i32; 2],
    campaign: String,
    overrides: Vec<String>,
    /// Name and text of each.
    materials: Vec<(String, String)>,
    /// Of each other file: see [`CampaignLabel::inputs`](trapline_model::outcome::CampaignLabel).
    #[serde(default)]
    inputs: Vec<String>,
    /// Numbers of the points the run is for.
    #[serde(default)]
    points: Vec<usize>,
    /// See [`computer`].
    computer: String,
    /// Version and commit of the program; points of several are not refused.
    program: String,
    /// Whether the run was told to replace outputs that exist.
    pub(super) replaces: bool,
}

impl Intent {
    pub(super) fn new(plan: &Plan, identity: &Identity, program: Program, replaces: bool) -> Intent {
        Intent {
            record_format: FORMAT_VERSION,
            campaign: plan.label.campaign_toml.clone(),
            overrides: plan.label.overrides.clone(),
            materials: plan.label.materials.clone(),
            inputs: plan.label.inputs.clone(),
            points: plan.numbers.clone(),
            computer: computer(identity),
            program: program.to_string(),
            replaces,
        }
    }

    /// Reads `plan.json` of a folder; the error says in words why it cannot be used.
    pub(super) fn read(path: &Path) -> Result<Intent, String> {
        let mut text = String::new();
        let file = files::open(path).map_err(|e| e.to_string())?;
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|e| e.to_string())?;
        serde_json::from_str(&text).map_err(|e| e.to_string())
    }

    pub(super) fn text(&self) -> String {
        // Cannot fail: every string and number has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The first difference that would change a point's values between the run that resumes and the one that began;
    /// `None` if there is none.
    pub(super) fn difference(&self, begun: &Intent) -> Option<String> {
        if self.record_format != begun.record_format {
            let [a, b] = [begun.record_format, self.record_format].map(|[major, minor]| format!("{major}.{minor}"));
            return Some(format!("the record's format was {a} and is {b}"));
        }
        if let Some(what) = changed("the campaign file", &begun.campaign, &self.campaign) {
            return Some(what);
        }
        if self.overrides != begun.overrides {
            let [was, is] = [begun, self].map(|intent| match intent.overrides.as_slice() {
                [] => "none".to_owned(),
                some => some.join(", "),
            });
            return Some(format!("the overrides of the command line were {was} and are {is}"));
        }
        if self.materials.len() != begun.materials.len() {
            return Some(format!("there were {} materials and are {}", begun.materials.len(), self.materials.len()));
        }
        for ((name, text), (name_then, text_then)) in self.materials.iter().zip(&begun.materials) {
            if name != name_then {
                return Some(format!("material {name_then} is now {name}"));
            }
            if let Some(what) = changed(&format!("material {name}"), text_then, text) {
                return Some(what);
            }
        }
        if self.inputs != begun.inputs {
            let [was, is] = [begun, self].map(|intent| match intent.inputs.as_slice() {
                [] => "none".to_owned(),
                some => some.join(", "),
            });
            return Some(format!("the files that it names were {was} and are {is}"));
        }
        if self.points != begun.points {
            let [was, is] = [begun, self].map(|intent| intent.points.len());
            return Some(format!("it was of {was} points of the campaign and is of {is}, or of others: another shard"));
        }
        other_computer(&begun.computer, &self.computer)
    }

    /// A remark where another version or commit of the program resumes the run.
    pub(super) fn other_program(&self, begun: &Intent) -> Option<String> {
        let Intent { program, .. } = self;
        (*program != begun.program)
            .then(|| format!("this run was begun by {} and goes on with {program}", begun.program))
    }
}

/// A name for the computers whose results agree bit for bit: the CPU backend on any machine, the reference, or GPUs
/// of one model with one driver, in whatever slot.
pub(super) fn computer(identity: &Identity) -> String {
    let Identity { backend, driver, .. } = identity;
    if backend == "gpu" { format!("gpu ({}, {driver})", identity.model()) } else { backend.clone() }
}

/// The message where values of one computer would stand beside those of another; `None` where both give the same bits.
pub(super) fn other_computer(was: &str, is: &str) -> Option<String> {
    (was != is).then(|| format!("it was computed by {was} and would be by {is}: they agree, but not bit by bit"))
}

/// The first line in which two texts differ.
fn changed(what: &str, was: &str, is: &str) -> Option<String> {
    if was == is {
        return None;
    }
    let (mut before, mut after) = (was.lines(), is.lines());
    for number in 1.. {
        let (old, new) = (before.next(), after.next());
        if old != new {
            let said = |line: Option<&str>| line.map_or("missing".to_owned(), |line| format!("{:?}", line.trim()));
            return Some(format!("line {number} of {what} was {} and is {}", said(old), said(new)));
        }
        if old.is_none() {
            break;
        }
    }
    Some(format!("{what} ends its lines in another way"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent() -> Intent {
        Intent {
            record_format: [1, 0],
            campaign: "a = 1\nb = 2\n".to_owned(),
            overrides: vec!["rows = 4".to_owned()],
            materials: vec![("pi".to_owned(), "c = 3\n".to_owned())],
            inputs: vec!["map.h5 (CRC-32 00000007)".to_owned()],
            points: vec![0, 1],
            computer: "cpu".to_owned(),
            program: "trapline 1 (x)".to_owned(),
            replaces: false,
        }
    }

    #[test]
    fn what_changes_values_is_named() {
        let begun = intent();
        assert_eq!(intent().difference(&begun), None);
        // Neither `replaces` nor the version of the program changes a value.
        let other = Intent { replaces: true, program: "trapline 2 (y)".to_owned(), ..intent() };
        assert_eq!(other.difference(&begun), None);
        assert!(other.other_program(&begun).is_some_and(|remark| remark.contains("trapline 2 (y)")));
        for (other, needed) in [
            (Intent { record_format: [2, 0], ..intent() }, "format was 1.0 and is 2.0"),
            (Intent { campaign: "a = 1\nb = 3\n".to_owned(), ..intent() }, "line 2 of the campaign file was \"b = 2\""),
            (Intent { campaign: "a = 1\n".to_owned(), ..intent() }, "and is missing"),
            (Intent { campaign: "a = 1\r\nb = 2\r\n".to_owned(), ..intent() }, "another way"),
            (Intent { overrides: Vec::new(), ..intent() }, "were rows = 4 and are none"),
            (Intent { materials: Vec::new(), ..intent() }, "there were 1 materials and are 0"),
            (Intent { materials: vec![("pi".to_owned(), "c = 4\n".to_owned())], ..intent() }, "line 1 of material pi"),
            (Intent { materials: vec![("qd".to_owned(), "c = 3\n".to_owned())], ..intent() }, "material pi is now qd"),
            (
                Intent { inputs: vec!["map.h5 (CRC-32 00000008)".to_owned()], ..intent() },
                "map.h5 (CRC-32 00000007) and are map.h5 (",
            ),
            (Intent { inputs: Vec::new(), ..intent() }, "(CRC-32 00000007) and are none"),
            (Intent { points: vec![0], ..intent() }, "was of 2 points of the campaign and is of 1"),
            (Intent { computer: "gpu (a, b)".to_owned(), ..intent() }, "by cpu and would be by gpu (a, b)"),
        ] {
            let what = other.difference(&begun).unwrap_or_default();
            assert!(what.contains(needed), "{what}");
        }
    }

    /// A run may go on with another GPU of the same kind, and with points of a version that did not say where one is
    /// plugged in.
    #[test]
    fn adapters_of_a_kind_are_one_computer() {
        let gpu = |adapter: &str| {
            computer(&Identity {
                backend: "gpu".to_owned(),
                adapter: adapter.to_owned(),
                driver: "550".to_owned(),
                instruction_set: "Vulkan".to_owned(),
                software: false,
            })
        };
        let plain = gpu("NVIDIA A100");
        assert_eq!(plain, "gpu (NVIDIA A100, 550)");
        assert_eq!(gpu(&Identity::placed("NVIDIA A100", "PCI 0000:65:00.0")), plain);
        assert_eq!(gpu(&Identity::placed("NVIDIA A100", "adapter 3")), plain);
        for other in ["NVIDIA A100 [80 GB]", "NVIDIA A10", "NVIDIA A100 PCI 0]"] {
            assert_ne!(gpu(other), plain);
        }
    }

    #[test]
    fn the_file_holds_the_intent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert!(Intent::read(&path).is_err());
        std::fs::write(&path, intent().text()).unwrap();
        assert_eq!(Intent::read(&path), Ok(intent()));
        std::fs::write(&path, &intent().text()[..40]).unwrap();
        assert!(Intent::read(&path).is_err());
    }
}
