//! The CPU backend gives the same bits on every instruction set and number of threads.
//!
//! On a processor with the narrowest set only, threads are all this compares.

use crate::support;
use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::job::Job;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::tally::Tally;
use trapline_engine::backend::{Backend, Trace};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::material;

const SEED: u64 = 11;

/// 10,323 cells: three chunks of work at most, the last block and the last group of lanes not full.
fn job(name: &str, seed: u64) -> Job {
    support::shipped_job(name, 125.0, 93, 111, seed)
}

/// As many, in a bake of two temperatures.
fn cycled(seed: u64) -> Job {
    let qd = material::shipped("pi-ws2-qd").expect("shipped");
    support::profile_job(&qd, &support::HOURS, None, &support::octaves(), seed)
}

/// Every bit of a tally.
fn bits(tally: &Tally) -> Vec<u64> {
    let partials = tally.partials.iter().flat_map(|p| [p.sum, p.square, p.min, p.max]).flatten().map(f64::to_bits);
    partials.chain(tally.counts.iter().copied()).collect()
}

fn trace_bits(trace: &Trace) -> Vec<u32> {
    let all = [&trace.conductance, &trace.filling, &trace.lost, &trace.kept];
    all.into_iter().flatten().map(|value| value.to_bits()).collect()
}

fn everywhere() -> impl Iterator<Item = Cpu> {
    InstructionSet::available()
        .into_iter()
        .flat_map(|set| [1, 2, 3].map(|threads| Cpu::open(Some(threads), Some(set.name())).expect("available")))
}

#[test]
fn statistics_are_the_same_everywhere() {
    let jobs = |seed| [("qd", job("pi-ws2-qd", seed)), ("ns", job("pi-ws2-ns", seed)), ("cycles", cycled(seed))];
    for ((name, job), (_, other)) in jobs(SEED).into_iter().zip(jobs(SEED + 1)) {
        assert_ne!(job.shape().cells() % 16, 0);
        let found: Vec<_> = everywhere().map(|cpu| bits(&cpu.statistics(&job, &|_| ()).expect("runs"))).collect();
        for another in &found[1..] {
            assert_eq!(found[0], *another, "{name}");
        }
        // Control: another seed is seen.
        let cpu = Cpu::open(Some(1), None).expect("available");
        assert_ne!(found[0], bits(&cpu.statistics(&other, &|_| ()).expect("runs")));
    }
}

#[test]
fn more_threads_than_chunks_or_cores_change_nothing() {
    let job = job("pi-ws2-qd", SEED);
    let bits_on =
        |threads| bits(&Cpu::open(Some(threads), None).expect("available").statistics(&job, &|_| ()).expect("runs"));
    assert_eq!(bits_on(300), bits_on(1));
}

#[test]
fn traces_are_the_same_everywhere() {
    let cells = CellSet::run(10_000, 37);
    for job in [job("pi-ws2-qd", SEED), cycled(SEED)] {
        let found: Vec<_> = everywhere().map(|cpu| trace_bits(&cpu.trace(&job, &cells).expect("runs"))).collect();
        assert!(found[0].iter().all(|bits| !f32::from_bits(*bits).is_nan()));
        for other in &found[1..] {
            assert_eq!(found[0], *other);
        }
    }
}

#[test]
fn means_of_cells_in_memory_are_the_same_everywhere_and_right() {
    for job in [job("pi-ws2-qd", SEED), cycled(SEED)] {
        means_are_right(&job);
    }
}

fn means_are_right(job: &Job) {
    let count = 8192 + 131;
    let classes = job.material().classes.len();
    let log_size: Vec<f32> = (0..count).map(|i| 0.1 * ((i * 37 % 101) as f32 / 101.0 - 0.5)).collect();
    let occupancy: Vec<f32> = (0..classes * count).map(|i| (i * 53 % 97) as f32 / 200.0).collect();
    let found: Vec<_> =
        everywhere().map(|cpu| cpu.bake_means(job, &occupancy, &log_size).expect("right lengths")).collect();
    for other in &found[1..] {
        assert_eq!(found[0], *other);
    }
    // Against f64, cell by cell.
    for checkpoint in (1..job.times_s().len()).step_by(7) {
        let mut sum = 0.0;
        for cell in 0..count {
            let mut f = [0.0; trapline_model::material::MAX_CLASSES];
            (0..classes).for_each(|k| f[k] = f64::from(occupancy[k * count + cell]));
            let factors = trapline_model::cell::Factors {
                log_size: f64::from(log_size[cell]),
                ..trapline_model::cell::Factors::NOMINAL
            };
            sum += job.observe(&factors, &f, checkpoint).conductance;
        }
        // Each conductance within 5e-7 of f64's; sums of 128 differences of at most 1 in f32 add less.
        support::assert_close("mean", found[0][checkpoint - 1], sum / count as f64, 1e-6, 0.0);
    }
    let cpu = Cpu::open(Some(1), None).expect("available");
    assert!(cpu.bake_means(job, &occupancy[1..], &log_size).is_err());
}

#[test]
fn cells_agree_with_the_reference() {
    for name in ["pi-ws2-qd", "pi-ws2-ns"] {
        let job = job(name, SEED);
        let cells = CellSet::run(5_000, 160);
        let found = Cpu::open(Some(1), None).expect("available").trace(&job, &cells).expect("runs");
        let expected = Reference.trace(&job, &cells).expect("runs");
        let worst = |f: &ndarray::Array2<f32>, e: &ndarray::Array2<f32>| {
            let wide = |a: &ndarray::Array2<f32>| a.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            support::worst_relative(wide(f), wide(e), 1e-30)
        };
        let conductance = worst(&found.conductance, &expected.conductance);
        assert!(conductance < 5e-7, "{name}: conductance {conductance:e}");
        // Sixteen doublings of two roundings each, and the first of the chain (see `backend::schedule`).
        let lost = worst(&found.lost, &expected.lost);
        assert!(lost < 2e-6, "{name}: lost {lost:e}");
    }
}

/// An array that is programmed and left: one checkpoint, at which nothing is lost.
#[test]
fn a_job_without_checkpoints_is_its_programming() {
    let qd = material::shipped("pi-ws2-qd").expect("shipped");
    let point = support::point(&qd, &support::thirty_pulses(1.5), 150.0, SEED, &[]);
    let job = support::built(point.array(ArrayShape { rows: 3, cols: 50 }));
    let cpu = Cpu::open(Some(1), None).expect("available");
    let [found, expected] = [&cpu as &dyn Backend, &Reference]
        .map(|backend| backend.statistics(&job, &|_| ()).expect("runs").outcome(&job));
    assert_eq!((found.times_s.to_vec(), found.programmed), (vec![0.0], 150));
    assert_eq!((found.lost_fraction.max[0], found.kept.min[0], found.failed[0]), (0.0, 1.0, 0));
    // The tolerance of a filling is derived in `agreement.rs`; a mean adds less.
    support::assert_close("filling", found.filling.mean[0], expected.filling.mean[0], support::twins::FILLING, 0.0);
    assert!(cpu.bake_means(&job, &[], &[]).expect("no cells").is_empty());
}
