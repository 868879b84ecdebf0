// Judges cells by their readings: one has failed from its first failing reading on. Visits come in the order of time.
// Which cells have failed is kept behind the partials, from dispatch to dispatch. Twin:
// crates/trapline-engine/src/backend/cpu/judge.rs. Needs reading.wgsl.

var<private> failed_before: bool;

fn failed_at(i: u32) -> u32 {
    return params.blocks * params.checkpoints * SLOTS + i;
}

fn start_judging(i: u32, area: f32, start: f32) {
    start_reading(i, area, start);
    failed_before = params.first_visit > 0u && partials[failed_at(i)] > 0.0;
}

fn has_failed(seen: Observables, checkpoint: u32) -> bool {
    failed_before = failed_before || reading_fails(seen, checkpoint);
    return failed_before;
}

fn end_judging(i: u32) {
    partials[failed_at(i)] = select(0.0, 1.0, failed_before);
}
