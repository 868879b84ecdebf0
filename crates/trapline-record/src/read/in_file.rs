//! What a record leaves in its file until it is asked for: histograms and single cells, point by point.
//!
//! Of a dataset only the part of the point is read. [`OpenRecord`] keeps file and datasets open between points.

use crate::error::RecordError;
use crate::hdf::{self, Explain, Source};
use crate::input::{Input, Opened};
use crate::layout::{self, Quantity};
use hdf5::{H5Type, Hyperslab, SliceOrIndex};
use ndarray::{Array, ArrayD, Dimension};
use trapline_model::outcome::{CampaignLabel, CampaignRecord, CellDump, HistogramSeries, Histograms, PointOutcome};

/// A point with its histograms and its dump; none where the file has no values for it. In the file of one point its
/// place is 0.
///
/// # Errors
/// As [`open_campaign`](crate::open_campaign).
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
    /// As [`open_campaign`](crate::open_campaign).
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn whole(&self, place: usize) -> Result<Option<PointOutcome>, RecordError> {
        whole_in(&self.input(), self.record, place)
    }

    /// As [`read_histograms`].
    ///
    /// # Errors
    /// As [`open_campaign`](crate::open_campaign).
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
    /// As [`open_campaign`](crate::open_campaign).
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
pub(crate) fn whole_in(
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
/// As [`open_campaign`](crate::open_campaign).
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
/// As [`open_campaign`](crate::open_campaign).
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
