//! The command line: one file per subcommand, arguments in, a checked plan out.

mod amounts;
mod analyze;
mod bench;
mod check;
mod completions;
mod computing;
mod devices;
mod diff;
mod drawing;
mod electrons;
mod everyone;
mod fit;
mod init;
mod interrupt;
mod man;
mod materials;
mod measure;
mod merge;
mod mnist;
mod outputs;
mod paper;
mod plan;
mod progress;
mod qualify;
mod rare;
mod reading;
mod run;
mod scale;
mod schema;
mod selftest;
mod show;
mod size;
mod slurm;
mod terminal;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub use interrupt::survive_size_limits;
pub use trapline::failure::Failure;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TRAPLINE_COMMIT"), ")");

const EXIT_CODES: &str = "\
Exit codes: 0 when all went well; 1 for what fails while running (a file that cannot be read or written, a damaged \
record, a device); 2 for wrong usage (arguments, what a campaign or material file holds, an output that exists or is in use, also one that came to be meanwhile: then the \
result is kept under a free name, which the error tells); 128 and the number of the signal where one ended \
a run: 130 for Ctrl-C, 143 for SIGTERM. `diff` ends with 1 where two files differ, `fit` where a target is missed or a bound is reached, `paper` where a verdict is not the expected one, `qualify` where a lot \
failed, `rare` where a fraction is not as precise as was asked for.

Results go to the standard output; remarks, progress and errors to the standard error.";

/// Simulates charge-trap synaptic crossbars: cell physics on GPU and CPU, thermal Monte Carlo campaigns, HDF5 records.
#[derive(Debug, Parser)]
#[command(name = "trapline", version = VERSION, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Arguments {
    /// Says more of what happens, on the standard error
    #[arg(long, short, global = true, help_heading = "Global options", display_order = 1000)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Check(check::Check),
    Schema(schema::Schema),
    Run(Box<run::Run>),
    Plan(plan::PlanCommand),
    Slurm(Box<slurm::Slurm>),
    Merge(merge::Merge),
    Show(show::Show),
    Diff(diff::Diff),
    Analyze(analyze::Analyze),
    Qualify(qualify::Qualify),
    Rare(rare::Rare),
    Scale(Box<scale::Scale>),
    Iv(measure::Iv),
    Pulse(measure::Pulse),
    Retain(measure::Retain),
    Noise(Box<measure::Noise>),
    Learn(measure::Learn),
    Read(Box<measure::Read>),
    Write(Box<measure::Write>),
    Heat(Box<measure::Heat>),
    Mnist(mnist::Mnist),
    Paper(paper::Paper),
    Fit(fit::Fit),
    Devices(devices::Devices),
    Materials(materials::Materials),
    Selftest(selftest::Selftest),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Man(man::Man),
    /// What this program asks a child of itself to do: no command of a user's, so that no page and no completion
    /// names it.
    #[command(skip)]
    ReadRecords(reading::ReadRecords),
}

/// The arguments of this process; help and version are printed as asked for.
///
/// # Errors
/// [`Failure::Usage`] of one line. [`Failure::Reported`] where there is nothing left to say.
pub fn parse() -> Result<Arguments, Failure> {
    if let Some(own) = reading::asked() {
        return Ok(Arguments { verbose: false, command: Command::ReadRecords(own) });
    }
    Arguments::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            terminal::print(&error.render().to_string()).err().unwrap_or(Failure::Reported(0))
        }
        // Called without a subcommand: the help is the answer, and the call was wrong nevertheless.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            terminal::note(error.render().to_string().trim_end());
            Failure::Reported(2)
        }
        _ => Failure::Usage(first_paragraph(&error.render().to_string())),
    })
}

/// What clap says, in one line: what is wrong and, where a name is near another, which; without the usage.
fn first_paragraph(rendered: &str) -> String {
    let lines = rendered.lines().take_while(|line| !line.trim().is_empty());
    let text = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let tip = rendered.lines().find_map(|line| line.trim().strip_prefix("tip: ").filter(|tip| tip.contains("similar")));
    let near: Vec<&str> = tip.map_or_else(Vec::new, |tip| tip.split('\'').skip(1).step_by(2).collect());
    let meant = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    format!("{}{meant}; see --help", text.trim_end_matches('.'))
}

/// Runs a subcommand.
///
/// # Errors
/// [`Failure`]: what to say, and the exit code.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let level = if arguments.verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(terminal::remarks)
        .without_time()
        .with_target(false)
        .init();
    match arguments.command {
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Slurm(command) => command.run(),
        Command::Merge(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Analyze(command) => command.run(),
        Command::Qualify(command) => command.run(),
        Command::Rare(command) => command.run(),
        Command::Scale(command) => command.run(),
        Command::Iv(command) => command.run(),
        Command::Pulse(command) => command.run(),
        Command::Retain(command) => command.run(),
        Command::Noise(command) => command.run(),
        Command::Learn(command) => command.run(),
        Command::Read(command) => command.run(),
        Command::Write(command) => command.run(),
        Command::Heat(command) => command.run(),
        Command::Mnist(command) => command.run(),
        Command::Paper(command) => command.run(),
        Command::Fit(command) => command.run(),
        Command::Devices(command) => command.run(),
        Command::Materials(command) => command.run(),
        Command::Selftest(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
        Command::ReadRecords(command) => command.run(),
    }
}

/// Says what failed, in one line, and ends with its code.
pub fn exit(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    if let Some(message) = failure.message() {
        terminal::note(&format!("trapline: {message}"));
    }
    ExitCode::from(failure.code())
}
