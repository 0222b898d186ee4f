//! `panelgate check --login`: one sign-in, to see what the provider sends and what it is worth here.
//!
//! No gateway has to run. The operator signs in with any browser and brings the address back to which the provider
//! sent it; a gateway that answers there knows nothing of this sign-in and leaves its code alone.

use std::io;
use std::io::BufRead as _;
use std::io::Read as _;
use std::path::Path;

use tokio::runtime::Builder;
use url::Url;

use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::heard;
use crate::cli::load::load;
use crate::cli::review::table::Table;
use crate::cli::review::unknown;
use crate::cli::review::usage;
use crate::compose;
use crate::config::Config;
use crate::config::Escaped;
use crate::identity::Callback;
use crate::identity::Examined;
use crate::identity::LoginError;
use crate::identity::Prompt;
use crate::identity::Provider;
use crate::identity::Seen;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::Target;
use crate::policy::Claimant;
use crate::policy::Policy;
use crate::policy::Provenance;
use crate::telemetry::Chain;

/// The longest address that is read.
const LONGEST: u64 = 64 * 1024;

/// Answers with 1 if the sign-in fails, its groups cannot be read, or they give nothing.
pub(super) fn login(file: &Path, id: Option<&ProviderId>, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let config = match load(file) {
        Ok(config) => config,
        Err(problems) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            return Ok(Exit::Config);
        }
    };
    let known = || config.providers.iter().map(|provider| &provider.id);
    let id = match (id, known().next(), known().nth(1)) {
        (Some(id), ..) if known().any(|one| one == id) => id,
        (Some(id), ..) => return usage(&unknown("provider", id.as_str(), known().map(ProviderId::as_str)), streams),
        (None, Some(only), None) => only,
        (None, ..) => {
            let choice = known().map(ProviderId::as_str).collect::<Vec<_>>().join(" or --provider ");
            return usage(&format!("there are several providers: say --provider {choice}"), streams);
        }
    };
    let provider = match compose::provider(&config, id) {
        Ok(Some(provider)) => provider,
        Ok(None) => return usage("there is no such provider", streams),
        Err(error) => return failed(&error, streams),
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(sign_in(&config, &provider, streams))
}

async fn sign_in(config: &Config, provider: &Provider, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let home = Target::parse("/").map_err(io::Error::other)?;
    let start = match provider.start(home, Prompt::Login).await {
        Ok(start) => start,
        Err(error) => return failed(&error, streams),
    };
    let back = compose::way_back(config, provider.id());
    writeln!(
        streams.err,
        "Open this address in a browser and sign in, within 10 minutes:\n\n{}\n\nThe provider then sends the browser \
         to an address that begins with {back}. The page there may say that\nit does not know this sign-in, or not \
         open at all. Copy the whole address and paste it here at once:",
        start.authorization_url
    )?;
    streams.err.flush()?;
    let pasted = read_line()?;
    let query = match Url::parse(pasted.trim()).ok().and_then(|url| url.query().map(str::to_owned)) {
        Some(query) if pasted.trim().starts_with(&back) => query,
        _ => {
            let problem = format!("this is not the address that the provider sends people back to: {back}?…");
            return usage(&problem, streams);
        }
    };
    let examined = match Callback::parse(&query) {
        Ok(callback) => provider.examine(start.pending, callback).await,
        Err(error) => Err(error),
    };
    let examined = match examined {
        Ok(examined) => examined,
        Err(error) => return failed(&error, streams),
    };
    let (text, exit) = told(config, provider, &examined);
    heard(streams.out.write_all(text.as_bytes()))?;
    Ok(exit)
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST).read_line(&mut line)?;
    Ok(line)
}

fn failed(error: &(dyn std::error::Error + 'static), streams: &mut Streams<'_>) -> io::Result<Exit> {
    heard(writeln!(streams.err, "error: {}", Chain(error)))?;
    Ok(Exit::No)
}

/// What came, and what it is worth.
fn told(config: &Config, provider: &Provider, examined: &Examined) -> (String, Exit) {
    let Examined { subject, id_token, userinfo, source, groups, clock_ahead, can_refresh } = examined;
    let mut text = String::new();
    let mut say = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    say(&format!("The sign-in with {} is verified", Escaped(provider.name())));
    say(&format!("  subject  {}", Escaped(&subject.sub)));
    say(&format!("  issuer   {}", Escaped(&subject.iss)));
    say(&format!(
        "  clock    {} seconds {} ours",
        clock_ahead.abs(),
        if *clock_ahead < 0 { "behind" } else { "ahead of" }
    ));
    say(if *can_refresh {
        "  refresh  granted: groups are read again while a session lasts"
    } else {
        "  refresh  not granted: groups stay those of the sign-in until the session ends"
    });
    for (what, claims) in [("The ID token", id_token), ("Userinfo", userinfo)] {
        if !claims.is_empty() {
            say(&format!("\n{what} holds (what the values are, not what they say)"));
            let rows = claims.iter().map(|Seen { name, kind }| [Escaped(name).to_string(), Escaped(kind).to_string()]);
            say(Table::new(["CLAIM", "VALUE"], rows.collect()).to_string().trim_end());
        }
    }
    say(&format!("\nGroups, from {}", Escaped(source)));
    let exit = match groups {
        Ok(groups) => worth(config, provider.id(), groups, &mut say),
        Err(error) => {
            say(&format!("  {}", Chain(error)));
            if matches!(error, LoginError::Groups(_)) {
                say("  the table above shows what came; `groups` of the provider says where they are looked for");
            }
            Exit::No
        }
    };
    (text, exit)
}

/// What groups give in the directory.
fn worth(config: &Config, provider: &ProviderId, groups: &[IdpGroup], say: &mut dyn FnMut(&str)) -> Exit {
    for group in groups {
        say(&format!("  {}", Escaped(&group.0)));
    }
    if groups.is_empty() {
        say("  none: there is nothing at this place, or an empty list");
    }
    let policy = Policy::new(config.directory.clone());
    let standing = policy.standing_of(&Claimant { provider: Provenance::Provider(provider), groups });
    say("\nRole groups");
    for name in &standing.role_groups {
        say(&format!("  {}", Escaped(name.as_str())));
    }
    if standing.role_groups.is_empty() {
        say("  none: no role group of the directory lists one of these groups");
        return Exit::No;
    }
    if !standing.may_connect {
        say("\nNone of them has the connect permission, so this person can open nothing.");
        return Exit::No;
    }
    say("\nThis person may connect. What they may open, and why: panelgate explain --groups … --server …");
    Exit::Done
}
