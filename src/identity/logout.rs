//! Signing out at the provider (OpenID Connect RP-Initiated Logout 1.0).

use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use url::Url;

use crate::identity::settings::ProviderSettings;
use crate::model::Token256;

/// The longest hint that is sent, in bytes. Servers refuse long addresses, and a token with many groups
/// makes one; without the hint the provider asks the person whether to sign out.
const MAX_HINT: usize = 4096;

/// The address that signs the browser out at the provider and sends it back to us (section 2).
pub(super) fn address(
    settings: &ProviderSettings,
    endpoint: &Url,
    id_token_hint: &SecretString,
    state: &Token256,
) -> Url {
    let mut url = endpoint.clone();
    let mut query = url.query_pairs_mut();
    let hint = id_token_hint.expose_secret();
    if hint.len() <= MAX_HINT {
        query.append_pair("id_token_hint", hint);
    }
    query
        .append_pair("client_id", &settings.client_id)
        .append_pair("post_logout_redirect_uri", settings.post_logout_redirect_uri.as_str())
        .append_pair("state", state.expose().expose_secret());
    drop(query);
    url
}
