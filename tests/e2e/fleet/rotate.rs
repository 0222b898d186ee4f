//! Changing tokens: whatever breaks off, and wherever, the server keeps a token that works, and none is left over.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use lab::cpsrvd::ApiToken;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::gateway::Gateway;
use lab::world::World;
use panelgate::model::Clock as _;
use panelgate::model::SystemClock;
use panelgate::store::Store;
use panelgate::vault::Contents;
use panelgate::vault::Entry;
use panelgate::vault::MasterKey;
use panelgate::vault::MasterKeys;
use panelgate::vault::Vault;
use secrecy::ExposeSecret as _;
use tokio::process::Command;

use super::MASTER_KEY;
use super::Said;
use super::fill;
use super::panelgate;
use super::world;
use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::until;

/// The calls of a change, in their order; how many of the same come before.
const CALLS: [(&str, u32); 7] = [
    ("/json-api/myprivs", 0),
    ("/json-api/api_token_create", 0),
    ("/json-api/version", 0),
    ("/json-api/myprivs", 1),
    ("/json-api/create_user_session", 0),
    ("/json-api/api_token_list", 0),
    ("/json-api/api_token_revoke", 0),
];

const FOR_EVER: Duration = Duration::from_hours(1);

async fn store(world: &World) -> Store {
    Store::open(&world.folder().join("state/panelgate.db")).await.unwrap()
}

fn vault(store: &Store) -> Vault {
    let keys = MasterKeys::new(MasterKey::parse(&MASTER_KEY.to_owned().into()).unwrap(), Vec::new());
    Vault::new(store.clone(), keys, Arc::new(SystemClock), Arc::new(SystemRandom::new()))
}

async fn record(world: &World) -> Entry {
    let store = store(world).await;
    let entry = vault(&store).open_whatever("web1").await.unwrap();
    store.close().await;
    entry
}

/// Lets the lease of a process that is gone run out.
pub(super) async fn let_leases_end(world: &World) {
    let store = store(world).await;
    store.sweep(SystemClock.now().plus(Duration::from_mins(5))).await.unwrap();
    store.close().await;
}

/// The server's tokens, as (name, whether the vault gives it out).
pub(super) async fn tokens(world: &World) -> Vec<(String, bool)> {
    let used = record(world).await.contents.token;
    let tokens = world.server(1).tokens_of("root");
    tokens.into_iter().map(|token| (token.name, token.secret == used.expose_secret())).collect()
}

async fn rotate(world: &World) -> Said {
    panelgate(world, &["token", "rotate", "web1"], b"").await
}

fn asked(server: &Cpsrvd, path: &str) -> usize {
    server.requests().iter().filter(|request| request.path().starts_with(path)).count()
}

#[tokio::test]
async fn a_token_is_changed_for_one_with_an_end_and_the_old_one_is_revoked() {
    let world = world("[fleet]\nwatch_minutes = 0\naddresses = [\"127.0.0.1\"]\n").await;
    fill(&world).await;
    let old = world.server(1).token_for("root");
    let said = rotate(&world).await.done();
    assert!(said.out.contains("web1: token panelgate-20") && said.out.contains("is in use until 20"), "{}", said.out);
    let left = world.server(1).tokens_of("root");
    let [token] = left.as_slice() else { panic!("{left:?}") };
    assert!(token.secret != old && token.expires_at.is_some());
    // It may what the old one could, and no more: an unlimited token is followed by one that says so.
    assert_eq!(
        (token.acls.clone(), token.whitelist_ips.clone()),
        (Some(vec!["all".to_owned()]), vec!["127.0.0.1".to_owned()])
    );
    assert_eq!(tokens(&world).await, [(token.name.clone(), true)]);
    // One with limits keeps them.
    let acls = ["basic-system-info", "create-user-session", "manage-api-tokens"].map(str::to_owned).to_vec();
    let limited = ApiToken { acls: Some(acls.clone()), ..ApiToken::new("root", "limited") };
    world.server(2).add_token(limited.clone());
    panelgate(&world, &["vault", "set", "web2", "--token-name", "limited"], limited.secret.as_bytes()).await.done();
    panelgate(&world, &["token", "rotate", "web2"], b"").await.done();
    let left = world.server(2).tokens_of("root");
    assert_eq!(left.last().unwrap().acls.as_ref(), Some(&acls));
    // What was done is recorded by the gateway, with every step and without a token.
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    until("all steps are on record", || stage.outcomes("token.changed").len() >= 10).await;
    let steps: Vec<String> = stage
        .events()
        .iter()
        .filter(|event| event["kind"] == "token.changed" && event["server"] == "web1")
        .map(crate::stage::outcome)
        .collect();
    assert_eq!(steps, ["begun stored", "begun creating", "succeeded switched", "succeeded revoked"]);
}

/// The one for which all of this is made: the process is killed before and after each call that it makes.
#[tokio::test]
async fn killed_at_any_step_the_server_keeps_a_working_token_and_the_next_run_ends_the_change() {
    let world = world("").await;
    fill(&world).await;
    let server = world.server(1);
    for (path, earlier) in CALLS {
        // Killed before the server has carried the call out, and, where that changes something, after it has but
        // before we hear of it.
        let changes = ["/json-api/api_token_create", "/json-api/api_token_revoke"].contains(&path);
        let late = changes.then_some(Fault::LateAnswer(FOR_EVER));
        for fault in [Fault::Stall(FOR_EVER)].into_iter().chain(late) {
            let case = format!("{path} {earlier} {fault:?}");
            server.faults().inject(path, earlier, Fault::LateAnswer(Duration::ZERO));
            server.faults().inject(path, 1, fault.clone());
            let before: Vec<String> = server.tokens_of("root").into_iter().map(|token| token.name).collect();
            let calls = asked(server, path) + earlier as usize;
            let mut command = Command::new(BINARY);
            command.args(["token", "rotate", "web1", "--config"]).arg(world.config());
            let process = Gateway::run(command).unwrap();
            until(&case, || server.faults().pending() == 0 && asked(server, path) > calls).await;
            if fault == Fault::LateAnswer(FOR_EVER) {
                until(&case, || was_changed(server, &before, path)).await;
            }
            process.kill().await.unwrap();
            assert!(tokens(&world).await.iter().any(|(_, used)| *used), "{case}: what the vault gives out works");
            let_leases_end(&world).await;
            rotate(&world).await.done();
            let left = tokens(&world).await;
            assert!(matches!(left.as_slice(), [(_, true)]), "{case}: one token is left, and used: {left:?}");
            assert_eq!(record(&world).await.contents.rotation, None, "{case}");
        }
    }
}

/// Whether the server has carried out the call that creates or revokes a token.
fn was_changed(server: &Cpsrvd, before: &[String], path: &str) -> bool {
    let tokens = server.tokens_of("root");
    tokens.iter().any(|token| !before.contains(&token.name)) && (tokens.len() == 1) == path.ends_with("revoke")
}

#[tokio::test]
async fn a_gateway_ends_what_a_crash_interrupted_and_changes_what_is_due() {
    let world = world("[fleet]\nwatch_minutes = 0\nrotate = true\n").await;
    fill(&world).await;
    let server = world.server(1);
    // Created, and the power went before it was stored.
    server.faults().inject("/json-api/api_token_create", 1, Fault::LateAnswer(FOR_EVER));
    let mut command = Command::new(BINARY);
    command.args(["token", "rotate", "web1", "--config"]).arg(world.config());
    let process = Gateway::run(command).unwrap();
    until("a second token exists", || server.tokens_of("root").len() == 2).await;
    process.kill().await.unwrap();
    let_leases_end(&world).await;
    // And the token of web2 ends tomorrow.
    let opened = store(&world).await;
    let keeper = vault(&opened);
    let entry = keeper.open_whatever("web2").await.unwrap();
    let tomorrow = Some(SystemClock.now().plus(Duration::from_hours(24)));
    keeper.change(&entry, &entry.binding, Contents { expires_at: tomorrow, ..entry.contents.clone() }).await.unwrap();
    opened.close().await;
    let old = world.server(2).token_for("root");
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    gateway.wait_for_output("a change of the API token that was interrupted has been ended").await.unwrap();
    gateway.wait_for_output("the API token was changed").await.unwrap();
    assert!(matches!(tokens(&world).await.as_slice(), [(_, true)]));
    let left = world.server(2).tokens_of("root");
    assert!(left.len() == 1 && left[0].secret != old, "{left:?}");
    // web3 is not due.
    assert_eq!(world.server(3).tokens_of("root")[0].name, "panelgate");
    assert!(!gateway.stop().await.unwrap().output.contains(&old));
}

#[tokio::test]
async fn what_cannot_be_changed_says_why_and_the_token_in_use_stays() {
    let world = world("").await;
    fill(&world).await;
    let server = world.server(1);
    let used = server.token_for("root");
    // The new token is refused when it is tried: it is revoked again.
    for (path, expected) in [
        ("/json-api/version", "asking for the version with the new token failed: the server refused the API token"),
        (
            "/json-api/create_user_session",
            "opening a panel with the new token failed: the server refused the API token",
        ),
        ("/json-api/api_token_create", "creating a token failed: the server refused the API token"),
    ] {
        server.faults().inject(path, 1, Fault::Forbidden);
        let said = rotate(&world).await;
        assert_eq!(said.code, 1);
        assert!(said.err.contains(expected), "{expected}: {}", said.err);
        assert_eq!(tokens(&world).await, [("panelgate".to_owned(), true)]);
    }
    // A token that may not manage tokens.
    let acls = Some(vec!["create-user-session".to_owned()]);
    let weak = ApiToken { acls, ..ApiToken::new("root", "weak") };
    server.add_token(weak.clone());
    panelgate(&world, &["vault", "set", "web1"], weak.secret.as_bytes()).await.done();
    let said = rotate(&world).await;
    assert!(
        said.err.contains("the token may not manage tokens") && said.err.contains("panelgate vault set web1"),
        "{said:?}"
    );
    // A key that is changed in the middle: nothing is sent to a stranger, and the change goes on when it is back.
    panelgate(&world, &["vault", "set", "web1", "--token-name", "panelgate"], used.as_bytes()).await.done();
    server.revoke_token("root", "weak");
    server.faults().inject("/json-api/api_token_create", 1, Fault::LateAnswer(Duration::from_millis(300)));
    let (said, identity) = tokio::join!(rotate(&world), async {
        until("the new token exists", || server.tokens_of("root").len() == 2).await;
        let before = server.identity();
        server.rotate_identity(lab::pki::self_signed(&["web1.hosting.example"]).unwrap());
        before
    });
    assert!(said.err.contains("none of the pinned ones"), "{}", said.err);
    assert!(tokens(&world).await.contains(&("panelgate".to_owned(), true)));
    server.rotate_identity(identity);
    rotate(&world).await.done();
    assert!(matches!(tokens(&world).await.as_slice(), [(_, true)]));
    // Tokens elsewhere are not ours to change.
    let directory = world.folder().join("directory.toml");
    let text = std::fs::read_to_string(&directory).unwrap().replace("vault:web1", "file:web1-token");
    std::fs::write(directory, text).unwrap();
    let said = rotate(&world).await;
    assert!(said.err.contains("Panelgate changes those in the vault"), "{}", said.err);
}

#[tokio::test]
async fn of_many_who_change_one_token_one_does() {
    let world = world("").await;
    fill(&world).await;
    let server = world.server(1);
    server.faults().inject("/json-api/api_token_create", 1, Fault::Stall(Duration::from_secs(2)));
    let first = rotate(&world);
    let second = async {
        until("the first is at it", || asked(server, "/json-api/api_token_create") == 1).await;
        rotate(&world).await
    };
    let (first, second) = tokio::join!(first, second);
    first.done();
    assert!(second.err.contains("somebody else is changing the token of web1 right now"), "{}", second.err);
    assert_eq!(asked(server, "/json-api/api_token_create"), 1);
    assert!(matches!(tokens(&world).await.as_slice(), [(_, true)]));
}
