//! Submitting kernels: how wide, how long, and how many ahead of the device.
//!
//! # Practice
//! A desktop system resets a GPU that works on one dispatch for a second or two, llvmpipe ends long loops silently,
//! and a queue without bound takes memory without bound. So a dispatch is bounded in loops of an invocation
//! ([`MAX_LOOPS`]) and in loops of all its invocations together ([`DispatchLimits::work`]): an operation cuts its
//! loops by [`Running::loops`], and what is still too much is spread over several dispatches, each over some of the
//! workgroups. Every few dispatches the host waits for the ones before.

use super::Gpu;
use super::device::{Device, Pipeline};
use super::layout::{Params, TICKS};
use super::recovery::{Failed, Fault};
use super::source::{Kernel, MAX_LOOPS};
use super::tile::Workspace;
use crate::backend::BackendError;
use crate::backend::tally::BLOCK_CELLS;
use std::sync::atomic::Ordering;

/// Bounds of a dispatch. A device has its own; tests narrow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatchLimits {
    /// Workgroups side by side; more go into the second dimension.
    pub groups_across: u32,
    /// Loop iterations of all invocations together.
    pub work: u64,
    /// Dispatches submitted before the host waits for as many.
    pub batch: u32,
}

impl DispatchLimits {
    /// A hundredth of a second on a large GPU, half a second on a small one; a second on a software adapter.
    pub(super) fn of(device: &Device) -> DispatchLimits {
        DispatchLimits {
            groups_across: device.limits.max_compute_workgroups_per_dimension,
            work: if device.identity.software { 1 << 26 } else { 1 << 30 },
            batch: 16,
        }
    }

    /// Loop iterations to give an invocation of a tile of so many cells. Where cells are many this is not below what
    /// makes up for the `start` that every dispatch spends on its cells' state.
    fn loops(&self, cells: u64, start: u64) -> u64 {
        (self.work / cells.max(1)).max(16 * start).min(MAX_LOOPS)
    }

    /// Workgroups that may go into one dispatch of so many loops an invocation.
    fn groups(&self, loops: u64) -> u32 {
        (self.work / (loops.max(1) * BLOCK_CELLS)).clamp(1, u64::from(u32::MAX)) as u32
    }
}

/// An operation on a device: kernels and read-backs over the buffers of its tile.
pub(super) struct Running<'a> {
    gpu: &'a Gpu,
    device: &'a Device,
    work: &'a Workspace,
    limits: DispatchLimits,
    classes: usize,
    count_loops: bool,
}

impl<'a> Running<'a> {
    pub fn new(
        gpu: &'a Gpu,
        device: &'a Device,
        work: &'a Workspace,
        classes: usize,
        count_loops: bool,
    ) -> Running<'a> {
        let limits = gpu.limits.unwrap_or_else(|| DispatchLimits::of(device));
        Running { gpu, device, work, limits, classes, count_loops }
    }

    /// Loop iterations to give an invocation of a tile of so many cells, of which `start` are spent before the first.
    pub fn loops(&self, cells: u64, start: u64) -> u64 {
        self.limits.loops(cells, start)
    }

    fn buffer(&self, kernel: &'static str, name: &'static str) -> Result<&wgpu::Buffer, Failed> {
        let shared = || self.work.random.as_ref().filter(|_| name == "normal_table");
        let missing = || Failed::ForGood(BackendError::NoBuffer { shader: kernel, buffer: name });
        self.work.buffers.get(name).or_else(shared).ok_or_else(missing)
    }

    /// Fills a buffer with zeros.
    pub fn clear(&self, name: &'static str) -> Result<(), Failed> {
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(self.buffer("clear", name)?, 0, None);
        self.device.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Writes the front of a buffer.
    pub fn upload(&self, name: &'static str, contents: &[u8]) -> Result<(), Failed> {
        self.device.queue.write_buffer(self.buffer("upload", name)?, 0, contents);
        Ok(())
    }

    /// Writes into a buffer from a byte on.
    pub fn upload_at(&self, name: &'static str, offset: u64, contents: &[u8]) -> Result<(), Failed> {
        self.device.queue.write_buffer(self.buffer("upload", name)?, offset, contents);
        Ok(())
    }

    /// A copy of the front of a buffer, on the device.
    pub fn copied(&self, name: &'static str, bytes: u64) -> Result<wgpu::Buffer, Failed> {
        let source = self.buffer("copy", name)?;
        let made = self.device.scoped(|| {
            let copy = self.device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("snapshot"),
                size: bytes.max(16),
                usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let mut encoder = self.device.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(source, 0, &copy, 0, bytes);
            self.device.queue.submit([encoder.finish()]);
            copy
        });
        made.map_err(Failed::at("copy"))
    }

    /// A buffer itself, for copies from it.
    pub fn shared(&self, name: &'static str) -> Result<wgpu::Buffer, Failed> {
        self.buffer("copy", name).cloned()
    }

    /// Copies the front of another buffer into one of these.
    pub fn copy_from(&self, name: &'static str, source: &wgpu::Buffer, bytes: u64) -> Result<(), Failed> {
        let target = self.buffer("copy", name)?;
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(source, 0, target, 0, bytes);
        self.device.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Submits the loop-counting variant of a kernel; gives what it counted.
    pub fn count(&self, kernel: &Kernel, params: &Params, loops: u64) -> Result<u64, Failed> {
        self.clear(TICKS)?;
        self.dispatch(kernel, params, loops)?;
        let back = self.download(&[(TICKS, 4)])?;
        Ok(back[0].first_chunk().map_or(u64::MAX, |bytes| u64::from(u32::from_le_bytes(*bytes))))
    }

    /// The buffers of a kernel as it is bound to them; made once, and anew where one of them has been.
    fn group(&self, kernel: &'static str, pipeline: &Pipeline) -> Result<wgpu::BindGroup, Failed> {
        let mut groups = self.work.groups.borrow_mut();
        let key = (kernel, self.count_loops);
        if let Some(known) = groups.get(&key) {
            return Ok(known.clone());
        }
        let mut entries = Vec::with_capacity(pipeline.buffers.len());
        for (number, name) in &pipeline.buffers {
            let resource = self.buffer(kernel, name)?.as_entire_binding();
            entries.push(wgpu::BindGroupEntry { binding: *number, resource });
        }
        let made = self.device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel),
            layout: &pipeline.layout,
            entries: &entries,
        });
        groups.insert(key, made.clone());
        Ok(made)
    }

    /// Submits a kernel over a tile; `loops` is the most that an invocation of it takes.
    pub fn dispatch(&self, kernel: &Kernel, params: &Params, loops: u64) -> Result<(), Failed> {
        let pipeline = self.device.pipeline(kernel, self.classes, self.count_loops)?;
        let group = self.group(kernel.name, &pipeline)?;
        let groups = kernel.invocations(params).div_ceil(BLOCK_CELLS) as u32;
        let mut first = 0;
        while first < groups {
            let last = first.saturating_add(self.limits.groups(loops)).min(groups);
            let across = (last - first).min(self.limits.groups_across);
            let params = Params { first_group: first, last_group: last, ..*params };
            self.device.queue.write_buffer(self.buffer(kernel.name, "params")?, 0, bytemuck::bytes_of(&params));
            let mut encoder = self.device.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(&pipeline.pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(across, (last - first).div_ceil(across), 1);
            }
            self.keep_pace(self.device.queue.submit([encoder.finish()]))?;
            first = last;
        }
        Ok(())
    }

    /// Waits, at the end of a batch of submissions, for the batch before.
    fn keep_pace(&self, submission: wgpu::SubmissionIndex) -> Result<(), Failed> {
        self.gpu.dispatches.fetch_add(1, Ordering::Relaxed);
        let pace = &self.work.pace;
        pace.submitted.set(pace.submitted.get() + 1);
        if pace.submitted.get() < self.limits.batch {
            return Ok(());
        }
        pace.submitted.set(0);
        match pace.batch.replace(Some(submission)) {
            Some(before) => self.device.wait("dispatch", Some(before)),
            None => Ok(()),
        }
    }

    /// Copies the fronts of buffers to the host, after everything submitted so far.
    pub fn download(&self, wanted: &[(&'static str, u64)]) -> Result<Vec<Vec<u8>>, Failed> {
        if self.gpu.fault(Fault::Lost) {
            self.device.device.destroy();
        }
        self.gpu.read_backs.fetch_add(1, Ordering::Relaxed);
        let mut staging = self.work.staging.borrow_mut();
        for (name, bytes) in wanted {
            if staging.get(name).is_none_or(|buffer| buffer.size() < *bytes) {
                staging.insert(name, self.device.staging(*bytes)?);
            }
        }
        let mut copies = Vec::with_capacity(wanted.len());
        for (name, bytes) in wanted {
            if let Some(target) = staging.get(name) {
                copies.push((self.buffer("read-back", name)?, target, *bytes));
            }
        }
        self.device.download(&copies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispatch_is_bounded_in_loops_times_cells() {
        let limits = DispatchLimits { groups_across: 65_535, work: 1 << 30, batch: 16 };
        for (cells, start, least) in [(1 << 24, 16, 40), (1 << 24, 32, 700), (8192, 16, 40), (100, 2, 30_000)] {
            // One segment or chain may take more than the budget: then the workgroups are spread.
            let loops = limits.loops(cells, start).max(least);
            assert!(loops <= MAX_LOOPS);
            let work = u64::from(limits.groups(loops)).min(cells / BLOCK_CELLS) * BLOCK_CELLS * loops;
            assert!(work <= limits.work, "{cells} cells, {loops} loops: {work}");
        }
        // Small tiles are bounded by loops only.
        assert_eq!(limits.loops(100, 16), MAX_LOOPS);
        // However much a workgroup takes, one goes.
        assert_eq!(DispatchLimits { work: 1, ..limits }.groups(1000), 1);
    }
}
