//! The relying party against a certified provider: npm oidc-provider, in `tests/provider`.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use panelgate::identity::Callback;
use panelgate::identity::ClientCredential;
use panelgate::identity::Prompt;
use panelgate::model::GroupsFrom;
use panelgate::model::IdTokenAlgorithm;
use panelgate::model::Token256;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdout;
use tokio::process::Command;
use url::Url;

use crate::browser::Browser;
use crate::harness::MovedClock;
use crate::harness::SECRET;
use crate::harness::arrive;
use crate::harness::groups_in;
use crate::harness::post_logout_redirect_uri;
use crate::harness::redirect_uri;
use crate::harness::relying_party;
use crate::harness::settings;
use crate::harness::stored;
use crate::harness::target;

/// Node starts in under a second; a busy machine is slower.
const START: Duration = Duration::from_mins(1);

/// The certified provider, until it is dropped.
struct Certified {
    issuer: String,
    _child: Child,
    /// Held open: the provider ends when it writes to a closed pipe.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Certified {
    async fn start(alg: IdTokenAlgorithm, from: GroupsFrom) -> Self {
        let client = settings("http://idp.localhost");
        let given = json!({
            "client": {
                "id": client.client_id, "secret": SECRET, "alg": alg.as_str(),
                "redirectUris": [redirect_uri()], "postLogoutRedirectUris": [post_logout_redirect_uri()],
            },
            "groupsInIdToken": from == GroupsFrom::IdToken,
        });
        let mut child = Command::new("node")
            .arg("server.mjs")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/provider"))
            .env("SETTINGS", given.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(START, lines.next_line()).await.expect("it starts in time").unwrap();
        let ready: Value = serde_json::from_str(&line.expect("`npm ci` was run in tests/provider")).unwrap();
        Self { issuer: ready["issuer"].as_str().unwrap().to_owned(), _child: child, _output: lines }
    }
}

/// Signs Ann in, checks who she is, and signs her out again.
async fn round_trip(alg: IdTokenAlgorithm, from: GroupsFrom, credential: ClientCredential) {
    let provider = Certified::start(alg, from).await;
    let mut settings = settings(&provider.issuer);
    settings.id_token_alg = alg;
    settings.groups = groups_in(from, "/groups");
    settings.credential = credential;
    let rp = relying_party(settings, &Arc::new(MovedClock::default()));
    let port = Url::parse(&provider.issuer).unwrap().port().unwrap();
    let mut browser = Browser::new("idp.localhost", ([127, 0, 0, 1], port).into(), None);

    let start = rp.start(target(), Prompt::AsNeeded).await.unwrap();
    let query = arrive(&mut browser, &start.authorization_url).await;
    assert!(query.contains("iss="), "it promises to name itself: {query}");
    let signed_in = rp.finish(stored(&start), Callback::parse(&query).unwrap()).await.unwrap();
    assert_eq!(signed_in.principal.subject().sub, "ann");
    assert_eq!(signed_in.principal.subject().iss, provider.issuer);
    assert_eq!(signed_in.principal.name(), "Ann Admin");
    let groups: Vec<&str> = signed_in.principal.groups().iter().map(|group| group.0.as_str()).collect();
    assert_eq!(groups, ["whm-admins", "Staff"]);

    let state = Token256::random(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let out = rp.end_session_url(&signed_in.id_token_hint, &state).unwrap();
    let back = browser.travel(&out, &post_logout_redirect_uri(), "", "").await;
    assert_eq!(back.query(), Some(format!("state={}", state.expose().expose_secret()).as_str()));

    // The next sign-in asks for the password again: the provider's session is gone.
    let start = rp.start(target(), Prompt::AsNeeded).await.unwrap();
    arrive(&mut browser, &start.authorization_url).await;
    assert_eq!(browser.passwords_typed, 2);
}

#[tokio::test]
async fn rs256_with_groups_in_the_id_token() {
    round_trip(IdTokenAlgorithm::Rs256, GroupsFrom::IdToken, ClientCredential::Basic(SECRET.into())).await;
}

#[tokio::test]
async fn es256_with_groups_in_userinfo() {
    round_trip(IdTokenAlgorithm::Es256, GroupsFrom::Userinfo, ClientCredential::Basic(SECRET.into())).await;
}

#[tokio::test]
async fn ps256_and_eddsa() {
    round_trip(IdTokenAlgorithm::Ps256, GroupsFrom::IdToken, ClientCredential::Basic(SECRET.into())).await;
    round_trip(IdTokenAlgorithm::EdDsa, GroupsFrom::IdToken, ClientCredential::Basic(SECRET.into())).await;
}
