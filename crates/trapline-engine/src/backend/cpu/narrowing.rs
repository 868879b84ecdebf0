//! What the uptake's feedback makes of the variance, of sixteen cells whose electrons are counted. Twin:
//! `shaders/counted.wgsl`; the equations are those of [`mod@trapline_model::cell::narrowing`].

use super::lanes::{LANES, Lane, fraction_lost, phi};
use trapline_model::cell::narrowing;

/// Where sixteen cells are on their way: filling, speeds of the empty dots, and what is let go in a step as if it
/// stayed.
pub struct Here {
    pub filling: Lane,
    pub ready: Lane,
    pub released: Lane,
}

impl Here {
    pub const NOWHERE: Here = Here { filling: [0.0; LANES], ready: [0.0; LANES], released: [0.0; LANES] };

    #[inline(always)]
    pub fn add(&mut self, lane: usize, weight: f32, speed: f32, emission: f32, f: f32) {
        self.filling[lane] += weight * f;
        self.ready[lane] += weight * speed * (1.0 - f);
        self.released[lane] += weight * emission * f;
    }
}

/// See [`mod@trapline_model::cell::narrowing`].
pub struct Noise {
    held: Lane,
    alone: Lane,
}

impl Noise {
    pub const NONE: Noise = Noise { held: [0.0; LANES], alone: [0.0; LANES] };

    #[inline(always)]
    pub fn step(&mut self, lane: usize, [start, end]: [f32; 2], feedback: f32, forgets: f32) {
        let x = feedback + forgets;
        let (stays, alone) = (1.0 - fraction_lost(x), 1.0 - fraction_lost(forgets));
        let held = 0.5 * phi(x) * (end + start * stays);
        self.held[lane] = self.held[lane] * stays * stays + held;
        let d = forgets - feedback;
        let q = if d >= 0.0 { stays } else { alone * alone } * phi(d.abs());
        let psi = phi(2.0 * forgets);
        let far = end * psi + (start - end) * (q - stays * psi) / fraction_lost(x);
        let near = 0.5 * (end + start * alone * alone);
        let drawn = if x < narrowing::SHORT as f32 { near } else { far };
        self.alone[lane] = self.alone[lane] * alone * alone + if feedback > 0.0 { drawn } else { held };
    }

    #[inline(always)]
    pub fn train(&mut self, lane: usize, gained: f32, speeds: f32, feedback: f32, flattens: f32) {
        let stays = 1.0 - fraction_lost(feedback);
        let (empties, bend) = (phi(feedback), flattens - 1.0);
        let drawn = feedback * empties + bend * (empties - stays);
        let held = stays * (feedback * empties + bend * (1.0 - empties));
        let left = if drawn > 0.0 { held / drawn } else { 1.0 };
        let fades = speeds * speeds;
        self.held[lane] = self.held[lane] * fades * stays * stays + gained * speeds * left;
        self.alone[lane] = self.alone[lane] * fades + gained * speeds;
    }

    #[inline(always)]
    pub fn narrowed(&self, lane: usize) -> f32 {
        if self.alone[lane] > 0.0 { (1.0 - self.held[lane] / self.alone[lane]).max(0.0).min(1.0) } else { 0.0 }
    }
}

/// What full dots that block the current add to the feedback of a train: as
/// [`trapline_model::cell::counted::blocked_more`]; the logarithm of a quotient by its first terms, to 3e-3 of it up
/// to 4 and to 4e-2 up to 10.
#[inline(always)]
pub fn blocked_more(open: f32, before: f32, after: f32) -> f32 {
    let through = |filling: f32| (1.0 - filling) / (1.0 - open * filling).max(1e-6);
    let (before, after) = (through(before), through(after));
    let t = (before - after) / (before + after).max(1e-30);
    let squared = t * t;
    (2.0 * t * (1.0 + squared * (1.0 / 3.0 + squared * (0.2 + squared * (1.0 / 7.0))))).max(0.0)
}
