//! How well the targets determine the parameters, and which directions they leave open.
//!
//! # Theory
//! Near the optimum the residuals, counted in standard errors, are linear in the places x of the parameters between
//! their bounds: `r = r0 + J dx`. With `J = U S V^T`, a direction v of the parameters is known to within `1/s`.
//! Before any target is looked at, a parameter is known to lie between its bounds, with a standard deviation of
//! `1/sqrt(12)` of their distance, that of the uniform distribution: a direction with `s < sqrt(12)` is one along
//! which the targets say less than the bounds, and is not identifiable. So is a parameter whose own standard error,
//! `sqrt(sum_k (v_k/s_k)^2)`, is larger than that. Parameters at a bound are held there and left out.

use nalgebra::DMatrix;

/// Smallest singular value of a direction that the targets know better than the bounds do.
const LEAST_SINGULAR: f64 = 3.464_101_615_137_754_6;
/// Parts of a direction this much smaller than its largest are not named.
const NAMED_FROM: f64 = 0.3;
/// Correlations from here on are named.
const CORRELATED_FROM: f64 = 0.95;
/// Smaller singular values are raised to this share of the largest: below it they are rounding.
const ROUNDING: f64 = 1e-10;

/// How well a fit determines its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Knowledge {
    /// Standard error of each parameter in places; none where it is not identifiable or is held at a bound.
    pub errors: Vec<Option<f64>>,
    /// Directions the targets leave open: parameters and their parts, the largest first.
    pub open: Vec<Vec<(usize, f64)>>,
    /// Pairs of identifiable parameters, and their correlation.
    pub correlated: Vec<(usize, usize, f64)>,
}

/// Evaluates the Jacobian over places; `held` parameters are left out.
pub fn knowledge(jacobian: &DMatrix<f64>, held: &[bool]) -> Knowledge {
    let count = held.len();
    let free: Vec<usize> = (0..count).filter(|i| !held[*i]).collect();
    let mut knowledge = Knowledge { errors: vec![None; count], open: Vec::new(), correlated: Vec::new() };
    if free.is_empty() || !jacobian.iter().all(|j| j.is_finite()) {
        return knowledge;
    }
    // The method wants at least as many rows as columns; rows of 0 say nothing.
    let rows = jacobian.nrows().max(free.len());
    let of_free =
        DMatrix::from_fn(
            rows,
            free.len(),
            |row, i| {
                if row < jacobian.nrows() { jacobian[(row, free[i])] } else { 0.0 }
            },
        );
    let parts = of_free.svd(false, true);
    let Some(directions) = parts.v_t else {
        return knowledge;
    };
    let least = (parts.singular_values.max() * ROUNDING).max(f64::MIN_POSITIVE.sqrt());
    let singular: Vec<f64> = parts.singular_values.iter().map(|s| s.max(least)).collect();
    let covariance = |i: usize, j: usize| {
        singular.iter().enumerate().map(|(k, s)| directions[(k, i)] / s * (directions[(k, j)] / s)).sum::<f64>()
    };
    for (i, &parameter) in free.iter().enumerate() {
        let error = covariance(i, i).sqrt();
        knowledge.errors[parameter] = (error * LEAST_SINGULAR < 1.0).then_some(error);
    }
    for k in (0..singular.len()).filter(|k| singular[*k] < LEAST_SINGULAR) {
        let mut parts: Vec<_> = free.iter().enumerate().map(|(i, p)| (*p, directions[(k, i)])).collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let largest = parts[0].1;
        parts.retain(|(_, part)| part.abs() >= NAMED_FROM * largest.abs());
        // A direction and its negative are the same; the largest part is made positive.
        knowledge.open.push(parts.into_iter().map(|(p, part)| (p, part * largest.signum())).collect());
    }
    for (i, &a) in free.iter().enumerate() {
        for (j, &b) in free.iter().enumerate().skip(i + 1) {
            let correlation = covariance(i, j) / (covariance(i, i) * covariance(j, j)).sqrt();
            if knowledge.errors[a].is_some() && knowledge.errors[b].is_some() && correlation.abs() > CORRELATED_FROM {
                knowledge.correlated.push((a, b, correlation));
            }
        }
    }
    knowledge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_the_normal_equations() {
        // J^T J = [[2, 1], [1, 2]] * 10^4: its inverse has 2/3 on the diagonal and -1/3 beside it, over 10^4.
        let jacobian = DMatrix::from_row_slice(3, 2, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]) * 100.0;
        let known = knowledge(&jacobian, &[false, false]);
        let expected = (2.0f64 / 3.0).sqrt() / 100.0;
        assert!(known.errors.iter().all(|e| e.is_some_and(|e| (e / expected - 1.0).abs() < 1e-12)), "{known:?}");
        assert!(known.open.is_empty() && known.correlated.is_empty());
        // With the second held, the first stands alone: 1/sqrt(2) over 100.
        let held = knowledge(&jacobian, &[false, true]);
        assert!((held.errors[0].expect("known") * 100.0 - 0.5f64.sqrt()).abs() < 1e-12 && held.errors[1].is_none());
    }

    #[test]
    fn what_only_the_sum_says_is_named() {
        // Only x0 + x1 is known, and x2 not at all.
        let jacobian = DMatrix::from_row_slice(2, 4, &[50.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 80.0]);
        let known = knowledge(&jacobian, &[false; 4]);
        assert_eq!(known.errors.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, true]);
        let named: Vec<Vec<usize>> = known.open.iter().map(|d| d.iter().map(|p| p.0).collect()).collect();
        assert_eq!(named.len(), 2);
        let pair = known.open.iter().find(|d| d.len() == 2).expect("a pair");
        assert!((pair[0].1 + pair[1].1).abs() < 1e-9, "they pull against each other: {pair:?}");
        assert!(named.contains(&vec![2]), "{named:?}");
    }

    #[test]
    fn close_pairs_are_told() {
        let jacobian = DMatrix::from_row_slice(2, 2, &[1000.0, 1000.0, 0.0, 20.0]);
        let known = knowledge(&jacobian, &[false, false]);
        assert_eq!(known.correlated.len(), 1);
        assert!(known.correlated[0].2 < -0.99);
    }
}
