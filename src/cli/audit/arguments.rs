//! The arguments of the audit commands.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::audit::Link;
use crate::cli::arguments::ConfigFile;
use crate::model::Account;
use crate::model::ServerId;
use crate::model::Timestamp;

const EXIT_OF_VERIFY: &str =
    "Exit codes: 0 the records are whole, 1 they are not, 64 wrong arguments, 70 unreadable, 78 wrong configuration";

const EXIT_OF_REPORT: &str =
    "Exit codes: 0 done, 1 nothing found, 64 wrong arguments, 70 unreadable, 78 wrong configuration";

/// `panelgate audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Follow the chain of records through all files: is anything changed, removed, moved or cut off?
    #[command(after_help = EXIT_OF_VERIFY)]
    Verify(Verify),
    /// Show who was where, as what, doing what.
    #[command(after_help = EXIT_OF_REPORT)]
    Report(Report),
}

/// Where the records are.
#[derive(Debug, Args)]
pub(super) struct Place {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// The current audit file, instead of the one that the configuration names.
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

/// `panelgate audit verify`.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    pub(super) place: Place,
    /// The last record as it was noted elsewhere: its number, a colon and its hash, as this command prints.
    #[arg(long, value_name = "LINK")]
    pub(super) head: Option<Link>,
}

/// `panelgate audit report`.
#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub(super) place: Place,
    /// Only this server.
    #[arg(long)]
    pub(super) server: Option<ServerId>,
    /// Only from this moment on: 2026-11-21T20:00:00Z, 2026-11-21 (UTC), or a span before now such as 12h or 7d.
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    pub(super) since: When,
    /// Only until this moment, written likewise.
    #[arg(long, value_name = "WHEN")]
    pub(super) until: Option<When>,
    /// Only this person: the provider's `sub`, or a part of the name.
    #[arg(long, value_name = "SUB|NAME")]
    pub(super) person: Option<String>,
    /// Only as this WHM or cPanel account.
    #[arg(long)]
    pub(super) account: Option<Account>,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub(super) format: ReportFormat,
}

/// How a report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// A line for each thing that was done.
    Csv,
}

/// A moment as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct When(Moment);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    At(Timestamp),
    Before(Duration),
}

impl When {
    /// The moment, seen from now.
    pub(in crate::cli) fn seen_from(self, now: Timestamp) -> Timestamp {
        match self.0 {
            Moment::At(moment) => moment,
            Moment::Before(span) => {
                Timestamp(now.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
            }
        }
    }
}

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct InvalidWhen;

impl fmt::Display for InvalidWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write 2026-11-21T20:00:00Z, 2026-11-21, or a span before now such as 90m, 12h or 7d")
    }
}

impl std::error::Error for InvalidWhen {}

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, InvalidWhen> {
        let span = |unit: char, seconds: u64| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            Some(Moment::Before(Duration::from_secs(number.checked_mul(seconds)?)))
        };
        let day = || format!("{text}T00:00:00Z").parse().ok().map(Moment::At);
        let found = text.parse().ok().map(Moment::At).or_else(day);
        let found = found.or_else(|| span('m', 60)).or_else(|| span('h', 3600)).or_else(|| span('d', 86_400));
        found.map(Self).ok_or(InvalidWhen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_three_ways() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("2026-11-21T20:00:00+01:00", "2026-11-21T19:00:00Z"),
            ("2026-11-21", "2026-11-21T00:00:00Z"),
            ("12h", "2026-11-21T22:00:00Z"),
            ("2d", "2026-11-20T10:00:00Z"),
        ] {
            assert_eq!(text.parse::<When>().unwrap().seen_from(now), moment.parse().unwrap(), "{text}");
        }
        for text in ["", "h", "-1h", "yesterday", "2026-13-01", "99999999999999999999d"] {
            assert_eq!(text.parse::<When>(), Err(InvalidWhen), "{text}");
        }
    }
}
