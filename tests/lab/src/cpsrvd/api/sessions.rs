//! `create_user_session`, and who may enter whose account.

use serde_json::json;

use super::envelope;
use super::table::Call;
use super::table::Done;
use super::table::Outcome;
use crate::cpsrvd::accounts::Account;
use crate::cpsrvd::accounts::Kind;
use crate::cpsrvd::dates::unix_now;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::pages;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::session::Opening;
use crate::cpsrvd::session::encode;
use crate::cpsrvd::switches::AccountLoginAccess;

/// Makes a login URL (WHM API 1 "Create a temporary user session").
pub(super) fn create(call: &Call<'_>) -> Outcome {
    let Call { exchange, caller, fields } = call;
    let typographic = exchange.switches.typographic_failures;
    if exchange.is_post() && !exchange.switches.session_call_by_post {
        return Err(envelope::reason("This function must be called with GET.", typographic));
    }
    let needed = |name: &str| {
        let given = fields.get(name).filter(|value| !value.is_empty());
        given.ok_or_else(|| envelope::reason(&format!("Provide the “{name}” parameter."), typographic))
    };
    let (user, service) = (needed("user")?, needed("service")?);
    let Some(service) = Service::named(service) else {
        return Err(envelope::reason(&format!("“{service}” is not a valid service."), typographic));
    };
    let account = may_enter(exchange, &caller.user, user, service)?;
    if account.suspended && !exchange.switches.suspended_sessions {
        return Err(envelope::reason(&format!("The account “{user}” is suspended."), typographic));
    }
    let security_token = match fields.get("cp_security_token") {
        Some(wish) if exchange.switches.honour_security_token => Some(
            security_token(wish)
                .ok_or_else(|| envelope::reason("The “cp_security_token” parameter is invalid.", typographic))?,
        ),
        Some(_) | None => None,
    };
    let host = match fields.get("preferred_domain") {
        Some(domain) if exchange.switches.honour_preferred_domain => domain,
        Some(_) | None => &exchange.shared.hostname,
    };
    let app = fields.get("app").and_then(|key| pages::deep_link(service, key));
    let locale = fields.get("locale");
    let session = exchange.shared.sessions.open(&Opening {
        user,
        service,
        creator: &caller.user,
        method: "create_user_session",
        security_token,
        landing: app.map_or_else(|| pages::landing(service), str::to_owned),
        locale: locale.map(str::to_owned),
        address: None,
    });
    exchange.shared.log.session(exchange.client(), &session.new_event(exchange.client()), exchange.switches);
    let query = [
        app.map(|path| format!("goto_uri={}", encode(path.trim_start_matches('/')))),
        locale.map(|locale| format!("locale={}", encode(locale))),
        Some(format!("session={}", encode(&session.string))),
    ];
    let query = query.into_iter().flatten().collect::<Vec<_>>().join("&");
    let mut data = json!({
        "cp_security_token": session.security_token,
        "expires": unix_now() + exchange.switches.login_url_lifetime.as_secs(),
        "service": service.name(),
        "session": session.string,
        "url": format!("https://{host}:{}{}/login/?{query}", service.port(), session.security_token),
    });
    if let (Some(locale), Some(data)) = (locale, data.as_object_mut()) {
        data.insert("locale".to_owned(), json!(locale));
    }
    Ok(Done::because("Created session", data))
}

/// The account, if `caller` may open a session of `service` as `user`; otherwise the reason of the failure.
pub(crate) fn may_enter<'a>(
    exchange: &'a Exchange<'_>,
    caller: &str,
    user: &str,
    service: Service,
) -> Result<&'a Account, String> {
    let typographic = exchange.switches.typographic_failures;
    let unknown = || envelope::reason(&format!("You do not have a user named “{user}”."), typographic);
    let account = exchange.shared.accounts.find(user).ok_or_else(unknown)?;
    let fits = match service {
        Service::Whostmgrd => account.kind != Kind::Mailbox,
        Service::Cpaneld => account.has_cpanel(),
        Service::Webmaild => account.kind != Kind::Root,
    };
    if !fits {
        return Err(unknown());
    }
    // A mailbox belongs to whoever owns the cPanel account that it belongs to.
    let holder = match account.kind {
        Kind::Mailbox => exchange.shared.accounts.find(&account.owner).ok_or_else(unknown)?,
        Kind::Root | Kind::Reseller(_) | Kind::Cpanel => account,
    };
    if caller != "root" && !holder.owned_by(caller) {
        return Err(format!("You do not have access to an account named \"{user}\"."));
    }
    if service == Service::Whostmgrd && !account.has_whm() {
        return Err(envelope::reason(&format!("Not a reseller: “{user}”."), typographic));
    }
    let allowed = match exchange.switches.account_login_access {
        AccountLoginAccess::OwnerRoot => true,
        AccountLoginAccess::Owner => holder.owned_by(caller),
        AccountLoginAccess::User => holder.user == caller,
    };
    if service == Service::Cpaneld && !allowed {
        return Err(envelope::reason(&format!("You are not allowed to log in to the account “{user}”."), typographic));
    }
    Ok(account)
}

/// `/cpsess##########` from a caller's wish, with or without the slash.
fn security_token(wish: &str) -> Option<String> {
    let digits = wish.trim_start_matches('/').strip_prefix("cpsess")?;
    (digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("/cpsess{digits}"))
}
