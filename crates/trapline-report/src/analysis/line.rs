//! Straight lines through points, and where curves cross a level.

/// A least-squares line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    pub slope: f64,
    pub intercept: f64,
    /// Coefficient of determination.
    pub r_squared: f64,
    /// Root mean square of the residuals over the span of the ordinate.
    pub relative_residual: f64,
    pub points: usize,
}

/// The least-squares line through points; none for fewer than three, or for equal or non-finite abscissas.
pub fn fit(points: &[(f64, f64)]) -> Option<Line> {
    let n = points.len() as f64;
    if points.len() < 3 {
        return None;
    }
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>();
    let (xx, xy) = (sum(&|p| (p.0 - x).powi(2)), sum(&|p| (p.0 - x) * (p.1 - y)));
    let slope = xy / xx;
    let residual = sum(&|p| (p.1 - y - slope * (p.0 - x)).powi(2));
    let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.1), h.max(p.1)));
    let line = Line {
        slope,
        intercept: y - slope * x,
        r_squared: 1.0 - residual / sum(&|p| (p.1 - y).powi(2)),
        relative_residual: (residual / n).sqrt() / (high - low),
        points: points.len(),
    };
    (line.slope.is_finite() && line.r_squared.is_finite()).then_some(line)
}

/// Abscissa at which the first of ascending points reaches a level, interpolated from the point before it.
pub fn first_reaches(points: &[(f64, f64)], level: f64) -> Option<f64> {
    let at = points.iter().position(|p| p.1 >= level)?;
    let Some(before) = at.checked_sub(1) else {
        return Some(points[0].0);
    };
    let ((x0, y0), (x1, y1)) = (points[before], points[at]);
    Some(x0 + (level - y0) / (y1 - y0) * (x1 - x0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_its_residual_measured() {
        let exact: Vec<_> = (0..5).map(|i| (f64::from(i), 2.0 * f64::from(i) - 1.0)).collect();
        let line = fit(&exact).expect("enough points");
        assert!((line.slope - 2.0).abs() < 1e-14 && (line.intercept + 1.0).abs() < 1e-14);
        assert!((line.r_squared - 1.0).abs() < 1e-14 && line.relative_residual < 1e-14);
        // A residual of 1, -2, 1 about the line y = 0: rms sqrt(2) over a span of 3; R^2 = 1 - 6/6.
        let bent = fit(&[(0.0, 1.0), (1.0, -2.0), (2.0, 1.0)]).expect("enough points");
        assert!((bent.relative_residual - 2f64.sqrt() / 3.0).abs() < 1e-14 && bent.r_squared.abs() < 1e-14);
        assert_eq!(fit(&exact[..2]), None);
        assert_eq!(fit(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(fit(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)]), None);
    }

    #[test]
    fn a_level_is_reached_between_points() {
        let rising = [(0.0, 0.0), (1.0, 1.0), (2.0, 4.0)];
        assert_eq!(first_reaches(&rising, 2.5), Some(1.5));
        assert_eq!(first_reaches(&rising, 5.0), None);
        assert_eq!(first_reaches(&rising, -1.0), Some(0.0));
    }
}
