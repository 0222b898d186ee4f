//! Ending a session at the server, where that ends no colleague's.

use http::HeaderValue;
use http::Request;
use http::header::COOKIE;
use http::header::HOST;
use http::header::REFERER;

use crate::panel::api_answer::ApiError;
use crate::panel::security_token::SecurityToken;
use crate::panel::whm_api::WhmApi;
use crate::upstream::Client;
use crate::upstream::SendError;
use crate::upstream::empty;

/// Whether a logout ends the one session that it is for and no other. With two-factor authentication, a
/// user has one session, and a logout in one window ends all of them (cPanel docs, "How to Log in to Your
/// Server or Account"); so this is asked of the server's policy (WHM API 1: "Return 2FA policy status").
pub async fn logout_ends_one_session(api: &WhmApi<'_>) -> Result<bool, ApiError> {
    let answer = api.call("twofactorauth_policy_status", &[]).await?;
    // Documented as a number; other calls of the family have been seen to write numbers as strings.
    let enabled = answer.get("is_enabled").ok_or(ApiError::Lacks("data.is_enabled"))?;
    Ok(enabled.as_u64() == Some(0) || enabled.as_str() == Some("0"))
}

/// Logs out, with a client and the cookies of the session's service. What the server answers is not read:
/// it is the sign-in page, or leads anywhere (`logout_redirect_url`).
pub async fn log_out(client: &Client, token: &SecurityToken, cookies: HeaderValue) -> Result<(), SendError> {
    let authority = client.authority();
    let home = format!("{}/", token.expose_prefix());
    let request = Request::builder()
        .uri(format!("{home}logout/"))
        .header(HOST, authority)
        .header(REFERER, format!("https://{authority}{home}"))
        .header(COOKIE, cookies)
        .body(empty());
    match request {
        Ok(request) => client.send(request).await.map(drop),
        // An authority and a token that were good for a login are good for an address.
        Err(_) => Ok(()),
    }
}
