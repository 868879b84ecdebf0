//! Where the model stops being believable: remarks, one sentence each.

use super::current;
use crate::material::classes::Dots;
use crate::material::{Material, Spread};
use crate::units::celsius_texts;

/// Largest bias the cell was calibrated to (the paper sweeps to 5 V and pulses to 5.5 V), rounded up.
pub const VALID_TO_V: f64 = 6.0;

/// Words by which a remark of this module, and one on a reading that disturbs, says that results stand outside of
/// what the model was made for.
const SIGNS: [&str; 6] = [
    "outside the model's validity",
    "of the measured current: the power law of its last two points is taken on",
    "is past the law by which heat broadens injection",
    "is above the onset of capture",
    "trap classes stand for the depths of dots, not for their speeds",
    UNRESOLVED,
];

/// Largest power of their diameter that the speeds of dots may go as where classes stand for them. Fillings are then
/// within 1e-3 of every dot by itself, and lives within 2 %; with a power of 2 lives are 16 % off, with 5 some 40 %.
const MOST_SPEED_EXPONENT: f64 = 0.5;

/// Largest ratio of the speeds of levels: with 100 fillings are up to 3e-3 off, with 1e4 up to 8e-3.
const MOST_RATIO_OF_SPEEDS: f64 = 30.0;
const UNRESOLVED: &str = "the steps of a segment do not resolve the fastest traps";

/// Whether a remark on a point says that its results stand outside of the model's validity; other remarks say what was
/// left out, or how the point was made.
pub fn is_outside(remark: &str) -> bool {
    SIGNS.iter().any(|sign| remark.contains(sign))
}

/// A remark where `what` (baking, programming, ...) is hotter than the glass transition.
pub fn glass(material: &Material, what: &str, temperature_k: f64) -> Option<String> {
    let glass_k = material.glass_transition_k;
    let both = celsius_texts(&[temperature_k, glass_k]).join(" °C is above the glass transition, ");
    (temperature_k > glass_k).then(|| format!("{what} at {both} °C: outside the model's validity"))
}

/// A remark on dots whose speeds differ so much with their size that classes of depth do not stand for them, and on
/// levels that differ so much that the steps of a segment, chosen for their mean, do not resolve the fastest.
pub fn speeds(material: &Material) -> Option<String> {
    let speed_exponent = match &material.spread {
        Some(Spread::Dots(Dots { speed_exponent, .. })) => speed_exponent,
        Some(_) => return None,
        None => return far_apart(material),
    };
    (*speed_exponent > MOST_SPEED_EXPONENT).then(|| {
        format!(
            "traps.speed_exponent = {speed_exponent}: trap classes stand for the depths of dots, not for their speeds, and above \
             {MOST_SPEED_EXPONENT} fillings may be off by per cents, lives by tens of them; electrons = \"each-dot\" takes each dot's own"
        )
    })
}

fn far_apart(material: &Material) -> Option<String> {
    let speeds = material.classes.iter().map(|class| class.speed);
    let (least, most) = speeds.fold((f64::INFINITY, 0.0_f64), |(least, most), s| (least.min(s), most.max(s)));
    (most > MOST_RATIO_OF_SPEEDS * least).then(|| {
        format!(
            "traps.speeds differ by a factor of {:.3e}: {UNRESOLVED}, and fillings may be off by a hundredth where segments are \
             long; cut them, or ask for program.substeps",
            most / least
        )
    })
}

/// A remark on a reading that would catch charge.
pub fn disturbs(material: &Material, read_v: f64) -> Option<String> {
    let onset_v = material.capture?.onset_v;
    (read_v.abs() > onset_v).then(|| {
        format!("reading at {read_v} V is above the onset of capture, {onset_v} V: it would disturb the cell, which is not modelled")
    })
}

/// A remark on a bias beyond the calibrated ones.
pub fn bias(what: &str, bias_v: f64) -> Option<String> {
    (bias_v.abs() > VALID_TO_V)
        .then(|| format!("{what} at {bias_v} V is beyond {VALID_TO_V} V: outside the model's validity"))
}

/// A remark where a bias is beyond those at which the material's current was measured; below them the current goes on
/// as it must.
pub fn measured_bias(material: &Material, what: &str, bias_v: f64) -> Option<String> {
    let (least_v, most_v) = material.measured.as_ref()?.range_v;
    (bias_v.abs() > most_v).then(|| {
        format!(
            "{what} at {bias_v} V is beyond the {least_v} V to {most_v} V of the measured current: the power law of its last two points is \
             taken on"
        )
    })
}

/// A remark where the electrode is too hot, or the barrier too wide, for the law by which heat broadens injection.
pub fn broadening(material: &Material, what: &str, temperature_k: f64) -> Option<String> {
    // Of a current that was measured, the temperature it was measured at.
    let hottest_k = temperature_k.max(current::injection_k(material));
    let past = current::broadening_x(&material.barrier, hottest_k) > current::MAX_BROADENING_X;
    (material.injection.thermal_broadening && past).then(|| {
        format!(
            "{what} at {} °C: a barrier {:.2} nm wide is past the law by which heat broadens injection, which stays what it is at its \
             end",
            celsius_texts(&[temperature_k]).concat(),
            material.barrier.width_m * 1e9
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::TrapClass;

    /// Levels are told apart by their ratio alone, on either side of the limit.
    #[test]
    fn levels_of_far_apart_speeds_are_remarked() {
        let mut material = crate::material::shipped("pi-ws2-qd").unwrap();
        let class = material.classes[0];
        let mut said = |all: &[f64]| {
            material.spread = None;
            material.classes = all.iter().map(|&speed| TrapClass { speed, ..class }).collect();
            speeds(&material)
        };
        assert_eq!(said(&[1.0]), None);
        assert_eq!(said(&[0.1, 2.9]), None);
        let remark = said(&[0.1, 3.1]).unwrap();
        assert!(remark.contains("3.100e1") && is_outside(&remark), "{remark}");
    }

    #[test]
    fn a_reading_above_the_onset_of_capture_is_remarked() {
        let material = crate::material::shipped("pi-ws2-qd").unwrap();
        let onset_v = material.capture.unwrap().onset_v;
        assert_eq!(disturbs(&material, -onset_v), None);
        assert!(disturbs(&material, -1.01 * onset_v).is_some_and(|remark| is_outside(&remark)));
    }
}
