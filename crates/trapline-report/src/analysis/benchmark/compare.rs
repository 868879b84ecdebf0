//! Devices held against each other: the size at which one overtakes another, and performance portability.

/// Where one device becomes faster than another, over square arrays of so many lines.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossover {
    /// At the smallest size that both were measured at, and at all larger ones.
    Always { lines: u64 },
    /// At this size, interpolated between two measured ones on a straight line of logarithms, and at all larger ones.
    At { lines: f64 },
    /// Not at the largest size that both were measured at.
    Never { lines: u64 },
    /// There is no size that both were measured at.
    Unknown,
}

/// Where the `challenger` overtakes the `holder`: times in s by lines, in any order. What counts is the last change of
/// the lead: before it the challenger may have led by chance.
pub fn crossover(holder: &[(u64, f64)], challenger: &[(u64, f64)]) -> Crossover {
    let mut both: Vec<(u64, f64)> = Vec::new();
    for (lines, holder_s) in holder {
        let same = challenger.iter().find(|(other, _)| other == lines);
        both.extend(same.map(|(_, challenger_s)| (*lines, (challenger_s / holder_s).ln())));
    }
    both.sort_by_key(|(lines, _)| *lines);
    let (Some(&(first, _)), Some(&(last, at_last))) = (both.first(), both.last()) else { return Crossover::Unknown };
    if at_last.is_nan() || at_last >= 0.0 {
        return Crossover::Never { lines: last };
    }
    // The last size at which the holder leads, and the next.
    let Some(pair) = both.windows(2).rev().find(|pair| pair[0].1.is_nan() || pair[0].1 >= 0.0) else {
        return Crossover::Always { lines: first };
    };
    let [(before, behind), (after, ahead)] = [pair[0], pair[1]];
    let part = behind / (behind - ahead);
    let (before, after) = ((before as f64).ln(), (after as f64).ln());
    Crossover::At { lines: (before + part * (after - before)).exp() }
}

/// Performance portability: the harmonic mean over platforms of the share of what each could do at most (S. J.
/// Pennycook, J. D. Sewall and V. W. Lee, Future Generation Computer Systems 92, 947 (2019)). 0 where one cannot do it
/// at all; none of no platform.
pub fn portability(shares: &[f64]) -> Option<f64> {
    if shares.is_empty() {
        return None;
    }
    if !shares.iter().all(|share| *share > 0.0) {
        return Some(0.0);
    }
    Some(shares.len() as f64 / shares.iter().map(|share| 1.0 / share).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor that takes 1 ns a cell, a GPU that takes 1 ms and a hundredth of that: they meet at 0.99 N^2 = 1e6.
    #[test]
    fn the_crossover_is_where_the_times_meet() {
        let sizes = [64_u64, 256, 1024, 4096];
        let cells = |lines: u64| (lines * lines) as f64;
        let processor: Vec<_> = sizes.iter().map(|&n| (n, 1e-9 * cells(n))).collect();
        let gpu: Vec<_> = sizes.iter().rev().map(|&n| (n, 1e-3 + 1e-11 * cells(n))).collect();
        let Crossover::At { lines } = crossover(&processor, &gpu) else { panic!("they cross") };
        // 1005; between 256 and 1024, where the logarithm of the ratio is nearly straight.
        assert!((lines / (1e6_f64 / 0.99).sqrt() - 1.0).abs() < 0.02, "{lines}");
        assert_eq!(crossover(&processor[..2], &gpu), Crossover::Never { lines: 256 });
        assert_eq!(crossover(&processor[2..], &gpu), Crossover::Always { lines: 1024 });
        assert_eq!(crossover(&processor, &[(128, 1.0)]), Crossover::Unknown);
        // The other way round nothing is overtaken.
        assert_eq!(crossover(&gpu, &processor), Crossover::Never { lines: 4096 });
    }

    #[test]
    fn a_lead_by_chance_does_not_count() {
        let holder = [(64, 1.0), (128, 1.0), (256, 1.0), (512, 1.0)];
        let challenger = [(64, 0.9), (128, 2.0), (256, 0.5), (512, 0.1)];
        // ln 2 behind at 128, ln 2 ahead at 256: half way.
        let Crossover::At { lines } = crossover(&holder, &challenger) else { panic!("they cross") };
        assert!((lines / (128.0 * 2_f64.sqrt()) - 1.0).abs() < 1e-12, "{lines}");
    }

    #[test]
    fn portability_is_the_harmonic_mean() {
        assert_eq!(portability(&[]), None);
        assert_eq!(portability(&[0.5]), Some(0.5));
        // 2/(1/0.25 + 1/0.75) = 0.375, below the mean of 0.5.
        assert!((portability(&[0.25, 0.75]).unwrap() - 0.375).abs() < 1e-15);
        assert_eq!(portability(&[0.9, 0.0]), Some(0.0));
        assert_eq!(portability(&[0.9, f64::NAN]), Some(0.0));
    }
}
