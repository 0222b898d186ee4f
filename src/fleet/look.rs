//! One look at one server: its certificate, its token, its version, its load, and the settings that protect sessions.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::fleet::advisories::Advisories;
use crate::fleet::assess::OPEN;
use crate::fleet::assess::WANTED;
use crate::fleet::condition::Condition;
use crate::fleet::condition::Setting;
use crate::fleet::trouble::Trouble;
use crate::model::Server;
use crate::model::Service;
use crate::model::Timestamp;
use crate::panel;
use crate::panel::ApiCredential;
use crate::panel::ApiError;
use crate::panel::WhmApi;
use crate::upstream::ConnectError;
use crate::upstream::SendError;
use crate::upstream::Upstream;
use crate::vault::Token;

/// An end that is nearer than this is told.
const SOON: Duration = Duration::from_hours(14 * 24);

/// The settings that protect sessions (cPanel docs, "Tweak Settings: Security"), and whether they have to be on, or
/// only must not have been switched off: referrer checks are off on a freshly installed server.
const SETTINGS: [(&str, bool); 3] = [("cookieipvalidation", true), ("xframecpsrvd", true), ("referrersafety", false)];

/// What is known of a server's token without asking the server.
#[derive(Debug)]
pub(super) struct Held {
    /// The way to it, if there is one.
    pub(super) token: Option<Token>,
    /// Its name at the server.
    pub(super) name: Option<String>,
    /// When it ends.
    pub(super) ends: Option<Timestamp>,
    /// When it was stored in the vault.
    pub(super) stored: Option<Timestamp>,
}

/// A look that is under way.
pub(super) struct Look<'l> {
    pub(super) server: &'l Server,
    pub(super) upstream: &'l Upstream,
    pub(super) held: Held,
    pub(super) advisories: &'l Advisories,
    /// The addresses from which tokens are used.
    pub(super) addresses: &'l [IpAddr],
    pub(super) answer_limit: usize,
    /// The longest that the look may take.
    pub(super) longest: Duration,
    pub(super) now: Timestamp,
}

impl Look<'_> {
    /// Looks. What was found before says what must not have been lost or switched off.
    pub(super) async fn take(&self, before: Option<&Condition>) -> Condition {
        let mut found = Condition { at: self.now, token_stored: self.held.stored, ..Condition::default() };
        if let Some(before) = before {
            found.settings.clone_from(&before.settings);
            found.version.clone_from(&before.version);
            found.certificate_ends = before.certificate_ends;
            if before.token_stored == self.held.stored {
                found.had.clone_from(&before.had);
            }
        }
        match tokio::time::timeout(self.longest, self.ask(&mut found)).await {
            Ok(Ok(())) => {}
            Ok(Err(trouble)) => found.troubles.push(trouble),
            Err(_) => found.troubles.push(Trouble::Unreachable),
        }
        found.troubles.sort();
        if found.troubles.contains(&Trouble::Unreachable) {
            found.failures = before.map_or(0, |before| before.failures).saturating_add(1);
        }
        found
    }

    /// Puts into `found` what there is to say; gives what kept it from asking further.
    async fn ask(&self, found: &mut Condition) -> Result<(), Trouble> {
        let client = self.upstream.client(Service::Whostmgrd);
        let end = match client.certificate_end().await {
            Ok(end) => end,
            Err(error) => return Err(self.unconnected(&error).await),
        };
        found.certificate_ends = Some(end);
        if self.is_soon(end) {
            found.troubles.push(Trouble::CertificateEnds { at: end });
        }
        found.token_ends = self.held.ends;
        let Some(way) = &self.held.token else { return Err(Trouble::TokenUnavailable) };
        let Ok(token) = way.read().await else { return Err(Trouble::TokenUnavailable) };
        let credential = ApiCredential { account: self.server.api_account.clone(), token };
        let api = WhmApi { client: &client, credential: &credential, answer_limit: self.answer_limit };
        let asked = self.ask_api(&api, found).await;
        if let Some(at) = found.token_ends.filter(|at| self.is_soon(*at)) {
            found.troubles.push(Trouble::TokenEnds { at });
        }
        asked.map_err(|error| trouble(&error))
    }

    async fn ask_api(&self, api: &WhmApi<'_>, found: &mut Condition) -> Result<(), ApiError> {
        let version = panel::version(api).await?;
        let holes: Vec<String> = self.advisories.of(&version).into_iter().map(|hole| hole.id.clone()).collect();
        if !holes.is_empty() {
            found.troubles.push(Trouble::Vulnerable { ids: holes });
        }
        found.version = Some(version);
        let privileges = panel::privileges(api).await?;
        let may = |acl: &str| privileges.contains(acl) || privileges.contains("all");
        let has: BTreeSet<String> =
            WANTED.iter().map(|(acl, _)| *acl).filter(|acl| may(acl)).map(str::to_owned).collect();
        if !may(OPEN) {
            found.troubles.push(Trouble::TokenCannotOpen);
        }
        let lost: Vec<String> = found.had.difference(&has).filter(|acl| *acl != OPEN).cloned().collect();
        if !lost.is_empty() {
            found.troubles.push(Trouble::TokenLost { privileges: lost });
        }
        found.had.extend(has);
        if may("manage-api-tokens") {
            self.ask_token(api, found).await?;
        }
        // What cannot be seen is not said to be well: it is not listed.
        if may("basic-system-info") {
            found.load = seen(panel::load(api).await)?;
        }
        if may("all") {
            self.ask_settings(api, found).await?;
        }
        Ok(())
    }

    /// What the server itself says about the token's end and allow-list, where its name is known.
    async fn ask_token(&self, api: &WhmApi<'_>, found: &mut Condition) -> Result<(), ApiError> {
        let Some(name) = &self.held.name else { return Ok(()) };
        let listed = seen(panel::list_tokens(api).await)?.unwrap_or_default();
        let Some(token) = listed.into_iter().find(|token| token.name == *name) else { return Ok(()) };
        found.token_ends = token.expires_at;
        let listed = |ip: &IpAddr| token.addresses.iter().any(|entry| covers(entry, *ip));
        let missing: Vec<String> = self.addresses.iter().filter(|ip| !listed(ip)).map(ToString::to_string).collect();
        if !token.addresses.is_empty() && !missing.is_empty() {
            found.troubles.push(Trouble::TokenMissesAddress { addresses: missing });
        }
        Ok(())
    }

    async fn ask_settings(&self, api: &WhmApi<'_>, found: &mut Condition) -> Result<(), ApiError> {
        let mut off = Vec::new();
        for (key, has_to_be) in SETTINGS {
            let Some(is_on) = seen(panel::is_setting_on(api, key).await)? else { continue };
            let was_on = found.settings.get(key).is_some_and(|setting| setting.was_on);
            if !is_on && (has_to_be || was_on) {
                off.push(key.to_owned());
            }
            found.settings.insert(key.to_owned(), Setting { is_on, was_on: was_on || is_on });
        }
        if !off.is_empty() {
            found.troubles.push(Trouble::SettingOff { keys: off });
        }
        Ok(())
    }

    /// Why there is no connection. Where the certificate is to blame, it is looked at, and nothing is sent.
    async fn unconnected(&self, error: &SendError) -> Trouble {
        let SendError::Connect(ConnectError::PinMismatch | ConnectError::Certificate(_)) = error else {
            return Trouble::Unreachable;
        };
        let seen = self.upstream.shown().await;
        Trouble::CertificateChanged { shown: seen.ok().map(|seen| seen.pin.to_string()) }
    }

    fn is_soon(&self, end: Timestamp) -> bool {
        end <= self.now.plus(SOON)
    }
}

/// What a call gave, or nothing if the token may not make it after all.
fn seen<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(seen) => Ok(Some(seen)),
        Err(ApiError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an entry of an allow-list, an address or a network, covers an address.
fn covers(entry: &str, ip: IpAddr) -> bool {
    let network = entry.parse::<ipnet::IpNet>().is_ok_and(|network| network.contains(&ip));
    network || entry.parse() == Ok(ip)
}

fn trouble(error: &ApiError) -> Trouble {
    match error {
        ApiError::Send(SendError::Connect(ConnectError::PinMismatch | ConnectError::Certificate(_))) => {
            Trouble::CertificateChanged { shown: None }
        }
        ApiError::Send(_) | ApiError::Body(_) => Trouble::Unreachable,
        ApiError::TokenRefused => Trouble::TokenRefused,
        ApiError::SecurityPolicy => Trouble::SecurityPolicy,
        ApiError::TooLarge(_) | ApiError::Refused(_) | ApiError::Status(_) | ApiError::NotJson | ApiError::Lacks(_) => {
            Trouble::ApiFails
        }
    }
}
