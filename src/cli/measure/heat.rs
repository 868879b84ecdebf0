//! `trapline heat`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::Array2;
use serde_json::json;
use trapline::analysis::Table;
use trapline::backend::processor_name;
use trapline::campaign::{now, provenance};
use trapline::experiment::heat::{self, Heated, Setup};
use trapline::figure::{Axis, Chart, Curve, Look, Panel, Plate, Style};
use trapline::files::commit::Batch;
use trapline::heat::{Along, Ambient, Chip, Layer, substrate};
use trapline::material::{self, Material};
use trapline::outcome::{ExperimentLabel, Identity};
use trapline::record;
use trapline::units::{celsius, kelvin, spoken_reading};

use super::super::drawing::Drawing;
use super::maps;
use super::{Failure, amounts, scientific, within};
use crate::cli::reading::{self, Extent};
use crate::cli::{outputs, terminal};

/// What the array lies on.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Substrate {
    /// A film of polyethylene naphthalate: 125 µm, 0.18 W/(m K)
    Pen,
    /// Borosilicate: 0.7 mm, 1.1 W/(m K)
    Glass,
    /// A wafer: 525 µm, 148 W/(m K)
    Silicon,
    /// Any other, by --substrate-um and --substrate-conductivity
    Own,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Direction {
    /// From the first row to the last
    Rows,
    /// From the first column to the last
    Columns,
}

/// Temperatures in °C: one, or the first and the last of a gradient.
#[derive(Debug, Clone, Copy)]
struct Degrees(f64, Option<f64>);

fn degrees(text: &str) -> Result<Degrees, String> {
    let wrong = || "it must be a temperature in °C, or two of a gradient: 25 or 25,85".to_owned();
    let parse = |part: &str| amounts::celsius(part).map_err(|_| wrong());
    match text.split_once(',') {
        None => Ok(Degrees(parse(text)?, None)),
        Some((first, last)) => Ok(Degrees(parse(first)?, Some(parse(last)?))),
    }
}

fn cell(text: &str) -> Result<(usize, usize), String> {
    let numbers =
        text.split_once(',').and_then(|(row, col)| Some((row.trim().parse().ok()?, col.trim().parse().ok()?)));
    numbers.ok_or_else(|| "it must be a row and a column, counted from 0: 3,5".to_owned())
}

/// A hot spot: row, column, radius in cells, °C.
#[derive(Debug, Clone, Copy)]
struct Spot([f64; 4]);

fn spot(text: &str) -> Result<Spot, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[f64; 4]>::try_from(numbers).ok());
    numbers
        .map(Spot)
        .ok_or_else(|| "it must be a row, a column, a radius in cells and a peak in °C: 8,8,4,110".to_owned())
}

/// Temperatures of an array that its own power warms, settled and in time
///
/// Power is that of the material's cells at --bias, a number (--power, or --current at --bias), a table (--power-map), or of a
/// recorded reading (--record); --cell leaves one cell of it powered. The map that -o writes is taken wherever a temperature of each cell is. See docs/heat.md.
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
    /// Cells without power on each side: the rest of the chip, into which heat spreads. With 0 the array is one of many side by side
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
    /// Direction of a gradient
    #[arg(long, value_enum, value_name = "WHICH", default_value = "columns")]
    along: Direction,
    /// A hot spot over the ambient temperature: a Gaussian, 1/e at the radius
    #[arg(long, value_name = "ROW,COL,RADIUS,C", value_parser = spot)]
    hot_spot: Option<Spot>,
    /// That temperature of each cell: HDF5 as this command writes it, or a table in °C (.csv)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ambient", "hot_spot"])]
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
        let setup =
            Setup { chip, ambient_k: self.ambient_k(shape)?, power_w, times_s: self.times.clone(), on_s: self.on };
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

    /// That nothing stands where the outputs go, and that they replace nothing that is read.
    /// How the figure looks; none where none is drawn.
    fn look(&self) -> Result<Option<Look>, Failure> {
        self.drawing.look(self.output.is_some() && !self.no_plot)
    }

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
            let (watts, material) = match (self.power, self.current) {
                (Some(watts), _) => (within("--power", watts, 0.0, 1e3, "W")?, None),
                (None, Some(amperes)) => ((bias * within("--current", amperes, -1.0, 1.0, "A")?).abs(), None),
                (None, None) => {
                    let wrong = |e: material::MaterialError| Failure::Usage(e.to_string());
                    let material = material::load(&self.material, Path::new("")).map_err(wrong)?;
                    let temperature_k = kelvin(within("--ambient", self.ambient.0, -270.0, 1000.0, "C")?);
                    (heat::power_of_material_w(&material, bias, temperature_k), Some(material))
                }
            };
            let named = material.as_ref().map(|m| format!(" ({} at {bias} V)", m.name)).unwrap_or_default();
            (Array2::from_elem(shape, watts), format!("{watts:.3e} W each{named}"), material)
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
        let ambient = match (last, self.hot_spot) {
            (None, None) => Ambient::Uniform(first_k),
            (Some(last), None) => {
                let along = match self.along {
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

/// A unit in which a difference of temperature has few digits, and how many of them a kelvin has.
fn unit(kelvin: f64) -> (&'static str, f64) {
    const UNITS: [(f64, &str, f64); 4] = [(1.0, "K", 1.0), (1e-3, "mK", 1e3), (1e-6, "µK", 1e6), (0.0, "nK", 1e9)];
    let found = UNITS.into_iter().find(|(least, ..)| kelvin >= *least);
    found.map_or(("K", 1.0), |(_, name, per)| (name, per))
}

/// A difference of temperature in words.
fn degrees_of(kelvin: f64) -> String {
    let (name, per) = unit(kelvin.abs());
    format!("{:.4} {name}", kelvin * per)
}

fn summary(heated: &Heated) -> Table {
    let mut table = Table::new(["", "warmest cell", "mean of all cells"], 1);
    let (temperature_k, at) = (heated.temperature_k(), heated.warmest());
    let mean = |map: &Array2<f64>| map.mean().unwrap_or(f64::NAN);
    let mut rise = |name: String, most: f64, mean: f64| table.row([name, degrees_of(most), degrees_of(mean)]);
    for (seconds, map) in heated.setup.times_s.iter().zip(heated.rise_after_k.outer_iter()) {
        rise(format!("rise after {}", spoken_reading(*seconds)), map[at], map.mean().unwrap_or(f64::NAN));
    }
    rise("rise, settled".to_owned(), heated.rise_k[at], mean(&heated.rise_k));
    let shown = |kelvin: f64| format!("{:.4} °C", celsius(kelvin));
    table.row(["temperature, settled".to_owned(), shown(temperature_k[at]), shown(mean(&temperature_k))]);
    table
}

fn remark(heated: &Heated) -> String {
    let (row, col) = heated.warmest();
    let mut lines =
        vec![format!("{} W in all; the warmest cell is at row {row}, column {col}", scientific(heated.total_w()))];
    let one = heated.power_for_one_kelvin_w();
    if one.is_finite() {
        lines.push(format!("1 K there takes {} W a powered cell, in this pattern", scientific(one)));
    }
    if let Some(seconds) = heated.setup.chip.time_constant_s() {
        lines.push(format!("slowest time constant, of the array as a whole: {} s", scientific(seconds)));
    }
    if heated.setup.chip.margin == 0 {
        lines.push(
            "no heat passes the array's edges: it is one of many side by side (--margin puts a chip around it)"
                .to_owned(),
        );
    }
    lines.join("\n")
}

fn plate(heated: &Heated, title: &str) -> Plate {
    let (row, col) = heated.warmest();
    let most_k = heated.rise_k[[row, col]];
    let (name, per) = unit(most_k);
    // Where all cells are alike, rounding is no pattern.
    let alike = most_k > 0.0 && heated.rise_k.iter().all(|k| most_k - k <= 1e-6 * most_k);
    let map = maps::of_cells_within;
    let range = alike.then_some((0.0, most_k * per));
    let rise = heated.rise_k.mapv(|k| k * per);
    let mut panels = vec![map("Rise by the array's own power", format!("rise ({name})"), range, &rise)];
    let first_k = heated.setup.ambient_k[[0, 0]];
    if heated.setup.ambient_k.iter().any(|kelvin| *kelvin != first_k) {
        panels.push(map("Temperature", "temperature (°C)".to_owned(), None, &heated.temperature_k().mapv(celsius)));
    }
    let pitch_um = 1e6 * heated.setup.chip.pitch_m;
    let profile = |line: ndarray::ArrayView1<'_, f64>, at: usize| {
        line.iter().enumerate().map(|(i, k)| ((i as f64 - at as f64) * pitch_um, k * per)).collect::<Vec<_>>()
    };
    panels.push(Panel::Chart(Chart {
        title: "Through the warmest cell".to_owned(),
        x: Axis::linear("Distance from it (µm)"),
        y: Axis { range: alike.then_some((0.0, 1.2 * most_k * per)), ..Axis::linear(format!("Rise ({name})")) },
        curves: vec![
            Curve::line("along its word line", profile(heated.rise_k.row(row), col)),
            Curve::line("along its bit line", profile(heated.rise_k.column(col), row)).styled(Style::Dashed),
        ],
        ..Chart::default()
    }));
    let times_s = &heated.setup.times_s;
    if times_s.len() > 1 {
        let mut points: Vec<(f64, f64)> =
            times_s.iter().zip(heated.rise_after_k.outer_iter()).map(|(s, map)| (*s, map[[row, col]] * per)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        panels.push(Panel::Chart(Chart {
            title: "The warmest cell in time".to_owned(),
            x: Axis::time("Time after the power is on (s)"),
            y: Axis::linear(format!("Rise ({name})")),
            curves: vec![Curve::line("", points).styled(Style::LineAndDots)],
            ..Chart::default()
        }));
    }
    let columns = if panels.len() == 3 { 3 } else { 2 };
    Plate { title: Some(title.to_owned()), panels, columns }
}

fn as_json(heated: &Heated, title: &str) -> serde_json::Value {
    let number = |value: f64| if value.is_finite() { json!(value) } else { serde_json::Value::Null };
    let (temperature_k, (row, col)) = (heated.temperature_k(), heated.warmest());
    let layer = |of: Layer| {
        json!({ "thickness_m": of.thickness_m, "conductivity_w_per_m_k": of.conductivity_w_per_m_k,
                "capacity_j_per_m3_k": of.capacity_j_per_m3_k })
    };
    let chip = &heated.setup.chip;
    let after = |of: &dyn Fn(ndarray::ArrayView2<'_, f64>) -> f64| {
        heated.rise_after_k.outer_iter().map(of).collect::<Vec<f64>>()
    };
    json!({
        "title": title,
        "warmest": { "row": row, "column": col, "temperature_k": temperature_k[[row, col]], "rise_k": heated.rise_k[[row, col]] },
        "mean_rise_k": heated.rise_k.mean().map(number),
        "mean_temperature_k": temperature_k.mean().map(number),
        "power_w": heated.total_w(),
        "power_of_a_cell_for_1_k_w": number(heated.power_for_one_kelvin_w()),
        "times_s": heated.setup.times_s,
        "warmest_rise_after_k": after(&|map| map[[row, col]]),
        "mean_rise_after_k": after(&|map| map.mean().unwrap_or(f64::NAN)),
        "time_constant_s": heated.time_constant_s,
        "substrate": layer(chip.substrate),
        "sheet": layer(chip.sheet),
        "air_w_per_m2_k": chip.air_w_per_m2_k,
        "pitch_m": chip.pitch_m,
        "margin": chip.margin,
    })
}
