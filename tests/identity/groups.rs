//! Groups as providers send them.

use lab::provider::IdTokenFault;
use lab::provider::Patch;
use panelgate::identity::Fault;
use panelgate::identity::InvalidToken;
use panelgate::identity::LoginError;
use panelgate::identity::Nonsense;
use panelgate::identity::UnreadableGroups;
use panelgate::model::GroupsFrom;
use serde_json::Value;
use serde_json::json;

use crate::harness::Bed;
use crate::harness::groups_in;

async fn groups(bed: &Bed, value: Option<Value>) -> Result<Vec<String>, LoginError> {
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::Claim(Patch { name: "groups".into(), to: value })]);
    let signed_in = bed.sign_in().await?;
    Ok(signed_in.principal.groups().iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn a_string_is_one_group_an_array_is_many_and_nothing_is_none() {
    let bed = Bed::new().await;
    assert_eq!(groups(&bed, Some(json!("only one"))).await.unwrap(), ["only one"]);
    assert_eq!(groups(&bed, Some(json!(["b", "a"]))).await.unwrap(), ["b", "a"]);
    assert!(groups(&bed, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn anything_else_is_an_error() {
    let bed = Bed::new().await;
    for (value, expected) in [
        (json!({"whm-admins": {}}), UnreadableGroups::Shape),
        (json!(["a", 1]), UnreadableGroups::Shape),
        (json!(null), UnreadableGroups::Shape),
        (json!(["x".repeat(1025)]), UnreadableGroups::Name),
        (json!(vec!["g"; 5001]), UnreadableGroups::TooMany),
    ] {
        match groups(&bed, Some(value)).await {
            Err(error @ LoginError::Groups(reason)) => {
                assert_eq!((reason, error.fault()), (expected, Fault::Provider));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn groups_that_are_elsewhere_are_not_fetched() {
    let bed = Bed::new().await;
    let endpoint = format!("{}/userinfo", bed.provider.issuer());
    bed.provider.set(|m| {
        m.id_token = vec![
            IdTokenFault::missing("groups"),
            IdTokenFault::wrong("_claim_names", json!({"groups": "src1"})),
            IdTokenFault::wrong("_claim_sources", json!({"src1": {"endpoint": endpoint}})),
        ];
    });
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::Groups(UnreadableGroups::Overage))), "{outcome:?}");
    assert!(!bed.provider.requests().iter().any(|request| request.path == "/userinfo"));
}

#[tokio::test]
async fn the_two_sources_are_never_merged() {
    let bed = Bed::with(|settings| settings.groups = groups_in(GroupsFrom::Userinfo, "/groups")).await;
    bed.provider.set(|m| m.userinfo_claims = vec![Patch::remove("groups")]);
    assert!(bed.sign_in().await.unwrap().principal.groups().is_empty());
    let bed = Bed::new().await;
    assert!(groups(&bed, None).await.unwrap().is_empty());
    assert!(!bed.provider.requests().iter().any(|request| request.path == "/userinfo"));
}

#[tokio::test]
async fn a_pointer_reaches_nested_and_namespaced_claims() {
    for (pointer, claim, value) in [
        ("/realm_access/roles", "realm_access", json!({"roles": ["r"]})),
        ("/https:~1~1example.com~1groups", "https://example.com/groups", json!(["r"])),
    ] {
        let bed = Bed::with(|settings| settings.groups = groups_in(GroupsFrom::IdToken, pointer)).await;
        bed.provider.set(|m| m.id_token = vec![IdTokenFault::wrong(claim, value)]);
        let signed_in = bed.sign_in().await.unwrap();
        assert_eq!(signed_in.principal.groups()[0].0, "r");
    }
}

#[tokio::test]
async fn oidcc_client_test_userinfo_invalid_sub() {
    let bed = Bed::with(|settings| settings.groups = groups_in(GroupsFrom::Userinfo, "/groups")).await;
    assert!(bed.sign_in().await.is_ok());
    for (patch, expected) in
        [(Patch::set("sub", "u-root"), Nonsense::SubjectMismatch), (Patch::remove("sub"), Nonsense::Member("sub"))]
    {
        bed.provider.set(|m| m.userinfo_claims = vec![patch]);
        match bed.sign_in().await {
            Err(LoginError::GroupsAway(error)) => {
                assert!(matches!(*error, LoginError::Nonsense { source, .. } if source == expected), "{error:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn oidcc_client_test_userinfo_signed() {
    let bed = Bed::with(|settings| settings.groups = groups_in(GroupsFrom::Userinfo, "/groups")).await;
    bed.provider.set(|m| m.userinfo_signed = Some(Vec::new()));
    assert_eq!(bed.sign_in().await.unwrap().principal.groups().len(), 2);
    bed.provider.rotate_keys().unwrap();
    assert_eq!(bed.sign_in().await.unwrap().principal.groups().len(), 2);
    for fault in [
        IdTokenFault::BrokenSignature,
        IdTokenFault::ForeignKey,
        IdTokenFault::Unsigned,
        IdTokenFault::SignedWithClientSecret,
        IdTokenFault::SignedWithEs256,
        IdTokenFault::wrong("iss", "https://other.example"),
        IdTokenFault::wrong("aud", "other"),
        IdTokenFault::wrong("sub", "u-root"),
        IdTokenFault::Twice("groups", json!(["whm-admins"])),
    ] {
        bed.provider.set(|m| m.userinfo_signed = Some(vec![fault.clone()]));
        let outcome = bed.sign_in().await;
        assert!(matches!(outcome, Err(LoginError::GroupsAway(_))), "{fault:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_account_of_another_organisation_is_refused() {
    let bed = Bed::with(|settings| {
        settings.required_claims.insert("hd".into(), "example.com".into());
    })
    .await;
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::wrong("hd", "example.com")]);
    assert!(bed.sign_in().await.is_ok());
    for fault in [
        IdTokenFault::missing("hd"),
        IdTokenFault::wrong("hd", "EXAMPLE.com"),
        IdTokenFault::wrong("hd", json!(["example.com"])),
    ] {
        bed.provider.set(|m| m.id_token = vec![fault]);
        let outcome = bed.sign_in().await;
        assert!(matches!(outcome, Err(LoginError::Token(InvalidToken::RequiredClaim))), "{outcome:?}");
    }
}

#[tokio::test]
async fn userinfo_as_the_source_needs_an_endpoint() {
    let bed = Bed::with(|settings| settings.groups = groups_in(GroupsFrom::Userinfo, "/groups")).await;
    bed.provider.set(|m| m.metadata = vec![Patch::remove("userinfo_endpoint")]);
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::Groups(UnreadableGroups::NoUserinfo))), "{outcome:?}");
}

#[tokio::test]
async fn oidcc_client_test_userinfo_bearer_header() {
    let bed = Bed::with(|settings| settings.groups = groups_in(GroupsFrom::Userinfo, "/groups")).await;
    bed.sign_in().await.unwrap();
    let asked = bed.provider.requests().into_iter().find(|request| request.path == "/userinfo").unwrap();
    assert!(asked.authorization.starts_with("Bearer "));
    assert!(asked.query.is_empty() && asked.body.is_empty(), "the token stands in one place");
}
