//! From conductances and a picture to an answer.

use super::learn::Learning;
use super::scheme::Scheme;
use super::{DIGITS, Digits};
use ndarray::{Array2, Array3, ArrayView1, Axis};
use trapline_model::cell::read::noise_a;
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};

/// Answers to a test set.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// Axes (digit shown, digit answered).
    pub confusion: Array2<u64>,
}

/// Which reading of the columns it is: each has a noise of its own.
#[derive(Debug, Clone, Copy)]
pub enum Occasion {
    /// Presentations before.
    Learning(u32),
    /// Presentations before, and the number of the picture in the test set.
    Test(u32, u32),
}

/// Reads answers off an array; `conductance_s` has axes (pixel, column) everywhere.
pub struct Scorer {
    scheme: Scheme,
    /// What each value of a pixel puts on its row.
    pub inputs: [f64; 256],
    seed: u64,
    /// Variance of a column's noise over its conductance, S; 0 without noise.
    noise_s: f64,
}

impl Scorer {
    /// The reader of what learns.
    pub fn new(learning: &Learning) -> Scorer {
        let Learning { scheme, read_v, ambient_k, read_s, .. } = *learning;
        // The variance of a current's noise is proportional to the current, so that of 1 S says it for all.
        let of_one_s = noise_a(read_v, read_v, ambient_k, read_s) / read_v;
        Scorer {
            scheme,
            inputs: std::array::from_fn(|pixel| scheme.input(pixel as u8)),
            seed: learning.seed,
            noise_s: if learning.read_noise { of_one_s * of_one_s } else { 0.0 },
        }
    }

    /// `sum_i x_i (G_i,digit - G_i,compared)` of each digit as it is seen, S.
    pub fn scores(&self, conductance_s: &Array2<f64>, image: ArrayView1<u8>, occasion: Occasion) -> [f64; DIGITS] {
        // Every scheme has at most two columns a digit.
        let (mut columns, cols) = ([0.0; 2 * DIGITS], conductance_s.ncols());
        let conductance_s = conductance_s.as_standard_layout();
        let (all_s, image) = (conductance_s.as_slice().unwrap_or_default(), image.as_standard_layout());
        // By slices: whole runs of learning are this loop.
        for (pixel, row) in image.as_slice().unwrap_or_default().iter().zip(all_s.chunks_exact(cols)) {
            let input = self.inputs[usize::from(*pixel)];
            if input > 0.0 {
                for (sum, g) in columns[..cols].iter_mut().zip(row) {
                    *sum += input * g;
                }
            }
        }
        if self.noise_s > 0.0 {
            self.add_noise(&mut columns[..cols], occasion);
        }
        std::array::from_fn(|digit| {
            let [own, other] = self.scheme.compared(digit);
            columns[own] - columns[other]
        })
    }

    /// A pixel drives its row for its share of the reading time, so the variance of a column goes with its sum as well.
    fn add_noise(&self, columns: &mut [f64], occasion: Occasion) {
        // The numbers of cells are free here: the noise of single cells is never drawn.
        let (first, step) = match occasion {
            Occasion::Learning(before) => (0, before),
            Occasion::Test(before, picture) => ((u64::from(before) + 1) << 32, picture),
        };
        for (number, four) in columns.chunks_mut(4).enumerate() {
            let words = rng::words(self.seed, first + number as u64, Purpose::ReadNoise, step, 0);
            for (sum, word) in four.iter_mut().zip(words) {
                *sum += f64::from(rng::normal_fixed(word)) * NORMAL_UNIT * (*sum * self.noise_s).sqrt();
            }
        }
    }

    /// Shows every picture of a set to an array that has seen `before` digits.
    pub fn test(&self, conductance_s: &Array2<f64>, before: u32, digits: &Digits) -> Tested {
        let mut confusion = Array2::zeros((DIGITS, DIGITS));
        for (number, (image, label)) in digits.images.rows().into_iter().zip(&digits.labels).enumerate() {
            let scores = self.scores(conductance_s, image, Occasion::Test(before, number as u32));
            confusion[[usize::from(*label), largest(&scores)]] += 1;
        }
        let right: u64 = confusion.diag().sum();
        Tested { accuracy: right as f64 / digits.len() as f64, confusion }
    }

    /// Weights as pictures, S; axes (digit, row, column).
    pub fn weights_s(&self, conductance_s: &Array2<f64>) -> Array3<f64> {
        let pixels = conductance_s.len_of(Axis(0));
        let side = pixels.isqrt();
        Array3::from_shape_fn((DIGITS, side, side), |(digit, y, x)| {
            let [own, other] = self.scheme.compared(digit);
            let row = conductance_s.row(y * side + x);
            row[own] - row[other]
        })
    }
}

/// The first of the largest scores.
fn largest(scores: &[f64; DIGITS]) -> usize {
    (1..DIGITS).fold(0, |best, digit| if scores[digit] > scores[best] { digit } else { best })
}
