//! Levels that cells are brought to.

use std::path::PathBuf;

use clap::Args;
use trapline::csv_file;
use trapline::experiment::array_write::Verify;
use trapline::experiment::pulse::Train;

use super::super::{Failure, amounts, within};

/// Levels, and how they are reached.
#[derive(Debug, Args)]
pub(super) struct LevelsAsked {
    /// Conductance of each cell at the read bias, S, a row of the array a line, 0 for a cell that is left alone
    #[arg(long, value_name = "CSV", requires = "verify")]
    levels: Option<PathBuf>,
    /// Reads after each pulse and stops where a cell is in its band; --count is then the most pulses
    #[arg(long, requires = "levels")]
    verify: bool,
    /// Half of the width of a level's band, over the level
    #[arg(long, value_name = "SHARE", requires = "levels", allow_hyphen_values = true)]
    band: Option<f64>,
    /// What each pulse is higher than the one before, V
    #[arg(long, value_name = "V", value_parser = amounts::volts, default_value_t = 0.0, requires = "levels", allow_hyphen_values = true)]
    amplitude_step: f64,
}

impl LevelsAsked {
    /// The file that is read.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.levels.clone()
    }

    /// What is asked for, if it is; pulses as the train has them.
    pub(super) fn verify(&self, train: &Train) -> Result<Option<Verify>, Failure> {
        let Some(path) = &self.levels else { return Ok(None) };
        let Some(band) = self.band else {
            return Err(Failure::Usage(
                "--verify needs --band SHARE: half of the width of a level's band, over the level".to_owned(),
            ));
        };
        within("--amplitude-step", self.amplitude_step, -100.0, 100.0, "V")?;
        let target_s = csv_file::matrix(path).map_err(|error| Failure::Usage(error.to_string()))?;
        let asked =
            Verify { target_s, band, first_v: train.amplitude_v, step_v: self.amplitude_step, rounds: train.count };
        asked.check().map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        Ok(Some(asked))
    }
}
