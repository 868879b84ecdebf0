//! Bad input: one line that says what, where, the value and the limit.

use ndarray::Array2;
use trapline_engine::circuit::{Accuracy, Crossbar, End, Lines, Reading, Solver, Unselected, Wire};

fn array() -> Array2<f64> {
    Array2::from_elem((3, 4), 1e-6)
}

#[test]
fn each_bad_value_is_one_line() {
    let line = |wire: f64, near: End| Lines::uniform(wire, near, End::Floating);
    let sound = || line(1.0, End::at(0.0));
    let with_cell = |s: f64| {
        let mut cells = array();
        cells[[1, 2]] = s;
        Crossbar::new(cells, sound(), sound()).unwrap_err().to_string()
    };
    for (s, text) in [(-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf"), (1e-40, "1e-40")] {
        let told = with_cell(s);
        assert!(told.contains("row 1, column 2") && told.contains(text) && !told.contains('\n'), "{told}");
    }
    let words = |lines: Lines| Crossbar::new(array(), lines, sound()).unwrap_err().to_string();
    let told = [
        words(line(0.0, End::at(0.0))),
        words(line(f64::NAN, End::at(0.0))),
        words(line(1.0, End::at(f64::NAN))),
        words(line(1.0, End::Driven { volts: 1.0, ohm: -3.0 })),
        words(Lines { near: vec![End::at(0.0); 5], ..sound() }),
        words(Lines { wire: Wire::Segments(vec![1.0; 4]), ..sound() }),
        Crossbar::new(Array2::zeros((0, 4)), sound(), sound()).unwrap_err().to_string(),
        Reading::with_wire(1.0).all_rows(array(), &[1.0; 4]).unwrap_err().to_string(),
        Reading::with_wire(1.0).one_cell(array(), (3, 0), 1.0, &Unselected::Half).unwrap_err().to_string(),
        trapline_engine::circuit::isolated_a(array().view(), &[0.0; 3], &[0.0; 3]).unwrap_err().to_string(),
    ];
    for told in &told {
        assert!(!told.contains('\n') && told.len() > 20, "{told}");
    }
    assert!(told[3].contains("word line 0") && told[3].contains("-3"), "{}", told[3]);
    assert!(told[5].contains("4 segments") && told[5].contains("has 5"), "{}", told[5]);
    let crossbar = Crossbar::new(array(), sound(), sound()).unwrap();
    for accuracy in [0.0, f64::NAN, 1.0] {
        assert!(Solver::new(&crossbar).solve(Accuracy::of_total(accuracy)).is_err());
    }
}

#[test]
fn what_rounding_forbids_is_told() {
    // 1e-14 of the weakest of columns that fall off by 1e-6 a cell: below what f64 can say of the others.
    let cells = Array2::from_elem((20, 200), 1e-1);
    let crossbar = Reading::with_wire(1e3).all_rows(cells, &[1.0; 20]).unwrap();
    let told = Solver::new(&crossbar).solve(Accuracy::of_each_column(1e-13)).unwrap_err().to_string();
    assert!(told.contains("currents are known to") && !told.contains('\n'), "{told}");
}

#[test]
fn memory_is_foretold() {
    // 14 fields of 128 MiB each; the conductances themselves and three outputs come on top.
    assert_eq!(trapline_engine::circuit::memory_bytes(4096, 4096), 14 << 27);
    assert_eq!(trapline_engine::circuit::memory_bytes(4096, 10), trapline_engine::circuit::memory_bytes(10, 4096));
    assert!(trapline_engine::circuit::memory_bytes(usize::MAX, usize::MAX) > 1 << 100);
}
