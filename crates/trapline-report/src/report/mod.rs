//! The lifetimes of a campaign, and the answers of a study, on one HTML page: the answers, the figures, the tables, and what
//! they rest on. And a figure as a page of its own.

mod benchmark;
mod figure;
mod page;
mod parts;
mod scaling;

pub use benchmark::benchmark_page;
pub use figure::stage_figure;
pub use page::{Attachment, page};
pub use scaling::scaling_page;
