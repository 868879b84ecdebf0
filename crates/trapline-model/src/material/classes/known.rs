//! Results that were worked out before and are asked for again.

use std::sync::Mutex;

/// What was worked out last, newest first. Sweeps and fits read a material ten thousand times with another number in
/// it, most of them of no concern to its traps, whose levels and classes take nearly all of the time.
pub(super) struct Known<K, V>(Mutex<Vec<(K, V)>>);

impl<K: PartialEq, V: Clone> Known<K, V> {
    const MOST: usize = 64;

    /// Nothing was worked out yet.
    pub const fn nothing() -> Known<K, V> {
        Known(Mutex::new(Vec::new()))
    }

    pub fn of(&self, key: K, make: impl FnOnce() -> V) -> V {
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = lock().iter().find(|(of, _)| *of == key).map(|(_, value)| value.clone());
        found.unwrap_or_else(|| {
            let value = make();
            let mut known = lock();
            known.truncate(Self::MOST - 1);
            known.insert(0, (key, value.clone()));
            value
        })
    }
}
