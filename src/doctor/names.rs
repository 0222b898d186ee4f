//! Whether our names lead somewhere, all of them to the same place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::doctor::AT_ONCE;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::doctor::finding::some_of;
use crate::edge::Origins;
use crate::model::Host;

/// How long a name may take to resolve.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a name leads.
type Places = BTreeSet<IpAddr>;

/// Why a name leads nowhere.
#[derive(Debug)]
enum Lost {
    Unknown,
    NoAnswer,
}

/// Looks up the console's name and those of all panels.
pub(super) async fn look(origins: &Origins) -> Vec<Finding> {
    let console = &origins.console().host;
    let home = match resolve(console).await {
        Ok(home) => home,
        Err(Lost::NoAnswer) => {
            let advice = "see that this machine's resolver works (/etc/resolv.conf); no other name was looked up";
            return vec![Finding::wrong(Part::Names, console, "DNS does not answer", advice)];
        }
        Err(Lost::Unknown) => {
            let advice = format!(
                "make a record for {console} that leads to the gateway or its balancer, and one for *.{console} for \
                 the panels; no other name was looked up"
            );
            return vec![Finding::wrong(Part::Names, console, "the console's name leads nowhere", advice)];
        }
    };
    let panels: BTreeSet<&Host> = origins.panels().map(|panel| &panel.origin.host).collect();
    let all = panels.len();
    let looking: Vec<_> =
        panels.into_iter().map(|host| async move { (host.to_string(), resolve(host).await) }).collect();
    let found: BTreeMap<String, _> = stream::iter(looking).buffered(AT_ONCE).collect().await;
    let lost: Vec<&str> = found.iter().filter(|(_, to)| to.is_err()).map(|(name, _)| name.as_str()).collect();
    let astray = found.iter().filter(|(_, to)| to.as_ref().is_ok_and(|to| to.is_disjoint(&home)));
    let astray: Vec<&str> = astray.map(|(name, _)| name.as_str()).collect();
    let mut findings = Vec::new();
    if !lost.is_empty() {
        let says = format!("{} of {all} names of panels lead nowhere: {}", lost.len(), some_of(lost.iter().copied()));
        let advice = "make records for them that lead where the console's does: wildcards do (docs/operations.md)";
        findings.push(Finding::wrong(Part::Names, console, says, advice));
    }
    if !astray.is_empty() {
        let says = format!("names of panels lead elsewhere than the console's: {}", some_of(astray.iter().copied()));
        let advice = "all names have to lead to the gateways or their balancer";
        findings.push(Finding::remark(Part::Names, console, says, advice));
    }
    if findings.is_empty() {
        let home: Vec<String> = home.iter().map(ToString::to_string).collect();
        let home = some_of(home.iter().map(String::as_str));
        let says = format!("leads to {home}, and so do the names of all panels ({all})");
        findings.push(Finding::well(Part::Names, console, says));
    }
    findings
}

async fn resolve(host: &Host) -> Result<Places, Lost> {
    match host {
        Host::Ip(ip) => Ok([*ip].into()),
        // RFC 6761 section 6.3: names below localhost are loopback, whatever a resolver says.
        Host::Name(_) if host.is_localhost() => Ok([Ipv4Addr::LOCALHOST.into()].into()),
        Host::Name(name) => {
            let looked_up = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((&**name, 0))).await;
            let found = looked_up.map_err(|_| Lost::NoAnswer)?.map_err(|error| lost(&error))?;
            let places: Places = found.map(|address| address.ip()).collect();
            if places.is_empty() { Err(Lost::Unknown) } else { Ok(places) }
        }
    }
}

/// The resolver's own timeouts and refusals say "try again" (`EAI_AGAIN`).
fn lost(error: &io::Error) -> Lost {
    if error.to_string().contains("Temporary failure") { Lost::NoAnswer } else { Lost::Unknown }
}
