//! Who is measured.

use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::limits::{self, Limits, LimitsError};
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::{self, Backend, BackendError, Choice, Options};
use trapline_model::outcome::Identity;
use trapline_report::analysis::benchmark::{Ceiling, Role};

use std::time::Duration;

/// A backend that is opened as often as it is needed.
#[derive(Debug)]
pub struct Candidate(Kind);

#[derive(Debug)]
enum Kind {
    Reference,
    Processor { threads: usize, instruction_set: Option<String>, pool: Option<rayon::ThreadPool> },
    Adapter(Option<String>),
}

/// Threads this process may use.
pub(super) fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

impl Candidate {
    /// The equations in f64, on all threads.
    pub fn reference() -> Candidate {
        Candidate(Kind::Reference)
    }

    /// The CPU backend on so many threads (all where `None`) with an instruction set (the widest where `None`).
    pub fn processor(threads: Option<usize>, instruction_set: Option<String>) -> Candidate {
        let threads = threads.unwrap_or_else(all_threads);
        // Where it cannot be had the program's own pool serves networks.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
        Candidate(Kind::Processor { threads, instruction_set, pool })
    }

    /// One thread, and all of them where there are more.
    pub fn processors(instruction_set: Option<&str>) -> Vec<Candidate> {
        let of = |threads| Candidate::processor(Some(threads), instruction_set.map(str::to_owned));
        let all = all_threads();
        if all > 1 { vec![of(1), of(all)] } else { vec![of(1)] }
    }

    /// An adapter by number, PCI address or part of its name; the best one where `None`.
    pub fn adapter(name: Option<String>) -> Candidate {
        Candidate(Kind::Adapter(name))
    }

    pub(super) fn is_reference(&self) -> bool {
        matches!(self.0, Kind::Reference)
    }

    /// Threads of the processor; none of an adapter.
    pub(super) fn threads(&self) -> Option<usize> {
        match self.0 {
            Kind::Reference => Some(all_threads()),
            Kind::Processor { threads, .. } => Some(threads),
            Kind::Adapter(_) => None,
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// What the backend fails with.
    pub fn open(&self) -> Result<Box<dyn Backend>, BackendError> {
        Ok(match &self.0 {
            Kind::Reference => Box::new(Reference),
            Kind::Processor { threads, instruction_set, .. } => {
                Box::new(Cpu::open(Some(*threads), instruction_set.as_deref())?)
            }
            Kind::Adapter(name) => {
                backend::open(&Options { choice: Choice::Gpu, adapter: name.clone(), ..Options::default() })?
            }
        })
    }

    pub(super) fn role(&self, identity: &Identity) -> Role {
        match self.0 {
            Kind::Reference => Role::Reference,
            Kind::Processor { threads: 1, .. } if all_threads() > 1 => Role::OneThread,
            Kind::Processor { .. } => Role::AllThreads,
            Kind::Adapter(_) if identity.software => Role::Software,
            Kind::Adapter(_) => Role::Gpu,
        }
    }

    /// A short name that none of the others has.
    pub(super) fn name(&self, identity: &Identity, taken: &[&str]) -> String {
        match self.0 {
            Kind::Reference => "reference".to_owned(),
            Kind::Processor { threads: 1, .. } => "cpu, 1 thread".to_owned(),
            Kind::Processor { threads, .. } => format!("cpu, {threads} threads"),
            Kind::Adapter(_) => {
                let software = if identity.software { ", software" } else { "" };
                // Up to what its driver puts in brackets.
                let model = identity.model().split(" (").next().unwrap_or_default();
                let short = format!("{model}{software}");
                let whole = || format!("{}{software}", identity.adapter);
                if taken.contains(&short.as_str()) { whole() } else { short }
            }
        }
    }

    /// Computes on as many threads as the candidate has where `own` work is the program's own and not the backend's.
    pub(super) fn within<T: Send>(&self, own: bool, work: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Kind::Processor { pool: Some(pool), .. } if own => pool.install(work),
            _ => work(),
        }
    }

    /// What it can do at best, each limit measured for so many seconds; none of the reference, whose f64 has no limit
    /// of f32.
    ///
    /// # Errors
    /// [`LimitsError`].
    pub(super) fn ceiling(&self, identity: &Identity, seconds: f64) -> Result<Option<Ceiling>, LimitsError> {
        let time = Duration::from_secs_f64(seconds.max(0.0));
        let found = match &self.0 {
            Kind::Reference => return Ok(None),
            Kind::Processor { threads, .. } => {
                let named = |set: &InstructionSet| set.name() == identity.instruction_set;
                let set = InstructionSet::available().into_iter().find(named).unwrap_or(InstructionSet::Baseline);
                limits::of_host(*threads, set, time)?
            }
            Kind::Adapter(_) => match number(identity) {
                Some(number) => limits::of_adapter(number, time)?,
                None => return Ok(None),
            },
        };
        Ok(Some(as_ceiling(&found)))
    }
}

/// The number of an open adapter among all: by its name with its place, which no other has.
fn number(identity: &Identity) -> Option<usize> {
    let adapters = backend::adapters();
    let is_it = |(number, of): (usize, &backend::AdapterReport)| {
        let places = [format!("PCI {}", of.pci_address), format!("adapter {number}")];
        places.iter().any(|place| Identity::placed(&of.identity.adapter, place) == identity.adapter)
            && of.identity.driver == identity.driver
    };
    adapters.iter().enumerate().position(is_it)
}

fn as_ceiling(of: &Limits) -> Ceiling {
    let Limits { copy_bytes_per_s, f32_per_s, launch_s, upload_bytes_per_s, download_bytes_per_s } = *of;
    Ceiling { copy_bytes_per_s, f32_per_s, launch_s, upload_bytes_per_s, download_bytes_per_s }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_differ() {
        let named = |adapter: &str, software| Identity {
            backend: "gpu".to_owned(),
            adapter: adapter.to_owned(),
            driver: String::new(),
            instruction_set: "Vulkan".to_owned(),
            software,
        };
        let gpu = Candidate::adapter(None);
        let llvmpipe = named("llvmpipe (LLVM 15.0.6, 256 bits) [adapter 0]", true);
        assert_eq!(gpu.name(&llvmpipe, &[]), "llvmpipe, software");
        assert_eq!(gpu.role(&llvmpipe), Role::Software);
        let a100 = named("NVIDIA A100 [PCI 0000:65:00.0]", false);
        assert_eq!(gpu.name(&a100, &[]), "NVIDIA A100");
        assert_eq!(gpu.name(&a100, &["NVIDIA A100"]), "NVIDIA A100 [PCI 0000:65:00.0]");
        assert_eq!(Candidate::processor(Some(3), None).name(&a100, &[]), "cpu, 3 threads");
    }
}
