//! `trapline selftest`.

use clap::Args;
use trapline::analysis::Table;
use trapline::experiment::selftest::{self, SelfTest};

use super::everyone::{Everyone, title};
use super::{Failure, terminal};

/// Compares every backend of this machine with the f64 reference, cell by cell; exit code 1 on a miss
#[derive(Debug, Args)]
pub struct Selftest {
    #[command(flatten)]
    everyone: Everyone,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Selftest {
    /// Runs the self-test of each backend and prints what was found.
    ///
    /// # Errors
    /// A backend that fails, or computes wrong.
    pub fn run(self) -> Result<(), Failure> {
        let backends = self.everyone.fast(false)?;
        let mut results: Vec<SelfTest> = Vec::new();
        for backend in &backends {
            let result = selftest::run(backend.as_ref())?;
            if !self.json {
                terminal::print(&report(&result))?;
            }
            results.push(result);
        }
        if self.json {
            let text = serde_json::to_string_pretty(&results)
                .map_err(|error| Failure::Failed(format!("cannot put the results into JSON: {error}")))?;
            terminal::print(&format!("{text}\n"))?;
        } else if !results.iter().any(|result| result.identity.backend == "gpu") {
            terminal::note("no GPU adapter was tested; `trapline devices` says how to get one");
        }
        let wrong: Vec<_> = results.iter().filter(|r| !r.passed).map(|r| r.identity.adapter.as_str()).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Failure::Failed(format!("self-test missed on {}: do not trust its results", wrong.join(", "))))
        }
    }
}

fn report(result: &SelfTest) -> String {
    let mut table = Table::new(["", "check", "compared", "error / allowed"], 3);
    for check in &result.checks {
        let verdict = if check.passed { "ok" } else { "MISS" };
        table.row([verdict, &check.name, &check.compared, &format!("{:.2e}", check.error_over_allowed)]);
    }
    let verdict = if result.passed { "passed" } else { "MISSED" };
    format!("{}: {verdict}\n{}\n", title(&result.identity), table.render())
}
