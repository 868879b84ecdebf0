//! The fit file: TOML in, checked parameters and targets out.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::FitError;
use super::claim::{self, ClaimTarget, Role};
use super::curve_file::Files;
use super::parameter::{Parameter, Scale};
use super::spread::file::{self as spread_file, DevicesFile, Plan as SpreadPlan, SpreadFile};
use super::target::{Aim, Target};
use super::target_file::{CONDITIONS, TargetFile, all_taken};
use trapline_model::files::{self, TextError};

/// Version of the file format this program reads.
const FORMAT: i64 = 1;

/// What is fitted to what.
#[derive(Debug, Clone, Default)]
pub struct Fit {
    pub parameters: Vec<Parameter>,
    pub targets: Vec<Target>,
    /// The shipped material whose claims these are.
    pub claims_as: Option<Role>,
    /// The spread that is found in the place of parameters.
    pub spread: Option<SpreadPlan>,
    /// Files this was read from: the fit file, and the measured curves.
    pub inputs: Vec<PathBuf>,
}

impl Fit {
    /// Adds claims that are not among the targets yet: their ids, or `all` for all that speak of a material in the
    /// role.
    ///
    /// # Errors
    /// [`FitError::Request`] for an id that is not known.
    pub fn add_claims(&mut self, ids: &[String], role: Role) -> Result<(), FitError> {
        let all = ids.iter().any(|id| id == "all");
        let ids: Vec<&str> = if all { claim::ids(role) } else { ids.iter().map(String::as_str).collect() };
        for id in ids {
            let (target, quick) = ClaimTarget::new(id, None)?;
            let is_there = |t: &Target| matches!(&t.aim, Aim::Claim(known) if known.claim.id == id);
            if !self.targets.iter().any(is_there) {
                self.targets.push(Target { name: format!("claim {id}"), aim: Aim::Claim(target), check: !quick });
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FitFile {
    format: i64,
    claims_as: Option<String>,
    #[serde(default)]
    conditions: TargetFile,
    #[serde(default)]
    parameter: Vec<ParameterFile>,
    #[serde(default)]
    target: Vec<TargetFile>,
    spread: Option<SpreadFile>,
    #[serde(default)]
    devices: Vec<DevicesFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterFile {
    key: String,
    lower: f64,
    upper: f64,
    scale: Option<ScaleFile>,
    start: Option<f64>,
    with: Option<Vec<String>>,
    source: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ScaleFile {
    Log,
    Linear,
}

/// Reads a fit file; measured files are looked for beside it.
///
/// # Errors
/// [`FitError`].
pub fn read(path: &Path) -> Result<Fit, FitError> {
    let shown = path.display().to_string();
    let text = files::read_text(path).map_err(|error| match error {
        TextError::Unreadable(e) => FitError::file(&shown, format!("cannot be read: {e}; check the path")),
        TextError::Content(what) => FitError::file(&shown, what),
    })?;
    let base = path.parent().unwrap_or(Path::new("."));
    let mut fit = parse(&text, base).map_err(|error| match error {
        FitError::Request(message) => FitError::file(&shown, message),
        other => other,
    })?;
    fit.inputs.push(path.to_owned());
    Ok(fit)
}

/// Reads the text of a fit file; measured files are looked for from `base`.
///
/// # Errors
/// [`FitError`].
pub fn parse(text: &str, base: &Path) -> Result<Fit, FitError> {
    let file: FitFile = trapline_model::toml_file::read(text).map_err(FitError::request)?;
    if file.format != FORMAT {
        return Err(FitError::request(format!("key format is {}; this program reads {FORMAT}", file.format)));
    }
    if let Some(key) = file.conditions.stray() {
        let known = CONDITIONS.concat().join(", ");
        return Err(FitError::request(format!("key conditions.{key} is no condition; conditions are {known}")));
    }
    let parameters = file.parameter.into_iter().map(parameter).collect::<Result<Vec<_>, _>>()?;
    let (mut targets, files) = (Vec::new(), Files::default());
    for (number, target) in file.target.iter().enumerate() {
        let found = target.checked(&file.conditions, base, &files).map_err(|error| match error {
            FitError::Request(message) => FitError::request(format!("target[{number}]: {message}")),
            other => other,
        })?;
        targets.push(found);
    }
    if file.spread.is_some() && !(parameters.is_empty() && targets.is_empty()) {
        return Err(FitError::request(
            "it has [spread] beside [[parameter]] or [[target]]; fit the nominal cell first, into a material of its own, and find the \
             spread about that",
        ));
    }
    let spread = spread_file::plan(file.spread.as_ref(), &file.devices, &file.conditions, base)?;
    let devices = file.devices.iter().map(DevicesFile::target);
    all_taken(&file.conditions, &file.target.iter().cloned().chain(devices).collect::<Vec<_>>())?;
    let claims_as = file.claims_as.as_deref().map(Role::named).transpose()?;
    let devices = spread.iter().flat_map(|plan| plan.inputs.iter().cloned());
    let inputs = file.target.iter().filter_map(|target| target.measured(base)).chain(devices).collect();
    Ok(Fit { parameters, targets, claims_as, spread, inputs })
}

fn parameter(file: ParameterFile) -> Result<Parameter, FitError> {
    let scale = match file.scale {
        Some(ScaleFile::Log) => Scale::Log,
        Some(ScaleFile::Linear) => Scale::Linear,
        None => Scale::of(file.lower, file.upper),
    };
    let ParameterFile { key, lower, upper, start, with, source, .. } = file;
    let parameter = Parameter { key, with, lower, upper, scale, start, source };
    parameter.check()?;
    Ok(parameter)
}
