//! `trapline heat`.
//!
//! Here is what is asked for: options become a chip, the power of its cells and their ambient temperature, and what is
//! found is written. Options of their own kind are in `options`; how the result is told and drawn, in `words` and
//! `picture`.

mod options;
mod picture;
mod words;

use std::path::{Path, PathBuf};

use clap::Args;
use ndarray::Array2;
use trapline::backend::processor_name;
use trapline::campaign::{now, provenance};
use trapline::experiment::heat::{self, Heated, Setup};
use trapline::figure::Look;
use trapline::files::commit::Batch;
use trapline::heat::{Along, Ambient, Chip, Layer, substrate};
use trapline::material::{self, Material};
use trapline::outcome::{ExperimentLabel, Identity};
use trapline::record;
use trapline::units::kelvin;

use super::super::drawing::Drawing;
use super::{Failure, amounts, within};
use crate::cli::reading::{self, Extent};
use crate::cli::{outputs, terminal};
use options::{Degrees, Direction, Spot, Substrate, cell, degrees, spot};
use picture::plate;
use words::{as_json, remark, summary};

/// Temperatures of an array that its own power warms, settled and in time
///
/// Power is that of the material's cells at --bias, a number (--power, or --current at --bias), a table (--power-map),
/// or of a recorded reading (--record); --cell leaves one cell of it powered. The map that -o writes is taken wherever
/// a temperature of each cell is. See docs/heat.md.
#[derive(Debug, Args)]
pub struct Heat {
    /// Rows of the array [default: 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=16_384))]
    rows: Option<u64>,
    /// Columns of it [default: as many as rows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=16_384))]
    cols: Option<u64>,
    /// From cell to cell, µm
    #[arg(long, value_name = "UM", default_value_t = 1.0, allow_hyphen_values = true)]
    pitch_um: f64,
    /// Cells without power on each side: the rest of the chip, into which heat spreads. With 0 the array is one of many
    /// side by side
    #[arg(long, value_name = "CELLS", default_value_t = 0)]
    margin: usize,
    /// The material whose cells take power at --bias: the nominal one with its traps filled
    #[arg(long, value_name = "NAME", default_value = "pi-ws2-qd")]
    material: String,
    /// Bias of all cells, V
    #[arg(long, value_name = "V", value_parser = amounts::volts, default_value_t = 5.0, allow_hyphen_values = true)]
    bias: f64,
    /// Power of each cell, W
    #[arg(long, value_name = "W", allow_hyphen_values = true, conflicts_with_all = ["bias", "material"])]
    power: Option<f64>,
    /// Current of each cell at --bias, A
    #[arg(long, value_name = "A", allow_hyphen_values = true, conflicts_with_all = ["power", "material"])]
    current: Option<f64>,
    /// Power of each cell, W, one row of the array a line, separated by commas
    #[arg(long, value_name = "CSV", conflicts_with_all = ["power", "current", "bias", "material", "rows", "cols"])]
    power_map: Option<PathBuf>,
    /// A record of `trapline read`: current times voltage of each of its cells, and its wires' power
    #[arg(long, value_name = "H5", conflicts_with_all = ["power", "current", "bias", "material", "rows", "cols", "power_map"])]
    record: Option<PathBuf>,
    /// Powers one cell only, by row and column from 0
    #[arg(long, value_name = "ROW,COL", value_parser = cell)]
    cell: Option<(usize, usize)>,
    /// What the array lies on
    #[arg(long, value_enum, value_name = "WHAT", default_value = "glass")]
    substrate: Substrate,
    /// Its thickness, µm [default: the substrate's]
    #[arg(long, value_name = "UM", allow_hyphen_values = true)]
    substrate_um: Option<f64>,
    /// Its conductivity, W/(m K)
    #[arg(long, value_name = "W/MK", allow_hyphen_values = true)]
    substrate_conductivity: Option<f64>,
    /// Its heat capacity, J/(m^3 K)
    #[arg(long, value_name = "J/M3K", allow_hyphen_values = true)]
    substrate_capacity: Option<f64>,
    /// Thickness of the array with its lines and films, µm
    #[arg(long, value_name = "UM", default_value_t = 0.22, allow_hyphen_values = true)]
    sheet_um: f64,
    /// Conductivity along it, W/(m K)
    #[arg(long, value_name = "W/MK", default_value_t = 10.0, allow_hyphen_values = true)]
    sheet_conductivity: f64,
    /// Its heat capacity, J/(m^3 K)
    #[arg(long, value_name = "J/M3K", default_value_t = 2.5e6, allow_hyphen_values = true)]
    sheet_capacity: f64,
    /// Loss of the upper face to air, W/(m^2 K)
    #[arg(long, value_name = "W/M2K", default_value_t = 0.0, allow_hyphen_values = true)]
    air: f64,
    /// Temperature of the cells without their own power, °C; two for a gradient --along rows or columns
    #[arg(long, value_name = "C[,C]", default_value = "25", value_parser = degrees, allow_hyphen_values = true)]
    ambient: Degrees,
    /// Direction of a gradient [default: columns]
    #[arg(long, value_enum, value_name = "WHICH")]
    along: Option<Direction>,
    /// A hot spot in the ambient: a Gaussian of the temperature PEAK, °C, at its centre, 1/e of what it is above the
    /// ambient at the radius, in cells
    #[arg(long, value_name = "ROW,COL,RADIUS,PEAK", value_parser = spot)]
    hot_spot: Option<Spot>,
    /// That temperature of each cell: HDF5 as this command writes it, or a table in °C (.csv)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ambient", "hot_spot", "along"])]
    ambient_map: Option<PathBuf>,
    /// Times after the power is switched on, s, separated by commas
    #[arg(long, value_name = "S,...", value_parser = amounts::seconds, value_delimiter = ',', allow_hyphen_values = true)]
    times: Vec<f64>,
    /// How long it is on, s [default: for good]
    #[arg(long, value_name = "S", value_parser = amounts::seconds, allow_hyphen_values = true, requires = "times")]
    on: Option<f64>,
    /// The record to write; the picture goes beside it, as .png and .svg [default: nothing is written]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist
    #[arg(long, requires = "output")]
    force: bool,
    /// Draws no picture
    #[arg(long, requires = "output")]
    no_plot: bool,
    #[command(flatten)]
    drawing: Drawing,
    /// Prints everything but the cells as JSON
    #[arg(long)]
    json: bool,
    /// Prints the summary only
    #[arg(long, short)]
    quiet: bool,
}

impl Heat {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let started = now();
        let look = self.look()?;
        self.free(look.as_ref())?;
        let chip = self.chip()?;
        let (power_w, what, material) = self.power()?;
        let shape = power_w.dim();
        let setup = Setup {
            chip,
            ambient_k: self.ambient_k(shape)?,
            power_w,
            times_s: self.times.clone(),
            on_s: self.on,
            knows_capacity: !matches!(self.substrate, Substrate::Own) || self.substrate_capacity.is_some(),
        };
        let heated = heat::run(setup)?;
        let title = format!("{} x {} cells, {what}, on {}", shape.0, shape.1, self.on_what());
        let text = match self.json {
            true => terminal::json(&as_json(&heated, &title))?,
            false => summary(&heated).render(),
        };
        let written = match &self.output {
            None => Ok(()),
            Some(path) => self.write(&heated, &title, material, started, path),
        };
        if !self.quiet {
            terminal::note(&remark(&heated));
        }
        written.and(terminal::print(&text))
    }

    /// How the figure looks; none where none is drawn.
    fn look(&self) -> Result<Option<Look>, Failure> {
        self.drawing.look(self.output.is_some() && !self.no_plot)
    }

    /// That nothing stands where the outputs go, and that they replace nothing that is read.
    fn free(&self, look: Option<&Look>) -> Result<(), Failure> {
        let outputs = outputs::with_figure(self.output.as_deref(), look);
        self.output.as_deref().map_or(Ok(()), outputs::record_name)?;
        outputs::free(&outputs, self.force)?;
        let inputs = [&self.power_map, &self.record, &self.ambient_map];
        outputs::not_inputs(&outputs, &inputs.into_iter().flatten().cloned().collect::<Vec<_>>())
    }

    fn chip(&self) -> Result<Chip, Failure> {
        let preset = match self.substrate {
            Substrate::Pen => Some(substrate::PEN),
            Substrate::Glass => Some(substrate::GLASS),
            Substrate::Silicon => Some(substrate::SILICON),
            Substrate::Own => None,
        };
        let own = |given: Option<f64>, preset: Option<f64>, what: &str, option: &str, unit: &str| {
            given.or(preset).ok_or_else(|| {
                Failure::Usage(format!(
                    "--substrate own has no {what}; give it in {unit} by {option}, or choose pen, glass or silicon"
                ))
            })
        };
        let thickness = preset.map(|layer| 1e6 * layer.thickness_m);
        let conductivity = preset.map(|layer| layer.conductivity_w_per_m_k);
        // Only times need a capacity.
        let capacity = preset.map(|layer| layer.capacity_j_per_m3_k).or(self.times.is_empty().then_some(0.0));
        let capacity_option = "--substrate-capacity";
        Ok(Chip {
            sheet: Layer {
                thickness_m: 1e-6 * within("--sheet-um", self.sheet_um, 0.0, 1e4, "µm")?,
                conductivity_w_per_m_k: within("--sheet-conductivity", self.sheet_conductivity, 0.0, 1e5, "W/(m K)")?,
                capacity_j_per_m3_k: within("--sheet-capacity", self.sheet_capacity, 0.0, 1e9, "J/(m^3 K)")?,
            },
            substrate: Layer {
                thickness_m: 1e-6
                    * within(
                        "--substrate-um",
                        own(self.substrate_um, thickness, "thickness", "--substrate-um", "µm")?,
                        1e-3,
                        1e6,
                        "µm",
                    )?,
                conductivity_w_per_m_k: within(
                    "--substrate-conductivity",
                    own(
                        self.substrate_conductivity,
                        conductivity,
                        "conductivity",
                        "--substrate-conductivity",
                        "W/(m K)",
                    )?,
                    1e-6,
                    1e5,
                    "W/(m K)",
                )?,
                capacity_j_per_m3_k: within(
                    capacity_option,
                    own(self.substrate_capacity, capacity, "heat capacity", capacity_option, "J/(m^3 K)")?,
                    0.0,
                    1e9,
                    "J/(m^3 K)",
                )?,
            },
            air_w_per_m2_k: within("--air", self.air, 0.0, 1e9, "W/(m^2 K)")?,
            pitch_m: 1e-6 * within("--pitch-um", self.pitch_um, 1e-3, 1e5, "µm")?,
            margin: self.margin,
        })
    }

    /// The power of each cell, what it is of, and the material whose it is.
    fn power(&self) -> Result<(Array2<f64>, String, Option<Material>), Failure> {
        let rows = self.rows.unwrap_or(64);
        let shape = (rows as usize, self.cols.unwrap_or(rows) as usize);
        let (mut power_w, what, material) = if let Some(path) = &self.power_map {
            (heat::power_of_table(path)?, path.display().to_string(), None)
        } else if let Some(path) = &self.record {
            reading::survive(path, Extent::Everything)?;
            (heat::power_of_reading(path)?, path.display().to_string(), None)
        } else {
            let bias = within("--bias", self.bias, -100.0, 100.0, "V")?;
            let (power_w, material) = match (self.power, self.current) {
                (Some(watts), _) => (Array2::from_elem(shape, within("--power", watts, 0.0, 1e3, "W")?), None),
                (None, Some(amperes)) => {
                    let watts = (bias * within("--current", amperes, -1.0, 1.0, "A")?).abs();
                    (Array2::from_elem(shape, watts), None)
                }
                (None, None) => {
                    let wrong = |e: material::MaterialError| Failure::Usage(e.to_string());
                    let material = material::load(&self.material, Path::new("")).map_err(wrong)?;
                    // Each cell at its own ambient temperature, of which neighbours most often have the same.
                    let (mut last_k, mut watts) = (f64::NAN, f64::NAN);
                    let power_w = self.ambient_k(shape)?.mapv(|kelvin| {
                        if kelvin != last_k {
                            (last_k, watts) = (kelvin, heat::power_of_material_w(&material, bias, kelvin));
                        }
                        watts
                    });
                    (power_w, Some(material))
                }
            };
            let named = material.as_ref().map(|m| format!(" ({} at {bias} V)", m.name)).unwrap_or_default();
            let least = power_w.iter().copied().fold(f64::INFINITY, f64::min);
            let most = power_w.iter().copied().fold(0.0, f64::max);
            let each = if least == most { format!("{most:.3e}") } else { format!("{least:.3e} to {most:.3e}") };
            (power_w, format!("{each} W each{named}"), material)
        };
        if let Some((row, col)) = self.cell {
            let (rows, cols) = power_w.dim();
            let watts = *power_w.get((row, col)).ok_or_else(|| {
                Failure::Usage(format!(
                    "--cell {row},{col} is outside the array; it must be below {rows},{cols}, counted from 0"
                ))
            })?;
            power_w.fill(0.0);
            power_w[(row, col)] = watts;
            return Ok((power_w, format!("{watts:.3e} W in cell {row},{col}"), material));
        }
        Ok((power_w, what, material))
    }

    fn ambient_k(&self, shape: (usize, usize)) -> Result<Array2<f64>, Failure> {
        if let Some(path) = &self.ambient_map {
            if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
                reading::survive(path, Extent::Everything)?;
            }
            return Ok(heat::temperature_map(path, shape)?);
        }
        let Degrees(first, last) = self.ambient;
        let known = |option: &str, value: f64| within(option, value, -270.0, 1000.0, "C").map(kelvin);
        let first_k = known("--ambient", first)?;
        if self.along.is_some() && last.is_none() {
            let what =
                "--along is given; it must be left out beside one --ambient temperature, or two given: --ambient 25,85";
            return Err(Failure::Usage(what.to_owned()));
        }
        let ambient = match (last, self.hot_spot) {
            (None, None) => Ambient::Uniform(first_k),
            (Some(last), None) => {
                let along = match self.along.unwrap_or(Direction::Columns) {
                    Direction::Rows => Along::Rows,
                    Direction::Columns => Along::Columns,
                };
                Ambient::Gradient { first_k, last_k: known("--ambient", last)?, along }
            }
            (None, Some(Spot([row, col, radius, peak]))) => {
                let (rows, cols) = shape;
                within("--hot-spot: the row", row, 0.0, rows as f64 - 1.0, "")?;
                within("--hot-spot: the column", col, 0.0, cols as f64 - 1.0, "")?;
                Ambient::HotSpot { base_k: first_k, peak_k: known("--hot-spot: the peak", peak)?, row, col, radius }
            }
            (Some(_), Some(_)) => {
                let what = "--hot-spot stands over one --ambient temperature, not over a gradient; put both together in a --ambient-map";
                return Err(Failure::Usage(what.to_owned()));
            }
        };
        Ok(ambient.map(shape).map_err(heat::HeatMapError::from)?)
    }

    /// The substrate in words.
    fn on_what(&self) -> &'static str {
        match self.substrate {
            Substrate::Pen => "PEN",
            Substrate::Glass => "glass",
            Substrate::Silicon => "silicon",
            Substrate::Own => "a substrate of its own",
        }
    }

    fn write(
        &self,
        heated: &Heated,
        title: &str,
        material: Option<Material>,
        started: String,
        path: &Path,
    ) -> Result<(), Failure> {
        let label = ExperimentLabel {
            command: "heat".to_owned(),
            title: title.to_owned(),
            materials: material.into_iter().map(|m| (m.name, m.text)).collect(),
            seed: 0,
            notes: Vec::new(),
        };
        let identity = Identity {
            backend: "cpu".to_owned(),
            adapter: processor_name(),
            driver: String::new(),
            instruction_set: "f64".to_owned(),
            software: false,
        };
        let made = provenance(trapline::PROGRAM, &identity, started);
        let (mut batch, stem) = (Batch::new(), path.with_extension(""));
        record::stage_datasets(&mut batch, path, &label, &made, &[heated.dataset("heat", title)])?;
        let figure = (stem.clone(), plate(heated, title));
        let written = outputs::place_drawn(batch, self.force, &stem, self.look()?.as_ref(), [figure])?;
        let names: Vec<_> = written.iter().map(|p| p.display().to_string()).collect();
        if !self.quiet {
            terminal::note(&format!("wrote {}", names.join(", ")));
        }
        Ok(())
    }
}
