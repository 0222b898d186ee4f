//! Servers that fail in every way: the answer, the record, the log, and that nothing is left half open.

use std::time::Duration;

use lab::browser::Browser;
use lab::browser::Page;
use lab::cpsrvd::ConnectFault;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::cpsrvd::Service;
use lab::cpsrvd::SpentLoginUrl;
use lab::pki;
use lab::world::Plan;
use lab::world::Style;
use serde_json::Value;

use crate::stage::Stage;
use crate::stage::outcome;
use crate::stage::problem;

/// Somebody on the console, about to open web1 or web2.
struct Opener {
    stage: Stage,
    browser: Browser,
    console: Page,
}

impl Opener {
    async fn new(style: Style) -> Self {
        Self::with(style, "").await
    }

    async fn with(style: Style, more: &str) -> Self {
        let stage = Stage::with(style, more).await;
        let (browser, console) = stage.signed_in("ada").await;
        Self { stage, browser, console }
    }

    fn server(&self, number: usize) -> &Cpsrvd {
        self.stage.world.server(number)
    }

    async fn fails(&self, number: usize, status: u16, code: &str) {
        assert_eq!(self.fails_somehow(number).await, (status, code.to_owned()));
    }

    /// Opening fails, and everything that is to be seen of it agrees.
    async fn fails_somehow(&self, number: usize) -> (u16, String) {
        let (before, server) = (self.stage.events().len(), format!("web{number}"));
        let answer = self.browser.ask_to_open(&self.console, &server, "whostmgrd", "root").await.unwrap();
        let (code, reference) = problem(&answer);
        let events = self.stage.events();
        // Requests of a panel that was open before are recorded when it suits the writer.
        let opening = |event: &&Value| event["kind"] == "panel.open";
        let events: Vec<_> = events.iter().skip(before).filter(opening).collect();
        assert!(events.iter().all(|event| event["server"] == server));
        assert!(events.iter().all(|event| event["reference"] == reference), "{events:?}");
        assert_eq!(events.iter().map(|event| outcome(event)).collect::<Vec<_>>(), ["begun", &format!("failed {code}")]);
        self.stage.gateway.wait_for_output(&reference).await.unwrap();
        let line = |output: String| output.lines().find(|line| line.contains(&reference)).map(str::to_owned);
        let line = line(self.stage.gateway.output()).unwrap();
        assert!(line.contains(&code), "{line}");
        // What was begun at the server is of no use to anybody: no session of ours lives.
        assert_eq!(self.server(number).sessions().len(), 0, "a session was left behind");
        (answer.status, code)
    }

    /// The server is well again, and opening works at once.
    async fn heals(&self, number: usize) {
        self.server(number).faults().clear();
        let panel = self.browser.open(&self.console, &format!("web{number}"), "whostmgrd", "root").await.unwrap();
        assert_eq!(panel.attribute("whm-home", "data-user").unwrap(), "root");
        assert_eq!(self.server(number).sessions().len(), 1);
    }

    /// Opening fails while a fault is on the way of requests to a path.
    async fn fails_with(&self, path: &str, fault: Fault, status: u16, code: &str) {
        self.server(1).faults().inject(path, 1, fault);
        self.fails(1, status, code).await;
        assert_eq!(self.server(1).faults().pending(), 0, "the fault was not met");
    }
}

const API: &str = "/json-api/create_user_session";
const LOGIN: &str = "/login/";

#[tokio::test]
async fn an_api_token_that_is_refused() {
    let opener = Opener::new(Style::Ports).await;
    let server = opener.server(1);
    let token = server.tokens_of("root").remove(0);
    assert!(server.revoke_token("root", &token.secret));
    opener.fails(1, 502, "api_token_refused").await;
    assert!(server.add_token(token));
    opener.heals(1).await;
}

#[tokio::test]
async fn an_account_that_the_server_does_not_know() {
    let directory = "
[[servers]]
{web1}
name = \"Shared hosting 1\"
access = \"restricted\"
[[role_groups]]
name = \"Administrators\"
idp_groups = [\"whm-admins\"]
connect = true
[[rules]]
role_group = \"Administrators\"
servers = [\"web1\"]
services = [\"whostmgrd\", \"cpaneld\"]
account = \"gone\"
[[rules]]
role_group = \"Administrators\"
servers = [\"web1\"]
services = [\"whostmgrd\"]
account = \"alice\"
";
    let plan = Plan { directory: Some(directory.into()), ..Plan::tls(Style::Ports) };
    let stage = Stage::planned(plan).await;
    let (browser, console) = stage.signed_in("ada").await;
    for (service, account, code) in [
        ("whostmgrd", "gone", "account_missing"),
        ("cpaneld", "gone", "account_missing"),
        ("whostmgrd", "alice", "account_without_service"),
    ] {
        let answer = browser.ask_to_open(&console, "web1", service, account).await.unwrap();
        assert_eq!((answer.status, &*problem(&answer).0), (502, code));
        assert_eq!(stage.outcomes("panel.open").last().unwrap(), &format!("failed {code}"));
    }
}

#[tokio::test]
async fn an_api_call_that_is_refused_for_another_reason() {
    let opener = Opener::new(Style::Hosts).await;
    let told = |text: &str| Fault::ResultZero(text.to_owned());
    opener.fails_with(API, told("The license has expired."), 502, "api_refused").await;
    opener.fails_with(API, told("Permission denied"), 502, "api_token_not_allowed").await;
    opener.heals(1).await;
}

#[tokio::test]
async fn a_security_policy_that_steps_in() {
    let opener = Opener::new(Style::Ports).await;
    opener.server(1).switch(|switches| switches.api_security_policy = true);
    opener.fails(1, 502, "api_security_policy").await;
    opener.server(1).switch(|switches| switches.api_security_policy = false);
    opener.heals(1).await;
}

#[tokio::test]
async fn answers_that_are_none() {
    let opener = Opener::new(Style::Ports).await;
    for (fault, code) in [
        (Fault::Html, "api_answer_unusable"),
        (Fault::ServerError, "api_answer_unusable"),
        (Fault::Garbage, "server_broke_off"),
        (Fault::Reset, "server_broke_off"),
        (Fault::ResetMidBody, "api_answer_unusable"),
        (Fault::Forbidden, "api_token_refused"),
    ] {
        opener.fails_with(API, fault, 502, code).await;
    }
    opener.heals(1).await;
}

#[tokio::test]
async fn a_login_that_leads_nowhere() {
    let opener = Opener::new(Style::Hosts).await;
    for (fault, code) in [
        (Fault::Html, "login_unusable"),
        (Fault::ServerError, "login_unusable"),
        (Fault::Garbage, "server_broke_off"),
        (Fault::Reset, "server_broke_off"),
        (Fault::Forbidden, "login_refused"),
    ] {
        opener.fails_with(LOGIN, fault, 502, code).await;
    }
    opener.heals(1).await;
}

#[tokio::test]
async fn a_login_that_is_spent_before_it_is_used() {
    for shown in [SpentLoginUrl::TokenDenied, SpentLoginUrl::LoginPage] {
        let opener = Opener::new(Style::Ports).await;
        opener.server(1).switch(|switches| {
            switches.login_url_lifetime = Duration::ZERO;
            switches.spent_login_url = shown;
        });
        opener.fails(1, 502, "login_refused").await;
        opener.server(1).switch(|switches| switches.login_url_lifetime = Duration::from_mins(2));
        opener.heals(1).await;
    }
}

#[tokio::test]
async fn a_certificate_whose_key_is_not_the_pinned_one() {
    let opener = Opener::new(Style::Ports).await;
    let own = opener.server(1).identity();
    opener.server(1).rotate_identity(pki::self_signed(&[opener.server(1).hostname()]).unwrap());
    opener.fails(1, 502, "certificate_pin_mismatch").await;
    assert!(opener.server(1).requests().is_empty(), "nothing was sent, the API token least of all");
    opener.server(1).rotate_identity(own);
    opener.heals(1).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let opener = Opener::new(Style::Hosts).await;
    let (own, host) = (opener.server(2).identity(), opener.server(2).hostname());
    let stranger = pki::Authority::new().unwrap();
    for wrong in [
        pki::self_signed(&[host]).unwrap(),
        stranger.issue(&[host]).unwrap(),
        opener.stage.world.authority.issue(&["web9.hosting.example"]).unwrap(),
    ] {
        opener.server(2).rotate_identity(wrong);
        opener.fails(2, 502, "certificate_untrusted").await;
    }
    assert!(opener.server(2).requests().is_empty());
    opener.server(2).rotate_identity(own);
    opener.heals(2).await;
}

#[tokio::test]
async fn a_server_that_is_down() {
    let opener = Opener::new(Style::Ports).await;
    opener.server(1).refuse_connections().await;
    opener.fails(1, 502, "server_unreachable").await;
    opener.server(1).accept_connections().await.unwrap();
    opener.heals(1).await;
}

#[tokio::test]
async fn a_server_that_breaks_connections_off() {
    let opener = Opener::new(Style::Ports).await;
    opener.server(1).faults().on_connect(1, ConnectFault::Reset);
    // A reset that comes very early looks like a refusal.
    let (status, code) = opener.fails_somehow(1).await;
    assert_eq!(status, 502);
    assert!(["server_tls_failed", "server_unreachable"].contains(&&*code), "{code}");
    opener.heals(1).await;
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let limits = "[limits]\nupstream_connect_seconds = 1\nupstream_response_seconds = 1\nopen_seconds = 2\n";
    let opener = Opener::with(Style::Hosts, limits).await;
    let for_ever = Duration::from_mins(10);
    opener.server(1).faults().on_connect(1, ConnectFault::SlowHandshake(for_ever));
    opener.fails(1, 502, "server_timeout").await;
    opener.fails_with(API, Fault::Stall(for_ever), 504, "server_timeout").await;
    opener.fails_with(LOGIN, Fault::Stall(for_ever), 504, "server_timeout").await;
    // Each byte comes in time, and the whole never does.
    opener.fails_with(API, Fault::Trickle(Duration::from_millis(50)), 504, "server_timeout").await;
    opener.heals(1).await;
}

#[tokio::test]
async fn many_who_wait_for_a_server_that_does_not_answer_wait_no_longer_than_one() {
    let opener = Opener::with(Style::Ports, "[limits]\nopen_seconds = 1\n").await;
    opener.server(1).faults().inject(API, 100, Fault::Stall(Duration::from_mins(10)));
    let asked = (0..20).map(|_| opener.browser.ask_to_open(&opener.console, "web1", "whostmgrd", "root"));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(problem(&answer.unwrap()).0, "server_timeout");
    }
    // Those that waited gave up when the first did; they did not try one after the other.
    let tried = opener.server(1).requests().iter().filter(|request| request.path() == API).count();
    assert!(tried < 5, "{tried}");
    opener.heals(1).await;
}

#[tokio::test]
async fn an_api_answer_without_end() {
    let opener = Opener::with(Style::Ports, "[limits]\napi_answer_kib = 16\n").await;
    opener.fails_with(API, Fault::ResultZero("x".repeat(64 * 1024)), 502, "api_answer_unusable").await;
    opener.heals(1).await;
}

#[tokio::test]
async fn an_api_token_that_cannot_be_read() {
    let opener = Opener::new(Style::Ports).await;
    let file = opener.stage.world.folder().join("web1-token");
    let token = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    opener.fails(1, 503, "api_token_unreadable").await;
    std::fs::write(&file, token).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    opener.heals(1).await;
}

#[tokio::test]
async fn as_many_panels_as_the_limit_allows() {
    let opener = Opener::with(Style::Ports, "[limits]\npanel_sessions = 1\n").await;
    // A failure does not take the place of a panel session.
    opener.fails_with(API, Fault::ServerError, 502, "api_answer_unusable").await;
    opener.heals(1).await;
    opener.fails(2, 503, "too_many_panel_sessions").await;
    opener.browser.submit(&opener.console, "/sign-out", &[]).await.unwrap();
    let console = opener.browser.sign_in("ada").await.unwrap();
    opener.browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
}

#[tokio::test]
async fn a_panel_whose_server_fails_says_so_in_its_frame() {
    let opener = Opener::with(Style::Ports, "[limits]\nupstream_response_seconds = 1\n").await;
    let panel = opener.browser.open(&opener.console, "web1", "whostmgrd", "root").await.unwrap();
    let address = panel.attribute("frame-main", "src").unwrap();
    for (fault, status, code) in [
        (Fault::Reset, 502, "server_broke_off"),
        (Fault::Garbage, 502, "server_broke_off"),
        (Fault::Stall(Duration::from_mins(10)), 504, "server_timeout"),
    ] {
        opener.server(1).faults().inject("/scripts/command", 2, fault.clone());
        let page = opener.browser.frame(&panel, &address).await.unwrap();
        assert_eq!(page.status, status, "{fault:?}");
        let reference = page.header("panelgate-reference").unwrap();
        assert!(page.text().contains(&reference), "the page shows it, to be told on");
        let answer = opener.browser.fetch(&panel, &address).await.unwrap();
        assert_eq!((answer.status, &*problem(&answer).0), (status, code), "{fault:?}");
    }
    opener.server(1).refuse_connections().await;
    opener.stage.gateway.wait_for_output("server_timeout").await.unwrap();
    // A connection that is still open may carry one more request; none is opened anew.
    let unreachable = async || opener.browser.fetch(&panel, &address).await.unwrap().status == 502;
    assert!(unreachable().await || unreachable().await);
    opener.server(1).accept_connections().await.unwrap();
    assert_eq!(opener.browser.frame(&panel, &address).await.unwrap().status, 200);
    assert_eq!(opener.server(1).sessions()[0].service, Service::Whostmgrd);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_passed_on_as_whole() {
    let opener = Opener::new(Style::Hosts).await;
    let panel = opener.browser.open(&opener.console, "web1", "whostmgrd", "root").await.unwrap();
    opener.server(1).faults().inject("/scripts/command", 1, Fault::ResetMidBody);
    let broken = opener.browser.frame(&panel, &panel.attribute("frame-main", "src").unwrap()).await;
    assert!(broken.is_err(), "{broken:?}");
}
