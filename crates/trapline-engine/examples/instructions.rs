//! One job of a kind on so many cells, on one thread with one instruction set, and nothing else: what
//! `benches/instructions.py` counts the instructions of.
//!
//!     instructions avx2 bake counted 8192

use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::job::{Bake, Job, Program};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material;
use trapline_model::protocol::{Part, segments};
use trapline_model::units::kelvin;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [set, kernel, electrons, cells] = words.as_slice() else {
        return Err("instructions SET bake|program mean-field|counted CELLS".into());
    };
    let electrons = match electrons.as_str() {
        "counted" => Electrons::Counted(DotNumber::Poisson),
        _ => Electrons::MeanField,
    };
    // A pulse and many checkpoints, or many pulses and one checkpoint.
    let (pulses, octaves) = if kernel == "bake" { (1, 28) } else { (30, 0) };
    let program = segments(&[Part::Pulses { pulses, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let times_s: Vec<f64> = (0..=2 * octaves).map(|i| libm::pow(2.0, f64::from(i) / 2.0)).collect();
    let dots = material::shipped("pi-ws2-qd")?;
    let job = Job::of(&dots)
        .electrons(electrons)
        .array(ArrayShape { rows: 1, cols: cells.parse()? })
        .program(Program::of(&program))
        .bake(Bake::at(kelvin(150.0)).checkpoints(&times_s))
        .build()?;
    let tally = Cpu::open(Some(1), Some(set))?.statistics(&job, &|_| ())?;
    println!("{} cells, {} programmed", tally.cells, tally.outcome(&job).programmed);
    Ok(())
}
