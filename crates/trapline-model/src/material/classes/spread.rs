//! What traps are that have a spread of depths: dots of many sizes, or sheets between two depths.
//!
//! Computed from it are equal slices of the sizes, thin enough to stand for the continuum, and the trap of any size or
//! depth.

use super::known::Known;
use super::{TrapClass, normalise};
use crate::material::well::SphericalWell;
use std::sync::Arc;

/// Midpoints of the fine grid that stands for the continuum.
const GRID: usize = 4096;
/// Half width of the stencil, in ln(diameter), from which a depth's slope and curvature are taken.
const SIZE_STENCIL: f64 = 0.05;

/// The dots' sizes: a normal distribution cut at both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diameters {
    pub mean_m: f64,
    pub sd_m: f64,
    pub min_m: f64,
    pub max_m: f64,
}

/// Traps that are dots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dots {
    pub well: SphericalWell,
    pub sizes: Diameters,
    /// Larger dots catch faster: the speed goes as the diameter to this power.
    pub speed_exponent: f64,
}

/// Traps of sheets, which confine in one direction only: depths evenly spread between two ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sheets {
    pub shallowest_ev: f64,
    pub deepest_ev: f64,
    /// d(depth)/d(ln thickness), eV.
    pub depth_per_size_ev: f64,
}

/// Traps with a spread of depths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    Dots(Dots),
    Sheets(Sheets),
}

/// A thin slice of a spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slice {
    pub weight: f64,
    pub depth_ev: f64,
    /// Of dots.
    pub diameter_m: f64,
}

static SLICED: Known<Spread, Arc<Vec<Slice>>> = Known::nothing();

impl Spread {
    /// Equal slices of the sizes, shallowest first; their weights sum to 1.
    pub(super) fn slices(&self) -> Arc<Vec<Slice>> {
        SLICED.of(*self, || {
            let mut slices: Vec<Slice> = (0..GRID).map(|i| self.slice((i as f64 + 0.5) / GRID as f64)).collect();
            let total: f64 = slices.iter().map(|s| s.weight).sum();
            slices.iter_mut().for_each(|s| s.weight /= total);
            Arc::new(slices)
        })
    }

    /// Of traps of the spread, in the measure of [`Spread::trap`].
    pub(super) fn mean_speed(&self) -> f64 {
        match self {
            Spread::Dots(dots) => self.slices().iter().map(|s| s.weight * dots.speed(s.diameter_m)).sum(),
            Spread::Sheets(_) => 1.0,
        }
    }

    /// The slice at a share of the way from the smallest to the largest size.
    fn slice(&self, way: f64) -> Slice {
        match self {
            Spread::Dots(dots) => {
                let diameter_m = dots.sizes.min_m + way * (dots.sizes.max_m - dots.sizes.min_m);
                let z = (diameter_m - dots.sizes.mean_m) / dots.sizes.sd_m;
                Slice { weight: libm::exp(-0.5 * z * z), depth_ev: dots.well.depth_ev(diameter_m), diameter_m }
            }
            Spread::Sheets(sheets) => {
                let depth_ev = sheets.shallowest_ev + way * (sheets.deepest_ev - sheets.shallowest_ev);
                Slice { weight: 1.0, depth_ev, diameter_m: 0.0 }
            }
        }
    }

    /// The trap of a depth between those of two sizes, which has no weight yet; its speed is not yet over the mean.
    pub(super) fn trap(&self, depth_ev: f64, between_m: (f64, f64)) -> TrapClass {
        match self {
            Spread::Dots(dots) => {
                // The diameter that has this depth: depth rises with diameter, and both ends bracket it.
                let (mut low_m, mut high_m) = between_m;
                for _ in 0..60 {
                    let middle_m = 0.5 * (low_m + high_m);
                    if dots.well.depth_ev(middle_m) < depth_ev {
                        low_m = middle_m;
                    } else {
                        high_m = middle_m;
                    }
                }
                dots.of_size(0.5 * (low_m + high_m), depth_ev)
            }
            Spread::Sheets(sheets) => TrapClass {
                weight: 0.0,
                depth_ev,
                speed: 1.0,
                depth_slope_ev: sheets.depth_per_size_ev,
                depth_curvature_ev: 0.0,
            },
        }
    }

    pub(super) fn of_slice(&self, slice: &Slice) -> TrapClass {
        match self {
            Spread::Dots(dots) => dots.of_size(slice.diameter_m, slice.depth_ev),
            Spread::Sheets(_) => self.trap(slice.depth_ev, (0.0, 0.0)),
        }
    }

    /// The spread as five hundred classes, nearly a continuum: what few classes are held against. Not for cells.
    pub fn continuum(&self) -> Vec<TrapClass> {
        const RUN: usize = 8;
        let slices = self.slices();
        let mut classes: Vec<TrapClass> = slices
            .chunks(RUN)
            .map(|run| {
                let weight: f64 = run.iter().map(|s| s.weight).sum();
                let mean = |of: fn(&Slice) -> f64| run.iter().map(|s| s.weight * of(s)).sum::<f64>() / weight;
                let middle = Slice { weight, depth_ev: mean(|s| s.depth_ev), diameter_m: mean(|s| s.diameter_m) };
                TrapClass { weight, ..self.of_slice(&middle) }
            })
            .filter(|class| class.weight > 0.0)
            .collect();
        normalise(&mut classes);
        classes
    }
}

impl Dots {
    /// Over that of a dot of the mean diameter.
    fn speed(&self, diameter_m: f64) -> f64 {
        libm::pow(diameter_m / self.sizes.mean_m, self.speed_exponent)
    }

    fn of_size(&self, diameter_m: f64, depth_ev: f64) -> TrapClass {
        let above = self.well.depth_ev(diameter_m * libm::exp(SIZE_STENCIL));
        let below = self.well.depth_ev(diameter_m * libm::exp(-SIZE_STENCIL));
        TrapClass {
            weight: 0.0,
            depth_ev,
            speed: self.speed(diameter_m),
            depth_slope_ev: (above - below) / (2.0 * SIZE_STENCIL),
            depth_curvature_ev: (above + below - 2.0 * depth_ev) / (2.0 * SIZE_STENCIL * SIZE_STENCIL),
        }
    }
}
