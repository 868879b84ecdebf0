use super::build::{Builder, CURVE_ERROR, Law, MOST_HALVINGS, Target};
use super::*;
use crate::material::{Hopping, shipped};

/// What the tables promise, of each law wherever it is above 1e-30 of its largest value in the range and a number of
/// f32.
const PROMISED: f64 = 1e-6;
const NEGLIGIBLE: f64 = 1e-30;
const SMALLEST: f64 = 1e-37;

/// Largest relative difference between a table and a law; NaN, and what is not negligible and missing, count as
/// infinite.
fn worst(points: &[(f32, f32)], table: impl Fn(f32, f32) -> f32, law: impl Fn(f64, f64) -> f64) -> f64 {
    let values: Vec<f64> = points.iter().map(|&(v, t)| law(f64::from(v), f64::from(t))).collect();
    let largest = values.iter().copied().fold(0.0, f64::max);
    let nothing = (NEGLIGIBLE * largest).max(SMALLEST);
    let mut worst = 0.0f64;
    for (&(v, t), &value) in points.iter().zip(&values) {
        let found = f64::from(table(v, t));
        let error = if value > nothing {
            (found / value - 1.0).abs()
        } else if found.abs() <= 2.0 * nothing {
            0.0
        } else {
            f64::INFINITY
        };
        worst = worst.max(if error.is_nan() { f64::INFINITY } else { error });
    }
    worst
}

/// Numbers between two, both among them: evenly by bit patterns, at random, and at the edges of parts of octaves and
/// beside them.
fn numbers(least: f32, most: f32, count: u32, seed: u64) -> Vec<f32> {
    let (low, high) = (least.to_bits(), most.to_bits());
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    let mut found = vec![least, most];
    for i in 0..count {
        found.push(f32::from_bits(low + (u64::from(high - low) * u64::from(i) / u64::from(count)) as u32));
        found.push(f32::from_bits(low + random() % (high - low + 1)));
        let edge = (low + random() % (high - low + 1)) >> (12 + i % 10) << (12 + i % 10);
        found.extend([edge.wrapping_sub(1), edge].map(|bits| f32::from_bits(bits.clamp(low, high))));
    }
    found
}

fn pairs(volts: &[f32], kelvins: &[f32]) -> Vec<(f32, f32)> {
    // Every bias at some temperatures and every temperature at some biases, ends with ends.
    let (v, t) = (volts.len(), kelvins.len());
    let mut found: Vec<_> = (0..2 * v.max(t)).map(|i| (volts[i % v], kelvins[(7 * i + i / v) % t])).collect();
    found.extend(volts[..2].iter().flat_map(|&v| kelvins[..2].iter().map(move |&t| (v, t))));
    found
}

/// Materials that ship, and some whose laws are as steep as a file allows within reason.
fn materials() -> Vec<(&'static str, Material)> {
    let of = |name: &str| shipped(name).expect("shipped");
    let mut found = vec![("qd", of("pi-ws2-qd")), ("ns", of("pi-ws2-ns")), ("pi", of("pi"))];
    let mut tunnelling = of("pi-ws2-qd");
    tunnelling.injection.fowler_nordheim_v = 350.0;
    tunnelling.injection.fowler_nordheim_a_per_v2 = 1e10;
    tunnelling.injection.direct_s = 1e-40;
    tunnelling.injection.superlinearity_per_v2 = 3.0;
    tunnelling.field_release.as_mut().expect("has").bias_v = 300.0;
    tunnelling.capture.as_mut().expect("has").stay_width_v = 0.02;
    found.push(("tunnelling", tunnelling));
    let mut hopping = of("pi-ws2-ns");
    hopping.hopping = Some(Hopping { conductance_s: 1e-13, field_per_root_v: 9.0, activation_ev: 1.2 });
    hopping.matrix.as_mut().expect("has").fragility = 1000.0;
    hopping.barrier.width_m *= 2.0;
    found.push(("hopping", hopping));
    found
}

const WIDE: TemperatureRange = TemperatureRange { least_k: 200.0, most_k: 1273.15 };

fn both(least: f32, most: f32) -> BiasRange {
    BiasRange { positive: Some((least, most)), negative: Some((least, least.max(0.75 * most))) }
}

/// Largest errors of the laws, by name.
fn errors(material: &Material, tables: &LawTables, biases: BiasRange, heat: TemperatureRange) -> Vec<(String, f64)> {
    let mut volts = Vec::new();
    // From zero on means from 1e-30 of the largest on.
    let range = |(least, most): (f32, f32)| numbers(least.max(most * 1e-30), most, 6000, 1);
    let positive = biases.positive.map(range).unwrap_or_default();
    let negative: Vec<f32> = biases.negative.map(range).unwrap_or_default().iter().map(|v| -v).collect();
    volts.extend(&positive);
    volts.extend(&negative);
    let kelvins = numbers(heat.least_k, heat.most_k, 6000, 2);
    let all = pairs(&volts, &kelvins);
    let of_sign = |volts: &[f32]| if volts.is_empty() { Vec::new() } else { pairs(volts, &kelvins) };
    let of_heat: Vec<_> = kelvins.iter().map(|&t| (0.0, t)).collect();
    let mut found = vec![
        (
            "injected".to_owned(),
            worst(&all, |v, t| tables.injected_a(v, t), |v, t| current::injected_a(material, v.abs(), t)),
        ),
        (
            "hopping".to_owned(),
            worst(&all, |v, t| tables.hopping_a(v, t), |v, t| current::hopping_a(material, v.abs(), t)),
        ),
        (
            "field".to_owned(),
            worst(
                &of_sign(&negative),
                |v, _| tables.field_per_s(v),
                |v, _| release::field_per_s(material.field_release.as_ref(), v),
            ),
        ),
        (
            "matrix".to_owned(),
            worst(
                &of_heat,
                |_, t| tables.background_per_s(t),
                |_, t| release::background_per_s(material, t).min(MOST_PER_S),
            ),
        ),
        ("1/kT".to_owned(), worst(&of_heat, |_, t| tables.per_ev(t), |_, t| 1.0 / thermal_energy_ev(t))),
    ];
    for (sign, volts) in [("+", &positive), ("-", &negative)] {
        let error =
            worst(&of_sign(volts), |v, t| tables.offered_per_s(v, t), |v, t| capture::offered_per_s(material, v, t));
        found.push((format!("offered {sign}"), error));
    }
    for (k, class) in material.classes.iter().enumerate() {
        let error = worst(
            &of_heat,
            |_, t| tables.thermal_per_s(k, t),
            |_, t| release::thermal_per_s(material.attempt_per_s, class.depth_ev, t),
        );
        found.push((format!("thermal {k}"), error));
    }
    found
}

#[test]
fn tables_have_the_laws_digits_over_the_whole_range() {
    let room = TemperatureRange { least_k: 298.15, most_k: 298.15 };
    let heated = TemperatureRange { least_k: 293.15, most_k: 450.0 };
    let one_sign = BiasRange { positive: None, negative: Some((0.3, 5.5)) };
    for (name, material) in materials() {
        for (biases, heat) in [
            (both(0.0, 6.0), WIDE),
            (both(0.01, 5.5), heated),
            (both(1e-6, 1.9999999), room),
            (both(1.5, 1.5), WIDE),
            (both(4.0, 4.0), room),
            (one_sign, heated),
            (both(0.0, 1e-4), TemperatureRange { least_k: 4.0, most_k: 77.0 }),
        ] {
            let tables = LawTables::build(&material, biases, heat)
                .unwrap_or_else(|error| panic!("{name} {biases:?} {heat:?}: {error}"));
            let errors = errors(&material, &tables, biases, heat);
            for (law, error) in &errors {
                assert!(*error <= PROMISED, "{name} {biases:?} {heat:?}: {law} is off by {error:e}");
            }
        }
    }
}

/// The chosen number of halvings is the least: one fewer is worse than the tolerance, and the comparison above would
/// see it.
#[test]
fn fewer_parts_or_a_wrong_coefficient_are_noticed() {
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let law = Law {
        name: "thermal escape",
        value: |t: f64| release::thermal_per_s(1e13, 1.4, t),
        smooth: |t: f64| release::thermal_per_s(1e13, 1.4, t),
        most: MOST_PER_S,
    };
    let mut builder = Builder::new();
    let axis = Axis::new(WIDE.least_k, WIDE.most_k);
    let header = builder.curve(&law, axis).expect("a table");
    let exponent = -libm::ilogb(f64::from(header.factor));
    for (number, octave) in axis.octaves().enumerate() {
        let entry = header.directory as usize + number;
        let halvings = 23 - builder.quads[entry][1] as u32;
        assert!((4..MOST_HALVINGS).contains(&halvings), "octave {octave}: {halvings}");
        let before = builder.quads.clone();
        let target = Target { entry, exponent, header };
        let error = builder.curve_octave(&law, &target, octave, halvings - 1).expect("an octave");
        assert!(error > CURVE_ERROR, "octave {octave} with {halvings} - 1 halvings: {error:e}");
        builder.quads = before;
    }
    // Four times as coarse the promise itself is broken: the error of a cubic goes with the fourth power.
    for (number, octave) in axis.octaves().enumerate() {
        let entry = header.directory as usize + number;
        let halvings = 23 - builder.quads[entry][1] as u32;
        let target = Target { entry, exponent, header };
        builder.curve_octave(&law, &target, octave, halvings - 2).expect("an octave");
    }
    let kelvins: Vec<_> = numbers(WIDE.least_k, WIDE.most_k, 6000, 3).into_iter().map(|t| (0.0, t)).collect();
    let error = worst(&kelvins, |_, t| curve(&builder.quads, &header, t), |_, t| (law.value)(t));
    assert!(error > PROMISED, "{error:e}");

    let biases = both(0.01, 5.5);
    let tables = LawTables::build(&qd, biases, WIDE).expect("tables");
    // A coefficient of a part in the middle of a table, off by a thousandth.
    for (law, header, x) in [
        ("injected", tables.injected, 1.0f32),
        ("field", tables.field, 3.0),
        ("matrix", tables.background, 500.0),
        ("1/kT", tables.per_ev, 400.0),
    ] {
        let mut wrong = tables.clone();
        let entry = tables.quads[(header.directory + (x.to_bits() >> 23) - (header.low_x >> 23)) as usize];
        let quad = entry[0] as i32 + ((x.to_bits() & 0x7f_ffff) >> entry[1] as u32) as i32;
        wrong.quads[quad as usize][0] *= 1.001;
        let errors = errors(&qd, &wrong, biases, WIDE);
        let found = errors.iter().find(|(name, _)| name == law).expect("a law").1;
        assert!(found > PROMISED, "{law}: {found:e}");
    }
}

#[test]
fn the_ends_are_met_and_what_lies_outside_is_taken_there() {
    let ns = shipped("pi-ws2-ns").expect("shipped");
    let biases = BiasRange::of([0.1, -0.25, 0.0, 3.0]).expect("biases");
    assert_eq!((biases.positive, biases.negative), (Some((0.1, 3.0)), Some((0.25, 0.25))));
    let heat = TemperatureRange::of([300.0, 420.0]).expect("temperatures");
    let tables = LawTables::build(&ns, biases, heat).expect("tables");
    assert_eq!(tables.injected_a(7.0, 500.0).to_bits(), tables.injected_a(3.0, 420.0).to_bits());
    assert_eq!(tables.hopping_a(0.01, 200.0).to_bits(), tables.hopping_a(0.1, 300.0).to_bits());
    assert_eq!(tables.hopping_a(f32::NAN, f32::INFINITY).to_bits(), tables.hopping_a(3.0, 420.0).to_bits());
    // Odd in V but for the sign, which a kernel puts in: the magnitude counts.
    assert_eq!(tables.injected_a(-1.5, 350.0).to_bits(), tables.injected_a(1.5, 350.0).to_bits());
    for nothing in [0.0, -0.0] {
        assert_eq!(tables.injected_a(nothing, 350.0), 0.0);
        assert_eq!(tables.hopping_a(nothing, 350.0), 0.0);
        assert_eq!(tables.offered_per_s(nothing, 350.0), 0.0);
        assert_eq!(tables.field_per_s(nothing), 0.0);
    }
    assert_eq!(tables.field_per_s(1.0), 0.0);
    // One bias and one temperature: the laws' own numbers, rounded once.
    let one = BiasRange { positive: Some((1.5, 1.5)), negative: None };
    let tables = LawTables::build(&ns, one, TemperatureRange { least_k: 350.0, most_k: 350.0 }).expect("tables");
    let hopping = f64::from(tables.hopping_a(1.5, 350.0));
    // A product of two: three roundings of half a unit, 2^-24, each.
    assert!((hopping / current::hopping_a(&ns, 1.5, 350.0) - 1.0).abs() < 3.0 * 6e-8, "{hopping:e}");
    assert_eq!(tables.background_per_s(350.0), release::background_per_s(&ns, 350.0) as f32);
    assert_eq!(tables.offered_per_s(-1.5, 350.0), 0.0);
}

#[test]
fn a_unit_brings_the_smallest_rates_into_f32() {
    // At 150 K a trap of the dots holds for 1e28 s and longer; events per ten years are numbers.
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let heat = TemperatureRange { least_k: 120.0, most_k: 150.0 };
    let tables = LawTables::build(&qd, BiasRange::default(), heat).expect("tables");
    let decade_s = 3.156e8;
    let slowest = qd.classes.len() - 1;
    let law = |t: f64| release::thermal_per_s(qd.attempt_per_s, qd.classes[slowest].depth_ev, t) * decade_s;
    assert!(law(150.0) < 1e-25 && law(120.0) < 1e-38, "{:e} {:e}", law(150.0), law(120.0));
    let header = tables.thermal[slowest].times(decade_s);
    let kelvins: Vec<_> = numbers(heat.least_k, heat.most_k, 500, 5).into_iter().map(|t| (0.0, t)).collect();
    let error = worst(&kelvins, |_, t| curve(tables.quads(), &header, t), |_, t| law(t));
    assert!(error <= PROMISED, "{error:e}");
}

#[test]
fn what_no_table_can_hold_is_refused_in_a_line() {
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let heat = TemperatureRange { least_k: 300.0, most_k: 400.0 };
    let refused = |result: Result<LawTables, LawTableError>, words: &[&str]| {
        let error = result.map(drop).expect_err("refused").to_string();
        assert!(!error.contains('\n') && words.iter().all(|word| error.contains(word)), "{error}");
    };
    // A step of the share that stays, a microvolt wide at 3 V: 65536 parts of [2, 4) are 30 of it.
    let mut steep = qd.clone();
    steep.capture.as_mut().expect("has").stay_width_v = 1e-6;
    refused(LawTables::build(&steep, both(0.1, 5.0), heat), &["the offer", "too fast", "from 2 to 4", "65536"]);
    assert!(matches!(BiasRange::of([1.0, f64::NAN]), Err(LawTableError::Bias { .. })));
    assert!(matches!(TemperatureRange::of([300.0, -1.0]), Err(LawTableError::Temperature { .. })));
    assert!(matches!(TemperatureRange::of([]), Err(LawTableError::Temperature { .. })));
    let turned = TemperatureRange { least_k: 400.0, most_k: 300.0 };
    refused(LawTables::build(&qd, both(0.1, 1.0), turned), &["300 K"]);
    let turned = BiasRange { positive: Some((2.0, 1.0)), negative: None };
    refused(LawTables::build(&qd, turned, heat), &["1 V"]);
}
