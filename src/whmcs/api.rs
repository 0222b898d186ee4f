//! `GetServers` of WHMCS's API (developers.whmcs.com, API reference): names and addresses, and nothing of who may
//! open what.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::whmcs::error::WhmcsError;
use crate::whmcs::found::Found;
use crate::whmcs::found::FoundServer;

/// How long WHMCS may take, from the connection to the end of the answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes of an answer that are read at most.
const LARGEST: usize = 16 * 1024 * 1024;

/// Characters of WHMCS's own words that are shown at most.
const WORDS: usize = 200;

/// Where the API is, below the address of WHMCS.
const API: &str = "includes/api.php";

/// What opens the API: a pair that is made in WHMCS (Manage API Credentials), and the key that some installations
/// want beside it (`api_access_key`).
#[derive(Debug)]
pub struct Credentials {
    /// The identifier.
    pub identifier: SecretString,
    /// The secret.
    pub secret: SecretString,
    /// The access key, if there is one.
    pub access_key: Option<SecretString>,
}

#[derive(Deserialize)]
struct Answer {
    result: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    servers: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: Number,
    #[serde(default)]
    name: String,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    ipaddress: String,
    #[serde(default)]
    module: String,
    #[serde(default)]
    active: Option<Flag>,
}

/// PHP writes a number as one, or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(u64),
    Text(String),
}

/// Asks WHMCS at this address, whose certificate the system's authorities or those of `roots` (PEM) vouch for.
pub async fn servers(at: &Url, credentials: &Credentials, roots: Option<&[u8]>) -> Result<Found, WhmcsError> {
    if at.scheme() != "https" {
        return Err(WhmcsError::NotHttps);
    }
    let roots = match roots {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(WhmcsError::Client)?,
        None => Vec::new(),
    };
    let client = reqwest::Client::builder()
        // A redirect would take the secret where nobody sent it.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(true)
        .timeout(PATIENCE)
        .user_agent(concat!("panelgate/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(roots)
        .build()
        .map_err(WhmcsError::Client)?;
    let mut form = vec![
        ("action", "GetServers"),
        ("responsetype", "json"),
        ("identifier", credentials.identifier.expose_secret()),
        ("secret", credentials.secret.expose_secret()),
    ];
    form.extend(credentials.access_key.as_ref().map(|key| ("accesskey", key.expose_secret())));
    let send = |error: reqwest::Error| WhmcsError::Send(error.without_url());
    let mut response = client.post(api(at)).form(&form).send().await.map_err(send)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(send)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(WhmcsError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    found(status, &body)
}

/// The API's address, whichever of the two somebody wrote.
fn api(at: &Url) -> Url {
    let mut api = at.clone();
    api.set_query(None);
    api.set_fragment(None);
    if at.path().rsplit('/').next() != Some("api.php") {
        api.set_path(&format!("{}/{API}", at.path().trim_end_matches('/')));
    }
    api
}

fn found(status: StatusCode, body: &[u8]) -> Result<Found, WhmcsError> {
    let status = status.as_u16();
    let answer: Answer = serde_json::from_slice(body).map_err(|_| WhmcsError::NotWhmcs { status })?;
    if answer.result != "success" {
        let words = answer.message.chars().filter(|letter| !letter.is_control()).take(WORDS).collect();
        return Err(WhmcsError::Refused { status, words });
    }
    let mut servers = BTreeMap::new();
    for listed in answer.servers {
        let server = listed.server().ok_or(WhmcsError::NotWhmcs { status })?;
        let id = server.id;
        if servers.insert(id, server).is_some() {
            return Err(WhmcsError::Twice("servers", id));
        }
    }
    Ok(Found { servers: servers.into_values().collect(), roles: None })
}

impl Listed {
    fn server(self) -> Option<FoundServer> {
        let id = match self.id {
            Number::Number(id) => id,
            Number::Text(text) => text.parse().ok()?,
        };
        let active = self.active.map(|flag| match flag {
            Flag::Bool(is) => is,
            Flag::Number(number) => number != 0,
            Flag::Text(text) => !matches!(text.as_str(), "" | "0" | "false"),
        });
        Some(FoundServer {
            id,
            name: self.name,
            hostname: self.hostname,
            address: self.ipaddress,
            module: self.module,
            active,
            ..FoundServer::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_be_that_of_whmcs_or_of_its_api() {
        for (written, asked) in [
            ("https://billing.example", "https://billing.example/includes/api.php"),
            ("https://billing.example/whmcs/", "https://billing.example/whmcs/includes/api.php"),
            ("https://billing.example/includes/api.php?x=1", "https://billing.example/includes/api.php"),
        ] {
            assert_eq!(api(&written.parse().unwrap()).as_str(), asked);
        }
    }
}
