//! Groups from Microsoft Graph and from Google's directory.

use lab::provider;
use lab::provider::EndpointFault;
use lab::provider::IdTokenFault;
use lab::provider::object_id;
use panelgate::identity::Endpoint;
use panelgate::identity::GoogleDirectory;
use panelgate::identity::GroupsSource;
use panelgate::identity::LoginError;
use panelgate::identity::ServiceAccount;
use panelgate::identity::SignedIn;
use panelgate::identity::Unavailable;
use panelgate::identity::UnreadableGroups;
use serde_json::json;
use url::Url;

use crate::client::key_pair;
use crate::harness::Bed;
use crate::harness::relying_party;
use crate::harness::settings;

/// A bed whose groups are in Graph, with an ID token as Entra ID sends it when they are too many for it.
async fn graph() -> Bed {
    let bed = Bed::new().await;
    let mut settings = settings(bed.provider.issuer());
    settings.timeout = std::time::Duration::from_secs(1);
    settings.groups = GroupsSource::Graph(Url::parse(&format!("{}/graph/v1.0", bed.provider.issuer())).unwrap());
    let rp = relying_party(settings, &bed.clock);
    let elsewhere = format!("{}/trap", bed.provider.issuer());
    bed.provider.set(|m| {
        m.id_token = vec![
            IdTokenFault::missing("groups"),
            IdTokenFault::wrong("oid", object_id("u-ann")),
            IdTokenFault::wrong("_claim_names", json!({"groups": "src1"})),
            IdTokenFault::wrong("_claim_sources", json!({"src1": {"endpoint": elsewhere}})),
        ];
    });
    Bed { rp, ..bed }
}

/// A bed whose groups are in Google's directory, asked by a service account or with the person's own token.
async fn google(with_account: bool) -> Bed {
    let (key, theirs) = key_pair("RS256", Some("key-1"));
    let account = provider::Client {
        id: "panelgate@project.example".into(),
        secret: "not a secret that anybody has".into(),
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        assertion_key: Some(theirs),
    };
    let bed = Bed::made("http://idp.localhost:0", |provider| provider.clients.push(account), |_| {}).await;
    let below = |path: &str| Url::parse(&format!("{}{path}", bed.provider.issuer())).unwrap();
    let mut settings = settings(bed.provider.issuer());
    let account = ServiceAccount {
        email: "panelgate@project.example".into(),
        key,
        token_uri: below("/google/token"),
        acting_as: "admin@example.com".into(),
    };
    settings.groups = GroupsSource::GoogleDirectory(GoogleDirectory {
        endpoint: below("/google"),
        account: with_account.then_some(account),
    });
    settings.timeout = std::time::Duration::from_secs(1);
    let rp = relying_party(settings, &bed.clock);
    bed.provider.set(|m| m.id_token = vec![IdTokenFault::missing("groups")]);
    Bed { rp, ..bed }
}

fn groups(signed_in: &SignedIn) -> Vec<&str> {
    signed_in.principal.groups().iter().map(|group| group.0.as_str()).collect()
}

fn paths(bed: &Bed) -> Vec<String> {
    bed.provider.requests().into_iter().map(|request| request.path).collect()
}

#[tokio::test]
async fn graph_gives_the_groups_that_the_token_leaves_out() {
    let bed = graph().await;
    // Over several pages, without the roles and units that stand among them.
    assert_eq!(groups(&bed.sign_in().await.unwrap()), ["whm-admins", "Staff"]);
    let asked = paths(&bed);
    assert!(!asked.iter().any(|path| path == "/trap"), "no address out of a token is followed");
    assert_eq!(asked.iter().filter(|path| *path == "/graph/v1.0/me/transitiveMemberOf").count(), 2);
}

#[tokio::test]
async fn graph_must_speak_of_the_person_of_the_token() {
    let bed = graph().await;
    bed.sign_in().await.unwrap();
    bed.provider.set(|m| m.graph_speaks_of = Some(object_id("u-root")));
    let error = bed.sign_in().await.unwrap_err();
    assert!(matches!(error, LoginError::Groups(UnreadableGroups::OtherPerson)), "{error:?}");
    bed.provider.set(|m| m.id_token.push(IdTokenFault::missing("oid")));
    let error = bed.sign_in().await.unwrap_err();
    assert!(matches!(error, LoginError::Groups(UnreadableGroups::NoObjectId)), "{error:?}");
}

#[tokio::test]
async fn graph_leads_nowhere_else_and_not_on_for_ever() {
    let bed = graph().await;
    let trap = Bed::new().await;
    for next in [
        format!("{}/graph/v1.0/me/transitiveMemberOf", trap.provider.issuer()),
        format!("{}/graph/v1.0/users/root/transitiveMemberOf", bed.provider.issuer()),
        "not an address".into(),
    ] {
        bed.provider.set(|m| m.graph_next = Some(next.clone()));
        let error = bed.sign_in().await.unwrap_err();
        assert!(matches!(error, LoginError::Groups(UnreadableGroups::Elsewhere)), "{next}: {error:?}");
    }
    assert!(trap.provider.requests().is_empty(), "the access token goes to nobody else");
    bed.provider.set(|m| {
        m.graph_next = None;
        m.graph_endless = true;
    });
    let error = bed.sign_in().await.unwrap_err();
    assert!(matches!(error, LoginError::Groups(UnreadableGroups::TooMany)), "{error:?}");
}

/// A directory that fails never means that there are no groups.
#[tokio::test]
async fn a_directory_that_fails_signs_nobody_in() {
    for (bed, endpoint) in [(graph().await, Endpoint::Graph), (google(true).await, Endpoint::GoogleDirectory)] {
        for fault in [
            EndpointFault::Status(500),
            EndpointFault::Status(403),
            EndpointFault::Status(404),
            EndpointFault::Garbage,
            EndpointFault::Endless,
            EndpointFault::HangUp,
            EndpointFault::Silent,
            EndpointFault::Redirect(bed.provider.issuer().into()),
        ] {
            bed.provider.set(|m| m.directory = Some(fault.clone()));
            let outcome = bed.sign_in().await;
            let Err(LoginError::GroupsAway(error)) = outcome else { panic!("{fault:?}: {outcome:?}") };
            let (at, timed_out) = if let LoginError::Unavailable { endpoint, source } = &*error {
                (*endpoint, matches!(&**source, Unavailable::TimedOut(_)))
            } else if let LoginError::Nonsense { endpoint, .. } = &*error {
                (*endpoint, false)
            } else {
                panic!("{fault:?}: {error:?}")
            };
            assert_eq!(at, endpoint, "{fault:?}");
            assert_eq!(timed_out, matches!(fault, EndpointFault::Silent), "{fault:?}");
        }
        for shape in [r#"{"value": {}, "groups": {}}"#, r#"{"value": [{"id": "x"}], "groups": [{"id": "x"}]}"#] {
            bed.provider.set(|m| m.directory = Some(EndpointFault::Json(shape.into())));
            let error = bed.sign_in().await.unwrap_err();
            assert!(matches!(error, LoginError::Groups(UnreadableGroups::Shape)), "{error:?}");
        }
        bed.provider.set(|m| m.directory = None);
        bed.sign_in().await.unwrap();
    }
}

#[tokio::test]
async fn googles_directory_is_asked_by_the_account_for_the_sub() {
    let bed = google(true).await;
    assert_eq!(groups(&bed.sign_in().await.unwrap()), ["whm-admins", "Staff"]);
    let list = bed.provider.requests().into_iter().find(|request| request.path.starts_with("/google/admin")).unwrap();
    assert!(list.query.contains("userKey=u-ann"), "never by an address, which changes hands: {}", list.query);
    bed.provider.set(|m| m.google_token = Some(EndpointFault::OAuthError("unauthorized_client")));
    let error = bed.sign_in().await.unwrap_err();
    assert!(matches!(error, LoginError::GroupsAway(_)), "{error:?}");
}

#[tokio::test]
async fn googles_directory_can_be_asked_with_the_persons_own_token() {
    let bed = google(false).await;
    assert_eq!(groups(&bed.sign_in().await.unwrap()), ["whm-admins", "Staff"]);
    assert!(!paths(&bed).iter().any(|path| path == "/google/token"));
}
