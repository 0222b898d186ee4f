//! What the provider says about itself (OpenID Connect Discovery 1.0, section 3).
//!
//! Only what we use is read, and that strictly: a provider whose metadata is odd elsewhere still works.

use serde_json::Map;
use serde_json::Value;
use url::Url;

use crate::identity::error::Nonsense;
use crate::identity::settings::ProviderSettings;
use crate::identity::settings::is_safe;
use crate::model::PushedRequests;

/// The members of a discovery document that we use.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) jwks_uri: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    pub(super) end_session_endpoint: Option<Url>,
    /// Where authorization requests are pushed, if they are.
    pub(super) push_endpoint: Option<Url>,
    /// Whether every authorization response names its issuer (RFC 9207 section 3).
    pub(super) names_itself: bool,
}

/// Where the document is: the well-known path is appended to the issuer without its final slash.
pub(super) fn address(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

impl Metadata {
    /// Checks a discovery document against the settings.
    pub(super) fn read(document: &Map<String, Value>, settings: &ProviderSettings) -> Result<Self, Nonsense> {
        // Section 4.3: identical, so that no provider can speak for another.
        if document.get("issuer").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
            return Err(Nonsense::IssuerMismatch);
        }
        let wanted = settings.id_token_alg.as_str();
        match document.get("id_token_signing_alg_values_supported").map(Value::as_array) {
            None => {}
            Some(None) => return Err(Nonsense::Member("id_token_signing_alg_values_supported")),
            Some(Some(offered)) if offered.iter().any(|name| name.as_str() == Some(wanted)) => {}
            Some(Some(_)) => return Err(Nonsense::AlgorithmNotOffered),
        }
        let names_itself = match document.get("authorization_response_iss_parameter_supported") {
            None => false,
            Some(Value::Bool(names_itself)) => *names_itself,
            Some(_) => return Err(Nonsense::Member("authorization_response_iss_parameter_supported")),
        };
        let required = |name| endpoint(document, name, settings)?.ok_or(Nonsense::Member(name));
        Ok(Self {
            push_endpoint: push_endpoint(document, settings)?,
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            userinfo_endpoint: endpoint(document, "userinfo_endpoint", settings)?,
            end_session_endpoint: endpoint(document, "end_session_endpoint", settings)?,
            names_itself,
        })
    }
}

/// RFC 9126 section 5.
fn push_endpoint(document: &Map<String, Value>, settings: &ProviderSettings) -> Result<Option<Url>, Nonsense> {
    let name = "pushed_authorization_request_endpoint";
    let demanded = document.get("require_pushed_authorization_requests").and_then(Value::as_bool) == Some(true);
    match (settings.pushed_requests, endpoint(document, name, settings)?) {
        (PushedRequests::Off, _) if demanded => Err(Nonsense::PushDemanded),
        (PushedRequests::Off, _) => Ok(None),
        (PushedRequests::Require, None) => Err(Nonsense::Member(name)),
        (PushedRequests::Auto, None) if demanded => Err(Nonsense::Member(name)),
        (PushedRequests::Require | PushedRequests::Auto, endpoint) => Ok(endpoint),
    }
}

fn endpoint(
    document: &Map<String, Value>,
    name: &'static str,
    settings: &ProviderSettings,
) -> Result<Option<Url>, Nonsense> {
    let Some(value) = document.get(name) else { return Ok(None) };
    let url = value.as_str().and_then(|text| Url::parse(text).ok()).ok_or(Nonsense::Member(name))?;
    // A provider that is itself reached over TLS never sends us, or the browser, into the clear.
    let downgraded = settings.issuer.starts_with("https:") && url.scheme() != "https";
    if downgraded || !is_safe(&url) {
        return Err(Nonsense::UnsafeAddress(name));
    }
    Ok(Some(url))
}
