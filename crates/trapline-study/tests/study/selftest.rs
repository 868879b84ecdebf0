//! The self-test passes on every backend here, and sees a wrong one.

use ndarray::Array2;
use trapline_engine::backend::cells::{Cells, HostCells, Population};
use trapline_engine::backend::cpu::{Cpu, InstructionSet};
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::job::Job;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::stimulus::{Response, Stimulus};
use trapline_engine::backend::tally::Tally;
use trapline_engine::backend::{Backend, BackendError, Progress, Trace};
use trapline_model::array::CellSet;
use trapline_model::outcome::Identity;
use trapline_study::experiment::selftest;

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

/// What is done to statistics.
type Change = fn(&mut Tally);

/// The reference with one value in a thousand off by a factor, and what is done to its statistics.
struct Wrong(f32, Change);

impl Backend for Wrong {
    fn identity(&self) -> Identity {
        Reference.identity()
    }
    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        let mut tally = Reference.statistics(job, progress)?;
        self.1(&mut tally);
        Ok(tally)
    }
    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        let mut trace = Reference.trace(job, cells)?;
        trace.lost.iter_mut().skip(7).step_by(1000).for_each(|lost| *lost *= self.0);
        Ok(trace)
    }
    fn stimulate(&self, s: &Stimulus, cells: &[u64], f: &mut Array2<f64>) -> Result<Response, BackendError> {
        Reference.stimulate(s, cells, f)
    }

    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        Ok(Box::new(HostCells::new(self, population)))
    }
}

#[test]
fn a_wrong_backend_is_seen() {
    for factor in [1.0001, f32::NAN] {
        let result = selftest::run(&Wrong(factor, |_| ())).expect("runs");
        assert!(!result.passed, "a factor of {factor} went unseen");
    }
}

#[test]
fn wrong_statistics_are_seen() {
    let wrongs: [(&str, Change); 7] = [
        ("cells in the next bin", |t| {
            // Two bins beside each other with the most cells: 50 of them move, and the sum stays.
            let bins = t.counts.row(9).len();
            let at = (1..bins / 3 - 2).max_by_key(|bin| t.counts[[9, *bin]]).unwrap_or(1);
            t.counts[[9, at]] -= 50;
            t.counts[[9, at + 1]] += 50;
        }),
        ("a deviation", |t| t.partials[9].square[1] *= 1.01),
        ("a minimum", |t| t.partials[9].min[3] -= 1e-4),
        ("a maximum", |t| t.partials[9].max[0] *= 1.0001),
        ("a mean of fillings", |t| t.partials[9].sum[1] += 2.0),
        ("programmed cells", |t| {
            let last = t.counts.ncols() - 1;
            t.counts[[0, last]] -= 1;
        }),
        ("a number", |t| t.partials[0].sum[2] = f64::NAN),
    ];
    for (what, wrong) in wrongs {
        let result = selftest::run(&Wrong(1.0, wrong)).expect("runs");
        let missed: Vec<_> =
            result.checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect();
        assert_eq!(missed, ["statistics of an array"], "{what} went unseen");
    }
}
