//! The referrer checks: `referrersafety` and `referrerblanksafety`.

use url::Url;

use super::login_page;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::answer::TEXT;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::switches::ReferrerRefusal;

/// Paths on which a query submits something.
const ACTIONS: &[&str] =
    &["/json-api/", "/xml-api/", "/execute/", "/scripts2/", "/scripts4/", "/scripts7/", "/cgi/", "/xfercpanel"];

/// Refuses a submission whose `Referer` does not name this very origin ("Tweak Settings: Security": domain
/// or IP address and port must exactly match the destination's).
pub(crate) fn check(exchange: &Exchange<'_>) -> Result<(), Box<Answer>> {
    let action = !exchange.query.is_empty() && ACTIONS.iter().any(|path| exchange.path.starts_with(path));
    if !exchange.has_body() && !action {
        return Ok(());
    }
    let allowed = match exchange.request.header("Referer").filter(|referer| !referer.is_empty()) {
        None => !exchange.switches.referrer_blank_safety,
        Some(referer) => !exchange.switches.referrer_safety || is_own(exchange, referer),
    };
    if allowed {
        return Ok(());
    }
    let answer = match exchange.switches.referrer_refusal {
        ReferrerRefusal::LoginPage => login_page::show(
            exchange,
            (401, "Access Denied"),
            "The page that sent this request is not part of this server. Please log in again.",
        ),
        ReferrerRefusal::Forbidden => {
            Answer::new(403, "Forbidden Referrer", TEXT, "This request came from another site.\n").closing()
        }
    };
    Err(Box::new(answer))
}

fn is_own(exchange: &Exchange<'_>, referer: &str) -> bool {
    match (Url::parse(&exchange.addressed()), Url::parse(referer)) {
        (Ok(own), Ok(referer)) => {
            own.host() == referer.host() && own.port_or_known_default() == referer.port_or_known_default()
        }
        _ => false,
    }
}
