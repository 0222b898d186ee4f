//! UAPI at `/execute/MODULE/FUNCTION`, and the API 2 bridge.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::envelope;
use super::table::Call;
use crate::cpsrvd::accounts::Account;
use crate::cpsrvd::accounts::Kind;
use crate::cpsrvd::hops;
use crate::cpsrvd::random;
use crate::cpsrvd::service::Service;

/// Runs a UAPI function.
pub(super) fn execute(call: &Call<'_>, function: &str) -> Value {
    let (module, name) = function.split_once('/').unwrap_or((function, ""));
    let user = &call.caller.user;
    let done = match (module, name) {
        ("Session", "create_temp_user") => temp_user(call),
        ("Session", "create_webmail_session_for_mail_user" | "create_webmail_session_for_mail_user_check_password") => {
            let address = format!(
                "{}@{}",
                call.fields.get("login").unwrap_or_default(),
                call.fields.get("domain").unwrap_or_default()
            );
            webmail_session(call, &address)
        }
        ("Session", "create_webmail_session_for_self") => webmail_session(call, user),
        ("Email", "list_pops") => Ok(json!(
            mailboxes(call, user)
                .map(|account| json!({"email": account.user, "login": account.user}))
                .collect::<Vec<_>>()
        )),
        ("Variables", "get_user_information") => Ok(json!({"user": user, "theme": "jupiter"})),
        _ => Err(format!("Could not find function '{name}' in module '{module}'")),
    };
    done.map_or_else(|error| envelope::uapi_failure(&error), |data| envelope::uapi_success(&data))
}

/// API 2: unknown but for one function, in its own envelope. WHM's callers name the account that they
/// act for in `cpanel_jsonapi_user`.
pub(super) fn bridge(call: &Call<'_>) -> Value {
    let field = |names: [&str; 2]| names.iter().find_map(|name| call.fields.get(name)).unwrap_or_default();
    let module = field(["cpanel_jsonapi_module", "cpanel_xmlapi_module"]);
    let function = field(["cpanel_jsonapi_func", "cpanel_xmlapi_func"]);
    let user = match call.exchange.service() {
        Service::Whostmgrd => field(["cpanel_jsonapi_user", "cpanel_xmlapi_user"]),
        Service::Cpaneld | Service::Webmaild => &*call.caller.user,
    };
    let done = if let Err(reason) = may_act_for(call, user) {
        Err(reason)
    } else if (module, function) == ("Email", "listpops") {
        Ok(mailboxes(call, user).map(|account| json!({"email": account.user})).collect::<Vec<_>>())
    } else {
        Err(format!("Could not find function '{function}' in module '{module}'"))
    };
    let common = json!({"apiversion": 2, "module": module, "func": function});
    let rest = match done {
        Ok(data) => json!({"data": data, "event": {"result": 1}}),
        Err(error) => json!({"error": error, "event": {"result": 0}}),
    };
    let fields: Map<String, Value> =
        [common, rest].iter().filter_map(Value::as_object).flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    json!({"cpanelresult": fields})
}

/// Whether a caller may act for an account: their own, or for WHM's callers one that they see there.
fn may_act_for(call: &Call<'_>, user: &str) -> Result<(), String> {
    let accounts = &call.exchange.shared.accounts;
    let visible = accounts.visible_to(&call.caller.user).any(|account| account.user == user);
    if user == call.caller.user || visible {
        Ok(())
    } else {
        Err(format!("You do not have access to an account named \"{user}\"."))
    }
}

fn mailboxes<'a>(call: &'a Call<'_>, user: &'a str) -> impl Iterator<Item = &'a Account> {
    let accounts = call.exchange.shared.accounts.iter();
    accounts.filter(move |account| account.kind == Kind::Mailbox && account.owner == user)
}

/// phpMyAdmin's account: only a browser session can have one.
fn temp_user(call: &Call<'_>) -> Result<Value, String> {
    match &call.caller.session {
        Some(_) => Ok(json!({"created": 1, "session_temp_user": format!("cpses_{}", random::small(10))})),
        None => Err("This function needs a session.".to_owned()),
    }
}

/// A session that is posted to Webmail's `/cpsess…/login/`.
fn webmail_session(call: &Call<'_>, user: &str) -> Result<Value, String> {
    let exchange = call.exchange;
    let address = match call.fields.get("remote_address") {
        Some(text) => text.parse().map_err(|_| format!("“{text}” is not an IP address."))?,
        None => exchange.client(),
    };
    let session = hops::to_webmail(exchange, &call.caller.user, user, address)?;
    Ok(json!({"session": session.string, "token": session.security_token, "hostname": null}))
}
