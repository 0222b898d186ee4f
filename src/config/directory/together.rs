//! Rules beside each other: those that add nothing, and those whose times overlap.

use std::collections::BTreeMap;

use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::model::Account;
use crate::model::Clock as _;
use crate::model::RoleGroupName;
use crate::model::Rule;
use crate::model::SystemClock;

/// Warns about rules that have expired, that another rule makes useless, or that share a part of their time with one
/// that gives the same.
pub(super) fn warn(rules: &[(Place, Rule)], findings: &Findings) {
    let now = SystemClock.now();
    for (place, rule) in rules {
        if let Some(end) = rule.conditions.expires.filter(|end| *end <= now) {
            findings.warning(
                place.clone(),
                format!("this rule gives nothing any more: it expired at {end}"),
                "remove the rule, or write a later `expires`",
            );
        }
    }
    let mut alike: BTreeMap<(&RoleGroupName, &Account), Vec<&(Place, Rule)>> = BTreeMap::new();
    for entry in rules {
        alike.entry((&entry.1.role_group, &entry.1.account)).or_default().push(entry);
    }
    for rules in alike.values() {
        for (number, (place, rule)) in rules.iter().enumerate() {
            let others = rules.iter().enumerate().filter(|(other, _)| *other != number);
            let mut wider = others.clone().filter(|(other, (_, wider))| {
                // Of two that give the same, the later one is too much.
                gives_all(wider, rule) && (*other < number || !gives_all(rule, wider))
            });
            if let Some((_, (_, wider))) = wider.next() {
                findings.warning(
                    place.clone(),
                    format!("this rule adds nothing: the rule at {} gives all of it", wider.source),
                    "remove this rule, or narrow the other one",
                );
                continue;
            }
            let mut earlier = others.filter(|(other, _)| *other < number);
            if let Some((_, (_, other))) = earlier.find(|(_, (_, other))| overlaps(rule, other)) {
                findings.warning(
                    place.clone(),
                    format!("this rule and the one at {} give the same at times that overlap", other.source),
                    "write one rule for the whole time, or let one end when the other begins",
                );
            }
        }
    }
}

/// Whether a rule gives all that another one does, for the same role group and account.
fn gives_all(wide: &Rule, narrow: &Rule) -> bool {
    has_all(wide, narrow) && wide.conditions.cover(&narrow.conditions)
}

fn has_all(wide: &Rule, narrow: &Rule) -> bool {
    narrow.servers.iter().all(|server| wide.servers.contains(server))
        && narrow.services.iter().all(|service| wide.services.contains(service))
        && narrow.customers.iter().all(|service| wide.customers.contains(service))
}

/// Whether two rules differ in their time alone, and share some of it.
fn overlaps(one: &Rule, other: &Rule) -> bool {
    let (a, b) = (&one.conditions, &other.conditions);
    let begins_before_end = |first: &Rule, second: &Rule| {
        let begin = first.conditions.not_before.unwrap_or_default();
        second.conditions.expires.is_none_or(|end| begin < end)
    };
    has_all(one, other)
        && has_all(other, one)
        && a.networks == b.networks
        && a.require == b.require
        && begins_before_end(one, other)
        && begins_before_end(other, one)
}
