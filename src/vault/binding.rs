//! What a token belongs to.

use serde::Deserialize;
use serde::Serialize;

use crate::model::Account;
use crate::model::Host;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Trust;

/// The server, the account and the way in which the server proves itself, as the directory has them. A token is
/// given out for exactly this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub(super) server: String,
    pub(super) host: String,
    pub(super) account: String,
    pub(super) trust: String,
}

impl Binding {
    /// That of a server in the directory.
    pub fn of(server: &Server) -> Self {
        Self::new(&server.id, &server.host, &server.api_account, &server.trust)
    }

    /// That of a server that is about to enter the directory.
    pub fn new(server: &ServerId, host: &Host, account: &Account, trust: &Trust) -> Self {
        let trust = match trust {
            Trust::PublicRoots => "public".to_owned(),
            Trust::CaFile(path) => format!("ca_file {}", path.display()),
            Trust::Pins(pins) => {
                let mut pins: Vec<String> = pins.iter().map(|pin| format!("sha256/{pin}")).collect();
                pins.sort_unstable();
                format!("pins {}", pins.join(" "))
            }
        };
        Self { server: server.to_string(), host: host.to_string(), account: account.to_string(), trust }
    }

    /// The server's id.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The token's owner.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// What another one has differently, in words.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let parts = [
            ("the host", &self.host, &other.host),
            ("the account", &self.account, &other.account),
            ("the trust", &self.trust, &other.trust),
        ];
        let differs = parts.into_iter().filter(|(_, bound, said)| bound != said);
        let words: Vec<_> = differs
            .map(|(what, bound, said)| format!("{what} {said:?} where the token was stored for {bound:?}"))
            .collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}
