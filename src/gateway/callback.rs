//! The way back from a provider: taken, verified, recorded, and only then a session.

use std::sync::Arc;

use http::Response;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::console::paths;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::console::CALLBACK;
use crate::gateway::cookie::Cookie;
use crate::gateway::failure::Failure;
use crate::identity::Callback;
use crate::identity::LoginError;
use crate::identity::PendingLogin;
use crate::identity::Provider;
use crate::identity::SignedIn;
use crate::model::Token256;
use crate::session::NewSession;
use crate::session::Session;
use crate::telemetry::Check;
use crate::telemetry::Step;
use crate::upstream::Body;

/// What came back.
enum Came {
    /// Somebody has signed in, with the browser that has this cookie.
    SignedIn(Box<SignedIn>, Token256),
    /// Somebody who is to be asked once more.
    Again(Response<Body>),
}

impl Gateway {
    /// `GET /callback/ID`.
    pub(super) async fn callback(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let (signed_in, browser) = match self.finished(request).await? {
            Ok(Came::SignedIn(signed_in, browser)) => (*signed_in, browser),
            Ok(Came::Again(answer)) => return Ok(answer),
            Err(error) => return Err(self.sign_in_failed(request, error).await?),
        };
        if let Some(provider) = self.providers.of(signed_in.principal.subject()) {
            self.metrics.provider_clock(provider.id().as_str(), signed_in.clock_ahead);
        }
        self.health.well(Check::Provider);
        let old = match self.person(request).await {
            Ok(old) => Some(old),
            Err(Failure::SignedOut) => None,
            Err(failure) => return Err(failure),
        };
        let SignedIn { principal, id_token_hint, sid, refresh, return_to, is_step_up, clock_ahead: _ } = signed_in;
        let is_same = |old: &Arc<Session>| old.principal().subject() == principal.subject();
        let (same, other) = if old.as_ref().is_some_and(is_same) { (old, None) } else { (None, old) };
        let kind = if is_step_up { Kind::StepUp } else { Kind::SignIn };
        let mut event = Event::new(kind, Outcome::Succeeded, request.reference, self.clock.now());
        if let Some(session) = &same {
            event = event.session(session);
        }
        self.audit.record(&event.client(request.client).principal(&principal)).await.map_err(Failure::Audit)?;
        self.metrics.sign_in("succeeded");
        // Another person takes the browser over: what was open under the old cookie ends.
        if let Some(other) = other {
            self.end(&other).await?;
        }
        let (client, browser) = (request.client, browser.digest());
        let new = NewSession { principal, id_token_hint, sid, refresh, client, browser };
        let token = self.begin_or_go_on(request, same, new).await?;
        let onward = if return_to.path() == paths::SIGNED_IN {
            return_to.as_str().to_owned()
        } else {
            paths::signed_in(&return_to)
        };
        let cookie = Cookie::Session.set(self.origins.console().scheme, &token, None);
        Ok(answer::with_cookies(answer::see_other(&onward), [cookie]))
    }

    /// The same person's session goes on, with all that is open in it; anybody else gets a new one.
    async fn begin_or_go_on(
        &self,
        request: &EdgeRequest,
        same: Option<Arc<Session>>,
        new: NewSession,
    ) -> Result<Token256, Failure> {
        let reference = request.reference;
        if let Some(session) = same
            && let Some(token) = self.sessions.again(&session, new.clone()).await.map_err(Failure::Session)?
        {
            tracing::info!(%reference, session = %session.id().tag(), "signed in again");
            return Ok(token);
        }
        let (token, session) = self.sessions.begin(new).await.map_err(Failure::Session)?;
        tracing::info!(%reference, session = %session.id().tag(), "signed in");
        Ok(token)
    }

    async fn finished(&self, request: &EdgeRequest) -> Result<Result<Came, LoginError>, Failure> {
        // Each provider has a way back of its own: an answer that arrives on another's is not even looked
        // at as this one's (RFC 9700 section 4.4.2.2).
        let id = request.target.path().strip_prefix(CALLBACK).and_then(|id| id.parse().ok());
        let provider = id.and_then(|id| self.providers.get(&id)).ok_or(Failure::NotFound)?;
        let callback = match Callback::parse(request.target.query().unwrap_or_default()) {
            Ok(callback) => callback,
            Err(error) => return Ok(Err(error)),
        };
        let name = Cookie::Login.name(self.origins.console().scheme);
        let Some(browser) = request.cookies().token(name) else { return Ok(Err(LoginError::UnknownLogin)) };
        let taken = self.pending.take::<PendingLogin>(&browser, callback.state()).await;
        match taken.map_err(Failure::Session)? {
            Some(pending) => self.finish(provider, pending, callback, (request, &browser)).await,
            None => Ok(Err(LoginError::UnknownLogin)),
        }
    }

    /// Finishes a sign-in. Where the provider did not ask for proof again although it was told how old the
    /// last may be, it is told to ask, once.
    async fn finish(
        &self,
        provider: &Provider,
        pending: PendingLogin,
        callback: Callback,
        (request, browser): (&EdgeRequest, &Token256),
    ) -> Result<Result<Came, LoginError>, Failure> {
        let (step_up, return_to) = (pending.step_up().cloned(), pending.return_to().clone());
        let error = match request.waits.on(Step::Provider, provider.finish(pending, callback)).await {
            Ok(signed_in) => return Ok(Ok(Came::SignedIn(Box::new(signed_in), browser.clone()))),
            Err(error) => error,
        };
        let insisting = if let LoginError::TooWeak(why) = &error {
            step_up.and_then(|step_up| step_up.insisting(*why))
        } else {
            None
        };
        let Some(insisting) = insisting else { return Ok(Err(error)) };
        let start = request.waits.on(Step::Provider, provider.step_up(return_to, insisting)).await;
        self.away(request, browser, start).await.map(|answer| Ok(Came::Again(answer)))
    }
}
