//! `trapline scale`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use trapline::analysis::scaling::{self, Scaling};
use trapline::campaign::{Destination, Overrides, Plan, Shard};
use trapline::figure::{Look, scaling as figures};
use trapline::files::commit::Batch;
use trapline::outcome::CampaignRecord;
use trapline::record::Record;
use trapline::report::{Attachment, scaling_page};

use super::computing::Computing;
use super::drawing::{Drawing, Looks};
use super::reading::{self, Extent};
use super::run::{Changes, Run};
use super::{Failure, outputs, terminal};

const MORE: &str = "\
A study is a campaign with [study]: `trapline plan` foretells it, --resume goes on with it, --shard and `trapline slurm` divide it; `trapline merge` \
puts pieces together, and `trapline scale RECORD -o DIR` makes the page of a record. docs/scaling.md says what is computed.";

/// How large arrays may become, how small cells, and how hot: studies over sizes, with figures and a page
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub struct Scale {
    /// A study, or the record of one
    #[arg(required_unless_present_any = ["list", "print"])]
    file: Option<PathBuf>,
    /// Folder for the record, index.html and its figures, answers.csv, figures.csv and answers.json
    #[arg(long, short, value_name = "DIR", required_unless_present_any = ["list", "print"])]
    output: Option<PathBuf>,
    /// Lists the studies that come with the program
    #[arg(long, conflicts_with_all = ["file", "output", "print"])]
    list: bool,
    /// Prints one of them, to be changed: --print array-size > mine.toml
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "output"])]
    print: Option<String>,
    /// Replaces what an earlier study left in the folder
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    looks: Looks,
    /// Goes on with an interrupted study: its finished points are kept
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    #[command(flatten)]
    changes: Changes,
    /// Computes one piece of so many, of equal work: 3/16
    #[arg(long, value_name = "N/OF")]
    shard: Option<Shard>,
    #[command(flatten)]
    computing: Computing,
    /// Prints the answers only
    #[arg(long, short)]
    quiet: bool,
    /// Prints the answers as JSON
    #[arg(long)]
    json: bool,
    /// Appends what happens, with times, to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Studies that come with the program, with their texts.
const STUDIES: [(&str, &str); 4] = [
    ("array-size", include_str!("../../studies/array-size.toml")),
    ("array-matters", include_str!("../../studies/array-matters.toml")),
    ("array-temperature", include_str!("../../studies/array-temperature.toml")),
    ("cell-size", include_str!("../../studies/cell-size.toml")),
];

const PAGE: &str = "index.html";
/// Files beside the page, and what they hold.
const FILES: [(&str, &str); 3] = [
    ("answers.json", "the answers and the cases, with all digits"),
    ("answers.csv", "the answers: a row for each case and limit"),
    ("figures.csv", "every figure: a row for each case, seed and size"),
];

impl Scale {
    /// Computes the study, or reads its record; writes the page; says what was found.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        if self.list {
            return terminal::print(&listed());
        }
        if let Some(name) = &self.print {
            return match STUDIES.iter().find(|(known, _)| known == name) {
                Some((_, text)) => terminal::print(text),
                None => {
                    let known: Vec<&str> = STUDIES.iter().map(|(name, _)| *name).collect();
                    Err(Failure::Usage(format!(
                        "--print {name}: there is no such study; there are {}",
                        known.join(", ")
                    )))
                }
            };
        }
        let (Some(file), Some(folder)) = (self.file.clone(), self.output.clone()) else { return Ok(()) };
        let look = self.looks.look(true)?.unwrap_or_default();
        if folder.exists() && !folder.is_dir() {
            return Err(Failure::Usage(format!("{}: is no folder; choose another one with -o", folder.display())));
        }
        let is_record = is_hdf5(&file);
        let pages: Vec<PathBuf> = names().map(|name| folder.join(name)).collect();
        if folder.is_dir() {
            outputs::free(&pages, self.force || self.resume)?;
        }
        if is_record && (self.resume || self.shard.is_some() || self.changes.overrides() != Overrides::default()) {
            let what = "--resume, --shard, --rows, --cols, --seed and --electrons are of a study that is computed";
            return Err(Failure::Usage(format!("{what}; leave them out beside a record, {}", file.display())));
        }
        outputs::not_inputs(&pages, std::slice::from_ref(&file))?;
        let path = if is_record { file } else { self.computed(file, &folder)? };
        if self.shard.is_some() {
            return Ok(());
        }
        let found_record = opened(&path)?;
        let found = answered(&path, &found_record)?;
        let written = self.write(&found_record, &found, &folder, &look);
        let text = if self.json { terminal::json(&found)? } else { said(&found) };
        terminal::print(&text)?;
        // The answers are printed even if their files cannot be written.
        let written = written?;
        if !self.quiet {
            terminal::note(&format!(
                "wrote {written} files in {}; look at {}",
                folder.display(),
                folder.join(PAGE).display()
            ));
        }
        Ok(())
    }

    /// Runs the campaign of the study; its record.
    fn computed(&self, file: PathBuf, folder: &Path) -> Result<PathBuf, Failure> {
        let plan = Plan::load(&file, &self.changes.overrides())?;
        let shown = file.display();
        scaling::question(&plan.label.campaign_toml).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
        std::fs::create_dir_all(folder).map_err(|e| {
            Failure::Failed(format!("{}: cannot be made: {e}; choose another folder with -o", folder.display()))
        })?;
        let record = folder.join(format!("{}.h5", plan.label.name));
        let run = Run {
            file,
            output: Some(record.clone()),
            force: self.force,
            // A study that was never begun begins.
            resume: self.resume && (record.exists() || Destination::new(&record, &[])?.parts.exists()),
            changes: self.changes.clone(),
            shard: self.shard,
            computing: self.computing.clone(),
            no_plot: true,
            drawing: Drawing::default(),
            quiet: self.quiet,
            json: false,
            no_summary: true,
            log: self.log.clone(),
        };
        run.run()?;
        Ok(record)
    }

    /// Writes the page and what lies beside it; the number of files.
    fn write(&self, record: &CampaignRecord, found: &Scaling, folder: &Path, look: &Look) -> Result<usize, Failure> {
        std::fs::create_dir_all(folder).map_err(|e| {
            Failure::Failed(format!("{}: cannot be made: {e}; choose another folder with -o", folder.display()))
        })?;
        let mut batch = Batch::new();
        let texts = [terminal::json(found)?, scaling::answers_csv(found), scaling::figures_csv(found)];
        for ((name, _), text) in FILES.iter().zip(texts) {
            batch.text(&folder.join(name), &text)?;
        }
        let drawn = figures::scaling(found);
        figures::stage(&mut batch, &drawn, folder, look)?;
        let beside: Vec<Attachment> = FILES.iter().map(|&(name, holds)| Attachment { name, holds }).collect();
        batch.text(&folder.join(PAGE), &scaling_page(record, found, &drawn, &beside, trapline::PROGRAM)?)?;
        let written = batch.destinations();
        let replaces = self.force || self.resume;
        outputs::place(batch, replaces, folder)?;
        if replaces {
            outputs::remove(names().map(|name| folder.join(name)).filter(|path| !written.contains(path)))?;
        }
        Ok(written.len())
    }
}

/// Everything that may lie in a study's folder beside its record.
fn names() -> impl Iterator<Item = String> {
    outputs::names(FILES.iter().map(|(name, _)| *name).chain([PAGE]), figures::NAMES)
}

/// Whether a file begins as HDF5 does; what is wrong with it is told when it is opened.
fn is_hdf5(path: &Path) -> bool {
    const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
    let mut first = [0; 8];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && first == *SIGNATURE
}

fn listed() -> String {
    let title = |text: &str| {
        let first = text.lines().find_map(|line| line.strip_prefix("# "));
        first.unwrap_or_default().to_owned()
    };
    let lines = STUDIES.iter().map(|(name, text)| format!("studies/{name}.toml  {}\n", title(text)));
    lines.collect::<String>()
        + "\n`trapline scale --print NAME` prints one (`--print array-size > mine.toml`): change what you like, and run it with `trapline scale FILE -o DIR`.\n"
}

fn opened(path: &Path) -> Result<CampaignRecord, Failure> {
    let shown = path.display();
    match reading::open(path, Extent::Summary)? {
        Record::Campaign(record) => Ok(record),
        Record::Unfinished(_) => Err(Failure::Usage(format!(
            "{shown} is a study in progress; finish it with --resume, or take what is there with trapline merge {shown} --partial -o OTHER.h5"
        ))),
        Record::Point(..) | Record::Experiment(_) => Err(Failure::Usage(format!(
            "{shown} is not the record of a study; give one of trapline scale or trapline run"
        ))),
    }
}

fn answered(path: &Path, record: &CampaignRecord) -> Result<Scaling, Failure> {
    scaling::scaling(record).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

fn said(found: &Scaling) -> String {
    format!("{}\n{}\n", scaling::table(found), scaling::paragraph(found).join("\n"))
}
