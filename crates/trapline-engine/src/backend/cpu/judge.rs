//! Judges sixteen cells by readings. Twins: `shaders/judge_reading.wgsl` and `shaders/judge_first.wgsl`; the equations
//! are those of [`trapline_model::cell::read::Judging`].

use super::draw::{Numbers, normals};
use super::lanes::{LANES, Lane, splat};
use crate::backend::tables::{Readings, Tables};
use trapline_model::cell::read::Observables;
use trapline_model::rng::{self, NORMAL_TABLE_LEN, Purpose};

/// What judges sixteen cells, checkpoint by checkpoint; in the order of time where the first failing reading counts.
#[derive(Clone, Copy)]
pub struct Judge {
    cells: Numbers,
    /// Noise of a reading over the window right after programming, over the root of the conductance.
    noise: Lane,
    /// 1 where a reading before has failed.
    failed: Lane,
}

impl Judge {
    /// Of no cells.
    pub const NONE: Judge =
        Judge { cells: Numbers { low: [0; LANES], high: [0; LANES] }, noise: splat(0.0), failed: splat(0.0) };

    /// Starts with cells of these areas, filled so by their programming.
    #[inline(always)]
    pub fn begin(&mut self, tables: &Tables, readings: &Readings, cells: &Numbers, area: &Lane, start: &Lane) {
        self.cells = *cells;
        self.failed = splat(0.0);
        for lane in 0..LANES {
            let charge = tables.cell.open * start[lane];
            let window = area[lane] * (tables.direct * charge / (1.0 - charge));
            self.noise[lane] = readings.noise / window;
        }
    }

    /// Gives 1 where cells have failed, of which this is read without noise. `seed` is that of the bake.
    #[inline(always)]
    pub fn failing(
        &mut self,
        tables: &Tables,
        readings: &Readings,
        seed: u64,
        checkpoint: u32,
        seen: &Observables<Lane>,
        normal_table: &[i32; NORMAL_TABLE_LEN],
    ) -> Lane {
        let counter = rng::purpose_and_draw(Purpose::ReadingOfBake, 0);
        let words = rng::philox4x32_10_lanes(self.cells.low, self.cells.high, checkpoint, counter, rng::key(seed));
        let z = normals(words[0], normal_table);
        let mut failing = splat(0.0);
        for lane in 0..LANES {
            let noise = self.noise[lane] * seen.conductance[lane].sqrt();
            let fails = seen.kept[lane] + z[lane] * noise < tables.kept_threshold;
            failing[lane] = if fails { 1.0 } else { self.failed[lane] };
        }
        if readings.first {
            self.failed = failing;
        }
        failing
    }
}
