//! Which backends a command that compares them works through.

use clap::{Args, ValueEnum};
use trapline::backend::cpu::{Cpu, InstructionSet};
use trapline::backend::gpu::{self, Gpu};
use trapline::backend::reference::Reference;
use trapline::backend::{Backend, BackendError};

/// Restricts a command to some of the backends.
#[derive(Debug, Args)]
pub struct Everyone {
    /// Only this kind of backend [default: the processor's and every adapter]
    #[arg(long, value_enum)]
    backend: Option<Kind>,
    /// Only the adapter of this number in `trapline devices`, or with this in its name
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Cpu,
    Gpu,
    Reference,
}

impl Everyone {
    fn wants(&self, kind: Kind) -> bool {
        match (self.backend, &self.adapter) {
            (Some(only), _) => only == kind,
            (None, Some(_)) => kind == Kind::Gpu,
            (None, None) => true,
        }
    }

    /// The reference, where it is wanted.
    pub fn reference(&self) -> Option<Box<dyn Backend>> {
        self.wants(Kind::Reference).then(|| Box::new(Reference) as Box<dyn Backend>)
    }

    /// The CPU backend with every instruction set of this processor (only the widest where `widest`), and every adapter.
    ///
    /// # Errors
    /// An adapter that was asked for and is not there, or cannot be opened.
    pub fn fast(&self, widest: bool) -> Result<Vec<Box<dyn Backend>>, BackendError> {
        let mut found: Vec<Box<dyn Backend>> = Vec::new();
        if self.wants(Kind::Cpu) {
            let sets = InstructionSet::available();
            let first = if widest { sets.len() - 1 } else { 0 };
            for set in &sets[first..] {
                found.push(Box::new(Cpu::open(None, Some(set.name()))?));
            }
        }
        if self.wants(Kind::Gpu) {
            match &self.adapter {
                Some(name) => found.push(Box::new(Gpu::open(Some(name), None)?)),
                None if self.backend.is_some() => found.push(Box::new(Gpu::open(None, None)?)),
                None => {
                    for number in 0..gpu::adapters().len() {
                        found.push(Box::new(Gpu::open(Some(&number.to_string()), None)?));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Backend, adapter, API or instruction set, and driver, in one line.
pub fn title(identity: &trapline::outcome::Identity) -> String {
    let software = if identity.software { ", software" } else { "" };
    let driver = if identity.driver.is_empty() { String::new() } else { format!(", driver {}", identity.driver) };
    format!("{}: {} ({}{software}{driver})", identity.backend, identity.adapter, identity.instruction_set)
}
