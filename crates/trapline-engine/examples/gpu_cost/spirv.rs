//! Kernels as wgpu hands them to a Vulkan driver.

use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::collections::BTreeMap;
use trapline_engine::backend::gpu::source::Fold;
use trapline_engine::backend::gpu::{network, source};

/// Numbers of classes that kernels are compiled for.
const CLASSES: [u32; 2] = [8, 16];

/// A kernel to compile.
pub struct Source {
    pub kernel: String,
    /// 0 of a kernel that knows no classes.
    pub classes: u32,
    pub entry_point: &'static str,
    pub wgsl: String,
    pub guards: Guards,
}

/// How the memory of workgroups begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    Anything,
    /// The driver fills it with zeros.
    ZeroedByDriver,
    /// One invocation does, where a driver cannot.
    ZeroedByOne,
}

/// What wgpu puts into kernels that nobody wrote there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    pub bounded_loops: bool,
    pub memory: Memory,
}

impl Guards {
    /// Those of the engine, on a driver that can fill memory with zeros.
    pub const ENGINE: Guards = Guards {
        bounded_loops: source::FORCE_LOOP_BOUNDING,
        memory: if source::ZERO_INITIALIZE_WORKGROUP_MEMORY { Memory::ZeroedByDriver } else { Memory::Anything },
    };
    /// Those where nothing is asked for.
    const WGPU: Guards = Guards { bounded_loops: true, memory: Memory::ZeroedByDriver };
}

/// All kernels, those of the engine with these guards.
pub fn sources(guards: Guards) -> Vec<Source> {
    let cells = source::kernels().flat_map(|kernel| {
        CLASSES.map(|classes| Source {
            kernel: kernel.name.to_owned(),
            classes,
            entry_point: kernel.entry_point,
            wgsl: kernel.wgsl(classes as usize, false),
            guards,
        })
    });
    // Kernels that fold blocks, in subgroups.
    let folding = source::kernels().filter(|kernel| kernel.fold.is_some()).flat_map(|kernel| {
        CLASSES.map(|classes| Source {
            kernel: format!("{}_subgroups", kernel.name),
            classes,
            entry_point: kernel.entry_point,
            wgsl: kernel.folding(Fold::Subgroups).wgsl(classes as usize, false),
            guards,
        })
    });
    let networks = network::KERNELS.map(|kernel| Source {
        kernel: kernel.name.to_owned(),
        classes: 0,
        entry_point: "run",
        wgsl: kernel.wgsl(),
        guards,
    });
    let multiply_add = Source {
        kernel: "multiply_add".to_owned(),
        classes: 0,
        entry_point: "run",
        wgsl: include_str!("../../../../shaders/multiply_add.wgsl").to_owned(),
        guards: Guards::WGPU,
    };
    cells.chain(folding).chain(networks).chain([multiply_add]).collect()
}

/// What of a driver decides how kernels are translated.
#[derive(Debug, Clone, Copy)]
pub struct Offered {
    /// Vulkan 1.x.
    pub minor: u32,
    /// Whether the driver keeps accesses within buffers (`robustBufferAccess2`).
    pub keeps_within_buffers: bool,
    pub zeroes_memory: bool,
}

/// A translated kernel.
pub struct Translated {
    pub words: Vec<u32>,
    /// Whether each buffer is a uniform one, by its number.
    pub uniform: Vec<bool>,
}

/// Translates a kernel as `wgpu-hal` does (`vulkan/adapter.rs` and `vulkan/device.rs` there).
pub fn translate(of: &Source, offered: Offered) -> Result<Translated, String> {
    let module = naga::front::wgsl::parse_str(&of.wgsl).map_err(|error| error.emit_to_string(&of.wgsl))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP)
        .validate(&module)
        .map_err(|error| error.emit_to_string(&of.wgsl))?;
    let place = module.entry_points.iter().position(|entry| entry.name == of.entry_point);
    let entry = info.get_entry_point(place.ok_or_else(|| format!("no entry point `{}`", of.entry_point))?);
    let mut bound: Vec<_> = module
        .global_variables
        .iter()
        .filter(|(handle, _)| !entry[*handle].is_empty())
        .filter_map(|(_, variable)| Some((variable.binding?, variable.space == naga::AddressSpace::Uniform)))
        .collect();
    bound.sort_unstable_by_key(|(at, _)| (at.group, at.binding));
    let binding_map: BTreeMap<_, _> = bound
        .iter()
        .zip(0..)
        .map(|((at, _), binding)| (*at, spv::BindingInfo { descriptor_set: 0, binding, binding_array_size: None }))
        .collect();
    let unchecked_if = |kept| if kept { BoundsCheckPolicy::Unchecked } else { BoundsCheckPolicy::Restrict };
    let options = spv::Options {
        lang_version: match offered.minor {
            0 => (1, 0),
            1 => (1, 3),
            2 => (1, 5),
            _ => (1, 6),
        },
        flags: spv::WriterFlags::LABEL_VARYINGS | spv::WriterFlags::FORCE_POINT_SIZE,
        fake_missing_bindings: false,
        binding_map,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: unchecked_if(offered.keeps_within_buffers),
            image_load: BoundsCheckPolicy::Restrict,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: match of.guards.memory {
            Memory::Anything => spv::ZeroInitializeWorkgroupMemoryMode::None,
            Memory::ZeroedByDriver if offered.zeroes_memory => spv::ZeroInitializeWorkgroupMemoryMode::Native,
            _ => spv::ZeroInitializeWorkgroupMemoryMode::Polyfill,
        },
        force_loop_bounding: of.guards.bounded_loops,
        ..spv::Options::default()
    };
    let pipeline =
        spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point: of.entry_point.to_owned() };
    let words = spv::write_vec(&module, &info, &options, Some(&pipeline)).map_err(|error| error.to_string())?;
    Ok(Translated { words, uniform: bound.into_iter().map(|(_, uniform)| uniform).collect() })
}
