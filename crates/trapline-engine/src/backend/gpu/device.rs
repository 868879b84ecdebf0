//! An open device, and the ways it can fail.
//!
//! wgpu reports errors in four places: error scopes (allocation), the uncaptured-error handler (anything else that is
//! invalid), the lost callback, and the result of a map. All four end up as one line of text here ([`Device::check`],
//! [`Device::scoped`]), or as a [`Failed`] that also says what was being done; the caller knows the tile and makes a
//! typed error of it.

use super::random::RandomTables;
use super::recovery::Failed;
use super::{adapters, layout, network, source, variant};
use crate::backend::BackendError;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use trapline_model::outcome::Identity;

/// Longest wait for a few dispatches, each of which takes half a second at most, or a second on a software adapter: a
/// busy machine gets a hundredfold and more.
const HARDWARE_PATIENCE: Duration = Duration::from_secs(120);
const SOFTWARE_PATIENCE: Duration = Duration::from_secs(3600);

/// Devices opened so far.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// What the callbacks heard.
#[derive(Debug, Default)]
struct Heard {
    error: Option<String>,
    lost: Option<String>,
}

/// A compiled kernel.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    pub buffers: Vec<(u32, &'static str)>,
}

/// Kernel, number of classes, and whether loops are counted.
type PipelineKey = (&'static str, usize, bool);

/// An open device with its compiled kernels.
#[derive(Debug)]
pub(super) struct Device {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub identity: Identity,
    /// How blocks are folded.
    pub fold: source::Fold,
    pub limits: wgpu::Limits,
    /// Told from every other device that was opened: what lives on one is lost with it.
    pub number: u64,
    /// What random numbers are taken from.
    pub random: RandomTables,
    /// Whether workgroup memory begins with what a test puts there.
    pub soiled: bool,
    heard: Arc<Mutex<Heard>>,
    pipelines: Mutex<HashMap<PipelineKey, Arc<Pipeline>>>,
}

/// First line of an error, whitespace flattened.
fn one_line(error: impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A storage buffer with contents. wgpu's own helper maps the buffer and panics where it could not be made.
pub(super) fn filled(device: &wgpu::Device, queue: &wgpu::Queue, label: &'static str, contents: &[u8]) -> wgpu::Buffer {
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: contents.len() as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    queue.write_buffer(&buffer, 0, contents);
    buffer
}

impl Device {
    /// Opens an adapter with all its limits, and of optional features with subgroups where it has them.
    pub fn open(adapter: &wgpu::Adapter) -> Result<Device, BackendError> {
        let identity = adapters::identity(adapter);
        let limits = adapter.limits();
        let has_subgroups = variant::has_subgroups(adapter);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("trapline"),
            required_features: if has_subgroups { wgpu::Features::SUBGROUP } else { wgpu::Features::empty() },
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| BackendError::NoDevice { adapter: identity.adapter.clone(), reason: one_line(e) })?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let on_error = heard.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut heard = on_error.lock().unwrap_or_else(PoisonError::into_inner);
            heard.error.get_or_insert_with(|| one_line(error));
        }));
        let on_lost = heard.clone();
        device.set_device_lost_callback(move |reason, message| {
            let mut heard = on_lost.lock().unwrap_or_else(PoisonError::into_inner);
            heard.lost.get_or_insert_with(|| one_line(format!("device lost ({reason:?}): {message}")));
        });
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let mut opened = Device {
            device,
            queue,
            identity,
            fold: source::Fold::Shared,
            limits,
            number,
            random: RandomTables::default(),
            soiled: false,
            heard,
            pipelines: Mutex::default(),
        };
        opened.fold = variant::fold_of(&opened, has_subgroups)?;
        if opened.fold == source::Fold::Subgroups {
            opened.identity.instruction_set.push_str(", subgroups");
        }
        Ok(opened)
    }

    /// The error heard of since the device was opened, if any.
    pub fn check(&self) -> Result<(), String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.lost.as_ref().or(heard.error.as_ref()) {
            Some(message) => Err(message.clone()),
            None => Ok(()),
        }
    }

    /// Runs `make` and reports lack of memory and invalid use as an error.
    pub fn scoped<T>(&self, make: impl FnOnce() -> T) -> Result<T, String> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = make();
        let invalid = pollster::block_on(validation.pop());
        let full = pollster::block_on(memory.pop());
        match full.or(invalid) {
            Some(error) => Err(one_line(error)),
            None => self.check().map(|()| made),
        }
    }

    fn lost(&self) -> Option<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).lost.clone()
    }

    /// The compiled kernel for a number of classes.
    pub fn pipeline(
        &self,
        kernel: &source::Kernel,
        classes: usize,
        count_loops: bool,
    ) -> Result<Arc<Pipeline>, Failed> {
        self.known((kernel.name, classes, count_loops), || {
            self.compile(&kernel.folding(self.fold), classes, count_loops)
        })
    }

    /// What was compiled before, or is now.
    fn known(&self, key: PipelineKey, compile: impl FnOnce() -> Pipeline) -> Result<Arc<Pipeline>, Failed> {
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = pipelines.get(&key) {
            return Ok(known.clone());
        }
        let made = self.scoped(compile).map_err(|reason| match self.lost() {
            // A device that goes while it compiles says nothing about the shader.
            Some(lost) => Failed::Tile { stage: "compilation", reason: lost },
            None => {
                Failed::ForGood(BackendError::Shader { adapter: self.identity.adapter.clone(), shader: key.0, reason })
            }
        })?;
        let made = Arc::new(made);
        pipelines.insert(key, made.clone());
        Ok(made)
    }

    pub fn compile(&self, kernel: &source::Kernel, classes: usize, count_loops: bool) -> Pipeline {
        let mut bound: Vec<_> = kernel
            .buffers
            .iter()
            .filter_map(|name| layout::binding(name).map(|number| (number, *name)))
            .map(|(number, name)| (number, name, layout::BINDINGS[number as usize].1))
            .collect();
        if count_loops && kernel.reports_ticks {
            bound.push((layout::TICKS_BINDING, layout::TICKS, layout::Access::ReadWrite));
        }
        self.compile_text(kernel.name, kernel.entry_point, kernel.wgsl(classes, count_loops), &bound)
    }

    /// The compiled kernel of a network.
    pub fn network_pipeline(&self, kernel: &network::Kernel) -> Result<Arc<Pipeline>, Failed> {
        self.known((kernel.name, 0, false), || self.compile_text(kernel.name, "run", kernel.wgsl(), &kernel.bound()))
    }

    fn compile_text(
        &self,
        name: &'static str,
        entry_point: &str,
        wgsl: String,
        bound: &[(u32, &'static str, layout::Access)],
    ) -> Pipeline {
        let wgsl = if self.soiled { source::soiled(&wgsl) } else { wgsl };
        let text = wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Wgsl(wgsl.into()) };
        let checks = wgpu::ShaderRuntimeChecks {
            force_loop_bounding: source::FORCE_LOOP_BOUNDING,
            ..wgpu::ShaderRuntimeChecks::checked()
        };
        // SAFETY: what is left out is the bound of loops, so every loop of the kernels must end. It does: it counts up
        // to a bound that is fixed when it begins, or uses up trials, bits of a probability or calls of a draw, of
        // which each turn takes one. Tests count them on the device (`loops_stay_within_the_budget`,
        // `loops_of_counted_cells`); those of networks run over cells, halves or doubles. Bounds of arrays are still
        // checked.
        let module = unsafe { self.device.create_shader_module_trusted(text, checks) };
        let entries: Vec<_> = bound
            .iter()
            .map(|(number, _, access)| {
                let ty = match access {
                    layout::Access::Uniform => wgpu::BufferBindingType::Uniform,
                    layout::Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    layout::Access::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                };
                wgpu::BindGroupLayoutEntry {
                    binding: *number,
                    visibility: wgpu::ShaderStages::COMPUTE,
                    ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                    count: None,
                }
            })
            .collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(entry_point),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: source::ZERO_INITIALIZE_WORKGROUP_MEMORY,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, layout, buffers: bound.iter().map(|(number, name, _)| (*number, *name)).collect() }
    }

    /// Waits for a submission (the last one where `None`), but not for ever.
    pub fn wait(&self, stage: &'static str, submission: Option<wgpu::SubmissionIndex>) -> Result<(), Failed> {
        let patience = if self.identity.software { SOFTWARE_PATIENCE } else { HARDWARE_PATIENCE };
        match self.device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: Some(patience) }) {
            Ok(_) => self.check().map_err(Failed::at(stage)),
            Err(wgpu::PollError::Timeout) => {
                let reason = format!("the device has not answered for {} s", patience.as_secs());
                Err(Failed::Hung { stage, reason })
            }
            Err(error) => Err(Failed::Tile { stage, reason: self.check().err().unwrap_or_else(|| one_line(error)) }),
        }
    }

    /// Copies the front of buffers, as many bytes as each pair says, into buffers the host maps, and gives what they
    /// hold, after everything submitted so far.
    pub fn download(&self, copies: &[(&wgpu::Buffer, &wgpu::Buffer, u64)]) -> Result<Vec<Vec<u8>>, Failed> {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        for (source, target, bytes) in copies {
            encoder.copy_buffer_to_buffer(source, 0, target, 0, *bytes);
        }
        self.queue.submit([encoder.finish()]);
        let targets: Vec<_> = copies.iter().map(|(_, target, bytes)| (*target, *bytes)).collect();
        self.map(&targets)
    }

    /// Maps the fronts of buffers after everything submitted so far, and gives what they hold.
    fn map(&self, targets: &[(&wgpu::Buffer, u64)]) -> Result<Vec<Vec<u8>>, Failed> {
        let (sender, receiver) = std::sync::mpsc::channel();
        for (target, bytes) in targets {
            let sender = sender.clone();
            target.map_async(wgpu::MapMode::Read, ..*bytes, move |result| {
                // The receiver is gone only when another map has already failed.
                let _ = sender.send(result);
            });
        }
        drop(sender);
        self.wait("read-back", None)?;
        self.collect(targets, &receiver).map_err(Failed::at("read-back"))
    }

    /// Copies parts of buffers into one the host maps, and gives its first bytes, after everything submitted so far.
    /// A part is its source, the byte it starts at there and here, and its bytes.
    pub fn gather(
        &self,
        target: &wgpu::Buffer,
        parts: &[(&wgpu::Buffer, u64, u64, u64)],
        bytes: u64,
    ) -> Result<Vec<u8>, Failed> {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        for (source, from, to, count) in parts {
            encoder.copy_buffer_to_buffer(source, *from, target, *to, *count);
        }
        self.queue.submit([encoder.finish()]);
        let mut mapped = self.map(&[(target, bytes)])?;
        Ok(mapped.pop().unwrap_or_default())
    }

    /// A buffer the host maps to read from it.
    pub fn staging(&self, bytes: u64) -> Result<wgpu::Buffer, Failed> {
        let made = self.scoped(|| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read back"),
                size: bytes,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        made.map_err(Failed::at("read-back"))
    }

    /// What mapped buffers hold; they are free again afterwards.
    fn collect(
        &self,
        targets: &[(&wgpu::Buffer, u64)],
        receiver: &std::sync::mpsc::Receiver<Result<(), wgpu::BufferAsyncError>>,
    ) -> Result<Vec<Vec<u8>>, String> {
        for _ in targets {
            match receiver.try_recv() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(self.check().err().unwrap_or_else(|| one_line(error))),
                Err(_) => return Err(self.check().err().unwrap_or_else(|| "a read-back never came".to_owned())),
            }
        }
        self.check()?;
        targets
            .iter()
            .map(|(target, bytes)| {
                let contents = target.get_mapped_range(..*bytes).map_err(one_line)?.to_vec();
                target.unmap();
                Ok(contents)
            })
            .collect()
    }
}
