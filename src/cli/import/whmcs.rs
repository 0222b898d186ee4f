//! `panelgate import whmcs`: reading WHMCS, and writing a directory into a new folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use tokio::runtime::Builder;
use url::Url;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::import::report;
use crate::cli::prompt;
use crate::cli::review::Format;
use crate::cli::review::usage;
use crate::config::Config;
use crate::config::Escaped;
use crate::config::Look;
use crate::model::Account;
use crate::model::SecretRef;
use crate::telemetry::Chain;
use crate::vault;
use crate::whmcs;
use crate::whmcs::Carried;
use crate::whmcs::Credentials;
use crate::whmcs::Found;
use crate::whmcs::LARGEST_ANSWER;
use crate::whmcs::Role;
use crate::whmcs::Wish;

/// Bytes of a file of certificates that are read at most.
const LARGEST_CA_FILE: u64 = 4 * 1024 * 1024;

/// `panelgate import whmcs`.
#[derive(Debug, Args)]
pub struct Whmcs {
    #[command(flatten)]
    from: From,
    /// With --api: where the identifier is (file:, env:, credential:). Without it, it is asked for.
    #[arg(long, value_name = "REFERENCE", requires = "api")]
    identifier: Option<String>,
    /// With --api: where the secret is. Without it, it is asked for, or the next line of standard input.
    #[arg(long, value_name = "REFERENCE", requires = "api")]
    secret: Option<String>,
    /// With --api: where the API access key is, if this WHMCS has one.
    #[arg(long, value_name = "REFERENCE", requires = "api")]
    access_key: Option<String>,
    /// With --api: a PEM file of the authority that vouches for WHMCS's certificate, if the system's do not.
    #[arg(long, value_name = "FILE", requires = "api")]
    ca_file: Option<PathBuf>,
    /// The account of servers for which WHMCS names none; its API names none at all.
    #[arg(long, required_unless_present_any = ["database", "print_query"])]
    account: Option<Account>,
    /// The provider's group for a role, by the role's name or number: 'Full Administrator=whm-admins'. Again for
    /// more groups and roles. A role without one may not connect.
    #[arg(long = "role", value_name = "ROLE=GROUP", requires = "database")]
    roles: Vec<String>,
    /// The folder to write into. It must not exist yet.
    #[arg(long, value_name = "FOLDER", required_unless_present = "print_query")]
    out: Option<PathBuf>,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct From {
    /// Write the query that is to be put to WHMCS's database, and nothing else.
    #[arg(long)]
    print_query: bool,
    /// What the database's client printed for the query: a file, or - for standard input.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// The address of WHMCS, for its API: names and addresses of servers, and nothing of who may open them.
    #[arg(long, value_name = "URL")]
    api: Option<Url>,
}

/// A reference to a secret. What is none is not repeated: it may be the secret.
fn reference(text: &str) -> Result<SecretRef, Failed> {
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(SecretRef::File(path.into())),
        Some(("env", name)) if !name.is_empty() => Ok(SecretRef::Env(name.to_owned())),
        Some(("credential", name)) if !name.is_empty() => Ok(SecretRef::Credential(name.to_owned())),
        Some(_) | None => {
            Err("write file:PATH, env:NAME or credential:NAME: a secret itself is never an argument".into())
        }
    }
}

pub(super) fn run(arguments: &Whmcs, streams: &mut Streams<'_>) -> io::Result<Exit> {
    if arguments.from.print_query {
        streams.out.write_all(whmcs::QUERY.as_bytes())?;
        return Ok(Exit::Done);
    }
    let found = match read(arguments, streams) {
        Ok(found) => found,
        Err(error) => return failed(&*error, streams),
    };
    let groups = match groups(&arguments.roles, found.roles.as_deref().unwrap_or_default()) {
        Ok(groups) => groups,
        Err(words) => return usage(&words, streams),
    };
    let carried = whmcs::carry(&found, &Wish { account: arguments.account.clone(), groups });
    // Without one, the arguments would not have been taken.
    let Some(out) = &arguments.out else { return usage("say --out FOLDER", streams) };
    match write(&carried, found.roles.is_some(), out) {
        Ok(written) => report::write(&carried, &written, arguments.format, streams),
        Err(error) => failed(&*error, streams),
    }
}

fn failed(error: &dyn std::error::Error, streams: &mut Streams<'_>) -> io::Result<Exit> {
    writeln!(streams.err, "error: {}", Escaped(&Chain(error).to_string()))?;
    Ok(Exit::Software)
}

fn read(arguments: &Whmcs, streams: &mut Streams<'_>) -> Result<Found, Failed> {
    if let Some(file) = &arguments.from.database {
        let text = if file.as_os_str() == "-" { at_most(io::stdin().lock())? } else { at_most(open(file)?)? };
        let text = String::from_utf8(text).map_err(
            |_| "the answer of the database is no UTF-8: run the client with --default-character-set=utf8mb4",
        )?;
        return Ok(whmcs::read(&text)?);
    }
    let Some(at) = &arguments.from.api else { return Err("say --database or --api".into()) };
    let mut secret = |written: &Option<String>, question: &str| -> Result<SecretString, Failed> {
        let Some(written) = written else { return Ok(prompt::secret(question, streams)?) };
        let reference = reference(written)?;
        Ok(vault::read(&reference).map_err(|error| format!("{reference}: {}", Chain(&error)))?)
    };
    let credentials = Credentials {
        identifier: secret(&arguments.identifier, "Identifier of the API credentials")?,
        secret: secret(&arguments.secret, "Secret of the API credentials")?,
        access_key: match &arguments.access_key {
            Some(_) => Some(secret(&arguments.access_key, "API access key")?),
            None => None,
        },
    };
    let roots = match &arguments.ca_file {
        Some(file) => {
            let mut pem = Vec::new();
            open(file)?.take(LARGEST_CA_FILE).read_to_end(&mut pem)?;
            Some(pem)
        }
        None => None,
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(whmcs::servers(at, &credentials, roots.as_deref()))?)
}

fn open(file: &Path) -> Result<fs::File, Failed> {
    fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn at_most(from: impl io::Read) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    from.take(LARGEST_ANSWER + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len())? > LARGEST_ANSWER {
        return Err("the answer of the database is longer than 64 MiB".into());
    }
    Ok(bytes)
}

/// The provider's groups by role. A role's name may hold what divides it from the group, so the longest name that
/// fits is meant; a number means the role with that id.
fn groups(mappings: &[String], roles: &[Role]) -> Result<BTreeMap<u64, Vec<String>>, String> {
    let mut groups: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for mapping in mappings {
        let by_name = |role: &&Role| mapping.strip_prefix(&role.name).is_some_and(|rest| rest.starts_with('='));
        let named = roles.iter().filter(by_name).max_by_key(|role| role.name.len());
        let (role, group) = if let Some(role) = named {
            (role.id, mapping.strip_prefix(&role.name).and_then(|rest| rest.strip_prefix('=')))
        } else {
            let (number, group) = mapping.split_once('=').unwrap_or((mapping, ""));
            let number = number.parse().ok().filter(|number| roles.iter().any(|role| role.id == *number));
            let known: Vec<String> = roles.iter().map(|role| Escaped(&role.name).to_string()).collect();
            let unknown =
                || format!("--role {}: there is no such role; there are {}", Escaped(mapping), known.join(", "));
            (number.ok_or_else(unknown)?, Some(group))
        };
        let group = group.unwrap_or_default();
        if group.is_empty() || group.len() > 1024 {
            return Err(format!("--role {}: the group is missing, or longer than 1024 bytes", Escaped(mapping)));
        }
        let groups = groups.entry(role).or_default();
        if !groups.iter().any(|known| known == group) {
            groups.push(group.to_owned());
        }
    }
    Ok(groups)
}

/// Writes both documents into a folder of their own, and reads them again as a gateway would.
fn write(carried: &Carried, has_roles: bool, out: &Path) -> Result<Vec<PathBuf>, Failed> {
    fs::create_dir(out).map_err(|error| format!("cannot make the folder {}: {error}", out.display()))?;
    let mut documents = vec![(out.join("directory.toml"), whmcs::directory(carried))];
    if has_roles {
        documents.push((out.join("whmcs.toml"), whmcs::reach(carried)));
    }
    let mut written = Vec::new();
    for (path, text) in documents {
        let cannot = |error: io::Error| format!("cannot write {}: {error}", path.display());
        let mut file = fs::File::create_new(&path).map_err(cannot)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
        if let Err(problems) = Config::directory_only(&path) {
            return Err(problems.render(Look::Plain).into());
        }
        written.push(path);
    }
    Ok(written)
}
