//! The few HDF5 operations the format needs, with every error turned into a [`RecordError`].

use std::ffi::CString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use hdf5::file::{FileCloseDegree, LibraryVersion};
#[cfg(unix)]
use hdf5::h5call;
use hdf5::types::{FixedAscii, VarLenUnicode};
use hdf5::{H5Type, Location};
use hdf5_sys::h5a::H5Aexists;
use hdf5_sys::h5t::{H5T_str_t, H5Tset_strpad};
#[cfg(unix)]
use hdf5_sys::{h5f::H5Fget_vfd_handle, h5p::H5P_DEFAULT};
use ndarray::ArrayView1;

use super::contents::{Contents, Refusal, Unfit};
use super::error::{RecordError, flatten, is_left_open, system_error};
use super::input::Input;
use super::layout::{CAMPAIGN_FILE_TYPE, UNFINISHED_FILE_TYPE};
use super::linked;
use super::seal::{self, Seal};
use trapline_model::files;
use trapline_model::files::commit::{CommitError, TOO_LARGE};

const DAMAGED: &str = "the file is damaged: restore it or compute it again";
const NO_SEAL: &str = "it has no seal at its end, so it was cut short or changed: restore it or compute it again";
const CHECK_DISK: &str = "check the free space and the disk";

/// For files of many pieces: HDF5's own choice.
pub(crate) const MANY_PIECES: u32 = 32;
/// For files of a few: a point's.
pub(crate) const FEW_PIECES: u32 = 1;

/// Attaches the file and the operation to an HDF5 error.
pub(crate) trait Explain<T> {
    fn writing(self, path: &Path, doing: &str) -> Result<T, RecordError>;
    fn reading(self, path: &Path, doing: &str) -> Result<T, RecordError>;
}

impl<T> Explain<T> for hdf5::Result<T> {
    fn writing(self, path: &Path, doing: &str) -> Result<T, RecordError> {
        self.map_err(|e| {
            let refused = explain(path, doing, &e, CHECK_DISK);
            match refused {
                RecordError::Hdf5 { path, doing, detail, .. } if is_too_large(&detail) => {
                    RecordError::Hdf5 { path, doing, detail, remedy: TOO_LARGE }
                }
                other => other,
            }
        })
    }

    fn reading(self, path: &Path, doing: &str) -> Result<T, RecordError> {
        self.map_err(|e| reading(path, doing, &e))
    }
}

/// Why a file could not be read: the system's reason where HDF5 hands one on, a file left open, or damage.
fn reading(path: &Path, doing: &str, error: &hdf5::Error) -> RecordError {
    if let Some(source) = system_error(error) {
        return RecordError::Unreadable { path: path.to_owned(), source };
    }
    if is_left_open(error) {
        return RecordError::LeftOpen { path: path.to_owned() };
    }
    explain(path, doing, error, DAMAGED)
}

/// Whether the error says that the file may not grow further (`EFBIG`); HDF5 passes the system's error on as text only.
fn is_too_large(detail: &str) -> bool {
    #[cfg(unix)]
    {
        let system = io::Error::from(rustix::io::Errno::FBIG).to_string();
        system.starts_with(detail)
    }
    #[cfg(not(unix))]
    {
        let _ = detail;
        false
    }
}

fn explain(path: &Path, doing: &str, error: &hdf5::Error, remedy: &'static str) -> RecordError {
    RecordError::Hdf5 { path: path.to_owned(), doing: doing.to_owned(), detail: flatten(error), remedy }
}

/// Creates a file in the 1.8 format, whatever the library would choose.
///
/// That format carries checksums on its metadata (the default of HDF5 1.10 does not), every library since 2008 reads
/// it, and a file whose writer was killed still opens. `shown` is the path that errors name.
///
/// `pieces_of_a_node` is half the number of pieces of a dataset that one node of their index holds: HDF5 reserves
/// room for all of them, 3 KiB a dataset with its own choice.
///
/// Virtual datasets are of the 1.10 format; a file `newer` than 1.8's has each object in the oldest format that can
/// hold it.
pub(crate) fn create(
    temporary: &Path,
    shown: &Path,
    pieces_of_a_node: u32,
    newer: bool,
) -> Result<hdf5::File, RecordError> {
    let newest = if newer { LibraryVersion::V110 } else { LibraryVersion::V18 };
    let file = hdf5::File::with_options()
        .with_fapl(|access| {
            access
                .libver_bounds(LibraryVersion::V18, newest)
                // Closing with a dataset still open is then an error, not a file left open.
                .fclose_degree(FileCloseDegree::Semi)
        })
        .with_fcpl(|creation| creation.istore_k(pieces_of_a_node))
        .create(temporary)
        .writing(shown, "create the file")?;
    keep_from_children(&file);
    Ok(file)
}

/// A program that is started while the file is open does not inherit it: with it, it would hold the file's lock for
/// as long as it runs.
fn keep_from_children(file: &hdf5::File) {
    #[cfg(unix)]
    {
        use std::os::fd::BorrowedFd;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the file is open, and the handle is written before it is read; of the driver that `create` and
        // `open` use it is a descriptor, open as long as the file is.
        let descriptor = unsafe {
            match h5call!(H5Fget_vfd_handle(file.id(), H5P_DEFAULT, &raw mut handle)) {
                Ok(_) if !handle.is_null() => BorrowedFd::borrow_raw(*handle.cast::<std::ffi::c_int>()),
                _ => return,
            }
        };
        let _ = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC);
    }
    #[cfg(not(unix))]
    let _ = file;
}

/// Whether a file that has no seal may be read.
///
/// What a sealed file holds is what was written. Without a seal it may be anything, and HDF5 is no judge of that: on
/// damaged files it runs for ever, or ends the program. Such a file is for a process that may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Only sealed files are read.
    #[default]
    Sealed,
    /// Unsealed ones too: at the caller's risk.
    Unsealed,
}

/// Whether a file has its seal. HDF5 does not see it.
///
/// # Errors
/// [`RecordError`] for a file that cannot be read, is not HDF5, or is not as it was sealed.
pub fn is_sealed(path: &Path) -> Result<bool, RecordError> {
    let unreadable = |source| RecordError::Unreadable { path: path.to_owned(), source };
    let not_hdf5 = |reason: &str| Err(RecordError::NotHdf5 { path: path.to_owned(), reason: reason.to_owned() });
    let mut file = files::open(path).map_err(unreadable)?;
    let mut start = [0_u8; 8];
    if let Err(e) = file.read_exact(&mut start) {
        return match e.kind() {
            io::ErrorKind::UnexpectedEof => not_hdf5("it is shorter than 8 bytes"),
            _ => Err(unreadable(e)),
        };
    }
    if start != *b"\x89HDF\r\n\x1a\n" {
        return not_hdf5("it does not begin with the HDF5 signature");
    }
    if path.to_str().is_none() {
        return Err(RecordError::Name { path: path.to_owned() });
    }
    match seal::check(&mut file).map_err(unreadable)? {
        Seal::Intact => Ok(true),
        _ if seal::is_marked_open(&mut file).map_err(unreadable)? => {
            Err(RecordError::LeftOpen { path: path.to_owned() })
        }
        Seal::Absent => Ok(false),
        Seal::Broken { written, found } => {
            let (found, limit) = (format!("{found:08x}"), format!("{written:08x} as sealed"));
            Err(RecordError::damaged(path, "the checksum of the file", found, limit))
        }
    }
}

/// A file that is open for reading, and the names it holds.
pub(crate) struct Source {
    pub(crate) file: hdf5::File,
    pub(crate) path: PathBuf,
    pub(super) contents: Contents,
    /// Files that the virtual datasets of a campaign may lead to, as it names them, and their bytes together.
    pub(super) sources: Vec<String>,
    pub(super) source_bytes: u64,
    sealed: bool,
}

/// Opens a file for reading; what is not HDF5 is refused before the library sees it, and so is a file without its
/// seal unless it is trusted.
pub(crate) fn open(path: &Path, trust: Trust) -> Result<Source, RecordError> {
    let sealed = is_sealed(path)?;
    if !sealed {
        if trust == Trust::Sealed {
            return Err(RecordError::Unsealed { path: path.to_owned() });
        }
        let path = path.display();
        tracing::warn!("{path}: no seal at the end of the file: it was cut short, or another program changed it");
    }
    blame(sealed, listed(path, sealed))
}

/// Opens any program's file, which needs no seal. One that has a seal must be as it was sealed.
pub(crate) fn open_any(path: &Path) -> Result<Source, RecordError> {
    is_sealed(path)?;
    let mut source = listed(path, true)?;
    // Whatever it says it is, it leads nowhere.
    (source.sources, source.source_bytes) = (Vec::new(), 0);
    Ok(source)
}

/// Opens a file again that [`open`] has opened: its checksum is over all of it, and is not taken twice.
pub(crate) fn open_again(path: &Path) -> Result<Source, RecordError> {
    listed(path, true)
}

/// How long a lock on a file is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Opens a file. A lock on it may be one of a moment: a process that another thread begins holds the locks of all files
/// that are open, until it has become its program.
fn opened(path: &Path) -> hdf5::Result<hdf5::File> {
    let start = Instant::now();
    loop {
        match hdf5::File::open(path) {
            Err(error) if is_locked(&error) && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn is_locked(error: &hdf5::Error) -> bool {
    system_error(error).is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn listed(path: &Path, sealed: bool) -> Result<Source, RecordError> {
    let file = opened(path).reading(path, "open the file")?;
    keep_from_children(&file);
    let contents = Contents::default();
    let mut source = Source { file, path: path.to_owned(), contents, sources: Vec::new(), source_bytes: 0, sealed };
    let kind = source.input().text_if("file_type")?;
    let links_to_points = kind.as_deref() == Some(UNFINISHED_FILE_TYPE);
    source.contents = Contents::of(&source.file, links_to_points).map_err(|unfit| unfit.of(path, "list the file"))?;
    if kind.as_deref() == Some(CAMPAIGN_FILE_TYPE) {
        (source.sources, source.source_bytes) = linked::sources(&source.input())?;
    }
    Ok(source)
}

impl Source {
    pub(crate) fn input(&self) -> Input<'_> {
        Input::new(self)
    }

    /// Reads something of the file. Where it has no seal and that fails, this is the likely reason.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Input<'_>) -> Result<T, RecordError>) -> Result<T, RecordError> {
        blame(self.sealed, read(&self.input()))
    }
}

/// Replaces an error of reading by one that names the missing seal, where the file has none.
fn blame<T>(sealed: bool, read: Result<T, RecordError>) -> Result<T, RecordError> {
    read.map_err(|error| match error {
        RecordError::Hdf5 { path, doing, detail, .. } if !sealed => {
            RecordError::Hdf5 { path, doing, detail, remedy: NO_SEAL }
        }
        other => other,
    })
}

impl Unfit {
    /// As an error about a file.
    pub(super) fn of(self, path: &Path, doing: &str) -> RecordError {
        match self {
            Unfit::Refused(Refusal { what, found, limit }) => {
                RecordError::Foreign { path: path.to_owned(), what, found, limit }
            }
            Unfit::Hdf5(error) => reading(path, doing, &error),
        }
    }
}

/// Writes attributes of one object.
pub(crate) struct Attributes<'a> {
    pub(crate) at: &'a Location,
    pub(crate) path: &'a Path,
}

impl Attributes<'_> {
    pub(crate) fn text(&self, name: &str, value: &str) -> Result<(), RecordError> {
        self.scalar(name, &unicode(name, value)?)
    }

    /// An array of strings; nothing at all for none, since not every reader takes an empty attribute.
    pub(crate) fn texts<S: AsRef<str>>(&self, name: &str, values: &[S]) -> Result<(), RecordError> {
        let values: Result<Vec<_>, _> = values.iter().map(|v| unicode(name, v.as_ref())).collect();
        self.array(name, &values?)
    }

    /// A fixed-length string of the kind dimension scales use: ASCII, `N` bytes with the NUL that closes it.
    ///
    /// The crate pads fixed strings instead, and the HDF5 dimension scale library does not take such a dataset for a
    /// scale.
    pub(crate) fn scale_text<const N: usize>(&self, name: &str, value: &str) -> Result<(), RecordError> {
        let write = || {
            let kind = hdf5::Datatype::from_type::<FixedAscii<N>>()?;
            let id = kind.id();
            // SAFETY: the identifier is valid while `kind` lives, names a type of this function's own, and the
            // library is locked.
            hdf5::h5check(hdf5::sync::sync(|| unsafe { H5Tset_strpad(id, H5T_str_t::H5T_STR_NULLTERM) }))?;
            let value = FixedAscii::<N>::from_ascii(value).map_err(|e| e.to_string())?;
            self.at.new_attr_builder().empty_as(&kind).create(name)?.write_scalar(&value)
        };
        write().writing(self.path, &format!("write the attribute {name}"))
    }

    pub(crate) fn scalar<T: H5Type>(&self, name: &str, value: &T) -> Result<(), RecordError> {
        let write = || self.at.new_attr::<T>().create(name)?.write_scalar(value);
        write().writing(self.path, &format!("write the attribute {name}"))
    }

    /// A number; nothing at all for none.
    pub(crate) fn scalar_if<T: H5Type>(&self, name: &str, value: Option<T>) -> Result<(), RecordError> {
        value.map_or(Ok(()), |value| self.scalar(name, &value))
    }

    /// An array; nothing at all for an empty one.
    pub(crate) fn array<T: H5Type>(&self, name: &str, values: &[T]) -> Result<(), RecordError> {
        if values.is_empty() {
            return Ok(());
        }
        let builder = self.at.new_attr_builder().with_data(ArrayView1::from(values));
        builder.create(name).map(|_| ()).writing(self.path, &format!("write the attribute {name}"))
    }
}

/// A string for HDF5, which ends strings at a NUL.
pub(crate) fn unicode(what: &str, value: &str) -> Result<VarLenUnicode, RecordError> {
    VarLenUnicode::from_str(value)
        .map_err(|_| RecordError::unwritable(what, "text with a NUL character", "text without one"))
}

/// Closes a file without a dataset of it still open, reports whether all of it reached the system, and seals it.
///
/// Where it did not, HDF5 keeps its handle until the program ends; the commit removes the name all the same.
pub(crate) fn finish(file: hdf5::File, temporary: &Path, shown: &Path) -> Result<(), RecordError> {
    file.flush().writing(shown, "write the file")?;
    file.close().writing(shown, "close the file")?;
    seal::close(temporary).map_err(|e| CommitError::new("seal", shown, e).into())
}

/// Asked by name: listing all attributes takes longer the more there are.
pub(crate) fn has_attribute(at: &Location, name: &str) -> bool {
    let Ok(name) = CString::new(name) else {
        return false;
    };
    // SAFETY: the identifier is valid while the location lives, the name ends in a NUL, and the library is locked.
    hdf5::h5check(hdf5::sync::sync(|| unsafe { H5Aexists(at.id(), name.as_ptr()) })).is_ok_and(|found| found > 0)
}
