use super::*;
use std::collections::HashSet;

/// Known answers of the Random123 distribution (Salmon et al., SC 2011): counter, key, expected.
const KNOWN_ANSWERS: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
    ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
    ([!0; 4], [!0; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
    (
        [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
        [0xa4093822, 0x299f31d0],
        [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ),
];

#[test]
fn philox_gives_the_known_answers() {
    for (counter, key, expected) in KNOWN_ANSWERS {
        assert_eq!(philox4x32_10(counter, key), expected, "counter {counter:x?}, key {key:x?}");
    }
}

/// Lines of `c0 c1 c2 c3  k0 k1  e0 e1 e2 e3` in hexadecimal; `#` begins a comment.
#[test]
#[ignore = "needs TRAPLINE_REFERENCE_DIR"]
fn philox_gives_the_answers_of_the_reference_file() {
    let folder =
        std::env::var_os("TRAPLINE_REFERENCE_DIR").expect("TRAPLINE_REFERENCE_DIR names the folder of reference files");
    let path = std::path::Path::new(&folder).join("philox4x32_10.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut answers = 0;
    for line in text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty()) {
        let words: Vec<u32> = line
            .split_whitespace()
            .map(|word| u32::from_str_radix(word, 16).unwrap_or_else(|_| panic!("not hexadecimal: {line}")))
            .collect();
        let [c0, c1, c2, c3, k0, k1, ref expected @ ..] = words[..] else { panic!("not ten words: {line}") };
        assert_eq!(philox4x32_10([c0, c1, c2, c3], [k0, k1])[..], *expected, "{line}");
        answers += 1;
    }
    assert!(answers >= 3, "{} holds {answers} answers", path.display());
}

#[test]
fn lanes_equal_the_scalar() {
    const L: usize = 16;
    for batch in 0..256u32 {
        let cells: [u64; L] = std::array::from_fn(|lane| (lane as u64 + 16 * u64::from(batch)) * 0x0123_4567_89AB);
        let seed = 0xFEDC_BA98_7654_3210 ^ u64::from(batch);
        let last = purpose_and_draw(Purpose::Cycle, 7);
        let lanes = philox4x32_10_lanes(
            cells.map(|cell| cell as u32),
            cells.map(|cell| (cell >> 32) as u32),
            batch,
            last,
            key(seed),
        );
        for lane in 0..L {
            assert_eq!(lanes.map(|word| word[lane]), words(seed, cells[lane], Purpose::Cycle, batch, 7));
        }
        for word in lanes {
            assert_eq!(normal_fixed_lanes(word, normal_table()), word.map(normal_fixed));
        }
    }
}

#[test]
fn every_part_of_the_address_changes_the_words() {
    let mut seen = HashSet::new();
    let mut addresses = 0;
    for seed in [0, 1, 1 << 32, 1 << 63] {
        for cell in [0, 1, 0xFFFF_FFFF, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX] {
            for purpose in [
                Purpose::Device,
                Purpose::Cycle,
                Purpose::ReadNoise,
                Purpose::Learning,
                Purpose::FitStart,
                Purpose::Rare,
                Purpose::OwnCells,
                Purpose::EachDot,
                Purpose::EachDotBake,
                Purpose::ReadingOfBake,
            ] {
                for step in [0, 1, 1 << 31, u32::MAX] {
                    for draw in [0, 1, (1 << DRAW_BITS) - 1] {
                        seen.extend(words(seed, cell, purpose, step, draw));
                        addresses += 1;
                    }
                }
            }
        }
    }
    // 10,752 words out of 2^32 share one with probability 1.3e-2; the seeds are fixed, so this does not vary.
    assert_eq!(seen.len(), 4 * addresses);
}

#[test]
fn every_seed_and_temperature_has_cells_of_its_own() {
    let mut seen = HashSet::new();
    let mut pairs = 0;
    let celsius: Vec<f64> = (0..200).map(|step| 25.0 + 0.5 * f64::from(step)).collect();
    for seed in (0..100).chain([1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX]) {
        seen.insert(seed);
        pairs += 1;
        for &degrees in &celsius {
            seen.insert(own_seed(seed, crate::units::kelvin(degrees)));
            pairs += 1;
        }
        // The last bit of a temperature counts.
        seen.insert(own_seed(seed, crate::units::kelvin(85.0).next_up()));
        pairs += 1;
    }
    // 21,008 of 2^64 numbers: two are alike with probability 1e-11. Seeds themselves are among them.
    assert_eq!(seen.len(), pairs);
    // Sums and exclusive-ors would make these alike.
    let [cold, hot] = [358.15_f64, 378.15].map(f64::to_bits);
    assert_ne!(own_seed(1 ^ cold ^ hot, 358.15), own_seed(1, 378.15));
    assert_ne!(own_seed(1_u64.wrapping_add(hot - cold), 358.15), own_seed(1, 378.15));
    // The address, word by word, so that records of other versions keep their cells.
    let [low, high, ..] = philox4x32_10([cold as u32, (cold >> 32) as u32, 0, 10 << DRAW_BITS], [7, 0]);
    assert_eq!(own_seed(7, 358.15), u64::from(high) << 32 | u64::from(low));
}

/// Probes for every octave: its ends, its middle, and a spread of words inside, in both tails.
fn probe_words() -> impl Iterator<Item = u32> {
    (0..31).flat_map(|bit| {
        let start = 1u32 << bit;
        let inside = (0..4096u64).map(move |k| start + ((u64::from(start) * k) >> 12) as u32);
        inside.chain([start - 1, start + (start - 1)]).flat_map(|word| [word, !word])
    })
}

#[test]
fn normals_are_the_quantile_within_the_stated_error() {
    // Error model, in units of 1: half a step of the result, 4.77e-7; interpolation of a cubic at the ends and middle
    // of a segment, 8.0e-3 of z''' h^3, at most 2.3e-7 (octave 0); coefficients and products to 2^-28 each, 4 times
    // 3.7e-9.
    const BOUND: f64 = 7.5e-7;
    let error = |word: u32, normal: i32| {
        let tail = (f64::from(word.min(!word)) + 0.5) / 4_294_967_296.0;
        let exact = normal_upper_quantile(tail) * if word >= 1 << 31 { 1.0 } else { -1.0 };
        (f64::from(normal) * NORMAL_UNIT - exact).abs()
    };
    let worst = probe_words().map(|word| error(word, normal_fixed(word))).fold(0.0, f64::max);
    println!("largest error: {worst:.3e}");
    assert!(worst < BOUND, "largest error {worst:.3e}");
    // Negative control: two steps off are seen in every variate.
    assert!(probe_words().all(|word| error(word, normal_fixed(word) + 2) > BOUND));
}

#[test]
fn the_quantile_agrees_with_published_values() {
    // Two-sided 95 %, and the one-sided tails of 1e-3, 1e-6 and 1e-9, as in common tables; conditioning of the tail:
    // ULP of p.
    for (p, z) in
        [(0.025, 1.959963984540054), (1e-3, 3.090232306167813), (1e-6, 4.753424308822899), (1e-9, 5.997807015007687)]
    {
        let quantile = normal_upper_quantile(p);
        assert!((quantile - z).abs() < 4e-15, "p = {p:e}: {quantile} against {z}");
    }
    assert!(normal_upper_quantile(0.5).abs() < 1e-15);
}

#[test]
fn normals_are_symmetric_and_bounded() {
    // The quantile of 1 - 2^-33.
    let largest = f64::from(normal_fixed(u32::MAX)) * NORMAL_UNIT;
    assert!((largest - 6.338).abs() < 1e-3, "{largest}");
    assert_eq!(normal_fixed(1 << 31), 0);
    for word in probe_words() {
        let normal = normal_fixed(word);
        assert_eq!(normal, -normal_fixed(!word));
        assert!(normal.abs() <= normal_fixed(u32::MAX));
        assert_eq!(normal as f32 as i32, normal, "not exact in f32");
    }
}

#[test]
fn normals_do_not_decrease() {
    let mut sorted: Vec<u32> = probe_words().collect();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        assert!(normal_fixed(pair[0]) <= normal_fixed(pair[1]) + 1, "{pair:?}");
    }
    // Neighbouring words around every segment border.
    for octave in 0..32 {
        for segment in 0..1u64 << NORMAL_SEGMENT_BITS {
            let border = (((1 << 31) + (segment << (31 - NORMAL_SEGMENT_BITS))) >> octave) / 2;
            for tail in border.saturating_sub(64)..(border + 64).min((1 << 31) - 1) {
                let (outer, inner) = (normal_fixed(tail as u32), normal_fixed(tail as u32 + 1));
                assert!(outer <= inner + 1, "tail {tail}: {outer} then {inner}");
            }
        }
    }
}

/// FNV-1a over the table's bytes: another platform or `libm` must give the very same coefficients.
#[test]
fn the_table_has_the_same_bits_everywhere() {
    let hash = normal_table()
        .iter()
        .flat_map(|entry| entry.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    assert_eq!(hash, 0x36aa_9ece_92f5_ef42, "{hash:#018x}");
}

#[test]
fn the_table_keeps_the_integer_steps_in_range() {
    for (index, entry) in normal_table().chunks_exact(3).enumerate() {
        let [level, slope, bend] = entry else { unreachable!("chunks of three") };
        assert!(0 <= *bend && bend <= slope && *level >= slope - bend, "segment {index}: {entry:?}");
        // The largest fraction is 1 - 2^-26: a gentler slope cannot overshoot the end of the segment.
        assert!(*slope < 1 << 26, "segment {index}: {entry:?}");
    }
}
