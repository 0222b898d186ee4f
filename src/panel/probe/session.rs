//! The one session of a probe: opened, and ended.

use http::Method;
use http::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::panel::api_answer;
use crate::panel::create_user_session::login_of;
use crate::panel::jar::CookieJar;
use crate::panel::log_out::logout_ends_one_session;
use crate::panel::probe::Opened;
use crate::panel::probe::Probe;
use crate::panel::probe::STEP;
use crate::panel::probe::reading::decoded;
use crate::panel::probe::reading::is_success;
use crate::panel::probe::reading::leads_to;
use crate::panel::probe::reading::own_path;
use crate::panel::probe::reading::reason;
use crate::panel::probe::record::Heard;
use crate::panel::security_token::SecurityToken;
use crate::panel::whm_api::WhmApi;

/// Opens a session; gives where the login leads.
pub(super) async fn log_in(probe: &mut Probe<'_>) -> Option<String> {
    let credential = probe.subject.credential;
    let api = WhmApi { client: &probe.client, credential, answer_limit: probe.subject.answer_limit };
    let is_alone = tokio::time::timeout(STEP, logout_ends_one_session(&api)).await;
    let is_alone = matches!(is_alone, Ok(Ok(true)));
    let chosen = SecurityToken::random(probe.subject.random).ok()?;
    let parameter = chosen.expose_parameter();
    let wish = [("user", credential.account.as_str()), ("service", "whostmgrd"), ("cp_security_token", &parameter)];
    let step = "opening a session of the token's own account";
    let mut heard = probe.call(step, (Method::POST, "create_user_session"), &wish, credential).await?;
    let is_taken = reason(&heard).contains("Created") || is_success(&heard);
    probe.judge("session_by_post", is_taken, &reason(&heard), "false");
    if !is_taken {
        heard = probe.call("opening it with GET", (Method::GET, "create_user_session"), &wish, credential).await?;
    }
    let data = api_answer::read(heard.status.as_u16(), &heard.body).ok()?;
    if let Some(session) = data.get("session").and_then(Value::as_str) {
        probe.redactor.hide(session);
    }
    let is_number = data.get("expires").is_some_and(Value::is_number);
    probe.judge("expires_number", is_number, if is_number { "a number" } else { "something else" }, "");
    let login = login_of(&data).ok()?;
    let token = login.security_token.clone();
    let is_chosen = token == chosen;
    probe.judge("chosen_token", is_chosen, if is_chosen { "honoured" } else { "another one came" }, "false");
    let path = login.path.expose_secret().to_owned();
    // Until the answer is here, nobody could end what the login may have begun.
    probe.is_logging_in = true;
    let first = probe.get("following the login, once", &path, None).await?;
    probe.is_logging_in = false;
    let mut jar = CookieJar::default();
    jar.absorb(&first.headers);
    for line in first.cookies() {
        let value = line.split(';').next().and_then(|pair| pair.split_once('=')).map_or("", |(_, value)| value);
        let (value, decoded) = (value.to_owned(), decoded(value));
        probe.redactor.hide(&value);
        probe.redactor.hide(&decoded);
    }
    judge_login(probe, &first, &jar, &token);
    let landing = leads_to(&first)
        .and_then(|to| own_path(&to, probe.client.authority()))
        .unwrap_or_else(|| format!("{}/", token.expose_prefix()));
    let has_session = jar.has_session();
    probe.opened = Some(Opened { token, jar, is_alone });
    if let Some(again) = probe.get("following the login again", &path, None).await {
        let holds = again.status == StatusCode::UNAUTHORIZED && again.is_sign_in();
        probe.judge("spent_login", holds, &again.line(), "LoginPage");
    }
    has_session.then_some(landing)
}

fn judge_login(probe: &mut Probe<'_>, first: &Heard, jar: &CookieJar, token: &SecurityToken) {
    let line = first.line();
    probe.judge("login_cookie", jar.has_session(), if jar.has_session() { "it does" } else { "no cookie" }, "");
    let answer = match first.status.as_u16() {
        200 => "MetaRefresh",
        301 => "MovedPermanently",
        302 => "Found",
        303 => "SeeOther",
        308 => "PermanentRedirect",
        _ => "TemporaryRedirect",
    };
    probe.judge("login_status", first.status == StatusCode::TEMPORARY_REDIRECT, &line, answer);
    let to = leads_to(first).unwrap_or_default();
    let holds = to.starts_with(&format!("{}/", token.expose_prefix()));
    probe.judge("login_location", holds, &to, "true");
    let session =
        first.cookies().find(|line| line.starts_with("whostmgrsession=")).unwrap_or_default().to_ascii_lowercase();
    let attributes: Vec<&str> = session.split(';').skip(1).map(str::trim).collect();
    let has = |wanted: &str| attributes.iter().any(|attribute| attribute.starts_with(wanted));
    let holds = ["httponly", "path=/", "port=", "secure"].into_iter().all(has) && !has("samesite");
    probe.judge("cookie_attributes", holds, &attributes.join("; "), "true");
    let clears = first.cookies().any(|line| line.starts_with("whostmgrrelogin=no"));
    probe.judge("clearing_cookies", clears, if clears { "it does" } else { "it clears none" }, "false");
}

/// Ends the session, and looks whether it is gone.
pub(super) async fn log_out(probe: &mut Probe<'_>, opened: &Opened) {
    let Some(cookies) = opened.jar.header(&[]) else { return };
    let prefix = opened.token.expose_prefix();
    let out = probe.get("logging out", &format!("{prefix}/logout/"), Some(cookies.clone())).await;
    let after = probe.get("looking whether the session is gone", &format!("{prefix}/"), Some(cookies)).await;
    match (out, after) {
        (Some(_), Some(after)) => {
            let is_gone = after.status != StatusCode::OK || after.is_sign_in();
            probe.judge("logged_out", is_gone, &after.line(), "");
            if !is_gone {
                probe.left.push("a session, which ends by being idle: logging out did not end it".to_owned());
            }
        }
        (None, _) | (_, None) => {
            probe.left.push("perhaps one session, which ends by being idle: nobody answered the logout".to_owned());
        }
    }
}
