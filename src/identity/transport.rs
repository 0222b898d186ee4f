//! Our one way to ask the provider: no redirects, no proxy, bounded in time and size.

use std::sync::Arc;

use http::HeaderMap;
use http::StatusCode;
use http::header;
use serde_json::Map;
use serde_json::Value;

use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::error::Unavailable;
use crate::identity::resolver::LocalhostIsHere;
use crate::identity::settings::ProviderSettings;
use crate::identity::strict_json;

/// The client could not be set up: the system's certificate store or the extra roots are not usable.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS towards the provider")]
pub struct NoTransport(#[source] reqwest::Error);

/// The HTTP client for one provider.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    client: reqwest::Client,
    limit: usize,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Transport {
    pub(super) fn new(settings: &ProviderSettings) -> Result<Self, NoTransport> {
        let roots = match &settings.extra_roots {
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(NoTransport)?,
            None => Vec::new(),
        };
        let client = reqwest::Client::builder()
            // A redirect would send the client secret or a token where nobody configured it to go.
            .redirect(reqwest::redirect::Policy::none())
            // The environment is not our configuration.
            .no_proxy()
            .referer(false)
            .https_only(settings.issuer.starts_with("https:"))
            .dns_resolver(LocalhostIsHere)
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout)
            // A code can be spent once: a request that is lost because the provider was just closing an
            // idle connection could not be repeated.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("panelgate/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(roots)
            .build()
            .map_err(NoTransport)?;
        Ok(Self { client, limit: settings.answer_limit })
    }

    /// Gets a JSON object, and the headers that came with it.
    pub(super) async fn object(
        &self,
        endpoint: Endpoint,
        request: http::Request<Vec<u8>>,
    ) -> Result<(HeaderMap, Map<String, Value>), LoginError> {
        let answer = self.send(endpoint, request).await?;
        let nonsense = |source| LoginError::Nonsense { endpoint, source };
        if answer.status != StatusCode::OK {
            return Err(nonsense(Nonsense::Status(answer.status.as_u16())));
        }
        if !is_json(&answer.headers) {
            return Err(nonsense(Nonsense::ContentType));
        }
        let members = strict_json::object(&answer.body).map_err(|_| nonsense(Nonsense::Json))?;
        Ok((answer.headers, members))
    }

    /// Sends a request and reads the whole answer. Redirects and failures of the server are errors;
    /// any other status is the caller's to judge.
    pub(super) async fn send(&self, endpoint: Endpoint, request: http::Request<Vec<u8>>) -> Result<Answer, LoginError> {
        let broken = |error: reqwest::Error| unavailable(endpoint, cause(error));
        let request = request.try_into().map_err(broken)?;
        let mut response = self.client.execute(request).await.map_err(broken)?;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(unavailable(endpoint, Unavailable::Status(status.as_u16())));
        }
        if status.is_redirection() {
            return Err(LoginError::Nonsense { endpoint, source: Nonsense::Redirect });
        }
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > self.limit {
                return Err(LoginError::Nonsense { endpoint, source: Nonsense::TooLong });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }
}

fn unavailable(endpoint: Endpoint, source: Unavailable) -> LoginError {
    LoginError::Unavailable { endpoint, source: Arc::new(source) }
}

fn cause(error: reqwest::Error) -> Unavailable {
    // Addresses of userinfo or token endpoints can hold what should not be in a log.
    let error = error.without_url();
    if error.is_timeout() {
        Unavailable::TimedOut(error)
    } else if error.is_connect() {
        Unavailable::Connect(error)
    } else {
        Unavailable::Broken(error)
    }
}

/// Whether the content type says that it is a signed token.
pub(super) fn is_jwt(headers: &HeaderMap) -> bool {
    essence(headers) == "application/jwt"
}

/// Whether the content type says JSON, whatever its parameters: `application/json`, or a type built on
/// it (RFC 6839 section 3.1), as `application/jwk-set+json` for keys.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let essence = essence(headers);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn essence(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
