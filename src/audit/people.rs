//! Reading the records: which groups somebody had when their provider was last asked.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::audit::archive;
use crate::audit::archive::Lines;
use crate::audit::event::Kind;
use crate::model::IdpGroup;
use crate::model::Subject;
use crate::model::Timestamp;

/// A person's groups as their provider last named them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRead {
    /// Who.
    pub subject: Subject,
    /// Their name, for reading.
    pub name: String,
    /// Their groups.
    pub groups: Vec<IdpGroup>,
    /// When the provider named them.
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct Record {
    time: String,
    kind: String,
    outcome: String,
    subject: Option<Who>,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Deserialize)]
struct Who {
    iss: String,
    sub: String,
    name: String,
}

/// Everybody with this `sub`, one for each provider, by their issuer: as the latest record has them that says what
/// a provider named. Reads the files of the log whose current file this is, one line in memory at a time.
///
/// # Errors
/// When a file cannot be read. Lines that are no records are left out.
pub fn last_read(current: &Path, sub: &str) -> io::Result<Vec<LastRead>> {
    let mut found: BTreeMap<String, LastRead> = BTreeMap::new();
    for path in archive::files(current)? {
        let mut lines = Lines::open(&path)?;
        while let Some(line) = lines.next()? {
            let Some(read) = serde_json::from_slice(&line.bytes).ok().and_then(|record| reading(record, sub)) else {
                continue;
            };
            if found.get(&read.subject.iss).is_none_or(|known| known.at <= read.at) {
                found.insert(read.subject.iss.clone(), read);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// What a record says of the person's groups, if it is one that does.
fn reading(record: Record, sub: &str) -> Option<LastRead> {
    let Record { time, kind, outcome, subject, groups } = record;
    let Who { iss, sub, name } = subject.filter(|who| who.sub == sub)?;
    let says_groups = [Kind::SignIn, Kind::GroupsChanged].iter().any(|one| one.as_str() == kind);
    let at = time.parse().ok().filter(|_| says_groups && outcome == "succeeded")?;
    Some(LastRead { subject: Subject { iss, sub }, name, groups: groups.into_iter().map(IdpGroup).collect(), at })
}
