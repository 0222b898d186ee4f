//! What a record holds.

use secrecy::SecretString;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Timestamp;
use crate::vault::binding::Binding;

/// How far the change of a token has come. Written before each step, so that whoever finds it knows what is
/// left to do, whatever happened to who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Rotation {
    /// The server is asked for a new token of this name. Whether it exists is not known, and its secret is not
    /// here: it is revoked, and the change begins again.
    Creating {
        /// The new token's name at the server.
        name: String,
    },
    /// The new token exists and lies here beside the one in use. Not verified yet.
    Created {
        /// The new token's name at the server.
        name: String,
        /// When it expires.
        expires_at: Option<Timestamp>,
    },
    /// The new token is in use. The old one is still to be revoked.
    Switched {
        /// The old token's name at the server, if it is known.
        former: Option<String>,
    },
}

/// What stands in clear beside a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) version: u32,
    pub(super) binding: Binding,
    /// The token's name at the server, if it is known.
    pub(super) name: Option<String>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) stored_at: Timestamp,
    pub(super) rotation: Option<Rotation>,
}

/// The contents of a record that can be chosen.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The token in use.
    pub token: SecretString,
    /// Its name at the server, if it is known.
    pub name: Option<String>,
    /// When it expires, if that is known.
    pub expires_at: Option<Timestamp>,
    /// The token that is to follow it, from its creation until it is in use.
    pub next: Option<SecretString>,
    /// How far the change to it has come.
    pub rotation: Option<Rotation>,
}

/// A record that was opened, to be changed on the condition that nobody else changed it meanwhile.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is bound to.
    pub binding: Binding,
    /// What it holds.
    pub contents: Contents,
    /// When it was written.
    pub stored_at: Timestamp,
    /// As it lies in the store.
    pub(super) raw: Vec<u8>,
}

/// A record as it is listed, without its token.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it says that it is bound to.
    pub binding: Binding,
    /// The token's name at the server.
    pub name: Option<String>,
    /// When the token expires.
    pub expires_at: Option<Timestamp>,
    /// When the record was written.
    pub stored_at: Timestamp,
    /// How far a change has come.
    pub rotation: Option<Rotation>,
    /// The id of the master key that it is sealed with.
    pub key: String,
    /// Why it does not open, if it does not.
    pub closed: Option<String>,
}
