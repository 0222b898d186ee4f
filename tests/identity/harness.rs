//! A provider, a relying party and a browser, ready to sign in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use lab::provider;
use lab::provider::IdTokenFault;
use lab::provider::Misbehaviour;
use panelgate::identity::Callback;
use panelgate::identity::ClientCredential;
use panelgate::identity::GroupsClaim;
use panelgate::identity::GroupsSource;
use panelgate::identity::InvalidToken;
use panelgate::identity::LoginError;
use panelgate::identity::LoginStart;
use panelgate::identity::PendingLogin;
use panelgate::identity::Prompt;
use panelgate::identity::Provider;
use panelgate::identity::ProviderSettings;
use panelgate::identity::SignedIn;
use panelgate::model::Clock;
use panelgate::model::GroupValues;
use panelgate::model::GroupsFrom;
use panelgate::model::IdTokenAlgorithm;
use panelgate::model::PushedRequests;
use panelgate::model::SystemClock;
use panelgate::model::Target;
use panelgate::model::Timestamp;
use panelgate::model::Token256;
use panelgate::store;
use panelgate::store::Purpose;
use panelgate::store::ServerKey;
use url::Url;

use crate::browser::Browser;

/// A secret with the characters that clients forget to encode.
pub(crate) const SECRET: &str = "s3cret+with/odd=chars&more %";

/// The machine's clock, moved forward by hand.
#[derive(Debug, Default)]
pub(crate) struct MovedClock(AtomicU64);

impl MovedClock {
    /// Moves it forward.
    pub(crate) fn advance(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }
}

/// Everything that a sign-in needs.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) provider: provider::Provider,
    pub(crate) rp: Provider,
    pub(crate) clock: Arc<MovedClock>,
}

impl Bed {
    /// A provider and a relying party that suit each other.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with settings of the relying party changed.
    pub(crate) async fn with(change: impl FnOnce(&mut ProviderSettings)) -> Self {
        Self::at("http://idp.localhost:0", change).await
    }

    /// The same, at another issuer.
    pub(crate) async fn at(issuer: &str, change: impl FnOnce(&mut ProviderSettings)) -> Self {
        Self::made(issuer, |_| {}, change).await
    }

    /// The same, with settings of the provider changed too.
    pub(crate) async fn made(
        issuer: &str,
        change_provider: impl FnOnce(&mut provider::Settings),
        change: impl FnOnce(&mut ProviderSettings),
    ) -> Self {
        let mut served = provider_settings(issuer);
        change_provider(&mut served);
        let provider = provider::Provider::start(served).await.unwrap();
        let mut settings = settings(provider.issuer());
        change(&mut settings);
        let clock = Arc::new(MovedClock::default());
        let rp = relying_party(settings, &clock);
        Self { provider, rp, clock }
    }

    /// A new browser.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new("idp.localhost", self.provider.address(), None)
    }

    /// Begins a sign-in.
    pub(crate) async fn start(&self) -> Result<LoginStart, LoginError> {
        self.rp.start(target(), Prompt::AsNeeded).await
    }

    /// Ann begins a sign-in and goes as far as the callback.
    pub(crate) async fn until_callback(&self) -> (PendingLogin, String) {
        let start = self.start().await.unwrap();
        let query = arrive(&mut self.browser(), &start.authorization_url).await;
        (stored(&start), query)
    }

    /// Ann signs in with a new browser.
    pub(crate) async fn sign_in(&self) -> Result<SignedIn, LoginError> {
        let start = self.start().await?;
        let query = arrive(&mut self.browser(), &start.authorization_url).await;
        self.rp.finish(stored(&start), Callback::parse(&query)?).await
    }

    /// Whether a sign-in works as things are, and fails for this reason with these faults in the token.
    #[track_caller]
    pub(crate) fn refuses(
        &self,
        faults: Vec<IdTokenFault>,
        expected: InvalidToken,
    ) -> impl Future<Output = ()> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            self.sign_in().await.unwrap_or_else(|error| panic!("{caller}: the control failed: {error:?}"));
            self.provider.set(|m| m.id_token.clone_from(&faults));
            match self.sign_in().await {
                Err(LoginError::Token(reason)) => assert_eq!(reason, expected, "{caller}: {faults:?}"),
                other => panic!("{caller}: {faults:?} gave {other:?}"),
            }
            self.provider.set(|m| m.id_token.clear());
        }
    }
}

/// Ann travels from an authorization URL to the callback: its query.
pub(crate) async fn arrive(browser: &mut Browser, authorization_url: &Url) -> String {
    let callback = browser.travel(authorization_url, &redirect_uri(), "ann", "ann-pw").await;
    callback.query().unwrap().to_owned()
}

/// The pending login as it comes back from the store.
pub(crate) fn stored(start: &LoginStart) -> PendingLogin {
    let server = ServerKey::new([7; 32]);
    let token = Token256::random(&SystemRandom::new()).unwrap();
    let sealed = store::seal(&server, &token, Purpose::PendingLogin, &start.pending).unwrap();
    store::open(&server, &token, Purpose::PendingLogin, sealed).unwrap().into_inner()
}

/// Where the person was going.
pub(crate) fn target() -> Target {
    Target::parse("/servers?open=web1").unwrap()
}

/// The registered redirect URI.
pub(crate) fn redirect_uri() -> Url {
    Url::parse("http://localhost:9/callback").unwrap()
}

/// The registered address after signing out.
pub(crate) fn post_logout_redirect_uri() -> Url {
    Url::parse("http://localhost:9/signed-out").unwrap()
}

/// A relying party with these settings.
pub(crate) fn relying_party(settings: ProviderSettings, clock: &Arc<MovedClock>) -> Provider {
    Provider::new(settings, Arc::<MovedClock>::clone(clock), Arc::new(SystemRandom::new())).unwrap()
}

/// Settings of a relying party that suit the lab's provider.
pub(crate) fn settings(issuer: &str) -> ProviderSettings {
    ProviderSettings {
        id: "sso".parse().unwrap(),
        name: "Example SSO".into(),
        issuer: issuer.to_owned(),
        client_id: "panelgate".into(),
        credential: ClientCredential::Basic(SECRET.into()),
        pushed_requests: PushedRequests::Off,
        id_token_alg: IdTokenAlgorithm::Rs256,
        scopes: ["openid", "profile", "email", "groups"].map(str::to_owned).to_vec(),
        groups: groups_in(GroupsFrom::IdToken, "/groups"),
        other_audiences: Vec::new(),
        required_claims: BTreeMap::new(),
        redirect_uri: redirect_uri(),
        post_logout_redirect_uri: post_logout_redirect_uri(),
        lenient_logout_tokens: false,
        leeway: panelgate::identity::DEFAULT_LEEWAY,
        timeout: Duration::from_secs(10),
        answer_limit: 256 * 1024,
        extra_roots: None,
    }
}

/// Groups by their names, in a claim.
pub(crate) fn groups_in(from: GroupsFrom, pointer: &str) -> GroupsSource {
    GroupsSource::Claim(GroupsClaim { from, pointer: pointer.parse().unwrap(), values: GroupValues::Names })
}

/// The lab's provider with one person and one client.
pub(crate) fn provider_settings(issuer: &str) -> provider::Settings {
    provider::Settings {
        issuer: issuer.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        users: vec![provider::User {
            login: "ann".into(),
            password: "ann-pw".into(),
            sub: "u-ann".into(),
            name: "Ann Admin".into(),
            email: "ann@example.com".into(),
            groups: vec!["whm-admins".into(), "Staff".into()],
        }],
        clients: vec![provider::Client {
            id: "panelgate".into(),
            secret: SECRET.into(),
            redirect_uris: vec![redirect_uri().into()],
            post_logout_redirect_uris: vec![post_logout_redirect_uri().into()],
            assertion_key: None,
        }],
        note: None,
        misbehaviour: Misbehaviour::default(),
    }
}
