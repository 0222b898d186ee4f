//! The answer yes, as a permission that cannot be made elsewhere.

use std::sync::Arc;

use crate::identity::Principal;
use crate::model::Account;
use crate::model::DirectoryVersion;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Source;
use crate::model::Subject;
use crate::model::Timestamp;
use crate::policy::request::AccessRequest;

/// Permission for one person to open one service of one server as one account.
///
/// Only [`Policy::authorize`](crate::policy::Policy::authorize) makes one. It cannot be cloned, read from
/// anywhere or put together by hand, so what holds a grant has been judged (`tests/proofs.rs`).
#[derive(Debug)]
#[must_use = "a grant that is not spent is a request that is not served"]
pub struct Grant {
    principal: Arc<Principal>,
    request: AccessRequest,
    version: DirectoryVersion,
    source: Source,
    customers: Vec<Service>,
    until: Option<Timestamp>,
}

impl Grant {
    pub(super) fn new(
        principal: Arc<Principal>,
        request: AccessRequest,
        version: DirectoryVersion,
        source: Source,
        customers: Vec<Service>,
        until: Option<Timestamp>,
    ) -> Self {
        Self { principal, request, version, source, customers, until }
    }

    /// Whom it is for.
    pub fn subject(&self) -> &Subject {
        self.principal.subject()
    }

    /// The server, which the directory knows.
    pub fn server(&self) -> &ServerId {
        &self.request.server
    }

    /// The service.
    pub fn service(&self) -> Service {
        self.request.service
    }

    /// The account to become.
    pub fn account(&self) -> &Account {
        &self.request.account
    }

    /// The account in WHM that the person comes from, if this is a hop.
    pub fn through(&self) -> Option<&Account> {
        self.request.through.as_ref()
    }

    /// The services of customers into which the person may go on from WHM. Each hop is judged for itself.
    pub fn customers(&self) -> &[Service] {
        &self.customers
    }

    /// When the last rule that allows it expires; never, if one does not.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// The version of the directory that was asked.
    pub fn version(&self) -> &DirectoryVersion {
        &self.version
    }

    /// The line that allows it: the first rule that does, or the server's where it is unrestricted.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only while [`Grant`] lacks the trait: with it, two implementations would fit.
    macro_rules! assert_lacks {
        ($bound:path) => {{
            trait Lacks<Which> {
                fn holds() {}
            }
            impl<T: ?Sized> Lacks<()> for T {}
            impl<T: ?Sized + $bound> Lacks<u8> for T {}
            <Grant as Lacks<_>>::holds();
        }};
    }

    #[test]
    fn a_grant_is_neither_copied_nor_made_from_nothing() {
        assert_lacks!(Clone);
        assert_lacks!(Default);
        assert_lacks!(serde::de::DeserializeOwned);
    }
}
