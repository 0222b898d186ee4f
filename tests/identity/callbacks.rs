//! Callbacks that belong to nobody, come twice or too late, or say no.

use std::time::Duration;

use lab::provider::Patch;
use panelgate::identity::Callback;
use panelgate::identity::ClientCredential;
use panelgate::identity::Fault;
use panelgate::identity::LOGIN_LIFETIME;
use panelgate::identity::LoginError;
use panelgate::identity::MalformedCallback;
use panelgate::identity::Prompt;
use panelgate::identity::Refusal;
use url::Url;

use crate::harness::Bed;
use crate::harness::redirect_uri;
use crate::harness::relying_party;
use crate::harness::settings;
use crate::harness::stored;
use crate::harness::target;

fn tokens_asked(bed: &Bed) -> usize {
    bed.provider.requests().iter().filter(|request| request.path == "/token").count()
}

#[tokio::test]
async fn fapi2_invalid_state_fails_before_the_code_is_used() {
    let bed = Bed::new().await;
    let (pending, _) = bed.until_callback().await;
    let (_, foreign) = bed.until_callback().await;
    let outcome = bed.rp.finish(pending, Callback::parse(&foreign).unwrap()).await;
    assert!(matches!(outcome, Err(LoginError::UnknownLogin)), "{outcome:?}");
    assert_eq!(tokens_asked(&bed), 0);
}

#[tokio::test]
async fn fapi2_missing_state_fails() {
    let bed = Bed::new().await;
    bed.provider.set(|m| m.authorization_response = vec![Patch::remove("state")]);
    let (_, query) = bed.until_callback().await;
    let outcome = Callback::parse(&query);
    assert!(matches!(outcome, Err(LoginError::Callback(MalformedCallback::State))), "{outcome:?}");
}

#[tokio::test]
async fn fapi2_invalid_authorization_response_iss() {
    let bed = Bed::new().await;
    assert!(bed.sign_in().await.is_ok());
    let asked = tokens_asked(&bed);
    for patch in [Patch::set("iss", "https://other.example"), Patch::set("iss", "")] {
        bed.provider.set(|m| m.authorization_response = vec![patch]);
        let outcome = bed.sign_in().await;
        assert!(matches!(outcome, Err(LoginError::WrongIssuer)), "{outcome:?}");
    }
    assert_eq!(tokens_asked(&bed), asked);
}

#[tokio::test]
async fn fapi2_remove_authorization_response_iss() {
    let bed = Bed::new().await;
    assert!(bed.sign_in().await.is_ok());
    bed.provider.set(|m| m.authorization_response = vec![Patch::remove("iss")]);
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::WrongIssuer)), "{outcome:?}");
}

#[tokio::test]
async fn a_provider_that_does_not_promise_iss_may_leave_it_out() {
    let bed = Bed::new().await;
    bed.provider.set(|m| {
        m.metadata = vec![Patch::remove("authorization_response_iss_parameter_supported")];
        m.authorization_response = vec![Patch::remove("iss")];
    });
    assert!(bed.sign_in().await.is_ok());
    bed.provider.set(|m| m.authorization_response = vec![Patch::set("iss", "https://other.example")]);
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::WrongIssuer)), "if it is there it must be right: {outcome:?}");
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_its_fault() {
    let bed = Bed::new().await;
    for (code, refusal, fault) in [
        ("access_denied", Refusal::AccessDenied, Fault::Client),
        ("login_required", Refusal::InteractionRequired, Fault::Client),
        ("unauthorized_client", Refusal::UnauthorizedClient, Fault::Gateway),
        ("invalid_scope", Refusal::InvalidScope, Fault::Gateway),
        ("server_error", Refusal::ServerError, Fault::Provider),
        ("temporarily_unavailable", Refusal::TemporarilyUnavailable, Fault::Provider),
        ("<script>", Refusal::Other, Fault::Provider),
    ] {
        bed.provider.set(|m| m.authorization_response = vec![Patch::remove("code"), Patch::set("error", code)]);
        let error = bed.sign_in().await.unwrap_err();
        assert!(matches!(error, LoginError::Refused(found) if found == refusal), "{code}: {error:?}");
        assert_eq!(error.fault(), fault, "{code}");
        assert!(!error.to_string().contains('<'), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_must_be_from_our_provider_too() {
    let bed = Bed::new().await;
    bed.provider.set(|m| {
        let other = Patch::set("iss", "https://other.example");
        m.authorization_response = vec![Patch::remove("code"), Patch::set("error", "access_denied"), other];
    });
    let outcome = bed.sign_in().await;
    assert!(matches!(outcome, Err(LoginError::WrongIssuer)), "{outcome:?}");
}

#[tokio::test]
async fn cancelling_at_the_provider_is_a_refusal() {
    let bed = Bed::new().await;
    let start = bed.start().await.unwrap();
    let mut url = start.authorization_url.clone();
    url.query_pairs_mut().append_pair("prompt", "none");
    let back = bed.browser().travel(&url, &redirect_uri(), "", "").await;
    let outcome = bed.rp.finish(stored(&start), Callback::parse(back.query().unwrap()).unwrap()).await;
    assert!(matches!(outcome, Err(LoginError::Refused(Refusal::InteractionRequired))), "{outcome:?}");
}

#[tokio::test]
async fn a_code_that_comes_twice_is_refused_by_the_provider() {
    let bed = Bed::new().await;
    let start = bed.start().await.unwrap();
    let query = crate::harness::arrive(&mut bed.browser(), &start.authorization_url).await;
    assert!(bed.rp.finish(stored(&start), Callback::parse(&query).unwrap()).await.is_ok());
    // Even if the store gave the same pending login out twice.
    let error = bed.rp.finish(stored(&start), Callback::parse(&query).unwrap()).await.unwrap_err();
    assert!(matches!(error, LoginError::CodeRefused(Refusal::InvalidGrant)), "{error:?}");
    assert_eq!(error.fault(), Fault::Client);
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_useless() {
    let bed = Bed::new().await;
    let (pending, ours) = bed.until_callback().await;
    let (_, theirs) = bed.until_callback().await;
    // A code that was injected into our callback: the PKCE verifier does not fit it.
    let code = |query: &str| {
        let url = Url::parse(&format!("http://x/?{query}")).unwrap();
        url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    };
    let injected = ours.replace(&code(&ours), &code(&theirs));
    let outcome = bed.rp.finish(pending, Callback::parse(&injected).unwrap()).await;
    assert!(matches!(outcome, Err(LoginError::CodeRefused(Refusal::InvalidGrant))), "{outcome:?}");
}

#[tokio::test]
async fn a_sign_in_ends_on_the_second_it_expires() {
    let bed = Bed::new().await;
    let (early, early_query) = bed.until_callback().await;
    let (late, late_query) = bed.until_callback().await;
    assert!(late.expires_at() <= panelgate::model::Clock::now(&*bed.clock).plus(LOGIN_LIFETIME));
    bed.clock.advance(Duration::from_mins(4));
    assert!(bed.rp.finish(early, Callback::parse(&early_query).unwrap()).await.is_ok());
    bed.clock.advance(Duration::from_mins(6));
    let asked = tokens_asked(&bed);
    let outcome = bed.rp.finish(late, Callback::parse(&late_query).unwrap()).await;
    assert!(matches!(outcome, Err(LoginError::Expired)), "{outcome:?}");
    assert_eq!(tokens_asked(&bed), asked);
}

#[tokio::test]
async fn a_sign_in_begun_at_one_provider_does_not_end_at_another() {
    let (one, two) = (Bed::new().await, Bed::new().await);
    let (pending, query) = one.until_callback().await;
    let outcome = two.rp.finish(pending, Callback::parse(&query).unwrap()).await;
    assert!(matches!(outcome, Err(LoginError::UnknownLogin)), "{outcome:?}");
    assert_eq!(tokens_asked(&two), 0);
}

#[tokio::test]
async fn a_wrong_client_secret_is_our_fault() {
    let bed = Bed::with(|settings| settings.credential = ClientCredential::Basic("wrong".into())).await;
    let error = bed.sign_in().await.unwrap_err();
    assert!(matches!(error, LoginError::CodeRefused(Refusal::InvalidClient)), "{error:?}");
    assert_eq!(error.fault(), Fault::Gateway);
}

#[tokio::test]
async fn a_sign_in_finishes_on_another_node() {
    let bed = Bed::new().await;
    let other = relying_party(settings(bed.provider.issuer()), &bed.clock);
    let start = bed.rp.start(target(), Prompt::AsNeeded).await.unwrap();
    let query = crate::harness::arrive(&mut bed.browser(), &start.authorization_url).await;
    assert!(other.finish(stored(&start), Callback::parse(&query).unwrap()).await.is_ok());
}
