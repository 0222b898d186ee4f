//! The database on a bad day: slow, frozen, locked, failed over to a replica; and gateways whose clocks differ.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lab::browser::Browser;
use lab::browser::Page;
use lab::detour::Detour;
use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Style;
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::all_is_well;
use super::at_work;
use super::line;
use crate::replicas::Cluster;
use crate::replicas::until_ready;
use crate::stage::BINARY;
use crate::stage::problem;
use crate::stage::until;

/// Somebody who goes on clicking in an open panel while something happens.
struct Clicking {
    done: Arc<AtomicBool>,
    clicks: JoinHandle<(u32, u32)>,
}

impl Clicking {
    fn begin(cluster: &Cluster, browser: &Browser, panel: &Page) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let clicker = cluster.browser_at(&cluster.one.0);
        clicker.steal_cookies(browser);
        let (is_done, panel) = (Arc::clone(&done), panel.clone());
        let clicks = tokio::spawn(async move {
            let (mut asked, mut failed) = (0, 0);
            while !is_done.load(Ordering::Acquire) {
                let answer = clicker.fetch(&panel, panel.url.as_str()).await;
                asked += 1;
                failed += u32::from(!answer.is_ok_and(|page| page.status == 200));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (asked, failed)
        });
        Self { done, clicks }
    }

    /// What of it failed, in words.
    async fn end(self) -> String {
        self.done.store(true, Ordering::Release);
        let (asked, failed) = self.clicks.await.unwrap();
        assert_eq!(failed, 0, "of {asked} requests to an open panel");
        "no request in open panels fails".to_owned()
    }
}

/// A cluster that reaches its database by a detour.
async fn by_detour() -> (Cluster, Detour) {
    let database = Postgres::start().await.unwrap();
    let detour = Detour::to(database.address()).await.unwrap();
    let address = database.url("panelgate").replace(&database.address().to_string(), &detour.address().to_string());
    (Cluster::on(Plan::tls(Style::Ports), database, &address).await, detour)
}

#[tokio::test]
async fn postgresql_is_slow() {
    let (cluster, detour) = by_detour().await;
    let (browser, console, panel) = at_work(&cluster).await;
    let clicking = Clicking::begin(&cluster, &browser, &panel);
    detour.delay(Duration::from_millis(150));
    browser.open(&console, "web3", "whostmgrd", "root").await.unwrap();
    let stranger = cluster.browser_at(&cluster.two.0);
    assert_eq!(stranger.sign_in("sam").await.unwrap().status, 200, "slowly");
    assert_eq!(until_ready(&cluster.one.0, 200).await, "ready\n");
    detour.delay(Duration::ZERO);
    let requests = clicking.end().await;
    let took = all_is_well(&cluster, &browser, &console, &panel).await;
    line(
        "PostgreSQL slow (0.3 s for each statement)",
        &format!("{requests}; signing in and opening are slow"),
        "none",
        Some(took),
    );
}

#[tokio::test]
async fn postgresql_is_frozen() {
    let (cluster, detour) = by_detour().await;
    let (browser, console, panel) = at_work(&cluster).await;
    let clicking = Clicking::begin(&cluster, &browser, &panel);
    detour.hold(true);
    let refused = browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    let words = until_ready(&cluster.one.0, 503).await;
    assert!(words.contains("store: the store does not answer"), "{words}");
    let requests = clicking.end().await;
    detour.hold(false);
    let took = all_is_well(&cluster, &browser, &console, &panel).await;
    line(
        "PostgreSQL frozen (no byte comes back)",
        &format!("{requests}; sign-in and opening get 503 after 5 s"),
        "none",
        Some(took),
    );
}

/// Every connection of the pool waits for a lock that somebody has.
#[tokio::test]
async fn every_connection_of_the_pool_waits() {
    let cluster = Cluster::start("").await;
    let (browser, console, panel) = at_work(&cluster).await;
    let mut holder = cluster.database.hold("panelgate", "BEGIN; LOCK TABLE records").await.unwrap();
    let clicking = Clicking::begin(&cluster, &browser, &panel);
    let opening = (0..8).map(|_| browser.ask_to_open(&console, "web2", "whostmgrd", "root"));
    for refused in futures_util::future::join_all(opening).await {
        let refused = refused.unwrap();
        assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    }
    let words = until_ready(&cluster.one.0, 503).await;
    assert!(words.contains("store: the store does not answer"), "{words}");
    let requests = clicking.end().await;
    drop(holder.stdin.take());
    holder.wait().await.unwrap();
    let took = all_is_well(&cluster, &browser, &console, &panel).await;
    line(
        "every connection of the pool waits for a lock",
        &format!("{requests}; sign-in and opening get 503 after 5 s"),
        "none",
        Some(took),
    );
}

/// A replica takes the database's place. What was acknowledged is on it: the primary waits for it.
#[tokio::test]
async fn postgresql_fails_over_to_a_replica() {
    let (mut cluster, detour) = by_detour().await;
    let standby = cluster.database.replica().await.unwrap();
    let (browser, console, panel) = at_work(&cluster).await;
    let leaver = cluster.browser_at(&cluster.two.0);
    let at_leaver = leaver.sign_in("sam").await.unwrap();
    leaver.submit(&at_leaver, "/sign-out", &[]).await.unwrap();
    let late = cluster.browser_at(&cluster.two.0);
    let at_late = late.sign_in("sam").await.unwrap();

    let clicking = Clicking::begin(&cluster, &browser, &panel);
    cluster.database.kill().await.unwrap();
    until_ready(&cluster.one.0, 503).await;
    standby.promote().await.unwrap();
    detour.lead_to(standby.address());
    let took = all_is_well(&cluster, &browser, &console, &panel).await;
    let requests = clicking.end().await;
    until_ready(&cluster.two.0, 200).await;
    assert_eq!(late.fetch(&at_late, "/api/session").await.unwrap().status, 204, "the last sign-in is there");
    let back = cluster.browser_at(&cluster.one.0);
    back.steal_cookies(&leaver);
    assert_eq!(back.fetch(&at_leaver, "/api/session").await.unwrap().status, 401, "nobody who signed out is back");
    // Notices go on: an end at one reaches the other.
    let elsewhere = cluster.browser_at(&cluster.two.0);
    elsewhere.steal_cookies(&browser);
    assert_eq!(elsewhere.fetch(&console, "/api/session").await.unwrap().status, 204);
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    let mut status = 0;
    for _ in 0..250 {
        status = elsewhere.fetch(&console, "/api/session").await.unwrap().status;
        if status == 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status, 401);
    line(
        "PostgreSQL failed over to a replica (synchronous)",
        &format!("{requests}; sign-in and opening get 503 meanwhile"),
        "none",
        Some(took),
    );
}

/// Starts a gateway whose clock is ahead or behind by so much (`+10s`).
async fn with_clock(cluster: Cluster, offset: &str) -> Cluster {
    // Debian's package faketime.
    let library = std::fs::read_dir("/usr/lib").unwrap().filter_map(|entry| {
        let found = entry.ok()?.path().join("faketime/libfaketimeMT.so.1");
        found.exists().then_some(found)
    });
    let library = library.last().unwrap();
    let Cluster { world, database, one, two: (two, second) } = cluster;
    assert_eq!(second.stop().await.unwrap().code, Some(0));
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--config").arg(two.config());
    command.env("LD_PRELOAD", library).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let second = Gateway::spawn_replica_as(command, &world, &two).await.unwrap();
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
    line("the clocks of two gateways differ by 10 s", "nothing", "none", None);
}
