//! Signing in: away to the provider, and back.

use http::Response;
use http::StatusCode;
use hyper::body::Incoming;
use url::form_urlencoded;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::console::SignInPage;
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
use crate::identity::Prompt;
use crate::identity::Provider;
use crate::identity::SignedIn;
use crate::model::Target;
use crate::model::Token256;
use crate::session::NewSession;
use crate::telemetry::Check;
use crate::upstream::Body;

/// What readiness says while a provider does not answer.
pub const PROVIDER_AWAY: &str = "a provider does not answer: its people cannot sign in";

impl Gateway {
    /// `GET /sign-in`: to the provider that was chosen, or the choice.
    pub(super) async fn sign_in_page(&self, request: &EdgeRequest<Incoming>) -> Result<Response<Body>, Failure> {
        let return_to = parameter(&request.target, "return_to").and_then(|wanted| Target::parse(&wanted).ok());
        let return_to = match return_to.filter(super::serve::is_console_page) {
            Some(target) => target,
            None => Target::parse(paths::HOME).map_err(|_| Failure::NotFound)?,
        };
        match parameter(&request.target, "provider") {
            None => self.sign_in(request, return_to).await,
            Some(id) => {
                let provider = id.parse().ok().and_then(|id| self.providers.get(&id)).ok_or(Failure::NotFound)?;
                self.sign_in_with(provider, request, return_to).await
            }
        }
    }

    /// To the provider, or the choice where there are several.
    pub(super) async fn sign_in(
        &self,
        request: &EdgeRequest<Incoming>,
        return_to: Target,
    ) -> Result<Response<Body>, Failure> {
        match self.providers.only() {
            Some(only) => self.sign_in_with(only, request, return_to).await,
            None => Ok(answer::page(StatusCode::OK, SignInPage { return_to }.render(&self.site))),
        }
    }

    /// Sends the browser to a provider. What it needs on its way back waits on our side.
    async fn sign_in_with(
        &self,
        provider: &Provider,
        request: &EdgeRequest<Incoming>,
        return_to: Target,
    ) -> Result<Response<Body>, Failure> {
        let scheme = self.origins.console().scheme;
        // One cookie for all tabs: a second sign-in must not take the first one's away.
        let browser = match request.cookies.token(&Cookie::Login.name(scheme)) {
            Some(token) => token.clone(),
            None => Token256::random(&*self.random).map_err(|_| Failure::Random)?,
        };
        let start = match request.waits.on(provider.start(return_to, Prompt::AsNeeded)).await {
            Ok(start) => start,
            Err(error) => return Err(self.sign_in_failed(request, error).await?),
        };
        self.pending.keep(request.client, &browser, &start.state, &start.pending).await.map_err(Failure::Session)?;
        let away = answer::see_other(start.authorization_url.as_str());
        Ok(answer::with_cookies(away, [Cookie::Login.set(scheme, &browser, Some(self.pending_lifetime))]))
    }

    /// The way back: the sign-in is taken, verified, recorded, and only then becomes a session.
    pub(super) async fn callback(&self, request: &EdgeRequest<Incoming>) -> Result<Response<Body>, Failure> {
        let scheme = self.origins.console().scheme;
        let signed_in = match self.finished(request).await? {
            Ok(signed_in) => signed_in,
            Err(error) => return Err(self.sign_in_failed(request, error).await?),
        };
        let now = self.clock.now();
        let event = Event::new(Kind::SignIn, Outcome::Succeeded, request.reference, now)
            .client(request.client)
            .principal(&signed_in.principal);
        self.audit.record(&event).await.map_err(Failure::Audit)?;
        self.metrics.sign_in("succeeded");
        if let Some(provider) = self.providers.of(signed_in.principal.subject()) {
            self.metrics.provider_clock(provider.id().as_str(), signed_in.clock_ahead);
        }
        self.health.well(Check::Provider);
        // Another person, or the same again: what was open under the old cookie ends.
        match self.person(request).await {
            Ok(old) => self.end(&old).await?,
            Err(Failure::SignedOut) => {}
            Err(failure) => return Err(failure),
        }
        let SignedIn { principal, id_token_hint, sid, refresh, return_to, clock_ahead: _ } = signed_in;
        let begun =
            self.sessions.begin(NewSession { principal, id_token_hint, sid, refresh, client: request.client }).await;
        let (token, session) = begun.map_err(Failure::Session)?;
        tracing::info!(reference = %request.reference, session = %session.id().tag(), "signed in");
        let home = answer::see_other(return_to.as_str());
        Ok(answer::with_cookies(home, [Cookie::Session.set(scheme, &token, None)]))
    }

    async fn finished(&self, request: &EdgeRequest<Incoming>) -> Result<Result<SignedIn, LoginError>, Failure> {
        // Each provider has a way back of its own: an answer that arrives on another's is not even looked
        // at as this one's (RFC 9700 section 4.4.2.2).
        let id = request.target.path().strip_prefix(CALLBACK).and_then(|id| id.parse().ok());
        let provider = id.and_then(|id| self.providers.get(&id)).ok_or(Failure::NotFound)?;
        let callback = match Callback::parse(request.target.query().unwrap_or_default()) {
            Ok(callback) => callback,
            Err(error) => return Ok(Err(error)),
        };
        let name = Cookie::Login.name(self.origins.console().scheme);
        let Some(browser) = request.cookies.token(&name) else { return Ok(Err(LoginError::UnknownLogin)) };
        let taken = self.pending.take::<PendingLogin>(browser, callback.state()).await;
        match taken.map_err(Failure::Session)? {
            Some(pending) => Ok(request.waits.on(provider.finish(pending, callback)).await),
            None => Ok(Err(LoginError::UnknownLogin)),
        }
    }

    async fn sign_in_failed(&self, request: &EdgeRequest<Incoming>, error: LoginError) -> Result<Failure, Failure> {
        if matches!(error, LoginError::Unavailable { .. }) {
            self.health.unwell(Check::Provider, PROVIDER_AWAY);
        }
        let failure = Failure::Login(error);
        self.metrics.sign_in(failure.code());
        let event = Event::new(Kind::SignIn, Outcome::Failed, request.reference, self.clock.now())
            .client(request.client)
            .reason(failure.code());
        self.audit.record(&event).await.map_err(Failure::Audit)?;
        Ok(failure)
    }
}

fn parameter(target: &Target, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(target.query()?.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
