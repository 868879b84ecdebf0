//! The compiled part of the Python package `trapline`: what `python/trapline/*.py` calls.
//!
//! Arguments come here checked and converted (`_checked.py`); results go back as NumPy arrays that own what was
//! computed, without a copy. While anything is computed or read the interpreter's lock is free, and whatever fails is
//! an exception of `_errors.py` with the line that the command would print.

mod backends;
mod campaign;
mod cells;
mod circuit;
mod material;
mod numbers;
mod process;
mod record;
mod trouble;

use pyo3::prelude::*;

#[pymodule]
fn _trapline(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", trapline::VERSION)?;
    module.add("COMMIT", trapline::COMMIT)?;
    module.add_class::<campaign::Plan>()?;
    module.add_class::<cells::Cells>()?;
    module.add_class::<cells::Snapshot>()?;
    module.add_class::<circuit::Crossbar>()?;
    module.add_class::<material::Material>()?;
    module.add_class::<record::Record>()?;
    module.add_function(wrap_pyfunction!(backends::devices, module)?)?;
    module.add_function(wrap_pyfunction!(campaign::run, module)?)?;
    module.add_function(wrap_pyfunction!(material::shipped, module)?)?;
    module.add_function(wrap_pyfunction!(process::defect, module)?)?;
    module.add_function(wrap_pyfunction!(record::children_are, module)?)?;
    Ok(())
}
