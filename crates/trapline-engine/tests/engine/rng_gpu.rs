//! The shaders' random numbers against the crate's, bit for bit, on whatever adapter wgpu finds. No adapter is a
//! failure.

use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::borrow::Cow;
use trapline_model::rng::{self, Purpose};
use wgpu::util::DeviceExt;

pub const PHILOX: &str = include_str!("../../../../shaders/philox.wgsl");
pub const NORMAL: &str = include_str!("../../../../shaders/normal.wgsl");
const BINDINGS: &str = "
@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read> normal_table: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;
";
pub const WORKGROUP: usize = 64;
/// What outputs hold before a kernel runs.
const SENTINEL: u32 = 0xDEAD_BEEF;

/// A kernel that turns each record of `words_in` words into one of `words_out`.
struct Kernel {
    words_in: usize,
    words_out: usize,
    /// Statements with `i` and `o`, the places of the record in `input` and `output`.
    body: &'static str,
}

const PHILOX_KERNEL: Kernel = Kernel {
    words_in: 6,
    words_out: 4,
    body: "let r = philox4x32_10(vec4<u32>(input[i], input[i + 1u], input[i + 2u], input[i + 3u]), vec2<u32>(input[i + 4u], input[i + 5u]));
           output[o] = r.x; output[o + 1u] = r.y; output[o + 2u] = r.z; output[o + 3u] = r.w;",
};
const WORDS_KERNEL: Kernel = Kernel {
    words_in: 7,
    words_out: 4,
    body: "let r = words(vec2<u32>(input[i], input[i + 1u]), vec2<u32>(input[i + 2u], input[i + 3u]), input[i + 4u], input[i + 5u], input[i + 6u]);
           output[o] = r.x; output[o + 1u] = r.y; output[o + 2u] = r.z; output[o + 3u] = r.w;",
};
const MUL_KERNEL: Kernel = Kernel {
    words_in: 2,
    words_out: 2,
    body: "let r = mul_wide(input[i], input[i + 1u]); output[o] = r.x; output[o + 1u] = r.y;",
};
const NORMAL_KERNEL: Kernel =
    Kernel { words_in: 1, words_out: 1, body: "output[o] = bitcast<u32>(normal_fixed(input[i]));" };

impl Kernel {
    fn source(&self) -> String {
        let Kernel { words_in, words_out, body } = self;
        format!(
            "{PHILOX}{NORMAL}{BINDINGS}
@compute @workgroup_size({WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
    let i = id.x * {words_in}u;
    let o = id.x * {words_out}u;
    if (i >= arrayLength(&input)) {{ return; }}
    {body}
}}
"
        )
    }
}

pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Gpu {
    pub fn open() -> Gpu {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap_or_else(|error| {
            panic!("no GPU adapter: {error}. Install a Vulkan driver; Mesa's llvmpipe (Debian: mesa-vulkan-drivers) needs no GPU")
        });
        let info = adapter.get_info();
        println!("adapter: {} ({}, {})", info.name, info.backend, info.driver_info);
        assert_ne!(info.backend, wgpu::Backend::Noop, "an adapter that computes nothing");
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))
            .unwrap_or_else(|error| panic!("{}: {error}", info.name));
        Gpu { device, queue }
    }

    /// The kernel's output for `input`, whole records. Errors of wgpu panic: nothing handles them here.
    fn run(&self, kernel: &Kernel, input: &[u32], table: &[i32]) -> Vec<u32> {
        self.run_source(&kernel.source(), (kernel.words_in, kernel.words_out), input, bytemuck::cast_slice(table))
    }

    /// The output of `main` of a shader with the bindings `input`, a table of any kind, `output`.
    pub fn run_source(
        &self,
        source: &str,
        (words_in, words_out): (usize, usize),
        input: &[u32],
        table: &[u8],
    ) -> Vec<u32> {
        let records = input.len() / words_in;
        assert_eq!(records * words_in, input.len());
        // A workgroup's worth of records behind the results must stay as it is.
        let len = records * words_out;
        let guarded = vec![SENTINEL; len + WORKGROUP * words_out];

        let buffer = |contents: &[u8], usage| {
            self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
        };
        let input = buffer(bytemuck::cast_slice(input), wgpu::BufferUsages::STORAGE);
        let table = buffer(table, wgpu::BufferUsages::STORAGE);
        let output = buffer(bytemuck::cast_slice(&guarded), wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
        let readback = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: output.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });

        // Not the layout deduced from the shader: that leaves out bindings the kernel does not touch.
        let entry = |binding, read_only| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let group_layout = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &[entry(0, true), entry(1, true), entry(2, false)],
        });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            bind_group_layouts: &[Some(&group_layout)],
            ..Default::default()
        });
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(source)),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &group_layout,
            entries: &[&input, &table, &output]
                .iter()
                .zip(0..)
                .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
                .collect::<Vec<_>>(),
        });

        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(u32::try_from(records.div_ceil(WORKGROUP)).expect("few records"), 1, 1);
        }
        encoder.copy_buffer_to_buffer(&output, 0, &readback, 0, output.size());
        self.queue.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        readback.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).expect("the receiver waits"));
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device finishes");
        receiver.recv().expect("a callback").expect("mapped for reading");
        let mut words: Vec<u32> = bytemuck::cast_slice(&readback.get_mapped_range(..).expect("mapped")).to_vec();
        let guard = words.split_off(len);
        assert!(guard.iter().all(|&word| word == SENTINEL), "the kernel wrote behind its results");
        words
    }
}

/// Records that differ.
fn mismatches(kernel: &Kernel, got: &[u32], expected: &[u32]) -> usize {
    assert_eq!(got.len(), expected.len());
    got.chunks(kernel.words_out)
        .zip(expected.chunks(kernel.words_out))
        .filter(|(got, expected)| got != expected)
        .count()
}

/// Words to test with: far from the addresses that the tests compute.
fn random(index: u64) -> [u32; 4] {
    rng::words(0x7E57_0000_0000_0001, index, Purpose::Device, 0, 0)
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn philox_agrees_bit_for_bit() {
    // Known answers of the Random123 distribution (Salmon et al., SC 2011): counter, key, expected.
    let mut input: Vec<u32> = vec![0; 6];
    input.extend([!0; 6]);
    input.extend([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0]);
    let known = [
        [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
        [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
        [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ];
    input.extend((0..65_536).flat_map(|index| {
        let [k0, k1, ..] = random(index + 65_536);
        random(index).into_iter().chain([k0, k1])
    }));
    let philox = |input: &[u32]| -> Vec<u32> {
        input.chunks(6).flat_map(|r| rng::philox4x32_10([r[0], r[1], r[2], r[3]], [r[4], r[5]])).collect()
    };

    let gpu = Gpu::open();
    let got = gpu.run(&PHILOX_KERNEL, &input, rng::normal_table());
    assert_eq!(got[..12], *known.as_flattened());
    assert_eq!(mismatches(&PHILOX_KERNEL, &got, &philox(&input)), 0);

    // Negative control: one bit of each key flipped, in either word.
    for word in [4, 5] {
        let mut flipped = input.clone();
        flipped.chunks_mut(6).for_each(|record| record[word] ^= 1 << 17);
        assert_eq!(mismatches(&PHILOX_KERNEL, &got, &philox(&flipped)), input.len() / 6);
    }
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn words_agree_for_cells_beyond_32_bits() {
    let purposes = [Purpose::Device, Purpose::Cycle, Purpose::ReadNoise];
    let mut input: Vec<u32> = Vec::new();
    let mut expected = Vec::new();
    for index in 0..65_536u64 {
        let [a, b, step, draw] = random(index);
        let seed = u64::from(b) << 32 | u64::from(a);
        // Neighbours on both sides of 2^32, and of higher multiples.
        let cell = ((index % 5) << 32).wrapping_add(index / 5).wrapping_sub(6_000);
        let purpose = purposes[index as usize % 3];
        let draw = draw >> (32 - rng::DRAW_BITS);
        input.extend([seed as u32, (seed >> 32) as u32, cell as u32, (cell >> 32) as u32, purpose as u32, step, draw]);
        expected.extend(rng::words(seed, cell, purpose, step, draw));
    }
    let got = Gpu::open().run(&WORDS_KERNEL, &input, rng::normal_table());
    assert_eq!(mismatches(&WORDS_KERNEL, &got, &expected), 0);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn products_agree_bit_for_bit() {
    // Every carry between the halves.
    let edges = [
        0,
        1,
        2,
        0x7FFF,
        0x8000,
        0xFFFF,
        0x1_0000,
        0x1_0001,
        0x1_FFFF,
        0x7FFF_FFFF,
        0x8000_0000,
        0xFFFE_FFFF,
        0xFFFF_0000,
        0xFFFF_FFFF,
    ];
    let mut input: Vec<u32> = edges.iter().flat_map(|&a| edges.iter().flat_map(move |&b| [a, b])).collect();
    input.extend((0..65_536).flat_map(random));
    let expected: Vec<u32> = input
        .chunks(2)
        .flat_map(|pair| {
            let product = u64::from(pair[0]) * u64::from(pair[1]);
            [product as u32, (product >> 32) as u32]
        })
        .collect();
    let got = Gpu::open().run(&MUL_KERNEL, &input, rng::normal_table());
    assert_eq!(mismatches(&MUL_KERNEL, &got, &expected), 0);
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn normals_agree_bit_for_bit() {
    // Both tails around every border between segments, then random words.
    let mut input: Vec<u32> = (0..32u32)
        .flat_map(|octave| {
            (0..64u64).map(move |half_segment| (((1 << 31) + (half_segment << 25)) >> octave) as u32 / 2)
        })
        .flat_map(|border| [border.wrapping_sub(2), border.wrapping_sub(1), border, border + 1])
        .flat_map(|word| [word, !word])
        .collect();
    input.extend((0..1 << 18).flat_map(random));
    let expected: Vec<u32> = input.iter().map(|&word| rng::normal_fixed(word) as u32).collect();

    let gpu = Gpu::open();
    let got = gpu.run(&NORMAL_KERNEL, &input, rng::normal_table());
    assert_eq!(mismatches(&NORMAL_KERNEL, &got, &expected), 0);

    // Negative control: one step of the result in the level of one segment in the middle.
    let mut table = *rng::normal_table();
    table[3 * (2 * 32 + 16)] += 1 << rng::NORMAL_GUARD_BITS;
    assert!(mismatches(&NORMAL_KERNEL, &gpu.run(&NORMAL_KERNEL, &input, &table), &expected) > 1_000);
}

fn parse(source: &str) -> naga::Module {
    naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{}", error.emit_to_string(source)))
}

#[test]
fn the_shaders_need_no_optional_features_and_translate() {
    let file_sources = [PHILOX.to_string(), format!("{PHILOX}{NORMAL}{BINDINGS}")];
    let kernel_sources = [PHILOX_KERNEL, WORDS_KERNEL, MUL_KERNEL, NORMAL_KERNEL].map(|kernel| kernel.source());
    for source in file_sources.into_iter().chain(kernel_sources) {
        let module = parse(&source);
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
        naga::back::msl::write_string(&module, &info, &Default::default(), &Default::default())
            .expect("translates to Metal");
        let mut hlsl = String::new();
        naga::back::hlsl::Writer::new(&mut hlsl, &Default::default(), &Default::default())
            .write(&module, &info, None)
            .expect("translates to Direct3D");
    }
}

#[test]
fn the_shaders_constants_are_the_crates() {
    use naga::{Expression, Literal};
    let integers = [
        ("PHILOX_M0", rng::PHILOX_M0),
        ("PHILOX_M1", rng::PHILOX_M1),
        ("PHILOX_W0", rng::PHILOX_W0),
        ("PHILOX_W1", rng::PHILOX_W1),
        ("PHILOX_ROUNDS", rng::PHILOX_ROUNDS),
        ("PURPOSE_DEVICE", Purpose::Device as u32),
        ("PURPOSE_CYCLE", Purpose::Cycle as u32),
        ("PURPOSE_READ_NOISE", Purpose::ReadNoise as u32),
        ("PURPOSE_SUBSTEP", Purpose::Substep as u32),
        ("PURPOSE_BAKE", Purpose::Bake as u32),
        ("PURPOSE_DOTS", Purpose::Dots as u32),
        ("PURPOSE_READING_OF_BAKE", Purpose::ReadingOfBake as u32),
        ("DRAW_BITS", rng::DRAW_BITS),
        ("NORMAL_SEGMENT_BITS", rng::NORMAL_SEGMENT_BITS),
        ("NORMAL_COEFFICIENTS", rng::NORMAL_COEFFICIENTS),
        ("NORMAL_GUARD_BITS", rng::NORMAL_GUARD_BITS),
    ];
    let mut expected: Vec<(&str, Literal)> =
        integers.iter().map(|&(name, value)| (name, Literal::U32(value))).collect();
    expected.push(("NORMAL_UNIT", Literal::F32(rng::NORMAL_UNIT as f32)));

    let module = parse(&format!("{PHILOX}{NORMAL}{BINDINGS}"));
    let found: Vec<(&str, Literal)> = module
        .constants
        .iter()
        .filter_map(|(_, constant)| match module.global_expressions[constant.init] {
            Expression::Literal(literal) => Some((constant.name.as_deref()?, literal)),
            _ => None,
        })
        .collect();
    for constant in &expected {
        assert!(found.contains(constant), "not in the shaders with this value: {constant:?}");
    }
    for constant in &found {
        assert!(expected.contains(constant), "not in the crate with this value: {constant:?}");
    }
}
