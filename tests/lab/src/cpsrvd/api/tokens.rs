//! The calls that manage API tokens. What is left out of a call means "no limit", as in life.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::envelope;
use super::table::ACLS;
use super::table::Call;
use super::table::Outcome;
use crate::cpsrvd::exchange::Fields;
use crate::cpsrvd::tokens::ApiToken;

/// Entries that an allow-list may have.
const MAX_ADDRESSES: usize = 100;

pub(super) fn create(call: &Call<'_>) -> Outcome {
    let name = checked_name(call, "token_name")?;
    let mut token = ApiToken::new(&call.caller.user, &name);
    limit(&mut token, &call.fields, call)?;
    if !call.exchange.shared.tokens.add(token.clone()) {
        return Err(failure(call, &format!("A token named “{name}” exists.")));
    }
    let mut data = described(&token);
    data.insert("acls".to_owned(), json!(granted(call, &token)));
    data.insert("token".to_owned(), json!(token.secret));
    Ok(Value::Object(data).into())
}

pub(super) fn list(call: &Call<'_>) -> Outcome {
    over_tls(call)?;
    let tokens: Map<String, Value> = call
        .exchange
        .shared
        .tokens
        .of(&call.caller.user)
        .into_iter()
        .map(|token| {
            let acls: Map<String, Value> =
                ACLS.iter().map(|acl| ((*acl).to_owned(), json!(u8::from(token.covers(acl))))).collect();
            let mut data = described(&token);
            data.insert("acls".to_owned(), Value::Object(acls));
            (token.name.clone(), Value::Object(data))
        })
        .collect();
    Ok(json!({"tokens": tokens}).into())
}

pub(super) fn update(call: &Call<'_>) -> Outcome {
    let name = checked_name(call, "token_name")?;
    let mut changed = ApiToken::new(&call.caller.user, &name);
    limit(&mut changed, &call.fields, call)?;
    if call.fields.get("new_name").is_some() {
        changed.name = checked_name(call, "new_name")?;
    }
    let updated = call.exchange.shared.tokens.update(&call.caller.user, &name, |token| {
        token.name = changed.name;
        token.acls = changed.acls;
        token.expires_at = changed.expires_at;
        token.whitelist_ips = changed.whitelist_ips;
    });
    let token = updated.ok_or_else(|| failure(call, &format!("There is no token named “{name}”.")))?;
    let mut data = described(&token);
    data.insert("acls".to_owned(), json!(granted(call, &token)));
    Ok(Value::Object(data).into())
}

pub(super) fn revoke(call: &Call<'_>) -> Outcome {
    over_tls(call)?;
    let names = call.fields.list("token_name");
    if names.is_empty() {
        return Err(failure(call, "Provide the “token_name” parameter."));
    }
    for name in names {
        if !call.exchange.shared.tokens.revoke(&call.caller.user, &name) {
            return Err(failure(call, &format!("There is no token named “{name}”.")));
        }
    }
    Ok(json!({}).into())
}

/// Reads the limits of a token out of a call.
fn limit(token: &mut ApiToken, fields: &Fields, call: &Call<'_>) -> Result<(), String> {
    let acls = fields.list("acl");
    if let Some(unknown) = acls.iter().find(|acl| !ACLS.contains(&acl.as_str())) {
        return Err(failure(call, &format!("“{unknown}” is not a privilege.")));
    }
    token.acls = (!acls.is_empty()).then_some(acls);
    token.whitelist_ips = fields.list("whitelist_ip");
    if token.whitelist_ips.len() > MAX_ADDRESSES {
        return Err(failure(call, "A token may have at most 100 addresses."));
    }
    let end = fields.get("expires_at").unwrap_or("0");
    let end: u64 = end.parse().map_err(|_| failure(call, "The “expires_at” parameter is invalid."))?;
    token.expires_at = (end > 0).then_some(end);
    Ok(())
}

fn checked_name(call: &Call<'_>, field: &str) -> Result<String, String> {
    over_tls(call)?;
    let name = call.fields.get(field).unwrap_or_default();
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if name.is_empty() || name.len() > 50 || !letters {
        return Err(failure(call, &format!("The “{field}” parameter is missing or invalid.")));
    }
    Ok(name.to_owned())
}

fn over_tls(call: &Call<'_>) -> Result<(), String> {
    if call.exchange.peer.endpoint.tls {
        Ok(())
    } else {
        Err(failure(call, "This function needs a secure connection."))
    }
}

/// The ACLs that a token has in the end.
fn granted(call: &Call<'_>, token: &ApiToken) -> Vec<&'static str> {
    let account = call.exchange.shared.accounts.find(&token.user);
    let may = |acl: &&&str| token.covers(acl) && account.is_some_and(|account| account.may(acl));
    ACLS.iter().filter(may).copied().collect()
}

fn described(token: &ApiToken) -> Map<String, Value> {
    let addresses = (!token.whitelist_ips.is_empty()).then_some(&token.whitelist_ips);
    [
        ("create_time", json!(token.create_time)),
        ("expires_at", json!(token.expires_at)),
        ("name", json!(token.name)),
        ("whitelist_ips", json!(addresses)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn failure(call: &Call<'_>, text: &str) -> String {
    envelope::reason(text, call.exchange.switches.typographic_failures)
}
