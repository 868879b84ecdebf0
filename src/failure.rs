//! What the command line and the Python package say of a failure: one line, and whose it is to change.

use std::error::Error;

use crate::backend::BackendError;
use crate::backend::job::JobError;
use crate::calibrate::FitError;
use crate::campaign::estimate::TimeError;
use crate::campaign::slurm::SlurmError;
use crate::campaign::{CampaignError, MergeError, RunError};
use crate::experiment::ExperimentError;
use crate::experiment::heat::HeatMapError;
use crate::experiment::mnist::{IdxError, MnistError};
use crate::figure::FigureError;
use crate::files::commit::{CommitError, KeepError};
use crate::rare::RareError;
use crate::record::RecordError;
use crate::text::one_line;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// The call, or a file the user wrote, is wrong: exit code 2.
    Usage(String),
    /// Something failed on the way: exit code 1.
    Failed(String),
    /// The output has said everything already; only the exit code is left.
    Reported(u8),
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Failed(_) => 1,
            Failure::Reported(code) => *code,
        }
    }

    /// The message in one line, whatever was put into it (a path may hold a line break).
    pub fn message(&self) -> Option<String> {
        match self {
            Failure::Usage(text) | Failure::Failed(text) => Some(one_line(text)),
            Failure::Reported(_) => None,
        }
    }
}

/// An error and its sources, each once.
fn one_line_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = inner.source();
    }
    text
}

impl From<CampaignError> for Failure {
    fn from(error: CampaignError) -> Self {
        if error.is_io() { Failure::Failed(one_line_of(&error)) } else { Failure::Usage(one_line_of(&error)) }
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        use BackendError::{AmbiguousAdapter, Budget, Current, InstructionSet, Threads, UnknownAdapter, WithoutGpu};
        match error {
            UnknownAdapter { .. }
            | AmbiguousAdapter { .. }
            | InstructionSet { .. }
            | Threads(_)
            | Budget { .. }
            | Current { .. }
            | WithoutGpu => Failure::Usage(one_line_of(&error)),
            _ => Failure::Failed(one_line_of(&error)),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Failure::Failed(one_line_of(&error))
    }
}

/// A file name that is taken is a usage error, as it is before anything is computed.
impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Commit(inner) => inner.into(),
            KeepError::Taken(taken) => Failure::Usage(one_line_of(&taken)),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        if is_usage(&error) { Failure::Usage(one_line_of(&error)) } else { Failure::Failed(one_line_of(&error)) }
    }
}

fn is_usage(error: &RunError) -> bool {
    match error {
        RunError::Exists(_)
        | RunError::NotAFile { .. }
        | RunError::Input(_)
        | RunError::Interrupted { .. }
        | RunError::Changed { .. }
        | RunError::Computed { .. }
        | RunError::Running(_)
        | RunError::NoLocks(_)
        | RunError::NotParts { .. }
        | RunError::NoFile(_)
        | RunError::NoFolder { .. }
        | RunError::Name { .. }
        | RunError::Taken(_) => true,
        RunError::Backend { source, .. } => matches!(**source, BackendError::Budget { .. }),
        RunError::Programming { source, .. } => source.is_asked_for(),
        RunError::Stopped { source, .. } => is_usage(source),
        RunError::Dump { .. } | RunError::Ended | RunError::Job(_) | RunError::Record(_) => false,
    }
}

impl From<TimeError> for Failure {
    fn from(error: TimeError) -> Self {
        match error {
            TimeError::Backend(inner) => inner.into(),
            TimeError::Job(inner) => inner.into(),
            TimeError::Circuit(inner) => (*inner).into(),
            TimeError::Programming(ref inner) if inner.is_asked_for() => Failure::Usage(one_line_of(&error)),
            TimeError::Programming(_) => Failure::Failed(one_line_of(&error)),
        }
    }
}

/// Campaigns and experiments check their values themselves, in words of their own: what a job still refuses is no
/// wrong usage.
impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        Failure::Failed(one_line_of(&error))
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Unsuited { .. } => Failure::Usage(one_line_of(&error)),
            _ => Failure::Failed(one_line_of(&error)),
        }
    }
}

impl From<HeatMapError> for Failure {
    fn from(error: HeatMapError) -> Self {
        match error {
            HeatMapError::Record(inner) => inner.into(),
            _ => Failure::Usage(one_line_of(&error)),
        }
    }
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Record(inner) => inner.into(),
            MergeError::Other { .. }
            | MergeError::Conflict { .. }
            | MergeError::Missing { .. }
            | MergeError::Kind { .. } => Failure::Usage(one_line_of(&error)),
        }
    }
}

/// Wrong names and options are usage errors.
impl From<SlurmError> for Failure {
    fn from(error: SlurmError) -> Self {
        Failure::Usage(one_line_of(&error))
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Backend(inner) => inner.into(),
            ExperimentError::Material(_)
            | ExperimentError::Job(_)
            | ExperimentError::Dataset(_)
            | ExperimentError::Network(_)
            | ExperimentError::Shape(_) => Failure::Failed(one_line_of(&error)),
            ExperimentError::Pattern(_)
            | ExperimentError::Profile(_)
            | ExperimentError::Noise(_)
            | ExperimentError::Write(_) => Failure::Usage(one_line_of(&error)),
        }
    }
}

impl From<MnistError> for Failure {
    fn from(error: MnistError) -> Self {
        match error {
            MnistError::Backend(inner) => inner.into(),
            MnistError::Idx(inner) => inner.into(),
            MnistError::Wires(inner) => Failure::Failed(one_line_of(&inner)),
            MnistError::Value { .. } => Failure::Usage(one_line_of(&error)),
        }
    }
}

/// A folder without MNIST is the wrong one; a file of it that is damaged is another matter.
impl From<IdxError> for Failure {
    fn from(error: IdxError) -> Self {
        match error {
            IdxError::Missing { .. } => Failure::Usage(one_line_of(&error)),
            IdxError::Unreadable { .. } | IdxError::Wrong { .. } => Failure::Failed(one_line_of(&error)),
        }
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        match error {
            FitError::Experiment(inner) => inner.into(),
            FitError::File { .. } | FitError::Csv(_) | FitError::Request(_) | FitError::Material(_) => {
                Failure::Usage(one_line_of(&error))
            }
        }
    }
}

impl From<RareError> for Failure {
    fn from(error: RareError) -> Self {
        Failure::Usage(one_line_of(&error))
    }
}

impl From<FigureError> for Failure {
    fn from(error: FigureError) -> Self {
        Failure::Failed(one_line_of(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_too_small_is_the_users_to_change() {
        let budget = || BackendError::Budget { budget_mib: 0, needed_mib: 3, least_cells: 4096 };
        let in_run = || RunError::Backend {
            number: 0,
            material: "pi".to_owned(),
            temperature_c: "25".to_owned(),
            source: Box::new(budget()),
        };
        let stopped = RunError::Stopped { source: Box::new(in_run()), points: 2, path: "x.h5.parts".into() };
        for failure in [Failure::from(budget()), in_run().into(), stopped.into()] {
            assert_eq!(failure.code(), 2);
            let text = failure.message().unwrap_or_default();
            assert!(text.contains("less than 1 MiB") && text.contains("--device-memory"), "{text}");
        }
        let lost = BackendError::NoAdapter("none".to_owned());
        let lost = RunError::Backend {
            number: 0,
            material: "pi".to_owned(),
            temperature_c: "25".to_owned(),
            source: Box::new(lost),
        };
        assert_eq!(Failure::from(lost).code(), 1);
    }
}
