//! Why a sign-in failed, and whose fault it is.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;

use crate::identity::callback::MalformedCallback;
use crate::identity::groups::UnreadableGroups;
use crate::identity::step_up::TooWeak;

/// Why a sign-in could not begin or end.
///
/// It is cheap to clone, because several people who wait for one answer of the provider share its
/// failure. No variant holds text that came from outside.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoginError {
    /// More time passed between start and callback than a sign-in may take.
    #[error("the sign-in took too long")]
    Expired,
    /// The callback's `state` is not the one of this browser's sign-in, or that one was begun at
    /// another provider.
    #[error("the answer does not belong to a sign-in that this browser began")]
    UnknownLogin,
    /// The callback cannot be read.
    #[error("the sign-in answer is malformed")]
    Callback(#[source] MalformedCallback),
    /// The answer does not say which provider it is from, or says another (RFC 9207).
    #[error("the sign-in answer is not from the provider that was asked")]
    WrongIssuer,
    /// The provider answered the browser with an error.
    #[error("the provider refused the sign-in: {0}")]
    Refused(Refusal),
    /// The provider refused to exchange the code.
    #[error("the provider refused to exchange the code: {0}")]
    CodeRefused(Refusal),
    /// The provider refused to tell again who a person is.
    #[error("the provider refused the refresh token: {0}")]
    RefreshRefused(Refusal),
    /// The provider could not be asked.
    #[error("the provider's {endpoint} is unavailable")]
    Unavailable {
        /// What was asked.
        endpoint: Endpoint,
        /// What happened.
        #[source]
        source: Arc<Unavailable>,
    },
    /// The provider gave an answer that cannot be used.
    #[error("the provider's {endpoint} gave an unusable answer")]
    Nonsense {
        /// What was asked.
        endpoint: Endpoint,
        /// What is wrong with the answer.
        #[source]
        source: Nonsense,
    },
    /// The provider refused what we asked of it directly: a pushed request, or a token for its directory.
    #[error("the provider refused the request: {0}")]
    RequestRefused(Refusal),
    /// The ID token is not one that we accept.
    #[error("the ID token is not valid")]
    Token(#[source] InvalidToken),
    /// Somebody who is signed in was asked for a fresher or stronger sign-in, and this is none.
    #[error("the sign-in is not the one that was asked for")]
    TooWeak(#[source] TooWeak),
    /// The groups are not to be had.
    #[error("the groups could not be read")]
    Groups(#[source] UnreadableGroups),
    /// The place that has the groups did not give them.
    #[error("the groups could not be had")]
    GroupsAway(#[source] Box<LoginError>),
    /// The random source failed.
    #[error("no random numbers are to be had")]
    Random(#[source] Unspecified),
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The person or the browser: beginning again can help.
    Client,
    /// The provider: it is away, or its answers are wrong.
    Provider,
    /// Us: our settings (at the provider or here), or this machine.
    Gateway,
}

impl LoginError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Expired | Self::UnknownLogin | Self::Callback(_) | Self::TooWeak(TooWeak::AnotherPerson) => {
                Fault::Client
            }
            Self::Refused(refusal)
            | Self::CodeRefused(refusal)
            | Self::RequestRefused(refusal)
            | Self::RefreshRefused(refusal) => refusal.fault(),
            Self::WrongIssuer
            | Self::Unavailable { .. }
            | Self::Nonsense { .. }
            | Self::Token(_)
            | Self::TooWeak(TooWeak::NoAuthTime | TooWeak::TooOld | TooWeak::Acr)
            | Self::Groups(_)
            | Self::GroupsAway(_) => Fault::Provider,
            Self::Random(_) => Fault::Gateway,
        }
    }
}

/// What of the provider was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The discovery document.
    Discovery,
    /// The JSON Web Key Set.
    Keys,
    /// The token endpoint.
    Token,
    /// The userinfo endpoint.
    Userinfo,
    /// Where authorization requests are pushed.
    Push,
    /// Microsoft Graph.
    Graph,
    /// Google's directory, or where its tokens come from.
    GoogleDirectory,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Discovery => "discovery document",
            Self::Keys => "key set",
            Self::Token => "token endpoint",
            Self::Userinfo => "userinfo endpoint",
            Self::Push => "endpoint for pushed requests",
            Self::Graph => "directory (Microsoft Graph)",
            Self::GoogleDirectory => "directory (Google)",
        })
    }
}

/// Why the provider could not be asked. Trying later can help.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Name resolution, TCP or TLS failed.
    #[error("no connection could be made")]
    Connect(#[source] reqwest::Error),
    /// The answer was not complete in time.
    #[error("the answer did not come in time")]
    TimedOut(#[source] reqwest::Error),
    /// The connection broke before the answer was complete.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// The provider says that it cannot answer now (status 429 or 5xx).
    #[error("it answered with status {0}")]
    Status(u16),
}

/// Why an answer of the provider cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// It is longer than the configured limit.
    #[error("the answer is too long")]
    TooLong,
    /// It is a redirect; the endpoints of a provider do not move.
    #[error("the answer is a redirect")]
    Redirect,
    /// The status is not one that this endpoint has.
    #[error("the status is {0}")]
    Status(u16),
    /// The content type is not JSON.
    #[error("the answer is not said to be JSON")]
    ContentType,
    /// The body is not a JSON object in which each member stands once.
    #[error("the answer is not a clean JSON object")]
    Json,
    /// The `issuer` of the discovery document is not the configured one, byte for byte.
    #[error("it speaks for another issuer than the configured one")]
    IssuerMismatch,
    /// A member that is needed is missing or has the wrong type.
    #[error("{0} is missing or unreadable")]
    Member(&'static str),
    /// An endpoint's address is not https.
    #[error("{0} is not an https address")]
    UnsafeAddress(&'static str),
    /// The provider does not sign with the configured algorithm.
    #[error("the configured ID token algorithm is not offered")]
    AlgorithmNotOffered,
    /// The provider takes pushed authorization requests only, and they are switched off.
    #[error("it takes pushed authorization requests only, which are switched off")]
    PushDemanded,
    /// No key fits the configured algorithm.
    #[error("no key fits the configured ID token algorithm")]
    NoUsableKey,
    /// The set has more keys than any provider needs.
    #[error("there are too many keys")]
    TooManyKeys,
    /// The token response is not one of RFC 6749.
    #[error("it is not an OAuth token response")]
    NotATokenResponse,
    /// Userinfo is about somebody else than the ID token (OpenID Connect Core 1.0, section 5.3.4).
    #[error("it is about another subject than the ID token")]
    SubjectMismatch,
}

/// Why an ID token is not accepted (OpenID Connect Core 1.0, section 3.1.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It is longer than 64 KiB.
    #[error("it is too long")]
    TooLong,
    /// It is encrypted (RFC 7516), which is not configured.
    #[error("it is encrypted")]
    Encrypted,
    /// It is not a signed token of three parts that hold JSON.
    #[error("it is malformed")]
    Malformed,
    /// A member stands twice in its header or payload.
    #[error("a member stands in it twice")]
    Twice,
    /// `typ` says that it is another kind of token.
    #[error("it is another kind of token")]
    Type,
    /// The header asks for something that we do not understand (`crit`, `cty`).
    #[error("its header asks for something unknown")]
    Header,
    /// It is not signed with the one configured algorithm.
    #[error("it is not signed with the configured algorithm")]
    Algorithm,
    /// No key of the provider has its key id.
    #[error("the signing key is unknown")]
    UnknownKey,
    /// It has no key id, and more than one key fits.
    #[error("more than one key could have signed it")]
    AmbiguousKey,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// A claim that every ID token has is missing or has the wrong type.
    #[error("the claim {0} is missing or unreadable")]
    Claim(&'static str),
    /// `iss` is another provider.
    #[error("it is from another issuer")]
    Issuer,
    /// `aud` does not name us.
    #[error("it is meant for another audience")]
    Audience,
    /// `aud` also names somebody who is not a configured further audience.
    #[error("it is also meant for an audience that is not trusted")]
    UntrustedAudience,
    /// `azp` is missing beside several audiences, or is not us.
    #[error("it was issued to another party")]
    AuthorizedParty,
    /// `exp` is past.
    #[error("it has expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("it is not valid yet")]
    NotYetValid,
    /// `iat` is in the future, or longer ago than a sign-in can take.
    #[error("it was not issued during this sign-in (is a clock wrong?)")]
    IssuedAt,
    /// `nonce` is not the one of this sign-in.
    #[error("it belongs to another sign-in")]
    Nonce,
    /// It is about somebody else, or about another sign-in, than the one that is renewed.
    #[error("it is not about the sign-in that is renewed")]
    AnotherSignIn,
    /// `sub` is empty, longer than 255 bytes, or holds control characters.
    #[error("the subject identifier is not acceptable")]
    Subject,
    /// A claim has not the value that the configuration demands: the account is not of the right organisation.
    #[error("a claim that is required has another value, or is missing")]
    RequiredClaim,
    /// `at_hash` does not fit the access token.
    #[error("it does not belong to the access token")]
    AccessTokenHash,
}

/// An OAuth or OpenID Connect error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `access_denied`: the person or the provider's policy said no.
    AccessDenied,
    /// `login_required`, `interaction_required`, `consent_required` or `account_selection_required`.
    InteractionRequired,
    /// `invalid_grant`: the code is used up, too old, or not ours.
    InvalidGrant,
    /// `invalid_client`: our id, secret or method of authentication is wrong.
    InvalidClient,
    /// `unauthorized_client`: we are not allowed this flow.
    UnauthorizedClient,
    /// `invalid_scope`.
    InvalidScope,
    /// `invalid_request`, `unsupported_response_type` or `unsupported_grant_type`.
    InvalidRequest,
    /// `server_error`.
    ServerError,
    /// `temporarily_unavailable`.
    TemporarilyUnavailable,
    /// Any other code.
    Other,
}

impl Refusal {
    /// Reads an error code (RFC 6749 sections 4.1.2.1 and 5.2; OpenID Connect Core 1.0, 3.1.2.6).
    pub(super) fn from_code(code: &str) -> Self {
        match code {
            "access_denied" => Self::AccessDenied,
            "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
                Self::InteractionRequired
            }
            "invalid_grant" => Self::InvalidGrant,
            "invalid_client" => Self::InvalidClient,
            "unauthorized_client" => Self::UnauthorizedClient,
            "invalid_scope" => Self::InvalidScope,
            "invalid_request" | "unsupported_response_type" | "unsupported_grant_type" => Self::InvalidRequest,
            "server_error" => Self::ServerError,
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            _ => Self::Other,
        }
    }

    /// Whether it is about the person's grant, so that asking again later changes nothing (RFC 6749 section
    /// 5.2); a refused client is a fault of our settings, and everybody's.
    pub(super) fn is_final(self) -> bool {
        match self {
            Self::InvalidGrant | Self::AccessDenied | Self::InteractionRequired => true,
            Self::InvalidClient
            | Self::UnauthorizedClient
            | Self::InvalidScope
            | Self::InvalidRequest
            | Self::ServerError
            | Self::TemporarilyUnavailable
            | Self::Other => false,
        }
    }

    /// Whose fault it is.
    pub fn fault(self) -> Fault {
        match self {
            Self::AccessDenied | Self::InteractionRequired | Self::InvalidGrant => Fault::Client,
            Self::InvalidClient | Self::UnauthorizedClient | Self::InvalidScope | Self::InvalidRequest => {
                Fault::Gateway
            }
            Self::ServerError | Self::TemporarilyUnavailable | Self::Other => Fault::Provider,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AccessDenied => "access denied",
            Self::InteractionRequired => "interaction required",
            Self::InvalidGrant => "the code is not good (any more)",
            Self::InvalidClient => "our client id or secret is wrong",
            Self::UnauthorizedClient => "our client may not do this",
            Self::InvalidScope => "a scope is not allowed",
            Self::InvalidRequest => "the request is not accepted",
            Self::ServerError => "the provider failed",
            Self::TemporarilyUnavailable => "the provider is temporarily unavailable",
            Self::Other => "for another reason",
        })
    }
}
