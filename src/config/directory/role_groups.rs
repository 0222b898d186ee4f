//! `[[role_groups]]`: which of the provider's groups make up which of ours.

use crate::config::directory::ByName;
use crate::config::directory::Origin;
use crate::config::directory::first as first_in;
use crate::config::directory::sections;
use crate::config::field::Field;
use crate::config::findings::Place;
use crate::config::nearest::nearest;
use crate::config::section::Section;
use crate::config::words::quoted;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::Right;
use crate::model::RoleGroup;
use crate::model::RoleGroupName;

/// Longer than any provider's names of groups, most of which are distinguished names at the longest.
const MAX_GROUP_BYTES: usize = 1024;

/// A role group as far as it could be read.
pub(super) struct WrittenRoleGroup {
    place: Place,
    line: usize,
    pub(super) connect: bool,
    /// The role group, if all of it could be read.
    pub(super) role_group: Option<RoleGroup>,
}

pub(super) fn read(tops: &[Section<'_>], origin: &Origin<'_>) -> ByName<WrittenRoleGroup> {
    let mut role_groups: ByName<WrittenRoleGroup> = ByName::new();
    for section in sections(tops, "role_groups") {
        let source = origin.source(&section);
        let name_field = section.required("name", "\"Support\"");
        let name = name_field.as_ref().and_then(name);
        let idp_groups = section.required("idp_groups", "[\"whm-support\"]").and_then(|field| field.list_of(idp_group));
        let connect = section.required("connect", "true").and_then(|field| field.boolean());
        let provider = match section.optional("provider") {
            Some(field) => provider(&field, origin).map(Some),
            None => Some(None),
        };
        let rights = match section.optional("rights") {
            Some(field) => rights(&field, connect),
            None => Some(Vec::new()),
        };
        section.finish();

        let Some((field, written)) = name_field.and_then(|field| field.text().map(|text| (field, text))) else {
            continue;
        };
        if let Some(first) = role_groups.get(written) {
            field.problem(
                format!(
                    "the role group {} is defined twice, first in {}",
                    quoted(written),
                    first_in(&first.place, first.line, field.file())
                ),
                "give each role group a name of its own, or put their idp_groups together",
            );
            continue;
        }
        let role_group = || {
            Some(RoleGroup {
                name: name?,
                idp_groups: idp_groups?,
                provider: provider?,
                connect: connect?,
                rights: rights?,
                source,
            })
        };
        let read = WrittenRoleGroup {
            place: field.place(),
            line: field.line(),
            // What could not be read has been reported; a warning on top would only distract.
            connect: connect.unwrap_or(true),
            role_group: role_group(),
        };
        role_groups.insert(written.to_owned(), read);
    }
    role_groups
}

fn name(field: &Field<'_>) -> Option<RoleGroupName> {
    let text = field.label()?;
    let name = RoleGroupName::new(text);
    if name.is_none() {
        field.problem(format!("the name {} is longer than 100 bytes", quoted(text)), "write a shorter name");
    }
    name
}

/// A provider of the main file. Where that names none, as in a checkout of the directory alone, any name will do.
fn provider(field: &Field<'_>, origin: &Origin<'_>) -> Option<ProviderId> {
    let id: ProviderId = field.parse("write the id of a provider of the main file")?;
    let known = || origin.providers.values().map(ProviderId::as_str);
    if known().next().is_none() || known().any(|one| one == id.as_str()) {
        return Some(id);
    }
    let help = match nearest(id.as_str(), known()) {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => "write the id of a provider of the main file".to_owned(),
    };
    field.problem(format!("there is no provider {}", quoted(id.as_str())), help);
    None
}

fn rights(field: &Field<'_>, connect: Option<bool>) -> Option<Vec<Right>> {
    let choices = Right::ALL.map(|right| (right.as_str(), right));
    let rights = field.list_of(|item| item.choice(&choices))?;
    if connect == Some(false) {
        field.warning(
            "these rights give nothing: the role group may not connect",
            "write connect = true in the role group, or remove the rights",
        );
    }
    Some(rights)
}

pub(in crate::config) fn idp_group(field: &Field<'_>) -> Option<IdpGroup> {
    let text = field.text()?;
    let wrong = if text.is_empty() {
        "an empty name is no group"
    } else if text.len() > MAX_GROUP_BYTES {
        "the name of a group is longer than 1024 bytes"
    } else {
        if text.trim() != text {
            field.warning(
                format!("the group {} begins or ends with a blank", quoted(text)),
                "groups are compared letter by letter: write the name exactly as the provider sends it",
            );
        }
        return Some(IdpGroup(text.to_owned()));
    };
    field.problem(wrong, "write the name of the group exactly as the provider sends it");
    None
}
