//! First contact: what a probe says of the double, as it is and with its switches turned, and what it leaves behind.

use std::time::Duration;

use lab::cpsrvd::AccountLoginAccess;
use lab::cpsrvd::CookieIpValidation;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::cpsrvd::LoginAnswer;
use lab::cpsrvd::ReferrerRefusal;
use lab::cpsrvd::SpentLoginUrl;
use lab::cpsrvd::Switches;
use lab::cpsrvd::VersionShape;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use panelgate::panel::INFERENCES;
use serde_json::Value;
use tokio::process::Command;

use super::Said;
use super::panelgate;
use crate::stage::BINARY;
use crate::stage::until;

/// What no probe sees of the double in its default position.
const UNSEEN: [&str; 9] =
    ["referrer_refusal", "idle", "other_address", "forwarded", "hops", "terminal", "tools", "http2", "suspended"];

type Turn = fn(&mut Switches);

/// A turned switch, what then differs, and what the report says the double has to be turned to.
const TURNED: [(Turn, &[&str], &str); 28] = [
    (|s| s.version_shape = VersionShape::Legacy, &["version_shape"], "version_shape = Legacy"),
    (|s| s.typographic_failures = false, &["unknown_account"], "typographic_failures = false"),
    (|s| s.session_call_by_post = false, &["session_by_post"], "session_call_by_post = false"),
    (|s| s.honour_security_token = false, &["chosen_token"], "honour_security_token = false"),
    (|s| s.login_answer = LoginAnswer::SeeOther, &["login_status"], "login_answer = SeeOther"),
    (|s| s.login_answer = LoginAnswer::MetaRefresh, &["login_status"], "login_answer = MetaRefresh"),
    (|s| s.absolute_redirects = true, &["login_location"], "absolute_redirects = true"),
    (|s| s.same_site_lax = true, &["cookie_attributes"], "same_site_lax = true"),
    (|s| s.clearing_cookies = false, &["clearing_cookies"], "clearing_cookies = false"),
    (|s| s.spent_login_url = SpentLoginUrl::LoginPage, &["spent_login"], "spent_login_url = LoginPage"),
    (|s| s.x_frame = false, &["framing_headers"], "x_frame = false"),
    (|s| s.security_questions = true, &["questions"], "security_questions = true"),
    // Without the token in the path, nothing that is said about it holds.
    (
        |s| s.require_security_token = false,
        &["token_required", "root_with_cookie", "wrong_token"],
        "require_security_token = false",
    ),
    (|s| s.redirect_to_security_token = false, &["root_with_cookie"], "redirect_to_security_token = false"),
    (|s| s.wrong_token_limit = Some(1), &["wrong_token_once"], "wrong_token_limit = Some(1)"),
    (|s| s.json_for_dead_api_session = false, &["dead_api_session"], "json_for_dead_api_session = false"),
    (|s| s.login_page_at_root = false, &["root_without_cookie"], "login_page_at_root = false"),
    (|s| s.cookies_byte_for_byte = false, &["cookie_bytes"], "cookies_byte_for_byte = false"),
    (|s| s.tokens_open_pages = true, &["token_on_page"], "tokens_open_pages = true"),
    (|s| s.canonical_host = true, &["host_name"], "canonical_host = true"),
    (|s| s.server_header = Some("cpsrvd".to_owned()), &["server_header"], "server_header = Some(\"cpsrvd\")"),
    (|s| s.keep_alive = false, &["keeps"], "keep_alive = false"),
    (|s| s.captured_spelling = false, &["reasons"], "captured_spelling = false"),
    (|s| s.cookie_ip_validation = CookieIpValidation::Loose, &["cookie_ip"], "cookie_ip_validation = loose"),
    (
        |s| {
            s.referrer_safety = true;
            s.referrer_refusal = ReferrerRefusal::Forbidden;
        },
        &["referrer_checks", "referrer_refusal"],
        "referrer_refusal = Forbidden",
    ),
    (|s| s.require_ssl = false, &["plain_ports"], "require_ssl = 0"),
    (|s| s.account_login_access = AccountLoginAccess::Owner, &["login_access"], "account_login_access = owner"),
    (|s| s.handler_cap = 100, &["connections"], "handler_cap = 100"),
];

async fn world() -> World {
    World::start(Plan::tls(Style::Ports)).await.unwrap()
}

async fn probe(world: &World, server: &str, more: &[&str]) -> (Said, Value) {
    let mut arguments = vec!["probe", server, "--yes", "--format", "json"];
    arguments.extend_from_slice(more);
    let said = panelgate(world, &arguments, b"").await;
    let report = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}{}", said.out, said.err));
    (said, report)
}

/// The names of the inferences with a verdict.
fn with(report: &Value, verdict: &str) -> Vec<String> {
    let all = report["inferences"].as_array().unwrap();
    let found = all.iter().filter(|judged| judged["verdict"] == verdict);
    found.map(|judged| judged["id"].as_str().unwrap().to_owned()).collect()
}

fn is_clean(server: &Cpsrvd) -> bool {
    let tokens: Vec<String> = server.tokens_of("root").into_iter().map(|token| token.name).collect();
    server.sessions().is_empty() && tokens == ["panelgate"]
}

#[tokio::test]
async fn of_the_double_as_it_is_everything_holds_that_can_be_seen() {
    let world = world().await;
    let (said, report) = probe(&world, "web1", &["--mint"]).await;
    assert_eq!(with(&report, "differs"), Vec::<String>::new(), "{}", said.out);
    assert_eq!(with(&report, "unseen"), UNSEEN);
    assert_eq!(with(&report, "held").len() + UNSEEN.len(), INFERENCES.len());
    assert_eq!((said.code, &report["left"]), (0, &serde_json::json!([])));
    assert_eq!(report["version"], "11.134.0.44");
    // Each step was told before; nothing is left.
    for step in ["asking for the version", "following the login, once", "showing a wrong API token", "logging out"] {
        assert!(said.err.contains(step), "{step}: {}", said.err);
    }
    assert!(is_clean(world.server(1)));
    // For people the same in words; without --mint, what takes tokens is not seen.
    let said = panelgate(&world, &["probe", "web1"], b"yes\n").await.done();
    let counts = format!("{} held, 0 differ, {} could not be seen", INFERENCES.len() - 12, 12);
    assert!(said.out.contains(&counts) && said.out.contains("not seen  weak_token"), "{}", said.out);
    // Whoever does not say yes is not probed.
    world.server(1).forget();
    let said = panelgate(&world, &["probe", "web1"], b"no\n").await;
    assert!(said.code == 1 && said.err.contains("nothing was done"), "{}", said.err);
    assert!(world.server(1).requests().is_empty());
}

#[tokio::test]
async fn of_a_turned_switch_exactly_what_it_does_is_named() {
    let world = world().await;
    let some = async |lane: usize| {
        let (name, server) = (format!("web{}", lane + 1), &world.servers[lane]);
        for (turn, expected, double) in TURNED.iter().skip(lane).step_by(3) {
            server.switch(turn);
            let (said, report) = probe(&world, &name, &[]).await;
            assert_eq!(with(&report, "differs"), *expected, "{double}: {}", said.out);
            assert_eq!(said.code, 1);
            let differs =
                report["inferences"].as_array().unwrap().iter().filter(|judged| judged["verdict"] == "differs");
            assert!(differs.clone().any(|judged| judged["double"] == *double), "{double}: {}", said.out);
            for judged in differs {
                assert!(judged["copes"].as_str().is_some_and(|words| words.len() > 10), "{judged}");
            }
            server.switch(|switches| *switches = Switches::default());
            server.expire_sessions();
        }
    };
    tokio::join!(some(0), some(1), some(2));
}

#[tokio::test]
async fn what_cannot_be_undone_is_told() {
    let world = world().await;
    let server = world.server(1);
    // With a second factor a logout could end a colleague's session: ours is left to end by itself.
    server.switch(|switches| switches.two_factor = true);
    let (said, report) = probe(&world, "web1", &[]).await;
    assert_eq!(with(&report, "differs"), ["two_factor"]);
    assert!(report["left"][0].as_str().unwrap().starts_with("one session, which ends by being idle"), "{report}");
    assert_eq!(said.code, 1);
    server.switch(|switches| *switches = Switches::default());
    server.expire_sessions();
    server.faults().inject("/json-api/api_token_revoke", 1, Fault::ServerError);
    let (said, report) = probe(&world, "web1", &["--mint"]).await;
    let left = report["left"][0].as_str().unwrap();
    assert!(left.starts_with("the API token panelgate-probe-") && said.code == 1, "{report}");
    // One that answers with a page learns nobody anything else.
    server.switch(|switches| switches.api_security_policy = true);
    let (said, report) = probe(&world, "web1", &[]).await;
    assert!(said.code == 70 && said.err.contains("the probe broke off: a security policy"), "{}", said.err);
    assert_eq!(with(&report, "differs"), ["api_answers"]);
}

#[tokio::test]
async fn a_report_names_no_secret_and_nobody_where_that_is_asked() {
    let world = world().await;
    let server = world.server(1);
    let (said, report) = probe(&world, "web1", &["--mint", "--anonymous"]).await;
    let mut secrets = vec![server.token_for("root"), server.hostname().to_owned(), server.ip().to_string()];
    for request in server.requests() {
        secrets.extend(request.target.split('/').find_map(|part| part.strip_prefix("cpsess")).map(str::to_owned));
        secrets.extend(request.header("Cookie").and_then(|cookie| Some(cookie.split_once('=')?.1.to_owned())));
        secrets.extend(request.header("Authorization").and_then(|value| Some(value.split_once(':')?.1.to_owned())));
        secrets.extend(request.target.split_once("session=").map(|(_, session)| session.to_owned()));
    }
    secrets.retain(|secret| secret.len() > 5 && !secret.contains("0000000000"));
    assert!(secrets.len() > 20, "{secrets:?}");
    for secret in &secrets {
        assert!(!said.out.contains(secret.as_str()) && !said.err.contains(secret.as_str()), "{secret}: {}", said.out);
    }
    // And yet every answer is there.
    assert!(report["exchanges"].as_array().unwrap().len() > 30, "{}", said.err);
    let login = report["exchanges"].as_array().unwrap().iter().find(|exchange| exchange["status"] == 307).unwrap();
    assert!(login["headers"].to_string().contains("whostmgrsession=…; HttpOnly; path=/; port=2087; secure"), "{login}");
    assert_eq!(login["reason"], "Moved");
}

#[tokio::test]
async fn an_interrupted_probe_leaves_nothing_behind() {
    let world = world().await;
    let server = world.server(1);
    // In the middle of the session; and after a token was made, before that is known.
    for (path, fault) in [
        ("/scripts/command", Fault::Stall(Duration::from_hours(1))),
        ("/json-api/api_token_create", Fault::LateAnswer(Duration::from_hours(1))),
    ] {
        server.faults().inject(path, 1, fault);
        let mut command = Command::new(BINARY);
        command.args(["probe", "web1", "--yes", "--mint", "--format", "json", "--config"]).arg(world.config());
        let running = Gateway::run(command).unwrap();
        until(path, || server.faults().pending() == 0).await;
        if path.contains("token") {
            until("the token is there", || server.tokens_of("root").len() == 2).await;
        }
        assert!(!is_clean(server));
        running.signal("TERM").await.unwrap();
        let ended = running.ended().await.unwrap();
        assert_eq!(ended.code, Some(70), "{}", ended.output);
        assert!(ended.output.contains("the probe broke off: interrupted"), "{}", ended.output);
        assert!(is_clean(server), "{:?} {:?}", server.sessions(), server.tokens_of("root"));
    }
}

/// Reports speak of the double's behaviours and switches by names that exist.
#[test]
fn the_table_names_switches_that_govern_its_behaviours() {
    for inference in INFERENCES {
        assert!(!inference.behaviours.is_empty(), "{}", inference.id);
        for switch in inference.switch.split(", ").filter(|switch| !switch.is_empty()) {
            let governs = |number: &u8| {
                let behaviour = lab::cpsrvd::behaviours::ALL.iter().find(|behaviour| behaviour.number == *number);
                behaviour.unwrap().switch.contains(switch)
            };
            assert!(inference.behaviours.iter().any(governs), "{}: {switch}", inference.id);
        }
    }
}
