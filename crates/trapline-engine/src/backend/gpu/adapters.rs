//! Which GPUs there are, and which one is meant.

use crate::backend::{AdapterReport, BackendError};
use trapline_model::outcome::Identity;
use wgpu::DeviceType;

/// The APIs asked: all that compute shaders run on; OpenGL is left out.
fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    // Validation layers, where a development machine has them, would be timed along with the kernels.
    descriptor.flags = wgpu::InstanceFlags::empty();
    wgpu::Instance::new(descriptor)
}

/// Adapters, best first: discrete, integrated, virtual, unknown, software.
pub(in crate::backend) fn enumerate() -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance().enumerate_adapters(wgpu::Backends::all()));
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    });
    adapters
}

/// Who an adapter is.
pub(super) fn identity(adapter: &wgpu::Adapter) -> Identity {
    let info = adapter.get_info();
    Identity {
        backend: "gpu".to_owned(),
        adapter: info.name,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        instruction_set: format!("{:?}", info.backend),
        software: info.device_type == DeviceType::Cpu,
    }
}

/// All adapters of this machine, best first; empty where there is no driver.
pub fn adapters() -> Vec<AdapterReport> {
    let mut auto_taken = false;
    enumerate()
        .iter()
        .map(|adapter| {
            let (limits, identity) = (adapter.limits(), identity(adapter));
            let auto = !identity.software && !auto_taken;
            auto_taken |= auto;
            AdapterReport {
                auto,
                identity,
                pci_address: adapter.get_info().device_pci_bus_id,
                max_binding_bytes: limits.max_storage_buffer_binding_size,
                max_buffer_bytes: limits.max_buffer_size,
                max_workgroup: limits.max_compute_invocations_per_workgroup,
                max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            }
        })
        .collect()
}

/// By what an adapter is known again among those of a new instance.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    backend: wgpu::Backend,
    device_type: DeviceType,
    vendor: u32,
    device: u32,
    name: String,
    pci_bus: String,
}

fn key(adapter: &wgpu::Adapter) -> Key {
    let info = adapter.get_info();
    Key {
        backend: info.backend,
        device_type: info.device_type,
        vendor: info.vendor,
        device: info.device,
        name: info.name,
        pci_bus: info.device_pci_bus_id,
    }
}

/// Which adapter was chosen, without holding on to it.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    key: Key,
    /// Its place among those of the same key.
    place: usize,
    /// Its place among all, as `trapline devices` counts them.
    number: usize,
}

impl Chosen {
    /// Who the adapter is, with what tells it from others of its name: where it is plugged in, or else its number.
    pub(super) fn identity(&self, of: &Identity) -> Identity {
        let place = match self.key.pci_bus.as_str() {
            "" => format!("adapter {}", self.number),
            address => format!("PCI {address}"),
        };
        Identity { adapter: Identity::placed(&of.adapter, &place), ..of.clone() }
    }
}

/// The adapter that was chosen before, from a new instance.
pub(super) fn find_again(chosen: &Chosen) -> Result<wgpu::Adapter, BackendError> {
    let mut same: Vec<_> = enumerate().into_iter().filter(|adapter| key(adapter) == chosen.key).collect();
    if chosen.place < same.len() {
        return Ok(same.swap_remove(chosen.place));
    }
    Err(BackendError::NoDevice {
        adapter: chosen.key.name.clone(),
        reason: "it is no longer among the adapters".to_owned(),
    })
}

/// A PCI address as numbers: domain, bus, device, function. Tools write it in several ways: `65:00.0`, `0000:65:00.0`,
/// `00000000:65:00.0`.
fn pci_address(text: &str) -> Option<[u32; 4]> {
    let hex = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if plain { u32::from_str_radix(digits, 16).ok() } else { None }
    };
    let (place, function) = text.trim().rsplit_once('.')?;
    let (place, device) = place.rsplit_once(':')?;
    let (domain, bus) = place.rsplit_once(':').unwrap_or(("0", place));
    Some([hex(domain)?, hex(bus)?, hex(device)?, hex(function)?])
}

/// The adapters that are meant, by their places among the names and the PCI addresses. A whole number is a place and
/// nothing else; a PCI address is the first adapter with it (one device may have several drivers); anything else is a
/// whole name, or part of names (case does not matter).
fn meant(asked: &str, names: &[String], addresses: &[String]) -> Vec<usize> {
    let asked = asked.trim();
    if !asked.is_empty() && asked.bytes().all(|b| b.is_ascii_digit()) {
        return asked.parse().ok().filter(|number| *number < names.len()).into_iter().collect();
    }
    if let Some(asked) = pci_address(asked) {
        return addresses.iter().position(|address| pci_address(address) == Some(asked)).into_iter().collect();
    }
    let wanted = asked.to_lowercase();
    let places = |fits: &dyn Fn(&str) -> bool| {
        let named = names.iter().enumerate().filter(|(_, name)| !wanted.is_empty() && fits(&name.to_lowercase()));
        named.map(|(place, _)| place).collect::<Vec<_>>()
    };
    match places(&|name| name == wanted) {
        none if none.is_empty() => places(&|name| name.contains(&wanted)),
        whole => whole,
    }
}

/// `0: NVIDIA A100 (0000:65:00.0); 1: llvmpipe`.
fn listed(places: impl IntoIterator<Item = usize>, names: &[String], addresses: &[String]) -> String {
    let told = |place: usize| match addresses[place].as_str() {
        "" => format!("{place}: {}", names[place]),
        address => format!("{place}: {} ({address})", names[place]),
    };
    places.into_iter().map(told).collect::<Vec<_>>().join("; ")
}

/// The adapter a user means: its number in [`adapters`], its PCI address, or part of its name; the best one where
/// `None`.
pub(super) fn choose(asked: Option<&str>) -> Result<(wgpu::Adapter, Chosen), BackendError> {
    let mut found = enumerate();
    if found.is_empty() {
        return Err(BackendError::NoAdapter("no driver offers one".to_owned()));
    }
    let names: Vec<_> = found.iter().map(|adapter| adapter.get_info().name).collect();
    let addresses: Vec<_> = found.iter().map(|adapter| adapter.get_info().device_pci_bus_id).collect();
    let position = one_of(asked, &names, &addresses)?;
    let key_of = key(&found[position]);
    let place = found[..position].iter().filter(|other| key(other) == key_of).count();
    Ok((found.swap_remove(position), Chosen { key: key_of, place, number: position }))
}

/// The place of the one adapter that is meant.
fn one_of(asked: Option<&str>, names: &[String], addresses: &[String]) -> Result<usize, BackendError> {
    let Some(asked) = asked else { return Ok(0) };
    match meant(asked, names, addresses)[..] {
        [one] => Ok(one),
        [] => {
            let asked = if asked.trim().is_empty() { "of an empty name".to_owned() } else { asked.to_owned() };
            Err(BackendError::UnknownAdapter { asked, found: listed(0..names.len(), names, addresses) })
        }
        ref several => Err(BackendError::AmbiguousAdapter {
            asked: asked.to_owned(),
            found: listed(several.iter().copied(), names, addresses),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{meant, one_of, pci_address};
    use crate::backend::BackendError;

    #[test]
    fn a_number_is_a_place_or_nothing() {
        let names = ["NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 1080", "llvmpipe (LLVM 15.0.6, 256 bits)"]
            .map(str::to_owned);
        let addresses = ["0000:65:00.0", "0001:0a:00.0", ""].map(str::to_owned);
        for (asked, expected) in [
            ("0", Some(0)),
            ("2", Some(2)),
            (" 1 ", Some(1)),
            ("02", Some(2)),
            ("LLVM", Some(2)),
            ("rtx 4090", Some(0)),
            ("15.0", Some(2)),
            ("", None),
            (" ", None),
            // Digits of names: of GPUs, of a version of LLVM.
            ("4090", None),
            ("1080", None),
            ("3", None),
            ("5", None),
            ("6", None),
            ("15", None),
            ("256", None),
            ("99999999999999999999999", None),
            // As nvidia-smi, lspci and this program write them.
            ("00000000:65:00.0", Some(0)),
            ("65:00.0", Some(0)),
            ("0001:0A:00.0", Some(1)),
            ("0a:00.0", None),
            ("0000:65:00.1", None),
        ] {
            let expected: Vec<usize> = expected.into_iter().collect();
            assert_eq!(meant(asked, &names, &addresses), expected, "{asked}");
        }
        let error = one_of(Some("5"), &names, &addresses).expect_err("there is no such number").to_string();
        assert!(
            error.contains("no adapter 5") && error.contains("1: NVIDIA GeForce RTX 1080 (0001:0a:00.0)"),
            "{error}"
        );
        assert_eq!(one_of(None, &names, &addresses).ok(), Some(0));
    }

    #[test]
    fn a_name_that_several_have_is_refused_with_all_of_them() {
        let names = ["NVIDIA A100", "NVIDIA A100", "NVIDIA A100 SXM", "llvmpipe"].map(str::to_owned);
        let addresses = ["0000:17:00.0", "0000:65:00.0", "", ""].map(str::to_owned);
        for asked in ["A100", "nvidia", "NVIDIA A100"] {
            let Err(error) = one_of(Some(asked), &names, &addresses) else { panic!("{asked} is no one adapter's") };
            assert!(matches!(error, BackendError::AmbiguousAdapter { .. }), "{error}");
            let line = error.to_string();
            assert!(line.contains("0: NVIDIA A100 (0000:17:00.0); 1: NVIDIA A100 (0000:65:00.0)"), "{line}");
            assert!(!line.contains("llvmpipe"), "{line}");
        }
        // A whole name is meant before those it is a part of.
        assert_eq!(one_of(Some("NVIDIA A100"), &names[1..], &addresses[1..]).ok(), Some(0));
        assert_eq!(one_of(Some("SXM"), &names, &addresses).ok(), Some(2));
    }

    #[test]
    fn what_is_no_pci_address_is_a_name() {
        for text in ["", ":", "a:b", "0:0:0:0.0", "65:00.x", "+5:00.0", "RTX 4.0", "1:2:3"] {
            assert_eq!(pci_address(text), None, "{text}");
        }
        assert_eq!(pci_address("ffff:ff:1f.7"), Some([0xffff, 0xff, 0x1f, 7]));
    }
}
