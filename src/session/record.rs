//! What lies sealed in the store about a session, and what an operator may read of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;

use crate::identity::Principal;
use crate::identity::PrincipalRecord;
use crate::identity::RefreshGrant;
use crate::model::ClientAddr;
use crate::model::ServerId;
use crate::model::Subject;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::store::Key;
use crate::store::ServerKey;

/// A session as it lies sealed under its key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SessionRecord {
    pub(super) principal: PrincipalRecord,
    pub(super) created_at: Timestamp,
    id_token_hint: String,
    pub(super) renewal: Option<RenewalRecord>,
    /// See [`thread`].
    #[serde(default)]
    pub(super) thread: Option<Key>,
}

/// With what, and when, the provider is asked again.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RenewalRecord {
    pub(super) grant: RefreshGrant,
    /// When the provider last said who the person is.
    pub(super) read_at: Timestamp,
    /// When it is to be asked again.
    pub(super) due_at: Timestamp,
}

impl SessionRecord {
    pub(super) fn new(
        principal: &Principal,
        created_at: Timestamp,
        id_token_hint: &SecretString,
        renewal: Option<RenewalRecord>,
        thread: Key,
    ) -> Self {
        Self {
            principal: principal.record().clone(),
            created_at,
            id_token_hint: id_token_hint.expose_secret().to_owned(),
            renewal,
            thread: Some(thread),
        }
    }

    pub(super) fn into_id_token_hint(self) -> SecretString {
        self.id_token_hint.into()
    }
}

/// A browser's way into a session, as it lies sealed under the console's cookie.
#[derive(Serialize, Deserialize)]
pub(super) struct ConsoleEntryRecord {
    pub(super) session: KeyText,
}

/// A session's key on its way through a sealed record.
#[derive(Clone, Debug)]
pub(super) struct KeyText(pub(super) Token256);

impl Serialize for KeyText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose().expose_secret())
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = SecretString::from(String::deserialize(from)?);
        Token256::parse(text.expose_secret()).map(Self).ok_or_else(|| D::Error::custom("no token"))
    }
}

/// What an operator may read of a session: sealed with the server's key alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SessionLabel {
    pub(super) subject: Subject,
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) client: String,
    pub(super) created_at: Timestamp,
}

impl SessionLabel {
    pub(super) fn new(principal: &Principal, client: ClientAddr, created_at: Timestamp) -> Self {
        Self {
            subject: principal.subject().clone(),
            name: principal.name().to_owned(),
            email: principal.email().map(str::to_owned),
            client: client.to_string(),
            created_at,
        }
    }
}

/// What the sessions of one person in one browser have in common, one after the other: of it, the security
/// tokens of panels are made, so that pages that stayed open go on working in the next session.
pub(super) fn thread(key: &ServerKey, browser: &Key, subject: &Subject) -> Key {
    key.mark("thread", &[&URL_SAFE_NO_PAD.encode(browser), &subject.iss, &subject.sub])
}

/// The mark that pages of a person carry, by which they are told from pages of somebody else.
pub(super) fn person_mark(key: &ServerKey, subject: &Subject) -> Key {
    key.mark("person", &[&subject.iss, &subject.sub])
}

/// All marks that a person's pages may carry, while the key is being changed.
pub(super) fn person_marks(key: &ServerKey, subject: &Subject) -> Vec<Key> {
    key.marks("person", &[&subject.iss, &subject.sub])
}

/// The mark of a person's sessions.
pub(super) fn subject_mark(key: &ServerKey, subject: &Subject) -> Key {
    key.mark("subject", &[&subject.iss, &subject.sub])
}

/// All marks that a person's sessions may have.
pub(super) fn subject_marks(key: &ServerKey, subject: &Subject) -> Vec<Key> {
    key.marks("subject", &[&subject.iss, &subject.sub])
}

/// The mark of the sessions that began in one session at the provider (`sid`).
pub(super) fn provider_session_mark(key: &ServerKey, issuer: &str, sid: &str) -> Key {
    key.mark("sid", &[issuer, sid])
}

/// All marks that such sessions may have.
pub(super) fn provider_session_marks(key: &ServerKey, issuer: &str, sid: &str) -> Vec<Key> {
    key.marks("sid", &[issuer, sid])
}

/// The mark of the entries to a server.
pub(super) fn server_mark(key: &ServerKey, server: &ServerId) -> Key {
    key.mark("server", &[server.as_str()])
}

/// All marks that such entries may have.
pub(super) fn server_marks(key: &ServerKey, server: &ServerId) -> Vec<Key> {
    key.marks("server", &[server.as_str()])
}
