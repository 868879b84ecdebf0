//! `[[target]]` of a fit file, and `[conditions]` of all of them: keys in, a checked target out.

mod setups;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::FitError;
use super::claim::ClaimTarget;
use super::curve_file::{self, Files, Whose};
use super::target::*;
use crate::experiment::pulse::Train;
use setups::Setups;
use trapline_model::csv_file::{ColumnName, Decimal, Reading};
use trapline_model::protocol::{MAX_DWELL_S, MIN_DWELL_S};
use trapline_model::text::counted;
use trapline_model::units::celsius_texts;

/// A target, and the conditions of all: flat, because serde loses the place of an error inside an enum.
#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetFile {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) claim: Option<String>,
    pub(super) target: Option<f64>,
    pub(super) tolerance: Option<f64>,
    pub(super) relative: Option<f64>,
    pub(super) check: Option<bool>,
    // Where on a curve.
    pub(super) from_v: Option<f64>,
    pub(super) to_v: Option<f64>,
    pub(super) bias_v: Option<f64>,
    pub(super) branch: Option<String>,
    pub(super) law: Option<String>,
    pub(super) time_s: Option<f64>,
    pub(super) key: Option<String>,
    pub(super) file: Option<String>,
    pub(super) floor_a: Option<f64>,
    // How a file is read.
    pub(super) columns: Option<BTreeMap<String, ColumnName>>,
    pub(super) delimiter: Option<String>,
    pub(super) decimal: Option<Decimal>,
    pub(super) skip: Option<usize>,
    pub(super) time_shift_s: Option<f64>,
    pub(super) compliance_a: Option<f64>,
    // Conditions.
    pub(super) temperature_c: Option<f64>,
    pub(super) sweep_to_v: Option<f64>,
    pub(super) step_v: Option<f64>,
    pub(super) dwell_s: Option<f64>,
    pub(super) amplitude_v: Option<f64>,
    pub(super) width_s: Option<f64>,
    pub(super) interval_s: Option<f64>,
    pub(super) pulses: Option<i64>,
    pub(super) read_v: Option<f64>,
    pub(super) read_s: Option<f64>,
    /// Whose curve of the file is meant, where it is of several devices; no key of a file.
    #[serde(skip)]
    pub(super) whose: Whose,
}

const SWEEP: &[&str] = &["sweep_to_v", "step_v", "dwell_s"];
const FILE: &[&str] = &["columns", "delimiter", "decimal", "skip", "time_shift_s"];
const PULSES: &[&str] = &["amplitude_v", "width_s", "interval_s", "pulses", "read_v", "read_s"];
pub(super) const CONDITIONS: &[&[&str]] = &[&["temperature_c"], SWEEP, PULSES];

/// Most pulses of a train.
const MAX_PULSES: u32 = 10_000;

/// Keys of a kind beside `kind`, `name`, `check`, `temperature_c` and its widths.
fn keys_of(kind: &str) -> Option<Vec<&'static str>> {
    let with = |own: &[&'static str], setup: &[&'static str]| Some([own, setup].concat());
    match kind {
        "slope" | "linearity" => with(&["target", "from_v", "to_v", "branch", "law"], SWEEP),
        "current" | "filling" => with(&["target", "bias_v", "branch"], SWEEP),
        "memory_ratio" => with(&["target", "bias_v"], SWEEP),
        "energy" | "conductance_rise" | "filling_after" => with(&["target"], PULSES),
        "retained" => with(&["target", "time_s"], PULSES),
        "parameter" => with(&["target", "key"], &[]),
        "iv_csv" => with(&["file", "dwell_s", "floor_a", "compliance_a"], FILE),
        "retention_csv" => with(&["file"], &[FILE, PULSES].concat()),
        _ => None,
    }
}

/// Whether a kind takes a condition.
fn kind_takes(kind: &str, condition: &str) -> bool {
    keys_of(kind).is_some_and(|keys| condition == "temperature_c" || keys.contains(&condition))
}

const KINDS: &str = "slope, linearity, current, memory_ratio, filling, energy, conductance_rise, filling_after, retained, parameter, iv_csv, \
                     retention_csv";

/// Refuses a condition of all that no target takes. One that all of them override stays a default.
pub(super) fn all_taken(common: &TargetFile, targets: &[TargetFile]) -> Result<(), FitError> {
    let Some(key) = common.given().into_iter().find(|key| !targets.iter().any(|target| target.takes(key))) else {
        return Ok(());
    };
    let kinds: Vec<&str> = KINDS.split(", ").filter(|kind| kind_takes(kind, key)).collect();
    Err(FitError::request(format!(
        "key conditions.{key} counts for nothing: it is taken by {}, of which there is no target; leave it out",
        kinds.join(", ")
    )))
}

impl TargetFile {
    /// Names of the keys that are given, `kind`, `name`, `check` and the widths left out.
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("claim", self.claim.is_some()),
            ("target", self.target.is_some()),
            ("from_v", self.from_v.is_some()),
            ("to_v", self.to_v.is_some()),
            ("bias_v", self.bias_v.is_some()),
            ("branch", self.branch.is_some()),
            ("law", self.law.is_some()),
            ("time_s", self.time_s.is_some()),
            ("key", self.key.is_some()),
            ("file", self.file.is_some()),
            ("floor_a", self.floor_a.is_some()),
            ("columns", self.columns.is_some()),
            ("delimiter", self.delimiter.is_some()),
            ("decimal", self.decimal.is_some()),
            ("skip", self.skip.is_some()),
            ("time_shift_s", self.time_shift_s.is_some()),
            ("compliance_a", self.compliance_a.is_some()),
            ("temperature_c", self.temperature_c.is_some()),
            ("sweep_to_v", self.sweep_to_v.is_some()),
            ("step_v", self.step_v.is_some()),
            ("dwell_s", self.dwell_s.is_some()),
            ("amplitude_v", self.amplitude_v.is_some()),
            ("width_s", self.width_s.is_some()),
            ("interval_s", self.interval_s.is_some()),
            ("pulses", self.pulses.is_some()),
            ("read_v", self.read_v.is_some()),
            ("read_s", self.read_s.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }

    /// The first key that is given and is no condition.
    pub(super) fn stray(&self) -> Option<&'static str> {
        let own = [
            ("kind", self.kind.is_some()),
            ("name", self.name.is_some()),
            ("check", self.check.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("relative", self.relative.is_some()),
        ];
        let own = own.into_iter().filter(|(_, given)| *given).map(|(key, _)| key);
        own.chain(self.given()).find(|key| !CONDITIONS.concat().contains(key))
    }

    /// A measured curve of one of several devices, by the target of its kind with the keys that all of them have. It is
    /// in a file of its own, in a column of its own, or in the lines with its number.
    pub(super) fn of_one(&self, file: &str, column: Option<(&str, ColumnName)>, whose: Whose) -> TargetFile {
        let mut one = TargetFile { file: Some(file.to_owned()), whose, ..self.clone() };
        if let Some((key, name)) = column {
            one.columns.get_or_insert_default().insert(key.to_owned(), name);
        }
        one
    }

    /// The file of a measured curve; none where there is none.
    pub(super) fn measured(&self, base: &Path) -> Option<PathBuf> {
        self.file.as_ref().map(|file| base.join(file))
    }

    /// Whether its kind takes a condition, be it that of all or one of its own. A claim has its own.
    fn takes(&self, condition: &str) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind_takes(kind, condition))
    }

    pub(super) fn checked(&self, common: &TargetFile, base: &Path, files: &Files) -> Result<Target, FitError> {
        let (aim, quick) = match (&self.kind, &self.claim) {
            (None, Some(id)) => self.claimed(id)?,
            (Some(kind), None) => (self.of_kind(kind, common, base, files)?, true),
            _ => return Err(FitError::request(format!("it must have one of claim and kind; kinds are {KINDS}"))),
        };
        let default = || match (&self.claim, &self.kind, &self.file, &self.key) {
            (Some(id), ..) => format!("claim {id}"),
            (_, _, Some(file), _) => file.clone(),
            (_, _, _, Some(key)) => key.clone(),
            (_, Some(kind), ..) => kind.clone(),
            _ => String::new(),
        };
        let name = self.name.clone().unwrap_or_else(default);
        Ok(Target { name, aim, check: self.check.unwrap_or(!quick) })
    }

    fn claimed(&self, id: &str) -> Result<(Aim, bool), FitError> {
        if let Some(key) = self.given().iter().find(|key| **key != "claim") {
            return Err(FitError::request(format!("{key} is given, but a claim has its own: leave it out")));
        }
        if self.relative.is_some() {
            return Err(FitError::request("relative is given, but a claim takes tolerance only: leave it out"));
        }
        let tolerance = self.tolerance.map(|t| positive("tolerance", t)).transpose()?;
        let (target, quick) = ClaimTarget::new(id, tolerance)?;
        Ok((Aim::Claim(target), quick))
    }

    fn of_kind(&self, kind: &str, common: &TargetFile, base: &Path, files: &Files) -> Result<Aim, FitError> {
        let Some(keys) = keys_of(kind) else {
            return Err(FitError::request(format!("kind is {kind:?}; it must be one of {KINDS}")));
        };
        let foreign = |key: &&&str| **key != "temperature_c" && !keys.contains(key);
        if let Some(key) = self.given().iter().find(foreign) {
            let keys = keys.join(", ");
            return Err(FitError::request(format!("{key} is given, but kind {kind} takes {keys}: leave it out")));
        }
        let ready = Setups { own: self, common };
        match kind {
            "iv_csv" => self.iv(&ready, base, files).map(Aim::Iv),
            "retention_csv" => self.retention(&ready, base, files).map(Aim::Retention),
            _ => {
                let target = self.needs("target", self.target)?;
                let width = self.width()?;
                if matches!(width, Width::Relative(_)) && target == 0.0 {
                    return Err(FitError::request("relative is given, but the target is 0: give tolerance instead"));
                }
                Ok(Aim::Number { of: self.measure(kind, &ready)?, target, width })
            }
        }
    }

    fn measure(&self, kind: &str, ready: &Setups) -> Result<Measure, FitError> {
        let bias = |sweep: &SweepSetup| {
            let bias_v = self.needs("bias_v", self.bias_v)?;
            let steps = bias_v / sweep.step_v;
            let on_grid = bias_v != 0.0 && (steps - steps.round()).abs() < 1e-6;
            if on_grid && bias_v.signum() == sweep.to_v.signum() && bias_v.abs() <= sweep.to_v.abs() + 1e-9 {
                return Ok(bias_v);
            }
            Err(FitError::request(format!(
                "bias_v is {bias_v:?}; it must be a step of the sweep: of {:?} V up to {:?} V",
                sweep.step_v, sweep.to_v
            )))
        };
        Ok(match kind {
            "slope" => {
                let sweep = ready.sweep()?;
                Measure::Slope { sweep, window: self.window(&sweep)? }
            }
            "linearity" => {
                let sweep = ready.sweep()?;
                Measure::Linearity { sweep, window: self.window(&sweep)? }
            }
            "memory_ratio" => {
                let sweep = ready.sweep()?;
                Measure::MemoryRatio { sweep, bias_v: bias(&sweep)? }
            }
            "current" | "filling" => {
                let (sweep, branch) = (ready.sweep()?, self.branch()?);
                let bias_v = bias(&sweep)?;
                match kind {
                    "current" => Measure::Current { sweep, branch, bias_v },
                    _ => Measure::Filling { sweep, branch, bias_v },
                }
            }
            "energy" => Measure::Energy { pulses: ready.pulses()? },
            "conductance_rise" => Measure::ConductanceRise { pulses: ready.pulses()? },
            "filling_after" => Measure::FillingAfter { pulses: ready.pulses()? },
            "retained" => {
                let time_s = positive("time_s", self.needs("time_s", self.time_s)?)?;
                Measure::Retained { pulses: ready.pulses()?, time_s }
            }
            _ => Measure::Parameter { key: self.needs("key", self.key.clone())? },
        })
    }

    fn window(&self, sweep: &SweepSetup) -> Result<Window, FitError> {
        let (from_v, to_v) = (self.needs("from_v", self.from_v)?, self.needs("to_v", self.to_v)?);
        let steps = (to_v - from_v) / sweep.step_v;
        if !(from_v > 0.0 && to_v <= sweep.to_v.abs() + 1e-9 && steps > 2.0 - 1e-6) {
            return Err(FitError::request(format!(
                "the window is {from_v:?} to {to_v:?} V; it must be magnitudes above 0 within the sweep to {:?} V, and two steps of \
                 {:?} V wide",
                sweep.to_v, sweep.step_v
            )));
        }
        let name = self.law.as_deref().unwrap_or("power");
        let Some(law) = Law::named(name) else {
            return Err(FitError::request(format!(
                "law is {name:?}; it must be \"power\", \"hopping\", \"tunnelling\" or \"direct\""
            )));
        };
        Ok(Window { branch: self.branch()?, law, from_v, to_v })
    }

    fn iv(&self, ready: &Setups, base: &Path, files: &Files) -> Result<MeasuredIv, FitError> {
        let path = base.join(self.needs("file", self.file.clone())?);
        let Width::Relative(relative) = self.width()? else {
            return Err(FitError::request("tolerance is given, but currents have relative errors: give relative"));
        };
        let floor_a = self.floor_a.map(|f| positive("floor_a", f)).transpose()?;
        let dwell = |dwell_s: f64| {
            let limits = MIN_DWELL_S..=MAX_DWELL_S;
            let limit = || format!("dwell_s is {dwell_s:?}; it must be {MIN_DWELL_S:?} to {MAX_DWELL_S:?} s");
            if limits.contains(&dwell_s) { Ok(dwell_s) } else { Err(FitError::request(limit())) }
        };
        let sweep = curve_file::Sweep {
            how: self.reading(),
            shift_s: self.shift()?,
            own_dwell_s: self.dwell_s.map(dwell).transpose()?,
            common_dwell_s: ready.common.dwell_s.map(dwell).transpose()?,
            compliance_a: self.compliance()?,
            signs_differ: floor_a.is_some(),
            whose: self.whose,
        };
        let read = sweep.read(&path, files)?;
        let (points, dwells_s, ambient_k) = (read.points, read.dwells_s, ready.ambient_k()?);
        let read_as = format!("{}; compared at {} °C", read.read_as, celsius_texts(&[ambient_k]).concat());
        Ok(MeasuredIv { ambient_k, points, dwells_s, relative, floor_a, read_as })
    }

    fn retention(&self, ready: &Setups, base: &Path, files: &Files) -> Result<MeasuredRetention, FitError> {
        let path = base.join(self.needs("file", self.file.clone())?);
        let (width, pulses) = (self.width()?, ready.pulses()?);
        let kept = match width {
            Width::Absolute(_) => Kept::Window,
            Width::Relative(_) => Kept::Conductance,
        };
        let (points, read_as) =
            curve_file::retention(&path, kept, pulses.read_v, &self.reading(), self.shift()?, (self.whose, files))?;
        let Train { amplitude_v, width_s, count, .. } = pulses.train;
        let celsius = celsius_texts(&[pulses.ambient_k]).concat();
        let read_as = format!(
            "{read_as}; compared at {celsius} °C after {} of {amplitude_v} V, {width_s} s",
            counted(count as usize, "pulse")
        );
        Ok(MeasuredRetention { pulses, kept, points, width, read_as })
    }

    /// How the file is read where guessing does not do.
    pub(super) fn reading(&self) -> Reading {
        let (columns, delimiter) = (self.columns.clone().unwrap_or_default(), self.delimiter.clone());
        Reading { columns, delimiter, decimal: self.decimal, skip: self.skip }
    }

    fn compliance(&self) -> Result<Option<f64>, FitError> {
        match self.compliance_a {
            Some(limit_a) if !(0.0..=1e3).contains(&limit_a) => Err(FitError::request(format!(
                "compliance_a is {limit_a:?}; it must be the instrument's limit of the current in A, or 0 for none"
            ))),
            given => Ok(given),
        }
    }

    fn shift(&self) -> Result<Option<f64>, FitError> {
        match self.time_shift_s {
            Some(shift_s) if shift_s.is_nan() || shift_s.abs() > 1e12 => {
                Err(FitError::request(format!("time_shift_s is {shift_s:?}; it must be at most 1e12 of either sign")))
            }
            given => Ok(given),
        }
    }

    fn needs<T>(&self, key: &str, value: Option<T>) -> Result<T, FitError> {
        let kind = self.kind.as_deref().unwrap_or_default();
        value.ok_or_else(|| FitError::request(format!("{key} is missing: kind {kind} needs it")))
    }

    fn width(&self) -> Result<Width, FitError> {
        match (self.tolerance, self.relative) {
            (Some(error), None) => width("tolerance", error).map(Width::Absolute),
            (None, Some(share)) => width("relative", share).map(Width::Relative),
            _ => Err(FitError::request(
                "it must have one of tolerance (standard error in the target's unit) and relative (as a share of it)",
            )),
        }
    }

    fn branch(&self) -> Result<Branch, FitError> {
        match self.branch.as_deref() {
            None | Some("forward") => Ok(Branch::Forward),
            Some("return") => Ok(Branch::Return),
            Some(other) => Err(FitError::request(format!("branch is {other:?}; it must be \"forward\" or \"return\""))),
        }
    }
}

fn positive(key: &str, value: f64) -> Result<f64, FitError> {
    if value > 0.0 && value <= 1e12 {
        return Ok(value);
    }
    Err(FitError::request(format!("{key} is {value:?}; it must be more than 0 and at most 1e12")))
}

/// Least width of a target, in its unit or as a share: the squares of what is off by one part in 1e16 of it stay
/// finite.
const LEAST_WIDTH: f64 = 1e-30;

fn width(key: &str, value: f64) -> Result<f64, FitError> {
    if (LEAST_WIDTH..=1e12).contains(&value) {
        return Ok(value);
    }
    Err(FitError::request(format!("{key} is {value:?}; it must be {LEAST_WIDTH:e} to 1e12")))
}
