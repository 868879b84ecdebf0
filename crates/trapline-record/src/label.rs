//! Reading what a campaign is: its axes, its settings and where it came from.

use ndarray::{Array1, ArrayD};

use super::error::RecordError;
use super::input::Input;
use super::kind::Kind;
use super::layout::{self, Axis, PointDataset};
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::read::{Judging, LEAST_READING_S, MOST_READING_S};
use trapline_model::outcome::{CampaignLabel, CellWindow, Coordinate, PointSettings, Sweep, SweptKey};

/// Most axes of points: sweeps, material, temperature.
const MAX_AXES: usize = 16;

/// What a file holds of the settings of one point: seven numbers.
const SETTINGS_BYTES: usize = 7 * 8;

pub(super) fn read(input: &Input<'_>, format_version: [i32; 2]) -> Result<CampaignLabel, RecordError> {
    let path = input.path;
    let names = input.axis_length(Axis::Material.name())?;
    let names = input.strings(Axis::Material.name(), &[names])?;
    let texts = input.texts("material_toml")?;
    if texts.len() != names.len() {
        let limit = format!("{}, one per material", names.len());
        return Err(RecordError::damaged(path, "the number of material_toml texts", texts.len(), limit));
    }
    let temperatures: Array1<f64> = input.axis_numbers(Axis::Temperature.name())?;
    let times: Array1<f64> = input.axis_numbers(Axis::Time.name())?;
    let mut label = CampaignLabel {
        name: input.text("campaign_name")?,
        campaign_toml: input.text("campaign_toml")?,
        overrides: input.texts("overrides")?,
        inputs: input.texts("inputs")?,
        sweeps: sweeps(input)?,
        materials: names.into_iter().zip(texts).collect(),
        temperatures_k: temperatures.to_vec(),
        times_s: times.to_vec(),
        bins: input.axis_length(Axis::Bin.name())?,
        report_times_s: input.array("report_times")?,
        dump: dump_window(input)?,
        circuit_times_s: circuit_times(input, &times)?,
        settings: Vec::new(),
    };
    // The product of the axes is bounded by the size of the datasets that have them all, before a list is made of it.
    let per_point = if format_version[0] < 2 { 1 } else { SETTINGS_BYTES };
    input.fits("the settings of the points", &label.shape(), per_point)?;
    label.settings =
        if format_version[0] < 2 { settings_of_format_1(input, &label)? } else { settings(input, &label)? };
    Ok(label)
}

fn sweeps(input: &Input<'_>) -> Result<Vec<Sweep>, RecordError> {
    let names = input.texts("sweeps")?;
    if names.len() > MAX_AXES - 2 {
        let limit = format!("{} or fewer", MAX_AXES - 2);
        return Err(RecordError::damaged(input.path, "the number of sweeps", names.len(), limit));
    }
    if let Some(name) = names.iter().find(|name| name.contains('/')) {
        return Err(RecordError::damaged(input.path, "the name of a sweep", format!("{name:?}"), "without a slash"));
    }
    names.into_iter().map(|name| sweep(input, name)).collect()
}

fn sweep(input: &Input<'_>, name: String) -> Result<Sweep, RecordError> {
    let (coordinate, units) = coordinate(input, &name)?;
    let axis = input.open_any(&name)?;
    let keys = input.texts_of(&axis, "keys")?;
    let mut sweep = Sweep { name, coordinate, keys: Vec::new() };
    for key in keys {
        let dataset = sweep.dataset_of(&key);
        let (values, units) = match input.has_dataset(&dataset) {
            true => self::coordinate(input, &dataset)?,
            false => (sweep.coordinate.clone(), units.clone()),
        };
        if values.len() != sweep.coordinate.len() {
            let (what, limit) =
                (format!("the length of {dataset}"), format!("{}, as its axis", sweep.coordinate.len()));
            return Err(RecordError::damaged(input.path, what, values.len(), limit));
        }
        sweep.keys.push(SweptKey { key, units, values });
    }
    Ok(sweep)
}

/// A one-dimensional dataset of numbers or texts, and its unit.
fn coordinate(input: &Input<'_>, name: &str) -> Result<(Coordinate, String), RecordError> {
    let length = input.axis_length(name)?;
    let dataset = input.open_any(name)?;
    let units = input.text_of(&dataset, "units")?;
    let values = match input.kind_of(name, &dataset)? {
        Kind::Real(8) => Coordinate::Real(input.axis_numbers::<f64>(name)?.to_vec()),
        Kind::Signed(8) => Coordinate::Whole(input.axis_numbers::<i64>(name)?.to_vec()),
        Kind::Text => Coordinate::Text(input.strings(name, &[length])?.into_iter().collect()),
        other => {
            let what = format!("the type of the dataset {name}");
            let limit = "64-bit numbers, whole numbers with a sign, or texts";
            return Err(RecordError::damaged(input.path, what, other, limit));
        }
    };
    Ok((values, units))
}

fn settings(input: &Input<'_>, label: &CampaignLabel) -> Result<Vec<PointSettings>, RecordError> {
    let shape = label.shape();
    let whole = |of: PointDataset| input.numbers::<u64, ndarray::IxDyn>(of.name, &shape);
    let real = |of: PointDataset| input.numbers::<f64, ndarray::IxDyn>(of.name, &shape);
    let [rows, cols, seed] = [whole(layout::ROWS)?, whole(layout::COLS)?, whole(layout::SEED)?].map(flat);
    let [read_v, read_k, program_k, kept_threshold] = [
        real(layout::READ_BIAS)?,
        real(layout::READ_TEMPERATURE)?,
        real(layout::PROGRAM_TEMPERATURE)?,
        real(layout::KEPT_THRESHOLD)?,
    ]
    .map(flat);
    // Before 2.2 electrons were not counted, and nobody asked for the number of dots.
    let has = input.has_dataset(layout::ELECTRONS.name);
    let points = label.points();
    let electrons = if has { flat(whole(layout::ELECTRONS)?) } else { vec![0; points] };
    let dots = if has { flat(real(layout::DOTS)?) } else { vec![0.0; points] };
    let electrons = electrons.into_iter().map(|number| {
        Electrons::of_number(number).ok_or_else(|| {
            let limit = format!("0 to {}", Electrons::NUMBERED.len() - 1);
            RecordError::damaged(input.path, layout::ELECTRONS.name.to_owned(), number, limit)
        })
    });
    let electrons: Vec<Electrons> = electrons.collect::<Result<_, _>>()?;
    // Before 2.2 the cells of a seed were the same at every temperature.
    let same_cells: Vec<u8> = match input.has_dataset(layout::SAME_CELLS.name) {
        true => flat(input.numbers::<u8, ndarray::IxDyn>(layout::SAME_CELLS.name, &shape)?),
        false => vec![1; points],
    };
    if let Some(number) = same_cells.iter().find(|number| **number > 1) {
        return Err(RecordError::damaged(input.path, layout::SAME_CELLS.name.to_owned(), number, "0 or 1"));
    }
    // Before 2.2 cells were judged by what they keep.
    let has = input.has_dataset(layout::JUDGED.name);
    let judged = match has {
        true => flat(input.numbers::<u8, ndarray::IxDyn>(layout::JUDGED.name, &shape)?),
        false => vec![0; points],
    };
    let reading_s = if has { flat(real(layout::READING)?) } else { vec![0.0; points] };
    let judged = judged.into_iter().zip(reading_s).map(|(judged, reading_s)| {
        Judging::of_numbers(judged, reading_s).ok_or_else(|| {
            let (what, limit) = match judged {
                0..=2 => {
                    (layout::READING.name, format!("{LEAST_READING_S:e} to {MOST_READING_S:e} where readings judge"))
                }
                _ => (layout::JUDGED.name, "0 to 2".to_owned()),
            };
            let value = if judged > 2 { judged.to_string() } else { format!("{reading_s:?}") };
            RecordError::damaged(input.path, what.to_owned(), value, limit)
        })
    });
    let judged: Vec<Judging> = judged.collect::<Result<_, _>>()?;
    let one = |n: usize| PointSettings {
        rows: rows[n],
        cols: cols[n],
        seed: seed[n],
        read_v: read_v[n],
        read_k: read_k[n],
        program_k: program_k[n],
        kept_threshold: kept_threshold[n],
        electrons: electrons[n],
        dots: dots[n],
        same_cells: same_cells[n] == 1,
        judged: judged[n],
    };
    Ok((0..label.points()).map(one).collect())
}

fn flat<T: Clone>(values: ArrayD<T>) -> Vec<T> {
    values.into_iter().collect()
}

/// Before 2.0 every point had the settings that the root names.
fn settings_of_format_1(input: &Input<'_>, label: &CampaignLabel) -> Result<Vec<PointSettings>, RecordError> {
    let program_k: Option<f64> = input.array("program_temperature")?.first().copied();
    let (rows, cols, seed) = (input.scalar("array_rows")?, input.scalar("array_cols")?, input.scalar("seed")?);
    let (read_v, kept_threshold) = (input.scalar("read_bias")?, input.scalar("kept_threshold")?);
    let one = |n: usize| {
        let baked_k = label.temperatures_k[n % label.temperatures_k.len()];
        let program_k = program_k.unwrap_or(baked_k);
        PointSettings {
            rows,
            cols,
            seed,
            read_v,
            read_k: baked_k,
            program_k,
            kept_threshold,
            electrons: Electrons::MeanField,
            dots: 0.0,
            same_cells: true,
            judged: Judging::Kept,
        }
    };
    Ok((0..label.points()).map(one).collect())
}

/// Times of reading through wires: of the time axis, first 0. None before 2.3, and where there are no wires.
fn circuit_times(input: &Input<'_>, all: &Array1<f64>) -> Result<Vec<f64>, RecordError> {
    let name = Axis::CircuitTime.name();
    if !input.has_dataset(name) {
        return Ok(Vec::new());
    }
    let times: Array1<f64> = input.axis_numbers(name)?;
    let ascend = times.windows(2).into_iter().all(|pair| pair[0] < pair[1]);
    let there = times.iter().all(|time| all.iter().any(|known| known == time));
    if times.first() != Some(&0.0) || !ascend || !there {
        let limit = "times of the time axis, the first 0, each later than the one before";
        return Err(RecordError::damaged(input.path, name, format!("{:?}", times.to_vec()), limit));
    }
    Ok(times.to_vec())
}

fn dump_window(input: &Input<'_>) -> Result<Option<CellWindow>, RecordError> {
    let window: Vec<u64> = input.array("dump_window")?;
    if window.is_empty() && !input.has_dataset(Axis::Row.name()) {
        return Ok(None);
    }
    let rows = input.axis_length(Axis::Row.name())? as u64;
    let cols = input.axis_length(Axis::Col.name())? as u64;
    match window[..] {
        [first_row, first_col, r, c] if r == rows && c == cols => {
            Ok(Some(CellWindow { first_row, first_col, rows, cols }))
        }
        _ => {
            let limit = format!("four integers, the last two {rows} and {cols} as the axes say");
            Err(RecordError::damaged(input.path, "dump_window", format!("{window:?}"), limit))
        }
    }
}
