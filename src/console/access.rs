//! The page that answers who may open what: everybody about themselves, reviewers about each server.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::console::paths;
use crate::console::person::Person;
use crate::model::IdpGroup;
use crate::model::RoleGroupName;
use crate::model::ServerId;
use crate::model::Service;

/// What the signed-in person may open, and who may open a server if they may ask.
#[derive(Clone, Debug)]
pub struct AccessPage {
    /// Who is signed in.
    pub person: Person,
    /// Their role groups, by name.
    pub role_groups: Vec<RoleGroupName>,
    /// What they may open.
    pub own: Vec<AccessRow>,
    /// The servers that they may ask about; none for whoever is no reviewer.
    pub servers: Vec<ServerId>,
    /// The answer about a server, if they asked.
    pub answer: Option<ServerAccess>,
    /// The version of the directory that answers.
    pub version: String,
}

/// Who may open a server.
#[derive(Clone, Debug)]
pub struct ServerAccess {
    /// The server.
    pub server: ServerId,
    /// The name that people see.
    pub name: String,
    /// Who may open what of it.
    pub rows: Vec<AccessRow>,
}

/// One way into a server.
#[derive(Clone, Debug)]
pub struct AccessRow {
    /// The server.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// Whom people become there.
    pub whom: String,
    /// Whether that is root.
    pub is_root: bool,
    /// The role group that gives it.
    pub role_group: RoleGroupName,
    /// The groups that count for it: of the person, or all of them.
    pub groups: Vec<IdpGroup>,
    /// When it holds, in words.
    pub when: String,
    /// The lines of the directory that give it, each of which is enough.
    pub written_at: Vec<String>,
}

impl AccessPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let title = match &self.answer {
            Some(answer) => format!("Who can open {}", answer.server),
            None => "Your access".to_owned(),
        };
        let template = AccessTemplate { shell: Shell::console(title), page: self };
        Rendered::new(&template, &Needs { form_targets: &site.provider_origins, ..Needs::NOTHING })
    }
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessTemplate<'p> {
    shell: Shell,
    page: &'p AccessPage,
}

impl AccessTemplate<'_> {
    /// For the menu of the person.
    fn person(&self) -> &Person {
        &self.page.person
    }
}
