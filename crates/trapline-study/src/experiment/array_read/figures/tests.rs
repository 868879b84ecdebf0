use super::*;
use crate::experiment::probe::{Conditions, Probe};
use trapline_engine::backend::reference::Reference;
use trapline_engine::circuit::Unselected;
use trapline_model::cell::read::noise_a;
use trapline_model::material::shipped;
use trapline_model::units::kelvin;

const READ_V: f64 = 0.1;

fn circuit(ohm: f64) -> Circuit {
    Circuit {
        word: Segment::Ohm(ohm),
        bit: Segment::Ohm(ohm),
        source_ohm: 0.0,
        sense_ohm: 0.0,
        both_ends: false,
        vectors: 0,
        scheme: None,
        patterns: 0,
        selector: None,
        write: None,
        integration_s: 1e-2,
        accuracy: 1e-9,
    }
}

/// Figures of arrays of one seed at fillings one after another.
fn worth(circuit: &Circuit, read_v: f64, area: &Array2<f64>, fillings: &[Array2<f64>]) -> Vec<Array1<f64>> {
    let material = shipped("pi-ws2-qd").expect("ships");
    let subject = Subject { material: &material, area, read_v, read_k: kelvin(25.0), seed: 3, kept_threshold: 0.9 };
    let mut worth = Worth::new(&Reference, circuit, subject).expect("an array");
    let figures = fillings.iter().map(|filling| worth.at(filling).expect("solved")).collect();
    assert!(worth.remarks().is_empty());
    figures
}

/// The current of one cell by itself.
fn alone_a(filling: f64, volts: f64) -> f64 {
    let material = shipped("pi-ws2-qd").expect("ships");
    let one = Array2::from_elem((1, 1), filling);
    MaterialCells::new(&material, kelvin(25.0), &one, Array2::ones((1, 1))).current_and_slope(0, 0, volts).0
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{found:e} is not {expected:e}");
}

/// Cells that are alike, on lines that resist next to nothing, have closed forms in every scheme. What is left of the
/// wires is 12 x 12 cells of 4e-11 S on 1e-3 ohm, 1e-11 of the current; currents are known to 1e-9 of the sensed one.
#[test]
fn sneak_currents_of_equal_cells_have_closed_forms() {
    const N: usize = 12;
    let (area, filling) = (Array2::ones((N, N)), Array2::from_elem((N, N), 0.4));
    let others = (N - 1) as f64;
    let i = |volts: f64| alone_a(0.4, volts);
    // Floating lines: N - 1 cells, (N - 1)^2 and N - 1 in series; the outer two share the bias equally.
    let (mut low, mut high) = (0.0, 0.5 * READ_V);
    for _ in 0..100 {
        let x = 0.5 * (low + high);
        if i(x) < others * i(READ_V - 2.0 * x) { low = x } else { high = x }
    }
    let floating_a = others * i(low);
    for (scheme, sneak_a) in [
        (Scheme::Passive(Unselected::Grounded), 0.0),
        (Scheme::Passive(Unselected::Half), others * i(READ_V / 2.0)),
        (Scheme::Passive(Unselected::Third), others * i(READ_V / 3.0)),
        (Scheme::Passive(Unselected::Floating), floating_a),
        (Scheme::Isolated, 0.0),
    ] {
        let circuit = Circuit { scheme: Some(scheme.clone()), patterns: 2, ..circuit(1e-3) };
        let found = &worth(&circuit, READ_V, &area, std::slice::from_ref(&filling))[0];
        let of = |merit: MeritIs| found[merit as usize];
        let own_a = i(READ_V);
        assert!((of(MeritIs::Sneak) - sneak_a / own_a).abs() < 1e-8 * (1.0 + sneak_a / own_a), "{scheme:?}");
        let ideal = 1.0 - alone_a(0.0, READ_V) / own_a;
        near(of(MeritIs::MarginIdeal), ideal, 1e-12);
        // With the cell off the same flows through the others, but for floating lines, whose cells bear no more of it.
        near(of(MeritIs::MarginWorst), ideal * own_a / (own_a + sneak_a), 1e-7);
        // On with all others off, off with all others on; of floating lines the two bounds come from other networks.
        let sneak_off_a = match scheme {
            Scheme::Passive(Unselected::Half) => Some(others * alone_a(0.0, READ_V / 2.0)),
            Scheme::Passive(Unselected::Third) => Some(others * alone_a(0.0, READ_V / 3.0)),
            Scheme::Passive(Unselected::Grounded) | Scheme::Isolated => Some(0.0),
            Scheme::Passive(_) => None,
        };
        assert!(of(MeritIs::MarginSense) <= of(MeritIs::MarginWorst) * (1.0 + 1e-7), "{scheme:?}");
        if let Some(sneak_off_a) = sneak_off_a {
            let (least_on_a, most_off_a) = (own_a + sneak_off_a, alone_a(0.0, READ_V) + sneak_a);
            let sense = 1.0 - most_off_a / least_on_a;
            assert!((of(MeritIs::MarginSense) - sense).abs() < 1e-7, "{scheme:?}");
            assert_eq!(sense < 0.0, sneak_a > 0.0, "twelve lines are too many");
        }
        assert!(of(MeritIs::MarginRandom) >= of(MeritIs::MarginWorst) * (1.0 - 1e-7), "{scheme:?}");
        near(of(MeritIs::SelectedCell), 1.0, 1e-8);
        near(of(MeritIs::Selectivity), own_a / i(READ_V / 2.0), 1e-12);
        let leakage_a = match scheme {
            Scheme::Passive(Unselected::Half) => 2.0 * others * i(READ_V / 2.0),
            // Word lines at V/3, bit lines at 2V/3: a third of the bias over each.
            Scheme::Passive(Unselected::Third) => 2.0 * others * i(READ_V / 3.0),
            Scheme::Passive(Unselected::Grounded) => others * own_a,
            Scheme::Passive(_) => 2.0 * floating_a,
            Scheme::Isolated => 0.0,
        };
        assert!((of(MeritIs::HalfSelectLeakage) - leakage_a).abs() <= 1e-7 * (leakage_a + own_a), "{scheme:?}");
        if scheme == Scheme::Isolated {
            near(of(MeritIs::ReadEnergy), own_a * READ_V * 1e-2, 1e-7);
            let (on_a, off_a) = (own_a, alone_a(0.0, READ_V));
            let noise = noise_a(on_a, READ_V, kelvin(25.0), 1e-2) / (on_a - off_a);
            near(of(MeritIs::ReadNoise), noise, 1e-6);
        }
    }
}

/// One word line of equal cells is a ladder: `cosh((N + 1/2 - k) t)/cosh((N + 1/2) t)` of the bias is left at cell k,
/// with
/// `2 sinh(t/2) = sqrt(r g)`. At 5 mV the law is straight to 1e-4.
#[test]
fn a_word_line_is_a_ladder() {
    const N: usize = 30;
    let filling = Array2::from_elem((1, N), 0.4);
    let siemens = alone_a(0.4, 5e-3) / 5e-3;
    let ohm = 1e-3 / siemens;
    let circuit = Circuit { word: Segment::Ohm(ohm), bit: Segment::Ohm(1e-3), ..circuit(1.0) };
    let found = &worth(&circuit, 5e-3, &Array2::ones((1, N)), std::slice::from_ref(&filling))[0];
    let t = 2.0 * (0.5 * (ohm * siemens).sqrt()).asinh();
    let left = |k: usize| ((N as f64 + 0.5 - k as f64) * t).cosh() / ((N as f64 + 0.5) * t).cosh();
    near(found[MeritIs::WorstCell as usize], left(N), 1e-4);
    let mean = (1..=N).map(left).sum::<f64>() / N as f64;
    near(found[MeritIs::ColumnMean as usize], mean * siemens * 5e-3, 1e-4);
    // Every cell should see all of the bias.
    near(found[MeritIs::WireErrorWorst as usize], 1.0 - left(N), 1e-3);
    assert!(left(N) < 0.7, "{} tests nothing", left(N));
}

/// Products, windows and noise of cells that differ, by sums over the cells.
#[test]
fn columns_and_products_are_sums_over_cells() {
    let (rows, cols) = (20, 9);
    let area = Array2::from_shape_fn((rows, cols), |(row, col)| 1.0 + 0.03 * ((row * 5 + col * 3) % 7) as f64);
    let start = Array2::from_shape_fn((rows, cols), |(row, col)| 0.3 + 0.02 * ((row + 2 * col) % 5) as f64);
    let later = Array2::from_shape_fn((rows, cols), |at| start[at] * (0.95 - 0.02 * (at.1 % 4) as f64));
    let circuit = Circuit { vectors: 3, ..circuit(1e-3) };
    let found = worth(&circuit, READ_V, &area, &[start.clone(), later.clone()]);
    let column_a = |filling: &Array2<f64>, col: usize| -> f64 {
        (0..rows).map(|row| area[[row, col]] * alone_a(filling[[row, col]], READ_V)).sum()
    };
    let empty = Array2::zeros((rows, cols));
    let kept: Vec<f64> = (0..cols)
        .map(|col| {
            let fresh_a = column_a(&empty, col);
            (column_a(&later, col) - fresh_a) / (column_a(&start, col) - fresh_a)
        })
        .collect();
    near(found[1][MeritIs::ColumnKeptMean as usize], kept.iter().sum::<f64>() / cols as f64, 1e-6);
    near(found[1][MeritIs::ColumnKeptLeast as usize], kept.iter().copied().fold(f64::INFINITY, f64::min), 1e-6);
    assert_eq!(found[1][MeritIs::ColumnsFailed as usize], kept.iter().filter(|kept| **kept < 0.9).count() as f64);
    assert!(kept.iter().any(|kept| *kept < 0.9) && kept.iter().any(|kept| *kept > 0.9));
    near(found[0][MeritIs::ColumnKeptMean as usize], 1.0, 1e-12);

    // The same draws, the sums by hand.
    let drawn = |step: u32, number: usize| rng::words(3, number as u64, Purpose::Pattern, step, 0)[0] >> 31 == 1;
    let (mut signal, mut noise, mut aged, mut largest_then) = (Vec::new(), 0.0, 0.0, 0.0f64);
    for vector in 0..3 {
        for col in 0..cols {
            let (mut now_a, mut then_a) = (0.0, 0.0);
            for row in 0..rows {
                let on = drawn(0, row * cols + col);
                let volts = if drawn(FIRST_VECTOR + vector, row) { READ_V } else { 0.0 };
                let of = |filling: &Array2<f64>| if on { filling[[row, col]] } else { 0.0 };
                now_a += area[[row, col]] * alone_a(of(&later), volts);
                then_a += area[[row, col]] * alone_a(of(&start), volts);
                let sd_a = match volts {
                    0.0 => noise_a(area[[row, col]] * alone_a(of(&later), 1e-7), 1e-7, kelvin(25.0), 1e-2),
                    _ => noise_a(area[[row, col]] * alone_a(of(&later), volts), volts, kelvin(25.0), 1e-2),
                };
                noise += sd_a * sd_a;
            }
            signal.push(now_a);
            aged += (now_a - then_a) * (now_a - then_a);
            largest_then = largest_then.max(then_a);
        }
    }
    // What products of the mean cell would be, over all vectors and weights, and how far those of these cells are from
    // them, against many drawn by hand.
    let count = signal.len() as f64;
    let off_a = area.mapv(|area| area * alone_a(0.0, READ_V));
    let more_a = Array2::from_shape_fn((rows, cols), |at| area[at] * alone_a(later[at], READ_V) - off_a[at]);
    let (mean_off_a, mean_more_a) = (off_a.mean().expect("cells"), more_a.mean().expect("cells"));
    let (mut sum, mut squares, mut apart, many) = (0.0, 0.0, 0.0, 5_000);
    let mut coins = (0..).map(|number: u64| rng::words(77, number, Purpose::Pattern, 0, 0)[0] >> 31 == 1);
    for _ in 0..many {
        let on: Vec<usize> = (0..rows).filter(|_| coins.next() == Some(true)).collect();
        for col in 0..cols {
            let (mut meant_a, mut passed_a) = (0.0, 0.0);
            for row in &on {
                let weight = if coins.next() == Some(true) { 1.0 } else { 0.0 };
                meant_a += mean_off_a + weight * mean_more_a;
                passed_a += off_a[[*row, col]] + weight * more_a[[*row, col]];
            }
            let stored_a = meant_a - on.len() as f64 * mean_off_a;
            sum += stored_a;
            squares += stored_a * stored_a;
            apart += (passed_a - meant_a) * (passed_a - meant_a);
        }
    }
    let drawn_count = (many * cols) as f64;
    let meant = squares / drawn_count - (sum / drawn_count) * (sum / drawn_count);
    let spread = apart / drawn_count;
    let largest_now = signal.iter().copied().fold(0.0, f64::max);
    // Of 5e3 vectors a variance is known to 2 %, 0.09 dB, and a root of one to 1 %.
    near(found[1][MeritIs::ProductSpread as usize], spread.sqrt() / largest_now, 0.03);
    let snr_db = 10.0 * (meant / (spread + noise / count)).log10();
    assert!((found[1][MeritIs::Snr as usize] - snr_db).abs() < 0.2, "{} {snr_db}", found[1][MeritIs::Snr as usize]);
    assert!(spread > 3.0 * noise / count, "control: cells that differ by a tenth decide");
    let bits = (found[1][MeritIs::Snr as usize] - 1.76) / 6.02;
    near(found[1][MeritIs::EffectiveBits as usize], bits, 1e-12);
    near(found[1][MeritIs::AgedErrorRms as usize], (aged / count).sqrt() / largest_then, 1e-4);
    assert!(found[1][MeritIs::ProductErrorRms as usize] < 1e-7);
    // What was not asked for is no number.
    assert!(found[0][MeritIs::MarginWorst as usize].is_nan());
}

/// What a stored weight adds to a product is what its cell passes through its selector, and so is its noise.
#[test]
fn products_are_of_cells_with_their_selectors() {
    let (rows, cols) = (12, 7);
    let (scale_a, scale_v) = (1e-12, 0.03);
    // Alike, so that nothing but noise is in the way of products.
    let (area, filling) = (Array2::from_elem((rows, cols), 1.1), Array2::from_elem((rows, cols), 0.35));
    let bare = Circuit { vectors: 3, ..circuit(1e-3) };
    let selected = Circuit { selector: Some(Curve::Sinh { scale_a, scale_v }), ..bare.clone() };
    let [bare, found] = [bare, selected].map(|circuit| worth(&circuit, READ_V, &area, std::slice::from_ref(&filling)));
    // The voltage of a cell, by halving.
    let material = shipped("pi-ws2-qd").expect("ships");
    let series_a = |at: (usize, usize), filling: f64, volts: f64| {
        let one = |value: f64| Array2::from_elem((1, 1), value);
        let cell = MaterialCells::new(&material, kelvin(25.0), &one(filling), one(area[at]));
        let cell_a = |volts: f64| cell.current_and_slope(0, 0, volts).0;
        let (mut low, mut high) = (0.0, volts);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            let rises = cell_a(middle) < scale_a * ((volts - middle) / scale_v).sinh();
            if rises { low = middle } else { high = middle }
        }
        cell_a(low)
    };
    let drawn = |step: u32, number: usize| rng::words(3, number as u64, Purpose::Pattern, step, 0)[0] >> 31 == 1;
    let mut noise_a2 = 0.0;
    for ((row, col), full) in filling.indexed_iter() {
        let held = if drawn(0, row * cols + col) { *full } else { 0.0 };
        for vector in 0..3 {
            let volts = if drawn(FIRST_VECTOR + vector, row) { READ_V } else { 1e-7 };
            noise_a2 += noise_a(series_a((row, col), held, volts), volts, kelvin(25.0), 1e-2).powi(2);
        }
    }
    let stored_a =
        Array2::from_shape_fn((rows, cols), |at| series_a(at, filling[at], READ_V) - series_a(at, 0.0, READ_V));
    let signal_a2 = stored_a.iter().map(|d| 3.0 / 16.0 * d * d).sum::<f64>() / cols as f64;
    let snr_db = 10.0 * (signal_a2 / (noise_a2 / (3 * cols) as f64)).log10();
    let [found, bare] = [&found, &bare].map(|of| of[0][MeritIs::Snr as usize]);
    assert!((found - snr_db).abs() < 1e-3, "{found} {snr_db}");
    assert!(found < bare - 2.0, "control: a selector takes from the signal, {found} {bare}");
}

/// Where other lines are held and wires resist, cells that are on take from the word line: the least current on is
/// then with all others on, and the sense margin is no better than any margin.
#[test]
fn the_sense_margin_is_of_every_pattern() {
    let (area, filling) = (Array2::ones((9, 6)), Array2::from_elem((9, 6), 0.4));
    let circuit = Circuit { scheme: Some(Scheme::Passive(Unselected::Grounded)), patterns: 3, ..circuit(3e8) };
    let found = &worth(&circuit, READ_V, &area, std::slice::from_ref(&filling))[0];
    let of = |merit: MeritIs| found[merit as usize];
    assert!(of(MeritIs::MarginSense) < of(MeritIs::MarginWorst), "{found}");
    assert!(of(MeritIs::MarginSense) < of(MeritIs::MarginRandom), "{found}");
    assert!(of(MeritIs::SelectedCell) < 0.9, "these wires do nothing: {found}");
}

/// One sense level must tell the weakest cell that is on from the strongest that is off, whichever is read.
#[test]
fn the_sense_margin_is_of_every_cell() {
    let area = Array2::from_shape_fn((9, 6), |(row, col)| 1.0 + 0.02 * ((row * 5 + col * 3) % 7) as f64);
    let filling = Array2::from_shape_fn((9, 6), |(row, col)| 0.3 + 0.02 * ((row + 2 * col) % 5) as f64);
    let passed =
        |held: &dyn Fn((usize, usize)) -> f64| Array2::from_shape_fn((9, 6), |at| area[at] * alone_a(held(at), READ_V));
    let least_on_a = passed(&|at| filling[at]).iter().copied().fold(f64::INFINITY, f64::min);
    let most_off_a = passed(&|_| 0.0).iter().copied().fold(0.0, f64::max);
    let margin = 1.0 - most_off_a / least_on_a;
    for scheme in [Scheme::Passive(Unselected::Grounded), Scheme::Isolated] {
        let circuit = Circuit { scheme: Some(scheme), patterns: 2, ..circuit(1e-3) };
        let found = &worth(&circuit, READ_V, &area, std::slice::from_ref(&filling))[0];
        near(found[MeritIs::MarginSense as usize], margin, 1e-7);
        // The control: of the farthest cell alone it would be 14 %.
        assert!(margin < 0.1 && found[MeritIs::MarginWorst as usize] > 0.12, "{margin} {found}");
    }
}

const WRITE_V: f64 = 1.5;
const WIDTH_S: f64 = 1e-3;

/// Without wires, cells that are alike have closed forms while one of them is written, too: all lines but the written
/// cell's are at the scheme's voltages. The written cell holds no charge, all others do.
#[test]
fn writes_of_equal_cells_have_closed_forms() {
    const N: usize = 8;
    let (area, filling) = (Array2::ones((N, N)), Array2::from_elem((N, N), 0.3));
    let others = (N - 1) as f64;
    let power = |volts: f64| volts * alone_a(0.3, volts);
    let own = WRITE_V * alone_a(0.0, WRITE_V);
    for (scheme, disturb, power_w) in [
        (Scheme::Passive(Unselected::Half), 0.5, own + 2.0 * others * power(WRITE_V / 2.0)),
        (Scheme::Passive(Unselected::Third), 1.0 / 3.0, own + (2.0 * others + others * others) * power(WRITE_V / 3.0)),
        (Scheme::Passive(Unselected::Grounded), 1.0, own + others * power(WRITE_V)),
        (Scheme::Isolated, 0.0, own),
    ] {
        let write = Some(Writing { amplitude_v: WRITE_V, width_s: WIDTH_S, writes: 10 });
        let circuit = Circuit { scheme: Some(scheme.clone()), write, ..circuit(1e-3) };
        let found = &worth(&circuit, READ_V, &area, std::slice::from_ref(&filling))[0];
        let of = |merit: MeritIs| found[merit as usize];
        near(of(MeritIs::WriteVoltage), 1.0, 1e-8);
        near(of(MeritIs::WriteEnergy), power_w * WIDTH_S, 1e-7);
        assert!((of(MeritIs::DisturbVoltage) - disturb).abs() < 1e-8, "{scheme:?}");
        // At these biases nothing empties: cells that are on gain, too, but for those behind switches.
        let (gain, loss) = (of(MeritIs::DisturbGain), of(MeritIs::DisturbLoss));
        assert!(
            if scheme == Scheme::Isolated { gain == 0.0 && loss == 0.0 } else { gain > 0.0 && loss <= 0.0 },
            "{gain} {loss}"
        );
    }
}

/// What writes do to others, against pulses given one by one. Lines hold their voltages, so that a cell shares a line
/// with 14 of the 63 others, and under V/2 feels half of the amplitude in 14 n pulses; under V/3 a third of it in as
/// many, and as much the other way in 49 n, which here come by turns, write after write. Rests are left out on both
/// sides. Under V/2 what is left are substeps, which are chosen to 1e-3 of a change; under V/3 many turns stand for
/// two, 1 % at this many.
#[test]
fn disturb_is_that_of_pulses_one_by_one() {
    const N: usize = 8;
    /// Less than what pulses of 1.5 V fill in the end.
    const FILLED: f64 = 0.3;
    let material = shipped("pi-ws2-qd").expect("ships");
    let (area, filling) = (Array2::ones((N, N)), Array2::from_elem((N, N), FILLED));
    let conductance_s = |filling: f64| alone_a(filling, READ_V) / READ_V;
    // The filling at the beginning and after writes, from a cell that pulses of an amplitude have filled, or an empty
    // one.
    let stepped = |filled_by_v: Option<f64>, felt: &[(f64, u64)], writes: u64| -> (f64, f64) {
        let mut cell = Probe::new(&Reference, &material, Conditions::nominal(kelvin(25.0)), vec![0]).expect("a cell");
        let mut pulse =
            |volts: f64| cell.expose(&Array1::from_elem(1, volts), WIDTH_S).expect("a pulse").filling[[0, 0]];
        let mut before = 0.0;
        while before < FILLED
            && let Some(amplitude_v) = filled_by_v
        {
            before = pulse(amplitude_v);
        }
        let mut after = before;
        for _ in 0..writes {
            for &(volts, pulses) in felt {
                after = (0..pulses).fold(after, |_, _| pulse(volts));
            }
        }
        (before, after)
    };
    let window = |before: f64, after: f64, of: f64| {
        (conductance_s(after) - conductance_s(before)) / (conductance_s(of) - conductance_s(0.0))
    };
    for (scheme, amplitude_v, writes, within) in [
        (Unselected::Half, WRITE_V, 40, 2e-3),
        (Unselected::Half, -WRITE_V, 2, 2e-3),
        (Unselected::Third, WRITE_V, 2, 1e-2),
        // Here the other way round empties: cells that are on lose.
        (Unselected::Half, -6.6, 2, 2e-3),
    ] {
        let part_v = if scheme == Unselected::Half { amplitude_v / 2.0 } else { amplitude_v / 3.0 };
        let back = if scheme == Unselected::Half { 0 } else { 49 };
        let felt = [(part_v, 14), (-part_v, back)];
        let write = Some(Writing { amplitude_v, width_s: WIDTH_S, writes });
        let circuit = Circuit { scheme: Some(Scheme::Passive(scheme)), write, ..circuit(1e-3) };
        let material = shipped("pi-ws2-qd").expect("ships");
        let subject = Subject {
            material: &material,
            area: &area,
            read_v: READ_V,
            read_k: kelvin(25.0),
            seed: 3,
            kept_threshold: 0.9,
        };
        let mut worth = Worth::new(&Reference, &circuit, subject).expect("an array");
        let found = worth.at(&filling).expect("solved");
        let of = |merit: MeritIs| found[merit as usize];
        let gain = |felt: &[(f64, u64)], writes: u64| window(0.0, stepped(None, felt, writes).1, FILLED);
        near(of(MeritIs::DisturbGain), gain(&felt, writes), within);
        // The control: without the pulses that reach a cell the other way round, or half of them, it is another number.
        let fewer = if back > 0 { gain(&felt[..1], writes) } else { gain(&felt, writes / 2) };
        assert!((fewer / of(MeritIs::DisturbGain) - 1.0).abs() > 0.05, "{fewer}");
        let ((before, after), (_, rested)) = (
            stepped(Some(amplitude_v.abs()), &felt, writes),
            stepped(Some(amplitude_v.abs()), &[(0.0, 14 + back)], writes),
        );
        near(of(MeritIs::DisturbLoss), window(after, rested, before), within);
        // Beyond 6 V the model is not held to anything.
        assert_eq!(worth.remarks().iter().any(|remark| remark.contains("beyond 6 V")), amplitude_v.abs() > 6.0);
        assert_eq!(of(MeritIs::DisturbLoss) > 0.0, amplitude_v.abs() > 6.0);
    }
}

/// Wires take from the written cell what they take from one that is read; a selector takes its part of every crossing.
#[test]
fn wires_and_selectors_take_their_part_of_a_write() {
    const N: usize = 6;
    let (area, filling) = (Array2::ones((N, N)), Array2::from_elem((N, N), 0.3));
    let write = Some(Writing { amplitude_v: WRITE_V, width_s: WIDTH_S, writes: 100 });
    let scheme = Some(Scheme::Passive(Unselected::Half));
    let of = |circuit: &Circuit| worth(circuit, READ_V, &area, std::slice::from_ref(&filling)).remove(0);
    let bare = of(&Circuit { scheme: scheme.clone(), write, ..circuit(1e-3) });
    let wired = of(&Circuit { scheme: scheme.clone(), write, ..circuit(1e8) });
    let selector = Some(Curve::Sinh { scale_a: 1e-12, scale_v: 0.1 });
    let selected = of(&Circuit { scheme, write, selector, ..circuit(1e-3) });
    let at = |found: &Array1<f64>, merit: MeritIs| found[merit as usize];
    assert!(
        at(&wired, MeritIs::WriteVoltage) < 0.95 && at(&wired, MeritIs::WriteEnergy) < at(&bare, MeritIs::WriteEnergy)
    );
    // At half of the bias a selector of an exponential law takes a larger part: cells are disturbed by less.
    for found in [&wired, &selected] {
        assert!(at(found, MeritIs::DisturbVoltage) < 0.499, "{found}");
        assert!(at(found, MeritIs::DisturbGain) < at(&bare, MeritIs::DisturbGain));
    }
    let ratio = |found: &Array1<f64>| at(found, MeritIs::DisturbVoltage) / at(found, MeritIs::WriteVoltage);
    assert!(ratio(&selected) < 0.9 * ratio(&bare), "{} {}", ratio(&selected), ratio(&bare));
}

/// Readings of either sign say the same: currents are odd in the voltage, and a margin is of magnitudes.
#[test]
fn a_negative_read_bias_has_the_same_figures() {
    let area = Array2::ones((8, 8));
    let filling = Array2::from_shape_fn((8, 8), |(row, col)| 0.2 + 0.01 * (row + 2 * col) as f64);
    let circuit = Circuit { scheme: Some(Scheme::Passive(Unselected::Half)), patterns: 4, ..circuit(2.8) };
    let [up, down] =
        [READ_V, -READ_V].map(|read_v| worth(&circuit, read_v, &area, std::slice::from_ref(&filling)).remove(0));
    for of in [MeritIs::MarginSense, MeritIs::MarginWorst, MeritIs::MarginRandom, MeritIs::ReadNoise, MeritIs::Sneak] {
        near(down[of as usize], up[of as usize], 1e-9);
    }
    // The worst pattern is worse than no others at all.
    assert!(up[MeritIs::MarginSense as usize] < up[MeritIs::MarginWorst as usize]);
}
