//! From the points of a record to counts of failed cells, population by population.

use std::collections::{HashMap, HashSet};

use toml::{Table, Value};

use crate::analysis::lifetime::{Lack, Lifetimes, Verdict};
use crate::analysis::limits;
use trapline_model::material;
use trapline_model::outcome::{CampaignLabel, CampaignRecord, PointOutcome, PointSettings, RecordedPoint, Sweep};
use trapline_model::toml_file;
use trapline_model::units::kelvin;

/// A group before any statistics.
#[derive(Debug)]
pub(super) struct Gathered {
    pub name: String,
    pub material: String,
    pub sweeps: Vec<(String, String)>,
    pub settings: PointSettings,
    /// Cells are read at the temperature of the bake.
    pub read_as_baked: bool,
    pub cycled: bool,
    /// The cells of a seed are the same at every temperature.
    pub same_cells: bool,
    pub glass_transition_k: Option<f64>,
    pub counts: Vec<Counted>,
    pub remarks: Vec<String>,
}

/// One temperature of a group.
#[derive(Debug)]
pub(super) struct Counted {
    pub temperature_k: f64,
    pub points: usize,
    /// Where those that were computed stand in the record.
    pub places: Vec<usize>,
    pub lifetimes: Result<Lifetimes, Lack>,
    /// Those of each array by itself, where the cells are the same at other temperatures and every array was computed.
    pub arrays: Vec<Lifetimes>,
    pub flags: Vec<String>,
}

/// A sweep that changes nothing but the seed.
pub(super) fn is_of_seeds(sweep: &Sweep) -> bool {
    !sweep.keys.is_empty() && sweep.keys.iter().all(|key| matches!(key.key.as_str(), "seed" | "seed_offset"))
}

/// Every group of a record, in the order of its points.
pub(super) fn groups(record: &CampaignRecord, pool_seeds: bool) -> Vec<Gathered> {
    let label = &record.label;
    let mut pools: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
    for case in 0..record.cases() {
        let at = *known.entry(apart(label, case, pool_seeds)).or_insert(pools.len());
        match pools.get_mut(at) {
            Some(cases) => cases.push(case),
            None => pools.push(vec![case]),
        }
    }
    let files = Files::of(label);
    let materials = 0..label.materials.len();
    pools.iter().flat_map(|cases| materials.clone().map(|m| group(record, &files, cases, m, pool_seeds))).collect()
}

/// The campaign's file and its materials', read once for all groups; empty where they are none (records of other
/// programs).
struct Files {
    campaign: Table,
    materials: Vec<Table>,
}

impl Files {
    fn of(label: &CampaignLabel) -> Files {
        let table = |text: &str| toml_file::read(text).unwrap_or_default();
        let materials = label.materials.iter().map(|(_, text)| table(text)).collect();
        Files { campaign: table(&label.campaign_toml), materials }
    }
}

/// Place of a case on each sweep; the last runs fastest.
fn places(label: &CampaignLabel, case: usize) -> Vec<usize> {
    let mut rest = case;
    let mut places: Vec<usize> = label.sweeps.iter().map(|sweep| sweep.coordinate.len()).collect();
    for place in places.iter_mut().rev() {
        (*place, rest) = (rest % (*place).max(1), rest / (*place).max(1));
    }
    places
}

/// Place of a case on the sweeps that keep groups apart.
fn apart(label: &CampaignLabel, case: usize, pool_seeds: bool) -> Vec<usize> {
    let with = label.sweeps.iter().zip(places(label, case));
    with.filter(|(sweep, _)| !(pool_seeds && is_of_seeds(sweep))).map(|(_, at)| at).collect()
}

fn group(record: &CampaignRecord, files: &Files, cases: &[usize], material: usize, pool_seeds: bool) -> Gathered {
    let label = &record.label;
    let places = places(label, cases[0]);
    let kept = label.sweeps.iter().zip(&places).filter(|(sweep, _)| !(pool_seeds && is_of_seeds(sweep)));
    let sweeps: Vec<(String, String)> =
        kept.map(|(sweep, &at)| (sweep.name.clone(), sweep.coordinate.text(at))).collect();
    let (cases, mut remarks) = each_seed_once(label, cases, material);
    let name = &label.materials[material].0;
    let settings = label.settings[place(label, cases[0], material, 0)];
    let set = |key: &str| swept(label, &places, key);
    let points = |t: usize| cases.iter().map(|&case| place(label, case, material, t)).collect::<Vec<_>>();
    let temperatures = 0..label.temperatures_k.len();
    // Of one temperature there is no other to share cells with.
    let same_cells = temperatures.len() > 1
        && temperatures.clone().any(|t| points(t).iter().any(|&place| label.settings[place].same_cells));
    let mut counts: Vec<Counted> = temperatures.map(|t| counted(record, &points(t), same_cells)).collect();
    counts.sort_by(|a, b| a.temperature_k.total_cmp(&b.temperature_k));
    let cycled = is_cycled(label, files);
    let glass_transition_k = glass_transition_k(files, material, &set);
    remarks.extend(beyond(record, &counts, &settings, (files, material), (cycled, glass_transition_k.is_some())));
    remarks.extend(without_charge(record, &counts));
    let places: Vec<String> = sweeps.iter().map(|(sweep, value)| format!(", {sweep} = {value}")).collect();
    Gathered {
        name: format!("{name}{}", places.concat()),
        material: name.clone(),
        sweeps,
        settings,
        read_as_baked: (0..label.temperatures_k.len())
            .all(|t| label.settings[place(label, cases[0], material, t)].read_k == label.temperatures_k[t]),
        cycled,
        same_cells,
        glass_transition_k,
        counts,
        remarks,
    }
}

/// Cells that are in no count of lifetimes, because they held no charge after programming.
fn without_charge(record: &CampaignRecord, counts: &[Counted]) -> Option<String> {
    let outcomes = counts.iter().flat_map(|of| &of.places).filter_map(|&place| record.points[place].outcome.as_ref());
    let (empty, cells) = outcomes.fold((0_u64, 0_u64), |(empty, cells), outcome| {
        (empty + outcome.cells.saturating_sub(outcome.programmed), cells + outcome.cells)
    });
    (empty > 0).then(|| format!("{empty} of {cells} cells held no charge after programming, and are in no count here"))
}

/// What the numbers of a group do not hold.
fn beyond(
    record: &CampaignRecord,
    counts: &[Counted],
    settings: &PointSettings,
    (files, material_index): (&Files, usize),
    (cycled, relaxes): (bool, bool),
) -> Vec<String> {
    let label = &record.label;
    let noise = |place: &usize| {
        let outcome = record.points[*place].outcome.as_ref()?;
        limits::noise_of_window(outcome, &label.settings[*place], limits::reading_s(settings))
    };
    let noises: Vec<f64> = counts.iter().filter_map(|of| of.places.first().and_then(noise)).collect();
    let of_readings = limits::of_readings(&noises, settings.kept_threshold, settings.judged, label.times_s.len());
    let mut remarks: Vec<String> = of_readings.into_iter().collect();
    // A sweep over a number of the material makes other classes than its file's.
    let of_material = |sweep: &Sweep| sweep.keys.iter().any(|key| key.key.starts_with("parameter."));
    if !cycled && !label.sweeps.iter().any(of_material) {
        let temperatures_k: Vec<f64> =
            counts.iter().filter(|of| !of.places.is_empty()).map(|of| of.temperature_k).collect();
        let of = material::parse(&label.materials[material_index].1, "a record").ok();
        let of = of.map(|of| if relaxes { of } else { of.without_matrix() });
        let is_fixed = files.materials[material_index].get("traps").is_some_and(|traps| traps.get("classes").is_some());
        if let Some(of) = of {
            let of_classes = limits::of_classes(&of, is_fixed, &temperatures_k, settings.kept_threshold);
            remarks.extend(of_classes.map(|(remark, _)| remark));
            remarks.extend(limits::of_depths(&of, &temperatures_k, settings.kept_threshold));
        }
    }
    let programmed = |place: &usize| record.points[*place].outcome.as_ref().is_some_and(|of| of.programmed > 0);
    if !settings.electrons.are_counted() && counts.iter().any(|of| of.places.iter().any(programmed)) {
        remarks.push(limits::MEAN_FIELD.to_owned());
    }
    remarks
}

/// Where the point of a case, a material and a temperature stands in the record.
fn place(label: &CampaignLabel, case: usize, material: usize, temperature: usize) -> usize {
    (case * label.materials.len() + material) * label.temperatures_k.len() + temperature
}

/// Points of one seed are the same cells, however often the seed is listed.
fn each_seed_once(label: &CampaignLabel, cases: &[usize], material: usize) -> (Vec<usize>, Vec<String>) {
    let (mut seeds, mut kept) = (HashSet::new(), Vec::new());
    for &case in cases {
        let seed = label.settings[place(label, case, material, 0)].seed;
        if seeds.insert(seed) {
            kept.push(case);
        }
    }
    let twice = cases.len() - kept.len();
    let remark = format!("{twice} of {} seeds stand there twice: the same cells again, which count once", cases.len());
    (kept, if twice > 0 { vec![remark] } else { Vec::new() })
}

fn counted(record: &CampaignRecord, places: &[usize], same_cells: bool) -> Counted {
    let label = &record.label;
    let points: Vec<&RecordedPoint> = places.iter().map(|&place| &record.points[place]).collect();
    let computed: Vec<_> = points.iter().filter_map(|point| point.outcome.as_ref()).collect();
    let sum = |values: &mut dyn Iterator<Item = u64>| values.fold(0_u64, u64::saturating_add);
    let failed: Vec<u64> = (0..label.times_s.len())
        .map(|k| sum(&mut computed.iter().map(|outcome| outcome.failed.get(k).copied().unwrap_or(0))))
        .collect();
    let programmed = sum(&mut computed.iter().map(|outcome| outcome.programmed));
    let lifetimes = match (computed.len(), programmed) {
        (0, _) => Err(Lack::new(
            Verdict::NotComputed,
            "the record has no values of it",
            "go on with `trapline run --resume`, or merge the missing pieces",
        )),
        (_, 0) => Err(Lack::new(
            Verdict::NothingProgrammed,
            "no cell held charge after programming, and nothing could fail",
            "programme the cells longer, or at a higher bias",
        )),
        _ if label.settings[places[0]].judged.comes_and_goes() => Err(Lack::new(
            Verdict::NoCounts,
            "each count is of one noisy reading (failure.as_read.judge = \"this\"), by which cells come back, and no cell has one time \
             of failure",
            "judge = \"first\" counts first failing readings; `failed` of the record has these counts",
        )),
        _ => Lifetimes::new(&label.times_s, &failed, programmed)
            .map_err(|error| Lack::new(Verdict::NoCounts, error, "no statistics are made of them")),
    };
    // An array whose own counts make no lifetimes leaves the arrays untold.
    let of_array =
        |outcome: &&PointOutcome| Lifetimes::new(&label.times_s, outcome.failed.as_slice()?, outcome.programmed).ok();
    let complete = same_cells && computed.len() == points.len();
    let arrays: Option<Vec<Lifetimes>> = complete.then(|| computed.iter().map(of_array).collect()).flatten();
    let mut listed: HashSet<&String> = HashSet::new();
    let flags =
        points.iter().flat_map(|point| &point.label.flags).filter(|flag| listed.insert(flag)).cloned().collect();
    let temperature_k = points[0].label.temperature_k;
    let places = places.iter().copied().filter(|&place| record.points[place].outcome.is_some()).collect();
    Counted { temperature_k, points: points.len(), places, lifetimes, arrays: arrays.unwrap_or_default(), flags }
}

/// What a sweep sets a key to at these places, as text.
pub(in crate::analysis) fn swept(label: &CampaignLabel, places: &[usize], key: &str) -> Option<String> {
    label.sweeps.iter().zip(places).find_map(|(sweep, &at)| {
        let swept = sweep.keys.iter().find(|swept| swept.key == key)?;
        Some(swept.values.text(at))
    })
}

fn is_cycled(label: &CampaignLabel, files: &Files) -> bool {
    let swept = label.sweeps.iter().flat_map(|sweep| &sweep.keys).any(|key| key.key.starts_with("bake.cycle"));
    swept || files.campaign.get("bake").and_then(|bake| bake.get("cycle")).is_some()
}

/// The glass transition of the material, K, where the campaign lets its matrix relax.
fn glass_transition_k(files: &Files, material: usize, swept: &dyn Fn(&str) -> Option<String>) -> Option<f64> {
    let material = &files.materials[material];
    let on = |value: Option<&Value>| value.and_then(Value::as_bool);
    let relaxes = match swept("physics.matrix_relaxation") {
        Some(text) => text != "false",
        None => on(files.campaign.get("physics").and_then(|physics| physics.get("matrix_relaxation"))) != Some(false),
    };
    if !relaxes || on(material.get("matrix").and_then(|matrix| matrix.get("enabled"))) != Some(true) {
        return None;
    }
    let quantity = material.get("film")?.get("glass_transition")?;
    let written = quantity.get("value")?;
    let written = written.as_float().or_else(|| written.as_integer().map(|whole| whole as f64));
    let value = swept("parameter.film.glass_transition").and_then(|text| text.parse().ok()).or(written)?;
    let temperature_k = if quantity.get("unit")?.as_str()? == "C" { kelvin(value) } else { value };
    (temperature_k > 0.0 && temperature_k.is_finite()).then_some(temperature_k)
}
