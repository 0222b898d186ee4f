//! The configurations in `config/providers`, each with what that product is documented to send.

use std::fs;
use std::path::Path;

use lab::provider::IdTokenFault as F;
use lab::provider::Patch;
use lab::provider::object_id;
use panelgate::cli;
use panelgate::compose;
use panelgate::identity::ClientCredential;
use panelgate::identity::GroupsSource;
use panelgate::identity::LoginError;
use panelgate::identity::ProviderSettings;
use panelgate::identity::UnreadableGroups;
use panelgate::model::IdTokenAlgorithm;
use panelgate::model::PushedRequests;
use rcgen::KeyPair;
use serde_json::Value;
use serde_json::json;
use url::Url;

use crate::harness::Bed;
use crate::harness::SECRET;
use crate::harness::post_logout_redirect_uri;
use crate::harness::redirect_uri;
use crate::harness::relying_party;

/// A main file around the block of a product.
const AROUND: &str = r#"directory = "directory.toml"
[console]
origin = "http://connect.localhost:8080"
[state]
directory = "state"
[audit]
file = "audit.jsonl"
"#;

/// A directory that is in order.
const DIRECTORY: &str = r#"[[servers]]
id = "web1"
host = "web1.hosting.example"
trust = "public"
api_account = "root"
api_token = "file:secrets/client-secret"
access = "restricted"
[[role_groups]]
name = "Administrators"
idp_groups = ["whm-admins"]
connect = true
[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["whostmgrd"]
account = "root"
"#;

/// The settings that the file of a product comes to.
fn configured(product: &str) -> ProviderSettings {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let block = fs::read_to_string(root.join(format!("config/providers/{product}.toml"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("secrets")).unwrap();
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
    let account =
        json!({"client_email": "a@b", "private_key": key, "token_uri": "https://oauth2.googleapis.com/token"});
    write("secrets/google.json", &account.to_string());
    write("secrets/client-secret", "a secret");
    write("directory.toml", DIRECTORY);
    write("panelgate.toml", &format!("{AROUND}{block}"));
    let config = cli::load(&folder.path().join("panelgate.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    compose::provider_settings(&config, &config.providers[0]).unwrap()
}

/// A relying party as configured for a product, at a provider that sends what the product sends.
async fn bed(product: &str, id_token: Value, userinfo: Value) -> Bed {
    let bed = Bed::new().await;
    let mut settings = configured(product);
    bed.provider.issuer().clone_into(&mut settings.issuer);
    settings.client_id = "panelgate".into();
    settings.credential = ClientCredential::Basic(SECRET.into());
    settings.pushed_requests = PushedRequests::Off;
    settings.redirect_uri = redirect_uri();
    settings.post_logout_redirect_uri = post_logout_redirect_uri();
    let below = |path: &str| Url::parse(&format!("{}{path}", bed.provider.issuer())).unwrap();
    match &mut settings.groups {
        GroupsSource::Claim(_) => {}
        GroupsSource::Graph(endpoint) => *endpoint = below("/graph/v1.0"),
        GroupsSource::GoogleDirectory(directory) => {
            directory.endpoint = below("/google");
            directory.account = None;
        }
    }
    let es256 = settings.id_token_alg == IdTokenAlgorithm::Es256;
    let rp = relying_party(settings, &bed.clock);
    let members = |value: Value| value.as_object().unwrap().clone().into_iter();
    bed.provider.set(|m| {
        m.id_token = vec![F::missing("groups")];
        m.userinfo_claims = vec![Patch::remove("groups")];
        m.id_token.extend(members(id_token).map(|(name, value)| F::wrong(&name, value)));
        m.userinfo_claims.extend(members(userinfo).map(|(name, value)| Patch::set(&name, value)));
        if es256 {
            m.id_token.push(F::SignedWithEs256);
        }
    });
    Bed { rp, ..bed }
}

async fn sends(product: &str, id_token: Value, userinfo: Value, expected: &[&str]) {
    let signed_in = bed(product, id_token, userinfo).await.sign_in().await;
    let signed_in = signed_in.unwrap_or_else(|error| panic!("{product}: {error:?}"));
    let groups: Vec<&str> = signed_in.principal.groups().iter().map(|group| group.0.as_str()).collect();
    assert_eq!(groups, expected, "{product}");
}

const TENANT: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn every_file_has_a_test_and_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/providers");
    let mut found = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let product = name.strip_suffix(".toml").unwrap();
        assert!(include_str!("products.rs").contains(&format!("\"{product}\"")), "{product} has no fixture");
        assert!(configured(product).problems().is_empty(), "{product}");
        found += 1;
    }
    assert_eq!(found, 14);
}

#[tokio::test]
async fn entra_id_leaves_the_groups_out_and_graph_has_them() {
    let overage = json!({
        "aud": "panelgate", "tid": TENANT, "oid": object_id("u-ann"), "ver": "2.0", "rh": "0.A", "uti": "x",
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": format!("https://graph.windows.net/{TENANT}/users/x/getMemberObjects")}},
    });
    sends("entra-id", overage, json!({}), &["whm-admins", "Staff"]).await;
    let guest = json!({"tid": "11111111-1111-1111-1111-111111111111", "oid": object_id("u-ann")});
    let outcome = bed("entra-id", guest, json!({})).await.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::Token(_))), "another tenant: {outcome:?}");
}

#[tokio::test]
async fn google_has_them_in_its_directory() {
    let claims = json!({"hd": "example.com", "azp": "panelgate", "email_verified": true});
    sends("google-workspace", claims, json!({}), &["whm-admins", "Staff"]).await;
    let private = bed("google-workspace", json!({"email_verified": true}), json!({})).await.sign_in().await;
    assert!(matches!(private, Err(LoginError::Token(_))), "an account of nobody's domain: {private:?}");
}

#[tokio::test]
async fn arrays_of_names_ids_and_paths_are_read_as_they_are() {
    sends(
        "okta",
        json!({"ver": 1, "amr": ["pwd"], "idp": "00o1", "groups": ["Everyone", "whm-admins"]}),
        json!({}),
        &["Everyone", "whm-admins"],
    )
    .await;
    let paths = json!({"azp": "panelgate", "acr": "1", "session_state": "x", "typ": "ID", "groups": ["/hosting/whm-admins", "/all"]});
    sends("keycloak", paths, json!({}), &["/hosting/whm-admins", "/all"]).await;
    sends(
        "authentik",
        json!({"acr": "goauthentik.io/providers/oauth2/default", "uid": "x", "groups": ["whm-admins"]}),
        json!({}),
        &["whm-admins"],
    )
    .await;
    let ids = json!({"acr": "Single_Factor", "groups": ["a0b1c2d3-0000-4000-8000-000000000001"]});
    sends("ping", ids, json!({}), &["a0b1c2d3-0000-4000-8000-000000000001"]).await;
    let kanidm =
        json!({"azp": "panelgate", "groups": ["whm_admins@idm.example.com", "00000000-0000-0000-0000-0000000000aa"]});
    sends("kanidm", kanidm, json!({}), &["whm_admins@idm.example.com", "00000000-0000-0000-0000-0000000000aa"]).await;
}

#[tokio::test]
async fn a_single_group_comes_as_a_string_at_some() {
    for (product, claim) in [("jumpcloud", "memberOf"), ("ping", "groups"), ("ad-fs", "groups")] {
        sends(product, json!({ claim: "whm-admins" }), json!({}), &["whm-admins"]).await;
        sends(product, json!({ claim: ["whm-admins", "Staff"] }), json!({}), &["whm-admins", "Staff"]).await;
    }
}

#[tokio::test]
async fn namespaced_and_odd_claims_are_found() {
    let auth0 = json!({"https://example.com/groups": ["whm-admins"], "updated_at": "2026-11-22T10:00:00.000Z", "nickname": "ann"});
    sends("auth0", auth0, json!({}), &["whm-admins"]).await;
    let cognito =
        json!({"cognito:groups": ["whm-admins"], "cognito:username": "ann", "token_use": "id", "event_id": "x"});
    sends("cognito", cognito, json!({"email_verified": "true"}), &["whm-admins"]).await;
    sends("cognito", json!({"cognito:username": "ann"}), json!({}), &[]).await;
}

#[tokio::test]
async fn one_string_is_taken_apart_at_onelogin() {
    sends("onelogin", json!({"groups": "whm-admins;Staff", "rt_hash": "x"}), json!({}), &["whm-admins", "Staff"]).await;
    let array = bed("onelogin", json!({"groups": ["whm-admins"]}), json!({})).await.sign_in().await;
    assert!(matches!(array, Err(LoginError::Groups(UnreadableGroups::Shape))), "{array:?}");
}

#[tokio::test]
async fn gitlabs_userinfo_counts_and_its_token_does_not() {
    let token = json!({"groups_direct": ["company/all"], "sub_legacy": "x"});
    let userinfo = json!({"groups": ["company/hosting/admins", "company/all"], "groups_direct": ["company/all"]});
    sends("gitlab", token, userinfo, &["company/hosting/admins", "company/all"]).await;
}

#[tokio::test]
async fn zitadels_roles_are_keys_and_its_project_is_an_audience() {
    let roles = json!({"whm-admin": {"200": "example.com"}, "staff": {"200": "example.com"}});
    let claims = json!({
        "aud": ["panelgate", "100000000000000001"], "azp": "panelgate", "amr": ["pwd"],
        "urn:zitadel:iam:org:project:roles": roles,
    });
    sends("zitadel", claims.clone(), json!({}), &["staff", "whm-admin"]).await;
    let mut other = claims;
    other["aud"] = json!(["panelgate", "100000000000000001", "somebody-else"]);
    let outcome = bed("zitadel", other, json!({})).await.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::Token(_))), "{outcome:?}");
}
