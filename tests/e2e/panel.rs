//! Inside a panel: its pages and forms, what the browser gets to see, and what the server does.

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Page;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::LoginAnswer;
use lab::cpsrvd::ReferrerRefusal;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;

/// A server with every check on that could stand in a proxy's way.
fn strict(server: &Cpsrvd) {
    server.switch(|switches| {
        switches.referrer_safety = true;
        switches.referrer_blank_safety = true;
        switches.x_frame = true;
        switches.csp = true;
        switches.absolute_redirects = true;
        switches.canonical_host = true;
        switches.wrong_token_limit = Some(1);
    });
}

/// Saves a form of a panel and gives the answer.
async fn save(browser: &Browser, panel: &Page, contact: &str) -> Page {
    let tweak = browser.frame(panel, &panel.attribute("link-tweak", "href").unwrap()).await.unwrap();
    let action = tweak.attribute("tweak-form", "action").unwrap();
    browser.submit(&tweak, &action, &[("contact", contact), ("limit", "7")]).await.unwrap()
}

in_both_styles! {
    /// As deep as WHM nests its frames, with every check of the server on.
    async fn a_panel_is_walked_through_as_on_the_server_itself(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        strict(server);
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let start = browser.frame(&home, &home.attribute("frame-main", "src").unwrap()).await.unwrap();
        assert_eq!(start.attribute("whm-main", "data-depth").unwrap(), "1");
        let inner = browser.frame(&start, &start.attribute("frame-inner", "src").unwrap()).await.unwrap();
        assert_eq!(inner.attribute("whm-inner", "data-depth").unwrap(), "2");
        for page in [&home, &start, &inner] {
            assert_eq!(page.status, 200);
            let style = "/cPanel_magic_revision_1700000000/lab/style.css";
            let style = Ask::get(Errand::Style, page.resolve(style).unwrap().as_str()).by(page);
            let style = browser.ask(style).await.unwrap();
            assert_eq!((style.status, style.header("content-type").unwrap().starts_with("text/css")), (200, true));
        }
        let saved = save(&browser, &home, "ops@example.com").await;
        assert_eq!(saved.status, 200);
        assert!(saved.text().contains("ops@example.com"), "{}", saved.text());
        // A link on the page that came of it, in the same frame.
        let back = browser.follow(&saved, &saved.attribute("link-back", "href").unwrap()).await.unwrap();
        assert!(back.text().contains("Tweak settings"));
        // One session, that nothing disturbed.
        assert_eq!(server.sessions().len(), 1);
        assert_eq!(stage.outcomes("panel.open"), ["begun", "succeeded"]);
        assert!(stage.outcomes("panel.renew").is_empty());
    }

    /// What a server may say to a browser, and what is said in its place.
    async fn an_answer_carries_our_headers_and_none_that_reach_further(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        strict(server);
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let start = browser.frame(&home, &home.attribute("frame-main", "src").unwrap()).await.unwrap();
        let policed = browser.frame(&home, &home.attribute("link-policy", "href").unwrap()).await.unwrap();
        let missing = browser.fetch(&home, "x/none").await.unwrap();
        assert_eq!(missing.status, 404);
        for page in [&home, &start, &policed, &missing] {
            let has = |name: &str| page.header(name).unwrap_or_default();
            let ancestors = format!("frame-ancestors 'self' {}", stage.world.console());
            assert!(has("content-security-policy").contains(&ancestors), "{:?}", page.headers);
            assert_eq!(has("cross-origin-opener-policy"), "same-origin");
            assert_eq!(has("cross-origin-resource-policy"), "same-origin");
            assert_eq!(has("origin-agent-cluster"), "?1");
            assert_eq!(has("referrer-policy"), "same-origin");
            assert_eq!(has("x-content-type-options"), "nosniff");
            assert!(has("permissions-policy").contains("publickey-credentials-get=()"));
            assert!(has("strict-transport-security").contains("includeSubDomains"));
            assert!(has("cache-control").contains("no-store"));
            for absent in ["x-frame-options", "set-cookie", "server", "connection", "transfer-encoding"] {
                assert_eq!(page.header(absent), None, "{absent} {}", page.url);
            }
        }
        // A policy of the server's own stays, beside ours.
        assert!(policed.header("content-security-policy").unwrap().contains("script-src 'self' 'nonce-"));
    }

    /// Neither the session cookie nor the one-time login ever gets to the browser.
    async fn the_servers_session_stays_on_our_side(style: Style) {
        let stage = Stage::new(style).await;
        for answer in [LoginAnswer::TemporaryRedirect, LoginAnswer::MetaRefresh] {
            let server = stage.world.server(1);
            server.switch(|switches| switches.login_answer = answer);
            let (browser, console) = stage.signed_in("ada").await;
            let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
            save(&browser, &home, "ops@example.com").await;
            let login = server.requests().into_iter().rfind(|request| request.path() == "/login/").unwrap();
            let string = login.target.split_once("session=").unwrap().1.to_owned();
            let session = server.sessions().pop().unwrap();
            for secret in [&session.cookie, &string, "whostmgrsession", "/login/?", "?session="] {
                assert_eq!(browser.was_sent(secret), None, "{secret}");
            }
            let ours: Vec<String> = browser.cookies().into_iter().map(|cookie| cookie.name).collect();
            let foreign = |name: &&String| !name.starts_with("__Host-panelgate-") && *name != "provider_session";
            assert_eq!(ours.iter().find(foreign), None, "{ours:?}");
        }
    }

    /// What the browser says of itself goes no further.
    async fn nothing_of_the_browsers_identity_reaches_the_server(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let server = stage.world.server(1);
        let before = server.requests().len();
        let mut ask = Ask::get(Errand::Fetch, home.url.as_str()).by(&home);
        let forged = [
            ("authorization", "Basic cm9vdDpyb290"),
            ("proxy-authorization", "Basic cm9vdDpyb290"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "for=192.0.2.1"),
            ("x-real-ip", "192.0.2.1"),
            ("true-client-ip", "192.0.2.1"),
            ("via", "1.1 evil"),
            ("x-original-url", "/scripts/terminal"),
            ("x-rewrite-url", "/scripts/terminal"),
            ("x-http-method-override", "DELETE"),
            ("x_forwarded_for", "192.0.2.1"),
            ("te", "trailers"),
            ("x-unheard-of", "1"),
        ];
        for (name, value) in forged {
            ask = ask.header(name, value);
        }
        let own = browser.cookies().iter().find(|c| c.name.contains("panelgate-whm")).unwrap().clone();
        let cookies = format!("{}={}; whostmgrsession=root%3aforged; cpsession=x; a=b", own.name, own.value);
        assert_eq!(browser.ask(ask.header("cookie", &cookies)).await.unwrap().status, 200);
        let heard = server.requests().split_off(before).pop().unwrap();
        for (name, _) in forged {
            assert_eq!(heard.header(name), None, "{name}");
        }
        assert!(heard.forwarding_headers().is_empty());
        let session = server.sessions().pop().unwrap();
        assert_eq!(heard.header("cookie").unwrap(), format!("whostmgrsession={}", session.cookie));
        let text = format!("{heard:?}");
        for word in ["connect.example.com", "panelgate", &own.value, "forged", "sec-fetch"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert_eq!(heard.header("host").unwrap(), "web1.hosting.example:2087");
    }

    /// The browser's pages go on working, because we choose the security token.
    async fn a_session_that_the_server_drops_is_opened_again_under_the_same_token(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let server = stage.world.server(1);
        let token = server.sessions().pop().unwrap().security_token;
        assert_eq!(server.expire_sessions(), 1);
        let page = browser.frame(&home, &home.attribute("frame-main", "src").unwrap()).await.unwrap();
        assert_eq!(page.attribute("whm-main", "data-depth").unwrap(), "1");
        let sessions = server.sessions();
        assert_eq!((sessions.len(), &sessions[0].security_token), (1, &token));
        assert_eq!(stage.outcomes("panel.renew"), ["begun", "succeeded"]);
        // API paths say it in another way.
        assert_eq!(server.expire_sessions(), 1);
        let load = home.resolve("json-api/version?api.version=1").unwrap();
        let answer = browser.fetch(&home, load.as_str()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(stage.outcomes("panel.renew").len(), 4);
    }
}

#[tokio::test]
async fn a_server_that_will_not_keep_a_session_is_not_shown_as_its_login_page() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let server = stage.world.server(1);
    // Every session is dead as soon as it is made.
    server.switch(|switches| switches.idle_limit = Some(std::time::Duration::ZERO));
    let answer = browser.fetch(&home, home.url.as_str()).await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (502, "login_refused"));
    let page = browser.frame(&console, home.url.as_str()).await;
    assert!(page.is_err() || !page.unwrap().text().contains("login_form"));
}

#[tokio::test]
async fn every_form_of_a_login_answer_leads_into_the_panel() {
    let stage = Stage::new(Style::Hosts).await;
    let (browser, console) = stage.signed_in("sam").await;
    for absolute in [false, true] {
        for answer in [
            LoginAnswer::MetaRefresh,
            LoginAnswer::MovedPermanently,
            LoginAnswer::Found,
            LoginAnswer::SeeOther,
            LoginAnswer::TemporaryRedirect,
            LoginAnswer::PermanentRedirect,
        ] {
            stage.world.server(2).switch(|switches| {
                switches.login_answer = answer;
                switches.absolute_redirects = absolute;
            });
            let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
            assert_eq!(panel.attribute("cpanel-home", "data-user").unwrap(), "bob", "{answer:?} {absolute}");
            let logout = panel.attribute("link-logout", "href").unwrap();
            assert_eq!(browser.follow(&panel, &logout).await.unwrap().status, 200);
        }
    }
}

#[tokio::test]
async fn a_server_that_checks_referrers_with_a_refusal_of_its_own_is_content() {
    let stage = Stage::new(Style::Ports).await;
    let server = stage.world.server(1);
    strict(server);
    server.switch(|switches| switches.referrer_refusal = ReferrerRefusal::Forbidden);
    let (browser, console) = stage.signed_in("ada").await;
    let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(save(&browser, &home, "a@example.com").await.status, 200);
    // A page that hides where it comes from is one of the panel's own all the same.
    let action = home.resolve("scripts2/dotweaksettings").unwrap();
    let ask = Ask::get(Errand::Fetch, action.as_str()).by(&home).form(&[("contact", "b@example.com")]);
    assert_eq!(browser.ask(ask.header("referer", "")).await.unwrap().status, 200);
}

#[tokio::test]
async fn redirects_and_links_stay_on_our_side() {
    let stage = Stage::new(Style::Ports).await;
    let server = stage.world.server(1);
    server.switch(|switches| switches.absolute_redirects = true);
    let (browser, console) = stage.signed_in("ada").await;
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    for seen in browser.everything() {
        if let Some(location) = seen.headers.get("location") {
            let location = location.to_str().unwrap();
            assert!(!location.contains("hosting.example"), "{location}");
        }
    }
}

#[tokio::test]
async fn paths_that_are_not_for_people_at_a_panel_never_get_there() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let server = stage.world.server(1);
    let before = server.requests().len();
    for path in [
        "/login/?user=root&pass=root-password",
        "/login",
        "login/?session=root%3aX",
        "/acctxferrsync/x",
        "/openid_connect/cpanelid",
        "/resetpass",
        "xfercpanel/bob",
        "/xfercpsess/x",
        "/invitation",
        "/session/x",
        "/.__cpanel__service__check__./serviceauth",
        "/cpanelwebcall/x",
        "/___proxy_subdomain_whm/",
    ] {
        // With the security token in front, and without.
        let token = home.url.path().trim_end_matches('/');
        for path in [path.to_owned(), format!("{token}/{}", path.trim_start_matches('/'))] {
            let answer = browser.fetch(&home, &path).await.unwrap();
            assert_eq!((answer.status, &*problem(&answer).0), (403, "path_withheld"), "{path}");
        }
    }
    let login = home.resolve("/login/?login_only=1").unwrap();
    let ask = Ask::get(Errand::Fetch, login.as_str()).by(&home).form(&[("user", "root"), ("pass", "root-password")]);
    assert_eq!(browser.ask(ask).await.unwrap().status, 403);
    assert_eq!(server.requests().len(), before);
}

#[tokio::test]
async fn an_upload_arrives_whole_over_both_versions_of_http() {
    let stage = Stage::new(Style::Ports).await;
    for http in [Http::One, Http::Two] {
        let browser = Browser::over(&stage.world, http).unwrap();
        let console = browser.sign_in("sam").await.unwrap();
        let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
        let body = vec![b'x'; 5_000_000];
        let url = panel.resolve("/x").unwrap();
        let token = panel.url.path_segments().unwrap().next().unwrap().to_owned();
        let url = url.join(&format!("/{token}/execute/Fileman/upload_files")).unwrap();
        let ask = Ask::get(Errand::Fetch, url.as_str()).by(&panel).post("multipart/form-data; boundary=x", body);
        let answer = browser.ask(ask).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let upload =
            stage.world.server(2).wait_for_request(|r| r.path().ends_with("upload_files") && r.status.is_some());
        assert_eq!(upload.await.unwrap().body_length, 5_000_000);
        stage.world.server(2).forget();
    }
}
