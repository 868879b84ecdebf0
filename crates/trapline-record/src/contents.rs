//! What a file holds under its own names: groups and datasets, and nothing that leads out of the file.
//!
//! HDF5 follows a link, external storage or a virtual dataset to any other file without a word, and what is read
//! there would pass for the record's own. So a file's links are looked at before anything is opened, each dataset's
//! storage before it is read, and what the format does not promise is refused.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use hdf5::plist::DatasetCreate;
use hdf5::plist::dataset_create::Layout;
use hdf5::sync::sync;
use hdf5::{Group, LinkType, h5check};
use hdf5_sys::h5p::{
    H5Pget_external_count, H5Pget_filter2, H5Pget_nfilters, H5Pget_virtual_count, H5Pget_virtual_dsetname,
    H5Pget_virtual_filename,
};
use hdf5_sys::h5z::{H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32, H5Z_FILTER_SHUFFLE};

use super::layout::POINTS_GROUP;

/// Groups inside groups, at most.
const MAX_DEPTH: usize = 16;

/// Largest piece of a dataset, bytes: HDF5 makes room for the whole of it, stored or not. Those of this program have
/// 8 MiB at most.
const MAX_CHUNK_BYTES: usize = 1 << 24;

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Group,
    /// A dataset, or a type that has a name.
    Dataset,
    /// A link to a name that need not exist.
    Soft,
}

/// The names of a file, each with its path from the root.
#[derive(Debug, Default)]
pub(super) struct Contents {
    items: BTreeMap<String, Item>,
}

/// Why a file is not read any further: what is found, and what it must be.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) found: String,
    pub(super) limit: String,
}

/// What looking at a file may end in.
#[derive(Debug)]
pub(super) enum Unfit {
    Refused(Refusal),
    Hdf5(hdf5::Error),
}

impl From<hdf5::Error> for Unfit {
    fn from(error: hdf5::Error) -> Unfit {
        Unfit::Hdf5(error)
    }
}

fn refused<T>(what: String, found: impl Into<String>, limit: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit::Refused(Refusal { what, found: found.into(), limit: limit.into() }))
}

impl Contents {
    /// Lists a file. Links to other files are refused, but for those of a campaign in progress to its points, which
    /// are not followed.
    pub(super) fn of(file: &hdf5::File, links_to_points: bool) -> Result<Contents, Unfit> {
        let mut contents = Contents::default();
        // A name takes more than 8 bytes of a file.
        let most = usize::try_from(file.size() / 8).unwrap_or(usize::MAX);
        contents.list(file, "", 0, most, links_to_points)?;
        Ok(contents)
    }

    fn list(
        &mut self,
        group: &Group,
        path: &str,
        depth: usize,
        most: usize,
        links_to_points: bool,
    ) -> Result<(), Unfit> {
        let (mut own, mut elsewhere) = (Vec::new(), None);
        group.iter_visit_default(|name, link| {
            let full = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            match link.link_type {
                LinkType::Hard => own.push(full),
                LinkType::Soft => drop(self.items.insert(full, Item::Soft)),
                LinkType::External if links_to_points && path == POINTS_GROUP => {}
                LinkType::External => elsewhere = Some(full),
            }
            Ok(())
        })?;
        if let Some(name) = elsewhere {
            return refused(format!("the link {name}"), "to another file", "to something in this file");
        }
        for full in own {
            if self.items.len() >= most {
                return refused(
                    "the number of names".to_owned(),
                    format!("more than {most}"),
                    "what the file can hold",
                );
            }
            let name = full.rsplit('/').next().unwrap_or(&full);
            let is_group = matches!(group.loc_type_by_name(name), Ok(hdf5::LocationType::Group));
            if is_group {
                if depth + 1 >= MAX_DEPTH {
                    let limit = format!("at most {MAX_DEPTH} groups inside each other");
                    return refused(format!("the group {full}"), "deeper", limit);
                }
                self.list(&group.group(name)?, &full, depth + 1, most, links_to_points)?;
            }
            self.items.insert(full, if is_group { Item::Group } else { Item::Dataset });
        }
        Ok(())
    }

    /// Whether the file itself holds a dataset of this path.
    pub(super) fn has_dataset(&self, path: &str) -> bool {
        self.items.get(path) == Some(&Item::Dataset)
    }

    /// Whether the file itself holds a group of this path.
    pub(super) fn has_group(&self, path: &str) -> bool {
        self.items.get(path) == Some(&Item::Group)
    }

    /// Whether anything has this path.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.items.contains_key(path)
    }

    /// Names in the root group, in the order of their letters; whether each is a dataset.
    pub(super) fn top(&self) -> impl Iterator<Item = (&str, bool)> {
        let top = self.items.iter().filter(|(path, _)| !path.contains('/'));
        top.map(|(path, item)| (path.as_str(), *item == Item::Dataset))
    }

    /// Paths of all datasets (and of types that have a name), in the order of their letters.
    pub(super) fn datasets(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter(|(_, item)| **item == Item::Dataset).map(|(path, _)| path.as_str())
    }

    /// Names of the datasets of a group, without those in its groups.
    pub(super) fn datasets_in<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        let from = format!("{group}/");
        let items = self.items.range(from.clone()..).take_while(move |(path, _)| path.starts_with(&from));
        let datasets = items.filter(|(_, item)| **item == Item::Dataset);
        datasets.filter_map(move |(path, _)| path.get(group.len() + 1..)).filter(|name| !name.contains('/'))
    }
}

/// Refuses a dataset whose values lie in other files than these, or pass through a filter that the format does not
/// have.
pub(super) fn check_storage(name: &str, dataset: &hdf5::Dataset, sources: &[String]) -> Result<(), Unfit> {
    let list = dataset.create_plist()?;
    // SAFETY: of this and the calls below: the identifier is valid while the list lives, and the library is locked.
    let outside = h5check(sync(|| unsafe { H5Pget_external_count(list.id()) }))?;
    if outside > 0 {
        return refused(format!("the storage of the dataset {name}"), "another file", "this file");
    }
    let filters = filters(&list)?;
    for (at, &filter) in filters.iter().enumerate() {
        if filters[..at].contains(&filter) {
            let limit = "each filter once";
            return refused(format!("a filter of the dataset {name}"), format!("number {filter} twice"), limit);
        }
        if ![H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32].contains(&filter) {
            let limit = "gzip, shuffle or Fletcher-32";
            return refused(format!("a filter of the dataset {name}"), format!("number {filter}"), limit);
        }
    }
    match list.get_layout()? {
        Layout::Chunked => {
            let chunk = list.get_chunk()?.unwrap_or_default();
            let bytes = chunk.iter().try_fold(dataset.dtype()?.size(), |product, &n| product.checked_mul(n));
            if bytes.is_none_or(|bytes| bytes > MAX_CHUNK_BYTES) {
                let limit = format!("at most {} MiB", MAX_CHUNK_BYTES >> 20);
                return refused(
                    format!("the size of a piece of the dataset {name}"),
                    format!("{chunk:?} values"),
                    limit,
                );
            }
            // What is stored of a piece is a little longer than the piece at most; a longer one would unfold to
            // anything.
            let bytes = bytes.unwrap_or(0);
            let sides = dataset.shape().into_iter().zip(chunk);
            let pieces = sides.fold(1_u64, |pieces, (n, side)| pieces.saturating_mul(n.div_ceil(side.max(1)) as u64));
            let (room, stored) = (pieces.saturating_mul((bytes + bytes / 100 + 128) as u64), dataset.storage_size());
            if stored > room {
                let limit = format!("at most {room}, as its shape says");
                return refused(format!("what is stored of the dataset {name}"), format!("{stored} bytes"), limit);
            }
        }
        Layout::Virtual => return check_mappings(name, &list, sources),
        Layout::Compact | Layout::Contiguous => {}
    }
    Ok(())
}

fn filters(list: &DatasetCreate) -> hdf5::Result<Vec<i32>> {
    let id = list.id();
    // SAFETY: as in `check_storage`; no values of the filters are asked for, and no name.
    let count = h5check(sync(|| unsafe { H5Pget_nfilters(id) }))?;
    let one = |index| {
        let (mut flags, mut values, mut config) = (0, 0, 0);
        // SAFETY: as above.
        h5check(sync(|| unsafe {
            H5Pget_filter2(id, index, &mut flags, &mut values, ptr::null_mut(), 0, ptr::null_mut(), &mut config)
        }))
    };
    (0..count as u32).map(one).collect()
}

fn check_mappings(name: &str, list: &DatasetCreate, sources: &[String]) -> Result<(), Unfit> {
    let id = list.id();
    let mut count = 0;
    // SAFETY: as in `check_storage`.
    h5check(sync(|| unsafe { H5Pget_virtual_count(id, &mut count) }))?;
    let mut known = String::new();
    for index in 0..count {
        // SAFETY: as in `check_storage`; each text is written into a buffer of the length that is told.
        let file = text(|to, length| unsafe { H5Pget_virtual_filename(id, index, to, length) })?;
        let from = text(|to, length| unsafe { H5Pget_virtual_dsetname(id, index, to, length) })?;
        // Thousands of pieces come from few files, one after the other.
        if known.is_empty() || file != known {
            // In these names HDF5 takes a percent sign for the beginning of a placeholder.
            known.clone_from(&file);
            match sources.iter().any(|source| source.replace('%', "%%") == file) {
                true => {}
                false => {
                    let limit = "one of the files that virtual_sources names";
                    return refused(format!("a file that the dataset {name} leads to"), format!("{file:?}"), limit);
                }
            }
        }
        // A path through a group could pass a link there.
        if from.trim_start_matches('/') != name || name.contains('/') {
            return refused(format!("a dataset that {name} leads to"), format!("{from:?}"), "of the same name");
        }
    }
    Ok(())
}

/// A text of HDF5's, first asked for its length.
fn text(mut of: impl FnMut(*mut c_char, usize) -> isize) -> hdf5::Result<String> {
    let length = h5check(sync(|| of(ptr::null_mut(), 0)))?;
    let mut bytes = vec![0_u8; length.unsigned_abs() + 1];
    h5check(sync(|| of(bytes.as_mut_ptr().cast(), bytes.len())))?;
    Ok(CStr::from_bytes_until_nul(&bytes).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default())
}
