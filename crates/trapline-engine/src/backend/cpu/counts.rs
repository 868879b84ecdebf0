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
        let mut open = 0;
        for lane in 0..LANES {
            let expected = trials[lane] * p[lane];
            let nothing = (expected < 0.249) & (first[lane] as f32 >= expected * 4.294_98e9 + 512.0);
            open |= u32::from(!nothing & (trials[lane] > 0.0));
        }
        open != 0
    }

    /// Of `trials`, those that an event of a class meets: `p` is its probability, `q` what that lacks of 1.
    #[inline(always)]
    pub fn draw(&self, event: u32, first: &[u32; LANES], trials: &Lane, p: &Lane, q: &Lane) -> Lane {
        let mut rarer = [0.0; LANES];
        for lane in 0..LANES {
            rarer[lane] = if p[lane] <= 0.5 { p[lane] } else { q[lane] };
        }
        let mut met = splat(0.0);
        if Self::may_meet(first, trials, &rarer) {
            self.met(event, first, trials, &rarer, &mut met);
        }
        for lane in 0..LANES {
            met[lane] = if p[lane] <= 0.5 { met[lane] } else { trials[lane] - met[lane] };
        }
        met
    }

    /// Of `trials`, those that an event of a probability below 1/2 meets: [`counts::binomial`] of each lane. Where many
    /// are expected all lanes go together.
    #[inline(always)]
    fn met(&self, event: u32, first: &[u32; LANES], trials: &Lane, p: &Lane, met: &mut Lane) {
        let (mut undecided, mut zeros, mut rest) = ([0; LANES], [0; LANES], [0; LANES]);
        let mut any = false;
        for lane in 0..LANES {
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

    /// Trials that are decided bit by bit of their probability: `rest` are the bits to come after so many zeros.
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
            let mut most = 0;
            for lane in 0..LANES {
                let goes_on = undecided[lane] > counts::FEW && (zeros[lane] > 0 || rest[lane] != 0);
                most = most.max(if goes_on { undecided[lane] } else { 0 });
            }
            if most == 0 {
                break;
            }
            let low = self.call(event, counts::PLENTY_CALL + 2 * stage);
            let high =
                if most >> 16 > 0 { self.call(event, counts::PLENTY_CALL + 2 * stage + 1) } else { [[0; LANES]; 4] };
            for lane in 0..LANES {
                if undecided[lane] <= counts::FEW || (zeros[lane] == 0 && rest[lane] == 0) {
                    continue;
                }
                if zeros[lane] == 0 {
                    zeros[lane] = rest[lane].leading_zeros();
                    rest[lane] <<= zeros[lane];
                }
                let law = zeros[lane].clamp(1, counts::MOST_ZEROS);
                let word = |place: u32| match place {
                    0..4 => low[place as usize][lane],
                    _ => high[place as usize - 4][lane],
                };
                let tie = |place: u32| {
                    self.of(lane, event).call(counts::TIE_CALL + 2 * stage + place / 4)[place as usize % 4]
                };
                let left = counts::by_digits(self.counts, law, undecided[lane], word, tie);
                if zeros[lane] > 0 {
                    undecided[lane] = left;
                    zeros[lane] -= law;
                } else {
                    successes[lane] += left;
                    undecided[lane] -= left;
                    rest[lane] <<= 1;
                }
            }
        }
        // A bit for each trial. Where all bits of p are gone the others have not fallen below it.
        let mut trials = [0; LANES];
        for lane in 0..LANES {
            let count = undecided[lane];
            trials[lane] = if count >= counts::FEW { u32::MAX } else { (1 << (count & 31)) - 1 };
            trials[lane] = if count > counts::FEW { 0 } else { trials[lane] };
        }
        for call in 0.. {
            let going = (0..LANES).any(|lane| trials[lane] != 0 && (zeros[lane] > 0 || rest[lane] != 0));
            if !going {
                break;
            }
            for falls in self.call(event, counts::FEW_CALL + call) {
                for lane in 0..LANES {
                    // No bit is left to decide where `zeros` and `rest` are both 0: then nobody falls below it.
                    let has_zeros = zeros[lane] > 0;
                    let is_one = !has_zeros && rest[lane] >> 31 == 1;
                    let fallen = trials[lane] & falls[lane];
                    successes[lane] += if is_one { fallen.count_ones() } else { 0 };
                    trials[lane] = if is_one { trials[lane] & !falls[lane] } else { fallen };
                    rest[lane] = if has_zeros { rest[lane] } else { rest[lane] << 1 };
                    zeros[lane] = zeros[lane].saturating_sub(1);
                }
            }
        }
        successes
    }
}
