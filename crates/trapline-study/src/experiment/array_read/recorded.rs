//! A reading as named arrays.

use super::{ArrayReading, Driving, Setup};
use ndarray::ArrayView2;
use trapline_engine::circuit::{Certificate, Reference};
use trapline_model::dataset::Dataset;

impl ArrayReading {
    /// Readings that lie beyond the converter's range, by more than half a step.
    pub fn clipped(&self) -> usize {
        self.converted.as_ref().map_or(0, |(adc, _)| adc.clipped(self.read_a.iter()))
    }

    /// Whether the sensed current could not be known as well as was asked for.
    pub fn fell_back(&self, driving: &Driving, setup: &Setup) -> bool {
        driving.selects() && (self.kept.of == Reference::Total || self.kept.relative > setup.accuracy)
    }

    /// All of it as named arrays: columns, rows and cells.
    pub fn dataset(&self, name: &str, title: &str, conductance_s: ArrayView2<'_, f64>) -> Dataset {
        let mut dataset = Dataset::new(name, title);
        let numbers = |count: usize| (0..count).map(|number| number as f64).collect::<Vec<f64>>();
        let (rows, cols) = conductance_s.dim();
        let list = |values: &[f64]| ndarray::Array1::from(values.to_vec()).into_dyn();
        let columns: Vec<f64> = self.columns.iter().map(|column| *column as f64).collect();
        dataset.axis("sensed", "1", "sensed bit line", &columns);
        dataset.axis("row", "1", "word line", &numbers(rows));
        dataset.axis("column", "1", "bit line", &numbers(cols));
        dataset.real("ideal_current_a", &["sensed"], "A", "current without wires and sneak paths", list(&self.ideal_a));
        dataset.real("current_a", &["sensed"], "A", "current through the wires", list(&self.wired_a));
        dataset.real("noise_a", &["sensed"], "A", "standard deviation of one reading", list(&self.noise_a));
        dataset.real("read_current_a", &["sensed"], "A", "one reading, with its noise", list(&self.read_a));
        if let Some((_, codes)) = &self.converted {
            let codes = ndarray::Array1::from(codes.clone()).into_dyn();
            dataset.count("code", &["sensed"], "1", "code of the converter", codes);
        }
        dataset.real("row_current_a", &["row"], "A", "current into the word line", list(&self.solution.currents.row_a));
        let column_a = list(&self.solution.currents.column_a);
        dataset.real("column_current_a", &["column"], "A", "current out of the bit line", column_a);
        for (name, unit, long_name, values) in [
            ("conductance_s", "S", "conductance of the cell", conductance_s.to_owned()),
            ("word_v", "V", "potential of the word line at the cell", self.solution.word_v.clone()),
            ("bit_v", "V", "potential of the bit line at the cell", self.solution.bit_v.clone()),
            ("cell_current_a", "A", "current from the word to the bit line", self.solution.cell_a.clone()),
        ] {
            dataset.real(name, &["row", "column"], unit, long_name, values.into_dyn());
        }
        for (key, text) in self.remarks() {
            dataset.note(key, text);
        }
        dataset
    }

    /// What the certificate keeps.
    pub fn accuracy_in_words(&self) -> String {
        let of = match self.kept.of {
            Reference::Column(_) => "the sensed current",
            Reference::Total | Reference::WeakestColumn => "the total current",
        };
        // Single precision leaves out what a product of powers of ten is off.
        format!("{:e} of {of}", self.kept.relative as f32)
    }

    /// What else is known, as text.
    fn remarks(&self) -> Vec<(&'static str, String)> {
        let Certificate { bound_a, residual_a, floor_a, total_a, conservation_a, two_ways_a, .. } = self.certificate;
        let mut remarks = vec![
            ("error_bound_a", format!("{bound_a:e}")),
            ("residual_a", format!("{residual_a:e}")),
            ("rounding_floor_a", format!("{floor_a:e}")),
            ("total_current_a", format!("{total_a:e}")),
            ("conservation_a", format!("{conservation_a:e}")),
            ("ends_against_cells_a", format!("{two_ways_a:e}")),
            ("power_w", format!("{:e}", self.power.total_w)),
            ("power_of_cells_w", format!("{:e}", self.power.cells_w)),
            ("power_of_sources_w", format!("{:e}", self.power.ends_w)),
            ("power_of_wires_w", format!("{:e}", self.power.wires_w)),
            ("accuracy", self.accuracy_in_words()),
        ];
        if let Some((adc, _)) = &self.converted {
            remarks.push(("converter", adc.in_words()));
        }
        remarks
    }
}
