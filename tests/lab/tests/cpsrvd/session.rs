//! Behaviours 21 to 30: how a session begins and what each request must show.

use std::time::Duration;

use lab::cpsrvd::LoginAnswer;
use lab::cpsrvd::SpentLoginUrl;

use super::client::*;

const DENIED_TOKEN: &str = "The security token in your request is invalid.";
const MISSING_TOKEN: &str = "The security token is missing from your request.";

#[tokio::test]
async fn b21_login_urls() {
    let double = double().await;
    let url = login_url(&double, Whostmgrd, "root").await;
    // Not on another service, not under another security token, not posted.
    get(Cpaneld, &url).send(&double).await.assert(401, "Token Denied");
    let digits = url.split('/').nth(1).unwrap().strip_prefix("cpsess").unwrap();
    let other = url.replace(digits, "0000000000");
    get(Whostmgrd, other).send(&double).await.assert(401, "Token Denied");
    let (path, query) = url.split_once('?').unwrap();
    post(Whostmgrd, path, query).send(&double).await.assert(401, "Token Denied");
    assert!(double.sessions().is_empty());
    get(Whostmgrd, &url).send(&double).await.assert(307, "Moved");
    assert_eq!(double.sessions().len(), 1);

    let url = login_url(&double, Whostmgrd, "root").await;
    double.switch(|switches| switches.login_url_lifetime = Duration::ZERO);
    get(Whostmgrd, &url).send(&double).await.assert(401, "Token Denied");
    double.switch(|switches| switches.login_url_lifetime = Duration::from_mins(1));
    get(Whostmgrd, &url).send(&double).await.assert(307, "Moved");
}

#[tokio::test]
async fn b22_the_first_answer_carries_the_cookie() {
    let double = double().await;
    for (answer, status, reason) in [
        (LoginAnswer::TemporaryRedirect, 307, "Moved"),
        (LoginAnswer::MovedPermanently, 301, "Moved"),
        (LoginAnswer::Found, 302, "Moved"),
        (LoginAnswer::SeeOther, 303, "Moved"),
        (LoginAnswer::PermanentRedirect, 308, "Moved"),
        (LoginAnswer::MetaRefresh, 200, "OK"),
    ] {
        for absolute in [false, true] {
            double.switch(|switches| {
                switches.login_answer = answer;
                switches.absolute_redirects = absolute;
            });
            let url = login_url(&double, Whostmgrd, "root").await;
            let reply = get(Whostmgrd, &url).send(&double).await;
            let visitor = Visitor::after(Whostmgrd, &url, reply.assert(status, reason));
            let home = format!("{}/", visitor.token);
            let origin = if absolute { "https://web1.example.com:2087" } else { "" };
            if answer == LoginAnswer::MetaRefresh {
                assert!(reply.text().contains(&format!("CONTENT=\"0;URL={home}\"")));
            } else {
                assert_eq!(reply.header("Location"), Some(&*format!("{origin}{home}")));
            }
            assert!(visitor.is_in(&double).await);
        }
    }
    double.switch(|switches| switches.login_answer = LoginAnswer::TemporaryRedirect);
    for (service, folder) in [(Cpaneld, "frontend"), (Webmaild, "webmail")] {
        let url = login_url(&double, service, "alice").await;
        let reply = get(service, &url).send(&double).await;
        let (path, post_login) = reply.header("Location").unwrap().split_once("&post_login=").unwrap();
        assert!(path.ends_with(&format!("/{folder}/jupiter/index.html?login=1")), "{path}");
        assert_eq!(post_login.len(), 14);
    }
}

#[tokio::test]
async fn b23_set_cookie_as_captured() {
    let double = double().await;
    for (service, name, user, encoded) in [
        (Whostmgrd, "whostmgrsession", "root", "root"),
        (Cpaneld, "cpsession", "alice", "alice"),
        (Webmaild, "webmailsession", "info@alice.example", "info%40alice.example"),
    ] {
        let url = login_url(&double, service, user).await;
        let reply = get(service, &url).send(&double).await;
        let cookie = reply.all("Set-Cookie")[0];
        let (value, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, format!("HttpOnly; path=/; port={}; secure", service.port()));
        let rest = value.strip_prefix(&format!("{name}={encoded}%3a")).unwrap();
        let (random, hex) = rest.split_once("%2c").unwrap();
        assert_eq!((random.len(), hex.len()), (16, 32));
    }
    double.switch(|switches| switches.same_site_lax = true);
    let url = login_url(&double, Whostmgrd, "root").await;
    let reply = get(Whostmgrd, &url).send(&double).await;
    assert!(reply.all("Set-Cookie")[0].ends_with("; secure; SameSite=Lax"));
}

#[tokio::test]
async fn b24_clearing_cookies() {
    let double = double().await;
    for (service, cleared) in [
        (Whostmgrd, &["whostmgrrelogin"][..]),
        (Cpaneld, &["cprelogin", "PPA_ID"]),
        (Webmaild, &["webmailrelogin", "roundcube_sessid"]),
    ] {
        let user = if service == Whostmgrd { "root" } else { "alice" };
        let url = login_url(&double, service, user).await;
        let reply = get(service, &url).send(&double).await;
        let expected: Vec<_> = cleared
            .iter()
            .map(|name| {
                let port = service.port();
                format!("{name}=no; HttpOnly; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/; port={port}; secure")
            })
            .collect();
        assert_eq!(reply.all("Set-Cookie")[1..], expected);
    }
    double.switch(|switches| switches.clearing_cookies = false);
    let url = login_url(&double, Cpaneld, "alice").await;
    assert_eq!(get(Cpaneld, &url).send(&double).await.all("Set-Cookie").len(), 1);
}

#[tokio::test]
async fn b25_a_spent_login_url() {
    let double = double().await;
    let url = login_url(&double, Whostmgrd, "root").await;
    let first = get(Whostmgrd, &url).send(&double).await;
    let visitor = Visitor::after(Whostmgrd, &url, &first);
    assert!(get(Whostmgrd, &url).send(&double).await.assert(401, "Token Denied").is_login_page());
    double.switch(|switches| switches.spent_login_url = SpentLoginUrl::LoginPage);
    assert!(get(Whostmgrd, &url).send(&double).await.assert(200, "OK").is_login_page());
    assert!(visitor.is_in(&double).await, "using the URL again does not harm the session");
}

#[tokio::test]
async fn b26_cookie_and_first_path_element() {
    let double = double().await;
    for (service, user) in [(Whostmgrd, "root"), (Cpaneld, "alice"), (Webmaild, "info@alice.example")] {
        let visitor = visitor(&double, service, user).await;
        let home = visitor.home();
        visitor.get(home).send(&double).await.assert(200, "OK");
        get(service, format!("{}{home}", visitor.token)).send(&double).await.assert(401, "Token Denied");
        let prefixed = get(service, format!("/prefix{}{home}", visitor.token)).header("Cookie", &visitor.cookie);
        assert!(prefixed.send(&double).await.assert(401, "Token Denied").text().contains(MISSING_TOKEN));
    }
    let root = visitor(&double, Whostmgrd, "root").await;
    let bare = get(Whostmgrd, "/scripts/command").header("Cookie", &root.cookie);
    bare.send(&double).await.assert(401, "Token Denied");
    double.switch(|switches| switches.require_security_token = false);
    bare.send(&double).await.assert(200, "OK");
}

#[tokio::test]
async fn b27_to_the_security_token() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let bare = get(Whostmgrd, "/").header("Cookie", &root.cookie);
    let reply = bare.send(&double).await;
    assert_eq!(reply.assert(307, "Moved").header("Location"), Some(&*format!("{}/", root.token)));
    double.switch(|switches| switches.redirect_to_security_token = false);
    assert!(bare.send(&double).await.assert(401, "Token Denied").text().contains(MISSING_TOKEN));
}

#[tokio::test]
async fn b28_wrong_tokens() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let wrong = get(Whostmgrd, "/cpsess0000000000/").header("Cookie", &root.cookie);
    for _ in 0..2 {
        let reply = wrong.send(&double).await;
        assert!(reply.assert(401, "Token Denied").closes() && reply.is_login_page());
        assert!(reply.text().contains(DENIED_TOKEN));
        assert!(root.is_in(&double).await);
    }
    wrong.send(&double).await.assert(401, "Token Denied");
    assert!(!root.is_in(&double).await);
    assert!(double.session_log().last().unwrap().ends_with(" token_denied"));

    double.switch(|switches| switches.wrong_token_limit = None);
    let root = visitor(&double, Whostmgrd, "root").await;
    for _ in 0..5 {
        get(Whostmgrd, "/cpsess0000000000/").header("Cookie", &root.cookie).send(&double).await;
    }
    assert!(root.is_in(&double).await);
}

#[tokio::test]
async fn b29_dead_sessions_on_api_paths() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let alice = visitor(&double, Cpaneld, "alice").await;
    let calls = [
        root.get("/json-api/loadavg"),
        root.get("/xml-api/version?api.version=1"),
        alice.get("/execute/Email/list_pops"),
    ];
    for call in &calls {
        call.send(&double).await.assert(200, "OK");
    }
    assert_eq!(double.expire_sessions(), 2);
    for call in &calls {
        let reply = call.send(&double).await;
        assert_eq!(reply.assert(403, "Forbidden Access denied").json()["cpanelresult"]["error"], "Access denied");
    }
    double.switch(|switches| switches.json_for_dead_api_session = false);
    assert!(calls[0].send(&double).await.assert(200, "OK").is_login_page());
}

#[tokio::test]
async fn b30_the_login_page() {
    let double = double().await;
    for (service, relogin) in [(Whostmgrd, "whostmgrrelogin"), (Cpaneld, "cprelogin"), (Webmaild, "webmailrelogin")] {
        let reply = get(service, "/").send(&double).await;
        let page = reply.assert(200, "OK").text();
        for id in ["login_form", "user", "pass", "login_submit", "goto_uri", "goto_app", "login-status-message"] {
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(reply.closes());
        assert_eq!(reply.header("Content-Type"), Some("text/html; charset=\"utf-8\""));
        assert_eq!(reply.header("Cache-Control"), Some("no-cache, no-store, must-revalidate, private"));
        assert_eq!(reply.header("Pragma"), Some("no-cache"));
        assert!(reply.header("Date").unwrap().ends_with(" GMT"));
        assert_eq!(reply.cookie(relogin), Some(&*format!("{relogin}=no")));
        let nobody = format!("{}=%3a", service.session_cookie());
        assert!(reply.cookie(service.session_cookie()).unwrap().starts_with(&nobody), "a session of nobody");
    }
    double.switch(|switches| switches.login_page_at_root = false);
    get(Whostmgrd, "/").send(&double).await.assert(401, "Token Denied");
}
