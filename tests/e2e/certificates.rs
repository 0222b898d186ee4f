//! Alone on the internet: which certificate is shown for which name, other ones without a restart, what a TLS
//! scanner says, and the way from plain HTTP.

use std::io;
use std::path::Path;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use lab::browser::Http;
use lab::browser::trusting;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::raw::Raw;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::in_both_styles;

const CONSOLE: &str = "connect.example.com";

/// The certificate that is shown for a name; nothing if there is no handshake.
async fn shown(world: &World, name: &str) -> Option<Vec<u8>> {
    let stream = shake_hands(world, name).await.ok()?;
    let (_, session) = stream.get_ref();
    Some(session.peer_certificates()?.first()?.to_vec())
}

async fn shake_hands(world: &World, name: &str) -> io::Result<TlsStream<TcpStream>> {
    let tls = TlsConnector::from(Arc::new(trusting(world, Http::Two).unwrap()));
    let tcp = TcpStream::connect((world.gateway(), 443)).await.unwrap();
    tls.connect(ServerName::try_from(name.to_owned()).unwrap(), tcp).await
}

async fn until_shown(stage: &Stage, other_than: &[u8]) {
    let deadline = Instant::now() + PATIENCE;
    while shown(&stage.world, CONSOLE).await.unwrap() == other_than {
        assert!(Instant::now() < deadline, "the new certificate is never shown");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// The part `certificates` of the readiness: whether it is well. People are to be sent here in any case.
async fn well(stage: &Stage) -> bool {
    let (status, json) = stage.operations("/readyz", "application/json").await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status, 200, "{json}");
    let part = json["checks"].as_array().unwrap().iter().find(|part| part["name"] == "certificates").unwrap();
    part["ok"].as_bool().unwrap()
}

async fn until_well(stage: &Stage, expected: bool) {
    let deadline = Instant::now() + PATIENCE;
    while well(stage).await != expected {
        assert!(Instant::now() < deadline, "the certificates are never {expected}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_nobody_is_dropped() {
    let stage = Stage::new(Style::Ports).await;
    stage.ready().await;
    let mut raw = Raw::connect(&stage, CONSOLE, 443).await;
    let ask = format!("GET /signed-out HTTP/1.1\r\nHost: {CONSOLE}\r\n\r\n");
    assert_eq!(raw.exchange(&ask).await.0, 200);
    stage.world.server(2).switch(|switches| switches.download_bytes = 20_000_000);
    let body = crate::life::download(&stage).await;
    let old = shown(&stage.world, CONSOLE).await.unwrap();

    let renewed = stage.world.authority.issue(&[CONSOLE, "*.connect.example.com"]).unwrap();
    // One file after the other, as every tool does it.
    write(stage.world.folder(), "gateway.pem", &renewed.certificate);
    write(stage.world.folder(), "gateway.key", &renewed.key);
    until_shown(&stage, &old).await;
    until_well(&stage, true).await;
    assert_eq!(raw.exchange(&ask).await.0, 200, "a connection goes on");
    assert!(body.collect().await.unwrap().to_bytes().len() > 19_000_000, "and so does a download");
    let metrics = stage.operations("/metrics", "*/*").await.1;
    assert!(metrics.contains("panelgate_certificate_reloads_total{outcome=\"succeeded\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_broken_certificate_leaves_the_old_one_in_force_and_is_told_loudly() {
    let stage = Stage::new(Style::Ports).await;
    stage.ready().await;
    let old = shown(&stage.world, CONSOLE).await.unwrap();
    let folder = stage.world.folder();
    let good = std::fs::read_to_string(folder.join("gateway.pem")).unwrap();
    let stranger = stage.world.authority.issue(&[CONSOLE]).unwrap().certificate;
    for broken in ["", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", &stranger] {
        write(folder, "gateway.pem", broken);
        until_well(&stage, false).await;
        assert_eq!(shown(&stage.world, CONSOLE).await.unwrap(), old);
        let metrics = stage.operations("/metrics", "*/*").await.1;
        assert!(metrics.contains("panelgate_check_ok{check=\"certificates\"} 0"), "{metrics}");
        assert!(metrics.contains("panelgate_certificate_reloads_total{outcome=\"failed\"}"), "{metrics}");
        stage.gateway.wait_for_output("the certificates were refused; the old ones stay in force").await.unwrap();
        // Access can be taken away all the same.
        let directory = folder.join("directory.toml");
        let text = std::fs::read_to_string(&directory).unwrap();
        std::fs::write(&directory, format!("{text}\n# again\n")).unwrap();
        write(folder, "gateway.pem", &good);
        stage.gateway.signal("HUP").await.unwrap();
        until_well(&stage, true).await;
    }
    let (_, ready) = stage.operations("/readyz", "*/*").await;
    assert_eq!(ready, "ready\n");
}

#[tokio::test]
async fn the_name_that_is_asked_for_chooses_the_certificate() {
    let world = World::start(Plan::tls(Style::Hosts)).await.unwrap();
    let mut pairs = Vec::new();
    for (place, names) in
        [vec![CONSOLE], vec!["*.web1.connect.example.com"], vec!["*.web2.connect.example.com"]].iter().enumerate()
    {
        let identity = world.authority.issue(names).unwrap();
        write(world.folder(), &format!("{place}.pem"), &identity.certificate);
        write(world.folder(), &format!("{place}.key"), &identity.key);
        pairs.push(format!("{{ chain = \"{place}.pem\", key = \"{place}.key\" }}"));
    }
    let text = std::fs::read_to_string(world.config()).unwrap();
    let (before, _) = text.split_once("[tls]").unwrap();
    std::fs::write(world.config(), format!("{before}[tls]\ncertificates = [{}]\n", pairs.join(", "))).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let (console, one) = (shown(&world, CONSOLE).await.unwrap(), shown(&world, "whm.web1.connect.example.com").await);
    assert!(one.as_ref().is_some_and(|one| *one != console));
    assert_eq!(shown(&world, "Webmail.WEB1.connect.example.com").await, one);
    assert!(shown(&world, "cpanel.web2.connect.example.com").await.is_some_and(|two| Some(two) != one));
    for nobody in ["whm.web3.connect.example.com", "web1.connect.example.com", "evil.example", "127.0.0.1"] {
        // The browser is told why, and not left with a connection that breaks.
        let refusal = shake_hands(&world, nobody).await.unwrap_err().to_string();
        assert!(refusal.contains("fatal alert"), "{nobody}: {refusal}");
    }
    // That web3 has none is said at the start.
    gateway.wait_for_output("no certificate is valid for").await.unwrap();
}

/// Every cipher that `sslscan` finds is one that RFC 9325 section 4.2 recommends or one of TLS 1.3.
#[tokio::test]
async fn a_scanner_finds_nothing_to_complain_about() {
    let stage = Stage::new(Style::Ports).await;
    for port in [443, 2087] {
        let output = Command::new("sslscan")
            .args(["--no-colour", "--xml=-", &format!("--sni-name={CONSOLE}")])
            .arg(format!("{}:{port}", stage.world.gateway()))
            .output()
            .await
            .unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        for (kind, version, enabled) in [
            ("ssl", "2", 0),
            ("ssl", "3", 0),
            ("tls", "1.0", 0),
            ("tls", "1.1", 0),
            ("tls", "1.2", 1),
            ("tls", "1.3", 1),
        ] {
            let line = format!("<protocol type=\"{kind}\" version=\"{version}\" enabled=\"{enabled}\"");
            assert!(found.contains(&line), "{line}\n{found}");
        }
        let ciphers: Vec<&str> = found.lines().filter(|line| line.contains("<cipher ")).collect();
        assert!(ciphers.len() >= 5, "{found}");
        for cipher in ciphers {
            let is_fit = (cipher.contains("\"TLSv1.3\"") || cipher.contains("\"ECDHE-"))
                && ["GCM", "CHACHA20"].iter().any(|mode| cipher.contains(mode))
                && !cipher.contains("strength=\"weak\"");
            assert!(is_fit, "{cipher}");
        }
        assert!(!found.contains("vulnerable=\"1\""), "{found}");
        assert!(!found.contains("<compression supported=\"1\""), "{found}");
        assert!(!found.contains("<renegotiation supported=\"1\" secure=\"0\""), "{found}");
    }
}

in_both_styles! {
    async fn plain_http_leads_to_https_of_our_own_names_and_nowhere_else(style: Style) {
        let world = World::start(Plan::tls(style)).await.unwrap();
        let text = std::fs::read_to_string(world.config()).unwrap();
        std::fs::write(world.config(), text.replace("[listen]\n", "[listen]\nredirect_port = 80\n")).unwrap();
        let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
        let stage = Stage { world, gateway };
        let panel = match style {
            Style::Ports => ("web1.connect.example.com", "https://connect.example.com/"),
            Style::Hosts => ("whm.web1.connect.example.com", "https://whm.web1.connect.example.com/"),
        };
        for (target, host, status, location) in [
            ("/", CONSOLE, 308, "https://connect.example.com/"),
            ("/access?from=mail", "CONNECT.example.com", 308, "https://connect.example.com/access?from=mail"),
            ("/", "connect.example.com:80", 308, "https://connect.example.com/"),
            ("/", panel.0, 308, panel.1),
            ("//evil.example/", CONSOLE, 308, "https://connect.example.com"),
            ("/\\evil.example", CONSOLE, 308, "https://connect.example.com/"),
            ("http://evil.example/", CONSOLE, 308, "https://connect.example.com/"),
            ("/", "evil.example", 421, ""),
            ("/", "evil.connect.example.com", 421, ""),
            ("/", "connect.example.com.evil.example", 421, ""),
            ("/", "connect.example.com@evil.example", 421, ""),
            ("/", "", 421, ""),
        ] {
            let answer = plain(&stage, &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {host}: {answer}");
            let found = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
            assert!(found == location || (target.starts_with("//") && found.starts_with("https://connect.example.com/")), "{target} {host}: {answer}");
            assert!(!answer.contains("set-cookie"), "{answer}");
        }
        let post = format!("POST /sign-out HTTP/1.1\r\nHost: {CONSOLE}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert!(plain(&stage, &post).await.starts_with("HTTP/1.1 405 "));
        let two = format!("GET / HTTP/1.1\r\nHost: {CONSOLE}\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        assert!(plain(&stage, &two).await.starts_with("HTTP/1.1 400 "));
        stage.signed_in("ada").await;
    }
}

async fn plain(stage: &Stage, bytes: &str) -> String {
    let mut stream = TcpStream::connect((stage.world.gateway(), 80)).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
