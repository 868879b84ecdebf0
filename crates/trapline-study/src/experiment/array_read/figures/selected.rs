//! The cell that is farthest from sources and amplifiers: its two states, among others that are on, off and drawn.

use super::{Subject, Worth, least, worse};
use crate::experiment::array_read::law::{Cells, MaterialCells, connected, solved};
use crate::experiment::array_read::{ArrayReadError, Power, Scheme, noise_of_column};
use ndarray::{Array1, Array2, Axis as Dim};
use trapline_engine::circuit::{Law, SolveError};
use trapline_model::outcome::MeritIs;

impl Worth<'_> {
    /// The cell that has most wire before it: sources are on the left, amplifiers at the bottom.
    pub(super) fn selected(&self, (rows, cols): (usize, usize)) -> (usize, usize) {
        if self.circuit.both_ends { (rows / 2, cols / 2) } else { (0, cols - 1) }
    }

    /// The farthest cell.
    pub(super) fn one_cell(
        &mut self,
        filling: &Array2<f64>,
        scheme: &Scheme,
        figures: &mut Array1<f64>,
    ) -> Result<(), ArrayReadError> {
        let cols = filling.ncols();
        let selected = self.selected(filling.dim());
        let all = |_: usize, _: usize| true;
        let none = |_: usize, _: usize| false;
        let volts = self.subject.read_v;
        let (on_alone_a, off_alone_a) =
            (self.alone_a(filling[selected], selected, volts), self.alone_a(0.0, selected, volts));
        figures[MeritIs::MarginIdeal as usize] = 1.0 - off_alone_a / on_alone_a;
        figures[MeritIs::Selectivity as usize] = on_alone_a / self.alone_a(filling[selected], selected, 0.5 * volts);
        let [on, off] = [true, false].map(|state| self.seen(filling, scheme, selected, state, &all));
        let (on, off) = (on?, off?);
        if let Some(on) = on {
            for (of, value) in [
                (MeritIs::SelectedCell, on.selected_v / volts),
                (MeritIs::Sneak, (on.sensed_a - on.selected_a) / on_alone_a),
                (MeritIs::HalfSelectLeakage, on.leakage_a),
                (MeritIs::ReadEnergy, on.power_w * self.circuit.integration_s),
            ] {
                figures[of as usize] = value;
            }
        }
        if let Some((on, off)) = on.zip(off) {
            let window_a = on.sensed_a - off.sensed_a;
            figures[MeritIs::MarginWorst as usize] = window_a / on.sensed_a;
            // Where the window drowns in the bounds of the currents the noise is at least this many of them.
            let resolved = told_apart(on, off);
            let reach_a = if resolved { window_a.abs() } else { window_a.abs() + on.bound_a + off.bound_a };
            figures[MeritIs::ReadNoise as usize] = on.noise_a / reach_a;
        } else {
            self.remark("the network of the selected cell is not solved well enough: it has no margin");
        }
        let mut of_itself = vec![(on, off)];
        // The weakest cell on and the strongest off, in the place of the farthest.
        let [weakest, strongest] = self.extremes(filling);
        let extremes = |others: &dyn Fn(usize, usize) -> bool| -> Result<Pair, ArrayReadError> {
            let on = self.seen_as(filling, scheme, (selected, weakest), true, others)?;
            Ok((on, self.seen_as(filling, scheme, (selected, strongest), false, others)?))
        };
        let mut of_any = vec![extremes(&all)?, extremes(&none)?];
        for pattern in 0..self.circuit.patterns {
            let drawn = |row: usize, col: usize| self.draws(1 + pattern, (row * cols + col) as u64);
            let [on, off] = [true, false].map(|state| self.seen(filling, scheme, selected, state, &drawn));
            of_itself.push((on?, off?));
            of_any.push(extremes(&drawn)?);
        }
        for seen in of_itself.iter().chain(&of_any).flat_map(|(on, off)| [on, off]).flatten() {
            worse(figures, seen.bound);
        }
        let random: Vec<f64> = of_itself[1..]
            .iter()
            .map(|(on, off)| on.zip(*off).map_or(f64::NAN, |(on, off)| (on.sensed_a - off.sensed_a) / on.sensed_a))
            .collect();
        let unresolved = |(on, off): &Pair| on.zip(*off).is_some_and(|(on, off)| !told_apart(on, off));
        if of_itself.iter().any(unresolved) {
            self.remark(UNRESOLVED);
        }
        // Whichever pattern has them: where lines are held, cells that are on take from the word line.
        let sign = self.subject.read_v.signum();
        let sensed_a = |of: &Option<Seen>| of.map_or(f64::NAN, |seen| sign * seen.sensed_a);
        let least_on_a = least(of_any.iter().map(|(on, _)| sensed_a(on)));
        let most_off_a = -least(of_any.iter().map(|(_, off)| -sensed_a(off)));
        figures[MeritIs::MarginSense as usize] = (least_on_a - most_off_a) / least_on_a;
        figures[MeritIs::MarginRandom as usize] = least(random.into_iter());
        Ok(())
    }

    /// The cells that pass least when on and most when off, each by itself at the bias.
    fn extremes(&self, filling: &Array2<f64>) -> [(usize, usize); 2] {
        let volts = self.subject.read_v;
        let of = |on: bool| {
            let law = self.cells(filling, |_, _| on);
            let law = law.law();
            let passed = filling.indexed_iter().map(|(at, _)| (at, law.current_and_slope(at.0, at.1, volts).0.abs()));
            let order = |a: &((usize, usize), f64), b: &((usize, usize), f64)| a.1.total_cmp(&b.1);
            let found = if on { passed.min_by(order) } else { passed.max_by(order) };
            found.map_or((0, 0), |(at, _)| at)
        };
        [of(true), of(false)]
    }

    /// What a cell passes by itself, with its selector, A.
    fn alone_a(&self, filling: f64, at: (usize, usize), volts: f64) -> f64 {
        let Subject { material, area, read_k, .. } = self.subject;
        let one = |value: f64| Array2::from_elem((1, 1), value);
        let law = MaterialCells::new(material, read_k, &one(filling), one(area[at]));
        let selector = self.circuit.selector.clone();
        let cell = Cells { material: Some(law), selector, ..Cells::linear(one(1.0)) };
        cell.law().current_and_slope(0, 0, volts).0
    }

    /// The selected cell on or off among others; none where its network is not solved well enough.
    fn seen(
        &self,
        filling: &Array2<f64>,
        scheme: &Scheme,
        selected: (usize, usize),
        state: bool,
        others: &dyn Fn(usize, usize) -> bool,
    ) -> Result<Option<Seen>, ArrayReadError> {
        self.seen_as(filling, scheme, (selected, selected), state, others)
    }

    /// The same with another cell of the array in the place of the selected one.
    fn seen_as(
        &self,
        filling: &Array2<f64>,
        scheme: &Scheme,
        ((row, col), stands_in): ((usize, usize), (usize, usize)),
        state: bool,
        others: &dyn Fn(usize, usize) -> bool,
    ) -> Result<Option<Seen>, ArrayReadError> {
        let is_on = |r: usize, c: usize| if (r, c) == (row, col) { state } else { others(r, c) };
        let cells = &self.cells_with(filling, is_on, Some([(row, col), stands_in]));
        let (connected, unselected) = connected(cells.conductance_s.view(), (row, col), scheme);
        let crossbar = self.setup.periphery.one_cell(connected, (row, col), self.subject.read_v, &unselected)?;
        let accuracies = self.setup.accuracies(Some(col));
        let solution = match solved(self.backend, &crossbar, cells, None, &accuracies) {
            Ok((solution, _)) => solution,
            Err(SolveError::NotConverged { .. } | SolveError::Newton { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let leaking = |lane: ndarray::ArrayView1<'_, f64>, own: usize| -> f64 {
            lane.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, a)| a.abs()).sum()
        };
        let leakage_a = leaking(solution.cell_a.row(row), col) + leaking(solution.cell_a.index_axis(Dim(1), col), row);
        Ok(Some(Seen {
            sensed_a: solution.currents.column_a[col],
            selected_a: solution.cell_a[[row, col]],
            selected_v: solution.word_v[[row, col]] - solution.bit_v[[row, col]],
            leakage_a,
            power_w: Power::of(&crossbar, &solution, false).total_w,
            noise_a: noise_of_column(&crossbar, &cells.law(), &solution, col, &self.setup),
            bound_a: solution.currents.certificate.bound_a,
            bound: solution.currents.certificate.relative(),
        }))
    }
}

/// Whether the currents of the two states of a cell are known to a thousandth of their difference.
fn told_apart(on: Seen, off: Seen) -> bool {
    on.bound_a + off.bound_a <= 1e-3 * (on.sensed_a - off.sensed_a).abs()
}

const UNRESOLVED: &str = "the selected cell's two states are closer to one another than a thousand times the bounds of their \
                          currents: margins are known to fewer digits, and the reading noise is at least what is told";

/// A cell on and off; none where its network is not solved well enough.
type Pair = (Option<Seen>, Option<Seen>);

/// What is seen of a selected cell.
#[derive(Debug, Clone, Copy)]
struct Seen {
    sensed_a: f64,
    selected_a: f64,
    selected_v: f64,
    leakage_a: f64,
    power_w: f64,
    noise_a: f64,
    bound_a: f64,
    bound: f64,
}
