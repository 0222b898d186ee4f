//! What goes wrong with tokens, and where they may lie besides the vault: each with the words that people get.

use std::fs;
use std::path::Path;
use std::time::Duration;

use lab::browser::Browser;
use lab::cpsrvd::ApiToken;
use lab::cpsrvd::Fault;
use lab::gateway::Gateway;
use lab::world::World;
use tokio::process::Command;

use super::enrol::enrol;
use super::enrol::two_servers;
use super::fill;
use super::panelgate;
use super::rotate::let_leases_end;
use super::rotate::tokens;
use super::world;
use crate::stage::BINARY;
use crate::stage::until;

/// Replaces a text of one of the world's files.
#[track_caller]
fn replace(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(old), "{old}: {text}");
    fs::write(file, text.replace(old, new)).unwrap();
}

fn names(world: &World, number: usize) -> Vec<String> {
    world.server(number).tokens_of("root").into_iter().map(|token| token.name).collect()
}

/// What somebody is told who opens a server in WHM.
async fn told(world: &World, user: &str, server: &str, account: &str) -> String {
    let browser = Browser::new(world).unwrap();
    let console = browser.sign_in(user).await.unwrap();
    let answer = browser.ask_to_open(&console, server, "whostmgrd", account).await.unwrap();
    format!("{} {}", answer.status, answer.text())
}

#[tokio::test]
async fn keys_and_tokens_come_as_credentials_of_the_service_manager() {
    let world = world("").await;
    fill(&world).await;
    let (main, directory) = (world.config(), world.folder().join("directory.toml"));
    replace(&main, "file:master-key", "credential:master-key");
    replace(&directory, "vault:web1", "credential:web1-token");
    // Started by hand, there are none, and each is named.
    let said = panelgate(&world, &["check"], b"").await;
    assert_eq!(said.code, 78);
    assert!(said.err.contains("CREDENTIALS_DIRECTORY is not set") && said.err.contains("master_key"), "{}", said.err);
    assert!(said.err.contains("credential:web1-token"), "{}", said.err);
    let credentials = world.folder().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("master-key"), super::MASTER_KEY).unwrap();
    let serve = || {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--config"]).arg(world.config()).env("CREDENTIALS_DIRECTORY", &credentials);
        command
    };
    // One that the unit forgot.
    let ended = Gateway::run(serve()).unwrap().ended().await.unwrap();
    assert_eq!(ended.code, Some(78), "{}", ended.output);
    assert!(
        ended.output.contains("credential:web1-token") && !ended.output.contains("master_key ="),
        "{}",
        ended.output
    );
    fs::write(credentials.join("web1-token"), world.server(1).token_for("root")).unwrap();
    let gateway = Gateway::spawn_as(serve(), &world).await.unwrap();
    let browser = Browser::new(&world).unwrap();
    let console = browser.sign_in("ada").await.unwrap();
    for server in ["web1", "web2"] {
        browser.open(&console, server, "whostmgrd", "root").await.unwrap();
    }
    let ended = gateway.stop().await.unwrap();
    assert!(!ended.output.contains(&world.server(1).token_for("root")));
}

#[tokio::test]
async fn a_directory_that_is_a_folder_gets_a_file_for_each_server() {
    let world = two_servers().await;
    let (main, file, folder) =
        (world.config(), world.folder().join("directory.toml"), world.folder().join("directory"));
    fs::create_dir(&folder).unwrap();
    fs::rename(&file, folder.join("all.toml")).unwrap();
    replace(&folder.join("all.toml"), "\"file:", "\"file:../");
    replace(&folder.join("all.toml"), "\"authority.pem\"", "\"../authority.pem\"");
    replace(&main, "\"directory.toml\"", "\"directory\"");
    let pin = format!("sha256/{}", world.server(3).spki_sha256());
    let token = format!("{}\n", world.server(3).token_for("root"));
    let arguments = ["--account", "root", "--pin", &pin];
    // A file of that name is somebody else's: it stays, and nothing is left behind.
    let own = folder.join("server-web3.toml");
    fs::write(&own, "# taken\n").unwrap();
    let said = enrol(&world, &arguments, &token).await;
    assert!(said.code == 70 && said.err.contains("cannot write") && said.err.contains("server-web3.toml"), "{said:?}");
    assert_eq!(fs::read_to_string(&own).unwrap(), "# taken\n");
    let listed = panelgate(&world, &["vault", "list", "--format", "csv"], b"").await.done();
    assert_eq!(listed.out.lines().count(), 1, "{}", listed.out);
    fs::remove_file(&own).unwrap();
    let before = fs::read_to_string(folder.join("all.toml")).unwrap();
    let said = enrol(&world, &arguments, &token).await.done();
    assert!(said.out.contains("server-web3.toml"), "{}", said.out);
    assert_eq!(fs::read_to_string(folder.join("all.toml")).unwrap(), before);
    assert!(fs::read_to_string(&own).unwrap().starts_with("[[servers]]\nid = \"web3\"\n"));
    // A rule beside it, and it opens.
    let rule = "[[rules]]\nrole_group = \"Administrators\"\nservers = [\"web3\"]\nservices = [\"whostmgrd\"]\naccount = \"root\"\n";
    fs::write(folder.join("rule-web3.toml"), rule).unwrap();
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let browser = Browser::new(&world).unwrap();
    let console = browser.sign_in("ada").await.unwrap();
    browser.open(&console, "web3", "whostmgrd", "root").await.unwrap();
}

/// As the manual recommends it: root's token, and a reseller account for each role.
#[tokio::test]
async fn a_reseller_account_for_a_role_opens_with_roots_token_and_root_does_not_with_the_resellers() {
    let world = two_servers().await;
    let pin = format!("sha256/{}", world.server(3).spki_sha256());
    let rules = "\n[[rules]]\nrole_group = \"Support\"\nservers = [\"web3\"]\nservices = [\"whostmgrd\"]\naccount = \"support\"\n\
         \n[[rules]]\nrole_group = \"Administrators\"\nservers = [\"web3\"]\nservices = [\"whostmgrd\"]\naccount = \"root\"\n";
    let directory = world.folder().join("directory.toml");
    let enrolled = async |account: &str| {
        let token = format!("{}\n", world.server(3).token_for(account));
        let said = enrol(&world, &["--account", account, "--pin", &pin], &token).await.done();
        let text = fs::read_to_string(&directory).unwrap();
        fs::write(&directory, text + rules).unwrap();
        said
    };
    let before = fs::read_to_string(&directory).unwrap();
    let said = enrolled("root").await;
    assert!(!said.err.contains("is no root"), "{}", said.err);
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert!(told(&world, "sam", "web3", "support").await.starts_with("200 "));
    assert!(told(&world, "ada", "web3", "root").await.starts_with("200 "));
    let as_root = told(&world, "sam", "web3", "root").await;
    assert!(as_root.starts_with("403 "), "the role has no root, whatever the token can do: {as_root}");
    gateway.stop().await.unwrap();
    // The other way round: a reseller's token where rules say root.
    panelgate(&world, &["vault", "remove", "web3"], b"").await.done();
    fs::write(&directory, before).unwrap();
    let said = enrolled("support").await;
    assert!(said.err.contains("rules that open root fail"), "{}", said.err);
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert!(told(&world, "sam", "web3", "support").await.starts_with("200 "));
    let refused = told(&world, "ada", "web3", "root").await;
    assert!(refused.contains("api_token_not_allowed"), "{refused}");
    assert!(refused.contains("but not for opening a session as this account"), "{refused}");
}

/// Tokens that went bad at the server after they were stored: what somebody is told who opens it.
#[tokio::test]
async fn a_token_that_went_bad_is_told_apart_from_one_that_may_too_little() {
    let world = world("").await;
    fill(&world).await;
    let (server, now) = (world.server(1), 1);
    let acls = |acls: &[&str]| Some(acls.iter().map(ToString::to_string).collect::<Vec<_>>());
    let bad = [
        ApiToken { expires_at: Some(now), ..ApiToken::new("root", "expired") },
        ApiToken { whitelist_ips: vec!["192.0.2.1".into()], ..ApiToken::new("root", "elsewhere") },
        ApiToken { acls: acls(&["list-accts"]), ..ApiToken::new("root", "weak") },
    ];
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    for (token, code, words) in [
        (&bad[0], "api_token_refused", "wrong, revoked or expired, or the server does not accept it from this address"),
        (&bad[1], "api_token_refused", "wrong, revoked or expired, or the server does not accept it from this address"),
        (&bad[2], "api_token_not_allowed", "accepted the token, but not for opening a session"),
    ] {
        assert!(server.add_token(token.clone()));
        panelgate(&world, &["vault", "set", "web1"], token.secret.as_bytes()).await.done();
        let told = told(&world, "ada", "web1", "root").await;
        assert!(told.contains(code) && told.contains(words), "{}: {told}", token.name);
        assert!(!told.contains(&token.secret));
        // Rotation changes nothing with it, and says the same.
        let said = panelgate(&world, &["token", "rotate", "web1"], b"").await;
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains("the server refused the API token") || said.err.contains("may not"), "{}", said.err);
        assert!(names(&world, 1).contains(&"panelgate".to_owned()) && !said.err.contains(&token.secret));
    }
    // A policy that asks calls for a second factor answers with a page.
    world.server(2).switch(|switches| switches.api_security_policy = true);
    let said = panelgate(&world, &["token", "rotate", "web2"], b"").await;
    assert!(said.err.contains("a security policy of the server answered instead of the API"), "{}", said.err);
    let told = told(&world, "ada", "web2", "root").await;
    assert!(told.contains("api_security_policy"), "{told}");
    assert_eq!(names(&world, 2), ["panelgate"]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The whole store comes back out of a backup, of before a change or from its middle: whatever the record says is
/// still to be done, the one token that works at the server is not revoked, and the way out is one command.
#[tokio::test]
async fn a_store_out_of_an_older_backup_revokes_nothing_and_says_what_to_do() {
    let world = world("").await;
    fill(&world).await;
    let (server, state) = (world.server(1), world.folder().join("state"));
    let backup = |name: &str| world.folder().join(name);
    copy(&state, &backup("before"));
    // In the middle: created at the server, and the power went.
    server.faults().inject("/json-api/api_token_create", 1, Fault::LateAnswer(Duration::from_hours(1)));
    let mut command = Command::new(BINARY);
    command.args(["token", "rotate", "web1", "--config"]).arg(world.config());
    let process = Gateway::run(command).unwrap();
    until("a second token exists", || server.tokens_of("root").len() == 2).await;
    process.kill().await.unwrap();
    copy(&state, &backup("middle"));
    let_leases_end(&world).await;
    panelgate(&world, &["token", "rotate", "web1"], b"").await.done();
    let valid = names(&world, 1);
    assert_eq!(valid.len(), 1);
    let_leases_end(&world).await;
    for name in ["before", "middle"] {
        fs::remove_dir_all(&state).unwrap();
        copy(&backup(name), &state);
        let_leases_end(&world).await;
        let said = panelgate(&world, &["token", "rotate", "web1"], b"").await;
        assert_eq!(said.code, 1, "{name}: {}", said.err);
        assert!(said.err.contains("the server refused the API token"), "{name}: {}", said.err);
        assert_eq!(names(&world, 1), valid, "{name}: the token that works is still there");
        let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
        let told = told(&world, "ada", "web1", "root").await;
        assert!(told.contains("api_token_refused") && told.contains("has to renew the token"), "{name}: {told}");
        gateway.stop().await.unwrap();
    }
    // The way out: a token made in WHM.
    let made = ApiToken::new("root", "made-in-whm");
    server.add_token(made.clone());
    let_leases_end(&world).await;
    panelgate(&world, &["vault", "set", "web1", "--token-name", "made-in-whm"], made.secret.as_bytes()).await.done();
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert!(told(&world, "ada", "web1", "root").await.starts_with("200 "));
    assert!(tokens(&world).await.contains(&("made-in-whm".to_owned(), true)));
}
