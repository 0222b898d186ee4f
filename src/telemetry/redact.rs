//! Paths without what must not be logged.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What stands before the digits. Made ready once: every request's path is gone through.
static TOKEN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("cpsess"));

/// A path that is shown with its security token's digits left out. The query is not part of it.
#[derive(Clone, Copy, Debug)]
pub struct RedactedPath<'p>(pub &'p str);

/// What stands for the digits.
const LEFT_OUT: &str = "…";

impl<'p> RedactedPath<'p> {
    /// What is shown of it, piece by piece.
    pub(super) fn pieces(self) -> impl Iterator<Item = &'p str> {
        let (mut rest, mut is_after_token) = (Some(self.0), false);
        std::iter::from_fn(move || {
            if std::mem::take(&mut is_after_token) {
                return Some(LEFT_OUT);
            }
            let here = rest?;
            let end = TOKEN.find(here.as_bytes()).map(|place| place + TOKEN.needle().len());
            let Some((before, after)) = end.and_then(|end| here.split_at_checked(end)) else { return rest.take() };
            is_after_token = true;
            rest = Some(after.trim_start_matches(|c: char| c.is_ascii_digit()));
            Some(before)
        })
    }
}

impl fmt::Display for RedactedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| f.write_str(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_security_token_is_logged() {
        assert_eq!(RedactedPath("/cpsess1234567890/x/cpsess99").to_string(), "/cpsess…/x/cpsess…");
        assert_eq!(RedactedPath("/plain").to_string(), "/plain");
    }
}
