//! What many writes did to the cells, and how far it can be trusted.

use super::Writer;
use super::course::Own;
use super::envelope::Endurance;
use super::writer::ROUNDING;
use ndarray::{Array1, Array2, Array3, Axis};
use std::sync::Arc;
use trapline_model::cell;
use trapline_model::dataset::Dataset;
use trapline_model::material::Material;

/// Shares of the window after all writes by which the worst of the other cells has moved at some time.
pub const SHARES: [f64; 2] = [0.01, 0.1];

/// The cells after a number of writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    pub writes: u64,
    /// What these writes changed the conductance of a cell of the pattern by, on the average, S.
    pub window_s: f64,
    /// Largest change of another cell, over the window after all writes, and the error of this share.
    pub worst: f64,
    pub error: f64,
    /// Where that cell is; none where all cells are written.
    pub cell: Option<(usize, usize)>,
}

/// When the worst of the other cells had moved by a share of the window after all writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    pub share: f64,
    /// Number of writes, between two that were looked at along their logarithm; none where it was not reached.
    pub writes: Option<f64>,
    /// These two; 0 stands for the fresh array.
    pub between: (u64, u64),
}

/// What many writes did.
#[derive(Debug, Clone, PartialEq)]
pub struct Endured {
    /// Numbers of writes that are reported.
    pub at: Vec<u64>,
    /// Axes (number of writes, row, column): filling, conductance (S, at the read bias, without noise), and their
    /// errors.
    pub filling: Array3<f64>,
    pub filling_error: Array3<f64>,
    pub conductance_s: Array3<f64>,
    pub conductance_error_s: Array3<f64>,
    /// At every number of writes that was looked at, ascending.
    pub moved: Vec<Moved>,
    /// Writes that were stepped, leaps over many that were taken, and leaps that were too long.
    pub stepped: u64,
    pub leaps: u64,
    pub refused: u64,
    /// Largest error of a filling at any number of writes, over the largest change of one up to there.
    pub worst_error: f64,
}

impl Endured {
    /// What is told of the reported numbers of writes.
    pub fn reported(&self) -> impl Iterator<Item = &Moved> {
        self.moved.iter().filter(|moved| self.at.contains(&moved.writes))
    }

    /// When the worst of the other cells had first moved by a share of the window.
    pub fn reached(&self, share: f64) -> Reached {
        let Some(by) = self.moved.iter().position(|moved| moved.worst >= share) else {
            let last = self.moved.last().map_or(0, |moved| moved.writes);
            return Reached { share, writes: None, between: (last, last) };
        };
        let high = self.moved[by];
        let Some(low) = by.checked_sub(1).map(|before| self.moved[before]) else {
            // The fresh array has no place on a logarithmic axis.
            return Reached { share, writes: Some(high.writes as f64), between: (0, high.writes) };
        };
        let of = |moved: Moved| (moved.writes as f64, moved.worst);
        Reached { share, writes: Some(writes_at(share, of(low), of(high))), between: (low.writes, high.writes) }
    }

    /// Adds to what is recorded of a written array: the axis `writes`; over (writes, row, column) `filling_after`,
    /// `conductance_after_s` and the errors of both; over writes `window_after_s`, `worst_disturb_after` and its error.
    /// Notes say how many writes were stepped and when the worst of the other cells had moved by a share.
    pub fn add_to(&self, d: &mut Dataset) {
        let numbers: Vec<f64> = self.at.iter().map(|number| *number as f64).collect();
        d.axis("writes", "1", "Writes of the pattern", &numbers);
        let axes = ["writes", "row", "column"];
        d.real("filling_after", &axes, "1", "Filling of the traps", self.filling.clone().into_dyn());
        d.real("filling_error_after", &axes, "1", "Error of it", self.filling_error.clone().into_dyn());
        d.real("conductance_after_s", &axes, "S", "Conductance", self.conductance_s.clone().into_dyn());
        d.real("conductance_error_after_s", &axes, "S", "Error of it", self.conductance_error_s.clone().into_dyn());
        let over = |of: fn(&Moved) -> f64| self.reported().map(of).collect::<Array1<f64>>().into_dyn();
        d.real("window_after_s", &["writes"], "S", "Mean change of a written cell", over(|moved| moved.window_s));
        d.real(
            "worst_disturb_after",
            &["writes"],
            "1",
            "Largest change of another, over the last window",
            over(|moved| moved.worst),
        );
        d.real("worst_disturb_error_after", &["writes"], "1", "Error of it", over(|moved| moved.error));
        d.note("writes_stepped", self.stepped.to_string())
            .note("leaps", self.leaps.to_string())
            .note("leaps_refused", self.refused.to_string())
            .note("worst_error_after", format!("{:e}", self.worst_error));
        for share in SHARES {
            let told = match self.reached(share).writes {
                Some(writes) => format!("{writes:.4e}"),
                None => "not reached".to_owned(),
            };
            d.note(format!("writes_to_{share}"), told);
        }
    }
}

/// What is noted on the way.
pub(super) struct Log {
    material: Material,
    own: Arc<[Own]>,
    read_v: f64,
    ambient_k: f64,
    written: Array2<bool>,
    /// Filling of each cell before the first write, and the largest change of one so far.
    fresh: Array1<f64>,
    change: f64,
    /// Error of the window that was seen last.
    window_error_s: f64,
    asked: Endurance,
    endured: Endured,
    pub stepped: u64,
    pub leaps: u64,
    pub refused: u64,
}

impl Log {
    /// Of an array that is about to be written.
    pub fn new(writer: &Writer, written: &Array2<bool>, asked: &Endurance, own: Arc<[Own]>) -> Log {
        let (rows, cols) = written.dim();
        let empty = || Array3::from_elem((asked.at().len(), rows, cols), f64::NAN);
        Log {
            material: writer.probe.material().clone(),
            own,
            read_v: writer.probe.conditions.read_v,
            ambient_k: writer.probe.conditions.ambient_k,
            written: written.clone(),
            fresh: writer.filling.clone(),
            change: 0.0,
            window_error_s: 0.0,
            asked: asked.clone(),
            endured: Endured {
                at: asked.at().to_vec(),
                filling: empty(),
                filling_error: empty(),
                conductance_s: empty(),
                conductance_error_s: empty(),
                moved: Vec::new(),
                stepped: 0,
                leaps: 0,
                refused: 0,
                worst_error: 0.0,
            },
            stepped: 0,
            leaps: 0,
            refused: 0,
        }
    }

    /// Largest change of a filling so far.
    pub fn largest_change(&self) -> f64 {
        self.change
    }

    fn conductance_s(&self, filling: &Array1<f64>) -> Array1<f64> {
        let of = |(own, filling): (&Own, &f64)| {
            cell::conductance_s(&self.material, &own.factors, self.read_v, self.ambient_k, *filling)
        };
        self.own.iter().zip(filling).map(of).collect()
    }

    /// Looks at the cells after a number of writes.
    pub fn look(&mut self, writes: u64, filling: &Array1<f64>, error: &Array1<f64>) {
        self.change =
            filling.iter().zip(&self.fresh).fold(self.change, |most, (now, then)| most.max((now - then).abs()));
        let error = error + &(filling * ROUNDING);
        if self.change > 0.0 {
            let largest = error.iter().fold(0.0, |most: f64, error| most.max(*error));
            self.endured.worst_error = self.endured.worst_error.max(largest / self.change);
        }
        let (fresh_s, now_s) = (self.conductance_s(&self.fresh), self.conductance_s(filling));
        let error_s = (self.conductance_s(&(filling + &error)) - &now_s).mapv(f64::abs);
        let moved_s = &now_s - &fresh_s;
        let inside = self.written.iter().filter(|own| **own).count() as f64;
        let mean = |of: &Array1<f64>| -> f64 {
            self.written.iter().zip(of).filter(|(own, _)| **own).map(|(_, value)| value).sum::<f64>() / inside
        };
        // In S, until the last window is known.
        let mut moved = Moved { writes, window_s: mean(&moved_s), worst: 0.0, error: 0.0, cell: None };
        for (place, (at, own)) in self.written.indexed_iter().enumerate() {
            let by_s = moved_s[place].abs();
            if !own && (by_s > moved.worst || moved.cell.is_none()) {
                moved = Moved { worst: by_s, error: error_s[place], cell: Some(at), ..moved };
            }
        }
        self.window_error_s = mean(&error_s);
        self.endured.moved.push(moved);
        let Some(row) = self.asked.at().iter().position(|number| *number == writes) else { return };
        let shape = self.written.dim();
        let endured = &mut self.endured;
        for (to, from) in [
            (&mut endured.filling, filling),
            (&mut endured.filling_error, &error),
            (&mut endured.conductance_s, &now_s),
            (&mut endured.conductance_error_s, &error_s),
        ] {
            let mut to = to.index_axis_mut(Axis(0), row);
            for (place, value) in from.iter().enumerate() {
                to[[place / shape.1, place % shape.1]] = *value;
            }
        }
    }

    /// Nothing more is written.
    pub fn over(mut self) -> Endured {
        let window_s = self.endured.moved.last().map_or(0.0, |moved| moved.window_s.abs());
        for moved in &mut self.endured.moved {
            let over = |s: f64| if window_s > 0.0 { s / window_s } else { 0.0 };
            let worst = over(moved.worst);
            moved.error = over(moved.error + worst * self.window_error_s);
            moved.worst = worst;
        }
        Endured { stepped: self.stepped, leaps: self.leaps, refused: self.refused, ..self.endured }
    }
}

/// The number of writes at which the worst cell had moved by a share, between two numbers of writes and its movements
/// there: as a power of the number, which a disturb begins as; from a cell that had not moved, evenly in its logarithm.
fn writes_at(share: f64, (from, before): (f64, f64), (to, after): (f64, f64)) -> f64 {
    let part = if before > 0.0 { (share / before).ln() / (after / before).ln() } else { share / after };
    from * libm::pow(to / from, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disturb_that_grows_with_the_writes_is_met_where_it_is() {
        // 3e-4 of the window a write: 1 % after 33.3, whatever numbers of writes lie on either side.
        let moved = |writes: f64| (writes, 3e-4 * writes);
        for (from, to) in [(30.0, 100.0), (1.0, 1e4), (33.0, 34.0)] {
            let found = writes_at(0.01, moved(from), moved(to));
            assert!((found / (0.01 / 3e-4) - 1.0).abs() < 1e-12, "{from} to {to}: {found}");
        }
        // From a cell that had not moved there is no power: halfway in the logarithm where half of it is asked for.
        assert!((writes_at(0.01, (10.0, 0.0), (1000.0, 0.02)) - 100.0).abs() < 1e-9);
    }
}
