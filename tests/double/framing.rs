//! Would a browser show a page in a frame?
//!
//! Content Security Policy Level 3 section 6.4.2 (`frame-ancestors`) and the HTML standard's section on
//! `X-Frame-Options`: every ancestor counts, and with `frame-ancestors` the older header is not looked at.

use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use url::Url;

use super::failure::Failure;
use super::failure::Outcome;
use super::failure::holds;
use super::page::Page;
use super::page::Shown;

/// Passes if a browser shows the page inside these ancestors, from the nearest to the top.
pub(crate) fn shown_in(page: &Page, ancestors: &[&Url]) -> Outcome {
    let lists: Vec<&str> = page
        .all("content-security-policy")
        .into_iter()
        .flat_map(|line| line.split(','))
        .filter_map(frame_ancestors)
        .collect();
    for list in &lists {
        for ancestor in ancestors {
            holds(
                list.split_ascii_whitespace().any(|source| matches(source, ancestor, &page.url)),
                format!("frame-ancestors {list}"),
            )?;
        }
    }
    if lists.is_empty() { options(page, ancestors) } else { Ok(()) }
}

fn options(page: &Page, ancestors: &[&Url]) -> Outcome {
    let mut values: Vec<String> = page
        .all("x-frame-options")
        .into_iter()
        .flat_map(|line| line.split(','))
        .map(|value| value.trim().to_ascii_lowercase())
        .collect();
    values.sort_unstable();
    values.dedup();
    let known = |value: &String| ["deny", "sameorigin", "allowall"].contains(&value.as_str());
    let refused = Err(Failure::new(format!("X-Frame-Options {}", values.join(", "))));
    match &*values {
        [_, _, ..] if values.iter().any(known) => refused,
        [one] if one == "deny" => refused,
        [one] if one == "sameorigin" && ancestors.iter().any(|ancestor| ancestor.origin() != page.url.origin()) => {
            refused
        }
        _ => Ok(()),
    }
}

/// The source list of the first `frame-ancestors` directive.
fn frame_ancestors(policy: &str) -> Option<&str> {
    policy.split(';').map(str::trim).find_map(|directive| {
        let (name, list) = directive.split_once(' ').unwrap_or((directive, ""));
        name.eq_ignore_ascii_case("frame-ancestors").then_some(list)
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

#[test]
fn framing_rules() {
    let url = |text: &str| Url::parse(text).unwrap();
    let (own, console) = (url("https://web1.connect.example.com:2087/x"), url("https://connect.example.com/"));
    let check = |lines: &[(&'static str, &'static str)], ancestors: &[&Url], expected: bool| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let page = Page { url: own.clone(), status: StatusCode::OK, headers, body: String::new(), shown: Shown::Frame };
        assert_eq!(shown_in(&page, ancestors).is_ok(), expected, "{lines:?} {ancestors:?}");
    };
    let (xfo, csp) = ("x-frame-options", "content-security-policy");
    check(&[], &[&console], true);
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
