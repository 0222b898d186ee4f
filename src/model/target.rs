//! The one spelling of a request's path and query.

use std::fmt;
use std::iter;

use http::Uri;
use http::uri::PathAndQuery;

/// Longest path and query accepted, in bytes.
const MAX_LEN: usize = 32 * 1024;

/// Path and query of a request, in the one spelling in which they are judged and sent.
///
/// What can be spelled in more than one way is refused and not repaired, because a server behind us
/// may repair it differently (RFC 3986 section 6.2 lists the ways). So there is no way from a `Target`
/// to any other bytes than those that were judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    spelled: PathAndQuery,
    path_len: usize,
}

/// Why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedTarget {
    /// It does not begin with `/`.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// It is longer than 32 KiB.
    #[error("the address is longer than 32 KiB")]
    TooLong,
    /// A byte that has no place in a path or query, or that servers read differently.
    #[error("the address holds a character that is not allowed there")]
    Character,
    /// A `%` that is not followed by two hexadecimal digits.
    #[error("the address holds a broken percent-encoding")]
    BrokenEscape,
    /// An encoded control character, slash, backslash or dot segment.
    #[error("the address encodes a character that must not be encoded there")]
    AmbiguousEscape,
    /// An empty, `.` or `..` segment.
    #[error("the path holds an empty or dot segment")]
    AmbiguousSegment,
}

impl Target {
    /// Checks a path with an optional query.
    pub fn parse(text: &str) -> Result<Self, MalformedTarget> {
        let path_len = check(text)?;
        let spelled = PathAndQuery::try_from(text).map_err(|_| MalformedTarget::Character)?;
        Ok(Self { spelled, path_len })
    }

    /// The same as it stood in a request line. Nothing is copied.
    pub fn of(spelled: PathAndQuery) -> Result<Self, MalformedTarget> {
        let path_len = check(spelled.as_str())?;
        Ok(Self { spelled, path_len })
    }

    /// Path and query together.
    pub fn as_str(&self) -> &str {
        self.spelled.as_str()
    }

    /// The same for a request.
    pub fn uri(&self) -> Uri {
        self.spelled.clone().into()
    }

    /// The path.
    pub fn path(&self) -> &str {
        self.as_str().get(..self.path_len).unwrap_or_default()
    }

    /// The query without its question mark, if there is one.
    pub fn query(&self) -> Option<&str> {
        self.as_str().get(self.path_len + 1..)
    }

    /// The path's segments, without the leading slash; a final slash gives a last empty one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        names(self.path())
    }
}

/// Checks a path with an optional query, and says how long the path is.
fn check(text: &str) -> Result<usize, MalformedTarget> {
    if text.len() > MAX_LEN {
        return Err(MalformedTarget::TooLong);
    }
    if !text.starts_with('/') {
        return Err(MalformedTarget::NotAbsolute);
    }
    let path_len = text.find('?').unwrap_or(text.len());
    let (path, query) = text.split_at_checked(path_len).ok_or(MalformedTarget::Character)?;
    check_path(path)?;
    check_query(query.strip_prefix('?').unwrap_or_default())?;
    Ok(path_len)
}

/// The names of a path, each of which has a slash before it. Paths are short and every request's is gone through
/// several times, so it is by bytes: to search for characters costs three times as much.
fn names(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path.strip_prefix('/');
    iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.bytes().position(|byte| byte == b'/') else { return rest.take() };
        rest = text.get(end + 1..);
        text.get(..end)
    })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Characters of a path that need no escape: RFC 3986 `pchar` and `/`.
const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
        )
}

/// Characters of a query that need no escape: RFC 3986, and the brackets, bars and braces that browsers
/// leave as they are (WHATWG URL, query percent-encode set).
const fn is_query_byte(byte: u8) -> bool {
    is_path_byte(byte) || matches!(byte, b'?' | b'[' | b']' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'`')
}

fn check_path(path: &str) -> Result<(), MalformedTarget> {
    if let Some((before, folder, file)) = viewed(path) {
        check_names(before)?;
        return folder.split("%2f").chain([file]).try_for_each(|name| check_name(name, Percent::Plain));
    }
    check_names(path.strip_suffix('/').unwrap_or(path))
}

/// The one kind of path with encoded slashes: cPanel's File Manager shows a file under
/// `/cpsess##########/viewer/FOLDER/FILE`, where FOLDER is the folder's whole path in one segment, written
/// `home%2fbob%2fpublic_html` (so in many public links). Gives what stands before, the folder and the file.
fn viewed(path: &str) -> Option<(&str, &str, &str)> {
    let digits = path.strip_prefix("/cpsess")?;
    let rest = digits.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let (folder, file) = rest.strip_prefix("/viewer/")?.split_once('/')?;
    let before = path.get(..path.len() - rest.len() + "/viewer".len())?;
    (digits.len() > rest.len() && !file.contains('/')).then_some((before, folder, file))
}

/// What an encoded percent sign is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Percent {
    /// Refused.
    Refused,
    /// Part of a file's name, unless whoever decodes twice would take it for the beginning of an escape.
    Plain,
}

fn check_names(path: &str) -> Result<(), MalformedTarget> {
    names(path).try_for_each(|name| check_name(name, Percent::Refused))
}

fn check_name(name: &str, percent: Percent) -> Result<(), MalformedTarget> {
    if matches!(name, "" | "." | "..") {
        return Err(MalformedTarget::AmbiguousSegment);
    }
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let (value, tail) = escape(tail)?;
            rest = tail;
            let plain = value == b'%' && percent == Percent::Plain && escape(tail).is_err();
            // An encoded slash or backslash is a separator to some servers; an encoded dot can make
            // a dot segment; an encoded letter is a second spelling of a plain one.
            let ambiguous = value < 0x20 || value == 0x7f || matches!(value, b'/' | b'\\' | b'.' | b'%');
            let ambiguous = ambiguous || value.is_ascii_alphanumeric() || matches!(value, b'-' | b'_' | b'~');
            if ambiguous && !plain {
                return Err(MalformedTarget::AmbiguousEscape);
            }
        } else if !is_path_byte(*first) {
            return Err(MalformedTarget::Character);
        }
    }
    Ok(())
}

fn check_query(query: &str) -> Result<(), MalformedTarget> {
    let mut rest = query.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            // Any value may stand encoded in a query (uploads name files, forms post text).
            let (_, tail) = escape(tail)?;
            rest = tail;
        } else if !is_query_byte(*first) {
            return Err(MalformedTarget::Character);
        }
    }
    Ok(())
}

fn escape(after: &[u8]) -> Result<(u8, &[u8]), MalformedTarget> {
    let [high, low, rest @ ..] = after else { return Err(MalformedTarget::BrokenEscape) };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match (digit(*high), digit(*low)) {
        (Some(high), Some(low)) => Ok((high * 16 + low, rest)),
        _ => Err(MalformedTarget::BrokenEscape),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_spelling_or_none() {
        use MalformedTarget as M;
        for (text, expected) in [
            ("/", None),
            ("/cpsess1234567890/", None),
            ("/cpsess1234567890/scripts/command?PFILE=main", None),
            ("/a/b%20c@d+e", None),
            ("/f%C3%A9?x=%00%2F..%2f", None),
            ("/x?a[]=1&b={}|", None),
            ("", Some(M::NotAbsolute)),
            ("a", Some(M::NotAbsolute)),
            ("?a", Some(M::NotAbsolute)),
            ("/a//b", Some(M::AmbiguousSegment)),
            ("//evil.example", Some(M::AmbiguousSegment)),
            ("/a/./b", Some(M::AmbiguousSegment)),
            ("/a/..", Some(M::AmbiguousSegment)),
            ("/a/%2e%2e/b", Some(M::AmbiguousEscape)),
            ("/a%2fb", Some(M::AmbiguousEscape)),
            ("/a%5Cb", Some(M::AmbiguousEscape)),
            ("/a%00", Some(M::AmbiguousEscape)),
            ("/%61", Some(M::AmbiguousEscape)),
            ("/%25", Some(M::AmbiguousEscape)),
            ("/a%zz", Some(M::BrokenEscape)),
            ("/a%2", Some(M::BrokenEscape)),
            ("/cpsess1234567890/viewer/home%2fbob%2fpublic_html/logo%20large.png", None),
            ("/cpsess1234567890/viewer/home%2fbob/100%25.png", None),
            ("/cpsess1234567890/viewer/home%2fbob/%252f.png", Some(M::AmbiguousEscape)),
            ("/cpsess1234567890/viewer/home%2f..%2froot/x", Some(M::AmbiguousSegment)),
            ("/cpsess1234567890/viewer/home%2f%2fbob/x", Some(M::AmbiguousSegment)),
            ("/cpsess1234567890/viewer/home%2F..%2Froot/x", Some(M::AmbiguousEscape)),
            ("/cpsess1234567890/viewer/home%2f%2e%2e/x", Some(M::AmbiguousEscape)),
            ("/cpsess1234567890/viewer/home%5cbob/x", Some(M::AmbiguousEscape)),
            ("/cpsess1234567890/viewer/home/bob%2fx", Some(M::AmbiguousEscape)),
            ("/cpsess1234567890/viewer/home%2fbob/", Some(M::AmbiguousSegment)),
            ("/cpsess1234567890/viewer/home%2fbob/a/b", Some(M::AmbiguousEscape)),
            ("/cpsess1234567890/scripts/home%2fbob/x", Some(M::AmbiguousEscape)),
            ("/cpsess/viewer/home%2fbob/x", Some(M::AmbiguousEscape)),
            ("/viewer/home%2fbob/x", Some(M::AmbiguousEscape)),
            ("/-._~!$&'()*+,;=:@?/?[]{}|\\^`", None),
            ("/a\\b", Some(M::Character)),
            ("/a#b", Some(M::Character)),
            ("/a b", Some(M::Character)),
            ("/é", Some(M::Character)),
            ("/a?b#c", Some(M::Character)),
            ("/a\"b", Some(M::Character)),
        ] {
            assert_eq!(Target::parse(text).err(), expected, "{text}");
        }
        assert_eq!(Target::parse(&format!("/{}", "a".repeat(40_000))), Err(M::TooLong));
    }

    #[test]
    fn path_and_query_come_apart() {
        let target = Target::parse("/a/b/?x=1").unwrap();
        assert_eq!((target.path(), target.query()), ("/a/b/", Some("x=1")));
        assert_eq!(target.segments().collect::<Vec<_>>(), ["a", "b", ""]);
        assert_eq!(Target::parse("/a").unwrap().query(), None);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_sent_as_it_came(text in "\\PC{0,40}") {
            if let Ok(target) = Target::parse(&format!("/{text}")) {
                prop_assert_eq!(target.as_str(), format!("/{text}"));
                prop_assert_eq!(target.uri().to_string(), format!("/{text}"));
                prop_assert!(!target.path().contains("//"));
            }
        }
    }
}
