//! The tests of `trapline-report`, one program.

mod analysis;
mod analyze;
mod analyze_no_law;
mod coverage;
mod figure;
mod figure_chart;
mod figure_look;
mod in_a_browser;
mod lifetime;
mod lifetime_python;
#[path = "../../../../tests/made_up/mod.rs"]
mod made_up;
