//! The certificates that people are shown where TLS ends at a balancer: it is asked for them, as a browser would.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::doctor::AT_ONCE;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::doctor::SOON;
use crate::doctor::finding::some_of;
use crate::edge::Origins;
use crate::model::Origin;
use crate::model::Timestamp;
use crate::telemetry::Chain;
use crate::upstream::LookError;
use crate::upstream::Looker;
use crate::upstream::Presented;

/// How long the balancer may take to show one.
const PATIENCE: Duration = Duration::from_secs(3);

/// A certificate and the origins at which it was shown.
struct Shown {
    certificate: Presented,
    /// Those that it is valid for, and whether the system's authorities vouch for it there.
    fitting: Vec<(String, bool)>,
    /// Those that it is not valid for.
    astray: Vec<String>,
}

/// Asks for the certificate of every origin. If the console shows none, no other is asked for. `wildcards` are the
/// names that cover all panels.
pub(super) async fn look(origins: &Origins, wildcards: &str, looker: &Looker, now: Timestamp) -> Vec<Finding> {
    // The address that servers are reached from is none that people come from.
    let looker = looker.clone().leaving_from(None);
    let console = origins.console();
    let first = match looker.look_at_origin(console, PATIENCE).await {
        Ok(certificate) => certificate,
        Err(error) => return vec![unseen(&[console.authority()], &error, "; no other name was asked for")],
    };
    let mut shown = BTreeMap::new();
    take(&mut shown, console, first);
    let looking: Vec<_> = origins.panels().map(|panel| ask(&looker, &panel.origin)).collect();
    let mut looking = stream::iter(looking).buffer_unordered(AT_ONCE);
    let (mut lost, mut why) = (Vec::new(), None);
    while let Some((origin, answer)) = looking.next().await {
        match answer {
            Ok(certificate) => take(&mut shown, origin, certificate),
            Err(error) => {
                lost.push(origin.authority());
                why = Some(error);
            }
        }
    }
    let advice = format!("give the balancer one for {} and {wildcards}", console.host);
    let mut findings: Vec<Finding> = shown.into_values().map(|shown| of(shown, &advice, now)).collect();
    lost.sort_unstable();
    findings.extend(why.map(|error| unseen(&lost, &error, "")));
    findings
}

async fn ask<'o>(looker: &Looker, origin: &'o Origin) -> (&'o Origin, Result<Presented, LookError>) {
    (origin, looker.look_at_origin(origin, PATIENCE).await)
}

fn take(shown: &mut BTreeMap<[u8; 32], Shown>, origin: &Origin, certificate: Presented) {
    let (is_public, is_for_name) = (certificate.is_public, certificate.is_for_name);
    let new = shown.entry(certificate.fingerprint);
    let shown = new.or_insert_with(|| Shown { certificate, fitting: Vec::new(), astray: Vec::new() });
    if is_for_name {
        shown.fitting.push((origin.authority(), is_public));
    } else {
        shown.astray.push(origin.authority());
    }
}

fn of(shown: Shown, advice: &str, now: Timestamp) -> Finding {
    let Shown { certificate, fitting, mut astray } = shown;
    let about = some_of(certificate.names.iter().map(String::as_str));
    let end = certificate.not_after;
    if end <= now {
        let says = format!("the one that the balancer shows ended on {}: browsers refuse it", end.to_minute());
        return Finding::wrong(Part::Certificates, about, says, "renew it at the balancer");
    }
    if !astray.is_empty() {
        astray.sort_unstable();
        let names = some_of(astray.iter().map(String::as_str));
        let says = format!("the balancer shows it at {names}, where it is not valid: browsers refuse it");
        return Finding::wrong(Part::Certificates, about, says, advice);
    }
    if end.since(now) < SOON {
        let says = format!("the one that the balancer shows ends on {}", end.to_minute());
        return Finding::remark(Part::Certificates, about, says, "renew it at the balancer");
    }
    if fitting.iter().any(|(_, is_public)| !is_public) {
        let says = "no authority that this machine knows vouches for what the balancer shows";
        let advice = "put the intermediates after it in the balancer's file (fullchain.pem); nothing, if it comes from \
                      an authority of your own that all your browsers know";
        return Finding::remark(Part::Certificates, about, says, advice);
    }
    let says =
        format!("the balancer shows it ({} addresses), and it is valid until {}", fitting.len(), end.to_minute());
    Finding::well(Part::Certificates, about, says)
}

fn unseen(lost: &[String], error: &LookError, more: &str) -> Finding {
    let about = some_of(lost.iter().map(String::as_str));
    let says = format!("the balancer's certificate cannot be looked at from here: {}", Chain(error));
    let advice = format!(
        "see that the balancer listens there with TLS; nothing, if this machine is not to reach its outer side{more}"
    );
    Finding::remark(Part::Certificates, about, says, advice)
}
