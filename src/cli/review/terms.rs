//! Conditions as JSON.

use serde::Serialize;

use crate::model::AcrValue;
use crate::model::Conditions;
use crate::model::Timestamp;

/// When something holds; what is not there is no condition.
#[derive(Debug, Serialize)]
pub(super) struct Terms<'d> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age_minutes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acr: Vec<&'d str>,
}

impl<'d> Terms<'d> {
    /// Those of conditions; nothing, if there are none.
    pub(super) fn of(conditions: &'d Conditions) -> Option<Self> {
        let moment = |moment: &Option<Timestamp>| moment.map(|moment| moment.to_string());
        (!conditions.is_none()).then(|| Self {
            networks: conditions.networks.iter().map(ToString::to_string).collect(),
            not_before: moment(&conditions.not_before),
            expires: moment(&conditions.expires),
            max_age_minutes: conditions.require.max_age.map(|age| age.as_secs() / 60),
            acr: conditions.require.acr.iter().map(AcrValue::as_str).collect(),
        })
    }
}
