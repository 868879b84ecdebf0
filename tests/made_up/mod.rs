//! Made-up, seeded campaigns: numbers with no physics in them, but with every oddity a record has to hold.
#![allow(dead_code)]

pub mod lifetimes;

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3, ArrayD, IxDyn, arr0, arr1};
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::cell::read::Judging;
use trapline_model::dataset::{Dataset, Values, Variable};
use trapline_model::outcome::*;

pub const SEED: u64 = u64::MAX - 3;
pub const KEPT_THRESHOLD: f64 = 0.8;

/// SplitMix64: enough for made-up numbers.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub struct Size {
    pub materials: usize,
    pub temperatures: usize,
    pub times: usize,
    pub bins: usize,
    pub dump: Option<CellWindow>,
}

impl Size {
    /// An array with a dump has wires too.
    fn circuit_times_s(&self, times_s: &[f64]) -> Vec<f64> {
        let last = times_s.last().filter(|_| times_s.len() > 1);
        if self.dump.is_some() { times_s.first().into_iter().chain(last).copied().collect() } else { Vec::new() }
    }
}

pub const SMALL: Size = Size {
    materials: 2,
    temperatures: 3,
    times: 5,
    bins: 7,
    dump: Some(CellWindow { first_row: 3, first_col: 1, rows: 4, cols: 6 }),
};

pub fn campaign(size: &Size) -> CampaignLabel {
    let times_s: Vec<f64> = (0..size.times).map(|k| if k == 0 { 0.0 } else { 10_f64.powi(k as i32) }).collect();
    let circuit_times_s = size.circuit_times_s(&times_s);
    let settings = PointSettings {
        rows: 64,
        cols: 32,
        seed: SEED,
        read_v: -0.25,
        read_k: 301.5,
        program_k: 298.15,
        kept_threshold: KEPT_THRESHOLD,
        electrons: Electrons::Counted(DotNumber::Fixed),
        dots: 60_123.5,
        same_cells: false,
        judged: Judging::Kept,
    };
    CampaignLabel {
        name: "made up".to_owned(),
        campaign_toml: "# Größe: 7 µm\r\nname = \"made up\"\n".to_owned(),
        overrides: vec!["seed = 7".to_owned()],
        inputs: Vec::new(),
        materials: (0..size.materials).map(|m| (format!("stoff-{m} ΔE"), format!("name = \"stoff-{m}\"\n"))).collect(),
        temperatures_k: (0..size.temperatures).map(|t| 298.15 + 12.5 * t as f64).collect(),
        report_times_s: times_s.last().copied().into_iter().collect(),
        times_s,
        bins: size.bins,
        sweeps: Vec::new(),
        dump: size.dump,
        circuit_times_s,
        settings: vec![settings; size.materials * size.temperatures],
    }
}

/// The same with two sweeps: a seed, and two keys that change together.
pub fn swept(size: &Size) -> CampaignLabel {
    let mut label = campaign(size);
    let key = |key: &str, units: &str, values: &Coordinate| SweptKey {
        key: key.to_owned(),
        units: units.to_owned(),
        values: values.clone(),
    };
    let seeds = Coordinate::Whole(vec![i64::MAX, 0, 7]);
    let doses = Coordinate::Text(vec!["low, µ".to_owned(), "high".to_owned()]);
    label.sweeps = vec![
        Sweep { name: "seed".to_owned(), keys: vec![key("seed", "1", &seeds)], coordinate: seeds },
        Sweep {
            name: "dose".to_owned(),
            coordinate: doses,
            keys: vec![
                key("material.program.pulses", "1", &Coordinate::Whole(vec![10, 30])),
                key("material.program.amplitude_v", "V", &Coordinate::Real(vec![-0.0, 1.5])),
            ],
        },
    ];
    let first = label.settings[0];
    let per_seed = 2 * size.materials * size.temperatures;
    let one = |n: usize| PointSettings { seed: [i64::MAX as u64, 0, 7][n / per_seed], ..first };
    label.settings = (0..3 * per_seed).map(one).collect();
    label
}

pub fn provenance(name: &str) -> Provenance {
    Provenance {
        program_version: "0.1.0".to_owned(),
        commit: "unknown".to_owned(),
        identity: Identity {
            backend: "reference".to_owned(),
            adapter: format!("processor {name}"),
            driver: String::new(),
            instruction_set: "portable".to_owned(),
            software: false,
        },
        started_utc: "2026-01-02T03:04:05Z".to_owned(),
        ended_utc: "2026-01-02T03:04:06.5Z".to_owned(),
    }
}

pub fn point(campaign: &CampaignLabel, number: usize) -> PointLabel {
    let flags = (0..number % 3).map(|i| format!("remark {i} on point {number}, at 155 °C")).collect();
    PointLabel { flags, ..campaign.point(number) }
}

/// Random bits of every kind: subnormals, infinities, NaN with a payload.
pub fn outcome(campaign: &CampaignLabel, number: usize) -> PointOutcome {
    let mut random = Random(SEED ^ number as u64);
    let (times, bins) = (campaign.times_s.len(), campaign.bins);
    let moments = |random: &mut Random| {
        let mut series = || Array1::from_shape_fn(times, |_| f64::from_bits(random.bits()));
        MomentSeries { mean: series(), variance: series(), min: series(), max: series() }
    };
    let histogram = |random: &mut Random| HistogramSeries {
        low: -random.unit(),
        high: random.unit(),
        counts: Array2::from_shape_fn((times, bins), |_| random.bits() >> (random.bits() % 64)),
        below: Array1::from_shape_fn(times, |_| random.bits()),
        above: Array1::from_shape_fn(times, |_| random.bits()),
    };
    let dump = campaign.dump.map(|window| {
        let shape = (times, window.rows as usize, window.cols as usize);
        let mut cells = || Array3::from_shape_fn(shape, |_| f32::from_bits(random.bits() as u32));
        CellDump { window, conductance_s: cells(), filling: cells(), lost_fraction: cells() }
    });
    // As many as an array may have, of which some are programmed, of which some fail.
    let cells = 1 + (random.bits() >> 25);
    let programmed = random.bits() % (cells + 1);
    let mut kept = moments(&mut random);
    kept.mean.fill(f64::NAN);
    kept.variance[0] = f64::from_bits(0x7ff8_dead_beef_0001);
    PointOutcome {
        times_s: Array1::from(campaign.times_s.clone()),
        cells,
        programmed,
        fresh_conductance_s: random.unit(),
        conductance_s: moments(&mut random),
        filling: moments(&mut random),
        lost_fraction: moments(&mut random),
        kept,
        failed: Array1::from_shape_fn(times, |_| random.bits() % (programmed + 1)),
        histograms: Some(Histograms {
            conductance: histogram(&mut random),
            filling: histogram(&mut random),
            kept: histogram(&mut random),
        }),
        dump,
        circuit: circuit(campaign, number),
    }
}

fn circuit(campaign: &CampaignLabel, number: usize) -> Option<CircuitOutcome> {
    let times_s = &campaign.circuit_times_s;
    let mut random = Random(SEED ^ number as u64 ^ 1 << 40);
    let shape = (times_s.len(), MERITS.len());
    let values = || Array2::from_shape_fn(shape, |_| f64::from_bits(random.bits()));
    (!times_s.is_empty()).then(values).map(|values| CircuitOutcome { times_s: times_s.clone().into(), values })
}

/// Every bit of an outcome in a fixed order, for comparisons in which NaN equals itself.
pub fn bits(outcome: &PointOutcome) -> Vec<u64> {
    let mut all = vec![outcome.cells, outcome.programmed, outcome.fresh_conductance_s.to_bits()];
    all.extend(outcome.times_s.iter().map(|x| x.to_bits()));
    for m in [&outcome.conductance_s, &outcome.filling, &outcome.lost_fraction, &outcome.kept] {
        for series in [&m.mean, &m.variance, &m.min, &m.max] {
            all.extend(series.iter().map(|x| x.to_bits()));
        }
    }
    all.extend(&outcome.failed);
    for h in outcome.histograms.iter().flat_map(|h| [&h.conductance, &h.filling, &h.kept]) {
        all.extend([h.low.to_bits(), h.high.to_bits()]);
        all.extend(h.counts.iter().chain(&h.below).chain(&h.above));
    }
    if let Some(dump) = &outcome.dump {
        let w = dump.window;
        all.extend([w.first_row, w.first_col, w.rows, w.cols]);
        for cells in [&dump.conductance_s, &dump.filling, &dump.lost_fraction] {
            all.extend(cells.iter().map(|x| u64::from(x.to_bits())));
        }
    }
    if let Some(circuit) = &outcome.circuit {
        all.extend(circuit.times_s.iter().chain(&circuit.values).map(|x| x.to_bits()));
    }
    all
}

/// A smooth retention campaign, kept = exp(-t rate) with an Arrhenius rate, as the plots and the summary expect it.
pub fn retention(materials: usize, celsius: &[f64], times_s: &[f64]) -> (CampaignLabel, Vec<PointOutcome>) {
    let mut label =
        campaign(&Size { materials, temperatures: celsius.len(), times: times_s.len(), bins: 8, dump: None });
    label.temperatures_k = celsius.iter().map(|c| c + 273.15).collect();
    label.times_s = times_s.to_vec();
    label.report_times_s = times_s.last().copied().into_iter().collect();
    label.settings.iter_mut().for_each(|settings| settings.seed = 20_240_917);
    let (rows, cols) = (64, 32);
    let mut outcomes = Vec::new();
    for m in 0..materials {
        for &t in &label.temperatures_k {
            let barrier_ev = 1.15 + 0.09 * m as f64;
            let rate = 2e9 * (-barrier_ev / (8.617e-5 * t)).exp();
            let mut point = outcome(&label, outcomes.len());
            point.cells = rows * cols;
            // The third material took no charge at all.
            let programmed = m != 2;
            point.programmed = if programmed { rows * cols } else { 0 };
            for (k, &time) in times_s.iter().enumerate() {
                let lost = if programmed { -(-time * rate).exp_m1() } else { f64::NAN };
                let kept = 1.0 - lost;
                let spread = 0.08 * lost.min(kept).max(0.0);
                let set = |s: &mut MomentSeries, mean: f64, sd: f64| {
                    s.mean[k] = mean;
                    s.variance[k] = sd * sd;
                    s.min[k] = mean - 3.0 * sd;
                    s.max[k] = mean + 3.0 * sd;
                };
                set(&mut point.kept, kept, spread);
                set(&mut point.lost_fraction, lost, spread);
                set(&mut point.filling, 0.6 * kept, 0.01);
                set(&mut point.conductance_s, 5e-9 * (1.0 - 0.5 * kept), 1e-10);
                point.failed[k] = if kept < KEPT_THRESHOLD { rows * cols } else { 0 };
            }
            outcomes.push(point);
        }
    }
    (label, outcomes)
}

/// Writes all points and merges them into `NAME.h5` in the folder.
pub fn file(folder: &Path, label: &CampaignLabel, outcomes: &[PointOutcome]) -> PathBuf {
    let parts = folder.join("made-up.h5.parts");
    for (number, outcome) in outcomes.iter().enumerate() {
        let point = point(label, number);
        trapline_record::write_point(&parts, label, &point, &provenance("p"), outcome).unwrap();
    }
    let path = folder.join("made-up.h5");
    trapline_record::merge_points(&parts, label, &provenance("m"), &path, 0..outcomes.len()).unwrap();
    path
}

pub fn write_all(dir: &Path, label: &CampaignLabel) -> Vec<PathBuf> {
    (0..label.points())
        .map(|n| {
            let who = provenance(&n.to_string());
            trapline_record::write_point(dir, label, &point(label, n), &who, &outcome(label, n)).unwrap()
        })
        .collect()
}

/// Puts a seal behind a file that was changed through HDF5, as if this program had written it: who wants to can.
pub fn seal(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let (length, sum) = (bytes.len() as u64, crc32fast::hash(&bytes));
    bytes.extend(b"trapline");
    bytes.extend(length.to_le_bytes());
    bytes.extend(sum.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

/// An error is one line that names the file.
pub fn check_line(error: &trapline_record::RecordError, path: &Path) -> String {
    let line = error.to_string();
    assert!(!line.contains('\n') && line.len() < 600, "{line}");
    assert!(line.contains(&path.display().to_string()), "{line}");
    line
}

pub fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(leftovers(&entry.path()));
        } else if entry.path().extension().is_some_and(|e| e == "part") {
            found.push(entry.path());
        }
    }
    found
}

/// An experiment with every oddity a file of datasets has to hold: nested groups, axes with and without a coordinate,
/// texts as a coordinate, a single number, an empty axis, more than one chunk, NaN with a payload.
pub fn experiment() -> (ExperimentLabel, Vec<Dataset>) {
    let mut random = Random(2024);
    let label = ExperimentLabel {
        command: "iv".to_owned(),
        title: "Größe gegen ΔE: a made-up sweep".to_owned(),
        materials: vec![("pi".to_owned(), "# µ\r\nname = \"pi\"\n".to_owned()), ("empty".to_owned(), String::new())],
        seed: u64::MAX - 3,
        notes: vec![("read bias".to_owned(), "0.1 V".to_owned()), ("arguments".to_owned(), "--a\n--b 'ü'".to_owned())],
    };
    let mut sweep = Dataset::new("sweep", "A sweep up and down");
    sweep.note("ramp rate", "0.1 V/s").note("a remark", "");
    sweep.axis("bias_v", "V", "Bias at the cell", &[-1.0, -0.0, 0.5, f64::INFINITY]);
    sweep.text("material", "material", "Material of the cell", vec!["pi".to_owned(), "pi-ws2 ΔE".to_owned()]);
    let shape = IxDyn(&[2, 3, 4]);
    let current = ArrayD::from_shape_fn(shape.clone(), |_| f64::from_bits(random.bits()));
    sweep.real("current_a", &["material", "run", "bias_v"], "A", "Current through the cell", current);
    sweep.count("hops", &["material", "run", "bias_v"], "1", "Jumps", ArrayD::from_shape_fn(shape, |_| random.bits()));
    let payload = f64::from_bits(0x7ff8_dead_beef_0001);
    sweep.real("slope", &[], "1", "Slope at the end", arr0(payload).into_dyn());
    sweep.count("cells", &[], "1", "Cells simulated", arr0(u64::MAX).into_dyn());
    sweep.text("remark", "run", "What was seen", vec![String::new(), "two\nlines".to_owned(), "ü".to_owned()]);
    sweep.setting("temperature_c", "degC", "Ambient temperature", 85.5).coordinate("slope");
    let mut inner = Dataset::new("sweep/fits/up", "Fits within the sweep");
    inner.axis("decade", "1", "Decade of the bias", &[]);
    inner.real("slope", &["decade"], "1", "Slope per decade", ArrayD::zeros(IxDyn(&[0])));
    inner.real("none", &["decade", "a_rather_long_name_of_an_axis"], "1", "Nothing", ArrayD::zeros(IxDyn(&[0, 2])));
    inner.text("nobody", "decade", "No text", Vec::new());
    let mut weights = Dataset::new("weights", "More than one chunk, and the same axis twice");
    let large = ArrayD::from_shape_fn(IxDyn(&[400, 400]), |_| random.unit());
    weights.real("distance", &["cell", "cell"], "1", "From each to each", large);
    // Before the group that its name lies in.
    let mut early = Dataset::new("b/c", "Inside");
    early.real("x_m", &["point"], "m", "A place", arr1(&[f64::NAN, 5e-324]).into_dyn());
    let late = Dataset::new("b", "Outside, with nothing in it");
    (label, vec![sweep, inner, weights, early, late])
}

/// Every bit of datasets, for comparisons in which NaN equals itself and -0 is not 0.
pub fn dataset_bits(datasets: &[Dataset]) -> Vec<(Dataset, Vec<Vec<u64>>)> {
    let bits = |variable: &mut Variable| match &mut variable.values {
        Values::Real(array) => {
            let bits = array.iter().map(|x| x.to_bits()).collect();
            array.fill(0.0);
            bits
        }
        _ => Vec::new(),
    };
    let one = |dataset: &Dataset| {
        let mut dataset = dataset.clone();
        let bits = dataset.variables.iter_mut().map(bits).collect();
        (dataset, bits)
    };
    datasets.iter().map(one).collect()
}
