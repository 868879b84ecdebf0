//! `trapline man`.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use trapline::files::commit::{self, Batch};

use super::{Arguments, EXIT_CODES, Failure, outputs, terminal};

/// Prints the manual page, or writes the pages of all commands into a folder
#[derive(Debug, Args)]
#[command(after_help = "To read it at once: trapline man | man -l -")]
pub struct Man {
    /// The folder, such as ~/.local/share/man/man1, which is made where it is missing
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replaces pages that exist
    #[arg(long)]
    force: bool,
}

impl Man {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        // `help` has nothing to say that is not in the pages.
        let mut program = Arguments::command().disable_help_subcommand(true);
        program.build();
        let Some(folder) = self.output else {
            return terminal::print(&page(&program)?);
        };
        let mut pages = vec![(folder.join("trapline.1"), page(&program)?)];
        for command in program.get_subcommands() {
            // Its own name is that of the program and its: `trapline-run`.
            let name = command.get_display_name().unwrap_or_else(|| command.get_name());
            pages.push((folder.join(format!("{name}.1")), page(command)?));
        }
        let paths: Vec<PathBuf> = pages.iter().map(|(path, _)| path.clone()).collect();
        commit::create_folder(&folder).map_err(|error| Failure::Failed(error.to_string()))?;
        outputs::free(&paths, self.force)?;
        let mut batch = Batch::new();
        for (path, text) in &pages {
            batch.text(path, text)?;
        }
        outputs::place(batch, self.force, &folder)?;
        terminal::note(&format!("wrote {} pages into {}", pages.len(), folder.display()));
        Ok(())
    }
}

/// The page of a command, in roff. Every page has the exit codes, in a section of their usual name.
fn page(command: &Command) -> Result<String, Failure> {
    // What stands below a command's help is a section of its own here; the program's are the exit codes.
    let notes = command.get_after_help().map(ToString::to_string).filter(|notes| notes != EXIT_CODES);
    let man = clap_mangen::Man::new(command.clone().after_help(""))
        .manual("Trapline manual")
        .source(concat!("trapline ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    let rendered = (|| -> io::Result<()> {
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        if command.has_subcommands() {
            man.render_subcommands_section(&mut text)?;
        }
        Ok(())
    })();
    rendered.map_err(|error| Failure::Failed(format!("the manual page cannot be made: {error}")))?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if let Some(notes) = notes {
        // Its lines are examples, each as it is.
        text.push_str(&format!(".SH NOTES\n.nf\n{}.fi\n", roff(&notes)));
    }
    text.push_str(&format!(".SH \"EXIT STATUS\"\n{}", roff(EXIT_CODES)));
    Ok(text)
}

/// Plain text as roff reads it; an empty line begins a paragraph.
fn roff(plain: &str) -> String {
    let mut text = String::new();
    for line in plain.lines() {
        // A dot or a quote at the start of a line would be a request.
        text.push_str(if line.starts_with(['.', '\'']) { "\\&" } else { "" });
        text.push_str(&line.replace('\\', "\\e").replace('-', "\\-"));
        text.push('\n');
    }
    text
}
