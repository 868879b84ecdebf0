//! Fillings of whole arrays at chosen checkpoints, taken in the pass that makes the statistics: those of a trace.

use crate::support::{HOURS, built, octaves, point, profile_point, thirty_pulses};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::job::Job;
use trapline_engine::backend::reference::Reference;
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material::shipped;

/// Bit for bit, in the order that is asked for; and the statistics are as they are without.
fn are_those_of_a_trace(backend: &dyn Backend, jobs: &[Job]) {
    let jobs: Vec<&Job> = jobs.iter().collect();
    let checkpoints = [0, 9, 3];
    let found = backend.statistics_with_fillings(&jobs, &checkpoints, &|_| ()).expect("computes");
    assert_eq!(found.len(), jobs.len());
    for (job, (tally, fillings)) in jobs.iter().zip(&found) {
        let cells = job.shape().cells();
        assert_eq!(*tally, backend.statistics(job, &|_| ()).expect("computes"));
        assert_eq!(fillings.dim(), (3, cells as usize));
        let trace = backend.trace(job, &CellSet::run(0, cells)).expect("traces");
        for (row, &checkpoint) in fillings.rows().into_iter().zip(&checkpoints) {
            assert_eq!(row, trace.filling.row(checkpoint));
        }
        // Control: cells and checkpoints differ.
        assert_ne!(fillings[[0, 0]], fillings[[0, 1]]);
        assert_ne!(fillings.row(1), fillings.row(2));
    }
    let none = backend.statistics_with_fillings(&jobs, &[], &|_| ()).expect("computes");
    assert!(none.iter().zip(&found).all(|(none, some)| none.0 == some.0 && none.1.is_empty()));
}

/// Of a size that ends within a block, a chunk and a group of lanes.
fn jobs(rows: u64, cols: u64) -> Vec<Vec<Job>> {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let (pulses, shape) = (thirty_pulses(1.5), ArrayShape { rows, cols });
    let at = |celsius: f64, electrons: Electrons| {
        built(point(&dots, &pulses, celsius, 3, &octaves()).array(shape).electrons(electrons))
    };
    let profile = built(profile_point(&dots, &HOURS, None, &octaves(), 3).array(shape));
    let counted = Electrons::Counted(DotNumber::Poisson);
    vec![
        vec![at(100.0, Electrons::MeanField)],
        // Programmed once for both.
        vec![at(100.0, Electrons::MeanField), at(150.0, Electrons::MeanField)],
        vec![at(150.0, counted), at(85.0, counted)],
        vec![profile],
    ]
}

#[test]
fn fillings_of_the_cpu_are_those_of_its_trace() {
    for set in trapline_engine::backend::cpu::InstructionSet::available() {
        let cpu = Cpu::open(Some(2), Some(set.name())).expect("opens");
        jobs(67, 129).iter().for_each(|jobs| are_those_of_a_trace(&cpu, jobs));
    }
}

#[test]
fn fillings_of_the_others_are_those_of_their_traces() {
    let gpu = Gpu::open(None, None).unwrap_or_else(|error| panic!("GPU tests need an adapter: {error}"));
    for backend in [&Reference as &dyn Backend, &gpu] {
        jobs(5, 9).iter().for_each(|jobs| are_those_of_a_trace(backend, jobs));
    }
}
