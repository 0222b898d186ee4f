//! Hops between services: each one begins a new session, with another cookie and security token, on another port.

use std::net::IpAddr;

use super::answer::Answer;
use super::api;
use super::exchange::Exchange;
use super::pages;
use super::service::Service;
use super::session;
use super::session::Opening;
use super::session::Session;

/// The path of the hop to cPanel.
pub(super) const TO_CPANEL: &str = "/xfercpanel";

/// From WHM (or a reseller's cPanel) into an account's cPanel: `GET /xfercpanel/USER` or a posted `user`.
pub(super) fn to_cpanel(exchange: &Exchange<'_>, session: &Session) -> Answer {
    if !exchange.switches.hops || !exchange.peer.endpoint.tls {
        return session::show_login_page(
            exchange,
            (200, "OK"),
            "The session could not be transferred because you were not accessing this service over a secure \
             connection. Please login now to continue.",
        );
    }
    let form = exchange.form_fields();
    let in_path = exchange.path.strip_prefix(TO_CPANEL).and_then(|rest| rest.strip_prefix('/'));
    let Some(user) = in_path.or_else(|| form.get("user")) else {
        return Answer::page(400, "Bad Request", pages::refused("No account", "Choose an account."));
    };
    let account = match api::may_enter(exchange, &session.user, user, Service::Cpaneld) {
        Ok(account) => account,
        Err(reason) => return Answer::page(403, "Forbidden", pages::refused("Not possible", &reason)),
    };
    let opened = exchange.shared.sessions.open(&Opening {
        user: &account.user,
        service: Service::Cpaneld,
        creator: &session.user,
        method: "xfercpanel",
        security_token: None,
        landing: pages::landing(Service::Cpaneld),
        locale: None,
        address: None,
    });
    exchange.shared.log.session(exchange.client(), &opened.new_event(exchange.client()), exchange.switches);
    let target = format!(
        "{}{}/login/?session={}",
        exchange.origin(Service::Cpaneld),
        opened.security_token,
        session::encode(&opened.string)
    );
    Answer::redirect(307, &target)
}

/// From cPanel (or its API) into Webmail: a session to be posted to Webmail's `/cpsess…/login/`.
pub(super) fn to_webmail(
    exchange: &Exchange<'_>,
    caller: &str,
    user: &str,
    address: IpAddr,
) -> Result<Session, String> {
    api::may_enter(exchange, caller, user, Service::Webmaild)?;
    let opened = exchange.shared.sessions.open(&Opening {
        user,
        service: Service::Webmaild,
        creator: caller,
        method: session::MAIL_METHOD,
        security_token: None,
        landing: pages::landing(Service::Webmaild),
        locale: None,
        address: Some(address),
    });
    exchange.shared.log.session(exchange.client(), &opened.new_event(address), exchange.switches);
    Ok(opened)
}
