//! The login page, wherever it is shown.

use super::cookies;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::pages;

/// The login page with a message, in the head that was captured for it.
pub(crate) fn show(exchange: &Exchange<'_>, (status, reason): (u16, &'static str), message: &str) -> Answer {
    let html = pages::login(exchange.service(), message, &exchange.request.target);
    Answer::page(status, reason, html)
        .cookies(vec![cookies::relogin(exchange), cookies::before_login(exchange)])
        .closing()
}
