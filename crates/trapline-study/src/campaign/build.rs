//! From a campaign file to a plan: every place of the sweeps checked, its materials read and changed, its points
//! numbered.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use toml::Table;

use super::check::{self, MAX_MATERIALS, MAX_TEMPERATURES};
use super::circuit;
use super::error::{Bad, CampaignError};
use super::file::{CampaignFile, DumpFile, ElectronsFile, FORMAT, MaterialFile};
use super::flags::flags;
use super::heat;
use super::inputs::Inputs;
use super::plan::{Case, Overrides, Plan, Programmed, Settled};
use super::programming;
use super::sweep::{Numbers, Parameter, Sweeps};
use super::times::{Times, times};
use trapline_engine::backend::job::{DEFAULT_BINS, DEFAULT_FAILS_BELOW, DEFAULT_READ_V, MAX_BINS, MAX_SUBSTEPS};
use trapline_model::array::{ArrayShape, MAX_LINES};
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::read::ReadOut;
use trapline_model::files;
use trapline_model::material::draft::{Draft, DraftError};
use trapline_model::material::{self, Material};
use trapline_model::outcome::{CampaignLabel, PointLabel, PointSettings};
use trapline_model::protocol::{self, Profile};
use trapline_model::toml_file;
use trapline_model::units::kelvin;

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

/// Why a case cannot be turned into points.
pub(super) enum Refused {
    /// The file with the values of the case is not a valid campaign: which key and why.
    File(String),
    Value(Bad),
}

impl From<Bad> for Refused {
    fn from(bad: Bad) -> Refused {
        Refused::Value(bad)
    }
}

/// Materials with the numbers that sweeps give them, or why there are none.
type Changed = HashMap<Vec<usize>, Result<Vec<Material>, Bad>>;

/// A plan while it is built, case by case.
pub(super) struct Build<'a> {
    pub(super) sweeps: Sweeps,
    label: CampaignLabel,
    points: Vec<PointLabel>,
    cases: Vec<Case>,
    file: &'a CampaignFile,
    /// The folder that its paths are seen from.
    base: &'a Path,
    /// The file without its sweeps, into which the values of cases are written.
    document: Table,
    overrides: Overrides,
    /// Cases that were read before, by their places on the axes they are read for: cases share them.
    settled: HashMap<Vec<usize>, Arc<Settled>>,
    /// Materials with what is done to them, by the places on the axes that change them.
    programmed: HashMap<Vec<usize>, Vec<Arc<Programmed>>>,
    materials: Vec<Material>,
    inputs: Inputs,
    /// The materials with the numbers that sweeps give them, or the reason why there are none; keyed by the places on
    /// those axes.
    changed: Changed,
}

impl<'a> Build<'a> {
    /// Checks what all points share. `document` is the file as a table.
    pub(super) fn new(
        (text, base): (&str, &'a Path),
        file: &'a CampaignFile,
        mut document: Table,
        materials: Vec<Material>,
        overrides: &Overrides,
    ) -> Result<Build<'a>, Bad> {
        document.remove("sweep");
        if file.format != FORMAT {
            return Err(Bad::key("format", file.format, format!("{FORMAT}; a newer format needs a newer trapline")));
        }
        if !files::is_name(&file.name) {
            return Err(Bad::key("name", format!("{:?}", file.name), files::NAME_LIMIT));
        }
        let temperatures_k = temperatures(&file.bake.temperatures_c)?;
        let points_each = materials.len() * temperatures_k.len();
        let sweeps = Sweeps::read(file.sweep.as_deref().unwrap_or_default(), points_each)?;
        for (option, key, given) in [
            ("--rows", "array.rows", overrides.rows.is_some()),
            ("--cols", "array.cols", overrides.cols.is_some()),
            ("--seed", "seed", overrides.seed.is_some()),
            ("--electrons", "electrons", overrides.electrons.is_some()),
        ] {
            if given && sweeps.changes(key) {
                let what = format!("the option {option}");
                return Err(Bad { what, value: "given".to_owned(), limit: format!("left out: the file sweeps {key}") });
            }
        }
        let qualification = file.qualification.as_ref();
        let Times { axis_s, report_s } = times(&file.bake, file.report.as_ref(), qualification.map(|of| of.after_s))?;
        if let Some(of) = qualification {
            check::qualification(of, &sweeps.axes)?;
        }
        if let Some(of) = &file.study {
            check::study(of, &sweeps.axes, &file.array)?;
        }
        let mut times_s = vec![0.0];
        times_s.extend(axis_s);
        let circuit_times_s = match file.array.wires {
            Some(_) => std::iter::once(0.0).chain(report_s.iter().copied()).collect(),
            None => Vec::new(),
        };
        let bins = file.histogram.as_ref().map_or(DEFAULT_BINS as i64, |h| h.bins);
        let bins = check::whole("histogram.bins", bins, 1, MAX_BINS as u64)? as usize;
        let points = sweeps.cases().saturating_mul(points_each);
        check::record_size(points, times_s.len(), bins)?;
        let label = CampaignLabel {
            name: file.name.clone(),
            campaign_toml: text.to_owned(),
            overrides: overrides.described(),
            inputs: Vec::new(),
            sweeps: sweeps.axes.clone(),
            materials: materials.iter().map(|of| (of.name.clone(), of.text.clone())).collect(),
            temperatures_k,
            times_s,
            bins,
            report_times_s: report_s,
            dump: None,
            circuit_times_s,
            settings: Vec::with_capacity(points),
        };
        Ok(Build {
            label,
            points: Vec::with_capacity(points),
            cases: Vec::new(),
            file,
            base,
            document,
            overrides: overrides.clone(),
            settled: HashMap::new(),
            programmed: HashMap::new(),
            changed: changed(&sweeps, &materials)?,
            materials,
            inputs: Inputs::default(),
            sweeps,
        })
    }

    /// Checks a case and adds its points.
    pub(super) fn case(&mut self, number: usize) -> Result<(), Refused> {
        let places = self.sweeps.places(number);
        let read_for = self.sweeps.read_for(&places);
        let settled = match self.settled.get(&read_for) {
            Some(settled) => Arc::clone(settled),
            None => {
                let settled = Arc::new(self.settle(number, &places)?);
                self.settled.insert(read_for, Arc::clone(&settled));
                settled
            }
        };
        let mut numbers = settled.numbers;
        self.sweeps.set(&places, &mut numbers);
        let [seed, offset, rows, cols] = numbers;
        let shape = ArrayShape {
            rows: lines("rows", rows, self.overrides.rows)?,
            cols: lines("cols", cols, self.overrides.cols)?,
        };
        if let Some(warmer) = &settled.warmer {
            let legs = settled.profile.iter().flat_map(Profile::legs).filter_map(|leg| leg.temperature_k);
            let baked_k: Vec<f64> = self.label.temperatures_k.iter().copied().chain(legs).collect();
            warmer.check(shape, &baked_k)?;
        }
        let seed = check::whole("seed", seed, 0, i64::MAX as u64)?;
        let offset = check::whole("seed_offset", offset, 0, i64::MAX as u64)?;
        let seed = self.overrides.seed.unwrap_or(seed).wrapping_add(offset);
        let checkpoints = self.label.times_s.len();
        let dump = |of: &DumpFile| check::dump(of, shape, checkpoints);
        self.label.dump = self.file.dump.as_ref().map(dump).transpose()?;

        let ArrayShape { rows, cols } = shape;
        let Settled { read_v, kept_threshold, judged, same_cells, .. } = *settled;
        let mut flags = settled.flags.iter();
        for (material_index, (of, &electrons)) in settled.materials.iter().zip(&settled.electrons).enumerate() {
            let dots = of.material.capture.map_or(0.0, |c| c.traps);
            check::each_dot(electrons, shape, dots)?;
            for (temperature_index, &temperature_k) in self.label.temperatures_k.iter().enumerate() {
                let read_k = settled.read_k.unwrap_or(temperature_k);
                let program_k = settled.program_k.unwrap_or(temperature_k);
                self.label.settings.push(PointSettings {
                    rows,
                    cols,
                    seed,
                    read_v,
                    read_k,
                    program_k,
                    kept_threshold,
                    electrons,
                    dots,
                    same_cells,
                    judged,
                });
                self.points.push(PointLabel {
                    number: self.points.len(),
                    sweep_index: places.clone(),
                    material_index,
                    material: of.material.name.clone(),
                    temperature_index,
                    temperature_k,
                    flags: flags.next().cloned().unwrap_or_default(),
                });
            }
        }
        self.cases.push(Case { shape, of: settled });
        Ok(())
    }

    /// What cases at the same places of the axes they are read for have in common, checked.
    fn settle(&mut self, number: usize, places: &[usize]) -> Result<Settled, Refused> {
        if self.sweeps.read_for(places).is_empty() {
            return self.settle_file(self.file, places).map_err(Refused::Value);
        }
        let table = self.sweeps.case(&self.document, number)?;
        let file: CampaignFile = toml_file::from_table(table).map_err(Refused::File)?;
        self.settle_file(&file, places).map_err(Refused::Value)
    }

    fn settle_file(&mut self, file: &CampaignFile, places: &[usize]) -> Result<Settled, Bad> {
        let program = file.program.as_ref();
        let program_c = program.and_then(|p| p.temperature_c);
        let program_k = program_c.map(|t| check::temperature("program.temperature_c", t).map(kelvin)).transpose()?;
        let substeps = program.and_then(|p| p.substeps);
        let substeps = substeps.map(|n| check::whole("program.substeps", n, 1, u64::from(MAX_SUBSTEPS))).transpose()?;
        let read = file.read.as_ref();
        let read_v = check::bias("read.bias_v", read.and_then(|r| r.bias_v).unwrap_or(DEFAULT_READ_V))?;
        let read_c = read.and_then(|r| r.temperature_c);
        let read_k = read_c.map(|t| check::temperature("read.temperature_c", t).map(kelvin)).transpose()?;
        let profile = check::profile(&file.bake)?;
        let legs = profile.iter().flat_map(Profile::legs);
        let hottest_leg_k = legs.filter_map(|leg| leg.temperature_k).fold(0.0, f64::max);
        let kept_below = file.failure.as_ref().map_or(DEFAULT_FAILS_BELOW, |f| f.kept_below);
        let kept_threshold = check::positive("failure.kept_below", kept_below, check::MAX_KEPT_BELOW, "")?;
        let judged = check::judged(file.failure.as_ref())?;
        let of_materials = self.sweeps.of_materials(places);
        let materials = match self.programmed.get(&of_materials) {
            Some(materials) => materials.clone(),
            None => {
                let materials = self.programmed(file, places)?;
                self.programmed.insert(of_materials, materials.clone());
                materials
            }
        };
        let warmer = file.heat.as_ref().map(|of| heat::warmer(of, self.base, &mut self.inputs)).transpose()?;
        let most_warmer_k = warmer.as_ref().map_or(0.0, |warmer| warmer.most_k().max(0.0));
        let mut remarks = Vec::with_capacity(materials.len() * self.label.temperatures_k.len());
        let how = self.overrides.electrons.or(file.electrons);
        let of = |of: &Arc<Programmed>| check::electrons(how, file.dots, &of.material, file.variation);
        let electrons: Vec<Electrons> = materials.iter().map(of).collect::<Result<_, _>>()?;
        for (of, electrons) in materials.iter().zip(&electrons) {
            for &temperature_k in &self.label.temperatures_k {
                let read_k = read_k.unwrap_or(temperature_k);
                check::read_out(&of.material, &ReadOut::new(&of.material, read_v, read_k), read_k)?;
                let program_k = program_k.unwrap_or(temperature_k);
                let hottest_k = temperature_k.max(hottest_leg_k) + most_warmer_k;
                remarks.push(flags(&of.material, &of.program, *electrons, program_k, hottest_k, read_v));
            }
        }
        if how.is_none() {
            let each = remarks.chunks_mut(self.label.temperatures_k.len()).zip(&electrons);
            let in_the_mean = each.filter(|(_, electrons)| !electrons.are_counted()).flat_map(|(remarks, _)| remarks);
            in_the_mean.for_each(|remarks| remarks.push(check::TOO_MANY_DOTS.to_owned()));
        }
        if let Some(dots) = file.dots.filter(|_| file.electrons == Some(ElectronsFile::MeanField)) {
            let limit = "left out where the file has electrons = \"mean-field\"";
            return Err(Bad::key("dots", format!("{:?}", dots.name()), limit));
        }
        let circuit = circuit::circuit(&file.array, self.base, &mut self.inputs)?;
        if circuit.is_some() == self.label.circuit_times_s.is_empty() {
            return Err(Bad::key("array.wires", "swept as a whole", "a table of the file, whose keys are swept"));
        }
        let programming = file.array.programming.as_ref().map(programming::programming).transpose()?.flatten();
        if programming.is_some() && electrons.iter().any(|how| matches!(how, Electrons::EachDot(_))) {
            let limit = "left out beside electrons = \"each-dot\": dots that are taken one by one are not written through wires";
            return Err(Bad::key("array.programming", "given", limit));
        }
        if let Some(warmer) = &warmer {
            remarks.iter_mut().for_each(|remarks| remarks.push(warmer.remark()));
        }
        let numbers: Numbers = [file.seed, file.seed_offset.unwrap_or(0), file.array.rows, file.array.cols];
        Ok(Settled {
            numbers,
            variation: file.variation,
            same_cells: file.same_cells.unwrap_or(false),
            electrons,
            substeps: substeps.map(|n| n as u32),
            program_k,
            read_v,
            read_k,
            kept_threshold,
            judged,
            profile,
            circuit,
            programming,
            warmer,
            materials,
            flags: remarks,
        })
    }

    /// The materials of a case, with what is done to them.
    fn programmed(&self, file: &CampaignFile, places: &[usize]) -> Result<Vec<Arc<Programmed>>, Bad> {
        let physics = file.physics.as_ref();
        let materials = match self.changed.get(&self.sweeps.of_parameters(places)) {
            None => &self.materials,
            Some(changed) => changed.as_ref().map_err(Bad::clone)?,
        };
        let mut programmed = Vec::new();
        for (i, (material, of)) in materials.iter().cloned().zip(&file.material).enumerate() {
            let program = check::program(&format!("material[{i}].program"), &of.program)?;
            let material = physics.map_or_else(|| material.clone(), |physics| physics.left_of(material.clone()));
            let segments = protocol::segments(&program).len() as u64;
            let new = Programmed { material, program, segments };
            let before = self.cases.last().and_then(|case| case.of.materials.get(i)).filter(|before| ***before == new);
            programmed.push(before.cloned().unwrap_or_else(|| Arc::new(new)));
        }
        Ok(programmed)
    }

    pub(super) fn plan(self) -> Plan {
        let numbers = (0..self.points.len()).collect();
        let label = CampaignLabel { inputs: self.inputs.told(self.base), ..self.label };
        Plan { label, points: self.points, numbers, inputs: self.inputs.paths(), cases: self.cases }
    }
}

/// The materials with the numbers that sweeps give them, each set of numbers by its places on the axes that do.
/// Nothing else takes as long in a plan: sets are read side by side.
fn changed(sweeps: &Sweeps, materials: &[Material]) -> Result<Changed, Bad> {
    let sets = sweeps.sets_of_parameters();
    check::changed_materials(sets.len().saturating_mul(materials.len()))?;
    // Every set changes the same keys, so a draft can be reused without undoing the last change.
    let drafts = || materials.iter().map(|of| Draft::new(&of.text, &of.name)).collect::<Result<Vec<_>, _>>();
    let read = |drafts: &mut Result<Vec<Draft>, DraftError>, (places, case): (Vec<usize>, usize)| {
        let materials = sweeps.parameters(case).and_then(|parameters| match drafts {
            Ok(drafts) => materials.iter().zip(drafts).map(|(of, draft)| with(of, draft, &parameters)).collect(),
            Err(error) => Err(wrong_material(&materials[0].name, error)),
        });
        (places, materials)
    };
    Ok(sets.into_par_iter().map_init(drafts, read).collect())
}

fn wrong_material(name: &str, error: &dyn std::error::Error) -> Bad {
    Bad { what: format!("material {name}"), value: error.to_string(), limit: "as its file allows".to_owned() }
}

/// A material with some of its numbers changed.
fn with(material: &Material, draft: &mut Draft, parameters: &[Parameter]) -> Result<Material, Bad> {
    for Parameter { key, value } in parameters {
        draft.number(key).map_err(|e| wrong_material(&material.name, &e))?;
        draft.set(key, *value);
    }
    material::parse(&draft.text(), &material.name).map_err(|e| wrong_material(&material.name, &e))
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
    let mut temperatures_k: Vec<f64> = Vec::new();
    for (i, &value) in in_celsius.iter().enumerate() {
        let key = format!("{KEY}[{i}]");
        let temperature_k = kelvin(check::temperature(&key, value)?);
        if temperatures_k.contains(&temperature_k) {
            return Err(Bad::key(key, format!("{value:?} for the second time"), "another temperature"));
        }
        temperatures_k.push(temperature_k);
    }
    Ok(temperatures_k)
}
