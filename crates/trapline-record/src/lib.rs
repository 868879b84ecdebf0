//! Results on disk, in HDF5: the only crate that knows the format.
//!
//! It knows results ([`trapline_model::outcome`], [`trapline_model::dataset`]) and nothing of who computed them.
//! Reports read through it, campaigns and experiments write through it. `docs/format.md` of the repository is the
//! format, dataset by dataset, for readers in any language; `layout.rs` has the names in it.
//!
//! # The kinds of file
//!
//! A *point file* holds one point of a campaign (one material at one temperature, every checkpoint). A *campaign file*
//! is the merge of point files. Both have the same layout; a point file is a campaign of one by one with the point's
//! place in its campaign beside it, so whatever reads one reads the other. Until the merge a *campaign in progress*
//! stands in its place, whose links lead to the point files. An *experiment file* holds what any other experiment
//! found, as [`trapline_model::dataset::Dataset`]s, each in a group of its own.
//!
//! # What can be relied on
//!
//! - A file under its final name is complete: it is written under a temporary name in the same folder, closed with the
//!   result checked, synchronised, renamed, and the folder synchronised ([`trapline_model::files::commit`]). The
//!   functions that begin with `stage_` leave the renaming to whoever holds the
//!   [`trapline_model::files::commit::Batch`]; the others replace what has the name.
//! - Damage is reported: a checksum over the whole file is compared before HDF5 sees it, the HDF5 metadata and every
//!   array of results carry their own, sizes are checked against the axes before anything is allocated, and a file of
//!   another type or of a newer format is refused by name.
//! - What is read back equals what was written bit for bit, NaN included.
//!
//! # Practice
//!
//! Files of other programs are [`Matrix`]: one dataset of numbers, distrusted as records are.
//!
//! [`write_point`], [`merge_points`] and [`write_datasets`] write, [`read_point`], [`open_campaign`] and
//! [`read_datasets`] read (and [`read_temperature_map`] a map of temperatures), [`describe()`] puts what a file says into words,
//! [`arrays_of_campaign`] into arrays over all points. What is read lies in memory and holds no
//! file; only histograms and single cells stay in the file until they are asked for ([`read_histograms`],
//! [`read_dump`]; [`OpenRecord`] for many of them).
//!
//! ```
//! use trapline_model::dataset::Dataset;
//! use trapline_model::outcome::{ExperimentLabel, Identity, Provenance};
//! use trapline_record::{read_datasets, write_datasets};
//!
//! let mut curve = Dataset::new("iv", "Current under bias");
//! curve.axis("bias", "V", "bias", &[0.5, 1.0]);
//! curve.real("current", &["bias"], "A", "current", ndarray::arr1(&[1.7e-11, 3.4e-11]).into_dyn());
//!
//! // What was asked, and who computed it when.
//! let label = ExperimentLabel { command: "iv".into(), title: "Two points".into(), seed: 1, ..Default::default() };
//! let identity = Identity {
//!     backend: "reference".into(),
//!     adapter: "a processor".into(),
//!     driver: String::new(),
//!     instruction_set: "portable".into(),
//!     software: false,
//! };
//! let provenance = Provenance {
//!     program_version: "0.1.0".into(),
//!     commit: "unknown".into(),
//!     identity,
//!     started_utc: "2026-01-01T00:00:00Z".into(),
//!     ended_utc: "2026-01-01T00:00:01Z".into(),
//! };
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("iv.h5");
//! write_datasets(&path, &label, &provenance, std::slice::from_ref(&curve))?;
//! let found = read_datasets(&path)?;
//! assert_eq!((&found.datasets[0], &found.provenance), (&curve, &provenance));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `hdf5-static`: builds HDF5 from source (CMake 3.26 or newer) and links it in. Without it the system's libhdf5 is
//!   used.

mod arrays;
mod contents;
mod datasets;
mod describe;
mod describe_experiment;
mod error;
mod experiment;
mod hdf;
mod index;
mod input;
mod kind;
mod label;
mod layout;
mod linked;
mod matrix;
mod merge;
mod output;
mod pending;
mod read;
mod root;
mod scales;
mod seal;
mod temperatures;
mod texts;
mod write;

pub use arrays::{Beside, Elements, NamedArray, arrays_of_campaign};
pub use datasets::{stage_datasets, write_datasets};
pub use describe::{describe, describe_unfinished};
pub use describe_experiment::text as describe_experiment;
pub use error::RecordError;
pub use experiment::{ExperimentRecord, read_datasets};
pub use hdf::{Trust, is_sealed};
pub use index::{UnfinishedRecord, open_unfinished, stage_unfinished, write_unfinished};
pub use layout::{
    CAMPAIGN_FILE_TYPE, EXPERIMENT_FILE_TYPE, FORMAT_VERSION, MAX_AXIS_NAME, POINT_FILE_TYPE, UNFINISHED_FILE_TYPE,
    is_taken as is_taken_name,
};
pub use matrix::Matrix;
pub use merge::{Held, Source, load_outcome, merge, merge_points, stage_merge, stage_points};
pub use read::{
    OpenRecord, Record, open, open_campaign, open_point, read_all, read_dump, read_histograms, read_point,
    read_summary, whole,
};
pub use root::{FileType, kind as file_type};
pub use temperatures::{cells_of, read_temperature_map};
pub use write::{point_path, write_point};
