//! `trapline init`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use trapline::calibrate;
use trapline::files::commit::Batch;
use trapline::material::draft::Draft;
use trapline::material::{self, MaterialError};

use super::{Failure, outputs, schema, terminal};

/// What there is a starter of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A campaign: two materials baked at eight temperatures; every key there is, with a word on each
    Campaign,
    /// A campaign that asks for lifetimes, for `trapline analyze`
    Lifetime,
    /// A campaign whose parts are judged lot by lot, for `trapline qualify`
    Qualification,
    /// A study of array sizes, for `trapline scale`
    Study,
    /// A waveform for `trapline iv`: a sweep to both polarities
    Waveform,
    /// A material: every number with its unit and its source
    Material,
    /// A folder with a fit file, its measured curves and the material it starts from
    Fit,
}

/// The file of a starter, where it is one of text as it is.
const CAMPAIGN: &str = include_str!("../../campaigns/bake.toml");
const LIFETIME: &str = include_str!("../../campaigns/lifetime.toml");
const QUALIFICATION: &str = include_str!("../../campaigns/qualification/uncycled-retention.toml");
const STUDY: &str = include_str!("../../studies/array-size.toml");
const WAVEFORM: &str = "\
# A waveform for trapline iv: parts, one after the other. Keys carry their unit: _s seconds, _v volts.
#
#     trapline iv --waveform waveform.toml -o iv.h5
#
# Staircases from 0 V and back, here to both polarities:
program = [
    { sweeps = 1, sweep_to_v = 5.0, step_v = 0.05, dwell_s = 3.9e-4 },
    { sweeps = 1, sweep_to_v = -5.0, step_v = 0.05, dwell_s = 3.9e-4 },
]
# Pulse trains are parts too:
#     { pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }
# Or columns of a file, in the place of program, with what guessing does not find in it:
#     file = \"w.csv\"
#     columns = { time_s = \"Zeit (ms)\", bias_v = 2 }
";
/// The files of a fit.
const FIT: [(&str, &str); 3] = [
    ("fit.toml", include_str!("../../fits/example/fit.toml")),
    ("iv.csv", include_str!("../../fits/example/iv.csv")),
    ("retention.csv", include_str!("../../fits/example/retention.csv")),
];
/// The material that a fit starts from, and that a starter of a material is a copy of.
const MATERIAL: &str = "pi-ws2-qd";
const START: &str = "start.toml";

/// Writes a file to begin with, with a comment on every key, and the schema by which editors complete and check it
#[derive(Debug, Args)]
pub struct Init {
    /// What to begin with
    #[arg(value_enum, default_value_t = Kind::Campaign)]
    kind: Kind,
    /// The file to write, or for a fit the folder [default: the kind and .toml; for a fit: fit]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replaces files that exist
    #[arg(long)]
    force: bool,
    /// Prints the file, and writes nothing
    #[arg(long, conflicts_with_all = ["output", "force"])]
    print: bool,
}

impl Init {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        if self.print {
            return terminal::print(&self.text(Path::new("material.toml"))?);
        }
        let name = self.kind.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
        let path = self.output.clone().unwrap_or_else(|| match self.kind {
            Kind::Fit => PathBuf::from("fit"),
            _ => PathBuf::from(format!("{name}.toml")),
        });
        let mut files = match self.kind {
            Kind::Fit => of_fit(&path)?,
            _ => vec![(path.clone(), self.text(&path)?)],
        };
        let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
        outputs::free(&paths, self.force)?;
        // The schema serves every file of its kind in the folder; one that lies there already stays.
        for kind in self.schemas() {
            let folder = paths[0].parent().unwrap_or(Path::new(""));
            let schema = folder.join(schema_name(*kind));
            if !schema.exists() {
                files.push((schema, schema::text(*kind)?));
            }
        }
        let mut batch = Batch::new();
        for (path, text) in &files {
            batch.text(path, text)?;
        }
        outputs::place(batch, self.force, &path.with_extension(""))?;
        let written: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
        terminal::print(&format!("wrote {}\n{}", written.join(", "), self.next(&path)))
    }

    fn text(&self, path: &Path) -> Result<String, Failure> {
        let text = match self.kind {
            Kind::Campaign => CAMPAIGN.to_owned(),
            Kind::Lifetime => LIFETIME.to_owned(),
            Kind::Qualification => QUALIFICATION.to_owned(),
            Kind::Study => STUDY.to_owned(),
            Kind::Waveform => WAVEFORM.to_owned(),
            Kind::Material => {
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                calibrate::check_name(&name)?;
                named(&name)?
            }
            Kind::Fit => FIT[0].1.to_owned(),
        };
        Ok(with_schema(&text, self.schemas()[0]))
    }

    /// The schemas of the files it writes.
    fn schemas(&self) -> &'static [schema::Kind] {
        match self.kind {
            Kind::Campaign | Kind::Lifetime | Kind::Qualification | Kind::Study => &[schema::Kind::Campaign],
            Kind::Waveform => &[schema::Kind::Waveform],
            Kind::Material => &[schema::Kind::Material],
            Kind::Fit => &[schema::Kind::Fit, schema::Kind::Material],
        }
    }

    /// What to do next, a line each.
    fn next(&self, path: &Path) -> String {
        let shown = path.display();
        let record = path.with_extension("h5");
        let record = record.display();
        match self.kind {
            Kind::Campaign => {
                format!("next: trapline check {shown}\n      trapline run {shown} --rows 256 --cols 256 -o {record}\n")
            }
            Kind::Lifetime => {
                format!(
                    "next: trapline check {shown}\n      trapline run {shown} -o {record}\n      trapline analyze {record}\n"
                )
            }
            Kind::Qualification => {
                format!(
                    "next: trapline check {shown}\n      trapline run {shown} -o {record}\n      trapline qualify {record}\n"
                )
            }
            Kind::Study => {
                format!(
                    "next: trapline check {shown}\n      trapline plan {shown}\n      trapline scale {shown} -o study/\n"
                )
            }
            Kind::Waveform => format!("next: trapline check {shown}\n      trapline iv --waveform {shown}\n"),
            Kind::Material => {
                format!(
                    "next: edit it, each number with its source; trapline check {shown}; trapline retain --material {shown}\n"
                )
            }
            Kind::Fit => {
                let [fit, start, mine] = ["fit.toml", START, "mine.toml"].map(|name| path.join(name));
                format!(
                    "next: put your curves in the place of iv.csv and retention.csv, and what you know into {START}\n      \
                     trapline check {fit} --material {start}\n      trapline fit {fit} --material {start} -o {mine}\n",
                    fit = fit.display(),
                    start = start.display(),
                    mine = mine.display()
                )
            }
        }
    }
}

fn schema_name(kind: schema::Kind) -> String {
    format!("trapline-{}.schema.json", kind.name())
}

/// A file with the line by which editors find its schema.
fn with_schema(text: &str, kind: schema::Kind) -> String {
    format!("#:schema ./{}\n{text}", schema_name(kind))
}

/// The shipped material under another name.
fn named(name: &str) -> Result<String, Failure> {
    let shipped = material::shipped(MATERIAL).map_err(|error: MaterialError| Failure::Failed(error.to_string()))?;
    let mut draft = Draft::new(&shipped.text, MATERIAL).map_err(|error| Failure::Failed(error.to_string()))?;
    draft.set_name(name);
    Ok(draft.text())
}

/// The files of a fit in a folder, which is made.
fn of_fit(folder: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    if folder.exists() && !folder.is_dir() {
        return Err(Failure::Usage(format!("{}: is no folder; choose another one with -o", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(|e| {
        Failure::Failed(format!("{}: cannot be made: {e}; choose another folder with -o", folder.display()))
    })?;
    let mut files: Vec<_> = FIT.iter().map(|(name, text)| (folder.join(name), (*text).to_owned())).collect();
    files[0].1 = with_schema(&files[0].1, schema::Kind::Fit);
    files.push((folder.join(START), with_schema(&named("start")?, schema::Kind::Material)));
    Ok(files)
}
