//! `[traps]` of a material file: its keys for each kind of traps, and what the traps are by them.

use super::super::classes::{self, Diameters, Dots, Sheets, Spread, TrapClass};
use super::super::quantity::*;
use super::super::well::SphericalWell;
use super::super::{MAX_CLASSES, MaterialError};
use serde::Deserialize;

/// Traps as a file has them.
pub(super) enum Traps {
    Classes(Vec<TrapClass>),
    /// And how many classes are asked for.
    Spread(Spread, Option<usize>),
}

/// `[traps]`: which keys belong to which kind is in [`DOTS`], [`SHEETS`] and [`LEVELS`].
///
/// Flat, because serde loses the place of an error inside an enum that is told apart by a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrapsFile {
    kind: String,
    classes: Option<i64>,
    diameter_mean: Option<Quantity>,
    diameter_sd: Option<Quantity>,
    diameter_min: Option<Quantity>,
    diameter_max: Option<Quantity>,
    well_height: Option<Quantity>,
    mass_inside: Option<Quantity>,
    mass_outside: Option<Quantity>,
    speed_exponent: Option<Quantity>,
    shallowest: Option<Quantity>,
    deepest: Option<Quantity>,
    weights: Option<Quantities>,
    depths: Option<Quantities>,
    speeds: Option<Quantities>,
    depth_per_size: Option<Quantity>,
    attempt_rate: Option<Quantity>,
}

const DOTS: &[&str] = &[
    "classes",
    "diameter_mean",
    "diameter_sd",
    "diameter_min",
    "diameter_max",
    "well_height",
    "mass_inside",
    "mass_outside",
    "speed_exponent",
    "attempt_rate",
];
const SHEETS: &[&str] = &["classes", "shallowest", "deepest", "depth_per_size", "attempt_rate"];
const LEVELS: &[&str] = &["weights", "depths", "speeds", "depth_per_size", "attempt_rate"];

impl TrapsFile {
    /// Attempt rate, and the traps.
    pub(super) fn check(&self) -> Result<(f64, Traps), MaterialError> {
        match self.kind.as_str() {
            "none" => self.takes(&[]).map(|()| (0.0, Traps::Classes(Vec::new()))),
            "dots" => self.takes(DOTS).and_then(|()| dots(self)),
            "sheets" => self.takes(SHEETS).and_then(|()| sheets(self)),
            "levels" => self.takes(LEVELS).and_then(|()| levels(self)),
            other => {
                let message = format!("is {other:?}; it must be \"dots\", \"sheets\", \"levels\" or \"none\"");
                Err(MaterialError::value("traps.kind", message))
            }
        }
    }

    /// Refuses keys of another kind.
    fn takes(&self, keys: &[&str]) -> Result<(), MaterialError> {
        let given = [
            ("classes", self.classes.is_some()),
            ("diameter_mean", self.diameter_mean.is_some()),
            ("diameter_sd", self.diameter_sd.is_some()),
            ("diameter_min", self.diameter_min.is_some()),
            ("diameter_max", self.diameter_max.is_some()),
            ("well_height", self.well_height.is_some()),
            ("mass_inside", self.mass_inside.is_some()),
            ("mass_outside", self.mass_outside.is_some()),
            ("speed_exponent", self.speed_exponent.is_some()),
            ("shallowest", self.shallowest.is_some()),
            ("deepest", self.deepest.is_some()),
            ("weights", self.weights.is_some()),
            ("depths", self.depths.is_some()),
            ("speeds", self.speeds.is_some()),
            ("depth_per_size", self.depth_per_size.is_some()),
            ("attempt_rate", self.attempt_rate.is_some()),
        ];
        match given.iter().find(|(key, is_given)| *is_given && !keys.contains(key)) {
            None => Ok(()),
            Some((key, _)) => {
                let takes = if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
                let message = format!("is given, but traps.kind is {:?}, which takes {takes}: leave it out", self.kind);
                Err(MaterialError::value(&format!("traps.{key}"), message))
            }
        }
    }

    fn needs<'a, T>(&self, key: &str, value: &'a Option<T>) -> Result<&'a T, MaterialError> {
        value.as_ref().ok_or_else(|| {
            let message = format!("is missing: traps.kind {:?} needs it", self.kind);
            MaterialError::value(&format!("traps.{key}"), message)
        })
    }

    fn number(
        &self,
        key: &str,
        of: &Option<Quantity>,
        of_dimension: Dimension,
        range: Range,
    ) -> Result<f64, MaterialError> {
        self.needs(key, of)?.si(&format!("traps.{key}"), of_dimension, range)
    }

    /// None where the file leaves it open.
    fn class_count(&self) -> Result<Option<usize>, MaterialError> {
        let Some(classes) = self.classes else { return Ok(None) };
        match usize::try_from(classes) {
            Ok(count) if (1..=MAX_CLASSES).contains(&count) => Ok(Some(count)),
            _ => {
                let message =
                    format!("is {classes}; it must be 1 to {MAX_CLASSES}, or left out: as many as lives take");
                Err(MaterialError::value("traps.classes", message))
            }
        }
    }
}

fn dots(file: &TrapsFile) -> Result<(f64, Traps), MaterialError> {
    let positive = Range::POSITIVE;
    let classes = file.class_count()?;
    let length = |key: &str, q: &Option<Quantity>| file.number(key, q, LENGTH, positive.up_to(1e-6));
    let sizes = Diameters {
        mean_m: length("diameter_mean", &file.diameter_mean)?,
        sd_m: length("diameter_sd", &file.diameter_sd)?,
        min_m: length("diameter_min", &file.diameter_min)?,
        max_m: length("diameter_max", &file.diameter_max)?,
    };
    let given = |q: &Option<Quantity>| q.as_ref().map(Quantity::written).unwrap_or_default();
    if sizes.min_m >= sizes.max_m {
        let message = format!("is {}; it must be below diameter_max", given(&file.diameter_min));
        return Err(MaterialError::value("traps.diameter_min", message));
    }
    // Narrower, it falls between the points of the quadrature.
    if sizes.sd_m < 1e-3 * (sizes.max_m - sizes.min_m) {
        let message = format!(
            "is {}; it must be at least a thousandth of diameter_min to diameter_max (for one size, use traps.kind = \"levels\")",
            given(&file.diameter_sd)
        );
        return Err(MaterialError::value("traps.diameter_sd", message));
    }
    // Outside this the cut-off bell has no weight that f64 can hold, and its shape is an artefact.
    let nearest_m = sizes.mean_m.clamp(sizes.min_m, sizes.max_m);
    if (nearest_m - sizes.mean_m).abs() > 5.0 * sizes.sd_m {
        let message = format!(
            "is {}; it must lie within 5 diameter_sd of diameter_min to diameter_max",
            given(&file.diameter_mean)
        );
        return Err(MaterialError::value("traps.diameter_mean", message));
    }
    let well = SphericalWell {
        height_ev: file.number("well_height", &file.well_height, ENERGY_EV, positive)?,
        mass_inside: file.number("mass_inside", &file.mass_inside, ELECTRON_MASSES, positive)?,
        mass_outside: file.number("mass_outside", &file.mass_outside, ELECTRON_MASSES, positive)?,
    };
    if well.depth_ev(sizes.min_m) <= 0.0 {
        let message = format!(
            "is {}: a dot of this size binds no electron in this well; raise it, or well_height",
            given(&file.diameter_min)
        );
        return Err(MaterialError::value("traps.diameter_min", message));
    }
    let attempt_per_s = file.number("attempt_rate", &file.attempt_rate, RATE, positive)?;
    let speed_exponent = file.number("speed_exponent", &file.speed_exponent, RATIO, Range::NOT_NEGATIVE.up_to(10.0))?;
    Ok((attempt_per_s, Traps::Spread(Spread::Dots(Dots { well, sizes, speed_exponent }), classes)))
}

fn sheets(file: &TrapsFile) -> Result<(f64, Traps), MaterialError> {
    let positive = Range::POSITIVE;
    let classes = file.class_count()?;
    let shallowest_ev = file.number("shallowest", &file.shallowest, ENERGY_EV, positive)?;
    let deepest_ev = file.number("deepest", &file.deepest, ENERGY_EV, positive)?;
    if deepest_ev < shallowest_ev {
        let message = format!("is {deepest_ev:?} eV; it must be at least traps.shallowest, {shallowest_ev:?} eV");
        return Err(MaterialError::value("traps.deepest", message));
    }
    let depth_per_size_ev = file.number("depth_per_size", &file.depth_per_size, ENERGY_EV, Range::NOT_NEGATIVE)?;
    let attempt_per_s = file.number("attempt_rate", &file.attempt_rate, RATE, positive)?;
    let sheets = Sheets { shallowest_ev, deepest_ev, depth_per_size_ev };
    Ok((attempt_per_s, Traps::Spread(Spread::Sheets(sheets), classes)))
}

fn levels(file: &TrapsFile) -> Result<(f64, Traps), MaterialError> {
    let positive = Range::POSITIVE;
    let weights = file.needs("weights", &file.weights)?.si("traps.weights", RATIO, positive.up_to(1.0))?;
    if !(1..=MAX_CLASSES).contains(&weights.len()) {
        let message = format!("has {} values; it must have 1 to {MAX_CLASSES}", weights.len());
        return Err(MaterialError::value("traps.weights", message));
    }
    let depths = file.needs("depths", &file.depths)?.si("traps.depths", ENERGY_EV, positive)?;
    let speeds = match &file.speeds {
        None => vec![1.0; weights.len()],
        Some(given) => given.si("traps.speeds", RATIO, positive)?,
    };
    for (key, found) in [("traps.depths", depths.len()), ("traps.speeds", speeds.len())] {
        if found != weights.len() {
            let message = format!("has {found} values, traps.weights has {}; give as many", weights.len());
            return Err(MaterialError::value(key, message));
        }
    }
    let sum: f64 = weights.iter().sum();
    if (sum - 1.0).abs() > 1e-6 {
        let message = format!("sum to {sum}; they must sum to 1 (within 1e-6)");
        return Err(MaterialError::value("traps.weights", message));
    }
    let depth_slope_ev = file.number("depth_per_size", &file.depth_per_size, ENERGY_EV, Range::NOT_NEGATIVE)?;
    let class = |((&weight, &depth_ev), &speed): ((&f64, &f64), &f64)| TrapClass {
        weight,
        depth_ev,
        speed,
        depth_slope_ev,
        depth_curvature_ev: 0.0,
    };
    let mut found: Vec<_> = weights.iter().zip(&depths).zip(&speeds).map(class).collect();
    classes::normalise(&mut found);
    Ok((file.number("attempt_rate", &file.attempt_rate, RATE, positive)?, Traps::Classes(found)))
}
