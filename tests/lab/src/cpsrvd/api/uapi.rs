//! UAPI at `/execute/MODULE/FUNCTION`, and the API 2 bridge.

use serde_json::Value;
use serde_json::json;

use super::envelope;
use super::table::Call;
use crate::cpsrvd::accounts::Account;
use crate::cpsrvd::accounts::Kind;
use crate::cpsrvd::hops;
use crate::cpsrvd::random;

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
            mailboxes(call).map(|account| json!({"email": account.user, "login": account.user})).collect::<Vec<_>>()
        )),
        ("Variables", "get_user_information") => Ok(json!({"user": user, "theme": "jupiter"})),
        _ => Err(format!("Could not find function '{name}' in module '{module}'")),
    };
    done.map_or_else(|error| envelope::uapi_failure(&error), |data| envelope::uapi_success(&data))
}

/// API 2: unknown but for one function, in its own envelope.
pub(super) fn bridge(call: &Call<'_>) -> Value {
    let field = |names: [&str; 2]| names.iter().find_map(|name| call.fields.get(name)).unwrap_or_default();
    let module = field(["cpanel_jsonapi_module", "cpanel_xmlapi_module"]);
    let function = field(["cpanel_jsonapi_func", "cpanel_xmlapi_func"]);
    if (module, function) == ("Email", "listpops") {
        let data: Vec<_> = mailboxes(call).map(|account| json!({"email": account.user})).collect();
        let event = json!({"result": 1});
        return json!({"cpanelresult": {"apiversion": 2, "module": module, "func": function, "data": data, "event": event}});
    }
    let error = format!("Could not find function '{function}' in module '{module}'");
    json!({"cpanelresult": {"apiversion": 2, "module": module, "func": function, "error": error, "event": {"result": 0}}})
}

fn mailboxes<'a>(call: &'a Call<'_>) -> impl Iterator<Item = &'a Account> {
    let accounts = call.exchange.shared.accounts.iter();
    accounts.filter(|account| account.kind == Kind::Mailbox && account.owner == call.caller.user)
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
