//! Results on disk, in HDF5: the only room that knows the format.
//!
//! ## The two kinds of file
//!
//! A *point file* holds one point of a campaign (one material at one temperature, every checkpoint). A *campaign file* is
//! the merge of point files. Both have the same layout; a point file is a campaign of one by one with the point's place in
//! its campaign beside it, so whatever reads one reads the other. `docs/format.md` describes every dataset and attribute.
//!
//! ## What can be relied on
//!
//! - A file under its final name is complete: it is written under a temporary name in the same folder, closed with the
//!   result checked, synchronised, renamed, and the folder synchronised ([`commit`]).
//! - Damage is reported: a checksum over the whole file is compared before HDF5 sees it, the HDF5 metadata and every array
//!   of results carry their own, sizes are checked against the axes before anything is allocated, and a file of another
//!   type or of a newer format is refused by name.
//! - What is read back equals what was written bit for bit, NaN included.
//!
//! [`write_point`] and [`merge_points`] write, [`read_point`] and [`open_campaign`] read, [`describe()`] puts what a file
//! says into words.

mod campaign;
pub mod commit;
mod describe;
mod error;
mod hdf;
mod layout;
mod merge;
mod output;
mod read;
mod seal;
mod write;

pub use campaign::{CampaignRecord, HistogramCube, MomentCube};
pub use describe::describe;
pub use error::RecordError;
pub use layout::{CAMPAIGN_FILE_TYPE, FORMAT_VERSION, POINT_FILE_TYPE};
pub use merge::merge_points;
pub use read::{open_campaign, open_point, read_dump, read_point};
pub use write::{point_path, write_point};
