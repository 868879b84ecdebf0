//! The limits of the host's processor, for some of its threads.

use super::{Limits, LimitsError, best, median_s};
use crate::backend::cpu::InstructionSet;
use rayon::ThreadPool;
use std::convert::Infallible;
use std::fs;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Chains of a thread. A chain does one operation at a time; two or four a cycle, each 3 or 4 cycles long, keep eight
/// to twelve of them busy, and twelve fit into the 16 registers of AVX2 beside the two numbers that all of them take.
const CHAINS: usize = 12;
/// Turns of the chains between two looks at the clock: some tenths of a millisecond.
const TURNS: u32 = 1 << 16;
/// Least and most bytes of an array that is copied.
const ARRAY_BYTES: (u64, u64) = (64 << 20, 512 << 20);

/// The limits of so many threads of this processor with this instruction set; each is measured for about `time`. The
/// copy is of two arrays that are together twice the last cache, or 1 GiB where that would be more.
///
/// # Errors
/// [`LimitsError`] where the threads cannot be had.
pub fn of_host(threads: usize, set: InstructionSet, time: Duration) -> Result<Limits, LimitsError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| LimitsError::Device {
        device: format!("{threads} threads of the processor"),
        reason: error.to_string(),
    })?;
    let Ok(launch_s) = median_s(time.min(Duration::from_millis(100)), || {
        pool.broadcast(|_| ());
        Ok::<(), Infallible>(())
    });
    Ok(Limits {
        copy_bytes_per_s: copy_bytes_per_s(&pool, time),
        f32_per_s: f32_per_s(&pool, set, time),
        launch_s,
        upload_bytes_per_s: None,
        download_bytes_per_s: None,
    })
}

fn f32_per_s(pool: &ThreadPool, set: InstructionSet, time: Duration) -> f64 {
    // A tenth of the time, so that some tries fit into it; no shorter than the clocks need to rise.
    let slice = time.div_f64(10.0).max(Duration::from_millis(2));
    let Ok(rate) = best(time, || {
        // Of each thread by its own clock: none waits for another.
        let rates = pool.broadcast(|_| {
            let (start, mut turns) = (Instant::now(), 0.0);
            while start.elapsed() < slice {
                black_box(multiply_add(set, TURNS, black_box(0.999), black_box(0.001)));
                turns += f64::from(TURNS);
            }
            turns * (2 * CHAINS * width(set)) as f64 / start.elapsed().as_secs_f64()
        });
        Ok::<_, Infallible>((rates.into_iter().sum::<f64>(), 1.0))
    });
    rate
}

/// Numbers of f32 in a register.
fn width(set: InstructionSet) -> usize {
    match set {
        InstructionSet::Baseline => 4,
        InstructionSet::Avx2 => 8,
        InstructionSet::Avx512 => 16,
    }
}

/// `x = factor x + term` so many times in each chain of registers of this kind: two operations, rounded each. Registers
/// are named as such, because an array that the compiler leaves in memory would be timed in their place. The sum keeps
/// the compiler from leaving any out.
macro_rules! chains {
    ($turns:expr, $factor:expr, $term:expr, $width:literal, $splat:expr, $multiply:expr, $add:expr) => {{
        let (factor, term) = ($splat($factor), $splat($term));
        let mut values = [factor; CHAINS];
        for (number, value) in values.iter_mut().enumerate() {
            *value = $splat(2.0 + number as f32);
        }
        for _ in 0..$turns {
            for value in &mut values {
                *value = $add($multiply(*value, factor), term);
            }
        }
        let all = values.into_iter().reduce(|a, b| $add(a, b)).unwrap_or(term);
        // SAFETY: a register is so many f32 and nothing else, in the order of an array's.
        let lanes: [f32; $width] = unsafe { std::mem::transmute(all) };
        lanes.iter().sum::<f32>()
    }};
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn chains_avx512(turns: u32, factor: f32, term: f32) -> f32 {
    use std::arch::x86_64::{_mm512_add_ps, _mm512_mul_ps, _mm512_set1_ps};
    chains!(turns, factor, term, 16, _mm512_set1_ps, _mm512_mul_ps, _mm512_add_ps)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn chains_avx2(turns: u32, factor: f32, term: f32) -> f32 {
    use std::arch::x86_64::{_mm256_add_ps, _mm256_mul_ps, _mm256_set1_ps};
    chains!(turns, factor, term, 8, _mm256_set1_ps, _mm256_mul_ps, _mm256_add_ps)
}

#[cfg(target_arch = "x86_64")]
fn chains_baseline(turns: u32, factor: f32, term: f32) -> f32 {
    use std::arch::x86_64::{_mm_add_ps, _mm_mul_ps, _mm_set1_ps};
    // SAFETY: every processor of the architecture has SSE2.
    let multiply = |a, b| unsafe { _mm_mul_ps(a, b) };
    let add = |a, b| unsafe { _mm_add_ps(a, b) };
    let splat = |a| unsafe { _mm_set1_ps(a) };
    chains!(turns, factor, term, 4, splat, multiply, add)
}

#[cfg(target_arch = "aarch64")]
fn chains_baseline(turns: u32, factor: f32, term: f32) -> f32 {
    use std::arch::aarch64::{vaddq_f32, vdupq_n_f32, vmulq_f32};
    // SAFETY: every processor of the architecture has NEON.
    let multiply = |a, b| unsafe { vmulq_f32(a, b) };
    let add = |a, b| unsafe { vaddq_f32(a, b) };
    let splat = |a| unsafe { vdupq_n_f32(a) };
    chains!(turns, factor, term, 4, splat, multiply, add)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn chains_baseline(turns: u32, factor: f32, term: f32) -> f32 {
    let splat = |a: f32| [a; 4];
    let multiply = |a: [f32; 4], b: [f32; 4]| [a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]];
    let add = |a: [f32; 4], b: [f32; 4]| [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]];
    chains!(turns, factor, term, 4, splat, multiply, add)
}

fn multiply_add(set: InstructionSet, turns: u32, factor: f32, term: f32) -> f32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a set is only ever chosen from `InstructionSet::available`, which asked the processor.
    match set {
        InstructionSet::Avx2 => return unsafe { chains_avx2(turns, factor, term) },
        InstructionSet::Avx512 => return unsafe { chains_avx512(turns, factor, term) },
        InstructionSet::Baseline => {}
    }
    let _ = set;
    chains_baseline(turns, factor, term)
}

/// Each thread copies arrays of its own, which it has touched first, so that they lie in its own part of the memory;
/// what counts is when the last one is done.
fn copy_bytes_per_s(pool: &ThreadPool, time: Duration) -> f64 {
    let threads = pool.current_num_threads();
    let bytes = last_cache_bytes().clamp(ARRAY_BYTES.0, ARRAY_BYTES.1);
    let words = bytes as usize / 8 / threads;
    // Not zero: pages of zeros that nobody wrote to are one page.
    let arrays = pool.broadcast(|_| Mutex::new((vec![1_u64; words], vec![2_u64; words])));
    let Ok(rate) = best(time, || {
        let start = Instant::now();
        pool.broadcast(|thread| {
            // No two threads have one index, so that none waits for another.
            let mut own = arrays[thread.index()].lock().unwrap_or_else(PoisonError::into_inner);
            let (from, to) = &mut *own;
            to.copy_from_slice(black_box(from));
            black_box(to);
        });
        Ok::<_, Infallible>((16.0 * (words * threads) as f64, start.elapsed().as_secs_f64()))
    });
    rate
}

/// The largest cache this system tells of, bytes; 0 where it tells of none.
fn last_cache_bytes() -> u64 {
    let sizes = (0..8).filter_map(|number| {
        let text = fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{number}/size")).ok()?;
        cache_bytes(&text)
    });
    sizes.max().unwrap_or(0)
}

/// `33792K`, as the system writes it.
fn cache_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let scale = match unit {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_does_all_of_the_work() {
        // The chains end where x = 0.999 x + 0.001 does, at 1: all of them, whatever they began with.
        for set in InstructionSet::available() {
            let sum = multiply_add(set, 40_000, 0.999, 0.001);
            let expected = (CHAINS * width(set)) as f32;
            assert!((sum / expected - 1.0).abs() < 1e-3, "{set:?}: {sum}, not {expected}");
            // Control: after one turn they are far from it.
            assert!(multiply_add(set, 1, 0.999, 0.001) > 5.0 * expected);
        }
    }

    #[test]
    fn limits_are_those_of_a_processor() {
        let set = *InstructionSet::available().last().expect("one at least");
        let limits = of_host(1, set, Duration::from_millis(20)).expect("one thread");
        // From a thousandth of a slow core to more than any core there is; a loop that was left out would be faster.
        assert!((1e6..1e12).contains(&limits.f32_per_s), "{limits:?}");
        assert!((1e7..1e12).contains(&limits.copy_bytes_per_s), "{limits:?}");
        assert!(limits.launch_s > 0.0 && limits.launch_s < 1.0, "{limits:?}");
    }

    #[test]
    fn sizes_of_caches_are_read() {
        assert_eq!(
            ["48K\n", "33792K", "32M", "7", "", "x", "9P"].map(cache_bytes),
            [Some(48 << 10), Some(33792 << 10), Some(32 << 20), Some(7), None, None, None]
        );
    }
}
