//! Campaigns: many points (a material at a temperature, at a place of the sweeps), planned, run and recorded.
//!
//! A campaign file ([`mod@file`] describes it) becomes a checked [`Plan`]: every value is inside its limit, every
//! material is read, and nothing that follows can fail for what the user wrote. The points of a plan are numbered,
//! and independent: a point depends on the plan and on its number, not on the points before it, nor on who computes
//! it. [`run()`] computes them one after another, or those of one [`Shard`], commits each as its own file, and merges
//! the files into the record. [`merge()`] puts the records of shards together. [`slurm`] writes the job scripts that
//! have a cluster do both.

mod build;
mod check;
mod circuit;
mod compute;
mod destination;
mod error;
pub mod estimate;
pub mod file;
mod flags;
mod heat;
mod inputs;
mod intent;
mod merge;
mod parts;
mod plan;
mod programming;
mod recorded;
mod run;
mod shard;
pub mod slurm;
mod sweep;
mod times;

pub use check::{
    MAX_CHANGED_MATERIALS, MAX_DUMP_READINGS, MAX_MATERIALS, MAX_POINTS, MAX_RECORD_BYTES, MAX_SUMMARY_BYTES,
    MAX_TEMPERATURE_C, MAX_TEMPERATURES, MAX_TIME_S, MIN_TIME_S,
};
pub use destination::{ClaimedDestination, Destination, MAX_NAME_BYTES};
pub use error::{Bad, CampaignError, RunError};
pub use merge::{MergeError, Merged, merge, stage_merge};
pub use parts::Existing;
pub use plan::{Overrides, Plan};
pub use programming::ProgrammingError;
pub use recorded::material_of;
pub use run::{Watch, now, provenance, run};
pub use shard::{MAX_SHARDS, Shard};
pub use trapline_model::cell::validity::VALID_TO_V;
