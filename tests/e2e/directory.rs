//! The directory while the gateway serves: hours that pass, other files, and consoles that follow.

use std::time::Duration;

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Errand;
use lab::world::Plan;
use lab::world::Style;
use panelgate::model::Clock as _;
use panelgate::model::SystemClock;
use panelgate::model::Timestamp;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::notices::listen;
use crate::reload::change;
use crate::reload::file;
use crate::reload::listening;
use crate::reload::put;
use crate::reload::read;
use crate::reload::reloaded;
use crate::reload::reloads;
use crate::reload::terminal;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::outcome;
use crate::stage::problem;
use crate::stage::until;

const WEB3_FOR_SUPPORT: &str =
    "[[rules]]\nrole_group = \"Support\"\nservers = [\"web3\"]\nservices = [\"whostmgrd\"]\naccount = \"root\"\n";

#[tokio::test]
async fn a_rule_whose_time_is_over_cuts_what_it_opened() {
    let stage = Stage::new(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let panel = ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let mut stream = listening(&stage, &ada, &panel).await;
    let mut shell = terminal(&ada, &panel).await;
    let (sam, console_of_sam) = stage.signed_in("sam").await;
    let panel_of_sam = sam.open(&console_of_sam, "web1", "whostmgrd", "support").await.unwrap();
    let mut stream_of_sam = listening(&stage, &sam, &panel_of_sam).await;

    let end = SystemClock.now().plus(Duration::from_secs(4));
    let limited = format!("servers = [\"web1\", \"web2\", \"web3\"]\nexpires = {end}");
    change(&stage, &read(&stage).replacen("servers = [\"web1\", \"web2\", \"web3\"]", &limited, 1)).await;
    assert_eq!(stage.outcomes("panel.cut"), [""; 0], "its time has not come");
    // However they end, they end.
    while timeout(PATIENCE, stream.frame()).await.expect("the stream ends").is_some_and(|frame| frame.is_ok()) {}
    timeout(PATIENCE, shell.read_to_end(&mut Vec::new())).await.expect("the terminal ends").ok();

    // It is cut first, and recorded then.
    until("the cut on record", || !stage.outcomes("panel.cut").is_empty()).await;
    let cut = stage.events().into_iter().find(|event| event["kind"] == "panel.cut").unwrap();
    assert_eq!((outcome(&cut).as_str(), &cut["account"]), ("succeeded access_lost", &"root".into()));
    let at: Timestamp = cut["time"].as_str().unwrap().parse().unwrap();
    assert!(at >= end && at.since(end) < Duration::from_secs(5), "cut at {at}, the rule ended at {end}");
    stream_of_sam.frame().await.unwrap().expect("others notice nothing");
    assert_eq!(ada.fetch(&panel, panel.url.as_str()).await.unwrap().status, 403);
    assert_eq!(problem(&ada.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap()).0, "expired");
}

#[tokio::test]
async fn a_folder_takes_the_place_of_a_file() {
    let stage = Stage::new(Style::Ports).await;
    let (sam, console) = stage.signed_in("sam").await;
    let folder = stage.world.folder().join("directory");
    std::fs::create_dir(&folder).unwrap();
    let whole = read(&stage).replace("file:", "file:../").replace("\"authority.pem\"", "\"../authority.pem\"");
    let (servers, rest) = whole.split_at(whole.find("[[role_groups]]").unwrap());
    std::fs::write(folder.join("servers.toml"), servers).unwrap();
    std::fs::write(folder.join("people.toml"), rest).unwrap();
    let main = std::fs::read_to_string(stage.world.config()).unwrap();
    put(&stage.world.config(), &main.replace("\"directory.toml\"", "\"directory\""));
    assert_eq!(reloaded(&stage, 0).await["outcome"], "succeeded");
    sam.open(&console, "web1", "whostmgrd", "support").await.unwrap();
    let opened = stage.events().into_iter().rfind(|event| event["kind"] == "panel.open").unwrap();
    assert!(opened["rule"].as_str().unwrap().starts_with("directory/people.toml:"), "{opened}");

    // The old file counts no more; a new one in the folder does.
    std::fs::remove_file(file(&stage)).unwrap();
    put(&folder.join("web3.toml"), WEB3_FOR_SUPPORT);
    assert_eq!(reloaded(&stage, 1).await["outcome"], "succeeded");
    sam.open(&console, "web3", "whostmgrd", "root").await.unwrap();
    std::fs::remove_file(folder.join("web3.toml")).unwrap();
    assert_eq!(reloaded(&stage, 2).await["outcome"], "succeeded");
    let answer = sam.ask_to_open(&console, "web3", "whostmgrd", "root").await.unwrap();
    assert_eq!(problem(&answer).0, "no_rule_for_server");
    assert_eq!(reloads(&stage).len(), 3);
}

#[tokio::test]
async fn an_open_console_hears_that_its_list_is_another() {
    let stage = Stage::new(Style::Ports).await;
    let (sam, console) = stage.signed_in("sam").await;
    let mark = console.text().split("data-mark=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut stream = listen(&sam, &console).await;
    let list = async || sam.fetch(&console, "/api/list").await.unwrap();
    let before = list().await;
    assert_eq!((before.status, before.text().contains("web3"), before.text().contains(&mark)), (200, false, true));
    change(&stage, &format!("{}{WEB3_FOR_SUPPORT}", read(&stage))).await;
    let told = timeout(PATIENCE, stream.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap();
    assert_eq!(told, "event: list\ndata: changed\n\n");
    let after = list().await.text();
    assert!(after.contains("data-server=\"web3\"") && after.contains("4 ways") && !after.contains(&mark), "{after}");

    // Whoever comes back to a page that has missed it is told at once, and nobody else.
    for (known, first) in [(mark.as_str(), "event: list\ndata: changed\n\n"), (mark_of(&after), ": listening\n\n")] {
        let url = console.resolve(&format!("/api/notices?list={known}")).unwrap();
        let answer = sam.stream(Ask::get(Errand::Fetch, url.as_str()).by(&console)).await.unwrap();
        let told = answer.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(told, first);
    }
    // Nor is it told to whoever is not signed in.
    let stranger = stage.browser();
    assert_eq!(stranger.fetch(&console, "/api/list").await.unwrap().status, 401);
}

fn mark_of(list: &str) -> &str {
    list.split("data-mark=\"").nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn a_console_hears_of_other_groups_too() {
    let stage = Stage::planned(Plan::tls(Style::Ports)).await;
    stage.world.provider.set(|wrong| wrong.token_response = vec![lab::provider::Patch::set("expires_in", 1)]);
    let (sam, console) = stage.signed_in("sam").await;
    let mut stream = listen(&sam, &console).await;
    stage.world.provider.change_users(|users| users[1].groups.push("whm-admins".into()));
    let told = timeout(PATIENCE, stream.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap();
    assert_eq!(told, "event: list\ndata: changed\n\n");
    assert!(sam.fetch(&console, "/api/list").await.unwrap().text().contains("data-server=\"web3\""));
}

#[tokio::test]
async fn a_refused_directory_shows_in_readiness_and_metrics_until_it_is_mended() {
    let stage = Stage::new(Style::Ports).await;
    stage.ready().await;
    let good = read(&stage);
    let check = async || {
        let (status, json) = stage.operations("/readyz", "application/json").await;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let check =
            json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "directory").unwrap().clone();
        (status, check["ok"].as_bool().unwrap(), check["wrong"].as_str().unwrap_or_default().to_owned())
    };
    put(&file(&stage), "[[rules]]\n");
    assert_eq!(outcome(&reloaded(&stage, 0).await), "failed config_refused");
    let (status, is_well, wrong) = check().await;
    assert_eq!((status, is_well), (200, false), "people are served by the old one");
    assert!(wrong.contains("the configuration was refused, the one before it is in force"), "{wrong}");
    let (_, metrics) = stage.operations("/metrics", "*/*").await;
    assert!(metrics.contains("panelgate_reloads_total{outcome=\"failed\"} 1"), "{metrics}");

    change(&stage, &format!("{good}\n# mended\n")).await;
    assert_eq!(check().await, (200, true, String::new()));
    let (_, metrics) = stage.operations("/metrics", "*/*").await;
    assert!(metrics.contains("panelgate_reloads_total{outcome=\"succeeded\"} 1"), "{metrics}");
}
