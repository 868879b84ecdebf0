//! The likelihood held against what it must find: vectors of known variances, drawn without any simulator.

use nalgebra::{DMatrix, DVector};

use super::reml::{self, Fitted, KEYS, Part};
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};

/// Standard normal variates, numbered.
struct Normals {
    seed: u64,
    next: u64,
}

impl Normals {
    fn new(seed: u64) -> Normals {
        Normals { seed, next: 0 }
    }

    fn draw(&mut self) -> f64 {
        self.next += 1;
        f64::from(rng::normal_fixed(rng::words(self.seed, self.next, Purpose::ReadNoise, 0, 0)[0])) * NORMAL_UNIT
    }

    fn vector(&mut self, length: usize) -> DVector<f64> {
        DVector::from_fn(length, |_, _| self.draw())
    }
}

/// Slopes of a device's three coordinates in six directions: neither alike nor at right angles.
fn factors() -> [DMatrix<f64>; KEYS] {
    let column = |values: [f64; 6]| DMatrix::from_column_slice(6, 1, &values);
    [
        column([10.0, 30.0, 60.0, 20.0, 0.0, 0.0]),
        column([100.0, 100.0, 100.0, 100.0, 100.0, 100.0]),
        column([0.0, 20.0, 40.0, 80.0, 40.0, 20.0]),
        DMatrix::zeros(6, 1),
    ]
}

/// What chance does in them.
fn chance() -> DMatrix<f64> {
    DMatrix::from_fn(6, 2, |row, i| if i == 0 { 0.6 } else { 0.2 * row as f64 })
}

/// Directions beside them, in which only readings scatter.
const OTHERS: usize = 20;

/// Devices of these standard deviations, their mean taken away, or held against a nominal cell that is off.
fn devices(normals: &mut Normals, count: usize, sd: [f64; 3], error: f64, own_mean: bool) -> Part {
    let (factors, chance) = (factors(), chance());
    let offset: DVector<f64> = &factors[1] * DVector::from_element(1, 0.05);
    let columns: Vec<DVector<f64>> = (0..count)
        .map(|_| {
            let mut vector = normals.vector(6) * error + &chance * normals.vector(2) + &offset;
            for (factor, sd) in factors.iter().zip(sd) {
                vector += factor.column(0) * (sd * normals.draw());
            }
            vector
        })
        .collect();
    let mut vectors = DMatrix::from_columns(&columns);
    let freedom = if own_mean { count - 1 } else { count };
    if own_mean {
        let mean = vectors.column_mean();
        vectors.column_iter_mut().for_each(|mut column| column -= &mean);
    }
    let offsets = if own_mean {
        DMatrix::zeros(6, 0)
    } else {
        DMatrix::from_columns(&[factors[0].column(0), factors[1].column(0), factors[2].column(0)])
    };
    let outside_freedom = (freedom * OTHERS) as f64;
    let outside = normals.vector(freedom * OTHERS).norm_squared() * error * error;
    let chance = &chance * chance.transpose();
    Part { block: 0, factors, chance, vectors, freedom: freedom as f64, offsets, outside, outside_freedom }
}

const SD: [f64; 3] = [0.02, 0.03, 0.015];
const ENDS: [(f64, f64); 5] = [(0.0, 0.0025), (0.0, 0.25), (0.0, 0.25), (0.0, 0.25), reml::ERRORS];
const START: [f64; 5] = [1e-4, 1e-4, 1e-4, 0.0, 1.0];
const FREE: [usize; 4] = [0, 1, 2, KEYS];

fn fit(parts: &[Part]) -> Fitted {
    let fitted = reml::fit(parts, &START, &FREE, &ENDS).expect("a likelihood");
    assert!(fitted.converged, "{fitted:?}");
    fitted
}

/// Fall of the likelihood that makes bounds of 90 %, as `Search::fall` has it.
fn fall(freedom: f64) -> f64 {
    2.705_543 * (1.0 + 1.0 / (3.0 * freedom))
}

fn bounds(parts: &[Part], fitted: &Fitted, key: usize, freedom: f64) -> (f64, f64) {
    let (lower, upper) = reml::bounds(parts, fitted, &FREE, key, &ENDS, fall(freedom));
    (lower.sqrt(), upper.sqrt())
}

/// How many of `sets` bounds must hold what they say of a share: four standard deviations of a binomial beside it, which one of
/// 16,000 misses to either side.
fn within(sets: usize, share: f64) -> std::ops::RangeInclusive<f64> {
    let sd = (share * (1.0 - share) * sets as f64).sqrt();
    share * sets as f64 - 4.0 * sd..=share * sets as f64 + 4.0 * sd
}

/// Sets of 25 devices: bounds of 90 % hold the true one in nine of ten, printed errors are the scatter of the sets,
/// and the mean of the variances is the true one.
#[test]
fn bounds_hold_as_often_as_they_say() {
    const SETS: usize = 400;
    for own_mean in [true, false] {
        let mut normals = Normals::new(if own_mean { 5 } else { 6 });
        let (mut held, mut wrong, mut found, mut errors) = ([0.0; 3], [0.0; 3], [(); 3].map(|()| Vec::new()), [0.0; 3]);
        for _ in 0..SETS {
            let parts = [devices(&mut normals, 25, SD, 1.3, own_mean)];
            let fitted = fit(&parts);
            let point = reml::evaluate(&parts, &fitted.theta, &FREE).expect("a likelihood");
            let covariance = reml::inverse(&point.information);
            for key in 0..3 {
                let (lower, upper) = bounds(&parts, &fitted, key, 24.0);
                held[key] += f64::from(lower <= SD[key] && SD[key] <= upper);
                // Twice as much is another spread.
                wrong[key] += f64::from(lower <= 2.0 * SD[key] && 2.0 * SD[key] <= upper);
                found[key].push(fitted.theta[key]);
                errors[key] += covariance[(key, key)];
            }
        }
        for key in 0..3 {
            assert!(within(SETS, 0.9).contains(&held[key]), "{own_mean} {key}: {} of {SETS}", held[key]);
            assert!(wrong[key] < 0.4 * SETS as f64, "{own_mean} {key}: twice as much within {}", wrong[key]);
            let mean = found[key].iter().sum::<f64>() / SETS as f64;
            let scatter = found[key].iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (SETS - 1) as f64;
            // The mean of 400 within four of its standard deviations; a variance of variances, of some 6/24 of excess, within 40 %.
            let off = (mean - SD[key] * SD[key]) / (scatter / SETS as f64).sqrt();
            assert!(off.abs() < 4.0, "{own_mean} {key}: {off} standard deviations off");
            let ratio = scatter / (errors[key] / SETS as f64);
            assert!((0.6..1.6).contains(&ratio), "{own_mean} {key}: scatter over information {ratio}");
        }
        println!("own mean {own_mean}: held {held:?} of {SETS}, twice as much {wrong:?}");
    }
}

/// One variance and nothing beside it: the estimate and its error are the textbook's.
#[test]
fn one_variance_is_that_of_the_sample() {
    let mut normals = Normals::new(3);
    let vectors = DMatrix::from_fn(1, 12, |_, _| normals.draw());
    let mean = vectors.mean();
    let vectors = vectors.map(|x| x - mean);
    let sample = vectors.norm_squared() / 11.0;
    let none = || DMatrix::zeros(1, 1);
    let part = Part {
        block: 0,
        factors: [DMatrix::from_element(1, 1, 100.0), none(), none(), none()],
        chance: none(),
        vectors,
        freedom: 11.0,
        offsets: DMatrix::zeros(1, 0),
        outside: 0.0,
        outside_freedom: 0.0,
    };
    // Errors of readings of a thousandth add a millionth.
    let start = [1e-4, 0.0, 0.0, 0.0, 1e-6];
    let fitted = reml::fit(std::slice::from_ref(&part), &start, &[0], &[(0.0, 1.0); 5]).expect("a likelihood");
    assert!((fitted.theta[0] * 1e4 / sample - 1.0).abs() < 1e-5, "{:?} {sample}", fitted.theta);
    let point = reml::evaluate(std::slice::from_ref(&part), &fitted.theta, &[0]).expect("a likelihood");
    let error = point.information[(0, 0)].sqrt().recip() / fitted.theta[0];
    assert!((error - (2.0f64 / 11.0).sqrt()).abs() < 1e-4, "{error}");
    // Where twice the log-likelihood, 11 (s/v - 1 - ln s/v), has fallen by 2.7: by an independent search.
    let (lower, upper) = reml::bounds(std::slice::from_ref(&part), &fitted, &[0], 0, &[(0.0, 1.0); 5], 2.7);
    for end in [lower, upper] {
        let ratio = fitted.theta[0] / end;
        let fall = 11.0 * (ratio - 1.0 - ratio.ln());
        // Ends are found to a thousandth, over which the fall changes by some hundredths.
        assert!((fall - 2.7).abs() < 0.03, "{end}: {fall}");
    }
}

/// Slopes of the likelihood are those of its differences, with an offset of the nominal cell in it or without.
#[test]
fn the_score_is_the_slope_of_the_likelihood() {
    let mut normals = Normals::new(8);
    let parts = [devices(&mut normals, 9, SD, 1.0, true), devices(&mut normals, 7, SD, 1.0, false)];
    let at = [3e-4, 8e-4, 2e-4, 0.0, 1.2];
    let value = |theta: &[f64]| reml::evaluate(&parts, theta, &FREE).expect("a likelihood");
    let here = value(&at);
    for (i, &component) in FREE.iter().enumerate() {
        let step = 1e-4 * at[component];
        let moved = |sign: f64| {
            let mut theta = at;
            theta[component] += sign * step;
            value(&theta).log_likelihood
        };
        let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
        let scale = here.information[(i, i)].sqrt();
        // Rounding of a likelihood of a few hundred over the step, and the cube of the step.
        assert!((slope - here.score()[i]).abs() < 1e-4 * scale, "{component}: {slope} {}", here.score()[i]);
    }
}

/// Leaving the chance out counts it as spread; and a spread of none stays at none, with a bound that holds it.
#[test]
fn chance_is_no_spread() {
    let (mut with, mut without, mut seen, mut above) = (0.0, 0.0, 0, 0);
    const SETS: usize = 200;
    let mut normals = Normals::new(9);
    for _ in 0..SETS {
        let mut parts = [devices(&mut normals, 25, [0.0, 0.03, 0.0], 1.0, true)];
        // As much as a spread of the last coordinate of 0.01 makes.
        let more = factors()[2].column(0) * 0.01;
        let column = DMatrix::from_column_slice(6, 1, more.as_slice());
        let mut drawn = DMatrix::from_columns(&(0..25).map(|_| &more * normals.draw()).collect::<Vec<_>>());
        let mean = drawn.column_mean();
        drawn.column_iter_mut().for_each(|mut c| c -= &mean);
        parts[0].vectors += drawn;
        without += fit(&parts).theta[2].sqrt();
        parts[0].chance += &column * column.transpose();
        let fitted = fit(&parts);
        with += fitted.theta[2].sqrt();
        let (lower, upper) = bounds(&parts, &fitted, 2, 24.0);
        seen += usize::from(lower > 0.0);
        above += usize::from(upper <= 0.0);
    }
    let (with, without) = (with / SETS as f64, without / SETS as f64);
    assert!(with < 0.5 * without && without > 0.008, "{with} {without}");
    // At an end half of the falls are none: one in twenty is seen where there is nothing. Four standard deviations.
    let most = 0.05 * SETS as f64 + 4.0 * (0.05 * 0.95 * SETS as f64).sqrt();
    assert!((seen as f64) < most && above == 0, "{seen} of {SETS} seen, {above} with no upper bound");
}
