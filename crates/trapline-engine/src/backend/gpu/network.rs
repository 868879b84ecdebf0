//! Networks of crossbars on a device: the fields of conjugate gradients and the kernels that walk along lines.
//!
//! # Theory
//! `shaders/network_line.wgsl` and `shaders/network_solve.wgsl` say how a line is solved, [`crate::circuit`] what for.
//! An iteration takes, in streams of 4 bytes a cell: `descend` 8, `restrict_rows` 4, `pull` 3, `ascend` 7, `advance` 8,
//! `multiply` 10: 40, or 160 bytes (26 without a coarse crossbar). Eleven fields stay, 44 bytes a cell, and three
//! numbers for each chunk of a line.
//!
//! # Practice
//! Twins of these kernels in f64 are in `circuit/kernels.rs` and `circuit/lines.rs`. Here an iteration is taken step by
//! step; which kernels there are is in `kernels`, how they share the lines in `cut`, and what lies on the device in
//! `loaded`. A device that fails says so by [`BackendError::StateLost`]; the caller loads the network again and tries
//! once more.

mod cut;
mod kernels;
mod loaded;

pub use kernels::{BINDINGS, KERNELS, Kernel, NetworkParams};

use super::Gpu;
use super::device::Device;
use super::recovery::{Failed, Fault, lock, lost};
use super::source::MAX_LOOPS;
use crate::backend::BackendError;
use crate::circuit::device::{Ascent, Corrector, Descended, Network, Steps};
use cut::most_loops;
use kernels::{
    ADVANCE, ASCEND, CONDENSE, CURVATURE, DESCEND, DROPS_OF_BITS, DROPS_OF_WORDS, EXPAND_COLS, FACTOR_BITS,
    FACTOR_WORDS, FINISH, MULTIPLY, PULL, RESTRICT_COLS, RESTRICT_ROWS, SETTLE,
};
use loaded::Loaded;
use std::sync::atomic::Ordering;

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
        let device = gpu.sound(&mut slot)?;
        let Some(loaded) = self.loaded.as_mut().filter(|loaded| loaded.device == device.number) else {
            let (adapter, reason) = (gpu.identity.adapter.clone(), "the device was opened anew".to_owned());
            return Err(BackendError::StateLost { adapter, stage: "a network", reason });
        };
        let failed = match what(gpu, device, loaded) {
            Ok(done) => return Ok(done),
            Err(failed) => failed,
        };
        self.loaded = None;
        Err(lost(gpu, slot, failed))
    }
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
