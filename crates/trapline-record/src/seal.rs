//! A checksum over the whole file, after its end.
//!
//! HDF5 1.8's format checks its object headers, and the format adds checksums to the arrays of results, but the heap
//! that holds variable-length text has none: with one wrong bit there, HDF5 1.10.8 walks the heap for ever. So the
//! library is not given a file before its bytes are known to be the ones that were written.
//!
//! The seal is 20 bytes behind HDF5's last byte, where the library never looks: `trapline`, the number of bytes
//! before the seal (u64) and their CRC-32 (u32), both little-endian. A program that changes the file through HDF5
//! cuts the seal off; an unsealed file is read where the caller trusts it ([`Trust`](super::Trust)), since sealing is
//! a promise of this program and not of HDF5. The seal detects accidents, not attacks: whoever forges it can make
//! HDF5 read any file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use trapline_model::files;

const MAGIC: &[u8; 8] = b"trapline";
const LENGTH: u64 = 20;

/// The state of a file's seal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seal {
    Intact,
    /// No seal: another program changed the file, or its end is missing.
    Absent,
    /// The bytes are not those that were written.
    Broken {
        written: u32,
        found: u32,
    },
}

/// Appends the seal to a finished file.
pub(super) fn close(path: &Path) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let sum = checksum(&mut file, length)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(MAGIC)?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(&sum.to_le_bytes())
}

/// The checksum that a file's seal states; `None` where it has no seal.
pub(super) fn stated(path: &Path) -> io::Result<Option<u32>> {
    let mut file = files::open(path)?;
    let length = file.metadata()?.len();
    stated_in(&mut file, length)
}

fn stated_in(file: &mut File, length: u64) -> io::Result<Option<u32>> {
    let Some(before) = length.checked_sub(LENGTH) else {
        return Ok(None);
    };
    let mut seal = [0_u8; LENGTH as usize];
    file.seek(SeekFrom::Start(before))?;
    file.read_exact(&mut seal)?;
    let mut sealed = [0_u8; 8];
    sealed.copy_from_slice(&seal[8..16]);
    if seal[..8] != *MAGIC || u64::from_le_bytes(sealed) != before {
        return Ok(None);
    }
    let mut sum = [0_u8; 4];
    sum.copy_from_slice(&seal[16..]);
    Ok(Some(u32::from_le_bytes(sum)))
}

/// Compares a file with its seal.
pub(super) fn check(file: &mut File) -> io::Result<Seal> {
    let length = file.metadata()?.len();
    let Some(written) = stated_in(file, length)? else {
        return Ok(Seal::Absent);
    };
    let before = length - LENGTH;
    let found = checksum(file, before)?;
    Ok(if written == found { Seal::Intact } else { Seal::Broken { written, found } })
}

/// Whether a program has the file open for writing, or had when it ended: HDF5's mark of that in the superblock,
/// versions 2 and 3 (HDF5 File Format Specification 3.0, II.A). Sealed files have none.
pub(super) fn is_marked_open(file: &mut File) -> io::Result<bool> {
    let mut start = [0_u8; 12];
    file.seek(SeekFrom::Start(0))?;
    match file.read_exact(&mut start) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| matches!(start[8], 2 | 3) && start[11] & 0b101 != 0),
    }
}

fn checksum(file: &mut File, length: u64) -> io::Result<u32> {
    file.seek(SeekFrom::Start(0))?;
    let mut rest = file.take(length);
    let mut sum = crc32fast::Hasher::new();
    let mut block = vec![0_u8; 1 << 20];
    loop {
        match rest.read(&mut block)? {
            0 => return Ok(sum.finalize()),
            n => sum.update(&block[..n]),
        }
    }
}
