//! A segment of constant bias under which cells differ in bias or in temperature: wires, schemes of selection, heat.
//!
//! Where all cells see the same, that is a [`Stimulus`](super::stimulus::Stimulus), and its laws are exact numbers
//! from the host. Where they do not, the f32 backends read the laws from [`LawTables`], which differ from them by
//! less than 1e-6 of each value; the reference evaluates the laws themselves for each cell. A new law of bias or
//! temperature goes into the model, and no kernel knows of it.
//!
//! The f32 backends round each bias and temperature to f32 first.

use super::BackendError;
use super::cells::Population;
use super::job::iterations;
use ndarray::Array1;
use std::sync::Arc;
use trapline_model::cell::counted::{Electrons, Settling};
use trapline_model::cell::tabulated::{BiasRange, LawTables, TemperatureRange};
use trapline_model::cell::{self, Drive, Factors, charge};
use trapline_model::material::{Material, Variation};
use trapline_model::protocol::Segment;

/// A number for each cell of an array.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Each<'a> {
    /// The same for all.
    Array(f64),
    /// One for each word line: for the cells whose number divided by [`Population::columns`] is its place.
    Row(&'a [f64]),
    /// One for each bit line: for the cells whose number modulo [`Population::columns`] is its place.
    Column(&'a [f64]),
    /// One for each cell, in the population's order.
    Cell(&'a [f64]),
}

impl Each<'_> {
    /// The numbers of all cells of a population.
    ///
    /// # Errors
    /// [`BackendError::Each`] where there are too few or too many, or one is no finite number.
    fn of(&self, what: &'static str, population: &Population) -> Result<Array1<f64>, BackendError> {
        let numbers = &population.numbers;
        let line = |values: &[f64], at: &dyn Fn(u64) -> u64| -> Result<Array1<f64>, BackendError> {
            let most = numbers.iter().map(|&number| at(number)).max().unwrap_or(0);
            if most >= values.len() as u64 {
                return Err(BackendError::Each { what, found: values.len(), needed: most.saturating_add(1) });
            }
            Ok(numbers.iter().map(|&number| values[at(number) as usize]).collect())
        };
        let columns = population.columns.max(1);
        let values = match self {
            Each::Array(value) => Array1::from_elem(numbers.len(), *value),
            Each::Row(values) => line(values, &|number| number / columns)?,
            Each::Column(values) => line(values, &|number| number % columns)?,
            Each::Cell(values) if values.len() == numbers.len() => Array1::from(values.to_vec()),
            Each::Cell(values) => {
                return Err(BackendError::Each { what, found: values.len(), needed: numbers.len() as u64 });
            }
        };
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(BackendError::NotFinite { what, value: *value }),
            None => Ok(values),
        }
    }

    /// The one number, where it is the same for all.
    pub(super) fn alike(&self) -> Option<f64> {
        match self {
            Each::Array(value) => Some(*value),
            _ => None,
        }
    }
}

/// What is done to the cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure<'a> {
    /// V, of either sign.
    pub bias_v: Each<'a>,
    /// K.
    pub temperature_k: Each<'a>,
    pub dwell_s: f64,
    /// Number of the pulse, for the cycle-to-cycle draw.
    pub cycle: u32,
    /// Whether the response has a row of it.
    pub recorded: bool,
}

/// How finely all cells are stepped: as the one that needs it most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stepping {
    pub substeps: u32,
    /// Iterations the f32 kernels give each substep's equation, and each piece's; pieces the charge is taken in.
    pub iterations: u32,
    pub pieces: u32,
    pub piece_iterations: u32,
}

/// Biases and temperatures of a grid over the ranges that stand for all others.
const GRID: usize = 17;

impl Stepping {
    fn of(
        material: &Material,
        variation: &Variation,
        electrons: Electrons,
        exposure: &Exposure,
        biases: &[f64],
        temperatures_k: &[f64],
    ) -> Stepping {
        let mut most = Stepping { substeps: 1, iterations: 0, pieces: 0, piece_iterations: 0 };
        for &temperature_k in temperatures_k {
            let emission = cell::emission_per_s(material, &Factors::NOMINAL, temperature_k);
            for &bias_v in biases {
                let segment = Segment { bias_v, dwell_s: exposure.dwell_s, cycle: exposure.cycle };
                let drive = Drive::for_spread(material, variation, electrons, &segment, temperature_k, None);
                let longest = Drive { substeps: charge::PARTS, ..drive };
                most = Stepping {
                    substeps: most.substeps.max(drive.substeps),
                    iterations: most.iterations.max(iterations(&drive, material, variation)),
                    pieces: most.pieces.max(charge::pieces(material, &drive, &emission)),
                    piece_iterations: most.piece_iterations.max(iterations(&longest, material, variation)),
                };
            }
        }
        most
    }
}

/// An exposure of certain cells, ready to compute.
#[derive(Debug, Clone)]
pub struct Exposed {
    pub material: Material,
    pub variation: Variation,
    pub electrons: Electrons,
    pub seed: u64,
    /// Where electrons that are counted are drawn.
    pub settling: Settling,
    pub dwell_s: f64,
    pub cycle: u32,
    pub recorded: bool,
    pub stepping: Stepping,
    /// In the order of the cells, V and K.
    pub bias_v: Array1<f64>,
    pub temperature_k: Array1<f64>,
    pub tables: Arc<LawTables>,
}

/// Tables that were made, and the ranges they are of.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Option<(BiasRange, TemperatureRange, Arc<LawTables>)>);

impl Known {
    /// Tables over these ranges, or wider ones: those of the last call where they reach.
    fn tables(
        &mut self,
        material: &Material,
        biases: BiasRange,
        temperatures: TemperatureRange,
    ) -> Result<Arc<LawTables>, BackendError> {
        if let Some((of_biases, of_temperatures, tables)) = &self.0
            && of_biases.holds(&biases)
            && of_temperatures.holds(&temperatures)
        {
            return Ok(tables.clone());
        }
        let (wide, warm) = (whole_octaves(biases), whole_octaves_k(temperatures));
        // A law may end within the octave: then the tables end where the cells do.
        let (biases, temperatures, tables) = match LawTables::build(material, wide, warm) {
            Ok(tables) => (wide, warm, tables),
            Err(_) => (biases, temperatures, LawTables::build(material, biases, temperatures)?),
        };
        let tables = Arc::new(tables);
        self.0 = Some((biases, temperatures, tables.clone()));
        Ok(tables)
    }
}

/// The whole octaves that a range reaches into. Tables are made octave by octave, so what they say of one does not depend on how far the
/// biases of this call or of an earlier one reach.
fn octaves((least, most): (f32, f32)) -> (f32, f32) {
    const MANTISSA: u32 = 0x007f_ffff;
    (f32::from_bits(least.to_bits() & !MANTISSA), f32::from_bits(most.to_bits() | MANTISSA))
}

fn whole_octaves(biases: BiasRange) -> BiasRange {
    BiasRange { positive: biases.positive.map(octaves), negative: biases.negative.map(octaves) }
}

/// One temperature stays one: its laws are exact numbers.
fn whole_octaves_k(temperatures: TemperatureRange) -> TemperatureRange {
    if temperatures.least_k == temperatures.most_k {
        return temperatures;
    }
    let (least_k, most_k) = octaves((temperatures.least_k, temperatures.most_k));
    TemperatureRange { least_k, most_k }
}

impl Exposed {
    /// Prepares an exposure of a population.
    pub(super) fn new(
        population: &Population,
        exposure: &Exposure,
        known: &mut Known,
    ) -> Result<Exposed, BackendError> {
        if !(exposure.dwell_s >= 0.0 && exposure.dwell_s.is_finite()) {
            return Err(BackendError::NotFinite { what: "the dwell", value: exposure.dwell_s });
        }
        let Population { material, variation, electrons, seed, .. } = population;
        let bias_v = exposure.bias_v.of("biases", population)?;
        let temperature_k = exposure.temperature_k.of("temperatures", population)?;
        let biases = BiasRange::of(bias_v.iter().copied())?;
        let temperatures = TemperatureRange::of(temperature_k.iter().copied())?;
        let tables = known.tables(material, biases, temperatures)?;
        let side = |range: Option<(f32, f32)>, sign: f64| {
            range.into_iter().flat_map(move |(least, most)| between(least, most).map(move |a| sign * a))
        };
        let grid: Vec<f64> = side(biases.positive, 1.0).chain(side(biases.negative, -1.0)).chain([0.0]).collect();
        let hot: Vec<f64> = between(temperatures.least_k, temperatures.most_k).collect();
        let stepping = Stepping::of(material, variation, *electrons, exposure, &grid, &hot);
        let Exposure { dwell_s, cycle, recorded, .. } = *exposure;
        let settling = Settling { at_end: population.is_counted(), before: 0 };
        Ok(Exposed {
            material: material.clone(),
            variation: *variation,
            electrons: *electrons,
            seed: *seed,
            settling,
            dwell_s,
            cycle,
            recorded,
            stepping,
            bias_v,
            temperature_k,
            tables,
        })
    }

    /// The same one after another: where electrons are counted, they are drawn after each substep, whose feedback is not
    /// known for all cells. `draws` is the number of draws so far.
    pub(super) fn parts(&self, draws: u32) -> impl Iterator<Item = Exposed> {
        let substeps = self.stepping.substeps;
        let (count, of_part) = if self.settling.at_end { (substeps, 1) } else { (1, substeps) };
        (0..count).map(move |number| Exposed {
            dwell_s: self.dwell_s / f64::from(count),
            stepping: Stepping { substeps: of_part, ..self.stepping },
            settling: Settling { before: draws.wrapping_add(number), ..self.settling },
            ..self.clone()
        })
    }

    /// The same of some of the cells, by their places.
    pub(super) fn of_places(&self, places: &[usize]) -> Exposed {
        let some = |values: &Array1<f64>| places.iter().map(|&place| values[place]).collect();
        Exposed { bias_v: some(&self.bias_v), temperature_k: some(&self.temperature_k), ..self.clone() }
    }
}

/// A grid over a range, ends included.
fn between(least: f32, most: f32) -> impl Iterator<Item = f64> + Clone {
    let (least, most) = (f64::from(least), f64::from(most));
    (0..GRID).map(move |i| least + (most - least) * i as f64 / (GRID - 1) as f64)
}
