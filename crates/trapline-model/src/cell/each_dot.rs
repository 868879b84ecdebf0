//! The cell dot by dot: what the others are held against.
//!
//! # Theory
//! Every dot has a size, and with it a depth and a speed, of its own, drawn from the spread of the material: no class
//! stands for many of them. Each is empty or holds an electron. Under bias they move event by event (Gillespie, J.
//! Comput. Phys. 22, 403, 1976): with the uptake u(F) of the filling there is, an empty dot catches at the rate `s u`,
//! a full one lets go at `e + s r` (r is the field's). After an exponential time the next event comes, of a dot drawn by
//! its rate. Nothing is stepped, so there is no step's error. Without bias every electron has a life of its own: it is
//! gone once its dot has been emptied, by rate times time, more often than an exponential number says.
//!
//! # Practice
//! Rates are summed in binary trees (Fenwick, Softw. Pract. Exper. 24, 327, 1994): an event takes the logarithm of the
//! number of dots. Of the shipped dots' 6e4 a cell takes some tens of milliseconds: for thousands of cells.

use super::counted::DotNumber;
use super::step::{self, StepDrive};
use super::{Drive, Factors, capture};
use crate::material::classes::Singles;
use crate::material::{Material, TrapClass};
use crate::rng::counts::{self, Counts, Source};
use crate::rng::{self, Purpose};

/// Most dots of all cells of an array together: some minutes' work.
pub const MOST_DOTS_OF_ARRAY: f64 = 1_073_741_824.0;
/// Most electrons that all of them together may be expected to catch and let go in their programming: some minutes' work.
pub const MOST_EVENTS_OF_ARRAY: f64 = 4e9;

/// Electrons that a cell of the material's size catches and lets go in drives at a temperature, at most: each dot is
/// filled once, and then as often as the slower of catching and letting go allows.
pub fn most_events<'a>(material: &Material, drives: impl IntoIterator<Item = &'a Drive>, temperature_k: f64) -> f64 {
    let Some(capture_of) = material.capture else { return 0.0 };
    let escapes = super::escapes_per_s(material, &material.classes, 0.0, temperature_k);
    let heat_per_s: f64 = material.classes.iter().zip(escapes).map(|(class, per_s)| class.weight * per_s).sum();
    let turns = |drive: &Drive| 2.0 * drive.dwell_s * drive.offered_per_s.min(heat_per_s + drive.field_per_s);
    capture_of.traps * (2.0 + drives.into_iter().map(turns).sum::<f64>())
}

/// Numbers from 0 to 1, neither included, one after another: those of a cell, for one purpose.
#[derive(Debug, Clone)]
pub struct Uniforms {
    seed: u64,
    cell: u64,
    purpose: Purpose,
    /// Calls so far.
    calls: u64,
    left: [f64; 2],
    ready: usize,
}

impl Uniforms {
    /// Those of a purpose, which no other draws of the cell may share.
    pub fn new(seed: u64, cell: u64, purpose: Purpose) -> Uniforms {
        Uniforms { seed, cell, purpose, calls: 0, left: [0.0; 2], ready: 0 }
    }

    /// The next one.
    pub fn draw(&mut self) -> f64 {
        if self.ready == 0 {
            let (step, draw) = (self.calls as u32, (self.calls >> 32) as u32);
            let [a, b, c, d] = rng::words(self.seed, self.cell, self.purpose, step, draw);
            let uniform = |high: u32, low: u32| {
                let bits = u64::from(high) << 32 | u64::from(low);
                ((bits >> 12) as f64 + 0.5) / (1u64 << 52) as f64
            };
            (self.left, self.ready, self.calls) = ([uniform(a, b), uniform(c, d)], 2, self.calls + 1);
        }
        self.ready -= 1;
        self.left[self.ready]
    }
}

/// Sums of rates, of which one can be found by its place in the sum.
#[derive(Debug, Clone)]
struct Sums {
    /// A node holds the sum of as many values before it as its lowest bit says; the first is not used.
    tree: Vec<f64>,
    values: Vec<f64>,
}

impl Sums {
    fn new(values: Vec<f64>) -> Sums {
        let mut tree = vec![0.0; values.len() + 1];
        for (i, value) in values.iter().enumerate() {
            tree[i + 1] += value;
            let above = (i + 1) + lowest_bit(i + 1);
            if above < tree.len() {
                tree[above] += tree[i + 1];
            }
        }
        Sums { tree, values }
    }

    fn set(&mut self, place: usize, value: f64) {
        let by = value - self.values[place];
        self.values[place] = value;
        let mut node = place + 1;
        while node < self.tree.len() {
            self.tree[node] += by;
            node += lowest_bit(node);
        }
    }

    fn total(&self) -> f64 {
        let (mut node, mut sum) = (self.values.len(), 0.0);
        while node > 0 {
            sum += self.tree[node];
            node -= lowest_bit(node);
        }
        sum.max(0.0)
    }

    /// The place of a value that is not 0, by a share of the total.
    fn find(&self, share: f64) -> Option<usize> {
        let (mut rest, mut place) = (share * self.total(), 0);
        let mut stride = self.values.len().next_power_of_two();
        while stride > 0 {
            let next = place + stride;
            if next < self.tree.len() && self.tree[next] <= rest {
                rest -= self.tree[next];
                place = next;
            }
            stride /= 2;
        }
        // Roundings of the sums may lead to a value of 0 beside the one that is meant.
        let near = |place: &usize| self.values[*place] > 0.0;
        (place..self.values.len()).find(near).or_else(|| (0..place.min(self.values.len())).rev().find(near))
    }
}

fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

/// Rates of all dots: each that may catch has its speed, each that is full its speed and its escape, 1/s.
#[derive(Debug, Clone)]
struct Rates {
    emission: Vec<f64>,
    ready: Sums,
    held: Sums,
    hot: Sums,
}

/// A cell and all of its dots.
#[derive(Debug, Clone)]
pub struct DotByDot {
    traps: Vec<TrapClass>,
    full: Vec<bool>,
    electrons: usize,
    /// The cell's, with the trap-filled limit of its own number of dots.
    pub factors: Factors,
    uniforms: Uniforms,
}

impl DotByDot {
    /// An empty cell. `factors` are those drawn by [`super::counted::Electrons::beside_chance`].
    pub fn draw(
        material: &Material,
        singles: &Singles,
        number: DotNumber,
        factors: &Factors,
        counts: &Counts,
        (seed, cell): (u64, u64),
    ) -> DotByDot {
        let nominal = material.capture.map_or(0.0, |c| c.traps);
        let mean = nominal * factors.area * factors.trap_filled;
        let dots = match number {
            DotNumber::Poisson => {
                let source = Source { seed, cell, purpose: Purpose::Dots, step: 1, event: 0 };
                let first = Source { event: 2, ..source }.call(0)[0];
                counts::poisson(counts, &source, first, mean as f32)
            }
            DotNumber::Fixed => libm::floor(mean + 0.5) as u32,
        };
        let mut uniforms = Uniforms::new(seed, cell, Purpose::EachDot);
        let traps: Vec<TrapClass> = (0..dots).map(|_| singles.at(uniforms.draw())).collect();
        let trap_filled = if dots > 0 { f64::from(dots) / (nominal * factors.area) } else { 1.0 };
        let full = vec![false; traps.len()];
        DotByDot { traps, full, electrons: 0, factors: Factors { trap_filled, ..*factors }, uniforms }
    }

    /// An empty cell of these dots. `factors` has the trap-filled limit of their number; `(seed, cell)` say whose
    /// events they are.
    pub fn of(traps: Vec<TrapClass>, factors: Factors, (seed, cell): (u64, u64)) -> DotByDot {
        let full = vec![false; traps.len()];
        DotByDot { traps, full, electrons: 0, factors, uniforms: Uniforms::new(seed, cell, Purpose::EachDot) }
    }

    /// Share of the dots that hold an electron; 0 without dots.
    pub fn filling(&self) -> f64 {
        if self.traps.is_empty() { 0.0 } else { self.electrons as f64 / self.traps.len() as f64 }
    }

    /// Dots that hold an electron.
    pub fn electrons(&self) -> usize {
        self.electrons
    }

    /// What its dots are.
    pub fn traps(&self) -> &[TrapClass] {
        &self.traps
    }

    /// Says of each dot whether it holds an electron; of those nothing is said of, it is none.
    pub fn fill(&mut self, full: impl IntoIterator<Item = bool>) {
        let mut full = full.into_iter();
        self.full.iter_mut().for_each(|to| *to = full.next().unwrap_or(false));
        self.electrons = self.full.iter().filter(|full| **full).count();
    }

    /// Rates of thermal escape of every dot at a temperature without bias, 1/s, with what empties all of them alike.
    fn emission_per_s(&self, material: &Material, temperature_k: f64) -> Vec<f64> {
        super::escapes_per_s(material, &self.traps, self.factors.log_size, temperature_k).collect()
    }

    /// Moves the cell through drives, event by event. Each comes with the cell's capture speed in it over the nominal one.
    pub fn program<'a>(
        &mut self,
        material: &Material,
        drives: impl IntoIterator<Item = (&'a Drive, f64)>,
        temperature_k: f64,
    ) {
        if self.traps.is_empty() {
            return;
        }
        let mut sums = self.sums(material, temperature_k);
        for (drive, speed) in drives {
            self.go(material, &mut sums, drive, speed);
        }
    }

    /// Moves the cell through the same drive again and again, at one capture speed over the nominal one: electrons after
    /// each time.
    pub fn watch(
        &mut self,
        material: &Material,
        drive: &Drive,
        speed: f64,
        temperature_k: f64,
        times: usize,
    ) -> Vec<usize> {
        let mut sums = self.sums(material, temperature_k);
        let mut once = || {
            self.go(material, &mut sums, drive, speed);
            self.electrons
        };
        (0..times).map(|_| once()).collect()
    }

    /// Rates of the dots as they are at a temperature.
    fn sums(&self, material: &Material, temperature_k: f64) -> Rates {
        let emission = self.emission_per_s(material, temperature_k);
        let of = |dot: usize, full: bool, value: f64| if self.full[dot] == full { value } else { 0.0 };
        let dots = 0..self.traps.len();
        Rates {
            ready: Sums::new(dots.clone().map(|i| of(i, false, self.traps[i].speed)).collect()),
            held: Sums::new(dots.clone().map(|i| of(i, true, self.traps[i].speed)).collect()),
            hot: Sums::new(dots.map(|i| of(i, true, emission[i])).collect()),
            emission,
        }
    }

    /// Moves the cell through one drive.
    fn go(&mut self, material: &Material, rates: &mut Rates, drive: &Drive, speed: f64) {
        let Some(capture_of) = material.capture else { return };
        let Rates { emission, ready, held, hot } = rates;
        let per_s = StepDrive {
            open: 1.0 - material.injection.free_share,
            offered: drive.offered_per_s * speed / self.factors.trap_filled,
            space_charge_limit: capture::space_charge_limit(&capture_of, self.factors.trap_filled, drive.bias_v.abs()),
            emission: [0.0; crate::material::MAX_CLASSES],
        };
        let mut passed_s = 0.0;
        loop {
            let uptake_per_s = step::uptake(&per_s, self.filling()).0;
            let (catch, field, heat) = (uptake_per_s * ready.total(), drive.field_per_s * held.total(), hot.total());
            let all = catch + field + heat;
            if all <= 0.0 {
                break;
            }
            passed_s -= libm::log(self.uniforms.draw()) / all;
            if passed_s > drive.dwell_s {
                break;
            }
            let (which, share) = (self.uniforms.draw() * all, self.uniforms.draw());
            let from = if which < catch {
                &*ready
            } else if which < catch + field {
                &*held
            } else {
                &*hot
            };
            let Some(dot) = from.find(share) else { break };
            let fills = !self.full[dot];
            self.full[dot] = fills;
            let value = |is: bool, value: f64| if is { value } else { 0.0 };
            ready.set(dot, value(!fills, self.traps[dot].speed));
            held.set(dot, value(fills, self.traps[dot].speed));
            hot.set(dot, value(fills, emission[dot]));
            self.electrons = if fills { self.electrons + 1 } else { self.electrons - 1 };
        }
    }

    /// How many electrons are left at each of some times: for each of them how long the cell has been at each
    /// temperature by then, s.
    pub fn bake<'a>(
        &self,
        material: &Material,
        temperatures_k: &[f64],
        for_s: impl IntoIterator<Item = &'a [f64]>,
        seed: u64,
    ) -> Vec<usize> {
        let mut uniforms = Uniforms::new(seed, self.uniforms.cell, Purpose::EachDotBake);
        let emissions: Vec<Vec<f64>> = temperatures_k.iter().map(|k| self.emission_per_s(material, *k)).collect();
        // Of each electron the rates of its dot, and how often that must have been emptied for it to be gone.
        let mut left: Vec<(usize, f64)> =
            (0..self.traps.len()).filter(|dot| self.full[*dot]).map(|dot| (dot, -libm::log(uniforms.draw()))).collect();
        for_s
            .into_iter()
            .map(|stays_s| {
                let emptied = |dot: usize| emissions.iter().zip(stays_s).map(|(per_s, s)| per_s[dot] * s).sum::<f64>();
                left.retain(|(dot, bears)| emptied(*dot) < *bears);
                left.len()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_find_every_value_by_its_share() {
        let values = [0.5, 0.0, 2.0, 1.0, 0.0, 0.25, 0.25];
        let mut sums = Sums::new(values.to_vec());
        assert_eq!(sums.total(), 4.0);
        let places: Vec<_> = (0..16).map(|i| sums.find((f64::from(i) + 0.5) / 16.0).unwrap()).collect();
        assert_eq!(places, [0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 5, 6]);
        sums.set(2, 0.0);
        sums.set(4, 2.0);
        assert_eq!(sums.total(), 4.0);
        let places: Vec<_> = (0..16).map(|i| sums.find((f64::from(i) + 0.5) / 16.0).unwrap()).collect();
        assert_eq!(places, [0, 0, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6]);
        assert_eq!(Sums::new(vec![0.0; 3]).find(0.5), None);
        assert_eq!(sums.find(1.0), Some(6));
    }

    #[test]
    fn uniforms_are_even_and_do_not_repeat() {
        let mut uniforms = Uniforms::new(7, 3, Purpose::EachDot);
        let drawn: Vec<f64> = (0..40_000).map(|_| uniforms.draw()).collect();
        let mean = drawn.iter().sum::<f64>() / 40_000.0;
        let square = drawn.iter().map(|u| u * u).sum::<f64>() / 40_000.0;
        // Standard errors: 1/sqrt(12 n) and sqrt(4/45/n).
        assert!((mean - 0.5).abs() < 5.0 * 0.2887 / 200.0 && (square - 1.0 / 3.0).abs() < 5.0 * 0.2981 / 200.0);
        assert!(drawn.iter().all(|u| *u > 0.0 && *u < 1.0) && drawn[0] != drawn[2]);
        let mut others = Uniforms::new(7, 4, Purpose::EachDot);
        assert_ne!(others.draw(), drawn[0]);
    }
}
