//! A test of access as a question to policy.

use crate::config::AccessTest;
use crate::policy::Question;
use crate::policy::Supposed;

/// What a test asks.
pub(super) fn question<E>(test: &AccessTest<E>) -> Question {
    Question {
        server: test.server.clone(),
        service: Some(test.service),
        account: test.account.clone(),
        through: test.through.clone(),
        supposed: Supposed {
            provider: test.provider.clone(),
            at: test.at,
            from: test.from,
            age: test.signed_in,
            acr: test.acr.clone(),
        },
    }
}
