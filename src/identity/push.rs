//! Pushed authorization requests (RFC 9126): what is asked for goes to the provider directly, so the browser
//! cannot change it and its history does not hold it.

use http::StatusCode;
use serde_json::Map;
use serde_json::Value;
use url::Url;

use crate::identity::client_auth;
use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::error::Refusal;
use crate::identity::known::Snapshot;
use crate::identity::provider::Provider;
use crate::identity::strict_json;
use crate::identity::transport::Transport;
use crate::identity::transport::is_json;
use crate::model::Timestamp;

/// The longest `request_uri`, in bytes; those of providers are below 200.
const MAX_URI: usize = 2048;

impl Provider {
    /// Pushes an authorization request, and gives the address for the browser.
    pub(super) async fn push(
        &self,
        endpoint: &Url,
        open_request: &Url,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Url, LoginError> {
        let pairs: Vec<(String, String)> = open_request.query_pairs().into_owned().collect();
        let assertion = client_auth::assertion(&self.settings, &snapshot.metadata, now, &self.random)?;
        let form = client_auth::signed_form(&self.settings, endpoint.as_str(), &pairs, assertion.as_ref());
        let form = form.map_err(|_| LoginError::Nonsense {
            endpoint: Endpoint::Discovery,
            source: Nonsense::Member("pushed_authorization_request_endpoint"),
        })?;
        let authorization_endpoint = &snapshot.metadata.authorization_endpoint;
        push(&self.transport, form, authorization_endpoint, &self.settings.client_id).await
    }
}

async fn push(
    transport: &Transport,
    request: http::Request<Vec<u8>>,
    authorization_endpoint: &Url,
    client_id: &str,
) -> Result<Url, LoginError> {
    let answer = transport.send(Endpoint::Push, request).await?;
    // Section 2.2 says 201; some providers say 200.
    let pushed = match answer.status {
        StatusCode::CREATED | StatusCode::OK => true,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => false,
        other => return Err(nonsense(Nonsense::Status(other.as_u16()))),
    };
    if !is_json(&answer.headers) {
        return Err(nonsense(Nonsense::ContentType));
    }
    let members = strict_json::object(&answer.body).map_err(|_| nonsense(Nonsense::Json))?;
    let text = |name| text(&members, name);
    if !pushed {
        let code = text("error").ok_or(nonsense(Nonsense::Member("error")))?;
        return Err(LoginError::RequestRefused(Refusal::from_code(code)));
    }
    let uri = text("request_uri").filter(|uri| (1..=MAX_URI).contains(&uri.len()));
    let uri = uri.ok_or(nonsense(Nonsense::Member("request_uri")))?;
    let mut address = authorization_endpoint.clone();
    address.query_pairs_mut().append_pair("client_id", client_id).append_pair("request_uri", uri);
    Ok(address)
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn nonsense(source: Nonsense) -> LoginError {
    LoginError::Nonsense { endpoint: Endpoint::Push, source }
}
