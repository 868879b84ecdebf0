use super::*;
use crate::experiment::letter::{self, Lesson, Pattern};
use crate::experiment::probe::{Conditions, Probe};
use crate::experiment::pulse::POTENTIATION;
use ndarray::{Axis, array, s};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::reference::Reference;
use trapline_engine::circuit::scheme::Unselected;
use trapline_model::array::ArrayShape;
use trapline_model::material::{Material, shipped};
use trapline_model::units::kelvin;

fn wires(ohm: f64) -> Wiring {
    Wiring::Wires(Reading { both_ends: true, ..Reading::with_wire(ohm) })
}

fn setup(wiring: Wiring, scheme: Scheme, order: Order, count: u32) -> Setup {
    let train = Train { count, ..POTENTIATION };
    Setup { wiring, scheme, order, train, selector: None, tolerance: 1e-3, accuracy: 1e-9 }
}

/// The shipped dots, each cell conducting a million times as much, so that wires of ohms and kilo-ohms matter.
fn strong() -> Material {
    let mut material = shipped("pi-ws2-qd").unwrap();
    material.injection.direct_s *= 1e6;
    material.injection.fowler_nordheim_a_per_v2 *= 1e6;
    let capture = material.capture.as_mut().unwrap();
    // As many electrons per trap are offered as before.
    capture.traps *= 1e6;
    material
}

fn nominal() -> Conditions {
    Conditions::nominal(kelvin(25.0))
}

fn written(
    backend: &dyn Backend,
    material: &Material,
    of: Setup,
    cells: &ndarray::Array2<bool>,
) -> ndarray::Array2<f64> {
    let shape = ArrayShape { rows: cells.nrows() as u64, cols: cells.ncols() as u64 };
    let mut writer = Writer::new(backend, material, nominal(), shape, of).unwrap();
    write(&mut writer, cells).unwrap();
    writer.filling()
}

#[test]
fn with_switches_and_ideal_lines_it_is_the_lesson_of_before() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let shape = ArrayShape { rows: 5, cols: 6 };
    let conditions = Conditions { variation: true, ..nominal() };
    let cpu = Cpu::open(None, None).unwrap();
    for backend in [&Reference as &dyn Backend, &cpu] {
        let pattern = Pattern::letter("H").unwrap();
        let lesson = Lesson {
            pattern: pattern.clone(),
            train: Train { count: 4, ..POTENTIATION },
            scheme: letter::Scheme::Isolated,
            stages: vec![4],
            later_s: Vec::new(),
        };
        let mut probes = [Probe::new(backend, &qd, conditions, (0..30).collect()).unwrap()];
        let want = letter::run(&mut probes, "letter", shape, &lesson).unwrap();
        let want = want.numbers("conductance_s").unwrap().clone();
        let cells = pattern.on(shape).unwrap();
        let mut writer =
            Writer::new(backend, &qd, conditions, shape, setup(Wiring::Ideal, Scheme::Isolated, Order::AllAtOnce, 4))
                .unwrap();
        write(&mut writer, &cells).unwrap();
        let got = writer.probe().read().unwrap();
        for (place, got) in got.iter().enumerate() {
            assert_eq!(*got, want[[0, 0, place / 6, place % 6]], "{place}");
        }
    }
}

#[test]
fn wires_of_little_resistance_are_ideal_lines() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, true], [false, true, true]];
    for scheme in [Unselected::Grounded, Unselected::Half, Unselected::Third] {
        for order in [Order::CellByCell, Order::RowByRow] {
            let scheme = Scheme::Passive(scheme.clone());
            let want = written(&Reference, &qd, setup(Wiring::Ideal, scheme.clone(), order, 3), &cells);
            let got = written(&Reference, &qd, setup(wires(1e-3), scheme.clone(), order, 3), &cells);
            // A wire of 1e-3 ohm drops 1e-14 of the bias; what is left is the accuracy of the network.
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= 1e-8 * want.abs(), "{scheme:?}, {order:?}: {got} {want}");
            }
        }
    }
    // Control: wires that drop a thousandth of the bias are told apart.
    let half = Scheme::Passive(Unselected::Half);
    let want = written(&Reference, &qd, setup(Wiring::Ideal, half.clone(), Order::CellByCell, 3), &cells);
    let got = written(&Reference, &qd, setup(wires(1e7), half, Order::CellByCell, 3), &cells);
    assert!(got.iter().zip(&want).any(|(got, want)| (got - want).abs() > 1e-6 * want.abs()));
}

/// The same array in many short steps of the first order, with its error taken out by half of the step (L. F.
/// Richardson, Phil. Trans. A 210, 307 (1911)): no step control, and one network per step.
fn finely(material: &Material, of: &Setup, cells: &ndarray::Array2<bool>, parts: u32) -> ndarray::Array2<f64> {
    let shape = ArrayShape { rows: cells.nrows() as u64, cols: cells.ncols() as u64 };
    let many = |parts: u32| {
        // Steps so loose that each is taken at once, and pulses cut into parts without a rest between them.
        let Train { amplitude_v, width_s, .. } = of.train;
        let train = Train { amplitude_v, width_s: width_s / f64::from(parts), interval_s: 0.0, count: 1 };
        let of = Setup { train, tolerance: 0.1, accuracy: 1e-11, ..of.clone() };
        let mut writer = Writer::new(&Reference, material, nominal(), shape, of.clone()).unwrap();
        for stroke in strokes(cells, of.order, &of.scheme).unwrap() {
            for _ in 0..parts {
                writer.pulse(std::slice::from_ref(&stroke), amplitude_v).unwrap();
            }
        }
        writer.filling()
    };
    2.0 * many(2 * parts) - many(parts)
}

#[test]
fn steps_keep_their_tolerance_where_biases_move() {
    let material = strong();
    let cells = array![[true, false, true], [false, true, false], [true, true, false]];
    for (scheme, ohm) in [(Unselected::Floating, 1e3), (Unselected::Half, 3e3)] {
        let train = Train { count: 1, amplitude_v: 3.0, width_s: 1e-2, interval_s: 0.0 };
        let of = Setup { train, ..setup(wires(ohm), Scheme::Passive(scheme.clone()), Order::RowByRow, 1) };
        let want = finely(&material, &of, &cells, 40);
        let shape = ArrayShape { rows: 3, cols: 3 };
        let mut writer = Writer::new(&Reference, &material, nominal(), shape, of.clone()).unwrap();
        write(&mut writer, &cells).unwrap();
        let got = writer.filling();
        let most = want.iter().fold(0.0, |most: f64, f| most.max(*f));
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() <= 1e-3 * most, "{scheme:?}: {got} {want}");
        }
        let steps = writer.steps();
        assert!(steps.worst_bound <= 1e-9 && steps.worst_conservation <= 1e-9, "{steps:?}");
        assert!(steps.worst_error <= 1e-3, "{steps:?}");
        // Control: biases move here, so that two steps of a pulse with the error taken out are farther off.
        let once = finely(&material, &of, &cells, 1);
        assert!(once.iter().zip(&want).any(|(once, want)| (once - want).abs() > 1e-3 * most), "{once:?} {want:?}");
    }
}

#[test]
fn a_turned_array_is_written_as_the_array_was() {
    let material = strong();
    let cells = array![[true, false, true, false], [false, true, true, false], [false, false, true, true]];
    let of = setup(wires(2e3), Scheme::Passive(Unselected::Half), Order::CellByCell, 1);
    let got = written(&Reference, &material, of.clone(), &cells);
    // Cells come in the order of the turned array's rows; what each leaves to the others depends on it.
    let turned = written(&Reference, &material, of, &cells.t().to_owned());
    let most = got.iter().fold(0.0, |most: f64, f| most.max(*f));
    for (got, want) in got.iter().zip(turned.t().iter()) {
        assert!((got - want).abs() <= 2e-3 * most, "{got} {want}");
    }
    assert!(got.index_axis(Axis(0), 0).iter().zip(got.slice(s![1, ..])).any(|(a, b)| (a - b).abs() > 0.1 * most));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let of = |scheme, order, wiring| setup(wiring, scheme, order, 1);
    let half = Scheme::Passive(Unselected::Half);
    let cells = array![[true, false], [false, true]];
    let told = strokes(&cells, Order::AllAtOnce, &half).unwrap_err().to_string();
    assert!(told.contains("row 0, column 1"), "{told}");
    assert_eq!(strokes(&cells, Order::AllAtOnce, &Scheme::Isolated).unwrap().len(), 1);
    assert!(strokes(&array![[false]], Order::RowByRow, &half).is_err());
    let qd = shipped("pi-ws2-qd").unwrap();
    let shape = ArrayShape { rows: 2, cols: 2 };
    let made =
        |setup: Setup| Writer::new(&Reference, &qd, nominal(), shape, setup).map(|_| ()).map_err(|e| e.to_string());
    let floating = Scheme::Passive(Unselected::Floating);
    assert!(made(of(floating, Order::CellByCell, Wiring::Ideal)).unwrap_err().contains("floats"));
    let loose = Setup { tolerance: 0.5, ..of(half, Order::CellByCell, Wiring::Ideal) };
    assert!(made(loose).unwrap_err().contains("0.5"));
}

#[test]
fn energy_is_that_of_short_pulses() {
    // A cell that fills conducts better and better: the energy of one pulse is not the mean power of its two ends.
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false], [true, true]];
    let energy = |wiring: Wiring, parts: u32| {
        let train = Train { amplitude_v: 4.0, width_s: 1.0 / f64::from(parts), interval_s: 0.0, count: parts };
        let of = Setup { train, ..setup(wiring, Scheme::Isolated, Order::AllAtOnce, 1) };
        let mut writer = Writer::new(&Reference, &qd, nominal(), ArrayShape { rows: 2, cols: 2 }, of).unwrap();
        write(&mut writer, &cells).unwrap();
        writer.energy().cells_j
    };
    let want = energy(Wiring::Ideal, 300);
    for (wiring, parts) in [(Wiring::Ideal, 1), (wires(1.0), 1), (wires(1.0), 10)] {
        let got = energy(wiring.clone(), parts);
        // The charge of a dwell is metered to 1e-3; many short dwells are so too.
        assert!((got / want - 1.0).abs() < 3e-3, "{wiring:?} in {parts}: {got:e} {want:e}");
    }
}

#[test]
fn counted_cells_are_the_mean_field_on_the_average() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = ndarray::Array2::from_shape_fn((12, 12), |(row, col)| (row + col) % 2 == 0);
    let of = setup(wires(1e3), Scheme::Passive(Unselected::Half), Order::RowByRow, 1);
    let want = written(&Reference, &qd, of.clone(), &cells);
    let shape = ArrayShape { rows: 12, cols: 12 };
    let cpu = Cpu::open(None, None).unwrap();
    let electrons = Conditions::real(kelvin(25.0), 1).electrons;
    let mut writer = Writer::new(&cpu, &qd, Conditions { electrons, ..nominal() }, shape, of).unwrap();
    write(&mut writer, &cells).unwrap();
    let got = writer.filling();
    let mean = |of: &ndarray::Array2<f64>, own: bool| {
        let inside: Vec<f64> = of.iter().zip(&cells).filter(|(_, w)| **w == own).map(|(f, _)| *f).collect();
        inside.iter().sum::<f64>() / inside.len() as f64
    };
    for own in [true, false] {
        let (got, want) = (mean(&got, own), mean(&want, own));
        // 72 cells of 6e4 dots, of which each holds F N electrons with no more than a binomial's variance; five errors.
        let room = 5.0 * (want / 6e4 / 72.0).sqrt() + 1e-3 * want;
        assert!((got - want).abs() < room, "{own}: {got} {want} {room}");
    }
}

#[test]
fn cells_are_brought_to_their_levels() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let shape = ArrayShape { rows: 3, cols: 4 };
    let of = setup(wires(150.0), Scheme::Isolated, Order::CellByCell, 1);
    let mut writer = Writer::new(&Reference, &qd, nominal(), shape, of).unwrap();
    let fresh_s = writer.conductance_s().unwrap();
    // 2 to 12 % above the fresh cell, and one that is left alone; a pulse of 1.5 V adds some 2 %, and less later.
    let target_s = ndarray::Array2::from_shape_fn((3, 4), |(row, col)| {
        if (row, col) == (1, 1) { 0.0 } else { fresh_s[[row, col]] * (1.02 + 0.01 * (4 * row + col) as f64) }
    });
    let asked = Verify { target_s: target_s.clone(), band: 0.015, first_v: 1.2, step_v: 0.02, rounds: 60 };
    let levels = verify(&mut writer, &asked).unwrap();
    assert_eq!((levels.count(Ended::Left), levels.count(Ended::InBand)), (1, 11), "{levels:?}");
    assert_eq!((levels.pulses[[1, 1]], levels.conductance_s[[1, 1]]), (0, fresh_s[[1, 1]]));
    // What is told of a cell is so: within its band, and higher levels take more pulses.
    for ((at, target), value) in target_s.indexed_iter().zip(&levels.conductance_s).filter(|((_, t), _)| **t > 0.0) {
        assert!((value / target - 1.0).abs() <= 0.015, "{at:?}");
    }
    assert!(levels.pulses[[2, 3]] > levels.pulses[[0, 0]]);

    // Out of reach in so few rounds; below what the cell has; no band.
    let few = Verify { rounds: 1, ..asked.clone() };
    let of = setup(wires(150.0), Scheme::Isolated, Order::CellByCell, 1);
    let mut writer = Writer::new(&Reference, &qd, nominal(), shape, of).unwrap();
    let levels = verify(&mut writer, &few).unwrap();
    assert!(levels.count(Ended::NotReached) > 5 && levels.yielded() < 0.6, "{levels:?}");
    let low = Verify { target_s: target_s.mapv(|s| 0.5 * s), ..asked.clone() };
    let told = verify(&mut writer, &low).unwrap_err().to_string();
    assert!(told.contains("row 0, column 0") && told.contains("before any pulse"), "{told}");
    assert!(verify(&mut writer, &Verify { band: 0.0, ..asked.clone() }).is_err());
    assert!(verify(&mut writer, &Verify { step_v: -1.0, ..asked.clone() }).is_err());
    assert!(verify(&mut writer, &Verify { first_v: -1.5, ..asked.clone() }).unwrap_err().to_string().contains("-1.5"));
    assert!(write(&mut writer, &array![[true]]).unwrap_err().to_string().contains("1 x 1"));

    // All at once in a passive array: what is left after a round is no product, and goes row by row.
    let of = setup(wires(150.0), Scheme::Passive(Unselected::Half), Order::AllAtOnce, 1);
    let mut writer = Writer::new(&Reference, &qd, nominal(), shape, of).unwrap();
    let all = target_s.mapv(|s| if s == 0.0 { fresh_s[[1, 1]] * 1.05 } else { s });
    let levels = verify(&mut writer, &Verify { target_s: all, band: 0.03, ..asked }).unwrap();
    assert_eq!((levels.count(Ended::Left), levels.count(Ended::NotReached)), (0, 0), "{levels:?}");
}
