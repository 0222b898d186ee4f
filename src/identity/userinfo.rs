//! The userinfo endpoint (OpenID Connect Core 1.0, section 5.3).

use http::StatusCode;
use http::header;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;
use url::Url;

use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::settings::ProviderSettings;
use crate::identity::strict_json;
use crate::identity::transport::Transport;
use crate::identity::transport::is_json;
use crate::identity::transport::is_jwt;
use crate::model::Subject;

/// An answer, of either kind (section 5.3.2).
#[derive(Debug)]
pub(super) enum Userinfo {
    /// Claims as they are.
    Plain(Map<String, Value>),
    /// A signed token that holds them, not verified yet.
    Signed(String),
}

/// Asks with an access token.
pub(super) async fn fetch(
    transport: &Transport,
    endpoint: &Url,
    access_token: &SecretString,
) -> Result<Userinfo, LoginError> {
    let request = http::Request::get(endpoint.as_str())
        .header(header::ACCEPT, "application/json, application/jwt")
        .header(header::AUTHORIZATION, format!("Bearer {}", access_token.expose_secret()))
        .body(Vec::new())
        .map_err(|_| nonsense(Nonsense::Member("userinfo_endpoint")))?;
    let answer = transport.send(Endpoint::Userinfo, request).await?;
    if answer.status != StatusCode::OK {
        return Err(nonsense(Nonsense::Status(answer.status.as_u16())));
    }
    if is_jwt(&answer.headers) {
        return String::from_utf8(answer.body).map(Userinfo::Signed).map_err(|_| nonsense(Nonsense::Json));
    }
    if !is_json(&answer.headers) {
        return Err(nonsense(Nonsense::ContentType));
    }
    strict_json::object(&answer.body).map(Userinfo::Plain).map_err(|_| nonsense(Nonsense::Json))
}

/// Whether signed claims are from the provider and for us, where they say (section 5.3.2).
pub(super) fn check_signed(claims: &Map<String, Value>, settings: &ProviderSettings) -> Result<(), LoginError> {
    if claims.get("iss").is_some_and(|iss| iss.as_str() != Some(settings.issuer.as_str())) {
        return Err(nonsense(Nonsense::IssuerMismatch));
    }
    let ours = match claims.get("aud") {
        None => true,
        Some(Value::String(audience)) => *audience == settings.client_id,
        Some(Value::Array(list)) => list.iter().any(|audience| audience.as_str() == Some(&settings.client_id)),
        Some(_) => false,
    };
    if ours { Ok(()) } else { Err(nonsense(Nonsense::Member("aud"))) }
}

/// The claims, if they are about this subject (section 5.3.4): an access token that was swapped gives
/// somebody else's groups.
pub(super) fn about(claims: Map<String, Value>, subject: &Subject) -> Result<Map<String, Value>, LoginError> {
    match claims.get("sub").and_then(Value::as_str) {
        Some(sub) if sub == subject.sub => Ok(claims),
        Some(_) => Err(nonsense(Nonsense::SubjectMismatch)),
        None => Err(nonsense(Nonsense::Member("sub"))),
    }
}

fn nonsense(source: Nonsense) -> LoginError {
    LoginError::Nonsense { endpoint: Endpoint::Userinfo, source }
}
