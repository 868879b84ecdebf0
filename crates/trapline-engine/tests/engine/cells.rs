//! Cells that keep their state: the same as the same cells moved from call to call, wherever the state is.

use crate::support::{HOURS, octaves, profile_job, shipped_job};
use ndarray::Array2;
use trapline_engine::backend::cells::{Cells, Population};
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::exposure::{Each, Exposure};
use trapline_engine::backend::gpu::{Fault, Gpu};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::{Response, Stimulus};
use trapline_engine::backend::{Backend, BackendError};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material::{Variation, shipped};
use trapline_model::protocol::Segment;
use trapline_model::units::kelvin;

fn gpu(memory_bytes: Option<u64>) -> Gpu {
    Gpu::open(None, memory_bytes).unwrap_or_else(|error| panic!("GPU tests need an adapter: {error}"))
}

/// Cells far apart, more than a workgroup.
fn population() -> Population {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    Population::new(&dots, dots.variation, 7, (0..300).map(|i| i * 1_000_003 + ((i % 3) << 33)).collect())
}

fn pulse(bias_v: f64, cycle: u32) -> Segment {
    Segment { bias_v, dwell_s: 1e-3, cycle }
}

/// A pulse, a wait, a reading, an erasing pulse: one list of recorded ones, one of silent ones.
fn stimuli(of: &Population) -> [Stimulus; 3] {
    let t = kelvin(25.0);
    [
        of.stimulus(t, &[(pulse(1.5, 0), true), (Segment { bias_v: 0.0, dwell_s: 10.0, cycle: 0 }, false)]),
        of.stimulus(t, &[(pulse(1.5, 1), false), (pulse(-3.0, 2), false)]),
        of.stimulus(kelvin(125.0), &[(pulse(0.1, 3), true)]),
    ]
}

fn bits(values: &Array2<f64>) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn response_bits(response: &Response) -> Vec<u64> {
    let Response { current_a, filling, energy_j, injected, caught } = response;
    [current_a, filling, energy_j, injected, caught].into_iter().flat_map(bits).collect()
}

/// Every other cell, from the second on.
fn odd_places() -> Vec<u32> {
    (1..300).step_by(2).collect()
}

fn resident_is_stimulated(backend: &dyn Backend) {
    let population = population();
    let mut cells = backend.cells(population.clone()).expect("makes cells");
    let mut occupancy = Array2::zeros((300, population.classes()));
    let places = odd_places();
    for (number, stimulus) in stimuli(&population).iter().enumerate() {
        let (found, expected) = if number == 1 {
            let rows: Vec<usize> = places.iter().map(|&place| place as usize).collect();
            let numbers: Vec<u64> = rows.iter().map(|&row| population.numbers[row]).collect();
            let mut part = occupancy.select(ndarray::Axis(0), &rows);
            let expected = backend.stimulate(stimulus, &numbers, &mut part).expect("runs");
            rows.iter().zip(part.rows()).for_each(|(&row, state)| occupancy.row_mut(row).assign(&state));
            (cells.advance(stimulus, Some(&places)).expect("runs"), expected)
        } else {
            let expected = backend.stimulate(stimulus, &population.numbers, &mut occupancy).expect("runs");
            (cells.advance(stimulus, None).expect("runs"), expected)
        };
        assert_eq!(response_bits(&found), response_bits(&expected), "stimulus {number}");
        assert_eq!(bits(&cells.download().expect("downloads")), bits(&occupancy), "stimulus {number}");
    }
    // Control: the cells hold charge, and no two are alike.
    assert!(occupancy.iter().all(|f| *f > 0.0) && occupancy.row(0) != occupancy.row(2));
    states_are_kept(cells);
    let wrong = backend.cells(population.clone()).expect("makes cells");
    mistakes_are_refused(wrong, &population);
}

/// Snapshots, forks, uploads, and a reading that changes nothing.
fn states_are_kept(mut cells: Box<dyn Cells<'_> + '_>) {
    let [pulse, silent, _] = stimuli(cells.population());
    let before = cells.download().expect("downloads");
    let kept = cells.snapshot().expect("keeps");
    let mut copy = cells.fork().expect("copies");
    copy.advance(&pulse, None).expect("runs");
    assert_eq!(bits(&cells.download().expect("downloads")), bits(&before), "a copy is another array");
    cells.advance(&silent, None).expect("runs");
    let moved = cells.download().expect("downloads");
    assert_ne!(bits(&moved), bits(&before));
    cells.restore(&kept).expect("goes back");
    assert_eq!(bits(&cells.download().expect("downloads")), bits(&before));
    cells.upload(&moved).expect("uploads");
    let read = cells.read(0.1, kelvin(25.0)).expect("reads");
    assert_eq!(bits(&cells.download().expect("downloads")), bits(&moved), "a reading takes no time");
    assert!(read.iter().all(|g| *g > 1e-12 && *g < 1e-9), "{read}");
    cells.bake(kelvin(400.0), 1e9).expect("bakes");
    let hot = cells.download().expect("downloads");
    assert!(hot.iter().all(|f| *f < 1e-6), "1e9 s at 400 °C empties every trap");
    cells.upload(&moved).expect("uploads");
    cells.empty().expect("empties");
    assert!(cells.download().expect("downloads").iter().all(|f| *f == 0.0));
}

fn mistakes_are_refused(mut cells: Box<dyn Cells<'_> + '_>, population: &Population) {
    let [stimulus, ..] = stimuli(population);
    let of_other_seed = Population { seed: 8, ..population.clone() };
    let [other, ..] = stimuli(&of_other_seed);
    // The same classes of traps under another law of injection.
    let mut of_other_law = population.clone();
    of_other_law.material.injection.direct_s *= 2.0;
    let [of_other_law, ..] = stimuli(&of_other_law);
    let lines = [
        (cells.advance(&other, None).map(drop), "another seed"),
        (cells.advance(&of_other_law, None).map(drop), "another seed"),
        (cells.advance(&stimulus, Some(&[3, 300])).map(drop), "place 300 is beyond the 300 cells"),
        (cells.advance(&stimulus, Some(&[3, 3])).map(drop), "place 3 comes after place 3"),
        (cells.upload(&Array2::zeros((299, population.classes()))), "occupancies for 300 cells"),
    ];
    for (found, wanted) in lines {
        let line = found.expect_err(wanted).to_string();
        assert!(line.contains(wanted), "{line}");
    }
    assert!(cells.download().expect("downloads").iter().all(|f| *f == 0.0), "what is refused changes nothing");
}

#[test]
fn on_the_host_the_state_is_that_of_calls() {
    resident_is_stimulated(&Reference);
    resident_is_stimulated(&Cpu::open(Some(2), None).expect("two threads"));
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn on_the_gpu_the_state_is_that_of_calls() {
    let gpu = gpu(None);
    resident_is_stimulated(&gpu);
    assert_eq!(gpu.resident_bytes(), 0, "dropped cells are freed");
}

/// The tables that counts are drawn from are the device's: many populations stay on it within the budget of a software
/// adapter, which held four of them when each had tables of its own.
#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn many_counted_populations_stay_on_the_device() {
    let gpu = gpu(Some(64 << 20));
    let population = population().electrons(Electrons::Counted(DotNumber::Poisson));
    let step = population.stimulus(kelvin(25.0), &[(pulse(1.5, 0), false)]);
    let first = gpu.cells(population.clone()).expect("makes cells");
    let mut copies: Vec<_> = (0..12).map(|_| first.fork().expect("copies")).collect();
    let before = gpu.read_backs();
    for copy in &mut copies {
        copy.advance(&step, None).expect("runs");
    }
    assert_eq!(gpu.read_backs(), before, "cells on the host come back after each step");
    // Copies have the dots and the draws of the first.
    let all: Vec<Vec<u64>> = copies.iter().map(|copy| bits(&copy.download().expect("downloads"))).collect();
    assert!(all.iter().all(|copy| *copy == all[0]) && all[0].iter().any(|filled| *filled != 0));
    let bytes = gpu.resident_bytes();
    drop(copies);
    assert!(gpu.resident_bytes() < bytes && bytes < 16 << 20, "{bytes}");
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn nothing_comes_back_between_the_steps_of_a_loop() {
    let gpu = gpu(None);
    let population = population();
    let mut cells = gpu.cells(population.clone()).expect("makes cells");
    assert!(gpu.resident_bytes() > 0);
    let before = gpu.read_backs();
    let mut state = Array2::zeros((300, population.classes()));
    for cycle in 0..100 {
        let step = population.stimulus(kelvin(25.0), &[(pulse(1.0, cycle), false)]);
        cells.advance(&step, None).expect("runs");
        Cpu::open(Some(1), None).expect("one").stimulate(&step, &population.numbers, &mut state).expect("runs");
    }
    assert_eq!(gpu.read_backs(), before);
    let found = cells.download().expect("downloads");
    assert_eq!(gpu.read_backs(), before + 1);
    // Within what a hundred pulses of f32 roundings allow (`tests/study/agreement.rs` derives it for thirty).
    for (found, expected) in found.iter().zip(&state) {
        assert!((found - expected).abs() <= 3e-5 * expected, "{found} {expected}");
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn what_the_budget_does_not_hold_goes_through_the_device_in_tiles() {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let population = Population::new(&dots, dots.variation, 7, (0..40_000).collect());
    let (small, large) = (gpu(Some(1 << 20)), gpu(None));
    let mut streamed = small.cells(population.clone()).expect("makes cells");
    let mut resident = large.cells(population.clone()).expect("makes cells");
    assert!(small.resident_bytes() == 0 && large.resident_bytes() > 1 << 20);
    for stimulus in &stimuli(&population) {
        let (a, b) = (streamed.advance(stimulus, None).expect("runs"), resident.advance(stimulus, None).expect("runs"));
        assert_eq!(response_bits(&a), response_bits(&b));
    }
    let (a, b) = (streamed.download().expect("downloads"), resident.download().expect("downloads"));
    assert_eq!(bits(&a), bits(&b));
    // Reduced, they are the same too: on the device, whoever holds the state.
    let job = shipped_job("pi-ws2-qd", 125.0, 200, 200, 7);
    let before = small.dispatches();
    assert_eq!(streamed.reduce(&job).expect("reduces"), resident.reduce(&job).expect("reduces"));
    assert!(small.dispatches() > before);
    // A budget for one array and not for two: the copy is the host's, and moves as the other does.
    let one = gpu(Some(3 << 20));
    let mut first = one.cells(population.clone()).expect("makes cells");
    first.advance(&stimuli(&population)[0], None).expect("runs");
    let mut copy = first.fork().expect("copies");
    for cells in [&mut first, &mut copy] {
        cells.advance(&stimuli(&population)[1], None).expect("runs");
    }
    assert_eq!(bits(&first.download().expect("downloads")), bits(&copy.download().expect("downloads")));
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn a_lost_device_is_an_error_and_the_next_cells_live() {
    let gpu = gpu(None);
    let population = population();
    let mut cells = gpu.cells(population.clone()).expect("makes cells");
    gpu.inject(&[Fault::Lost]);
    let error = cells.advance(&stimuli(&population)[0], None).expect_err("lost");
    assert!(matches!(error, BackendError::StateLost { .. }), "{error}");
    let again = cells.download().expect_err("the state is gone");
    assert!(again.to_string().contains("is lost") && again.to_string().lines().count() == 1, "{again}");
    drop(cells);
    let mut fresh = gpu.cells(population.clone()).expect("on a device opened afresh");
    fresh.advance(&stimuli(&population)[0], None).expect("runs");
    assert!(fresh.download().expect("downloads").iter().all(|f| *f > 0.0));
}

/// A number between 0 and 1 for a cell: scattered, and the same every time.
fn scattered(place: usize, stream: u32) -> f64 {
    let word = trapline_model::rng::words(99, place as u64, trapline_model::rng::Purpose::Learning, stream, 0)[0];
    f64::from(word) / 4_294_967_296.0
}

/// Biases of both signs and none, and temperatures from 290 to 450 K.
fn scattered_exposure() -> (Vec<f64>, Vec<f64>) {
    let bias = |place: usize| match place % 5 {
        0 => -5.0 * scattered(place, 0),
        1 => 0.0,
        _ => 3.0 * scattered(place, 0),
    };
    ((0..300).map(bias).collect(), (0..300).map(|place| 290.0 + 160.0 * scattered(place, 1)).collect())
}

#[test]
fn a_cell_exposed_alone_is_a_cell_stimulated() {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let (biases, temperatures) = scattered_exposure();
    for place in 0..60 {
        let population = Population::new(&dots, dots.variation, 7, vec![place as u64 * 977]);
        let mut exposed = Reference.cells(population.clone()).expect("makes cells");
        let mut stimulated = Reference.cells(population.clone()).expect("makes cells");
        for cycle in 0..2 {
            let exposure = Exposure {
                bias_v: Each::Cell(&biases[place..=place]),
                temperature_k: Each::Cell(&temperatures[place..=place]),
                dwell_s: 1e-3,
                cycle,
                recorded: true,
            };
            let stimulus = population.stimulus(temperatures[place], &[(pulse(biases[place], cycle), true)]);
            let found = exposed.expose(&exposure, None).expect("runs");
            let expected = stimulated.advance(&stimulus, None).expect("runs");
            assert_eq!(response_bits(&found), response_bits(&expected), "{} V", biases[place]);
        }
        assert_eq!(bits(&exposed.download().expect("there")), bits(&stimulated.download().expect("there")));
    }
}

/// Largest relative error of a response and of the fillings, each over what its value may be at least.
///
/// A cell that is as full as space charge allows catches what it loses, by a difference of numbers that are rounded
/// to 6e-8 of the whole filling in each of its substeps: its catch is right to 6e-7 of its `traps`, 3e-5 of a
/// fiftieth of them.
fn apart(found: &Response, expected: &Response, traps: f64) -> f64 {
    let pairs = [
        (&found.current_a, &expected.current_a, 1e-20),
        (&found.filling, &expected.filling, 1e-9),
        (&found.energy_j, &expected.energy_j, 1e-30),
        (&found.injected, &expected.injected, 1e-6),
        (&found.caught, &expected.caught, (0.02 * traps).max(1e-3)),
    ];
    let errors = pairs.into_iter().flat_map(|(found, expected, least)| {
        found.iter().zip(expected).map(move |(f, e)| (f - e).abs() / e.abs().max(least))
    });
    // NaN is the worst of all, and stays.
    errors.fold(0.0, |worst: f64, error| if worst.is_nan() || error.is_nan() { f64::NAN } else { worst.max(error) })
}

/// The f32 backends against the laws themselves. A value from a table is off by 1e-6; the offer is a product of two
/// of them, and enters the filling once a pulse; the roundings of f32 are those of a stimulus (`stimulus.rs` allows
/// 1e-5). Field release at -5 V empties cells by exp(-x): an error of 1e-6 in x is one of 1e-6 x in what is left, and
/// x stays below 10 where more than 1e-4 of the charge is left.
fn exposes_as_the_reference(backend: &dyn Backend) {
    let (biases, temperatures) = scattered_exposure();
    for name in ["pi-ws2-qd", "pi-ws2-ns", "pi"] {
        let material = shipped(name).expect("shipped");
        let population = Population { material: material.clone(), variation: material.variation, ..population() };
        let mut reference = Reference.cells(population.clone()).expect("makes cells");
        let mut cells = backend.cells(population.clone()).expect("makes cells");
        for cycle in 0..3 {
            let exposure = Exposure {
                bias_v: Each::Cell(&biases),
                temperature_k: Each::Cell(&temperatures),
                dwell_s: 1e-3,
                cycle,
                recorded: cycle != 1,
            };
            let places = odd_places();
            let places = if cycle == 2 { Some(places.as_slice()) } else { None };
            let expected = reference.expose(&exposure, places).expect("runs");
            let found = cells.expose(&exposure, places).expect("runs");
            let traps = material.capture.map_or(0.0, |capture| capture.traps);
            let error = apart(&found, &expected, traps);
            assert!(error < 3e-5, "{name}, cycle {cycle}: {error:e}");
            if cycle == 0 {
                // Control: a bias that is a millionth of a volt off would hide, a thousandth is seen.
                let shifted: Vec<f64> = biases.iter().map(|bias| bias * 1.001).collect();
                let other = Exposure { bias_v: Each::Cell(&shifted), ..exposure };
                let mut fresh = Reference.cells(population.clone()).expect("makes cells");
                assert!(apart(&found, &fresh.expose(&other, None).expect("runs"), traps) > 1e-4, "{name}");
            }
        }
    }
}

#[test]
fn on_the_cpu_cells_apart_are_those_of_the_reference() {
    exposes_as_the_reference(&Cpu::open(Some(2), None).expect("two threads"));
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn on_the_gpu_cells_apart_are_those_of_the_reference() {
    exposes_as_the_reference(&gpu(None));
}

#[test]
fn lines_of_an_array_see_their_own_bias() {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let shape = ArrayShape { rows: 3, cols: 4 };
    let population = Population::array(&dots, Variation::OFF, 1, shape);
    let cpu = Cpu::open(Some(1), None).expect("one thread");
    let seen = |bias_v: Each, temperature_k: Each| {
        let mut cells = cpu.cells(population.clone()).expect("makes cells");
        let exposure = Exposure { bias_v, temperature_k, dwell_s: 1e-3, cycle: 0, recorded: true };
        cells.expose(&exposure, None).map(|seen| seen.filling.row(0).to_vec())
    };
    let rows = seen(Each::Row(&[0.5, 1.0, 1.5]), Each::Array(300.0)).expect("runs");
    let cell = |row: usize, col: usize| rows[row * 4 + col];
    assert!((0..4).all(|col| cell(0, col) < cell(1, col) && cell(1, col) < cell(2, col)));
    assert!((0..3).all(|row| (1..4).all(|col| cell(row, col) == cell(row, 0))));
    let columns = seen(Each::Column(&[1.0, 1.1, 1.2, 1.3]), Each::Row(&[300.0, 310.0, 320.0])).expect("runs");
    assert!((0..3).all(|row| (1..4).all(|col| columns[row * 4 + col] > columns[row * 4 + col - 1])));
    for (found, wanted) in [
        (seen(Each::Row(&[1.0, 1.0]), Each::Array(300.0)), "2 biases where 3 are needed"),
        (seen(Each::Column(&[1.0; 3]), Each::Array(300.0)), "3 biases where 4 are needed"),
        (seen(Each::Cell(&[1.0; 13]), Each::Array(300.0)), "13 biases where 12 are needed"),
        (seen(Each::Array(1.0), Each::Row(&[300.0, f64::NAN, 300.0])), "NaN is among the temperatures"),
        (seen(Each::Array(1.0), Each::Array(-1.0)), "-1 K"),
    ] {
        let line = found.expect_err(wanted).to_string();
        assert!(line.contains(wanted) && line.lines().count() == 1, "{line}");
    }
}

/// What a campaign says of an array is what the array says of itself once it is programmed.
fn statistics_are_those_of_resident_cells(backend: &dyn Backend) {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    for job in [shipped_job("pi-ws2-qd", 125.0, 70, 131, 3), profile_job(&dots, &HOURS, None, &octaves(), 3)] {
        let expected = backend.statistics(&job, &|_| ()).expect("runs");
        let population = Population::array(&dots, *job.variation(), job.seed(), job.shape());
        let mut cells = backend.cells(population.clone()).expect("makes cells");
        cells.program(&job).expect("runs");
        assert_eq!(cells.reduce(&job).expect("reduces"), expected);
        assert_eq!(cells.reduce(&job).expect("reduces"), expected, "the state is as it was");
        // Control: one pulse more is seen.
        cells.advance(&population.stimulus(job.program_k(), &[(pulse(1.5, 99), false)]), None).expect("runs");
        assert_ne!(cells.reduce(&job).expect("reduces"), expected);
        let other = backend.cells(Population { seed: 4, ..population }).expect("makes cells");
        assert!(other.reduce(&job).expect_err("another seed").to_string().contains("another seed"));
    }
}

#[test]
fn on_the_host_statistics_are_those_of_resident_cells() {
    statistics_are_those_of_resident_cells(&Reference);
    statistics_are_those_of_resident_cells(&Cpu::open(Some(2), None).expect("two threads"));
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn on_the_gpu_statistics_are_those_of_resident_cells() {
    statistics_are_those_of_resident_cells(&gpu(None));
}

#[test]
fn what_a_table_says_does_not_depend_on_earlier_calls() {
    let dots = shipped("pi-ws2-qd").expect("shipped");
    let cpu = Cpu::open(Some(1), None).expect("one thread");
    let (biases, temperatures) = scattered_exposure();
    let exposed = |earlier: &[f64]| {
        let mut cells = cpu.cells(Population::new(&dots, dots.variation, 7, (0..300).collect())).expect("makes cells");
        for &bias_v in earlier {
            let mut other = biases.clone();
            other[0] = bias_v;
            let before = Exposure {
                bias_v: Each::Cell(&other),
                temperature_k: Each::Cell(&temperatures),
                dwell_s: 0.0,
                cycle: 0,
                recorded: false,
            };
            cells.expose(&before, None).expect("runs");
        }
        let exposure = Exposure {
            bias_v: Each::Cell(&biases),
            temperature_k: Each::Cell(&temperatures),
            dwell_s: 1e-3,
            cycle: 1,
            recorded: true,
        };
        response_bits(&cells.expose(&exposure, None).expect("runs"))
    };
    assert_eq!(exposed(&[]), exposed(&[9.0, -12.0]));
    assert_eq!(exposed(&[]), exposed(&[1e-6]));
}
