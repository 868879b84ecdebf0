//! Results that must not depend on threads, instruction sets or tiles, bit for bit.

use crate::agreement::nothing;
use crate::support::twins::trace;
use crate::support::{job_of, shipped_job, thirty_pulses};
use std::collections::BTreeSet;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::job::Job;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::tally::CHUNK_CELLS;
use trapline_model::array::CellSet;
use trapline_model::material;
use trapline_model::protocol::{Part, segments};

/// Bit for bit: `assert_eq` on tallies compares every sum with `==`.
fn assert_same_bits(what: &str, jobs: &[Job], backends: &[Box<dyn Backend>]) {
    for job in jobs {
        let first = backends[0].statistics(job, &nothing).unwrap();
        let cells = CellSet::run(100, 77);
        let traced = trace(&*backends[0], job, &cells);
        for other in &backends[1..] {
            let found = other.statistics(job, &nothing).unwrap();
            assert!(found == first, "{what}: {:?} differs from {:?}", other.identity(), backends[0].identity());
            assert_eq!(trace(&**other, job, &cells), traced, "{what}");
        }
    }
}

/// Three chunks and some cells, with sweeps and with pulses.
fn tiled_jobs() -> [Job; 2] {
    let program = segments(&[
        Part::Sweep { sweeps: 1, sweep_to_v: 3.0, step_v: 0.5, dwell_s: 3.9e-4 },
        Part::Pulses { pulses: 10, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 },
    ]);
    // So many classes that the budgets below make tiles.
    let eight = |place: usize| {
        let (name, text) = material::SHIPPED[place];
        let text = text.replacen("[traps]", "[traps]\nclasses = 8", 1);
        material::parse(&text, name).unwrap()
    };
    let sheets = job_of(&eight(1), &thirty_pulses(0.7), 100.0, 150, 199, 51);
    [sheets, job_of(&eight(0), &program, 150.0, 190, 131, 52)]
}

#[test]
fn cpu_results_know_no_threads_and_no_instruction_set() {
    let mut backends: Vec<Box<dyn Backend>> = Vec::new();
    let mut names = BTreeSet::new();
    for set in InstructionSet::available() {
        for threads in [1, 2, 3] {
            let cpu = Cpu::open(Some(threads), Some(set.name())).unwrap();
            // That it is this set and this many threads that run.
            assert_eq!((cpu.identity().instruction_set.as_str(), cpu.threads()), (set.name(), threads));
            names.insert(set.name());
            backends.push(Box::new(cpu));
        }
    }
    assert_eq!(names.len(), InstructionSet::available().len());
    assert_same_bits("cpu", &tiled_jobs(), &backends);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn gpu_results_know_no_tiles() {
    let of = |bytes: Option<u64>| Gpu::open(None, bytes).unwrap_or_else(|error| panic!("{error}"));
    // Budgets for the whole of these arrays, for tiles of some chunks, and of one.
    let backends = [of(None), of(Some(15 << 17)), of(Some(9 << 17))];
    for job in tiled_jobs() {
        let tiles: Vec<_> = backends.iter().map(|gpu| gpu.tile_cells(&job).expect("fits")).collect();
        let cells = job.shape().cells();
        assert!(tiles[0] >= cells && cells > tiles[1] && tiles[1] > tiles[2], "{cells} cells in {tiles:?}");
        assert_eq!(tiles[2], CHUNK_CELLS);
    }
    assert_same_bits("gpu", &tiled_jobs(), &backends.map(|gpu| Box::new(gpu) as Box<dyn Backend>));
}

// The same bits also show that the comparison can tell two seeds apart.
#[test]
fn different_seeds_have_different_bits() {
    let of = |seed| Reference.statistics(&shipped_job("pi-ws2-qd", 100.0, 4, 4, seed), &nothing).unwrap();
    assert!(of(1) != of(2));
    assert!(of(1) == of(1));
}
