//! The pages of the double: own HTML, CSS and scripts, embedded from the files of this folder.
//!
//! Element ids are stable, for tests with a browser:
//!
//! | page | path below the security token | ids |
//! |---|---|---|
//! | login | `/`, `/login/` | `login_form` `user` `pass` `login_submit` `goto_uri` `goto_app` `login-status-message` |
//! | WHM home | `/` | body `whm-home[data-user]`, `frame-main`, `signed-in-user`, `link-*` (`main accounts tweak terminal path links upgrade events policy logout`) |
//! | WHM start, framed in home | `/scripts/command` | `whm-main[data-depth=1]`, `load[data-state]` (`loading` `ok` `expired`), `frame-inner` |
//! | WHM news, framed in start | `/scripts/inner` | `whm-inner[data-depth=2]`, `inner-text` |
//! | accounts | `/scripts4/listaccts` | `account-table`, `link-cpanel-USER`, `xfercpanel-form` `-user` `-submit` |
//! | tweak settings | `/scripts2/tweaksettings` | `tweak-form` `-contact` `-limit`; result: `saved-title`, `saved`, `saved-FIELD`, `link-back` |
//! | terminal | WHM `/scripts/terminal`, cPanel `/frontend/jupiter/terminal/index.html` | `terminal[data-state][data-code]`, `terminal-form`, `terminal-input` |
//! | path rules | WHM `/scripts/path`, else `/frontend|webmail/jupiter/path/index.html` | `app` `token` `theme` `full-path` (each with `data-value`), `link-full-path` |
//! | awkward links | WHM `/scripts/links`, else `/frontend|webmail/jupiter/links/index.html` | `link-*` (`root-relative relative absolute absolute-webmail protocol-relative js-built top meta-refresh base`), `form-absolute`, `json-url[data-state]`, `submitted` |
//! | upgrade | WHM `/scripts/upgrade` | `upgrade-log`, `line-N`, `upgrade-end` |
//! | events | WHM `/scripts/events` | `event-list[data-state]` (`open` `ended`), items `[data-id]` |
//! | policy | WHM `/scripts/forkbomb`, `/scripts/locale` | `policy-state[data-state]` (`waiting` `ran`) |
//! | cPanel home | `/frontend/jupiter/index.html` | `cpanel-home[data-user]`, `link-*`, `mailboxes`, `link-webmail-N` |
//! | file manager | `/frontend/jupiter/filemanager/index.html` | `upload-form` `-file` `-submit`, `upload-result[data-state][data-bytes]` |
//! | phpMyAdmin-like | `/3rdparty/phpMyAdmin/index.php` | `phpmyadmin[data-framed]`, `phpmyadmin-title`, `databases`, `link-sql` |
//! | hop to Webmail | `/frontend/jupiter/mail/webmail.html?user=ADDRESS` | `webmail-hop-form`, `webmail-hop-submit` |
//! | Webmail home | `/webmail/jupiter/index.html` | `webmail-home[data-user]`, `link-roundcube` … |
//! | Roundcube-like | `/3rdparty/roundcube/` | `roundcube-status[data-state]` (`ok` `no-cookie` `no-session` `failed`), `preview` |
//! | interstitials | | `questions_form` `answer` `questions_submit`; `tfa_login_form`; `refused-title` `refused-text` |

mod assets;
mod awkward;
mod cpanel;
mod webmail;
mod whm;

use super::answer::Answer;
use super::answer::NO_STORE;
use super::exchange::Exchange;
use super::random;
use super::service::Service;
use super::session::Session;
pub(super) use assets::answer as asset;

/// The path part under which assets of this release are found.
pub(super) const REVISION: &str = "/cPanel_magic_revision_1700000000";

/// Answers a request to a page of the signed-in user.
pub(super) fn answer(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let page = match exchange.service() {
        Service::Whostmgrd => whm::page(exchange, session),
        Service::Cpaneld => cpanel::page(exchange, session),
        Service::Webmaild => webmail::page(exchange, session),
    };
    page.unwrap_or_else(|| Answer::page(404, "Not Found", not_found()))
}

/// Where a login ends, below the security token.
pub(super) fn landing(service: Service) -> String {
    let folder = match service {
        Service::Whostmgrd => return "/".to_owned(),
        Service::Cpaneld => "frontend",
        Service::Webmaild => "webmail",
    };
    format!("/{folder}/jupiter/index.html?login=1&post_login={}", random::digits(14))
}

/// Where `app` leads, below the security token. Unknown keys lead nowhere special.
pub(super) fn deep_link(service: Service, key: &str) -> Option<&'static str> {
    match (service, key) {
        (Service::Whostmgrd, "list_accounts") => Some("/scripts4/listaccts"),
        (Service::Whostmgrd, "tweak_settings") => Some("/scripts2/tweaksettings"),
        (Service::Whostmgrd, "terminal") => Some("/scripts/terminal"),
        (Service::Cpaneld, "FileManager_Home") => Some("/frontend/jupiter/filemanager/index.html"),
        (Service::Cpaneld, "Database_phpMyAdmin") => Some("/3rdparty/phpMyAdmin/index.php"),
        _ => None,
    }
}

/// The login page. `target` is what was asked for, to continue with after the login.
pub(super) fn login(service: Service, message: &str, target: &str) -> String {
    let title = match service {
        Service::Whostmgrd => "WHM login",
        Service::Cpaneld => "cPanel login",
        Service::Webmaild => "Webmail login",
    };
    fill(include_str!("login.html"), &[("title", title), ("message", message), ("target", target)])
}

/// A page that sends the browser on.
pub(super) fn refresh(target: &str) -> String {
    fill(include_str!("refresh.html"), &[("target", target)])
}

/// The security questions in front of a page.
pub(super) fn questions(target: &str) -> String {
    fill(include_str!("questions.html"), &[("target", target)])
}

/// The page that interrupts API calls while security policies apply to them.
pub(super) fn second_factor() -> String {
    include_str!("second_factor.html").to_owned()
}

/// The page of a server that cannot answer.
pub(super) fn trouble() -> String {
    refused("Internal Server Error", "The server is overloaded or restarting.")
}

/// The page of a path that does not exist.
pub(super) fn not_found() -> String {
    refused("Not Found", "There is nothing at this path.")
}

/// A page that only says why not.
pub(super) fn refused(title: &str, text: &str) -> String {
    fill(include_str!("refused.html"), &[("title", title), ("text", text)])
}

/// Escapes a text for HTML, attributes included.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Fills `{{name}}` with escaped texts.
fn fill(template: &str, texts: &[(&str, &str)]) -> String {
    texts.iter().fold(template.to_owned(), |page, (name, text)| page.replace(&format!("{{{{{name}}}}}"), &escape(text)))
}

/// Like [`fill`], with ready HTML for `{{{rows}}}`.
fn fill_rows(template: &str, rows: &str, texts: &[(&str, &str)]) -> String {
    fill(template, texts).replace("{{{rows}}}", rows)
}

/// A page of a signed-in user: its token, name and host are filled in besides `texts`.
fn signed_in(exchange: &Exchange<'_>, session: &Session, template: &str, texts: &[(&str, &str)]) -> Answer {
    signed_in_rows(exchange, session, template, "", texts)
}

/// Like [`signed_in`], with ready HTML for `{{{rows}}}`.
fn signed_in_rows(
    exchange: &Exchange<'_>,
    session: &Session,
    template: &str,
    rows: &str,
    texts: &[(&str, &str)],
) -> Answer {
    let common = [
        ("token", &*session.security_token),
        ("user", &*session.user),
        ("hostname", &*exchange.shared.hostname),
        ("nonce", ""),
    ];
    let texts = [texts, &common].concat();
    Answer::page(200, "OK", fill_rows(template, rows, &texts))
}

/// Something that is no page and not stored.
fn data(content_type: &str, body: String) -> Answer {
    Answer::new(200, "OK", content_type, body).header("Cache-Control", NO_STORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_cannot_become_markup() {
        assert!(login(Service::Whostmgrd, "", "/\"><script>").contains("/&quot;&gt;&lt;script&gt;"));
    }
}
