//! The material file: TOML in, a checked [`Material`] out.
//!
//! Here are its sections and what they demand of one another, checked in the order in which errors are told. The two
//! long ones, which can be written in several ways, are in `injection` and `traps`.

mod injection;
mod traps;

use super::classes::{self, Asked, TrapClass};
use super::quantity::*;
use super::{Barrier, Capture, FieldRelease, Hopping, Material, MaterialError, Matrix, Variation};
use crate::files;
use crate::units::{ELEMENTARY_CHARGE_C, VACUUM_PERMITTIVITY_F_PER_M};
use injection::{Injected, InjectionFile};
use serde::Deserialize;
use traps::{Traps, TrapsFile};

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
struct HoppingFile {
    conductance: Quantity,
    field_coefficient: Quantity,
    activation: Quantity,
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
    let Injected { wider, injection, measured } = file.injection.check(area_m2)?;
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
    let (attempt_per_s, traps) = file.traps.check()?;
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
