//! The records as evidence: what was done, whether it is all there, and what happens when it cannot be kept.

use std::path::Path;

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::events_in;
use crate::stage::problem;
use crate::stage::until;

/// Runs `panelgate audit` on a world's files; gives the exit code and both outputs.
pub(crate) async fn audit(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(BINARY);
    let (verb, rest) = arguments.split_first().unwrap();
    command.arg("audit").arg(verb).arg("--config").arg(world.config()).args(rest);
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Sends a form from a panel's page.
async fn post(browser: &Browser, panel: &Page, path: &str, fields: &[(&str, &str)]) {
    let url = panel.resolve(path).unwrap();
    browser.ask(Ask::get(Errand::Fetch, url.as_str()).by(panel).form(fields)).await.unwrap();
}

fn requests(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["kind"] == "panel.request").collect()
}

#[tokio::test]
async fn a_night_on_a_server_can_be_told_from_the_records() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let panel = ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    ada.fetch(&panel, "json-api/listaccts?api.version=1&search=hunter-1").await.unwrap();
    post(&ada, &panel, "json-api/removeacct", &[("api.version", "1"), ("user", "example"), ("password", "hunter-2")])
        .await;
    post(&ada, &panel, "scripts/nobody_knows", &[("user", "hunter-3")]).await;
    ada.fetch(&panel, "execute/Email/list_pops").await.unwrap();
    ada.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap();
    let Stage { world, gateway } = stage;
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));

    let text = std::fs::read_to_string(world.audit_file()).unwrap();
    assert!(!text.contains("hunter"), "{text}");
    assert!(!text.contains("cpsess"), "{text}");
    let events = events_in(&world.audit_file());
    let requests = requests(&events);
    let removal = requests.iter().find(|event| event["action"]["verb"] == "removeacct").unwrap();
    assert_eq!(removal["action"]["object"], serde_json::json!({ "user": "example" }));
    assert_eq!(
        (&removal["method"], &removal["path"], &removal["account"], &removal["subject"]["sub"]),
        (&"POST".into(), &"/json-api/removeacct".into(), &"root".into(), &"sub-of-ada".into())
    );
    assert!(removal["status"].is_u64() && removal["directory"].is_string());
    assert!(requests.iter().any(|event| event["path"] == "/scripts/nobody_knows" && event["action"].is_null()));

    let (code, told, said) = audit(&world, &["report", "--server", "web1", "--since", "1h"]).await;
    assert_eq!((code, said.as_str()), (0, ""), "{told}");
    for words in
        ["Ada Admin (sub-of-ada) on web1 whostmgrd as root", "removeacct user=example", "POST /scripts/nobody_knows"]
    {
        assert!(told.contains(words), "{words} in {told}");
    }
    let (code, told, _) = audit(&world, &["report", "--person", "ada", "--server", "web2", "--format", "csv"]).await;
    assert_eq!(code, 0);
    assert!(told.contains("access.denied (denied: service_not_in_rule)"), "{told}");
    let (_, told, _) = audit(&world, &["report", "--server", "web1", "--format", "json"]).await;
    let json: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(json["stays"][0]["deeds"]["removeacct user=example"]["times"], 1);
    assert_eq!(audit(&world, &["report", "--server", "web9"]).await.0, 1);
    let (code, told, _) = audit(&world, &["verify"]).await;
    assert_eq!((code, told.lines().last()), (0, Some("the records are whole")), "{told}");

    // Whoever takes the last line away is found out, with the head that the gateway keeps.
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(world.audit_file(), lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    let (code, told, _) = audit(&world, &["verify"]).await;
    assert!(code == 1 && told.contains(&format!("truncated: record {} at the end", lines.len())), "{told}");
}

#[tokio::test]
async fn a_crash_leaves_a_chain_that_goes_on() {
    let stage = Stage::new(Style::Hosts).await;
    stage.signed_in("ada").await;
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    let mut text = std::fs::read_to_string(world.audit_file()).unwrap();
    text.push_str("{\"schema\":\"panelgate.audit/1\",\"ti");
    std::fs::write(world.audit_file(), text).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    let (code, told, _) = audit(&world, &["verify"]).await;
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("torn by a crash; the chain went on after it"), "{told}");
    let (code, _, said) = audit(&world, &["report", "--since", "1h"]).await;
    assert_eq!(code, 1, "nobody was on a server");
    assert!(said.contains("1 damaged line"), "{said}");
}

/// Reads messages of a connection, by their lengths (RFC 6587).
async fn next_message(stream: &mut tokio::net::TcpStream) -> String {
    let mut length = String::new();
    loop {
        let byte = char::from(stream.read_u8().await.unwrap());
        if byte == ' ' {
            break;
        }
        length.push(byte);
    }
    let mut message = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut message).await.unwrap();
    String::from_utf8(message).unwrap()
}

async fn with_syslog(more: &str) -> (TcpListener, Stage) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let main = std::fs::read_to_string(world.config()).unwrap();
    let line = format!("file = \"audit.jsonl\"\nsyslog = \"tcp:{address}\"\n{more}");
    std::fs::write(world.config(), main.replace("file = \"audit.jsonl\"\n", &line)).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    (listener, Stage { world, gateway })
}

#[tokio::test]
async fn what_syslog_does_not_get_is_not_done() {
    let (listener, stage) = with_syslog("").await;
    let (mut stream, _) = listener.accept().await.unwrap();
    let started = next_message(&mut stream).await;
    assert!(started.starts_with("<85>1 20"), "{started}");
    assert!(
        started.contains(" connect.example.com panelgate ") && started.contains(" gateway.started - {"),
        "{started}"
    );
    let (ada, console) = stage.signed_in("ada").await;
    assert!(next_message(&mut stream).await.contains("\"kind\":\"sign_in\""));
    // It is away, with the connection.
    let address = listener.local_addr().unwrap();
    drop((listener, stream));
    let mut refused = None;
    // What was on its way when the connection ended is nobody's to know.
    for _ in 0..5 {
        let answer = ada.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
        if answer.status == 503 {
            refused = Some(answer);
            break;
        }
    }
    assert_eq!(problem(&refused.unwrap()).0, "audit_unavailable");
    // And back.
    let listener = TcpListener::bind(address).await.unwrap();
    let (mut stream, answer) = tokio::join!(
        async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(next_message(&mut stream).await.contains("panel.open"));
            stream
        },
        ada.ask_to_open(&console, "web3", "whostmgrd", "root")
    );
    assert_eq!(answer.unwrap().status, 200);
    assert!(next_message(&mut stream).await.contains("panel.open"));
    assert_eq!(audit(&stage.world, &["verify"]).await.0, 0);
}

#[tokio::test]
async fn a_syslog_that_is_not_required_stops_nobody() {
    let (listener, stage) = with_syslog("required = false\n").await;
    drop(listener);
    let (ada, console) = stage.signed_in("ada").await;
    ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    stage.gateway.wait_for_output("audit events cannot be sent").await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_written_stops_acts_until_it_can() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let (file, aside) = (stage.world.audit_file(), stage.world.folder().join("audit.aside"));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    let answer = ada.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (503, "audit_unavailable"));
    assert!(stage.world.server(1).requests().is_empty(), "nothing was begun");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(audit(&stage.world, &["verify"]).await.0, 0);
}

#[tokio::test]
async fn standard_output_gets_every_event_too() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let main = std::fs::read_to_string(world.config()).unwrap();
    let line = "file = \"audit.jsonl\"\nstdout = true\n";
    std::fs::write(world.config(), main.replace("file = \"audit.jsonl\"\n", line)).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    gateway.wait_for_output("\"kind\":\"gateway.started\"").await.unwrap();
}

/// The schema that the documentation gives holds for all that is written.
#[tokio::test]
async fn every_event_fits_the_schema() {
    let schema = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let panel = ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    post(&ada, &panel, "json-api/removeacct", &[("user", "example")]).await;
    ada.fetch(&panel, "login/").await.unwrap();
    ada.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap();
    stage.signed_in("nia").await;
    // A refused and an accepted directory, and somebody cut.
    let directory = stage.world.folder().join("directory.toml");
    let text = std::fs::read_to_string(&directory).unwrap();
    for (text, count) in [("nonsense".to_owned(), 1), (text.replacen("\"web1\", \"web2\"", "\"web2\"", 1), 2)] {
        std::fs::write(&directory, text).unwrap();
        until("a reload", || stage.outcomes("config.reload").len() == count).await;
    }
    until("a cut", || stage.outcomes("panel.cut").len() == 1).await;
    ada.submit(&console, "/sign-out", &[]).await.unwrap();
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    let mut text = std::fs::read_to_string(world.audit_file()).unwrap();
    text.push_str("{\"torn");
    std::fs::write(world.audit_file(), &text).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    gateway.stop().await.unwrap();
    let text = std::fs::read_to_string(world.audit_file()).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| *line != "{\"torn") {
        let event: Value = serde_json::from_str(line).unwrap();
        let wrong: Vec<String> = schema.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?} in {line}");
        kinds.insert(event["kind"].as_str().unwrap().to_owned());
        // It is strict: nothing that it does not know, nothing missing.
        let mut other = event.clone();
        other["password"] = "x".into();
        assert!(!schema.is_valid(&other));
        let mut other = event;
        other.as_object_mut().unwrap().remove("kind");
        assert!(!schema.is_valid(&other));
    }
    assert_eq!(kinds.len(), 11, "{kinds:?}");
}
