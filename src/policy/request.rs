//! What somebody asks for, what somebody could ask for with success, and what a reviewer asks.

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
    /// For a hop: the account in WHM from which the person goes on to `account`, one of its customers. Whether it
    /// is one is for the server to say.
    pub through: Option<Account>,
}

impl AccessRequest {
    /// To open a service as an account that a rule names.
    pub fn direct(server: ServerId, service: Service, account: Account) -> Self {
        Self { server, service, account, through: None }
    }

    /// To go on from WHM, open as `through`, to a service of one of its customers.
    pub fn hop(server: ServerId, service: Service, customer: Account, through: Account) -> Self {
        Self { server, service, account: customer, through: Some(through) }
    }
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
        Self::direct(reach.server, reach.service, reach.account)
    }
}

/// A question about a server. What is left out is left open: is there any service, any account?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The server. It need not exist.
    pub server: ServerId,
    /// The service.
    pub service: Option<Service>,
    /// The account to become.
    pub account: Option<Account>,
}

impl Question {
    /// Whether a service and an account answer it.
    pub(super) fn fits(&self, service: Service, account: &Account) -> bool {
        self.service.is_none_or(|asked| asked == service) && self.fits_account(account)
    }

    /// Whether an account answers it.
    pub(super) fn fits_account(&self, account: &Account) -> bool {
        self.account.as_ref().is_none_or(|asked| asked == account)
    }
}

/// What a decision is made about, with anything but the server left open or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'q> {
    pub(super) server: &'q ServerId,
    pub(super) service: Option<Service>,
    pub(super) account: Option<&'q Account>,
    pub(super) through: Option<&'q Account>,
}

impl<'q> From<&'q AccessRequest> for Wish<'q> {
    fn from(request: &'q AccessRequest) -> Self {
        Self {
            server: &request.server,
            service: Some(request.service),
            account: Some(&request.account),
            through: request.through.as_ref(),
        }
    }
}

impl<'q> From<&'q Question> for Wish<'q> {
    fn from(question: &'q Question) -> Self {
        Self { server: &question.server, service: question.service, account: question.account.as_ref(), through: None }
    }
}
