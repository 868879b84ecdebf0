//! Figures and page of a report on lifetimes: of campaigns that are made up after a law, so that what is drawn is
//! known.

mod figures;
mod page;
mod read_back;

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use ndarray::{Array1, Array2};
use trapline::analysis::report::{self, Question};
use trapline::figure::lifetime::{self, LifetimeFigure};
use trapline::figure::{Chart, Map, Panel};
use trapline::outcome::*;
use trapline::record;
use trapline::units::{kelvin, thermal_energy_ev};

use crate::made_up;

const ENERGY_EV: f64 = 1.2;
const SHAPE: f64 = 1.8;
const CELSIUS: [f64; 4] = [110.0, 125.0, 140.0, 155.0];
const CELLS: u64 = 100_000;
const BINS: usize = 64;

fn times() -> Vec<f64> {
    std::iter::once(0.0).chain((0..=16).map(|i| 10_f64.powf(2.0 + 0.25 * f64::from(i)))).collect()
}

/// Weibull's scale at a temperature: 1e4 s at 150 °C.
fn scale_s(temperature_k: f64) -> f64 {
    1e4 * (ENERGY_EV * (1.0 / thermal_energy_ev(temperature_k) - 1.0 / thermal_energy_ev(kelvin(150.0)))).exp()
}

fn label(celsius: &[f64], dump: Option<CellWindow>) -> CampaignLabel {
    let times_s = times();
    let size = made_up::Size { materials: 1, temperatures: celsius.len(), times: times_s.len(), bins: BINS, dump };
    let mut label = made_up::campaign(&size);
    label.campaign_toml = "name = \"made up\"\n".to_owned();
    label.temperatures_k = celsius.iter().map(|&c| kelvin(c)).collect();
    label.times_s = times_s;
    label.circuit_times_s = Vec::new();
    label.materials[0].1 = "[injection]\nfree_share = { value = 0.5, unit = \"1\", source = \"made up\" }\n".to_owned();
    label
}

/// Counts of a law without chance, F(t) in whole cells.
fn outcomes(label: &CampaignLabel, law: impl Fn(f64, f64) -> f64) -> Vec<PointOutcome> {
    (0..label.points()).map(|number| point(label, number, &law)).collect()
}

fn point(label: &CampaignLabel, number: usize, law: &impl Fn(f64, f64) -> f64) -> PointOutcome {
    let mut outcome = made_up::outcome(label, number);
    let temperature_k = label.point(number).temperature_k;
    (outcome.cells, outcome.programmed, outcome.fresh_conductance_s) = (CELLS, CELLS, 1e-12);
    outcome.failed = label.times_s.iter().map(|&t| (CELLS as f64 * law(t, temperature_k)).round() as u64).collect();
    let checkpoints = label.times_s.len();
    // Kept: the same number of cells in each of ten bins of 0.02, which fall by a bin at each checkpoint from 0.80 to
    // 1.00 on.
    let first = |k: usize| 40 - k;
    let series = |low: f64, high: f64, first: &dyn Fn(usize) -> usize| HistogramSeries {
        low,
        high,
        counts: Array2::from_shape_fn((checkpoints, BINS), |(k, bin)| {
            if (first(k)..first(k) + 10).contains(&bin) { CELLS / 10 } else { 0 }
        }),
        below: Array1::zeros(checkpoints),
        above: Array1::zeros(checkpoints),
    };
    let moments = |ends: &dyn Fn(usize) -> (f64, f64)| MomentSeries {
        mean: (0..checkpoints).map(|k| (ends(k).0 + ends(k).1) / 2.0).collect(),
        variance: Array1::zeros(checkpoints),
        min: (0..checkpoints).map(|k| ends(k).0).collect(),
        max: (0..checkpoints).map(|k| ends(k).1).collect(),
    };
    outcome.kept = moments(&|k| (0.02 * first(k) as f64, 0.02 * (first(k) + 10) as f64));
    // Conductance: all cells in bin 20 + k, from 1e-12 to 6.4e-12 S in steps of 1e-13.
    let conductance = |k: usize| (1e-12 + 1e-13 * (20 + k) as f64, 1e-12 + 1e-13 * (21 + k) as f64);
    outcome.conductance_s = moments(&conductance);
    let mut all_in_one = series(1e-12, 7.4e-12, &|_| 100);
    (0..checkpoints).for_each(|k| all_in_one.counts[[k, 20 + k]] = CELLS);
    let kept = series(0.0, 1.28, &first);
    outcome.histograms = Some(Histograms { conductance: all_in_one, filling: kept.clone(), kept });
    outcome
}

fn weibull(time_s: f64, temperature_k: f64) -> f64 {
    -(-(time_s / scale_s(temperature_k)).powf(SHAPE)).exp_m1()
}

fn question() -> Question {
    Question {
        confidence: 0.9,
        fractions: vec![1e-3],
        use_temperatures_k: vec![kelvin(85.0)],
        across_break: false,
        pool_seeds: true,
    }
}

/// A child process keeps the locks of the HDF5 files that were open when it began: none is to be, then.
static FILES: RwLock<()> = RwLock::new(());

fn drawn(folder: &Path, label: &CampaignLabel, outcomes: &[PointOutcome]) -> (CampaignRecord, Vec<LifetimeFigure>) {
    let _open = FILES.read().unwrap_or_else(PoisonError::into_inner);
    let record = record::open_campaign(&made_up::file(folder, label, outcomes)).unwrap();
    let report = report::report(&record, &question()).unwrap();
    let figures = lifetime::lifetime(&record, &report).unwrap();
    // To look at: TRAPLINE_KEEP_FIGURES names a folder.
    if let Some(keep) = std::env::var_os("TRAPLINE_KEEP_FIGURES") {
        lifetime::write(&figures, Path::new(&keep)).unwrap();
    }
    assert_eq!(figures.iter().map(|figure| figure.name).collect::<Vec<_>>(), lifetime::NAMES);
    (record, figures)
}

fn known(label: &CampaignLabel, law: impl Fn(f64, f64) -> f64) -> Vec<LifetimeFigure> {
    let folder = tempfile::tempdir().unwrap();
    drawn(folder.path(), label, &outcomes(label, law)).1
}

fn of<'a>(figures: &'a [LifetimeFigure], name: &str) -> &'a LifetimeFigure {
    figures.iter().find(|figure| figure.name == name).unwrap()
}

fn chart(figure: &LifetimeFigure, at: usize) -> &Chart {
    match &figure.plate.as_ref().unwrap().panels[at] {
        Panel::Chart(chart) => chart,
        other => panic!("{other:?}"),
    }
}

fn map(figure: &LifetimeFigure, at: usize) -> &Map {
    match &figure.plate.as_ref().unwrap().panels[at] {
        Panel::Map(map) => map,
        other => panic!("{other:?}"),
    }
}
