//! A campaign, checked: what runs need, and what records say.

use std::path::{Path, PathBuf};

use super::check::{self, MAX_MATERIALS, MAX_SUBSTEPS, MAX_TEMPERATURES};
use super::error::{Bad, CampaignError};
use super::file::{CampaignFile, FORMAT, MaterialFile};
use super::flags::flags;
use super::times::{Times, times};
use crate::array::{ArrayShape, MAX_LINES};
use crate::backend::job::{Job, JobSpec, MAX_BINS, ReadOut};
use crate::files::{self, TextError};
use crate::material::{self, Material};
use crate::outcome::{CampaignLabel, PointLabel};
use crate::protocol::{self, Part};
use crate::toml_file;
use crate::units::kelvin;

const DEFAULT_READ_V: f64 = 0.1;
const DEFAULT_KEPT_BELOW: f64 = 0.9;
const DEFAULT_BINS: i64 = 64;

/// What the command line puts in the place of the file's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub rows: Option<u64>,
    pub cols: Option<u64>,
    pub seed: Option<u64>,
}

impl Overrides {
    /// As the record tells them.
    fn told(&self) -> Vec<String> {
        let all = [("rows", self.rows), ("cols", self.cols), ("seed", self.seed)];
        all.into_iter().filter_map(|(name, value)| Some(format!("{name} = {}", value?))).collect()
    }
}

/// A material and its programming.
#[derive(Debug, Clone, PartialEq)]
struct Programmed {
    material: Material,
    program: Vec<Part>,
}

/// A campaign whose every value is within its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What the record says of the campaign.
    pub label: CampaignLabel,
    /// The points in the order of their numbers: material by material, in the order of the temperatures.
    pub points: Vec<PointLabel>,
    pub shape: ArrayShape,
    pub variation: bool,
    pub substeps: Option<u32>,
    /// The files the plan was read from: the campaign's, and those of materials that are not shipped.
    pub inputs: Vec<PathBuf>,
    materials: Vec<Programmed>,
}

impl Plan {
    /// Reads a campaign file and the materials it names.
    ///
    /// # Errors
    /// [`CampaignError`]: a file that cannot be read, is not a campaign, or holds a value outside its limit.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Plan, CampaignError> {
        let shown = path.display().to_string();
        let text = files::read_text(path).map_err(|error| match error {
            TextError::Unreadable(source) => CampaignError::Unreadable { path: shown.clone(), source },
            TextError::Content(what) => {
                let message = format!("{what}; give a campaign file, such as campaigns/bake.toml");
                CampaignError::Syntax { path: shown.clone(), message }
            }
        })?;
        let mut plan = Plan::parse(&text, &shown, path.parent().unwrap_or(Path::new("")), overrides)?;
        plan.inputs.insert(0, path.to_owned());
        Ok(plan)
    }

    /// As [`Plan::load`], of a text; `origin` names it in errors, `base` is the folder its paths are seen from.
    ///
    /// # Errors
    /// As [`Plan::load`].
    pub fn parse(text: &str, origin: &str, base: &Path, overrides: &Overrides) -> Result<Plan, CampaignError> {
        let path = origin.to_owned();
        let file: CampaignFile = match toml_file::read(text) {
            Ok(file) => file,
            Err(message) => return Err(CampaignError::Syntax { path, message }),
        };
        let materials = materials(&file.material, origin, base)?;
        let mut plan = build(text, &file, materials, overrides).map_err(|bad| CampaignError::Value { path, bad })?;
        plan.inputs = file.material.iter().filter_map(|of| material::path_of(&of.name_or_path, base)).collect();
        Ok(plan)
    }

    /// The cells of all points together: what progress is counted in.
    pub fn cells(&self) -> u64 {
        self.shape.cells().saturating_mul(self.points.len() as u64)
    }

    /// The point of this number, ready to compute.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn job(&self, number: usize) -> Job {
        let point = &self.points[number];
        let of = &self.materials[point.material_index];
        Job::new(&JobSpec {
            material: &of.material,
            variation: self.variation,
            seed: self.label.seed,
            shape: self.shape,
            program_k: self.label.program_k.unwrap_or(point.temperature_k),
            bake_k: point.temperature_k,
            profile: None,
            program: &protocol::segments(&of.program),
            substeps: self.substeps,
            times_s: &self.label.times_s[1..],
            read_v: self.label.read_v,
            read_k: point.temperature_k,
            kept_threshold: self.label.kept_threshold,
            bins: self.label.bins,
        })
    }
}

/// Reads the materials.
fn materials(files: &[MaterialFile], origin: &str, base: &Path) -> Result<Vec<Material>, CampaignError> {
    let value = |bad| CampaignError::Value { path: origin.to_owned(), bad };
    check::not_empty("material", files.len(), "one material").map_err(value)?;
    check::at_most("material", files.len(), MAX_MATERIALS).map_err(value)?;
    let mut materials: Vec<Material> = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let key = format!("material[{i}].use");
        let material = material::load(&file.name_or_path, base).map_err(|error| CampaignError::Material {
            path: origin.to_owned(),
            key: key.clone(),
            text: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
            error: Box::new(error),
        })?;
        if materials.iter().any(|other| other.name == material.name) {
            let limit = "a material of another name; give copies names of their own";
            return Err(value(Bad::key(key, format!("a second {:?}", material.name), limit)));
        }
        materials.push(material);
    }
    Ok(materials)
}

/// Checks every value and puts the plan together.
fn build(text: &str, file: &CampaignFile, materials: Vec<Material>, overrides: &Overrides) -> Result<Plan, Bad> {
    if file.format != FORMAT {
        return Err(Bad::key("format", file.format, format!("{FORMAT}; a newer format needs a newer trapline")));
    }
    if !files::is_name(&file.name) {
        return Err(Bad::key("name", format!("{:?}", file.name), files::NAME_LIMIT));
    }
    let shape = ArrayShape {
        rows: lines("rows", file.array.rows, overrides.rows)?,
        cols: lines("cols", file.array.cols, overrides.cols)?,
    };
    let seed = check::whole("seed", file.seed, 0, i64::MAX as u64)?;
    let seed = overrides.seed.unwrap_or(seed);

    let temperatures_k = temperatures(&file.bake.temperatures_c)?;
    let Times { axis_s, report_s } = times(&file.bake, file.report.as_ref())?;
    let mut times_s = vec![0.0];
    times_s.extend(axis_s);

    let program = file.program.as_ref();
    let program_c = program.and_then(|p| p.temperature_c);
    let program_k = program_c.map(|t| check::temperature("program.temperature_c", t).map(kelvin)).transpose()?;
    let substeps = program.and_then(|p| p.substeps);
    let substeps = substeps.map(|n| check::whole("program.substeps", n, 1, MAX_SUBSTEPS)).transpose()?;

    let read_v = check::bias("read.bias_v", file.read.as_ref().map_or(DEFAULT_READ_V, |r| r.bias_v))?;
    let kept_below = file.failure.as_ref().map_or(DEFAULT_KEPT_BELOW, |f| f.kept_below);
    let kept_threshold = check::positive("failure.kept_below", kept_below, check::MAX_KEPT_BELOW, "")?;
    let bins = file.histogram.as_ref().map_or(DEFAULT_BINS, |h| h.bins);
    let bins = check::whole("histogram.bins", bins, 1, MAX_BINS as u64)? as usize;
    let dump = file.dump.as_ref().map(|d| check::dump(d, shape, times_s.len())).transpose()?;
    check::record_size(materials.len() * temperatures_k.len(), times_s.len(), bins)?;

    let physics = file.physics.as_ref();
    let relaxes = physics.and_then(|p| p.matrix_relaxation) != Some(false);
    let broadens = physics.and_then(|p| p.thermal_broadening) != Some(false);
    let mut programmed = Vec::new();
    for (i, (mut material, of)) in materials.into_iter().zip(&file.material).enumerate() {
        let program = check::program(&format!("material[{i}].program"), &of.program)?;
        if !relaxes {
            material = material.without_matrix();
        }
        material.injection.thermal_broadening &= broadens;
        programmed.push(Programmed { material, program });
    }

    let mut points = Vec::new();
    for (material_index, of) in programmed.iter().enumerate() {
        for (temperature_index, &temperature_k) in temperatures_k.iter().enumerate() {
            check::read_out(&of.material, &ReadOut::new(&of.material, read_v, temperature_k), temperature_k)?;
            let flags = flags(&of.material, &of.program, program_k.unwrap_or(temperature_k), temperature_k, read_v);
            points.push(PointLabel {
                number: points.len(),
                material_index,
                material: of.material.name.clone(),
                temperature_index,
                temperature_k,
                flags,
            });
        }
    }
    let label = CampaignLabel {
        name: file.name.clone(),
        campaign_toml: text.to_owned(),
        overrides: overrides.told(),
        materials: programmed.iter().map(|of| (of.material.name.clone(), of.material.text.clone())).collect(),
        temperatures_k,
        times_s,
        bins,
        rows: shape.rows,
        cols: shape.cols,
        seed,
        read_v,
        program_k,
        kept_threshold,
        report_times_s: report_s,
        dump,
    };
    Ok(Plan {
        label,
        points,
        shape,
        variation: file.variation,
        substeps: substeps.map(|n| n as u32),
        inputs: Vec::new(),
        materials: programmed,
    })
}

/// Rows or columns: the file's are checked even where the command line has others.
fn lines(name: &str, in_file: i64, asked: Option<u64>) -> Result<u64, Bad> {
    let in_file = check::whole(&format!("array.{name}"), in_file, 1, MAX_LINES)?;
    match asked {
        None => Ok(in_file),
        Some(number) if (1..=MAX_LINES).contains(&number) => Ok(number),
        Some(number) => {
            Err(Bad { what: format!("--{name}"), value: number.to_string(), limit: format!("1 to {MAX_LINES}") })
        }
    }
}

/// Bake temperatures in kelvin, all different.
fn temperatures(in_celsius: &[f64]) -> Result<Vec<f64>, Bad> {
    const KEY: &str = "bake.temperatures_c";
    check::not_empty(KEY, in_celsius.len(), "one temperature")?;
    check::at_most(KEY, in_celsius.len(), MAX_TEMPERATURES)?;
    let mut found: Vec<f64> = Vec::new();
    for (i, &value) in in_celsius.iter().enumerate() {
        let key = format!("{KEY}[{i}]");
        let temperature_k = kelvin(check::temperature(&key, value)?);
        if found.contains(&temperature_k) {
            return Err(Bad::key(key, format!("{value:?} for the second time"), "another temperature"));
        }
        found.push(temperature_k);
    }
    Ok(found)
}
