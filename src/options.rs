//! What computes, as it is asked for: the checks that the command line and the Python package have in common.

use std::path::Path;

use crate::backend::{BackendError, Choice, Options};
use crate::campaign::Plan;
use crate::cell::counted::Electrons;
use crate::failure::Failure;
use crate::memory::{Left, in_words};
use crate::outcome::PointSettings;

/// The name of a backend as it is asked for.
pub fn name_of(choice: Choice) -> &'static str {
    match choice {
        Choice::Auto => "auto",
        Choice::Cpu => "cpu",
        Choice::Gpu => "gpu",
        Choice::Reference => "reference",
    }
}

/// Options of one backend are refused beside the name of another: silence would let the user think they count.
///
/// # Errors
/// [`Failure::Usage`].
pub fn consistent(options: &Options) -> Result<(), Failure> {
    let refuse = |option: &str, of: &str| {
        let name = name_of(options.choice);
        Err(Failure::Usage(format!("{option} is an option of the {of} backend; it cannot go with --backend {name}")))
    };
    match options.choice {
        Choice::Cpu | Choice::Reference if options.adapter.is_some() => refuse("--adapter", "gpu"),
        Choice::Cpu | Choice::Reference if options.device_memory.is_some() => refuse("--device-memory", "gpu"),
        Choice::Gpu | Choice::Reference if options.threads.is_some() => refuse("--threads", "cpu"),
        Choice::Gpu | Choice::Reference if options.instruction_set.is_some() => refuse("--instruction-set", "cpu"),
        _ => Ok(()),
    }
}

/// Whether a backend, named as on the command line, can compute a campaign: only the reference takes dots one by one.
///
/// # Errors
/// [`Failure::Usage`] where it cannot.
pub fn can_compute(backend: &str, plan: &Plan, file: &Path) -> Result<(), Failure> {
    let by_dots = |of: &PointSettings| of.dots > 0.0 && matches!(of.electrons, Electrons::EachDot(_));
    if backend != "reference" && plan.label.settings.iter().any(by_dots) {
        return Err(Failure::Usage(format!("{}: {}", file.display(), BackendError::EachDot)));
    }
    Ok(())
}

/// Refuses what needs more memory than there is, before it is taken. `what` needs it, `fix` needs less.
///
/// # Errors
/// [`Failure::Usage`].
pub fn afford(what: &str, needed: u128, there: Option<Left>, fix: &str) -> Result<(), Failure> {
    match there {
        Some(there) if needed > u128::from(there.bytes) => {
            Err(Failure::Usage(format!("{what} takes {} of memory, and {}: {fix}", in_words(needed), there.in_words())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Bound;

    #[test]
    fn what_is_not_there_is_refused() {
        let there = |by| Some(Left { bytes: 2 << 20, by });
        assert!(afford("it", 2 << 20, there(Bound::Machine), "less").is_ok());
        assert!(afford("it", u128::MAX, None, "less").is_ok());
        let told = |by| {
            let told = afford("a 4096 x 4096 array", 3 << 30, there(by), "read a part of it").expect_err("too much");
            told.message().unwrap_or_default()
        };
        let said = "a 4096 x 4096 array takes 3.0 GiB of memory, and 2.0 MiB are there: read a part of it";
        assert_eq!(told(Bound::Machine), said);
        assert!(
            told(Bound::Group).contains("2.0 MiB are there within the memory limit of this job (its cgroup): read")
        );
    }
}
