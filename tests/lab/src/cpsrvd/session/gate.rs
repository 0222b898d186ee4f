//! What every request to a page must show: a live session's cookie and its security token.

use std::net::IpAddr;

use super::cookies;
use super::login_page;
use super::store::Session;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::api;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::switches::CookieIpValidation;

/// Why a request has no session.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No cookie, or one of no live session of this service.
    NoSession,
    /// The session belongs to another address.
    AddressChanged,
    /// The path has no security token. Carries the right one.
    TokenMissing(String),
    /// The path has a security token of another session.
    TokenWrong,
}

/// The session of a request.
pub(crate) fn admit(exchange: &Exchange<'_>) -> Result<Session, Refusal> {
    let Exchange { shared, switches, .. } = exchange;
    let received = cookies::received(exchange).ok_or(Refusal::NoSession)?;
    let session = shared
        .sessions
        .by_cookie(exchange.service(), |cookie| cookies::is_same(exchange, received, cookie), switches.idle_limit)
        .ok_or(Refusal::NoSession)?;
    let same_address = session
        .address
        .is_some_and(|address| matches_address(switches.cookie_ip_validation, address, exchange.client()));
    if !same_address {
        return Err(Refusal::AddressChanged);
    }
    if switches.require_security_token {
        match exchange.token {
            None => return Err(Refusal::TokenMissing(session.security_token)),
            Some(token) if token != session.security_token => {
                let count = shared.sessions.count_wrong_token(&session.name);
                if switches.wrong_token_limit.is_some_and(|limit| count >= limit) {
                    shared.sessions.end(&session.name);
                    let event = format!("PURGE {} token_denied", session.name);
                    shared.log.session(exchange.client(), &event, switches);
                }
                return Err(Refusal::TokenWrong);
            }
            Some(_) => {}
        }
    }
    shared.sessions.touch(&session.name);
    Ok(session)
}

impl Refusal {
    /// The answer: JSON where programs ask, a login page where people do.
    pub(crate) fn answer(self, exchange: &Exchange<'_>) -> Answer {
        if api::is_api_path(exchange.path) {
            return if exchange.switches.json_for_dead_api_session {
                api::denied()
            } else {
                login_page::show(exchange, (200, "OK"), "")
            };
        }
        let at_root = exchange.token.is_none() && exchange.path == "/";
        match self {
            Self::TokenMissing(token) if at_root && exchange.switches.redirect_to_security_token => {
                Answer::redirect(307, &format!("{token}/"))
            }
            Self::TokenMissing(_) => denied(exchange, "The security token is missing from your request."),
            Self::AddressChanged => {
                login_page::show(exchange, (401, "Access Denied"), "Your IP address has changed. Please log in again.")
            }
            Self::NoSession if at_root && exchange.switches.login_page_at_root => {
                login_page::show(exchange, (200, "OK"), "")
            }
            Self::NoSession if exchange.token.is_none() => {
                denied(exchange, "The security token is missing from your request.")
            }
            Self::TokenWrong | Self::NoSession => denied(exchange, "The security token in your request is invalid."),
        }
    }
}

fn denied(exchange: &Exchange<'_>, message: &str) -> Answer {
    login_page::show(exchange, (401, "Token Denied"), message)
}

fn matches_address(validation: CookieIpValidation, one: IpAddr, other: IpAddr) -> bool {
    match validation {
        CookieIpValidation::Disabled => true,
        CookieIpValidation::Strict => one == other,
        CookieIpValidation::Loose => match (one, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => one.to_bits() >> 8 == other.to_bits() >> 8,
            (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() >> 64 == other.to_bits() >> 64,
            _ => false,
        },
    }
}
