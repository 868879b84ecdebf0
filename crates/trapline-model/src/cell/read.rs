//! What is read of a cell.
//!
//! # Theory
//! At a read bias `a` a cell of filling F conducts `area (theta(F) I_inj + I_hop)/a`, of which
//! `theta(F) = theta0/(1 - q F)` with `q = 1 - theta0` alone knows the filling ([`current`]). Over the fresh
//! conductance of the nominal cell that is
//!
//! ```text
//! G/G0 = area (direct/(1 - q F) + hopping),   F = F0 (1 - L)
//! ```
//!
//! where `F0` is the filling right after programming and `L` the fraction of the charge lost since. The window, what
//! the conductance has above the fresh one, is `theta0 q F/(1 - q F)`, so what is kept of it is
//!
//! ```text
//! kept = (1 - L)/(1 + L q F0/(1 - q F0))
//! ```
//!
//! without a small difference of large numbers. What is lost once class k was emptied `x_k` times (its rate times the
//! time, summed over temperatures) is `L = sum w_k f_k (1 - exp(-x_k))/F0` ([`release::lost_filling`]).

use super::step::Occupancy;
use super::{Factors, conductance_s, current, release};
use crate::material::{Material, TrapClass};
use crate::units::{ELEMENTARY_CHARGE_C, spoken_reading, thermal_energy_ev};

/// Filling above which a cell counts as programmed: one electron among the traps of a cell a hundred times as wide as
/// the paper's. Below it rounding decides what a cell holds, and differently in f32: such cells lose nothing and keep
/// everything.
pub const PROGRAMMED_FILLING: f64 = 1e-9;

/// Quantities whose moments are taken, in the order all backends keep them.
pub const QUANTITIES: usize = 4;

/// What is read of a cell at a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Observables<T> {
    /// Conductance over the fresh conductance of the nominal cell.
    pub conductance: T,
    /// Filling F.
    pub filling: T,
    /// Fraction of the programmed charge lost.
    pub lost: T,
    /// Window over the programmed window.
    pub kept: T,
}

impl<T: Copy> Observables<T> {
    /// In the order of [`QUANTITIES`].
    pub fn array(&self) -> [T; QUANTITIES] {
        [self.conductance, self.filling, self.lost, self.kept]
    }
}

/// How a cell's conductance follows from its filling: `area (direct/(1 - open F) + hopping)`, over the nominal fresh
/// conductance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadOut {
    /// `1 - theta0`.
    pub open: f64,
    pub direct: f64,
    pub hopping: f64,
    /// Of the nominal cell, S.
    pub fresh_conductance_s: f64,
}

impl ReadOut {
    /// That of a material at a read bias of either sign: conductance is even in it. [`ReadOut::is_sound`] says
    /// whether a fresh cell conducts there at all.
    pub fn new(material: &Material, read_v: f64, temperature_k: f64) -> ReadOut {
        let a_v = read_v.abs();
        let fresh_conductance_s = conductance_s(material, &Factors::NOMINAL, a_v, temperature_k, 0.0);
        let part = |current_a: f64| current_a / a_v / fresh_conductance_s;
        // Each share from its own current: as 1 less the other the smaller one would lose its digits.
        ReadOut {
            open: 1.0 - material.injection.free_share,
            direct: part(material.injection.free_share * current::injected_a(material, a_v, temperature_k)),
            hopping: part(current::hopping_a(material, a_v, temperature_k)),
            fresh_conductance_s,
        }
    }

    /// Whether a fresh cell conducts, and no more than a number can say.
    pub fn is_sound(&self) -> bool {
        self.fresh_conductance_s.is_normal() && self.direct.is_finite() && self.hopping.is_finite()
    }

    /// Window of a cell right after its programming to `start`, when it conducts `programmed`, both over the nominal
    /// fresh conductance. Its area is in what it conducts; no small difference of large numbers is taken.
    pub fn window(&self, start: f64, programmed: f64) -> f64 {
        let charge = self.open * start;
        programmed * (self.direct * charge / (self.direct + self.hopping * (1.0 - charge)))
    }

    /// Conductance, filling and window of a cell of an area over the nominal one, filled to `start` by its
    /// programming, that has lost a fraction of its charge.
    pub fn read(&self, area: f64, start: f64, lost: f64) -> Observables<f64> {
        let open = self.open;
        let filling = start * (1.0 - lost);
        Observables {
            conductance: area * (self.direct / (1.0 - open * filling) + self.hopping),
            filling,
            lost,
            kept: (1.0 - lost) / (1.0 + lost * open * start / (1.0 - open * start)),
        }
    }
}

/// Standard deviation of a current averaged over a time t, A. The noise of a reading has the density
///
/// ```text
/// S_I = 2 q I coth(q V/2kT),   bandwidth 1/(2 t),   sd = sqrt(q I coth(q V/2kT)/t)
/// ```
///
/// which is shot noise at high and thermal noise at low bias (A. van der Ziel, Noise in Solid State Devices and
/// Circuits, Wiley 1986, chapter 5); adding the two would count it twice. At 0.1 V the shipped dots pass 3 pA: 0.3 % in
/// 10 ms.
pub fn noise_a(current_a: f64, bias_v: f64, ambient_k: f64, average_s: f64) -> f64 {
    let x = bias_v.abs() / (2.0 * thermal_energy_ev(ambient_k));
    // coth(x) I stays finite at zero bias, where I goes as V: 2kT/q times the conductance. A bias of exactly 0 has no
    // current.
    let coth = if x > 0.0 { 1.0 / libm::tanh(x) } else { 0.0 };
    (ELEMENTARY_CHARGE_C * current_a.abs() * coth / average_s).sqrt()
}

/// By what a cell has failed at a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Judging {
    /// By what it keeps of its window, which no instrument sees.
    #[default]
    Kept,
    /// By readings, one at each checkpoint and one right after programming, each averaged over a time and with the
    /// noise of it ([`noise_a`]); what the fresh and the programmed cell conduct is taken as known.
    Reading {
        /// Time of a reading, s.
        integration_s: f64,
        /// Whether a cell has failed from its first failing reading on; else by the reading of the checkpoint alone.
        first: bool,
    },
}

/// Shortest time of a reading that judges cells, s.
pub const LEAST_READING_S: f64 = 1e-9;
/// Longest one, s.
pub const MOST_READING_S: f64 = 1e6;

impl Judging {
    /// As records have it: 0 by what is kept, 1 by this reading, 2 by the first failing one; and the time, s, which is
    /// 0 where nothing is read.
    pub fn numbers(self) -> (u8, f64) {
        match self {
            Judging::Kept => (0, 0.0),
            Judging::Reading { integration_s, first } => (if first { 2 } else { 1 }, integration_s),
        }
    }

    /// From the numbers of a record.
    pub fn of_numbers(judged: u8, integration_s: f64) -> Option<Judging> {
        let readable = (LEAST_READING_S..=MOST_READING_S).contains(&integration_s);
        match judged {
            0 => Some(Judging::Kept),
            1 | 2 if readable => Some(Judging::Reading { integration_s, first: judged == 2 }),
            _ => None,
        }
    }

    /// Time of a reading, s; none where nothing is read.
    pub fn integration_s(self) -> Option<f64> {
        match self {
            Judging::Kept => None,
            Judging::Reading { integration_s, .. } => Some(integration_s),
        }
    }

    /// What a cell's failing goes by, after "a cell fails below 0.9 of its window"; nothing where it is what the cell
    /// keeps.
    pub fn words(self) -> String {
        match self {
            Judging::Kept => String::new(),
            Judging::Reading { integration_s, first: true } => {
                format!(" as a reading of {} sees it, from the first failing one on", spoken_reading(integration_s))
            }
            Judging::Reading { integration_s, first: false } => {
                format!(" as the reading of {} at the checkpoint sees it", spoken_reading(integration_s))
            }
        }
    }

    /// Whether a cell that has failed may be found sound again, by the noise of a reading.
    pub fn comes_and_goes(self) -> bool {
        matches!(self, Judging::Reading { first: false, .. })
    }

    /// Whether readings judge, and a cell that has failed once has failed for good.
    pub fn is_first(self) -> bool {
        matches!(self, Judging::Reading { first: true, .. })
    }
}

/// Noise of one reading of a cell that conducts the nominal fresh conductance, over that conductance; that of a cell
/// which conducts g times as much is sqrt(g) times as large ([`noise_a`]).
pub fn noise_of_fresh(fresh_conductance_s: f64, read_v: f64, temperature_k: f64, integration_s: f64) -> f64 {
    let current_a = fresh_conductance_s * read_v.abs();
    noise_a(current_a, read_v, temperature_k, integration_s) / current_a
}

/// Fraction of the charge of a cell filled to `start` that is lost once each class was `emptied` so many times: its
/// rate times the time, summed over temperatures. 0 for a cell that was not programmed.
pub fn lost_fraction(classes: &[TrapClass], occupancy: &Occupancy, emptied: &Occupancy, start: f64) -> f64 {
    if start <= PROGRAMMED_FILLING {
        return 0.0;
    }
    (release::lost_filling(classes, occupancy, emptied) / start).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::shipped;
    use crate::units::kelvin;

    #[test]
    fn a_negative_read_bias_reads_as_the_positive_one() {
        for (name, _) in crate::material::SHIPPED {
            let material = shipped(name).unwrap();
            let at = |read_v| ReadOut::new(&material, read_v, 373.15);
            assert_eq!(at(0.1), at(-0.1), "{name}");
            assert!(at(0.1).is_sound() && !at(0.0).is_sound() && !at(f64::NAN).is_sound(), "{name}");
            // Control: not every bias reads alike.
            assert_ne!(at(0.1), at(0.2), "{name}");
        }
    }

    #[test]
    fn the_smaller_share_of_the_conductance_keeps_its_digits() {
        let mut sheets = shipped("pi-ws2-ns").unwrap();
        for hopping_s in [0.0, 4.5e-12, 1e-3, 1e20] {
            sheets.hopping.as_mut().unwrap().conductance_s = hopping_s;
            let read = ReadOut::new(&sheets, 0.1, 373.15);
            let direct_s = sheets.injection.free_share * current::injected_a(&sheets, 0.1, 373.15) / 0.1;
            // A quotient and a product of f64, or two of each.
            assert!((read.direct * read.fresh_conductance_s / direct_s - 1.0).abs() < 1e-15, "{hopping_s} S: {read:?}");
            assert!((read.direct + read.hopping - 1.0).abs() < 1e-15, "{hopping_s} S: {read:?}");
        }
    }

    /// The conductance is that of the current's equation, and the window that of the conductances.
    #[test]
    fn a_reading_is_the_current_over_the_bias() {
        let material = shipped("pi-ws2-ns").unwrap();
        let (read_v, temperature_k, area, start) = (0.1, 400.0, 1.2, 0.4);
        let out = ReadOut::new(&material, read_v, temperature_k);
        let factors = Factors { area, ..Factors::NOMINAL };
        let siemens = |filling| conductance_s(&material, &factors, read_v, temperature_k, filling);
        for lost in [0.0, 1e-12, 0.3, 1.0] {
            let seen = out.read(area, start, lost);
            let exact = siemens(start * (1.0 - lost));
            // A dozen roundings of 1.1e-16.
            assert!((seen.conductance * out.fresh_conductance_s / exact - 1.0).abs() < 2e-15, "{lost}: {seen:?}");
            // The difference of conductances has lost the digits of the fresh one, which is a few windows.
            let kept = (exact - siemens(0.0)) / (siemens(start) - siemens(0.0));
            assert!((seen.kept - kept).abs() < 1e-14, "{lost}: {seen:?}, {kept}");
        }
        // Control: another area is seen.
        assert!((out.read(1.0, start, 0.0).conductance * out.fresh_conductance_s / siemens(start) - 1.0).abs() > 0.1);
    }

    #[test]
    fn the_window_is_the_difference_of_conductances_and_its_noise_that_of_the_current() {
        let material = shipped("pi-ws2-ns").unwrap();
        let (read_v, temperature_k, area, start, seconds) = (-0.1, 400.0, 1.2, 0.4, 1e-2);
        let out = ReadOut::new(&material, read_v, temperature_k);
        let (programmed, fresh) = (out.read(area, start, 0.0).conductance, area * (out.direct + out.hopping));
        // The difference has lost the digits of the fresh conductance, which is a few windows.
        assert!((out.window(start, programmed) / (programmed - fresh) - 1.0).abs() < 1e-14);
        let c = noise_of_fresh(out.fresh_conductance_s, read_v, temperature_k, seconds);
        for g in [1.0, 1.7, programmed] {
            let current_a = g * out.fresh_conductance_s * read_v;
            let over_fresh =
                noise_a(current_a, read_v, temperature_k, seconds) / read_v.abs() / out.fresh_conductance_s;
            // A dozen roundings.
            assert!((c * g.sqrt() / over_fresh - 1.0).abs() < 2e-15, "{g}");
        }
        // Control: a longer reading is quieter.
        assert!(noise_of_fresh(out.fresh_conductance_s, read_v, temperature_k, 4e-2) < 0.51 * c);
    }

    #[test]
    fn a_record_knows_each_way_to_judge() {
        for judging in [
            Judging::Kept,
            Judging::Reading { integration_s: 1e-2, first: false },
            Judging::Reading { integration_s: 1e6, first: true },
        ] {
            let (judged, seconds) = judging.numbers();
            assert_eq!(Judging::of_numbers(judged, seconds), Some(judging));
        }
        for (judged, seconds) in [(3, 1e-2), (1, 0.0), (2, f64::NAN), (1, f64::INFINITY), (2, -1.0)] {
            assert_eq!(Judging::of_numbers(judged, seconds), None, "{judged} {seconds}");
        }
    }

    #[test]
    fn what_was_not_programmed_loses_nothing() {
        let classes = shipped("pi-ws2-qd").unwrap().classes;
        let (mut occupancy, mut emptied) = ([0.0; crate::material::MAX_CLASSES], [0.0; crate::material::MAX_CLASSES]);
        emptied[..classes.len()].fill(1.0);
        for (filled, lost) in [(0.0, 0.0), (0.9e-9, 0.0), (0.3, 1.0 - (-1.0f64).exp())] {
            occupancy[..classes.len()].fill(filled);
            let start = super::super::step::filling(&classes, &occupancy);
            // Weights sum to 1 within their roundings.
            assert!((lost_fraction(&classes, &occupancy, &emptied, start) - lost).abs() < 1e-14, "{filled}");
        }
    }

    #[test]
    fn noise_is_shot_noise_at_high_and_thermal_noise_at_low_bias() {
        let (t_k, s) = (kelvin(25.0), 1e-2);
        let shot = (ELEMENTARY_CHARGE_C * 1e-9 / s).sqrt();
        assert!((noise_a(1e-9, 5.0, t_k, s) / shot - 1.0).abs() < 1e-12);
        // 4kTG in a bandwidth of 1/(2t), of a conductance of 1 nS at 1 uV.
        let thermal = (2.0 * thermal_energy_ev(t_k) * ELEMENTARY_CHARGE_C * 1e-9 / s).sqrt();
        assert!((noise_a(1e-15, 1e-6, t_k, s) / thermal - 1.0).abs() < 1e-6);
        assert_eq!(noise_a(0.0, 0.0, t_k, s), 0.0);
    }
}
