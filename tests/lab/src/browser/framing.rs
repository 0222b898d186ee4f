//! Whether a browser shows a page in a frame.
//!
//! Content Security Policy Level 3 section 6.4.2 (`frame-ancestors`) and the HTML standard's section on
//! `X-Frame-Options`: every ancestor counts, and with `frame-ancestors` the older header is not looked at.

use anyhow::ensure;
use http::HeaderMap;
use url::Url;

/// Passes if the page at `own` with this head is shown inside these ancestors.
pub(super) fn check(headers: &HeaderMap, own: &Url, ancestors: &[Url]) -> anyhow::Result<()> {
    let policies = lines(headers, "content-security-policy");
    let lists: Vec<&str> = policies.iter().filter_map(|policy| frame_ancestors(policy)).collect();
    for list in &lists {
        for ancestor in ancestors {
            let named = list.split_ascii_whitespace().any(|source| matches(source, ancestor, own));
            ensure!(named, "frame-ancestors {list}");
        }
    }
    if lists.is_empty() && !ancestors.is_empty() { options(headers, own, ancestors) } else { Ok(()) }
}

fn options(headers: &HeaderMap, own: &Url, ancestors: &[Url]) -> anyhow::Result<()> {
    let mut values = lines(headers, "x-frame-options");
    values.sort_unstable();
    values.dedup();
    let one_of = |known: &[&str]| values.iter().any(|value| known.contains(&value.as_str()));
    let same = ancestors.iter().all(|ancestor| ancestor.origin() == own.origin());
    let several = values.len() > 1 && one_of(&["deny", "sameorigin", "allowall"]);
    let refused = several || one_of(&["deny"]) || (one_of(&["sameorigin"]) && !same);
    ensure!(!refused, "X-Frame-Options {}", values.join(", "));
    Ok(())
}

/// The values of a header, one by one, in small letters.
fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|value| value.trim().to_ascii_lowercase()).collect()
}

/// The source list of the first `frame-ancestors` directive.
fn frame_ancestors(policy: &str) -> Option<&str> {
    policy.split(';').map(str::trim).find_map(|directive| {
        let (name, list) = directive.split_once(' ').unwrap_or((directive, ""));
        (name == "frame-ancestors").then_some(list)
    })
}

fn matches(source: &str, ancestor: &Url, own: &Url) -> bool {
    match source {
        "*" => true,
        "'none'" => false,
        "'self'" => ancestor.origin() == own.origin(),
        origin => Url::parse(origin).is_ok_and(|origin| origin.origin() == ancestor.origin()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn every_ancestor_and_every_policy_counts() {
        let own: Url = "https://web1.connect.example.com:2087/x".parse().unwrap();
        let console: Url = "https://connect.example.com/".parse().unwrap();
        let check = |lines: &[(&'static str, &'static str)], ancestors: &[&Url], expected: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let ancestors: Vec<Url> = ancestors.iter().copied().cloned().collect();
            assert_eq!(check(&headers, &own, &ancestors).is_ok(), expected, "{lines:?} {ancestors:?}");
        };
        let (xfo, csp) = ("x-frame-options", "content-security-policy");
        check(&[], &[&console], true);
        check(&[(xfo, "SAMEORIGIN")], &[], true);
        check(&[(xfo, "SAMEORIGIN")], &[&console], false);
        check(&[(xfo, "SAMEORIGIN")], &[&own], true);
        check(&[(xfo, "SAMEORIGIN")], &[&own, &console], false);
        check(&[(xfo, "DENY"), (xfo, "SAMEORIGIN")], &[&own], false);
        check(&[(xfo, "ALLOW-FROM https://connect.example.com")], &[&console], true);
        check(&[(xfo, "DENY"), (csp, "frame-ancestors https://connect.example.com")], &[&console], true);
        check(&[(csp, "frame-ancestors https://connect.example.com")], &[&own, &console], false);
        check(&[(csp, "frame-ancestors 'self' https://connect.example.com")], &[&own, &console], true);
        check(&[(csp, "frame-ancestors *"), (csp, "default-src 'self'; frame-ancestors 'none'")], &[&console], false);
        check(&[(csp, "default-src 'none'")], &[&console], true);
    }
}
