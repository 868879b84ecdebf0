//! `trapline completions`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Arguments, Failure, terminal};

/// Prints what makes a shell complete this program's commands and options
#[derive(Debug, Args)]
#[command(after_help = "\
bash:  trapline completions bash > ~/.local/share/bash-completion/completions/trapline
zsh:   trapline completions zsh > a folder of your fpath, as _trapline
fish:  trapline completions fish > ~/.config/fish/completions/trapline.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// # Errors
    /// Only of the standard output.
    pub fn run(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        generate(self.shell, &mut Arguments::command(), "trapline", &mut text);
        terminal::print(&String::from_utf8_lossy(&text))
    }
}
