//! The rectangle of a chart, and what of its lines and areas lies inside.

/// The rectangle that data is drawn in, in points.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    pub(super) fn corners(&self) -> [(f64, f64); 5] {
        let Frame { left, right, top, bottom } = *self;
        [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    }

    pub(super) fn middle(&self) -> (f64, f64) {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub(super) fn contains(&self, (x, y): (f64, f64)) -> bool {
        (self.left - 1e-6..=self.right + 1e-6).contains(&x) && (self.top - 1e-6..=self.bottom + 1e-6).contains(&y)
    }

    /// The part of a line that lies inside (Liang and Barsky).
    pub(super) fn clip(&self, a: (f64, f64), b: (f64, f64)) -> Option<[(f64, f64); 2]> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        let sides = [(-dx, a.0 - self.left), (dx, self.right - a.0), (-dy, a.1 - self.top), (dy, self.bottom - a.1)];
        for (along, room) in sides {
            if along == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if along < 0.0 {
                enter = enter.max(room / along);
            } else {
                leave = leave.min(room / along);
            }
        }
        let at = |f: f64| (a.0 + f * dx, a.1 + f * dy);
        (enter <= leave).then(|| [at(enter), at(leave)])
    }

    /// The part of an area that lies inside (Sutherland and Hodgman).
    pub(super) fn clip_area(&self, outline: &[(f64, f64)]) -> Vec<(f64, f64)> {
        type Depth<'a> = &'a dyn Fn((f64, f64)) -> f64;
        let sides: [Depth<'_>; 4] =
            [&|p| p.0 - self.left, &|p| self.right - p.0, &|p| p.1 - self.top, &|p| self.bottom - p.1];
        let mut outline = outline.to_vec();
        for depth in sides {
            let mut inside = Vec::new();
            for (i, &b) in outline.iter().enumerate() {
                let a = outline[(i + outline.len() - 1) % outline.len()];
                let (from, to) = (depth(a), depth(b));
                if (from < 0.0) != (to < 0.0) {
                    let f = from / (from - to);
                    inside.push((a.0 + f * (b.0 - a.0), a.1 + f * (b.1 - a.1)));
                }
                if to >= 0.0 {
                    inside.push(b);
                }
            }
            outline = inside;
        }
        outline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_what_is_inside() {
        let frame = Frame { left: 0.0, right: 10.0, top: 0.0, bottom: 10.0 };
        assert_eq!(frame.clip((-5.0, 5.0), (5.0, 5.0)), Some([(0.0, 5.0), (5.0, 5.0)]));
        assert_eq!(frame.clip((-5.0, -1.0), (5.0, -1.0)), None);
        assert_eq!(frame.clip((2.0, 2.0), (3.0, 3.0)), Some([(2.0, 2.0), (3.0, 3.0)]));
        let diamond = [(5.0, -5.0), (15.0, 5.0), (5.0, 15.0), (-5.0, 5.0)];
        let inside = frame.clip_area(&diamond);
        assert!(inside.iter().all(|&at| frame.contains(at)), "{inside:?}");
        let area = |p: &[(f64, f64)]| {
            let next = p.iter().cycle().skip(1);
            p.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>().abs() / 2.0
        };
        // The diamond touches all four corners of the frame.
        assert!((area(&inside) - 100.0).abs() < 1e-9, "{inside:?}");
        assert!(frame.clip_area(&[(20.0, 0.0), (30.0, 0.0), (30.0, 9.0)]).is_empty());
    }
}
