//! Following the chain through all files, and telling apart what can be wrong with it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::audit::archive;
use crate::audit::archive::Line;
use crate::audit::archive::Lines;
use crate::audit::chain;
use crate::audit::chain::Link;
use crate::audit::chain::Sealed;
use crate::audit::file;

/// More findings than anybody reads; a file that is something else does not fill the memory.
const MOST: usize = 1000;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A record does not have the content that its successor was written behind.
    Changed {
        /// Its number.
        seq: u64,
        /// Where.
        at: At,
    },
    /// A line that is no record, with no word of a crash behind it.
    Damaged {
        /// Where.
        at: At,
    },
    /// Records between others are gone.
    Removed {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// Behind the gap.
        at: At,
    },
    /// The records of a whole file, or its end and the beginning of the next, are gone.
    FileMissing {
        /// The first record.
        from: u64,
        /// The last.
        to: u64,
        /// The file behind the gap.
        before: PathBuf,
    },
    /// A record stands in another place than it was written in, or twice.
    Moved {
        /// Its number.
        seq: u64,
        /// Where it stands.
        at: At,
    },
    /// Records at the end are gone: the head file knows later ones.
    Truncated {
        /// The first that is gone.
        from: u64,
        /// The last that the head knows.
        to: u64,
    },
    /// The last record is not the one that the head file knows.
    LastChanged {
        /// Its number.
        seq: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { seq, at } => {
                write!(f, "changed: record {seq} at {at} is not what it was when the next was written")
            }
            Self::Damaged { at } => write!(f, "damaged: {at} is no record"),
            Self::Removed { from, to, at } => write!(f, "removed: {} before {at}", Records(*from, *to)),
            Self::FileMissing { from, to, before } => {
                write!(f, "file missing: {} before {}", Records(*from, *to), before.display())
            }
            Self::Moved { seq, at } => write!(f, "moved: record {seq} at {at} is not in its place"),
            Self::Truncated { from, to } => write!(f, "truncated: {} at the end", Records(*from, *to)),
            Self::LastChanged { seq } => write!(f, "changed: record {seq}, the last, is not what the head knows"),
        }
    }
}

struct Records(u64, u64);

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(from, to) = self;
        if from == to { write!(f, "record {from}") } else { write!(f, "records {from} to {to}") }
    }
}

/// What following the chain found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Files that were read.
    pub files: usize,
    /// Records that were read.
    pub records: u64,
    /// The first and the last record.
    pub range: Option<(u64, Link)>,
    /// What is wrong, in the order of the files; at most a thousand.
    pub findings: Vec<Finding>,
    /// How many more there were.
    pub further: u64,
    /// What is worth knowing and not wrong.
    pub notes: Vec<String>,
}

/// Follows the chain of the log whose current file this is. `head` is what the last record should be,
/// from a place that whoever writes to the files cannot write to.
///
/// # Errors
/// When a file cannot be read.
pub fn verify(current: &Path, head: Option<&Path>, expected: Option<Link>) -> io::Result<Verified> {
    // The head first: what is written meanwhile makes the files longer, never shorter.
    let known = match head {
        Some(head) => file::read_head(&File::open(head)?),
        None => None,
    };
    let mut walk = Walk::default();
    for path in archive::files(current)? {
        walk.file(&path)?;
    }
    Ok(walk.finish(known.into_iter().chain(expected)))
}

#[derive(Default)]
struct Walk {
    verified: Verified,
    last: Option<(Link, At)>,
    /// The last number seen, and gaps below it: first to last, and where each came to light.
    greatest: u64,
    gaps: BTreeMap<u64, (u64, At, bool)>,
    removed_to: u64,
    odd: Option<(At, String)>,
    is_first_of_file: bool,
}

impl Walk {
    fn file(&mut self, path: &Path) -> io::Result<()> {
        self.is_first_of_file = true;
        self.verified.files += 1;
        let mut lines = Lines::open(path)?;
        let mut unchained = 0_u64;
        while let Some(line) = lines.next()? {
            let at = At { file: path.to_owned(), line: line.number };
            match Sealed::read(&line.bytes) {
                Some(sealed) => self.record(&sealed, &line, at),
                None if self.last.is_none() => unchained += 1,
                None if !line.is_whole => self
                    .verified
                    .notes
                    .push(format!("{at}: the last line has no end: it is being written, or a crash has torn it")),
                None => self.odd_line(at, chain::fingerprint(&line.bytes)),
            }
        }
        if unchained > 0 {
            let note = format!("{}: {unchained} lines from before the chain began", path.display());
            self.verified.notes.push(note);
        }
        Ok(())
    }

    fn record(&mut self, sealed: &Sealed, line: &Line, at: At) {
        self.verified.records += 1;
        let own = Link::of(sealed.seq, &line.bytes);
        if let Some((odd, fingerprint)) = self.odd.take() {
            if sealed.torn.as_ref() == Some(&fingerprint) {
                self.verified.notes.push(format!("{odd}: torn by a crash; the chain went on after it"));
            } else {
                self.find(Finding::Damaged { at: odd });
            }
        } else if let (Some(reason), "audit.resumed") = (&sealed.reason, sealed.kind.as_str()) {
            self.verified.notes.push(format!("{at}: the chain was resumed at {}: {reason}", sealed.time));
        }
        self.removed_to = self.removed_to.max(sealed.removed_to.unwrap_or(0));
        match self.last.take() {
            Some((last, before)) if sealed.seq == last.seq + 1 => {
                if !sealed.follows(&last) {
                    self.find(Finding::Changed { seq: last.seq, at: before });
                }
                self.close_gap(sealed.seq);
            }
            _ if sealed.seq <= self.greatest => {
                self.close_gap(sealed.seq);
                self.find(Finding::Moved { seq: sealed.seq, at: at.clone() });
            }
            _ if sealed.seq > self.greatest + 1 => {
                let gap = (sealed.seq - 1, at.clone(), self.is_first_of_file);
                if self.gaps.len() < MOST {
                    self.gaps.insert(self.greatest + 1, gap);
                }
            }
            _ => {}
        }
        self.is_first_of_file = false;
        self.greatest = self.greatest.max(sealed.seq);
        self.verified.range = Some((self.verified.range.map_or(sealed.seq, |(first, _)| first.min(sealed.seq)), own));
        self.last = Some((own, at));
    }

    fn odd_line(&mut self, at: At, fingerprint: String) {
        if let Some((before, _)) = self.odd.replace((at, fingerprint)) {
            self.find(Finding::Damaged { at: before });
        }
    }

    /// A record that was thought gone has turned up.
    fn close_gap(&mut self, seq: u64) {
        let Some((&from, (to, ..))) = self.gaps.range(..=seq).next_back() else { return };
        if *to < seq {
            return;
        }
        if let Some((to, at, is_file)) = self.gaps.remove(&from) {
            if from < seq {
                self.gaps.insert(from, (seq - 1, at.clone(), is_file));
            }
            if seq < to {
                self.gaps.insert(seq + 1, (to, at, is_file));
            }
        }
    }

    fn find(&mut self, finding: Finding) {
        if self.verified.findings.len() < MOST {
            self.verified.findings.push(finding);
        } else {
            self.verified.further += 1;
        }
    }

    fn finish(mut self, heads: impl Iterator<Item = Link>) -> Verified {
        if let Some((at, _)) = self.odd.take() {
            self.find(Finding::Damaged { at });
        }
        for (from, (to, at, is_file)) in std::mem::take(&mut self.gaps) {
            let mut from = from;
            if from == 1 && self.removed_to > 0 {
                // Old files are removed on purpose, and that is on record.
                let upto = self.removed_to.min(to);
                self.verified
                    .notes
                    .push(format!("{} were removed with their files, as is on record", Records(1, upto)));
                from = upto + 1;
            }
            if from > to {
                continue;
            }
            self.find(if is_file {
                Finding::FileMissing { from, to, before: at.file }
            } else {
                Finding::Removed { from, to, at }
            });
        }
        let last = self.last.map_or(Link::BEGINNING, |(last, _)| last);
        for head in heads {
            if head.seq > self.greatest {
                let from = self.greatest + 1;
                self.verified.findings.push(Finding::Truncated { from, to: head.seq });
            } else if head.seq == last.seq && head != last {
                self.verified.findings.push(Finding::LastChanged { seq: last.seq });
            }
        }
        self.verified
    }
}
