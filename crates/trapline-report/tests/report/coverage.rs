//! Whether bounds of 90 % hold the truth 90 times of 100, over temperatures with cells of their own and with the
//! same, and whether they are as wide as other arithmetic makes them.
//!
//! Lives are lognormal, of one sigma and one activation energy, and are counted at checkpoints. `coverage.rs` of the
//! study's tests has simulated cells.

use trapline_model::rng::{self, NORMAL_UNIT, Purpose};
use trapline_model::units::{kelvin, thermal_energy_ev};
use trapline_report::analysis::lifetime::{Design, Estimate, Fit, JointFit, Law, Lifetimes, Near, TemperatureLaw, Use};

const CONFIDENCE: f64 = 0.9;
const ENERGY_EV: f64 = 1.5;
const SIGMA: f64 = 0.33;
/// The median at 85 °C, s.
const MEDIAN_S: f64 = 5e7;
const CELSIUS: [f64; 6] = [85.0, 95.0, 105.0, 115.0, 125.0, 135.0];
/// At which bounds are asked for.
const ASKED: [f64; 2] = [85.0, 105.0];
/// Failed fractions, and the normal variate that each lies below.
const FRACTIONS: [(f64, f64); 3] = [(1e-3, -3.090_232_306_167_813), (1e-2, -2.326_347_874_040_841), (0.5, 0.0)];
/// 90 % of a normal variate lie within this, both ways.
const Z: f64 = 1.644_853_626_951_472_7;
/// Arrays of 32 cells: 256 at each temperature.
const ARRAYS: usize = 8;
const CELLS_OF_ARRAY: usize = 32;

/// Bounds at 90 % hold in 0.9 n of n repetitions, with a standard deviation of sqrt(0.09 n). Three and a half of
/// those are allowed: 867 to 933 of 1000, 339 to 381 of 400.
fn allowed(repetitions: u64) -> std::ops::RangeInclusive<usize> {
    let (middle, off) = (0.9 * repetitions as f64, 3.5 * (0.09 * repetitions as f64).sqrt());
    (middle - off).ceil() as usize..=(middle + off) as usize
}

fn median_s(celsius: f64) -> f64 {
    let away = 1.0 / thermal_energy_ev(kelvin(celsius)) - 1.0 / thermal_energy_ev(kelvin(85.0));
    MEDIAN_S * (ENERGY_EV * away).exp()
}

fn life_s(celsius: f64, z: f64) -> f64 {
    median_s(celsius) * (SIGMA * z).exp()
}

/// Six checkpoints an octave about every median, five octaves to each side.
fn times_s() -> Vec<f64> {
    let (first, last) = (median_s(135.0) / 32.0, median_s(85.0) * 32.0);
    let steps = (6.0 * (last / first).log2()) as i32;
    (0..=steps).map(|step| first * (f64::from(step) / 6.0).exp2()).collect()
}

/// Lives at a temperature of the cells of one array, from normal variates of `stream`.
fn lives(seed: u64, stream: u32, array: usize, celsius: f64) -> Vec<f64> {
    let normal = |cell: usize| {
        let number = (array * CELLS_OF_ARRAY + cell) as u64;
        f64::from(rng::normal_fixed(rng::words(seed, number, Purpose::Device, stream, 0)[0])) * NORMAL_UNIT
    };
    (0..CELLS_OF_ARRAY).map(|cell| life_s(celsius, normal(cell))).collect()
}

/// Simulated lives are skewed: early ones come earlier than a lognormal law of all of them has it. A time to a fraction
/// holds nevertheless, for it is told by the counts about it.
#[test]
fn times_to_fractions_hold_where_lives_are_skewed() {
    const REPETITIONS: u64 = 200;
    const CELLS: u64 = 4096;
    const SKEW: f64 = -0.02;
    let life_s = |z: f64| MEDIAN_S * (SIGMA * (z + SKEW * z * z)).exp();
    let times: Vec<f64> = (0..=60).map(|step| MEDIAN_S / 32.0 * (f64::from(step) / 6.0).exp2()).collect();
    let (mut held, mut held_by_whole) = ([0; 3], [0; 3]);
    for seed in 0..REPETITIONS {
        let normal =
            |cell| f64::from(rng::normal_fixed(rng::words(seed, cell, Purpose::Device, 7, 0)[0])) * NORMAL_UNIT;
        let data = counted(&(0..CELLS).map(|cell| life_s(normal(cell))).collect::<Vec<_>>(), &times);
        let whole = Fit::new(Law::Lognormal, &data).unwrap();
        for (i, (fraction, z)) in FRACTIONS.into_iter().enumerate() {
            let near = Near::new(Law::Lognormal, &data, fraction, CONFIDENCE).unwrap();
            held[i] += usize::from(near.life(CONFIDENCE).unwrap().profile.hold(life_s(z)));
            held_by_whole[i] += usize::from(whole.life(fraction, CONFIDENCE).unwrap().profile.hold(life_s(z)));
        }
    }
    println!("held of {REPETITIONS}: {held:?} by the counts about them, {held_by_whole:?} by a law of all");
    assert!(held.iter().all(|held| allowed(REPETITIONS).contains(held)), "{held:?}");
    // The control: bounds of a law of all counts do not hold the early ones.
    assert!(held_by_whole[0] < 120, "{held_by_whole:?}");
}

/// Lives of thermal escape from depths that are spread, `sd(ln t) = sd(E)/kT`, skewed as simulated ones are, at four
/// temperatures and at a use temperature 30 K below them: the time to a fraction by one law of all.
#[test]
fn lives_of_all_temperatures_hold_beyond_them() {
    const REPETITIONS: u64 = 200;
    const CELLS: u64 = 256;
    const SKEW: f64 = -0.02;
    const USE_C: f64 = 55.0;
    let life_s = |celsius: f64, z: f64| {
        let sigma = 0.75 * kelvin(85.0) / kelvin(celsius);
        median_s(celsius) * (sigma * (z + SKEW * z * z)).exp()
    };
    let (mut held, mut held_by_whole, mut widest) = ([0; 3], [0; 3], [0.0_f64; 3]);
    for seed in 0..REPETITIONS {
        let groups = [85.0, 100.0, 115.0, 130.0].map(|celsius: f64| {
            let normal = |cell| {
                let word = rng::words(seed, cell, Purpose::Device, celsius as u32, 0)[0];
                f64::from(rng::normal_fixed(word)) * NORMAL_UNIT
            };
            let lives: Vec<f64> = (0..CELLS).map(|cell| life_s(celsius, normal(cell))).collect();
            let times: Vec<f64> =
                (0..=36).map(|step| median_s(celsius) / 64.0 * (f64::from(step) / 3.0).exp2()).collect();
            (kelvin(celsius), counted(&lives, &times))
        });
        let joint = JointFit::new(Law::Lognormal, TemperatureLaw::Arrhenius, &groups).unwrap();
        let to = Use { across_break: true, ..Use::at(kelvin(USE_C), CONFIDENCE) };
        for (i, (fraction, z)) in FRACTIONS.into_iter().enumerate() {
            let about = joint.life_about(&to, fraction).unwrap().profile;
            held[i] += usize::from(about.hold(life_s(USE_C, z)));
            held_by_whole[i] += usize::from(joint.life(&to, fraction).unwrap().profile.hold(life_s(USE_C, z)));
            widest[i] = widest[i].max(about.upper / about.lower);
        }
    }
    println!("held of {REPETITIONS}: {held:?}, widest {widest:?}; {held_by_whole:?} by a law of all counts");
    // Bounds have the error of the law in them, which is not always there.
    assert!(held.iter().all(|held| *held >= *allowed(REPETITIONS).start()), "{held:?}");
    // The control: a law of all counts with one shape holds the early ones hardly ever.
    assert!(held_by_whole[0] < 40 && held_by_whole[1] < 60, "{held_by_whole:?}");
}

/// Cells that had failed at programming are no lives, and the law of the others goes through their counts alone.
#[test]
fn cells_that_had_failed_at_programming_bend_no_time() {
    const REPETITIONS: u64 = 200;
    let times: Vec<f64> = (0..=60).map(|step| MEDIAN_S / 32.0 * (f64::from(step) / 6.0).exp2()).collect();
    let with_zero: Vec<f64> = [0.0].into_iter().chain(times.iter().copied()).collect();
    for (cells, at_zero, fraction) in [(1024, 2, 1e-2), (1024, 5, 1e-1), (4096, 8, 1e-2)] {
        let (mut held, mut held_with) = (0, 0);
        for seed in 0..REPETITIONS {
            let normal =
                |cell| f64::from(rng::normal_fixed(rng::words(seed, cell, Purpose::Device, 9, 0)[0])) * NORMAL_UNIT;
            let mut lives: Vec<f64> = (0..cells - at_zero).map(|cell| life_s(85.0, normal(cell))).collect();
            lives.extend(vec![0.0; at_zero as usize]);
            let failed: Vec<u64> =
                with_zero.iter().map(|t| lives.iter().filter(|life| *life <= t).count() as u64).collect();
            let data = Lifetimes::new(&with_zero, &failed, cells).unwrap();
            // The time by which that share of all has failed, programming included.
            let share = (fraction * cells as f64 - at_zero as f64) / (cells - at_zero) as f64;
            let truth = life_s(85.0, -rng::normal_upper_quantile(share));
            let near = Near::new(Law::Lognormal, &data, fraction, CONFIDENCE).unwrap();
            held += usize::from(near.life(CONFIDENCE).unwrap().profile.hold(truth));
            let with = Fit::new(Law::Lognormal, &data).unwrap().life(fraction, CONFIDENCE).unwrap();
            held_with += usize::from(with.profile.hold(truth));
        }
        println!("{at_zero} of {cells}, {fraction}: held {held} of {REPETITIONS}, with them {held_with}");
        assert!((165..=200).contains(&held), "{held}");
        // The control: as lives they are the earliest of all.
        assert!(at_zero < 5 || held_with < 100, "{held_with}");
    }
}

/// Where cells are so many that counts have no chance left, what the law is not between checkpoints is all that
/// bounds can be made of. Lives are skewed as simulated ones are.
#[test]
fn bounds_of_very_many_cells_have_the_law_in_them() {
    const SKEW: f64 = -0.012;
    const CELLS: u64 = 100_000_000;
    for (sigma, per_octave) in [(0.57, 1), (0.57, 2), (0.57, 6), (0.34, 2)] {
        let below = |t: f64| {
            // z + SKEW z^2 = y, on the branch through 0.
            let y = (t / MEDIAN_S).ln() / sigma;
            let z = 2.0 * y / (1.0 + (1.0 + 4.0 * SKEW * y).sqrt());
            0.5 * libm::erfc(-z / 2f64.sqrt())
        };
        let times: Vec<f64> = (0..=10 * per_octave)
            .map(|step| 1.07 * MEDIAN_S / 32.0 * (f64::from(step) / f64::from(per_octave)).exp2())
            .collect();
        let failed: Vec<u64> = times.iter().map(|t| (CELLS as f64 * below(*t)).round() as u64).collect();
        let data = Lifetimes::new(&times, &failed, CELLS).unwrap();
        for (fraction, z) in FRACTIONS {
            let near = Near::new(Law::Lognormal, &data, fraction, CONFIDENCE).unwrap();
            let truth = MEDIAN_S * (sigma * (z + SKEW * z * z)).exp();
            let life = near.life(CONFIDENCE).unwrap();
            assert!(life.profile.hold(truth), "{sigma} {per_octave} {fraction}: {truth} {life:?}");
            assert!(life.profile.upper < 1.1 * life.profile.lower, "{sigma} {per_octave} {fraction}: {life:?}");
        }
    }
}

fn counted(lives: &[f64], times_s: &[f64]) -> Lifetimes {
    let failed: Vec<u64> = times_s.iter().map(|t| lives.iter().filter(|life| *life <= t).count() as u64).collect();
    Lifetimes::new(times_s, &failed, lives.len() as u64).unwrap()
}

/// A bake at all temperatures.
struct Bakes {
    groups: Vec<(f64, Lifetimes)>,
    /// By temperature, then by array.
    arrays: Vec<Vec<Lifetimes>>,
}

impl Bakes {
    fn of(seed: u64, same_cells: bool, times_s: &[f64]) -> Bakes {
        let (mut groups, mut arrays) = (Vec::new(), Vec::new());
        for (number, celsius) in CELSIUS.into_iter().enumerate() {
            let stream = if same_cells { 0 } else { number as u32 };
            let of: Vec<Vec<f64>> = (0..ARRAYS).map(|array| lives(seed, stream, array, celsius)).collect();
            groups.push((kelvin(celsius), counted(&of.concat(), times_s)));
            arrays.push(of.iter().map(|lives| counted(lives, times_s)).collect());
        }
        Bakes { groups, arrays }
    }

    fn own(&self) -> JointFit {
        JointFit::new(Law::Lognormal, TemperatureLaw::Arrhenius, &self.groups).unwrap()
    }

    fn same(&self, arrays: &[Vec<Lifetimes>]) -> JointFit {
        JointFit::of_same_cells(Law::Lognormal, TemperatureLaw::Arrhenius, &self.groups, arrays).unwrap()
    }
}

/// How often each bound held.
#[derive(Default)]
struct Held(Vec<(String, usize)>);

impl Held {
    fn add(&mut self, name: String, estimate: &Estimate, truth: f64) {
        let held = usize::from(estimate.profile.hold(truth));
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += held,
            None => self.0.push((name, held)),
        }
    }

    fn joint(&mut self, name: &str, fit: &JointFit) {
        for celsius in ASKED {
            let to = Use { across_break: true, ..Use::at(kelvin(celsius), CONFIDENCE) };
            for (fraction, z) in FRACTIONS {
                let of = format!("{name}: ln t at {celsius} °C, {fraction}");
                self.add(of, &fit.life(&to, fraction).unwrap(), life_s(celsius, z));
            }
        }
        self.add(format!("{name}: sigma"), &fit.shape(CONFIDENCE).unwrap(), SIGMA);
        self.add(format!("{name}: energy"), &fit.slope(CONFIDENCE).unwrap(), ENERGY_EV);
    }

    fn print(&self, repetitions: u64) {
        self.0.iter().for_each(|(name, count)| println!("{name}: held {count} of {repetitions}"));
    }

    /// The counts whose names have a part.
    fn of(&self, part: &str) -> Vec<usize> {
        self.0.iter().filter(|(name, _)| name.contains(part)).map(|(_, count)| *count).collect()
    }
}

#[test]
fn bounds_over_cells_of_their_own_hold() {
    const REPETITIONS: u64 = 1000;
    let times_s = times_s();
    let mut held = Held::default();
    for seed in 0..REPETITIONS {
        let bakes = Bakes::of(seed, false, &times_s);
        for (kelvin_of, data) in bakes.groups.iter().filter(|(k, _)| ASKED.iter().any(|&c| kelvin(c) == *k)) {
            let celsius = ASKED.into_iter().find(|&c| kelvin(c) == *kelvin_of).unwrap();
            let fit = Fit::new(Law::Lognormal, data).unwrap();
            for (fraction, z) in FRACTIONS {
                let of = format!("{celsius} °C alone: ln t, {fraction}");
                held.add(of, &fit.life(fraction, CONFIDENCE).unwrap(), life_s(celsius, z));
            }
            held.add(format!("{celsius} °C alone: sigma"), &fit.shape(CONFIDENCE).unwrap(), SIGMA);
        }
        held.joint("joint", &bakes.own());
    }
    held.print(REPETITIONS);
    assert_eq!(held.0.len(), 16);
    assert!(held.0.iter().all(|(_, count)| allowed(REPETITIONS).contains(count)), "{:?}", held.0);
}

#[test]
fn the_same_cells_are_no_independent_ones() {
    const REPETITIONS: u64 = 400;
    let allowed = allowed(REPETITIONS);
    let times_s = times_s();
    let (mut wrong, mut added, mut clustered) = (Held::default(), Held::default(), Held::default());
    for seed in 0..REPETITIONS {
        let bakes = Bakes::of(seed, true, &times_s);
        wrong.joint("the same cells, taken for independent", &bakes.own());
        let few = bakes.same(&[]);
        assert_eq!((few.design, few.common_shape.unwrap().p_value), (Design::SameCells, None));
        added.joint("the same cells, errors added up", &few);
        let arrays = bakes.same(&bakes.arrays);
        assert_eq!((arrays.design, arrays.slope), (Design::SameArrays, few.slope));
        if seed == 0 {
            // Temperatures may come in any order, each with its arrays.
            let turned = Bakes {
                groups: bakes.groups.iter().rev().cloned().collect(),
                arrays: bakes.arrays.iter().rev().cloned().collect(),
            };
            let of = |fit: JointFit| fit.slope(CONFIDENCE).unwrap();
            assert_eq!(of(turned.same(&turned.arrays)), of(bakes.same(&bakes.arrays)));
            assert_ne!(of(turned.same(&bakes.arrays)), of(bakes.same(&bakes.arrays)));
        }
        clustered.joint("the same cells, arrays as clusters", &arrays);
    }
    [&wrong, &added, &clustered].into_iter().for_each(|held| held.print(REPETITIONS));
    // The control. Six temperatures that say the same: at 105 °C, near the middle, errors are sqrt(6) times what the
    // likelihood believes, 2 Phi(1.645/2.45) - 1 = 50 %; sigma is the same, and everything but slopes somewhat better.
    let [middle, sigma] = ["105 °C", "sigma"].map(|part| wrong.of(part));
    assert!(middle.iter().chain(&sigma).all(|count| *count < 240), "{:?}", wrong.0);
    assert!(wrong.of("85 °C").iter().all(|count| count < allowed.start()), "{:?}", wrong.0);
    // Errors that are added up whatever their relation hold at least as often; where they do add up, not more often.
    assert!(added.0.iter().all(|(_, count)| count >= allowed.start()), "{:?}", added.0);
    assert!(added.of("sigma").iter().all(|count| allowed.contains(count)), "{:?}", added.0);
    // Clusters hold for all, slopes included, to which the same cells leave hardly an error.
    assert!(
        clustered.0.len() == 8 && clustered.0.iter().all(|(_, count)| allowed.contains(count)),
        "{:?}",
        clustered.0
    );
}

/// ln L of counts, written out: `at` is (ln t of a fraction at a temperature, slope, ln sigma).
struct Likelihood<'a> {
    groups: Vec<(f64, &'a Lifetimes)>,
    origin: f64,
    z: f64,
}

impl<'a> Likelihood<'a> {
    fn new(groups: &[(f64, &'a Lifetimes)], celsius: f64, z: f64) -> Likelihood<'a> {
        let x = |kelvin: f64| 1.0 / thermal_energy_ev(kelvin);
        Likelihood { groups: groups.iter().map(|(k, d)| (x(*k), *d)).collect(), origin: x(kelvin(celsius)), z }
    }

    fn of_group(&self, group: usize, at: [f64; 3]) -> f64 {
        let (x, data) = self.groups[group];
        let sigma = at[2].exp();
        let mu = at[0] + at[1] * (x - self.origin) - self.z * sigma;
        let below = |t: f64| 0.5 * libm::erfc(-(t.ln() - mu) / sigma / 2_f64.sqrt());
        let above = |t: f64| 0.5 * libm::erfc((t.ln() - mu) / sigma / 2_f64.sqrt());
        let share = |from: f64, to: f64| match (from == 0.0, to.is_infinite()) {
            (true, _) => below(to),
            (_, true) => above(from),
            _ if from.ln() > mu => above(from) - above(to),
            _ => below(to) - below(from),
        };
        let classes = data.classes().iter().filter(|class| class.cells > 0);
        classes.map(|class| class.cells as f64 * share(class.from_s, class.to_s).ln()).sum()
    }

    fn value(&self, at: [f64; 3]) -> f64 {
        (0..self.groups.len()).map(|group| self.of_group(group, at)).sum()
    }
}

/// Steps of differences: some hundredths of the standard errors, so that third derivatives are in it by 1e-4.
const STEPS: [f64; 3] = [5e-4, 5e-4, 5e-4];

fn moved(at: [f64; 3], by: &[(usize, f64)]) -> [f64; 3] {
    by.iter().fold(at, |mut to, &(i, steps)| {
        to[i] += steps * STEPS[i];
        to
    })
}

fn gradient(f: &dyn Fn([f64; 3]) -> f64, at: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|i| (f(moved(at, &[(i, 1.0)])) - f(moved(at, &[(i, -1.0)]))) / (2.0 * STEPS[i]))
}

/// Minus the second derivatives.
fn curvature(f: &dyn Fn([f64; 3]) -> f64, at: [f64; 3]) -> [[f64; 3]; 3] {
    let second = |i: usize, k: usize| {
        let corner = |a: f64, b: f64| f(moved(at, &[(i, a), (k, b)]));
        let crossed = corner(1.0, 1.0) - corner(1.0, -1.0) - corner(-1.0, 1.0) + corner(-1.0, -1.0);
        -crossed / (4.0 * STEPS[i] * STEPS[k])
    };
    [0, 1, 2].map(|i| [0, 1, 2].map(|k| second(i, k)))
}

/// Column of the inverse of a symmetric matrix, by its cofactors.
fn inverse_column(m: [[f64; 3]; 3], column: usize) -> [f64; 3] {
    let cofactor = |i: usize, k: usize| {
        let [(a, b), (c, d)] = [((i + 1) % 3, (i + 2) % 3), ((k + 1) % 3, (k + 2) % 3)];
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f64 = (0..3).map(|k| m[0][k] * cofactor(0, k)).sum();
    [0, 1, 2].map(|i| cofactor(column, i) / determinant)
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn applied(a: [f64; 3], m: [[f64; 3]; 3]) -> f64 {
    dot(a, m.map(|row| dot(row, a)))
}

/// The maximum with the first number held: Newton's method on the differences.
fn profile(of: &Likelihood, mut at: [f64; 3]) -> f64 {
    let f = |at: [f64; 3]| of.value(at);
    for _ in 0..20 {
        let (g, h) = (gradient(&f, at), curvature(&f, at));
        let determinant = h[1][1] * h[2][2] - h[1][2] * h[2][1];
        at[1] += (h[2][2] * g[1] - h[1][2] * g[2]) / determinant;
        at[2] += (h[1][1] * g[2] - h[1][2] * g[1]) / determinant;
    }
    f(at)
}

/// Relative, of a half width. Differences know second derivatives to 1e-4 or so, and third derivatives stand in
/// theirs by as much; a tenth of the 3 % that must be seen leaves room for both.
const TOLERANCE: f64 = 3e-3;

fn near(is: f64, wanted: f64) -> bool {
    (is - wanted).abs() <= TOLERANCE * wanted.abs()
}

#[test]
fn bounds_are_as_wide_as_other_arithmetic_makes_them() {
    let times_s = times_s();
    // Of the logarithm.
    let half = |of: &Estimate| 0.5 * (of.wald.upper / of.wald.lower).ln();
    // Student's t of 7 degrees of freedom at 95 % of one side, from any table.
    let t = 1.894_578_605;
    // z, 3 % less of it: 2 Phi(0.97 z) - 1.
    let less = 0.889_398_3;
    for seed in [3, 4] {
        let bakes = Bakes::of(seed, true, &times_s);
        let groups: Vec<(f64, &Lifetimes)> = bakes.groups.iter().map(|(k, data)| (*k, data)).collect();
        let (own, added, clustered) = (bakes.own(), bakes.same(&[]), bakes.same(&bakes.arrays));
        for celsius in ASKED {
            let to = Use { across_break: true, ..Use::at(kelvin(celsius), CONFIDENCE) };
            for (fraction, z) in FRACTIONS {
                let of = own.life(&to, fraction).unwrap();
                let at = [of.value.ln(), own.slope, own.shape.ln()];
                let all = Likelihood::new(&groups, celsius, z);
                let whole = curvature(&|at| all.value(at), at);
                let column = inverse_column(whole, 0);
                let independent = column[0].sqrt();
                assert!(near(half(&of), Z * independent), "{celsius} {fraction}: {of:?} {independent}");
                // The profile's bounds: there the likelihood has fallen by z^2/2, twice the tolerance in the square.
                for end in [of.profile.lower, of.profile.upper] {
                    let fallen = all.value(at) - profile(&all, [end.ln(), at[1], at[2]]);
                    assert!((fallen / (0.5 * Z * Z) - 1.0).abs() < 2.0 * TOLERANCE, "{celsius} {fraction}: {fallen}");
                }
                // Errors that add up.
                let parts = (0..CELSIUS.len()).map(|g| curvature(&|at| all.of_group(g, at), at));
                let sum: f64 = parts.map(|part| applied(column, part).max(0.0).sqrt()).sum();
                let of_same = added.life(&to, fraction).unwrap();
                assert!(near(half(&of_same), Z * sum) && sum > 1.2 * independent, "{of_same:?} {sum}");
                // Arrays as clusters: the scores of each, by differences.
                let sums: Vec<f64> = (0..ARRAYS)
                    .map(|array| {
                        let of_array: Vec<(f64, &Lifetimes)> =
                            bakes.groups.iter().zip(&bakes.arrays).map(|((k, _), of)| (*k, &of[array])).collect();
                        let of_array = Likelihood::new(&of_array, celsius, z);
                        dot(column, gradient(&|at| of_array.value(at), at))
                    })
                    .collect();
                let mean = sums.iter().sum::<f64>() / ARRAYS as f64;
                let squares: f64 = sums.iter().map(|sum| (sum - mean).powi(2)).sum();
                let error = (squares * ARRAYS as f64 / (ARRAYS as f64 - 1.0)).sqrt();
                let of_arrays = clustered.life(&to, fraction).unwrap();
                assert!(near(half(&of_arrays), t * error), "{of_arrays:?} {error}");
                // Its profile goes to where the root of the deviance is that many of the independent errors.
                let root = t * error / independent;
                let fallen = all.value(at) - profile(&all, [of_arrays.profile.upper.ln(), at[1], at[2]]);
                assert!((fallen / (0.5 * root * root) - 1.0).abs() < 2.0 * TOLERANCE, "{fallen} {root}");

                // The controls: 3 % less of z is seen in both kinds of bounds.
                let narrow = own.life(&Use { confidence: Some(less), ..to }, fraction).unwrap();
                assert!(!near(half(&narrow), Z * independent), "{narrow:?}");
                let fallen = all.value(at) - profile(&all, [narrow.profile.upper.ln(), at[1], at[2]]);
                assert!((fallen / (0.5 * Z * Z) - 1.0).abs() > 2.0 * TOLERANCE, "{fallen}");
            }
        }
        // A temperature alone: the same likelihood with its slope held, which then has no part in it.
        for (celsius, (_, data)) in CELSIUS.into_iter().zip(&bakes.groups).filter(|(c, _)| ASKED.contains(c)) {
            let fit = Fit::new(Law::Lognormal, data).unwrap();
            for (fraction, z) in FRACTIONS {
                let of = fit.life(fraction, CONFIDENCE).unwrap();
                let at = [of.value.ln(), 0.0, fit.shape.ln()];
                let alone = Likelihood::new(&[(kelvin(celsius), data)], celsius, z);
                let mut whole = curvature(&|at| alone.value(at), at);
                whole[1] = [0.0, 1.0, 0.0];
                let error = inverse_column(whole, 0)[0].sqrt();
                assert!(near(half(&of), Z * error) && !near(half(&of), 1.03 * Z * error), "{of:?} {error}");
            }
        }
    }
}
