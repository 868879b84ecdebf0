//! Records made to harm their reader: each ends in one line, and no file but the one that was named is read.
//!
//! All but the unsealed ones are sealed again after they were changed: the seal keeps out accidents, and can be forged.

mod attributes;
mod calls;
mod damage;
mod declared;
mod elsewhere;
mod harm;
#[path = "../made_up/mod.rs"]
mod made_up;
mod mutants;
mod points;
mod texts;
