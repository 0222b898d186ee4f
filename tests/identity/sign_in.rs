//! Signing in and out where everything is right.

use std::collections::BTreeMap;
use std::sync::Arc;

use lab::pki::Authority;
use lab::provider;
use lab::provider::IdTokenFault;
use lab::provider::Patch;
use panelgate::identity::Callback;
use panelgate::identity::ClientCredential;
use panelgate::identity::Endpoint;
use panelgate::identity::LoginError;
use panelgate::identity::Prompt;
use panelgate::identity::Unavailable;
use panelgate::model::GroupsFrom;
use panelgate::model::IdTokenAlgorithm;
use panelgate::model::IdpGroup;
use panelgate::model::Token256;
use secrecy::ExposeSecret as _;
use serde_json::json;
use url::Url;

use crate::browser::Browser;
use crate::harness::Bed;
use crate::harness::MovedClock;
use crate::harness::SECRET;
use crate::harness::arrive;
use crate::harness::groups_in;
use crate::harness::post_logout_redirect_uri;
use crate::harness::provider_settings;
use crate::harness::relying_party;
use crate::harness::settings;
use crate::harness::stored;
use crate::harness::target;

/// A token of the kind that a state is.
fn state() -> Token256 {
    Token256::random(&aws_lc_rs::rand::SystemRandom::new()).unwrap()
}

#[tokio::test]
async fn oidcc_client_test() {
    let bed = Bed::new().await;
    let signed_in = bed.sign_in().await.unwrap();
    let principal = &signed_in.principal;
    assert_eq!(principal.subject().iss, bed.provider.issuer());
    assert_eq!(principal.subject().sub, "u-ann");
    assert_eq!(principal.name(), "Ann Admin");
    assert_eq!(principal.email(), Some("ann@example.com"));
    assert_eq!(principal.groups(), [IdpGroup("whm-admins".into()), IdpGroup("Staff".into())]);
    assert_eq!(signed_in.return_to, target());
    assert!(signed_in.sid.is_some());
    assert_eq!(signed_in.id_token_hint.expose_secret().split('.').count(), 3);
}

#[tokio::test]
async fn the_request_carries_pkce_state_nonce_and_the_scopes_once() {
    let bed = Bed::new().await;
    let (one, two) = (bed.start().await.unwrap(), bed.start().await.unwrap());
    let query: BTreeMap<String, String> = one.authorization_url.query_pairs().into_owned().collect();
    assert_eq!(one.authorization_url.query_pairs().count(), query.len());
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], "panelgate");
    assert_eq!(query["redirect_uri"], "http://localhost:9/callback");
    assert_eq!(query["scope"], "openid profile email groups");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["code_challenge"].len(), 43);
    assert_eq!(query["nonce"].len(), 43);
    assert_eq!(query["state"], one.state.expose().expose_secret());
    assert!(!query.contains_key("prompt"));
    let other: BTreeMap<String, String> = two.authorization_url.query_pairs().into_owned().collect();
    for drawn in ["code_challenge", "nonce", "state"] {
        assert_ne!(query[drawn], other[drawn], "{drawn}");
    }
    let shown = format!("{one:?}");
    assert!(!shown.contains("verifier"), "{shown}");
}

#[tokio::test]
async fn a_second_sign_in_is_silent_unless_a_new_one_is_asked_for() {
    let bed = Bed::new().await;
    let mut browser = bed.browser();
    for (prompt, typed) in [(Prompt::AsNeeded, 1), (Prompt::AsNeeded, 1), (Prompt::Login, 2)] {
        let start = bed.rp.start(target(), prompt).await.unwrap();
        let query = arrive(&mut browser, &start.authorization_url).await;
        assert!(bed.rp.finish(stored(&start), Callback::parse(&query).unwrap()).await.is_ok());
        assert_eq!(browser.passwords_typed, typed, "{prompt:?}");
    }
}

#[tokio::test]
async fn oidcc_client_test_client_secret_basic() {
    let bed = Bed::new().await;
    bed.sign_in().await.unwrap();
    let token = bed.provider.requests().into_iter().find(|request| request.path == "/token").unwrap();
    assert!(token.authorization.starts_with("Basic "));
    assert!(!token.body.contains("client_secret"), "{}", token.body);
}

#[tokio::test]
async fn the_client_secret_can_be_posted() {
    let bed = Bed::with(|settings| settings.credential = ClientCredential::Post(SECRET.into())).await;
    bed.sign_in().await.unwrap();
    let token = bed.provider.requests().into_iter().find(|request| request.path == "/token").unwrap();
    assert_eq!(token.authorization, "");
    assert!(token.body.contains("client_secret="), "{}", token.body);
}

#[tokio::test]
async fn oidcc_client_test_idtoken_sig_rs256() {
    assert!(Bed::with(|settings| settings.id_token_alg = IdTokenAlgorithm::Rs256).await.sign_in().await.is_ok());
}

#[tokio::test]
async fn es256_is_accepted_where_it_is_the_one_algorithm() {
    let bed = Bed::with(|settings| settings.id_token_alg = IdTokenAlgorithm::Es256).await;
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::SignedWithEs256]);
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn an_issuer_may_have_a_path_and_end_in_a_slash() {
    for issuer in ["http://idp.localhost:0/realms/main", "http://idp.localhost:0/app/", "http://127.0.0.1:0"] {
        let bed = Bed::at(issuer, |_| {}).await;
        let signed_in = bed.sign_in().await.unwrap();
        assert_eq!(signed_in.principal.subject().iss, bed.provider.issuer(), "{issuer}");
    }
}

#[tokio::test]
async fn fapi2_valid_aud_as_array_and_token_type_case_insensitivity() {
    let bed = Bed::new().await;
    bed.provider.set(|m| {
        m.id_token = vec![IdTokenFault::wrong("aud", json!(["panelgate"]))];
        m.token_response = vec![Patch::set("token_type", "bEARER"), Patch::remove("expires_in")];
    });
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn a_further_audience_is_accepted_where_it_is_configured() {
    let bed = Bed::with(|settings| settings.other_audiences = vec!["project".into()]).await;
    let audiences = IdTokenFault::wrong("aud", json!(["project", "panelgate"]));
    bed.provider.set(|m| m.id_token = vec![audiences.clone(), IdTokenFault::wrong("azp", "panelgate")]);
    assert!(bed.sign_in().await.is_ok());
    bed.provider.set(|m| m.id_token = vec![audiences]);
    assert!(bed.sign_in().await.is_err());
}

#[tokio::test]
async fn a_provider_inside_the_company_needs_its_authority() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(&["idp.localhost"]).unwrap();
    let served = provider::Settings { tls: Some(identity), ..provider_settings("https://idp.localhost:0") };
    let provider = provider::Provider::start(served).await.unwrap();
    let clock = Arc::new(MovedClock::default());

    let mut trusting = settings(provider.issuer());
    trusting.extra_roots = Some(authority.pem().to_owned());
    let rp = relying_party(trusting, &clock);
    let start = rp.start(target(), Prompt::AsNeeded).await.unwrap();
    let mut browser = Browser::new("idp.localhost", provider.address(), Some(authority.pem()));
    let query = arrive(&mut browser, &start.authorization_url).await;
    assert!(rp.finish(stored(&start), Callback::parse(&query).unwrap()).await.is_ok());

    let rp = relying_party(settings(provider.issuer()), &clock);
    match rp.ready().await {
        Err(LoginError::Unavailable { endpoint: Endpoint::Discovery, source }) => {
            assert!(matches!(&*source, Unavailable::Connect(_)), "{source:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn oidcc_client_test_scope_userinfo_claims() {
    let bed = Bed::with(|settings| settings.groups = groups_in(GroupsFrom::Userinfo, "/groups")).await;
    bed.provider.set(|m| m.id_token = ["groups", "name", "email"].map(IdTokenFault::missing).to_vec());
    let signed_in = bed.sign_in().await.unwrap();
    assert_eq!(signed_in.principal.groups().len(), 2);
    assert_eq!(signed_in.principal.name(), "Ann Admin");
    let userinfo = bed.provider.requests().into_iter().find(|request| request.path == "/userinfo").unwrap();
    assert!(userinfo.authorization.starts_with("Bearer "));
}

#[tokio::test]
async fn a_name_to_show_is_always_there_and_never_hostile() {
    let bed = Bed::new().await;
    for (faults, expected) in [
        (vec![IdTokenFault::wrong("name", "Ann\u{0} \u{1b}[31mAdmin\n")], "Ann [31mAdmin"),
        (vec![IdTokenFault::missing("name")], "ann"),
        (vec![IdTokenFault::wrong("name", " "), IdTokenFault::missing("preferred_username")], "ann@example.com"),
        (["name", "preferred_username", "email"].map(IdTokenFault::missing).to_vec(), "u-ann"),
    ] {
        bed.provider.set(|m| m.id_token.clone_from(&faults));
        assert_eq!(bed.sign_in().await.unwrap().principal.name(), expected);
    }
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::wrong("name", "x".repeat(5000))]);
    assert_eq!(bed.sign_in().await.unwrap().principal.name().len(), 200);
}

#[tokio::test]
async fn oidcc_client_test_rp_init_logout() {
    let bed = Bed::new().await;
    let mut browser = bed.browser();
    let start = bed.start().await.unwrap();
    let query = arrive(&mut browser, &start.authorization_url).await;
    let signed_in = bed.rp.finish(stored(&start), Callback::parse(&query).unwrap()).await.unwrap();

    let state = state();
    let url = bed.rp.end_session_url(&signed_in.id_token_hint, &state).unwrap();
    let answer = browser.get(&url).await;
    assert_eq!(answer.status(), 303);
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    assert!(back.as_str().starts_with(post_logout_redirect_uri().as_str()), "{back}");
    assert_eq!(back.query_pairs().collect::<Vec<_>>(), [("state".into(), state.expose().expose_secret().into())]);

    // The provider's session is gone: the next sign-in asks for the password.
    let start = bed.start().await.unwrap();
    arrive(&mut browser, &start.authorization_url).await;
    assert_eq!(browser.passwords_typed, 2);
}

#[tokio::test]
async fn a_token_too_long_for_an_address_is_left_out_of_the_logout() {
    let bed = Bed::new().await;
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::wrong("groups", json!(vec!["a-group"; 1000]))]);
    let signed_in = bed.sign_in().await.unwrap();
    let url = bed.rp.end_session_url(&signed_in.id_token_hint, &state()).unwrap();
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "post_logout_redirect_uri", "state"]);
}

#[tokio::test]
async fn a_provider_without_logout_has_no_logout_address() {
    let bed = Bed::new().await;
    assert_eq!(bed.rp.end_session_url(&"t".into(), &state()), None);
    bed.provider.set(|m| m.metadata = vec![Patch::remove("end_session_endpoint")]);
    bed.rp.ready().await.unwrap();
    assert_eq!(bed.rp.end_session_url(&"t".into(), &state()), None);
}

#[tokio::test]
async fn no_secret_is_shown_by_debug() {
    let bed = Bed::new().await;
    let (pending, _) = bed.until_callback().await;
    let shown = format!("{:?} {pending:?} {:?}", bed.rp, bed.sign_in().await.unwrap());
    assert!(!shown.contains(SECRET));
    for request in bed.provider.requests().iter().filter(|request| request.path == "/token") {
        for (name, value) in url::form_urlencoded::parse(request.body.as_bytes()) {
            if name == "code" || name == "code_verifier" {
                assert!(!shown.contains(&*value), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn odd_claims_that_are_not_used_do_no_harm() {
    let bed = Bed::new().await;
    for (claim, value) in [
        ("auth_time", json!(1_800_000_000.5)),
        ("auth_time", json!(0)),
        ("amr", json!("pwd")),
        ("acr", json!(1)),
        ("address", json!("a street")),
        ("updated_at", json!("2026-01-01T00:00:00.000Z")),
        ("updated_at", json!("yesterday")),
        ("email_verified", json!("true")),
        ("email_verified", json!("yes")),
        ("phone_number_verified", json!(1)),
        ("locale", json!(7)),
        ("locale", json!("")),
        ("picture", json!("")),
        ("picture", json!(null)),
        ("website", json!("no url")),
        ("birthdate", json!("00-00")),
        ("c_hash", json!("x")),
        ("zoneinfo", json!(null)),
        ("gender", json!(1)),
        ("name#xx#yy", json!("n")),
        ("name#", json!("n")),
    ] {
        bed.provider.set(|m| m.id_token = vec![IdTokenFault::wrong(claim, value.clone())]);
        assert!(bed.sign_in().await.is_ok(), "{claim} = {value}");
    }
}
