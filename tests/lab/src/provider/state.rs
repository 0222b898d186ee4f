//! What the provider knows while it runs.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use anyhow::anyhow;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::provider::Client;
use crate::provider::Settings;
use crate::provider::User;
use crate::provider::keys::Keys;
use crate::provider::memory::Memory;
use crate::provider::misbehaviour::Misbehaviour;

/// Requests remembered for [`State::requests`].
const RECORDED: usize = 1000;

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The path, below the issuer's.
    pub path: String,
    /// The query without its question mark, or nothing.
    pub query: String,
    /// The `Authorization` header, or nothing.
    pub authorization: String,
    /// The body, at most 64 KiB.
    pub body: String,
}

/// An authorization request that was found to be in order.
#[derive(Clone, Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: String,
    /// The classes of which one is asked for (`acr_values`).
    pub(super) acr: Vec<String>,
}

/// A person who is signed in at the provider.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) login: String,
    pub(super) auth_time: u64,
    pub(super) acr: Option<String>,
    pub(super) sid: String,
}

/// What a code stands for until it is exchanged.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) request: AuthorizationRequest,
    pub(super) person: SignedIn,
}

/// What is remembered between requests.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Sign-in pages that wait for their form, by the form's hidden key.
    pub(super) waiting: Memory<AuthorizationRequest>,
    pub(super) sessions: Memory<SignedIn>,
    pub(super) codes: Memory<Granted>,
    pub(super) access_tokens: Memory<Granted>,
    pub(super) refresh_tokens: Memory<Granted>,
    /// Requests that were pushed, by their names.
    pub(super) pushed: Memory<Vec<(String, String)>>,
    /// Assertions that were seen.
    pub(super) assertions: Memory<()>,
    /// Tokens of service accounts.
    pub(super) google_tokens: Memory<()>,
    /// Each issued ID token with its audience, to know an `id_token_hint` again.
    pub(super) id_tokens: Memory<String>,
}

/// The provider.
#[derive(Debug)]
pub(super) struct State {
    pub(super) issuer: String,
    /// The issuer's path without a final slash, below which the endpoints live.
    pub(super) base: String,
    pub(super) secure: bool,
    pub(super) note: Option<String>,
    users: Mutex<Vec<User>>,
    clients: Vec<Client>,
    misbehaviour: Mutex<Misbehaviour>,
    keys: Mutex<Keys>,
    tables: Mutex<Tables>,
    requests: Mutex<VecDeque<Recorded>>,
}

impl State {
    pub(super) fn new(settings: Settings, port: u16) -> anyhow::Result<Self> {
        let url = Url::parse(&settings.issuer).context("the issuer is not a URL")?;
        let issuer = if url.port() == Some(0) {
            settings.issuer.replacen(":0", &format!(":{port}"), 1)
        } else {
            settings.issuer
        };
        Ok(Self {
            issuer,
            base: url.path().trim_end_matches('/').to_owned(),
            secure: url.scheme() == "https",
            note: settings.note,
            users: Mutex::new(settings.users),
            clients: settings.clients,
            misbehaviour: Mutex::new(settings.misbehaviour),
            keys: Mutex::new(Keys::new()?),
            tables: Mutex::default(),
            requests: Mutex::default(),
        })
    }

    /// The address of an endpoint.
    pub(super) fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    pub(super) fn user(&self, login: &str) -> Option<User> {
        lock(&self.users).iter().find(|user| user.login == login).cloned()
    }

    pub(super) fn users(&self) -> MutexGuard<'_, Vec<User>> {
        lock(&self.users)
    }

    pub(super) fn clients(&self) -> &[Client] {
        &self.clients
    }

    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn any_client(&self) -> Option<&Client> {
        self.clients.first()
    }

    pub(super) fn sid_of(&self, login: &str) -> Option<String> {
        self.tables().access_tokens.newest(|granted| granted.person.login == login).map(|granted| granted.person.sid)
    }

    pub(super) fn misbehaviour(&self) -> MutexGuard<'_, Misbehaviour> {
        lock(&self.misbehaviour)
    }

    pub(super) fn keys(&self) -> MutexGuard<'_, Keys> {
        lock(&self.keys)
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }

    pub(super) fn record(&self, request: Recorded) {
        let mut requests = lock(&self.requests);
        if requests.len() == RECORDED {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        lock(&self.requests).iter().cloned().collect()
    }
}

/// Seconds since the epoch.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A new unguessable text of 32 random octets.
pub(super) fn random_text() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the random source failed"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
