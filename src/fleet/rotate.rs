//! Changing a server's API token: create, verify, switch, revoke, each step noted in the vault before it is taken.
//!
//! | found in the record | what is known | what is done |
//! |---|---|---|
//! | nothing | one token, in use | begin: write `Creating`, then ask the server |
//! | `Creating` | the new token may exist; nobody has its secret | revoke it, begin again |
//! | `Created` | both tokens are here | verify the new one, then switch; give it up if it is refused |
//! | `Switched` | the new one is in use | revoke the old one, end |
//!
//! So whatever breaks off, and wherever, the record holds a token that works.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use secrecy::SecretString;

use crate::fleet::assess::MANAGE;
use crate::fleet::notes::Act;
use crate::fleet::notes::NoteError;
use crate::fleet::notes::Notes;
use crate::model::Account;
use crate::model::Clock;
use crate::model::Service;
use crate::model::Timestamp;
use crate::panel;
use crate::panel::ApiCredential;
use crate::panel::ApiError;
use crate::panel::SecurityToken;
use crate::panel::TokenWish;
use crate::panel::WhmApi;
use crate::telemetry::Chain;
use crate::upstream::Upstream;
use crate::vault::Binding;
use crate::vault::Contents;
use crate::vault::Entry;
use crate::vault::Reserved;
use crate::vault::Rotation;
use crate::vault::TokenError;
use crate::vault::Vault;

/// How long one process has a server's token to itself after it was last heard of.
const LEASE: Duration = Duration::from_secs(30);

/// How often it is heard of.
const BEAT: Duration = Duration::from_secs(5);

/// The longest that one call may take.
const CALL: Duration = Duration::from_mins(1);

/// What a new token is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// How long it is valid.
    pub lifetime: Duration,
    /// The only addresses that may use it; any, if there are none.
    pub addresses: Vec<String>,
    /// Its privileges; those of the present one, if there is nothing.
    pub privileges: Option<Vec<String>>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The new token's name.
    pub name: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Whether the old one is revoked. Not if its name is unknown.
    pub revoked: bool,
}

/// Why a token was not changed. The one in use stays in use.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] TokenError),
    /// The audit log's notes.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Somebody else is at it.
    #[error("somebody else is changing the token of {0} right now")]
    Busy(String),
    /// The account name in the vault cannot be one.
    #[error("the account in the vault is no account name")]
    Account,
    /// The token may not manage tokens.
    #[error(
        "the token may not manage tokens ({MANAGE}): create one in WHM by hand and store it with `panelgate vault set {0}`"
    )]
    NotAllowed(String),
    /// A step failed.
    #[error("{step} failed")]
    Step {
        /// Which.
        step: &'static str,
        /// Why.
        source: ApiError,
    },
    /// A step took too long.
    #[error("{0} had no answer in time")]
    TimedOut(&'static str),
    /// The new token works less than it should.
    #[error("the new token lacks {0}")]
    Lacks(String),
    /// The random source failed.
    #[error("no random numbers for a new token's name")]
    Random,
}

/// Changes tokens.
#[derive(Clone)]
pub struct Rotator {
    /// Where they lie.
    pub vault: Arc<Vault>,
    /// What is to be recorded.
    pub notes: Notes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
    /// Bytes of an API answer that are read at most.
    pub answer_limit: usize,
}

/// One server under change.
struct Change<'r> {
    rotator: &'r Rotator,
    upstream: &'r Upstream,
    binding: &'r Binding,
    account: Account,
    wanted: &'r NewToken,
}

impl Rotator {
    /// Whether a token is to be changed: its end is near, it is old where no end is known, or a change of it was
    /// interrupted.
    pub fn is_due(&self, entry: &Entry, lifetime: Duration, before: Duration) -> bool {
        let now = self.clock.now();
        let end = entry.contents.expires_at.unwrap_or_else(|| entry.stored_at.plus(lifetime));
        entry.contents.rotation.is_some() || end <= now.plus(before)
    }

    /// Changes the token of a server, or ends a change that was interrupted and then does so.
    pub async fn rotate(
        &self,
        upstream: &Upstream,
        binding: &Binding,
        wanted: &NewToken,
    ) -> Result<Rotated, RotateError> {
        self.alone(upstream, binding, wanted, true).await.map(|done| {
            // A change that was begun ends with a name.
            done.unwrap_or_else(|| Rotated { name: String::new(), expires_at: None, revoked: false })
        })
    }

    /// Ends a change that was interrupted, if there is one, and begins none.
    pub async fn resume(
        &self,
        upstream: &Upstream,
        binding: &Binding,
        wanted: &NewToken,
    ) -> Result<Option<Rotated>, RotateError> {
        self.alone(upstream, binding, wanted, false).await
    }

    async fn alone(
        &self,
        upstream: &Upstream,
        binding: &Binding,
        wanted: &NewToken,
        begins: bool,
    ) -> Result<Option<Rotated>, RotateError> {
        let account = binding.account().parse().map_err(|_| RotateError::Account)?;
        let Some(lease) = self.vault.reserve(binding.server(), LEASE).await? else {
            return Err(RotateError::Busy(binding.server().to_owned()));
        };
        let change = Change { rotator: self, upstream, binding, account, wanted };
        let done = tokio::select! {
            done = change.run(begins) => done,
            // Somebody else may be at it by now: whatever was under way is theirs to end.
            () = self.lost(&lease) => Err(RotateError::Busy(binding.server().to_owned())),
        };
        if let Err(error) = &done {
            let said = Chain(error).to_string();
            self.notes.write(Act::RotationFailed, binding.server(), binding.account(), &said).await?;
        }
        self.vault.release(lease).await?;
        done
    }

    /// Returns when the server's record is not kept for us any more.
    async fn lost(&self, lease: &Reserved) {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.vault.keep(lease, LEASE).await {
                Ok(true) => {}
                Ok(false) => return,
                // The store is away for a moment: what it said counts until it runs out.
                Err(error) => {
                    tracing::warn!(cause = %Chain(&error), "the store does not answer while a token is changed");
                }
            }
        }
    }
}

impl Change<'_> {
    async fn run(&self, mut begins: bool) -> Result<Option<Rotated>, RotateError> {
        let mut entry = self.rotator.vault.open(self.binding).await?;
        loop {
            entry = match entry.contents.rotation.clone() {
                None if begins => {
                    begins = false;
                    self.create(entry).await?
                }
                None => return Ok(None),
                Some(Rotation::Creating { name }) => {
                    let entry = self.give_up(entry, &name).await?;
                    begins = true;
                    entry
                }
                Some(Rotation::Created { name, expires_at }) => {
                    begins = false;
                    self.switch(entry, name, expires_at).await?
                }
                Some(Rotation::Switched { former }) => return self.finish(entry, former).await.map(Some),
            };
        }
    }

    /// Asks the server for a new token and puts it beside the one in use.
    async fn create(&self, entry: Entry) -> Result<Entry, RotateError> {
        let Rotator { notes, clock, .. } = self.rotator;
        let name = self.name()?;
        let has =
            self.call("asking what the token may do", &entry.contents.token, async |api| panel::privileges(&api).await);
        let has = has.await?;
        if !has.contains(MANAGE) && !has.contains("all") {
            return Err(RotateError::NotAllowed(self.binding.server().to_owned()));
        }
        let kept = || if has.contains("all") { vec!["all".to_owned()] } else { has.iter().cloned().collect() };
        let expires_at = Timestamp::from_secs(clock.now().plus(self.wanted.lifetime).secs());
        let wish = TokenWish {
            name: name.clone(),
            privileges: self.wanted.privileges.clone().unwrap_or_else(kept),
            expires_at,
            addresses: self.wanted.addresses.clone(),
        };
        notes.write(Act::Creating, self.binding.server(), self.binding.account(), &format!("token {name}")).await?;
        let entry = self.write(&entry, entry.contents.next.clone(), Rotation::Creating { name: name.clone() }).await?;
        let created =
            self.call("creating a token", &entry.contents.token, async |api| panel::create_token(&api, &wish).await);
        match created.await {
            Ok(secret) => {
                let made = Rotation::Created { name: name.clone(), expires_at: Some(expires_at) };
                match self.write(&entry, Some(secret), made).await {
                    Ok(entry) => Ok(entry),
                    Err(error) => {
                        // Nobody else will know of it.
                        self.revoke(&entry.contents.token, &name).await?;
                        Err(error)
                    }
                }
            }
            Err(error) => {
                self.give_up(entry, &name).await?;
                Err(error)
            }
        }
    }

    /// Verifies the new token with the calls that it is for, and takes it into use.
    async fn switch(&self, entry: Entry, name: String, expires_at: Option<Timestamp>) -> Result<Entry, RotateError> {
        let Some(next) = entry.contents.next.clone() else {
            self.give_up(entry, &name).await?;
            return Err(RotateError::Lacks("its secret in the vault".to_owned()));
        };
        if let Err(error) = self.verify(&next).await {
            // Where the server could not be asked, the next try asks again.
            if !error.is_passing() {
                self.give_up(entry, &name).await?;
            }
            return Err(error);
        }
        let detail = format!("token {name}");
        let former = entry.contents.name.clone();
        let contents = Contents {
            token: next,
            name: Some(name),
            expires_at,
            next: None,
            rotation: Some(Rotation::Switched { former }),
        };
        let entry = self.rotator.vault.change(&entry, self.binding, contents).await?;
        self.rotator.notes.write(Act::Switched, self.binding.server(), self.binding.account(), &detail).await?;
        Ok(entry)
    }

    /// Revokes the old token with the new one.
    async fn finish(&self, entry: Entry, former: Option<String>) -> Result<Rotated, RotateError> {
        let (server, account) = (self.binding.server(), self.binding.account());
        if let Some(former) = &former {
            self.revoke(&entry.contents.token, former).await?;
            self.rotator.notes.write(Act::Revoked, server, account, &format!("token {former}")).await?;
        }
        let contents = Contents { rotation: None, next: None, ..entry.contents.clone() };
        self.rotator.vault.change(&entry, self.binding, contents).await?;
        let Contents { name, expires_at, .. } = entry.contents;
        Ok(Rotated { name: name.unwrap_or_default(), expires_at, revoked: former.is_some() })
    }

    /// Revokes a new token, which nobody uses, and goes back to where the change began.
    async fn give_up(&self, entry: Entry, name: &str) -> Result<Entry, RotateError> {
        self.revoke(&entry.contents.token, name).await?;
        let contents = Contents { rotation: None, next: None, ..entry.contents.clone() };
        let entry = self.rotator.vault.change(&entry, self.binding, contents).await?;
        let detail = format!("token {name}");
        self.rotator.notes.write(Act::RolledBack, self.binding.server(), self.binding.account(), &detail).await?;
        Ok(entry)
    }

    async fn verify(&self, token: &SecretString) -> Result<(), RotateError> {
        self.call("asking for the version with the new token", token, async |api| panel::version(&api).await).await?;
        let has = self.call("asking what the new token may do", token, async |api| panel::privileges(&api).await);
        let has = has.await?;
        let lacks = |acl: &&String| !has.contains(*acl) && !has.contains("all");
        if let Some(lacking) = self.wanted.privileges.iter().flatten().find(lacks) {
            return Err(RotateError::Lacks(lacking.clone()));
        }
        // The real thing. Nobody follows the login, which ends of itself.
        let chosen = SecurityToken::random(&*self.rotator.random).map_err(|_| RotateError::Random)?;
        let opened = self.call("opening a panel with the new token", token, async |api| {
            panel::create_user_session(&api, &self.account, Service::Whostmgrd, &chosen).await
        });
        opened.await.map(|_| ())
    }

    async fn revoke(&self, token: &SecretString, name: &str) -> Result<(), RotateError> {
        self.call("revoking a token", token, async |api| panel::revoke_token(&api, name).await).await
    }

    async fn write(&self, entry: &Entry, next: Option<SecretString>, step: Rotation) -> Result<Entry, RotateError> {
        let contents = Contents { next, rotation: Some(step), ..entry.contents.clone() };
        Ok(self.rotator.vault.change(entry, self.binding, contents).await?)
    }

    async fn call<T>(
        &self,
        step: &'static str,
        token: &SecretString,
        ask: impl AsyncFnOnce(WhmApi<'_>) -> Result<T, ApiError>,
    ) -> Result<T, RotateError> {
        let client = self.upstream.client(Service::Whostmgrd);
        let credential = ApiCredential { account: self.account.clone(), token: token.clone() };
        let api = WhmApi { client: &client, credential: &credential, answer_limit: self.rotator.answer_limit };
        let asked = tokio::time::timeout(CALL, ask(api)).await.map_err(|_| RotateError::TimedOut(step))?;
        asked.map_err(|source| RotateError::Step { step, source })
    }

    /// A name that no other token has: the day, and something random.
    fn name(&self) -> Result<String, RotateError> {
        let mut random = [0; 4];
        self.rotator.random.fill(&mut random).map_err(|_| RotateError::Random)?;
        let day: String = self.rotator.clock.now().to_string().chars().take(10).filter(char::is_ascii_digit).collect();
        Ok(format!("panelgate-{day}-{:08x}", u32::from_be_bytes(random)))
    }
}

impl RotateError {
    /// Whether another try may succeed without anybody doing something about it.
    fn is_passing(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Busy(_) | Self::Vault(_) | Self::Note(_) | Self::Random => true,
            Self::Account | Self::NotAllowed(_) | Self::Lacks(_) => false,
            Self::Step { source, .. } => match source {
                ApiError::Send(_) | ApiError::Body(_) | ApiError::Status(_) => true,
                ApiError::TooLarge(_)
                | ApiError::TokenRefused
                | ApiError::SecurityPolicy
                | ApiError::Refused(_)
                | ApiError::NotJson
                | ApiError::Lacks(_) => false,
            },
        }
    }
}

impl fmt::Debug for Rotator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotator").field("vault", &self.vault).finish_non_exhaustive()
    }
}
