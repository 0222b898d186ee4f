//! One panel session, and how it comes about.

use std::fmt;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use http::HeaderMap;
use http::HeaderValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::model::Account;
use crate::model::Target;
use crate::panel;
use crate::panel::ApiError;
use crate::panel::CookieJar;
use crate::panel::LoginError;
use crate::panel::SecurityToken;
use crate::panel::WhmApi;
use crate::panel_session::places::Places;
use crate::panel_session::shared::Shared;
use crate::panel_session::shared::SharedRecord;
use crate::session::Drawer;
use crate::session::EntryPlace;
use crate::session::SecretDigits;
use crate::session::SessionId;
use crate::upstream::Client;
use crate::upstream::SendError;
use crate::upstream::Upstream;
use crate::vault::TokenError;

/// Why a panel session could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory does not name the server any more.
    #[error("the server is not in the directory")]
    UnknownServer,
    /// The API token could not be read from where the directory says it is.
    #[error("the API token cannot be read")]
    Vault(#[source] TokenError),
    /// The API call failed.
    #[error("create_user_session failed")]
    Api(#[source] ApiError),
    /// The one-time login failed.
    #[error("the one-time login failed")]
    Login(#[source] LoginError),
    /// It took longer than the limit for the whole.
    #[error("opening took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    /// There are as many panel sessions as the limit allows.
    #[error("there are {0} panel sessions, as many as may be")]
    Full(usize),
    /// The random source failed.
    #[error("no random numbers for a security token")]
    Random,
    /// Whose customer the account is could not be learned.
    #[error("the server did not say whose customer the account is")]
    Ownership(#[source] ApiError),
    /// The account is no customer of the one that the person comes from.
    #[error("the account is no customer of the one in WHM")]
    NotCustomer,
}

/// Earlier security tokens that are remembered, where a server does not take the one that we choose.
const FORMER_TOKENS: usize = 4;

/// Whose security token a path begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The panel session's.
    Own,
    /// There is none in it.
    Nobody,
    /// One that the panel session had before the server ended it and gave another. Holds the address under
    /// the present one.
    Former(String),
    /// That of some other session.
    Another,
}

/// A signed-in cpsrvd session.
pub struct PanelSession {
    place: EntryPlace,
    /// For what is done while it lasts.
    client: Client,
    /// For coming and going.
    door: Client,
    jar: Mutex<CookieJar>,
    security_token: SecurityToken,
    /// The first page under it.
    home: Box<str>,
    formerly: Vec<SecurityToken>,
    landing: Target,
    places: Places,
    used_at: Mutex<Instant>,
    /// When the server last said here that the account is a customer of the one that it was reached through.
    proven_at: Mutex<Option<Instant>>,
    /// What it has in common with other gateways, if it is in the drawer.
    shared: OnceLock<Shared>,
    owner: Owner,
}

/// Whose a panel session is, and until when.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) session: SessionId,
    pub(super) ended: CancellationToken,
    pub(super) places: Places,
}

impl PanelSession {
    /// Opens one: asks the API for it with a security token of our choice, and follows the login.
    pub(super) async fn open(
        upstream: &Upstream,
        (api, door): (&WhmApi<'_>, Client),
        place: &EntryPlace,
        (chosen, before): (&SecurityToken, &[SecretDigits]),
        owner: Owner,
    ) -> Result<Self, OpenError> {
        prove(api, place).await?;
        let proven_at = Mutex::new(Some(Instant::now()));
        let login = panel::create_user_session(api, &place.account, place.service, chosen).await;
        let login = login.map_err(OpenError::Api)?;
        let signed_in = panel::sign_in(&door, login).await.map_err(OpenError::Login)?;
        let security_token = signed_in.security_token;
        let mut formerly: Vec<_> = before.iter().filter_map(|digits| SecurityToken::parse(&digits.0)).collect();
        formerly.retain(|token| *token != security_token);
        formerly.drain(..formerly.len().saturating_sub(FORMER_TOKENS));
        let client = upstream.client_until(place.service, owner.ended.clone());
        // While the browser is led to the panel, so that its first page does not wait for that.
        client.prepare_meanwhile();
        Ok(Self {
            place: place.clone(),
            client,
            door,
            jar: Mutex::new(signed_in.jar),
            home: security_token.expose_home().into(),
            security_token,
            formerly,
            landing: signed_in.landing,
            places: owner.places.clone(),
            used_at: Mutex::new(Instant::now()),
            proven_at,
            shared: OnceLock::new(),
            owner,
        })
    }

    /// One that another gateway has opened; nothing if what is in the drawer cannot be one.
    pub(super) fn adopt(
        upstream: &Upstream,
        place: &EntryPlace,
        record: &SharedRecord,
        drawer: Drawer,
        owner: Owner,
    ) -> Option<Self> {
        let mut tokens: Vec<_> = record.digits.iter().filter_map(|digits| SecurityToken::parse(&digits.0)).collect();
        let security_token = tokens.pop()?;
        Some(Self {
            place: place.clone(),
            client: upstream.client_until(place.service, owner.ended.clone()),
            door: upstream.client(place.service),
            jar: Mutex::new(CookieJar::restore(&record.jar)),
            home: security_token.expose_home().into(),
            security_token,
            formerly: tokens,
            landing: Target::parse(&record.landing).ok()?,
            places: owner.places.clone(),
            used_at: Mutex::new(Instant::now()),
            proven_at: Mutex::new(None),
            shared: OnceLock::from(Shared::new(record, drawer, true)),
            owner,
        })
    }

    /// What it has in common with other gateways.
    pub(super) fn shared(&self) -> Option<&Shared> {
        self.shared.get()
    }

    /// Notes that it is there for other gateways.
    pub(super) fn share(&self, shared: Shared) {
        // It is put in the drawer once, by whoever opened it.
        drop(self.shared.set(shared));
    }

    /// Whether other gateways have it too.
    pub fn is_shared(&self) -> bool {
        self.shared().is_some()
    }

    /// The version of what other gateways know of it; 0 if it is this gateway's alone.
    pub fn version(&self) -> u64 {
        self.shared().map_or(0, Shared::version)
    }

    /// Its cookies as they are.
    pub(super) fn jar(&self) -> CookieJar {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces its cookies; says whether what is there now is more than what is in the drawer.
    pub(super) fn replace_jar(&self, with: impl FnOnce(&CookieJar) -> (CookieJar, bool)) -> bool {
        let mut jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        let (replaced, differs) = with(&jar);
        *jar = replaced;
        differs
    }

    /// Whose it is.
    pub(super) fn owner(&self) -> SessionId {
        self.owner.session
    }

    /// Cancelled when the person's session ends, or only their way to this panel.
    pub fn ended(&self) -> &CancellationToken {
        &self.owner.ended
    }

    /// What it leads to.
    pub fn place(&self) -> &EntryPlace {
        &self.place
    }

    /// The page that the login led to.
    pub fn landing(&self) -> &Target {
        &self.landing
    }

    /// The security token's digits, for the entry's record.
    pub fn digits(&self) -> SecretDigits {
        SecretDigits(self.security_token.expose_parameter())
    }

    /// The digits of its security token, after those of earlier ones under which pages may still be open.
    pub(super) fn all_digits(&self) -> Vec<SecretDigits> {
        let all = self.formerly.iter().chain([&self.security_token]);
        all.map(|token| SecretDigits(token.expose_parameter())).collect()
    }

    /// Whose security token a path begins with. A wrong one must not get to the server: the third one ends
    /// the session there.
    pub fn claimed_by(&self, target: &Target) -> Claim {
        let Some(first) = target.segments().next().filter(|first| first.starts_with("cpsess")) else {
            return Claim::Nobody;
        };
        if self.security_token.is(first) {
            return Claim::Own;
        }
        match SecurityToken::parse(first) {
            Some(token) if self.formerly.contains(&token) => {
                let rest = target.as_str().get(1 + first.len()..).unwrap_or_default();
                Claim::Former(format!("{}{rest}", self.security_token.expose_prefix()))
            }
            _ => Claim::Another,
        }
    }

    /// The first page under its security token.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// Its own connections, which are closed when it ends.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The places for requests at the server.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The requests at the server right now, bodies and WebSockets included.
    pub(super) fn at_the_server(&self) -> usize {
        self.places.taken()
    }

    /// The time since it was last used. While requests are at the server there is none.
    pub(super) fn unused(&self) -> Duration {
        if self.places.taken() > 0 {
            return Duration::ZERO;
        }
        self.used_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// The cookies to send, with those of the page's own script; it counts as used.
    pub(super) fn cookies(&self, page: &[(&str, &str)]) -> Option<HeaderValue> {
        *self.used_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.jar.lock().unwrap_or_else(PoisonError::into_inner).header(page)
    }

    /// Logs out at the server.
    pub(super) async fn log_out(&self) -> Result<(), SendError> {
        match self.cookies(&[]) {
            Some(cookies) => panel::log_out(&self.door, &self.security_token, cookies).await,
            None => Ok(()),
        }
    }

    /// How long ago the server said that the account is a customer of the one that it was reached through;
    /// nothing if nobody has to say so.
    pub(super) fn proven(&self) -> Option<Duration> {
        let proven_at = *self.proven_at.lock().unwrap_or_else(PoisonError::into_inner);
        needs_proof(&self.place).map(|_| proven_at.map_or(Duration::MAX, |then| then.elapsed()))
    }

    /// Asks the server again.
    pub(super) async fn prove_again(&self, api: &WhmApi<'_>) -> Result<(), OpenError> {
        prove(api, &self.place).await?;
        *self.proven_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// Takes in the cookies of an answer.
    pub fn absorb(&self, headers: &HeaderMap) {
        let changed = self.jar.lock().unwrap_or_else(PoisonError::into_inner).absorb(headers);
        if let Some(shared) = self.shared().filter(|_| changed) {
            shared.changed();
        }
    }
}

/// The account whose customer an account has to be. Root's customers are all of them.
fn needs_proof(place: &EntryPlace) -> Option<&Account> {
    place.through.as_ref().filter(|through| !through.is_root())
}

/// Has the server say that the account is a customer of the one that it is reached through.
async fn prove(api: &WhmApi<'_>, place: &EntryPlace) -> Result<(), OpenError> {
    let Some(holder) = needs_proof(place) else { return Ok(()) };
    match panel::is_customer(api, &place.account, holder).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::NotCustomer),
        Err(error) => Err(OpenError::Ownership(error)),
    }
}

/// The token that was given before, or a new one.
pub(super) fn choose(before: Option<&SecretDigits>, random: &dyn SecureRandom) -> Result<SecurityToken, OpenError> {
    match before.and_then(|digits| SecurityToken::parse(&digits.0)) {
        Some(token) => Ok(token),
        None => SecurityToken::random(random).map_err(|_| OpenError::Random),
    }
}

impl fmt::Debug for PanelSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanelSession").field("place", &self.place).finish_non_exhaustive()
    }
}
