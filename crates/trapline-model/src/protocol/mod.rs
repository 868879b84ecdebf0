//! What is done to a cell: segments of constant bias, and the temperatures of a bake.

mod part;
mod profile;
mod qualification;
mod study;
pub mod waveform;

pub use part::{
    MAX_BIAS_V, MAX_DWELL_S, MAX_SEGMENTS, MAX_SWEEP_POINTS, MIN_DWELL_S, PartFile, Wrong, checked_segments, program,
};
pub use profile::{Leg, LegFile, MAX_CYCLES, MAX_LEG_C, MAX_LEG_S, MAX_LEGS, MIN_LEG_S, Profile, Stays, WrongProfile};
pub use qualification::QualificationFile;
pub use study::{CELL_AREA, CELL_FIGURES, CellFigureIs, LimitFile, MAX_LIMITS, SCHEME_KEY, StudyFile, StudyKind};

/// A constant bias for a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    pub bias_v: f64,
    pub dwell_s: f64,
    /// Number of the pulse or sweep, for the cycle-to-cycle draw.
    pub cycle: u32,
}

/// One part of a programming.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// Equal pulses, each followed by an interval at 0 V.
    Pulses { pulses: u32, amplitude_v: f64, width_s: f64, interval_s: f64 },
    /// Staircases 0 to `sweep_to_v` and back, a point every `step_v`, each held for `dwell_s`.
    Sweep { sweeps: u32, sweep_to_v: f64, step_v: f64, dwell_s: f64 },
}

impl Part {
    /// Segments of the part, in order of time.
    pub fn segments(&self, first_cycle: u32) -> Vec<Segment> {
        let mut segments = Vec::new();
        match *self {
            Part::Pulses { pulses, amplitude_v, width_s, interval_s } => {
                for pulse in 0..pulses {
                    let cycle = first_cycle + pulse;
                    segments.push(Segment { bias_v: amplitude_v, dwell_s: width_s, cycle });
                    if interval_s > 0.0 {
                        segments.push(Segment { bias_v: 0.0, dwell_s: interval_s, cycle });
                    }
                }
            }
            Part::Sweep { sweeps, sweep_to_v, step_v, dwell_s } => {
                let points = (sweep_to_v.abs() / step_v).round() as i64;
                for sweep in 0..sweeps {
                    let up_and_down = (1..=points).chain((0..points).rev());
                    segments.extend(up_and_down.map(|point| Segment {
                        bias_v: (point as f64 * step_v).copysign(sweep_to_v),
                        dwell_s,
                        cycle: first_cycle + sweep,
                    }));
                }
            }
        }
        segments
    }

    /// Cycles of the part.
    pub fn cycles(&self) -> u32 {
        match *self {
            Part::Pulses { pulses, .. } => pulses,
            Part::Sweep { sweeps, .. } => sweeps,
        }
    }
}

/// The segments of a whole programming, cycles numbered from 0 throughout.
pub fn segments(parts: &[Part]) -> Vec<Segment> {
    let mut first_cycle = 0;
    let mut all = Vec::new();
    for part in parts {
        all.extend(part.segments(first_cycle));
        first_cycle = first_cycle.saturating_add(part.cycles());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_goes_up_and_comes_back_to_zero() {
        let part = Part::Sweep { sweeps: 2, sweep_to_v: -0.2, step_v: 0.1, dwell_s: 1e-3 };
        let bias: Vec<_> = part.segments(5).iter().map(|s| (s.bias_v, s.cycle)).collect();
        let one = [-0.1, -0.2, -0.1, -0.0];
        let expected: Vec<_> = (5..7).flat_map(|cycle| one.map(|v| (v, cycle))).collect();
        assert_eq!(bias, expected);
    }

    #[test]
    fn pulses_count_their_cycles_on() {
        let part = Part::Pulses { pulses: 2, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 };
        let all = segments(&[part, part]);
        assert_eq!(all.len(), 8);
        assert_eq!(all.iter().map(|s| s.cycle).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(all[1].bias_v, 0.0);
    }
}
