//! Trap classes: what a material's traps are, one by one and as the few classes that stand for them.
//!
//! Dots and sheets have a spread of depths (`spread`). A cell is computed with a few classes of it, whose depths and
//! weights are fitted to what they do to lives ([`super::quadrature`]); a cell whose dots are taken one by one draws
//! each of them from the spread ([`Singles`]).

mod known;
mod singles;
mod spread;

pub use singles::Singles;
pub use spread::{Diameters, Dots, Sheets, Spread};

use super::quadrature::{Node, Target};
use known::Known;

/// One class of traps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrapClass {
    /// Share of the traps; the weights of a material sum to 1.
    pub weight: f64,
    /// Depth below the matrix' band edge, eV.
    pub depth_ev: f64,
    /// Capture and field-release speed relative to the mean: sum of weight times speed is 1.
    pub speed: f64,
    /// d(depth)/d(ln size), eV.
    pub depth_slope_ev: f64,
    /// Half the second derivative of the depth by ln(size), eV: the shift of a cell
    /// whose dots are larger by a factor exp(u) is `slope u + curvature u^2`.
    pub depth_curvature_ev: f64,
}

impl TrapClass {
    /// Shift of the depth in a cell whose dots are larger than the nominal ones by a factor `exp(log_size)`, eV.
    pub fn depth_shift_ev(&self, log_size: f64) -> f64 {
        log_size * (self.depth_slope_ev + self.depth_curvature_ev * log_size)
    }

    /// Whether all of its numbers are numbers.
    pub fn is_finite(&self) -> bool {
        [self.weight, self.depth_ev, self.speed, self.depth_slope_ev, self.depth_curvature_ev]
            .iter()
            .all(|x| x.is_finite())
    }

    /// Smallest depth among cells whose ln(size) is up to `spread` from the nominal one, eV.
    pub fn least_depth_ev(&self, spread: f64) -> f64 {
        let depth_ev = |u: f64| self.depth_ev + self.depth_shift_ev(u);
        (-16..=16).map(|i| depth_ev(spread * f64::from(i) / 16.0)).fold(f64::INFINITY, f64::min)
    }
}

/// What the classes of a spread depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub spread: Spread,
    /// How many at most; as many as lives within 1.5 % take where it is left open.
    pub classes: Option<usize>,
    pub attempt_per_s: f64,
    pub glass_transition_k: f64,
}

static CLASSED: Known<Asked, Vec<TrapClass>> = Known::nothing();

/// The classes of a spread, shallowest first.
pub fn of(asked: &Asked) -> Vec<TrapClass> {
    CLASSED.of(*asked, || {
        let slices = asked.spread.slices();
        let continuum: Vec<Node> = slices.iter().map(|s| Node { weight: s.weight, depth_ev: s.depth_ev }).collect();
        let target = Target::new(&continuum, asked.attempt_per_s, asked.glass_transition_k);
        let fitted = asked.classes.map_or_else(|| target.few_enough(), |count| target.fitted(count));
        let between_m = (slices[0].diameter_m, slices[slices.len() - 1].diameter_m);
        let class = |node: &Node| TrapClass { weight: node.weight, ..asked.spread.trap(node.depth_ev, between_m) };
        let mut found: Vec<TrapClass> = fitted.nodes.iter().map(class).collect();
        set_speeds(&mut found, asked.spread.mean_speed());
        normalise(&mut found);
        found
    })
}

/// Makes speeds those over the mean of the spread. The class with most of the traps gets the speed that makes the mean
/// right. That class may stand for all the dots that heat does not empty. The fit leaves its depth open then, so a dot
/// of its depth can be 1 % slower than those dots are on average. With that speed the shallow classes would get 1 % too
/// much of the charge, and lives would be 7 % too short.
fn set_speeds(classes: &mut [TrapClass], mean_speed: f64) {
    classes.iter_mut().for_each(|class| class.speed /= mean_speed);
    let Some(most) = (0..classes.len()).max_by(|a, b| classes[*a].weight.total_cmp(&classes[*b].weight)) else {
        return;
    };
    let others: f64 =
        classes.iter().map(|c| c.weight * c.speed).sum::<f64>() - classes[most].weight * classes[most].speed;
    let left = (1.0 - others) / classes[most].weight;
    if left > 0.0 {
        classes[most].speed = left;
    }
}

/// Makes the weights sum to 1 and the weighted speeds too.
pub fn normalise(classes: &mut [TrapClass]) {
    let weight: f64 = classes.iter().map(|c| c.weight).sum();
    classes.iter_mut().for_each(|c| c.weight /= weight);
    let speed: f64 = classes.iter().map(|c| c.weight * c.speed).sum();
    classes.iter_mut().for_each(|c| c.speed /= speed);
}

#[cfg(test)]
mod tests;
