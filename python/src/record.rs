//! Records, read.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, TryLockError};

use numpy::{IntoPyArray, PyArrayDyn};
use pyo3::prelude::*;
use pyo3::types::PyList;
use trapline::analysis::report::{self, Question};
use trapline::analysis::retention;
use trapline::dataset::{Dataset, Values};
use trapline::failure::Failure;
use trapline::outcome::{CampaignRecord, Provenance};
use trapline::reading::{self, Extent};
use trapline::record::{self, Beside, Elements, NamedArray, Trust};
use trapline::units::{ZERO_CELSIUS_K, kelvin};
use trapline::{memory, options};

use crate::process::without_threads;
use crate::trouble::Trouble;

/// What a handle is called where it cannot be used.
const THIS: &str = "this record is";

/// Where the command lies that reads a record first; once.
#[pyfunction]
pub fn children_are(program: PathBuf) {
    reading::children_are(program);
}

/// A record that was read: its series lie in memory, histograms and cells in its file.
#[pyclass(frozen, module = "trapline._trapline")]
pub struct Record {
    path: PathBuf,
    /// Whether this process has just written it.
    own: bool,
    held: Mutex<Option<record::Record>>,
}

/// Name, axes, units, long name, and a NumPy array, or a list of texts with the shape they have.
type Array<'py> = (String, Vec<String>, String, String, Bound<'py, PyAny>, Vec<usize>);

/// Names and texts of a group: its own, and those of its remarks.
type Attributes = Vec<(String, String)>;

fn in_python<'py>(py: Python<'py>, named: NamedArray) -> PyResult<Array<'py>> {
    let NamedArray { name, axes, units, long_name, values } = named;
    fn shaped<'py, T>(array: Bound<'py, PyArrayDyn<T>>) -> Bound<'py, PyAny> {
        array.into_any()
    }
    let (values, shape) = match values {
        Elements::Real(values) => (shaped(values.into_pyarray(py)), Vec::new()),
        Elements::Single(values) => (shaped(values.into_pyarray(py)), Vec::new()),
        Elements::Count(values) => (shaped(values.into_pyarray(py)), Vec::new()),
        Elements::Whole(values) => (shaped(values.into_pyarray(py)), Vec::new()),
        Elements::Byte(values) => (shaped(values.into_pyarray(py)), Vec::new()),
        Elements::Text(values) => {
            let shape = values.shape().to_vec();
            (PyList::new(py, values.into_raw_vec_and_offset().0)?.into_any(), shape)
        }
    };
    Ok((name, axes, units, long_name, values, shape))
}

fn of_dataset(dataset: &Dataset) -> Vec<NamedArray> {
    let named = |of: &trapline::dataset::Variable| NamedArray {
        name: of.name.clone(),
        axes: of.axes.clone(),
        units: of.unit.clone(),
        long_name: of.long_name.clone(),
        values: match &of.values {
            Values::Real(values) => Elements::Real(values.clone()),
            Values::Count(values) => Elements::Count(values.clone()),
            Values::Text(values) => Elements::Text(ndarray::Array1::from(values.clone()).into_dyn()),
        },
    };
    dataset.variables.iter().map(named).collect()
}

fn of_program(of: &Provenance) -> Attributes {
    let texts = [
        ("program_version", &of.program_version),
        ("commit", &of.commit),
        ("backend", &of.identity.backend),
        ("adapter", &of.identity.adapter),
        ("instruction_set", &of.identity.instruction_set),
        ("started_utc", &of.started_utc),
        ("ended_utc", &of.ended_utc),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.clone())).collect()
}

fn of_campaign(record: &CampaignRecord) -> Attributes {
    let label = &record.label;
    let mut all = vec![
        ("file_type".to_owned(), record.file_type.clone()),
        ("campaign_name".to_owned(), label.name.clone()),
        ("campaign_toml".to_owned(), label.campaign_toml.clone()),
        ("overrides".to_owned(), label.overrides.join("\n")),
        ("sweeps".to_owned(), label.sweeps.iter().map(|sweep| sweep.name.as_str()).collect::<Vec<_>>().join(", ")),
    ];
    all.extend(label.materials.iter().map(|(name, text)| (format!("material_toml {name}"), text.clone())));
    all.extend(of_program(&record.provenance));
    all
}

impl Record {
    fn lock(&self) -> Result<MutexGuard<'_, Option<record::Record>>, Trouble> {
        match self.held.try_lock() {
            Ok(held) => Ok(held),
            Err(TryLockError::WouldBlock) => Err(Trouble::InUse(THIS)),
            Err(TryLockError::Poisoned(held)) => Ok(held.into_inner()),
        }
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&record::Record) -> Result<T, Trouble> + Send,
    ) -> PyResult<T> {
        without_threads(py, || Ok(()))?;
        let guard = self.lock()?;
        let held = guard.as_ref().ok_or(Trouble::Closed(THIS))?;
        without_threads(py, || work(held))
    }

    fn campaign<'a>(&self, held: &'a record::Record) -> Result<&'a CampaignRecord, Trouble> {
        let shown = self.path.display();
        let told = match held {
            record::Record::Campaign(of) | record::Record::Point(of, _) => return Ok(of),
            record::Record::Unfinished(_) => format!(
                "{shown} is a campaign in progress; finish it with trapline run --resume, or take what is there with \
                 trapline merge {shown} --partial -o OTHER.h5"
            ),
            record::Record::Experiment(_) => {
                format!("{shown} holds an experiment, not a campaign; give a record of trapline run")
            }
        };
        Err(Failure::Usage(told).into())
    }
}

#[pymethods]
impl Record {
    /// Opens a record; one of others is first read by a child, `own` is one that this process has just written.
    #[new]
    fn new(py: Python<'_>, path: PathBuf, own: bool) -> PyResult<Record> {
        without_threads(py, || {
            let held = if own { record::open(&path, Trust::Sealed)? } else { reading::open(&path, Extent::Summary)? };
            Ok(Record { path, own, held: Mutex::new(Some(held)) })
        })
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    #[getter]
    fn kind(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.with(py, |held| {
            Ok(match held {
                record::Record::Campaign(_) => "campaign",
                record::Record::Point(..) => "point",
                record::Record::Unfinished(_) => "unfinished",
                record::Record::Experiment(_) => "experiment",
            })
        })
    }

    #[getter]
    fn closed(&self) -> bool {
        self.lock().is_ok_and(|held| held.is_none())
    }

    /// Arrays of a campaign, and its attributes.
    fn campaign_arrays<'py>(
        &self,
        py: Python<'py>,
        histograms: bool,
        cells: bool,
    ) -> PyResult<(Vec<Array<'py>>, Attributes)> {
        let (arrays, attributes) = self.with(py, |held| {
            let of = self.campaign(held)?;
            let label = &of.label;
            let each = label.points() as u128 * label.times_s.len() as u128;
            let of_cells = label.dump.filter(|_| cells).map_or(0, |w| 12 * u128::from(w.rows) * u128::from(w.cols));
            let of_bins = if histograms { 24 * label.bins as u128 } else { 0 };
            let what = format!("what is asked for of {}", self.path.display());
            let fix = "leave histograms or cells out, or read the file with h5py";
            options::afford(&what, 2 * each * (of_cells + of_bins), memory::available(), fix)?;
            if cells && label.dump.is_none() {
                let told = "it holds no cells one by one; add [dump] to the campaign and run it again";
                return Err(Failure::Usage(format!("{}: {told}", self.path.display())).into());
            }
            if (histograms || cells) && !self.own {
                reading::may_be_read(&self.path, Extent::Everything)?;
            }
            Ok((record::arrays_of_campaign(of, Beside { histograms, cells })?, of_campaign(of)))
        })?;
        let arrays = arrays.into_iter().map(|named| in_python(py, named)).collect::<PyResult<_>>()?;
        Ok((arrays, attributes))
    }

    /// Names of an experiment's groups.
    fn groups(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |held| match held {
            record::Record::Experiment(of) => Ok(of.datasets.iter().map(|dataset| dataset.name.clone()).collect()),
            _ => Ok(Vec::new()),
        })
    }

    /// Arrays of a group of an experiment, and its attributes.
    fn group_arrays<'py>(&self, py: Python<'py>, name: &str) -> PyResult<(Vec<Array<'py>>, Attributes)> {
        let (arrays, attributes) = self.with(py, |held| {
            let record::Record::Experiment(of) = held else {
                return Err(Failure::Usage(format!("{} has no groups", self.path.display())).into());
            };
            let Some(dataset) = of.get(name) else {
                let known = of.datasets.iter().map(|dataset| dataset.name.as_str()).collect::<Vec<_>>().join(", ");
                let shown = self.path.display();
                return Err(
                    Failure::Usage(format!("{shown} has no group \"{name}\"; it must be one of: {known}")).into()
                );
            };
            let mut attributes = vec![("title".to_owned(), dataset.title.clone())];
            attributes.push(("experiment".to_owned(), of.label.command.clone()));
            attributes.push(("seed".to_owned(), of.label.seed.to_string()));
            attributes.extend(of_program(&of.provenance));
            attributes.extend(dataset.notes.iter().cloned());
            Ok((of_dataset(dataset), attributes))
        })?;
        let arrays = arrays.into_iter().map(|named| in_python(py, named)).collect::<PyResult<_>>()?;
        Ok((arrays, attributes))
    }

    /// What `trapline show` prints.
    fn described(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |held| {
            Ok(match held {
                record::Record::Campaign(of) | record::Record::Point(of, _) => {
                    format!("{}\n{}", record::describe(of)?, retention::table(&retention::summary(of)))
                }
                record::Record::Unfinished(of) => record::describe_unfinished(of),
                record::Record::Experiment(of) => record::describe_experiment(of),
            })
        })
    }

    /// Lifetimes as `trapline analyze` has them: the tables lifetimes.csv and curves.csv.
    fn lifetimes(
        &self,
        py: Python<'_>,
        use_celsius: Vec<f64>,
        ppm: Vec<f64>,
        confidence: f64,
        across_break: bool,
        pool_seeds: bool,
    ) -> PyResult<(String, String)> {
        self.with(py, |held| {
            let of = self.campaign(held)?;
            let within = |what: &str, values: &[f64], low: f64, high: f64, limit: &str| {
                let wrong = values.iter().find(|value| !(**value > low && **value < high));
                wrong.map_or(Ok(()), |value| Err(Failure::Usage(format!("{what} is {value}; it must be {limit}"))))
            };
            let limit = "a temperature above -273.15 °C, at most 1000 °C";
            within("use_celsius", &use_celsius, -ZERO_CELSIUS_K, 1000.0_f64.next_up(), limit)?;
            within("ppm", &ppm, 0.0, 1e6, "more than 0 and less than 1000000, for example 1000")?;
            within("confidence", &[confidence], 0.0, 1.0, "more than 0 and less than 1, for example 0.9")?;
            let question = Question {
                confidence,
                fractions: ppm.iter().map(|ppm| 1e-6 * ppm).collect(),
                use_temperatures_k: use_celsius.iter().map(|&celsius| kelvin(celsius)).collect(),
                across_break,
                pool_seeds,
            };
            let found = report::report(of, &question).map_err(|error| Failure::Usage(error.to_string()))?;
            Ok((report::lifetimes_csv(&found), report::curves_csv(&found)))
        })
    }

    fn close(&self) -> PyResult<()> {
        *self.lock()? = None;
        Ok(())
    }
}
