//! The audit files: whole lines, on disk before anybody goes on, in a chain that runs through all of them.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::archive;
use crate::audit::chain;
use crate::audit::chain::Link;
use crate::audit::chain::Sealed;
use crate::audit::event::Event;
use crate::audit::event::Kind;
use crate::audit::event::Outcome;
use crate::model::ReferenceId;
use crate::model::Timestamp;

/// Most bytes of a line that are looked at to find where the chain ended.
const TAIL: u64 = 4 * 1024 * 1024;

/// Where the records go, and for how long.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// The file that is written.
    pub path: PathBuf,
    /// The small file that says which record was the last, outside the folder of the records.
    pub head: PathBuf,
    /// A file of this many bytes is put aside.
    pub rotate_bytes: u64,
    /// So is one whose first record is this old.
    pub rotate_after: Duration,
    /// Files that are kept beside the current one. Older ones are removed.
    pub keep: usize,
}

/// The current file and the end of the chain.
#[derive(Debug)]
pub(super) struct ChainFile {
    settings: FileSettings,
    file: File,
    head: File,
    last: Link,
    /// The first record of the current file, and its time.
    first: Option<(u64, Timestamp)>,
}

/// What was found where the chain should go on.
struct Found {
    last: Option<Link>,
    first: Option<(u64, Timestamp)>,
    /// Whether the last line has no end.
    is_open: bool,
    /// The fingerprint of that line, unless it is whole but for its end.
    torn: Option<String>,
}

impl ChainFile {
    /// Opens the file for appending, readable by its owner and group only. If the chain cannot simply go on,
    /// because a crash has torn a line or records are gone, that is its first new record.
    pub(super) fn open(settings: FileSettings, now: Timestamp) -> io::Result<Self> {
        let mut file = appending(&settings.path)?;
        let head =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).mode(0o600).open(&settings.head)?;
        let found = Found::at_the_end_of(&mut file)?;
        if found.is_open {
            append(&mut file, b"\n")?;
        }
        let written = match found.last {
            Some(last) => Some(last),
            None => archive::newest(&settings.path)?,
        };
        let known = read_head(&head);
        let (last, reason) = match (written, known) {
            (written, Some(known)) if written.is_none_or(|written| written.seq < known.seq) => {
                (known, Some("records_missing"))
            }
            (Some(written), _) => (written, None),
            (None, _) => (Link::BEGINNING, None),
        };
        let reason = found.torn.as_ref().map(|_| "torn_line").or(reason);
        let mut chain = Self { settings, file, head, last, first: found.first };
        if let Some(reason) = reason {
            let mut event = own(Kind::AuditResumed, now).reason(reason);
            event.rest.torn = found.torn;
            chain.write(&[line(&event)?], now)?;
        }
        Ok(chain)
    }

    /// Writes records and brings them to disk: all of them or none.
    pub(super) fn write(&mut self, records: &[impl AsRef<[u8]>], now: Timestamp) -> io::Result<()> {
        self.follow_the_name()?;
        let room = records.iter().map(|record| record.as_ref().len() + Link::ROOM).sum();
        let (mut lines, mut last) = (Vec::with_capacity(room), self.last);
        for record in records {
            last = last.extend(record.as_ref(), &mut lines);
        }
        append(&mut self.file, &lines)?;
        self.first.get_or_insert((self.last.seq.saturating_add(1), now));
        self.last = last;
        // Only after the records themselves: it must never be ahead of them.
        self.head.write_all_at(format!("{:>85}\n", last.to_string()).as_bytes(), 0)?;
        Ok(())
    }

    /// Puts the current file aside if it is large or old enough, and removes what is too much.
    ///
    /// A failure leaves the current file in use.
    pub(super) fn rotate_if_due(&mut self, now: Timestamp) -> io::Result<()> {
        let Some((first, began)) = self.first else { return Ok(()) };
        let metadata = self.file.metadata()?;
        let is_due = metadata.len() >= self.settings.rotate_bytes || now.since(began) >= self.settings.rotate_after;
        if !is_due || !metadata.is_file() {
            return Ok(());
        }
        let path = &self.settings.path;
        fs::rename(path, archive::name(path, first))?;
        self.file = appending(path)?;
        self.first = None;
        sync_folder(path)?;
        self.prune(now)
    }

    /// Removes the oldest files, each once that is on record.
    fn prune(&mut self, now: Timestamp) -> io::Result<()> {
        let files = archive::put_aside(&self.settings.path)?;
        let surplus = files.len().saturating_sub(self.settings.keep);
        for (position, (_, path)) in files.iter().enumerate().take(surplus) {
            let next = files.get(position + 1).map(|(first, _)| *first).or(self.first.map(|(first, _)| first));
            let mut event = own(Kind::AuditPruned, now);
            event.rest.removed_to = Some(next.unwrap_or(self.last.seq.saturating_add(1)).saturating_sub(1));
            let record = line(&event)?;
            self.write(&[record], now)?;
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// If the file has been moved or removed by somebody else, goes on in a new one of its name.
    fn follow_the_name(&mut self) -> io::Result<()> {
        let held = self.file.metadata()?;
        let is_ours = match fs::metadata(&self.settings.path) {
            Ok(named) => (named.dev(), named.ino()) == (held.dev(), held.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !is_ours {
            self.file = appending(&self.settings.path)?;
            self.first = None;
        }
        Ok(())
    }
}

/// An event about the record itself.
pub(super) fn own(kind: Kind, now: Timestamp) -> Event {
    Event::new(kind, Outcome::Succeeded, ReferenceId::from_bits(0), now)
}

pub(super) fn line(event: &Event) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    event.write(&mut json).map_err(io::Error::other)?;
    Ok(json)
}

impl Found {
    fn at_the_end_of(file: &mut File) -> io::Result<Self> {
        let mut found = Self { last: None, first: None, is_open: false, torn: None };
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok(found);
        }
        let tail = metadata.len().min(TAIL);
        file.seek(SeekFrom::End(-i64::try_from(tail).unwrap_or(i64::MAX)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (whole, torn) = bytes.split_at(end);
        let link = |line: &[u8]| Some(Link::of(Sealed::read(line)?.seq, line));
        found.is_open = !torn.is_empty();
        found.torn = (found.is_open && link(torn).is_none()).then(|| chain::fingerprint(torn));
        // A line that a crash has torn earlier is skipped: what follows it does not chain to it.
        found.last = link(torn).or_else(|| whole.rsplit(|byte| *byte == b'\n').find_map(link));
        found.first = archive::first_of(file)?;
        Ok(found)
    }
}

fn appending(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).append(true).mode(0o640).open(path)
}

/// The last record as the head file has it. One that cannot be read says nothing.
pub(super) fn read_head(head: &File) -> Option<Link> {
    let mut text = [0; 86];
    head.read_exact_at(&mut text, 0).ok()?;
    str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// Writes lines and brings them to disk, all or none: what a full disk took of them is taken back, so that
/// the next line does not begin in the middle of another.
fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let Err(error) = file.write_all(lines).and_then(|()| file.sync_data()) else { return Ok(()) };
    if file.metadata()?.len() > before {
        file.set_len(before)?;
    }
    Err(error)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
