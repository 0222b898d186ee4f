//! One server: its ports, its certificate, its token, and what of its settings matters.

use std::time::Duration;

use futures_util::future::join_all;

use crate::compose::Rounds;
use crate::compose::StartError;
use crate::config::Config;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::doctor::SOON;
use crate::doctor::settings;
use crate::fleet::Assessment;
use crate::fleet::MANAGE;
use crate::fleet::OPEN;
use crate::fleet::assess;
use crate::model::Access;
use crate::model::Directory;
use crate::model::Server;
use crate::model::Service;
use crate::model::Timestamp;
use crate::model::Trust;
use crate::panel;
use crate::panel::ApiCredential;
use crate::panel::ApiError;
use crate::panel::WhmApi;
use crate::telemetry::Chain;
use crate::upstream::ConnectError;
use crate::upstream::LookError;
use crate::upstream::Looker;
use crate::upstream::Presented;
use crate::upstream::Upstream;
use crate::vault::Binding;
use crate::vault::Token;

/// The longest that one server is looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of a server when it is visited.
struct Visit<'v> {
    config: &'v Config,
    server: &'v Server,
    rounds: &'v Rounds,
    looker: &'v Looker,
    now: Timestamp,
    findings: Vec<Finding>,
}

/// Looks at a server. What was found before it took too long is told in any case.
pub(super) async fn visit(
    config: &Config,
    server: &Server,
    rounds: &Rounds,
    looker: &Looker,
    now: Timestamp,
) -> Vec<Finding> {
    let mut visit = Visit { config, server, rounds, looker, now, findings: Vec::new() };
    let ended = tokio::time::timeout(PATIENCE, visit.go()).await;
    match ended {
        Err(_) => {
            let says = format!("it was not done with after {} s", PATIENCE.as_secs());
            visit.wrong(says, "see the load of the server, and the network between");
        }
        Ok(Some(well)) if visit.findings.is_empty() => visit.well(well),
        Ok(Some(_) | None) => {}
    }
    visit.findings
}

impl Visit<'_> {
    fn well(&mut self, says: String) {
        self.findings.push(Finding::well(Part::Server, &self.server.id, says));
    }

    fn remark(&mut self, says: impl Into<String>, advice: impl Into<String>) {
        self.findings.push(Finding::remark(Part::Server, &self.server.id, says, advice));
    }

    fn wrong(&mut self, says: impl Into<String>, advice: impl Into<String>) {
        self.findings.push(Finding::wrong(Part::Server, &self.server.id, says, advice));
    }

    /// Gives what there is to say where all is well, if the server was looked at to the end.
    async fn go(&mut self) -> Option<String> {
        let shown = self.certificate().await?;
        let (upstream, token) = match self.rounds.way_to(self.server) {
            Ok(way) => way,
            Err(error) => {
                self.wrong(Chain(&error).to_string(), format!("mend its entry ({})", self.server.source));
                return None;
            }
        };
        self.services(&upstream).await?;
        let (assessed, end) = self.token(&upstream, token).await?;
        let until = match self.server.trust {
            // A pinned key is good for as long as it is pinned.
            Trust::Pins(_) => String::new(),
            Trust::PublicRoots | Trust::CaFile(_) => format!(", certificate until {}", shown.not_after.to_minute()),
        };
        let end = end.map_or_else(String::new, |end| format!(", token until {}", end.to_minute()));
        let functions = assessed.functions;
        Some(format!("cPanel & WHM {}{until}{end}; the token may call {functions} functions", assessed.version))
    }

    /// Looks at the certificate of WHM, whatever it is, so that there is something to say about it.
    async fn certificate(&mut self) -> Option<Presented> {
        let Server { host, address, trust, source, .. } = self.server;
        let shown = match self.looker.look(host, *address, self.rounds.connect()).await {
            Ok(shown) => shown,
            Err(LookError::Connect(error)) => {
                self.unreachable(Service::Whostmgrd, &error);
                return None;
            }
            Err(error @ (LookError::Tls(_) | LookError::Unreadable)) => {
                self.wrong(Chain(&error).to_string(), "see what answers on port 2087 of this address");
                return None;
            }
        };
        match trust {
            Trust::Pins(pins) if !pins.contains(&shown.pin) => {
                let says = format!("its key is none of the pinned ones: it shows sha256/{}", shown.pin);
                let advice = format!(
                    "find out at the server's own console why: a new certificate, or somebody in between; if it is \
                     right, put that pin beside the others ({source})"
                );
                self.wrong(says, advice);
                None
            }
            Trust::PublicRoots if !shown.is_public => {
                let says = format!(
                    "no authority that this machine knows vouches for its certificate (for {}, by {}, until {})",
                    shown.subject,
                    shown.issuer,
                    shown.not_after.to_minute()
                );
                let advice = format!(
                    "get it a certificate (WHM, Manage Service SSL Certificates), or pin its key: sha256/{} ({source})",
                    shown.pin
                );
                self.wrong(says, advice);
                None
            }
            Trust::PublicRoots | Trust::CaFile(_) if shown.not_after.since(self.now) < SOON => {
                let says = format!("its certificate ends on {}", shown.not_after.to_minute());
                self.remark(says, "see why it is not renewed: WHM, Manage AutoSSL and Manage Service SSL Certificates");
                Some(shown)
            }
            Trust::Pins(_) | Trust::PublicRoots | Trust::CaFile(_) => Some(shown),
        }
    }

    /// Connects to the services that anybody may open, with the trust that is configured.
    async fn services(&mut self, upstream: &Upstream) -> Option<()> {
        let used = used(&self.config.directory, self.server);
        let reaching = used.iter().map(|service| async move { (*service, upstream.client(*service).reach().await) });
        let mut reached = Some(());
        for (service, outcome) in join_all(reaching).await {
            if let Err(error) = outcome {
                self.unreachable(service, &error);
                reached = reached.filter(|()| service != Service::Whostmgrd);
            }
        }
        reached
    }

    fn unreachable(&mut self, service: Service, error: &ConnectError) {
        let Server { host, source, .. } = self.server;
        let (title, port) = (service.title(), service.port());
        let says = format!("{title} (port {port}): {}", Chain(error));
        let advice = match error {
            ConnectError::Resolve(_) => format!("make a DNS record for {host}, or write its `address` ({source})"),
            ConnectError::Source(_) => "write an address of this machine in [upstream] source".to_owned(),
            ConnectError::Family => format!("give {host} an address of that family, or change [upstream] source"),
            ConnectError::Refused(_) => {
                format!("see that {title} runs there, and that the server's firewall lets this machine to port {port}")
            }
            ConnectError::TimedOut(_) => {
                format!("see that the server is up, and that its firewall lets this machine to port {port}")
            }
            ConnectError::PinMismatch | ConnectError::Certificate(_) => {
                format!("see which certificate {title} has, and whether `trust` is right ({source})")
            }
            ConnectError::Handshake(_) => {
                format!("see what answers on port {port} of this address: it has to be cpsrvd")
            }
        };
        self.wrong(says, advice);
    }

    /// Asks what the token can do.
    async fn token(
        &mut self,
        upstream: &Upstream,
        token: Result<Token, &StartError>,
    ) -> Option<(Assessment, Option<Timestamp>)> {
        let secret = match &token {
            Ok(token) => token.read().await.map_err(|error| Chain(&error).to_string()),
            Err(error) => Err(Chain(*error).to_string()),
        };
        let secret = match secret {
            Ok(secret) => secret,
            Err(says) => {
                let advice = format!(
                    "put the token where the directory says ({}), or store it again: panelgate vault set {}",
                    self.server.source, self.server.id
                );
                self.wrong(says, advice);
                return None;
            }
        };
        let client = upstream.client(Service::Whostmgrd);
        let credential = ApiCredential { account: self.server.api_account.clone(), token: secret };
        let api = WhmApi { client: &client, credential: &credential, answer_limit: self.rounds.answer_limit };
        let assessed = match assess(&api).await {
            Ok(assessed) => assessed,
            Err(error) => {
                let advice = self.of_api(&error);
                self.wrong(format!("its API: {}", Chain(&error)), advice);
                return None;
            }
        };
        self.privileges(&assessed);
        let end = self.end(&api, &assessed, token.ok().as_ref()).await;
        if assessed.may("all") {
            self.findings.extend(settings::look(self.config, self.server, &api).await);
        }
        Some((assessed, end))
    }

    fn of_api(&self, error: &ApiError) -> String {
        let account = &self.server.api_account;
        match error {
            ApiError::TokenRefused => format!(
                "see in WHM, Manage API Tokens, as {account}: whether the token is there, has not ended, and whether \
                 its allow-list has this machine's address; a new one: panelgate vault set {}",
                self.server.id
            ),
            ApiError::SecurityPolicy => "in WHM, Configure Security Policies, switch \"API requests\" off".to_owned(),
            ApiError::Send(_) | ApiError::Body(_) | ApiError::Status(_) => {
                "see the server's load and /usr/local/cpanel/logs/error_log".to_owned()
            }
            ApiError::TooLarge(_) => "raise limits.api_answer_kib".to_owned(),
            ApiError::Refused(_) | ApiError::NotJson | ApiError::Lacks(_) => {
                format!("see that {account} has WHM there, and that cpsrvd itself answers on port 2087")
            }
        }
    }

    fn privileges(&mut self, assessed: &Assessment) {
        let lacks: Vec<_> = assessed.lacks().collect();
        for (acl, purpose) in lacks {
            let says = format!("the token lacks the privilege {acl}, to {purpose}");
            let advice = format!("give it the privilege in WHM, Manage API Tokens: {acl}");
            match acl {
                OPEN => self.wrong(says, advice),
                // Who rotates tokens by hand does without.
                MANAGE if !self.config.fleet.rotate => {}
                _ => self.remark(says, advice),
            }
        }
        if assessed.may("all") {
            let account = &self.server.api_account;
            let says = format!("the token may everything that {account} may");
            let advice = "make one that may what is needed: panelgate servers add --mint, or by hand (docs/fleet.md)";
            self.remark(says, advice);
        }
    }

    /// When the token ends, where that can be known: the vault knows, or there is only one.
    async fn end(&mut self, api: &WhmApi<'_>, assessed: &Assessment, token: Option<&Token>) -> Option<Timestamp> {
        let end = match token {
            Some(Token::Sealed(vault, _)) => vault.open(&Binding::of(self.server)).await.ok()?.contents.expires_at,
            Some(Token::Outside(_)) if assessed.may(MANAGE) => match panel::list_tokens(api).await.ok()?.as_slice() {
                [only] => only.expires_at,
                _ => None,
            },
            Some(Token::Outside(_)) | None => None,
        }?;
        let is_rotated = self.config.fleet.rotate && matches!(token, Some(Token::Sealed(..)));
        if !is_rotated && end.since(self.now) < SOON {
            let advice = format!(
                "panelgate token rotate {}, or [fleet] rotate = true; outside the vault: by hand",
                self.server.id
            );
            self.remark(format!("the token ends on {}", end.to_minute()), advice);
        }
        Some(end)
    }
}

/// The services of a server that somebody may open, WHM always: the API is there.
fn used(directory: &Directory, server: &Server) -> Vec<Service> {
    let everybodys = match &server.access {
        Access::Unrestricted { services, customers, .. } => [services.as_slice(), customers.as_slice()].concat(),
        Access::Restricted => Vec::new(),
    };
    let of_server = directory.rules.iter().filter(|rule| rule.servers.contains(&server.id));
    let ruled = of_server.flat_map(|rule| rule.services.iter().chain(&rule.customers)).copied();
    let open: Vec<Service> = everybodys.into_iter().chain(ruled).chain([Service::Whostmgrd]).collect();
    Service::ALL.into_iter().filter(|service| open.contains(service)).collect()
}
