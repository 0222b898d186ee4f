//! The order in which a request is looked at.

use super::answer::Answer;
use super::answer::TEXT;
use super::api;
use super::exchange::Exchange;
use super::exchange::without_port;
use super::hops;
use super::pages;
use super::session;
use super::session::Session;
use super::streams;
use super::streams::Takeover;

/// Answers a request.
pub(super) async fn answer(exchange: &mut Exchange<'_>) -> Answer {
    if let Some(answer) = before_everything(exchange) {
        return answer;
    }
    if exchange.path == streams::UPLOAD {
        return upload(exchange).await;
    }
    match exchange.read_body().await {
        Ok(true) => {}
        Ok(false) => return Answer::new(413, "Request Entity Too Large", TEXT, "Too large.\n").closing(),
        Err(error) => {
            exchange.shared.log.error(&format!("body: {error}"));
            return Answer::new(400, "Bad Request", TEXT, "Bad request.\n").closing();
        }
    }
    if let Some(answer) = without_session(exchange) {
        return answer;
    }
    if api::is_api_path(exchange.path) {
        return api::answer(exchange);
    }
    if exchange.path == "/websocket/MysqlDump" {
        return dump(exchange);
    }
    if exchange.request.header("Authorization").is_some() && !exchange.switches.tokens_open_pages {
        return session::show_login_page(exchange, (401, "Access Denied"), "The login is invalid.");
    }
    match with_session(exchange) {
        Ok(session) => match exchange.shared.tools.at(exchange.path) {
            Some(tool) => tool.answer(exchange, &session).await,
            None => signed_in(exchange, &session),
        },
        Err(answer) => *answer,
    }
}

/// What does not depend on who asks.
fn before_everything(exchange: &Exchange<'_>) -> Option<Answer> {
    if !exchange.is_get() && !exchange.is_post() {
        return Some(
            Answer::new(405, "Method Not Allowed", TEXT, "Use GET or POST.\n")
                .header("Allow", "GET, HEAD, POST")
                .closing(),
        );
    }
    let host = exchange.request.header("Host").map_or(&*exchange.shared.hostname, without_port);
    let to = |host: &str| format!("https://{host}:{}{}", exchange.service().port(), exchange.request.target);
    if !exchange.peer.endpoint.tls && exchange.switches.require_ssl {
        return Some(Answer::redirect(301, &to(exchange.host())));
    }
    if exchange.switches.canonical_host && !host.eq_ignore_ascii_case(&exchange.shared.hostname) {
        return Some(Answer::redirect(307, &to(&exchange.shared.hostname)));
    }
    None
}

/// What needs no session.
fn without_session(exchange: &Exchange<'_>) -> Option<Answer> {
    if let Some(asset) = pages::asset(exchange) {
        return Some(asset);
    }
    match exchange.path {
        "/login" | "/login/" => Some(session::log_in(exchange)),
        // Its redirect gives away the host name.
        "/openid_connect/cpanelid" => {
            let target = format!("https://{}:{}/openid/start", exchange.shared.hostname, exchange.service().port());
            Some(Answer::redirect(307, &target))
        }
        "/.__cpanel__service__check__./serviceauth" => Some(Answer::new(200, "OK", TEXT, "ok\n")),
        "/resetpass" | "/invitation" => Some(session::show_login_page(exchange, (200, "OK"), "")),
        path if path.starts_with("/cpanelwebcall/") => Some(Answer::new(404, "Not Found", TEXT, "Unknown.\n")),
        path if path.starts_with("/acctxferrsync") && exchange.switches.account_transfer => {
            Some(Answer::takeover(Takeover::Transfer))
        }
        _ => None,
    }
}

/// The session of a request that may go on to a page.
fn with_session(exchange: &Exchange<'_>) -> Result<Session, Box<Answer>> {
    if let Some(value) = exchange.request.header("Authorization") {
        let caller = api::by_header(exchange, value);
        return caller.map(|caller| session::of_token(exchange, &caller.user)).ok_or_else(|| Box::new(api::denied()));
    }
    let session = session::admit(exchange).map_err(|refusal| Box::new(refusal.answer(exchange)))?;
    // Logging out is possible before the questions are answered.
    if !is_logout(exchange.path)
        && let Some(questions) = session::ask_questions(exchange, &session)
    {
        return Err(Box::new(questions));
    }
    session::check_referrer(exchange).map_err(|refusal| Box::new(refusal.by(&session.user, 's')))?;
    Ok(session)
}

fn signed_in(exchange: &Exchange<'_>, session: &Session) -> Answer {
    if let Some(planted) = exchange.shared.hostile.at(exchange.path) {
        return planted.by(&session.user, 's');
    }
    let answer = match exchange.path {
        path if is_logout(path) => session::log_out(exchange, session),
        "/websocket/Shell" => streams::shell(exchange, session),
        path if path == hops::TO_CPANEL || path.starts_with("/xfercpanel/") => hops::to_cpanel(exchange, session),
        _ => pages::answer(exchange, session),
    };
    answer.by(&session.user, 's')
}

fn is_logout(path: &str) -> bool {
    matches!(path, "/logout" | "/logout/")
}

/// An upload is authorised by its head; its body is never held.
async fn upload(exchange: &mut Exchange<'_>) -> Answer {
    let user = match exchange.request.header("Authorization") {
        Some(value) => api::by_header(exchange, value).map(|caller| caller.user).ok_or_else(|| Box::new(api::denied())),
        None => with_session(exchange).map(|session| session.user),
    };
    match user {
        Ok(user) => streams::upload(exchange).await.by(&user, 's'),
        Err(answer) => *answer,
    }
}

/// The dump takes an API token in place of a session.
fn dump(exchange: &Exchange<'_>) -> Answer {
    let caller = exchange.request.header("Authorization").and_then(|value| api::by_header(exchange, value));
    match caller {
        Some(caller) => streams::dump(exchange).by(&caller.user, caller.method),
        None => api::denied(),
    }
}
