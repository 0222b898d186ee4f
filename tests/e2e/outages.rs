//! Faults of the network: packets that do not arrive; and a stop in the middle of large uploads. `scripts/faults` puts them into its table.

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
use lab::network;
use lab::world::Style;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::Instant;

use crate::faults::at_work;
use crate::faults::line;
use crate::faults::people::Person;
use crate::faults::trio::Trio;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::until;

const UPLOAD: &str = "/execute/Fileman/upload_files";

/// The size of the uploads, in MiB, where nothing else is said: `scripts/faults` says more.
const SIZE: &str = "PANELGATE_UPLOAD_MIB";
const USUAL_SIZE: u64 = 64;

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
    let stage = Stage::with(Style::Ports, "[limits]\ndrain_seconds = 3600\n").await;
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
    line(&format!("SIGTERM in the middle of two uploads of {size} MiB"), "they arrive whole", None, None);
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
    line("SIGTERM, and an upload beyond `limits.drain_seconds`", "the upload breaks off", None, None);
}

/// Runs a test in a network of its own, whose packets can be dropped.
fn apart(name: &str, test: impl Future<Output = ()>) {
    network::apart(&format!("outages::{name}"), &[], test).unwrap();
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

#[test]
fn packets_to_a_server_are_lost() {
    apart("packets_to_a_server_are_lost", async {
        let limits = "[limits]\nupstream_connect_seconds = 1\nupstream_response_seconds = 1\nopen_seconds = 2\n";
        let stage = Stage::with(Style::Ports, limits).await;
        let people = at_work(&stage).await;
        let Person { browser, console, panel } = &*people.all[0];
        let other = browser.open(console, "web2", "whostmgrd", "root").await.unwrap();
        let mark = people.mark();
        cut_off(stage.world.server(1).ip(), ALL).await;
        for _ in 0..2 {
            // Over the connection that there was, and over a new one.
            let answer = browser.fetch(panel, panel.url.as_str()).await.unwrap();
            assert_eq!(problem(&answer).0, "server_timeout", "{}", answer.status);
        }
        assert_eq!(browser.fetch(&other, other.url.as_str()).await.unwrap().status, 200, "other servers go on");
        assert_eq!(stage.operations("/readyz", "*/*").await.0, 200, "the gateway serves the others");
        mend().await;
        let mended = people.mark();
        let outcome = people.outcome(&mark).await;
        assert_eq!(outcome.signed_out, 0, "{outcome:?}");
        let took = people.outcome(&mended).await.lasted;
        line("packets to a server are lost", "its panels say so; all else goes on", Some(&outcome), Some(took));
    });
}

#[test]
fn packets_to_the_provider_are_lost() {
    apart("packets_to_the_provider_are_lost", async {
        let stage = Stage::with(Style::Ports, "[limits]\nprovider_seconds = 1\n").await;
        let people = at_work(&stage).await;
        let mark = people.mark();
        let provider = stage.world.provider.address();
        cut_off(provider.ip(), &provider.port().to_string()).await;
        let mut other = stage.browser();
        other.move_to(PEOPLE.parse().unwrap());
        let form = other.visit(&stage.console("/")).await.unwrap();
        let answer = other.sign_in_at(&form, "sam").await.unwrap();
        assert_eq!(answer.status, 502);
        assert!(answer.text().contains("The sign-in service does not answer"), "{}", answer.text());
        let person = &people.all[0];
        person.browser.open(&person.console, "web2", "whostmgrd", "root").await.unwrap();
        mend().await;
        let began = Instant::now();
        stage.signed_in("sam").await;
        let took = began.elapsed();
        let outcome = people.outcome(&mark).await;
        assert_eq!((outcome.failed, outcome.ended), (0, 0), "who is signed in goes on: {outcome:?}");
        let seen = "nobody signs in; who is signed in goes on";
        line("packets to the provider are lost", seen, Some(&outcome), Some(took));
    });
}

#[test]
fn half_of_the_network_is_cut() {
    apart("half_of_the_network_is_cut", async {
        let mut trio = Trio::start().await;
        let leaver = trio.somebody_at(1).await;
        let mark = trio.mark();
        cut_off(trio.replicas[1].ip(), ALL).await;
        trio.signs_out(leaver, 2).await;
        let outcome = trio.people.outcome(&mark).await;
        assert_eq!((outcome.ended, outcome.signed_out), (2, 0), "{outcome:?}");
        mend().await;
        trio.balancer.until(1, true).await.unwrap();
        let whole = trio.serves(&mark).await;
        assert_eq!(whole.failed, outcome.failed, "it comes back without a failed request: {whole:?}");
        let seen = "who is there waits until the balancer has seen it; then the others serve";
        line("packets to a gateway of three are lost", seen, Some(&whole), Some(outcome.lasted));

        let mark = trio.mark();
        cut_off(trio.database.address().ip(), ALL).await;
        trio.nothing_begins().await;
        mend().await;
        let began = Instant::now();
        trio.are_ready(200).await;
        let took = began.elapsed();
        let outcome = trio.serves(&mark).await;
        assert_eq!((outcome.failed_in_place, outcome.ended), (0, 0), "{outcome:?}");
        let seen = "open panels go on; signing in and opening get 503";
        line("packets to PostgreSQL are lost", seen, Some(&outcome), Some(took));
        trio.nothing_is_lost_of_the_records().await;
    });
}
