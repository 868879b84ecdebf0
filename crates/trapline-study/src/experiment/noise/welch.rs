//! Power spectral densities of samples (P. D. Welch, IEEE Trans. Audio Electroacoust. 15, 70 (1967)): segments of half
//! overlap under a Hann window.

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftDirection, FftPlannerScalar};
use std::sync::Arc;

/// Of segments of one length.
pub struct Welch {
    length: usize,
    window: Vec<f64>,
    transform: Arc<dyn Fft<f64>>,
}

/// The longest power of two of which samples have eight, and fifteen with their overlaps.
pub fn segment_of(samples: usize) -> usize {
    1 << (samples / 8).max(2).ilog2()
}

/// Segments that so many samples have.
pub fn segments(samples: usize, length: usize) -> usize {
    if samples < length { 0 } else { 2 * (samples - length) / length + 1 }
}

impl Welch {
    /// Of at least two samples.
    pub fn new(length: usize) -> Welch {
        let length = length.max(2);
        let angle = |i: usize| std::f64::consts::TAU * i as f64 / length as f64;
        let window = (0..length).map(|i| 0.5 - 0.5 * libm::cos(angle(i))).collect();
        Welch { length, window, transform: FftPlannerScalar::new().plan_fft(length, FftDirection::Forward) }
    }

    /// One-sided density of samples `step_s` apart, in their unit squared per Hz, at 0, 1, ... `length/2` over `length
    /// step_s`. The mean of all samples is taken away first. Summed over its frequencies and times their distance it is
    /// the variance as the windows weigh the samples.
    pub fn density(&self, samples: &[f64], step_s: f64) -> Vec<f64> {
        // About the first one, so that a record without a step is exactly 0.
        let first = samples.first().copied().unwrap_or(0.0);
        let mean = first + samples.iter().map(|x| x - first).sum::<f64>() / samples.len().max(1) as f64;
        let power: f64 = self.window.iter().map(|w| w * w).sum();
        let count = segments(samples.len(), self.length);
        let mut density = vec![0.0; self.length / 2 + 1];
        let mut line = vec![Complex::new(0.0, 0.0); self.length];
        for segment in 0..count {
            let from = segment * self.length / 2;
            for ((to, value), weight) in line.iter_mut().zip(&samples[from..]).zip(&self.window) {
                *to = Complex::new((value - mean) * weight, 0.0);
            }
            self.transform.process(&mut line);
            density.iter_mut().zip(&line).for_each(|(sum, found)| *sum += found.norm_sqr());
        }
        let (last, scale) = (self.length / 2, step_s / power / count.max(1) as f64);
        for (at, value) in density.iter_mut().enumerate() {
            // 0 and the last one have no negative frequency beside them.
            *value *= if at == 0 || at == last { scale } else { 2.0 * scale };
        }
        density
    }
}

/// Frequencies that are taken together, from the first to before the last, by their numbers: alone at first, then some
/// 24 a decade. 0 is left out, and so is the last one, which has half of the others' weight.
pub fn bands(length: usize) -> Vec<(usize, usize)> {
    let (mut from, mut bands) = (1, Vec::new());
    while from < length / 2 {
        let to = (from + 1).max((from as f64 * 1.1) as usize).min(length / 2);
        bands.push((from, to));
        from = to;
    }
    bands
}

/// Standard deviation, over the mean, of a band of so many frequencies of normal noise, from so many segments of each
/// of so many records. Under a Hann window densities at neighbouring frequencies are correlated by 4/9, at next but one
/// by 1/36, and so are those of segments that overlap by half.
pub fn relative_error(frequencies: usize, segments: usize, records: usize) -> f64 {
    let of = |count: usize, first: f64, second: f64| {
        let (n, pairs) = (count as f64, |apart: usize| count.saturating_sub(apart) as f64);
        (n + 2.0 * (pairs(1) * first + pairs(2) * second)) / (n * n)
    };
    (of(frequencies, 4.0 / 9.0, 1.0 / 36.0) * of(segments, 1.0 / 36.0, 0.0) / records as f64).sqrt()
}
