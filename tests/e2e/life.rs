//! The program's own life: restarts, its end, and a configuration that it cannot use.

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Errand;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::raw::Raw;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::serve;
use crate::stage::until;

in_both_styles! {
    /// The person notices nothing: the pages that are open go on working.
    async fn a_session_and_its_panels_survive_a_crash(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let token = stage.world.server(1).sessions().pop().unwrap().security_token;
        let Stage { world, gateway } = stage;
        gateway.kill().await.unwrap();
        let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
        let stage = Stage { world, gateway };

        // The panel first: its own cookie is enough.
        let page = browser.frame(&panel, &panel.attribute("frame-main", "src").unwrap()).await.unwrap();
        assert_eq!(page.attribute("whm-main", "data-depth").unwrap(), "1");
        let live = stage.world.server(1).sessions();
        assert!(live.iter().all(|session| session.security_token == token), "{live:?}");
        assert_eq!(browser.visit(&stage.console("/")).await.unwrap().url.as_str(), stage.console("/"));
        assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
        let other = browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
        assert_eq!(other.status, 200);
        // Signing out ends what was open before the crash too.
        browser.submit(&console, "/sign-out", &[]).await.unwrap();
        assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    }
}

#[tokio::test]
async fn a_sign_in_under_way_survives_a_restart() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let form = browser.visit(&stage.console("/")).await.unwrap();
    let Stage { world, gateway } = stage;
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let console = browser.sign_in_at(&form, "ada").await.unwrap();
    assert_eq!((console.status, console.url.as_str()), (200, &*stage.console("/")));
}

#[tokio::test]
async fn with_another_server_key_everybody_signs_in_anew() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    std::fs::remove_file(world.folder().join("state/server.key")).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 401);
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    browser.sign_in("ada").await.unwrap();
    assert_eq!(stage.outcomes("sign_in"), ["succeeded", "succeeded"]);
}

/// `sqlite3 panelgate.db ".backup …"` and a copy of the key, as docs/operations.md has it.
#[tokio::test]
async fn a_backup_that_was_made_while_it_ran_brings_everybody_back() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let (own, backup) = (stage.world.folder().join("state"), stage.world.folder().join("backup"));
    std::fs::create_dir(&backup).unwrap();
    let copy = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))";
    let files = [&own, &backup].map(|folder| folder.join("panelgate.db"));
    assert!(Command::new("python3").args(["-c", copy]).args(files).status().await.unwrap().success());
    std::fs::copy(own.join("server.key"), backup.join("server.key")).unwrap();
    let Stage { world, gateway } = stage;
    gateway.kill().await.unwrap();
    std::fs::remove_dir_all(&own).unwrap();
    std::fs::rename(&backup, &own).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    drop(stage);
}

/// A download that goes on for as long as it is read.
pub(crate) async fn download(stage: &Stage) -> hyper::body::Incoming {
    let (browser, console) = stage.signed_in("sam").await;
    let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
    let url = panel.resolve(&panel.attribute("link-download", "href").unwrap()).unwrap();
    let response = browser.stream(Ask::get(Errand::Page, url.as_str()).by(&panel)).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    body
}

#[tokio::test]
async fn a_download_may_end_while_the_gateway_stops() {
    for signal in ["TERM", "INT"] {
        let stage = Stage::new(Style::Ports).await;
        stage.world.server(2).switch(|switches| switches.download_bytes = 20_000_000);
        let body = download(&stage).await;
        let Stage { world, gateway } = stage;
        gateway.signal(signal).await.unwrap();
        gateway.wait_for_output("stopping").await.unwrap();
        // Nobody new is let in.
        let address = (world.gateway(), 443);
        let deadline = tokio::time::Instant::now() + crate::stage::PATIENCE;
        while TcpStream::connect(address).await.is_ok() {
            assert!(tokio::time::Instant::now() < deadline, "it still accepts");
        }
        let rest = body.collect().await.expect("the whole download").to_bytes();
        assert!(rest.len() > 19_000_000, "{}", rest.len());
        assert_eq!(gateway.ended().await.unwrap().code, Some(0));
    }
}

/// A handshake that is done is a promise: the request may be on its way already. Who says nothing is not waited for.
#[tokio::test]
async fn who_has_just_come_is_heard_while_the_gateway_stops() {
    let stage = Stage::with(Style::Ports, "[limits]\ndrain_seconds = 600\n").await;
    let mut late = Raw::connect(&stage, "connect.example.com", 443).await;
    let _silent = Raw::connect(&stage, "connect.example.com", 443).await;
    stage.gateway.signal("TERM").await.unwrap();
    stage.gateway.wait_for_output("stopping").await.unwrap();
    let address = (stage.world.gateway(), 443);
    until("it accepts nobody more", || std::net::TcpStream::connect(address).is_err()).await;
    let ask = "GET /signed-out HTTP/1.1\r\nHost: connect.example.com\r\n\r\n";
    let (status, answer) = late.exchange(ask).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(stage.gateway.ended().await.unwrap().code, Some(0));
}

#[tokio::test]
async fn a_download_that_does_not_end_is_cut_when_draining_has_taken_long_enough() {
    let stage = Stage::with(Style::Hosts, "[limits]\ndrain_seconds = 1\n").await;
    let body = download(&stage).await;
    let Stage { world, gateway } = stage;
    let ended = gateway.stop().await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    assert!(ended.output.contains("connections were still open at the end of draining"));
    assert!(body.collect().await.is_err(), "a part must not look like the whole");
    let events = crate::stage::events_in(&world.audit_file());
    assert_eq!(events.last().unwrap()["kind"], "gateway.stopped");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let stage = Stage::new(Style::Ports).await;
    let body = download(&stage).await;
    let Stage { world, gateway } = stage;
    gateway.signal("TERM").await.unwrap();
    gateway.wait_for_output("stopping").await.unwrap();
    gateway.signal("INT").await.unwrap();
    let ended = gateway.ended().await.unwrap();
    assert_eq!(ended.code, Some(3), "{}", ended.output);
    assert!(ended.output.contains("told to stop a second time"), "{}", ended.output);
    assert!(body.collect().await.is_err(), "a part must not look like the whole");
    // Nothing that was on record is lost, and nobody is signed out.
    let kinds = crate::stage::events_in(&world.audit_file());
    assert!(kinds.iter().any(|event| event["kind"] == "sign_in"));
}

#[tokio::test]
async fn signing_out_cuts_a_download() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("sam").await;
    let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
    let url = panel.resolve(&panel.attribute("link-download", "href").unwrap()).unwrap();
    let response = browser.stream(Ask::get(Errand::Page, url.as_str()).by(&panel)).await.unwrap();
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    let server = stage.world.server(2);
    assert!(response.into_body().collect().await.is_err());
    // The server is not left sending either.
    until("the download's connection to the server ends", || server.open_connections() == 0).await;
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes() {
    let stage = Stage::new(Style::Ports).await;
    stage.world.server(1).switch(|switches| {
        switches.trickle_lines = 1000;
        switches.trickle_interval = std::time::Duration::from_millis(100);
    });
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let url = panel.resolve("scripts/events.stream").unwrap();
    let response = browser.stream(Ask::get(Errand::Fetch, url.as_str()).by(&panel)).await.unwrap();
    let mut body = response.into_body();
    let mut heard = String::new();
    // The whole takes more than a minute and a half; the first events are there long before.
    while !heard.contains("event 3") {
        let frame = body.frame().await.unwrap().unwrap();
        heard.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap()));
    }
    assert!(!heard.contains("event 900"));
}

#[tokio::test]
async fn a_broken_configuration_is_refused_with_all_that_is_wrong() {
    let more = "[limits]\nconnections = 1\nopen_minutes = 3\n[session]\nidle_minutes = \"long\"\n";
    let world = World::start(Plan { more: more.into(), ..Plan::tls(Style::Ports) }).await.unwrap();
    let directory = world.folder().join("directory.toml");
    let text = std::fs::read_to_string(&directory).unwrap();
    std::fs::write(&directory, text.replace("whm-support\"]", "whm-support\"]\nconect = true")).unwrap();
    std::fs::remove_file(world.folder().join("web2-token")).unwrap();
    let ended = Gateway::run(serve(&world)).unwrap().ended().await.unwrap();
    assert_eq!(ended.code, Some(78));
    for named in ["connections", "open_minutes", "idle_minutes", "conect", "web2-token"] {
        assert!(ended.output.contains(named), "{named}:\n{}", ended.output);
    }
    assert!(!world.audit_file().exists(), "nothing was begun");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_to_be() {
    let stage = Stage::new(Style::Ports).await;
    let second = Gateway::run(serve(&stage.world)).unwrap().ended().await.unwrap();
    assert_eq!(second.code, Some(70));
    assert!(second.output.contains("cannot listen on"), "{}", second.output);
    stage.signed_in("ada").await;
}
