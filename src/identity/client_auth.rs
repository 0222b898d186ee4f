//! How we prove to the provider who we are, at its token endpoint and where requests are pushed.

use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use url::form_urlencoded;

use crate::identity::client_key::ClientKey;
use crate::identity::error::LoginError;
use crate::identity::metadata::Metadata;
use crate::identity::settings::ProviderSettings;
use crate::model::AssertionAudience;
use crate::model::Timestamp;

/// The type of our assertions (RFC 7523 section 2.2).
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What proves who we are. There is one way for each provider, and no other is tried.
#[derive(Clone, Debug)]
pub enum ClientCredential {
    /// `client_secret_basic`.
    Basic(SecretString),
    /// `client_secret_post`.
    Post(SecretString),
    /// `private_key_jwt`, for this audience.
    PrivateKey(ClientKey, AssertionAudience),
}

impl ClientCredential {
    /// The secret, if it is one.
    pub(super) fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::Basic(secret) | Self::Post(secret) => Some(secret),
            Self::PrivateKey(..) => None,
        }
    }
}

/// A fresh assertion, if that is how we prove who we are.
pub(super) fn assertion(
    settings: &ProviderSettings,
    metadata: &Metadata,
    now: Timestamp,
    random: &Arc<dyn SecureRandom + Send + Sync>,
) -> Result<Option<SecretString>, LoginError> {
    let ClientCredential::PrivateKey(key, audience) = &settings.credential else { return Ok(None) };
    let audience = match audience {
        AssertionAudience::Issuer => settings.issuer.as_str(),
        AssertionAudience::TokenEndpoint => metadata.token_endpoint.as_str(),
    };
    key.assertion(&settings.client_id, audience, now, &**random).map(Some).map_err(LoginError::Random)
}

/// A form that goes to the provider in our name (RFC 6749 section 2.3.1).
pub(super) fn signed_form(
    settings: &ProviderSettings,
    address: &str,
    pairs: &[(String, String)],
    assertion: Option<&SecretString>,
) -> Result<http::Request<Vec<u8>>, http::Error> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    let mut request = http::Request::post(address)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    match (&settings.credential, assertion) {
        (ClientCredential::Basic(secret), _) => {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let both = format!("{}:{}", encoded(&settings.client_id), encoded(secret.expose_secret()));
            request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(both)));
        }
        (ClientCredential::Post(secret), _) => {
            form.append_pair("client_secret", secret.expose_secret());
        }
        (ClientCredential::PrivateKey(..), Some(assertion)) => {
            form.append_pair("client_assertion_type", ASSERTION_TYPE);
            form.append_pair("client_assertion", assertion.expose_secret());
        }
        (ClientCredential::PrivateKey(..), None) => {}
    }
    request.body(form.finish().into_bytes())
}
