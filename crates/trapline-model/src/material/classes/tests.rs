use super::*;
use crate::material::quadrature::LOSSES_OF_LIVES;
use crate::material::well::SphericalWell;
use crate::material::{MAX_CLASSES, Matrix};
use crate::units::{YEAR_S, kelvin, thermal_energy_ev};

const WELL: SphericalWell = SphericalWell { height_ev: 2.4, mass_inside: 0.32, mass_outside: 1.0 };
const SIZES: Diameters = Diameters { mean_m: 3.0e-9, sd_m: 0.7e-9, min_m: 1.0e-9, max_m: 5.0e-9 };
const DOTS: Dots = Dots { well: WELL, sizes: SIZES, speed_exponent: 0.1 };
const MATRIX: Option<Matrix> = Some(Matrix { relaxation_s: 100.0, fragility: 115.0 });
const SHIPPED: Asked =
    Asked { spread: Spread::Dots(DOTS), classes: None, attempt_per_s: 1e13, glass_transition_k: 443.15 };

fn sized(mean_nm: f64, sd_nm: f64) -> Asked {
    let sizes = Diameters { mean_m: mean_nm * 1e-9, sd_m: sd_nm * 1e-9, ..SIZES };
    Asked { spread: Spread::Dots(Dots { sizes, ..DOTS }), ..SHIPPED }
}

fn walled(height_ev: f64) -> Asked {
    let well = SphericalWell { height_ev, ..WELL };
    Asked { spread: Spread::Dots(Dots { well, ..DOTS }), ..SHIPPED }
}

fn glass(celsius: f64) -> Asked {
    Asked { glass_transition_k: kelvin(celsius), ..SHIPPED }
}

fn sheets(shallowest_ev: f64, deepest_ev: f64) -> Asked {
    let sheets = Sheets { shallowest_ev, deepest_ev, depth_per_size_ev: 0.5 };
    Asked { spread: Spread::Sheets(sheets), ..SHIPPED }
}

/// What was met before is taken again only where all of it is the same.
#[test]
fn traps_that_were_met_before_have_the_classes_they_had() {
    let asked =
        [SHIPPED, SHIPPED, glass(150.0), Asked { classes: Some(9), ..SHIPPED }, sized(3.0, 0.8), walled(2.5), SHIPPED];
    let found = asked.map(|asked| of(&asked));
    for (asked, found) in asked.iter().zip(&found) {
        let continuum: Vec<_> =
            asked.spread.slices().iter().map(|s| Node { weight: s.weight, depth_ev: s.depth_ev }).collect();
        let target = Target::new(&continuum, asked.attempt_per_s, asked.glass_transition_k);
        let anew = asked.classes.map_or_else(|| target.few_enough(), |count| target.fitted(count));
        assert_eq!(anew.nodes.len(), found.len());
        for (node, class) in anew.nodes.iter().zip(found) {
            assert_eq!(node.depth_ev, class.depth_ev);
        }
    }
    assert_eq!((&found[0], &found[0]), (&found[1], &found[6]));
    for (i, j) in [(1, 2), (2, 3), (3, 4), (4, 5), (2, 4), (2, 5)] {
        assert_ne!(found[i], found[j], "control: {i} and {j} are other traps");
    }
}

/// Loss of charge of classes, and its derivative by ln t.
fn loss(classes: &[TrapClass], asked: &Asked, matrix_per_s: f64, temperature_k: f64, time_s: f64) -> (f64, f64) {
    let kt_ev = thermal_energy_ev(temperature_k);
    classes.iter().fold((0.0, 0.0), |(loss, slope), class| {
        let x = (asked.attempt_per_s * (-class.depth_ev / kt_ev).exp() + matrix_per_s) * time_s;
        (loss - class.weight * (-x).exp_m1(), slope + class.weight * x * (-x).exp())
    })
}

/// Largest error of ln(life), of lives from 1 s to ten years at losses of 0.05 % to 12 %, and of the charge that is
/// lost, in percentage points; from 25 C to `hottest_c`, at other temperatures and times than classes are fitted at.
fn worst(classes: &[TrapClass], asked: &Asked, matrix: Option<Matrix>, hottest_c: f64) -> (f64, f64) {
    // Every fourth of the continuum's slices and its neighbours as one: the step is thirty times wider than that.
    let slices = asked.spread.slices();
    let whole: Vec<TrapClass> = slices
        .chunks(4)
        .map(|run| {
            let weight: f64 = run.iter().map(|s| s.weight).sum();
            let depth_ev = run.iter().map(|s| s.weight * s.depth_ev).sum::<f64>() / weight;
            let one = TrapClass { weight, depth_ev, speed: 1.0, depth_slope_ev: 0.0, depth_curvature_ev: 0.0 };
            if weight > 0.0 { one } else { TrapClass { weight: 0.0, depth_ev: 1.0, ..one } }
        })
        .collect();
    let (mut life, mut charge) = (0f64, 0f64);
    for i in 0..=18 {
        let temperature_k = kelvin(25.0 + (hottest_c - 25.0) * f64::from(i) / 18.0);
        let matrix_per_s = matrix.map_or(0.0, |m| m.release_per_s(asked.glass_transition_k, temperature_k));
        for step in 0..=56 {
            let time_s = ((10.0 * YEAR_S).ln() * f64::from(step) / 56.0).exp();
            let (exact, slope) = loss(&whole, asked, matrix_per_s, temperature_k, time_s);
            let (found, _) = loss(classes, asked, matrix_per_s, temperature_k, time_s);
            charge = charge.max((found - exact).abs());
            if (5e-4..0.12).contains(&exact) {
                life = life.max(((found - exact) / slope).abs());
            }
        }
    }
    assert!(life.is_finite() && charge.is_finite());
    (life, 100.0 * charge)
}

#[test]
fn shipped_dots_live_as_the_continuum_does() {
    assert_eq!(LOSSES_OF_LIVES, (4e-4, 0.15));
    let fixed = |count| of(&Asked { classes: Some(count), ..SHIPPED });
    for (classes, matrix, hottest_c, most_life, most_charge) in [
        (of(&SHIPPED), MATRIX, 160.0, 0.015, 0.05),
        (of(&SHIPPED), None, 170.0, 0.015, 0.05),
        (fixed(12), None, 170.0, 0.055, 0.25),
        (fixed(24), None, 170.0, 0.004, 0.02),
    ] {
        let (life, charge) = worst(&classes, &SHIPPED, matrix, hottest_c);
        println!("{} classes, matrix {}: {life:.4} {charge:.3}", classes.len(), matrix.is_some());
        assert!(life < most_life && charge < most_charge, "{} classes: {life}, {charge}", classes.len());
    }
    // Control: what was enough for the mean charge is not enough for lives.
    let (life, charge) = worst(&fixed(8), &SHIPPED, None, 170.0);
    assert!(life > 0.1 && charge < 1.0, "{life} {charge}");
    // Control: sixteen classes of equal probability miss the tail.
    let (life, _) = worst(&equal(16), &SHIPPED, None, 170.0);
    assert!(life > 0.5, "{life}");
}

/// Classes of equal probability of the shipped dots.
fn equal(count: usize) -> Vec<TrapClass> {
    let singles = Singles::new(&SHIPPED.spread);
    let middle = |k: usize| TrapClass { weight: 1.0 / count as f64, ..singles.at((k as f64 + 0.5) / count as f64) };
    (0..count).map(middle).collect()
}

#[test]
fn other_traps_and_polymers_are_as_far_off_as_stated() {
    let cases = [
        ("2 nm", sized(2.0, 0.5)),
        ("2.5 nm", sized(2.5, 0.7)),
        ("sd 1 nm", sized(3.0, 1.0)),
        ("4 nm", sized(4.0, 0.3)),
        ("1.8 eV", walled(1.8)),
        ("2 eV", walled(2.0)),
        ("5 eV", walled(5.0)),
        ("1e15 /s", Asked { attempt_per_s: 1e15, ..SHIPPED }),
        ("Tg 100 C", glass(100.0)),
        ("Tg 220 C", glass(220.0)),
        ("Tg 250 C", glass(250.0)),
        ("sheets", sheets(1.165, 1.246)),
        ("wide sheets", sheets(0.8, 1.6)),
        ("one depth", sheets(1.2, 1.2)),
    ];
    for (name, asked) in cases {
        let classes = of(&asked);
        let hottest_c = asked.glass_transition_k - 273.15;
        for matrix in [None, MATRIX, Some(Matrix { relaxation_s: 100.0, fragility: 40.0 })] {
            let (life, charge) = worst(&classes, &asked, matrix, hottest_c);
            println!("{name}: {} classes, {life:.4} {charge:.3}", classes.len());
            assert!(life < 0.02 && charge < 0.3, "{name}, {} classes: {life} {charge}", classes.len());
        }
    }
}

/// Shallow traps lose within a second what others have lives for: what is kept of what was there after 1 us, 1 ms and
/// 1 s, at thresholds of 0.95 to 0.8, and what a rate of filling beside heat holds.
#[test]
fn shallow_traps_are_those_of_the_continuum_within_the_first_second_too() {
    // The error of a life, and of an occupancy in percentage points.
    let worst = |classes: &[TrapClass], asked: &Asked| {
        let whole: Vec<TrapClass> = asked.spread.continuum();
        let (mut life, mut full) = (0f64, 0f64);
        for celsius in [25.0, 60.0, 100.0] {
            let kt_ev = thermal_energy_ev(kelvin(celsius));
            let per_s = |class: &TrapClass| asked.attempt_per_s * (-class.depth_ev / kt_ev).exp();
            for before_s in [1e-6, 1e-3, 1.0] {
                let lost = |of: &[TrapClass], after_s: f64| {
                    let left = |time_s: f64| of.iter().map(|c| c.weight * (-per_s(c) * time_s).exp()).sum::<f64>();
                    1.0 - left(before_s + after_s) / left(before_s)
                };
                let time_s = |of: &[TrapClass], share: f64| {
                    let (mut low, mut high) = ((1e-6f64).ln(), (1e10f64).ln());
                    for _ in 0..60 {
                        let middle = 0.5 * (low + high);
                        if lost(of, middle.exp()) < share { low = middle } else { high = middle }
                    }
                    low
                };
                for share in [0.05, 0.1, 0.2] {
                    let exact = time_s(&whole, share);
                    if exact > before_s.ln() && exact < (1e8f64).ln() {
                        let off = (time_s(classes, share) - exact).abs();
                        assert!(off.is_finite());
                        life = life.max(off);
                    }
                }
            }
            for caught_per_s in [1e-2, 1.0, 1e3] {
                let held = |of: &[TrapClass]| {
                    of.iter().map(|c| c.weight * caught_per_s / (caught_per_s + per_s(c))).sum::<f64>()
                };
                full = full.max(100.0 * (held(classes) - held(&whole)).abs());
            }
        }
        assert!(life > 0.0 && full.is_finite());
        (life, full)
    };
    for (name, asked) in [("1.3 eV", walled(1.3)), ("sheets", sheets(0.54, 1.2)), ("0.7 eV", sheets(0.7, 1.2))] {
        let classes = of(&asked);
        let (life, full) = worst(&classes, &asked);
        println!("{name}: {} classes, {life:.4} {full:.3}", classes.len());
        // A loss is fitted to 1.5 % of a life, 2.2 % where much is lost (7.5e-4 of the charge over a slope of some
        // 0.03 in ln t); a life that begins later has that of its end and of its beginning, 4.4 %, and a little more
        // where less than all is left. Occupancies average the 0.075 percentage points of many losses.
        assert!(life < 0.06 && full < 0.075, "{name}, {} classes: {life} {full}", classes.len());
        // Control: the same traps, fitted from a second on.
        let slices = asked.spread.slices();
        let nodes = slices.iter().filter(|s| s.weight > 0.0).map(|s| Node { weight: s.weight, depth_ev: s.depth_ev });
        let whole: Vec<Node> = nodes.collect();
        let late = Target::from_time(1.0, &whole, asked.attempt_per_s, asked.glass_transition_k).few_enough();
        let class = |n: &Node| TrapClass {
            weight: n.weight,
            depth_ev: n.depth_ev,
            speed: 1.0,
            depth_slope_ev: 0.0,
            depth_curvature_ev: 0.0,
        };
        let (life, full) = worst(&late.nodes.iter().map(class).collect::<Vec<_>>(), &asked);
        println!("{name}: {life:.4} {full:.3} from a second on");
        assert!(life > 0.12 || full > 1.0, "{name}: {life} {full}");
    }
}

#[test]
fn sums_are_one_for_every_number_of_classes() {
    for classes in 1..=MAX_CLASSES {
        let found = of(&Asked { classes: Some(classes), ..SHIPPED });
        assert_eq!(found.len(), classes);
        assert!((found.iter().map(|c| c.weight).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((found.iter().map(|c| c.weight * c.speed).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(found.windows(2).all(|pair| pair[0].depth_ev < pair[1].depth_ev));
    }
}

#[test]
fn the_ends_of_the_ranges_give_sound_classes() {
    for (glass_transition_k, attempt_per_s, height_ev) in
        [(1e-60, 1e-60, 100.0), (1e4, 1e20, 100.0), (1e4, 1e-60, 2.4), (300.0, 1e20, 2.4)]
    {
        for (min_m, max_m) in [(1e-9, 5e-9), (1e-9, 1e-6), (0.9e-6, 1e-6)] {
            let sizes = Diameters { mean_m: max_m, sd_m: 0.2 * (max_m - min_m), min_m, max_m };
            let well = SphericalWell { height_ev, ..WELL };
            let spread = Spread::Dots(Dots { well, sizes, speed_exponent: 0.1 });
            for classes in [None, Some(16)] {
                let found = of(&Asked { spread, classes, attempt_per_s, glass_transition_k });
                let sound = |c: &TrapClass| c.weight > 0.0 && c.depth_ev > 0.0 && c.speed > 0.0 && c.is_finite();
                assert!(!found.is_empty() && found.len() <= MAX_CLASSES, "{found:?}");
                assert!(found.iter().all(sound), "{glass_transition_k} {attempt_per_s} {found:?}");
            }
        }
    }
}

#[test]
fn shifts_follow_the_well() {
    // Within 3 sd of the shipped 1 % the quadratic must give the well's own depth to 0.3 meV (1 % of a rate at
    // 150 C).
    for class in of(&SHIPPED) {
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

/// Traps drawn one by one are those of the spread: shares of sizes, mean depth and mean speed.
#[test]
fn single_traps_are_those_of_the_spread() {
    let singles = Singles::new(&SHIPPED.spread);
    let count = 40_000;
    let traps: Vec<TrapClass> = (0..count).map(|i| singles.at((f64::from(i) + 0.5) / f64::from(count))).collect();
    let mean = |of: fn(&TrapClass) -> f64| traps.iter().map(of).sum::<f64>() / f64::from(count);
    assert!((mean(|trap| trap.speed) - 1.0).abs() < 1e-4, "{}", mean(|trap| trap.speed));
    let slices = SHIPPED.spread.slices();
    let depth_ev: f64 = slices.iter().map(|s| s.weight * s.depth_ev).sum();
    assert!((mean(|trap| trap.depth_ev) - depth_ev).abs() < 1e-5, "{} {depth_ev}", mean(|trap| trap.depth_ev));
    for diameter_m in [1.2e-9, 2e-9, 3e-9, 4.5e-9] {
        let edge_ev = WELL.depth_ev(diameter_m);
        let share: f64 = slices.iter().filter(|s| s.diameter_m < diameter_m).map(|s| s.weight).sum();
        let below = traps.iter().filter(|trap| trap.depth_ev < edge_ev).count() as f64 / f64::from(count);
        assert!((below - share).abs() < 2e-4, "{diameter_m}: {below} {share}");
    }
    assert!(traps.iter().all(|trap| trap.is_finite() && trap.depth_ev > 0.0));
}
