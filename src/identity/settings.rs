//! How a provider is set up on our side.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use url::Url;

use crate::identity::client_auth::ClientCredential;
use crate::identity::groups::GroupsSource;
use crate::model::Host;
use crate::model::IdTokenAlgorithm;
use crate::model::ProviderId;
use crate::model::PushedRequests;

/// The leeway for clocks that differ, unless configured.
pub const DEFAULT_LEEWAY: Duration = Duration::from_mins(1);
/// The most leeway that can be configured: an ID token seldom lives longer than this.
pub const MAX_LEEWAY: Duration = Duration::from_mins(5);
/// How long an answer of the provider may take, unless configured.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer of the provider that is read, in bytes, unless configured.
pub const DEFAULT_ANSWER_LIMIT: usize = 1024 * 1024;

/// Everything that is to be known about one OpenID Provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Its id: what tells it from the others.
    pub id: ProviderId,
    /// The name that people know it by.
    pub name: String,
    /// The issuer identifier, compared byte for byte: a final slash matters.
    pub issuer: String,
    /// Our client identifier.
    pub client_id: String,
    /// What proves to the provider who we are.
    pub credential: ClientCredential,
    /// Whether authorization requests are pushed.
    pub pushed_requests: PushedRequests,
    /// The one algorithm of its ID tokens.
    pub id_token_alg: IdTokenAlgorithm,
    /// Scopes to ask for; `openid` is always among them.
    pub scopes: Vec<String>,
    /// Where the groups stand.
    pub groups: GroupsSource,
    /// Audiences that an ID token may name beside us; normally none.
    pub other_audiences: Vec<String>,
    /// Claims that an ID token must have, each with the one value that it must have: `hd` at Google, say.
    pub required_claims: BTreeMap<String, String>,
    /// Where the provider sends the browser with the code.
    pub redirect_uri: Url,
    /// Where the provider sends the browser after signing out.
    pub post_logout_redirect_uri: Url,
    /// Whether logout tokens may lack `exp` and the type `logout+jwt`, which were not always required.
    pub lenient_logout_tokens: bool,
    /// The difference between clocks that is forgiven, at most 300 s.
    pub leeway: Duration,
    /// How long each answer of the provider may take, 1 s to 60 s.
    pub timeout: Duration,
    /// The longest answer that is read, in bytes, 16 KiB to 16 MiB.
    pub answer_limit: usize,
    /// Further authorities to trust, as PEM, for a provider with a certificate of the company's own.
    pub extra_roots: Option<String>,
}

/// One thing wrong with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsProblem {
    /// The issuer is no URL, or is http outside localhost.
    #[error("the issuer must be an https URL (or, on localhost, an http URL)")]
    IssuerScheme,
    /// OpenID Connect Discovery 1.0, section 3: an issuer has no query and no fragment.
    #[error("the issuer may have no user name, query or fragment")]
    IssuerForm,
    /// The client id is empty.
    #[error("the client id is empty")]
    ClientId,
    /// The client secret is empty.
    #[error("the client secret is empty")]
    ClientSecret,
    /// RFC 6749 section 3.3 says what a scope is made of.
    #[error("a scope is empty or holds characters that no scope has")]
    Scope,
    /// The redirect URI is http outside localhost, or has a fragment (RFC 6749 section 3.1.2).
    #[error("the redirect URI must be an https URL (or, on localhost, an http URL) without fragment")]
    RedirectUri,
    /// The same for the address after signing out.
    #[error("the post-logout redirect URI must be an https URL (or, on localhost, an http URL) without fragment")]
    PostLogoutRedirectUri,
    /// The leeway is above 300 s.
    #[error("the leeway may be at most 300 seconds")]
    Leeway,
    /// The timeout is outside its bounds.
    #[error("the timeout must be between 1 and 60 seconds")]
    Timeout,
    /// The answer limit is outside its bounds.
    #[error("the answer limit must be between 16 KiB and 16 MiB")]
    AnswerLimit,
    /// The directory that has the groups is http outside localhost.
    #[error("the directory's address must be an https URL (or, on localhost, an http URL)")]
    Directory,
    /// The extra roots are not PEM certificates.
    #[error("the extra authorities are not PEM certificates")]
    ExtraRoots,
}

impl ProviderSettings {
    /// Everything that is wrong with the settings; nothing, if they can be used.
    pub fn problems(&self) -> Vec<SettingsProblem> {
        use SettingsProblem as P;
        let issuer = Url::parse(&self.issuer).ok();
        // In one spelling: the scheme is looked at as text later on.
        let spelled = ["https://", "http://"].iter().any(|scheme| self.issuer.starts_with(scheme));
        let issuer_form = issuer.as_ref().is_none_or(|url| {
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
        });
        let lands_safely = |url: &Url| is_safe(url) && url.fragment().is_none();
        let roots_read = |pem: &String| {
            reqwest::Certificate::from_pem_bundle(pem.as_bytes()).is_ok_and(|certificates| !certificates.is_empty())
        };
        let checks = [
            (P::IssuerScheme, spelled && issuer.as_ref().is_some_and(is_safe)),
            (P::IssuerForm, issuer_form),
            (P::ClientId, !self.client_id.is_empty()),
            (P::ClientSecret, self.credential.secret().is_none_or(|secret| !secret.expose_secret().is_empty())),
            (P::Scope, self.scopes.iter().all(|scope| is_scope(scope))),
            (P::RedirectUri, lands_safely(&self.redirect_uri)),
            (P::PostLogoutRedirectUri, lands_safely(&self.post_logout_redirect_uri)),
            (P::Leeway, self.leeway <= MAX_LEEWAY),
            (P::Timeout, (Duration::from_secs(1)..=Duration::from_mins(1)).contains(&self.timeout)),
            (P::AnswerLimit, (16 * 1024..=16 * 1024 * 1024).contains(&self.answer_limit)),
            (P::Directory, self.groups.addresses().iter().all(|url| is_safe(url))),
            (P::ExtraRoots, self.extra_roots.as_ref().is_none_or(roots_read)),
        ];
        checks.into_iter().filter(|(_, fine)| !fine).map(|(problem, _)| problem).collect()
    }
}

/// Whether a secret may travel to this address: over TLS, or without leaving this machine.
pub(super) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => url.host_str().and_then(|host| host.parse().ok()).is_some_and(|host: Host| host.is_localhost()),
        _ => false,
    }
}

/// RFC 6749 section 3.3: `scope-token`.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ProviderSettings {
        ProviderSettings {
            id: "sso".parse().unwrap(),
            name: "Example SSO".into(),
            issuer: "https://idp.example.com/realm".into(),
            client_id: "panelgate".into(),
            credential: ClientCredential::Basic("s".into()),
            pushed_requests: PushedRequests::Auto,
            id_token_alg: IdTokenAlgorithm::Rs256,
            scopes: vec!["profile".into()],
            groups: GroupsSource::Graph(Url::parse("https://graph.example.com/v1.0").unwrap()),
            other_audiences: Vec::new(),
            required_claims: BTreeMap::new(),
            redirect_uri: Url::parse("https://connect.example.com/cb").unwrap(),
            post_logout_redirect_uri: Url::parse("https://connect.example.com/out").unwrap(),
            lenient_logout_tokens: false,
            leeway: DEFAULT_LEEWAY,
            timeout: DEFAULT_TIMEOUT,
            answer_limit: DEFAULT_ANSWER_LIMIT,
            extra_roots: None,
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        use SettingsProblem as P;
        assert_eq!(settings().problems(), []);
        let mut shouted = settings();
        shouted.issuer = "HTTPS://idp.example.com".into();
        assert_eq!(shouted.problems(), [P::IssuerScheme]);
        let mut wrong = settings();
        wrong.issuer = "http://idp.example.com/?x".into();
        wrong.client_id = String::new();
        wrong.credential = ClientCredential::Post("".into());
        wrong.scopes = vec!["a b".into()];
        wrong.redirect_uri = Url::parse("http://connect.example.com/cb").unwrap();
        wrong.post_logout_redirect_uri = Url::parse("https://connect.example.com/#out").unwrap();
        wrong.leeway = Duration::from_secs(301);
        wrong.timeout = Duration::from_secs(61);
        wrong.answer_limit = 1;
        wrong.extra_roots = Some("no certificate".into());
        assert_eq!(
            wrong.problems(),
            [
                P::IssuerScheme,
                P::IssuerForm,
                P::ClientId,
                P::ClientSecret,
                P::Scope,
                P::RedirectUri,
                P::PostLogoutRedirectUri,
                P::Leeway,
                P::Timeout,
                P::AnswerLimit,
                P::ExtraRoots,
            ]
        );
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (url, safe) in [
            ("https://idp.example.com", true),
            ("http://localhost:9400", true),
            ("http://idp.localhost", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
            ("ftp://localhost", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }
}
