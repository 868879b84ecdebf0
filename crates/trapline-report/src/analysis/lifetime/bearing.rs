//! What data bear: when a law may be fitted to counts, and when a number that comes out of a fit may be told. Whatever refuses a law, a
//! line or a life for want of data asks here, so that tables, pages, figures and JSON say the same.
//!
//! Before a fit: failures in [`LEAST_INTERVALS`] intervals between checkpoints, and [`LEAST_FAILURES`] of them. After it: a spread that is
//! one of lifetimes ([`MOST_SPREAD`]) and told by the data ([`MOST_SHAPE_RATIO`]), a law that describes the counts ([`MOST_DISTANCE`]).
//! Of each time: not far beyond the checkpoints ([`MOST_BEYOND`]), with bounds that say something ([`MOST_RATIO`]). The numbers are conventions of this
//! program; `analyze.rs` of the tests counts how often the bounds of what is told hold the truth.

use serde::Serialize;

use super::bounds::{Bounds, Estimate};
use super::data::Lifetimes;
use super::error::LifetimeError;
use super::fit::Goodness;
use super::law::Law;
use super::line::Line;
use super::special::two_sided_z;
use trapline_model::units::spoken_time;

/// A law of two parameters takes failures in so many intervals: all in one are explained as well by any smaller spread.
pub const LEAST_INTERVALS: usize = 2;
/// Fewer failures than this tell no spread: with four of them the bounds of ln sigma are a factor 3 wide at the best.
pub const LEAST_FAILURES: u64 = 5;
/// The largest sigma of ln t: one sigma then is a factor of 150 in time. Wider counts are those of two kinds of cells, or of a bake that
/// stopped to age them.
pub const MOST_SPREAD: f64 = 5.0;
/// The bounds of a shape lie no further apart than this factor.
pub const MOST_SHAPE_RATIO: f64 = 10.0;
/// A law whose failed fraction is off by more than this share of the cells, and not by chance (p below [`LEAST_P_VALUE`]), is not theirs.
pub const MOST_DISTANCE: f64 = 0.1;
pub const LEAST_P_VALUE: f64 = 0.01;
/// A time read off a law lies no further than this factor beyond the last checkpoint.
pub const MOST_BEYOND: f64 = 10.0;
/// The bounds of a time, or of a factor between times, lie no further apart than this factor.
pub const MOST_RATIO: f64 = 1e3;
/// A time that no law tells is told by the two checkpoints about it where those lie no further apart than this factor.
pub const MOST_BRACKET: f64 = 3.0;
/// No law of lifetimes has mass at 0 s: at most this share of the failures may be cells that had failed at programming.
pub const MOST_AT_PROGRAMMING: f64 = 0.1;

/// What a bake's counts are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A law can be fitted, and is told well enough.
    BearsALaw,
    /// Within the bake no cell fails.
    NothingFails,
    /// Too few cells fail.
    HardlyAnythingFails,
    /// All failures lie in one interval, or about one checkpoint.
    EverythingAtOnce,
    /// Cells had failed at 0 s, before the bake: most of those that fail.
    FailedAtProgramming,
    /// The fit leaves the shape open, or does not describe the counts.
    NotTold,
    /// The record has no values.
    NotComputed,
    /// No cell held charge after programming.
    NothingProgrammed,
    /// The counts are none of first failures.
    NoCounts,
}

impl Verdict {
    /// As a text begins.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::BearsALaw => "bears a law",
            Verdict::NothingFails => "nothing fails",
            Verdict::HardlyAnythingFails => "hardly anything fails",
            Verdict::EverythingAtOnce => "everything at once",
            Verdict::FailedAtProgramming => "failed at programming",
            Verdict::NotTold => "not told by the counts",
            Verdict::NotComputed => "not computed",
            Verdict::NothingProgrammed => "nothing programmed",
            Verdict::NoCounts => "no counts of first failures",
        }
    }
}

/// Why a law is refused, and what helps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lack {
    pub verdict: Verdict,
    /// With its [`Verdict::words`] in front.
    pub what: String,
    pub cure: String,
}

impl Lack {
    pub fn new(verdict: Verdict, what: impl std::fmt::Display, cure: impl Into<String>) -> Lack {
        Lack { verdict, what: format!("{}: {what}", verdict.words()), cure: cure.into() }
    }

    pub(super) fn of(self, law: Law) -> LifetimeError {
        LifetimeError::NotIdentifiable { law: law.name(), missing: self.what, fix: self.cure }
    }
}

impl std::fmt::Display for Lack {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}; {}", self.what, self.cure)
    }
}

impl Lifetimes {
    /// What is missing for a law of two parameters; none where there are failures enough, in intervals enough, for its likelihood to
    /// have one finite maximum: all in one interval are explained perfectly by no spread at all, and so are those about one checkpoint
    /// that none survive.
    pub fn lack(&self) -> Option<Lack> {
        let (total, at_zero) = (self.total(), self.failed_at_zero());
        let failed = self.failed_in_all() - at_zero;
        let survived = total - self.failed_in_all();
        let last_s = self.times_s()[self.times_s().len() - 1];
        if at_zero == total {
            let what = format!("all {total} cells had failed at programming (0 s), before the bake");
            return Some(Lack::new(Verdict::EverythingAtOnce, what, REPROGRAMME));
        }
        if failed == 0 {
            let before = match at_zero {
                0 => String::new(),
                n => format!(", but for {n} that had failed at programming (0 s)"),
            };
            let what = format!("none of {} cells failed by {}{before}", total - at_zero, spoken_time(last_s));
            let cure = format!("bake longer (to_s above {}) or hotter", short(last_s));
            return Some(Lack::new(Verdict::NothingFails, what, cure));
        }
        if at_zero as f64 > MOST_AT_PROGRAMMING * self.failed_in_all() as f64 {
            let what = format!(
                "{at_zero} of {} failures are cells that had failed at 0 s, before the bake, and no law of lifetimes begins there",
                self.failed_in_all()
            );
            return Some(Lack::new(Verdict::FailedAtProgramming, what, REPROGRAMME));
        }
        let intervals = self.failing();
        if failed < LEAST_FAILURES {
            return Some(self.too_few(failed, &intervals));
        }
        let all_cells = survived == 0 && at_zero == 0;
        let some = format!("all {failed} failures of {total} cells lie");
        let (what, at) = match intervals[..] {
            [0] => {
                let first = spoken_time(self.times_s()[0]);
                let what = match all_cells {
                    true => format!("all {total} cells had failed by the first checkpoint, {first}"),
                    false => format!("{some} before the first checkpoint, {first}"),
                };
                (what, 0)
            }
            [only] => {
                let ends = self.ends(only);
                let what = match all_cells {
                    true => format!("all {total} cells failed between the same two checkpoints, {ends}"),
                    false => format!("{some} between the same two checkpoints, {ends}"),
                };
                (what, only)
            }
            [a, b] if b == a + 1 && survived == 0 => {
                let about = spoken_time(self.times_s()[a]);
                (format!("all {total} cells failed about one checkpoint, {about}: none survived the next"), b)
            }
            _ => return None,
        };
        let longer = if survived > 0 && at + 1 == self.times_s().len() { ", and bake longer or hotter" } else { "" };
        Some(Lack::new(Verdict::EverythingAtOnce, what, format!("{}{longer}", self.more_checkpoints(at))))
    }

    /// Intervals between checkpoints in which cells failed, the first reaching from programming to the first checkpoint.
    fn failing(&self) -> Vec<usize> {
        let (finite, at_zero) = (self.times_s().len(), self.failed_at_zero());
        let cells = |i: usize| self.classes()[i].cells - if i == 0 { at_zero } else { 0 };
        (0..finite).filter(|&i| cells(i) > 0).collect()
    }

    fn ends(&self, interval: usize) -> String {
        let of = self.classes()[interval];
        format!("{} and {}", spoken_time(of.from_s), spoken_time(of.to_s))
    }

    fn too_few(&self, failed: u64, intervals: &[usize]) -> Lack {
        let what = format!(
            "{failed} of {} cells failed within the bake; a law takes {LEAST_FAILURES} failures in {LEAST_INTERVALS} intervals",
            self.total()
        );
        // As many failures as are needed at the share that was seen, with twice that for chance.
        let cells = (2 * LEAST_FAILURES).saturating_mul(self.total()).div_ceil(failed);
        let mut cure = format!("bake more cells (about {cells} at this rate)");
        if self.failed_in_all() < self.total() {
            cure.push_str(", longer or hotter");
        }
        if let [only] = intervals {
            cure.push_str(&format!(", with {}", self.more_checkpoints(*only)));
        }
        Lack::new(Verdict::HardlyAnythingFails, what, cure)
    }

    /// How the failures of an interval are told apart.
    fn more_checkpoints(&self, interval: usize) -> String {
        match interval {
            0 => format!("earlier checkpoints (from_s below {}), or a cooler bake", short(self.times_s()[0])),
            _ => format!("more checkpoints: per_octave = {}", self.finer(interval)),
        }
    }

    /// `bake.per_octave` that divides an interval into three, or three times as many checkpoints as there are where the interval is
    /// shorter than most (a report time may have cut it).
    fn finer(&self, interval: usize) -> u64 {
        let times = self.times_s();
        let octaves = |from: f64, to: f64| libm::log2(to / from);
        let mean = octaves(times[0], times[times.len() - 1]) / (times.len() - 1).max(1) as f64;
        let own = octaves(times[interval - 1], times[interval]);
        // Rounding must not add one; more than a thousand to an octave is no grid of a campaign.
        ((3.0 / own.max(mean) - 1e-6).ceil()).clamp(LEAST_PER_OCTAVE, 1000.0) as u64
    }
}

/// What the shipped campaigns have: no cure is coarser.
const LEAST_PER_OCTAVE: f64 = 2.0;
const REPROGRAMME: &str = "no bake tells of them: programme the cells longer, or lower failure.kept_below";
const MORE: &str = "bake more cells, longer or hotter, with more checkpoints where they fail";

/// A number of a campaign file, to six digits.
fn short(value: f64) -> String {
    let value: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if (1e-3..1e5).contains(&value) { format!("{value}") } else { format!("{value:e}") }
}

/// Bounds that are closed, and no further apart than a factor.
fn close(bounds: Bounds, most: f64) -> bool {
    bounds.lower > 0.0 && bounds.upper.is_finite() && bounds.upper <= most * bounds.lower
}

/// Whether the shape that a fit found is one of lifetimes, and told by the data.
///
/// # Errors
/// What it is instead.
pub fn shape_told(law: Law, shape: &Estimate) -> Result<(), Lack> {
    let (name, spread) = match law {
        Law::Weibull => ("beta", 1.0 / shape.value),
        Law::Lognormal => ("sigma", shape.value),
    };
    if !close(shape.profile, MOST_SHAPE_RATIO) || !close(shape.wald, MOST_SHAPE_RATIO) {
        let what =
            format!("the bounds of its {name} lie further apart than a factor of {MOST_SHAPE_RATIO}, or are open");
        return Err(Lack::new(Verdict::NotTold, what, MORE));
    }
    if spread > MOST_SPREAD {
        let what = format!(
            "ln t would spread by {spread:.1}, more than the {MOST_SPREAD} of any one kind of lifetimes: the cells are of two kinds, or the \
             bake ages them no more"
        );
        return Err(Lack::new(Verdict::NotTold, what, MORE));
    }
    Ok(())
}

/// Whether a law describes the counts.
///
/// # Errors
/// By how much it does not.
pub fn law_holds(goodness: &Goodness) -> Result<(), Lack> {
    if goodness.distance > MOST_DISTANCE && goodness.p_value.is_some_and(|p| p < LEAST_P_VALUE) {
        let what = format!(
            "the law is off by {:.0} % of the cells at {}, more than {:.0} %: lifetimes of another law, or a bake that is not the same \
             throughout",
            100.0 * goodness.distance,
            spoken_time(goodness.distance_at_s),
            100.0 * MOST_DISTANCE
        );
        return Err(Lack::new(Verdict::NotTold, what, "read the failed fractions themselves"));
    }
    Ok(())
}

/// Whether a time that a law has at one temperature may be told: not far beyond the checkpoints, with bounds that say something. Times before
/// the first are those of small fractions, and are bounded by what is known of the shape.
///
/// # Errors
/// Why not, and what helps, in one line.
pub fn time_told(time: &Estimate, data: &Lifetimes) -> Result<(), String> {
    let last = data.times_s()[data.times_s().len() - 1];
    // A time that is no number is refused too.
    if time.value.is_nan() || time.value > MOST_BEYOND * last {
        return Err(format!(
            "it lies beyond the last checkpoint, {}, by more than a factor of {MOST_BEYOND}; bake longer or hotter",
            spoken_time(last)
        ));
    }
    ratio_told(time.profile).and_then(|()| ratio_told(time.wald))
}

/// Whether the bounds of a time, or of a factor between times, say something.
///
/// # Errors
/// Why not, and what helps, in one line.
pub fn ratio_told(bounds: Bounds) -> Result<(), String> {
    if close(bounds, MOST_RATIO) {
        return Ok(());
    }
    Err(format!(
        "its bounds lie further apart than a factor of {MOST_RATIO}, or are open; bake more cells, at more temperatures, with more \
         checkpoints"
    ))
}

/// Whether a line tells its slope: an activation energy above 0, its bounds included; without bounds of the scatter (two temperatures), by
/// the errors of its times.
///
/// # Errors
/// Why not, and what helps, in one line.
pub fn slope_told(line: &Line, confidence: f64) -> Result<(), String> {
    let half = match line.slope_bounds(confidence) {
        Ok(bounds) => line.slope - bounds.lower,
        Err(_) => two_sided_z(confidence) * line.slope_error,
    };
    if line.slope - half > 0.0 {
        return Ok(());
    }
    Err(format!(
        "the times do not tell a slope: {:.2} eV give or take {half:.2} eV may be 0 or less; bake more cells, with more checkpoints, at \
         more temperatures further apart",
        line.slope
    ))
}
