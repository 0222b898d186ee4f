//! From the console to a panel origin, and every way to misuse it. (That a code dies after 30 seconds is
//! tested with a clock of its own, in the session room.)

use std::collections::BTreeMap;

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::browser::SameSite;
use lab::cpsrvd::Cue;
use lab::cpsrvd::Fault;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use url::Url;

use crate::faults::trio::with_other_clock;
use crate::raw::Raw;
use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;
use crate::stage::until;

/// The address with the code, as the console gives it, not yet followed.
async fn code_for(browser: &Browser, console: &Page, server: &str) -> Url {
    let answer = browser.ask_to_open(console, server, "whostmgrd", "root").await.unwrap();
    let frame = answer.json().unwrap()["frame"].as_str().unwrap().to_owned();
    let enter = browser.ask(Ask::get(Errand::Frame, &frame).by(console).once()).await.unwrap();
    assert_eq!(enter.status, 303);
    let asked =
        browser.ask(Ask::get(Errand::Frame, &enter.header("location").unwrap()).by(console).once()).await.unwrap();
    assert_eq!(asked.status, 303);
    asked.header("location").unwrap().parse().unwrap()
}

/// What comes of an address with a code in a frame of the console.
async fn redeem(browser: &Browser, console: &Page, url: &str) -> u16 {
    browser.ask(Ask::get(Errand::Frame, url).by(console).once()).await.unwrap().status
}

in_both_styles! {
    /// A code, and not a cookie, crosses from one origin to another.
    async fn a_hand_off_leaves_a_cookie_for_one_origin(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let url = code_for(&browser, &console, "web1").await;
        assert_eq!(url.origin().ascii_serialization(), stage.panel("web1", "whostmgrd", ""));
        let host = url.host_str().unwrap();
        let verifier = browser.cookie(host, "__Host-panelgate-whm-verifier").unwrap();
        assert_eq!(verifier.same_site, SameSite::Strict);
        assert!(browser.cookie(host, "__Host-panelgate-whm").is_none());
        assert_eq!(redeem(&browser, &console, url.as_str()).await, 200);
        let cookie = browser.cookie(host, "__Host-panelgate-whm").unwrap();
        assert!(cookie.secure && cookie.http_only && cookie.host_only && cookie.same_site == SameSite::Strict);
        assert!(browser.cookie(host, "__Host-panelgate-whm-verifier").is_none(), "used up");
    }

    /// Whoever redeems it first has it; a second time it is nobody's.
    async fn a_code_works_once(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let url = code_for(&browser, &console, "web1").await;
        let verifier = browser.cookie(url.host_str().unwrap(), "__Host-panelgate-whm-verifier").unwrap();
        assert_eq!(redeem(&browser, &console, url.as_str()).await, 200);
        browser.put_cookie(verifier);
        assert_eq!(redeem(&browser, &console, url.as_str()).await, 400);
        assert_eq!(stage.outcomes("panel.enter"), ["succeeded", "denied handoff_lost"]);
    }

    /// Of many who show it at once one gets in. What was recorded last under a reference is what came of it.
    async fn a_code_that_is_shown_many_times_at_once_works_once(style: Style) {
        const TIMES: usize = 8;
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let url = code_for(&browser, &console, "web1").await;
        let shown = (0..TIMES).map(|_| redeem(&browser, &console, url.as_str()));
        let mut statuses = futures_util::future::join_all(shown).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [&[200][..], &[400; TIMES - 1]].concat());
        let entrances = stage.events().into_iter().filter(|event| event["kind"] == "panel.enter");
        let last: BTreeMap<_, _> =
            entrances.map(|event| (event["reference"].to_string(), event["outcome"].clone())).collect();
        assert_eq!(last.len(), TIMES);
        assert_eq!(last.values().filter(|outcome| *outcome == "succeeded").count(), 1, "{last:?}");
    }

    /// Without the verifier a code is worth nothing, and it is spent by trying.
    async fn a_code_works_in_the_browser_that_began(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let url = code_for(&browser, &console, "web1").await;
        let (other, other_console) = stage.signed_in("ada").await;
        code_for(&other, &other_console, "web1").await;
        assert_eq!(redeem(&other, &other_console, url.as_str()).await, 400, "another verifier");
        assert_eq!(redeem(&stage.browser(), &console, url.as_str()).await, 400, "no verifier");
        assert_eq!(redeem(&browser, &console, url.as_str()).await, 400, "spent");
        assert_eq!(stage.outcomes("panel.enter"), ["denied handoff_lost"; 3]);
    }

    /// A code for web1 opens nothing on web2.
    async fn a_code_works_on_the_origin_that_it_was_made_for(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let theirs = code_for(&browser, &console, "web2").await;
        let url = code_for(&browser, &console, "web1").await;
        // The same verifier on both, so that only the place differs.
        let verifier = browser.cookie(url.host_str().unwrap(), "__Host-panelgate-whm-verifier").unwrap();
        let planted = Browser::new(&stage.world).unwrap();
        planted.put_cookie(verifier.on(theirs.host_str().unwrap()));
        let moved = format!("{}?{}", stage.panel("web2", "whostmgrd", url.path()), url.query().unwrap());
        assert_eq!(redeem(&planted, &console, &moved).await, 400);
        assert_eq!(stage.outcomes("panel.enter"), ["denied handoff_lost"]);
    }

    /// A panel's cookie is for that panel, and the console's for the console.
    async fn a_cookie_of_one_origin_is_worth_nothing_on_another(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let one = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let session = browser.cookie("connect.example.com", "__Host-panelgate-session").unwrap();
        let panel = browser.cookie(one.url.host_str().unwrap(), "__Host-panelgate-whm").unwrap();
        let before = [1, 2].map(|number| stage.world.server(number).requests().len());

        let on_web2 = Page::imagined(&stage.panel("web2", "whostmgrd", one.url.path())).unwrap();
        for value in [&panel.value, &session.value] {
            let cookie = format!("__Host-panelgate-whm={value}");
            let ask = Ask::get(Errand::Fetch, on_web2.url.as_str()).by(&on_web2).header("cookie", &cookie);
            assert_eq!(browser.ask(ask).await.unwrap().status, 401);
        }
        let on_cpanel = Page::imagined(&stage.panel("web1", "cpaneld", "/")).unwrap();
        let cookie = format!("__Host-panelgate-cpanel={}", panel.value);
        let ask = Ask::get(Errand::Fetch, on_cpanel.url.as_str()).by(&on_cpanel).header("cookie", &cookie);
        assert_eq!(browser.ask(ask).await.unwrap().status, 401);
        let cookie = format!("__Host-panelgate-whm={}", session.value);
        let ask = Ask::get(Errand::Fetch, one.url.as_str()).by(&one).header("cookie", &cookie);
        assert_eq!(browser.ask(ask).await.unwrap().status, 401);
        let cookie = format!("__Host-panelgate-session={}", panel.value);
        let url = stage.console("/api/session");
        let ask = Ask::get(Errand::Fetch, &url).by(&console).header("cookie", &cookie);
        let answer = browser.ask(ask).await.unwrap();
        assert_eq!(problem(&answer).0, "signed_out");
        assert_eq!(before, [1, 2].map(|number| stage.world.server(number).requests().len()));
    }
}

in_both_styles! {
    /// The way in begins on a page of ours. Whoever else sends a browser to an entrance, in a frame, a window or
    /// by a script, has no ticket: nothing is opened, and nothing is shown in the frame of another.
    async fn no_other_page_leads_through_an_entrance(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let one = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let evil = Page::imagined("https://evil.example/page").unwrap();
        let challenge = "A".repeat(43);
        let opened = stage.outcomes("panel.open");
        let entrance = |query: &str| stage.panel("web3", "whostmgrd", &format!("/.panelgate/enter{query}"));
        let guessed = format!("?ticket={challenge}");
        for (by, address, errand, expected) in [
            // From another panel's page: same-site, so only the ticket is in the way.
            (&one, entrance("?account=root"), Errand::Frame, 401),
            (&one, entrance(""), Errand::Frame, 401),
            (&one, entrance(&guessed), Errand::Frame, 400),
            (&one, entrance("?ticket=short"), Errand::Frame, 400),
            (&one, entrance("?account=root"), Errand::Fetch, 403),
            (&one, stage.console(&format!("/handoff?ticket={challenge}&challenge={challenge}")), Errand::Frame, 400),
            (&one, stage.console(&format!("/handoff?challenge={challenge}")), Errand::Frame, 404),
            (&evil, entrance(&guessed), Errand::Frame, 403),
            (&evil, entrance("?account=root"), Errand::Frame, 403),
            (&evil, stage.console(&format!("/handoff?ticket={challenge}&challenge={challenge}")), Errand::Page, 403),
        ] {
            // What a frame may not show is an error of the browser's; the status came all the same.
            drop(browser.ask(Ask::get(errand, &address).by(by)).await);
            let status = browser.everything().last().unwrap().status;
            assert_eq!(status, expected, "{errand:?} {address} by {}", by.url);
        }
        // In a window of its own, by a link or typed: the console, which the person sees, and which opens the
        // panel itself.
        for by in [Some(&one), Some(&evil), None] {
            for address in [entrance("?account=root"), entrance("")] {
                let ask = Ask::get(Errand::Page, &address).once();
                let answer = browser.ask(if let Some(by) = by { ask.by(by) } else { ask }).await.unwrap();
                assert_eq!(answer.status, 303);
                assert_eq!(answer.header("location").unwrap(), stage.console("/s/web3/whostmgrd"));
            }
        }
        assert!(stage.world.server(3).requests().is_empty(), "nobody asked web3 for anything");
        assert_eq!(stage.outcomes("panel.open"), opened);
        assert!(stage.outcomes("panel.enter").contains(&"denied handoff_lost".to_owned()), "a guessed ticket is on record");
    }

    /// A ticket is of one session, and trying it in another spends it.
    async fn a_ticket_works_once_in_its_session(style: Style) {
        let stage = Stage::new(style).await;
        let (ada, console) = stage.signed_in("ada").await;
        let (other, other_console) = stage.signed_in("ada").await;
        let ticket = async || {
            let answer = ada.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
            answer.json().unwrap()["frame"].as_str().unwrap().to_owned()
        };
        let enter = async |browser: &Browser, page: &Page, url: &str| {
            browser.ask(Ask::get(Errand::Frame, url).by(page)).await.unwrap().status
        };
        let address = ticket().await;
        assert_eq!(enter(&ada, &console, &address).await, 200);
        assert_eq!(enter(&ada, &console, &address).await, 400, "a second time");
        let address = ticket().await;
        assert_eq!(enter(&other, &other_console, &address).await, 400, "in another session");
        assert_eq!(enter(&ada, &console, &address).await, 400, "spent by another session");
        assert_eq!(stage.outcomes("panel.enter"), ["succeeded", "denied handoff_lost", "denied handoff_lost", "denied handoff_lost"]);
    }
}

#[tokio::test]
async fn a_hand_off_that_is_no_hand_off_is_refused() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let challenge = "A".repeat(43);
    for query in [
        String::new(),
        format!("ticket={challenge}"),
        format!("ticket={challenge}&challenge=short"),
        format!("ticket=short&challenge={challenge}"),
        format!("ticket={challenge}&ticket={challenge}&challenge={challenge}"),
        format!("server=web1&service=whostmgrd&account=root&challenge={challenge}"),
    ] {
        let answer = browser.fetch(&console, &format!("/handoff?{query}")).await.unwrap();
        assert_eq!(answer.status, 404, "{query}");
    }
    for code in ["", "short", &challenge, "%00"] {
        let url = stage.panel("web1", "whostmgrd", &format!("/.panelgate/enter?code={code}"));
        assert_eq!(redeem(&browser, &console, &url).await, 400, "{code}");
    }
    assert!(stage.world.servers.iter().all(|server| server.requests().is_empty()));
}

#[tokio::test]
async fn a_hand_off_of_somebody_who_has_signed_out_is_lost() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let url = code_for(&browser, &console, "web1").await;
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    assert_eq!(redeem(&browser, &console, url.as_str()).await, 400);
    assert_eq!(stage.outcomes("panel.enter"), ["denied handoff_lost"]);
}

in_both_styles! {
    /// Panels are of one site with each other and the console, so a cookie's `SameSite` does not protect them.
    async fn no_other_page_acts_on_a_panel_or_the_console(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let one = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let two = browser.open(&console, "web2", "whostmgrd", "root").await.unwrap();
        let evil = Page::imagined("https://evil.example/page").unwrap();
        let before = stage.world.server(1).requests().len();
        let opened = stage.outcomes("panel.open").len();
        let target = one.url.as_str();
        let framed = Page::imagined("https://evil.example/frame").unwrap().framed_by(&evil);
        for by in [&two, &console, &evil, &framed] {
            for errand in [Errand::Fetch, Errand::BlindFetch, Errand::Script, Errand::Style, Errand::Image] {
                let answer = browser.ask(Ask::get(errand, target).by(by)).await.unwrap();
                assert_eq!(answer.status, 403, "{errand:?} {}", by.url);
            }
            for errand in [Errand::Page, Errand::Frame, Errand::Fetch, Errand::BlindFetch] {
                let ask = Ask::get(errand, target).by(by).form(&[("contact", "evil@example.com")]).once();
                assert_eq!(browser.ask(ask).await.unwrap().status, 403, "POST {errand:?} {}", by.url);
            }
            let ask = Ask::get(Errand::Frame, target).by(by).once();
            assert_eq!(browser.ask(ask).await.unwrap().status, 403, "{}", by.url);
            let ask = Ask::get(Errand::Page, target).by(by).once();
            let linked = browser.ask(ask).await.unwrap();
            assert_eq!(linked.status, 303, "a link into a panel leads to the console");
            assert!(linked.header("location").unwrap().starts_with(&stage.console("/s/web1/whostmgrd")));
        }
        // The console, from the panels and from elsewhere.
        for by in [&one, &evil, &framed] {
            for path in ["/", "/api/session", "/api/open", "/sign-in", "/handoff", "/s/web1/whostmgrd/root"] {
                let url = stage.console(path);
                for errand in [Errand::Fetch, Errand::BlindFetch, Errand::Script] {
                    let answer = browser.ask(Ask::get(errand, &url).by(by).once()).await.unwrap();
                    assert_eq!(answer.status, 403, "{errand:?} {path} {}", by.url);
                }
                let ask = Ask::get(Errand::Page, &url).by(by).form(&[]).once();
                assert_eq!(browser.ask(ask).await.unwrap().status, 403, "POST {path} {}", by.url);
            }
            let url = stage.console("/");
            let framed = browser.ask(Ask::get(Errand::Frame, &url).by(by).once()).await.unwrap();
            assert_eq!(framed.status, 403);
            let url = stage.console("/api/open");
            let wanted = r#"{"server":"web3","service":"whostmgrd","account":"root"}"#;
            for kind in ["application/json", "text/plain"] {
                for errand in [Errand::Fetch, Errand::BlindFetch] {
                    let ask = Ask::get(errand, &url).by(by).post(kind, wanted);
                    assert_eq!(problem(&browser.ask(ask).await.unwrap()).0, "foreign_origin");
                }
            }
        }
        assert_eq!(stage.world.server(1).requests().len(), before);
        assert_eq!(stage.outcomes("panel.open").len(), opened);
    }
}

#[tokio::test]
async fn a_service_worker_is_never_registered() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let before = stage.world.server(1).requests().len();
    let script = panel.resolve("/cPanel_magic_revision_1700000000/lab/main.js").unwrap();
    let answer = browser.ask(Ask::get(Errand::ServiceWorker, script.as_str()).by(&panel)).await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (403, "service_worker"));
    let marked = Ask::get(Errand::Script, script.as_str()).by(&panel).header("service-worker", "script");
    assert_eq!(browser.ask(marked).await.unwrap().status, 403);
    assert_eq!(stage.world.server(1).requests().len(), before);
    assert_eq!(browser.ask(Ask::get(Errand::Script, script.as_str()).by(&panel)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_browser_without_fetch_metadata_is_held_to_origin_and_referer() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let action = panel.resolve("scripts2/dotweaksettings").unwrap();
    let cookie = browser.cookie(panel.url.host_str().unwrap(), "__Host-panelgate-whm").unwrap();
    let cookie = format!("{}={}", cookie.name, cookie.value);
    let own = panel.url.origin().ascii_serialization();
    let mut raw = Raw::connect(&stage, panel.url.host_str().unwrap(), 2087).await;
    let mut post = async |origin: &str, referer: &str| {
        let line = |name: &str, value: &str| {
            if value.is_empty() { String::new() } else { format!("{name}: {value}\r\n") }
        };
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: web1.connect.example.com:2087\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n{}{}",
            action.path(),
            line("Origin", origin),
            line("Referer", referer)
        );
        raw.exchange(&format!("{head}\r\na=bcd")).await.0
    };
    assert_eq!(post(&own, "").await, 200);
    assert_eq!(post("", &format!("{own}/x")).await, 200);
    for (origin, referer) in [
        ("", ""),
        ("null", ""),
        ("https://connect.example.com", ""),
        ("https://web2.connect.example.com:2087", ""),
        ("https://evil.example", &*format!("{own}/x")),
        ("", "https://evil.example/"),
        ("", "https://web1.connect.example.com:20870/"),
    ] {
        assert_eq!(post(origin, referer).await, 403, "{origin} {referer}");
    }
}

/// The ticket lies ready before a server is asked for anything; one that takes its time does not use it up.
#[tokio::test]
async fn a_server_that_takes_long_to_open_leaves_time_to_enter() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let clock = world.folder().join("clock");
    std::fs::write(&clock, "+0s").unwrap();
    let mut command = with_other_clock(&world.config());
    command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
    let gateway = Gateway::spawn_as(command, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let (browser, console) = stage.signed_in("ada").await;
    let (server, go_on) = (stage.world.server(1), Cue::new());
    server.faults().inject("/json-api/create_user_session", 1, Fault::Hold(go_on.clone()));
    let (panel, ()) = tokio::join!(browser.open(&console, "web1", "whostmgrd", "root"), async {
        until("the server is asked", || server.faults().pending() == 0).await;
        std::fs::write(&clock, "+45s").unwrap();
        go_on.give();
    });
    assert_eq!(panel.unwrap().status, 200);
}
