//! Groups as providers send them.

use lab::provider::IdTokenFault;
use lab::provider::Patch;
use panelgate::identity::Fault;
use panelgate::identity::LoginError;
use panelgate::identity::Nonsense;
use panelgate::identity::UnreadableGroups;
use panelgate::model::GroupsFrom;
use serde_json::Value;
use serde_json::json;

use crate::harness::Bed;

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
    let bed = Bed::with(|settings| settings.groups.from = GroupsFrom::Userinfo).await;
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
        let bed = Bed::with(|settings| settings.groups.pointer = pointer.parse().unwrap()).await;
        bed.provider.set(|m| m.id_token = vec![IdTokenFault::wrong(claim, value)]);
        let signed_in = bed.sign_in().await.unwrap();
        assert_eq!(signed_in.principal.groups()[0].0, "r");
    }
}

#[tokio::test]
async fn oidcc_client_test_userinfo_invalid_sub() {
    let bed = Bed::with(|settings| settings.groups.from = GroupsFrom::Userinfo).await;
    assert!(bed.sign_in().await.is_ok());
    for (patch, expected) in
        [(Patch::set("sub", "u-root"), Nonsense::SubjectMismatch), (Patch::remove("sub"), Nonsense::Member("sub"))]
    {
        bed.provider.set(|m| m.userinfo_claims = vec![patch]);
        match bed.sign_in().await {
            Err(LoginError::Nonsense { source, .. }) => assert_eq!(source, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn userinfo_as_the_source_needs_an_endpoint() {
    let bed = Bed::with(|settings| settings.groups.from = GroupsFrom::Userinfo).await;
    bed.provider.set(|m| m.metadata = vec![Patch::remove("userinfo_endpoint")]);
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::Groups(UnreadableGroups::NoUserinfo))), "{outcome:?}");
}
