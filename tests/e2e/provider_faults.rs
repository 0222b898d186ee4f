//! A provider that is slow, answers nonsense or hangs up, at each of its endpoints, through the program: what people
//! read, with which status, and the same reference in the log.

use lab::gateway::Gateway;
use lab::provider::EndpointFault;
use lab::provider::Misbehaviour;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;

use crate::stage::BINARY;
use crate::stage::Stage;
use crate::stage::until;

/// An endpoint, and how it is made to fail or left in peace.
type Endpoint = (&'static str, fn(&mut Misbehaviour, Option<EndpointFault>));

/// What has to be known before a sign-in begins.
const BEFORE: [Endpoint; 2] =
    [("discovery document", |wrong, fault| wrong.discovery = fault), ("key set", |wrong, fault| wrong.jwks = fault)];

/// What is asked on the way back.
const AFTER: [Endpoint; 2] = [
    ("token endpoint", |wrong, fault| wrong.token = fault),
    ("userinfo endpoint", |wrong, fault| wrong.userinfo = fault),
];

const AWAY: &str = "The sign-in service does not answer";
const STRANGE: &str = "The sign-in service answered wrongly";

/// Each fault, and whether the provider is away by it or talks nonsense.
fn faults(stage: &Stage) -> [(EndpointFault, bool); 8] {
    [
        (EndpointFault::Silent, true),
        (EndpointFault::Stalled, true),
        (EndpointFault::HangUp, true),
        (EndpointFault::Status(503), true),
        (EndpointFault::Garbage, false),
        (EndpointFault::Endless, false),
        (EndpointFault::Status(404), false),
        (EndpointFault::Redirect(stage.world.issuer().into()), false),
    ]
}

/// A gateway that waits a second for answers, and reads groups from userinfo.
async fn stage() -> Stage {
    let more = "[limits]\nprovider_seconds = 1\n".to_owned();
    let world = World::start(Plan { more, ..Plan::tls(Style::Ports) }).await.unwrap();
    let main = std::fs::read_to_string(world.config()).unwrap();
    let userinfo = "groups = { from = \"userinfo\", pointer = \"/groups\" }\nca_file = ";
    std::fs::write(world.config(), main.replacen("ca_file = ", userinfo, 1)).unwrap();
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    Stage { world, gateway }
}

/// Tries to sign in; gives the status, the page, and the code on record.
async fn attempt(stage: &Stage) -> (u16, String, String) {
    let browser = stage.browser();
    let mut page = browser.visit(&stage.console("/")).await.unwrap();
    if page.url.as_str().starts_with(stage.world.issuer()) {
        page = browser.sign_in_at(&page, "ada").await.unwrap();
    }
    assert!(browser.cookie("connect.example.com", "__Host-panelgate-session").is_none(), "nobody is signed in");
    let event = stage.events().into_iter().rfind(|event| event["kind"] == "sign_in").unwrap();
    let reference = page.header("panelgate-reference").unwrap();
    assert_eq!(event["reference"], reference.as_str());
    assert!(page.text().contains(&reference), "whoever reads the page can tell it");
    stage.gateway.wait_for_output(&reference).await.unwrap();
    (page.status, page.text(), event["reason"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_endpoint_that_fails_is_told_and_mended() {
    let stage = stage().await;
    for (name, set) in BEFORE.into_iter().chain(AFTER) {
        for (fault, is_away) in faults(&stage) {
            stage.world.provider.set(|wrong| set(wrong, Some(fault.clone())));
            let failed = || stage.gateway.output().matches("request failed").count();
            let before = failed();
            let (status, page, code) = attempt(&stage).await;
            until("the log has it", || failed() > before).await;
            let expected = match (name, is_away) {
                ("userinfo endpoint", _) => ("groups_unavailable", "Your groups could not be read"),
                (_, true) => ("provider_unavailable", AWAY),
                (_, false) => ("provider_nonsense", STRANGE),
            };
            assert_eq!((status, code.as_str()), (502, expected.0), "{name}: {fault:?}");
            assert!(page.contains(expected.1), "{name}: {fault:?}: {page}");
            let log = stage.gateway.output();
            let line = log.lines().rfind(|line| line.contains("request failed")).unwrap().to_owned();
            assert!(line.contains(name), "the log names what failed: {line}");
        }
        stage.world.provider.set(|wrong| set(wrong, None));
    }
    stage.signed_in("ada").await;
    assert_eq!(stage.outcomes("sign_in").last().unwrap(), "succeeded");
}
