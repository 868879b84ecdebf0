//! Values of options: an amount of memory, a number of rows.

use trapline::array::MAX_LINES;
use trapline::campaign::MAX_SHARDS;

/// `512MiB`, `2 GiB`, `65536KiB`, or a plain number of MiB, as bytes.
///
/// # Errors
/// What it must be, for clap to say.
pub fn memory(text: &str) -> Result<u64, String> {
    let wanted = "it must be a whole number of MiB, or one with KiB, MiB or GiB: 512MiB";
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
        "kib" => 1 << 10,
        "" | "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wanted.to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| wanted.to_owned())?;
    match number.checked_mul(scale) {
        Some(0) => Err("it must be more than 0".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err(format!("it must be at most {} GiB", u64::MAX >> 30)),
    }
}

/// A number of rows or columns.
///
/// # Errors
/// The limits.
pub fn lines(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX_LINES).contains(n));
    number.ok_or_else(|| format!("it must be a whole number from 1 to {MAX_LINES}"))
}

/// A seed.
///
/// # Errors
/// The limits.
pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("it must be a whole number from 0 to {}", u64::MAX))
}

/// A number of threads.
///
/// # Errors
/// The limits.
pub fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1024).contains(n));
    number.ok_or_else(|| "it must be a whole number from 1 to 1024".to_owned())
}

/// A number of shards.
///
/// # Errors
/// The limits.
pub fn shards(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX_SHARDS).contains(n));
    number.ok_or_else(|| format!("it must be a whole number from 1 to {MAX_SHARDS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_takes_binary_units_and_plain_mib() {
        assert_eq!(memory("512"), Ok(512 << 20));
        assert_eq!(memory("512MiB"), Ok(512 << 20));
        assert_eq!(memory("2 gib"), Ok(2 << 30));
        assert_eq!(memory("64KiB"), Ok(64 << 10));
        for wrong in ["", "MiB", "-1", "0", "1.5GiB", "12MB", "18446744073709551615", "99999999999999999999"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }
}
