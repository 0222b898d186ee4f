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

/// Adds the fields of an object to the one that stands in `json`.
pub(super) fn append(json: &mut Vec<u8>, fields: &impl Serialize) -> Result<(), serde_json::Error> {
    let end = open(json);
    serde_json::to_writer(&mut *json, fields)?;
    join(json, end);
    Ok(())
}

/// The same with an object that is written already.
pub(super) fn append_object(json: &mut Vec<u8>, object: &[u8]) {
    let end = open(json);
    json.extend_from_slice(object);
    join(json, end);
}

/// Takes the brace away that closes an object; says where it stood.
fn open(json: &mut Vec<u8>) -> usize {
    json.pop();
    json.len()
}

/// Makes one object of two that stand behind each other, of which the second begins at `end`.
fn join(json: &mut Vec<u8>, end: usize) {
    if json.len() == end + 2 {
        json.truncate(end);
        json.push(b'}');
    } else if let Some(brace) = json.get_mut(end) {
        *brace = b',';
    }
}
