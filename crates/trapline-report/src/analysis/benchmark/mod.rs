//! What `trapline bench` measured, and what follows from it: speed-ups, shares of the nearer limit, the size at which a
//! GPU overtakes the processor, performance portability.
//!
//! Plain numbers: who measures hands over [`Device`]s and [`Measurement`]s, and [`Benchmark::derived`] derives the
//! rest.

mod ceiling;
mod compare;
mod median;
mod text;

#[cfg(test)]
mod tests;

pub use ceiling::Ceiling;
pub use compare::{Crossover, crossover, portability};
pub use median::{CONFIDENCE, FEWEST, MOST, Median, NARROW};
pub use text::{csv, p3_csv, remarks, said_crossover, seconds, summary, table};

use trapline_model::outcome::Identity;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    BakeMeanField,
    BakeCounted,
    ProgramMeanField,
    ProgramCounted,
    PointMeanField,
    PointCounted,
    Network,
}

impl Problem {
    /// All of them, in the order of tables and figures.
    pub const ALL: [Problem; 7] = [
        Problem::BakeMeanField,
        Problem::BakeCounted,
        Problem::ProgramMeanField,
        Problem::ProgramCounted,
        Problem::PointMeanField,
        Problem::PointCounted,
        Problem::Network,
    ];

    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            Problem::BakeMeanField => "bake-mean-field",
            Problem::BakeCounted => "bake-counted",
            Problem::ProgramMeanField => "program-mean-field",
            Problem::ProgramCounted => "program-counted",
            Problem::PointMeanField => "point-mean-field",
            Problem::PointCounted => "point-counted",
            Problem::Network => "network",
        }
    }

    /// As tables and figures name it.
    pub fn title(self) -> &'static str {
        match self {
            Problem::BakeMeanField => "bake, mean field",
            Problem::BakeCounted => "bake, counted",
            Problem::ProgramMeanField => "program, mean field",
            Problem::ProgramCounted => "program, counted",
            Problem::PointMeanField => "whole point, mean field",
            Problem::PointCounted => "whole point, counted",
            Problem::Network => "network",
        }
    }

    /// What its work is counted in.
    pub fn unit(self) -> &'static str {
        match self {
            Problem::BakeMeanField | Problem::BakeCounted | Problem::PointMeanField | Problem::PointCounted => {
                "cell-checkpoints"
            }
            Problem::ProgramMeanField | Problem::ProgramCounted => "cell-pulses",
            Problem::Network => "cells",
        }
    }
}

/// What a device is in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The equations in f64.
    Reference,
    /// One thread of the processor.
    OneThread,
    /// All threads of the processor.
    AllThreads,
    /// A GPU of its own.
    Gpu,
    /// A GPU API implemented on the host's processor.
    Software,
}

/// Who was measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Device {
    /// Short, and like no other's of the benchmark.
    pub name: String,
    pub role: Role,
    pub identity: Identity,
    /// Of the processor; none of a GPU.
    pub threads: Option<usize>,
    /// Median time of opening it, s.
    pub open_s: f64,
    /// None where it was not measured.
    pub ceiling: Option<Ceiling>,
}

/// One problem on one device at one size.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Measurement {
    /// Place among the devices.
    pub device: usize,
    pub problem: Problem,
    /// Rows and columns of the array.
    pub lines: u64,
    pub cells: u64,
    /// In the problem's unit.
    pub work: f64,
    /// Time of a call from the job to the numbers on the host, s, all set-up done before.
    pub time_s: Median,
    /// The first call on a device that was just opened, s: with the compilation of its kernels. Of the smallest size
    /// only.
    pub first_s: Option<f64>,
    /// f32 operations of a call, counted by hand, of f64 as two; none where they are not counted.
    pub operations: Option<f64>,
    /// Bytes that a call moves at least between the processing units and the memory behind their caches.
    pub bytes: Option<f64>,
    /// Bytes that come back to the host from a GPU.
    pub read_back_bytes: Option<f64>,
    /// Energy of the processor's packages, or of a GPU's board, over the repetitions, for each call, J; none where it
    /// cannot be read.
    pub joules: Option<f64>,
    /// Clock of a GPU's multiprocessors right after the calls, MHz; none where it is not told.
    pub clock_mhz: Option<f64>,
    pub derived: Derived,
}

impl Measurement {
    /// Work per second, at the median.
    pub fn rate_per_s(&self) -> f64 {
        self.work / self.time_s.median
    }

    /// Operations per byte of traffic.
    pub fn intensity(&self) -> Option<f64> {
        Some(self.operations? / self.bytes?)
    }

    /// Operations per second.
    pub fn operations_per_s(&self) -> Option<f64> {
        Some(self.operations? / self.time_s.median)
    }
}

/// What is nearer to a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearer {
    F32,
    Copy,
}

/// What follows from a measurement beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Derived {
    /// The median with opening the device and compiling the kernels, s.
    pub with_set_up_s: f64,
    /// Of compiling the kernels: the first call less a later one of the same size, s.
    pub compile_s: Option<f64>,
    /// Of the read-back, reckoned from its bytes and the measured rate, s.
    pub read_back_s: Option<f64>,
    pub nearer: Option<Nearer>,
    /// Share of the nearer limit. Above 1 where data that are counted as traffic stay in a cache.
    pub share: Option<f64>,
    /// How many times as fast as one thread, and as all threads, at the same size.
    pub over_one_thread: Option<f64>,
    pub over_all_threads: Option<f64>,
    /// Energy for one of the problem's units of work, J.
    pub joules_per_work: Option<f64>,
}

/// Where a GPU overtakes all threads of the processor.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Overtaking {
    pub device: usize,
    pub problem: Problem,
    pub at: Crossover,
}

/// How portable the performance of a problem is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Portability {
    pub problem: Problem,
    /// The largest size that all platforms were measured at.
    pub lines: u64,
    /// All threads of the processor, and every GPU of its own; places among the devices.
    pub platforms: Vec<usize>,
    /// Harmonic mean of the shares of the nearer limits.
    pub harmonic_mean: f64,
}

/// The machine, before and after.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Machine {
    pub processor: String,
    /// Threads this process may use.
    pub threads: usize,
    /// Of the operating system.
    pub system: String,
    /// Bytes of memory there were to be had; none where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Load averages of a minute; none where the system does not tell.
    pub load_before: Option<f64>,
    pub load_after: Option<f64>,
    /// Slowest and fastest clock of the cores, MHz.
    pub clocks_before_mhz: Option<(f64, f64)>,
    pub clocks_after_mhz: Option<(f64, f64)>,
    /// How clocks are chosen; empty where the system does not tell.
    pub governor: String,
    /// Where energy was read, or why it was not.
    pub energy: String,
}

/// How it was measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Settings {
    /// Rows and columns that were asked for.
    pub lines: Vec<u64>,
    /// When a repetition ends, s, whether its bounds are narrow or not.
    pub seconds: f64,
    pub confidence: f64,
    pub narrow: f64,
    pub checkpoints: usize,
    pub pulses: u32,
}

/// A whole benchmark.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Benchmark {
    pub program: String,
    pub started_utc: String,
    pub ended_utc: String,
    pub machine: Machine,
    pub settings: Settings,
    pub devices: Vec<Device>,
    pub measurements: Vec<Measurement>,
    pub overtakings: Vec<Overtaking>,
    pub portability: Vec<Portability>,
    /// What was left out, and why.
    pub left_out: Vec<String>,
}

impl Benchmark {
    /// Derives what follows from the measurements, whose `derived` are taken anew.
    #[must_use]
    pub fn derived(mut self) -> Benchmark {
        let found: Vec<Derived> = self.measurements.iter().map(|of| self.derive(of)).collect();
        self.measurements.iter_mut().zip(found).for_each(|(of, derived)| of.derived = derived);
        self.overtakings = self.overtake();
        self.portability = Problem::ALL.into_iter().filter_map(|problem| self.port(problem)).collect();
        self
    }

    /// The measurement of a problem on a device at a size.
    pub fn at(&self, device: usize, problem: Problem, lines: u64) -> Option<&Measurement> {
        self.measurements.iter().find(|of| (of.device, of.problem, of.lines) == (device, problem, lines))
    }

    /// Those of a problem on a device, by size.
    pub fn over_sizes(&self, device: usize, problem: Problem) -> Vec<&Measurement> {
        let mut found: Vec<_> =
            self.measurements.iter().filter(|of| of.device == device && of.problem == problem).collect();
        found.sort_by_key(|of| of.lines);
        found
    }

    /// Place of the device in a role that only one can have.
    pub fn device_as(&self, role: Role) -> Option<usize> {
        self.devices.iter().position(|device| device.role == role)
    }

    /// Measurements whose bounds are wide although there are enough repetitions for them.
    pub fn noisy(&self) -> usize {
        self.measurements.iter().filter(|of| of.time_s.repetitions >= FEWEST && !of.time_s.is_narrow()).count()
    }

    /// Measurements of too few repetitions for bounds of the confidence.
    pub fn few(&self) -> usize {
        self.measurements.iter().filter(|of| of.time_s.repetitions < FEWEST).count()
    }

    fn derive(&self, of: &Measurement) -> Derived {
        let device = &self.devices[of.device];
        let smallest = self.over_sizes(of.device, of.problem).into_iter().find(|other| other.first_s.is_some());
        let compile_s = smallest.and_then(|other| Some((other.first_s? - other.time_s.median).max(0.0)));
        // Without a later thread to compare with there is nothing to be faster than.
        let over = |role: Role| {
            let other = self.at(self.device_as(role)?, of.problem, of.lines)?;
            (!std::ptr::eq(other, of)).then(|| other.time_s.median / of.time_s.median)
        };
        let limit = device.ceiling.as_ref().zip(of.intensity()).zip(of.operations_per_s());
        let (nearer, share) = match limit {
            None => (None, None),
            Some(((ceiling, intensity), rate)) => {
                let attainable = ceiling.attainable_per_s(intensity);
                let nearer = if attainable < ceiling.f32_per_s { Nearer::Copy } else { Nearer::F32 };
                (Some(nearer), Some(rate / attainable))
            }
        };
        let download = device.ceiling.and_then(|ceiling| ceiling.download_bytes_per_s);
        Derived {
            with_set_up_s: device.open_s + compile_s.unwrap_or(0.0) + of.time_s.median,
            compile_s,
            read_back_s: of.read_back_bytes.zip(download).map(|(bytes, rate)| bytes / rate),
            nearer,
            share,
            over_one_thread: over(Role::OneThread),
            over_all_threads: over(Role::AllThreads),
            joules_per_work: of.joules.map(|joules| joules / of.work),
        }
    }

    fn times(&self, device: usize, problem: Problem) -> Vec<(u64, f64)> {
        self.over_sizes(device, problem).into_iter().map(|of| (of.lines, of.time_s.median)).collect()
    }

    fn overtake(&self) -> Vec<Overtaking> {
        let Some(processor) = self.device_as(Role::AllThreads) else { return Vec::new() };
        let mut found = Vec::new();
        for (device, of) in self.devices.iter().enumerate() {
            if !matches!(of.role, Role::Gpu | Role::Software) {
                continue;
            }
            for problem in Problem::ALL {
                let at = crossover(&self.times(processor, problem), &self.times(device, problem));
                if at != Crossover::Unknown {
                    found.push(Overtaking { device, problem, at });
                }
            }
        }
        found
    }

    /// None of a single platform, and of problems whose operations are not counted.
    fn port(&self, problem: Problem) -> Option<Portability> {
        let is_platform = |role: Role| matches!(role, Role::AllThreads | Role::Gpu);
        let platforms: Vec<usize> = (0..self.devices.len()).filter(|&at| is_platform(self.devices[at].role)).collect();
        if platforms.len() < 2 {
            return None;
        }
        let share = |device: usize, lines: u64| self.at(device, problem, lines)?.derived.share;
        let sizes = self.over_sizes(platforms[0], problem).into_iter().rev().map(|of| of.lines);
        let (lines, shares) = sizes
            .filter_map(|lines| {
                let shares: Option<Vec<f64>> = platforms.iter().map(|&device| share(device, lines)).collect();
                Some((lines, shares?))
            })
            .next()?;
        let harmonic_mean = portability(&shares)?;
        Some(Portability { problem, lines, platforms, harmonic_mean })
    }
}
