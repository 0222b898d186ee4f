//! The arguments of the review commands.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::cli::arguments::ConfigFile;
use crate::cli::audit::When;
use crate::model::Account;
use crate::model::AcrValue;
use crate::model::ProviderId;
use crate::model::ServerId;
use crate::model::Service;

pub(in crate::cli) const EXIT_OF_EXPLAIN: &str =
    "Exit codes: 0 allowed, 1 denied, 64 wrong arguments or nobody of that name, 70 unreadable, 78 wrong configuration";

const EXIT_OF_MATRIX: &str = "Exit codes: 0 done, 64 wrong arguments, 78 wrong configuration";

const EXIT_OF_DIFF: &str =
    "Exit codes: 0 same access, 1 narrowed only, 2 widened, 64 wrong arguments, 78 wrong configuration";

const EXIT_OF_TEST: &str =
    "Exit codes: 0 all passed, 1 a test failed, 64 wrong arguments, 78 wrong configuration or test file";

/// `panelgate explain`.
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// The groups of the person as the provider sends them: one, or several between commas.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',', required_unless_present_any = ["group", "subject"])]
    pub(super) groups: Vec<String>,
    /// One group, letter by letter, commas included.
    #[arg(long, value_name = "GROUP")]
    pub(super) group: Vec<String>,
    #[command(flatten)]
    pub(super) signed_in: SignedIn,
    /// The server.
    #[arg(long)]
    pub(super) server: ServerId,
    /// The service: whostmgrd, cpaneld or webmaild. Without it: any.
    #[arg(long)]
    pub(super) service: Option<Service>,
    /// The WHM or cPanel account to become. Without it: any.
    #[arg(long)]
    pub(super) account: Option<Account>,
    /// For a way from WHM on into a customer's panel: the account in WHM. ACCOUNT is then the customer.
    #[arg(long, value_name = "ACCOUNT")]
    pub(super) through: Option<Account>,
    /// The provider that the groups come from. Without it: any.
    #[arg(long, value_name = "ID")]
    pub(super) provider: Option<ProviderId>,
    /// The address that the person comes from. Without it: any.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) from: Option<IpAddr>,
    /// When it is, such as 2026-12-31T18:00:00Z. Without it: now.
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<Timestamp>,
    /// When the provider last asked the person for proof. Without it: at any time.
    #[arg(long, value_name = "TIME")]
    pub(super) signed_in_since: Option<Timestamp>,
    /// The authentication context class of the sign-in. Without it: any.
    #[arg(long, value_name = "VALUE")]
    pub(super) acr: Option<AcrValue>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

/// Somebody who has signed in, instead of groups.
#[derive(Debug, Args)]
pub(super) struct SignedIn {
    /// Somebody who has signed in: their `sub`. Their groups are those that the audit files have from the provider.
    #[arg(long, value_name = "SUB", conflicts_with_all = ["groups", "group", "provider"])]
    pub(super) subject: Option<String>,
    /// The provider that the subject is known to, where several know one of that name.
    #[arg(long, value_name = "URL", requires = "subject")]
    pub(super) issuer: Option<String>,
    /// How old the record of their groups may be: 2026-11-21T20:00:00Z, 2026-11-21, or a span such as 12h or 7d.
    #[arg(long, value_name = "WHEN", requires = "subject", default_value = "30d")]
    pub(super) read_since: When,
    /// The current audit file, instead of the one that the configuration names.
    #[arg(long, value_name = "FILE", requires = "subject")]
    pub(super) audit_file: Option<PathBuf>,
}

/// `panelgate access`.
#[derive(Debug, Subcommand)]
pub enum Access {
    /// Show who may open what: each role group, server, service and account, with the rule's line.
    #[command(after_help = EXIT_OF_MATRIX)]
    Matrix(Matrix),
    /// Show who gains and who loses what from one configuration to another.
    #[command(after_help = EXIT_OF_DIFF)]
    Diff(Diff),
    /// Run files of tests that say who should be allowed what.
    #[command(after_help = EXIT_OF_TEST)]
    Test(Test),
}

/// `panelgate access matrix`.
#[derive(Debug, Args)]
pub struct Matrix {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// Only who may open this server.
    #[arg(long, conflicts_with = "role_group")]
    pub(super) server: Option<ServerId>,
    /// Only what this role group may open.
    #[arg(long, value_name = "NAME")]
    pub(super) role_group: Option<String>,
    /// How the matrix is written: csv has a line for each group of the provider, html is a page for a review.
    #[arg(long, value_enum, default_value_t = MatrixFormat::Table)]
    pub(super) format: MatrixFormat,
    /// The date of the review, such as 2026-07-01, for the page.
    #[arg(long, required_if_eq("format", "html"))]
    pub(super) date: Option<Date>,
}

/// How a matrix is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MatrixFormat {
    /// Columns for people.
    Table,
    /// One JSON object.
    Json,
    /// RFC 4180, with a header.
    Csv,
    /// One self-contained page.
    Html,
}

/// `panelgate access diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The main configuration file as it was.
    #[arg(value_name = "OLD")]
    pub(super) old: PathBuf,
    /// The main configuration file as it is to be.
    #[arg(value_name = "NEW")]
    pub(super) new: PathBuf,
    /// How the changes are written: csv has a line for each group of the provider.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    Table,
    /// One JSON object.
    Json,
    /// RFC 4180, with a header.
    Csv,
}

/// `panelgate access test`.
#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// The files of tests.
    #[arg(value_name = "TESTS", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// How the results are written: csv has a line for each test.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}
