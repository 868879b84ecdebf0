//! Closed forms, limits, refusals.

use super::special::{
    beta_lower_quantile, beta_tails, chi_square_tail, chi_square_upper_quantile, f_tail, gamma_tails, two_sided_t,
    two_sided_z,
};
use super::*;

/// Relative; NaN fails.
fn near(is: f64, wanted: f64, tolerance: f64) -> bool {
    (is - wanted).abs() <= tolerance * wanted.abs()
}

#[test]
fn tails_against_closed_forms() {
    // I_x(1, b) = 1 - (1-x)^b; I_x(a, 1) = x^a; the binomial sum for 3 and 2: 6 x^2 (1-x)^2 + 4 x^3 (1-x) + x^4 is
    // I_x(2, 3).
    let x: f64 = 0.3;
    assert!(near(beta_tails(1.0, 7.0, x).0, 1.0 - 0.7f64.powi(7), 1e-13));
    assert!(near(beta_tails(5.0, 1.0, x).0, x.powi(5), 1e-13));
    let y = 1.0 - x;
    let sum = 6.0 * x * x * y * y + 4.0 * x.powi(3) * y + x.powi(4);
    assert!(near(beta_tails(2.0, 3.0, x).0, sum, 1e-13));
    assert!(!near(beta_tails(2.0, 3.0, x + 1e-9).0, sum, 1e-13));
    // P(1, x) = 1 - exp(-x) and Q(2, x) = (1 + x) exp(-x), on both sides of the change from series to fraction.
    for x in [0.1, 1.5, 2.9, 3.1, 30.0] {
        assert!(near(gamma_tails(1.0, x).1, (-x).exp(), 1e-13), "{x}");
        assert!(near(gamma_tails(2.0, x).1, (1.0 + x) * (-x).exp(), 1e-12), "{x}");
    }
    // F(2, n) above f: (1 + 2 f / n)^(-n/2). Chi-square of 2 above x: exp(-x/2).
    assert!(near(f_tail(3.0, 2, 5), (1.0 + 6.0 / 5.0f64).powf(-2.5), 1e-12));
    assert!(near(chi_square_tail(7.0, 2), (-3.5f64).exp(), 1e-13));
    // Student's t: one degree is tan(pi c / 2); two degrees, c sqrt(2 / (1 - c^2)). The normal one from any table.
    assert!(near(two_sided_t(0.9, 1).unwrap(), (0.45 * std::f64::consts::PI).tan(), 1e-10));
    assert!(near(two_sided_t(0.9, 2).unwrap(), 0.9 * (2.0 / 0.19f64).sqrt(), 1e-10));
    assert!(near(two_sided_z(0.95), 1.959_963_984_540_054, 1e-12));
}

#[test]
fn tails_hold_at_a_thousand_million() {
    // At the mode of a symmetric law each tail is a half, whatever the counts; the rounding of the count over 1e9
    // steps of a Newton iteration is not in it, that of the fraction is: 1e5 terms of 1e-16.
    for n in [1e3, 1e6, 5e8] {
        assert!(near(beta_tails(n, n, 0.5).0, 0.5, 1e-10), "{n}");
        // Peizer & Pratt's and every other normal limit: two standard deviations off, the tail is the normal one to
        // 1/sqrt(n).
        let sd = 0.5 / (2.0 * n + 1.0).sqrt();
        assert!(near(beta_tails(n, n, 0.5 - 2.0 * sd).0, 0.022_750_131_948, 2.0 / n.sqrt()), "{n}");
        // Wilson & Hilferty's cube is right to 1/n here.
        let d = 2.0 * n;
        let cube = 1.0 - 2.0 / (9.0 * d) + 1.281_551_565_545 * (2.0 / (9.0 * d)).sqrt();
        assert!(near(chi_square_upper_quantile(d, 0.1), d * cube.powi(3), 1e-2 / n), "{n}");
    }
    let x = beta_lower_quantile(5e8, 5e8 + 1.0, 0.05);
    assert!(near(beta_tails(5e8, 5e8 + 1.0, x).0, 0.05, 1e-8));
}

#[test]
fn failed_fractions_have_exact_bounds() {
    // The rule of three, and the closed form behind it.
    let none = failed_fraction_bounds(0, 1_000_000_000, 0.95).unwrap();
    assert_eq!((none.fraction, none.lower), (0.0, 0.0));
    assert!(near(none.upper_one_sided, 3.0e-9, 2e-3) && near(none.upper, 3.688_879_454e-9, 1e-8));
    let all = failed_fraction_bounds(20, 20, 0.9).unwrap();
    assert!(near(all.lower, 0.05f64.powf(0.05), 1e-13) && all.upper == 1.0);
    // Each bound makes the count as improbable as it should be: the binomial sum, term by term.
    let some = failed_fraction_bounds(3, 25, 0.9).unwrap();
    let binomial = |p: f64, counts: std::ops::RangeInclusive<u32>| {
        let choose = |k: u32| (0..k).fold(1.0, |c, i| c * f64::from(25 - i) / f64::from(i + 1));
        counts.map(|k| choose(k) * p.powi(k as i32) * (1.0 - p).powi(25 - k as i32)).sum::<f64>()
    };
    assert!(near(binomial(some.upper, 0..=3), 0.05, 1e-11));
    assert!(near(binomial(some.lower, 3..=25), 0.05, 1e-11));
    assert!(near(binomial(some.upper_one_sided, 0..=3), 0.1, 1e-11));
    // Symmetric: failed and survived change places.
    let other = failed_fraction_bounds(22, 25, 0.9).unwrap();
    assert!(near(1.0 - other.lower, some.upper, 1e-12) && near(1.0 - other.upper, some.lower, 1e-12));
    for (failed, total, confidence) in [(3, 2, 0.9), (0, 0, 0.9), (1, 2, 1.0), (1, 2, f64::NAN), (1, 2, -0.5)] {
        let error = failed_fraction_bounds(failed, total, confidence).unwrap_err();
        assert!(matches!(error, LifetimeError::Input { .. }) && error.to_string().lines().count() == 1, "{error}");
    }
}

#[test]
fn failure_rates_and_samples() {
    // No failures: -ln(1 - CL) over the hours. One: x with (1 + x) exp(-x) = 0.1 is 3.889720.
    assert!(near(failure_rate(0, 1e6, 0.6).unwrap().fit_upper, 916.290_731_874, 1e-11));
    let one = failure_rate(1, 1e6, 0.9).unwrap();
    assert!(near(one.fit_upper, 3_889.720_169_867, 1e-11) && near(one.fit, 1000.0, 1e-15), "{one:?}");
    for hours in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(failure_rate(0, hours, 0.9).is_err());
    }
    // LTPD of 10 % at 90 %: 22 without failures, 38 with one (JEDEC's and MIL-PRF's tables).
    assert_eq!((sample_size(0.1, 0.9, 0).unwrap(), sample_size(0.1, 0.9, 1).unwrap()), (22, 38));
    assert_eq!(sample_size(0.01, 0.9, 0).unwrap(), 230);
    assert!(sample_size(1e-13, 0.9, 0).is_err() && sample_size(0.0, 0.9, 0).is_err());
}

/// Counts that a Weibull law of 1e9 cells would have at these times, to the cell.
fn weibull_counts(eta: f64, beta: f64, times: &[f64], total: u64) -> Lifetimes {
    let share = |t: &f64| -(-(t / eta).powf(beta)).exp_m1();
    let failed: Vec<u64> = times.iter().map(|t| (share(t) * total as f64).round() as u64).collect();
    Lifetimes::new(times, &failed, total).unwrap()
}

fn grid(from: f64, to: f64, points: usize) -> Vec<f64> {
    let step = (to / from).ln() / (points - 1) as f64;
    (0..points).map(|i| from * (step * i as f64).exp()).collect()
}

#[test]
fn a_fit_through_two_checkpoints_is_exact() {
    // Two parameters, two observed fractions inside: F(t1) = 0.1 and F(t2) = 0.4 are met exactly.
    let data = Lifetimes::new(&[100.0, 300.0], &[100, 400], 1000).unwrap();
    let w = |p: f64| (-(1.0 - p).ln()).ln();
    let beta = (w(0.4) - w(0.1)) / 3f64.ln();
    let fit = Fit::new(Law::Weibull, &data).unwrap();
    // Newton stops within 1e-5 standard errors, its next step is quadratic: far below 1e-5 of the 10 % error of beta.
    assert!(near(fit.shape, beta, 1e-6) && near(fit.scale_s, 300.0 * (-w(0.4) / beta).exp(), 1e-6), "{fit:?}");
    let median = Fit::new(Law::Lognormal, &data).unwrap();
    let sigma = 3f64.ln() / (1.281_551_565_544_6 - 0.253_347_103_135_8);
    assert!(near(median.shape, sigma, 1e-6) && !near(fit.shape, 1.0 / sigma, 1e-6), "{median:?}");
    assert!(fit.goodness().p_value.is_none() && fit.goodness().distance < 1e-6);
}

#[test]
fn the_law_is_recovered_from_fine_intervals() {
    let times = grid(1e2, 1e6, 2000);
    let data = weibull_counts(1e4, 1.7, &times, 1_000_000_000);
    let fit = Fit::new(Law::Weibull, &data).unwrap();
    // Rounding moves each count by half a cell: 2000 random halves against a spread of sqrt(1e9) cells, a part in a
    // thousand of the standard errors, themselves 1e-5 and 2e-5.
    assert!(near(fit.shape, 1.7, 1e-7) && near(fit.scale_s, 1e4, 1e-7), "{} {}", fit.shape, fit.scale_s);
    // Errors of the complete sample: sd(ln beta) = sqrt(6)/pi / sqrt N, sd(ln eta) = 1.0530/(beta sqrt N) (Meeker &
    // Escobar, section 8.4). Intervals of a 200th of sigma lose next to nothing (width^2/12).
    let root = 1e9f64.sqrt();
    let shape = fit.shape(0.9).unwrap();
    assert!(near(shape.standard_error / shape.value, 6f64.sqrt() / std::f64::consts::PI / root, 1e-3));
    assert!(near(fit.scale(0.9).unwrap().standard_error / 1e4, 1.053_0 / (1.7 * root), 1e-3));
    // At 1e9 cells the likelihood is a parabola: both bounds agree to some thousandth of their width.
    let life = fit.life(1e-6, 0.9).unwrap();
    assert!(near(life.value, 1e4 * (-(-1e-6f64).ln_1p()).powf(1.0 / 1.7), 1e-5), "{life:?}");
    let width = life.wald.upper - life.wald.lower;
    assert!((life.wald.upper - life.profile.upper).abs() < 1e-2 * width, "{life:?}");
    assert!(life.profile.hold(life.value));
    // The wrong law is seen: by AIC, by the p value, and by a distance that says how much it matters.
    let wrong = Fit::new(Law::Lognormal, &data).unwrap();
    assert!(wrong.aic - fit.aic > 1e6 && wrong.goodness().p_value == Some(0.0));
    assert!(wrong.goodness().distance > 0.01 && fit.goodness().distance < 1e-6);
    assert!(fit.goodness().p_value.unwrap() > 0.5);
}

#[test]
fn an_exponential_life_from_one_interval() {
    // With Weibull shape 1, F(t) = 1 - exp(-t/eta): of N cells n fail by t, eta = -t / ln(1 - n/N). A second
    // checkpoint on the same curve makes the shape known; both parameters then come out of the closed form.
    let eta = -1e3 / (1.0 - 0.2f64).ln();
    let data = Lifetimes::new(&[1e3, 2e3], &[200_000, 360_000], 1_000_000).unwrap();
    let fit = Fit::new(Law::Weibull, &data).unwrap();
    assert!(near(fit.shape, 1.0, 1e-6) && near(fit.scale_s, eta, 1e-6), "{fit:?}");
}

#[test]
fn bounds_of_few_failures_are_lopsided_and_right() {
    let data = Lifetimes::new(&[1e2, 1e3, 1e4], &[1, 3, 9], 40).unwrap();
    let fit = Fit::new(Law::Weibull, &data).unwrap();
    for (estimate, name) in [(fit.shape(0.9), "shape"), (fit.scale(0.9), "scale"), (fit.life(0.01, 0.9), "life")] {
        let e = estimate.unwrap();
        assert!(e.profile.lower < e.value && e.value < e.profile.upper, "{name}: {e:?}");
        assert!(e.wald.lower < e.value && e.value < e.wald.upper, "{name}: {e:?}");
        // Wald's are symmetric in the logarithm, the profile is not, by more than its tolerance.
        let skew = |b: Bounds| (b.upper / e.value).ln() / (e.value / b.lower).ln();
        assert!(near(skew(e.wald), 1.0, 1e-9) && !near(skew(e.profile), 1.0, 1e-3), "{name}: {e:?}");
    }
}

#[test]
fn what_cannot_be_known_is_said() {
    use Verdict::*;
    let cases: [(&[u64], Verdict, &str); 9] = [
        (&[0, 0, 0], NothingFails, "nothing fails: none of 100 cells failed by 3 s; bake longer (to_s above 3)"),
        (
            &[100, 100, 100],
            EverythingAtOnce,
            "all 100 cells had failed by the first checkpoint, 1 s; earlier checkpoints",
        ),
        // The octave from 1 to 2 s in three.
        (
            &[0, 100, 100],
            EverythingAtOnce,
            "all 100 cells failed between the same two checkpoints, 1 s and 2 s; more checkpoints: per_octave = 3",
        ),
        // Half an octave and more from 2 to 3 s, less than the mean of log2(3)/2: 3/0.79 = 3.8.
        (
            &[0, 0, 7],
            EverythingAtOnce,
            "all 7 failures of 100 cells lie between the same two checkpoints, 2 s and 3 s; more checkpoints: per_octave = 4",
        ),
        (&[0, 7, 7], EverythingAtOnce, "all 7 failures of 100 cells lie between the same two checkpoints, 1 s and 2 s"),
        (&[7, 7, 7], EverythingAtOnce, "all 7 failures of 100 cells lie before the first checkpoint"),
        (&[0, 30, 100], EverythingAtOnce, "all 100 cells failed about one checkpoint, 2 s: none survived the next"),
        (
            &[0, 1, 1],
            HardlyAnythingFails,
            "1 of 100 cells failed within the bake; a law takes 5 failures in 2 intervals; bake more cells (about 1000",
        ),
        (&[0, 2, 4], HardlyAnythingFails, "4 of 100 cells failed"),
    ];
    for (failed, verdict, said) in cases {
        let data = Lifetimes::new(&[1.0, 2.0, 3.0], failed, 100).unwrap();
        assert_eq!(data.lack().unwrap().verdict, verdict, "{failed:?}");
        for law in [Law::Weibull, Law::Lognormal] {
            let error = Fit::new(law, &data).unwrap_err();
            assert!(matches!(error, LifetimeError::NotIdentifiable { .. }), "{error}");
            assert!(error.to_string().contains(said) && error.to_string().lines().count() == 1, "{error}");
        }
    }
    // The neighbours of those, which are just enough.
    for failed in [[0, 30, 31], [7, 7, 8], [7, 7, 100], [0, 30, 99], [0, 4, 5]] {
        let data = Lifetimes::new(&[1.0, 2.0, 3.0], &failed, 100).unwrap();
        for law in [Law::Weibull, Law::Lognormal] {
            let fit = Fit::new(law, &data).unwrap_or_else(|e| panic!("{failed:?}: {e}"));
            assert!(fit.scale_s > 0.0 && fit.shape > 0.0);
        }
    }
    // Cells that had failed at 0 s are no failures of the bake.
    let at_zero = |failed: &[u64], total| Lifetimes::new(&[0.0, 1.0, 2.0, 3.0], failed, total).unwrap().lack().unwrap();
    let cases: [(&[u64], Verdict, &str); 4] = [
        (&[100, 100, 100, 100], EverythingAtOnce, "all 100 cells had failed at programming (0 s), before the bake"),
        (&[3, 3, 3, 3], NothingFails, "none of 97 cells failed by 3 s, but for 3 that had failed at programming (0 s)"),
        (&[20, 25, 30, 40], FailedAtProgramming, "20 of 40 failures are cells that had failed at 0 s"),
        (&[20, 20, 22, 23], FailedAtProgramming, "20 of 23 failures"),
    ];
    for (failed, verdict, said) in cases {
        let lack = at_zero(failed, 100);
        assert!(lack.verdict == verdict && lack.to_string().contains(said), "{lack}");
    }
    assert!(Lifetimes::new(&[0.0, 1.0, 2.0, 3.0], &[1, 10, 30, 60], 100).unwrap().lack().is_none());
}

#[test]
fn numbers_that_say_nothing_are_not_told() {
    let estimate = |value: f64, factor: f64| {
        let bounds = Bounds { lower: value / factor, upper: value * factor };
        Estimate { value, standard_error: value, wald: bounds, profile: bounds, confidence: 0.9 }
    };
    let open = |of: Estimate| Estimate { profile: Bounds { upper: f64::INFINITY, ..of.profile }, ..of };
    // Three either way is a factor of nine, four is sixteen.
    assert!(shape_told(Law::Lognormal, &estimate(0.3, 3.0)).is_ok());
    for (law, shape) in [
        (Law::Lognormal, estimate(0.3, 4.0)),
        (Law::Lognormal, open(estimate(0.3, 1.1))),
        (Law::Lognormal, estimate(21.7, 1.1)),
        (Law::Weibull, estimate(0.1, 1.1)),
        (Law::Lognormal, estimate(f64::NAN, 1.1)),
    ] {
        assert_eq!(shape_told(law, &shape).unwrap_err().verdict, Verdict::NotTold, "{shape:?}");
    }
    let data = Lifetimes::new(&[1.0, 10.0, 1000.0], &[1, 2, 50], 100).unwrap();
    for (value, factor) in [(1e-3, 2.0), (9e3, 2.0), (100.0, 30.0)] {
        assert!(time_told(&estimate(value, factor), &data).is_ok(), "{value} {factor}");
    }
    for (value, factor, said) in [
        (2e4, 2.0, "beyond the last checkpoint, 17 min"),
        (100.0, 32.0, "further apart than a factor of 1000"),
        (f64::NAN, 2.0, "beyond"),
    ] {
        let why = time_told(&estimate(value, factor), &data).unwrap_err();
        assert!(why.contains(said) && why.lines().count() == 1, "{why}");
    }
    assert!(time_told(&open(estimate(100.0, 2.0)), &data).is_err());
    // 1.2 eV at two temperatures 20 K apart, 1/kT of 2.7/eV: errors of 5 % tell it, errors of a factor e^3 do not.
    let line = |error: f64| {
        let at = |celsius: f64| trapline_model::units::kelvin(celsius);
        let point = |celsius: f64, time_s| TimePoint {
            temperature_k: at(celsius),
            time_s,
            relative_error: error,
            same_cells: false,
        };
        let factor = (1.2 / trapline_model::units::thermal_energy_ev(at(80.0))
            - 1.2 / trapline_model::units::thermal_energy_ev(at(100.0)))
        .exp();
        Line::fit(TemperatureLaw::Arrhenius, &[point(80.0, factor), point(100.0, 1.0)], TIME_FLOOR).unwrap()
    };
    assert!(slope_told(&line(0.05), 0.9).is_ok());
    let why = slope_told(&line(3.0), 0.9).unwrap_err();
    assert!(why.contains("1.20 eV give or take"), "{why}");
}

#[test]
fn bad_input_is_named() {
    let bad = |times: &[f64], failed: &[u64], total: u64, part: &str| {
        let error = Lifetimes::new(times, failed, total).unwrap_err().to_string();
        assert!(error.contains(part) && error.lines().count() == 1, "{error}");
    };
    bad(&[1.0, f64::NAN], &[0, 1], 10, "NaN");
    bad(&[1.0, f64::INFINITY], &[0, 1], 10, "inf");
    bad(&[-1.0, 2.0], &[0, 1], 10, "-1");
    bad(&[2.0, 2.0], &[0, 1], 10, "sort the times");
    bad(&[1.0, 2.0], &[0], 10, "one for each checkpoint");
    bad(&[1.0, 2.0], &[0, 11], 10, "at most 10");
    bad(&[1.0, 2.0], &[5, 3], 10, "first failures");
    bad(&[0.0], &[0], 10, "after 0 s");
    bad(&[], &[], 10, "after 0 s");
    bad(&[1.0], &[0], 0, "1 to");
    let fit = Fit::new(Law::Weibull, &Lifetimes::new(&[1.0, 2.0], &[3, 6], 10).unwrap()).unwrap();
    for share in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(fit.life(share, 0.9).is_err() && fit.life(0.1, share).is_err() && fit.shape(share).is_err());
    }
    // A fall of one cell in a thousand is rounding; dead at 0 s means dead by the first checkpoint.
    let held = Lifetimes::new(&[0.0, 1.0, 2.0, 3.0], &[2, 5, 4, 7], 10).unwrap();
    assert_eq!((held.failed(), held.held(), held.failed_at_zero()), (&[5, 5, 7][..], 1, 2));
    assert_eq!(held.classes()[0], Class { from_s: 0.0, to_s: 1.0, cells: 5 });
    let curve = held.curve(0.9).unwrap();
    assert!(curve.len() == 3 && curve[2].failed.lower < 0.7 && curve[2].failed.upper > 0.7);
}
