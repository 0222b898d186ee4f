//! What somebody asks for, what somebody could ask for with success, and what a reviewer asks.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::Account;
use crate::model::AcrValue;
use crate::model::ProviderId;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Timestamp;
use crate::policy::circumstances::Provenance;
use crate::policy::circumstances::Setting;
use crate::policy::circumstances::Told;
use crate::policy::entitlement::Whom;

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
    /// For a hop: the account in WHM from which the person goes on to `account`.
    pub through: Option<Account>,
    /// The circumstances that are supposed.
    pub supposed: Supposed,
}

/// Circumstances that a question supposes. What is left out is left open: is there any moment, any address?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supposed {
    /// The provider that the groups come from.
    pub provider: Option<ProviderId>,
    /// When it is.
    pub at: Option<Timestamp>,
    /// The person's address.
    pub from: Option<IpAddr>,
    /// How long ago the provider asked the person for proof.
    pub age: Option<Duration>,
    /// The authentication context class that the provider vouches for.
    pub acr: Option<AcrValue>,
}

impl Question {
    /// Whether a service and whom one becomes answer it.
    pub(super) fn fits(&self, service: Service, whom: Whom<'_>) -> bool {
        self.service.is_none_or(|asked| asked == service) && self.fits_whom(whom)
    }

    /// Whether whom one becomes answers it.
    pub(super) fn fits_whom(&self, whom: Whom<'_>) -> bool {
        match (whom, &self.through) {
            (Whom::Account(account), None) => self.account.as_ref().is_none_or(|asked| asked == account),
            (Whom::CustomersOf(account), Some(through)) => account == through,
            (Whom::Account(_), Some(_)) | (Whom::CustomersOf(_), None) => false,
        }
    }
}

impl Supposed {
    pub(super) fn setting(&self) -> Setting<'_> {
        Setting {
            now: self.at,
            client: self.from,
            age: self.age.map_or(Told::Open, Told::Is),
            acr: self.acr.as_ref().map_or(Told::Open, |acr| Told::Is(acr.as_str())),
        }
    }

    pub(super) fn provenance(&self) -> Provenance<'_> {
        self.provider.as_ref().map_or(Provenance::Any, Provenance::Provider)
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
        let Question { server, service, account, through, supposed: _ } = question;
        Self { server, service: *service, account: account.as_ref(), through: through.as_ref() }
    }
}
