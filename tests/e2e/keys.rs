//! Changing the server key while people work: nobody is signed out, and nothing that was ended comes back.

use std::fs;
use std::net::IpAddr;

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::provider::IdTokenFault;
use lab::world::Replica;
use lab::world::Style;
use lab::world::World;
use tokio::process::Command;

use crate::fleet::panelgate;
use crate::raw::Raw;
use crate::replicas::Cluster;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::until;

/// Another key than the one that the clusters begin with.
const NEW: &str = "YW5vdGhlci1zZXJ2ZXIta2V5LS0wMTIzNDU2Nzg5MDE=";

async fn restarted(stage: Stage) -> Stage {
    let Stage { world, gateway } = stage;
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    Stage { world, gateway }
}

/// Whether somebody is signed in, asked as the script of their page asks.
async fn lives(browser: &Browser, console: &Page) -> bool {
    let mark = console.text().split("data-person=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let url = console.resolve("/api/session").unwrap();
    let ask = Ask::get(Errand::Fetch, url.as_str()).by(console).header("panelgate-person", &mark);
    match browser.ask(ask).await.unwrap().status {
        204 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// Has the gateway at this address told by the provider; gives the status.
async fn told(world: &World, gateway: IpAddr, token: &str) -> u16 {
    let form = format!("logout_token={token}");
    let mut raw = Raw::connect_to(world, gateway, "connect.example.com", 443).await;
    let request = format!(
        "POST /backchannel-logout HTTP/1.1\r\nHost: connect.example.com\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    raw.exchange(&request).await.0
}

#[tokio::test]
async fn a_gateway_changes_its_server_key_and_nobody_notices() {
    let stage = Stage::new(Style::Ports).await;
    stage.signed_in("sam").await;
    let used = stage.world.provider.logout_token("sam", &[IdTokenFault::missing("sid")]).unwrap();
    assert_eq!(told(&stage.world, stage.world.gateway(), &used).await, 200);
    let (ada, at_ada) = stage.signed_in("ada").await;
    let (sam, at_sam) = stage.signed_in("sam").await;
    let panel = ada.open(&at_ada, "web1", "whostmgrd", "root").await.unwrap();
    let key = stage.world.folder().join("state/server.key");
    let before = fs::read(&key).unwrap();

    let said = panelgate(&stage.world, &["keys", "rotate"], b"").await.done();
    assert!(said.out.contains("there is a new server key"), "{}", said.out);
    assert_ne!(fs::read(&key).unwrap(), before);
    until("it is on record", || stage.outcomes("vault.changed") == ["begun server_key_rotated"]).await;
    let stage = restarted(stage).await;
    assert!(lives(&ada, &at_ada).await && lives(&sam, &at_sam).await);
    assert_eq!(ada.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    assert_eq!(stage.outcomes("sign_in").len(), 3, "nobody has signed in again");
    let again = panelgate(&stage.world, &["keys", "rotate"], b"").await;
    assert!(again.code == 70 && again.err.contains("is still kept"), "{}", again.err);
    let status = panelgate(&stage.world, &["keys", "status"], b"").await;
    let lines: Vec<Vec<&str>> = status.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((status.code, lines[1][1..3].to_vec()), (1, vec!["seals", "0"]), "{}", status.out);
    assert_eq!(lines[2][1..4].to_vec(), ["opens", "2", "1"], "{}", status.out);
    let kept = panelgate(&stage.world, &["keys", "forget"], b"").await;
    assert!(kept.code == 1 && kept.err.contains("3 records need"), "{}", kept.err);

    // What was ended stays so, and what is named by marks of before is found.
    assert_eq!(told(&stage.world, stage.world.gateway(), &used).await, 400, "a logout token is good once");
    let token = stage.world.provider.logout_token("ada", &[]).unwrap();
    assert_eq!(told(&stage.world, stage.world.gateway(), &token).await, 200);
    assert!(!lives(&ada, &at_ada).await && lives(&sam, &at_sam).await);
    assert_eq!(ada.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    // New sessions need the new key alone.
    let (ada, at_ada) = stage.signed_in("ada").await;
    sam.submit(&at_sam, "/sign-out", &[]).await.unwrap();
    panelgate(&stage.world, &["keys", "status"], b"").await.done();
    panelgate(&stage.world, &["keys", "forget"], b"").await.done();
    assert!(!stage.world.folder().join("state/server.key.former").exists());
    let stage = restarted(stage).await;
    assert!(lives(&ada, &at_ada).await && !lives(&sam, &at_sam).await);
    panelgate(&stage.world, &["keys", "rotate"], b"").await.done();
}

fn change(replica: &Replica, from: &str, to: &str) {
    let text = fs::read_to_string(replica.config()).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(replica.config(), text.replace(from, to)).unwrap();
}

async fn begun_again(world: &World, replica: &Replica, gateway: Gateway) -> Gateway {
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    Gateway::spawn_replica(BINARY, world, replica).await.unwrap()
}

#[tokio::test]
async fn gateways_change_the_key_that_they_share_one_after_the_other() {
    let Cluster { world, database: _database, one: (one, mut first), two: (two, mut second) } =
        Cluster::start("").await;
    fs::write(world.folder().join("new-key"), format!("{NEW}\n")).unwrap();
    let at = |replica: &Replica| {
        let mut browser = Browser::new(&world).unwrap();
        browser.lead_to(&world, replica.ip()).unwrap();
        browser
    };
    let mut ada = at(&one);
    let at_ada = ada.sign_in("ada").await.unwrap();
    let panel = ada.open(&at_ada, "web1", "whostmgrd", "root").await.unwrap();
    let refused = panelgate_at(&one, &["keys", "rotate"]).await;
    assert!(refused.contains("the gateways share the server key"), "{refused}");

    // First all of them learn to open what the new one seals, then one after the other seals with it.
    let (old, learnt) = (
        "server_key = \"file:server-key\"",
        "server_key = \"file:server-key\"\nother_server_keys = [\"file:new-key\"]",
    );
    let new = "server_key = \"file:new-key\"\nother_server_keys = [\"file:server-key\"]";
    change(&one, old, learnt);
    first = begun_again(&world, &one, first).await;
    change(&two, old, learnt);
    second = begun_again(&world, &two, second).await;
    change(&one, learnt, new);
    first = begun_again(&world, &one, first).await;

    // One seals with the new key, the other with the old one: each serves the people of both.
    let mut sam = at(&one);
    let at_sam = sam.sign_in("sam").await.unwrap();
    let panel_of_sam = sam.open(&at_sam, "web1", "whostmgrd", "support").await.unwrap();
    for replica in [&two, &one, &two] {
        for (browser, console, panel) in [(&mut ada, &at_ada, &panel), (&mut sam, &at_sam, &panel_of_sam)] {
            browser.lead_to(&world, replica.ip()).unwrap();
            assert!(lives(browser, console).await);
            assert_eq!(browser.fetch(panel, panel.url.as_str()).await.unwrap().status, 200);
        }
    }
    // And each ends what the other has begun.
    let token = world.provider.logout_token("sam", &[]).unwrap();
    assert_eq!(told(&world, two.ip(), &token).await, 200);
    assert_eq!(told(&world, one.ip(), &token).await, 400, "nor is a logout token good at the other one");
    assert!(!lives(&sam, &at_sam).await);
    let said = panelgate_at(&two, &["sessions", "end", "--server", "web1"]).await;
    assert!(said.contains("ended 1"), "{said}");
    assert_eq!(ada.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    assert!(lives(&ada, &at_ada).await);

    // The last one follows. Once nothing needs the old key, it goes.
    change(&two, learnt, new);
    second = begun_again(&world, &two, second).await;
    assert!(lives(&ada, &at_ada).await);
    let status = panelgate_at(&two, &["keys", "status"]).await;
    assert!(status.contains("opens  1"), "{status}");
    let mut eve = at(&one);
    let at_eve = eve.sign_in("sam").await.unwrap();
    ada.submit(&at_ada, "/sign-out", &[]).await.unwrap();
    let status = panelgate_at(&two, &["keys", "status"]).await;
    assert!(status.contains("opens  0") && status.contains("it can go"), "{status}");
    for replica in [&one, &two] {
        change(replica, new, "server_key = \"file:new-key\"");
    }
    first = begun_again(&world, &one, first).await;
    second = begun_again(&world, &two, second).await;
    for replica in [&one, &two] {
        eve.lead_to(&world, replica.ip()).unwrap();
        assert!(lives(&eve, &at_eve).await && !lives(&ada, &at_ada).await);
    }
    drop((first, second));
}

/// Runs a command on the files of one gateway; gives all that it said.
async fn panelgate_at(replica: &Replica, arguments: &[&str]) -> String {
    let mut command = Command::new(BINARY);
    command.args(arguments).arg("--config").arg(replica.config());
    let output = command.output().await.unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
