//! What a provider's settings are made of.

use std::fmt;
use std::str::FromStr;

/// The one algorithm that a provider's ID tokens are signed with.
///
/// There is no `none` and no HMAC: with those, whoever can read the client secret, or nobody at all,
/// could make a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenAlgorithm {
    /// RSA PKCS #1 v1.5 with SHA-256: what every provider must support.
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// The text names no algorithm that we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")]
pub struct UnknownAlgorithm;

impl IdTokenAlgorithm {
    /// Every algorithm, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The `alg` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl FromStr for IdTokenAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for IdTokenAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an RSA key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaPadding {
    /// PKCS #1 v1.5: RS256.
    Pkcs1,
    /// PSS: PS256.
    Pss,
}

/// Whom an assertion of ours is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer (FAPI 2.0 Security Profile, section 5.3.3).
    Issuer,
    /// The token endpoint, as some providers want it (RFC 7523 section 3 leaves it open).
    TokenEndpoint,
}

/// Whether authorization requests are pushed to the provider (RFC 9126).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushedRequests {
    /// Where the provider offers it. A push that fails is never replaced by an open request.
    Auto,
    /// Always: a provider that does not offer it cannot be used.
    Require,
    /// Never.
    Off,
}

/// How the value of a claim names groups. One way is configured, and no other is guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupValues {
    /// A string is one group, an array of strings is many.
    Names,
    /// One string, in which this text stands between the groups.
    SeparatedBy(String),
    /// The names of an object's members.
    Keys,
    /// An array of objects, each with this member.
    Member(String),
    /// Paths, of which the last step is the group. Two that end alike cannot be told apart and are refused.
    LastSteps,
}

/// The document that holds a person's groups. There is one, and no other is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsFrom {
    /// The ID token's claims.
    IdToken,
    /// The answer of the `UserInfo` endpoint.
    Userinfo,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_weak_ones_do_not_exist() {
        for algorithm in IdTokenAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        for wrong in ["none", "HS256", "rs256", ""] {
            assert_eq!(wrong.parse::<IdTokenAlgorithm>(), Err(UnknownAlgorithm));
        }
    }
}
