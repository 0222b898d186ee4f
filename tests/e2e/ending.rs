//! Sessions at the server end with ours, unless that would end a colleague's.

use lab::browser::Browser;
use lab::browser::Page;
use lab::cpsrvd::Cpsrvd;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::until;

/// Where the server is asked whether a logout ends one session alone.
const POLICY: &str = "/json-api/twofactorauth_policy_status";

fn logouts(server: &Cpsrvd) -> usize {
    server.requests().iter().filter(|request| request.path().starts_with("/logout")).count()
}

/// Two people who are root on web1.
async fn colleagues(stage: &Stage) -> [(Browser, Page, Page); 2] {
    let mut both = Vec::new();
    for _ in 0..2 {
        let (browser, console) = stage.signed_in("ada").await;
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        both.push((browser, console, panel));
    }
    both.try_into().unwrap_or_else(|_| panic!("two were made"))
}

in_both_styles! {
    async fn signing_out_ends_it_and_no_other(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        let [(one, console, _), (two, _, panel)] = colleagues(&stage).await;
        let kept = server.sessions().pop().unwrap();
        one.submit(&console, "/sign-out", &[]).await.unwrap();
        until("the session ends at the server", || server.sessions().len() == 1).await;
        assert_eq!((server.sessions().pop().unwrap(), logouts(server)), (kept, 1));
        assert_eq!(two.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
        assert!(stage.outcomes("panel.renew").is_empty());
    }

    /// With two-factor authentication one logout ends all sessions of the account.
    async fn it_is_left_alone_where_it_could_end_a_colleagues(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        server.switch(|switches| switches.two_factor = true);
        let [(one, console, first), (two, _, panel)] = colleagues(&stage).await;
        // By leaving the panel, and by signing out.
        one.follow(&first, &first.attribute("link-logout", "href").unwrap()).await.unwrap();
        one.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        one.submit(&console, "/sign-out", &[]).await.unwrap();
        server.wait_for_request(|request| request.path() == POLICY && request.status.is_some()).await.unwrap();
        assert_eq!(two.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
        assert!(stage.outcomes("panel.renew").is_empty());
        // A gateway that stops sees to what it has begun.
        let Stage { world, gateway } = stage;
        assert_eq!(gateway.stop().await.unwrap().code, Some(0));
        assert_eq!((logouts(world.server(1)), world.server(1).sessions().len()), (0, 3));
    }

    async fn leaving_a_panel_ends_that_one(style: Style) {
        let stage = Stage::new(style).await;
        let server = stage.world.server(1);
        let [(one, _, first), (two, _, panel)] = colleagues(&stage).await;
        let left = one.follow(&first, &first.attribute("link-logout", "href").unwrap()).await.unwrap();
        assert!(left.text().contains("You have left this panel"), "{}", left.text());
        assert!(left.text().contains("data-announce=\"left\""), "the console is told: {}", left.text());
        until("the session ends at the server", || server.sessions().len() == 1).await;
        // The way back leads through the console.
        assert_eq!(one.fetch(&first, first.url.as_str()).await.unwrap().status, 401);
        assert_eq!(two.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
        assert_eq!(stage.outcomes("panel.leave"), ["succeeded"]);
        // In a tab of its own the console is what comes next.
        let logout = panel.resolve(&panel.attribute("link-logout", "href").unwrap()).unwrap();
        assert_eq!(two.visit(logout.as_str()).await.unwrap().url.as_str(), stage.console("/"));
    }
}

/// Whatever a server does about it, nobody waits and nothing fails.
#[tokio::test]
async fn a_server_that_cannot_say_is_left_alone() {
    let stage = Stage::with(Style::Ports, "[limits]\nopen_seconds = 1\n").await;
    let server = stage.world.server(1);
    let (browser, console) = stage.signed_in("ada").await;
    let faults = [
        lab::cpsrvd::Fault::Stall(std::time::Duration::from_mins(30)),
        lab::cpsrvd::Fault::ServerError,
        lab::cpsrvd::Fault::Reset,
    ];
    for (number, fault) in (1..).zip(faults) {
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        server.faults().inject(POLICY, 1, fault);
        let left = browser.follow(&panel, &panel.attribute("link-logout", "href").unwrap()).await.unwrap();
        assert!(left.text().contains("You have left this panel"));
        until("the session is left alone", || {
            stage.gateway.output().matches("a session is left to its idle time").count() == number
        })
        .await;
        assert_eq!(logouts(server), 0);
        server.faults().clear();
    }
    // Nor does a logout that leads astray lead anybody there.
    server.switch(|switches| switches.logout_redirect_url = Some("https://evil.example/".into()));
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let before = server.sessions().len();
    browser.follow(&panel, &panel.attribute("link-logout", "href").unwrap()).await.unwrap();
    until("the session ends at the server", || server.sessions().len() == before - 1).await;
    assert_eq!(browser.was_sent("evil.example"), None);
}
