//! The lifetimes of a campaign on one HTML page: the answers, the figures, the tables, and what they rest on.

mod page;
mod parts;

pub use page::{Attachment, page};
