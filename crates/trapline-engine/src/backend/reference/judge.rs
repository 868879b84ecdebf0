//! Which cells have failed, in f64.

use crate::backend::job::Job;
use trapline_model::cell::read::{Judging, Observables};
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};

/// What judges one cell, checkpoint by checkpoint in the order of time.
pub(super) struct Judge<'a> {
    job: &'a Job,
    cell: u64,
    start: f64,
    /// Right after programming, over the nominal fresh conductance; 0 before that was read.
    window: f64,
    failed: bool,
}

impl<'a> Judge<'a> {
    /// Of a cell filled to `start` by its programming.
    pub(super) fn new(job: &'a Job, cell: u64, start: f64) -> Judge<'a> {
        Judge { job, cell, start, window: 0.0, failed: false }
    }

    /// Whether the cell, of which this is read without noise, has failed; the first checkpoint is right after
    /// programming.
    pub(super) fn has_failed(&mut self, seen: &Observables<f64>, checkpoint: usize) -> bool {
        let Judging::Reading { first, .. } = self.job.judged else { return seen.kept < self.job.kept_threshold };
        if checkpoint == 0 {
            self.window = self.job.read.window(self.start, seen.conductance);
        }
        let words = rng::words(self.job.bake_seed(), self.cell, Purpose::ReadingOfBake, checkpoint as u32, 0);
        let z = f64::from(rng::normal_fixed(words[0])) * NORMAL_UNIT;
        let noise = self.job.reading_noise * libm::sqrt(seen.conductance) / self.window;
        self.failed = (first && self.failed) || seen.kept + z * noise < self.job.kept_threshold;
        self.failed
    }
}
