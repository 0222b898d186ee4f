//! Rules with conditions through the program, and the page that says who may open what.

use lab::world::Plan;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::problem;

/// Support reaches web1 from here, and nothing else any more, yet or from here.
const DIRECTORY: &str = r#"[[servers]]
{web1}
access = "restricted"
[[servers]]
{web2}
access = "restricted"
[[servers]]
{web3}
access = "restricted"
[[role_groups]]
name = "Administrators"
idp_groups = ["whm-admins"]
connect = true
rights = ["review_access"]
[[role_groups]]
name = "Support"
idp_groups = ["whm-support"]
connect = true
[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["whostmgrd"]
account = "root"
require = { max_age_minutes = 600 }
[[rules]]
role_group = "Support"
servers = ["web1"]
services = ["whostmgrd"]
account = "support"
networks = ["127.0.0.0/8", "::1"]
expires = 2099-12-31T00:00:00Z
[[rules]]
role_group = "Support"
servers = ["web2"]
services = ["whostmgrd"]
account = "root"
expires = 2020-01-01T00:00:00Z
[[rules]]
role_group = "Support"
servers = ["web2"]
services = ["cpaneld"]
account = "bob"
not_before = 2099-01-01T00:00:00Z
[[rules]]
role_group = "Support"
servers = ["web3"]
services = ["whostmgrd"]
account = "root"
networks = ["192.0.2.0/24"]
[[rules]]
role_group = "Support"
servers = ["web3"]
services = ["cpaneld"]
account = "bob"
require = { acr = ["phishing-resistant"] }
"#;

async fn stage() -> Stage {
    Stage::planned(Plan { directory: Some(DIRECTORY.to_owned()), ..Plan::tls(Style::Ports) }).await
}

#[tokio::test]
async fn a_rule_gives_nothing_outside_of_its_conditions() {
    let stage = stage().await;
    let (browser, console) = stage.signed_in("sam").await;
    browser.open(&console, "web1", "whostmgrd", "support").await.unwrap();
    for (server, service, account, reason) in [
        ("web2", "whostmgrd", "root", "expired"),
        ("web2", "cpaneld", "bob", "not_yet_valid"),
        ("web3", "whostmgrd", "root", "source_not_in_rule"),
        ("web3", "cpaneld", "bob", "stronger_sign_in_needed"),
    ] {
        let refused = browser.ask_to_open(&console, server, service, account).await.unwrap();
        let (code, _) = problem(&refused);
        assert_eq!((refused.status, &*code), (403, reason), "{server}");
        let denied = stage.events().into_iter().rfind(|event| event["kind"] == "access.denied").unwrap();
        assert_eq!(denied["reason"], reason);
    }
}

#[tokio::test]
async fn everybody_sees_their_own_access_and_reviewers_that_of_a_server() {
    let stage = stage().await;
    let page = stage.console("/access");
    let (sam, _) = stage.signed_in("sam").await;
    let own = sam.visit(&page).await.unwrap().text();
    for shown in ["Your access", "web1", "WHM", "support", "until 2099-12-31T00:00:00Z", "whm-support"] {
        assert!(own.contains(shown), "{shown}");
    }
    assert!(!own.contains("Administrators"), "nothing about others");
    assert!(!own.contains("Who can open a server"));
    let other = sam.visit(&format!("{page}?server=web1")).await.unwrap();
    assert_eq!(other.status, 404, "whoever may not ask learns nothing");
    let none = sam.visit(&format!("{page}?server=web9")).await.unwrap();
    assert_eq!(none.status, 404);

    let (ada, _) = stage.signed_in("ada").await;
    let asked = ada.visit(&format!("{page}?server=web1")).await.unwrap().text();
    for shown in ["Who can open web1", "Administrators", "root", "Support", "whm-support", "directory.toml:"] {
        assert!(asked.contains(shown), "{shown}");
    }
    let nothing = ada.visit(&format!("{page}?server=web9")).await.unwrap();
    assert_eq!(nothing.status, 404);

    // Without a session the way leads through sign-in.
    let stranger = stage.browser();
    let sign_in = stranger.visit(&page).await.unwrap();
    assert!(sign_in.url.as_str().starts_with(stage.world.issuer()), "{}", sign_in.url);
}
