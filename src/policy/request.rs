//! What somebody asks for, and what somebody could ask for with success.

use crate::model::Account;
use crate::model::ServerId;
use crate::model::Service;

/// A wish to open a service of a server as an account. The server need not exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessRequest {
    /// The server, as it was asked for.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// The account to become.
    pub account: Account,
}

/// One thing that a person may open. Ordered by server, then service, then account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reach {
    /// The server.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// The account to become.
    pub account: Account,
}

impl From<Reach> for AccessRequest {
    fn from(reach: Reach) -> Self {
        Self { server: reach.server, service: reach.service, account: reach.account }
    }
}
