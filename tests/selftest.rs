//! The self-test passes on every backend here, and sees a wrong one.

use ndarray::Array2;
use trapline::array::CellSet;
use trapline::backend::cpu::{Cpu, InstructionSet};
use trapline::backend::gpu::Gpu;
use trapline::backend::job::Job;
use trapline::backend::reference::Reference;
use trapline::backend::stimulus::{Response, Stimulus};
use trapline::backend::tally::Tally;
use trapline::backend::{Backend, BackendError, Progress, Trace};
use trapline::experiment::selftest;
use trapline::outcome::Identity;

fn passes(backend: &dyn Backend) {
    let result = selftest::run(backend).expect("runs");
    for check in &result.checks {
        println!("{:<45} {:.3e} {}", check.name, check.error_over_allowed, check.passed);
    }
    assert!(result.passed, "{:?}", result.checks.iter().filter(|c| !c.passed).collect::<Vec<_>>());
}

#[test]
fn cpu_passes_with_every_instruction_set() {
    for set in InstructionSet::available() {
        passes(&Cpu::open(None, Some(set.name())).expect("available"));
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn gpu_passes() {
    let gpu = Gpu::open(None, None).unwrap_or_else(|error| panic!("GPU tests need an adapter: {error}"));
    passes(&gpu);
}

/// The reference with one value in a thousand off by 1e-4, or not a number.
struct Wrong(f32);

impl Backend for Wrong {
    fn identity(&self) -> Identity {
        Reference.identity()
    }
    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        Reference.statistics(job, progress)
    }
    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        let mut trace = Reference.trace(job, cells)?;
        trace.lost.iter_mut().skip(7).step_by(1000).for_each(|lost| *lost *= self.0);
        Ok(trace)
    }
    fn stimulate(&self, s: &Stimulus, cells: &[u64], f: &mut Array2<f64>) -> Result<Response, BackendError> {
        Reference.stimulate(s, cells, f)
    }
}

#[test]
fn a_wrong_backend_is_seen() {
    for factor in [1.0001, f32::NAN] {
        let result = selftest::run(&Wrong(factor)).expect("runs");
        assert!(!result.passed, "a factor of {factor} went unseen");
    }
}
