//! Where an address in an answer leads, seen from our side.

use std::iter;
use std::net::IpAddr;

use http::HeaderMap;
use http::HeaderValue;
use url::Url;
use url::form_urlencoded;

use crate::model::Host;
use crate::model::Origin;
use crate::model::Service;
use crate::rewrite::security;

/// The addresses of one server, on its side and on ours, seen from one of its services.
#[derive(Clone, Debug)]
pub struct PanelAddresses {
    /// The server's own host name.
    pub host: Host,
    /// The address that it is reached at, where the directory has one: pages may name it too.
    pub address: Option<IpAddr>,
    /// The service that the request was for.
    pub service: Service,
    /// Our origins of the server's services.
    pub origins: Vec<(Service, Origin)>,
    /// The console's origin.
    pub console: Origin,
    written: Written,
}

/// The same as every request needs it, written once.
#[derive(Clone, Debug)]
struct Written {
    upstream: String,
    upstream_origin: HeaderValue,
    host: HeaderValue,
    own: Option<String>,
    answer: HeaderMap,
}

/// Our own paths for going on to another account or service, followed by the service's name. A server sends
/// browsers to the one-time login of a session that it has made; we open that session ourselves.
pub const HOP: &str = "/.panelgate/hop/";

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// Within the same panel origin: this path and query (and fragment).
    Here(String),
    /// To another service of the same server: this address on our side.
    Across(Service, String),
    /// Somewhere else.
    Away(Url),
}

impl PanelAddresses {
    /// Puts together what is known of one service of a server.
    ///
    /// Nothing if a name has no place in a header.
    pub fn new(
        host: Host,
        address: Option<IpAddr>,
        service: Service,
        origins: Vec<(Service, Origin)>,
        console: Origin,
    ) -> Option<Self> {
        let authority = format!("{host}:{}", service.port());
        let upstream = format!("https://{authority}");
        let own = origins.iter().find(|(known, _)| *known == service).map(|(_, origin)| origin.to_string());
        let written = Written {
            upstream_origin: HeaderValue::from_str(&upstream).ok()?,
            upstream,
            host: HeaderValue::from_str(&authority).ok()?,
            own,
            answer: security::panel_headers(&console)?,
        };
        Some(Self { host, address, service, origins, console, written })
    }

    /// `Host` for the server.
    pub(super) fn host_line(&self) -> HeaderValue {
        self.written.host.clone()
    }

    /// `Origin` for the server.
    pub(super) fn origin_line(&self) -> HeaderValue {
        self.written.upstream_origin.clone()
    }

    /// The lines that every answer has.
    pub(super) fn answer_lines(&self) -> HeaderMap {
        self.written.answer.clone()
    }

    /// Our origin of the service that the request was for, as text.
    pub(super) fn own_text(&self) -> Option<&str> {
        self.written.own.as_deref()
    }

    /// Our origin of the service that the request was for.
    pub fn own(&self) -> Option<&Origin> {
        self.ours(self.service)
    }

    /// The server's own origin of that service, as cpsrvd writes it.
    pub fn upstream(&self) -> &str {
        &self.written.upstream
    }

    /// Resolves an address that stood in the answer to a request for `path` (RFC 3986 section 5).
    ///
    /// Nothing if it is no address, or one that is not HTTP.
    pub fn leads(&self, path: &str, address: &str) -> Option<Leads> {
        let base = Url::parse(&format!("{}{path}", self.upstream())).ok()?;
        let url = base.join(address.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let named = url.host_str().is_some_and(|host| self.is_own_name(host));
        let service = url.port_or_known_default().and_then(service_of_port).filter(|_| named);
        Some(match service {
            Some(service) if is_one_time_login(url.path()) => Leads::Here(hop(service, url.query())),
            Some(service) if service == self.service => Leads::Here(tail(&url)),
            Some(service) => match self.ours(service) {
                Some(origin) => Leads::Across(service, format!("{origin}{}", tail(&url))),
                None => Leads::Away(url),
            },
            None => Leads::Away(url),
        })
    }

    /// An address as it stands in a page, with our origin in the place of one of the server's own; nothing
    /// if it names no origin, or another.
    ///
    /// Only the origin is looked at. What follows stays as it was written, whatever it is.
    pub fn with_our_origin(&self, written: &str) -> Option<String> {
        // Browsers drop blanks in front (WHATWG URL, "basic URL parser").
        let text = written.trim_start_matches(|c: char| c <= ' ');
        let (scheme, rest) = text.split_once("//")?;
        let default_port = match scheme.to_ascii_lowercase().as_str() {
            "https:" | "" => 443,
            "http:" => 80,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().ok()?),
            _ => (authority, default_port),
        };
        let service = service_of_port(port).filter(|_| self.is_own_name(name))?;
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        if is_one_time_login(path) {
            return Some(hop(service, Some(query)));
        }
        Some(format!("{}{tail}", self.ours(service)?))
    }

    /// The names of the server.
    pub fn names(&self) -> impl Iterator<Item = Host> {
        iter::once(self.host.clone()).chain(self.address.map(Host::Ip))
    }

    fn is_own_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).parse::<Host>();
        name.is_ok_and(|name| self.names().any(|own| own == name))
    }

    fn ours(&self, service: Service) -> Option<&Origin> {
        self.origins.iter().find(|(known, _)| *known == service).map(|(_, origin)| origin)
    }
}

/// The service behind a port: the TLS ports and their clear-text twins.
fn service_of_port(port: u16) -> Option<Service> {
    Service::ALL.into_iter().find(|service| service.port() == port || service.port() - 1 == port)
}

/// `/cpsess##########/login/`, where one-time logins are redeemed.
fn is_one_time_login(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    segments.next().is_some_and(|first| first.starts_with("cpsess")) && segments.next() == Some("login")
}

/// Our address for going on to a service, as the account of the one-time login if its query names one. The
/// login itself stays here: it is a key for one session.
fn hop(service: Service, query: Option<&str>) -> String {
    let query = query.unwrap_or_default().split('#').next().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let account =
        pairs.find(|(name, _)| name == "session").and_then(|(_, login)| one_time_user(&login).map(str::to_owned));
    match account {
        Some(account) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("account", &account).finish();
            format!("{HOP}{service}?{query}")
        }
        None => format!("{HOP}{service}"),
    }
}

/// The user of a session string, `USER:RANDOM:METHOD,HEX` (cPanel API docs, `create_user_session` and
/// `create_webmail_session_for_mail_user`).
pub(super) fn one_time_user(login: &str) -> Option<&str> {
    let (user, rest) = login.split_once(':')?;
    let (_, made) = rest.split_once(':')?;
    (!user.is_empty() && made.contains(',')).then_some(user)
}

fn tail(url: &Url) -> String {
    let mut tail = url.path().to_owned();
    if let Some(query) = url.query() {
        tail.push('?');
        tail.push_str(query);
    }
    if let Some(fragment) = url.fragment() {
        tail.push('#');
        tail.push_str(fragment);
    }
    tail
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn addresses() -> PanelAddresses {
        let origin = |port: u16| format!("https://web1.connect.example.com:{port}").parse().unwrap();
        PanelAddresses::new(
            "web1.hosting.example".parse().unwrap(),
            Some([192, 0, 2, 1].into()),
            Service::Whostmgrd,
            Service::ALL.into_iter().map(|s| (s, origin(s.port()))).collect(),
            "https://connect.example.com".parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn an_address_is_here_across_or_away() {
        let lead = |address: &str| addresses().leads("/cpsess1/scripts/x", address);
        let here = |path: &str| Some(Leads::Here(path.into()));
        assert_eq!(lead("/cpsess1/?a=1#b"), here("/cpsess1/?a=1#b"));
        assert_eq!(lead("y?z"), here("/cpsess1/scripts/y?z"));
        assert_eq!(lead("https://web1.hosting.example:2087/x"), here("/x"));
        assert_eq!(lead("http://WEB1.hosting.example:2086/x"), here("/x"));
        assert_eq!(
            lead("https://web1.hosting.example:2083/cpsess2/"),
            Some(Leads::Across(Service::Cpaneld, "https://web1.connect.example.com:2083/cpsess2/".into()))
        );
        for (login, hop) in [
            (
                "https://web1.hosting.example:2083/cpsess2/login/?session=bob%3aR4nd%3axfercpanel%2c00ff",
                "cpaneld?account=bob",
            ),
            ("/cpsess2/login/?session=a%40b.c%3aR%3ax%2c0&x=1", "whostmgrd?account=a%40b.c"),
            ("https://web1.hosting.example:2096/cpsess2/login/", "webmaild"),
            ("https://web1.hosting.example:2083/cpsess2/login/?session=bob", "cpaneld"),
        ] {
            assert_eq!(lead(login), here(&format!("/.panelgate/hop/{hop}")), "{login}");
        }
        for away in [
            "https://evil.example/",
            "//evil.example/x",
            "https://web1.hosting.example/",
            "http://web1.hosting.example:8080/",
        ] {
            assert!(matches!(lead(away), Some(Leads::Away(_))), "{away}");
        }
        for none in ["javascript:alert(1)", "data:text/html,x", "https://u@web1.hosting.example:2087/", "https://["] {
            assert_eq!(lead(none), None, "{none}");
        }
    }

    #[test]
    fn an_address_gets_our_origin_and_is_otherwise_left_alone() {
        let ours = |written: &str| addresses().with_our_origin(written);
        let whm = "https://web1.connect.example.com:2087";
        for (written, expected) in [
            ("https://web1.hosting.example:2087/x?a=1&amp;b#c", format!("{whm}/x?a=1&amp;b#c")),
            (" //Web1.Hosting.Example:2087", whm.to_owned()),
            ("http://web1.hosting.example.:2086/x", format!("{whm}/x")),
            ("https://192.0.2.1:2087/", format!("{whm}/")),
            ("HTTPS://web1.hosting.example:2096/", "https://web1.connect.example.com:2096/".to_owned()),
            ("https://web1.hosting.example:2096/cpsess2/login/", "/.panelgate/hop/webmaild".to_owned()),
            (
                "https://web1.hosting.example:2083/cpsess2/login/?session=bob%3aR%3ax%2c0",
                "/.panelgate/hop/cpaneld?account=bob".to_owned(),
            ),
        ] {
            assert_eq!(ours(written), Some(expected), "{written}");
        }
        for other in [
            "/x",
            "x//y",
            "https://web1.hosting.example/",
            "https://web1.hosting.example:2087@evil.example/",
            "https://evil.example:2087/",
            "https://u@web1.hosting.example:2087/",
            "javascript://web1.hosting.example:2087/%0aalert(1)",
            "https://192.0.2.2:2087/",
            "https://web1.hosting.example:99999/",
            "",
        ] {
            assert_eq!(ours(other), None, "{other}");
        }
    }
}
