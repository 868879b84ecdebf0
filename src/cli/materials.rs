//! `trapline materials`.

use clap::Args;
use trapline::analysis::Table;
use trapline::material::{self, MaterialError};

use super::{Failure, terminal};

/// Lists the materials that come with the program, or prints the file of one, to copy and edit
#[derive(Debug, Args)]
pub struct Materials {
    /// The material whose file is printed: `trapline materials pi > mine.toml`
    name: Option<String>,
}

impl Materials {
    /// Prints the list, or the file byte for byte.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a name that is not there.
    pub fn run(self) -> Result<(), Failure> {
        let usage = |error: MaterialError| Failure::Usage(error.to_string());
        let Some(name) = self.name else {
            let mut table = Table::new(["material", "description"], 2);
            for (name, _) in material::SHIPPED {
                table.row([name.to_owned(), material::shipped(name).map_err(usage)?.description]);
            }
            return terminal::print(&table.render());
        };
        terminal::print(&material::shipped(&name).map_err(usage)?.text)
    }
}
