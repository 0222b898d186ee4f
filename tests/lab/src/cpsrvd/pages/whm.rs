//! WHM's pages.

use std::fmt::Write as _;

use super::awkward;
use super::escape;
use super::signed_in;
use super::signed_in_rows;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::random;
use crate::cpsrvd::session::Session;
use crate::cpsrvd::streams;

pub(super) fn page(exchange: &Exchange<'_>, session: &Session) -> Option<Answer> {
    let plain = |template| Some(signed_in(exchange, session, template, &[]));
    match exchange.path {
        "/" => plain(include_str!("whm_home.html")),
        "/scripts/command" => plain(include_str!("whm_main.html")),
        "/scripts/inner" => plain(include_str!("whm_inner.html")),
        "/scripts4/listaccts" | "/scripts2/listaccts" => Some(accounts(exchange, session)),
        "/scripts2/tweaksettings" => plain(include_str!("tweak.html")),
        "/scripts2/dotweaksettings" if exchange.is_post() => Some(saved(exchange, session)),
        "/scripts/terminal" => plain(include_str!("terminal.html")),
        "/scripts/forkbomb" | "/scripts/locale" => Some(policy(exchange, session)),
        "/scripts/upgrade" | "/cgi/live_tail_log" => Some(streams::upgrade(exchange.switches)),
        "/scripts/events" => plain(include_str!("events.html")),
        "/scripts/events.stream" => Some(streams::events(exchange.switches)),
        _ => awkward::page(exchange, session),
    }
}

fn accounts(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let rows = exchange.shared.accounts.visible_to(&session.user).fold(String::new(), |mut rows, account| {
        let user = escape(&account.user);
        let state = if account.suspended { "suspended" } else { "active" };
        let (domain, owner) = (escape(&account.domain), escape(&account.owner));
        let href = format!("{}/xfercpanel/{user}", session.security_token);
        let row = format!(
            "<tr id=\"account-{user}\"><td>{user}</td><td>{domain}</td><td>{owner}</td><td>{state}</td>\
             <td><a id=\"link-cpanel-{user}\" target=\"_top\" href=\"{href}\">Open</a></td></tr>\n"
        );
        rows.push_str(&row);
        rows
    });
    signed_in_rows(exchange, session, include_str!("accounts.html"), &rows, &[])
}

fn saved(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let mut rows = String::new();
    for (name, value) in exchange.form_fields().iter() {
        let (name, value) = (escape(name), escape(value));
        if write!(rows, "<dt>{name}</dt><dd id=\"saved-{name}\">{value}</dd>").is_err() {
            break;
        }
    }
    signed_in_rows(exchange, session, include_str!("tweak_saved.html"), &rows, &[])
}

/// A page with a script that runs under the policy as well as without one.
fn policy(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let nonce = random::word(16);
    let page = signed_in(exchange, session, include_str!("policy.html"), &[("nonce", &nonce)]);
    if exchange.switches.csp {
        let policy = format!("script-src 'self' 'nonce-{nonce}'; object-src 'none'; base-uri 'self'");
        page.header("Content-Security-Policy", policy)
    } else {
        page
    }
}
