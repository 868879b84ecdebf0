//! Claims on currents.

use super::super::claims::Measured;
use super::{Outcome, Raw, deviation, largest, mean, rises, smallest};
use trapline_model::dataset::{Dataset, DatasetError};
use trapline_model::units::{BOLTZMANN_EV_PER_K, kelvin};
use trapline_report::analysis::line::{self, Line};

/// A curve: bias and current.
pub(crate) type Curve = Vec<(f64, f64)>;

/// Forward and return branch of a 0-V-0 sweep of one cell, both by ascending magnitude of bias; the turning point is
/// in both.
pub(in crate::paper) fn branches(raw: &Raw, group: &str, cell: usize) -> Result<(Curve, Curve), DatasetError> {
    let (bias, current) = (raw.numbers(group, "bias_v")?, raw.numbers(group, "current_a")?);
    let points: Curve = (0..bias.len()).map(|i| (bias[[i]], current[[cell, i]])).collect();
    Ok(split(&points))
}

/// Cuts a curve at its largest magnitude of bias.
pub(crate) fn split(points: &[(f64, f64)]) -> (Curve, Curve) {
    let turn = (0..points.len()).max_by(|&a, &b| points[a].0.abs().total_cmp(&points[b].0.abs())).unwrap_or(0);
    let forward = points[..points.len().min(turn + 1)].to_vec();
    let back = points[turn.min(points.len())..].iter().rev().copied().collect();
    (forward, back)
}

/// Points with a magnitude of bias in a range, its ends within a tenth of a millivolt.
pub(crate) fn between(curve: &[(f64, f64)], low_v: f64, high_v: f64) -> Curve {
    curve.iter().copied().filter(|(v, _)| v.abs() >= low_v - 1e-4 && v.abs() <= high_v + 1e-4).collect()
}

/// The current at a bias on the grid; NaN where there is none.
pub(crate) fn at(curve: &[(f64, f64)], bias_v: f64) -> f64 {
    curve.iter().find(|(v, _)| (v - bias_v).abs() < 1e-4).map_or(f64::NAN, |p| p.1)
}

/// How a curve is looked at to see a mechanism.
pub(crate) mod law {
    /// `ln I` against `ln V`.
    pub fn power((v, i): (f64, f64)) -> (f64, f64) {
        (v.ln(), i.ln())
    }
    /// `ln(I/V)` against `sqrt V`: hopping.
    pub fn hopping((v, i): (f64, f64)) -> (f64, f64) {
        (v.sqrt(), (i / v).ln())
    }
    /// `ln(I/V^2)` against `1/V`: Fowler-Nordheim tunnelling.
    pub fn tunnelling((v, i): (f64, f64)) -> (f64, f64) {
        (1.0 / v, (i / (v * v)).ln())
    }
    /// `ln(I/V^2)` against `ln(1/V)`: its direct-tunnelling limit.
    pub fn direct((v, i): (f64, f64)) -> (f64, f64) {
        (-v.ln(), (i / (v * v)).ln())
    }
}

pub(crate) fn fitted(curve: &[(f64, f64)], law: fn((f64, f64)) -> (f64, f64)) -> Line {
    let points: Vec<_> = curve.iter().map(|&p| law(p)).collect();
    let nothing =
        Line { slope: f64::NAN, intercept: f64::NAN, r_squared: f64::NAN, relative_residual: f64::NAN, points: 0 };
    line::fit(&points).unwrap_or(nothing)
}

const QD: &str = "iv/qd_100c";
const NS: &str = "iv/ns_100c";

fn slope(raw: &Raw, low_v: f64, high_v: f64) -> Result<f64, DatasetError> {
    Ok(fitted(&between(&branches(raw, QD, 0)?.0, low_v, high_v), law::power).slope)
}

pub fn slope_low(raw: &Raw) -> Outcome {
    Ok(Measured::new(slope(raw, 1.0, 2.0)?, QD))
}

pub fn slope_mid(raw: &Raw) -> Outcome {
    Ok(Measured::new(slope(raw, 2.0, 4.0)?, QD))
}

pub fn slope_high(raw: &Raw) -> Outcome {
    let (forward, back) = branches(raw, QD, 0)?;
    let value = slope(raw, 4.0, 5.0)?;
    let return_slope = fitted(&between(&back, 4.0, 5.0), law::power).slope;
    let closed = at(&forward, 4.0) / at(&back, 4.0);
    let (bias, filling) = (raw.numbers(QD, "bias_v")?, raw.numbers(QD, "filling")?);
    let at_4v = bias.iter().position(|v| (v - 4.0).abs() < 1e-4).map_or(f64::NAN, |i| filling[[0, i]]);
    Ok(Measured::new(value, QD)
        .and("the return branch's slope is within 0.3", (return_slope - value).abs() <= 0.3)
        .and("at 4 V the forward current is at least 90 % of the return current", closed >= 0.9)
        .beside("slope of the return branch", return_slope)
        .beside("forward over return current at 4 V", closed)
        .beside("filling at 4 V", at_4v))
}

/// Claims that name no temperature are measured where Figure 3d is, at 100 C, and shown at room temperature beside it.
const QD_COLD: &str = "iv/qd_25c";

fn hot_and_cold(of: impl Fn(&str) -> Result<f64, DatasetError>) -> Outcome {
    Ok(Measured::new(of(QD)?, QD).beside("at 25 °C", of(QD_COLD)?))
}

pub fn hysteresis(raw: &Raw) -> Outcome {
    hot_and_cold(|group| {
        let (forward, back) = branches(raw, group, 0)?;
        Ok(at(&back, 1.0) / at(&forward, 1.0))
    })
}

pub fn pure_pi(raw: &Raw) -> Outcome {
    let current = |group| Ok::<_, DatasetError>(at(&branches(raw, group, 0)?.0, 5.0));
    Ok(Measured::new(current("iv/pi_25c")? / current("iv/qd_25c")?, "iv/pi_25c, iv/qd_25c"))
}

pub fn set_voltage(raw: &Raw) -> Outcome {
    let closing = |share: f64| {
        let found = set_voltages(raw, share)?;
        let missing = found.iter().filter(|v| v.is_nan()).count();
        Ok::<_, DatasetError>(
            Measured::new(mean(&found), SET_VOLTAGE)
                .given("200 sweeps", found.len() == 200)
                .and("every sweep closes the window", missing == 0)
                .and("the spread is not zero", deviation(&found) > 0.0)
                .beside("standard deviation, V", deviation(&found))
                .beside("smallest, V", smallest(found.iter().copied()))
                .beside("largest, V", largest(found.iter().copied())),
        )
    };
    let [low, own, high] = SET_SHARES;
    Ok(closing(own)?.reading("90 %", closing(low)?).reading("98 %", closing(high)?))
}

const SET_VOLTAGE: &str = "iv/set_voltage";
/// Shares of the return current at which the window counts as closed; the claim takes that in the middle. Ours: the
/// paper gives none.
pub(in crate::paper) const SET_SHARES: [f64; 3] = [0.90, 0.95, 0.98];

/// The set voltage of each of the sweeps: where the forward current first reaches a share of the return current; NaN
/// where it does not.
pub(in crate::paper) fn set_voltages(raw: &Raw, share: f64) -> Result<Vec<f64>, DatasetError> {
    let (bias, current) = (raw.numbers(SET_VOLTAGE, "bias_v")?, raw.numbers(SET_VOLTAGE, "current_a")?);
    let of_sweep = |sweep: usize| {
        let points: Curve = (0..bias.len()).map(|i| (bias[[i]], current[[sweep, i]])).collect();
        let (forward, back) = split(&points);
        // The turning point is in both branches: it closes no window.
        let (_, below) = forward.split_last()?;
        let ratio: Curve = below.iter().map(|&(v, i)| (v, i / at(&back, v))).collect();
        line::first_reaches(&ratio, share)
    };
    Ok((0..current.shape()[0]).map(|sweep| of_sweep(sweep).unwrap_or(f64::NAN)).collect())
}

pub fn concentration(raw: &Raw) -> Outcome {
    let groups = ["10", "20", "30", "40", "50"].map(|c| format!("iv/concentration_{c}"));
    let mut currents = Vec::new();
    for group in &groups {
        currents.push(at(&branches(raw, group, 0)?.0, 1.5));
    }
    let powers: Vec<_> = currents.iter().map(|i| 1.5 * i).collect();
    Ok(Measured::new(currents[4] / currents[0], "iv/concentration_10 to _50")
        .and("the current rises with each step", rises(&currents))
        .and("so does the power", rises(&powers))
        .beside("power at 10 %, W", powers[0])
        .beside("power at 50 %, W", powers[4]))
}

pub fn uniformity(raw: &Raw) -> Outcome {
    const GROUP: &str = "iv/uniformity";
    let cells = raw.numbers(GROUP, "current_a")?.shape()[0];
    let mut currents = Vec::new();
    for cell in 0..cells {
        currents.push(at(&branches(raw, GROUP, cell)?.0, 1.5));
    }
    Ok(Measured::new(deviation(&currents) / mean(&currents), GROUP).given("25 cells", cells == 25))
}

pub fn power_order(raw: &Raw) -> Outcome {
    hot_and_cold(|group| Ok(1.5 * at(&branches(raw, group, 0)?.0, 1.5)))
}

pub fn working_current(raw: &Raw) -> Outcome {
    hot_and_cold(|group| Ok(largest(raw.numbers(group, "current_a")?.iter().copied())))
}

pub fn ns_current_larger(raw: &Raw) -> Outcome {
    let (qd, ns) = (branches(raw, QD, 0)?.0, branches(raw, NS, 0)?.0);
    let ratios = between(&qd, 0.5, 5.0).into_iter().map(|(v, i)| at(&ns, v) / i);
    Ok(Measured::new(smallest(ratios), format!("{NS}, {QD}")))
}

pub fn ns_hopping(raw: &Raw) -> Outcome {
    let window = between(&branches(raw, NS, 0)?.0, 2.5, 4.1);
    let hopping = fitted(&window, law::hopping);
    let (tunnelling, power) = (fitted(&window, law::tunnelling), fitted(&window, law::power));
    let half = |other: &Line| hopping.relative_residual <= 0.5 * other.relative_residual;
    Ok(Measured::new(hopping.r_squared, NS)
        .and("the slope is positive", hopping.slope > 0.0)
        .and("its residual is at most half of the tunnelling law's", half(&tunnelling))
        .and("and of the power law's", half(&power))
        .beside("residual over the tunnelling law's", hopping.relative_residual / tunnelling.relative_residual)
        .beside("residual over the power law's", hopping.relative_residual / power.relative_residual))
}

pub fn ns_tunnelling(raw: &Raw) -> Outcome {
    let window = between(&branches(raw, NS, 0)?.0, 4.2, 5.0);
    let (tunnelling, hopping) = (fitted(&window, law::tunnelling), fitted(&window, law::hopping));
    Ok(Measured::new(tunnelling.r_squared, NS)
        .and("the slope is negative", tunnelling.slope < 0.0)
        .and(
            "its residual is at most half of the hopping law's",
            tunnelling.relative_residual <= 0.5 * hopping.relative_residual,
        )
        .beside("residual over the hopping law's", tunnelling.relative_residual / hopping.relative_residual))
}

/// Apparent activation energy, eV, of the current at a bias from 25 to 100 C.
fn activation_ev(raw: &Raw, material: &str, bias_v: f64, back: bool) -> Result<f64, DatasetError> {
    let mut points = Vec::new();
    for celsius in [25.0, 50.0, 75.0, 100.0] {
        let (forward, returning) = branches(raw, &format!("iv/{material}_{celsius}c"), 0)?;
        let curve = if back { returning } else { forward };
        points.push((1.0 / kelvin(celsius), at(&curve, bias_v).ln()));
    }
    Ok(line::fit(&points).map_or(f64::NAN, |line| -line.slope * BOLTZMANN_EV_PER_K))
}

/// Slope of Figure 3d from 4 to 5 V, as the paper states it.
const SLOPE_OF_3D: f64 = 3.62;

/// The plot of Figure 3c as the paper makes it; and the current's activation energy, which can tell what that plot
/// cannot: a law with the slope that the paper itself states for this window is as straight in it.
pub fn qd_no_hopping(raw: &Raw) -> Outcome {
    let (dots, sheets) = (branches(raw, QD, 0)?.0, branches(raw, NS, 0)?.0);
    let window = between(&dots, 4.0, 5.0);
    let stated: Curve = window.iter().map(|&(v, _)| (v, v.powf(SLOPE_OF_3D))).collect();
    let of = |curve: &[(f64, f64)]| fitted(curve, law::hopping);
    let (found, same, hops) = (of(&window), of(&between(&sheets, 4.0, 5.0)), of(&between(&sheets, 2.5, 4.1)));
    let (qd, ns) = (activation_ev(raw, "qd", 4.5, true)?, activation_ev(raw, "ns", 3.3, false)?);
    let energy = Measured::new(ns, "iv/ns_25c to _100c, iv/qd_25c to _100c")
        .and("the dots' activation energy is at most 0.02 eV", qd <= 0.02)
        .beside("activation energy of the dots, eV", qd);
    Ok(Measured::new(found.r_squared, format!("{QD}, {NS}"))
        .beside("residual over the span", found.relative_residual)
        .beside("R² of the nanosheets, 4 to 5 V", same.r_squared)
        .beside("residual of the nanosheets, 4 to 5 V", same.relative_residual)
        .beside("R² of Figure 3b (nanosheets, 2.5 to 4.1 V)", hops.r_squared)
        .beside("residual of Figure 3b", hops.relative_residual)
        .beside("R² of the paper's own slope 3.62 (Figure 3d) in this plot", of(&stated).r_squared)
        .reading("activation energy", energy))
}

pub fn low_bias_tunnelling(raw: &Raw) -> Outcome {
    let r_squared =
        |group| Ok::<_, DatasetError>(fitted(&between(&branches(raw, group, 0)?.0, 0.2, 1.0), law::direct).r_squared);
    let (qd, ns) = (r_squared(QD)?, r_squared(NS)?);
    Ok(Measured::new(smallest([qd, ns]), format!("{QD}, {NS}")).beside("R^2, dots", qd).beside("R^2, nanosheets", ns))
}

/// The limit that the mark of the hot group names, and that no group below it is marked.
pub fn glass_transition(raw: &Raw) -> Outcome {
    const HOT: &str = "iv/qd_175c";
    let remark = raw.group(HOT)?.remark("outside_validity").unwrap_or_default();
    // The remark names the limit it was held against.
    let named = remark.split("glass transition, ").nth(1).and_then(|rest| rest.split(' ').next());
    let limit_c = named.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    let simulated = raw.numbers(HOT, "current_a")?.iter().all(|i| i.is_finite());
    let celsius = |d: &Dataset| d.remark("temperature_c").and_then(|text| text.parse::<f64>().ok());
    let below = |d: &&Dataset| celsius(d).is_some_and(|celsius| celsius <= limit_c);
    let marked_below = raw.0.iter().filter(below).any(|d| d.remark("outside_validity").is_some());
    Ok(Measured::new(limit_c, HOT)
        .and("175 °C is simulated and marked in the record", simulated && !remark.is_empty())
        .and("nothing below the limit is marked", raw.0.iter().any(|d| below(&d)) && !marked_below))
}

#[cfg(test)]
mod tests {
    use super::super::Raw;
    use super::{set_voltages, split};
    use ndarray::{Array1, Array2};
    use trapline_model::dataset::Dataset;

    /// Both branches have the turning point: it is no sign of a window that closes.
    #[test]
    fn a_window_that_stays_open_has_no_set_voltage() {
        let sweeps = [[0.1, 0.2, 3.0, 0.4, 0.2], [0.1, 0.4, 3.0, 0.4, 0.2]];
        let mut d = Dataset::new("iv/set_voltage", "");
        d.real("bias_v", &["point"], "V", "", Array1::from(vec![1.0, 2.0, 3.0, 2.0, 1.0]).into_dyn());
        let current = Array2::from_shape_fn((2, 5), |(sweep, point)| sweeps[sweep][point]);
        d.real("current_a", &["repetition", "point"], "A", "", current.into_dyn());
        let found = set_voltages(&Raw(&[d]), 0.95).expect("measured");
        // The second: half of the return current at 1 V, all of it at 2 V.
        assert!(found[0].is_nan() && (found[1] - 1.9).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_sweep_is_cut_where_it_turns() {
        let points = [(1.0, 1.0), (2.0, 2.0), (1.0, 3.0), (0.0, 0.0)];
        let (forward, back) = split(&points);
        assert_eq!(forward, [(1.0, 1.0), (2.0, 2.0)]);
        assert_eq!(back, [(0.0, 0.0), (1.0, 3.0), (2.0, 2.0)]);
    }
}
