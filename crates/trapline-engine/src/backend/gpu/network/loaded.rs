//! A network as it lies on a device: its buffers, what is bound to its kernels, and how these are submitted.
//!
//! It lives as long as its device. What comes back of a half iteration lies where [`Readout`] says.

use super::cut::{BIT_CHUNKS, Cut, GROUP};
use super::kernels::{Along, Kernel, NetworkParams};
use crate::backend::BackendError;
use crate::backend::gpu::Gpu;
use crate::backend::gpu::device::{Device, Pipeline};
use crate::backend::gpu::recovery::Failed;
use crate::circuit::device::Network;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Buffers of a network on one device.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Number of the device.
    pub device: u64,
    buffers: HashMap<&'static str, wgpu::Buffer>,
    groups: HashMap<(&'static str, bool), (Arc<Pipeline>, wgpu::BindGroup)>,
    pub params: NetworkParams,
    words: Cut,
    pub bits: Cut,
    /// What comes back after half an iteration, and after a round.
    pub readout: wgpu::Buffer,
    pub fields: [wgpu::Buffer; 3],
}

/// Bytes of so many numbers; no buffer may be empty.
fn bytes(numbers: usize) -> u64 {
    4 * numbers.max(4) as u64
}

impl Loaded {
    pub fn new(device: &Device, network: &Network) -> Result<Loaded, String> {
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
    pub fn bytes(network: &Network) -> u64 {
        let of_buffers: u64 = Loaded::sizes(network).iter().map(|(_, numbers)| bytes(*numbers)).sum();
        of_buffers + 2 * bytes(network.rows * network.cols)
    }

    /// Where things lie in what comes back after half an iteration.
    pub fn readout(bit_groups: usize, coarse: usize, cols: usize) -> Readout {
        let partials = 4;
        let nodes = partials + 2 * bit_groups;
        let near = nodes + coarse;
        let far = near + cols;
        Readout { partials, nodes, near, far, end: far + cols }
    }

    pub fn buffer(&self, kernel: &'static str, name: &'static str) -> Result<&wgpu::Buffer, Failed> {
        self.buffers.get(name).ok_or(Failed::ForGood(BackendError::NoBuffer { shader: kernel, buffer: name }))
    }

    pub fn write(&self, device: &Device, name: &'static str, contents: &[f32]) -> Result<(), Failed> {
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
    pub fn submit(&mut self, gpu: &Gpu, device: &Device, kernels: &[Kernel]) -> Result<(), Failed> {
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
pub(super) struct Readout {
    pub partials: usize,
    pub nodes: usize,
    pub near: usize,
    pub far: usize,
    pub end: usize,
}
