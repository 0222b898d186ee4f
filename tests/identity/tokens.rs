//! ID tokens that must not be accepted, each beside one that is.

use lab::provider::IdTokenFault as F;
use lab::provider::Patch;
use panelgate::identity::InvalidToken as I;
use panelgate::identity::LoginError;
use panelgate::identity::Nonsense;
use panelgate::model::IdTokenAlgorithm;
use serde_json::json;

use crate::harness::Bed;

#[tokio::test]
async fn oidcc_client_test_invalid_iss() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::wrong("iss", "https://other.example")], I::Issuer).await;
    bed.refuses(vec![F::wrong("iss", format!("{}/", bed.provider.issuer()))], I::Issuer).await;
}

#[tokio::test]
async fn fapi2_invalid_missing_iss() {
    Bed::new().await.refuses(vec![F::missing("iss")], I::Claim("iss")).await;
}

#[tokio::test]
async fn oidcc_client_test_missing_sub() {
    Bed::new().await.refuses(vec![F::missing("sub")], I::Claim("sub")).await;
}

#[tokio::test]
async fn a_subject_is_bounded() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::wrong("sub", "")], I::Subject).await;
    bed.refuses(vec![F::wrong("sub", "a".repeat(256))], I::Subject).await;
    bed.refuses(vec![F::wrong("sub", "u-ann\u{0}")], I::Subject).await;
    bed.refuses(vec![F::wrong("sub", 7)], I::Claim("sub")).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_aud() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::wrong("aud", "other")], I::Audience).await;
    bed.refuses(vec![F::wrong("aud", json!([]))], I::Audience).await;
}

#[tokio::test]
async fn oidcc_client_test_missing_aud() {
    Bed::new().await.refuses(vec![F::missing("aud")], I::Claim("aud")).await;
}

#[tokio::test]
async fn fapi2_invalid_secondary_aud() {
    let bed = Bed::new().await;
    let both = F::wrong("aud", json!(["panelgate", "other"]));
    bed.refuses(vec![both.clone()], I::UntrustedAudience).await;
    bed.refuses(vec![both, F::wrong("azp", "panelgate")], I::UntrustedAudience).await;
}

#[tokio::test]
async fn a_further_audience_needs_us_as_the_authorized_party() {
    let bed = Bed::with(|settings| settings.other_audiences = vec!["project".into()]).await;
    let both = F::wrong("aud", json!(["panelgate", "project"]));
    bed.refuses(vec![both.clone()], I::AuthorizedParty).await;
    bed.refuses(vec![both, F::wrong("azp", "project")], I::AuthorizedParty).await;
}

#[tokio::test]
async fn another_authorized_party_is_refused() {
    Bed::new().await.refuses(vec![F::wrong("azp", "other")], I::AuthorizedParty).await;
}

#[tokio::test]
async fn fapi2_invalid_expired_exp() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::Moment("exp", -61)], I::Expired).await;
    bed.provider.set(|m| m.id_token = vec![F::Moment("exp", -30)]);
    assert!(bed.sign_in().await.is_ok(), "30 seconds are within the leeway");
}

#[tokio::test]
async fn fapi2_invalid_missing_exp() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::missing("exp")], I::Claim("exp")).await;
    bed.refuses(vec![F::wrong("exp", "2099-01-01T00:00:00Z")], I::Claim("exp")).await;
}

#[tokio::test]
async fn oidcc_client_test_missing_iat() {
    Bed::new().await.refuses(vec![F::missing("iat")], I::Claim("iat")).await;
}

#[tokio::test]
async fn a_token_is_issued_during_the_sign_in() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::Moment("iat", 120)], I::IssuedAt).await;
    bed.refuses(vec![F::Moment("iat", -700)], I::IssuedAt).await;
    bed.refuses(vec![F::Moment("nbf", 120)], I::NotYetValid).await;
    bed.provider.set(|m| m.id_token = vec![F::Moment("iat", 30), F::Moment("nbf", 30)]);
    assert!(bed.sign_in().await.is_ok(), "30 seconds are within the leeway");
}

#[tokio::test]
async fn the_difference_of_the_clocks_is_told() {
    let bed = Bed::new().await;
    for away in [-40_i64, 0, 40] {
        bed.provider.set(|m| m.id_token = vec![F::Moment("iat", away)]);
        let told = bed.sign_in().await.unwrap().clock_ahead;
        assert!((away - 15..=away + 1).contains(&told), "{told} for {away}");
    }
}

#[tokio::test]
async fn numbers_beyond_time_are_no_crash() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::wrong("iat", 1e300)], I::IssuedAt).await;
    bed.refuses(vec![F::wrong("exp", -1e300)], I::Expired).await;
    bed.refuses(vec![F::wrong("iat", i64::MIN)], I::IssuedAt).await;
    bed.refuses(vec![F::wrong("nbf", u64::MAX)], I::NotYetValid).await;
}

#[tokio::test]
async fn oidcc_client_test_nonce_invalid() {
    Bed::new().await.refuses(vec![F::wrong("nonce", "other")], I::Nonce).await;
}

#[tokio::test]
async fn fapi2_invalid_missing_nonce() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::missing("nonce")], I::Claim("nonce")).await;
    bed.refuses(vec![F::wrong("nonce", json!(["x"]))], I::Claim("nonce")).await;
}

#[tokio::test]
async fn oidcc_client_test_idtoken_sig_none() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::Unsigned], I::Algorithm).await;
    // The header claims to be signed, and the signature is empty.
    bed.refuses(vec![F::Unsigned, F::Header(Patch::set("alg", "RS256"))], I::Signature).await;
    bed.refuses(vec![F::Unsigned, F::Header(Patch::set("alg", "NONE"))], I::Algorithm).await;
    bed.refuses(vec![F::Unsigned, F::Header(Patch::remove("alg"))], I::Algorithm).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_rs256() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::BrokenSignature], I::Signature).await;
    bed.refuses(vec![F::ForeignKey], I::Signature).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_hs256() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::SignedWithClientSecret], I::Algorithm).await;
    bed.refuses(vec![F::SignedWithClientSecret, F::Header(Patch::set("alg", "RS256"))], I::Signature).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_sig_es256() {
    let bed = Bed::with(|settings| settings.id_token_alg = IdTokenAlgorithm::Es256).await;
    bed.provider.set(|m| m.id_token = vec![F::SignedWithEs256]);
    assert!(bed.sign_in().await.is_ok());
    bed.provider.set(|m| m.id_token = vec![F::SignedWithEs256, F::BrokenSignature]);
    assert!(matches!(bed.sign_in().await, Err(LoginError::Token(I::Signature))));
}

#[tokio::test]
async fn fapi2_invalid_alternate_alg() {
    Bed::new().await.refuses(vec![F::SignedWithEs256], I::Algorithm).await;
}

#[tokio::test]
async fn another_kind_of_token_is_refused() {
    let bed = Bed::new().await;
    for typ in ["at+jwt", "logout+jwt", "JWE", ""] {
        bed.refuses(vec![F::Header(Patch::set("typ", typ))], I::Type).await;
    }
    bed.refuses(vec![F::Header(Patch::set("typ", 1))], I::Type).await;
    for typ in [Patch::remove("typ"), Patch::set("typ", "jwt")] {
        bed.provider.set(|m| m.id_token = vec![F::Header(typ)]);
        assert!(bed.sign_in().await.is_ok());
    }
}

#[tokio::test]
async fn a_header_that_asks_for_more_is_refused() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::Header(Patch::set("crit", json!(["exp"])))], I::Header).await;
    bed.refuses(vec![F::Header(Patch::set("cty", "JWT"))], I::Header).await;
}

#[tokio::test]
async fn keys_in_the_header_are_not_trusted() {
    let bed = Bed::new().await;
    let jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa-1"});
    bed.refuses(vec![F::ForeignKey, F::Header(Patch::set("jwk", jwk))], I::Signature).await;
    bed.refuses(vec![F::ForeignKey, F::Header(Patch::set("jku", "http://idp.localhost:1/"))], I::Signature).await;
}

#[tokio::test]
async fn oidcc_client_test_invalid_athash() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::wrong("at_hash", "77QmUPtjPfzWtF2AnpK9RQ")], I::AccessTokenHash).await;
    bed.provider.set(|m| m.id_token = vec![F::missing("at_hash")]);
    assert!(bed.sign_in().await.is_ok(), "in the code flow it may be absent");
}

#[tokio::test]
async fn a_member_that_stands_twice_is_refused() {
    let bed = Bed::new().await;
    bed.refuses(vec![F::Twice("sub", json!("u-root"))], I::Twice).await;
    bed.refuses(vec![F::Twice("groups", json!(["whm-admins"]))], I::Twice).await;
}

#[tokio::test]
async fn text_that_is_no_token_is_refused() {
    let bed = Bed::new().await;
    for (text, reason) in [
        ("", I::Malformed),
        ("a.b", I::Malformed),
        ("a.b.c", I::Malformed),
        ("e30.e30.AA", I::Algorithm),
        ("W10.e30.AA", I::Malformed),
        ("a.b.c.d.e", I::Encrypted),
        ("a.b.c.d.e.f", I::Malformed),
    ] {
        bed.refuses(vec![F::Text(text.into())], reason).await;
    }
    bed.refuses(vec![F::Text("a".repeat(64 * 1024 + 1))], I::TooLong).await;
}

#[tokio::test]
async fn a_token_response_without_what_it_is_for_is_refused() {
    let bed = Bed::new().await;
    for (patch, expected) in [
        (Patch::remove("id_token"), Nonsense::Member("id_token")),
        (Patch::set("id_token", 7), Nonsense::Member("id_token")),
        (Patch::remove("access_token"), Nonsense::NotATokenResponse),
        (Patch::remove("token_type"), Nonsense::NotATokenResponse),
        (Patch::set("token_type", "DPoP"), Nonsense::Member("token_type")),
    ] {
        assert!(bed.sign_in().await.is_ok());
        bed.provider.set(|m| m.token_response = vec![patch.clone()]);
        match bed.sign_in().await {
            Err(LoginError::Nonsense { source, .. }) => assert_eq!(source, expected, "{patch:?}"),
            other => panic!("{patch:?} gave {other:?}"),
        }
        bed.provider.set(|m| m.token_response.clear());
    }
}
