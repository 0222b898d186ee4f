//! The watch over the fleet: what is wrong with a server is seen before people meet it.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use lab::cpsrvd::ApiToken;
use lab::cpsrvd::Certificate;
use lab::cpsrvd::CookieIpValidation;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::cpsrvd::Switches;
use lab::cpsrvd::VersionShape;
use lab::gateway::Gateway;
use lab::pki;
use lab::postgres::Postgres;
use lab::world::World;
use panelgate::model::Clock as _;
use panelgate::model::SystemClock;
use tokio::time::Instant;

use super::Said;
use super::fill;
use super::panelgate;
use super::world;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::operations;
use crate::stage::problem;
use crate::stage::until;

/// A day between two looks, so that a test sees those that it asks for; and a table without advisories, since the
/// double says that it is 11.134.0.44.
const WATCH: &str = "[fleet]\nwatch_minutes = 1440\nadvisories = \"advisories.json\"\naddresses = [\"127.0.0.1\"]\n";

/// How a switch is turned.
type Turn = fn(&mut Switches);

async fn watched() -> World {
    let world = world(WATCH).await;
    fs::write(world.folder().join("advisories.json"), "[]").unwrap();
    fill(&world).await;
    world
}

async fn serve(world: World) -> Stage {
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    Stage { world, gateway }
}

/// Waits until the metrics of a gateway are as they should be.
async fn until_metrics(address: SocketAddr, what: &str, holds: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, text) = operations(address, "/metrics", "*/*").await.unwrap();
        if holds(&text) {
            return text;
        }
        assert!(Instant::now() < deadline, "never {what}: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn seen(server: &str) -> String {
    format!("panelgate_server_seen_seconds{{server=\"{server}\"}}")
}

fn trouble(server: &str, code: &str) -> String {
    format!("panelgate_server_trouble{{server=\"{server}\",trouble=\"{code}\"}} 1")
}

fn looks(server: &Cpsrvd) -> usize {
    server.requests().iter().filter(|request| request.path() == "/json-api/version").count()
}

async fn look(world: &World) -> Said {
    panelgate(world, &["servers", "look", "web1"], b"").await
}

/// Puts a token of web1's into its vault.
async fn hand_over(world: &World, token: &ApiToken) {
    world.server(1).add_token(token.clone());
    let secret = format!("{}\n", token.secret);
    panelgate(world, &["vault", "set", "web1", "--token-name", &token.name], secret.as_bytes()).await.done();
}

#[tokio::test]
async fn each_trouble_is_said_while_it_is_there_and_no_longer() {
    let world = watched().await;
    let server = world.server(1);
    assert_eq!(look(&world).await.done().out, "web1: nothing is wrong (cPanel & WHM 11.134.0.44)\n");
    let switched: [(&str, Turn); 5] = [
        ("off: xframecpsrvd", |switches| switches.x_frame = false),
        ("off: cookieipvalidation", |switches| switches.cookie_ip_validation = CookieIpValidation::Disabled),
        ("a security policy answers instead of its API", |switches| switches.api_security_policy = true),
        ("its certificate ends 20", |switches| switches.certificate = Certificate::Expired),
        ("nothing is wrong", |switches| switches.version_shape = VersionShape::Legacy),
    ];
    for (words, harm) in switched {
        server.switch(harm);
        let said = look(&world).await;
        assert!(said.out.starts_with(&format!("web1: {words}")), "{words}: {}{}", said.out, said.err);
        assert_eq!(said.code, i32::from(words != "nothing is wrong"));
        server.switch(|switches| *switches = Switches::default());
        assert!(look(&world).await.done().out.starts_with("web1: nothing is wrong"));
    }
    // Referrer checks are off on a server that is freshly installed; wrong is to switch them off.
    server.switch(|switches| switches.referrer_safety = true);
    look(&world).await.done();
    server.switch(|switches| switches.referrer_safety = false);
    assert!(look(&world).await.out.contains("off: referrersafety"));
    // An operator who means it says so.
    panelgate(&world, &["servers", "accept", "web1"], b"").await.done();
    look(&world).await.done();
    server.refuse_connections().await;
    assert!(look(&world).await.out.contains("web1: it does not answer"));
    server.accept_connections().await.unwrap();
    look(&world).await.done();
    server.faults().inject("/json-api/version", 1, Fault::ServerError);
    assert!(look(&world).await.out.contains("web1: its API fails"));
    look(&world).await.done();
    fs::write(
        world.folder().join("advisories.json"),
        r#"[{"id":"CVE-2026-0","says":"x","source":"y","affected":[["11.134","11.134.0.45"]]}]"#,
    )
    .unwrap();
    assert!(look(&world).await.out.contains("web1: its version has CVE-2026-0"));
    fs::write(world.folder().join("advisories.json"), "{}").unwrap();
    let said = look(&world).await;
    assert!(said.err.contains("[fleet] advisories") && said.code == 70, "{}", said.err);
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told_apart() {
    let world = watched().await;
    let token = |name: &str| ApiToken { whitelist_ips: vec!["127.0.0.1".into()], ..ApiToken::new("root", name) };
    let acls = |acls: &[&str]| Some(acls.iter().map(ToString::to_string).collect());
    let now = SystemClock.now().secs();
    let ends = ApiToken { expires_at: Some(now + 3 * 24 * 3600), ..token("ends") };
    // The double sees the test, and every gateway, as 127.0.0.1.
    let main = world.config();
    let text = fs::read_to_string(&main).unwrap();
    for (token, words) in [
        (ends, "its API token ends 20"),
        (ApiToken { acls: acls(&["list-accts"]), ..token("weak") }, "its API token lacks create-user-session"),
        (ApiToken { whitelist_ips: vec!["192.0.2.1".into()], ..token("elsewhere") }, "it refuses the API token"),
        (ApiToken { expires_at: Some(1), ..token("expired") }, "it refuses the API token"),
    ] {
        hand_over(&world, &token).await;
        let said = look(&world).await;
        assert!(said.out.starts_with(&format!("web1: {words}")), "{words}: {}{}", said.out, said.err);
    }
    hand_over(&world, &token("good")).await;
    assert!(look(&world).await.done().out.starts_with("web1: nothing is wrong"));
    // Another gateway's address is missing at the server.
    fs::write(&main, text.replace("[\"127.0.0.1\"]\n", "[\"127.0.0.1\", \"192.0.2.7\"]\n")).unwrap();
    let said = look(&world).await;
    assert!(said.out.contains("the allow-list of its API token misses 192.0.2.7"), "{}", said.out);
    fs::write(&main, text).unwrap();
    // Somebody takes privileges from the token in WHM, under its name.
    assert!(world.server(1).revoke_token("root", "good"));
    let good = world.server(1).tokens_of("root").iter().any(|token| token.name == "good");
    assert!(!good);
    assert!(look(&world).await.out.contains("it refuses the API token"));
    let lesser = ApiToken { acls: acls(&["create-user-session", "list-accts"]), ..token("lesser") };
    hand_over(&world, &token("whole")).await;
    look(&world).await.done();
    let secret = world.server(1).tokens_of("root").into_iter().find(|token| token.name == "whole").unwrap().secret;
    assert!(world.server(1).revoke_token("root", "whole"));
    assert!(world.server(1).add_token(ApiToken { secret, ..lesser }));
    let said = look(&world).await;
    assert!(said.out.contains("its API token lost basic-system-info manage-api-tokens"), "{}", said.out);
    panelgate(&world, &["servers", "accept", "web1"], b"").await.done();
}

#[tokio::test]
async fn what_is_wrong_stands_beside_the_server_in_metrics_and_on_record() {
    let world = watched().await;
    world.server(1).switch(|switches| switches.x_frame = false);
    world.server(2).revoke_token("root", "panelgate");
    world.server(3).rotate_identity(pki::self_signed(&["web3.hosting.example"]).unwrap());
    let stage = serve(world).await;
    let wanted =
        [trouble("web1", "setting_off"), trouble("web2", "token_refused"), trouble("web3", "certificate_changed")];
    let all = |text: &str| wanted.iter().all(|wanted| text.contains(wanted));
    let text = until_metrics(stage.world.operations(), "all troubles", all).await;
    for metric in [
        &*format!("{} 1", seen("web3")),
        "panelgate_server_load{server=\"web1\"} 0.42",
        "panelgate_server_certificate_expiry_seconds{server=\"web1\"} ",
    ] {
        assert!(text.contains(metric), "{metric}: {text}");
    }
    // Nothing was sent to the stranger in web3's place.
    assert!(stage.world.server(3).requests().is_empty());
    let (browser, console) = stage.signed_in("ada").await;
    for words in ["check settings", "API token fails", "certificate changed"] {
        assert!(console.text().contains(&format!(">{words}</span>")), "{words}: {}", console.text());
    }
    until("all three are on record", || stage.outcomes("server.condition").len() == 3).await;
    assert_eq!(stage.outcomes("server.condition"), ["failed troubled"; 3]);
    let listed = panelgate(&stage.world, &["servers", "list"], b"").await;
    assert_eq!(listed.code, 1, "{}", listed.err);
    for text in ["11.134.0.44", "0.42", "off: xframecpsrvd", "its certificate is not trusted (key sha256/"] {
        assert!(listed.out.contains(text), "{text}: {}", listed.out);
    }
    let json = panelgate(&stage.world, &["servers", "list", "--format", "json"], b"").await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json[1]["troubles"], serde_json::json!(["token_refused"]));
    let csv = panelgate(&stage.world, &["servers", "list", "--format", "csv"], b"").await.out;
    assert!(
        csv.starts_with("server,version,load,certificate_ends,token_ends,seen,wrong\nweb1,11.134.0.44,0.42,"),
        "{csv}"
    );
    // What a command finds, every gateway shows, and open consoles are told that their list is another.
    stage.world.server(1).switch(|switches| switches.x_frame = true);
    look(&stage.world).await.done();
    let gone = |text: &str| !text.contains("setting_off") && text.contains(&wanted[1]);
    until_metrics(stage.world.operations(), "web1 is well", gone).await;
    assert!(!browser.fetch(&console, "/list").await.unwrap().text().contains("check settings"));
    until("that is on record too", || stage.outcomes("server.condition").len() == 4).await;
    assert_eq!(stage.outcomes("server.condition")[3], "succeeded well");
    // A look that finds the same again is no event.
    look(&stage.world).await.done();
    let ended = stage.gateway.stop().await.unwrap();
    let text = fs::read_to_string(stage.world.audit_file()).unwrap();
    assert_eq!(text.matches("server.condition").count(), 4);
    for secret in stage.world.secrets().iter().filter(|secret| !secret.is_empty()) {
        for place in [&ended.output, &text, &listed.out, &listed.err] {
            assert!(!place.contains(secret.as_str()));
        }
    }
}

#[tokio::test]
async fn of_several_gateways_one_looks_at_a_server_and_one_that_starts_again_asks_nobody() {
    let database = Postgres::start().await.unwrap();
    let store =
        "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n[fleet]\nwatch_minutes = 1440\n";
    let world = world(store).await;
    fs::write(world.folder().join("database"), database.url("panelgate")).unwrap();
    fs::write(world.folder().join("server-key"), "ZGV2ZWxvcG1lbnQtc2VydmVyLWtleS0wMTIzNDU2Nzg=\n").unwrap();
    fill(&world).await;
    let (one, two) = (world.replica("one").unwrap(), world.replica("two").unwrap());
    let (first, second) =
        tokio::join!(Gateway::spawn_replica(BINARY, &world, &one), Gateway::spawn_replica(BINARY, &world, &two));
    let (_first, second) = (first.unwrap(), second.unwrap());
    let all = |text: &str| ["web1", "web2", "web3"].iter().all(|server| text.contains(&seen(server)));
    until_metrics(one.operations(), "all are seen", all).await;
    until_metrics(two.operations(), "all are seen", all).await;
    assert_eq!(second.stop().await.unwrap().code, Some(0));
    let _second = Gateway::spawn_replica(BINARY, &world, &two).await.unwrap();
    until_metrics(two.operations(), "all are known", all).await;
    assert_eq!(world.servers.iter().map(looks).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn a_server_that_hangs_delays_no_other() {
    let world = world(&format!("[limits]\nlook_seconds = 6\n{WATCH}")).await;
    fs::write(world.folder().join("advisories.json"), "[]").unwrap();
    fill(&world).await;
    world.server(1).faults().inject("/json-api/version", 1, Fault::Stall(Duration::from_hours(1)));
    let stage = serve(world).await;
    let others = |text: &str| text.contains(&seen("web2")) && text.contains(&seen("web3"));
    let text = until_metrics(stage.world.operations(), "the others are seen", others).await;
    assert!(!text.contains(&seen("web1")), "the look at web1 goes on");
    assert_eq!(looks(stage.world.server(1)), 1);
    // In the end it is given up.
    let given_up = |text: &str| text.contains(&trouble("web1", "unreachable"));
    until_metrics(stage.world.operations(), "web1 is given up", given_up).await;
}

#[tokio::test]
async fn a_server_with_another_key_is_closed_until_an_operator_accepts_it() {
    let stage = serve(watched().await).await;
    let server = stage.world.server(1);
    let (browser, console) = stage.signed_in("ada").await;
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let directory = stage.world.folder().join("directory.toml");
    let (before, old) = (fs::read_to_string(&directory).unwrap(), server.spki_sha256());
    server.rotate_identity(pki::self_signed(&[server.hostname()]).unwrap());
    server.forget();
    let new = server.spki_sha256();
    let said = look(&stage.world).await;
    assert!(said.out.contains(&format!("its certificate is not trusted (key sha256/{new})")), "{}", said.out);
    let changed = |text: &str| text.contains(&trouble("web1", "certificate_changed"));
    until_metrics(stage.world.operations(), "the change is seen", changed).await;
    let (other, console) = stage.signed_in("ada").await;
    assert!(console.text().contains("certificate changed"), "{}", console.text());
    let answer = other.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (502, "certificate_pin_mismatch"));
    assert!(server.requests().is_empty(), "nothing was sent to the stranger");
    // Whoever does not say yes, or expects another key, changes nothing.
    for (arguments, input, words, code) in [
        (vec!["servers", "accept", "web1"], "no\n", "nothing was changed", 1),
        (vec!["servers", "accept", "web1"], "", "nothing was changed", 1),
        (vec!["servers", "accept", "web1", "--pin", &*format!("sha256/{old}")], "", "the server's key has the pin", 70),
        (vec!["servers", "accept", "web2", "--pin", &*format!("sha256/{old}")], "", "web2 is not pinned", 70),
        (vec!["servers", "accept", "web9"], "", "the directory has no server \"web9\"", 70),
    ] {
        let said = panelgate(&stage.world, &arguments, input.as_bytes()).await;
        assert!(said.err.contains(words) && said.code == code, "{words}: {}{}", said.out, said.err);
        assert_eq!(fs::read_to_string(&directory).unwrap(), before);
    }
    let said = panelgate(&stage.world, &["servers", "accept", "web1"], b"yes\n").await.done();
    for words in ["web1.hosting.example shows this certificate", &*format!("pin          sha256/{new}")] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert!(said.out.contains(&format!("web1 is trusted with the key sha256/{new} alone")), "{}", said.out);
    assert_eq!(fs::read_to_string(&directory).unwrap(), before.replace(&old, &new));
    stage.gateway.wait_for_output("the directory was read again").await.unwrap();
    other.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let well = |text: &str| text.contains(&seen("web1")) && !changed(text);
    until_metrics(stage.world.operations(), "nothing is wrong", well).await;
    until("it is on record", || stage.outcomes("server.condition").contains(&"begun accepted".to_owned())).await;
    let accepted = stage.events().into_iter().find(|event| event["reason"] == "accepted").unwrap();
    assert!(accepted["detail"].as_str().unwrap().contains(&old) && accepted["by"].is_string(), "{accepted}");
}
