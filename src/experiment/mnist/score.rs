//! From conductances and a picture to an answer.

use super::scheme::Scheme;
use super::{DIGITS, Digits};
use ndarray::{Array2, Array3, ArrayView1, Axis};

/// Answers to a test set.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// Axes (digit shown, digit answered).
    pub confusion: Array2<u64>,
}

/// Reads answers off an array; `conductance_s` has axes (pixel, column) everywhere.
pub struct Scorer {
    scheme: Scheme,
    /// What each value of a pixel puts on its row.
    pub inputs: [f64; 256],
}

impl Scorer {
    /// The reader of a scheme's array.
    pub fn new(scheme: Scheme) -> Scorer {
        Scorer { scheme, inputs: std::array::from_fn(|pixel| scheme.input(pixel as u8)) }
    }

    /// `sum_i x_i (G_i,digit - G_i,compared)` of each digit, S.
    pub fn scores(&self, conductance_s: &Array2<f64>, image: ArrayView1<u8>) -> [f64; DIGITS] {
        // Every scheme has at most two columns a digit.
        let mut columns = [0.0; 2 * DIGITS];
        for (pixel, row) in image.iter().zip(conductance_s.rows()) {
            let input = self.inputs[usize::from(*pixel)];
            if input > 0.0 {
                columns.iter_mut().zip(row).for_each(|(sum, g)| *sum += input * g);
            }
        }
        std::array::from_fn(|digit| {
            let [own, other] = self.scheme.compared(digit);
            columns[own] - columns[other]
        })
    }

    /// Shows every picture of a set.
    pub fn test(&self, conductance_s: &Array2<f64>, digits: &Digits) -> Tested {
        let mut confusion = Array2::zeros((DIGITS, DIGITS));
        for (image, label) in digits.images.rows().into_iter().zip(&digits.labels) {
            confusion[[usize::from(*label), largest(&self.scores(conductance_s, image))]] += 1;
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
