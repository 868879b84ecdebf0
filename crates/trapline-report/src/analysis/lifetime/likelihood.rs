//! Maximum likelihood of counts in classes, for one population or for several under a linear model of their locations.
//!
//! With counts n of classes with probabilities p(theta), ln L = sum n ln p. Population j has location mu_j = d_j . c,
//! a row of its design times the coefficients; all share sigma, or have known multiples of it. The parameters are the
//! coefficients and ln sigma, in which errors are closer to normal (Meeker & Escobar 1998, chapters 7, 8 and 17). With
//! a pivot z the coefficients give ln t_p = mu + z sigma, the time that a share p = F0(z) fails by, in place of mu: so
//! the time's own profile and error are those of a parameter. The sum is taken against that of the observed shares, n
//! ln(p N / n), so that 1e9 cells keep their digits.

use nalgebra::{DMatrix, DVector};

use super::data::{Class, Lifetimes};
use super::error::LifetimeError;
use super::law::Law;

/// One population and its row of the design.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    pub row: Vec<f64>,
    /// Logarithm of its sigma over that of the model.
    pub ln_scale: f64,
    pub data: &'a Lifetimes,
}

#[derive(Debug, Clone)]
pub(super) struct Model<'a> {
    pub law: Law,
    pub groups: Vec<Group<'a>>,
    /// The first coefficient's column is 1 in every row where this is not 0.
    pub pivot: f64,
}

/// Where the likelihood is largest.
#[derive(Debug, Clone)]
pub(super) struct Maximum {
    /// Coefficients, then ln sigma.
    pub at: DVector<f64>,
    /// ln L less that of the observed shares: minus half the deviance.
    pub value: f64,
    /// Minus the second derivatives.
    pub information: DMatrix<f64>,
}

struct Surface {
    value: f64,
    gradient: DVector<f64>,
    information: DMatrix<f64>,
}

const MOST_STEPS: usize = 300;
/// The step left, squared, in standard errors: a hundred-thousandth of an error.
const CONVERGED: f64 = 1e-10;
/// A variance of ln sigma: a standard error of a factor e^10 on the spread. The search stopped on a ridge, along
/// which any small spread explains the counts as well as any other.
const MOST_VARIANCE: f64 = 100.0;
/// Outside of it ln sigma has run away.
const LN_SIGMA_LIMIT: f64 = 16.0;

impl Model<'_> {
    fn surface(&self, at: &DVector<f64>) -> Surface {
        let size = at.len();
        let ln_sigma = at[size - 1];
        let shift = self.pivot * libm::exp(ln_sigma);
        let mut value = 0.0;
        let (mut gradient, mut information) = (DVector::zeros(size), DMatrix::zeros(size, size));
        for group in &self.groups {
            let mu: f64 = group.row.iter().zip(at.iter()).map(|(d, c)| d * c).sum::<f64>() - shift;
            let [mut to_mu, mut to_spread] = [0.0; 2];
            let [mut mm, mut ms, mut ss] = [0.0; 3];
            for class in group.data.classes().iter().filter(|class| class.cells > 0) {
                let n = class.cells as f64;
                let jet = self.law.ln_probability(class, mu, ln_sigma + group.ln_scale);
                value += n * (jet.value - libm::log(n / group.data.total() as f64));
                to_mu += n * jet.first[0];
                to_spread += n * jet.first[1];
                mm += n * jet.second[0];
                ms += n * jet.second[1];
                ss += n * jet.second[2];
            }
            // mu depends on ln sigma through the pivot: d mu / d ln-sigma = -shift, and so is the second derivative.
            let ss = ss - 2.0 * shift * ms + shift * shift * mm - shift * to_mu;
            let (ms, to_spread) = (ms - shift * mm, to_spread - shift * to_mu);
            let last = size - 1;
            for (i, di) in group.row.iter().enumerate() {
                gradient[i] += di * to_mu;
                information[(i, last)] -= di * ms;
                information[(last, i)] -= di * ms;
                for (k, dk) in group.row.iter().enumerate() {
                    information[(i, k)] -= di * dk * mm;
                }
            }
            gradient[last] += to_spread;
            information[(last, last)] -= ss;
        }
        Surface { value, gradient, information }
    }

    /// The information of each population by itself; they add up to the model's.
    pub fn informations(&self, at: &DVector<f64>) -> Vec<DMatrix<f64>> {
        let alone = |group: &Group<'_>| Model { groups: vec![group.clone()], ..self.clone() }.surface(at).information;
        self.groups.iter().map(alone).collect()
    }

    /// By how much a cell of each class of each population moves a parameter: the cell's score times the parameter's
    /// column of the covariance. 0 of classes without cells.
    pub fn influences(&self, at: &DVector<f64>, column: &DVector<f64>) -> Vec<Vec<f64>> {
        let last = at.len() - 1;
        let shift = self.pivot * libm::exp(at[last]);
        let of_group = |group: &Group| {
            let along = |values: &DVector<f64>| group.row.iter().zip(values.iter()).map(|(d, v)| d * v).sum::<f64>();
            let (mu, to_mu) = (along(at) - shift, along(column));
            let of_class = |class: &Class| {
                if class.cells == 0 {
                    return 0.0;
                }
                let [by_mu, by_spread] = self.law.ln_probability(class, mu, at[last] + group.ln_scale).first;
                to_mu * by_mu + column[last] * (by_spread - shift * by_mu)
            };
            group.data.classes().iter().map(of_class).collect()
        };
        self.groups.iter().map(of_group).collect()
    }

    fn cells(&self) -> f64 {
        self.groups.iter().map(|group| group.data.total() as f64).sum()
    }

    /// Newton's method, damped where the surface is not that of a maximum (Levenberg) and shortened until it climbs,
    /// with one parameter held where `held` names it.
    ///
    /// # Errors
    /// [`LifetimeError::NoMaximum`].
    pub fn maximise(&self, start: DVector<f64>, held: Option<usize>) -> Result<Maximum, LifetimeError> {
        let free: Vec<usize> = (0..start.len()).filter(|&i| Some(i) != held).collect();
        let last = start.len() - 1;
        let noise = 1e-13 * self.cells();
        let (mut at, mut surface) = (start.clone(), self.surface(&start));
        let mut damping = 0.0;
        for steps in 0..MOST_STEPS {
            let gradient = surface.gradient.select_rows(&free);
            let mut step = solve(&surface.information.select_rows(&free).select_columns(&free), &gradient, damping);
            while step.is_none() && damping < 1e12 {
                damping = if damping == 0.0 { 1e-3 } else { 10.0 * damping };
                step = solve(&surface.information.select_rows(&free).select_columns(&free), &gradient, damping);
            }
            let failed = || LifetimeError::NoMaximum { law: self.law.name(), steps, ln_spread: at[last] };
            let step = step.ok_or_else(failed)?;
            if damping == 0.0 && gradient.dot(&step) < CONVERGED {
                let Surface { value, information, .. } = surface;
                return Ok(Maximum { at, value, information });
            }
            let mut full = DVector::zeros(start.len());
            free.iter().zip(step.iter()).for_each(|(&i, &d)| full[i] = d);
            // A step that changes sigma by more than a factor e is beyond what the curvature tells.
            let mut share = 1.0 / full[last].abs().max(1.0);
            let climbed = loop {
                let to = &at + share * &full;
                let next = self.surface(&to);
                if next.value >= surface.value - noise && next.gradient.iter().all(|g| g.is_finite()) {
                    break Some((to, next));
                }
                share *= 0.5;
                if share < 1e-9 {
                    break None;
                }
            };
            match climbed {
                Some((to, next)) if to[last].abs() < LN_SIGMA_LIMIT => {
                    (at, surface) = (to, next);
                    damping = if damping > 1e-6 { 0.1 * damping } else { 0.0 };
                }
                None if damping < 1e12 => damping = if damping == 0.0 { 1e-3 } else { 10.0 * damping },
                _ => return Err(LifetimeError::NoMaximum { law: self.law.name(), steps, ln_spread: at[last] }),
            }
        }
        Err(LifetimeError::NoMaximum { law: self.law.name(), steps: MOST_STEPS, ln_spread: at[last] })
    }

    /// ln L itself, without the multinomial coefficient, from [`Maximum::value`].
    pub fn log_likelihood(&self, value: f64) -> f64 {
        let observed = |group: &Group| {
            let total = group.data.total() as f64;
            let filled = group.data.classes().iter().filter(|class| class.cells > 0);
            filled.map(|class| class.cells as f64 * libm::log(class.cells as f64 / total)).sum::<f64>()
        };
        value + self.groups.iter().map(observed).sum::<f64>()
    }
}

/// (A + damping diag A)^-1 b, where that matrix is positive definite.
fn solve(left: &DMatrix<f64>, right: &DVector<f64>, damping: f64) -> Option<DVector<f64>> {
    if left.iter().chain(right.iter()).any(|x| !x.is_finite()) {
        return None;
    }
    // Scaled to a unit diagonal: the parameters differ in unit by many orders.
    let scale: Vec<f64> = (0..right.len()).map(|i| left[(i, i)].abs().max(1e-300).sqrt()).collect();
    let scaled = DMatrix::from_fn(right.len(), right.len(), |i, k| {
        left[(i, k)] / (scale[i] * scale[k]) + if i == k { damping } else { 0.0 }
    });
    let by = DVector::from_fn(right.len(), |i, _| right[i] / scale[i]);
    let solved = scaled.cholesky()?.solve(&by);
    Some(DVector::from_fn(right.len(), |i, _| solved[i] / scale[i])).filter(|x| x.iter().all(|x| x.is_finite()))
}

impl Maximum {
    /// Inverse of the observed information; none where some combination of the parameters is not determined.
    pub fn covariance(&self) -> Option<DMatrix<f64>> {
        let size = self.at.len();
        let mut columns = Vec::with_capacity(size);
        for i in 0..size {
            columns.push(solve(&self.information, &DVector::from_fn(size, |k, _| f64::from(u8::from(i == k))), 0.0)?);
        }
        let covariance = DMatrix::from_columns(&columns);
        // A variance a million million times that with the others known: the others tell nothing.
        let is_determined = (0..size).all(|i| covariance[(i, i)] * self.information[(i, i)] < 1e12);
        let is_determined = is_determined && covariance[(size - 1, size - 1)] < MOST_VARIANCE;
        (is_determined && (0..size).all(|i| covariance[(i, i)] > 0.0)).then_some(covariance)
    }
}
