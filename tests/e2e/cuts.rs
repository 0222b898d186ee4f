//! Whatever ends access ends everything that is under way with it, within a second: each way in which it ends,
//! against each kind of traffic, over HTTP/1.1 and HTTP/2.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::MULTIPART;
use lab::browser::Message;
use lab::browser::Page;
use lab::browser::Sending;
use lab::browser::Upload;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Cue;
use lab::cpsrvd::Fault;
use lab::provider::Patch;
use lab::world::Plan;
use lab::world::Style;
use panelgate::model::Clock as _;
use panelgate::model::SystemClock;
use tokio::process::Command;
use tokio::time::Instant;

use crate::bounds::SLACK;
use crate::logout::told_with;
use crate::reload::change;
use crate::reload::read;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::until;
use crate::uploads::connections_to;

const UPLOAD: &str = "/execute/Fileman/upload_files";
const SLOW: &str = "/json-api/loadavg";

/// Administrators open WHM and a customer's cPanel on web1, and may end what others have open.
const DIRECTORY: &str = r#"
[[servers]]
{web1}
access = "restricted"

[[servers]]
{web2}
access = "restricted"

[[role_groups]]
name = "Administrators"
idp_groups = ["whm-admins"]
connect = true
rights = ["end_sessions"]

[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["whostmgrd"]
account = "root"

[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["cpaneld"]
account = "bob"
"#;

/// Somebody with two panels open, and a browser of each protocol.
struct Desk<'s> {
    stage: &'s Stage,
    browsers: [(Http, Browser); 2],
    console: Page,
    whm: Page,
    cpanel: Page,
}

/// What came of something that was under way, and when.
type Ended = (String, Instant);

impl<'s> Desk<'s> {
    async fn new(stage: &'s Stage) -> Self {
        let (two, console) = stage.signed_in("ada").await;
        let whm = two.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let cpanel = two.open(&console, "web1", "cpaneld", "bob").await.unwrap();
        let one = Browser::over(&stage.world, Http::One).unwrap();
        one.steal_cookies(&two);
        Self { stage, browsers: [(Http::One, one), (Http::Two, two)], console, whm, cpanel }
    }

    fn server(&self) -> &'s Cpsrvd {
        self.stage.world.server(1)
    }

    fn browser(&self) -> &Browser {
        &self.browsers[1].1
    }

    /// Has all kinds of traffic under way, ends them in some way, and gives what came of each how long after.
    async fn cut(&self, ends: impl AsyncFnOnce() -> Instant) -> Vec<(String, Duration)> {
        let mut under_way: Vec<BoxFuture<'_, Ended>> = Vec::new();
        for (http, browser) in &self.browsers {
            let unread = browser.stream(ask(&self.cpanel, "/download")).await.unwrap().into_body();
            let server = self.server();
            under_way.push(Box::pin(async move {
                until("the server is left", || connections_to(server) == 0).await;
                let when = Instant::now();
                let end = if unread.collect().await.is_err() { "cut" } else { "whole" };
                (format!("{http:?} download {end}"), when)
            }));
            let events = browser.stream(ask(&self.whm, "/scripts/events.stream")).await.unwrap().into_body();
            under_way.push(Box::pin(async move {
                let end = if events.collect().await.is_err() { "cut" } else { "whole" };
                (format!("{http:?} events {end}"), Instant::now())
            }));
            let token = self.whm.url.path().split('/').nth(1).unwrap();
            let shell = format!("/{token}/websocket/Shell?rows=24&cols=80");
            let mut shell = browser.shake(*http, &self.whm, &shell, &[]).await.unwrap().opened().unwrap();
            assert_eq!(shell.next().await.unwrap(), Some(Message::binary("double# ")));
            under_way.push(Box::pin(async move {
                let end = if let Ok(Some(message)) = shell.next().await { message.to_string() } else { "cut".into() };
                (format!("{http:?} terminal {end}"), Instant::now())
            }));
            under_way.push(Box::pin(async move {
                let file = Sending::File(Upload::of(1 << 30));
                let answer = browser.send(ask(&self.cpanel, UPLOAD), MULTIPART, file).await;
                let end = answer.map_or("cut".to_owned(), |answer| answer.status().as_u16().to_string());
                (format!("{http:?} upload {end}"), Instant::now())
            }));
            under_way.push(Box::pin(async move {
                let answer = browser.ask(ask(&self.whm, SLOW)).await.unwrap();
                (format!("{http:?} request {}", problem(&answer).0), Instant::now())
            }));
        }
        let faults = self.server().faults();
        faults.inject(UPLOAD, 2, Fault::Hold(Cue::new()));
        faults.inject(SLOW, 2, Fault::Hold(Cue::new()));
        let ending = async {
            until("all is under way", || faults.pending() == 0).await;
            ends().await
        };
        let under_way = tokio::time::timeout(2 * PATIENCE, join_all(under_way));
        let (under_way, began) = tokio::join!(under_way, ending);
        let ended = under_way.unwrap().into_iter();
        ended.map(|(what, when)| (what, when.saturating_duration_since(began))).collect()
    }
}

fn ask<'p>(panel: &'p Page, path: &str) -> Ask<'p> {
    let token = panel.url.path().split('/').nth(1).unwrap();
    Ask::get(Errand::Fetch, panel.resolve(&format!("/{token}{path}")).unwrap().as_str()).by(panel)
}

/// Nothing goes on, nothing looks whole, and whoever waits for an answer is told why there is none.
fn check(way: &str, told: &str, cut: &[(String, Duration)]) {
    let longest = cut.iter().map(|(_, took)| *took).max().unwrap();
    print(way, longest);
    assert_eq!(cut.len(), 10, "{way}");
    for (what, took) in cut {
        let (kind, end) = what.rsplit_once(' ').unwrap();
        let expected = match kind.split(' ').nth(1).unwrap() {
            "request" => end == told,
            "upload" => matches!((end, told), ("cut", _) | ("401", "signed_out") | ("503", "panel_session_cut")),
            _ => end == "cut",
        };
        assert!(expected, "{way}: {what}");
        assert!(*took < Duration::from_secs(1) * SLACK, "{way}: {what} after {took:?}");
    }
}

fn print(way: &str, longest: Duration) {
    use std::io::Write as _;
    writeln!(std::io::stderr().lock(), "CUT | {way} | after {} ms at most |", longest.as_millis()).unwrap();
}

async fn sessions(stage: &Stage, arguments: &[&str]) -> Instant {
    let mut command = Command::new(BINARY);
    command.arg("sessions").args(arguments).arg("--config").arg(stage.world.config());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Instant::now()
}

/// Waits for a record of this kind beyond those that are there.
async fn recorded(stage: &Stage, kind: &str, before: usize) -> Instant {
    until(kind, || stage.outcomes(kind).len() > before).await;
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_session_ends_everything_under_it_is_cut_within_a_second() {
    let stage = Stage::planned(Plan { directory: Some(DIRECTORY.into()), ..Plan::tls(Style::Ports) }).await;
    stage.world.server(1).switch(|switches| switches.trickle_cue = Some(Cue::new()));

    let desk = Desk::new(&stage).await;
    let cut = desk.cut(async || {
        desk.browser().submit(&desk.console, "/sign-out", &[]).await.unwrap();
        Instant::now()
    });
    check("the person signs out", "signed_out", &cut.await);

    let desk = Desk::new(&stage).await;
    let cut = desk.cut(async || {
        told_with(&stage, &stage.world.provider.logout_token("ada", &[]).unwrap()).await;
        Instant::now()
    });
    check("the provider says so (back channel)", "signed_out", &cut.await);

    let desk = Desk::new(&stage).await;
    check("an operator ends all", "signed_out", &desk.cut(async || sessions(&stage, &["end", "--all"]).await).await);

    let desk = Desk::new(&stage).await;
    let cut = desk.cut(async || {
        desk.browser().submit(&desk.console, "/sessions/end", &[("everything", "yes")]).await.unwrap();
        Instant::now()
    });
    check("somebody ends all on the console", "signed_out", &cut.await);

    // The provider is asked every second from here on, and then does not know her any more.
    stage.world.provider.set(|wrong| wrong.token_response = vec![Patch::set("expires_in", 1)]);
    let desk = Desk::new(&stage).await;
    let before = stage.outcomes("session.ended").len();
    let cut = desk.cut(async || {
        stage.world.provider.change_users(|users| users.retain(|user| user.login != "ada"));
        recorded(&stage, "session.ended", before).await
    });
    check("the provider does not know the person any more", "signed_out", &cut.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_access_ends_everything_under_it_is_cut_within_a_second() {
    let stage = Stage::planned(Plan { directory: Some(DIRECTORY.into()), ..Plan::tls(Style::Ports) }).await;
    stage.world.server(1).switch(|switches| switches.trickle_cue = Some(Cue::new()));
    let directory = read(&stage);

    let desk = Desk::new(&stage).await;
    let cut = desk.cut(async || sessions(&stage, &["end", "--server", "web1"]).await).await;
    check("an operator closes the server", "panel_session_cut", &cut);

    let desk = Desk::new(&stage).await;
    let cut = desk.cut(async || {
        change(&stage, &directory.replace("servers = [\"web1\"]", "servers = [\"web2\"]")).await;
        Instant::now()
    });
    check("the rules give it no more", "panel_session_cut", &cut.await);
    change(&stage, &directory).await;

    let desk = Desk::new(&stage).await;
    let cut = desk.cut(async || {
        let end = SystemClock.now().plus(Duration::from_secs(3));
        let limited = format!("servers = [\"web1\"]\nexpires = {end}");
        change(&stage, &directory.replace("servers = [\"web1\"]", &limited)).await;
        until("the time is over", || SystemClock.now() >= end).await;
        Instant::now()
    });
    check("the time of the rules is over", "panel_session_cut", &cut.await);
    change(&stage, &directory).await;

    let desk = Desk::new(&stage).await;
    let cut = desk.cut(async || {
        change(&stage, &directory.replacen("api_account = \"root\"", "api_account = \"support\"", 1)).await;
        Instant::now()
    });
    check("the server's entry is another", "panel_session_cut", &cut.await);
    change(&stage, &directory).await;
}
