//! The statuses of failures at the edge and of openings.

use http::StatusCode;

use crate::edge::EdgeError;
use crate::panel::ApiError;
use crate::panel::LoginError as PanelLoginError;
use crate::panel_session::OpenError;
use crate::upstream::SendError;

/// The status of a request that goes no further than the edge.
pub(super) fn edge_status(error: &EdgeError) -> StatusCode {
    match error {
        EdgeError::Ambiguous
        | EdgeError::Forwarding
        | EdgeError::NotSecure
        | EdgeError::Host
        | EdgeError::Target(_)
        | EdgeError::Framing
        | EdgeError::Upgrade => StatusCode::BAD_REQUEST,
        EdgeError::Crowded => StatusCode::TOO_MANY_REQUESTS,
        EdgeError::UnknownHost | EdgeError::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        EdgeError::Method => StatusCode::METHOD_NOT_ALLOWED,
        EdgeError::Expectation => StatusCode::EXPECTATION_FAILED,
        EdgeError::ForeignOrigin | EdgeError::ServiceWorker => StatusCode::FORBIDDEN,
    }
}

/// The status of an opening that failed.
pub(super) fn open_status(error: &OpenError) -> StatusCode {
    match error {
        OpenError::TimedOut(_)
        | OpenError::Api(ApiError::Send(SendError::TimedOut(_)))
        | OpenError::Ownership(ApiError::Send(SendError::TimedOut(_)))
        | OpenError::Login(PanelLoginError::Send(SendError::TimedOut(_))) => StatusCode::GATEWAY_TIMEOUT,
        OpenError::NotCustomer => StatusCode::FORBIDDEN,
        OpenError::UnknownServer | OpenError::Api(_) | OpenError::Ownership(_) | OpenError::Login(_) => {
            StatusCode::BAD_GATEWAY
        }
        OpenError::Vault(_) | OpenError::Full(_) | OpenError::Random => StatusCode::SERVICE_UNAVAILABLE,
    }
}
