//! What arrays that learn handwritten digits look like: from the datasets of such a run.

use ndarray::{Array2, ArrayView1, Axis as Along, Ix2, Ix3, Ix4, s};

use super::{Axis, Chart, Curve, Map, Mark, Panel, Plate, Style};
use trapline_model::dataset::{Dataset, DatasetError};
use trapline_model::units::spoken_time;

type Drawn = Result<Plate, DatasetError>;

/// The one of two numbers that is wanted.
type Pick = fn(f64, f64) -> f64;

/// Recognition rate against presentations, the mean over the seeds of each run, shaded from its lowest to its highest
/// seed.
///
/// # Errors
/// [`DatasetError`] where a run is not what it should be.
pub fn learning_curve(title: &str, runs: &[(&str, &Dataset)], marks: Vec<Mark>) -> Drawn {
    let mut curves = Vec::new();
    for (label, run) in runs {
        let rates = run.shaped::<Ix2>("accuracy")?;
        let mean = rates.columns().into_iter().map(|r| 100.0 * r.mean().unwrap_or(f64::NAN));
        let points = run.numbers("presentations")?.iter().copied().zip(mean).collect();
        let curve = Curve::line(*label, points).styled(Style::LineAndDots);
        curves.push(match rates.nrows() {
            1 => curve,
            count => {
                let end = |r: ArrayView1<f64>, pick: Pick| 100.0 * r.iter().copied().fold(r[0], pick);
                let spread = rates.columns().into_iter().map(|r| (end(r, f64::min), end(r, f64::max))).collect();
                Curve { label: format!("{label}, mean of {count}"), ..curve.shaded(spread) }
            }
        });
    }
    Ok(Plate::of(Chart {
        title: title.to_owned(),
        x: Axis::linear("Digits shown"),
        y: Axis::linear("Recognition rate (%)").within(0.0, 100.0),
        curves,
        marks,
        shade: "lowest to highest".to_owned(),
        ..Chart::default()
    }))
}

/// Answers after so many presentations as share of the times a digit was shown, in percent, over all seeds.
fn answers(run: &Dataset, place: usize) -> Result<Map, DatasetError> {
    let all = run.counted::<Ix4>("confusion")?;
    let counts = all.index_axis(Along(1), place).sum_axis(Along(0));
    let mut share: Array2<f64> = counts.mapv(|n| 100.0 * n as f64);
    for (mut row, counts) in share.rows_mut().into_iter().zip(counts.rows()) {
        row /= counts.sum() as f64;
    }
    Ok(Map {
        x_label: "Answer".to_owned(),
        y_label: "Digit shown".to_owned(),
        values: share,
        value_label: "Share of its pictures (%)".to_owned(),
        range: Some((0.0, 100.0)),
        ..Map::default()
    })
}

/// `after 1000 digits`, of a place of the learning curve.
fn after(run: &Dataset, place: usize) -> Result<String, DatasetError> {
    match run.numbers("presentations")?[place] {
        0.0 => Ok("before learning".to_owned()),
        1.0 => Ok("after 1 digit".to_owned()),
        shown => Ok(format!("after {shown} digits")),
    }
}

/// Last place of the learning curve.
fn end(run: &Dataset) -> Result<usize, DatasetError> {
    Ok(run.numbers("presentations")?.len().saturating_sub(1))
}

/// How often each digit was given each answer at the end, in percent of the times it was shown, over all seeds.
///
/// # Errors
/// [`DatasetError`] where the run is not what it should be.
pub fn confusion(title: &str, run: &Dataset) -> Drawn {
    let map = Map { title: title.to_owned(), annotate: true, ..answers(run, end(run)?)? };
    Ok(Plate { title: None, panels: vec![Panel::Map(map)], columns: 1 })
}

/// The same at some places of the learning curve.
///
/// # Errors
/// As [`confusion`].
pub fn confusion_on_the_way(title: &str, run: &Dataset, places: &[usize]) -> Drawn {
    let panel = |&place: &usize| Ok(Panel::Map(Map { title: after(run, place)?, ..answers(run, place)? }));
    let panels = places.iter().map(panel).collect::<Result<_, DatasetError>>()?;
    Ok(Plate { title: Some(title.to_owned()), panels, columns: 2 })
}

/// Largest magnitude of weights.
fn most<'a>(weights: impl IntoIterator<Item = &'a f64>) -> f64 {
    weights.into_iter().fold(0.0, |most: f64, g| most.max(g.abs()))
}

/// The weights of the ten digits of the first seed at the end, as pictures.
///
/// # Errors
/// [`DatasetError`] where the run is not what it should be.
pub fn weights(title: &str, run: &Dataset) -> Drawn {
    let all = run.shaped::<Ix4>("weight_s")?;
    let first = all.slice(s![0, .., .., ..]).mapv(|g| g * 1e12);
    let most = most(&first);
    let panel = |(digit, values): (usize, ndarray::ArrayView2<f64>)| {
        Panel::Map(Map {
            title: digit.to_string(),
            values: values.to_owned(),
            value_label: "Weight (pS)".to_owned(),
            range: Some((-most, most)),
            ..Map::default()
        })
    };
    let panels = first.axis_iter(Along(0)).enumerate().map(panel).collect();
    Ok(Plate { title: Some(title.to_owned()), panels, columns: 5 })
}

/// Pictures beside each other, and rows of them.
const PICTURES_ACROSS: usize = 5;

/// The weights of the first seed at some places of the learning curve: a map of the ten pictures each, on one scale.
///
/// # Errors
/// As [`weights`].
pub fn weights_on_the_way(title: &str, run: &Dataset, places: &[usize]) -> Drawn {
    let all = run.shaped::<Ix4>("first_weight_s")?;
    let (_, digits, rows, columns) = all.dim();
    let most = 1e12 * most(all);
    let panel = |&place: &usize| {
        // A line that is not a number, and so grey, stands between two pictures.
        let shape = (digits.div_ceil(PICTURES_ACROSS) * (rows + 1) - 1, PICTURES_ACROSS * (columns + 1) - 1);
        let values = Array2::from_shape_fn(shape, |(y, x)| {
            let digit = y / (rows + 1) * PICTURES_ACROSS + x / (columns + 1);
            let weight = all.get([place, digit, y % (rows + 1), x % (columns + 1)]);
            weight.map_or(f64::NAN, |g| 1e12 * g)
        });
        Ok(Panel::Map(Map {
            title: after(run, place)?,
            values,
            value_label: "Weight (pS)".to_owned(),
            range: Some((-most, most)),
            ..Map::default()
        }))
    };
    let panels = places.iter().map(panel).collect::<Result<_, DatasetError>>()?;
    Ok(Plate { title: Some(title.to_owned()), panels, columns: 2 })
}

/// Recognition rate against the time of a bake, a curve for each temperature, the mean over the seeds.
///
/// # Errors
/// [`DatasetError`] where the run is not what it should be, or was not baked.
pub fn after_bake(title: &str, run: &Dataset) -> Drawn {
    let rates = run.shaped::<Ix3>("baked_accuracy")?;
    let (temperatures, times) = (run.numbers("bake_temperature_c")?, run.numbers("bake_time_s")?);
    let curve = |(t, celsius): (usize, &f64)| {
        let mean = |at: usize| 100.0 * rates.slice(s![.., t, at]).mean().unwrap_or(f64::NAN);
        let points = times.iter().enumerate().map(|(at, time_s)| (*time_s, mean(at))).collect();
        Curve::line(format!("{celsius} °C"), points).styled(Style::LineAndDots)
    };
    let last_s = times.iter().copied().fold(0.0, f64::max);
    let chart = Chart {
        title: title.to_owned(),
        subtitle: Some(format!("at 0 V, up to {}", spoken_time(last_s))),
        x: Axis::time("Time of the bake (s)"),
        y: Axis::linear("Recognition rate (%)").within(0.0, 100.0),
        curves: temperatures.iter().enumerate().map(curve).collect(),
        ..Chart::default()
    };
    Ok(Plate::of(chart.ordered()))
}
