//! Asking somebody who is signed in for a fresher or stronger sign-in, where a rule demands one.

use http::Response;

use crate::console::paths;
use crate::edge::Destination;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::gateway::open::Asked;
use crate::gateway::serve::is_console_page;
use crate::gateway::sign_in;
use crate::gateway::sign_in::SigningIn;
use crate::identity::StepUp;
use crate::model::Target;
use crate::policy::AccessRequest;
use crate::policy::Denial;
use crate::telemetry::Step;
use crate::upstream::Body;

impl Gateway {
    /// `GET /step-up`: to the provider of the session, with what the rule for a panel demands. Whoever meets it
    /// by now, or would not by a sign-in, goes on at once: the panel itself says what it lacks.
    pub(super) async fn step_up(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let session = match self.person(request).await {
            Err(Failure::SignedOut) if request.fetch.destination == Destination::Page => {
                return Ok(sign_in::gate(request));
            }
            other => other?,
        };
        // It leads whole pages away, and nothing else.
        if request.fetch.destination != Destination::Page {
            return Err(Failure::NotFound);
        }
        let text = |name| parameter(&request.target, name);
        let access = AccessRequest::direct(
            text("server").and_then(|name| name.parse().ok()).ok_or(Failure::NotFound)?,
            text("service").and_then(|name| name.parse().ok()).ok_or(Failure::NotFound)?,
            text("account").and_then(|name| name.parse().ok()).ok_or(Failure::NotFound)?,
        );
        let may = |target: &Target| is_console_page(target) || target.path() == paths::SIGNED_IN;
        let return_to = sign_in::return_to(request, may)?;
        let asked = Asked {
            reference: request.reference,
            client: request.client,
            session: &session,
            before: None,
            waits: &request.waits,
        };
        let principal = session.principal();
        let strength = self.too_weak(&access, &asked).and_then(|denial| denial.strength);
        let provider = self.providers.of(principal.subject());
        let Some((strength, provider)) = strength.zip(provider) else {
            return Ok(answer::see_other(return_to.as_str()));
        };
        let browser = match self.signing_in(request)? {
            SigningIn::Known(browser) => browser,
            SigningIn::Asked(answer) => return Ok(answer),
        };
        let step_up = StepUp::new(principal.subject().clone(), &strength);
        let start = request.waits.on(Step::Provider, provider.step_up(return_to, step_up)).await;
        self.away(request, &browser, start).await
    }
}

/// Where somebody who is refused for want of a stronger sign-in gets one, a path on the console origin; it
/// leads back to the panel. Nothing for any other refusal.
pub(super) fn way_to(denial: &Denial) -> Option<String> {
    denial.strength.as_ref()?;
    let AccessRequest { server, service, account, through: _ } = &denial.request;
    Some(paths::step_up(server, *service, account))
}
