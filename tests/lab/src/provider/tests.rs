//! The double keeps the rules that it is there to keep.

use reqwest::Client as Http;
use reqwest::Response;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

use crate::provider::Client;
use crate::provider::Misbehaviour;
use crate::provider::Provider;
use crate::provider::Settings;
use crate::provider::User;

/// The example pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn provider() -> (Provider, Http) {
    let settings = Settings {
        issuer: "http://127.0.0.1:0".into(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        users: vec![User {
            login: "ann".into(),
            password: "ann-pw".into(),
            sub: "u-ann".into(),
            name: "Ann <Admin>".into(),
            email: "ann@example.com".into(),
            groups: vec!["staff".into()],
        }],
        clients: vec![Client {
            id: "app".into(),
            secret: "app-secret".into(),
            redirect_uris: vec!["http://localhost:9/cb?x=1".into()],
            post_logout_redirect_uris: vec!["http://localhost:9/out".into()],
            assertion_key: None,
        }],
        note: Some("Try <ann>".into()),
        misbehaviour: Misbehaviour::default(),
    };
    let http = Http::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    (Provider::start(settings).await.unwrap(), http)
}

/// An authorization URL, with parameters replaced, or removed by an empty value.
fn authorization(provider: &Provider, changes: &[(&str, &str)]) -> Url {
    let mut url = Url::parse(&format!("{}/authorize", provider.issuer())).unwrap();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", "http://localhost:9/cb?x=1"),
        ("scope", "openid groups"),
        ("state", "s&t"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ] {
        let value = changes.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, new)| *new);
        if !value.is_empty() {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url
}

fn location(response: &Response) -> Url {
    Url::parse(response.headers()["location"].to_str().unwrap()).unwrap()
}

fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn sign_in(provider: &Provider, http: &Http, password: &str) -> Response {
    let page = http.get(authorization(provider, &[])).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Try &lt;ann&gt;"), "the note is shown as text: {page}");
    let key = page.split("name=\"request\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = [("request", key), ("login", "ann"), ("password", password)];
    http.post(format!("{}/sign-in", provider.issuer())).form(&form).send().await.unwrap()
}

async fn exchange(provider: &Provider, http: &Http, code: &str, verifier: &str, secret: &str) -> Value {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "http://localhost:9/cb?x=1"),
        ("code_verifier", verifier),
        ("client_id", "app"),
        ("client_secret", secret),
    ];
    http.post(format!("{}/token", provider.issuer())).form(&form).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_request_that_is_not_the_clients_is_not_answered_to_anybody() {
    let (provider, http) = provider().await;
    for wrong in [("client_id", "other"), ("redirect_uri", "http://localhost:9/cb"), ("redirect_uri", "")] {
        let answer = http.get(authorization(&provider, &[wrong])).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_wrong_request_goes_back_to_the_client() {
    let (provider, http) = provider().await;
    for (wrong, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "groups"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
    ] {
        let back = location(&http.get(authorization(&provider, &[wrong])).send().await.unwrap());
        assert_eq!(param(&back, "error").as_deref(), Some(error), "{wrong:?}");
        assert_eq!(param(&back, "state").as_deref(), Some("s&t"));
        assert_eq!(param(&back, "iss").as_deref(), Some(provider.issuer()));
        assert_eq!(param(&back, "x").as_deref(), Some("1"));
    }
}

#[tokio::test]
async fn a_wrong_password_gets_the_page_again_and_no_session() {
    let (provider, http) = provider().await;
    let answer = sign_in(&provider, &http, "wrong").await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("set-cookie"));
    assert!(answer.text().await.unwrap().contains("role=\"alert\""));
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_the_secret_and_works_once() {
    let (provider, http) = provider().await;
    for (verifier, secret, error) in
        [("x", "app-secret", "invalid_grant"), ("", "app-secret", "invalid_grant"), (VERIFIER, "x", "invalid_client")]
    {
        let code = param(&location(&sign_in(&provider, &http, "ann-pw").await), "code").unwrap();
        assert_eq!(exchange(&provider, &http, &code, verifier, secret).await["error"], error);
    }
    let code = param(&location(&sign_in(&provider, &http, "ann-pw").await), "code").unwrap();
    let tokens = exchange(&provider, &http, &code, VERIFIER, "app-secret").await;
    assert!(tokens["id_token"].is_string());
    assert_eq!(exchange(&provider, &http, &code, VERIFIER, "app-secret").await["error"], "invalid_grant");

    let userinfo = http.get(format!("{}/userinfo", provider.issuer()));
    let claims: Value =
        userinfo.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap().json().await.unwrap();
    assert_eq!(claims, serde_json::json!({"sub": "u-ann", "groups": ["staff"]}));
}

#[tokio::test]
async fn signing_out_without_a_hint_asks_first_and_never_redirects_elsewhere() {
    let (provider, http) = provider().await;
    let address = format!("{}/logout?post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A9%2Fout", provider.issuer());
    let page = http.get(address).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("name=\"confirm\""));
    let code = param(&location(&sign_in(&provider, &http, "ann-pw").await), "code").unwrap();
    let tokens = exchange(&provider, &http, &code, VERIFIER, "app-secret").await;
    let hint = tokens["id_token"].as_str().unwrap();
    for (to, status) in [("http://localhost:9/out", 303), ("http://localhost:9/other", 400), ("", 200)] {
        let form = [("id_token_hint", hint), ("post_logout_redirect_uri", to)];
        let answer = http.post(format!("{}/logout", provider.issuer())).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), status, "{to}");
    }
}
