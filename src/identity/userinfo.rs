//! The userinfo endpoint (OpenID Connect Core 1.0, section 5.3).

use http::header;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;
use url::Url;

use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::transport::Transport;
use crate::model::Subject;

/// The claims about a subject, who is known from an ID token.
pub(super) async fn fetch(
    transport: &Transport,
    endpoint: &Url,
    access_token: &SecretString,
    subject: &Subject,
) -> Result<Map<String, Value>, LoginError> {
    let nonsense = |source| LoginError::Nonsense { endpoint: Endpoint::Userinfo, source };
    let request = http::Request::get(endpoint.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {}", access_token.expose_secret()))
        .body(Vec::new())
        .map_err(|_| nonsense(Nonsense::Member("userinfo_endpoint")))?;
    let (_, claims) = transport.object(Endpoint::Userinfo, request).await?;
    // Section 5.3.4: without this, an access token that was swapped gives somebody else's groups.
    match claims.get("sub").and_then(Value::as_str) {
        Some(sub) if sub == subject.sub => Ok(claims),
        Some(_) => Err(nonsense(Nonsense::SubjectMismatch)),
        None => Err(nonsense(Nonsense::Member("sub"))),
    }
}
