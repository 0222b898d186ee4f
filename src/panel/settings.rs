//! A server's own settings (WHM API 1 `get_tweaksetting`), which only a token with root's whole power can read.

use serde_json::Value;

use crate::panel::api_answer::ApiError;
use crate::panel::whm_api::WhmApi;

/// Longest value that is kept, in characters.
const LONGEST: usize = 100;

/// The value of a Tweak Setting, by its key in `cpanel.config`.
pub async fn setting(api: &WhmApi<'_>, key: &str) -> Result<String, ApiError> {
    let data = api.call("get_tweaksetting", &[("key", key)]).await?;
    let value = data.pointer("/tweaksetting/value").ok_or(ApiError::Lacks("data.tweaksetting.value"))?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    Ok(text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect())
}
