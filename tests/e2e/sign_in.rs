//! Signing in and out, and everything that can go wrong with it.

use http::Method;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::browser::SameSite;
use lab::gateway::Gateway;
use lab::provider::EndpointFault;
use lab::provider::IdTokenFault;
use lab::provider::Patch;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use url::Url;

use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;

in_both_styles! {
    /// From nothing to the list of servers.
    async fn a_person_signs_in_and_sees_what_is_theirs(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        assert_eq!(console.url.as_str(), stage.console("/"));
        assert_eq!(console.status, 200);
        for shown in ["Ada Admin", "Shared hosting 1", "Shared hosting 2", "Customer machine"] {
            assert!(console.text().contains(shown), "{shown}");
        }
        let cookie = browser.cookie("connect.example.com", "__Host-panelgate-session").unwrap();
        assert!(cookie.secure && cookie.http_only && cookie.host_only && cookie.same_site == SameSite::Lax);
        let answer = browser.fetch(&console, "/api/session").await.unwrap();
        assert_eq!(answer.status, 204);
        // The whole way from the form at the provider was one chain of redirects from another site.
        assert_eq!(stage.outcomes("sign_in"), ["succeeded"]);
        assert!(browser.everything().iter().any(|seen| seen.url.path() == "/callback/sso" && seen.status == 303));
    }
}

#[tokio::test]
async fn support_sees_its_three_entries_and_nothing_else() {
    let stage = Stage::new(Style::Ports).await;
    let (_, console) = stage.signed_in("sam").await;
    assert!(console.text().contains("Shared hosting 1") && console.text().contains("Shared hosting 2"));
    assert!(!console.text().contains("Customer machine"));
}

#[tokio::test]
async fn a_person_whose_groups_give_nothing_is_told_so() {
    let stage = Stage::new(Style::Hosts).await;
    let (_, page) = stage.signed_in("nia").await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("marketing"), "the groups are shown, to be asked about");
    assert!(!page.text().contains("web1"));
}

#[tokio::test]
async fn a_link_into_the_console_survives_signing_in() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let form = browser.visit(&stage.console("/s/web2/whostmgrd/root")).await.unwrap();
    let page = browser.sign_in_at(&form, "ada").await.unwrap();
    assert_eq!(page.url.as_str(), stage.console("/s/web2/whostmgrd/root"));
}

#[tokio::test]
async fn a_sign_in_leads_back_to_the_console_only() {
    let stage = Stage::new(Style::Ports).await;
    for elsewhere in ["https://evil.example/", "//evil.example/", "/\\evil.example", "/sign-out", "/handoff?x", "%0d"] {
        let browser = stage.browser();
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", elsewhere).finish();
        let form = browser.visit(&stage.console(&format!("/sign-in?{query}"))).await.unwrap();
        let page = browser.sign_in_at(&form, "ada").await.unwrap();
        assert_eq!(page.url.as_str(), stage.console("/"), "{elsewhere}");
    }
}

#[tokio::test]
async fn a_frame_or_a_script_is_never_sent_to_the_provider() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let console = Page::imagined(&stage.console("/")).unwrap();
    let answer = browser.fetch(&console, "/api/session").await.unwrap();
    assert_eq!((answer.status, problem(&answer).0), (401, "signed_out".to_owned()));
    assert_eq!(answer.json().unwrap()["sign_in"], "/sign-in");
    let answer = browser.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!((answer.status, problem(&answer).0), (401, "signed_out".to_owned()));
    let framed = browser.frame(&console, "/").await;
    assert!(framed.is_err() || framed.unwrap().status == 401);
    assert!(browser.everything().iter().all(|seen| seen.url.host_str() == Some("connect.example.com")));
}

#[tokio::test]
async fn the_provider_may_be_down_when_the_gateway_starts() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    world.provider.refuse_connections().await;
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let browser = stage.browser();
    let page = browser.visit(&stage.console("/")).await.unwrap();
    assert_eq!(page.status, 502);
    assert!(page.text().contains("The sign-in service does not answer"));
    stage.world.provider.accept_connections().await.unwrap();
    browser.sign_in("ada").await.unwrap();
    assert_eq!(stage.outcomes("sign_in"), ["failed provider_unavailable", "succeeded"]);
}

#[tokio::test]
async fn the_provider_may_go_away_in_the_middle_of_a_sign_in() {
    let stage = Stage::new(Style::Ports).await;
    for (fault, status, code) in [
        (EndpointFault::HangUp, 502, "provider_unavailable"),
        (EndpointFault::Status(503), 502, "provider_unavailable"),
        (EndpointFault::Garbage, 502, "provider_nonsense"),
        (EndpointFault::OAuthError("invalid_grant"), 400, "sign_in_code_refused"),
        (EndpointFault::OAuthError("invalid_client"), 500, "sign_in_code_refused"),
    ] {
        stage.world.provider.set(|wrong| wrong.token = Some(fault.clone()));
        let browser = stage.browser();
        let form = browser.visit(&stage.console("/")).await.unwrap();
        let page = browser.sign_in_at(&form, "ada").await.unwrap();
        assert_eq!(page.status, status, "{fault:?}");
        assert_eq!(stage.outcomes("sign_in").last(), Some(&format!("failed {code}")), "{fault:?}");
    }
    stage.world.provider.set(|wrong| wrong.token = None);
    stage.signed_in("ada").await;
}

#[tokio::test]
async fn a_person_who_cancels_is_not_signed_in() {
    let stage = Stage::new(Style::Hosts).await;
    let browser = stage.browser();
    let form = browser.visit(&stage.console("/")).await.unwrap();
    let request = form.field("request").unwrap();
    let page = browser.submit(&form, "/sign-in", &[("request", &request), ("cancel", "1")]).await.unwrap();
    assert_eq!(page.status, 400);
    assert!(page.text().contains("The sign-in was refused"));
    assert_eq!(stage.outcomes("sign_in"), ["failed sign_in_refused"]);
}

#[tokio::test]
async fn an_id_token_that_is_not_for_us_signs_nobody_in() {
    let stage = Stage::new(Style::Ports).await;
    for fault in [
        IdTokenFault::wrong("aud", "somebody-else"),
        IdTokenFault::wrong("nonce", "of-another-sign-in"),
        IdTokenFault::ForeignKey,
    ] {
        stage.world.provider.set(|wrong| wrong.id_token = vec![fault.clone()]);
        let browser = stage.browser();
        let form = browser.visit(&stage.console("/")).await.unwrap();
        let page = browser.sign_in_at(&form, "ada").await.unwrap();
        assert_eq!(page.status, 502, "{fault:?}");
        assert!(page.text().contains("The sign-in could not be verified"), "{fault:?}");
        assert_eq!(stage.outcomes("sign_in").last().unwrap(), "failed id_token_invalid", "{fault:?}");
        assert!(browser.cookie("connect.example.com", "__Host-panelgate-session").is_none(), "{fault:?}");
    }
}

#[tokio::test]
async fn clocks_that_are_ten_minutes_apart_are_named_as_the_reason() {
    let stage = Stage::new(Style::Ports).await;
    // The provider's clock is behind, then ahead.
    for away in [-600, 600] {
        let times =
            [("iat", away), ("exp", away + 300), ("nbf", away)].map(|(name, by)| IdTokenFault::Moment(name, by));
        stage.world.provider.set(|wrong| wrong.id_token = times.to_vec());
        let browser = stage.browser();
        let form = browser.visit(&stage.console("/")).await.unwrap();
        let page = browser.sign_in_at(&form, "ada").await.unwrap();
        assert_eq!(page.status, 502);
        assert!(page.text().contains("The clocks do not agree") && page.text().contains("NTP"));
        assert_eq!(stage.outcomes("sign_in").last().unwrap(), "failed sign_in_clock");
    }
    stage.world.provider.set(|wrong| wrong.id_token.clear());
    stage.signed_in("ada").await;
}

#[tokio::test]
async fn a_provider_that_changes_its_name_is_not_believed() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let other = Patch::set("issuer", "https://idp.localhost:1/other");
    world.provider.set(|wrong| wrong.metadata = vec![other]);
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let page = stage.browser().visit(&stage.console("/")).await.unwrap();
    assert_eq!(page.status, 502);
    assert!(page.text().contains("is not the one that is set up"), "{}", page.text());
    assert_eq!(stage.outcomes("sign_in"), ["failed provider_issuer_mismatch"]);
    stage.world.provider.set(|wrong| wrong.metadata.clear());
    stage.signed_in("ada").await;
}

#[tokio::test]
async fn keys_that_change_during_a_sign_in_stop_nobody() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let back = way_back(&browser, &stage, "ada").await;
    stage.world.provider.rotate_keys().unwrap();
    assert_eq!(browser.visit(back.as_str()).await.unwrap().status, 200);
    assert_eq!(stage.outcomes("sign_in"), ["succeeded"]);
}

/// The address that the provider sends the browser back to, not yet followed.
async fn way_back(browser: &Browser, stage: &Stage, user: &str) -> Url {
    let form = browser.visit(&stage.console("/")).await.unwrap();
    let request = form.field("request").unwrap();
    let fields = [("request", &*request), ("login", user), ("password", user)];
    let submit = form.resolve("/sign-in").unwrap();
    let answer = browser.ask(Ask::get(Errand::Page, submit.as_str()).by(&form).form(&fields).once()).await.unwrap();
    answer.header("location").unwrap().parse().unwrap()
}

fn with(url: &Url, name: &str, value: &str) -> String {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut changed = url.clone();
    changed.query_pairs_mut().clear();
    for (key, old) in pairs {
        changed.query_pairs_mut().append_pair(&key, if key == name { value } else { &old });
    }
    changed.into()
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn a_callback_with_another_state_is_refused() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let back = way_back(&browser, &stage, "ada").await;
    for state in ["A".repeat(43), "short".into(), String::new()] {
        let page = browser.visit(&with(&back, "state", &state)).await.unwrap();
        assert_eq!(page.status, 400, "{state}");
    }
    assert_eq!(
        stage.outcomes("sign_in"),
        ["failed sign_in_unknown", "failed sign_in_malformed", "failed sign_in_malformed"]
    );
    // The sign-in itself is still good.
    assert_eq!(browser.visit(back.as_str()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_callback_works_once() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let back = way_back(&browser, &stage, "ada").await;
    assert_eq!(browser.visit(back.as_str()).await.unwrap().status, 200);
    assert_eq!(browser.visit(back.as_str()).await.unwrap().status, 400);
    assert_eq!(stage.outcomes("sign_in"), ["succeeded", "failed sign_in_unknown"]);
}

#[tokio::test]
async fn a_code_works_once_even_under_a_fresh_state() {
    let stage = Stage::new(Style::Ports).await;
    let (one, two) = (stage.browser(), stage.browser());
    let spent = way_back(&one, &stage, "ada").await;
    assert_eq!(one.visit(spent.as_str()).await.unwrap().status, 200);
    let fresh = way_back(&two, &stage, "sam").await;
    let page = two.visit(&with(&fresh, "code", &parameter(&spent, "code"))).await.unwrap();
    assert_eq!(page.status, 400);
    assert_eq!(stage.outcomes("sign_in"), ["succeeded", "failed sign_in_code_refused"]);
}

#[tokio::test]
async fn another_persons_code_does_not_sign_this_browser_in() {
    let stage = Stage::new(Style::Ports).await;
    let (victim, attacker) = (stage.browser(), stage.browser());
    let theirs = way_back(&attacker, &stage, "sam").await;
    let ours = way_back(&victim, &stage, "ada").await;
    // The provider holds the code against the PKCE challenge that it was given for (RFC 7636).
    let page = victim.visit(&with(&ours, "code", &parameter(&theirs, "code"))).await.unwrap();
    assert_eq!(page.status, 400);
    // And a whole way back that was begun elsewhere is not taken by this browser.
    let page = victim.visit(theirs.as_str()).await.unwrap();
    assert_eq!(page.status, 400);
    assert_eq!(stage.outcomes("sign_in"), ["failed sign_in_code_refused", "failed sign_in_unknown"]);
}

#[tokio::test]
async fn a_callback_without_the_login_cookie_is_refused() {
    let stage = Stage::new(Style::Hosts).await;
    let back = way_back(&stage.browser(), &stage, "ada").await;
    let other = stage.browser();
    let page = other.visit(back.as_str()).await.unwrap();
    assert_eq!(page.status, 400);
    assert!(page.text().contains("begun in another browser"));
    assert_eq!(stage.outcomes("sign_in"), ["failed sign_in_unknown"]);
}

#[tokio::test]
async fn an_answer_in_another_providers_name_is_refused() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let change = vec![Patch::set("iss", "https://evil.example")];
    stage.world.provider.set(|wrong| wrong.authorization_response = change);
    let form = browser.visit(&stage.console("/")).await.unwrap();
    let page = browser.sign_in_at(&form, "ada").await.unwrap();
    assert_eq!(page.status, 502);
    assert_eq!(stage.outcomes("sign_in"), ["failed sign_in_wrong_issuer"]);
}

#[tokio::test]
async fn several_tabs_sign_in_at_once() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    let mut forms = Vec::new();
    for server in ["web1", "web2", "web3"] {
        forms.push((server, browser.visit(&stage.console(&format!("/s/{server}/whostmgrd/root"))).await.unwrap()));
    }
    // Finished in another order than begun, each leads where its own tab was going.
    for (server, form) in forms.iter().rev() {
        let page = browser.sign_in_at(form, "ada").await.unwrap();
        assert_eq!(page.url.as_str(), stage.console(&format!("/s/{server}/whostmgrd/root")));
    }
    assert_eq!(stage.outcomes("sign_in"), ["succeeded", "succeeded", "succeeded"]);
}

in_both_styles! {
    /// Here, in every panel, and at the provider.
    async fn signing_out_ends_everything(style: Style) {
        let stage = Stage::new(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let thief = stage.browser();
        thief.steal_cookies(&browser);
        assert_eq!(thief.visit(&stage.console("/")).await.unwrap().status, 200);
        assert_eq!(thief.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);

        let page = browser.submit(&console, "/sign-out", &[]).await.unwrap();
        assert_eq!(page.url.path(), "/signed-out");
        assert_eq!(page.status, 200);
        assert_eq!(stage.outcomes("sign_out"), ["succeeded"]);
        assert!(browser.cookie("connect.example.com", "__Host-panelgate-session").is_none());

        // The provider asks for the password again.
        let page = browser.visit(&stage.console("/")).await.unwrap();
        assert!(page.field("request").is_ok(), "{}", page.url);
        // What somebody kept of the cookies opens nothing.
        let asked = thief.ask_to_open(&console, "web1", "whostmgrd", "root").await.unwrap();
        assert_eq!(problem(&asked).0, "signed_out");
        let before = stage.world.server(1).requests().len();
        for used in [&thief, &browser] {
            let page = used.fetch(&panel, panel.url.as_str()).await.unwrap();
            assert_eq!(page.status, 401);
            let page = used.frame(&console, panel.url.as_str()).await;
            assert!(page.is_err() || page.unwrap().status != 200);
        }
        assert_eq!(stage.world.server(1).requests().len(), before);
    }
}

#[tokio::test]
async fn signing_in_as_somebody_else_ends_what_was_open_before() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let thief = stage.browser();
    thief.steal_cookies(&browser);
    // The provider's session ends elsewhere; the next sign-in is another person's.
    let page = browser.visit(&format!("{}/logout", stage.world.issuer())).await.unwrap();
    browser.submit(&page, "/logout", &[("confirm", "1")]).await.unwrap();
    let form = browser.visit(&stage.console("/sign-in")).await.unwrap();
    let console = browser.sign_in_at(&form, "sam").await.unwrap();
    assert!(console.text().contains("Sam Support"));
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    assert_eq!(thief.fetch(&console, "/api/session").await.unwrap().status, 401);
}

#[tokio::test]
async fn only_our_own_page_signs_somebody_out() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    for elsewhere in ["https://evil.example/", "https://web1.connect.example.com:2087/cpsess1/"] {
        let page = Page::imagined(elsewhere).unwrap();
        let url = stage.console("/sign-out");
        let ask = Ask::get(Errand::Page, &url).by(&page).form(&[]);
        assert_eq!(browser.ask(ask).await.unwrap().status, 403, "{elsewhere}");
    }
    let typed = browser.visit(&stage.console("/sign-out")).await.unwrap();
    assert_eq!(typed.status, 404, "signing out is a POST");
    let put = Ask::get(Errand::Fetch, console.url.as_str()).by(&console).method(Method::PUT);
    assert_eq!(browser.ask(put).await.unwrap().status, 405);
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
}
