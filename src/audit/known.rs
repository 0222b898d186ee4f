//! Who was in which panel, as records say it. All requests of a person in one panel have it alike, and it is half of
//! each record: so it is written once, and kept as it is written.

use std::cell::RefCell;
use std::sync::Arc;

use serde::Serialize;

use crate::audit::written;
use crate::audit::written::Groups;
use crate::audit::written::Name;
use crate::audit::written::Shown;
use crate::audit::written::Who;
use crate::identity::Principal;
use crate::model::Account;
use crate::model::DirectoryVersion;
use crate::model::ServerId;
use crate::model::Source;
use crate::session::SessionTag;

/// A panel that somebody comes from.
#[derive(Clone, Debug, Serialize)]
pub(super) struct From {
    pub(super) service: &'static str,
    pub(super) account: Name<Account>,
}

/// Who, in which session, in which panel, and what allows it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Panel {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Who>,
    #[serde(skip_serializing_if = "Groups::are_none")]
    pub(super) groups: Groups,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<Shown<SessionTag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<Name<ServerId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<Name<Account>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) through: Option<Name<Account>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<From>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<Shown<Source>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<Name<DirectoryVersion>>,
}

/// A panel that somebody is in: what makes it another than the next.
#[derive(Clone, Copy)]
pub(super) struct Which<'p> {
    /// As they signed in once, or were refreshed.
    pub(super) person: &'p Arc<Principal>,
    pub(super) session: SessionTag,
    pub(super) server: &'p ServerId,
    pub(super) service: &'static str,
    pub(super) account: &'p Account,
    pub(super) directory: &'p DirectoryVersion,
}

impl Which<'_> {
    /// What is said of it.
    fn panel(&self) -> Panel {
        Panel {
            subject: Some(Who::Person(Arc::clone(self.person))),
            groups: Groups(Some(Arc::clone(self.person))),
            session: Some(Shown(self.session)),
            server: Some(Name(self.server.clone())),
            service: Some(self.service),
            account: Some(Name(self.account.clone())),
            directory: Some(Name(self.directory.clone())),
            ..Panel::default()
        }
    }

    /// Where it is kept.
    fn place(&self) -> usize {
        let address = |text: &str| text.as_ptr().addr() >> 4;
        let person = Arc::as_ptr(self.person).addr() >> 4;
        (person ^ address(self.server.as_str()) ^ address(self.service)) % MOST
    }
}

/// The same, kept. While it is, its person has the place in memory by which they are told apart.
struct Key {
    person: Arc<Principal>,
    session: SessionTag,
    server: ServerId,
    service: &'static str,
    account: Account,
    directory: DirectoryVersion,
}

impl Key {
    fn of(which: Which<'_>) -> Self {
        Self {
            person: Arc::clone(which.person),
            session: which.session,
            server: which.server.clone(),
            service: which.service,
            account: which.account.clone(),
            directory: which.directory.clone(),
        }
    }

    fn is_for(&self, which: Which<'_>) -> bool {
        Arc::ptr_eq(&self.person, which.person)
            && self.session == which.session
            && self.server == *which.server
            && self.service == which.service
            && self.account == *which.account
            && self.directory == *which.directory
    }
}

/// Panels that each thread knows, some 700 bytes each. Two that meet in one place take turns.
const MOST: usize = 256;

/// The object of a panel, as it is written.
type Written = Option<(Key, Vec<u8>)>;

thread_local! {
    static KNOWN: RefCell<Vec<Written>> = const { RefCell::new(Vec::new()) };
}

/// Adds what is said of a panel to a record.
pub(super) fn append(json: &mut Vec<u8>, which: Which<'_>) -> Result<(), serde_json::Error> {
    KNOWN.with_borrow_mut(|known| {
        if known.is_empty() {
            known.resize_with(MOST, || None);
        }
        let Some(place) = known.get_mut(which.place()) else { return written::append(json, &which.panel()) };
        if let Some((_, object)) = place.as_ref().filter(|(kept, _)| kept.is_for(which)) {
            written::append_object(json, object);
            return Ok(());
        }
        let object = serde_json::to_vec(&which.panel())?;
        written::append_object(json, &object);
        *place = Some((Key::of(which), object));
        Ok(())
    })
}
