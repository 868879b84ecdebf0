//! Named arrays over named axes, with units: what an experiment hands to the rooms that keep, analyse and draw.
//!
//! The shape is xarray's, because that is what users open the files with: a [`Dataset`] is a set of [`Variable`]s
//! that share axes by name, and a variable of one axis that bears the axis' name is its coordinate.

use ndarray::{ArrayD, ArrayView, Dimension, IxDyn, arr0};

/// The numbers of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Real(ArrayD<f64>),
    Count(ArrayD<u64>),
    /// One axis only.
    Text(Vec<String>),
}

impl Values {
    /// Length of each axis.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Values::Real(array) => array.shape().to_vec(),
            Values::Count(array) => array.shape().to_vec(),
            Values::Text(list) => vec![list.len()],
        }
    }
}

/// An array with a name, axes and a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Lower case, digits and underscores, the unit at the end where it is not 1: `current_a`.
    pub name: String,
    /// Names of its axes, outermost first; none for a single number.
    pub axes: Vec<String>,
    /// As in `docs/format.md`: `A`, `S`, `V`, `s`, `1`, ...
    pub unit: String,
    /// A phrase a person reads.
    pub long_name: String,
    pub values: Values,
}

/// Variables that belong together: one group of a record.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// Its group in a file; a slash makes it a group in a group.
    pub name: String,
    pub title: String,
    /// What else is known, as text: conditions with their units, remarks.
    pub notes: Vec<(String, String)>,
    /// Coordinates before what lies over them.
    pub variables: Vec<Variable>,
    /// Variables that say where or under what the others were taken, beside those over the axes of their own name: biases and
    /// times of a waveform, settings. xarray has them among its coordinates.
    pub coordinates: Vec<String>,
}

/// Axes and numbers that do not fit each other, or the rest of a dataset.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DatasetError {
    #[error("{dataset}: there is no variable {name}")]
    Absent { dataset: String, name: String },
    #[error("{dataset}/{name}: {found}; {limit}")]
    Misfit { dataset: String, name: String, found: String, limit: String },
}

impl Dataset {
    /// An empty one.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Dataset {
        Dataset { name: name.into(), title: title.into(), ..Dataset::default() }
    }

    /// Adds a remark.
    pub fn note(&mut self, key: impl Into<String>, text: impl Into<String>) -> &mut Self {
        self.notes.push((key.into(), text.into()));
        self
    }

    /// The text of a remark.
    pub fn remark(&self, key: &str) -> Option<&str> {
        self.notes.iter().find(|(known, _)| known == key).map(|(_, text)| text.as_str())
    }

    /// Adds real numbers over axes.
    pub fn real(
        &mut self,
        name: &str,
        axes: &[&str],
        unit: &str,
        long_name: &str,
        values: impl Into<ArrayD<f64>>,
    ) -> &mut Self {
        self.add(name, axes, unit, long_name, Values::Real(values.into()))
    }

    /// Adds counts over axes.
    pub fn count(
        &mut self,
        name: &str,
        axes: &[&str],
        unit: &str,
        long_name: &str,
        values: impl Into<ArrayD<u64>>,
    ) -> &mut Self {
        self.add(name, axes, unit, long_name, Values::Count(values.into()))
    }

    /// Adds texts over one axis.
    pub fn text(&mut self, name: &str, axis: &str, long_name: &str, values: Vec<String>) -> &mut Self {
        self.add(name, &[axis], "1", long_name, Values::Text(values))
    }

    /// Adds a coordinate: real numbers over the axis of their own name.
    pub fn axis(&mut self, name: &str, unit: &str, long_name: &str, values: &[f64]) -> &mut Self {
        let values = ArrayD::from_shape_fn(IxDyn(&[values.len()]), |i| values[i[0]]);
        self.add(name, &[name], unit, long_name, Values::Real(values))
    }

    /// Adds a setting: one number that all others were taken under.
    pub fn setting(&mut self, name: &str, unit: &str, long_name: &str, value: f64) -> &mut Self {
        self.real(name, &[], unit, long_name, arr0(value).into_dyn());
        self.coordinate(name)
    }

    /// Says of a variable that it is a coordinate, over whatever axes it lies.
    pub fn coordinate(&mut self, name: &str) -> &mut Self {
        self.coordinates.push(name.to_owned());
        self
    }

    fn add(&mut self, name: &str, axes: &[&str], unit: &str, long_name: &str, values: Values) -> &mut Self {
        self.variables.push(Variable {
            name: name.to_owned(),
            axes: axes.iter().map(|a| (*a).to_owned()).collect(),
            unit: unit.to_owned(),
            long_name: long_name.to_owned(),
            values,
        });
        self
    }

    /// A variable by name.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }

    /// The real numbers of a variable.
    ///
    /// # Errors
    /// [`DatasetError`] where there is none of this name, or it holds something else.
    pub fn numbers(&self, name: &str) -> Result<&ArrayD<f64>, DatasetError> {
        match self.get(name).map(|variable| &variable.values) {
            Some(Values::Real(array)) => Ok(array),
            Some(_) => Err(self.misfit(name, "it does not hold real numbers", "real numbers are needed")),
            None => Err(DatasetError::Absent { dataset: self.name.clone(), name: name.to_owned() }),
        }
    }

    /// The real numbers of a variable of as many axes as wanted.
    ///
    /// # Errors
    /// [`DatasetError`] where there is none of this name, or it is of another kind or shape.
    pub fn shaped<D: Dimension>(&self, name: &str) -> Result<ArrayView<'_, f64, D>, DatasetError> {
        let numbers = self.numbers(name)?.view();
        numbers.into_dimensionality().map_err(|e| self.misfit(name, e.to_string(), "another number of axes is needed"))
    }

    /// The counts of a variable of as many axes as wanted.
    ///
    /// # Errors
    /// As [`Dataset::shaped`].
    pub fn counted<D: Dimension>(&self, name: &str) -> Result<ArrayView<'_, u64, D>, DatasetError> {
        let counts = match self.get(name).map(|variable| &variable.values) {
            Some(Values::Count(array)) => array.view(),
            Some(_) => return Err(self.misfit(name, "it does not hold counts", "counts are needed")),
            None => return Err(DatasetError::Absent { dataset: self.name.clone(), name: name.to_owned() }),
        };
        counts.into_dimensionality().map_err(|e| self.misfit(name, e.to_string(), "another number of axes is needed"))
    }

    /// Checks that names are unique and that every axis has one length throughout.
    ///
    /// # Errors
    /// [`DatasetError::Misfit`].
    pub fn check(&self) -> Result<(), DatasetError> {
        let mut lengths: Vec<(&str, usize)> = Vec::new();
        for (number, variable) in self.variables.iter().enumerate() {
            let name = &variable.name;
            if self.variables[..number].iter().any(|other| other.name == *name) {
                return Err(self.misfit(name, "it is there twice", "names are unique"));
            }
            let shape = variable.values.shape();
            if shape.len() != variable.axes.len() {
                let found = format!("{} axes named for an array of {}", variable.axes.len(), shape.len());
                return Err(self.misfit(name, found, "each axis has a name"));
            }
            for (axis, length) in variable.axes.iter().zip(shape) {
                match lengths.iter().find(|(known, _)| known == axis) {
                    Some((_, known)) if *known != length => {
                        let found = format!("axis {axis} has {length} places");
                        return Err(self.misfit(name, found, format!("elsewhere it has {known}")));
                    }
                    Some(_) => {}
                    None => lengths.push((axis, length)),
                }
            }
        }
        Ok(())
    }

    fn misfit(&self, name: &str, found: impl Into<String>, limit: impl Into<String>) -> DatasetError {
        DatasetError::Misfit {
            dataset: self.name.clone(),
            name: name.to_owned(),
            found: found.into(),
            limit: limit.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2};

    fn sweep() -> Dataset {
        let mut d = Dataset::new("iv", "A sweep");
        d.axis("point", "1", "Place in the sweep", &[0.0, 1.0, 2.0]);
        d.real("current_a", &["cell", "point"], "A", "Current", Array2::zeros((2, 3)).into_dyn());
        d
    }

    #[test]
    fn axes_agree_by_name() {
        assert_eq!(sweep().check(), Ok(()));
        let mut wrong = sweep();
        wrong.real("bias_v", &["point"], "V", "Bias", Array1::zeros(4).into_dyn());
        assert!(wrong.check().unwrap_err().to_string().contains("axis point has 4 places"));
        let mut twice = sweep();
        twice.axis("point", "1", "Again", &[0.0, 1.0, 2.0]);
        assert!(twice.check().is_err());
    }

    #[test]
    fn numbers_are_found_by_name() {
        assert_eq!(sweep().numbers("current_a").map(|a| a.len()), Ok(6));
        assert!(sweep().numbers("voltage_v").is_err());
    }
}
