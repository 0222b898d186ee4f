//! Keys that change, have no id, or cannot be fetched.

use std::time::Duration;

use lab::provider::EndpointFault;
use lab::provider::IdTokenFault;
use lab::provider::Patch;
use panelgate::identity::InvalidToken;
use panelgate::identity::LoginError;
use serde_json::json;

use crate::harness::Bed;

fn key_fetches(bed: &Bed) -> usize {
    bed.provider.requests().iter().filter(|request| request.path == "/jwks").count()
}

#[tokio::test]
async fn oidcc_client_test_discovery_openid_config_is_fetched_once() {
    let bed = Bed::new().await;
    assert_eq!(bed.provider.requests().len(), 0, "nothing is asked before it is needed");
    for _ in 0..3 {
        bed.sign_in().await.unwrap();
    }
    assert_eq!(key_fetches(&bed), 1);
}

#[tokio::test]
async fn many_who_wait_share_one_fetch() {
    let bed = Bed::new().await;
    let starts = futures_util::future::join_all((0..50).map(|_| bed.start())).await;
    assert!(starts.iter().all(Result::is_ok));
    assert_eq!(key_fetches(&bed), 1);
}

#[tokio::test]
async fn many_who_wait_share_one_failure() {
    let bed = Bed::new().await;
    bed.provider.set(|m| m.discovery = Some(EndpointFault::Status(500)));
    let starts = futures_util::future::join_all((0..50).map(|_| bed.start())).await;
    assert!(starts.iter().all(Result::is_err));
    let asked = bed.provider.requests().len();
    assert!(asked < 5, "{asked} requests for 50 sign-ins");
}

#[tokio::test]
async fn keys_are_fetched_again_when_they_are_old() {
    let bed = Bed::new().await;
    bed.rp.ready().await.unwrap();
    // The lab's provider says `no-store`, which we take as five minutes.
    bed.clock.advance(Duration::from_secs(299 - 60));
    bed.rp.ready().await.unwrap();
    assert_eq!(key_fetches(&bed), 1);
    bed.clock.advance(Duration::from_mins(2));
    bed.rp.ready().await.unwrap();
    assert_eq!(key_fetches(&bed), 2);
}

#[tokio::test]
async fn old_keys_are_used_while_the_provider_is_away_but_not_for_ever() {
    let bed = Bed::new().await;
    bed.rp.ready().await.unwrap();
    bed.provider.set(|m| m.discovery = Some(EndpointFault::Status(503)));
    bed.clock.advance(Duration::from_hours(23));
    bed.rp.ready().await.unwrap();
    let asked = bed.provider.requests().len();
    bed.rp.ready().await.unwrap();
    assert_eq!(bed.provider.requests().len(), asked, "it is not asked at every turn");
    bed.clock.advance(Duration::from_hours(2));
    assert!(matches!(bed.rp.ready().await, Err(LoginError::Unavailable { .. })));
    bed.provider.set(|m| m.discovery = None);
    bed.rp.ready().await.unwrap();
}

#[tokio::test]
async fn oidcc_client_test_signing_key_rotation() {
    let bed = Bed::new().await;
    bed.sign_in().await.unwrap();
    bed.provider.rotate_keys().unwrap();
    bed.sign_in().await.unwrap();
    assert_eq!(key_fetches(&bed), 2);
}

#[tokio::test]
async fn oidcc_client_test_signing_key_rotation_just_before_signing() {
    let bed = Bed::new().await;
    let (pending, query) = bed.until_callback().await;
    bed.provider.rotate_keys().unwrap();
    let callback = panelgate::identity::Callback::parse(&query).unwrap();
    assert!(bed.rp.finish(pending, callback).await.is_ok());
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_ask_without_end() {
    let bed = Bed::new().await;
    bed.sign_in().await.unwrap();
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::Header(Patch::set("kid", "unknown"))]);
    for _ in 0..4 {
        let outcome = bed.sign_in().await;
        assert!(matches!(outcome, Err(LoginError::Token(InvalidToken::UnknownKey))), "{outcome:?}");
    }
    assert_eq!(key_fetches(&bed), 2, "one for the start and one for the unknown key");
    bed.clock.advance(Duration::from_secs(31));
    assert!(bed.sign_in().await.is_err());
    assert_eq!(key_fetches(&bed), 3);
}

#[tokio::test]
async fn oidcc_client_test_kid_absent_single_jwks() {
    let bed = Bed::new().await;
    bed.provider.set(|m| {
        m.jwks_rsa_only = true;
        m.id_token = vec![IdTokenFault::Header(Patch::remove("kid"))];
    });
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn a_key_without_id_that_changed_is_fetched_too() {
    let bed = Bed::new().await;
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::Header(Patch::remove("kid"))]);
    bed.sign_in().await.unwrap();
    bed.provider.rotate_keys().unwrap();
    assert!(bed.sign_in().await.is_ok());
}

#[tokio::test]
async fn oidcc_client_test_kid_absent_multiple_jwks() {
    let bed = Bed::new().await;
    bed.provider.add_keys().unwrap();
    bed.sign_in().await.unwrap();
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::Header(Patch::remove("kid"))]);
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::Token(InvalidToken::AmbiguousKey))), "{outcome:?}");
}

#[tokio::test]
async fn the_id_of_another_kind_of_key_is_no_key() {
    let bed = Bed::new().await;
    bed.refuses(vec![IdTokenFault::Header(Patch::set("kid", "ec-1"))], InvalidToken::UnknownKey).await;
    bed.refuses(vec![IdTokenFault::Header(Patch::set("kid", json!(1)))], InvalidToken::Malformed).await;
}

#[tokio::test]
async fn oidcc_client_test_discovery_jwks_uri_keys() {
    let (bed, elsewhere) = (Bed::new().await, Bed::new().await);
    let uri = format!("{}/jwks", elsewhere.provider.issuer());
    bed.provider.set(|m| m.metadata = vec![Patch::set("jwks_uri", uri)]);
    // The keys are those of the address in the document, and so not the ones that sign here.
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::Token(InvalidToken::Signature))), "{outcome:?}");
    assert!(key_fetches(&elsewhere) > 0 && key_fetches(&bed) == 0);
}
