//! The table of metrics in `docs/operations.md`, row by row: each is offered with the labels that it names and no
//! others, nothing is offered beside them, one afternoon moves each, and nothing that a stranger sends is a label.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use futures_util::future::join_all;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::cpsrvd::ApiToken;
use lab::loopback;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;
use tokio::time::Instant;

use crate::fleet;
use crate::raw::Raw;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::operations;

/// A label as the table has it: its name, and its values where they are all named.
type Labels = BTreeMap<String, BTreeSet<String>>;

/// The words in backticks of a text.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The rows: metric and labels.
fn table() -> BTreeMap<String, Labels> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `panelgate_"));
    rows.map(|row| {
        let [_, metric, labels, ..] = *row.split('|').collect::<Vec<_>>() else { panic!("{row}") };
        let mut found = Labels::new();
        // `a`, `b` (`its`, `values`), `c`: the values are those of the label before them.
        for part in labels.split("),") {
            let (names, values) = part.split_once('(').unwrap_or((part, "…"));
            found.extend(quoted(names).map(|name| (name, BTreeSet::new())));
            if let (Some(name), false) = (quoted(names).last(), values.contains('…')) {
                found.insert(name, quoted(values).collect());
            }
        }
        (quoted(metric).next().unwrap(), found)
    })
    .collect()
}

/// The labels of a sample, and its value.
type Sample = (BTreeMap<String, String>, f64);

/// The samples of a page, by metric. Buckets count for their histogram.
fn samples(page: &str) -> BTreeMap<String, Vec<Sample>> {
    let histograms: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram")).collect();
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let pairs = labels.split("\",").filter(|pair| !pair.is_empty());
        let mut labels: BTreeMap<String, String> = pairs
            .map(|pair| pair.trim_end_matches('"').split_once("=\"").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let whole = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        let name = whole.filter(|whole| histograms.contains(whole)).unwrap_or(name);
        if histograms.contains(name) {
            labels.remove("le");
        }
        found.entry(name.to_owned()).or_default().push((labels, value.parse().unwrap()));
    }
    found
}

async fn page(stage: &Stage) -> String {
    stage.operations("/metrics", "*/*").await.1
}

/// A world that is watched and traced, with one token that ends, before anybody has come.
async fn before_anybody() -> Stage {
    let more = format!(
        "[fleet]\nwatch_minutes = 1440\n[telemetry]\notlp_endpoint = \"http://127.0.0.1:{}\"\nsample_percent = 100\n\
         [limits]\naudit_queue = 16\n",
        loopback::localhost_port().unwrap()
    );
    let world = fleet::world(&more).await;
    fleet::fill(&world).await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = ApiToken { expires_at: Some(now + 24 * 3600), ..ApiToken::new("root", "ends") };
    world.server(1).add_token(token.clone());
    let set = ["vault", "set", "web1", "--token-name", "ends"];
    fleet::panelgate(&world, &set, token.secret.as_bytes()).await.done();
    let gateway = lab::gateway::Gateway::spawn(BINARY, &world).await.unwrap();
    Stage { world, gateway }
}

/// What happens on some afternoon. The terminal stays open with what is given back.
async fn an_afternoon(stage: &Stage) -> impl Sized {
    let (browser, console) = stage.signed_in("sam").await;
    let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
    browser.ask_to_open(&console, "web3", "whostmgrd", "root").await.unwrap();
    let token = panel.url.path().split('/').nth(1).unwrap();
    let address = format!("/{token}/websocket/Shell?rows=24&cols=80");
    let terminal = browser.shake(Http::One, &panel, &address, &[]).await.unwrap().opened().unwrap();
    fleet::look_from_outside(&stage.world).await;
    let renewed = stage.world.authority.issue_until(&["connect.example.com", "*.connect.example.com"], 4_000_000_000);
    let renewed = renewed.unwrap();
    std::fs::write(stage.world.folder().join("gateway.pem"), &renewed.certificate).unwrap();
    std::fs::write(stage.world.folder().join("gateway.key"), &renewed.key).unwrap();
    std::fs::write(stage.world.folder().join("directory.toml"), "no directory").unwrap();
    // More at once than the audit log has places for.
    let deadline = Instant::now() + PATIENCE;
    while page(stage).await.contains("panelgate_audit_shed_total 0\n") {
        assert!(Instant::now() < deadline, "every record finds room");
        for answer in join_all((0..50).map(|_| browser.fetch(&panel, panel.url.as_str()))).await {
            assert_eq!(answer.unwrap().status, 200);
        }
    }
    (browser, panel, terminal)
}

#[tokio::test]
async fn every_metric_of_the_table_is_offered_and_moves() {
    let table = table();
    assert!(table.len() > 25, "{}", table.len());
    let stage = before_anybody().await;
    let start = samples(&page(&stage).await);
    let open = an_afternoon(&stage).await;
    // Some are counted a moment later: by whoever looks every few seconds, or when a collector did not answer.
    let deadline = Instant::now() + PATIENCE;
    let (text, still) = loop {
        let text = page(&stage).await;
        let now = samples(&text);
        let still: Vec<String> = table.keys().filter(|name| now.get(*name) == start.get(*name)).cloned().collect();
        // What the program is does not change; the log's own has a test of its own.
        let fixed = ["panelgate_build_info", "panelgate_log_left_out_total", "panelgate_start_time_seconds"];
        if still == fixed || Instant::now() > deadline {
            break (text, still);
        }
    };
    assert_eq!(
        still,
        ["panelgate_build_info", "panelgate_log_left_out_total", "panelgate_start_time_seconds"],
        "the others move\n{text}"
    );
    let now = samples(&text);
    for (name, labels) in &table {
        let series = now.get(name).unwrap_or_else(|| panic!("{name} is not offered\n{text}"));
        for (found, _) in series {
            assert!(found.keys().eq(labels.keys()), "{name} has {found:?}, and the table says {labels:?}");
            for (label, value) in found {
                assert!(labels[label].is_empty() || labels[label].contains(value), "{name}: {label}=\"{value}\"");
            }
        }
    }
    let unknown: Vec<&String> = now.keys().filter(|name| !table.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "not in the table: {unknown:?}");
    let at_least =
        |name: &str, least: f64| assert!(now[name].iter().any(|(_, value)| *value >= least), "{name}\n{text}");
    at_least("panelgate_build_info", 1.0);
    at_least("panelgate_start_time_seconds", 1_700_000_000.0);
    at_least("panelgate_websockets_open", 1.0);
    at_least("panelgate_streams_open", 1.0);
    at_least("panelgate_sessions_open", 1.0);
    at_least("panelgate_server_token_expiry_seconds", 1_700_000_000.0);
    drop(open);
}

/// As many series after a thousand inventions as after one of each kind.
#[tokio::test]
async fn nothing_that_a_stranger_sends_becomes_a_label() {
    const MARK: &str = "zqxj";
    let stage = Stage::new(Style::Ports).await;
    stage.ready().await;
    let invent = async |number: u32| {
        let mut raw = Raw::connect(&stage, "connect.example.com", 443).await;
        for (method, path, host) in [
            ("GET", format!("/{MARK}{number}"), "connect.example.com".to_owned()),
            (&*format!("{MARK}{number}").to_ascii_uppercase(), "/".to_owned(), "connect.example.com".to_owned()),
            ("GET", "/".to_owned(), format!("{MARK}{number}.connect.example.com")),
        ] {
            let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {MARK}{number}\r\n\r\n");
            if raw.exchange(&head).await.0 == 0 {
                raw = Raw::connect(&stage, "connect.example.com", 443).await;
            }
        }
        let stranger = stage.browser();
        let callback = format!("/callback/sso?code={MARK}{number}&state={MARK}{number}&error={MARK}{number}");
        stranger.ask(Ask::get(Errand::Page, &stage.console(&callback))).await.unwrap();
    };
    invent(0).await;
    let series = |page: &str| page.lines().filter(|line| !line.starts_with('#')).count();
    let first = series(&page(&stage).await);
    for number in 1..30 {
        invent(number).await;
    }
    let last = page(&stage).await;
    assert!(!last.to_ascii_lowercase().contains(MARK), "{last}");
    assert_eq!(series(&last), first, "{last}");
}

#[tokio::test]
async fn lines_of_the_log_that_nobody_takes_are_counted() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--config").arg(world.config()).stdin(Stdio::null()).stdout(Stdio::null());
    // A pipe that is never read.
    let child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "nothing is ever left out");
        let answer = operations(world.operations(), "/metrics", "*/*").await;
        let Ok((200, page)) = answer else {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        if !page.contains("panelgate_log_left_out_total 0\n") {
            break;
        }
        // Nobody waits for whoever does not read. Each of these is a long line.
        let browser = Browser::new(&world).unwrap();
        let url = format!("{}/{}", world.console(), "x".repeat(4000));
        for answer in join_all((0..20).map(|_| browser.visit(&url))).await {
            answer.unwrap();
        }
    }
    drop(child);
}
