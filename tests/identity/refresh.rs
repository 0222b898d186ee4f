//! Refresh tokens: asking again who somebody is.

use lab::provider::EndpointFault;
use lab::provider::IdTokenFault;
use lab::provider::Patch;
use panelgate::identity::InvalidToken;
use panelgate::identity::LoginError;
use panelgate::identity::Principal;
use panelgate::identity::RefreshGrant;
use panelgate::identity::Refusal;
use panelgate::identity::UnreadableGroups;
use panelgate::model::GroupsFrom;
use serde_json::json;

use crate::harness::Bed;

async fn bed(from: GroupsFrom) -> (Bed, Principal, RefreshGrant) {
    let bed = Bed::with(|settings| {
        settings.scopes.push("offline_access".into());
        settings.groups = crate::harness::groups_in(from, "/groups");
    })
    .await;
    let signed_in = bed.sign_in().await.unwrap();
    (bed, signed_in.principal, signed_in.refresh.expect("a refresh token"))
}

/// Asks again, in both steps.
async fn again(bed: &Bed, before: &Principal, grant: &RefreshGrant) -> Result<(Principal, RefreshGrant), LoginError> {
    let refreshed = bed.rp.refresh(grant.clone()).await?;
    let principal = bed.rp.reread(&refreshed, before).await?;
    Ok((principal, refreshed.grant))
}

fn groups(principal: &Principal) -> Vec<&str> {
    principal.groups().iter().map(|group| group.0.as_str()).collect()
}

#[tokio::test]
async fn oidcc_client_test_refresh_token() {
    for from in [GroupsFrom::IdToken, GroupsFrom::Userinfo] {
        let (bed, ann, grant) = bed(from).await;
        assert_eq!(grant.valid_for(), Some(std::time::Duration::from_mins(5)));
        bed.provider.change_users(|users| users[0].groups = vec!["only-this".into()]);
        let (now, next) = again(&bed, &ann, &grant).await.unwrap();
        assert_eq!(now.subject(), ann.subject());
        assert_eq!(now.signed_in_at(), ann.signed_in_at());
        assert_eq!((groups(&ann), groups(&now)), (vec!["whm-admins", "Staff"], vec!["only-this"]));
        // The new token works, the spent one does not.
        assert_eq!(again(&bed, &now, &next).await.unwrap().0.groups(), now.groups());
        let spent = again(&bed, &now, &grant).await.unwrap_err();
        assert!(matches!(spent, LoginError::RefreshRefused(Refusal::InvalidGrant)), "{spent:?}");
        assert!(spent.ends_session());
    }
}

#[tokio::test]
async fn oidcc_client_test_refresh_token_invalid_issuer() {
    refused(IdTokenFault::wrong("iss", "https://other.example"), InvalidToken::Issuer).await;
}

#[tokio::test]
async fn oidcc_client_test_refresh_token_invalid_sub() {
    refused(IdTokenFault::wrong("sub", "u-bob"), InvalidToken::AnotherSignIn).await;
}

#[tokio::test]
async fn a_refreshed_token_keeps_every_rule_of_the_first() {
    refused(IdTokenFault::wrong("aud", "somebody-else"), InvalidToken::Audience).await;
    refused(IdTokenFault::wrong("azp", "somebody-else"), InvalidToken::AuthorizedParty).await;
    refused(IdTokenFault::wrong("nonce", "another"), InvalidToken::Nonce).await;
    refused(IdTokenFault::Moment("auth_time", 100), InvalidToken::AnotherSignIn).await;
    refused(IdTokenFault::Unsigned, InvalidToken::Algorithm).await;
    refused(IdTokenFault::BrokenSignature, InvalidToken::Signature).await;
    refused(IdTokenFault::wrong("at_hash", "x"), InvalidToken::AccessTokenHash).await;
}

/// This fault refuses the refresh, and ends the session.
async fn refused(fault: IdTokenFault, expected: InvalidToken) {
    let (bed, ann, grant) = bed(GroupsFrom::IdToken).await;
    let (ann, grant) = again(&bed, &ann, &grant).await.unwrap();
    bed.provider.set(|wrong| wrong.id_token = vec![fault.clone()]);
    let error = again(&bed, &ann, &grant).await.unwrap_err();
    assert!(matches!(&error, LoginError::Token(reason) if *reason == expected), "{fault:?}: {error:?}");
    assert!(error.ends_session(), "{fault:?}");
}

#[tokio::test]
async fn what_can_pass_does_not_end_a_session() {
    let (bed, ann, grant) = bed(GroupsFrom::IdToken).await;
    for fault in [EndpointFault::Status(503), EndpointFault::HangUp, EndpointFault::OAuthError("invalid_client")] {
        bed.provider.set(|wrong| wrong.refresh = Some(fault.clone()));
        let error = again(&bed, &ann, &grant).await.unwrap_err();
        assert!(!error.ends_session(), "{fault:?}: {error:?}");
    }
    bed.provider.set(|wrong| wrong.refresh = None);
    // A clock that is off.
    bed.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::Moment("exp", -600)]);
    let refreshed = bed.rp.refresh(grant).await.unwrap();
    let error = bed.rp.reread(&refreshed, &ann).await.unwrap_err();
    assert!(!error.ends_session(), "{error:?}");
    // The token that took the place of the spent one is not lost with it.
    bed.provider.set(|wrong| wrong.id_token.clear());
    let (ann, grant) = again(&bed, &ann, &refreshed.grant).await.unwrap();
    bed.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::wrong("groups", json!({"a": 1}))]);
    let error = again(&bed, &ann, &grant).await.unwrap_err();
    assert!(matches!(error, LoginError::Groups(UnreadableGroups::Shape)) && !error.ends_session(), "{error:?}");
}

#[tokio::test]
async fn without_an_id_token_only_userinfo_tells_groups() {
    let (bed, ann, grant) = bed(GroupsFrom::Userinfo).await;
    bed.provider.set(|wrong| wrong.token_response = vec![Patch::remove("id_token")]);
    bed.provider.change_users(|users| users[0].groups = vec!["only-this".into()]);
    assert_eq!(groups(&again(&bed, &ann, &grant).await.unwrap().0), ["only-this"]);
    let (bed, ann, grant) = self::bed(GroupsFrom::IdToken).await;
    bed.provider.set(|wrong| wrong.token_response = vec![Patch::remove("id_token")]);
    let error = again(&bed, &ann, &grant).await.unwrap_err();
    assert!(matches!(error, LoginError::Groups(UnreadableGroups::NoIdToken)), "{error:?}");
}

#[tokio::test]
async fn userinfo_about_somebody_else_ends_a_session() {
    let (bed, ann, grant) = bed(GroupsFrom::Userinfo).await;
    bed.provider.set(|wrong| wrong.userinfo_claims = vec![Patch::set("sub", "u-bob")]);
    assert!(again(&bed, &ann, &grant).await.unwrap_err().ends_session());
}

#[tokio::test]
async fn a_provider_that_does_not_rotate_keeps_its_token() {
    let (bed, ann, grant) = bed(GroupsFrom::IdToken).await;
    bed.provider.set(|wrong| wrong.token_response = vec![Patch::remove("refresh_token")]);
    let (_, kept) = again(&bed, &ann, &grant).await.unwrap();
    // The double spends each token, so the same one is refused the second time.
    assert!(matches!(again(&bed, &ann, &kept).await, Err(LoginError::RefreshRefused(_))));
    let asked: Vec<String> = bed.provider.requests().into_iter().map(|request| request.body).collect();
    let refreshes: Vec<&String> = asked.iter().filter(|body| body.contains("grant_type=refresh_token")).collect();
    assert!(refreshes.len() == 2 && refreshes[0] == refreshes[1], "{refreshes:?}");
}
