// Judges cells by the reading of a checkpoint alone. Twin: crates/trapline-engine/src/backend/cpu/judge.rs. Needs
// reading.wgsl.

fn start_judging(i: u32, area: f32, start: f32) {
    start_reading(i, area, start);
}

fn has_failed(seen: Observables, checkpoint: u32) -> bool {
    return reading_fails(seen, checkpoint);
}

fn end_judging(i: u32) {
}
