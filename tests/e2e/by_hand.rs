//! Ending access on the console's own pages: who sees them, what ends, and what stays.

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::world::DIRECTORY;
use lab::world::Plan;
use lab::world::Style;
use serde_json::json;
use tokio::time::timeout;

use crate::reload::listening;
use crate::stage::PATIENCE;
use crate::stage::Stage;

/// A directory in which administrators may end sessions.
pub(crate) fn directory() -> String {
    DIRECTORY.replacen("connect = true", "connect = true\nrights = [\"end_sessions\"]", 1)
}

async fn stage(style: Style) -> Stage {
    Stage::planned(Plan { directory: Some(directory()), ..Plan::tls(style) }).await
}

/// Sends the form that ends something, from a page.
async fn end(browser: &Browser, question: &Page, fields: &[(&str, &str)]) -> Page {
    browser.submit(question, "/sessions/end", fields).await.unwrap()
}

async fn lives(browser: &Browser, console: &Page) -> bool {
    browser.fetch(console, "/api/session").await.unwrap().status == 204
}

/// The tag of somebody's session, as the page has it.
fn tag_of(page: &Page, name: &str) -> String {
    let theirs = page.text().split(&format!("<h2>{name}</h2>")).nth(1).unwrap().to_owned();
    theirs.split("/sessions/end?session=").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn those_with_the_right_see_who_is_signed_in_and_nobody_else_does() {
    let stage = stage(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let (sam, at_sam) = stage.signed_in("sam").await;
    sam.open(&at_sam, "web1", "whostmgrd", "support").await.unwrap();
    assert!(console.text().contains("href=\"/sessions\"") && !at_sam.text().contains("href=\"/sessions\""));
    let page = ada.visit(&stage.console("/sessions")).await.unwrap();
    for words in [
        "2 people are signed in, in 2 sessions.",
        "<h2>Ada Admin</h2>",
        "<h2>Sam Support</h2>",
        "sam@example.com",
        "web1 WHM as support",
        "this one",
        "Close…",
    ] {
        assert!(page.text().contains(words), "{words} in {}", page.text());
    }
    let found = ada.visit(&stage.console("/sessions?find=SAM+web1")).await.unwrap().text();
    assert!(found.contains("Sam Support") && !found.contains("<h2>Ada Admin</h2>"), "{found}");
    let none = ada.visit(&stage.console("/sessions?find=%3Cscript%3E")).await.unwrap().text();
    assert!(none.contains("Nobody who is signed in fits.") && !none.contains("<script>"), "{none}");

    for path in ["/sessions", "/sessions?find=ada", "/sessions/end?everything=yes", "/sessions/end?server=web1"] {
        assert_eq!(sam.visit(&stage.console(path)).await.unwrap().status, 404, "{path}");
    }
    assert_eq!(end(&sam, &at_sam, &[("everything", "yes")]).await.status, 404);
    assert!(lives(&ada, &console).await && lives(&sam, &at_sam).await);
    // Whoever is not signed in is sent to sign in, and comes back here.
    let stranger = stage.browser();
    let form = stranger.visit(&stage.console("/sessions")).await.unwrap();
    assert!(form.url.as_str().starts_with(stage.world.issuer()), "{}", form.url);
    assert_eq!(stranger.sign_in_at(&form, "ada").await.unwrap().url.as_str(), stage.console("/sessions"));
}

#[tokio::test]
async fn a_session_a_person_a_server_and_everything_can_be_ended() {
    let stage = stage(Style::Hosts).await;
    let (ada, console) = stage.signed_in("ada").await;
    let (sam, at_sam) = stage.signed_in("sam").await;
    let (again, at_again) = stage.signed_in("sam").await;
    let panel = sam.open(&at_sam, "web1", "whostmgrd", "support").await.unwrap();
    let mut stream = listening(&stage, &sam, &panel).await;

    // A server: what is open on it is cut, and nobody is signed out.
    let question = ada.visit(&stage.console("/sessions/end?server=web1")).await.unwrap();
    assert!(question.text().contains("Close web1 for everybody?"), "{}", question.text());
    assert!(question.text().contains("Sam Support, since 20") && !question.text().contains("Ada Admin, since"));
    assert_eq!(stage.outcomes("server.closed"), [""; 0], "a question ends nothing");
    let closed = end(&ada, &question, &[("server", "web1")]).await;
    assert!(closed.text().contains("1 opened panel ended."), "{}", closed.text());
    while timeout(PATIENCE, stream.frame()).await.expect("the stream ends").is_some_and(|frame| frame.is_ok()) {}
    assert_eq!(sam.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    assert!(lives(&sam, &at_sam).await);
    let panel = sam.open(&at_sam, "web1", "whostmgrd", "support").await.unwrap();
    let mut stream = listening(&stage, &sam, &panel).await;

    // One session: the other one of the same person stays.
    let page = ada.visit(&stage.console("/sessions")).await.unwrap();
    assert!(page.text().contains("End all 2…"), "{}", page.text());
    let tag = tag_of(&page, "Sam Support");
    let question = ada.visit(&stage.console(&format!("/sessions/end?session={tag}"))).await.unwrap();
    assert!(question.text().contains("End a session of Sam Support?"), "{}", question.text());
    let ended = end(&ada, &question, &[("session", &tag)]).await;
    assert!(ended.url.as_str().ends_with("/sessions?ended=1") && ended.text().contains("1 session ended."));
    assert_eq!(
        [lives(&sam, &at_sam).await, lives(&again, &at_again).await],
        [false, true],
        "the oldest is listed first"
    );
    while timeout(PATIENCE, stream.frame()).await.expect("the stream ends").is_some_and(|frame| frame.is_ok()) {}
    let event = stage.events().into_iter().find(|event| event["kind"] == "session.ended").unwrap();
    let by = format!("sub-of-ada at {}", stage.world.issuer());
    assert_eq!((&event["by"], &event["reason"]), (&json!(by), &json!("ended_by_operator")));
    assert!(event["client"].as_str().unwrap().parse::<std::net::IpAddr>().unwrap().is_loopback());
    assert_eq!((&event["subject"]["sub"], &event["session"]), (&json!("sub-of-sam"), &json!(tag)));

    // A person.
    let (third, at_third) = stage.signed_in("sam").await;
    let fields = [("person", "sub-of-sam"), ("issuer", stage.world.issuer())];
    let ended = end(&ada, &console, &fields).await;
    assert!(ended.text().contains("2 sessions ended."), "{}", ended.text());
    assert!(!lives(&again, &at_again).await && !lives(&third, &at_third).await && lives(&ada, &console).await);

    // Everything, oneself included.
    let (sam, at_sam) = stage.signed_in("sam").await;
    let question = ada.visit(&stage.console("/sessions/end?everything=yes")).await.unwrap();
    assert!(question.text().contains("Your own session is among them."), "{}", question.text());
    let ended = end(&ada, &question, &[("everything", "yes")]).await;
    assert_eq!(ended.url.as_str(), stage.console("/signed-out?here"));
    assert!(ended.text().contains("You may still be signed in to"), "{}", ended.text());
    assert!(!lives(&sam, &at_sam).await && !lives(&ada, &console).await);
    assert_eq!(stage.outcomes("session.ended").len(), 5);
}

#[tokio::test]
async fn no_other_page_can_end_anything_and_no_odd_form_does() {
    let stage = stage(Style::Ports).await;
    let (ada, console) = stage.signed_in("ada").await;
    let panel = ada.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let address = stage.console("/sessions/end");
    // A panel's page is of the same site, so the browser sends the console's cookie along.
    let forged = ada.ask(Ask::get(Errand::Page, &address).by(&panel).form(&[("everything", "yes")])).await.unwrap();
    assert_eq!(forged.status, 403);
    let page = ada.visit(&stage.console("/sessions")).await.unwrap();
    for fields in [
        &[][..],
        &[("everything", "no")],
        &[("session", "x"), ("everything", "yes")],
        &[("session", "x"), ("session", "y")],
        &[("person", "sub-of-ada")],
        &[("server", "../web1")],
    ] {
        assert_eq!(end(&ada, &page, fields).await.status, 400, "{fields:?}");
    }
    let long = "x".repeat(10_000);
    assert_eq!(end(&ada, &page, &[("session", &long)]).await.status, 400);
    assert!(lives(&ada, &console).await);
    // What is gone already needs no question, and ends nothing.
    let gone = ada.visit(&stage.console("/sessions/end?session=00000000")).await.unwrap();
    assert_eq!(gone.url.as_str(), stage.console("/sessions"));
    assert!(end(&ada, &page, &[("session", "00000000")]).await.text().contains("0 sessions ended."));
    assert_eq!(stage.outcomes("session.ended"), [""; 0]);
    // Without a record nothing ends.
    let (file, aside) = (stage.world.audit_file(), stage.world.folder().join("audit.aside"));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(end(&ada, &page, &[("everything", "yes")]).await.status, 503);
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    assert!(lives(&ada, &console).await);
}
