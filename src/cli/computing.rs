//! The options that say what computes, shared by the commands that compute on one backend.

use clap::{Args, ValueEnum};
use trapline::backend::{self, Backend, Choice, Options};
use trapline::options;
use trapline::outcome::Identity;

use super::{Failure, size, terminal};

/// What computes.
#[derive(Debug, Clone, Args)]
pub struct Computing {
    /// What computes
    #[arg(long, value_enum, default_value_t = BackendName::Auto)]
    backend: BackendName,
    /// A GPU adapter: its number or PCI address in `trapline devices`, or a part of its name that no other has. A
    /// whole number is never a part of a name
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Device memory the GPU backend may take for a tile, in MiB or with a unit: 512MiB
    #[arg(long, value_name = "SIZE", value_parser = size::memory, allow_hyphen_values = true)]
    device_memory: Option<u64>,
    /// Threads of the CPU backend [default: one per core]
    #[arg(long, value_name = "N", value_parser = size::threads, allow_hyphen_values = true)]
    threads: Option<usize>,
    /// Instruction set of the CPU backend, as `trapline devices` lists them [default: the widest]
    #[arg(long, value_name = "NAME")]
    instruction_set: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BackendName {
    /// A real GPU where there is one, else the CPU
    Auto,
    /// f32 on the processor: vectors and threads
    Cpu,
    /// f32 on a GPU
    Gpu,
    /// f64, plain and slow
    Reference,
}

impl Computing {
    /// Options of one backend are refused beside the name of another.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn consistent(&self) -> Result<(), Failure> {
        options::consistent(&self.options())
    }

    fn options(&self) -> Options {
        Options {
            choice: match self.backend {
                BackendName::Auto => Choice::Auto,
                BackendName::Cpu => Choice::Cpu,
                BackendName::Gpu => Choice::Gpu,
                BackendName::Reference => Choice::Reference,
            },
            adapter: self.adapter.clone(),
            device_memory: self.device_memory,
            threads: self.threads,
            instruction_set: self.instruction_set.clone(),
        }
    }

    /// Whether an adapter is named.
    pub fn names_adapter(&self) -> bool {
        self.adapter.is_some()
    }

    /// Whether a number of threads is given.
    pub fn names_threads(&self) -> bool {
        self.threads.is_some()
    }

    /// Name of the backend; None where it is left to `auto`.
    pub fn backend(&self) -> Option<&'static str> {
        let choice = self.options().choice;
        (choice != Choice::Auto).then(|| options::name_of(choice))
    }

    /// The options but for the backend, as words of a command line.
    pub fn words(&self) -> Vec<String> {
        let options = [
            ("--adapter", self.adapter.clone()),
            ("--device-memory", self.device_memory.map(|bytes| format!("{}KiB", bytes >> 10))),
            ("--threads", self.threads.map(|n| n.to_string())),
            ("--instruction-set", self.instruction_set.clone()),
        ];
        let given = options.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value?]));
        given.flatten().collect()
    }

    /// Opens the backend.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn open(&self) -> Result<Box<dyn Backend>, Failure> {
        self.consistent()?;
        let opened = backend::open(&self.options())?;
        self.say_what_does_not_count(&opened.identity().backend);
        Ok(opened)
    }

    /// `auto` decides after the options were given: those of the backend it did not take are remarked on.
    fn say_what_does_not_count(&self, taken: &str) {
        let options = [
            ("--threads", "cpu", self.threads.is_some()),
            ("--instruction-set", "cpu", self.instruction_set.is_some()),
            ("--device-memory", "gpu", self.device_memory.is_some()),
        ];
        for (option, of, given) in options {
            if given && of != taken {
                terminal::note(&format!(
                    "{option} does not count: it is an option of the {of} backend, and {taken} computes"
                ));
            }
        }
    }
}

/// Who computes, in one line.
pub fn heading(who: &Identity) -> String {
    let software = if who.software { ", in software on the host processor" } else { "" };
    format!("{}: {} ({}){software}", who.backend, who.adapter, who.instruction_set)
}
