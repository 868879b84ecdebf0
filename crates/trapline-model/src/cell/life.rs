//! How long a charge lasts in the mean, and what few trap classes do to that.

use crate::material::{Material, TrapClass};

/// The time after which classes have lost a share of their charge at a constant temperature without bias, s; none where
/// that takes longer than 1e30 s. Every trap is as full as its class catches fast.
/// A share outside 0 to 1 has no life.
pub fn life_s(material: &Material, classes: &[TrapClass], temperature_k: f64, lost: f64) -> Option<f64> {
    life_after_s(material, classes, temperature_k, lost, 0.0)
}

/// [`life_s`] of traps that heat of that temperature has emptied for some time before, s: of what they still hold then.
pub fn life_after_s(
    material: &Material,
    classes: &[TrapClass],
    temperature_k: f64,
    lost: f64,
    before_s: f64,
) -> Option<f64> {
    if !(lost > 0.0 && lost < 1.0) {
        return None;
    }
    let escapes = super::escapes_per_s(material, classes, 0.0, temperature_k);
    let held = |(class, per_s): (&TrapClass, f64)| (class.weight * class.speed * libm::exp(-per_s * before_s), per_s);
    let rates: Vec<(f64, f64)> = classes.iter().zip(escapes).map(held).collect();
    let whole: f64 = rates.iter().map(|(share, _)| share).sum();
    let gone = |ln_s: f64| -> f64 {
        let s = libm::exp(ln_s);
        rates.iter().map(|(share, per_s)| -share * libm::expm1(-per_s * s)).sum::<f64>() / whole
    };
    let (mut early, mut late) = (libm::log(1e-30), libm::log(1e30));
    if gone(late).is_nan() || gone(late) < lost {
        return None;
    }
    for _ in 0..60 {
        let middle = 0.5 * (early + late);
        if gone(middle) < lost {
            early = middle;
        } else {
            late = middle;
        }
    }
    Some(libm::exp(0.5 * (early + late)))
}

/// The life that a material's trap classes give over that of the spread of depths they stand for, where a share of the
/// charge is lost at a temperature. 1 where the classes are the traps themselves; none where either has no life.
pub fn ratio_of_classes(material: &Material, temperature_k: f64, lost: f64) -> Option<f64> {
    let Some(spread) = &material.spread else { return Some(1.0) };
    let life_s = |classes: &[TrapClass]| life_s(material, classes, temperature_k, lost);
    Some(life_s(&material.classes)? / life_s(&spread.continuum())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material;
    use crate::units::{kelvin, thermal_energy_ev};

    #[test]
    fn one_level_lives_as_its_closed_form_says() {
        let dots = material::shipped("pi-ws2-qd").unwrap();
        let level = TrapClass { weight: 1.0, depth_ev: 1.4, speed: 1.0, depth_slope_ev: 0.0, depth_curvature_ev: 0.0 };
        let one = dots.with_thermal_classes(vec![level]);
        let per_s = 1e13 * (-1.4 / thermal_energy_ev(kelvin(100.0))).exp();
        let life = life_s(&one, &one.classes, kelvin(100.0), 0.02).unwrap();
        assert!((life * per_s / -(0.98f64).ln() - 1.0).abs() < 1e-9, "{life}");
        assert_eq!(ratio_of_classes(&one, kelvin(100.0), 0.02), Some(1.0));
        for lost in [0.0, 1.0, f64::NAN] {
            assert_eq!(life_s(&one, &one.classes, kelvin(100.0), lost), None);
        }
        assert_eq!(life_s(&one, &one.classes, 1.0, 0.5), None, "colder than any charge leaves");
    }

    /// Lives at thresholds of 0.9 to 0.999 are those of the dots one by one, within 2 %, from 25 to 160 C; with eight
    /// classes they are not.
    #[test]
    fn lives_of_shipped_classes_are_those_of_the_dots() {
        let dots = material::shipped("pi-ws2-qd").unwrap();
        let (_, text) = material::SHIPPED[0];
        let eight = text.replace("kind = \"dots\"", "kind = \"dots\"\nclasses = 8");
        let eight = material::parse(&eight, "eight").unwrap();
        let mut worst = [0f64; 2];
        for celsius in [25.0, 40.0, 55.0, 70.0, 85.0, 105.0, 125.0, 140.0, 150.0, 155.0, 160.0] {
            for lost in [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1] {
                let continuum = dots.spread.unwrap().continuum();
                let exact_s = life_s(&dots, &continuum, kelvin(celsius), lost).unwrap();
                // Seconds to ten years are what classes are made for.
                if (1.0..3.2e8).contains(&exact_s) {
                    for (worst, of) in worst.iter_mut().zip([&dots, &eight]) {
                        *worst = worst.max(ratio_of_classes(of, kelvin(celsius), lost).unwrap().ln().abs());
                    }
                }
            }
        }
        assert!(worst[0] < 0.02 && worst[1] > 0.1, "{worst:?}");
    }
}
