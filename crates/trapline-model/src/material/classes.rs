//! Trap classes: a quadrature over the dots' sizes that keeps the shallow tail.
//!
//! # Theory
//! The charge lost in time `t` at temperature `T` is the mean of `1 - exp(-e(E) t)` over the depths `E` of the dots,
//! a step some 3 kT wide around `kT ln(nu t)` that moves to deeper dots as time goes on. How far it goes is the
//! [`Reach`]: the deepest step, over the temperatures up to the glass transition, that comes before the matrix, which
//! does not care for depth, has emptied everything: 1.79 eV at 142 C for the shipped dots, and 1.89 eV at 170 C
//! without the matrix.
//!
//! A class at the mean depth of a panel of width `h` errs by `h^3 rho/24` times the step's curvature, with `rho` the
//! density of the dots by depth. So panels are equal in the integral of `rho^(1/3)`; 0.35 does a little better than
//! 1/3, because the errors of neighbours cancel in part. Past 3 kT below the reach nothing is lost, and one class is
//! enough.
//!
//! # Practice
//! Largest error of the loss, in percentage points of the charge, against the continuum, from 25 C to the glass
//! transition and from 1 s to ten years (tests hold it to these):
//!
//! | | K = 8 | K = 12 | K = 16 |
//! |---|---|---|---|
//! | shipped dots | 0.09 | 0.05 | 0.03 |
//! | shipped dots, matrix off | 0.21 | 0.13 | 0.08 |
//! | wells of 1.8 eV, means of 2 nm, Tg up to 250 C: the worst of a dozen | 0.95 | 0.4 | 0.2 |
//!
//! Eight classes cannot do better than half of that wherever a large part of the dots is within reach: steps of 3 kT,
//! 0.1 eV, on 0.7 eV of depths, also when all their depths and weights are fitted. Give such a material more classes.

use std::cell::RefCell;
use std::rc::Rc;

use super::Matrix;
use super::well::SphericalWell;
use crate::units::{YEAR_S, kelvin, thermal_energy_ev};

/// Panels are equal in the integral of the density to this power.
const DENSITY_EXPONENT: f64 = 0.35;
/// Where the panels end below the reach, and over what depth they grow to nothing there, in kT.
const BEYOND_REACH: (f64, f64) = (3.0, 0.6);
/// Longest time a cell is asked to keep its charge, s.
const LONGEST_S: f64 = 10.0 * YEAR_S;
/// Coldest bake considered, and the number of temperatures from it to the glass transition.
const COLDEST_C: f64 = 25.0;
const TEMPERATURES: usize = 400;
/// Midpoints of the fine grid that stands for the continuum.
const GRID: usize = 4096;
/// Half width of the stencil, in ln(diameter), from which a depth's slope and curvature are taken.
const SIZE_STENCIL: f64 = 0.05;

/// One class of traps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrapClass {
    /// Share of the traps; the weights of a material sum to 1.
    pub weight: f64,
    /// Depth below the matrix' band edge, eV.
    pub depth_ev: f64,
    /// Capture and field-release speed relative to the mean: sum of weight times speed is 1.
    pub speed: f64,
    /// d(depth)/d(ln size), eV.
    pub depth_slope_ev: f64,
    /// Half the second derivative of the depth by ln(size), eV: the shift of a cell
    /// whose dots are larger by a factor exp(u) is `slope u + curvature u^2`.
    pub depth_curvature_ev: f64,
}

impl TrapClass {
    /// Shift of the depth in a cell whose dots are larger than the nominal ones by a factor `exp(log_size)`, eV.
    pub fn depth_shift_ev(&self, log_size: f64) -> f64 {
        log_size * (self.depth_slope_ev + self.depth_curvature_ev * log_size)
    }

    /// Whether all of its numbers are numbers.
    pub fn is_finite(&self) -> bool {
        [self.weight, self.depth_ev, self.speed, self.depth_slope_ev, self.depth_curvature_ev]
            .iter()
            .all(|x| x.is_finite())
    }

    /// Smallest depth among cells whose ln(size) is up to `spread` from the nominal one, eV.
    pub fn least_depth_ev(&self, spread: f64) -> f64 {
        let depth_ev = |u: f64| self.depth_ev + self.depth_shift_ev(u);
        (-16..=16).map(|i| depth_ev(spread * f64::from(i) / 16.0)).fold(f64::INFINITY, f64::min)
    }
}

/// The dots' sizes: a normal distribution cut at both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diameters {
    pub mean_m: f64,
    pub sd_m: f64,
    pub min_m: f64,
    pub max_m: f64,
}

/// Traps that are dots: what their classes are made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dots {
    pub well: SphericalWell,
    pub sizes: Diameters,
    /// Number of classes.
    pub classes: usize,
    /// Larger dots catch faster: the speed goes as the diameter to this power.
    pub speed_exponent: f64,
}

/// How deep thermal escape gets in use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// `kT ln(nu t)`, eV.
    pub depth_ev: f64,
    /// kT there, eV.
    pub kt_ev: f64,
}

impl Reach {
    /// The deepest `kT ln(nu t)` up to the glass transition, with `t` ten years, or the time in which the matrix
    /// empties the cell.
    pub fn new(attempt_per_s: f64, glass_transition_k: f64, matrix: Option<&Matrix>) -> Reach {
        let coldest_k = kelvin(COLDEST_C);
        let span_k = (glass_transition_k - coldest_k).max(0.0);
        let mut reach = Reach { depth_ev: 0.0, kt_ev: thermal_energy_ev(coldest_k) };
        for i in 0..=TEMPERATURES {
            let temperature_k = coldest_k + span_k * i as f64 / TEMPERATURES as f64;
            let matrix_per_s = matrix.map_or(0.0, |m| m.release_per_s(glass_transition_k, temperature_k));
            let time_s = LONGEST_S.min(1.0 / matrix_per_s);
            let kt_ev = thermal_energy_ev(temperature_k);
            let depth_ev = kt_ev * libm::log(attempt_per_s * time_s);
            if depth_ev > reach.depth_ev {
                reach = Reach { depth_ev, kt_ev };
            }
        }
        reach
    }
}

/// (probability, depth in eV, diameter in m) of equal slices of the diameter range.
type Slices = Vec<(f64, f64, f64)>;

thread_local! {
    /// The dots this thread met last. Sweeps and fits read a material ten thousand times with another number in it,
    /// most of them of no concern to the dots, whose levels take nearly all of the time.
    static SLICED: RefCell<Option<(SphericalWell, Diameters, Rc<Slices>)>> = const { RefCell::new(None) };
    static CLASSED: RefCell<Option<(Dots, Reach, Vec<TrapClass>)>> = const { RefCell::new(None) };
}

/// [`continuum`], or what it gave the last time if that was of the same dots.
fn sliced(dots: &Dots) -> Rc<Slices> {
    SLICED.with_borrow_mut(|last| match last {
        Some((well, sizes, slices)) if (*well, *sizes) == (dots.well, dots.sizes) => Rc::clone(slices),
        _ => {
            let slices = Rc::new(continuum(&dots.well, &dots.sizes));
            *last = Some((dots.well, dots.sizes, Rc::clone(&slices)));
            slices
        }
    })
}

fn continuum(well: &SphericalWell, sizes: &Diameters) -> Slices {
    let slice_m = (sizes.max_m - sizes.min_m) / GRID as f64;
    let mut slices: Vec<_> = (0..GRID)
        .map(|i| {
            let diameter_m = sizes.min_m + (i as f64 + 0.5) * slice_m;
            let z = (diameter_m - sizes.mean_m) / sizes.sd_m;
            (libm::exp(-0.5 * z * z), well.depth_ev(diameter_m), diameter_m)
        })
        .collect();
    let total: f64 = slices.iter().map(|s| s.0).sum();
    slices.iter_mut().for_each(|s| s.0 /= total);
    slices
}

/// The mean of a run of slices as one class, its speed not yet set (the mean diameter stands there).
fn class_of(well: &SphericalWell, slices: &[(f64, f64, f64)]) -> Option<TrapClass> {
    let weight: f64 = slices.iter().map(|s| s.0).sum();
    if weight <= 0.0 {
        return None;
    }
    let depth_ev = slices.iter().map(|s| s.0 * s.1).sum::<f64>() / weight;
    // The diameter that has this depth: depth rises with diameter, and both ends bracket it.
    let (mut low_m, mut high_m) = (slices[0].2, slices[slices.len() - 1].2);
    for _ in 0..60 {
        let middle_m = 0.5 * (low_m + high_m);
        if well.depth_ev(middle_m) < depth_ev {
            low_m = middle_m;
        } else {
            high_m = middle_m;
        }
    }
    let diameter_m = 0.5 * (low_m + high_m);
    let above = well.depth_ev(diameter_m * libm::exp(SIZE_STENCIL));
    let below = well.depth_ev(diameter_m * libm::exp(-SIZE_STENCIL));
    Some(TrapClass {
        weight,
        depth_ev,
        speed: diameter_m,
        depth_slope_ev: (above - below) / (2.0 * SIZE_STENCIL),
        depth_curvature_ev: (above + below - 2.0 * depth_ev) / (2.0 * SIZE_STENCIL * SIZE_STENCIL),
    })
}

/// How much of the panels each slice takes, the largest 1: `rho^p dE` of the density `rho = w/dE` within reach.
fn importance(slices: &[(f64, f64, f64)], reach: &Reach) -> Vec<f64> {
    let last = slices.len() - 1;
    let logarithms: Vec<f64> = (0..=last)
        .map(|i| {
            let (before, after) = (i.saturating_sub(1), (i + 1).min(last));
            // In a deep well large dots differ by less than a rounding.
            let step_ev = ((slices[after].1 - slices[before].1) / (after - before) as f64).max(1e-15);
            let past = (slices[i].1 - reach.depth_ev - BEYOND_REACH.0 * reach.kt_ev) / (BEYOND_REACH.1 * reach.kt_ev);
            // ln(1 + exp(past)): in logarithms, so that dots far out of reach are still told apart.
            let fading = if past > 30.0 { past } else { libm::log1p(libm::exp(past)) };
            DENSITY_EXPONENT * (libm::log(slices[i].0) - fading) + (1.0 - DENSITY_EXPONENT) * libm::log(step_ev)
        })
        .collect();
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logarithms.iter().map(|x| libm::exp(x - most)).collect()
}

/// The classes of dots, shallowest first: at most as many as asked for.
pub fn of_dots(dots: &Dots, reach: &Reach) -> Vec<TrapClass> {
    CLASSED.with_borrow_mut(|last| match last {
        Some((known, within, classes)) if (&*known, &*within) == (dots, reach) => classes.clone(),
        _ => {
            let classes = classes_of(dots, reach);
            *last = Some((*dots, *reach, classes.clone()));
            classes
        }
    })
}

fn classes_of(dots: &Dots, reach: &Reach) -> Vec<TrapClass> {
    let slices = sliced(dots);
    let importance = importance(&slices, reach);
    let whole: f64 = importance.iter().sum();
    let mut found = Vec::with_capacity(dots.classes);
    let (mut first, mut passed) = (0, 0.0);
    for panel in 1..=dots.classes {
        let edge = whole * panel as f64 / dots.classes as f64;
        // Every panel has a slice.
        let most = slices.len() - (dots.classes - panel);
        let mut end = first;
        while end < most && (panel == dots.classes || end == first || passed + 0.5 * importance[end] < edge) {
            passed += importance[end];
            end += 1;
        }
        found.extend(class_of(&dots.well, &slices[first..end]));
        first = end;
    }
    for class in &mut found {
        class.speed = libm::pow(class.speed / dots.sizes.mean_m, dots.speed_exponent);
    }
    normalise(&mut found);
    found
}

/// Depths evenly spread between two ends, as of sheets that confine in one direction only.
pub fn of_sheets(shallowest_ev: f64, deepest_ev: f64, depth_per_size_ev: f64, classes: usize) -> Vec<TrapClass> {
    (0..classes)
        .map(|k| TrapClass {
            weight: 1.0 / classes as f64,
            depth_ev: shallowest_ev + (deepest_ev - shallowest_ev) * (k as f64 + 0.5) / classes as f64,
            speed: 1.0,
            depth_slope_ev: depth_per_size_ev,
            depth_curvature_ev: 0.0,
        })
        .collect()
}

/// Makes the weights sum to 1 and the weighted speeds too.
pub fn normalise(classes: &mut [TrapClass]) {
    let weight: f64 = classes.iter().map(|c| c.weight).sum();
    classes.iter_mut().for_each(|c| c.weight /= weight);
    let speed: f64 = classes.iter().map(|c| c.weight * c.speed).sum();
    classes.iter_mut().for_each(|c| c.speed /= speed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was met last is taken again only where all of it is the same.
    #[test]
    fn dots_that_were_met_before_have_the_classes_they_had() {
        let reach = |glass_c: f64| Reach::new(1e13, kelvin(glass_c), MATRIX.as_ref());
        let wider = Dots { sizes: Diameters { sd_m: 0.8e-9, ..SIZES }, ..DOTS };
        let deeper = Dots { well: SphericalWell { height_ev: 2.5, ..WELL }, ..DOTS };
        let asked = [
            (DOTS, reach(170.0)),
            (DOTS, reach(170.0)),
            (DOTS, reach(150.0)),
            (Dots { classes: 9, ..DOTS }, reach(150.0)),
            (wider, reach(150.0)),
            (deeper, reach(150.0)),
            (DOTS, reach(170.0)),
        ];
        let found = asked.map(|(dots, reach)| of_dots(&dots, &reach));
        for ((dots, reach), found) in asked.iter().zip(&found) {
            let (dots, reach) = (*dots, *reach);
            // A thread that has met nothing.
            assert_eq!(std::thread::spawn(move || of_dots(&dots, &reach)).join().expect("no panic"), *found);
        }
        assert_eq!(found[0], found[6]);
        for (i, j) in [(1, 2), (2, 3), (3, 4), (4, 5), (2, 4), (2, 5)] {
            assert_ne!(found[i], found[j], "control: {i} and {j} are other dots");
        }
    }

    const WELL: SphericalWell = SphericalWell { height_ev: 2.4, mass_inside: 0.32, mass_outside: 1.0 };
    const SIZES: Diameters = Diameters { mean_m: 3.0e-9, sd_m: 0.7e-9, min_m: 1.0e-9, max_m: 5.0e-9 };
    const DOTS: Dots = Dots { well: WELL, sizes: SIZES, classes: 8, speed_exponent: 0.1 };
    const MATRIX: Option<Matrix> = Some(Matrix { relaxation_s: 100.0, fragility: 115.0 });

    /// Dots in a polymer.
    #[derive(Clone, Copy)]
    struct Case {
        dots: Dots,
        attempt_per_s: f64,
        glass_c: f64,
        matrix: Option<Matrix>,
    }

    const SHIPPED: Case = Case { dots: DOTS, attempt_per_s: 1e13, glass_c: 170.0, matrix: MATRIX };

    impl Case {
        fn classes(&self, count: usize) -> Vec<TrapClass> {
            let reach = Reach::new(self.attempt_per_s, kelvin(self.glass_c), self.matrix.as_ref());
            of_dots(&Dots { classes: count, ..self.dots }, &reach)
        }

        fn loss(&self, classes: &[(f64, f64)], temperature_k: f64, time_s: f64) -> f64 {
            let kt_ev = thermal_energy_ev(temperature_k);
            let matrix_per_s = self.matrix.map_or(0.0, |m| {
                10f64.powf(-m.fragility * (kelvin(self.glass_c) / temperature_k - 1.0)) / m.relaxation_s
            });
            let escape = |e: f64| self.attempt_per_s * (-e / kt_ev).exp();
            classes.iter().map(|(w, e)| -w * (-(escape(*e) + matrix_per_s) * time_s).exp_m1()).sum()
        }

        /// Largest error of the loss, in percentage points, from 25 C to the glass transition and from 1 s to ten
        /// years.
        fn worst(&self, classes: &[TrapClass]) -> f64 {
            // Sixteen slices as one: the step is thirty times wider than that.
            let slices = continuum(&self.dots.well, &self.dots.sizes);
            let whole: Vec<_> = slices
                .chunks(16)
                .map(|run| (run.iter().map(|s| s.0).sum::<f64>(), 0.5 * (run[7].1 + run[8].1)))
                .collect();
            let few: Vec<_> = classes.iter().map(|c| (c.weight, c.depth_ev)).collect();
            let mut worst = 0f64;
            for i in 0..=20 {
                let t_k = kelvin(25.0 + (self.glass_c - 25.0) * f64::from(i) / 20.0);
                for step in 0..=34 {
                    let time_s = 10f64.powf(f64::from(step) / 4.0).min(LONGEST_S);
                    worst = worst.max((self.loss(&whole, t_k, time_s) - self.loss(&few, t_k, time_s)).abs());
                }
            }
            100.0 * worst
        }
    }

    #[test]
    fn shipped_dots_lose_what_the_continuum_loses() {
        let off = Case { matrix: None, ..SHIPPED };
        let error = |case: Case, classes| case.worst(&case.classes(classes));
        let found = [error(SHIPPED, 8), error(SHIPPED, 12), error(off, 8), error(off, 12), error(off, 16)];
        for (found, most) in found.into_iter().zip([0.1, 0.06, 0.22, 0.14, 0.1]) {
            assert!(found < most, "{found} percentage points, of at most {most}");
        }
        // Control: classes made for the matrix do without it what the switch must prevent.
        assert!(off.worst(&SHIPPED.classes(8)) > 0.3);
        // Control: eight classes of equal probability miss the tail.
        let slices = continuum(&WELL, &SIZES);
        let (mut equal, mut start, mut mass) = (Vec::new(), 0, 0.0);
        for (i, slice) in slices.iter().enumerate() {
            mass += slice.0;
            if mass >= (equal.len() + 1) as f64 / 8.0 - 1e-9 {
                equal.extend(class_of(&WELL, &slices[start..=i]));
                start = i + 1;
            }
        }
        assert!(SHIPPED.worst(&equal) > 0.5);
    }

    #[test]
    fn other_dots_and_polymers_are_as_far_off_as_stated() {
        let sized = |mean_nm: f64, sd_nm: f64| {
            let sizes = Diameters { mean_m: mean_nm * 1e-9, sd_m: sd_nm * 1e-9, ..SIZES };
            Case { dots: Dots { sizes, ..DOTS }, ..SHIPPED }
        };
        let walled = |height_ev: f64| {
            let well = SphericalWell { height_ev, ..WELL };
            Case { dots: Dots { well, ..DOTS }, ..SHIPPED }
        };
        let glass = |glass_c: f64| Case { glass_c, ..SHIPPED };
        let cases = [
            sized(2.0, 0.5),
            sized(2.5, 0.7),
            sized(3.0, 1.0),
            sized(4.0, 0.3),
            walled(1.8),
            walled(2.0),
            walled(5.0),
            Case { attempt_per_s: 1e15, ..SHIPPED },
            glass(100.0),
            glass(220.0),
            glass(250.0),
            Case { matrix: Some(Matrix { relaxation_s: 100.0, fragility: 40.0 }), ..SHIPPED },
        ];
        for (i, case) in cases.into_iter().enumerate() {
            for case in [case, Case { matrix: None, ..case }] {
                for (classes, most) in [(8, 0.95), (12, 0.4), (16, 0.2)] {
                    let error = case.worst(&case.classes(classes));
                    assert!(error < most, "case {i}, {classes} classes, matrix {:?}: {error}", case.matrix);
                }
            }
        }
    }

    #[test]
    fn sums_are_one_for_every_number_of_classes() {
        for classes in 1..=16 {
            let found = SHIPPED.classes(classes);
            assert_eq!(found.len(), classes);
            assert!((found.iter().map(|c| c.weight).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((found.iter().map(|c| c.weight * c.speed).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(found.windows(2).all(|pair| pair[0].depth_ev < pair[1].depth_ev));
        }
    }

    #[test]
    fn the_ends_of_the_ranges_give_sound_classes() {
        for (glass_k, attempt_per_s, height_ev) in
            [(1e-60, 1e-60, 100.0), (1e4, 1e20, 100.0), (1e4, 1e-60, 2.4), (300.0, 1e20, 2.4)]
        {
            for matrix in [None, MATRIX, Some(Matrix { relaxation_s: 1e-60, fragility: 1e-60 })] {
                for (min_m, max_m) in [(1e-9, 5e-9), (1e-9, 1e-6), (0.9e-6, 1e-6)] {
                    let sizes = Diameters { mean_m: max_m, sd_m: 0.2 * (max_m - min_m), min_m, max_m };
                    let well = SphericalWell { height_ev, ..WELL };
                    let reach = Reach::new(attempt_per_s, glass_k, matrix.as_ref());
                    let found = of_dots(&Dots { well, sizes, classes: 16, speed_exponent: 0.1 }, &reach);
                    let sound =
                        |c: &TrapClass| c.weight > 0.0 && c.depth_ev > 0.0 && c.speed > 0.0 && c.speed.is_finite();
                    assert!(found.len() == 16 && found.iter().all(sound), "{glass_k} {attempt_per_s} {found:?}");
                }
            }
        }
    }

    #[test]
    fn shifts_follow_the_well() {
        // Within 3 sd of the shipped 1 % the quadratic must give the well's own depth to 0.3 meV (1 % of a rate at
        // 150 C).
        for class in SHIPPED.classes(8) {
            let (mut low, mut high) = (SIZES.min_m, SIZES.max_m);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if WELL.depth_ev(middle) < class.depth_ev { low = middle } else { high = middle }
            }
            for u in [-0.03f64, -0.01, 0.01, 0.03] {
                let shift = class.depth_shift_ev(u);
                let exact = WELL.depth_ev(low * u.exp()) - class.depth_ev;
                assert!((shift - exact).abs() < 3e-4, "{u}: {shift} {exact}");
            }
        }
    }
}
