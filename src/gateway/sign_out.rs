//! Signing out, here and at the provider (OpenID Connect RP-Initiated Logout 1.0).

use http::Response;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::console::SIGNED_OUT;
use crate::gateway::cookie::Cookie;
use crate::gateway::failure::Failure;
use crate::model::Token256;
use crate::session::Session;
use crate::upstream::Body;

impl Gateway {
    /// Ends the person's session with everything under it, then sends the browser to the provider to end
    /// the one there.
    pub(super) async fn sign_out(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let scheme = self.origins.console().scheme;
        let mut onward = None;
        if let Some(token) = request.cookies().token(Cookie::Session.name(scheme)) {
            let (mut hint, mut provider) = (None, None);
            if let Some(session) = self.sessions.find(&token).await.map_err(Failure::Session)? {
                provider = self.providers.of(session.principal().subject());
                let event = Event::new(Kind::SignOut, Outcome::Succeeded, request.reference, self.clock.now())
                    .client(request.client)
                    .session(&session);
                self.audit.record(&event).await.map_err(Failure::Audit)?;
                hint = self.sessions.id_token_hint(&session).await.map_err(Failure::Session)?;
                self.end(&session).await?;
            }
            let state = Token256::random(&*self.random).map_err(|_| Failure::Random)?;
            onward = hint.zip(provider).and_then(|(hint, provider)| provider.end_session_url(&hint, &state));
        }
        let away = answer::see_other(onward.as_ref().map_or(SIGNED_OUT, url::Url::as_str));
        Ok(answer::with_cookies(away, [Cookie::Session.clear(scheme), Cookie::Login.clear(scheme)]))
    }

    /// Ends a session: its streams are cut, its entries are gone, its panel sessions are let go.
    pub(super) async fn end(&self, session: &Session) -> Result<(), Failure> {
        self.panels.forget(session.id());
        self.sessions.end(session).await.map_err(Failure::Session)
    }
}
