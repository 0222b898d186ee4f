//! A browser's cookies (RFC 6265bis): kept by host, sent by host, path and site, never told apart by port.

use url::Url;

/// What may be sent along with a request, besides the cookies that always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A page of the same site, or the person.
    SameSite,
    /// A page of another site, by a link to a whole page.
    CrossSiteLink,
    /// A page of another site, otherwise.
    CrossSite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SameSite {
    /// Also for cookies that do not say.
    Lax,
    Strict,
    None,
}

#[derive(Clone, Debug)]
struct Cookie {
    host: String,
    name: String,
    value: String,
    path: String,
    secure: bool,
    same_site: SameSite,
}

/// All cookies of a browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct CookieJar(Vec<Cookie>);

impl CookieJar {
    /// Takes in a `Set-Cookie` line, or a line that script gives to `document.cookie`.
    pub(crate) fn store(&mut self, url: &Url, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let mut cookie = Cookie {
            host: url.host_str().unwrap_or_default().to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            path: default_path(url),
            secure: false,
            same_site: SameSite::Lax,
        };
        let (mut domain, mut ended) = (false, false);
        for attribute in parts {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match (&*name.to_ascii_lowercase(), value) {
                ("path", path) if path.starts_with('/') => path.clone_into(&mut cookie.path),
                ("secure", _) => cookie.secure = true,
                ("samesite", value) if value.eq_ignore_ascii_case("strict") => cookie.same_site = SameSite::Strict,
                ("samesite", value) if value.eq_ignore_ascii_case("none") => cookie.same_site = SameSite::None,
                ("domain", _) => domain = true,
                ("max-age", age) => ended |= age.parse::<i64>().is_ok_and(|age| age <= 0),
                ("expires", date) => ended |= date.contains("1970"),
                // `port=2087` (RFC 2965) means nothing to a browser.
                _ => {}
            }
        }
        let tied = cookie.secure && cookie.path == "/" && !domain;
        let refused = (cookie.name.starts_with("__Host-") && !tied)
            || (cookie.secure && url.scheme() != "https")
            || (cookie.same_site == SameSite::None && !cookie.secure);
        if refused {
            return;
        }
        self.0.retain(|old| (&old.host, &old.name, &old.path) != (&cookie.host, &cookie.name, &cookie.path));
        if !ended {
            self.0.push(cookie);
        }
    }

    /// The `Cookie` header for a request.
    pub(crate) fn header(&self, url: &Url, context: Context) -> Option<String> {
        let sent = self.0.iter().filter(|cookie| {
            Some(&*cookie.host) == url.host_str()
                && below(&cookie.path, url.path())
                && (!cookie.secure || url.scheme() == "https")
                && match (cookie.same_site, context) {
                    (SameSite::None, _) | (_, Context::SameSite) | (SameSite::Lax, Context::CrossSiteLink) => true,
                    (SameSite::Lax, Context::CrossSite) | (SameSite::Strict, _) => false,
                }
        });
        let pairs: Vec<String> = sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The names of all cookies.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|cookie| cookie.name.as_str())
    }
}

/// The site of a URL: the last two labels of its name, or its address.
pub(crate) fn site(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.domain() {
        Some(name) => name.rsplitn(3, '.').take(2).collect::<Vec<_>>().join("."),
        None => host.to_owned(),
    }
}

fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
    }
}

fn below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder.ends_with('/'))
}

#[test]
fn cookies_are_kept_as_browsers_keep_them() {
    let url = |text: &str| Url::parse(text).unwrap();
    let mut jar = CookieJar::default();
    let panel = url("https://web1.example.com:2087/a/b");
    for line in [
        "whostmgrsession=root%3aX; HttpOnly; path=/; port=2087; secure",
        "strict=1; SameSite=Strict; path=/",
        "folder=1",
        "__Host-planted=1; path=/; domain=example.com; secure",
        "gone=1; path=/",
        "gone=no; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/",
    ] {
        jar.store(&panel, line);
    }
    let sent = |address: &str, context| jar.header(&url(address), context).unwrap_or_default();
    let (all, link, none) = (Context::SameSite, Context::CrossSiteLink, Context::CrossSite);
    assert_eq!(sent("https://web1.example.com/a/c", all), "whostmgrsession=root%3aX; strict=1; folder=1");
    assert_eq!(sent("https://web1.example.com:2083/ab", all), "whostmgrsession=root%3aX; strict=1");
    assert_eq!(sent("https://web1.example.com/", link), "whostmgrsession=root%3aX");
    assert_eq!(sent("https://web1.example.com/", none), "");
    assert_eq!(sent("http://web1.example.com/", all), "strict=1");
    assert_eq!(sent("https://web2.example.com/", all), "");
    assert_eq!(site(&panel), site(&url("https://connect.example.com/")));
}
