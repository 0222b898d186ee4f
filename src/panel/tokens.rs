//! API tokens at a server (WHM API 1 `api_token_create`, `api_token_list`, `api_token_revoke`).
//!
//! Leaving something out means "no limit" there: a token without `acl` may everything that its owner may, one
//! without `expires_at` never ends. So everything is always said.

use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Value;

use crate::model::Timestamp;
use crate::panel::api_answer::ApiError;
use crate::panel::whm_api::WhmApi;

/// Longest text that can be a token. WHM's have 32 characters; access hashes, which are no tokens, 928.
const LONGEST: usize = 128;

/// What a new token is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenWish {
    /// Its name: at most 50 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// Its privileges, at least one.
    pub privileges: Vec<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The only addresses that may use it (at most 100); any, if there are none.
    pub addresses: Vec<String>,
}

/// A token as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedToken {
    /// Its name.
    pub name: String,
    /// The privileges that it has.
    pub privileges: Vec<String>,
    /// When it ends; never, if there is nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// The only addresses that may use it.
    pub addresses: Vec<String>,
}

/// Whether a text can be an API token. What cannot stand in a header never can.
pub fn is_token(text: &SecretString) -> bool {
    let text = text.expose_secret();
    (16..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Creates a token and gives its secret, which the server tells this once. Gives an error, and leaves the token
/// to be revoked, if the server made it more than was asked for.
pub async fn create_token(api: &WhmApi<'_>, wish: &TokenWish) -> Result<SecretString, ApiError> {
    // An empty list would mean all privileges.
    if wish.privileges.is_empty() {
        return Err(ApiError::Lacks("a privilege to limit the token to"));
    }
    let end = wish.expires_at.secs().to_string();
    let privileges = wish.privileges.iter().enumerate().map(|(n, acl)| (format!("acl-{n}"), acl.clone()));
    let addresses = wish.addresses.iter().enumerate().map(|(n, ip)| (format!("whitelist_ip-{n}"), ip.clone()));
    let lists: Vec<(String, String)> = privileges.chain(addresses).collect();
    let mut parameters = vec![("token_name", wish.name.as_str()), ("expires_at", end.as_str())];
    parameters.extend(lists.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let data = api.call("api_token_create", &parameters).await?;
    let secret = data.get("token").and_then(Value::as_str).map(SecretString::from);
    let secret = secret.filter(is_token).ok_or(ApiError::Lacks("data.token"))?;
    let mut given = texts(data.get("acls"));
    // `all` is a privilege that stands for the others, and a server may list those.
    given.retain(|acl| !wish.privileges.contains(acl) && !wish.privileges.iter().any(|wished| wished == "all"));
    if !given.is_empty() || moment(data.get("expires_at")) != Some(Timestamp::from_secs(wish.expires_at.secs())) {
        return Err(ApiError::Lacks("the limits that were asked for: the new token may more"));
    }
    Ok(secret)
}

/// The account's tokens, without their secrets.
pub async fn list_tokens(api: &WhmApi<'_>) -> Result<Vec<ListedToken>, ApiError> {
    let data = api.call("api_token_list", &[]).await?;
    // An object keyed by name; PHP-minded servers write an empty one as a list.
    let tokens = data.get("tokens").ok_or(ApiError::Lacks("data.tokens"))?;
    let Some(tokens) = tokens.as_object() else { return Ok(Vec::new()) };
    let listed = |(name, token): (&String, &Value)| {
        let acls = token.get("acls").and_then(Value::as_object);
        let granted = acls.into_iter().flatten().filter(|(_, value)| is_granted(value));
        ListedToken {
            name: name.clone(),
            privileges: granted.map(|(acl, _)| acl.clone()).collect(),
            expires_at: moment(token.get("expires_at")),
            created_at: moment(token.get("create_time")),
            addresses: texts(token.get("whitelist_ips")),
        }
    };
    Ok(tokens.iter().map(listed).collect())
}

/// Revokes a token by its name. One that is not there is revoked.
pub async fn revoke_token(api: &WhmApi<'_>, name: &str) -> Result<(), ApiError> {
    if !list_tokens(api).await?.iter().any(|token| token.name == name) {
        return Ok(());
    }
    // The call gives no data.
    match api.call("api_token_revoke", &[("token_name", name)]).await {
        Ok(_) | Err(ApiError::Lacks("data")) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Granted is the number 1, or for resellers the string; refused is 0, an empty string, or nothing at all.
pub(super) fn is_granted(value: &Value) -> bool {
    value.as_u64() == Some(1) || value.as_str() == Some("1") || value.as_bool() == Some(true)
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A UNIX time, as number or text; 0 and null are none.
fn moment(value: Option<&Value>) -> Option<Timestamp> {
    let value = value?;
    let seconds = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    (seconds > 0).then(|| Timestamp::from_secs(seconds))
}
