//! The same stimulus on the same cells, by the GPU and by the processor: how far are they apart, and how long does each
//! take?
//!
//!     cargo run --release --example gpu_against_cpu
//!
//! Cells stay where they are computed, on a GPU in its memory, until they are dropped; only what is read comes back.

use ndarray::Array1;
use std::time::{Duration, Instant};
use trapline::array::ArrayShape;
use trapline::backend::cells::Population;
use trapline::backend::cpu::Cpu;
use trapline::backend::gpu::Gpu;
use trapline::backend::{Backend, BackendError};
use trapline::material;
use trapline::protocol::{Part, segments};
use trapline::units::kelvin;

/// Programs the cells, bakes them for 1e4 s at 155 °C, and reads the conductance of each, S; and the time that took.
fn simulate(backend: &dyn Backend, of: &Population) -> Result<(Array1<f64>, Duration), BackendError> {
    let start = Instant::now();
    let mut cells = backend.cells(of.clone())?;
    let pulses = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    // `false`: no current is recorded during the pulse.
    let unrecorded: Vec<_> = pulses.into_iter().map(|segment| (segment, false)).collect();
    cells.advance(&of.stimulus(kelvin(25.0), &unrecorded), None)?;
    cells.bake(kelvin(155.0), 1e4)?;
    let conductance_s = cells.read(0.1, kelvin(25.0))?;
    Ok((conductance_s, start.elapsed()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dots = material::shipped("pi-ws2-qd")?;
    // Every cell is drawn from its number and the seed, 1: the same cells on both.
    let cells = Population::array(&dots, dots.variation, 1, ArrayShape { rows: 256, cols: 256 });
    let gpu = match Gpu::open(None, None) {
        Ok(gpu) => gpu,
        Err(error @ BackendError::NoAdapter(_)) => {
            println!("nothing to compare: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let cpu = Cpu::open(None, None)?;

    // Once before the clock counts: the first call of a GPU compiles its shaders.
    simulate(&gpu, &cells)?;
    let (by_gpu, gpu_time) = simulate(&gpu, &cells)?;
    let (by_cpu, cpu_time) = simulate(&cpu, &cells)?;

    let apart = by_gpu.iter().zip(&by_cpu).map(|(gpu, cpu)| (gpu / cpu - 1.0).abs());
    let (mean_ps, largest) = (by_cpu.sum() / by_cpu.len() as f64 * 1e12, apart.fold(0.0, f64::max));
    println!("{} cells, mean conductance {mean_ps:.3} pS", by_cpu.len());
    println!("gpu: {:8.1} ms  {}", gpu_time.as_secs_f64() * 1e3, gpu.identity().adapter);
    println!("cpu: {:8.1} ms  {}", cpu_time.as_secs_f64() * 1e3, cpu.identity().adapter);
    println!("largest relative difference of a cell's conductance: {largest:.1e}");
    Ok(())
}
