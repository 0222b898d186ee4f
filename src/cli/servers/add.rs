//! `panelgate servers add`: one server, with an operator who looks.

use std::io;
use std::net::IpAddr;

use clap::Args;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::prompt;
use crate::cli::servers::candidate;
use crate::cli::servers::candidate::Candidate;
use crate::cli::servers::candidate::Wish;
use crate::cli::vault::at_the_desk;
use crate::cli::vault::of_token;
use crate::compose::Desk;
use crate::config::Config;
use crate::model::Account;
use crate::model::Host;
use crate::model::ServerId;
use crate::model::Trust;

/// `panelgate servers add`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Add {
    /// The server's short name: it becomes part of the address that people see.
    id: ServerId,
    /// The server's own host name.
    #[arg(long)]
    host: Host,
    /// The account that owns the API token.
    #[arg(long)]
    account: Account,
    /// Where to connect, if not to the address that the host name resolves to.
    #[arg(long)]
    address: Option<IpAddr>,
    /// The name that people see.
    #[arg(long)]
    name: Option<String>,
    /// The pin of the server's key (sha256/…), instead of a question.
    #[arg(long)]
    pin: Option<String>,
    /// Trust the certificate without a question if the system's authorities vouch for it.
    #[arg(long, conflicts_with = "pin")]
    public: bool,
    /// Create a proper token with what the given one can do: a name, few privileges, an end, and the addresses of
    /// `[fleet]`; then revoke the given one.
    #[arg(long)]
    mint: bool,
    /// With --mint: leave out the privilege to manage tokens, so that this one cannot be rotated by Panelgate.
    #[arg(long, requires = "mint")]
    no_rotation: bool,
    /// The name in WHM of the token that is given, to revoke it later.
    #[arg(long, value_name = "NAME")]
    token_name: Option<String>,
    /// Look at everything and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(add: &Add, streams: &mut Streams<'_>) -> io::Result<Exit> {
    at_the_desk(&add.file.config, streams, async |config, desk, streams| self::add(add, config, desk, streams).await)
}

async fn add(add: &Add, config: &Config, desk: &Desk, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let candidate = Candidate {
        id: add.id.clone(),
        name: add.name.clone(),
        host: add.host.clone(),
        address: add.address,
        account: add.account.clone(),
    };
    candidate.is_new(config)?;
    let Some(trust) = trust(add, &candidate, desk, streams).await? else {
        writeln!(streams.err, "nothing was changed")?;
        return Ok(Exit::No);
    };
    let server = candidate.server(trust);
    let contents = of_token(prompt::secret(&format!("API token of {} on {}", add.account, add.host), streams)?)?;
    let verified = candidate::verify(&server, contents, desk, streams).await?;
    if add.dry_run {
        writeln!(streams.out, "{}", super::document::section(&server).trim_end())?;
        writeln!(streams.err, "a dry run: nothing was changed")?;
        return Ok(Exit::Done);
    }
    let wish = Wish { mint: add.mint, rotated: !add.no_rotation, token_name: add.token_name.as_deref() };
    candidate::enrol(&server, verified, wish, config, desk, streams).await?;
    writeln!(streams.out, "nobody can open {} yet: write a rule for it", add.id)?;
    Ok(Exit::Done)
}

/// How the server proves itself from now on; nothing, if the operator says no.
async fn trust(
    add: &Add,
    candidate: &Candidate,
    desk: &Desk,
    streams: &mut Streams<'_>,
) -> Result<Option<Trust>, Failed> {
    let seen = candidate.certificate(desk).await?;
    candidate::show(&candidate.host, &seen, streams)?;
    if let Some(text) = &add.pin {
        let expected = candidate::pin(text)?;
        if expected != seen.pin {
            return Err(format!("the server's key has the pin sha256/{}, not sha256/{expected}", seen.pin).into());
        }
        return Ok(Some(Trust::Pins(vec![expected])));
    }
    if seen.is_public && (add.public || prompt::yes("Trust whatever the system's authorities vouch for?", streams)?) {
        return Ok(Some(Trust::PublicRoots));
    }
    if add.public {
        return Err("the system's authorities do not vouch for this certificate".into());
    }
    let question = "Compare the fingerprint with the server's own console. Pin this key?";
    Ok(prompt::yes(question, streams)?.then(|| Trust::Pins(vec![seen.pin])))
}
