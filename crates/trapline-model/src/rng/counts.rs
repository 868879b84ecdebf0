//! Counts drawn in integers: how many of n trials of probability p succeed, and Poisson's law.
//!
//! # Theory
//! Backends must agree on a count, and no two of them agree on a logarithm or a quotient, so a draw is made of
//! integers alone: n, the 24 significant bits of p, and random words. The law is exact but for the tables' last bits,
//! which are those of f64 (1e-13 of a probability, relative), and for events less likely than 2^-64, which never come.
//!
//! A trial succeeds where a uniform number U is below p. Write both in binary. While the bits of U are those of p the
//! trial is undecided; where they first differ, a smaller one of U makes it succeed. So r zeros at the head of p leave
//! Binomial(m, 2^-r) of m trials undecided. Of the next four bits of p, a number P from 0 to 15, Binomial(m, 1/16)
//! trials have the same; P/15 of the others have smaller ones: Binomial(m', P/15) succeed.
//!
//! - Of more than 31 undecided trials (`plenty`): m is written in hexadecimal; for each digit d at place j the number
//!   out of d 16^j trials comes from a table, by the alias method (Walker, ACM Trans. Math. Softw. 3, 253, 1977), in
//!   one word. Counts of independent trials add. Each four bits of p decide all but a sixteenth.
//! - Of at most 31 (`few`): a random bit for each trial and bit of p, from as few words as hold them; their number
//!   counts, since trials are alike.
//! - Where fewer than 1/4 are expected (`scarce`): with a chance of n p, which is above that of any success, a trial
//!   i of n is named, all alike; it is the first to succeed if none of the i before it do, which is the same question
//!   again. Then the n - 1 - i after it are left. That first trial has probability p (1 - p)^i, as it must. Mostly one
//!   word says that nothing happens.
//!
//! A Poisson number of mean L, a whole number, is a sum of Poisson numbers over the digits of L, from tables; of any
//! other mean, what a thinning leaves of it.
//!
//! # Practice
//! [`binomial`] takes p as f32: of a probability near 1 give what it lacks of 1, and subtract. [`Source`] says whose
//! words are used, and the tables are those of [`Counts`]. Everything is a function of (n, p, source): twins are
//! `crates/trapline-engine/src/backend/cpu/counts.rs`, sixteen cells at a time, and `shaders/counts.wgsl`.

mod tables;

pub use tables::{Counts, Place, Slots};

use super::{Purpose, mul_wide, words};

/// Largest number of trials: up to it every number is exact in f32.
pub const MOST_TRIALS: u32 = 1 << 24;
/// Hexadecimal digits of a number of trials.
pub const DIGITS: u32 = 7;
/// Zeros of p that one table takes; longer runs are taken in turns.
pub const MOST_ZEROS: u32 = 8;
/// Zeros that four equal bits are as likely as.
pub const EQUAL: u32 = 4;
/// Laws with tables: Poisson's, 1 to [`MOST_ZEROS`] zeros, and 1 to 7 fifteenths; more fifteenths are what these leave.
pub const LAWS: u32 = MOST_ZEROS + 8;
/// Trials that have a bit each.
pub const FEW: u32 = 31;
/// Significant bits of p.
pub const SIGNIFICANT_BITS: u32 = 24;
/// Probabilities from here on down are 0.
pub const LEAST_EXPONENT: u32 = 8;

/// First calls of the parts of a draw: a source gives four words a call. A stage of `plenty` has four calls, two for
/// those that stay undecided and two for those that succeed.
pub const PLENTY_CALL: u32 = 1 << 8;
/// See [`PLENTY_CALL`].
pub const FEW_CALL: u32 = 2 << 8;
/// See [`PLENTY_CALL`].
pub const TIE_CALL: u32 = 3 << 8;
/// Trials that a scarce draw names at most: the chance of more is below 4^-24, 4e-15.
pub const MOST_SCARCE: u32 = 24;

/// Bits of a draw's number that count calls; events and classes lie above them.
pub const CALL_BITS: u32 = 10;

/// Whose random words a draw uses: of one cell, for one event of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    pub seed: u64,
    pub cell: u64,
    pub purpose: Purpose,
    pub step: u32,
    /// Number of the event within the step: below 2^14.
    pub event: u32,
}

impl Source {
    /// Four words.
    #[inline(always)]
    pub fn call(&self, call: u32) -> [u32; 4] {
        words(self.seed, self.cell, self.purpose, self.step, self.event << CALL_BITS | call)
    }
}

/// Of `trials`, those that are left by a law of the tables (of Poisson's, a number of that mean). Each place of the
/// digits has a word of its own, and another one that is asked for where that does not decide.
fn by_digits(counts: &Counts, law: u32, trials: u32, word: impl Fn(u32) -> u32, tie: impl Fn(u32) -> u32) -> u32 {
    let (mut left, mut rest, mut place) = (0, trials, 0);
    while rest > 0 {
        let digit = rest & 15;
        if digit > 0 {
            left += counts.place(place).map_or(0, |of| of.look_up(law, digit, word(place), || tie(place)));
        }
        rest >>= 4;
        place += 1;
    }
    left
}

/// The words of a stage of a draw.
struct Stage<'a> {
    counts: &'a Counts,
    source: &'a Source,
    /// Its first call, less [`PLENTY_CALL`].
    call: u32,
}

impl Stage<'_> {
    /// [`by_digits`] with the words from `word` on.
    fn draw(&self, law: u32, trials: u32, word: u32) -> u32 {
        let call = PLENTY_CALL + self.call + word / 4;
        let mut words = [0; 8];
        words[..4].copy_from_slice(&self.source.call(call));
        if trials >> 16 > 0 {
            words[4..].copy_from_slice(&self.source.call(call + 1));
        }
        let at = |place: u32| word % 4 + place;
        let tie = |place: u32| self.source.call(TIE_CALL + self.call + (word + place) / 4)[at(place) as usize % 4];
        by_digits(self.counts, law, trials, |place| words[at(place) as usize], tie)
    }
}

/// Which word of a stage is the first of its second draw: of few trials, which have two digits, those that the first
/// leaves over.
#[inline(always)]
pub fn second_word(trials: u32) -> u32 {
    if trials < 256 { 2 } else { 8 }
}

/// How a draw of P fifteenths is made: the law of the tables, and whether it counts those that are left.
#[inline(always)]
pub fn of_fifteen(fifteenths: u32) -> (u32, bool) {
    let left = fifteenths > 7;
    (MOST_ZEROS + if left { 15 - fifteenths } else { fifteenths }, left)
}

/// The probability's bits: how many zeros come first, and the 24 bits from the first one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    pub zeros: u32,
    pub significant: u32,
}

impl Bits {
    /// Of a probability of at least 2^-119 and below 1.
    #[inline(always)]
    pub fn of(p: f32) -> Bits {
        let bits = p.to_bits();
        Bits { zeros: 126 - (bits >> 23), significant: bits & 0x7f_ffff | 0x80_0000 }
    }
}

/// The product n p as a fraction of 2^64, high word first; below 1 where p is small enough for `scarce`.
#[inline(always)]
fn expected(trials: u32, p: Bits) -> (u32, u32) {
    let (low, high) = mul_wide(trials, p.significant << 8);
    let product = (high as u64) << 32 | low as u64;
    // n S 2^8 is n p 2^(32 + zeros).
    let shifted = if p.zeros <= 32 { product << (32 - p.zeros) } else { product >> (p.zeros - 32).min(63) };
    ((shifted >> 32) as u32, shifted as u32)
}

/// Whether fewer than 1/4 of the trials are expected to succeed.
#[inline(always)]
pub fn is_scarce(trials: u32, p: Bits) -> bool {
    let (low, high) = mul_wide(trials, p.significant << 8);
    let product = (high as u64) << 32 | low as u64;
    p.zeros >= 26 || product >> (30 + p.zeros) == 0
}

/// A uniform number below `trials`, from 64 random bits.
#[inline(always)]
fn below(trials: u32, high: u32, low: u32) -> u32 {
    let (low_1, high_1) = mul_wide(high, trials);
    let (_, high_0) = mul_wide(low, trials);
    high_1 + u32::from(low_1.checked_add(high_0).is_none())
}

/// The number of `trials` that succeed with probability `p` each. `first` is a random word that no other draw uses,
/// neither this one's source.
///
/// A `p` that is not above 2^-119, NaN included, is 0; one that is not below 1 is 1.
pub fn binomial(counts: &Counts, source: &Source, first: u32, trials: u32, p: f32) -> u32 {
    let p_bits = p.to_bits();
    if trials == 0 || p.is_nan() || p <= 0.0 || p_bits >> 23 < LEAST_EXPONENT {
        return 0;
    }
    if p >= 1.0 {
        return trials;
    }
    let bits = Bits::of(p);
    if is_scarce(trials, bits) { scarce(source, first, trials, bits) } else { plenty(counts, source, trials, bits) }
}

/// A Poisson number; of a mean above half of what the tables serve, one of that. Twelve deviations fit into the other
/// half, so that the number can be one of trials again.
pub fn poisson(counts: &Counts, source: &Source, first: u32, mean: f32) -> u32 {
    if mean.is_nan() || mean <= 0.0 {
        return 0;
    }
    let mean = mean.min((counts.most() / 2) as f32);
    let whole = mean.ceil();
    let drawn = Stage { counts, source, call: 0 }.draw(0, whole as u32, 0);
    // Of the next event: this one's calls are used.
    let thinning = Source { event: source.event + 1, ..*source };
    let drawn = drawn.min(counts.most());
    drawn - binomial(counts, &thinning, first, drawn, (whole - mean) / whole)
}

/// Fewer than 1/4 expected: see the module.
fn scarce(source: &Source, first: u32, trials: u32, p: Bits) -> u32 {
    let (mut left, mut successes) = (trials, 0);
    let mut call = 0;
    // The next call's words: [test, high and low of a place, finer test].
    let mut named = |among: u32| {
        if call == MOST_SCARCE {
            return None;
        }
        let (test, finer) = expected(among, p);
        // The first test has a word of its own, and mostly that is all there is.
        if call == 0 && first > test {
            return None;
        }
        let [word, high, low, tie] = source.call(call);
        let word = if call == 0 { first } else { word };
        call += 1;
        (word < test || (word == test && tie < finer)).then(|| below(among, high, low))
    };
    while let Some(place) = named(left) {
        // Whether one of those before it succeeds: the first named does unless one before it does, and so on.
        let (mut before, mut preceded) = (place, false);
        while let Some(earlier) = if before > 0 { named(before) } else { None } {
            (before, preceded) = (earlier, !preceded);
        }
        if preceded {
            break;
        }
        successes += 1;
        left -= 1 + place;
        if left == 0 {
            break;
        }
    }
    successes
}

/// Trials that are decided four bits at a time: see the module.
fn plenty(counts: &Counts, source: &Source, trials: u32, p: Bits) -> u32 {
    let Bits { mut zeros, significant } = p;
    // The bits still to come, the next one at the top; the first is a one.
    let mut rest = significant << 8;
    let (mut undecided, mut successes) = (trials, 0);
    let mut stage = Stage { counts, source, call: 0 };
    while undecided > FEW && (zeros > 0 || rest != 0) {
        if zeros > 0 {
            let taken = zeros.min(MOST_ZEROS);
            undecided = stage.draw(taken, undecided, 0);
            zeros -= taken;
        } else {
            let (law, left) = of_fifteen(rest >> 28);
            let equal = stage.draw(EQUAL, undecided, 0);
            let decided = undecided - equal;
            // Of no fifteenths none, of all of them all.
            let drawn = if law > MOST_ZEROS { stage.draw(law, decided, second_word(undecided)) } else { 0 };
            successes += if left { decided - drawn } else { drawn };
            undecided = equal;
            rest <<= 4;
        }
        stage.call += 4;
    }
    successes + few(source, undecided, zeros, rest)
}

/// At most 31 trials, from some bit of p on. All bits of p may be gone: whoever has not fallen below it by then has
/// not.
pub fn few(source: &Source, trials: u32, zeros: u32, rest: u32) -> u32 {
    let (mut zeros, mut rest, mut successes, mut undecided) = (zeros, rest, 0, trials);
    // Random bits, of which so many are left.
    let (mut bits, mut have, mut word) = (0, 0, 0);
    let mut of_call = [0; 4];
    while undecided > 0 && (zeros > 0 || rest != 0) {
        if have < undecided {
            if word % 4 == 0 {
                of_call = source.call(FEW_CALL + word / 4);
            }
            (bits, have) = (of_call[word as usize % 4], 32);
            word += 1;
        }
        // The trials whose next bit is 0.
        let falls = (bits & ((1 << undecided) - 1)).count_ones();
        bits >>= undecided;
        have -= undecided;
        if zeros > 0 {
            undecided = falls;
            zeros -= 1;
        } else {
            let one = rest >> 31 == 1;
            successes += if one { falls } else { 0 };
            undecided = if one { undecided - falls } else { falls };
            rest <<= 1;
        }
    }
    successes
}

#[cfg(test)]
mod tests;
