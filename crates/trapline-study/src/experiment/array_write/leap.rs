//! Many equal writes at once.
//!
//! # Theory
//! A write is one affine map of each occupancy ([`super::course`]), with the uptake `U` of the cell, which falls as the
//! cell fills. If `U` did not change, `H` writes would be
//!
//! ```text
//! f <- f + (r - f) (1 - exp(-H (s U + e))),   r = s U/(s U + e')
//! ```
//!
//! with what the class lets go in a write, `e`, and the same as it counts for the rest value `r`, `e'`: it is larger or
//! smaller as the class empties after it was filled or before. So a class that fills to its rest value, however fast,
//! ends there and never beyond. A class that forgets within these writes has the rest value of the last of them, one
//! that does not has that of their mean; what lies between is summed for an uptake that changes evenly.
//!
//! As `U` changes from `U_0` in the first of these writes to `U_H` in the first after them, its
//! mean is
//!
//! ```text
//! (1 - g) U_0 + g U_H,   g = (1 - (1 - rho^H)/(H (1 - rho)))/(1 - rho^H)
//! ```
//!
//! which is exact where each write leaves the part `rho` of what is missing to rest. Writes are summed and not
//! integrated: one write alone is `g = 0`, few make `g = 1/2 - 1/(2 H)`, very many `g = 1`, where the mean stands for
//! the end itself. `U_H` depends on the filling that the mean leads to, so that the mean is the root of an equation of
//! one unknown that falls from one side to the other; it is solved with `U` as a straight line.
//!
//! The line is first the tangent at the beginning ([`predicted`]), which goes on to drift as it did since the leap
//! before: wires let each cell feel how others fill. Then one write is stepped at the end that was found, and the
//! line goes through what it was offered ([`corrected`]): of second order in `H`, as Heun's method is. The error that
//! is told is twice the difference of the two ways, to which is added by how much the end depends on whether `rho` is
//! that of the beginning or that of the end, and that it is one number only roughly.
//!
//! A cell that each write fills to its limit again has `rho` near 0, and yet its uptake may change slowly, as charge
//! goes from class to class: it would be taken for settled. So three writes, one before the beginning, that at the
//! beginning and that at the end, tell the `rho` that was [seen](seen_to_relax). Where it is much slower than the
//! cell's own it is the one that counts, and half and twice of it take part in the error; elsewhere what it would
//! change does, twice.

use super::course::{Course, occupancy};
use ndarray::{Array1, Array2};
use trapline_model::cell::step::{self, Occupancy};
use trapline_model::material::{MAX_CLASSES, Material, TrapClass};

/// Below this much of the uptake what a class lets go counts as it is: its rest value is 1 to that.
const HARDLY_EMPTIED: f64 = 1e-6;
/// The error that is told over the one that two ways differ by.
const SAFETY: f64 = 2.0;
/// How much more than the difference itself is told of what an uptake that was seen to relax otherwise would make: an
/// exponential through three writes is a guess.
const UNSEEN: f64 = 2.0;
/// Below this share of a cell's own relaxation the one that was seen counts.
const MUCH_SLOWER: f64 = 0.5;
/// What `1 - rho` is not known better than: classes that fill and empty at their own speeds have no common one.
const UNKNOWN: f64 = 0.05;

/// By how much the uptake of each cell changes in a write with its filling as it is, as seen in the writes between two
/// courses.
pub(super) fn drift(material: &Material, before: &Course, now: &Course, writes: f64) -> Array1<f64> {
    let of = |place: usize| {
        let [then, here] = [before, now].map(|of| step::filling(&material.classes, &occupancy(&of.start, place)));
        let slope = 0.5 * (before.slope[place] + now.slope[place]);
        (now.uptake[place] - before.uptake[place] + slope * (here - then)) / writes
    };
    (0..now.uptake.len()).map(of).collect()
}

/// Where many writes lead.
#[derive(Debug, Clone)]
pub(super) struct Leap {
    /// Axes (cell, class).
    pub state: Array2<f64>,
    /// Filling of each cell, and the error of it.
    pub filling: Array1<f64>,
    pub error: Array1<f64>,
    /// What part of what was missing to rest a write was seen to take away; NaN where nobody knows.
    pub seen: Array1<f64>,
}

/// What the classes of a cell let go in a write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Emptied {
    e: Occupancy,
    /// `e'` over `e`.
    order: Occupancy,
}

impl Emptied {
    /// Of a cell in a write.
    pub fn of(classes: &[TrapClass], course: &Course, place: usize) -> Emptied {
        let mut emptied = Emptied { e: occupancy(&course.emptied, place), order: [1.0; MAX_CLASSES] };
        for (k, class) in classes.iter().enumerate() {
            let (c, e) = (class.speed * course.uptake[place], emptied.e[k]);
            if c > 0.0 && e > HARDLY_EMPTIED * c {
                let rest = (course.gained[[place, k]] / -libm::expm1(-c - e)).clamp(1e-300, 1.0);
                emptied.order[k] = c * (1.0 - rest) / rest / e;
            }
        }
        emptied
    }

    /// With the mean of what was let go in two writes.
    fn between(mut self, weight: f64, other: &Course, place: usize) -> Emptied {
        let other = occupancy(&other.emptied, place);
        self.e.iter_mut().zip(other).for_each(|(e, other)| *e += weight * (other - *e));
        self
    }

    /// Occupancies after so many writes of a mean uptake, and of another in the last of them.
    pub fn carry(&self, classes: &[TrapClass], start: &Occupancy, writes: f64, mean: f64, last: f64) -> Occupancy {
        let mut carried = *start;
        for (k, class) in classes.iter().enumerate() {
            let (c, e) = (class.speed * mean, self.e[k]);
            let rest = |c: f64| if c > 0.0 { c / (c + e * self.order[k]) } else { 0.0 };
            let x = writes * (c + e);
            carried[k] +=
                (rest(c) - carried[k]) * -libm::expm1(-x) + (rest(class.speed * last) - rest(c)) * lateness(x, writes);
        }
        carried
    }

    /// The same of an uptake whose mean has the weight `g` at its end.
    fn carry_by(
        &self,
        classes: &[TrapClass],
        start: &Occupancy,
        writes: f64,
        mean: f64,
        (first, g): (f64, f64),
    ) -> Occupancy {
        // The end is the first write after these; the last of them is one before it.
        let end = if g > 0.0 { ((mean - (1.0 - g) * first) / g).max(0.0) } else { mean };
        let last = mean + (end - mean) * (writes - 1.0) / (writes + 1.0);
        self.carry(classes, start, writes, mean, last)
    }
}

/// How far a class that relaxes by `x` in all writes follows the last of an uptake that changes evenly from write to
/// write, and not its mean: 0 to 1. With `q = exp(-x/H)` it is `(1 - q) sum (1 - 2 i/(H - 1)) q^i`, `i` from 0 to `H
/// - 1`.
fn lateness(x: f64, writes: f64) -> f64 {
    if writes <= 1.0 {
        return 0.0;
    }
    if x < 0.01 {
        return x * x / 6.0 * (1.0 + 1.0 / writes);
    }
    let (each, all) = (-libm::expm1(-x / writes), -libm::expm1(-x));
    let left = 1.0 - all;
    // (1 - q) sum i q^i
    let weighted = (1.0 - each) * all / each - writes * left;
    (all - 2.0 * weighted / (writes - 1.0)).clamp(0.0, 1.0)
}

/// The weight `g` where each write takes away the part `relaxation` of what is missing to rest.
pub(super) fn weight(relaxation: f64, writes: f64) -> f64 {
    let relaxation = relaxation.clamp(0.0, 1.0 - 1e-12);
    let all = -writes * libm::log1p(-relaxation);
    if all < 1e-4 {
        return 0.5 - 0.5 / writes;
    }
    let gone = -libm::expm1(-all);
    ((1.0 - gone / (writes * relaxation)) / gone).clamp(0.0, 1.0)
}

/// What part of what is missing to rest a write takes away, of a cell whose uptake has a slope.
fn relaxation(classes: &[TrapClass], start: &Occupancy, e: &Occupancy, slope: f64, writes: f64) -> f64 {
    let (mut ready, mut released, mut filling) = (0.0, 0.0, 0.0);
    for (k, class) in classes.iter().enumerate() {
        // Many writes let go what stands in the way of more.
        ready += class.weight * class.speed * (1.0 - start[k] / (1.0 + writes * e[k]));
        released += class.weight * start[k] * -libm::expm1(-e[k]);
        filling += class.weight * start[k];
    }
    slope * ready + if filling > 0.0 { released / filling } else { 0.0 }
}

/// The uptake as a straight line through one point.
struct Line {
    uptake: f64,
    filling: f64,
    slope: f64,
}

/// The mean uptake `u` with `u = (1 - g) first + g line(filled(u))`; `filled` rises.
fn mean_uptake(first: f64, g: f64, line: &Line, filled: impl Fn(f64) -> f64) -> f64 {
    let most = (1.0 - g) * first + g * (line.uptake + line.slope * line.filling);
    let over = |u: f64| most - g * line.slope * filled(u) - u;
    let (mut low, mut high) = (0.0, most);
    let (mut over_low, mut over_high) = (over(low), over(high));
    if over_low <= 0.0 || most <= 0.0 {
        return 0.0;
    }
    if over_high >= 0.0 {
        return most;
    }
    // False position; an end that stays counts half, so that it moves too.
    let mut stayed = 0;
    for _ in 0..200 {
        let u = (low * over_high - high * over_low) / (over_high - over_low);
        let here = over(u);
        if here == 0.0 || high - low <= 1e-15 * most || !(u > low && u < high) {
            return u.clamp(low, high);
        }
        if here > 0.0 {
            (low, over_low) = (u, here);
            over_high *= if stayed > 0 { 0.5 } else { 1.0 };
            stayed = 1;
        } else {
            (high, over_high) = (u, here);
            over_low *= if stayed < 0 { 0.5 } else { 1.0 };
            stayed = -1;
        }
    }
    0.5 * (low + high)
}

/// Where so many writes lead from the start of a course, by what it offered, the slope of that, and by how much that
/// drifts in a write with the filling as it is; `seen` is what a leap before saw.
pub(super) fn predicted(
    material: &Material,
    from: &Course,
    drift: &Array1<f64>,
    seen: &Array1<f64>,
    writes: f64,
) -> Leap {
    let classes = &material.classes;
    let mut leap = Leap::nowhere(from);
    for place in 0..leap.filling.len() {
        let start = occupancy(&from.start, place);
        let emptied = Emptied::of(classes, from, place);
        let slope = from.slope[place];
        let own = relaxation(classes, &start, &emptied.e, slope, writes);
        let slowly = seen[place] > 0.0 && seen[place] < MUCH_SLOWER * own;
        let g = weight(if slowly { seen[place] } else { own }, writes);
        let at_end = from.uptake[place] + writes * drift[place];
        let line = Line { uptake: at_end, filling: step::filling(classes, &start), slope };
        let first = from.uptake[place];
        let carried = |u: f64| emptied.carry_by(classes, &start, writes, u, (first, g));
        let uptake = mean_uptake(first, g, &line, |u| step::filling(classes, &carried(u)));
        leap.set(classes, place, &carried(uptake), f64::NAN);
    }
    leap
}

/// By how much of what is missing to rest the uptake of a cell went in a write, as three writes saw it: one `since`
/// writes before the beginning, that at the beginning and that at the end. 0 where no exponential goes through them.
fn seen_to_relax(uptakes: [f64; 3], since: f64, writes: f64) -> f64 {
    let [before, first, last] = uptakes;
    let ratio = (before - first) / (first - last);
    if !(ratio > since / writes && ratio.is_finite()) {
        return 0.0;
    }
    // The ratio rises with the rate.
    let over = |rate: f64| libm::expm1(rate * since) / -libm::expm1(-rate * writes) > ratio;
    let (mut low, mut high) = (libm::log(1e-12 / writes), libm::log(300.0 / since));
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        *(if over(libm::exp(middle)) { &mut high } else { &mut low }) = middle;
    }
    -libm::expm1(-libm::exp(0.5 * (low + high)))
}

/// The same with what a write at the predicted end offered, and one so many writes before the beginning, if it is
/// known.
pub(super) fn corrected(
    material: &Material,
    before: Option<(&Course, f64)>,
    from: &Course,
    to: &Course,
    at: &Leap,
    writes: f64,
) -> Leap {
    let classes = &material.classes;
    let mut leap = Leap::nowhere(from);
    for place in 0..leap.filling.len() {
        let start = occupancy(&from.start, place);
        let of_first = Emptied::of(classes, from, place);
        let end = occupancy(&at.state, place);
        let last = relaxation(classes, &end, &occupancy(&to.emptied, place), to.slope[place], writes);
        let first = relaxation(classes, &start, &of_first.e, from.slope[place], writes);
        let line = Line { uptake: to.uptake[place], filling: at.filling[place], slope: to.slope[place] };
        let by = |relaxation: f64| {
            let g = weight(relaxation, writes);
            let emptied = of_first.between(g, to, place);
            let carried = |u: f64| emptied.carry_by(classes, &start, writes, u, (from.uptake[place], g));
            carried(mean_uptake(from.uptake[place], g, &line, |u| step::filling(classes, &carried(u))))
        };
        let seen = before.map_or(f64::NAN, |(before, since)| {
            seen_to_relax([before, from, to].map(|of| of.uptake[place]), since, writes)
        });
        let slowly = seen > 0.0 && seen < MUCH_SLOWER * first.min(last);
        let found = by(if slowly { seen } else { 0.5 * (first + last) });
        let filling = step::filling(classes, &found);
        let (least, most) = match slowly {
            true => (0.5 * seen, 2.0 * seen),
            false => (first.min(last) * (1.0 - UNKNOWN), first.max(last) * (1.0 + UNKNOWN)),
        };
        let spread = step::filling(classes, &by(least)) - step::filling(classes, &by(most));
        let otherwise = if slowly || seen.is_nan() { filling } else { step::filling(classes, &by(seen)) };
        let error = (filling - at.filling[place]).abs() + spread.abs() + UNSEEN * (otherwise - filling).abs();
        leap.set(classes, place, &found, SAFETY * error);
        leap.seen[place] = seen;
    }
    leap
}

impl Leap {
    fn nowhere(from: &Course) -> Leap {
        let [filling, error] = [(); 2].map(|()| Array1::zeros(from.uptake.len()));
        let seen = Array1::from_elem(from.uptake.len(), f64::NAN);
        Leap { state: from.start.clone(), filling, error, seen }
    }

    fn set(&mut self, classes: &[TrapClass], place: usize, state: &Occupancy, error: f64) {
        self.state.row_mut(place).iter_mut().zip(state).for_each(|(to, from)| *to = from.clamp(0.0, 1.0));
        self.filling[place] = step::filling(classes, state);
        self.error[place] = error;
    }
}
