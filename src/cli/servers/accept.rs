//! `panelgate servers accept`: a server that changed is accepted as it is now, by an operator who has looked why.

use std::io;

use clap::Args;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::prompt;
use crate::cli::servers::candidate;
use crate::cli::servers::document;
use crate::cli::servers::look;
use crate::cli::sessions::operator;
use crate::cli::vault::named;
use crate::compose;
use crate::compose::Looking;
use crate::config::Config;
use crate::fleet::Act;
use crate::model::Server;
use crate::model::SpkiPin;
use crate::model::TokenRef;
use crate::model::Trust;
use crate::vault::Binding;
use crate::vault::Entry;
use crate::vault::Vault;

/// `panelgate servers accept`.
#[derive(Debug, Args)]
pub struct Accept {
    /// The server's id in the directory.
    server: String,
    /// The pin of its new key (sha256/…), instead of a question.
    #[arg(long)]
    pin: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(accept: &Accept, streams: &mut Streams<'_>) -> io::Result<Exit> {
    with_config(&accept.file.config, streams, async |config, streams| self::accept(accept, config, streams).await)
}

async fn accept(accept: &Accept, config: &Config, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let server = named(config, &accept.server)?;
    let looking = compose::looking(config, &operator()).await?;
    let mut server = server.clone();
    match key(&server, accept.pin.as_deref(), &looking, streams).await? {
        Key::Same => {}
        Key::Refused => {
            writeln!(streams.err, "nothing was changed")?;
            return Ok(Exit::No);
        }
        Key::New(pin) => server = pinned(&server, pin, config, &looking, streams).await?,
    }
    let accepted = "what its settings and its token once were counts no more";
    looking.lookout.notes.write(Act::Accepted, server.id.as_str(), "", accepted).await?;
    looking.lookout.conditions.forget(&server.id).await?;
    let is_well = look::one(&server, &looking, streams).await?;
    Ok(if is_well { Exit::Done } else { Exit::No })
}

/// What the operator says about the key that a server shows.
enum Key {
    /// It is trusted already.
    Same,
    /// It is accepted.
    New(SpkiPin),
    /// It is not.
    Refused,
}

async fn key(
    server: &Server,
    wanted: Option<&str>,
    looking: &Looking,
    streams: &mut Streams<'_>,
) -> Result<Key, Failed> {
    let wanted = wanted.map(candidate::pin).transpose()?;
    let Trust::Pins(pins) = &server.trust else {
        return match wanted {
            Some(_) => {
                Err(format!("{} is not pinned: its certificate has to come from an authority", server.id).into())
            }
            None => Ok(Key::Same),
        };
    };
    let seen = looking.upstream(server)?.shown().await?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != seen.pin) {
        return Err(format!("the server's key has the pin sha256/{}, not sha256/{wanted}", seen.pin).into());
    }
    if pins.contains(&seen.pin) {
        return Ok(Key::Same);
    }
    candidate::show(&server.host, &seen, streams)?;
    let question = "Compare the fingerprint with the server's own console. Pin this key instead of the old one?";
    let is_accepted = wanted.is_some() || prompt::yes(question, streams)?;
    Ok(if is_accepted { Key::New(seen.pin) } else { Key::Refused })
}

/// Writes the new pin into the directory, and lets the vault give the token out for it.
async fn pinned(
    server: &Server,
    pin: SpkiPin,
    config: &Config,
    looking: &Looking,
    streams: &mut Streams<'_>,
) -> Result<Server, Failed> {
    let now = Server { trust: Trust::Pins(vec![pin]), ..server.clone() };
    // Found out before anything is changed.
    let draft = document::with_trust(server, &now.trust, config)?;
    let (before, after) = (Binding::of(server), Binding::of(&now));
    let difference = before.difference(&after).unwrap_or_default();
    looking.lookout.notes.write(Act::Accepted, server.id.as_str(), "", &difference).await?;
    let held = match (&server.api_token, &looking.lookout.vault) {
        (TokenRef::Vault, Some(vault)) => Some((vault, vault.open(&before).await?)),
        (TokenRef::Vault, None) | (TokenRef::Outside(_), _) => None,
    };
    // The vault first: a gateway that reads the new directory finds the token already bound to it.
    let bound = match &held {
        Some((vault, entry)) => Some((vault, rebound(vault, entry, &after).await?)),
        None => None,
    };
    if let Err(error) = draft.write() {
        if let Some((vault, entry)) = bound {
            rebound(vault, &entry, &before).await?;
        }
        return Err(error);
    }
    writeln!(streams.out, "{} is trusted with the key sha256/{pin} alone: {}", server.id, draft.path.display())?;
    Ok(now)
}

async fn rebound(vault: &Vault, entry: &Entry, binding: &Binding) -> Result<Entry, Failed> {
    Ok(vault.change(entry, binding, entry.contents.clone()).await?)
}
