//! What can be wrong with a server: in metrics, in the console, in the log.

use serde::Deserialize;
use serde::Serialize;

use crate::model::Timestamp;

/// Something that is not as it should be. The worst stand first: the console shows one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "trouble", rename_all = "snake_case")]
pub enum Trouble {
    /// It shows a key that is not pinned, or a certificate that is not trusted: nothing is sent to it.
    CertificateChanged {
        /// The pin of the key that it shows, if it shows one that can be read.
        shown: Option<String>,
    },
    /// It does not answer.
    Unreachable,
    /// The vault or the place of the token does not give it out.
    TokenUnavailable,
    /// It refuses the token.
    TokenRefused,
    /// The token has no privilege to open panels.
    TokenCannotOpen,
    /// A policy of the server asks API calls for a second factor.
    SecurityPolicy,
    /// The API answers with something else than it should.
    ApiFails,
    /// Its certificate ends soon, or has ended.
    CertificateEnds {
        /// When.
        at: Timestamp,
    },
    /// The token ends soon.
    TokenEnds {
        /// When.
        at: Timestamp,
    },
    /// The token's allow-list at the server misses addresses of ours.
    TokenMissesAddress {
        /// Those of `[fleet] addresses` that are missing.
        addresses: Vec<String>,
    },
    /// The token lost privileges that it had.
    TokenLost {
        /// Their names.
        privileges: Vec<String>,
    },
    /// Its version has known holes.
    Vulnerable {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Settings that protect sessions are off.
    SettingOff {
        /// Their keys in Tweak Settings.
        keys: Vec<String>,
    },
}

impl Trouble {
    /// The word in metrics. It never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CertificateChanged { .. } => "certificate_changed",
            Self::Unreachable => "unreachable",
            Self::TokenUnavailable => "token_unavailable",
            Self::TokenRefused => "token_refused",
            Self::TokenCannotOpen => "token_cannot_open",
            Self::SecurityPolicy => "security_policy",
            Self::ApiFails => "api_fails",
            Self::CertificateEnds { .. } => "certificate_ends",
            Self::TokenEnds { .. } => "token_ends",
            Self::TokenMissesAddress { .. } => "token_misses_address",
            Self::TokenLost { .. } => "token_lost",
            Self::Vulnerable { .. } => "vulnerable",
            Self::SettingOff { .. } => "setting_off",
        }
    }

    /// What people who open panels see beside the server: no more than they can do something with.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::CertificateChanged { .. } => "certificate changed",
            Self::Unreachable => "no answer",
            Self::TokenUnavailable | Self::TokenRefused | Self::TokenCannotOpen => "API token fails",
            Self::SecurityPolicy | Self::ApiFails => "API fails",
            Self::CertificateEnds { .. } => "certificate ends soon",
            Self::TokenEnds { .. } => "API token ends soon",
            Self::TokenMissesAddress { .. } | Self::TokenLost { .. } => "check API token",
            Self::Vulnerable { .. } => "update cPanel",
            Self::SettingOff { .. } => "check settings",
        }
    }

    /// What the operator reads.
    pub fn words(&self) -> String {
        let day = |at: &Timestamp| at.to_string().chars().take(10).collect::<String>();
        match self {
            Self::CertificateChanged { shown: Some(pin) } => {
                format!("its certificate is not trusted (key sha256/{pin})")
            }
            Self::CertificateChanged { shown: None } => "it shows no certificate that can be read".to_owned(),
            Self::Unreachable => "it does not answer".to_owned(),
            Self::TokenUnavailable => "its API token cannot be had".to_owned(),
            Self::TokenRefused => {
                "it refuses the API token: revoked, expired, or our address is not on its allow-list".to_owned()
            }
            Self::TokenCannotOpen => "its API token lacks create-user-session".to_owned(),
            Self::SecurityPolicy => "a security policy answers instead of its API".to_owned(),
            Self::ApiFails => "its API fails".to_owned(),
            Self::CertificateEnds { at } => format!("its certificate ends {}", day(at)),
            Self::TokenEnds { at } => format!("its API token ends {}", day(at)),
            Self::TokenMissesAddress { addresses } => {
                format!("the allow-list of its API token misses {}", addresses.join(" "))
            }
            Self::TokenLost { privileges } => format!("its API token lost {}", privileges.join(" ")),
            Self::Vulnerable { ids } => format!("its version has {}", ids.join(" ")),
            Self::SettingOff { keys } => format!("off: {}", keys.join(" ")),
        }
    }
}
