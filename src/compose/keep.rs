//! What is done again and again while the gateway serves.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::compose::fleet;
use crate::compose::reload::Current;
use crate::compose::shield;
use crate::fleet::Notes;

/// How often sessions are looked through for those of which the provider is to be asked again.
const FRESH: Duration = Duration::from_secs(1);

/// How often other processes are listened to. With the time that acting takes it stays below the second in
/// which a session that was ended by hand is cut, and far below the five that other nodes may take.
const LISTEN: Duration = Duration::from_millis(250);

/// What was seen of the servers from outside is measured at every so many of those.
const MEASURE: u32 = 5;

/// Asks providers again before what they said is too old. An answer that is under way is waited for when the
/// gateway stops: a refresh token that was spent and not kept would end its session.
pub(super) async fn fresh(current: Current, stop: CancellationToken) {
    let mut ticks = ticks(FRESH);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        current.gateway().ask_again().await;
    }
}

/// Does what other processes ask for.
pub(super) async fn listen(current: Current) {
    let mut ticks = ticks(LISTEN);
    let mut bell = current.gateway().sessions.bell();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // Its sender lives as long as the store.
            _ = bell.changed() => {}
        }
        current.gateway().listen().await;
    }
}

/// Records what commands and the gateway itself noted about tokens and servers, and measures what they left.
pub(super) async fn notes(current: Current, notes: Notes) {
    let mut ticks = ticks(FRESH);
    let history = notes.shield();
    for tick in 0_u32.. {
        ticks.tick().await;
        fleet::record_notes(&current, &notes).await;
        if tick.is_multiple_of(MEASURE) {
            shield::measure(&current, &history).await;
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
