//! Made-up campaigns whose cells have Weibull lifetimes of a known law.

use trapline_model::outcome::{CampaignLabel, Coordinate, PointOutcome, PointSettings, Sweep, SweptKey};
use trapline_model::rng::philox4x32_10;
use trapline_model::units::{kelvin, thermal_energy_ev};

use super::{Size, campaign, outcome};

pub const ENERGY_EV: f64 = 1.2;
pub const SHAPE: f64 = 1.8;
pub const CELSIUS: [f64; 4] = [110.0, 125.0, 140.0, 155.0];
pub const TIMES: [f64; 8] = [0.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5];

/// Weibull's scale at a temperature: 1e4 s at 150 C.
pub fn scale_s(temperature_k: f64) -> f64 {
    1e4 * (ENERGY_EV * (1.0 / thermal_energy_ev(temperature_k) - 1.0 / thermal_energy_ev(kelvin(150.0)))).exp()
}

/// Time to a fraction at a temperature.
pub fn life_s(celsius: f64, fraction: f64) -> f64 {
    scale_s(kelvin(celsius)) * (-(1.0 - fraction).ln()).powf(1.0 / SHAPE)
}

/// A label with these temperatures, and seeds as a sweep where there is more than one.
pub fn label(celsius: &[f64], times_s: &[f64], seeds: &[i64]) -> CampaignLabel {
    let size = Size { materials: 1, temperatures: celsius.len(), times: times_s.len(), bins: 8, dump: None };
    let mut label = campaign(&size);
    label.campaign_toml = "name = \"made up\"\n".to_owned();
    label.temperatures_k = celsius.iter().map(|&c| kelvin(c)).collect();
    label.times_s = times_s.to_vec();
    if seeds.len() > 1 {
        let values = Coordinate::Whole(seeds.to_vec());
        let key = SweptKey { key: "seed".to_owned(), units: "1".to_owned(), values: values.clone() };
        label.sweeps = vec![Sweep { name: "seed".to_owned(), coordinate: values, keys: vec![key] }];
    }
    let first = label.settings[0];
    label.settings = seeds
        .iter()
        .flat_map(|&seed| celsius.iter().map(move |_| (seed as u64, first)))
        .map(|(seed, settings)| PointSettings { seed, ..settings })
        .collect();
    label
}

/// Counts of `cells` Weibull lifetimes at each point, drawn in a stream of its own.
pub fn weibull(label: &CampaignLabel, cells: u64, stream: u32) -> Vec<PointOutcome> {
    weibull_of(SHAPE, label, cells, stream)
}

pub fn weibull_of(shape: f64, label: &CampaignLabel, cells: u64, stream: u32) -> Vec<PointOutcome> {
    let one = |number: usize| {
        let mut found = outcome(label, number);
        let scale = scale_s(label.point(number).temperature_k);
        let uniform = |cell: u64| {
            let word = philox4x32_10([cell as u32, number as u32, stream, 0], [0x11FE, 7])[0];
            (f64::from(word) + 0.5) / 4_294_967_296.0
        };
        let lives: Vec<f64> = (0..cells).map(|cell| scale * (-uniform(cell).ln()).powf(1.0 / shape)).collect();
        (found.cells, found.programmed) = (cells, cells);
        for (failed, time) in found.failed.iter_mut().zip(&label.times_s) {
            *failed = lives.iter().filter(|life| *life <= time).count() as u64;
        }
        found
    };
    (0..label.points()).map(one).collect()
}
