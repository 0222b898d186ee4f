//! The chain of records: each holds its number and the SHA-256 of the one before it.
//!
//! Whoever changes, removes or swaps a record leaves a link that does not fit. The last link has no
//! successor; the head file says what it was.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::Deserialize;

/// A record's number, and the SHA-256 of its line without the line end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Counted from 1, through all files.
    pub seq: u64,
    /// What the next record has as its `prev`.
    pub hash: [u8; 32],
}

impl Link {
    /// Room for what `extend` adds to a record, in bytes.
    pub(super) const ROOM: usize = 128;

    /// What comes before the first record.
    pub const BEGINNING: Self = Self { seq: 0, hash: [0; 32] };

    /// The link that a line is.
    pub fn of(seq: u64, line: &[u8]) -> Self {
        Self { seq, hash: sha256(line) }
    }

    /// Writes a record behind this one: adds its line with the line end, and gives its link.
    pub(super) fn extend(&self, record: &[u8], lines: &mut Vec<u8>) -> Self {
        let seq = self.seq.saturating_add(1);
        let begin = lines.len();
        lines.extend_from_slice(record.strip_suffix(b"}").unwrap_or(record));
        lines.extend_from_slice(b",\"seq\":");
        lines.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        lines.extend_from_slice(b",\"prev\":\"");
        let mut prev = [[0; 2]; 32];
        prev.iter_mut().zip(self.hash).for_each(|(slot, byte)| *slot = digits(byte));
        lines.extend_from_slice(prev.as_flattened());
        lines.extend_from_slice(b"\"}");
        let sealed = Self::of(seq, lines.get(begin..).unwrap_or_default());
        lines.push(b'\n');
        sealed
    }
}

impl fmt::Display for Link {
    /// `17:` and 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, Hex(&self.hash))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

/// A text that is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link is a number, a colon and 64 hexadecimal digits")]
pub struct InvalidLink;

impl FromStr for Link {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        let (seq, hash) = text.split_once(':').ok_or(InvalidLink)?;
        Ok(Self { seq: seq.parse().map_err(|_| InvalidLink)?, hash: hex(hash).ok_or(InvalidLink)? })
    }
}

/// What the chain needs of a line.
#[derive(Debug, Deserialize)]
pub(super) struct Sealed {
    pub(super) seq: u64,
    prev: String,
    pub(super) kind: String,
    pub(super) time: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) torn: Option<String>,
    #[serde(default)]
    pub(super) removed_to: Option<u64>,
}

impl Sealed {
    /// Reads a line without its line end; nothing if it is no record of a chain.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// Whether it was written behind this link.
    pub(super) fn follows(&self, link: &Link) -> bool {
        self.seq == link.seq.saturating_add(1) && hex(&self.prev) == Some(link.hash)
    }
}

/// The SHA-256 of something torn, as records tell it.
pub(super) fn fingerprint(bytes: &[u8]) -> String {
    Hex(&sha256(bytes)).to_string()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()).for_each(|(slot, byte)| *slot = *byte);
    hash
}

struct Hex<'b>(&'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| f.write_str(str::from_utf8(&digits(*byte)).unwrap_or_default()))
    }
}

/// The two hexadecimal digits of a byte.
fn digits(byte: u8) -> [u8; 2] {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (slot, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *slot = digit(*high)? * 16 + digit(*low)?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_reads_back() {
        let mut written = Vec::new();
        let link = Link::BEGINNING.extend(br#"{"kind":"sign_in","time":"t"}"#, &mut written);
        let text = String::from_utf8(written).unwrap();
        assert!(text.starts_with(r#"{"kind":"sign_in","time":"t","seq":1,"prev":"0000"#), "{text}");
        assert_eq!(link.to_string().parse(), Ok(link));
        assert!(Sealed::read(text.trim_end().as_bytes()).unwrap().follows(&Link::BEGINNING));
        assert_eq!("1:00".parse::<Link>(), Err(InvalidLink));
        let mut next = Vec::new();
        link.extend(br#"{"kind":"sign_in","time":"t"}"#, &mut next);
        let next = Sealed::read(next.trim_ascii_end()).unwrap();
        assert!(next.follows(&link) && !next.follows(&Link::BEGINNING));
    }
}
