//! What a token can do (WHM API 1 `version`, `myprivs`, `applist`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::panel::api_answer::ApiError;
use crate::panel::tokens::is_granted;
use crate::panel::whm_api::WhmApi;

/// The version of cPanel & WHM, such as `11.134.0.44`. Asking for it needs no privilege.
pub async fn version(api: &WhmApi<'_>) -> Result<String, ApiError> {
    // Live servers were seen to answer in the shape of API 2 whatever they are asked for.
    let data = api.call_of_any_shape("version").await?;
    let version = data.get("version").and_then(Value::as_str).unwrap_or_default();
    let is_version = !version.is_empty() && version.len() <= 40;
    let is_version = is_version && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_version { Ok(version.to_owned()) } else { Err(ApiError::Lacks("data.version")) }
}

/// The privileges of the caller, by their ACL names.
pub async fn privileges(api: &WhmApi<'_>) -> Result<BTreeSet<String>, ApiError> {
    let data = api.call("myprivs", &[]).await?;
    let privileges = data.get("privileges").ok_or(ApiError::Lacks("data.privileges"))?;
    // A list with one object.
    let object = privileges.as_array().and_then(|list| list.first()).unwrap_or(privileges);
    let object = object.as_object().ok_or(ApiError::Lacks("data.privileges"))?;
    Ok(object.iter().filter(|(_, value)| is_granted(value)).map(|(acl, _)| acl.clone()).collect())
}

/// The functions that the caller may call.
pub async fn functions(api: &WhmApi<'_>) -> Result<BTreeSet<String>, ApiError> {
    let data = api.call("applist", &[]).await?;
    let list = data.get("app").and_then(Value::as_array).ok_or(ApiError::Lacks("data.app"))?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
