//! The doctor: looks from the machine where it runs at everything that a gateway needs, and says what to do.
//!
//! Nothing is changed by a look: no table is made, no session opened, no record written. Everything is bounded in
//! time, and much goes on at once, so that five hundred servers take less than a minute even if none answers.
//! No finding holds a secret.

mod at_balancer;
mod certificates;
mod finding;
mod holder;
mod machine;
mod names;
mod provider;
mod server;
mod settings;
mod state;

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use crate::compose;
use crate::compose::Rounds;
use crate::config::Config;
use crate::model::Clock;
use crate::model::Server;
use crate::upstream::Looker;
use crate::upstream::TrustError;

pub use finding::Finding;
pub use finding::Part;
pub use finding::State;

/// Servers, and names, that are looked at at once. Each takes up to four connections, which a shell's usual limit
/// of 1,024 open files has room for.
const AT_ONCE: usize = 100;

/// How long a server's API may take to begin an answer.
const API: Duration = Duration::from_secs(5);

/// A certificate or token whose end is nearer than this is told of.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Looks at everything.
///
/// # Errors
/// When TLS cannot be set up on this machine at all.
pub async fn examine(config: &Config, clock: &dyn Clock) -> Result<Vec<Finding>, TrustError> {
    let looker = Looker::new()?.leaving_from(config.upstream.source);
    let origins = compose::our_origins(config);
    let rounds = Rounds::begin(config, API).await;
    let everybody: Vec<&Server> = config.directory.servers.values().collect();
    let asked = config.providers.iter().map(|provider| provider::look(config, provider));
    let (names, certificates, providers, audit, servers) = tokio::join!(
        names::look(&origins),
        certificates::look(config, &origins, &looker, clock.now()),
        join_all(asked),
        state::audit(config),
        visit(config, &everybody, &rounds, &looker, clock),
    );
    let mut findings = names;
    findings.extend(certificates);
    findings.extend(providers.into_iter().flatten());
    findings.extend(state::store(config, &rounds, clock.now()));
    findings.extend(audit);
    findings.extend(machine::look(config));
    findings.extend(servers);
    Ok(findings)
}

/// Looks at these servers, and at nothing else.
///
/// # Errors
/// As [`examine`].
pub async fn examine_servers(
    config: &Config,
    servers: &[&Server],
    clock: &dyn Clock,
) -> Result<Vec<Finding>, TrustError> {
    let looker = Looker::new()?.leaving_from(config.upstream.source);
    let rounds = Rounds::begin(config, API).await;
    Ok(visit(config, servers, &rounds, &looker, clock).await)
}

async fn visit(
    config: &Config,
    servers: &[&Server],
    rounds: &Rounds,
    looker: &Looker,
    clock: &dyn Clock,
) -> Vec<Finding> {
    let visits = servers.iter().map(|server| server::visit(config, server, rounds, looker, clock.now()));
    // Boxed, because each is large and there are many.
    let visits: Vec<_> = visits.map(Box::pin).collect();
    stream::iter(visits).buffered(AT_ONCE).collect::<Vec<_>>().await.concat()
}
