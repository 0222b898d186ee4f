//! Disks that are full: the store's, the audit log's, PostgreSQL's.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use lab::cpsrvd::Cue;
use lab::cpsrvd::Fault;
use lab::disk::SmallDisk;
use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;
use tokio::time::Instant;

use super::at_work;
use super::database::GO_ON;
use super::database::over;
use super::line;
use super::nothing_begins;
use super::trio::Trio;
use crate::evidence::audit;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::until;

/// A gateway with a small disk over one of its folders.
async fn on_a_small_disk(world: World, folder: &str, mebibytes: u32) -> (Stage, SmallDisk) {
    let folder = world.folder().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let disk = SmallDisk::over(&folder, mebibytes).await.unwrap();
    let mut command = disk.command(BINARY).unwrap();
    command.arg("serve").arg("--config").arg(world.config());
    let gateway = Gateway::spawn_as(command, &world).await.unwrap();
    (Stage { world, gateway }, disk)
}

/// A gateway with the audit log on a disk of one mebibyte.
async fn with_a_small_audit_log(world: World) -> (Stage, SmallDisk) {
    let main = std::fs::read_to_string(world.config()).unwrap();
    let elsewhere = main.replace("file = \"audit.jsonl\"", "file = \"audit/audit.jsonl\"");
    assert_ne!(main, elsewhere);
    std::fs::write(world.config(), elsewhere).unwrap();
    on_a_small_disk(world, "audit", 1).await
}

async fn readiness(stage: &Stage, status: u16) -> String {
    let began = Instant::now();
    loop {
        let (found, text) = stage.operations("/readyz", "*/*").await;
        if found == status {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "readiness stays {found} {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Signs people in until that goes no further.
async fn use_up(stage: &Stage) {
    let began = Instant::now();
    while stage.browser().visit(&stage.console("/")).await.unwrap().status == 200 {
        assert!(began.elapsed() < PATIENCE, "people sign in for ever");
    }
}

#[tokio::test]
async fn the_disk_of_the_store_is_full() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let (stage, disk) = on_a_small_disk(world, "state", 16).await;
    let file = disk.seen_at().unwrap().join("panelgate.db");
    assert!(file.exists(), "the store lies elsewhere");
    let people = at_work(&stage).await;
    let mark = people.mark();
    disk.fill().unwrap();
    // What room there is in the store's own files is used up first.
    use_up(&stage).await;
    let words = readiness(&stage, 503).await;
    assert!(words.contains("store: "), "{words}");
    nothing_begins(&stage, &people).await;
    disk.free().unwrap();
    let began = Instant::now();
    readiness(&stage, 200).await;
    let took = began.elapsed();
    let person = &people.all[0];
    person.browser.open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    let outcome = people.outcome(&mark).await;
    assert_eq!((outcome.failed, outcome.ended, outcome.signed_out), (0, 0, 0), "{outcome:?}");
    assert_eq!(ask_file(&file, "PRAGMA integrity_check").await, "ok");
    let seen = "open panels go on; signing in and opening get 503; the file stays sound";
    line("the disk of SQLite's file is full", seen, Some(&outcome), Some(took));
}

/// The one fault in which people are refused what they may have: what is not on record is not done.
#[tokio::test]
async fn the_disk_of_the_audit_log_is_full() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let (stage, disk) = with_a_small_audit_log(world).await;
    let people = at_work(&stage).await;
    let mark = people.mark();
    disk.fill().unwrap();
    let person = &people.all[0];
    let words = readiness(&stage, 503).await;
    assert!(words.contains("audit: "), "{words}");
    let refused = person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "audit_unavailable"));
    assert!(stage.world.server(2).requests().is_empty(), "the server was asked for something");
    let panel = person.browser.fetch(&person.panel, person.panel.url.as_str()).await.unwrap();
    assert_eq!(panel.status, 200, "open panels go on: {}", panel.text());
    disk.free().unwrap();
    let began = Instant::now();
    readiness(&stage, 200).await;
    let took = began.elapsed();
    person.browser.open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    let outcome = people.outcome(&mark).await;
    assert_eq!((outcome.ended, outcome.signed_out), (0, 0), "{outcome:?}");
    // What was told is on record, and the chain is whole.
    let kept = std::fs::read_to_string(disk.seen_at().unwrap().join("audit.jsonl")).unwrap();
    let told = people.denied();
    assert!(told.iter().all(|reference| kept.contains(reference)), "an event is lost");
    lay_links(&disk.seen_at().unwrap(), &stage.world.folder().join("audit"));
    let (code, said, _) = audit(&stage.world, &["verify"]).await;
    assert_eq!(code, 0, "{said}");
    let seen = "open panels go on; what has to be on record is refused (503)";
    line("the disk of the audit log is full", seen, Some(&outcome), Some(took));
}

/// The one value that a statement gives for a file of SQLite.
async fn ask_file(file: &Path, statement: &str) -> String {
    let ask = "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])\n";
    let answer = Command::new("python3").args(["-c", ask]).arg(file).arg(statement).output().await.unwrap();
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}

/// Lets everybody see the files of a disk, as they are written.
fn lay_links(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// All that PostgreSQL writes lies on the disk, so it may end over it; whoever mends the disk starts it again.
#[tokio::test]
async fn the_disk_of_postgresql_is_full() {
    let mut trio = Trio::on(Postgres::start_on_a_disk_of(80).await.unwrap()).await;
    let leaver = trio.somebody_at(0).await;
    trio.signs_out(leaver, 1).await;
    let mark = trio.mark();
    trio.database.disk().unwrap().fill().unwrap();
    // What room there is in the tables and in the log is used up first.
    let began = Instant::now();
    let stranger = trio.browser_at(0);
    while stranger.visit(&trio.console("/")).await.unwrap().status == 200 {
        assert!(began.elapsed() < PATIENCE, "people sign in for ever");
    }
    let person = &trio.people.all[0];
    let mut opened = 200;
    while opened == 200 {
        opened = person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root").await.unwrap().status;
        assert!(began.elapsed() < PATIENCE, "panels are opened for ever");
    }
    assert_eq!(opened, 503);
    trio.people.work_well().await;
    trio.database.disk().unwrap().free().unwrap();
    if trio.database.has_ended().unwrap() {
        trio.database.resume().await.unwrap();
    }
    over(&trio, &mark, "the disk of PostgreSQL is full", GO_ON).await;
    trio.nothing_is_lost_of_the_records().await;
}

/// The record that a panel was opened cannot be written: nobody gets it, and nobody finds it open later.
#[tokio::test]
async fn what_was_opened_off_the_record_is_closed() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let (stage, disk) = with_a_small_audit_log(world).await;
    let people = at_work(&stage).await;
    let person = &people.all[0];
    let (server, go_on) = (stage.world.server(2), Cue::new());
    server.faults().inject("/json-api/create_user_session", 1, Fault::Hold(go_on.clone()));
    let (refused, ()) = tokio::join!(person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root"), async {
        until("the server is asked", || server.faults().pending() == 0).await;
        disk.fill().unwrap();
        readiness(&stage, 503).await;
        go_on.give();
    });
    let refused = refused.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "audit_unavailable"));
    disk.free().unwrap();
    readiness(&stage, 200).await;
    let asked = || server.requests().iter().filter(|request| request.path().contains("create_user_session")).count();
    assert_eq!(asked(), 1);
    assert_eq!(person.browser.open(&person.console, "web2", "whostmgrd", "root").await.unwrap().status, 200);
    assert_eq!(asked(), 2, "it was still open");
}

/// The record that somebody is let into a panel cannot be written: nobody is, and nothing of it stays.
#[tokio::test]
async fn an_entrance_off_the_record_is_none() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let (stage, disk) = with_a_small_audit_log(world).await;
    let people = at_work(&stage).await;
    let person = &people.all[0];
    let file = stage.world.folder().join("state/panelgate.db");
    let entries = || ask_file(&file, "SELECT count(*) FROM records WHERE purpose = 'panel-entry'");
    let before = entries().await;
    assert_ne!(before, "0");
    let opened = person.browser.ask_to_open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    let frame = opened.json().unwrap()["frame"].as_str().unwrap().to_owned();
    disk.fill().unwrap();
    readiness(&stage, 503).await;
    let refused = person.browser.frame(&person.console, &frame).await.unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("Not recorded, so not done"), "{}", refused.text());
    assert_eq!(entries().await, before);
    disk.free().unwrap();
    readiness(&stage, 200).await;
    person.browser.open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
    assert_ne!(entries().await, before);
}
