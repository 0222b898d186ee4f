//! The directory while the gateway serves: another version takes effect at once and as a whole, or not at all.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::world::Style;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::stage::Stage;
use crate::stage::outcome;
use crate::stage::problem;
use crate::stage::until;

pub(crate) fn file(stage: &Stage) -> PathBuf {
    stage.world.folder().join("directory.toml")
}

pub(crate) fn read(stage: &Stage) -> String {
    std::fs::read_to_string(file(stage)).unwrap()
}

/// Puts another file in the place of one, as editors and deployments do.
pub(crate) fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// The directory without the rules that say this.
fn without(text: &str, mark: &str) -> String {
    let parts: Vec<&str> = text.split("[[rules]]").collect();
    let kept: Vec<&str> = parts.iter().copied().filter(|part| !part.contains(mark)).collect();
    assert!(kept.len() < parts.len(), "{mark} stands in no rule");
    kept.join("[[rules]]")
}

/// The reloads on record.
pub(crate) fn reloads(stage: &Stage) -> Vec<Value> {
    stage.events().into_iter().filter(|event| event["kind"] == "config.reload").collect()
}

/// Waits for one more reload than there were, and gives it.
pub(crate) async fn reloaded(stage: &Stage, before: usize) -> Value {
    until("a reload", || reloads(stage).len() > before).await;
    reloads(stage).remove(before)
}

/// Replaces the directory and waits until it is in force.
pub(crate) async fn change(stage: &Stage, text: &str) -> Value {
    let before = reloads(stage).len();
    put(&file(stage), text);
    let event = reloaded(stage, before).await;
    assert_eq!(event["outcome"], "succeeded", "{event}");
    event
}

/// An event stream of web1's WHM that never ends by itself.
pub(crate) async fn listening(stage: &Stage, browser: &Browser, panel: &Page) -> Incoming {
    stage.world.server(1).switch(|switches| {
        switches.trickle_lines = 100_000;
        switches.trickle_interval = std::time::Duration::from_millis(20);
    });
    let url = panel.resolve("scripts/events.stream").unwrap();
    let response = browser.stream(Ask::get(Errand::Fetch, url.as_str()).by(panel)).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    body
}

/// A terminal on web1.
pub(crate) async fn terminal(browser: &Browser, panel: &Page) -> TokioIo<hyper::upgrade::Upgraded> {
    let url = panel.resolve("websocket/Shell").unwrap();
    let ask = Ask::get(Errand::WebSocket, url.as_str())
        .by(panel)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let response = browser.stream(ask).await.unwrap();
    assert_eq!(response.status(), 101);
    TokioIo::new(hyper::upgrade::on(response).await.unwrap())
}

#[tokio::test]
async fn who_loses_access_is_cut_and_nobody_else() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let panel = ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let other = ada.open(&console, "web2", "whostmgrd", "root").await.unwrap();
    let mut stream = listening(&stage, &ada, &panel).await;
    let mut shell = terminal(&ada, &panel).await;
    let (sam, console_of_sam) = stage.signed_in("sam").await;
    let panel_of_sam = sam.open(&console_of_sam, "web1", "whostmgrd", "support").await.unwrap();
    let mut stream_of_sam = listening(&stage, &sam, &panel_of_sam).await;

    // Administrators lose web1 and keep the others.
    let before = read(&stage);
    let event = change(&stage, &before.replacen(r#"["web1", "web2", "web3"]"#, r#"["web2", "web3"]"#, 1)).await;
    let swapped = std::time::Instant::now();
    while let Some(frame) = stream.frame().await {
        if frame.is_err() {
            break;
        }
    }
    let mut rest = Vec::new();
    // However the socket ends, it ends.
    drop(shell.read_to_end(&mut rest).await);
    assert!(swapped.elapsed() < std::time::Duration::from_secs(1), "{:?} after the record", swapped.elapsed());
    stream_of_sam.frame().await.unwrap().expect("others notice nothing");
    assert_eq!(ada.fetch(&other, other.url.as_str()).await.unwrap().status, 200, "nor their other servers");

    let refused = ada.fetch(&panel, panel.url.as_str()).await.unwrap();
    assert_eq!(refused.status, 403);
    let denied = stage.events().into_iter().rfind(|event| event["kind"] == "access.denied").unwrap();
    assert_eq!(denied["directory"], event["directory"], "the version that judged");
    let cut = stage.events().into_iter().find(|event| event["kind"] == "panel.cut").unwrap();
    assert_eq!(outcome(&cut), "succeeded access_lost");
    assert_eq!(
        (&cut["server"], &cut["service"], &cut["account"], &cut["subject"]["sub"]),
        (&"web1".into(), &"whostmgrd".into(), &"root".into(), &"sub-of-ada".into())
    );
    assert_eq!(stage.outcomes("panel.cut").len(), 1);

    // And back again, without signing in.
    change(&stage, &before).await;
    assert_eq!(ada.open(&console, "web1", "whostmgrd", "root").await.unwrap().status, 200);
}

#[tokio::test]
async fn who_gains_access_need_not_sign_in_again() {
    let stage = Stage::new(Style::Hosts).await;
    let (sam, console) = stage.signed_in("sam").await;
    let answer = sam.ask_to_open(&console, "web3", "whostmgrd", "root").await.unwrap();
    assert_eq!(answer.status, 403);
    let rule =
        "[[rules]]\nrole_group = \"Support\"\nservers = [\"web3\"]\nservices = [\"whostmgrd\"]\naccount = \"root\"\n";
    change(&stage, &format!("{}{rule}", read(&stage))).await;
    assert_eq!(sam.open(&console, "web3", "whostmgrd", "root").await.unwrap().status, 200);
    assert!(sam.visit(&stage.console("/")).await.unwrap().text().contains("Customer machine"));
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_served_and_a_new_one_is() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let panel = ada.open(&console, "web3", "whostmgrd", "root").await.unwrap();
    let before = read(&stage);
    change(&stage, &before.replace("id = \"web3\"", "id = \"web9\"").replace("\"web3\"]", "\"web9\"]")).await;
    assert_eq!(ada.fetch(&panel, panel.url.as_str()).await.unwrap().status, 421);
    assert_eq!(stage.outcomes("panel.cut"), ["succeeded server_changed"]);
    // The world's names lead any name to the gateway, and the certificate is for all of them.
    assert_eq!(ada.open(&console, "web9", "whostmgrd", "root").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_server_entry_that_changes_closes_its_panel_sessions() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let panel = ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let mut stream = listening(&stage, &ada, &panel).await;
    let before = read(&stage);
    // The name that people see is no reason to close anything.
    change(&stage, &before.replace("Shared hosting 1", "Shared hosting one")).await;
    stream.frame().await.unwrap().unwrap();
    assert_eq!(stage.outcomes("panel.cut"), [""; 0]);
    // Another token is.
    let secret = stage.world.folder().join("web1-token");
    std::fs::copy(&secret, stage.world.folder().join("web1-token-2")).unwrap();
    change(&stage, &before.replace("file:web1-token\"", "file:web1-token-2\"")).await;
    while let Some(frame) = stream.frame().await {
        if frame.is_err() {
            break;
        }
    }
    assert_eq!(stage.outcomes("panel.cut"), ["succeeded server_changed"]);
    assert_eq!(ada.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200, "the page goes on, under a new one");
    assert_eq!(stage.outcomes("panel.open"), ["begun", "succeeded", "begun", "succeeded"]);
}

#[tokio::test]
async fn a_bad_directory_leaves_the_old_one_in_force_and_says_so() {
    let stage = Stage::new(Style::Ports).await;
    let (sam, console) = stage.signed_in("sam").await;
    let path = file(&stage);
    let good = read(&stage);
    let half = good.get(..good.len() / 2).unwrap();
    let broken: [(&str, &dyn Fn(), &str); 5] = [
        ("half-written", &|| put(&path, &format!("{half}\nname = \"")), "directory.toml:"),
        ("not text", &|| std::fs::write(&path, b"\xff\xfe").unwrap(), "not UTF-8"),
        ("deleted", &|| std::fs::remove_file(&path).unwrap(), "directory.toml"),
        ("no server of that name", &|| put(&path, &good.replacen("\"web2\"]", "\"web22\"]", 1)), "web22"),
        (
            "a secret in the wrong place",
            &|| put(&path, &good.replace("file:web1-token\"", "hunter2hunter2hunter2\"")),
            "must say where the secret is",
        ),
    ];
    for (count, (what, break_it, told)) in broken.iter().enumerate() {
        break_it();
        let event = reloaded(&stage, count).await;
        assert_eq!(outcome(&event), "failed config_refused", "{what}");
        assert!(event["detail"].as_str().unwrap().contains(told), "{what}: {event}");
        assert!(!event.to_string().contains("hunter2"));
        assert_eq!(sam.fetch(&console, "/api/session").await.unwrap().status, 204, "{what}");
        let answer = sam.ask_to_open(&console, "web3", "whostmgrd", "root").await.unwrap();
        assert_eq!(problem(&answer).0, "no_rule_for_server", "{what}");
        let denied = stage.events().into_iter().rfind(|event| event["kind"] == "access.denied").unwrap();
        assert_eq!(denied["directory"], event["directory"], "the version in force: {what}");
    }
    stage.gateway.wait_for_output("the configuration was refused; the old one stays in force").await.unwrap();
    assert!(!stage.gateway.output().contains("hunter2"));
    assert_eq!(sam.open(&console, "web1", "whostmgrd", "support").await.unwrap().status, 200);
    // Put right, it is used; the same content as at the start is no other version.
    put(&path, &format!("{good}\n# put right\n"));
    let event = reloaded(&stage, broken.len()).await;
    assert_eq!(event["outcome"], "succeeded");
}

#[tokio::test]
async fn a_directory_that_fails_its_tests_is_refused() {
    let tests =
        "[[tests]]\ngroups = [\"whm-support\"]\nserver = \"web3\"\nservice = \"whostmgrd\"\nexpect = \"deny\"\n";
    let world = lab::world::World::start(lab::world::Plan::tls(Style::Ports)).await.unwrap();
    std::fs::write(world.folder().join("access-tests.toml"), tests).unwrap();
    let main = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), format!("access_tests = [\"access-tests.toml\"]\n{main}")).unwrap();
    let gateway = lab::gateway::Gateway::spawn(crate::stage::BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let good = read(&stage);
    let rule =
        "[[rules]]\nrole_group = \"Support\"\nservers = [\"web3\"]\nservices = [\"whostmgrd\"]\naccount = \"root\"\n";
    put(&file(&stage), &format!("{good}{rule}"));
    let event = reloaded(&stage, 0).await;
    assert_eq!(outcome(&event), "failed config_refused");
    let detail = event["detail"].as_str().unwrap();
    assert!(
        detail.contains("access-tests.toml:1: a test of access fails: expected \"deny\", found \"allow as root"),
        "{detail}"
    );
    // With the test changed as well, it passes.
    put(&stage.world.folder().join("access-tests.toml"), &tests.replace("deny", "allow as root"));
    assert_eq!(reloaded(&stage, 1).await["outcome"], "succeeded");
}

#[tokio::test]
async fn a_signal_and_swapped_links_are_noticed() {
    let stage = Stage::new(Style::Ports).await;
    let good = read(&stage);
    // As Kubernetes mounts it: the file is a link into a folder that is itself a link, which is swapped.
    let folder = stage.world.folder();
    for (version, text) in [("..1", good.clone()), ("..2", format!("{good}\n# two\n"))] {
        std::fs::create_dir(folder.join(version)).unwrap();
        std::fs::write(folder.join(version).join("directory.toml"), text).unwrap();
        for name in ["web1-token", "web2-token", "web3-token", "authority.pem"] {
            std::fs::copy(folder.join(name), folder.join(version).join(name)).unwrap();
        }
    }
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/directory.toml", folder.join("directory.new")).unwrap();
    std::fs::rename(folder.join("directory.new"), file(&stage)).unwrap();
    symlink("..2", folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    let event = reloaded(&stage, 0).await;
    assert_eq!(event["outcome"], "succeeded", "{event}");
    stage.gateway.signal("HUP").await.unwrap();
    stage.gateway.wait_for_output("the directory was read again and is the same").await.unwrap();
    assert_eq!(reloads(&stage).len(), 1, "nothing has changed");
    // What needs a restart is said, and not done.
    let main = std::fs::read_to_string(stage.world.config()).unwrap();
    put(&stage.world.config(), &format!("{main}\n[limits]\nopen_seconds = 7\n"));
    stage.gateway.wait_for_output("changes in [limits] take effect with the next start").await.unwrap();
}

#[tokio::test]
async fn in_a_storm_of_changes_every_request_meets_one_version() {
    let stage = Stage::new(Style::Ports).await;
    let (sam, console) = stage.signed_in("sam").await;
    let good = read(&stage);
    let less = without(&good, "account = \"bob\"");
    let path = file(&stage);
    let storm = async {
        for round in 0..40 {
            put(&path, if round % 2 == 0 { &less } else { &good });
            tokio::time::sleep(std::time::Duration::from_millis(70)).await;
        }
        put(&path, &less);
    };
    let asking = async {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..30 {
            let answer = sam.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap();
            assert!(answer.status == 200 || answer.status == 403 || answer.status == 503, "{}", answer.text());
            if answer.status == 503 {
                assert_eq!(problem(&answer).0, "panel_session_cut");
            }
            seen.insert(answer.status);
        }
        seen
    };
    let ((), seen) = tokio::join!(storm, asking);
    assert!(!seen.is_empty());
    // The last one stays.
    stage.gateway.signal("HUP").await.unwrap();
    until("the last version is in force", || {
        let events = reloads(&stage);
        events.last().is_some_and(|event| event["outcome"] == "succeeded")
    })
    .await;
    let mut status = 200;
    let deadline = tokio::time::Instant::now() + crate::stage::PATIENCE;
    while status != 403 {
        assert!(tokio::time::Instant::now() < deadline, "the last version never came");
        status = sam.ask_to_open(&console, "web2", "cpaneld", "bob").await.unwrap().status;
    }
    assert!(reloads(&stage).iter().all(|event| event["outcome"] == "succeeded"), "none was read half");
}
