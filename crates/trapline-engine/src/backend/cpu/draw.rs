//! Draws what distinguishes sixteen cells. Twin: `shaders/vary.wgsl`.

use super::lanes::{LANES, Lane, exp};
use crate::backend::tables::CellTables;
use trapline_model::rng::{self, NORMAL_TABLE_LEN, NORMAL_UNIT, Purpose};

/// The factors of sixteen cells.
#[derive(Debug, Clone, Copy)]
pub struct Factors {
    pub log_size: Lane,
    pub area: Lane,
    pub trap_filled: Lane,
}

/// Sixteen cell numbers, low and high words.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    pub low: [u32; LANES],
    pub high: [u32; LANES],
}

impl Numbers {
    /// From 64-bit numbers.
    #[inline(always)]
    pub fn new(numbers: [u64; LANES]) -> Numbers {
        Numbers { low: numbers.map(|n| n as u32), high: numbers.map(|n| (n >> 32) as u32) }
    }
}

/// The standard normals of words.
#[inline(always)]
pub fn normals(words: [u32; LANES], table: &[i32; NORMAL_TABLE_LEN]) -> Lane {
    let fixed = rng::normal_fixed_lanes(words, table);
    let mut z = [0.0; LANES];
    for lane in 0..LANES {
        z[lane] = fixed[lane] as f32 * NORMAL_UNIT as f32;
    }
    z
}

/// `exp(sd z)`, lane by lane.
#[inline(always)]
fn log_normal(sd: f32, z: &Lane) -> Lane {
    super::lanes::map(z, |z| exp(sd * z))
}

/// Draws the device-to-device factors.
#[inline(always)]
pub fn draw(tables: &CellTables, seed: u64, cells: &Numbers, normal_table: &[i32; NORMAL_TABLE_LEN]) -> Factors {
    let counter = rng::purpose_and_draw(Purpose::Device, 0);
    let words = rng::philox4x32_10_lanes(cells.low, cells.high, 0, counter, rng::key(seed));
    let z = [0, 1, 2].map(|i| normals(words[i], normal_table));
    Factors {
        log_size: super::lanes::map(&z[0], |z| tables.size_sd * z),
        area: log_normal(tables.area_sd, &z[1]),
        trap_filled: log_normal(tables.trap_filled_sd, &z[2]),
    }
}

/// Draws the capture speeds of a cycle.
#[inline(always)]
pub fn draw_speed(
    tables: &CellTables,
    seed: u64,
    cells: &Numbers,
    cycle: u32,
    normal_table: &[i32; NORMAL_TABLE_LEN],
) -> Lane {
    let counter = rng::purpose_and_draw(Purpose::Cycle, 0);
    let words = rng::philox4x32_10_lanes(cells.low, cells.high, cycle, counter, rng::key(seed));
    log_normal(tables.speed_sd, &normals(words[0], normal_table))
}
