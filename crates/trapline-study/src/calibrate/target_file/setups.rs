//! Under which conditions the data of a target were taken.

use super::{MAX_PULSES, TargetFile};
use crate::calibrate::FitError;
use crate::calibrate::target::{PulseSetup, SweepSetup};
use crate::experiment::pulse::{POTENTIATION, Train};
use crate::paper::raw::{SWEEP_DWELL_S, SWEEP_STEP_V, SWEEP_TO_V};
use trapline_model::protocol::{MAX_DWELL_S, MIN_DWELL_S, Part};
use trapline_model::units::kelvin;

/// Conditions of one target: its own, else those of all, else the source paper's.
pub(super) struct Setups<'a> {
    pub(super) own: &'a TargetFile,
    pub(super) common: &'a TargetFile,
}

impl Setups<'_> {
    pub(super) fn pick<T>(&self, of: impl Fn(&TargetFile) -> Option<T>, default: T) -> T {
        of(self.own).or_else(|| of(self.common)).unwrap_or(default)
    }

    pub(super) fn ambient_k(&self) -> Result<f64, FitError> {
        let celsius = self.pick(|t| t.temperature_c, 25.0);
        if (-270.0..=1000.0).contains(&celsius) {
            return Ok(kelvin(celsius));
        }
        Err(FitError::request(format!("temperature_c is {celsius:?}; it must be between -270 and 1000")))
    }

    pub(super) fn sweep(&self) -> Result<SweepSetup, FitError> {
        let sweep_to_v = self.pick(|t| t.sweep_to_v, SWEEP_TO_V);
        let step_v = self.pick(|t| t.step_v, SWEEP_STEP_V);
        let dwell_s = self.pick(|t| t.dwell_s, SWEEP_DWELL_S);
        within_limits(Part::Sweep { sweeps: 1, sweep_to_v, step_v, dwell_s })?;
        Ok(SweepSetup { ambient_k: self.ambient_k()?, to_v: sweep_to_v, step_v, dwell_s })
    }

    pub(super) fn count(&self) -> Result<u32, FitError> {
        let count = self.pick(|t| t.pulses, i64::from(POTENTIATION.count));
        match u32::try_from(count) {
            Ok(pulses) if (1..=MAX_PULSES).contains(&pulses) => Ok(pulses),
            _ => Err(FitError::request(format!("pulses is {count}; it must be 1 to {MAX_PULSES}"))),
        }
    }

    pub(super) fn pulses(&self) -> Result<PulseSetup, FitError> {
        let train = Train {
            amplitude_v: self.pick(|t| t.amplitude_v, POTENTIATION.amplitude_v),
            width_s: self.pick(|t| t.width_s, POTENTIATION.width_s),
            interval_s: self.pick(|t| t.interval_s, POTENTIATION.interval_s),
            count: self.count()?,
        };
        let Train { amplitude_v, width_s, interval_s, count } = train;
        within_limits(Part::Pulses { pulses: count, amplitude_v, width_s, interval_s })?;
        let read_v = self.pick(|t| t.read_v, 0.1);
        if !(1e-3..=100.0).contains(&read_v) {
            return Err(FitError::request(format!("read_v is {read_v:?}; it must be between 0.001 and 100")));
        }
        let read_s = self.pick(|t| t.read_s, 1e-2);
        if !(MIN_DWELL_S..=MAX_DWELL_S).contains(&read_s) {
            let limit = format!("{MIN_DWELL_S:?} to {MAX_DWELL_S:?} s");
            return Err(FitError::request(format!("read_s is {read_s:?}; it must be {limit}")));
        }
        Ok(PulseSetup { ambient_k: self.ambient_k()?, train, read_v, read_s })
    }
}

fn within_limits(part: Part) -> Result<(), FitError> {
    part.checked().map(drop).map_err(|wrong| FitError::request(wrong.to_string()))
}
