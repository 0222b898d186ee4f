//! A configuration file as text: read within bounds, with its lines, and with what must not be shown.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::nearest::nearest;
use crate::config::problem::Excerpt;

/// A directory of ten thousand servers has about 4 MiB; what is larger is some other file.
const MAX_BYTES: u64 = 50 * 1024 * 1024;

/// Of a longer line, only the part around the place that is meant is shown.
const MAX_SHOWN: usize = 4096;

/// Keys whose values are secrets, or would be if somebody wrote them here.
const SECRET_KEYS: [&str; 5] = ["client_secret", "api_token", "secret", "token", "password"];

/// Why a file is no configuration file, whatever it says.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the file cannot be read: {0}")]
    Read(io::Error),
    #[error("the file is larger than 50 MiB")]
    TooLarge,
    #[error("the file is not UTF-8 text: line {0} holds a byte that is not")]
    NotText(usize),
}

impl Unreadable {
    /// What to do about it.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Read(_) => "name an existing file that the user who runs panelgate can read",
            Self::TooLarge => "check that this is the file you mean",
            Self::NotText(_) => "save the file in the encoding UTF-8",
        }
    }
}

/// A configuration file as it was read.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Its path as messages name it.
    pub(super) name: Arc<str>,
    /// Where relative paths in it begin.
    folder: PathBuf,
    text: String,
    line_starts: Vec<usize>,
    masked: RefCell<Vec<Range<usize>>>,
}

impl SourceFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, Unreadable> {
        let bytes = read_at_most(path, MAX_BYTES).map_err(Unreadable::Read)?.ok_or(Unreadable::TooLarge)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let (good, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
            Unreadable::NotText(good.split(|byte| *byte == b'\n').count())
        })?;
        Ok(Self {
            name: path.display().to_string().into(),
            folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            line_starts: std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect(),
            text,
            masked: RefCell::default(),
        })
    }

    /// Stands for a file that could not be read, in messages about it.
    pub(super) fn unread(path: &Path) -> Self {
        Self {
            name: path.display().to_string().into(),
            folder: PathBuf::new(),
            text: String::new(),
            line_starts: vec![0],
            masked: RefCell::default(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A path that was written in this file, relative to this file.
    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// The line in which a place lies, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// Keeps a place out of every message: it may hold a secret.
    pub(super) fn mask(&self, place: Range<usize>) {
        self.masked.borrow_mut().push(place);
    }

    /// Keeps the values that seem to be secrets out of what is shown of the line at a place.
    ///
    /// For broken syntax, where nobody can tell what is a value.
    pub(super) fn mask_likely_secrets(&self, at: usize) {
        let (start, line) = self.line_at(at);
        for (equals, _) in line.match_indices('=') {
            let (key, value) = line.split_at(equals);
            let key = key.trim_end().trim_end_matches(['"', '\'']).to_lowercase();
            let reference = value.trim_start_matches(['=', ' ', '\t', '"', '\'']);
            let is_reference = reference.starts_with("env:") || reference.starts_with("file:");
            let key = key.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default();
            let names_a_secret =
                SECRET_KEYS.iter().any(|word| key.ends_with(word)) || nearest(key, SECRET_KEYS).is_some();
            if names_a_secret && !is_reference {
                self.mask(start + equals + 1..start + line.len());
            }
        }
    }

    /// The first line of a place, or the part of a long line around it, with nothing of it that is masked.
    pub(super) fn excerpt(&self, place: &Range<usize>) -> Excerpt {
        let (mut start, mut line) = self.line_at(place.start);
        if line.len() > MAX_SHOWN {
            let from = line.floor_char_boundary(place.start.saturating_sub(start).saturating_sub(MAX_SHOWN / 2));
            line = line.get(from..line.floor_char_boundary(from.saturating_add(MAX_SHOWN))).unwrap_or_default();
            start += from;
        }
        let masked = self.masked.borrow();
        let end = start + line.len();
        let masked: Vec<_> = masked.iter().filter(|mask| mask.start < end && start < mask.end).collect();
        let mut text = String::with_capacity(line.len());
        for (at, letter) in line.char_indices() {
            if masked.iter().any(|mask| mask.contains(&(start + at))) {
                // As many stars as bytes, so that places stay where they are.
                text.extend(std::iter::repeat_n('*', letter.len_utf8()));
            } else {
                text.push(letter);
            }
        }
        let from = text.floor_char_boundary(place.start.saturating_sub(start));
        let to = text.ceil_char_boundary(place.end.saturating_sub(start)).max(from);
        Excerpt { line: self.line(place.start), text, place: from..to }
    }

    /// Where the line at a place begins, and its text without the line ending.
    fn line_at(&self, at: usize) -> (usize, &str) {
        let number = self.line(at).saturating_sub(1);
        let start = self.line_starts.get(number).copied().unwrap_or_default();
        let line = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        (start, line)
    }
}

/// The content of a file, or nothing if it is longer than `most` bytes.
pub(super) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((u64::try_from(read).unwrap_or(u64::MAX) <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir, content: &str) -> SourceFile {
        let path = folder.path().join("file.toml");
        std::fs::write(&path, content).unwrap();
        SourceFile::read(&path).unwrap()
    }

    #[test]
    fn fifty_mib_are_read_and_no_byte_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.toml");
        let long = File::create(&path).unwrap();
        long.set_len(MAX_BYTES).unwrap();
        assert_eq!(SourceFile::read(&path).unwrap().text().len(), 50 * 1024 * 1024);
        long.set_len(MAX_BYTES + 1).unwrap();
        assert!(matches!(SourceFile::read(&path), Err(Unreadable::TooLarge)));
    }

    #[test]
    fn every_place_has_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder, "a\nbc\r\n\nd");
        let lines: Vec<(usize, String)> = [0, 1, 2, 4, 6, 7, 8]
            .map(|at| {
                let excerpt = file.excerpt(&(at..at + 1));
                (excerpt.line, excerpt.text)
            })
            .into();
        let expected = [(1, "a"), (1, "a"), (2, "bc"), (2, "bc"), (3, ""), (4, "d"), (4, "d")];
        assert_eq!(lines, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn what_is_masked_keeps_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder, "key = \"s\u{e9}cret\" # note");
        file.mask(6..15);
        let excerpt = file.excerpt(&(6..15));
        assert_eq!(excerpt.text, "key = ********* # note");
        assert_eq!(excerpt.place, 6..15);
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder, &format!("{}here{}", "\u{e9}".repeat(100_000), "\u{e9}".repeat(100_000)));
        let excerpt = file.excerpt(&(200_000..200_004));
        assert!(excerpt.text.len() <= MAX_SHOWN);
        assert_eq!(excerpt.text.get(excerpt.place), Some("here"));
    }
}
