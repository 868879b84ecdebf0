//! Reading: a file back to plain numbers, each checked against the axes before it is believed.

use std::path::Path;

use hdf5::{H5Type, Hyperslab, SliceOrIndex};
use ndarray::{Array, Array1, Array2, ArrayD, ArrayView1, Axis, Dimension};

use super::describe::describe;
use super::error::RecordError;
use super::experiment::{self, ExperimentRecord};
use super::hdf::{self, Explain, Source, Trust};
use super::index::{self, UnfinishedRecord};
use super::input::{Input, MAX_READ_BYTES, Opened};
use super::label;
use super::layout::{self, CAMPAIGN_FILE_TYPE, MOMENTS, POINT_FILE_TYPE, Quantity};
use super::linked;
use super::root::{self, FileType};
use super::write::point_path;
use trapline_model::outcome::{
    CampaignLabel, CampaignRecord, CellDump, CircuitOutcome, HistogramSeries, Histograms, Identity, MERITS,
    MomentSeries, PointLabel, PointOutcome, Provenance, RecordedPoint,
};

/// A file of this program, by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Campaign(CampaignRecord),
    /// A campaign in progress.
    Unfinished(UnfinishedRecord),
    /// One point, as a campaign of it alone, and its place in its own campaign.
    Point(CampaignRecord, PointLabel),
    Experiment(ExperimentRecord),
}

/// Reads a file of whatever kind it is.
///
/// # Errors
/// A [`RecordError`] of one line for a file that is missing, not HDF5, not this program's, of another format version,
/// or damaged; [`RecordError::Unsealed`] for one without its seal, unless such files are trusted.
pub fn open(path: &Path, trust: Trust) -> Result<Record, RecordError> {
    open_watched(path, trust, &|_| {})
}

fn open_watched(path: &Path, trust: Trust, watch: &dyn Fn(u64)) -> Result<Record, RecordError> {
    let source = hdf::open(path, trust)?;
    source.read(|_| {
        let input = &source.input().watched(watch);
        Ok(match root::file_type(input)? {
            FileType::Campaign => Record::Campaign(campaign(input)?),
            FileType::Unfinished => Record::Unfinished(index::read(input)?),
            FileType::Experiment => Record::Experiment(experiment::experiment(input)?),
            FileType::Point => {
                let (record, label) = point(input)?;
                Record::Point(record, label)
            }
        })
    })
}

/// Reads everything a file holds, and lets it go: what can be read once can be read again. `watch` is told before
/// each point how many bytes its histograms and its dump have in memory, and of each file that virtual datasets lead
/// to how long it is.
///
/// # Errors
/// As [`open`].
pub fn read_all(path: &Path, trust: Trust, watch: &dyn Fn(u64)) -> Result<(), RecordError> {
    let source = hdf::open(path, trust)?;
    let datasets = Opened::default();
    source.read(|_| {
        let input = source.input().watched(watch).keeping(&datasets);
        let record = match root::file_type(&input)? {
            FileType::Campaign => campaign(&input)?,
            FileType::Point => point(&input)?.0,
            FileType::Experiment => return experiment::experiment(&input).map(drop),
            FileType::Unfinished => {
                let unfinished = index::read(&input)?;
                let bytes = bytes_of_a_point(&unfinished.label);
                for number in unfinished.finished() {
                    watch(bytes);
                    // A file of its own: what is wrong with it is told by whoever asks for it.
                    drop(read_point(&point_path(&unfinished.parts, number)));
                }
                return Ok(());
            }
        };
        let bytes = bytes_of_a_point(&record.label);
        (0..record.points.len()).try_for_each(|place| {
            watch(bytes);
            whole_in(&input, &record, place).map(drop)
        })
    })
}

/// Bytes of the histograms and the dump of one point, as they are in memory.
fn bytes_of_a_point(label: &CampaignLabel) -> u64 {
    let cells = label.dump.map_or(0, |window| window.rows.saturating_mul(window.cols).saturating_mul(3 * 4));
    let bins = (label.bins as u64 + 2).saturating_mul(3 * 8);
    // More is refused when it is read.
    (label.times_s.len() as u64).saturating_mul(cells.saturating_add(bins)).min(MAX_READ_BYTES)
}

/// The same without histograms and dumps, and without the points of a campaign in progress; with what [`describe`]
/// reads.
///
/// # Errors
/// As [`open`].
pub fn read_summary(path: &Path, trust: Trust, watch: &dyn Fn(u64)) -> Result<(), RecordError> {
    match open_watched(path, trust, watch)? {
        Record::Campaign(record) | Record::Point(record, _) => describe(&record).map(drop),
        Record::Unfinished(_) | Record::Experiment(_) => Ok(()),
    }
}

/// Reads a campaign file.
///
/// # Errors
/// A [`RecordError`] of one line for a file that is missing, not HDF5, of another type or format version, without its
/// seal, or damaged.
pub fn open_campaign(path: &Path) -> Result<CampaignRecord, RecordError> {
    hdf::open(path, Trust::Sealed)?.read(campaign)
}

fn campaign(input: &Input<'_>) -> Result<CampaignRecord, RecordError> {
    root::check(input, CAMPAIGN_FILE_TYPE)?;
    contents(input, CAMPAIGN_FILE_TYPE)
}

/// Reads one point as a campaign of it alone: its material, its temperature and its place on the sweeps are the only
/// ones there, and it has number 0. Its place in its own campaign is beside it.
///
/// # Errors
/// As [`open_campaign`].
pub fn open_point(path: &Path) -> Result<(CampaignRecord, PointLabel), RecordError> {
    hdf::open(path, Trust::Sealed)?.read(point)
}

fn point(input: &Input<'_>) -> Result<(CampaignRecord, PointLabel), RecordError> {
    let path = input.path;
    root::check(input, POINT_FILE_TYPE)?;
    let record = contents(input, POINT_FILE_TYPE)?;
    let number: u64 = input.scalar("point_number")?;
    let material_index: u64 = input.scalar("material_index")?;
    let temperature_index: u64 = input.scalar("temperature_index")?;
    let sweep_index: Vec<u64> = input.array("sweep_index")?;
    let [point] = record.points.as_slice() else {
        return Err(RecordError::damaged(path, "the number of points", record.points.len(), 1));
    };
    if point.outcome.is_none() {
        return Err(RecordError::damaged(path, "the dataset computed", 0, 1));
    }
    if sweep_index.len() != record.label.sweeps.len() {
        let limit = format!("{}, as many as there are sweeps", record.label.sweeps.len());
        return Err(RecordError::damaged(path, "the length of sweep_index", sweep_index.len(), limit));
    }
    let label = PointLabel {
        number: number as usize,
        sweep_index: sweep_index.into_iter().map(|i| i as usize).collect(),
        material_index: material_index as usize,
        temperature_index: temperature_index as usize,
        ..point.label.clone()
    };
    Ok((record, label))
}

/// Reads one point with its histograms and its cell dump.
///
/// # Errors
/// As [`open_campaign`].
pub fn read_point(path: &Path) -> Result<(PointLabel, Provenance, PointOutcome), RecordError> {
    let (mut record, label, outcome) = open_whole_point(path)?;
    Ok((label, record.points.swap_remove(0).provenance, outcome))
}

/// The same as [`open_point`] and [`whole`], of a file that is opened and checked once.
pub(super) fn open_whole_point(path: &Path) -> Result<(CampaignRecord, PointLabel, PointOutcome), RecordError> {
    let source = hdf::open(path, Trust::Sealed)?;
    let datasets = Opened::default();
    let input = source.input().keeping(&datasets);
    let (record, label) = point(&input)?;
    match whole_in(&input, &record, 0)? {
        Some(outcome) => Ok((record, label, outcome)),
        None => Err(RecordError::damaged(path, "the dataset computed", 0, 1)),
    }
}

/// A point with its histograms and its dump; none where the file has no values for it. In the file of one point its
/// place is 0.
///
/// # Errors
/// As [`open_campaign`].
///
/// # Panics
/// If there are fewer points.
pub fn whole(record: &CampaignRecord, place: usize) -> Result<Option<PointOutcome>, RecordError> {
    OpenRecord::new(record)?.whole(place)
}

/// A record whose points are read one after the other: its file and its datasets stay open.
pub struct OpenRecord<'a> {
    record: &'a CampaignRecord,
    // Before the file: they are closed first.
    datasets: Opened,
    source: Source,
}

impl<'a> OpenRecord<'a> {
    /// Opens the file of a record that was read before; its checksum is not taken again.
    ///
    /// # Errors
    /// [`RecordError::Hdf5`].
    pub fn new(record: &'a CampaignRecord) -> Result<OpenRecord<'a>, RecordError> {
        Ok(OpenRecord { record, datasets: Opened::default(), source: hdf::open_again(&record.path)? })
    }

    /// As [`whole`].
    ///
    /// # Errors
    /// As [`open_campaign`].
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn whole(&self, place: usize) -> Result<Option<PointOutcome>, RecordError> {
        whole_in(&self.input(), self.record, place)
    }

    /// As [`read_histograms`].
    ///
    /// # Errors
    /// As [`open_campaign`].
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn histograms(&self, place: usize) -> Result<Option<Histograms>, RecordError> {
        let there = self.record.points[place].outcome.is_some();
        there.then(|| histograms_in(&self.input(), self.record, place)).transpose()
    }

    /// As [`read_dump`].
    ///
    /// # Errors
    /// As [`open_campaign`].
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn dump(&self, place: usize) -> Result<Option<CellDump>, RecordError> {
        let there = self.record.points[place].outcome.is_some();
        if there { dump_in(&self.input(), self.record, place) } else { Ok(None) }
    }

    fn input(&self) -> Input<'_> {
        self.source.input().keeping(&self.datasets)
    }
}

/// The same from the record's file, opened before: its checksum is over all of it, and is not taken again for each
/// point.
pub(super) fn whole_in(
    input: &Input<'_>,
    record: &CampaignRecord,
    place: usize,
) -> Result<Option<PointOutcome>, RecordError> {
    let Some(outcome) = &record.points[place].outcome else {
        return Ok(None);
    };
    let (histograms, dump) = (histograms_in(input, record, place)?, dump_in(input, record, place)?);
    Ok(Some(PointOutcome { histograms: Some(histograms), dump, ..outcome.clone() }))
}

/// Reads the histograms of one point; none where the point was not computed. In the file of one point its place is 0.
///
/// # Errors
/// As [`open_campaign`].
///
/// # Panics
/// If there are fewer points.
pub fn read_histograms(record: &CampaignRecord, place: usize) -> Result<Option<Histograms>, RecordError> {
    if record.points[place].outcome.is_none() {
        return Ok(None);
    }
    OpenRecord::new(record)?.histograms(place)
}

fn histograms_in(input: &Input<'_>, record: &CampaignRecord, place: usize) -> Result<Histograms, RecordError> {
    let point = Place::new(&record.label, place);
    let (times, bins) = (record.label.times_s.len(), record.label.bins);
    let of = |quantity: &Quantity| -> Result<HistogramSeries, RecordError> {
        let name = |suffix: &str| format!("{}_{suffix}", quantity.name);
        Ok(HistogramSeries {
            low: point.read::<f64, _>(input, &name("histogram_low"), &[])?.into_scalar(),
            high: point.read::<f64, _>(input, &name("histogram_high"), &[])?.into_scalar(),
            counts: point.read(input, &name("histogram"), &[times, bins])?,
            below: point.read(input, &name("histogram_below"), &[times])?,
            above: point.read(input, &name("histogram_above"), &[times])?,
        })
    };
    let [conductance, filling, kept] =
        [layout::CONDUCTANCE, layout::FILLING, layout::KEPT].map(|quantity| of(&quantity));
    Ok(Histograms { conductance: conductance?, filling: filling?, kept: kept? })
}

/// Reads the cell dump of one point; none where the campaign asked for none or the point was not computed. In the
/// file of one point its place is 0.
///
/// # Errors
/// As [`open_campaign`].
///
/// # Panics
/// If there are fewer points.
pub fn read_dump(record: &CampaignRecord, place: usize) -> Result<Option<CellDump>, RecordError> {
    if record.label.dump.is_none() || record.points[place].outcome.is_none() {
        return Ok(None);
    }
    OpenRecord::new(record)?.dump(place)
}

fn dump_in(input: &Input<'_>, record: &CampaignRecord, place: usize) -> Result<Option<CellDump>, RecordError> {
    let Some(window) = record.label.dump else {
        return Ok(None);
    };
    let point = Place::new(&record.label, place);
    let plane = [record.label.times_s.len(), window.rows as usize, window.cols as usize];
    let read = |quantity: Quantity| point.read(input, &format!("cell_{}", quantity.name), &plane);
    Ok(Some(CellDump {
        window,
        conductance_s: read(layout::CONDUCTANCE)?,
        filling: read(layout::FILLING)?,
        lost_fraction: read(layout::LOST_FRACTION)?,
    }))
}

/// Where the values of one point lie in the datasets.
struct Place {
    shape: Vec<usize>,
    at: Vec<usize>,
}

impl Place {
    fn new(label: &CampaignLabel, place: usize) -> Place {
        Place { shape: label.shape(), at: label.place(place) }
    }

    /// Reads the point's part of a dataset, which has the axes of the points and these.
    fn read<T, D>(&self, input: &Input<'_>, name: &str, inner: &[usize]) -> Result<Array<T, D>, RecordError>
    where
        T: H5Type + Copy + Default,
        D: Dimension,
    {
        let doing = format!("read the dataset {name}");
        let shape: Vec<usize> = self.shape.iter().chain(inner).copied().collect();
        let dataset = input.dataset::<T>(name, &shape)?;
        // Reserved and given back at once: a size that memory cannot hold must not abort the program in the read.
        input.room_for::<T>(name, inner)?;
        let ranges = self.at.iter().map(|&i| i..i + 1).chain(inner.iter().map(|&n| 0..n));
        let slab = Hyperslab::from(ranges.map(SliceOrIndex::from).collect::<Vec<_>>());
        let block: ArrayD<T> = dataset.read_slice(slab).reading(input.path, &doing)?;
        input.shaped(name, inner, block.into_raw_vec_and_offset().0)
    }
}

fn contents(input: &Input<'_>, file_type: &str) -> Result<CampaignRecord, RecordError> {
    let format_version = root::version(input)?;
    linked::check(input)?;
    let label = label::read(input, format_version)?;
    let (point, points, times) = (label.shape(), label.points(), label.times_s.len());
    let series: Vec<usize> = point.iter().copied().chain([times]).collect();
    input.is_small_enough("the labels of its points", &[points], POINT_BYTES)?;
    let what = format!("what is held in memory of {points} points at {times} times");
    input.is_small_enough(&what, &[points, times], SERIES * size_of::<f64>())?;
    let computed: ArrayD<u8> = input.numbers(layout::COMPUTED.name, &point)?;
    let there: Vec<usize> =
        computed.iter().enumerate().filter(|(_, computed)| **computed != 0).map(|(n, _)| n).collect();
    input.fits("the series of the computed points", &[there.len(), times], SERIES * size_of::<f64>())?;
    let cells: ArrayD<u64> = input.numbers(layout::CELLS.name, &point)?;
    let programmed: ArrayD<u64> = input.numbers(layout::PROGRAMMED.name, &point)?;
    let fresh: ArrayD<f64> = input.numbers(layout::FRESH.name, &point)?;
    let failed = rows::<u64>(input, layout::FAILED.name, &series, &there)?;
    let moments = |of: Quantity| -> Result<[Array2<f64>; 4], RecordError> {
        let read = |suffix: &str| rows::<f64>(input, &format!("{}_{suffix}", of.name), &series, &there);
        let [mean, variance, min, max] = MOMENTS.map(|(suffix, _, _)| suffix);
        Ok([read(mean)?, read(variance)?, read(min)?, read(max)?])
    };
    let conductance = moments(layout::CONDUCTANCE)?;
    let filling = moments(layout::FILLING)?;
    let lost_fraction = moments(layout::LOST_FRACTION)?;
    let kept = moments(layout::KEPT)?;
    let circuits = circuits(input, &label, &there)?;
    let (flags, provenance) = point_texts(input, &point)?;
    let of = |[mean, variance, min, max]: &[Array2<f64>; 4], n: usize| MomentSeries {
        mean: mean.row(n).to_owned(),
        variance: variance.row(n).to_owned(),
        min: min.row(n).to_owned(),
        max: max.row(n).to_owned(),
    };
    let flat = |values: &ArrayD<u64>| values.iter().copied().collect::<Vec<_>>();
    let (cells, programmed, fresh) = (flat(&cells), flat(&programmed), fresh.iter().copied().collect::<Vec<_>>());
    for (&n, failed) in there.iter().zip(failed.rows()) {
        check_counts(input, n, cells[n], programmed[n], failed)?;
    }
    let mut rows = 0..there.len();
    let both = flags.into_iter().zip(provenance).zip(computed);
    let recorded = both.enumerate().map(|(n, ((flags, provenance), computed))| RecordedPoint {
        label: PointLabel { flags, ..label.point(n) },
        provenance,
        outcome: (computed != 0).then(|| rows.next()).flatten().map(|row| PointOutcome {
            times_s: Array1::from(label.times_s.clone()),
            cells: cells[n],
            programmed: programmed[n],
            fresh_conductance_s: fresh[n],
            conductance_s: of(&conductance, row),
            filling: of(&filling, row),
            lost_fraction: of(&lost_fraction, row),
            kept: of(&kept, row),
            failed: failed.row(row).to_owned(),
            histograms: None,
            dump: None,
            circuit: circuits.get(row).cloned(),
        }),
    });
    Ok(CampaignRecord {
        path: input.path.to_owned(),
        file_type: file_type.to_owned(),
        format_version,
        provenance: root::provenance(input)?,
        points: recorded.collect(),
        label,
    })
}

/// What the arrays of the computed points are worth through their wires; none where the campaign has no wires.
fn circuits(input: &Input<'_>, label: &CampaignLabel, there: &[usize]) -> Result<Vec<CircuitOutcome>, RecordError> {
    let times = label.circuit_times_s.len();
    if times == 0 {
        return Ok(Vec::new());
    }
    let shape: Vec<usize> = label.shape().into_iter().chain([times]).collect();
    input.fits("the circuits of the computed points", &[there.len(), times], MERITS.len() * size_of::<f64>())?;
    let empty = CircuitOutcome {
        times_s: Array1::from(label.circuit_times_s.clone()),
        values: Array2::from_elem((times, MERITS.len()), f64::NAN),
    };
    let mut circuits = vec![empty; there.len()];
    for (place, merit) in MERITS.iter().enumerate() {
        let name = layout::of_merit(merit);
        // A later version may add figures.
        if !input.has_dataset(&name) {
            continue;
        }
        for (circuit, values) in circuits.iter_mut().zip(rows::<f64>(input, &name, &shape, there)?.rows()) {
            circuit.values.column_mut(place).assign(&values);
        }
    }
    Ok(circuits)
}

/// What a point takes in memory though it was not computed: its label, its provenance, room for its series.
const POINT_BYTES: usize = 2048;

/// Series of a point: four moments of four quantities, and the failures.
const SERIES: usize = 4 * 4 + 1;

/// A dataset with a time axis: the rows of these points. What is not computed is not kept: it need not be stored
/// either, and a small file can name very many points.
fn rows<T>(input: &Input<'_>, name: &str, shape: &[usize], points: &[usize]) -> Result<Array2<T>, RecordError>
where
    T: H5Type + Copy + Default,
{
    let values: ArrayD<T> = input.numbers(name, shape)?;
    let times = shape.last().copied().unwrap_or(0);
    let all: usize = shape[..shape.len() - 1].iter().product();
    let values: Array2<T> = input.shaped(name, &[all, times], values.into_raw_vec_and_offset().0)?;
    Ok(if points.len() == all { values } else { values.select(Axis(0), points) })
}

/// Most cells of an array, as many as rows and columns may make.
const MAX_CELLS: u64 = 1 << 40;

/// Refuses counts of a point that cannot be: of programmed cells more than there are, or of failed ones more than
/// were programmed.
fn check_counts(
    input: &Input<'_>,
    n: usize,
    cells: u64,
    programmed: u64,
    failed: ArrayView1<'_, u64>,
) -> Result<(), RecordError> {
    let most = failed.iter().copied().max().unwrap_or(0);
    let checks = [
        (layout::CELLS, cells, MAX_CELLS, "the most an array has"),
        (layout::PROGRAMMED, programmed, cells, "its cells"),
        (layout::FAILED, most, programmed, "its programmed cells"),
    ];
    match checks.into_iter().find(|(_, count, limit, _)| count > limit) {
        None => Ok(()),
        Some((of, count, limit, which)) => {
            let what = format!("the dataset {} at point {n}", of.name);
            Err(RecordError::damaged(input.path, what, count, format!("at most {limit}, {which}")))
        }
    }
}

type PointTexts = (Vec<Vec<String>>, Vec<Provenance>);

fn point_texts(input: &Input<'_>, shape: &[usize]) -> Result<PointTexts, RecordError> {
    let mut columns: Vec<Vec<String>> = Vec::with_capacity(layout::POINT_STRINGS.len());
    for dataset in layout::POINT_STRINGS {
        columns.push(input.strings(dataset.name, shape)?.into_iter().collect());
    }
    let software: ArrayD<u8> = input.numbers(layout::POINT_SOFTWARE.name, shape)?;
    let text = |column: usize, n: usize| columns[column][n].clone();
    let flags = columns[0].iter().map(|text| text.lines().map(str::to_owned).collect()).collect();
    let provenance = software.iter().enumerate().map(|(n, &software)| Provenance {
        started_utc: text(1, n),
        ended_utc: text(2, n),
        identity: Identity {
            backend: text(3, n),
            adapter: text(4, n),
            driver: text(5, n),
            instruction_set: text(6, n),
            software: software != 0,
        },
        program_version: text(7, n),
        commit: text(8, n),
    });
    Ok((flags, provenance.collect()))
}
