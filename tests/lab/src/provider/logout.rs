//! Signing out at the provider (OpenID Connect RP-Initiated Logout 1.0).

use http::StatusCode;
use url::Url;

use crate::provider::authorize;
use crate::provider::pages;
use crate::provider::pages::Answer;
use crate::provider::server::Asked;
use crate::provider::state::State;

/// Ends the provider's session. Without a token of ours as a hint, the person is asked first.
pub(super) fn end_session(state: &State, asked: &Asked) -> anyhow::Result<Answer> {
    let hint = asked.param("id_token_hint").unwrap_or_default();
    let hinted = state.tables().id_tokens.get(hint);
    if hinted.is_none() && asked.field("confirm").is_none() {
        return Ok(pages::confirm_sign_out(state));
    }
    authorize::forget(state, asked);
    let client = hinted.and_then(|id| state.client(&id));
    let wanted = asked.param("post_logout_redirect_uri").unwrap_or_default();
    match client {
        Some(client) if client.post_logout_redirect_uris.iter().any(|uri| uri == wanted) => {
            let mut to = Url::parse(wanted)?;
            if let Some(given) = asked.param("state") {
                to.query_pairs_mut().append_pair("state", given);
            }
            Ok(pages::redirect(StatusCode::SEE_OTHER, to.as_str())?)
        }
        Some(_) if !wanted.is_empty() => {
            let reason = "You are signed out, but the address to go back to is not registered.";
            Ok(pages::message(StatusCode::BAD_REQUEST, "Signed out", reason))
        }
        _ => Ok(pages::message(StatusCode::OK, "Signed out", "You can close this page.")),
    }
}
