//! The tables of laws that draws take whole numbers from: how many of d 16^j trials are left, by the alias method.
//!
//! They are made on first use, in units of 2^-64 and with operations that every machine rounds alike, so that all
//! machines and the GPU, which gets them as words, draw from the same ones.

use super::{DIGITS, LAWS, MOST_TRIALS, MOST_ZEROS};
use std::sync::OnceLock;

/// Of one law at one digit: where its slots begin, how many there are, and the count of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slots {
    pub first: u32,
    /// Binary logarithm of the number of slots.
    pub bits: u32,
    /// The count of slot 0.
    pub least: u32,
}

/// Slots of the laws at one place: one for each digit.
const HEADS: usize = 16 * LAWS as usize;

/// The laws at one place of the digits.
#[derive(Debug)]
pub struct Place {
    /// Axes (law, digit), flat. Of no trials there are none, in two slots.
    slots: Box<[Slots; HEADS]>,
    /// What a slot keeps of its words, and in the low bits the slot that gets the rest.
    entries: Vec<u32>,
    /// The next 32 bits of what it keeps.
    finer: Vec<u32>,
}

/// The tables of all places up to one.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    places: [Option<&'static Place>; DIGITS as usize],
}

impl Counts {
    /// No tables: where nothing is drawn.
    pub const NONE: Counts = Counts { places: [None; DIGITS as usize] };

    /// Tables for draws of so many trials at most (or a mean as large), made on first use.
    pub fn up_to(trials: u32) -> Counts {
        static PLACES: [OnceLock<Place>; DIGITS as usize] = [const { OnceLock::new() }; DIGITS as usize];
        let last = ((31 - trials.clamp(1, MOST_TRIALS).leading_zeros()) / 4).max(1);
        let mut places = [None; DIGITS as usize];
        for (number, place) in places.iter_mut().enumerate().take(last as usize + 1) {
            *place = Some(PLACES[number].get_or_init(|| Place::new(number as u32)));
        }
        Counts { places }
    }

    /// Most trials they serve.
    pub fn most(&self) -> u32 {
        match self.places.iter().flatten().count() as u32 {
            DIGITS => MOST_TRIALS,
            places => (1 << (4 * places)) - 1,
        }
    }

    /// The tables as words, for a GPU: for each place, law and digit, three words of [`Slots`], then the entries and
    /// what is finer of each, in turn. Places that are missing have no slots.
    pub fn words(&self) -> Vec<u32> {
        let mut heads = Vec::new();
        let mut entries = Vec::new();
        for place in &self.places {
            match place {
                Some(place) => {
                    let base = (entries.len() / 2) as u32;
                    heads.extend(place.slots.iter().flat_map(|s| [s.first + base, s.bits, s.least]));
                    entries.extend(place.entries.iter().zip(&place.finer).flat_map(|(entry, finer)| [*entry, *finer]));
                }
                None => heads.extend([0; 3 * HEADS]),
            }
        }
        heads.extend(entries);
        heads
    }

    /// How many [`Counts::words`] there are.
    pub fn word_count(&self) -> usize {
        let entries: usize = self.places.iter().flatten().map(|place| place.entries.len()).sum();
        3 * HEADS * self.places.len() + 2 * entries
    }

    /// The tables of a place that is served.
    #[inline(always)]
    pub fn place(&self, place: u32) -> Option<&'static Place> {
        self.places[place as usize % DIGITS as usize]
    }
}

impl Place {
    /// What one word takes from the slots of a law at a digit; `tie` gives another word where this one does not decide.
    #[inline(always)]
    pub fn look_up(&self, law: u32, digit: u32, word: u32, tie: impl FnOnce() -> u32) -> u32 {
        let Slots { first, bits, least } = self.slots[(16 * law + digit) as usize % HEADS];
        let slot = word >> (32 - bits);
        let at = (first + slot) as usize;
        let entry = self.entries.get(at).copied().unwrap_or(0);
        let (rest, kept) = (word & (u32::MAX >> bits), entry >> bits);
        let mut stays = rest < kept;
        if rest == kept {
            stays = self.decides(at, tie());
        }
        least + if stays { slot } else { entry & ((1 << bits) - 1) }
    }

    /// Whether a slot keeps a word whose first bits are those of what it keeps, by the next 32. Seldom asked for.
    #[cold]
    fn decides(&self, slot: usize, next: u32) -> bool {
        next < self.finer[slot]
    }
}

impl Place {
    fn new(place: u32) -> Place {
        let none = Slots { first: 0, bits: 1, least: 0 };
        let mut made = Place { slots: Box::new([none; HEADS]), entries: vec![0; 2], finer: vec![0; 2] };
        for law in 0..LAWS {
            for digit in 1..16 {
                // Of the highest place only 2^24 itself is a number of trials.
                let trials = digit << (4 * place);
                let (least, masses) = if trials > MOST_TRIALS { (0, vec![1.0]) } else { masses(law, trials) };
                made.slots[(16 * law + digit) as usize] = made.add(least, &masses);
            }
        }
        made
    }

    /// Adds the slots of a law by the alias method, in whole units of 2^-64, so that every machine makes the same.
    fn add(&mut self, least: u32, masses: &[f64]) -> Slots {
        let bits = (masses.len() as u32).next_power_of_two().trailing_zeros().max(1);
        let (slots, share) = (1usize << bits, 1u64 << (64 - bits));
        let mut units: Vec<u64> = masses.iter().map(|mass| (mass * 18_446_744_073_709_551_616.0) as u64).collect();
        units.resize(slots, 0);
        // What rounding left or lacks goes to the likeliest: in arithmetic modulo 2^64 the sum of all is 0.
        let sum = units.iter().fold(0u64, |sum, unit| sum.wrapping_add(*unit));
        let likeliest = (0..slots).max_by_key(|&slot| units[slot]).unwrap_or(0);
        units[likeliest] = units[likeliest].wrapping_sub(sum);
        let mut kept = vec![share; slots];
        let mut other: Vec<usize> = (0..slots).collect();
        if masses.len() == 1 {
            // One count has all 2^64 units, which is written 0.
            kept.fill(0);
            other.fill(0);
        } else {
            let (mut below, mut above): (Vec<usize>, Vec<usize>) = (0..slots).partition(|&slot| units[slot] < share);
            while let (Some(&large), Some(small)) = (above.last(), below.pop()) {
                (kept[small], other[small]) = (units[small], large);
                units[large] -= share - units[small];
                if units[large] < share {
                    above.pop();
                    below.push(large);
                }
            }
        }
        let of_law = Slots { first: self.entries.len() as u32, bits, least };
        for (kept, other) in kept.into_iter().zip(other) {
            // The low 32 - bits of a word are compared with the high ones of what a slot keeps, a second word with
            // the others. A slot that keeps all has its own number in the place of the other.
            let kept = if kept == share { 0 } else { kept };
            self.entries.push(((kept >> 32) as u32) << bits | other as u32);
            self.finer.push(kept as u32);
        }
        of_law
    }
}

/// Least likely counts that the tables hold, over the likeliest: below it nothing is left of 2^-64.
const LEAST_MASS: f64 = 1e-23;

/// The probabilities of a law of so many trials, from the least count on: of Poisson's law 0, of a binomial with a
/// probability of 2^-law, or of fifteenths. Ratios of neighbours, from the likeliest outwards; the error grows as the
/// square root of their number, to 1e-13.
fn masses(law: u32, trials: u32) -> (u32, Vec<f64>) {
    let n = f64::from(trials);
    let fifteenths = law.saturating_sub(MOST_ZEROS);
    let p = if fifteenths > 0 { f64::from(fifteenths) / 15.0 } else { 1.0 / f64::from(1u32 << law) };
    // What the mass of a count is multiplied by, for that of the next.
    let ratio = |count: u32| {
        let k = f64::from(count);
        if law == 0 { n / (k + 1.0) } else { (n - k) / (k + 1.0) * (p / (1.0 - p)) }
    };
    let likeliest = if law == 0 { trials } else { ((n + 1.0) * p) as u32 };
    let mut up = vec![1.0];
    let mut count = likeliest;
    loop {
        let next = up[up.len() - 1] * ratio(count);
        if next < LEAST_MASS {
            break;
        }
        up.push(next);
        count += 1;
    }
    let (mut down, mut count, mut mass) = (Vec::new(), likeliest, 1.0);
    while count > 0 {
        mass /= ratio(count - 1);
        if mass < LEAST_MASS {
            break;
        }
        down.push(mass);
        count -= 1;
    }
    let mut all: Vec<f64> = down.into_iter().rev().chain(up).collect();
    let sum = {
        // Small ones first.
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.iter().sum::<f64>()
    };
    all.iter_mut().for_each(|mass| *mass /= sum);
    (count, all)
}

#[cfg(test)]
mod tests {
    use super::super::tests::ln_mass;
    use super::*;

    /// What the slots of a law give each count, in units of 2^-64.
    fn given(place: &Place, slots: &Slots) -> std::collections::BTreeMap<u32, u128> {
        let mut found = std::collections::BTreeMap::new();
        let share = 1u128 << (64 - slots.bits);
        for slot in 0..1u32 << slots.bits {
            let at = (slots.first + slot) as usize;
            let kept = u128::from(place.entries[at] >> slots.bits) << 32 | u128::from(place.finer[at]);
            let other = place.entries[at] & ((1 << slots.bits) - 1);
            *found.entry(slots.least + slot).or_default() += kept;
            *found.entry(slots.least + other).or_default() += share - kept;
        }
        found.retain(|_, units| *units > 0);
        found
    }

    /// What a law of the tables has a trial succeed with.
    fn probability(law: u32) -> f64 {
        if law <= MOST_ZEROS { libm::exp2(-f64::from(law)) } else { f64::from(law - MOST_ZEROS) / 15.0 }
    }

    #[test]
    fn tables_hold_the_laws() {
        for number in [0, 1, 2] {
            let place = Place::new(number);
            for law in 0..LAWS {
                for digit in 1..16 {
                    let trials = f64::from(digit << (4 * number));
                    let found = given(&place, &place.slots[(16 * law + digit) as usize]);
                    assert_eq!(found.values().sum::<u128>(), 1 << 64);
                    for (count, units) in found {
                        let k = f64::from(count);
                        let ln_p = if law == 0 {
                            k * libm::log(trials) - trials - libm::lgamma(k + 1.0)
                        } else {
                            ln_mass(trials, probability(law), k)
                        };
                        let expected = libm::exp(ln_p) * 18_446_744_073_709_551_616.0;
                        // lgamma of 4000 is good to 1e-11, and units are whole.
                        assert!((units as f64 - expected).abs() < 1e-10 * expected + 2.0, "{law} {trials} {count}");
                    }
                }
            }
        }
    }
}
