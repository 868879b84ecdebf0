//! `trapline noise`.

use std::ffi::OsStr;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum};
use serde_json::json;
use trapline::analysis::Table;
use trapline::cell::counted::{self, DotNumber};
use trapline::dataset::Dataset;
use trapline::experiment::noise::{self, SAMPLES, Setup};
use trapline::figure::{Axis, Chart, Curve, Mark, Panel, Plate, Style};
use trapline::material::draft::Draft;
use trapline::material::{self, Material};
use trapline::units::kelvin;

use super::super::electrons::Electrons;
use super::{Failure, Findings, OfCells, Specimen, affordable, amounts, number, scientific, terminal, within};

/// Rows of the summary.
const ROWS: usize = 14;
/// Samples of the plot, and steps of the current it should show.
const SHOWN: (usize, usize) = (200, 2000);
const STEPS_SHOWN: f64 = 40.0;

/// Which dots a cell has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dots {
    /// A Poisson number about the nominal one
    Poisson,
    /// The nominal number in each cell
    Fixed,
}

/// The ways to take electrons that other experiments on cells have, and each dot by itself.
#[derive(Debug, Clone, Copy)]
struct AllWays;

impl TypedValueParser for AllWays {
    type Value = OfCells;

    fn parse_ref(&self, command: &Command, option: Option<&Arg>, value: &OsStr) -> Result<OfCells, clap::Error> {
        Ok(match EnumValueParser::<Electrons>::new().parse_ref(command, option, value)? {
            Electrons::Counted => OfCells::Counted,
            Electrons::MeanField => OfCells::MeanField,
            Electrons::EachDot => OfCells::EachDot,
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Electrons::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

const WHAT: &str = "\
Cells are at rest from the start: their electrons are drawn from the law in which the bias holds them, as if it had \
been on for ever. A sample is the current of one moment. Nothing but trapping is in it: no noise of a reading, no 1/f \
noise of other origin (docs/electrons.md).";

const ELECTRONS: &str = "How the electrons of cells are taken [default: counted]";

/// Telegraph noise: cells of few dots at a constant bias, their current against time and its spectrum
#[derive(Debug, Args)]
#[command(after_help = WHAT)]
#[command(mut_arg("electrons", |a| a.value_parser(AllWays).help(ELECTRONS)))]
#[command(mut_arg("no_noise", |a| a.hide(true)))]
pub struct Noise {
    /// Area of the cell, um^2; currents and the number of dots go with it [default: the material's]
    #[arg(long, value_name = "UM2", allow_hyphen_values = true)]
    area: Option<f64>,
    /// Bias, V
    #[arg(long, value_name = "V", value_parser = amounts::volts, default_value_t = 1.0, allow_hyphen_values = true)]
    bias: f64,
    /// Time from sample to sample, s
    #[arg(long, value_name = "S", value_parser = amounts::seconds, default_value_t = 1e-3, allow_hyphen_values = true)]
    step: f64,
    /// Samples of a cell
    #[arg(long, value_name = "N", default_value_t = 65_536,
        value_parser = clap::value_parser!(u64).range(SAMPLES.0 as u64..=SAMPLES.1 as u64))]
    samples: u64,
    /// Cells, each with its own variation; the spectrum is their mean
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    cells: u64,
    /// How many dots a cell has
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Dots::Poisson)]
    dots: Dots,
    /// Prints everything but the samples as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    specimen: Specimen,
}

impl Noise {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        within("--bias", self.bias, -100.0, 100.0, "V")?;
        within("--step", self.step, 1e-12, 1e6, "s")?;
        self.area.map_or(Ok(0.0), |area| within("--area", area, 1e-12, 1e6, "um^2"))?;
        if self.specimen.no_noise {
            return Err(Failure::Usage("--no-noise: the noise of a reading is in no sample; leave it out".to_owned()));
        }
        affordable(self.cells, self.samples, "ask for fewer --cells or --samples")?;
        let electrons = self.electrons()?;
        let mut ready = self.specimen.ready(None, &[])?;
        if let Some(area) = self.area {
            ready.material = of_area(&ready.material, area)?;
        }
        let setup = Setup {
            bias_v: self.bias,
            temperature_k: kelvin(self.specimen.celsius()),
            step_s: self.step,
            samples: self.samples as usize,
            cells: self.cells as usize,
            seed: self.specimen.seed,
            variation: !self.specimen.no_variation,
            electrons,
        };
        let dataset = noise::run(ready.backend.as_ref(), &ready.material, &setup)?;
        let spectrum = Spectrum::of(&dataset)?;
        let title = format!("{}, {:?} V", self.specimen.title(&ready), self.bias);
        let plate = spectrum.plate(&dataset, &setup, title)?;
        let summary = spectrum.table();
        let text = self.json.then(|| terminal::json(&spectrum.json(&dataset))).transpose()?;
        let remark = Some(spectrum.remark(&setup));
        self.specimen.done_with(
            &ready,
            Findings { command: "noise", dataset, further: Vec::new(), plate, summary, remark },
            text,
        )
    }

    fn electrons(&self) -> Result<counted::Electrons, Failure> {
        let number = match self.dots {
            Dots::Poisson => DotNumber::Poisson,
            Dots::Fixed => DotNumber::Fixed,
        };
        match self.specimen.electrons {
            None | Some(OfCells::Counted) => Ok(counted::Electrons::Counted(number)),
            Some(OfCells::MeanField) => Err(Failure::Usage(
                "--electrons mean-field has no noise: take counted, or each-dot with --backend reference".to_owned(),
            )),
            Some(OfCells::EachDot) if self.specimen.computing.backend() == Some("reference") => {
                Ok(counted::Electrons::EachDot(number))
            }
            Some(OfCells::EachDot) => {
                Err(Failure::Usage("--electrons each-dot is computed by --backend reference only".to_owned()))
            }
        }
    }
}

/// A material whose cells have another area.
fn of_area(material: &Material, area_um2: f64) -> Result<Material, Failure> {
    const KEY: &str = "film.area";
    let wrong = |what: String| Failure::Usage(format!("--area {area_um2:?}: {what}"));
    let mut draft = Draft::new(&material.text, &material.name).map_err(|e| wrong(e.to_string()))?;
    draft.number(KEY).map_err(|e| wrong(e.to_string()))?;
    draft.set(KEY, area_um2);
    draft.set_source(KEY, "trapline noise --area");
    material::parse(&draft.text(), &material.name).map_err(|e| wrong(e.to_string()))
}

/// What is said of a spectrum, and drawn.
struct Spectrum {
    frequency_hz: Vec<f64>,
    found: Vec<f64>,
    closed: Vec<f64>,
    unsampled: Vec<f64>,
    relative_error: Vec<f64>,
    shot: f64,
    /// Means of the cells.
    corner_hz: f64,
    variance_a2: f64,
    closed_variance_a2: f64,
    current_a: f64,
    dots: f64,
    filling: f64,
    electrons_sd: f64,
    steps_per_s: f64,
}

impl Spectrum {
    fn of(d: &Dataset) -> Result<Spectrum, Failure> {
        let all = |name: &str| number(d, name).map(|of| of.iter().copied().collect::<Vec<f64>>());
        let mean = |name: &str| all(name).map(|of| of.iter().sum::<f64>() / of.len() as f64);
        let dots = match d.get("dots").map(|variable| &variable.values) {
            Some(trapline::dataset::Values::Count(of)) => of.iter().sum::<u64>() as f64 / of.len() as f64,
            _ => f64::NAN,
        };
        // Cells without dots have no corner.
        let corners: Vec<f64> = all("cell_corner_hz")?.into_iter().filter(|f| f.is_finite()).collect();
        let logs: f64 = corners.iter().map(|f| f.ln()).sum();
        Ok(Spectrum {
            frequency_hz: all("frequency_hz")?,
            found: all("density_a2_per_hz")?,
            closed: all("closed_form_a2_per_hz")?,
            unsampled: all("closed_form_unsampled_a2_per_hz")?,
            relative_error: all("relative_error")?,
            shot: mean("shot_thermal_a2_per_hz")?,
            corner_hz: (logs / corners.len() as f64).exp(),
            variance_a2: mean("cell_variance_a2")?,
            closed_variance_a2: mean("cell_rest_variance_a2")?,
            current_a: mean("cell_mean_a")?,
            dots,
            filling: mean("cell_rest_filling")?,
            electrons_sd: mean("cell_rest_electrons_variance")?.sqrt(),
            steps_per_s: mean("cell_steps_per_s")?,
        })
    }

    /// By how many standard deviations a band is off the closed form.
    fn off(&self, band: usize) -> f64 {
        (self.found[band] / self.closed[band] - 1.0) / self.relative_error[band]
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["frequency (Hz)", "density (A2/Hz)", "closed form", "over it", "sd off"], 0);
        let count = self.frequency_hz.len();
        let mut shown: Vec<usize> = (0..ROWS).map(|i| i * (count - 1) / (ROWS - 1)).collect();
        shown.dedup();
        for band in shown {
            let of = |value: f64, digits: usize| {
                if value.is_finite() { format!("{value:.digits$}") } else { "-".to_owned() }
            };
            let over = of(self.found[band] / self.closed[band], 3);
            let (found, closed) = (scientific(self.found[band]), scientific(self.closed[band]));
            table.row([scientific(self.frequency_hz[band]), found, closed, over, of(self.off(band), 1)]);
        }
        table
    }

    fn remark(&self, setup: &Setup) -> String {
        let seconds = setup.step_s * setup.samples as f64;
        let steps = self.steps_per_s * seconds;
        let mut parts = vec![format!(
            "{} cells of {:.0} dots, {:.3} of them full; half of the noise lies below {:.3e} Hz; \
             {:.2e} A, rms noise {:.2e} A, by the closed form {:.2e} A; {:.1e} steps of the current expected in each \
             {:.3e} s long record",
            setup.cells,
            self.dots,
            self.filling,
            self.corner_hz,
            self.current_a,
            self.variance_a2.sqrt(),
            self.closed_variance_a2.sqrt(),
            steps,
            seconds
        )];
        if steps * (setup.cells as f64) < 100.0 {
            parts.push(
                "so few steps make no spectrum: take more --samples, a longer --step or a higher --temperature"
                    .to_owned(),
            );
        }
        if self.electrons_sd < 1.0 {
            parts.push(format!(
                "space charge holds the number of electrons within {:.2}: the closed form is for small deviations of \
                 many",
                self.electrons_sd
            ));
        }
        let first = self.closed.first().copied().unwrap_or(f64::NAN);
        parts.push(format!(
            "shot and thermal noise, not in the samples, would add {:.2e} A2/Hz, {:.1e} of the first band",
            self.shot,
            self.shot / first
        ));
        parts.join("; ")
    }

    fn plate(&self, d: &Dataset, setup: &Setup, title: String) -> Result<Plate, Failure> {
        let current = number(d, "current_a")?;
        let wanted = STEPS_SHOWN / (self.steps_per_s * setup.step_s);
        let shown = (wanted.clamp(SHOWN.0 as f64, SHOWN.1 as f64) as usize).min(setup.samples);
        // A sample holds until the next one.
        let stairs = (0..shown).flat_map(|i| {
            let (from, a) = (i as f64 * setup.step_s, current[[0, i]].abs());
            [(from, a), (from + setup.step_s, a)]
        });
        let time = Chart {
            title,
            x: Axis::linear("Time (s)"),
            y: Axis::linear("Current, magnitude (A)"),
            curves: vec![Curve::line("", stairs.collect())],
            ..Chart::default()
        };
        let points = |of: &[f64]| self.frequency_hz.iter().copied().zip(of.iter().copied()).collect::<Vec<_>>();
        let (low, high) = (self.frequency_hz[0], self.frequency_hz[self.frequency_hz.len() - 1]);
        let mut marks = Vec::new();
        if (low..=high).contains(&self.corner_hz) {
            marks.push(Mark::Vertical { at: self.corner_hz, label: "corner".to_owned() });
        }
        let least = self.closed.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.closed.iter().copied().fold(0.0, f64::max);
        if self.shot > 1e-3 * least && self.shot < 1e3 * most {
            marks.push(Mark::Horizontal { at: self.shot, label: "shot and thermal noise".to_owned() });
        }
        let spectrum = Chart {
            x: Axis::log("Frequency (Hz)"),
            y: Axis::log("Noise of the current (A²/Hz)"),
            curves: vec![
                Curve::line(format!("{} cells", setup.cells), points(&self.found)).styled(Style::Dots),
                Curve::line("closed form, sampled", points(&self.closed)).styled(Style::Dashed),
                Curve::line("not sampled", points(&self.unsampled)).styled(Style::Dashed),
            ],
            marks,
            empty: "no electron moved".to_owned(),
            ..Chart::default()
        };
        Ok(Plate { title: None, panels: [time, spectrum].map(Panel::Chart).to_vec(), columns: 1 })
    }

    fn json(&self, d: &Dataset) -> serde_json::Value {
        let number = |value: f64| if value.is_finite() { json!(value) } else { serde_json::Value::Null };
        let list = |of: &[f64]| of.iter().map(|value| number(*value)).collect::<Vec<_>>();
        let conditions: serde_json::Map<String, serde_json::Value> =
            d.notes.iter().map(|(key, text)| (key.clone(), json!(text))).collect();
        json!({
            "conditions": conditions,
            "dots": number(self.dots),
            "filling": number(self.filling),
            "mean_current_a": number(self.current_a),
            "variance_a2": number(self.variance_a2),
            "closed_form_variance_a2": number(self.closed_variance_a2),
            "corner_hz": number(self.corner_hz),
            "steps_per_s": number(self.steps_per_s),
            "electrons_sd": number(self.electrons_sd),
            "shot_thermal_a2_per_hz": number(self.shot),
            "frequency_hz": list(&self.frequency_hz),
            "density_a2_per_hz": list(&self.found),
            "relative_error": list(&self.relative_error),
            "closed_form_a2_per_hz": list(&self.closed),
            "closed_form_unsampled_a2_per_hz": list(&self.unsampled),
        })
    }
}
