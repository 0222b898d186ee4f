//! `panelgate doctor`: looks at everything that a gateway needs, and prints what to do.

use std::fmt;
use std::io;

use clap::Args;
use clap::ValueEnum;
use serde::Serialize;
use tokio::runtime::Builder;

use crate::cli::ConfigFile;
use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::heard;
use crate::cli::load::load;
use crate::cli::review::unknown;
use crate::cli::review::usage;
use crate::config::Config;
use crate::config::Escaped;
use crate::config::counted;
use crate::doctor;
use crate::doctor::Finding;
use crate::doctor::State;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::SystemClock;
use crate::telemetry::Chain;
use crate::upstream::TrustError;

pub(super) const EXIT: &str = "Exit codes: 0 all is well, remarks aside, 1 something is wrong, 64 wrong arguments, \
70 it cannot look, 78 wrong configuration";

/// `panelgate doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    config: ConfigFile,
    /// Look at this server alone; may be given several times.
    #[arg(long = "server", value_name = "ID")]
    servers: Vec<ServerId>,
    /// How the findings are written.
    #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
    format: DoctorFormat,
}

/// The shapes of the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(super) fn run(asked: &Doctor, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let config = match load(&asked.config.config) {
        Ok(config) => config,
        Err(problems) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            return Ok(Exit::Config);
        }
    };
    let known = &config.directory.servers;
    if let Some(id) = asked.servers.iter().find(|id| !known.contains_key(id)) {
        return usage(&unknown("server", id.as_str(), known.keys().map(ServerId::as_str)), streams);
    }
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let looked = runtime.block_on(look(&config, asked));
    // A name that nobody answers for may still be waited for.
    runtime.shutdown_background();
    let findings = match looked {
        Ok(findings) => findings,
        Err(error) => {
            writeln!(streams.err, "error: {}", Chain(&error))?;
            return Ok(Exit::Software);
        }
    };
    let text = match asked.format {
        DoctorFormat::Text => Text(&findings).to_string(),
        DoctorFormat::Json => serde_json::to_string_pretty(&Document::of(&findings))? + "\n",
    };
    heard(streams.out.write_all(text.as_bytes()))?;
    let is_wrong = findings.iter().any(|finding| finding.state == State::Wrong);
    Ok(if is_wrong { Exit::No } else { Exit::Done })
}

async fn look(config: &Config, asked: &Doctor) -> Result<Vec<Finding>, TrustError> {
    let servers: Vec<&Server> = asked.servers.iter().filter_map(|id| config.directory.servers.get(id)).collect();
    if servers.is_empty() {
        doctor::examine(config, &SystemClock).await
    } else {
        doctor::examine_servers(config, &servers, &SystemClock).await
    }
}

/// How many findings there are of each kind.
#[derive(Serialize)]
struct Counts {
    wrong: usize,
    remarks: usize,
    well: usize,
}

#[derive(Serialize)]
struct Document<'f> {
    #[serde(flatten)]
    counts: Counts,
    findings: &'f [Finding],
}

impl Counts {
    fn of(findings: &[Finding]) -> Self {
        let of = |state| findings.iter().filter(|finding| finding.state == state).count();
        Self { wrong: of(State::Wrong), remarks: of(State::Remark), well: of(State::Well) }
    }
}

impl<'f> Document<'f> {
    fn of(findings: &'f [Finding]) -> Self {
        Self { counts: Counts::of(findings), findings }
    }
}

/// A line for each finding, and one more for what to do.
struct Text<'f>(&'f [Finding]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { part, about, state, says, advice } in self.0 {
            let word = match state {
                State::Well => "well",
                State::Remark => "remark",
                State::Wrong => "WRONG",
            };
            writeln!(f, "{word:6}  {} {}: {}", part.as_str(), Escaped(about), Escaped(says))?;
            if let Some(advice) = advice {
                writeln!(f, "        → {}", Escaped(advice))?;
            }
        }
        let Counts { wrong, remarks, well } = Counts::of(self.0);
        writeln!(f, "\n{wrong} wrong, {}, {well} well", counted(remarks, "remark"))
    }
}
