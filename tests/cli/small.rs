//! The small campaign that tests run as it is, and change.

use std::process::Output;

use crate::desk::Desk;

pub const SMALL: &str = r#"
format = 1
name = "small"
seed = 5
variation = true
electrons = "mean-field"

[array]
rows = 32
cols = 48

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[[material]]
use = "pi-ws2-ns"
program = [{ pulses = 30, amplitude_v = 0.7, width_s = 1e-3, interval_s = 1e-3 }]

[program]
temperature_c = 25.0

[bake]
temperatures_c = [25.0, 155.0, 180.0]
from_s = 1.0
to_s = 1e6
per_octave = 1

[histogram]
bins = 8

[dump]
first_row = 30
first_col = 40
rows = 2
cols = 8
"#;

/// A folder with a campaign in it, `small.toml`.
pub fn desk(campaign: &str) -> Desk {
    Desk::with("small.toml", campaign)
}

/// Runs `small.toml` on the CPU.
pub fn run(desk: &Desk, more: &[&str]) -> Output {
    desk.trapline(&[&["run", "small.toml", "--backend", "cpu", "--no-plot"], more].concat())
}

/// The campaign without its dump.
pub fn without_dump() -> &'static str {
    &SMALL[..SMALL.find("[dump]").unwrap()]
}
