//! What the commands do, asked of the program itself.

mod analyze;
mod analyze_simulated;
mod as_read;
mod bench;
mod calls;
mod campaign;
mod commands;
mod desk;
mod electrons;
mod figures;
mod fit;
mod fit_files;
mod fit_spread;
mod heat;
mod help;
mod lifetime;
#[path = "../made_up/mod.rs"]
mod made_up;
mod measure;
mod mnist;
mod own_cells;
mod paper_python;
mod qualification;
mod rare;
mod read;
mod resume;
mod scale;
mod slurm;
mod slurm_scripts;
mod starters;
mod sweeps;
mod wires;
mod write;
