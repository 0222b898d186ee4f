//! What ports did, and what that comes to.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// The ports of cPanel, WHM and Webmail: in clear text and with TLS (cPanel docs, "How to Configure Your Firewall
/// for cPanel Services").
pub const PANEL_PORTS: [u16; 6] = [2082, 2083, 2086, 2087, 2095, 2096];

/// What a port did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The panel answers.
    Panel,
    /// Something answers that is not the server, or cannot prove that it is.
    Stranger,
    /// The connection is refused.
    Refused,
    /// Nothing comes back.
    Silent,
    /// A router or firewall says that it cannot be reached.
    Unreachable,
    /// It could not be tried from there.
    NotTried,
}

impl Finding {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Panel => "OPEN",
            Self::Stranger => "ANSWERS, NOT PROVEN TO BE THE SERVER",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::Unreachable => "unreachable",
            Self::NotTried => "not tried",
        }
    }
}

/// What a look at a server comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A panel answers to a stranger.
    Open,
    /// Something that is no panel of the server answers on a panel's port.
    Unclear,
    /// No port of a panel answers.
    Closed,
    /// It cannot be told.
    Unknown,
}

impl Verdict {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unclear => "unclear",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }

    /// What the findings of one address come to. `is_there` says whether something else of it answers.
    pub fn of(findings: &BTreeMap<u16, Finding>, is_there: bool) -> Self {
        let panels = || PANEL_PORTS.iter().map(|port| findings.get(port).copied().unwrap_or(Finding::NotTried));
        if panels().any(|finding| finding == Finding::Panel) {
            return Self::Open;
        }
        if panels().any(|finding| finding == Finding::Stranger) {
            return Self::Unclear;
        }
        // A machine that is down keeps silent too.
        let says_no = panels().any(|finding| finding == Finding::Refused);
        if panels().any(|finding| finding == Finding::NotTried) || !(says_no || is_there) {
            return Self::Unknown;
        }
        Self::Closed
    }

    /// What several addresses come to: the worst of them. None at all cannot be told.
    pub fn worst(verdicts: impl Iterator<Item = Self>) -> Self {
        let rank = |verdict: &Self| match verdict {
            Self::Open => 3,
            Self::Unclear => 2,
            Self::Unknown => 1,
            Self::Closed => 0,
        };
        verdicts.max_by_key(rank).unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(finding: Finding) -> BTreeMap<u16, Finding> {
        PANEL_PORTS.map(|port| (port, finding)).into()
    }

    #[test]
    fn silence_alone_proves_nothing() {
        assert_eq!(Verdict::of(&all(Finding::Silent), true), Verdict::Closed);
        assert_eq!(Verdict::of(&all(Finding::Silent), false), Verdict::Unknown);
        assert_eq!(Verdict::of(&all(Finding::Refused), false), Verdict::Closed);
        assert_eq!(Verdict::of(&all(Finding::NotTried), true), Verdict::Unknown);
        assert_eq!(Verdict::of(&BTreeMap::new(), true), Verdict::Unknown);
    }

    #[test]
    fn one_port_and_one_address_are_enough() {
        for (port, finding, verdict) in
            [(2095, Finding::Panel, Verdict::Open), (2082, Finding::Stranger, Verdict::Unclear)]
        {
            let mut findings = all(Finding::Refused);
            findings.insert(port, finding);
            assert_eq!(Verdict::of(&findings, true), verdict);
        }
        assert_eq!(Verdict::worst([Verdict::Closed, Verdict::Open, Verdict::Unknown].into_iter()), Verdict::Open);
        assert_eq!(Verdict::worst([Verdict::Closed, Verdict::Unknown].into_iter()), Verdict::Unknown);
        assert_eq!(Verdict::worst(std::iter::empty()), Verdict::Unknown);
    }
}
