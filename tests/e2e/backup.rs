//! Backup and restore as `docs/operations.md` says, for both kinds of store.

use std::fs;

use lab::browser::Browser;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;

use crate::fleet::panelgate;
use crate::stage::BINARY;

/// Whether somebody is signed in, by the answer that the console's own script gets.
async fn session(browser: &Browser, console: &Page) -> u16 {
    browser.fetch(console, "/api/session").await.unwrap().status
}

/// Everybody is signed out by the command, and can sign in again.
async fn ends_all(world: &World, browser: &Browser, console: &Page) {
    let said = panelgate(world, &["sessions", "end", "--all"], b"").await.done();
    assert!(said.out.contains("session"), "{}", said.out);
    assert_eq!(session(browser, console).await, 401);
    let again = Browser::new(world).unwrap();
    let console = again.sign_in("ada").await.unwrap();
    assert_eq!(session(&again, &console).await, 204);
}

#[tokio::test]
async fn a_database_comes_back_from_pg_dump_and_what_was_ended_since_is_ended_by_the_command() {
    let database = Postgres::start().await.unwrap();
    let more = "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n".to_owned();
    let world = World::start(Plan { more, ..Plan::tls(Style::Ports) }).await.unwrap();
    fs::write(world.folder().join("database"), database.url("panelgate")).unwrap();
    fs::write(world.folder().join("server-key"), "ZGV2ZWxvcG1lbnQtc2VydmVyLWtleS0wMTIzNDU2Nzg=\n").unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let browser = Browser::new(&world).unwrap();
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let dump = database.dump("panelgate").await.unwrap();
    ends_all(&world, &browser, &console).await;
    gateway.stop().await.unwrap();

    database.create("restored").await.unwrap();
    database.restore("restored", &dump).await.unwrap();
    fs::write(world.folder().join("database"), database.url("restored")).unwrap();
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    // The backup knows a session that was ended since: hence the command.
    assert_eq!(session(&browser, &console).await, 204);
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    ends_all(&world, &browser, &console).await;
}

#[tokio::test]
async fn a_file_comes_back_from_an_online_backup() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let browser = Browser::new(&world).unwrap();
    let console = browser.sign_in("ada").await.unwrap();
    let state = world.folder().join("state");
    let (file, copy) = (state.join("panelgate.db"), world.folder().join("backup.db"));
    // What `.backup` of the sqlite3 shell does, while the gateway works.
    let backup = "import sqlite3, sys\nsqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))\n";
    let done = Command::new("python3").args(["-c", backup]).arg(&file).arg(&copy).status().await.unwrap();
    assert!(done.success());
    ends_all(&world, &browser, &console).await;
    gateway.stop().await.unwrap();
    for name in ["panelgate.db-wal", "panelgate.db-shm"] {
        if let Err(error) = fs::remove_file(state.join(name)) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}");
        }
    }
    fs::copy(&copy, &file).unwrap();
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert_eq!(session(&browser, &console).await, 204);
    ends_all(&world, &browser, &console).await;
}
