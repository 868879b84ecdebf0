//! `trapline analyze`.

use std::path::{Path, PathBuf};

use clap::Args;
use trapline::analysis::report::{self, LifetimeReport, Question};
use trapline::figure::{self, Look};
use trapline::files::commit::Batch;
use trapline::outcome::CampaignRecord;
use trapline::record::Record;
use trapline::report::{Attachment, page};
use trapline::units::{ZERO_CELSIUS_K, kelvin};

use super::drawing::Looks;
use super::reading::{self, Extent};
use super::{Failure, amounts, outputs, terminal};

/// Lifetimes from a campaign's counts of failed cells: fits, activation energies, and lives at use, all with bounds
#[derive(Debug, Args)]
#[command(after_help = "\
A cell's lifetime ends when it keeps less than the campaign's threshold of its window, or is first read so; it is known to the checkpoint. docs/lifetime.md \
says what is computed, and how to read it.")]
pub struct Analyze {
    /// Records of campaigns; each is reported on by itself
    #[arg(required = true, value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// Folder for index.html and its figures, report.json, lifetimes.csv and curves.csv, in a folder of its own for
    /// each of several records; without it the summary is printed only
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Temperatures of use, °C
    #[arg(long, value_name = "C", value_parser = celsius, value_delimiter = ',', default_value = "85", allow_hyphen_values = true)]
    use_temperature: Vec<f64>,
    /// Failed cells in a million whose times are told; the first is the one that tables show
    #[arg(long, value_name = "N", value_parser = ppm, value_delimiter = ',', default_value = "1000", allow_hyphen_values = true)]
    ppm: Vec<f64>,
    /// Confidence of all bounds
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0.9", allow_hyphen_values = true)]
    confidence: f64,
    /// Lets lines go across a break, above the glass transition, and as far as asked; their bounds then mean little
    #[arg(long)]
    extrapolate_across_break: bool,
    /// Keeps the seeds of a sweep apart, in the place of pooling their cells
    #[arg(long)]
    separate_seeds: bool,
    /// Replaces a report that exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    looks: Looks,
    /// Prints the report as JSON, of several records as a list
    #[arg(long)]
    json: bool,
    /// Prints no remarks on the run
    #[arg(long, short)]
    quiet: bool,
}

/// What a report consists of.
const FILES: [&str; 3] = ["report.json", "lifetimes.csv", "curves.csv"];
/// What those hold.
const HOLD: [&str; 3] = [
    "everything on this page, with all digits",
    "fits, times and lives: a row for each temperature and fraction",
    "failed cells at each checkpoint, with bounds and the fitted laws",
];
const PAGE: &str = "index.html";

/// Everything that may lie in a report's folder.
fn names() -> impl Iterator<Item = String> {
    outputs::names(FILES.into_iter().chain([PAGE]), figure::lifetime::NAMES)
}

impl Analyze {
    /// Reads, reports, writes.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let folders = self.folders()?;
        let look = self.looks.look(self.output.is_some())?;
        let outputs: Vec<PathBuf> =
            folders.iter().flatten().flat_map(|folder| names().map(|name| folder.join(name))).collect();
        if let Some(file) = folders.iter().flatten().find(|folder| folder.exists() && !folder.is_dir()) {
            let file = file.display();
            return Err(Failure::Failed(format!(
                "{file}: cannot be made: it is no folder; choose another one with -o"
            )));
        }
        let there: Vec<PathBuf> =
            outputs.iter().filter(|path| path.parent().is_some_and(Path::is_dir)).cloned().collect();
        outputs::free(&there, self.force)?;
        outputs::not_inputs(&outputs, &self.records)?;
        let question = self.question();
        let (mut reports, mut written): (_, Result<usize, Failure>) = (Vec::new(), Ok(0));
        for (path, folder) in self.records.iter().zip(&folders) {
            let record = open(path)?;
            let report = report::report(&record, &question).map_err(|error| Failure::Usage(error.to_string()))?;
            if let (Some(folder), Some(look)) = (folder, &look) {
                let added = self.write(&record, &report, folder, look);
                written = written.and_then(|files| Ok(files + added?));
            }
            reports.push(report);
        }
        let printed = match (self.json, &reports[..]) {
            (true, [one]) => terminal::json(one)?,
            (true, all) => terminal::json(&all)?,
            (false, all) => all.iter().map(report::text).collect::<Vec<_>>().join("\n"),
        };
        terminal::print(&printed)?;
        // The result is printed even if its files cannot be written.
        let written = written?;
        if let (Some(folder), false) = (&self.output, self.quiet) {
            terminal::note(&format!("wrote {written} files in {}", folder.display()));
        }
        Ok(())
    }

    fn question(&self) -> Question {
        Question {
            confidence: self.confidence,
            fractions: self.ppm.iter().map(|ppm| 1e-6 * ppm).collect(),
            use_temperatures_k: self.use_temperature.iter().map(|&c| kelvin(c)).collect(),
            across_break: self.extrapolate_across_break,
            pool_seeds: !self.separate_seeds,
        }
    }

    /// The folder of each record's report; none where none is written.
    fn folders(&self) -> Result<Vec<Option<PathBuf>>, Failure> {
        let Some(folder) = &self.output else {
            return Ok(vec![None; self.records.len()]);
        };
        if self.records.len() == 1 {
            return Ok(vec![Some(folder.clone())]);
        }
        let mut folders: Vec<Option<PathBuf>> = Vec::new();
        for record in &self.records {
            let own = folder.join(record.file_stem().unwrap_or(record.as_os_str()));
            if folders.iter().flatten().any(|other| *other == own) {
                return Err(Failure::Usage(format!(
                    "{} would be the report of two records; analyze them one by one",
                    own.display()
                )));
            }
            folders.push(Some(own));
        }
        Ok(folders)
    }

    /// Writes everything that belongs to a record's report; the number of files.
    fn write(
        &self,
        record: &CampaignRecord,
        report: &LifetimeReport,
        folder: &Path,
        look: &Look,
    ) -> Result<usize, Failure> {
        std::fs::create_dir_all(folder).map_err(|e| {
            Failure::Failed(format!("{}: cannot be made: {e}; choose another folder with -o", folder.display()))
        })?;
        let mut batch = Batch::new();
        let texts = [terminal::json(report)?, report::lifetimes_csv(report), report::curves_csv(report)];
        for (name, text) in FILES.iter().zip(texts) {
            batch.text(&folder.join(name), &text)?;
        }
        let figures = figure::lifetime::lifetime(record, report)?;
        figure::lifetime::stage(&mut batch, &figures, folder, look)?;
        let beside: Vec<Attachment> = FILES.iter().zip(HOLD).map(|(&name, holds)| Attachment { name, holds }).collect();
        batch.text(&folder.join(PAGE), &page(record, report, &figures, &beside, trapline::PROGRAM)?)?;
        let written = batch.destinations();
        outputs::place(batch, self.force, folder)?;
        if self.force {
            // A figure of an earlier report that is not drawn now would be taken for a part of this one.
            outputs::remove(names().map(|name| folder.join(name)).filter(|path| !written.contains(path)))?;
        }
        Ok(written.len())
    }
}

/// A campaign, or one point of it.
fn open(path: &Path) -> Result<CampaignRecord, Failure> {
    let shown = path.display();
    match reading::open(path, Extent::Everything)? {
        Record::Campaign(record) | Record::Point(record, _) => Ok(record),
        Record::Unfinished(_) => Err(Failure::Usage(format!(
            "{shown} is a campaign in progress; finish it with trapline run --resume, or take what is there with trapline merge {shown} \
             --partial -o OTHER.h5"
        ))),
        Record::Experiment(_) => {
            Err(Failure::Usage(format!("{shown} holds an experiment, not a campaign; give a record of trapline run")))
        }
    }
}

fn number(text: &str, limit: &str, holds: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.trim().parse().ok().filter(|&value: &f64| value.is_finite() && holds(value)).ok_or_else(|| limit.to_owned())
}

fn celsius(text: &str) -> Result<f64, String> {
    let celsius = amounts::celsius(text).ok().filter(|c| *c > -ZERO_CELSIUS_K && *c <= 1000.0);
    celsius.ok_or_else(|| "it must be a temperature above -273.15 °C, at most 1000 °C, or one with K".to_owned())
}

fn ppm(text: &str) -> Result<f64, String> {
    number(text, "it must be more than 0 and less than 1000000, for example 1000", |ppm| ppm > 0.0 && ppm < 1e6)
}

fn share(text: &str) -> Result<f64, String> {
    number(text, "it must be more than 0 and less than 1, for example 0.9", |share| share > 0.0 && share < 1.0)
}
