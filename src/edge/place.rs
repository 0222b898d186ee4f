//! Which of our origins a request is for.

use std::sync::Arc;

use foldhash::HashMap;

use crate::model::Host;
use crate::model::Origin;
use crate::model::ServerId;
use crate::model::Service;

/// How panel origins are told apart, in one of the two shapes that cPanel's front-end recognises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelStyle {
    /// `https://web1.connect.example.com:2087`
    Ports,
    /// `https://whm.web1.connect.example.com`
    Hosts,
}

/// The origin of one service of one server, on our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanelOrigin {
    /// The server.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// The origin.
    pub origin: Origin,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The console.
    Console,
    /// A panel.
    Panel(Arc<PanelOrigin>),
}

/// All origins of this gateway. What is not in here does not exist.
#[derive(Clone, Debug)]
pub struct Origins {
    console: Origin,
    style: PanelStyle,
    places: HashMap<String, Place>,
}

impl Origins {
    /// The console's origin, and one for each service of each server.
    pub fn new<'s>(console: Origin, style: PanelStyle, servers: impl Iterator<Item = &'s ServerId>) -> Self {
        let mut origins = Self { console, style, places: HashMap::default() };
        origins.places.insert(origins.console.authority(), Place::Console);
        for server in servers {
            for service in Service::ALL {
                if let Some(origin) = origins.panel(server, service) {
                    let place = Place::Panel(Arc::new(PanelOrigin { server: server.clone(), service, origin }));
                    origins.places.insert(place_key(&place, &origins.console), place);
                }
            }
        }
        origins
    }

    /// The console's origin.
    pub fn console(&self) -> &Origin {
        &self.console
    }

    /// The origin of a service of a server.
    ///
    /// Nothing if the name would be longer than DNS allows, or the console's host is an IP address.
    pub fn panel(&self, server: &ServerId, service: Service) -> Option<Origin> {
        let host: Host = self.console.host.with_label(server.as_str())?;
        let scheme = self.console.scheme;
        match self.style {
            PanelStyle::Ports => Some(Origin { scheme, host, port: service.port() }),
            PanelStyle::Hosts => {
                Some(Origin { scheme, host: host.with_label(service.host_label())?, port: self.console.port })
            }
        }
    }

    /// The place of a `Host` header, spelled as browsers spell it.
    pub fn find(&self, authority: &str) -> Option<&Place> {
        self.places.get(authority).or_else(|| self.places.get(&authority.to_ascii_lowercase()))
    }

    /// The origin that a name alone leads to: the console's, that of the one panel of this name, or where
    /// panels share it and differ by port, the console's, from which each is opened.
    pub fn named(&self, host: &str) -> Option<&Origin> {
        let is = |origin: &Origin| origin.host.to_string().eq_ignore_ascii_case(host);
        let panel = self.panels().find(|panel| is(&panel.origin));
        match (is(&self.console), panel, self.style) {
            (true, _, _) | (false, Some(_), PanelStyle::Ports) => Some(&self.console),
            (false, Some(panel), PanelStyle::Hosts) => Some(&panel.origin),
            (false, None, _) => None,
        }
    }

    /// All panel origins.
    pub fn panels(&self) -> impl Iterator<Item = &PanelOrigin> {
        self.places.values().filter_map(|place| match place {
            Place::Panel(panel) => Some(&**panel),
            Place::Console => None,
        })
    }
}

fn place_key(place: &Place, console: &Origin) -> String {
    match place {
        Place::Console => console.authority(),
        Place::Panel(panel) => panel.origin.authority(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(style: PanelStyle) -> Origins {
        let servers = ["web1".parse().unwrap(), "web2".parse().unwrap()];
        Origins::new("https://connect.example.com".parse().unwrap(), style, servers.iter())
    }

    #[test]
    fn each_service_of_each_server_has_an_origin_of_its_own() {
        for (style, authority) in [
            (PanelStyle::Ports, "web1.connect.example.com:2083"),
            (PanelStyle::Hosts, "cpanel.web1.connect.example.com"),
        ] {
            let origins = origins(style);
            assert_eq!(origins.panels().count(), 6);
            let Some(Place::Panel(panel)) = origins.find(authority) else { panic!("{authority}") };
            assert_eq!((panel.server.as_str(), panel.service), ("web1", Service::Cpaneld));
            assert_eq!(origins.find("Connect.Example.com"), Some(&Place::Console));
            for unknown in ["web3.connect.example.com:2087", "connect.example.com:2087", "evil.example", ""] {
                assert_eq!(origins.find(unknown), None, "{unknown}");
            }
        }
    }
}
