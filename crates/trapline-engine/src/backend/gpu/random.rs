//! The tables that kernels take random numbers from: that of normals, and behind it those that counts are drawn from.
//!
//! Those of counts have some 15 MB for cells of the shipped dots. A device has them once, for as many trials as
//! anything asked for so far: tables for more trials begin with those for fewer.

use super::device::{Device, filled};
use std::sync::{Mutex, PoisonError};
use trapline_model::rng::counts::Counts;
use trapline_model::rng::{NORMAL_TABLE_LEN, normal_table};

/// The tables of a device, made when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct RandomTables(Mutex<Option<Made>>);

#[derive(Debug)]
struct Made {
    buffer: wgpu::Buffer,
    /// Most trials of a count; 0 where it has the table of normals alone.
    trials: u32,
}

/// The tables of counts of up to so many trials; none of 0.
fn counts_of(trials: u32) -> Counts {
    if trials == 0 { Counts::NONE } else { Counts::up_to(trials) }
}

/// Bytes of the tables for counts of up to so many trials; none of 0, though every device has the 12 kB of normals.
pub(super) fn bytes(trials: u32) -> u64 {
    if trials == 0 { 0 } else { 4 * (NORMAL_TABLE_LEN + counts_of(trials).word_count()) as u64 }
}

impl RandomTables {
    /// Tables for counts of up to so many trials, or more of them; of 0 trials perhaps that of normals alone.
    pub fn up_to(&self, device: &Device, trials: u32) -> Result<wgpu::Buffer, String> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = made.as_ref().filter(|tables| tables.trials >= trials) {
            return Ok(tables.buffer.clone());
        }
        let counts = counts_of(trials);
        let mut words: Vec<u32> = normal_table().iter().map(|&level| level as u32).collect();
        if trials > 0 {
            words.extend(counts.words());
        }
        let buffer =
            device.scoped(|| filled(&device.device, &device.queue, "normal_table", bytemuck::cast_slice(&words)))?;
        let trials = if trials == 0 { 0 } else { counts.most() };
        *made = Some(Made { buffer: buffer.clone(), trials });
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_for_more_trials_begin_with_those_for_fewer() {
        // Heads of places that are missing are zeros: what serves fewer trials never asks for them.
        let (few, many) = (Counts::up_to(200).words(), Counts::up_to(5000).words());
        assert_eq!(bytes(200), 4 * (NORMAL_TABLE_LEN + few.len()) as u64);
        assert!(many.len() > few.len() && Counts::up_to(5000).most() >= 5000);
        let heads = Counts::NONE.words().len();
        for (i, word) in few.iter().enumerate() {
            assert!(*word == many[i] || (*word == 0 && i < heads), "word {i}");
        }
    }
}
