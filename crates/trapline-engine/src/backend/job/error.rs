//! Why a job is not built.

use super::{MAX_BINS, MAX_CHECKPOINTS, MAX_SEGMENT_S, MAX_SUBSTEPS};
use trapline_model::array::MAX_LINES;
use trapline_model::cell::counted::MOST_DOTS;
use trapline_model::cell::current::MAX_CURRENT_A;
use trapline_model::cell::read::{LEAST_READING_S, MOST_READING_S};
use trapline_model::material::MAX_CLASSES;
use trapline_model::protocol::MAX_BIAS_V;

/// One line: what, the value, the limit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JobError {
    #[error("an array has {rows} rows and {cols} columns; each must be 1 to {MAX_LINES}")]
    Array { rows: u64, cols: u64 },
    #[error("a material has {0} trap classes; it can have at most {MAX_CLASSES}")]
    Classes(usize),
    #[error("trap class {0} of the material holds something that is not a number")]
    Class(usize),
    #[error(
        "a cell has {0} traps; where electrons are counted it must have 1 at least: enlarge the film's area, or take \
         electrons = \"mean-field\""
    )]
    FewDots(f64),
    #[error(
        "a cell five standard deviations larger than the nominal one has {0} traps; where electrons are counted it can have \
         {MOST_DOTS} at most: take electrons = \"mean-field\""
    )]
    ManyDots(f64),
    #[error(
        "an array of {cells} cells has {dots:.1e} dots; where each dot is taken by itself it can have {:e}: take fewer rows and \
         columns, or electrons = \"counted\"",
        trapline_model::cell::each_dot::MOST_DOTS_OF_ARRAY
    )]
    EachDot { cells: u64, dots: f64 },
    #[error(
        "the programming moves up to {events:.1e} electrons of the array; where each dot is taken by itself it can move {:e}: \
         shorten what fills and empties dots again and again, take fewer cells, or electrons = \"counted\"",
        trapline_model::cell::each_dot::MOST_EVENTS_OF_ARRAY
    )]
    EachDotEvents { events: f64 },
    #[error("the variation of the {what} is {value}; it must be 0 or more, and finite")]
    Variation { what: &'static str, value: f64 },
    #[error("the temperature of {what} is {kelvin} K; it must be more than 0 K, and finite")]
    Temperature { what: &'static str, kelvin: f64 },
    #[error("segment {number} of the programming is at {bias_v} V; it must be -{MAX_BIAS_V} to {MAX_BIAS_V} V")]
    Bias { number: usize, bias_v: f64 },
    #[error("segment {number} of the programming lasts {dwell_s} s; it must last 0 to {MAX_SEGMENT_S:e} s")]
    Dwell { number: usize, dwell_s: f64 },
    #[error("segment {number} of the programming is of cycle {cycle}; cycles end at {}", u32::MAX - 1)]
    Cycle { number: usize, cycle: u32 },
    #[error(
        "segment {number} of the programming, at {bias_v} V and {kelvin} K, gives the nominal cell a current of {amperes:e} A; it must be \
         0 to {MAX_CURRENT_A:e} A: take a lower bias, or look at how the material's law goes on from where it was measured"
    )]
    Current { number: usize, bias_v: f64, kelvin: f64, amperes: f64 },
    #[error("a segment is stepped in {0} substeps; it must be 1 to {MAX_SUBSTEPS}")]
    Substeps(u32),
    #[error("checkpoint {number} is {time_s} s after programming; it must be more than 0 s, and finite")]
    Checkpoint { number: usize, time_s: f64 },
    #[error("checkpoint {number}, at {time_s} s, follows one at {before_s} s; checkpoints must ascend")]
    Order { number: usize, time_s: f64, before_s: f64 },
    #[error("a bake has {0} checkpoints with the one right after programming; it can have at most {MAX_CHECKPOINTS}")]
    Checkpoints(usize),
    #[error("the read bias is {0} V; it must be -{MAX_BIAS_V} to {MAX_BIAS_V} V, and not 0")]
    ReadBias(f64),
    #[error(
        "a fresh cell conducts {siemens} S at {bias_v} V and {kelvin} K; it must be a positive number: check the material's barrier \
         and hopping"
    )]
    FreshConductance { siemens: f64, bias_v: f64, kelvin: f64 },
    #[error("a cell fails below {0} of its window; it must be more than 0 and less than 1")]
    FailsBelow(f64),
    #[error(
        "a reading that judges cells is averaged over {0} s; it must be {LEAST_READING_S:e} to {MOST_READING_S:e} s"
    )]
    Reading(f64),
    #[error(
        "{found} cells are told how much warmer they are; it must be {needed}, one number for each cell of the array"
    )]
    Warmer { found: u64, needed: u64 },
    #[error("the cell at row {row}, column {col} is baked at {kelvin} K; it must be above 0 K and finite")]
    WarmerCell { row: u64, col: u64, kelvin: f64 },
    #[error("a histogram has {0} bins; it must have 1 to {MAX_BINS}")]
    Bins(usize),
}
