//! Trap classes: a quadrature over the dots' sizes that keeps the shallow tail.
//!
//! # Theory
//! The charge lost in time `t` at temperature `T` is the mean of
//! `1 - exp(-e(E) t)` over the depths `E` of the dots, a step some 3 kT wide
//! that moves to deeper dots as time goes on. Thermal escape reaches
//! `kT (ln(nu t) + 3.5)` (3 % of a class of that depth is lost): 1.82 eV
//! after ten years at 125 C with nu = 1e13 /s. At higher temperatures the
//! matrix, which does not care for depth, empties everything in that time.
//!
//! # Practice
//! All that lies deeper than the reach never moves by itself and is one class at its
//! mean depth. What is shallower, a few percent of the dots and all of the
//! thermal loss, gets the other K - 1 classes: panels equal in the 0.4th power of the
//! cumulative probability, between equal probability (which loses the rare
//! shallow dots) and equal width (which wastes classes on them), each at its mean
//! depth. With K = 8 and the shipped dots the loss is within 0.07 percentage
//! points of the continuum from 25 to 170 C and 1 s to ten years; a test
//! holds it below 0.1.

use super::well::SphericalWell;
use crate::units::{YEAR_S, kelvin, thermal_energy_ev};

/// Exponent that spreads the panels over the tail.
const TAIL_EXPONENT: f64 = 0.4;
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

/// The dots' sizes: a normal distribution cut at both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diameters {
    pub mean_m: f64,
    pub sd_m: f64,
    pub min_m: f64,
    pub max_m: f64,
}

/// Depth that thermal escape can reach in use, eV: ten years at 125 C where the matrix rules
/// hotter bakes, at 170 C where it does not.
pub fn reach_ev(attempt_per_s: f64, matrix: bool) -> f64 {
    let hottest_k = kelvin(if matrix { 125.0 } else { 170.0 });
    thermal_energy_ev(hottest_k) * (libm::log(attempt_per_s * 10.0 * YEAR_S) + 3.5)
}

/// (probability, depth in eV, diameter in m) of equal slices of the diameter range.
fn continuum(well: &SphericalWell, sizes: &Diameters) -> Vec<(f64, f64, f64)> {
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

/// The classes of a distribution of dots, at most `classes` of them, shallowest first.
///
/// `speed_exponent` makes larger dots catch faster: speed goes as diameter to this power.
pub fn of_dots(
    well: &SphericalWell,
    sizes: &Diameters,
    classes: usize,
    reach_ev: f64,
    speed_exponent: f64,
) -> Vec<TrapClass> {
    let slices = continuum(well, sizes);
    let tail_end = slices.partition_point(|s| s.1 < reach_ev);
    let tail_mass: f64 = slices[..tail_end].iter().map(|s| s.0).sum();
    let has_bulk = tail_end < slices.len();
    let panels = classes - usize::from(has_bulk);
    let mut found = Vec::with_capacity(classes);
    let (mut first, mut mass) = (0, 0.0);
    for panel in 1..=panels {
        let edge = tail_mass * libm::pow(panel as f64 / panels as f64, 1.0 / TAIL_EXPONENT);
        let mut end = first;
        while end < tail_end && (panel == panels || mass + 0.5 * slices[end].0 < edge) {
            mass += slices[end].0;
            end += 1;
        }
        found.extend(class_of(well, &slices[first..end]));
        first = end;
    }
    // With one class there is no tail to keep apart: everything goes into the bulk.
    found.extend(class_of(well, &slices[if panels == 0 { 0 } else { tail_end }..]));
    for class in &mut found {
        class.speed = libm::pow(class.speed / sizes.mean_m, speed_exponent);
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

    const WELL: SphericalWell = SphericalWell { height_ev: 2.4, mass_inside: 0.32, mass_outside: 1.0 };
    const SIZES: Diameters = Diameters { mean_m: 3.0e-9, sd_m: 0.7e-9, min_m: 1.0e-9, max_m: 5.0e-9 };

    fn loss(classes: &[(f64, f64)], temperature_k: f64, time_s: f64, matrix: bool) -> f64 {
        let kt_ev = thermal_energy_ev(temperature_k);
        let matrix_per_s = if matrix { 1e-2 * 10f64.powf(-115.0 * (kelvin(170.0) / temperature_k - 1.0)) } else { 0.0 };
        classes.iter().map(|(w, e)| -w * (-(1e13 * (-e / kt_ev).exp() + matrix_per_s) * time_s).exp_m1()).sum()
    }

    fn worst(classes: &[TrapClass], matrix: bool) -> f64 {
        let whole: Vec<_> = continuum(&WELL, &SIZES).iter().map(|s| (s.0, s.1)).collect();
        let few: Vec<_> = classes.iter().map(|c| (c.weight, c.depth_ev)).collect();
        let mut worst = 0f64;
        for celsius in [25.0, 85.0, 100.0, 125.0, 150.0, 155.0, 160.0, 170.0] {
            for step in 0..=34 {
                let (t_k, time_s) = (kelvin(celsius), 10f64.powf(step as f64 / 4.0));
                worst = worst.max((loss(&whole, t_k, time_s, matrix) - loss(&few, t_k, time_s, matrix)).abs());
            }
        }
        worst
    }

    #[test]
    fn eight_classes_lose_what_the_continuum_loses() {
        let classes = of_dots(&WELL, &SIZES, 8, reach_ev(1e13, true), 0.1);
        assert_eq!(classes.len(), 8);
        let error = worst(&classes, true);
        assert!(error < 1e-3, "{error}");
        // Control: eight classes of equal probability miss the tail by more than that.
        let slices = continuum(&WELL, &SIZES);
        let (mut equal, mut start, mut mass) = (Vec::new(), 0, 0.0);
        for (i, slice) in slices.iter().enumerate() {
            mass += slice.0;
            if mass >= (equal.len() + 1) as f64 / 8.0 - 1e-9 {
                equal.extend(class_of(&WELL, &slices[start..=i]));
                start = i + 1;
            }
        }
        assert!(worst(&equal, true) > 5e-3);
    }

    #[test]
    fn sums_are_one_for_every_number_of_classes() {
        for classes in 1..=16 {
            let found = of_dots(&WELL, &SIZES, classes, reach_ev(1e13, true), 0.1);
            assert_eq!(found.len(), classes);
            assert!((found.iter().map(|c| c.weight).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((found.iter().map(|c| c.weight * c.speed).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(found.windows(2).all(|pair| pair[0].depth_ev < pair[1].depth_ev));
        }
    }

    #[test]
    fn shifts_follow_the_well() {
        // Within 3 sd of the shipped 1 % the quadratic must give the well's own depth to 0.3 meV (1 % of a rate at 150 C).
        for class in of_dots(&WELL, &SIZES, 8, reach_ev(1e13, true), 0.1) {
            let (mut low, mut high) = (SIZES.min_m, SIZES.max_m);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if WELL.depth_ev(middle) < class.depth_ev { low = middle } else { high = middle }
            }
            for u in [-0.03f64, -0.01, 0.01, 0.03] {
                let shift = class.depth_slope_ev * u + class.depth_curvature_ev * u * u;
                let exact = WELL.depth_ev(low * u.exp()) - class.depth_ev;
                assert!((shift - exact).abs() < 3e-4, "{u}: {shift} {exact}");
            }
        }
    }
}
