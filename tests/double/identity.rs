//! What a page of cPanel & WHM takes itself for, by its address (`docs/cpsrvd.md`, section 5.2).
//!
//! The rules of the vendor's published client library, written from their description: the host's first
//! label names the application, else the port does, and only an unknown port lets the path decide.

use url::Url;

/// What a page derives from its address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `whostmgr`, `cpanel`, `webmail` or `other`.
    pub(crate) app: &'static str,
    /// `/cpsess##########`, if it is the first path element.
    pub(crate) token: String,
    /// The theme, for the two applications that have one.
    pub(crate) theme: String,
    /// What the page's own links begin with.
    pub(crate) base: String,
}

impl Identity {
    /// The identity of a page at this address.
    pub(crate) fn of(url: &Url) -> Self {
        let (host, path) = (url.host_str().unwrap_or_default(), url.path());
        let port = url.port_or_known_default().unwrap_or_default();
        let elements: Vec<&str> = path.split('/').skip(1).collect();
        let first = elements.first().copied().unwrap_or_default();
        let token = match first.strip_prefix("cpsess") {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("/{first}")
            }
            _ => String::new(),
        };
        let word = if token.is_empty() { first } else { elements.get(1).copied().unwrap_or_default() };
        let app = by_host(host).or_else(|| by_port(port)).unwrap_or_else(|| by_word(word));
        let theme = match app {
            "cpanel" | "webmail" => elements.get(2).copied().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let base = match app {
            "cpanel" => format!("{token}/frontend/{theme}/"),
            "webmail" => format!("{token}/webmail/{theme}/"),
            "whostmgr" => format!("{token}/"),
            _ => "/".to_owned(),
        };
        // Links are always written with their port, even when it is the scheme's own.
        let base = format!("{}://{host}:{port}{base}", url.scheme());
        Self { app, token, theme, base }
    }
}

fn by_host(host: &str) -> Option<&'static str> {
    [("whm.", "whostmgr"), ("cpanel.", "cpanel"), ("webmail.", "webmail")]
        .into_iter()
        .find(|(label, _)| host.starts_with(label))
        .map(|(_, app)| app)
}

fn by_port(port: u16) -> Option<&'static str> {
    match port {
        80 | 443 => Some("other"),
        2082 | 2083 => Some("cpanel"),
        2086 | 2087 => Some("whostmgr"),
        2095 | 2096 => Some("webmail"),
        _ => None,
    }
}

fn by_word(word: &str) -> &'static str {
    match word {
        "frontend" => "cpanel",
        "webmail" => "webmail",
        _ => "other",
    }
}

#[test]
fn who_a_page_thinks_it_is() {
    for (address, app, token, base) in [
        ("https://h.example:2087/cpsess1/x", "whostmgr", "/cpsess1", "https://h.example:2087/cpsess1/"),
        ("https://whm.h.example/cpsess1/x", "whostmgr", "/cpsess1", "https://whm.h.example:443/cpsess1/"),
        ("https://whm-h.example/cpsess1/x", "other", "/cpsess1", "https://whm-h.example:443/"),
        (
            "https://h.example:2083/cpsess1/frontend/jupiter/index.html",
            "cpanel",
            "/cpsess1",
            "https://h.example:2083/cpsess1/frontend/jupiter/",
        ),
        ("https://h.example/web1/cpsess1/frontend/jupiter/x", "other", "", "https://h.example:443/"),
        ("https://h.example/cpsess1/frontend/jupiter/x", "other", "/cpsess1", "https://h.example:443/"),
        (
            "https://h.example:8443/cpsess1/webmail/jupiter/x",
            "webmail",
            "/cpsess1",
            "https://h.example:8443/cpsess1/webmail/jupiter/",
        ),
    ] {
        let found = Identity::of(&Url::parse(address).unwrap());
        assert_eq!((found.app, &*found.token, &*found.base), (app, token, base), "{address}");
    }
}
