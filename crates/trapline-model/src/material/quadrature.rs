//! A few depths and weights that lose charge as a continuum of depths does.
//!
//! # Theory
//! Heat empties traps of depth E at the rate `nu exp(-E/kT)`. Of a continuum with the share `w(E) dE` of the charge in
//! each depth a time t at T leaves the loss
//!
//! ```text
//! L(T, t) = integral w(E) (1 - exp(-nu exp(-E/kT) t)) dE
//! ```
//!
//! a step some 3 kT wide around `kT ln(nu t)` that moves to deeper traps as time goes on. A few classes make a curve of
//! few steps of it, which is nothing to a mean charge and much to a life: where a hundredth of the charge is lost, an
//! error of a thousandth is a tenth of it, and the life at 25 C is off by 40 %. So depths and weights are fitted to
//! what they do to lives. The residuals are
//!
//! ```text
//! (L_K - L)/(a dL/d ln t + b),   a = 0.01;   b = 0 within 0.04 % to 15 % of loss, 5e-4 above, 8e-6 below
//! ```
//!
//! over temperatures from 25 C to the glass transition and times from 1 s to ten years: errors of a life in per cent, and
//! beyond the losses that lives are made of, errors of the charge. Where some traps are so shallow that heat empties
//! them within that second at 25 C, times begin where it empties the shallowest, at 1 ns at the earliest: what such
//! traps lose while a cell is programmed, and what they hold under bias, decides what the others have to lose. What
//! the matrix lets go does not care for depth, and leaves less of the same error; so the classes do not depend on it.
//!
//! # Practice
//! Levenberg and Marquardt's iteration, here and not from a library: its sums run in one order, in plain f64, so that a
//! material has the same classes, bit for bit, on every machine. It starts from means of panels.
//!
//! Largest error of a life, and of the charge lost, that a number of classes makes (tests hold them to these):
//!
//! | | K = 12 | K = 16 | K = 24 | K not given |
//! |---|---|---|---|---|
//! | shipped dots, matrix off: lives | 5.1 % | 0.9 % | 0.4 % | 0.9 % (K = 16) |
//! | the same: charge, percentage points | 0.21 | 0.03 | 0.02 | 0.03 |
//! | shipped dots and matrix, to 160 C: lives | | 0.8 % | | 0.8 % (K = 16) |
//! | wells of 1.8 to 5 eV, means of 2 to 4 nm, Tg of 100 to 250 C: the worst of a dozen, lives | | | | 1.5 % (K to 21) |
//! | the same: charge, percentage points | | | | 0.30 |
//! | shallow traps, 25 to 100 C: lives that begin up to 1 s late | | | | 5.8 % (K to 17) |

use super::MAX_CLASSES;
use crate::units::{YEAR_S, kelvin, thermal_energy_ev};

/// Coldest bake considered.
const COLDEST_C: f64 = 25.0;
/// Temperatures from it to the glass transition, evenly spaced in 1/T.
const TEMPERATURES: usize = 12;
/// Longest time considered, s.
const LONGEST_S: f64 = 10.0 * YEAR_S;
/// Shortest time considered where traps are shallow, s.
const SHORTEST_S: f64 = 1e-9;
/// Steps of ln t from 1 s to these.
const STEP_OF_LOG_TIME: f64 = 0.5;
/// Losses of charge that lives are made of: thresholds of 0.999 to 0.9 of the window, and some more.
pub(super) const LOSSES_OF_LIVES: (f64, f64) = (4e-4, 0.15);
/// Error of a life that counts as 1.
const LIFE_ERROR: f64 = 0.01;
/// Error of the charge that counts as 1 at larger losses, and at smaller ones.
const CHARGE_ERROR: (f64, f64) = (5e-4, 8e-6);
/// Residual that is small enough where the number of classes is left open: a life within 1.5 %.
const SMALL_ENOUGH: f64 = 1.5;
/// Neighbouring depths that stand for one while the fit runs.
const GROUP: usize = 8;
/// Iterations of the fit at most, and the share of the sum of squares below which one of them ends it.
const ITERATIONS: usize = 80;
const LEAST_GAIN: f64 = 3e-4;
/// Rates times times past which nothing is left.
const ALL_GONE: f64 = 700.0;

/// A share of the traps and their depth, eV.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    pub weight: f64,
    pub depth_ev: f64,
}

/// A temperature (as 1/kT), a time, and what the continuum has lost by then.
struct Place {
    per_ev: f64,
    /// Attempt rate times the time.
    attempts: f64,
    loss: f64,
    /// What counts as an error of 1.
    scale: f64,
}

/// What heat does to a continuum of traps.
pub struct Target {
    continuum: Vec<Node>,
    places: Vec<Place>,
    /// Depth that heat reaches, and kT there, eV.
    reach_ev: f64,
    kt_ev: f64,
}

/// The time after which heat at 25 C has emptied the shallowest of some traps, s, where that is short of the second at
/// which lives begin.
pub fn early_s(shallowest_ev: f64, attempt_per_s: f64) -> Option<f64> {
    let time_s = libm::exp(shallowest_ev / thermal_energy_ev(kelvin(COLDEST_C))) / attempt_per_s;
    (time_s < 1.0).then_some(time_s.max(SHORTEST_S))
}

/// Depths and weights, and the largest residual they leave.
#[derive(Debug, Clone)]
pub struct Fitted {
    pub nodes: Vec<Node>,
    pub worst: f64,
}

/// Loss of charge, its derivative by ln t, of nodes after `nu t` attempts at 1/kT.
fn loss(nodes: &[Node], per_ev: f64, attempts: f64) -> (f64, f64) {
    nodes.iter().fold((0.0, 0.0), |(loss, slope), node| {
        let x = (attempts * libm::exp(-node.depth_ev * per_ev)).min(ALL_GONE);
        (loss - node.weight * libm::expm1(-x), slope + node.weight * x * libm::exp(-x))
    })
}

impl Target {
    /// `continuum` is in order of depth, with weights that sum to 1.
    pub fn new(continuum: &[Node], attempt_per_s: f64, glass_transition_k: f64) -> Target {
        let early_s = continuum.first().and_then(|shallowest| early_s(shallowest.depth_ev, attempt_per_s));
        Target::from_time(early_s.unwrap_or(1.0), continuum, attempt_per_s, glass_transition_k)
    }

    /// The same from some time on, s, that is not above one second.
    pub(super) fn from_time(first_s: f64, continuum: &[Node], attempt_per_s: f64, glass_transition_k: f64) -> Target {
        let continuum: Vec<Node> = continuum
            .chunks(GROUP)
            .map(|run| {
                let weight: f64 = run.iter().map(|n| n.weight).sum();
                let depth_ev = run.iter().map(|n| n.weight * n.depth_ev).sum::<f64>() / weight;
                Node { weight, depth_ev: if weight > 0.0 { depth_ev } else { run[0].depth_ev } }
            })
            .collect();
        let coldest = 1.0 / thermal_energy_ev(kelvin(COLDEST_C));
        let hottest = 1.0 / thermal_energy_ev(glass_transition_k.max(kelvin(COLDEST_C)));
        let steps = (libm::log(LONGEST_S) / STEP_OF_LOG_TIME).ceil() as usize;
        let before = (-libm::log(first_s) / STEP_OF_LOG_TIME).ceil() as i32;
        let mut places = Vec::with_capacity(TEMPERATURES * (steps + 1 + before as usize));
        for i in 0..TEMPERATURES {
            let per_ev = coldest + (hottest - coldest) * i as f64 / (TEMPERATURES - 1) as f64;
            for step in -before..=steps as i32 {
                let attempts = attempt_per_s * libm::exp(f64::from(step) * STEP_OF_LOG_TIME);
                let (loss, slope) = loss(&continuum, per_ev, attempts);
                let of_charge = if loss > LOSSES_OF_LIVES.1 {
                    CHARGE_ERROR.0
                } else if loss < LOSSES_OF_LIVES.0 {
                    CHARGE_ERROR.1
                } else {
                    0.0
                };
                places.push(Place { per_ev, attempts, loss, scale: (LIFE_ERROR * slope + of_charge).max(1e-7) });
            }
        }
        let kt_ev = 1.0 / hottest;
        Target { continuum, places, reach_ev: kt_ev * libm::log(attempt_per_s * LONGEST_S), kt_ev }
    }

    /// As few nodes as leave lives within 1.5 %, or the best of up to [`MAX_CLASSES`].
    pub fn few_enough(&self) -> Fitted {
        let mut best = self.fitted(1);
        let mut count = 1;
        while best.worst > SMALL_ENOUGH && count < MAX_CLASSES {
            // Two nodes more divide the error by 2.3 or so; short of the number that would do, because that is a guess.
            let more = 2.0 * libm::log(best.worst / SMALL_ENOUGH) / libm::log(2.3);
            count = (count + (0.7 * more) as usize).max(count + 1).min(MAX_CLASSES);
            let next = self.fitted(count);
            if next.worst < best.worst {
                best = next;
            }
        }
        best
    }

    /// At most so many nodes, shallowest first.
    pub fn fitted(&self, count: usize) -> Fitted {
        let mut at = Iterate::new(self, self.panels(count));
        let mut damping = 1e-3;
        for _ in 0..ITERATIONS {
            let (normal, gradient) = at.normal_equations(self);
            let before = at.squares;
            let mut tries = 0;
            let next = loop {
                let step = solved(&normal, &gradient, damping);
                let next = step.map(|step| Iterate::new(self, self.moved(&at.nodes, &step)));
                match next {
                    Some(next) if next.squares < before => break Some(next),
                    _ if tries == 15 => break None,
                    _ => (tries, damping) = (tries + 1, damping * 4.0),
                }
            };
            let Some(next) = next else { break };
            at = next;
            damping = (damping / 6.0).max(1e-9);
            if before - at.squares < LEAST_GAIN * before {
                break;
            }
        }
        let worst = at.residuals.iter().fold(0.0, |worst: f64, r| worst.max(r.abs()));
        let mut nodes = at.nodes;
        nodes.sort_by(|a, b| a.depth_ev.total_cmp(&b.depth_ev));
        nodes.dedup_by(|next, kept| {
            let same = next.depth_ev - kept.depth_ev <= 1e-9;
            if same {
                kept.weight += next.weight;
            }
            same
        });
        Fitted { nodes, worst }
    }

    /// Means of panels that are narrow where heat reaches: their width goes as the depth, since a deeper trap is
    /// emptied at a higher temperature, by a wider step.
    fn panels(&self, count: usize) -> Vec<Node> {
        let all = &self.continuum;
        let (last, end_ev, over_ev) = (all.len() - 1, self.reach_ev + 3.0 * self.kt_ev, 0.6 * self.kt_ev);
        let mut shallower = 0.0;
        let mut share: Vec<f64> = (0..=last)
            .map(|i| {
                let (before, after) = (i.saturating_sub(1), (i + 1).min(last));
                let width_ev = (all[after].depth_ev - all[before].depth_ev) / (after - before).max(1) as f64;
                let middle = shallower + 0.5 * all[i].weight;
                shallower += all[i].weight;
                let reached = 1.0 / (1.0 + libm::exp(((all[i].depth_ev - end_ev) / over_ev).min(500.0)));
                let lost_late = if middle > 0.2 { 0.5 } else { 1.0 };
                width_ev.max(1e-15) / all[i].depth_ev * reached * lost_late * libm::sqrt((middle / 5e-4).min(1.0))
            })
            .collect();
        let most = share.iter().copied().fold(0.0, f64::max);
        share.iter_mut().for_each(|share| *share = share.max(1e-9 * most));
        let whole: f64 = share.iter().sum();
        let count = count.min(all.len());
        let mut nodes = Vec::with_capacity(count);
        let (mut first, mut passed) = (0, 0.0);
        for panel in 1..=count {
            let edge = whole * panel as f64 / count as f64;
            // Every panel has a part of the continuum.
            let most = all.len() - (count - panel);
            let mut end = first;
            while end < most && (panel == count || end == first || passed + 0.5 * share[end] < edge) {
                passed += share[end];
                end += 1;
            }
            let weight: f64 = all[first..end].iter().map(|n| n.weight).sum();
            let moment: f64 = all[first..end].iter().map(|n| n.weight * n.depth_ev).sum();
            if weight > 0.0 {
                nodes.push(Node { weight, depth_ev: moment / weight });
            }
            first = end;
        }
        nodes
    }

    /// Nodes moved by a step of their depths and the logarithms of their weights, which stay within the continuum and
    /// sum to 1.
    fn moved(&self, nodes: &[Node], step: &[f64]) -> Vec<Node> {
        let (shallowest_ev, deepest_ev) =
            (self.continuum[0].depth_ev, self.continuum[self.continuum.len() - 1].depth_ev);
        let (depths, weights) = step.split_at(nodes.len());
        let mut moved: Vec<Node> = nodes
            .iter()
            .zip(depths)
            .zip(weights)
            .map(|((node, by_ev), by)| Node {
                weight: (node.weight * libm::exp(by.clamp(-2.0, 2.0))).max(1e-12),
                depth_ev: (node.depth_ev + by_ev).clamp(shallowest_ev, deepest_ev),
            })
            .collect();
        let whole: f64 = moved.iter().map(|node| node.weight).sum();
        moved.iter_mut().for_each(|node| node.weight /= whole);
        moved
    }
}

/// Nodes and what they leave.
struct Iterate {
    nodes: Vec<Node>,
    residuals: Vec<f64>,
    squares: f64,
}

impl Iterate {
    fn new(target: &Target, nodes: Vec<Node>) -> Iterate {
        let residual = |at: &Place| (loss(&nodes, at.per_ev, at.attempts).0 - at.loss) / at.scale;
        let residuals: Vec<f64> = target.places.iter().map(residual).collect();
        let squares = residuals.iter().map(|r| r * r).sum();
        Iterate { nodes, residuals, squares }
    }

    /// `J^T J` by rows and `J^T r`, of the depths and then of the logarithms of the weights.
    fn normal_equations(&self, target: &Target) -> (Vec<f64>, Vec<f64>) {
        let count = self.nodes.len();
        let of = 2 * count;
        let (mut normal, mut gradient, mut row) = (vec![0.0; of * of], vec![0.0; of], vec![0.0; of]);
        for (at, residual) in target.places.iter().zip(&self.residuals) {
            let whole = residual * at.scale + at.loss;
            for (k, node) in self.nodes.iter().enumerate() {
                let x = (at.attempts * libm::exp(-node.depth_ev * at.per_ev)).min(ALL_GONE);
                row[k] = -node.weight * x * libm::exp(-x) * at.per_ev / at.scale;
                row[count + k] = node.weight * (-libm::expm1(-x) - whole) / at.scale;
            }
            for i in 0..of {
                gradient[i] += row[i] * residual;
                for j in 0..=i {
                    normal[i * of + j] += row[i] * row[j];
                }
            }
        }
        (normal, gradient)
    }
}

/// The step of damped normal equations (lower triangle by rows), by Cholesky; none where they are singular.
fn solved(normal: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>> {
    let of = gradient.len();
    let largest = (0..of).map(|i| normal[i * of + i]).fold(0.0, f64::max);
    let mut lower = normal.to_vec();
    for i in 0..of {
        lower[i * of + i] += damping * lower[i * of + i].max(1e-12 * largest);
    }
    for j in 0..of {
        for i in j..of {
            let known: f64 = (0..j).map(|m| lower[i * of + m] * lower[j * of + m]).sum();
            let rest = lower[i * of + j] - known;
            lower[i * of + j] = if i > j {
                rest / lower[j * of + j]
            } else if rest > 0.0 {
                libm::sqrt(rest)
            } else {
                return None;
            };
        }
    }
    let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
    for i in 0..of {
        let known: f64 = (0..i).map(|m| lower[i * of + m] * step[m]).sum();
        step[i] = (step[i] - known) / lower[i * of + i];
    }
    for i in (0..of).rev() {
        let known: f64 = (i + 1..of).map(|m| lower[m * of + i] * step[m]).sum();
        step[i] = (step[i] - known) / lower[i * of + i];
    }
    Some(step)
}
