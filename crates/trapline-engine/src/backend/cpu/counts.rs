//! How many of some trials succeed, in sixteen cells at a time: the same bits as [`mod@trapline_model::rng::counts`], which says how.
//! Twin: `shaders/counts.wgsl`.

use super::draw::Numbers;
use super::lanes::{LANES, Lane, splat};
use trapline_model::cell::counted::{FIRST_WORDS, FIRST_WORDS_EACH};
use trapline_model::rng::counts::{self, Bits, CALL_BITS, Counts, Source};
use trapline_model::rng::{self, Purpose};

/// Whose random words are used, of sixteen cells.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub counts: &'a Counts,
    pub seed: u64,
    pub cells: &'a Numbers,
    pub purpose: Purpose,
    pub step: u32,
}

impl Sources<'_> {
    #[inline(always)]
    fn of(&self, lane: usize, event: u32) -> Source {
        let cell = u64::from(self.cells.high[lane]) << 32 | u64::from(self.cells.low[lane]);
        Source { seed: self.seed, cell, purpose: self.purpose, step: self.step, event }
    }

    /// First words of an event of four classes, from the first of them on; `[class][lane]`.
    #[inline(always)]
    pub fn first_words(&self, kind: u32, class: usize) -> [[u32; LANES]; 4] {
        self.call(FIRST_WORDS + FIRST_WORDS_EACH * kind + class as u32 / 4, 0)
    }

    /// Whether an event of a class may meet any of the cells: it does not where the first word is above the number that
    /// is expected, as it most often is. `p` is its probability, or a bound of it. `counts::binomial` asks the same; here
    /// with some room for rounding, and for all lanes at once.
    #[inline(always)]
    pub fn may_meet(first: &[u32; LANES], trials: &Lane, p: &Lane) -> bool {
        Self::lanes_that_may(first, trials, p).iter().fold(0, |any, may| any | may) != 0
    }

    /// [`Self::may_meet`] of each cell: 0 or all ones.
    #[inline(always)]
    fn lanes_that_may(first: &[u32; LANES], trials: &Lane, p: &Lane) -> [u32; LANES] {
        let mut may = [0; LANES];
        for lane in 0..LANES {
            let expected = trials[lane] * p[lane];
            let nothing = (expected < 0.249) & (first[lane] as f32 >= expected * 4.294_98e9 + 512.0);
            may[lane] = mask(!nothing & (trials[lane] > 0.0));
        }
        may
    }

    /// Of `trials`, those that an event of a class meets: `p` is its probability, `q` what that lacks of 1.
    #[inline(always)]
    pub fn draw(&self, event: u32, first: &[u32; LANES], trials: &Lane, p: &Lane, q: &Lane) -> Lane {
        let mut rarer = [0.0; LANES];
        for lane in 0..LANES {
            rarer[lane] = if p[lane] <= 0.5 { p[lane] } else { q[lane] };
        }
        let mut met = splat(0.0);
        let may = Self::lanes_that_may(first, trials, &rarer);
        if may.iter().fold(0, |any, may| any | may) != 0 {
            self.met(event, first, trials, &rarer, &may, &mut met);
        }
        for lane in 0..LANES {
            met[lane] = if p[lane] <= 0.5 { met[lane] } else { trials[lane] - met[lane] };
        }
        met
    }

    /// Of `trials`, those that an event of a probability below 1/2 meets: [`counts::binomial`] of each lane that
    /// may meet any. Where many are expected all lanes go together.
    #[inline(always)]
    fn met(&self, event: u32, first: &[u32; LANES], trials: &Lane, p: &Lane, may: &[u32; LANES], met: &mut Lane) {
        let (mut undecided, mut zeros, mut rest) = ([0; LANES], [0; LANES], [0; LANES]);
        let mut any = false;
        for lane in 0..LANES {
            if may[lane] == 0 {
                continue;
            }
            let (n, p) = (trials[lane] as u32, p[lane]);
            // A probability that is none, and one that does not need many trials, is asked lane by lane.
            let in_range = n > 0 && p < 1.0 && p.to_bits() >> 23 >= counts::LEAST_EXPONENT && p > 0.0;
            let bits = Bits::of(if in_range { p } else { 0.5 });
            if in_range && !counts::is_scarce(n, bits) {
                (undecided[lane], zeros[lane], rest[lane]) = (n, bits.zeros, bits.significant << 8);
                any = true;
            } else {
                met[lane] = counts::binomial(self.counts, &self.of(lane, event), first[lane], n, p) as f32;
            }
        }
        if any {
            let found = self.plenty(event, undecided, zeros, rest);
            for lane in 0..LANES {
                // Lanes without trials of this kind have none.
                met[lane] += found[lane] as f32;
            }
        }
    }

    /// Words of a call of an event, `[word][lane]`.
    #[inline(always)]
    fn call(&self, event: u32, call: u32) -> [[u32; LANES]; 4] {
        let counter = rng::purpose_and_draw(self.purpose, event << CALL_BITS | call);
        rng::philox4x32_10_lanes(self.cells.low, self.cells.high, self.step, counter, rng::key(self.seed))
    }

    /// Trials that are decided four bits of their probability at a time: `rest` are the bits to come after so many zeros.
    #[inline(always)]
    fn plenty(
        &self,
        event: u32,
        mut undecided: [u32; LANES],
        mut zeros: [u32; LANES],
        mut rest: [u32; LANES],
    ) -> [u32; LANES] {
        let mut successes = [0; LANES];
        for stage in 0.. {
            let (mut most, mut second) = (0, false);
            for lane in 0..LANES {
                let goes_on = undecided[lane] > counts::FEW && (zeros[lane] > 0 || rest[lane] != 0);
                most = most.max(if goes_on { undecided[lane] } else { 0 });
                second |= goes_on && zeros[lane] == 0 && counts::second_word(undecided[lane]) == 8;
            }
            if most == 0 {
                break;
            }
            let call = counts::PLENTY_CALL + 4 * stage;
            let more = |needed: bool, number: u32| {
                if needed { self.call(event, call + number) } else { [[0; LANES]; 4] }
            };
            // Words 0 to 7 of the first draw, and 8 to 15 of the second; most often words 0 to 3 of both.
            let words =
                [self.call(event, call), more(most >> 16 > 0, 1), more(second, 2), more(second && most >> 16 > 0, 3)];
            // One draw of all: of those with zeros to come that many, of the others those whose next four bits are equal.
            let mut all = Draw::NONE;
            for lane in 0..LANES {
                let goes_on = undecided[lane] > counts::FEW && (zeros[lane] > 0 || rest[lane] != 0);
                let law = if zeros[lane] > 0 { zeros[lane].min(counts::MOST_ZEROS) } else { counts::EQUAL };
                all.law[lane] = law;
                all.trials[lane] = if goes_on { undecided[lane] } else { 0 };
            }
            let left = self.by_digits(event, stage, &all, &words);
            // And one of those whose four bits are not equal: how many have smaller ones.
            let mut others = Draw::NONE;
            for lane in 0..LANES {
                let decides = all.trials[lane] > 0 && zeros[lane] == 0;
                let (law, _) = counts::of_fifteen(rest[lane] >> 28);
                let any = decides && law > counts::MOST_ZEROS;
                others.law[lane] = law;
                others.trials[lane] = if any { undecided[lane] - left[lane] } else { 0 };
                others.first_word[lane] = counts::second_word(undecided[lane]);
            }
            let drawn = self.by_digits(event, stage, &others, &words);
            for lane in 0..LANES {
                let goes_on = all.trials[lane] > 0;
                let has_zeros = zeros[lane] > 0;
                let (_, complement) = counts::of_fifteen(rest[lane] >> 28);
                let decided = undecided[lane].wrapping_sub(left[lane]);
                let below = if complement { decided.wrapping_sub(drawn[lane]) } else { drawn[lane] };
                successes[lane] += if goes_on && !has_zeros { below } else { 0 };
                rest[lane] = if goes_on && !has_zeros { rest[lane] << 4 } else { rest[lane] };
                zeros[lane] = if goes_on { zeros[lane].saturating_sub(counts::MOST_ZEROS) } else { zeros[lane] };
                undecided[lane] = if goes_on { left[lane] } else { undecided[lane] };
            }
        }
        self.few(event, &undecided, &zeros, &rest, &mut successes);
        successes
    }

    /// Of the trials of each lane, those that a law of the tables takes out, with the words of a stage of a draw from a
    /// lane's first one on. Looking up is the same work on every instruction set, and is compiled once.
    #[inline(never)]
    fn by_digits(&self, event: u32, stage: u32, draw: &Draw, words: &[[[u32; LANES]; 4]; 4]) -> [u32; LANES] {
        let (mut out, mut rest) = ([0; LANES], draw.trials);
        let mut most = rest.iter().fold(0, |most, trials| most | trials);
        // Place by place, for all lanes: those without a digit there take nothing, and no branch waits for any of them.
        let mut place = 0;
        while most > 0 {
            if let Some(of) = self.counts.place(place) {
                for lane in 0..LANES {
                    let at = (draw.first_word[lane] + place) as usize;
                    let word = words[at / 4 % 4][at % 4][lane];
                    let tie = || self.of(lane, event).call(counts::TIE_CALL + 4 * stage + at as u32 / 4)[at % 4];
                    out[lane] += of.look_up(draw.law[lane], rest[lane] & 15, word, tie);
                    rest[lane] >>= 4;
                }
            }
            most >>= 4;
            place += 1;
        }
        out
    }

    /// [`counts::few`] of each lane: those of one call's words all together, the others, which are rare, by themselves.
    #[inline(always)]
    fn few(
        &self,
        event: u32,
        trials: &[u32; LANES],
        zeros_of_p: &[u32; LANES],
        rest_of_p: &[u32; LANES],
        successes: &mut [u32; LANES],
    ) {
        let (mut zeros, mut rest, mut undecided, mut found) = (*zeros_of_p, *rest_of_p, *trials, [0; LANES]);
        for lane in 0..LANES {
            // All bits of p are gone: whoever has not fallen below it by now has not.
            undecided[lane] = if zeros[lane] > 0 || rest[lane] != 0 { undecided[lane] } else { 0 };
        }
        // Words of which none is used yet.
        let [mut word_0, mut word_1, mut word_2, word_3] = self.call(event, counts::FEW_CALL);
        let (mut bits, mut have, mut used) = ([0; LANES], [0; LANES], [0; LANES]);
        loop {
            let mut going = 0;
            for lane in 0..LANES {
                going |= undecided[lane] & mask(used[lane] <= 4);
            }
            if going == 0 {
                break;
            }
            for lane in 0..LANES {
                let new = mask(have[lane] < undecided[lane]);
                bits[lane] = choose(new, word_0[lane], bits[lane]);
                word_0[lane] = choose(new, word_1[lane], word_0[lane]);
                word_1[lane] = choose(new, word_2[lane], word_1[lane]);
                word_2[lane] = choose(new, word_3[lane], word_2[lane]);
                used[lane] += new & 1;
                have[lane] = choose(new, 32, have[lane]).wrapping_sub(undecided[lane]);
            }
            for lane in 0..LANES {
                let trials = undecided[lane] & 31;
                // The trials whose next bit is 0.
                let falls = (bits[lane] & !(u32::MAX << trials)).count_ones();
                bits[lane] >>= trials;
                let has_zeros = mask(zeros[lane] != 0);
                let one = !has_zeros & mask(rest[lane] >> 31 != 0);
                found[lane] += falls & one;
                rest[lane] = choose(has_zeros, rest[lane], rest[lane] << 1);
                zeros[lane] = zeros[lane].saturating_sub(1);
                let left = choose(one, trials.wrapping_sub(falls), falls);
                undecided[lane] = left & mask(zeros[lane] | rest[lane] != 0);
            }
        }
        for lane in 0..LANES {
            if used[lane] > 4 {
                let source = self.of(lane, event);
                found[lane] = counts::few(&source, trials[lane], zeros_of_p[lane], rest_of_p[lane]);
            }
            successes[lane] += found[lane];
        }
    }
}

/// A draw from the tables, of sixteen cells.
struct Draw {
    law: [u32; LANES],
    trials: [u32; LANES],
    first_word: [u32; LANES],
}

impl Draw {
    const NONE: Draw = Draw { law: [0; LANES], trials: [0; LANES], first_word: [0; LANES] };
}

/// All bits where something is so: lanes are computed alike, whatever is so of each.
#[inline(always)]
fn mask(is_so: bool) -> u32 {
    u32::from(is_so).wrapping_neg()
}

/// The bits of `a` where the mask has ones, else of `b`.
#[inline(always)]
fn choose(mask: u32, a: u32, b: u32) -> u32 {
    b ^ ((a ^ b) & mask)
}
