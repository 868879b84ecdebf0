//! What the system tells of the machine: load and clocks. Linux tells most of it; where a system is silent so is
//! this.

use std::fs;

/// The load average of the last minute.
pub fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Slowest and fastest clock of the cores at this moment, MHz.
pub fn clocks_mhz() -> Option<(f64, f64)> {
    let scaling = (0..4096).map_while(|core| {
        fs::read_to_string(format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq")).ok()
    });
    let khz: Vec<f64> = scaling.filter_map(|text| text.trim().parse().ok()).collect();
    let mhz = match khz.is_empty() {
        false => khz.into_iter().map(|khz| 1e-3 * khz).collect(),
        true => clocks_of(&fs::read_to_string("/proc/cpuinfo").ok()?),
    };
    ends(&mhz)
}

/// The clocks in `/proc/cpuinfo`, MHz.
fn clocks_of(cpuinfo: &str) -> Vec<f64> {
    let lines = cpuinfo.lines().filter(|line| line.starts_with("cpu MHz"));
    lines.filter_map(|line| line.split_once(':')?.1.trim().parse().ok()).collect()
}

fn ends(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().reduce(f64::min)?;
    Some((low, values.iter().copied().fold(low, f64::max)))
}

/// How the clocks are chosen; empty where the system does not tell.
pub fn governor() -> String {
    let of_core = |core: &str| {
        let path = format!("/sys/devices/system/cpu/{core}/cpufreq/scaling_governor");
        fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    of_core("cpu0")
}

/// The operating system with its version.
pub fn system() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_read() {
        let text = "processor : 0\ncpu MHz\t\t: 2400.5\nprocessor : 1\ncpu MHz\t\t: 3100.0\n";
        assert_eq!(ends(&clocks_of(text)), Some((2400.5, 3100.0)));
        assert_eq!(ends(&clocks_of("processor : 0\n")), None);
    }
}
