//! The result of an experiment, and how it is presented.

use trapline::analysis::Table;
use trapline::dataset::Dataset;
use trapline::figure::{Panel, Plate};

/// The result of an experiment, and how it is presented.
pub(super) struct Findings {
    pub(super) command: &'static str,
    pub(super) dataset: Dataset,
    /// The same at further temperatures, °C.
    pub(super) further: Vec<(f64, Dataset)>,
    pub(super) plate: Plate,
    pub(super) summary: Table,
    /// A remark on the summary: what it leaves out or averages over.
    pub(super) remark: Option<String>,
}

impl Findings {
    /// The plot, which says so where something in it lies outside of what the model was made for.
    pub(super) fn marked_plate(&self) -> Plate {
        let mut plate = self.plate.clone();
        let outside: Vec<Option<f64>> = self
            .datasets()
            .filter(|(_, d)| d.remark("outside_validity").is_some())
            .map(|(celsius, _)| celsius)
            .collect();
        if outside.is_empty() {
            return plate;
        }
        // Of several temperatures, those it is true of; the first of all has no number here.
        let named: Vec<String> = outside.iter().flatten().map(|celsius| format!("{celsius} °C")).collect();
        let which = match self.further.is_empty() || named.len() < outside.len() {
            true => String::new(),
            false => format!("{}: ", named.join(", ")),
        };
        let text = format!("{which}outside of the model's validity");
        let place = plate.panels.iter_mut().find_map(|panel| match panel {
            Panel::Chart(chart) => Some(&mut chart.subtitle),
            Panel::Map(map) => Some(&mut map.subtitle),
            Panel::Blank => None,
        });
        if let Some(place) = place {
            let before = place.take().map_or_else(String::new, |before| format!("{before}; "));
            *place = Some(format!("{before}{text}"));
        }
        plate
    }

    /// All datasets, with the temperatures of those after the first.
    pub(super) fn datasets(&self) -> impl Iterator<Item = (Option<f64>, &Dataset)> {
        std::iter::once((None, &self.dataset))
            .chain(self.further.iter().map(|(celsius, dataset)| (Some(*celsius), dataset)))
    }
}
