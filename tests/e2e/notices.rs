//! What the console is told about requests in its frame that come to nothing while their page stays.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::cpsrvd::Fault;
use lab::world::Style;
use serde_json::Value;
use tokio::time::timeout;

use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;

/// An open console that listens.
pub(crate) async fn listen(browser: &Browser, console: &Page) -> Incoming {
    let url = console.resolve("/api/notices").unwrap();
    let answer = browser.stream(Ask::get(Errand::Fetch, url.as_str()).by(console)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = answer.into_body();
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, ": listening\n\n");
    stream
}

/// The next thing told.
pub(crate) async fn told(stream: &mut Incoming) -> Value {
    let frame = timeout(PATIENCE, stream.frame()).await.unwrap().unwrap().unwrap();
    let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
    let json =
        text.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str(json).unwrap()
}

in_both_styles! {
    /// The frame's page stays if somebody is told; if nobody listens, a page in its place says it.
    async fn a_form_that_cannot_be_sent_again_stays_on_the_screen(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();

        let tweak = browser.frame(&home, &home.attribute("link-tweak", "href").unwrap()).await.unwrap();
        let action = tweak.resolve(&tweak.attribute("tweak-form", "action").unwrap()).unwrap();
        // More than is held to be sent again.
        let limit = "9".repeat(300 * 1024);
        let save = |errand| Ask::get(errand, action.as_str()).by(&tweak).form(&[("contact", "a@b.example"), ("limit", &limit)]);

        server.expire_sessions();
        let unheard = browser.ask(save(Errand::Frame)).await.unwrap();
        assert_eq!(unheard.status, 503);
        assert!(unheard.text().contains("Please repeat your last step."), "{}", unheard.text());

        let mut stream = listen(&browser, &console).await;
        server.expire_sessions();
        let heard = browser.ask(save(Errand::Frame)).await.unwrap();
        assert_eq!((heard.status, heard.text()), (204, String::new()));
        let notice = told(&mut stream).await;
        assert_eq!((&notice["server"], &notice["service"]), (&"web1".into(), &"whostmgrd".into()));
        assert_eq!(notice["problem"]["code"], "panel_session_renewed");

        // A script gets its own answer, and the person is told as well.
        server.expire_sessions();
        let script = browser.ask(save(Errand::Fetch)).await.unwrap();
        assert_eq!(script.status, 503);
        let (code, reference) = problem(&script);
        let notice = told(&mut stream).await;
        assert_eq!((code.as_str(), &notice["problem"]["reference"]), ("panel_session_renewed", &reference.into()));

        // Once more, and it is saved.
        let saved = browser.ask(save(Errand::Frame)).await.unwrap();
        assert!(saved.text().contains("a@b.example"));
    }

    /// Too late for a page in its place.
    async fn an_answer_that_breaks_off_is_told(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let mut stream = listen(&browser, &console).await;
        server.faults().inject("/scripts4/listaccts", 1, Fault::ResetMidBody);
        let broken = browser.frame(&home, &home.attribute("link-accounts", "href").unwrap()).await;
        assert!(broken.is_err(), "it breaks off");
        assert_eq!(told(&mut stream).await["problem"]["code"], "answer_broke_off");
        stage.gateway.wait_for_output("answer_broke_off").await.unwrap();
    }

    /// Listening ends with the session, is not for strangers, and has a limit.
    async fn listening_is_bounded(style: Style) {
        let stage = Stage::with(style, "[limits]\nnotice_streams = 1\n").await;
        let (browser, console) = stage.signed_in("ada").await;
        let url = console.resolve("/api/notices").unwrap();
        let ask = || Ask::get(Errand::Fetch, url.as_str()).by(&console);
        let stream = listen(&browser, &console).await;
        assert_eq!(browser.ask(ask()).await.unwrap().status, 204);
        assert_eq!(stage.browser().ask(ask()).await.unwrap().status, 401);
        browser.submit(&console, "/sign-out", &[]).await.unwrap();
        let rest = timeout(PATIENCE, stream.collect()).await.unwrap().unwrap().to_bytes();
        assert!(rest.is_empty(), "{rest:?}");
    }
}
