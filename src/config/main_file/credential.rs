//! `client_auth` and what goes with it: what proves to a provider who we are.

use crate::config::outside;
use crate::config::outside::CheckSecret;
use crate::config::section::Section;
use crate::config::settings::ClientCredential;
use crate::config::settings::KeyFile;
use crate::model::AssertionAudience;
use crate::model::RsaPadding;

#[derive(Clone, Copy)]
enum Method {
    Basic,
    Post,
    PrivateKey,
}

pub(super) fn read(section: &Section<'_>, check_secret: CheckSecret<'_>) -> Option<ClientCredential> {
    let method = match section.optional("client_auth") {
        Some(field) => {
            field.choice(&[("basic", Method::Basic), ("post", Method::Post), ("private_key_jwt", Method::PrivateKey)])
        }
        None => Some(Method::Basic),
    };
    let key_field = section.optional("client_key");
    if let Some(Method::PrivateKey) = method {
        if let Some(secret) = section.optional("client_secret") {
            secret.unwanted("a secret beside the key that proves who Panelgate is", "remove client_secret");
        }
        let field = section.required("client_key", "{ file = \"client-key.pem\" }")?;
        return key(field.section()?).map(ClientCredential::PrivateKey);
    }
    if let Some(field) = key_field {
        field.unwanted("a key that is not used", "write client_auth = \"private_key_jwt\", or remove client_key");
    }
    let secret = section
        .required("client_secret", "\"file:/etc/panelgate/client-secret\"")
        .and_then(|field| outside::secret(&field, check_secret));
    match method? {
        Method::Basic => secret.map(ClientCredential::Basic),
        Method::Post => secret.map(ClientCredential::Post),
        Method::PrivateKey => None,
    }
}

fn key(section: Section<'_>) -> Option<KeyFile> {
    let file = section.required("file", "\"client-key.pem\"").and_then(|field| outside::key_file(&field));
    let id = section.optional("id").map(|field| field.label().map(str::to_owned));
    let certificate = section.optional("certificate").map(|field| outside::ca_file(&field));
    let rsa = match section.optional("rsa") {
        Some(field) => field.choice(&[("RS256", RsaPadding::Pkcs1), ("PS256", RsaPadding::Pss)]),
        None => Some(RsaPadding::Pkcs1),
    };
    let audience = match section.optional("audience") {
        Some(field) => {
            field.choice(&[("issuer", AssertionAudience::Issuer), ("token_endpoint", AssertionAudience::TokenEndpoint)])
        }
        None => Some(AssertionAudience::Issuer),
    };
    section.finish();
    Some(KeyFile {
        file: file?,
        id: match id {
            Some(id) => Some(id?),
            None => None,
        },
        certificate: match certificate {
            Some(path) => Some(path?),
            None => None,
        },
        rsa: rsa?,
        audience: audience?,
    })
}
