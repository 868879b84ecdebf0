//! Moments and counts of arrays against those of their cells. The error model is in `agreement.rs`, where every backend
//! is asked.

use crate::agreement::nothing;
use crate::support;
use crate::support::twins::{CONDUCTANCE, FILLING, KEPT, LOST, ROUNDING, fields, trace};
use crate::support::{assert_close, built, job_of, octaves, thirty_pulses};
use std::sync::OnceLock;
use trapline_engine::backend::job::Job;
use trapline_engine::backend::reference::Reference;
use trapline_engine::backend::{Backend, Trace};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::material;
use trapline_model::protocol::Segment;

/// Temperatures of the jobs whose statistics are looked at: little is lost, and some cells fail while others do not.
const STATISTICS_C: [f64; 2] = [100.0, 152.0];

/// A job whose array has more than one chunk of cells, and a broken block at its end; and its cells by the reference.
fn array_job(which: usize) -> (&'static Job, &'static Trace) {
    static MADE: [OnceLock<(Job, Trace)>; 2] = [OnceLock::new(), OnceLock::new()];
    let (job, cells) = MADE[which].get_or_init(|| {
        let qd = material::shipped("pi-ws2-qd").unwrap();
        let point = support::point(&qd, &thirty_pulses(1.5)[..20], STATISTICS_C[which], 41, &octaves());
        let point = point.array(ArrayShape { rows: 90, cols: 93 });
        // So that at one checkpoint about half of the cells fail.
        let nominal = built(point.clone()).nominal().to_vec();
        let job = built(point.fails_below(nominal[nominal.len() - 20].kept));
        let cells = trace(&Reference, &job, &CellSet::run(0, job.shape().cells()));
        (job, cells)
    });
    (job, cells)
}

pub(super) fn moments_are_those_of_the_cells(backend: &dyn Backend) {
    for (number, celsius) in STATISTICS_C.into_iter().enumerate() {
        let (job, reference) = array_job(number);
        let tally = backend.statistics(job, &nothing).unwrap();
        let cells = CellSet::run(0, job.shape().cells());
        // Of the backend's own cells the moments must be right to the rounding of the sums, of the reference's to the
        // cells'.
        let own = trace(backend, job, &cells);
        // Traces are f32: of the reference's statistics they are a rounded copy.
        let copy = if backend.identity().backend == "reference" { ROUNDING } else { 0.0 };
        assert_eq!((tally.cells, tally.counts[[0, 3 * (job.bins().count + 2) + 1]]), (cells.count, cells.count));
        for (checkpoint, (partial, shift)) in tally.partials.iter().zip(&tally.shifts).enumerate() {
            for (q, ((name, values), (_, exact))) in fields(&own).into_iter().zip(fields(reference)).enumerate() {
                let what = format!("{name} at {celsius} C, checkpoint {checkpoint}");
                let n = cells.count as f64;
                let row: Vec<f64> = values.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
                let d: Vec<f64> = row.iter().map(|x| (x - shift.nominal[q]) / shift.scale[q]).collect();
                let largest = row.iter().fold(0.0f64, |w, x| w.max(x.abs())) / shift.scale[q];
                let (mean, square) = (d.iter().sum::<f64>() / n, d.iter().map(|d| d * d).sum::<f64>() / n);
                let size = d.iter().map(|d| d.abs()).sum::<f64>() / n;
                // d: a difference, the constant 1/scale and their product, 3 roundings; 8 adds a lane (or a few more on
                // a GPU) and 4 or 7 of folding: 20 in all. A square has those of d twice, its own, and the adds: 24.
                let sum_error = 20.0 * ROUNDING * size + copy * largest;
                let square_error =
                    24.0 * ROUNDING * square + 2.0 * copy * largest * square.sqrt() + (copy * largest).powi(2);
                let found = (partial.sum[q] / n, partial.square[q] / n);
                assert_close(&format!("mean of {what}"), found.0, mean, 0.0, sum_error + 1e-30);
                assert_close(&format!("square of {what}"), found.1, square, 0.0, square_error + 1e-30);
                let ends = row.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |e, x| (e.0.min(*x), e.1.max(*x)));
                assert_close(&format!("least {what}"), partial.min[q], ends.0, copy, 1e-45);
                assert_close(&format!("most {what}"), partial.max[q], ends.1, copy, 1e-45);

                // Against the reference: a cell errs by `error`, and so do mean, ends and standard deviation, at most.
                let row: Vec<f64> = exact.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
                let start: f64 = reference.filling.row(0).iter().map(|x| f64::from(*x)).fold(0.0, f64::max);
                let most = row.iter().fold(0.0f64, |w, x| w.max(x.abs()));
                let error = [CONDUCTANCE * most, FILLING * start, LOST * most, KEPT][q] + ROUNDING * most;
                let mean = row.iter().sum::<f64>() / n;
                let sd = (row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
                let found_mean = shift.nominal[q] + shift.scale[q] * found.0;
                let found_sd = (found.1 - found.0 * found.0).max(0.0).sqrt() * shift.scale[q];
                let summed = 20.0 * ROUNDING * size * shift.scale[q];
                assert_close(&format!("mean of {what}, reference"), found_mean, mean, 0.0, error + summed);
                // The square root of a difference: its own rounding enters as 24 r square/(2 sd).
                let rooted = if sd > 0.0 { 24.0 * ROUNDING * square * shift.scale[q].powi(2) / sd } else { 0.0 };
                assert_close(&format!("spread of {what}, reference"), found_sd, sd, 0.0, error + rooted);
                let ends = row.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |e, x| (e.0.min(*x), e.1.max(*x)));
                assert_close(&format!("least {what}, reference"), partial.min[q], ends.0, 0.0, error);
                assert_close(&format!("most {what}, reference"), partial.max[q], ends.1, 0.0, error);
            }
        }
    }
}

// Whether a cell is programmed is its filling against a floor, the same on every backend, and not whether rounding
// left it any.
pub(super) fn hardly_programmed_cells_are_told_apart_alike(backend: &dyn Backend) {
    let qd = material::shipped("pi-ws2-qd").unwrap();
    // A millisecond fills 0.03; the last two leave the range of f32, or its normal numbers.
    for (dwell_s, programmed) in [(1e-9, true), (1e-12, false), (1e-38, false), (1e-60, false)] {
        let job = job_of(&qd, &[Segment { bias_v: 1.5, dwell_s, cycle: 0 }], 160.0, 10, 13, 3);
        let tally = backend.statistics(&job, &nothing).unwrap();
        let counted = tally.counts.column(3 * (job.bins().count + 2) + 1);
        let expected = if programmed { job.shape().cells() } else { 0 };
        assert!(counted.iter().all(|n| *n == expected), "after {dwell_s:e} s: {counted}, of {expected}");
        let cells = trace(backend, &job, &CellSet::run(0, 130));
        // At 160 C ten years empty a cell; one that was never programmed has nothing to lose.
        let last = job.times_s().len() - 1;
        let lost = if programmed { 1.0 } else { 0.0 };
        assert!(cells.lost.row(last).iter().all(|x| (f64::from(*x) - lost).abs() < 1e-3), "after {dwell_s:e} s");
    }
}

/// Checks numbers of cells below edges against the values: each may be off by the cells within `error` of its edge.
/// Returns how many cells lay that close, over all edges.
fn check_below(what: &str, values: &[f64], edges: impl Iterator<Item = (f64, u64)>, error: f64) -> usize {
    let mut close = 0;
    for (edge, found) in edges {
        let certain = values.iter().filter(|x| **x < edge - error).count();
        let possible = values.iter().filter(|x| **x < edge + error).count();
        close += possible - certain;
        assert!(
            (certain..=possible).contains(&(found as usize)),
            "{what}: {found} cells below {edge}, which must be {certain} to {possible}"
        );
    }
    close
}

pub(super) fn counts_are_those_of_the_cells(backend: &dyn Backend) {
    for (number, celsius) in STATISTICS_C.into_iter().enumerate() {
        let (job, reference) = array_job(number);
        let tally = backend.statistics(job, &nothing).unwrap();
        let bins = job.bins().count;
        let [conductance, filling, _, kept] = fields(reference).map(|(_, values)| values);
        let histograms = [
            (conductance, job.bins().conductance, CONDUCTANCE),
            (filling, job.bins().filling, FILLING),
            (kept, job.bins().kept, KEPT),
        ];
        let (mut close, mut partly_failed) = (0, false);
        for checkpoint in 0..job.times_s().len() {
            for (which, (values, (low, high), tolerance)) in histograms.iter().enumerate() {
                let row: Vec<f64> = values.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
                // The tolerance of the value, all below 1.5; and the place of a value among the bins, rounded four
                // times (difference, constant, product, plus one) at up to bins + 1.
                let error = 1.5 * tolerance + 5.0 * ROUNDING * (high - low) * (1.0 + 2.0 / bins as f64);
                let counts = |slot: usize| tally.counts[[checkpoint, which * (bins + 2) + slot]];
                let mut below = 0;
                let edges = (0..=bins).map(|bin| {
                    below += counts(bin);
                    (low + (high - low) * bin as f64 / bins as f64, below)
                });
                // Where all is lost, values and the lowest edge are both 0.
                let counted = usize::from(job.nominal()[checkpoint].lost < 0.999);
                close +=
                    counted * check_below(&format!("histogram {which}, checkpoint {checkpoint}"), &row, edges, error);
                let all: u64 = (0..bins + 2).map(counts).sum();
                assert_eq!(all, job.shape().cells());
            }
            let row: Vec<f64> = kept.row(checkpoint).iter().map(|x| f64::from(*x)).collect();
            let failed = tally.counts[[checkpoint, 3 * (bins + 2)]];
            partly_failed |= failed > 0 && failed < job.shape().cells();
            let edge = std::iter::once((job.kept_threshold(), failed));
            check_below(&format!("failed at checkpoint {checkpoint}"), &row, edge, 1.5 * KEPT);
        }
        // The freedom is small: of 2 million (cell, checkpoint, histogram) all but a few thousandths are decided.
        let decided = 3 * job.times_s().len() * job.shape().cells() as usize;
        assert!(close < decided / 200, "{close} of {decided} lie too close to an edge to decide");
        assert!(partly_failed, "at {celsius} C no checkpoint has some cells failed and others not");
    }
}

// Negative control of the counts: one cell moved over an edge that none is close to.
#[test]
#[should_panic(expected = "which must be")]
fn a_miscounted_cell_is_found() {
    check_below("made up", &[0.1, 0.2, 0.3], std::iter::once((0.25, 1)), 1e-6);
}
