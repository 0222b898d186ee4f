//! What a gateway does by itself: clears away what has expired, and looks whether its parts are well.

use std::time::Duration;

use futures_util::future::join_all;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::compose::reload::Current;
use crate::gateway::Gateway;
use crate::gateway::PROVIDER_AWAY;
use crate::gateway::STORE_AWAY;
use crate::model::ReferenceId;
use crate::telemetry;
use crate::telemetry::Chain;
use crate::telemetry::Check;

/// Between two looks at the parts.
const LOOK: Duration = Duration::from_secs(5);

/// The same, while the store does not answer: nobody can sign in until somebody has seen that it does again.
const AGAIN: Duration = Duration::from_secs(1);

/// Panel sessions of people who are gone are let go of at every so many looks.
const SWEEP: u32 = 12;

/// Between two looks for sessions whose time is over: what runs under one ends within a second.
const CUT: Duration = Duration::from_millis(500);

/// Looks, until it is aborted. The first look comes at once.
pub(super) async fn run(current: Current) {
    tokio::join!(look(&current), cut(&current));
}

async fn cut(current: &Current) {
    let mut ticks = tokio::time::interval(CUT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        current.gateway().sessions.cut_expired().await;
    }
}

async fn look(current: &Current) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = false;
    for look in 0_u32.. {
        ticks.tick().await;
        let gateway = current.gateway();
        store(&gateway).await;
        audit(&gateway).await;
        if !gateway.health.is_well(Check::Store) {
            ticks.reset_after(AGAIN);
        }
        // Later, sign-ins themselves show whether it answers.
        if !known {
            known = providers(&gateway).await;
        }
        if look.is_multiple_of(SWEEP) && gateway.health.is_well(Check::Store) {
            gateway.panels.sweep(|session| gateway.sessions.is_known(session));
        }
    }
}

/// Counts, and clears away what has expired: a store that can be read and not written is of no use either.
async fn store(gateway: &Gateway) {
    let count = match gateway.sessions.sweep().await {
        Ok(_) => gateway.sessions.count().await,
        Err(error) => Err(error),
    };
    match count {
        Ok(count) => {
            gateway.metrics.sessions(count);
            // Not before what happened elsewhere was heard: until then nobody is let in who has signed in before.
            if gateway.sessions.hears() {
                gateway.health.well(Check::Store);
            }
        }
        Err(error) => {
            if gateway.health.is_well(Check::Store) {
                tracing::error!(cause = %Chain(&error), "the store does not answer");
            }
            gateway.health.unwell(Check::Store, STORE_AWAY);
        }
    }
}

/// Where an event could not be written, tries again: with nobody sent here, no other event would.
async fn audit(gateway: &Gateway) {
    gateway.metrics.shed(gateway.audit.shed());
    gateway.metrics.log_left_out(telemetry::left_out());
    if gateway.health.is_well(Check::Audit) {
        return;
    }
    let event = Event::new(Kind::AuditResumed, Outcome::Succeeded, ReferenceId::from_bits(0), gateway.clock.now());
    if gateway.audit.record(&event).await.is_ok() {
        gateway.health.well(Check::Audit);
    }
}

/// Learns about the providers before the first person comes; says whether it knows all of them.
async fn providers(gateway: &Gateway) -> bool {
    let first_time = gateway.health.is_well(Check::Provider);
    let asking = gateway.providers.iter().map(|provider| async move {
        let ready = provider.ready().await;
        if let Err(error) = &ready
            && first_time
        {
            tracing::warn!(provider = %provider.id(), cause = %Chain(error), "the provider cannot be used yet");
        }
        ready.is_ok()
    });
    let known = join_all(asking).await.into_iter().all(|known| known);
    if known {
        gateway.health.well(Check::Provider);
    } else {
        gateway.health.unwell(Check::Provider, PROVIDER_AWAY);
    }
    known
}
