//! `panelgate check`: every problem of a configuration, or its posture.

use std::io;

use serde::Serialize;

use crate::cli::Streams;
use crate::cli::arguments::Check;
use crate::cli::exit::Exit;
use crate::cli::heard;
use crate::cli::load::load;
use crate::cli::review::Format;
use crate::cli::review::csv;
use crate::config::Config;
use crate::config::Problem;
use crate::config::Problems;
use crate::config::posture;
use crate::config::unused_groups;
use crate::config::unused_servers;
use crate::model::IdpGroup;
use crate::model::ServerId;

/// Checks a configuration. As a table, problems and warnings are messages and the posture is the result; for
/// programs, all of it is the result.
pub(super) fn check(arguments: &Check, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let loaded = load(&arguments.config.config);
    let exit = if loaded.is_ok() { Exit::Done } else { Exit::Config };
    let text = match (arguments.format, &loaded) {
        (Format::Table, Ok(config)) => {
            streams.err.write_all(config.warnings.render(streams.look).as_bytes())?;
            posture(config).to_string()
        }
        (Format::Table, Err(problems)) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            String::new()
        }
        (Format::Json, loaded) => json(loaded.as_ref())?,
        (Format::Csv, loaded) => csv(loaded.as_ref()),
    };
    heard(streams.out.write_all(text.as_bytes()))?;
    Ok(exit)
}

/// The result as JSON.
#[derive(Serialize)]
struct Document<'c> {
    valid: bool,
    problems: Vec<Note<'c>>,
    warnings: Vec<Note<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    posture: Option<Effective<'c>>,
}

/// Something that was found, and where.
#[derive(Serialize)]
struct Note<'c> {
    file: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    key: &'c str,
    message: &'c str,
    help: &'c str,
}

/// What is exposed, trusted and allowed.
#[derive(Serialize)]
struct Effective<'c> {
    console: String,
    listens_on: Vec<String>,
    providers: Vec<Trusted<'c>>,
    session_idle_seconds: u64,
    session_absolute_seconds: u64,
    directory_version: &'c str,
    servers: usize,
    role_groups: usize,
    rules: usize,
    servers_without_access: Vec<&'c str>,
    groups_without_use: Vec<&'c str>,
}

#[derive(Serialize)]
struct Trusted<'c> {
    id: &'c str,
    issuer: &'c str,
}

impl<'c> Note<'c> {
    fn of(problem: &'c Problem) -> Self {
        let Problem { file, line, key, message, help, .. } = problem;
        Self { file, line: *line, key, message, help }
    }
}

impl<'c> Effective<'c> {
    fn of(config: &'c Config) -> Self {
        let directory = &config.directory;
        Self {
            console: config.console.to_string(),
            listens_on: config.listen.addresses.iter().map(ToString::to_string).collect(),
            providers: config
                .providers
                .iter()
                .map(|provider| Trusted { id: provider.id.as_str(), issuer: &provider.issuer })
                .collect(),
            session_idle_seconds: config.session.idle.as_secs(),
            session_absolute_seconds: config.session.absolute.as_secs(),
            directory_version: &directory.version.0,
            servers: directory.servers.len(),
            role_groups: directory.role_groups.len(),
            rules: directory.rules.len(),
            servers_without_access: unused_servers(directory).into_iter().map(ServerId::as_str).collect(),
            groups_without_use: unused_groups(directory).into_iter().map(|IdpGroup(name)| name.as_str()).collect(),
        }
    }
}

fn json(loaded: Result<&Config, &Problems>) -> io::Result<String> {
    let document = match loaded {
        Ok(config) => Document {
            valid: true,
            problems: Vec::new(),
            warnings: config.warnings.list().iter().map(Note::of).collect(),
            posture: Some(Effective::of(config)),
        },
        Err(problems) => Document {
            valid: false,
            problems: problems.list().iter().map(Note::of).collect(),
            warnings: Vec::new(),
            posture: None,
        },
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// A line for each problem or warning.
fn csv(loaded: Result<&Config, &Problems>) -> String {
    let (kind, list) = match loaded {
        Ok(config) => ("warning", config.warnings.list()),
        Err(problems) => ("problem", problems.list()),
    };
    let mut text = csv::line(["kind", "file", "line", "key", "message", "help"]);
    for one in list {
        let line = one.line.map(|line| line.to_string()).unwrap_or_default();
        text.push_str(&csv::line([kind, &one.file, &line, &one.key, &one.message, &one.help]));
    }
    text
}
