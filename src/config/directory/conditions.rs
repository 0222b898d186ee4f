//! When a rule holds: `networks`, `not_before`, `expires` and `require`.

use std::str::FromStr;
use std::time::Duration;

use crate::config::field::Field;
use crate::config::section::Section;
use crate::config::words::quoted;
use crate::model::AcrValue;
use crate::model::Conditions;
use crate::model::InvalidNetwork;
use crate::model::Network;
use crate::model::Strength;
use crate::model::Timestamp;

/// A sign-in that may be older than a week is no requirement: no session lasts that long.
const MAX_AGE_MINUTES: u64 = 7 * 24 * 60;

/// The keys of a section that are conditions.
pub(super) const KEYS: [&str; 4] = ["networks", "not_before", "expires", "require"];

/// Reads the conditions of a rule, and reports those that nothing can meet.
pub(super) fn read(section: &Section<'_>) -> Option<Conditions> {
    let networks = match section.optional("networks") {
        Some(field) => networks(&field),
        None => Some(Vec::new()),
    };
    let first_field = section.optional("not_before");
    let not_before = first_field.as_ref().map(moment);
    let end_field = section.optional("expires");
    let expires = end_field.as_ref().map(moment);
    let require = match section.optional("require") {
        Some(field) => strength(&field),
        None => Some(Strength::default()),
    };
    if let (Some(field), Some(Some(first)), Some(Some(end))) = (end_field, not_before, expires)
        && end <= first
    {
        field.problem(
            format!("this rule never holds: it expires at {end}, and begins at {first}"),
            "write an `expires` that is later than `not_before`, or remove the rule",
        );
    }
    Some(Conditions {
        networks: networks?,
        not_before: given(not_before)?,
        expires: given(expires)?,
        require: require?,
    })
}

/// What was written, if something was; nothing at all if it could not be read.
#[expect(clippy::option_option, reason = "absent, refused and read are three cases")]
pub(in crate::config) fn given<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(read) => read.map(Some),
        None => Some(None),
    }
}

fn networks(field: &Field<'_>) -> Option<Vec<Network>> {
    let networks = field.list_of(network)?;
    for (item, network) in field.items()?.iter().zip(&networks) {
        if let Some(wider) = networks.iter().find(|other| *other != network && other.covers(network)) {
            item.warning(
                format!("{} is in {} already", quoted(&network.to_string()), quoted(&wider.to_string())),
                "remove the smaller network, or the larger one if it was not meant",
            );
        }
        if network.is_everywhere() {
            item.warning(
                format!("{} is every address of its family", quoted(&network.to_string())),
                "write the networks that people come from, or leave `networks` out",
            );
        }
    }
    Some(networks)
}

/// A network or one address.
pub(in crate::config) fn network(field: &Field<'_>) -> Option<Network> {
    let text = field.text()?;
    let error = match Network::from_str(text) {
        Ok(network) => return Some(network),
        Err(error) => error,
    };
    let help = match &error {
        InvalidNetwork::Host(meant) => format!("write \"{meant}\", or the one address without a slash"),
        InvalidNetwork::Form | InvalidNetwork::Mapped => {
            "write a network such as \"192.0.2.0/24\" or \"2001:db8::/32\", or one address".to_owned()
        }
    };
    field.problem(format!("`{}` cannot be {}: {error}", field.key(), quoted(text)), help);
    None
}

/// A moment with its distance to UTC, as TOML writes it or in quotes (RFC 3339).
pub(in crate::config) fn moment(field: &Field<'_>) -> Option<Timestamp> {
    const HELP: &str = "write date, time and zone: 2026-12-31T18:00:00Z or 2026-12-31T18:00:00+01:00";
    let text = field.moment()?;
    let moment = text.parse::<jiff::Timestamp>().ok().and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    if moment.is_none() {
        field.problem(format!("`{}` cannot be {}: it is no moment", field.key(), quoted(&text)), HELP);
    }
    moment.map(Timestamp)
}

fn strength(field: &Field<'_>) -> Option<Strength> {
    let section = field.section()?;
    let age_field = section.optional("max_age_minutes");
    let max_age = age_field.as_ref().map(|field| field.integer(1..=MAX_AGE_MINUTES));
    let acr_field = section.optional("acr");
    let acr = acr_field.as_ref().map(|field| {
        field.list_of(|item| item.parse::<AcrValue>("write the values as the provider sends them in `acr`"))
    });
    section.finish();
    if age_field.is_none() && acr_field.is_none() {
        field.problem("`require` requires nothing", "write { max_age_minutes = 15 }, { acr = [\"…\"] } or both");
        return None;
    }
    Some(Strength {
        max_age: given(max_age)?.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
        acr: given(acr)?.unwrap_or_default(),
    })
}
