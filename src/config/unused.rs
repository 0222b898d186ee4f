//! What a directory defines and nobody can use.

use std::collections::BTreeSet;

use crate::model::Access;
use crate::model::Directory;
use crate::model::IdpGroup;
use crate::model::RoleGroup;
use crate::model::ServerId;

/// The servers that nobody can open, by id.
pub fn unused_servers(directory: &Directory) -> Vec<&ServerId> {
    let connects = |rule_group| directory.role_groups.get(rule_group).is_some_and(|group| group.connect);
    let given: BTreeSet<&ServerId> =
        directory.rules.iter().filter(|rule| connects(&rule.role_group)).flat_map(|rule| &rule.servers).collect();
    let somebody_connects = directory.role_groups.values().any(|group| group.connect);
    let is_unused = |server: &&ServerId| match directory.servers.get(*server).map(|server| &server.access) {
        Some(Access::Unrestricted { .. }) => !somebody_connects,
        Some(Access::Restricted) | None => !given.contains(server),
    };
    directory.servers.keys().filter(is_unused).collect()
}

/// The groups of providers that give their members nothing, in order.
pub fn unused_groups(directory: &Directory) -> Vec<&IdpGroup> {
    let has_open_server = directory.servers.values().any(|server| server.access != Access::Restricted);
    let has_rule = |group: &RoleGroup| directory.rules.iter().any(|rule| rule.role_group == group.name);
    let is_useful =
        |group: &&RoleGroup| group.connect && (has_open_server || !group.rights.is_empty() || has_rule(group));
    let useful: BTreeSet<&IdpGroup> =
        directory.role_groups.values().filter(is_useful).flat_map(|group| &group.idp_groups).collect();
    let all: BTreeSet<&IdpGroup> = directory.role_groups.values().flat_map(|group| &group.idp_groups).collect();
    all.into_iter().filter(|group| !useful.contains(group)).collect()
}
