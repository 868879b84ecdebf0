//! Which GPUs there are, and which one is meant.

use crate::backend::BackendError;
use crate::outcome::Identity;
use wgpu::DeviceType;

/// An adapter as `trapline devices` lists it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterReport {
    pub identity: Identity,
    /// Where it is plugged in, `0000:65:00.0`; empty where the driver does not say.
    pub pci_address: String,
    /// Whether `--backend auto` takes this one.
    pub auto: bool,
    /// Largest storage buffer binding, bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer, bytes.
    pub max_buffer_bytes: u64,
    /// Invocations per workgroup.
    pub max_workgroup: u32,
    /// Workgroup memory, bytes.
    pub max_workgroup_bytes: u32,
}

/// The APIs asked: all that compute shaders run on; OpenGL is left out.
fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    // Validation layers, where a development machine has them, would be timed along with the kernels.
    descriptor.flags = wgpu::InstanceFlags::empty();
    wgpu::Instance::new(descriptor)
}

/// Adapters, best first: discrete, integrated, virtual, unknown, software.
pub(super) fn enumerate() -> Vec<wgpu::Adapter> {
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

/// Place of the adapter that is meant among the names and the PCI addresses: an address, a number, or else part of a name
/// (case does not matter).
fn place(asked: &str, names: &[String], addresses: &[String]) -> Option<usize> {
    if let Some(asked) = pci_address(asked) {
        return addresses.iter().position(|address| pci_address(address) == Some(asked));
    }
    let by_number = asked.parse().ok().filter(|number| *number < names.len());
    let wanted = asked.to_lowercase();
    let by_name = || names.iter().position(|name| !wanted.is_empty() && name.to_lowercase().contains(&wanted));
    by_number.or_else(by_name)
}

/// The adapter a user means: its number in [`adapters`], its PCI address, or part of its name; the best one where `None`.
pub(super) fn choose(asked: Option<&str>) -> Result<(wgpu::Adapter, Chosen), BackendError> {
    let mut found = enumerate();
    if found.is_empty() {
        return Err(BackendError::NoAdapter("no driver offers one".to_owned()));
    }
    let names: Vec<_> = found.iter().map(|adapter| adapter.get_info().name).collect();
    let addresses: Vec<_> = found.iter().map(|adapter| adapter.get_info().device_pci_bus_id).collect();
    let Some(position) = asked.map_or(Some(0), |asked| place(asked, &names, &addresses)) else {
        return Err(BackendError::UnknownAdapter {
            asked: asked.unwrap_or_default().to_owned(),
            found: names.join("; "),
        });
    };
    let key_of = key(&found[position]);
    let place = found[..position].iter().filter(|other| key(other) == key_of).count();
    Ok((found.swap_remove(position), Chosen { key: key_of, place }))
}

#[cfg(test)]
mod tests {
    use super::{pci_address, place};

    #[test]
    fn a_number_is_a_place_where_there_is_one_and_else_part_of_a_name() {
        let names = ["NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 1080", "llvmpipe"].map(str::to_owned);
        let addresses = ["0000:65:00.0", "0001:0a:00.0", ""].map(str::to_owned);
        for (asked, expected) in [
            ("0", Some(0)),
            ("2", Some(2)),
            ("4090", Some(0)),
            ("1080", Some(1)),
            ("LLVM", Some(2)),
            ("", None),
            ("7", None),
            // As nvidia-smi, lspci and this program write them.
            ("00000000:65:00.0", Some(0)),
            ("65:00.0", Some(0)),
            ("0001:0A:00.0", Some(1)),
            ("0a:00.0", None),
            ("0000:65:00.1", None),
        ] {
            assert_eq!(place(asked, &names, &addresses), expected, "{asked}");
        }
    }

    #[test]
    fn what_is_no_pci_address_is_a_name() {
        for text in ["", ":", "a:b", "0:0:0:0.0", "65:00.x", "+5:00.0", "RTX 4.0", "1:2:3"] {
            assert_eq!(pci_address(text), None, "{text}");
        }
        assert_eq!(pci_address("ffff:ff:1f.7"), Some([0xffff, 0xff, 0x1f, 7]));
    }
}
