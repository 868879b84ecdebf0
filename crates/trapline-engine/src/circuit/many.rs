//! One array read many times: other voltages of its sources, the same cells and wires.
//!
//! The network is factored once. Small arrays are solved side by side, a thread for each of some readings, since their
//! lines are too short to be shared out among threads; larger ones one after another, with all threads. Each reading
//! begins from the potentials of its sources. Side by side each has the way of solving that the first one ended with,
//! so that what comes out does not depend on which thread took which; one after another a stronger way is kept, and
//! the bits of a reading, not its bound, may go by those before it.

use crate::circuit::accuracy::Accuracy;
use crate::circuit::error::{NetworkError, SolveError};
use crate::circuit::network::Crossbar;
use crate::circuit::pcg::{Core, Network};
use crate::circuit::solution::Currents;
use crate::circuit::solve::Solver;
use rayon::prelude::*;

/// Most cells of an array of which each thread has fields of its own: 7 MB.
pub const MOST_CELLS_SIDE_BY_SIDE: usize = 1 << 16;

impl Solver<'_> {
    /// Solves `drives` readings of this array: `drive` gives each, and `take` what is kept of it. The potentials that
    /// the solver has then are those of one of them.
    ///
    /// # Errors
    /// [`SolveError`]; of several the first one.
    pub fn solve_each<'c, T: Send>(
        &mut self,
        drives: usize,
        drive: impl Fn(usize) -> Result<Crossbar<'c>, NetworkError> + Sync,
        accuracy: Accuracy,
        take: impl Fn(usize, Currents) -> T + Sync,
    ) -> Result<Vec<T>, SolveError> {
        let one = |solver: &mut Solver<'_>, number: usize| {
            solver.drive(&drive(number)?);
            Ok(take(number, solver.solve(accuracy)?))
        };
        let mut taken = Vec::with_capacity(drives);
        if drives > 0 {
            taken.push(one(self, 0)?);
        }
        let Some((network, coarse_nodes)) = self.shared() else {
            for number in 1..drives {
                taken.push(one(self, number)?);
            }
            return Ok(taken);
        };
        let beside = |solver: &mut Solver<'static>, number: usize| {
            if !solver.is_as(&network, coarse_nodes) {
                *solver = Solver::of(&network, coarse_nodes);
            }
            one(solver, number)
        };
        let others = (1..drives).into_par_iter().map_init(|| Solver::of(&network, coarse_nodes), beside);
        let others: Vec<Result<T, SolveError>> = others.collect();
        for other in others {
            taken.push(other?);
        }
        Ok(taken)
    }

    /// What solvers beside this one share; none of a large array, on a device, or where the network is eliminated.
    fn shared(&self) -> Option<(Network, Option<usize>)> {
        let layout = &self.core.layout;
        let alone = layout.rows * layout.cols > MOST_CELLS_SIDE_BY_SIDE || !self.iterates_here();
        (!alone).then(|| (self.core.network(), self.coarse_nodes))
    }

    /// Another solver of a network.
    fn of(network: &Network, coarse_nodes: Option<usize>) -> Solver<'static> {
        Solver::with_core(Core::of(network), coarse_nodes)
    }

    /// Whether it solves as one that was just made of a network does.
    fn is_as(&self, network: &Network, coarse_nodes: Option<usize>) -> bool {
        self.iterates_here() && self.coarse_nodes == coarse_nodes && self.core.is_of(network)
    }
}
