//! The tests of `trapline-engine`, one program.

mod as_read;
mod bake_term;
mod cell_convergence;
mod cell_invariants;
mod cells;
mod circuit;
mod counted;
mod counted_exact;
mod counts_gpu;
mod cpu_bits;
mod each_dot;
mod energies;
mod fillings;
mod gpu;
mod gpu_cost;
mod heat;
#[path = "../../../../tests/support/kinetics.rs"]
mod kinetics;
mod law_tables_gpu;
mod profile;
mod rare;
mod rng_gpu;
mod stimulus;
#[path = "../../../../tests/support/mod.rs"]
mod support;
mod trains;
mod warmer;
