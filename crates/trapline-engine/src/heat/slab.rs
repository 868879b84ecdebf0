//! The substrate under cosine modes of squares, settled and at a complex rate.

use super::Layer;
use rustfft::num_complex::Complex;
use std::f64::consts::PI;

/// Waves finer than those of the grid that are summed one by one to each side, settled; and of what a rate changes in them, which falls much
/// faster.
const WAVES: i32 = 12;
const WAVES_AT_RATES: i32 = 6;
/// Terms of the polynomials along each axis that stand for the sum of the finer waves: its next singularity makes them fall by 4.6 each, to
/// 1e-8.
const TERMS: usize = 12;
/// Points of the parabola, in its upper half: the error is some `2.85^-POINTS`.
const POINTS: usize = 20;

/// A slab under cells of a pitch.
pub(super) struct Slab {
    conductivity_w_per_m_k: f64,
    thickness_m: f64,
    /// Heat capacity over conductivity, s/m^2.
    slowness: f64,
    /// One over the pitch squared, 1/m^2.
    per_area: f64,
}

/// Phases from cell to cell of the modes along one axis of a grid, `x = pi m/n`, and what is needed of them.
pub(super) struct Phases {
    /// `x^2`.
    square: Vec<f64>,
    /// `4 sin^2(x/2)`.
    lattice: Vec<f64>,
    /// `[sin(x/2)/(x/2)]^2`: the share of the coarsest wave in a pattern of squares.
    share: Vec<f64>,
    /// Chebyshev's polynomials of x over 0 to pi.
    terms: Vec<[f64; TERMS]>,
}

impl Phases {
    pub(super) fn new(cells: usize) -> Phases {
        let phase = |m: usize| PI * m as f64 / cells as f64;
        let lattice = |x: f64| 4.0 * libm::sin(0.5 * x) * libm::sin(0.5 * x);
        Phases {
            square: (0..cells).map(|m| phase(m) * phase(m)).collect(),
            lattice: (0..cells).map(|m| lattice(phase(m))).collect(),
            share: (0..cells).map(|m| share(phase(m), 0)).collect(),
            terms: (0..cells).map(|m| chebyshev(2.0 * phase(m) / PI - 1.0)).collect(),
        }
    }

    pub(super) fn lattice(&self, mode: usize) -> f64 {
        self.lattice[mode]
    }
}

/// Share of the wave `x + 2 pi i` in a pattern of squares, as power and as mean together: `[sin(x/2)/(x/2 + pi i)]^2`.
fn share(phase: f64, wave: i32) -> f64 {
    let half = 0.5 * phase + PI * f64::from(wave);
    if half.abs() < 1e-12 {
        return 1.0;
    }
    let root = libm::sin(0.5 * phase) / half;
    root * root
}

fn chebyshev(at: f64) -> [f64; TERMS] {
    let mut terms = [1.0; TERMS];
    terms[1] = at;
    for n in 2..TERMS {
        terms[n] = 2.0 * at * terms[n - 1] - terms[n - 2];
    }
    terms
}

impl Slab {
    pub(super) fn new(layer: &Layer, pitch_m: f64) -> Slab {
        Slab {
            conductivity_w_per_m_k: layer.conductivity_w_per_m_k,
            thickness_m: layer.thickness_m,
            slowness: layer.capacity_j_per_m3_k / layer.conductivity_w_per_m_k,
            per_area: 1.0 / (pitch_m * pitch_m),
        }
    }

    /// Rise per power and area of a wave, K m^2/W, by the square of its phases from cell to cell.
    fn rise(&self, square: f64) -> f64 {
        let z2 = square * self.per_area * self.thickness_m * self.thickness_m;
        let z = z2.sqrt();
        // z coth z, by its series where z is small; coth is 1 to the last bit from 20 on.
        let shape = match () {
            () if z > 20.0 => z,
            () if z2 < 1e-6 => 1.0 + z2 / 3.0 - z2 * z2 / 45.0,
            () => z / libm::tanh(z),
        };
        self.thickness_m / (self.conductivity_w_per_m_k * shape)
    }

    /// The same at a rate, 1/s.
    fn rise_at(&self, square: f64, rate: Complex<f64>) -> Complex<f64> {
        let z2 = (rate * self.slowness + square * self.per_area) * (self.thickness_m * self.thickness_m);
        let z = root(z2);
        let one = Complex::new(1.0, 0.0);
        let shape = match () {
            () if z.re > 20.0 => z,
            () if z2.norm_sqr() < 1e-12 => one + z2 / 3.0 - z2 * z2 / 45.0,
            () => {
                let gone = exponential(z * -2.0);
                z * (one + gone) / (one - gone)
            }
        };
        shape.inv() * (self.thickness_m / self.conductivity_w_per_m_k)
    }

    /// Of the coarsest wave of a mode, with its share.
    pub(super) fn coarse(&self, rows: &Phases, row: usize, cols: &Phases, col: usize) -> f64 {
        rows.share[row] * cols.share[col] * self.rise(rows.square[row] + cols.square[col])
    }

    pub(super) fn coarse_at(
        &self,
        rows: &Phases,
        row: usize,
        cols: &Phases,
        col: usize,
        rate: Complex<f64>,
    ) -> Complex<f64> {
        self.rise_at(rows.square[row] + cols.square[col], rate) * (rows.share[row] * cols.share[col])
    }
}

/// The sum over the finer waves of all modes, as a polynomial of both phases.
#[derive(Clone)]
pub(super) struct Finer {
    coefficients: [[Complex<f64>; TERMS]; TERMS],
}

/// The same for one phase along the rows: a polynomial of that along the columns.
pub(super) struct OfColumn {
    /// Whether all is alike along the rows: with all alike along the columns too no finer wave is left, which the polynomial meets to 1e-12
    /// only.
    even: bool,
    coefficients: [Complex<f64>; TERMS],
}

impl Finer {
    /// Settled.
    pub(super) fn settled(slab: &Slab) -> Finer {
        Finer::of(WAVES, |square| Complex::new(slab.rise(square), 0.0))
    }

    /// At a rate, by what it changes.
    pub(super) fn at_rate(&self, slab: &Slab, rate: Complex<f64>) -> Finer {
        let change = Finer::of(WAVES_AT_RATES, |square| slab.rise_at(square, rate) - slab.rise(square));
        let mut sum = self.clone();
        for (into, from) in sum.coefficients.iter_mut().flatten().zip(change.coefficients.iter().flatten()) {
            *into += from;
        }
        sum
    }

    fn of(waves: i32, rise: impl Fn(f64) -> Complex<f64>) -> Finer {
        // Interpolation at Chebyshev's nodes, in which the sums over both axes part.
        let nodes: [f64; TERMS] = std::array::from_fn(|n| libm::cos(PI * (n as f64 + 0.5) / TERMS as f64));
        // Of each node the phases of its waves from cell to cell, and their shares.
        let all: Vec<Vec<(f64, f64)>> = nodes
            .iter()
            .map(|node| {
                let phase = 0.5 * PI * (node + 1.0);
                (-waves..=waves).map(|i| (phase + 2.0 * PI * f64::from(i), share(phase, i))).collect()
            })
            .collect();
        let total = |of: &[(f64, f64)]| of.iter().map(|(_, share)| share).sum::<f64>();
        // Shares add up to 1 and fall as 1/i^2: those that are left out are on average as fine as twice the last.
        let left = 2.0 * PI * f64::from(2 * waves + 1);
        let of_left = rise(left * left);
        let coarsest = waves as usize;
        let zero = Complex::new(0.0, 0.0);
        let mut coefficients = [[zero; TERMS]; TERMS];
        for (x, along_x) in nodes.into_iter().zip(&all) {
            for (y, along_y) in nodes.into_iter().zip(&all) {
                let mut sum = of_left * (1.0 - total(along_x) * total(along_y));
                for (i, (phase_x, share_x)) in along_x.iter().enumerate() {
                    for (j, (phase_y, share_y)) in along_y.iter().enumerate() {
                        if (i, j) != (coarsest, coarsest) {
                            sum += rise(phase_x * phase_x + phase_y * phase_y) * (share_x * share_y);
                        }
                    }
                }
                let (of_x, of_y) = (chebyshev(x), chebyshev(y));
                for (line, of_x) in coefficients.iter_mut().zip(of_x) {
                    for (into, of_y) in line.iter_mut().zip(of_y) {
                        *into += sum * (of_x * of_y);
                    }
                }
            }
        }
        let scale = |n: usize| if n == 0 { 1.0 / TERMS as f64 } else { 2.0 / TERMS as f64 };
        for (a, line) in coefficients.iter_mut().enumerate() {
            for (b, value) in line.iter_mut().enumerate() {
                *value *= scale(a) * scale(b);
            }
        }
        Finer { coefficients }
    }

    pub(super) fn of_column(&self, cols: &Phases, col: usize) -> OfColumn {
        let mut coefficients = [Complex::new(0.0, 0.0); TERMS];
        for (line, term) in self.coefficients.iter().zip(cols.terms[col]) {
            for (into, from) in coefficients.iter_mut().zip(line) {
                *into += from * term;
            }
        }
        OfColumn { even: col == 0, coefficients }
    }
}

impl OfColumn {
    pub(super) fn at(&self, rows: &Phases, row: usize) -> Complex<f64> {
        if self.even && row == 0 {
            return Complex::new(0.0, 0.0);
        }
        self.coefficients.iter().zip(&rows.terms[row]).map(|(c, term)| c * term).sum()
    }

    pub(super) fn settled_at(&self, rows: &Phases, row: usize) -> f64 {
        if self.even && row == 0 {
            return 0.0;
        }
        self.coefficients.iter().zip(&rows.terms[row]).map(|(c, term)| c.re * term).sum()
    }
}

/// The slowest time constant, s, of a slab under a sheet of this heat capacity, J/(m^2 K), with a loss to air, where all is alike along it: one over the least
/// rate at which what is left decays. None without a heat capacity.
pub(super) fn time_constant_s(layer: &Layer, sheet_capacity: f64, air: f64) -> Option<f64> {
    let (k, d) = (layer.conductivity_w_per_m_k, layer.thickness_m);
    // What is lost while it decays at a rate: falls with the rate, and is 0 at the rate that is looked for.
    let left = |rate: f64| {
        let z2 = rate * layer.capacity_j_per_m3_k / k * d * d;
        let z = z2.sqrt();
        air - sheet_capacity * rate + k / d * if z2 < 1e-6 { 1.0 - z2 / 3.0 } else { z / libm::tan(z) }
    };
    // The sheet alone, and the slab with its upper face held, decay faster.
    let by_sheet = (k / d + air) / sheet_capacity;
    let by_slab = PI * PI / (d * d) * k / layer.capacity_j_per_m3_k;
    let (mut low, mut high) = (0.0, by_sheet.min(by_slab));
    if !high.is_finite() {
        return None;
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if left(middle) > 0.0 { low = middle } else { high = middle }
    }
    Some(2.0 / (low + high))
}

/// Rates, 1/s, and weights that give what power does that is switched on at 0 from the loss D at these rates:
/// `T(t) = Im sum over k of w_k/D(s_k)`, with `s = mu (1 + i u)^2`, `u_k = (k + 1/2) h`, `h = 3/N`, `mu t = pi N/12`.
pub(super) fn contour(seconds: f64) -> Vec<(Complex<f64>, Complex<f64>)> {
    let (h, mu_t) = (3.0 / POINTS as f64, PI * POINTS as f64 / 12.0);
    let point = |k: usize| {
        let turn = Complex::new(1.0, (k as f64 + 0.5) * h);
        let s_t = turn * turn * mu_t;
        // exp(s t) s'/s h/pi, with s'/s = 2i/(1 + i u), over 1/s, which is the power's transform.
        (s_t / seconds, exponential(s_t) * Complex::new(0.0, 2.0 * h / PI) / turn)
    };
    (0..POINTS).map(point).collect()
}

/// The root whose real part is not negative.
fn root(of: Complex<f64>) -> Complex<f64> {
    let size = of.norm_sqr().sqrt();
    if of.re >= 0.0 {
        let re = (0.5 * (size + of.re)).sqrt();
        Complex::new(re, if re > 0.0 { 0.5 * of.im / re } else { 0.0 })
    } else {
        let im = (0.5 * (size - of.re)).sqrt().copysign(of.im);
        Complex::new(0.5 * of.im / im, im)
    }
}

/// exp(z) - 1, also where it is small.
pub(super) fn exponential_m1(of: Complex<f64>) -> Complex<f64> {
    let (sin, cos) = libm::sincos(of.im);
    let half = libm::sin(0.5 * of.im);
    Complex::new(libm::expm1(of.re) * cos - 2.0 * half * half, libm::exp(of.re) * sin)
}

fn exponential(of: Complex<f64>) -> Complex<f64> {
    let (sin, cos) = libm::sincos(of.im);
    Complex::new(cos, sin) * libm::exp(of.re)
}
