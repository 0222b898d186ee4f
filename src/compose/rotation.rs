//! Tokens that the gateway changes by itself: what is due, and what was interrupted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use crate::compose::reload::Current;
use crate::config::Fleet;
use crate::fleet::NewToken;
use crate::fleet::RotateError;
use crate::fleet::Rotator;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::TokenRef;
use crate::telemetry::Chain;
use crate::vault::Binding;

/// Between two looks at all tokens.
const LOOK: Duration = Duration::from_secs(30);

/// Servers whose tokens are changed at once.
const AT_ONCE: usize = 4;

/// After a failure a server is left alone for so long.
const REST: Duration = Duration::from_mins(30);

/// How the gateway looks after tokens.
pub(super) struct Rotation {
    pub(super) rotator: Rotator,
    pub(super) fleet: Fleet,
    pub(super) wanted: NewToken,
}

/// Changes what is due, until it is aborted. The first look comes at once: a change that a crash interrupted is
/// ended before anything else.
pub(super) async fn run(current: Current, rotation: Rotation) {
    let mut resting: HashMap<ServerId, Instant> = HashMap::new();
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        resting.retain(|_, until| *until > Instant::now());
        let gateway = current.gateway();
        let servers: Vec<Server> = gateway.directory.servers.values().cloned().collect();
        let due = servers.into_iter().filter(|server| server.api_token == TokenRef::Vault);
        let due: Vec<Server> = due.filter(|server| !resting.contains_key(&server.id)).collect();
        let panels = Arc::new(gateway.panels.clone());
        let done: Vec<_> = stream::iter(due)
            .map(|server| {
                let (rotation, panels) = (&rotation, Arc::clone(&panels));
                async move {
                    let upstream = panels.upstream(&server.id)?.clone();
                    let done = rotation.look_after(&upstream, &server).await;
                    Some((server.id, done))
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (server, done) in done.into_iter().flatten() {
            match done {
                // Of several gateways one is at it.
                Ok(()) | Err(RotateError::Busy(_)) => {}
                Err(error) => {
                    tracing::error!(%server, cause = %Chain(&error), "the API token could not be changed; the present one stays");
                    resting.insert(server, Instant::now() + REST);
                }
            }
        }
    }
}

impl Rotation {
    async fn look_after(&self, upstream: &crate::upstream::Upstream, server: &Server) -> Result<(), RotateError> {
        let binding = Binding::of(server);
        let entry = self.rotator.vault.open(&binding).await?;
        if entry.contents.rotation.is_some() {
            self.rotator.resume(upstream, &binding, &self.wanted).await?;
            tracing::info!(server = %server.id, "a change of the API token that was interrupted has been ended");
            return Ok(());
        }
        if self.fleet.rotate && self.rotator.is_due(&entry, self.fleet.token_lifetime, self.fleet.rotate_before) {
            let done = self.rotator.rotate(upstream, &binding, &self.wanted).await?;
            tracing::info!(server = %server.id, token = done.name, "the API token was changed");
        }
        Ok(())
    }
}
