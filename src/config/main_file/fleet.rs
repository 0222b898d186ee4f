//! `[fleet]`: how the servers and their API tokens are looked after.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::outside;
use crate::config::section::Section;
use crate::config::settings::Fleet;

const DEFAULT_TOKEN_DAYS: u64 = 90;
const DEFAULT_BEFORE_DAYS: u64 = 14;
const DEFAULT_WATCH_MINUTES: u64 = 10;

/// What cPanel takes (WHM API 1 `api_token_create`).
const MAX_ADDRESSES: usize = 100;

pub(super) fn read(top: &Section<'_>) -> Option<Fleet> {
    let section = match top.optional("fleet") {
        Some(field) => Some(field.section()?),
        None => None,
    };
    let optional = |key| section.as_ref().and_then(|section| section.optional(key));
    let (days_field, before_field) = (optional("token_days"), optional("rotate_days_before"));
    let token_days = days_field.as_ref().map_or(Some(DEFAULT_TOKEN_DAYS), |field| field.integer(1..=3650));
    let before_days = before_field.as_ref().map_or(Some(DEFAULT_BEFORE_DAYS), |field| field.integer(0..=3649));
    let rotate = optional("rotate").map_or(Some(false), |field| field.boolean());
    let watch = optional("watch_minutes").map_or(Some(DEFAULT_WATCH_MINUTES), |field| field.integer(0..=1440));
    let advisories = optional("advisories").map(|field| outside::path(&field));
    let addresses = match optional("addresses") {
        Some(field) => field
            .list_of(|item| item.parse::<IpAddr>("write the addresses from which Panelgate reaches servers"))
            .and_then(|list| {
                if list.len() > MAX_ADDRESSES {
                    field.problem("a token takes at most 100 addresses", "name fewer");
                    return None;
                }
                Some(list)
            }),
        None => Some(Vec::new()),
    };
    if let Some(section) = section {
        section.finish();
    }
    let (token_days, before_days) = (token_days?, before_days?);
    if before_days >= token_days {
        if let Some(field) = before_field.or(days_field) {
            field.problem(
                "a token would be due from its first day on",
                "make rotate_days_before shorter, or token_days longer",
            );
        }
        return None;
    }
    let days = |days: u64| Duration::from_hours(24 * days);
    Some(Fleet {
        token_lifetime: days(token_days),
        rotate: rotate?,
        watch: watch.map(|minutes| (minutes > 0).then(|| Duration::from_mins(minutes)))?,
        advisories: match advisories {
            Some(path) => Some(path?),
            None => None,
        },
        rotate_before: days(before_days),
        addresses: addresses?,
    })
}
