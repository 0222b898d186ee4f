//! Words and numbers as messages write them.

use std::fmt;
use std::fmt::Write as _;

/// A longer word is cut: the excerpt beside the message shows where it stands.
const MOST: usize = 80;

/// A number and its noun: `1 problem`, `2 problems`.
pub fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Words in a sentence: `a`, `b` and `c`.
pub(super) fn listed<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word.as_ref())).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A word out of a file as messages quote it.
pub(super) fn quoted(word: &str) -> String {
    let rest = if word.chars().nth(MOST).is_some() { "…" } else { "" };
    let start: String = word.chars().take(MOST).collect();
    format!("`{}{rest}`", Escaped(&start))
}

/// A text without anything that a terminal obeys or a reader cannot see.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'t>(pub &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| {
            if letter.is_control() || is_invisible(letter) {
                write!(f, "{}", letter.escape_unicode())
            } else {
                f.write_char(letter)
            }
        })
    }
}

/// Letters without a width, and those that turn the direction of writing (Unicode, general category Cf).
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_can_be_seen_and_does_nothing() {
        assert_eq!(quoted("web1"), "`web1`");
        assert_eq!(quoted("a\u{1b}[2Jb\nc"), "`a\\u{1b}[2Jb\\u{a}c`");
        assert_eq!(quoted("ad\u{200b}min\u{202e}"), "`ad\\u{200b}min\\u{202e}`");
        assert_eq!(quoted("caf\u{e9}"), "`caf\u{e9}`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 83);
    }

    #[test]
    fn lists_and_counts_read_as_sentences() {
        assert_eq!(listed::<&str>(&[]), "");
        assert_eq!(listed(&["a"]), "`a`");
        assert_eq!(listed(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!((counted(1, "rule"), counted(0, "rule")), ("1 rule".to_owned(), "0 rules".to_owned()));
    }
}
