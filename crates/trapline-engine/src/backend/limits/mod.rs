//! What a device can do at best, measured: bandwidth of a copy, rate of f32, time of a launch. `trapline bench` holds
//! the kernels against it (the roofline of S. Williams, A. Waterman and D. Patterson, Communications of the ACM 52, 65
//! (2009)).
//!
//! # Theory
//! A kernel of `W` operations and `Q` bytes takes at least `max(W/f32_per_s, Q/copy_bytes_per_s)`: the larger of the
//! two is the nearer limit. Both rates are measured and not read from a data sheet, so that clocks, a share of a
//! machine and drivers are in them.
//!
//! - f32: multiplications and additions in turn, in chains that do not wait for each other, from registers. On the
//!   processor none is fused, because the kernels fuse none; on a GPU the driver may fuse them, as it may in the
//!   kernels. Either way a multiplication and an addition are two operations.
//! - Copy: from one array to another, larger than the caches; a byte that is copied counts twice, read and written, as
//!   STREAM counts (J. McCalpin, IEEE TCCA Newsletter, 19 (1995)).
//! - Launch: a call that does nothing, until it is known to be done.
//!
//! The best of several tries is taken: what disturbs a try only makes it slower. Of launches it is the median.

#[cfg(feature = "gpu")]
mod gpu;
mod host;

pub use host::of_host;

use std::time::{Duration, Instant};

/// What a device can do at best.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Limits {
    /// Bytes read and written per second by a copy within the device's memory.
    pub copy_bytes_per_s: f64,
    /// Multiplications and additions of f32 per second.
    pub f32_per_s: f64,
    /// From the call to the end of a launch that does nothing, s: of all threads, or of a dispatch.
    pub launch_s: f64,
    /// From the host's memory to the device's, bytes per second; none where they are the same.
    pub upload_bytes_per_s: Option<f64>,
    /// From the device's memory to the host's, bytes per second.
    pub download_bytes_per_s: Option<f64>,
}

/// Why limits could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    #[error("the limits of {device} could not be measured: {reason}")]
    Device { device: String, reason: String },
}

/// The limits of an adapter, by its number in [`adapters`](super::adapters()); each is measured for about `time`.
///
/// # Errors
/// [`LimitsError`] where there is no such adapter, or it fails; always without the feature `gpu`.
#[cfg(feature = "gpu")]
pub fn of_adapter(number: usize, time: Duration) -> Result<Limits, LimitsError> {
    gpu::of_adapter(number, time)
}

/// As with the feature `gpu`, and always an error.
///
/// # Errors
/// [`LimitsError`].
#[cfg(not(feature = "gpu"))]
pub fn of_adapter(number: usize, _: Duration) -> Result<Limits, LimitsError> {
    let reason = "this program was built without the GPU backend".to_owned();
    Err(LimitsError::Device { device: format!("adapter {number}"), reason })
}

/// Fewest tries.
const LEAST_TRIES: usize = 3;

/// The largest rate of several tries in about this time, each of which tells how much it did in how many seconds.
fn best<E>(time: Duration, mut one: impl FnMut() -> Result<(f64, f64), E>) -> Result<f64, E> {
    let (start, mut best, mut tries) = (Instant::now(), 0.0, 0);
    while tries < LEAST_TRIES || start.elapsed() < time {
        let (done, seconds) = one()?;
        best = f64::max(best, done / seconds.max(1e-9));
        tries += 1;
    }
    Ok(best)
}

/// The median time of a call, s, of those that fit into about this time.
fn median_s<E>(time: Duration, mut one: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    const MOST: usize = 1000;
    let (start, mut found) = (Instant::now(), Vec::new());
    while found.len() < LEAST_TRIES || (found.len() < MOST && start.elapsed() < time) {
        let begun = Instant::now();
        one()?;
        found.push(begun.elapsed().as_secs_f64());
    }
    found.sort_by(f64::total_cmp);
    Ok(found[found.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn the_best_try_and_the_median_call_count() {
        let mut seconds = [4.0, 1.0, 2.0].into_iter();
        let rate: Result<f64, Infallible> = best(Duration::ZERO, || Ok((8.0, seconds.next().unwrap_or(9.0))));
        assert_eq!(rate, Ok(8.0));
        let mut naps_ms = [0, 300, 20].into_iter();
        let median: Result<f64, Infallible> = median_s(Duration::ZERO, || {
            std::thread::sleep(Duration::from_millis(naps_ms.next().unwrap_or(0)));
            Ok(())
        });
        assert!((0.02..0.3).contains(&median.unwrap_or(f64::NAN)), "{median:?}");
    }
}
