//! A material of your own: the file of a shipped one with one number changed. What would a matrix do that softens at
//! 200 °C?
//!
//!     cargo run --release --example custom_material
//!
//! From the command line: `trapline materials pi-ws2-qd > mine.toml`, edit, and `trapline retain --material ./mine.toml
//! ...`.

use trapline::array::ArrayShape;
use trapline::backend::job::{Bake, Job, Program};
use trapline::backend::{Backend, cpu::Cpu};
use trapline::material::{self, Material, draft::Draft};
use trapline::protocol::{Part, segments};
use trapline::units::kelvin;

/// What an array of 32 x 32 cells keeps of its window, on average, after 1e5 s at each of these temperatures, °C.
fn kept(material: &Material, temperatures_c: &[f64]) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let pulses = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    // The processor, with as many threads and as wide vectors as it has.
    let cpu = Cpu::open(None, None)?;
    let mut kept = Vec::new();
    for &celsius in temperatures_c {
        let job = Job::of(material)
            .array(ArrayShape { rows: 32, cols: 32 })
            .program(Program::of(&pulses))
            .bake(Bake::at(kelvin(celsius)).checkpoints(&[1e5]))
            .build()?;
        // Reading 0 is right after programming, reading 1 after 1e5 s.
        kept.push(cpu.statistics(&job, &|_| ())?.outcome(&job).kept.mean[1]);
    }
    Ok(kept)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shipped = material::shipped("pi-ws2-qd")?;

    // The text of its file is part of a material. A draft changes numbers in it, in the file's units, and keeps the
    // comments.
    let mut draft = Draft::new(&shipped.text, "my material")?;
    let key = "film.glass_transition";
    println!("{key} is {} {}", draft.number(key)?, draft.unit(key));
    draft.set_name("stiffer");
    draft.set(key, 200.0);
    draft.set_source(key, "assumed: a stiffer polyimide");

    // Reading the text checks every number; an error names the key and the limit.
    let stiffer = material::parse(&draft.text(), "my material")?;

    let temperatures_c = [125.0, 150.0, 155.0, 160.0, 170.0];
    let (of_shipped, of_stiffer) = (kept(&shipped, &temperatures_c)?, kept(&stiffer, &temperatures_c)?);
    println!("kept of the window after 1e5 s:");
    println!("{:>17} {:>14} {:>14}", "temperature (°C)", shipped.name, stiffer.name);
    for ((celsius, shipped), stiffer) in temperatures_c.iter().zip(&of_shipped).zip(&of_stiffer) {
        println!("{celsius:>17} {:>12.2} % {:>12.2} %", 100.0 * shipped, 100.0 * stiffer);
    }
    Ok(())
}
