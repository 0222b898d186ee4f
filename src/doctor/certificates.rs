//! Whether browsers will take our certificates: for every name, now and for some time, with a whole chain.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::config::PanelStyle;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::doctor::SOON;
use crate::doctor::at_balancer;
use crate::doctor::finding::some_of;
use crate::edge::Origins;
use crate::listener::Certificates;
use crate::listener::Held;
use crate::model::Host;
use crate::model::Scheme;
use crate::model::Timestamp;
use crate::telemetry::Chain;
use crate::upstream::Looker;

/// Looks at our certificates. That keys fit was seen when the configuration was read.
pub(super) async fn look(config: &Config, origins: &Origins, looker: &Looker, now: Timestamp) -> Vec<Finding> {
    let console = &origins.console().host;
    if origins.console().scheme == Scheme::Http {
        return vec![Finding::well(Part::Certificates, console, "none is needed: the console is on localhost")];
    }
    if config.balancer.as_ref().is_some_and(|balancer| balancer.ends_tls) {
        return at_balancer::look(origins, &wildcards(config, console), looker, now).await;
    }
    let files = config.certificates.iter().map(|files| (files.chain.as_path(), files.key.as_path()));
    let held = match Certificates::read(files) {
        Ok(certificates) => certificates.held(),
        Err(error) => {
            let advice = "mend the files that [tls] certificates names";
            return vec![Finding::wrong(Part::Certificates, console, Chain(&error).to_string(), advice)];
        }
    };
    let panels = origins.panels().map(|panel| &panel.origin.host);
    let hosts: BTreeSet<&Host> = panels.chain([console]).collect();
    let mut findings = Vec::new();
    let names: Vec<(&Host, String)> = hosts.into_iter().map(|host| (host, host.to_string())).collect();
    let bare = names.iter().filter(|(_, name)| !held.iter().any(|one| one.covers(name)));
    let bare: Vec<&str> = bare.map(|(_, name)| name.as_str()).collect();
    if !bare.is_empty() {
        let wanted = wildcards(config, console);
        let says = format!("no certificate is valid for {}", some_of(bare));
        let advice = format!("get one for {console} and {wanted}, and name it in [tls] certificates");
        findings.push(Finding::wrong(Part::Certificates, console, says, advice));
    }
    for (place, one) in held.iter().enumerate() {
        // The first that covers a name answers for it.
        let is_used = |name: &str| held.iter().position(|held| held.covers(name)) == Some(place);
        let used = names.iter().find(|(_, name)| is_used(name));
        findings.push(of(one, used.map(|(host, _)| *host), looker, now));
    }
    findings
}

/// What covers the names of all panels.
fn wildcards(config: &Config, console: &Host) -> String {
    match config.panels {
        PanelStyle::Ports => format!("*.{console}"),
        PanelStyle::Hosts => format!("*.<server>.{console} for each server"),
    }
}

/// What there is to say of one certificate, which answers for this name.
fn of(held: &Held, used: Option<&Host>, looker: &Looker, now: Timestamp) -> Finding {
    let about = some_of(held.names.iter().map(String::as_str));
    let seconds = i64::try_from(now.secs()).unwrap_or(i64::MAX);
    let end = Timestamp::from_secs(u64::try_from(held.ends).unwrap_or_default()).to_minute();
    let renew = "renew it (docs/operations.md, \"Renewing certificates\"); it is taken into use without a restart";
    if held.ends <= seconds {
        return Finding::wrong(Part::Certificates, about, format!("it ended on {end}: browsers refuse it"), renew);
    }
    if held.begins > seconds {
        let says = "it is not valid yet, by this machine's clock: browsers refuse it";
        return Finding::wrong(Part::Certificates, about, says, "see that this machine's clock is right");
    }
    let Some(name) = used else {
        let advice = "leave it out of [tls] certificates, or add the server that it was meant for";
        return Finding::remark(Part::Certificates, about, "no name of ours is answered with it", advice);
    };
    let vouched = looker.vouches_for(&held.chain, name, now);
    if !vouched && held.lacks_issuer {
        let says = "the certificate of whoever signed it is missing: browsers that do not know it refuse";
        let advice = "put the intermediates after it in the same file: ACME clients call that fullchain.pem";
        return Finding::wrong(Part::Certificates, about, says, advice);
    }
    if held.ends.saturating_sub(seconds) < i64::try_from(SOON.as_secs()).unwrap_or(i64::MAX) {
        return Finding::remark(Part::Certificates, about, format!("it ends on {end}"), renew);
    }
    if !vouched {
        let says = "no authority that this machine knows vouches for it";
        let advice = "nothing, if it comes from an authority of your own that all your browsers know";
        return Finding::remark(Part::Certificates, about, says, advice);
    }
    Finding::well(Part::Certificates, about, format!("it is valid until {end}"))
}
