//! Being signed out by the provider, and by hand.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::provider::IdTokenFault;
use lab::provider::Patch;
use lab::world::Style;
use serde_json::Value;
use serde_json::json;
use tokio::process::Command;

use crate::raw::Raw;
use crate::stage::BINARY;
use crate::stage::Stage;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Posts a form to the back channel, as a provider's own machine does: status and answer.
async fn post(stage: &Stage, form: &str) -> (u16, String) {
    let mut raw = Raw::connect(stage, "connect.example.com", 443).await;
    let length = form.len();
    raw.exchange(&format!(
        "POST /backchannel-logout HTTP/1.1\r\nHost: connect.example.com\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    ))
    .await
}

async fn told(stage: &Stage, faults: &[IdTokenFault]) -> (u16, String) {
    let token = stage.world.provider.logout_token("ada", faults).unwrap();
    post(stage, &format!("logout_token={token}")).await
}

/// Has the back channel told with this logout token, which must be taken.
pub(crate) async fn told_with(stage: &Stage, token: &str) {
    let (status, answer) = post(stage, &format!("logout_token={token}")).await;
    assert_eq!(status, 200, "{answer}");
}

async fn lives(browser: &Browser, console: &Page) -> bool {
    browser.fetch(console, "/api/session").await.unwrap().status == 204
}

/// A download that goes on for as long as it is read.
async fn download(browser: &Browser, console: &Page) -> Incoming {
    let panel = browser.open(console, "web2", "cpaneld", "bob").await.unwrap();
    let url = panel.resolve(&panel.attribute("link-download", "href").unwrap()).unwrap();
    let response = browser.stream(Ask::get(Errand::Page, url.as_str()).by(&panel)).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body()
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let (other, elsewhere) = stage.signed_in("sam").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let (status, answer) = told(&stage, &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_ascii_lowercase().contains("cache-control: no-store"), "{answer}");
    assert!(!lives(&browser, &console).await);
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    assert!(lives(&other, &elsewhere).await, "a colleague stays");
    assert_eq!(stage.outcomes("session.ended"), ["succeeded backchannel_logout"]);
    let event = stage.events().into_iter().find(|event| event["kind"] == "session.ended").unwrap();
    assert_eq!(event["subject"]["sub"], "sub-of-ada");
    // A session that is over already is none to complain about.
    assert_eq!(told(&stage, &[]).await.0, 200);
}

#[tokio::test]
async fn oidcc_client_test_rp_backchannel_rpinitlogout_what_is_refused() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let wrong = |name: &str, value: Value| vec![IdTokenFault::wrong(name, value)];
    for (id, faults) in [
        ("alg-none", vec![IdTokenFault::Unsigned]),
        ("no-event", vec![IdTokenFault::missing("events")]),
        ("wrong-event", wrong("events", json!({ "http://schemas.openid.net/event/other": {} }))),
        ("with-nonce", wrong("nonce", json!("n"))),
        ("wrong-alg", vec![IdTokenFault::SignedWithEs256]),
        ("wrong-aud", wrong("aud", json!("somebody-else"))),
        ("wrong-iss", wrong("iss", json!("https://other.example"))),
        ("an event that is no object", wrong("events", json!({ EVENT: "yes" }))),
        ("a nonce that is null", wrong("nonce", json!(null))),
        ("neither sid nor sub", vec![IdTokenFault::missing("sid"), IdTokenFault::missing("sub")]),
        ("an empty sid", wrong("sid", json!(""))),
        ("no jti", vec![IdTokenFault::missing("jti")]),
        ("no iat", vec![IdTokenFault::missing("iat")]),
        ("no exp", vec![IdTokenFault::missing("exp")]),
        ("expired", vec![IdTokenFault::Moment("exp", -100)]),
        ("old", vec![IdTokenFault::Moment("iat", -700)]),
        ("of tomorrow", vec![IdTokenFault::Moment("iat", 100)]),
        ("a plain JWT", vec![IdTokenFault::Header(Patch::set("typ", "JWT"))]),
        ("no typ", vec![IdTokenFault::Header(Patch::remove("typ"))]),
        ("a claim twice", vec![IdTokenFault::Twice("sub", json!("x"))]),
        ("a broken signature", vec![IdTokenFault::BrokenSignature]),
        ("signed by somebody else", vec![IdTokenFault::ForeignKey]),
    ] {
        let (status, answer) = told(&stage, &faults).await;
        assert_eq!(status, 400, "{id}");
        assert!(answer.to_ascii_lowercase().contains("cache-control: no-store"), "{id}: {answer}");
        assert!(answer.contains("invalid_request"), "{id}: {answer}");
    }
    let good = stage.world.provider.logout_token("ada", &[]).unwrap();
    for form in ["", "token=x", "logout_token=", &format!("logout_token={good}&logout_token={good}")] {
        assert_eq!(post(&stage, form).await.0, 400, "{form}");
    }
    assert_eq!(post(&stage, &format!("logout_token={}", "x".repeat(100_000))).await.0, 400);
    assert!(lives(&browser, &console).await, "nothing of this signs anybody out");
}

#[tokio::test]
async fn a_logout_token_is_good_once() {
    let stage = Stage::new(Style::Ports).await;
    let (_, _) = stage.signed_in("ada").await;
    let by_sub = stage.world.provider.logout_token("ada", &[IdTokenFault::missing("sid")]).unwrap();
    assert_eq!(post(&stage, &format!("logout_token={by_sub}")).await.0, 200);
    let (browser, console) = stage.signed_in("ada").await;
    assert_eq!(post(&stage, &format!("logout_token={by_sub}")).await.0, 400);
    assert!(lives(&browser, &console).await);
}

#[tokio::test]
async fn without_a_sid_all_sessions_of_the_person_end_and_with_one_that_one() {
    let stage = Stage::new(Style::Ports).await;
    let (first, one) = stage.signed_in("ada").await;
    let (second, two) = stage.signed_in("ada").await;
    assert_eq!(told(&stage, &[IdTokenFault::missing("sub")]).await.0, 200);
    assert!(lives(&first, &one).await && !lives(&second, &two).await, "the newest is the one that is named");
    let (second, two) = stage.signed_in("ada").await;
    assert_eq!(told(&stage, &[IdTokenFault::missing("sid")]).await.0, 200);
    assert!(!lives(&first, &one).await && !lives(&second, &two).await);
}

#[tokio::test]
async fn an_older_provider_needs_a_switch() {
    let stage = Stage::new(Style::Ports).await;
    let old = [IdTokenFault::missing("exp"), IdTokenFault::Header(Patch::set("typ", "JWT"))];
    stage.signed_in("ada").await;
    assert_eq!(told(&stage, &old).await.0, 400);
    let path = stage.world.config();
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("client_id = ", "lenient_logout_tokens = true\nclient_id = ");
    std::fs::write(&path, text).unwrap();
    let Stage { world, gateway } = stage;
    gateway.stop().await.unwrap();
    let gateway = lab::gateway::Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let (browser, console) = stage.signed_in("ada").await;
    // It is still no door for anything else.
    assert_eq!(told(&stage, &[IdTokenFault::Header(Patch::set("typ", "at+jwt"))]).await.0, 400);
    assert_eq!(told(&stage, &old).await.0, 200);
    assert!(!lives(&browser, &console).await);
}

#[tokio::test]
async fn oidcc_client_test_rp_frontchannel_rpinitlogout() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let at_provider = Page::imagined(&format!("{}/logout", stage.world.issuer())).unwrap();
    let address = |iss: &str, sid: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("iss", iss)
            .append_pair("sid", sid)
            .finish();
        stage.console(&format!("/frontchannel-logout?{query}"))
    };
    let sid = stage.world.provider.sid_of("ada").unwrap();
    for (iss, sid, status) in [("https://other.example", sid.as_str(), 400), (stage.world.issuer(), "another", 200)] {
        let answer = browser.ask(Ask::get(Errand::Frame, &address(iss, sid)).by(&at_provider)).await;
        assert!(answer.is_err() || answer.unwrap().status == status, "{iss} {sid}");
        assert!(lives(&browser, &console).await);
    }
    let page = browser.frame(&at_provider, &address(stage.world.issuer(), &sid)).await.unwrap();
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control").as_deref(), Some("no-store"));
    let issuer = url::Url::parse(stage.world.issuer()).unwrap().origin().ascii_serialization();
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.ends_with(&format!("frame-ancestors {issuer}")), "{policy}");
    assert!(!lives(&browser, &console).await);
    assert_eq!(stage.outcomes("session.ended"), ["succeeded frontchannel_logout"]);
}

#[tokio::test]
async fn oidcc_client_test_rp_init_logout_other_state_and_no_state() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let page = browser.submit(&console, "/sign-out", &[]).await.unwrap();
    assert_eq!((page.status, page.url.path()), (200, "/signed-out"));
    for address in ["/signed-out?state=another", "/signed-out"] {
        assert_eq!(browser.visit(&stage.console(address)).await.unwrap().status, 200, "{address}");
    }
}

#[tokio::test]
async fn a_cookie_that_was_stolen_is_worth_nothing_after_sign_out() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let thief = stage.browser();
    thief.steal_cookies(&browser);
    assert!(lives(&thief, &console).await);
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    assert!(!lives(&thief, &console).await);
    assert_eq!(thief.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    assert_eq!(thief.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap().status, 401);
}

#[tokio::test]
async fn a_cookie_is_as_small_whatever_the_groups() {
    let stage = Stage::new(Style::Ports).await;
    stage.world.provider.change_users(|users| {
        users[0].groups = (0..300).map(|n| format!("group-with-a-long-name-{n}")).collect();
        users[0].groups.push("whm-admins".into());
    });
    let (browser, console) = stage.signed_in("ada").await;
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    for cookie in browser.cookies().iter().filter(|cookie| cookie.name.contains("panelgate")) {
        assert_eq!(cookie.value.len(), 43, "{}", cookie.name);
    }
}

/// Runs `panelgate sessions …`: exit code, output, messages.
async fn sessions(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(BINARY);
    command.arg("sessions").args(arguments).arg("--config").arg(stage.world.config()).env("SUDO_USER", "opal");
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn listed(stage: &Stage) -> Vec<Value> {
    let (code, out, err) = sessions(stage, &["list", "--format", "json"]).await;
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str::<Vec<Value>>(&out).unwrap()
}

#[tokio::test]
async fn an_operator_sees_who_is_signed_in_and_ends_it() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, at_ada) = stage.signed_in("ada").await;
    let (sam, at_sam) = stage.signed_in("sam").await;
    ada.open(&at_ada, "web1", "whostmgrd", "root").await.unwrap();
    let body = download(&sam, &at_sam).await;

    let roll = listed(&stage).await;
    assert_eq!(roll.len(), 2);
    assert_eq!((&roll[0]["name"], &roll[0]["email"]), (&json!("Ada Admin"), &json!("ada@example.com")));
    assert_eq!(roll[0]["open"], json!(["web1/whostmgrd/root"]));
    assert_eq!(roll[1]["open"], json!(["web2/cpaneld/bob"]));
    let (code, table, _) = sessions(&stage, &["list"]).await;
    assert!(
        code == Some(0) && table.starts_with("SESSION") && table.contains("Ada Admin <ada@example.com>"),
        "{table}"
    );
    let (_, csv, _) = sessions(&stage, &["list", "--format", "csv"]).await;
    assert!(csv.starts_with("session,name,email,iss,sub,client,since,until,open\n"), "{csv}");

    let began = tokio::time::Instant::now();
    let (code, out, err) = sessions(&stage, &["end", "--person", "sam@example.com"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "ended 1 sessions\n"), "{err}");
    assert!(body.collect().await.is_err(), "what runs under it is cut");
    assert!(began.elapsed() < std::time::Duration::from_secs(20));
    assert!(lives(&ada, &at_ada).await && !lives(&sam, &at_sam).await);
    let event = stage.events().into_iter().find(|event| event["kind"] == "session.ended").unwrap();
    assert_eq!((&event["by"], &event["reason"]), (&json!("opal on the command line"), &json!("ended_by_operator")));
    assert_eq!(event["subject"]["sub"], "sub-of-sam");

    let tag = listed(&stage).await[0]["session"].as_str().unwrap().to_owned();
    assert_eq!(sessions(&stage, &["end", "--session", &tag]).await.0, Some(0));
    assert!(!lives(&ada, &at_ada).await);
    assert_eq!(sessions(&stage, &["end", "--session", &tag]).await.0, Some(1));
    assert_eq!(sessions(&stage, &["end", "--person", "nobody"]).await.0, Some(1));
    assert_eq!(sessions(&stage, &["end"]).await.0, Some(64));
    assert_eq!(sessions(&stage, &["end", "--all", "--person", "x"]).await.0, Some(64));
}

#[tokio::test]
async fn an_operator_closes_a_server_or_ends_everything() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let one = ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let two = ada.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    assert_eq!(sessions(&stage, &["end", "--server", "web1"]).await.0, Some(0));
    assert_eq!(ada.fetch(&one, one.url.as_str()).await.unwrap().status, 401);
    assert_eq!(ada.fetch(&two, two.url.as_str()).await.unwrap().status, 200);
    assert!(lives(&ada, &console).await);
    assert_eq!(stage.outcomes("server.closed"), ["succeeded ended_by_operator"]);
    assert_eq!(ada.open(&console, "web1", "whostmgrd", "root").await.unwrap().status, 200);
    let (other, elsewhere) = stage.signed_in("sam").await;
    assert_eq!(sessions(&stage, &["end", "--all"]).await.0, Some(0));
    assert!(!lives(&ada, &console).await && !lives(&other, &elsewhere).await);
    assert!(listed(&stage).await.is_empty());
}
