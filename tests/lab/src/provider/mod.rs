//! A small OpenID Provider that can be told to misbehave.
//!
//! It does what OpenID Connect Core 1.0 (refresh tokens too: they rotate, and are given for the scope
//! `offline_access`), Discovery 1.0, RP-Initiated Logout 1.0, RFC 7636 and RFC 9207
//! ask of a provider with one flow: authorization code with PKCE S256. For a demonstration it has a
//! sign-in page that a person can use; for tests it has [`Misbehaviour`], which changes one thing at a
//! time and can be set while it runs. Passwords are kept in clear: it is a double, not a product.
//!
//! - `server`: the listener, TLS, and which path is which endpoint.
//! - `discovery`, `authorize`, `push`, `tokens`, `logout`: the endpoints; `directories`: what stands in for
//!   Microsoft Graph and Google's directory, below the same issuer.
//! - `keys`, `id_token`: what is signed, and how it is bent.
//! - `pages`: what a person sees.

mod assertion;
mod authorize;
mod directories;
mod discovery;
mod id_token;
mod keys;
mod logout;
mod memory;
mod misbehaviour;
mod pages;
mod push;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

pub use assertion::AssertionKey;
pub use directories::object_id;
pub use misbehaviour::EndpointFault;
pub use misbehaviour::IdTokenFault;
pub use misbehaviour::Misbehaviour;
pub use misbehaviour::Patch;
pub use state::Recorded;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::Context as _;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::pki;

/// How a provider is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer identifier, exactly as it stands in tokens. Its path is where the endpoints live.
    pub issuer: String,
    /// The address to listen on; port 0 takes a free one (then the issuer is given a port, see
    /// [`Provider::issuer`]).
    pub listen: SocketAddr,
    /// The certificate to serve with; without one it speaks plain HTTP.
    pub tls: Option<pki::Identity>,
    /// Who may sign in.
    pub users: Vec<User>,
    /// The registered relying parties.
    pub clients: Vec<Client>,
    /// A line to show on the sign-in page, for example the demonstration's logins.
    pub note: Option<String>,
    /// What it does wrong from the start.
    pub misbehaviour: Misbehaviour,
}

/// A person with an account at the provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// What is typed on the sign-in page.
    pub login: String,
    /// The password, in clear.
    pub password: String,
    /// The subject identifier.
    pub sub: String,
    /// The `name` claim.
    pub name: String,
    /// The `email` claim.
    pub email: String,
    /// The `groups` claim.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A registered relying party.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The client identifier.
    pub id: String,
    /// The client secret, accepted as `client_secret_basic` and `client_secret_post`.
    pub secret: String,
    /// Where codes may be sent, compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after signing out, compared exactly.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// The key that the client proves itself with, instead of the secret.
    #[serde(default)]
    pub assertion_key: Option<AssertionKey>,
}

/// A running provider. It stops, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct Provider {
    state: Arc<state::State>,
    address: SocketAddr,
    tls: Option<Tls>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The TLS side of the listener, kept to listen again with.
#[derive(Clone)]
struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Provider {
    /// Starts listening. When this returns, connections are accepted.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let listener = listen(settings.listen).await?;
        let address = listener.local_addr()?;
        let tls = settings.tls.as_ref().map(server::tls_acceptor).transpose()?.map(Tls);
        let state = Arc::new(state::State::new(settings, address.port())?);
        let provider = Self { state, address, tls, task: Mutex::default() };
        provider.serve(listener);
        Ok(provider)
    }

    /// Goes away: connections are refused, those that exist are cut. What it knows, it keeps.
    pub async fn refuse_connections(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // The socket is closed when the task has ended; that it was aborted is no news.
            drop(task.await);
        }
    }

    /// Comes back at the same address.
    ///
    /// # Errors
    /// When the port was taken meanwhile.
    pub async fn accept_connections(&self) -> anyhow::Result<()> {
        self.refuse_connections().await;
        self.serve(listen(self.address).await?);
        Ok(())
    }

    fn serve(&self, listener: TcpListener) {
        let tls = self.tls.clone().map(|Tls(acceptor)| acceptor);
        let task = tokio::spawn(server::serve(listener, tls, Arc::clone(&self.state)));
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// The issuer identifier. If the settings gave port 0 both to listen on and in the issuer, this is
    /// the issuer with the port that was taken.
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what it does wrong, from the next request on.
    pub fn set(&self, change: impl FnOnce(&mut Misbehaviour)) {
        change(&mut self.state.misbehaviour());
    }

    /// Changes what is known of the people: their groups, or whether there is such a person at all.
    pub fn change_users(&self, change: impl FnOnce(&mut Vec<User>)) {
        change(&mut self.state.users());
    }

    /// A logout token for the first client about a person, with the `sid` of their latest sign-in.
    ///
    /// # Errors
    /// When nobody of that name has signed in.
    pub fn logout_token(&self, login: &str, faults: &[IdTokenFault]) -> anyhow::Result<String> {
        let sid = self.sid_of(login)?;
        let user = self.state.user(login).context("there is no such person")?;
        let client = self.state.any_client().context("there is no client")?;
        id_token::make_logout(&self.state, &user.sub, &sid, client, faults)
    }

    /// The `sid` of a person's latest sign-in.
    ///
    /// # Errors
    /// When nobody of that name has signed in.
    pub fn sid_of(&self, login: &str) -> anyhow::Result<String> {
        self.state.sid_of(login).context("nobody of that name has signed in")
    }

    /// Makes every sign-in here look older, as time does: those of browsers that are signed in at the provider.
    pub fn age(&self, seconds: u64) {
        self.state.tables().sessions.change(|person| person.auth_time = person.auth_time.saturating_sub(seconds));
    }

    /// Ends the sessions of all browsers here, as a night does, without telling anybody.
    pub fn forget_browsers(&self) {
        self.state.tables().sessions = memory::Memory::default();
    }

    /// Signs with new keys from now on; the old ones leave the JWKS at once.
    pub fn rotate_keys(&self) -> anyhow::Result<()> {
        self.state.keys().replace()
    }

    /// Adds new keys in front; the old ones stay in the JWKS.
    pub fn add_keys(&self) -> anyhow::Result<()> {
        self.state.keys().add()
    }

    /// What was asked of it so far, oldest first (the last 1000).
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("the provider cannot listen on {address}"))
}
