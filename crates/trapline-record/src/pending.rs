//! Values of points on their way into a dataset: gathered over consecutive points, written in few large pieces.
//!
//! A call of HDF5 costs as much for one number as for a thousand, and a point has some sixty datasets.

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, H5Type, Hyperslab, SliceOrIndex};
use ndarray::ArrayViewD;

use super::texts;

/// Bytes gathered for a dataset before they are written.
const ENOUGH: usize = 1 << 20;

/// Values of one dataset that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Number of the first point that is gathered, and of the one after the last.
    points: std::ops::Range<usize>,
    values: Values,
}

/// Waiting values by the type of the dataset.
#[derive(Debug, Default)]
pub(super) enum Values {
    #[default]
    None,
    Bytes(Vec<u8>),
    Whole(Vec<u64>),
    Real(Vec<f64>),
    Cells(Vec<f32>),
    /// Of every point of the dataset: texts are written at once.
    Texts(Vec<VarLenUnicode>),
}

/// A type of value that a dataset of points may hold.
pub(super) trait Stored: H5Type + Clone {
    /// The list of this type; none where the dataset is of another.
    fn list(values: &mut Values) -> Option<&mut Vec<Self>>;
}

macro_rules! stored {
    ($type:ty, $variant:ident) => {
        impl Stored for $type {
            fn list(values: &mut Values) -> Option<&mut Vec<Self>> {
                if matches!(values, Values::None) {
                    *values = Values::$variant(Vec::new());
                }
                match values {
                    Values::$variant(list) => Some(list),
                    _ => None,
                }
            }
        }
    };
}

stored!(u8, Bytes);
stored!(u64, Whole);
stored!(f64, Real);
stored!(f32, Cells);

impl Pending {
    /// Takes the values of a point; `axes` are the lengths of the axes of the points.
    pub(super) fn put<T: Stored>(
        &mut self,
        dataset: &Dataset,
        axes: &[usize],
        point: usize,
        values: ArrayViewD<'_, T>,
    ) -> hdf5::Result<()> {
        let full = self.points.len() * values.len() * size_of::<T>() >= ENOUGH;
        if point != self.points.end || full {
            self.write(dataset, axes)?;
            self.points = point..point;
        }
        let list = T::list(&mut self.values).ok_or_else(|| hdf5::Error::from("values of two types"))?;
        match values.as_slice() {
            Some(run) => list.extend_from_slice(run),
            None => list.extend(values.iter().cloned()),
        }
        self.points.end += 1;
        Ok(())
    }

    /// Adds the text of one point; `points` is the number of all points.
    pub(super) fn put_text(&mut self, points: usize, point: usize, text: VarLenUnicode) {
        if matches!(self.values, Values::None) {
            self.values = Values::Texts(vec![VarLenUnicode::default(); points]);
        }
        if let Values::Texts(all) = &mut self.values
            && let Some(place) = all.get_mut(point)
        {
            *place = text;
        }
    }

    /// Writes what was gathered.
    pub(super) fn write(&mut self, dataset: &Dataset, axes: &[usize]) -> hdf5::Result<()> {
        let points = std::mem::take(&mut self.points);
        match &mut self.values {
            Values::None => Ok(()),
            Values::Bytes(list) => write(dataset, axes, points, list),
            Values::Whole(list) => write(dataset, axes, points, list),
            Values::Real(list) => write(dataset, axes, points, list),
            Values::Cells(list) => write(dataset, axes, points, list),
            Values::Texts(all) => texts::write(dataset, all),
        }
    }
}

/// Writes the values of consecutive points and empties the list.
fn write<T: H5Type>(
    dataset: &Dataset,
    axes: &[usize],
    points: std::ops::Range<usize>,
    list: &mut Vec<T>,
) -> hdf5::Result<()> {
    let values = std::mem::take(list);
    let shape = dataset.shape();
    let inner = &shape[axes.len().min(shape.len())..];
    let mut rest = values.as_slice();
    for block in blocks(axes, points) {
        let ranges = block.into_iter().chain(inner.iter().map(|&n| 0..n));
        let lengths: Vec<usize> = ranges.clone().map(|range| range.len()).collect();
        let Some((these, after)) = rest.split_at_checked(lengths.iter().product()) else {
            return Err(hdf5::Error::from("fewer values than points"));
        };
        let slab = Hyperslab::from(ranges.map(SliceOrIndex::from).collect::<Vec<_>>());
        let view = ArrayViewD::from_shape(lengths, these).map_err(|e| hdf5::Error::from(e.to_string()))?;
        dataset.write_slice(view, slab)?;
        rest = after;
    }
    Ok(())
}

/// Consecutive places of an array, in the order of memory, as few rectangular blocks in the same order.
pub(super) fn blocks(shape: &[usize], places: std::ops::Range<usize>) -> Vec<Vec<std::ops::Range<usize>>> {
    let Some((&length, rest)) = shape.split_first() else {
        return if places.is_empty() { Vec::new() } else { vec![Vec::new()] };
    };
    let inner: usize = rest.iter().product();
    if places.is_empty() || inner == 0 {
        return Vec::new();
    }
    let within = |row: usize, places: std::ops::Range<usize>| {
        let inside = places.start - row * inner..places.end - row * inner;
        let head = std::iter::once(row..row + 1);
        blocks(rest, inside).into_iter().map(move |block| head.clone().chain(block).collect::<Vec<_>>())
    };
    let (first, last) = (places.start / inner, (places.end - 1) / inner);
    debug_assert!(last < length);
    if first == last && (places.start != first * inner || places.end != (first + 1) * inner) {
        return within(first, places).collect();
    }
    let mut ranges = Vec::new();
    let whole_from = places.start.div_ceil(inner);
    let whole_to = places.end / inner;
    if places.start < whole_from * inner {
        ranges.extend(within(first, places.start..whole_from * inner));
    }
    if whole_from < whole_to {
        ranges.push(std::iter::once(whole_from..whole_to).chain(rest.iter().map(|&n| 0..n)).collect());
    }
    if whole_to * inner < places.end {
        ranges.extend(within(last, whole_to * inner..places.end));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::blocks;

    /// Every run of places of some arrays: the blocks, one after the other, hold exactly its places, in order.
    #[test]
    fn blocks_hold_the_places_in_order() {
        for shape in [vec![7], vec![3, 4], vec![1, 5, 1], vec![2, 3, 4], vec![2, 1, 3, 2]] {
            let all: usize = shape.iter().product();
            for (start, end) in (0..=all).flat_map(|a| (a..=all).map(move |b| (a, b))) {
                let all_blocks = blocks(&shape, start..end);
                let mut places = Vec::new();
                for block in &all_blocks {
                    let mut inside = vec![0];
                    for (range, &length) in block.iter().zip(&shape) {
                        inside =
                            inside.iter().flat_map(|p| range.clone().map(move |i| p * length + i)).collect::<Vec<_>>();
                    }
                    places.extend(inside);
                }
                assert_eq!(places, (start..end).collect::<Vec<_>>(), "{shape:?} {start} {end}");
                assert!(all_blocks.len() <= 2 * shape.len(), "{shape:?} {start} {end}: {all_blocks:?}");
            }
        }
    }
}
