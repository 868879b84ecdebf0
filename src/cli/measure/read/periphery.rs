//! What is around the array: wires, sources, amplifiers, the scheme, converters.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::Array2;
use trapline::circuit::Wire;
use trapline::circuit::scheme::{Reading as Wiring, Unselected};
use trapline::experiment::array_read::{Driving, Scheme as Others, Setup};
use trapline::{memory, options};

use super::super::{Failure, Reading, Specimen, within};
use super::numbers::{self, File, VOLT};
use trapline::experiment::array_read::selector::two_numbers;

/// What becomes of the lines that are not selected.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scheme {
    /// All at 0 V
    Grounded,
    /// Connected to nothing
    Floating,
    /// All at half of the read bias
    Half,
    /// Word lines at a third of it, bit lines at two thirds
    Third,
    /// A switch at every cell: only the selected one is connected
    Isolated,
}

impl From<Scheme> for Others {
    fn from(scheme: Scheme) -> Others {
        Others::Passive(match scheme {
            Scheme::Grounded => Unselected::Grounded,
            Scheme::Floating => Unselected::Floating,
            Scheme::Half => Unselected::Half,
            Scheme::Third => Unselected::Third,
            Scheme::Isolated => return Others::Isolated,
        })
    }
}

/// A row and a column.
#[derive(Debug, Clone, Copy)]
struct Cell {
    row: usize,
    col: usize,
}

fn cell(text: &str) -> Result<Cell, String> {
    let numbers = text
        .split_once(',')
        .and_then(|(row, col)| Some(Cell { row: row.trim().parse().ok()?, col: col.trim().parse().ok()? }));
    numbers.ok_or_else(|| "it must be a row and a column, counted from 0: 3,5".to_owned())
}

fn range(text: &str) -> Result<(f64, f64), String> {
    two_numbers(text).ok_or_else(|| "it must be two currents in A: 0,1e-6".to_owned())
}

/// Wires, sources and amplifiers, and how they are used.
#[derive(Debug, Args)]
pub(super) struct Periphery {
    /// Resistance of each segment of the wires, from cell to cell, ohm [default: 1]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    wire_ohm: Option<f64>,
    /// The same of word lines [default: as --wire-ohm]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    word_wire_ohm: Option<f64>,
    /// The same of bit lines [default: as --wire-ohm]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    bit_wire_ohm: Option<f64>,
    /// Resistance of each segment of the word lines, ohm, from the left: one more than columns
    #[arg(long, value_name = "CSV", conflicts_with = "word_wire_ohm")]
    word_wire_ohm_file: Option<PathBuf>,
    /// Resistance of each segment of the bit lines, ohm, from the top: one more than rows
    #[arg(long, value_name = "CSV", conflicts_with = "bit_wire_ohm")]
    bit_wire_ohm_file: Option<PathBuf>,
    /// Resistance of each source beside its wire, ohm
    #[arg(long, value_name = "OHM", default_value_t = 0.0, allow_hyphen_values = true)]
    source_ohm: f64,
    /// Input resistance of each amplifier, ohm
    #[arg(long, value_name = "OHM", default_value_t = 0.0, allow_hyphen_values = true)]
    sense_ohm: f64,
    /// Drives and senses lines at both of their ends
    #[arg(long)]
    both_ends: bool,
    /// Reads one cell, by row and column from 0; all rows at once where it is left out
    #[arg(long, value_name = "ROW,COL", value_parser = cell)]
    select: Option<Cell>,
    /// How the other lines are held while one cell is read
    #[arg(long, value_enum, value_name = "HOW", requires = "select", conflicts_with_all = ["word_bias", "bit_bias"])]
    scheme: Option<Scheme>,
    /// In the place of a scheme, a voltage of each word line, V; that of the selected one is not looked at
    #[arg(long, value_name = "CSV", requires_all = ["select", "bit_bias"])]
    word_bias: Option<PathBuf>,
    /// The same of each bit line
    #[arg(long, value_name = "CSV", requires_all = ["select", "word_bias"])]
    bit_bias: Option<PathBuf>,
    /// Voltages of the word lines, V: one line of a file, or one number a line; of several lines each is a vector of
    /// its own. Or an HDF5 file with a dataset of vectors by rows [default: --read-bias on all]
    #[arg(long, value_name = "FILE", conflicts_with = "select")]
    inputs: Option<PathBuf>,
    /// The dataset of the voltages in their HDF5 file [default: the only one it may be]
    #[arg(long, value_name = "PATH", requires = "inputs")]
    inputs_dataset: Option<String>,
    /// Effective weights of the array through its wires (weight_s of the record), however few vectors there are; as
    /// many vectors as its shorter side has lines are read by them anyway
    #[arg(long, requires = "inputs")]
    pub(super) weights: bool,
    /// Bits of the converters [default: currents as they are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    adc_bits: Option<u32>,
    /// Currents of the converters' first and last code, A [default: the least and the largest,
    /// 0 among them, ideal or through the wires]
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, requires = "adc_bits", allow_hyphen_values = true)]
    adc_range: Option<(f64, f64)>,
    /// Bound of the errors of currents, over the sensed current of a selected cell, else over the total current
    #[arg(long, value_name = "SHARE", default_value = "1e-9")]
    accuracy: f64,
}

/// What drives the array.
pub(super) enum Inputs {
    One(Driving),
    /// Vectors by rows, V.
    Many(Array2<f64>),
}

impl Periphery {
    /// Files that are read.
    pub(super) fn inputs(&self) -> Vec<PathBuf> {
        let files = [&self.word_wire_ohm_file, &self.bit_wire_ohm_file, &self.word_bias, &self.bit_bias, &self.inputs];
        files.into_iter().flatten().cloned().collect()
    }

    /// Whether voltages are given, which are in the place of the read bias.
    pub(super) fn has_inputs(&self) -> bool {
        self.inputs.is_some()
    }

    /// What can be refused before anything is read.
    pub(super) fn check(&self) -> Result<(), Failure> {
        within("--accuracy", self.accuracy, 1e-14, 0.1, "")?;
        if self.select.is_some() && self.scheme.is_none() && self.word_bias.is_none() {
            return Err(Failure::Usage(
                "--select ROW,COL needs --scheme, how the lines that are not selected are held (grounded, floating, half, third or \
                 isolated), or --word-bias and --bit-bias"
                    .to_owned(),
            ));
        }
        let own = |ohm: Option<f64>, file: &Option<PathBuf>| ohm.is_some() || file.is_some();
        let both = own(self.word_wire_ohm, &self.word_wire_ohm_file) && own(self.bit_wire_ohm, &self.bit_wire_ohm_file);
        if self.wire_ohm.is_some() && both {
            return Err(Failure::Usage(
                "--wire-ohm does nothing where word lines and bit lines have their own: leave one of the three out"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// The setup of a reading at a temperature, K.
    pub(super) fn setup(
        &self,
        (rows, cols): (usize, usize),
        reading: &Reading,
        specimen: &Specimen,
        temperature_k: f64,
    ) -> Result<Setup, Failure> {
        let wire = |own: Option<f64>, file: &Option<PathBuf>, cells: usize| match file {
            Some(path) => {
                let of = format!("one for each segment of a line of {cells} cells");
                numbers::as_many(path, cells + 1, &of).map(Wire::Segments)
            }
            None => Ok(Wire::Uniform(own.or(self.wire_ohm).unwrap_or(1.0))),
        };
        Ok(Setup {
            periphery: Wiring {
                word_wire: wire(self.word_wire_ohm, &self.word_wire_ohm_file, cols)?,
                bit_wire: wire(self.bit_wire_ohm, &self.bit_wire_ohm_file, rows)?,
                source_ohm: self.source_ohm,
                sense_ohm: self.sense_ohm,
                both_ends: self.both_ends,
            },
            temperature_k,
            integration_s: reading.time_s(),
            noise: !specimen.no_noise,
            seed: specimen.seed,
            adc_bits: self.adc_bits,
            adc_range_a: self.adc_range,
            accuracy: self.accuracy,
        })
    }

    /// What drives an array of a shape.
    pub(super) fn drives(&self, (rows, cols): (usize, usize), read_v: f64) -> Result<Inputs, Failure> {
        if let Some(Cell { row, col }) = self.select {
            let scheme = match (&self.word_bias, &self.bit_bias, self.scheme) {
                (Some(words), Some(bits), _) => Others::Passive(Unselected::Own {
                    word_v: numbers::as_many(words, rows, "one for each word line")?,
                    bit_v: numbers::as_many(bits, cols, "one for each bit line")?,
                }),
                (_, _, scheme) => scheme.unwrap_or(Scheme::Grounded).into(),
            };
            return Ok(Inputs::One(Driving::OneCell { row, col, read_v, scheme }));
        }
        let Some(path) = &self.inputs else {
            return Ok(Inputs::One(Driving::AllRows { input_v: vec![read_v; rows] }));
        };
        let voltages = self.voltages(path, (rows, cols))?;
        let (lines, numbers) = voltages.dim();
        if lines == 1 || (numbers == 1 && rows > 1) {
            let input_v: Vec<f64> = voltages.into_iter().collect();
            return Ok(match self.weights {
                true => Inputs::Many(ndarray::Array1::from(input_v).insert_axis(ndarray::Axis(0))),
                false => Inputs::One(Driving::AllRows { input_v }),
            });
        }
        Ok(Inputs::Many(voltages))
    }

    /// What is driven, for a record.
    pub(super) fn driving_in_words(&self) -> String {
        let Some(Cell { row, col }) = self.select else { return "all rows".to_owned() };
        let scheme = self.scheme.and_then(|scheme| Some(scheme.to_possible_value()?.get_name().to_owned()));
        format!("row {row}, column {col}, {}", scheme.unwrap_or_else(|| "own biases".to_owned()))
    }

    fn voltages(&self, path: &Path, (rows, cols): (usize, usize)) -> Result<Array2<f64>, Failure> {
        let file =
            File { path, dataset: self.inputs_dataset.as_deref(), option: "--inputs-dataset", lists: true, unit: VOLT };
        let affords = |(vectors, numbers): (usize, usize)| {
            // Voltages twice; currents ideal, wired, with noise and as codes, and as they are printed; the weights.
            let each = 16 * numbers as u128 + 100 * cols as u128;
            let needed = each.saturating_mul(vectors as u128) + 8 * rows as u128 * cols as u128;
            let what = format!("{vectors} vectors of {numbers} voltages and their currents");
            options::afford(&what, needed, memory::available(), "give them in parts")
        };
        Ok(numbers::matrix(&file, affords)?.0)
    }
}
