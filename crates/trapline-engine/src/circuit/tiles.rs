//! How fields over the array lie in memory: in tiles of 8 rows x 16 columns, 1 KiB each.
//!
//! A kernel that walks along word lines takes a *panel* (8 rows) and writes fields in panel order; one that walks along
//! bit lines takes a *block* (16 columns) and writes fields in block order. Each reads fields of the other order tile
//! by tile. So every chunk that a thread writes is contiguous, and no walk leaves a page after 16 numbers. Tiles are
//! padded with zeros, which all kernels keep.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Rows of a panel.
pub(crate) const LANES: usize = 8;
/// Columns of a block.
pub(crate) const COLUMNS: usize = 16;
/// One number of each row of a panel.
pub(crate) type Lane = [f64; LANES];
/// One number of each column of a block.
pub(crate) type Row = [f64; COLUMNS];
/// A tile, row by row.
pub(crate) type Tile = [Row; LANES];

/// Nothing, for a field that is not there.
pub(crate) static ZERO: Tile = [[0.0; COLUMNS]; LANES];

/// Makes a function that is compiled for several instruction sets, of which the widest of this processor is taken. No
/// set contracts products and sums, so the bits are the same on all. References in its arguments have the lifetime
/// `'k`.
///
/// The arguments go through a structure because a closure is not always inlined where an instruction set is chosen.
macro_rules! widest {
    (
        $(#[$doc:meta])*
        $vis:vis fn $name:ident $(<$type:ident: $bound:path>)? ($($arg:ident: $kind:ty),* $(,)?) -> $out:ty $body:block
    ) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments, clippy::unused_unit)]
        $vis fn $name<'k $(, $type: $bound)?>($($arg: $kind),*) -> $out {
            struct Kernel<'k $(, $type)?>($($kind,)* std::marker::PhantomData<&'k ()>);
            impl<'k $(, $type: $bound)?> pulp::NullaryFnOnce for Kernel<'k $(, $type)?> {
                type Output = $out;
                #[inline(always)]
                fn call(self) -> $out {
                    let Kernel($($arg,)* _) = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Kernel($($arg,)* std::marker::PhantomData))
        }
    };
}
pub(crate) use widest;

/// The shape of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) panels: usize,
    pub(crate) blocks: usize,
}

impl Layout {
    pub(crate) fn new(rows: usize, cols: usize) -> Layout {
        Layout { rows, cols, panels: rows.div_ceil(LANES), blocks: cols.div_ceil(COLUMNS) }
    }

    /// Tiles of a field.
    pub(crate) fn tiles(&self) -> usize {
        self.panels * self.blocks
    }

    /// A field of zeros.
    pub(crate) fn zeros(&self) -> Vec<Tile> {
        vec![ZERO; self.tiles()]
    }

    /// Index of a tile in panel order.
    #[inline(always)]
    pub(crate) fn by_panel(&self, panel: usize, block: usize) -> usize {
        panel * self.blocks + block
    }

    /// Index of a tile in block order.
    #[inline(always)]
    pub(crate) fn by_block(&self, panel: usize, block: usize) -> usize {
        block * self.panels + panel
    }

    /// Rows of a panel that are rows of the array.
    #[inline(always)]
    pub(crate) fn rows_in(&self, panel: usize) -> usize {
        LANES.min(self.rows - panel * LANES)
    }

    /// Columns of a block that are columns of the array.
    #[inline(always)]
    pub(crate) fn cols_in(&self, block: usize) -> usize {
        COLUMNS.min(self.cols - block * COLUMNS)
    }

    /// A field in block order from an array of this shape; `transposed` says that the array's rows are this layout's
    /// columns. Cells of lines that are not `live` become 0.
    pub(crate) fn load(
        &self,
        array: ArrayView2<'_, f64>,
        transposed: bool,
        live_rows: &[bool],
        live_cols: &[bool],
    ) -> Vec<Tile> {
        let view = if transposed { array.reversed_axes() } else { array };
        let mut field = self.zeros();
        field.par_chunks_mut(self.panels).enumerate().for_each(|(block, tiles)| {
            for (row, live) in live_rows.iter().enumerate() {
                let out = &mut tiles[row / LANES][row % LANES];
                for (at, out) in (block * COLUMNS..self.cols).zip(out) {
                    if *live && live_cols[at] {
                        *out = view[[row, at]];
                    }
                }
            }
        });
        field
    }

    /// An array in the caller's orientation, from what is written into each row of each tile: by row, block, and the
    /// columns of the block that are columns of the array.
    pub(crate) fn store(&self, transposed: bool, write: impl Fn(usize, usize, &mut [f64]) + Sync) -> Array2<f64> {
        let mut array = Array2::zeros((self.rows, self.cols));
        let lines = array.as_slice_mut().unwrap_or_default().par_chunks_mut(self.cols);
        lines.enumerate().for_each(|(row, line)| {
            line.chunks_mut(COLUMNS).enumerate().for_each(|(block, out)| write(row, block, out));
        });
        if transposed { array.reversed_axes().as_standard_layout().into_owned() } else { array }
    }
}

/// `(a + b)` as a rounded sum and what the rounding lost (D. E. Knuth, The Art of Computer Programming, vol. 2, 4.2.2).
#[inline(always)]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_seen = sum - a;
    (sum, (a - (sum - b_seen)) + (b - b_seen))
}
