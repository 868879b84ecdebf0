//! Remarks on the model's validity: what may be computed, and should not be believed without a second thought.

use crate::cell::validity;
use crate::material::Material;
use crate::protocol::Part;

/// Remarks on one point, one sentence each.
pub(super) fn flags(material: &Material, parts: &[Part], program_k: f64, bake_k: f64, read_v: f64) -> Vec<String> {
    let strongest = parts
        .iter()
        .map(|part| match *part {
            Part::Pulses { amplitude_v, .. } => amplitude_v,
            Part::Sweep { sweep_to_v, .. } => sweep_to_v,
        })
        .fold(0.0, |most: f64, v| if v.abs() > most.abs() { v } else { most });
    let bias = validity::bias("programming", strongest);
    let reading = material.capture.filter(|c| read_v.abs() > c.onset_v).map(|c| {
        format!(
            "reading at {read_v} V is above the onset of capture, {} V: it would disturb the cell, which is not modelled",
            c.onset_v
        )
    });
    let programming = if program_k == bake_k { None } else { validity::glass(material, "programming", program_k) };
    [validity::glass(material, "baking", bake_k), programming, bias, reading].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material;
    use crate::units::kelvin;

    #[test]
    fn only_beyond_the_limit() {
        let dots = material::shipped("pi-ws2-qd").unwrap();
        let pulse = |amplitude_v| [Part::Pulses { pulses: 1, amplitude_v, width_s: 1e-3, interval_s: 0.0 }];
        let room = kelvin(25.0);
        assert!(flags(&dots, &pulse(-6.0), room, kelvin(170.0), 0.2).is_empty());
        let hot = flags(&dots, &pulse(1.5), room, kelvin(170.5), 0.1);
        assert_eq!(hot.len(), 1);
        assert!(hot[0].contains("170.5 °C is above the glass transition, 170 °C"), "{hot:?}");
        let hardly = flags(&dots, &pulse(1.5), room, kelvin(170.001), 0.1);
        assert!(hardly[0].contains("170.001 °C is above the glass transition, 170 °C"), "{hardly:?}");
        let all = flags(&dots, &pulse(-6.5), kelvin(180.0), kelvin(190.0), -0.3);
        assert_eq!(all.len(), 4, "{all:?}");
    }
}
