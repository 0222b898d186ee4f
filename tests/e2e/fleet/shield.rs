//! The shield: what a look from outside says of the doubles, what is kept of it, and what the gateway makes of it.

use lab::gateway::Gateway;
use lab::world::World;
use serde_json::Value;
use serde_json::json;

use super::Said;
use super::fill;
use super::panelgate;
use super::vault::assert_hidden;
use super::world;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::until;

/// A look with the directory alone, as another machine has it.
async fn look(world: &World, more: &[&str]) -> Said {
    let directory = world.folder().join("directory.toml");
    let directory = directory.to_str().unwrap().to_owned();
    let mut command = tokio::process::Command::new(BINARY);
    command.args(["shield", "check", "--outside", "--config", &directory]).args(more);
    let done = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: done.status.code().unwrap(), out: text(&done.stdout), err: text(&done.stderr), bytes: done.stdout }
}

/// A report of what is seen from outside, as JSON.
pub(super) async fn report(world: &World) -> String {
    look(world, &["--format", "json"]).await.out
}

/// Keeps a report.
pub(super) async fn record(world: &World, report: &str) -> Said {
    panelgate(world, &["shield", "record"], report.as_bytes()).await
}

fn verdicts(report: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(report).unwrap();
    let servers = report["servers"].as_array().unwrap();
    servers.iter().map(|server| server["verdict"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_opens_and_closes_is_seen_kept_recorded_and_measured() {
    let world = world("").await;
    fill(&world).await;
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let world = &stage.world;
    // web2 is behind a firewall, web3 shows another key than the directory has.
    world.server(2).refuse_connections().await;
    world.server(3).rotate_identity(lab::pki::self_signed(&["web3.hosting.example"]).unwrap());
    let said = look(world, &[]).await;
    assert_eq!(said.code, 1);
    for text in [
        "2082 2083 2086 2087 2095 2096 OPEN",
        "2082 2083 2086 2087 2095 2096 refused",
        "2082 2086 2095 OPEN, 2083 2087 2096 ANSWERS, NOT PROVEN TO BE THE SERVER",
    ] {
        assert!(said.out.contains(text), "{text}: {}", said.out);
    }
    assert!(said.err.contains("looked at 3 servers from 127.0.0.1, as this machine knows itself"), "{}", said.err);
    let one = look(world, &["--server", "web2"]).await;
    assert_eq!((one.code, one.out.lines().count()), (0, 2), "{}", one.out);
    // Who only looks has no token, and sends nothing but a request for nothing in clear text.
    assert!(world.server(1).requests().iter().all(|request| request.path() == "/"), "{:?}", world.server(1).requests());
    let first = report(world).await;
    assert_eq!(verdicts(&first), ["open", "closed", "open"]);
    let said = record(world, &first).await;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("OPENED: web1: 2082 2083 2086 2087 2095 2096 answer to 127.0.0.1"), "{}", said.out);
    assert!(!said.out.contains("web2"), "{}", said.out);
    // The same once more is no news.
    let said = record(world, &report(world).await).await;
    assert!(!said.out.contains("OPENED") && said.out.contains("kept what was seen of 3 servers"), "{}", said.out);
    let said = panelgate(world, &["shield", "record", "--quiet"], report(world).await.as_bytes()).await;
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (1, "", ""));
    world.server(1).refuse_connections().await;
    world.server(2).accept_connections().await.unwrap();
    let said = record(world, &report(world).await).await;
    assert!(said.out.contains("closed: web1 answers to 127.0.0.1 no longer"), "{}", said.out);
    assert!(said.out.contains("OPENED: web2"), "{}", said.out);
    // On record, with the server and the words.
    until("four changes are on record", || stage.outcomes("shield.changed").len() == 4).await;
    let events = stage.events();
    let of = |server: &str| -> Vec<String> {
        let events = events.iter().filter(|event| event["kind"] == "shield.changed" && event["server"] == server);
        events.map(crate::stage::outcome).collect()
    };
    assert_eq!(of("web1"), ["failed shield_opened", "succeeded shield_closed"]);
    assert_eq!(
        (of("web2"), of("web3")),
        (vec!["failed shield_opened".to_owned()], vec!["failed shield_opened".to_owned()])
    );
    // Measured, for the servers of the directory.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        let (_, metrics) = stage.operations("/metrics", "*/*").await;
        let has = |line: &str| metrics.contains(line);
        if has("panelgate_shield_open{server=\"web1\"} 0")
            && has("panelgate_shield_open{server=\"web2\"} 1")
            && has("panelgate_shield_looked_at_seconds{server=\"web3\"} ")
        {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    // The history of one.
    let said = panelgate(world, &["shield", "history", "--server", "web1", "--format", "csv"], b"").await.done();
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(
        lines.len() == 3 && lines[1].starts_with("web1,closed,-,") && lines[2].starts_with("web1,open,2082 "),
        "{lines:?}"
    );
    // What is seen from here: the history, and the one setting that WHM tells.
    world.server(2).switch(|switches| switches.service_subdomains = false);
    world.server(1).accept_connections().await.unwrap();
    let said = panelgate(world, &["shield", "check"], b"").await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("cannot see what others reach"), "{}", said.err);
    let line = |server: &str| said.out.lines().find(|line| line.starts_with(server)).unwrap().to_owned();
    assert!(
        line("web1").contains("closed") && line("web1").contains("ON: the web server passes whm.… on"),
        "{}",
        said.out
    );
    assert!(line("web2").contains("open (2082") && line("web2").ends_with("off"), "{}", said.out);
    assert!(line("web3").contains("cannot be told: the API call had no answer"), "{}", said.out);
    // Shielded on both ways: zero.
    world.server(1).switch(|switches| switches.service_subdomains = false);
    let last = panelgate(world, &["shield", "check", "--server", "web1"], b"").await.done();
    // No token stands in anything of this.
    let said: [&[u8]; 4] = [said.out.as_bytes(), said.err.as_bytes(), first.as_bytes(), last.out.as_bytes()];
    assert_hidden(world, &said);
}

#[tokio::test]
async fn what_is_no_report_of_today_from_elsewhere_is_not_kept() {
    let world = world("[fleet]\naddresses = [\"127.0.0.1\"]\n").await;
    fill(&world).await;
    let own = report(&world).await;
    let said = record(&world, &own).await;
    assert!(said.code == 70 && said.err.contains("from 127.0.0.1, an address of the gateway"), "{}", said.err);
    let other = |change: &dyn Fn(&mut Value)| {
        let mut report: Value = serde_json::from_str(&own).unwrap();
        report["from"] = json!(["192.0.2.99"]);
        change(&mut report);
        report.to_string()
    };
    for (text, expected) in [
        ("nothing".to_owned(), "that is no report"),
        (other(&|report| report["form"] = json!(2)), "the report has form 2, this version knows 1"),
        (other(&|report| report["at"] = json!(1_000)), "the report is of 1970-01-01"),
        (other(&|report| report["servers"][0]["places"][0]["ports"] = json!({"2087": "gone"})), "that is no report"),
    ] {
        let said = record(&world, &text).await;
        assert!(said.code == 70 && said.err.contains(expected), "{expected}: {}", said.err);
    }
    // What it says of itself does not count: it is judged by what was found. Strangers' names are not kept.
    let lie = other(&|report| {
        report["servers"][0]["verdict"] = json!("closed");
        report["servers"][1]["server"] = json!("web\u{1b}[2J");
    });
    let said = record(&world, &lie).await;
    assert!(said.code == 1 && said.out.contains("OPENED: web1"), "{}", said.out);
    assert!(said.err.contains("the directory has no server web\\u{1b}[2J"), "{}", said.err);
    let said = panelgate(&world, &["shield", "history", "--format", "json"], b"").await.done();
    let known: Value = serde_json::from_str(&said.out).unwrap();
    let names: Vec<&str> = known.as_array().unwrap().iter().map(|known| known["server"].as_str().unwrap()).collect();
    assert_eq!(names, ["web1", "web3"]);
}
