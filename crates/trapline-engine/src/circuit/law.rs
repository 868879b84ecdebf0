//! Laws of nonlinear cells and selectors.

use crate::circuit::error::LawError;
use ndarray::Array2;

/// What cells pass. Currents must rise with the voltage (or stay), and a law be the same at every call.
pub trait Law: Sync {
    /// Current, A, and its slope dI/dV >= 0, S, of the cell at a row and column with `volts` from word to bit line.
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64);

    /// What rounding does to a computed current, as a change of the voltage that would do the same, in units of 2^-53
    /// of the voltage: exponentials and powers of it round their arguments.
    fn rounding(&self) -> f64 {
        8.0
    }
}

/// Cells of Ohm's law, S.
#[derive(Debug, Clone, PartialEq)]
pub struct Ohm(pub Array2<f64>);

impl Law for Ohm {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        let siemens = self.0[[row, col]];
        (siemens * volts, siemens)
    }
}

/// Scales of voltage, and currents, A, after both of which exponentials go on as straight lines: no number overflows,
/// and Newton's method can come back from there.
const MOST_SCALES: f64 = 60.0;
/// See [`MOST_SCALES`]: more than anything in an array passes.
const MOST_AMPERES: f64 = 1e8;
/// Scales beyond which an exponential has no number of f64.
const LAST_SCALE: f64 = 700.0;

/// A voltage in scales, within what the exponential of this current is taken of.
fn within(x: f64, scale_a: f64) -> f64 {
    if x.abs() <= MOST_SCALES {
        return x;
    }
    let most = (MOST_AMPERES / scale_a).ln().clamp(MOST_SCALES, LAST_SCALE);
    x.clamp(-most, most)
}

/// A law of one voltage: of a selector, or of cells that are alike.
#[derive(Debug, Clone, PartialEq)]
pub enum Curve {
    /// `scale_a (exp(V/scale_v) - 1)`: a diode.
    Exponential { scale_a: f64, scale_v: f64 },
    /// `scale_a sinh(V/scale_v)`: a tunnel barrier, a mixed conductor.
    Sinh { scale_a: f64, scale_v: f64 },
    /// A measured one.
    Table(Table),
}

impl Curve {
    /// Current, A, and slope, S.
    pub fn at(&self, volts: f64) -> (f64, f64) {
        match self {
            Curve::Exponential { scale_a, scale_v } => {
                let x = volts / scale_v;
                let bounded = if x > 0.0 { within(x, *scale_a) } else { x };
                let slope = scale_a * bounded.exp();
                (scale_a * bounded.exp_m1() + slope * (x - bounded), slope / scale_v)
            }
            Curve::Sinh { scale_a, scale_v } => {
                let x = volts / scale_v;
                let bounded = within(x, *scale_a);
                let slope = scale_a * bounded.cosh();
                (scale_a * bounded.sinh() + slope * (x - bounded), slope / scale_v)
            }
            Curve::Table(table) => table.at(volts),
        }
    }

    /// Whether its numbers make sense.
    pub fn check(&self) -> Result<(), LawError> {
        match *self {
            Curve::Exponential { scale_a, scale_v } | Curve::Sinh { scale_a, scale_v } => {
                for (what, value) in [("current", scale_a), ("voltage", scale_v)] {
                    if !(value > 0.0 && value.is_finite()) {
                        return Err(LawError::Scale { what, value });
                    }
                }
                Ok(())
            }
            Curve::Table(_) => Ok(()),
        }
    }
}

/// A measured current over voltage, interpolated by a monotone cubic (F. N. Fritsch and R. E. Carlson, SIAM J. Numer.
/// Anal. 17, 238 (1980)), and continued with its last slopes.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    volts: Vec<f64>,
    amperes: Vec<f64>,
    slopes: Vec<f64>,
}

impl Table {
    /// From points in ascending order of voltage. Currents must not fall: a current that falls while the voltage rises,
    /// or a voltage that falls while the current rises (snapback), has more than one solution in an array. It must pass
    /// 0 V with 0 A.
    pub fn new(volts: Vec<f64>, amperes: Vec<f64>) -> Result<Table, LawError> {
        if volts.len() != amperes.len() || volts.len() < 2 {
            return Err(LawError::Points { volts: volts.len(), amperes: amperes.len() });
        }
        if let Some(point) = (0..volts.len()).find(|at| !volts[*at].is_finite() || !amperes[*at].is_finite()) {
            return Err(LawError::Point { point, volts: volts[point], amperes: amperes[point] });
        }
        if let Some(at) = (1..volts.len()).find(|at| volts[*at] <= volts[at - 1]) {
            return Err(LawError::Snapback { point: at, volts: volts[at], before_v: volts[at - 1] });
        }
        if let Some(at) = (1..volts.len()).find(|at| amperes[*at] < amperes[at - 1]) {
            return Err(LawError::Falls { point: at, amperes: amperes[at], before_a: amperes[at - 1] });
        }
        let slopes = monotone_slopes(&volts, &amperes);
        let table = Table { volts, amperes, slopes };
        let (zero_a, most_a) = (table.at(0.0).0, table.amperes.iter().fold(0.0, |most: f64, a| most.max(a.abs())));
        if zero_a.abs() > 1e-12 * most_a {
            return Err(LawError::NotThroughZero { amperes: zero_a });
        }
        Ok(table)
    }

    /// Current, A, and slope, S.
    pub fn at(&self, volts: f64) -> (f64, f64) {
        let last = self.volts.len() - 1;
        for end in [0, last] {
            if (end == 0 && volts <= self.volts[0]) || (end == last && volts >= self.volts[last]) {
                return (self.amperes[end] + self.slopes[end] * (volts - self.volts[end]), self.slopes[end]);
            }
        }
        let right = self.volts.partition_point(|v| *v <= volts).clamp(1, last);
        let left = right - 1;
        let width = self.volts[right] - self.volts[left];
        let t = (volts - self.volts[left]) / width;
        let rise = self.amperes[right] - self.amperes[left];
        let (before, after) = (self.slopes[left] * width, self.slopes[right] * width);
        let current = self.amperes[left]
            + t * (before + t * ((3.0 * rise - 2.0 * before - after) + t * (before + after - 2.0 * rise)));
        let slope = before + t * (2.0 * (3.0 * rise - 2.0 * before - after) + 3.0 * t * (before + after - 2.0 * rise));
        (current, (slope / width).max(0.0))
    }
}

/// Slopes at the points that keep the cubics monotone: weighted harmonic means of the chords beside a point, 0 where
/// one of them is flat; the chord itself at the ends.
fn monotone_slopes(volts: &[f64], amperes: &[f64]) -> Vec<f64> {
    let width = |at: usize| volts[at + 1] - volts[at];
    let chord = |at: usize| (amperes[at + 1] - amperes[at]) / width(at);
    let last = volts.len() - 1;
    (0..=last)
        .map(|at| match at {
            0 => chord(0),
            at if at == last => chord(last - 1),
            at if chord(at - 1) == 0.0 || chord(at) == 0.0 => 0.0,
            at => {
                let (before, after) = (2.0 * width(at) + width(at - 1), width(at) + 2.0 * width(at - 1));
                (before + after) / (before / chord(at - 1) + after / chord(at))
            }
        })
        .collect()
}

/// A cell with a selector in series: one current through both, their voltages sum to that of the crossing.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<L> {
    cell: L,
    selector: Curve,
}

impl<L: Law> Series<L> {
    /// Both must pass 0 A at 0 V.
    pub fn new(cell: L, selector: Curve) -> Result<Series<L>, LawError> {
        selector.check()?;
        Ok(Series { cell, selector })
    }
}

/// Steps of the search for the voltage between cell and selector; halvings alone would need some 60.
const MOST_INNER_STEPS: usize = 200;
/// The search ends with a step of so much of the cell's voltage.
const SETTLED: f64 = 4.0 * f64::EPSILON;

impl<L: Law> Series<L> {
    /// The part of a crossing's voltage, V, that is across its cell; the rest is across the selector.
    pub fn cell_v(&self, row: usize, col: usize, volts: f64) -> f64 {
        self.meet(row, col, volts).0
    }

    /// Voltage of the cell, and currents and slopes of cell and selector there.
    fn meet(&self, row: usize, col: usize, volts: f64) -> (f64, [(f64, f64); 2]) {
        // The voltage x of the cell solves `cell(x) = selector(volts - x)`, whose difference rises with x.
        let (mut low, mut high) = (volts.min(0.0), volts.max(0.0));
        let mut x = 0.5 * volts;
        let mut both = [(0.0, 0.0); 2];
        for _ in 0..MOST_INNER_STEPS {
            both = [self.cell.current_and_slope(row, col, x), self.selector.at(volts - x)];
            let [(cell_a, cell_s), (selector_a, selector_s)] = both;
            let excess = cell_a - selector_a;
            if excess > 0.0 {
                high = x;
            } else {
                low = x;
            }
            // Newton's method in logarithms where both pass something: exponentials then are straight lines.
            let newton = if cell_a * selector_a > 0.0 {
                x - (cell_a / selector_a).ln() / (cell_s / cell_a + selector_s / selector_a)
            } else {
                x - excess / (cell_s + selector_s)
            };
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            let settled = (next - x).abs() <= SETTLED * x.abs() || excess == 0.0;
            if settled {
                break;
            }
            x = next;
        }
        (x, both)
    }
}

impl<L: Law> Law for Series<L> {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        let (_, [(cell_a, cell_s), (selector_a, selector_s)]) = self.meet(row, col, volts);
        // Whichever is flatter carries the smaller error of the voltage.
        let current = if cell_s <= selector_s { cell_a } else { selector_a };
        let sum = cell_s + selector_s;
        (current, if sum > 0.0 { cell_s * (selector_s / sum) } else { 0.0 })
    }

    fn rounding(&self) -> f64 {
        // A cell's voltage that is off by `SETTLED` of it changes the current by that times the flatter slope, which is
        // at most twice the slope of both.
        2.0 * SETTLED / (0.5 * f64::EPSILON) + 2.0 * self.cell.rounding()
    }
}

/// Cells that all obey one curve, times a factor of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike {
    curve: Curve,
    factors: Array2<f64>,
}

impl Alike {
    /// Factors of the current must be 0 or more and finite.
    pub fn new(curve: Curve, factors: Array2<f64>) -> Result<Alike, LawError> {
        curve.check()?;
        match factors.indexed_iter().find(|(_, factor)| !(**factor >= 0.0 && factor.is_finite())) {
            Some(((row, col), &factor)) => Err(LawError::Factor { row, col, factor }),
            None => Ok(Alike { curve, factors }),
        }
    }
}

impl Law for Alike {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        let (current, slope) = self.curve.at(volts);
        let factor = self.factors[[row, col]];
        (factor * current, factor * slope)
    }
}
