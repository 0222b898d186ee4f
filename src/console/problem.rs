//! What went wrong, in words for the person in front of the screen.

use serde::Serialize;

use crate::model::ReferenceId;

/// A failure as a person sees it: what happened, what to do, and an id to read out. Never an internal message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A stable word for scripts, such as `signed_out` or `server_unreachable`.
    pub code: &'static str,
    /// What failed, in a few words without a full stop.
    pub title: String,
    /// What happened, in a sentence or two.
    pub what: String,
    /// What the person can do about it, in a sentence or two.
    pub todo: String,
    /// The id under which the failure stands in the log.
    #[serde(serialize_with = "as_text")]
    pub reference: ReferenceId,
}

fn as_text<S: serde::Serializer>(reference: &ReferenceId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reference)
}
