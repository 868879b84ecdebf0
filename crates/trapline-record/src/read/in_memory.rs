//! What a record holds of all its points in memory: labels, series over time, counts, circuits, and who computed them.
//!
//! How much that is follows from the axes, and is bounded before anything is read; counts that cannot be are refused.

use crate::error::RecordError;
use crate::input::Input;
use crate::layout::{self, MOMENTS, Quantity};
use crate::{label, linked, root};
use hdf5::H5Type;
use ndarray::{Array1, Array2, ArrayD, ArrayView1, Axis};
use trapline_model::outcome::{
    CampaignLabel, CampaignRecord, CircuitOutcome, Identity, MERITS, MomentSeries, PointLabel, PointOutcome,
    Provenance, RecordedPoint,
};

pub(super) fn contents(input: &Input<'_>, file_type: &str) -> Result<CampaignRecord, RecordError> {
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
