use super::*;
use ndarray::{Array2, arr2};

fn setup(driving: Driving) -> Setup {
    Setup {
        periphery: Reading::with_wire(1.0),
        driving,
        temperature_k: 300.0,
        integration_s: 1e-3,
        noise: true,
        seed: 3,
        adc_bits: None,
        adc_range_a: None,
        accuracy: Accuracy::default(),
    }
}

/// One cell: 1 V over it, two segments of wire, a source and an amplifier.
#[test]
fn one_cell_is_five_resistors() {
    let mut setup = setup(Driving::AllRows { input_v: vec![1.0] });
    (setup.periphery.source_ohm, setup.periphery.sense_ohm) = (50.0, 30.0);
    let found = read(arr2(&[[1e-2]]).view(), &setup).expect("reads");
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
    assert!(read(arr2(&[[1e-2]]).view(), &Setup { noise: false, ..setup }).expect("reads").read_a == found.wired_a);
}

/// Two cells of a column: what sneaks through a floating array of 2 x 2 is three cells in series.
#[test]
fn what_sneaks_is_three_cells_in_series() {
    let conductance_s = arr2(&[[1e-6, 2e-6], [4e-6, 5e-6]]);
    let selected = Driving::OneCell { row: 0, col: 0, read_v: 0.5, unselected: Unselected::Floating };
    let mut setup = setup(selected);
    setup.periphery = Reading::with_wire(1e-6);
    let found = read(conductance_s.view(), &setup).expect("reads");
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
    let converted = read(conductance_s.view(), &converting).expect("reads");
    assert!(converted.clipped() == 0 && converted.errors.rms > 0.5, "{:?}", converted.errors);
    // With the other lines at 0 V nothing sneaks, but the sources of the row have more to deliver.
    setup.driving = Driving::OneCell { row: 0, col: 0, read_v: 0.5, unselected: Unselected::Grounded };
    let grounded = read(conductance_s.view(), &setup).expect("reads");
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
    let mut setup = setup(Driving::AllRows { input_v: vec![1.0, 1.0] });
    (setup.adc_bits, setup.adc_range_a) = (Some(4), Some((0.0, 2.5e-6)));
    let array = arr2(&[[1e-6, 3e-6], [1e-6, 1e-6]]);
    let found = read(array.view(), &setup).expect("reads");
    assert_eq!((found.clipped(), found.converted.clone().expect("a converter").1), (1, vec![12, 15]));
    setup.adc_range_a = None;
    assert_eq!(read(array.view(), &setup).expect("reads").clipped(), 0);
    // n bits over the largest current have n effective bits: their steps' rounding is uniform.
    let ideal: Vec<f64> = (0..100_000).map(|i| f64::from(i) / 99_999.0).collect();
    let adc = Adc { bits: 6, range_a: (0.0, 1.0) };
    let seen: Vec<f64> = ideal.iter().map(|a| adc.current_a(adc.code(*a))).collect();
    let found = ErrorStatistics::of(&ideal, &seen).effective_bits;
    assert!((found - 63f64.log2()).abs() < 0.01, "{found}");
}

#[test]
fn what_cannot_be_is_refused_in_a_line() {
    let good = setup(Driving::AllRows { input_v: vec![0.1, 0.1] });
    let array = arr2(&[[1e-6, 0.0], [2e-6, 1e-6]]);
    let said = |setup: Setup, array: &Array2<f64>| read(array.view(), &setup).expect_err("is refused").to_string();
    assert!(said(Setup { integration_s: 0.0, ..good.clone() }, &array).contains("1e-12"));
    assert!(said(Setup { temperature_k: f64::NAN, ..good.clone() }, &array).contains("2000 K"));
    assert!(said(Setup { adc_bits: Some(0), ..good.clone() }, &array).contains("1 to 32"));
    let upside_down = Setup { adc_bits: Some(8), adc_range_a: Some((1.0, 0.0)), ..good.clone() };
    assert!(said(upside_down, &array).contains("above the first"));
    let driving = Driving::AllRows { input_v: vec![0.1] };
    assert!(said(Setup { driving, ..good.clone() }, &array).contains("1 voltages are given for 2 word lines"));
    let negative = arr2(&[[1e-6, -1e-6], [2e-6, 1e-6]]);
    let message = said(good.clone(), &negative);
    assert!(message.contains("row 0, column 1") && message.contains("-0.000001"), "{message}");
    let nothing = Setup { adc_bits: Some(8), ..good };
    assert!(said(nothing, &arr2(&[[0.0, 0.0], [0.0, 0.0]])).contains("range of its own"));
}

#[test]
fn blocks_are_means() {
    let values = Array2::from_shape_fn((5, 3), |(row, col)| (10 * row + col) as f64);
    assert_eq!(blocks(&values, 8), (values.clone(), 1));
    let (means, step) = blocks(&values, 3);
    assert_eq!((step, means), (2, arr2(&[[5.5, 7.0], [25.5, 27.0], [40.5, 42.0]])));
}
