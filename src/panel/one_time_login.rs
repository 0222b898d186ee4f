//! Following the one-time login, so that the browser never has to.
//!
//! The first answer carries the session cookie. Its status is not documented; 200 with a META refresh and
//! every redirect are taken, with relative or absolute addresses.

use http::HeaderMap;
use http::Request;
use http::StatusCode;
use http::header::COOKIE;
use http::header::HOST;
use http::header::LOCATION;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use secrecy::ExposeSecret as _;

use crate::model::Target;
use crate::panel::create_user_session::OneTimeLogin;
use crate::panel::jar::CookieJar;
use crate::panel::lost::is_sign_in_page;
use crate::panel::security_token::SecurityToken;
use crate::upstream::AnswerBody;
use crate::upstream::Client;
use crate::upstream::SendError;
use crate::upstream::empty;

/// Answers that may pass before the session cookie is there.
const STEPS: usize = 5;

/// How much of a page is searched for a META refresh, in bytes.
const PAGE: usize = 64 * 1024;

/// A signed-in cpsrvd session.
#[derive(Debug)]
pub struct SignedIn {
    /// Its cookies.
    pub jar: CookieJar,
    /// Its security token.
    pub security_token: SecurityToken,
    /// The page that the login led to.
    pub landing: Target,
}

/// Why the login did not lead to a session.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No answer.
    #[error("the one-time login had no answer")]
    Send(#[source] SendError),
    /// The server showed its sign-in page: the login was spent or has expired.
    #[error("the server did not accept the one-time login")]
    Denied,
    /// The server answered with an error of its own.
    #[error("the one-time login was answered with status {0}")]
    Status(u16),
    /// The answers ended without a session cookie.
    #[error("the one-time login gave no session cookie")]
    NoCookie,
    /// It redirected to another host, or in circles.
    #[error("the one-time login led away from the server")]
    Astray,
}

/// Makes the login's request, with a client for the service that it is for.
pub async fn sign_in(client: &Client, login: OneTimeLogin) -> Result<SignedIn, LoginError> {
    let mut jar = CookieJar::default();
    let mut path = login.path.expose_secret().to_owned();
    let home = format!("{}/", login.security_token.expose_prefix());
    for _ in 0..STEPS {
        let mut request = Request::builder()
            .uri(&*path)
            .header(HOST, client.authority())
            .body(empty())
            .map_err(|_| LoginError::Astray)?;
        if let Some(cookies) = jar.header(&[]) {
            request.headers_mut().insert(COOKIE, cookies);
        }
        let response = client.send(request).await.map_err(LoginError::Send)?;
        jar.absorb(response.headers());
        // The sign-in page comes with a session cookie too: one of nobody.
        let turned_away = is_sign_in_page(response.status(), response.headers());
        let next = match response.status() {
            StatusCode::OK => match meta_refresh(response.into_body()).await {
                None if turned_away => return Err(LoginError::Denied),
                next => next,
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(LoginError::Denied),
            status if status.is_redirection() => location(response.headers()),
            status => return Err(LoginError::Status(status.as_u16())),
        };
        let next = next.map(|address| own_path(&address, client.authority())).transpose()?;
        if jar.has_session() {
            let landing = next
                .and_then(|path| Target::parse(&path).ok())
                .filter(|landing| landing.path().starts_with(&home))
                .or_else(|| Target::parse(&home).ok())
                .ok_or(LoginError::Astray)?;
            return Ok(SignedIn { jar, security_token: login.security_token, landing });
        }
        path = next.ok_or(LoginError::NoCookie)?;
    }
    Err(LoginError::Astray)
}

fn location(headers: &HeaderMap) -> Option<String> {
    headers.get(LOCATION)?.to_str().ok().map(str::to_owned)
}

/// The path and query of an address that is relative, or absolute on the same host and port.
fn own_path(address: &str, authority: &str) -> Result<String, LoginError> {
    let path = match address.strip_prefix("https://") {
        Some(rest) => rest.strip_prefix(authority).ok_or(LoginError::Astray)?,
        None => address,
    };
    if path.starts_with('/') && !path.starts_with("//") { Ok(path.to_owned()) } else { Err(LoginError::Astray) }
}

/// The address in `<META HTTP-EQUIV="refresh" CONTENT="2;URL=/…">`, as cpsrvd writes it.
async fn meta_refresh(body: AnswerBody) -> Option<String> {
    let page = Limited::new(body, PAGE).collect().await.ok()?.to_bytes();
    let text = String::from_utf8_lossy(&page);
    let lower = text.to_ascii_lowercase();
    let at = lower.find("http-equiv=\"refresh\"")?;
    let url = at + lower.get(at..)?.find("url=")? + "url=".len();
    let rest = text.get(url..)?;
    let end = rest.find(['"', '\'', '>', ' '])?;
    rest.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stays_on_its_server() {
        let path = |address| own_path(address, "h.example:2087").ok();
        assert_eq!(path("/cpsess1/").as_deref(), Some("/cpsess1/"));
        assert_eq!(path("https://h.example:2087/x").as_deref(), Some("/x"));
        for away in
            ["https://h.example:20870/x", "https://evil.example/x", "//evil.example/x", "http://h.example:2087/", "x"]
        {
            assert_eq!(path(away), None, "{away}");
        }
    }
}
