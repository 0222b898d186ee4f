//! Who is signed in, and ending it by hand: read and done without anybody's cookie.

use serde::Deserialize;
use serde::Serialize;

use crate::model::ServerId;
use crate::model::Subject;
use crate::model::Timestamp;
use crate::session::entry::EntryPlace;
use crate::session::entry::PlaceRecord;
use crate::session::notices::SERVER_CLOSED;
use crate::session::person::SessionId;
use crate::session::record;
use crate::session::record::SessionLabel;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store;
use crate::store::Key;
use crate::store::Labelled;
use crate::store::Purpose;

/// A session, as an operator sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub subject: Subject,
    /// Their name, to show.
    pub name: String,
    /// Their e-mail address, to show.
    pub email: Option<String>,
    /// From which address they signed in.
    pub client: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends if nothing more is done in it.
    pub until: Timestamp,
    /// What they have open, in order and once each.
    pub places: Vec<EntryPlace>,
}

/// Whose access is to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// One session's, by its id.
    Session(SessionId),
    /// All of a person's.
    Person(Subject),
    /// Everybody's.
    Everybody,
}

impl Sessions {
    /// Everybody who is signed in, by name.
    pub async fn roll(&self) -> Result<Vec<Listed>, SessionError> {
        let now = self.clock.now();
        let sessions = self.store.labelled(Purpose::Session, now).await.map_err(SessionError::Store)?;
        let entries = self.store.labelled(Purpose::PanelEntry, now).await.map_err(SessionError::Store)?;
        let mut roll: Vec<Listed> = sessions.into_iter().filter_map(|found| self.listed(found)).collect();
        for entry in entries {
            let label = store::open_label::<PlaceRecord>(&self.key, Purpose::PanelEntry, &entry.key, entry.label);
            let place = label.ok().and_then(|label| label.read());
            let owner = roll.iter_mut().find(|listed| Some(listed.id.0) == entry.owner);
            if let (Some(listed), Some(place)) = (owner, place) {
                listed.places.push(place);
            }
        }
        for listed in &mut roll {
            listed.places.sort();
            listed.places.dedup();
        }
        roll.sort_by(|a, b| (&a.name, &a.subject, a.since).cmp(&(&b.name, &b.subject, b.since)));
        Ok(roll)
    }

    /// The sessions that the provider names: those of its own session, or all of the person.
    pub async fn named_by_provider(
        &self,
        issuer: &str,
        sid: Option<&str>,
        subject: Option<&Subject>,
    ) -> Result<Vec<Listed>, SessionError> {
        let marks = match (sid, subject) {
            (Some(sid), _) => record::provider_session_marks(&self.key, issuer, sid),
            (None, Some(subject)) => record::subject_marks(&self.key, subject),
            (None, None) => return Ok(Vec::new()),
        };
        let mut marked = Vec::new();
        for mark in marks {
            let found = self.store.marked(Purpose::Session, &mark, self.clock.now()).await;
            marked.extend(found.map_err(SessionError::Store)?);
        }
        let listed = marked.into_iter().filter_map(|found| self.listed(found));
        // Named together, both must fit.
        Ok(listed.filter(|listed| subject.is_none_or(|subject| listed.subject == *subject)).collect())
    }

    /// Ends a session, whoever's cookies lead to it, in every process; says whether it was there.
    pub async fn end_listed(&self, listed: &Listed) -> Result<bool, SessionError> {
        if let Some(session) = self.cached(&listed.id.0) {
            self.forget(&session);
        }
        self.end_record(listed.id).await
    }

    /// Ends the entries to a server, in every process: whoever has it open must open it again.
    pub async fn close_server(&self, server: &ServerId) -> Result<u64, SessionError> {
        let mut closed = 0;
        for mark in record::server_marks(&self.key, server) {
            closed += self.store.remove_marked(Purpose::PanelEntry, &mark).await.map_err(SessionError::Store)?;
        }
        self.forget_entries(server);
        let notice = self.store.give_notice(SERVER_CLOSED, server.as_str().as_bytes(), self.clock.now()).await;
        notice.map_err(SessionError::Store)?;
        Ok(closed)
    }

    /// Notes that a logout token was used; says whether it was the first time.
    pub async fn is_first_use(&self, issuer: &str, jti: &str, good_until: Timestamp) -> Result<bool, SessionError> {
        let now = self.clock.now();
        for mark in self.key.marks("jti", &[issuer, jti]) {
            if self.store.get(Purpose::LogoutToken, &mark, now).await.map_err(SessionError::Store)?.is_some() {
                return Ok(false);
            }
        }
        let record = store::Record {
            purpose: Purpose::LogoutToken,
            key: self.key.mark("jti", &[issuer, jti]),
            owner: None,
            marks: [None, None],
            expires_at: good_until,
            sealed: Vec::new(),
            label: Vec::new(),
        };
        self.store.put_once(&record, self.limit(), self.clock.now()).await.map_err(SessionError::Store)
    }

    pub(super) fn listed(&self, found: Labelled) -> Option<Listed> {
        let label = store::open_label::<SessionLabel>(&self.key, Purpose::Session, &found.key, found.label);
        let SessionLabel { subject, name, email, client, created_at } = label.ok()?;
        let (id, until): (Key, _) = (found.key, found.expires_at);
        Some(Listed { id: SessionId(id), subject, name, email, client, since: created_at, until, places: Vec::new() })
    }
}

impl Whose {
    /// Whether a session is meant.
    pub fn is_meant(&self, listed: &Listed) -> bool {
        match self {
            Self::Session(id) => listed.id == *id,
            Self::Person(subject) => listed.subject == *subject,
            Self::Everybody => true,
        }
    }
}
