//! The page for somebody who is signed in and may open nothing.

use askama::Template;

use crate::console::csp::Needs;
use crate::console::page::Rendered;
use crate::console::page::Shell;
use crate::console::page::Site;
use crate::console::paths;
use crate::console::person::Person;
use crate::model::IdpGroup;
use crate::model::ReferenceId;
use crate::model::RoleGroupName;

/// Why there is nothing to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAccess {
    /// None of the person's groups belongs to a role group.
    NoRoleGroup,
    /// The role groups that the person is in lack the connect permission.
    NoConnectPermission(Vec<RoleGroupName>),
    /// No server is open to the role groups that the person is in.
    NoServer(Vec<RoleGroupName>),
}

/// Says why, shows what the provider sent, and what to ask an administrator for.
#[derive(Clone, Debug)]
pub struct NoAccessPage {
    /// Who is signed in.
    pub person: Person,
    /// Why nothing is open to them.
    pub reason: NoAccess,
    /// The name of the provider that the person signed in with.
    pub provider: String,
    /// The groups exactly as the provider sent them.
    pub groups: Vec<IdpGroup>,
    /// The id under which this stands in the log.
    pub reference: ReferenceId,
}

impl NoAccessPage {
    /// The page and its policy.
    pub fn render(&self, site: &Site) -> Rendered {
        let (what, todo) = self.explanation();
        let template = NoAccessTemplate {
            shell: Shell::console("Nothing to open yet"),
            person: &self.person,
            provider_name: &self.provider,
            groups: &self.groups,
            message: self.message(site, &what),
            what,
            todo,
            reference: self.reference,
        };
        Rendered::new(&template, &Needs { scripts: true, form_targets: &site.provider_origins, ..Needs::NOTHING })
    }

    /// What is the matter, and what an administrator could change.
    fn explanation(&self) -> (String, &'static str) {
        let provider = &self.provider;
        match &self.reason {
            NoAccess::NoRoleGroup if self.groups.is_empty() => (
                format!("{provider} signed you in, but sent no groups with it."),
                "Ask an administrator to put you into a group that may use Panelgate, \
                 or to let the provider send your groups.",
            ),
            NoAccess::NoRoleGroup => (
                "None of your groups belongs to a role group of Panelgate.".into(),
                "Ask an administrator to add one of your groups to a role group, \
                 or to put you into a group that is already in one.",
            ),
            NoAccess::NoConnectPermission(roles) => (
                format!("{} may not connect: the connect permission is missing.", subject(roles)),
                "Ask an administrator to give the connect permission to your role group.",
            ),
            NoAccess::NoServer(roles) => (
                format!("No server is open to {}.", object(roles)),
                "Ask an administrator for a rule that opens a server to your role group.",
            ),
        }
    }

    /// What the person can send to an administrator, as plain text.
    fn message(&self, site: &Site, what: &str) -> String {
        let Self { person, groups, reference, .. } = self;
        let email = person.email.as_ref().map(|email| format!(" <{email}>")).unwrap_or_default();
        let sent = if groups.is_empty() { " none" } else { "" };
        let mut text = format!(
            "I signed in to Panelgate ({}), and nothing is open to me.\n\n\
             Who: {}{email}\nWhy: {what}\nReference: {reference}\nGroups from {}:{sent}\n",
            site.console, person.name, self.provider,
        );
        for group in groups {
            text.push_str("- ");
            text.push_str(&group.0);
            text.push('\n');
        }
        text
    }
}

/// The role groups as the subject of a sentence.
fn subject(roles: &[RoleGroupName]) -> String {
    let noun = if roles.len() == 1 { "Your role group" } else { "Your role groups" };
    format!("{noun} {}", listed(roles))
}

/// The role groups as its object.
fn object(roles: &[RoleGroupName]) -> String {
    let noun = if roles.len() == 1 { "your role group" } else { "your role groups" };
    format!("{noun} {}", listed(roles))
}

fn listed(roles: &[RoleGroupName]) -> String {
    roles.iter().map(RoleGroupName::as_str).collect::<Vec<_>>().join(", ")
}

#[derive(Template)]
#[template(path = "no_access.html")]
struct NoAccessTemplate<'a> {
    shell: Shell,
    person: &'a Person,
    provider_name: &'a str,
    groups: &'a [IdpGroup],
    message: String,
    what: String,
    todo: &'static str,
    reference: ReferenceId,
}
