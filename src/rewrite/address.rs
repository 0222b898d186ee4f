//! Where an address in an answer leads, seen from our side.

use std::iter;
use std::net::IpAddr;

use url::Url;

use crate::model::Host;
use crate::model::Origin;
use crate::model::Service;

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
}

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
    /// Our origin of the service that the request was for.
    pub fn own(&self) -> Option<&Origin> {
        self.ours(self.service)
    }

    /// The server's own origin of that service, as cpsrvd writes it.
    pub fn upstream(&self) -> String {
        format!("https://{}:{}", self.host, self.service.port())
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
        let origin = service_of_port(port).filter(|_| self.is_own_name(name)).and_then(|service| self.ours(service))?;
        Some(format!("{origin}{tail}"))
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
        PanelAddresses {
            host: "web1.hosting.example".parse().unwrap(),
            address: Some([192, 0, 2, 1].into()),
            service: Service::Whostmgrd,
            origins: Service::ALL.into_iter().map(|s| (s, origin(s.port()))).collect(),
            console: "https://connect.example.com".parse().unwrap(),
        }
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
