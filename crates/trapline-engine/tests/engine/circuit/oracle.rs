//! Against independent solvers: random arrays over all schemes.

use super::support::{Random, agrees, by_double_double, by_sparse_cholesky, ends};
use trapline_engine::circuit::{
    Accuracy, Crossbar, End, Lines, Preconditioner, Reading, Solver, Unselected, Wire, solve,
};

fn schemes() -> Vec<(&'static str, Unselected)> {
    vec![
        ("grounded", Unselected::Grounded),
        ("floating", Unselected::Floating),
        ("half", Unselected::Half),
        ("third", Unselected::Third),
    ]
}

/// Every current at every end, within the certified bound and within a relative error of its own.
fn check(crossbar: &Crossbar<'_>, what: &str, accuracy: f64) {
    let want = by_double_double(crossbar);
    let solution =
        Solver::new(crossbar).solve_all(Accuracy::of_total(accuracy)).unwrap_or_else(|e| panic!("{what}: {e}"));
    let got = &solution.currents;
    let apart: f64 = got.column_a.iter().zip(&want.column_a).map(|(a, b)| (a - b).abs()).sum();
    // The reference has 30 digits; what is summed here adds a rounding for each column.
    let rounding = 1e-15 * want.column_a.iter().map(|a| a.abs()).sum::<f64>();
    let bound = got.certificate.bound_a;
    assert!(apart <= bound + rounding, "{what}: {apart:e} A apart, certified {bound:e} A");
    assert!(bound <= accuracy * got.certificate.total_a, "{what}: bound {bound:e} A");
    // The current of a cell errs by no more than the residual that enters the network, |r|_1, whatever the cell: the
    // share of an injected current that takes one cell is at most 1.
    for (got, want) in solution.cell_a.iter().zip(&want.cell_a) {
        assert!((got - want).abs() <= bound + 1e-15 * want.abs(), "{what}: cell {got:e} A, not {want:e} A");
    }
}

#[test]
fn small_arrays_of_all_schemes_and_fourteen_decades() {
    let mut random = Random(11);
    for wire_ohm in [1e-3, 1.0, 1e4] {
        for (name, unselected) in schemes() {
            for (rows, cols) in [(7, 5), (4, 9)] {
                let cells = random.cells(rows, cols, 1e-12, 1e2);
                let reading = Reading { source_ohm: random.log_within(1.0, 1e5), ..Reading::with_wire(wire_ohm) };
                let crossbar = reading.one_cell(cells, (rows / 2, cols / 3), 0.7, &unselected).unwrap();
                check(&crossbar, &format!("{name}, {wire_ohm} ohm, {rows}x{cols}"), 1e-9);
                check(&crossbar, &format!("{name}, {wire_ohm} ohm, {rows}x{cols}, tight"), 1e-12);
            }
        }
        let cells = random.cells(6, 6, 1e-12, 1e2);
        let crossbar = Reading::with_wire(wire_ohm).all_rows(cells, &random.volts(6)).unwrap();
        check(&crossbar, &format!("all rows, {wire_ohm} ohm"), 1e-12);
    }
}

#[test]
fn floating_lines_that_leak_little() {
    // A permutation of good cells among 1e-11 S on wires of 1 S: direct solvers in f64 lose 11 digits here.
    let size = 8;
    let mut random = Random(5);
    let mut cells = random.cells(size, size, 0.9e-11, 1.1e-11);
    (0..size).for_each(|row| cells[[row, (3 * row + 2) % size]] = 1e-5);
    let crossbar = Reading::with_wire(1.0).one_cell(cells.clone(), (4, 2), 1.0, &Unselected::Floating).unwrap();
    let want = by_double_double(&crossbar);
    let solution = Solver::new(&crossbar).solve_all(Accuracy::of_total(1e-12)).unwrap();
    // What the certificate promises, relative to the one current that flows.
    agrees([&solution.currents.column_a[2]], [&want.column_a[2]], 2e-12).unwrap();
    // Cells between floating lines pass some 1e-12 of the read current at the least.
    let most = want.cell_a.iter().fold(0.0f64, |most, a| most.max(a.abs()));
    let (got, want): (Vec<f64>, Vec<f64>) = (solution.cell_a.iter().copied().collect(), want.cell_a);
    let apart = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart <= 1e-12 * most, "{apart:e} of {most:e} A");
    // Control: one cell a millionth larger shows.
    cells[[4, 2]] *= 1.0 + 1e-6;
    let other = Reading::with_wire(1.0).one_cell(cells, (4, 2), 1.0, &Unselected::Floating).unwrap();
    assert!(agrees([&solve(&other).unwrap().currents.column_a[2]], [&solution.currents.column_a[2]], 2e-12).is_err());
}

/// A few cells of 100 S among 1e-12 S, and all lines but two floating: what reaches the sensed column leaks over
/// hundreds of cells that are 1e-14 of their neighbours, which elimination with subtractions loses.
#[test]
fn few_shorts_among_leaks_need_no_subtraction() {
    let mut random = Random(41);
    let few = |random: &mut Random, rows: usize, cols: usize, share: f64| {
        ndarray::Array2::from_shape_fn((rows, cols), |_| if random.uniform() < share { 1e2 } else { 1e-12 })
    };
    for wire_ohm in [1e-6, 1e-4, 1e-2] {
        let cells = few(&mut random, 9, 12, 0.05);
        let crossbar = Reading::with_wire(wire_ohm).one_cell(cells, (4, 7), 0.1, &Unselected::Floating).unwrap();
        check(&crossbar, &format!("9 x 12, {wire_ohm} ohm"), 1e-9);
        let cells = few(&mut random, 64, 48, 0.01);
        let crossbar = Reading::with_wire(wire_ohm).one_cell(cells, (21, 32), 0.1, &Unselected::Floating).unwrap();
        let solution =
            Solver::new(&crossbar).solve(Accuracy::of_total(1e-9)).unwrap_or_else(|e| panic!("{wire_ohm}: {e}"));
        assert!(solution.certificate.bound_a <= 1e-9 * solution.certificate.total_a, "{wire_ohm} ohm");
    }
}

/// What eliminated a network is kept for the solves after it, and forgotten where a cell changes.
#[test]
fn a_changed_cell_is_eliminated_anew() {
    let mut random = Random(41);
    let cells = ndarray::Array2::from_shape_fn((64, 48), |_| if random.uniform() < 0.01 { 1e2 } else { 1e-12 });
    let crossbar = |cells| Reading::with_wire(1e-4).one_cell(cells, (21, 32), 0.1, &Unselected::Floating).unwrap();
    let (to, accuracy) = (3e-11, Accuracy::of_total(1e-9));
    let mut solver = Solver::new(&crossbar(cells.clone()));
    let before = solver.solve(accuracy).unwrap();
    assert!(before.method.direct, "the network was not eliminated, and nothing is shown");
    solver.set_cell(21, 32, to).unwrap();
    let after = solver.solve(accuracy).unwrap();
    let mut changed = cells;
    changed[[21, 32]] = to;
    let anew = Solver::new(&crossbar(changed)).solve(accuracy).unwrap();
    let apart = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(a, b)| (a - b).abs()).sum::<f64>();
    let bounds = after.certificate.bound_a + anew.certificate.bound_a;
    assert!(apart(&after.column_a, &anew.column_a) <= bounds);
    // Control: the change shows.
    assert!(apart(&after.column_a, &before.column_a) > 1e3 * bounds);
}

#[test]
fn arrays_up_to_64_by_64_against_sparse_cholesky() {
    let mut random = Random(23);
    for (rows, cols) in [(64, 64), (33, 50), (50, 17)] {
        for wire_ohm in [0.5, 300.0] {
            let cells = random.cells(rows, cols, 1e-7, 1e-4);
            let reading = Reading { sense_ohm: 40.0, source_ohm: 25.0, ..Reading::with_wire(wire_ohm) };
            let volts = random.volts(rows);
            let mut arrays = vec![("all rows", reading.all_rows(cells.clone(), &volts).unwrap())];
            let both = Reading { both_ends: true, ..reading.clone() };
            arrays.push(("both ends", both.all_rows(cells.clone(), &volts).unwrap()));
            for (name, unselected) in schemes() {
                arrays.push((name, reading.one_cell(cells.clone(), (3, 5), 1.0, &unselected).unwrap()));
            }
            for (name, crossbar) in &arrays {
                let want = by_sparse_cholesky(crossbar);
                for preconditioner in [Preconditioner::Chosen, Preconditioner::Lines, Preconditioner::TwoLevel] {
                    let mut solver = Solver::with_preconditioner(crossbar, preconditioner);
                    let got = solver.solve(Accuracy::of_total(1e-12)).unwrap();
                    let total: f64 = want.column_a.iter().map(|a| a.abs()).sum();
                    let apart: f64 = got.column_a.iter().zip(&want.column_a).map(|(a, b)| (a - b).abs()).sum();
                    // Cholesky in f64 with refinement: 1e-16 times wire over cell conductance (1e6 at most) and
                    // the length of a line, of what flows.
                    assert!(apart <= 1e-9 * total, "{name} {rows}x{cols} {wire_ohm} ohm: {apart:e} of {total:e} A");
                }
            }
            // Control: a cell of the selected column a ten-thousandth larger shows.
            let mut changed = cells.clone();
            changed[[3, 5]] *= 1.0001;
            let crossbar = reading.all_rows(changed, &volts).unwrap();
            let got = solve(&crossbar).unwrap().currents.column_a;
            assert!(agrees(&got, &by_sparse_cholesky(&arrays[0].1).column_a, 1e-9).is_err());
        }
    }
}

#[test]
fn segments_of_different_resistance_and_ends_of_all_kinds() {
    let mut random = Random(31);
    for (rows, cols) in [(5, 8), (8, 5), (1, 6), (6, 1)] {
        let wire = |random: &mut Random, count: usize| {
            Wire::Segments((0..count).map(|_| random.log_within(0.1, 1e4)).collect())
        };
        let kind = |count: usize| {
            ends(count, |line| match (line + count) % 3 {
                0 => End::Floating,
                1 => End::at(0.3 * line as f64 - 0.2),
                _ => End::Driven { volts: 1.0 - 0.1 * line as f64, ohm: 10f64.powi(line as i32) },
            })
        };
        let (near, far) = (kind(rows), kind(rows).into_iter().rev().collect());
        let words = Lines { wire: wire(&mut random, cols + 1), near, far };
        let (near, far) = (kind(cols), kind(cols).into_iter().rev().collect());
        let bits = Lines { wire: wire(&mut random, rows + 1), near, far };
        let cells = random.cells(rows, cols, 1e-9, 1e-2);
        check(&Crossbar::new(cells, words, bits).unwrap(), &format!("{rows}x{cols}"), 1e-12);
    }
}
