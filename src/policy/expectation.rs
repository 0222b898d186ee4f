//! What a policy test expects, in the words in which it is written: `allow as root`, `deny: no_role_group`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::model::Account;
use crate::model::InvalidAccount;
use crate::policy::explain::Explanation;
use crate::policy::index::Decision;
use crate::policy::reason::Reason;

/// An answer that somebody expects, as exactly as they say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `allow`: as whatever account.
    Allow,
    /// `allow as root`, `allow as root, support`: as these accounts and no other, of those that were asked about.
    AllowAs(BTreeSet<Account>),
    /// `deny`: for whatever reason.
    Deny,
    /// `deny: no_rule_for_server`: for this reason.
    DenyFor(Reason),
}

/// Why a text is no expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpectation {
    /// It begins with something else.
    #[error("an expectation begins with allow or deny")]
    Word,
    /// An account of `allow as` is none.
    #[error("{0}")]
    Account(InvalidAccount),
    /// The reason of `deny:` is none.
    #[error("there is no such reason")]
    Reason,
}

impl Expectation {
    /// How to write one, for messages.
    pub const HELP: &'static str = "write \"allow\", \"allow as ACCOUNT\", \"deny\" or \"deny: REASON\"; the reasons \
                                    are no_role_group, no_connect_permission, unknown_server, no_rule_for_server, \
                                    service_not_in_rule, account_not_in_rule, customers_not_in_rule, expired, \
                                    not_yet_valid, source_not_in_rule and stronger_sign_in_needed";

    /// The answer of an explanation, as exactly as it can be said.
    pub fn found(explanation: &Explanation<'_>) -> Self {
        match explanation.decision {
            Decision::Allowed(_) => Self::AllowAs(explanation.accounts()),
            Decision::Denied(reason) => Self::DenyFor(reason),
        }
    }

    /// Whether an answer, as [`found`](Self::found) says it, is what is expected.
    pub fn is_met_by(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::Allow, Self::Allow | Self::AllowAs(_)) | (Self::Deny, Self::Deny | Self::DenyFor(_)) => true,
            (expected, found) => expected == found,
        }
    }
}

impl FromStr for Expectation {
    type Err = InvalidExpectation;

    fn from_str(text: &str) -> Result<Self, InvalidExpectation> {
        match text {
            "allow" => return Ok(Self::Allow),
            "deny" => return Ok(Self::Deny),
            _ => {}
        }
        if let Some(accounts) = text.strip_prefix("allow as ") {
            let accounts = accounts.split(',').map(|account| account.trim().parse());
            return accounts.collect::<Result<_, _>>().map(Self::AllowAs).map_err(InvalidExpectation::Account);
        }
        let code = text.strip_prefix("deny:").ok_or(InvalidExpectation::Word)?.trim();
        let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == code);
        reason.map(Self::DenyFor).ok_or(InvalidExpectation::Reason)
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::AllowAs(accounts) => {
                let accounts: Vec<&str> = accounts.iter().map(Account::as_str).collect();
                write!(f, "allow as {}", accounts.join(", "))
            }
            Self::Deny => f.write_str("deny"),
            Self::DenyFor(reason) => write!(f, "deny: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_printed() {
        for text in ["allow", "allow as root", "allow as root, support", "deny"] {
            assert_eq!(text.parse::<Expectation>().unwrap().to_string(), text);
        }
        for reason in Reason::ALL {
            let text = format!("deny: {reason}");
            assert_eq!(text.parse::<Expectation>().unwrap(), Expectation::DenyFor(reason));
            assert_eq!(text.parse::<Expectation>().unwrap().to_string(), text);
            assert!(Expectation::HELP.contains(reason.as_str()), "{reason} stands in the help");
        }
    }

    #[test]
    fn nothing_else_is_an_expectation() {
        for (text, error) in [
            ("", InvalidExpectation::Word),
            ("Allow", InvalidExpectation::Word),
            ("allowed", InvalidExpectation::Word),
            ("allow as", InvalidExpectation::Word),
            ("allow as ", InvalidExpectation::Account(InvalidAccount::Empty)),
            ("allow as root,", InvalidExpectation::Account(InvalidAccount::Empty)),
            ("deny:", InvalidExpectation::Reason),
            ("deny: no_rule", InvalidExpectation::Reason),
        ] {
            assert_eq!(text.parse::<Expectation>(), Err(error), "{text}");
        }
    }

    #[test]
    fn an_expectation_is_met_as_exactly_as_it_is_said() {
        let parse = |text: &str| text.parse::<Expectation>().unwrap();
        let found = ["allow as root", "allow as root, support", "deny: no_role_group", "deny: no_rule_for_server"];
        for (expected, met) in [
            ("allow", [true, true, false, false]),
            ("allow as root", [true, false, false, false]),
            ("allow as support, root", [false, true, false, false]),
            ("deny", [false, false, true, true]),
            ("deny: no_role_group", [false, false, true, false]),
        ] {
            assert_eq!(found.map(|found| parse(expected).is_met_by(&parse(found))), met, "{expected}");
        }
    }
}
