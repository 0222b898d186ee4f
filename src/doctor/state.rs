//! Where the state and the records go: there, whole, writable, with room.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::Access;
use rustix::fs::access;
use rustix::fs::statvfs;

use crate::audit;
use crate::compose::Rounds;
use crate::config::Config;
use crate::config::StoreAt;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::model::Timestamp;
use crate::store::Seen;
use crate::store::Shared;
use crate::telemetry::Chain;

const MIB: u64 = 1024 * 1024;

/// Less room than this for the state is too little.
const ROOM: u64 = 64 * MIB;

/// A statement that takes longer, in milliseconds, makes every sign-in and opening feel slow.
const SLOW: u128 = 50;

/// Connections that a database needs besides ours: its own, and an operator's.
const SPARE: i64 = 5;

/// A difference of clocks, in milliseconds, that makes sessions end early or late.
const DIFFERENCE: u64 = 2000;

/// What the store shows.
pub(super) fn store(config: &Config, rounds: &Rounds, now: Timestamp) -> Vec<Finding> {
    let folder = &config.state_directory;
    let mut findings = Vec::new();
    let about = match &config.store {
        StoreAt::StateFolder => folder.display().to_string(),
        StoreAt::Postgres { .. } => "PostgreSQL".to_owned(),
    };
    match &rounds.store {
        Ok(None) => {
            let says = "there is no store yet: the first start makes it";
            findings.push(Finding::well(Part::Store, &about, says));
        }
        Ok(Some(seen)) => findings.push(of(seen, config, &about, now)),
        Err(error) => {
            let says = format!("the store cannot be used: {}", Chain(error));
            let advice = match &config.store {
                StoreAt::StateFolder => {
                    "see who holds or owns the file; a damaged one: docs/operations.md, \"Restore\""
                }
                StoreAt::Postgres { .. } => {
                    "see that the database runs, that this machine may connect to it, and that [store] names the \
                     right address, password and server key"
                }
            };
            findings.push(Finding::wrong(Part::Store, &about, says, advice));
        }
    }
    findings.extend(room(Part::Store, folder, ROOM));
    findings
}

fn of(seen: &Seen, config: &Config, about: &str, now: Timestamp) -> Finding {
    let Seen { layout, known, damage, took, shared } = seen;
    if layout > known {
        let says = format!("it has layout {layout}, and this version knows up to {known}: a gateway will not start");
        let advice = "use the newer program that wrote it, or go back as docs/operations.md says (\"Roll back\")";
        return Finding::wrong(Part::Store, about, says, advice);
    }
    if let Some(damage) = damage {
        let advice = "stop the gateway and restore a backup (docs/operations.md, \"Restore\")";
        return Finding::wrong(Part::Store, about, format!("the file is damaged: {damage}"), advice);
    }
    if let Some(finding) = shared.as_ref().and_then(|shared| of_shared(shared, config, about, now)) {
        return finding;
    }
    if took.as_millis() > SLOW {
        let says = format!("a statement takes {} ms", took.as_millis());
        let advice = "look at the load and the disk of the store, and the network between";
        return Finding::remark(Part::Store, about, says, advice);
    }
    if layout < known {
        let says = format!("it has layout {layout}: the next start of this version brings it to {known}");
        let advice = "back it up before (docs/operations.md, \"Upgrade\")";
        return Finding::remark(Part::Store, about, says, advice);
    }
    let listens = if shared.is_some() { "; notifications arrive" } else { "" };
    let took = took.as_secs_f64() * 1000.0;
    Finding::well(Part::Store, about, format!("layout {layout}, takes writes, answers in {took:.1} ms{listens}"))
}

fn of_shared(shared: &Shared, config: &Config, about: &str, now: Timestamp) -> Option<Finding> {
    let Shared { is_read_only, may_create, notifies, connections, clock, said_at } = shared;
    if *is_read_only {
        let says = "it takes no writes: nobody can sign in or open a server";
        let advice = "connect to the primary: in the address, target_session_attrs=read-write, or the primary's name";
        return Some(Finding::wrong(Part::Store, about, says, advice));
    }
    if !may_create {
        let says = "its user may make no tables, which starts of newer versions need";
        let advice = "make the database the user's own: ALTER DATABASE … OWNER TO …";
        return Some(Finding::remark(Part::Store, about, says, advice));
    }
    if !notifies {
        let says = "notifications (LISTEN) do not arrive: a revocation takes a quarter of a second instead of none";
        let advice = "connect to PostgreSQL itself, or to a pooler in session mode: transaction mode loses them";
        return Some(Finding::remark(Part::Store, about, says, advice));
    }
    let ours = i64::try_from(config.limits.store_connections).unwrap_or(i64::MAX);
    if ours.saturating_add(SPARE) > *connections {
        let says = format!("it takes {connections} connections, and one gateway may need {ours}");
        let advice = "raise max_connections of PostgreSQL, or lower limits.store_connections";
        return Some(Finding::remark(Part::Store, about, says, advice));
    }
    // It was asked a while ago: servers that do not answer take their time.
    let clock = Timestamp(u64::try_from(*clock).unwrap_or_default()).plus(said_at.elapsed());
    let difference = clock.0.abs_diff(now.0);
    (difference > DIFFERENCE).then(|| {
        let says = format!("its clock and ours are {} s apart", difference / 1000);
        Finding::remark(Part::Store, about, says, "see that all machines' clocks are set by NTP (`timedatectl`)")
    })
}

/// Whether events can be written.
pub(super) async fn audit(config: &Config) -> Vec<Finding> {
    let file = &config.audit.file;
    let about = file.display();
    let advice =
        "give the gateway's user the folder (the unit in deploy/systemd does it): without a record nothing is done";
    let mut findings = match appendable(file) {
        Ok(()) => vec![Finding::well(Part::Audit, &about, "it can be written")],
        Err(error) => vec![Finding::wrong(Part::Audit, &about, format!("it cannot be written: {error}"), advice)],
    };
    let folder = file.parent().unwrap_or(Path::new("."));
    findings.extend(room(Part::Audit, folder, config.limits.audit_file_mib.saturating_mul(MIB)));
    let Some(target) = config.audit.syslog.clone() else { return findings };
    let about = target.to_string();
    let reached = tokio::task::spawn_blocking(move || audit::reach_syslog(&target)).await;
    findings.push(match reached.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Finding::well(Part::Audit, about, "syslog can be reached"),
        Err(error) => {
            let says = format!("syslog cannot be reached: {error}");
            let advice = "see that it runs and listens there, or change [audit] syslog";
            if config.audit.required {
                Finding::wrong(Part::Audit, about, format!("{says}; nothing that has to be on record happens"), advice)
            } else {
                Finding::remark(Part::Audit, about, says, advice)
            }
        }
    });
    findings
}

/// Whether the file can be written, or made where it is missing. Nothing is made.
fn appendable(file: &Path) -> io::Result<()> {
    if file.try_exists()? {
        return fs::OpenOptions::new().append(true).open(file).map(drop);
    }
    Ok(access(nearest(file), Access::WRITE_OK | Access::EXEC_OK)?)
}

/// The path itself, or the nearest folder above that exists.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."))
}

/// That there is too little room, if there is.
fn room(part: Part, folder: &Path, wanted: u64) -> Option<Finding> {
    let about = folder.display();
    let found = match statvfs(nearest(folder)) {
        Ok(found) => found,
        Err(error) => {
            let advice = "see that the folder can be reached by the gateway's user";
            return Some(Finding::wrong(
                part,
                about,
                format!("the disk does not say what room it has: {error}"),
                advice,
            ));
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let says = format!("{} MiB are left on its disk", free / MIB);
    let advice = "make room: when it is full, nothing that has to be on record happens, and nobody signs in";
    if free < ROOM {
        Some(Finding::wrong(part, about, says, advice))
    } else if free < wanted {
        Some(Finding::remark(part, about, says, advice))
    } else {
        None
    }
}
