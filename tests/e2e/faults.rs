//! The machine room on a bad day: each fault against real processes, what people saw of it, and how long it took.
//!
//! Each test prints a line of a table; `scripts/faults` runs them and puts the table together.

#[path = "faults/database.rs"]
mod database;

use std::io::Write as _;
use std::time::Duration;

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;
use tokio::time::Instant;

use crate::raw::Raw;
use crate::replicas::Cluster;
use crate::replicas::until_ready;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::serve;

/// A line of the table.
pub(crate) fn line(fault: &str, people: &str, lost: &str, recovered: Option<Duration>) {
    let took = recovered.map_or("-".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
    let mut table = std::io::stderr();
    writeln!(table, "FAULT | {fault} | {people} | {lost} | {took} |").unwrap();
}

/// Somebody at the first gateway of a cluster, with a panel open.
async fn at_work(cluster: &Cluster) -> (Browser, Page, Page) {
    let browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    until_ready(&cluster.one.0, 200).await;
    (browser, console, panel)
}

/// Nobody was signed out by it, and everything can be done again. Says how long that took.
async fn all_is_well(cluster: &Cluster, browser: &Browser, console: &Page, panel: &Page) -> Duration {
    let began = Instant::now();
    until_ready(&cluster.one.0, 200).await;
    let took = began.elapsed();
    assert_eq!(browser.fetch(console, "/api/session").await.unwrap().status, 204, "nobody was signed out");
    assert_eq!(browser.fetch(panel, panel.url.as_str()).await.unwrap().status, 200);
    browser.open(console, "web2", "whostmgrd", "root").await.unwrap();
    took
}

async fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().await.unwrap();
    assert!(status.success());
}

/// Ends every connection to the database, so that what was set counts for those that come.
pub(crate) async fn cut_connections(database: &Postgres) {
    let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = 'panelgate' AND pid <> pg_backend_pid()";
    database.ask("postgres", statement).await.unwrap();
}

#[tokio::test]
async fn postgresql_restarts_in_a_moment() {
    let mut cluster = Cluster::start("").await;
    let (browser, console, panel) = at_work(&cluster).await;
    cluster.database.kill().await.unwrap();
    cluster.database.resume().await.unwrap();
    // Connections of before are dead; nobody is to notice.
    let answer = browser.fetch(&panel, panel.url.as_str()).await.unwrap();
    assert_eq!(answer.status, 200);
    let took = all_is_well(&cluster, &browser, &console, &panel).await;
    line("PostgreSQL killed and started again", "nothing", "none", Some(took));
}

#[tokio::test]
async fn postgresql_takes_no_writes() {
    let cluster = Cluster::start("").await;
    let (browser, console, panel) = at_work(&cluster).await;
    cluster.database.ask("postgres", "ALTER DATABASE panelgate SET default_transaction_read_only = on").await.unwrap();
    cut_connections(&cluster.database).await;
    let words = until_ready(&cluster.one.0, 503).await;
    assert!(words.contains("store: the store does not answer"), "{words}");
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "open panels go on");
    let refused = browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    let stranger = cluster.browser_at(&cluster.one.0);
    assert_eq!(stranger.visit(&cluster.console("/")).await.unwrap().status, 503, "nobody signs in");
    cluster.database.ask("postgres", "ALTER DATABASE panelgate RESET default_transaction_read_only").await.unwrap();
    cut_connections(&cluster.database).await;
    let took = all_is_well(&cluster, &browser, &console, &panel).await;
    line("PostgreSQL read-only", "open panels go on; sign-in and opening get 503", "none", Some(took));
}

#[tokio::test]
async fn postgresql_has_no_connection_left() {
    let cluster = Cluster::start("").await;
    let (browser, console, panel) = at_work(&cluster).await;
    cluster.database.ask("postgres", "ALTER DATABASE panelgate ALLOW_CONNECTIONS false").await.unwrap();
    cut_connections(&cluster.database).await;
    until_ready(&cluster.one.0, 503).await;
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "open panels go on");
    let refused = browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    cluster.database.ask("postgres", "ALTER DATABASE panelgate ALLOW_CONNECTIONS true").await.unwrap();
    let took = all_is_well(&cluster, &browser, &console, &panel).await;
    line("PostgreSQL takes no connections", "open panels go on; sign-in and opening get 503", "none", Some(took));
}

/// What was revoked while a gateway was frozen does not come back when it thaws.
#[tokio::test]
async fn a_gateway_is_frozen_and_thaws() {
    let cluster = Cluster::start("").await;
    let (browser, console, panel) = at_work(&cluster).await;
    let pid = cluster.one.1.pid().unwrap();
    signal("STOP", pid).await;
    // Whoever is sent to the other one goes on, and signs out there.
    let elsewhere = cluster.browser_at(&cluster.two.0);
    elsewhere.steal_cookies(&browser);
    assert_eq!(elsewhere.fetch(&console, "/api/session").await.unwrap().status, 204);
    elsewhere.submit(&console, "/sign-out", &[]).await.unwrap();
    signal("CONT", pid).await;
    let began = Instant::now();
    loop {
        // What is under way when the end is heard of is cut, perhaps without a word.
        let answer = browser.fetch(&panel, panel.url.as_str()).await;
        if answer.is_ok_and(|page| page.status == 401) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it is never refused");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 401);
    until_ready(&cluster.one.0, 200).await;
    line("a gateway frozen (SIGSTOP), a session ended meanwhile", "the other one serves them", "none", Some(took));
}

/// A process that holds SQLite's file for itself until it is told to let go.
async fn lock(world: &World) -> tokio::process::Child {
    let script = "import sqlite3, sys\n\
                  held = sqlite3.connect(sys.argv[1], timeout=30)\n\
                  held.execute('BEGIN EXCLUSIVE')\n\
                  print('held', flush=True)\n\
                  sys.stdin.read()\n";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(world.folder().join("state/panelgate.db"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut held = [0; 4];
    tokio::io::AsyncReadExt::read_exact(child.stdout.as_mut().unwrap(), &mut held).await.unwrap();
    child
}

#[tokio::test]
async fn sqlite_is_locked_by_another_process() {
    let stage = Stage::new(Style::Ports).await;
    stage.ready().await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let mut holder = lock(&stage.world).await;
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "open panels go on");
    let refused = browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    drop(holder.stdin.take());
    holder.wait().await.unwrap();
    let began = Instant::now();
    browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    line("SQLite locked by another process", "open panels go on; opening gets 503", "none", Some(began.elapsed()));
}

async fn does_not_start(world: &World, words: &str) {
    let ended = Gateway::run(serve(world)).unwrap().ended().await.unwrap();
    assert_eq!(ended.code, Some(70), "{}", ended.output);
    assert!(ended.output.contains(words), "{}", ended.output);
}

#[tokio::test]
async fn sqlite_is_damaged_or_of_a_newer_version() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    let file = world.folder().join("state/panelgate.db");
    let good = std::fs::read(&file).unwrap();
    let newer = "import sqlite3, sys\nsqlite3.connect(sys.argv[1]).execute('PRAGMA user_version = 9999')\n";
    assert!(Command::new("python3").args(["-c", newer]).arg(&file).status().await.unwrap().success());
    does_not_start(&world, "the store has layout 9999, this version knows up to").await;
    line("SQLite from a newer version", "does not start (70), and says both versions", "none", None);
    let mut bad = good.clone();
    bad.iter_mut().take(4096).for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&file, bad).unwrap();
    does_not_start(&world, "the store").await;
    line("SQLite damaged", "does not start (70), and says so", "until the backup is back", None);
    std::fs::write(&file, good).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    Stage { world, gateway }.signed_in("ada").await;
}

/// An upload that was under way when the gateway was told to stop.
#[tokio::test]
async fn the_gateway_stops_in_the_middle_of_an_upload() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let cookie = browser.cookie("web1.connect.example.com", "__Host-panelgate-whm").unwrap();
    let mut raw = Raw::connect(&stage, "web1.connect.example.com", 2087).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: web1.connect.example.com:2087\r\nCookie: {}={}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: text/plain\r\nContent-Length: 30000\r\n\r\n{}",
        panel.url.path(),
        cookie.name,
        cookie.value,
        "x".repeat(10_000)
    );
    raw.send(&head).await;
    crate::stage::until("the upload is under way", || stage.world.server(1).bytes_read() > 0).await;
    let Stage { world: _world, gateway } = stage;
    gateway.signal("TERM").await.unwrap();
    gateway.wait_for_output("stopping").await.unwrap();
    let (status, answer) = raw.exchange(&"x".repeat(20_000)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(gateway.ended().await.unwrap().code, Some(0));
    line("SIGTERM in the middle of an upload", "the upload ends well", "none", None);
}

/// A gateway that is killed while people work, and started again.
#[tokio::test]
async fn the_one_gateway_is_killed() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    let began = Instant::now();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let again = browser.ask(Ask::get(Errand::Fetch, panel.url.as_str()).by(&panel)).await.unwrap();
    assert_eq!(again.status, 200);
    let took = began.elapsed();
    assert!(took < PATIENCE);
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
    drop(gateway);
    line("the one gateway killed and started again", "requests meanwhile fail", "none", Some(took));
}
