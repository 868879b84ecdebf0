//! A campaign, checked: what runs need, and what records say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Table;

use super::build::{Build, Refused, materials};
use super::error::{Bad, CampaignError};
use super::file::{CampaignFile, ElectronsFile};
use super::heat::Warmer;
use super::programming::Programming;
use super::shard::Shard;
use super::sweep::Numbers;
use crate::experiment::array_read::{Circuit, Scheme};
use trapline_engine::backend::job::{Bake, Job, JobError, Program, Read};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::read::Judging;
use trapline_model::files::{self, TextError};
use trapline_model::material::{self, Material};
use trapline_model::outcome::{CampaignLabel, PointLabel};
use trapline_model::protocol::{self, Part, Profile, Segment};
use trapline_model::toml_file;

/// What the command line puts in the place of the file's values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub rows: Option<u64>,
    pub cols: Option<u64>,
    pub seed: Option<u64>,
    pub electrons: Option<ElectronsFile>,
}

impl Overrides {
    /// The overrides in the form the record keeps them.
    pub(super) fn described(&self) -> Vec<String> {
        let all = [("rows", self.rows), ("cols", self.cols), ("seed", self.seed)];
        let numbers = all.into_iter().filter_map(|(name, value)| Some(format!("{name} = {}", value?)));
        numbers.chain(self.electrons.map(|electrons| format!("electrons = \"{}\"", electrons.name()))).collect()
    }
}

/// A material and its programming.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Programmed {
    pub(super) material: Material,
    pub(super) program: Vec<Part>,
    /// Pulses, pauses and sweep points of the programming.
    pub(super) segments: u64,
}

/// One place of the sweeps: its array, and the settings it shares with cases that differ in whole numbers only.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub(super) shape: ArrayShape,
    pub(super) of: Arc<Settled>,
}

/// The checked settings of a case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settled {
    /// As the file has them; axes that are set directly have their own.
    pub(super) numbers: Numbers,
    pub(super) variation: bool,
    pub(super) same_cells: bool,
    /// Of each material.
    pub(super) electrons: Vec<Electrons>,
    pub(super) substeps: Option<u32>,
    /// The point's own temperature without.
    pub(super) program_k: Option<f64>,
    pub(super) read_v: f64,
    /// The point's own temperature without.
    pub(super) read_k: Option<f64>,
    pub(super) kept_threshold: f64,
    pub(super) judged: Judging,
    /// What the temperature of the bake does; constant without.
    pub(super) profile: Option<Profile>,
    /// How arrays are read through their wires; not at all without.
    pub(super) circuit: Option<Circuit>,
    /// How they are programmed through them; each cell by itself without.
    pub(super) programming: Option<Programming>,
    /// By how much cells are warmer in the bake; all alike without.
    pub(super) warmer: Option<Warmer>,
    /// Shared by cases that are alike.
    pub(super) materials: Vec<Arc<Programmed>>,
    /// Remarks on each point, material by material, in the order of the temperatures.
    pub(super) flags: Vec<Vec<String>>,
}

/// A campaign whose every value is within its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What the record says of the campaign.
    pub label: CampaignLabel,
    /// The points in the order of their numbers: case by case, material by material, in the order of the temperatures.
    pub points: Vec<PointLabel>,
    /// Numbers of the points to compute: all, or a shard's.
    pub numbers: Vec<usize>,
    /// The files the plan was read from: the campaign's, those of materials that are not shipped, tables of
    /// selectors, maps.
    pub inputs: Vec<PathBuf>,
    pub(super) cases: Vec<Case>,
}

/// What a stroke through wires takes of a cell, in its steps: a network is solved once or twice. Of 128 x 128 cells
/// it took 5 µs a cell where a step of the mean field took some 50 ns.
const STROKE_STEPS: u64 = 100;

/// Points of one kind take the same time for each cell, strokes through wires left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) material_index: usize,
    pub(super) steps: u64,
    /// As the campaign sets them; chosen by the material where it does not.
    substeps: Option<u32>,
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
                let message = format!("{what}; give a campaign file; `trapline init` writes one to begin with");
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
        let path = || origin.to_owned();
        let file: CampaignFile = match toml_file::read(text) {
            Ok(file) => file,
            Err(message) => return Err(CampaignError::Syntax { path: path(), message }),
        };
        let materials = materials(&file.material, origin, base)?;
        let named = file.material.iter().zip(&materials);
        let of_materials = named.flat_map(|(of, material)| material::inputs(material, &of.name_or_path, base));
        let of_materials: Vec<PathBuf> = of_materials.collect();
        let value = |bad| CampaignError::Value { path: path(), bad };
        let table: Table = toml_file::read(text).map_err(|message| CampaignError::Syntax { path: path(), message })?;
        let mut build = Build::new((text, base), &file, table, materials, overrides).map_err(value)?;
        for number in 0..build.sweeps.cases() {
            build.case(number).map_err(|refused| {
                let place = match build.sweeps.axes.is_empty() {
                    true => String::new(),
                    false => format!("with {}: ", build.sweeps.described(number)),
                };
                match refused {
                    Refused::File(message) => {
                        CampaignError::Syntax { path: path(), message: format!("{place}{message}") }
                    }
                    Refused::Value(bad) => value(Bad { what: format!("{place}{}", bad.what), ..bad }),
                }
            })?;
        }
        let mut plan = build.plan();
        plan.inputs.splice(0..0, of_materials);
        Ok(plan)
    }

    /// How much there is to compute at some points, in steps of a cell: what progress is counted in.
    pub fn work_of<'a>(&self, numbers: impl IntoIterator<Item = &'a usize>) -> u64 {
        numbers.into_iter().fold(0, |sum: u64, &number| sum.saturating_add(self.work(number)))
    }

    /// The plan with the points of one shard to compute. A point's result does not depend on the shard.
    pub fn shard(mut self, shard: Shard) -> Plan {
        self.numbers = shard.of_work(&self.pieces());
        self
    }

    /// Numbers of the points of each of so many shards.
    pub fn shards(&self, of: usize) -> Vec<Vec<usize>> {
        Shard::deal(of, &self.pieces())
    }

    fn pieces(&self) -> Vec<(u64, Kind)> {
        (0..self.points.len()).map(|number| (self.work(number), self.kind(number))).collect()
    }

    /// What the time of a cell at a point depends on.
    pub(super) fn kind(&self, number: usize) -> Kind {
        let (material_index, substeps) = (self.points[number].material_index, self.case_of(number).of.substeps);
        Kind { material_index, steps: self.steps(number), substeps }
    }

    fn work(&self, number: usize) -> u64 {
        self.shape(number).cells().saturating_mul(self.weight(number))
    }

    /// Work for each cell of a point, in steps of a cell: those of [`Plan::steps`], and the strokes of a programming
    /// through wires.
    pub(super) fn weight(&self, number: usize) -> u64 {
        self.steps(number).saturating_add(self.strokes(number).saturating_mul(STROKE_STEPS))
    }

    /// Steps of all cells of a point, strokes left out.
    pub(super) fn steps_of_cells(&self, number: usize) -> u64 {
        self.shape(number).cells().saturating_mul(self.steps(number))
    }

    /// Whether two points are programmed through like wires by like strokes.
    pub(super) fn programmed_alike(&self, one: usize, other: usize) -> bool {
        let material = |number: usize| self.points[number].material_index;
        material(one) == material(other) && self.wired_programming(one) == self.wired_programming(other)
    }

    /// Trap classes of the material of a point.
    pub(super) fn classes(&self, number: usize) -> usize {
        self.case_of(number).of.materials[self.points[number].material_index].material.classes.len()
    }

    /// Steps of each cell at a point: the pulses, pauses and sweep points of its programming, and its checkpoints.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn steps(&self, number: usize) -> u64 {
        let segments = self.case_of(number).of.materials[self.points[number].material_index].segments;
        segments + self.label.times_s.len() as u64
    }

    /// What makes cells depend on where they stand in their array, by its key: a question to single cells has no
    /// answer then.
    pub fn cells_in_place(&self) -> Option<&'static str> {
        let any = |of: fn(&Settled) -> bool| self.cases.iter().any(|case| of(&case.of));
        if any(|of| of.programming.is_some()) {
            Some("array.programming")
        } else {
            any(|of| of.warmer.is_some()).then_some("heat")
        }
    }

    /// The array of a point.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn shape(&self, number: usize) -> ArrayShape {
        self.case_of(number).shape
    }

    /// How the array of a point is read through its wires; none where it is not.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn circuit(&self, number: usize) -> Option<&Circuit> {
        self.case_of(number).of.circuit.as_ref()
    }

    /// How the array of a point is programmed through its wires, and under which scheme; none where each cell is
    /// programmed by itself.
    pub(super) fn wired_programming(&self, number: usize) -> Option<(Programming, &Circuit, &Scheme)> {
        let of = &self.case_of(number).of;
        let circuit = of.circuit.as_ref()?;
        Some((of.programming?, circuit, circuit.scheme.as_ref()?))
    }

    /// Strokes that the array of a point is programmed by, all its pulses together; 0 where each cell is programmed
    /// by itself.
    pub(super) fn strokes(&self, number: usize) -> u64 {
        let Some((programming, ..)) = self.wired_programming(number) else { return 0 };
        let biased = self.segments(number).iter().filter(|segment| segment.bias_v != 0.0).count();
        (biased as u64).saturating_mul(programming.strokes(self.shape(number)))
    }

    /// Points that may be computed in one go: as many as have their fillings, for reading through wires, in a GiB.
    pub(super) fn together(&self, number: usize) -> usize {
        let fillings = self.shape(number).cells() * 4 * self.label.circuit_times_s.len() as u64;
        (1_u64 << 30).checked_div(fillings).map_or(usize::MAX, |most| most.max(1) as usize)
    }

    /// Whether the cells of two points are the same when their bakes begin.
    pub(super) fn same_programming(&self, one: usize, other: usize) -> bool {
        let of = |number: usize| {
            let (point, settings) = (&self.points[number], &self.label.settings[number]);
            let case = number / (self.label.materials.len() * self.label.temperatures_k.len());
            (case, point.material_index, settings.cell_seed(point.temperature_k), settings.program_k.to_bits())
        };
        of(one) == of(other)
    }

    /// The segments that a point is programmed by.
    pub(super) fn segments(&self, number: usize) -> Vec<Segment> {
        protocol::segments(&self.case_of(number).of.materials[self.points[number].material_index].program)
    }

    pub(super) fn case_of(&self, number: usize) -> &Case {
        &self.cases[number / (self.label.materials.len() * self.label.temperatures_k.len())]
    }

    /// The point of this number, ready to compute.
    ///
    /// # Errors
    /// [`JobError`]: a value that no job can have, which a plan does not let in.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn job(&self, number: usize) -> Result<Job, JobError> {
        self.built(number, self.shape(number), &self.label.times_s[1..])
    }

    /// The point of this number on an array of another size.
    ///
    /// # Errors
    /// [`JobError`]: a size that no array can have.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn sample(&self, number: usize, shape: ArrayShape) -> Result<Job, JobError> {
        self.built(number, shape, &self.label.times_s[1..])
    }

    /// As [`Plan::job`], at other times after programming, s, ascending and positive.
    ///
    /// # Errors
    /// [`JobError`]: times that are not.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn job_at(&self, number: usize, times_s: &[f64]) -> Result<Job, JobError> {
        self.built(number, self.shape(number), times_s)
    }

    fn built(&self, number: usize, shape: ArrayShape, times_s: &[f64]) -> Result<Job, JobError> {
        let (point, settings, case) = (&self.points[number], &self.label.settings[number], &self.case_of(number).of);
        let of = &case.materials[point.material_index];
        let program = Program::of(&protocol::segments(&of.program)).at(settings.program_k).substeps(case.substeps);
        Job::of(&of.material)
            .variation(case.variation)
            .electrons(settings.electrons)
            .seed(settings.cell_seed(point.temperature_k))
            .array(shape)
            .program(program)
            .bake(
                Bake::at(point.temperature_k)
                    .along(case.profile.clone())
                    .warmer(case.warmer.as_ref().map(|warmer| warmer.of(shape)))
                    .checkpoints(times_s),
            )
            .read(Read::with(settings.read_v).at(settings.read_k))
            .fails_below(settings.kept_threshold)
            .judged(settings.judged)
            .bins(self.label.bins)
            .filled_by_others(case.programming.is_some())
            .build()
    }
}
