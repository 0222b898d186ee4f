//! An explanation as text.

use std::fmt;

use crate::audit::LastRead;
use crate::cli::review::lines;
use crate::cli::review::names;
use crate::cli::review::shown;
use crate::cli::review::table::Table;
use crate::cli::review::unknown;
use crate::config::Escaped;
use crate::config::counted;
use crate::model::Directory;
use crate::model::IdpGroup;
use crate::model::RoleGroup;
use crate::model::ServerId;
use crate::policy::Decision;
use crate::policy::Entitlement;
use crate::policy::Explanation;
use crate::policy::Question;
use crate::policy::Reason;
use crate::policy::Supposed;
use crate::policy::Way;

/// Of a longer list the start tells enough: each item would do.
const MOST_SHOWN: usize = 10;

/// An explanation, ready to be printed.
#[derive(Debug)]
pub(super) struct Shown<'e, 'd> {
    question: &'e Question,
    explanation: &'e Explanation<'d>,
    directory: &'d Directory,
    person: Option<&'e LastRead>,
}

impl<'e, 'd> Shown<'e, 'd> {
    pub(super) fn new(
        question: &'e Question,
        explanation: &'e Explanation<'d>,
        directory: &'d Directory,
        person: Option<&'e LastRead>,
    ) -> Self {
        Self { question, explanation, directory, person }
    }
}

impl fmt::Display for Shown<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer(f)?;
        self.person(f)?;
        self.ways(f)?;
        writeln!(f, "\nDirectory version {}", self.directory.version)
    }
}

impl Shown<'_, '_> {
    fn answer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { decision, server, allowed, besides, .. } = self.explanation;
        match decision {
            Decision::Allowed(_) => {
                writeln!(f, "allowed: {}", Asked(self.question))?;
                write!(f, "{}", Indented(&entitlements(allowed)))?;
            }
            Decision::Denied(reason) => {
                writeln!(f, "denied: {}", Asked(self.question))?;
                let known = self.directory.servers.keys().map(ServerId::as_str);
                let no_server = || unknown("server", self.question.server.as_str(), known);
                match (reason, server) {
                    (Reason::UnknownServer, _) => writeln!(f, "  {reason}: {}", no_server())?,
                    (_, Some(_)) => writeln!(f, "  {reason}: {}", reason.explanation())?,
                    (_, None) => writeln!(f, "  {reason}: {}, and {}", reason.explanation(), no_server())?,
                }
            }
        }
        if besides.is_empty() {
            return Ok(());
        }
        let what = if allowed.is_empty() { "What they may open there" } else { "Besides" };
        write!(f, "\n{what}\n{}", Indented(&entitlements(besides)))
    }

    fn person(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(LastRead { subject, name, groups, at }) = self.person {
            writeln!(f, "\n{} ({}), as the provider last said at {at}", shown(name), shown(&subject.sub))?;
            let groups = names(groups.iter().map(|group| group.0.as_str()));
            writeln!(f, "  groups {}", if groups.is_empty() { "none" } else { &groups })?;
        }
        writeln!(f, "\nRole groups of the person")?;
        for mine in &self.explanation.memberships {
            let may = if mine.role_group.connect { "may connect" } else { "may not connect" };
            let through = names(mine.through.iter().map(|group| group.0.as_str()));
            writeln!(f, "  {} through {through}, {may} ({})", name(mine.role_group), mine.role_group.source)?;
        }
        for stranger in &self.explanation.strangers {
            writeln!(f, "  none through {}, which no role group lists", Escaped(&stranger.0))?;
        }
        if self.explanation.memberships.is_empty() && self.explanation.strangers.is_empty() {
            writeln!(f, "  none: the person has no groups")?;
        }
        Ok(())
    }

    fn ways(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = &self.explanation.ways;
        match ways.as_slice() {
            [] => return writeln!(f, "\nNo single change gives the other answer."),
            [_] => writeln!(f, "\nFor the other answer")?,
            _ => writeln!(f, "\nFor the other answer, one of these")?,
        }
        ways.iter().try_for_each(|way| writeln!(f, "  - {}", self.way(way)))
    }

    fn way(&self, way: &Way<'_>) -> String {
        let server = Escaped(self.question.server.as_str());
        match way {
            Way::Join(groups) => {
                let of = |group: &&RoleGroup| format!("{} ({})", idp_groups(&group.idp_groups), name(group));
                format!("add one of these to the person: {}", some(groups.iter().map(of)))
            }
            Way::List(groups) => format!("list a group of the person among the idp_groups of {}", role_groups(groups)),
            Way::Connect(groups) => format!("write connect = true at {}", role_groups(groups)),
            Way::Rule(groups) => {
                format!("write a rule for {} on {server}{}", role_groups(groups), self.wanted())
            }
            Way::ConnectAndRule(groups) => format!(
                "write connect = true at {}, and a rule for it on {server}{}",
                role_groups(groups),
                self.wanted()
            ),
            Way::Extend(service, rules) => {
                format!("add {service} to the services of the rule at {}", some(rules.iter().map(ToString::to_string)))
            }
            Way::Relax(rules) => {
                format!("change the conditions of the rule at {}", some(rules.iter().map(ToString::to_string)))
            }
            Way::Open(server) => format!(
                "change the services or the account that the unrestricted server {} opens to everybody ({})",
                server.id, server.source
            ),
            Way::Leave(groups) => {
                format!("take from the person: {}", names(groups.iter().map(|group| group.0.as_str())))
            }
            Way::Remove(server, rules) => {
                let rule = if rules.len() == 1 { "rule" } else { "rules" };
                format!("take {} out of the {rule} at {}", server.id, lines(rules))
            }
            Way::Restrict(server) => {
                format!("write access = \"restricted\" at the server {} ({})", server.id, server.source)
            }
        }
    }

    /// What a rule would have to give.
    fn wanted(&self) -> String {
        if let Some(through) = &self.question.through {
            let customers = self.question.service.map(|service| format!(" with customers = [\"{service}\"]"));
            return format!(" with whostmgrd as {through}{}", customers.unwrap_or_default());
        }
        let service = self.question.service.map(|service| format!(" with {service}"));
        let account = self.question.account.as_ref().map(|account| format!(" as {account}"));
        format!("{}{}", service.unwrap_or_default(), account.unwrap_or_default())
    }
}

/// A question on one line: `web1, whostmgrd as root`.
#[derive(Debug)]
pub(super) struct Asked<'q>(pub(super) &'q Question);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.server)?;
        match self.0.service {
            Some(service) => write!(f, ", {service}")?,
            None => f.write_str(", any service")?,
        }
        match (&self.0.account, &self.0.through) {
            (Some(account), None) => write!(f, " as {account}")?,
            (None, None) => f.write_str(" as any account")?,
            (Some(account), Some(through)) => write!(f, " as {account}, a customer of {through}")?,
            (None, Some(through)) => write!(f, " as a customer of {through}")?,
        }
        let Supposed { provider, at, from, age, acr } = &self.0.supposed;
        let minutes = age.map(|age| counted(usize::try_from(age.as_secs() / 60).unwrap_or(usize::MAX), "minute"));
        let parts = [
            at.map(|at| format!("at {at}")),
            from.map(|from| format!("from {from}")),
            minutes.map(|minutes| format!("signed in {minutes} ago")),
            acr.as_ref().map(|acr| format!("with acr {acr}")),
            provider.as_ref().map(|provider| format!("of provider {provider}")),
        ];
        parts.into_iter().flatten().try_for_each(|part| write!(f, ", {part}"))
    }
}

/// A text with each line set in.
#[derive(Debug)]
pub(super) struct Indented<'t>(pub(super) &'t str);

impl fmt::Display for Indented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lines().try_for_each(|line| if line.is_empty() { writeln!(f) } else { writeln!(f, "  {line}") })
    }
}

fn entitlements(entitlements: &[Entitlement<'_>]) -> String {
    let row = |one: &Entitlement<'_>| {
        let when = one.conditions.to_string();
        [one.service.to_string(), one.whom.to_string(), name(one.role_group), when, lines(&one.sources)]
    };
    let rows = entitlements.iter().map(row).collect();
    Table::new(["SERVICE", "ACCOUNT", "ROLE GROUP", "WHEN", "WRITTEN AT"], rows).to_string()
}

fn name(group: &RoleGroup) -> String {
    shown(group.name.as_str())
}

fn idp_groups(groups: &[IdpGroup]) -> String {
    names(groups.iter().map(|group| group.0.as_str()))
}

/// Role groups, each of which would do: `role group Support (directory.toml:40)`.
fn role_groups(groups: &[&RoleGroup]) -> String {
    let noun = if groups.len() == 1 { "role group" } else { "one of the role groups" };
    format!("{noun} {}", some(groups.iter().map(|group| format!("{} ({})", name(group), group.source))))
}

/// Items of which each would do, the first of them if there are many.
fn some(items: impl ExactSizeIterator<Item = String>) -> String {
    let further = items.len().saturating_sub(MOST_SHOWN);
    let text = items.take(MOST_SHOWN).collect::<Vec<_>>().join(" or ");
    if further == 0 { text } else { format!("{text} or one of {further} more") }
}
