//! Remarks on the model's validity: settings that can be computed but lie outside what the model was made for.

use trapline_model::cell::counted::Electrons;
use trapline_model::cell::validity;
use trapline_model::material::Material;
use trapline_model::protocol::Part;

/// Remarks on one point, one sentence each.
pub(super) fn flags(
    material: &Material,
    parts: &[Part],
    electrons: Electrons,
    program_k: f64,
    bake_k: f64,
    read_v: f64,
) -> Vec<String> {
    let strongest = parts
        .iter()
        .map(|part| match *part {
            Part::Pulses { amplitude_v, .. } => amplitude_v,
            Part::Sweep { sweep_to_v, .. } => sweep_to_v,
        })
        .fold(0.0, |most: f64, v| if v.abs() > most.abs() { v } else { most });
    let bias = validity::bias("programming", strongest);
    let measured = [("programming", strongest), ("reading", read_v)]
        .into_iter()
        .filter_map(|(what, bias_v)| validity::measured_bias(material, what, bias_v));
    let reading = validity::disturbs(material, read_v);
    let apart = |remark: fn(&Material, &str, f64) -> Option<String>| {
        if program_k == bake_k { None } else { remark(material, "programming", program_k) }
    };
    let hot = [validity::glass(material, "baking", bake_k), apart(validity::glass)];
    let broad = [validity::broadening(material, "baking", bake_k), apart(validity::broadening)];
    // Each dot by itself has no classes.
    let speeds = if matches!(electrons, Electrons::EachDot(_)) { None } else { validity::speeds(material) };
    hot.into_iter().chain(broad).chain([bias, reading, speeds]).flatten().chain(measured).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_model::cell::counted::DotNumber;
    use trapline_model::material;
    use trapline_model::units::kelvin;

    const MEAN: Electrons = Electrons::MeanField;

    #[test]
    fn classes_do_not_stand_for_speeds() {
        let text = material::shipped("pi-ws2-qd").unwrap().text;
        let steep = text.replace("speed_exponent = { value = 0.1,", "speed_exponent = { value = 2.0,");
        assert_ne!(steep, text);
        let dots = material::parse(&steep, "steep").unwrap();
        let said = |electrons| flags(&dots, &[], electrons, kelvin(25.0), kelvin(85.0), 0.1);
        assert!(matches!(&said(MEAN)[..], [one] if one.contains("speed_exponent = 2") && validity::is_outside(one)));
        assert!(said(Electrons::EachDot(DotNumber::Poisson)).is_empty());
    }

    #[test]
    fn only_beyond_the_limit() {
        let dots = material::shipped("pi-ws2-qd").unwrap();
        let pulse = |amplitude_v| [Part::Pulses { pulses: 1, amplitude_v, width_s: 1e-3, interval_s: 0.0 }];
        let room = kelvin(25.0);
        assert!(flags(&dots, &pulse(-6.0), MEAN, room, kelvin(170.0), 0.2).is_empty());
        let hot = flags(&dots, &pulse(1.5), MEAN, room, kelvin(170.5), 0.1);
        assert_eq!(hot.len(), 1);
        assert!(hot[0].contains("170.5 °C is above the glass transition, 170 °C"), "{hot:?}");
        let hardly = flags(&dots, &pulse(1.5), MEAN, room, kelvin(170.001), 0.1);
        assert!(hardly[0].contains("170.001 °C is above the glass transition, 170 °C"), "{hardly:?}");
        let all = flags(&dots, &pulse(-6.5), MEAN, kelvin(180.0), kelvin(190.0), -0.3);
        assert_eq!(all.len(), 4, "{all:?}");
        // Each is known as such by its words, and what says something else is not.
        assert!(all.iter().all(|flag| validity::is_outside(flag)), "{all:?}");
        assert!(!validity::is_outside(crate::campaign::check::TOO_MANY_DOTS));
    }

    #[test]
    fn a_barrier_too_wide_or_too_hot_for_its_law_is_remarked_on() {
        let mut dots = material::shipped("pi-ws2-qd").unwrap();
        let remarks = |dots: &Material, bake_c: f64| {
            let remarks = flags(dots, &[], MEAN, kelvin(25.0), kelvin(bake_c), 0.1);
            remarks.into_iter().filter(|remark| remark.contains("broadens injection")).collect::<Vec<_>>()
        };
        assert!(remarks(&dots, 700.0).is_empty());
        let hot = remarks(&dots, 1000.0);
        assert!(validity::is_outside(&hot[0]));
        assert!(hot.len() == 1 && hot[0].contains("baking at 1000 °C") && hot[0].contains("1.50 nm"), "{hot:?}");
        // Outside validity already at the temperature its currents were measured at, and so at every temperature.
        dots.barrier.width_m = 5e-9;
        assert_eq!(remarks(&dots, 100.0).len(), 2);
        dots.injection.thermal_broadening = false;
        assert!(remarks(&dots, 1000.0).is_empty());
    }
}
