//! A server that is about to be enrolled: how it proves itself, what its token can do, and the enrolment itself.

use std::io;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::servers::document;
use crate::compose::Desk;
use crate::compose::new_token;
use crate::config::Config;
use crate::config::Escaped;
use crate::fleet::Act;
use crate::fleet::Assessment;
use crate::fleet::NewToken;
use crate::fleet::OPEN;
use crate::fleet::assess;
use crate::fleet::proper_privileges;
use crate::model::Access;
use crate::model::Account;
use crate::model::Host;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::model::SpkiPin;
use crate::model::TokenRef;
use crate::model::Trust;
use crate::panel::ApiCredential;
use crate::panel::WhmApi;
use crate::upstream::Presented;
use crate::upstream::Upstream;
use crate::upstream::look;
use crate::vault::Binding;
use crate::vault::Contents;
use crate::vault::TokenError;

/// Characters of a server's name at most, as the directory takes it.
const LONGEST_NAME: usize = 100;

/// A server that is about to be enrolled.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: ServerId,
    pub(super) name: Option<String>,
    pub(super) host: Host,
    pub(super) address: Option<IpAddr>,
    pub(super) account: Account,
}

/// What is to become of the token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'w> {
    /// Whether a proper one is created in its place.
    pub(super) mint: bool,
    /// Whether that one may be rotated later.
    pub(super) rotated: bool,
    /// The name in WHM of the one that was given, to revoke it.
    pub(super) token_name: Option<&'w str>,
}

/// Reads a pin as the directory writes it.
pub(super) fn pin(text: &str) -> Result<SpkiPin, Failed> {
    let hash = text.strip_prefix("sha256/").and_then(|base64| STANDARD.decode(base64).ok());
    let hash = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok()).map(SpkiPin);
    hash.ok_or_else(|| "a pin is \"sha256/\" and 44 characters of base64".into())
}

/// Says what the certificate is that a host shows.
pub(super) fn show(host: &Host, seen: &Presented, streams: &mut Streams<'_>) -> io::Result<()> {
    let fingerprint: Vec<String> = seen.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    writeln!(streams.err, "{host} shows this certificate:")?;
    writeln!(streams.err, "  for          {} {}", Escaped(&seen.subject), Escaped(&seen.names.join(" ")))?;
    writeln!(streams.err, "  by           {}", Escaped(&seen.issuer))?;
    writeln!(streams.err, "  until        {}", seen.not_after)?;
    writeln!(streams.err, "  fingerprint  {}", fingerprint.join(":"))?;
    writeln!(streams.err, "  pin          sha256/{}", seen.pin)?;
    let vouched = if seen.is_public { "the system's authorities vouch for it" } else { "NO AUTHORITY VOUCHES FOR IT" };
    writeln!(streams.err, "  {vouched}")
}

impl Candidate {
    /// That the directory can take it: it has no server of this id, and would read what is written.
    pub(super) fn is_new(&self, config: &Config) -> Result<(), Failed> {
        if self.id.is_cpanels_own() {
            return Err(
                format!("cPanel's pages take a host name that begins with {} for something else", self.id).into()
            );
        }
        let is_label = |name: &String| {
            !name.trim().is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control)
        };
        if !self.name.as_ref().is_none_or(is_label) {
            return Err("the name has to be a short text on one line, of 100 characters at most".into());
        }
        match config.directory.servers.get(&self.id) {
            None => Ok(()),
            Some(server) => Err(format!("the directory has {} already ({})", self.id, server.source).into()),
        }
    }

    /// The certificate that it shows.
    pub(super) async fn certificate(&self, desk: &Desk) -> Result<Presented, Failed> {
        Ok(look(&self.host, self.address, desk.source, desk.limits.connect).await?)
    }

    /// The server's entry, with this trust.
    pub(super) fn server(&self, trust: Trust) -> Server {
        Server {
            id: self.id.clone(),
            name: self.name.clone().unwrap_or_else(|| self.id.to_string()),
            host: self.host.clone(),
            address: self.address,
            trust,
            api_account: self.account.clone(),
            api_token: TokenRef::Vault,
            access: Access::Restricted,
            source: Source { file: "-".into(), line: 1 },
        }
    }
}

/// A token that the server knows, and what it can do.
#[derive(Debug)]
pub(super) struct Verified {
    contents: Contents,
    assessed: Assessment,
}

/// Asks the server what the token can do, and says it.
pub(super) async fn verify(
    server: &Server,
    contents: Contents,
    desk: &Desk,
    streams: &mut Streams<'_>,
) -> Result<Verified, Failed> {
    let upstream = Upstream::new(server, desk.limits)?.leaving_from(desk.source);
    let client = upstream.client(Service::Whostmgrd);
    let credential = ApiCredential { account: server.api_account.clone(), token: contents.token.clone() };
    let api = WhmApi { client: &client, credential: &credential, answer_limit: desk.answer_limit };
    let assessed = assess(&api).await.map_err(|error| document::told(&error, &server.api_account))?;
    for words in assessed.words(server.api_account.as_str()) {
        writeln!(streams.err, "  {words}")?;
    }
    Ok(Verified { contents, assessed })
}

/// Puts the token into the vault and the server into the directory, and mints a proper token if that is wished.
pub(super) async fn enrol(
    server: &Server,
    Verified { contents, assessed }: Verified,
    wish: Wish<'_>,
    config: &Config,
    desk: &Desk,
    streams: &mut Streams<'_>,
) -> Result<(), Failed> {
    if !assessed.may(OPEN) && !wish.mint {
        let words = format!("the token cannot open panels: give it the privilege {OPEN} in WHM, or use --mint");
        return Err(words.into());
    }
    let binding = Binding::of(server);
    let detail = format!("host {}, cPanel & WHM {}", server.host, assessed.version);
    desk.notes.write(Act::Enrolled, binding.server(), binding.account(), &detail).await?;
    let contents = Contents { name: wish.token_name.map(str::to_owned), ..contents };
    match desk.vault.add(&binding, contents).await {
        Ok(_) => {}
        Err(TokenError::Exists(id)) => {
            return Err(format!(
                "somebody else has enrolled {id}, or is at it; if an enrolment broke off, run `panelgate vault remove {id}` first"
            )
            .into());
        }
        Err(error) => return Err(error.into()),
    }
    let entered = enter(server, &binding, wish, config, desk, streams).await;
    if entered.is_err() {
        // The server is not in the directory: what is left would only be in the way of the next try.
        desk.vault.remove(binding.server()).await?;
    }
    entered
}

async fn enter(
    server: &Server,
    binding: &Binding,
    wish: Wish<'_>,
    config: &Config,
    desk: &Desk,
    streams: &mut Streams<'_>,
) -> Result<(), Failed> {
    let written = document::write(server, config)?;
    writeln!(streams.out, "{} is in the directory: {}", server.id, written.display())?;
    if !wish.mint {
        return Ok(());
    }
    let wanted = NewToken { privileges: Some(proper_privileges(wish.rotated)), ..new_token(config) };
    let upstream = Upstream::new(server, desk.limits)?.leaving_from(desk.source);
    // From here on the server works with the token that was given, whatever becomes of the new one.
    match desk.rotator().rotate(&upstream, binding, &wanted).await {
        Ok(done) => {
            writeln!(streams.out, "created the token {} and verified it; it is in use", done.name)?;
            let revoked = if done.revoked {
                "the token that was given is revoked"
            } else {
                "the token that was given is still valid: revoke it in WHM (Manage API Tokens), or name it with --token-name"
            };
            writeln!(streams.out, "{revoked}")?;
        }
        Err(error) => {
            let cause = crate::telemetry::Chain(&error);
            writeln!(
                streams.err,
                "warning: no proper token could be created, the one that was given is in use: {cause}"
            )?;
        }
    }
    Ok(())
}
