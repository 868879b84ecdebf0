//! What of a setup can be, what it holds the lines at, and its scheme in words.

use super::{Setup, Stroke, TOLERANCES, Wiring, WriteError};
use crate::experiment::array_read::Scheme;
use trapline_engine::circuit::scheme::Unselected;

/// The voltages of word lines and bit lines, V; `None` floats.
pub(super) type Held = (Vec<Option<f64>>, Vec<Option<f64>>);

pub(super) fn held(scheme: &Scheme, (rows, cols): (usize, usize), stroke: &Stroke, v: f64) -> Result<Held, WriteError> {
    let (word, bit) = match scheme {
        Scheme::Isolated | Scheme::Passive(Unselected::Floating) => (None, None),
        Scheme::Passive(Unselected::Grounded) => (Some(0.0), Some(0.0)),
        Scheme::Passive(Unselected::Half) => (Some(0.5 * v), Some(0.5 * v)),
        Scheme::Passive(Unselected::Third) => (Some(v / 3.0), Some(2.0 * v / 3.0)),
        Scheme::Passive(Unselected::Own { .. }) => return Err(WriteError::OwnVoltages),
    };
    let (mut words, mut bits) = (vec![word; rows], vec![bit; cols]);
    stroke.rows.iter().for_each(|row| words[*row] = Some(v));
    stroke.cols.iter().for_each(|col| bits[*col] = Some(0.0));
    Ok((words, bits))
}

pub(super) fn check(setup: &Setup) -> Result<(), WriteError> {
    if !TOLERANCES.contains(&setup.tolerance) {
        return Err(WriteError::Tolerance(setup.tolerance));
    }
    if setup.wiring == Wiring::Ideal {
        if setup.selector.is_some() {
            return Err(WriteError::SelectorWithoutWires);
        }
        if setup.scheme == Scheme::Passive(Unselected::Floating) {
            return Err(WriteError::Floats);
        }
    }
    match &setup.scheme {
        Scheme::Passive(Unselected::Own { .. }) => Err(WriteError::OwnVoltages),
        _ => Ok(()),
    }
}

impl Setup {
    /// In words, for records and pages.
    pub fn scheme_name(&self) -> &'static str {
        match &self.scheme {
            Scheme::Isolated => "isolated",
            Scheme::Passive(Unselected::Grounded) => "grounded",
            Scheme::Passive(Unselected::Floating) => "floating",
            Scheme::Passive(Unselected::Half) => "half",
            Scheme::Passive(Unselected::Third) => "third",
            Scheme::Passive(Unselected::Own { .. }) => "own voltages",
        }
    }
}
