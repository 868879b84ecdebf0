//! How fast backends are, as a paper wants it: times to solution over sizes with bounds, beside what each device can do
//! at best.
//!
//! A [`Problem`] is a job over the shipped dots, with the shipped variation, in the mean field and with counted
//! electrons: a bake of one pulse and many checkpoints, a programming of thirty pulses and one checkpoint, a whole
//! point of `campaigns/bake.toml`; or a crossbar of linear cells ([`trapline_engine::circuit`]). Timed is the whole
//! call, from the job to the numbers on the host: drawing, all dispatches, reduction and read-back. For each problem a
//! device is opened anew, so that its first call compiles its kernels; opening and first call are told beside the rest.
//!
//! What follows from the times is [`trapline_report::analysis::benchmark`]'s.

pub mod cost;
mod device;
mod energy;
mod jobs;
mod machine;
mod repeat;

pub use device::Candidate;
pub use jobs::PULSES;

use super::ExperimentError;
use crate::campaign::now;
use energy::{Energy, Meter};
use jobs::Work;
use std::time::Instant;
use trapline_engine::backend::{Backend, processor_name};
use trapline_model::memory;
use trapline_model::outcome::{Identity, Program};
use trapline_report::analysis::benchmark::{
    Benchmark, CONFIDENCE, Ceiling, Derived, Device, Machine, Measurement, Median, NARROW, Problem, Role, Settings,
};

/// Share of the free memory that an array may take.
const MEMORY_SHARE: f64 = 0.5;
/// Longest measurement of one limit of a device, s.
const LIMIT_S: f64 = 1.0;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Rows and columns of the arrays, ascending.
    pub lines: Vec<u64>,
    /// When a repetition ends, s. Sizes of which a call is foretold to take longer are left out.
    pub seconds: f64,
    /// The largest size for the reference and for software adapters, which are slow; none for no limit.
    pub small_lines: Option<u64>,
}

/// Told how far a benchmark is.
pub trait Watch {
    /// A device begins: its name and number, from 0, and how many there are.
    fn device(&self, name: &str, number: usize, of: usize);
    /// So many sizes of a problem are measured, or left out.
    fn done(&self, measurements: usize);
}

impl Plan {
    /// Measurements there are at the most.
    pub fn measurements(&self, candidates: &[Candidate]) -> usize {
        candidates.iter().map(|candidate| problems(candidate).count() * self.lines.len()).sum()
    }
}

/// Problems of a candidate: the reference has no network of its own, the processor's is in f64 already.
fn problems(candidate: &Candidate) -> impl Iterator<Item = Problem> + use<> {
    let is_reference = candidate.is_reference();
    Problem::ALL.into_iter().filter(move |problem| !(is_reference && *problem == Problem::Network))
}

/// Measures all candidates in turn.
///
/// # Errors
/// A backend that cannot be opened or fails. Limits of a device that cannot be measured are left out, and said so.
pub fn run(
    candidates: &[Candidate],
    plan: &Plan,
    program: Program,
    watch: &dyn Watch,
) -> Result<Benchmark, ExperimentError> {
    let energy = Energy::open();
    let started_utc = now();
    let machine = Machine {
        processor: processor_name(),
        threads: device::all_threads(),
        system: machine::system(),
        memory_bytes: memory::available().map(|left| left.bytes),
        load_before: machine::load(),
        clocks_before_mhz: machine::clocks_mhz(),
        governor: machine::governor(),
        energy: energy.told(),
        ..Machine::default()
    };
    let mut bench = Bench { plan, energy, watch, devices: Vec::new(), measurements: Vec::new(), left_out: Vec::new() };
    for (number, candidate) in candidates.iter().enumerate() {
        bench.measure(candidate, number, candidates.len())?;
    }
    let settings = Settings {
        lines: plan.lines.clone(),
        seconds: plan.seconds,
        confidence: CONFIDENCE,
        narrow: NARROW,
        checkpoints: jobs::job(Problem::PointMeanField, 1)?.times_s().len(),
        pulses: PULSES,
    };
    let Bench { devices, measurements, left_out, .. } = bench;
    let found = Benchmark {
        program: program.to_string(),
        started_utc,
        ended_utc: now(),
        machine: Machine { load_after: machine::load(), clocks_after_mhz: machine::clocks_mhz(), ..machine },
        settings,
        devices,
        measurements,
        overtakings: Vec::new(),
        portability: Vec::new(),
        left_out,
    };
    Ok(found.derived())
}

/// A benchmark on its way.
struct Bench<'a> {
    plan: &'a Plan,
    energy: Energy,
    watch: &'a dyn Watch,
    devices: Vec<Device>,
    measurements: Vec<Measurement>,
    left_out: Vec<String>,
}

/// Why larger sizes of a problem were left out.
enum Beyond {
    Small,
    Slow,
    Memory,
}

impl Bench<'_> {
    fn measure(&mut self, candidate: &Candidate, number: usize, of: usize) -> Result<(), ExperimentError> {
        let mut opened_s = Vec::new();
        let identity = opened(candidate, &mut opened_s)?.identity();
        let role = candidate.role(&identity);
        let taken: Vec<&str> = self.devices.iter().map(|device| device.name.as_str()).collect();
        let name = candidate.name(&identity, &taken);
        self.watch.device(&name, number, of);
        let before = self.ceiling(candidate, &identity, &name);
        let threads = candidate.threads();
        let device =
            Device { name: name.clone(), role, identity: identity.clone(), threads, open_s: f64::NAN, ceiling: None };
        self.devices.push(device);
        let mut slow = Vec::new();
        for problem in problems(candidate) {
            // Without kernels that another problem has compiled.
            let backend = opened(candidate, &mut opened_s)?;
            let place = self.devices.len() - 1;
            match self.over_sizes(candidate, backend.as_ref(), (place, role, problem))? {
                Some((lines, Beyond::Slow)) => slow.push(format!("{} from {lines}", problem.title())),
                Some((lines, Beyond::Memory)) => {
                    let what = format!("{name}: {} from {lines} lines on does not fit into memory", problem.title());
                    self.left_out.push(what);
                }
                Some((_, Beyond::Small)) | None => {}
            }
        }
        // Before the kernels and after them: where other work came or went in between, the better ones are the
        // device's.
        let ceiling =
            match before {
                None => None,
                Some(before) => Some(match self.ceiling(candidate, &identity, &name) {
                    Some(after) => {
                        self.left_out.extend(before.differs(&after).then(|| {
                            format!("{name}: its limits changed while it was measured; the better ones count")
                        }));
                        before.best(&after)
                    }
                    None => before,
                }),
            };
        if let (Some(device), Some(open)) = (self.devices.last_mut(), Median::of(&opened_s)) {
            (device.open_s, device.ceiling) = (open.median, ceiling);
        }
        if let Some(small) = self.small(role).filter(|small| self.plan.lines.iter().any(|lines| lines > small)) {
            self.left_out.push(format!("{name}: arrays of more than {small} lines are left out, it is slow"));
        }
        if !slow.is_empty() {
            let (seconds, slow) = (self.plan.seconds, slow.join(", "));
            self.left_out.push(format!("{name}: lines of which a call would take more than {seconds} s: {slow}"));
        }
        Ok(())
    }

    /// The limits of a device now; where they cannot be measured, that is told.
    fn ceiling(&mut self, candidate: &Candidate, identity: &Identity, name: &str) -> Option<Ceiling> {
        match candidate.ceiling(identity, self.plan.seconds.min(LIMIT_S)) {
            Ok(ceiling) => ceiling,
            Err(error) => {
                self.left_out.push(format!("{name}: {error}"));
                None
            }
        }
    }

    fn small(&self, role: Role) -> Option<u64> {
        self.plan.small_lines.filter(|_| matches!(role, Role::Reference | Role::Software))
    }

    /// Measures a problem at every size that it can be; where that ends, and why.
    fn over_sizes(
        &mut self,
        candidate: &Candidate,
        backend: &dyn Backend,
        (device, role, problem): (usize, Role, Problem),
    ) -> Result<Option<(u64, Beyond)>, ExperimentError> {
        let lines = self.plan.lines.clone();
        let mut before: Vec<(u64, f64)> = Vec::new();
        for (number, &lines_now) in lines.iter().enumerate() {
            let beyond = self.beyond(role, problem, lines_now, &before);
            // The smallest is measured whatever it takes: nothing is known of it.
            if let Some(beyond) = beyond.filter(|beyond| number > 0 || matches!(beyond, Beyond::Memory)) {
                self.watch.done(lines.len() - number);
                return Ok(Some((lines_now, beyond)));
            }
            let measured = self.once(candidate, backend, (device, problem, lines_now), number == 0)?;
            before.push((lines_now, measured.time_s.median));
            self.measurements.push(measured);
            self.watch.done(1);
        }
        Ok(None)
    }

    fn beyond(&self, role: Role, problem: Problem, lines: u64, before: &[(u64, f64)]) -> Option<Beyond> {
        let room = memory::available().map_or(f64::INFINITY, |left| MEMORY_SHARE * left.bytes as f64);
        if self.small(role).is_some_and(|small| lines > small) {
            return Some(Beyond::Small);
        }
        if Work::memory_bytes(problem, lines) as f64 > room {
            return Some(Beyond::Memory);
        }
        foretold_s(lines, before).filter(|seconds| *seconds > self.plan.seconds).map(|_| Beyond::Slow)
    }

    fn once(
        &self,
        candidate: &Candidate,
        backend: &dyn Backend,
        (device, problem, lines): (usize, Problem, u64),
        is_first: bool,
    ) -> Result<Measurement, ExperimentError> {
        let work = Work::of(problem, lines)?;
        let on_processor = candidate.threads().is_some();
        let call = || candidate.within(problem == Problem::Network, || work.call(backend));
        let start = Instant::now();
        let called = call()?;
        let first_s = is_first.then(|| start.elapsed().as_secs_f64());
        let meter =
            if on_processor { Some(self.energy.of_processor()) } else { self.energy.of_gpu(&backend.identity()) };
        let before = meter.as_ref().and_then(Meter::now);
        let measuring = Instant::now();
        let time_s = repeat::until_narrow(self.plan.seconds, || call().map(|_| ()))?;
        let clock_mhz = meter.as_ref().and_then(Meter::clock_mhz);
        let joules = meter.zip(before).and_then(|(meter, before)| {
            let joules = meter.between(&before, &meter.now()?);
            // Of less than ten renewals of a counter nothing is said.
            let long_enough = measuring.elapsed().as_secs_f64() > 10.0 * meter.renewed_s() && joules > 0.0;
            long_enough.then(|| joules / time_s.repetitions as f64)
        });
        let (operations, bytes, read_back_bytes) = match &work {
            Work::Job { cost, .. } if on_processor => (cost.operations, cost.host_bytes, None),
            Work::Job { cost, .. } => (cost.operations, cost.device_bytes, Some(cost.read_back_bytes)),
            Work::Network { .. } => {
                let cost = cost::of_network(lines * lines, called.iterations).filter(|_| on_processor);
                (cost.map(|(operations, _)| operations), cost.map_or(f64::NAN, |(_, bytes)| bytes), None)
            }
        };
        Ok(Measurement {
            device,
            problem,
            lines,
            cells: lines * lines,
            work: work.amount(problem),
            time_s,
            first_s,
            // The reference computes in f64 with functions of its own.
            operations: operations.filter(|_| !candidate.is_reference()),
            bytes: Some(bytes).filter(|bytes| bytes.is_finite() && !candidate.is_reference()),
            read_back_bytes,
            joules,
            clock_mhz,
            derived: Derived::default(),
        })
    }
}

/// The time of a call of so many lines, s, from those of smaller sizes: on the straight line over the cells through the
/// last two, so that what every call takes is not multiplied; of one, in proportion.
fn foretold_s(lines: u64, before: &[(u64, f64)]) -> Option<f64> {
    let cells = |lines: u64| (lines as f64).powi(2);
    match before {
        [] => None,
        [(known, seconds)] => Some(seconds * cells(lines) / cells(*known)),
        [.., (first, first_s), (last, last_s)] => {
            let slope = (last_s - first_s) / (cells(*last) - cells(*first));
            Some(last_s + slope.max(0.0) * (cells(lines) - cells(*last)))
        }
    }
}

/// Opens a candidate and notes how long that took, s.
fn opened(candidate: &Candidate, opened_s: &mut Vec<f64>) -> Result<Box<dyn Backend>, ExperimentError> {
    let start = Instant::now();
    let backend = candidate.open()?;
    opened_s.push(start.elapsed().as_secs_f64());
    Ok(backend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Count(Cell<usize>);

    impl Watch for Count {
        fn device(&self, _: &str, _: usize, _: usize) {}
        fn done(&self, measurements: usize) {
            self.0.set(self.0.get() + measurements);
        }
    }

    fn measured(plan: &Plan) -> (Benchmark, usize) {
        let candidates =
            [Candidate::reference(), Candidate::processor(Some(1), None), Candidate::processor(Some(2), None)];
        let count = Count(Cell::new(0));
        let program = Program { version: "0", commit: "none" };
        let found = run(&candidates, plan, program, &count).expect("processors do not fail");
        assert_eq!(count.0.get(), plan.measurements(&candidates));
        (found, count.0.get())
    }

    /// Shares of the limits are what refutes counted operations: no kernel does more than the processor can. There is
    /// room for a machine that was busy while its limits were measured.
    #[test]
    fn counts_and_times_agree() {
        let plan = Plan { lines: vec![8, 32], seconds: 0.1, small_lines: Some(8) };
        let (found, _) = measured(&plan);
        let names: Vec<&str> = found.devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(
            (names, found.devices[2].role),
            (vec!["reference", "cpu, 1 thread", "cpu, 2 threads"], Role::AllThreads)
        );
        let of = |problem, lines| found.at(1, problem, lines).expect("measured");
        let share = of(Problem::ProgramMeanField, 32).derived.share.expect("counted");
        assert!((0.001..1.5).contains(&share), "{share}");
        assert_eq!(of(Problem::BakeCounted, 8).derived.share, None);
        assert!(of(Problem::PointMeanField, 8).derived.with_set_up_s >= of(Problem::PointMeanField, 8).time_s.median);
        // The reference stays small, and has no network.
        assert!(found.at(0, Problem::BakeMeanField, 8).is_some() && found.at(0, Problem::BakeMeanField, 32).is_none());
        assert!(found.over_sizes(0, Problem::Network).is_empty());
        assert!(found.left_out.iter().any(|line| line.contains("reference") && line.contains("8 lines")));
    }

    /// 1 ms a call and 1 ns a cell.
    #[test]
    fn times_are_foretold_from_smaller_sizes() {
        let at = |lines: u64| (lines, 1e-3 + 1e-9 * (lines * lines) as f64);
        let foretold = foretold_s(4096, &[at(64), at(256), at(1024)]).unwrap_or_default();
        assert!((foretold / at(4096).1 - 1.0).abs() < 1e-12, "{foretold}");
        assert_eq!((foretold_s(20, &[]), foretold_s(20, &[(10, 1.0)])), (None, Some(4.0)));
        // A larger size that happened to be quicker foretells no negative time.
        assert_eq!(foretold_s(40, &[(10, 2.0), (20, 1.0)]), Some(1.0));
    }

    #[test]
    fn sizes_that_would_take_too_long_are_left_out() {
        let plan = Plan { lines: vec![8, 1 << 20], seconds: 1e-3, small_lines: None };
        let (found, _) = measured(&plan);
        assert!(found.measurements.iter().all(|of| of.lines == 8));
        let told = found.left_out.join("\n");
        assert!(told.contains("would take more than 0.001 s") && told.contains("from 1048576"), "{told}");
    }
}
