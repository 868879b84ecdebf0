//! `trapline learn`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Args, Command, ValueEnum};
use ndarray::{Array2, ArrayD};
use trapline::analysis::Table;
use trapline::array::ArrayShape;
use trapline::circuit::scheme::Unselected;
use trapline::experiment::array_write::{Order, Setup, Wiring, Writer};
use trapline::experiment::letter::{self, Lesson, Pattern, Scheme};
use trapline::experiment::{ExperimentError, array_read};
use trapline::figure::{Map, Panel, Plate};
use trapline::units::spoken_time;

use super::wires::Wires;
use super::{Failure, Findings, Pulses, Reading, Specimen, amounts, number, scientific, within};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Select {
    /// A passive array: cells that share a line with the written one see half of its bias
    Half,
    /// A passive array: all other cells see a third of it
    Third,
    /// A switch at every cell: cells that are not written see nothing
    Isolated,
    /// A passive array whose other lines are connected to nothing; only through wires
    Floating,
}

impl Select {
    /// Of lines without resistance.
    fn ideal(self) -> Result<Scheme, Failure> {
        match self {
            Select::Half => Ok(Scheme::Half),
            Select::Third => Ok(Scheme::Third),
            Select::Isolated => Ok(Scheme::Isolated),
            Select::Floating => Err(Failure::Usage(
                "--select floating: a line without resistance that floats has no voltage; give --wire-ohm".to_owned(),
            )),
        }
    }

    /// Of the lines of a network, and what it takes.
    fn wired(self) -> (array_read::Scheme, &'static str) {
        use array_read::Scheme::Passive;
        match self {
            Select::Half => (Passive(Unselected::Half), Scheme::Half.what()),
            Select::Third => (Passive(Unselected::Third), Scheme::Third.what()),
            Select::Isolated => (array_read::Scheme::Isolated, Scheme::Isolated.what()),
            Select::Floating => (Passive(Unselected::Floating), "passive array, other lines floating"),
        }
    }
}

/// The schemes by name. `grounded` was one of them and meant what is called `isolated`: no array without switches can
/// do it.
#[derive(Debug, Clone, Copy)]
struct Selects;

impl TypedValueParser for Selects {
    type Value = Select;

    fn parse_ref(&self, command: &Command, option: Option<&Arg>, value: &OsStr) -> Result<Select, clap::Error> {
        if value.eq_ignore_ascii_case("grounded") {
            return Err(command.clone().error(
                ErrorKind::ValueValidation,
                "--select grounded: no biases of the lines alone leave every other cell at 0 V; a switch at every cell does: \
                 --select isolated",
            ));
        }
        EnumValueParser::<Select>::new().parse_ref(command, option, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Select::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

/// Learning of a pattern by an array
#[derive(Debug, Args)]
pub struct Learn {
    /// H, L, T, X, O, +, or a file with rows of 0 and 1
    #[arg(long, value_name = "NAME", default_value = "H")]
    pattern: String,
    /// Rows of the array
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    rows: u64,
    /// Columns of the array
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    cols: u64,
    /// What cells see while another is written
    #[arg(long, visible_alias = "scheme", value_name = "SCHEME", value_parser = Selects, default_value = "half")]
    select: Select,
    /// Resistance of a wire from cell to cell, ohm; 0 for lines without resistance [default: 0]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    wire_ohm: Option<f64>,
    #[command(flatten)]
    wires: Wires,
    /// Time after which the array is read again, s
    #[arg(long, value_name = "S", value_parser = amounts::seconds, default_value_t = 3e4, allow_hyphen_values = true)]
    later: f64,
    /// Prints all numbers as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pulses: Pulses,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    specimen: Specimen,
}

impl Learn {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let train = self.pulses.train()?;
        within("--later", self.later, 1e-9, 1e12, "s")?;
        let wrong = |e: letter::PatternError| Failure::Usage(e.to_string());
        let pattern = Pattern::load(&self.pattern).map_err(wrong)?;
        let shape = ArrayShape { rows: self.rows, cols: self.cols };
        let third = train.count.div_ceil(3).max(1);
        let mut stages = vec![0, third, (2 * third).min(train.count), train.count];
        stages.dedup();
        self.wires.all_count(self.wire_ohm)?;
        let wire_ohm = self.wire_ohm.unwrap_or(0.0);
        let wiring = self.wires.wiring(wire_ohm)?;
        let (of_network, what) = self.select.wired();
        let scheme = if wiring == Wiring::Ideal { self.select.ideal()? } else { Scheme::Isolated };
        let lesson = Lesson { pattern, train, scheme, stages, later_s: vec![self.later] };
        let written = lesson.pattern.on(shape).map_err(wrong)?;
        let ready = self.specimen.ready(Some(self.reading), &[PathBuf::from(&self.pattern)])?;
        let dataset = if wiring == Wiring::Ideal {
            letter::run(&mut [ready.probe(shape.cells())?], "letter", shape, &lesson)?
        } else {
            let order = Order::CellByCell;
            let setup =
                Setup { wiring, scheme: of_network, order, train, selector: None, tolerance: 1e-3, accuracy: 1e-9 };
            let array = Writer::new(ready.backend.as_ref(), &ready.material, ready.conditions, shape, setup);
            let array = array.map_err(|error| Failure::from(ExperimentError::Write(Box::new(error))))?;
            letter::run(&mut [array], "letter", shape, &lesson)?
        };
        let (g, kept) = (number(&dataset, "conductance_s")?, number(&dataset, "kept_conductance_s")?);
        let map = |a: &ArrayD<f64>, at: usize| Array2::from_shape_fn(written.dim(), |(r, c)| a[[0, at, r, c]]);
        let mut maps: Vec<(String, Array2<f64>)> = lesson
            .stages
            .iter()
            .enumerate()
            .map(|(i, n)| (if *n == 1 { "1 pulse".to_owned() } else { format!("{n} pulses") }, map(g, i)))
            .collect();
        maps.push((format!("{} later", spoken_time(self.later)), map(kept, 0)));
        let mut table = Table::new(["", "inside: lowest (S)", "mean (S)", "outside: mean (S)", "highest (S)"], 1);
        for (name, values) in &maps {
            let side = |inside: bool| {
                values.iter().zip(&written).filter(move |(_, w)| **w == inside).map(|(v, _)| *v).collect::<Vec<_>>()
            };
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            let (inside, outside) = (side(true), side(false));
            let lowest = inside.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = outside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // A pattern of all cells has none outside.
            let of = |cells: &[f64], value: f64| if cells.is_empty() { "-".to_owned() } else { scientific(value) };
            table.row([
                name.clone(),
                of(&inside, lowest),
                of(&inside, mean(&inside)),
                of(&outside, mean(&outside)),
                of(&outside, highest),
            ]);
        }
        let all = || maps.iter().flat_map(|(_, m)| m.iter().map(|g| g * 1e12));
        let range = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let panel = |(title, values): &(String, Array2<f64>)| {
            Panel::Map(Map {
                title: title.clone(),
                values: values.mapv(|g| g * 1e12),
                value_label: "Conductance (pS)".to_owned(),
                range: Some(range),
                ..Map::default()
            })
        };
        let title = format!("{} learns {}; {}", self.specimen.title(&ready), lesson.pattern.name, what);
        let plate = Plate { title: Some(title), panels: maps.iter().map(panel).collect(), columns: 5 };
        let through = self.wires.words(wire_ohm);
        let name = self.select.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
        let remark = format!("scheme {name}: {what}{through}; each cell is read by itself");
        let (summary, remark) = (table, Some(remark));
        let findings = Findings { command: "learn", dataset, further: Vec::new(), plate, summary, remark };
        self.specimen.done(&ready, findings, self.json)
    }
}
