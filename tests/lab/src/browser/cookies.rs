//! A cookie jar with the rules of RFC 6265bis, as far as anything here can tell them apart.

use std::time::Duration;
use std::time::Instant;

use url::Url;

/// Who must have caused a request for a cookie to be sent with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// A page of the same site, or the person.
    Strict,
    /// Also a link from elsewhere in the top window. The default.
    Lax,
    /// Anybody.
    None,
}

/// How a request stands to the site that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// Another site caused it, in a way that changes something or within a page.
    Foreign,
    /// Another site linked to it: a safe navigation of the top window.
    Linked,
    /// The person or the same site caused it.
    Own,
}

/// One cookie.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The host that it is for, or the domain.
    pub domain: String,
    /// Whether it is for that host only.
    pub host_only: bool,
    /// The path.
    pub path: String,
    /// Whether it is sent over TLS only.
    pub secure: bool,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// Who must have caused the request.
    pub same_site: SameSite,
    expires: Option<Instant>,
}

/// The jar.
#[derive(Clone, Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

impl Jar {
    /// Takes in one `Set-Cookie` line of an answer from `url`. What breaks a rule is left out.
    pub(super) fn set(&mut self, url: &Url, line: &str, relation: Relation) {
        let Some(cookie) = read(url, line) else { return };
        if relation == Relation::Foreign && cookie.same_site != SameSite::None {
            return;
        }
        self.0.retain(|old| (&old.name, &old.domain, &old.path) != (&cookie.name, &cookie.domain, &cookie.path));
        if cookie.expires.is_none_or(|end| end > Instant::now()) {
            self.0.push(cookie);
        }
    }

    /// The `Cookie` line for a request.
    pub(super) fn header(&self, url: &Url, relation: Relation) -> Option<String> {
        let now = Instant::now();
        let sent = self.0.iter().filter(|cookie| {
            let wanted = match cookie.same_site {
                SameSite::Strict => Relation::Own,
                SameSite::Lax => Relation::Linked,
                SameSite::None => Relation::Foreign,
            };
            cookie.is_for(url) && relation >= wanted && cookie.expires.is_none_or(|end| end > now)
        });
        let pairs: Vec<String> = sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub(super) fn all(&self) -> &[Cookie] {
        &self.0
    }

    pub(super) fn put(&mut self, cookie: Cookie) {
        self.0.push(cookie);
    }
}

impl Cookie {
    /// The same cookie, planted on another host.
    #[must_use]
    pub fn on(mut self, host: &str) -> Self {
        host.clone_into(&mut self.domain);
        self
    }

    fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host_fits = if self.host_only { host == self.domain } else { belongs(host, &self.domain) };
        let path = url.path();
        let path_fits = path == self.path
            || path.strip_prefix(&self.path).is_some_and(|rest| self.path.ends_with('/') || rest.starts_with('/'));
        host_fits && path_fits && (!self.secure || url.scheme() == "https")
    }
}

fn read(url: &Url, line: &str) -> Option<Cookie> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let host = url.host_str()?.to_owned();
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        domain: host.clone(),
        host_only: true,
        path: default_path(url),
        secure: false,
        http_only: false,
        same_site: SameSite::Lax,
        expires: None,
    };
    let mut age = None;
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match attribute.trim().to_ascii_lowercase().as_str() {
            "domain" => {
                cookie.domain = value.trim_start_matches('.').to_ascii_lowercase();
                cookie.host_only = false;
            }
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" if value.eq_ignore_ascii_case("strict") => cookie.same_site = SameSite::Strict,
            "samesite" if value.eq_ignore_ascii_case("none") => cookie.same_site = SameSite::None,
            "max-age" => age = value.parse::<i64>().ok(),
            // The only dates that anything here sets are those that remove a cookie.
            "expires" if value.contains("1970") || value.contains("1971") => age = age.or(Some(0)),
            _ => {}
        }
    }
    let now = Instant::now();
    cookie.expires = age.map(|seconds| now + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    let host_prefix = cookie.name.starts_with("__Host-");
    let kept = !cookie.name.is_empty()
        && belongs(&host, &cookie.domain)
        && (!cookie.secure || url.scheme() == "https")
        && (cookie.same_site != SameSite::None || cookie.secure)
        && (!cookie.name.starts_with("__Secure-") || cookie.secure)
        && (!host_prefix || (cookie.secure && cookie.host_only && cookie.path == "/"));
    kept.then_some(cookie)
}

/// Whether a host is a domain or lies below it (RFC 6265 section 5.1.3).
fn belongs(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && domain.contains('.'))
}

/// RFC 6265 section 5.1.4.
fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => url.path().get(..at).unwrap_or("/").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, to: &str, relation: Relation, sent: bool) {
        let mut jar = Jar::default();
        jar.set(&"https://web1.example.com:2087/a/b".parse().unwrap(), line, Relation::Own);
        assert_eq!(jar.header(&to.parse().unwrap(), relation).is_some(), sent, "{line} {to} {relation:?}");
    }

    #[test]
    fn a_cookie_goes_where_it_may() {
        use Relation::Foreign;
        use Relation::Linked;
        use Relation::Own;
        let same = "https://web1.example.com:2083/a/x";
        check("a=1", same, Own, true);
        check("a=1", "https://web1.example.com/b", Own, false);
        check("a=1; Path=/", "https://web2.example.com/", Own, false);
        check("a=1; Path=/; Domain=example.com", "https://web2.example.com/", Own, true);
        check("a=1; Domain=other.com", same, Own, false);
        check("a=1; Domain=com", same, Own, false);
        check("a=1; Secure; Path=/", "http://web1.example.com/", Own, false);
        check("a=1; SameSite=Strict", same, Linked, false);
        check("a=1; SameSite=Lax", same, Linked, true);
        check("a=1", same, Foreign, false);
        check("a=1; SameSite=None", same, Own, false);
        check("a=1; SameSite=None; Secure", same, Foreign, true);
        check("a=1; Max-Age=0", same, Own, false);
        check("__Host-a=1; Secure; Path=/", same, Own, true);
        check("__Host-a=1; Path=/", same, Own, false);
        check("__Host-a=1; Secure; Path=/a", same, Own, false);
        check("__Host-a=1; Secure; Path=/; Domain=web1.example.com", same, Own, false);
    }

    #[test]
    fn a_cookie_is_replaced_and_removed() {
        let mut jar = Jar::default();
        let url = "https://web1.example.com/".parse().unwrap();
        for (line, expected) in
            [("a=1; Path=/", Some("a=1")), ("a=2; Path=/", Some("a=2")), ("a=; Path=/; Max-Age=0", None)]
        {
            jar.set(&url, line, Relation::Own);
            assert_eq!(jar.header(&url, Relation::Own).as_deref(), expected);
        }
    }
}
