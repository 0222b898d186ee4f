//! What was done in a panel, in words.

use std::collections::BTreeMap;

use serde::Serialize;

/// A verb and what it was done to: `removeacct user=example`. Holds names of accounts, domains, packages
/// and the like, and nothing else that a request said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// Of which family of calls the verb is: `whm_api_1`, `uapi`, `api_2` or `screen`.
    pub api: &'static str,
    /// The verb, as the family has it.
    pub verb: String,
    /// What it was done to, by the names of the parameters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub object: BTreeMap<String, String>,
}
