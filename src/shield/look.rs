//! Looking at the servers from where we are.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join;
use futures_util::future::join_all;
use futures_util::stream;

use crate::model::Server;
use crate::model::Timestamp;
use crate::shield::report::Looked;
use crate::shield::report::Place;
use crate::shield::report::Report;
use crate::shield::verdict::Finding;
use crate::shield::verdict::PANEL_PORTS;
use crate::upstream::Knocked;
use crate::upstream::Knocker;
use crate::upstream::Speech;

/// The ports of web sites.
const WEB_PORTS: [u16; 2] = [80, 443];

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Servers that are looked at side by side.
    pub at_once: usize,
    /// How long a port may take to let us in, and as long again to say what it is.
    pub patience: Duration,
    /// Only addresses of IPv4, where this machine has no other.
    pub only_ipv4: bool,
}

/// Looks at servers, each once.
pub async fn look(servers: &[&Server], wish: Wish, now: Timestamp) -> Report {
    let looking = stream::iter(servers.iter().map(|server| at_server(server, wish)));
    let found: Vec<(Looked, BTreeSet<IpAddr>)> = looking.buffered(wish.at_once).collect().await;
    let from = found.iter().flat_map(|(_, from)| from.iter().copied()).collect();
    Report::new(now, from, found.into_iter().map(|(looked, _)| looked).collect())
}

async fn at_server(server: &Server, wish: Wish) -> (Looked, BTreeSet<IpAddr>) {
    let knocker = Knocker::new(server, wish.patience);
    let mut addresses = match knocker.addresses().await {
        Ok(addresses) => addresses,
        Err(error) => return (Looked::not(&server.id, format!("its name does not resolve: {error}")), BTreeSet::new()),
    };
    if wish.only_ipv4 {
        addresses.retain(IpAddr::is_ipv4);
    }
    let (mut places, mut from) = (Vec::new(), BTreeSet::new());
    // One address after the other: a server is asked eight things at a time, and no more.
    for address in addresses {
        let panels = join_all(PANEL_PORTS.map(|port| knocker.knock(address, port, speech(port))));
        let web = join_all(WEB_PORTS.map(|port| knocker.knock(address, port, Speech::Any)));
        let (panels, web) = join(panels, web).await;
        from.extend(Knocker::from(address));
        let ports: BTreeMap<u16, Finding> =
            PANEL_PORTS.into_iter().zip(panels).map(|(port, knocked)| (port, finding(knocked))).collect();
        let web = web.iter().any(|knocked| matches!(knocked, Knocked::Server | Knocked::Refused));
        places.push(Place { address, ports, web });
    }
    (Looked::at(&server.id, places), from)
}

/// Clear text on even ports but for Webmail's, TLS on the others.
fn speech(port: u16) -> Speech {
    match port {
        2083 | 2087 | 2096 => Speech::Tls,
        _ => Speech::Http,
    }
}

fn finding(knocked: Knocked) -> Finding {
    match knocked {
        Knocked::Server => Finding::Panel,
        Knocked::Stranger => Finding::Stranger,
        Knocked::Refused => Finding::Refused,
        Knocked::Silent => Finding::Silent,
        Knocked::Unreachable => Finding::Unreachable,
        Knocked::NotTried => Finding::NotTried,
    }
}
