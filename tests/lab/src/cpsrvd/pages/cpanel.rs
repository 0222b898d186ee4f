//! cPanel's pages.

use super::awkward;
use super::escape;
use super::landing;
use super::signed_in;
use super::signed_in_rows;
use crate::cpsrvd::accounts::Kind;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::hops;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::session::Session;
use crate::cpsrvd::streams;

pub(super) fn page(exchange: &Exchange<'_>, session: &Session) -> Option<Answer> {
    let plain = |template| Some(signed_in(exchange, session, template, &[]));
    match exchange.path {
        "/" => Some(exchange.redirect(307, &format!("{}{}", session.security_token, landing(Service::Cpaneld)))),
        "/frontend/jupiter/index.html" => Some(home(exchange, session)),
        "/frontend/jupiter/filemanager/index.html" => plain(include_str!("upload.html")),
        "/frontend/jupiter/terminal/index.html" => plain(include_str!("terminal.html")),
        "/frontend/jupiter/mail/webmail.html" => Some(webmail_hop(exchange, session)),
        "/3rdparty/phpMyAdmin/index.php" => Some(phpmyadmin(exchange, session)),
        "/download" => Some(streams::download(exchange.switches, "x")),
        path if path.starts_with("/getbackup/") || path.starts_with("/getsqlbackup/") => {
            Some(streams::download(exchange.switches, path.rsplit('/').next().unwrap_or_default()))
        }
        _ => awkward::page(exchange, session),
    }
}

fn home(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let mailboxes = exchange
        .shared
        .accounts
        .iter()
        .filter(|account| account.kind == Kind::Mailbox && account.owner == session.user);
    let rows: String =
        mailboxes.enumerate().map(|(n, account)| mailbox_row(n, &account.user, &session.security_token)).collect();
    signed_in_rows(exchange, session, include_str!("cpanel_home.html"), &rows, &[])
}

fn mailbox_row(n: usize, user: &str, token: &str) -> String {
    let href = format!("{token}/frontend/jupiter/mail/webmail.html?user={}", escape(user));
    format!("<p><a id=\"link-webmail-{n}\" href=\"{href}\">{}</a></p>\n", escape(user))
}

/// A form that posts a new Webmail session to Webmail's own origin, and submits itself.
fn webmail_hop(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let fields = exchange.query_fields();
    let user = fields.get("user").unwrap_or(&session.user);
    match hops::to_webmail(exchange, &session.user, user, exchange.client()) {
        Ok(mail) => signed_in(
            exchange,
            session,
            include_str!("webmail_hop.html"),
            &[
                ("user", user),
                ("origin", &exchange.origin(Service::Webmaild)),
                ("mail_token", &mail.security_token),
                ("session", &mail.string),
            ],
        ),
        Err(reason) => Answer::page(403, "Forbidden", super::refused("Webmail cannot be opened", &reason)),
    }
}

/// A page that does not want to be framed, and says so three times: in a header, a policy, a script.
fn phpmyadmin(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let busting = exchange.switches.phpmyadmin_frame_busting;
    let script = if busting { "framing.js" } else { "open.js" };
    let page = signed_in(exchange, session, include_str!("phpmyadmin.html"), &[("script", script)]);
    if busting {
        page.header("X-Frame-Options", "DENY")
            .header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
    } else {
        page
    }
}
