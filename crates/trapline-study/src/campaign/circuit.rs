//! Arrays of a campaign, read through their wires: what the file says of them, and what each point is worth.

use std::path::Path;

use ndarray::{Array1, Array2, ArrayView1};

use super::check;
use super::error::Bad;
use super::file::{ArrayFile, LineFile, UnselectedFile, WiresFile, WriteFile};
use super::inputs::Inputs;
use crate::experiment::array_read::selector::{self, Selector};
use crate::experiment::array_read::{ArrayReadError, Circuit, Scheme, Segment, Subject, Worth, Writing};
use trapline_engine::backend::Backend;
use trapline_engine::backend::job::Job;
use trapline_engine::circuit::error::{MOST_END_OHM, SEGMENT_OHM};
use trapline_engine::circuit::scheme::Unselected;
use trapline_model::array::wire::Wire;
use trapline_model::array::{ArrayShape, factors};
use trapline_model::cell::read::{LEAST_READING_S, MOST_READING_S};
use trapline_model::memory::{self, Left};
use trapline_model::outcome::{CircuitOutcome, MERITS, PointSettings};
use trapline_model::protocol::{MAX_BIAS_V, MAX_DWELL_S, MIN_DWELL_S};

/// Most random vectors of products, and most random patterns of a margin.
const MOST_DRAWN: u64 = 1000;
/// Time of a reading where the file names none, s.
const READING_S: f64 = 1e-2;
/// Bound of the errors of currents over the total current, where the file names none.
const ACCURACY: f64 = 1e-6;
/// Most writes of every other cell.
const MOST_WRITES: u64 = 1_000_000_000;

/// Checks what the file says of wires; none where it has none. `base` is the folder that paths are seen from.
pub(super) fn circuit(array: &ArrayFile, base: &Path, inputs: &mut Inputs) -> Result<Option<Circuit>, Bad> {
    for (key, given) in [("array.write", array.write.is_some()), ("array.programming", array.programming.is_some())] {
        if given && array.scheme.is_none() {
            return Err(Bad::key(key, "given without [array.scheme]", "given beside a scheme, or left out"));
        }
    }
    let Some(wires) = &array.wires else {
        return match &array.scheme {
            Some(_) => Err(Bad::key("array.scheme", "given without [array.wires]", "given beside wires, or left out")),
            None => Ok(None),
        };
    };
    let write = array.write.map(writing).transpose()?;
    let common = LineFile {
        segment_ohm: wires.segment_ohm,
        metal: wires.metal,
        width_nm: wires.width_nm,
        thickness_nm: wires.thickness_nm,
        segment_nm: wires.segment_nm,
    };
    if wires.word.is_some() && wires.bit.is_some() {
        let told = [
            ("segment_ohm", wires.segment_ohm.is_some()),
            ("metal", wires.metal.is_some()),
            ("width_nm", wires.width_nm.is_some()),
            ("thickness_nm", wires.thickness_nm.is_some()),
            ("segment_nm", wires.segment_nm.is_some()),
        ];
        if let Some((name, _)) = told.iter().find(|(_, told)| *told) {
            let limit = "left out where [array.wires.word] and [array.wires.bit] both are there";
            return Err(Bad::key(format!("array.wires.{name}"), "given", limit));
        }
    }
    let line = |name: &str, own: Option<&LineFile>| match own {
        Some(own) => segment(&format!("array.wires.{name}"), own),
        None => segment("array.wires", &common),
    };
    let ends = |key: &str, ohm: Option<f64>| check::between(key, ohm.unwrap_or(0.0), 0.0, MOST_END_OHM, "ohm");
    let drawn = |key: &str, number: Option<i64>, else_: i64| {
        check::whole(key, number.unwrap_or(else_), 0, MOST_DRAWN).map(|n| n as u32)
    };
    let WiresFile { source_ohm, sense_ohm, both_ends, vectors, integration_s, accuracy, .. } = *wires;
    let integration_s = integration_s.unwrap_or(READING_S);
    let scheme = array.scheme.as_ref();
    let selector = scheme.and_then(|of| of.selector.as_deref()).map(|text| curve(text, base, inputs)).transpose()?;
    Ok(Some(Circuit {
        word: line("word", wires.word.as_ref())?,
        bit: line("bit", wires.bit.as_ref())?,
        source_ohm: ends("array.wires.source_ohm", source_ohm)?,
        sense_ohm: ends("array.wires.sense_ohm", sense_ohm)?,
        both_ends: both_ends.unwrap_or(false),
        vectors: drawn("array.wires.vectors", vectors, 0)?,
        integration_s: check::between(
            "array.wires.integration_s",
            integration_s,
            LEAST_READING_S,
            MOST_READING_S,
            "s, such as 1e-2 for 10 ms",
        )?,
        accuracy: check::between("array.wires.accuracy", accuracy.unwrap_or(ACCURACY), 1e-13, 1e-2, "")?,
        scheme: scheme.map(|of| of.unselected.scheme()),
        patterns: drawn("array.scheme.patterns", scheme.and_then(|of| of.patterns), check::DEFAULT_PATTERNS)?,
        selector,
        write,
    }))
}

/// Checks what the file says of writes.
fn writing(of: WriteFile) -> Result<Writing, Bad> {
    let amplitude_v =
        check::between("array.write.amplitude_v", of.amplitude_v, -MAX_BIAS_V, MAX_BIAS_V, "V, and not 0")?;
    if amplitude_v == 0.0 {
        return Err(Bad::key("array.write.amplitude_v", "0", "a bias of a pulse, not 0 V"));
    }
    Ok(Writing {
        amplitude_v,
        width_s: check::between("array.write.width_s", of.width_s, MIN_DWELL_S, MAX_DWELL_S, "s")?,
        writes: check::whole("array.write.writes", of.writes, 1, MOST_WRITES)?,
    })
}

fn curve(text: &str, base: &Path, inputs: &mut Inputs) -> Result<trapline_engine::circuit::Curve, Bad> {
    let wrong = |what: String| {
        let limit = format!("a law, such as sinh:1e-12,0.05, or a file of voltages and currents ({what})");
        Bad::key("array.scheme.selector", format!("{text:?}"), &*limit)
    };
    let selector = match selector::parse(text).map_err(wrong)? {
        Selector::File(path) => {
            let path = base.join(path);
            inputs.take_down(&path).map_err(wrong)?;
            Selector::File(path)
        }
        law @ Selector::Law(_) => law,
    };
    selector.curve().map_err(wrong)
}

/// What a line resists from cell to cell: told, or by its metal and its sizes.
fn segment(key: &str, of: &LineFile) -> Result<Segment, Bad> {
    let sizes = [("width_nm", of.width_nm), ("thickness_nm", of.thickness_nm), ("segment_nm", of.segment_nm)];
    match (of.segment_ohm, of.metal) {
        (Some(ohm), None) => {
            if let Some((name, _)) = sizes.iter().find(|(_, size)| size.is_some()) {
                let limit = "left out beside segment_ohm: sizes go with a metal";
                return Err(Bad::key(format!("{key}.{name}"), "given", limit));
            }
            let (low, high) = SEGMENT_OHM;
            check::between(&format!("{key}.segment_ohm"), ohm, low, high, "ohm").map(Segment::Ohm)
        }
        (None, Some(metal)) => {
            let metres = |name: &str, nm: Option<f64>| match nm {
                Some(nm) => check::between(&format!("{key}.{name}"), nm, 1.0, 1e9, "nm").map(|nm| nm * 1e-9),
                None => Err(Bad::key(format!("{key}.{name}"), "missing", "given, in nm, where a metal is")),
            };
            let width_m = metres("width_nm", of.width_nm)?;
            let thickness_m = metres("thickness_nm", of.thickness_nm)?;
            // Lines as far from one another as they are wide.
            let segment_m = of.segment_nm.map_or(Ok(2.0 * width_m), |nm| metres("segment_nm", Some(nm)))?;
            Ok(Segment::Metal(Wire { metal, width_m, thickness_m, segment_m }))
        }
        (Some(_), Some(_)) => Err(Bad::key(format!("{key}.metal"), "given beside segment_ohm", "one of the two")),
        (None, None) => {
            let limit = "given, in ohm from cell to cell, or metal = \"copper\" (aluminium, ito) with its sizes";
            Err(Bad::key(format!("{key}.segment_ohm"), "missing", limit))
        }
    }
}

impl UnselectedFile {
    fn scheme(self) -> Scheme {
        match self {
            UnselectedFile::Grounded => Scheme::Passive(Unselected::Grounded),
            UnselectedFile::Floating => Scheme::Passive(Unselected::Floating),
            UnselectedFile::Half => Scheme::Passive(Unselected::Half),
            UnselectedFile::Third => Scheme::Passive(Unselected::Third),
            UnselectedFile::Isolated => Scheme::Isolated,
        }
    }
}

/// Filling of each cell of an array at the times that it is read through wires: axes (time, cell). Of an array that
/// memory does not hold, the remark on it.
pub(super) type Fillings = Result<Array2<f32>, String>;

/// The checkpoints that a job's array is read at through wires, or the remark on one that memory does not hold.
pub(super) fn checkpoints(job: &Job, times_s: &[f64]) -> Result<Vec<usize>, String> {
    match too_large(job.shape(), times_s.len(), memory::available()) {
        Some(remark) => Err(remark),
        None => Ok(times_s.iter().filter_map(|time| job.times_s().iter().position(|t| t == time)).collect()),
    }
}

/// A point as its wires see it, and remarks on it. Cells are those of the point's statistics, electron by electron.
///
/// An array that memory does not hold, and one that is not solved, are figures that are not numbers, and a remark.
pub(super) fn outcome(
    circuit: &Circuit,
    job: &Job,
    settings: &PointSettings,
    times_s: &[f64],
    fillings: &Fillings,
    backend: &dyn Backend,
) -> (CircuitOutcome, Vec<String>) {
    let ArrayShape { rows, cols } = job.shape();
    let mut outcome = CircuitOutcome {
        times_s: Array1::from(times_s.to_vec()),
        values: Array2::from_elem((times_s.len(), MERITS.len()), f64::NAN),
    };
    let fillings = match fillings {
        Ok(fillings) => fillings,
        Err(remark) => return (outcome, vec![remark.clone()]),
    };
    let numbered = |row: usize, col: usize| row as u64 * cols + col as u64;
    let area = Array2::from_shape_fn((rows as usize, cols as usize), |(row, col)| {
        factors(job.variation(), job.seed(), numbered(row, col)).area
    });
    let subject = Subject {
        material: job.material(),
        area: &area,
        read_v: settings.read_v,
        read_k: settings.read_k,
        seed: job.seed(),
        kept_threshold: settings.kept_threshold,
    };
    let solved = || -> Result<(Vec<Array1<f64>>, Vec<String>), ArrayReadError> {
        let mut worth = Worth::new(backend, circuit, subject)?;
        let at = |of_time: ArrayView1<'_, f32>| {
            worth.at(&Array2::from_shape_fn(area.dim(), |(row, col)| f64::from(of_time[row * cols as usize + col])))
        };
        let figures = fillings.rows().into_iter().map(at).collect::<Result<_, _>>()?;
        Ok((figures, worth.remarks()))
    };
    let remarks = match solved() {
        Ok((figures, remarks)) => {
            outcome.values.outer_iter_mut().zip(&figures).for_each(|(mut row, of)| row.assign(of));
            remarks
        }
        Err(error) => vec![format!("not read through wires: {error}")],
    };
    (outcome, remarks)
}

/// The remark on an array that is not read because memory does not hold it; `there` are the bytes that it has left.
fn too_large(shape: ArrayShape, times: usize, there: Option<Left>) -> Option<String> {
    let ArrayShape { rows, cols } = shape;
    let fillings = u128::from(shape.cells()) * 4 * times as u128;
    let needed = Circuit::memory_bytes(rows, cols).saturating_add(fillings);
    let there = there?;
    (needed > u128::from(there.bytes)).then(|| {
        let (needed, there) = (memory::in_words(needed), there.in_words());
        format!(
            "not read through wires: a {rows} x {cols} array takes {needed} of memory, and {there}; a machine with \
             more would"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16384 x 16384 cells take more than 32 GB; what a machine does not say is taken for enough.
    #[test]
    fn an_array_that_memory_does_not_hold_is_said() {
        let shape = ArrayShape { rows: 1 << 14, cols: 1 << 14 };
        let there = |bytes| Some(Left { bytes, by: memory::Bound::Machine });
        let remark = too_large(shape, 2, there(32_000_000_000)).expect("too large");
        assert!(remark.contains("16384 x 16384") && remark.contains("29.8 GiB are there"), "{remark}");
        assert_eq!(too_large(shape, 2, None), None);
        assert_eq!(too_large(ArrayShape { rows: 64, cols: 64 }, 2, there(1 << 30)), None);
    }
}
