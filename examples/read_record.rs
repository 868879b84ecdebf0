//! A record, read from Rust: which points are in it, and how much each kept. (From Python: xarray opens it, see
//! docs/reading.md.)
//!
//!     cargo run --release --example read_record -- bake.h5
//!
//! Without a path a small campaign is run first, into a temporary folder.

use std::path::{Path, PathBuf};
use trapline::PROGRAM;
use trapline::backend::{Backend, cpu::Cpu};
use trapline::campaign::{self, Destination, Existing, Overrides, Plan};
use trapline::record;
use trapline::units::{celsius, spoken_time};

/// campaigns/bake.toml explains each key.
const CAMPAIGN: &str = r#"
format = 1
name = "small"
seed = 7
variation = true
array = { rows = 32, cols = 32 }
program = { temperature_c = 25.0 }
bake = { temperatures_c = [150.0, 155.0, 160.0], times_s = [1e3, 1e4, 1e5] }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]
"#;

/// Runs the campaign above and returns the path of its record.
fn run_small(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let plan = Plan::parse(CAMPAIGN, "the campaign of this example", folder, &Overrides::default())?;
    let cpu = Cpu::open(None, None)?;
    // The record, without figures. The claim keeps a second run of the same name out.
    let destination = Destination::new(&folder.join("small.h5"), &[])?;
    let claim = destination.claim(&plan, &cpu.identity(), PROGRAM, Existing::Keep)?;
    campaign::run(&plan, &cpu, claim, &())?;
    Ok(destination.record)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = match std::env::args_os().nth(1) {
        Some(given) => PathBuf::from(given),
        None => run_small(folder.path())?,
    };

    // All numbers but the histograms and single cells, which stay in the file: `record::read_histograms` fetches those.
    let found = record::open_campaign(&path)?;
    println!("{}, computed by trapline {}", found.label.name, found.provenance.program_version);
    for point in &found.points {
        println!("{} at {:.0} °C:", point.label.material, celsius(point.label.temperature_k));
        match &point.outcome {
            None => println!("  not computed yet"),
            Some(outcome) => {
                for (&time_s, kept) in outcome.times_s.iter().zip(&outcome.kept.mean) {
                    println!("  after {:>12}: {:6.2} % kept on average", spoken_time(time_s), 100.0 * kept);
                }
            }
        }
    }
    Ok(())
}
