//! Traps one by one: each is drawn from the spread or from the levels of a material, where cells do not share classes.

use super::TrapClass;
use super::spread::Spread;
use crate::material::Material;

/// Traps one by one, as they lie in the spread.
#[derive(Debug, Clone)]
pub struct Singles {
    /// Shallowest first. Of slices of a spread each has the share of the traps up to its middle as its weight, of
    /// levels that up to its end.
    traps: Vec<TrapClass>,
    are_levels: bool,
}

impl Singles {
    /// Those of a material.
    pub fn of(material: &Material) -> Singles {
        let Some(spread) = &material.spread else {
            let mut passed = 0.0;
            let traps = material.classes.iter().map(|class| {
                passed += class.weight;
                TrapClass { weight: passed, ..*class }
            });
            return Singles { traps: traps.collect(), are_levels: true };
        };
        Singles::new(spread)
    }

    /// Those of a spread.
    pub fn new(spread: &Spread) -> Singles {
        let slices = spread.slices();
        let mean_speed = spread.mean_speed();
        let mut passed = 0.0;
        let traps = slices.iter().map(|slice| {
            let up_to = passed + 0.5 * slice.weight;
            passed += slice.weight;
            let trap = spread.of_slice(slice);
            TrapClass { weight: up_to, speed: trap.speed / mean_speed, ..trap }
        });
        Singles { traps: traps.collect(), are_levels: false }
    }

    /// The trap that has this share (0 to 1) of the others below it in size: drawn evenly, it is a trap of the spread.
    pub fn at(&self, share: f64) -> TrapClass {
        if self.are_levels {
            let place = self.traps.partition_point(|trap| trap.weight < share).min(self.traps.len() - 1);
            return TrapClass { weight: 1.0, ..self.traps[place] };
        }
        let next = self.traps.partition_point(|trap| trap.weight < share).clamp(1, self.traps.len() - 1);
        let (below, above) = (&self.traps[next - 1], &self.traps[next]);
        let part = (share - below.weight) / (above.weight - below.weight).max(f64::MIN_POSITIVE);
        // Past the middles of the outer slices the line goes on, by half a slice.
        let part = part.clamp(-0.5, 1.5);
        let between = |of: fn(&TrapClass) -> f64| of(below) + part * (of(above) - of(below));
        TrapClass {
            weight: 1.0,
            depth_ev: between(|trap| trap.depth_ev),
            speed: between(|trap| trap.speed),
            depth_slope_ev: between(|trap| trap.depth_slope_ev),
            depth_curvature_ev: between(|trap| trap.depth_curvature_ev),
        }
    }
}
