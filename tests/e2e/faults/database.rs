//! The database on a bad day: restarted, read-only, without connections, slow, frozen, locked, failed over to a replica,
//! while people work at three gateways; and gateways whose clocks differ.

use std::time::Duration;

use lab::gateway::Gateway;
use tokio::time::Instant;

use super::cut_connections;
use super::line;
use super::people::Mark;
use super::trio::Trio;
use super::trio::faketime;
use crate::replicas::Cluster;
use crate::stage::problem;
use crate::stage::until;

/// The database is itself again: says what the fault has cost, and how long it took from now until all was well.
pub(super) async fn over(trio: &Trio, mark: &Mark, fault: &str, people: &str) {
    let began = Instant::now();
    trio.are_ready(200).await;
    let took = began.elapsed();
    let outcome = trio.serves(mark).await;
    assert_eq!(outcome.failed_in_place, 0, "in panels that are open no request fails: {outcome:?}");
    assert_eq!(outcome.ended, 0, "terminals and event streams go on: {outcome:?}");
    line(fault, people, Some(&outcome), Some(took));
}

pub(super) const GO_ON: &str = "open panels go on; signing in and opening get 503";

async fn killed(trio: &mut Trio) {
    let leaver = trio.somebody_at(0).await;
    trio.signs_out(leaver, 1).await;
    let mark = trio.mark();
    trio.database.kill().await.unwrap();
    trio.database.resume().await.unwrap();
    over(trio, &mark, "PostgreSQL killed and started again", "nothing").await;
}

async fn read_only(trio: &Trio) {
    let mark = trio.mark();
    let set = "ALTER DATABASE panelgate SET default_transaction_read_only = on";
    trio.database.ask("postgres", set).await.unwrap();
    cut_connections(&trio.database).await;
    trio.nothing_begins().await;
    let reset = "ALTER DATABASE panelgate RESET default_transaction_read_only";
    trio.database.ask("postgres", reset).await.unwrap();
    cut_connections(&trio.database).await;
    over(trio, &mark, "PostgreSQL read-only", GO_ON).await;
}

async fn out_of_connections(trio: &Trio) {
    let mark = trio.mark();
    trio.database.ask("postgres", "ALTER DATABASE panelgate ALLOW_CONNECTIONS false").await.unwrap();
    cut_connections(&trio.database).await;
    trio.nothing_begins().await;
    trio.database.ask("postgres", "ALTER DATABASE panelgate ALLOW_CONNECTIONS true").await.unwrap();
    over(trio, &mark, "PostgreSQL takes no connections", GO_ON).await;
}

async fn slow(trio: &Trio) {
    let mark = trio.mark();
    trio.ways.iter().for_each(|way| way.delay(Duration::from_millis(50)));
    let person = trio.somebody_at(2).await;
    person.browser.open(&person.console, "web3", "whostmgrd", "root").await.unwrap();
    assert_eq!(trio.are_ready(200).await, "ready\n");
    trio.ways.iter().for_each(|way| way.delay(Duration::ZERO));
    let people = "open panels go on; signing in and opening are slow";
    over(trio, &mark, "PostgreSQL slow (0.1 s for each statement)", people).await;
}

async fn frozen(trio: &Trio) {
    let mark = trio.mark();
    trio.ways.iter().for_each(|way| way.hold(true));
    // Before any gateway has noticed: the server is asked for nothing that could not be kept.
    let (person, server) = (&trio.people.all[0], trio.world.server(2));
    let before = server.requests().len();
    let refused = person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    assert_eq!(server.requests().len(), before, "a session is left behind at the server");
    trio.nothing_begins().await;
    trio.ways.iter().for_each(|way| way.hold(false));
    let people = "open panels go on; signing in and opening get 503 after 5 s";
    over(trio, &mark, "PostgreSQL frozen (no byte comes back)", people).await;
}

/// Every connection of the pools waits for a lock that somebody has.
async fn locked(trio: &Trio) {
    let mark = trio.mark();
    let mut holder = trio.database.hold("panelgate", "BEGIN; LOCK TABLE records").await.unwrap();
    let (person, server) = (&trio.people.all[0], trio.world.server(2));
    let before = server.requests().len();
    let opening = (0..8).map(|_| person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root"));
    for refused in futures_util::future::join_all(opening).await {
        let refused = refused.unwrap();
        assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    }
    assert_eq!(server.requests().len(), before, "a session is left behind at the server");
    trio.nothing_begins().await;
    drop(holder.stdin.take());
    holder.wait().await.unwrap();
    let people = "open panels go on; signing in and opening get 503 after 5 s";
    over(trio, &mark, "every connection to PostgreSQL waits for a lock", people).await;
}

/// One gateway loses the database, and the others do not.
async fn cut_off(trio: &mut Trio) {
    let leaver = trio.somebody_at(0).await;
    let mark = trio.mark();
    trio.ways[0].hold(true);
    trio.signs_out(leaver, 1).await;
    trio.balancer.until(0, false).await.unwrap();
    let stranger = trio.browser_at(0);
    assert_eq!(stranger.sign_in("sam").await.unwrap().status, 200, "strangers are led to the others");
    trio.ways[0].hold(false);
    trio.balancer.until(0, true).await.unwrap();
    let people = "open panels go on; new connections go to the others; what was ended meanwhile stays ended";
    over(trio, &mark, "a gateway of three cut off from PostgreSQL", people).await;
}

/// A replica takes the database's place. What was acknowledged is on it: the primary waits for it.
async fn failed_over(trio: &mut Trio) {
    let standby = trio.database.replica().await.unwrap();
    let leaver = trio.somebody_at(1).await;
    trio.signs_out(leaver, 2).await;
    let late = trio.somebody_at(2).await;
    let mark = trio.mark();
    trio.database.kill().await.unwrap();
    trio.nothing_begins().await;
    standby.promote().await.unwrap();
    trio.ways.iter().for_each(|way| way.lead_to(standby.address()));
    over(trio, &mark, "PostgreSQL failed over to a replica (synchronous)", GO_ON).await;
    assert_eq!(
        late.browser.fetch(&late.console, "/api/session").await.unwrap().status,
        204,
        "the last sign-in is there"
    );
    // Notices go on: an end at one reaches the others.
    trio.signs_out(late, 0).await;
    trio.is_well(&trio.mark()).await;
}

#[tokio::test]
async fn the_database_fails_while_people_work() {
    let mut trio = Trio::start().await;
    killed(&mut trio).await;
    read_only(&trio).await;
    out_of_connections(&trio).await;
    slow(&trio).await;
    frozen(&trio).await;
    locked(&trio).await;
    cut_off(&mut trio).await;
    failed_over(&mut trio).await;
    trio.nothing_is_lost_of_the_records().await;
}

/// Starts a gateway whose clock is ahead or behind by so much (`+10s`).
async fn with_clock(cluster: Cluster, offset: &str) -> Cluster {
    let Cluster { world, database, one, two: (two, second) } = cluster;
    assert_eq!(second.stop().await.unwrap().code, Some(0));
    let second = Gateway::spawn_replica_as(faketime(&two, offset), &world, &two).await.unwrap();
    Cluster { world, database, one, two: (two, second) }
}

async fn clocks_differ_by(offset: &str) {
    let cluster = with_clock(Cluster::start("").await, offset).await;
    let (one, two) = (&cluster.one.0, &cluster.two.0);
    for (here, there) in [(one, two), (two, one)] {
        // Begun at one, ended at the other; opened at one, entered at the other.
        let mut browser = cluster.browser_at(here);
        let form = browser.visit(&cluster.console("/")).await.unwrap();
        cluster.go_to(&mut browser, there);
        let console = browser.sign_in_at(&form, "ada").await.unwrap();
        assert_eq!(console.status, 200, "{offset}");
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        for replica in [here, there] {
            cluster.go_to(&mut browser, replica);
            assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "{offset}");
            assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204, "{offset}");
        }
        // What is ended at one is ended at the other.
        let elsewhere = cluster.browser_at(here);
        elsewhere.steal_cookies(&browser);
        elsewhere.submit(&console, "/sign-out", &[]).await.unwrap();
        let audit = cluster.one.0.audit_file();
        until("the end is on record", || {
            std::fs::read_to_string(&audit).unwrap().contains("sign_out") || here.ip() == two.ip()
        })
        .await;
        for _ in 0..250 {
            if browser.fetch(&panel, panel.url.as_str()).await.unwrap().status == 401 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401, "{offset}");
    }
}

#[tokio::test]
async fn the_clocks_of_two_gateways_differ() {
    clocks_differ_by("+10s").await;
    clocks_differ_by("-10s").await;
}
