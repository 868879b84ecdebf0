//! Solving a crossbar of linear cells.

use crate::backend::Backend;
use crate::circuit::accuracy::{Accuracy, Stop};
use crate::circuit::audit::{Audit, Ohmic, audit};
use crate::circuit::bounds;
use crate::circuit::device::OnDevice;
use crate::circuit::direct::Direct;
use crate::circuit::error::{CONDUCTANCE_S, NetworkError, SolveError};
use crate::circuit::network::Crossbar;
use crate::circuit::pcg::Core;
use crate::circuit::solution::{Currents, Method, Solution};
use crate::circuit::state::State;
use crate::circuit::tiles::{COLUMNS, LANES, Layout};
use crate::circuit::wiring::{Circuit, Side};
use std::sync::Arc;

/// Iterations of one run before the preconditioner is strengthened.
pub(crate) const MOST_ITERATIONS: usize = 60;
/// The same where nothing stronger is left: the search directions are worth more than a fresh start.
const MOST_ITERATIONS_AT_LAST: usize = 600;
/// Least and most nodes of the coarse crossbar that an array of ordinary size may have. More save iterations and cost
/// each of them more: at 512 x 512 and a ratio of 0.1, 10 with 4096 nodes take a third longer than 12 with 2048.
const COARSE_NODES: (usize, usize) = (2048, 4096);
/// Cells that a coarse node stands for between the two.
const CELLS_PER_NODE: usize = 128;
/// The same for more cells than [`MANY_CELLS`].
const MANY_COARSE_NODES: usize = 16384;
/// Cells above which the coarse crossbar is larger.
const MANY_CELLS: usize = 1 << 23;
/// Corrections of a state in one way before the solver gives up.
const MOST_CORRECTIONS: usize = 12;
/// Which preconditioner is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preconditioner {
    /// By what the lines would drop.
    #[default]
    Chosen,
    /// The bit lines alone.
    Lines,
    /// The bit lines and the coarse crossbar.
    TwoLevel,
}

/// Solves a crossbar to the default accuracy.
///
/// See the [module's page](crate::circuit) for an example.
pub fn solve(crossbar: &Crossbar<'_>) -> Result<Solution, SolveError> {
    solve_to(crossbar, Accuracy::default())
}

/// Solves a crossbar to an accuracy: by bounds where drops are small (`bounds.rs`), else by a [`Solver`].
pub fn solve_to(crossbar: &Crossbar<'_>, accuracy: Accuracy) -> Result<Solution, SolveError> {
    bounds::solve_linear(crossbar, accuracy).unwrap_or_else(|| Solver::new(crossbar).solve_all(accuracy))
}

/// The first of some accuracies, from the best on, that a solver keeps, and the solution. `bounds` may do without a
/// solver, which is made where it is needed, and goes on from where the accuracy before left it.
pub(crate) fn first_kept<S>(
    accuracies: &[Accuracy],
    bounds: impl Fn(Accuracy) -> Option<Result<Solution, SolveError>>,
    make: impl Fn() -> S,
    solve: impl Fn(&mut S, Accuracy) -> Result<Solution, SolveError>,
) -> Result<(Solution, Accuracy), SolveError> {
    let (mut solver, mut failed) = (None, SolveError::Accuracy(f64::NAN));
    for accuracy in accuracies {
        let solution = bounds(*accuracy).unwrap_or_else(|| solve(solver.get_or_insert_with(&make), *accuracy));
        match solution {
            Ok(solution) => return Ok((solution, *accuracy)),
            Err(error @ (SolveError::NotConverged { .. } | SolveError::Newton { .. })) => failed = error,
            Err(error) => return Err(error),
        }
    }
    Err(failed)
}

/// Solves a crossbar to the first of some accuracies, from the best on, that can be kept, and says which; with the
/// iterations on a backend's device as [`solve_on`].
///
/// # Errors
/// [`SolveError`]; where none can be kept, that of the last.
pub fn solve_to_first_of(
    backend: &dyn Backend,
    crossbar: &Crossbar<'_>,
    accuracies: &[Accuracy],
) -> Result<(Solution, Accuracy), SolveError> {
    first_kept(
        accuracies,
        |accuracy| bounds::solve_linear(crossbar, accuracy),
        || Solver::where_it_pays(backend, crossbar),
        Solver::solve_all,
    )
}

/// Cells from which a device is worth its round trips: a processor needs a millisecond for fewer.
const LEAST_CELLS_ON_DEVICE: usize = 1 << 14;

pub(crate) fn pays_on_device(crossbar: &Crossbar<'_>) -> bool {
    crossbar.rows() * crossbar.cols() >= LEAST_CELLS_ON_DEVICE
}

/// The same with the iterations on a backend's device, if it has one and the array is large enough for it (128 x 128).
pub fn solve_on(backend: &dyn Backend, crossbar: &Crossbar<'_>, accuracy: Accuracy) -> Result<Solution, SolveError> {
    bounds::solve_linear(crossbar, accuracy)
        .unwrap_or_else(|| Solver::where_it_pays(backend, crossbar).solve_all(accuracy))
}

/// Bytes that a solver of an array needs at the most, its coarse crossbar not counted (some 20 MB at 1024 x 1024): for
/// whoever wants to refuse before memory is taken.
pub fn memory_bytes(rows: usize, cols: usize) -> u128 {
    const FIELDS: u128 = 14;
    let padded = |lines: usize, to: usize| lines.div_ceil(to) as u128 * to as u128;
    // The solver turns arrays that are taller than wide.
    let cells = padded(rows.min(cols), LANES).saturating_mul(padded(rows.max(cols), COLUMNS));
    cells.saturating_mul(8 * FIELDS)
}

/// A network with its factors and the state of its nodes, kept between solves: a second one with other sources or a
/// few changed cells starts from there.
///
/// On a device ([`Solver::on`]) iterations are f32, and everything that decides how good the solution is stays here, in
/// f64. Where f32 does not do, this processor goes on by itself ([`Method::left_device`]).
#[derive(Debug)]
pub struct Solver<'d> {
    pub(crate) core: Core<'d>,
    pub(crate) state: State,
    pub(crate) coarse_nodes: Option<usize>,
    /// What solves the network as a whole, where iterations have come no further: kept for the solves after it.
    direct: Option<Direct>,
    /// Whether nothing stronger is left.
    at_last: bool,
    /// What solves took that came to nothing, since the last solution.
    pub(crate) spent: Method,
}

impl<'d> Solver<'d> {
    /// Factors the network of a crossbar.
    pub fn new(crossbar: &Crossbar<'_>) -> Solver<'d> {
        Solver::made(crossbar, Preconditioner::Chosen, None)
    }

    /// The same with a preconditioner of one's own choice.
    pub fn with_preconditioner(crossbar: &Crossbar<'_>, preconditioner: Preconditioner) -> Solver<'d> {
        Solver::made(crossbar, preconditioner, None)
    }

    /// Takes a network over to a backend's device, if it has one; else as [`Solver::new`].
    pub fn on(backend: &'d dyn Backend, crossbar: &Crossbar<'_>) -> Solver<'d> {
        Solver::made(crossbar, Preconditioner::Chosen, backend.network_device())
    }

    /// The same where the array is large enough for a device (128 x 128), else on this processor.
    pub fn where_it_pays(backend: &'d dyn Backend, crossbar: &Crossbar<'_>) -> Solver<'d> {
        if pays_on_device(crossbar) { Solver::on(backend, crossbar) } else { Solver::new(crossbar) }
    }

    fn made(crossbar: &Crossbar<'_>, preconditioner: Preconditioner, device: Option<OnDevice<'d>>) -> Solver<'d> {
        let mut solver = Solver::unfactored(crossbar, device);
        let two_levels = match preconditioner {
            Preconditioner::Chosen => wants_two_levels(&solver.core),
            Preconditioner::Lines => false,
            Preconditioner::TwoLevel => true,
        };
        solver.coarse_nodes = two_levels.then(|| coarse_budget(&solver.core.layout));
        solver.core.factor(solver.coarse_nodes);
        solver
    }

    pub(crate) fn unfactored(crossbar: &Crossbar<'_>, device: Option<OnDevice<'d>>) -> Solver<'d> {
        let circuit = Circuit::new(crossbar);
        let layout = Layout::new(circuit.rows, circuit.cols);
        let cells_s =
            layout.load(crossbar.conductance_s(), circuit.transposed, &circuit.words.live, &circuit.bits.live);
        Solver::with_core(Core::new(circuit, cells_s, device), None)
    }

    pub(crate) fn with_core(core: Core<'d>, coarse_nodes: Option<usize>) -> Solver<'d> {
        let (state, spent) = (State::zero(), Method::default());
        Solver { core, state, coarse_nodes, direct: None, at_last: false, spent }
    }

    /// Whether iterations on this processor are all that it has needed.
    pub(crate) fn iterates_here(&self) -> bool {
        self.core.device.is_none() && self.direct.is_none() && !self.at_last
    }

    /// Solves from the present state on. Fails rather than promise less than was asked for.
    pub fn solve(&mut self, accuracy: Accuracy) -> Result<Currents, SolveError> {
        accuracy.check()?;
        let mut method = std::mem::take(&mut self.spent);
        let solved = self.solve_by(accuracy, &mut method);
        if solved.is_err() {
            self.spent = method;
        }
        solved
    }

    fn solve_by(&mut self, accuracy: Accuracy, method: &mut Method) -> Result<Currents, SolveError> {
        let mut in_one_way = 0;
        // The state before a step of a factor that did not help by itself, and its bound.
        let mut before_trial: Option<(State, f64)> = None;
        method.coarse_nodes = self.core.coarse_nodes();
        let mut here = self.audit(0.0);
        let mut target_a = accuracy.target_a(&here, &self.core);
        while here.bound_a() > target_a {
            if in_one_way == MOST_CORRECTIONS {
                return Err(self.failure(&here, target_a, method));
            }
            method.on_device |= self.core.device.is_some();
            let reached = self.correct(&accuracy, &here, method);
            if let Some(error) = self.core.failure.take() {
                return Err(SolveError::Device(error.to_string()));
            }
            method.corrections += 1;
            in_one_way += 1;
            let after = self.audit(1.0);
            let (before_a, after_a) = (here.bound_a(), after.bound_a());
            let falls = after_a <= 0.5 * before_a;
            if self.direct.is_some() && (after_a.is_nan() || after_a >= before_a) {
                if before_trial.is_none() && after_a.is_finite() {
                    // Rounding at cells that short their lines may hide what a step is worth: the one after it tells.
                    before_trial = Some((self.state.clone(), before_a));
                    self.state.advance(&mut self.core, 1.0);
                    here = after;
                    target_a = accuracy.target_a(&here, &self.core);
                    continue;
                }
                // A step of a factor that rounding has spoilt is not taken, neither the one before it.
                if let Some((state, _)) = before_trial.take() {
                    self.state = state;
                }
                here = self.audit(0.0);
            } else {
                before_trial = before_trial.filter(|(_, bound_a)| after_a >= *bound_a);
                self.state.advance(&mut self.core, 1.0);
                here = after;
            }
            target_a = accuracy.target_a(&here, &self.core);
            // Slow is no reason to give up: where nothing better is left it goes on as long as the bound falls.
            if !(reached && falls) && here.bound_a() > target_a {
                if self.strengthen(&here, reached, method) {
                    in_one_way = 0;
                } else if !falls {
                    return Err(self.failure(&here, target_a, method));
                }
            }
        }
        Ok(Currents::new(self, &here, target_a, *method))
    }

    /// Potentials start again from those of the sources.
    pub fn forget(&mut self) {
        self.state = State::zero();
    }

    /// Other voltages of the sources, from a crossbar that differs in nothing else. Potentials start again.
    pub fn drive(&mut self, crossbar: &Crossbar<'_>) {
        self.core.circuit = Circuit::new(crossbar);
        self.forget();
    }

    /// Another conductance of a cell that is not open, S. Potentials stay where they are, as the start of the next
    /// solve.
    pub fn set_cell(&mut self, row: usize, col: usize, siemens: f64) -> Result<(), NetworkError> {
        let circuit = &self.core.circuit;
        let (rows, cols) = (self.core.layout.rows, self.core.layout.cols);
        let (line, at) = if circuit.transposed { (col, row) } else { (row, col) };
        if line >= rows || at >= cols {
            let (rows, cols) = if circuit.transposed { (cols, rows) } else { (rows, cols) };
            return Err(NetworkError::Selected { row, col, rows, cols });
        }
        if !(CONDUCTANCE_S.0..=CONDUCTANCE_S.1).contains(&siemens) {
            return Err(NetworkError::Conductance { row, col, siemens });
        }
        // What eliminated the network knows the old cell.
        (self.direct, self.at_last) = (None, false);
        if self.core.set_cell(line, at, siemens) { Ok(()) } else { Err(NetworkError::Open { row, col }) }
    }

    fn audit(&mut self, share: f64) -> Audit {
        let cells_s = Arc::clone(&self.core.cells_s);
        let ohmic = Ohmic(&cells_s, self.core.layout);
        audit(&mut self.core, &self.state, &ohmic, share)
    }

    /// Finds the step that removes the residual; whether it came as far as it should.
    fn correct(&mut self, accuracy: &Accuracy, here: &Audit, method: &mut Method) -> bool {
        if let Some(direct) = &mut self.direct {
            method.direct = true;
            return direct.correct(&mut self.core);
        }
        let most = if self.at_last { MOST_ITERATIONS_AT_LAST } else { MOST_ITERATIONS };
        let stop = Stop::new(here, accuracy);
        let run = self.core.correct(most, |circuit, l1, near_v, far_v| stop.at(circuit, l1, near_v, far_v));
        method.iterations += run.iterations;
        run.reached
    }

    /// A better way to correct where one is left; false if none is.
    fn strengthen(&mut self, here: &Audit, reached: bool, method: &mut Method) -> bool {
        if here.floor_a > 0.5 * here.bound_a() {
            return false;
        }
        // A device that came as far as it should, to no avail, lacks digits; one whose coarse crossbar is as fine as
        // may be has done what it can.
        if self.core.device.is_some() && (reached || self.coarse_nodes.is_some_and(|nodes| nodes > MANY_COARSE_NODES)) {
            self.core.leave_device(self.coarse_nodes);
            method.left_device = true;
            return true;
        }
        if let Some(direct) = &mut self.direct {
            return direct.strengthen(&self.core.layout);
        }
        let cells = self.core.layout.rows * self.core.layout.cols;
        let finer = match self.coarse_nodes {
            None => coarse_budget(&self.core.layout),
            Some(nodes) => 4 * nodes,
        };
        if finer <= 4 * MANY_COARSE_NODES && finer <= 4 * cells {
            self.coarse_nodes = Some(finer);
            self.core.make_coarse(self.coarse_nodes);
            method.coarse_nodes = self.core.coarse_nodes();
            return true;
        }
        self.direct = Direct::of(&self.core.layout);
        let stronger = self.direct.is_some() || !self.at_last;
        self.at_last = true;
        stronger
    }

    fn failure(&self, here: &Audit, target_a: f64, method: &Method) -> SolveError {
        let (bound_a, floor_a, iterations) = (here.bound_a(), here.floor_a, method.iterations);
        SolveError::NotConverged { bound_a, floor_a, total_a: here.total_a(), target_a, iterations }
    }
}

/// Nodes that the coarse crossbar of an array may have.
pub(crate) fn coarse_budget(layout: &Layout) -> usize {
    let cells = layout.rows * layout.cols;
    if cells > MANY_CELLS {
        return MANY_COARSE_NODES;
    }
    (cells / CELLS_PER_NODE).clamp(COARSE_NODES.0, COARSE_NODES.1)
}

/// Whether both directions drop so much that the bit lines alone would precondition badly: with W and B the largest
/// drops of word and bit lines per unit of voltage, the condition is `(1 + W)(1 + B)/(1 + W + B)`.
pub(crate) fn wants_two_levels(core: &Core<'_>) -> bool {
    let (words, bits) = (&core.circuit.words, &core.circuit.bits);
    let mean_s = core.mean_s();
    if mean_s == 0.0 {
        return false;
    }
    let drop = |side: &Side, cells: usize| -> f64 {
        let wire_ohm = 4.0 / std::f64::consts::PI.powi(2) * cells as f64 * side.mean_segment_ohm();
        let ends = side.near_s.iter().zip(&side.far_s).zip(&side.live).filter(|(_, live)| **live);
        let most = ends.map(|((near, far), _)| 1.0 / (near + far)).fold(0.0, f64::max);
        mean_s * cells as f64 * (most + wire_ohm)
    };
    let (word, bit) = (drop(words, core.layout.cols), drop(bits, core.layout.rows));
    let (least, most) = (word.min(bit), word.max(bit));
    // In this form it holds where one axis floats, and has an infinite drop.
    least.is_infinite() || (1.0 + least) / (1.0 + least / (1.0 + most)) > MOST_CONDITION
}

/// Condition up to which the bit lines precondition well enough by themselves.
const MOST_CONDITION: f64 = 1.5;
