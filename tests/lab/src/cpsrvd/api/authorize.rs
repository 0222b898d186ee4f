//! The `Authorization` header in the five forms that cpsrvd knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cpsrvd::accounts::Account;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::session;
use crate::cpsrvd::session::Session;
use crate::cpsrvd::tokens::ApiToken;

/// Who calls.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: String,
    /// The token that was shown, with its limits.
    token: Option<ApiToken>,
    /// The session that was shown.
    pub(crate) session: Option<Session>,
    /// For the access log.
    pub(crate) method: char,
}

impl Caller {
    pub(super) fn of_session(session: Session) -> Self {
        Self { user: session.user.clone(), token: None, session: Some(session), method: 's' }
    }

    /// Whether both the user and the token have a privilege.
    pub(super) fn may(&self, account: &Account, acl: &str) -> bool {
        account.may(acl) && self.token.as_ref().is_none_or(|token| token.covers(acl))
    }
}

/// The caller whom a header proves.
///
/// `whm USER:TOKEN` counts on WHM's ports, `cpanel USER:TOKEN` on cPanel's; the scheme's case does not
/// matter. `WHM root:HASH` counts while `allow_deprecated_accesshash` is on, `Basic` everywhere.
pub(crate) fn by_header(exchange: &Exchange<'_>, value: &str) -> Option<Caller> {
    let (scheme, credentials) = value.split_once(' ')?;
    let service = exchange.service();
    match (&*scheme.to_ascii_lowercase(), service) {
        ("whm", Service::Whostmgrd) => token(exchange, credentials).or_else(|| accesshash(exchange, credentials)),
        ("cpanel", Service::Cpaneld) => token(exchange, credentials),
        ("basic", _) => basic(exchange, credentials),
        _ => None,
    }
}

fn token(exchange: &Exchange<'_>, credentials: &str) -> Option<Caller> {
    let (user, secret) = credentials.split_once(':')?;
    let shared = exchange.shared;
    let account = shared.accounts.find(user).filter(|account| !account.suspended)?;
    let fits = match exchange.service() {
        Service::Whostmgrd => account.has_whm(),
        Service::Cpaneld => account.has_cpanel(),
        Service::Webmaild => false,
    };
    let token = shared.tokens.check(user, secret, exchange.client()).filter(|_| fits)?;
    Some(Caller { user: user.to_owned(), token: Some(token), session: None, method: 'a' })
}

fn accesshash(exchange: &Exchange<'_>, credentials: &str) -> Option<Caller> {
    let (user, hash) = credentials.split_once(':')?;
    let right = exchange.switches.allow_accesshash && user == "root" && hash == exchange.shared.accesshash;
    right.then(|| Caller { user: user.to_owned(), token: None, session: None, method: 'a' })
}

fn basic(exchange: &Exchange<'_>, credentials: &str) -> Option<Caller> {
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    let account = session::verify_password(exchange, user, password)?;
    Some(Caller { user: account.user.clone(), token: None, session: None, method: 'b' })
}
