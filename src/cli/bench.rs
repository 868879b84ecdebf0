//! `trapline bench`.

use std::time::Instant;

use clap::Args;
use trapline::analysis::Table;
use trapline::experiment::bench::{self, BenchRow, Rate};

use super::everyone::{Everyone, title};
use super::{Failure, size, terminal};

/// Measures every backend side by side: cell-checkpoints and cell-pulses per second, read-back included
#[derive(Debug, Args)]
pub struct Bench {
    #[command(flatten)]
    everyone: Everyone,
    /// Rows and columns of the array [default: by backend, so that a call takes a tenth of a second to some seconds]
    #[arg(long, value_name = "N", value_parser = size::lines)]
    lines: Option<u64>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Measures each backend in turn and prints the figures.
    ///
    /// # Errors
    /// A backend that fails.
    pub fn run(self) -> Result<(), Failure> {
        let (mut rows, start) = (Vec::new(), Instant::now());
        for backend in self.everyone.reference().into_iter().chain(self.everyone.fast()?) {
            if !self.json {
                terminal::note(&format!("measuring {}", title(&backend.identity())));
            }
            rows.extend(bench::run(backend.as_ref(), self.lines)?);
        }
        if !self.json {
            terminal::note(&format!("measured in {}", terminal::waited(start.elapsed())));
        }
        if self.json {
            return terminal::print_json(&rows);
        }
        terminal::print(&table(&rows))
    }
}

fn spread(rate: &Rate) -> String {
    format!("{:.2e} ({:.1e} to {:.1e})", rate.median, rate.least, rate.most)
}

fn table(rows: &[BenchRow]) -> String {
    let mut table = Table::new(["backend", "electrons", "cells", "cell-checkpoints/s", "cell-pulses/s"], 2);
    for row in rows {
        table.row([
            title(&row.identity),
            row.electrons.to_owned(),
            row.cells.to_string(),
            spread(&row.cell_checkpoints_per_s),
            spread(&row.cell_pulses_per_s),
        ]);
    }
    format!(
        "{}median (least to most) of {} calls, all statistics and the read-back included, kernels compiled before\n",
        table.render(),
        bench::CALLS
    )
}
