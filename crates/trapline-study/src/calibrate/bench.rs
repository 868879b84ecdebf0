//! The simulated side of the targets: experiments on the material, each run once however many targets use it.

use ndarray::{Ix2, Ix3};

use super::FitError;
use super::claim::Role;
use super::target::*;
use crate::experiment::probe::{Conditions, Probe};
use crate::experiment::pulse;
use crate::experiment::{ExperimentError, iv, retention};
use crate::paper::claims::Measured;
use crate::paper::measure::{self, Raw};
use crate::paper::raw::{BATCHES, Laboratory};
use trapline_engine::backend::Backend;
use trapline_model::cell::counted::Electrons;
use trapline_model::dataset::{Dataset, DatasetError};
use trapline_model::material::Material;
use trapline_model::protocol::{Part, Segment, segments};

/// Seed of the claims that are measured on cells that differ, as `trapline paper` takes it; here in the mean field, since a
/// fit compares means.
const SEED: u64 = 1;

/// The simulated value of a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Simulated {
    Number(f64),
    Claim(Measured),
    /// The simulated value of each point.
    Curve(Vec<f64>),
    /// No value, and the reason.
    Nothing(String),
}

/// One material and the experiments run on it so far.
pub struct Bench<'a> {
    backend: &'a dyn Backend,
    material: &'a Material,
    role: Role,
    sweeps: Vec<(SweepSetup, SweepSeen)>,
    trains: Vec<(PulseSetup, Dataset)>,
    batches: Vec<&'static str>,
    raw: Vec<Dataset>,
}

impl<'a> Bench<'a> {
    pub fn new(backend: &'a dyn Backend, material: &'a Material, role: Role) -> Bench<'a> {
        let (sweeps, trains, batches, raw) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Bench { backend, material, role, sweeps, trains, batches, raw }
    }

    /// Simulates a target; `parameter` looks up a number of the material's file.
    ///
    /// # Errors
    /// What the backend says, and claims that cannot be measured.
    pub fn simulate(
        &mut self,
        aim: &Aim,
        parameter: &dyn Fn(&str) -> Result<f64, FitError>,
    ) -> Result<Simulated, FitError> {
        match aim {
            Aim::Number { of: Measure::Parameter { key }, .. } => Ok(Simulated::Number(parameter(key)?)),
            Aim::Number { of, .. } => Ok(Simulated::Number(self.number(of)?)),
            Aim::Claim(target) => self.claim(&target.claim.id, target.batches).map(Simulated::Claim),
            Aim::Iv(measured) => Ok(Simulated::Curve(self.iv(measured)?)),
            Aim::Retention(measured) => Ok(Simulated::Curve(self.retention(measured)?)),
        }
    }

    fn probe(&self, conditions: Conditions) -> Result<Probe<'a>, ExperimentError> {
        Probe::new(self.backend, self.material, conditions, vec![0])
    }

    fn number(&mut self, of: &Measure) -> Result<f64, ExperimentError> {
        Ok(match of {
            Measure::Slope { sweep, window } => self.sweep(sweep)?.line(window).slope,
            Measure::Linearity { sweep, window } => self.sweep(sweep)?.line(window).r_squared,
            Measure::Current { sweep, branch, bias_v } => self.sweep(sweep)?.current_a(*branch, *bias_v),
            Measure::Filling { sweep, branch, bias_v } => self.sweep(sweep)?.filling(*branch, *bias_v),
            Measure::MemoryRatio { sweep, bias_v } => {
                let sweep = self.sweep(sweep)?;
                sweep.current_a(Branch::Return, *bias_v) / sweep.current_a(Branch::Forward, *bias_v)
            }
            Measure::Energy { pulses } => {
                let energy = self.train(pulses)?.shaped::<Ix3>("energy_j")?;
                energy.iter().last().copied().unwrap_or(f64::NAN)
            }
            Measure::ConductanceRise { pulses } => {
                let g = self.train(pulses)?.shaped::<Ix3>("conductance_noiseless_s")?;
                g[[0, 0, g.dim().2 - 1]] / g[[0, 0, 0]] - 1.0
            }
            Measure::FillingAfter { pulses } => {
                let filling = self.train(pulses)?.shaped::<Ix3>("filling")?;
                filling.iter().last().copied().unwrap_or(f64::NAN)
            }
            Measure::Retained { pulses, time_s } => self.kept(pulses, &[*time_s], Kept::Window)?[0],
            // Looked up by the caller.
            Measure::Parameter { .. } => f64::NAN,
        })
    }

    fn sweep(&mut self, setup: &SweepSetup) -> Result<&SweepSeen, ExperimentError> {
        let at = match self.sweeps.iter().position(|(known, _)| known == setup) {
            Some(at) => at,
            None => {
                let SweepSetup { ambient_k, to_v, step_v, dwell_s } = *setup;
                let waveform = segments(&[Part::Sweep { sweeps: 1, sweep_to_v: to_v, step_v, dwell_s }]);
                let dataset = iv::run(&mut self.probe(Conditions::nominal(ambient_k))?, "iv", &waveform)?;
                let curve = |name: &str| -> Result<Vec<(f64, f64)>, DatasetError> {
                    let values = dataset.shaped::<Ix2>(name)?;
                    Ok(waveform.iter().map(|s| s.bias_v).zip(values.row(0).iter().copied()).collect())
                };
                self.sweeps.push((*setup, SweepSeen { current: curve("current_a")?, filling: curve("filling")? }));
                self.sweeps.len() - 1
            }
        };
        Ok(&self.sweeps[at].1)
    }

    fn train(&mut self, setup: &PulseSetup) -> Result<&Dataset, ExperimentError> {
        let at = match self.trains.iter().position(|(known, _)| known == setup) {
            Some(at) => at,
            None => {
                let dataset = pulse::run(&mut self.probe(conditions(setup))?, "pulse", &[setup.train], 1)?;
                self.trains.push((*setup, dataset));
                self.trains.len() - 1
            }
        };
        Ok(&self.trains[at].1)
    }

    fn kept(&self, setup: &PulseSetup, times_s: &[f64], kept: Kept) -> Result<Vec<f64>, ExperimentError> {
        let mut times = vec![0.0];
        times.extend(times_s);
        let probe = self.probe(conditions(setup))?;
        let dataset = retention::run(&probe, "retention", &setup.train, &[0, setup.train.count], &times)?;
        let g = dataset.shaped::<Ix3>("conductance_noiseless_s")?;
        let window = |t: usize| g[[1, t, 0]] - g[[0, t, 0]];
        Ok((1..times.len())
            .map(|t| match kept {
                Kept::Window => window(t) / window(0),
                Kept::Conductance => g[[1, t, 0]],
            })
            .collect())
    }

    fn iv(&self, measured: &MeasuredIv) -> Result<Vec<f64>, ExperimentError> {
        let segment = |(point, dwell_s): (&Point, &f64)| Segment { bias_v: point.x, dwell_s: *dwell_s, cycle: 0 };
        let waveform: Vec<_> = measured.points.iter().zip(&measured.dwells_s).map(segment).collect();
        let dataset = iv::run(&mut self.probe(Conditions::nominal(measured.ambient_k))?, "iv", &waveform)?;
        Ok(dataset.numbers("current_a")?.iter().copied().collect())
    }

    fn retention(&self, measured: &MeasuredRetention) -> Result<Vec<f64>, ExperimentError> {
        let times: Vec<_> = measured.points.iter().map(|point| point.x).collect();
        self.kept(&measured.pulses, &times, measured.kept)
    }

    fn claim(&mut self, id: &str, batches: &[&'static str]) -> Result<Measured, FitError> {
        let missing: Vec<_> = batches.iter().filter(|name| !self.batches.contains(name)).collect();
        if !missing.is_empty() {
            let mut lab = Laboratory::new(self.backend, SEED, Electrons::MeanField)?;
            match self.role {
                Role::Dots => lab.qd = self.material.clone(),
                Role::Nanosheets => lab.ns = self.material.clone(),
            }
            for (name, _, run) in BATCHES.iter().filter(|batch| missing.contains(&&batch.0)) {
                self.raw.extend(run(&lab)?);
                self.batches.push(name);
            }
        }
        match measure::measure(id, &Raw(&self.raw)) {
            Some(measured) => Ok(measured.map_err(ExperimentError::from)?),
            None => Err(FitError::request(format!("claim {id:?} is not measured here"))),
        }
    }
}

fn conditions(setup: &PulseSetup) -> Conditions {
    Conditions { read_v: setup.read_v, read_s: setup.read_s, ..Conditions::nominal(setup.ambient_k) }
}
