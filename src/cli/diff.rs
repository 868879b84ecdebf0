//! `trapline diff`.

use std::path::PathBuf;

use clap::Args;
use trapline::analysis::Table;
use trapline::analysis::diff::{self, Comparison};
use trapline::record::Record;

use super::reading::{self, Extent};
use super::{Failure, terminal};

/// Compares the numbers of two files; exit code 0 where they are the same, 1 where not
#[derive(Debug, Args)]
pub struct Diff {
    /// A campaign, a point or an experiment
    a: PathBuf,
    /// Another of the same kind
    b: PathBuf,
    /// Share of a dataset's scale up to which two numbers count as the same: 1e-5 for two backends; 0 asks for the
    /// same values
    ///
    /// The scale is 1 for fractions (filling, lost, kept), and the window for conductances: the point's mean
    /// conductance after programming less the fresh one. Where a dataset has no scale of its own it is the larger of
    /// the two numbers; in an experiment, of numbers without a unit, the largest of the dataset. On top comes the
    /// rounding of single precision of the numbers themselves, 1e-6 of the larger, or the tolerance where that is
    /// less. Variances are compared by their roots. Counts (failed, histograms) may be apart by the cells that lie
    /// within the tolerance of the threshold or of the edge of the bin, by the histogram. A number against none (NaN)
    /// is a difference.
    #[arg(long, value_name = "REL", default_value_t = 0.0, value_parser = tolerance)]
    tolerance: f64,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Prints nothing: the exit code tells
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..1.0).contains(&value) => Ok(value),
        _ => Err("it must be a number from 0 to less than 1".to_owned()),
    }
}

impl Diff {
    /// # Errors
    /// [`Failure::Reported`] with 1 where the files differ; [`Failure::Usage`] for files of two kinds;
    /// [`Failure::Failed`] for what cannot be read.
    pub fn run(self) -> Result<(), Failure> {
        let comparison = self.compare()?;
        if self.json {
            terminal::print_json(&comparison)?;
        } else if !self.quiet {
            terminal::print(&self.text(&comparison))?;
        }
        if comparison.is_same() { Ok(()) } else { Err(Failure::Reported(1)) }
    }

    fn compare(&self) -> Result<Comparison, Failure> {
        match [reading::open(&self.a, Extent::Everything)?, reading::open(&self.b, Extent::Everything)?] {
            [Record::Experiment(a), Record::Experiment(b)] => Ok(diff::experiments(&a, &b, self.tolerance)),
            [Record::Campaign(a) | Record::Point(a, _), Record::Campaign(b) | Record::Point(b, _)] => {
                Ok(diff::campaigns(&a, &b, self.tolerance)?)
            }
            _ => {
                let (a, b) = (self.a.display(), self.b.display());
                let limit = "two campaigns that are finished, two points or two experiments";
                Err(Failure::Usage(format!(
                    "{a} and {b} cannot be compared; give {limit}: `trapline show` says what a file is"
                )))
            }
        }
    }

    fn text(&self, comparison: &Comparison) -> String {
        let mut text: String =
            comparison.described.iter().chain(&comparison.missing).map(|line| format!("{line}\n")).collect();
        if !comparison.differences.is_empty() {
            let headings = ["dataset", "at", "numbers", "differ", "relative", "of allowed", "a", "b"];
            // Where nothing is allowed there is nothing to be a part of.
            let shown = |column: &usize| self.tolerance > 0.0 || *column != 5;
            let columns: Vec<usize> = (0..headings.len()).filter(shown).collect();
            let mut table = Table::new(columns.iter().map(|&column| headings[column]), 2);
            for of in &comparison.differences {
                let [a, b] = of.values;
                let cells = [
                    of.name.clone(),
                    of.at.clone(),
                    of.numbers.to_string(),
                    of.differ.to_string(),
                    format!("{:.1e}", of.largest),
                    of.times_allowed.map_or_else(String::new, |times| format!("{times:.1e}")),
                    format!("{a:e}"),
                    format!("{b:e}"),
                ];
                table.row(columns.iter().map(|&column| cells[column].clone()));
            }
            text.push_str(&table.render());
        }
        let within = if self.tolerance > 0.0 { format!(" within {:e}", self.tolerance) } else { String::new() };
        let common = comparison.common;
        let furthest = match &comparison.furthest {
            None => String::new(),
            Some(of) => match of.times_allowed {
                Some(times) => format!("; furthest apart is {}, by {times:.1e} of what is allowed", of.name),
                None => format!("; furthest apart is {}, by {:.1e} of the number", of.name, of.largest),
            },
        };
        text + &match comparison.is_same() {
            true => format!("the same results{within}: {common} in common{furthest}\n"),
            false if common == 0 => "they have nothing in common\n".to_owned(),
            false if comparison.differences.is_empty() => {
                format!("the {common} in common are the same{within}; one file has more than the other\n")
            }
            false => format!("they differ: {common} in common{furthest}\n"),
        }
    }
}
