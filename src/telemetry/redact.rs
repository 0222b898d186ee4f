//! Paths without what must not be logged.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What stands before the digits. Made ready once: every request's path is gone through.
static TOKEN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("cpsess"));

/// A path that is shown with its security token's digits left out. The query is not part of it.
#[derive(Clone, Copy, Debug)]
pub struct RedactedPath<'p>(pub &'p str);

impl fmt::Display for RedactedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(place) = TOKEN.find(rest.as_bytes()) {
            let (before, after) = rest.split_at_checked(place + TOKEN.needle().len()).unwrap_or_default();
            f.write_str(before)?;
            f.write_str("…")?;
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        f.write_str(rest)
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
