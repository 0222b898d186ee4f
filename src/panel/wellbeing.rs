//! How a server is (WHM API 1 `systemloadavg`, `get_tweaksetting`).

use crate::panel::api_answer::ApiError;
use crate::panel::settings::setting;
use crate::panel::whm_api::WhmApi;

/// The load of the last minute.
pub async fn load(api: &WhmApi<'_>) -> Result<f64, ApiError> {
    let data = api.call("systemloadavg", &[]).await?;
    let one = data.get("one").ok_or(ApiError::Lacks("data.one"))?;
    // A number by the documents; servers that write numbers as text are many.
    let load = one.as_f64().or_else(|| one.as_str()?.parse().ok());
    load.filter(|load| load.is_finite() && *load >= 0.0).ok_or(ApiError::Lacks("data.one"))
}

/// Whether a setting of Tweak Settings is on. Root only.
pub async fn is_setting_on(api: &WhmApi<'_>, key: &str) -> Result<bool, ApiError> {
    setting(api, key).await.map(|value| is_on(&value))
}

fn is_on(value: &str) -> bool {
    !matches!(value, "" | "0" | "disabled" | "off" | "none" | "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_is_written_in_many_ways() {
        for on in ["1", "strict", "loose", "true"] {
            assert!(is_on(on), "{on}");
        }
        for off in ["0", "disabled", "off", "", "false"] {
            assert!(!is_on(off), "{off}");
        }
    }
}
