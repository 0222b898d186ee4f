//! The matrix as a page to print, sign and file.

use std::collections::BTreeMap;
use std::io;

use askama::Template;
use jiff::civil::Date;

use crate::config::counted;
use crate::model::Access;
use crate::model::Directory;
use crate::model::RoleGroup;
use crate::model::RoleGroupName;
use crate::model::Server;
use crate::model::ServerId;
use crate::policy::Entitlement;
use crate::policy::Scope;

/// One self-contained page: no script, no request to anywhere.
#[derive(Template)]
#[template(path = "access_review.html")]
struct Page<'m> {
    date: Date,
    version: &'m str,
    scope: String,
    summary: String,
    role_groups: Vec<OfRoleGroup<'m>>,
    servers: Vec<OfServer<'m>>,
}

/// What a role group may open.
struct OfRoleGroup<'m> {
    role_group: &'m RoleGroup,
    rows: Vec<&'m Entitlement<'m>>,
}

/// Who may open a server.
struct OfServer<'m> {
    server: &'m Server,
    is_unrestricted: bool,
    rows: Vec<&'m Entitlement<'m>>,
}

/// The page about a part of a directory, for the review of a day.
pub(super) fn page<'m>(
    directory: &'m Directory,
    scope: Scope<'_>,
    matrix: &'m [Entitlement<'m>],
    date: Date,
) -> io::Result<String> {
    let mut of_role_group: BTreeMap<&RoleGroupName, Vec<&'m Entitlement<'m>>> = BTreeMap::new();
    let mut of_server: BTreeMap<&ServerId, Vec<&'m Entitlement<'m>>> = BTreeMap::new();
    for one in matrix {
        of_role_group.entry(&one.role_group.name).or_default().push(one);
        of_server.entry(&one.server.id).or_default().push(one);
    }
    // Who reaches nothing is shown too, unless the page is about something else.
    let role_groups = directory
        .role_groups
        .values()
        .map(|group| OfRoleGroup { role_group: group, rows: of_role_group.remove(&group.name).unwrap_or_default() })
        .filter(|one| !one.rows.is_empty() || is_about_role_group(scope, one.role_group))
        .collect();
    let servers = directory
        .servers
        .values()
        .map(|server| OfServer {
            server,
            is_unrestricted: server.access != Access::Restricted,
            rows: of_server.remove(&server.id).unwrap_or_default(),
        })
        .filter(|one| !one.rows.is_empty() || is_about_server(scope, one.server))
        .collect();
    let page = Page {
        date,
        version: &directory.version.0,
        scope: match scope {
            Scope::All => "all servers and role groups".to_owned(),
            Scope::Server(id) => format!("the server {id} alone"),
            Scope::RoleGroup(name) => format!("the role group {name} alone"),
        },
        summary: format!(
            "{}, {}, {}",
            counted(directory.servers.len(), "server"),
            counted(directory.role_groups.len(), "role group"),
            counted(directory.rules.len(), "rule"),
        ),
        role_groups,
        servers,
    };
    page.render().map(|text| text + "\n").map_err(io::Error::other)
}

fn is_about_role_group(scope: Scope<'_>, group: &RoleGroup) -> bool {
    match scope {
        Scope::All => true,
        Scope::RoleGroup(name) => *name == group.name,
        Scope::Server(_) => false,
    }
}

fn is_about_server(scope: Scope<'_>, server: &Server) -> bool {
    match scope {
        Scope::All => true,
        Scope::Server(id) => *id == server.id,
        Scope::RoleGroup(_) => false,
    }
}
