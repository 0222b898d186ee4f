//! Where an address in an answer leads, seen from our side.

use url::Url;

use crate::model::Host;
use crate::model::Origin;
use crate::model::Service;

/// The addresses of one server, on its side and on ours, seen from one of its services.
#[derive(Clone, Debug)]
pub struct PanelAddresses {
    /// The server's own host name.
    pub host: Host,
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
        let same_host = url.host_str().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host == self.host);
        let service = url.port_or_known_default().and_then(service_of_port).filter(|_| same_host);
        Some(match service {
            Some(service) if service == self.service => Leads::Here(tail(&url)),
            Some(service) => match self.ours(service) {
                Some(origin) => Leads::Across(service, format!("{origin}{}", tail(&url))),
                None => Leads::Away(url),
            },
            None => Leads::Away(url),
        })
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
}
