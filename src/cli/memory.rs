//! How much memory there is, for commands that know before they begin how much they need.

use super::Failure;

pub use trapline::memory::available;
use trapline::memory::in_words;

/// Refuses what needs more memory than there is, before it is taken. `what` needs it, `fix` needs less.
///
/// # Errors
/// [`Failure::Usage`].
pub fn afford(what: &str, needed: u128, there: Option<u64>, fix: &str) -> Result<(), Failure> {
    match there {
        Some(there) if needed > u128::from(there) => Err(Failure::Usage(format!(
            "{what} takes {} of memory, and {} are there: {fix}",
            in_words(needed),
            in_words(u128::from(there))
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused() {
        assert!(afford("it", 2 << 20, Some(2 << 20), "less").is_ok() && afford("it", u128::MAX, None, "less").is_ok());
        let told = afford("a 4096 x 4096 array", 3 << 30, Some(2 << 20), "read a part of it").expect_err("too much");
        let said = "a 4096 x 4096 array takes 3.0 GiB of memory, and 2.0 MiB are there: read a part of it";
        assert_eq!(told.message().as_deref(), Some(said));
    }
}
