//! Shards of a campaign for several machines: about equal work, each point in exactly one shard.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;

/// Most shards of a campaign.
pub const MAX_SHARDS: usize = 10_000;

/// One shard of several, counted from 1: `3/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// The shard of this number, from 1; `None` where there is no such shard.
    pub fn new(number: usize, of: usize) -> Option<Shard> {
        ((1..=MAX_SHARDS).contains(&of) && (1..=of).contains(&number)).then_some(Shard { number, of })
    }

    /// What stands in the name of its record: `-03-of-16`, so that names sort by number.
    pub fn suffix(self) -> String {
        let Shard { number, of } = self;
        let digits = of.to_string().len();
        format!("-{number:0digits$}-of-{of}")
    }

    /// The pieces of work that this shard has, ascending: see [`Shard::deal`].
    pub fn of_work<K: Ord>(self, work: &[(u64, K)]) -> Vec<usize> {
        Shard::deal(self.of, work).swap_remove(self.number - 1)
    }

    /// Deals pieces of work, given by size and kind, to a number of shards; gives each shard's pieces, ascending.
    ///
    /// The largest piece goes to the shard that has least, and so on down: no shard has more than 4/3 of the best
    /// possible most (R. L. Graham, SIAM J. Appl. Math. 17, 416 (1969)); with pieces of one size the counts differ by
    /// one at most. Sizes are counted, not measured, and kinds may differ in what a step takes: each kind is dealt by
    /// itself. Which of several pieces of one size and kind a shard has is open then: neighbours, so that few runs of
    /// points lead from a merged record to its sources.
    pub fn deal<K: Ord>(of: usize, work: &[(u64, K)]) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..work.len()).collect();
        order.sort_by_key(|&piece| (Reverse(work[piece].0), &work[piece].1));
        // Work, pieces, number: of shards with as little, the one with fewest pieces, then the first.
        let mut shards: BinaryHeap<Reverse<(u128, usize, usize)>> =
            (0..of).map(|shard| Reverse((0, 0, shard))).collect();
        let mut dealt = vec![Vec::new(); of];
        for alike in order.chunk_by(|&a, &b| work[a] == work[b]) {
            let mut owners = Vec::with_capacity(alike.len());
            for &piece in alike {
                let Some(mut least) = shards.peek_mut() else { break };
                let Reverse((sum, pieces, shard)) = &mut *least;
                *sum += u128::from(work[piece].0);
                *pieces += 1;
                owners.push(*shard);
            }
            owners.sort_unstable();
            for (&piece, shard) in alike.iter().zip(owners) {
                dealt[shard].push(piece);
            }
        }
        for pieces in &mut dealt {
            pieces.sort_unstable();
        }
        dealt
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').and_then(|(number, of)| Shard::new(number.parse().ok()?, of.parse().ok()?));
        parts.ok_or_else(|| format!("it must be NUMBER/OF, such as 3/16, from 1/1 to {MAX_SHARDS}/{MAX_SHARDS}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_in_one_shard_and_the_work_is_equal() {
        // Two sizes of arrays, 17 and 5 of them.
        let work: Vec<(u64, ())> = (0..22).map(|n| (if n % 4 == 1 { 1 << 20 } else { 1 << 16 }, ())).collect();
        for of in [1, 2, 3, 4, 7, 30] {
            let shards: Vec<Vec<usize>> = (1..=of).map(|n| Shard::new(n, of).unwrap().of_work(&work)).collect();
            let mut all: Vec<usize> = shards.concat();
            all.sort_unstable();
            assert_eq!(all, (0..22).collect::<Vec<_>>());
            let load = |shard: &Vec<usize>| shard.iter().map(|&piece| work[piece].0).sum::<u64>();
            let most = shards.iter().map(load).max().unwrap();
            let best = work.iter().map(|of| of.0).sum::<u64>().div_ceil(of as u64).max(1 << 20);
            // No bound of equal work can hold below the largest piece; 4/3 is Graham's.
            assert!(3 * most <= 4 * best.max(2 * (1 << 20) * u64::from(of < 6)), "{of}: {most} of {best}");
        }
    }

    #[test]
    fn equal_pieces_are_dealt_evenly() {
        let counts: Vec<usize> = (1..=16).map(|n| Shard::new(n, 16).unwrap().of_work(&[(5, ()); 100]).len()).collect();
        assert_eq!(counts.iter().sum::<usize>(), 100);
        assert!(counts.iter().all(|n| (6..=7).contains(n)), "{counts:?}");
        // Each has neighbours, in the order of the shards.
        let all: Vec<usize> = (1..=16).flat_map(|n| Shard::new(n, 16).unwrap().of_work(&[(5, ()); 100])).collect();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        // Pieces of size 0 are dealt too.
        assert_eq!(Shard::new(2, 2).unwrap().of_work(&[(0, ()); 4]).len(), 2);
    }

    #[test]
    fn kinds_of_one_size_are_in_all_shards() {
        // Two materials at eight temperatures: counted alike, and one may take four times as long.
        let work: Vec<(u64, usize)> = (0..16).map(|n| (7, n / 8)).collect();
        assert_eq!(Shard::new(1, 2).unwrap().of_work(&work), [0, 1, 2, 3, 8, 9, 10, 11]);
        assert_eq!(Shard::new(2, 2).unwrap().of_work(&work), [4, 5, 6, 7, 12, 13, 14, 15]);
    }

    #[test]
    fn shards_are_read_and_told() {
        let shard: Shard = "3/16".parse().unwrap();
        assert_eq!((shard.to_string(), shard.suffix()), ("3/16".to_owned(), "-03-of-16".to_owned()));
        for wrong in ["", "3", "0/4", "5/4", "1/0", "a/b", "1/10001", "-1/2", "1/2/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
