//! What computes: backends that are opened once and kept.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use trapline::backend::{self, Backend, Choice, Options};
use trapline::failure::Failure;
use trapline::options;

use crate::process::away;
use crate::trouble::Trouble;

/// Options as they come from Python.
#[derive(FromPyObject, Debug, Clone, PartialEq, Eq)]
#[pyo3(from_item_all)]
pub struct Asked {
    backend: String,
    adapter: Option<String>,
    device_memory_mib: Option<u64>,
    threads: Option<usize>,
    instruction_set: Option<String>,
}

impl Asked {
    fn options(&self) -> Result<Options, Failure> {
        let choices = [Choice::Auto, Choice::Cpu, Choice::Gpu, Choice::Reference];
        let choice = choices.into_iter().find(|choice| options::name_of(*choice) == self.backend);
        let choice = choice.ok_or_else(|| {
            Failure::Usage(format!("backend is \"{}\"; it must be auto, cpu, gpu or reference", self.backend))
        })?;
        let options = Options {
            choice,
            adapter: self.adapter.clone(),
            device_memory: self.device_memory_mib.map(|mib| mib.saturating_mul(1 << 20)),
            threads: self.threads,
            instruction_set: self.instruction_set.clone(),
        };
        options::consistent(&options)?;
        Ok(options)
    }
}

/// Backends and what they were asked for as. Never dropped: cells live on them, and a second one of the same kind
/// would take threads, or a device's memory, twice.
static OPENED: Mutex<Vec<(Asked, &'static dyn Backend)>> = Mutex::new(Vec::new());

/// The backend that was opened for the same options, or a new one.
///
/// # Errors
/// [`Trouble`] for options that do not go together, and for what cannot be opened.
pub fn opened(asked: &Asked) -> Result<&'static dyn Backend, Trouble> {
    let options = asked.options()?;
    let mut all = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = all.iter().find(|(of, _)| of == asked) {
        return Ok(*known);
    }
    let new: &'static dyn Backend = Box::leak(backend::open(&options)?);
    all.push((asked.clone(), new));
    Ok(new)
}

/// Adapters of this machine as JSON.
#[pyfunction]
pub fn devices(py: Python<'_>) -> PyResult<String> {
    away(py, || {
        let text = serde_json::to_string(&backend::adapters());
        text.map_err(|error| Failure::Failed(format!("the adapters cannot be listed: {error}")).into())
    })
}
