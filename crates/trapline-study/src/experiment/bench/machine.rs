//! What the system tells of the machine: load, clocks, energy. Linux tells most of it; where a system is silent so is
//! this.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The energy counters of the processor's packages (RAPL), through Linux' powercap.
pub struct Energy {
    packages: Vec<Package>,
}

struct Package {
    counter: PathBuf,
    /// Where the counter begins again at 0, J.
    range_j: f64,
}

impl Energy {
    /// The counters that may be read.
    pub fn open() -> Energy {
        Energy::within(Path::new("/sys/class/powercap"))
    }

    fn within(folder: &Path) -> Energy {
        let entries = fs::read_dir(folder).map(|found| found.flatten().collect::<Vec<_>>()).unwrap_or_default();
        let mut packages: Vec<Package> = entries.iter().filter_map(|entry| Package::at(&entry.path())).collect();
        packages.sort_by(|a, b| a.counter.cmp(&b.counter));
        Energy { packages }
    }

    /// Where energy is read, or why it is not.
    pub fn told(&self) -> String {
        match self.packages.len() {
            0 => "not read: /sys/class/powercap has no package counter that this user may read; GPUs are not asked"
                .to_owned(),
            count => format!("of the processor: {count} package counters of RAPL; GPUs are not asked"),
        }
    }

    /// What the counters show now; none where there are none, or one cannot be read.
    pub fn now(&self) -> Option<Vec<f64>> {
        let shown: Option<Vec<f64>> = self.packages.iter().map(|package| joules(&package.counter)).collect();
        shown.filter(|shown| !shown.is_empty())
    }

    /// Energy from one reading to a later one, J; counters that began again in between are carried on.
    pub fn between(&self, before: &[f64], after: &[f64]) -> f64 {
        let each = self.packages.iter().zip(before.iter().zip(after));
        each.map(
            |(package, (before, after))| {
                if after < before { after + package.range_j - before } else { after - before }
            },
        )
        .sum()
    }
}

impl Package {
    /// A zone of a whole package, `intel-rapl:0`; its parts are `intel-rapl:0:1`, and the whole platform is `psys`.
    fn at(folder: &Path) -> Option<Package> {
        let number = folder.file_name()?.to_str()?.strip_prefix("intel-rapl:")?;
        let is_package = fs::read_to_string(folder.join("name")).ok()?.starts_with("package");
        let counter = folder.join("energy_uj");
        joules(&counter)?;
        let range_j = joules(&folder.join("max_energy_range_uj"))?;
        (!number.contains(':') && is_package).then_some(Package { counter, range_j })
    }
}

/// A number of microjoules in a file, J.
fn joules(path: &Path) -> Option<f64> {
    Some(1e-6 * fs::read_to_string(path).ok()?.trim().parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_that_of_the_packages() {
        let folder = tempfile::tempdir().expect("a folder");
        let zone = |name: &str, called: &str, energy_uj: &str| {
            let zone = folder.path().join(name);
            fs::create_dir(&zone).expect("a zone");
            for (file, text) in [("name", called), ("energy_uj", energy_uj), ("max_energy_range_uj", "10000000\n")] {
                fs::write(zone.join(file), text).expect("a file");
            }
        };
        zone("intel-rapl:0", "package-0\n", "9000000\n");
        zone("intel-rapl:0:0", "core\n", "1\n");
        zone("intel-rapl:1", "package-1\n", "2000000\n");
        zone("intel-rapl:2", "psys\n", "3\n");
        let energy = Energy::within(folder.path());
        assert_eq!(energy.packages.len(), 2);
        let before = energy.now().expect("two counters");
        assert_eq!(before, [9.0, 2.0]);
        // The first began again: 1 J to its end, and 0.5 J; the second went on by 3 J.
        assert_eq!(energy.between(&before, &[0.5, 5.0]), 1.5 + 3.0);
        let none = Energy::within(&folder.path().join("nothing"));
        assert!(none.now().is_none() && none.told().contains("not read"));
    }

    #[test]
    fn clocks_are_read() {
        let text = "processor : 0\ncpu MHz\t\t: 2400.5\nprocessor : 1\ncpu MHz\t\t: 3100.0\n";
        assert_eq!(ends(&clocks_of(text)), Some((2400.5, 3100.0)));
        assert_eq!(ends(&clocks_of("processor : 0\n")), None);
    }
}
