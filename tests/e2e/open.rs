//! Opening panels: who may, what comes of it, and what becomes of many at once.

use futures_util::future::join_all;
use lab::browser::Ask;
use lab::browser::Errand;
use lab::cpsrvd::Cue;
use lab::cpsrvd::Fault;
use lab::cpsrvd::Service;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;
use crate::stage::until;

in_both_styles! {
    /// web1's certificate is pinned, web2's vouched for by an authority.
    async fn an_administrator_opens_servers_as_root(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        for (number, server) in [(1, "web1"), (2, "web2"), (3, "web3")] {
            let panel = browser.open(&console, server, "whostmgrd", "root").await.unwrap();
            assert_eq!(panel.url.origin().ascii_serialization(), stage.panel(server, "whostmgrd", ""));
            assert!(panel.url.path().starts_with("/cpsess"), "{}", panel.url);
            assert_eq!(panel.attribute("whm-home", "data-user").unwrap(), "root");
            let sessions = stage.world.server(number).sessions();
            assert_eq!(sessions.len(), 1);
            assert_eq!((sessions[0].service, &*sessions[0].method), (Service::Whostmgrd, "create_user_session"));
            assert!(panel.url.path().starts_with(&sessions[0].security_token));
        }
        let opened = stage.outcomes("panel.open");
        assert_eq!(opened, ["begun", "succeeded", "begun", "succeeded", "begun", "succeeded"]);
        assert_eq!(stage.outcomes("panel.enter"), ["succeeded"; 3]);
    }

    /// Each service has an origin and a session of its own.
    async fn support_opens_each_service_as_the_account_of_the_rule(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("sam").await;
        let whm = browser.open(&console, "web1", "whostmgrd", "support").await.unwrap();
        assert_eq!(whm.attribute("whm-home", "data-user").unwrap(), "support");
        let cpanel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
        assert_eq!(cpanel.attribute("cpanel-home", "data-user").unwrap(), "bob");
        let webmail = browser.open(&console, "web2", "webmaild", "sales@bob.example").await.unwrap();
        assert_eq!(webmail.attribute("webmail-home", "data-user").unwrap(), "sales@bob.example");
        assert_eq!(cpanel.url.origin().ascii_serialization(), stage.panel("web2", "cpaneld", ""));
        assert_eq!(webmail.url.origin().ascii_serialization(), stage.panel("web2", "webmaild", ""));
        assert_eq!(stage.world.server(2).sessions().len(), 2);
    }

    /// The refusal is explained, on record, and no server hears of it.
    async fn what_no_rule_allows_is_refused_and_recorded(style: Style) {
        let stage = Stage::new(style).await;
        let (sam, console) = stage.signed_in("sam").await;
        let (nia, nothing) = stage.signed_in("nia").await;
        for (browser, page, server, service, account, reason) in [
            (&sam, &console, "web3", "whostmgrd", "root", "no_rule_for_server"),
            (&sam, &console, "web1", "whostmgrd", "root", "account_not_in_rule"),
            (&sam, &console, "web1", "cpaneld", "support", "service_not_in_rule"),
            (&sam, &console, "web2", "cpaneld", "nobody-there", "account_not_in_rule"),
            (&nia, &nothing, "web1", "whostmgrd", "root", "no_role_group"),
            (&nia, &nothing, "web2", "cpaneld", "bob", "no_role_group"),
        ] {
            let answer = browser.ask_to_open(page, server, service, account).await.unwrap();
            assert_eq!(answer.status, 403);
            let (code, reference) = problem(&answer);
            assert_eq!(code, reason);
            let events = stage.events();
            let event = events.last().unwrap();
            let told = ["kind", "outcome", "reason", "server", "service", "account", "reference"]
                .map(|name| event[name].as_str().unwrap_or_default());
            assert_eq!(told, ["access.denied", "denied", reason, server, service, account, &*reference]);
        }
        assert!(stage.world.servers.iter().all(|server| server.requests().is_empty()));
    }
}

#[tokio::test]
async fn a_server_that_does_not_exist_reads_like_one_that_is_not_theirs() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("sam").await;
    let theirs = browser.ask_to_open(&console, "web3", "whostmgrd", "root").await.unwrap();
    let nowhere = browser.ask_to_open(&console, "web9", "whostmgrd", "root").await.unwrap();
    let told = |answer: &lab::browser::Page| {
        let mut problem = answer.json().unwrap()["problem"].clone();
        problem["reference"] = "".into();
        (answer.status, problem)
    };
    assert_eq!(told(&theirs), told(&nowhere));
    // The record knows the difference.
    assert_eq!(stage.outcomes("access.denied"), ["denied no_rule_for_server", "denied unknown_server"]);
}

#[tokio::test]
async fn a_request_to_open_that_is_none_is_refused() {
    let stage = Stage::new(Style::Hosts).await;
    let (browser, console) = stage.signed_in("ada").await;
    let url = stage.console("/api/open");
    let long = format!(r#"{{"server":"{}"}}"#, "x".repeat(5000));
    for body in [
        "",
        "{}",
        "[]",
        "not json",
        r#"{"server":"web1","service":"whostmgrd"}"#,
        r#"{"server":"web1","service":"ssh","account":"root"}"#,
        r#"{"server":"../web1","service":"whostmgrd","account":"root"}"#,
        r#"{"server":"web1","service":"whostmgrd","account":"root\nx"}"#,
        r#"{"server":"web1","service":"whostmgrd","account":"root","as":"x"}"#,
        &long,
    ] {
        let ask = Ask::get(Errand::Fetch, &url).by(&console).post("application/json", body.to_owned());
        let answer = browser.ask(ask).await.unwrap();
        assert_eq!((answer.status, &*problem(&answer).0), (400, "bad_body"), "{body}");
    }
    assert!(stage.outcomes("panel.open").is_empty());
}

#[tokio::test]
async fn two_people_at_one_server_have_nothing_in_common() {
    let stage = Stage::new(Style::Ports).await;
    let ((ada, console_of_ada), (sam, console_of_sam)) = tokio::join!(stage.signed_in("ada"), stage.signed_in("sam"));
    let (one, two) = tokio::join!(
        ada.open(&console_of_ada, "web1", "whostmgrd", "root"),
        sam.open(&console_of_sam, "web1", "whostmgrd", "support")
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let server = stage.world.server(1);
    let sessions = server.sessions();
    assert_eq!(sessions.len(), 2);
    assert_ne!(sessions[0].cookie, sessions[1].cookie);
    assert_ne!(sessions[0].security_token, sessions[1].security_token);
    // One's address in the other's browser: the security token is not theirs, and the cookie never was.
    let crossed = sam.fetch(&two, one.url.path()).await.unwrap();
    assert!(!crossed.text().contains("data-user=\"root\""), "{}", crossed.text());
    for request in server.requests().iter().filter(|request| request.header("cookie").is_some()) {
        let cookie = request.header("cookie").unwrap();
        let owners = sessions.iter().filter(|session| cookie.contains(&session.cookie)).count();
        assert!(owners <= 1, "{cookie}");
    }
}

#[tokio::test]
async fn two_people_with_one_account_have_a_session_each() {
    let stage = Stage::new(Style::Hosts).await;
    let (first, console) = stage.signed_in("ada").await;
    let (second, console_of_second) = stage.signed_in("ada").await;
    let one = first.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let two = second.open(&console_of_second, "web1", "whostmgrd", "root").await.unwrap();
    assert_ne!(one.url.path(), two.url.path());
    assert_eq!(stage.world.server(1).sessions().len(), 2);
    // One signs out; the other's goes on.
    first.submit(&console, "/sign-out", &[]).await.unwrap();
    assert_eq!(second.fetch(&two, two.url.as_str()).await.unwrap().status, 200);
}

#[tokio::test]
async fn many_requests_of_one_person_open_one_session() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let asked = (0..20).map(|_| browser.ask_to_open(&console, "web1", "whostmgrd", "root"));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    let created = |request: &&lab::cpsrvd::RecordedRequest| request.path() == "/json-api/create_user_session";
    let server = stage.world.server(1);
    assert_eq!(server.requests().iter().filter(created).count(), 1);
    assert_eq!(server.sessions().len(), 1);
    // And the record says that one was opened.
    assert_eq!(stage.outcomes("panel.open"), ["begun", "succeeded"]);
}

#[tokio::test]
async fn a_panel_that_was_left_is_opened_anew() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let logout = panel.attribute("link-logout", "href").unwrap();
    let left = browser.follow(&panel, &logout).await.unwrap();
    assert!(left.text().contains("You have left this panel"), "{}", left.text());
    browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(stage.outcomes("panel.open"), ["begun", "succeeded", "begun", "succeeded"]);
}

/// Nobody waits for a handshake that could be over already.
#[tokio::test]
async fn the_ways_to_a_server_are_there_before_they_are_needed() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let (server, go_on) = (stage.world.server(2), Cue::new());
    server.faults().inject("/json-api/create_user_session", 1, Fault::Hold(go_on.clone()));
    let (opened, ()) = tokio::join!(browser.ask_to_open(&console, "web2", "whostmgrd", "root"), async {
        until("the server is asked", || server.faults().pending() == 0).await;
        until("the way to the login", || server.open_connections() == 2).await;
        go_on.give();
    });
    assert_eq!(opened.unwrap().status, 200);
    // The server closes after a login, and the API is not needed again.
    until("the way to the pages", || server.open_connections() == 1).await;
    let asked: Vec<_> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert!(asked.iter().all(|path| path.contains("create_user_session") || path.contains("/login")), "{asked:?}");
}
