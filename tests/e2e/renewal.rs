//! A panel session that the server drops is not the person's problem: it is opened again, what the server
//! refused is sent again, and a server that will not have it is left alone.

use std::time::Duration;

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Cue;
use lab::cpsrvd::Fault;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;
use crate::stage::until;

/// Longer than cpsrvd keeps a session that nobody uses.
const LONG: Duration = Duration::from_mins(16);

const API: &str = "/json-api/create_user_session";
const SAVE: &str = "/scripts2/dotweaksettings";

/// A form that somebody has open.
struct Form {
    stage: Stage,
    browser: Browser,
    console: Page,
    home: Page,
    tweak: Page,
}

impl Form {
    async fn new(style: Style, more: &str) -> Self {
        let stage = Stage::with(style, more).await;
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let tweak = browser.frame(&home, &home.attribute("link-tweak", "href").unwrap()).await.unwrap();
        Self { stage, browser, console, home, tweak }
    }

    fn server(&self) -> &Cpsrvd {
        self.stage.world.server(1)
    }

    fn action(&self) -> String {
        self.tweak.attribute("tweak-form", "action").unwrap()
    }

    async fn save(&self, contact: &str) -> Page {
        let fields = [("contact", contact), ("limit", "7")];
        self.browser.submit(&self.tweak, &self.action(), &fields).await.unwrap()
    }

    /// The statuses of the server's answers to requests for a path.
    fn answers(&self, path: &str) -> Vec<u16> {
        let requests = self.server().requests();
        requests.iter().filter(|request| request.path() == path).filter_map(|request| request.status).collect()
    }

    fn renewals(&self) -> Vec<String> {
        self.stage.outcomes("panel.renew")
    }
}

in_both_styles! {
    /// The person presses Save after a long lunch, and it saves.
    async fn a_form_that_was_left_open_is_saved(style: Style) {
        let open = Form::new(style, "").await;
        open.server().let_pass(LONG);
        let saved = open.save("ops@example.com").await;
        assert_eq!(saved.status, 200, "{}", saved.text());
        assert!(saved.text().contains("ops@example.com"), "{}", saved.text());
        assert_eq!(open.answers(SAVE), [401, 200], "refused once, carried out once");
        assert_eq!(open.renewals(), ["begun", "succeeded"]);
        let sent: Vec<_> = open.server().requests().into_iter().filter(|r| r.path() == SAVE && r.status == Some(200)).collect();
        assert_eq!((sent.len(), &*sent[0].body), (1, "contact=ops%40example.com&limit=7"));
        assert_eq!(open.stage.world.server(1).sessions().len(), 1);
    }
}

/// Posts a file's worth of bytes in a multipart form, with a length or without (HTTP/2 streams need none).
async fn upload(open: &Form, bytes: usize) -> Page {
    let body =
        format!("--x\r\nContent-Disposition: form-data; name=\"contact\"\r\n\r\n{}\r\n--x--\r\n", "y".repeat(bytes));
    let url = open.tweak.resolve(&open.action()).unwrap();
    let ask = Ask::get(Errand::Fetch, url.as_str()).by(&open.tweak).post("multipart/form-data; boundary=x", body);
    open.browser.ask(ask).await.unwrap()
}

#[tokio::test]
async fn a_multipart_form_within_the_bound_is_sent_again_and_a_larger_one_is_not() {
    let open = Form::new(Style::Ports, "[limits]\nreplay_body_kib = 64\n").await;
    open.server().let_pass(LONG);
    assert_eq!(upload(&open, 60_000).await.status, 200);
    let lengths = |open: &Form| {
        let requests = open.server().requests().into_iter().filter(|request| request.path() == SAVE);
        requests.map(|request| (request.status.unwrap(), request.body_length)).collect::<Vec<_>>()
    };
    let whole = 60_000 + upload_frame();
    assert_eq!(lengths(&open), [(401, whole), (200, whole)]);
    open.server().forget();
    open.server().let_pass(LONG);
    // The double reads the whole body before it refuses, so more has gone than is held.
    let answer = upload(&open, 100_000).await;
    assert_eq!((answer.status, &*problem(&answer).0), (503, "panel_session_renewed"));
    assert_eq!(answer.header("panelgate-problem").as_deref(), Some("panel_session_renewed"));
    assert_eq!(answer.header("retry-after").as_deref(), Some("0"));
    assert_eq!(open.answers(SAVE), [401], "refused by the server, and not sent again by us");
    // The new session is there: the person repeats it.
    assert_eq!(upload(&open, 100_000).await.status, 200);
    assert_eq!(open.answers(SAVE), [401, 200]);
}

/// What stands around the bytes of [`upload`].
fn upload_frame() -> u64 {
    "--x\r\nContent-Disposition: form-data; name=\"contact\"\r\n\r\n\r\n--x--\r\n".len() as u64
}

#[tokio::test]
async fn all_bodies_together_have_a_bound_too() {
    let open = Form::new(Style::Ports, "[limits]\nreplay_bodies_kib = 1\n").await;
    open.server().let_pass(LONG);
    let answer = upload(&open, 2000).await;
    assert_eq!((answer.status, &*problem(&answer).0), (503, "panel_session_renewed"));
    open.server().let_pass(LONG);
    assert_eq!(upload(&open, 200).await.status, 200);
}

#[tokio::test]
async fn twenty_requests_that_find_it_gone_are_all_answered_by_one_renewal() {
    let open = Form::new(Style::Ports, "").await;
    open.server().let_pass(LONG);
    let saves = (0..20).map(|_| open.save("ops@example.com"));
    for answer in futures_util::future::join_all(saves).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(open.renewals(), ["begun", "succeeded"]);
    assert_eq!(open.server().sessions().len(), 1);
    assert_eq!(open.answers(SAVE).iter().filter(|status| **status == 200).count(), 20);
}

#[tokio::test]
async fn a_server_that_refuses_renewal_is_asked_once_and_then_left_alone() {
    let open = Form::new(Style::Ports, "").await;
    open.server().let_pass(LONG);
    open.server().forget();
    open.server().faults().inject(API, 1000, Fault::ServerError);
    let saves = (0..20).map(|_| open.save("ops@example.com"));
    for answer in futures_util::future::join_all(saves).await {
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    let tried = || open.server().requests().iter().filter(|request| request.path() == API).count();
    assert_eq!(tried(), 1, "{:?}", open.renewals());
    let answer = open.browser.fetch(&open.home, open.home.url.as_str()).await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (502, "api_answer_unusable"));
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() <= 60);
    // The person's own act is carried out at once, and ends the pause.
    open.server().faults().clear();
    let again = open.browser.open(&open.console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(again.status, 200);
}

/// What another request finds is not the end of what runs: it goes on to its own end, and then gets to know what
/// the other one did. It is still cut with the session.
#[tokio::test]
async fn a_renewal_that_fails_ends_nothing_that_is_under_way() {
    let open = Form::new(Style::Ports, "").await;
    let (line, never, held) = (Cue::new(), Cue::new(), Cue::new());
    open.server().faults().inject("/json-api/loadavg", 1, Fault::Hold(held.clone()));
    let events = |cue: &Cue| {
        open.server().switch(|switches| switches.trickle_cue = Some(cue.clone()));
        let url = open.home.resolve("scripts/events.stream").unwrap();
        let open = &open;
        async move { open.browser.stream(Ask::get(Errand::Fetch, url.as_str()).by(&open.home)).await.unwrap().into_body() }
    };
    let whole = events(&line).await;
    let cut = events(&never).await;
    let api = open.home.resolve("json-api/loadavg").unwrap();
    let under_way = open.browser.fetch(&open.home, api.as_str());
    let failing = async {
        until("it is at the server", || open.server().requests().iter().any(|r| r.path() == "/json-api/loadavg")).await;
        open.server().faults().inject(API, 1000, Fault::ServerError);
        open.server().let_pass(LONG);
        assert_eq!(open.save("ops@example.com").await.status, 502);
        held.give();
    };
    let (answer, ()) = tokio::join!(under_way, failing);
    let answer = answer.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (502, "api_answer_unusable"));
    for _ in 0..100 {
        line.give();
    }
    let whole = whole.collect().await.expect("it was cut").to_bytes();
    assert!(whole.ends_with(b"event: end\ndata: end\n\n"), "{whole:?}");
    open.browser.submit(&open.console, "/sign-out", &[]).await.unwrap();
    assert!(cut.collect().await.is_err(), "nobody is signed in, and it goes on");
}

#[tokio::test]
async fn a_server_that_says_it_in_other_words_is_understood() {
    let open = Form::new(Style::Ports, "").await;
    let api = open.home.resolve("json-api/version?api.version=1").unwrap();
    for captured in [true, false] {
        open.server().switch(|switches| switches.captured_spelling = captured);
        for json in [true, false] {
            open.server().switch(|switches| switches.json_for_dead_api_session = json);
            let before = open.renewals().len();
            open.server().let_pass(LONG);
            let saved = open.save("ops@example.com").await;
            assert_eq!(saved.status, 200, "{captured} {json}: {}", saved.text());
            open.server().let_pass(LONG);
            let answer = open.browser.fetch(&open.home, api.as_str()).await.unwrap();
            assert!(answer.json().is_ok(), "{captured} {json}: {}", answer.text());
            assert_eq!(open.renewals().len(), before + 4, "{captured} {json}");
        }
    }
}

#[tokio::test]
async fn a_privilege_that_is_missing_is_not_taken_for_a_lost_session_twice() {
    let open = Form::new(Style::Ports, "").await;
    open.server().faults().inject("/json-api/loadavg", 1000, Fault::Forbidden);
    let api = open.home.resolve("json-api/loadavg").unwrap();
    for _ in 0..5 {
        let answer = open.browser.fetch(&open.home, api.as_str()).await.unwrap();
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("Access denied"), "the server's own answer: {}", answer.text());
    }
    assert_eq!(open.renewals(), ["begun", "succeeded"], "tried once, and then believed");
    // What is surely a lost session is still mended.
    open.server().let_pass(LONG);
    assert_eq!(open.save("ops@example.com").await.status, 200);
}

#[tokio::test]
async fn a_server_that_does_not_take_our_security_token_leads_open_pages_to_its_own() {
    let open = Form::new(Style::Ports, "").await;
    open.server().switch(|switches| {
        switches.honour_security_token = false;
        switches.wrong_token_limit = Some(1);
    });
    let old = open.server().sessions().pop().unwrap().security_token;
    open.server().let_pass(LONG);
    // A form's body is sent again by the browser, to where it is told to.
    let saved = open.save("ops@example.com").await;
    assert!(saved.text().contains("ops@example.com"), "{} {}", saved.status, saved.text());
    let new = open.server().sessions().pop().unwrap().security_token;
    assert_ne!(old, new);
    assert!(saved.url.path().starts_with(&new), "{}", saved.url);
    // A page under the old token, and a script on it: both are led on, and neither disturbs the session.
    open.server().forget();
    let page = open.browser.frame(&open.home, &open.home.attribute("frame-main", "src").unwrap()).await.unwrap();
    assert!(page.url.path().starts_with(&new) && page.status == 200);
    let api = open.home.resolve("json-api/version?api.version=1").unwrap();
    assert_eq!(open.browser.fetch(&open.home, api.as_str()).await.unwrap().status, 200);
    assert!(open.server().requests().iter().all(|request| !request.target.contains(&old)));
    assert_eq!(open.renewals(), ["begun", "succeeded"]);
}

#[tokio::test]
async fn a_wrong_security_token_never_gets_to_the_server() {
    let open = Form::new(Style::Ports, "").await;
    open.server().switch(|switches| switches.wrong_token_limit = Some(1));
    open.server().forget();
    for path in ["/cpsess1111111111/", "/cpsess1111111111/json-api/version", "/cpsess/x", "/cpsess12x/"] {
        let answer = open.browser.fetch(&open.home, path).await.unwrap();
        assert_eq!((answer.status, &*problem(&answer).0), (409, "panel_replaced"), "{path}");
    }
    assert!(open.server().requests().is_empty());
    assert_eq!(open.save("ops@example.com").await.status, 200);
}

#[tokio::test]
async fn a_websocket_of_a_dropped_session_opens_under_a_new_one() {
    let open = Form::new(Style::Ports, "").await;
    open.server().let_pass(LONG);
    let status = open.browser.websocket(&open.home, "websocket/Shell?rows=24&cols=80").await.unwrap();
    assert_eq!(status, 101);
    assert_eq!(open.renewals(), ["begun", "succeeded"]);
}
