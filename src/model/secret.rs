//! Secrets, and references to them.

use std::fmt;
use std::path::PathBuf;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use zeroize::Zeroize;
use zeroize::Zeroizing;

/// Where a secret is to be found. The secret itself never stands in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`: the environment variable `NAME`.
    Env(String),
    /// `file:PATH`: the first line of the file at `PATH`.
    File(PathBuf),
    /// `credential:NAME`: the first line of the credential `NAME` that systemd hands to the service
    /// (systemd.exec(5), `LoadCredential=`).
    Credential(String),
}

/// Where a server's API token is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRef {
    /// Outside: a file, a variable or a credential.
    Outside(SecretRef),
    /// `vault:SERVER`: sealed in the store, under the id of the server that it belongs to.
    Vault,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

impl fmt::Display for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside(reference) => reference.fmt(f),
            Self::Vault => f.write_str("the vault"),
        }
    }
}

/// 256 random bits that stand for a right: a session, a code, a state.
///
/// Printing it shows nothing; it is compared in constant time.
#[derive(Clone)]
pub struct Token256([u8; 32]);

impl Token256 {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the random source fails.
    pub fn random(random: &dyn SecureRandom) -> Result<Self, Unspecified> {
        let mut bytes = [0; 32];
        random.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads one from base64url without padding: exactly 43 characters, one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        // What 43 characters could be read as at most. Each request brings one, so nothing is allocated for it.
        let mut bytes = Zeroizing::new([0; 33]);
        let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()).ok()?;
        Some(Self(bytes.get(..length)?.try_into().ok()?))
    }

    /// The text that is handed out, as base64url.
    pub fn expose(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.0).into()
    }

    /// The bytes, for deriving keys.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Another one, made of this one and some names: HMAC-SHA-256. Nobody who has it knows this one.
    #[must_use]
    pub fn derived(&self, names: &[&[u8]]) -> Self {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        for name in names {
            context.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(name);
        }
        let mut out = [0; 32];
        for (slot, byte) in out.iter_mut().zip(context.sign().as_ref()) {
            *slot = *byte;
        }
        Self(out)
    }

    /// SHA-256 of it: what may be stored, compared and looked up.
    pub fn digest(&self) -> [u8; 32] {
        let mut out = [0; 32];
        for (slot, byte) in out.iter_mut().zip(digest::digest(&digest::SHA256, &self.0).as_ref()) {
            *slot = *byte;
        }
        out
    }

    /// Whether both are the same, in constant time.
    pub fn same_as(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Drop for Token256 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Token256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token256([redacted])")
    }
}

impl From<&Token256> for SecretString {
    fn from(token: &Token256) -> Self {
        token.expose().expose_secret().into()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_token_reads_back_and_never_prints() {
        let token = Token256::random(&SystemRandom::new()).unwrap();
        let text = token.expose();
        assert!(Token256::parse(text.expose_secret()).unwrap().same_as(&token));
        assert!(!format!("{token:?}").contains(text.expose_secret()));
        let long = format!("{}A", text.expose_secret());
        for other in ["", "short", &long, &long.repeat(9)] {
            assert!(Token256::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_derived_depends_on_the_token_and_each_name() {
        let (one, other) = (Token256([1; 32]), Token256([2; 32]));
        let made = one.derived(&[b"a", b"bc"]);
        assert!(made.same_as(&one.derived(&[b"a", b"bc"])));
        for different in [one.derived(&[b"ab", b"c"]), other.derived(&[b"a", b"bc"]), one.derived(&[])] {
            assert!(!made.same_as(&different));
        }
    }
}
