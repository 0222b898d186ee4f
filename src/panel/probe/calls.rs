//! Calls of the API: those that read, those that fail, and those with tokens that are made for it.

use http::Method;
use http::StatusCode;
use serde_json::Value;

use crate::model::Timestamp;
use crate::panel::api_answer;
use crate::panel::api_answer::ApiError;
use crate::panel::probe::MINTED;
use crate::panel::probe::Probe;
use crate::panel::probe::STEP;
use crate::panel::probe::reading::reason;
use crate::panel::tokens::TokenWish;
use crate::panel::tokens::create_token;
use crate::panel::whm_api::ApiCredential;
use crate::panel::whm_api::WhmApi;

/// An inference, the setting in Tweak Settings that shows it, and the value that is believed.
const SETTINGS: [(&str, &str, &[&str]); 9] = [
    ("cookie_ip", "cookieipvalidation", &["strict"]),
    ("referrer_checks", "referrersafety", &["0", ""]),
    ("blank_referrer_checks", "referrerblanksafety", &["0", ""]),
    ("plain_ports", "requiressl", &["1"]),
    ("csp", "csp", &["0", ""]),
    ("logout_place", "logout_redirect_url", &["", "null"]),
    ("login_access", "account_login_access", &["owner_root"]),
    ("access_hash", "allow_deprecated_accesshash", &["0", ""]),
    ("connections", "maxcpsrvdconnections", &["200"]),
];

/// A name that no server has for an account.
const NOBODY: &str = "pgprobenobody";

pub(super) async fn version(probe: &mut Probe<'_>) -> Result<(), ApiError> {
    let credential = probe.subject.credential;
    let asked = probe.call("asking for the version", (Method::POST, "version"), &[], credential).await;
    let Some(heard) = asked else { return Err(ApiError::Lacks("an answer to the first call")) };
    let data = match api_answer::read_any_shape(heard.status.as_u16(), &heard.body) {
        Err(ApiError::SecurityPolicy) => {
            probe.judge("api_answers", false, "a page asks for a second factor", "true");
            return Err(ApiError::SecurityPolicy);
        }
        other => other?,
    };
    probe.judge("api_answers", true, "the version", "");
    let is_modern = heard.json().is_some_and(|json| json.get("metadata").is_some());
    probe.judge("version_shape", is_modern, if is_modern { "data and metadata" } else { "cpanelresult" }, "Legacy");
    probe.version = data.get("version").and_then(Value::as_str).map(|text| text.chars().take(40).collect());
    Ok(())
}

pub(super) async fn settings(probe: &mut Probe<'_>) {
    let credential = probe.subject.credential;
    for (id, key, believed) in SETTINGS {
        let asked =
            probe.call("reading a setting", (Method::POST, "get_tweaksetting"), &[("key", key)], credential).await;
        let Some(heard) = asked else { continue };
        match api_answer::read(heard.status.as_u16(), &heard.body) {
            Ok(data) => {
                let value = match data.pointer("/tweaksetting/value") {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                probe.judge(id, believed.contains(&&*value), &format!("{key} is {value:?}"), &value);
            }
            Err(error) => probe.unseen(id, &format!("{key} cannot be read: {error}")),
        }
    }
    let step = "asking whether there is a second factor";
    let asked = probe.call(step, (Method::POST, "twofactorauth_policy_status"), &[], credential).await;
    if let Some(Ok(data)) = asked.map(|heard| api_answer::read(heard.status.as_u16(), &heard.body)) {
        let is_off =
            data.get("is_enabled").is_some_and(|value| value.as_u64() == Some(0) || value.as_str() == Some("0"));
        probe.judge("two_factor", is_off, if is_off { "off" } else { "on" }, "true");
    } else {
        probe.unseen("two_factor", "the token may not ask");
    }
}

/// Failures that only a call for nothing gives.
pub(super) async fn failures(probe: &mut Probe<'_>) {
    let credential = probe.subject.credential;
    let function = "panelgate_probe_unknown";
    if let Some(heard) = probe.call("calling a function that is none", (Method::POST, function), &[], credential).await
    {
        let reason = reason(&heard);
        let holds = heard.status == StatusCode::OK && reason.contains("Unknown app") && reason.contains(function);
        probe.judge("unknown_function", holds, &reason, "");
    }
    let wish = [("user", NOBODY), ("service", "whostmgrd")];
    let step = "asking for a session of an account that is none";
    if let Some(heard) = probe.call(step, (Method::GET, "create_user_session"), &wish, credential).await {
        let reason = reason(&heard);
        let is_refused = heard.status == StatusCode::OK && reason.contains("do not have a user named");
        probe.judge("session_by_get", is_refused, &reason, "");
        let holds = is_refused && reason.contains("XID") && reason.contains('\u{201c}');
        probe.judge("unknown_account", holds, &reason, "false");
    }
}

/// What takes tokens of our making, or a wrong one.
pub(super) async fn with_tokens(probe: &mut Probe<'_>) {
    if !probe.subject.mints {
        for id in ["bad_token", "weak_token", "allow_list"] {
            probe.unseen(id, "it takes tokens that are made for it: --mint");
        }
        return;
    }
    let account = probe.subject.credential.account.clone();
    let wrong = ApiCredential { account, token: "A".repeat(32).into() };
    let wish = [("user", wrong.account.as_str()), ("service", "whostmgrd")];
    let call = (Method::GET, "create_user_session");
    let Some(bad) = probe.call("showing a wrong API token, once", call.clone(), &wish, &wrong).await else { return };
    let is_text = bad.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
    let has_metadata = bad.json().is_some_and(|json| json.get("metadata").is_some());
    let holds = bad.status == StatusCode::FORBIDDEN && is_text && !has_metadata;
    probe.judge("bad_token", holds, &bad.line(), "");
    if let Some(weak) = minted(probe, "making a token that may list accounts", &[]).await
        && let Some(heard) = probe.call("opening a session with it", call.clone(), &wish, &weak).await
    {
        let reason = reason(&heard);
        probe.judge("weak_token", heard.status == StatusCode::OK && reason.contains("Permission denied"), &reason, "");
    }
    if let Some(elsewhere) = minted(probe, "making one for another address", &["192.0.2.1"]).await
        && let Some(heard) = probe.call("showing it from here", call, &wish, &elsewhere).await
    {
        let is_same = heard.status == bad.status && heard.reason == bad.reason && heard.body == bad.body;
        probe.judge("allow_list", is_same, &heard.line(), "");
    }
}

/// Makes a token that may list accounts and nothing else, for ten minutes.
async fn minted(probe: &mut Probe<'_>, step: &'static str, addresses: &[&str]) -> Option<ApiCredential> {
    let mut random = [0; 4];
    probe.subject.random.fill(&mut random).ok()?;
    let name = format!("panelgate-probe-{:08x}", u32::from_be_bytes(random));
    let ends = probe.subject.now.plus(MINTED);
    let wish = TokenWish {
        name: name.clone(),
        privileges: vec!["list-accts".to_owned()],
        expires_at: Timestamp::from_secs(ends.secs()),
        addresses: addresses.iter().map(|ip| (*ip).to_owned()).collect(),
    };
    (probe.announce)(step);
    // Known before it can exist.
    probe.minted.push(name);
    let credential = probe.subject.credential;
    let api = WhmApi { client: &probe.client, credential, answer_limit: probe.subject.answer_limit };
    let made = tokio::time::timeout(STEP, create_token(&api, &wish)).await;
    let Ok(Ok(token)) = made else {
        probe.silent.push(step);
        return None;
    };
    let credential = ApiCredential { account: credential.account.clone(), token };
    credential.hide(&mut |secret| probe.redactor.hide(secret));
    Some(credential)
}
