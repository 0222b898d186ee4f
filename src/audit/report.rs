//! Reading the records: who was where, as what, doing what.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::audit::archive;
use crate::audit::archive::Lines;
use crate::model::Account;
use crate::model::ServerId;
use crate::model::Timestamp;

/// Most stays that are kept: more is no report that anybody reads.
const MOST_STAYS: usize = 20_000;

/// Most different things that are kept of one stay, and addresses.
const MOST_DEEDS: usize = 500;
const MOST_CLIENTS: usize = 16;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Search {
    /// Only from this moment on.
    pub since: Timestamp,
    /// Only before this moment.
    pub until: Timestamp,
    /// Only this server.
    pub server: Option<ServerId>,
    /// Only as this account.
    pub account: Option<Account>,
    /// Only this person: `sub`, or a part of the name.
    pub person: Option<String>,
}

/// One person in one session at one place.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stay {
    /// The first record of it in the time that is asked for.
    pub from: String,
    /// The last.
    pub until: String,
    /// Who, for reading.
    pub name: String,
    /// Who: the provider.
    pub iss: String,
    /// Who: the provider's name for them.
    pub sub: String,
    /// The session, as eight digits.
    pub session: String,
    /// From which addresses, at most 16.
    pub clients: BTreeSet<String>,
    /// Where.
    pub server: String,
    /// Which service.
    pub service: String,
    /// As what.
    pub account: String,
    /// Requests that were answered.
    pub requests: u64,
    /// What was done, by its words.
    pub deeds: BTreeMap<String, Deed>,
    /// How many things more were done than are kept.
    pub further_deeds: u64,
}

/// Something that was done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Deed {
    /// When first.
    pub first: String,
    /// When last.
    pub last: String,
    /// How often.
    pub times: u64,
}

/// The answer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reported {
    /// The stays, by their beginning.
    pub stays: Vec<Stay>,
    /// Stays beyond the most that are kept.
    pub further_stays: u64,
    /// Lines that are no records. What they said is not in here.
    pub damaged_lines: u64,
    /// Records of requests that were left out when they were written.
    pub shed: u64,
}

#[derive(Deserialize)]
struct Record {
    time: String,
    kind: String,
    outcome: String,
    #[serde(default)]
    client: String,
    subject: Option<Who>,
    #[serde(default)]
    session: String,
    #[serde(default)]
    server: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    account: String,
    reason: Option<String>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    path: String,
    action: Option<Action>,
    #[serde(default)]
    shed: u64,
}

#[derive(Default, Deserialize)]
struct Who {
    iss: String,
    sub: String,
    name: String,
}

#[derive(Deserialize)]
struct Action {
    verb: String,
    #[serde(default)]
    object: BTreeMap<String, String>,
}

/// Reads the files of the log whose current file this is, one line in memory at a time.
///
/// # Errors
/// When a file cannot be read. Lines that are no records are counted and left out.
pub fn report(current: &Path, search: &Search) -> io::Result<Reported> {
    let mut reading = Reading { search, reported: Reported::default(), stays: HashMap::new() };
    let files = archive::files(current)?;
    for (place, path) in files.iter().enumerate() {
        // All of a file is older than the first record of the next.
        let next = files.get(place + 1).map(first_time).transpose()?.flatten();
        if next.is_none_or(|next| next >= search.since) {
            reading.file(path)?;
        }
    }
    let Reading { mut reported, stays, .. } = reading;
    reported.stays = stays.into_values().collect();
    reported.stays.sort_by(|one, other| {
        (&one.from, &one.session, &one.server).cmp(&(&other.from, &other.session, &other.server))
    });
    Ok(reported)
}

fn first_time(path: &PathBuf) -> io::Result<Option<Timestamp>> {
    Ok(archive::first_of(&mut File::open(path)?)?.map(|(_, time)| time))
}

type Key = (String, String, String, String, String, String);

struct Reading<'s> {
    search: &'s Search,
    reported: Reported,
    stays: HashMap<Key, Stay>,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path) -> io::Result<()> {
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.next()? {
            let read = serde_json::from_slice::<Record>(&line.bytes).ok();
            match read.and_then(|record| Some((record.time.parse().ok()?, record))) {
                Some((time, record)) => self.record(time, record),
                None => self.reported.damaged_lines += 1,
            }
        }
        Ok(())
    }

    fn record(&mut self, time: Timestamp, record: Record) {
        let search = self.search;
        if time < search.since || time >= search.until {
            return;
        }
        self.reported.shed += record.shed;
        let is_here = search.server.as_ref().is_none_or(|server| server.as_str() == record.server);
        let is_account = search.account.as_ref().is_none_or(|account| account.as_str() == record.account);
        if record.server.is_empty() || !is_here || !is_account {
            return;
        }
        let deed = record.deed();
        let Record { client, subject, session, server, service, account, kind, time, outcome, .. } = record;
        let Who { iss, sub, name } = subject.unwrap_or_default();
        let is_person = |person: &String| sub == *person || name.to_lowercase().contains(&person.to_lowercase());
        if !search.person.as_ref().is_none_or(is_person) {
            return;
        }
        let key: Key = (session.clone(), iss.clone(), sub.clone(), server.clone(), service.clone(), account.clone());
        if self.stays.len() >= MOST_STAYS && !self.stays.contains_key(&key) {
            self.reported.further_stays += 1;
            return;
        }
        let fresh =
            || Stay { from: time.clone(), name, iss, sub, session, server, service, account, ..Stay::default() };
        let stay = self.stays.entry(key).or_insert_with(fresh);
        stay.until.clone_from(&time);
        if stay.clients.len() < MOST_CLIENTS && !client.is_empty() {
            stay.clients.insert(client);
        }
        stay.requests += u64::from(kind == "panel.request" && outcome == "succeeded");
        let Some(deed) = deed else { return };
        if stay.deeds.len() >= MOST_DEEDS && !stay.deeds.contains_key(&deed) {
            stay.further_deeds += 1;
            return;
        }
        let deed = stay.deeds.entry(deed).or_insert_with(|| Deed { first: time.clone(), ..Deed::default() });
        deed.last = time;
        deed.times += 1;
    }
}

impl Record {
    /// What was done, in words; nothing for requests that only look.
    fn deed(&self) -> Option<String> {
        let ended = match (self.outcome.as_str(), self.reason.as_deref()) {
            ("succeeded", _) => String::new(),
            (outcome, None) => format!(" ({outcome})"),
            (outcome, Some(reason)) => format!(" ({outcome}: {reason})"),
        };
        match self.kind.as_str() {
            "panel.request" => {
                let words = match &self.action {
                    Some(action) => {
                        let object = action.object.iter().map(|(name, value)| format!(" {name}={value}"));
                        format!("{}{}", action.verb, object.collect::<String>())
                    }
                    None if matches!(self.method.as_str(), "GET" | "HEAD") && ended.is_empty() => return None,
                    None => format!("{} {}", self.method, self.path),
                };
                Some(format!("{words}{ended}"))
            }
            // Its end says more.
            "panel.open" | "panel.renew" if self.outcome == "begun" => None,
            kind => Some(format!("{kind}{ended}")),
        }
    }
}
