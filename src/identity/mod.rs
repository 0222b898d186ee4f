//! The OpenID Connect relying party: who is asking, proven.
//!
//! A sign-in is one trip of a browser: `start` draws the secrets and says where to go, the person signs
//! in at the provider, `finish` takes the callback and gives a [`Principal`]. In between lies a
//! [`PendingLogin`], which the caller keeps sealed. Everything the provider says is fetched by one
//! client with bounds (`transport`) and read by one strict reader (`strict_json`); an ID token's
//! signature is verified with one key and one algorithm (`verify`), then each of its claims
//! (`claims_check`). What is known of the provider is fetched when it is first needed (`known`), so a
//! provider that is away keeps nothing from starting.
//!
//! This room knows nothing of policy or of cPanel: groups leave it exactly as the provider sent them.

mod algorithm;
mod callback;
mod claims_check;
mod client_auth;
mod client_key;
mod error;
mod examine;
mod exchange;
mod google;
mod graph;
mod groups;
mod keys;
mod known;
mod logout;
mod logout_token;
mod look;
mod metadata;
mod pending;
mod principal;
mod provider;
mod providers;
mod push;
mod refresh;
mod resolver;
mod settings;
mod step_up;
mod strict_json;
mod transport;
mod userinfo;
mod verify;

pub use callback::Callback;
pub use callback::MalformedCallback;
pub use client_auth::ClientCredential;
pub use client_key::ClientKey;
pub use client_key::UnusableKey;
pub use error::Endpoint;
pub use error::Fault;
pub use error::InvalidToken;
pub use error::LoginError;
pub use error::Nonsense;
pub use error::Refusal;
pub use error::Unavailable;
pub use examine::Examined;
pub use examine::Seen;
pub use google::GoogleDirectory;
pub use google::ServiceAccount;
pub use groups::ClaimPointer;
pub use groups::GroupsClaim;
pub use groups::GroupsSource;
pub use groups::InvalidPointer;
pub use groups::UnreadableGroups;
pub use logout_token::LogoutNotice;
pub use look::Looked;
pub use pending::LOGIN_LIFETIME;
pub use pending::PendingLogin;
pub use principal::Principal;
pub use principal::PrincipalRecord;
pub use provider::InvalidProvider;
pub use provider::LoginStart;
pub use provider::Prompt;
pub use provider::Provider;
pub use provider::SignedIn;
pub use providers::Providers;
pub use providers::SameProvider;
pub use refresh::RefreshGrant;
pub use refresh::Refreshed;
pub use settings::DEFAULT_ANSWER_LIMIT;
pub use settings::DEFAULT_LEEWAY;
pub use settings::DEFAULT_TIMEOUT;
pub use settings::MAX_LEEWAY;
pub use settings::ProviderSettings;
pub use settings::SettingsProblem;
pub use step_up::StepUp;
pub use step_up::TooWeak;
pub use transport::NoTransport;
