//! How parts of an event are written: as they are held, with no copy made for the purpose. Most events are those of
//! requests, and what is known of a person, a server or an account is shared by all of them.

use std::fmt::Display;
use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeStruct as _;

use crate::identity::Principal;
use crate::model::IdpGroup;
use crate::model::Subject;

/// Who.
#[derive(Clone, Debug)]
pub(super) enum Who {
    Person(Arc<Principal>),
    Listed(Box<(Subject, String)>),
}

impl Serialize for Who {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (subject, name) = match self {
            Self::Person(principal) => (principal.subject(), principal.name()),
            Self::Listed(listed) => (&listed.0, listed.1.as_str()),
        };
        let mut who = serializer.serialize_struct("Who", 3)?;
        who.serialize_field("iss", &subject.iss)?;
        who.serialize_field("sub", &subject.sub)?;
        who.serialize_field("name", name)?;
        who.end()
    }
}

/// The groups of a person.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(pub(super) Option<Arc<Principal>>);

impl Groups {
    fn listed(&self) -> &[IdpGroup] {
        self.0.as_ref().map(|principal| principal.groups()).unwrap_or_default()
    }

    pub(super) fn are_none(&self) -> bool {
        self.listed().is_empty()
    }
}

impl Serialize for Groups {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.listed().serialize(serializer)
    }
}

/// What is written as it is shown, without a text of its own before.
#[derive(Clone, Debug)]
pub(super) struct Shown<T>(pub(super) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A name, written as it is.
#[derive(Clone, Debug)]
pub(super) struct Name<T>(pub(super) T);

impl<T: AsRef<str>> Serialize for Name<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_ref())
    }
}
