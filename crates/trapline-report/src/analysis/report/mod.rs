//! A campaign's lifetimes: what its counts of failed cells say, population by population, and what they let one say
//! of a use temperature. From a record to plain numbers; [`text()`] puts them into words, `docs/lifetime.md` explains
//! them.
//!
//! A *group* is one material at one place of the sweeps. Points that differ in nothing but the seed are more cells of
//! one population and are pooled, unless asked otherwise. In a group there is one *population* at each bake
//! temperature, with its counts, its curve and its fits; over them lie the lines of the temperature, and on those the
//! answers at use.
//!
//! Every number is backed by the data: one that they do not support is an `Err` with the reason in one line, and in
//! JSON as `{"refused": "..."}` in the place of the value.

mod gather;
mod lines;
mod populations;
mod say;
mod tables;
pub mod text;
mod uses;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use trapline_model::cell::read::Judging;
use trapline_model::outcome::CampaignRecord;

use super::lifetime::{
    self, Bounds, CurvePoint, Estimate, FailureRate, Fit, Goodness, JointFit, Lack, Law, Life, LifetimeError,
    Lifetimes, Near, Segments, TimePoint, Verdict,
};

pub use self::text::text;
pub(super) use gather::swept;
pub use lines::{MOST_ENERGY_EV, MOST_LENGTHS, line_for};
pub use say::{parts, percent, span};
pub(super) use tables::quoted;
pub use tables::{curves_csv, lifetimes_csv};

use self::gather::Gathered;

/// What is asked of a campaign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// Of all bounds, two-sided unless they say otherwise.
    pub confidence: f64,
    /// Failed fractions whose times are asked for: 1e-3 for 1000 ppm. The first is the one that short tables show.
    pub fractions: Vec<f64>,
    pub use_temperatures_k: Vec<f64>,
    /// Whether lines may be followed across a break and to any distance.
    pub across_break: bool,
    /// Whether points that differ in the seed only are pooled into one population.
    pub pool_seeds: bool,
}

/// Everything that is said of a record.
#[derive(Debug, Clone, Serialize)]
pub struct LifetimeReport {
    /// Name of the campaign.
    pub campaign: String,
    /// Program and commit that computed it.
    pub computed_by: String,
    pub question: Question,
    /// Sweeps over the seed alone, whose points were pooled.
    pub pooled_sweeps: Vec<String>,
    /// Points of the campaign, and those that the record holds values for.
    pub points: usize,
    pub computed: usize,
    pub groups: Vec<Group>,
}

/// One material at one place of the sweeps that were not pooled.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// Material and place: `pi-ws2-qd`, `pi-ws2-qd, dose = high`. No two groups have one.
    pub name: String,
    pub material: String,
    /// Name and value of each sweep that was not pooled.
    pub sweeps: Vec<(String, String)>,
    /// A cell has failed when it keeps less than this of its window.
    pub kept_threshold: f64,
    /// What that goes by: what a cell keeps, or readings.
    #[serde(serialize_with = "super::limits::judging")]
    pub judged: Judging,
    /// Bias and temperature of the reading, V and K; the temperature is none where cells are read at the bake's own.
    pub read_v: f64,
    pub read_k: Option<f64>,
    /// The temperature changes during the bake (`bake.cycle`).
    pub cycled: bool,
    /// The cells of a seed are the same at every temperature, so that their errors there are related: bounds of lines
    /// add them up, [`JointFit::design`] says what those of the joint fit do. Records of formats before 2.2 have such
    /// cells.
    pub same_cells: bool,
    /// From the material's file; none where it has none, or where the matrix term is switched off.
    pub glass_transition_k: Option<f64>,
    /// The law of lifetimes that the lines rest on: the one with the smaller AIC over the temperatures at which both
    /// can be fitted.
    pub law: Option<Law>,
    /// AIC of the other law less that of the chosen one, summed over those temperatures; their mean where the cells are
    /// the same.
    pub aic_to_other_law: Option<f64>,
    /// By rising temperature.
    pub populations: Vec<Population>,
    /// One for each fraction asked for.
    pub lines: Vec<LineOfTimes>,
    /// All temperatures of one side of any break in one likelihood, with a common shape.
    #[serde(serialize_with = "answer")]
    pub joint: Result<Joint, String>,
    /// One for each use temperature asked for.
    pub uses: Vec<AtUse>,
    /// What a reader must know, one sentence each.
    pub remarks: Vec<String>,
}

/// The cells of a group baked at one temperature.
#[derive(Debug, Clone, Serialize)]
pub struct Population {
    pub temperature_k: f64,
    /// Points pooled in it, and how many of those were computed.
    pub points: usize,
    pub computed: usize,
    /// Where those stand among the points of the record.
    #[serde(skip)]
    pub places: Vec<usize>,
    /// Takes part in lines over temperature.
    pub on_lines: bool,
    /// Whether its counts support a law; if not, why, and what would help.
    pub verdict: Verdict,
    pub lack: Option<Lack>,
    /// The reason for an `Err`: nothing computed, nothing programmed, counts that fall.
    #[serde(serialize_with = "answer")]
    pub observed: Result<Observed, String>,
    /// Remarks of the record on the model's validity.
    pub flags: Vec<String>,
}

/// What was counted, and the laws fitted to it.
#[derive(Debug, Clone, Serialize)]
pub struct Observed {
    /// Cells that were programmed: those that can fail.
    pub cells: u64,
    pub failed_at_zero: u64,
    /// Failed by the last checkpoint.
    pub failed: u64,
    pub lifetimes: Lifetimes,
    /// Of each array by itself, where the cells are the same at other temperatures; empty where that is not told.
    #[serde(skip)]
    pub arrays: Vec<Lifetimes>,
    /// Failed fraction at each checkpoint after 0 with exact bounds.
    pub curve: Vec<CurvePoint>,
    #[serde(serialize_with = "answer")]
    pub weibull: Result<FitReport, String>,
    #[serde(serialize_with = "answer")]
    pub lognormal: Result<FitReport, String>,
    /// One for each fraction asked for.
    pub times: Vec<TimeToFraction>,
}

impl Observed {
    pub fn fit(&self, law: Law) -> &Result<FitReport, String> {
        match law {
            Law::Weibull => &self.weibull,
            Law::Lognormal => &self.lognormal,
        }
    }
}

/// A law at one temperature.
#[derive(Debug, Clone)]
pub struct FitReport {
    pub fit: Fit,
    /// Weibull's beta, the lognormal sigma.
    pub shape_estimate: Estimate,
    /// Weibull's eta, the lognormal median: s, the time by which 63.2 % or half had failed by the counts about it.
    /// Refused where it lies far from the checkpoints, or its bounds say nothing.
    pub scale_estimate: Result<Estimate, String>,
    pub goodness: Goodness,
    /// Time to each fraction asked for, s, by the law as it fits the counts about it ([`Self::near`]); refused as the
    /// scale is.
    pub lives: Vec<Result<Estimate, String>>,
    /// The law fitted to the counts about each fraction: with no more checkpoints than it takes to tell it.
    pub near: Vec<Near>,
}

impl Serialize for FitReport {
    /// The fit's own numbers and their estimates in one object; `scale_s` is null where the scale is refused.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fit = &self.fit;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("law", &fit.law)?;
        map.serialize_entry("scale_s", &self.scale_estimate.is_ok().then_some(fit.scale_s))?;
        map.serialize_entry("shape", &fit.shape)?;
        map.serialize_entry("covariance", &fit.covariance)?;
        map.serialize_entry("log_likelihood", &fit.log_likelihood)?;
        map.serialize_entry("aic", &fit.aic)?;
        map.serialize_entry("bic", &fit.bic)?;
        map.serialize_entry("shape_estimate", &self.shape_estimate)?;
        map.serialize_entry("scale_estimate", &Answer(&self.scale_estimate))?;
        map.serialize_entry("goodness", &self.goodness)?;
        map.serialize_entry("lives", &self.lives.iter().map(Answer).collect::<Vec<_>>())?;
        map.end()
    }
}

/// When a fraction had failed at one temperature.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TimeToFraction {
    pub fraction: f64,
    /// Checkpoints that it lies between whatever the law, s: before the first the exact bounds lie below the
    /// fraction, at the second above it. 0 and infinity (null in JSON) where no checkpoint tells.
    pub between_s: Bounds,
    /// The time that lines rest on, s, with the standard error of its logarithm; none where no law tells it and the
    /// checkpoints about it are missing on a side, or further apart than [`lifetime::MOST_BRACKET`].
    pub time: Option<TimePoint>,
    pub source: TimeSource,
}

/// Where a time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// The group's law, whose time agrees with the checkpoints.
    Fit,
    /// The checkpoints about it: no law tells it, or its time lies outside of them.
    Checkpoints,
    /// So many cells had failed at 0 s, before the bake.
    Programming,
    Nothing,
}

/// Times to one fraction over temperature.
#[derive(Debug, Clone, Serialize)]
pub struct LineOfTimes {
    pub fraction: f64,
    pub points: Vec<TimePoint>,
    #[serde(serialize_with = "answer")]
    pub segments: Result<Segments, String>,
    /// Activation energy of one line through all, eV; of the temperatures below and above a break.
    #[serde(serialize_with = "answer")]
    pub energy_ev: Result<Energy, String>,
    #[serde(serialize_with = "answer")]
    pub energy_below_ev: Result<Energy, String>,
    #[serde(serialize_with = "answer")]
    pub energy_above_ev: Result<Energy, String>,
    /// From this temperature up, K, times were left out of the line: steeper than any trap, and too few for a line of
    /// their own.
    pub left_out_k: Option<f64>,
    /// What a break is, in one sentence.
    pub break_meaning: Option<String>,
}

/// An activation energy and its bounds; none for two temperatures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Energy {
    pub value: f64,
    pub bounds: Option<Bounds>,
    pub temperatures: usize,
}

/// One likelihood over temperatures.
#[derive(Debug, Clone, Serialize)]
pub struct Joint {
    #[serde(flatten)]
    pub fit: JointFit,
    pub energy_ev: Estimate,
    pub shape_estimate: Estimate,
    /// Temperatures on its side of any break whose counts contradict one law at all of them, K: they are not in it.
    pub left_out_k: Vec<f64>,
}

/// What is said of one use temperature.
#[derive(Debug, Clone, Serialize)]
pub struct AtUse {
    pub temperature_k: f64,
    /// One for each fraction asked for.
    pub lives: Vec<LifeAtUse>,
    /// From each temperature of the line that answers, by the first fraction; and why some are not told.
    pub accelerations: Vec<Acceleration>,
    pub accelerations_refused: Option<String>,
    /// Upper bound of a constant failure rate.
    #[serde(serialize_with = "answer")]
    pub failure_rate: Result<FailureRate, String>,
}

/// The time to a fraction at use, under each of the laws that could be meant.
#[derive(Debug, Clone, Serialize)]
pub struct LifeAtUse {
    pub fraction: f64,
    /// Arrhenius line of the group's law: the answer.
    #[serde(serialize_with = "answer")]
    pub arrhenius: Result<Life, String>,
    /// ln t linear in T instead, through the same times.
    #[serde(serialize_with = "answer")]
    pub linear_in_t: Result<Life, String>,
    /// AIC of the linear line less that of Arrhenius: below 0 the data like it better, within 2 they cannot tell.
    pub aic_to_linear: Option<f64>,
    /// The other law of lifetimes, with an Arrhenius line of its own times.
    #[serde(serialize_with = "answer")]
    pub other_law: Result<Life, String>,
    /// The joint fit's, s.
    #[serde(serialize_with = "answer")]
    pub joint: Result<Estimate, String>,
    /// The life that a bake shows directly, without a line; none where the fraction had failed in every bake at or
    /// above the use temperature by its first checkpoint.
    pub shown: Option<Shown>,
    /// Longest over shortest of these lives, those left out whose law has an AIC of [`NO_SUPPORT`] above the better
    /// one: what the choice between laws that the data allow is worth.
    pub factor_between_laws: Option<f64>,
    /// The line would have been refused: across a break, or too far.
    pub beyond_data: Option<String>,
}

/// The time to a fraction between checkpoints of a bake at the use temperature, or above it, which takes no longer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shown {
    pub baked_k: f64,
    /// s; the upper end is infinite (null in JSON) for a bake above the use temperature.
    pub between_s: Bounds,
}

/// Time at use over time at a test temperature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Acceleration {
    pub test_k: f64,
    pub factor: f64,
    pub bounds: Option<Bounds>,
}

/// A law with an AIC so much above the other's has next to no support (Burnham & Anderson, Model Selection and
/// Multimodel Inference, 2002, section 2.6).
pub const NO_SUPPORT: f64 = 10.0;

/// The value as it is, or `{"refused": why}`.
fn answer<T: Serialize, S: Serializer>(value: &Result<T, String>, serializer: S) -> Result<S::Ok, S::Error> {
    Answer(value).serialize(serializer)
}

/// The same of a value that is no field.
struct Answer<'a, T>(&'a Result<T, String>);

impl<T: Serialize> Serialize for Answer<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        refused_or(self.0, serializer)
    }
}

fn refused_or<T: Serialize, S: Serializer>(value: &Result<T, String>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Refused<'a> {
        refused: &'a str,
    }
    match value {
        Ok(value) => value.serialize(serializer),
        Err(refused) => Refused { refused }.serialize(serializer),
    }
}

/// An error as the reason that stands in the place of a value.
fn why(error: LifetimeError) -> String {
    error.to_string()
}

/// Reports on a record.
///
/// # Errors
/// [`LifetimeError::Input`] for a question that makes no sense: a confidence or a fraction not between 0 and 1, a
/// temperature not above 0 K.
pub fn report(record: &CampaignRecord, question: &Question) -> Result<LifetimeReport, LifetimeError> {
    question.check()?;
    let sweeps = record.label.sweeps.iter().filter(|sweep| question.pool_seeds && gather::is_of_seeds(sweep));
    let made = &record.provenance;
    Ok(LifetimeReport {
        campaign: record.label.name.clone(),
        computed_by: format!("trapline {} ({})", made.program_version, made.commit),
        question: question.clone(),
        pooled_sweeps: sweeps.map(|sweep| sweep.name.clone()).collect(),
        points: record.points.len(),
        computed: record.computed(),
        groups: gather::groups(record, question.pool_seeds).into_iter().map(|of| group(of, question)).collect(),
    })
}

impl Question {
    fn check(&self) -> Result<(), LifetimeError> {
        lifetime::confidence(self.confidence)?;
        self.fractions.iter().try_for_each(|&share| lifetime::fraction(share).map(drop))?;
        let kelvin = |&t: &f64| lifetime::positive("the use temperature", t, "kelvin").map(drop);
        self.use_temperatures_k.iter().try_for_each(kelvin)
    }
}

fn group(of: Gathered, question: &Question) -> Group {
    let mut populations = populations::observe(&of.counts, question);
    let (law, aic_to_other_law) = populations::better_law(&populations, of.same_cells);
    let mut remarks = of.remarks;
    populations::tell_times(&mut populations, law, of.same_cells, question);
    remarks.extend(populations::place_on_lines(&mut populations, of.cycled, of.glass_transition_k, question));
    let line = |index| lines::line(&populations, index, of.cycled, of.glass_transition_k, question);
    let lines: Vec<LineOfTimes> = (0..question.fractions.len()).map(line).collect();
    for (index, line) in lines.iter().enumerate() {
        let of = lines::contradicted(line, index, &populations, of.glass_transition_k, question.confidence);
        remarks.extend(of);
        remarks.extend(lines::left_out(line));
    }
    let mut group = Group {
        name: of.name,
        material: of.material,
        sweeps: of.sweeps,
        kept_threshold: of.settings.kept_threshold,
        judged: of.settings.judged,
        read_v: of.settings.read_v,
        read_k: (!of.read_as_baked).then_some(of.settings.read_k),
        cycled: of.cycled,
        same_cells: of.same_cells,
        glass_transition_k: of.glass_transition_k,
        law,
        aic_to_other_law,
        populations,
        lines,
        joint: Err(String::new()),
        uses: Vec::new(),
        remarks,
    };
    group.joint = uses::joint(&group, question);
    group.uses = question.use_temperatures_k.iter().map(|&use_k| uses::at_use(&group, use_k, question)).collect();
    group
}
