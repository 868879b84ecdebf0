//! Made-up folders, whole and broken; and the real data where it is.

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

fn header(dimensions: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    dimensions.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes
}

/// `count` images whose pixels count on from image to image.
fn images(count: u32) -> Vec<u8> {
    let mut bytes = header(&[count, 28, 28]);
    bytes.extend((0..count as usize * PIXELS).map(|i| (i % 251) as u8));
    bytes
}

fn labels(labels: &[u8]) -> Vec<u8> {
    [header(&[labels.len() as u32]), labels.to_vec()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn files() -> [Vec<u8>; 4] {
    [images(3), labels(&[5, 0, 9]), images(2), labels(&[7, 2])]
}

fn folder(files: &[Vec<u8>; 4], rename: impl Fn(&str) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in NAMES.iter().zip(files) {
        std::fs::write(folder.path().join(rename(name)), bytes).unwrap();
    }
    folder
}

/// The error of a folder whose file number `which` is replaced, on one line and with the way out.
fn error_with(which: usize, bytes: Vec<u8>) -> String {
    let mut broken = files();
    broken[which] = bytes;
    let folder = folder(&broken, str::to_owned);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(!error.contains('\n') && error.contains("https://"), "{error}");
    assert!(error.contains(NAMES[which]), "{error}");
    error
}

#[test]
fn the_four_files_are_read_plain_gzipped_and_dotted() {
    let plain = load(folder(&files(), str::to_owned).path()).unwrap();
    assert_eq!((plain.train.len(), plain.test.len(), plain.test.is_empty()), (3, 2, false));
    assert_eq!((plain.train.labels.as_slice(), plain.test.labels.as_slice()), (&[5, 0, 9][..], &[7, 2][..]));
    assert_eq!(plain.train.images.dim(), (3, 784));
    assert_eq!(plain.train.images[[1, 2]], ((784 + 2) % 251) as u8);
    let packed = files().map(|bytes| gzip(&bytes));
    assert_eq!(load(folder(&packed, |name| format!("{name}.gz")).path()).unwrap(), plain);
    assert_eq!(load(folder(&packed, str::to_owned).path()).unwrap(), plain);
    let dotted = |name: &str| name.replace("-idx", ".idx");
    assert_eq!(load(folder(&files(), dotted).path()).unwrap(), plain);
    assert_eq!(load(folder(&packed, |name| format!("{}.gz", dotted(name))).path()).unwrap(), plain);
}

#[test]
fn a_missing_file_is_named() {
    let all = folder(&files(), str::to_owned);
    std::fs::remove_file(all.path().join(NAMES[3])).unwrap();
    let error = load(all.path()).unwrap_err();
    assert!(matches!(&error, IdxError::Missing { name, .. } if name == NAMES[3]), "{error}");
    let line = error.to_string();
    assert!(line.contains("t10k-labels-idx1-ubyte.gz") && line.contains("https://") && !line.contains('\n'), "{line}");
    assert!(matches!(load(&all.path().join("nowhere")), Err(IdxError::Missing { .. })));
}

#[test]
fn a_wrong_header_is_found() {
    let other = error_with(0, labels(&[1]));
    assert!(other.contains("0x00000801 (labels)") && other.contains("0x00000803"), "{other}");
    let text = error_with(1, b"<html>not found</html>".to_vec());
    assert!(text.contains("magic number is 0x3c68746d"), "{text}");
    let wide = [header(&[1, 28, 29]), vec![0; 28 * 29]].concat();
    let size = error_with(2, wide);
    assert!(size.contains("dimension 2 is 29, and must be 28"), "{size}");
    let none = error_with(1, labels(&[]));
    assert!(none.contains("items is 0, and must be 1 to 1048576"), "{none}");
    assert!(error_with(0, Vec::new()).contains("magic number is cut short"));
    assert!(error_with(0, images(1)[..11].to_vec()).contains("dimension 1 is cut short"));
}

#[test]
fn an_absurd_header_allocates_nothing() {
    let absurd = error_with(0, header(&[u32::MAX, 28, 28]));
    assert!(absurd.contains("4294967295"), "{absurd}");
    // Within bounds, and 0.8 GB: read as far as the file goes.
    let empty = error_with(0, header(&[MAX_IMAGES, 28, 28]));
    assert!(empty.contains("is 0 bytes, and must be 822083584 bytes"), "{empty}");
}

#[test]
fn a_file_cut_short_or_too_long_is_found() {
    let whole = images(3);
    let short = error_with(0, whole[..whole.len() - 1].to_vec());
    assert!(short.contains("is 2351 bytes, and must be 2352 bytes"), "{short}");
    let long = error_with(0, [whole.clone(), vec![0]].concat());
    assert!(long.contains("more than 2352 bytes, and must be 2352 bytes"), "{long}");
    let packed = gzip(&whole);
    let broken_off = error_with(0, packed[..packed.len() / 2].to_vec());
    assert!(broken_off.contains("ends too early"), "{broken_off}");
    let mut damaged = packed;
    let crc = damaged.len() - 6;
    damaged[crc] ^= 1;
    assert!(error_with(0, damaged).contains("cannot read"));
}

#[test]
fn labels_are_digits_and_as_many_as_images() {
    let eleven = error_with(3, labels(&[7, 10]));
    assert!(eleven.contains("label 1 is 10, and must be 0 to 9"), "{eleven}");
    let fewer = error_with(1, labels(&[1, 2]));
    assert!(fewer.contains("number of labels is 2, and must be 3") && fewer.contains(NAMES[0]), "{fewer}");
}

#[test]
#[ignore = "needs TRAPLINE_MNIST_DIR with the four files of MNIST"]
fn the_real_data_is_what_was_published() {
    let folder = std::env::var_os("TRAPLINE_MNIST_DIR").expect("TRAPLINE_MNIST_DIR names the folder of MNIST");
    let mnist = load(Path::new(&folder)).unwrap();
    assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
    assert_eq!(mnist.train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(mnist.test.labels[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    let mut counts = [0; DIGITS];
    mnist.train.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    // As listed in every description of the set.
    assert_eq!(counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    // Mean ink 0.1307, the number everybody normalises with.
    let ink: u64 = mnist.train.images.iter().map(|&pixel| u64::from(pixel)).sum();
    assert!((ink as f64 / (255.0 * 60_000.0 * PIXELS as f64) - 0.1307).abs() < 5e-5);
}
