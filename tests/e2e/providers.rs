//! Two providers at once: people choose, and neither can speak for the other.

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::world::Plan;
use lab::world::Style;
use url::Url;

use crate::stage::Stage;

async fn stage() -> Stage {
    Stage::planned(Plan { contractors: true, ..Plan::tls(Style::Ports) }).await
}

/// The form of the provider that is chosen on the console's page.
async fn choose(stage: &Stage, browser: &Browser, path: &str, provider: &str) -> Page {
    let choice = browser.visit(&stage.console(path)).await.unwrap();
    assert_eq!(choice.status, 200);
    let begins = format!("/sign-in?provider={provider}&#38;return_to=");
    let rest = choice.text().split_once(&begins).unwrap_or_else(|| panic!("{}", choice.text())).1.to_owned();
    let return_to = rest.split('"').next().unwrap();
    browser.visit(&stage.console(&format!("/sign-in?provider={provider}&return_to={return_to}"))).await.unwrap()
}

/// The address that a provider sends the browser back to, not yet followed.
async fn way_back(browser: &Browser, form: &Page, login: &str) -> Url {
    let request = form.field("request").unwrap();
    let fields = [("request", &*request), ("login", login), ("password", login)];
    let submit = form.resolve("/sign-in").unwrap();
    let answer = browser.ask(Ask::get(Errand::Page, submit.as_str()).by(form).form(&fields).once()).await.unwrap();
    answer.header("location").unwrap().parse().unwrap()
}

#[tokio::test]
async fn people_choose_and_land_where_they_were_going() {
    let stage = stage().await;
    for (provider, login, name) in [("sso", "ada", "Ada Admin"), ("contractors", "kim", "Kim Contractor")] {
        let browser = stage.browser();
        let form = choose(&stage, &browser, "/s/web2/whostmgrd/root", provider).await;
        let console = browser.sign_in_at(&form, login).await.unwrap();
        assert_eq!(console.url.as_str(), stage.console("/s/web2/whostmgrd/root"), "{provider}");
        assert!(console.text().contains(name), "{provider}");
        let back = format!("/callback/{provider}");
        assert!(browser.everything().iter().any(|seen| seen.url.path() == back && seen.status == 303));
    }
    let events = stage.events();
    let issuers: Vec<&str> = events
        .iter()
        .filter(|event| event["kind"] == "sign_in")
        .filter_map(|event| event["subject"]["iss"].as_str())
        .collect();
    assert_eq!(issuers, [stage.world.issuer(), stage.world.contractors.as_ref().unwrap().issuer()]);
}

#[tokio::test]
async fn a_provider_that_does_not_exist_cannot_be_chosen() {
    let stage = stage().await;
    for id in ["other", "", "SSO", "x%20y"] {
        let page = stage.browser().visit(&stage.console(&format!("/sign-in?provider={id}"))).await.unwrap();
        assert_eq!(page.status, 404, "{id}");
        let page = stage.browser().visit(&stage.console(&format!("/callback/{id}?code=x&state=y"))).await.unwrap();
        assert_eq!(page.status, 404, "{id}");
    }
}

/// The attack of RFC 9700 section 4.4: an answer of one provider is brought to the way back of the other, so
/// that its code is spent, or shown, at the wrong token endpoint.
#[tokio::test]
async fn an_answer_never_reaches_the_other_provider() {
    let stage = stage().await;
    let contractors = stage.world.contractors.as_ref().unwrap();
    let asked =
        |requests: Vec<lab::provider::Recorded>| requests.iter().filter(|request| request.path == "/token").count();

    let browser = stage.browser();
    let form = choose(&stage, &browser, "/", "sso").await;
    let honest = way_back(&browser, &form, "ada").await;
    let page = browser.visit(&honest.as_str().replace("/callback/sso", "/callback/contractors")).await.unwrap();
    assert_eq!(page.status, 400);
    // The other issuer's name in it makes it no better, wherever it arrives.
    for path in ["/callback/contractors", "/callback/sso"] {
        let browser = stage.browser();
        let form = choose(&stage, &browser, "/", "sso").await;
        let honest = way_back(&browser, &form, "ada").await;
        let mut renamed = honest.clone();
        renamed.set_path(path);
        renamed.query_pairs_mut().clear();
        for (name, value) in honest.query_pairs() {
            let value = if name == "iss" { contractors.issuer() } else { &value };
            renamed.query_pairs_mut().append_pair(&name, value);
        }
        assert!(browser.visit(renamed.as_str()).await.unwrap().status >= 400, "{path}");
    }
    assert_eq!(asked(contractors.requests()), 0, "no code was shown to the other provider");
    assert_eq!(asked(stage.world.provider.requests()), 0);
    let unknown = "failed sign_in_unknown".to_owned();
    assert_eq!(stage.outcomes("sign_in"), [unknown.clone(), unknown, "failed sign_in_wrong_issuer".into()]);
}

#[tokio::test]
async fn signing_out_goes_to_the_provider_that_was_used() {
    let stage = stage().await;
    let browser = stage.browser();
    let form = choose(&stage, &browser, "/", "contractors").await;
    let console = browser.sign_in_at(&form, "kim").await.unwrap();
    let page = browser.submit(&console, "/sign-out", &[]).await.unwrap();
    assert_eq!(page.url.path(), "/signed-out");
    let logouts =
        |requests: Vec<lab::provider::Recorded>| requests.iter().filter(|request| request.path == "/logout").count();
    assert_eq!(logouts(stage.world.contractors.as_ref().unwrap().requests()), 1);
    assert_eq!(logouts(stage.world.provider.requests()), 0);
}

#[tokio::test]
async fn one_provider_that_is_away_leaves_the_other() {
    let stage = stage().await;
    stage.world.contractors.as_ref().unwrap().refuse_connections().await;
    let browser = stage.browser();
    let form = choose(&stage, &browser, "/", "sso").await;
    assert_eq!(browser.sign_in_at(&form, "ada").await.unwrap().status, 200);
}
