//! Proving to the provider who we are, and telling it directly what we ask for.

use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::RsaKeyPair;
use lab::provider::AssertionKey;
use lab::provider::EndpointFault;
use lab::provider::Patch;
use lab::provider::Recorded;
use panelgate::identity::ClientCredential;
use panelgate::identity::ClientKey;
use panelgate::identity::Endpoint;
use panelgate::identity::LoginError;
use panelgate::identity::Nonsense;
use panelgate::identity::Refusal;
use panelgate::model::AssertionAudience;
use panelgate::model::PushedRequests;
use panelgate::model::RsaPadding;
use rcgen::KeyPair;
use serde_json::json;

use crate::harness::Bed;
use crate::harness::SECRET;

/// A key of ours, and what the provider knows of it.
pub(crate) fn key_pair(algorithm: &str, id: Option<&str>) -> (ClientKey, AssertionKey) {
    let kind = match algorithm {
        "ES256" => &rcgen::PKCS_ECDSA_P256_SHA256,
        "EdDSA" => &rcgen::PKCS_ED25519,
        _ => &rcgen::PKCS_RSA_SHA256,
    };
    let pair = KeyPair::generate_for(kind).unwrap();
    let der = pair.serialize_der();
    let public = match RsaKeyPair::from_pkcs8(&der) {
        Ok(rsa) => rsa.public_key().as_ref().to_vec(),
        Err(_) => pair.public_key_raw().to_vec(),
    };
    let padding = if algorithm == "PS256" { RsaPadding::Pss } else { RsaPadding::Pkcs1 };
    let ours = ClientKey::from_pkcs8(&der, padding).unwrap().known_as(id.map(str::to_owned));
    (ours, AssertionKey { algorithm: algorithm.into(), public, id: id.map(str::to_owned) })
}

async fn with_key(algorithm: &str, audience: AssertionAudience, push: PushedRequests) -> Bed {
    let (ours, theirs) = key_pair(algorithm, Some("our-key"));
    let bed = Bed::made(
        "http://idp.localhost:0",
        |provider| provider.clients[0].assertion_key = Some(theirs),
        |settings| {
            settings.credential = ClientCredential::PrivateKey(ours, audience);
            settings.pushed_requests = push;
        },
    );
    bed.await
}

fn asked(bed: &Bed, path: &str) -> Vec<Recorded> {
    bed.provider.requests().into_iter().filter(|request| request.path == path).collect()
}

#[tokio::test]
async fn a_private_key_proves_who_we_are_in_every_algorithm() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        for audience in [AssertionAudience::Issuer, AssertionAudience::TokenEndpoint] {
            let bed = with_key(algorithm, audience, PushedRequests::Off).await;
            // Twice: the provider takes no assertion a second time.
            bed.sign_in().await.unwrap();
            bed.sign_in().await.unwrap();
            let token = &asked(&bed, "/token")[0];
            assert_eq!(token.authorization, "", "one method in a request, {algorithm}");
            assert!(!token.body.contains("client_secret"), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn a_key_that_the_provider_does_not_know_proves_nothing() {
    let bed = with_key("ES256", AssertionAudience::Issuer, PushedRequests::Off).await;
    let (other, _) = key_pair("ES256", Some("our-key"));
    let mut settings = crate::harness::settings(bed.provider.issuer());
    settings.credential = ClientCredential::PrivateKey(other, AssertionAudience::Issuer);
    let rp = crate::harness::relying_party(settings, &bed.clock);
    let bed = Bed { rp, ..bed };
    let error = bed.sign_in().await.unwrap_err();
    assert!(matches!(error, LoginError::CodeRefused(Refusal::InvalidClient)), "{error:?}");
}

#[tokio::test]
async fn weak_and_foreign_keys_are_not_taken() {
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_der();
    for der in [&p384[..], b"", b"not a key"] {
        assert!(ClientKey::from_pkcs8(der, RsaPadding::Pkcs1).is_err());
    }
}

/// A bed whose provider offers to take pushed requests.
async fn pushing(push: PushedRequests, more: Vec<Patch>) -> Bed {
    let bed = Bed::with(|settings| settings.pushed_requests = push).await;
    let endpoint = format!("{}/par", bed.provider.issuer());
    bed.provider.set(|m| {
        m.metadata = vec![Patch::set("pushed_authorization_request_endpoint", endpoint)];
        m.metadata.extend(more);
    });
    bed
}

#[tokio::test]
async fn a_request_is_pushed_where_that_is_offered() {
    for credential in [ClientCredential::Basic(SECRET.into()), ClientCredential::Post(SECRET.into())] {
        let bed = Bed::with(|settings| {
            settings.pushed_requests = PushedRequests::Auto;
            settings.credential = credential;
        })
        .await;
        let endpoint = format!("{}/par", bed.provider.issuer());
        bed.provider.set(|m| m.metadata = vec![Patch::set("pushed_authorization_request_endpoint", endpoint)]);
        let start = bed.start().await.unwrap();
        let mut names: Vec<String> = start.authorization_url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        names.sort();
        assert_eq!(names, ["client_id", "request_uri"], "the browser sees nothing else");
        bed.sign_in().await.unwrap();
        let pushed = &asked(&bed, "/par")[0];
        for name in ["state=", "nonce=", "code_challenge=", "redirect_uri=", "response_type=code"] {
            assert!(pushed.body.contains(name), "{name}");
        }
        let proven = pushed.authorization.starts_with("Basic ") != pushed.body.contains("client_secret=");
        assert!(proven, "one method in a request");
    }
    let bed = with_key("ES256", AssertionAudience::Issuer, PushedRequests::Require).await;
    let endpoint = format!("{}/par", bed.provider.issuer());
    bed.provider.set(|m| m.metadata = vec![Patch::set("pushed_authorization_request_endpoint", endpoint)]);
    bed.sign_in().await.unwrap();
    assert_eq!(asked(&bed, "/par").len(), 1);
}

#[tokio::test]
async fn nothing_is_pushed_where_it_is_off_or_not_offered() {
    let bed = pushing(PushedRequests::Off, Vec::new()).await;
    bed.sign_in().await.unwrap();
    assert!(asked(&bed, "/par").is_empty());
    let bed = Bed::with(|settings| settings.pushed_requests = PushedRequests::Auto).await;
    bed.sign_in().await.unwrap();
}

#[tokio::test]
async fn a_demand_to_push_is_never_quietly_dropped() {
    let missing = Nonsense::Member("pushed_authorization_request_endpoint");
    let demand = || Patch::set("require_pushed_authorization_requests", true);
    let cases = [
        (Bed::with(|settings| settings.pushed_requests = PushedRequests::Require).await, Vec::new(), missing),
        (Bed::with(|settings| settings.pushed_requests = PushedRequests::Auto).await, vec![demand()], missing),
        (
            Bed::with(|settings| settings.pushed_requests = PushedRequests::Off).await,
            vec![demand()],
            Nonsense::PushDemanded,
        ),
    ];
    for (bed, metadata, expected) in cases {
        bed.provider.set(|m| m.metadata = metadata);
        match bed.start().await {
            Err(LoginError::Nonsense { endpoint: Endpoint::Discovery, source }) => assert_eq!(source, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_push_that_fails_sends_nobody_anywhere() {
    for mode in [PushedRequests::Auto, PushedRequests::Require] {
        let bed = pushing(mode, Vec::new()).await;
        bed.sign_in().await.unwrap();
        for fault in [
            EndpointFault::Status(500),
            EndpointFault::Status(404),
            EndpointFault::HangUp,
            EndpointFault::Garbage,
            EndpointFault::Endless,
            EndpointFault::Json("{}".into()),
            EndpointFault::Json(json!({ "request_uri": "x".repeat(3000) }).to_string()),
            EndpointFault::Json(json!({ "request_uri": 7 }).to_string()),
            EndpointFault::Redirect(bed.provider.issuer().into()),
        ] {
            bed.provider.set(|m| m.push = Some(fault.clone()));
            let error = bed.start().await.unwrap_err();
            let at_push = matches!(
                error,
                LoginError::Unavailable { endpoint: Endpoint::Push, .. }
                    | LoginError::Nonsense { endpoint: Endpoint::Push, .. }
            );
            assert!(at_push, "{fault:?}: {error:?}");
        }
        bed.provider.set(|m| m.push = Some(EndpointFault::OAuthError("invalid_request")));
        let error = bed.start().await.unwrap_err();
        assert!(matches!(error, LoginError::RequestRefused(Refusal::InvalidRequest)), "{error:?}");
    }
}
