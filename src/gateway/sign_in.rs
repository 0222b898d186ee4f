//! Signing in: the page in front, the choice of a provider, and away to it.

use http::Response;
use http::StatusCode;
use url::form_urlencoded;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::console::GatePage;
use crate::console::SignInPage;
use crate::console::SignedInPage;
use crate::console::paths;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::cookie::Cookie;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::gateway::serve::is_console_page;
use crate::identity::LoginError;
use crate::identity::LoginStart;
use crate::identity::Prompt;
use crate::identity::Provider;
use crate::model::Target;
use crate::model::Token256;
use crate::telemetry::Check;
use crate::telemetry::Step;
use crate::upstream::Body;

/// What readiness says while a provider does not answer.
pub const PROVIDER_AWAY: &str = "a provider does not answer: its people cannot sign in";

/// In the address of a request by which the browser has been given a cookie before.
const PROBED: &str = "probed";

/// The page of ours that an address names as the one to come back to, or else the first one.
pub(super) fn return_to(request: &EdgeRequest, may: impl FnOnce(&Target) -> bool) -> Result<Target, Failure> {
    let wanted = parameter(&request.target, "return_to").and_then(|wanted| Target::parse(&wanted).ok());
    match wanted.filter(may) {
        Some(target) => Ok(target),
        None => Target::parse(paths::HOME).map_err(|_| Failure::NotFound),
    }
}

/// The browser that a sign-in begins in.
pub(super) enum SigningIn {
    /// It is known by this cookie.
    Known(Token256),
    /// It has not shown yet that it keeps cookies: this answer lets it.
    Asked(Response<Body>),
}

/// In front of a page that needs a sign-in, for a whole page in a tab. Of all tabs that wait there, one signs
/// in, and then each goes where it was going.
pub(super) fn gate(request: &EdgeRequest) -> Response<Body> {
    let sign_in = paths::sign_in(&request.target);
    answer::page(StatusCode::OK, GatePage { sign_in }.render())
}

impl Gateway {
    /// `GET /sign-in`: to the provider that was chosen, or the choice.
    pub(super) async fn sign_in_page(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let return_to = return_to(request, |target| {
            is_console_page(target) || matches!(target.path(), paths::SIGNED_IN | paths::STEP_UP)
        })?;
        let provider = match parameter(&request.target, "provider") {
            None => self.providers.only(),
            Some(id) => Some(id.parse().ok().and_then(|id| self.providers.get(&id)).ok_or(Failure::NotFound)?),
        };
        match provider {
            Some(provider) => self.sign_in_with(provider, request, return_to).await,
            None => Ok(answer::page(StatusCode::OK, SignInPage { return_to }.render(&self.site))),
        }
    }

    /// `GET /signed-in`: after each sign-in, whether the browser has kept the cookie; then to where the person
    /// was going. Without that it is the end of a sign-in in a window of its own.
    pub(super) async fn signed_in_page(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        match self.person(request).await {
            Err(Failure::SignedOut) => return Err(Failure::CookiesBlocked),
            other => drop(other?),
        }
        if parameter(&request.target, "return_to").is_none() {
            return Ok(answer::page(StatusCode::OK, SignedInPage.render()));
        }
        let is_onward = |target: &Target| is_console_page(target) || target.path() == paths::STEP_UP;
        Ok(answer::see_other(return_to(request, is_onward)?.as_str()))
    }

    async fn sign_in_with(
        &self,
        provider: &Provider,
        request: &EdgeRequest,
        return_to: Target,
    ) -> Result<Response<Body>, Failure> {
        let browser = match self.signing_in(request)? {
            SigningIn::Known(browser) => browser,
            SigningIn::Asked(answer) => return Ok(answer),
        };
        let start = request.waits.on(Step::Provider, provider.start(return_to, Prompt::AsNeeded)).await;
        self.away(request, &browser, start).await
    }

    /// The cookie that a browser is known by while people sign in with it: one for all tabs, so that a second
    /// sign-in does not take the first one's away. Whoever blocks cookies learns it before any password.
    pub(super) fn signing_in(&self, request: &EdgeRequest) -> Result<SigningIn, Failure> {
        let scheme = self.origins.console().scheme;
        if let Some(token) = request.cookies().token(Cookie::Login.name(scheme)) {
            return Ok(SigningIn::Known(token));
        }
        if parameter(&request.target, PROBED).is_some() {
            return Err(Failure::CookiesBlocked);
        }
        let token = Token256::random(&*self.random).map_err(|_| Failure::Random)?;
        let mut query = form_urlencoded::Serializer::new(request.target.query().unwrap_or_default().to_owned());
        let again = format!("{}?{}", request.target.path(), query.append_pair(PROBED, "1").finish());
        Ok(SigningIn::Asked(answer::with_cookies(answer::see_other(&again), [Cookie::Login.set(scheme, &token, None)])))
    }

    /// Sends the browser to a provider. What it needs on its way back waits on our side.
    pub(super) async fn away(
        &self,
        request: &EdgeRequest,
        browser: &Token256,
        start: Result<LoginStart, LoginError>,
    ) -> Result<Response<Body>, Failure> {
        let start = match start {
            Ok(start) => start,
            Err(error) => return Err(self.sign_in_failed(request, error).await?),
        };
        self.pending.keep(request.client, browser, &start.state, &start.pending).await.map_err(Failure::Session)?;
        Ok(answer::see_other(start.authorization_url.as_str()))
    }

    /// Records a sign-in that failed, and gives the failure.
    pub(super) async fn sign_in_failed(&self, request: &EdgeRequest, error: LoginError) -> Result<Failure, Failure> {
        if matches!(error, LoginError::Unavailable { .. }) {
            self.health.unwell(Check::Provider, PROVIDER_AWAY);
        }
        let kind = if matches!(error, LoginError::TooWeak(_)) { Kind::StepUp } else { Kind::SignIn };
        let failure = Failure::Login(error);
        self.metrics.sign_in(failure.code());
        let event = Event::new(kind, Outcome::Failed, request.reference, self.clock.now())
            .client(request.client)
            .reason(failure.code());
        self.audit.record(&event).await.map_err(Failure::Audit)?;
        Ok(failure)
    }
}
