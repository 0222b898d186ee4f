//! Gateways that die, freeze, restart or cannot be reached, and the balancer in front of them, while people work.

use std::time::Duration;

use lab::gateway::Gateway;
use tokio::time::Instant;
use tokio::time::sleep;

use super::line;
use super::trio::Trio;
use super::trio::faketime;

/// How long a gateway is frozen, in seconds, where nothing else is said: `scripts/faults` says a minute. It is longer
/// than the balancer takes to find out, and than the bound after which every gateway has heard of an end.
const FROZEN: &str = "PANELGATE_FROZEN_SECONDS";
const USUALLY_FROZEN: u64 = 8;

/// People who are led to one of the gateways, each with one request under way at most.
const AT_EACH: usize = 2;

/// How soon the balancer has left a gateway that does not answer: three checks of a second, with pauses.
const LEFT: Duration = Duration::from_secs(8);

async fn killed(trio: &mut Trio) {
    let leaver = trio.somebody_at(0).await;
    trio.signs_out(leaver, 1).await;
    let mark = trio.mark();
    trio.gateways[0].take().unwrap().kill().await.unwrap();
    let outcome = trio.people.outcome(&mark).await;
    // One request that is under way, and one over a new connection that is made before the balancer has noticed.
    assert!(outcome.failed <= 2 * AT_EACH, "{outcome:?}");
    assert_eq!((outcome.ended, outcome.signed_out), (2, 0), "{outcome:?}");
    trio.start_again(0, None).await;
    let whole = trio.serves(&mark).await;
    assert_eq!(whole.failed, outcome.failed, "it comes back without a failed request: {whole:?}");
    line(
        "a gateway of three killed (SIGKILL), and started again",
        "what is under way there fails; the next request goes to another gateway",
        Some(&whole),
        Some(outcome.lasted),
    );
}

/// What was revoked while a gateway was frozen does not come back when it thaws.
async fn frozen(trio: &mut Trio) {
    let seconds = std::env::var(FROZEN).map_or(USUALLY_FROZEN, |seconds| seconds.parse().unwrap());
    let leaver = trio.somebody_at(1).await;
    let mark = trio.mark();
    let (gateway, began) = (trio.gateways[1].as_ref().unwrap(), Instant::now());
    gateway.signal("STOP").await.unwrap();
    // Whoever is sent to another one goes on, and signs out there.
    trio.signs_out(leaver, 2).await;
    let outcome = trio.people.outcome(&mark).await;
    assert!(outcome.lasted < LEFT, "{outcome:?}");
    // Those of the gateway that was killed before may be here by now. One request of each waits until the balancer
    // closes its connection, one over a new connection may.
    assert!(outcome.failed <= 4 * AT_EACH, "{outcome:?}");
    assert!((2..=4).contains(&outcome.ended) && outcome.signed_out == 0, "{outcome:?}");
    sleep(Duration::from_secs(seconds).saturating_sub(began.elapsed())).await;
    trio.gateways[1].as_ref().unwrap().signal("CONT").await.unwrap();
    trio.balancer.until(1, true).await.unwrap();
    let whole = trio.serves(&mark).await;
    assert_eq!(whole.failed, outcome.failed, "it thaws without a failed request: {whole:?}");
    line(
        &format!("a gateway of three frozen for {seconds} s (SIGSTOP)"),
        "who is there waits until the balancer has seen it; then the others serve; what was ended meanwhile stays ended",
        Some(&whole),
        Some(outcome.lasted),
    );
}

/// One after the other, each with terminals and event streams open.
async fn restarted(trio: &mut Trio) {
    let mark = trio.mark();
    for place in 0..3 {
        let ended = trio.gateways[place].take().unwrap().stop().await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.output);
        trio.start_again(place, None).await;
        trio.people.work_well().await;
    }
    let outcome = trio.serves(&mark).await;
    assert_eq!((outcome.failed, outcome.signed_out), (0, 0), "{outcome:?}");
    // A terminal and an event stream at each; the next gateway may have taken them over before its turn.
    assert!(outcome.ended >= 6 && outcome.told * 2 >= outcome.ended, "terminals are told: {outcome:?}");
    line(
        "three gateways restarted one after the other",
        "nothing, but that terminals and event streams end (terminals say so) and are opened again",
        Some(&outcome),
        Some(Duration::ZERO),
    );
}

/// A gateway whose clock is ahead, among two whose clocks are right.
async fn ahead(trio: &mut Trio) {
    let ended = trio.gateways[2].take().unwrap().stop().await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let command = faketime(&trio.replicas[2], "+10s");
    trio.start_again(2, Some(command)).await;
    trio.people.work_well().await;
    let leaver = trio.somebody_at(2).await;
    let mark = trio.mark();
    trio.signs_out(leaver, 0).await;
    let outcome = trio.serves(&mark).await;
    assert_eq!((outcome.failed, outcome.ended, outcome.signed_out), (0, 0, 0), "{outcome:?}");
    line("the clock of a gateway is 10 s ahead of the others'", "nothing", Some(&outcome), Some(outcome.lasted));
}

async fn balancer_reloaded(trio: &mut Trio) {
    let mark = trio.mark();
    trio.balancer.reload().await.unwrap();
    let outcome = trio.serves(&mark).await;
    assert_eq!((outcome.failed, outcome.ended, outcome.signed_out), (0, 0, 0), "{outcome:?}");
    line("HAProxy reloaded", "nothing", Some(&outcome), Some(outcome.lasted));
}

async fn balancer_killed(trio: &mut Trio) {
    let mark = trio.mark();
    trio.balancer.restart().await.unwrap();
    let outcome = trio.serves(&mark).await;
    assert_eq!((outcome.ended, outcome.signed_out), (6, 0), "{outcome:?}");
    line(
        "HAProxy killed and started again",
        "every connection ends; requests fail until it is back",
        Some(&outcome),
        Some(outcome.lasted),
    );
}

#[tokio::test]
async fn gateways_and_their_balancer_fail_while_people_work() {
    let mut trio = Trio::start().await;
    killed(&mut trio).await;
    frozen(&mut trio).await;
    balancer_reloaded(&mut trio).await;
    restarted(&mut trio).await;
    ahead(&mut trio).await;
    balancer_killed(&mut trio).await;
    trio.nothing_is_lost_of_the_records().await;
    let gateways: Vec<Gateway> = trio.gateways.into_iter().flatten().collect();
    assert_eq!(gateways.len(), 3);
}
