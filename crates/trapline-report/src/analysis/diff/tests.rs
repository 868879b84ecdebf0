use ndarray::{Array1, Array2, arr1};

use trapline_model::outcome::{HistogramSeries, MomentSeries};

use super::points::Binned;
use super::tally::apart;
use super::*;

/// Differences of one dataset under a tolerance.
fn compared(kind: Kind<'_>, a: f64, b: f64, tolerance: f64) -> Comparison {
    let mut tally = Tally::new(tolerance);
    tally.compare("x", kind, [a], [b], |_| "here".to_owned());
    let mut comparison = Comparison { common: 1, ..Comparison::default() };
    tally.into(&mut comparison);
    comparison
}

#[test]
fn a_tolerance_is_of_the_scale_and_of_rounding() {
    let same = |kind, a, b| compared(kind, a, b, 1e-5).is_same();
    // Of a window of 1e-12 S under a conductance of 18 windows: 1e-5 of the window, and 2^-20 of the conductance.
    let (window, g) = (1e-12, 1.8e-11);
    let allowed = 1e-5 * window + g / f64::from(1 << 20);
    for (part, expected) in [(0.99, true), (1.01, false)] {
        assert_eq!(same(Kind::Scale(window), g, g - part * allowed), expected, "{part}");
    }
    assert!(!same(Kind::Scale(window), g, g + 1e-4 * window), "control: 1e-4 of the window");
    // What is left of a window, 1e-9 of it and wrong by a third, is within the rounding of the window.
    assert!(same(Kind::Scale(1.0), 1.0e-9, 0.7e-9) && !same(Kind::Scale(1.0), 0.5, 0.5 + 1e-4));
    // Without a scale the numbers are their own.
    assert!(same(Kind::Scale(0.0), 1e-9, 1.000_01e-9) && !same(Kind::Scale(0.0), 1e-9, 1.000_02e-9));
    // A standard deviation of 1e-3, apart by 0.9e-5 and by 1.1e-5; its square by 1.8 %.
    let square = |sd: f64| sd * sd;
    assert!(same(Kind::Variance(1.0, 0.0), square(1e-3), square(1e-3 + 0.9e-5)));
    assert!(!same(Kind::Variance(1.0, 0.0), square(1e-3), square(1e-3 + 1.1e-5)));
    // Spreads that rounding makes of numbers near 1 differ by what rounding is of these.
    assert!(
        same(Kind::Variance(1e-9, 1.0), 0.0, square(9e-7)) && !same(Kind::Variance(1e-9, 1.0), 0.0, square(1.1e-6))
    );
    assert!(!same(Kind::Variance(1e-9, 1e-3), 0.0, square(9e-7)));
    assert!(same(Kind::Variance(1.0, 0.0), 0.0, 1e-16) && !same(Kind::Variance(1.0, 0.0), -1.0, 1e-16));
    // A number against none, whatever the scale; none against none.
    for kind in [Kind::Scale(1.0), Kind::Variance(1.0, 0.0), Kind::Scale(0.0), Kind::Counts(&|_| 1e9)] {
        assert!(!same(kind, f64::NAN, 1.0) && !same(kind, 1.0, f64::INFINITY), "NaN passes");
        assert!(same(kind, f64::NAN, f64::NAN));
    }
    assert!(!same(Kind::Same, 1.0, 1.0 + 1e-15));
    // At a tolerance of 0 nothing but the value itself.
    for kind in [Kind::Scale(1.0), Kind::Variance(1.0, 0.0), Kind::Counts(&|_| 5.0)] {
        let comparison = compared(kind, 1.0, 1.0 + 1e-15, 0.0);
        let of = comparison.furthest.clone().expect("they differ");
        assert!(!comparison.is_same() && of.times_allowed.is_none() && of.largest < 1.2e-15, "{of:?}");
    }
    // How far, in parts of what is allowed: also of what is the same.
    let times = |b: f64| compared(Kind::Scale(1.0), 0.0, b, 1e-5).furthest.and_then(|of| of.times_allowed);
    for (b, expected) in [(2e-6, 0.2), (3e-4, 30.0)] {
        // What is added for rounding is 2^-20 of b: 1e-5 of the answer for the first, 3e-5 for the second.
        assert!(times(b).is_some_and(|found| (found / expected - 1.0).abs() < 1e-4), "{:?}", times(b));
    }
    assert_eq!(times(0.0), None);
}

/// A thousand cells in ten bins from 0 to 1, of which 400 lie in the fifth, between these values.
fn binned(least: f64, most: f64) -> (HistogramSeries, MomentSeries) {
    let mut counts = Array2::zeros((1, 10));
    counts[[0, 4]] = 400;
    let none = || Array1::zeros(1);
    let series = HistogramSeries { low: 0.0, high: 1.0, counts, below: none(), above: none() };
    let of = |value: f64| arr1(&[value]);
    (series, MomentSeries { mean: of(0.45), variance: of(0.0), min: of(least), max: of(most) })
}

#[test]
fn cells_beside_an_edge_are_counted_by_the_histogram() {
    let near = |least, most, edge, reach| {
        let (counts, moments) = binned(least, most);
        Binned { counts: &counts, moments: &moments }.near(0, edge, reach)
    };
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} of {expected}");
    // 400 cells over 0.1: within 1e-3 to both sides of 0.45 there are 8, of an edge of the bin half of them, and
    // of 0.55 none.
    close(near(0.0, 1.0, 0.45, 1e-3), 8.0);
    close(near(0.0, 1.0, 0.4, 1e-3), 4.0);
    assert_eq!(near(0.0, 1.0, 0.55, 1e-3), 0.0);
    // Over 0.02 of the bin they lie closer; beyond their ends there are none.
    close(near(0.44, 0.46, 0.45, 1e-3), 40.0);
    assert_eq!(near(0.44, 0.46, 0.43, 1e-3), 0.0);
    // Cells that are all alike: all of them, or none.
    assert_eq!((near(0.45, 0.45, 0.4505, 1e-3), near(0.45, 0.45, 0.452, 1e-3)), (400.0, 0.0));
    // What no array can be is no panic either.
    for (least, most) in [(f64::NAN, f64::NAN), (2.0, -2.0), (f64::INFINITY, 0.0)] {
        assert!(!near(least, most, 0.45, 1e-3).is_sign_negative());
    }
    let (mut counts, moments) = binned(0.0, 1.0);
    counts.high = 0.0;
    assert!(Binned { counts: &counts, moments: &moments }.near(0, 0.45, 1e-3) >= 0.0);
    counts.counts = Array2::zeros((1, 0));
    assert_eq!(Binned { counts: &counts, moments: &moments }.near(0, 0.45, 1e-3), 0.0);
}

#[test]
fn distances_are_relative_and_know_what_is_no_number() {
    assert_eq!(apart(1.0, 1.0), 0.0);
    assert_eq!(apart(0.0, -0.0), 0.0);
    assert_eq!(apart(f64::NAN, f64::NAN), 0.0);
    assert!((apart(1e-30, 1.01e-30) - 0.01 / 1.01).abs() < 1e-12);
    assert_eq!(apart(1.0, 0.0), 1.0);
    assert_eq!(apart(1.0, -1.0), 2.0);
    assert_eq!(apart(1.0, f64::NAN), f64::INFINITY);
    assert_eq!(apart(f64::INFINITY, 1.0), f64::INFINITY);
    assert_eq!(apart(f64::INFINITY, f64::INFINITY), 0.0);
}
