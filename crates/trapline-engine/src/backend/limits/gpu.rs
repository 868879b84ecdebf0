//! The limits of a GPU adapter.

use super::{Limits, LimitsError, best, median_s};
use crate::backend::gpu::adapters;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wgpu::DeviceType;

/// Largest array that is copied, bytes: larger than the caches of a GPU; on a software adapter it is the host's memory.
const HARDWARE_ARRAY_BYTES: u64 = 256 << 20;
const SOFTWARE_ARRAY_BYTES: u64 = 64 << 20;
/// Copies of a submission.
const COPIES: u32 = 4;
/// Turns of an invocation; llvmpipe ends a loop after 65,535.
const TURNS: u32 = 2048;
/// What an invocation does in a turn: eight chains of four numbers, multiplied and added.
const OPERATIONS_A_TURN: f64 = 64.0;
const WORKGROUP: u32 = 64;
/// Most workgroups of a dispatch in one direction that every device takes.
const MOST_GROUPS: u32 = 65_535;
/// Length of a dispatch, s, that hides its launch.
const LONG_S: f64 = 0.02;
/// Longest wait for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// An open device that reports what goes wrong as text.
struct Open {
    device: wgpu::Device,
    queue: wgpu::Queue,
    heard: Arc<Mutex<Option<String>>>,
}

/// The limits of the adapter of this number in [`adapters`](crate::backend::adapters()).
pub(super) fn of_adapter(number: usize, time: Duration) -> Result<Limits, LimitsError> {
    let wrong = |device: &str| {
        let device = device.to_owned();
        move |reason: String| LimitsError::Device { device, reason }
    };
    // In the order of `trapline devices`.
    let mut adapters = adapters::enumerate();
    if number >= adapters.len() {
        return Err(wrong(&format!("adapter {number}"))(format!("there are {} adapters", adapters.len())));
    }
    let adapter = adapters.swap_remove(number);
    let name = adapter.get_info().name;
    measured(&adapter, time).map_err(wrong(&name))
}

fn measured(adapter: &wgpu::Adapter, time: Duration) -> Result<Limits, String> {
    let (open, limits) = (Open::new(adapter)?, adapter.limits());
    let is_software = adapter.get_info().device_type == DeviceType::Cpu;
    let wanted = if is_software { SOFTWARE_ARRAY_BYTES } else { HARDWARE_ARRAY_BYTES };
    let bytes = wanted.min(limits.max_buffer_size) & !255;
    let copies = Copies::new(&open, bytes)?;
    Ok(Limits {
        f32_per_s: f32_per_s(&open, time)?,
        copy_bytes_per_s: copies.within(&open, time)?,
        upload_bytes_per_s: Some(copies.up(&open, time)?),
        download_bytes_per_s: Some(copies.down(&open, time)?),
        launch_s: MultiplyAdd::new(&open, 1, 0)?.launch_s(&open, time)?,
    })
}

/// Whitespace flattened.
fn one_line(error: impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Open {
    fn new(adapter: &wgpu::Adapter) -> Result<Open, String> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("trapline limits"),
            required_features: wgpu::Features::empty(),
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(one_line)?;
        let heard: Arc<Mutex<Option<String>>> = Arc::default();
        let on_error = heard.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            on_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| one_line(error));
        }));
        let on_lost = heard.clone();
        device.set_device_lost_callback(move |reason, message| {
            let told = one_line(format!("device lost ({reason:?}): {message}"));
            on_lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(told);
        });
        Ok(Open { device, queue, heard })
    }

    fn check(&self) -> Result<(), String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, String> {
        let descriptor = wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false };
        let made = self.device.create_buffer(&descriptor);
        self.check().map(|()| made)
    }

    /// Submits and waits until it is done.
    fn run(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<(), String> {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        record(&mut encoder);
        self.queue.submit([encoder.finish()]);
        self.wait()
    }

    fn wait(&self) -> Result<(), String> {
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(PATIENCE) };
        self.device.poll(wait).map_err(|error| self.check().err().unwrap_or_else(|| one_line(error)))?;
        self.check()
    }
}

/// Two arrays of the device and one that the host reads.
struct Copies {
    bytes: u64,
    from: wgpu::Buffer,
    to: wgpu::Buffer,
    host: wgpu::Buffer,
    contents: Vec<u8>,
}

impl Copies {
    fn new(open: &Open, bytes: u64) -> Result<Copies, String> {
        let both = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let contents: Vec<u8> = (0..bytes).map(|number| number as u8).collect();
        let copies = Copies {
            bytes,
            from: open.buffer(bytes, both)?,
            to: open.buffer(bytes, both)?,
            host: open.buffer(bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?,
            contents,
        };
        // Both are touched before anything is timed.
        open.queue.write_buffer(&copies.from, 0, &copies.contents);
        open.run(|encoder| encoder.copy_buffer_to_buffer(&copies.from, 0, &copies.to, 0, bytes))?;
        Ok(copies)
    }

    /// Within the device, bytes read and written per second.
    fn within(&self, open: &Open, time: Duration) -> Result<f64, String> {
        best(time, || {
            let start = Instant::now();
            open.run(|encoder| {
                for _ in 0..COPIES {
                    encoder.copy_buffer_to_buffer(&self.from, 0, &self.to, 0, self.bytes);
                }
            })?;
            Ok((2.0 * f64::from(COPIES) * self.bytes as f64, start.elapsed().as_secs_f64()))
        })
    }

    fn up(&self, open: &Open, time: Duration) -> Result<f64, String> {
        best(time, || {
            let start = Instant::now();
            open.queue.write_buffer(&self.from, 0, &self.contents);
            open.run(|_| ())?;
            Ok((self.bytes as f64, start.elapsed().as_secs_f64()))
        })
    }

    fn down(&self, open: &Open, time: Duration) -> Result<f64, String> {
        best(time, || {
            let start = Instant::now();
            open.run(|encoder| encoder.copy_buffer_to_buffer(&self.to, 0, &self.host, 0, self.bytes))?;
            self.host.map_async(wgpu::MapMode::Read, ..self.bytes, |_| ());
            open.wait()?;
            let read = self.host.get_mapped_range(..self.bytes).map_err(one_line)?.to_vec();
            self.host.unmap();
            let seconds = start.elapsed().as_secs_f64();
            // What was uploaded comes back: the copies copied.
            match read == self.contents {
                true => Ok((self.bytes as f64, seconds)),
                false => Err("a copy did not hold what was copied".to_owned()),
            }
        })
    }
}

fn f32_per_s(open: &Open, time: Duration) -> Result<f64, String> {
    // As many groups as keep a dispatch long enough.
    let mut groups = 64;
    loop {
        let kernel = MultiplyAdd::new(open, groups, TURNS)?;
        kernel.dispatch(open)?;
        let start = Instant::now();
        kernel.dispatch(open)?;
        if start.elapsed().as_secs_f64() >= LONG_S || groups == MOST_GROUPS {
            return kernel.f32_per_s(open, time);
        }
        groups = (4 * groups).min(MOST_GROUPS);
    }
}

/// The kernel with its buffers bound.
struct MultiplyAdd {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    groups: u32,
}

impl MultiplyAdd {
    fn new(open: &Open, groups: u32, turns: u32) -> Result<MultiplyAdd, String> {
        let source = wgpu::ShaderSource::Wgsl(include_str!("../../../../../shaders/multiply_add.wgsl").into());
        let module =
            open.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("multiply_add"), source });
        let pipeline = open.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("multiply_add"),
            layout: None,
            module: &module,
            entry_point: Some("run"),
            compilation_options: Default::default(),
            cache: None,
        });
        open.check()?;
        let given = open.buffer(16, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST)?;
        let words = [0.999_f32.to_bits(), 0.001_f32.to_bits(), turns, 0];
        open.queue.write_buffer(&given, 0, bytemuck::cast_slice(&words));
        let sums = open.buffer(4 * u64::from(groups * WORKGROUP), wgpu::BufferUsages::STORAGE)?;
        let group = open.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: given.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: sums.as_entire_binding() },
            ],
        });
        open.check().map(|()| MultiplyAdd { pipeline, group, groups })
    }

    fn dispatch(&self, open: &Open) -> Result<(), String> {
        open.run(|encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(self.groups, 1, 1);
        })
    }

    fn f32_per_s(&self, open: &Open, time: Duration) -> Result<f64, String> {
        let operations = OPERATIONS_A_TURN * f64::from(TURNS) * f64::from(self.groups) * f64::from(WORKGROUP);
        best(time, || {
            let start = Instant::now();
            self.dispatch(open)?;
            Ok((operations, start.elapsed().as_secs_f64()))
        })
    }

    fn launch_s(&self, open: &Open, time: Duration) -> Result<f64, String> {
        self.dispatch(open)?;
        median_s(time, || self.dispatch(open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_that_is_not_there_is_told() {
        let error = of_adapter(999, Duration::ZERO).expect_err("there are not so many").to_string();
        assert!(error.contains("adapter 999") && error.contains("could not be measured"), "{error}");
    }

    #[test]
    #[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
    fn limits_are_those_of_an_adapter() {
        let limits = of_adapter(0, Duration::from_millis(20)).expect("an adapter; apt-get install mesa-vulkan-drivers");
        assert!((1e6..1e15).contains(&limits.f32_per_s), "{limits:?}");
        assert!((1e7..1e14).contains(&limits.copy_bytes_per_s), "{limits:?}");
        for rate in [limits.upload_bytes_per_s, limits.download_bytes_per_s] {
            assert!(rate.is_some_and(|rate| (1e6..1e13).contains(&rate)), "{limits:?}");
        }
        assert!(limits.launch_s > 0.0 && limits.launch_s < 10.0, "{limits:?}");
    }
}
