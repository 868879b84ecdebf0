//! Comparisons, a generator, and two independent ways to solve a small network: in double-double arithmetic (dense,
//! some 30 digits) and by faer's sparse Cholesky.

use faer::MatMut;
use faer::linalg::solvers::Solve;
use faer::sparse::{SparseColMat, Triplet};
use ndarray::Array2;
use trapline_engine::circuit::{Crossbar, End, Lines, Wire};

/// splitmix64 (S. Vigna).
pub struct Random(pub u64);

impl Random {
    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    pub fn log_within(&mut self, low: f64, high: f64) -> f64 {
        self.within(low.ln(), high.ln()).exp()
    }

    pub fn cells(&mut self, rows: usize, cols: usize, low: f64, high: f64) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, cols), || self.log_within(low, high))
    }

    pub fn volts(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.within(0.1, 1.0)).collect()
    }
}

/// Whether every number agrees relative to the wanted one; what is not a number never does.
pub fn agrees<'a>(
    got: impl IntoIterator<Item = &'a f64>,
    want: impl IntoIterator<Item = &'a f64>,
    relative: f64,
) -> Result<(), String> {
    let (got, want): (Vec<_>, Vec<_>) = (got.into_iter().collect(), want.into_iter().collect());
    if got.len() != want.len() || got.is_empty() {
        return Err(format!("{} numbers against {}", got.len(), want.len()));
    }
    for (at, (got, want)) in got.iter().zip(&want).enumerate() {
        let apart = (*got - *want).abs();
        if apart.is_nan() || apart > relative * want.abs() {
            return Err(format!(
                "number {at} is {got:e}, not {want:e}: {:.1e} apart, {relative:.1e} allowed",
                apart / want.abs()
            ));
        }
    }
    Ok(())
}

/// Ends of all lines of an axis.
pub fn ends(count: usize, mut end: impl FnMut(usize) -> End) -> Vec<End> {
    (0..count).map(&mut end).collect()
}

/// Conductance and voltage of an end behind a segment.
fn source(end: &End, segment_ohm: f64) -> (f64, f64) {
    match *end {
        End::Driven { volts, ohm } => (1.0 / (segment_ohm + ohm), volts),
        End::Floating => (0.0, 0.0),
    }
}

fn segment_ohm(lines: &Lines, index: usize) -> f64 {
    match &lines.wire {
        Wire::Uniform(ohm) => *ohm,
        Wire::Segments(ohms) => ohms[index],
    }
}

/// Conductances between nodes, S, and to sources, S and V. Nodes: word nodes row by row, then bit nodes.
pub struct Graph {
    pub nodes: usize,
    pub links: Vec<(usize, usize, f64)>,
    pub sources: Vec<(usize, f64, f64)>,
}

pub fn graph(crossbar: &Crossbar<'_>) -> Graph {
    let (rows, cols) = (crossbar.rows(), crossbar.cols());
    let word = |row: usize, col: usize| row * cols + col;
    let bit = |row: usize, col: usize| rows * cols + row * cols + col;
    let mut graph = Graph { nodes: 2 * rows * cols, links: Vec::new(), sources: Vec::new() };
    for ((row, col), s) in crossbar.conductance_s().indexed_iter() {
        graph.links.push((word(row, col), bit(row, col), *s));
        if col > 0 {
            graph.links.push((word(row, col), word(row, col - 1), 1.0 / segment_ohm(crossbar.words(), col)));
        }
        if row > 0 {
            graph.links.push((bit(row, col), bit(row - 1, col), 1.0 / segment_ohm(crossbar.bits(), row)));
        }
    }
    let mut connect = |node: usize, end: &End, ohm: f64| {
        let (s, v) = source(end, ohm);
        graph.sources.push((node, s, v));
    };
    for row in 0..rows {
        connect(word(row, 0), &crossbar.words().near[row], segment_ohm(crossbar.words(), 0));
        connect(word(row, cols - 1), &crossbar.words().far[row], segment_ohm(crossbar.words(), cols));
    }
    for col in 0..cols {
        connect(bit(0, col), &crossbar.bits().near[col], segment_ohm(crossbar.bits(), 0));
        connect(bit(rows - 1, col), &crossbar.bits().far[col], segment_ohm(crossbar.bits(), rows));
    }
    graph
}

/// An unevaluated sum of two numbers (T. J. Dekker, Numer. Math. 18, 224 (1971)).
#[derive(Clone, Copy)]
pub struct Double(pub f64, pub f64);

impl Double {
    pub fn of(value: f64) -> Double {
        Double(value, 0.0)
    }

    pub fn plus(self, other: Double) -> Double {
        let sum = self.0 + other.0;
        let seen = sum - self.0;
        let lost = (self.0 - (sum - seen)) + (other.0 - seen) + (self.1 + other.1);
        Double(sum + lost, lost - ((sum + lost) - sum))
    }

    pub fn minus(self, other: Double) -> Double {
        self.plus(Double(-other.0, -other.1))
    }

    pub fn times(self, other: Double) -> Double {
        let product = self.0 * other.0;
        let lost = self.0.mul_add(other.0, -product) + (self.0 * other.1 + self.1 * other.0);
        Double(product + lost, lost - ((product + lost) - product))
    }

    pub fn over(self, other: Double) -> Double {
        let first = self.0 / other.0;
        let rest = self.minus(other.times(Double::of(first)));
        let second = rest.0 / other.0;
        let rest = rest.minus(other.times(Double::of(second)));
        Double::of(first).plus(Double(second, rest.0 / other.0))
    }

    pub fn value(self) -> f64 {
        self.0 + self.1
    }
}

/// What a reference solution is: currents out of each bit line, and cell currents, A.
pub struct Reference {
    pub column_a: Vec<f64>,
    pub cell_a: Vec<f64>,
}

/// Dense elimination in double-double arithmetic, for a few hundred nodes. Diagonals are carried as what a node has to
/// ground and to nodes not yet eliminated (Grassmann, Taksar and Heyman's way), so nothing cancels, and floating lines
/// that leak little keep 30 digits.
pub fn by_double_double(crossbar: &Crossbar<'_>) -> Reference {
    let graph = graph(crossbar);
    let nodes = graph.nodes;
    let zero = Double::of(0.0);
    let mut link = vec![vec![zero; nodes]; nodes];
    let (mut ground, mut right) = (vec![zero; nodes], vec![zero; nodes]);
    for &(a, b, s) in &graph.links {
        link[a][b] = link[a][b].plus(Double::of(s));
        link[b][a] = link[a][b];
    }
    for &(node, s, v) in &graph.sources {
        ground[node] = ground[node].plus(Double::of(s));
        right[node] = right[node].plus(Double::of(s).times(Double::of(v)));
    }
    let mut pivots = vec![zero; nodes];
    for node in 0..nodes {
        let pivot = (node + 1..nodes).fold(ground[node], |sum, other| sum.plus(link[node][other]));
        pivots[node] = pivot;
        if pivot.0 == 0.0 {
            continue;
        }
        let others: Vec<usize> = (node + 1..nodes).filter(|other| link[node][*other].0 != 0.0).collect();
        for &a in &others {
            let share = link[node][a].over(pivot);
            ground[a] = ground[a].plus(share.times(ground[node]));
            right[a] = right[a].plus(share.times(right[node]));
            for &b in others.iter().filter(|b| **b != a) {
                link[a][b] = link[a][b].plus(share.times(link[node][b]));
            }
        }
    }
    let mut volts = vec![zero; nodes];
    for node in (0..nodes).rev() {
        if pivots[node].0 != 0.0 {
            let sum = (node + 1..nodes).fold(right[node], |sum, other| sum.plus(link[node][other].times(volts[other])));
            volts[node] = sum.over(pivots[node]);
        }
    }
    let (rows, cols) = (crossbar.rows(), crossbar.cols());
    let cell = |row: usize, col: usize| {
        let apart = volts[row * cols + col].minus(volts[rows * cols + row * cols + col]);
        Double::of(crossbar.conductance_s()[[row, col]]).times(apart)
    };
    let column = |col: usize| (0..rows).fold(zero, |sum, row| sum.plus(cell(row, col))).value();
    Reference {
        column_a: (0..cols).map(column).collect(),
        cell_a: (0..rows)
            .flat_map(|row| (0..cols).map(move |col| (row, col)))
            .map(|(r, c)| cell(r, c).value())
            .collect(),
    }
}

/// faer's sparse Cholesky, with two refinements of the potentials.
pub fn by_sparse_cholesky(crossbar: &Crossbar<'_>) -> Reference {
    let graph = graph(crossbar);
    let mut triplets = Vec::new();
    let mut right = vec![0.0; graph.nodes];
    for &(a, b, s) in &graph.links {
        triplets.extend([Triplet::new(a, a, s), Triplet::new(b, b, s), Triplet::new(a.max(b), a.min(b), -s)]);
    }
    for &(node, s, v) in &graph.sources {
        triplets.push(Triplet::new(node, node, s));
        right[node] += s * v;
    }
    let matrix = SparseColMat::<usize, f64>::try_new_from_triplets(graph.nodes, graph.nodes, &triplets).unwrap();
    let factor = matrix.sp_cholesky(faer::Side::Lower).unwrap();
    let mut volts = vec![0.0; graph.nodes];
    for _ in 0..3 {
        let mut rest = right.clone();
        for &(a, b, s) in &graph.links {
            let flow = s * (volts[a] - volts[b]);
            rest[a] -= flow;
            rest[b] += flow;
        }
        for &(node, s, _) in &graph.sources {
            rest[node] -= s * volts[node];
        }
        factor.solve_in_place(MatMut::from_column_major_slice_mut(&mut rest, graph.nodes, 1));
        volts.iter_mut().zip(&rest).for_each(|(v, step)| *v += step);
    }
    let (rows, cols) = (crossbar.rows(), crossbar.cols());
    let cell = |row: usize, col: usize| {
        let (word, bit) = (row * cols + col, rows * cols + row * cols + col);
        crossbar.conductance_s()[[row, col]] * (volts[word] - volts[bit])
    };
    Reference {
        column_a: (0..cols).map(|col| (0..rows).map(|row| cell(row, col)).sum()).collect(),
        cell_a: (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))).map(|(r, c)| cell(r, c)).collect(),
    }
}
