//! `trapline rare`.

mod picture;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use trapline::analysis::{Table, limits};
use trapline::backend::BackendError;
use trapline::backend::job::{Job, JobError};
use trapline::campaign::{MAX_TIME_S, MIN_TIME_S, Overrides, Plan};
use trapline::cell::counted::Electrons;
use trapline::cell::read::Judging;
use trapline::files::commit::Batch;
use trapline::outcome::PointLabel;
use trapline::rare::{self, Estimate, PointEstimate, RareError, Request};
use trapline::units::{celsius, celsius_texts, spoken_time};

use super::drawing::Drawing;
use super::electrons::Electrons as HowElectrons;
use super::{Failure, amounts, outputs, size, terminal};

const MORE: &str = "\
A cell has failed where it keeps less of its window than failure.kept_below of the campaign, as in `trapline run`. Cells are drawn \
where failures are most probable and weighted back (importance sampling), so a fraction of 1e-9 takes some ten thousand cells. \
Where electrons are counted, a cell counts by its chance to fail, which is summed and not drawn. \
docs/rare.md says how, and what the bounds hold for.

The table leaves out times before the last one without failures and after the first one with nearly nothing else; --json and -o \
have them all. Points that differ in seed or array size alone are one population, and are computed once. \
Exit codes: 0 when every time has the precision asked for or is below 1e-9 (counted: 1e-12); 1 when some has not; 2 for wrong usage.";

/// Estimates how few cells of a campaign's points fail, down to 1e-12, with bounds, without computing arrays
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub struct Rare {
    /// The campaign file
    file: PathBuf,
    /// Times after programming, s, or with units, in the place of the campaign's: 1e5,1000h,10y
    #[arg(long, value_name = "SECONDS,...", value_delimiter = ',', value_parser = time, allow_hyphen_values = true)]
    at: Vec<f64>,
    /// How the electrons of cells are taken, in the place of the file's
    #[arg(long, value_enum, value_name = "HOW")]
    electrons: Option<HowElectrons>,
    /// Half-width of the bounds over the fraction at which a time is settled
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, allow_hyphen_values = true)]
    precision: f64,
    /// Confidence of the bounds
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, allow_hyphen_values = true)]
    confidence: f64,
    /// Cells after which a point ends, settled or not
    #[arg(long, value_name = "N", default_value_t = 1 << 18, allow_hyphen_values = true)]
    max_samples: u64,
    /// Seed of the sample; the campaign's own is that of its arrays and does not count here
    #[arg(long, value_name = "N", value_parser = size::seed, default_value = "1", allow_hyphen_values = true)]
    seed: u64,
    /// Threads [default: one per core]; the result does not depend on them
    #[arg(long, value_name = "N", value_parser = size::threads, allow_hyphen_values = true)]
    threads: Option<usize>,
    /// The estimates as JSON, in a file; the plot goes beside it, as .png and .svg, with its numbers as .figure.csv
    #[arg(long, short, value_name = "OUT.json")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist
    #[arg(long)]
    force: bool,
    /// Draws no plot
    #[arg(long, requires = "output")]
    no_plot: bool,
    #[command(flatten)]
    drawing: Drawing,
    /// Prints the estimates as JSON
    #[arg(long)]
    json: bool,
    /// Prints the estimates only
    #[arg(long, short)]
    quiet: bool,
}

/// A time after programming that a campaign could have.
fn time(text: &str) -> Result<f64, String> {
    let time_s = amounts::seconds(text).ok().filter(|time_s| (MIN_TIME_S..=MAX_TIME_S).contains(time_s));
    time_s.ok_or_else(|| format!("it must be a time from {MIN_TIME_S:e} to {MAX_TIME_S:e} s, or one with a unit: 10y"))
}

/// What trap classes do to the mean lives of the points, and with that to their failed fractions, by material,
/// temperature and what the sweeps are set to.
fn of_classes(plan: &Plan, points: &[PointResult]) -> BTreeMap<String, String> {
    let mut remarks = BTreeMap::new();
    for point in points {
        let Ok(job) = plan.job(point.number) else { continue };
        let of = limits::of_classes(job.material(), false, &[job.bake_k()], point.kept_below);
        if let Some((remark, longer)) = of {
            let sweeps = point.sweeps.iter().map(|(sweep, value)| format!(", {sweep} {value}")).collect::<String>();
            let times = point.estimate.as_ref().map_or(&[][..], |estimate| &estimate.times);
            let remark = format!("{remark}{}", of_fractions(times, longer));
            remarks.insert(format!("{}, {} °C{sweeps}", point.material, point.temperature_c), remark);
        }
    }
    remarks
}

/// What errors of depths would do to mean lives, by material and what the sweeps are set to.
fn of_depths(plan: &Plan, points: &[PointResult]) -> Vec<String> {
    let mut of_materials: BTreeMap<String, (Vec<f64>, &PointResult)> = BTreeMap::new();
    for point in points {
        let Ok(job) = plan.job(point.number) else { continue };
        let sweeps = point.sweeps.iter().map(|(sweep, value)| format!(", {sweep} {value}")).collect::<String>();
        let of = of_materials.entry(format!("{}{sweeps}", point.material));
        of.or_insert_with(|| (Vec::new(), point)).0.push(job.bake_k());
    }
    let said = |(material, (temperatures_k, point)): (String, (Vec<f64>, &PointResult))| {
        let job = plan.job(point.number).ok()?;
        let remark = limits::of_depths(job.material(), &temperatures_k, point.kept_below)?;
        Some(format!("{material}: {remark}"))
    };
    of_materials.into_iter().filter_map(said).collect()
}

/// What lives that are longer by a factor do to the failed fractions of a point, by how steeply these rise from one
/// time to the next: a fraction is reached later by the factor. Bounds do not hold it. Nothing is said of less than 1
/// %, and of times of which at most one has a known fraction up to a half it is said that they do not tell.
fn of_fractions(times: &[Estimate], longer: f64) -> String {
    let known = |time: &&Estimate| time.time_s > 0.0 && time.fraction > 0.0 && time.fraction <= 0.5;
    let points: Vec<(f64, f64)> =
        times.iter().filter(known).map(|time| (time.time_s.ln(), time.fraction.ln())).collect();
    let slopes = points.windows(2).map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0));
    let Some(steepest) = slopes.reduce(f64::max) else {
        let matters = longer.ln().abs() > 1e-3 && !points.is_empty();
        let untold = "; what that does to failed fractions takes two times to tell, and bounds do not hold it";
        return if matters { untold.to_owned() } else { String::new() };
    };
    let larger = (-steepest * longer.ln()).exp();
    let held = "where they rise steepest from one of these times to the next, which bounds do not hold";
    match larger {
        of if (of - 1.0).abs() < 0.01 => String::new(),
        of if of > 10.0 => format!("; failed fractions are larger by a factor of {of:.1e} {held}"),
        of if of > 1.0 => format!("; failed fractions are larger by {:.0} % {held}", 100.0 * (of - 1.0)),
        of if of < 0.1 => format!("; failed fractions are smaller by a factor of {:.1e} {held}", 1.0 / of),
        of => format!("; failed fractions are smaller by {:.0} % {held}", 100.0 * (1.0 - of)),
    }
}

/// The result for one point, and for the points of the same population.
#[derive(Serialize)]
struct PointResult {
    number: usize,
    /// What the sweeps are set to.
    sweeps: BTreeMap<String, String>,
    material: String,
    temperature_c: f64,
    /// How electrons are taken: the words of a record.
    electrons: &'static str,
    kept_below: f64,
    /// Further points of the same population.
    also: Vec<usize>,
    /// Why there is no estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<PointEstimate>,
}

#[derive(Serialize)]
struct Report<'a> {
    program: String,
    campaign: &'a str,
    request: Request,
    points: Vec<PointResult>,
}

impl Rare {
    /// Estimates every point and prints the table; exit code 1 where a time missed the precision.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let start = Instant::now();
        self.request(0).check()?;
        let electrons = self.electrons.map(HowElectrons::of_file);
        let plan = Plan::load(&self.file, &Overrides { electrons, ..Overrides::default() })?;
        let look = self.drawing.look(self.output.is_some() && !self.no_plot)?;
        let paths = outputs::with_figure(self.output.as_deref(), look.as_ref());
        outputs::free(&paths, self.force)?;
        outputs::not_inputs(&paths, &plan.inputs)?;
        if plan.label.settings.iter().any(|of| of.judged != Judging::Kept) {
            return Err(Failure::Usage(format!("{}: {}", self.file.display(), RareError::AsRead)));
        }
        if let Some(key) = plan.cells_in_place() {
            let file = self.file.display();
            return Err(Failure::Usage(format!(
                "{file}: key {key} is given; it must be left out for trapline rare, which takes cells that do not depend on where they stand: trapline run counts those"
            )));
        }
        let points = self.in_threads(|| self.points(&plan))??;
        let missed = points.iter().filter_map(|of| of.estimate.as_ref()).any(|of| of.times.iter().any(missed));
        let program = trapline::PROGRAM.to_string();
        let report = Report { program, campaign: &plan.label.name, request: self.request(0), points };
        let json = terminal::json(&report)?;
        terminal::print(&if self.json { json.clone() } else { table(&plan, &report) })?;
        for (material, remark) in of_classes(&plan, &report.points) {
            self.note(&format!("{material}: {remark}"));
        }
        let parts = |point: &PointResult| plan.job(point.number).is_ok_and(|job| rare::classes_part(&job));
        if report.points.iter().any(parts) {
            self.note(
                "rests in the program empty some depths of dots and not others, which are then filled again: bounds do not hold that \
                 electrons then lie unevenly (docs/rare.md, \"Lost, l\")",
            );
        }
        for remark in of_depths(&plan, &report.points) {
            self.note(&remark);
        }
        if plan.label.settings.iter().any(|of| !of.electrons.are_counted()) {
            self.note("mean field: which electron escapes when is not in these numbers and bounds (docs/rare.md)");
        }
        if let Some(path) = &self.output {
            let mut batch = Batch::new();
            batch.text(path, &json)?;
            let stem = path.with_extension("");
            let figure = picture::plate(&report).map(|plate| (stem.clone(), plate));
            let written = outputs::place_drawn(batch, self.force, &stem, look.as_ref(), figure)?;
            let names: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
            self.note(&format!("wrote {} in {}", names.join(", "), terminal::waited(start.elapsed())));
        }
        if missed {
            return Err(Failure::Failed(format!(
                "some fractions (marked *) did not reach the precision of {} within {} cells; raise --max-samples or --precision",
                self.precision, self.max_samples
            )));
        }
        Ok(())
    }

    fn note(&self, line: &str) {
        if !self.quiet {
            terminal::note(line);
        }
    }

    fn request(&self, number: usize) -> Request {
        Request {
            precision: self.precision,
            confidence: self.confidence,
            max_samples: self.max_samples,
            seed: self.seed,
            stream: number as u32,
        }
    }

    fn in_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
        let Some(threads) = self.threads else { return Ok(work()) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|_| Failure::from(BackendError::Threads(threads)))?;
        Ok(pool.install(work))
    }

    fn points(&self, plan: &Plan) -> Result<Vec<PointResult>, JobError> {
        let mut times_s = self.at.clone();
        times_s.sort_by(f64::total_cmp);
        times_s.dedup();
        let times_s = if times_s.is_empty() { plan.label.times_s[1..].to_vec() } else { times_s };
        let bar = terminal::bar(plan.points.len() as u64, "points", self.quiet);
        let mut results: Vec<(Job, PointResult)> = Vec::new();
        for point in &plan.points {
            let job = plan.job_at(point.number, &times_s)?;
            match results.iter_mut().find(|(known, _)| rare::same_population(known, &job)) {
                Some((_, known)) => known.also.push(point.number),
                None => {
                    let estimate = rare::estimate(&job, &self.request(point.number));
                    let result = self.point_result(plan, point, &job, estimate);
                    results.push((job, result));
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    fn point_result(
        &self,
        plan: &Plan,
        point: &PointLabel,
        job: &Job,
        of: Result<PointEstimate, RareError>,
    ) -> PointResult {
        let sweeps = plan.label.sweeps.iter().zip(&point.sweep_index);
        let (estimate, refused) = match of {
            Ok(estimate) => (Some(estimate), None),
            Err(error) => (None, Some(error.to_string())),
        };
        PointResult {
            number: point.number,
            sweeps: sweeps.map(|(sweep, &at)| (sweep.name.clone(), sweep.coordinate.text(at))).collect(),
            material: point.material.clone(),
            temperature_c: celsius(point.temperature_k),
            electrons: job.electrons().words(),
            kept_below: job.kept_threshold(),
            also: Vec::new(),
            refused,
            estimate,
        }
    }
}

/// Times at which the failed fraction is not known as precisely as asked for.
fn missed(time: &Estimate) -> bool {
    time.failed_cells > 0 && !time.reached
}

fn table(plan: &Plan, report: &Report) -> String {
    let swept = plan.label.sweeps.iter().map(|sweep| sweep.name.clone());
    let words = ["material", "electrons", "method"].map(str::to_owned);
    let mut headings: Vec<String> = swept.chain(words).collect();
    let text_columns = headings.len();
    let percent = 100.0 * report.request.confidence;
    headings.extend(["°C", "time (s)", "that is", "failed fraction"].map(str::to_owned));
    headings.extend([format!("lower {percent} %"), format!("upper {percent} %")]);
    headings.extend(["cells", "effective"].map(str::to_owned));
    let mut table = Table::new(headings, text_columns);
    let temperatures = celsius_texts(&plan.label.temperatures_k);
    for of in &report.points {
        let point = &plan.points[of.number];
        let names: Vec<String> =
            point.sweep_index.iter().zip(&plan.label.sweeps).map(|(&at, s)| s.coordinate.text(at)).collect();
        let row = |method: &str, rest: [String; 7]| {
            let electrons = if of.electrons == Electrons::MeanField.words() { of.electrons } else { "counted" };
            let words = [of.material.clone(), electrons.to_owned(), method.to_owned()];
            let first = words.into_iter().chain([temperatures[point.temperature_index].clone()]);
            names.iter().cloned().chain(first).chain(rest).collect::<Vec<_>>()
        };
        match &of.estimate {
            None => table.row(row("not programmed", std::array::from_fn(|_| "-".to_owned()))),
            Some(estimate) => shown(&estimate.times).iter().for_each(|time| {
                table.row(row(method(estimate, time), cells(estimate, time)));
            }),
        }
    }
    table.render() + &remarks(report)
}

/// The times worth a row: from the last without failures to the first at which practically all cells have failed.
fn shown(times: &[Estimate]) -> &[Estimate] {
    let first = times.iter().position(|time| time.failed_cells > 0).unwrap_or(times.len()).saturating_sub(1);
    let last = times.iter().position(|time| time.fraction > 0.9999).unwrap_or(times.len() - 1);
    &times[first..=last.max(first)]
}

fn method(estimate: &PointEstimate, time: &Estimate) -> &'static str {
    match time.failed_cells {
        _ if estimate.coordinates.is_empty() && estimate.electrons == Electrons::MeanField.words() => "all cells alike",
        _ if estimate.coordinates.is_empty() => "exact",
        0 => "none found",
        _ if missed(time) => "importance *",
        _ => "importance",
    }
}

fn cells(estimate: &PointEstimate, time: &Estimate) -> [String; 7] {
    let number = |x: f64| if x == 0.0 || x == 1.0 { format!("{x}") } else { format!("{x:.3e}") };
    // A fraction near 1 is printed as its difference from 1.
    let near_one = |x: f64| match x {
        // What is closer is rounding.
        _ if x > 1.0 - 1e-13 => "1".to_owned(),
        _ if x > 0.999 => format!("1-{:.1e}", 1.0 - x),
        _ => number(x),
    };
    [
        format!("{:.3e}", time.time_s),
        spoken_time(time.time_s),
        near_one(time.fraction),
        near_one(time.lower),
        near_one(time.upper),
        estimate.samples.to_string(),
        format!("{:.0}", time.effective_cells),
    ]
}

/// Remarks below the table.
fn remarks(report: &Report) -> String {
    let mut lines = String::new();
    let estimates = || report.points.iter().filter_map(|of| of.estimate.as_ref());
    let counted = |of: &&PointEstimate| of.electrons != Electrons::MeanField.words();
    let is_none = |of: &&PointEstimate| of.times.iter().any(|time| time.failed_cells == 0 && time.upper > 0.0);
    let farthest = estimates().filter(is_none).filter(|of| !counted(of));
    if let Some(of) = farthest.max_by(|a, b| a.farther_out.total_cmp(&b.farther_out)) {
        lines.push_str(&format!(
            "none found: no cell failed within {} standard deviations of the nominal one, in any direction tried; at most {:.1e} of the \
             cells lie farther out. The upper bound assumes nothing of where failures may be.\n",
            of.searched_sd, of.farther_out
        ));
    }
    if let Some(of) = estimates().filter(is_none).find(counted) {
        lines.push_str(&format!(
            "none found, counted: the fraction is less than lies farther out than {} standard deviations, and not known.\n",
            of.searched_sd
        ));
    }
    let below = |of: &PointEstimate, limit: f64| {
        of.times.iter().any(|time| time.failed_cells > 0 && time.fraction > 0.0 && time.fraction < limit)
    };
    let least = |of: &PointEstimate| match counted(&of) {
        true => rare::LEAST_FRACTION_COUNTED,
        false => rare::LEAST_FRACTION,
    };
    if let Some(of) = estimates().find(|of| below(of, least(of))) {
        lines.push_str(&format!("Fractions below {:e} are given as they came, whatever their precision.\n", least(of)));
    }
    if estimates().any(|of| !counted(&of) && below(of, 1e-8)) {
        lines.push_str(
            "Arrays of `trapline run` have no cell farther out than 6.34 standard deviations in one quantity: up to 1.2e-10 less fail there.\n",
        );
    }
    let also: usize = report.points.iter().map(|of| of.also.len()).sum();
    if also > 0 {
        lines.push_str(&format!(
            "{also} further points differ from these in seed or array alone, and have the same fractions.\n"
        ));
    }
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time_s: f64, fraction: f64) -> Estimate {
        Estimate::exact(time_s, fraction, 0.95)
    }

    #[test]
    fn an_error_of_lives_is_one_of_fractions_by_their_slope() {
        // Fractions that go as t^10, and then flatten.
        let times = [at(1.0, 0.0), at(2.0, 1e-9), at(4.0, 1.024e-6), at(8.0, 0.1), at(16.0, 0.9)];
        let steep = &times[..3];
        let of = |longer: f64| of_fractions(steep, longer);
        // 1.01^10 = 1.105, 1/1.105 = 0.905; 1.1^10 = 2.594, 1/2.594 = 0.386; 1.5^10 = 57.7.
        for (longer, said) in [
            (1.01, "smaller by 9 % where"),
            (1.0 / 1.01, "larger by 10 % where"),
            (1.1, "smaller by 61 % where"),
            (1.0 / 1.1, "larger by 159 % where"),
            (1.5, "smaller by a factor of 5.8e1 where"),
            (1.0 / 1.5, "larger by a factor of 5.8e1 where"),
        ] {
            assert!(of(longer).contains(said), "{longer}: {}", of(longer));
        }
        assert_eq!(of(1.0005), "");
        // The steepest of all pairs up to a half: from 4 s to 8 s it is 16.6, and 1.01^16.6 = 1.18.
        assert!(
            of_fractions(&times, 1.0 / 1.01).contains("larger by 18 % where"),
            "{}",
            of_fractions(&times, 1.0 / 1.01)
        );
        // One time tells no slope, and none that matters is not asked after.
        assert!(of_fractions(&times[1..2], 1.5).contains("takes two times to tell"));
        assert_eq!((of_fractions(&times[1..2], 1.0), of_fractions(&times[..1], 1.5)), (String::new(), String::new()));
    }
}
