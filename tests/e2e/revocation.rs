//! What ends somebody's access at one gateway cuts what they have open at another, for every reason there is, and
//! also when the database tells nobody: a terminal and an event stream have no next request that could be refused.

use std::path::Path;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Page;
use lab::browser::Socket;
use lab::provider::Patch;
use panelgate::model::Clock as _;
use panelgate::model::SystemClock;
use tokio::process::Command;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::faults::cut_connections;
use crate::raw::Raw;
use crate::reload::put;
use crate::replicas::Cluster;
use crate::replicas::until_ready;
use crate::stage::BINARY;
use crate::stage::until;

/// docs/sessions.md: how soon what another node did takes effect.
const BOUND: Duration = Duration::from_secs(5);

/// Somebody with a terminal and an event stream of web1's WHM, at the second gateway.
struct AtWork {
    browser: Browser,
    console: Page,
    shell: Socket,
    events: Incoming,
}

impl AtWork {
    async fn begin(cluster: &Cluster) -> Self {
        let browser = cluster.browser_at(&cluster.two.0);
        let console = browser.sign_in("ada").await.unwrap();
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let token = panel.url.path().split('/').nth(1).unwrap();
        let shell = format!("/{token}/websocket/Shell?rows=24&cols=80");
        let mut shell = browser.shake(Http::One, &panel, &shell, &[]).await.unwrap().opened().unwrap();
        shell.next().await.unwrap().unwrap();
        let url = panel.resolve("scripts/events.stream").unwrap();
        let answer = browser.stream(Ask::get(Errand::Fetch, url.as_str()).by(&panel)).await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut events = answer.into_body();
        events.frame().await.unwrap().unwrap();
        Self { browser, console, shell, events }
    }

    /// The same person, with the same cookies, at the first gateway.
    fn elsewhere(&self, cluster: &Cluster) -> Browser {
        let elsewhere = cluster.browser_at(&cluster.one.0);
        elsewhere.steal_cookies(&self.browser);
        elsewhere
    }

    /// Both are cut; `since` is when what cuts them was done.
    async fn are_cut(mut self, why: &str, since: Instant) {
        let left = BOUND.saturating_sub(since.elapsed());
        let ended = timeout(left, self.shell.next()).await;
        assert!(!matches!(ended.unwrap_or_else(|_| panic!("{why}: the terminal goes on")), Ok(Some(_))), "{why}");
        let left = BOUND.saturating_sub(since.elapsed());
        let ended = timeout(left, async { while self.events.frame().await.is_some_and(|frame| frame.is_ok()) {} });
        ended.await.unwrap_or_else(|_| panic!("{why}: the event stream goes on"));
    }
}

/// From now on the database tells nobody of a notice.
async fn mute(cluster: &Cluster) {
    for statement in [
        "CREATE TABLE muted (at timestamptz)",
        "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'INSERT INTO muted VALUES (now())'",
        // The database's own function of this name is found after this one.
        "ALTER DATABASE panelgate SET search_path = public, pg_catalog",
    ] {
        cluster.database.ask("panelgate", statement).await.unwrap();
    }
    cut_connections(&cluster.database).await;
    until_ready(&cluster.one.0, 200).await;
    until_ready(&cluster.two.0, 200).await;
}

/// Waits for one more version of the directory at both gateways.
async fn in_force(cluster: &Cluster, path: &Path, text: &str) {
    let reloads = |file: &Path| std::fs::read_to_string(file).unwrap_or_default().matches("config.reload").count();
    let before = [&cluster.one.0, &cluster.two.0].map(|replica| reloads(&replica.audit_file()));
    put(path, text);
    for (replica, before) in [&cluster.one.0, &cluster.two.0].into_iter().zip(before) {
        until("the version is in force", || reloads(&replica.audit_file()) > before).await;
    }
}

async fn every_reason_cuts(muted: bool) {
    let cluster = Cluster::start("").await;
    cluster.world.server(1).switch(|switches| {
        switches.trickle_lines = 1_000_000;
        switches.trickle_interval = Duration::from_millis(20);
    });
    if muted {
        mute(&cluster).await;
    }

    let at_work = AtWork::begin(&cluster).await;
    at_work.elsewhere(&cluster).submit(&at_work.console, "/sign-out", &[]).await.unwrap();
    at_work.are_cut("signing out", Instant::now()).await;

    let at_work = AtWork::begin(&cluster).await;
    let form = format!("logout_token={}", cluster.world.provider.logout_token("ada", &[]).unwrap());
    let mut raw = Raw::connect_to(&cluster.world, cluster.one.0.ip(), "connect.example.com", 443).await;
    let (status, answer) = raw
        .exchange(&format!(
            "POST /backchannel-logout HTTP/1.1\r\nHost: connect.example.com\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ))
        .await;
    assert_eq!(status, 200, "{answer}");
    at_work.are_cut("the provider's logout", Instant::now()).await;

    for arguments in [["--person", "ada@example.com"], ["--server", "web1"]] {
        let at_work = AtWork::begin(&cluster).await;
        let mut command = Command::new(BINARY);
        command.args(["sessions", "end"]).args(arguments).arg("--config").arg(cluster.one.0.config());
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        at_work.are_cut("an operator's end", Instant::now()).await;
    }

    // Each gateway reads the directory by itself.
    let path = cluster.world.folder().join("directory.toml");
    let whole = std::fs::read_to_string(&path).unwrap();
    let rule = "servers = [\"web1\", \"web2\", \"web3\"]";
    let at_work = AtWork::begin(&cluster).await;
    in_force(&cluster, &path, &whole.replacen(rule, "servers = [\"web2\", \"web3\"]", 1)).await;
    at_work.are_cut("a rule that is gone", Instant::now()).await;
    in_force(&cluster, &path, &whole).await;
    let at_work = AtWork::begin(&cluster).await;
    let end = SystemClock.now().plus(Duration::from_secs(3));
    in_force(&cluster, &path, &whole.replacen(rule, &format!("{rule}\nexpires = {end}"), 1)).await;
    at_work.are_cut("a rule whose time is over", Instant::now() + Duration::from_secs(3)).await;
    in_force(&cluster, &path, &whole).await;

    // The provider is asked by whichever gateway is first.
    cluster.world.provider.set(|wrong| wrong.token_response = vec![Patch::set("expires_in", 1)]);
    let groups = |groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        cluster.world.provider.change_users(|users| users[0].groups = groups);
    };
    let at_work = AtWork::begin(&cluster).await;
    assert_eq!(at_work.elsewhere(&cluster).fetch(&at_work.console, "/api/session").await.unwrap().status, 204);
    groups(&["staff"]);
    at_work.are_cut("a group that is lost", Instant::now() + Duration::from_secs(2)).await;
    groups(&["whm-admins"]);
    let at_work = AtWork::begin(&cluster).await;
    assert_eq!(at_work.elsewhere(&cluster).fetch(&at_work.console, "/api/session").await.unwrap().status, 204);
    cluster.world.provider.change_users(|users| users.retain(|user| user.login != "ada"));
    at_work.are_cut("a refresh that is refused", Instant::now() + Duration::from_secs(2)).await;

    if muted {
        let calls = cluster.database.ask("panelgate", "SELECT count(*) FROM muted").await.unwrap();
        assert_ne!(calls, "0", "the notifications were lost");
    }
}

#[tokio::test]
async fn every_reason_cuts_a_terminal_and_a_stream_at_another_gateway() {
    Box::pin(every_reason_cuts(false)).await;
}

#[tokio::test]
async fn every_reason_cuts_them_also_when_notifications_are_lost() {
    Box::pin(every_reason_cuts(true)).await;
}
