//! From which address gateways reach servers: each from its own, or all from one, with the panel sessions shared.
//!
//! The servers' strict IP validation is on: a session works from the address that it was opened from, and no other.

use std::collections::BTreeSet;
use std::net::IpAddr;

use futures_util::future::join_all;
use lab::browser::Browser;
use lab::browser::Page;
use lab::cpsrvd::CookieIpValidation;
use lab::cpsrvd::Cpsrvd;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;

use crate::replicas::Cluster;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::serve;
use crate::stage::until;

const API: &str = "/json-api/create_user_session";
const SHARED: &str = "[upstream]\negress = \"shared\"\n";
/// Each leaves from the address that it listens on.
const APART: &str = "[upstream]\nsource = \"{gateway}\"\n";
/// What must not be: gateways that say that they leave from one address, and do not.
const WRONG: &str = "[upstream]\negress = \"shared\"\nsource = \"{gateway}\"\n";

async fn cluster(upstream: &str) -> Cluster {
    let cluster = Cluster::planned(Plan { more: upstream.to_owned(), ..Plan::tls(Style::Ports) }).await;
    for server in &cluster.world.servers {
        assert_eq!(server.switches().cookie_ip_validation, CookieIpValidation::Strict);
    }
    cluster
}

/// How often the server was asked for a session.
fn openings(server: &Cpsrvd) -> usize {
    server.requests().iter().filter(|request| request.path().starts_with(API)).count()
}

/// The addresses from which the server was reached.
fn reached_from(server: &Cpsrvd) -> BTreeSet<IpAddr> {
    server.requests().iter().map(|request| request.peer.ip()).collect()
}

/// Asks for the same page at both gateways, again and again; gives the statuses.
async fn at_both(cluster: &Cluster, browser: &mut Browser, panel: &Page, rounds: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..rounds {
        for replica in [&cluster.one.0, &cluster.two.0] {
            cluster.go_to(browser, replica);
            statuses.push(browser.fetch(panel, panel.url.as_str()).await.unwrap().status);
        }
    }
    statuses
}

#[tokio::test]
async fn gateways_that_leave_from_one_address_share_a_panel_session() {
    let cluster = cluster(SHARED).await;
    let mut browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("sam").await.unwrap();
    let panel = browser.open(&console, "web2", "webmaild", "sales@bob.example").await.unwrap();
    let server = cluster.world.server(2);
    assert_eq!(at_both(&cluster, &mut browser, &panel, 5).await, [200; 10]);
    assert_eq!((openings(server), server.sessions().len()), (1, 1), "one has opened it, both use it");

    // A cookie that the server set at one is sent by the other with the very next request: Roundcube goes on.
    let token = panel.url.path().split('/').nth(1).unwrap();
    let tool = format!("/{token}/3rdparty/roundcube/");
    let check = format!("{tool}?_action=check");
    for (first, second) in [(&cluster.one.0, &cluster.two.0), (&cluster.two.0, &cluster.one.0)] {
        cluster.go_to(&mut browser, first);
        let mail = browser.frame(&panel, &tool).await.unwrap();
        assert_eq!(mail.status, 200);
        cluster.go_to(&mut browser, second);
        let said = browser.fetch(&mail, &check).await.unwrap().text();
        assert!(said.contains("\"session\":true"), "{said}");
        // Once more with another session of the server's, and so with another cookie.
        server.expire_sessions();
        assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    }

    // Many requests at both find it gone: one of the gateways opens it again, under the same security token.
    server.expire_sessions();
    let before = openings(server);
    let elsewhere = cluster.browser_at(&cluster.one.0);
    elsewhere.steal_cookies(&browser);
    cluster.go_to(&mut browser, &cluster.two.0);
    let asked = (0..6).flat_map(|_| [&browser, &elsewhere]).map(|browser| browser.fetch(&panel, panel.url.as_str()));
    let statuses: Vec<u16> = join_all(asked).await.into_iter().map(|page| page.unwrap().status).collect();
    assert_eq!(statuses, [200; 12]);
    assert_eq!((openings(server) - before, server.sessions().len()), (1, 1), "renewed once");
    assert_eq!(at_both(&cluster, &mut browser, &panel, 3).await, [200; 6]);
    assert_eq!(openings(server) - before, 1, "and taken over, not renewed in turn");

    // What lies in the database is worth nothing without the browser's cookie.
    let dump = cluster.database.dump("panelgate").await.unwrap();
    assert!(dump.contains("panel-session"), "it lies there");
    let session = server.sessions().pop().unwrap();
    let value = session.cookie.clone();
    let decoded = value.replace("%3a", ":").replace("%2c", ",").replace("%40", "@");
    for secret in [&*value, &*decoded, token, "webmailsession", "roundcube_sessid"] {
        let hex = format!("{:02x?}", secret.as_bytes()).replace([',', ' ', '[', ']'], "");
        assert!(!dump.contains(secret) && !dump.contains(&hex), "{secret}");
    }

    // Whoever opened it dies, and nobody has to open it again.
    let Cluster { one: (_one, first), two: (two, _second), ref world, .. } = cluster;
    first.kill().await.unwrap();
    browser.lead_to(world, two.ip()).unwrap();
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    let server = world.server(2);
    assert_eq!(openings(server) - before, 1);
    // It is ended at the server with the person's session, by a gateway that has not opened it.
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    server.wait_for(|server| server.sessions().is_empty().then_some(())).await.unwrap();
}

#[tokio::test]
async fn gateways_that_leave_from_addresses_of_their_own_have_sessions_of_their_own() {
    let cluster = cluster(APART).await;
    let mut browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let server = cluster.world.server(1);
    assert_eq!(reached_from(server), [cluster.one.0.ip()].into());
    assert_eq!(at_both(&cluster, &mut browser, &panel, 5).await, [200; 10]);
    let both: BTreeSet<IpAddr> = [cluster.one.0.ip(), cluster.two.0.ip()].into();
    assert_eq!(reached_from(server), both);
    let sessions = server.sessions();
    assert_eq!((openings(server), sessions.len()), (2, 2));
    assert_eq!(sessions.iter().map(|session| session.address).collect::<BTreeSet<_>>(), both);
    assert_eq!(sessions[0].security_token, sessions[1].security_token);
    // Each renews its own, once.
    server.expire_sessions();
    assert_eq!(at_both(&cluster, &mut browser, &panel, 3).await, [200; 6]);
    assert_eq!(openings(server), 4);
}

#[tokio::test]
async fn gateways_that_only_say_that_they_leave_from_one_address_do_not_fight_over_a_session() {
    let cluster = cluster(WRONG).await;
    let mut browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(at_both(&cluster, &mut browser, &panel, 3).await, [200; 6]);
    let server = cluster.world.server(1);
    let opened = openings(server);
    assert!(opened <= 6, "{opened}");
    assert_eq!(at_both(&cluster, &mut browser, &panel, 5).await, [200; 10]);
    assert_eq!(openings(server), opened, "each keeps one of its own");
    let said = || cluster.one.1.output() + &cluster.two.1.output();
    until("one of them says why", || said().contains("do all gateways leave from one address")).await;
}

#[tokio::test]
async fn a_single_gateway_that_is_killed_finds_its_panel_sessions_again() {
    let stage = Stage::with(Style::Ports, SHARED).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    assert_eq!(openings(world.server(1)), 1);
}

#[tokio::test]
async fn an_address_that_is_not_the_machines_stops_the_start() {
    let more = "[upstream]\nsource = \"203.0.113.77\"\n".to_owned();
    let world = World::start(Plan { more, ..Plan::tls(Style::Ports) }).await.unwrap();
    let ended = Gateway::run(serve(&world)).unwrap().ended().await.unwrap();
    assert_eq!(ended.code, Some(70), "{}", ended.output);
    let words = "connections to servers cannot come from 203.0.113.77, which is [upstream] source";
    assert!(ended.output.contains(words), "{}", ended.output);
}
