// Cells of very many dots, under bias: occupancies are real numbers. Twin: `MeanField` in
// crates/trapline-engine/src/backend/cpu/drive.rs.

fn weight_of(k: u32) -> f32 {
    return classes[k].weight;
}

fn load_cell(i: u32) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        f[k] = occupancy[k * params.cells + i];
    }
}

fn store_cell(i: u32) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.cells + i] = f[k];
    }
}

fn move_on(uptake: Uptake) {
    advance(uptake.average);
}

fn take_up(filled: Filled) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        f[k] = min(f[k] + (1.0 - f[k]) * fraction_lost(classes[k].speed * filled.uptake), 1.0);
    }
}

fn settle_after(segment: SegmentRow, cell: vec2<u32>) {
}
