//! Opens, islands, single rows, columns and cells.

use super::support::{Random, agrees, by_double_double};
use ndarray::Array2;
use trapline_engine::circuit::{Accuracy, Axis, Crossbar, End, Lines, Reading, Solver, Unselected, solve};

#[test]
fn one_cell_is_a_chain_of_resistors() {
    for cell_s in [1e-12, 1e-5, 1e2] {
        let reading = Reading { source_ohm: 70.0, sense_ohm: 11.0, ..Reading::with_wire(3.0) };
        let crossbar = reading.all_rows(Array2::from_elem((1, 1), cell_s), &[0.4]).unwrap();
        let want = 0.4 / (1.0 / cell_s + 2.0 * 3.0 + 70.0 + 11.0);
        let got = Solver::new(&crossbar).solve(Accuracy::of_total(1e-13)).unwrap();
        // What was asked for, and eight roundings of the formula.
        agrees(&got.column_a, [&want], 1.01e-13).unwrap();
        let other = 0.4 / (1.0 / cell_s + 2.0 * 3.0 + 70.0 + 11.1);
        assert!(agrees(&got.column_a, [&other], 1.01e-13).is_err() || cell_s < 1e-9);
    }
}

#[test]
fn open_arrays_carry_nothing() {
    for (rows, cols) in [(1, 1), (1, 5), (5, 1), (9, 20)] {
        let crossbar = Reading::with_wire(1.0).all_rows(Array2::zeros((rows, cols)), &vec![1.0; rows]).unwrap();
        let solution = solve(&crossbar).unwrap();
        assert!(solution.currents.column_a.iter().chain(&solution.cell_a).all(|a| *a == 0.0));
        // Driven lines sit at their sources.
        assert!(solution.word_v.iter().all(|v| *v == 1.0) && solution.bit_v.iter().all(|v| *v == 0.0));
        assert!(solution.currents.islands.is_empty());
    }
}

#[test]
fn islands_are_told_and_have_no_potential() {
    // Word line 2 and bit line 3 float, and meet only each other; bit line 1 floats and meets nothing.
    let mut cells = Array2::from_elem((4, 5), 1e-5);
    cells.row_mut(2).fill(0.0);
    cells.column_mut(3).fill(0.0);
    cells.column_mut(1).fill(0.0);
    cells[[2, 3]] = 1e-3;
    let end = |float: bool, volts: f64| if float { End::Floating } else { End::at(volts) };
    let mut words = Lines::uniform(2.0, End::Floating, End::Floating);
    words.near = (0..4).map(|row| end(row == 2, 1.0)).collect();
    let mut bits = Lines::uniform(2.0, End::Floating, End::Floating);
    bits.far = (0..5).map(|col| end(col == 3 || col == 1, 0.0)).collect();
    let crossbar = Crossbar::new(cells, words, bits).unwrap();
    let solution = solve(&crossbar).unwrap();
    assert_eq!(solution.currents.islands, [(Axis::Word, 2), (Axis::Bit, 1), (Axis::Bit, 3)]);
    assert_eq!(solution.cell_a[[2, 3]], 0.0);
    assert!(solution.word_v.row(2).iter().chain(&solution.bit_v.column(3)).all(|v| v.is_nan()));
    assert!(solution.word_v.row(1).iter().all(|v| *v > 0.99) && solution.bit_v[[0, 0]] < 0.01);
    let want = by_double_double(&crossbar);
    for col in [0, 2, 4] {
        agrees([&solution.currents.column_a[col]], [&want.column_a[col]], 1e-9).unwrap();
    }
    assert_eq!((solution.currents.column_a[1], solution.currents.column_a[3]), (0.0, 0.0));
}

#[test]
fn a_single_source_drives_nothing() {
    let mut random = Random(3);
    let mut words = Lines::uniform(1.0, End::Floating, End::Floating);
    words.near = vec![End::Floating; 6];
    words.near[2] = End::at(0.8);
    let bits = Lines::uniform(1.0, End::Floating, End::Floating);
    let crossbar = Crossbar::new(random.cells(6, 7, 1e-8, 1e-3), words, bits).unwrap();
    let solution = solve(&crossbar).unwrap();
    assert!(solution.cell_a.iter().all(|a| *a == 0.0));
    assert!(solution.word_v.iter().chain(&solution.bit_v).all(|v| *v == 0.8));
}

#[test]
fn arrays_with_opens_of_all_schemes() {
    let mut random = Random(77);
    for unselected in [Unselected::Grounded, Unselected::Floating, Unselected::Half, Unselected::Third] {
        let mut cells = random.cells(9, 7, 1e-8, 1e-3);
        cells.iter_mut().for_each(|s| *s = if random.uniform() < 0.5 { 0.0 } else { *s });
        cells[[4, 3]] = 1e-4;
        let crossbar = Reading::with_wire(10.0).one_cell(cells, (4, 3), 1.0, &unselected).unwrap();
        let (got, want) = (solve(&crossbar).unwrap(), by_double_double(&crossbar));
        agrees([&got.currents.column_a[3]], [&want.column_a[3]], 1e-8).unwrap();
    }
}

#[test]
fn an_open_cell_among_floating_lines_passes_nothing() {
    let mut cells = Random(164).cells(1, 500, 1e-12, 1e-6);
    cells[[0, 33]] = 0.0;
    let reading = Reading { source_ohm: 3e5, ..Reading::with_wire(4e-3) };
    let crossbar = reading.one_cell(cells, (0, 33), 1.0, &Unselected::Floating).unwrap();
    let currents = solve(&crossbar).unwrap().currents;
    // 1e-29 of what all cells would pass at 1 V: some 1e-34 A.
    assert!(currents.column_a[33].abs() <= 1e-33 && currents.certificate.bound_a <= 1e-33);
}
