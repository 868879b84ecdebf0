//! Physical constants (2019 SI, exact where the SI makes them exact) and the
//! conversions of the edges. Inside the program everything is SI, except
//! energies of traps and barriers, which are electronvolts and say so (`_ev`).

/// Elementary charge, C (exact).
pub const ELEMENTARY_CHARGE_C: f64 = 1.602_176_634e-19;
/// Boltzmann constant, J/K (exact).
pub const BOLTZMANN_J_PER_K: f64 = 1.380_649e-23;
/// Boltzmann constant, eV/K.
pub const BOLTZMANN_EV_PER_K: f64 = BOLTZMANN_J_PER_K / ELEMENTARY_CHARGE_C;
/// Planck constant, J s (exact).
pub const PLANCK_J_S: f64 = 6.626_070_15e-34;
/// Reduced Planck constant, J s.
pub const REDUCED_PLANCK_J_S: f64 = PLANCK_J_S / (2.0 * std::f64::consts::PI);
/// Electron rest mass, kg (CODATA 2018).
pub const ELECTRON_MASS_KG: f64 = 9.109_383_701_5e-31;
/// Vacuum permittivity, F/m (CODATA 2018).
pub const VACUUM_PERMITTIVITY_F_PER_M: f64 = 8.854_187_812_8e-12;
/// 0 degrees Celsius, K (exact).
pub const ZERO_CELSIUS_K: f64 = 273.15;
/// A Julian year, s.
pub const YEAR_S: f64 = 365.25 * 86_400.0;

/// Degrees Celsius to kelvin.
pub fn kelvin(celsius: f64) -> f64 {
    celsius + ZERO_CELSIUS_K
}

/// Kelvin to degrees Celsius.
pub fn celsius(kelvin: f64) -> f64 {
    kelvin - ZERO_CELSIUS_K
}

/// Temperatures in degrees Celsius as text, without a unit: `85`, `170.5`. No two that differ read the same.
pub fn celsius_texts(temperatures_k: &[f64]) -> Vec<String> {
    // Four decimals hide the rounding of the conversion; sixteen show the last bit of any temperature.
    const DECIMALS: std::ops::RangeInclusive<usize> = 4..=16;
    let text = |t: f64, decimals: usize| {
        let text = format!("{:.decimals$}", celsius(t));
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if text == "-0" { "0".to_owned() } else { text.to_owned() }
    };
    let mut sorted = temperatures_k.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    let differ = |decimals: &usize| sorted.windows(2).all(|w| text(w[0], *decimals) != text(w[1], *decimals));
    let decimals = DECIMALS.clone().find(differ).unwrap_or(*DECIMALS.end());
    temperatures_k.iter().map(|&t| text(t, decimals)).collect()
}

/// Thermal energy kT in eV.
pub fn thermal_energy_ev(temperature_k: f64) -> f64 {
    BOLTZMANN_EV_PER_K * temperature_k
}

/// A time as a person says it: `1 s`, `1.2 h`, `10 years`.
pub fn spoken_time(seconds: f64) -> String {
    const SCALES: [(f64, &str); 5] = [(YEAR_S, "years"), (86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")];
    for (scale, name) in SCALES {
        if seconds >= scale {
            let value = seconds / scale;
            let digits = if value < 10.0 && (value - value.round()).abs() > 0.05 { 1 } else { 0 };
            let number = format!("{value:.digits$}");
            return if number == "1" && name == "years" { "1 year".to_owned() } else { format!("{number} {name}") };
        }
    }
    if seconds == 0.0 { "0 s".to_owned() } else { format!("{seconds:.3e} s") }
}

/// The time of a reading as a person says it, to four digits: `10 ms`, `2.5 s`.
pub fn spoken_reading(seconds: f64) -> String {
    const SCALES: [(f64, f64, &str); 4] = [(1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (1e-6, 1e6, "µs"), (1e-9, 1e9, "ns")];
    let (_, per_second, name) =
        SCALES.into_iter().find(|(least, ..)| seconds >= *least).unwrap_or(SCALES[SCALES.len() - 1]);
    let digits = format!("{:.3e}", seconds * per_second);
    format!("{} {name}", digits.parse::<f64>().unwrap_or(seconds * per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_readings_are_spoken() {
        let all = [(1e-2, "10 ms"), (3e-9, "3 ns"), (2.5e-5, "25 µs"), (2.5, "2.5 s"), (1e6, "1000000 s")];
        for (seconds, text) in all {
            assert_eq!(spoken_reading(seconds), text);
        }
    }

    #[test]
    fn kt_at_room_temperature() {
        // kT/q at 300 K is 25.852 mV in every textbook.
        assert!((thermal_energy_ev(300.0) - 0.025_852).abs() < 1e-6);
    }

    #[test]
    fn temperatures_that_differ_read_differently() {
        let texts = |celsius: &[f64]| celsius_texts(&celsius.iter().map(|&c| kelvin(c)).collect::<Vec<_>>());
        assert_eq!(texts(&[100.0, 100.01, 100.02, 25.0]), ["100", "100.01", "100.02", "25"]);
        // Alone, a temperature shows no rounding of the conversion.
        assert_eq!(texts(&[0.1]), ["0.1"]);
        assert_eq!(texts(&[85.5, -40.0, 85.5, 0.0]), ["85.5", "-40", "85.5", "0"]);
        let near = texts(&[100.0, 100.000_001, 170.0]);
        assert_eq!(near, ["100", "100.000001", "170"]);
        let next = celsius_texts(&[373.15, 373.15_f64.next_up()]);
        assert_ne!(next[0], next[1]);
        assert!(celsius_texts(&[]).is_empty());
    }

    #[test]
    fn times_are_spoken() {
        assert_eq!(spoken_time(10.0 * YEAR_S), "10 years");
        assert_eq!(spoken_time(YEAR_S), "1 year");
        assert_eq!(spoken_time(1e5), "1.2 d");
        assert_eq!(spoken_time(0.5), "5.000e-1 s");
        assert_eq!(spoken_time(0.0), "0 s");
    }
}
