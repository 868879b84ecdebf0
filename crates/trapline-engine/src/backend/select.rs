//! Which backend runs: a name from the command line becomes an open [`Backend`].

use super::cpu::Cpu;
#[cfg(feature = "gpu")]
use super::gpu::{self, Gpu};
use super::reference::Reference;
use super::{Backend, BackendError};
use trapline_model::outcome::Identity;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// A real GPU where there is one, else the CPU; never a software adapter.
    #[default]
    Auto,
    Gpu,
    Cpu,
    Reference,
}

/// How a backend is opened.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub choice: Choice,
    /// An adapter's number in `trapline devices`, its PCI address, or a part of its name that no other has; naming
    /// one asks for the GPU backend.
    pub adapter: Option<String>,
    /// What a tile may take of the device's memory, bytes.
    pub device_memory: Option<u64>,
    /// Threads of the CPU backend.
    pub threads: Option<usize>,
    /// Instruction set of the CPU backend.
    pub instruction_set: Option<String>,
}

/// An adapter as `trapline devices` lists it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterReport {
    pub identity: Identity,
    /// Where it is plugged in, `0000:65:00.0`; empty where the driver does not say.
    pub pci_address: String,
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

/// Opens the backend.
///
/// # Errors
/// [`BackendError`]: no such adapter, no GPU where one was asked for, an instruction set this processor lacks.
pub fn open(options: &Options) -> Result<Box<dyn Backend>, BackendError> {
    let cpu = || -> Result<Box<dyn Backend>, BackendError> {
        Ok(Box::new(Cpu::open(options.threads, options.instruction_set.as_deref())?))
    };
    let choice = match options.choice {
        Choice::Auto if options.adapter.is_some() => Choice::Gpu,
        Choice::Auto if has_gpu() => Choice::Gpu,
        Choice::Auto => Choice::Cpu,
        asked => asked,
    };
    match choice {
        Choice::Gpu => open_gpu(options),
        Choice::Reference => Ok(Box::new(Reference)),
        _ => cpu(),
    }
}

/// Whether there is an adapter that `auto` takes.
fn has_gpu() -> bool {
    adapters().iter().any(|adapter| adapter.auto)
}

/// All adapters of this machine, best first; empty where there is no driver, and where the program is built without the GPU backend.
#[cfg(feature = "gpu")]
pub fn adapters() -> Vec<AdapterReport> {
    gpu::adapters()
}

#[cfg(feature = "gpu")]
fn open_gpu(options: &Options) -> Result<Box<dyn Backend>, BackendError> {
    Ok(Box::new(Gpu::open(options.adapter.as_deref(), options.device_memory)?))
}

#[cfg(not(feature = "gpu"))]
pub fn adapters() -> Vec<AdapterReport> {
    Vec::new()
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(_: &Options) -> Result<Box<dyn Backend>, BackendError> {
    Err(BackendError::WithoutGpu)
}
