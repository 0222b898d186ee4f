//! Policy a second time, straight from the words of the manual and without an index.

use panelgate::model::Access;
use panelgate::model::Account;
use panelgate::model::Directory;
use panelgate::model::IdpGroup;
use panelgate::model::RoleGroup;
use panelgate::model::Service;
use panelgate::model::Source;
use panelgate::policy::AccessRequest;
use panelgate::policy::Decision;
use panelgate::policy::Reason;

pub(crate) fn decide<'d>(directory: &'d Directory, groups: &[IdpGroup], request: &AccessRequest) -> Decision<'d> {
    let mine: Vec<&RoleGroup> = directory
        .role_groups
        .values()
        .filter(|role| {
            role.idp_groups.iter().any(|theirs| groups.iter().any(|g| g.0.as_bytes() == theirs.0.as_bytes()))
        })
        .collect();
    if mine.is_empty() {
        return Decision::Denied(Reason::NoRoleGroup);
    }
    let connecting: Vec<&RoleGroup> = mine.into_iter().filter(|role| role.connect).collect();
    if connecting.is_empty() {
        return Decision::Denied(Reason::NoConnectPermission);
    }
    let Some(server) = directory.servers.get(&request.server) else {
        return Decision::Denied(Reason::UnknownServer);
    };
    let permissions: Vec<(&Vec<Service>, &Account, &Source)> = match &server.access {
        Access::Unrestricted { services, account, .. } => vec![(services, account, &server.source)],
        Access::Restricted => directory
            .rules
            .iter()
            .filter(|rule| connecting.iter().any(|role| role.name == rule.role_group))
            .filter(|rule| rule.servers.contains(&request.server))
            .map(|rule| (&rule.services, &rule.account, &rule.source))
            .collect(),
    };
    if permissions.is_empty() {
        return Decision::Denied(Reason::NoRuleForServer);
    }
    let with_service: Vec<_> = permissions.into_iter().filter(|(s, _, _)| s.contains(&request.service)).collect();
    if with_service.is_empty() {
        return Decision::Denied(Reason::ServiceNotInRule);
    }
    match with_service.into_iter().find(|(_, account, _)| **account == request.account) {
        Some((_, _, source)) => Decision::Allowed(source),
        None => Decision::Denied(Reason::AccountNotInRule),
    }
}
