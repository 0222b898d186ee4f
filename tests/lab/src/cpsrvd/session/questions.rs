//! The security questions, which stand before the pages when the address is not verified.

use super::store::Session;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::api;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::pages;

/// The answer to the only question.
pub(crate) const ANSWER: &str = "green";

/// The interstitial, while the questions of this session are not answered.
pub(crate) fn interrupt(exchange: &Exchange<'_>, session: &Session) -> Option<Answer> {
    if !session.questions {
        return None;
    }
    if exchange.is_post() && exchange.form_fields().get("answer") == Some(ANSWER) {
        exchange.shared.sessions.set_questions(&session.name, false);
        return Some(exchange.redirect(303, &format!("{}{}", session.security_token, session.landing)));
    }
    if api::is_api_path(exchange.path) {
        return Some(api::denied());
    }
    Some(Answer::page(200, "OK", pages::questions(&exchange.request.target)).closing().by(&session.user, 's'))
}
