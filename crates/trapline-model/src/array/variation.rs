//! What distinguishes a cell: drawn from its number, the same wherever and whenever it is drawn.
//!
//! One Philox call gives a cell four normals: size, area, trap-filled limit, and one left over. Sizes shift by
//! `sd z` in their logarithm, the other two are log-normal factors `exp(sd z)` of median 1, so that no spread makes a
//! negative area. The capture speed is drawn again for each cycle.

use crate::cell::Factors;
use crate::material::Variation;
use crate::rng::{self, NORMAL_UNIT, Purpose};

/// The factors of a cell.
pub fn factors(variation: &Variation, seed: u64, cell: u64) -> Factors {
    let z = rng::words(seed, cell, Purpose::Device, 0, 0).map(|word| f64::from(rng::normal_fixed(word)) * NORMAL_UNIT);
    Factors {
        log_size: variation.size * z[0],
        area: libm::exp(variation.area * z[1]),
        trap_filled: libm::exp(variation.trap_filled * z[2]),
    }
}

/// The capture speed of a cell in a cycle, over its nominal value.
pub fn capture_speed(variation: &Variation, seed: u64, cell: u64, cycle: u32) -> f64 {
    if variation.capture_speed == 0.0 {
        return 1.0;
    }
    let word = rng::words(seed, cell, Purpose::Cycle, cycle, 0)[0];
    libm::exp(variation.capture_speed * f64::from(rng::normal_fixed(word)) * NORMAL_UNIT)
}
