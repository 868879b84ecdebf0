//! An operation over many cells: cut into tiles, and each tile tried again where the device fails.
//!
//! # Practice
//! [`Gpu::in_tiles`] is the only place that opens, drops and retries. An operation brings its [`Resources`] (kernels
//! and buffers), a closure that computes one tile, and one that takes what the tile hands over; nothing of a tile is
//! taken before all of it has come back. A tile that fails is tried once more, on a device opened afresh and on half
//! the cells where there is more than the least.

use super::Gpu;
use super::adapters;
use super::device::Device;
use super::dispatch::Running;
use super::layout::Params;
use super::tile::{Resources, Workspace};
use crate::backend::BackendError;
use crate::backend::tally::BLOCK_CELLS;
use std::sync::{Mutex, MutexGuard, PoisonError};
use trapline_model::array::CellSet;

/// A failure tests can ask for: the real paths of errors, without a broken GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next tile's buffers do not fit: one is asked for that is larger than any may be.
    OutOfMemory,
    /// The device is destroyed before the next tile's kernels are compiled.
    LostEarly,
    /// The device is destroyed while the next tile runs.
    Lost,
}

/// Why a tile could not be computed; its place is not known yet.
#[derive(Debug)]
pub(super) enum Failed {
    /// The device or its memory: worth another try. What was being done, and what was heard.
    Tile { stage: &'static str, reason: String },
    /// The device does not answer; closing it would wait for ever too.
    Hung { stage: &'static str, reason: String },
    /// Another try would fail alike.
    ForGood(BackendError),
}

impl Failed {
    /// Something went wrong with the device in a stage.
    pub fn at(stage: &'static str) -> impl FnOnce(String) -> Failed {
        move |reason| Failed::Tile { stage, reason }
    }
}

/// Cells `from` to `from + count` of a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile<'a> {
    pub cells: &'a CellSet,
    pub number: u64,
    pub from: u64,
    pub count: u64,
}

impl Tile<'_> {
    /// Tells the kernels which cells these are.
    pub fn place(&self, params: Params) -> Params {
        let CellSet { first, width, stride, count } = *self.cells;
        let (start, column, width) = if width >= count {
            (first + self.from, 0, self.count)
        } else {
            (first + self.from / width * stride, self.from % width, width)
        };
        Params {
            first_low: start as u32,
            first_high: (start >> 32) as u32,
            column: column as u32,
            width: width.max(1) as u32,
            // Beyond 32 bits it is that of a run, which has one row only.
            stride: stride.min(u64::from(u32::MAX)) as u32,
            count: self.count as u32,
            cells: self.count as u32,
            blocks: self.count.div_ceil(BLOCK_CELLS) as u32,
            ..params
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error of a failure that takes the state with it.
pub(super) fn lost(gpu: &Gpu, mut slot: MutexGuard<'_, Option<Device>>, failed: Failed) -> BackendError {
    let adapter = gpu.identity.adapter.clone();
    match failed {
        Failed::ForGood(error) => error,
        Failed::Tile { stage, reason } => {
            *slot = None;
            BackendError::StateLost { adapter, stage, reason }
        }
        Failed::Hung { stage, reason } => {
            // Closing it would wait for what never ends.
            std::mem::forget(slot.take());
            BackendError::StateLost { adapter, stage, reason }
        }
    }
}

impl Gpu {
    /// Makes coming tiles fail, one fault each: for tests.
    #[doc(hidden)]
    pub fn inject(&self, faults: &[Fault]) {
        lock(&self.faults).extend(faults.iter().rev());
    }

    /// Takes the next injected fault if it is this one.
    pub(super) fn fault(&self, fault: Fault) -> bool {
        let mut faults = lock(&self.faults);
        let next = faults.last() == Some(&fault);
        if next {
            faults.pop();
        }
        next
    }

    /// Opens the adapter again. Everything of the last device must be gone: on some systems a driver that lost one
    /// hands the same one out as long as anything holds it, the adapter included.
    fn reopen(&self) -> Result<Device, BackendError> {
        Device::open(&adapters::find_again(&self.chosen)?)
    }

    /// The device, opened afresh where it was lost before.
    pub(super) fn sound<'a>(&self, slot: &'a mut Option<Device>) -> Result<&'a Device, BackendError> {
        if slot.as_ref().is_none_or(|device| device.check().is_err()) {
            *slot = None;
            *slot = Some(self.reopen()?);
        }
        match slot {
            Some(device) => Ok(device),
            // Filled two lines above.
            None => Err(BackendError::NoDevice { adapter: self.identity.adapter.clone(), reason: "none".to_owned() }),
        }
    }

    /// Computes one tile on buffers that fit it, which are made and whose kernels are compiled where `work` has none.
    fn attempt<T>(
        &self,
        device: &Device,
        work: &mut Option<Workspace>,
        resources: &Resources,
        tile_cells: u64,
        compute: impl FnOnce(&Running) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let ready = match work.take() {
            Some(ready) => ready,
            None => {
                if self.fault(Fault::LostEarly) {
                    device.device.destroy();
                }
                resources.kernels.iter().try_for_each(|k| device.pipeline(k, resources.classes, false).map(|_| ()))?;
                let too_large = self.fault(Fault::OutOfMemory);
                Workspace::new(device, resources, tile_cells, too_large).map_err(Failed::at("allocation"))?
            }
        };
        let found = compute(&Running::new(self, device, &ready, resources.classes, false))?;
        *work = Some(ready);
        Ok(found)
    }

    /// Works through `cells` in tiles: `compute` does one, `take` is handed what it gave, in order.
    pub(super) fn in_tiles<T>(
        &self,
        resources: &Resources,
        cells: &CellSet,
        compute: impl Fn(&Running, &Tile) -> Result<T, Failed>,
        mut take: impl FnMut(&Tile, T),
    ) -> Result<(), BackendError> {
        let mut slot = lock(&self.device);
        let most = cells.count.max(1).next_multiple_of(resources.unit);
        let mut tile_cells = resources.tile_cells(self.sound(&mut slot)?, self.budget_bytes)?.min(most);
        let (mut from, mut number) = (0, 0);
        let mut before: Option<(&'static str, String)> = None;
        let mut work: Option<Workspace> = None;
        while from < cells.count {
            let tile = Tile { cells, number, from, count: tile_cells.min(cells.count - from) };
            let device = self.sound(&mut slot)?;
            match self.attempt(device, &mut work, resources, tile_cells, |running| compute(running, &tile)) {
                Ok(found) => {
                    take(&tile, found);
                    from += tile.count;
                    number += 1;
                    before = None;
                }
                Err(Failed::ForGood(error)) => return Err(error),
                Err(Failed::Hung { stage, reason }) => {
                    // Closing it would wait for what never ends.
                    std::mem::forget(slot.take());
                    return Err(self.tile_error(&tile, stage, reason));
                }
                Err(Failed::Tile { stage, reason }) => {
                    // Buffers first: a device lives as long as they do.
                    work = None;
                    *slot = None;
                    if let Some((stage_before, reason_before)) = before {
                        let both = format!("{reason} (on the first try, {stage_before} failed: {reason_before})");
                        return Err(self.tile_error(&tile, stage, both));
                    }
                    let fewer = (tile_cells / 2 / resources.unit).max(1) * resources.unit;
                    let how = if fewer < tile_cells { format!("{fewer} cells") } else { "as many cells".to_owned() };
                    tracing::warn!("{stage} failed in tile {number}, trying once more, on {how}: {reason}");
                    tile_cells = fewer;
                    match self.reopen() {
                        Ok(device) => *slot = Some(device),
                        Err(error) => {
                            let both = format!("{reason}; and it cannot be opened again: {error}");
                            return Err(self.tile_error(&tile, stage, both));
                        }
                    }
                    before = Some((stage, reason));
                }
            }
        }
        Ok(())
    }

    /// A failure of a tile that is not tried again.
    pub(super) fn told(&self, tile: &Tile, failed: Failed) -> BackendError {
        match failed {
            Failed::ForGood(error) => error,
            Failed::Tile { stage, reason } | Failed::Hung { stage, reason } => self.tile_error(tile, stage, reason),
        }
    }

    fn tile_error(&self, tile: &Tile, stage: &'static str, reason: String) -> BackendError {
        BackendError::Device {
            adapter: self.identity.adapter.clone(),
            stage,
            tile: tile.number,
            first: tile.cells.number(tile.from),
            last: tile.cells.number(tile.from + tile.count.saturating_sub(1)),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_the_cells_of_their_set() {
        let number = |params: &Params, i: u32| {
            let column = u64::from(params.column + i);
            let first = u64::from(params.first_low) + (u64::from(params.first_high) << 32);
            first + column / u64::from(params.width) * u64::from(params.stride) + column % u64::from(params.width)
        };
        let window = CellSet { first: 7 << 33, width: 30, stride: 1 << 20, count: 30 * 17 };
        for cells in [CellSet::run((1 << 33) - 20, 1 << 35), CellSet::run(5, 1), window] {
            for from in [0, 29, 128, 256, (1 << 34) + 128] {
                let Some(left) = cells.count.checked_sub(from) else { continue };
                let tile = Tile { cells: &cells, number: 0, from, count: left.min(200) };
                let params = tile.place(Params::default());
                for i in 0..tile.count {
                    assert_eq!(number(&params, i as u32), cells.number(from + i), "{cells:?} from {from}, {i}");
                }
            }
        }
    }
}
