//! Who was in which panel, as records say it. All requests of a person in one panel have it alike, and it is half of
//! each record: so it is written once, and kept as it is written.

use std::cell::RefCell;

use serde::Serialize;

use crate::audit::written;
use crate::audit::written::Groups;
use crate::audit::written::Name;
use crate::audit::written::Shown;
use crate::audit::written::Who;
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

/// What makes one panel of a person another than the next. While it is held, its person has the place in memory by
/// which they are told apart.
struct Key {
    person: Groups,
    session: SessionTag,
    server: ServerId,
    service: &'static str,
    account: Account,
    directory: DirectoryVersion,
}

impl Key {
    /// Nothing if there is more to say, or less.
    fn of(panel: &Panel) -> Option<Self> {
        let Panel { subject, groups, by, session, server, service, account, through, from, rule, directory } = panel;
        let is_plain = matches!(subject, Some(Who::Person(_))) && by.is_none() && through.is_none();
        (is_plain && from.is_none() && rule.is_none()).then_some(())?;
        Some(Self {
            person: groups.clone(),
            session: session.as_ref()?.0,
            server: server.as_ref()?.0.clone(),
            service: (*service)?,
            account: account.as_ref()?.0.clone(),
            directory: directory.as_ref()?.0.clone(),
        })
    }

    fn is_for(&self, other: &Self) -> bool {
        self.person.are_those_of(&other.person)
            && self.session == other.session
            && self.server == other.server
            && self.service == other.service
            && self.account == other.account
            && self.directory == other.directory
    }

    /// Where it is kept.
    fn place(&self) -> usize {
        let address = |text: &str| text.as_ptr().addr() >> 4;
        (self.person.address() ^ address(self.server.as_str()) ^ address(self.service)) % MOST
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
pub(super) fn append(json: &mut Vec<u8>, panel: &Panel) -> Result<(), serde_json::Error> {
    let Some(key) = Key::of(panel) else { return written::append(json, panel) };
    KNOWN.with_borrow_mut(|known| {
        if known.is_empty() {
            known.resize_with(MOST, || None);
        }
        let Some(place) = known.get_mut(key.place()) else { return written::append(json, panel) };
        if let Some((_, object)) = place.as_ref().filter(|(kept, _)| kept.is_for(&key)) {
            written::append_object(json, object);
            return Ok(());
        }
        let object = serde_json::to_vec(panel)?;
        written::append_object(json, &object);
        *place = Some((key, object));
        Ok(())
    })
}
