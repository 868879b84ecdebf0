//! From a campaign file to a plan: every place of the sweeps checked, its materials read and changed, its points numbered.

use std::path::Path;
use std::sync::Arc;

use super::check::{self, MAX_MATERIALS, MAX_SUBSTEPS, MAX_TEMPERATURES};
use super::error::{Bad, CampaignError};
use super::file::{CampaignFile, FORMAT, MaterialFile};
use super::flags::flags;
use super::plan::{Case, Overrides, Plan, Programmed};
use super::sweep::{Parameter, Sweeps};
use super::times::{Times, times};
use crate::array::{ArrayShape, MAX_LINES};
use crate::backend::job::{MAX_BINS, ReadOut};
use crate::files;
use crate::material::draft::Draft;
use crate::material::{self, Material};
use crate::outcome::{CampaignLabel, PointLabel, PointSettings};
use crate::protocol::Profile;
use crate::units::kelvin;

const DEFAULT_READ_V: f64 = 0.1;
const DEFAULT_KEPT_BELOW: f64 = 0.9;
const DEFAULT_BINS: i64 = 64;

/// Reads the materials.
pub(super) fn materials(files: &[MaterialFile], origin: &str, base: &Path) -> Result<Vec<Material>, CampaignError> {
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

/// A plan in the making.
pub(super) struct Build {
    pub(super) sweeps: Sweeps,
    label: CampaignLabel,
    points: Vec<PointLabel>,
    cases: Vec<Case>,
    /// Materials that were changed before, with what was changed: cases share them.
    changed: Vec<(Vec<Parameter>, Vec<Material>)>,
    materials: Vec<Material>,
}

impl Build {
    /// Checks what all points share.
    pub(super) fn new(
        text: &str,
        file: &CampaignFile,
        materials: Vec<Material>,
        overrides: &Overrides,
    ) -> Result<Build, Bad> {
        if file.format != FORMAT {
            return Err(Bad::key("format", file.format, format!("{FORMAT}; a newer format needs a newer trapline")));
        }
        if !files::is_name(&file.name) {
            return Err(Bad::key("name", format!("{:?}", file.name), files::NAME_LIMIT));
        }
        let sweeps = Sweeps::read(file.sweep.as_deref().unwrap_or_default())?;
        for (option, key, given) in [
            ("--rows", "array.rows", overrides.rows.is_some()),
            ("--cols", "array.cols", overrides.cols.is_some()),
            ("--seed", "seed", overrides.seed.is_some()),
        ] {
            if given && sweeps.changes(key) {
                let what = format!("the option {option}");
                return Err(Bad { what, value: "given".to_owned(), limit: format!("left out: the file sweeps {key}") });
            }
        }
        let temperatures_k = temperatures(&file.bake.temperatures_c)?;
        let qualification = file.qualification.as_ref();
        let Times { axis_s, report_s } = times(&file.bake, file.report.as_ref(), qualification.map(|of| of.after_s))?;
        if let Some(of) = qualification {
            check::qualification(of, &sweeps.axes)?;
        }
        let mut times_s = vec![0.0];
        times_s.extend(axis_s);
        let bins = file.histogram.as_ref().map_or(DEFAULT_BINS, |h| h.bins);
        let bins = check::whole("histogram.bins", bins, 1, MAX_BINS as u64)? as usize;
        let points = sweeps.cases().saturating_mul(materials.len() * temperatures_k.len());
        check::points(points)?;
        check::record_size(points, times_s.len(), bins)?;
        let label = CampaignLabel {
            name: file.name.clone(),
            campaign_toml: text.to_owned(),
            overrides: overrides.told(),
            sweeps: sweeps.axes.clone(),
            materials: materials.iter().map(|of| (of.name.clone(), of.text.clone())).collect(),
            temperatures_k,
            times_s,
            bins,
            report_times_s: report_s,
            dump: None,
            settings: Vec::with_capacity(points),
        };
        Ok(Build { sweeps, label, points: Vec::new(), cases: Vec::new(), changed: Vec::new(), materials })
    }

    /// Checks a case and adds its points. `file` is the campaign file with the values of the case.
    pub(super) fn case(
        &mut self,
        file: &CampaignFile,
        parameters: &[Parameter],
        overrides: &Overrides,
    ) -> Result<(), Bad> {
        let shape = ArrayShape {
            rows: lines("rows", file.array.rows, overrides.rows)?,
            cols: lines("cols", file.array.cols, overrides.cols)?,
        };
        let seed = check::whole("seed", file.seed, 0, i64::MAX as u64)?;
        let offset = check::whole("seed_offset", file.seed_offset.unwrap_or(0), 0, i64::MAX as u64)?;
        let seed = overrides.seed.unwrap_or(seed).wrapping_add(offset);
        let program = file.program.as_ref();
        let program_c = program.and_then(|p| p.temperature_c);
        let program_k = program_c.map(|t| check::temperature("program.temperature_c", t).map(kelvin)).transpose()?;
        let substeps = program.and_then(|p| p.substeps);
        let substeps = substeps.map(|n| check::whole("program.substeps", n, 1, MAX_SUBSTEPS)).transpose()?;
        let read = file.read.as_ref();
        let read_v = check::bias("read.bias_v", read.and_then(|r| r.bias_v).unwrap_or(DEFAULT_READ_V))?;
        let read_c = read.and_then(|r| r.temperature_c);
        let read_k = read_c.map(|t| check::temperature("read.temperature_c", t).map(kelvin)).transpose()?;
        let profile = check::profile(&file.bake)?;
        let legs = profile.iter().flat_map(Profile::legs);
        let hottest_leg_k = legs.filter_map(|leg| leg.temperature_k).fold(0.0, f64::max);
        let kept_below = file.failure.as_ref().map_or(DEFAULT_KEPT_BELOW, |f| f.kept_below);
        let kept_threshold = check::positive("failure.kept_below", kept_below, check::MAX_KEPT_BELOW, "")?;
        let dump = file.dump.as_ref().map(|d| check::dump(d, shape, self.label.times_s.len())).transpose()?;
        self.label.dump = dump;

        let materials = self.programmed(file, parameters)?;
        for (material_index, of) in materials.iter().enumerate() {
            for (temperature_index, &temperature_k) in self.label.temperatures_k.iter().enumerate() {
                let read_k = read_k.unwrap_or(temperature_k);
                check::read_out(&of.material, &ReadOut::new(&of.material, read_v, read_k), read_k)?;
                let program_k = program_k.unwrap_or(temperature_k);
                let hottest_k = temperature_k.max(hottest_leg_k);
                let flags = flags(&of.material, &of.program, program_k, hottest_k, read_v);
                let place = self.label.place(self.points.len());
                let ArrayShape { rows, cols } = shape;
                let settings = PointSettings { rows, cols, seed, read_v, read_k, program_k, kept_threshold };
                self.label.settings.push(settings);
                self.points.push(PointLabel {
                    number: self.points.len(),
                    sweep_index: place[..self.label.sweeps.len()].to_vec(),
                    material_index,
                    material: of.material.name.clone(),
                    temperature_index,
                    temperature_k,
                    flags,
                });
            }
        }
        let substeps = substeps.map(|n| n as u32);
        self.cases.push(Case { shape, variation: file.variation, substeps, profile, materials });
        Ok(())
    }

    /// The materials of a case, with what is done to them.
    fn programmed(&mut self, file: &CampaignFile, parameters: &[Parameter]) -> Result<Vec<Arc<Programmed>>, Bad> {
        let physics = file.physics.as_ref();
        let relaxes = physics.and_then(|p| p.matrix_relaxation) != Some(false);
        let broadens = physics.and_then(|p| p.thermal_broadening) != Some(false);
        let mut programmed = Vec::new();
        for (i, (mut material, of)) in self.changed(parameters)?.into_iter().zip(&file.material).enumerate() {
            let program = check::program(&format!("material[{i}].program"), &of.program)?;
            if !relaxes {
                material = material.without_matrix();
            }
            material.injection.thermal_broadening &= broadens;
            let found = Programmed { material, program };
            let before = self.cases.last().and_then(|case| case.materials.get(i)).filter(|before| ***before == found);
            programmed.push(before.cloned().unwrap_or_else(|| Arc::new(found)));
        }
        Ok(programmed)
    }

    /// The materials with some numbers changed.
    fn changed(&mut self, parameters: &[Parameter]) -> Result<Vec<Material>, Bad> {
        if parameters.is_empty() {
            return Ok(self.materials.clone());
        }
        if let Some((_, materials)) = self.changed.iter().find(|(known, _)| known == parameters) {
            return Ok(materials.clone());
        }
        let mut materials = Vec::new();
        for material in &self.materials {
            let of = format!("material {}", material.name);
            let wrong =
                |message: String| Bad { what: of.clone(), value: message, limit: "as its file allows".to_owned() };
            let mut draft = Draft::new(&material.text, &material.name).map_err(|e| wrong(e.to_string()))?;
            for Parameter { key, value } in parameters {
                draft.number(key).map_err(|e| wrong(e.to_string()))?;
                draft.set(key, *value);
            }
            let changed = material::parse(&draft.text(), &material.name).map_err(|e| wrong(e.to_string()))?;
            materials.push(changed);
        }
        self.changed.push((parameters.to_vec(), materials.clone()));
        Ok(materials)
    }

    pub(super) fn plan(self) -> Plan {
        let numbers = (0..self.points.len()).collect();
        Plan { label: self.label, points: self.points, numbers, inputs: Vec::new(), cases: self.cases }
    }
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
