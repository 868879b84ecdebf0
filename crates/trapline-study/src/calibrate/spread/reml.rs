//! Variances from scattered vectors: restricted maximum likelihood.
//!
//! # Theory
//! Each device's vector r, in standard errors of a reading and seen in a few directions, is normal with the covariance
//!
//! ```text
//! V = C + sum_k s_k F_k F_k^T + phi I
//! ```
//!
//! with the chance C known, a variance `s_k = sigma_k^2` for each key of `[variation]`, and phi the square of the errors of
//! readings over those stated, of each block one. Where devices share their points, their own mean is taken away, which leaves as many
//! independent vectors as there are devices less one, whatever the mean is. Others are held against the nominal cell, whose
//! offset beta along X is common to all of them: the likelihood is that of what no beta changes (Patterson and Thompson
//! 1971). With `P = V^-1 - V^-1 X (X^T V^-1 X)^-1 X^T V^-1` and `D_i = dV/dtheta_i`,
//!
//! ```text
//! -2 l = log|V| + log|X^T V^-1 X| + r^T P r
//! score_i = -1/2 tr(P D_i) + 1/2 r^T P D_i P r,      information_ij = 1/2 tr(P D_i P D_j)
//! ```
//!
//! and Fisher's scoring goes up: `theta + information^-1 score`, shortened until the likelihood rises. Variances stay at 0
//! or above: one that would fall below is held at 0 as long as the score says so; the trap-filled limit's stays at what the number of dots makes of it, or above.
//!
//! Directions in which V is phi I alone need no matrix: their sum of squares is enough.
//!
//! # Changes
//! Bounds are where twice the log-likelihood, with everything else at its best, has fallen by the chi-squared of one
//! degree of freedom times 1 + 1/(3 nu), the mean of the fall for a variance of nu degrees of freedom (Bartlett).

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rayon::prelude::*;

/// Keys of `[variation]`; the errors of the blocks come after them.
pub(super) const KEYS: usize = 4;

/// Devices that are alike in points, and so in V.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) block: usize,
    /// What a standard deviation of 1 in each key does: directions by independent normals.
    pub(super) factors: [DMatrix<f64>; KEYS],
    pub(super) chance: DMatrix<f64>,
    /// The vectors: directions by devices; without their mean where `freedom` is less than they are.
    pub(super) vectors: DMatrix<f64>,
    /// Independent ones among them.
    pub(super) freedom: f64,
    /// Along what the nominal cell may be off; no column where their own mean is taken away.
    pub(super) offsets: DMatrix<f64>,
    /// Sum of squares in the directions that only readings scatter in, and how many independent ones there are.
    pub(super) outside: f64,
    pub(super) outside_freedom: f64,
}

/// Likelihood and its slopes.
pub(super) struct Point {
    pub(super) log_likelihood: f64,
    score: DVector<f64>,
    /// Of the free ones.
    pub(super) information: DMatrix<f64>,
}

impl Point {
    /// Slopes of the log-likelihood in the free components.
    pub(super) fn score(&self) -> &DVector<f64> {
        &self.score
    }
}

/// What a part is at some variances: its factors seen through V^-1.
struct Seen<'a> {
    part: &'a Part,
    log_determinant: f64,
    inverse: DMatrix<f64>,
    /// For each free component that this part has: its place among the free ones, F, and V^-1 F.
    components: Vec<(usize, DMatrix<f64>, DMatrix<f64>)>,
    /// V^-1 X.
    offsets: DMatrix<f64>,
}

/// V of a part.
pub(super) fn covariance(part: &Part, theta: &[f64]) -> DMatrix<f64> {
    let mut all = part.chance.clone();
    for (factor, variance) in part.factors.iter().zip(theta) {
        all.gemm(*variance, factor, &factor.transpose(), 1.0);
    }
    for i in 0..all.nrows() {
        all[(i, i)] += theta[KEYS + part.block];
    }
    all
}

fn seen<'a>(part: &'a Part, theta: &[f64], free: &[usize]) -> Option<Seen<'a>> {
    let lower = covariance(part, theta).cholesky()?;
    let log_determinant = 2.0 * lower.l_dirty().diagonal().iter().map(|x| x.ln()).sum::<f64>();
    let inverse = lower.inverse();
    let mut components = Vec::new();
    for (place, &component) in free.iter().enumerate() {
        let factor = match component.checked_sub(KEYS) {
            None => part.factors[component].clone(),
            Some(block) if block == part.block => DMatrix::identity(inverse.nrows(), inverse.nrows()),
            Some(_) => continue,
        };
        let through = &inverse * &factor;
        components.push((place, factor, through));
    }
    let offsets = &inverse * &part.offsets;
    Some(Seen { part, log_determinant, inverse, components, offsets })
}

/// The likelihood at some variances, with slopes in the free ones; none where V is no covariance.
pub(super) fn evaluate(parts: &[Part], theta: &[f64], free: &[usize]) -> Option<Point> {
    let all: Vec<Seen> = parts.par_iter().map(|part| seen(part, theta, free)).collect::<Option<_>>()?;
    let offsets = parts.iter().map(|part| part.offsets.ncols()).max().unwrap_or(0);
    let held: Vec<&Seen> = all.iter().filter(|of| of.part.offsets.ncols() > 0).collect();
    let (mut of_offset, mut along) = (DMatrix::zeros(offsets, offsets), DVector::zeros(offsets));
    for of in &held {
        of_offset += of.part.offsets.transpose() * &of.offsets * of.part.freedom;
        along += of.offsets.transpose() * of.part.vectors.column_sum();
    }
    let (offset_covariance, offset_determinant) = if offsets == 0 {
        (DMatrix::zeros(0, 0), 0.0)
    } else {
        let lower = of_offset.cholesky()?;
        (lower.inverse(), 2.0 * lower.l_dirty().diagonal().iter().map(|x| x.ln()).sum::<f64>())
    };
    let offset = &offset_covariance * along;
    let count = free.len();
    let (mut log_likelihood, mut score) = (-0.5 * offset_determinant, DVector::zeros(count));
    let mut information = DMatrix::zeros(count, count);
    let mut of_offsets: Vec<DMatrix<f64>> = vec![DMatrix::zeros(offsets, offsets); count];
    for of in &all {
        let Part { freedom, outside, outside_freedom, block, .. } = *of.part;
        let mut vectors = of.part.vectors.clone();
        if of.part.offsets.ncols() > 0 {
            let off = &of.part.offsets * &offset;
            vectors.column_iter_mut().for_each(|mut column| column -= &off);
        }
        let through = &of.inverse * &vectors;
        let error = theta[KEYS + block];
        log_likelihood -= 0.5 * (freedom * of.log_determinant + through.dot(&vectors));
        log_likelihood -= 0.5 * (outside_freedom * error.ln() + outside / error);
        for (i, factor, through_i) in &of.components {
            let trace = factor.dot(through_i);
            let square = (through_i.transpose() * &vectors).norm_squared();
            score[*i] += 0.5 * (square - freedom * trace);
            let alone = through_i.transpose() * &of.part.offsets;
            if alone.ncols() > 0 {
                of_offsets[*i] += alone.transpose() * &alone * freedom;
            }
            for (j, _, through_j) in of.components.iter().filter(|(j, ..)| j >= i) {
                let both = factor.transpose() * through_j;
                let mut sum = 0.5 * freedom * both.norm_squared();
                if alone.ncols() > 0 {
                    let other = through_j.transpose() * &of.part.offsets;
                    sum -= freedom * (&offset_covariance * alone.transpose() * both * other).trace();
                }
                information[(*i, *j)] += sum;
            }
            if free[*i] == KEYS + block {
                score[*i] += 0.5 * (outside / error - outside_freedom) / error;
                information[(*i, *i)] += 0.5 * outside_freedom / (error * error);
            }
        }
    }
    let seen_by: Vec<DMatrix<f64>> = of_offsets.iter().map(|b| &offset_covariance * b).collect();
    for i in 0..count {
        score[i] += 0.5 * seen_by[i].trace();
        for j in i..count {
            information[(i, j)] += 0.5 * (&seen_by[i] * &seen_by[j]).trace();
            information[(j, i)] = information[(i, j)];
        }
    }
    log_likelihood.is_finite().then_some(Point { log_likelihood, score, information })
}

/// The variances that a likelihood is largest at.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    pub(super) theta: Vec<f64>,
    pub(super) log_likelihood: f64,
    pub(super) converged: bool,
}

/// Ends of the square of the errors of readings over those stated.
pub(super) const ERRORS: (f64, f64) = (1e-6, 1e6);
const MOST_STEPS: usize = 200;
/// What a step must promise to the log-likelihood.
const LEAST_GAIN: f64 = 1e-9;

/// Goes up from `start` in the free components, between their ends; none where the start has no likelihood.
pub(super) fn fit(parts: &[Part], start: &[f64], free: &[usize], ends: &[(f64, f64)]) -> Option<Fitted> {
    let mut theta = start.to_vec();
    free.iter()
        .for_each(|component| theta[*component] = theta[*component].clamp(ends[*component].0, ends[*component].1));
    let mut at = evaluate(parts, &theta, free)?;
    for _ in 0..MOST_STEPS {
        // Those at an end that the score pushes on are held there.
        let moving: Vec<usize> = (0..free.len())
            .filter(|i| {
                let (here, slope, (least, most)) = (theta[free[*i]], at.score[*i], ends[free[*i]]);
                !(here <= least && slope <= 0.0 || here >= most && slope >= 0.0)
            })
            .collect();
        let score = at.score.select_rows(&moving);
        let information = at.information.select_rows(&moving).select_columns(&moving);
        let step = inverse(&information) * &score;
        if score.dot(&step) < LEAST_GAIN {
            return Some(Fitted { theta, log_likelihood: at.log_likelihood, converged: true });
        }
        let mut length = 1.0;
        let next = loop {
            let mut tried = theta.clone();
            for (i, change) in moving.iter().zip(&step) {
                let component = free[*i];
                tried[component] = (theta[component] + length * change).clamp(ends[component].0, ends[component].1);
            }
            match evaluate(parts, &tried, free) {
                Some(found) if found.log_likelihood > at.log_likelihood => break Some((tried, found)),
                _ if length < 1e-6 => break None,
                _ => length *= 0.5,
            }
        };
        let Some((tried, found)) = next else {
            // No way up that rounding leaves.
            return Some(Fitted { theta, log_likelihood: at.log_likelihood, converged: score.dot(&step) < 1e-4 });
        };
        (theta, at) = (tried, found);
    }
    Some(Fitted { theta, log_likelihood: at.log_likelihood, converged: false })
}

/// The inverse of an information; directions of none have none in the inverse either.
pub(super) fn inverse(information: &DMatrix<f64>) -> DMatrix<f64> {
    // Components differ by many orders of magnitude: in units of their own information.
    let scale = information.diagonal().map(|x| if x > 0.0 { 1.0 / x.sqrt() } else { 0.0 });
    let scaled = DMatrix::from_fn(scale.len(), scale.len(), |i, j| information[(i, j)] * scale[i] * scale[j]);
    if scale.is_empty() || !scaled.iter().all(|x| x.is_finite()) {
        return DMatrix::zeros(scale.len(), scale.len());
    }
    let mut found = SymmetricEigen::new(scaled);
    let largest = found.eigenvalues.amax();
    found.eigenvalues.apply(|x| *x = if *x > 1e-9 * largest { 1.0 / *x } else { 0.0 });
    let inverse = found.recompose();
    DMatrix::from_fn(scale.len(), scale.len(), |i, j| inverse[(i, j)] * scale[i] * scale[j])
}

/// Bounds of a variance, by the fall of the likelihood from its best, between its ends.
pub(super) fn bounds(
    parts: &[Part],
    best: &Fitted,
    free: &[usize],
    component: usize,
    ends: &[(f64, f64)],
    fall: f64,
) -> (f64, f64) {
    let others: Vec<usize> = free.iter().copied().filter(|other| *other != component).collect();
    let (found, (least, most)) = (best.theta[component], ends[component]);
    // Each fit begins where the last one ended.
    let mut start = best.theta.clone();
    let mut too_far = |variance: f64| {
        start[component] = variance;
        match fit(parts, &start, &others, ends) {
            Some(held) => {
                start.clone_from(&held.theta);
                2.0 * (best.log_likelihood - held.log_likelihood) - fall
            }
            None => f64::INFINITY,
        }
    };
    let lower = if found <= least || too_far(least) <= 0.0 { least } else { crossing(&mut too_far, found, least) };
    let mut end = (found * 2.0).max(1e-8).min(most);
    while too_far(end) < 0.0 {
        if end >= most {
            return (lower, end);
        }
        end = (end * 2.0).min(most);
    }
    (lower, crossing(&mut too_far, found, end))
}

/// Where a function that is below 0 at `near` and above at `far` crosses it, to a thousandth of the larger.
fn crossing(of: &mut impl FnMut(f64) -> f64, near: f64, far: f64) -> f64 {
    let (mut inside, mut outside) = (near, far);
    for _ in 0..60 {
        if (inside - outside).abs() <= 1e-3 * inside.max(outside) {
            break;
        }
        let middle = 0.5 * (inside + outside);
        if of(middle) < 0.0 { inside = middle } else { outside = middle }
    }
    0.5 * (inside + outside)
}
