//! Several gateways on one PostgreSQL database: any of them serves any request.

use std::time::Duration;

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Message;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Replica;
use lab::world::Style;
use lab::world::World;
use tokio::time::Instant;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::operations;

/// A world with a database and two gateways on it.
pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) database: Postgres,
    pub(crate) one: (Replica, Gateway),
    pub(crate) two: (Replica, Gateway),
}

impl Cluster {
    pub(crate) async fn start(limits: &str) -> Self {
        Self::planned(Plan { more: limits.to_owned(), ..Plan::tls(Style::Ports) }).await
    }

    /// With the lines of the plan as further limits.
    pub(crate) async fn planned(plan: Plan) -> Self {
        let database = Postgres::start().await.unwrap();
        let address = database.url("panelgate");
        Self::on(plan, database, &address).await
    }

    /// The same on this database, which the gateways reach at this address.
    pub(crate) async fn on(plan: Plan, database: Postgres, address: &str) -> Self {
        let limits = &plan.more;
        let more = format!(
            "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n[limits]\nstore_connections = 5\n{limits}"
        );
        let world = World::start(Plan { more, ..plan }).await.unwrap();
        std::fs::write(world.folder().join("database"), address).unwrap();
        std::fs::write(world.folder().join("server-key"), "ZGV2ZWxvcG1lbnQtc2VydmVyLWtleS0wMTIzNDU2Nzg=\n").unwrap();
        let (one, two) = (world.replica("one").unwrap(), world.replica("two").unwrap());
        // They start together, on an empty database.
        let (first, second) =
            tokio::join!(Gateway::spawn_replica(BINARY, &world, &one), Gateway::spawn_replica(BINARY, &world, &two));
        Self { database, one: (one, first.unwrap()), two: (two, second.unwrap()), world }
    }

    pub(crate) fn console(&self, path: &str) -> String {
        format!("{}{path}", self.world.console())
    }

    /// A browser whose requests reach one of the two.
    pub(crate) fn browser_at(&self, replica: &Replica) -> Browser {
        let mut browser = Browser::new(&self.world).unwrap();
        browser.lead_to(&self.world, replica.ip()).unwrap();
        browser
    }

    pub(crate) fn go_to(&self, browser: &mut Browser, replica: &Replica) {
        browser.lead_to(&self.world, replica.ip()).unwrap();
    }
}

/// Waits until a request gets this status; says how long that took.
async fn until_status(browser: &Browser, page: &Page, path: &str, status: u16) -> Duration {
    let began = Instant::now();
    loop {
        let found = browser.fetch(page, path).await.unwrap().status;
        if found == status {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "{path} stays {found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a gateway's readiness has this status; gives its words.
pub(crate) async fn until_ready(replica: &Replica, status: u16) -> String {
    let began = Instant::now();
    loop {
        let answer = operations(replica.operations(), "/readyz", "*/*").await;
        match answer {
            Ok((found, text)) if found == status => return text,
            _ => assert!(began.elapsed() < PATIENCE, "readiness stays {answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn any_gateway_serves_any_request_and_a_revocation_reaches_all() {
    let cluster = Cluster::start("").await;
    let Cluster { world, one: (one, first), two: (two, _), .. } = &cluster;
    // Away from one, back at the other.
    let mut browser = cluster.browser_at(one);
    let form = browser.visit(&cluster.console("/")).await.unwrap();
    cluster.go_to(&mut browser, two);
    let console = browser.sign_in_at(&form, "ada").await.unwrap();
    assert_eq!((console.status, console.url.as_str()), (200, &*cluster.console("/")));
    // Opened at one, looked at through the other, under the security token that its pages know.
    cluster.go_to(&mut browser, one);
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let token = world.server(1).sessions().pop().unwrap().security_token;
    cluster.go_to(&mut browser, two);
    let page = browser.frame(&panel, &panel.attribute("frame-main", "src").unwrap()).await.unwrap();
    assert_eq!(page.attribute("whm-main", "data-depth").unwrap(), "1");
    assert!(world.server(1).sessions().iter().all(|session| session.security_token == token));
    // A stream at one is cut when the person signs out at the other.
    cluster.go_to(&mut browser, one);
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    let elsewhere = cluster.browser_at(two);
    elsewhere.steal_cookies(&browser);
    elsewhere.submit(&console, "/sign-out", &[]).await.unwrap();
    let took = until_status(&browser, &panel, panel.url.as_str(), 401).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    until_status(&browser, &console, "/api/session", 401).await;
    assert!(first.pid().is_some());
}

/// The bound of docs/sessions.md: a terminal has no next request that could be refused.
#[tokio::test]
async fn signing_out_at_one_cuts_a_terminal_at_the_other() {
    const BOUND: Duration = Duration::from_secs(5);
    let cluster = Cluster::start("").await;
    let Cluster { one: (one, _), two: (two, _), .. } = &cluster;
    let browser = cluster.browser_at(two);
    let console = browser.sign_in("sam").await.unwrap();
    let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
    let token = panel.url.path().split('/').nth(1).unwrap();
    let shell = format!("/{token}/websocket/Shell?rows=24&cols=80");
    let mut socket = browser.shake(Http::One, &panel, &shell, &[]).await.unwrap().opened().unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::binary("double# "));
    let elsewhere = cluster.browser_at(one);
    elsewhere.steal_cookies(&browser);
    elsewhere.submit(&console, "/sign-out", &[]).await.unwrap();
    let end = tokio::time::timeout(BOUND, socket.next()).await.expect("the terminal goes on");
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
}

#[tokio::test]
async fn what_is_ended_by_hand_at_one_ends_at_the_other() {
    let cluster =
        Cluster::planned(Plan { directory: Some(crate::by_hand::directory()), ..Plan::tls(Style::Ports) }).await;
    let Cluster { one: (one, _), two: (two, _), .. } = &cluster;
    let operator = cluster.browser_at(one);
    let console = operator.sign_in("ada").await.unwrap();
    let sam = cluster.browser_at(two);
    let at_sam = sam.sign_in("sam").await.unwrap();
    let panel = sam.open(&at_sam, "web1", "whostmgrd", "support").await.unwrap();
    let list = operator.visit(&cluster.console("/sessions")).await.unwrap().text();
    assert!(list.contains("Sam Support") && list.contains("web1 WHM as support"), "{list}");

    operator.submit(&console, "/sessions/end", &[("server", "web1")]).await.unwrap();
    let took = until_status(&sam, &panel, panel.url.as_str(), 401).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(sam.fetch(&at_sam, "/api/session").await.unwrap().status, 204);
    let fields = [("person", "sub-of-sam"), ("issuer", cluster.world.issuer())];
    operator.submit(&console, "/sessions/end", &fields).await.unwrap();
    let took = until_status(&sam, &at_sam, "/api/session", 401).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_gateway_that_dies_takes_no_session_with_it() {
    let cluster = Cluster::start("").await;
    let mut browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let frame = panel.attribute("frame-main", "src").unwrap();
    let Cluster { world, one: (_one, first), two: (two, _second), database } = cluster;
    first.kill().await.unwrap();
    browser.lead_to(&world, two.ip()).unwrap();
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
    assert_eq!(browser.frame(&panel, &frame).await.unwrap().status, 200);
    // What lies in the database is worth nothing without the cookie.
    let dump = database.dump("panelgate").await.unwrap();
    assert!(dump.contains("session"), "there is something in it");
    for known in ["Ada Admin", "ada@example.com", "sub-of-ada", "whm-admins", "web1", "whostmgrd"] {
        // As pg_dump writes bytes.
        let hex = format!("{:02x?}", known.as_bytes()).replace([',', ' ', '[', ']'], "");
        assert!(!dump.contains(known) && !dump.contains(&hex), "{known}");
    }
}

#[tokio::test]
async fn without_the_database_sessions_go_on_for_a_while_and_nothing_new_begins() {
    let mut cluster = Cluster::start("store_grace_seconds = 5\n").await;
    let browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    until_ready(&cluster.one.0, 200).await;

    cluster.database.kill().await.unwrap();
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "its pages go on");
    let words = until_ready(&cluster.one.0, 503).await;
    assert_eq!(words, "not ready\nstore: the store does not answer: nobody can sign in or open a panel\n");
    let answer = browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((answer.status, &*crate::stage::problem(&answer).0), (503, "session_store_unavailable"));
    assert!(cluster.world.server(2).requests().is_empty(), "nothing new is opened");
    let stranger = cluster.browser_at(&cluster.one.0);
    assert_eq!(stranger.visit(&cluster.console("/")).await.unwrap().status, 503);
    // And then no more: it may have been ended elsewhere long ago.
    until_status(&browser, &panel, panel.url.as_str(), 503).await;

    cluster.database.resume().await.unwrap();
    until_ready(&cluster.one.0, 200).await;
    assert_eq!(until_ready(&cluster.two.0, 200).await, "ready\n");
    let again = browser.ask(Ask::get(Errand::Fetch, panel.url.as_str()).by(&panel)).await.unwrap();
    assert_eq!(again.status, 200, "nobody is signed out by it");
}
