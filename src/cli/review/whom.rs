//! Whom somebody becomes, as programs read it: one of two names.

use serde::Serialize;

use crate::policy::Whom;

/// An account itself, or all of its customers.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct ForPrograms<'d> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) customers_of: Option<&'d str>,
}

impl<'d> ForPrograms<'d> {
    pub(super) fn of(whom: Whom<'d>) -> Self {
        match whom {
            Whom::Account(account) => Self { account: Some(account.as_str()), customers_of: None },
            Whom::CustomersOf(account) => Self { account: None, customers_of: Some(account.as_str()) },
        }
    }
}
