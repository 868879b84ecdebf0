//! The order in which a bake visits its checkpoints.
//!
//! # Theory
//! What a class has lost by time t is `y = 1 - exp(-e t)`. By 2t it has lost
//! `y (2 - y)`: two operations instead of an exponential. A relative error of y
//! is multiplied by `2 (1 - y)/(2 - y) <= 1`, so a chain of doublings adds its roundings
//! and never amplifies them: after [`MAX_DOUBLINGS`] of two roundings each
//! at most 16 * 2 * 2^-24 = 1.9e-6 in f32, relative, also for the smallest losses.
//!
//! # Practice
//! Checkpoints are linked into chains wherever one is twice another (to 1e-12); the first of a
//! chain is computed directly. Any list of times works; one with a whole number of points
//! per octave is nearly all doublings. The schedule is made once, on the host, and is
//! the same for every backend, tile and dispatch: a chain's start is where a long bake may be split.

/// Doublings before a chain starts afresh.
pub const MAX_DOUBLINGS: usize = 16;

/// One visit of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visit {
    /// Which checkpoint.
    pub checkpoint: usize,
    /// Computed from its time; otherwise by doubling the visit before it.
    pub direct: bool,
    pub time_s: f64,
}

/// Visits of all checkpoints; `times_s` is ascending.
pub fn visits(times_s: &[f64]) -> Vec<Visit> {
    let mut visited = vec![false; times_s.len()];
    let mut visits = Vec::with_capacity(times_s.len());
    for start in 0..times_s.len() {
        let (mut checkpoint, mut length) = (start, 0);
        while !visited[checkpoint] {
            visited[checkpoint] = true;
            visits.push(Visit { checkpoint, direct: length == 0, time_s: times_s[checkpoint] });
            let double_s = 2.0 * times_s[checkpoint];
            let next = times_s.partition_point(|&t| t < double_s * (1.0 - 1e-12));
            let is_double = next < times_s.len() && times_s[next] <= double_s * (1.0 + 1e-12);
            if !is_double || double_s == 0.0 || length == MAX_DOUBLINGS {
                break;
            }
            checkpoint = next;
            length += 1;
        }
    }
    visits
}

/// Visits of all checkpoints, each computed directly: where the temperature changes, a time twice as long is not the
/// same twice.
pub fn direct(times_s: &[f64]) -> Vec<Visit> {
    let visit = |(checkpoint, &time_s)| Visit { checkpoint, direct: true, time_s };
    times_s.iter().enumerate().map(visit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octaves_become_chains() {
        let times: Vec<f64> = std::iter::once(0.0).chain((0..60).map(|i| 2f64.powf(i as f64 / 2.0))).collect();
        let found = visits(&times);
        let mut seen: Vec<_> = found.iter().map(|v| v.checkpoint).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..61).collect::<Vec<_>>());
        // t = 0, and two chains of 30 points, each cut once.
        assert_eq!(found.iter().filter(|v| v.direct).count(), 5);
        for pair in found.windows(2).filter(|pair| !pair[1].direct) {
            assert!((pair[1].time_s / pair[0].time_s - 2.0).abs() < 1e-11);
        }
    }

    #[test]
    fn unrelated_times_are_all_direct() {
        assert!(visits(&[0.0, 1.0, 3.0, 10.0, 31.0]).iter().all(|v| v.direct));
    }
}
