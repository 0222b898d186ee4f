//! The WHM API functions that the double has, with the privilege that each one needs.

use serde_json::Value;
use serde_json::json;

use super::authorize::Caller;
use super::envelope;
use super::sessions;
use super::status;
use super::tokens;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::exchange::Fields;

/// A call under way.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) exchange: &'a Exchange<'a>,
    pub(super) caller: &'a Caller,
    pub(super) fields: Fields,
}

/// What a function gives: its data with a reason such as `OK`, or the reason of its failure.
pub(super) type Outcome = Result<Done, String>;

/// A success.
#[derive(Debug)]
pub(super) struct Done {
    reason: &'static str,
    data: Value,
}

impl Done {
    pub(super) fn because(reason: &'static str, data: Value) -> Self {
        Self { reason, data }
    }
}

impl From<Value> for Done {
    fn from(data: Value) -> Self {
        Self { reason: "OK", data }
    }
}

struct Function {
    name: &'static str,
    /// The ACL it needs; empty for none.
    acl: &'static str,
    call: fn(&Call<'_>) -> Outcome,
}

#[rustfmt::skip]
const FUNCTIONS: &[Function] = &[
    Function { name: "api_token_create", acl: "manage-api-tokens", call: tokens::create },
    Function { name: "api_token_list", acl: "manage-api-tokens", call: tokens::list },
    Function { name: "api_token_revoke", acl: "manage-api-tokens", call: tokens::revoke },
    Function { name: "api_token_update", acl: "manage-api-tokens", call: tokens::update },
    Function { name: "applist", acl: "", call: applist },
    Function { name: "create_user_session", acl: "create-user-session", call: sessions::create },
    Function { name: "get_tweaksetting", acl: "all", call: status::get_tweaksetting },
    Function { name: "getdomainowner", acl: "list-accts", call: status::getdomainowner },
    Function { name: "gethostname", acl: "basic-system-info", call: status::gethostname },
    Function { name: "listaccts", acl: "list-accts", call: status::listaccts },
    Function { name: "myprivs", acl: "", call: status::myprivs },
    Function { name: "servicestatus", acl: "basic-system-info", call: status::servicestatus },
    Function { name: "systemloadavg", acl: "basic-system-info", call: status::systemloadavg },
    Function { name: "twofactorauth_policy_status", acl: "all", call: status::twofactorauth_policy_status },
    Function { name: "version", acl: "", call: status::version },
];

/// All ACLs that the double knows.
pub(super) const ACLS: &[&str] =
    &["all", "basic-system-info", "create-user-session", "list-accts", "manage-api-tokens", "ssl"];

/// Runs a function and gives the whole answer.
pub(super) fn run(call: &Call<'_>, name: &str) -> Value {
    if name == "loadavg" {
        return status::loadavg();
    }
    if call.fields.get("api.version") != Some("1") {
        return version_0(call, name);
    }
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
        return envelope::failure(
            name,
            &format!("Unknown app (\"{name}\") requested for this version (1) of the API."),
        );
    };
    if !permitted(call, function) {
        return envelope::failure(name, &format!("Permission denied: the “{}” privilege is missing.", function.acl));
    }
    if name == "version"
        && let Some(legacy) = status::legacy_version(call)
    {
        return legacy;
    }
    match (function.call)(call) {
        Ok(done) => envelope::success(name, done.reason, &done.data),
        Err(reason) => envelope::failure(name, &reason),
    }
}

fn permitted(call: &Call<'_>, function: &Function) -> bool {
    let account = call.exchange.shared.accounts.find(&call.caller.user);
    account
        .is_some_and(|account| account.has_whm() && (function.acl.is_empty() || call.caller.may(account, function.acl)))
}

/// Without `api.version=1`, the oldest functions answer without an envelope, the others are unknown.
fn version_0(call: &Call<'_>, name: &str) -> Value {
    let data = match name {
        "version" => status::version(call),
        "gethostname" => status::gethostname(call),
        "applist" => applist(call),
        _ => return json!({"error": format!("Unknown App Requested: {name}")}),
    };
    data.map_or_else(|reason| json!({"error": reason}), |done| done.data)
}

#[expect(clippy::unnecessary_wraps, reason = "all functions of the table have one signature")]
fn applist(call: &Call<'_>) -> Outcome {
    let names: Vec<_> =
        FUNCTIONS.iter().filter(|function| permitted(call, function)).map(|function| function.name).collect();
    Ok(json!({"app": names}).into())
}
