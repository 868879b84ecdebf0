//! Repeats a call until its median is known.

use std::time::Instant;
use trapline_report::analysis::benchmark::{FEWEST, MOST, Median};

/// Fewest calls, however long they take.
const LEAST_CALLS: usize = 3;

/// Calls until the bounds of the median time are narrow, or so many seconds are up; times in s.
///
/// # Errors
/// The first of the calls.
pub fn until_narrow<E>(seconds: f64, mut call: impl FnMut() -> Result<(), E>) -> Result<Median, E> {
    let (start, mut times_s) = (Instant::now(), Vec::new());
    loop {
        let begun = Instant::now();
        call()?;
        // A clock that did not advance would make a rate of no number.
        times_s.push(begun.elapsed().as_secs_f64().max(1e-9));
        let is_up = start.elapsed().as_secs_f64() >= seconds;
        if times_s.len() < LEAST_CALLS || (times_s.len() < FEWEST && !is_up) {
            continue;
        }
        if let Some(found) = Median::of(&times_s)
            && (is_up || found.is_narrow() || times_s.len() >= MOST)
        {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn slow_calls_are_few_and_even_ones_stop_early() {
        let mut calls = 0;
        let nap = |ms: u64| std::thread::sleep(Duration::from_millis(ms));
        let slow = until_narrow(0.001, || {
            calls += 1;
            nap(5);
            Ok::<(), ()>(())
        });
        let slow = slow.expect("no call fails");
        assert_eq!((slow.repetitions, calls), (LEAST_CALLS, LEAST_CALLS));
        assert!(slow.confidence < 0.95 && slow.median >= 0.005);
        // 50 ms, and a thousandth of it or so between them: done long before a minute.
        let even = until_narrow(60.0, || {
            nap(50);
            Ok::<(), ()>(())
        });
        let even = even.expect("no call fails");
        assert!(even.is_narrow() && (FEWEST..200).contains(&even.repetitions), "{even:?}");
    }

    #[test]
    fn a_call_that_fails_ends_it() {
        assert_eq!(until_narrow(1.0, || Err("lost")), Err("lost"));
    }
}
