//! Why a check does not pass, in words for the table.

use std::fmt;

/// What a person at the browser would have to complain about.
#[derive(Clone, Debug)]
pub(crate) struct Failure(pub(crate) String);

/// How a check ends.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Passes if it holds.
pub(crate) fn holds(condition: bool, otherwise: impl Into<String>) -> Outcome {
    if condition { Ok(()) } else { Err(Failure::new(otherwise)) }
}
