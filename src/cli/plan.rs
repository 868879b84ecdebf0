//! `trapline plan`.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use indicatif::BinaryBytes;
use serde_json::json;
use trapline::analysis::Table;
use trapline::backend::Backend;
use trapline::campaign::estimate::{self, Recording, Time};
use trapline::campaign::{self, Shard};
use trapline::cell::read::Judging;
use trapline::units::celsius_texts;

use super::computing::{self, Computing};
use super::run::{Changes, heading};
use super::{Failure, size, terminal};

/// Most remarks on points that are listed.
const MOST_REMARKS: usize = 20;

/// Says what a campaign will take, without running it: points, time by a quick measurement, memory, room on the disk
#[derive(Debug, Args)]
pub struct PlanCommand {
    /// The campaign file
    file: PathBuf,
    #[command(flatten)]
    changes: Changes,
    /// Of one piece of so many: 3/16
    #[arg(long, value_name = "N/OF", conflicts_with = "tasks")]
    shard: Option<Shard>,
    /// Says how so many shards would divide the work
    #[arg(long, value_name = "N", value_parser = size::shards)]
    tasks: Option<usize>,
    /// Lists every point: its number, its place on the axes, its array
    #[arg(long, conflicts_with_all = ["tasks", "json"])]
    list: bool,
    #[command(flatten)]
    computing: Computing,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// What the campaign will take.
struct Forecast {
    time: Time,
    recording: Recording,
    memory_bytes: u64,
    /// Least and most seconds of a shard.
    tasks: Option<(f64, f64)>,
}

impl PlanCommand {
    /// Checks the campaign, measures, prints.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        self.computing.consistent()?;
        let mut plan = campaign::Plan::load(&self.file, &self.changes.overrides())?;
        if let Some(shard) = self.shard {
            plan = plan.shard(shard);
        }
        if self.list {
            return terminal::print(&list(&plan));
        }
        let backend = self.computing.open()?;
        let forecast = self.measure(&plan, backend.as_ref())?;
        if self.json {
            return terminal::print_json(&json!({
                "campaign": plan.label.name,
                "points": plan.points.len(),
                "points_to_compute": plan.numbers.len(),
                "cell_steps": plan.work_of(&plan.numbers),
                "backend": backend.identity(),
                "seconds": forecast.recording.seconds(plan.numbers.len(), forecast.time.seconds),
                "computing": forecast.time,
                "memory_bytes": forecast.memory_bytes,
                "recording": forecast.recording,
                "seconds_of_tasks": forecast.tasks.map(|(least, most)| json!({ "least": least, "most": most })),
            }));
        }
        terminal::print(&format!(
            "{}\n{}\n{}",
            heading(&plan),
            computing::heading(&backend.identity()),
            self.text(&plan, &forecast)
        ))
    }

    fn measure(&self, plan: &campaign::Plan, backend: &dyn Backend) -> Result<Forecast, Failure> {
        let time = estimate::time(plan, backend, &plan.numbers)?;
        let recording = estimate::recording(plan, backend, trapline::PROGRAM)?;
        let tasks = self.tasks.map(|of| {
            let shards = plan.shards(of);
            let seconds = shards.iter().map(|numbers| recording.seconds(numbers.len(), time.of(plan, numbers)));
            seconds.fold((f64::INFINITY, 0.0_f64), |(least, most), s| (least.min(s), most.max(s)))
        });
        Ok(Forecast { time, recording, memory_bytes: estimate::memory_bytes(plan), tasks })
    }

    fn text(&self, plan: &campaign::Plan, forecast: &Forecast) -> String {
        let Forecast { time, recording, memory_bytes, tasks } = forecast;
        let mut lines = Vec::new();
        let mut line = |name: &str, text: String| lines.push(format!("{name:<8} {text}\n"));
        let points = plan.numbers.len();
        line(
            "points",
            format!(
                "{points}, {:.2e} steps of cells (a pulse, a pause, a sweep point or a checkpoint each)",
                plan.work_of(&plan.numbers) as f64
            ),
        );
        line("cells", plan.label.cells_in_words().to_owned());
        if plan.label.settings.iter().any(|of| of.judged != Judging::Kept) {
            line("failed", plan.label.failing_in_words());
        }
        let kinds = match time.samples {
            1 => "one point".to_owned(),
            n if time.all_kinds => format!("{n} points, each of another material or programming"),
            n => format!("{n} points; the others in proportion to their steps"),
        };
        let all = recording.seconds(points, time.seconds);
        let why = match all > 2.0 * time.seconds {
            true => format!("most of it for recording; computing takes {}", terminal::about(time.seconds)),
            false => format!("measured on {kinds}"),
        };
        let all_told = terminal::about(all);
        line("time", format!("{all_told}, {why}"));
        if let (Some((least, most)), Some(of)) = (tasks, self.tasks) {
            let [least, most] = [least, most].map(|s| terminal::about(*s));
            let idle = if of > points { format!("; only {points} of them have a point") } else { String::new() };
            line("tasks", format!("{of}, of {least} to {most} each{idle}"));
        }
        line("memory", format!("{}, and what the backend takes", BinaryBytes(*memory_bytes)));
        line(
            "disk",
            format!(
                "{} for the record, and {} for its points until it is whole",
                BinaryBytes(recording.record_bytes),
                BinaryBytes(recording.parts_bytes)
            ),
        );
        if all > 86_400.0 {
            line(
                "remark",
                "more than a day: --shard and `trapline slurm` divide it, --resume goes on after a stop".to_owned(),
            );
        }
        let remarks = remarks(plan);
        for (flag, points) in remarks.iter().take(MOST_REMARKS) {
            line("remark", format!("{points} points: {flag}"));
        }
        if let Some(more) = remarks.len().checked_sub(MOST_REMARKS + 1) {
            line(
                "remark",
                format!("and {} more of this kind; --list has the points, and the record their remarks", more + 1),
            );
        }
        lines.concat()
    }
}

/// Each remark on points to compute, in the order of the points, and of how many it is.
fn remarks(plan: &campaign::Plan) -> Vec<(&str, usize)> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for flag in plan.numbers.iter().flat_map(|&number| &plan.points[number].flags) {
        let at = *known.entry(flag).or_insert(counts.len());
        match counts.get_mut(at) {
            Some((_, points)) => *points += 1,
            None => counts.push((flag, 1)),
        }
    }
    counts
}

/// Every point in a line.
fn list(plan: &campaign::Plan) -> String {
    let label = &plan.label;
    let sweeps = label.sweeps.iter().map(|sweep| sweep.name.clone());
    let headings = sweeps.chain(["material", "°C", "rows", "cols", "seed"].map(str::to_owned));
    let mut table = Table::new(std::iter::once("point".to_owned()).chain(headings), label.sweeps.len() + 2);
    let degrees = celsius_texts(&label.temperatures_k);
    for &number in &plan.numbers {
        let (point, settings) = (&plan.points[number], &label.settings[number]);
        let places = label.sweeps.iter().zip(&point.sweep_index).map(|(sweep, &at)| sweep.coordinate.text(at));
        let rest = [
            point.material.clone(),
            degrees[point.temperature_index].clone(),
            settings.rows.to_string(),
            settings.cols.to_string(),
            settings.seed.to_string(),
        ];
        table.row(std::iter::once(number.to_string()).chain(places).chain(rest));
    }
    table.render()
}
