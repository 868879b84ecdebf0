//! How much of what it learned does an array keep? One array of 64 x 64 cells, one temperature.
//!
//!     cargo run --release --example retention
//!
//! The same from the command line, for many temperatures and with a record: `trapline run campaigns/bake.toml -o
//! bake.h5`.

use trapline::array::ArrayShape;
use trapline::backend::job::{Bake, Job, Program};
use trapline::backend::{self, Options};
use trapline::material;
use trapline::protocol::{Part, segments};
use trapline::units::{kelvin, spoken_time};

// `main` may end with an error, which is then printed; `?` behind a call hands its error on, as an exception would go
// up in Python.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Polyimide with WS2 quantum dots, one of three materials that come with trapline. Others are read with
    // `material::load`.
    let dots = material::shipped("pi-ws2-qd")?;

    // 30 pulses of 1.5 V for 1 ms, 1 ms apart, as a list of segments of constant bias.
    let pulses = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);

    // What is computed: the cells, what is done to them (at 25 °C), what they are left to, and when they are read (at
    // 0.1 V).
    let times_s = [1e2, 1e3, 1e4, 1e5, 1e6];
    let job = Job::of(&dots)
        .seed(7)
        .array(ArrayShape { rows: 64, cols: 64 })
        .program(Program::of(&pulses))
        .bake(Bake::at(kelvin(155.0)).checkpoints(&times_s))
        .build()?;

    // Who computes it: a GPU where there is one, else all cores of the processor. `&|_| ()` is a progress bar that
    // shows nothing.
    let backend = backend::open(&Options::default())?;
    let outcome = backend.statistics(&job, &|_| ())?.outcome(&job);

    let who = backend.identity();
    println!("{}: {} cells at 155 °C, computed by {} ({})", dots.name, outcome.cells, who.backend, who.adapter);
    println!("{:>12} {:>18} {:>12} {:>16}", "time", "conductance (pS)", "kept (%)", "cells below 90 %");
    for (i, &time_s) in outcome.times_s.iter().enumerate() {
        let (conductance_ps, kept) = (outcome.conductance_s.mean[i] * 1e12, outcome.kept.mean[i] * 100.0);
        println!("{:>12} {conductance_ps:>18.3} {kept:>12.2} {:>16}", spoken_time(time_s), outcome.failed[i]);
    }
    Ok(())
}
