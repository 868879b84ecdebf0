//! Crossbars as circuits, against closed forms, independent solvers and one another.

mod closed;
mod edges;
#[cfg(feature = "gpu")]
mod network_gpu;
mod nonlinear;
mod oracle;
mod properties;
mod refused;
mod shortcuts;
mod support;
