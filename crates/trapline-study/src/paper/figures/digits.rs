//! Figure 5: digits.

use super::super::measure::Raw;
use ndarray::{Array2, Ix3, Ix4, s};
use trapline_model::dataset::{Dataset, DatasetError};
use trapline_report::figure::{Map, Mark, Panel, Plate, digits};

type Drawn = Result<Plate, DatasetError>;

/// The groups of the two schemes.
const PLAIN: &str = "mnist/plain";
const PAIRS: &str = "mnist/pairs";

/// A picture of a 0, the weights of the output that answers for 0, and what all ten outputs make of it.
pub fn fig_5a(raw: &Raw) -> Drawn {
    let d = raw.group(PLAIN)?;
    let pictures = d.shaped::<Ix3>("picture_input")?;
    let all = d.shaped::<Ix4>("weight_s")?;
    let weights = all.slice(s![0, .., .., ..]);
    let input = pictures.slice(s![0, .., ..]);
    let output = |digit: usize| (&input * &weights.slice(s![digit, .., ..])).sum() * 1e12;
    let own = weights.slice(s![0, .., ..]).mapv(|g| g * 1e12);
    let most = own.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
    let outputs = Array2::from_shape_fn((2, 5), |(y, x)| output(5 * y + x));
    // The answer has the deepest red, whatever the others fall short by.
    let top = outputs.iter().copied().fold(0.0, f64::max);
    let map = |title: &str, values: Array2<f64>, label: &str| Map {
        title: title.to_owned(),
        values,
        value_label: label.to_owned(),
        ..Map::default()
    };
    let panels = vec![
        Panel::Map(Map {
            range: Some((0.0, 1.0)),
            ..map("input: 28 × 28 rows", input.to_owned(), "Part of the reading time")
        }),
        Panel::Map(Map { range: Some((-most, most)), ..map("weights of the output 0", own, "Weight (pS)") }),
        Panel::Map(Map {
            annotate: true,
            range: Some((-top, top)).filter(|_| top > 0.0),
            ..map("outputs 0 to 4, 5 to 9", outputs, "Sum (pS)")
        }),
    ];
    Ok(Plate {
        title: Some("Figure 5a: recognition of a 0 by the layer that has learnt".to_owned()),
        panels,
        columns: 3,
    })
}

pub fn fig_5b(raw: &Raw) -> Drawn {
    let marks = vec![
        Mark::Horizontal { at: 13.4, label: "paper, before learning: 13.4 %".to_owned() },
        Mark::Horizontal { at: 85.63, label: "paper, after 60,000: 85.63 %".to_owned() },
    ];
    let runs = [("plain scheme", raw.group(PLAIN)?), ("pairs", raw.group(PAIRS)?)];
    digits::learning_curve("Figure 5b: learning at 100 °C", &runs, marks)
}

/// Stages that are shown: the first, the last, and those nearest to a sixtieth and a sixth of all.
fn places(d: &Dataset) -> Result<Vec<usize>, DatasetError> {
    let shown = d.numbers("presentations")?;
    let last = shown.iter().copied().fold(0.0, f64::max);
    let nearest = |wanted: f64| {
        let distance = |at: &usize| (shown[*at] - wanted).abs();
        (0..shown.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    };
    let mut found: Vec<_> = [0.0, last / 60.0, last / 6.0, last].into_iter().filter_map(nearest).collect();
    found.dedup();
    Ok(found)
}

pub fn fig_5c(raw: &Raw) -> Drawn {
    let d = raw.group(PLAIN)?;
    digits::weights_on_the_way("Figure 5c: weights of the digits 0 to 9", d, &places(d)?)
}

pub fn fig_5d(raw: &Raw) -> Drawn {
    let d = raw.group(PLAIN)?;
    digits::confusion_on_the_way("Figure 5d: answers to the test set", d, &places(d)?)
}

pub fn fig_5_bake(raw: &Raw) -> Drawn {
    digits::after_bake("After learning, a bake: plain scheme", raw.group(PLAIN)?)
}
