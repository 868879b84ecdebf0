//! From an answer and the truth to pulses.

use super::crossbar::Crossbar;
use super::learn::Learning;
use super::scheme::{Pairs, Plain, Scheme};
use super::score::Scorer;
use super::{DIGITS, MnistError};
use ndarray::{Array2, ArrayView1};
use trapline_model::rng::{self, Purpose};

/// Follows a scheme from presentation to presentation.
pub enum Teacher {
    Plain(Plain),
    Pairs(Descent),
}

impl Teacher {
    /// The teacher of an array that is prepared and has learnt nothing.
    pub fn new(crossbar: &Crossbar, learning: &Learning) -> Teacher {
        match learning.scheme {
            Scheme::Plain(plain) => Teacher::Plain(plain),
            Scheme::Pairs(pairs) => {
                let mean_s = crossbar.conductance_s.mean().unwrap_or(f64::NAN);
                Teacher::Pairs(Descent {
                    pairs,
                    seed: learning.seed,
                    presentations: learning.presentations,
                    softmax_per_s: pairs.softmax_scale / mean_s,
                    gradient: Array2::zeros((crossbar.conductance_s.nrows(), DIGITS)),
                    batch_start: 0,
                    done: 0,
                })
            }
        }
    }

    /// Corrects the array after a picture of `label` gave these scores.
    pub fn present(
        &mut self,
        crossbar: &mut Crossbar,
        scorer: &Scorer,
        image: ArrayView1<u8>,
        label: usize,
        scores: &[f64; DIGITS],
    ) -> Result<(), MnistError> {
        match self {
            Teacher::Plain(plain) => correct(plain, crossbar, scorer, image, label, scores),
            Teacher::Pairs(descent) => descent.present(crossbar, scorer, image, label, scores),
        }
    }
}

/// One pulse on each cell on ink of each column that is wrong.
fn correct(
    plain: &Plain,
    crossbar: &mut Crossbar,
    scorer: &Scorer,
    image: ArrayView1<u8>,
    label: usize,
    scores: &[f64; DIGITS],
) -> Result<(), MnistError> {
    let columns = crossbar.conductance_s.ncols() as u64;
    let missing = (scores[label] <= 0.0).then_some(label);
    let wrong: Vec<usize> = (0..DIGITS).filter(|&digit| digit != label && scores[digit] > 0.0).collect();
    let (mut raise, mut lower) = (Vec::new(), Vec::new());
    for (pixel, value) in image.iter().enumerate() {
        if scorer.inputs[usize::from(*value)] > 0.0 {
            let first = pixel as u64 * columns;
            raise.extend(missing.map(|digit| first + digit as u64));
            lower.extend(wrong.iter().map(|&digit| first + digit as u64));
        }
    }
    crossbar.pulse(&plain.raise, true, &raise)?;
    crossbar.pulse(&plain.lower, false, &lower)
}

/// Gradient descent on pairs, a pulse or none at a time.
pub struct Descent {
    pairs: Pairs,
    seed: u64,
    presentations: u32,
    softmax_per_s: f64,
    /// Sum over the batch so far; axes (pixel, digit).
    gradient: Array2<f64>,
    /// Presentations before this batch, and up to now.
    batch_start: u32,
    done: u32,
}

impl Descent {
    fn present(
        &mut self,
        crossbar: &mut Crossbar,
        scorer: &Scorer,
        image: ArrayView1<u8>,
        label: usize,
        scores: &[f64; DIGITS],
    ) -> Result<(), MnistError> {
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let odds = scores.map(|score| libm::exp(self.softmax_per_s * (score - top)));
        let all: f64 = odds.iter().sum();
        let error: [f64; DIGITS] = std::array::from_fn(|digit| f64::from(u8::from(digit == label)) - odds[digit] / all);
        for (value, mut row) in image.iter().zip(self.gradient.rows_mut()) {
            let input = scorer.inputs[usize::from(*value)];
            if input > 0.0 {
                row.iter_mut().zip(error).for_each(|(sum, e)| *sum += input * e);
            }
        }
        self.done += 1;
        let shown = self.done - self.batch_start;
        if shown == self.pairs.batch || self.done == self.presentations {
            let rate = 1.0 - f64::from(self.batch_start) / f64::from(self.presentations);
            self.update(crossbar, self.pairs.gain * rate / f64::from(shown))?;
            self.gradient.fill(0.0);
            self.batch_start = self.done;
        }
        Ok(())
    }

    /// Pulses either cell of each weight with a probability of `per_sum` times the summed gradient.
    fn update(&self, crossbar: &mut Crossbar, per_sum: f64) -> Result<(), MnistError> {
        let (mut raise, mut lower) = (Vec::new(), Vec::new());
        for ((pixel, digit), sum) in self.gradient.indexed_iter() {
            // The cell that counts for the digit, and the one that counts against it.
            let plus = 2 * (pixel * DIGITS + digit) as u64;
            for (cell, wanted) in [(plus, *sum), (plus + 1, -*sum)] {
                if self.uniform(cell) < per_sum * wanted.abs() {
                    if wanted > 0.0 { raise.push(cell) } else { lower.push(cell) }
                }
            }
        }
        crossbar.pulse(&self.pairs.raise, true, &raise)?;
        crossbar.pulse(&self.pairs.lower, false, &lower)
    }

    /// A number between 0 and 1 that belongs to the cell and the update.
    fn uniform(&self, cell: u64) -> f64 {
        let word = rng::words(self.seed, cell, Purpose::Learning, self.done, 0)[0];
        (f64::from(word) + 0.5) / 4_294_967_296.0
    }
}
