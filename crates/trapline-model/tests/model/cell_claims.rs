//! The nominal cell against what the design's prototype and the paper say of it.

use trapline_model::cell::{self, Drive, Factors, current, step};
use trapline_model::material::{self, Material};
use trapline_model::protocol::{Part, segments};
use trapline_model::units::kelvin;

/// Fillings after each cycle of a programming at a temperature.
fn fillings(material: &Material, parts: &[Part], temperature_k: f64) -> Vec<f64> {
    let emission = cell::emission_per_s(material, &Factors::NOMINAL, temperature_k);
    let mut occupancy = [0.0; trapline_model::material::MAX_CLASSES];
    segments(parts)
        .iter()
        .map(|segment| {
            let drive = Drive::new(material, segment, temperature_k, None);
            cell::apply(material, &Factors::NOMINAL, &emission, &drive, 1.0, &mut occupancy);
            step::filling(&material.classes, &occupancy)
        })
        .collect()
}

#[test]
fn thirty_pulses_fill_as_in_the_prototype() {
    let qd = material::shipped("pi-ws2-qd").unwrap();
    let pulses = Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 };
    let found = fillings(&qd, &[pulses], kelvin(100.0));
    // model.md's prototype: 0.030 / 0.189 / 0.262 / 0.297 after 1 / 10 / 20 / 30 pulses. The shipped material is
    // fitted to the rise of the conductance, 0.20 ± 0.02, not to the filling; that error is 0.03 of the filling (0.20
    // at 0.297), and half of it is allowed.
    for (pulse, expected) in [(1, 0.030), (10, 0.189), (20, 0.262), (30, 0.297)] {
        let f = found[2 * pulse - 1];
        assert!((f - expected).abs() < 0.015, "after {pulse} pulses {f}, prototype {expected}");
    }
    let ns = material::shipped("pi-ws2-ns").unwrap();
    let pulses = Part::Pulses { pulses: 30, amplitude_v: 0.7, width_s: 1e-3, interval_s: 1e-3 };
    let f = fillings(&ns, &[pulses], kelvin(100.0))[59];
    assert!((f - 0.14).abs() < 0.005, "nanosheets fill to {f}, prototype 0.14");
}

#[test]
fn the_sweep_has_the_papers_slopes() {
    let qd = material::shipped("pi-ws2-qd").unwrap();
    let t = kelvin(100.0);
    let sweep = Part::Sweep { sweeps: 1, sweep_to_v: 5.0, step_v: 0.05, dwell_s: 3.9e-4 };
    let filled = fillings(&qd, &[sweep], t);
    let points = segments(&[sweep]);
    let current: Vec<_> =
        points.iter().zip(&filled).map(|(s, &f)| (s.bias_v, current::current_a(&qd, s.bias_v, t, f))).collect();
    let slope = |from_v: f64, to_v: f64| {
        let logs: Vec<_> = current[..100]
            .iter()
            .filter(|(v, _)| *v > from_v - 1e-9 && *v < to_v + 1e-9)
            .map(|(v, i)| (v.ln(), i.ln()))
            .collect();
        let n = logs.len() as f64;
        let (mx, my) = (logs.iter().map(|p| p.0).sum::<f64>() / n, logs.iter().map(|p| p.1).sum::<f64>() / n);
        logs.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / logs.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>()
    };
    // Figure 3d: 1.2, 2.5, 3.62; the prototype gave 1.213, 2.501, 3.630.
    for (from, to, expected, within) in [(1.0, 2.0, 1.2, 0.1), (2.0, 4.0, 2.5, 0.1), (4.0, 5.0, 3.62, 0.15)] {
        let found = slope(from, to);
        assert!((found - expected).abs() < within, "{from} to {to} V: {found}");
    }
    let ratio = current[198 - 19].1 / current[19].1;
    assert!((current[19].0 - 1.0).abs() < 1e-9 && (current[179].0 - 1.0).abs() < 1e-9);
    assert!(ratio > 2.0, "memory ratio at 1 V {ratio}");
    assert!((filled[79] - 0.94).abs() < 0.01, "filling at 4 V {}", filled[79]);
}

#[test]
fn concentration_and_temperature_move_the_current_as_stated() {
    let mut qd = material::shipped("pi-ws2-qd").unwrap();
    let at = |m: &Material, t| current::current_a(m, 1.5, t, 0.0);
    let (room, hot) = (at(&qd, kelvin(25.0)), at(&qd, kelvin(100.0)));
    assert!((hot / room - 1.0) > 1e-3 && (hot / room - 1.0) < 0.1, "25 to 100 C: {}", hot / room);
    qd.barrier.concentration = 0.1;
    assert!(hot / at(&qd, kelvin(100.0)) > 10.0);
}
