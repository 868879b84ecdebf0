//! Nonlinear cells against a dense Newton's method on 8 x 8, and against what must hold.

use super::support::{Double, Random, agrees, graph};
use faer::Mat;
use faer::linalg::solvers::Solve;
use ndarray::Array2;
use trapline_engine::circuit::{
    Accuracy, Alike, Crossbar, Curve, Law, Nonlinear, Ohm, Reading, Series, Solver, Table, Unselected, solve_nonlinear,
};

/// Currents out of the bit lines, A, and what Kirchhoff's law leaves over, A. Potentials are carried in double-double
/// arithmetic, steps come from a dense factorisation, and are cut so that no cell's voltage moves by more than
/// `most_v`.
fn dense(crossbar: &Crossbar<'_>, law: &impl Law, most_v: f64) -> (Vec<f64>, f64) {
    let (rows, cols) = (crossbar.rows(), crossbar.cols());
    let graph = graph(crossbar);
    let nodes = graph.nodes;
    let cells = rows * cols;
    let is_cell = |a: usize, b: usize| b == a + cells;
    let mut volts = vec![Double::of(0.0); nodes];
    let mut residual = f64::INFINITY;
    for _ in 0..3000 {
        let mut rest = vec![Double::of(0.0); nodes];
        let mut matrix = Mat::<f64>::zeros(nodes, nodes);
        for &(a, b, s) in &graph.links {
            let apart = volts[a].minus(volts[b]);
            let (flow, slope) = if is_cell(a, b) {
                let (i, slope) =
                    if s > 0.0 { law.current_and_slope(a / cols, a % cols, apart.value()) } else { (0.0, 0.0) };
                (Double::of(i), slope)
            } else {
                (Double::of(s).times(apart), s)
            };
            rest[a] = rest[a].minus(flow);
            rest[b] = rest[b].plus(flow);
            matrix[(a, a)] += slope;
            matrix[(b, b)] += slope;
            matrix[(a, b)] -= slope;
            matrix[(b, a)] -= slope;
        }
        for &(node, s, v) in &graph.sources {
            rest[node] = rest[node].plus(Double::of(s).times(Double::of(v).minus(volts[node])));
            matrix[(node, node)] += s;
        }
        let now: f64 = rest.iter().map(|r| r.value().abs()).sum();
        let most = (0..nodes).map(|n| matrix[(n, n)]).fold(0.0, f64::max);
        (0..nodes).for_each(|n| matrix[(n, n)] += 1e-18 * most);
        let right = Mat::from_fn(nodes, 1, |node, _| rest[node].value());
        let step = matrix.partial_piv_lu().solve(&right);
        let largest = (0..cells).map(|n| (step[(n, 0)] - step[(n + cells, 0)]).abs()).fold(0.0, f64::max);
        let share = f64::min(1.0, most_v / largest);
        if largest < 1e-9 && now >= 0.5 * residual {
            residual = residual.min(now);
            break;
        }
        residual = now;
        volts.iter_mut().enumerate().for_each(|(n, v)| *v = v.plus(Double::of(share * step[(n, 0)])));
    }
    let cell = |row: usize, col: usize| {
        let node = row * cols + col;
        if crossbar.conductance_s()[[row, col]] == 0.0 {
            return 0.0;
        }
        law.current_and_slope(row, col, volts[node].minus(volts[node + cells]).value()).0
    };
    ((0..cols).map(|col| (0..rows).map(|row| cell(row, col)).sum()).collect(), residual)
}

/// A law of cells by row, column and voltage.
type AnyLaw = dyn Fn(usize, usize, f64) -> (f64, f64) + Sync;

/// Laws with their names, and the steps of voltage that the dense solver may take.
fn laws(random: &mut Random) -> Vec<(&'static str, f64, Box<AnyLaw>)> {
    let factors = random.cells(8, 8, 0.1, 1.0);
    let alike = |curve: Curve, factors: &Array2<f64>| {
        let law = Alike::new(curve, factors.clone()).unwrap();
        Box::new(move |row: usize, col: usize, v: f64| law.current_and_slope(row, col, v)) as Box<_>
    };
    let series =
        Series::new(Ohm(factors.mapv(|f| 1e-5 * f)), Curve::Exponential { scale_a: 1e-9, scale_v: 0.05 }).unwrap();
    vec![
        ("sinh 0.1 V", 0.1, alike(Curve::Sinh { scale_a: 1e-7, scale_v: 0.1 }, &factors)),
        ("sinh 0.3 V", 0.3, alike(Curve::Sinh { scale_a: 1e-6, scale_v: 0.3 }, &factors)),
        ("diode 0.1 V", 0.1, alike(Curve::Exponential { scale_a: 1e-9, scale_v: 0.1 }, &factors)),
        ("diode 0.026 V", 0.05, alike(Curve::Exponential { scale_a: 1e-14, scale_v: 0.026 }, &factors)),
        ("resistor and diode", 0.1, Box::new(move |row, col, v| series.current_and_slope(row, col, v))),
    ]
}

struct Boxed<'a>(&'a AnyLaw);

impl Law for Boxed<'_> {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        (self.0)(row, col, volts)
    }
}

#[test]
fn laws_and_schemes_against_a_dense_newton() {
    let mut random = Random(101);
    let there = Array2::from_elem((8, 8), 1.0);
    for (name, most_v, law) in &laws(&mut random) {
        let law = Boxed(law.as_ref());
        for wire_ohm in [1.0, 100.0] {
            let reading = Reading::with_wire(wire_ohm);
            let mut arrays = vec![("all rows", reading.all_rows(there.view(), &random.volts(8)).unwrap())];
            for (scheme, unselected) in [
                ("grounded", Unselected::Grounded),
                ("floating", Unselected::Floating),
                ("half", Unselected::Half),
                ("third", Unselected::Third),
            ] {
                arrays.push((scheme, reading.one_cell(there.view(), (3, 4), 1.0, &unselected).unwrap()));
            }
            for (scheme, crossbar) in &arrays {
                let what = format!("{name}, {scheme}, {wire_ohm} ohm");
                let (want, left_a) = dense(crossbar, &law, *most_v);
                let got = solve_nonlinear(crossbar, &law, Accuracy::of_total(1e-10))
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
                let got = got.currents;
                let apart: f64 = got.column_a.iter().zip(&want).map(|(a, b)| (a - b).abs()).sum();
                // Both bounds hold through secants; the dense sums take the cells' currents, hence twice.
                let allowed = got.certificate.bound_a + 2.0 * left_a + 1e-14 * got.cells_a;
                assert!(apart <= allowed, "{what}: {apart:e} A apart, {allowed:e} A allowed, dense left {left_a:e} A");
                assert!(got.certificate.relative() <= 1e-10, "{what}");
                assert!(left_a <= 1e-6 * got.certificate.total_a, "{what}: the dense solver left {left_a:e} A");
            }
        }
    }
    // Control: the same with another law is apart.
    let crossbar = Reading::with_wire(1.0).all_rows(there.view(), &[1.0; 8]).unwrap();
    let law = |scale_v: f64| Alike::new(Curve::Sinh { scale_a: 1e-7, scale_v }, there.clone()).unwrap();
    let (want, _) = dense(&crossbar, &law(0.1), 0.1);
    let got = solve_nonlinear(&crossbar, &law(0.1 * (1.0 + 1e-8)), Accuracy::of_total(1e-10)).unwrap();
    assert!(agrees(&got.currents.column_a, &want, 1e-9).is_err());
}

#[test]
fn cells_of_ohms_law_are_the_linear_network() {
    let mut random = Random(102);
    for unselected in [Unselected::Grounded, Unselected::Floating, Unselected::Half] {
        let cells = random.cells(30, 20, 1e-8, 1e-3);
        let crossbar = Reading::with_wire(30.0).one_cell(cells.view(), (3, 4), 1.0, &unselected).unwrap();
        let linear = Solver::new(&crossbar).solve(Accuracy::of_total(1e-12)).unwrap();
        let law = Ohm(cells.clone());
        let nonlinear = Nonlinear::new(&crossbar, &law).solve(Accuracy::of_total(1e-12)).unwrap();
        // A linear network takes Newton steps only because each is solved to a tenth.
        let apart: f64 = linear.column_a.iter().zip(&nonlinear.column_a).map(|(a, b)| (a - b).abs()).sum();
        assert!(apart <= 2e-12 * linear.certificate.total_a);
    }
}

#[test]
fn a_cell_and_its_selector_are_a_chain() {
    let cell = Ohm(Array2::from_elem((1, 1), 1e-6));
    for selector in [
        Curve::Exponential { scale_a: 1e-12, scale_v: 0.04 },
        Curve::Sinh { scale_a: 1e-10, scale_v: 0.07 },
        Curve::Table(Table::new(vec![-1.0, 0.0, 0.5, 1.0, 2.0], vec![-1e-9, 0.0, 1e-9, 1e-6, 1e-4]).unwrap()),
    ] {
        let series = Series::new(cell.clone(), selector.clone()).unwrap();
        for volts in [-2.0, -0.3, 1e-6, 0.4, 1.0, 3.0] {
            let (current, slope) = series.current_and_slope(0, 0, volts);
            // The selector has what the resistor leaves, to the rounding of both voltages times its slope.
            let (selector_a, selector_s) = selector.at(volts - current / 1e-6);
            let rounding = 1e-14 * (current.abs() + selector_s * volts.abs());
            assert!((current - selector_a).abs() <= rounding, "{volts} V: {current:e} and {selector_a:e} A");
            let step = 1e-5 * volts.abs();
            let chord = (series.current_and_slope(0, 0, volts + step).0
                - series.current_and_slope(0, 0, volts - step).0)
                / (2.0 * step);
            // The chord's error is of second order, and rounding over the step.
            assert!(
                (chord - slope).abs() <= 1e-6 * slope.abs() + 1e-10 * current.abs() / step,
                "{volts} V: {chord:e}, {slope:e} S"
            );
        }
    }
}

/// Selectors of so small a current that theirs is found only many scales of voltage away, as of a threshold: the law
/// goes on to there. By halving of the logarithms of both currents.
#[test]
fn selectors_of_small_currents_keep_their_law() {
    let (siemens, volts, scale_v) = (2e-9f64, 1.5, 0.01);
    for scale_a in [1e-30f64, 1e-36, 1e-40, 1e-60] {
        for is_sinh in [true, false] {
            let selector = match is_sinh {
                true => Curve::Sinh { scale_a, scale_v },
                false => Curve::Exponential { scale_a, scale_v },
            };
            // Far from 0 a sinh is half an exponential.
            let ln_scale = if is_sinh { (0.5 * scale_a).ln() } else { scale_a.ln() };
            let (mut low, mut high) = (0.0, volts);
            for _ in 0..200 {
                let middle: f64 = 0.5 * (low + high);
                let passes_less = (siemens * middle).ln() < ln_scale + (volts - middle) / scale_v;
                if passes_less { low = middle } else { high = middle }
            }
            let expected = siemens * low;
            let series = Series::new(Ohm(Array2::from_elem((1, 1), siemens)), selector).unwrap();
            for sign in if is_sinh { &[1.0, -1.0][..] } else { &[1.0][..] } {
                let (current, slope) = series.current_and_slope(0, 0, sign * volts);
                assert!((sign * current / expected - 1.0).abs() < 1e-9, "{scale_a:e}: {current:e} {expected:e} A");
                // 1/g and V/I of an exponential in series.
                let slope_s = 1.0 / (1.0 / siemens + scale_v / expected);
                assert!((slope / slope_s - 1.0).abs() < 1e-9, "{scale_a:e}: {slope:e} {slope_s:e} S");
            }
        }
    }
    // What no array passes is a straight line, and finite.
    let (most, slope) = Curve::Sinh { scale_a: 1e-12, scale_v: 1e-3 }.at(1e3);
    assert!(most.is_finite() && most > 1e8 && slope.is_finite(), "{most:e} {slope:e}");
}

#[test]
fn tables_are_monotone_and_snapback_is_refused() {
    let volts = vec![-1.0, -0.2, 0.0, 0.1, 0.5, 0.6, 2.0];
    let amperes = vec![-1e-3, -1e-6, 0.0, 0.0, 1e-9, 1e-3, 2e-3];
    let table = Table::new(volts.clone(), amperes.clone()).unwrap();
    let mut before = f64::NEG_INFINITY;
    for step in -2000..3000 {
        let (current, slope) = table.at(f64::from(step) * 1e-3);
        assert!(current >= before - 1e-18 && slope >= 0.0);
        before = current;
    }
    for (v, a) in volts.iter().zip(&amperes) {
        assert!((table.at(*v).0 - a).abs() <= 1e-18);
    }
    let told = Table::new(vec![0.0, 1.0, 0.8], vec![0.0, 1e-6, 1e-3]).unwrap_err().to_string();
    assert!(told.contains("0.8 V after 1 V") && told.contains("snaps back"), "{told}");
    let told = Table::new(vec![0.0, 1.0, 2.0], vec![0.0, 1e-6, 1e-7]).unwrap_err().to_string();
    assert!(told.contains("must not fall"), "{told}");
    assert!(Table::new(vec![0.0], vec![0.0]).is_err() && Table::new(vec![0.0, f64::NAN], vec![0.0, 1.0]).is_err());
    assert!(Table::new(vec![0.0, 1.0], vec![1e-6, 1e-5]).is_err());
    assert!(Curve::Sinh { scale_a: 0.0, scale_v: 1.0 }.check().is_err());
    assert!(Alike::new(Curve::Sinh { scale_a: 1.0, scale_v: 1.0 }, Array2::from_elem((2, 2), -1.0)).is_err());
}

#[test]
fn a_law_that_makes_no_sense_is_named() {
    struct Falling;
    impl Law for Falling {
        fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
            if (row, col) == (5, 2) { (-1e-6 * volts, -1e-6) } else { (1e-6 * volts, 1e-6) }
        }
    }
    for (rows, cols) in [(6, 9), (9, 6)] {
        let there = Array2::from_elem((rows, cols), 1.0);
        let crossbar = Reading::with_wire(1.0).all_rows(there, &vec![1.0; rows]).unwrap();
        let told = solve_nonlinear(&crossbar, &Falling, Accuracy::default()).unwrap_err().to_string();
        assert!(told.contains("row 5, column 2") && told.contains("1 V"), "{told}");
    }
}

#[test]
fn steps_and_iterations_stay_few() {
    let mut random = Random(103);
    for (scheme, unselected) in
        [("grounded", Unselected::Grounded), ("floating", Unselected::Floating), ("half", Unselected::Half)]
    {
        for wire_ohm in [1.0, 100.0] {
            let there = random.cells(64, 64, 0.1, 1.0);
            let crossbar = Reading::with_wire(wire_ohm).one_cell(there.view(), (20, 30), 1.0, &unselected).unwrap();
            let law = Alike::new(Curve::Sinh { scale_a: 1e-6, scale_v: 0.25 }, there.clone()).unwrap();
            let got = Nonlinear::new(&crossbar, &law).solve(Accuracy::default()).unwrap();
            let method = got.method;
            assert!(method.newton_steps <= 12 && method.iterations <= 40, "{scheme}, {wire_ohm} ohm: {method:?}");
        }
    }
}
