//! Cosine transforms of a grid, one line at a time.
//!
//! `X_k = sum over j of x_j cos(pi (j + 1/2) k/n)` (DCT-II) and its inverse, each by one complex Fourier transform of n numbers (J. Makhoul, IEEE
//! Trans. Acoust. Speech Signal Process. 28, 27 (1980)). The Fourier transform is `rustfft`'s without vectors, so that the bits do not
//! depend on instruction sets or the number of threads (its own sines are the system's).

use ndarray::Array2;
use rayon::prelude::*;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftDirection, FftPlannerScalar};
use std::f64::consts::PI;
use std::sync::Arc;

/// Of lines of one length.
struct Cosine {
    to: Arc<dyn Fft<f64>>,
    from: Arc<dyn Fft<f64>>,
    /// `exp(-i pi k/2n)`.
    turn: Vec<Complex<f64>>,
}

/// What a thread needs beside the line.
struct Work {
    line: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl Cosine {
    fn new(length: usize) -> Cosine {
        let mut planner = FftPlannerScalar::new();
        let (to, from) =
            (planner.plan_fft(length, FftDirection::Forward), planner.plan_fft(length, FftDirection::Inverse));
        let angle = |k: usize| -PI * k as f64 / (2.0 * length as f64);
        let turn = (0..length).map(|k| Complex::new(libm::cos(angle(k)), libm::sin(angle(k)))).collect();
        Cosine { to, from, turn }
    }

    fn work(&self) -> Work {
        let scratch = self.to.get_inplace_scratch_len().max(self.from.get_inplace_scratch_len());
        let zero = Complex::new(0.0, 0.0);
        Work { line: vec![zero; self.turn.len()], scratch: vec![zero; scratch] }
    }

    /// Where a number stands while it is transformed: even places rise, odd ones come back.
    fn place(at: usize, length: usize) -> usize {
        if at.is_multiple_of(2) { at / 2 } else { length - 1 - at / 2 }
    }

    fn forward(&self, values: &mut [f64], work: &mut Work) {
        let length = values.len();
        for (at, value) in values.iter().enumerate() {
            work.line[Self::place(at, length)] = Complex::new(*value, 0.0);
        }
        self.to.process_with_scratch(&mut work.line, &mut work.scratch);
        for ((value, found), turn) in values.iter_mut().zip(&work.line).zip(&self.turn) {
            *value = found.re * turn.re - found.im * turn.im;
        }
    }

    fn inverse(&self, values: &mut [f64], work: &mut Work) {
        let length = values.len();
        for (k, turn) in self.turn.iter().enumerate() {
            let mirrored = if k == 0 { 0.0 } else { values[length - k] };
            // Turned back: conj(turn) (X_k - i X_(n - k)).
            work.line[k] = turn.conj() * Complex::new(values[k], -mirrored);
        }
        self.from.process_with_scratch(&mut work.line, &mut work.scratch);
        let scale = 1.0 / length as f64;
        for (at, value) in values.iter_mut().enumerate() {
            *value = work.line[Self::place(at, length)].re * scale;
        }
    }
}

/// Of a grid. Modes lie with the axes exchanged, (column, row), which saves turning them twice.
pub(super) struct Cosines {
    of_rows: Cosine,
    of_columns: Cosine,
}

impl Cosines {
    /// Of a grid of (rows, columns).
    pub(super) fn new((rows, cols): (usize, usize)) -> Cosines {
        Cosines { of_rows: Cosine::new(cols), of_columns: Cosine::new(rows) }
    }

    /// Modes (column, row) of a grid (row, column).
    pub(super) fn forward(&self, mut grid: Array2<f64>) -> Array2<f64> {
        each(&mut grid, &self.of_rows, Cosine::forward);
        let mut modes = turned(&grid);
        each(&mut modes, &self.of_columns, Cosine::forward);
        modes
    }

    /// The grid (row, column) of modes (column, row).
    pub(super) fn inverse(&self, mut modes: Array2<f64>) -> Array2<f64> {
        each(&mut modes, &self.of_columns, Cosine::inverse);
        let mut grid = turned(&modes);
        each(&mut grid, &self.of_rows, Cosine::inverse);
        grid
    }
}

fn each(grid: &mut Array2<f64>, of: &Cosine, transform: fn(&Cosine, &mut [f64], &mut Work)) {
    let lines = grid.as_slice_mut().unwrap_or_default().par_chunks_mut(of.turn.len());
    lines.for_each_init(|| of.work(), |work, line| transform(of, line, work));
}

fn turned(grid: &Array2<f64>) -> Array2<f64> {
    grid.t().as_standard_layout().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the sums themselves, even, odd and prime lengths.
    #[test]
    fn transforms_are_the_sums_they_stand_for() {
        for (rows, cols) in [(1, 1), (2, 3), (8, 5), (1, 17), (12, 1)] {
            let grid = Array2::from_shape_fn((rows, cols), |(r, c)| ((7 * r + 3 * c * c) % 11) as f64 - 4.0);
            let cosines = Cosines::new((rows, cols));
            let modes = cosines.forward(grid.clone());
            let basis = |k: usize, j: usize, n: usize| (PI * (j as f64 + 0.5) * k as f64 / n as f64).cos();
            for ((k, m), found) in modes.indexed_iter() {
                let terms = grid.indexed_iter().map(|((r, c), x)| x * basis(m, r, rows) * basis(k, c, cols));
                // Sums of at most 50 numbers below 7, each rounded a few times.
                assert!((found - terms.sum::<f64>()).abs() <= 1e-12, "{rows} x {cols}: {k} {m}");
            }
            let back = cosines.inverse(modes);
            for (a, b) in back.iter().zip(&grid) {
                assert!((a - b).abs() <= 1e-13, "{a} {b}");
            }
        }
    }
}
