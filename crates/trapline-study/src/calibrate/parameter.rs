//! A number of a material that is fitted: its key, its bounds, and how the way between them is measured.

use super::FitError;

/// How the place between two bounds is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    /// For numbers above zero whose order of magnitude is sought.
    Log,
}

/// A number of a material with its bounds, in the unit of the material's file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// As in the file: `injection.direct_conductance`; `traps.depths.0` for one of several numbers.
    pub key: String,
    /// Keys that go with this one, in the ratio to it that the material has; `None` leaves it to the program (see
    /// [`Parameter::followers`]).
    pub with: Option<Vec<String>>,
    pub lower: f64,
    pub upper: f64,
    pub scale: Scale,
    /// Where the search starts, if not at the material's value.
    pub start: Option<f64>,
    /// What speaks for the number, for the source in the new file.
    pub source: Option<String>,
}

/// Bounds whose ratio is at least this are taken as orders of magnitude unless the user says otherwise.
const LOG_FROM_RATIO: f64 = 10.0;

impl Scale {
    /// The scale of bounds that come without one.
    pub fn of(lower: f64, upper: f64) -> Scale {
        if lower > 0.0 && upper / lower >= LOG_FROM_RATIO { Scale::Log } else { Scale::Linear }
    }
}

impl Parameter {
    /// A parameter that starts at the material's value.
    pub fn new(key: &str, lower: f64, upper: f64) -> Parameter {
        let scale = Scale::of(lower, upper);
        Parameter { key: key.to_owned(), with: None, lower, upper, scale, start: None, source: None }
    }

    /// Reads `KEY=LOWER..UPPER`.
    ///
    /// # Errors
    /// [`FitError::Request`] for any other text, and as [`Parameter::check`].
    pub fn parse(text: &str) -> Result<Parameter, FitError> {
        let shape = || FitError::request(format!("{text:?} is no parameter; write KEY=LOWER..UPPER"));
        let (key, bounds) = text.split_once('=').ok_or_else(shape)?;
        let (lower, upper) = bounds.split_once("..").ok_or_else(shape)?;
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| shape());
        let parameter = Parameter::new(key.trim(), number(lower)?, number(upper)?);
        parameter.check()?;
        Ok(parameter)
    }

    /// Whether bounds, scale and start go together.
    ///
    /// # Errors
    /// [`FitError::Request`].
    pub fn check(&self) -> Result<(), FitError> {
        let wrong = |message: String| Err(FitError::request(format!("parameter {}: {message}", self.key)));
        if !(self.lower.is_finite() && self.upper.is_finite() && self.lower < self.upper) {
            return wrong(format!("lower is {:?}; it must be below upper, {:?}", self.lower, self.upper));
        }
        if self.scale == Scale::Log && self.lower <= 0.0 {
            return wrong(format!("lower is {:?}; on a log scale it must be more than 0", self.lower));
        }
        match self.start {
            Some(start) => self.holds(start),
            None => Ok(()),
        }
    }

    /// Whether a start lies between the bounds.
    ///
    /// # Errors
    /// [`FitError::Request`].
    pub fn holds(&self, start: f64) -> Result<(), FitError> {
        if start >= self.lower && start <= self.upper {
            return Ok(());
        }
        let Parameter { key, lower, upper, .. } = self;
        Err(FitError::request(format!(
            "parameter {key}: the start is {start:?}; it must be between the bounds, {lower:?} and {upper:?}"
        )))
    }

    /// Keys that go with this one and keep their ratio to it. Unless the user says, the area the currents belong to
    /// goes with the film's area, so that an area that is fitted changes the number of traps and no current.
    pub fn followers(&self) -> Vec<String> {
        match &self.with {
            Some(keys) => keys.clone(),
            None if self.key == "film.area" => vec!["injection.reference_area".to_owned()],
            None => Vec::new(),
        }
    }

    /// Place of a value between the bounds: 0 at the lower one, 1 at the upper one.
    pub fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => (value - self.lower) / (self.upper - self.lower),
            Scale::Log => libm::log(value / self.lower) / self.log_range(),
        };
        place.clamp(0.0, 1.0)
    }

    /// The value at a place. The ends are the bounds themselves.
    pub fn value(&self, place: f64) -> f64 {
        if place <= 0.0 {
            return self.lower;
        }
        if place >= 1.0 {
            return self.upper;
        }
        match self.scale {
            Scale::Linear => self.lower + place * (self.upper - self.lower),
            Scale::Log => self.lower * libm::exp(place * self.log_range()),
        }
    }

    fn log_range(&self) -> f64 {
        libm::log(self.upper / self.lower)
    }

    /// A small distance of places as one of values, at a value.
    pub fn spread(&self, value: f64, places: f64) -> f64 {
        match self.scale {
            Scale::Linear => places * (self.upper - self.lower),
            Scale::Log => value * places * self.log_range(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_values_are_inverse() {
        for parameter in [Parameter::new("a", 1e-12, 1e-9), Parameter::new("b", -1.0, 3.0)] {
            assert_eq!(parameter.scale == Scale::Log, parameter.key == "a");
            assert_eq!((parameter.value(0.0), parameter.value(1.0)), (parameter.lower, parameter.upper));
            for place in [0.0, 0.25, 0.5, 0.9, 1.0] {
                // exp and log each within an ulp, over a range of 7: a few 1e-16.
                assert!((parameter.place(parameter.value(place)) - place).abs() < 1e-14);
            }
        }
        let decade = Parameter::new("a", 1.0, 10.0);
        assert!((decade.value(0.5) / 10f64.sqrt() - 1.0).abs() < 1e-14);
        assert!((decade.spread(2.0, 0.1) - 0.2 * 10f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn a_parameter_of_a_call_is_read() {
        let found = Parameter::parse("capture.stay_midpoint = 2.5..3.5").expect("sound");
        assert_eq!((found.key.as_str(), found.lower, found.upper), ("capture.stay_midpoint", 2.5, 3.5));
        for (text, needed) in [
            ("a", "KEY=LOWER..UPPER"),
            ("a=1", "KEY=LOWER..UPPER"),
            ("a=1..x", "KEY=LOWER..UPPER"),
            ("a=2..1", "lower is 2.0; it must be below upper, 1.0"),
            ("a=1..1", "lower is 1.0"),
            ("a=NaN..1", "lower is NaN"),
        ] {
            let error = Parameter::parse(text).expect_err(text).to_string();
            assert!(error.contains(needed) && !error.contains('\n'), "{error}");
        }
        let log = Parameter { scale: Scale::Log, ..Parameter::new("a", -1.0, 1.0) };
        assert!(log.check().expect_err("negative").to_string().contains("log scale"));
        let start = Parameter { start: Some(5.0), ..Parameter::new("a", 1.0, 2.0) };
        assert!(start.check().expect_err("outside").to_string().contains("the start is 5.0"));
    }
}
