//! Tabs and cookies: who is signed in where, when cookies are lost or blocked, and when two people share a browser.

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;

/// Answers until somebody who has typed an address and a password is in the console: the page in front, the
/// cookie, the provider; its form, the way back, the look at the cookie, the page.
const STEPS: usize = 8;

fn authorization_requests(stage: &Stage) -> usize {
    stage.world.provider.requests().iter().filter(|request| request.path == "/authorize").count()
}

/// Asks what a page of the console asks, in the name of its person.
async fn asks(browser: &Browser, page: &Page, path: &str, body: Option<&str>) -> Page {
    let text = page.text();
    let mark = text.split("data-person=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let url = page.resolve(path).unwrap();
    let ask = Ask::get(Errand::Fetch, url.as_str()).by(page).header("panelgate-person", mark);
    let ask = match body {
        Some(body) => ask.post("application/json", body.to_owned()),
        None => ask,
    };
    browser.ask(ask).await.unwrap()
}

#[tokio::test]
async fn a_sign_in_takes_a_known_number_of_steps() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let form = browser.visit(&stage.console("/s/web2/whostmgrd/root")).await.unwrap();
    browser.sign_in_at(&form, "ada").await.unwrap();
    assert!(browser.everything().len() <= STEPS, "{:#?}", browser.everything());
}

#[tokio::test]
async fn whoever_blocks_cookies_is_told_so_before_any_password() {
    let stage = Stage::new(Style::Ports).await;
    let mut browser = stage.browser();
    browser.block_cookies();
    for path in ["/", "/s/web1/whostmgrd/root", "/sign-in", "/access"] {
        let before = browser.everything().len();
        let page = browser.visit(&stage.console(path)).await.unwrap();
        assert_eq!(page.status, 400, "{path}");
        assert!(page.text().contains("Your browser keeps no cookies for this site"), "{}", page.text());
        assert!(browser.everything().len() - before <= 3, "{path} leads on and on");
    }
    assert_eq!(authorization_requests(&stage), 0);
    assert!(stage.outcomes("sign_in").is_empty());
}

#[tokio::test]
async fn a_cookie_that_is_lost_after_the_sign_in_ends_in_a_page_and_not_in_a_loop() {
    let stage = Stage::new(Style::Hosts).await;
    let mut browser = stage.browser();
    let form = browser.visit(&stage.console("/s/web1/whostmgrd/root")).await.unwrap();
    browser.block_cookies();
    let before = browser.everything().len();
    let page = browser.sign_in_at(&form, "ada").await.unwrap();
    assert_eq!((page.status, page.url.path()), (400, "/signed-in"));
    assert!(page.text().contains("Your browser keeps no cookies for this site"), "{}", page.text());
    assert!(browser.everything().len() - before <= 3);
    let console = Page::imagined(&stage.console("/")).unwrap();
    let script = browser.fetch(&console, "/signed-in?return_to=%2F").await.unwrap();
    assert_eq!((script.status, problem(&script).0), (400, "cookies_blocked".to_owned()));
}

#[tokio::test]
async fn the_page_after_a_sign_in_leads_to_our_own_pages_only() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, _) = stage.signed_in("ada").await;
    for (to, end) in
        [("/access", "/access"), ("/signed-in?return_to=%2Faccess", "/"), ("//evil.example", "/"), ("/sign-out", "/")]
    {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", to).finish();
        let page = browser.visit(&stage.console(&format!("/signed-in?{query}"))).await.unwrap();
        assert_eq!(page.url.as_str(), stage.console(end), "{to}");
    }
}

in_both_styles! {
    /// Two people, one browser: the second takes it over, and nothing that the first has left there acts for them.
    async fn a_page_of_the_first_person_does_not_act_as_the_second(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, adas) = stage.signed_in("ada").await;
        let panel = browser.open(&adas, "web1", "whostmgrd", "root").await.unwrap();
        let open = r#"{"server":"web1","service":"whostmgrd","account":"support"}"#;
        assert_eq!(asks(&browser, &adas, "/api/session", None).await.status, 204);

        stage.world.provider.forget_browsers();
        let form = browser.visit(&stage.console("/sign-in")).await.unwrap();
        let sams = browser.sign_in_at(&form, "sam").await.unwrap();
        assert!(sams.text().contains("Sam Support"));
        // Sam may open this; the page that asks is Ada's.
        for (path, body) in [("/api/open", Some(open)), ("/api/session", None)] {
            let answer = asks(&browser, &adas, path, body).await;
            assert_eq!((answer.status, problem(&answer).0), (409, "other_person".to_owned()), "{path}");
            assert!(asks(&browser, &sams, path, body).await.status < 300, "{path}");
        }
        // Ada's panel has ended. With Sam's at its place, her page is not his.
        assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
        browser.open(&sams, "web1", "whostmgrd", "support").await.unwrap();
        let before = stage.world.server(1).requests().len();
        let answer = browser.fetch(&panel, panel.url.as_str()).await.unwrap();
        assert_eq!((answer.status, problem(&answer).0), (409, "panel_replaced".to_owned()));
        assert_eq!(stage.world.server(1).requests().len(), before);
        // Ada again, in a tab of her own: it is Sam who is put out.
        stage.world.provider.forget_browsers();
        let form = browser.visit(&stage.console("/sign-in")).await.unwrap();
        browser.sign_in_at(&form, "ada").await.unwrap();
        assert_eq!(asks(&browser, &adas, "/api/session", None).await.status, 204);
        assert_eq!(asks(&browser, &sams, "/api/session", None).await.status, 409);
    }
}

in_both_styles! {
    /// A form that was open when the session ended can be saved in the next one.
    async fn a_page_that_stayed_open_goes_on_in_the_next_session(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let tweak = browser.frame(&home, &home.attribute("link-tweak", "href").unwrap()).await.unwrap();
        let action = tweak.resolve(&tweak.attribute("tweak-form", "action").unwrap()).unwrap();
        let save = || Ask::get(Errand::Frame, action.as_str()).by(&tweak).form(&[("contact", "a@b.example"), ("limit", "9")]);

        let token = stage.world.provider.logout_token("ada", &[]).unwrap();
        crate::logout::told_with(&stage, &token).await;
        assert_eq!(browser.ask(save()).await.unwrap().status, 204, "the form stays on the screen");
        let form = browser.visit(&stage.console("/sign-in?return_to=%2Fsigned-in")).await.unwrap();
        let end = if form.field("request").is_ok() { browser.sign_in_at(&form, "ada").await.unwrap() } else { form };
        assert_eq!(end.url.path(), "/signed-in");
        assert_eq!(browser.ask(save()).await.unwrap().status, 204, "nothing is open yet");
        // What the console does behind the page: the panel is opened anew, and its origin gets a new entry.
        let again = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let token_of = |page: &Page| page.url.path().split('/').nth(1).unwrap().to_owned();
        assert_eq!(token_of(&again), token_of(&home), "under the same security token");
        let saved = browser.ask(save()).await.unwrap();
        assert_eq!(saved.status, 200);
        assert!(saved.text().contains("a@b.example"), "{}", saved.text());
        // Signing out is the end of it: the next session begins anew.
        browser.submit(&console, "/sign-out", &[]).await.unwrap();
        let console = browser.sign_in("ada").await.unwrap();
        let fresh = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        assert!(token_of(&fresh) != token_of(&home));
    }
}
