//! `trapline devices`.

use clap::Args;
use indicatif::BinaryBytes;
use serde::Serialize;
use trapline::analysis::Table;
use trapline::backend::{self, AdapterReport, HAS_GPU_BACKEND, cpu::InstructionSet};

use super::{Failure, terminal};

/// Lists what can compute: the host's backends and the GPU adapters, with their limits, and which one `auto` takes
#[derive(Debug, Args)]
pub struct Devices {
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Everything that can compute here.
#[derive(Debug, Serialize)]
struct Report {
    processor: String,
    threads: usize,
    /// Narrowest first; the CPU backend takes the last.
    instruction_sets: Vec<&'static str>,
    adapters: Vec<AdapterReport>,
    /// Number of the adapter that `--backend auto` takes; the CPU where there is none.
    auto_adapter: Option<usize>,
}

impl Devices {
    /// Prints the table, or the same as JSON.
    ///
    /// # Errors
    /// Only of the standard output.
    pub fn run(self) -> Result<(), Failure> {
        let adapters = backend::adapters();
        let report = Report {
            processor: backend::processor_name(),
            threads: std::thread::available_parallelism().map_or(1, |n| n.get()),
            instruction_sets: InstructionSet::available().into_iter().map(InstructionSet::name).collect(),
            auto_adapter: adapters.iter().position(|adapter| adapter.auto),
            adapters,
        };
        if !self.json {
            return terminal::print(&report.table());
        }
        terminal::print_json(&report)
    }
}

impl Report {
    fn table(&self) -> String {
        let mark = |auto: bool| if auto { "auto" } else { "" };
        let mut host = Table::new(["", "backend", "processor", "threads", "instruction sets"], 5);
        host.row([
            mark(self.auto_adapter.is_none()),
            "cpu",
            &self.processor,
            &self.threads.to_string(),
            &self.instruction_sets.join(", "),
        ]);
        host.row(["", "reference", &self.processor, &self.threads.to_string(), "f64"]);
        let mut text = host.render();
        text.push('\n');
        if !HAS_GPU_BACKEND {
            text.push_str(
                "This program is built without the GPU backend: cargo build --release --features gpu builds it in.\n",
            );
            return text;
        }
        if self.adapters.is_empty() {
            text.push_str(
                "No GPU adapter. For one, install the driver of your GPU with Vulkan; for one in software, to try the GPU\n\
                 backend with (Debian): apt-get install libvulkan1 mesa-vulkan-drivers\n",
            );
            return text;
        }
        let headings = ["", "gpu", "adapter", "PCI", "API", "driver", "buffer", "binding", "workgroup", "its memory"];
        let mut gpus = Table::new(headings, 6);
        for (number, adapter) in self.adapters.iter().enumerate() {
            let identity = &adapter.identity;
            let software = if identity.software { " (software)" } else { "" };
            gpus.row([
                mark(self.auto_adapter == Some(number)).to_owned(),
                number.to_string(),
                format!("{}{software}", identity.adapter),
                adapter.pci_address.clone(),
                identity.instruction_set.clone(),
                identity.driver.clone(),
                BinaryBytes(adapter.max_buffer_bytes).to_string(),
                BinaryBytes(adapter.max_binding_bytes).to_string(),
                adapter.max_workgroup.to_string(),
                BinaryBytes(u64::from(adapter.max_workgroup_bytes)).to_string(),
            ]);
        }
        text.push_str(&gpus.render());
        text.push_str(
            "auto: what `--backend auto` takes; `--adapter` takes a number, a PCI address or a part of a name that no other has\n",
        );
        text
    }
}
