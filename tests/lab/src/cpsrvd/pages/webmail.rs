//! Webmail's pages, and the Roundcube-like tool with a session of its own.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use url::Url;

use super::awkward;
use super::data;
use super::landing;
use super::refused;
use super::signed_in;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::exchange::without_port;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::session::Session;
use crate::cpsrvd::session::cookie_named;

pub(super) fn page(exchange: &Exchange<'_>, session: &Session) -> Option<Answer> {
    match exchange.path {
        "/" => Some(exchange.redirect(307, &format!("{}{}", session.security_token, landing(Service::Webmaild)))),
        "/webmail/jupiter/index.html" => Some(signed_in(exchange, session, include_str!("webmail_home.html"), &[])),
        "/3rdparty/roundcube/" => Some(roundcube(exchange, session)),
        _ => awkward::page(exchange, session),
    }
}

fn roundcube(exchange: &Exchange<'_>, session: &Session) -> Answer {
    if exchange.switches.roundcube_referer_check && !referer_is_own(exchange) {
        let text = "The request came from another site.";
        return Answer::page(403, "Forbidden", refused("Request check failed", text));
    }
    let id = own_session(session);
    let query = exchange.query_fields();
    match (query.get("_action"), query.get("_framed")) {
        (Some("check"), _) => data(
            "application/json",
            json!({
                "session": cookie_named(exchange, "roundcube_sessid") == Some(&id),
                "cookies": cookie_named(exchange, "roundcube_cookies") == Some("enabled"),
            })
            .to_string(),
        ),
        (_, Some("1")) => signed_in(exchange, session, include_str!("roundcube_preview.html"), &[]),
        _ => {
            let secure = if exchange.peer.endpoint.tls { "; secure" } else { "" };
            let cookie = format!("roundcube_sessid={id}; path=/; HttpOnly{secure}");
            signed_in(exchange, session, include_str!("roundcube.html"), &[]).header("Set-Cookie", cookie)
        }
    }
}

/// Roundcube's `referer_check`: the host must be its own; a missing `Referer` passes, as a bookmark has none.
fn referer_is_own(exchange: &Exchange<'_>) -> bool {
    let Some(referer) = exchange.request.header("Referer") else { return true };
    let own = exchange.request.header("Host").map(without_port);
    Url::parse(referer).is_ok_and(|url| url.host_str() == own)
}

/// The identifier of the tool's own session, which stands and falls with cpsrvd's.
fn own_session(session: &Session) -> String {
    let hash = digest::digest(&digest::SHA256, session.string.as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}
