//! `trapline qualify`.

use std::path::PathBuf;

use clap::Args;
use trapline::analysis::Table;
use trapline::analysis::qualification::{self, CONFIDENCES, Condition, Lot, Qualification, Shown};
use trapline::figure;
use trapline::files::commit::Batch;
use trapline::record::Record;
use trapline::units::{celsius_texts, kelvin, spoken_time};

use super::drawing::Drawing;
use super::reading::{self, Extent};
use super::{Failure, outputs, terminal};

const MORE: &str = "\
The campaign's [qualification] says after which time parts are read out, which sweeps are parts and lots, and when a part fails; \
campaigns/qualification/ has ready-made ones, docs/qualification.md the rules and what a simulation does not show.

Exit codes: 0 when every lot passed; 1 when one failed, or the file cannot be read; 2 when there is no verdict, because the record \
is not complete or has no [qualification].";

/// Says of a record whether its parts pass their qualification, and what that shows
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub struct Qualify {
    /// The record of a campaign with [qualification]
    file: PathBuf,
    /// The verdict as JSON, in a file; the plot goes beside it, as .png and .svg, with its numbers as .figure.csv
    #[arg(long, short, value_name = "OUT.json")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist
    #[arg(long, requires = "output")]
    force: bool,
    /// Draws no plot
    #[arg(long, requires = "output")]
    no_plot: bool,
    #[command(flatten)]
    drawing: Drawing,
    /// Prints the verdict as JSON
    #[arg(long)]
    json: bool,
}

impl Qualify {
    /// Prints the verdict; exit code 1 where a lot failed.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let shown = self.file.display();
        let no_verdict = |what: String| Failure::Usage(format!("{shown}: {what}"));
        let look = self.drawing.look(self.output.is_some() && !self.no_plot)?;
        let paths = outputs::with_figure(self.output.as_deref(), look.as_ref());
        outputs::free(&paths, self.force)?;
        outputs::not_inputs(&paths, std::slice::from_ref(&self.file))?;
        let Record::Campaign(found) = reading::open(&self.file, Extent::Summary)? else {
            return Err(no_verdict(
                "it is not the whole record of a campaign; give one that `trapline run` has finished".into(),
            ));
        };
        let verdict = qualification::qualify(&found).map_err(|error| no_verdict(error.to_string()))?;
        let json = terminal::json(&verdict)?;
        terminal::print(&if self.json { json.clone() } else { told(&verdict) })?;
        if let Some(path) = &self.output {
            let (mut batch, stem) = (Batch::new(), path.with_extension(""));
            batch.text(path, &json)?;
            let figure = (stem.clone(), figure::qualification(&found, &verdict));
            let written = outputs::place_drawn(batch, self.force, &stem, look.as_ref(), [figure])?;
            let names: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
            terminal::note(&format!("wrote {}", names.join(", ")));
        }
        if verdict.passed {
            return Ok(());
        }
        let lots = || verdict.conditions.iter().flat_map(|of| &of.lots);
        let failed = lots().filter(|lot| !lot.passed).count();
        Err(Failure::Failed(format!("{shown}: {failed} of {} lots failed", lots().count())))
    }
}

fn told(verdict: &Qualification) -> String {
    let share = match verdict.part_fails_above {
        0.0 => "a single cell".to_owned(),
        share => format!("more than {share} of its cells"),
    };
    let mut text = format!(
        "{}: read out after {}; a part fails with {share}, a lot with more than {} failed parts\n\n",
        if verdict.passed { "PASS" } else { "FAIL" },
        hours(verdict.after_s),
        verdict.allowed_fails
    );
    text.push_str(&table(verdict));
    text.push_str(&why(verdict));
    text.push_str(LEGEND);
    text
}

/// Tests are told in hours.
fn hours(time_s: f64) -> String {
    let hours = time_s / 3600.0;
    if hours >= 1.0 { format!("{} h", (hours * 100.0).round() / 100.0) } else { spoken_time(time_s) }
}

const LEGEND: &str = "
least kept     what the worst of all cells keeps of its window, and the threshold below which it has failed
parts below    the share of all such parts that fails is below this, with 60 and with 90 % confidence; the latter is the LTPD of a sample with so many failures
cells below    the same of cells, 90 %
FIT below      failures in 1e9 hours of a part at the bake's own temperature, if they came at a constant rate, 60 %
";

fn table(verdict: &Qualification) -> String {
    let sweeps: Vec<String> =
        verdict.conditions.first().map_or_else(Vec::new, |of| of.sweeps.iter().map(|(name, _)| name.clone()).collect());
    let text_columns = sweeps.len() + 4;
    let headings = ["material", "°C", "lot", "verdict", "fails", "parts", "least kept"];
    let bounded = ["parts below, 60 %", "90 %", "cells below, 90 %", "FIT below, 60 %"];
    let headings = headings.into_iter().chain(bounded);
    let mut table = Table::new(sweeps.into_iter().chain(headings.map(str::to_owned)), text_columns);
    let degrees: Vec<f64> = verdict.conditions.iter().map(|of| kelvin(of.temperature_c)).collect();
    for (of, degrees) in verdict.conditions.iter().zip(celsius_texts(&degrees)) {
        let row = |lot: &str, passed: bool, counts: [String; 3], shown: Option<&Shown>| {
            let values = of.sweeps.iter().map(|(_, value)| value.clone());
            let names = [of.material.clone(), degrees.clone(), lot.to_owned(), told_of(passed).to_owned()];
            values.chain(names).chain(counts).chain(bounds(shown)).collect::<Vec<_>>()
        };
        for lot in &of.lots {
            let counts = [lot.fails.to_string(), lot.parts.to_string(), kept(lot)];
            table.row(row(lot.name.as_deref().unwrap_or("-"), lot.passed, counts, lot.shown.as_ref()));
        }
        if let Some(together) = of.together.as_ref().filter(|_| of.lots.len() > 1) {
            let all = &together.parts[0];
            let counts = [all.failed.to_string(), all.total.to_string(), String::new()];
            table.row(row("together", of.passed, counts, Some(together)));
        }
    }
    table.render()
}

fn told_of(passed: bool) -> &'static str {
    if passed { "pass" } else { "FAIL" }
}

fn kept(lot: &Lot) -> String {
    lot.least_kept.map_or_else(|| "-".to_owned(), |kept| format!("{kept:.4} of {}", lot.kept_below))
}

fn bounds(shown: Option<&Shown>) -> [String; 4] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let percent = |at: usize| shown.map(|of| format!("{:.2} %", 100.0 * of.parts[at].upper_one_sided));
    let cells = shown.map(|of| format!("{:.2e}", of.cells[1].upper_one_sided));
    let fit = shown.and_then(|of| of.fit_upper).map(|fit| format!("{:.2e}", fit[0]));
    [percent(0), percent(1), cells, fit].map(or_none)
}

/// Failed parts to name; the JSON has all.
const NAMED: usize = 5;

/// The failed parts, a line a lot; and parts that are not as many samples as they seem.
fn why(verdict: &Qualification) -> String {
    let mut lines = String::new();
    for of in &verdict.conditions {
        for lot in of.lots.iter().filter(|lot| lot.fails > 0) {
            lines.push_str(&failed_parts(of, lot));
        }
        for lot in of.lots.iter().filter(|lot| lot.shown.is_none()) {
            lines.push_str(&format!(
                "{}: parts share seeds, so they are no independent samples; no bound is given.\n",
                lot_of(of, lot)
            ));
        }
        if of.together.is_none() && of.lots.len() > 1 && of.lots.iter().all(|lot| lot.shown.is_some()) {
            lines.push_str(&format!(
                "{}: lots share seeds, so their parts are no independent samples; no bound is given of all lots together.\n",
                condition(of)
            ));
        }
    }
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn failed_parts(of: &Condition, lot: &Lot) -> String {
    let part = |part: &qualification::FailedPart| match part.programmed_cells {
        0 => format!("{} (holds no charge)", part.part),
        programmed => {
            let before = if part.at_programming { ", before the bake" } else { "" };
            let empty = match part.cells - programmed {
                0 => String::new(),
                empty => format!(", {empty} of them without charge"),
            };
            format!("{} ({} of {} cells{empty}{before})", part.part, part.failed_cells, part.cells)
        }
    };
    let mut parts: Vec<String> = lot.failed_parts.iter().take(NAMED).map(part).collect();
    if lot.failed_parts.len() > NAMED {
        parts.push(format!("and {} more", lot.failed_parts.len() - NAMED));
    }
    format!("{}: failed parts {}\n", lot_of(of, lot), parts.join(", "))
}

fn lot_of(of: &Condition, lot: &Lot) -> String {
    let name = lot.name.as_ref().map_or_else(String::new, |name| format!(", lot {name}"));
    format!("{}{name}", condition(of))
}

/// The material, the temperature and the place on each sweep.
fn condition(of: &Condition) -> String {
    let degrees = celsius_texts(&[kelvin(of.temperature_c)]).concat();
    let sweeps: String = of.sweeps.iter().map(|(name, value)| format!(", {name} {value}")).collect();
    format!("{}, {degrees} °C{sweeps}", of.material)
}

const _: () = assert!(CONFIDENCES[0] == 0.6 && CONFIDENCES[1] == 0.9, "the legend says them");
