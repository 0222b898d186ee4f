//! Being told by the provider that somebody signed out: OpenID Connect Back-Channel Logout 1.0, and
//! Front-Channel Logout 1.0.

use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Incoming;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;
use url::form_urlencoded;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::end::Cause;
use crate::gateway::failure;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::identity::LogoutNotice;
use crate::identity::Provider;
use crate::model::ReferenceId;
use crate::telemetry::Chain;
use crate::upstream::Body;

/// The longest request that is read, in bytes: a token, and its name.
const MAX_BODY: usize = 80 * 1024;

/// An error as section 2.8 has it: that of RFC 6749.
#[derive(Serialize)]
struct Refused {
    error: &'static str,
}

impl Gateway {
    /// `POST /backchannel-logout`: 200 when the sessions are over, also if they were already; else 400.
    pub(super) async fn backchannel_logout(
        &self,
        request: &EdgeRequest,
        body: Incoming,
    ) -> Result<Response<Body>, Failure> {
        let (client, reference) = (request.client, request.reference);
        let refused = || answer::json(StatusCode::BAD_REQUEST, &Refused { error: "invalid_request" });
        let Some(token) = logout_token(body).await else { return Ok(refused()) };
        let mut why = "provider_unknown";
        for provider in self.providers.iter() {
            match provider.logout_token(&token).await {
                Ok(notice) => {
                    let ended = self.end_noticed(provider, &notice, "backchannel_logout", reference).await;
                    match ended {
                        Ok(true) => return Ok(answer::status(StatusCode::OK)),
                        Ok(false) => why = "logout_token_replayed",
                        Err(failure) => {
                            tracing::error!(%reference, cause = %Chain(&failure), "a logout could not be carried out");
                            return Ok(refused());
                        }
                    }
                    break;
                }
                Err(error) => {
                    why = failure::login_code(&error);
                    tracing::warn!(%reference, provider = %provider.id(), cause = %Chain(&error), "logout token refused");
                }
            }
        }
        let event =
            Event::new(Kind::ProviderLogout, Outcome::Denied, reference, self.clock.now()).client(client).reason(why);
        self.note(&event).await;
        Ok(refused())
    }

    /// Ends the sessions of a notice; says whether its token was new.
    async fn end_noticed(
        &self,
        provider: &Provider,
        notice: &LogoutNotice,
        reason: &'static str,
        reference: ReferenceId,
    ) -> Result<bool, Failure> {
        let first = self.sessions.is_first_use(provider.issuer(), &notice.jti, notice.good_until).await;
        if !first.map_err(Failure::Session)? {
            return Ok(false);
        }
        let named = self.sessions.named_by_provider(provider.issuer(), notice.sid.as_deref(), notice.subject.as_ref());
        let named = named.await.map_err(Failure::Session)?;
        self.end_all(&named, Cause { reason, by: None, client: None, reference }).await.map(|_| true)
    }

    /// `GET /frontchannel-logout`, in a frame of a page of the provider. Cookies do not come along there, so
    /// the session is found by the name that the provider has for it, which nobody else knows.
    pub(super) async fn frontchannel_logout(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let text = |name| parameter(&request.target, name);
        let provider = text("iss").and_then(|iss| self.providers.iter().find(|provider| provider.issuer() == iss));
        let (Some(provider), Some(sid)) = (provider, text("sid")) else { return Err(Failure::BadLogout) };
        let named = self.sessions.named_by_provider(provider.issuer(), Some(&sid), None).await;
        let named = named.map_err(Failure::Session)?;
        let cause = Cause { reason: "frontchannel_logout", by: None, client: None, reference: request.reference };
        self.end_all(&named, cause).await?;
        let mut response = answer::status(StatusCode::OK);
        let origin = Url::parse(provider.issuer()).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        if let Ok(policy) = HeaderValue::from_str(&format!("default-src 'none'; frame-ancestors {origin}")) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Ok(response)
    }
}

/// The one `logout_token` of a form (section 2.5).
async fn logout_token(body: Incoming) -> Option<SecretString> {
    let body = Limited::new(body, MAX_BODY).collect().await.ok()?.to_bytes();
    let mut tokens = form_urlencoded::parse(&body).filter(|(name, _)| name == "logout_token");
    let (_, token) = tokens.next()?;
    tokens.next().is_none().then(|| token.into_owned().into())
}
