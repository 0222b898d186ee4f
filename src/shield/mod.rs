//! The shield: whether a server's panels answer to anybody but the gateway.
//!
//! Only somebody outside can see that. [`look`] knocks at every panel port of every address of a server and makes
//! a [`Report`]; on the gateway's side the [`History`] keeps what reports say, and says when that changes.

mod history;
mod look;
mod report;
mod verdict;

pub use history::Drift;
pub use history::Entry;
pub use history::History;
pub use history::HistoryError;
pub use history::Known;
pub use look::Wish;
pub use look::look;
pub use report::LARGEST_REPORT;
pub use report::Looked;
pub use report::Place;
pub use report::Report;
pub use report::ReportError;
pub use verdict::Finding;
pub use verdict::PANEL_PORTS;
pub use verdict::Verdict;
