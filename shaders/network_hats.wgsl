// Linear interpolation between the nodes of the coarse crossbar. The list holds, for rows and then for columns, the
// first line of each coarse interval; then the interval of each row and column; then their weights on its far node.

fn row_start(node: u32) -> u32 {
    return hats[node];
}

fn col_start(node: u32) -> u32 {
    return hats[network.coarse_rows + 1u + node];
}

fn hats_of_lines() -> u32 {
    return network.coarse_rows + network.coarse_cols + 2u;
}

fn row_interval(row: u32) -> u32 {
    return hats[hats_of_lines() + row];
}

fn col_interval(col: u32) -> u32 {
    return hats[hats_of_lines() + network.rows + col];
}

fn row_weight(row: u32) -> f32 {
    return bitcast<f32>(hats[hats_of_lines() + network.rows + network.cols + row]);
}

fn col_weight(col: u32) -> f32 {
    return bitcast<f32>(hats[hats_of_lines() + 2u * network.rows + network.cols + col]);
}
