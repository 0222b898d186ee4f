//! WHM API 1 `create_user_session` (cPanel API docs: "Create a temporary user session").

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::header::AUTHORIZATION;
use http::header::CONTENT_TYPE;
use http::header::HOST;
use http_body_util::BodyExt as _;
use http_body_util::LengthLimitError;
use http_body_util::Limited;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;

use crate::model::Account;
use crate::model::Service;
use crate::panel::api_answer;
use crate::panel::api_answer::ApiError;
use crate::panel::security_token::SecurityToken;
use crate::upstream::Client;
use crate::upstream::full;

/// An API token with the account that owns it.
pub struct ApiCredential {
    /// The owner.
    pub account: Account,
    /// The token.
    pub token: SecretString,
}

impl fmt::Debug for ApiCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiCredential({}, [redacted])", self.account)
    }
}

/// A login that works once.
pub struct OneTimeLogin {
    /// Path and query of the login: a bearer secret.
    pub(super) path: SecretString,
    /// The security token that the server gave, which is the one that was asked for if it can do that.
    pub(super) security_token: SecurityToken,
}

impl fmt::Debug for OneTimeLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeLogin([redacted])")
    }
}

/// Asks the server for a session of `account` in `service`, under the security token that we chose.
///
/// `client` must be one for WHM: the call belongs to port 2087 whichever the service. At most
/// `answer_limit` bytes of the answer are read.
pub async fn create_user_session(
    client: &Client,
    credential: &ApiCredential,
    account: &Account,
    service: Service,
    chosen: &SecurityToken,
    answer_limit: usize,
) -> Result<OneTimeLogin, ApiError> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("api.version", "1")
        .append_pair("user", account.as_str())
        .append_pair("service", service.as_str())
        .append_pair("cp_security_token", &chosen.expose_parameter())
        .finish();
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("https://{}/json-api/create_user_session", client.authority()))
        .header(HOST, client.authority())
        .header(AUTHORIZATION, authorization(credential)?)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(full(form))
        .map_err(|_| ApiError::Lacks("a host name that can be sent"))?;
    let response = client.send(request).await.map_err(ApiError::Send)?;
    let status = response.status().as_u16();
    let body = collect(response.into_body(), answer_limit).await?;
    login_of(&api_answer::read(status, &body)?)
}

fn authorization(credential: &ApiCredential) -> Result<HeaderValue, ApiError> {
    let value = format!("whm {}:{}", credential.account, credential.token.expose_secret());
    // A token that cannot stand in a header is no token of WHM's.
    let mut header = HeaderValue::from_str(&value).map_err(|_| ApiError::TokenRefused)?;
    header.set_sensitive(true);
    Ok(header)
}

async fn collect(body: hyper::body::Incoming, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge(limit)),
        Err(error) => Err(ApiError::Body(error)),
    }
}

fn login_of(data: &Value) -> Result<OneTimeLogin, ApiError> {
    let text = |key| data.get(key).and_then(Value::as_str);
    let security_token =
        text("cp_security_token").and_then(SecurityToken::parse).ok_or(ApiError::Lacks("data.cp_security_token"))?;
    // Only path and query count: we connect to the server we know, wherever the URL points.
    let url = text("url").and_then(|u| url::Url::parse(u).ok()).ok_or(ApiError::Lacks("data.url"))?;
    let expected = format!("{}/login/", security_token.expose_prefix());
    if url.path() != expected {
        return Err(ApiError::Lacks("a login address under its security token"));
    }
    let query = url.query().ok_or(ApiError::Lacks("the session in its login address"))?;
    Ok(OneTimeLogin { path: format!("{expected}?{query}").into(), security_token })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_login_is_taken_from_the_documented_answer_only() {
        let answer = |token: &str, url: &str| json!({"cp_security_token": token, "url": url, "expires": "1"});
        let good = answer("/cpsess1234567890", "https://h.example:2087/cpsess1234567890/login/?session=root%3aX");
        let login = login_of(&good).unwrap();
        assert_eq!(login.path.expose_secret(), "/cpsess1234567890/login/?session=root%3aX");
        for wrong in [
            json!({}),
            answer("/cpsess1", "nonsense"),
            answer("/cpsess1", "https://h/cpsess2/login/?session=x"),
            answer("/cpsess1", "https://h/evil?session=x"),
            answer("/cpsess1", "https://h/cpsess1/login/"),
        ] {
            assert!(login_of(&wrong).is_err(), "{wrong}");
        }
    }
}
