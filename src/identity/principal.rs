//! Who is asking: the result of a verified sign-in.

use serde::Deserialize;
use serde::Serialize;

use crate::model::IdpGroup;
use crate::model::Subject;
use crate::model::Timestamp;
use crate::store::Unsealed;

/// An authenticated subject with the groups that the provider proved for it.
///
/// Made by a verified sign-in, or restored from a sealed record that a verified sign-in wrote; there is
/// no third way.
#[derive(Clone, Debug)]
#[must_use]
pub struct Principal {
    record: PrincipalRecord,
}

/// A principal as it lies in a sealed record. It proves nothing until it comes [`Unsealed`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrincipalRecord {
    subject: Subject,
    name: String,
    email: Option<String>,
    groups: Vec<IdpGroup>,
    signed_in_at: Timestamp,
}

impl Principal {
    /// The principal of a sign-in whose ID token was verified.
    pub(in crate::identity) fn new(
        subject: Subject,
        name: String,
        email: Option<String>,
        groups: Vec<IdpGroup>,
        signed_in_at: Timestamp,
    ) -> Self {
        Self { record: PrincipalRecord { subject, name, email, groups, signed_in_at } }
    }

    /// The principal out of a record that we sealed.
    pub fn restore(record: Unsealed<PrincipalRecord>) -> Self {
        Self { record: record.into_inner() }
    }

    /// What is sealed, to be restored later.
    pub fn record(&self) -> &PrincipalRecord {
        &self.record
    }

    /// Issuer and `sub`.
    pub fn subject(&self) -> &Subject {
        &self.record.subject
    }

    /// A name to show. Never a key: names and addresses change hands.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// An e-mail address to show, if the provider sent one. Never a key.
    pub fn email(&self) -> Option<&str> {
        self.record.email.as_deref()
    }

    /// The groups, exactly as the provider sent them.
    pub fn groups(&self) -> &[IdpGroup] {
        &self.record.groups
    }

    /// When the sign-in was verified.
    pub fn signed_in_at(&self) -> Timestamp {
        self.record.signed_in_at
    }

    /// A principal for unit tests of the rooms above.
    #[cfg(test)]
    pub(crate) fn for_test(sub: &str, groups: &[&str]) -> Self {
        let subject = Subject { iss: "https://idp.example.com".into(), sub: sub.into() };
        let groups = groups.iter().map(|g| IdpGroup((*g).into())).collect();
        Self::new(subject, sub.into(), None, groups, Timestamp::from_secs(1_800_000_000))
    }
}
