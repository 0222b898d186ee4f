//! How sessions begin in the browser: a one-time login URL, a posted session, or a password.

use serde_json::json;

use super::cookies;
use super::login_page;
use super::store::Opening;
use super::store::Session;
use crate::cpsrvd::accounts::Account;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::answer::TEXT;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::pages;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::switches::Framing;
use crate::cpsrvd::switches::LoginAnswer;
use crate::cpsrvd::switches::SpentLoginUrl;

/// The one-time code that every account's second factor shows.
pub(crate) const TFA_CODE: &str = "271828";

/// How sessions for mailboxes are made, in the vendor's words. Their string is posted, all others are
/// in the login URL's query.
pub(crate) const MAIL_METHOD: &str = "CREATE_WEBMAIL_SESSION_FOR_MAIL_USER";

/// Answers `/login` and `/cpsess…/login/`.
pub(crate) fn answer(exchange: &Exchange<'_>) -> Answer {
    let query = exchange.query_fields();
    let form = exchange.form_fields();
    match (query.get("session"), form.get("session")) {
        (Some(string), _) if exchange.is_get() && !is_posted(string) => {
            one_time(exchange, string, query.get("goto_uri"))
        }
        (_, Some(string)) if exchange.is_post() && is_posted(string) => one_time(exchange, string, None),
        (Some(_), _) | (_, Some(_)) => spent(exchange),
        _ if exchange.is_post() && form.get("user").is_some() => password(exchange),
        _ => login_page::show(exchange, (200, "OK"), ""),
    }
}

fn one_time(exchange: &Exchange<'_>, string: &str, goto: Option<&str>) -> Answer {
    let Exchange { shared, switches, .. } = exchange;
    let place = (exchange.service(), exchange.token);
    let Some(session) = shared.sessions.redeem(place, string, exchange.client(), switches.login_url_lifetime) else {
        return spent(exchange);
    };
    if switches.security_questions {
        shared.sessions.set_questions(&session.name, true);
    }
    let below = goto.map_or_else(|| session.landing.clone(), |goto| format!("/{}", goto.trim_start_matches('/')));
    let target = format!("{}{below}", session.security_token);
    let mut cookies = vec![cookies::session(exchange, &session.cookie)];
    if switches.clearing_cookies {
        cookies.extend(cookies::clearing(exchange));
    }
    cookies.extend(session.locale.as_deref().map(|locale| cookies::locale(exchange, locale)));
    let answer = match switches.login_answer {
        LoginAnswer::MetaRefresh => Answer::page(200, "OK", pages::refresh(&target)).closing(),
        LoginAnswer::MovedPermanently => exchange.redirect(301, &target),
        LoginAnswer::Found => exchange.redirect(302, &target),
        LoginAnswer::SeeOther => exchange.redirect(303, &target),
        LoginAnswer::TemporaryRedirect => exchange.redirect(307, &target),
        LoginAnswer::PermanentRedirect => exchange.redirect(308, &target),
    };
    answer.cookies(cookies).by(&session.user, 's')
}

/// What a login URL answers that works no more, or not in this way.
fn spent(exchange: &Exchange<'_>) -> Answer {
    let status = match exchange.switches.spent_login_url {
        SpentLoginUrl::TokenDenied => (401, "Token Denied"),
        SpentLoginUrl::LoginPage => (200, "OK"),
    };
    login_page::show(exchange, status, "The security token in your request is invalid.")
}

fn is_posted(string: &str) -> bool {
    string.contains(MAIL_METHOD)
}

/// `POST /login/` with `user` and `pass`; with `login_only=1` the answer is JSON.
fn password(exchange: &Exchange<'_>) -> Answer {
    let fields = exchange.fields();
    let user = fields.get("user").unwrap_or_default();
    let programmatic = fields.get("login_only") == Some("1");
    let account = verify(exchange, user, fields.get("pass").unwrap_or_default());
    let Some(account) = account.filter(|_| code_is_right(exchange, fields.get("tfa_token"))) else {
        return failed(exchange, programmatic);
    };
    let session = begin(exchange, account);
    let target = format!("{}{}", session.security_token, session.landing);
    let cookie = cookies::session(exchange, &session.cookie);
    let answer = if programmatic {
        let body = json!({"status": 1, "redirect": target, "security_token": session.security_token});
        Answer::new(200, "OK", TEXT, body.to_string())
            .header("Cache-Control", crate::cpsrvd::answer::NO_STORE)
            .closing()
    } else {
        exchange.redirect(307, &target)
    };
    answer.cookies(vec![cookie]).by(&session.user, 's')
}

/// The account, if the password is right and cPHulk lets it through. Counts failures.
pub(crate) fn verify<'a>(exchange: &'a Exchange<'_>, user: &str, password: &str) -> Option<&'a Account> {
    let Exchange { shared, switches, .. } = exchange;
    let address = exchange.client();
    let fits = |account: &&Account| match exchange.service() {
        Service::Whostmgrd => account.has_whm(),
        Service::Cpaneld => account.has_cpanel(),
        Service::Webmaild => true,
    };
    let blocked = shared.hulk.blocks(address, user, switches);
    let account = shared.accounts.find(user).filter(fits).filter(|account| account.password == password);
    match account {
        Some(account) if !blocked && !account.suspended => Some(account),
        Some(_) | None => {
            shared.hulk.count(address, user);
            let event = format!("BADPASS {user} address={address},app={}", exchange.service().name());
            shared.log.session(address, &event, switches);
            None
        }
    }
}

fn code_is_right(exchange: &Exchange<'_>, code: Option<&str>) -> bool {
    !exchange.switches.two_factor || code == Some(TFA_CODE)
}

fn failed(exchange: &Exchange<'_>, programmatic: bool) -> Answer {
    if programmatic {
        // Spelled out: the captured body has 38 bytes with the status first.
        let body = r#"{"status":0,"message":"see_login_log"}"#;
        return Answer::new(401, "Access Denied", TEXT, body)
            .cookies(vec![cookies::before_login(exchange)])
            .framed(Framing::ContentLength)
            .closing();
    }
    login_page::show(exchange, (401, "Access Denied"), "The login is invalid.")
}

/// What a page sees when an API token opens it: a session that lasts for one request.
pub(crate) fn of_token(exchange: &Exchange<'_>, user: &str) -> Session {
    Session::new(&form_login(exchange, user))
}

fn form_login<'a>(exchange: &Exchange<'_>, user: &'a str) -> Opening<'a> {
    Opening {
        user,
        service: exchange.service(),
        creator: user,
        method: "handle_form_login",
        security_token: None,
        landing: pages::landing(exchange.service()),
        locale: None,
        address: None,
    }
}

/// A session that needs no login URL.
fn begin(exchange: &Exchange<'_>, account: &Account) -> Session {
    let Exchange { shared, switches, .. } = exchange;
    let session = shared.sessions.open(&form_login(exchange, &account.user));
    shared.log.session(exchange.client(), &session.new_event(exchange.client()), switches);
    let place = (session.service, Some(&*session.security_token));
    shared.sessions.redeem(place, &session.string, exchange.client(), switches.login_url_lifetime).unwrap_or(session)
}
