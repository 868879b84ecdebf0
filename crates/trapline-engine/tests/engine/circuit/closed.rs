//! Against closed forms, and against an exact array of another program.

use super::support::{Random, agrees, by_double_double, ends};
use faer::Mat;
use ndarray::Array2;
use trapline_engine::circuit::{
    Accuracy, Crossbar, Currents, End, Lines, Reading, Solution, Solver, Unselected, solve,
};

fn tight(crossbar: &Crossbar<'_>, relative: f64) -> Solution {
    Solver::new(crossbar).solve_all(Accuracy::of_total(relative)).unwrap()
}

/// 16 x 16 by badcrossbar 1.1.0, whose currents are exact to some 1e-14.
#[test]
#[ignore = "needs TRAPLINE_REFERENCE_DIR"]
fn a_reference_file_of_another_program_is_met() {
    let folder =
        std::env::var_os("TRAPLINE_REFERENCE_DIR").expect("TRAPLINE_REFERENCE_DIR names the folder of reference files");
    let folder = std::path::PathBuf::from(folder);
    let text = std::fs::read_to_string(folder.join("crossbar_16.json")).unwrap();
    let case: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let rows: Vec<Vec<f64>> = case["resistances_ohm"].as_array().unwrap().iter().map(numbers).collect();
    let cells = Array2::from_shape_fn((16, 16), |(row, col)| 1.0 / rows[row][col]);
    let volts = numbers(&case["applied_voltages_v"]);
    for (name, ohm) in [("1", 1.0), ("100", 100.0)] {
        let want = numbers(&case["output_currents_a"][name]);
        let got = tight(&Reading::with_wire(ohm).all_rows(cells.view(), &volts).unwrap(), 1e-13);
        // The reference's own 1e-13, and 1e-13 of the total for a column that has a 40th of it at the least.
        agrees(&got.currents.column_a, &want, 4e-12).unwrap();
        agrees(&got.currents.column_cells_a, &want, 4e-12).unwrap();
        let off = tight(&Reading::with_wire(ohm * (1.0 + 1e-6)).all_rows(cells.view(), &volts).unwrap(), 1e-13);
        assert!(agrees(&off.currents.column_a, &want, 4e-12).is_err());
    }
}

/// A row of cells to grounded bit lines is a ladder: with `2 sinh(t/2) = sqrt(g r)`,
/// `w_j = V cosh((N - j + 1/2) t)/cosh((N + 1/2) t)`, j = 1..N.
#[test]
fn a_row_is_a_ladder() {
    for (cell_s, wire_ohm, count) in [(1e-5, 1.0, 300), (1e-3, 10.0, 100), (1e-2, 1e3, 30), (1e-9, 1.0, 1000)] {
        // The bit side: 1e-9 ohm (the least wire) to ground from both ends, 1e-9 g of the cell's voltage.
        let words = Lines::uniform(wire_ohm, End::at(0.5), End::Floating);
        let bits = Lines::uniform(1e-9, End::at(0.0), End::at(0.0));
        let crossbar = Crossbar::new(Array2::from_elem((1, count), cell_s), words, bits).unwrap();
        let t = 2.0 * f64::asinh((cell_s * wire_ohm).sqrt() / 2.0);
        let n = count as f64;
        let word = |j: usize| 0.5 * ((n - j as f64 + 0.5) * t).cosh() / ((n + 0.5) * t).cosh();
        let want: Vec<f64> = (1..=count).map(word).collect();
        let got = tight(&crossbar, 1e-12);
        // The drop of half a nanoohm is at most 5e-12 of a cell of 1e-2 S; potentials are known to 1e-12 of the source
        // or a little more, and are compared down to a thousandth of it.
        let near = want.iter().take_while(|v| **v > 1e-3).count();
        agrees(got.word_v.iter().take(near), want.iter().take(near), 1e-9).unwrap();
        let input = (cell_s / wire_ohm).sqrt() * (n * t).sinh() / ((n + 0.5) * t).cosh() * 0.5;
        agrees(&got.currents.row_a, [&input], 1e-11).unwrap();
        let shifted: Vec<f64> = (0..count).map(word).collect();
        assert!(agrees(got.word_v.iter().take(near), shifted.iter().take(near), 1e-9).is_err());
    }
}

/// Tridiagonal matrix of a line with uniform segments and ends.
fn line(count: usize, segment_s: f64, near_s: f64, far_s: f64) -> Mat<f64> {
    Mat::from_fn(count, count, |i, j| match i.abs_diff(j) {
        0 => {
            let before = if i == 0 { near_s } else { segment_s };
            before + if i + 1 == count { far_s } else { segment_s }
        }
        1 => -segment_s,
        _ => 0.0,
    })
}

/// Uniform arrays are diagonal in the modes of their lines: with eigenvalues `x` of a word line and `y` of a bit line
/// `w = ((g + y) s_w + g s_b)/d`, `b = ((g + x) s_b + g s_w)/d`, `d = g x + g y + x y` (not `(g + x)(g + y) - g^2`,
/// which cancels).
#[test]
fn uniform_arrays_by_fast_diagonalisation() {
    let mut random = Random(2);
    for (rows, cols, ohm) in [(12, 20, 1.0), (20, 12, 1e4), (16, 16, 30.0)] {
        let g = 1e-5;
        let ohms: [f64; 4] = std::array::from_fn(|_| random.log_within(1.0, 1e5));
        let (word_v, bit_v) = (random.volts(rows), random.volts(cols));
        let driven = |volts: &[f64], ohm: f64| ends(volts.len(), |line| End::Driven { volts: volts[line], ohm });
        let wire = trapline_engine::circuit::Wire::Uniform(ohm);
        let words = Lines { wire: wire.clone(), near: driven(&word_v, ohms[0]), far: driven(&word_v, ohms[1]) };
        let bits = Lines { wire, near: driven(&bit_v, ohms[2]), far: driven(&bit_v, ohms[3]) };
        let crossbar = Crossbar::new(Array2::from_elem((rows, cols), g), words, bits).unwrap();
        let s: [f64; 4] = std::array::from_fn(|end| 1.0 / (ohm + ohms[end]));
        let (x, y) = (line(cols, 1.0 / ohm, s[0], s[1]), line(rows, 1.0 / ohm, s[2], s[3]));
        let (x, y) =
            (x.self_adjoint_eigen(faer::Side::Lower).unwrap(), y.self_adjoint_eigen(faer::Side::Lower).unwrap());
        let word_s = Mat::from_fn(rows, cols, |i, j| {
            word_v[i] * ((if j == 0 { s[0] } else { 0.0 }) + if j + 1 == cols { s[1] } else { 0.0 })
        });
        let bit_s = Mat::from_fn(rows, cols, |i, j| {
            bit_v[j] * ((if i == 0 { s[2] } else { 0.0 }) + if i + 1 == rows { s[3] } else { 0.0 })
        });
        let modes = |a: &Mat<f64>| y.U().transpose() * a * x.U();
        let (word_s, bit_s) = (modes(&word_s), modes(&bit_s));
        let both = |word: bool| {
            let of_mode = |i: usize, j: usize| {
                let (lx, ly) = (x.S()[j], y.S()[i]);
                let d = g * lx + g * ly + lx * ly;
                if word {
                    ((g + ly) * word_s[(i, j)] + g * bit_s[(i, j)]) / d
                } else {
                    ((g + lx) * bit_s[(i, j)] + g * word_s[(i, j)]) / d
                }
            };
            y.U() * Mat::from_fn(rows, cols, of_mode) * x.U().transpose()
        };
        let (word, bit) = (both(true), both(false));
        let flat = |m: &Mat<f64>| -> Vec<f64> { (0..rows * cols).map(|at| m[(at / cols, at % cols)]).collect() };
        let got = tight(&crossbar, 1e-13);
        // Eigenvalues err by 1e-16 of the largest; the smallest is 1e-3 of it, and smaller by the source resistance.
        agrees(&got.word_v, &flat(&word), 1e-9).unwrap();
        agrees(&got.bit_v, &flat(&bit), 1e-9).unwrap();
        assert!(agrees(&got.word_v, &flat(&bit), 1e-9).is_err());
    }
}

/// Without wires, uniform cells, sources of `R_s`, amplifiers of `R_o`: with `a = N g R_s`, `c = M g R_o`
/// `b = c mean(V)/(1 + a + c)`, `w_i = (V_i + a b)/(1 + a)`.
#[test]
fn wires_without_resistance() {
    let (rows, cols, g) = (30, 40, 1e-5);
    let volts = Random(8).volts(rows);
    let reading = Reading { source_ohm: 3e3, sense_ohm: 2e3, ..Reading::with_wire(1e-9) };
    let got = tight(&reading.all_rows(Array2::from_elem((rows, cols), g), &volts).unwrap(), 1e-13);
    let (a, c) = (cols as f64 * g * 3e3, rows as f64 * g * 2e3);
    let bit = c * volts.iter().sum::<f64>() / rows as f64 / (1.0 + a + c);
    let word = |row: usize| (volts[row] + a * bit) / (1.0 + a);
    let column = g * ((0..rows).map(word).sum::<f64>() - rows as f64 * bit);
    // 40 cells of 1e-5 S on a nanoohm: 1e-11 at most; the solver's 1e-13 of the total for a fortieth of it.
    agrees(&got.currents.column_a, &vec![column; cols], 1.5e-11).unwrap();
    agrees(got.word_v.column(7), &(0..rows).map(word).collect::<Vec<_>>(), 1.5e-11).unwrap();
    assert!(agrees(&got.currents.column_a, &vec![column * (1.0 + 1e-10); cols], 1.5e-11).is_err());
}

/// All but one row and column floating, wires without resistance: lines are nodes of a bipartite graph, and all but two
/// of them are eliminated. Between two selected lines the graph conducts what a dense solve says.
#[test]
fn all_but_one_row_and_column_floating() {
    let (rows, cols) = (14, 11);
    let mut random = Random(19);
    let cells = random.cells(rows, cols, 1e-9, 1e-4);
    let (row, col) = (5, 6);
    let crossbar = Reading::with_wire(1e-9).one_cell(cells.clone(), (row, col), 1.0, &Unselected::Floating).unwrap();
    // The same graph as a crossbar of one cell per line pair would have it, solved as an array without wires: each line
    // is a node, those selected are held.
    let nodes = rows + cols;
    let held = |node: usize| {
        if node == row {
            Some(1.0)
        } else if node == rows + col {
            Some(0.0)
        } else {
            None
        }
    };
    let s = |a: usize, b: usize| match (a < rows, b < rows) {
        (true, false) => cells[[a, b - rows]],
        (false, true) => cells[[b, a - rows]],
        _ => 0.0,
    };
    let matrix = Mat::from_fn(nodes, nodes, |a, b| match held(a) {
        Some(_) => f64::from(u8::from(a == b)),
        None if a == b => (0..nodes).map(|other| s(a, other)).sum(),
        None => -s(a, b),
    });
    let right = Mat::from_fn(nodes, 1, |a, _| held(a).unwrap_or(0.0));
    use faer::linalg::solvers::Solve;
    let volts = matrix.partial_piv_lu().solve(&right);
    let want: f64 = (0..rows).map(|i| cells[[i, col]] * volts[(i, 0)]).sum();
    let got = solve(&crossbar).unwrap().currents;
    // A nanoohm below 1e-3 S of a line's cells: 1e-12; the dense solve has a condition of 1e5; the solver 1e-9.
    agrees([&got.column_a[col]], [&want], 1.1e-9).unwrap();
    assert!(agrees([&got.column_a[col]], [&(want * (1.0 + 3e-9))], 1.1e-9).is_err());
}

/// For small drops the far corner of a uniform array loses N^2 r G/2 of its voltage along either axis, the mean cell
/// (N + 1)(2N + 1) r G/6.
#[test]
fn small_drops() {
    let (n, r, g) = (64, 1.0, 1e-9);
    let crossbar = Reading::with_wire(r).all_rows(Array2::from_elem((n, n), g), &vec![1.0; n]).unwrap();
    let got: Currents = tight(&crossbar, 1e-12).currents;
    let ideal = (n * n) as f64 * g;
    let loss = (ideal - got.column_cells_a.iter().sum::<f64>()) / ideal;
    let n = n as f64;
    // The next order is smaller by N^2 r G = 4e-6; the difference has 1e-12 of 4e-6.
    agrees([&loss], [&(2.0 * (n + 1.0) * (2.0 * n + 1.0) / 6.0 * r * g)], 1e-5).unwrap();
    assert!(agrees([&loss], [&(2.0 * (n + 1.0) * (2.0 * n) / 6.0 * r * g)], 1e-5).is_err());
    let small = Reading::with_wire(1.0).all_rows(Array2::from_elem((8, 8), g), &[1.0; 8]).unwrap();
    agrees(&tight(&small, 1e-13).currents.column_a, &by_double_double(&small).column_a, 1e-12).unwrap();
}
