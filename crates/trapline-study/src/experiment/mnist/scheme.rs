//! Two ways to turn an error at the output into pulses on cells.
//!
//! # Plain
//! Digit by digit. Pixels above a threshold are on; column `j` is active where its charge exceeds that of the reference
//! column. If the digit's own column is not active, each of its cells on a pixel that is on gets one raising pulse; if
//! another column is active, each of its cells on such a pixel gets one lowering pulse. These are ten perceptrons (F.
//! Rosenblatt, Psychological Review 65, 386 (1958)) with the sign of the error alone. The reference column is
//! programmed once, to half of what 1.5 V can fill.
//!
//! # Pairs
//! Each weight is the difference of two cells, both programmed to half of what the raising pulse can fill, where
//! raising and lowering by one pulse are equally large. The outputs go through a softmax, and over a batch of digits
//! `gradient_ij = mean of x_i (target_j - output_j)` is added up outside the array. Then each of the two cells gets one
//! pulse, the two opposite ones, with the probability `gain * rate * |gradient|`, drawn for each cell; the rate falls
//! linearly from 1 to 0 over the presentations. One pulse at most lets the many weak pixels learn at the pace of the
//! few strong ones; pairs cancel, to first order, that a step depends on the state.

use super::{DIGITS, MnistError};
use crate::experiment::letter;

/// A bias for a time.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Pulse {
    pub bias_v: f64,
    pub width_s: f64,
}

impl Pulse {
    /// The paper's programming pulse, 1.5 V for 1 ms.
    pub const PAPER: Pulse = Pulse { bias_v: 1.5, width_s: 1e-3 };
}

/// The plain scheme; see [the module](self).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Plain {
    pub raise: Pulse,
    pub lower: Pulse,
    /// Pixels above this, 0 to 255, are on.
    pub threshold: u8,
    /// Pulses [`Pulse::PAPER`] that program the reference column.
    pub reference_pulses: u32,
}

impl Default for Plain {
    fn default() -> Plain {
        Plain {
            raise: Pulse { bias_v: 1.5, width_s: 20e-6 },
            lower: Pulse { bias_v: -5.5, width_s: 0.1e-6 },
            threshold: 127,
            reference_pulses: 7,
        }
    }
}

/// The scheme of pairs; see [the module](self).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Pairs {
    pub raise: Pulse,
    pub lower: Pulse,
    /// Pulses [`Pulse::PAPER`] that program every cell at first.
    pub first_pulses: u32,
    /// Digits between two updates.
    pub batch: u32,
    /// Probability of a pulse per unit of mean gradient, at the start.
    pub gain: f64,
    /// What the outputs are multiplied by in the softmax, where conductances count in that of the cells before
    /// learning.
    pub softmax_scale: f64,
}

impl Default for Pairs {
    fn default() -> Pairs {
        Pairs {
            raise: Pulse { bias_v: 2.0, width_s: 15e-6 },
            lower: Pulse { bias_v: -5.5, width_s: 0.2e-6 },
            first_pulses: 15,
            batch: 200,
            gain: 400.0,
            softmax_scale: 9.0,
        }
    }
}

/// A scheme with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(tag = "scheme", rename_all = "lowercase")]
pub enum Scheme {
    Plain(Plain),
    Pairs(Pairs),
}

impl Scheme {
    /// What the cells see that are not pulsed: nothing, which takes a switch at every cell.
    pub const SELECTION: letter::Scheme = letter::Scheme::Isolated;

    /// The raising and the lowering pulse.
    pub fn pulses(&self) -> [Pulse; 2] {
        match self {
            Scheme::Plain(plain) => [plain.raise, plain.lower],
            Scheme::Pairs(pairs) => [pairs.raise, pairs.lower],
        }
    }

    /// The same with another raising and lowering pulse.
    pub fn with_pulses(self, [raise, lower]: [Pulse; 2]) -> Scheme {
        match self {
            Scheme::Plain(plain) => Scheme::Plain(Plain { raise, lower, ..plain }),
            Scheme::Pairs(pairs) => Scheme::Pairs(Pairs { raise, lower, ..pairs }),
        }
    }

    /// Columns of the array: one for each digit and the reference, or two for each digit.
    pub fn columns(&self) -> usize {
        match self {
            Scheme::Plain(_) => DIGITS + 1,
            Scheme::Pairs(_) => 2 * DIGITS,
        }
    }

    /// The column of a digit and the one it is compared with.
    pub fn compared(&self, digit: usize) -> [usize; 2] {
        match self {
            Scheme::Plain(_) => [digit, DIGITS],
            Scheme::Pairs(_) => [2 * digit, 2 * digit + 1],
        }
    }

    /// What a pixel puts on its row, 0 to 1.
    pub fn input(&self, pixel: u8) -> f64 {
        match self {
            Scheme::Plain(plain) => f64::from(u8::from(pixel > plain.threshold)),
            Scheme::Pairs(_) => f64::from(pixel) / 255.0,
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`MnistError::Value`] for a pulse that is not finite or of the wrong sign, and numbers that are not positive.
    pub fn check(&self) -> Result<(), MnistError> {
        let [raise, lower] = self.pulses();
        for (name, pulse, sign) in [("raising", raise, 1.0), ("lowering", lower, -1.0)] {
            let limit = if sign > 0.0 { "a number of at least 0 V" } else { "a number of at most 0 V" };
            if !(pulse.bias_v.is_finite() && pulse.bias_v * sign >= 0.0) {
                return Err(MnistError::value(format!("the bias of the {name} pulse"), pulse.bias_v, limit));
            }
            if !(pulse.width_s.is_finite() && pulse.width_s > 0.0) {
                let what = format!("the width of the {name} pulse");
                return Err(MnistError::value(what, pulse.width_s, "a number of seconds above 0"));
            }
        }
        if let Scheme::Pairs(pairs) = self {
            if pairs.batch == 0 {
                return Err(MnistError::value("the batch", 0, "at least 1"));
            }
            for (what, value) in [("the gain", pairs.gain), ("the scale of the softmax", pairs.softmax_scale)] {
                if !(value.is_finite() && value > 0.0) {
                    return Err(MnistError::value(what, value, "a number above 0"));
                }
            }
        }
        Ok(())
    }
}
