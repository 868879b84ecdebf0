//! What counting electrons costs: whole points of the campaign `bake.toml`, counted and mean-field in turn.
//!
//!     cargo run --release -p trapline-engine --example counted_speed

use std::time::Instant;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::job::{Bake, Job, Program};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material;
use trapline_model::protocol::{Part, segments};
use trapline_model::units::kelvin;

fn main() {
    let cpu = Cpu::open(None, None).expect("opens");
    let times_s: Vec<f64> = (0..60).map(|i| 2f64.powf(f64::from(i) / 2.0)).collect();
    let mut totals = [0.0, 0.0];
    for (name, amplitude_v) in [("pi-ws2-qd", 1.5), ("pi-ws2-ns", 0.7)] {
        let of = material::shipped(name).expect("shipped");
        for pulses in [1, 30] {
            let program = segments(&[Part::Pulses { pulses, amplitude_v, width_s: 1e-3, interval_s: 1e-3 }]);
            for celsius in [25.0, 85.0, 125.0, 155.0, 170.0] {
                let time = |electrons| {
                    let job = Job::of(&of)
                        .electrons(electrons)
                        .array(ArrayShape { rows: 256, cols: 256 })
                        .program(Program::of(&program))
                        .bake(Bake::at(kelvin(celsius)).checkpoints(&times_s))
                        .build()
                        .expect("sound");
                    let start = Instant::now();
                    cpu.statistics(&job, &|_| ()).expect("runs");
                    start.elapsed().as_secs_f64()
                };
                let (mean_field, counted) = (time(Electrons::MeanField), time(Electrons::Counted(DotNumber::Poisson)));
                if pulses == 30 {
                    totals[0] += mean_field;
                    totals[1] += counted;
                }
                println!(
                    "{name} {pulses} pulses, {celsius} C: mean-field {mean_field:.3} s, counted {counted:.3} s, {:.1} times",
                    counted / mean_field
                );
            }
        }
    }
    println!("30 pulses together: {:.2} times", totals[1] / totals[0]);
}
