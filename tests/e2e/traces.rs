//! Traces of requests, sent to a real collector (rotel): what is in them, and what never is.

use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;

use lab::browser::Ask;
use lab::browser::Errand;
use lab::gateway::Gateway;
use lab::loopback::localhost_port;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;
use tokio::time::Instant;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::until;

/// A collector that writes down what it gets, and the port that it gets it at.
async fn collector() -> (Gateway, u16) {
    let (http, grpc) = (localhost_port().unwrap(), localhost_port().unwrap());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/.venv/bin/python");
    // The program lies in the package, and nothing else of it is used.
    let start =
        "import os, rotel, sys; os.execv(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'), sys.argv)";
    let mut command = Command::new(program);
    command.args(["-c", start, "start", "--exporter", "blackhole", "--debug-log", "traces"]);
    command.args(["--debug-log-verbosity", "detailed"]);
    command.arg("--otlp-http-endpoint").arg(format!("127.0.0.1:{http}"));
    command.arg("--otlp-grpc-endpoint").arg(format!("127.0.0.1:{grpc}"));
    let collector = Gateway::run(command).unwrap();
    until("the collector listens", || TcpStream::connect(("127.0.0.1", http)).is_ok()).await;
    (collector, http)
}

async fn stage(port: u16, more: &str) -> Stage {
    let more = format!("[telemetry]\notlp_endpoint = \"http://127.0.0.1:{port}\"\n{more}");
    let world = World::start(Plan { more, ..Plan::tls(Style::Ports) }).await.unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    Stage { world, gateway }
}

#[tokio::test]
async fn a_trace_says_what_took_time_under_the_reference_that_people_see_and_no_secret() {
    let (collector, port) = collector().await;
    let stage = stage(port, "sample_percent = 100\n").await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let url = panel.url.as_str();
    // What a browser says about traces is not believed.
    let theirs = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{theirs}-b7ad6b7169203331-01");
    let ask = Ask::get(Errand::Fetch, url).by(&panel).header("traceparent", &parent);
    assert_eq!(browser.ask(ask).await.unwrap().status, 200);
    let refused = browser.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap();
    let reference = refused.header("panelgate-reference").unwrap();
    collector.wait_for_output(&reference).await.unwrap();
    let ended = stage.gateway.stop().await.unwrap();
    assert_eq!(ended.code, Some(0));
    let said = collector.output();
    for words in [
        "session",
        "policy",
        "audit",
        "open panel session",
        "server",
        "provider",
        "web1.connect.example.com",
        "cpsess…",
    ] {
        assert!(said.contains(words), "{words}");
    }
    let cpsess = url.split("cpsess").nth(1).unwrap().split('/').next().unwrap();
    let cookie = browser.cookie("connect.example.com", "__Host-panelgate-session").unwrap();
    for secret in stage.world.secrets().iter().map(String::as_str).chain([cpsess, &*cookie.value, theirs]) {
        assert!(!said.contains(secret), "{secret}");
    }
}

/// How many traces had this outcome.
async fn counted(stage: &Stage, outcome: &str) -> u64 {
    let (_, metrics) = stage.operations("/metrics", "*/*").await;
    let sample = format!("panelgate_traces_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&sample)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_collector_that_is_away_or_slow_holds_up_nobody_and_what_is_dropped_is_counted() {
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let stage = stage(port, "sample_percent = 100\n[limits]\ntrace_queue = 16\n").await;
    let (browser, console) = stage.signed_in("ada").await;
    let give_up = Instant::now() + PATIENCE;
    while counted(&stage, "queue_full").await == 0 {
        assert!(Instant::now() < give_up, "the queue never fills");
        assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
    }
    drop(silent);
    while counted(&stage, "collector").await == 0 {
        assert!(Instant::now() < give_up, "what was not taken is never counted");
        tokio::task::yield_now().await;
    }
    assert_eq!(counted(&stage, "sent").await, 0);
    assert!(stage.gateway.output().contains("the collector does not take traces: they are dropped"));
    assert_eq!(stage.gateway.stop().await.unwrap().code, Some(0));
}

#[tokio::test]
async fn what_fails_is_traced_whatever_the_lot_says() {
    let (collector, port) = collector().await;
    let stage = stage(port, "sample_percent = 0\n").await;
    let (browser, console) = stage.signed_in("ada").await;
    for token in stage.world.server(1).tokens_of("root") {
        stage.world.server(1).revoke_token("root", &token.name);
    }
    let failed = browser.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert!(failed.status >= 500, "{}", failed.status);
    collector.wait_for_output(&failed.header("panelgate-reference").unwrap()).await.unwrap();
    assert_eq!(counted(&stage, "sent").await, 1, "sign-in and console were not traced");
}
