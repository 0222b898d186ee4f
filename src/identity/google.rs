//! Groups from Google's Directory API: Google puts no groups into its tokens.
//!
//! Source: Admin SDK, Directory API, `groups.list` with `userKey`; Google, "Using OAuth 2.0 for server to
//! server applications". `userKey` is the `sub`, which is the person's id in the directory and never reused;
//! addresses are. The list names the groups that somebody is in directly, not through other groups.

use http::StatusCode;
use http::header;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;
use url::form_urlencoded;

use crate::identity::client_key::ClientKey;
use crate::identity::error::Endpoint;
use crate::identity::error::LoginError;
use crate::identity::error::Nonsense;
use crate::identity::error::Refusal;
use crate::identity::groups::UnreadableGroups;
use crate::identity::groups::add;
use crate::identity::strict_json;
use crate::identity::transport::Transport;
use crate::identity::transport::is_json;
use crate::model::IdpGroup;
use crate::model::Timestamp;

/// The most pages that are read, each of up to 200 groups.
const MAX_PAGES: usize = 25;
/// What we ask the directory for, and no more.
const SCOPE: &str = "https://www.googleapis.com/auth/admin.directory.group.readonly";

/// Google's directory, and in whose name we ask it.
#[derive(Clone, Debug)]
pub struct GoogleDirectory {
    /// `https://admin.googleapis.com`.
    pub endpoint: Url,
    /// Who asks: a service account, or nobody but the person, with the token of the sign-in.
    pub account: Option<ServiceAccount>,
}

/// A service account with domain-wide delegation.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its address.
    pub email: String,
    /// Its key.
    pub key: ClientKey,
    /// Where it gets its tokens.
    pub token_uri: Url,
    /// The administrator in whose name it asks.
    pub acting_as: String,
}

/// The addresses of the groups that the person with this `sub` is in.
pub(super) async fn groups(
    transport: &Transport,
    directory: &GoogleDirectory,
    access_token: &SecretString,
    sub: &str,
    now: Timestamp,
) -> Result<Vec<IdpGroup>, LoginError> {
    let token = match &directory.account {
        Some(account) => &token(transport, account, now).await?,
        None => access_token,
    };
    let mut groups = Vec::new();
    let mut page: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let address = format!("{}/admin/directory/v1/groups", directory.endpoint.as_str().trim_end_matches('/'));
        let mut url = Url::parse(&address).map_err(|_| nonsense(Nonsense::Member("endpoint")))?;
        url.query_pairs_mut().append_pair("userKey", sub).append_pair("maxResults", "200");
        if let Some(page) = &page {
            url.query_pairs_mut().append_pair("pageToken", page);
        }
        let request = http::Request::get(url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            .body(Vec::new())
            .map_err(|_| nonsense(Nonsense::Member("access_token")))?;
        let (_, answer) = transport.object(Endpoint::GoogleDirectory, request).await?;
        let listed = match answer.get("groups") {
            // Google leaves an empty list out.
            None => &[],
            Some(Value::Array(listed)) => listed.as_slice(),
            Some(_) => return Err(LoginError::Groups(UnreadableGroups::Shape)),
        };
        for group in listed {
            let email = group.get("email").and_then(Value::as_str);
            add(&mut groups, email.ok_or(LoginError::Groups(UnreadableGroups::Shape))?).map_err(LoginError::Groups)?;
        }
        match answer.get("nextPageToken") {
            None => return Ok(groups),
            Some(Value::String(next)) if !next.is_empty() => page = Some(next.clone()),
            Some(_) => return Err(LoginError::Groups(UnreadableGroups::Shape)),
        }
    }
    Err(LoginError::Groups(UnreadableGroups::TooMany))
}

/// A token for the service account (RFC 7523 section 2.1).
async fn token(transport: &Transport, account: &ServiceAccount, now: Timestamp) -> Result<SecretString, LoginError> {
    let audience = account.token_uri.as_str();
    let grant = account.key.grant(&account.email, &account.acting_as, SCOPE, audience, now);
    let grant = grant.map_err(LoginError::Random)?;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", grant.expose_secret())
        .finish();
    let request = http::Request::post(audience)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.into_bytes())
        .map_err(|_| nonsense(Nonsense::Member("token_uri")))?;
    let answer = transport.send(Endpoint::GoogleDirectory, request).await?;
    if !is_json(&answer.headers) {
        return Err(nonsense(Nonsense::ContentType));
    }
    let members = strict_json::object(&answer.body).map_err(|_| nonsense(Nonsense::Json))?;
    let text = |name| members.get(name).and_then(Value::as_str);
    match (answer.status, text("access_token"), text("error")) {
        (StatusCode::OK, Some(token), _) => Ok(token.into()),
        (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _, Some(code)) => {
            Err(LoginError::RequestRefused(Refusal::from_code(code)))
        }
        (StatusCode::OK, None, _) => Err(nonsense(Nonsense::Member("access_token"))),
        (status, ..) => Err(nonsense(Nonsense::Status(status.as_u16()))),
    }
}

fn nonsense(source: Nonsense) -> LoginError {
    LoginError::Nonsense { endpoint: Endpoint::GoogleDirectory, source }
}
