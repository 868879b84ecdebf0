//! `trapline mnist`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use ndarray::{Ix1, Ix2, Ix3, Ix4, s};
use trapline::analysis::Table;
use trapline::backend::Backend;
use trapline::campaign::{now, provenance};
use trapline::circuit::error::SEGMENT_OHM;
use trapline::dataset::{Dataset, DatasetError};
use trapline::experiment::mnist::study::{self, Afterwards, Bakes};
use trapline::experiment::mnist::{self, Learning, Pairs, Plain, Scheme, idx};
use trapline::export;
use trapline::figure::{Look, Plate, digits};
use trapline::files::commit::Batch;
use trapline::material::{self, Material};
use trapline::outcome::ExperimentLabel;
use trapline::record;
use trapline::units::{kelvin, spoken_time};

use super::amounts;
use super::computing::{self, Computing};
use super::drawing::Drawing;
use super::electrons::OfCells;
use super::measure::within;
use super::{Failure, outputs, size, terminal};

const SOURCE: &str = "\
Cells are taken to be isolated, a switch at every one: a pulse is seen by its cell alone. In a passive array it would disturb the cells \
that share a line with it (`trapline learn --select half`), which is not simulated here.

MNIST (LeCun, Cortes, Burges) is four files: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and \
t10k-labels-idx1-ubyte, with .gz or without. They are at https://ossci-datasets.s3.amazonaws.com/mnist/ (11 MB); first published \
at http://yann.lecun.com/exdb/mnist/. trapline downloads nothing.";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemeName {
    /// Digit by digit, one cell a weight and a reference column: the paper's
    Plain,
    /// Batches of 200, two cells a weight
    Pairs,
}

/// Numbers of the scheme, where they are not its own.
#[derive(Debug, Args)]
struct Tuning {
    /// Bias of the pulse that raises a weight, V [default: the scheme's]
    #[arg(long, value_name = "V", value_parser = amounts::volts, allow_hyphen_values = true)]
    raise_bias: Option<f64>,
    /// Its width, s
    #[arg(long, value_name = "S", value_parser = amounts::seconds, allow_hyphen_values = true)]
    raise_width: Option<f64>,
    /// Bias of the pulse that lowers a weight, V
    #[arg(long, value_name = "V", value_parser = amounts::volts, allow_hyphen_values = true)]
    lower_bias: Option<f64>,
    /// Its width, s
    #[arg(long, value_name = "S", value_parser = amounts::seconds, allow_hyphen_values = true)]
    lower_width: Option<f64>,
    /// Pairs: probability of a pulse per unit of mean gradient, at the start
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    gain: Option<f64>,
    /// Pairs: what the outputs are multiplied by in the softmax
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    softmax_scale: Option<f64>,
}

impl Tuning {
    /// The scheme with what was asked for.
    fn scheme(&self, name: SchemeName) -> Result<Scheme, Failure> {
        let scheme = match name {
            SchemeName::Plain if self.gain.is_some() || self.softmax_scale.is_some() => {
                let of = "--gain and --softmax-scale are numbers of the scheme of pairs; add --scheme pairs";
                return Err(Failure::Usage(of.to_owned()));
            }
            SchemeName::Plain => Scheme::Plain(Plain::default()),
            SchemeName::Pairs => {
                let pairs = Pairs::default();
                Scheme::Pairs(Pairs {
                    gain: self.gain.unwrap_or(pairs.gain),
                    softmax_scale: self.softmax_scale.unwrap_or(pairs.softmax_scale),
                    ..pairs
                })
            }
        };
        let [mut raise, mut lower] = scheme.pulses();
        for (asked, number) in [
            (self.raise_bias, &mut raise.bias_v),
            (self.raise_width, &mut raise.width_s),
            (self.lower_bias, &mut lower.bias_v),
            (self.lower_width, &mut lower.width_s),
        ] {
            *number = asked.unwrap_or(*number);
        }
        let scheme = scheme.with_pulses([raise, lower]);
        scheme.check().map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(scheme)
    }
}

/// Learning of handwritten digits (MNIST) by a single layer of 784 x 10 weights in isolated cells
#[derive(Debug, Args)]
#[command(after_help = SOURCE)]
pub struct Mnist {
    /// Folder with the four files of MNIST, gzipped or not
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How an error becomes pulses
    #[arg(long, value_enum, default_value_t = SchemeName::Plain)]
    scheme: SchemeName,
    /// Digits shown, in the order of the training set and again from its start
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(mnist::learn::MAX_PRESENTATIONS)))]
    presentations: u32,
    /// Arrays that learn, one a seed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,
    /// The first seed
    #[arg(long, value_name = "N", value_parser = size::seed, default_value = "1", allow_hyphen_values = true)]
    seed: u64,
    /// A shipped material by name, or a file by path
    #[arg(long, value_name = "NAME", default_value = "pi-ws2-qd")]
    material: String,
    /// Ambient temperature of learning and reading, °C
    #[arg(long, value_name = "C", value_parser = amounts::celsius, default_value_t = 100.0, allow_hyphen_values = true)]
    temperature: f64,
    /// Every cell the nominal one
    #[arg(long)]
    no_variation: bool,
    /// Readings without noise
    #[arg(long)]
    no_noise: bool,
    /// How the electrons of cells are taken [default: counted, where a cell has up to 2e6 dots]
    #[arg(long, value_enum, value_name = "HOW")]
    electrons: Option<OfCells>,
    /// Bias of a reading, V
    #[arg(long, value_name = "V", value_parser = amounts::volts, default_value_t = 0.1, allow_hyphen_values = true)]
    read_bias: f64,
    /// Time of a reading, s
    #[arg(long, value_name = "S", value_parser = amounts::seconds, default_value_t = 1e-2, allow_hyphen_values = true)]
    read_time: f64,
    #[command(flatten)]
    tuning: Tuning,
    /// Tests on the last N digits of the training set, which are then not learnt, instead of on the test set
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    hold_out: Option<u32>,
    /// Tests every array again after bakes at 25 to 170 °C of up to ten years
    #[arg(long)]
    bake: bool,
    /// Tests every array again through wires of these resistances from cell to cell, ohm; each pulse is still seen by
    /// its cell alone
    #[arg(long, value_name = "OHM", value_delimiter = ',', value_parser = wire, allow_hyphen_values = true)]
    wire_ohm: Vec<f64>,
    #[command(flatten)]
    computing: Computing,
    /// The record to write; the plots go beside it, as OUT-learning.png and .svg, -confusion, -weights, -bake
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist
    #[arg(long)]
    force: bool,
    /// Draws no plots
    #[arg(long)]
    no_plot: bool,
    #[command(flatten)]
    drawing: Drawing,
    /// Prints all numbers as JSON
    #[arg(long)]
    json: bool,
    /// Prints the summary only
    #[arg(long, short)]
    quiet: bool,
}

impl Mnist {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let (start, started) = (Instant::now(), now());
        within("--temperature", self.temperature, -270.0, 1000.0, "C")?;
        within("--read-bias", self.read_bias, 1e-3, 100.0, "V")?;
        within("--read-time", self.read_time, 1e-9, 1e6, "s")?;
        let scheme = self.tuning.scheme(self.scheme)?;
        self.computing.consistent()?;
        let material = material::load(&self.material, Path::new("")).map_err(|e| Failure::Usage(e.to_string()))?;
        let look = self.look()?;
        self.nothing_is_there(&material, look.as_ref())?;
        let mut data = idx::load(&self.data)?;
        if let Some(count) = self.hold_out {
            data = data.holding_out(count as usize)?;
        }
        let backend = self.computing.open()?;
        let note = |line: &str| {
            if !self.quiet {
                terminal::note(line);
            }
        };
        note(&computing::heading(&backend.identity()));
        let bar = terminal::bar(u64::from(self.presentations) * u64::from(self.seeds), "digits", self.quiet);
        let bakes = self.bake.then(Bakes::to_ten_years);
        let learning = self.learning(&material, scheme);
        let afterwards = Afterwards { bakes: bakes.as_ref(), wires_ohm: &self.wire_ohm };
        let found = study::run(backend.as_ref(), "mnist", &learning, self.seeds, afterwards, &data, &|shown| {
            bar.inc(u64::from(shown));
        });
        bar.finish_and_clear();
        let found = found?;
        if let Some(remarks) = found.remark("outside_validity") {
            note(remarks);
        }
        let summary = match self.json {
            true => terminal::json(&export::json(&[(&[], &found)]))?,
            false => summary(&found).map_err(unexpected)?,
        };
        // The result is printed even if its files cannot be written.
        let written = match &self.output {
            None => Ok(()),
            Some(path) => self.write(path, &material, backend.as_ref(), started, found).map(|written| {
                let names: Vec<_> = written.iter().map(|p| p.display().to_string()).collect();
                note(&format!("wrote {} in {}", names.join(", "), terminal::waited(start.elapsed())));
            }),
        };
        let printed = terminal::print(&summary);
        written.and(printed)
    }

    fn learning<'a>(&self, material: &'a Material, scheme: Scheme) -> Learning<'a> {
        Learning {
            material,
            variation: !self.no_variation,
            seed: self.seed,
            ambient_k: kelvin(self.temperature),
            read_v: self.read_bias,
            read_s: self.read_time,
            read_noise: !self.no_noise,
            electrons: OfCells::of_cells(self.electrons, material, !self.no_variation),
            scheme,
            presentations: self.presentations,
            stages: study::stages(self.presentations),
        }
    }

    /// How the plots look; none where none is drawn.
    fn look(&self) -> Result<Option<Look>, Failure> {
        self.drawing.look(self.output.is_some() && !self.no_plot)
    }

    /// Where the plots go, by what they show.
    fn stems(&self) -> Vec<(&'static str, PathBuf)> {
        let Some(record) = self.output.as_ref() else {
            return Vec::new();
        };
        let stem = record.with_extension("");
        let of = |name: &'static str| (name, PathBuf::from(format!("{}-{name}", stem.display())));
        let mut stems = ["learning", "confusion", "weights"].map(of).to_vec();
        stems.extend(self.bake.then(|| of("bake")));
        stems
    }

    fn nothing_is_there(&self, material: &Material, look: Option<&Look>) -> Result<(), Failure> {
        let of_one = |(_, stem): (&str, PathBuf)| {
            look.iter().flat_map(|look| outputs::of_figure(&stem, look)).collect::<Vec<_>>()
        };
        let plots = self.stems().into_iter().flat_map(of_one);
        self.output.as_deref().map_or(Ok(()), outputs::record_name)?;
        let outputs: Vec<PathBuf> = self.output.iter().cloned().chain(plots).collect();
        outputs::free(&outputs, self.force)?;
        outputs::not_inputs(&outputs, &material::inputs(material, &self.material, Path::new("")))
    }

    fn write(
        &self,
        path: &Path,
        material: &Material,
        backend: &dyn Backend,
        started: String,
        found: Dataset,
    ) -> Result<Vec<PathBuf>, Failure> {
        let label = ExperimentLabel {
            command: "mnist".to_owned(),
            title: found.title.clone(),
            materials: vec![(material.name.clone(), material.text.clone())],
            seed: self.seed,
            notes: Vec::new(),
        };
        let made = provenance(trapline::PROGRAM, &backend.identity(), started);
        let found = [found];
        let mut batch = Batch::new();
        record::stage_datasets(&mut batch, path, &label, &made, &found)?;
        let look = self.look()?;
        let stems = self.stems().into_iter().filter(|_| look.is_some());
        let figures = stems.map(|(name, stem)| Ok((stem, self.plot(name, &found[0]).map_err(unexpected)?)));
        let figures = figures.collect::<Result<Vec<_>, Failure>>()?;
        outputs::place_drawn(batch, self.force, &path.with_extension(""), look.as_ref(), figures)
    }

    fn plot(&self, name: &str, run: &Dataset) -> Result<Plate, DatasetError> {
        let scheme = run.remark("scheme").unwrap_or_default();
        let title = format!("{} at {} °C, {scheme} scheme", self.material, self.temperature);
        match name {
            "learning" => digits::learning_curve(&title, &[(scheme, run)], Vec::new()),
            "confusion" => digits::confusion(&title, run),
            "weights" => digits::weights(&title, run),
            _ => digits::after_bake(&title, run),
        }
    }
}

/// A resistance that a wire can have.
fn wire(text: &str) -> Result<f64, String> {
    let (low, high) = SEGMENT_OHM;
    let ohm = text.trim().parse().ok().filter(|ohm| (low..=high).contains(ohm));
    ohm.ok_or_else(|| format!("it must be {low:e} to {high:e} ohm"))
}

fn unexpected(error: DatasetError) -> Failure {
    Failure::Failed(error.to_string())
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// The learning curve, then each array, then the bakes.
fn summary(run: &Dataset) -> Result<String, DatasetError> {
    let rates = run.shaped::<Ix2>("accuracy")?;
    let mean = |at: usize| rates.column(at).mean().unwrap_or(f64::NAN);
    let last = rates.ncols() - 1;
    let mut curve = Table::new(["digits shown", "right answers"], 0);
    for (at, shown) in run.numbers("presentations")?.iter().enumerate() {
        curve.row([shown.to_string(), percent(mean(at))]);
    }
    let (up, down) = (run.counted::<Ix2>("raising")?, run.counted::<Ix2>("lowering")?);
    let (energy, share) = (run.shaped::<Ix2>("energy_j")?, run.shaped::<Ix2>("caught_share")?);
    let (seeds, preparing) = (run.counted::<Ix1>("seed")?, run.shaped::<Ix1>("preparing_energy_j")?);
    let shown = run.numbers("presentations")?.iter().copied().fold(0.0, f64::max);
    let head = [
        "seed",
        "untrained",
        "trained",
        "pulses up",
        "down",
        "energy (J)",
        "a digit (J)",
        "to prepare (J)",
        "caught/injected",
    ];
    let mut arrays = Table::new(head, 1);
    for (i, seed) in seeds.iter().enumerate() {
        arrays.row([
            seed.to_string(),
            percent(rates[[i, 0]]),
            percent(rates[[i, last]]),
            up[[i, last]].to_string(),
            down[[i, last]].to_string(),
            format!("{:.3e}", energy[[i, last]]),
            format!("{:.3e}", energy[[i, last]] / shown),
            format!("{:.3e}", preparing[i]),
            format!("{:.4}", share[[i, last]]),
        ]);
    }
    let mut over_seeds = |name: &str, of: &dyn Fn(usize) -> f64| {
        let row = [name.to_owned(), percent(of(0)), percent(of(last))];
        arrays.row(row.into_iter().chain(std::iter::repeat(String::new())).take(head.len()));
    };
    over_seeds("mean", &mean);
    if seeds.len() > 1 {
        over_seeds("sd", &|at| rates.column(at).std(1.0));
    }
    let mut text = format!("{}\n{}", curve.render(), arrays.render());
    // The pictures of the test set are the same for all seeds.
    let pictures = run.counted::<Ix4>("confusion")?.slice(s![0, last, .., ..]).sum() as f64;
    let right = mean(last);
    text.push_str(&format!(
        "\nright answers are of the same {pictures} test pictures for every seed: another such set would move them by {}, one standard \
         deviation of a count, whatever sd says\n",
        percent((right * (1.0 - right) / pictures).sqrt())
    ));
    if let Ok(baked) = run.shaped::<Ix3>("baked_accuracy") {
        let temperatures = run.numbers("bake_temperature_c")?;
        let head = temperatures.iter().map(|celsius| format!("{celsius} °C"));
        let mut table = Table::new(std::iter::once("after a bake of".to_owned()).chain(head), 1);
        for (at, time_s) in run.numbers("bake_time_s")?.iter().enumerate() {
            let rate = |t| percent(baked.slice(s![.., t, at]).mean().unwrap_or(f64::NAN));
            table.row(std::iter::once(spoken_time(*time_s)).chain((0..temperatures.len()).map(rate)));
        }
        text.push_str(&format!("\n{}", table.render()));
    }
    if let Ok(wired) = run.shaped::<Ix2>("wired_accuracy") {
        let mut table = Table::new(["wires from cell to cell (ohm)", "right answers"], 0);
        for (at, ohm) in run.numbers("wire_ohm")?.iter().enumerate() {
            table.row([ohm.to_string(), percent(wired.column(at).mean().unwrap_or(f64::NAN))]);
        }
        text.push_str(&format!("\n{}", table.render()));
    }
    let selection = Scheme::SELECTION;
    text.push_str(&format!(
        "\ncells are {}: {}, so that a pulse is seen by its cell alone\n",
        selection.name(),
        selection.what()
    ));
    Ok(text)
}
