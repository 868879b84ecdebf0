//! Which GPUs there are, and which one is meant.

use crate::backend::BackendError;
use crate::outcome::Identity;
use wgpu::DeviceType;

/// An adapter as `trapline devices` lists it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterReport {
    pub identity: Identity,
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
                max_binding_bytes: limits.max_storage_buffer_binding_size,
                max_buffer_bytes: limits.max_buffer_size,
                max_workgroup: limits.max_compute_invocations_per_workgroup,
                max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
            }
        })
        .collect()
}

/// The adapter a user means: its number in [`adapters`], or part of its name (case does not matter); the best one where `None`.
pub(super) fn choose(asked: Option<&str>) -> Result<wgpu::Adapter, BackendError> {
    let mut found = enumerate();
    if found.is_empty() {
        return Err(BackendError::NoAdapter("no driver offers one".to_owned()));
    }
    let position = match asked {
        None => Some(0),
        Some(asked) => match asked.parse::<usize>() {
            Ok(number) => (number < found.len()).then_some(number),
            Err(_) => {
                let wanted = asked.to_lowercase();
                found.iter().position(|a| !wanted.is_empty() && a.get_info().name.to_lowercase().contains(&wanted))
            }
        },
    };
    match position {
        Some(position) => Ok(found.swap_remove(position)),
        None => Err(BackendError::UnknownAdapter {
            asked: asked.unwrap_or_default().to_owned(),
            found: found.iter().map(|a| a.get_info().name).collect::<Vec<_>>().join("; "),
        }),
    }
}
