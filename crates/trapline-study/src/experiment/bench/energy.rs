//! What is asked of counters of energy: the processor's packages (RAPL, through Linux' powercap), and NVIDIA's GPUs
//! (NVML, which their driver brings; looked for when the program runs).

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::Clock;
use std::fs;
use std::path::{Path, PathBuf};
use trapline_model::outcome::Identity;

/// The counters of this machine.
pub struct Energy {
    packages: Vec<Package>,
    nvml: Option<Nvml>,
}

pub struct Package {
    counter: PathBuf,
    /// Where the counter begins again at 0, J.
    range_j: f64,
}

/// The counters of one device.
pub enum Meter<'a> {
    Processor(&'a [Package]),
    Gpu(nvml_wrapper::Device<'a>),
}

impl Energy {
    /// The counters that may be read.
    pub fn open() -> Energy {
        Energy { nvml: Nvml::init().ok(), ..Energy::within(Path::new("/sys/class/powercap")) }
    }

    fn within(folder: &Path) -> Energy {
        let entries = fs::read_dir(folder).map(|found| found.flatten().collect::<Vec<_>>()).unwrap_or_default();
        let mut packages: Vec<Package> = entries.iter().filter_map(|entry| Package::at(&entry.path())).collect();
        packages.sort_by(|a, b| a.counter.cmp(&b.counter));
        Energy { packages, nvml: None }
    }

    /// Where energy is read, or why it is not.
    pub fn told(&self) -> String {
        let processor = match self.packages.len() {
            0 => "the processor's is not read: /sys/class/powercap has no package counter that this user may read"
                .to_owned(),
            count => format!("the processor's by {count} package counters of RAPL"),
        };
        let gpus = match self.nvml {
            Some(_) => "NVIDIA's GPUs' by NVML, other GPUs' is not read",
            None => "GPUs' is not read: there is no NVIDIA driver with NVML",
        };
        format!("{processor}; {gpus}")
    }

    /// The counters of the processor.
    pub fn of_processor(&self) -> Meter<'_> {
        Meter::Processor(&self.packages)
    }

    /// Those of a GPU that NVML knows by where it is plugged in.
    pub fn of_gpu(&self, identity: &Identity) -> Option<Meter<'_>> {
        let device = self.nvml.as_ref()?.device_by_pci_bus_id(identity.pci_address()?).ok()?;
        Some(Meter::Gpu(device))
    }
}

impl Meter<'_> {
    /// What the counters show now, J; none where there are none, or one cannot be read.
    pub fn now(&self) -> Option<Vec<f64>> {
        let shown: Option<Vec<f64>> = match self {
            Meter::Processor(packages) => packages.iter().map(|package| joules(&package.counter)).collect(),
            Meter::Gpu(device) => Some(vec![1e-3 * device.total_energy_consumption().ok()? as f64]),
        };
        shown.filter(|shown| !shown.is_empty())
    }

    /// Energy from one reading to a later one, J; counters that began again in between are carried on.
    pub fn between(&self, before: &[f64], after: &[f64]) -> f64 {
        let on = |(at, (before, after)): (usize, (&f64, &f64))| match self {
            Meter::Processor(packages) if after < before => after + packages[at].range_j - before,
            _ => after - before,
        };
        before.iter().zip(after).enumerate().map(on).sum()
    }

    /// How often the counters are renewed, s: RAPL's every millisecond or so, those of a GPU every tenth of a second.
    pub fn renewed_s(&self) -> f64 {
        match self {
            Meter::Processor(_) => 1e-3,
            Meter::Gpu(_) => 0.1,
        }
    }

    /// The clock of a GPU's multiprocessors now, MHz.
    pub fn clock_mhz(&self) -> Option<f64> {
        match self {
            Meter::Processor(_) => None,
            Meter::Gpu(device) => device.clock_info(Clock::SM).ok().map(f64::from),
        }
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
        let meter = energy.of_processor();
        let before = meter.now().expect("two counters");
        assert_eq!(before, [9.0, 2.0]);
        // The first began again: 1 J to its end, and 0.5 J; the second went on by 3 J.
        assert_eq!(meter.between(&before, &[0.5, 5.0]), 1.5 + 3.0);
        let none = Energy::within(&folder.path().join("nothing"));
        assert!(none.of_processor().now().is_none() && none.told().contains("not read"));
    }

    #[test]
    fn a_software_adapter_has_no_counter() {
        let of = |adapter: &str| Identity { adapter: adapter.to_owned(), ..Identity::default() };
        assert_eq!(of("NVIDIA H200 [PCI 0000:65:00.0]").pci_address(), Some("0000:65:00.0"));
        assert_eq!(of("llvmpipe (LLVM 15) [adapter 0]").pci_address(), None);
        assert!(Energy::open().of_gpu(&of("llvmpipe (LLVM 15) [adapter 0]")).is_none());
    }
}
