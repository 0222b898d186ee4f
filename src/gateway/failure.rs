//! Every failure in one list, with its status, its code and how loudly it is logged.
//!
//! No `_` arm: a new failure must find its place here to compile.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::audit::AuditError;
use crate::edge::EdgeError;
use crate::gateway::status::edge_status;
use crate::gateway::status::open_status;
use crate::gateway::step_up;
use crate::identity::Fault;
use crate::identity::InvalidToken;
use crate::identity::LoginError;
use crate::identity::Nonsense;
use crate::identity::TooWeak;
use crate::panel::ApiError;
use crate::panel::LoginError as PanelLoginError;
use crate::panel::RefusedBecause;
use crate::panel_session::Mismatch;
use crate::panel_session::OpenError;
use crate::panel_session::Resting;
use crate::policy::Denial;
use crate::proxy::ProxyError;
use crate::rewrite::Unsafe;
use crate::session::SessionError;
use crate::upstream::ConnectError;
use crate::upstream::SendError;

/// Why a request is not answered with what was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The edge refused it.
    #[error("the request is refused")]
    Edge(#[source] EdgeError),
    /// There is no such page of ours.
    #[error("there is no such page")]
    NotFound,
    /// The body of a request to our own API is not what it should be.
    #[error("the request's body cannot be read")]
    BadBody,
    /// A word of sign-out that does not say whose.
    #[error("the sign-out names no session of a provider")]
    BadLogout,
    /// No live session.
    #[error("nobody is signed in")]
    SignedOut,
    /// A browser that does not send back the cookie that it was given.
    #[error("the browser keeps no cookies")]
    CookiesBlocked,
    /// A page of the console of somebody who is not the one who is signed in any more.
    #[error("the page is of another person than the one who is signed in")]
    OtherPerson,
    /// A session, but no entry to this panel origin, or one that has ended.
    #[error("the panel has not been entered")]
    NotEntered,
    /// A hand-off code that is used up, too old, or another browser's.
    #[error("the hand-off is not good (any more)")]
    HandoffLost,
    /// A sign-in failed.
    #[error("the sign-in failed")]
    Login(#[source] LoginError),
    /// Policy said no.
    #[error("access denied: {}", .0.reason)]
    Denied(Box<Denial>),
    /// The record could not be written, so the act did not happen.
    #[error("the audit event could not be recorded")]
    Audit(#[source] AuditError),
    /// The session store failed.
    #[error("the session could not be used")]
    Session(#[source] SessionError),
    /// A panel session could not be opened.
    #[error("the panel session could not be opened")]
    Open(#[source] Arc<OpenError>),
    /// The last attempt to open it failed a moment ago, and the server is left alone for a while.
    #[error("the server is left alone after a failure")]
    Resting(Resting),
    /// The panel session had been dropped by the server; a new one is there, the request was not repeated.
    #[error("the panel session was renewed")]
    Renewed,
    /// The page that asks belongs to a panel session that another has taken the place of.
    #[error("the page is of another panel session")]
    Replaced,
    /// Grant and panel session did not belong together.
    #[error("the request could not be signed")]
    Sign(#[source] Mismatch),
    /// The server gave no answer.
    #[error("the request could not be passed on")]
    Proxy(#[source] ProxyError),
    /// The server's answer cannot be shown.
    #[error("the server's answer is withheld")]
    Rewrite(#[source] Unsafe),
    /// A path that is not for people at a panel: never forwarded.
    #[error("the path is not served")]
    Withheld,
    /// The way to the panel ended while the request was under way: access was lost, or the server changed.
    #[error("the panel session was cut")]
    Cut,
    /// The panel's own sign-out.
    #[error("the panel session was left")]
    PanelLeft,
    /// Random numbers are not to be had.
    #[error("no random numbers")]
    Random,
    /// A bug of ours.
    #[error("the request broke off")]
    Panicked,
}

impl Failure {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Edge(error) => edge_status(error),
            Self::Login(error) => match error.fault() {
                Fault::Client => StatusCode::BAD_REQUEST,
                Fault::Provider => StatusCode::BAD_GATEWAY,
                Fault::Gateway => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Open(error) | Self::Resting(Resting { error, .. }) => open_status(error),
            Self::Replaced | Self::OtherPerson => StatusCode::CONFLICT,
            Self::Proxy(error) => match error {
                ProxyError::Send(SendError::TimedOut(_)) => StatusCode::GATEWAY_TIMEOUT,
                ProxyError::Send(SendError::Connect(_) | SendError::Exchange(_) | SendError::Interim(_))
                | ProxyError::Handshake => StatusCode::BAD_GATEWAY,
                ProxyError::Crowded(_) => StatusCode::SERVICE_UNAVAILABLE,
                ProxyError::Ended => StatusCode::UNAUTHORIZED,
            },
            Self::PanelLeft => StatusCode::OK,
            Self::BadBody | Self::BadLogout | Self::HandoffLost | Self::CookiesBlocked => StatusCode::BAD_REQUEST,
            Self::SignedOut | Self::NotEntered => StatusCode::UNAUTHORIZED,
            Self::Denied(_) | Self::Withheld => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Sign(_) | Self::Random | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Rewrite(_) => StatusCode::BAD_GATEWAY,
            Self::Session(SessionError::TooManySignIns) => StatusCode::TOO_MANY_REQUESTS,
            Self::Audit(_) | Self::Session(_) | Self::Renewed | Self::Cut => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable word for logs and audit events.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Edge(error) => match error {
                EdgeError::Ambiguous => "ambiguous",
                EdgeError::Forwarding => "client_unknown",
                EdgeError::NotSecure => "not_over_tls",
                EdgeError::Crowded => "address_crowded",
                EdgeError::Host => "bad_host",
                EdgeError::UnknownHost => "unknown_host",
                EdgeError::Misdirected => "misdirected",
                EdgeError::Target(_) => "bad_address",
                EdgeError::Method => "bad_method",
                EdgeError::Framing => "bad_framing",
                EdgeError::Expectation => "bad_expectation",
                EdgeError::Upgrade => "bad_upgrade",
                EdgeError::ForeignOrigin => "foreign_origin",
                EdgeError::ServiceWorker => "service_worker",
            },
            Self::NotFound => "not_found",
            Self::BadBody => "bad_body",
            Self::BadLogout => "bad_logout",
            Self::SignedOut => "signed_out",
            Self::CookiesBlocked => "cookies_blocked",
            Self::OtherPerson => "other_person",
            Self::NotEntered => "not_entered",
            Self::HandoffLost => "handoff_lost",
            Self::Login(error) => login_code(error),
            Self::Denied(denial) => denial.reason.as_str(),
            Self::Audit(_) => "audit_unavailable",
            Self::Session(SessionError::TooManySignIns) => "too_many_sign_ins",
            Self::Session(_) => "session_store_unavailable",
            Self::Open(error) | Self::Resting(Resting { error, .. }) => open_code(error),
            Self::Replaced => "panel_replaced",
            Self::Renewed => "panel_session_renewed",
            Self::Sign(_) => "not_signed",
            Self::Proxy(error) => match error {
                ProxyError::Send(error) => send_code(error),
                ProxyError::Crowded(_) => "server_crowded",
                ProxyError::Handshake => "server_broke_off",
                ProxyError::Ended => "signed_out",
            },
            Self::Rewrite(_) => "answer_withheld",
            Self::Withheld => "path_withheld",
            Self::Cut => "panel_session_cut",
            Self::PanelLeft => "panel_left",
            Self::Random => "no_random_numbers",
            Self::Panicked => "internal",
        }
    }

    /// The code that the browser is told, which gives away less than logs and audit events.
    pub(super) fn told_code(&self) -> &'static str {
        if let Self::Denied(denial) = self { denial.reason.told().as_str() } else { self.code() }
    }

    /// Where the person gets the stronger sign-in that is lacking, a path on the console origin.
    pub(super) fn step_up(&self) -> Option<String> {
        if let Self::Denied(denial) = self { step_up::way_to(denial) } else { None }
    }

    /// Whether the console says it, so that a page in the frame can stay as it is, with what was typed in it.
    pub(super) fn is_for_the_console(&self) -> bool {
        matches!(self, Self::Renewed) || self.step_up().is_some()
    }

    /// When it is worth trying again, where that is known.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Resting(rest) => Some(rest.left),
            Self::Renewed => Some(Duration::ZERO),
            Self::Edge(_)
            | Self::NotFound
            | Self::BadBody
            | Self::BadLogout
            | Self::SignedOut
            | Self::CookiesBlocked
            | Self::OtherPerson
            | Self::NotEntered
            | Self::HandoffLost
            | Self::Login(_)
            | Self::Denied(_)
            | Self::Audit(_)
            | Self::Session(_)
            | Self::Open(_)
            | Self::Replaced
            | Self::Cut
            | Self::Sign(_)
            | Self::Proxy(_)
            | Self::Rewrite(_)
            | Self::Withheld
            | Self::PanelLeft
            | Self::Random
            | Self::Panicked => None,
        }
    }

    /// Whether the same request may be answered another time: whose fault it is may be over by then.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Audit(_) | Self::Session(_) | Self::Open(_) | Self::Resting(_) | Self::Renewed | Self::Random => true,
            Self::Proxy(error) => !matches!(error, ProxyError::Ended),
            Self::Edge(_)
            | Self::NotFound
            | Self::BadBody
            | Self::BadLogout
            | Self::SignedOut
            | Self::CookiesBlocked
            | Self::OtherPerson
            | Self::NotEntered
            | Self::HandoffLost
            | Self::Login(_)
            | Self::Denied(_)
            | Self::Replaced
            | Self::Cut
            | Self::Sign(_)
            | Self::Rewrite(_)
            | Self::Withheld
            | Self::PanelLeft
            | Self::Panicked => false,
        }
    }

    /// How loudly it is logged: by whose fault it is.
    pub(super) fn level(&self) -> tracing::Level {
        match self {
            Self::SignedOut | Self::NotEntered | Self::NotFound | Self::PanelLeft | Self::HandoffLost => {
                tracing::Level::DEBUG
            }
            Self::Edge(_)
            | Self::Session(SessionError::TooManySignIns)
            | Self::BadBody
            | Self::BadLogout
            | Self::CookiesBlocked
            | Self::OtherPerson
            | Self::Denied(_)
            | Self::Withheld
            | Self::Renewed
            | Self::Replaced
            | Self::Cut
            | Self::Resting(_) => tracing::Level::INFO,
            Self::Login(error) => match error.fault() {
                Fault::Client => tracing::Level::INFO,
                Fault::Provider => tracing::Level::WARN,
                Fault::Gateway => tracing::Level::ERROR,
            },
            Self::Open(_) | Self::Proxy(_) | Self::Rewrite(_) => tracing::Level::WARN,
            Self::Audit(_) | Self::Session(_) | Self::Sign(_) | Self::Random | Self::Panicked => tracing::Level::ERROR,
        }
    }
}

pub(super) fn login_code(error: &LoginError) -> &'static str {
    match error {
        LoginError::Expired => "sign_in_expired",
        LoginError::UnknownLogin => "sign_in_unknown",
        LoginError::Callback(_) => "sign_in_malformed",
        LoginError::WrongIssuer => "sign_in_wrong_issuer",
        LoginError::Refused(_) => "sign_in_refused",
        LoginError::CodeRefused(_) => "sign_in_code_refused",
        LoginError::RefreshRefused(_) => "refresh_refused",
        LoginError::RequestRefused(_) => "sign_in_request_refused",
        LoginError::Nonsense { source: Nonsense::IssuerMismatch, .. } => "provider_issuer_mismatch",
        LoginError::Token(InvalidToken::Expired | InvalidToken::NotYetValid | InvalidToken::IssuedAt) => {
            "sign_in_clock"
        }
        LoginError::Token(InvalidToken::RequiredClaim) => "sign_in_account_foreign",
        LoginError::TooWeak(why) => match why {
            TooWeak::AnotherPerson => "step_up_other_person",
            TooWeak::NoAuthTime => "step_up_without_time",
            TooWeak::TooOld => "step_up_too_old",
            TooWeak::Acr => "step_up_too_weak",
        },
        LoginError::Unavailable { .. } => "provider_unavailable",
        LoginError::Nonsense { .. } => "provider_nonsense",
        LoginError::Token(_) => "id_token_invalid",
        LoginError::Groups(_) => "groups_unreadable",
        LoginError::GroupsAway(_) => "groups_unavailable",
        LoginError::Random(_) => "no_random_numbers",
    }
}

/// Why a panel session could not be opened, as a code.
pub(super) fn open_code(error: &OpenError) -> &'static str {
    match error {
        OpenError::UnknownServer => "server_unknown",
        OpenError::Vault(_) => "api_token_unreadable",
        OpenError::NotCustomer => "account_not_customer",
        OpenError::Api(error) | OpenError::Ownership(error) => match error {
            ApiError::Send(error) => send_code(error),
            ApiError::TokenRefused => "api_token_refused",
            ApiError::SecurityPolicy => "api_security_policy",
            ApiError::Refused(because) => match because {
                RefusedBecause::NoSuchAccount(_) => "account_missing",
                RefusedBecause::NotAllowed(_) => "api_token_not_allowed",
                RefusedBecause::NoSuchService(_) => "account_without_service",
                RefusedBecause::ClosedToOthers(_) => "account_closed_to_others",
                RefusedBecause::Suspended(_) => "account_suspended",
                RefusedBecause::Other(_) => "api_refused",
            },
            ApiError::Body(_)
            | ApiError::TooLarge(_)
            | ApiError::Status(_)
            | ApiError::NotJson
            | ApiError::Lacks(_) => "api_answer_unusable",
        },
        OpenError::Login(error) => match error {
            PanelLoginError::Send(error) => send_code(error),
            PanelLoginError::Denied => "login_refused",
            PanelLoginError::Status(_) | PanelLoginError::NoCookie | PanelLoginError::Astray => "login_unusable",
        },
        OpenError::TimedOut(_) => "server_timeout",
        OpenError::Full(_) => "too_many_panel_sessions",
        OpenError::Random => "no_random_numbers",
    }
}

fn send_code(error: &SendError) -> &'static str {
    match error {
        SendError::Connect(error) => match error {
            ConnectError::Resolve(_) => "server_name_unknown",
            ConnectError::Refused(_) | ConnectError::Source(_) | ConnectError::Family => "server_unreachable",
            ConnectError::TimedOut(_) => "server_timeout",
            ConnectError::PinMismatch => "certificate_pin_mismatch",
            ConnectError::Certificate(_) => "certificate_untrusted",
            ConnectError::Handshake(_) => "server_tls_failed",
        },
        SendError::TimedOut(_) => "server_timeout",
        SendError::Exchange(_) | SendError::Interim(_) => "server_broke_off",
    }
}
