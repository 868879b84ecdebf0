//! Bakes whose cells each have a temperature of their own: each cell is the one that an even bake at its temperature
//! has.

use std::sync::Arc;

use crate::support::{assert_close, built, thirty_pulses};
use trapline_engine::backend::cells::Population;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::job::{Bake, Job, JobError, Program};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::{Backend, Trace};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material::shipped;
use trapline_model::protocol::{Leg, Profile};
use trapline_model::units::kelvin;

const SHAPE: ArrayShape = ArrayShape { rows: 3, cols: 4 };
const TIMES_S: [f64; 3] = [1.0, 1e3, 1e5];
/// A gradient along the rows, and along the columns.
fn rises_k() -> Arc<[f64]> {
    (0..12).map(|cell| f64::from(cell % 4) * 10.0 - f64::from(cell / 4) * 4.0).collect()
}

fn job(celsius: f64, electrons: Electrons, warmer: Option<Arc<[f64]>>, profile: Option<Profile>) -> Job {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let bake = Bake::at(kelvin(celsius)).along(profile).warmer(warmer).checkpoints(&TIMES_S);
    built(Job::of(&dots).seed(3).array(SHAPE).electrons(electrons).program(Program::of(&thirty_pulses(1.5))).bake(bake))
}

fn trace(backend: &dyn Backend, job: &Job) -> Trace {
    backend.trace(job, &CellSet::run(0, 12)).expect("traces")
}

/// In f64, at the cell's own temperature; kernels program in single precision, whose roundings are 6e-8 each, of
/// which the programming takes fewer than 100.
fn each_cell_is_that_of_an_even_bake(backend: &dyn Backend, relative: f64) {
    let map = job(100.0, Electrons::MeanField, Some(rises_k()), None);
    let found = trace(backend, &map);
    let even = trace(&Reference, &job(100.0, Electrons::MeanField, None, None));
    for cell in 0..12 {
        let alone = job(100.0 + rises_k()[cell], Electrons::MeanField, None, None);
        let expected = trace(&Reference, &alone);
        for time in 1..4 {
            let (of, to) = (found.lost[[time, cell]], expected.lost[[time, cell]]);
            assert_close(&format!("cell {cell} at {time}"), f64::from(of), f64::from(to), relative, 0.0);
            let filling = [found.filling[[time, cell]], expected.filling[[time, cell]]].map(f64::from);
            assert_close(&format!("filling of {cell} at {time}"), filling[0], filling[1], relative, 0.0);
        }
        // Control: a few kelvin are seen.
        let apart = (found.lost[[2, cell]] / even.lost[[2, cell]] - 1.0).abs();
        assert_eq!(apart > 0.02, rises_k()[cell] != 0.0, "cell {cell}: {apart}");
    }
    // Statistics are those of the cells.
    let outcome = backend.statistics(&map, &|_| ()).expect("reduces").outcome(&map);
    for time in 0..4 {
        let mean = found.lost.row(time).iter().map(|lost| f64::from(*lost)).sum::<f64>() / 12.0;
        assert_close("mean", outcome.lost_fraction.mean[time], mean, 1e-6, 1e-12);
    }
    // So are those of cells that are resident, with the state they have.
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let mut cells = backend.cells(Population::new(&dots, dots.variation, 3, (0..12).collect())).expect("cells");
    cells.program(&map).expect("programs");
    let resident = cells.reduce(&map).expect("reduces").outcome(&map);
    assert_eq!(resident.lost_fraction.mean, outcome.lost_fraction.mean);
    let some = cells.trace(&map, &[1, 7]).expect("traces");
    assert_eq!(some.lost.column(1), found.lost.column(7));
    cells.empty().expect("empties");
    assert!(cells.reduce(&map).expect("reduces").outcome(&map).programmed == 0);
}

#[test]
fn the_reference_bakes_each_cell_at_its_own_temperature() {
    each_cell_is_that_of_an_even_bake(&Reference, 2e-7);
}

#[test]
fn the_cpu_bakes_each_cell_at_its_own_temperature() {
    each_cell_is_that_of_an_even_bake(&Cpu::open(Some(2), None).expect("opens"), 1e-5);
}

#[test]
fn the_gpu_bakes_each_cell_at_its_own_temperature() {
    let gpu = Gpu::open(None, None).unwrap_or_else(|error| panic!("GPU tests need an adapter: {error}"));
    each_cell_is_that_of_an_even_bake(&gpu, 1e-5);
}

/// A map of zeros is no map: the same bits on the reference, mean-field, counted and dot by dot, and the same whole
/// electrons on the processor.
#[test]
fn a_map_of_zeros_changes_nothing() {
    let zeros: Arc<[f64]> = vec![0.0; 12].into();
    for electrons in
        [Electrons::MeanField, Electrons::Counted(DotNumber::Poisson), Electrons::EachDot(DotNumber::Poisson)]
    {
        let [with, without] = [Some(zeros.clone()), None].map(|map| job(150.0, electrons, map, None));
        assert_eq!(trace(&Reference, &with), trace(&Reference, &without), "{electrons:?}");
    }
    let counted = Electrons::Counted(DotNumber::Poisson);
    let cpu = Cpu::open(Some(1), None).expect("opens");
    let [with, without] = [Some(zeros), None].map(|map| trace(&cpu, &job(150.0, counted, map, None)));
    // A fraction of 2000 electrons in single precision: apart by less than half of one.
    for (a, b) in with.lost.iter().zip(&without.lost) {
        assert!((a - b).abs() < 2e-4, "{a} {b}");
    }
    let [hot, _] = [(); 2].map(|()| trace(&cpu, &job(150.0, counted, Some(rises_k()), None)));
    assert!(hot.lost[[2, 3]] > with.lost[[2, 3]] + 2e-3, "a warmer cell loses more");
}

/// Every leg of a profile is as much warmer.
#[test]
fn each_leg_of_a_profile_is_warmer() {
    let profile = |by_k: f64| {
        let leg = |celsius: f64, for_s| Leg { temperature_k: Some(kelvin(celsius) + by_k), for_s };
        Profile::new(vec![leg(150.0, 600.0), leg(85.0, 3000.0)], None).expect("a profile")
    };
    let electrons = Electrons::MeanField;
    let map = trace(&Reference, &job(100.0, electrons, Some(vec![7.0; 12].into()), Some(profile(0.0))));
    let warm = trace(&Reference, &job(107.0, electrons, None, Some(profile(7.0))));
    for (a, b) in map.lost.iter().zip(&warm.lost) {
        assert_close("lost", f64::from(*a), f64::from(*b), 2e-7, 0.0);
    }
}

#[test]
fn maps_that_cannot_be_are_refused() {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let refused = |rises: Vec<f64>| {
        let bake = Bake::at(300.0).warmer(Arc::from(rises)).checkpoints(&TIMES_S);
        Job::of(&dots).array(SHAPE).bake(bake).build().expect_err("refused").to_string()
    };
    assert_eq!(
        refused(vec![1.0; 11]),
        "11 cells are told how much warmer they are; it must be 12, one number for each cell of the array"
    );
    for wrong in [-300.0, f64::NAN, f64::INFINITY] {
        let mut rises = vec![0.0; 12];
        rises[6] = wrong;
        assert!(refused(rises).starts_with("the cell at row 1, column 2 is baked at"), "{wrong}");
    }
    let mut coldest = vec![0.0; 12];
    coldest[0] = -299.999;
    let bake = Bake::at(300.0).warmer(Arc::from(coldest)).checkpoints(&TIMES_S);
    assert!(!matches!(Job::of(&dots).array(SHAPE).bake(bake).build(), Err(JobError::WarmerCell { .. })));
}
