//! Pulses that only fill, all in one go.
//!
//! # Theory
//! Where nothing is let go, all classes see the same uptake, and what they hold follows from its integral U alone:
//!
//! ```text
//! df_k/dt = s_k u(F) (1 - f_k)   =>   f_k = 1 - (1 - f_k0) exp(-s_k U),   U = integral of u dt
//! ```
//!
//! With the dose D, the integral of the electrons offered per trap, and `u = (dD/dt) (1 - F)/(1 - q F) (1 - F/F_sc)`,
//! time does not occur any more: pulses of one height, each with a speed of its own, are one pulse whose doses add up. The last factor
//! makes dU/dD stiff near F_sc. Its logarithm y, counted from the start, is not:
//!
//! ```text
//! F = F_0 + (F_sc - F_0)(1 - exp(-y))
//! dy/dx = g(F) S(F),   dU/dx = (F_sc - F_0) exp(-y) g(F),   x = D/F_sc,   g = (1 - F)/(1 - q F)
//! ```
//!
//! `S = sum w_k s_k (1 - f_k)`. And y is what an electron too many takes back by space charge: the *feedback* of
//! [`super::narrowing`], but for what full dots block more.
//!
//! # Practice
//! From empty cells on, S is a function of F alone for the material's weights, `(1 - F)` times a mean speed that
//! changes little: [`Trajectory`], a polynomial. A cell with weights of its own takes it times the quotient of the two S
//! at the start of a train; its dots differ from the material's by chance, in `1/sqrt(N)`, and the quotient changes
//! with F by a small part of that. Classical Runge-Kutta steps whose lengths grow with x, the same for all cells
//! ([`Steps`]), leave 2e-6 of the filling at most; U, which drifts more, is corrected to the one that makes it.
//! `trains.rs` of the engine's tests holds them against a stiff solver, fine stepping, and the exact simulation.

use super::Drive;
use super::capture;
use super::step::Occupancy;
use crate::material::{MAX_CLASSES, Material, TrapClass, Variation};

/// Coefficients of a [`Trajectory`].
pub const COEFFICIENTS: usize = 8;

/// Most pulses of a train, and how many take as long as an equation of a step: a GPU adds up the speeds of pulses, and
/// goes no further at once than [`super::counted::MOST_EQUATIONS_ON_THE_WAY`].
pub const MOST_PULSES: u32 = 128;
/// See [`MOST_PULSES`].
pub const PULSES_AN_EQUATION: u32 = 32;

/// What of a charge may be let go during a whole programming for it to count as nothing.
pub const NEGLIGIBLE: f64 = 1e-6;

/// Error of the polynomial, relative.
const ACCURACY: f64 = 2e-7;

/// Error of the steps: of what a train fills, relative.
const OF_STEPS: f64 = 2e-6;

/// Error of U that its correction, one step of Newton's, brings below [`ACCURACY`].
const CORRECTED: f64 = 3e-4;

/// Most steps of a train.
pub const MOST_STEPS: u32 = 512;

/// A polynomial reaches as far as this at least: over less, differences of its values are roundings.
const LEAST_TOP: f64 = 0.02;

/// Standard deviations of cells that a trajectory reaches out for.
const FAR: f64 = 10.0;

/// The mean speed of the empty dots of cells with a material's weights, by their filling, from empty cells on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trajectory {
    /// Of a polynomial in F, constant first.
    pub mean_speed: [f64; COEFFICIENTS],
    /// The filling that it reaches to, and from which on it stays.
    pub top: f64,
}

impl Trajectory {
    /// That of some classes up to a filling; none where no polynomial follows it closely enough.
    pub fn of(classes: &[TrapClass], top: f64) -> Option<Trajectory> {
        let speed = |filling: f64| mean_speed_at(classes, filling);
        // Interpolated at Chebyshev's nodes, by divided differences, multiplied out.
        let nodes: [f64; COEFFICIENTS] = std::array::from_fn(|i| {
            0.5 * top * (1.0 - libm::cos(std::f64::consts::PI * (i as f64 + 0.5) / COEFFICIENTS as f64))
        });
        let mut differences = nodes.map(speed);
        for order in 1..COEFFICIENTS {
            for i in (order..COEFFICIENTS).rev() {
                differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order]);
            }
        }
        let mut mean_speed = [0.0; COEFFICIENTS];
        for i in (0..COEFFICIENTS).rev() {
            for power in (1..COEFFICIENTS).rev() {
                mean_speed[power] = mean_speed[power - 1] - nodes[i] * mean_speed[power];
            }
            mean_speed[0] = differences[i] - nodes[i] * mean_speed[0];
        }
        let trajectory = Trajectory { mean_speed, top };
        let follows = (0..=100).map(|i| top * f64::from(i) / 100.0).all(|filling| {
            let exact = speed(filling);
            let powers = (0..COEFFICIENTS).map(|power| libm::pow(filling, power as f64));
            // In f32 its terms must not cancel.
            let terms: f64 = powers.zip(mean_speed).map(|(power, c)| (c * power).abs()).sum();
            (trajectory.mean_speed(filling) - exact).abs() <= ACCURACY * exact && terms <= 2.0 * exact
        });
        follows.then_some(trajectory)
    }

    /// Mean speed of the empty dots.
    pub fn mean_speed(&self, filling: f64) -> f64 {
        let filling = filling.min(self.top);
        self.mean_speed.iter().rev().fold(0.0, |sum, c| sum * filling + c)
    }

    /// Speeds of the empty dots, per dot of the cell: S.
    pub fn ready(&self, filling: f64) -> f64 {
        (1.0 - filling) * self.mean_speed(filling)
    }
}

/// Mean speed of the empty dots of cells that were filled from empty.
fn mean_speed_at(classes: &[TrapClass], filling: f64) -> f64 {
    let sums = |uptake: f64| {
        classes.iter().fold((0.0, 0.0), |(empty, ready), class| {
            let of = class.weight * libm::exp(-class.speed * uptake);
            (empty + of, ready + of * class.speed)
        })
    };
    let all = sums(0.0).0;
    let wanted = all * (1.0 - filling);
    let (mut low, mut high) = (0.0, 1.0);
    while sums(high).0 > wanted && high < 1e6 {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if sums(middle).0 > wanted { low = middle } else { high = middle }
    }
    let (empty, ready) = sums(0.5 * (low + high));
    if empty > 0.0 { ready / empty } else { 0.0 }
}

/// How a train is stepped: so many steps, of shares of the whole that grow from the first on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    /// What they are made for: the nominal cell's dose over its limit.
    x: f64,
    pub count: u32,
    pub first_share: f64,
    pub growth: f64,
}

impl Steps {
    /// So many steps of a train of this x: even in ln(1 + x).
    fn even(count: u32, x: f64) -> Steps {
        let growth = libm::exp(libm::log1p(x) / f64::from(count));
        let first_share = if x > 0.0 { libm::expm1(libm::log1p(x) / f64::from(count)) / x } else { 0.0 };
        Steps { x, count, first_share, growth }
    }

    /// The same train in so many times as many steps.
    pub fn finer(&self, times: u32) -> Steps {
        Steps::even(self.count * times, self.x)
    }

    /// As many as a train needs, in the nominal cell and in one that is offered so many times as much: none where it
    /// needs too many.
    fn enough(trajectory: &Trajectory, open: f64, limit: f64, dose: f64, far: f64) -> Option<Steps> {
        let x = dose / limit;
        let filled = |count| {
            [1.0, far].map(|times| {
                let steps = Steps::even(count, x);
                let filled = fill(open, limit, 0.0, dose * times, &steps, |f, _| trajectory.ready(f));
                (-libm::expm1(-filled.feedback), filled.uptake)
            })
        };
        let near = |a: f64, b: f64, accuracy: f64| (a - b).abs() <= accuracy * b;
        let (mut count, mut before) = (1, filled(1));
        while count <= MOST_STEPS {
            let finer = filled(2 * count);
            let all_near = before
                .iter()
                .zip(&finer)
                .all(|(before, finer)| near(before.0, finer.0, OF_STEPS) && near(before.1, finer.1, CORRECTED));
            if all_near {
                return Some(Steps::even(count, x));
            }
            (count, before) = (2 * count, finer);
        }
        None
    }
}

/// What a train makes of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filled {
    /// U: what an empty trap of speed 1 catches.
    pub uptake: f64,
    /// y: by what share an electron too many lowers what is caught.
    pub feedback: f64,
}

/// Fills a cell from a filling by a dose, electrons offered per trap. `ready` gives S at a filling and at the U since
/// the start.
pub fn fill(open: f64, limit: f64, filling: f64, dose: f64, steps: &Steps, ready: impl Fn(f64, f64) -> f64) -> Filled {
    let room = limit - filling;
    let (mut y, mut uptake) = (0.0, 0.0);
    if !(room > 0.0 && dose > 0.0) {
        return Filled { uptake, feedback: y };
    }
    let slopes = |y: f64, uptake: f64| {
        let gained = -libm::expm1(-y);
        let filling = filling + room * gained;
        let open_share = (1.0 - filling) / (1.0 - open * filling);
        (open_share * ready(filling, uptake), room * (1.0 - gained) * open_share)
    };
    let mut h = dose / limit * steps.first_share;
    for _ in 0..steps.count {
        let a = slopes(y, uptake);
        let b = slopes(y + 0.5 * h * a.0, uptake + 0.5 * h * a.1);
        let c = slopes(y + 0.5 * h * b.0, uptake + 0.5 * h * b.1);
        let d = slopes(y + h * c.0, uptake + h * c.1);
        y += h / 6.0 * (a.0 + 2.0 * (b.0 + c.0) + d.0);
        uptake += h / 6.0 * (a.1 + 2.0 * (b.1 + c.1) + d.1);
        h *= steps.growth;
    }
    Filled { uptake, feedback: y }
}

impl Filled {
    /// With the U that fills these classes from an occupancy as far as y does, in a room.
    pub fn corrected(self, classes: &[TrapClass], occupancy: &Occupancy, room: f64) -> Filled {
        let (mut gained, mut ready) = (0.0, 0.0);
        for (class, f) in classes.iter().zip(occupancy) {
            let caught = -(1.0 - f) * libm::expm1(-class.speed * self.uptake);
            gained += class.weight * caught;
            ready += class.weight * class.speed * (1.0 - f - caught);
        }
        let lacks = -room.max(0.0) * libm::expm1(-self.feedback) - gained;
        let correction = if ready > 0.0 { lacks / ready } else { 0.0 };
        Filled { uptake: (self.uptake + correction).max(0.0), ..self }
    }
}

/// [`fill`] of a cell with these classes, from an occupancy: S is that of its own classes.
pub fn fill_classes(
    classes: &[TrapClass],
    open: f64,
    limit: f64,
    dose: f64,
    steps: &Steps,
    occupancy: &Occupancy,
) -> Filled {
    let ready = |_: f64, uptake: f64| -> f64 {
        classes
            .iter()
            .zip(occupancy)
            .map(|(class, f)| class.weight * class.speed * (1.0 - f) * libm::exp(-class.speed * uptake))
            .sum()
    };
    let start = super::step::filling(classes, occupancy);
    fill(open, limit, start, dose, steps, ready).corrected(classes, occupancy, limit - start)
}

/// A train as part of a programming: pulses of one height and width, cycles one after another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Train {
    pub pulses: u32,
    pub steps: Steps,
}

/// Whether a drive only fills.
pub fn only_fills(material: &Material, drive: &Drive) -> bool {
    drive.step_stiffness(material) > 0.0 && drive.field_per_s == 0.0
}

/// Whether a drive does nothing but let go.
pub fn only_rests(material: &Material, drive: &Drive) -> bool {
    drive.step_stiffness(material) == 0.0 && drive.field_per_s == 0.0
}

/// Electrons offered per trap of the nominal cell in a pulse.
pub fn dose(drive: &Drive) -> f64 {
    drive.offered_per_s * drive.dwell_s
}

/// [`Trajectory`] of cells that these drives fill from empty at a temperature; none where something is let go, or where
/// the trajectory has no polynomial.
pub fn trajectory(
    material: &Material,
    variation: &Variation,
    scatter_of_limit: f64,
    temperature_k: f64,
    drives: &[Drive],
) -> Option<Trajectory> {
    let capture = material.capture.as_ref()?;
    let total_s: f64 = drives.iter().map(|drive| drive.dwell_s).sum();
    // Of what is caught, in cells whose dots are as small, or as large, as they come.
    let far = 5.0 * variation.size;
    let caught: f64 = material.classes.iter().map(|class| class.weight * class.speed).sum();
    let let_go = |log_size: f64| -> f64 {
        let escapes = super::escapes_per_s(material, &material.classes, log_size, temperature_k);
        let of_class = |(class, per_s): (&TrapClass, f64)| class.weight * class.speed * (per_s * total_s).min(1.0);
        material.classes.iter().zip(escapes).map(of_class).sum()
    };
    if ![-far, 0.0, far].into_iter().all(|log_size| let_go(log_size) <= NEGLIGIBLE * caught) {
        return None;
    }
    let fewest = libm::exp(-FAR * scatter_of_limit);
    let most = libm::exp(FAR * (variation.capture_speed + scatter_of_limit));
    let filling = drives.iter().take_while(|drive| only_fills(material, drive) || only_rests(material, drive));
    let (mut limit, mut offered): (f64, f64) = (0.0, 0.0);
    for drive in filling {
        limit = limit.max(capture::space_charge_limit(capture, fewest, drive.bias_v.abs()));
        offered += dose(drive);
    }
    if limit <= 0.0 {
        return None;
    }
    // The largest bias all along fills most.
    let (open, dose) = (1.0 - material.injection.free_share, offered * most);
    let steps = Steps::even(MOST_STEPS, dose / limit);
    let filled = fill_classes(&material.classes, open, limit, dose, &steps, &[0.0; MAX_CLASSES]);
    let top = 1.001 * limit * -libm::expm1(-filled.feedback);
    Trajectory::of(&material.classes, top.clamp(LEAST_TOP, 1.0))
}

/// How some pulses of a drive are stepped; none where they need too many steps.
pub fn steps(
    material: &Material,
    variation: &Variation,
    scatter_of_limit: f64,
    trajectory: &Trajectory,
    drive: &Drive,
    pulses: u32,
) -> Option<Steps> {
    let capture = material.capture.as_ref()?;
    let limit = capture::space_charge_limit(capture, 1.0, drive.bias_v.abs());
    let open = 1.0 - material.injection.free_share;
    // Four standard deviations: pulses have speeds of their own, and a cell its limit.
    let of_speeds = variation.capture_speed / libm::sqrt(f64::from(pulses));
    let far = libm::exp(4.0 * (of_speeds + scatter_of_limit));
    Steps::enough(trajectory, open, limit, dose(drive) * f64::from(pulses), far)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::shipped;

    #[test]
    fn the_polynomial_follows_and_says_where_it_does_not() {
        let dots = shipped("pi-ws2-qd").expect("shipped");
        let trajectory = Trajectory::of(&dots.classes, 0.5).expect("speeds within 10 %");
        for filling in [0.0, 0.1, 0.37, 0.5] {
            let exact = mean_speed_at(&dots.classes, filling);
            let relative = trajectory.mean_speed(filling) / exact - 1.0;
            assert!(relative.abs() < ACCURACY, "{filling}: {relative:e}");
        }
        // From empty cells on the mean is that of all dots, and slow ones stay.
        let all: f64 = dots.classes.iter().map(|class| class.weight * class.speed).sum();
        assert!((trajectory.mean_speed(0.0) / all - 1.0).abs() < ACCURACY && trajectory.mean_speed(0.5) < all);
        // Cells that are hardly filled have one too, of coefficients that f32 knows.
        let drive = Drive { bias_v: 1.5, dwell_s: 1e-9, offered_per_s: 31.0, field_per_s: 0.0, substeps: 1 };
        let hardly = super::trajectory(&dots, &dots.variation, 0.01, 298.15, &[drive]).expect("it only fills");
        assert!(hardly.mean_speed.iter().all(|c| c.abs() < 1e3), "{hardly:?}");
        // Speeds that differ ten thousandfold: where the fast ones are full, no polynomial turns that fast.
        let mut apart = dots.classes.clone();
        apart.iter_mut().enumerate().for_each(|(k, class)| class.speed = libm::pow(10.0, k as f64 / 2.0));
        assert_eq!(Trajectory::of(&apart, 0.999), None);
    }

    #[test]
    fn one_class_below_a_full_limit_has_a_closed_form() {
        // Where F_sc = 1 and q = 1: dF/dD = 1 - F for one class of speed 1.
        let class = |weight| TrapClass { weight, speed: 1.0, ..shipped("pi-ws2-ns").expect("shipped").classes[0] };
        let classes = [class(1.0)];
        for dose in [1e-6, 0.1, 3.0, 8.0] {
            let steps = Steps::even(64, dose);
            let found = fill_classes(&classes, 1.0, 1.0, dose, &steps, &[0.0; MAX_CLASSES]);
            // u = (1 - F) dose', so dU = (1 - F) dD with F = 1 - exp(-U): U = ln(1 + D).
            let exact = libm::log1p(dose);
            assert!((found.uptake / exact - 1.0).abs() < 1e-7, "{dose}: {} of {exact}", found.uptake);
            assert!((found.feedback / exact - 1.0).abs() < 1e-7, "{dose}: y is ln(1/(1 - F)) here, which is U");
        }
    }

    #[test]
    fn the_least_pulse_is_exact() {
        // U is D where hardly anything is caught, whatever its size: no digit is lost beside 1.
        let dots = shipped("pi-ws2-qd").expect("shipped");
        for dose in [1e-300, 1e-17, 1e-12] {
            let steps = Steps::even(1, dose / 0.3).finer(8);
            let found = fill_classes(&dots.classes, 0.5, 0.3, dose, &steps, &[0.0; MAX_CLASSES]);
            assert!((found.uptake / dose - 1.0).abs() < 1e-9 + 10.0 * dose, "{dose:e}: {:e}", found.uptake);
        }
    }

    #[test]
    fn two_trains_are_one() {
        let dots = shipped("pi-ws2-qd").expect("shipped");
        let trajectory = Trajectory::of(&dots.classes, 0.5).expect("speeds within 10 %");
        let (open, limit) = (0.5552, 0.34);
        let at = |filling, dose: f64| {
            let steps = Steps::enough(&trajectory, open, limit, dose, 1.0).expect("few");
            fill(open, limit, filling, dose, &steps, |f, _| trajectory.ready(f))
        };
        let (whole, first) = (at(0.0, 1.2), at(0.0, 0.5));
        let second = at(-limit * libm::expm1(-first.feedback), 0.7);
        for (sum, one) in
            [(first.uptake + second.uptake, whole.uptake), (first.feedback + second.feedback, whole.feedback)]
        {
            assert!((sum / one - 1.0).abs() < 1e-6, "{sum} of {one}");
        }
        // Control: another order of magnitudes.
        assert!((at(0.0, 1.3).uptake / whole.uptake - 1.0).abs() > 1e-2);
    }
}
