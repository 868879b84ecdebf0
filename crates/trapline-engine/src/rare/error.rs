//! Why a fraction is not estimated.

/// One line: what, the value, the limit, the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RareError {
    #[error("{what} is {value}; it must be {limit}")]
    Value { what: &'static str, value: String, limit: &'static str },
    #[error(
        "no cell holds charge after programming, so none can lose it; give a stronger program, or a material with traps"
    )]
    NothingProgrammed,
    #[error(
        "cells are judged by readings (failure.as_read), and the noise of a reading is not part of this estimate; count failed cells with `trapline run`, or leave failure.as_read out"
    )]
    AsRead,
}
