use super::rest::{Held, Kind, Rest};
use super::welch::Welch;
use super::*;
use nalgebra::{Complex, DMatrix, DVector};
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::reference::Reference;
use trapline_model::cell::counted::DotNumber;
use trapline_model::dataset::Values;
use trapline_model::material::{self, SHIPPED};
use trapline_model::units::kelvin;

const FIXED: Electrons = Electrons::Counted(DotNumber::Fixed);

/// The shipped dots in a cell of another area; in one class, or as the file has them.
fn of_area(area_um2: f64, one_class: bool) -> Material {
    let mut text = SHIPPED[0].1.replace("area = { value = 0.798,", &format!("area = {{ value = {area_um2:?},"));
    if one_class {
        text = text.replace("kind = \"dots\"", "kind = \"dots\"\nclasses = 1");
    }
    material::parse(&text, "test").expect("sound")
}

fn setup(bias_v: f64, celsius: f64, step_s: f64) -> Setup {
    let temperature_k = kelvin(celsius);
    let (samples, cells, seed, variation) = (16_384, 8, 3, false);
    Setup { bias_v, temperature_k, step_s, samples, cells, seed, variation, electrons: FIXED }
}

/// A cell under no particular bias, with traps as given: how many, speed, emission.
fn held(kinds: &[(u32, f64, f64)], offered_per_s: f64, space_charge_limit: f64) -> Held {
    let kinds = kinds.iter().map(|&(dots, speed, emission_per_s)| Kind { dots, speed, emission_per_s }).collect();
    Held { kinds, open: 0.5, offered_per_s, space_charge_limit, injected_a: 1e-12, hopping_a: 1e-14 }
}

/// Bands of a spectrum that are more than so many standard deviations off another one; those that the mean of a record
/// takes away from are left out.
fn bands_off(d: &Dataset, expected: &[f64], sd: f64) -> usize {
    let of = |name: &str| d.numbers(name).expect("there").iter().copied().collect::<Vec<f64>>();
    let (found, errors) = (of("density_a2_per_hz"), of("relative_error"));
    let off = (2..found.len()).filter(|&k| {
        let fits = ((found[k] / expected[k] - 1.0) / errors[k]).abs() <= sd;
        !fits
    });
    off.count()
}

/// Of some seventy bands one is 4.5 of its standard deviations off in two thousand runs; densities of 15 x 8 segments
/// are not normal but gamma-distributed, whose tails are longer, so 5.
const ALLOWED_SD: f64 = 5.0;

fn closed(d: &Dataset) -> Vec<f64> {
    d.numbers("closed_form_a2_per_hz").expect("there").iter().copied().collect()
}

/// The same closed form of a cell whose rates are all larger by a factor.
fn at_rate(rest: &Rest, factor: f64, setup: &Setup, d: &Dataset) -> Vec<f64> {
    let mut held = rest.held().clone();
    held.offered_per_s *= factor;
    held.kinds.iter_mut().for_each(|kind| kind.emission_per_s *= factor);
    let frequencies: Vec<f64> = d.numbers("frequency_hz").expect("there").iter().copied().collect();
    Rest::of(held).sampled_a2_per_hz(setup.step_s, &frequencies)
}

/// Far above the glass transition dots let go so fast that space charge has no say: one Lorentzian.
#[test]
fn without_space_charge_the_spectrum_is_one_lorentzian() {
    let (material, mut setup) = (of_area(0.5, true), setup(4.0, 210.0, 1.0));
    let rest = setup.nominal(&material);
    let kind = rest.held().kinds[0];
    let (c, e) = (kind.speed * rest.uptake_per_s, kind.emission_per_s);
    assert!(rest.feedback_per_s < 4e-3 * (c + e), "{} {c} {e}", rest.feedback_per_s);
    setup.step_s = 0.3 / (c + e);
    let cpu = Cpu::open(None, None).expect("opens");
    let d = run(&cpu, &material, &setup).expect("runs");
    assert_eq!(bands_off(&d, &closed(&d), ALLOWED_SD), 0);
    for factor in [0.5, 2.0] {
        assert!(bands_off(&d, &at_rate(&rest, factor, &setup, &d), ALLOWED_SD) > 5, "{factor}");
    }

    // The closed form itself: 4 dI^2 N f (1 - f) tau/(1 + (w tau)^2), its corner at (c + e)/2 pi.
    let (n, f, tau) = (f64::from(kind.dots), rest.filling, 1.0 / (c + e));
    let step_a = (rest.held().current_a(f + 1e-4 / n) - rest.held().current_a(f - 1e-4 / n)) / 2e-4;
    for w_tau in [1e-3, 0.5, 1.0, 7.0] {
        let hz = w_tau / tau / std::f64::consts::TAU;
        let expected = 4.0 * step_a * step_a * n * f * (1.0 - f) * tau / (1.0 + w_tau * w_tau);
        // Space charge makes twice its share of the rates, the slope by a difference less.
        assert!((rest.density_a2_per_hz(hz) / expected - 1.0).abs() < 1e-2, "{w_tau}");
    }
    assert!((rest.corner_hz() * std::f64::consts::TAU * tau - 1.0).abs() < 5e-3);

    // The plateau: all bands below a third of the corner together.
    let of = |name: &str| d.numbers(name).expect("there").iter().copied().collect::<Vec<f64>>();
    let (frequency, found, error) = (of("frequency_hz"), of("density_a2_per_hz"), of("relative_error"));
    let low: Vec<usize> = (2..frequency.len()).filter(|&k| frequency[k] < rest.corner_hz() / 3.0).collect();
    let weights: f64 = low.iter().map(|&k| error[k].powi(-2)).sum();
    let over = low.iter().map(|&k| found[k] / closed(&d)[k] / error[k].powi(2)).sum::<f64>() / weights;
    assert!((over - 1.0).abs() < 5.0 / weights.sqrt() && weights.sqrt() > 40.0, "{over} +- {}", 1.0 / weights.sqrt());
}

/// Where capture, emission and what an electron does to the others all count, in all sixteen classes.
#[test]
fn with_space_charge_the_spectrum_is_that_of_linear_noise() {
    let (material, mut setup) = (of_area(0.02, false), setup(4.0, 195.0, 1.0));
    let rest = setup.nominal(&material);
    setup.step_s = 0.15 / rest.fastest_per_s();
    let cpu = Cpu::open(None, None).expect("opens");
    let d = run(&cpu, &material, &setup).expect("runs");
    assert_eq!(bands_off(&d, &closed(&d), ALLOWED_SD), 0);
    assert!(bands_off(&d, &at_rate(&rest, 2.0, &setup, &d), ALLOWED_SD) > 5);
    // Control: the same rates, none of which changes with the filling, and the same slope of the current.
    let mut free = rest.held().clone();
    (free.offered_per_s, free.open, free.space_charge_limit) = (rest.uptake_per_s, 1.0 - 1e-9, 1e9);
    let free = Rest::of(free);
    assert!((free.filling / rest.filling - 1.0).abs() < 1e-6 && free.feedback_per_s < 1e-6 * rest.feedback_per_s);
    let of_one = |rest: &Rest| rest.variance_a2() / rest.variance_of_number();
    let frequencies: Vec<f64> = d.numbers("frequency_hz").expect("there").iter().copied().collect();
    let shape = free.sampled_a2_per_hz(setup.step_s, &frequencies);
    let shape: Vec<f64> = shape.iter().map(|s| s * of_one(&rest) / of_one(&free)).collect();
    assert!(bands_off(&d, &shape, ALLOWED_SD) > 5);
}

/// Each dot by itself, event by event, against the closed form of those very dots.
#[test]
fn dots_one_by_one_have_the_closed_form_of_their_own_rates() {
    let (material, mut setup) = (of_area(0.004, false), setup(4.0, 195.0, 1.0));
    setup.electrons = Electrons::EachDot(DotNumber::Poisson);
    setup.variation = true;
    setup.step_s = 0.3 / setup.nominal(&material).fastest_per_s();
    let d = run(&Reference, &material, &setup).expect("runs");
    assert_eq!(bands_off(&d, &closed(&d), ALLOWED_SD), 0);
    let doubled: Vec<f64> = closed(&d).iter().map(|s| 2.0 * s).collect();
    assert!(bands_off(&d, &doubled, ALLOWED_SD) > 20);
}

/// The inverse by Sherman and Morrison is the matrix form: g^T (A + i w)^-1 B (A + i w)^-H g.
#[test]
fn the_closed_form_is_that_of_the_matrices() {
    let kinds = [(300, 0.7, 3.0), (500, 1.1, 20.0), (200, 1.6, 0.2)];
    let rest = Rest::of(held(&kinds, 40.0, 0.6));
    let (dots, u, rho) = (1000.0, rest.uptake_per_s, rest.feedback_per_s);
    // At rest as much is caught as let go, at the uptake of that filling.
    assert!(
        (u / rest.held().offered_per_s - {
            let f = rest.filling;
            (1.0 - f) / (1.0 - 0.5 * f) * (1.0 - f / 0.6)
        })
        .abs()
            < 1e-12
    );
    let share = |k: usize| f64::from(kinds[k].0) / dots;
    let empty = |k: usize| 1.0 - rest.occupancy(&rest.held().kinds[k]);
    let a = DMatrix::from_fn(3, 3, |k, l| {
        let own = if k == l { kinds[k].1 * u + kinds[k].2 } else { 0.0 };
        own + kinds[k].1 * empty(k) * rho * share(l)
    });
    let b = DMatrix::from_fn(
        3,
        3,
        |k, l| {
            if k == l { 2.0 * kinds[k].1 * u * empty(k) / f64::from(kinds[k].0) } else { 0.0 }
        },
    );
    let h = 1e-6;
    let slope_a = (rest.held().current_a(rest.filling + h) - rest.held().current_a(rest.filling - h)) / (2.0 * h);
    let g = DVector::from_fn(3, |k, _| Complex::new(slope_a * share(k), 0.0));
    for hz in [1e-3, 0.3, 2.0, 50.0] {
        let w = std::f64::consts::TAU * hz;
        let drift = a.map(|x| Complex::new(x, 0.0)) + DMatrix::identity(3, 3) * Complex::new(0.0, w);
        let inverse = drift.try_inverse().expect("regular");
        let left = g.transpose() * &inverse;
        // Two-sided over w it is as written; one-sided over f, twice that.
        let expected = 2.0 * (&left * b.map(|x| Complex::new(x, 0.0)) * left.adjoint())[(0, 0)].re;
        assert!((rest.density_a2_per_hz(hz) / expected - 1.0).abs() < 1e-8, "{hz}: {expected:e}");
    }
    // And its integral is the variance, by the trapezoid in ln f.
    let (stride, from) = (0.02, (1e-6f64).ln());
    let all: f64 = (0..1800).map(|i| (from + stride * f64::from(i)).exp()).map(|f| f * rest.density_a2_per_hz(f)).sum();
    assert!((all * stride / rest.variance_a2() - 1.0).abs() < 1e-5, "{}", all * stride / rest.variance_a2());
}

/// A sampled Lorentzian is known: R(m step) = var exp(-lambda m step), summed.
#[test]
fn what_lies_above_half_of_the_sampling_rate_is_folded_back() {
    let rest = Rest::of(held(&[(1000, 1.0, 5.0)], 20.0, 0.5));
    let kind = rest.held().kinds[0];
    let lambda = rest.uptake_per_s + kind.emission_per_s + rest.feedback_per_s * (1.0 - rest.occupancy(&kind));
    for x in [0.01, 0.3, 3.0, 100.0] {
        let (step_s, kept) = (x / lambda, f64::exp(-x));
        let frequencies: Vec<f64> = [0.0, 0.1, 0.37, 0.5].iter().map(|part| part / step_s).collect();
        let found = rest.sampled_a2_per_hz(step_s, &frequencies);
        for (f, found) in frequencies.iter().zip(found) {
            let cos = (std::f64::consts::TAU * f * step_s).cos();
            let of_samples = (1.0 - kept * kept) / (1.0 - 2.0 * kept * cos + kept * kept);
            let expected = 2.0 * step_s * rest.variance_a2() * of_samples;
            // The integral in the place of the images past the 16th.
            assert!((found / expected - 1.0).abs() < 3e-4, "{x} {f}: {found:e} {expected:e}");
        }
    }
}

/// Law of the number of electrons by the balance of each pair of neighbours.
#[test]
fn a_start_is_drawn_from_the_law_of_rest_however_tightly_space_charge_holds() {
    // Free; held; and held so that but few of the tries are taken, by less than an electron.
    for (dots, offered, limit, emission) in [(40u32, 3.0, 1e9, 50.0), (75, 40.0, 0.21, 3.0), (75, 40.0, 0.215, 1e-4)] {
        let rest = Rest::of(held(&[(dots, 1.0, emission)], offered, limit));
        let up = |n: u32| {
            let f = f64::from(n) / f64::from(dots);
            f64::from(dots - n) * offered * (1.0 - f) / (1.0 - 0.5 * f) * (1.0 - f / limit).max(0.0)
        };
        let mut law = vec![1.0];
        for n in 0..dots {
            law.push(law[n as usize] * up(n) / (f64::from(n + 1) * emission));
        }
        let all: f64 = law.iter().sum();
        let moment = |of: &dyn Fn(f64) -> f64| law.iter().enumerate().map(|(n, p)| p / all * of(n as f64)).sum::<f64>();
        let mean = moment(&|n| n);
        let variance = moment(&|n| (n - mean) * (n - mean));
        let fourth = moment(&|n| (n - mean).powi(4));
        let mut uniforms = Uniforms::new(9, 1, Purpose::AtRest);
        let count = 4000;
        let drawn: Vec<f64> = (0..count).map(|_| f64::from(rest.draw(&mut uniforms)[0])).collect();
        let found = drawn.iter().sum::<f64>() / f64::from(count);
        let spread = drawn.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / f64::from(count);
        let root = f64::from(count).sqrt();
        assert!((found - mean).abs() <= 5.0 * variance.sqrt() / root + 1e-3, "{limit}: {found} {mean}");
        let allowed = 5.0 * (fourth - variance * variance).max(0.0).sqrt() / root + 1e-3;
        assert!((spread - variance).abs() <= allowed, "{limit}: {spread} {variance}");
        // Control: the binomial is another law where space charge holds.
        let binomial = f64::from(dots) * rest.filling * (1.0 - rest.filling);
        assert_eq!((binomial - variance).abs() > 2.0 * allowed, limit < 1.0, "{binomial} {variance}");
    }
}

#[test]
fn a_spectrum_sums_up_to_the_variance() {
    let mut uniforms = Uniforms::new(4, 4, Purpose::AtRest);
    let samples: Vec<f64> = (0..1 << 14).map(|_| uniforms.draw()).collect();
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    let step_s = 3e-2;
    let sum = |length: usize| {
        let welch = Welch::new(length);
        welch.density(&samples, step_s).iter().sum::<f64>() / (length as f64 * step_s)
    };
    // One segment: exactly what the window weighs, but for the roundings of 14 stages.
    let weight = |i: usize| (std::f64::consts::PI * i as f64 / samples.len() as f64).sin().powi(4);
    let weights: f64 = (0..samples.len()).map(weight).sum();
    let weighed: f64 = samples.iter().enumerate().map(|(i, x)| weight(i) * (x - mean) * (x - mean)).sum();
    assert!((sum(samples.len()) / (weighed / weights) - 1.0).abs() < 1e-12);
    // Many segments: the variance but for the ends of the record, 1/32 of it; control: without the windows' power.
    let variance = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / samples.len() as f64;
    let over = sum(512) / variance;
    assert!((over - 1.0).abs() < 0.02 && (over * 0.375 - 1.0).abs() > 0.5, "{over}");
    // White noise: 2 var step at all frequencies, with the scatter that is claimed for bands.
    let welch = Welch::new(512);
    let density = welch.density(&samples, step_s);
    let off = |&(from, to): &(usize, usize)| {
        let of_band = density[from..to].iter().sum::<f64>() / (to - from) as f64;
        (of_band / (2.0 * variance * step_s) - 1.0) / welch::relative_error(to - from, welch::segments(1 << 14, 512), 1)
    };
    let offs: Vec<f64> = welch::bands(512).iter().map(off).collect();
    let square = offs.iter().map(|z| z * z).sum::<f64>() / offs.len() as f64;
    // Mean square of some forty numbers of variance 1: 1 +- 0.22.
    assert!(offs.len() > 35 && (square - 1.0).abs() < 0.9, "{square} of {}", offs.len());
}

/// Where space charge leaves room for one electron there are never two, and the noise is that of each dot by itself,
/// which here are all alike.
#[test]
fn a_cell_with_room_for_one_electron_never_holds_two() {
    let (_, text) = SHIPPED.iter().find(|(name, _)| *name == "pi-ws2-ns").expect("shipped");
    let text = text.replace("area = { value = 1.21,", "area = { value = 1e-4,");
    let text = text.replace("kind = \"sheets\"", "kind = \"sheets\"\nclasses = 1");
    let material = material::parse(&text, "test").expect("sound");
    let setup = Setup { samples: 8192, cells: 16, ..setup(0.25, 150.0, 0.0256) };
    let nominal = setup.nominal(&material);
    assert!(nominal.held().space_charge_limit * f64::from(nominal.held().dots()) < 1.0);
    let d = run(&Reference, &material, &setup).expect("runs");
    let Some(Values::Count(electrons)) = d.get("electrons").map(|of| &of.values) else { panic!("no electrons") };
    assert_eq!(electrons.iter().copied().max(), Some(1));
    // One electron or none: caught at what all dots are offered, let go at the one rate.
    let kind = nominal.held().kinds[0];
    let caught = f64::from(kind.dots) * kind.speed * nominal.held().offered_per_s;
    let share = caught / (caught + kind.emission_per_s);
    let found = electrons.sum() as f64 / electrons.len() as f64;
    let independent = electrons.len() as f64 * (setup.step_s * (caught + kind.emission_per_s) / 2.0).min(1.0);
    let sd = (share * (1.0 - share) / independent).sqrt();
    assert!((found - share).abs() < 4.0 * sd, "{found} {share} +- {sd}");
    // Control: ten times the area has room for several, and they come.
    let wide = material::parse(&text.replace("value = 1e-4,", "value = 1e-3,"), "test").expect("sound");
    let d = run(&Reference, &wide, &setup).expect("runs");
    let Some(Values::Count(electrons)) = d.get("electrons").map(|of| &of.values) else { panic!("no electrons") };
    assert!(electrons.iter().any(|n| *n > 1));
}

#[test]
fn what_has_no_noise_is_refused_in_one_line() {
    let material = of_area(0.02, false);
    let good = setup(4.0, 195.0, 1e-6);
    let no_traps = material::shipped("pi").expect("shipped");
    for (material, setup, needed) in [
        (&material, Setup { electrons: Electrons::MeanField, ..good }, "mean-field"),
        (&no_traps, good, "no traps"),
        (&of_area(1e-6, false), good, "1 to"),
        (&of_area(50.0, false), good, "um^2"),
        (&material, Setup { bias_v: 0.1, ..good }, "0.1 V catches nothing"),
        (&material, Setup { temperature_k: 5.0, ..good }, "let nothing go"),
        (&material, Setup { samples: 100, ..good }, "256"),
        (&material, Setup { step_s: 1e3, cells: 1000, ..good }, "at most"),
    ] {
        let error = run(&Reference, material, &setup).expect_err(needed).to_string();
        assert!(error.contains(needed) && !error.contains('\n'), "{error}");
    }
}
