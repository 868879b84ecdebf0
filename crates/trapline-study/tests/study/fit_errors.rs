//! Standard errors that `trapline fit` prints: those of repeated measurements, and the same for wide bounds and
//! narrow ones.

use std::path::Path;

use trapline_engine::backend::reference::Reference;
use trapline_model::material;
use trapline_study::calibrate::file::{self, Fit};
use trapline_study::calibrate::target::Aim;
use trapline_study::calibrate::{self, FitResult, Problem, Search, Simulated};

const NARROW: &str = "lower = 1e-11\nupper = 1e-10";
/// Relative error of a current.
const ERROR: f64 = 0.05;

/// Direct conductance and free share from five currents on either branch of a small sweep.
fn plan(bounds: &str) -> Fit {
    let target = |(branch, step): (&str, u32)| {
        let bias_v = 0.3 * f64::from(step);
        format!(
            "[[target]]\nkind = \"current\"\nbranch = \"{branch}\"\nbias_v = {bias_v:?}\ntarget = 1e-12\nrelative = {ERROR}\n"
        )
    };
    let places = ["forward", "return"].into_iter().flat_map(|branch| (1..=5).map(move |step| (branch, step)));
    let text = format!(
        "format = 1\nconditions = {{ sweep_to_v = 1.5, step_v = 0.3, dwell_s = 0.02, temperature_c = 100.0 }}\n\
         [[parameter]]\nkey = \"injection.direct_conductance\"\n{bounds}\n\
         [[parameter]]\nkey = \"injection.free_share\"\nlower = 0.1\nupper = 0.9\n{}",
        places.map(target).collect::<String>()
    );
    file::parse(&text, Path::new(".")).unwrap()
}

/// The shipped dots' own currents as targets, each times `exp(error)`.
fn measured(bounds: &str, error: impl Fn(usize) -> f64) -> FitResult {
    let dots = material::shipped("pi-ws2-qd").unwrap();
    let problem = |plan: Fit| Problem::new(&dots, "dots", plan, None, &Reference).unwrap();
    let mut plan = plan(bounds);
    let true_ones = problem(plan.clone());
    let outcomes = true_ones.outcomes(&true_ones.start, |_| true).unwrap();
    for (i, (aimed, outcome)) in plan.targets.iter_mut().zip(outcomes).enumerate() {
        let (Aim::Number { target, .. }, Some(Simulated::Number(value))) =
            (&mut aimed.aim, outcome.map(|o| o.simulated))
        else {
            panic!("a number")
        };
        *target = value * error(i).exp();
    }
    calibrate::run(&problem(plan), &Search { starts: 1, seed: 1, max_evaluations: 1000 }).unwrap()
}

/// Each of the ten currents off by its standard error, up and down, the others exact: what the 20 fits make of it
/// adds up, in squares, to the variance of independent errors, as no sample of random ones shows it.
#[test]
fn printed_errors_are_the_scatter_of_repeated_measurements() {
    let exact = measured(NARROW, |_| 0.0);
    let mut variances = [0.0; 2];
    for current in 0..10 {
        let [up, down] = [ERROR, -ERROR].map(|off| measured(NARROW, |i| if i == current { off } else { 0.0 }));
        for (p, variance) in variances.iter_mut().enumerate() {
            *variance += (0.5 * (up.parameters[p].value - down.parameters[p].value)).powi(2);
        }
    }
    for (p, variance) in exact.parameters.iter().zip(variances) {
        let (key, printed, scatter) = (&p.parameter.key, p.error.unwrap(), variance.sqrt());
        // A fit bends over an error by some hundredths of it, and the half difference of both sides by their square.
        let right = |printed: f64| (printed / scatter - 1.0).abs() < 0.02;
        assert!(right(printed), "{key}: {printed:e} for a scatter of {scatter:e}");
        assert!(!right(1.5 * printed) && !right(printed / 1.5), "{key}: anything would do");
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
            // Steps of a tenth of a relative error of some 2 % are off by h^2/3, 1e-6; steps that stay within a
            // factor of 1.5 change little. Jumps are a thousandth of the least step's change.
            let own = own.unwrap_or_else(|| panic!("{key} is known within {wide}"));
            assert!((own / expected - 1.0).abs() < 0.03, "{key} within {wide}: {own:e} for {expected:e}");
            assert!((b.value - a.value).abs() < 0.05 * expected, "{key} within {wide}: {} for {}", b.value, a.value);
        }
    }
}
