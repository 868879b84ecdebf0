//! Heat against closed forms: uniform sources, points, single modes, the balance of energy.

use ndarray::{Array2, s};
use std::f64::consts::PI;
use trapline_engine::heat::{Along, Ambient, Chip, HeatError, Layer, Solver, substrate};

/// No part of a map is further from another than this share of the other's largest number; NaN is.
#[track_caller]
fn near(found: &Array2<f64>, wanted: &Array2<f64>, share: f64) {
    assert!(apart(found, wanted) <= share, "{}", apart(found, wanted));
}

fn apart(found: &Array2<f64>, wanted: &Array2<f64>) -> f64 {
    let most = wanted.iter().fold(0.0, |most: f64, w| most.max(w.abs()));
    let far = |far: f64, (f, w): (&f64, &f64)| if (f - w).abs() <= far { far } else { (f - w).abs() };
    found.iter().zip(wanted).fold(0.0, far) / most
}

/// Powers without a pattern, W.
fn mixed(rows: usize, cols: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(r, c)| ((13 * r * r + 7 * c + 5 * r * c) % 17) as f64 * 1e-6)
}

fn bare(substrate: Layer) -> Chip {
    Chip { sheet: Layer { thickness_m: 0.0, ..substrate::SHEET }, ..Chip::on(substrate) }
}

fn rise(chip: &Chip, power_w: &Array2<f64>) -> Array2<f64> {
    let (rows, cols) = power_w.dim();
    Solver::new(chip, rows, cols).unwrap().heating(power_w.view()).unwrap().steady_k()
}

#[test]
fn a_uniform_source_rises_by_its_power_over_the_loss() {
    for (layer, air) in [(substrate::PEN, 0.0), (substrate::GLASS, 700.0), (substrate::SILICON, 10.0)] {
        let chip = Chip { air_w_per_m2_k: air, ..Chip::on(layer) };
        let loss = layer.conductivity_w_per_m_k / layer.thickness_m + air;
        let found = rise(&chip, &Array2::from_elem((7, 12), 3e-6));
        // Sums of 84 numbers and their inverse: some ten roundings. The other modes get 1e-16 of it, or less.
        near(&found, &Array2::from_elem((7, 12), 3e-6 / 1e-12 / loss), 1e-13);
        let other = Chip { air_w_per_m2_k: air + 1e-6 * loss, ..chip };
        assert!(apart(&rise(&other, &Array2::from_elem((7, 12), 3e-6)), &found) > 5e-7);
    }
}

/// What goes in comes out below and above: the mean over all cells knows nothing else.
#[test]
fn energy_is_balanced() {
    for layer in [substrate::PEN, substrate::SILICON] {
        let chip = Chip { air_w_per_m2_k: 20.0, pitch_m: 3e-6, ..Chip::on(layer) };
        let power_w = mixed(11, 6);
        let loss = layer.conductivity_w_per_m_k / layer.thickness_m + 20.0;
        let out_w = rise(&chip, &power_w).sum() * loss * 9e-12;
        // The uneven part is as large as the even one at most; 66 numbers are added.
        assert!((out_w / power_w.sum() - 1.0).abs() < 1e-13, "{out_w}");
    }
}

#[test]
fn it_is_linear_reciprocal_and_the_same_when_rows_and_columns_are_exchanged() {
    let chip = Chip { margin: 3, ..Chip::on(substrate::GLASS) };
    let (a, b) = (mixed(9, 5), mixed(9, 5).mapv(|w| (w - 8e-6) * (w - 8e-6) * 1e5));
    let (of_a, of_b) = (rise(&chip, &a), rise(&chip, &b));
    // A handful of roundings of numbers as large as the largest.
    near(&rise(&chip, &(&a * 2.0 + &b * 0.25)), &(&of_a * 2.0 + &of_b * 0.25), 1e-13);
    near(&rise(&chip, &a.t().to_owned()), &of_a.t().to_owned(), 1e-13);
    near(&rise(&chip, &a.slice(s![..;-1, ..]).to_owned()), &of_a.slice(s![..;-1, ..]).to_owned(), 1e-13);
    // What a warms in b it gets from b.
    let (ab, ba) = ((&of_a * &b).sum(), (&of_b * &a).sum());
    assert!((ab / ba - 1.0).abs() < 1e-13);
    assert!(apart(&of_a, &of_b) > 1e-3);
}

/// A point on a slab is mirrored at its lower face over and over, with turning sign: `P/(2 pi k) [1/r + 2 sum of (-1)^n/sqrt(r^2 + (2nd)^2)]`.
/// Cells are squares: the mean of a field f over one, from another, is `f + p^2 lap f/12` (p^2/24 of each, as a square's second moment
/// is p^2/12), up to (p/r)^4.
#[test]
fn far_from_one_cell_it_is_a_point() {
    let depth = 20.0;
    let layer = Layer { thickness_m: depth * 1e-6, ..substrate::GLASS };
    // Edges are 9.3 thicknesses away: their mirror image is that of exp(-pi r/2d) at twice the distance, 1e-12 of it.
    let chip = Chip { margin: 185, ..bare(layer) };
    let mut power_w = Array2::zeros((15, 15));
    power_w[[0, 0]] = 1e-6;
    let found = rise(&chip, &power_w);
    let scale = 1e-6 / (2.0 * PI * layer.conductivity_w_per_m_k * 1e-6);
    let point = |r: f64| {
        let image = |n: i32| 2.0 * if n % 2 == 0 { 1.0 } else { -1.0 } / r.hypot(2.0 * f64::from(n) * depth);
        // Half of the last one: the sums alternate about the limit.
        scale * (1.0 / r + (1..2000).map(image).sum::<f64>() + 0.5 * image(2000))
    };
    let square = |r: f64| {
        let h = 0.01 * r;
        let (above, below) = (point(r + h), point(r - h));
        point(r) + ((above - 2.0 * point(r) + below) / (h * h) + (above - below) / (2.0 * h * r)) / 12.0
    };
    for (row, col) in [(0, 3), (3, 0), (3, 3), (0, 5), (2, 7), (0, 8), (9, 9), (14, 3), (14, 14)] {
        let r = f64::hypot(row as f64, col as f64);
        let off = found[[row, col]] / square(r) - 1.0;
        // The fourth moments add some r^-4/10, and h a thousandth of the correction.
        assert!(off.abs() < 0.2 / r.powi(4) + 1e-5, "{row}, {col}: {off}");
        // A point is not a square.
        assert!((found[[row, col]] / point(r) - 1.0).abs() > 5e-4);
    }
    // Thick slabs leave 1/(2 pi k r), less ln 2/d; the rest is (r/4d)^2 or less, and that of squares.
    let thick = found[[0, 8]] + scale * 2f64.ln() / depth;
    assert!((thick / (scale / 8.0) - 1.0).abs() < 0.012, "{thick}");
    // Itself: the mean over a square of its own field on a half space, 2/pi [asinh 1 - (sqrt 2 - 1)/3] = 0.4732 P/(k p).
    let own = 2.0 / PI * (1f64.asinh() - (2f64.sqrt() - 1.0) / 3.0) - 2f64.ln() / (2.0 * PI * depth);
    // Images of 1/2d see the square as a point within (1/40)^2/12; finer waves, taken together, are known to 1e-5.
    assert!((found[[0, 0]] * layer.conductivity_w_per_m_k / own - 1.0).abs() < 3e-5, "{}", found[[0, 0]]);
}

/// Where the sheet carries the heat, a row of cells is a wire that leaks.
#[test]
fn a_sheet_on_a_thin_slab_is_a_leaking_wire() {
    let sheet = Layer { thickness_m: 1e-6, conductivity_w_per_m_k: 400.0, capacity_j_per_m3_k: 1e6 };
    let slab = Layer { thickness_m: 5e-9, conductivity_w_per_m_k: 1e-3, capacity_j_per_m3_k: 1e6 };
    let chip = Chip { sheet, ..Chip::on(slab) };
    let mut power_w = Array2::zeros((1, 60));
    power_w[[0, 0]] = 1e-3;
    let found = rise(&chip, &power_w);
    // 2 sinh(a/2) = sqrt(h p^2/(k t)): T_j = P cosh((N - j - 1/2) a)/(2 k t sinh(a/2) sinh(N a)).
    let (along, down) = (400.0 * 1e-6, 1e-3 / 5e-9 * 1e-12);
    let a = 2.0 * (0.5 * f64::sqrt(down / along)).asinh();
    let wire = |j: usize| 1e-3 * ((59.5 - j as f64) * a).cosh() / (2.0 * along * (0.5 * a).sinh() * (60.0 * a).sinh());
    // Within the slab heat also goes sideways: (kappa d)^2/3, 1e-5 of the loss at the very finest mode.
    near(&found, &Array2::from_shape_fn((1, 60), |(_, j)| wire(j)), 1e-5);
}

/// Of one mode the slab knows nothing but its wave: with a capacity of the sheet alone it is one exponential.
#[test]
fn a_sheet_settles_exponentially() {
    let chip = Chip { substrate: Layer { capacity_j_per_m3_k: 0.0, ..substrate::GLASS }, ..Chip::on(substrate::GLASS) };
    let power_w = Array2::from_elem((4, 4), 1e-6);
    let solver = Solver::new(&chip, 4, 4).unwrap();
    let heating = solver.heating(power_w.view()).unwrap();
    let tau_s = chip.sheet.capacity_j_per_m3_k * chip.sheet.thickness_m * 0.7e-3 / 1.1;
    assert!((chip.time_constant_s().unwrap() / tau_s - 1.0).abs() < 1e-12);
    for share in [0.01, 0.3, 1.0, 5.0] {
        let wanted = heating.steady_k() * -f64::exp_m1(-share);
        // 2.85^-20 is 8e-10 of what it is at that time.
        near(&heating.after_k(share * tau_s), &wanted, 1e-8);
        assert!(apart(&heating.after_k(1.0001 * share * tau_s), &wanted) > 1e-7);
    }
    assert!(heating.after_k(0.0).iter().chain(&heating.after_k(-1.0)).all(|k| *k == 0.0));
}

/// A slab under an even source: `1 - 8/pi^2 sum over odd n of exp(-n^2 pi^2 a t/4d^2)/n^2` of q d/k; early `2 q sqrt(a t/pi)/k`.
#[test]
fn a_slab_settles_as_diffusion_says() {
    let chip = bare(substrate::PEN);
    let Layer { thickness_m: d, conductivity_w_per_m_k: k, capacity_j_per_m3_k: c } = substrate::PEN;
    let power_w = Array2::from_elem((2, 3), 1e-6);
    let solver = Solver::new(&chip, 2, 3).unwrap();
    let heating = solver.heating(power_w.view()).unwrap();
    let tau_s = 4.0 * d * d * c / (PI * PI * k);
    assert!((chip.time_constant_s().unwrap() / tau_s - 1.0).abs() < 1e-12);
    for share in [0.05, 0.5, 2.0, 30.0] {
        let left: f64 = (0..200).map(|n| f64::from(2 * n + 1).powi(2)).map(|n2| (-n2 * share).exp() / n2).sum();
        let wanted = Array2::from_elem((2, 3), 1e-6 / 1e-12 * d / k * (1.0 - 8.0 / (PI * PI) * left));
        near(&heating.after_k(share * tau_s), &wanted, 1e-8);
    }
    let early = 1e-6 * tau_s;
    let wanted = 1e-6 / 1e-12 * 2.0 * (early / (PI * k * c)).sqrt();
    near(&heating.after_k(early), &Array2::from_elem((2, 3), wanted), 1e-8);
    // On for a while, then off: the difference of two steps. It ends where it began.
    let pulse = heating.pulse_k(3.0 * tau_s, tau_s);
    near(&pulse, &(heating.after_k(3.0 * tau_s) - heating.after_k(2.0 * tau_s)), 1e-15);
    assert!(heating.pulse_k(40.0 * tau_s, tau_s).iter().all(|k| (0.0..1e-8 * pulse[[0, 0]]).contains(k)));
    // On for a moment: the slope of the step, of which the difference of two rises would have no digit left.
    for share in [0.5, 2.0, 10.0] {
        let on_s = 1e-12 * tau_s;
        let slope: f64 = (0..200).map(|n| (-f64::from(2 * n + 1).powi(2) * share).exp()).sum();
        let wanted = 1e-6 / 1e-12 * d / k * 8.0 / (PI * PI) * slope * 1e-12;
        near(&heating.pulse_k(share * tau_s, on_s), &Array2::from_elem((2, 3), wanted), 1e-6);
    }
    // Both ways are one.
    let [short, long] = [0.0999999, 0.1].map(|part| heating.pulse_k(tau_s, part * tau_s) / part);
    near(&short, &long, 1e-6);
}

/// A wave over a thick slab: `erf(kappa sqrt(a t))` of its end. 600 cells make one wave, of which finer ones are 1e-6.
#[test]
fn a_wave_settles_as_an_error_function() {
    let chip = Chip { pitch_m: 1e-7, ..bare(substrate::GLASS) };
    let wave = |j: usize| (PI * (j as f64 + 0.5) / 600.0).cos();
    let power_w = Array2::from_shape_fn((1, 600), |(_, j)| 1e-9 * (1.0 + wave(j)));
    let solver = Solver::new(&chip, 1, 600).unwrap();
    let heating = solver.heating(power_w.view()).unwrap();
    let Layer { conductivity_w_per_m_k: k, capacity_j_per_m3_k: c, .. } = substrate::GLASS;
    let kappa = PI / 60e-6;
    for share in [0.2_f64, 1.0, 1.5] {
        let seconds = share * share / (kappa * kappa) * c / k;
        let found = heating.after_k(seconds);
        // The wave alone: from the mean, the first cell.
        let end = 1e-9 / 1e-14 / (k * kappa) * wave(0);
        let of_wave = found[[0, 0]] - found.mean().unwrap();
        let wanted = end * erf(share);
        // (pi/600)^2/12 by the squares, 2e-6.
        assert!((of_wave / wanted - 1.0).abs() < 1e-5, "{share}: {of_wave} {wanted}");
    }
}

/// By its series; the arguments are small.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..60 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    2.0 / PI.sqrt() * sum
}

#[test]
fn time_ends_in_the_settled_state_and_rises_to_it() {
    let chip = Chip { margin: 2, ..Chip::on(substrate::PEN) };
    let power_w = mixed(6, 8);
    let solver = Solver::new(&chip, 6, 8).unwrap();
    let heating = solver.heating(power_w.view()).unwrap();
    let settled = heating.steady_k();
    let tau_s = chip.time_constant_s().unwrap();
    // exp(-25) is 1e-11; the parabola 1e-9, and the waves at rates are those of the settled state.
    near(&heating.after_k(25.0 * tau_s), &settled, 1e-8);
    let mut before = Array2::zeros((6, 8));
    for seconds in [1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0] {
        let now = heating.after_k(seconds * tau_s);
        assert!(now.iter().zip(&before).all(|(now, before)| now > before), "{seconds}");
        before = now;
    }
    // Early the sheet takes all of it: its capacity, P t/(c t p^2).
    let early = heating.after_k(1e-11 * tau_s);
    let capacity = chip.sheet.capacity_j_per_m3_k * chip.sheet.thickness_m * 1e-12;
    near(&early, &(power_w.mapv(|w| w * 1e-11 * tau_s / capacity)), 0.02);
}

#[test]
fn ambient_maps_are_what_they_say() {
    let gradient = |along| Ambient::Gradient { first_k: 300.0, last_k: 330.0, along }.map((3, 4)).unwrap();
    assert_eq!(gradient(Along::Rows).column(2).to_vec(), [300.0, 315.0, 330.0]);
    assert_eq!(gradient(Along::Columns).row(1).to_vec(), [300.0, 310.0, 320.0, 330.0]);
    let spot = Ambient::HotSpot { base_k: 300.0, peak_k: 400.0, row: 1.0, col: 2.0, radius: 2.0 }.map((5, 5)).unwrap();
    assert_eq!(spot[[1, 2]], 400.0);
    assert!((spot[[1, 4]] - 300.0 - 100.0 * f64::exp(-1.0)).abs() < 1e-10);
    assert_eq!(spot[[1, 0]], spot[[3, 2]]);
}

#[test]
fn what_cannot_be_is_refused_in_a_line() {
    let good = Chip::on(substrate::GLASS);
    let said = |chip: Chip| Solver::new(&chip, 3, 3).err().unwrap().to_string();
    let thin = Layer { thickness_m: 0.0, ..substrate::GLASS };
    assert!(said(Chip::on(thin)).contains("the thickness of the substrate is 0.0 m; it must be 1e-9 to 1e0 m"));
    assert!(said(Chip { pitch_m: f64::NAN, ..good }).contains("the pitch of the cells is NaN m"));
    assert!(said(Chip { air_w_per_m2_k: -1.0, ..good }).contains("loss to air is -1.0"));
    assert!(said(Chip { margin: usize::MAX, ..good }).contains("3 x 3 cells with"));
    assert!(Solver::new(&good, 0, 3).is_err());
    let solver = Solver::new(&good, 2, 2).unwrap();
    for watts in [-1e-9, f64::NAN, f64::INFINITY] {
        let mut power_w = Array2::zeros((2, 2));
        power_w[[1, 0]] = watts;
        let text = solver.heating(power_w.view()).err().unwrap().to_string();
        assert!(text.contains("the cell at row 1, column 0") && !text.contains('\n'), "{text}");
    }
    let error = solver.heating(Array2::zeros((2, 3)).view()).err().unwrap();
    assert_eq!(error, HeatError::Shape { what: "the map of power", found: (2, 3), needed: (2, 2) });
    for kelvin in [0.0, -5.0, f64::NAN] {
        assert!(Ambient::Uniform(kelvin).map((2, 2)).unwrap_err().to_string().contains("row 0, column 0"));
    }
    let map = Ambient::Map(Array2::from_elem((2, 2), 300.0));
    assert!(map.map((2, 3)).unwrap_err().to_string().contains("has 2 x 2 cells; the array has 2 x 3"));
    let flat = Ambient::HotSpot { base_k: 300.0, peak_k: 400.0, row: 0.0, col: 0.0, radius: 0.0 };
    assert!(flat.map((2, 2)).unwrap_err().to_string().contains("radius"));
}
