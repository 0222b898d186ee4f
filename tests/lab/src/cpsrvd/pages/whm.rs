//! WHM's pages.

use super::awkward;
use super::escape;
use super::signed_in;
use super::signed_in_rows;
use crate::cpsrvd::accounts::Account;
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
    let accounts = exchange.shared.accounts.visible_to(&session.user);
    let rows: String = accounts.map(|account| account_row(account, &session.security_token)).collect();
    signed_in_rows(exchange, session, include_str!("accounts.html"), &rows, &[])
}

fn account_row(account: &Account, token: &str) -> String {
    let [user, domain, owner] = [&account.user, &account.domain, &account.owner].map(|text| escape(text));
    let state = if account.suspended { "suspended" } else { "active" };
    format!(
        "<tr id=\"account-{user}\"><td>{user}</td><td>{domain}</td><td>{owner}</td><td>{state}</td>\
         <td><a id=\"link-cpanel-{user}\" target=\"_top\" href=\"{token}/xfercpanel/{user}\">Open</a></td></tr>\n"
    )
}

fn saved(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let form = exchange.form_fields();
    let rows: String = form.iter().map(|(name, value)| saved_row(&escape(name), &escape(value))).collect();
    signed_in_rows(exchange, session, include_str!("tweak_saved.html"), &rows, &[])
}

fn saved_row(name: &str, value: &str) -> String {
    format!("<dt>{name}</dt><dd id=\"saved-{name}\">{value}</dd>\n")
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
