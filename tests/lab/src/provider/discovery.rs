//! What the provider says about itself (OpenID Connect Discovery 1.0, section 3; RFC 9207 section 3).

use serde_json::Value;
use serde_json::json;

use crate::provider::misbehaviour::Patch;
use crate::provider::pages;
use crate::provider::pages::Answer;
use crate::provider::state::State;

/// The discovery document.
pub(super) fn document(state: &State) -> Answer {
    let mut document = json!({
        "issuer": state.issuer,
        "authorization_endpoint": state.endpoint("/authorize"),
        "token_endpoint": state.endpoint("/token"),
        "userinfo_endpoint": state.endpoint("/userinfo"),
        "jwks_uri": state.endpoint("/jwks"),
        "end_session_endpoint": state.endpoint("/logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "offline_access", "profile", "email", "groups"],
        "claims_supported": ["sub", "name", "preferred_username", "email", "email_verified", "groups"],
        "authorization_response_iss_parameter_supported": true,
    });
    if let Value::Object(members) = &mut document {
        Patch::apply(&state.misbehaviour().metadata, members);
    }
    pages::json(&document)
}

/// The public keys.
pub(super) fn jwks(state: &State) -> anyhow::Result<Answer> {
    let rsa_only = state.misbehaviour().jwks_rsa_only;
    Ok(pages::json(&state.keys().jwks(rsa_only)?))
}
