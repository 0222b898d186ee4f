//! Tokens that lie in the vault: panels open with them, and nothing that is written shows one.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use lab::gateway::Gateway;
use lab::postgres::Postgres;
use lab::world::World;

use super::fill;
use super::panelgate;
use super::world;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::serve;
use crate::stage::until;

/// Every file below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The tokens, and that they stand nowhere in the world's files.
pub(super) fn assert_hidden(world: &World, said: &[&[u8]]) {
    let written = |number| fs::read_to_string(world.folder().join(format!("web{number}-token"))).unwrap();
    let tokens: Vec<String> = (1..=3).map(written).collect();
    let mut looked_at = 0;
    for file in files_below(world.folder()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // Where the lab itself has written them down, for worlds without a vault.
        if name.ends_with("-token") {
            continue;
        }
        let bytes = fs::read(&file).unwrap();
        looked_at += 1;
        for token in &tokens {
            assert!(!holds(&bytes, token), "a token stands in {}", file.display());
        }
    }
    assert!(looked_at > 6, "state, records, configuration: {looked_at}");
    for bytes in said {
        for token in &tokens {
            assert!(!holds(bytes, token), "{}", String::from_utf8_lossy(bytes));
        }
    }
}

#[tokio::test]
async fn a_panel_opens_with_a_token_of_the_vault_and_it_stands_nowhere() {
    let world = world("[log]\nfilter = \"trace\"\n").await;
    fill(&world).await;
    let listed = panelgate(&world, &["vault", "list", "--format", "json"], b"").await.done();
    assert!(
        listed.out.contains("\"server\": \"web1\"") && listed.out.contains("\"state\": \"open\""),
        "{}",
        listed.out
    );
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let limits = fs::read_to_string(format!("/proc/{}/limits", stage.gateway.pid().unwrap())).unwrap();
    let core: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "no core dump");
    let (browser, console) = stage.signed_in("ada").await;
    for server in ["web1", "web2"] {
        let panel = browser.open(&console, server, "whostmgrd", "root").await.unwrap();
        assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    }
    // One that the server does not know any more fails with words and without the token.
    stage.world.server(3).revoke_token("root", "panelgate");
    let failed = browser.open(&console, "web3", "whostmgrd", "root").await.unwrap_err().to_string();
    assert!(failed.contains("api_token_refused"), "{failed}");
    // What the commands did is on record.
    until("three tokens are recorded as stored", || stage.outcomes("token.changed").len() == 3).await;
    assert_eq!(stage.outcomes("token.changed"), ["begun stored"; 3]);
    let events = stage.events();
    let stored = events.iter().find(|event| event["kind"] == "token.changed").unwrap();
    assert_eq!((stored["server"].as_str(), stored["account"].as_str()), (Some("web1"), Some("root")));
    assert!(stored["by"].as_str().unwrap().ends_with("on the command line"));
    let (_, metrics) = stage.operations("/metrics", "*/*").await;
    let console = browser.visit(&stage.console("/")).await.unwrap();
    let Stage { world, gateway } = stage;
    let ended = gateway.stop().await.unwrap();
    let said =
        [ended.output.as_bytes(), metrics.as_bytes(), listed.out.as_bytes(), failed.as_bytes(), console.body.as_ref()];
    assert_hidden(&world, &said);
}

#[tokio::test]
async fn without_the_right_master_key_the_start_stops_and_says_which_records() {
    let world = world("").await;
    fill(&world).await;
    let key = world.folder().join("master-key");
    fs::write(&key, "YW5vdGhlci1tYXN0ZXIta2V5LTAxMjM0NTY3ODkwMTI=").unwrap();
    let ended = Gateway::run(serve(&world)).unwrap().ended().await.unwrap();
    assert_eq!(ended.code, Some(70), "{}", ended.output);
    for text in [
        "does not give out 3 of the tokens",
        "record of web1",
        "record of web2",
        "record of web3",
        "sealed with master key",
    ] {
        assert!(ended.output.contains(text), "{text}: {}", ended.output);
    }
    // Both keys: it starts, and after rekey the new one is enough.
    let main = fs::read_to_string(world.config()).unwrap();
    fs::write(world.folder().join("former"), super::MASTER_KEY).unwrap();
    fs::write(
        world.config(),
        main.replace("\"file:master-key\"", "\"file:master-key\"\nformer_keys = [\"file:former\"]"),
    )
    .unwrap();
    assert!(panelgate(&world, &["vault", "rekey"], b"").await.done().out.contains("sealed 3 records anew"));
    fs::write(world.config(), &main).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    // No key at all, and one that is none.
    fs::write(&key, "short").unwrap();
    let ended = Gateway::run(serve(&world)).unwrap().ended().await.unwrap();
    assert!(ended.output.contains("openssl rand -base64 32"), "{}", ended.output);
    fs::remove_file(&key).unwrap();
    let ended = Gateway::run(serve(&world)).unwrap().ended().await.unwrap();
    assert_eq!(ended.code, Some(78), "{}", ended.output);
    assert!(ended.output.contains("master_key = \"file:master-key\""), "{}", ended.output);
}

#[tokio::test]
async fn a_server_without_a_token_and_one_with_another_pin_are_named() {
    let world = world("").await;
    fill(&world).await;
    panelgate(&world, &["vault", "remove", "web2"], b"").await.done();
    let directory = world.folder().join("directory.toml");
    let text = fs::read_to_string(&directory).unwrap();
    let pin = format!("sha256/{}", world.server(1).spki_sha256());
    fs::write(&directory, text.replace(&pin, "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")).unwrap();
    let ended = Gateway::run(serve(&world)).unwrap().ended().await.unwrap();
    for text in ["panelgate vault set web2", "panelgate vault rebind web1", "the trust \"pins sha256/47DEQpj8"] {
        assert!(ended.output.contains(text), "{text}: {}", ended.output);
    }
    fs::write(&directory, text).unwrap();
    // What is no token never gets in.
    let said = panelgate(&world, &["vault", "set", "web2"], b"not a token\n").await;
    assert_eq!(said.code, 70);
    assert!(said.err.contains("that is no API token") && !said.err.contains("not a token"), "{}", said.err);
    let said = panelgate(&world, &["vault", "set", "web9"], b"X\n").await;
    assert!(said.err.contains("the directory has no server \"web9\""), "{}", said.err);
}

#[tokio::test]
async fn a_backup_is_read_by_its_operators_alone_and_brings_everything_back() {
    let world = world("").await;
    fill(&world).await;
    let key = tokio::process::Command::new("age-keygen").output().await.unwrap().stdout;
    let key = String::from_utf8(key).unwrap();
    let public = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    fs::write(world.folder().join("operator.key"), &key).unwrap();
    let backup = panelgate(&world, &["vault", "export", "--to", &public], b"").await.done();
    assert_hidden(&world, &[&backup.bytes, backup.err.as_bytes()]);
    for id in ["web1", "web2", "web3"] {
        panelgate(&world, &["vault", "remove", id], b"").await.done();
    }
    let identity = world.folder().join("operator.key");
    let arguments = ["vault", "import", "--identity", identity.to_str().unwrap()];
    let said = panelgate(&world, &arguments, &backup.bytes).await.done();
    assert!(said.out.contains("took 3 tokens"), "{}", said.out);
    let again = panelgate(&world, &arguments, &backup.bytes).await.done();
    assert!(again.out.contains("took 0 tokens out of the file; 3 were"), "{}", again.out);
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let (browser, console) = stage.signed_in("ada").await;
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    // One that has been revoked since: the failure says what to do.
    stage.world.server(2).revoke_token("root", "panelgate");
    let failed = browser.open(&console, "web2", "whostmgrd", "root").await.unwrap_err().to_string();
    assert!(failed.contains("api_token_refused"), "{failed}");
}

#[tokio::test]
async fn gateways_on_one_database_share_the_vault() {
    let database = Postgres::start().await.unwrap();
    let store = "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n";
    let world = world(store).await;
    fs::write(world.folder().join("database"), database.url("panelgate")).unwrap();
    fs::write(world.folder().join("server-key"), "ZGV2ZWxvcG1lbnQtc2VydmVyLWtleS0wMTIzNDU2Nzg=\n").unwrap();
    fill(&world).await;
    let dump = database.ask("panelgate", "SELECT purpose, encode(sealed, 'escape') FROM records").await.unwrap();
    assert!(format!("{dump:?}").contains("api-token"), "{dump:?}");
    assert_hidden(&world, &[format!("{dump:?}").as_bytes()]);
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
}
