//! One OpenID Provider, from our side: starting and finishing sign-ins.

use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom;
use openidconnect::AuthenticationContextClass;
use openidconnect::AuthenticationFlow;
use openidconnect::CsrfToken;
use openidconnect::PkceCodeChallenge;
use openidconnect::PkceCodeVerifier;
use openidconnect::Scope;
use openidconnect::core::CoreAuthPrompt;
use openidconnect::core::CoreJsonWebKeySet;
use openidconnect::core::CoreResponseType;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;
use url::Url;

use crate::identity::callback::Callback;
use crate::identity::callback::Outcome;
use crate::identity::claims_check;
use crate::identity::claims_check::Expected;
use crate::identity::claims_check::Nonce;
use crate::identity::client_auth;
use crate::identity::error::InvalidToken;
use crate::identity::error::LoginError;
use crate::identity::exchange;
use crate::identity::exchange::Tokens;
use crate::identity::google;
use crate::identity::graph;
use crate::identity::groups;
use crate::identity::groups::GroupsSource;
use crate::identity::groups::UnreadableGroups;
use crate::identity::known::Known;
use crate::identity::known::Snapshot;
use crate::identity::logout;
use crate::identity::pending::PendingLogin;
use crate::identity::principal::Principal;
use crate::identity::refresh::RefreshGrant;
use crate::identity::settings::ProviderSettings;
use crate::identity::settings::SettingsProblem;
use crate::identity::step_up::StepUp;
use crate::identity::transport::NoTransport;
use crate::identity::transport::Transport;
use crate::identity::userinfo;
use crate::identity::userinfo::Userinfo;
use crate::identity::verify;
use crate::identity::verify::VerifiedIdToken;
use crate::model::Clock;
use crate::model::GroupsFrom;
use crate::model::IdpGroup;
use crate::model::ProviderId;
use crate::model::Subject;
use crate::model::Target;
use crate::model::Timestamp;
use crate::model::Token256;

/// A provider that people sign in with.
#[derive(Debug)]
pub struct Provider {
    pub(super) settings: ProviderSettings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn SecureRandom + Send + Sync>,
    pub(super) transport: Transport,
    pub(super) known: Known,
}

/// Why a provider cannot be used with its settings.
#[derive(Debug, thiserror::Error)]
pub enum InvalidProvider {
    /// Something is wrong with the settings.
    #[error("the settings have {} problem(s)", .0.len())]
    Settings(Vec<SettingsProblem>),
    /// There is no way to reach it.
    #[error(transparent)]
    Transport(#[from] NoTransport),
}

/// What the provider shall ask of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Whatever it needs; nothing, if the person is signed in there.
    AsNeeded,
    /// To sign in anew.
    Login,
}

/// A sign-in that has begun.
#[derive(Debug)]
#[must_use]
pub struct LoginStart {
    /// The `state`: the key under which the pending login is found again.
    pub state: Token256,
    /// What to remember until the callback, sealed.
    pub pending: PendingLogin,
    /// Where to send the browser.
    pub authorization_url: Url,
}

/// A sign-in that has succeeded.
#[derive(Debug)]
pub struct SignedIn {
    /// Who it is.
    pub principal: Principal,
    /// The ID token, to sign out at the provider with.
    pub id_token_hint: SecretString,
    /// The provider's own session id (`sid`), by which it names the session when it signs somebody out.
    pub sid: Option<String>,
    /// What the provider is asked with again while the session lasts, if it gave something.
    pub refresh: Option<RefreshGrant>,
    /// How far the provider's clock is ahead of ours, in whole seconds, by the token's `iat`; what the answer
    /// took on its way makes it look behind.
    pub clock_ahead: i64,
    /// Where the person was going.
    pub return_to: Target,
    /// Whether somebody who is signed in was asked for it, and it proves what was demanded.
    pub is_step_up: bool,
}

/// What a code was worth, verified.
pub(super) struct Redeemed {
    pub(super) pending: PendingLogin,
    pub(super) tokens: Tokens,
    pub(super) token: VerifiedIdToken,
    pub(super) snapshot: Arc<Snapshot>,
    /// When it was verified.
    pub(super) now: Timestamp,
}

impl Provider {
    /// Takes the settings. The provider is not asked anything yet, so it may be away.
    pub fn new(
        settings: ProviderSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, InvalidProvider> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(InvalidProvider::Settings(problems));
        }
        let transport = Transport::new(&settings)?;
        Ok(Self { settings, clock, random, transport, known: Known::default() })
    }

    /// Its id.
    pub fn id(&self) -> &ProviderId {
        &self.settings.id
    }

    /// The name that people know it by.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Whether sign-ins can begin: what has to be known about the provider is known.
    pub async fn ready(&self) -> Result<(), LoginError> {
        self.snapshot(self.clock.now()).await.map(|_| ())
    }

    /// Begins a sign-in that is to end at `return_to`.
    pub async fn start(&self, return_to: Target, prompt: Prompt) -> Result<LoginStart, LoginError> {
        self.begin(return_to, prompt, None).await
    }

    /// Begins a sign-in that is to prove something about somebody who is signed in. The provider may take
    /// what it knows of them, if that is enough.
    pub async fn step_up(&self, return_to: Target, step_up: StepUp) -> Result<LoginStart, LoginError> {
        let prompt = if step_up.insists() { Prompt::Login } else { Prompt::AsNeeded };
        self.begin(return_to, prompt, Some(step_up)).await
    }

    async fn begin(
        &self,
        return_to: Target,
        prompt: Prompt,
        step_up: Option<StepUp>,
    ) -> Result<LoginStart, LoginError> {
        let now = self.clock.now();
        let snapshot = self.snapshot(now).await?;
        let random = || Token256::random(&*self.random).map_err(LoginError::Random);
        let (state, nonce, verifier) = (random()?, random()?.expose(), random()?.expose());
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.expose_secret().to_owned()));
        let csrf = CsrfToken::new(state.expose().expose_secret().to_owned());
        let sent_nonce = openidconnect::Nonce::new(nonce.expose_secret().to_owned());
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
        let client = exchange::client(&self.settings, &snapshot.metadata)?;
        let mut request = client
            .authorize_url(AuthenticationFlow::<CoreResponseType>::AuthorizationCode, move || csrf, move || sent_nonce)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge);
        if prompt == Prompt::Login {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        if let Some(most) = step_up.as_ref().and_then(StepUp::max_age) {
            request = request.set_max_age(most);
        }
        for class in step_up.iter().flat_map(StepUp::classes) {
            request = request.add_auth_context_value(AuthenticationContextClass::new(class.clone()));
        }
        let (open_request, ..) = request.url();
        let authorization_url = match &snapshot.metadata.push_endpoint {
            None => open_request,
            Some(endpoint) => self.push(endpoint, &open_request, &snapshot, now).await?,
        };
        let pending = PendingLogin {
            state: state.expose(),
            nonce,
            verifier,
            issuer: self.settings.issuer.clone(),
            return_to,
            started_at: now,
            step_up,
        };
        Ok(LoginStart { state, pending, authorization_url })
    }

    /// Finishes the sign-in that a callback belongs to. The pending login is spent either way.
    pub async fn finish(&self, pending: PendingLogin, callback: Callback) -> Result<SignedIn, LoginError> {
        let Redeemed { pending, tokens, token, snapshot, now } = self.redeem(pending, callback).await?;
        let read =
            self.read_groups(token.subject(), Some(token.claims()), &tokens.access_token, &snapshot, now).await?;
        let principal = Principal::new(&token, read.claims.as_ref().unwrap_or(token.claims()), read.groups, now);
        let sid = token.claims().get("sid").and_then(Value::as_str).map(str::to_owned);
        let refresh = tokens.refresh_token.map(|refresh_token| {
            RefreshGrant::new(refresh_token, pending.nonce, token.claims().get("auth_time").cloned(), tokens.valid_for)
        });
        let clock_ahead = claims_check::clock_ahead(token.claims(), now);
        let (return_to, is_step_up) = (pending.return_to, pending.step_up.is_some());
        Ok(SignedIn { principal, id_token_hint: tokens.id_token, sid, refresh, clock_ahead, return_to, is_step_up })
    }

    /// Redeems the code of a callback and verifies what it was worth.
    pub(super) async fn redeem(&self, pending: PendingLogin, callback: Callback) -> Result<Redeemed, LoginError> {
        let now = self.clock.now();
        pending.check(&callback, &self.settings.issuer, now)?;
        let snapshot = self.snapshot(now).await?;
        // RFC 9207 section 2.4, for errors as well as for codes.
        match callback.iss() {
            Some(iss) if iss == self.settings.issuer => {}
            None if !snapshot.metadata.names_itself => {}
            Some(_) | None => return Err(LoginError::WrongIssuer),
        }
        let code = match callback.into_outcome() {
            Outcome::Code(code) => code,
            Outcome::Refused(refusal) => return Err(LoginError::Refused(refusal)),
        };
        let client = exchange::client(&self.settings, &snapshot.metadata)?;
        let assertion = client_auth::assertion(&self.settings, &snapshot.metadata, now, &self.random)?;
        let tokens = exchange::exchange(&self.transport, &client, &code, &pending.verifier, assertion.as_ref()).await?;
        // Some time has passed at the token endpoint.
        let now = self.clock.now();
        let nonce = Nonce::Of(pending.nonce.expose_secret());
        let token = self.verify(&tokens.id_token, &tokens.access_token, nonce, &snapshot, now).await?;
        if let Some(step_up) = &pending.step_up {
            step_up.check(token.subject(), token.claims(), now).map_err(LoginError::TooWeak)?;
        }
        Ok(Redeemed { pending, tokens, token, snapshot, now })
    }

    /// Where to send the browser to sign out at the provider too; nothing if the provider has no such
    /// place, or nothing is known about it yet.
    pub fn end_session_url(&self, id_token_hint: &SecretString, state: &Token256) -> Option<Url> {
        let snapshot = self.known.current()?;
        let endpoint = snapshot.metadata.end_session_endpoint.as_ref()?;
        Some(logout::address(&self.settings, endpoint, id_token_hint, state))
    }

    /// Whether the provider, as far as it is known by now, can end its own session.
    pub fn can_end_sessions(&self) -> bool {
        self.known.current().is_some_and(|snapshot| snapshot.metadata.end_session_endpoint.is_some())
    }

    pub(super) async fn snapshot(&self, now: Timestamp) -> Result<Arc<Snapshot>, LoginError> {
        self.known.get(&self.transport, &self.settings, now).await
    }

    pub(super) async fn verify(
        &self,
        id_token: &SecretString,
        access_token: &SecretString,
        nonce: Nonce<'_>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<VerifiedIdToken, LoginError> {
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            other_audiences: &self.settings.other_audiences,
            required: &self.settings.required_claims,
            algorithm: self.settings.id_token_alg,
            nonce,
            access_token: access_token.expose_secret(),
            now,
            leeway: self.settings.leeway,
        };
        let id_token = id_token.expose_secret();
        self.with_fresh_keys(snapshot, now, |keys| verify::verify(id_token, keys, &expected)).await
    }

    /// The groups of a subject from the one configured source, with the claims that were fetched for it.
    pub(super) async fn read_groups(
        &self,
        subject: &Subject,
        signed: Option<&Map<String, Value>>,
        access_token: &SecretString,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<ReadGroups, LoginError> {
        let fetched = match &self.settings.groups {
            GroupsSource::Claim(claim) if claim.from == GroupsFrom::Userinfo => {
                let missing = LoginError::Groups(UnreadableGroups::NoUserinfo);
                let endpoint = snapshot.metadata.userinfo_endpoint.as_ref().ok_or(missing)?;
                let fetched = self.userinfo(endpoint, subject, access_token, snapshot, now).await;
                Some(fetched.map_err(away)?)
            }
            GroupsSource::Claim(_) | GroupsSource::Graph(_) | GroupsSource::GoogleDirectory(_) => None,
        };
        let groups = match &self.settings.groups {
            GroupsSource::Claim(claim) => {
                let claims = fetched.as_ref().or(signed).ok_or(LoginError::Groups(UnreadableGroups::NoIdToken))?;
                groups::read(claims, claim).map_err(LoginError::Groups)?
            }
            GroupsSource::Graph(endpoint) => {
                let claims = signed.ok_or(LoginError::Groups(UnreadableGroups::NoIdToken))?;
                graph::groups(&self.transport, endpoint, access_token, claims).await.map_err(away)?
            }
            GroupsSource::GoogleDirectory(directory) => {
                google::groups(&self.transport, directory, access_token, &subject.sub, now).await.map_err(away)?
            }
        };
        Ok(ReadGroups { claims: fetched, groups })
    }

    async fn userinfo(
        &self,
        endpoint: &Url,
        subject: &Subject,
        access_token: &SecretString,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Map<String, Value>, LoginError> {
        let answer = userinfo::fetch(&self.transport, endpoint, access_token).await?;
        let claims = match answer {
            Userinfo::Plain(claims) => claims,
            Userinfo::Signed(text) => {
                let read = |keys: &_| verify::signed(&text, keys, self.settings.id_token_alg, verify::is_plain);
                let claims = self.with_fresh_keys(snapshot, now, read).await?;
                userinfo::check_signed(&claims, &self.settings)?;
                claims
            }
        };
        userinfo::about(claims, subject)
    }

    /// Reads what is signed, with newer keys if the provider may have changed them; without key ids, that
    /// looks like a wrong signature.
    async fn with_fresh_keys<T>(
        &self,
        snapshot: &Snapshot,
        now: Timestamp,
        read: impl Fn(&CoreJsonWebKeySet) -> Result<T, InvalidToken>,
    ) -> Result<T, LoginError> {
        let first = match read(&snapshot.keys) {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        };
        if !matches!(first, InvalidToken::UnknownKey | InvalidToken::Signature) {
            return Err(LoginError::Token(first));
        }
        match self.known.newer_than(snapshot, &self.transport, &self.settings, now).await? {
            None => Err(LoginError::Token(first)),
            Some(newer) => read(&newer.keys).map_err(LoginError::Token),
        }
    }
}

/// A failure to get groups, as what it means to the person; what was read and is wrong stays as it is.
fn away(error: LoginError) -> LoginError {
    if matches!(error, LoginError::Groups(_)) { error } else { LoginError::GroupsAway(Box::new(error)) }
}

/// What was read of a person besides the ID token.
pub(super) struct ReadGroups {
    /// The claims that were fetched.
    pub(super) claims: Option<Map<String, Value>>,
    pub(super) groups: Vec<IdpGroup>,
}
