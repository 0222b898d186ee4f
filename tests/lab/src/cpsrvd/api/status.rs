//! The calls that tell about the server, its accounts and the caller.

#![expect(clippy::unnecessary_wraps, reason = "all functions of the table have one signature")]

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::envelope;
use super::table::ACLS;
use super::table::Call;
use super::table::Outcome;
use crate::cpsrvd::switches::AccountLoginAccess;
use crate::cpsrvd::switches::CookieIpValidation;
use crate::cpsrvd::switches::VersionShape;

/// The version that the double says it is.
const VERSION: &str = "11.134.0.44";

pub(super) fn version(_: &Call<'_>) -> Outcome {
    Ok(json!({"version": VERSION}).into())
}

/// The shape that live hosts were seen answering with even for `api.version=1`.
pub(super) fn legacy_version(call: &Call<'_>) -> Option<Value> {
    (call.exchange.switches.version_shape == VersionShape::Legacy)
        .then(|| json!({"cpanelresult": {"apiversion": "2", "data": {"version": VERSION}, "type": "text"}}))
}

pub(super) fn gethostname(call: &Call<'_>) -> Outcome {
    Ok(json!({"hostname": call.exchange.shared.hostname}).into())
}

pub(super) fn systemloadavg(_: &Call<'_>) -> Outcome {
    Ok(json!({"one": 0.42, "five": 0.36, "fifteen": 0.31}).into())
}

/// Never had an envelope.
pub(super) fn loadavg() -> Value {
    json!({"one": "0.42", "five": "0.36", "fifteen": "0.31"})
}

/// `running` is absent for what is not monitored.
pub(super) fn servicestatus(_: &Call<'_>) -> Outcome {
    let service = |name, display_name, monitored: bool| {
        let mut service = json!({
            "name": name, "display_name": display_name, "enabled": 1, "installed": 1, "monitored": u8::from(monitored),
        });
        if let Some(fields) = service.as_object_mut().filter(|_| monitored) {
            fields.insert("running".to_owned(), json!(1));
        }
        service
    };
    let services = [
        service("httpd", "Web server", true),
        service("named", "DNS server", true),
        service("exim", "Mail server", true),
        service("cpgreylistd", "Greylisting", false),
    ];
    Ok(json!({"service": services}).into())
}

/// A list with one object. A granted ACL is the number 1 for root and a string for a reseller.
pub(super) fn myprivs(call: &Call<'_>) -> Outcome {
    let Some(account) = call.exchange.shared.accounts.find(&call.caller.user) else {
        return Err("The caller has no account.".to_owned());
    };
    let yes = if account.user == "root" { json!(1) } else { json!("1") };
    let privileges: Map<String, Value> = ACLS
        .iter()
        .filter_map(|acl| match (call.caller.may(account, acl), *acl) {
            (true, _) => Some(((*acl).to_owned(), yes.clone())),
            // The three ways in which a refused ACL was seen: absent, 0 and empty.
            (false, "ssl") => None,
            (false, "all") => Some(((*acl).to_owned(), json!(0))),
            (false, _) => Some(((*acl).to_owned(), json!(""))),
        })
        .collect();
    Ok(json!({"privileges": [privileges]}).into())
}

pub(super) fn listaccts(call: &Call<'_>) -> Outcome {
    let shared = call.exchange.shared;
    let field = call.fields.get("searchtype").unwrap_or("user");
    let exact = call.fields.get("searchmethod") == Some("exact");
    let wanted = call.fields.get("search");
    let accounts: Vec<Value> = shared
        .accounts
        .visible_to(&call.caller.user)
        .filter(|account| {
            let value = match field {
                "domain" => &account.domain,
                "owner" => &account.owner,
                _ => &account.user,
            };
            // Without `exact`, life has regular expressions; the double finds the text anywhere.
            wanted.is_none_or(|wanted| if exact { value == wanted } else { value.contains(wanted) })
        })
        .map(|account| {
            json!({
                "user": account.user, "domain": account.domain, "owner": account.owner, "plan": "default",
                "ip": shared.ip.to_string(), "suspended": u8::from(account.suspended), "diskused": "12M",
                "theme": "jupiter", "email": format!("owner@{}", account.domain),
            })
        })
        .collect();
    Ok(json!({"acct": accounts}).into())
}

/// The account that a domain belongs to; null for one that is unknown, or not the caller's.
pub(super) fn getdomainowner(call: &Call<'_>) -> Outcome {
    let domain = call.fields.get("domain").unwrap_or_default();
    let owner = call.exchange.shared.accounts.visible_to(&call.caller.user).find(|account| account.domain == domain);
    Ok(json!({"user": owner.map(|account| &account.user)}).into())
}

pub(super) fn twofactorauth_policy_status(call: &Call<'_>) -> Outcome {
    Ok(json!({"is_enabled": u8::from(call.exchange.switches.two_factor)}).into())
}

/// The settings that a proxy meets, as the switches have them.
pub(super) fn get_tweaksetting(call: &Call<'_>) -> Outcome {
    let switches = call.exchange.switches;
    let key = call.fields.get("key").unwrap_or_default();
    let flag = |on: bool| json!(u8::from(on));
    let value = match key {
        "xframecpsrvd" => flag(switches.x_frame),
        "referrersafety" => flag(switches.referrer_safety),
        "referrerblanksafety" => flag(switches.referrer_blank_safety),
        "requiressl" => flag(switches.require_ssl),
        "csp" => flag(switches.csp),
        "proxysubdomains" => flag(switches.service_subdomains),
        "maxcpsrvdconnections" => json!(switches.handler_cap),
        "logout_redirect_url" => json!(switches.logout_redirect_url),
        "allow_deprecated_accesshash" => flag(switches.allow_accesshash),
        "cookieipvalidation" => json!(match switches.cookie_ip_validation {
            CookieIpValidation::Disabled => "disabled",
            CookieIpValidation::Loose => "loose",
            CookieIpValidation::Strict => "strict",
        }),
        "account_login_access" => json!(match switches.account_login_access {
            AccountLoginAccess::OwnerRoot => "owner_root",
            AccountLoginAccess::Owner => "owner",
            AccountLoginAccess::User => "user",
        }),
        _ => {
            let text = format!("There is no setting named “{key}”.");
            return Err(envelope::reason(&text, switches.typographic_failures));
        }
    };
    Ok(json!({"tweaksetting": {"key": key, "value": value}}).into())
}
