//! Wires, sources and amplifiers of an array that is written.

use clap::Args;
use trapline::circuit::Wire;
use trapline::circuit::scheme::Reading;
use trapline::experiment::array_write::Wiring;

use super::{Failure, does_nothing, within};

/// What joins the cells.
#[derive(Debug, Args)]
pub(super) struct Wires {
    /// The same of word lines [default: as --wire-ohm]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    word_wire_ohm: Option<f64>,
    /// The same of bit lines [default: as --wire-ohm]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    bit_wire_ohm: Option<f64>,
    /// Resistance of each source of a word line beside its wire, ohm
    #[arg(long, value_name = "OHM", default_value_t = 0.0, allow_hyphen_values = true)]
    source_ohm: f64,
    /// Resistance of what holds each bit line, ohm
    #[arg(long, value_name = "OHM", default_value_t = 0.0, allow_hyphen_values = true)]
    sense_ohm: f64,
    /// Connects lines at both of their ends
    #[arg(long)]
    both_ends: bool,
}

impl Wires {
    /// Refuses a resistance of both axes where word lines and bit lines have their own.
    ///
    /// # Errors
    /// What does nothing, and the fix.
    pub(super) fn all_count(&self, wire_ohm: Option<f64>) -> Result<(), Failure> {
        does_nothing(
            wire_ohm.is_some() && self.word_wire_ohm.is_some() && self.bit_wire_ohm.is_some(),
            "--wire-ohm",
            "where word lines and bit lines have their own",
            "leave one of the three out",
        )
    }

    /// What joins the cells, as the end of a sentence; nothing of lines without resistance.
    pub(super) fn words(&self, wire_ohm: f64) -> String {
        let (word, bit) = (self.word_wire_ohm.unwrap_or(wire_ohm), self.bit_wire_ohm.unwrap_or(wire_ohm));
        match word == bit {
            true if word == 0.0 => String::new(),
            true => format!(", wires of {word} ohm"),
            false => format!(", wires of {word} ohm a cell (word lines) and {bit} ohm (bit lines)"),
        }
    }

    /// What joins the cells, with wires of a resistance where an axis has none of its own.
    ///
    /// # Errors
    /// Resistances that cannot be, and those that do nothing.
    pub(super) fn wiring(&self, wire_ohm: f64) -> Result<Wiring, Failure> {
        let (word, bit) = (self.word_wire_ohm.unwrap_or(wire_ohm), self.bit_wire_ohm.unwrap_or(wire_ohm));
        for (option, ohm) in [("--source-ohm", self.source_ohm), ("--sense-ohm", self.sense_ohm)] {
            within(option, ohm, 0.0, 1e15, "ohm")?;
        }
        if word == 0.0 && bit == 0.0 {
            if self.source_ohm != 0.0 || self.sense_ohm != 0.0 || self.both_ends {
                return Err(Failure::Usage(
                    "--source-ohm, --sense-ohm and --both-ends do nothing on lines without resistance: give --wire-ohm"
                        .to_owned(),
                ));
            }
            return Ok(Wiring::Ideal);
        }
        for (axis, ohm) in [("word", word), ("bit", bit)] {
            if !(1e-9..=1e15).contains(&ohm) {
                return Err(Failure::Usage(format!(
                    "the wires of {axis} lines have {ohm:?} ohm; it must be between 1e-9 and 1e15 ohm, or 0 on both axes"
                )));
            }
        }
        Ok(Wiring::Wires(Reading {
            word_wire: Wire::Uniform(word),
            bit_wire: Wire::Uniform(bit),
            source_ohm: self.source_ohm,
            sense_ohm: self.sense_ohm,
            both_ends: self.both_ends,
        }))
    }
}
