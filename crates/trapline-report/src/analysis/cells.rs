//! When each cell of a dump failed.

use ndarray::Array2;
use toml::Table;

use trapline_model::cell::read::PROGRAMMED_FILLING;
use trapline_model::outcome::{CampaignLabel, CellDump};
use trapline_model::toml_file;

/// Time at which each cell of a dump keeps less than the threshold of its window for the first time, s: axes (row,
/// column). Infinite for cells that outlive the last checkpoint, NaN for cells that were not programmed.
///
/// A dump holds the lost fraction L of the charge and the filling F. The conductance is proportional to 1/(1 - q F),
/// where q is one less the material's `free_share`, so of the window a cell keeps (1 - L)/(1 + L q F0/(1 - q F0)), F0
/// its filling after programming. Between two checkpoints what is kept is taken to fall evenly over ln t; a cell that
/// has failed at the first checkpoint after 0 is given that one's time.
///
/// # Panics
/// If the dump has not as many checkpoints as `times_s`.
pub fn failure_times(dump: &CellDump, times_s: &[f64], kept_threshold: f64, free_share: f64) -> Array2<f64> {
    let (_, rows, columns) = dump.lost_fraction.dim();
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        let charge = (1.0 - free_share) * f64::from(dump.filling[[0, row, column]]);
        if f64::from(dump.filling[[0, row, column]]) <= PROGRAMMED_FILLING {
            return f64::NAN;
        }
        let kept = |k: usize| {
            let lost = f64::from(dump.lost_fraction[[k, row, column]]);
            (1.0 - lost) / (1.0 + lost * charge / (1.0 - charge))
        };
        let Some(k) = (0..times_s.len()).find(|&k| kept(k) < kept_threshold) else {
            return f64::INFINITY;
        };
        match k {
            0 => times_s[0],
            k if times_s[k - 1] <= 0.0 => times_s[k],
            k => {
                let (before, after) = (kept(k - 1), kept(k));
                let part = (before - kept_threshold) / (before - after);
                let (from, to) = (libm::log(times_s[k - 1]), libm::log(times_s[k]));
                libm::exp(from + part * (to - from))
            }
        }
    })
}

/// The free share of a point's material, from its file and the sweeps in the record; none where it says nothing of it.
///
/// # Panics
/// If there are fewer points.
pub fn free_share(label: &CampaignLabel, place: usize) -> Option<f64> {
    let at = label.place(place);
    let material: Table = toml_file::read(&label.materials[at[label.sweeps.len()]].1).ok()?;
    let quantity = material.get("injection")?.get("free_share")?;
    let written = quantity.get("value")?;
    let written = written.as_float().or_else(|| written.as_integer().map(|whole| whole as f64));
    let swept = label.sweeps.iter().zip(&at).find_map(|(sweep, &at)| {
        let key = sweep.keys.iter().find(|key| key.key == "parameter.injection.free_share")?;
        key.values.text(at).parse().ok()
    });
    let unit = if quantity.get("unit")?.as_str()? == "%" { 0.01 } else { 1.0 };
    swept.or(written).map(|value: f64| value * unit).filter(|share| *share > 0.0 && *share <= 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use trapline_model::outcome::CellWindow;

    /// One row of cells that lose these fractions at 0, 1, 10 and 100 s.
    fn dump(lost: &[[f32; 4]], filling: f32) -> CellDump {
        let plane = |of: &dyn Fn(usize, usize) -> f32| Array3::from_shape_fn((4, 1, lost.len()), |(k, _, c)| of(k, c));
        CellDump {
            window: CellWindow { first_row: 0, first_col: 0, rows: 1, cols: lost.len() as u64 },
            conductance_s: plane(&|_, _| 1e-9),
            filling: plane(&|k, c| filling * (1.0 - lost[c][k])),
            lost_fraction: plane(&|k, c| lost[c][k]),
        }
    }

    const TIMES: [f64; 4] = [0.0, 1.0, 10.0, 100.0];

    #[test]
    fn cells_fail_where_their_window_crosses_the_threshold() {
        let cells = [[0.0, 0.0, 0.0, 0.05], [0.0, 0.5, 0.6, 0.7], [0.0, 0.0, 0.25, 0.5], [0.0, 0.0, 0.5, 1.0]];
        // A free share of 1: the window is the charge. 0.9 is crossed after 0.1/0.25 and 0.1/0.5 of a decade from 1 s.
        let times = failure_times(&dump(&cells, 0.5), &TIMES, 0.9, 1.0);
        assert_eq!(times[[0, 0]], f64::INFINITY);
        assert_eq!(times[[0, 1]], 1.0, "before the first checkpoint after 0");
        for (column, expected) in [(2, 10f64.powf(0.4)), (3, 10f64.powf(0.2))] {
            // 0.1 of a threshold is off by 1e-16 relative to 0.1.
            assert!((times[[0, column]] / expected - 1.0).abs() < 1e-13, "{column} {}", times[[0, column]]);
        }
        // A free share of 0.5 and F0 = 0.5: q F0 / (1 - q F0) = 1/3, so 0.75/(1 + 0.25/3) = 9/13 is kept at 10 s; the
        // threshold is crossed after 0.1/(4/13) of the decade.
        let times = failure_times(&dump(&cells, 0.5), &TIMES, 0.9, 0.5);
        let expected = 10f64.powf(0.1 * 13.0 / 4.0);
        assert!((times[[0, 2]] / expected - 1.0).abs() < 1e-13, "{}", times[[0, 2]]);
    }

    #[test]
    fn cells_without_charge_have_no_lifetime() {
        assert!(failure_times(&dump(&[[0.0, 0.5, 0.6, 0.7]], 0.0), &TIMES, 0.9, 0.5)[[0, 0]].is_nan());
    }
}
