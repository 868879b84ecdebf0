//! How much memory there is, for commands that know before they begin how much they need.

use super::Failure;

/// Bytes that the machine can give without swapping; `None` where it does not say (only Linux does).
pub fn available() -> Option<u64> {
    of_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

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

fn in_words(bytes: u128) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_and_what_is_not_refused() {
        let text = "MemTotal:       24600000 kB\nMemFree:         1000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(of_meminfo(text), Some(2048 * 1024));
        assert_eq!((of_meminfo("MemTotal: 1 kB\n"), of_meminfo("MemAvailable: many kB\n")), (None, None));
        assert!(afford("it", 2 << 20, Some(2 << 20), "less").is_ok() && afford("it", u128::MAX, None, "less").is_ok());
        let told = afford("a 4096 x 4096 array", 3 << 30, Some(2 << 20), "read a part of it").expect_err("too much");
        let said = "a 4096 x 4096 array takes 3.0 GiB of memory, and 2.0 MiB are there: read a part of it";
        assert_eq!(told.message().as_deref(), Some(said));
    }
}
