use super::*;
use ndarray::{Array2, arr2};
use trapline_engine::backend::reference::Reference;
use trapline_engine::circuit::{Curve, Table, Wire};

fn read(cells: &Cells, driving: &Driving, setup: &Setup) -> Result<ArrayReading, ArrayReadError> {
    super::read(&Reference, cells, driving, setup)
}

fn read_batch(
    cells: &Cells,
    input_v: ndarray::ArrayView2<'_, f64>,
    setup: &Setup,
) -> Result<BatchReading, ArrayReadError> {
    super::read_batch(&Reference, cells, input_v, setup, false)
}

fn setup() -> Setup {
    Setup {
        periphery: Reading::with_wire(1.0),
        temperature_k: 300.0,
        integration_s: 1e-3,
        noise: true,
        seed: 3,
        adc_bits: None,
        adc_range_a: None,
        accuracy: 1e-9,
    }
}

fn all_rows(input_v: &[f64]) -> Driving {
    Driving::AllRows { input_v: input_v.to_vec() }
}

fn selected(row: usize, col: usize, read_v: f64, unselected: Unselected) -> Driving {
    Driving::OneCell { row, col, read_v, scheme: Scheme::Passive(unselected) }
}

fn linear(conductance_s: &Array2<f64>) -> Cells {
    Cells::linear(conductance_s.clone())
}

/// Conductances of a seed, S, from 1e-7 to 1e-5, some of them open.
fn random(rows: usize, cols: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(row, col)| {
        let word = rng::words(7, (row * cols + col) as u64, Purpose::Pattern, 0, 0)[0];
        if word.is_multiple_of(11) { 0.0 } else { 1e-7 * 10f64.powf(2.0 * f64::from(word) / f64::from(u32::MAX)) }
    })
}

/// One cell: 1 V over it, two segments of wire, a source and an amplifier.
#[test]
fn one_cell_is_five_resistors() {
    let (mut setup, driving, cells) = (setup(), all_rows(&[1.0]), Cells::linear(arr2(&[[1e-2]])));
    (setup.periphery.source_ohm, setup.periphery.sense_ohm) = (50.0, 30.0);
    let found = read(&cells, &driving, &setup).expect("reads");
    let current_a: f64 = 1.0 / (100.0 + 2.0 + 80.0);
    assert!((found.wired_a[0] / current_a - 1.0).abs() < 1e-9, "{}", found.wired_a[0]);
    assert_eq!(found.ideal_a, [1e-2]);
    let power = found.power;
    for (found_w, ohm) in [(power.total_w, 182.0), (power.cells_w, 100.0), (power.ends_w, 80.0), (power.wires_w, 2.0)] {
        assert!((found_w / (current_a * current_a * ohm) - 1.0).abs() < 1e-7, "{found_w} {ohm}");
    }
    // Its noise is that of the cell at the voltage that is left to it.
    let expected_a = noise_a(current_a, 100.0 * current_a, 300.0, 1e-3);
    assert!((found.noise_a[0] / expected_a - 1.0).abs() < 1e-6);
    assert!((found.read_a[0] - found.wired_a[0]).abs() < 5.0 * expected_a && found.read_a[0] != found.wired_a[0]);
    // Errors are relative to the ideal current.
    let error = current_a / 1e-2 - 1.0;
    assert!((found.errors_of_wires.worst / error.abs() - 1.0).abs() < 1e-6);
    assert!(read(&cells, &driving, &Setup { noise: false, ..setup }).expect("reads").read_a == found.wired_a);
}

/// Two cells of a column: what sneaks through a floating array of 2 x 2 is three cells in series.
#[test]
fn what_sneaks_is_three_cells_in_series() {
    let cells = Cells::linear(arr2(&[[1e-6, 2e-6], [4e-6, 5e-6]]));
    let floating = selected(0, 0, 0.5, Unselected::Floating);
    let mut setup = setup();
    setup.periphery = Reading::with_wire(1e-6);
    let found = read(&cells, &floating, &setup).expect("reads");
    let sneaks_s = 1.0 / (1.0 / 2e-6 + 1.0 / 5e-6 + 1.0 / 4e-6);
    assert!((found.wired_a[0] / (0.5 * (1e-6 + sneaks_s)) - 1.0).abs() < 1e-9);
    assert_eq!((found.columns.clone(), found.ideal_a.clone()), (vec![0], vec![0.5e-6]));
    // Its states are the largest and the smallest conductance of the array.
    let margin = found.margin.expect("one cell");
    assert!((margin.on_a / (0.5 * (5e-6 + sneaks_s)) - 1.0).abs() < 1e-9);
    assert!((margin.off_a / (0.5 * (1e-6 + sneaks_s)) - 1.0).abs() < 1e-9);
    assert!((margin.ideal_margin - 0.8).abs() < 1e-12 && margin.margin < 0.8);
    // A converter without a range reaches what sneaks in, so that it does not cut it off and look right.
    let converting = Setup { adc_bits: Some(8), ..setup.clone() };
    let converted = read(&cells, &floating, &converting).expect("reads");
    assert!(converted.clipped() == 0 && converted.errors.rms > 0.5, "{:?}", converted.errors);
    // With the other lines at 0 V nothing sneaks, but the sources of the row have more to deliver.
    let grounded = read(&cells, &selected(0, 0, 0.5, Unselected::Grounded), &setup).expect("reads");
    assert!((grounded.wired_a[0] / 0.5e-6 - 1.0).abs() < 1e-9);
    assert!(grounded.power.total_w > 2.9 * grounded.wired_a[0] * 0.5);
}

#[test]
fn converters_have_codes_from_end_to_end() {
    let adc = Adc { bits: 3, range_a: (-1.0, 6.0) };
    let codes: Vec<u64> = [-5.0, -1.0, -0.4, 0.0, 2.6, 6.0, 9.0, f64::NAN].iter().map(|a| adc.code(*a)).collect();
    assert_eq!(codes, [0, 0, 1, 1, 4, 7, 7, 0]);
    assert_eq!((adc.current_a(0), adc.current_a(7)), (-1.0, 6.0));
    // A range that is too small is told.
    let (mut setup, driving) = (setup(), all_rows(&[1.0, 1.0]));
    (setup.adc_bits, setup.adc_range_a) = (Some(4), Some((0.0, 2.5e-6)));
    let cells = Cells::linear(arr2(&[[1e-6, 3e-6], [1e-6, 1e-6]]));
    let found = read(&cells, &driving, &setup).expect("reads");
    assert_eq!((found.clipped(), found.converted.clone().expect("a converter").1), (1, vec![12, 15]));
    setup.adc_range_a = None;
    assert_eq!(read(&cells, &driving, &setup).expect("reads").clipped(), 0);
    // n bits over the largest current have n effective bits: their steps' rounding is uniform.
    let ideal: Vec<f64> = (0..100_000).map(|i| f64::from(i) / 99_999.0).collect();
    let adc = Adc { bits: 6, range_a: (0.0, 1.0) };
    let seen: Vec<f64> = ideal.iter().map(|a| adc.current_a(adc.code(*a))).collect();
    let found = ErrorStatistics::of(&ideal, &seen).effective_bits;
    assert!((found - 63f64.log2()).abs() < 0.01, "{found}");
}

/// A floating word line sits at the potential of the bit line, which it knows to the rounding of the drive: its cell
/// has thermal noise, as that of a grounded line, whatever is left of its voltage.
#[test]
fn cells_of_floating_lines_have_thermal_noise() {
    let siemens = [2.145e-11, 4.11e-10, 1.757e-12, 3.1e-12, 1.27e-11, 1.87e-11];
    let table =
        |volts: &[f64], amperes: &[f64]| Curve::Table(Table::new(volts.to_vec(), amperes.to_vec()).expect("a curve"));
    // Each with its slope at 0 V: of a curve without a point at 0 V the chord around it, of the last its first chord.
    for (selector, slope_s, read_v) in [
        (Curve::Sinh { scale_a: 7.4e-11, scale_v: 0.035 }, 7.4e-11 / 0.035, 3.0),
        (table(&[-2.0, -1.0, 1.0, 2.0], &[-8e-9, -1e-9, 1e-9, 8e-9]), f64::NAN, 0.1),
        (table(&[-2.0, -1.0, 0.0, 1.0, 2.0], &[-1e-4, -1e-8, 0.0, 1e-8, 1e-4]), 1e-8, 0.3),
    ] {
        let slope_s = if slope_s.is_nan() { selector.at(0.0).1 } else { slope_s };
        let with = |array: &Array2<f64>| Cells { selector: Some(selector.clone()), ..linear(array) };
        let cells = with(&Array2::from_shape_vec((6, 1), siemens.to_vec()).expect("a column"));
        let noise_of = |scheme| read(&cells, &selected(2, 0, read_v, scheme), &setup()).expect("reads").noise_a[0];
        let [floating, grounded] = [Unselected::Floating, Unselected::Grounded].map(noise_of);
        // Without a voltage a cell in series with its selector has the slope of both.
        let kt_j = thermal_energy_ev(setup().temperature_k) * ELEMENTARY_CHARGE_C;
        let of_both = |siemens: f64| 1.0 / (1.0 / siemens + 1.0 / slope_s);
        let others: f64 = (0..6).filter(|row| *row != 2).map(|row| of_both(siemens[row])).sum();
        let thermal = 2.0 * kt_j * others / setup().integration_s;
        let alone = with(&Array2::from_elem((1, 1), siemens[2]));
        let alone = read(&alone, &selected(0, 0, read_v, Unselected::Grounded), &setup()).expect("reads").noise_a[0];
        let expected = (thermal + alone * alone).sqrt();
        for found in [floating, grounded] {
            assert!((found / expected - 1.0).abs() < 1e-6, "{selector:?}: {found:e} {expected:e}");
        }
        // Control: the other cells' noise shows.
        assert!(alone < 0.6 * expected, "{selector:?}: {alone:e} {expected:e}");
    }
}

/// A cell that shorts its lines leaves no digits in the difference of their voltages; its noise is thermal at least.
#[test]
fn cells_that_short_their_lines_have_their_noise() {
    let thermal_a = |siemens: f64, setup: &Setup| {
        let kt_j = thermal_energy_ev(setup.temperature_k) * ELEMENTARY_CHARGE_C;
        (2.0 * kt_j * siemens / setup.integration_s).sqrt()
    };
    let mut setup = setup();
    for siemens in [1e2, 1e4, 1e6] {
        let cells = Cells::linear(arr2(&[[1e-12, 1e-12], [siemens, 1e-12]]));
        let found = read(&cells, &selected(0, 0, 1.0, Unselected::Floating), &setup).expect("reads");
        assert!((found.noise_a[0] / thermal_a(siemens, &setup) - 1.0).abs() < 1e-6, "{siemens} S: {:?}", found.noise_a);
    }
    setup.periphery.source_ohm = 1e12;
    let found = read(&Cells::linear(arr2(&[[1e9]])), &all_rows(&[1.0]), &setup).expect("reads");
    assert!((found.noise_a[0] / thermal_a(1e9, &setup) - 1.0).abs() < 1e-6, "{:?}", found.noise_a);
}

#[test]
fn what_cannot_be_is_refused_in_a_line() {
    let (good, both) = (setup(), all_rows(&[0.1, 0.1]));
    let array = arr2(&[[1e-6, 0.0], [2e-6, 1e-6]]);
    let said = |setup: Setup, driving: &Driving, array: &Array2<f64>| {
        read(&linear(array), driving, &setup).expect_err("is refused").to_string()
    };
    assert!(said(Setup { integration_s: 0.0, ..good.clone() }, &both, &array).contains("1e-12"));
    assert!(said(Setup { temperature_k: f64::NAN, ..good.clone() }, &both, &array).contains("2000 K"));
    assert!(said(Setup { adc_bits: Some(0), ..good.clone() }, &both, &array).contains("1 to 32"));
    let upside_down = Setup { adc_bits: Some(8), adc_range_a: Some((1.0, 0.0)), ..good.clone() };
    assert!(said(upside_down, &both, &array).contains("above the first"));
    assert!(said(good.clone(), &all_rows(&[0.1]), &array).contains("1 voltages are given for 2 word lines"));
    let negative = arr2(&[[1e-6, -1e-6], [2e-6, 1e-6]]);
    let message = said(good.clone(), &both, &negative);
    assert!(message.contains("row 0, column 1") && message.contains("-1e-6"), "{message}");
    let isolated = Driving::OneCell { row: 2, col: 0, read_v: 0.1, scheme: Scheme::Isolated };
    assert!(said(good.clone(), &isolated, &array).contains("row 2"));
    let nothing = Setup { adc_bits: Some(8), ..good.clone() };
    assert!(said(nothing, &both, &arr2(&[[0.0, 0.0], [0.0, 0.0]])).contains("range of its own"));
    let batch = |input_v: Array2<f64>| read_batch(&linear(&array), input_v.view(), &good).expect_err("is refused");
    assert!(batch(arr2(&[[0.1], [0.2]])).to_string().contains("1 voltages are given for 2 word lines"));
    assert!(batch(arr2(&[[0.1, 0.2], [0.1, f64::NAN]])).to_string().contains("NaN"));
}

/// The sources deliver what cells, segments and ends take. All of it follows from the same currents, whose errors
/// together are within 1e-9 of the total: the powers are off by 4 times that at most, voltages being the sources' at
/// most.
#[test]
fn power_is_conserved() {
    let conductance_s = random(9, 7);
    let (mut setup, half) = (setup(), |row, col| selected(row, col, 0.4, Unselected::Half));
    let inputs: Vec<f64> = (0..9).map(|row| 0.05 * f64::from(row) - 0.1).collect();
    let diode = Curve::Exponential { scale_a: 1e-7, scale_v: 0.2 };
    for (driving, both_ends, selector) in [
        (all_rows(&inputs), false, None),
        (all_rows(&inputs), true, None),
        (half(8, 6), false, None),
        (half(0, 3), true, None),
        (selected(4, 2, 0.4, Unselected::Floating), false, None),
        (Driving::OneCell { row: 4, col: 2, read_v: 0.4, scheme: Scheme::Isolated }, false, None),
        (all_rows(&inputs), false, Some(diode.clone())),
        (half(8, 6), true, Some(diode)),
    ] {
        let segments = |count: u32, ohm: f64| Wire::Segments((0..count).map(|k| ohm * f64::from(1 + k % 3)).collect());
        setup.periphery = Reading {
            word_wire: segments(8, 900.0),
            bit_wire: segments(10, 2e3),
            source_ohm: 5e3,
            sense_ohm: 700.0,
            both_ends,
        };
        let cells = Cells { selector, ..linear(&conductance_s) };
        let found = read(&cells, &driving, &setup).expect("reads");
        let power = found.power;
        assert!((power.left_over_w() / power.total_w).abs() < 4e-9, "{driving:?} {both_ends}: {power:?}");
        // Each part is there: without one of them the sum would not be the total.
        for part_w in [power.cells_w, power.wires_w, power.ends_w] {
            assert!(part_w > 1e-4 * power.total_w, "{driving:?}: {power:?}");
        }
    }
}

/// The bound is kept of the current that is sensed; where rounding forbids it with fewer digits, or of the total, and
/// that is told.
#[test]
fn the_sensed_current_has_the_accuracy() {
    let driving = selected(3, 2, 0.5, Unselected::Grounded);
    // Cells of a column among others of 1e-3 S in the same row. Six rows of currents to 1 mA lose some 1e-18 A in
    // rounding.
    let of = |siemens: f64| {
        let mut conductance_s = Array2::from_elem((6, 6), 1e-3);
        conductance_s.column_mut(2).fill(siemens);
        read(&linear(&conductance_s), &driving, &setup()).expect("reads")
    };
    for (siemens, kept) in [(1e-6, 1e-9), (1e-9, 1e-6)] {
        let found = of(siemens);
        let (certificate, sensed_a) = (found.certificate, found.wired_a[0].abs());
        assert!(
            sensed_a < 1e3 * siemens * certificate.total_a && certificate.bound_a <= kept * sensed_a,
            "{certificate:?}"
        );
        assert_eq!(found.accuracy_in_words(), format!("{kept:e} of the sensed current"));
        assert!(found.fell_back(&driving, &setup()) == (kept > 1e-9) && found.margin.is_some());
    }
    // Sixteen decades below what flows beside it, nothing of it is known to six digits.
    let found = of(1e-19);
    assert!(found.fell_back(&driving, &setup()) && found.certificate.bound_a <= 1e-9 * found.certificate.total_a);
    assert_eq!(found.accuracy_in_words(), "1e-9 of the total current");
}

/// A switch at every cell: five resistors in series, however the others conduct.
#[test]
fn an_isolated_cell_is_alone_with_its_wires() {
    let conductance_s = random(5, 4);
    let (row, col) = (1, 2);
    assert!(conductance_s[[row, col]] > 0.0);
    let mut setup = setup();
    setup.periphery = Reading { source_ohm: 3e4, sense_ohm: 2e4, ..Reading::with_wire(1e3) };
    let driving = Driving::OneCell { row, col, read_v: 0.2, scheme: Scheme::Isolated };
    let found = read(&linear(&conductance_s), &driving, &setup).expect("reads");
    let ohm = 1.0 / conductance_s[[row, col]] + 5e4 + 1e3 * f64::from(3 + 4);
    assert!((found.wired_a[0] * ohm / 0.2 - 1.0).abs() < 1e-9);
    // What sneaks through a passive array is not there.
    let passive = read(&linear(&conductance_s), &selected(row, col, 0.2, Unselected::Half), &setup).expect("reads");
    assert!(passive.wired_a[0] > 1.1 * found.wired_a[0]);
    // Its margin is that of the cells: wires of a hundredth of them take little of it.
    let margin = found.margin.expect("a cell");
    assert!(margin.margin < margin.ideal_margin && margin.margin > 0.9 * margin.ideal_margin, "{margin:?}");
}

/// Cells of the material's law against the equations: alone, behind a resistance, with a selector.
#[test]
fn cells_obey_the_law_of_their_material() {
    let material = trapline_model::material::shipped("pi-ws2-qd").expect("shipped");
    let t_k = 300.0;
    let filling = Array2::from_shape_fn((3, 2), |(row, col)| 0.1 + 0.15 * (2 * row + col) as f64);
    let area = Array2::from_shape_fn((3, 2), |(row, col)| 1.0 + 0.1 * (row + col) as f64);
    let current_a = |at: (usize, usize), volts: f64| {
        area[at] * trapline_model::cell::current::current_a(&material, volts, t_k, filling[at])
    };
    let conductance_s = Array2::from_shape_fn((3, 2), |at| current_a(at, 0.1) / 0.1);
    let law = MaterialCells::new(&material, t_k, &filling, area.clone());
    let cells = Cells { material: Some(law), ..Cells::linear(conductance_s.clone()) };
    let mut setup = Setup { noise: false, temperature_k: t_k, ..setup() };
    setup.periphery = Reading::with_wire(1e-3);
    // At 4 V the law is far from a line, and the wires drop nothing.
    let inputs = [4.0, -3.0, 2.0];
    let found = read(&cells, &all_rows(&inputs), &setup).expect("reads");
    for col in 0..2 {
        let expected: f64 = (0..3).map(|row| current_a((row, col), inputs[row])).sum();
        assert!((found.ideal_a[col] / expected - 1.0).abs() < 1e-12);
        assert!((found.wired_a[col] / expected - 1.0).abs() < 1e-8, "{} {expected}", found.wired_a[col]);
        let line: f64 = (0..3).map(|row| conductance_s[[row, col]] * inputs[row]).sum();
        assert!((expected / line - 1.0).abs() > 0.1, "{expected} {line}");
    }
    // One cell behind a resistance of its own size: the voltage that is left to it, by halvings.
    setup.periphery.source_ohm = 0.3 * 4.0 / current_a((1, 1), 4.0);
    let isolated = Driving::OneCell { row: 1, col: 1, read_v: 4.0, scheme: Scheme::Isolated };
    let halved = |series: &dyn Fn(f64) -> f64| {
        let (mut low, mut high) = (0.0, 4.0);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if current_a((1, 1), middle) < series(4.0 - middle) { low = middle } else { high = middle }
        }
        current_a((1, 1), low)
    };
    let found = read(&cells, &isolated, &setup).expect("reads");
    let expected = halved(&|volts| volts / setup.periphery.source_ohm);
    assert!((found.wired_a[0] / expected - 1.0).abs() < 1e-9, "{} {expected}", found.wired_a[0]);
    assert!(found.wired_a[0] < 0.9 * found.ideal_a[0] && found.power.left_over_w().abs() < 4e-9 * found.power.total_w);
    // With a selector in the place of the resistance, which is a part of the cell.
    setup.periphery.source_ohm = 0.0;
    let (scale_a, scale_v) = (1e-3 * current_a((1, 1), 4.0), 0.2);
    let selected = Cells { selector: Some(Curve::Sinh { scale_a, scale_v }), ..cells };
    let expected = halved(&|volts| scale_a * (volts / scale_v).sinh());
    let found = read(&selected, &isolated, &setup).expect("reads");
    assert!((found.ideal_a[0] / expected - 1.0).abs() < 1e-9 && (found.wired_a[0] / expected - 1.0).abs() < 1e-8);
    // Its states are those of the cells with the largest and the smallest conductance.
    let margin = found.margin.expect("one cell");
    assert!(margin.on_a > found.wired_a[0] && margin.off_a < found.wired_a[0]);
    assert!((margin.margin / margin.ideal_margin - 1.0).abs() < 1e-6);
}

/// A margin is what tells written cells from the others, not what cells of one kind differ by: the more they scatter
/// the less it is, and where they overlap it is none.
#[test]
fn a_margin_is_between_the_cells_that_are_closest() {
    let (on, off) = (Array2::from_elem((4, 6), 5e-6), 1e-6);
    let written = Array2::from_shape_fn((4, 6), |(row, col)| (row + col) % 2 == 0);
    let of = |scatter: f64, written: &Array2<bool>| {
        let differs = |(row, col): (usize, usize)| 1.0 + scatter * ((row * 5 + col * 3) % 7) as f64 / 6.0;
        let conductance_s = Array2::from_shape_fn((4, 6), |at| differs(at) * if written[at] { on[at] } else { off });
        let cells = Cells { written: Some(written.clone()), ..Cells::linear(conductance_s) };
        let setup = Setup { periphery: Reading::with_wire(1e-6), ..setup() };
        read(&cells, &selected(1, 2, 0.5, Unselected::Grounded), &setup).expect("reads")
    };
    for (scatter, expected) in [(0.0, 0.8), (0.5, 1.0 - 1.5 / 5.0), (7.0, 1.0 - 8.0 / 5.0)] {
        let found = of(scatter, &written);
        let margin = found.margin.expect("two states");
        assert_eq!(margin.between, Between::WrittenAndOthers);
        assert!((margin.margin - expected).abs() < 1e-6 && !found.one_state, "{scatter}: {margin:?}");
        assert!((margin.ideal_margin - expected).abs() < 1e-12);
    }
    // Cells that were all written differ, and have no margin.
    for all in [true, false] {
        let found = of(0.5, &Array2::from_elem((4, 6), all));
        assert!(found.margin.is_none() && found.one_state);
    }
}

/// Every vector of a batch is the reading of that vector by itself: where there are fewer vectors of linear cells than
/// lines, where these are one matrix, and where cells are nonlinear.
#[test]
fn a_batch_is_many_readings() {
    let setup =
        Setup { adc_bits: Some(10), periphery: Reading { sense_ohm: 500.0, ..Reading::with_wire(300.0) }, ..setup() };
    let inputs = Array2::from_shape_fn((3, 6), |(vector, row)| 0.1 * (1 + (vector + 2 * row) % 4) as f64);
    let curve = Curve::Sinh { scale_a: 1e-7, scale_v: 0.15 };
    for (cols, selector) in [(4, None), (9, None), (4, Some(curve))] {
        let cells = Cells { selector, ..Cells::linear(random(6, cols)) };
        let by_weights = super::read_batch(&Reference, &cells, inputs.view(), &setup, true).expect("reads");
        assert_eq!(by_weights.weight_s.is_some(), cells.is_linear());
        let batch = read_batch(&cells, inputs.view(), &setup).expect("reads");
        assert_eq!((batch.wired_a.dim(), batch.solves), ((3, cols), 3));
        assert!(batch.weight_s.is_none() && (batch.noise_a == by_weights.noise_a || !cells.is_linear()));
        for (by_vector, by_weight) in batch.wired_a.iter().zip(&by_weights.wired_a) {
            assert!((by_vector - by_weight).abs() <= batch.bound_a + by_weights.bound_a);
        }
        // As many vectors as the array has lines are products.
        let many = Array2::from_shape_fn((cols.min(6), 6), |(vector, row)| inputs[[vector % 3, row]]);
        assert_eq!(read_batch(&cells, many.view(), &setup).expect("reads").weight_s.is_some(), cells.is_linear());
        let mut worst = 0.0_f64;
        for (vector, input_v) in inputs.outer_iter().enumerate() {
            let one = read(&cells, &all_rows(&input_v.to_vec()), &setup).expect("reads");
            for col in 0..cols {
                let apart = (batch.wired_a[[vector, col]] - one.wired_a[col]).abs();
                assert!(apart <= batch.bound_a + one.certificate.bound_a, "{vector} {col}: {apart:e}");
                let ideal_apart = batch.ideal_a[[vector, col]] / one.ideal_a[col] - 1.0;
                assert!(ideal_apart.abs() < 1e-12);
                // Noise is taken at the sources' voltages, of which the wires leave 90 %.
                let noise = batch.noise_a[[vector, col]] / one.noise_a[col];
                assert!((0.999..1.1).contains(&noise), "{noise}");
                worst = worst.max((one.wired_a[col] - one.ideal_a[col]).abs());
            }
        }
        assert!((batch.errors_of_wires.worst * batch.errors_of_wires.largest_a / worst - 1.0).abs() < 1e-6);
        let (adc, codes) = batch.converted.clone().expect("a converter");
        assert!(codes.iter().any(|code| *code > 900) && adc.bits == 10 && batch.errors.effective_bits <= 10.0);
        assert!(batch.dataset("read", "a batch", &cells).check().is_ok());
    }
}

#[test]
fn blocks_are_means() {
    let values = Array2::from_shape_fn((5, 3), |(row, col)| (10 * row + col) as f64);
    assert_eq!(blocks(&values, 8), (values.clone(), 1));
    let (means, step) = blocks(&values, 3);
    assert_eq!((step, means), (2, arr2(&[[5.5, 7.0], [25.5, 27.0], [40.5, 42.0]])));
}

/// What a cell conducts is looked at, not measured: a bias of the reading that would fill it finds it as it is.
#[test]
fn reading_an_array_does_not_write_it() {
    let material = trapline_model::material::shipped("pi-ws2-qd").unwrap();
    let cpu = trapline_engine::backend::cpu::Cpu::open(None, None).unwrap();
    let shape = trapline_model::array::ArrayShape { rows: 2, cols: 2 };
    let train = crate::experiment::pulse::POTENTIATION;
    for read_v in [0.1, 3.0] {
        let at = trapline_model::units::kelvin(25.0);
        let conditions =
            crate::experiment::probe::Conditions { read_v, ..crate::experiment::probe::Conditions::nominal(at) };
        let made = programmed(&cpu, &material, conditions, shape, (Pattern::None, &train), true).unwrap();
        let nominal = trapline_model::cell::Factors::NOMINAL;
        let empty_s = trapline_model::cell::conductance_s(&material, &nominal, read_v, at, 0.0);
        for siemens in &made.conductance_s {
            assert!((siemens / empty_s - 1.0).abs() < 1e-5, "{read_v} V: {siemens:e} {empty_s:e}");
        }
        assert_eq!(remarks(&material, read_v, at).iter().any(|remark| remark.contains("would disturb")), read_v > 1.0);
    }
}
