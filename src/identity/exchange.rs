//! Exchanging the code for tokens (OpenID Connect Core 1.0, section 3.1.3; RFC 7636 section 4.5).

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use openidconnect::AuthType;
use openidconnect::AuthUrl;
use openidconnect::AuthorizationCode;
use openidconnect::ClientId;
use openidconnect::ClientSecret;
use openidconnect::EndpointNotSet;
use openidconnect::EndpointSet;
use openidconnect::HttpRequest;
use openidconnect::HttpResponse;
use openidconnect::IssuerUrl;
use openidconnect::OAuth2TokenResponse as _;
use openidconnect::PkceCodeVerifier;
use openidconnect::RedirectUrl;
use openidconnect::RefreshToken;
use openidconnect::RequestTokenError;
use openidconnect::StandardErrorResponse;
use openidconnect::TokenUrl;
use openidconnect::core::CoreClient;
use openidconnect::core::CoreErrorResponseType;
use openidconnect::core::CoreTokenResponse;
use openidconnect::core::CoreTokenType;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;

use crate::identity::client_auth;
use crate::identity::client_auth::ClientCredential;
use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::error::Refusal;
use crate::identity::metadata::Metadata;
use crate::identity::settings::ProviderSettings;
use crate::identity::strict_json;
use crate::identity::transport::Transport;
use crate::identity::transport::is_json;

/// The library's client with the two endpoints that we use through it.
pub(super) type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;

/// The tokens that a code was worth.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) id_token: SecretString,
    pub(super) access_token: SecretString,
    pub(super) refresh_token: Option<SecretString>,
    /// How long the access token is good.
    pub(super) valid_for: Option<Duration>,
}

/// The tokens that a refresh token was worth.
#[derive(Debug)]
pub(super) struct Refreshed {
    /// Absent at some providers (OpenID Connect Core 1.0, section 12.2).
    pub(super) id_token: Option<SecretString>,
    pub(super) access_token: SecretString,
    /// A new refresh token, which takes the place of the old one (RFC 6749 section 6).
    pub(super) refresh_token: Option<SecretString>,
    pub(super) valid_for: Option<Duration>,
}

/// The library's client for a provider.
///
/// It is given no keys: ID tokens are verified by [`verify`](crate::identity::verify) alone.
pub(super) fn client(settings: &ProviderSettings, metadata: &Metadata) -> Result<Client, LoginError> {
    let nonsense = |name| LoginError::Nonsense { endpoint: Endpoint::Discovery, source: Nonsense::Member(name) };
    let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|_| nonsense("issuer"))?;
    let auth_type = match settings.credential {
        ClientCredential::Basic(_) => AuthType::BasicAuth,
        ClientCredential::Post(_) | ClientCredential::PrivateKey(..) => AuthType::RequestBody,
    };
    let id = ClientId::new(settings.client_id.clone());
    let mut client = CoreClient::new(id, issuer, openidconnect::JsonWebKeySet::default()).set_auth_type(auth_type);
    if let Some(secret) = settings.credential.secret() {
        client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
    }
    Ok(client
        .set_redirect_uri(RedirectUrl::from_url(settings.redirect_uri.clone()))
        .set_auth_uri(AuthUrl::from_url(metadata.authorization_endpoint.clone()))
        .set_token_uri(TokenUrl::from_url(metadata.token_endpoint.clone())))
}

/// Exchanges a code.
pub(super) async fn exchange(
    transport: &Transport,
    client: &Client,
    code: &SecretString,
    verifier: &SecretString,
    assertion: Option<&SecretString>,
) -> Result<Tokens, LoginError> {
    let taken = Taken::default();
    let http = taken.http(transport);
    let mut request = client
        .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()));
    if let Some(assertion) = assertion {
        request = request
            .add_extra_param("client_assertion_type", client_auth::ASSERTION_TYPE)
            .add_extra_param("client_assertion", assertion.expose_secret().to_owned());
    }
    let answer = request.request_async(&http).await;
    let read = taken.read(&answer.map_err(|error| failure(error, LoginError::CodeRefused))?)?;
    Ok(Tokens {
        id_token: read.id_token.ok_or(nonsense(Nonsense::Member("id_token")))?,
        access_token: read.access_token,
        refresh_token: read.refresh_token,
        valid_for: read.valid_for,
    })
}

/// Spends a refresh token (OpenID Connect Core 1.0, section 12).
pub(super) async fn refresh(
    transport: &Transport,
    client: &Client,
    refresh_token: &SecretString,
    assertion: Option<&SecretString>,
) -> Result<Refreshed, LoginError> {
    let taken = Taken::default();
    let http = taken.http(transport);
    let spent = RefreshToken::new(refresh_token.expose_secret().to_owned());
    let mut request = client.exchange_refresh_token(&spent);
    if let Some(assertion) = assertion {
        request = request
            .add_extra_param("client_assertion_type", client_auth::ASSERTION_TYPE)
            .add_extra_param("client_assertion", assertion.expose_secret().to_owned());
    }
    let answer = request.request_async(&http).await;
    taken.read(&answer.map_err(|error| failure(error, LoginError::RefreshRefused))?)
}

/// Where the ID token of an answer is put aside.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Option<SecretString>>>);

impl Taken {
    /// What the library asks with. It owns what it needs: with borrowed parts the compiler does not see that
    /// the whole sign-in can move between threads.
    fn http(
        &self,
        transport: &Transport,
    ) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, LoginError>> + Send + Sync + use<> {
        let (transport, taken) = (transport.clone(), self.clone());
        move |request| Box::pin(carry(transport.clone(), request, taken.clone()))
    }

    fn read(self, answer: &CoreTokenResponse) -> Result<Refreshed, LoginError> {
        // RFC 6749 section 7.1: a token of a type that we do not know must not be used.
        if *answer.token_type() != CoreTokenType::Bearer {
            return Err(nonsense(Nonsense::Member("token_type")));
        }
        Ok(Refreshed {
            id_token: self.0.lock().unwrap_or_else(PoisonError::into_inner).take(),
            access_token: answer.access_token().secret().as_str().into(),
            refresh_token: answer.refresh_token().map(|token| token.secret().as_str().into()),
            valid_for: answer.expires_in(),
        })
    }
}

fn failure(
    error: RequestTokenError<LoginError, StandardErrorResponse<CoreErrorResponseType>>,
    refused: impl FnOnce(Refusal) -> LoginError,
) -> LoginError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(error) => refused(refusal(error.error())),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => nonsense(Nonsense::NotATokenResponse),
    }
}

/// Carries the library's request, and takes the ID token out of a good answer.
///
/// The library would parse it into its own types on the way, and then a token without `sub` would be
/// an unreadable answer and not an invalid token.
async fn carry(transport: Transport, request: HttpRequest, taken: Taken) -> Result<HttpResponse, LoginError> {
    let answer = transport.send(Endpoint::Token, request).await?;
    match answer.status {
        StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {}
        other => return Err(nonsense(Nonsense::Status(other.as_u16()))),
    }
    if !is_json(&answer.headers) {
        return Err(nonsense(Nonsense::ContentType));
    }
    let mut members = strict_json::object(&answer.body).map_err(|_| nonsense(Nonsense::Json))?;
    if answer.status == StatusCode::OK {
        let id_token = take_id_token(&mut members)?;
        *taken.0.lock().unwrap_or_else(PoisonError::into_inner) = id_token;
    }
    let mut response = HttpResponse::new(Value::Object(members).to_string().into_bytes());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

fn take_id_token(members: &mut Map<String, Value>) -> Result<Option<SecretString>, LoginError> {
    match members.remove("id_token") {
        None => Ok(None),
        Some(Value::String(token)) => Ok(Some(token.into())),
        Some(_) => Err(nonsense(Nonsense::Member("id_token"))),
    }
}

fn refusal(error: &CoreErrorResponseType) -> Refusal {
    Refusal::from_code(error.as_ref())
}

fn nonsense(source: Nonsense) -> LoginError {
    LoginError::Nonsense { endpoint: Endpoint::Token, source }
}
