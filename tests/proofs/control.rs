//! What the other files use, used as it should be.

use std::sync::Arc;

use panelgate::identity::Principal;
use panelgate::policy::AccessRequest;
use panelgate::policy::Circumstances;
use panelgate::policy::Denial;
use panelgate::policy::Grant;
use panelgate::policy::Policy;
use panelgate::proxy::Answer;
use panelgate::proxy::Pace;
use panelgate::proxy::ProxyError;
use panelgate::panel_session::SignedRequest;

pub fn judged(
    policy: &Policy,
    principal: &Arc<Principal>,
    request: AccessRequest,
    circumstances: &Circumstances<'_>,
) -> Result<Grant, Box<Denial>> {
    policy.authorize(principal, request, circumstances)
}

pub async fn sent(signed: SignedRequest, pace: Pace) -> Result<Answer, ProxyError> {
    panelgate::proxy::forward(signed, pace).await
}
