//! What holds for every network of resistors.

use super::support::{Random, agrees, by_double_double};
use ndarray::Array2;
use trapline_engine::circuit::{Accuracy, Crossbar, End, Lines, Reading, Solver, Unselected, Wire, solve};

fn column_a(crossbar: &Crossbar<'_>, relative: f64) -> Vec<f64> {
    Solver::new(crossbar).solve(Accuracy::of_total(relative)).unwrap().column_a
}

fn reading() -> Reading {
    Reading { source_ohm: 300.0, sense_ohm: 50.0, ..Reading::with_wire(20.0) }
}

fn unit(count: usize, line: usize) -> Vec<f64> {
    (0..count).map(|other| f64::from(u8::from(other == line))).collect()
}

#[test]
fn reciprocity_and_superposition() {
    let (rows, cols) = (20, 13);
    let mut random = Random(41);
    let cells = random.cells(rows, cols, 1e-8, 1e-3);
    let transfer: Vec<Vec<f64>> =
        (0..rows).map(|row| column_a(&reading().all_rows(cells.view(), &unit(rows, row)).unwrap(), 1e-13)).collect();
    // Superposition: what all inputs do is the sum of what each does; each is known to 1e-13 of its total.
    let volts = random.volts(rows);
    let sum: Vec<f64> = (0..cols).map(|col| (0..rows).map(|row| volts[row] * transfer[row][col]).sum()).collect();
    let at_once = column_a(&reading().all_rows(cells.view(), &volts).unwrap(), 1e-13);
    agrees(&at_once, &sum, 1e-9).unwrap();
    // Reciprocity: 1 V at column j with the rows sensed gives in row i what 1 V at row i gives in column j. The array
    // is turned by its ends: bit lines driven through the sense resistance, word lines sensed through the source's.
    for col in [0, 7, 12] {
        let mut words = Lines::uniform(20.0, End::Driven { volts: 0.0, ohm: 300.0 }, End::Floating);
        words.near = vec![words.near[0]; rows];
        let mut bits = Lines::uniform(20.0, End::Floating, End::sense(50.0));
        bits.far = (0..cols).map(|line| End::Driven { volts: f64::from(u8::from(line == col)), ohm: 50.0 }).collect();
        let crossbar = Crossbar::new(cells.view(), words, bits).unwrap();
        let got = Solver::new(&crossbar).solve(Accuracy::of_total(1e-13)).unwrap();
        let back: Vec<f64> = got.row_a.iter().map(|a| -a).collect();
        let forth: Vec<f64> = transfer.iter().map(|row| row[col]).collect();
        agrees(&back, &forth, 1e-7).unwrap();
        let other: Vec<f64> = transfer.iter().map(|row| row[(col + 1) % cols]).collect();
        assert!(agrees(&back, &other, 1e-7).is_err());
    }
}

#[test]
fn a_turned_array_has_the_turned_solution() {
    let (rows, cols) = (19, 27);
    let cells = Random(4).cells(rows, cols, 1e-8, 1e-3);
    let words = Lines::uniform(3.0, End::at(1.0), End::Floating);
    let bits = Lines { wire: Wire::Uniform(40.0), near: vec![End::Floating], far: vec![End::sense(9.0)] };
    let one = Solver::new(&Crossbar::new(cells.view(), words.clone(), bits.clone()).unwrap())
        .solve_all(Accuracy::default())
        .unwrap();
    let other = Solver::new(&Crossbar::new(cells.t(), bits, words).unwrap()).solve_all(Accuracy::default()).unwrap();
    // The solver itself turns the one that is taller than wide: the same arithmetic.
    assert_eq!(one.word_v, other.bit_v.t());
    assert_eq!(one.cell_a, other.cell_a.t().mapv(|a| 0.0 - a));
    let out: Vec<f64> = other.currents.row_a.iter().map(|a| 0.0 - a).collect();
    assert_eq!(one.currents.column_a, out);
}

#[test]
fn currents_are_conserved_and_the_two_ways_agree() {
    let mut random = Random(9);
    for unselected in [Unselected::Grounded, Unselected::Floating, Unselected::Half, Unselected::Third] {
        let cells = random.cells(24, 31, 1e-8, 1e-3);
        let got = solve(&reading().one_cell(cells, (3, 9), 1.0, &unselected).unwrap()).unwrap().currents;
        let certificate = got.certificate;
        // What is not conserved is the sum of the residuals; so is the difference of the two ways.
        assert!(certificate.conservation_a.abs() <= certificate.bound_a + 1e-15 * certificate.total_a);
        assert!(certificate.two_ways_a <= certificate.bound_a + 1e-15 * certificate.total_a);
        assert!(certificate.relative() <= 1e-9 && certificate.bound_a > 0.0);
    }
}

#[test]
fn a_better_cell_never_lowers_the_total_current() {
    let mut random = Random(50);
    let volts = vec![1.0; 12];
    let mut cells = random.cells(12, 10, 1e-8, 1e-3);
    let total =
        |cells: &Array2<f64>| column_a(&reading().all_rows(cells.view(), &volts).unwrap(), 1e-13).iter().sum::<f64>();
    let mut before = total(&cells);
    for _ in 0..20 {
        let at = [(random.uniform() * 12.0) as usize, (random.uniform() * 10.0) as usize];
        cells[at] *= 1.5;
        let after = total(&cells);
        assert!(after > before * (1.0 - 1e-13));
        before = after;
    }
}

#[test]
fn potentials_are_a_harmonic_measure() {
    // 1 V at one end, 0 V at all others: potentials within 0 and 1 V, and over all ends they sum to 1 V.
    let (rows, cols) = (6, 5);
    let cells = Random(12).cells(rows, cols, 1e-9, 1e-2);
    let mut sums = Array2::<f64>::zeros((rows, cols));
    for line in 0..rows + cols {
        let end = |this: usize, ohm: f64| End::Driven { volts: f64::from(u8::from(this == line)), ohm };
        let words = Lines {
            near: (0..rows).map(|row| end(row, 100.0)).collect(),
            ..Lines::uniform(50.0, End::Floating, End::Floating)
        };
        let bits = Lines {
            far: (0..cols).map(|col| end(rows + col, 10.0)).collect(),
            ..Lines::uniform(50.0, End::Floating, End::Floating)
        };
        let crossbar = Crossbar::new(cells.view(), words, bits).unwrap();
        let got = Solver::new(&crossbar).solve_all(Accuracy::of_total(1e-13)).unwrap();
        assert!(got.word_v.iter().chain(&got.bit_v).all(|v| (-1e-12..=1.0 + 1e-12).contains(v)));
        sums += &got.word_v;
    }
    // Potentials are currents of 1e-2 S through the largest resistance to a source (some 400 ohm): 1e-13 each way.
    agrees(&sums, &vec![1.0; rows * cols], 1e-11).unwrap();
    assert!(agrees(&sums, &vec![1.0 + 1e-9; rows * cols], 1e-11).is_err());
}

#[test]
fn the_bound_encloses_the_error_however_loose() {
    let mut random = Random(60);
    for relative in [1e-1, 1e-2, 1e-4, 1e-6, 1e-8] {
        for unselected in [Unselected::Grounded, Unselected::Floating, Unselected::Half] {
            let cells = random.cells(8, 8, 1e-8, 1e-3);
            let crossbar = reading().one_cell(cells, (2, 5), 1.0, &unselected).unwrap();
            let want = by_double_double(&crossbar).column_a;
            let got = Solver::new(&crossbar).solve(Accuracy::of_total(relative)).unwrap();
            let apart: f64 = got.column_a.iter().zip(&want).map(|(a, b)| (a - b).abs()).sum();
            let rounding = 1e-15 * want.iter().map(|a| a.abs()).sum::<f64>();
            assert!(
                apart <= got.certificate.bound_a + rounding,
                "{relative:e}: {apart:e} A, {:e} A",
                got.certificate.bound_a
            );
            assert!(got.certificate.bound_a <= relative * got.certificate.total_a);
        }
    }
}

#[test]
fn every_column_to_its_own_digits_where_asked() {
    let cells = Random(61).cells(7, 9, 1e-6, 1e-3);
    let crossbar = Reading::with_wire(100.0).all_rows(cells, &[1.0; 7]).unwrap();
    let got = Solver::new(&crossbar).solve(Accuracy::of_each_column(1e-9)).unwrap();
    agrees(&got.column_a, &by_double_double(&crossbar).column_a, 1e-9).unwrap();
}

#[test]
fn threads_change_no_bit() {
    let cells = Random(70).cells(90, 130, 1e-8, 1e-4);
    let crossbar = reading().one_cell(cells, (3, 9), 1.0, &Unselected::Floating).unwrap();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(&crossbar).unwrap())
    };
    let one = with(1);
    assert!(one.currents.method.coarse_nodes.is_some());
    for threads in [2, 3, 7] {
        assert_eq!(one, with(threads));
    }
}

#[test]
fn a_solver_that_is_kept_starts_where_it_was() {
    let cells = Random(71).cells(40, 60, 1e-7, 1e-4);
    let crossbar = reading().all_rows(cells, &[1.0; 40]).unwrap();
    let mut solver = Solver::new(&crossbar);
    let first = solver.solve(Accuracy::of_total(1e-6)).unwrap();
    let finer = solver.solve(Accuracy::of_total(1e-12)).unwrap();
    let fresh = Solver::new(&crossbar).solve(Accuracy::of_total(1e-12)).unwrap();
    assert!(first.method.iterations > 0 && finer.method.iterations < fresh.method.iterations);
    agrees(&finer.column_a, &fresh.column_a, 1e-10).unwrap();
    assert_eq!(solver.solve(Accuracy::of_total(1e-12)).unwrap().method.iterations, 0);
}
