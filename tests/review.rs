//! The commands for those who review access, by the real program: every output, word for word.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "review/conditions.rs"]
mod conditions;
#[path = "review/diff.rs"]
mod diff;
#[path = "review/explain.rs"]
mod explain;
#[path = "review/house.rs"]
mod house;
#[path = "review/manual.rs"]
mod manual;
#[path = "review/matrix.rs"]
mod matrix;
#[path = "review/pipeline.rs"]
mod pipeline;
#[path = "review/tests_of_access.rs"]
mod tests_of_access;
#[path = "review/whmcs.rs"]
mod whmcs;
