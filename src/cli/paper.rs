//! `trapline paper`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use trapline::analysis::Table;
use trapline::campaign::{now, provenance};
use trapline::cell::counted::Electrons;
use trapline::dataset::Dataset;
use trapline::experiment::mnist::{Mnist, idx};
use trapline::figure;
use trapline::files::commit::Batch;
use trapline::outcome::ExperimentLabel;
use trapline::paper::claims::{self, Condition, Finding, Judged};
use trapline::paper::digits;
use trapline::paper::figures::{self, FIGURES, Figure};
use trapline::paper::measure::Raw;
use trapline::paper::page::{self, Shown};
use trapline::paper::raw::{BATCHES, Laboratory};
use trapline::paper::{claims_of, judge};
use trapline::record;

use super::computing::{self, Computing};
use super::drawing::Looks;
use super::electrons::OfCells;
use super::{Failure, outputs, size, terminal};

/// Reproduces the source paper: figures, raw data, claims and one HTML page
///
/// Each claim of the paper is met or contradicted by the simulation, and claims/paper.toml says which is expected.
/// Exit code 1 where a verdict is not the expected one, in either direction.
#[derive(Debug, Args)]
pub struct Paper {
    /// Folder for paper.h5, claims.json, index.html and the figures
    #[arg(long, short, value_name = "DIR", default_value = "paper")]
    output: PathBuf,
    /// Only this figure, as the paper numbers it: 3g, S12
    #[arg(long, value_name = "N")]
    figure: Option<String>,
    /// Folder with the four files of MNIST, for Figures 5a to 5d (see `trapline mnist --help`)
    #[arg(long, value_name = "DIR")]
    mnist: Option<PathBuf>,
    /// Seed of variation and noise
    #[arg(long, value_name = "N", value_parser = size::seed, default_value = "1", allow_hyphen_values = true)]
    seed: u64,
    /// How the electrons of cells are taken [default: counted, where a cell has up to 2e6 dots]
    #[arg(long, value_enum, value_name = "HOW")]
    electrons: Option<OfCells>,
    #[command(flatten)]
    computing: Computing,
    /// Replaces the page and figures of an earlier call in the folder, all of them
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    looks: Looks,
    /// Prints the findings as JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Prints the findings only
    #[arg(long, short)]
    quiet: bool,
}

impl Paper {
    /// Runs the experiments, measures, draws, and says what holds; exit code 1 where a verdict is not the expected one.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let (start, started) = (Instant::now(), now());
        let only = self.only()?;
        let look = self.looks.look(true)?.unwrap_or_default();
        let pictures = self.mnist.as_ref().map(|folder| idx::load(folder)).transpose()?;
        let backend = self.computing.open()?;
        let record_path = self.output.join("paper.h5");
        outputs::record_name(&record_path)?;
        if self.output.is_dir() {
            outputs::free(&self.outputs(), self.force)?;
            only.map_or(Ok(()), |figure| self.no_other_figures(figure))?;
        }
        std::fs::create_dir_all(&self.output)
            .map_err(|e| Failure::Failed(format!("{}: cannot be made: {e}", self.output.display())))?;
        let note = |line: &str| {
            if !self.quiet {
                terminal::note(line);
            }
        };
        note(&computing::heading(&backend.identity()));

        let mut lab = Laboratory::new(backend.as_ref(), self.seed, Electrons::MeanField)?;
        lab.electrons = OfCells::of_cells(self.electrons, &lab.qd, true);
        let wanted = |batch: &str| only.is_none_or(|figure| figure.batches.contains(&batch));
        let mut raw: Vec<Dataset> = Vec::new();
        for (name, serves, run) in BATCHES.iter().filter(|batch| wanted(batch.0)) {
            note(&format!("{name}: Figures {}", serves.join(", ")));
            raw.extend(run(&lab)?);
        }
        if let Some(data) = &pictures {
            note("mnist: Figures 5a, 5b, 5c, 5d");
            raw.extend(self.digits(&lab, data)?);
        }
        let all = claims::parse(claims::TEXT).map_err(Failure::Failed)?;
        let chosen = match only {
            Some(figure) => claims_of(&all, figure),
            None => all,
        };
        let findings = judge(&chosen, &raw);
        let label = ExperimentLabel {
            command: "paper".to_owned(),
            title: match only {
                Some(figure) => format!("Figure {} of the source paper", figure.id),
                None => "The source paper, simulated".to_owned(),
            },
            materials: [&lab.qd, &lab.ns, &lab.pi].map(|m| (m.name.clone(), m.text.clone())).to_vec(),
            seed: self.seed,
            notes: Vec::new(),
        };
        let made = provenance(trapline::PROGRAM, &backend.identity(), started);
        let mut batch = Batch::new();
        record::stage_datasets(&mut batch, &record_path, &label, &made, &raw)?;
        let mut shown = Vec::new();
        let drawn = |f: &Figure| only.is_none_or(|one| one.id == f.id) && (pictures.is_some() || !f.needs_mnist());
        for figure in FIGURES.iter().filter(|f| drawn(f)) {
            let plate = (figure.draw)(&Raw(&raw)).map_err(|e| Failure::Failed(e.to_string()))?;
            let stem = self.output.join(format!("figure-{}", figure.id));
            figure::stage_plate(&mut batch, &plate, &stem, &look)?;
            shown.push(Shown {
                id: figure.id.to_owned(),
                caption: figure.caption.to_owned(),
                drawing: figure::page_drawing(&plate)?,
                claims: claims_of(&chosen, figure).into_iter().map(|claim| claim.id).collect(),
            });
        }
        let json = json(&findings)?;
        batch.text(&self.output.join("claims.json"), &json)?;
        batch.text(&self.output.join("index.html"), &page::page(&label, &made, &findings, &shown))?;
        let written = batch.destinations();
        let placed = outputs::place(batch, self.force, &self.output);
        terminal::print(&if self.json { json } else { table(&findings) })?;
        placed?;
        if self.force {
            // Of an earlier call, which may have drawn more: the page must not stand beside strangers.
            outputs::remove(self.figures().filter(|figure| !written.contains(figure)))?;
        }
        note("what each claim says, how it is measured, from which data and by which command: index.html, claims.json");
        note(&format!(
            "wrote {} files in {} in {}",
            written.len(),
            self.output.display(),
            terminal::waited(start.elapsed())
        ));
        match claims::surprises(&findings) {
            Some(differ) => Err(Failure::Failed(differ)),
            None => Ok(()),
        }
    }

    fn only(&self) -> Result<Option<&'static Figure>, Failure> {
        let Some(id) = &self.figure else {
            return Ok(None);
        };
        let names = |figure: &'static Figure| std::iter::once(figure.id).chain(figure.also.iter().copied());
        let known = || FIGURES.iter().flat_map(names).collect::<Vec<_>>().join(", ");
        match figures::find(id) {
            Some(figure) if figure.needs_mnist() && self.mnist.is_none() => Err(Failure::Usage(format!(
                "--figure {id} is drawn from MNIST; name the folder of its four files with --mnist DIR (see trapline mnist --help)"
            ))),
            Some(figure) if !figure.needs_mnist() && self.mnist.is_some() => {
                Err(Failure::Usage(format!("--figure {id} needs no MNIST; leave --mnist away, or --figure")))
            }
            Some(figure) => Ok(Some(figure)),
            None => Err(Failure::Usage(format!("--figure {id:?} is not simulated; it must be one of {}", known()))),
        }
    }

    /// Files of all figures there are, whether this call draws them or not.
    fn figures(&self) -> impl Iterator<Item = PathBuf> {
        let each = FIGURES.iter().flat_map(|figure| figure::ENDINGS.map(|ending| (figure, ending)));
        each.map(|(figure, ending)| self.output.join(format!("figure-{}.{ending}", figure.id)))
    }

    /// One figure does not take the place of a page of many, with `--force` either.
    fn no_other_figures(&self, only: &Figure) -> Result<(), Failure> {
        let own = format!("figure-{}", only.id);
        let is_other = |path: &PathBuf| path.file_stem().is_some_and(|stem| *stem != *own) && path.exists();
        match self.figures().find(is_other) {
            None => Ok(()),
            Some(other) => Err(Failure::Usage(format!(
                "{} belongs to a page of other figures, which --figure would replace; choose another folder with -o",
                other.display()
            ))),
        }
    }

    /// Everything that belongs to the page.
    fn outputs(&self) -> Vec<PathBuf> {
        let named = ["paper.h5", "claims.json", "index.html"].map(|name| self.output.join(name));
        named.into_iter().chain(self.figures()).collect()
    }

    /// The experiments on MNIST.
    fn digits(&self, lab: &Laboratory, data: &Mnist) -> Result<Vec<Dataset>, Failure> {
        let bar = terminal::bar(digits::ALL_PRESENTATIONS, "digits", self.quiet);
        let untrained = digits::untrained(lab, data)?;
        let learnt = digits::learnt(lab, data, &|shown| bar.inc(u64::from(shown)));
        bar.finish_and_clear();
        Ok(std::iter::once(untrained).chain(learnt?).collect())
    }
}

fn table(findings: &[Finding]) -> String {
    let mut table = Table::new(["claim", "figure", "band", "simulated", "found", "expected", ""], 3);
    for judged in findings.iter().flat_map(Finding::judged) {
        let claim = judged.claim;
        let (name, figure) = match judged.reading {
            None => (claim.id.clone(), claim.figure.clone()),
            Some(reading) => (format!("  {}", reading.name), String::new()),
        };
        let value = judged.measured.map_or_else(|| "-".to_owned(), |m| judged.band.with_unit(m.value));
        let marks = [(judged.differs(), "NOT AS EXPECTED"), (judged.follows_from.is_some(), "put in")];
        let marks = marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark).collect::<Vec<_>>().join(", ");
        let (found, expected) = (judged.found.word().to_owned(), judged.expected.word().to_owned());
        table.row([name, figure, judged.band.words(), value, found, expected, marks]);
    }
    let mut text = table.render();
    for finding in findings {
        for judged in finding.judged() {
            let broken = judged.measured.iter().flat_map(|m| &m.conditions).filter(|c| !c.holds);
            text.extend(broken.map(|condition| format!("{}: not so: {}\n", judged.name(), condition.text)));
        }
        if let Err(why) = &finding.measured {
            text.push_str(&format!("{}: {why}\n", finding.claim.id));
        }
    }
    if findings.iter().flat_map(Finding::judged).any(|j| j.follows_from.is_some()) {
        text.push_str("put in: it follows from what was put into the material or the model, and predicts nothing; index.html says from what\n");
    }
    text
}

/// A verdict with its band and what it rests on.
fn verdict_json(judged: &Judged<'_>) -> serde_json::Map<String, serde_json::Value> {
    let (m, band) = (judged.measured, judged.band);
    let fields = serde_json::json!({
        "band": band.words(),
        "target": band.target,
        "within": band.within,
        "at_least": band.at_least,
        "at_most": band.at_most,
        "unit": band.unit,
        "value": m.map(|m| m.value),
        "found": judged.found.word(),
        "expected": judged.expected.word(),
        "as_expected": !judged.differs(),
        "follows_from": judged.follows_from,
        "from": m.map(|m| m.from.clone()),
        "conditions": m.map(|m| m.conditions.iter().map(condition_json).collect::<Vec<_>>()).unwrap_or_default(),
        "beside": m.map(|m| m.beside.iter().map(|(n, v)| serde_json::json!({"name": n, "value": v})).collect::<Vec<_>>()).unwrap_or_default(),
    });
    match fields {
        serde_json::Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

fn condition_json(condition: &Condition) -> serde_json::Value {
    serde_json::json!({"text": condition.text, "holds": condition.holds, "of_the_data": condition.of_the_data})
}

fn json(findings: &[Finding]) -> Result<String, Failure> {
    let row = |finding: &Finding| {
        let (claim, judged) = (&finding.claim, finding.judged());
        let mut fields = serde_json::Map::new();
        let mut add = |key: &str, value: serde_json::Value| fields.insert(key.to_owned(), value);
        add("id", claim.id.clone().into());
        add("figure", claim.figure.clone().into());
        add("says", claim.says.clone().into());
        add("measure", claim.measure.clone().into());
        add("ordinal", claim.ordinal.into());
        let mut readings = Vec::new();
        for one in &judged {
            let verdict = verdict_json(one);
            match one.reading {
                None => verdict.into_iter().for_each(|(key, value)| drop(add(&key, value))),
                Some(reading) => {
                    let mut named = serde_json::Map::new();
                    named.insert("name".to_owned(), reading.name.clone().into());
                    named.insert("measure".to_owned(), reading.measure.clone().into());
                    named.extend(verdict);
                    readings.push(serde_json::Value::Object(named));
                }
            }
        }
        add("readings", readings.into());
        add("not_run", finding.measured.as_ref().err().cloned().into());
        add("command", finding.command.clone().into());
        serde_json::Value::Object(fields)
    };
    let rows: Vec<_> = findings.iter().map(row).collect();
    terminal::json(&rows)
}
