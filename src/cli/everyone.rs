//! Which backends a command that compares them works through.

use clap::{Args, ValueEnum};
use trapline::backend::cpu::{Cpu, InstructionSet};
use trapline::backend::reference::Reference;
use trapline::backend::{self, Backend, Choice, Options};

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

    /// The reference, where it is wanted.
    pub fn reference(&self) -> Option<Box<dyn Backend>> {
        self.wants(Kind::Reference).then(|| Box::new(Reference) as Box<dyn Backend>)
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
        if self.wants(Kind::Gpu) {
            let gpu = |adapter| backend::open(&Options { choice: Choice::Gpu, adapter, ..Options::default() });
            match &self.adapter {
                Some(name) => backends.push(gpu(Some(name.clone()))?),
                None if self.backend.is_some() => backends.push(gpu(None)?),
                None => {
                    for number in 0..backend::adapters().len() {
                        backends.push(gpu(Some(number.to_string()))?);
                    }
                }
            }
        }
        Ok(backends)
    }
}

/// Backend, adapter, API or instruction set, and driver, in one line.
pub fn title(identity: &trapline::outcome::Identity) -> String {
    let software = if identity.software { ", software" } else { "" };
    let driver = if identity.driver.is_empty() { String::new() } else { format!(", driver {}", identity.driver) };
    format!("{}: {} ({}{software}{driver})", identity.backend, identity.adapter, identity.instruction_set)
}
