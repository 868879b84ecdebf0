//! What writing took: steps in time, and energy.

/// Steps in time, and what they took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Steps {
    pub taken: u64,
    /// Tried, and found too long.
    pub refused: u64,
    /// Solutions of the network, and their iterations together.
    pub solves: u64,
    pub iterations: u64,
    /// Largest error of a step that was taken, as the tolerance has it: beyond what single precision explains, and of
    /// expected fillings where electrons are counted.
    pub worst_error: f64,
    /// Largest bound of the errors of all currents of a solution, over the total current.
    pub worst_bound: f64,
    /// Largest difference between what flows in and out of the array, over the total current.
    pub worst_conservation: f64,
}

/// Where the energy of the sources went, J.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Energy {
    /// Selectors included.
    pub cells_j: f64,
    pub wires_j: f64,
    /// In the resistances of sources and amplifiers.
    pub ends_j: f64,
}

impl Energy {
    /// With so many times another.
    pub(super) fn and(&self, other: &Energy, times: f64) -> Energy {
        Energy {
            cells_j: self.cells_j + times * other.cells_j,
            wires_j: self.wires_j + times * other.wires_j,
            ends_j: self.ends_j + times * other.ends_j,
        }
    }
}
