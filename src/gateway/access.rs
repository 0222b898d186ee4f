//! Who may open what, for people who ask on the console.

use http::Response;
use http::StatusCode;

use crate::console::AccessPage;
use crate::console::AccessRow;
use crate::console::ServerAccess;
use crate::edge::Destination;
use crate::edge::EdgeRequest;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::gateway::sign_in;
use crate::identity::Principal;
use crate::model::IdpGroup;
use crate::model::Right;
use crate::model::ServerId;
use crate::policy;
use crate::policy::Entitlement;
use crate::policy::Scope;
use crate::upstream::Body;

impl Gateway {
    /// `/access`: what the person may open and why; with `?server=` who may open that, for reviewers.
    pub(super) async fn access(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let session = match self.person(request).await {
            Err(Failure::SignedOut) if request.fetch.destination == Destination::Page => {
                return Ok(sign_in::gate(request));
            }
            other => other?,
        };
        let principal = session.principal();
        let may_review = self.policy.has_right(&principal, Right::ReviewAccess);
        let asked = parameter(&request.target, "server");
        let answer = match asked {
            None => None,
            // Whoever may not ask learns nothing, not even which servers there are.
            Some(_) if !may_review => return Err(Failure::NotFound),
            Some(name) => Some(self.server_access(&name).ok_or(Failure::NotFound)?),
        };
        let page = AccessPage {
            person: self.shown(&principal),
            role_groups: self.policy.standing(&principal).role_groups,
            own: self.own_access(&principal),
            servers: if may_review { self.directory.servers.keys().cloned().collect() } else { Vec::new() },
            answer,
            version: self.policy.version().to_string(),
        };
        Ok(answer::page(StatusCode::OK, page.render(&self.site)))
    }

    /// Everything that is written for the person, whether or not it holds now.
    fn own_access(&self, principal: &Principal) -> Vec<AccessRow> {
        let role_groups = self.policy.standing(principal).role_groups;
        let written = role_groups.iter().flat_map(|name| policy::matrix(&self.directory, Scope::RoleGroup(name)));
        let mut rows: Vec<AccessRow> =
            written.map(|one| row(&one, |group| principal.groups().contains(group))).collect();
        rows.sort_by(|a, b| (&a.server, a.service, &a.whom).cmp(&(&b.server, b.service, &b.whom)));
        rows
    }

    fn server_access(&self, name: &str) -> Option<ServerAccess> {
        let id: ServerId = name.trim().parse().ok()?;
        let server = self.directory.servers.get(&id)?;
        let written = policy::matrix(&self.directory, Scope::Server(&id));
        let rows = written.iter().map(|one| row(one, |_| true)).collect();
        Some(ServerAccess { name: server.name.clone(), rows, server: id })
    }
}

fn row(one: &Entitlement<'_>, counts: impl Fn(&IdpGroup) -> bool) -> AccessRow {
    AccessRow {
        server: one.server.id.clone(),
        service: one.service,
        whom: one.whom.to_string(),
        is_root: one.whom.is_root(),
        role_group: one.role_group.name.clone(),
        groups: one.role_group.idp_groups.iter().filter(|group| counts(group)).cloned().collect(),
        when: one.conditions.to_string(),
        written_at: one.sources.iter().map(ToString::to_string).collect(),
    }
}
