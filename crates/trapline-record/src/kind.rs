//! What an attribute or a dataset holds, asked before it is read.
//!
//! HDF5 converts what it can and leaves alone what it cannot: a text that is read from an empty dataspace stays what
//! the memory held before, and is freed afterwards. So a value is read only when its type and its space are those of
//! the format.

use std::fmt;

use hdf5::sync::sync;
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{Datatype, H5Type, h5check};
use hdf5_sys::h5t::{
    H5T_class_t, H5T_sign_t, H5Tclose, H5Tget_class, H5Tget_sign, H5Tget_size, H5Tget_super, H5Tis_variable_str,
};

/// A type of the format, or what stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Floating-point numbers of so many bytes.
    Real(usize),
    /// Whole numbers of so many bytes.
    Signed(usize),
    Unsigned(usize),
    /// Texts of any length.
    Text,
    /// Lists of any length of references to objects, 8 bytes each.
    References,
    /// Anything else, as a noun.
    Other(&'static str),
}

/// What each number of a file is in memory when it is read as this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Real,
    Whole,
    Text,
    References,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Real(bytes) => write!(f, "{}-bit numbers", 8 * bytes),
            Kind::Signed(bytes) => write!(f, "{}-bit whole numbers", 8 * bytes),
            Kind::Unsigned(bytes) => write!(f, "{}-bit whole numbers without a sign", 8 * bytes),
            Kind::Text => f.write_str("texts of any length"),
            Kind::References => f.write_str("lists of references"),
            Kind::Other(noun) => f.write_str(noun),
        }
    }
}

impl Kind {
    /// Of the type of something in a file. What is inside compound types and enumerations is not looked at.
    pub(crate) fn of(found: &Datatype) -> hdf5::Result<Kind> {
        let id = found.id();
        // SAFETY: the identifier is valid while its datatype lives, and the library is locked.
        let (class, bytes) = sync(|| unsafe { (H5Tget_class(id), H5Tget_size(id)) });
        Ok(match class {
            // SAFETY: as above.
            H5T_class_t::H5T_INTEGER => match sync(|| unsafe { H5Tget_sign(id) }) {
                H5T_sign_t::H5T_SGN_NONE => Kind::Unsigned(bytes),
                _ => Kind::Signed(bytes),
            },
            H5T_class_t::H5T_FLOAT => Kind::Real(bytes),
            // SAFETY: as above.
            H5T_class_t::H5T_STRING => match h5check(sync(|| unsafe { H5Tis_variable_str(id) }))? {
                0 => Kind::Other("texts of a fixed length"),
                _ => Kind::Text,
            },
            H5T_class_t::H5T_VLEN => {
                // SAFETY: as above; the identifier of what the lists hold is closed here.
                let inner = sync(|| unsafe {
                    let inner = h5check(H5Tget_super(id))?;
                    let found = (H5Tget_class(inner), H5Tget_size(inner));
                    h5check(H5Tclose(inner)).map(|_| found)
                })?;
                if inner == (H5T_class_t::H5T_REFERENCE, 8) { Kind::References } else { Kind::Other("lists") }
            }
            H5T_class_t::H5T_COMPOUND => Kind::Other("compounds"),
            H5T_class_t::H5T_ENUM => Kind::Other("an enumeration"),
            H5T_class_t::H5T_ARRAY => Kind::Other("arrays"),
            H5T_class_t::H5T_REFERENCE => Kind::Other("references"),
            _ => Kind::Other("of a type that is not the format's"),
        })
    }

    /// The bytes of one value in a file.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Kind::Real(bytes) | Kind::Signed(bytes) | Kind::Unsigned(bytes) => bytes,
            // A length, an address and a number.
            Kind::Text | Kind::References | Kind::Other(_) => 16,
        }
    }

    /// Whether values of this type may be read as `T`: of the same class, and of a size that the format has.
    pub(crate) fn reads_as<T: H5Type>(self) -> bool {
        let class = match self {
            Kind::Real(4 | 8) => Class::Real,
            Kind::Signed(1 | 2 | 4 | 8) | Kind::Unsigned(1 | 2 | 4 | 8) => Class::Whole,
            Kind::Text => Class::Text,
            Kind::References => Class::References,
            Kind::Real(_) | Kind::Signed(_) | Kind::Unsigned(_) | Kind::Other(_) => return false,
        };
        class_of(&T::type_descriptor()) == Some(class)
    }
}

/// What a type in memory is, in words.
pub(crate) fn wanted<T: H5Type>() -> &'static str {
    match class_of(&T::type_descriptor()) {
        Some(Class::Real) => "numbers of 32 or 64 bits",
        Some(Class::Whole) => "whole numbers of at most 64 bits",
        Some(Class::Text) => "texts of any length",
        Some(Class::References) | None => "lists of references",
    }
}

fn class_of(descriptor: &TypeDescriptor) -> Option<Class> {
    Some(match descriptor {
        TypeDescriptor::Float(FloatSize::U4 | FloatSize::U8) => Class::Real,
        TypeDescriptor::Integer(IntSize::U1 | IntSize::U2 | IntSize::U4 | IntSize::U8)
        | TypeDescriptor::Unsigned(IntSize::U1 | IntSize::U2 | IntSize::U4 | IntSize::U8) => Class::Whole,
        TypeDescriptor::VarLenUnicode | TypeDescriptor::VarLenAscii => Class::Text,
        TypeDescriptor::VarLenArray(of) if matches!(**of, TypeDescriptor::Reference(_)) => Class::References,
        _ => return None,
    })
}
