//! What the watch found out about a server.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use aws_lc_rs::digest;
use serde::Deserialize;
use serde::Serialize;

use crate::fleet::trouble::Trouble;
use crate::model::Server;
use crate::model::Timestamp;

/// A setting of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Whether it is on.
    pub is_on: bool,
    /// Whether it was on at some look.
    pub was_on: bool,
}

/// The condition of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The entry of the directory that it is about, as [`entry_mark`] gives it.
    pub of: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// When it is to be looked at again.
    pub next: Timestamp,
    /// What is wrong, the worst first.
    pub troubles: Vec<Trouble>,
    /// The version of cPanel & WHM.
    pub version: Option<String>,
    /// When the certificate ends.
    pub certificate_ends: Option<Timestamp>,
    /// When the token ends, if that is known.
    pub token_ends: Option<Timestamp>,
    /// The load of the last minute.
    pub load: Option<f64>,
    /// The settings that could be read.
    pub settings: BTreeMap<String, Setting>,
    /// The privileges that Panelgate uses and that the token had at some look.
    pub had: BTreeSet<String>,
    /// When the token was stored in the vault: what an older one had does not count.
    pub token_stored: Option<Timestamp>,
    /// Looks in a row at which it did not answer.
    pub failures: u32,
}

impl Condition {
    /// What is wrong, for an operator; nothing, if nothing is.
    pub fn words(&self) -> Option<String> {
        let words: Vec<String> = self.troubles.iter().map(Trouble::words).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// The worst of it, for who opens panels.
    pub fn label(&self) -> Option<&'static str> {
        self.troubles.first().map(Trouble::label)
    }
}

/// Stands for all of a server's entry that a look depends on: a condition of another entry counts for nothing.
pub fn entry_mark(server: &Server) -> String {
    let Server { host, address, trust, api_account, api_token, .. } = server;
    let text = format!("{:?}", (host, address, trust, api_account, api_token));
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(24);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
