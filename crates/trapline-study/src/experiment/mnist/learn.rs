//! Teaching an array digits, and testing what it knows.

use super::crossbar::Crossbar;
pub use super::crossbar::Spent;
use super::scheme::Scheme;
pub use super::score::Tested;
use super::score::{Occasion, Scorer};
use super::teach::Teacher;
use super::{DIGITS, Digits, Mnist, MnistError};
use ndarray::{Array2, Array3};
use std::collections::BTreeSet;
use trapline_engine::backend::Backend;
use trapline_engine::circuit::{Accuracy, Reading, SolveError, Transfer};
use trapline_model::cell::counted::Electrons;
use trapline_model::material::Material;

/// Most presentations: pulses stay numbered within 32 bits.
pub const MAX_PRESENTATIONS: u32 = 1 << 28;

/// What is learnt with, and how.
#[derive(Debug, Clone)]
pub struct Learning<'a> {
    pub material: &'a Material,
    /// Whether cells differ as the material says.
    pub variation: bool,
    /// Which array, which noise, and in the scheme of pairs which cells an update pulses.
    pub seed: u64,
    /// Temperature of learning and reading, K.
    pub ambient_k: f64,
    /// Bias of reading, V.
    pub read_v: f64,
    /// Time of a reading, s. At 0.1 V nothing is caught, so it disturbs nothing.
    pub read_s: f64,
    /// Whether the columns' charges are read with their noise.
    pub read_noise: bool,
    /// How the electrons of cells are taken.
    pub electrons: Electrons,
    pub scheme: Scheme,
    /// Digits shown, in the order of the training set and again from its start.
    pub presentations: u32,
    /// Presentations after which the array is tested, in any order; it always is before the first and after the last.
    pub stages: Vec<u32>,
}

/// The array after some presentations.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub presentations: u32,
    pub tested: Tested,
    /// Difference of the conductances that make a weight, S; axes (digit, row, column of the picture).
    pub weights_s: Array3<f64>,
    /// Pulses so far, without those that prepared the array.
    pub spent: Spent,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// From 0 presentations to all of them; never empty.
    pub stages: Vec<Stage>,
    /// Pulses that prepared the array: the reference column, or all cells of the pairs.
    pub preparation: Spent,
    /// State of the cells at the end; axes (cell, class), cells row by row.
    pub occupancy: Array2<f64>,
}

impl Learnt {
    /// Accuracy at each stage: (presentations, share of right answers).
    pub fn curve(&self) -> impl Iterator<Item = (u32, f64)> {
        self.stages.iter().map(|stage| (stage.presentations, stage.tested.accuracy))
    }
}

/// Teaches a fresh array; `progress` is told of each further presentation that is done.
///
/// # Errors
/// [`MnistError::Value`] for data or numbers that make no sense, and whatever the backend fails with.
pub fn learn(
    with: &dyn Backend,
    learning: &Learning,
    mnist: &Mnist,
    progress: &(dyn Fn(u32) + Sync),
) -> Result<Learnt, MnistError> {
    let pixels = check(learning, mnist)?;
    let mut crossbar = Crossbar::prepared(with, learning, pixels)?;
    let preparation = std::mem::take(&mut crossbar.spent);
    let scorer = Scorer::new(learning);
    let mut teacher = Teacher::new(&crossbar, learning);
    let mut due: BTreeSet<u32> = learning.stages.iter().copied().filter(|&at| at < learning.presentations).collect();
    due.insert(0);
    let mut stages = Vec::with_capacity(due.len() + 1);
    let stage = |at, crossbar: &Crossbar| Stage {
        presentations: at,
        tested: scorer.test(&crossbar.conductance_s, at, &mnist.test),
        weights_s: scorer.weights_s(&crossbar.conductance_s),
        spent: crossbar.spent,
    };
    for at in 0..learning.presentations {
        if due.contains(&at) {
            stages.push(stage(at, &crossbar));
        }
        let shown = at as usize % mnist.train.len();
        let image = mnist.train.images.row(shown);
        let label = usize::from(mnist.train.labels[shown]);
        let scores = scorer.scores(&crossbar.conductance_s, image, Occasion::Learning(at));
        teacher.present(&mut crossbar, &scorer, image, label, &scores)?;
        progress(1);
    }
    stages.push(stage(learning.presentations, &crossbar));
    Ok(Learnt { stages, preparation, occupancy: crossbar.occupancy()? })
}

/// Tests an array that was left at 0 V and `bake_k` for `time_s` after learning; `occupancy` is
/// [`Learnt::occupancy`]. The noise is that of the last test before it.
///
/// # Errors
/// As [`learn`].
pub fn after_bake(
    with: &dyn Backend,
    learning: &Learning,
    occupancy: &Array2<f64>,
    bake_k: f64,
    time_s: f64,
    test: &Digits,
) -> Result<Tested, MnistError> {
    let pixels = check_digits("the test set", test)?;
    for (what, value) in [("the temperature of the bake", bake_k), ("the time of the bake", time_s)] {
        if !(value.is_finite() && value >= 0.0) {
            return Err(MnistError::value(what, value, "a number of at least 0"));
        }
    }
    check_state(learning, pixels, occupancy)?;
    let mut crossbar = Crossbar::from_state(with, learning, pixels, occupancy)?;
    crossbar.bake(bake_k, time_s)?;
    Ok(Scorer::new(learning).test(&crossbar.conductance_s, learning.presentations, test))
}

/// Tests an array, left as it ended, through wires: each cell counts as the current of its bit line for each volt on its
/// word line ([`Transfer`]), all other word lines at 0 V. A pixel drives its row for a part of the reading time, so the
/// charges of pixels add up whatever the others do: for cells of Ohm's law this is exact. The noise is that of the last
/// test before it.
///
/// # Errors
/// As [`learn`]; [`MnistError::Wires`] where the network is not solved.
pub fn through_wires(
    with: &dyn Backend,
    learning: &Learning,
    occupancy: &Array2<f64>,
    wires: &Reading,
    test: &Digits,
) -> Result<Tested, MnistError> {
    let pixels = check_digits("the test set", test)?;
    check_state(learning, pixels, occupancy)?;
    let mut crossbar = Crossbar::from_state(with, learning, pixels, occupancy)?;
    let all: Vec<u64> = (0..crossbar.conductance_s.len() as u64).collect();
    crossbar.read(&all)?;
    let network = wires.all_rows(crossbar.conductance_s.view(), &vec![0.0; pixels]).map_err(SolveError::from)?;
    let effective = Transfer::on(with, &network, Accuracy::of_total(WIRES_ACCURACY))?;
    Ok(Scorer::new(learning).test(&effective.weight_s, learning.presentations, test))
}

/// Bound of the errors of currents over the total current: far below the noise of a reading.
const WIRES_ACCURACY: f64 = 1e-7;

fn check_state(learning: &Learning, pixels: usize, occupancy: &Array2<f64>) -> Result<(), MnistError> {
    let cells = pixels * learning.scheme.columns();
    let classes = learning.material.classes.len();
    if occupancy.dim() == (cells, classes) {
        return Ok(());
    }
    let found = format!("{:?}", occupancy.dim());
    Err(MnistError::value("the shape of the array's state", found, format!("{:?}", (cells, classes))))
}

/// Number of pixels, once data and numbers make sense.
fn check(learning: &Learning, mnist: &Mnist) -> Result<usize, MnistError> {
    learning.scheme.check()?;
    if learning.presentations == 0 || learning.presentations > MAX_PRESENTATIONS {
        let limit = format!("1 to {MAX_PRESENTATIONS}");
        return Err(MnistError::value("the number of presentations", learning.presentations, limit));
    }
    let positive = [
        ("the read bias", learning.read_v),
        ("the read time", learning.read_s),
        ("the ambient temperature", learning.ambient_k),
    ];
    for (what, value) in positive {
        if !(value.is_finite() && value > 0.0) {
            return Err(MnistError::value(what, value, "a number above 0"));
        }
    }
    // Readings of columns are not simulated on the cells: below the onset they catch nothing.
    if let Some(onset_v) = learning.material.capture.map(|capture| capture.onset_v).filter(|v| learning.read_v >= *v) {
        let limit = format!(
            "below {onset_v} V, from where on {} catches charge: reading must not write",
            learning.material.name
        );
        return Err(MnistError::value("the read bias", format!("{} V", learning.read_v), limit));
    }
    let train = check_digits("the training set", &mnist.train)?;
    let test = check_digits("the test set", &mnist.test)?;
    if train != test {
        return Err(MnistError::value("the number of pixels of the test set", test, train));
    }
    Ok(train)
}

/// Number of pixels of a set of square pictures.
pub(super) fn check_digits(what: &str, digits: &Digits) -> Result<usize, MnistError> {
    let (count, pixels) = digits.images.dim();
    let side = pixels.isqrt();
    if pixels == 0 || side * side != pixels {
        return Err(MnistError::value(format!("the number of pixels of {what}"), pixels, "a square above 0"));
    }
    if count == 0 || count != digits.labels.len() {
        let limit = format!("above 0, and as many as its images, {count}");
        return Err(MnistError::value(format!("the number of labels of {what}"), digits.labels.len(), limit));
    }
    match digits.labels.iter().find(|&&label| usize::from(label) >= DIGITS) {
        Some(label) => Err(MnistError::value(format!("a label of {what}"), label, "0 to 9")),
        None => Ok(pixels),
    }
}
