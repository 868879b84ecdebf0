//! Networks of crossbars on a device: the fields of conjugate gradients and the kernels that walk along lines.
//!
//! # Theory
//! `shaders/network_line.wgsl` and `shaders/network_solve.wgsl` say how a line is solved, [`crate::circuit`] what for. An
//! iteration takes, in streams of 4 bytes a cell: `descend` 8, `restrict_rows` 4, `pull` 3, `ascend` 7, `advance` 8,
//! `multiply` 10: 40, or 160 bytes (26 without a coarse crossbar). Eleven fields stay, 44 bytes a cell, and three
//! numbers for each chunk of a line.
//!
//! # Practice
//! Twins of these kernels in f64 are in `circuit/kernels.rs` and `circuit/lines.rs`. All names of buffers and their WGSL
//! types are in [`BINDINGS`]; a kernel binds at most eight. A device that fails says so by
//! [`BackendError::StateLost`]; the caller loads the network again and tries once more.

use super::Gpu;
use super::device::{Device, Pipeline};
use super::layout::Access;
use super::recovery::{Failed, Fault, lock};
use super::source::MAX_LOOPS;
use crate::backend::BackendError;
use crate::backend::rows::device_struct;
use crate::circuit::device::{Ascent, Corrector, Descended, Network, Steps};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Invocations of a workgroup; `GROUP` of the shaders.
const GROUP: usize = 256;
/// Chunks of a bit line at the most: the others of a workgroup take neighbouring lines, whose cells lie side by side.
const BIT_CHUNKS: usize = 16;
/// Cells of a chunk before a line gets more chunks.
const CHUNK_CELLS: usize = 4;

device_struct! {
    /// What a dispatch is told.
    NetworkParams {
        rows: u32, cols: u32,
        /// Chunks of a line, and the cells of each.
        word_chunks: u32, word_length: u32, bit_chunks: u32, bit_length: u32,
        coarse_rows: u32, coarse_cols: u32,
        /// Sums of workgroups that `multiply` leaves.
        products: u32,
        iteration: u32,
        /// Product r.z, and its ratio to the one before.
        product: f32, beta: f32,
    }
}

/// Buffers by number: name, access, WGSL type.
pub const BINDINGS: [(&str, Access, &str); 17] = [
    ("network", Access::Uniform, "NetworkParams"),
    ("cells", Access::Read, "array<f32>"),
    ("wires", Access::Read, "array<f32>"),
    ("hats", Access::Read, "array<u32>"),
    ("inverse", Access::ReadWrite, "array<f32>"),
    ("ends", Access::ReadWrite, "array<f32>"),
    ("right", Access::ReadWrite, "array<f32>"),
    ("r", Access::ReadWrite, "array<f32>"),
    ("q", Access::ReadWrite, "array<f32>"),
    ("p", Access::ReadWrite, "array<f32>"),
    ("ap", Access::ReadWrite, "array<f32>"),
    ("x", Access::ReadWrite, "array<f32>"),
    ("pulled", Access::ReadWrite, "array<f32>"),
    ("strips", Access::ReadWrite, "array<f32>"),
    ("nodes", Access::ReadWrite, "array<f32>"),
    ("scalars", Access::ReadWrite, "array<f32>"),
    ("references", Access::ReadWrite, "array<f32>"),
];
/// What workgroups sum up, behind the others.
const PARTIALS: (u32, &str) = (BINDINGS.len() as u32, "partials");

/// Along which lines a kernel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Along {
    Words,
    Bits,
    /// An invocation a cell, a coarse node of each column, or a coarse node.
    Cells,
    Strips,
    Nodes,
    /// One workgroup.
    Once,
}

/// A kernel: its text and what it binds.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    pub name: &'static str,
    along: Along,
    parts: &'static [&'static str],
    body: &'static str,
    /// Names of [`BINDINGS`] and `partials`.
    pub buffers: &'static [&'static str],
}

const NETWORK: &str = include_str!("../../../../../shaders/network.wgsl");
const HATS: &str = include_str!("../../../../../shaders/network_hats.wgsl");
const LINE: &str = include_str!("../../../../../shaders/network_line.wgsl");
const SOLVE: &str = include_str!("../../../../../shaders/network_solve.wgsl");
const HOLD: &str = include_str!("../../../../../shaders/network_hold.wgsl");
const FACTOR: &str = include_str!("../../../../../shaders/network_factor.wgsl");

const FACTOR_WORDS: Kernel = Kernel {
    name: "network_factor_words",
    along: Along::Words,
    parts: &[NETWORK, LINE],
    body: FACTOR,
    buffers: &["network", "cells", "wires", "inverse", "ends"],
};
const FACTOR_BITS: Kernel = Kernel { name: "network_factor_bits", along: Along::Bits, ..FACTOR_WORDS };
const CONDENSE: Kernel = Kernel {
    name: "network_condense",
    along: Along::Words,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../shaders/network_condense.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "right", "r", "q"],
};
const DESCEND: Kernel = Kernel {
    name: "network_descend",
    along: Along::Bits,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../shaders/network_descend.wgsl"),
    buffers: &["network", "wires", "inverse", "ends", "r", "q", "scalars", "partials"],
};
const RESTRICT_ROWS: Kernel = Kernel {
    name: "network_restrict_rows",
    along: Along::Strips,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../shaders/network_restrict_rows.wgsl"),
    buffers: &["network", "cells", "hats", "q", "strips"],
};
const RESTRICT_COLS: Kernel = Kernel {
    name: "network_restrict_cols",
    along: Along::Nodes,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../shaders/network_restrict_cols.wgsl"),
    buffers: &["network", "hats", "strips", "nodes"],
};
const EXPAND_COLS: Kernel = Kernel {
    name: "network_expand_cols",
    along: Along::Strips,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../shaders/network_expand_cols.wgsl"),
    buffers: &["network", "hats", "strips", "nodes"],
};
const PULL: Kernel = Kernel {
    name: "network_pull",
    along: Along::Cells,
    parts: &[NETWORK, HATS],
    body: include_str!("../../../../../shaders/network_pull.wgsl"),
    buffers: &["network", "cells", "hats", "r", "strips", "pulled"],
};
const ASCEND: Kernel = Kernel {
    name: "network_ascend",
    along: Along::Bits,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../shaders/network_ascend.wgsl"),
    buffers: &["network", "wires", "inverse", "ends", "pulled", "q"],
};
const ADVANCE: Kernel = Kernel {
    name: "network_advance",
    along: Along::Cells,
    parts: &[NETWORK],
    body: include_str!("../../../../../shaders/network_advance.wgsl"),
    buffers: &["network", "q", "p", "ap", "x", "pulled", "scalars"],
};
const MULTIPLY: Kernel = Kernel {
    name: "network_multiply",
    along: Along::Words,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../shaders/network_multiply.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "p", "ap", "q", "partials"],
};
const CURVATURE: Kernel = Kernel {
    name: "network_curvature",
    along: Along::Once,
    parts: &[NETWORK],
    body: include_str!("../../../../../shaders/network_curvature.wgsl"),
    buffers: &["network", "scalars", "partials"],
};
const SETTLE: Kernel = Kernel {
    name: "network_settle",
    along: Along::Cells,
    parts: &[NETWORK],
    body: include_str!("../../../../../shaders/network_settle.wgsl"),
    buffers: &["network", "p", "x", "scalars"],
};
const FINISH: Kernel = Kernel {
    name: "network_finish",
    along: Along::Words,
    parts: &[NETWORK, LINE, HOLD, SOLVE],
    body: include_str!("../../../../../shaders/network_finish.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "right", "x", "q"],
};

const DROPS_OF_WORDS: Kernel = Kernel {
    name: "network_drops_words",
    along: Along::Words,
    parts: &[NETWORK, LINE, SOLVE],
    body: include_str!("../../../../../shaders/network_drops.wgsl"),
    buffers: &["network", "cells", "wires", "inverse", "ends", "right", "x", "q", "references"],
};
const DROPS_OF_BITS: Kernel = Kernel { name: "network_drops_bits", along: Along::Bits, ..DROPS_OF_WORDS };

/// All kernels.
pub const KERNELS: [Kernel; 16] = [
    FACTOR_WORDS,
    FACTOR_BITS,
    CONDENSE,
    DESCEND,
    RESTRICT_ROWS,
    RESTRICT_COLS,
    EXPAND_COLS,
    PULL,
    ASCEND,
    ADVANCE,
    MULTIPLY,
    CURVATURE,
    SETTLE,
    FINISH,
    DROPS_OF_WORDS,
    DROPS_OF_BITS,
];

impl Kernel {
    /// The whole text.
    pub fn wgsl(&self) -> String {
        let mut text = String::from("// Generated: constants and buffers that host and shaders share.\n");
        let _ = writeln!(text, "const ALONG_WORDS: bool = {};", self.along == Along::Words);
        let _ = writeln!(text, "const HUGE: f32 = 3e38f;");
        text.push_str(NetworkParams::WGSL);
        let all = BINDINGS.iter().map(|(name, access, kind)| (*name, *access, *kind));
        for (number, (name, access, kind)) in all.chain([(PARTIALS.1, Access::ReadWrite, "array<f32>")]).enumerate() {
            let space = match access {
                Access::Uniform => "uniform",
                Access::Read => "storage, read",
                Access::ReadWrite => "storage, read_write",
            };
            let _ = writeln!(text, "@group(0) @binding({number}) var<{space}> {name}: {kind};");
        }
        for part in self.parts.iter().chain([&self.body]) {
            text.push('\n');
            text.push_str(part);
        }
        text
    }

    /// Numbers, names and accesses of what it binds.
    pub(super) fn bound(&self) -> Vec<(u32, &'static str, Access)> {
        let number = |name: &'static str| {
            let known = BINDINGS.iter().position(|(known, _, _)| *known == name);
            known.map_or((PARTIALS.0, name, Access::ReadWrite), |at| (at as u32, name, BINDINGS[at].1))
        };
        self.buffers.iter().copied().map(number).collect()
    }

    /// The buffer behind a name of its bindings.
    fn buffer(&self, name: &'static str) -> &'static str {
        match (name, self.along) {
            ("inverse", Along::Bits) => "bit_inverse",
            ("inverse", _) => "word_inverse",
            ("right", Along::Bits) => "bit_right",
            ("ends", Along::Bits) => "bit_ends",
            ("ends", _) => "word_ends",
            _ => name,
        }
    }
}

/// How lines are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    /// Chunks of a line, a power of two, and the cells of each.
    chunks: usize,
    length: usize,
    /// Workgroups for all lines.
    groups: usize,
}

impl Cut {
    fn new(lines: usize, cells: usize, most_chunks: usize) -> Cut {
        let chunks = cells.div_ceil(CHUNK_CELLS).next_power_of_two().min(most_chunks);
        Cut { chunks, length: cells.div_ceil(chunks), groups: lines.div_ceil(GROUP / chunks) }
    }
}

/// Buffers of a network on one device.
#[derive(Debug)]
struct Loaded {
    /// Number of the device.
    device: u64,
    buffers: HashMap<&'static str, wgpu::Buffer>,
    groups: HashMap<(&'static str, bool), (Arc<Pipeline>, wgpu::BindGroup)>,
    params: NetworkParams,
    words: Cut,
    bits: Cut,
    /// What comes back after half an iteration, and after a round.
    readout: wgpu::Buffer,
    fields: [wgpu::Buffer; 3],
}

/// A network on a GPU.
#[derive(Debug)]
pub(super) struct GpuNetwork<'a> {
    gpu: &'a Gpu,
    loaded: Option<Loaded>,
}

impl<'a> GpuNetwork<'a> {
    pub fn new(gpu: &'a Gpu) -> GpuNetwork<'a> {
        GpuNetwork { gpu, loaded: None }
    }

    /// Does something with the device and what is on it; a failure takes both away.
    fn with<T>(
        &mut self,
        what: impl FnOnce(&Gpu, &Device, &mut Loaded) -> Result<T, Failed>,
    ) -> Result<T, BackendError> {
        let gpu = self.gpu;
        let mut slot = lock(&gpu.device);
        let adapter = || gpu.identity.adapter.clone();
        let device = gpu.sound(&mut slot)?;
        let Some(loaded) = self.loaded.as_mut().filter(|loaded| loaded.device == device.number) else {
            let reason = "the device was opened anew".to_owned();
            return Err(BackendError::StateLost { adapter: adapter(), stage: "a network", reason });
        };
        let failed = match what(gpu, device, loaded) {
            Ok(done) => return Ok(done),
            Err(failed) => failed,
        };
        self.loaded = None;
        match failed {
            Failed::ForGood(error) => Err(error),
            Failed::Tile { stage, reason } => {
                *slot = None;
                Err(BackendError::StateLost { adapter: adapter(), stage, reason })
            }
            Failed::Hung { stage, reason } => {
                // Closing it would wait for what never ends.
                std::mem::forget(slot.take());
                Err(BackendError::StateLost { adapter: adapter(), stage, reason })
            }
        }
    }
}

/// Bytes of so many numbers; no buffer may be empty.
fn bytes(numbers: usize) -> u64 {
    4 * numbers.max(4) as u64
}

impl Loaded {
    fn new(device: &Device, network: &Network) -> Result<Loaded, String> {
        let (rows, cols) = (network.rows, network.cols);
        let words = Cut::new(rows, cols, GROUP);
        let bits = Cut::new(cols, rows, BIT_CHUNKS);
        let (coarse_rows, coarse_cols) = network.coarse;
        let cells = rows * cols;
        let usages = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let sizes = Loaded::sizes(network);
        let params = NetworkParams {
            rows: rows as u32,
            cols: cols as u32,
            word_chunks: words.chunks as u32,
            word_length: words.length as u32,
            bit_chunks: bits.chunks as u32,
            bit_length: bits.length as u32,
            coarse_rows: coarse_rows as u32,
            coarse_cols: coarse_cols as u32,
            products: words.groups as u32,
            ..NetworkParams::default()
        };
        let readout = Loaded::readout(bits.groups, coarse_rows * coarse_cols, cols).end;
        device.scoped(|| {
            let make = |name: &'static str, size: u64, usage: wgpu::BufferUsages| {
                device.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(name),
                    size,
                    usage,
                    mapped_at_creation: false,
                })
            };
            let back = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let mut buffers: HashMap<_, _> =
                sizes.into_iter().map(|(name, numbers)| (name, make(name, bytes(numbers), usages))).collect();
            let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            buffers.insert("network", make("network", size_of::<NetworkParams>() as u64, uniform));
            for (name, contents) in [
                ("cells", bytemuck::cast_slice(&network.cells)),
                ("wires", bytemuck::cast_slice(&network.wires)),
                ("hats", bytemuck::cast_slice(&network.hats)),
            ] {
                if let Some(buffer) = buffers.get(name) {
                    device.queue.write_buffer(buffer, 0, contents);
                }
            }
            Loaded {
                device: device.number,
                buffers,
                groups: HashMap::new(),
                params,
                words,
                bits,
                readout: make("read back", bytes(readout), back),
                fields: [cells, cells, rows + cols].map(|numbers| make("read back", bytes(numbers), back)),
            }
        })
    }

    /// Numbers of each buffer.
    fn sizes(network: &Network) -> [(&'static str, usize); 20] {
        let (rows, cols) = (network.rows, network.cols);
        let words = Cut::new(rows, cols, GROUP);
        let bits = Cut::new(cols, rows, BIT_CHUNKS);
        let (coarse_rows, coarse_cols) = network.coarse;
        let cells = rows * cols;
        [
            ("cells", cells),
            ("wires", network.wires.len()),
            ("hats", network.hats.len()),
            ("word_inverse", cells),
            ("bit_inverse", cells),
            ("word_ends", 3 * GROUP * words.groups),
            ("bit_ends", 3 * GROUP * bits.groups),
            ("right", cells),
            ("bit_right", cells),
            ("r", cells),
            ("q", cells),
            ("p", cells),
            ("ap", cells),
            ("x", cells),
            ("pulled", if coarse_rows > 0 { cells } else { 0 }),
            ("strips", coarse_rows * cols),
            ("nodes", coarse_rows * coarse_cols),
            ("scalars", 4),
            ("references", rows + cols),
            ("partials", (2 * bits.groups).max(words.groups)),
        ]
    }

    /// Bytes that a network takes of a device's memory, with what comes back.
    fn bytes(network: &Network) -> u64 {
        let of_buffers: u64 = Loaded::sizes(network).iter().map(|(_, numbers)| bytes(*numbers)).sum();
        of_buffers + 2 * bytes(network.rows * network.cols)
    }

    /// Where things lie in what comes back after half an iteration.
    fn readout(bit_groups: usize, coarse: usize, cols: usize) -> Readout {
        let partials = 4;
        let nodes = partials + 2 * bit_groups;
        let near = nodes + coarse;
        let far = near + cols;
        Readout { partials, nodes, near, far, end: far + cols }
    }

    fn buffer(&self, kernel: &'static str, name: &'static str) -> Result<&wgpu::Buffer, Failed> {
        self.buffers.get(name).ok_or(Failed::ForGood(BackendError::NoBuffer { shader: kernel, buffer: name }))
    }

    fn write(&self, device: &Device, name: &'static str, contents: &[f32]) -> Result<(), Failed> {
        if !contents.is_empty() {
            device.queue.write_buffer(self.buffer("upload", name)?, 0, bytemuck::cast_slice(contents));
        }
        Ok(())
    }

    /// Puts a kernel into a list of commands.
    fn encode(
        &mut self,
        gpu: &Gpu,
        device: &Device,
        encoder: &mut wgpu::CommandEncoder,
        kernel: &Kernel,
    ) -> Result<(), Failed> {
        // Without a coarse crossbar nothing is pulled: the residual itself goes on.
        let plain = self.params.coarse_rows == 0;
        if !self.groups.contains_key(&(kernel.name, plain)) {
            let pipeline = device.network_pipeline(kernel)?;
            let mut entries = Vec::new();
            for (number, name) in &pipeline.buffers {
                let name = if plain && *name == "pulled" { "r" } else { kernel.buffer(name) };
                let resource = self.buffer(kernel.name, name)?.as_entire_binding();
                entries.push(wgpu::BindGroupEntry { binding: *number, resource });
            }
            let made = device.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(kernel.name),
                layout: &pipeline.layout,
                entries: &entries,
            });
            self.groups.insert((kernel.name, plain), (pipeline, made));
        }
        let Some((pipeline, group)) = self.groups.get(&(kernel.name, plain)) else { return Ok(()) };
        let NetworkParams { rows, cols, coarse_rows, coarse_cols, .. } = self.params;
        let groups = match kernel.along {
            Along::Words => self.words.groups,
            Along::Bits => self.bits.groups,
            Along::Cells => (rows as usize * cols as usize).div_ceil(GROUP),
            Along::Strips => (coarse_rows as usize * cols as usize).div_ceil(GROUP),
            Along::Nodes => (coarse_rows as usize * coarse_cols as usize).div_ceil(GROUP),
            Along::Once => 1,
        } as u32;
        let across = groups.min(device.limits.max_compute_workgroups_per_dimension).max(1);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.dispatch_workgroups(across, groups.div_ceil(across), 1);
        gpu.dispatches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Submits kernels, one after another, with the present parameters.
    fn submit(&mut self, gpu: &Gpu, device: &Device, kernels: &[Kernel]) -> Result<(), Failed> {
        device.queue.write_buffer(self.buffer("upload", "network")?, 0, bytemuck::bytes_of(&self.params));
        let mut encoder = device.device.create_command_encoder(&Default::default());
        for kernel in kernels {
            self.encode(gpu, device, &mut encoder, kernel)?;
        }
        device.queue.submit([encoder.finish()]);
        Ok(())
    }
}

/// Offsets of [`Loaded::readout`], in numbers.
struct Readout {
    partials: usize,
    nodes: usize,
    near: usize,
    far: usize,
    end: usize,
}

/// Loop iterations of an invocation of the dearest kernel: the chunks of its walks, and the halvings of its workgroup.
fn most_loops(network: &Network) -> u64 {
    let words = Cut::new(network.rows, network.cols, GROUP);
    let bits = Cut::new(network.cols, network.rows, BIT_CHUNKS);
    let walk = 4 * words.length.max(bits.length) + 32;
    let sums = words.groups.div_ceil(GROUP) + 8;
    walk.max(2 * network.widest_interval).max(sums) as u64
}

impl Corrector for GpuNetwork<'_> {
    fn load(&mut self, network: &Network) -> Result<(), BackendError> {
        let gpu = self.gpu;
        self.loaded = None;
        let mut slot = lock(&gpu.device);
        let device = gpu.sound(&mut slot)?;
        let (rows, cols) = (network.rows, network.cols);
        let refused =
            |reason: String| BackendError::Network { adapter: gpu.identity.adapter.clone(), rows, cols, reason };
        let most = device.limits.max_storage_buffer_binding_size.min(device.limits.max_buffer_size);
        let field = 4 * rows as u64 * cols as u64;
        if field > most.min(u64::from(u32::MAX)) {
            return Err(refused(format!(
                "a field takes {} MiB, and the adapter binds {} MiB",
                field >> 20,
                most.min(u64::from(u32::MAX)) >> 20
            )));
        }
        if let Some(budget) = gpu.budget_bytes.filter(|budget| Loaded::bytes(network) > *budget) {
            return Err(refused(format!(
                "it takes {} MiB, and --device-memory is {} MiB",
                Loaded::bytes(network).div_ceil(1 << 20),
                budget >> 20
            )));
        }
        if most_loops(network) > MAX_LOOPS {
            return Err(refused("its lines are too long for one dispatch".to_owned()));
        }
        if gpu.fault(Fault::LostEarly) {
            device.device.destroy();
        }
        let loaded = Loaded::new(device, network).map_err(|reason| BackendError::StateLost {
            adapter: gpu.identity.adapter.clone(),
            stage: "allocation",
            reason,
        });
        match loaded {
            Ok(loaded) => self.loaded = Some(loaded),
            Err(error) => {
                *slot = None;
                return Err(error);
            }
        }
        drop(slot);
        self.with(|gpu, device, loaded| loaded.submit(gpu, device, &[FACTOR_WORDS, FACTOR_BITS]))
    }

    fn begin(&mut self, word: &[f32], bit: &[f32]) -> Result<(), BackendError> {
        self.with(|gpu, device, loaded| {
            loaded.write(device, "right", word)?;
            loaded.write(device, "r", bit)?;
            loaded.write(device, "bit_right", bit)?;
            loaded.write(device, "scalars", &[0.0; 4])?;
            loaded.submit(gpu, device, &[CONDENSE])
        })
    }

    fn descend(&mut self) -> Result<Descended, BackendError> {
        self.with(|gpu, device, loaded| {
            let plain = loaded.params.coarse_rows == 0;
            let kernels: &[Kernel] = if plain { &[DESCEND] } else { &[DESCEND, RESTRICT_ROWS, RESTRICT_COLS] };
            loaded.submit(gpu, device, kernels)?;
            if gpu.fault(Fault::Lost) {
                device.device.destroy();
            }
            let NetworkParams { rows, cols, coarse_rows, coarse_cols, .. } = loaded.params;
            let (rows, cols, coarse) = (rows as usize, cols as usize, (coarse_rows * coarse_cols) as usize);
            let at = Loaded::readout(loaded.bits.groups, coarse, cols);
            let copies = [
                ("scalars", 0, 0, at.partials),
                ("partials", 0, at.partials, at.nodes - at.partials),
                ("nodes", 0, at.nodes, at.near - at.nodes),
                ("p", 0, at.near, cols),
                ("p", (rows - 1) * cols, at.far, cols),
            ];
            let mut parts = Vec::with_capacity(copies.len());
            for (name, from, to, count) in copies.into_iter().filter(|(.., count)| *count > 0) {
                parts.push((loaded.buffer("read-back", name)?, from as u64 * 4, to as u64 * 4, count as u64 * 4));
            }
            gpu.read_backs.fetch_add(1, Ordering::Relaxed);
            let back = device.gather(&loaded.readout, &parts, 4 * at.end as u64)?;
            let back: Vec<f32> = bytemuck::pod_collect_to_vec(&back);
            let sum = |first: usize| back[at.partials + first..at.nodes].iter().step_by(2).map(|v| f64::from(*v)).sum();
            Ok(Descended {
                norm: sum(0),
                own: sum(1),
                restricted: back[at.nodes..at.near].to_vec(),
                alpha: f64::from(back[0]),
                curvature: f64::from(back[1]),
                near: back[at.near..at.far].to_vec(),
                far: back[at.far..at.end].to_vec(),
            })
        })
    }

    fn ascend(&mut self, ascent: Ascent<'_>) -> Result<(), BackendError> {
        self.with(|gpu, device, loaded| {
            let Ascent { volts, product, beta, iteration } = ascent;
            let (product, beta, iteration) = (product as f32, beta as f32, iteration as u32);
            loaded.params = NetworkParams { product, beta, iteration, ..loaded.params };
            loaded.write(device, "nodes", volts)?;
            let coarse: &[Kernel] = if volts.is_empty() { &[] } else { &[EXPAND_COLS, PULL, ASCEND] };
            let kernels = [coarse, &[ADVANCE, MULTIPLY, CURVATURE]].concat();
            loaded.submit(gpu, device, &kernels)
        })
    }

    fn finish(&mut self, iterations: usize) -> Result<Steps, BackendError> {
        self.with(|gpu, device, loaded| {
            if iterations == 0 {
                let mut encoder = device.device.create_command_encoder(&Default::default());
                encoder.clear_buffer(loaded.buffer("clear", "x")?, 0, None);
                device.queue.submit([encoder.finish()]);
                loaded.submit(gpu, device, &[FINISH, DROPS_OF_WORDS, DROPS_OF_BITS])?;
            } else {
                loaded.submit(gpu, device, &[SETTLE, FINISH, DROPS_OF_WORDS, DROPS_OF_BITS])?;
            }
            let (rows, cols) = (loaded.params.rows as usize, loaded.params.cols as usize);
            let [word, bit, references] = &loaded.fields;
            let copies = [
                (loaded.buffer("read-back", "q")?, word, 4 * (rows * cols) as u64),
                (loaded.buffer("read-back", "x")?, bit, 4 * (rows * cols) as u64),
                (loaded.buffer("read-back", "references")?, references, 4 * (rows + cols) as u64),
            ];
            gpu.read_backs.fetch_add(1, Ordering::Relaxed);
            let mut back = device.download(&copies)?.into_iter().map(|field| bytemuck::pod_collect_to_vec(&field));
            let mut next = || back.next().unwrap_or_default();
            let (word_drops, bit_drops, mut word_references) = (next(), next(), next());
            let bit_references = word_references.split_off(rows.min(word_references.len()));
            Ok(Steps { word_references, bit_references, word_drops, bit_drops })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_all_cells_of_all_lines() {
        for (lines, cells) in [(1, 1), (3, 5), (1, 300), (64, 64), (100, 1024), (7, 16_384), (40_000, 17)] {
            for most in [GROUP, BIT_CHUNKS] {
                let cut = Cut::new(lines, cells, most);
                assert!(cut.chunks.is_power_of_two() && cut.chunks <= most && cut.chunks * cut.length >= cells);
                assert!(cut.groups * (GROUP / cut.chunks) >= lines, "{lines} lines of {cells}: {cut:?}");
            }
        }
    }
}
