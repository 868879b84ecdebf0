//! Alternating bounds, the array as one matrix, and solvers that are kept.

use super::support::{Random, agrees, by_double_double};
use ndarray::{Array2, Axis};
use trapline_engine::circuit::{
    Accuracy, Alike, Crossbar, Currents, Curve, End, Law, Lines, Nonlinear, Ohm, Reading, Solver, Transfer, Unselected,
    Wire, bounds, solve, solve_nonlinear,
};

#[test]
fn bounds_enclose_and_close_in() {
    let mut random = Random(201);
    let cells = random.cells(10, 12, 1e-7, 1e-5);
    let volts = random.volts(10);
    for (wire_ohm, sign) in [(1.0, 1.0), (100.0, 1.0), (100.0, -1.0)] {
        let volts: Vec<f64> = volts.iter().map(|v| sign * v).collect();
        let reading = Reading { source_ohm: 50.0, sense_ohm: 20.0, ..Reading::with_wire(wire_ohm) };
        let crossbar = reading.all_rows(cells.view(), &volts).unwrap();
        let want = by_double_double(&crossbar).cell_a;
        let law = Ohm(cells.clone());
        let mut gap = f64::INFINITY;
        for passes in 1..6 {
            let [lower, upper] = bounds::enclose(&crossbar, &law, passes).unwrap();
            for ((lower, upper), want) in lower.iter().zip(&upper).zip(&want) {
                assert!(
                    lower <= want && want <= upper,
                    "{wire_ohm} ohm, {passes} passes: {lower:e}, {want:e}, {upper:e}"
                );
            }
            let now = (&upper - &lower).sum();
            assert!(now < gap || now < 1e-12 * upper.sum().abs());
            gap = now;
        }
    }
    // Arrays that are no readings have none.
    let crossbar = Reading::with_wire(1.0).one_cell(cells.view(), (2, 3), 1.0, &Unselected::Floating).unwrap();
    assert!(bounds::enclose(&crossbar, &Ohm(cells.clone()), 3).is_none());
    let crossbar = Reading::with_wire(1.0).one_cell(cells.view(), (2, 3), 1.0, &Unselected::Half).unwrap();
    assert!(bounds::enclose(&crossbar, &Ohm(cells.clone()), 3).is_none());
}

/// Currents of long lines are sums of many cells: what these lose by rounding is in the bound.
#[test]
fn bounds_have_the_rounding_of_sums() {
    const CELLS: usize = 16_384;
    // Alike: what a sum loses at each cell then has one sign.
    let column = Array2::from_elem((CELLS, 1), 1.1e-15);
    for cells in [column.clone(), column.t().to_owned()] {
        // Drops of 2e-11 A on 1e-9 ohm are nothing beside 1 V.
        let reading = Reading::with_wire(1e-9);
        let crossbar = reading.all_rows(cells.view(), &vec![1.0; cells.nrows()]).unwrap();
        let found = solve(&crossbar).unwrap();
        assert!(found.currents.method.bound_passes > 0);
        // Multiples of 2^-112 that fit into 128 bits add up without rounding.
        let unit = 2f64.powi(-112);
        let whole: u128 = cells.iter().map(|s| (s / unit) as u128).sum();
        assert!(cells.iter().all(|s| (s / unit).fract() == 0.0));
        let exact_a = whole as f64 * unit;
        let lines = if cells.ncols() == 1 { &found.currents.column_a } else { &found.currents.row_a };
        let (off_a, bound_a) = ((lines[0] - exact_a).abs(), found.currents.certificate.bound_a);
        assert!(off_a <= bound_a && bound_a < 1e-12 * exact_a, "{off_a:e} A off, {bound_a:e} A told");
        // The control: added one after another they are farther off than the bound.
        let plain_a = cells.iter().sum::<f64>();
        assert!((plain_a - exact_a).abs() > bound_a, "{plain_a:e} {exact_a:e}");
    }
}

#[test]
fn bounds_are_chosen_where_drops_are_small_and_agree() {
    let mut random = Random(202);
    let cells = random.cells(60, 50, 2e-11, 4e-11);
    let crossbar = Reading::with_wire(100.0).all_rows(cells.view(), &random.volts(60)).unwrap();
    let quick = solve(&crossbar).unwrap();
    assert!(quick.currents.method.bound_passes > 0 && quick.currents.method.iterations == 0);
    let solved = Solver::new(&crossbar).solve_all(Accuracy::of_total(1e-12)).unwrap();
    // Each to its own bound.
    let apart: f64 = quick.currents.column_a.iter().zip(&solved.currents.column_a).map(|(a, b)| (a - b).abs()).sum();
    assert!(apart <= quick.currents.certificate.bound_a + solved.currents.certificate.bound_a);
    agrees(&quick.word_v, &solved.word_v, 1e-12).unwrap();
    let drop = |bit_v: &Array2<f64>| -> Vec<f64> { bit_v.iter().copied().collect() };
    // Bit lines are a few picovolts off ground; the bounds have 1e-9 of that.
    agrees(&drop(&quick.bit_v), &drop(&solved.bit_v), 2e-9).unwrap();
    // Nonlinear cells, from either end of the lines, and of negative voltage.
    let law = Alike::new(Curve::Sinh { scale_a: 1e-11, scale_v: 0.2 }, random.cells(60, 50, 0.5, 1.0)).unwrap();
    let far = |volts: f64| Lines { wire: Wire::Uniform(100.0), near: vec![End::Floating], far: vec![End::at(volts)] };
    for volts in [1.0, -1.0] {
        let crossbar = Crossbar::new(cells.view(), far(volts), far(0.0)).unwrap();
        let quick = solve_nonlinear(&crossbar, &law, Accuracy::default()).unwrap();
        assert!(quick.currents.method.bound_passes > 0 && quick.currents.method.newton_steps == 0);
        let solved = Nonlinear::new(&crossbar, &law).solve_all(Accuracy::of_total(1e-11)).unwrap();
        let apart: f64 = quick.cell_a.iter().zip(&solved.cell_a).map(|(a, b)| (a - b).abs()).sum();
        let bound = quick.currents.certificate.bound_a + solved.currents.certificate.bound_a * 60.0 * 50.0;
        assert!(apart <= bound, "{apart:e} A apart, {bound:e} A allowed");
        agrees(&quick.word_v, &solved.word_v, 1e-12).unwrap();
    }
    // Not chosen where wires drop much.
    let crossbar = Reading::with_wire(1e9).all_rows(cells, &random.volts(60)).unwrap();
    assert_eq!(solve(&crossbar).unwrap().currents.method.bound_passes, 0);
}

#[test]
fn bounds_hold_for_the_selector_too() {
    struct Kinked;
    impl Law for Kinked {
        fn current_and_slope(&self, _: usize, _: usize, volts: f64) -> (f64, f64) {
            if volts > 0.5 { (1e-6 + 1e-4 * (volts - 0.5), 1e-4) } else { (2e-6 * volts, 2e-6) }
        }
    }
    let there = Array2::from_elem((9, 9), 1.0);
    let crossbar = Reading::with_wire(40.0).all_rows(there, &[0.7; 9]).unwrap();
    let got = Nonlinear::new(&crossbar, &Kinked).solve_all(Accuracy::of_total(1e-12)).unwrap();
    for passes in 1..5 {
        let [lower, upper] = bounds::enclose(&crossbar, &Kinked, passes).unwrap();
        let slack = got.currents.certificate.bound_a;
        for ((lower, upper), current) in lower.iter().zip(&upper).zip(&got.cell_a) {
            assert!(*lower <= current + slack && current - slack <= *upper);
        }
    }
}

#[test]
fn the_array_as_one_matrix() {
    let mut random = Random(203);
    for (rows, cols) in [(40, 6), (5, 30)] {
        let cells = random.cells(rows, cols, 1e-7, 1e-4);
        let reading = Reading { source_ohm: 100.0, sense_ohm: 30.0, ..Reading::with_wire(20.0) };
        let crossbar = reading.all_rows(cells.view(), &vec![1.0; rows]).unwrap();
        let transfer = Transfer::new(&crossbar, Accuracy::of_total(1e-12)).unwrap();
        assert_eq!(transfer.solves, rows.min(cols));
        let inputs = Array2::from_shape_simple_fn((7, rows), || random.within(-1.0, 1.0));
        let outputs = transfer.apply(inputs.view()).unwrap();
        for (input, output) in inputs.outer_iter().zip(outputs.outer_iter()) {
            let crossbar = reading.all_rows(cells.view(), input.as_slice().unwrap()).unwrap();
            let direct = Solver::new(&crossbar).solve(Accuracy::of_total(1e-12)).unwrap();
            let apart: f64 = direct.column_a.iter().zip(&output).map(|(a, b)| (a - b).abs()).sum();
            // A weight errs by the bound of its solve at most, inputs are 1 V at most; every output has its own solve,
            // or every input.
            let allowed = transfer.bound_s * transfer.solves as f64 + direct.certificate.bound_a;
            assert!(apart <= 1.01 * allowed, "{rows}x{cols}: {apart:e} A, {allowed:e} A allowed");
            // Weights of an array without wires are apart.
            let ideal = input.dot(&cells);
            assert!((&ideal - &output).iter().map(|a| a.abs()).sum::<f64>() > 1e3 * allowed);
        }
        assert!(transfer.apply(Array2::zeros((2, rows + 1)).view()).is_err());
    }
}

/// Readings of one array are those of a solver of their own, bit for bit, on any number of threads: of a small array,
/// which is solved side by side, and of a large one.
#[test]
fn many_readings_are_each_by_itself() {
    let mut random = Random(206);
    for (rows, cols, drives) in [(40, 30, 9), (6, 11_000, 3)] {
        let cells = random.cells(rows, cols, 1e-7, 1e-4);
        let reading = Reading { source_ohm: 100.0, ..Reading::with_wire(20.0) };
        let inputs: Vec<Vec<f64>> = (0..drives).map(|_| random.volts(rows)).collect();
        let drive = |number: usize| reading.all_rows(cells.view(), &inputs[number]);
        let accuracy = Accuracy::default();
        let alone: Vec<Vec<f64>> =
            (0..drives).map(|number| Solver::new(&drive(number).unwrap()).solve(accuracy).unwrap().column_a).collect();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut solver = Solver::new(&drive(1).unwrap());
            let each = || solver.solve_each(drives, drive, accuracy, |number, found| (number, found.column_a));
            let found = pool.install(each).unwrap();
            for (number, alone) in alone.iter().enumerate() {
                assert_eq!(found[number], (number, alone.clone()), "{rows} x {cols}, {threads} threads");
            }
        }
        // What cannot be is told, whichever it is of.
        let short =
            |number: usize| reading.all_rows(cells.view(), &inputs[number][usize::from(number == drives - 1)..]);
        let told = Solver::new(&drive(0).unwrap()).solve_each(drives, short, accuracy, |_, _| ()).unwrap_err();
        assert!(told.to_string().contains(&format!("{rows} word lines")), "{told}");
        let none = Solver::new(&drive(0).unwrap()).solve_each(0, drive, accuracy, |_, _| ()).unwrap();
        assert!(none.is_empty());
    }
}

/// Where the network must be eliminated the readings after the first one go on with that, and keep their bounds.
#[test]
fn many_readings_of_a_hard_array_keep_their_bounds() {
    let mut random = Random(41);
    let cells = Array2::from_shape_fn((64, 48), |_| if random.uniform() < 0.01 { 1e2 } else { 1e-12 });
    let reading = Reading::with_wire(1e-4);
    let volts = |number: usize| 0.1 * (number + 1) as f64;
    let drive = |number: usize| reading.one_cell(cells.view(), (21, 32), volts(number), &Unselected::Floating);
    let take = |_, found: Currents| (found.column_a, found.certificate.bound_a, found.method.direct);
    let mut solver = Solver::new(&drive(0).unwrap());
    let found = solver.solve_each(4, drive, Accuracy::default(), take).unwrap();
    assert!(found.iter().any(|(.., direct)| *direct));
    for (number, (column_a, bound_a, _)) in found.iter().enumerate() {
        let alone = Solver::new(&drive(number).unwrap()).solve(Accuracy::default()).unwrap();
        let apart: f64 = column_a.iter().zip(&alone.column_a).map(|(a, b)| (a - b).abs()).sum();
        assert!(apart <= bound_a + alone.certificate.bound_a, "{number}: {apart:e} {bound_a:e}");
    }
}

#[test]
fn bit_lines_with_their_own_sources_make_an_offset() {
    let mut random = Random(204);
    let cells = random.cells(6, 4, 1e-6, 1e-4);
    let words = Lines {
        near: (0..6).map(|_| End::at(random.within(0.0, 1.0))).collect(),
        ..Lines::uniform(10.0, End::Floating, End::Floating)
    };
    let bits = Lines {
        far: vec![End::at(0.1), End::Floating, End::at(-0.2), End::sense(7.0)],
        ..Lines::uniform(10.0, End::Floating, End::Floating)
    };
    let volts: Vec<f64> =
        words.near.iter().map(|end| if let End::Driven { volts, .. } = end { *volts } else { 0.0 }).collect();
    let crossbar = Crossbar::new(cells, words, bits).unwrap();
    let transfer = Transfer::new(&crossbar, Accuracy::of_total(1e-13)).unwrap();
    let got = transfer.apply(Array2::from_shape_vec((1, 6), volts).unwrap().view()).unwrap();
    let want = by_double_double(&crossbar).column_a;
    for col in [0, 2, 3] {
        agrees([&got[[0, col]]], [&want[col]], 1e-11).unwrap();
    }
    // What the floating line's cells pass sums to nothing.
    assert_eq!(got[[0, 1]], 0.0);
    assert_eq!(transfer.weight_s.sum_axis(Axis(0))[1], 0.0);
}

#[test]
fn one_cell_changed_starts_from_before() {
    let mut random = Random(205);
    for (rows, cols) in [(50, 70), (70, 50)] {
        let mut cells = random.cells(rows, cols, 1e-6, 1e-4);
        let reading = Reading::with_wire(10.0);
        let volts = random.volts(rows);
        let mut solver = Solver::new(&reading.all_rows(cells.view(), &volts).unwrap());
        let cold = solver.solve(Accuracy::default()).unwrap();
        cells[[20, 30]] *= 1.3;
        solver.set_cell(20, 30, cells[[20, 30]]).unwrap();
        let warm = solver.solve(Accuracy::default()).unwrap();
        let fresh =
            Solver::new(&reading.all_rows(cells.view(), &volts).unwrap()).solve(Accuracy::of_total(1e-12)).unwrap();
        assert!(warm.method.iterations < cold.method.iterations);
        let apart: f64 = warm.column_a.iter().zip(&fresh.column_a).map(|(a, b)| (a - b).abs()).sum();
        assert!(apart <= warm.certificate.bound_a + fresh.certificate.bound_a);
        let moved: f64 = cold.column_a.iter().zip(&fresh.column_a).map(|(a, b)| (a - b).abs()).sum();
        assert!(moved > 10.0 * warm.certificate.bound_a);
        assert!(solver.set_cell(rows, 0, 1e-6).is_err() && solver.set_cell(0, 0, f64::NAN).is_err());
    }
}
