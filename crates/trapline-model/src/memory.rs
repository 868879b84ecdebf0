//! How much memory this machine has left.

/// Bytes that the machine can give without swapping; `None` where it does not say (only Linux does).
pub fn available() -> Option<u64> {
    of_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// A number of bytes as people write it.
pub fn in_words(bytes: u128) -> String {
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
    fn what_is_there_is_read() {
        let text = "MemTotal:       24600000 kB\nMemFree:         1000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(of_meminfo(text), Some(2048 * 1024));
        assert_eq!((of_meminfo("MemTotal: 1 kB\n"), of_meminfo("MemAvailable: many kB\n")), (None, None));
        assert_eq!((in_words(512), in_words(3 << 30)), ("512 bytes".to_owned(), "3.0 GiB".to_owned()));
    }
}
