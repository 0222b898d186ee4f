//! Faults of the network and of the disk under a gateway: packets that do not arrive, a disk that is full, and a stop
//! in the middle of large uploads. `scripts/faults` puts them into its table.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::MULTIPART;
use lab::browser::Page;
use lab::browser::Sending;
use lab::browser::Upload;
use lab::cpsrvd::Cue;
use lab::cpsrvd::Fault;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::Instant;

use crate::faults::line;
use crate::replicas::Cluster;
use crate::replicas::until_ready;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::until;

const UPLOAD: &str = "/execute/Fileman/upload_files";

/// The size of the uploads, in MiB, where nothing else is said: `scripts/faults` says more.
const SIZE: &str = "PANELGATE_UPLOAD_MIB";
const USUAL_SIZE: u64 = 64;

/// Whether this runs as root, who needs no user namespace.
fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

/// `unshare(1)` for a namespace of this kind, as whoever runs the tests may have one.
pub(crate) fn apart(kind: &str) -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command.arg(kind).arg("--");
    command
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

/// Somebody in front of a WHM, with a browser of each protocol.
async fn desk(stage: &Stage) -> ([Browser; 2], Page, Page) {
    let (two, console) = stage.signed_in("ada").await;
    let panel = two.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let one = Browser::over(&stage.world, Http::One).unwrap();
    one.steal_cookies(&two);
    ([one, two], console, panel)
}

async fn upload(browser: &Browser, panel: &Page, bytes: u64) -> anyhow::Result<Value> {
    let token = panel.url.path().split('/').nth(1).unwrap();
    let url = panel.resolve(&format!("/{token}{UPLOAD}"))?;
    let ask = Ask::get(Errand::Fetch, url.as_str()).by(panel);
    let answer = browser.send(ask, MULTIPART, Sending::File(Upload::of(bytes))).await?;
    Ok(serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?)
}

/// Neither has been read to its end when the gateway is told to stop, and both arrive whole.
#[tokio::test]
async fn the_gateway_stops_in_the_middle_of_large_uploads() {
    let size = std::env::var(SIZE).map_or(USUAL_SIZE, |mebibytes| mebibytes.parse().unwrap());
    let stage = Stage::with(Style::Ports, "[limits]\ndrain_seconds = 600\n").await;
    let ([one, two], _, panel) = desk(&stage).await;
    let go_on = Cue::new();
    stage.world.server(1).faults().inject(UPLOAD, 2, Fault::Hold(go_on.clone()));
    let stop = async {
        until("both are at the server", || stage.world.server(1).faults().pending() == 0).await;
        stage.gateway.signal("TERM").await.unwrap();
        stage.gateway.wait_for_output("stopping").await.unwrap();
        go_on.give();
        go_on.give();
    };
    let (one, two, ()) = tokio::join!(upload(&one, &panel, size << 20), upload(&two, &panel, size << 20), stop);
    for answer in [one.unwrap(), two.unwrap()] {
        let arrived = answer.pointer("/data/bytes").and_then(Value::as_u64);
        assert!(arrived >= Some(size << 20), "{answer}");
    }
    assert_eq!(stage.gateway.ended().await.unwrap().code, Some(0));
    line(&format!("SIGTERM in the middle of two uploads of {size} MiB"), "they arrive whole", "none", None);
}

#[tokio::test]
async fn uploads_that_do_not_end_are_cut_when_draining_has_taken_long_enough() {
    let stage = Stage::with(Style::Ports, "[limits]\ndrain_seconds = 1\n").await;
    let ([one, two], _, panel) = desk(&stage).await;
    stage.world.server(1).faults().inject(UPLOAD, 2, Fault::Hold(Cue::new()));
    let stop = async {
        until("both are at the server", || stage.world.server(1).faults().pending() == 0).await;
        stage.gateway.signal("TERM").await.unwrap();
    };
    let (one, two, ()) = tokio::join!(upload(&one, &panel, 1 << 30), upload(&two, &panel, 1 << 30), stop);
    assert!(one.is_err() && two.is_err(), "{one:?} {two:?}");
    let ended = stage.gateway.ended().await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    assert!(ended.output.contains("connections were still open at the end of draining"), "{}", ended.output);
    line("SIGTERM, and an upload beyond `limits.drain_seconds`", "the upload breaks off", "none", None);
}

/// The command that serves a world with a disk of its own for the state, of this many MiB.
fn with_a_small_disk(world: &World, mebibytes: u32) -> Command {
    std::fs::create_dir_all(world.folder().join("state")).unwrap();
    let mut command = apart("--mount");
    let script = r#"mount -t tmpfs -o "size=$1m,mode=0700" none "$2" && exec "$3" serve --config "$4""#;
    command.args(["sh", "-c", script, "sh", &mebibytes.to_string()]).arg(world.folder().join("state"));
    command.arg(BINARY).arg(world.config());
    command
}

/// Writes until nothing more fits.
fn fill(disk: &Path) -> PathBuf {
    let filler = disk.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    let full = std::iter::repeat_with(|| file.write_all(&[0; 4096])).find_map(Result::err).unwrap();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    filler
}

#[tokio::test]
async fn the_disk_of_the_store_is_full() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let gateway = Gateway::spawn_as(with_a_small_disk(&world, 16), &world).await.unwrap();
    // As the gateway sees it.
    let disk =
        PathBuf::from(format!("/proc/{}/root{}", gateway.pid().unwrap(), world.folder().join("state").display()));
    assert!(disk.join("panelgate.db").exists(), "the store lies elsewhere");
    let stage = Stage { world, gateway };
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let filler = fill(&disk);
    // What room there is in the store's own files is used up first.
    let began = Instant::now();
    while stage.browser().visit(&stage.console("/")).await.unwrap().status == 200 {
        assert!(began.elapsed() < PATIENCE, "people sign in for ever");
    }
    let words = readiness(&stage, 503).await;
    assert!(words.contains("store: "), "{words}");
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "open panels go on");
    let refused = browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    std::fs::remove_file(filler).unwrap();
    let began = Instant::now();
    readiness(&stage, 200).await;
    let took = began.elapsed();
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204, "nobody was signed out");
    browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    let check =
        "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])\n";
    let sound = Command::new("python3").args(["-c", check]).arg(disk.join("panelgate.db")).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&sound.stdout), "ok\n");
    line("the disk of SQLite's file is full", "open panels go on; sign-in and opening get 503", "none", Some(took));
}

/// Says that a test runs in a network of its own.
const INSIDE: &str = "PANELGATE_TEST_NETWORK";

/// Runs a test once more, in a network of its own whose packets can be dropped. Says whether this is that.
async fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = apart("--net");
    command.args(["sh", "-c", r#"ip link set lo up && exec "$0" "$@""#]).arg(std::env::current_exe().unwrap());
    command.args([&format!("outages::{test}"), "--exact", "--nocapture"]).env(INSIDE, "yes");
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    std::io::stderr().write_all(&output.stderr).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// Drops the packets to an address, in that direction only, unless they come from the people.
async fn cut_off(address: std::net::IpAddr, ports: &str) {
    let rules = format!(
        "table inet cut {{\n chain out {{\n type filter hook output priority 0\n\
         ip saddr != {PEOPLE} ip daddr {address} tcp dport {ports} drop\n }}\n }}"
    );
    assert!(Command::new("nft").arg(rules).status().await.unwrap().success());
}

async fn mend() {
    assert!(Command::new("nft").args(["delete", "table", "inet", "cut"]).status().await.unwrap().success());
}

/// Every port.
const ALL: &str = "1-65535";

/// Where people come from.
const PEOPLE: &str = "127.255.255.1";

#[tokio::test]
async fn packets_to_a_server_are_lost() {
    if !is_inside("packets_to_a_server_are_lost").await {
        return;
    }
    let limits = "[limits]\nupstream_connect_seconds = 1\nupstream_response_seconds = 1\nopen_seconds = 2\n";
    let stage = Stage::with(Style::Ports, limits).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let other = browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    cut_off(stage.world.server(1).ip(), ALL).await;
    for _ in 0..2 {
        // Over the connection that there was, and over a new one.
        let answer = browser.fetch(&panel, panel.url.as_str()).await.unwrap();
        assert_eq!(problem(&answer).0, "server_timeout", "{}", answer.status);
    }
    assert_eq!(browser.fetch(&other, other.url.as_str()).await.unwrap().status, 200, "other servers go on");
    assert_eq!(stage.operations("/readyz", "*/*").await.0, 200, "the gateway serves the others");
    mend().await;
    let began = Instant::now();
    while browser.fetch(&panel, panel.url.as_str()).await.unwrap().status != 200 {
        assert!(began.elapsed() < PATIENCE, "it stays away");
    }
    line("packets to a server are lost", "its panels say so; all else goes on", "none", Some(began.elapsed()));
}

#[tokio::test]
async fn packets_to_the_provider_are_lost() {
    if !is_inside("packets_to_the_provider_are_lost").await {
        return;
    }
    let stage = Stage::with(Style::Ports, "[limits]\nprovider_seconds = 1\n").await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let provider = stage.world.provider.address();
    cut_off(provider.ip(), &provider.port().to_string()).await;
    let mut other = stage.browser();
    other.move_to(PEOPLE.parse().unwrap());
    let form = other.visit(&stage.console("/")).await.unwrap();
    let answer = other.sign_in_at(&form, "sam").await.unwrap();
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("The sign-in service does not answer"), "{}", answer.text());
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "who is signed in goes on");
    browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    mend().await;
    let began = Instant::now();
    stage.signed_in("sam").await;
    line(
        "packets to the provider are lost",
        "nobody signs in; who is signed in goes on",
        "none",
        Some(began.elapsed()),
    );
}

#[tokio::test]
async fn packets_to_the_database_are_lost() {
    if !is_inside("packets_to_the_database_are_lost").await {
        return;
    }
    let cluster = Cluster::start("").await;
    let browser = cluster.browser_at(&cluster.one.0);
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    until_ready(&cluster.one.0, 200).await;
    cut_off(cluster.database.address().ip(), ALL).await;
    let words = until_ready(&cluster.one.0, 503).await;
    assert!(words.contains("store: "), "{words}");
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "open panels go on");
    let refused = browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "session_store_unavailable"));
    mend().await;
    let began = Instant::now();
    until_ready(&cluster.one.0, 200).await;
    let took = began.elapsed();
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204, "nobody was signed out");
    browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    line("packets to the database are lost", "open panels go on; sign-in and opening get 503", "none", Some(took));
}
