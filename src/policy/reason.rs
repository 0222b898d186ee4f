//! Why a request is denied: a closed list.

use std::fmt;

/// Why a request is denied, in the order in which a request meets the checks.
///
/// Where several permissions fall short, the one that came furthest gives the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// None of the person's `IdP` groups belongs to a role group.
    NoRoleGroup,
    /// The person has role groups, none of them with the connect permission.
    NoConnectPermission,
    /// The directory has no such server.
    UnknownServer,
    /// The server is restricted, and no rule gives it to a role group of the person.
    NoRuleForServer,
    /// The person may open the server, with other services only.
    ServiceNotInRule,
    /// The person may open this service of the server, as other accounts only.
    AccountNotInRule,
    /// The person may open WHM as this account, but not go on from there to this service of its customers.
    CustomersNotInRule,
    /// The rule is no longer valid.
    Expired,
    /// The rule is not yet valid.
    NotYetValid,
    /// The rule is for requests from other networks.
    SourceNotInRule,
    /// The person has to sign in again, or in a stronger way.
    StrongerSignInNeeded,
}

impl Reason {
    /// All of them, in the order of the checks.
    pub const ALL: [Self; 11] = [
        Self::NoRoleGroup,
        Self::NoConnectPermission,
        Self::UnknownServer,
        Self::NoRuleForServer,
        Self::ServiceNotInRule,
        Self::AccountNotInRule,
        Self::CustomersNotInRule,
        Self::Expired,
        Self::NotYetValid,
        Self::SourceNotInRule,
        Self::StrongerSignInNeeded,
    ];

    /// The code in audit events and answers. It never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoleGroup => "no_role_group",
            Self::NoConnectPermission => "no_connect_permission",
            Self::UnknownServer => "unknown_server",
            Self::NoRuleForServer => "no_rule_for_server",
            Self::ServiceNotInRule => "service_not_in_rule",
            Self::AccountNotInRule => "account_not_in_rule",
            Self::CustomersNotInRule => "customers_not_in_rule",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::SourceNotInRule => "source_not_in_rule",
            Self::StrongerSignInNeeded => "stronger_sign_in_needed",
        }
    }

    /// The reason that the person is told: a server that does not exist is like one that is not theirs, so
    /// that nobody learns names of servers by asking.
    #[must_use]
    pub const fn told(self) -> Self {
        match self {
            Self::UnknownServer => Self::NoRuleForServer,
            Self::NoRoleGroup
            | Self::NoConnectPermission
            | Self::NoRuleForServer
            | Self::ServiceNotInRule
            | Self::AccountNotInRule
            | Self::CustomersNotInRule
            | Self::Expired
            | Self::NotYetValid
            | Self::SourceNotInRule
            | Self::StrongerSignInNeeded => self,
        }
    }

    /// What a reviewer of the directory is told, who may know everything.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NoRoleGroup => "no role group lists a group of the person",
            Self::NoConnectPermission => "no role group of the person has the connect permission",
            Self::UnknownServer => "the directory has no such server",
            Self::NoRuleForServer => "the server is restricted, and no rule gives it to a role group of the person",
            Self::ServiceNotInRule => "the person may open the server, but with other services only",
            Self::AccountNotInRule => "the person may open this of the server, but as other accounts only",
            Self::CustomersNotInRule => "the person may open WHM as this account, but not this of its customers",
            Self::Expired => "the rule for this has expired",
            Self::NotYetValid => "the rule for this is not valid yet",
            Self::SourceNotInRule => "the rule for this is for requests from other networks",
            Self::StrongerSignInNeeded => "the rule for this asks for a stronger or more recent sign-in",
        }
    }

    /// What the person is told, in words.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoRoleGroup => "You are signed in, but none of your groups has access to this gateway.",
            Self::NoConnectPermission => "You are signed in, but your groups may not connect through this gateway.",
            Self::UnknownServer | Self::NoRuleForServer => "You do not have access to this server.",
            Self::ServiceNotInRule => "You have access to this server, but not to this service.",
            Self::AccountNotInRule => "You have access to this service, but not as this account.",
            Self::CustomersNotInRule => "You have access to WHM, but not to this of its customers.",
            Self::Expired => "Your access to this has ended.",
            Self::NotYetValid => "Your access to this has not begun yet.",
            Self::SourceNotInRule => "You have access to this, but not from the network that you are in.",
            Self::StrongerSignInNeeded => "You have access to this, but only with a stronger or more recent sign-in.",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_stable_and_distinct() {
        let codes = Reason::ALL.map(Reason::as_str);
        assert_eq!(
            codes,
            [
                "no_role_group",
                "no_connect_permission",
                "unknown_server",
                "no_rule_for_server",
                "service_not_in_rule",
                "account_not_in_rule",
                "customers_not_in_rule",
                "expired",
                "not_yet_valid",
                "source_not_in_rule",
                "stronger_sign_in_needed"
            ]
        );
        assert_eq!(codes.into_iter().collect::<BTreeSet<_>>().len(), Reason::ALL.len());
        assert!(Reason::ALL.is_sorted());
    }

    #[test]
    fn a_stranger_cannot_tell_a_foreign_server_from_none() {
        assert_eq!(Reason::UnknownServer.sentence(), Reason::NoRuleForServer.sentence());
    }
}
