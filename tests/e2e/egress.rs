//! From which address gateways reach servers: each from its own, or all from one, with the panel sessions shared.
//!
//! The servers' strict IP validation is on: a session works from the address that it was opened from, and no other.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use lab::browser::Browser;
use lab::browser::Page;
use lab::cpsrvd::CookieIpValidation;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::detour::Detour;
use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::time::Instant;

use crate::replicas::Cluster;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
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

/// Somebody who is asked for at one gateway, and goes on at the other: the server is asked anew whose customer the
/// account is, and for no other session.
#[tokio::test]
async fn a_hop_at_one_gateway_goes_on_at_the_other() {
    let directory = Some(crate::hops::DIRECTORY.to_owned());
    let cluster = Cluster::planned(Plan { more: SHARED.to_owned(), directory, ..Plan::tls(Style::Ports) }).await;
    let server = cluster.world.server(1);
    let mut browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("sam").await.unwrap();
    let home = browser.open(&console, "web1", "whostmgrd", "support").await.unwrap();
    cluster.go_to(&mut browser, &cluster.two.0);
    let hop = browser.follow(&home, "/xfercpanel/bob").await.unwrap();
    cluster.go_to(&mut browser, &cluster.one.0);
    let cpanel = crate::hops::go_on(&browser, &console, "web1", &hop).await;
    cluster.go_to(&mut browser, &cluster.two.0);
    let hop = browser.follow(&cpanel, "/.panelgate/hop/webmaild?account=sales%40bob.example").await.unwrap();
    cluster.go_to(&mut browser, &cluster.one.0);
    let webmail = crate::hops::go_on(&browser, &console, "web1", &hop).await;
    for panel in [&home, &cpanel, &webmail] {
        assert_eq!(at_both(&cluster, &mut browser, panel, 2).await, [200; 4], "{}", panel.url);
    }
    let users: Vec<String> = server.sessions().into_iter().map(|session| session.user).collect();
    assert_eq!(users, ["support", "bob", "sales@bob.example"], "one session for each account");
    assert_eq!(openings(server), 3);
    // Each gateway has had the server say that bob is support's.
    let asked = server.requests().into_iter().filter(|request| request.path() == "/json-api/listaccts").count();
    assert!(asked >= 2, "{asked}");

    // A customer who has moved away is let in by no gateway, though the drawer has a session.
    let Cluster { one: (_one, _first), two: (two, second), ref world, .. } = cluster;
    second.kill().await.unwrap();
    let nobody = r#"{"data":{"acct":[]},"metadata":{"version":1,"reason":"OK","result":1,"command":"listaccts"}}"#;
    let length = nobody.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{nobody}");
    world.server(1).faults().inject("/json-api/listaccts", 10, Fault::Wire(answer.into_bytes()));
    let _second = Gateway::spawn_replica(BINARY, world, &two).await.unwrap();
    browser.lead_to(world, two.ip()).unwrap();
    let refused = browser.fetch(&cpanel, cpanel.url.as_str()).await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (403, "account_not_customer"));
}

/// docs/operations.md: a database that is away delays a request, or its answer, by a second at most, once in five.
#[tokio::test]
async fn a_database_that_is_away_delays_what_is_shared_by_a_second_once_in_five() {
    let database = Postgres::start().await.unwrap();
    let way = Detour::to(database.address()).await.unwrap();
    let address = database.url("panelgate").replace(&database.address().to_string(), &way.address().to_string());
    let cluster = Cluster::on(Plan { more: SHARED.to_owned(), ..Plan::tls(Style::Ports) }, database, &address).await;
    let server = cluster.world.server(2);
    let mut browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("sam").await.unwrap();
    let panel = browser.open(&console, "web2", "webmaild", "sales@bob.example").await.unwrap();
    assert_eq!(at_both(&cluster, &mut browser, &panel, 1).await, [200; 2]);

    // Answers that change the cookies.
    cluster.go_to(&mut browser, &cluster.one.0);
    way.hold(true);
    let mut took = Vec::new();
    for value in 1..=4 {
        sets_cookie(server, value);
        took.push(timed(&browser, &panel).await);
    }
    assert!(took[0] >= SECOND && took[0] < 4 * SECOND, "{took:?}");
    assert!(took[1..].iter().any(|took| *took < SECOND), "each waits: {took:?}");
    way.hold(false);
    // What has changed is written later, and is there for the other one.
    let began = Instant::now();
    loop {
        cluster.go_to(&mut browser, &cluster.one.0);
        timed(&browser, &panel).await;
        cluster.go_to(&mut browser, &cluster.two.0);
        timed(&browser, &panel).await;
        if last_cookies(server).contains("tool=4") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it is never written: {}", last_cookies(server));
    }

    // Requests that bring word of something newer.
    cluster.go_to(&mut browser, &cluster.one.0);
    sets_cookie(server, 5);
    timed(&browser, &panel).await;
    way.hold(true);
    cluster.go_to(&mut browser, &cluster.two.0);
    let mut took = Vec::new();
    for _ in 0..4 {
        took.push(timed(&browser, &panel).await);
    }
    assert!(took[0] >= SECOND && took[0] < 4 * SECOND, "{took:?}");
    assert!(took[1..].iter().any(|took| *took < SECOND), "each waits: {took:?}");
    way.hold(false);
    let began = Instant::now();
    while !last_cookies(server).contains("tool=5") {
        timed(&browser, &panel).await;
        assert!(began.elapsed() < PATIENCE, "it never hears of it");
    }
    // A session that the server drops meanwhile is opened again without the database.
    server.expire_sessions();
    way.hold(true);
    let took = timed(&browser, &panel).await;
    assert!(took < 4 * SECOND, "{took:?}");
    way.hold(false);
}

const SECOND: Duration = Duration::from_secs(1);

/// The next answer of a panel's home sets a cookie.
fn sets_cookie(server: &Cpsrvd, value: u32) {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\
         Set-Cookie: tool={value}; path=/; secure; HttpOnly\r\n\r\nok"
    );
    server.faults().inject("/webmail/", 1, Fault::Wire(answer.into_bytes()));
}

/// Asks for a panel's page; says how long that took.
async fn timed(browser: &Browser, panel: &Page) -> Duration {
    let began = Instant::now();
    assert_eq!(browser.fetch(panel, panel.url.as_str()).await.unwrap().status, 200);
    began.elapsed()
}

/// The cookies that the server was last sent with a request for a page.
fn last_cookies(server: &Cpsrvd) -> String {
    let last = server.requests().into_iter().rfind(|request| request.path().contains("/webmail/"));
    last.and_then(|request| request.header("cookie").map(str::to_owned)).unwrap_or_default()
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
