//! `panelgate explain`: one answer, and all that led to it.

use std::io;

use serde::Serialize;

use crate::audit::LastRead;
use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::review::arguments::Explain;
use crate::cli::review::arguments::Format;
use crate::cli::review::csv;
use crate::cli::review::directory;
use crate::cli::review::explanation::Shown;
use crate::cli::review::lines;
use crate::cli::review::result;
use crate::cli::review::shown;
use crate::cli::review::signed_in::Sought;
use crate::cli::review::signed_in::seek;
use crate::cli::review::terms::Terms;
use crate::cli::review::unknown;
use crate::cli::review::usage;
use crate::cli::review::whom::ForPrograms;
use crate::model::Clock as _;
use crate::model::Directory;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::SystemClock;
use crate::model::Timestamp;
use crate::policy::Decision;
use crate::policy::Entitlement;
use crate::policy::Explanation;
use crate::policy::Question;
use crate::policy::Review;
use crate::policy::Supposed;

/// Answers with 0 for allowed and 1 for denied.
pub(in crate::cli) fn explain(arguments: &Explain, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let Some(directory) = directory(&arguments.config.config, streams)? else { return Ok(Exit::Config) };
    let Asked { groups, provider, person } = match whose(arguments, &directory, streams)? {
        Ok(asked) => asked,
        Err(exit) => return Ok(exit),
    };
    let now = arguments.at.map_or_else(|| Some(SystemClock.now()), moment);
    let since = arguments.signed_in_since.map(moment);
    let (Some(now), None | Some(Some(_))) = (now, since) else {
        return usage("there was no gateway before 1970", streams);
    };
    let question = Question {
        server: arguments.server.clone(),
        service: arguments.service,
        account: arguments.account.clone(),
        through: arguments.through.clone(),
        supposed: Supposed {
            provider,
            at: Some(now),
            from: arguments.from.map(|address| address.to_canonical()),
            age: since.flatten().map(|since| now.since(since)),
            acr: arguments.acr.clone(),
        },
    };
    let review = Review::new(directory);
    let explanation = review.explain(&groups, &question);
    let text = match arguments.format {
        Format::Table => {
            // What the clock says is no part of the question.
            let supposed = Supposed { at: arguments.at.and(question.supposed.at), ..question.supposed.clone() };
            let asked = Question { supposed, ..question.clone() };
            Shown::new(&asked, &explanation, review.directory(), person.as_ref()).to_string()
        }
        Format::Json => json(&explanation, review.directory(), now, person.as_ref())?,
        Format::Csv => csv(&explanation),
    };
    result(&text, streams)?;
    match explanation.decision {
        Decision::Allowed(_) => Ok(Exit::Done),
        Decision::Denied(_) => Ok(Exit::No),
    }
}

/// Of whom access is explained.
struct Asked {
    groups: Vec<IdpGroup>,
    provider: Option<ProviderId>,
    person: Option<LastRead>,
}

fn whose(arguments: &Explain, directory: &Directory, streams: &mut Streams<'_>) -> io::Result<Result<Asked, Exit>> {
    let known = || directory.providers.values().map(ProviderId::as_str);
    let problem = match seek(&arguments.signed_in, &arguments.config.config, SystemClock.now(), streams)? {
        Sought::Failed(exit) => return Ok(Err(exit)),
        Sought::Found(person) => match directory.providers.get(&person.subject.iss).cloned() {
            Some(provider) => {
                let (groups, provider) = (person.groups.clone(), Some(provider));
                return Ok(Ok(Asked { groups, provider, person: Some(person) }));
            }
            None => format!(
                "no provider of the configuration has the issuer {}: {} cannot sign in any more",
                shown(&person.subject.iss),
                shown(&person.name)
            ),
        },
        Sought::Nobody => match &arguments.provider {
            Some(provider) if !directory.providers.is_empty() && known().all(|known| known != provider.as_str()) => {
                unknown("provider", provider.as_str(), known())
            }
            provider => {
                let groups = arguments.groups.iter().chain(&arguments.group).cloned().map(IdpGroup).collect();
                return Ok(Ok(Asked { groups, provider: provider.clone(), person: None }));
            }
        },
    };
    usage(&problem, streams).map(Err)
}

fn moment(moment: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp)
}

/// An explanation as JSON.
#[derive(Serialize)]
struct Document<'d> {
    directory_version: &'d str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Person<'d>>,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    role_groups: Vec<&'d str>,
    strangers: Vec<&'d str>,
    access: Vec<Row<'d>>,
    besides: Vec<Row<'d>>,
}

#[derive(Serialize)]
struct Person<'d> {
    iss: &'d str,
    sub: &'d str,
    name: &'d str,
    groups: Vec<&'d str>,
    read_at: String,
}

#[derive(Serialize)]
struct Row<'d> {
    role_group: &'d str,
    service: &'static str,
    #[serde(flatten)]
    whom: ForPrograms<'d>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Terms<'d>>,
    written_at: Vec<String>,
}

impl<'d> Row<'d> {
    fn of(one: &Entitlement<'d>) -> Self {
        Self {
            role_group: one.role_group.name.as_str(),
            service: one.service.as_str(),
            whom: ForPrograms::of(one.whom),
            conditions: Terms::of(one.conditions),
            written_at: one.sources.iter().map(ToString::to_string).collect(),
        }
    }
}

fn json(
    explanation: &Explanation<'_>,
    directory: &Directory,
    now: Timestamp,
    person: Option<&LastRead>,
) -> io::Result<String> {
    let (rule, reason) = match explanation.decision {
        Decision::Allowed(source) => (Some(source.to_string()), None),
        Decision::Denied(reason) => (None, Some(reason.as_str())),
    };
    let document = Document {
        directory_version: &directory.version.0,
        at: now.to_string(),
        subject: person.map(|person| Person {
            iss: &person.subject.iss,
            sub: &person.subject.sub,
            name: &person.name,
            groups: person.groups.iter().map(|group| group.0.as_str()).collect(),
            read_at: person.at.to_string(),
        }),
        allowed: rule.is_some(),
        rule,
        reason,
        role_groups: explanation.memberships.iter().map(|mine| mine.role_group.name.as_str()).collect(),
        strangers: explanation.strangers.iter().map(|group| group.0.as_str()).collect(),
        access: explanation.allowed.iter().map(Row::of).collect(),
        besides: explanation.besides.iter().map(Row::of).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// A line for each thing that is allowed, or one that says why not.
fn csv(explanation: &Explanation<'_>) -> String {
    let mut text =
        csv::line(["decision", "reason", "role_group", "service", "account", "customers_of", "when", "written_at"]);
    if let Decision::Denied(reason) = explanation.decision {
        text.push_str(&csv::line(["deny", reason.as_str(), "", "", "", "", "", ""]));
    }
    for one in &explanation.allowed {
        let whom = ForPrograms::of(one.whom);
        text.push_str(&csv::line([
            "allow",
            "",
            one.role_group.name.as_str(),
            one.service.as_str(),
            whom.account.unwrap_or_default(),
            whom.customers_of.unwrap_or_default(),
            &one.conditions.to_string(),
            &lines(&one.sources),
        ]));
    }
    text
}
