//! Rules that demand a fresh or strong sign-in: whoever lacks it is asked for it once, and the session goes on.

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::provider::IdTokenFault;
use lab::world::DIRECTORY;
use lab::world::Plan;
use lab::world::Style;

use crate::notices::listen;
use crate::notices::told;
use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;

/// An hour, in seconds: older than the rules below allow.
const HOUR: u64 = 3600;

/// As an account of its own each: web1 takes a sign-in of the last quarter of an hour, web2 a strong one; and
/// from WHM on web1, as a reseller, only the fresh ones go on to customers.
const DEMANDING: &str = r#"
[[rules]]
role_group = "Support"
servers = ["web1"]
services = ["cpaneld"]
account = "alice"
require = { max_age_minutes = 15 }

[[rules]]
role_group = "Support"
servers = ["web2"]
services = ["whostmgrd"]
account = "support"
require = { acr = ["urn:strong", "urn:stronger"] }

[[rules]]
role_group = "Support"
servers = ["web1"]
services = ["whostmgrd"]
account = "root"
customers = ["webmaild"]
require = { max_age_minutes = 15 }
"#;

const FRESH: [&str; 3] = ["web1", "cpaneld", "alice"];
const STRONG: [&str; 3] = ["web2", "whostmgrd", "support"];
const PLAIN: [&str; 3] = ["web1", "whostmgrd", "support"];

/// Sam, signed in, and at the provider too.
struct Desk {
    stage: Stage,
    browser: Browser,
    console: Page,
}

impl Desk {
    async fn new(style: Style) -> Self {
        let directory = Some(format!("{DIRECTORY}{DEMANDING}"));
        let stage = Stage::planned(Plan { directory, ..Plan::tls(style) }).await;
        let (browser, console) = stage.signed_in("sam").await;
        Self { stage, browser, console }
    }

    /// The same an hour later, as far as the sign-in goes.
    async fn an_hour_later(style: Style) -> Self {
        let desk = Self::new(style).await;
        desk.let_an_hour_pass().await;
        desk
    }

    async fn let_an_hour_pass(&self) {
        self.stage.world.provider.age(HOUR);
        let console = self.browser.visit(&self.stage.console("/sign-in")).await.unwrap();
        assert_eq!(console.url.as_str(), self.stage.console("/"));
    }

    async fn ask(&self, [server, service, account]: [&str; 3]) -> Page {
        self.browser.ask_to_open(&self.console, server, service, account).await.unwrap()
    }

    async fn open(&self, [server, service, account]: [&str; 3]) -> Page {
        self.browser.open(&self.console, server, service, account).await.unwrap()
    }

    /// The refusal, and where a stronger sign-in is to be had.
    async fn refused(&self, place: [&str; 3]) -> String {
        let answer = self.ask(place).await;
        assert_eq!((answer.status, problem(&answer).0), (403, "stronger_sign_in_needed".to_owned()));
        let json = answer.json().unwrap();
        assert!(json["problem"]["title"].as_str().unwrap().contains("asks for a fresh sign-in"), "{json}");
        self.stage.console(json["step_up"].as_str().unwrap())
    }

    /// The authorization requests since a number of them, by what they ask for.
    fn asked(&self, since: usize) -> Vec<String> {
        let requests = self.stage.world.provider.requests();
        requests
            .into_iter()
            .filter(|request| request.path == "/authorize")
            .map(|request| request.query)
            .skip(since)
            .collect()
    }

    async fn is_as_before(&self) {
        let console = self.browser.visit(&self.stage.console("/")).await.unwrap();
        assert!(console.text().contains("Sam Support"), "{}", console.text());
        assert_eq!(self.ask(PLAIN).await.status, 200);
    }
}

in_both_styles! {
    /// The panels that are open and the session stay; only the cookie of the console is another one.
    async fn a_fresh_sign_in_lets_the_session_go_on(style: Style) {
        let desk = Desk::an_hour_later(style).await;
        let before = desk.open(PLAIN).await;
        let thief = desk.stage.browser();
        thief.steal_cookies(&desk.browser);
        let way = desk.refused(FRESH).await;
        let asked = desk.asked(0).len();

        let form = desk.browser.visit(&way).await.unwrap();
        assert_eq!(desk.asked(asked).len(), 1);
        assert!(desk.asked(asked)[0].contains("max_age=450") && !desk.asked(asked)[0].contains("prompt="));
        let page = desk.browser.sign_in_at(&form, "sam").await.unwrap();
        assert_eq!(page.url.as_str(), desk.stage.console("/s/web1/cpaneld/alice"), "it leads where they were going");
        assert_eq!(page.attribute("opening-title", "id").unwrap(), "opening-title");
        assert_eq!(desk.open(FRESH).await.status, 200);

        assert_eq!(desk.browser.fetch(&before, before.url.as_str()).await.unwrap().status, 200, "it is still open");
        assert_eq!(desk.stage.outcomes("session.step_up"), ["succeeded"]);
        let events = desk.stage.events();
        let of = |kind: &str| events.iter().rfind(|event| event["kind"] == kind).unwrap()["session"].clone();
        assert_eq!(of("session.step_up"), of("panel.open"), "the session is the same");
        let stolen = thief.ask_to_open(&desk.console, "web1", "whostmgrd", "support").await.unwrap();
        assert_eq!(problem(&stolen).0, "signed_out", "the cookie of before leads nowhere");
    }

    /// Nobody types anything if the provider has asked recently enough, for something else.
    async fn what_the_provider_knows_is_taken_if_it_is_enough(style: Style) {
        let desk = Desk::new(style).await;
        desk.stage.world.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::Moment("auth_time", -3600)]);
        desk.browser.visit(&desk.stage.console("/sign-in")).await.unwrap();
        desk.stage.world.provider.set(|wrong| wrong.id_token.clear());
        let way = desk.refused(FRESH).await;
        let page = desk.browser.visit(&way).await.unwrap();
        assert_eq!(page.url.as_str(), desk.stage.console("/s/web1/cpaneld/alice"));
        desk.open(FRESH).await;
    }
}

#[tokio::test]
async fn a_class_is_asked_for_and_checked() {
    let desk = Desk::new(Style::Ports).await;
    let way = desk.refused(STRONG).await;
    let asked = desk.asked(0).len();
    let form = desk.browser.visit(&way).await.unwrap();
    assert!(desk.asked(asked)[0].contains("acr_values=urn%3Astrong+urn%3Astronger"), "{:?}", desk.asked(asked));
    // The provider vouches for less than it was asked for.
    desk.stage.world.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::wrong("acr", "urn:weak")]);
    let page = desk.browser.sign_in_at(&form, "sam").await.unwrap();
    assert_eq!(page.status, 502);
    assert!(page.text().contains("The sign-in is not strong enough"), "{}", page.text());
    assert_eq!(desk.asked(asked).len(), 1, "asking again would not help");
    desk.is_as_before().await;
    desk.refused(STRONG).await;
    desk.stage.world.provider.set(|wrong| wrong.id_token.clear());
    let page = desk.browser.visit(&way).await.unwrap();
    assert_eq!(page.url.as_str(), desk.stage.console("/s/web2/whostmgrd/support"));
    desk.open(STRONG).await;
    assert_eq!(desk.stage.outcomes("session.step_up"), ["failed step_up_too_weak", "succeeded"]);
}

#[tokio::test]
async fn a_provider_that_does_not_heed_max_age_is_told_to_ask_and_asks() {
    let desk = Desk::an_hour_later(Style::Ports).await;
    desk.stage.world.provider.set(|wrong| wrong.ignores_max_age = true);
    let (way, asked) = (desk.refused(FRESH).await, desk.asked(0).len());
    let form = desk.browser.visit(&way).await.unwrap();
    assert_eq!(desk.asked(asked).len(), 2);
    assert!(desk.asked(asked)[1].contains("prompt=login"));
    let page = desk.browser.sign_in_at(&form, "sam").await.unwrap();
    assert_eq!(page.url.as_str(), desk.stage.console("/s/web1/cpaneld/alice"));
    desk.open(FRESH).await;
}

#[tokio::test]
async fn a_provider_that_never_asks_ends_in_a_page_and_not_in_a_loop() {
    let desk = Desk::an_hour_later(Style::Hosts).await;
    let (way, asked) = (desk.refused(FRESH).await, desk.asked(0).len());
    desk.stage.world.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::Moment("auth_time", -1000)]);
    let form = desk.browser.visit(&way).await.unwrap();
    // It said that it would ask, and then tells an old time all the same: it is told to ask once more.
    let form = desk.browser.sign_in_at(&form, "sam").await.unwrap();
    let page = desk.browser.sign_in_at(&form, "sam").await.unwrap();
    assert_eq!(page.status, 502);
    assert!(page.text().contains("did not ask you again"), "{}", page.text());
    assert_eq!(desk.asked(asked).len(), 2);
    assert_eq!(desk.stage.outcomes("session.step_up"), ["failed step_up_too_old"]);
    desk.is_as_before().await;
}

#[tokio::test]
async fn a_provider_that_does_not_say_when_it_asked_ends_in_a_page() {
    let desk = Desk::an_hour_later(Style::Ports).await;
    let (way, asked) = (desk.refused(FRESH).await, desk.asked(0).len());
    desk.stage.world.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::missing("auth_time")]);
    let form = desk.browser.visit(&way).await.unwrap();
    let page = desk.browser.sign_in_at(&form, "sam").await.unwrap();
    assert_eq!(page.status, 502);
    assert!(page.text().contains("does not say when you signed in"), "{}", page.text());
    assert_eq!(desk.asked(asked).len(), 1);
    assert_eq!(desk.stage.outcomes("session.step_up"), ["failed step_up_without_time"]);
    desk.is_as_before().await;
}

#[tokio::test]
async fn another_person_who_comes_back_changes_nothing() {
    let desk = Desk::an_hour_later(Style::Ports).await;
    let form = desk.browser.visit(&desk.refused(FRESH).await).await.unwrap();
    let page = desk.browser.sign_in_at(&form, "ada").await.unwrap();
    assert_eq!(page.status, 400);
    assert!(page.text().contains("Somebody else signed in"), "{}", page.text());
    assert_eq!(desk.stage.outcomes("session.step_up"), ["failed step_up_other_person"]);
    desk.is_as_before().await;
    desk.refused(FRESH).await;
}

#[tokio::test]
async fn in_a_panel_the_page_stays_and_the_console_is_told() {
    let desk = Desk::new(Style::Ports).await;
    let panel = desk.open(FRESH).await;
    desk.let_an_hour_pass().await;
    // With nobody around, a page in its place says it; a script gets what it can read.
    let inside = || Ask::get(Errand::Frame, panel.url.as_str()).by(&panel);
    let page = desk.browser.ask(inside()).await.unwrap();
    assert_eq!(page.status, 403);
    assert!(
        page.text().contains("Sign in again") && page.text().contains("within the last 15 minutes"),
        "{}",
        page.text()
    );
    let mut stream = listen(&desk.browser, &desk.console).await;
    assert_eq!(desk.browser.ask(inside()).await.unwrap().status, 204);
    let notice = told(&mut stream).await;
    assert_eq!((&notice["problem"]["code"], &notice["server"]), (&"stronger_sign_in_needed".into(), &"web1".into()));
    let way = desk.stage.console(notice["step_up"].as_str().unwrap());
    let script = desk.browser.fetch(&panel, panel.url.as_str()).await.unwrap();
    assert_eq!((script.status, problem(&script).0), (403, "stronger_sign_in_needed".to_owned()));
    assert_eq!(desk.stage.console(script.json().unwrap()["step_up"].as_str().unwrap()), way);
    // In a tab of its own there is room for a page that leads there.
    let tab = desk.browser.visit(panel.url.as_str()).await.unwrap();
    assert!(tab.status == 403 && tab.text().contains("/step-up?server=web1"), "{}", tab.text());
    // Beside the console, in a window of its own, it ends in that window; what was open goes on.
    let beside = way.replace("return_to=%2Fs%2Fweb1%2Fcpaneld%2Falice", "return_to=%2Fsigned-in");
    let form = desk.browser.visit(&beside).await.unwrap();
    let end = desk.browser.sign_in_at(&form, "sam").await.unwrap();
    assert!(end.url.path() == "/signed-in" && end.text().contains("You are signed in"), "{}", end.url);
    assert_eq!(desk.browser.ask(inside()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_customers_panel_that_is_reached_by_a_hop_is_asked_for_too() {
    let desk = Desk::an_hour_later(Style::Ports).await;
    let mail = ["web1", "webmaild", "alice"];
    let form = desk.browser.visit(&desk.refused(mail).await).await.unwrap();
    let page = desk.browser.sign_in_at(&form, "sam").await.unwrap();
    assert_eq!(page.url.as_str(), desk.stage.console("/s/web1/webmaild/alice"));
    desk.open(mail).await;
}

#[tokio::test]
async fn nobody_is_asked_where_it_would_not_help() {
    let desk = Desk::new(Style::Ports).await;
    let asked = desk.asked(0).len();
    for place in [FRESH, PLAIN, ["web3", "whostmgrd", "root"], ["nowhere", "whostmgrd", "root"]] {
        let [server, service, account] = place;
        let way = format!("/step-up?server={server}&service={service}&account={account}&return_to=%2Faccess");
        let page = desk.browser.visit(&desk.stage.console(&way)).await.unwrap();
        assert_eq!((page.status, page.url.path()), (200, "/access"), "{place:?}");
    }
    for elsewhere in ["https://evil.example/", "//evil.example", "/sign-out", "/step-up?server=web1"] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", elsewhere).finish();
        let way = format!("/step-up?server=web1&service=whostmgrd&account=support&{query}");
        let page = desk.browser.visit(&desk.stage.console(&way)).await.unwrap();
        assert_eq!(page.url.as_str(), desk.stage.console("/"), "{elsewhere}");
    }
    assert_eq!(desk.asked(asked).len(), 0);
}
