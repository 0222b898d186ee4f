//! Behaviours 11 to 20: the API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lab::cpsrvd::Account;
use lab::cpsrvd::AccountLoginAccess;
use lab::cpsrvd::Accounts;
use lab::cpsrvd::ApiToken;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Settings;
use lab::cpsrvd::VersionShape;
use lab::loopback::Loopback;
use serde_json::Value;
use serde_json::json;

use super::client::*;

const DENIED: &str = r#"{"cpanelresult":{"apiversion":"2","error":"Access denied","data":{"reason":"Access denied","result":"0"},"type":"text"}}"#;

async fn version_with(double: &Double, authorization: &str) -> Reply {
    get(Whostmgrd, "/json-api/version?api.version=1").header("Authorization", authorization).send(double).await
}

async fn create(double: &Double, caller: &str, query: &str) -> Value {
    whm_as(double, caller, "create_user_session", query).await.assert(200, "OK").json()
}

/// The reason of a failed call.
#[track_caller]
fn reason(answer: &Value) -> &str {
    assert_eq!(answer["metadata"]["result"], 0, "{answer}");
    assert_eq!(answer.get("data"), None);
    answer["metadata"]["reason"].as_str().unwrap()
}

#[tokio::test]
async fn b11_authorization_schemes() {
    let double = double().await;
    let token = double.token_for("root");
    for scheme in ["whm", "WHM", "Whm"] {
        version_with(&double, &format!("{scheme} root:{token}")).await.assert(200, "OK");
    }
    let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    version_with(&double, &basic("root", "root-password")).await.assert(200, "OK");
    version_with(&double, &basic("root", "wrong")).await.assert(403, "Forbidden Access denied");
    for wrong in [format!("cpanel root:{token}"), format!("Bearer {token}"), format!("whm {token}"), "whm".to_owned()] {
        version_with(&double, &wrong).await.assert(403, "Forbidden Access denied");
    }
    let uapi = |authorization: String| {
        get(Cpaneld, "/execute/Variables/get_user_information").header("Authorization", authorization)
    };
    let alice = double.token_for("alice");
    let reply = uapi(format!("cpanel alice:{alice}")).send(&double).await;
    assert_eq!(reply.json()["data"]["user"], "alice");
    uapi(format!("whm alice:{alice}")).send(&double).await.assert(403, "Forbidden Access denied");
    version_with(&double, &format!("whm alice:{alice}")).await.assert(403, "Forbidden Access denied");

    let hash = format!("WHM root:{}", double.accesshash());
    version_with(&double, &hash).await.assert(403, "Forbidden Access denied");
    double.switch(|switches| switches.allow_accesshash = true);
    version_with(&double, &hash).await.assert(200, "OK");
    version_with(&double, "WHM root:0000").await.assert(403, "Forbidden Access denied");
}

#[tokio::test]
async fn b12_bad_tokens_are_refused_in_the_captured_words() {
    let double = double().await;
    let reply = version_with(&double, "whm root:WRONG").await;
    assert_eq!(reply.assert(403, "Forbidden Access denied").text(), DENIED);
    assert_eq!(reply.header("Content-Type"), Some("text/plain; charset=\"utf-8\""));
    assert!(reply.closes());

    let mut expired = ApiToken::new("root", "expired");
    expired.expires_at = Some(1);
    let mut elsewhere = ApiToken::new("root", "elsewhere");
    elsewhere.whitelist_ips = vec!["192.0.2.0/24".to_owned()];
    let mut here = ApiToken::new("root", "here");
    here.whitelist_ips = vec!["192.0.2.1".to_owned(), "127.0.0.0/8".to_owned()];
    here.expires_at = Some(u64::MAX);
    for (token, works) in [(expired, false), (elsewhere, false), (here, true)] {
        let authorization = format!("whm root:{}", token.secret);
        assert!(double.add_token(token));
        assert_eq!(version_with(&double, &authorization).await.text() != DENIED, works);
    }
    let authorization = format!("whm root:{}", double.token_for("root"));
    assert!(double.revoke_token("root", "panelgate"));
    version_with(&double, &authorization).await.assert(403, "Forbidden Access denied");
}

#[tokio::test]
async fn b12_acls_limit_a_token() {
    let double = double().await;
    let mut narrow = ApiToken::new("root", "narrow");
    narrow.acls = Some(vec!["list-accts".to_owned()]);
    let authorization = format!("whm root:{}", narrow.secret);
    double.add_token(narrow);
    let call = |function: &str| {
        get(Whostmgrd, format!("/json-api/{function}?api.version=1&user=root&service=whostmgrd"))
            .header("Authorization", &authorization)
    };
    assert_eq!(call("listaccts").send(&double).await.json()["metadata"]["result"], 1);
    let refused = call("create_user_session").send(&double).await;
    assert!(reason(&refused.assert(200, "OK").json()).contains("Permission denied"));
    assert_eq!(
        call("applist").send(&double).await.json()["data"]["app"],
        json!(["applist", "getdomainowner", "listaccts", "myprivs", "version"])
    );
}

#[tokio::test]
async fn b12_tokens_are_managed_by_calls() {
    let double = double().await;
    let made = whm(&double, "api_token_create", "token_name=rotated&acl=create-user-session&acl-1=list-accts").await;
    let made = &made.json()["data"];
    assert_eq!(made["acls"], json!(["create-user-session", "list-accts"]));
    assert_eq!((&made["expires_at"], &made["whitelist_ips"]), (&Value::Null, &Value::Null));
    let secret = made["token"].as_str().unwrap();
    assert!(secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
    version_with(&double, &format!("whm root:{secret}")).await.assert(200, "OK");

    let listed = whm(&double, "api_token_list", "").await.json();
    assert_eq!(listed["data"]["tokens"]["rotated"]["acls"]["ssl"], 0);
    assert_eq!(listed["data"]["tokens"]["rotated"]["acls"]["list-accts"], 1);
    assert_eq!(listed["data"]["tokens"]["rotated"].get("token"), None);

    // What an update leaves out, it widens.
    let updated = whm(&double, "api_token_update", "token_name=rotated&new_name=wide").await.json();
    assert!(updated["data"]["acls"].as_array().unwrap().contains(&json!("all")));
    assert_eq!(updated["data"].get("token"), None);

    whm(&double, "api_token_revoke", "token_name=wide").await.assert(200, "OK");
    version_with(&double, &format!("whm root:{secret}")).await.assert(403, "Forbidden Access denied");
    for bad in ["token_name=", "token_name=a%20b", "token_name=x&acl=nonsense", "token_name=panelgate"] {
        reason(&whm(&double, "api_token_create", bad).await.json());
    }
    reason(&whm(&double, "api_token_revoke", "token_name=gone").await.json());
}

#[tokio::test]
async fn b13_tokens_open_no_pages() {
    let double = double().await;
    let page = get(Whostmgrd, "/scripts/command?PFILE=main")
        .header("Authorization", format!("whm root:{}", double.token_for("root")));
    assert!(page.send(&double).await.assert(401, "Access Denied").is_login_page());
    double.switch(|switches| switches.tokens_open_pages = true);
    assert!(page.send(&double).await.assert(200, "OK").text().contains("id=\"whm-main\""));
    assert!(double.sessions().is_empty());
}

#[tokio::test]
async fn b14_create_user_session() {
    let double = double().await;
    let query = "user=root&service=whostmgrd";
    let answer = create(&double, "root", query).await;
    let data = &answer["data"];
    assert_eq!(
        answer["metadata"],
        json!({"command": "create_user_session", "reason": "Created session", "result": 1, "version": 1})
    );
    let token = data["cp_security_token"].as_str().unwrap();
    assert!(token.len() == 17 && token.strip_prefix("/cpsess").unwrap().bytes().all(|byte| byte.is_ascii_digit()));
    let session = data["session"].as_str().unwrap();
    let (name, secret) = session.split_once(":create_user_session,").unwrap();
    assert_eq!((name.len(), secret.len()), ("root:".len() + 16, 32));
    let encoded = session.replace(':', "%3a").replace(',', "%2c");
    assert_eq!(data["url"], format!("https://{HOSTNAME}:2087{token}/login/?session={encoded}"));
    assert_eq!(data["service"], "whostmgrd");
    assert!(data["expires"].is_u64());

    let authorization = format!("whm root:{}", double.token_for("root"));
    let posted = post(Whostmgrd, "/json-api/create_user_session", &format!("api.version=1&{query}"))
        .header("Authorization", authorization);
    assert_eq!(posted.send(&double).await.json()["metadata"]["result"], 1);
    double.switch(|switches| switches.session_call_by_post = false);
    reason(&posted.send(&double).await.json());

    assert_eq!(
        create(&double, "root", &format!("{query}&app=no_such_page&promptToken=x")).await["metadata"]["result"],
        1
    );
    let deep = create(&double, "root", &format!("{query}&app=terminal&locale=fr")).await;
    let url = deep["data"]["url"].as_str().unwrap();
    assert!(url.contains("/login/?goto_uri=scripts%2fterminal&locale=fr&session=root%3a"), "{url}");
    let reply = get(Whostmgrd, path_of(url)).send(&double).await;
    assert!(reply.header("Location").unwrap().ends_with("/scripts/terminal"));
    assert_eq!(reply.cookie("session_locale"), Some("session_locale=fr"));
}

#[tokio::test]
async fn b14_who_may_create_for_whom() {
    let double = double().await;
    for (caller, user, service, works) in [
        ("root", "root", "whostmgrd", true),
        ("root", "resell1", "whostmgrd", true),
        ("root", "alice", "cpaneld", true),
        ("root", "info@alice.example", "webmaild", true),
        ("root", "alice", "webmaild", true),
        ("root", "alice", "whostmgrd", false),
        ("root", "root", "cpaneld", false),
        ("root", "info@alice.example", "cpaneld", false),
        ("resell1", "resell1", "whostmgrd", true),
        ("resell1", "resell1", "cpaneld", true),
        ("resell1", "alice", "cpaneld", true),
        ("resell1", "info@alice.example", "webmaild", true),
        ("resell1", "bob", "cpaneld", false),
        ("resell1", "sales@bob.example", "webmaild", false),
        ("resell1", "root", "whostmgrd", false),
        ("resell1", "support", "whostmgrd", false),
    ] {
        let answer = create(&double, caller, &format!("user={user}&service={service}")).await;
        assert_eq!(answer["metadata"]["result"] == 1, works, "{caller} {user} {service}: {answer}");
    }
    let suspended = "user=dave&service=cpaneld";
    assert!(reason(&create(&double, "root", suspended).await).contains("suspended"));
    double.switch(|switches| switches.suspended_sessions = true);
    assert_eq!(create(&double, "root", suspended).await["metadata"]["result"], 1);
}

#[tokio::test]
async fn b15_failure_texts() {
    let double = double().await;
    let unknown = || create(&double, "root", "user=web08&service=cpaneld");
    let (one, two) = (unknown().await, unknown().await);
    let (start, end) = ("API failure: (XID ", ") You do not have a user named \u{201c}web08\u{201d}.");
    let xid = |answer: &Value| reason(answer).strip_prefix(start).unwrap().strip_suffix(end).unwrap().to_owned();
    assert_eq!(xid(&one).len(), 6);
    assert_ne!(xid(&one), xid(&two));
    assert_eq!(one["metadata"]["version"], 1);
    double.switch(|switches| switches.typographic_failures = false);
    assert_eq!(reason(&unknown().await), "You do not have a user named \"web08\".");

    let foreign = create(&double, "resell1", "user=bob&service=cpaneld").await;
    assert_eq!(reason(&foreign), "You do not have access to an account named \"bob\".");
    assert!(reason(&create(&double, "root", "user=alice&service=whostmgrd").await).contains("Not a reseller"));
    for missing in ["user=root", "service=whostmgrd", "user=root&service=nonsense", "user=&service=whostmgrd"] {
        reason(&create(&double, "root", missing).await);
    }
}

#[tokio::test]
async fn b16_wishes_about_the_url() {
    let double = double().await;
    let query = "user=root&service=whostmgrd&cp_security_token=cpsess1234567890&preferred_domain=other.example";
    let url = |answer: Value| answer["data"]["url"].as_str().unwrap().to_owned();
    let wished = create(&double, "root", query).await;
    assert_eq!(wished["data"]["cp_security_token"], "/cpsess1234567890");
    assert!(url(wished).starts_with("https://other.example:2087/cpsess1234567890/login/?"));
    let again = url(create(&double, "root", query).await);
    let reply = get(Whostmgrd, path_of(&again)).send(&double).await;
    assert_eq!(reply.header("Location"), Some("/cpsess1234567890/"));
    reason(&create(&double, "root", "user=root&service=whostmgrd&cp_security_token=x").await);

    double.switch(|switches| {
        switches.honour_security_token = false;
        switches.honour_preferred_domain = false;
    });
    let ignored = url(create(&double, "root", query).await);
    assert!(ignored.starts_with(&format!("https://{HOSTNAME}:2087/cpsess")) && !ignored.contains("cpsess1234567890"));
}

#[tokio::test]
async fn b17_account_login_access() {
    let double = double().await;
    for (access, expected) in [
        (AccountLoginAccess::OwnerRoot, [true, true]),
        (AccountLoginAccess::Owner, [false, true]),
        (AccountLoginAccess::User, [false, false]),
    ] {
        double.switch(|switches| switches.account_login_access = access);
        for (caller, works) in ["root", "resell1"].into_iter().zip(expected) {
            let answer = create(&double, caller, "user=alice&service=cpaneld").await;
            assert_eq!(answer["metadata"]["result"] == 1, works, "{access:?} {caller}");
        }
        let own = create(&double, "resell1", "user=resell1&service=cpaneld").await;
        assert_eq!(own["metadata"]["result"], 1, "{access:?}");
    }
}

#[tokio::test]
async fn b18_security_policy_interrupts_with_html() {
    let double = double().await;
    assert_eq!(whm(&double, "version", "").await.json()["metadata"]["result"], 1);
    double.switch(|switches| switches.api_security_policy = true);
    let reply = whm(&double, "create_user_session", "user=root&service=whostmgrd").await;
    assert!(reply.assert(200, "OK").text().contains("tfa_login_form"));
    assert!(reply.header("Content-Type").unwrap().starts_with("text/html"));
    version_with(&double, "whm root:WRONG").await.assert(403, "Forbidden Access denied");
}

#[tokio::test]
async fn b19_status_calls() {
    let double = double().await;
    let version = whm(&double, "version", "").await.json();
    assert_eq!(version["data"]["version"], "11.134.0.44");
    double.switch(|switches| switches.version_shape = VersionShape::Legacy);
    let version = whm(&double, "version", "").await.json();
    assert_eq!(
        version,
        json!({"cpanelresult": {"apiversion": "2", "data": {"version": "11.134.0.44"}, "type": "text"}})
    );

    let privileges = whm(&double, "myprivs", "").await.json()["data"]["privileges"].clone();
    assert_eq!((privileges.as_array().unwrap().len(), &privileges[0]["all"]), (1, &json!(1)));
    let privileges = whm_as(&double, "resell1", "myprivs", "").await.json()["data"]["privileges"].clone();
    assert_eq!(privileges[0]["create-user-session"], "1");
    assert_eq!((&privileges[0]["all"], privileges[0].get("ssl")), (&json!(0), None));

    let services = whm(&double, "servicestatus", "").await.json()["data"]["service"].clone();
    let running = |name: &str| {
        let mut all = services.as_array().unwrap().iter();
        all.find(|service| service["name"] == name).unwrap().get("running").cloned()
    };
    assert_eq!((running("httpd"), running("cpgreylistd")), (Some(json!(1)), None));
    assert_eq!(whm(&double, "gethostname", "").await.json()["data"]["hostname"], HOSTNAME);
    assert!(whm(&double, "systemloadavg", "").await.json()["data"]["one"].is_number());
    assert!(whm(&double, "loadavg", "").await.json()["one"].is_string());

    let users = |answer: Value| {
        let accounts = answer["data"]["acct"].as_array().unwrap().clone();
        accounts.into_iter().map(|account| account["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        users(whm(&double, "listaccts", "").await.json()),
        ["support", "resell1", "alice", "bob", "carol", "dave"]
    );
    assert_eq!(users(whm_as(&double, "resell1", "listaccts", "").await.json()), ["resell1", "alice", "dave"]);
    let exact = whm(&double, "listaccts", "search=alice.example&searchtype=domain&searchmethod=exact").await.json();
    assert_eq!(users(exact), ["alice"]);

    let setting = async |key: &str| {
        whm(&double, "get_tweaksetting", &format!("key={key}")).await.json()["data"]["tweaksetting"]["value"].clone()
    };
    assert_eq!((setting("xframecpsrvd").await, setting("cookieipvalidation").await), (json!(1), json!("strict")));
    double.switch(|switches| switches.x_frame = false);
    assert_eq!((setting("xframecpsrvd").await, setting("proxysubdomains").await), (json!(0), json!(1)));
    double.switch(|switches| switches.service_subdomains = false);
    assert_eq!(setting("proxysubdomains").await, 0);
    let refused = whm_as(&double, "resell1", "get_tweaksetting", "key=xframecpsrvd").await.json();
    assert!(reason(&refused).contains("Permission denied"));
}

#[tokio::test]
async fn b20_unknown_functions() {
    let double = double().await;
    let answer = whm(&double, "no_such_call", "").await;
    let expected = "Unknown app (\"no_such_call\") requested for this version (1) of the API.";
    assert_eq!(reason(&answer.assert(200, "OK").json()), expected);
    let call =
        |path: &str| get(Whostmgrd, path).header("Authorization", format!("whm root:{}", double.token_for("root")));
    let old = call("/json-api/asdf").send(&double).await;
    assert_eq!(old.json(), json!({"error": "Unknown App Requested: asdf"}));
    assert_eq!(call("/json-api/version").send(&double).await.json(), json!({"version": "11.134.0.44"}));
    let xml = call("/xml-api/gethostname?api.version=1").send(&double).await;
    assert!(xml.text().contains(&format!("<gethostname><data><hostname>{HOSTNAME}</hostname></data>")));

    let uapi =
        |path: &str| get(Cpaneld, path).header("Authorization", format!("cpanel alice:{}", double.token_for("alice")));
    let expected = "Could not find function 'test' in module 'Test'";
    let answer = uapi("/execute/Test/test").send(&double).await.json();
    assert_eq!((&answer["status"], &answer["errors"][0]), (&json!(0), &json!(expected)));
    let bridge = "/json-api/cpanel?cpanel_jsonapi_module=Test&cpanel_jsonapi_func=test";
    assert_eq!(uapi(bridge).send(&double).await.json()["cpanelresult"]["error"], expected);
    let for_user = |user: &str| {
        call(&format!(
            "/json-api/cpanel?cpanel_jsonapi_user={user}&cpanel_jsonapi_module=Email&cpanel_jsonapi_func=listpops"
        ))
    };
    let bridged = for_user("alice").send(&double).await.json();
    assert_eq!(bridged["cpanelresult"]["data"][0]["email"], "info@alice.example");
    let bridged = for_user("web08").send(&double).await.json();
    assert!(bridged["cpanelresult"]["error"].as_str().unwrap().contains("\"web08\""));
    let pops = uapi("/execute/Email/list_pops").send(&double).await.json();
    assert_eq!(pops["data"][0]["email"], "info@alice.example");
}

#[tokio::test]
async fn b12_own_accounts_and_tokens() {
    let address = Loopback::claim().unwrap();
    let mut settings = Settings::new(HOSTNAME, address.ip());
    settings.accounts = Accounts::only_root().with(Account::reseller("ops", &["create-user-session"]));
    let mut token = ApiToken::new("ops", "gateway");
    token.secret = "A".repeat(32);
    settings.tokens = vec![token];
    let double = Cpsrvd::start(settings).await.unwrap();
    assert_eq!(double.token_for("ops"), "A".repeat(32));
    assert_eq!(double.token_for("nobody"), "");
    let reply = whm_as(&double, "ops", "create_user_session", "user=ops&service=whostmgrd").await;
    assert_eq!(reply.json()["metadata"]["result"], 1);
}
