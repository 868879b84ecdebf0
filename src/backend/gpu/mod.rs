//! The GPU backend.

use super::job::Job;
use super::tally::Tally;
use super::{Backend, BackendError, Progress, Trace};
use crate::array::CellSet;
use crate::outcome::Identity;

/// An adapter as `trapline devices` lists it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterReport {
    pub identity: Identity,
    /// Whether `--backend auto` takes this one.
    pub auto: bool,
    /// Largest storage buffer binding, bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer, bytes.
    pub max_buffer_bytes: u64,
    /// Invocations per workgroup.
    pub max_workgroup: u32,
    /// Workgroup memory, bytes.
    pub max_workgroup_bytes: u32,
}

/// All adapters of this machine; empty where there is no driver.
pub fn adapters() -> Vec<AdapterReport> {
    Vec::new()
}

/// The f32 backend on a GPU.
#[derive(Debug)]
pub struct Gpu {}

impl Gpu {
    /// Opens an adapter by part of its name or its number (the best one where `None`).
    ///
    /// # Errors
    /// No adapter, or none of this name.
    pub fn open(_adapter: Option<&str>, _memory_bytes: Option<u64>) -> Result<Gpu, BackendError> {
        Err(BackendError::NoAdapter("none found".to_owned()))
    }
}

impl Backend for Gpu {
    fn identity(&self) -> Identity {
        unreachable!("cannot be opened yet")
    }
    fn statistics(&self, _job: &Job, _progress: Progress) -> Result<Tally, BackendError> {
        unreachable!("cannot be opened yet")
    }
    fn trace(&self, _job: &Job, _cells: &CellSet) -> Result<Trace, BackendError> {
        unreachable!("cannot be opened yet")
    }
}
