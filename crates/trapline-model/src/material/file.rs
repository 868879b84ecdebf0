//! The material file: TOML in, a checked [`Material`] out.

use super::classes::{self, Asked, Diameters, Dots, Sheets, Spread, TrapClass};
use super::measured::TableFile;
use super::quantity::*;
use super::well::SphericalWell;
use super::{
    Barrier, Capture, FieldRelease, Hopping, Injection, MAX_CLASSES, Material, MaterialError, Matrix, Variation,
};
use crate::files;
use crate::units::{ELEMENTARY_CHARGE_C, VACUUM_PERMITTIVITY_F_PER_M};
use serde::Deserialize;

/// Version of the file format this program reads.
pub const FORMAT: i64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaterialFile {
    format: i64,
    name: String,
    description: String,
    film: FilmFile,
    barrier: BarrierFile,
    injection: InjectionFile,
    hopping: Option<HoppingFile>,
    traps: TrapsFile,
    capture: Option<CaptureFile>,
    field_release: Option<FieldReleaseFile>,
    matrix: Option<MatrixFile>,
    variation: VariationFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilmFile {
    thickness: Quantity,
    relative_permittivity: Quantity,
    area: Quantity,
    concentration: Quantity,
    glass_transition: Quantity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BarrierFile {
    height: Quantity,
    mass: Quantity,
    width: Quantity,
    reference_concentration: Quantity,
    thinning: Quantity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InjectionFile {
    direct_conductance: Option<Quantity>,
    superlinearity: Option<Quantity>,
    fowler_nordheim: Option<Quantity>,
    fowler_nordheim_bias: Option<Quantity>,
    table: Option<TableFile>,
    free_share: Quantity,
    reference_area: Option<Quantity>,
    reference_temperature: Quantity,
    #[serde(default = "yes")]
    thermal_broadening: bool,
}

fn yes() -> bool {
    true
}

impl InjectionFile {
    /// A number of the formula; 0 where a table takes the formula's place, which leaves no room for it.
    fn of_formula(
        &self,
        key: &str,
        given: &Option<Quantity>,
        of: Dimension,
        range: Range,
    ) -> Result<f64, MaterialError> {
        let key = format!("injection.{key}");
        match (given, &self.table) {
            (Some(given), None) => given.si(&key, of, range),
            (None, Some(_)) => Ok(0.0),
            (Some(_), Some(_)) => Err(MaterialError::value(
                &key,
                "is given, and so is injection.table, which takes its place: leave one out",
            )),
            (None, None) => Err(MaterialError::value(&key, "is missing: without injection.table the formula needs it")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoppingFile {
    conductance: Quantity,
    field_coefficient: Quantity,
    activation: Quantity,
}

/// `[traps]`: which keys belong to which kind is in [`DOTS`], [`SHEETS`] and [`LEVELS`].
///
/// Flat, because serde loses the place of an error inside an enum that is told apart by a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrapsFile {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaptureFile {
    trap_filled_limit: Quantity,
    onset: Quantity,
    stay_midpoint: Quantity,
    stay_width: Quantity,
    reverse_stay_bias: Quantity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldReleaseFile {
    attempt_rate: Quantity,
    bias: Quantity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatrixFile {
    enabled: bool,
    relaxation_time: Quantity,
    fragility: Quantity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariationFile {
    diameter: Quantity,
    area: Quantity,
    trap_filled_limit: Quantity,
    capture_speed: Quantity,
}

/// Smallest free share: `1 - free_share` is a number of f32, and of 1e-4 it leaves three digits.
const MIN_FREE_SHARE: f64 = 1e-4;
/// Largest fragility: polymers have up to 200.
const MAX_FRAGILITY: f64 = 1000.0;
/// Farthest that a normal variate of the generator lies from 0 (see [`crate::rng::normal_fixed`]).
const FARTHEST_SD: f64 = 6.34;

/// Reads and checks a material. `origin` names the text in errors: a path or a shipped name.
pub fn parse(text: &str, origin: &str) -> Result<Material, MaterialError> {
    check(text).map_err(|error| error.of(origin))
}

fn check(text: &str) -> Result<Material, MaterialError> {
    let file: MaterialFile = crate::toml_file::read(text).map_err(MaterialError::Syntax)?;
    let (positive, not_negative) = (Range::POSITIVE, Range::NOT_NEGATIVE);
    if file.format != FORMAT {
        return Err(MaterialError::value("format", format!("is {}; this program reads {FORMAT}", file.format)));
    }
    if !files::is_name(&file.name) {
        return Err(MaterialError::value("name", format!("is {:?}; it must be {}", file.name, files::NAME_LIMIT)));
    }
    let film = &file.film;
    let thickness_m = film.thickness.si("film.thickness", LENGTH, positive)?;
    let relative_permittivity = film.relative_permittivity.si("film.relative_permittivity", RATIO, positive)?;
    let area_m2 = film.area.si("film.area", AREA, positive)?;

    let b = &file.barrier;
    let barrier = Barrier {
        height_ev: b.height.si("barrier.height", ENERGY_EV, positive)?,
        mass: b.mass.si("barrier.mass", ELECTRON_MASSES, positive)?,
        width_m: b.width.si("barrier.width", LENGTH, positive)?,
        reference_concentration: b.reference_concentration.si(
            "barrier.reference_concentration",
            RATIO,
            not_negative.up_to(1.0),
        )?,
        thinning_m: b.thinning.si("barrier.thinning", LENGTH, not_negative)?,
        concentration: film.concentration.si("film.concentration", RATIO, not_negative.up_to(1.0))?,
    };
    let i = &file.injection;
    // The file's currents are those of this area; the film's own carries as many times more.
    let reference_area_m2 = match &i.reference_area {
        Some(area) => area.si("injection.reference_area", AREA, positive)?,
        None => area_m2,
    };
    let wider = area_m2 / reference_area_m2;
    let injection = Injection {
        direct_s: wider * i.of_formula("direct_conductance", &i.direct_conductance, CONDUCTANCE, positive)?,
        superlinearity_per_v2: i.of_formula("superlinearity", &i.superlinearity, PER_SQUARE_VOLT, not_negative)?,
        fowler_nordheim_a_per_v2: wider
            * i.of_formula("fowler_nordheim", &i.fowler_nordheim, CURRENT_PER_SQUARE_VOLT, not_negative)?,
        fowler_nordheim_v: i.of_formula("fowler_nordheim_bias", &i.fowler_nordheim_bias, VOLTAGE, positive)?,
        free_share: i.free_share.si("injection.free_share", RATIO, positive.up_to(1.0))?,
        reference_k: i.reference_temperature.si("injection.reference_temperature", TEMPERATURE, positive)?,
        thermal_broadening: i.thermal_broadening,
    };
    if injection.free_share < MIN_FREE_SHARE {
        let message = format!("is {}; it must be at least {MIN_FREE_SHARE}", i.free_share.written());
        return Err(MaterialError::value("injection.free_share", message));
    }
    let measured = i.table.as_ref().map(|table| table.check(wider)).transpose()?;
    let hopping = match &file.hopping {
        None => None,
        Some(_) if measured.is_some() => {
            let message = "is given, but injection.table has what hops in its currents: leave it out";
            return Err(MaterialError::value("hopping", message));
        }
        Some(h) => Some(Hopping {
            conductance_s: wider * h.conductance.si("hopping.conductance", CONDUCTANCE, not_negative)?,
            field_per_root_v: h.field_coefficient.si("hopping.field_coefficient", PER_ROOT_VOLT, not_negative)?,
            activation_ev: h.activation.si("hopping.activation", ENERGY_EV, not_negative)?,
        }),
    };
    let matrix = match &file.matrix {
        Some(m) => {
            let relaxation = Matrix {
                relaxation_s: m.relaxation_time.si("matrix.relaxation_time", TIME, positive)?,
                fragility: m.fragility.si("matrix.fragility", RATIO, positive.up_to(MAX_FRAGILITY))?,
            };
            m.enabled.then_some(relaxation)
        }
        None => None,
    };
    let glass_transition_k = film.glass_transition.si("film.glass_transition", TEMPERATURE, positive)?;
    let (attempt_per_s, traps) = traps(&file.traps)?;
    let (classes, spread) = match traps {
        Traps::Classes(classes) => (classes, None),
        Traps::Spread(spread, classes) => {
            (classes::of(&Asked { spread, classes, attempt_per_s, glass_transition_k }), Some(spread))
        }
    };
    let weight: f64 = classes.iter().map(|c| c.weight).sum();
    let whole = classes.is_empty() || (weight - 1.0).abs() < 1e-9;
    if !whole || !classes.iter().all(TrapClass::is_finite) {
        return Err(MaterialError::value("traps", "gives no sound trap classes: check sizes, masses and well_height"));
    }
    let capture = match (&file.capture, classes.is_empty()) {
        (Some(_), true) => {
            return Err(MaterialError::value("capture", "is given, but traps.kind is \"none\": leave it out"));
        }
        (None, false) => return Err(MaterialError::value("capture", "is missing: a material with traps needs it")),
        (None, true) => None,
        (Some(c), false) => {
            let trap_filled_v = c.trap_filled_limit.si("capture.trap_filled_limit", VOLTAGE, positive)?;
            let onset_v = c.onset.si("capture.onset", VOLTAGE, not_negative)?;
            if onset_v >= 0.5 * trap_filled_v {
                let message = format!("is {onset_v} V; it must be below half the trap-filled limit, {trap_filled_v} V");
                return Err(MaterialError::value("capture.onset", message));
            }
            Some(Capture {
                trap_filled_v,
                onset_v,
                stay_midpoint_v: c.stay_midpoint.si("capture.stay_midpoint", VOLTAGE, positive)?,
                stay_width_v: c.stay_width.si("capture.stay_width", VOLTAGE, positive)?,
                reverse_stay_v: c.reverse_stay_bias.si("capture.reverse_stay_bias", VOLTAGE, not_negative)?,
                // The trap-filled limit ties the number of traps to the geometry: N_t = 2 eps V_TFL / (q L^2).
                traps: 2.0 * relative_permittivity * VACUUM_PERMITTIVITY_F_PER_M * trap_filled_v * area_m2
                    / (ELEMENTARY_CHARGE_C * thickness_m),
            })
        }
    };
    let field_release = match &file.field_release {
        None => None,
        Some(f) => Some(FieldRelease {
            attempt_per_s: f.attempt_rate.si("field_release.attempt_rate", RATE, not_negative)?,
            bias_v: f.bias.si("field_release.bias", VOLTAGE, positive)?,
        }),
    };
    if let Some(c) = capture.filter(|c| !(1e-60..1e60).contains(&c.traps)) {
        let message = format!("and trap_filled_limit, area, thickness give {:e} traps; there must be some", c.traps);
        return Err(MaterialError::value("film.relative_permittivity", message));
    }
    let v = &file.variation;
    let scatter =
        |key: &str, q: &Quantity, most: f64| q.si(&format!("variation.{key}"), RATIO, not_negative.up_to(most));
    let variation = Variation {
        size: scatter("diameter", &v.diameter, Variation::MOST_SIZE)?,
        area: scatter("area", &v.area, Variation::MOST)?,
        trap_filled: scatter("trap_filled_limit", &v.trap_filled_limit, Variation::MOST)?,
        capture_speed: scatter("capture_speed", &v.capture_speed, Variation::MOST)?,
    };
    if let Some(class) = classes.iter().find(|class| class.least_depth_ev(FARTHEST_SD * variation.size) < 0.0) {
        let message = format!(
            "is {}; with it a trap {:.3} eV deep has none left in the smallest dots: lower it, or traps.depth_per_size",
            v.diameter.written(),
            class.depth_ev
        );
        return Err(MaterialError::value("variation.diameter", message));
    }
    Ok(Material {
        name: file.name,
        description: match &measured {
            None => file.description,
            Some(table) => format!("{}; {}", file.description, table.described()),
        },
        text: text.to_owned(),
        glass_transition_k,
        thickness_m,
        area_m2,
        barrier,
        injection,
        measured,
        hopping,
        classes,
        spread,
        attempt_per_s,
        capture,
        field_release,
        matrix,
        variation,
    })
}

/// Traps as a file has them.
enum Traps {
    Classes(Vec<TrapClass>),
    /// And how many classes are asked for.
    Spread(Spread, Option<usize>),
}

/// Attempt rate, and the traps.
fn traps(file: &TrapsFile) -> Result<(f64, Traps), MaterialError> {
    match file.kind.as_str() {
        "none" => file.takes(&[]).map(|()| (0.0, Traps::Classes(Vec::new()))),
        "dots" => file.takes(DOTS).and_then(|()| dots(file)),
        "sheets" => file.takes(SHEETS).and_then(|()| sheets(file)),
        "levels" => file.takes(LEVELS).and_then(|()| levels(file)),
        other => {
            let message = format!("is {other:?}; it must be \"dots\", \"sheets\", \"levels\" or \"none\"");
            Err(MaterialError::value("traps.kind", message))
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
