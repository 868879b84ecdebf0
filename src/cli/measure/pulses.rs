//! Options that give a train of equal pulses.

use clap::Args;
use trapline::experiment::pulse::Train;
use trapline::protocol::Part;

use super::by_option;
use crate::cli::{Failure, amounts};

/// Equal pulses.
#[derive(Debug, Args)]
pub(super) struct Pulses {
    /// Bias of a pulse, V [default: 1.5]
    #[arg(long, value_name = "V", value_parser = amounts::volts, allow_hyphen_values = true)]
    pub(super) amplitude: Option<f64>,
    /// Width of a pulse, s [default: 0.001]
    #[arg(long, value_name = "S", value_parser = amounts::seconds, allow_hyphen_values = true)]
    pub(super) width: Option<f64>,
    /// Time at 0 V after a pulse, s [default: 0.001]
    #[arg(long, value_name = "S", value_parser = amounts::seconds, allow_hyphen_values = true)]
    pub(super) interval: Option<f64>,
    /// Pulses [default: 30]
    #[arg(long, value_name = "N")]
    pub(super) count: Option<u32>,
}

impl Pulses {
    pub(super) fn train(&self) -> Result<Train, Failure> {
        let train = Train {
            amplitude_v: self.amplitude.unwrap_or(1.5),
            width_s: self.width.unwrap_or(1e-3),
            interval_s: self.interval.unwrap_or(1e-3),
            count: self.count.unwrap_or(30),
        };
        checked(&train, "--amplitude", "--count")?;
        Ok(train)
    }

    /// The first of its options that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let of = |given: bool, option| given.then_some(option);
        let first = of(self.amplitude.is_some(), "--amplitude").or(of(self.width.is_some(), "--width"));
        first.or(of(self.interval.is_some(), "--interval")).or(of(self.count.is_some(), "--count"))
    }
}

/// A train within the limits; `amplitude` and `count` are the options it was given by.
pub(super) fn checked(train: &Train, amplitude: &str, count: &str) -> Result<(), Failure> {
    let Train { amplitude_v, width_s, interval_s, count: pulses } = *train;
    let part = Part::Pulses { pulses, amplitude_v, width_s, interval_s };
    part.checked().map(drop).map_err(|wrong| {
        let options =
            [("amplitude_v", amplitude), ("pulses", count), ("width_s", "--width"), ("interval_s", "--interval")];
        by_option(&wrong, &options)
    })
}
