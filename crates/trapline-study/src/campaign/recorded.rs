//! The material of a recorded point: the file in the record, with what the campaign's sweeps and `[physics]` make of
//! it.

use super::file::PhysicsFile;
use serde::Deserialize;
use trapline_model::material::draft::Draft;
use trapline_model::material::{self, Material};
use trapline_model::outcome::{CampaignLabel, SweptKey};
use trapline_model::toml_file;

/// What is looked at of a campaign file.
#[derive(Debug, Default, Deserialize)]
struct Files {
    physics: Option<PhysicsFile>,
}

/// The material that the cells of a recorded point were made of.
///
/// # Errors
/// A sentence that says what in the record is no campaign or no material, or that it has fewer points.
pub fn material_of(label: &CampaignLabel, place: usize) -> Result<Material, String> {
    if place >= label.points() {
        return Err(format!("it has {} points, and none of number {place}", label.points()));
    }
    let at = label.place(place);
    let swept = || label.sweeps.iter().zip(&at).flat_map(|(sweep, &at)| sweep.keys.iter().map(move |key| (key, at)));
    let (name, text) = &label.materials[at[label.sweeps.len()]];
    let refused = |error: &dyn std::fmt::Display| format!("its material cannot be read: {error}");
    let mut draft = Draft::new(text, name).map_err(|error| refused(&error))?;
    let mut changed = false;
    for (SweptKey { key, values, .. }, at) in swept() {
        let Some(of_material) = key.strip_prefix("parameter.") else { continue };
        let value = values.text(at);
        let number = value.parse().map_err(|_| refused(&format!("{} is no number", toml_file::shown(&value))))?;
        draft.number(of_material).map_err(|error| refused(&error))?;
        draft.set(of_material, number);
        changed = true;
    }
    let material = if changed { material::parse(&draft.text(), name) } else { material::parse(text, name) };
    let material = material.map_err(|error| refused(&error))?;
    let files: Files = toml_file::read(&label.campaign_toml).map_err(|error| format!("its campaign file: {error}"))?;
    let mut physics = files.physics.unwrap_or_default();
    for (SweptKey { key, values, .. }, at) in swept() {
        physics.set(key, values.text(at) != "false");
    }
    Ok(physics.left_of(material))
}

#[cfg(test)]
mod tests {
    use super::super::{Overrides, Plan};
    use super::*;
    use std::path::Path;

    const SWEPT: &str = r#"
format = 1
name = "swept"
seed = 1
variation = true
array = { rows = 2, cols = 2 }
program = { temperature_c = 25.0 }
bake = { temperatures_c = [85.0, 100.0], times_s = [1e3] }
physics = { matrix_relaxation = false }
[[sweep]]
name = "film"
keys = ["parameter.film.area", "parameter.injection.free_share"]
values = [[1.0, 0.5], [2.0, 0.4]]
[[sweep]]
key = "physics.thermal_broadening"
values = [true, false]
[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]
[[material]]
use = "pi-ws2-ns"
program = [{ pulses = 3, amplitude_v = 0.7, width_s = 1e-3, interval_s = 1e-3 }]
"#;

    #[test]
    fn a_record_says_of_what_its_cells_were_made() {
        let plan = Plan::parse(SWEPT, "swept.toml", Path::new("/nowhere"), &Overrides::default()).expect("sound");
        assert_eq!(plan.points.len(), 16);
        let mut different = Vec::new();
        for (place, point) in plan.points.iter().enumerate() {
            let expected = &plan.case_of(place).of.materials[point.material_index].material;
            let found = material_of(&plan.label, place).expect("there");
            assert_eq!(&found, expected, "point {place}");
            assert!(found.matrix.is_none());
            if !different.contains(&found) {
                different.push(found);
            }
        }
        assert_eq!(different.len(), 8);
    }

    #[test]
    fn a_record_of_nothing_is_refused() {
        let plan = Plan::parse(SWEPT, "swept.toml", Path::new("/nowhere"), &Overrides::default()).expect("sound");
        let mut label = plan.label.clone();
        label.materials[0].1 = "name = \u{1b}[31m".to_owned();
        let told = material_of(&label, 0).unwrap_err();
        assert!(told.starts_with("its material cannot be read: ") && !told.contains('\u{1b}'), "{told}");
        let mut label = plan.label;
        label.campaign_toml = "physics = 3".to_owned();
        assert!(material_of(&label, 0).unwrap_err().starts_with("its campaign file: "));
    }
}
