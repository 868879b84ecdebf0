//! How much narrower the uptake keeps the number of a cell's electrons than dots that know nothing of one another
//! would.
//!
//! # Theory
//! Electrons that are drawn together have a binomial variance: each dot catches and lets go by itself. In a cell an
//! electron too many lowers the uptake u of all others. With the flux j of electrons that are caught or let go, per
//! dot, the variance of a cell's filling obeys (linear noise: N. G. van Kampen, Stochastic Processes in Physics and
//! Chemistry, chapter X)
//!
//! ```text
//! dv/dt = j - 2 (d + rho) v,   rho = -u'(F) S
//! ```
//!
//! where d is what dots forget by themselves, the mean of c + e over the flux, S the speeds of the empty dots, and rho
//! the feedback. Without it the same equation has the variance that is drawn. Both are followed from draw to draw, and
//! their quotient is what is left of the variance: [`Noise`].
//!
//! Over a step the flux goes from `j_0` to `j_1` as `exp(-x)` does, with `x = X + D`, the feedback and what is
//! forgotten:
//!
//! ```text
//! held  <- held exp(-2 x) + phi(x) (j_1 + j_0 exp(-x))/2
//! alone <- alone exp(-2 D) + j_1 psi(D) + (j_0 - j_1) (Q - exp(-x) psi(D))/(1 - exp(-x))
//! Q = (exp(-x) - exp(-2 D))/(2 D - x),   phi(x) = (1 - exp(-x))/x,   psi(x) = phi(2 x)
//! ```
//!
//! At rest that leaves `psi(X + D)/psi(D)` of a step, while a cell fills `exp(-X)`. Three steps of a pulse with X = 1.5
//! are within 2 % of the equation, one of X = 0.1 within a thousandth.
//!
//! Over a train of pulses that only fill, with `w = -u' S^2`, what is caught at x of the way weighs `exp(-x)/w` and
//! is held back from there on by `exp(-2 (X - x))`; 1/w goes on a straight line, from 1 to 1 + b:
//!
//! ```text
//! held/alone = exp(-X) (X phi(X) + b (1 - phi(X)))/(X phi(X) + b (phi(X) - exp(-X)))
//! ```

use super::step::phi;

/// Below it a step's flux goes on a straight line.
pub const SHORT: f64 = 0.02;

/// Variances of a cell's filling since the last draw, times its number of dots: with the feedback and without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    held: f64,
    alone: f64,
}

impl Noise {
    /// Right after a draw.
    pub const NONE: Noise = Noise { held: 0.0, alone: 0.0 };

    /// Goes on by a step: electrons that are caught or let go in it, per dot, at the rate of its start and of its end;
    /// its feedback X, and what dots forget in it, D.
    pub fn step(&mut self, flux: [f64; 2], feedback: f64, forgets: f64) {
        let [start, end] = flux;
        let x = feedback + forgets;
        let (stays, alone) = (libm::exp(-x), libm::exp(-forgets));
        let held = 0.5 * phi(x) * (end + start * stays);
        self.held = self.held * stays * stays + held;
        let drawn = if feedback <= 0.0 {
            held
        } else if x < SHORT {
            0.5 * (end + start * alone * alone)
        } else {
            let d = forgets - feedback;
            let q = if d >= 0.0 { stays * phi(d) } else { alone * alone * phi(-d) };
            let psi = phi(2.0 * forgets);
            end * psi + (start - end) * (q - stays * psi) / (1.0 - stays)
        };
        self.alone = self.alone * alone * alone + drawn;
    }

    /// Goes on by a train that adds so much to the filling, with the speeds S of the empty dots at its end over those
    /// at its start, its feedback X, and `-u' S^2` at its start over that at its end.
    pub fn train(&mut self, gained: f64, speeds: f64, feedback: f64, flattens: f64) {
        let stays = libm::exp(-feedback);
        let (empties, bend) = (phi(feedback), flattens - 1.0);
        let drawn = feedback * empties + bend * (empties - stays);
        let held = stays * (feedback * empties + bend * (1.0 - empties));
        let left = if drawn > 0.0 { held / drawn } else { 1.0 };
        let fades = speeds * speeds;
        self.held = self.held * fades * stays * stays + gained * speeds * left;
        self.alone = self.alone * fades + gained * speeds;
    }

    /// What the feedback takes of the variance that is drawn, 0 to 1.
    pub fn narrowed(&self) -> f64 {
        if self.alone > 0.0 { (1.0 - self.held / self.alone).clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At rest the flux stays, and any number of steps of any length is the closed form.
    #[test]
    fn at_rest_steps_add_up_to_the_closed_form() {
        for (x, d) in [(0.1, 0.2), (1.5, 0.3), (3.0, 100.0), (0.4, 1e-6)] {
            let psi = |x: f64| phi(2.0 * x);
            let exact = psi(x + d) / psi(d);
            for steps in [1, 7, 500] {
                let mut noise = Noise::NONE;
                let share = 1.0 / f64::from(steps);
                (0..steps).for_each(|_| noise.step([share, share], share * x, share * d));
                let left = 1.0 - noise.narrowed();
                assert!((left / exact - 1.0).abs() < 2e-4, "{x} {d} {steps}: {left} {exact}");
            }
        }
    }

    /// While a cell fills with a feedback that stays, what is caught falls as exp(-x), and exp(-X) is left; where the
    /// feedback is halved on the way, more is.
    #[test]
    fn filling_leaves_less() {
        for x in [0.01, 0.3, 1.5] {
            let mut noise = Noise::NONE;
            let steps = 40;
            let at = |i: i32| (-x * f64::from(i) / f64::from(steps)).exp();
            (0..steps).for_each(|i| noise.step([at(i), at(i + 1)], x / f64::from(steps), 0.0));
            assert!(((1.0 - noise.narrowed()) / (-x).exp() - 1.0).abs() < 1e-3, "{x}");
            let of = |flattens| {
                let mut noise = Noise::NONE;
                noise.train(0.1, 1.0, x, flattens);
                1.0 - noise.narrowed()
            };
            assert!((of(1.0) / (-x).exp() - 1.0).abs() < 1e-12, "{x}");
            assert!(of(2.0) > of(1.0) && of(2.0) < 1.0, "{x}");
        }
    }

    /// A cell that fills and comes to rest forgets how it came there.
    #[test]
    fn what_is_long_past_does_not_count() {
        let mut noise = Noise::NONE;
        noise.step([1.0, 0.5], 1.0, 0.0);
        (0..50).for_each(|_| noise.step([0.1, 0.1], 0.5, 0.5));
        // Far into rest: D/(D + X).
        assert!((1.0 - noise.narrowed() - 0.5).abs() < 1e-3, "{}", noise.narrowed());
    }
}
