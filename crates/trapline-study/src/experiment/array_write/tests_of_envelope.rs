//! Many writes by their envelope, against the same writes stepped one by one.

use super::course::{Course, Own, occupancy};
use super::endurance::Log;
use super::envelope::{FIRST, stepped};
use super::leap::{Emptied, corrected, predicted, weight};
use super::*;
use crate::experiment::probe::Conditions;
use crate::experiment::pulse::POTENTIATION;
use ndarray::{Array1, Array2, array};
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::reference::Reference;
use trapline_engine::circuit::scheme::Unselected;
use trapline_model::array::ArrayShape;
use trapline_model::cell::step;
use trapline_model::material::{Material, shipped};
use trapline_model::units::kelvin;

const TOLERANCE: f64 = 1e-3;

fn setup(wiring: Wiring, scheme: Unselected, train: Train) -> Setup {
    let (scheme, order) = (Scheme::Passive(scheme), Order::RowByRow);
    Setup { wiring, scheme, order, train, selector: None, tolerance: TOLERANCE, accuracy: 1e-9 }
}

fn wires(ohm: f64) -> Wiring {
    Wiring::Wires(Reading::with_wire(ohm))
}

/// The shipped dots, each cell conducting a million times as much, so that wires of kilo-ohms matter.
fn strong() -> Material {
    let mut material = shipped("pi-ws2-qd").unwrap();
    material.injection.direct_s *= 1e6;
    material.injection.fowler_nordheim_a_per_v2 *= 1e6;
    material.capture.as_mut().unwrap().traps *= 1e6;
    material
}

fn writer<'a>(backend: &'a dyn Backend, material: &Material, conditions: Conditions, of: &Setup) -> Writer<'a> {
    Writer::new(backend, material, conditions, ArrayShape { rows: 3, cols: 3 }, of.clone()).unwrap()
}

fn nominal(celsius: f64) -> Conditions {
    Conditions::nominal(kelvin(celsius))
}

/// Fillings at some numbers of writes, every one of them stepped.
fn one_by_one(mut writer: Writer, cells: &Array2<bool>, at: &[u64]) -> Vec<Array2<f64>> {
    let strokes = strokes(cells, writer.setup().order, &writer.setup().scheme).unwrap();
    let (amplitude_v, mut seen) = (writer.setup().train.amplitude_v, Vec::new());
    for number in 1..=*at.last().unwrap() {
        writer.pulse(&strokes, amplitude_v).unwrap();
        if at.contains(&number) {
            seen.push(writer.filling());
        }
    }
    seen
}

/// Holds an envelope to writes that were stepped; the number of writes that it stepped itself.
fn held(material: &Material, conditions: Conditions, of: &Setup, cells: &Array2<bool>, last: u64) -> u64 {
    let at: Vec<f64> = (0..=9).map(|i| 10f64.powf(f64::from(i) / 2.0).round()).filter(|n| *n <= last as f64).collect();
    let asked = Endurance::new(last as f64, &at).unwrap();
    let want = one_by_one(writer(&Reference, material, conditions, of), cells, asked.at());
    let mut enduring = writer(&Reference, material, conditions, of);
    let got = endure(&mut enduring, cells, &asked).unwrap();
    for (row, want) in want.iter().enumerate() {
        let most = want.iter().fold(0.0, |most: f64, f| most.max(*f));
        for (place, want) in want.indexed_iter() {
            let (found, error) = (got.filling[[row, place.0, place.1]], got.filling_error[[row, place.0, place.1]]);
            let off = (found - want).abs();
            assert!(
                off <= error && error <= (TOLERANCE + 1e-6) * most,
                "after {} at {place:?}: {found} for {want}, off {off:e}, told {error:e} ({most})",
                got.at[row]
            );
        }
    }
    assert_eq!(enduring.filling(), got.filling.index_axis(ndarray::Axis(0), want.len() - 1));
    got.stepped
}

#[test]
fn an_envelope_is_where_writes_stepped_one_by_one_are_within_the_error_it_tells() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, false], [false, true, false], [false, false, false]];
    // The paper's pulses; and shorter ones, with which nothing is full after all of them.
    for (scheme, width_s) in [(Unselected::Half, 1e-3), (Unselected::Third, 1e-3), (Unselected::Half, 3e-6)] {
        let of = setup(Wiring::Ideal, scheme, Train { width_s, ..POTENTIATION });
        let stepped = held(&qd, nominal(25.0), &of, &cells, 10_000);
        assert!(stepped < 400, "{stepped}");
    }
}

#[test]
fn classes_that_empty_fast_and_slowly_between_writes_are_held_too() {
    // Dots at 155 C that rest for 20 minutes after each pulse: the shallow ones empty each time, the deep ones never.
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, false], [false, false, false], [false, false, false]];
    let of = setup(Wiring::Ideal, Unselected::Third, Train { interval_s: 1200.0, ..POTENTIATION });
    let stepped = held(&qd, nominal(155.0), &of, &cells, 10_000);
    assert!(stepped < 400, "{stepped}");
}

#[test]
fn charge_that_goes_slowly_from_class_to_class_is_told() {
    // Sheets that each write fills to their limit again, while heat empties the shallow ones between writes: the cell
    // hardly moves from write to write, and its charge goes into ever deeper traps.
    let ns = shipped("pi-ws2-ns").unwrap();
    let cells = array![[true, false, false], [false, true, false], [false, false, false]];
    for (width_s, celsius, amplitude_v, last) in
        [(3.51e-3, 125.0, 1.5, 50), (3.51e-3, 125.0, 1.5, 3000), (1e-3, 140.0, 0.7, 1000), (1e-2, 100.0, 1.0, 1000)]
    {
        let train = Train { amplitude_v, width_s, interval_s: 1.0, ..POTENTIATION };
        let stepped = held(&ns, nominal(celsius), &setup(Wiring::Ideal, Unselected::Third, train), &cells, last);
        println!("{width_s} {celsius} {amplitude_v} {last}: {stepped}");
    }
}

#[test]
fn through_wires_that_take_their_part_an_envelope_is_held_as_well() {
    let cells = array![[true, false, false], [false, false, false], [false, false, false]];
    for (scheme, ohm) in [(Unselected::Half, 3e3), (Unselected::Floating, 1e3)] {
        let of = setup(wires(ohm), scheme, Train { width_s: 1e-4, ..POTENTIATION });
        let stepped = held(&strong(), nominal(25.0), &of, &cells, 3_000);
        assert!(stepped < 400, "{stepped} {ohm}");
    }
}

#[test]
fn one_leap_too_many_misses_and_says_so_and_one_of_the_first_order_misses() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, false], [false, true, false], [false, false, false]];
    let of = setup(Wiring::Ideal, Unselected::Half, Train { width_s: 1e-4, ..POTENTIATION });
    let mut writer = writer(&Reference, &qd, nominal(25.0), &of);
    let strokes = strokes(&cells, of.order, &of.scheme).unwrap();
    for _ in 0..FIRST {
        writer.pulse(&strokes, 1.5).unwrap();
    }
    let own = Own::of(&qd, &trapline_model::material::Variation::OFF, 1, &(0..9).collect::<Vec<_>>(), kelvin(25.0));
    let mut log = Log::new(&writer, &cells, &Endurance::new(1.0, &[]).unwrap(), own.clone());
    let state = writer.probe.occupancy().unwrap();
    let (from, _) = stepped(&mut writer, &strokes, &own, &state, &mut log).unwrap();
    let filling = |of: &Array2<f64>| -> Array1<f64> {
        (0..9).map(|place| step::filling(&qd.classes, &occupancy(of, place))).collect()
    };
    let off = |a: &Array1<f64>, b: &Array1<f64>| (a - b).iter().fold(0.0, |most: f64, d| most.max(d.abs()));
    for many in [100, 1000] {
        writer.probe.put(&state).unwrap();
        for _ in 0..many {
            writer.pulse(&strokes, 1.5).unwrap();
        }
        let want = filling(&writer.probe.occupancy().unwrap());
        let room = TOLERANCE * want.iter().fold(0.0, |most: f64, f| most.max(*f));
        let at = predicted(&qd, &from, &Array1::zeros(9), &Array1::from_elem(9, f64::NAN), f64::from(many));
        let (to, _) = stepped(&mut writer, &strokes, &own, &at.state, &mut log).unwrap();
        let second = corrected(&qd, None, &from, &to, &at, f64::from(many));
        for (place, want) in want.iter().enumerate() {
            assert!((second.filling[place] - want).abs() <= second.error[place], "{many}, {place}: {second:?} {want}");
        }
        let first: Array1<f64> = (0..9)
            .map(|place| {
                let emptied = Emptied::of(&qd.classes, &from, place);
                let start = occupancy(&from.start, place);
                step::filling(
                    &qd.classes,
                    &emptied.carry(&qd.classes, &start, f64::from(many), from.uptake[place], from.uptake[place]),
                )
            })
            .collect();
        let (off_first, off_second) = (off(&first, &want), off(&second.filling, &want));
        assert!(
            off_first > 3.0 * room && off_first > 10.0 * off_second,
            "{many}: {off_first:e} {off_second:e} {room:e}"
        );
        assert!(many < 1000 || off_second > 0.03 * room, "{off_second:e} {room:e}");
    }
}

#[test]
fn one_write_as_classes_see_it_is_the_write() {
    // In the course of a write the state is found again from the electrons that were caught.
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, true], [false, true, false], [true, false, false]];
    let cpu = Cpu::open(None, None).unwrap();
    // The reference is as exact as the root of an equation; single precision rounds what is caught.
    for (backend, room) in [(&Reference as &dyn Backend, 1e-10), (&cpu, 3e-6)] {
        // In a stroke of -2.75 V half-selected cells fill fast, and 5e-4 of what they catch are torn out again by the
        // field; how much depends on when it was caught, which the mean over the stroke does not know.
        for (wiring, amplitude_v, celsius, room) in [
            (Wiring::Ideal, 1.5, 25.0, room),
            (wires(1e3), 1.5, 25.0, room),
            (Wiring::Ideal, -5.5, 25.0, 1e-4),
            (Wiring::Ideal, 1.5, 155.0, room),
        ] {
            let train = Train { amplitude_v, interval_s: 100.0, ..POTENTIATION };
            let of = setup(wiring, Unselected::Half, train);
            let mut writer = writer(backend, &qd, nominal(celsius), &of);
            let strokes = strokes(&cells, of.order, &of.scheme).unwrap();
            writer.pulse(&strokes, 1.5).unwrap();
            let numbers: Vec<u64> = (0..9).collect();
            let own = Own::of(&qd, writer.probe.variation(), 1, &numbers, kelvin(celsius));
            let start = writer.probe.occupancy().unwrap();
            writer.course = Some(Course::new(own, start.clone()));
            writer.pulse(&strokes, amplitude_v).unwrap();
            let course = writer.course.take().unwrap();
            let left = writer.probe.occupancy().unwrap();
            let course = course.end(&qd, &left);
            for ((at, found), left) in course.state.indexed_iter().zip(&left) {
                assert!((found - left).abs() <= room * left.max(1e-3), "{at:?} {amplitude_v} V: {found} {left}");
                // The map of the write leads there from where it began.
                let x = qd.classes[at.1].speed * course.uptake[at.0] + course.emptied[at];
                let mapped = start[at] * (-x).exp() + course.gained[at];
                assert!((mapped - found).abs() <= 1e-12 + room * left, "{at:?}: {mapped} {found}");
            }
        }
    }
}

#[test]
fn few_writes_are_the_writes_themselves_bit_for_bit() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, true], [false, true, false], [true, false, false]];
    let cpu = Cpu::open(None, None).unwrap();
    let of = setup(wires(1e3), Unselected::Half, POTENTIATION);
    // Cells that differ, from cycle to cycle too.
    let conditions = Conditions { variation: true, ..nominal(25.0) };
    for backend in [&Reference as &dyn Backend, &cpu] {
        for writes in [1, 7, FIRST] {
            let want = one_by_one(writer(backend, &qd, conditions, &of), &cells, &[writes]);
            let mut few = writer(backend, &qd, conditions, &of);
            let got = endure(&mut few, &cells, &Endurance::new(writes as f64, &[]).unwrap()).unwrap();
            assert_eq!(few.filling(), want[0]);
            assert_eq!(got.filling.index_axis(ndarray::Axis(0), got.at.len() - 1), want[0]);
            assert_eq!((got.stepped, got.leaps), (writes, 0));
        }
    }
}

#[test]
fn single_precision_loses_no_small_change() {
    // A write changes these fillings by less than single precision resolves: stepped one by one they would stand still.
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, false], [false, false, false], [false, false, false]];
    let of = setup(Wiring::Ideal, Unselected::Half, Train { width_s: 1e-10, ..POTENTIATION });
    let cpu = Cpu::open(None, None).unwrap();
    let [exact, single] = [&Reference as &dyn Backend, &cpu].map(|backend| {
        let mut writer = self::writer(backend, &qd, nominal(25.0), &of);
        endure(&mut writer, &cells, &Endurance::new(1e6, &[]).unwrap()).unwrap()
    });
    let last = exact.at.len() - 1;
    // Sheets are full to the last digit after a few writes, and hover there.
    let ns = shipped("pi-ws2-ns").unwrap();
    let full = setup(Wiring::Ideal, Unselected::Third, POTENTIATION);
    let mut writer = self::writer(&cpu, &ns, nominal(25.0), &full);
    let hovering = endure(&mut writer, &cells, &Endurance::new(1e6, &[]).unwrap()).unwrap();
    assert!(hovering.stepped < 400 && hovering.worst_error < 1e-3, "{} {}", hovering.stepped, hovering.worst_error);
    for (place, written) in cells.indexed_iter() {
        let at = [last, place.0, place.1];
        let (want, got) = (exact.filling[at], single.filling[at]);
        assert!((got - want).abs() <= 1e-5 * want, "{place:?}: {got:e} {want:e}");
        assert!(!written || want > 1e-3, "{want:e}");
    }
}

#[test]
fn the_mean_of_writes_is_a_sum() {
    // Uptakes that fall by the same part each write, summed one by one.
    for (relaxation, writes) in [(0.3, 1), (0.3, 2), (0.05, 7), (1e-3, 40), (0.6, 1000), (1e-9, 50)] {
        let uptakes: Vec<f64> = (0..=writes).map(|j| f64::powi(1.0 - relaxation, j)).collect();
        let mean = uptakes[..writes as usize].iter().sum::<f64>() / f64::from(writes);
        let g = weight(relaxation, f64::from(writes));
        let got = (1.0 - g) + g * uptakes[writes as usize];
        assert!((got - mean).abs() <= 1e-9 * mean, "{relaxation} {writes}: {got} {mean}");
    }
    assert_eq!(weight(0.2, 1.0), 0.0);
}

#[test]
fn a_share_is_reached_between_two_numbers_of_writes() {
    let qd = shipped("pi-ws2-qd").unwrap();
    let cells = array![[true, false, false], [false, false, false], [false, false, false]];
    let of = setup(Wiring::Ideal, Unselected::Half, Train { width_s: 1e-5, ..POTENTIATION });
    let mut writer = writer(&Reference, &qd, nominal(25.0), &of);
    let endured = endure(&mut writer, &cells, &Endurance::new(1e5, &[]).unwrap()).unwrap();
    // The last window is what the outcome has.
    let fresh_s = Array2::from_elem((3, 3), qd_fresh_s(&qd));
    let outcome = writer.outcome(&cells, &fresh_s).unwrap();
    let last = *endured.moved.last().unwrap();
    assert!((last.worst / outcome.worst_disturb - 1.0).abs() < 1e-9, "{last:?} {}", outcome.worst_disturb);
    for share in SHARES {
        let Reached { writes: Some(writes), between: (from, to), .. } = endured.reached(share) else {
            panic!("{share} is not reached");
        };
        assert!(from as f64 <= writes && writes <= to as f64 && from > 0, "{from} {writes} {to}");
        // One that is asked for there has moved so far, as interpolation between leaps knows it.
        let mut again = self::writer(&Reference, &qd, nominal(25.0), &of);
        let there = endure(&mut again, &cells, &Endurance::new(1e5, &[writes.round()]).unwrap()).unwrap();
        let moved = there.reported().next().unwrap().worst;
        assert!((moved / share - 1.0).abs() < 0.03, "{share}: {moved} after {writes}");
    }
    let never = endured.reached(2.0);
    assert_eq!((never.writes, never.between), (None, (100_000, 100_000)));
    assert_eq!(endured.reached(1e-9).between, (0, 1));
}

fn qd_fresh_s(material: &Material) -> f64 {
    trapline_model::cell::conductance_s(material, &trapline_model::cell::Factors::NOMINAL, 0.1, kelvin(25.0), 0.0)
}

#[test]
fn what_has_no_envelope_is_one_line() {
    let told = |writes: f64, at: &[f64]| Endurance::new(writes, at).unwrap_err().to_string();
    assert!(told(0.0, &[]).contains("is 0") && told(1e7, &[]).contains("1000000") && told(1.5, &[]).contains("1.5"));
    assert!(told(f64::NAN, &[]).contains("NaN") && told(100.0, &[1.0, f64::NAN]).contains("NaN"));
    assert!(told(100.0, &[10.0, 10.0]).contains("10") && told(100.0, &[1e3]).contains("1 to the 100 writes"));
    assert!(told(100.0, &[0.0]).contains("is 0") && told(1e6, &vec![1.0; 1001]).contains("1001"));
    assert_eq!(Endurance::new(25.0, &[]).unwrap().at(), [1, 2, 5, 10, 20, 25]);
    assert_eq!(Endurance::new(10.0, &[3.0]).unwrap().at(), [3, 10]);
    let qd = shipped("pi-ws2-qd").unwrap();
    let of = setup(Wiring::Ideal, Unselected::Half, POTENTIATION);
    let electrons = Conditions::real(kelvin(25.0), 1).electrons;
    let mut counted = writer(&Reference, &qd, Conditions { electrons, ..nominal(25.0) }, &of);
    let asked = Endurance::new(10.0, &[]).unwrap();
    let told = endure(&mut counted, &array![[true]], &asked).unwrap_err().to_string();
    assert!(told.contains("1 x 1"), "{told}");
    let told = endure(&mut counted, &Array2::from_elem((3, 3), true), &asked).unwrap_err().to_string();
    assert!(told.contains("--electrons mean-field"), "{told}");
}
