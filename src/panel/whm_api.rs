//! Calling a function of WHM API 1 with an API token.

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
use crate::panel::api_answer;
use crate::panel::api_answer::ApiError;
use crate::upstream::AnswerBody;
use crate::upstream::Client;
use crate::upstream::full;

/// An API token with the account that owns it.
pub struct ApiCredential {
    /// The owner.
    pub account: Account,
    /// The token.
    pub token: SecretString,
}

impl ApiCredential {
    /// Tells a redactor what must not be in its texts.
    pub(super) fn hide(&self, hide: &mut dyn FnMut(&str)) {
        hide(self.token.expose_secret());
    }
}

impl fmt::Debug for ApiCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiCredential({}, [redacted])", self.account)
    }
}

/// WHM's API on one server.
#[derive(Clone, Copy, Debug)]
pub struct WhmApi<'c> {
    /// A client for WHM: the calls belong to port 2087, whichever service they are about.
    pub client: &'c Client,
    /// Who asks.
    pub credential: &'c ApiCredential,
    /// Bytes of an answer that are read at most.
    pub answer_limit: usize,
}

impl WhmApi<'_> {
    /// Calls a function and gives the `data` of its answer.
    pub(super) async fn call(&self, function: &str, parameters: &[(&str, &str)]) -> Result<Value, ApiError> {
        let (status, body) = self.ask(function, parameters).await?;
        api_answer::read(status, &body)
    }

    /// Calls a function that some servers answer in the shape of API 2.
    pub(super) async fn call_of_any_shape(&self, function: &str) -> Result<Value, ApiError> {
        let (status, body) = self.ask(function, &[]).await?;
        api_answer::read_any_shape(status, &body)
    }

    async fn ask(&self, function: &str, parameters: &[(&str, &str)]) -> Result<(u16, Bytes), ApiError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("api.version", "1")
            .extend_pairs(parameters)
            .finish();
        let authority = self.client.authority();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/json-api/{function}"))
            .header(HOST, authority)
            .header(AUTHORIZATION, authorization(self.credential)?)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(full(form))
            .map_err(|_| ApiError::Lacks("a host name that can be sent"))?;
        let response = self.client.send(request).await.map_err(ApiError::Send)?;
        let status = response.status().as_u16();
        Ok((status, collect(response.into_body(), self.answer_limit).await?))
    }
}

/// The header that shows a credential.
pub(super) fn authorization(credential: &ApiCredential) -> Result<HeaderValue, ApiError> {
    let value = format!("whm {}:{}", credential.account, credential.token.expose_secret());
    // A token that cannot stand in a header is no token of WHM's.
    let mut header = HeaderValue::from_str(&value).map_err(|_| ApiError::TokenRefused)?;
    header.set_sensitive(true);
    Ok(header)
}

async fn collect(body: AnswerBody, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge(limit)),
        Err(error) => Err(ApiError::Body(error)),
    }
}
