//! What is written: every act in the audit file, and no secret anywhere.

use std::path::Path;
use std::process::Command as Blocking;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lab::browser::Browser;
use lab::browser::Page;
use lab::cpsrvd::Fault;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::Value;
use tokio::process::Command;

use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::events_in;
use crate::stage::outcome;
use crate::stage::problem;
use crate::stage::serve;

#[tokio::test]
async fn every_act_is_on_record_with_who_what_and_why() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    stage.world.server(2).faults().inject("/json-api/", 1, Fault::ServerError);
    browser.ask_to_open(&console, "web2", "whostmgrd", "root").await.unwrap();
    browser.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap();
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    let Stage { world, gateway } = stage;
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));

    let mut events = events_in(&world.audit_file());
    // What was asked of the panel is another test's (evidence.rs).
    events.retain(|event| event["kind"] != "panel.request");
    let told: Vec<String> = events.iter().map(|e| format!("{} {}", e["kind"].as_str().unwrap(), outcome(e))).collect();
    assert_eq!(
        told,
        [
            "gateway.started succeeded",
            "sign_in succeeded",
            "panel.open begun",
            "panel.open succeeded",
            "panel.enter succeeded",
            "panel.open begun",
            "panel.open failed api_answer_unusable",
            "access.denied denied service_not_in_rule",
            "sign_out succeeded",
            "gateway.stopped succeeded",
        ]
    );
    for event in &events {
        assert_eq!(event["schema"], "panelgate.audit/1");
        let time = event["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        if event["kind"].as_str().unwrap().starts_with("gateway.") {
            continue;
        }
        assert_eq!(event["subject"]["sub"], "sub-of-ada");
        assert_eq!(event["subject"]["iss"], world.issuer());
        assert_eq!(event["subject"]["name"], "Ada Admin");
        assert_eq!(event["groups"], serde_json::json!(["whm-admins", "staff"]));
        let client: std::net::IpAddr = event["client"].as_str().unwrap().parse().unwrap();
        assert!(client.is_loopback());
        assert_eq!(event["reference"].as_str().unwrap().len(), 11);
    }
    let opened = &events[3];
    assert_eq!(
        (&opened["server"], &opened["service"], &opened["account"]),
        (&"web1".into(), &"whostmgrd".into(), &"root".into())
    );
    assert!(opened["rule"].as_str().unwrap().contains("directory.toml"), "the line that allowed it: {opened}");
    assert_eq!(opened["reference"], events[2]["reference"]);
    assert_ne!(events[5]["reference"], events[2]["reference"]);
    let sessions: Vec<&Value> = events[2..9].iter().map(|event| &event["session"]).collect();
    assert!(sessions.iter().all(|session| session.is_string() && *session == sessions[0]), "{sessions:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(world.audit_file()).unwrap().permissions());
    assert_eq!(mode & 0o007, 0, "not for everybody");
}

#[tokio::test]
async fn without_an_audit_file_nothing_starts() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    std::os::unix::fs::symlink("/dev/full", world.audit_file()).unwrap();
    let ended = Gateway::run(serve(&world)).unwrap().ended().await.unwrap();
    assert_eq!(ended.code, Some(70));
    assert!(ended.output.contains("cannot write the audit file"), "{}", ended.output);
}

/// The program with a limit on the size of the files that it writes, and the signal for that ignored: what
/// a full disk is to it.
fn with_file_limit(world: &World, kib: u64) -> Command {
    let mut command = Command::new("bash");
    command.arg("-c").arg(r#"trap "" XFSZ; ulimit -S -f "$1"; exec "$2" serve --config "$3""#).arg("bash");
    command.arg(kib.to_string()).arg(BINARY).arg(world.config());
    command
}

/// Limit of the files, in KiB: far beyond what the store needs.
const DISK: u64 = 64 * 1024;

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let filler = format!("{{\"padding\":\"{}\"}}\n", "x".repeat(1000));
    let room = 3000;
    let lines = (usize::try_from(DISK).unwrap() * 1024 - room) / filler.len();
    std::fs::write(world.audit_file(), filler.repeat(lines)).unwrap();
    let gateway = Gateway::spawn_as(with_file_limit(&world, DISK), &world).await.unwrap();
    let stage = Stage { world, gateway };
    let (browser, console) = stage.signed_in("ada").await;
    // Until the disk is full.
    let mut refused = None;
    for _ in 0..30 {
        let answer = browser.ask_to_open(&console, "web3", "cpaneld", "bob").await.unwrap();
        if answer.status != 403 {
            refused = Some(answer);
            break;
        }
    }
    let refused: Page = refused.unwrap();
    assert_eq!((refused.status, &*problem(&refused).0), (503, "audit_unavailable"));
    assert!(refused.text().contains("Not recorded, so not done"));
    // The last corner, in which a short line could still lie.
    let left = DISK * 1024 - std::fs::metadata(stage.world.audit_file()).unwrap().len();
    let padding = format!("{{\"padding\":\"{}\"}}\n", "x".repeat(usize::try_from(left).unwrap() - 15));
    let mut file = std::fs::OpenOptions::new().append(true).open(stage.world.audit_file()).unwrap();
    std::io::Write::write_all(&mut file, padding.as_bytes()).unwrap();
    let answer = browser.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (503, "audit_unavailable"));
    assert!(stage.world.server(1).requests().is_empty(), "nothing was begun");
    let other = stage.browser();
    let form = other.visit(&stage.console("/")).await.unwrap();
    let page = other.sign_in_at(&form, "sam").await.unwrap();
    assert_eq!(page.status, 503, "nobody is signed in without a record");
    assert!(other.cookie("connect.example.com", "__Host-panelgate-session").is_none());
    stage.gateway.wait_for_output("the audit file cannot be written").await.unwrap();
    let (status, text) = stage.operations("/readyz", "*/*").await;
    assert_eq!((status, text.lines().next()), (503, Some("not ready")), "{text}");
    assert!(text.contains("audit: the audit log cannot be written"), "{text}");

    // There is room again: everything goes on, and every line is whole.
    let pid = stage.gateway.pid().unwrap().to_string();
    let raised = Blocking::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:unlimited"]).status().unwrap();
    assert!(raised.success());
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(stage.outcomes("panel.open"), ["begun", "succeeded"]);
    assert_eq!(stage.outcomes("sign_in"), ["succeeded"]);
    // With everybody sent elsewhere nobody would come to show that it is well: the gateway tries by itself.
    stage.ready().await;
    assert_eq!(stage.outcomes("audit.resumed"), ["succeeded"]);
}

/// Every file below a folder.
fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// What a secret is, and the secret.
type Secret = (&'static str, String);

/// What the browser held, and what was said in its addresses.
fn held_by(browser: &Browser) -> Vec<Secret> {
    let ours = browser.cookies().into_iter().filter(|cookie| cookie.name.contains("panelgate"));
    let mut secrets: Vec<Secret> = ours.map(|cookie| ("a cookie of ours", cookie.value)).collect();
    for seen in browser.everything() {
        let location = seen.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        for query in [seen.url.as_str(), location].into_iter().filter_map(|url| url.split_once('?')) {
            let told = parameters(query.1, &["state", "nonce", "code", "code_challenge", "challenge"]);
            secrets.extend(told.map(|value| ("a parameter of an address", value)));
        }
    }
    secrets
}

/// What went between the gateway and the provider.
fn said_to_provider(world: &World) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for request in world.provider.requests() {
        let told = parameters(&request.body, &["code", "code_verifier"]);
        secrets.extend(told.map(|value| ("a parameter of the token request", value)));
        let credential = request.authorization.split_once(' ');
        secrets.extend(credential.map(|(_, value)| ("an Authorization header", value.to_owned())));
    }
    secrets
}

fn parameters(query: &str, names: &[&str]) -> impl Iterator<Item = String> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(name, _)| names.contains(&&**name)).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn no_secret_is_written_anywhere() {
    let loud = "[log]\nfilter = \"trace\"\n[providers.groups]\nfrom = \"userinfo\"\npointer = \"/groups\"\n";
    let stage = Stage::with(Style::Ports, loud).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let page = browser.frame(&panel, &panel.attribute("frame-main", "src").unwrap()).await.unwrap();
    assert_eq!(page.status, 200);
    stage.world.server(1).expire_sessions();
    browser.fetch(&panel, panel.url.as_str()).await.unwrap();
    let (server, session) = (stage.world.server(1), stage.world.server(1).sessions().remove(0));

    let mut secrets = held_by(&browser);
    secrets.extend(said_to_provider(&stage.world));
    let logins = server.requests().into_iter().filter_map(|request| {
        request.target.split_once("session=").map(|(_, string)| ("a one-time login", string.to_owned()))
    });
    secrets.extend(logins);
    secrets.push(("cpsrvd's cookie", session.cookie.clone()));
    secrets.push(("the security token", session.security_token.trim_start_matches("/cpsess").to_owned()));
    secrets.extend(stage.world.secrets().into_iter().map(|value| ("a configured secret", value)));
    let kinds: std::collections::BTreeSet<_> = secrets.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds.len(), 8, "{kinds:?}");

    // The ID token comes to light at sign-out, in the address at the provider.
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    let logout = stage.world.provider.requests().into_iter().rfind(|request| request.path == "/logout").unwrap();
    let hint = url::form_urlencoded::parse(logout.query.as_bytes()).find(|(name, _)| name == "id_token_hint");
    let token = hint.unwrap().1.into_owned();
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    secrets.push(("the nonce", claims["nonce"].as_str().unwrap().to_owned()));
    secrets.push(("the ID token", payload.to_owned()));

    let metrics = stage.operations("/metrics", "*/*").await.1;
    assert!(metrics.contains("panelgate_panel_sessions_total{server=\"web1\",outcome=\"renewed\"} 1"), "{metrics}");
    let ready = stage.operations("/readyz", "application/json").await.1;
    let Stage { world, gateway } = stage;
    let output = gateway.kill().await.unwrap().output;
    assert!(output.contains("DEBUG"), "the log is as loud as it can be");
    let configured = ["client-secret", "web1-token", "web2-token", "web3-token", "gateway.key"];
    let mut places = vec![("the log".to_owned(), output.into_bytes())];
    places.extend([("the metrics".to_owned(), metrics.into_bytes()), ("readiness".to_owned(), ready.into_bytes())]);
    for file in files_below(world.folder()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !configured.contains(&&*name) {
            places.push((name, std::fs::read(&file).unwrap()));
        }
    }
    assert!(places.iter().any(|(name, bytes)| name.starts_with("panelgate.db") && !bytes.is_empty()));
    assert!(places.iter().any(|(name, _)| name == "audit.jsonl"));
    for (place, bytes) in &places {
        for (kind, secret) in &secrets {
            assert!(secret.len() >= 10, "{kind} is too short to look for: {secret}");
            let found = bytes.windows(secret.len()).position(|window| window == secret.as_bytes());
            let around = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..at + secret.len()]));
            assert_eq!(around, None, "{kind} in {place}");
        }
    }
    for file in ["panelgate.db", "server.key"] {
        let file = world.folder().join("state").join(file);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{} is for its owner only: {mode:o}", file.display());
    }
}

#[tokio::test]
async fn sealed_records_are_worth_nothing_without_the_cookie() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    for file in files_below(&world.folder().join("state")) {
        let bytes = std::fs::read(&file).unwrap();
        for known in ["Ada Admin", "ada@example.com", "sub-of-ada", "whm-admins", "web1", "whostmgrd"] {
            let found = bytes.windows(known.len()).any(|window| window == known.as_bytes());
            assert!(!found, "{known} in {}", file.display());
        }
    }
}
