//! The machine room on a bad day: each fault against real processes, what people saw of it, and how long it took.
//!
//! Each test prints lines of a table; `scripts/faults` runs them and puts the table together. Faults of one gateway
//! among several, and of what several share, happen to three of them behind a balancer while people work there.

#[path = "faults/database.rs"]
mod database;
#[path = "faults/disks.rs"]
mod disks;
#[path = "faults/gateways.rs"]
mod gateways;
#[path = "faults/people.rs"]
pub(crate) mod people;
#[path = "faults/trio.rs"]
pub(crate) mod trio;

use std::io::Write as _;
use std::time::Duration;

use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;
use tokio::time::Instant;

use self::people::Outcome;
use self::people::People;
use self::people::Person;
use crate::raw::Raw;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::serve;

/// A line of the table: what was counted, and how long it took until all was well again.
pub(crate) fn line(fault: &str, people: &str, counted: Option<&Outcome>, recovered: Option<Duration>) {
    let took = recovered.map_or("-".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
    let (failed, lost, ended) = counted.map_or(("-".to_owned(), "-".to_owned(), "-".to_owned()), |counted| {
        let Outcome { asked, failed, signed_out, open, ended, .. } = counted;
        (format!("{failed} of {asked}"), signed_out.to_string(), format!("{ended} of {open}"))
    });
    let mut table = std::io::stderr();
    writeln!(table, "FAULT | {fault} | {failed} | {lost} | {ended} | {took} | {people} |").unwrap();
}

/// Two people at work at the one gateway of a stage, one of them with a terminal and an event stream.
pub(crate) async fn at_work(stage: &Stage) -> People {
    stage.world.server(1).switch(|switches| switches.trickle_lines = 1_000_000);
    let people = vec![Person::begin(stage.browser()).await, Person::begin(stage.browser()).await];
    People::begin(people, |number| number == 0).await
}

/// Nothing is begun while the store is away, and no server is asked for anything.
pub(crate) async fn nothing_begins(stage: &Stage, people: &People) {
    let person = &people.all[0];
    let refused = person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    assert!(stage.world.server(2).requests().is_empty(), "the server was asked for something");
}

/// Ends every connection to the database, so that what was set counts for those that come.
pub(crate) async fn cut_connections(database: &Postgres) {
    let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = 'panelgate' AND pid <> pg_backend_pid()";
    database.ask("postgres", statement).await.unwrap();
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
    let people = at_work(&stage).await;
    let mark = people.mark();
    let mut holder = lock(&stage.world).await;
    nothing_begins(&stage, &people).await;
    drop(holder.stdin.take());
    holder.wait().await.unwrap();
    let began = Instant::now();
    let person = &people.all[0];
    person.browser.open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    let took = began.elapsed();
    let outcome = people.outcome(&mark).await;
    assert_eq!((outcome.failed, outcome.ended, outcome.signed_out), (0, 0, 0), "{outcome:?}");
    line("SQLite's file locked by another process", "open panels go on; opening gets 503", Some(&outcome), Some(took));
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
    line("SQLite's file from a newer version", "it does not start (70), and says both versions", None, None);
    let mut bad = good.clone();
    bad.iter_mut().take(4096).for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&file, bad).unwrap();
    does_not_start(&world, "the store").await;
    line("SQLite's file damaged", "it does not start (70), and says so", None, None);
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
}

/// A gateway that is killed while people work, and started again: open pages go on, and nothing that was acknowledged
/// is gone.
#[tokio::test]
async fn the_one_gateway_is_killed() {
    let stage = Stage::new(Style::Ports).await;
    let people = at_work(&stage).await;
    let mark = people.mark();
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let outcome = people.outcome(&mark).await;
    assert_eq!(outcome.signed_out, 0, "{outcome:?}");
    let told = people.denied();
    let kept: Vec<String> =
        stage.events().iter().map(|event| event["reference"].as_str().unwrap().to_owned()).collect();
    assert!(!told.is_empty() && told.iter().all(|reference| kept.contains(reference)), "an event is lost");
    line("the one gateway killed and started again", "requests meanwhile fail", Some(&outcome), Some(outcome.lasted));
}
