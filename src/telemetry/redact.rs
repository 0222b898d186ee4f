//! Paths without what must not be logged.

/// The path with its security token's digits left out. The query is not part of it.
pub fn redacted_path(path: &str) -> String {
    let Some((before, after)) = path.split_once("cpsess") else { return path.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}cpsess…{}", redacted_path(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_security_token_is_logged() {
        assert_eq!(redacted_path("/cpsess1234567890/x/cpsess99"), "/cpsess…/x/cpsess…");
        assert_eq!(redacted_path("/plain"), "/plain");
    }
}
