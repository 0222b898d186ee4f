//! How sessions end by wish.

use super::login_page;
use super::store::Session;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;

/// Ends a session; with two-factor authentication, all sessions of its user ("How to Log in to Your
/// Server or Account": 2FA supports one concurrent session per user).
pub(crate) fn answer(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let Exchange { shared, switches, .. } = exchange;
    if switches.two_factor {
        shared.sessions.end_where(|other| other.user == session.user);
    } else {
        shared.sessions.end(&session.name);
    }
    shared.log.session(exchange.client(), &format!("PURGE {} logout", session.name), switches);
    let answer = match &switches.logout_redirect_url {
        Some(url) => Answer::redirect(307, url),
        None => login_page::show(exchange, (200, "OK"), "You have logged out."),
    };
    answer.by(&session.user, 's')
}
