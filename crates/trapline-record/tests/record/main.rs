//! The tests of `trapline-record`, one program.

mod campaigns;
mod damage;
mod datasets;
#[path = "../../../../tests/made_up/mod.rs"]
mod made_up;
mod python;
