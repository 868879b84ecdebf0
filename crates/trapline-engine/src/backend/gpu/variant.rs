//! Which variant of its kernels an adapter gets.
//!
//! Readings of a block are folded in the memory of the workgroup, or in registers by exchanges within subgroups
//! ([`Fold`]). Both combine the same numbers in the same order, so the bits are the same. What WGSL does not promise is
//! that the invocations of a subgroup are numbered as those of the workgroup are: so both fold the same numbers first
//! (`shaders/fold_probe.wgsl`), and subgroups are taken only where not a bit differs, and where they are faster. A
//! process asks an adapter once. `TRAPLINE_GPU_FOLD`, `shared` or `subgroups`, decides instead of the clock.

use super::device::{Device, filled};
use super::layout::{Params, SLOTS};
use super::recovery::Failed;
use super::source::{FOLD_PROBE, Fold};
use crate::backend::BackendError;
use crate::backend::tally::BLOCK_CELLS;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use trapline_model::cell::read::QUANTITIES;

/// Which fold is taken whatever is faster.
const ASKED: &str = "TRAPLINE_GPU_FOLD";
/// What is being done while it is tried.
const STAGE: &str = "a trial of subgroups";
/// Least invocations of a subgroup: as many exchange their slots.
const LEAST_SUBGROUP: u32 = 8;
/// Blocks and turns of a probe, of an adapter of its own and of one on the processor.
const WORK: (u32, u32) = (1024, 256);
const SOFTWARE_WORK: (u32, u32) = (32, 16);
/// How often each way is timed; the least time counts.
const TIMES: usize = 5;
/// By how much of its time subgroups must be faster.
const GAIN: f64 = 0.95;

/// What adapters were given, by name, driver and interface.
static GIVEN: Mutex<Option<HashMap<[String; 3], Fold>>> = Mutex::new(None);

/// Whether an adapter has subgroups that a fold can use.
pub(super) fn has_subgroups(adapter: &wgpu::Adapter) -> bool {
    adapter.features().contains(wgpu::Features::SUBGROUP) && adapter.get_info().subgroup_min_size >= LEAST_SUBGROUP
}

/// The fold that a device gets; `has_subgroups` says whether it was opened with them.
pub(super) fn fold_of(device: &Device, has_subgroups: bool) -> Result<Fold, BackendError> {
    match asked(std::env::var(ASKED).ok().as_deref())? {
        Some(Fold::Subgroups) if !has_subgroups || !same_bits(device) => {
            let adapter = device.identity.adapter.clone();
            return Err(BackendError::NoDevice {
                adapter,
                reason: format!(
                    "{ASKED} asks for subgroups, and it has none of at least {LEAST_SUBGROUP} invocations in their \
                     order; give shared"
                ),
            });
        }
        Some(fold) => return Ok(fold),
        None if !has_subgroups => return Ok(Fold::Shared),
        None => {}
    }
    let trapline_model::outcome::Identity { adapter, driver, instruction_set, .. } = &device.identity;
    let key = [adapter, driver, instruction_set].map(String::clone);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    if let Some(known) = given.get(&key) {
        return Ok(*known);
    }
    match measured(device) {
        Ok(fold) => {
            given.insert(key, fold);
            Ok(fold)
        }
        Err(_) => {
            tracing::warn!("{}: subgroups cannot be tried, and are not used", device.identity.adapter);
            Ok(Fold::Shared)
        }
    }
}

/// The fold of a value of [`ASKED`].
fn asked(value: Option<&str>) -> Result<Option<Fold>, BackendError> {
    match value {
        None | Some("") => Ok(None),
        Some("shared") => Ok(Some(Fold::Shared)),
        Some("subgroups") => Ok(Some(Fold::Subgroups)),
        Some(other) => Err(BackendError::UnknownFold(other.to_owned())),
    }
}

/// Whether both ways give the same bits.
fn same_bits(device: &Device) -> bool {
    let folded = Fold::ALL.map(|fold| Probe::new(device, fold).and_then(|probe| probe.folded()));
    matches!(folded, [Ok(shared), Ok(subgroups)] if shared == subgroups)
}

/// The faster of the two ways, if both give the same bits. What fails says nothing: the plain way is always there.
fn measured(device: &Device) -> Result<Fold, Failed> {
    let probes = [Probe::new(device, Fold::Shared)?, Probe::new(device, Fold::Subgroups)?];
    if probes[0].folded()? != probes[1].folded()? {
        tracing::debug!("{}: subgroups fold to other bits", device.identity.adapter);
        return Ok(Fold::Shared);
    }
    let mut least = [Duration::MAX; 2];
    for _ in 0..TIMES {
        for (least, probe) in least.iter_mut().zip(&probes) {
            *least = probe.time()?.min(*least);
        }
    }
    let [shared, subgroups] = least.map(|time| time.as_secs_f64());
    tracing::debug!("{}: folds in {shared:.2e} s, {subgroups:.2e} s in subgroups", device.identity.adapter);
    Ok(if subgroups < GAIN * shared { Fold::Subgroups } else { Fold::Shared })
}

/// One way to fold, with numbers to fold on a device.
struct Probe<'d> {
    device: &'d Device,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    blocks: u32,
    partials: wgpu::Buffer,
}

impl<'d> Probe<'d> {
    fn new(device: &'d Device, fold: Fold) -> Result<Probe<'d>, Failed> {
        let (blocks, turns) = if device.identity.software { SOFTWARE_WORK } else { WORK };
        let kernel = FOLD_PROBE.folding(fold);
        let params = Params {
            blocks,
            last_group: blocks,
            last_visit: turns,
            count: blocks * BLOCK_CELLS as u32,
            ..Params::default()
        };
        let numbers = numbers(QUANTITIES * blocks as usize * BLOCK_CELLS as usize);
        let nothing = vec![0u8; (u64::from(blocks) * SLOTS * 4) as usize];
        let made = device.scoped(|| {
            let compiled = device.compile(&kernel, 1, false);
            let factors = filled(&device.device, &device.queue, "factors", bytemuck::cast_slice(&numbers));
            let partials = filled(&device.device, &device.queue, "partials", &nothing);
            let told = device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("params"),
                size: size_of::<Params>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            device.queue.write_buffer(&told, 0, bytemuck::bytes_of(&params));
            let entry = |(number, name): &(u32, &'static str)| {
                let buffer = match *name {
                    "params" => &told,
                    "factors" => &factors,
                    _ => &partials,
                };
                wgpu::BindGroupEntry { binding: *number, resource: buffer.as_entire_binding() }
            };
            let entries: Vec<_> = compiled.buffers.iter().map(entry).collect();
            let group = device.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(kernel.name),
                layout: &compiled.layout,
                entries: &entries,
            });
            Probe { device, pipeline: compiled.pipeline, group, blocks, partials }
        });
        made.map_err(Failed::at(STAGE))
    }

    /// Folds once, and waits for it.
    fn run(&self) -> Result<(), Failed> {
        let device = self.device;
        let mut encoder = device.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(self.blocks, 1, 1);
        }
        let submission = device.queue.submit([encoder.finish()]);
        device.wait(STAGE, Some(submission))
    }

    fn time(&self) -> Result<Duration, Failed> {
        let start = Instant::now();
        self.run()?;
        Ok(start.elapsed())
    }

    /// The bits of what is folded.
    fn folded(&self) -> Result<Vec<u8>, Failed> {
        self.run()?;
        let bytes = self.partials.size();
        let staging = self.device.staging(bytes)?;
        let mut back = self.device.download(&[(&self.partials, &staging, bytes)])?;
        Ok(back.pop().unwrap_or_default())
    }
}

/// Numbers of both signs, over 24 octaves, no sum of which is the same in another order: SplitMix64 (Steele, Lea and
/// Flood, OOPSLA 2014).
fn numbers(count: usize) -> Vec<f32> {
    let one = |at: u64| {
        let mut z = (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // The sign, an exponent from -12 to 11, and all digits.
        f32::from_bits((z as u32 & 0x807F_FFFF) | ((115 + (z >> 32) as u32 % 24) << 23))
    };
    (0..count as u64).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_is_one_of_two() {
        assert_eq!(asked(None).unwrap(), None);
        assert_eq!(asked(Some("shared")).unwrap(), Some(Fold::Shared));
        assert_eq!(asked(Some("subgroups")).unwrap(), Some(Fold::Subgroups));
        let told = asked(Some("warp")).unwrap_err().to_string();
        assert_eq!(told, "TRAPLINE_GPU_FOLD is \"warp\"; it must be shared or subgroups");
    }

    #[test]
    fn the_numbers_of_a_probe_tell_orders_apart() {
        let numbers = numbers(100 * BLOCK_CELLS as usize);
        assert!(numbers.iter().all(|x| x.is_normal() && x.abs() < 4096.0));
        let apart = numbers.chunks(BLOCK_CELLS as usize).filter(|block| {
            let (forward, backward): (f32, f32) = (block.iter().sum(), block.iter().rev().sum());
            forward.to_bits() != backward.to_bits()
        });
        assert!(apart.count() > 50);
    }
}
