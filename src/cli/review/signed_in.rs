//! Somebody who has signed in, found in the audit files by their subject.

use std::io;
use std::path::Path;

use crate::audit;
use crate::audit::LastRead;
use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::review::arguments::SignedIn;
use crate::cli::review::message;
use crate::cli::review::shown;
use crate::cli::review::usage;
use crate::model::Timestamp;

/// What came of looking for somebody.
pub(super) enum Sought {
    /// Nobody was asked for.
    Nobody,
    /// This is them.
    Found(LastRead),
    /// They cannot be told from the records: it has been said why.
    Failed(Exit),
}

/// Looks for the subject that the arguments name.
pub(super) fn seek(
    arguments: &SignedIn,
    config: &Path,
    now: Timestamp,
    streams: &mut Streams<'_>,
) -> io::Result<Sought> {
    let Some(sub) = &arguments.subject else { return Ok(Sought::Nobody) };
    let file = match &arguments.audit_file {
        Some(file) => file.clone(),
        None => match crate::cli::audit::file(config, streams)? {
            Some(file) => file,
            None => return Ok(Sought::Failed(Exit::Config)),
        },
    };
    let found = match audit::last_read(&file, sub) {
        Ok(found) => found,
        Err(error) => {
            let file = shown(&file.display().to_string());
            message(&format!("error: the audit files at {file} cannot be read: {error}"), streams)?;
            return Ok(Sought::Failed(Exit::Software));
        }
    };
    let is_meant = |one: &LastRead| arguments.issuer.as_ref().is_none_or(|issuer| one.subject.iss == *issuer);
    let mut meant: Vec<LastRead> = found.into_iter().filter(is_meant).collect();
    let (sub, since) = (shown(sub), arguments.read_since.seen_from(now));
    let problem = match (meant.pop(), meant.as_slice()) {
        (Some(one), []) if one.at >= since => return Ok(Sought::Found(one)),
        (Some(one), []) => format!(
            "the groups of {} ({sub}) were last read at {}, and may be others by now; give them with --groups, or \
             --read-since for older ones",
            shown(&one.name),
            one.at
        ),
        (Some(one), others) => {
            let issuers = others.iter().chain([&one]).map(|one| shown(&one.subject.iss)).collect::<Vec<_>>();
            format!("several providers know a {sub}: say which with --issuer {}", issuers.join(" or --issuer "))
        }
        (None, _) => {
            let at = arguments.issuer.as_ref().map(|issuer| format!(" with {}", shown(issuer))).unwrap_or_default();
            format!(
                "nobody with the subject {sub} has signed in{at}, as far as the audit files at {} go back",
                shown(&file.display().to_string())
            )
        }
    };
    usage(&problem, streams).map(Sought::Failed)
}
