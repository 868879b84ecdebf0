//! Standard errors that `trapline fit` prints: those of repeated measurements, and the same for wide bounds and narrow ones.

use std::path::Path;

use trapline::backend::reference::Reference;
use trapline::calibrate::file::{self, Fit};
use trapline::calibrate::target::Aim;
use trapline::calibrate::{self, Found, Problem, Search, Seen};
use trapline::material;
use trapline::rng::{self, NORMAL_UNIT, Purpose};

const NARROW: &str = "lower = 1e-11\nupper = 1e-10";
/// Relative error of a current.
const ERROR: f64 = 0.05;

/// Direct conductance and free share from ten currents on either branch of a small sweep.
fn plan(bounds: &str) -> Fit {
    let target = |(branch, step): (&str, u32)| {
        let bias_v = 0.15 * f64::from(step);
        format!(
            "[[target]]\nkind = \"current\"\nbranch = \"{branch}\"\nbias_v = {bias_v:?}\ntarget = 1e-12\nrelative = {ERROR}\n"
        )
    };
    let places = ["forward", "return"].into_iter().flat_map(|branch| (1..=10).map(move |step| (branch, step)));
    let text = format!(
        "format = 1\nconditions = {{ sweep_to_v = 1.5, step_v = 0.15, dwell_s = 0.02, temperature_c = 100.0 }}\n\
         [[parameter]]\nkey = \"injection.direct_conductance\"\n{bounds}\n\
         [[parameter]]\nkey = \"injection.free_share\"\nlower = 0.1\nupper = 0.9\n{}",
        places.map(target).collect::<String>()
    );
    file::parse(&text, Path::new(".")).unwrap()
}

/// The shipped dots' own currents as targets, each times `exp(error)`.
fn measured(bounds: &str, error: impl Fn(usize) -> f64) -> Found {
    let dots = material::shipped("pi-ws2-qd").unwrap();
    let problem = |plan: Fit| Problem::new(&dots, "dots", plan, None, &Reference).unwrap();
    let mut plan = plan(bounds);
    let true_ones = problem(plan.clone());
    let outcomes = true_ones.outcomes(&true_ones.start, |_| true).unwrap();
    for (i, (aimed, outcome)) in plan.targets.iter_mut().zip(outcomes).enumerate() {
        let (Aim::Number { target, .. }, Some(Seen::Number(value))) = (&mut aimed.aim, outcome.map(|o| o.seen)) else {
            panic!("a number")
        };
        *target = value * error(i).exp();
    }
    calibrate::run(&problem(plan), &Search { starts: 1, seed: 1, max_evaluations: 1000 }).unwrap()
}

#[test]
fn printed_errors_are_the_scatter_of_repeated_measurements() {
    const SETS: u64 = 40;
    let normal = |seed: u64, i: usize| {
        f64::from(rng::normal_fixed(rng::words(seed, i as u64, Purpose::ReadNoise, 0, 0)[0])) * NORMAL_UNIT
    };
    let fits: Vec<Found> = (1..=SETS).map(|seed| measured(NARROW, |i| ERROR * normal(seed, i))).collect();
    for p in 0..2 {
        let values: Vec<f64> = fits.iter().map(|f| f.parameters[p].value).collect();
        let mean = values.iter().sum::<f64>() / SETS as f64;
        let scatter = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (SETS - 1) as f64).sqrt();
        let printed = fits.iter().map(|f| f.parameters[p].error.unwrap()).sum::<f64>() / SETS as f64;
        let ratio = printed / scatter;
        // The scatter of 40 is known to 1/sqrt(78) = 11 %: within three of that. Errors 1.5 times off are beyond it.
        assert!(
            (0.75..1.34).contains(&ratio),
            "{}: {printed:e} for a scatter of {scatter:e}",
            fits[0].parameters[p].parameter.key
        );
    }
}

#[test]
fn a_number_known_from_elsewhere_has_its_own_error() {
    let plan = "format = 1\n[[parameter]]\nkey = \"film.area\"\nlower = 0.4\nupper = 2.0\n\
                [[target]]\nkind = \"parameter\"\nkey = \"film.area\"\ntarget = 0.9\ntolerance = 0.01\n";
    let dots = material::shipped("pi-ws2-qd").unwrap();
    let problem = Problem::new(&dots, "dots", file::parse(plan, Path::new(".")).unwrap(), None, &Reference).unwrap();
    let found = calibrate::run(&problem, &Search { starts: 1, seed: 1, max_evaluations: 100 }).unwrap();
    // One residual, linear in its parameter: rounding of 1e-16 over a step of 1e-3.
    assert!((found.parameters[0].error.unwrap() / 0.01 - 1.0).abs() < 1e-9, "{:?}", found.parameters);
}

#[test]
fn wide_bounds_give_the_errors_of_narrow_ones() {
    let error = |i: usize| if i.is_multiple_of(2) { 0.03 } else { -0.03 };
    let narrow = measured(NARROW, error);
    for wide in ["lower = 0.0\nupper = 1e-8", "lower = 0.0\nupper = 1e-7"] {
        let found = measured(wide, error);
        assert!(found.converged(), "{wide}: {:?}", found.stop);
        for (a, b) in narrow.parameters.iter().zip(&found.parameters) {
            let (key, own, expected) = (&a.parameter.key, b.error, a.error.unwrap());
            assert!(!b.at_bound, "{key} is at no bound of {wide}");
            // Steps of a tenth of a relative error of some 2 % are off by h^2/3, 1e-6; steps that stay within a factor of 1.5 change
            // little. Jumps are a thousandth of the least step's change.
            let own = own.unwrap_or_else(|| panic!("{key} is known within {wide}"));
            assert!((own / expected - 1.0).abs() < 0.03, "{key} within {wide}: {own:e} for {expected:e}");
            assert!((b.value - a.value).abs() < 0.05 * expected, "{key} within {wide}: {} for {}", b.value, a.value);
        }
    }
}
