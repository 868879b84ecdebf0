// Judges cells by what they keep. Twin: below_threshold in crates/trapline-engine/src/backend/cpu/reduce.rs.

fn start_judging(i: u32, area: f32, start: f32) {
}

fn has_failed(seen: Observables, checkpoint: u32) -> bool {
    return seen.kept < params.kept_threshold;
}

fn end_judging(i: u32) {
}
