//! WHM API 1 `create_user_session` (cPanel API docs: "Create a temporary user session").

use std::fmt;

use secrecy::SecretString;
use serde_json::Value;

use crate::model::Account;
use crate::model::Service;
use crate::panel::api_answer::ApiError;
use crate::panel::security_token::SecurityToken;
use crate::panel::whm_api::WhmApi;

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
pub async fn create_user_session(
    api: &WhmApi<'_>,
    account: &Account,
    service: Service,
    chosen: &SecurityToken,
) -> Result<OneTimeLogin, ApiError> {
    let chosen = chosen.expose_parameter();
    let wish = [("user", account.as_str()), ("service", service.as_str()), ("cp_security_token", &chosen)];
    login_of(&api.call("create_user_session", &wish).await?)
}

/// The login in the `data` of an answer.
pub(super) fn login_of(data: &Value) -> Result<OneTimeLogin, ApiError> {
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
    use secrecy::ExposeSecret as _;
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
