//! `[injection]` of a material file: the formula of the injected current, or a table of measured ones in its place.

use super::super::measured::{MeasuredCurrent, TableFile};
use super::super::quantity::*;
use super::super::{Injection, MaterialError};
use serde::Deserialize;

/// Smallest free share: `1 - free_share` is a number of f32, and of 1e-4 it leaves three digits.
const MIN_FREE_SHARE: f64 = 1e-4;

/// What injects current.
pub(super) struct Injected {
    /// How many times more current the film carries than the area that the file's currents are of.
    pub wider: f64,
    pub injection: Injection,
    pub measured: Option<MeasuredCurrent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InjectionFile {
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

    /// The law of the current, or the currents that were measured in its place, of a film of this area.
    pub(super) fn check(&self, area_m2: f64) -> Result<Injected, MaterialError> {
        let (positive, not_negative) = (Range::POSITIVE, Range::NOT_NEGATIVE);
        // The file's currents are those of this area; the film's own carries as many times more.
        let reference_area_m2 = match &self.reference_area {
            Some(area) => area.si("injection.reference_area", AREA, positive)?,
            None => area_m2,
        };
        let wider = area_m2 / reference_area_m2;
        let injection = Injection {
            direct_s: wider * self.of_formula("direct_conductance", &self.direct_conductance, CONDUCTANCE, positive)?,
            superlinearity_per_v2: self.of_formula(
                "superlinearity",
                &self.superlinearity,
                PER_SQUARE_VOLT,
                not_negative,
            )?,
            fowler_nordheim_a_per_v2: wider
                * self.of_formula("fowler_nordheim", &self.fowler_nordheim, CURRENT_PER_SQUARE_VOLT, not_negative)?,
            fowler_nordheim_v: self.of_formula(
                "fowler_nordheim_bias",
                &self.fowler_nordheim_bias,
                VOLTAGE,
                positive,
            )?,
            free_share: self.free_share.si("injection.free_share", RATIO, positive.up_to(1.0))?,
            reference_k: self.reference_temperature.si("injection.reference_temperature", TEMPERATURE, positive)?,
            thermal_broadening: self.thermal_broadening,
        };
        if injection.free_share < MIN_FREE_SHARE {
            let message = format!("is {}; it must be at least {MIN_FREE_SHARE}", self.free_share.written());
            return Err(MaterialError::value("injection.free_share", message));
        }
        let measured = self.table.as_ref().map(|table| table.check(wider)).transpose()?;
        Ok(Injected { wider, injection, measured })
    }
}
