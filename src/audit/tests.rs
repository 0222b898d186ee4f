//! The files through their whole life, and everything that can be done to them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::audit::file::ChainFile;
use crate::audit::file::line;
use crate::audit::file::own;
use crate::model::Action;
use crate::model::ClientAddr;
use crate::model::Clock;
use crate::model::DirectoryVersion;
use crate::model::ReferenceId;
use crate::model::Service;
use crate::model::SystemClock;
use crate::model::Timestamp;
use crate::session::EntryPlace;
use crate::session::Session;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LATER: Timestamp = Timestamp::from_secs(1_700_010_000);

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("audit.jsonl")
    }

    fn settings(&self) -> FileSettings {
        let head = self.0.path().join("state.head");
        FileSettings { path: self.file(), head, rotate_bytes: 4000, rotate_after: Duration::from_hours(1), keep: 100 }
    }

    fn open(&self) -> ChainFile {
        ChainFile::open(self.settings(), NOW).unwrap()
    }

    /// A log of three files with four records each, and two in the current one.
    fn filled() -> (Self, Vec<PathBuf>) {
        let folder = Self::new();
        let mut chain = folder.open();
        for number in 0..14 {
            if number % 4 == 0 {
                // Each file is old enough once the next begins.
                chain.rotate_if_due(Timestamp(LATER.0 * (number / 4 + 1))).unwrap();
            }
            let at = Timestamp(LATER.0 * (number / 4 + 1) + number);
            chain.write(&[record()], at).unwrap();
        }
        let files = archive::files(&folder.file()).unwrap();
        assert_eq!(files.len(), 4);
        (folder, files)
    }

    fn verify(&self) -> Verified {
        verify(&self.file(), Some(&self.settings().head), None).unwrap()
    }

    fn found(&self) -> Vec<String> {
        let folder = format!("{}/", self.0.path().display());
        self.verify().findings.iter().map(|finding| finding.to_string().replace(&folder, "")).collect()
    }
}

fn record() -> Vec<u8> {
    line(&own(Kind::SignIn, NOW)).unwrap()
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn put(path: &Path, lines: &[String]) {
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn the_chain_runs_through_all_files_and_restarts() {
    let (folder, files) = Folder::filled();
    let verified = folder.verify();
    assert_eq!((verified.findings, verified.notes), (vec![], Vec::<String>::new()));
    assert_eq!((verified.files, verified.records), (4, 14));
    assert_eq!(verified.range.map(|(first, last)| (first, last.seq)), Some((1, 14)));
    assert!(files[0].to_str().unwrap().ends_with("audit.jsonl.00000000000000000001"));
    let mut chain = folder.open();
    chain.write(&[record(), record()], NOW).unwrap();
    assert_eq!(folder.verify().records, 16);
    assert_eq!(folder.found(), [""; 0]);
    // The current one gone with what it held, others put aside before: the chain knows what it was.
    fs::rename(folder.file(), folder.0.path().join("elsewhere")).unwrap();
    chain.write(&[record()], NOW).unwrap();
    assert_eq!(folder.found(), ["file missing: records 13 to 16 before audit.jsonl"]);
}

type Harm = fn(&Folder, &[PathBuf]);

/// What somebody did, and what is found.
const HARMS: [(&str, Harm, &[&str]); 9] = [
    (
        "edited",
        |_, files| {
            let mut text = lines(&files[1]);
            text[1] = text[1].replace("sign_in", "sign_ox");
            put(&files[1], &text);
        },
        &["changed: record 6 at audit.jsonl.00000000000000000005:2 is not what it was when the next was written"],
    ),
    (
        "made unreadable",
        |_, files| {
            let mut text = lines(&files[1]);
            text[1] = "{}".into();
            put(&files[1], &text);
        },
        &[
            "damaged: audit.jsonl.00000000000000000005:2 is no record",
            "removed: record 6 before audit.jsonl.00000000000000000005:3",
        ],
    ),
    (
        "a line removed",
        |_, files| {
            let mut text = lines(&files[1]);
            text.remove(2);
            put(&files[1], &text);
        },
        &["removed: record 7 before audit.jsonl.00000000000000000005:3"],
    ),
    (
        "two lines swapped",
        |_, files| {
            let mut text = lines(&files[1]);
            text.swap(1, 2);
            put(&files[1], &text);
        },
        &["moved: record 6 at audit.jsonl.00000000000000000005:3 is not in its place"],
    ),
    (
        "a line repeated",
        |_, files| {
            let mut text = lines(&files[1]);
            text.insert(2, text[1].clone());
            put(&files[1], &text);
        },
        &["moved: record 6 at audit.jsonl.00000000000000000005:3 is not in its place"],
    ),
    (
        "a file removed",
        |_, files| fs::remove_file(&files[1]).unwrap(),
        &["file missing: records 5 to 8 before audit.jsonl.00000000000000000009"],
    ),
    (
        "the first file removed",
        |_, files| fs::remove_file(&files[0]).unwrap(),
        &["file missing: records 1 to 4 before audit.jsonl.00000000000000000005"],
    ),
    (
        "the end cut off",
        |folder, _| {
            let mut text = lines(&folder.file());
            text.pop();
            put(&folder.file(), &text);
        },
        &["truncated: record 14 at the end"],
    ),
    (
        "the last line edited",
        |folder, _| {
            let text = fs::read_to_string(folder.file()).unwrap();
            let at = text.rfind("sign_in").unwrap();
            fs::write(folder.file(), format!("{}sign_ox{}", text.get(..at).unwrap(), text.get(at + 7..).unwrap()))
                .unwrap();
        },
        &["changed: record 14, the last, is not what the head knows"],
    ),
];

#[test]
fn what_was_done_to_the_files_is_told_apart() {
    for (what, harm, expected) in HARMS {
        let (folder, files) = Folder::filled();
        harm(&folder, &files);
        assert_eq!(folder.found(), expected, "{what}");
    }
}

#[test]
fn a_line_that_a_crash_has_torn_is_no_harm_and_on_record() {
    let (folder, _) = Folder::filled();
    let whole = fs::read_to_string(folder.file()).unwrap();
    fs::write(folder.file(), format!("{whole}{{\"schema\":\"panelg")).unwrap();
    let verified = folder.verify();
    assert_eq!(verified.findings, []);
    assert!(verified.notes[0].contains("the last line has no end"), "{:?}", verified.notes);
    let mut chain = folder.open();
    chain.write(&[record()], NOW).unwrap();
    let verified = folder.verify();
    assert_eq!((verified.findings, verified.records), (vec![], 16));
    assert!(verified.notes[0].ends_with(":3: torn by a crash; the chain went on after it"), "{:?}", verified.notes);
    assert!(lines(&folder.file())[3].contains("\"kind\":\"audit.resumed\""));
    // Something else in the place of what was torn is found.
    let mut text = lines(&folder.file());
    text[2] = "{\"schema\":\"panelgone".into();
    put(&folder.file(), &text);
    assert_eq!(folder.found(), ["damaged: audit.jsonl:3 is no record"]);
    // A line that lacks nothing but its end is a record.
    let (folder, _) = Folder::filled();
    let whole = fs::read_to_string(folder.file()).unwrap();
    fs::write(folder.file(), whole.trim_end()).unwrap();
    folder.open().write(&[record()], NOW).unwrap();
    let verified = folder.verify();
    assert_eq!((verified.findings, verified.notes, verified.records), (vec![], vec![], 15));
}

#[test]
fn records_that_are_gone_at_the_start_are_on_record() {
    let (folder, _) = Folder::filled();
    let mut text = lines(&folder.file());
    text.pop();
    put(&folder.file(), &text);
    folder.open();
    let verified = folder.verify();
    assert_eq!(verified.findings.len(), 1, "{:?}", verified.findings);
    assert!(folder.found()[0].starts_with("removed: record 14"), "{:?}", folder.found());
    assert!(verified.notes[0].contains("records_missing"), "{:?}", verified.notes);
}

#[test]
fn old_files_are_removed_on_record() {
    let folder = Folder::new();
    let mut chain = ChainFile::open(FileSettings { keep: 2, ..folder.settings() }, NOW).unwrap();
    for round in 1..=6 {
        chain.write(&[record(), record()], Timestamp(LATER.0 * round)).unwrap();
        chain.rotate_if_due(Timestamp(LATER.0 * (round + 1))).unwrap();
    }
    let files = archive::files(&folder.file()).unwrap();
    assert_eq!(files.len(), 3, "{files:?}");
    let verified = folder.verify();
    assert_eq!(verified.findings, []);
    assert!(verified.notes.iter().any(|note| note.contains("removed with their files")), "{:?}", verified.notes);
    // One more than that is found.
    fs::remove_file(&files[0]).unwrap();
    assert!(folder.found()[0].starts_with("file missing: records"), "{:?}", folder.found());
}

#[test]
fn a_large_file_is_put_aside() {
    let folder = Folder::new();
    let mut chain = folder.open();
    for _ in 0..40 {
        chain.rotate_if_due(NOW).unwrap();
        chain.write(&[record()], NOW).unwrap();
    }
    let files = archive::files(&folder.file()).unwrap();
    assert!(files.len() > 2, "{files:?}");
    assert!(files.iter().all(|file| fs::metadata(file).unwrap().len() < 5000));
    assert_eq!(folder.found(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_find_no_room_are_counted_and_acts_find_some() {
    let folder = Folder::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let settings = AuditSettings {
        file: FileSettings { rotate_bytes: u64::MAX, ..folder.settings() },
        stdout: None,
        syslog: None,
        host: "connect.example.com".into(),
        queue: 16,
        patience: Duration::from_secs(30),
    };
    let log = AuditLog::open(settings, &clock).unwrap();
    let (session, place, directory) = panel();
    for _ in 0..20_000 {
        log.note(&answered(&session, &place, &directory));
    }
    log.record(&own(Kind::SignIn, NOW)).await.unwrap();
    log.record(&own(Kind::SignOut, NOW)).await.unwrap();
    let text = fs::read_to_string(folder.file()).unwrap();
    let written = text.lines().filter(|line| line.contains("panel.request")).count();
    let shed: u64 = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["shed"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(u64::try_from(written).unwrap() + shed, 20_000);
    assert!(shed > 0, "20,000 did not fit into 16 places");
    assert_eq!(folder.found(), [""; 0]);
}

/// Nobody waits for ever for a disk that does not answer. (Of a thousand records, one is not on disk at once.)
#[tokio::test(flavor = "multi_thread")]
async fn an_act_waits_for_its_record_no_longer_than_the_bound() {
    let folder = Folder::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let settings = AuditSettings {
        file: FileSettings { rotate_bytes: u64::MAX, ..folder.settings() },
        stdout: None,
        syslog: None,
        host: "connect.example.com".into(),
        queue: 16,
        patience: Duration::ZERO,
    };
    let log = AuditLog::open(settings, &clock).unwrap();
    for _ in 0..1000 {
        if let Err(error) = log.record(&own(Kind::SignIn, NOW)).await {
            assert!(matches!(error, AuditError::TimedOut(Duration::ZERO)), "{error}");
            return;
        }
    }
    panic!("each was waited for");
}

#[test]
fn a_report_tells_who_was_where_doing_what() {
    let folder = Folder::new();
    let mut chain = folder.open();
    let said = |time: &str, kind: &str, more: &str| {
        format!(
            "{{\"schema\":\"panelgate.audit/1\",\"time\":\"{time}\",\"kind\":\"{kind}\",\"outcome\":\"succeeded\",\
             \"client\":\"192.0.2.7\",\"subject\":{{\"iss\":\"i\",\"sub\":\"s\",\"name\":\"Sam Support\"}},\
             \"session\":\"cc5fe626\",\"server\":\"web7\",\"service\":\"whostmgrd\",\"account\":\"root\"{more}}}"
        )
        .into_bytes()
    };
    let removal = ",\"method\":\"POST\",\"path\":\"/json-api/removeacct\",\
                   \"action\":{\"api\":\"whm_api_1\",\"verb\":\"removeacct\",\"object\":{\"user\":\"example\"}}";
    let records = [
        said("2026-11-21T21:00:00Z", "panel.open", ""),
        said("2026-11-21T21:01:00Z", "panel.request", ",\"method\":\"GET\",\"path\":\"/\""),
        said("2026-11-21T21:02:00Z", "panel.request", removal),
        said("2026-11-21T21:03:00Z", "panel.request", removal),
        said("2026-11-22T21:03:00Z", "panel.request", ",\"method\":\"POST\",\"path\":\"/scripts/x\""),
    ];
    chain.write(&records, NOW).unwrap();
    let mut text = fs::read_to_string(folder.file()).unwrap();
    text.push_str("{\"torn");
    fs::write(folder.file(), text).unwrap();
    let search = Search {
        since: "2026-11-21T20:00:00Z".parse().unwrap(),
        until: "2026-11-22T08:00:00Z".parse().unwrap(),
        server: Some("web7".parse().unwrap()),
        account: None,
        person: Some("sam".into()),
    };
    let reported = report(&folder.file(), &search).unwrap();
    assert_eq!((reported.stays.len(), reported.damaged_lines), (1, 1));
    let stay = &reported.stays[0];
    assert_eq!((stay.requests, stay.name.as_str(), stay.account.as_str()), (3, "Sam Support", "root"));
    let deeds: Vec<(&str, u64)> = stay.deeds.iter().map(|(words, deed)| (words.as_str(), deed.times)).collect();
    assert_eq!(deeds, [("panel.open", 1), ("removeacct user=example", 2)]);
    for other in [
        Search { server: Some("web8".parse().unwrap()), ..search.clone() },
        Search { person: Some("ada".into()), ..search.clone() },
        Search { account: Some("bob".parse().unwrap()), ..search },
    ] {
        assert_eq!(report(&folder.file(), &other).unwrap().stays.len(), 0);
    }
}

#[test]
fn every_kind_of_event_is_documented_and_in_the_schema() {
    let (source, page) = (include_str!("event.rs"), include_str!("../../docs/audit.md"));
    let schema = include_str!("../../docs/audit.schema.json");
    let names = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\","));
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/audit.md");
        assert!(schema.contains(&format!("\"{name}\"")), "{name} is not in docs/audit.schema.json");
    }
}

/// Who asks for what.
fn panel() -> (Arc<Session>, EntryPlace, DirectoryVersion) {
    let (service, account) = (Service::Whostmgrd, "root".parse().unwrap());
    let place = EntryPlace { server: "web7".parse().unwrap(), service, account, through: None };
    (Session::for_test(), place, DirectoryVersion("abc".into()))
}

fn answered<'r>(session: &'r Session, place: &'r EntryPlace, directory: &'r DirectoryVersion) -> Answered<'r> {
    Answered {
        time: NOW,
        reference: ReferenceId::from_bits(7),
        client: ClientAddr("192.0.2.7:1234".parse().unwrap()),
        session,
        place,
        directory,
        method: &http::Method::GET,
        path: "/a\"b\\c\u{1}\u{e9}/x",
        action: None,
        status: http::StatusCode::NOT_FOUND,
    }
}

#[test]
fn what_is_written_by_hand_is_what_an_event_writes() {
    let (session, place, directory) = panel();
    let action = Action { api: "uapi", verb: "Email/add_pop".into(), object: [("user".into(), "b\"ob".into())].into() };
    for action in [None, Some(&action)] {
        // Another session of the same person in the same panel, and the first one again.
        for session in [&session, &Session::for_test(), &session] {
            let answered = Answered { action, ..answered(session, &place, &directory) };
            let Answered { time, reference, client, method, path, status, .. } = answered;
            let event = Event::new(Kind::PanelRequest, Outcome::Succeeded, reference, time)
                .client(client)
                .session(session)
                .place(&place.server, place.service)
                .account(&place.account)
                .directory(&directory)
                .request(method, path.to_owned(), action.cloned())
                .status(status);
            let mut by_hand = Vec::new();
            answered.write(&mut by_hand).unwrap();
            assert_eq!(String::from_utf8(by_hand).unwrap().into_bytes(), line(&event).unwrap());
        }
    }
}
