//! What each claim says is measured, from the datasets and from nothing else: no parameter of a material is read here.

pub(crate) mod current;
mod digits;
pub(super) mod learning;
pub(super) mod pulses;
pub(super) mod retention;

use super::claims::Measured;
use ndarray::ArrayD;
use trapline_model::dataset::{Dataset, DatasetError};

/// Raw data by name.
pub struct Raw<'a>(pub &'a [Dataset]);

/// Why a claim has no value: the data it needs is not there.
pub type Outcome = Result<Measured, DatasetError>;

impl Raw<'_> {
    /// A group by name.
    ///
    /// # Errors
    /// [`DatasetError::Absent`].
    pub fn group(&self, name: &str) -> Result<&Dataset, DatasetError> {
        self.0.iter().find(|d| d.name == name).ok_or_else(|| DatasetError::Absent {
            dataset: "the experiments that were run".to_owned(),
            name: name.to_owned(),
        })
    }

    /// Real numbers of a variable of a group.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn numbers(&self, group: &str, variable: &str) -> Result<&ArrayD<f64>, DatasetError> {
        self.group(group)?.numbers(variable)
    }
}

/// Measures a claim by its id; none for an id that nothing here measures.
pub fn measure(id: &str, raw: &Raw) -> Option<Outcome> {
    let of: fn(&Raw) -> Outcome = match id {
        "set-voltage" => current::set_voltage,
        "slope-low" => current::slope_low,
        "slope-mid" => current::slope_mid,
        "slope-high" => current::slope_high,
        "hysteresis" => current::hysteresis,
        "pure-pi" => current::pure_pi,
        "concentration" => current::concentration,
        "uniformity" => current::uniformity,
        "power-order" => current::power_order,
        "working-current" => current::working_current,
        "ns-current-larger" => current::ns_current_larger,
        "ns-hopping" => current::ns_hopping,
        "ns-tunnelling" => current::ns_tunnelling,
        "qd-no-hopping" => current::qd_no_hopping,
        "low-bias-tunnelling" => current::low_bias_tunnelling,
        "glass-transition" => current::glass_transition,
        "potentiation-sweeps" => pulses::potentiation_sweeps,
        "reverse-sweeps" => pulses::reverse_sweeps,
        "pulse-cycles" => pulses::pulse_cycles,
        "depression-sharp" => pulses::depression_sharp,
        "state-separation" => pulses::state_separation,
        "pulse-energy" => pulses::pulse_energy,
        "endurance-100c" => pulses::endurance,
        "larger-current-more-trapping" => pulses::more_bias_more_charge,
        "charge-balance" => pulses::charge_balance,
        "no-field-no-release" => retention::no_field_no_release,
        "qd-retention-100c" => retention::qd_100c,
        "ns-retention-100c" => retention::ns_100c,
        "qd-retention-150c" => retention::qd_150c,
        "qd-forgetting-155c" => retention::qd_155c,
        "letter-h" => learning::letter,
        "letter-same-at-100c" => learning::same_when_hot,
        "ns-array-forgets" => learning::ns_array,
        "mnist-initial" => digits::initial,
        "mnist-trained" => digits::trained,
        _ => return None,
    };
    Some(of(raw))
}

/// A median and other quantiles of a list, by linear interpolation; NaN for an empty list.
fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = q * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * (at - at.floor())
}

/// Largest and smallest of numbers; NaN wins both.
fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
}

fn smallest(values: impl IntoIterator<Item = f64>) -> f64 {
    -largest(values.into_iter().map(|v| -v))
}

/// Whether each is above the one before it.
fn rises(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[1] > pair[0])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation of a sample.
fn deviation(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_a_list() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[0.0, 10.0], 0.1), 1.0);
        assert!(quantile(&[], 0.5).is_nan());
        assert!(largest([1.0, f64::NAN, 2.0]).is_nan() && smallest([f64::NAN, 1.0]).is_nan());
        assert_eq!((largest([1.0, 2.0]), smallest([1.0, 2.0])), (2.0, 1.0));
        assert!(rises(&[1.0, 2.0]) && !rises(&[1.0, 1.0]) && !rises(&[1.0, f64::NAN]));
        assert!((deviation(&[1.0, 2.0, 3.0]) - 1.0).abs() < 1e-15);
    }
}
