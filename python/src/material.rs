//! Materials.

use std::path::Path;

use pyo3::prelude::*;
use trapline::failure::Failure;
use trapline::material::{self, MaterialError};
use trapline::units::celsius;

use crate::process::without_threads;

/// A checked material. It does not change.
#[pyclass(frozen, module = "trapline")]
pub struct Material(pub material::Material);

fn usage(error: MaterialError) -> Failure {
    Failure::Usage(error.to_string())
}

#[pymethods]
impl Material {
    /// By a shipped name or a path.
    #[staticmethod]
    fn load(py: Python<'_>, name_or_path: &str) -> PyResult<Material> {
        without_threads(py, || Ok(Material(material::load(name_or_path, Path::new("")).map_err(usage)?)))
    }

    /// From the text of a file.
    #[staticmethod]
    fn parse(py: Python<'_>, text: &str, origin: &str) -> PyResult<Material> {
        without_threads(py, || Ok(Material(material::parse(text, origin).map_err(usage)?)))
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn description(&self) -> &str {
        &self.0.description
    }

    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    #[getter]
    fn classes(&self) -> usize {
        self.0.classes.len()
    }

    #[getter]
    fn glass_transition_celsius(&self) -> f64 {
        celsius(self.0.glass_transition_k)
    }

    fn __repr__(&self) -> String {
        format!("<trapline.Material {}: {}>", self.0.name, self.0.description)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Material>().is_ok_and(|other| other.get().0 == self.0)
    }
}

/// Names of the materials that come with the program.
#[pyfunction]
pub fn shipped() -> Vec<&'static str> {
    material::SHIPPED.iter().map(|(name, _)| *name).collect()
}
