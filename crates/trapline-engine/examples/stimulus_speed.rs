//! How long 1,000 segments on 4,096 cells take: in one call, in a call each, and a call each on cells that stay where they are computed.
//! `docs/performance.md` has what it printed.
use ndarray::Array2;
use std::time::Instant;
use trapline_engine::backend::cells::Population;
use trapline_engine::backend::stimulus::Stimulus;
use trapline_engine::backend::{Backend, cpu::Cpu, gpu::Gpu};
use trapline_model::material::shipped;
use trapline_model::protocol::Segment;

fn main() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells: Vec<u64> = (0..4096).collect();
    let segments: Vec<_> = (0..1000u32)
        .map(|i| Segment { bias_v: if i % 2 == 0 { 1.5 } else { 0.1 }, dwell_s: 1e-3, cycle: i / 2 })
        .collect();
    let gpu = Gpu::open(None, None).unwrap();
    let cpu = Cpu::open(None, None).unwrap();
    let all: [(&str, &dyn Backend); 2] = [("gpu", &gpu), ("cpu", &cpu)];
    for (name, backend) in all {
        for record in [false, true] {
            let list: Vec<_> = segments.iter().map(|s| (*s, record)).collect();
            let stimulus = Stimulus::new(&qd, qd.variation, 1, 298.15, &list);
            for _ in 0..2 {
                let mut occupancy = Array2::zeros((4096, qd.classes.len()));
                let start = Instant::now();
                backend.stimulate(&stimulus, &cells, &mut occupancy).unwrap();
                println!("{name} one call, recorded {record}: {:.3} s", start.elapsed().as_secs_f64());
            }
        }
        for record in [false, true] {
            let each: Vec<_> =
                segments.iter().map(|s| Stimulus::new(&qd, qd.variation, 1, 298.15, &[(*s, record)])).collect();
            let mut occupancy = Array2::zeros((4096, qd.classes.len()));
            let start = Instant::now();
            for stimulus in &each {
                backend.stimulate(stimulus, &cells, &mut occupancy).unwrap();
            }
            println!("{name} 1000 calls, recorded {record}: {:.3} s", start.elapsed().as_secs_f64());
            let population = Population::new(&qd, qd.variation, 1, cells.clone());
            let start = Instant::now();
            let mut resident = backend.cells(population).unwrap();
            for stimulus in &each {
                resident.advance(stimulus, None).unwrap();
            }
            resident.download().unwrap();
            println!("{name} 1000 resident calls, recorded {record}: {:.3} s", start.elapsed().as_secs_f64());
        }
    }
}
