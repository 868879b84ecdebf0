//! Failures as exceptions.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use trapline::failure::Failure;

/// What becomes an exception; each names a class of `trapline/_errors.py`.
#[derive(Debug)]
pub enum Trouble {
    /// What the command would have printed.
    Told(Failure),
    /// A handle that is used by another thread, or was closed: `these cells are`.
    InUse(&'static str),
    Closed(&'static str),
    /// A process that was forked from one with threads.
    Forked,
    /// A defect of this program.
    Defect(String),
    /// Ctrl-C; what is kept.
    Interrupted(String),
}

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::Told(error.into())
    }
}

/// An exception of a class of `trapline/_errors.py`.
fn exception(py: Python<'_>, class: &str, line: String) -> PyErr {
    let made = py.import("trapline._errors").and_then(|errors| errors.getattr(class)?.call1((line,)));
    made.map_or_else(|error| error, PyErr::from_value)
}

impl From<Trouble> for PyErr {
    fn from(trouble: Trouble) -> PyErr {
        let (class, line) = match trouble {
            Trouble::Told(failure) => {
                let class = if matches!(failure, Failure::Usage(_)) { "UsageError" } else { "RunError" };
                (class, failure.message().unwrap_or_default())
            }
            Trouble::InUse(what) => {
                ("InUseError", format!("{what} in use by another thread; give each thread its own, or take turns"))
            }
            Trouble::Closed(what) => ("ClosedError", format!("{what} closed; make a new one")),
            Trouble::Forked => (
                "ForkedError",
                "this process was forked from one that had computed with trapline, whose threads it does not have; \
                 start processes anew: multiprocessing.get_context(\"spawn\")"
                    .to_owned(),
            ),
            Trouble::Defect(what) => {
                ("DefectError", format!("a defect of trapline, please report it: {}", trapline::text::one_line(&what)))
            }
            Trouble::Interrupted(line) => ("Interrupted", line),
        };
        Python::attach(|py| exception(py, class, line))
    }
}

/// A Ctrl-C with words of what is kept; any other exception of a signal's handler as it is.
pub fn interrupted(py: Python<'_>, error: PyErr, kept: impl FnOnce() -> String) -> PyErr {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) { Trouble::Interrupted(kept()).into() } else { error }
}
