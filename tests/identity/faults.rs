//! A provider that is away, slow, endless or talks nonsense.

use std::sync::Arc;
use std::time::Duration;

use lab::loopback::Loopback;
use lab::provider::EndpointFault;
use lab::provider::Misbehaviour;
use lab::provider::Patch;
use panelgate::identity::Endpoint;
use panelgate::identity::Fault;
use panelgate::identity::LoginError;
use panelgate::identity::Nonsense;
use panelgate::identity::Unavailable;
use panelgate::model::GroupsFrom;
use serde_json::json;

use crate::harness::Bed;
use crate::harness::MovedClock;
use crate::harness::groups_in;
use crate::harness::relying_party;
use crate::harness::settings;

/// What comes of a fault, whatever the endpoint.
#[derive(Debug, PartialEq)]
enum Outcome {
    Unavailable(&'static str),
    Nonsense(Nonsense),
}

fn outcome(result: Result<impl std::fmt::Debug, LoginError>, expected: Endpoint) -> Outcome {
    let error = result.unwrap_err();
    assert_eq!(error.fault(), Fault::Provider);
    // Where userinfo has the groups, its failure is that of the groups.
    let (error, expected) = match (error, expected) {
        (LoginError::GroupsAway(error), Endpoint::Userinfo) => (*error, expected),
        (error, Endpoint::Userinfo) => panic!("{error:?}"),
        other => other,
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other outcome fails the test")]
    let (endpoint, outcome) = match error {
        LoginError::Unavailable { endpoint, source } => {
            let what = match &*source {
                Unavailable::Connect(_) => "connect",
                Unavailable::TimedOut(_) => "timed out",
                Unavailable::Broken(_) => "broken",
                Unavailable::Status(_) => "status",
            };
            (endpoint, Outcome::Unavailable(what))
        }
        LoginError::Nonsense { endpoint, source } => (endpoint, Outcome::Nonsense(source)),
        other => panic!("{other:?}"),
    };
    assert_eq!(endpoint, expected);
    outcome
}

/// Every fault that any endpoint can have, and what comes of it.
fn faults(bed: &Bed) -> Vec<(EndpointFault, Outcome)> {
    vec![
        (EndpointFault::Status(500), Outcome::Unavailable("status")),
        (EndpointFault::Status(503), Outcome::Unavailable("status")),
        (EndpointFault::Status(429), Outcome::Unavailable("status")),
        (EndpointFault::Status(404), Outcome::Nonsense(Nonsense::Status(404))),
        (EndpointFault::Status(200), Outcome::Nonsense(Nonsense::ContentType)),
        (EndpointFault::Garbage, Outcome::Nonsense(Nonsense::Json)),
        (EndpointFault::Json("[]".into()), Outcome::Nonsense(Nonsense::Json)),
        (EndpointFault::Json(r#"{"a":1,"a":2}"#.into()), Outcome::Nonsense(Nonsense::Json)),
        (EndpointFault::Endless, Outcome::Nonsense(Nonsense::TooLong)),
        (EndpointFault::HangUp, Outcome::Unavailable("broken")),
        (EndpointFault::Silent, Outcome::Unavailable("timed out")),
        (EndpointFault::Stalled, Outcome::Unavailable("timed out")),
        (EndpointFault::Redirect(bed.provider.issuer().into()), Outcome::Nonsense(Nonsense::Redirect)),
    ]
}

async fn impatient(from: GroupsFrom) -> Bed {
    Bed::with(|settings| {
        settings.timeout = Duration::from_secs(1);
        settings.groups = groups_in(from, "/groups");
    })
    .await
}

#[tokio::test]
async fn discovery_fails_in_every_way_and_recovers() {
    let bed = impatient(GroupsFrom::IdToken).await;
    for (fault, expected) in faults(&bed) {
        bed.provider.set(|m| m.discovery = Some(fault.clone()));
        assert_eq!(outcome(bed.rp.ready().await, Endpoint::Discovery), expected, "{fault:?}");
        assert_eq!(outcome(bed.start().await, Endpoint::Discovery), expected, "{fault:?}");
    }
    bed.provider.set(|m| m.discovery = None);
    bed.rp.ready().await.unwrap();
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn the_key_set_fails_in_every_way_and_recovers() {
    let bed = impatient(GroupsFrom::IdToken).await;
    for (fault, expected) in faults(&bed) {
        bed.provider.set(|m| m.jwks = Some(fault.clone()));
        assert_eq!(outcome(bed.rp.ready().await, Endpoint::Keys), expected, "{fault:?}");
    }
    for (keys, expected) in [
        (json!({}), Nonsense::Member("keys")),
        (json!({ "keys": [] }), Nonsense::NoUsableKey),
        (json!({ "keys": [{"kty": "oct", "k": "AA"}] }), Nonsense::NoUsableKey),
    ] {
        bed.provider.set(|m| m.jwks = Some(EndpointFault::Json(keys.to_string())));
        assert_eq!(outcome(bed.rp.ready().await, Endpoint::Keys), Outcome::Nonsense(expected));
    }
    bed.provider.set(|m| m.jwks = None);
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn the_token_endpoint_fails_in_every_way_and_recovers() {
    let bed = impatient(GroupsFrom::IdToken).await;
    for (fault, expected) in faults(&bed) {
        bed.provider.set(|m| m.token = Some(fault.clone()));
        assert_eq!(outcome(bed.sign_in().await, Endpoint::Token), expected, "{fault:?}");
    }
    bed.provider.set(|m| m.token = None);
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn userinfo_fails_in_every_way_and_recovers() {
    let bed = impatient(GroupsFrom::Userinfo).await;
    for (fault, expected) in faults(&bed) {
        bed.provider.set(|m| m.userinfo = Some(fault.clone()));
        assert_eq!(outcome(bed.sign_in().await, Endpoint::Userinfo), expected, "{fault:?}");
    }
    bed.provider.set(|m| m.userinfo = None);
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn a_redirect_takes_no_secret_along() {
    let (bed, trap) = (Bed::new().await, Bed::new().await);
    for status in ["token", "userinfo"] {
        let to = format!("{}/{status}", trap.provider.issuer());
        bed.provider.set(|m| m.token = Some(EndpointFault::Redirect(to)));
        assert!(bed.sign_in().await.is_err());
    }
    assert_eq!(trap.provider.requests().len(), 0);
}

#[tokio::test]
async fn a_provider_that_is_away_stops_nothing_but_sign_ins() {
    let nobody = Loopback::claim().unwrap();
    let clock = Arc::new(MovedClock::default());
    let rp = relying_party(settings(&format!("http://{}", nobody.at(9400))), &clock);
    assert_eq!(outcome(rp.ready().await, Endpoint::Discovery), Outcome::Unavailable("connect"));
}

#[tokio::test]
async fn oidcc_client_test_discovery_issuer_mismatch() {
    let bed = Bed::new().await;
    for issuer in [
        json!("https://other.example"),
        json!(format!("{}/", bed.provider.issuer())),
        json!(bed.provider.issuer().to_uppercase()),
        json!(null),
    ] {
        bed.provider.set(|m| m.metadata = vec![Patch::set("issuer", issuer)]);
        assert_eq!(outcome(bed.start().await, Endpoint::Discovery), Outcome::Nonsense(Nonsense::IssuerMismatch));
    }
    bed.provider.set(|m| *m = Misbehaviour::default());
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn metadata_that_cannot_be_used_is_named() {
    let bed = Bed::new().await;
    for (patch, expected) in [
        (Patch::remove("token_endpoint"), Nonsense::Member("token_endpoint")),
        (Patch::set("jwks_uri", 7), Nonsense::Member("jwks_uri")),
        (Patch::set("authorization_endpoint", "not a url"), Nonsense::Member("authorization_endpoint")),
        (Patch::set("token_endpoint", "http://idp.example.com/token"), Nonsense::UnsafeAddress("token_endpoint")),
        (Patch::set("userinfo_endpoint", "ftp://localhost/"), Nonsense::UnsafeAddress("userinfo_endpoint")),
        (Patch::set("end_session_endpoint", "javascript:0"), Nonsense::UnsafeAddress("end_session_endpoint")),
        (Patch::set("id_token_signing_alg_values_supported", json!(["HS256"])), Nonsense::AlgorithmNotOffered),
        (
            Patch::set("authorization_response_iss_parameter_supported", "yes"),
            Nonsense::Member("authorization_response_iss_parameter_supported"),
        ),
    ] {
        bed.provider.set(|m| m.metadata = vec![patch]);
        assert_eq!(outcome(bed.rp.ready().await, Endpoint::Discovery), Outcome::Nonsense(expected));
    }
    // What we do not use may be missing.
    bed.provider.set(|m| {
        m.metadata = ["subject_types_supported", "response_types_supported", "code_challenge_methods_supported"]
            .map(Patch::remove)
            .to_vec();
    });
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn errors_say_each_thing_once() {
    let bed = Bed::new().await;
    bed.provider.set(|m| m.discovery = Some(EndpointFault::Status(503)));
    let error = bed.rp.ready().await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(error.to_string(), "the provider's discovery document is unavailable");
    assert_eq!(source.to_string(), "it answered with status 503");
}
