//! `trapline check`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use trapline::backend::reference::Reference;
use trapline::calibrate::spread::{self, Request, file::Plan as SpreadPlan};
use trapline::calibrate::{self, Problem};
use trapline::campaign::{Overrides, Plan};
use trapline::csv_file::{Columns, Reading, Wanted};
use trapline::files::{self, TextError};
use trapline::material;
use trapline::protocol::waveform;
use trapline::text::counted;
use trapline::toml_file;

use super::run::heading;
use super::{Failure, terminal};

const MORE: &str = "\
What a file is, is seen from what it holds: a campaign, a study or a qualification ([[material]]), a material ([film]), a fit ([[target]] or \
[[parameter]]), a waveform (program or file). What does not end in .toml is a file of columns: a measured curve or a waveform. Everything that can be wrong before anything is computed is told, in one line.

Exit codes: 0 when nothing is wrong; 1 when the file cannot be read; 2 when something is wrong in it.";

/// Says whether a campaign, a material, a fit, a study or a waveform can be used, without computing
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub struct Check {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The material that a fit starts from: with it the fit's parameters are looked at as well
    #[arg(long, value_name = "NAME")]
    material: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// What a file is, and what is to be said of it.
struct Found {
    kind: &'static str,
    lines: Vec<String>,
}

impl Check {
    /// # Errors
    /// [`Failure`]: the first thing that is wrong.
    pub fn run(self) -> Result<(), Failure> {
        let mut told = Vec::new();
        for path in &self.files {
            let found = self.found(path)?;
            let shown = path.display().to_string();
            if self.json {
                told.push(json!({ "file": shown, "kind": found.kind, "remarks": found.lines }));
            } else {
                let lines: String = found.lines.iter().map(|line| format!("  {line}\n")).collect();
                terminal::print(&format!("{shown}: {}; nothing is wrong\n{lines}", found.kind))?;
            }
        }
        if self.json { terminal::print_json(&told) } else { Ok(()) }
    }

    fn found(&self, path: &Path) -> Result<Found, Failure> {
        let shown = path.display().to_string();
        files::open(path).map_err(|e| Failure::Failed(format!("{shown}: cannot be read: {e}; check the path")))?;
        if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("toml")) {
            return of_columns(path);
        }
        let text = files::read_text(path).map_err(|error| match error {
            TextError::Unreadable(e) => Failure::Failed(format!("{shown}: cannot be read: {e}; check the path")),
            TextError::Content(what) => Failure::Usage(format!("{shown}: {what}")),
        })?;
        let table: toml::Table = toml_file::read(&text).map_err(|what| Failure::Usage(format!("{shown}: {what}")))?;
        let has = |key: &str| table.contains_key(key);
        if ["target", "parameter", "conditions", "spread", "devices"].into_iter().any(has) {
            self.of_fit(path)
        } else if has("bake") || table.get("material").is_some_and(|of| of.is_array()) {
            of_campaign(path, if has("study") { "a study" } else { "a campaign" })
        } else if has("film") || has("traps") || has("injection") {
            of_material(path)
        } else if has("program") || has("file") {
            of_waveform(path)
        } else {
            let keys = table.keys().take(4).cloned().collect::<Vec<_>>().join(", ");
            let what = if keys.is_empty() { "is empty".to_owned() } else { format!("begins with the keys {keys}") };
            Err(Failure::Usage(format!(
                "{shown}: {what}, so that it is no campaign, material, fit, study or waveform; `trapline init` writes one to begin with"
            )))
        }
    }

    fn of_fit(&self, path: &Path) -> Result<Found, Failure> {
        let fit = calibrate::file::read(path)?;
        let mut lines: Vec<String> =
            fit.targets.iter().filter_map(|target| target.aim.read_as().map(str::to_owned)).collect();
        if let Some(plan) = &fit.spread {
            return self.of_spread(plan);
        }
        let (parameters, targets) = (counted(fit.parameters.len(), "parameter"), counted(fit.targets.len(), "target"));
        lines.push(format!("{parameters}, {targets}"));
        match &self.material {
            None => {
                lines.push("its parameters were not looked up: give the material it starts from, --material".to_owned())
            }
            Some(name) => {
                let material = material::load(name, Path::new(".")).map_err(|e| Failure::Usage(e.to_string()))?;
                Problem::new(&material, name, fit, None, &Reference)?;
                lines.push(format!("{name}: has them all, and every target can be compared at the start"));
            }
        }
        Ok(Found { kind: "a fit", lines })
    }
}

impl Check {
    fn of_spread(&self, plan: &SpreadPlan) -> Result<Found, Failure> {
        let mut lines: Vec<String> = plan.blocks.iter().flat_map(|block| block.read_as()).collect();
        let devices: usize = plan.blocks.iter().map(|block| block.devices.len()).sum();
        let keys = plan.find.iter().map(|key| key.name()).collect::<Vec<_>>().join(", ");
        lines.push(format!("{}; sought: {keys}", counted(devices, "device")));
        match &self.material {
            None => lines.push("they were not compared: give the material they scatter about, --material".to_owned()),
            Some(name) => {
                let material = material::load(name, Path::new(".")).map_err(|e| Failure::Usage(e.to_string()))?;
                let backend = &Reference;
                let request = Request { material: &material, origin: name, plan, backend, fast: backend, chance: true };
                spread::check(&request)?;
                lines.push(format!("{name}: its nominal cell can be compared with them"));
            }
        }
        Ok(Found { kind: "a fit of a spread", lines })
    }
}

/// A file of columns: a measured curve where its names say so, else a waveform.
fn of_columns(path: &Path) -> Result<Found, Failure> {
    let bias = Wanted::needed("bias_v");
    let time = Wanted::needed("time_s");
    let kinds: [(&str, &[Wanted]); 4] = [
        ("a measured sweep", &[bias, Wanted::needed("current_a").with_gaps(), Wanted::optional("time_s")]),
        ("a measured retention curve", &[time, Wanted::needed("kept").with_gaps()]),
        ("a measured retention curve", &[time, Wanted::needed("conductance_s").with_gaps()]),
        ("a measured retention curve", &[time, Wanted::needed("current_a").with_gaps()]),
    ];
    let how = Reading::default();
    let Some((kind, wanted)) = kinds.into_iter().find(|(_, wanted)| Columns::keys_of(path, wanted, &how).is_ok())
    else {
        // Told as a waveform only where a column is one's: else by what would have made it any of them.
        let is_near =
            ["time_s", "bias_v"].iter().all(|key| Columns::keys_of(path, &[Wanted::needed(key)], &how).is_ok());
        return of_waveform(path).map_err(|failure| match failure {
            Failure::Usage(said) if !is_near => {
                let what = "no measured sweep (bias_v, current_a), retention curve (time_s and kept, conductance_s or current_a) or waveform \
                            (time_s, bias_v) is found";
                Failure::Usage(format!("{what}: {said}"))
            }
            other => other,
        });
    };
    let found = Columns::read(path, wanted, &how).map_err(|error| Failure::Usage(error.to_string()))?;
    if wanted.iter().any(|of| of.key == "time_s" && of.needed) {
        calibrate::check_times(&found).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let more =
        "trapline check FIT.toml says what a fit makes of it, and what may be said there where guessing does not do";
    Ok(Found { kind, lines: vec![found.understood(), more.to_owned()] })
}

fn of_waveform(path: &Path) -> Result<Found, Failure> {
    let found = waveform::read(path).map_err(|error| Failure::Usage(error.to_string()))?;
    let (count, all_s) = (found.segments.len(), found.segments.iter().map(|s| s.dwell_s).sum::<f64>());
    let ends = found
        .segments
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |ends, s| (ends.0.min(s.bias_v), ends.1.max(s.bias_v)));
    let (low, high) = ends;
    let what = format!("{}, {all_s:.6e} s in all, {low} to {high} V", counted(count, "segment"));
    Ok(Found { kind: "a waveform", lines: found.understood.into_iter().chain([what]).collect() })
}

fn of_material(path: &Path) -> Result<Found, Failure> {
    let name = path.display().to_string();
    let name = if name.contains('/') { name } else { format!("./{name}") };
    let material = material::load(&name, Path::new("")).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Found { kind: "a material", lines: vec![format!("{}: {}", material.name, material.description)] })
}

fn of_campaign(path: &Path, kind: &'static str) -> Result<Found, Failure> {
    let plan = Plan::load(path, &Overrides::default())?;
    let mut lines = vec![heading(&plan)];
    let mut remarks: Vec<&String> = plan.points.iter().flat_map(|point| &point.flags).collect();
    remarks.sort();
    remarks.dedup();
    lines.extend(remarks.into_iter().take(MOST_REMARKS).cloned());
    if plan.label.campaign_toml.contains("[qualification]") {
        lines.push("its parts are judged by trapline qualify".to_owned());
    }
    Ok(Found { kind, lines })
}

/// Remarks on the validity of the model that are told.
const MOST_REMARKS: usize = 8;
