//! Reading: a file back to plain numbers, each checked against the axes before it is believed.

use std::path::Path;

use hdf5::{Hyperslab, SliceOrIndex};
use ndarray::{Array1, Array2, Array3, Axis as Dim};

use super::campaign::{CampaignRecord, HistogramCube, MomentCube};
use super::error::RecordError;
use super::hdf::{self, Explain, Input};
use super::layout::{self, Axis, CAMPAIGN_FILE_TYPE, MOMENTS, POINT_FILE_TYPE, Quantity};
use super::root;
use crate::outcome::{CampaignLabel, CellDump, CellWindow, Identity, PointLabel, PointOutcome, Provenance};

/// Reads a campaign file.
///
/// # Errors
/// A [`RecordError`] of one line for a file that is missing, not HDF5, of another type or format version, or damaged.
pub fn open_campaign(path: &Path) -> Result<CampaignRecord, RecordError> {
    let (file, sealed) = hdf::open(path)?;
    hdf::judge(path, sealed, campaign(&Input { file: &file, path }))
}

fn campaign(input: &Input<'_>) -> Result<CampaignRecord, RecordError> {
    let path = input.path;
    root::check(input, CAMPAIGN_FILE_TYPE)?;
    let mut record = contents(input, CAMPAIGN_FILE_TYPE)?;
    let (materials, temperatures) = record.computed.dim();
    let first: u64 = input.scalar("first_point")?;
    let end: u64 = input.scalar("end_point")?;
    if first > end || end > (materials * temperatures) as u64 {
        let limit = format!("within 0..{}", materials * temperatures);
        return Err(RecordError::damaged(path, "the range of points", format!("{first}..{end}"), limit));
    }
    record.points = first as usize..end as usize;
    Ok(record)
}

/// Reads one point, and the campaign it says it belongs to (with this point's material and temperature only).
///
/// # Errors
/// As [`open_campaign`].
pub fn open_point(path: &Path) -> Result<(CampaignRecord, PointLabel), RecordError> {
    let (file, sealed) = hdf::open(path)?;
    hdf::judge(path, sealed, point(&Input { file: &file, path }))
}

fn point(input: &Input<'_>) -> Result<(CampaignRecord, PointLabel), RecordError> {
    let path = input.path;
    root::check(input, POINT_FILE_TYPE)?;
    let mut record = contents(input, POINT_FILE_TYPE)?;
    let number: u64 = input.scalar("point_number")?;
    let material_index: u64 = input.scalar("material_index")?;
    let temperature_index: u64 = input.scalar("temperature_index")?;
    if record.computed.dim() != (1, 1) {
        let found = format!("{:?}", record.computed.dim());
        return Err(RecordError::damaged(path, "the number of points", found, "(1, 1)"));
    }
    if !record.computed[[0, 0]] {
        return Err(RecordError::damaged(path, "the dataset computed", 0, 1));
    }
    let (material, _) = &record.label.materials[0];
    let label = PointLabel {
        number: number as usize,
        material_index: material_index as usize,
        material: material.clone(),
        temperature_index: temperature_index as usize,
        temperature_k: record.label.temperatures_k[0],
        flags: record.flags[[0, 0]].clone(),
    };
    let end = (number as usize).checked_add(1);
    let end = end.ok_or_else(|| RecordError::damaged(path, "the point's number", number, "a count"))?;
    record.points = label.number..end;
    Ok((record, label))
}

/// Reads one point with its cell dump.
///
/// # Errors
/// As [`open_campaign`].
pub fn read_point(path: &Path) -> Result<(PointLabel, Provenance, PointOutcome), RecordError> {
    let (record, label) = open_point(path)?;
    let dump = read_dump(&record, 0, 0)?;
    let outcome = record.outcome(0, 0, dump);
    Ok((label, record.point_provenance[[0, 0]].clone(), outcome))
}

/// Reads the cell dump of one point; none where the campaign asked for none or the point was not computed.
///
/// # Errors
/// As [`open_campaign`].
///
/// # Panics
/// If an index lies outside the record's axes.
pub fn read_dump(
    record: &CampaignRecord,
    material_index: usize,
    temperature_index: usize,
) -> Result<Option<CellDump>, RecordError> {
    let Some(window) = record.label.dump else {
        return Ok(None);
    };
    if !record.computed[[material_index, temperature_index]] {
        return Ok(None);
    }
    let (file, _) = hdf::open(&record.path)?;
    let input = Input { file: &file, path: &record.path };
    let (materials, temperatures) = record.computed.dim();
    let times = record.label.times_s.len();
    let plane = [times, window.rows as usize, window.cols as usize];
    let shape = [materials, temperatures, plane[0], plane[1], plane[2]];
    let read = |quantity: Quantity| -> Result<Array3<f32>, RecordError> {
        let name = format!("cell_{}", quantity.name);
        let doing = format!("read the dataset {name}");
        let dataset = input.dataset(&name, &shape)?;
        // Reserved and given back at once: a size that memory cannot hold must not abort the program in the read.
        input.room_for::<f32>(&name, &plane)?;
        let ranges = [
            material_index..material_index + 1,
            temperature_index..temperature_index + 1,
            0..plane[0],
            0..plane[1],
            0..plane[2],
        ];
        let slab = Hyperslab::from(ranges.map(SliceOrIndex::from).to_vec());
        let block: ndarray::Array5<f32> = dataset.read_slice(slab).reading(&record.path, &doing)?;
        Ok(block.index_axis_move(Dim(0), 0).index_axis_move(Dim(0), 0))
    };
    Ok(Some(CellDump {
        window,
        conductance_s: read(layout::CONDUCTANCE)?,
        filling: read(layout::FILLING)?,
        lost_fraction: read(layout::LOST_FRACTION)?,
    }))
}

fn contents(input: &Input<'_>, file_type: &str) -> Result<CampaignRecord, RecordError> {
    let label = campaign_label(input)?;
    let dims = Dims {
        materials: label.materials.len(),
        temperatures: label.temperatures_k.len(),
        times: label.times_s.len(),
        bins: label.bins,
    };
    let computed: Array2<u8> = input.numbers(layout::COMPUTED.name, &dims.point())?;
    let (flags, point_provenance) = point_texts(input, &dims)?;
    Ok(CampaignRecord {
        path: input.path.to_owned(),
        file_type: file_type.to_owned(),
        format_version: root::version(input)?,
        provenance: root::provenance(input)?,
        points: 0..0,
        computed: computed.mapv(|c| c != 0),
        flags,
        point_provenance,
        cells: input.numbers(layout::CELLS.name, &dims.point())?,
        programmed: input.numbers(layout::PROGRAMMED.name, &dims.point())?,
        fresh_conductance_s: input.numbers(layout::FRESH.name, &dims.point())?,
        conductance_s: moments(input, &dims, &layout::CONDUCTANCE)?,
        filling: moments(input, &dims, &layout::FILLING)?,
        lost_fraction: moments(input, &dims, &layout::LOST_FRACTION)?,
        kept: moments(input, &dims, &layout::KEPT)?,
        failed: input.numbers(layout::FAILED.name, &dims.time())?,
        conductance_histogram: histogram(input, &dims, &layout::CONDUCTANCE)?,
        filling_histogram: histogram(input, &dims, &layout::FILLING)?,
        kept_histogram: histogram(input, &dims, &layout::KEPT)?,
        label,
    })
}

struct Dims {
    materials: usize,
    temperatures: usize,
    times: usize,
    bins: usize,
}

impl Dims {
    fn point(&self) -> [usize; 2] {
        [self.materials, self.temperatures]
    }

    fn time(&self) -> [usize; 3] {
        [self.materials, self.temperatures, self.times]
    }

    fn bin(&self) -> [usize; 4] {
        [self.materials, self.temperatures, self.times, self.bins]
    }
}

fn campaign_label(input: &Input<'_>) -> Result<CampaignLabel, RecordError> {
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
    Ok(CampaignLabel {
        name: input.text("campaign_name")?,
        campaign_toml: input.text("campaign_toml")?,
        overrides: input.texts("overrides")?,
        materials: names.into_iter().zip(texts).collect(),
        temperatures_k: temperatures.to_vec(),
        times_s: times.to_vec(),
        bins: input.axis_length(Axis::Bin.name())?,
        rows: input.scalar("array_rows")?,
        cols: input.scalar("array_cols")?,
        seed: input.scalar("seed")?,
        read_v: input.scalar("read_bias")?,
        program_k: input.array("program_temperature")?.first().copied(),
        kept_threshold: input.scalar("kept_threshold")?,
        report_times_s: input.array("report_times")?,
        dump: dump_window(input)?,
    })
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

type PointTexts = (Array2<Vec<String>>, Array2<Provenance>);

fn point_texts(input: &Input<'_>, dims: &Dims) -> Result<PointTexts, RecordError> {
    let mut columns = Vec::with_capacity(layout::POINT_STRINGS.len());
    for dataset in layout::POINT_STRINGS {
        columns.push(input.strings(dataset.name, &dims.point())?);
    }
    let software: Array2<u8> = input.numbers(layout::POINT_SOFTWARE.name, &dims.point())?;
    let text = |column: usize, (m, t): (usize, usize)| columns[column][[m, t]].clone();
    let flags = Array2::from_shape_fn(dims.point(), |at| text(0, at).lines().map(str::to_owned).collect());
    let provenance = Array2::from_shape_fn(dims.point(), |at| Provenance {
        started_utc: text(1, at),
        ended_utc: text(2, at),
        identity: Identity {
            backend: text(3, at),
            adapter: text(4, at),
            driver: text(5, at),
            instruction_set: text(6, at),
            software: software[at] != 0,
        },
        program_version: text(7, at),
        commit: text(8, at),
    });
    Ok((flags, provenance))
}

fn moments(input: &Input<'_>, dims: &Dims, of: &Quantity) -> Result<MomentCube, RecordError> {
    let read = |suffix: &str| input.numbers(&format!("{}_{suffix}", of.name), &dims.time());
    let [mean, variance, min, max] = MOMENTS.map(|(suffix, _, _)| suffix);
    Ok(MomentCube { mean: read(mean)?, variance: read(variance)?, min: read(min)?, max: read(max)? })
}

fn histogram(input: &Input<'_>, dims: &Dims, of: &Quantity) -> Result<HistogramCube, RecordError> {
    let name = |suffix: &str| format!("{}_{suffix}", of.name);
    Ok(HistogramCube {
        low: input.numbers(&name("histogram_low"), &dims.point())?,
        high: input.numbers(&name("histogram_high"), &dims.point())?,
        counts: input.numbers(&name("histogram"), &dims.bin())?,
        below: input.numbers(&name("histogram_below"), &dims.time())?,
        above: input.numbers(&name("histogram_above"), &dims.time())?,
    })
}
