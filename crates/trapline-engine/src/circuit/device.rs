//! Conjugate gradients somewhere else: what a device must do for the solver, and what the host keeps.
//!
//! # Theory
//! A device computes in f32. A step solved for there is off by 1e-7 to 1e-4 of itself, which is enough: the residual of
//! the state is formed here in f64 (`audit.rs`), the next step removes what the last one left, and
//! the certificate is the same as without a device. Each right-hand side is scaled so that its largest current is near
//! 1, and all conductances so that the largest is near 1: cells of 1e-12 S beside wires of 1e9 S stay far from what f32
//! cannot hold. Scales are powers of two.
//!
//! # Practice
//! The device holds the fields and walks along lines (`Corrector`). The host sums the partial sums of the workgroups in
//! f64, solves the coarse crossbar, and decides when to stop: one round trip an iteration, of a few numbers a column. A
//! round stops when the residual that the iteration carries along has fallen to a millionth; below it the rounding of
//! f32 rules.

use crate::backend::BackendError;
use crate::circuit::coarse::Coarse;
use crate::circuit::pcg::Run;
use crate::circuit::tiles::{COLUMNS, LANES, Layout, Tile};
use crate::circuit::wiring::{Circuit, Side};
use rayon::prelude::*;

/// Share of the first residual at which a round ends, however little of it the promise asks for.
const ROUND_SHARE: f64 = 1e-6;

/// Whether an iteration has come far enough: of the 1-norm of the residual, A, and the bit step of the first and the last
/// row, V.
pub(crate) type Stops<'a> = dyn Fn(&Circuit, f64, &[f64], &[f64]) -> bool + 'a;

/// A network as a device takes it: f32, in units of [`Network::unit_s`].
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Conductance that is 1 on the device, S.
    pub(crate) unit_s: f64,
    /// Cells, row by row.
    pub(crate) cells: Vec<f32>,
    /// Segments after each cell of a word line (0 after the last), of a bit line; then near and far ends of the word
    /// lines, near and far ends of the bit lines.
    pub(crate) wires: Vec<f32>,
    /// Coarse rows and columns, 0 without a coarse crossbar, and the weights of its interpolation.
    pub(crate) coarse: (usize, usize),
    pub(crate) hats: Vec<u32>,
    /// Most lines of one coarse interval.
    pub(crate) widest_interval: usize,
}

/// What an iteration has come to, in the device's units.
#[derive(Debug)]
pub(crate) struct Descended {
    /// 1-norm of the residual of the bit lines, and its product with `A_b^-1` times itself.
    pub(crate) norm: f64,
    pub(crate) own: f64,
    /// Currents on the coarse nodes, row by row.
    pub(crate) restricted: Vec<f32>,
    /// The step that was taken, the curvature along it, and the direction at the first and at the last row.
    pub(crate) alpha: f64,
    pub(crate) curvature: f64,
    pub(crate) near: Vec<f32>,
    pub(crate) far: Vec<f32>,
}

/// Numbers of the second half of an iteration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ascent<'a> {
    /// Potentials of the coarse nodes, row by row; empty without a coarse crossbar.
    pub(crate) volts: &'a [f32],
    pub(crate) product: f64,
    pub(crate) beta: f64,
    pub(crate) iteration: usize,
}

/// A device that holds the fields of an iteration, all row by row.
pub(crate) trait Corrector: std::fmt::Debug + Send {
    /// Takes a network over and factors its lines.
    fn load(&mut self, network: &Network) -> Result<(), BackendError>;
    /// Takes right-hand sides of word and bit lines, and eliminates the word lines.
    fn begin(&mut self, word: &[f32], bit: &[f32]) -> Result<(), BackendError>;
    /// Goes along the last direction, if there was one, and begins to precondition.
    fn descend(&mut self) -> Result<Descended, BackendError>;
    /// Ends to precondition, and makes the next direction and its step.
    fn ascend(&mut self, ascent: Ascent<'_>) -> Result<(), BackendError>;
    /// The steps of word and bit lines; without an iteration the bit lines only follow the word lines.
    fn finish(&mut self, iterations: usize) -> Result<Steps, BackendError>;
}

/// Steps of all nodes: a potential of each line, and the drops of its cells from there, row by row. In this form
/// differences between neighbours keep their digits.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) word_references: Vec<f32>,
    pub(crate) bit_references: Vec<f32>,
    pub(crate) word_drops: Vec<f32>,
    pub(crate) bit_drops: Vec<f32>,
}

impl Steps {
    fn are_finite(&self) -> bool {
        let Steps { word_references, bit_references, word_drops, bit_drops } = self;
        [word_references, bit_references, word_drops, bit_drops]
            .into_iter()
            .all(|list| list.par_iter().all(|v| v.is_finite()))
    }
}

/// A device that solves in the place of this processor, with its network.
#[derive(Debug)]
pub struct OnDevice<'a> {
    corrector: Box<dyn Corrector + 'a>,
    network: Option<Network>,
    /// Where the network is on the device.
    loaded: bool,
}

impl<'a> OnDevice<'a> {
    #[cfg(feature = "gpu")]
    pub(crate) fn new(corrector: Box<dyn Corrector + 'a>) -> OnDevice<'a> {
        OnDevice { corrector, network: None, loaded: false }
    }

    /// Another network, for the next correction to load.
    pub(crate) fn take(&mut self, layout: &Layout, circuit: &Circuit, cells_s: &[Tile], coarse: Option<&Coarse>) {
        self.network = Some(Network::new(layout, circuit, cells_s, coarse));
        self.loaded = false;
    }

    /// As [`Core::correct`](crate::circuit::pcg::Core::correct), on the device: from the right-hand sides (word in panel
    /// order, bit in block order, A) to the steps (V). A device that fails is tried once more.
    pub(crate) fn correct(
        &mut self,
        layout: &Layout,
        circuit: &Circuit,
        coarse: Option<&Coarse>,
        [word_a, bit_a]: [&[Tile]; 2],
        most: usize,
        stop: &Stops<'_>,
    ) -> Result<(Run, [Vec<Tile>; 2]), BackendError> {
        let Some(network) = &self.network else { return Ok((Run::NONE, [layout.zeros(), layout.zeros()])) };
        let most_a = largest(word_a).max(largest(bit_a));
        if most_a == 0.0 {
            return Ok((Run { reached: true, ..Run::NONE }, [layout.zeros(), layout.zeros()]));
        }
        let unit_a = power_of_two(most_a);
        let unit_v = unit_a / network.unit_s;
        let word = to_rows(layout, word_a, |panel, block| layout.by_panel(panel, block), 1.0 / unit_a);
        let bit = to_rows(layout, bit_a, |panel, block| layout.by_block(panel, block), 1.0 / unit_a);
        let scaled = |circuit: &Circuit, norm: f64, near: &[f64], far: &[f64]| {
            let volts = |v: &[f64]| v.iter().map(|v| v * unit_v).collect::<Vec<f64>>();
            stop(circuit, norm * unit_a, &volts(near), &volts(far))
        };
        let mut tried = false;
        let (run, steps) = loop {
            let corrector = &mut *self.corrector;
            let loaded = if self.loaded { Ok(()) } else { corrector.load(network) };
            self.loaded = loaded.is_ok();
            match loaded
                .and_then(|()| iterate(corrector, circuit, coarse, network.unit_s, [&word, &bit], most, &scaled))
            {
                Ok(found) => break found,
                Err(error @ BackendError::StateLost { .. }) if !tried => {
                    tracing::warn!("trying once more: {error}");
                    (tried, self.loaded) = (true, false);
                }
                Err(error) => {
                    self.loaded = false;
                    return Err(error);
                }
            }
        };
        if !steps.are_finite() {
            return Ok((Run { reached: false, ..run }, [layout.zeros(), layout.zeros()]));
        }
        let [word_step, bit_step] = from_rows(layout, &steps, unit_v);
        let descent_w = dot(word_a, &word_step) + dot(bit_a, &bit_step);
        Ok((Run { descent_w, ..run }, [word_step, bit_step]))
    }
}

/// A round of conjugate gradients.
fn iterate(
    corrector: &mut dyn Corrector,
    circuit: &Circuit,
    coarse: Option<&Coarse>,
    unit_s: f64,
    [word, bit]: [&[f32]; 2],
    most: usize,
    stop: &Stops<'_>,
) -> Result<(Run, Steps), BackendError> {
    corrector.begin(word, bit)?;
    let (mut near, mut far) = (vec![0.0; circuit.cols], vec![0.0; circuit.cols]);
    let (mut iterations, mut before, mut first_norm) = (0, 1.0, 0.0);
    let reached = loop {
        let Descended { norm, own, restricted, alpha, curvature, near: p_near, far: p_far } = corrector.descend()?;
        if iterations == 0 {
            first_norm = norm;
        } else {
            for (sum, p) in near.iter_mut().zip(&p_near).chain(far.iter_mut().zip(&p_far)) {
                *sum += alpha * f64::from(*p);
            }
            if !(curvature > 0.0 && curvature.is_finite()) {
                break false;
            }
        }
        let done = iterations > 0 && (norm <= ROUND_SHARE * first_norm || stop(circuit, norm, &near, &far));
        if norm == 0.0 || done {
            break true;
        }
        let (volts, of_coarse) = coarse.map_or((Vec::new(), 0.0), |coarse| coarse.solve_nodes(&restricted, unit_s));
        let product = own + of_coarse;
        if iterations == most || !(product > 0.0 && product.is_finite()) {
            break false;
        }
        corrector.ascend(Ascent { volts: &volts, product, beta: product / before, iteration: iterations })?;
        before = product;
        iterations += 1;
    };
    Ok((Run { iterations, reached, descent_w: 0.0 }, corrector.finish(iterations)?))
}

impl Network {
    fn new(layout: &Layout, circuit: &Circuit, cells_s: &[Tile], coarse: Option<&Coarse>) -> Network {
        let (words, bits) = (&circuit.words, &circuit.bits);
        let of_side = |side: &Side| {
            let all = side.segment_s.iter().chain(&side.near_s).chain(&side.far_s);
            all.fold(0.0, |most: f64, s| most.max(*s))
        };
        let unit_s = power_of_two(largest(cells_s).max(of_side(words)).max(of_side(bits)));
        let links = |side: &Side| side.segment_s.iter().copied().chain([0.0]).collect::<Vec<f64>>();
        let lists = [&links(words), &links(bits), &words.near_s, &words.far_s, &bits.near_s, &bits.far_s];
        let wires = lists.into_iter().flatten().map(|s| (s / unit_s) as f32).collect();
        let mut hats = Vec::new();
        let mut widest_interval = 0;
        if let Some(Coarse { rows, cols, .. }) = coarse {
            for axis in [rows, cols] {
                let starts = axis.starts();
                widest_interval = starts.windows(2).map(|pair| pair[1] - pair[0]).fold(widest_interval, usize::max);
                hats.extend(starts.iter().map(|start| *start as u32));
            }
            hats.extend(rows.left.iter().chain(&cols.left).map(|left| *left as u32));
            hats.extend(rows.weight.iter().chain(&cols.weight).map(|weight| (*weight as f32).to_bits()));
        }
        Network {
            rows: layout.rows,
            cols: layout.cols,
            unit_s,
            cells: to_rows(layout, cells_s, |panel, block| layout.by_block(panel, block), 1.0 / unit_s),
            wires,
            coarse: coarse.map_or((0, 0), |coarse| (coarse.rows.nodes, coarse.cols.nodes)),
            hats,
            widest_interval,
        }
    }
}

/// The power of two at or below a number; 1 for 0.
fn power_of_two(value: f64) -> f64 {
    if value > 0.0 { value.log2().floor().exp2() } else { 1.0 }
}

fn largest(field: &[Tile]) -> f64 {
    let of_tile = |tile: &Tile| tile.as_flattened().iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    field.par_iter().map(of_tile).reduce(|| 0.0, f64::max)
}

/// A field row by row, times a factor.
fn to_rows(layout: &Layout, field: &[Tile], index: impl Fn(usize, usize) -> usize + Sync, factor: f64) -> Vec<f32> {
    let mut rows = vec![0.0; layout.rows * layout.cols];
    rows.par_chunks_mut(layout.cols).enumerate().for_each(|(row, out)| {
        for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
            let values = &field[index(row / LANES, block)][row % LANES];
            out.iter_mut().zip(values).for_each(|(out, value)| *out = (value * factor) as f32);
        }
    });
    rows
}

/// Steps times a factor: those of the word lines in panel order, those of the bit lines in block order.
fn from_rows(layout: &Layout, steps: &Steps, factor: f64) -> [Vec<Tile>; 2] {
    let [mut words, mut bits] = [layout.zeros(), layout.zeros()];
    let fill = |tile: &mut Tile, panel: usize, block: usize, drops: &[f32], reference: &dyn Fn(usize, usize) -> f32| {
        for (lane, out) in tile.iter_mut().enumerate().take(layout.rows_in(panel)) {
            let row = panel * LANES + lane;
            let from = row * layout.cols + block * COLUMNS;
            let values = drops[from..].iter().take(layout.cols_in(block)).enumerate();
            for (out, (at, drop)) in out.iter_mut().zip(values) {
                *out = (f64::from(reference(row, block * COLUMNS + at)) + f64::from(*drop)) * factor;
            }
        }
    };
    words.par_iter_mut().enumerate().for_each(|(number, tile)| {
        let (panel, block) = (number / layout.blocks, number % layout.blocks);
        fill(tile, panel, block, &steps.word_drops, &|row, _| steps.word_references[row]);
    });
    bits.par_iter_mut().enumerate().for_each(|(number, tile)| {
        let (panel, block) = (number % layout.panels, number / layout.panels);
        fill(tile, panel, block, &steps.bit_drops, &|_, col| steps.bit_references[col]);
    });
    [words, bits]
}

/// Product of two fields of one order, summed tile by tile in order.
fn dot(a: &[Tile], b: &[Tile]) -> f64 {
    let of_tile =
        |(a, b): (&Tile, &Tile)| -> f64 { a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| a * b).sum() };
    let sums: Vec<f64> = a.par_iter().zip(b).map(of_tile).collect();
    sums.iter().sum()
}
