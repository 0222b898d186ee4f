//! Who somebody is at a provider.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// An authenticated subject: issuer and `sub` together (OpenID Connect Core 1.0, section 5.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The issuer identifier, exactly as configured.
    pub iss: String,
    /// The subject identifier, unique only together with the issuer.
    pub sub: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.sub, self.iss)
    }
}

/// A group as the provider sends it: compared byte for byte, case and all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdpGroup(pub String);

impl fmt::Display for IdpGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
