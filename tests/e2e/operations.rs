//! The operations address: what probes, collectors and the people behind them see.

use std::path::Path;
use std::process::Stdio;

use lab::browser::Ask;
use lab::browser::Errand;
use lab::gateway::Gateway;
use lab::loopback::Loopback;
use lab::provider::EndpointFault;
use lab::world::Style;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::Instant;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::operations;

/// The value of a sample, by its name and labels exactly.
fn sample(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).parse().unwrap()
}

#[tokio::test]
async fn the_metrics_say_what_happened_and_what_took_time() {
    let stage = Stage::new(Style::Ports).await;
    stage.ready().await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    browser.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap();
    stage.world.server(1).expire_sessions();
    browser.fetch(&panel, panel.url.as_str()).await.unwrap();
    let stranger = stage.browser();
    let form = stranger.visit(&stage.console("/")).await.unwrap();
    stranger.submit(&form, form.url.as_str(), &[("cancel", "1")]).await.unwrap();

    let metrics = stage.operations("/metrics", "*/*").await.1;
    for (name, at_least) in [
        ("panelgate_sign_ins_total{outcome=\"succeeded\"}", 1.0),
        ("panelgate_denials_total{reason=\"service_not_in_rule\"}", 1.0),
        ("panelgate_panel_sessions_total{server=\"web1\",outcome=\"opened\"}", 1.0),
        ("panelgate_panel_sessions_total{server=\"web1\",outcome=\"renewed\"}", 1.0),
        ("panelgate_requests_total{place=\"console\",status=\"3xx\"}", 2.0),
        ("panelgate_requests_total{place=\"panel\",status=\"2xx\"}", 1.0),
        ("panelgate_failures_total{code=\"service_not_in_rule\"}", 1.0),
        ("panelgate_request_own_seconds_count{place=\"panel\"}", 2.0),
        ("panelgate_request_waited_seconds_count{place=\"panel\"}", 1.0),
        ("panelgate_panel_sessions_open", 1.0),
        ("panelgate_connections_open", 1.0),
        ("panelgate_provider_clock_ahead_seconds{provider=\"sso\"}", -15.0),
        ("panelgate_check_ok{check=\"store\"}", 1.0),
        ("panelgate_check_ok{check=\"provider\"}", 1.0),
        ("panelgate_certificate_expiry_seconds{name=\"connect.example.com\"}", 1_800_000_000.0),
    ] {
        assert!(sample(&metrics, name) >= at_least, "{name}\n{metrics}");
    }
    // The server's slowness is not ours.
    stage.world.server(1).faults().inject(
        "/scripts/command",
        1,
        lab::cpsrvd::Fault::LateAnswer(std::time::Duration::from_secs(2)),
    );
    let url = panel.resolve("scripts/command?PFILE=main").unwrap();
    browser.ask(Ask::get(Errand::Fetch, url.as_str()).by(&panel)).await.unwrap();
    let after = stage.operations("/metrics", "*/*").await.1;
    let grown = |name: &str| sample(&after, name) - sample(&metrics, name);
    assert!(grown("panelgate_request_waited_seconds_sum{place=\"panel\"}") >= 2.0);
    assert!(grown("panelgate_request_own_seconds_sum{place=\"panel\"}") < 2.0);
}

#[tokio::test]
async fn prometheus_reads_it() {
    let stage = Stage::new(Style::Hosts).await;
    stage.signed_in("ada").await;
    let place = Loopback::claim().unwrap();
    let folder = stage.world.folder().join("prometheus");
    std::fs::create_dir(&folder).unwrap();
    let config = format!(
        "scrape_configs:\n- job_name: panelgate\n  scrape_interval: 1s\n  static_configs: [{{targets: ['{}']}}]\n",
        stage.world.operations()
    );
    std::fs::write(folder.join("prometheus.yml"), config).unwrap();
    let collector = Command::new("prometheus")
        .current_dir(&folder)
        .arg("--config.file=prometheus.yml")
        .arg(format!("--web.listen-address={}", place.at(9091)))
        .args(["--storage.tsdb.path=data", "--log.level=warn"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let ask = "/api/v1/query?query=panelgate_sign_ins_total";
    loop {
        assert!(Instant::now() < deadline, "Prometheus never has it");
        if let Ok((200, body)) = operations(place.at(9091), ask, "*/*").await {
            let answer: Value = serde_json::from_str(&body).unwrap();
            if answer["data"]["result"][0]["value"][1] == "1" {
                break;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    drop(collector);
}

#[tokio::test]
async fn readiness_says_what_is_wrong_in_words() {
    let stage = Stage::new(Style::Ports).await;
    stage.ready().await;
    assert_eq!(stage.operations("/healthz", "*/*").await, (200, "alive\n".into()));
    assert_eq!(stage.operations("/readyz", "*/*").await, (200, "ready\n".into()));
    assert_eq!(stage.operations("/elsewhere", "*/*").await.0, 404);
    // What people reach says nothing of it, and the other way round.
    let console = stage.browser().visit(&stage.console("/readyz")).await.unwrap();
    assert_ne!(console.text(), "ready\n");

    let Stage { world, gateway } = stage;
    drop(gateway);
    world.provider.set(|wrong| wrong.discovery = Some(EndpointFault::Status(503)));
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    gateway.wait_for_output("the provider cannot be used yet").await.unwrap();
    let stage = Stage { world, gateway };
    stage.ready().await;
    let (status, json) = stage.operations("/readyz", "application/json").await;
    let json: Value = serde_json::from_str(&json).unwrap();
    let provider = json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "provider").unwrap();
    assert_eq!((status, &json["ready"], &provider["ok"]), (200, &true.into(), &false.into()), "{json}");
    assert!(provider["wrong"].as_str().unwrap().contains("its people cannot sign in"), "{json}");
}

#[tokio::test]
async fn probes_are_told_that_it_stops_while_people_are_still_served() {
    let stage = Stage::with(Style::Ports, "").await;
    stage.world.server(2).switch(|switches| switches.download_bytes = 20_000_000);
    let body = crate::life::download(&stage).await;
    stage.gateway.signal("TERM").await.unwrap();
    stage.gateway.wait_for_output("stopping").await.unwrap();
    let (status, text) = stage.operations("/readyz", "*/*").await;
    assert_eq!((status, &*text), (503, "not ready\nlifecycle: the gateway is stopping\n"));
    assert_eq!(stage.operations("/healthz", "*/*").await.0, 200);
    drop(body);
    assert_eq!(stage.gateway.ended().await.unwrap().code, Some(0));
}

/// The dashboard and the alert rules ask for nothing that a gateway does not offer. What it counts by a label is
/// offered once there was something to count.
#[tokio::test]
async fn every_metric_of_dashboard_and_alerts_exists() {
    // The double says that it is a version with known holes.
    let stage = Stage::with(Style::Ports, "[fleet]\nwatch_minutes = 1440\n").await;
    stage.ready().await;
    let (browser, console) = stage.signed_in("ada").await;
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    browser.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap();
    crate::fleet::look_from_outside(&stage.world).await;
    std::fs::write(stage.world.folder().join("directory.toml"), "no directory").unwrap();
    let read_again = async {
        loop {
            let metrics = stage.operations("/metrics", "*/*").await.1;
            let later = ["panelgate_reloads_total", "panelgate_server_trouble{", "panelgate_shield_open{"];
            if later.iter().all(|name| metrics.contains(name)) {
                break metrics;
            }
        }
    };
    let metrics = tokio::time::timeout(PATIENCE, read_again).await.unwrap();
    let offered: Vec<&str> = metrics.lines().filter_map(|line| line.split([' ', '{']).next()).collect();
    let mut asked = 0;
    for file in ["deploy/grafana/panelgate.json", "deploy/prometheus/alerts.yml"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        for name in words.filter(|word| word.starts_with("panelgate_")) {
            assert!(offered.contains(&name), "{file} asks for {name}\n{metrics}");
            asked += 1;
        }
    }
    assert!(asked > 25, "{asked} names were found");
}
