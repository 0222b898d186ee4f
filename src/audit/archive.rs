//! The files of one audit log: the current one and those that were put aside.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Seek as _;
use std::path::Path;
use std::path::PathBuf;

use crate::audit::chain::Link;
use crate::audit::chain::Sealed;
use crate::model::Timestamp;

/// The longest line that is read whole. What is longer is no record.
pub(super) const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// Lines at the beginning of a file that may be no records of the chain before it counts as having none.
const FIRST_LINES: usize = 10_000;

/// The name of a file that is put aside: that of the current one and the number of its first record, so
/// that names sort as the records do.
pub(super) fn name(current: &Path, first: u64) -> PathBuf {
    let mut name = current.as_os_str().to_owned();
    name.push(format!(".{first:020}"));
    name.into()
}

/// The files that were put aside by us, the oldest first, each with the number of its first record.
pub(super) fn put_aside(current: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for (suffix, path) in beside(current)? {
        if let Some(first) = suffix.strip_prefix('.').filter(|digits| digits.len() == 20) {
            files.extend(first.parse().ok().map(|first: u64| (first, path)));
        }
    }
    files.sort();
    Ok(files)
}

/// All files of the log in the order of their first records, the ones that others have renamed too. Those
/// in which there is no record come first.
pub(super) fn files(current: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (suffix, path) in beside(current)? {
        // What a compressor left is not ours to read.
        if suffix.is_empty() || !suffix.contains(['g', 'z', 'x']) {
            let first = first_of(&mut File::open(&path)?)?.map_or(0, |(first, _)| first);
            files.push((first, suffix.is_empty(), path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(.., path)| path).collect())
}

/// The last record in the files that were put aside.
pub(super) fn newest(current: &Path) -> io::Result<Option<Link>> {
    for (_, path) in put_aside(current)?.iter().rev() {
        let (mut lines, mut last) = (Lines::open(path)?, None);
        while let Some(line) = lines.next()? {
            last = Sealed::read(&line.bytes).map(|sealed| Link::of(sealed.seq, &line.bytes)).or(last);
        }
        if last.is_some() {
            return Ok(last);
        }
    }
    Ok(None)
}

/// The number and time of a file's first record.
pub(super) fn first_of(file: &mut File) -> io::Result<Option<(u64, Timestamp)>> {
    file.rewind()?;
    let mut lines = Lines::over(file.try_clone()?);
    for _ in 0..FIRST_LINES {
        let Some(line) = lines.next()? else { return Ok(None) };
        if let Some(sealed) = Sealed::read(&line.bytes) {
            return Ok(Some((sealed.seq, sealed.time.parse().unwrap_or_default())));
        }
    }
    Ok(None)
}

fn beside(current: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let folder = current.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = current.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let suffix = entry.file_name().to_str().and_then(|other| other.strip_prefix(name)).map(str::to_owned);
        let suffix = suffix.filter(|suffix| suffix.is_empty() || suffix.starts_with(['.', '-']));
        let is_file = fs::metadata(entry.path()).is_ok_and(|found| found.is_file());
        found.extend(suffix.filter(|_| is_file).map(|suffix| (suffix, entry.path())));
    }
    Ok(found)
}

/// A line of a file.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// Without its line end; of one that is too long, the beginning.
    pub(super) bytes: Vec<u8>,
    /// Whether it has a line end.
    pub(super) is_whole: bool,
}

/// The lines of a file, one in memory at a time.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<File>,
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::over(File::open(path)?))
    }

    fn over(file: File) -> Self {
        Self { reader: BufReader::with_capacity(256 * 1024, file), number: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let most = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        if (&mut self.reader).take(most).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let is_whole = bytes.last() == Some(&b'\n');
        if is_whole {
            bytes.pop();
        } else if bytes.len() >= LONGEST_LINE {
            return Ok(Some(Line { number: self.number, bytes, is_whole: self.skip_rest()? }));
        }
        Ok(Some(Line { number: self.number, bytes, is_whole }))
    }

    /// Reads to the end of a line that is too long, keeping nothing.
    fn skip_rest(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}
