//! Policy a second time, straight from the words of the manual and without an index.

use panelgate::model::Access;
use panelgate::model::Account;
use panelgate::model::Conditions;
use panelgate::model::Directory;
use panelgate::model::RoleGroup;
use panelgate::model::Service;
use panelgate::model::Source;
use panelgate::policy::AccessRequest;
use panelgate::policy::Circumstances;
use panelgate::policy::Claimant;
use panelgate::policy::Decision;
use panelgate::policy::Provenance;
use panelgate::policy::Reason;

/// What a line of the document opens.
struct Opens<'d> {
    services: &'d [Service],
    account: &'d Account,
    customers: &'d [Service],
    conditions: Conditions,
    source: &'d Source,
}

pub(crate) fn decide<'d>(
    directory: &'d Directory,
    claimant: &Claimant<'_>,
    request: &AccessRequest,
    circumstances: &Circumstances<'_>,
) -> Decision<'d> {
    let counts = |role: &RoleGroup| match (&role.provider, claimant.provider) {
        (None, _) => true,
        (Some(wanted), Provenance::Provider(from)) => wanted == from,
        (Some(_), Provenance::Unknown | Provenance::Any) => false,
    };
    let mine: Vec<&RoleGroup> = directory
        .role_groups
        .values()
        .filter(|role| counts(role))
        .filter(|role| {
            role.idp_groups.iter().any(|theirs| claimant.groups.iter().any(|g| g.0.as_bytes() == theirs.0.as_bytes()))
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
    let opens: Vec<Opens<'_>> = match &server.access {
        Access::Unrestricted { services, account, customers } => {
            let conditions = Conditions::default();
            vec![Opens { services, account, customers, conditions, source: &server.source }]
        }
        Access::Restricted => directory
            .rules
            .iter()
            .filter(|rule| connecting.iter().any(|role| role.name == rule.role_group))
            .filter(|rule| rule.servers.contains(&request.server))
            .map(|rule| Opens {
                services: &rule.services,
                account: &rule.account,
                customers: &rule.customers,
                conditions: rule.conditions.clone(),
                source: &rule.source,
            })
            .collect(),
    };
    if opens.is_empty() {
        return Decision::Denied(Reason::NoRuleForServer);
    }
    let service = if request.through.is_some() { Service::Whostmgrd } else { request.service };
    let with_service: Vec<Opens<'_>> = opens.into_iter().filter(|one| one.services.contains(&service)).collect();
    if with_service.is_empty() {
        return Decision::Denied(Reason::ServiceNotInRule);
    }
    let account = request.through.as_ref().unwrap_or(&request.account);
    let with_account: Vec<Opens<'_>> = with_service.into_iter().filter(|one| one.account == account).collect();
    if with_account.is_empty() {
        return Decision::Denied(Reason::AccountNotInRule);
    }
    let leads_on = |one: &Opens<'_>| request.through.is_none() || one.customers.contains(&request.service);
    let leading: Vec<Opens<'_>> = with_account.into_iter().filter(leads_on).collect();
    if leading.is_empty() {
        return Decision::Denied(Reason::CustomersNotInRule);
    }
    // The rule that comes furthest says why.
    let answers = leading.iter().map(|one| (unmet(&one.conditions, circumstances), one.source));
    let mut furthest = Reason::CustomersNotInRule;
    for (unmet, source) in answers {
        match unmet {
            None => return Decision::Allowed(source),
            Some(reason) => furthest = furthest.max(reason),
        }
    }
    Decision::Denied(furthest)
}

fn unmet(conditions: &Conditions, circumstances: &Circumstances<'_>) -> Option<Reason> {
    let Conditions { networks, not_before, expires, require } = conditions;
    if expires.is_some() && *expires <= Some(circumstances.now) {
        return Some(Reason::Expired);
    }
    if *not_before > Some(circumstances.now) {
        return Some(Reason::NotYetValid);
    }
    if !networks.is_empty() && !networks.iter().any(|network| network.contains(circumstances.client)) {
        return Some(Reason::SourceNotInRule);
    }
    let is_too_old = require.max_age.is_some_and(|most| {
        circumstances.authenticated_at.is_none_or(|at| circumstances.now.0 > at.0 + most.as_secs() * 1000)
    });
    let is_another = !require.acr.is_empty()
        && !circumstances.acr.is_some_and(|acr| require.acr.iter().any(|one| one.as_str() == acr));
    (is_too_old || is_another).then_some(Reason::StrongerSignInNeeded)
}
