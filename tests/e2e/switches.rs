//! Every switch of the server in every position, and everything that people do at a panel: a table, printed.
//!
//! What passes with a server as it is installed passes with every other one, but for what the table names:
//! there the server itself refuses, and the person is told so.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::ensure;
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
use lab::cpsrvd::AccountLoginAccess;
use lab::cpsrvd::Alpn;
use lab::cpsrvd::CookieIpValidation;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Framing;
use lab::cpsrvd::LoginAnswer;
use lab::cpsrvd::ReferrerRefusal;
use lab::cpsrvd::SpentLoginUrl;
use lab::cpsrvd::Switches;
use lab::cpsrvd::TlsVersions;
use lab::cpsrvd::VersionShape;
use lab::cpsrvd::WebSocketOrigin;
use lab::world::Plan;
use lab::world::Style;

use crate::stage::Stage;

/// A switch in another position than that of a fresh installation.
struct Turn {
    field: &'static str,
    to: &'static str,
    by: fn(&mut Switches),
    /// Checks that the server itself refuses then, and words of what the person is told.
    refused: &'static [(&'static str, &'static str)],
}

macro_rules! turns {
    ($($field:ident = $to:expr $(=> [$($refused:tt),*])?;)*) => {
        &[$(Turn { field: stringify!($field), to: stringify!($to), by: |switches| switches.$field = $to, refused: &[$($($refused),*)?] }),*]
    };
}

const TURNS: &[Turn] = turns! {
    alpn = Alpn::Http11;
    tls_versions = TlsVersions::Only12;
    tls_versions = TlsVersions::Only13;
    keep_alive = false;
    service_subdomains = false;
    keep_alive_idle = Duration::from_secs(1);
    framing = Framing::ContentLength;
    framing = Framing::Chunked;
    framing = Framing::UntilClose;
    captured_spelling = false;
    server_header = Some("cpsrvd".to_owned());
    refuse_ambiguous_requests = false;
    require_ssl = false;
    allow_accesshash = true;
    tokens_open_pages = true;
    session_call_by_post = false => [("open", "api_refused")];
    typographic_failures = false;
    honour_security_token = false;
    honour_preferred_domain = false;
    account_login_access = AccountLoginAccess::Owner => [("open", "account_closed_to_others")];
    account_login_access = AccountLoginAccess::User => [("open", "account_closed_to_others")];
    suspended_sessions = true;
    api_security_policy = true => [("open", "api_security_policy")];
    version_shape = VersionShape::Legacy;
    login_url_lifetime = Duration::ZERO => [("open", "login_refused")];
    login_answer = LoginAnswer::MetaRefresh;
    login_answer = LoginAnswer::MovedPermanently;
    login_answer = LoginAnswer::Found;
    login_answer = LoginAnswer::SeeOther;
    login_answer = LoginAnswer::PermanentRedirect;
    absolute_redirects = true;
    same_site_lax = true;
    clearing_cookies = false;
    spent_login_url = SpentLoginUrl::LoginPage;
    require_security_token = false;
    redirect_to_security_token = false;
    wrong_token_limit = None;
    wrong_token_limit = Some(1);
    json_for_dead_api_session = false;
    login_page_at_root = false;
    idle_limit = None;
    cookie_ip_validation = CookieIpValidation::Disabled;
    cookie_ip_validation = CookieIpValidation::Loose;
    local_proxy = true;
    cookies_byte_for_byte = false;
    logout_redirect_url = Some("https://elsewhere.example/".to_owned());
    two_factor = true;
    // The server's own questions stand in front of everything.
    security_questions = true => [
        ("page", "whm-home"), ("frames", "frame-main"), ("form", "link-tweak"), ("api", ""), ("events", ""),
        ("slow page", "link-upgrade"), ("terminal", "no WebSocket: 200"), ("download", ""), ("upload", ""),
        ("hop", "link-accounts"), ("renewal", ""), ("logout", "link-logout")
    ];
    referrer_safety = true;
    referrer_blank_safety = true;
    referrer_refusal = ReferrerRefusal::Forbidden;
    x_frame = false;
    csp = true;
    absolute_from_host = false;
    phpmyadmin_frame_busting = false;
    roundcube_referer_check = false;
    gzip_assets = false;
    hops = false;
    canonical_host = true;
    websocket_origin = WebSocketOrigin::Any;
    shell_close = Some(4000);
    upload_limit = Some(1000) => [("upload", "larger than this server accepts")];
    download_bytes = 0;
    download_length = false;
    trickle_lines = 1;
    account_transfer = false;
};

/// Switches that no panel session meets, each with where it is tested.
const ELSEWHERE: [(&str, &str); 11] = [
    ("certificate", "failure.rs: another certificate is no connection"),
    ("handler_cap", "the lab's own tests: connections beyond it stall"),
    ("overload_stall", "the lab's own tests: as above"),
    ("hulk", "the lab's own tests: password logins never pass the gateway"),
    ("hulk_per_address", "as above"),
    ("hulk_per_account", "as above"),
    ("dump_end", "the lab's own tests: it takes an API token, which never passes the gateway"),
    ("trickle_interval", "pace only"),
    ("trickle_cue", "traffic.rs: line by line"),
    ("record_requests", "what tests see"),
    ("write_logs", "what tests see"),
];

/// Administrators open everything on all three servers.
fn directory() -> String {
    let servers = ["web1", "web2", "web3"].map(|name| format!("[[servers]]\n{{{name}}}\naccess = \"restricted\"\n"));
    let administrators = "[[role_groups]]\nname = \"Administrators\"\nidp_groups = [\"whm-admins\"]\nconnect = true\n";
    let rule = |service: &str, account: &str| {
        format!(
            "[[rules]]\nrole_group = \"Administrators\"\nservers = [\"web1\", \"web2\", \"web3\"]\n\
             services = [\"{service}\"]\naccount = \"{account}\"\n"
        )
    };
    let rules = [rule("whostmgrd", "root"), rule("cpaneld", "bob")].concat();
    format!("{}{administrators}{rules}", servers.concat())
}

/// Somebody with WHM and a customer's cPanel open.
struct Desk<'s> {
    server: &'s Cpsrvd,
    browser: Browser,
    whm: Page,
    cpanel: Page,
}

impl<'s> Desk<'s> {
    async fn open(stage: &'s Stage, number: usize) -> anyhow::Result<Self> {
        let (browser, console) = stage.signed_in("ada").await;
        let name = format!("web{number}");
        let whm = browser.open(&console, &name, "whostmgrd", "root").await?;
        let cpanel = browser.open(&console, &name, "cpaneld", "bob").await?;
        Ok(Self { server: stage.world.server(number), browser, whm, cpanel })
    }
}

/// `fetch()` of a path under the panel's security token.
fn ask<'p>(panel: &'p Page, path: &str) -> anyhow::Result<Ask<'p>> {
    let token = panel.url.path().split('/').nth(1).unwrap_or_default();
    Ok(Ask::get(Errand::Fetch, panel.resolve(&format!("/{token}{path}"))?.as_str()).by(panel))
}

type Check = for<'d> fn(&'d Desk<'_>) -> BoxFuture<'d, anyhow::Result<()>>;

macro_rules! checks {
    ($($name:literal: $check:ident;)*) => { &[$(($name, |desk| Box::pin($check(desk)))),*] };
}

/// What people do, and what their browsers do for them. The last one ends the panel.
const CHECKS: &[(&str, Check)] = checks! {
    "page": page;
    "frames": frames;
    "asset": asset;
    "form": form;
    "api": api;
    "events": events;
    "slow page": slow_page;
    "terminal": terminal;
    "download": download;
    "upload": upload;
    "hop": hop;
    "renewal": renewal;
    "logout": logout;
};

async fn page(desk: &Desk<'_>) -> anyhow::Result<()> {
    let again = desk.browser.follow(&desk.whm, desk.whm.url.as_str()).await?;
    again.attribute("whm-home", "data-user")?;
    desk.cpanel.attribute("cpanel-home", "data-user").map(drop)
}

async fn frames(desk: &Desk<'_>) -> anyhow::Result<()> {
    let start = desk.browser.frame(&desk.whm, &desk.whm.attribute("frame-main", "src")?).await?;
    let inner = desk.browser.frame(&start, &start.attribute("frame-inner", "src")?).await?;
    inner.attribute("whm-inner", "data-depth").map(drop)
}

async fn asset(desk: &Desk<'_>) -> anyhow::Result<()> {
    let style = "/cPanel_magic_revision_1700000000/lab/style.css";
    let style = desk.browser.ask(Ask::get(Errand::Style, desk.whm.resolve(style)?.as_str()).by(&desk.whm)).await?;
    ensure!(style.status == 200 && style.text().contains('{'), "{} {}", style.status, style.text());
    Ok(())
}

async fn form(desk: &Desk<'_>) -> anyhow::Result<()> {
    let tweak = desk.browser.frame(&desk.whm, &desk.whm.attribute("link-tweak", "href")?).await?;
    let action = tweak.attribute("tweak-form", "action")?;
    let saved = desk.browser.submit(&tweak, &action, &[("contact", "ops@example.com"), ("limit", "7")]).await?;
    ensure!(saved.text().contains("ops@example.com"), "{} {}", saved.status, saved.text());
    Ok(())
}

async fn api(desk: &Desk<'_>) -> anyhow::Result<()> {
    let answer = desk.browser.ask(ask(&desk.whm, "/json-api/version?api.version=1")?).await?;
    ensure!(answer.status == 200 && answer.json()?.to_string().contains("11."), "{}", answer.text());
    Ok(())
}

async fn whole(desk: &Desk<'_>, ask: Ask<'_>) -> anyhow::Result<Vec<u8>> {
    let answer = desk.browser.stream(ask).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes().to_vec();
    ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&body));
    Ok(body)
}

async fn events(desk: &Desk<'_>) -> anyhow::Result<()> {
    let body = whole(desk, ask(&desk.whm, "/scripts/events.stream")?).await?;
    ensure!(body.ends_with(b"event: end\ndata: end\n\n"), "{}", String::from_utf8_lossy(&body));
    Ok(())
}

async fn slow_page(desk: &Desk<'_>) -> anyhow::Result<()> {
    let page = desk.browser.frame(&desk.whm, &desk.whm.attribute("link-upgrade", "href")?).await?;
    ensure!(page.text().contains("upgrade-end"), "{} {}", page.status, page.text());
    Ok(())
}

async fn terminal(desk: &Desk<'_>) -> anyhow::Result<()> {
    for http in [Http::One, Http::Two] {
        let token = desk.whm.url.path().split('/').nth(1).unwrap_or_default();
        let address = format!("/{token}/websocket/Shell?rows=24&cols=80");
        let mut socket = desk.browser.shake(http, &desk.whm, &address, &[]).await?.opened()?;
        ensure!(socket.next().await? == Some(Message::binary("double# ")), "no greeting");
        socket.send(Message::text("echo")).await?;
        ensure!(socket.next().await? == Some(Message::text("echo")), "no echo");
    }
    Ok(())
}

async fn download(desk: &Desk<'_>) -> anyhow::Result<()> {
    let body = whole(desk, ask(&desk.cpanel, "/download")?).await?;
    let pattern = body.iter().zip((0..251_u8).cycle()).all(|(byte, expected)| *byte == expected);
    ensure!(pattern && body.len() as u64 == desk.server.switches().download_bytes, "{} bytes", body.len());
    Ok(())
}

async fn upload(desk: &Desk<'_>) -> anyhow::Result<()> {
    let ask = ask(&desk.cpanel, "/execute/Fileman/upload_files")?;
    let answer = desk.browser.send(ask, MULTIPART, Sending::File(Upload::of(300_000))).await?;
    let text = String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?;
    ensure!(text.contains("\"succeeded\":1"), "{text}");
    Ok(())
}

/// From the list of accounts towards a customer's cPanel: our own page takes over.
async fn hop(desk: &Desk<'_>) -> anyhow::Result<()> {
    let list = desk.browser.frame(&desk.whm, &desk.whm.attribute("link-accounts", "href")?).await?;
    let hop = desk.browser.follow(&list, &list.attribute("link-cpanel-bob", "href")?).await?;
    ensure!(hop.status == 200 && hop.text().contains("data-announce"), "{} {}", hop.status, hop.text());
    Ok(())
}

/// The server drops the session, and the person notices nothing.
async fn renewal(desk: &Desk<'_>) -> anyhow::Result<()> {
    ensure!(desk.server.expire_sessions() > 0, "there is no session");
    api(desk).await?;
    form(desk).await
}

async fn logout(desk: &Desk<'_>) -> anyhow::Result<()> {
    let left = desk.browser.follow(&desk.whm, &desk.whm.attribute("link-logout", "href")?).await?;
    ensure!(left.status == 200, "{} {}", left.status, left.text());
    let after = desk.browser.ask(ask(&desk.whm, "/json-api/version")?).await?;
    ensure!(matches!(after.status, 401 | 409), "the panel goes on: {}", after.status);
    Ok(())
}

/// What came of each check.
async fn row(stage: &Stage, number: usize, turn: &Turn) -> Vec<(&'static str, anyhow::Result<()>)> {
    let server = stage.world.server(number);
    server.switch(|switches| {
        *switches = Switches {
            trickle_lines: 3,
            trickle_interval: Duration::from_millis(1),
            download_bytes: 300_000,
            ..Switches::default()
        };
        (turn.by)(switches);
    });
    match Desk::open(stage, number).await {
        Ok(desk) => {
            let mut row = vec![("open", Ok(()))];
            for (name, check) in CHECKS {
                let outcome = tokio::time::timeout(crate::stage::PATIENCE, check(&desk)).await;
                row.push((name, outcome.context("it takes for ever").and_then(|outcome| outcome)));
            }
            row
        }
        Err(error) => vec![("open", Err(error))],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_works_whatever_the_server_is_set_to_with_ports() {
    every_row(Style::Ports).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_works_whatever_the_server_is_set_to_with_hosts() {
    every_row(Style::Hosts).await;
}

/// One gateway, three servers, each of which takes a third of the rows.
async fn every_row(style: Style) {
    let stage = Stage::planned(Plan { directory: Some(directory()), ..Plan::tls(style) }).await;
    let installed = Turn { field: "as installed", to: "", by: |_| {}, refused: &[] };
    let turns: Vec<&Turn> = std::iter::once(&installed).chain(TURNS).collect();
    let lanes = (1..=3).map(|number| {
        let (stage, turns) = (&stage, &turns);
        async move {
            let mut rows = Vec::new();
            for (place, turn) in turns.iter().enumerate().skip(number - 1).step_by(3) {
                rows.push((place, row(stage, number, turn).await));
            }
            rows
        }
    });
    let mut rows: Vec<_> = join_all(lanes).await.into_iter().flatten().collect();
    rows.sort_by_key(|(place, _)| *place);

    let mut table = format!("{:68} open", format!("{style:?}"));
    for (name, _) in CHECKS {
        write!(table, " {name}").unwrap();
    }
    let mut surprises = String::new();
    for (place, row) in rows {
        let Turn { field, to, refused, .. } = turns[place];
        write!(table, "\n{:68}", format!("{field} {to}")).unwrap();
        let mut expected: BTreeSet<&str> = refused.iter().map(|(check, _)| *check).collect();
        for (check, outcome) in row {
            let words = refused.iter().find(|(refused, _)| *refused == check).map(|(_, words)| *words);
            let mark = if outcome.is_ok() { "pass" } else { "no" };
            write!(table, " {mark:width$}", width = check.len()).unwrap();
            expected.remove(check);
            match (outcome, words) {
                (Ok(()), None) => {}
                (Err(error), Some(words)) if format!("{error:#}").contains(words) => {}
                (outcome, _) => writeln!(surprises, "{field} {to}: {check}: {outcome:?}").unwrap(),
            }
        }
        assert!(expected.is_empty() || refused.iter().any(|(check, _)| *check == "open"), "{field}: {expected:?}");
    }
    print_table(&table);
    assert!(surprises.is_empty(), "{surprises}");
}

fn print_table(table: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout().lock(), "{table}").unwrap();
}

/// Every switch that there is stands in the table, or beside it with a reason.
#[test]
fn no_switch_is_left_out() {
    let all = format!("{:#?}", Switches::default());
    let fields = all.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    let fields: BTreeSet<&str> = fields.map(|(name, _)| name).filter(|name| !name.starts_with(' ')).collect();
    let turned = TURNS.iter().map(|turn| turn.field);
    let known: BTreeSet<&str> = turned.chain(ELSEWHERE.iter().map(|(field, _)| *field)).collect();
    assert_eq!(fields, known);
}
