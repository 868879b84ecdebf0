//! Which backends a command that compares them works through.

use clap::{Args, ValueEnum};
use trapline::backend::cpu::{Cpu, InstructionSet};
use trapline::backend::{self, Backend, Choice, Options};
use trapline::experiment::bench::Candidate;

use super::Failure;

/// Restricts a command to some of the backends.
#[derive(Debug, Args)]
pub struct Everyone {
    /// Only this kind of backend [default: the processor's and every adapter]
    #[arg(long, value_enum)]
    backend: Option<Kind>,
    /// Only this adapter: its number or PCI address in `trapline devices`, or a part of its name that no other has
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

    /// An adapter is one of the GPU backend; silence would let the user think it counts beside the name of another.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn consistent(&self) -> Result<(), Failure> {
        match (self.backend, &self.adapter) {
            (Some(Kind::Cpu | Kind::Reference), Some(_)) => Err(Failure::Usage(
                "--adapter is an option of the gpu backend; it cannot go with another --backend".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Whether every backend is wanted.
    pub fn unrestricted(&self) -> bool {
        self.backend.is_none() && self.adapter.is_none()
    }

    /// Whether the reference alone is asked for.
    pub fn only_reference(&self) -> bool {
        self.backend == Some(Kind::Reference)
    }

    /// The CPU backend with every instruction set of this processor, and every adapter.
    ///
    /// # Errors
    /// An adapter that was asked for and is not there, or cannot be opened.
    pub fn fast(&self) -> Result<Vec<Box<dyn Backend>>, Failure> {
        self.consistent()?;
        let mut backends: Vec<Box<dyn Backend>> = Vec::new();
        if self.wants(Kind::Cpu) {
            for set in InstructionSet::available() {
                backends.push(Box::new(Cpu::open(None, Some(set.name()))?));
            }
        }
        for adapter in self.adapters() {
            backends.push(backend::open(&Options { choice: Choice::Gpu, adapter, ..Options::default() })?);
        }
        Ok(backends)
    }

    /// The adapters that are wanted, as [`Options::adapter`] takes them: the one that was asked for, or each.
    fn adapters(&self) -> Vec<Option<String>> {
        match &self.adapter {
            _ if !self.wants(Kind::Gpu) => Vec::new(),
            Some(name) => vec![Some(name.clone())],
            None if self.backend.is_some() => vec![None],
            None => (0..backend::adapters().len()).map(|number| Some(number.to_string())).collect(),
        }
    }

    /// What is measured: the reference, the CPU backend on one thread and on all, and every adapter.
    ///
    /// # Errors
    /// As [`Everyone::consistent`].
    pub fn candidates(&self, instruction_set: Option<&str>) -> Result<Vec<Candidate>, Failure> {
        self.consistent()?;
        let reference = self.wants(Kind::Reference).then(Candidate::reference);
        let processors = if self.wants(Kind::Cpu) { Candidate::processors(instruction_set) } else { Vec::new() };
        let adapters = self.adapters().into_iter().map(Candidate::adapter);
        Ok(reference.into_iter().chain(processors).chain(adapters).collect())
    }
}

/// Backend, adapter, API or instruction set, and driver, in one line.
pub fn title(identity: &trapline::outcome::Identity) -> String {
    let software = if identity.software { ", software" } else { "" };
    let driver = if identity.driver.is_empty() { String::new() } else { format!(", driver {}", identity.driver) };
    format!("{}: {} ({}{software}{driver})", identity.backend, identity.adapter, identity.instruction_set)
}
