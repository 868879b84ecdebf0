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
            return format!("{value:.digits$} {name}");
        }
    }
    format!("{seconds:.3e} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kt_at_room_temperature() {
        // kT/q at 300 K is 25.852 mV in every textbook.
        assert!((thermal_energy_ev(300.0) - 0.025_852).abs() < 1e-6);
    }

    #[test]
    fn times_are_spoken() {
        assert_eq!(spoken_time(10.0 * YEAR_S), "10 years");
        assert_eq!(spoken_time(1e5), "1.2 d");
        assert_eq!(spoken_time(0.5), "5.000e-1 s");
    }
}
