//! The record of a request that was answered. Nearly all records are one, so it is written from what is there, with
//! nothing copied before.

use http::Method;
use http::StatusCode;

use crate::audit::event::Head;
use crate::audit::event::Kind;
use crate::audit::event::Outcome;
use crate::audit::known;
use crate::audit::known::Which;
use crate::model::Action;
use crate::model::ClientAddr;
use crate::model::DirectoryVersion;
use crate::model::ReferenceId;
use crate::model::Timestamp;
use crate::session::EntryPlace;
use crate::session::Session;

/// A request to a panel, and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'r> {
    /// When it was answered.
    pub time: Timestamp,
    /// Under which reference.
    pub reference: ReferenceId,
    /// From which address.
    pub client: ClientAddr,
    /// In which session, and so who.
    pub session: &'r Session,
    /// In which panel.
    pub place: &'r EntryPlace,
    /// Which version of the directory is in force.
    pub directory: &'r DirectoryVersion,
    /// The method.
    pub method: &'r Method,
    /// The path without a security token.
    pub path: &'r str,
    /// What it does, as far as that can be told.
    pub action: Option<&'r Action>,
    /// The status of the answer.
    pub status: StatusCode,
}

impl Answered<'_> {
    pub(super) const KIND: Kind = Kind::PanelRequest;

    /// Writes it as the [`Event`](crate::audit::Event) of which all this was said is written.
    pub(super) fn write(&self, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let Self { time, reference, client, session, place, directory, method, path, action, status } = *self;
        let head = Head { time, kind: Self::KIND, outcome: Outcome::Succeeded, reference, client: Some(client) };
        head.write(json);
        let which = Which {
            person: &session.principal(),
            session: session.tag(),
            server: &place.server,
            service: place.service.as_str(),
            account: &place.account,
            directory,
        };
        known::append(json, which)?;
        json.pop();
        json.extend_from_slice(b",\"method\":\"");
        // A word (RFC 9110 section 9.1), in which nothing needs an escape.
        json.extend_from_slice(method.as_str().as_bytes());
        json.extend_from_slice(b"\",\"path\":");
        serde_json::to_writer(&mut *json, path)?;
        json.extend_from_slice(b",\"status\":");
        json.extend_from_slice(status.as_str().as_bytes());
        if let Some(action) = action {
            json.extend_from_slice(b",\"action\":");
            serde_json::to_writer(&mut *json, action)?;
        }
        json.push(b'}');
        Ok(())
    }
}
