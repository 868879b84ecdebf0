//! MNIST as it is distributed: four IDX files in a folder, gzipped or not.
//!
//! IDX, after the page the files were published on (<http://yann.lecun.com/exdb/mnist/>): a magic number of four bytes
//! (two zeros, the type of the data, 8 for unsigned bytes, and the number of dimensions), the size of each dimension as
//! a big-endian 32-bit number, and the data with the last dimension fastest. Whether a file is gzipped is seen in its
//! first bytes, not in its name.
//!
//! Nothing is allocated on the word of a header: memory grows with the bytes that are really there.

use super::MnistError;
use flate2::read::MultiGzDecoder;
use ndarray::{Array2, s};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use trapline_model::files;

/// Rows and columns of a digit.
pub const SIDE: usize = 28;
/// Pixels of a digit.
pub const PIXELS: usize = SIDE * SIDE;
/// Digits there are, and largest label plus one.
pub const DIGITS: usize = 10;
/// Most images a file may hold: a bound on memory (0.8 GB), seventeen times what MNIST holds.
pub const MAX_IMAGES: u32 = 1 << 20;

/// Where MNIST comes from, in one line.
pub const WHERE_FROM: &str = "MNIST (LeCun, Cortes, Burges) is four files, \
    {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz, at https://ossci-datasets.s3.amazonaws.com/mnist/ \
    (first published at http://yann.lecun.com/exdb/mnist/)";

/// Images and what they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// Axes (image, pixel), row by row from the top left; 0 is background, 255 ink.
    pub images: Array2<u8>,
    /// One digit, 0 to 9, for each image.
    pub labels: Vec<u8>,
}

impl Digits {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Both sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mnist {
    /// 60,000 digits as published.
    pub train: Digits,
    /// 10,000 digits as published.
    pub test: Digits,
}

impl Mnist {
    /// The last `count` training digits in place of the test set, and the training set without them: to choose
    /// numbers by.
    ///
    /// # Errors
    /// [`MnistError::Value`] where nothing would be left to train with, or to test.
    pub fn holding_out(&self, count: usize) -> Result<Mnist, MnistError> {
        let all = self.train.len();
        if count == 0 || count >= all {
            return Err(MnistError::value(
                "the number of digits held out",
                count,
                format!("1 to {}", all.saturating_sub(1)),
            ));
        }
        let part = |range: std::ops::Range<usize>| Digits {
            images: self.train.images.slice(s![range.clone(), ..]).to_owned(),
            labels: self.train.labels[range].to_vec(),
        };
        Ok(Mnist { train: part(0..all - count), test: part(all - count..all) })
    }
}

/// Why MNIST could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    #[error("there is no {name} nor {name}.gz in {}; {WHERE_FROM}", folder.display())]
    Missing { folder: PathBuf, name: String },

    #[error("cannot read {}: {reason}; {WHERE_FROM}", path.display())]
    Unreadable { path: PathBuf, reason: String },

    #[error("{}: {what} is {found}, and must be {expected}; {WHERE_FROM}", path.display())]
    Wrong { path: PathBuf, what: String, found: String, expected: String },
}

impl IdxError {
    fn wrong(path: &Path, what: impl Into<String>, found: impl ToString, expected: impl ToString) -> IdxError {
        IdxError::Wrong {
            path: path.to_owned(),
            what: what.into(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}

/// Reads the four files of MNIST from a folder.
///
/// Names are those of the distribution (`train-images-idx3-ubyte`, with or without `.gz`; `train-images.idx3-ubyte`
/// will do).
///
/// # Errors
/// [`IdxError`] if a file is missing, unreadable, not IDX of the right type and sizes, too short or too long, if a
/// label exceeds 9, or if images and labels are not equally many.
pub fn load(folder: &Path) -> Result<Mnist, IdxError> {
    Ok(Mnist { train: digits(folder, "train")?, test: digits(folder, "t10k")? })
}

fn digits(folder: &Path, set: &str) -> Result<Digits, IdxError> {
    let image_path = find(folder, set, "images", "idx3")?;
    let label_path = find(folder, set, "labels", "idx1")?;
    let (count, pixels) = read(&image_path, &[SIDE as u32, SIDE as u32])?;
    let (label_count, labels) = read(&label_path, &[])?;
    if label_count != count {
        let expected = format!("{count}, as many as the images of {}", image_path.display());
        return Err(IdxError::wrong(&label_path, "the number of labels", label_count, expected));
    }
    if let Some(at) = labels.iter().position(|&label| usize::from(label) >= DIGITS) {
        return Err(IdxError::wrong(&label_path, format!("label {at}"), labels[at], "0 to 9"));
    }
    let images = Array2::from_shape_vec((count, PIXELS), pixels)
        .map_err(|e| IdxError::Unreadable { path: image_path, reason: e.to_string() })?;
    Ok(Digits { images, labels })
}

/// The first of a file's usual names that the folder has.
fn find(folder: &Path, set: &str, what: &str, idx: &str) -> Result<PathBuf, IdxError> {
    let name = format!("{set}-{what}-{idx}-ubyte");
    let dotted = format!("{set}-{what}.{idx}-ubyte");
    let names = [&name, &dotted].map(|n| [n.clone(), format!("{n}.gz")]);
    let found = names.into_iter().flatten().map(|n| folder.join(n)).find(|path| path.is_file());
    found.ok_or_else(|| IdxError::Missing { folder: folder.to_owned(), name })
}

/// Number of items and their bytes; `item` is the size of each dimension of one item.
fn read(path: &Path, item: &[u32]) -> Result<(usize, Vec<u8>), IdxError> {
    let mut source = open(path).map_err(|e| unreadable(path, &e))?;
    let mut word = |what: &str| -> Result<u32, IdxError> {
        let mut bytes = Vec::with_capacity(4);
        source.by_ref().take(4).read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
        let four = <[u8; 4]>::try_from(bytes.as_slice());
        four.map(u32::from_be_bytes).map_err(|_| IdxError::wrong(path, what, "cut short", "four bytes"))
    };
    let magic = word("the magic number")?;
    let expected_magic = 0x0800 + 1 + item.len() as u32;
    if magic != expected_magic {
        let found = format!("{magic:#010x}{}", guess(magic));
        let expected = format!("{expected_magic:#010x} (IDX, unsigned bytes, {} dimensions)", 1 + item.len());
        return Err(IdxError::wrong(path, "the magic number", found, expected));
    }
    let count = word("the number of items")?;
    if count == 0 || count > MAX_IMAGES {
        return Err(IdxError::wrong(path, "the number of items", count, format!("1 to {MAX_IMAGES}")));
    }
    for (axis, &size) in item.iter().enumerate() {
        let name = format!("the size of dimension {}", axis + 1);
        let found = word(&name)?;
        if found != size {
            return Err(IdxError::wrong(path, name, found, size));
        }
    }
    let bytes = u64::from(count) * item.iter().map(|&size| u64::from(size)).product::<u64>();
    let mut data = Vec::new();
    // One byte more than there should be shows a file that goes on.
    source.take(bytes + 1).read_to_end(&mut data).map_err(|e| unreadable(path, &e))?;
    let found = data.len() as u64;
    if found != bytes {
        let found = if found < bytes { format!("{found} bytes") } else { format!("more than {bytes} bytes") };
        return Err(IdxError::wrong(path, "the data after the header", found, format!("{bytes} bytes")));
    }
    Ok((count as usize, data))
}

/// The file's content, unpacked where it begins as gzip does.
fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut start = Vec::with_capacity(2);
    let mut file = files::open(path)?;
    file.by_ref().take(2).read_to_end(&mut start)?;
    let gzipped = start == [0x1f, 0x8b];
    let whole = io::Cursor::new(start).chain(BufReader::new(file));
    Ok(if gzipped { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

fn unreadable(path: &Path, error: &io::Error) -> IdxError {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the gzip stream ends too early (a download that broke off?)".to_owned(),
        _ => error.to_string(),
    };
    IdxError::Unreadable { path: path.to_owned(), reason }
}

/// What a wrong magic number suggests.
fn guess(magic: u32) -> &'static str {
    match magic {
        0x0801 => " (labels)",
        0x0803 => " (images)",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
