//! `trapline selftest`.

use clap::Args;
use trapline::analysis::Table;
use trapline::experiment::selftest::{self, CHARGE_TOLERANCE, CONDUCTANCE_TOLERANCE, SelfTest};

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
        if self.everyone.only_reference() {
            return Err(Failure::Usage(
                "--backend reference has nothing to be compared with: it is what the others are held against"
                    .to_owned(),
            ));
        }
        let backends = self.everyone.fast()?;
        let mut results: Vec<SelfTest> = Vec::new();
        for backend in &backends {
            let result = selftest::run(backend.as_ref())?;
            if !self.json {
                terminal::print(&report(&result))?;
            }
            results.push(result);
        }
        if self.json {
            terminal::print_json(&results)?;
        } else {
            terminal::note(&allowed());
            if self.everyone.unrestricted() && !results.iter().any(|result| result.identity.backend == "gpu") {
                terminal::note("no GPU adapter was tested; `trapline devices` says how to get one");
            }
        }
        verdict(&results)
    }
}

/// A failure where one missed.
fn verdict(results: &[SelfTest]) -> Result<(), Failure> {
    let wrong: Vec<_> = results.iter().filter(|r| !r.passed).map(|r| r.identity.adapter.as_str()).collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Failed(format!("self-test missed on {}: do not trust its results", wrong.join(", "))))
    }
}

/// What the last column of the report is in units of.
fn allowed() -> String {
    format!(
        "allowed: {CHARGE_TOLERANCE:e} of a loss, and of the programmed filling and window; {CONDUCTANCE_TOLERANCE:e} of a \
         conductance; for statistics what follows from these. `cargo doc` (experiment::selftest) derives them"
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use trapline::outcome::Identity;

    #[test]
    fn one_miss_is_exit_code_1() {
        let of = |adapter: &str, passed| SelfTest {
            identity: Identity {
                backend: "gpu".to_owned(),
                adapter: adapter.to_owned(),
                driver: String::new(),
                instruction_set: "Vulkan".to_owned(),
                software: false,
            },
            checks: Vec::new(),
            passed,
        };
        assert!(verdict(&[of("good", true), of("fine", true)]).is_ok());
        let failure = verdict(&[of("good", true), of("bad", false)]).expect_err("a miss");
        assert_eq!(failure.code(), 1);
        let message = failure.message().unwrap_or_default();
        assert!(message.contains("bad") && !message.contains("good"), "{message}");
    }
}
