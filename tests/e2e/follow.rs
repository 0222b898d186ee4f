//! Sessions follow the person: what the provider says later counts.

use lab::browser::Browser;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::provider::EndpointFault;
use lab::provider::Patch;
use lab::world::Style;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::until;

/// A world in which the provider is asked again every second.
async fn stage() -> Stage {
    let stage = Stage::new(Style::Ports).await;
    stage.world.provider.set(|wrong| wrong.token_response = vec![Patch::set("expires_in", 1)]);
    stage
}

/// The refresh tokens that were sent to the provider so far.
fn refreshes(stage: &Stage) -> Vec<String> {
    let bodies = stage.world.provider.requests().into_iter().map(|request| request.body);
    bodies.filter(|body| body.contains("grant_type=refresh_token")).collect()
}

/// Waits until an answer has this status.
async fn until_status(browser: &Browser, page: &Page, address: &str, status: u16) -> Page {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = browser.fetch(page, address).await.unwrap();
        if answer.status == status {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{address} still gives {}", answer.status);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn somebody_who_loses_a_group_loses_what_it_gives() {
    let stage = stage().await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    stage.world.provider.change_users(|users| users[0].groups = vec!["staff".into()]);
    until_status(&browser, &panel, panel.url.as_str(), 403).await;
    assert_eq!(browser.visit(&stage.console("/")).await.unwrap().status, 403);
    until("the change is on record", || stage.outcomes("session.groups_changed") == ["succeeded"]).await;
    // And back again, in the same session.
    stage.world.provider.change_users(|users| users[0].groups = vec!["whm-admins".into()]);
    until_status(&browser, &panel, panel.url.as_str(), 200).await;
    assert_eq!(stage.outcomes("sign_in"), ["succeeded"]);
}

#[tokio::test]
async fn somebody_who_leaves_the_company_is_out() {
    let stage = stage().await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    stage.world.provider.change_users(|users| users.retain(|user| user.login != "ada"));
    until_status(&browser, &panel, panel.url.as_str(), 401).await;
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 401);
    assert_eq!(stage.outcomes("session.ended"), ["succeeded refresh_refused"]);
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_out() {
    let stage = stage().await;
    let (browser, console) = stage.signed_in("ada").await;
    stage.world.provider.set(|wrong| wrong.refresh = Some(EndpointFault::Status(503)));
    until("it was asked in vain", || !refreshes(&stage).is_empty()).await;
    stage.gateway.wait_for_output("asked in vain").await.unwrap();
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    assert_eq!(panel.status, 200);
    assert_eq!(stage.outcomes("session.ended"), [""; 0]);
}

#[tokio::test]
async fn no_refresh_token_is_used_twice() {
    let stage = stage().await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let asking = async {
        while refreshes(&stage).len() < 4 {
            let both = futures_util::future::join_all((0..10).map(|_| browser.fetch(&panel, panel.url.as_str()))).await;
            assert!(both.into_iter().all(|answer| answer.unwrap().status == 200));
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("it is asked again and again");
    // A restart knows the latest token, also if it was on its way.
    let Stage { world, gateway } = stage;
    gateway.stop().await.unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let stage = Stage { world, gateway };
    let before = refreshes(&stage).len();
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    until("it is asked again", || refreshes(&stage).len() > before + 1).await;
    assert_eq!(browser.fetch(&console, "/api/session").await.unwrap().status, 204);
    let mut tokens = refreshes(&stage);
    let all = tokens.len();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), all);
}
