//! Figures of cells of a size, from the statistics of a point.

use crate::analysis::lifetime::failed_fraction_bounds;
use crate::analysis::limits;
use crate::analysis::report::swept;
use trapline_model::material;
use trapline_model::outcome::{CampaignRecord, PointOutcome, RecordedPoint};
use trapline_model::protocol::{CELL_FIGURES, CellFigureIs};

/// The figures at a time of the bake; none where the point has no such time.
///
/// Levels are bands of six standard deviations of cells and readings together, over the window of the time: `1 + W/(6
/// sd)`. A cell whose dots fill and empty at random at its filling F has `sd(n)/N = sqrt(F (1 - F)/N)`; with
/// `G ~ 1/(1 - (1 - theta0) F)` that is `sqrt((1 - F)/(N F))/(1 - (1 - theta0) F)` of its window.
pub(super) fn figures(
    record: &CampaignRecord,
    point: &RecordedPoint,
    outcome: &PointOutcome,
    time_s: f64,
) -> Option<Vec<f64>> {
    let time = outcome.times_s.iter().position(|t| *t == time_s)?;
    let settings = &record.label.settings[point.label.number.min(record.label.settings.len().checked_sub(1)?)];
    let (_, text) = &record.label.materials[point.label.material_index];
    let of_file = || material::parse(text, &point.label.material).ok().map(|of| of.injection.free_share);
    let of_sweep = swept(&record.label, &point.label.sweep_index, "parameter.injection.free_share");
    let open = of_sweep.and_then(|text| text.parse().ok()).or_else(of_file).map_or(f64::NAN, |share| 1.0 - share);
    let sd_s = |time: usize| outcome.conductance_s.variance[time].max(0.0).sqrt();
    let window_s = |time: usize| (outcome.conductance_s.mean[time] - outcome.fresh_conductance_s).abs();
    let noise = limits::noise_of_window_at(outcome, settings, limits::reading_s(settings), time);
    // Without a window any noise is too much.
    let noise = noise.unwrap_or(if outcome.programmed > 0 { f64::INFINITY } else { f64::NAN });
    let filling = outcome.filling.mean[time];
    let (cells, programmed) = (outcome.cells as f64, outcome.programmed as f64);
    let mut figures = vec![f64::NAN; CELL_FIGURES.len()];
    for (of, value) in [
        (CellFigureIs::Dots, settings.dots),
        (CellFigureIs::Spread, sd_s(0) / outcome.conductance_s.mean[0]),
        (CellFigureIs::WindowSpread, sd_s(0) / window_s(0)),
        (CellFigureIs::ReadingNoise, noise),
        (CellFigureIs::Levels, 1.0 + 1.0 / (6.0 * (sd_s(time) / window_s(time)).hypot(noise))),
        (CellFigureIs::WithoutCharge, 1.0 - programmed / cells),
        (CellFigureIs::WithoutChargeBelow, below(outcome.cells - outcome.programmed, outcome.cells)),
        (CellFigureIs::Failed, outcome.failed[time] as f64 / programmed),
        (CellFigureIs::FailedBelow, below(outcome.failed[time], outcome.programmed)),
        (CellFigureIs::Telegraph, ((1.0 - filling) / (settings.dots * filling)).sqrt() / (1.0 - open * filling)),
    ] {
        figures[of as usize] = value;
    }
    Some(figures)
}

/// The least share that the cells of a point can show with a confidence of 95 %, none of them being so; of a figure
/// that is a bound of shares, else 0.
pub(super) fn least_shown(outcome: &PointOutcome, figure: usize) -> f64 {
    if figure == CellFigureIs::WithoutChargeBelow as usize {
        below(0, outcome.cells)
    } else if figure == CellFigureIs::FailedBelow as usize {
        below(0, outcome.programmed)
    } else {
        0.0
    }
}

/// One-sided bound of Clopper and Pearson.
fn below(count: u64, of: u64) -> f64 {
    failed_fraction_bounds(count, of, 0.95).map_or(f64::NAN, |bounds| bounds.upper_one_sided)
}
