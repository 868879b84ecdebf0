//! Work with the interpreter's lock free, in a process that has its threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;

use crate::trouble::Trouble;

/// The process that computed first, and so has threads that wait for more; 0 before.
static COMPUTES: AtomicU32 = AtomicU32::new(0);

/// Refuses a process that was forked from one that had computed: it has copies of locks and none of the threads that
/// would open them.
fn check() -> Result<(), Trouble> {
    let (own, first) = (std::process::id(), COMPUTES.load(Ordering::Relaxed));
    if first == 0 || first == own { Ok(()) } else { Err(Trouble::Forked) }
}

/// Computes while other threads of the interpreter go on. A panic is an exception as any other.
pub fn away<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Trouble> + Send) -> PyResult<T> {
    check()?;
    COMPUTES.store(std::process::id(), Ordering::Relaxed);
    without_threads(py, work)
}

/// The same of what leaves no thread behind, as reading files.
pub fn without_threads<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Trouble> + Send) -> PyResult<T> {
    check()?;
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(trouble)) => {
            // What failed may be the work of a child that the same Ctrl-C ended.
            py.check_signals()?;
            Err(trouble.into())
        }
        Err(panic) => Err(Trouble::Defect(said(&*panic)).into()),
    }
}

/// What a panic says.
pub fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

/// Panics, so that it can be tested what becomes of it.
#[pyfunction]
pub fn defect(py: Python<'_>) -> PyResult<()> {
    away(py, || -> Result<(), Trouble> { panic!("asked for") })
}
