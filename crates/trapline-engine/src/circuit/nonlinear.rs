//! Crossbars of nonlinear cells.
//!
//! # Theory
//! Where the current of every cell rises with its voltage, the potentials of a network minimise its co-content (W.
//! Millar, Phil. Mag. 42, 1150 (1951)), which is convex: there is one solution. Newton's method solves
//!
//! ```text
//! [A_w -D; -D A_b] step = -F,   D = dI/dV,   F: what Kirchhoff's law leaves over
//! ```
//!
//! to a share of F that shrinks as F does (S. C. Eisenstat and H. F. Walker, SIAM J. Sci. Comput. 17, 16 (1996)), and
//! goes along the step until the slope of the co-content is half of what it was or less. The state is drops, as for
//! linear cells. Where it stalls, a conductance is laid beside every cell and taken away by and by.
//!
//! The bound of currents is that of linear cells: between the computed and the true voltage a cell has the conductance
//! of the secant, which is not negative, so the error obeys a network of resistors driven by the residual.

use crate::backend::Backend;
use crate::circuit::accuracy::{Accuracy, STOP_SHARE};
use crate::circuit::audit::{Audit, Cells, audit};
use crate::circuit::bounds;
use crate::circuit::error::{NetworkError, SolveError};
use crate::circuit::law::Law;
use crate::circuit::network::Crossbar;
use crate::circuit::pcg::Core;
use crate::circuit::solution::{Currents, Method, Solution};
use crate::circuit::solve::{Solver, coarse_budget, first_kept, pays_on_device, wants_two_levels};
use crate::circuit::state::State;
use crate::circuit::tiles::{COLUMNS, LANES, Layout, Tile, ZERO};
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// Newton steps of one stage.
const MOST_STEPS: usize = 40;
/// Iterations of a step's linear solve.
const MOST_ITERATIONS: usize = 120;
/// Shortest step along a direction.
const LEAST_SHARE: f64 = 1e-6;
/// Conductances laid beside the cells where Newton's method stalls, over the largest slope there is.
const BESIDE: [f64; 8] = [1.0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 0.0];

/// Solves a crossbar of nonlinear cells. Of the crossbar's conductances only the zeros count: those cells are open.
pub fn solve_nonlinear(crossbar: &Crossbar<'_>, law: &impl Law, accuracy: Accuracy) -> Result<Solution, SolveError> {
    bounds::solve(crossbar, law, accuracy).unwrap_or_else(|| Nonlinear::new(crossbar, law).solve_all(accuracy))
}

/// The same with the iterations on a backend's device, if it has one and the array is large enough for it (128 x 128).
pub fn solve_nonlinear_on(
    backend: &dyn Backend,
    crossbar: &Crossbar<'_>,
    law: &impl Law,
    accuracy: Accuracy,
) -> Result<Solution, SolveError> {
    bounds::solve(crossbar, law, accuracy).unwrap_or_else(|| match pays_on_device(crossbar) {
        true => Nonlinear::on(backend, crossbar, law).solve_all(accuracy),
        false => Nonlinear::new(crossbar, law).solve_all(accuracy),
    })
}

/// Solves a crossbar of nonlinear cells to the first of some accuracies, from the best on, that can be kept, and says
/// which; with the iterations on a backend's device as [`solve_nonlinear_on`].
///
/// # Errors
/// [`SolveError`]; where none can be kept, that of the last.
pub fn solve_nonlinear_to_first_of(
    backend: &dyn Backend,
    crossbar: &Crossbar<'_>,
    law: &impl Law,
    accuracies: &[Accuracy],
) -> Result<(Solution, Accuracy), SolveError> {
    first_kept(
        accuracies,
        |accuracy| bounds::solve(crossbar, law, accuracy),
        || match pays_on_device(crossbar) {
            true => Nonlinear::on(backend, crossbar, law),
            false => Nonlinear::new(crossbar, law),
        },
        Nonlinear::solve_all,
    )
}

/// A network of nonlinear cells and the state of its nodes, kept between solves.
#[derive(Debug)]
pub struct Nonlinear<'a, L> {
    solver: Solver<'a>,
    law: &'a L,
    /// 1 for cells that are there, in panel order.
    there: Vec<Tile>,
}

/// The law as the solver meets it.
struct Lawful<'a, L> {
    law: &'a L,
    layout: Layout,
    transposed: bool,
    there: &'a [Tile],
    /// Conductance laid beside every cell, S.
    beside_s: f64,
    /// The first cell with a current or slope that makes no sense.
    wrong: Mutex<Option<SolveError>>,
}

impl<L: Law> Cells for Lawful<'_, L> {
    fn pass(&self, panel: usize, block: usize, volts: &Tile, currents: &mut Tile, slopes: Option<&mut Tile>) {
        let mut unused = ZERO;
        let slopes = slopes.unwrap_or(&mut unused);
        (*currents, *slopes) = (ZERO, ZERO);
        let there = &self.there[self.layout.by_panel(panel, block)];
        for lane in 0..self.layout.rows_in(panel) {
            for col in (0..self.layout.cols_in(block)).filter(|col| there[lane][*col] != 0.0) {
                let (row, line_col) = (panel * LANES + lane, block * COLUMNS + col);
                let v = volts[lane][col];
                let (i, s) = if self.transposed {
                    let (i, s) = self.law.current_and_slope(line_col, row, -v);
                    (-i, s)
                } else {
                    self.law.current_and_slope(row, line_col, v)
                };
                if !(i.is_finite() && s.is_finite() && s >= 0.0) {
                    self.blame(row, line_col, v, i, s);
                }
                currents[lane][col] = i + self.beside_s * v;
                slopes[lane][col] = s + self.beside_s;
            }
        }
    }
}

impl<L> Lawful<'_, L> {
    fn blame(&self, row: usize, col: usize, volts: f64, current_a: f64, slope_s: f64) {
        let error = if self.transposed {
            SolveError::Law { row: col, col: row, volts: -volts, current_a: -current_a, slope_s }
        } else {
            SolveError::Law { row, col, volts, current_a, slope_s }
        };
        let place = |error: &SolveError| match error {
            SolveError::Law { row, col, .. } => (*row, *col),
            _ => (usize::MAX, usize::MAX),
        };
        let mut wrong = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if wrong.as_ref().is_none_or(|other| place(&error) < place(other)) {
            *wrong = Some(error);
        }
    }
}

fn stalled(audit: &Audit, target_a: f64, method: &Method) -> SolveError {
    let (steps, residual_a, floor_a) = (method.newton_steps, audit.bound_a(), audit.floor_a);
    SolveError::Newton { steps, residual_a, floor_a, target_a }
}

/// How a stage ended.
enum Ended {
    Converged(Audit, f64),
    Stalled(Audit, f64),
}

impl<'a, L: Law> Nonlinear<'a, L> {
    /// The network of a crossbar whose cells obey a law.
    pub fn new(crossbar: &Crossbar<'_>, law: &'a L) -> Nonlinear<'a, L> {
        Nonlinear::made(Solver::unfactored(crossbar, None), law)
    }

    /// The same with the iterations on a backend's device, if it has one.
    pub fn on(backend: &'a dyn Backend, crossbar: &Crossbar<'_>, law: &'a L) -> Nonlinear<'a, L> {
        Nonlinear::made(Solver::unfactored(crossbar, backend.network_device()), law)
    }

    fn made(mut solver: Solver<'a>, law: &'a L) -> Nonlinear<'a, L> {
        solver.core.slopes = solver.core.layout.zeros();
        let layout = solver.core.layout;
        let cells_s = &solver.core.cells_s;
        let mut there = layout.zeros();
        there.par_chunks_mut(layout.blocks).enumerate().for_each(|(panel, tiles)| {
            for (block, tile) in tiles.iter_mut().enumerate() {
                *tile = cells_s[layout.by_block(panel, block)].map(|row| row.map(|s| f64::from(u8::from(s > 0.0))));
            }
        });
        Nonlinear { solver, law, there }
    }

    /// Solves from the present state on, and gives the state of all nodes too.
    pub fn solve_all(&mut self, accuracy: Accuracy) -> Result<Solution, SolveError> {
        let currents = self.solve(accuracy)?;
        let solver = &self.solver;
        Ok(Solution { currents, word_v: solver.word_v(), bit_v: solver.bit_v(), cell_a: solver.cell_a() })
    }

    /// Solves from the present state on. Fails rather than promise less than was asked for.
    pub fn solve(&mut self, accuracy: Accuracy) -> Result<Currents, SolveError> {
        accuracy.check()?;
        let mut method = std::mem::take(&mut self.solver.spent);
        let solved = self.solve_by(accuracy, &mut method);
        if solved.is_err() {
            self.solver.spent = method;
        }
        solved
    }

    fn solve_by(&mut self, accuracy: Accuracy, method: &mut Method) -> Result<Currents, SolveError> {
        let first = self.stage(&accuracy, 0.0, method)?;
        if let Ended::Converged(audit, target_a) = first {
            return Ok(Currents::new(&self.solver, &audit, target_a, *method));
        }
        // What rounding hides no other way to the solution shows.
        if let Ended::Stalled(audit, target_a) = &first
            && audit.floor_a > 0.5 * audit.bound_a()
        {
            return Err(stalled(audit, *target_a, method));
        }
        let most_s = self.largest_slope();
        self.solver.forget();
        let mut last = first;
        for share in BESIDE {
            let goal = if share > 0.0 { Accuracy::of_total(1e-4) } else { accuracy };
            last = self.stage(&goal, share * most_s, method)?;
        }
        match last {
            Ended::Converged(audit, target_a) => Ok(Currents::new(&self.solver, &audit, target_a, *method)),
            Ended::Stalled(audit, target_a) => Err(stalled(&audit, target_a, method)),
        }
    }

    /// Newton's method with a conductance beside every cell, S.
    fn stage(&mut self, accuracy: &Accuracy, beside_s: f64, method: &mut Method) -> Result<Ended, SolveError> {
        let Nonlinear { solver: Solver { core, state, coarse_nodes, .. }, law, there } = self;
        let (layout, transposed) = (core.layout, core.circuit.transposed);
        let lawful = Lawful { law: *law, layout, transposed, there, beside_s, wrong: Mutex::new(None) };
        let told =
            |lawful: &Lawful<'_, L>| lawful.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let mut here = audit(core, state, &lawful, 0.0);
        if let Some(error) = told(&lawful) {
            return Err(error);
        }
        let mut before_a = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            let target_a = accuracy.target_a(&here, core);
            if here.bound_a() <= target_a {
                return Ok(Ended::Converged(here, target_a));
            }
            adopt_slopes(core);
            *coarse_nodes = wants_two_levels(core).then(|| coarse_budget(&layout));
            core.factor(*coarse_nodes);
            method.coarse_nodes = core.coarse_nodes();
            let residual_a = here.residual_a;
            let ratio = if before_a.is_finite() { residual_a / before_a } else { 1.0 };
            let goal_a = residual_a * f64::min(0.1, 0.5 * ratio.powf(1.5));
            let goal_a = goal_a.max(0.2 * STOP_SHARE * target_a).max(1e-14 * residual_a);
            method.on_device |= core.device.is_some();
            let run = core.correct(MOST_ITERATIONS, |_, l1, _, _| l1 <= goal_a);
            if let Some(error) = core.failure.take() {
                return Err(SolveError::Device(error.to_string()));
            }
            method.iterations += run.iterations;
            method.newton_steps += 1;
            before_a = residual_a;
            let Some((share, after)) = search(core, state, &lawful, run.descent_w, residual_a) else {
                if core.device.is_some() {
                    core.leave_device(*coarse_nodes);
                    method.left_device = true;
                    continue;
                }
                return Ok(Ended::Stalled(here, target_a));
            };
            told(&lawful);
            state.advance(core, share);
            here = after;
        }
        let target_a = accuracy.target_a(&here, core);
        Ok(if here.bound_a() <= target_a { Ended::Converged(here, target_a) } else { Ended::Stalled(here, target_a) })
    }

    /// Largest slope of a cell in the present state, S.
    fn largest_slope(&self) -> f64 {
        let slopes =
            self.solver.core.slopes.par_iter().map(|tile| tile.as_flattened().iter().fold(0.0, |a: f64, b| a.max(*b)));
        slopes.reduce(|| 0.0, f64::max).max(1e-30)
    }
}

/// A share of the step, the largest that is tried, at which the co-content no longer rises by more than half of its
/// first descent; and the audit there. `None` where there is none.
fn search<L: Law>(
    core: &mut Core<'_>,
    state: &State,
    lawful: &Lawful<'_, L>,
    descent_w: f64,
    residual_a: f64,
) -> Option<(f64, Audit)> {
    let mut share = 1.0;
    while share >= LEAST_SHARE {
        let trial = audit(core, state, lawful, share);
        // A residual that shrinks much settles it too: near the solution slopes are lost in rounding.
        let settled = trial.descent_w >= -0.5 * descent_w || trial.residual_a <= 0.1 * residual_a;
        if trial.residual_a.is_finite() && settled {
            return Some((share, trial));
        }
        let secant = descent_w / (descent_w - trial.descent_w);
        share *= if secant.is_finite() { secant.clamp(0.1, 0.9) } else { 0.1 };
    }
    None
}

/// Slopes become the conductances of the linear network.
fn adopt_slopes(core: &mut Core<'_>) {
    let Core { layout, cells_s, slopes, .. } = core;
    let layout = &*layout;
    Arc::make_mut(cells_s).par_chunks_mut(layout.panels).enumerate().for_each(|(block, tiles)| {
        for (panel, tile) in tiles.iter_mut().enumerate() {
            *tile = slopes[layout.by_panel(panel, block)];
        }
    });
}

/// Whether an array of these dimensions fits a crossbar.
pub fn check_shape(crossbar: &Crossbar<'_>, (rows, cols): (usize, usize)) -> Result<(), NetworkError> {
    let (of_rows, of_cols) = (crossbar.rows(), crossbar.cols());
    if (rows, cols) == (of_rows, of_cols) { Ok(()) } else { Err(NetworkError::Shape { rows, cols, of_rows, of_cols }) }
}
