//! Files that a campaign names beside materials: laws of selectors, maps of temperatures. Each is read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array2;

use crate::experiment::heat;
use trapline_model::files;

/// Most bytes of such a file whose checksum is taken: maps of temperatures are the largest.
const MOST_BYTES: u64 = 1 << 34;

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// The checksum of each file.
    checksums: BTreeMap<PathBuf, u32>,
    maps_k: BTreeMap<PathBuf, Arc<Array2<f64>>>,
}

impl Inputs {
    /// Takes down that a file is read.
    ///
    /// # Errors
    /// One that cannot be read, in a line.
    pub(super) fn take_down(&mut self, path: &Path) -> Result<(), String> {
        if !self.checksums.contains_key(path) {
            let unread = |error: std::io::Error| format!("{}: {error}", path.display());
            let mut hasher = crc32fast::Hasher::new();
            let file = files::open(path).map_err(unread)?;
            std::io::copy(&mut std::io::Read::take(file, MOST_BYTES), &mut Summing(&mut hasher)).map_err(unread)?;
            self.checksums.insert(path.to_owned(), hasher.finalize());
        }
        Ok(())
    }

    /// A map of temperatures, K.
    ///
    /// # Errors
    /// What is wrong with the file, in a line.
    pub(super) fn map_k(&mut self, path: &Path) -> Result<Arc<Array2<f64>>, String> {
        if let Some(map_k) = self.maps_k.get(path) {
            return Ok(Arc::clone(map_k));
        }
        self.take_down(path)?;
        let map_k = Arc::new(heat::temperature_map(path, None).map_err(|error| error.to_string())?);
        self.maps_k.insert(path.to_owned(), Arc::clone(&map_k));
        Ok(map_k)
    }

    /// The files, as they are found from here.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.checksums.keys().cloned().collect()
    }

    /// Each with its checksum, for the record: as the campaign names it, from the folder that its paths are seen from.
    pub(super) fn told(&self, base: &Path) -> Vec<String> {
        let of = |(path, sum): (&PathBuf, &u32)| {
            let named = path.strip_prefix(base).unwrap_or(path);
            format!("{} (CRC-32 {sum:08x})", named.display())
        };
        self.checksums.iter().map(of).collect()
    }
}

/// Adds up what is written to it.
struct Summing<'a>(&'a mut crc32fast::Hasher);

impl std::io::Write for Summing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
